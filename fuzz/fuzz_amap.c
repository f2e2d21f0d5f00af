/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_amap.c: amap operations against an array of identities.
 *
 *	bytes ──► operations ──► two home amaps and a shared one ──► chunks, anons, frames
 *				│					    │
 *				└──► id[amap][place], cover[place] ◄────compare──────┘
 *
 * 32 places: 16 slots across the edge of chunks 0 and 1, 16 across that of chunks 3 and 4.  Each anon has a
 * number, written into its page when it is made, so that a page that was freed too early or copied to
 * the wrong slot shows as a wrong number.  After each operation every place is compared, every anon's count is
 * the number of chunk slots that hold it, every chunk's the number of amaps, and the room's walkers run.
 *
 * Any bytes are legal; operands that a caller of the room may not give (a full target, slots that nobody
 * covers) are passed over.  Any operation may be made to run out of memory at its n-th allocation.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "hosted.h"
#include "anon.h"

#define FUZZ_RAM    ((uint64_t)2 << 20)
#define FUZZ_PLACES 32
#define FUZZ_HALF   16
#define FUZZ_OPS    1000
#define FUZZ_SHARED 2 /* the third amap */
#define FUZZ_AMAPS  3

#define FUZZ_MUST(x) ((x) ? (void)0 : fuzz_failed(#x, __LINE__))

enum fuzz_op {
	OP_PUT,
	OP_REPLACE,
	OP_TAKE,
	OP_FORK,
	OP_COPY,
	OP_MOVE,
	OP_WIPE,
	OP_DISCARD,
	OP_COVER,
	OP_UNCOVER,
	OP_FAIL,
	OP_COUNT
};

struct fuzz {
	struct tess_host *h;
	struct tess_amap *am[FUZZ_AMAPS];
	struct tess_pmap *pm[2];
	struct tess_gather g;
	uint64_t id[FUZZ_AMAPS][FUZZ_PLACES]; /* 0: empty */
	unsigned cover[FUZZ_PLACES];
	uint64_t ids; /* given out so far */
	const uint8_t *data;
	size_t left;
	unsigned ops;
};

static struct fuzz *fuzz_now;

static _Noreturn void
fuzz_failed(const char *what, int line)
{
	fprintf(stderr, "fuzz_amap.c:%d: operation %u: %s\n", line, fuzz_now->ops, what);
	abort();
}

static unsigned
fuzz_byte(struct fuzz *f)
{
	if (f->left == 0)
		return 0;
	f->left--;
	return *f->data++;
}

static tess_idx
fuzz_idx(unsigned place)
{
	return place < FUZZ_HALF ? TESS_CHUNK_SLOTS - FUZZ_HALF / 2 + place
				 : 4 * TESS_CHUNK_SLOTS - FUZZ_HALF / 2 + (place - FUZZ_HALF);
}

/* Places [i, j), not empty; the slots between the halves, which nobody uses, are part of a long one. */
struct window {
	unsigned i, j;
	tess_idx idx;
	uint64_t n;
};

static struct window
fuzz_window(struct fuzz *f, unsigned from, unsigned end)
{
	unsigned a = from + fuzz_byte(f) % (end - from), b = from + fuzz_byte(f) % (end - from);
	struct window w = {.i = a < b ? a : b, .j = (a < b ? b : a) + 1};

	w.idx = fuzz_idx(w.i);
	w.n = fuzz_idx(w.j - 1) + 1 - w.idx;
	return w;
}

/* A window inside one half. */
static struct window
fuzz_short(struct fuzz *f)
{
	unsigned half = fuzz_byte(f) % 2 * FUZZ_HALF;

	return fuzz_window(f, half, half + FUZZ_HALF);
}

static struct window
fuzz_any(struct fuzz *f)
{
	return fuzz_window(f, 0, FUZZ_PLACES);
}

