/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tess_sim_walk on aarch64, against descriptors written from the manual.
 *
 * Frames: 1 L0, 2 L1, 3 L2, 4 L3, 16.. data.
 */
#include "hosted_util.h"

#define TABLE    0x3ull
#define PAGE     0x3ull
#define BLOCK    0x1ull
#define EL0      (1ull << 6) /* AP[1] */
#define RO       (1ull << 7) /* AP[2] */
#define AF       (1ull << 10)
#define NG       (1ull << 11)
#define DBM      (1ull << 51)
#define PXN      (1ull << 53)
#define UXN      (1ull << 54)
#define UXNTABLE (1ull << 60)
#define NOEL0    (1ull << 61) /* APTable[0] */
#define TABLERO  (1ull << 62) /* APTable[1] */
#define USER     (PAGE | EL0 | AF | NG)

#define VA 0x0000a123456789a8ull
#define I4 ((VA >> 39) & 511)
#define I3 ((VA >> 30) & 511)
#define I2 ((VA >> 21) & 511)
#define I1 ((VA >> 12) & 511)

static void
tables(void)
{
	util_table(1)[I4] = util_frame(2) | TABLE;
	util_table(2)[I3] = util_frame(3) | TABLE;
	util_table(3)[I2] = util_frame(4) | TABLE;
	util_table(4)[I1] = util_frame(16) | USER;
}

static int
start_sw(void **state)
{
	(void)state;
	util_start(TESS_HOST_AARCH64, TESS_HOST_SINGLE, 1, 16, 4);
	tables();
	return 0;
}

static int
start_hw(void **state)
{
	(void)state;
	util_start(TESS_HOST_AARCH64_HW, TESS_HOST_SINGLE, 1, 16, 4);
	tables();
	return 0;
}

static enum sim_fault
walk(tess_va va, enum tess_access access, enum sim_walk_mode mode, struct sim_walk *w)
{
	memset(w, 0, sizeof(*w));
	w->first = 4;
	w->at[4].table = util_frame(1);
	w->at[4].allow = TESS_PROT_ALL;
	return tess_sim_walk(&util_host->mmu, va, access, mode, w);
}

static enum sim_fault
use(enum tess_access access)
{
	struct sim_walk w;

	return walk(VA, access, SIM_WALK_USE, &w);
}

static void
test_walk_page(void **state)
{
	struct sim_walk w;

	(void)state;
	assert_int_equal(walk(VA, TESS_ACCESS_WRITE, SIM_WALK_USE, &w), SIM_OK);
	assert_true(w.pa == util_frame(16) + (VA & 0xfff));
	assert_true(w.pte_pa == util_frame(4) + I1 * 8);
	assert_int_equal(w.leaf, 1);
	assert_int_equal(w.shift, 12);
	assert_int_equal(w.grant, TESS_PROT_ALL);
	assert_true(w.dirty);
	assert_false(w.global);
	util_table(4)[I1] &= ~NG;
	assert_int_equal(walk(VA, TESS_ACCESS_WRITE, SIM_WALK_USE, &w), SIM_OK);
	assert_true(w.global);
}

/* Types: bit 0 clear at any level; 01 at L0 and at L3. */
static void
test_walk_types(void **state)
{
	const unsigned index[] = {0, I1, I2, I3, I4};
	struct sim_walk w;

	(void)state;
	for (unsigned level = 1; level <= 4; level++) {
		uint64_t *e = &util_table(5 - level)[index[level]], was = *e;

		*e = was & ~1ull;
		assert_int_equal(walk(VA, TESS_ACCESS_READ, SIM_WALK_USE, &w), SIM_FAULT_ABSENT);
		assert_int_equal(w.leaf, level);
		if (level == 1 || level == 4) {
			*e = was & ~2ull;
			assert_int_equal(use(TESS_ACCESS_READ), SIM_FAULT_ABSENT);
		}
		*e = was;
	}
}

