/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The TLB from a program's side: what stays stale, what each flush forgets, what a fault does.
 *
 * Frames: 1..4 tables of space one, 5..8 tables of space two, 16, 17 data.
 * Both ISAs run the same cases where the contract is the same.
 */
#include "hosted_util.h"

#define VA 0x400000ull /* last-level index 0, directory index 2 */

enum rights {
	READ_ONLY,
	WRITABLE
};

static bool
is_x86(void)
{
	return util_host->mmu.isa == TESS_HOST_X86_64;
}

static uint64_t
leaf(unsigned frame, enum rights r)
{
	if (is_x86())
		return util_frame(frame) | 0x5 | (r == WRITABLE ? 2 : 0);
	return util_frame(frame) | 0x3 | 1ull << 6 | 1ull << 10 | 1ull << 11 |
	       (r == WRITABLE ? 0 : 1ull << 7);
}

static uint64_t
table(unsigned frame)
{
	return util_frame(frame) | (is_x86() ? 0x7 : 0x3);
}

/* A space whose tables are frames root .. root+3; VA -> frame. */
static void
space(unsigned root, unsigned frame, enum rights r)
{
	util_table(root)[0] = table(root + 1);
	util_table(root + 1)[0] = table(root + 2);
	util_table(root + 2)[VA >> 21] = table(root + 3);
	util_table(root + 3)[0] = leaf(frame, r);
	*util_table(frame) = frame;
}

static uint64_t *
pte(unsigned root)
{
	return &util_table(root + 3)[0];
}

static uint64_t
load(tess_va va)
{
	uint64_t v = ~0ull;

	assert_int_equal(tess_host_load(util_host, va, &v, 8), TESS_OK);
	return v;
}

static enum tess_err
try_load(tess_va va)
{
	uint64_t v;

	return tess_host_load(util_host, va, &v, 8);
}

static enum tess_err
try_store(tess_va va, uint64_t v)
{
	return tess_host_store(util_host, va, &v, 8);
}

static int
start_x86(void **state)
{
	(void)state;
	util_start(TESS_HOST_X86_64, TESS_HOST_SINGLE, 2, 0, 4);
	return 0;
}

static int
start_pcid(void **state)
{
	(void)state;
	util_start(TESS_HOST_X86_64, TESS_HOST_SINGLE, 2, 12, 4);
	return 0;
}

static int
start_arm(void **state)
{
	(void)state;
	util_start(TESS_HOST_AARCH64, TESS_HOST_SINGLE, 2, 16, 4);
	return 0;
}

static int
start_arm_hw(void **state)
{
	(void)state;
	util_start(TESS_HOST_AARCH64_HW, TESS_HOST_SINGLE, 2, 16, 4);
	return 0;
}

static void
test_stale_until_page_flush(void **state)
{
	(void)state;
	space(1, 16, WRITABLE);
	tess_port_table_load(util_frame(1), 0);
	assert_int_equal(load(VA), 16);
	*pte(1) = 0;
	assert_int_equal(load(VA), 16); /* the TLB does not know yet */
	tess_port_tlb_page(0, VA + TESS_PAGE_SIZE);
	assert_int_equal(load(VA), 16); /* another page */
	tess_port_tlb_page(0, VA);
	assert_int_equal(try_load(VA), TESS_SIGSEGV);
}

static void
test_stale_until_asid_flush(void **state)
{
	(void)state;
	space(1, 16, WRITABLE);
	tess_port_table_load(util_frame(1), 0);
	assert_int_equal(load(VA), 16);
	*pte(1) = 0;
	tess_port_tlb_asid(0);
	assert_int_equal(try_load(VA), TESS_SIGSEGV);
}

/* Another CPU's TLB is its own. */
static void
test_flush_is_local(void **state)
{
	(void)state;
	space(1, 16, WRITABLE);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		tess_host_cpu_set(util_host, cpu);
		tess_port_table_load(util_frame(1), 0);
		assert_int_equal(load(VA), 16);
	}
	*pte(1) = 0;
	tess_port_tlb_page(0, VA);
	assert_int_equal(try_load(VA), TESS_SIGSEGV);
	tess_host_cpu_set(util_host, 0);
	assert_int_equal(load(VA), 16);
	tess_port_tlb_page(0, VA);
	assert_int_equal(try_load(VA), TESS_SIGSEGV);
}