static struct tess_anon *
fuzz_anon(struct fuzz *f)
{
	struct tess_anon *an = tess_anon_new(TESS_FILL_ZERO);

	if (an != NULL)
		*(uint64_t *)tess_page_data(an->page) = f->ids + 1;
	return an;
}

/* ---- comparing ---- */

/* slot_of: the chunk and anon behind a place. */
static struct tess_anon *
slot_of(struct fuzz *f, unsigned a, unsigned place, struct tess_chunk **c)
{
	struct tess_anon *an;

	FUZZ_MUST(tess_chunk_lock(f->am[a], fuzz_idx(place), TESS_CHUNK_LOOK, c) == TESS_DONE);
	an = *c != NULL ? tess_chunk_get(*c, fuzz_idx(place)) : NULL;
	if (*c != NULL)
		tess_chunk_unlock(*c);
	return an;
}

/* count_holders: chunk slots that hold `an`, and amaps that hold `c`. */
static void
count_holders(struct fuzz *f, const struct tess_anon *an, const struct tess_chunk *c,
	      unsigned place)
{
	const struct tess_chunk *seen[FUZZ_AMAPS];
	unsigned slots = 0, amaps = 0;
	struct tess_chunk *other;

	for (unsigned p = 0; p < FUZZ_PLACES; p++)
		for (unsigned a = 0; a < FUZZ_AMAPS; a++) {
			bool again = false;

			bool holds = slot_of(f, a, p, &other) == an;

			for (unsigned b = 0; b < a; b++)
				again |= other != NULL && seen[b] == other;
			seen[a] = other;
			slots += holds && !again;
			amaps += p == place && other == c;
		}
	FUZZ_MUST(an == NULL || an->refs == slots);
	FUZZ_MUST(c->refs == amaps);
}

static void
fuzz_compare(struct fuzz *f)
{
	tess_idx at;

	for (unsigned a = 0; a < FUZZ_AMAPS; a++) {
		unsigned full = 0;

		tess_amap_check(f->am[a]);
		for (unsigned p = 0; p < FUZZ_PLACES; p++) {
			struct tess_chunk *c;
			struct tess_anon *an = slot_of(f, a, p, &c);

			FUZZ_MUST((an != NULL) == (f->id[a][p] != 0));
			FUZZ_MUST(an == NULL ||
				  *(uint64_t *)tess_page_data(an->page) == f->id[a][p]);
			if (c != NULL)
				count_holders(f, an, c, p);
			full += an != NULL;
		}
		FUZZ_MUST(tess_amap_count(f->am[a], 0, 1 << 20) == full);
		at = 0;
		for (unsigned p = 0; p < FUZZ_PLACES; p++) {
			if (f->id[a][p] == 0)
				continue;
			FUZZ_MUST(tess_amap_next(f->am[a], &at, 1 << 20) != NULL);
			FUZZ_MUST(at++ == fuzz_idx(p));
		}
		FUZZ_MUST(tess_amap_next(f->am[a], &at, 1 << 20) == NULL);
	}
	for (unsigned p = 0; p < FUZZ_PLACES; p++)
		FUZZ_MUST(tess_cover_any(f->am[FUZZ_SHARED], fuzz_idx(p), 1) == (f->cover[p] != 0));
	tess_anon_room_check();
}

/* ---- operations ---- */

/* fuzz_may: may this amap hold anons at these places? */
static bool
fuzz_may(const struct fuzz *f, unsigned a, unsigned i, unsigned j)
{
	for (unsigned p = i; a == FUZZ_SHARED && p < j; p++)
		if (f->cover[p] == 0)
			return false;
	return true;
}

