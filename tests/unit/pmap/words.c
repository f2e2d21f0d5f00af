/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * words.c: the words in the tables, held against constants worked out from the manuals by hand.
 *
 * x86_64 (SDM volume 3, table 4-20): P 1, R/W 2, U/S 4, A 20, D 40, bit 9 (ours: wired) 200, NX 1 << 63.
 * aarch64 (Arm ARM D8.3): page 3, AP[1] 40, AP[2] 80, SH inner 300, AF 400, nG 800, DBM 1 << 51,
 * PXN 1 << 53, UXN 1 << 54, bits 55 and 56 (ours: dirty, wired).
 */
#include "pmap_fixture.h"

enum {
	R = TESS_PROT_READ,
	W = TESS_PROT_READ | TESS_PROT_WRITE,
	X = TESS_PROT_READ | TESS_PROT_EXEC
};

static const struct word_case {
	tess_prot prot;
	unsigned flags;
	uint64_t x86, arm;
} word_cases[] = {
    {R, 0, 0x8000000000000005, 0x0060000000000bc3},
    {R, TESS_ENTER_READ, 0x8000000000000025, 0x0060000000000fc3},
    {W, 0, 0x8000000000000007, 0x0068000000000bc3},
    {W, TESS_ENTER_READ, 0x8000000000000027, 0x0068000000000fc3},
    {W, TESS_ENTER_WRITE, 0x8000000000000067, 0x0068000000000f43},
    {W, TESS_ENTER_WIRED, 0x8000000000000227, 0x0168000000000fc3},
    {W, TESS_ENTER_WIRED | TESS_ENTER_WRITE, 0x8000000000000267, 0x0168000000000f43},
    {X, TESS_ENTER_EXEC, 0x0000000000000025, 0x0020000000000fc3},
    {TESS_PROT_EXEC, TESS_ENTER_EXEC, 0x0000000000000025, 0x0020000000000f83},
    {TESS_PROT_WRITE, TESS_ENTER_WRITE, 0x8000000000000067, 0x0068000000000f43},
    {TESS_PROT_ALL, 0, 0x0000000000000007, 0x0028000000000bc3},
};

static uint64_t
want(const struct fx *f, uint64_t x86, uint64_t arm)
{
	return fx_is_x86(f) ? x86 : arm;
}

static void
enter_writes_the_words(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	for (size_t i = 0; i < sizeof(word_cases) / sizeof(word_cases[0]); i++) {
		const struct word_case *c = &word_cases[i];

		fx_enter(f, f->pm, VA, pg, c->prot, c->flags);
		assert_int_equal(fx_bits(f->pm, VA, pg), want(f, c->x86, c->arm));
		fx_remove(f, f->pm, VA, VA + PAGE);
		assert_int_equal(fx_pte(f->pm, VA), 0);
	}
	fx_frame_free(f, pg);
}

static void
enter_writes_the_tables(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	fx_enter(f, f->pm, VA, pg, R, 0);
	for (unsigned level = 4; level > 1; level--) {
		uint64_t e = *fx_slot(f->pm, VA, level);
		const struct tess_page *t = tess_page_of(e & 0x0000fffffffff000u);

		assert_int_equal(e & ~(uint64_t)0x0000fffffffff000u, want(f, 0x7, 0x3));
		assert_int_equal(t->state, TESS_PAGE_TABLE);
		assert_ptr_equal(t->owner, f->pm);
		assert_int_equal(t->level, level - 1);
		assert_int_equal(t->idx, VA & ~(walk_span(level) - 1));
	}
	fx_frame_free(f, pg);
}

static void
protect_writes_the_words(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	/* a modified page stays known as modified while it is read-only */
	fx_enter(f, f->pm, VA, pg, TESS_PROT_ALL, TESS_ENTER_WRITE);
	tess_pmap_protect(f->pm, VA, VA + PAGE, X, &f->g);
	assert_int_equal(fx_bits(f->pm, VA, pg), want(f, 0x65, 0x00a0000000000fc3));
	tess_pmap_protect(f->pm, VA, VA + PAGE, R, &f->g);
	assert_int_equal(fx_bits(f->pm, VA, pg), want(f, 0x8000000000000065, 0x00e0000000000fc3));
	tess_gather_finish(&f->g);
	assert_int_equal(tess_page_collect(pg, 0, &f->g),
			 TESS_PAGE_MODIFIED | TESS_PAGE_REFERENCED);
	/* writable again: still modified, in the way of a writable page */
	fx_enter(f, f->pm, VA, pg, W, TESS_ENTER_READ);
	assert_int_equal(fx_bits(f->pm, VA, pg), want(f, 0x8000000000000067, 0x0068000000000f43));
	/* a clean one does not become modified by it */
	fx_remove(f, f->pm, VA, VA + PAGE);
	fx_enter(f, f->pm, VA, pg, W, TESS_ENTER_READ);
	tess_pmap_protect(f->pm, VA, VA + PAGE, R, &f->g);
	assert_int_equal(fx_bits(f->pm, VA, pg), want(f, 0x8000000000000025, 0x0060000000000fc3));
	fx_frame_free(f, pg);
}