static void
test_bcast(void **state)
{
	(void)state;
	space(1, 16, WRITABLE);
	for (unsigned cpu = 0; cpu < 2; cpu++) {
		tess_host_cpu_set(util_host, cpu);
		tess_port_table_load(util_frame(1), 3);
		assert_int_equal(load(VA), 16);
	}
	*pte(1) = 0;
	tess_port_tlb_bcast_page(3, VA);
	assert_int_equal(try_load(VA), TESS_SIGSEGV);
	tess_host_cpu_set(util_host, 0);
	assert_int_equal(try_load(VA), TESS_SIGSEGV);
	*pte(1) = leaf(16, WRITABLE);
	assert_int_equal(load(VA), 16);
	*pte(1) = 0;
	tess_host_cpu_set(util_host, 1);
	tess_port_tlb_bcast_asid(3);
	tess_host_cpu_set(util_host, 0);
	assert_int_equal(try_load(VA), TESS_SIGSEGV);
}

/* Without ASIDs a load of the table base forgets everything. */
static void
test_table_load_flushes(void **state)
{
	(void)state;
	space(1, 16, WRITABLE);
	tess_port_table_load(util_frame(1), 0);
	assert_int_equal(load(VA), 16);
	*pte(1) = 0;
	tess_port_table_load(util_frame(1), 0);
	assert_int_equal(try_load(VA), TESS_SIGSEGV);
}

/* With them it does not, and spaces do not see one another's entries. */
static void
test_asids_keep(void **state)
{
	(void)state;
	space(1, 16, WRITABLE);
	space(5, 17, WRITABLE);
	tess_port_table_load(util_frame(1), 1);
	assert_int_equal(load(VA), 16);
	tess_port_table_load(util_frame(5), 2);
	assert_int_equal(load(VA), 17);
	*pte(1) = *pte(5) = 0;
	assert_int_equal(load(VA), 17);
	tess_port_tlb_asid(1);
	assert_int_equal(load(VA), 17);
	tess_port_table_load(util_frame(1), 1);
	assert_int_equal(try_load(VA), TESS_SIGSEGV);
	tess_port_table_load(util_frame(5), 2);
	tess_port_tlb_page(1, VA);
	assert_int_equal(load(VA), 17);
	tess_port_tlb_page(2, VA);
	assert_int_equal(try_load(VA), TESS_SIGSEGV);
}

/* A table unhooked above is still walked, until its address is flushed. */
static void
test_walk_cache(void **state)
{
	(void)state;
	space(1, 16, WRITABLE);
	util_table(4)[1] = leaf(17, WRITABLE);
	*util_table(17) = 17;
	tess_port_table_load(util_frame(1), 0);
	assert_int_equal(load(VA), 16);
	util_table(3)[VA >> 21] = 0;
	assert_int_equal(load(VA + TESS_PAGE_SIZE), 17);
	tess_port_tlb_page(0, VA + 5 * TESS_PAGE_SIZE); /* same 2 MiB */
	assert_int_equal(load(VA), 16);                 /* the page's own entry stays */
	tess_port_tlb_page(0, VA);
	tess_port_tlb_page(0, VA + TESS_PAGE_SIZE);
	assert_int_equal(try_load(VA), TESS_SIGSEGV);
	assert_int_equal(try_load(VA + TESS_PAGE_SIZE), TESS_SIGSEGV);
}

/* Data and instruction entries live apart, and one page flush forgets both. */
static void
test_kinds(void **state)
{
	(void)state;
	space(1, 16, WRITABLE);
	tess_port_table_load(util_frame(1), 0);
	assert_int_equal(tess_host_fetch(util_host, VA), TESS_OK);
	*pte(1) = 0;
	tess_port_tlb_page(0, VA + TESS_PAGE_SIZE);
	assert_int_equal(tess_host_fetch(util_host, VA), TESS_OK);
	assert_int_equal(try_load(VA), TESS_SIGSEGV); /* x86: and this fault forgets both */
	assert_int_equal(tess_host_fetch(util_host, VA), is_x86() ? TESS_SIGSEGV : TESS_OK);
	tess_port_tlb_page(0, VA);
	assert_int_equal(tess_host_fetch(util_host, VA), TESS_SIGSEGV);
}