static void
op_slot(struct fuzz *f, enum fuzz_op op)
{
	unsigned a = fuzz_byte(f) % FUZZ_AMAPS, p = fuzz_byte(f) % FUZZ_PLACES;
	tess_idx idx = fuzz_idx(p);
	struct tess_anon *an = NULL;
	struct tess_chunk *c;

	if (!fuzz_may(f, a, p, p + 1) || (f->id[a][p] == 0) != (op == OP_PUT))
		return;
	if (op != OP_TAKE && (an = fuzz_anon(f)) == NULL)
		return;
	if (tess_chunk_lock(f->am[a], idx, TESS_CHUNK_WRITE, &c) != TESS_DONE) {
		if (an != NULL)
			tess_anon_unref(an, &f->g);
		return;
	}
	if (op == OP_PUT)
		tess_chunk_put(c, idx, an);
	else
		tess_anon_unref(op == OP_TAKE ? tess_chunk_take(c, idx)
					      : tess_chunk_replace(c, idx, an),
				&f->g);
	tess_chunk_unlock(c);
	f->id[a][p] = an != NULL ? ++f->ids : 0;
}

/* op_fork: the second home amap becomes a fork of the first: some windows of it, ascending. */
static void
op_fork(struct fuzz *f)
{
	struct tess_amap *to;
	struct tess_amap_fork fork;
	uint64_t id[FUZZ_PLACES] = {0};
	enum tess_err e = TESS_OK;
	unsigned at = 0;

	if (tess_amap_create(false, &to) != TESS_OK)
		return;
	fork = (struct tess_amap_fork){.from = f->am[0], .to = to};
	while (at < FUZZ_PLACES && e == TESS_OK) {
		struct window w = fuzz_window(f, at, FUZZ_PLACES);

		e = tess_amap_fork_add(&fork, w.idx, w.n);
		memcpy(&id[w.i], &f->id[0][w.i], (w.j - w.i) * sizeof(id[0]));
		at = w.j;
	}
	if (e == TESS_OK)
		e = tess_amap_fork_end(&fork);
	if (e != TESS_OK) {
		tess_amap_destroy(to, &f->g);
		return;
	}
	tess_amap_destroy(f->am[1], &f->g);
	f->am[1] = to;
	memcpy(f->id[1], id, sizeof(id));
}

/* fuzz_empty: the window of an amap is wiped.  false: no memory. */
static bool
fuzz_empty(struct fuzz *f, unsigned a, struct window w, enum tess_wipe how)
{
	if (tess_amap_wipe_prepare(f->am[a], w.idx, w.n) != TESS_OK)
		return false;
	tess_amap_wipe(f->am[a], w.idx, w.n, how, &f->g);
	memset(&f->id[a][w.i], 0, (w.j - w.i) * sizeof(f->id[a][0]));
	return true;
}

static void
op_wipe(struct fuzz *f)
{
	unsigned a = fuzz_byte(f) % FUZZ_SHARED;
	enum tess_wipe how = fuzz_byte(f) % 2 ? TESS_WIPE_KEEP : TESS_WIPE_RELEASE;

	(void)fuzz_empty(f, a, fuzz_any(f), how);
}

/* fuzz_target: a window as long as w in the other half of a home amap; shifted where it fits. */
static struct window
fuzz_target(struct fuzz *f, struct window w)
{
	unsigned n = w.j - w.i, half = w.i < FUZZ_HALF ? FUZZ_HALF : 0;

	w.i = half + fuzz_byte(f) % (FUZZ_HALF - n + 1);
	w.j = w.i + n;
	w.idx = fuzz_idx(w.i);
	return w;
}

static void
op_copy(struct fuzz *f)
{
	unsigned from = fuzz_byte(f) % FUZZ_AMAPS, to = fuzz_byte(f) % FUZZ_SHARED;
	struct window w = fuzz_short(f), t = fuzz_target(f, w);

	if (!fuzz_empty(f, to, t, TESS_WIPE_RELEASE))
		return;
	if (tess_amap_copy(f->am[from], w.idx, f->am[to], t.idx, t.n) == TESS_OK)
		memcpy(&f->id[to][t.i], &f->id[from][w.i], (w.j - w.i) * sizeof(f->id[0][0]));
	else /* slots copied so far stay: an ascending part of it; take it out again */
		tess_amap_wipe(f->am[to], t.idx, t.n, TESS_WIPE_RELEASE, &f->g);
}

