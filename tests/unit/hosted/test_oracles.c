/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each oracle sees what it is for, and says nothing otherwise.
 *
 * Frames: 1..4 tables (4 the last level), 16, 17 data.
 */
#include "hosted_util.h"

#define VA 0x400000ull

static uint64_t
leaf(unsigned frame)
{
	if (util_host->mmu.isa == TESS_HOST_X86_64)
		return util_frame(frame) | 0x7;
	return util_frame(frame) | 0x3 | 1ull << 6 | 1ull << 10 | 1ull << 11;
}

static uint64_t *
pte(void)
{
	return &util_table(4)[0];
}

static void
space(uint32_t asid)
{
	const uint64_t bits = util_host->mmu.isa == TESS_HOST_X86_64 ? 0x7 : 0x3;

	util_table(1)[0] = util_frame(2) | bits;
	util_table(2)[0] = util_frame(3) | bits;
	util_table(3)[VA >> 21] = util_frame(4) | bits;
	*pte() = leaf(16);
	for (unsigned i = 1; i <= 4; i++)
		tess_port_frame_alloc(util_frame(i));
	tess_port_frame_alloc(util_frame(16));
	tess_port_frame_alloc(util_frame(17));
	tess_port_table_load(util_frame(1), asid);
}

static int
start_x86(void **state)
{
	(void)state;
	util_start(TESS_HOST_X86_64, TESS_HOST_SINGLE, 3, 0, 4);
	space(0);
	return 0;
}

static int
start_arm(void **state)
{
	(void)state;
	util_start(TESS_HOST_AARCH64, TESS_HOST_SINGLE, 3, 16, 4);
	space(1);
	return 0;
}

static uint32_t
asid(void)
{
	return util_host->asid_bits ? 1 : 0;
}

static void
touch(void)
{
	uint64_t v = 1;

	assert_int_equal(tess_host_store(util_host, VA, &v, 8), TESS_OK);
}

/* ---- frame-reuse ---- */

static void
test_free_while_translated(void **state)
{
	(void)state;
	touch();
	*pte() = 0;
	UTIL_EXPECT(tess_port_frame_free(util_frame(16)), "oracle frame-reuse");
	assert_non_null(strstr(util_said, "va 0x400000"));
}

static void
test_free_after_flush(void **state)
{
	(void)state;
	touch();
	*pte() = 0;
	tess_port_tlb_page(asid(), VA);
	tess_port_frame_free(util_frame(16));
	tess_port_frame_alloc(util_frame(16));
}

static void
test_free_while_other_cpu_translates(void **state)
{
	(void)state;
	touch();
	tess_host_cpu_set(util_host, 2);
	tess_port_table_load(util_frame(1), asid());
	touch();
	*pte() = 0;
	tess_port_tlb_page(asid(), VA);
	UTIL_EXPECT(tess_port_frame_free(util_frame(16)), "TLB of CPU 0");
}

/* The walk cache still leads through the PTE page. */
static void
test_free_pte_page(void **state)
{
	(void)state;
	touch();
	*pte() = 0;
	util_table(3)[VA >> 21] = 0;
	UTIL_EXPECT(tess_port_frame_free(util_frame(4)), "oracle frame-reuse");
	tess_port_tlb_page(asid(), VA);
	tess_port_frame_free(util_frame(16));
}

static void
test_free_pte_page_after_flush(void **state)
{
	(void)state;
	touch();
	*pte() = 0;
	util_table(3)[VA >> 21] = 0;
	tess_port_tlb_page(asid(), VA);
	tess_port_frame_free(util_frame(4));
	tess_port_frame_free(util_frame(16));
}

static void
test_free_loaded_root(void **state)
{
	(void)state;
	UTIL_EXPECT(tess_port_frame_free(util_frame(1)), "table base of CPU 0");
}

static void
test_walk_to_free_frame(void **state)
{
	uint64_t v;

	(void)state;
	tess_port_frame_free(util_frame(16));
	UTIL_EXPECT(tess_host_load(util_host, VA, &v, 8), "oracle frame-reuse");
}

static void
test_free_twice(void **state)
{
	(void)state;
	tess_port_frame_free(util_frame(17));
	UTIL_EXPECT(tess_port_frame_free(util_frame(17)), "twice");
	UTIL_EXPECT(tess_port_frame_alloc(util_frame(16)), "twice");
}

/* ---- stale-tlb ---- */

static void
test_check_clean(void **state)
{
	(void)state;
	touch();
	assert_int_equal(tess_host_fetch(util_host, VA), TESS_OK);
	tess_host_check(util_host);
}

static void
test_check_unmapped(void **state)
{
	(void)state;
	touch();
	*pte() = 0;
	UTIL_EXPECT(tess_host_check(util_host), "oracle stale-tlb");
	tess_port_tlb_page(asid(), VA);
	tess_host_check(util_host);
}

static void
test_check_other_frame(void **state)
{
	(void)state;
	touch();
	*pte() = leaf(17);
	UTIL_EXPECT(tess_host_check(util_host), "another frame");
	*pte() = leaf(16);
}

