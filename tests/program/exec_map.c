/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec_map.c: the calls on maps, and on the accounts of the machine: <tessera/map.h>.
 *
 * Addresses are aligned there; what a program passes unaligned is refused here, before the map sees it.  Only
 * protection, flags and places are the model's business (program_modelled).
 */
#include "exec_priv.h"

#define ARG(i) exec_arg(x, i)

static void
map_answer(struct exec_answer *a, enum tess_kern kern)
{
	a->kind = RESULT_KERN;
	a->kern = a->want_kern = kern;
}

static bool
map_unaligned(uint64_t a, uint64_t b, struct exec_answer *answer)
{
	if (tess_page_aligned(a | b))
		return false;
	map_answer(answer, TESS_KERN_INVALID_ARGUMENT);
	return true;
}

static void
map_protect(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	tess_prot prot = (tess_prot)(ARG(2) & TESS_PROT_ALL);
	tess_prot maxprot = (tess_prot)(ARG(3) & TESS_PROT_ALL);
	unsigned flags = (unsigned)ARG(4);

	if (map_unaligned(ARG(0), ARG(1), a))
		return;
	map_answer(a,
		   tess_map_protect(tess_space_map(s->core), ARG(0), ARG(1), prot, maxprot, flags));
	x->hit = x->hit || env_fail_hit();
	if (x->model == NULL || (x->hit && a->kern != TESS_KERN_SUCCESS))
		return;
	a->want_kern = model_map_protect(s->model, ARG(0), ARG(1), prot, maxprot, flags);
}

static void
map_flags(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	unsigned flags = (unsigned)ARG(0);

	map_answer(a, tess_map_set_flags(tess_space_map(s->core), flags));
	if (x->model != NULL)
		a->want_kern = model_map_set_flags(s->model, flags);
}

static void
map_wiring(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct tess_map *map = tess_space_map(s->core);
	unsigned flags = (unsigned)ARG(2);

	if (map_unaligned(ARG(0), ARG(1), a))
		return;
	if (x->op->call == CALL_MAP_WIRE)
		map_answer(a, tess_map_wire(map, ARG(0), ARG(1), flags));
	else
		map_answer(a, tess_map_unwire(map, ARG(0), ARG(1), flags));
}

/* The map of the space whose number is argument i. */
static struct tess_map *
map_of(struct exec *x, unsigned i)
{
	uint64_t n = ARG(i);

	if (n >= (uint64_t)x->nspaces || x->space[n].core == NULL)
		return NULL;
	return tess_space_map(x->space[n].core);
}

static void
map_extract(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct tess_map *src = map_of(x, 0), *dst = map_of(x, 3);
	tess_va to = ARG(4);

	(void)s;
	if (src == NULL || dst == NULL || ARG(5) > TESS_EXTRACT_RESERVE) {
		map_answer(a, TESS_KERN_INVALID_ARGUMENT);
		return;
	}
	if (map_unaligned(ARG(1) | ARG(2), to, a))
		return;
	map_answer(a, tess_map_extract(src, ARG(1), ARG(2), dst, &to, (enum tess_extract)ARG(5)));
	if (a->kern == TESS_KERN_SUCCESS)
		a->value = a->want_value = to;
}

static void
map_place(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct tess_place p = {
	    .len = ARG(0), .min = ARG(1), .max = ARG(2), .hint = ARG(3), .align = ARG(4)};
	tess_va to = 0;

	if (ARG(5) > TESS_PLACE_SUPER) {
		map_answer(a, TESS_KERN_INVALID_ARGUMENT);
		return;
	}
	p.policy = (int)ARG(5);
	if (map_unaligned(p.len | p.min | p.max, p.hint, a))
		return;
	if (x->op->call == CALL_MAP_FINDSPACE)
		map_answer(a, tess_map_findspace(tess_space_map(s->core), &p, &to));
	else
		map_answer(a, tess_map_reserve(tess_space_map(s->core), &p, &to));
	if (a->kern == TESS_KERN_SUCCESS)
		a->value = a->want_value = to;
}

static void
map_quota(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	if (ARG(0) >= TESS_QUOTA_COUNT)
		map_answer(a, TESS_KERN_INVALID_ARGUMENT);
	else
		tess_map_set_quota(tess_space_map(s->core), (enum tess_quota)ARG(0), ARG(1));
}

static void
map_overcommit(struct exec *x, struct exec_answer *a)
{
	if (ARG(0) > TESS_COMMIT_NEVER)
		map_answer(a, TESS_KERN_INVALID_ARGUMENT);
	else
		tess_account_set_commit((enum tess_commit)ARG(0), ARG(1));
}

bool
exec_map_call(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	switch (x->op->call) {
	case CALL_MAP_PROTECT:
		map_protect(x, s, a);
		return true;
	case CALL_MAP_FLAGS:
		map_flags(x, s, a);
		return true;
	case CALL_MAP_SEED:
		tess_map_set_seed(tess_space_map(s->core), ARG(0));
		return true;
	case CALL_MAP_WIRE:
	case CALL_MAP_UNWIRE:
		map_wiring(x, s, a);
		return true;
	case CALL_MAP_EXTRACT:
		map_extract(x, s, a);
		return true;
	case CALL_MAP_FINDSPACE:
	case CALL_MAP_RESERVE:
		map_place(x, s, a);
		return true;
	case CALL_RELEASE_QUARANTINE:
		tess_map_release_quarantine(tess_space_map(s->core));
		return true;
	case CALL_QUOTA:
		map_quota(x, s, a);
		return true;
	case CALL_OVERCOMMIT:
		map_overcommit(x, a);
		return true;
	case CALL_WIRED_MAX:
		tess_account_set_wired(ARG(0));
		return true;
	}
	return false;
}