static void
op_move(struct fuzz *f)
{
	unsigned from = fuzz_byte(f) % FUZZ_SHARED, to = fuzz_byte(f) % FUZZ_AMAPS;
	struct window w = fuzz_short(f), t = fuzz_target(f, w);

	if (!fuzz_may(f, to, t.i, t.j))
		return;
	for (unsigned p = t.i; to == FUZZ_SHARED && p < t.j; p++)
		if (f->id[to][p] != 0)
			return;
	if ((to != FUZZ_SHARED && tess_amap_wipe_prepare(f->am[to], t.idx, t.n) != TESS_OK) ||
	    tess_amap_move_prepare(f->am[from], w.idx, f->am[to], t.idx, t.n) != TESS_OK)
		return;
	if (to != FUZZ_SHARED)
		tess_amap_wipe(f->am[to], t.idx, t.n, TESS_WIPE_KEEP, &f->g);
	tess_amap_move(f->am[from], w.idx, f->am[to], t.idx, t.n);
	memcpy(&f->id[to][t.i], &f->id[from][w.i], (w.j - w.i) * sizeof(f->id[0][0]));
	memset(&f->id[from][w.i], 0, (w.j - w.i) * sizeof(f->id[0][0]));
}

/* op_discard: translations of the window, in the second pmap too when the amap is shared, go with the anons. */
static void
op_discard(struct fuzz *f)
{
	unsigned a = fuzz_byte(f) % FUZZ_AMAPS;
	struct window w = fuzz_any(f);
	const tess_va base = (tess_va)1 << 32;
	struct tess_chunk *c;

	for (unsigned p = w.i; p < w.j; p++) {
		struct tess_anon *an = slot_of(f, a, p, &c);

		if (an == NULL)
			continue;
		for (unsigned k = 0; k < (a == FUZZ_SHARED ? 2 : 1); k++)
			if (tess_pmap_enter(f->pm[k], base + (fuzz_idx(p) << TESS_PAGE_SHIFT),
					    an->page, TESS_PROT_READ, TESS_ENTER_READ, NULL,
					    &f->g) == TESS_FAIL)
				break;
	}
	if (tess_amap_wipe_prepare(f->am[a], w.idx, w.n) == TESS_OK) {
		tess_amap_discard(f->am[a], w.idx, w.n, f->pm[0], base + (w.idx << TESS_PAGE_SHIFT),
				  &f->g);
		memset(&f->id[a][w.i], 0, (w.j - w.i) * sizeof(f->id[a][0]));
		FUZZ_MUST(tess_pmap_resident(f->pm[0], base, 2 * base) == 0);
		FUZZ_MUST(tess_pmap_resident(f->pm[1], base, 2 * base) == 0);
	}
	for (unsigned k = 0; k < 2; k++)
		tess_pmap_remove(f->pm[k], base, 2 * base, &f->g);
}

/* fuzz_ground: the part of the window that nobody covers yet is one piece, as an entry's would be. */
static bool
fuzz_ground(const struct fuzz *f, struct window w)
{
	unsigned pieces = 0;

	for (unsigned p = w.i; p < w.j; p++)
		pieces += f->cover[p] == 0 && (p == w.i || f->cover[p - 1] != 0);
	return pieces <= 1;
}