/* The first write through a clean entry looks at the tables again. */
static void
test_clean_write_walks(void **state)
{
	const uint64_t dirty_mask = is_x86() ? 0x40 : 1ull << 7;

	(void)state;
	space(1, 16, WRITABLE);
	if (!is_x86())
		*pte(1) |= 1ull << 51 | 1ull << 7; /* DBM, clean */
	tess_port_table_load(util_frame(1), 0);
	assert_int_equal(load(VA), 16);
	assert_int_equal((*pte(1) & dirty_mask) != 0, !is_x86());
	assert_int_equal(try_store(VA, 5), TESS_OK);
	assert_int_equal((*pte(1) & dirty_mask) != 0, is_x86());
	assert_int_equal(*util_table(16), 5);
	/* Dirty once, writes pass until a flush. */
	*pte(1) = leaf(16, READ_ONLY);
	assert_int_equal(try_store(VA, 6), TESS_OK);
	tess_port_tlb_page(0, VA);
	assert_int_equal(try_store(VA, 7), TESS_SIGSEGV);
	assert_int_equal(*util_table(16), 6);
}

static unsigned faults_seen;

static enum tess_err
settle(void *ctx, tess_va va, enum tess_access access)
{
	(void)ctx, (void)va, (void)access;
	faults_seen++;
	return TESS_OK;
}

static enum tess_err
settle_and_flush(void *ctx, tess_va va, enum tess_access access)
{
	tess_port_tlb_page(0, va);
	return settle(ctx, va, access);
}

/* A right is raised without a flush: x86 faults once and forgets; aarch64 faults until flushed. */
static void
test_raise_right(void **state)
{
	(void)state;
	space(1, 16, READ_ONLY);
	tess_port_table_load(util_frame(1), 0);
	assert_int_equal(load(VA), 16);
	*pte(1) = leaf(16, WRITABLE);
	faults_seen = 0;
	tess_host_set_fault(util_host, is_x86() ? settle : settle_and_flush, NULL);
	assert_int_equal(try_store(VA, 9), TESS_OK);
	assert_int_equal(faults_seen, 1);
	assert_int_equal(*util_table(16), 9);
}

static void
test_livelock(void **state)
{
	(void)state;
	space(1, 16, READ_ONLY);
	tess_port_table_load(util_frame(1), 0);
	assert_int_equal(load(VA), 16);
	*pte(1) = leaf(16, WRITABLE);
	tess_host_set_fault(util_host, settle, NULL);
	UTIL_EXPECT(try_store(VA, 9), "oracle livelock");
}

static enum tess_err
make_page(void *ctx, tess_va va, enum tess_access access)
{
	assert_true(va == VA + 8);
	assert_int_equal(access, *(enum tess_access *)ctx);
	*pte(1) = leaf(16, WRITABLE);
	return TESS_OK;
}

static void
test_fault_settled(void **state)
{
	enum tess_access access = TESS_ACCESS_WRITE;

	(void)state;
	space(1, 16, WRITABLE);
	*pte(1) = 0;
	tess_port_table_load(util_frame(1), 0);
	tess_host_set_fault(util_host, make_page, &access);
	assert_int_equal(try_store(VA + 8, 77), TESS_OK);
	assert_int_equal(load(VA + 8), 77);
}

static enum tess_err
no_memory(void *ctx, tess_va va, enum tess_access access)
{
	(void)ctx, (void)va, (void)access;
	return TESS_ENOMEM;
}

static void
test_fault_answer(void **state)
{
	(void)state;
	space(1, 16, WRITABLE);
	*pte(1) = 0;
	tess_port_table_load(util_frame(1), 0);
	tess_host_set_fault(util_host, no_memory, NULL);
	assert_int_equal(try_load(VA), TESS_ENOMEM);
}

/* #GP, not a page fault. */
static void
test_non_canonical(void **state)
{
	(void)state;
	space(1, 16, WRITABLE);
	tess_port_table_load(util_frame(1), 0);
	tess_host_set_fault(util_host, no_memory, NULL);
	assert_int_equal(try_load(0x0000800000000000ull), TESS_SIGSEGV);
}

/* A large translation is cut into pages in the TLB and leaves it whole. */
static void
test_large_leaves_whole(void **state)
{
	(void)state;
	space(1, 16, WRITABLE);
	util_table(3)[VA >> 21] = SIM_RAM_START | 0x87; /* PS */
	tess_port_table_load(util_frame(1), 0);
	*util_table(20) = 20;
	*util_table(300) = 300;
	assert_int_equal(load(VA + 20 * TESS_PAGE_SIZE), 20);
	assert_int_equal(load(VA + 300 * TESS_PAGE_SIZE), 300);
	util_table(3)[VA >> 21] = 0;
	assert_int_equal(load(VA + 300 * TESS_PAGE_SIZE), 300);
	tess_port_tlb_page(0, VA + 511 * TESS_PAGE_SIZE);
	assert_int_equal(try_load(VA + 20 * TESS_PAGE_SIZE), TESS_SIGSEGV);
	assert_int_equal(try_load(VA + 300 * TESS_PAGE_SIZE), TESS_SIGSEGV);
}