static void
test_walk_page_rights(void **state)
{
	const uint64_t base = util_frame(16) | PAGE | AF | NG;

	(void)state;
	for (unsigned i = 0; i < 8; i++) {
		uint64_t d = base | (i & 1 ? EL0 : 0) | (i & 2 ? RO : 0) | (i & 4 ? UXN : 0);

		util_table(4)[I1] = d | PXN; /* PXN is EL1's business */
		assert_int_equal(use(TESS_ACCESS_READ) == SIM_OK, (d & EL0) != 0);
		assert_int_equal(use(TESS_ACCESS_WRITE) == SIM_OK, (d & EL0) && !(d & RO));
		assert_int_equal(use(TESS_ACCESS_EXEC) == SIM_OK, !(d & UXN));
		assert_true(util_table(4)[I1] == (d | PXN));
	}
}

static void
test_walk_table_rights(void **state)
{
	const unsigned index[] = {0, I1, I2, I3, I4};

	(void)state;
	for (unsigned level = 2; level <= 4; level++) {
		uint64_t *e = &util_table(5 - level)[index[level]], was = *e;

		*e = was | NOEL0;
		assert_int_equal(use(TESS_ACCESS_READ), SIM_FAULT_RIGHTS);
		assert_int_equal(use(TESS_ACCESS_WRITE), SIM_FAULT_RIGHTS);
		assert_int_equal(use(TESS_ACCESS_EXEC), SIM_OK);
		*e = was | TABLERO;
		assert_int_equal(use(TESS_ACCESS_READ), SIM_OK);
		assert_int_equal(use(TESS_ACCESS_WRITE), SIM_FAULT_RIGHTS);
		*e = was | UXNTABLE;
		assert_int_equal(use(TESS_ACCESS_READ), SIM_OK);
		assert_int_equal(use(TESS_ACCESS_WRITE), SIM_OK);
		assert_int_equal(use(TESS_ACCESS_EXEC), SIM_FAULT_RIGHTS);
		*e = was;
	}
}

static void
test_walk_af_software(void **state)
{
	(void)state;
	util_table(4)[I1] &= ~AF;
	assert_int_equal(use(TESS_ACCESS_READ), SIM_FAULT_ACCESSED);
	assert_int_equal(use(TESS_ACCESS_EXEC), SIM_FAULT_ACCESSED);
	assert_true(util_table(4)[I1] == (util_frame(16) | (USER & ~AF)));
	util_table(4)[I1] = (util_frame(16) | USER | RO) & ~AF; /* before permission */
	assert_int_equal(use(TESS_ACCESS_WRITE), SIM_FAULT_ACCESSED);
}

static void
test_walk_af_hardware(void **state)
{
	(void)state;
	util_table(4)[I1] &= ~AF;
	assert_int_equal(use(TESS_ACCESS_READ), SIM_OK);
	assert_true(util_table(4)[I1] == (util_frame(16) | USER));
	util_table(4)[I1] = (util_frame(16) | USER | RO) & ~AF;
	assert_int_equal(use(TESS_ACCESS_WRITE), SIM_FAULT_RIGHTS);
	assert_true(util_table(4)[I1] == ((util_frame(16) | USER | RO) & ~AF));
}

static void
test_walk_dbm_software(void **state)
{
	(void)state;
	util_table(4)[I1] |= DBM | RO; /* without TCR.HD, DBM is software's bit */
	assert_int_equal(use(TESS_ACCESS_WRITE), SIM_FAULT_RIGHTS);
	assert_int_equal(use(TESS_ACCESS_READ), SIM_OK);
	util_table(4)[I1] &= ~RO;
	assert_int_equal(use(TESS_ACCESS_WRITE), SIM_OK);
}