static void
protect_to_exec_only(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	fx_enter(f, f->pm, VA, pg, TESS_PROT_ALL, TESS_ENTER_WRITE);
	tess_pmap_protect(f->pm, VA, VA + PAGE, TESS_PROT_EXEC, &f->g);
	assert_int_equal(fx_bits(f->pm, VA, pg), want(f, 0x65, 0x00a0000000000f83));
	fx_frame_free(f, pg);
}

static void
collect_clears_the_words(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	fx_enter(f, f->pm, VA, pg, W, TESS_ENTER_WRITE);
	assert_int_equal(tess_page_collect(pg, TESS_PAGE_MODIFIED, &f->g),
			 TESS_PAGE_MODIFIED | TESS_PAGE_REFERENCED);
	assert_int_equal(fx_bits(f->pm, VA, pg), want(f, 0x8000000000000027, 0x0068000000000fc3));
	assert_int_equal(tess_page_collect(pg, TESS_PAGE_REFERENCED, &f->g), TESS_PAGE_REFERENCED);
	assert_int_equal(fx_bits(f->pm, VA, pg), want(f, 0x8000000000000007, 0x0068000000000bc3));
	assert_int_equal(tess_page_collect(pg, 0, &f->g), 0);
	/* of a read-only page */
	fx_touch(f, f->pm, VA, TESS_ACCESS_WRITE);
	tess_pmap_protect(f->pm, VA, VA + PAGE, R, &f->g);
	assert_int_equal(tess_page_collect(pg, TESS_PAGE_MODIFIED, &f->g),
			 TESS_PAGE_MODIFIED | TESS_PAGE_REFERENCED);
	assert_int_equal(fx_bits(f->pm, VA, pg), want(f, 0x8000000000000025, 0x0060000000000fc3));
	tess_gather_finish(&f->g);
	fx_frame_free(f, pg);
}

static void
fixup_writes_the_words(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();
	bool soft = fx_is_soft(f);

	assert_false(tess_pmap_fixup(f->pm, VA, TESS_ACCESS_READ)); /* no table */
	fx_enter(f, f->pm, VA, pg, W, 0);
	assert_false(tess_pmap_fixup(f->pm, VA + PAGE, TESS_ACCESS_READ));
	assert_false(tess_pmap_fixup(f->pm, VA, TESS_ACCESS_EXEC)); /* not allowed */
	assert_int_equal(tess_pmap_fixup(f->pm, VA, TESS_ACCESS_READ), soft);
	assert_false(tess_pmap_fixup(f->pm, VA, TESS_ACCESS_READ)); /* nothing is missing */
	if (soft)
		assert_int_equal(fx_bits(f->pm, VA, pg), 0x0068000000000fc3);
	assert_int_equal(tess_pmap_fixup(f->pm, VA, TESS_ACCESS_WRITE), soft);
	if (soft)
		assert_int_equal(fx_bits(f->pm, VA, pg), 0x0068000000000f43);
	tess_pmap_protect(f->pm, VA, VA + PAGE, R, &f->g);
	assert_false(tess_pmap_fixup(f->pm, VA, TESS_ACCESS_WRITE)); /* not allowed any more */
	fx_frame_free(f, pg);
}

static void
unwire_writes_the_words(void **state)
{
	struct fx *f = *state;
	struct tess_page *pg = fx_frame();

	fx_enter(f, f->pm, VA, pg, W, TESS_ENTER_WIRED | TESS_ENTER_WRITE);
	tess_pmap_unwire(f->pm, VA - SPAN, VA + SPAN);
	assert_int_equal(fx_bits(f->pm, VA, pg), want(f, 0x8000000000000067, 0x0068000000000f43));
	assert_int_equal(fx_orders(), 0);
	fx_frame_free(f, pg);
}

static const struct fx_test list[] = {
    FX(enter_writes_the_words),  FX(enter_writes_the_tables),  FX(protect_writes_the_words),
    FX(protect_to_exec_only),    FX(collect_clears_the_words), FX(fixup_writes_the_words),
    FX(unwire_writes_the_words),
};

FX_MAIN(list)
