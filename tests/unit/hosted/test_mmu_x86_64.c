/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tess_sim_walk on x86_64, against table words written from the manual.
 *
 * Frames: 1 PML4, 2 PDPT, 3 page directory, 4 page table, 5 PML5, 16.. data.
 */
#include "hosted_util.h"

#define P   0x1ull
#define RW  0x2ull
#define US  0x4ull
#define A   0x20ull
#define D   0x40ull
#define PS  0x80ull
#define G   0x100ull
#define NX  (1ull << 63)
#define URW (P | RW | US)

#define VA 0x00007123456789a8ull
#define I4 ((VA >> 39) & 511)
#define I3 ((VA >> 30) & 511)
#define I2 ((VA >> 21) & 511)
#define I1 ((VA >> 12) & 511)

static int
start4(void **state)
{
	(void)state;
	util_start(TESS_HOST_X86_64, TESS_HOST_SINGLE, 1, 0, 4);
	util_table(1)[I4] = util_frame(2) | URW;
	util_table(2)[I3] = util_frame(3) | URW;
	util_table(3)[I2] = util_frame(4) | URW;
	util_table(4)[I1] = util_frame(16) | URW;
	return 0;
}

static enum sim_fault
walk(unsigned root, unsigned levels, tess_va va, enum tess_access access, enum sim_walk_mode mode,
     struct sim_walk *w)
{
	memset(w, 0, sizeof(*w));
	w->first = (uint8_t)levels;
	w->at[levels].table = util_frame(root);
	w->at[levels].allow = TESS_PROT_ALL;
	return tess_sim_walk(&util_host->mmu, va, access, mode, w);
}

static enum sim_fault
use(enum tess_access access)
{
	struct sim_walk w;

	return walk(1, 4, VA, access, SIM_WALK_USE, &w);
}

static void
test_walk_4k(void **state)
{
	struct sim_walk w;

	(void)state;
	assert_int_equal(walk(1, 4, VA, TESS_ACCESS_READ, SIM_WALK_USE, &w), SIM_OK);
	assert_true(w.pa == util_frame(16) + (VA & 0xfff));
	assert_true(w.pte_pa == util_frame(4) + I1 * 8);
	assert_int_equal(w.leaf, 1);
	assert_int_equal(w.shift, 12);
	assert_int_equal(w.grant, TESS_PROT_ALL);
	assert_false(w.dirty);
	assert_false(w.global);
	assert_true(w.at[1].table == util_frame(4) && w.at[2].table == util_frame(3));
}

static void
test_walk_absent(void **state)
{
	struct sim_walk w;

	(void)state;
	for (unsigned level = 1; level <= 4; level++) {
		const unsigned index[] = {0, I1, I2, I3, I4};
		uint64_t *e = &util_table(5 - level)[index[level]], was = *e;

		*e = was & ~P;
		assert_int_equal(walk(1, 4, VA, TESS_ACCESS_READ, SIM_WALK_USE, &w),
				 SIM_FAULT_ABSENT);
		assert_int_equal(w.leaf, level);
		*e = was;
	}
	assert_int_equal(use(TESS_ACCESS_READ), SIM_OK);
}

/* Every level can take away: user, write, execute. */
static void
test_walk_rights(void **state)
{
	const unsigned index[] = {0, I1, I2, I3, I4};

	(void)state;
	for (unsigned level = 1; level <= 4; level++) {
		uint64_t *e = &util_table(5 - level)[index[level]], was = *e;

		*e = was & ~US;
		assert_int_equal(use(TESS_ACCESS_READ), SIM_FAULT_RIGHTS);
		assert_int_equal(use(TESS_ACCESS_WRITE), SIM_FAULT_RIGHTS);
		assert_int_equal(use(TESS_ACCESS_EXEC), SIM_FAULT_RIGHTS);
		*e = was & ~RW;
		assert_int_equal(use(TESS_ACCESS_READ), SIM_OK);
		assert_int_equal(use(TESS_ACCESS_WRITE), SIM_FAULT_RIGHTS);
		assert_int_equal(use(TESS_ACCESS_EXEC), SIM_OK);
		*e = was | NX;
		assert_int_equal(use(TESS_ACCESS_READ), SIM_OK);
		assert_int_equal(use(TESS_ACCESS_WRITE), SIM_OK);
		assert_int_equal(use(TESS_ACCESS_EXEC), SIM_FAULT_RIGHTS);
		*e = was;
	}
}

static void
test_walk_accessed_dirty(void **state)
{
	(void)state;
	assert_int_equal(use(TESS_ACCESS_READ), SIM_OK);
	assert_true(util_table(1)[I4] == (util_frame(2) | URW | A));
	assert_true(util_table(2)[I3] == (util_frame(3) | URW | A));
	assert_true(util_table(3)[I2] == (util_frame(4) | URW | A));
	assert_true(util_table(4)[I1] == (util_frame(16) | URW | A));
	assert_int_equal(use(TESS_ACCESS_WRITE), SIM_OK);
	assert_true(util_table(3)[I2] == (util_frame(4) | URW | A)); /* no D above the leaf */
	assert_true(util_table(4)[I1] == (util_frame(16) | URW | A | D));
}

/* A refused access leaves the leaf as it was. */
static void
test_walk_refused_leaf(void **state)
{
	(void)state;
	util_table(4)[I1] = util_frame(16) | P | US;
	assert_int_equal(use(TESS_ACCESS_WRITE), SIM_FAULT_RIGHTS);
	assert_true(util_table(4)[I1] == (util_frame(16) | P | US));
}