static void
test_walk_dbm_hardware(void **state)
{
	struct sim_walk w;

	(void)state;
	util_table(4)[I1] |= DBM | RO;
	assert_int_equal(walk(VA, TESS_ACCESS_READ, SIM_WALK_USE, &w), SIM_OK);
	assert_int_equal(w.grant, TESS_PROT_ALL);
	assert_false(w.dirty);
	assert_true(util_table(4)[I1] == (util_frame(16) | USER | DBM | RO));
	util_table(3)[I2] |= TABLERO; /* a table above forbids: no dirty state is made */
	assert_int_equal(use(TESS_ACCESS_WRITE), SIM_FAULT_RIGHTS);
	assert_true(util_table(4)[I1] == (util_frame(16) | USER | DBM | RO));
	util_table(3)[I2] &= ~TABLERO;
	assert_int_equal(walk(VA, TESS_ACCESS_WRITE, SIM_WALK_USE, &w), SIM_OK);
	assert_true(w.dirty);
	assert_true(util_table(4)[I1] == (util_frame(16) | USER | DBM));
}

static void
test_walk_look(void **state)
{
	struct sim_walk w;

	(void)state;
	util_table(4)[I1] = (util_frame(16) | USER | RO | UXN) & ~AF;
	assert_int_equal(walk(VA, TESS_ACCESS_READ, SIM_WALK_LOOK, &w), SIM_OK);
	assert_int_equal(w.grant, TESS_PROT_READ);
	assert_true(util_table(4)[I1] == ((util_frame(16) | USER | RO | UXN) & ~AF));
}

static void
test_walk_blocks(void **state)
{
	struct sim_walk w;
	tess_va va = VA & ~0x3fffffffull;

	(void)state;
	util_table(3)[I2] = SIM_RAM_START | (USER & ~3ull) | BLOCK;
	assert_int_equal(walk(VA, TESS_ACCESS_WRITE, SIM_WALK_USE, &w), SIM_OK);
	assert_true(w.pa == SIM_RAM_START + (VA & 0x1fffff));
	assert_int_equal(w.shift, 21);
	util_table(3)[I2] |= 1ull << 13;
	assert_int_equal(use(TESS_ACCESS_WRITE), SIM_FAULT_RESERVED);
	util_table(2)[I3] = SIM_RAM_START | (USER & ~3ull) | BLOCK | 1ull << 16; /* nT */
	assert_int_equal(walk(va + 0x54321, TESS_ACCESS_WRITE, SIM_WALK_USE, &w), SIM_OK);
	assert_true(w.pa == SIM_RAM_START + 0x54321);
	assert_int_equal(w.shift, 30);
	util_table(2)[I3] |= 1ull << 20;
	assert_int_equal(walk(va, TESS_ACCESS_READ, SIM_WALK_USE, &w), SIM_FAULT_RESERVED);
}

static void
test_walk_address_size(void **state)
{
	(void)state;
	util_table(4)[I1] |= 1ull << 48;
	assert_int_equal(use(TESS_ACCESS_READ), SIM_FAULT_RESERVED);
	util_table(3)[I2] |= 1ull << 49;
	assert_int_equal(use(TESS_ACCESS_READ), SIM_FAULT_RESERVED);
}

static void
test_va_ok(void **state)
{
	(void)state;
	assert_true(tess_sim_va_ok(&util_host->mmu, 0x0000ffffffffffffull));
	assert_false(tess_sim_va_ok(&util_host->mmu, 0x0001000000000000ull));
	assert_false(tess_sim_va_ok(&util_host->mmu, 0xffffffffffffffffull));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_walk_page, start_sw, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_types, start_sw, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_page_rights, start_sw, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_table_rights, start_sw, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_af_software, start_sw, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_af_hardware, start_hw, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_dbm_software, start_sw, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_dbm_hardware, start_hw, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_look, start_sw, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_blocks, start_sw, util_stop),
	    cmocka_unit_test_setup_teardown(test_walk_address_size, start_sw, util_stop),
	    cmocka_unit_test_setup_teardown(test_va_ok, start_sw, util_stop),
	};

	return cmocka_run_group_tests_name("mmu_aarch64", tests, NULL, NULL);
}
