/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_map.h: what the tests of this room share: a map and an object on a machine of their own, layouts as text,
 * and a call made to fail at each of its allocations.
 */
#ifndef TESS_UNIT_MAP_H
#define TESS_UNIT_MAP_H

#include "unit_vm.h"
#include "map.h"

#define PAGE TESS_PAGE_SIZE
#define BASE ((tess_va)0x10000000)
#define TOP  (BASE + 0x400 * PAGE)
#define R    TESS_PROT_READ
#define RW   (TESS_PROT_READ | TESS_PROT_WRITE)

static struct tess_map map;
static struct tess_object *object;
static const struct tess_map_limits no_limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX};

static inline tess_va
at(unsigned page)
{
	return BASE + page * PAGE;
}

static inline const char *
layout(struct tess_map *m)
{
	static char text[2000];
	struct tess_entry *e;
	size_t n = 0;

	text[0] = '\0';
	for (e = tess_map_next_rcu(m, m->min); e != NULL; e = tess_map_next_rcu(m, e->range.end))
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%x-%x%s%s%s",
				      n == 0 ? "" : " ", (unsigned)((e->range.start - BASE) / PAGE),
				      (unsigned)((e->range.end - BASE) / PAGE),
				      e->prot & R ? "r" : "", e->prot & TESS_PROT_WRITE ? "w" : "",
				      e->flags & TESS_ENTRY_SHARED ? "s" : "");
	return text;
}

#define EXPECT(m, text) assert_string_equal(layout(m), (text))

static inline struct tess_map_new
like(unsigned page, unsigned n, tess_prot prot)
{
	return (struct tess_map_new){.len = n * PAGE,
				     .addr = at(page),
				     .place = TESS_PLACE_FIXED,
				     .prot = prot,
				     .maxprot = TESS_PROT_ALL,
				     .limits = no_limits};
}

static inline void
insert(unsigned page, unsigned n, tess_prot prot)
{
	struct tess_map_new new = like(page, n, prot);
	tess_va va = 0;

	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_OK);
	assert_int_equal(va, at(page));
	tess_map_check(&map);
}

static inline void
insert_object(unsigned page, unsigned n, tess_off off, uint32_t flags)
{
	struct tess_map_new new = like(page, n, RW);
	tess_va va;

	new.object = object;
	new.off = off;
	new.flags = flags;
	new.inherit = flags &TESS_ENTRY_SHARED ? TESS_INHERIT_SHARE : TESS_INHERIT_COPY;
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_OK);
	tess_map_check(&map);
}

/* fill: a private page with a number, and a translation of it, as a write fault makes them. */
static inline void
fill_in(struct tess_map *m, unsigned page, uint64_t number)
{
	struct tess_entry *e = tess_map_lookup_rcu(m, at(page));
	tess_idx slot = tess_entry_slot(e, at(page));
	struct tess_anon *an = tess_anon_new(TESS_FILL_ZERO);
	struct tess_gather g;
	struct tess_chunk *c;

	tess_gather_init(&g);
	assert_non_null(an);
	*(uint64_t *)tess_page_data(an->page) = number;
	assert_int_equal(tess_chunk_lock(e->amap, slot, TESS_CHUNK_WRITE, &c), TESS_DONE);
	tess_chunk_put(c, slot, an);
	tess_chunk_unlock(c);
	assert_int_equal(tess_pmap_enter(m->pmap, at(page), an->page, e->prot | R, TESS_ENTER_WRITE,
					 &e->range.dead, &g),
			 TESS_DONE);
	tess_gather_finish(&g);
}

static inline void
fill(unsigned page, uint64_t number)
{
	fill_in(&map, page, number);
}

