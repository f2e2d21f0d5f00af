/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * phys.c: the physical ranges, and which of their frames were ever used.
 *
 * Each range carries its own array of struct tess_page: the first range in boot memory, the
 * others at their start.  An array is not initialised; a frame's element is written when the
 * frame is used for the first time.  Frames are first used from the top of a range down:
 *
 *	start		     boot_next			 at			  end
 *	│ machine, arrays, pools │ ──►	   never used	  ◄── │ used at least once │
 *
 * so boot memory may grow while pools already take slabs, and bringing up a machine costs the
 * same for 8 MiB as for 8 TiB.  Tearing one down is as lazy: balances say whether a frame is out.
 *
 * Rejected: a free list built at boot (O(frames), the fuzzer makes thousands of machines a
 * second); one array for all ranges (the space between ranges may be huge, and the array of a
 * remote domain's frames belongs in that domain).
 */
#include "page_priv.h"

/* ---- never-used frames ---- */

struct page_run
tess_page_run_take(struct tess_page_room *room, unsigned d)
{
	struct page_run run = {NULL, 0, 0};

	for (unsigned i = 0; i < room->nranges; i++) {
		struct page_range *r = &room->range[i];
		uint64_t left;

		if (r->domain != d)
			continue; /* its `at` is under another lock */
		left = room->fresh[i].at - range_low(room, r);
		if (left == 0)
			continue;
		run.range = r;
		run.n = left < PAGE_BATCH ? (uint32_t)left : PAGE_BATCH;
		run.at = room->fresh[i].at - run.n;
		room->fresh[i].at = run.at;
		if (i == 0 && room->m->boot_end != 0) /* still booting: boot memory ends here */
			room->m->boot_end = r->start + (run.at << TESS_PAGE_SHIFT);
		break;
	}
	return run;
}

struct page_chain
tess_page_run_chain(const struct page_run *run)
{
	struct tess_page *pages = &run->range->pages[run->at];
	tess_pfn pfn = (run->range->start >> TESS_PAGE_SHIFT) + run->at;
	struct page_chain c = {NULL, 0};

	__builtin_memset(pages, 0, run->n * sizeof(*pages));
	for (uint32_t i = run->n; i > 0; i--) {
		pages[i - 1].pfn = pfn + i - 1;
		pages[i - 1].domain = (uint8_t)run->range->domain;
		tess_page_set_state(&pages[i - 1], TESS_PAGE_FREE);
		chain_push(&c, &pages[i - 1]);
	}
	return c;
}

struct tess_page *
tess_page_of(tess_pa pa)
{
	const struct tess_page_room *room = tess_machine()->page;

	for (unsigned i = 0; i < room->nranges; i++) {
		const struct page_range *r = &room->range[i];
		uint64_t at = (pa - r->start) >> TESS_PAGE_SHIFT;

		if (pa >= r->start && at < r->nframes)
			return at >= range_low(room, r) ? &r->pages[at] : NULL;
	}
	return NULL;
}

/* ---- bringing up ---- */

static bool
range_is_legal(const struct tess_phys_range *r)
{
	return tess_page_aligned(r->start) && tess_page_aligned(r->bytes) && r->bytes != 0 &&
	       r->start + (r->bytes - 1) > r->start && r->domain < TESS_DOMAIN_MAX;
}

static bool
ranges_are_legal(const struct tess_phys_range *r, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (!range_is_legal(&r[i]))
			return false;
		for (unsigned j = 0; j < i; j++) {
			if (r[i].start <= r[j].start + (r[j].bytes - 1) &&
			    r[j].start <= r[i].start + (r[i].bytes - 1))
				return false;
		}
	}
	return n != 0;
}

/*
 * Describe range `i` and find a place for its array.
 *
 * => fails: NOMEM when boot memory has no room for the first range's array
 */