static void
test_check_less(void **state)
{
	uint64_t v;

	(void)state;
	/* read-only now, and clean on x86: both are less than the cached write right */
	assert_int_equal(tess_host_load(util_host, VA, &v, 8), TESS_OK);
	touch();
	*pte() = util_host->asid_bits ? leaf(16) | 1ull << 7 : (leaf(16) & ~2ull) | 0x40;
	UTIL_EXPECT(tess_host_check(util_host), "grant less");
	tess_port_tlb_page(asid(), VA);
	assert_int_equal(tess_host_load(util_host, VA, &v, 8), TESS_OK);
	tess_host_check(util_host);
	*pte() = leaf(16); /* more than is cached: allowed */
	tess_host_check(util_host);
}

/* The dirty bit was collected and the TLB does not know: a write would be lost. */
static void
test_check_unseen_write(void **state)
{
	(void)state;
	touch();
	*pte() &= ~0x40ull;
	UTIL_EXPECT(tess_host_check(util_host), "writes unseen");
	tess_port_tlb_page(0, VA);
	tess_host_check(util_host);
}

static void
test_check_detached_table(void **state)
{
	uint64_t v;

	(void)state;
	*pte() = 0;
	assert_int_equal(tess_host_load(util_host, VA, &v, 8), TESS_SIGSEGV);
	util_table(3)[VA >> 21] = 0; /* aarch64: the fault may have cached the table */
	UTIL_EXPECT(tess_host_check(util_host), "walk cache");
	tess_port_tlb_page(asid(), VA);
	tess_host_check(util_host);
}

static void
test_asid_reused(void **state)
{
	(void)state;
	touch();
	UTIL_EXPECT(tess_port_table_load(util_frame(17), 1), "oracle stale-tlb");
	tess_port_table_load(util_frame(17), 2);
	tess_port_tlb_asid(1);
	tess_port_table_load(util_frame(1), 1);
}

/* ---- bbm ---- */

static void
test_bbm_at_flush(void **state)
{
	(void)state;
	touch();
	*pte() = leaf(17);
	UTIL_EXPECT(tess_port_tlb_page(1, VA), "oracle bbm");
}

static void
test_bbm_at_fill(void **state)
{
	(void)state;
	touch();
	*pte() = leaf(17);
	UTIL_EXPECT(tess_host_fetch(util_host, VA), "oracle bbm");
	tess_host_cpu_set(util_host, 1);
	tess_port_table_load(util_frame(1), 1);
	UTIL_EXPECT(touch(), "oracle bbm");
}

static void
test_bbm_respected(void **state)
{
	(void)state;
	touch();
	*pte() = 0;
	tess_port_tlb_bcast_page(1, VA);
	*pte() = leaf(17);
	touch();
	tess_host_check(util_host);
	*pte() |= 1ull << 7; /* lowering a right needs no break */
	tess_port_tlb_bcast_page(1, VA);
}

/* x86_64 has no such rule. */
static void
test_no_bbm_on_x86(void **state)
{
	(void)state;
	touch();
	*pte() = leaf(17);
	tess_port_tlb_page(0, VA);
	touch();
	assert_int_equal(*util_table(17), 1);
}

/* ---- balance and context ---- */

static void
test_balance(void **state)
{
	(void)state;
	tess_port_quiescent();
	tess_port_preempt_disable();
	UTIL_EXPECT(tess_port_quiescent(), "oracle balance");
	tess_port_rcu_enter();
	UTIL_EXPECT(tess_port_quiescent(), "oracle balance");
	UTIL_EXPECT(tess_port_preempt_enable(), "oracle balance");
	UTIL_EXPECT(tess_port_rcu_exit(), "oracle balance");
	tess_port_rcu_enter();
	tess_host_cpu_set(util_host, 1);
	UTIL_EXPECT(tess_host_check(util_host), "oracle balance");
	tess_host_cpu_set(util_host, 0);
	tess_port_rcu_exit();
	tess_host_check(util_host);
}

static void
nothing(void *arg)
{
	(void)arg;
}

static void
ipi_again(void *arg)
{
	tess_port_ipi(1, nothing, arg);
}

static void
block_inside(void *arg)
{
	(void)arg;
	tess_port_block(&(uint32_t){0}, 0);
}

static void
test_context(void **state)
{
	uint32_t word = 1;
	uint64_t v;

	(void)state;
	tess_port_block(&word, 0); /* it has changed: returns */
	UTIL_EXPECT(tess_port_block(&word, 1), "for ever");
	tess_port_rcu_enter();
	UTIL_EXPECT(tess_port_block(&word, 0), "oracle context");
	tess_port_preempt_disable();
	UTIL_EXPECT(tess_port_block(&word, 0), "oracle context");
	tess_port_preempt_disable();
	UTIL_EXPECT(tess_port_ipi(2, nothing, NULL), "oracle context");
	UTIL_EXPECT(tess_port_ipi(1 << 3, nothing, NULL), "oracle context");
	UTIL_EXPECT(tess_port_ipi(2, ipi_again, NULL), "IPI inside an IPI");
	assert_int_equal(tess_port_cpu(), 0);
	UTIL_EXPECT(tess_port_ipi(2, block_inside, NULL), "oracle context");
	assert_int_equal(tess_port_cpu(), 0);
	tess_port_rcu_enter();
	UTIL_EXPECT(tess_host_load(util_host, VA, &v, 8), "oracle context");
	UTIL_EXPECT(tess_host_load(util_host, VA + 4092, &v, 8), "oracle context");
	UTIL_EXPECT(tess_port_tlb_page(5, VA), "ASID 5");
	UTIL_EXPECT(tess_port_tlb_bcast_page(0, VA), "broadcast");
	UTIL_EXPECT(tess_host_cpu_set(util_host, 3), "oracle context");
	UTIL_EXPECT(tess_host_attach(util_host, 1, false), "oracle context");
	UTIL_EXPECT(tess_port_gp_wait(99), "never drawn");
}