/* number: what is in the private page of an address; 0: there is none. */
static inline uint64_t
number_in(struct tess_map *m, unsigned page)
{
	struct tess_entry *e = tess_map_lookup_rcu(m, at(page));
	tess_idx slot;
	const struct tess_anon *an;

	assert_non_null(e);
	slot = tess_entry_slot(e, at(page));
	an = tess_amap_next(e->amap, &slot, slot + 1);
	return an != NULL ? *(uint64_t *)tess_page_data(an->page) : 0;
}

static inline uint64_t
number(unsigned page)
{
	return number_in(&map, page);
}

static inline int
start(void **state)
{
	vm_start(state);
	assert_int_equal(tess_map_init(&map, BASE, BASE + 0x800 * PAGE, TOP), TESS_OK);
	assert_int_equal(tess_object_create_zero(64 * PAGE, &object), TESS_OK);
	return 0;
}

static inline void
down(void)
{
	tess_map_check(&map);
	tess_map_fini(&map);
	tess_object_unref(object);
}

static inline int
stop(void **state)
{
	(void)state;
	return vm_down(down);
}

/* Translations may go in the attempt: faults bring them back. */
static bool fails_forgets;

/* fails: `call` at each of its allocations in turn; every time nothing has changed. */
static inline void fails(enum tess_err (*call)(void))
{
	char before[2000];
	uint64_t anons = tess_amap_count(map.home, 0, (uint64_t)1 << 52), n;
	uint64_t bytes = map.bytes, resident = tess_pmap_resident(map.pmap, map.min, map.max);

	strcpy(before, layout(&map));
	for (n = 1;; n++) {
		enum tess_err e;

		tess_host_fail_nth(vm_host, n);
		e = call();
		if (!tess_host_fail_hit(vm_host)) {
			assert_int_equal(e, TESS_OK);
			break;
		}
		tess_host_fail_nth(vm_host, 0);
		if (e == TESS_OK) /* it could do without, once: that was the last try */
			break;
		assert_int_equal(e, TESS_ENOMEM);
		tess_map_check(&map);
		EXPECT(&map, before);
		assert_int_equal(map.bytes, bytes);
		assert_int_equal(tess_amap_count(map.home, 0, (uint64_t)1 << 52), anons);
		if (!fails_forgets)
			assert_int_equal(tess_pmap_resident(map.pmap, map.min, map.max), resident);
	}
	tess_host_fail_nth(vm_host, 0);
	assert_true(n > 1);
	tess_map_check(&map);
}

static inline void
removes(unsigned page, unsigned n)
{
	assert_int_equal(tess_map_remove(&map, at(page), at(page + n), TESS_HOLES_SKIP), TESS_OK);
	tess_map_check(&map);
}

static inline enum tess_err
set_prot(unsigned page, unsigned n, tess_prot prot, enum tess_holes holes, uint64_t limit_data)
{
	struct tess_map_protection p = {.prot = prot,
					.flags = TESS_PROTECT_SET_PROT,
					.holes = holes,
					.limit_data = limit_data,
					.limit_bytes = UINT64_MAX};
	struct tess_map_spans own;

	return tess_map_set_prot(&map, at(page), at(page + n), &p, &own);
}

static inline enum tess_err
protect(unsigned page, unsigned n, tess_prot prot, enum tess_holes holes)
{
	enum tess_err e = set_prot(page, n, prot, holes, UINT64_MAX);

	tess_map_check(&map);
	return e;
}

static inline struct tess_entry *
entry(unsigned page)
{
	return tess_map_lookup_rcu(&map, at(page));
}

static struct tess_map child;

static inline void
child_end(void)
{
	tess_map_check(&child);
	tess_map_check(&map);
	tess_map_fini(&child);
}

static inline enum tess_err
fork_once(void)
{
	enum tess_err e = tess_map_init(&child, map.min, map.max, map.top);

	if (e != TESS_OK)
		return e;
	e = tess_map_fork(&map, &child);
	if (e != TESS_OK)
		tess_map_fini(&child);
	return e;
}

#define MAP_TEST(name)                         \
	{                                      \
#name, name, start, stop, NULL \
	}

#endif
