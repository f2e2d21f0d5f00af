/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tables.c: does this machine translate and fault as the manual says?  Tables made by hand, no core in between.
 *
 * One page of user memory at TABLES_VA, its PTE edited between accesses.  This proves what the other suites take
 * for granted: rights bind ring 0, refused accesses come back with an answer, and a stale translation on
 * another CPU is real until a flush there (a TLB that forgot by itself could not show a missing shootdown).
 */
#include <tessera/port.h>
#include "bare.h"
#include "harness.h"
#include "x86.h"

#define TABLES_VA ((tess_va)0x123456789000)

enum {
	PTE_P = 1,
	PTE_W = 2,
	PTE_U = 4
};
#define PTE_NX ((uint64_t)1 << 63)

static struct {
	uint64_t *root, *pte; /* the top table; the entry of TABLES_VA */
	tess_pa page;
	uint64_t stale; /* CPUs that went on reading through the old translation */
	uint64_t faulted;
	struct bare_barrier barrier;
} tables;

/* Frames from the harness's own memory, which no test uses yet. */
static uint64_t *
tables_frame(unsigned i)
{
	uint64_t *f = (uint64_t *)((char *)bare_private + (uint64_t)i * TESS_PAGE_SIZE);

	tess_port_page_clear(f);
	return f;
}

static void
tables_build(void)
{
	uint64_t *t = tables.root = tables_frame(0);

	for (unsigned i = 1, shift = 39; shift > 12; shift -= 9, i++) {
		uint64_t *next = tables_frame(i);

		t[TABLES_VA >> shift & 511] = tess_port_direct_pa(next) | PTE_P | PTE_W | PTE_U;
		t = next;
	}
	tables.pte = &t[TABLES_VA >> 12 & 511];
	tables.page = tess_port_direct_pa(tables_frame(4));
}

static void
tables_set(uint64_t bits)
{
	*(volatile uint64_t *)tables.pte = bits == 0 ? 0 : tables.page | bits;
	tess_port_tlb_page(0, TABLES_VA);
}

static void
tables_test_rights(void)
{
	uint64_t v = 0;

	tables_set(0);
	tap_ok(bare_load64(TABLES_VA, &v) == TESS_SIGSEGV, "an absent page faults");
	tables_set(PTE_P | PTE_W | PTE_U | PTE_NX);
	tap_ok(bare_store64(TABLES_VA + 8, 0x1122334455667788) == TESS_OK &&
		   bare_load64(TABLES_VA + 8, &v) == TESS_OK && v == 0x1122334455667788 &&
		   ((uint64_t *)tess_port_direct(tables.page))[1] == v,
	       "a store reaches the frame");
	tap_ok(bare_fetch(TABLES_VA) == TESS_SIGSEGV,
	       "a page without execute right is not executed");
	tap_ok(bare_store8(TABLES_VA + 16, 0xa5) == TESS_OK &&
		   bare_fetch(TABLES_VA + 16) == TESS_SIGSEGV &&
		   ((uint8_t *)tess_port_direct(tables.page))[16] == 0xa5,
	       "a refused fetch leaves the byte as it was");
	tables_set(PTE_P | PTE_U | PTE_NX);
	tap_ok(bare_store64(TABLES_VA, 1) == TESS_SIGSEGV && bare_load64(TABLES_VA, &v) == TESS_OK,
	       "a read-only page can be read and not written");
	tables_set(PTE_P | PTE_U);
	tap_ok(bare_fetch(TABLES_VA + 16) == TESS_OK &&
		   ((uint8_t *)tess_port_direct(tables.page))[16] == 0xa5,
	       "an executable page is executed, and left as it was");
}

static void
tables_flush(void *arg)
{
	(void)arg;
	tess_port_tlb_page(0, TABLES_VA);
}

/* CPU 0 takes the page away while the others have it in their TLBs. */
static void
tables_shoot(void *arg, unsigned cpu)
{
	uint64_t v, old = bare_cr3_get();
	tess_cpuset others = (bare_ncpu == 64 ? 0 : (tess_cpuset)1 << bare_ncpu) - 1;

	(void)arg;
	tess_port_table_load(tess_port_direct_pa(tables.root), 0);
	if (bare_load64(TABLES_VA, &v) != TESS_OK)
		tess_port_panic("tables: the page is not there");
	bare_barrier_wait(&tables.barrier);
	if (cpu == 0)
		tables_set(0);
	bare_barrier_wait(&tables.barrier);
	if (cpu != 0 && bare_load64(TABLES_VA, &v) == TESS_OK)
		tess_add_relaxed(&tables.stale, 1);
	bare_barrier_wait(&tables.barrier);
	if (cpu == 0)
		tess_port_ipi(others, tables_flush, NULL);
	bare_barrier_wait(&tables.barrier);
	if (bare_load64(TABLES_VA, &v) == TESS_SIGSEGV)
		tess_add_relaxed(&tables.faulted, 1);
	bare_barrier_wait(&tables.barrier);
	bare_cr3_set(old);
}

void
suite_tables(void)
{
	uint64_t old = bare_cr3_get();

	tables_build();
	tess_port_table_load(tess_port_direct_pa(tables.root), 0);
	tables_test_rights();
	bare_cr3_set(old);
	tables_set(PTE_P | PTE_U | PTE_NX);
	tables.barrier.n = bare_ncpu;
	bare_on_all(bare_ncpu, tables_shoot, NULL);
	tap_note("%lu of %u CPUs went on reading through a stale translation before the shootdown",
		 tables.stale, bare_ncpu - 1);
	tap_ok(tables.faulted == bare_ncpu, "after the shootdown no CPU reads the page");
	if (bare_ncpu > 1)
		tap_ok(tables.stale > 0,
		       "this machine's TLBs keep stale translations (so a missing flush shows)");
}

void
bare_page_open(struct bare_page *pg)
{
	tables_build();
	pg->va = TABLES_VA;
	pg->pte = tables.pte;
	for (unsigned i = 0; i < 2; i++) {
		pg->frame[i] = tess_port_direct_pa(tables_frame(4 + i));
		pg->word[i] = pg->frame[i] | PTE_P | PTE_W | PTE_U | PTE_NX;
	}
	pg->before = bare_cr3_get();
	tess_port_table_load(tess_port_direct_pa(tables.root), 0);
}

void
bare_page_close(const struct bare_page *pg)
{
	bare_cr3_set(pg->before);
}