static void
op_cover(struct fuzz *f, enum fuzz_op op)
{
	struct tess_amap *am = f->am[FUZZ_SHARED], *next;
	struct window w = fuzz_short(f);
	struct tess_cover v;
	bool any = false;

	if (op == OP_COVER ? !fuzz_ground(f, w) : !fuzz_may(f, FUZZ_SHARED, w.i, w.j))
		return;
	if (op == OP_UNCOVER && tess_amap_create(true, &next) != TESS_OK)
		return;
	tess_cover_begin(&v);
	if (tess_cover_prepare(&v, am, w.idx, w.n) != TESS_OK) {
		tess_cover_end(&v);
		if (op == OP_UNCOVER)
			tess_amap_destroy(next, &f->g);
		return;
	}
	if (op == OP_COVER)
		tess_cover_add(&v, am, w.idx, w.n);
	else
		tess_cover_drop(&v, am, w.idx, w.n, &f->g);
	tess_cover_end(&v);
	for (unsigned p = w.i; p < w.j; p++) {
		f->cover[p] += op == OP_COVER ? 1 : -1;
		if (f->cover[p] == 0)
			f->id[FUZZ_SHARED][p] = 0;
	}
	for (unsigned p = 0; p < FUZZ_PLACES; p++)
		any |= f->cover[p] != 0;
	if (op == OP_UNCOVER && any)
		tess_amap_destroy(next, &f->g);
	else if (op == OP_UNCOVER)
		f->am[FUZZ_SHARED] = next; /* the last to leave freed it */
}

static void
fuzz_step(struct fuzz *f)
{
	enum fuzz_op op = (enum fuzz_op)(fuzz_byte(f) % OP_COUNT);

	if (op == OP_FAIL) {
		tess_host_fail_nth(f->h, 1 + fuzz_byte(f) % 8);
		op = (enum fuzz_op)(fuzz_byte(f) % OP_FAIL);
	}
	switch (op) {
	case OP_PUT:
	case OP_REPLACE:
	case OP_TAKE:
		op_slot(f, op);
		break;
	case OP_FORK:
		op_fork(f);
		break;
	case OP_COPY:
		op_copy(f);
		break;
	case OP_MOVE:
		op_move(f);
		break;
	case OP_WIPE:
		op_wipe(f);
		break;
	case OP_DISCARD:
		op_discard(f);
		break;
	default:
		op_cover(f, op);
		break;
	}
	tess_host_fail_nth(f->h, 0);
	tess_gather_finish(&f->g);
	tess_rcu_poll();
	fuzz_compare(f);
}

/* ---- an input ---- */

static void
fuzz_start(struct fuzz *f)
{
	struct tess_host_config cfg = {
	    .isa = TESS_HOST_X86_64, .drive = TESS_HOST_SINGLE, .ncpu = 1, .ram = FUZZ_RAM};

	fuzz_now = f;
	f->h = tess_host_create(&cfg);
	if (f->h == NULL)
		abort();
	tess_gather_init(&f->g);
	for (unsigned a = 0; a < FUZZ_AMAPS; a++)
		FUZZ_MUST(tess_amap_create(a == FUZZ_SHARED, &f->am[a]) == TESS_OK);
	for (unsigned k = 0; k < 2; k++)
		FUZZ_MUST(tess_pmap_create(&f->pm[k]) == TESS_OK);
}

static void
fuzz_stop(struct fuzz *f)
{
	struct tess_cover v;
	bool any = false;

	tess_cover_begin(&v);
	for (unsigned p = 0; p < FUZZ_PLACES; p++)
		for (; f->cover[p] != 0; f->cover[p]--) {
			any = true;
			tess_cover_drop(&v, f->am[FUZZ_SHARED], fuzz_idx(p), 1, &f->g);
		}
	tess_cover_end(&v);
	tess_amap_destroy(f->am[0], &f->g);
	tess_amap_destroy(f->am[1], &f->g);
	if (!any)
		tess_amap_destroy(f->am[FUZZ_SHARED], &f->g);
	tess_gather_finish(&f->g);
	for (unsigned k = 0; k < 2; k++)
		tess_pmap_destroy(f->pm[k]);
	tess_host_destroy(f->h); /* asserts that nothing is left */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz f = {.data = data, .left = size};

	fuzz_start(&f);
	while (f.left > 0 && f.ops++ < FUZZ_OPS)
		fuzz_step(&f);
	fuzz_stop(&f);
	return 0;
}