/* Global entries serve every ASID, survive its flush, and leave with their page. */
static void
test_global(void **state)
{
	(void)state;
	space(1, 16, WRITABLE);
	space(5, 17, WRITABLE);
	*pte(1) |= 0x100;
	tess_port_table_load(util_frame(1), 1);
	assert_int_equal(load(VA), 16);
	tess_port_table_load(util_frame(5), 2);
	assert_int_equal(load(VA), 16);
	tess_port_tlb_asid(1);
	tess_port_tlb_asid(2);
	assert_int_equal(load(VA), 16);
	tess_port_tlb_page(2, VA);
	assert_int_equal(load(VA), 17);
}

/* Entries leave by themselves, but the same ones for the same seed. */
static void
test_evictions_replay(void **state)
{
	uint64_t walks[2];

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		util_start(TESS_HOST_X86_64, TESS_HOST_SINGLE, 1, 0, 4);
		space(1, 16, WRITABLE);
		for (unsigned i = 0; i < 512; i++)
			util_table(4)[i] = leaf(16 + i, WRITABLE);
		tess_port_table_load(util_frame(1), 0);
		for (unsigned i = 0; i < 5000; i++)
			assert_int_equal(try_load(VA + i * 37 % 70 * TESS_PAGE_SIZE), TESS_OK);
		walks[round] = util_host->cpu[0].walks;
		assert_int_equal(util_stop(NULL), 0);
	}
	assert_true(walks[0] == walks[1]);
	assert_in_range(walks[0], 71, 4999);
}

static void
test_bytes(void **state)
{
	unsigned char buf[5000], back[5000];

	(void)state;
	space(1, 16, WRITABLE);
	for (unsigned i = 0; i < 4; i++)
		util_table(4)[i] = leaf(16 + i, WRITABLE);
	tess_port_table_load(util_frame(1), 0);
	for (unsigned i = 0; i < sizeof(buf); i++)
		buf[i] = (unsigned char)(i * 7 + 1);
	for (unsigned off = 0; off < 9; off++)
		for (unsigned len = 1; len <= 8; len++) {
			memset(back, 0, 16);
			assert_int_equal(tess_host_store(util_host, VA + off, buf, len), TESS_OK);
			assert_int_equal(tess_host_load(util_host, VA + off, back, len), TESS_OK);
			assert_memory_equal(buf, back, len);
			assert_int_equal(back[len], 0);
		}
	for (unsigned off = 0; off < 5; off++) {
		memset(back, 0, sizeof(back));
		assert_int_equal(tess_host_copy(util_host, VA + off, buf, sizeof(buf), true),
				 TESS_OK);
		assert_int_equal(tess_host_copy(util_host, VA + off, back, sizeof(buf), false),
				 TESS_OK);
		assert_memory_equal(buf, back, sizeof(buf));
		assert_memory_equal((char *)util_table(16) + off, buf, TESS_PAGE_SIZE - off);
	}
	/* A copy that runs into a hole says so. */
	assert_int_equal(tess_host_copy(util_host, VA + 4 * TESS_PAGE_SIZE - 64, back, 65, false),
			 TESS_SIGSEGV);
}

#define CASE(fn, start)                                    \
	{                                                  \
#fn "/" #start, fn, start, util_stop, NULL \
	}
#define CASE3(fn) CASE(fn, start_x86), CASE(fn, start_arm), CASE(fn, start_arm_hw)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE3(test_stale_until_page_flush),
	    CASE3(test_stale_until_asid_flush),
	    CASE3(test_flush_is_local),
	    CASE(test_bcast, start_arm),
	    CASE(test_table_load_flushes, start_x86),
	    CASE(test_asids_keep, start_arm),
	    CASE(test_asids_keep, start_pcid),
	    CASE3(test_walk_cache),
	    CASE3(test_kinds),
	    CASE(test_clean_write_walks, start_x86),
	    CASE(test_clean_write_walks, start_arm_hw),
	    CASE3(test_raise_right),
	    CASE(test_livelock, start_arm),
	    CASE(test_fault_settled, start_x86),
	    CASE(test_fault_settled, start_arm),
	    CASE(test_fault_answer, start_x86),
	    CASE(test_non_canonical, start_x86),
	    CASE(test_large_leaves_whole, start_x86),
	    CASE(test_global, start_pcid),
	    cmocka_unit_test(test_evictions_replay),
	    CASE(test_bytes, start_x86),
	};

	return cmocka_run_group_tests_name("tlb", tests, NULL, NULL);
}