static void
test_walk_look(void **state)
{
	struct sim_walk w;

	(void)state;
	util_table(4)[I1] = util_frame(16) | P | US | NX | D | G;
	assert_int_equal(walk(1, 4, VA, TESS_ACCESS_WRITE, SIM_WALK_LOOK, &w), SIM_OK);
	assert_int_equal(w.grant, TESS_PROT_READ);
	assert_true(w.dirty && w.global);
	assert_true(util_table(1)[I4] == (util_frame(2) | URW));
	assert_true(util_table(4)[I1] == (util_frame(16) | P | US | NX | D | G));
}

static void
test_walk_reserved(void **state)
{
	const unsigned index[] = {0, I1, I2, I3, I4};

	(void)state;
	for (unsigned level = 1; level <= 4; level++) {
		uint64_t *e = &util_table(5 - level)[index[level]], was = *e;

		for (unsigned bit = 46; bit < 52; bit++) {
			*e = was | 1ull << bit;
			assert_int_equal(use(TESS_ACCESS_READ), SIM_FAULT_RESERVED);
			*e &= ~P; /* not present: nothing is reserved */
			assert_int_equal(use(TESS_ACCESS_READ), SIM_FAULT_ABSENT);
		}
		for (unsigned bit = 52; bit < 63; bit++) { /* software's */
			*e = was | 1ull << bit;
			assert_int_equal(use(TESS_ACCESS_READ), SIM_OK);
		}
		*e = was;
	}
	util_table(1)[I4] |= PS;
	assert_int_equal(use(TESS_ACCESS_READ), SIM_FAULT_RESERVED);
	util_table(1)[I4] &= ~PS;
	util_table(4)[I1] |= PS; /* at the last level it is PAT */
	assert_int_equal(use(TESS_ACCESS_READ), SIM_OK);
}

static void
test_walk_2m(void **state)
{
	struct sim_walk w;
	uint64_t base = SIM_RAM_START;

	(void)state;
	util_table(3)[I2] = base | URW | PS;
	assert_int_equal(walk(1, 4, VA, TESS_ACCESS_WRITE, SIM_WALK_USE, &w), SIM_OK);
	assert_true(w.pa == base + (VA & 0x1fffff));
	assert_int_equal(w.shift, 21);
	assert_int_equal(w.leaf, 2);
	assert_true(util_table(3)[I2] == (base | URW | PS | A | D));
	util_table(3)[I2] = base | URW | PS | 0x1000; /* PAT */
	assert_int_equal(use(TESS_ACCESS_READ), SIM_OK);
	for (unsigned bit = 13; bit < 21; bit++) {
		util_table(3)[I2] = base | URW | PS | 1ull << bit;
		assert_int_equal(use(TESS_ACCESS_READ), SIM_FAULT_RESERVED);
	}
}

static void
test_walk_1g(void **state)
{
	struct sim_walk w;
	tess_va va = VA & ~0x3fffffffull;

	(void)state;
	util_table(2)[I3] = SIM_RAM_START | URW | PS;
	assert_int_equal(walk(1, 4, va + 0x123456, TESS_ACCESS_READ, SIM_WALK_USE, &w), SIM_OK);
	assert_true(w.pa == SIM_RAM_START + 0x123456);
	assert_int_equal(w.shift, 30);
	for (unsigned bit = 13; bit < 30; bit++) {
		util_table(2)[I3] = SIM_RAM_START | URW | PS | 1ull << bit;
		assert_int_equal(walk(1, 4, va, TESS_ACCESS_READ, SIM_WALK_USE, &w),
				 SIM_FAULT_RESERVED);
	}
}

static void
test_walk_bus(void **state)
{
	(void)state;
	util_table(4)[I1] = 0x1000 | URW;
	assert_int_equal(use(TESS_ACCESS_READ), SIM_FAULT_BUS);
	util_table(3)[I2] = (SIM_RAM_START + UTIL_RAM) | URW;
	assert_int_equal(use(TESS_ACCESS_READ), SIM_FAULT_BUS);
}

static void
test_walk_5_levels(void **state)
{
	struct sim_walk w;
	tess_va va = VA | 0x0012000000000000ull;

	(void)state;
	util_host->mmu.levels = 5;
	util_table(5)[(va >> 48) & 511] = util_frame(1) | URW;
	assert_int_equal(walk(5, 5, va, TESS_ACCESS_WRITE, SIM_WALK_USE, &w), SIM_OK);
	assert_true(w.pa == util_frame(16) + (VA & 0xfff));
	assert_true(util_table(5)[(va >> 48) & 511] == (util_frame(1) | URW | A));
	util_table(5)[(va >> 48) & 511] = util_frame(1) | P | US;
	assert_int_equal(walk(5, 5, va, TESS_ACCESS_WRITE, SIM_WALK_USE, &w), SIM_FAULT_RIGHTS);
	util_host->mmu.levels = 4;
}

static void
test_va_ok(void **state)
{
	const struct sim_mmu *m = &util_host->mmu;

	(void)state;
	assert_true(tess_sim_va_ok(m, 0x00007fffffffffffull));
	assert_false(tess_sim_va_ok(m, 0x0000800000000000ull));
	assert_false(tess_sim_va_ok(m, 0xffff7fffffffffffull));
	assert_true(tess_sim_va_ok(m, 0xffff800000000000ull));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_walk_4k, start4, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_absent, start4, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_rights, start4, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_accessed_dirty, start4, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_refused_leaf, start4, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_look, start4, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_reserved, start4, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_2m, start4, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_1g, start4, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_bus, start4, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_5_levels, start4, util_stop),
	    cmocka_unit_test_setup_teardown(test_va_ok, start4, util_stop),
	};

	return cmocka_run_group_tests_name("mmu_x86_64", tests, NULL, NULL);
}
