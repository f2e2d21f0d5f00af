/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pmap_fixture.h: a machine with base, page and pmap up, once for each table of operations.
 *
 * A test is a function of one argument, the state below.  PMAP_TESTS(list) runs each test of the
 * list on x86_64, aarch64 and aarch64_hw.
 */
#ifndef TESS_UNIT_PMAP_FIXTURE_H
#define TESS_UNIT_PMAP_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "unit_machine.h"
#include "pmap_priv.h"

#define RAM   ((uint64_t)16 << 20)
#define NCPU  4
#define PAGE  TESS_PAGE_SIZE
#define SPAN  ((uint64_t)2 << 20) /* one PTE page */
#define VA    ((tess_va)0x200000000000 + 7 * SPAN)
#define WHOLE ((tess_va)1 << 47)

/* Do the constants leave room for counting single flushes? */
#define ROOMY (TESS_CONFIG_GATHER >= 4 && TESS_CONFIG_FLUSH_PAGES >= 16)

struct fx {
	const struct tess_pmap_ops *ops;
	struct tess_machine *m;
	struct tess_pmap *pm, *other;
	struct tess_gather g;
};

static const struct tess_pmap_ops *const fx_tables[] = {&tess_pmap_x86_64, &tess_pmap_aarch64,
							&tess_pmap_aarch64_hw};
#define FX_TABLES (sizeof(fx_tables) / sizeof(fx_tables[0]))

static inline bool
fx_is_x86(const struct fx *f)
{
	return f->ops == &tess_pmap_x86_64;
}

static inline bool
fx_is_soft(const struct fx *f)
{
	return f->ops == &tess_pmap_aarch64;
}

static inline int
fx_setup(void **state)
{
	static struct fx f;

	f = (struct fx){.ops = *state};
	f.m = unit_machine_start(RAM, NCPU, 1);
	assert_int_equal(tess_pmap_room_init(f.m, f.ops), TESS_OK);
	assert_int_equal(tess_pmap_create(&f.pm), TESS_OK);
	assert_int_equal(tess_pmap_create(&f.other), TESS_OK);
	tess_gather_init(&f.g);
	unit_tlb_reset();
	*state = &f;
	return 0;
}

static inline int
fx_teardown(void **state)
{
	struct fx *f = *state;

	unit_fail_nth(0, 0);
	unit_cpu_set(0);
	tess_gather_finish(&f->g);
	tess_pmap_check(f->pm, NULL, NULL);
	tess_pmap_check(f->other, NULL, NULL);
	tess_pmap_destroy(f->pm);
	tess_pmap_destroy(f->other);
	tess_rcu_drain();
	tess_pmap_room_fini(f->m);
	unit_machine_stop();
	return 0;
}

/* ---- frames ---- */

static inline struct tess_page *
fx_frame(void)
{
	struct tess_page *pg = tess_page_alloc(TESS_FILL_NONE, TESS_SITE_PAGE);

	assert_non_null(pg);
	tess_page_set_state(pg, TESS_PAGE_ANON);
	return pg;
}

/* Forget pg everywhere and free it. */
static inline void
fx_frame_free(struct fx *f, struct tess_page *pg)
{
	tess_page_protect(pg, TESS_PROT_NONE, &f->g);
	tess_gather_frame(&f->g, pg);
	tess_gather_finish(&f->g);
}

/* ---- calls that must succeed ---- */

static inline void
fx_enter(struct fx *f, struct tess_pmap *pm, tess_va va, struct tess_page *pg, tess_prot prot,
	 unsigned flags)
{
	assert_int_equal(tess_pmap_enter(pm, va, pg, prot, flags, NULL, &f->g), TESS_DONE);
}

static inline void
fx_remove(struct fx *f, struct tess_pmap *pm, tess_va start, tess_va end)
{
	tess_pmap_remove(pm, start, end, &f->g);
	tess_gather_finish(&f->g);
}

/* ---- what the manual says, read by hand ---- */

/* The word that the walk to va ends at, at `level` (1: the PTE); 0 when a table above is missing. */
static inline uint64_t *
fx_slot(const struct tess_pmap *pm, tess_va va, unsigned level)
{
	uint64_t *table = tess_port_direct(pm->root);

	for (unsigned l = 4; l > level; l--) {
		uint64_t e = table[(va >> (12 + 9 * (l - 1))) & 511];

		if (!(e & 1))
			return NULL;
		table = tess_port_direct(e & 0x0000fffffffff000u);
	}
	return &table[(va >> (12 + 9 * (level - 1))) & 511];
}

static inline uint64_t
fx_pte(const struct tess_pmap *pm, tess_va va)
{
	uint64_t *slot = fx_slot(pm, va, 1);

	return slot == NULL ? 0 : *slot;
}

/* A PTE without its frame. */
static inline uint64_t
fx_bits(const struct tess_pmap *pm, tess_va va, const struct tess_page *pg)
{
	uint64_t pte = fx_pte(pm, va);

	assert_int_equal(pte & 0x0000fffffffff000u, tess_page_pa(pg));
	return pte ^ tess_page_pa(pg);
}

/* Be the hardware: an access that the rights allow. */
static inline void
fx_touch(struct fx *f, struct tess_pmap *pm, tess_va va, enum tess_access access)
{
	uint64_t *slot = fx_slot(pm, va, 1);

	assert_non_null(slot);
	if (fx_is_x86(f))
		*slot |= access == TESS_ACCESS_WRITE ? 0x60 : 0x20;
	else if (fx_is_soft(f))
		(void)tess_pmap_fixup(pm, va, access);
	else
		*slot = (*slot | 1u << 10) & ~(access == TESS_ACCESS_WRITE ? (uint64_t)0x80 : 0);
}

static inline uint64_t
fx_orders(void)
{
	struct unit_tlb t = unit_tlb_get();

	return t.count[0] + t.count[1] + t.count[2] + t.count[3];
}

/* Run pm on `cpu`, and come back. */
static inline void
fx_run_on(struct tess_pmap *pm, unsigned cpu)
{
	unit_cpu_set(cpu);
	tess_pmap_activate(pm);
	unit_cpu_set(0);
}

/* ---- running ---- */

struct fx_test {
	const char *name;
	CMUnitTestFunction fn;
};
#define FX(fn)          \
	{               \
#fn, fn \
	}

static inline int
fx_main(const struct fx_test *list, size_t n)
{
	struct CMUnitTest *all = calloc(n * FX_TABLES, sizeof(*all));
	char(*names)[80] = calloc(n * FX_TABLES, sizeof(*names));
	int rc;

	for (size_t i = 0; i < n * FX_TABLES; i++) {
		const struct tess_pmap_ops *ops = fx_tables[i / n];

		snprintf(names[i], sizeof(names[i]), "%s: %s", tess_pmap_caps(ops)->name,
			 list[i % n].name);
		all[i] = (struct CMUnitTest){names[i], list[i % n].fn, fx_setup, fx_teardown,
					     (void *)(uintptr_t)ops};
	}
	rc = _cmocka_run_group_tests("pmap", all, n * FX_TABLES, NULL, NULL);
	free(names);
	free(all);
	return rc;
}
#define FX_MAIN(list)                                                 \
	int main(void)                                                \
	{                                                             \
		return fx_main(list, sizeof(list) / sizeof(list[0])); \
	}

#endif
