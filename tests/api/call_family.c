/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * call_family.c: both sides of the calls that single systems added, and of the map layer's modelled functions.
 */
#include "api.h"

static enum tess_err
t_posix_madvise_part(struct api *t, const struct api_call *c, uint64_t len)
{
	return model_posix_madvise(t->ms, c->addr, len, (enum tess_madv)c->word);
}

enum tess_err
t_posix_madvise(struct api *t, tess_va addr, uint64_t len, enum tess_madv advice)
{
	struct api_call c = {.name = "posix_madvise",
			     .left = API_LEFT_PREFIX,
			     .addr = addr,
			     .len = len,
			     .word = advice,
			     .model = t_posix_madvise_part};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, tess_posix_madvise(t->sp, addr, len, advice));
	return t_check(t, "posix_madvise", e, model_posix_madvise(t->ms, addr, len, advice), 0, 0);
}

enum tess_err
t_mincore_detail(struct api *t, tess_va addr, uint64_t len, unsigned char *vec)
{
	struct api_call c = {.name = "mincore_detail"};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, tess_mincore_detail(t->sp, addr, len, vec));
	return t_check(t, "mincore_detail", e, model_mincore_detail(t->ms, addr, len, vec), 0, 0);
}

enum tess_err
t_mremap_bsd(struct api *t, tess_va old, uint64_t old_len, tess_va to, uint64_t new_len,
	     unsigned flags, uint8_t align, tess_va *out)
{
	struct api_call c = {.name = "mremap_bsd"};
	struct model_answer ans;
	tess_va va = 0;
	enum tess_err e, want;

	TRY(t, &c, e != TESS_OK, e,
	    tess_mremap_bsd(t->sp, old, old_len, to, new_len, flags, align, &va));
	ans = (struct model_answer){e, va};
	want = model_mremap_bsd(t->ms, old, old_len, to, new_len, flags, align, &ans);
	if (e == TESS_OK && out != NULL)
		*out = va;
	return t_check(t, "mremap_bsd", e, want, va, ans.va);
}

enum tess_err
t_mquery(struct api *t, const struct tess_mmap_args *a, tess_va *out)
{
	struct api_call c = {.name = "mquery"};
	struct model_answer ans;
	tess_va va = 0;
	enum tess_err e, want;

	TRY(t, &c, e != TESS_OK, e, tess_mquery(t->sp, a, &va));
	ans = (struct model_answer){e, va};
	want = model_mquery(t->ms, a, &ans);
	if (e == TESS_OK && out != NULL)
		*out = va;
	return t_check(t, "mquery", e, want, va, ans.va);
}

enum tess_err
t_mimmutable(struct api *t, tess_va addr, uint64_t len)
{
	struct api_call c = {.name = "mimmutable"};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, tess_mimmutable(t->sp, addr, len));
	return t_check(t, "mimmutable", e, model_mimmutable(t->ms, addr, len), 0, 0);
}

enum tess_err
t_mseal(struct api *t, tess_va addr, uint64_t len, unsigned flags)
{
	struct api_call c = {.name = "mseal"};
	enum tess_err e;

	TRY(t, &c, e != TESS_OK, e, tess_mseal(t->sp, addr, len, flags));
	return t_check(t, "mseal", e, model_mseal(t->ms, addr, len, flags), 0, 0);
}

enum tess_err
t_sbrk(struct api *t, int64_t incr, tess_va *out)
{
	struct api_call c = {.name = "sbrk"};
	struct model_answer ans;
	tess_va va = 0;
	enum tess_err e, want;

	TRY(t, &c, e != TESS_OK, e, tess_sbrk(t->sp, incr, &va));
	ans = (struct model_answer){e, va};
	want = model_sbrk(t->ms, incr, &ans);
	if (e == TESS_OK && out != NULL)
		*out = va;
	return t_check(t, "sbrk", e, want, va, ans.va);
}

enum tess_err
t_ommap(struct api *t, tess_va addr, int32_t len, unsigned prot, unsigned flags,
	const struct tess_handle *h, int64_t off, tess_va *out)
{
	struct api_call c = {.name = "ommap"};
	struct model_answer ans;
	tess_va va = 0;
	enum tess_err e, want;

	TRY(t, &c, e != TESS_OK, e, tess_ommap(t->sp, addr, len, prot, flags, h, off, &va));
	ans = (struct model_answer){e, va};
	want = model_ommap(t->ms, addr, len, prot, flags, h, off, &ans);
	if (e == TESS_OK && out != NULL)
		*out = va;
	return t_check(t, "ommap", e, want, va, ans.va);
}

/* ---- The map layer ---- */

enum tess_kern
t_map_protect(struct api *t, tess_va start, tess_va end, unsigned prot, unsigned maxprot,
	      unsigned flags)
{
	struct api_call c = {.name = "map_protect"};
	enum tess_kern k, want;

	api_try_begin(t, &c);
	do
		k = tess_map_protect(tess_space_map(t->sp), start, end, (tess_prot)prot,
				     (tess_prot)maxprot, flags);
	while (api_try_again(t, &c, k != TESS_KERN_SUCCESS, api_kern_err(k)));
	want = t->apart ? k
			: model_map_protect(t->ms, start, end, (tess_prot)prot, (tess_prot)maxprot,
					    flags);
	(void)t_check(t, "map_protect", api_kern_err(k), api_kern_err(want), 0, 0);
	return k;
}

enum tess_kern
t_map_set_flags(struct api *t, unsigned flags)
{
	struct api_call c = {.name = "map_set_flags"};
	enum tess_kern k, want;

	api_try_begin(t, &c);
	do
		k = tess_map_set_flags(tess_space_map(t->sp), flags);
	while (api_try_again(t, &c, k != TESS_KERN_SUCCESS, api_kern_err(k)));
	want = t->apart ? k : model_map_set_flags(t->ms, flags);
	(void)t_check(t, "map_set_flags", api_kern_err(k), api_kern_err(want), 0, 0);
	return k;
}