static void
test_reserved_and_bus(void **state)
{
	uint64_t v;

	(void)state;
	*pte() = leaf(16) | 1ull << 48;
	UTIL_EXPECT(tess_host_load(util_host, VA, &v, 8), "oracle reserved");
	*pte() = leaf(16) & ~SIM_RAM_START;
	UTIL_EXPECT(tess_host_load(util_host, VA, &v, 8), "oracle bus");
	UTIL_EXPECT(tess_port_frame_free(0), "oracle bus");
}

static void
test_spin_for_ever(void **state)
{
	(void)state;
	UTIL_EXPECT(for (unsigned turn = 0;; turn++) tess_port_relax(turn), "cannot end");
}

/* ---- Seeded hardware faults are seen ---- */

static void
flush_va(void *arg)
{
	(void)arg;
	tess_port_tlb_page(asid(), VA);
}

static void
test_mutate_page_flush(void **state)
{
	(void)state;
	touch();
	tess_host_mutate(util_host, TESS_HOST_MUTATE_DROP_PAGE_FLUSH);
	*pte() = 0;
	tess_port_tlb_page(asid(), VA);
	UTIL_EXPECT(tess_port_frame_free(util_frame(16)), "oracle frame-reuse");
	tess_host_mutate(util_host, TESS_HOST_MUTATE_NONE);
	tess_port_tlb_page(asid(), VA);
	tess_port_frame_alloc(util_frame(16));
	tess_port_frame_free(util_frame(16));
}

static void
test_mutate_ipi(void **state)
{
	(void)state;
	tess_host_cpu_set(util_host, 1);
	tess_port_table_load(util_frame(1), asid());
	touch();
	tess_host_cpu_set(util_host, 0);
	*pte() = 0;
	tess_host_mutate(util_host, TESS_HOST_MUTATE_DROP_IPI);
	tess_port_ipi(1 << 1, flush_va, NULL);
	UTIL_EXPECT(tess_host_check(util_host), "CPU 1");
	tess_host_mutate(util_host, TESS_HOST_MUTATE_NONE);
	tess_port_ipi(1 << 1, flush_va, NULL);
	tess_host_check(util_host);
}

static void
test_mutate_bcast(void **state)
{
	(void)state;
	tess_host_cpu_set(util_host, 1);
	tess_port_table_load(util_frame(1), asid());
	touch();
	tess_host_cpu_set(util_host, 0);
	*pte() = 0;
	tess_host_mutate(util_host, TESS_HOST_MUTATE_DROP_IPI);
	tess_port_tlb_bcast_page(1, VA);
	UTIL_EXPECT(tess_host_check(util_host), "CPU 1");
	tess_host_mutate(util_host, TESS_HOST_MUTATE_NONE);
	tess_port_tlb_bcast_page(1, VA);
	tess_host_check(util_host);
}

#define CASE(fn, start)                                    \
	{                                                  \
#fn "/" #start, fn, start, util_stop, NULL \
	}
#define CASE2(fn) CASE(fn, start_x86), CASE(fn, start_arm)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE2(test_free_while_translated),
	    CASE2(test_free_after_flush),
	    CASE2(test_free_while_other_cpu_translates),
	    CASE2(test_free_pte_page),
	    CASE2(test_free_pte_page_after_flush),
	    CASE2(test_free_loaded_root),
	    CASE2(test_walk_to_free_frame),
	    CASE2(test_free_twice),
	    CASE2(test_check_clean),
	    CASE2(test_check_unmapped),
	    CASE2(test_check_other_frame),
	    CASE2(test_check_less),
	    CASE(test_check_unseen_write, start_x86),
	    CASE(test_check_detached_table, start_arm),
	    CASE(test_asid_reused, start_arm),
	    CASE(test_bbm_at_flush, start_arm),
	    CASE(test_bbm_at_fill, start_arm),
	    CASE(test_bbm_respected, start_arm),
	    CASE(test_no_bbm_on_x86, start_x86),
	    CASE2(test_balance),
	    CASE(test_context, start_x86),
	    CASE2(test_reserved_and_bus),
	    CASE(test_spin_for_ever, start_x86),
	    CASE2(test_mutate_page_flush),
	    CASE2(test_mutate_ipi),
	    CASE(test_mutate_bcast, start_arm),
	};

	return cmocka_run_group_tests_name("oracles", tests, NULL, NULL);
}