static enum tess_err
range_init(struct tess_page_room *room, unsigned i, const struct tess_phys_range *from)
{
	struct page_range *r = &room->range[i];
	uint64_t bytes;

	r->start = from->start;
	r->nframes = from->bytes >> TESS_PAGE_SHIFT;
	r->domain = from->domain;
	bytes = r->nframes * sizeof(struct tess_page);
	if (i == 0) {
		r->pages = tess_boot_carve(room->m, bytes, _Alignof(struct tess_page));
		if (r->pages == NULL)
			return TESS_ENOMEM;
	} else {
		r->pages = tess_port_direct(r->start);
		r->low = tess_page_round(bytes) >> TESS_PAGE_SHIFT;
	}
	room->fresh[i].at = r->nframes;
	if (r->domain >= room->ndomains)
		room->ndomains = r->domain + 1;
	return TESS_OK;
}

static void
caches_init(struct tess_page_room *room)
{
	for (unsigned i = 0; i < room->m->ncpu; i++) {
		unsigned d = room->m->cpu[i].domain;

		tess_spin_init(&room->cache[i].lock);
		room->cache[i].stats = room->m->cpu[i].stats;
		room->cache[i].domain = d < room->ndomains ? d : 0; /* a CPU without memory */
	}
}

enum tess_err
tess_page_room_init(struct tess_machine *m, const struct tess_phys_range *r, unsigned n)
{
	struct tess_page_room *room;

	if (!ranges_are_legal(r, n))
		return TESS_EINVAL;
	room = tess_boot_alloc(m, sizeof(*room), _Alignof(struct tess_page_room));
	if (room == NULL)
		return TESS_ENOMEM;
	room->m = m;
	room->nranges = n;
	room->range = tess_boot_alloc(m, n * sizeof(*room->range), _Alignof(struct page_range));
	room->fresh = tess_boot_alloc(m, n * sizeof(*room->fresh), _Alignof(struct page_fresh));
	room->cache =
	    tess_boot_alloc(m, m->ncpu * sizeof(*room->cache), _Alignof(struct page_cache));
	if (room->range == NULL || room->fresh == NULL || room->cache == NULL)
		return TESS_ENOMEM;
	for (unsigned i = 0; i < n; i++) {
		enum tess_err err = range_init(room, i, &r[i]);

		if (err != TESS_OK)
			return err;
	}
	caches_init(room);
	m->page = room;
	m->backing.frame_get = tess_page_slab_get;
	m->backing.frame_put = tess_page_slab_put;
	return TESS_OK;
}

/* ---- taking down ---- */

static TESS_NORETURN void
frames_out_panic(const struct tess_page_room *room, int64_t out)
{
	struct tess_line l;

	tess_line_init(&l);
	tess_line_str(&l, "page: frames still in use: ");
	tess_line_dec(&l, (uint64_t)(out < 0 ? -out : out));
	for (unsigned i = 0; i < room->nranges; i++) {
		const struct page_range *r = &room->range[i];
		uint64_t at = room->fresh[i].at;

		while (at < r->nframes && r->pages[at].state == TESS_PAGE_FREE)
			at++;
		if (at == r->nframes)
			continue;
		tess_line_str(&l, "; the first in its range is ");
		tess_line_hex(&l, tess_page_pa(&r->pages[at]));
		tess_line_str(&l, ", ");
		tess_line_str(&l, tess_page_state_name(r->pages[at].state));
		break;
	}
	tess_panic(l.text);
}

void
tess_page_room_fini(struct tess_machine *m)
{
	struct tess_page_room *room = m->page;
	int64_t out = 0;

	for (unsigned i = 0; i < m->ncpu; i++)
		out += cache_balance(&room->cache[i]);
	if (out != 0)
		frames_out_panic(room, out);
#if TESS_CONFIG_ASSERT >= 2
	tess_page_room_check();
#endif
	m->page = NULL;
	m->backing.frame_get = NULL;
	m->backing.frame_put = NULL;
}
