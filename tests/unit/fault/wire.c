/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.c: wiring from inside: counts, all or nothing, what writers do meanwhile, and every allocation failing.
 *
 * Between tess_map_wire_begin() and _end() the first thread stands still; a second one changes the range and must
 * not get through before the end [P6, P18].
 */
#include <pthread.h>
#include <time.h>
#include "unit_vm.h"
#include "fault.h"

#define PAGE TESS_PAGE_SIZE
#define BASE ((tess_va)0x10000000)
#define TOP  (BASE + 0x800 * PAGE)
#define R    TESS_PROT_READ
#define RW   (TESS_PROT_READ | TESS_PROT_WRITE)
#define SYS  TESS_WIRE_SYSTEM

static struct tess_map map, child;
static const struct tess_map_limits no_limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX};

static tess_va
at(unsigned page)
{
	return BASE + page * PAGE;
}

static void
insert(unsigned page, unsigned n, tess_prot prot, struct tess_object *o, uint32_t flags)
{
	struct tess_map_new new = {.len = n * PAGE,
				   .addr = at(page),
				   .place = TESS_PLACE_FIXED,
				   .object = o,
				   .prot = prot,
				   .maxprot = TESS_PROT_ALL,
				   .flags = flags,
				   .limits = no_limits};
	tess_va va;

	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_OK);
}

static const struct tess_entry *
entry(unsigned page)
{
	return tess_map_lookup_rcu(&map, at(page));
}

static enum tess_kern
wire(unsigned page, unsigned n, unsigned flags)
{
	enum tess_kern k = tess_map_wire(&map, at(page), at(page + n), flags);

	tess_map_check(&map);
	return k;
}

static enum tess_kern
unwire(unsigned page, unsigned n, unsigned flags)
{
	enum tess_kern k = tess_map_unwire(&map, at(page), at(page + n), flags);

	tess_map_check(&map);
	return k;
}

static uint64_t
wired_bytes(void)
{
	struct tess_account a;

	tess_account_get(&a);
	return a.wired;
}

static bool
present(unsigned page)
{
	return tess_pmap_extract(map.pmap, at(page), NULL, NULL);
}

/* ---- a pager of zeros ---- */

static enum tess_err
zeros_get(void *backing, tess_idx idx, unsigned n, void *const *data)
{
	(void)backing, (void)idx;
	for (unsigned i = 0; i < n; i++)
		memset(data[i], 0, PAGE);
	return TESS_OK;
}

static enum tess_err
zeros_put(void *backing, tess_idx idx, unsigned n, const void *const *data, uint64_t size)
{
	(void)backing, (void)idx, (void)n, (void)data, (void)size;
	return TESS_OK;
}

static enum tess_err
zeros_resize(void *backing, uint64_t size)
{
	(void)backing, (void)size;
	return TESS_OK;
}

static void
zeros_detach(void *backing)
{
	(void)backing;
}

static const struct tess_pager_ops zeros = {"zeros", zeros_get, zeros_put, zeros_resize,
					    zeros_detach};

static int
start_as(enum tess_host_drive drive)
{
	struct tess_host_config cfg = {
	    .isa = TESS_HOST_X86_64, .drive = drive, .ncpu = 2, .ram = (uint64_t)8 << 20};

	vm_host = tess_host_create(&cfg);
	assert_non_null(vm_host);
	assert_int_equal(tess_map_init(&map, BASE, TOP, TOP), TESS_OK);
	return 0;
}

static int
start(void **state)
{
	(void)state;
	return start_as(TESS_HOST_SINGLE);
}

static int
start_threads(void **state)
{
	(void)state;
	return start_as(TESS_HOST_THREADS);
}

static void
down(void)
{
	tess_map_check(&map);
	tess_map_fini(&map);
}

static int
stop(void **state)
{
	(void)state;
	return vm_down(down);
}

/* ---- counts ---- */

static void
map_wire_counts(void **state)
{
	(void)state;
	insert(10, 6, RW, NULL, 0);
	assert_int_equal(wire(11, 4, SYS), TESS_KERN_SUCCESS);
	assert_int_equal(wire(12, 2, SYS), TESS_KERN_SUCCESS);
	assert_int_equal(wire(12, 1, 0), TESS_KERN_SUCCESS);
	assert_int_equal(wire(12, 1, 0), TESS_KERN_SUCCESS); /* the user's does not nest */
	assert_int_equal(entry(11)->wired, 1);
	assert_int_equal(entry(13)->wired, 2);
	assert_int_equal(map.wired, 4 * PAGE);
	assert_int_equal(map.locked, PAGE);
	assert_int_equal(wired_bytes(), 4 * PAGE); /* once, though locked and wired */
	for (unsigned i = 11; i < 15; i++)
		assert_true(present(i));
	assert_false(present(10));
	assert_int_equal(unwire(10, 6, SYS), TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(unwire(11, 4, 0), TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(map.wired, 4 * PAGE);
	assert_int_equal(unwire(11, 4, SYS), TESS_KERN_SUCCESS);
	assert_int_equal(map.wired, 2 * PAGE);
	assert_int_equal(unwire(10, 6, SYS | TESS_WIRE_HOLESOK), TESS_KERN_SUCCESS);
	assert_int_equal(map.wired, 0);
	assert_int_equal(unwire(12, 1, 0), TESS_KERN_SUCCESS);
	assert_int_equal(wired_bytes(), 0);
	assert_int_equal(map.entries, 1); /* joined again */
}

static void
map_wire_refuses(void **state)
{
	struct tess_object *o;

	(void)state;
	assert_int_equal(tess_object_create_zero(PAGE, &o), TESS_OK);
	insert(10, 2, RW, NULL, 0);
	insert(12, 1, TESS_PROT_NONE, NULL, 0);
	insert(13, 1, R, NULL, 0);
	insert(20, 2, R, o, 0); /* its second page is beyond the object */
	assert_int_equal(wire(9, 2, SYS), TESS_KERN_INVALID_ADDRESS);
	assert_int_equal(wire(10, 5, SYS), TESS_KERN_INVALID_ADDRESS); /* a hole comes first */
	assert_int_equal(wire(10, 4, SYS), TESS_KERN_PROTECTION_FAILURE);
	assert_int_equal(wire(13, 1, SYS | TESS_WIRE_WRITE), TESS_KERN_PROTECTION_FAILURE);
	assert_int_equal(wire(20, 2, SYS), TESS_KERN_FAILURE);
	assert_int_equal(wire(10, 1, 8), TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(tess_map_wire(&map, at(11), at(10), SYS), TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(tess_map_wire(&map, at(9), at(9), SYS), TESS_KERN_SUCCESS);
	assert_int_equal(map.wired, 0);
	assert_int_equal(o->locked, 0);
	assert_true(present(10)); /* what came in stays in */
	assert_int_equal(wire(0, 16, SYS | TESS_WIRE_HOLESOK), TESS_KERN_SUCCESS);
	assert_int_equal(map.wired, 3 * PAGE);
	assert_int_equal(entry(12)->wired, 0);
	assert_int_equal(
	    tess_map_unwire(&map, 0, UINT64_MAX & ~(PAGE - 1), SYS | TESS_WIRE_HOLESOK),
	    TESS_KERN_SUCCESS);
	assert_int_equal(map.wired, 0);
	tess_object_unref(o);
}

static void
map_wire_maximum(void **state)
{
	(void)state;
	tess_account_set_wired(3 * PAGE);
	insert(10, 6, RW, NULL, 0);
	assert_int_equal(wire(10, 4, SYS), TESS_KERN_RESOURCE_SHORTAGE);
	assert_int_equal(wired_bytes(), 0);
	assert_int_equal(wire(10, 3, SYS), TESS_KERN_SUCCESS);
	assert_int_equal(wire(11, 2, 0), TESS_KERN_SUCCESS);
	assert_int_equal(wire(11, 3, 0), TESS_KERN_RESOURCE_SHORTAGE);
	assert_int_equal(map.locked, 2 * PAGE);
	assert_int_equal(wired_bytes(), 3 * PAGE);
}

/* ---- each allocation fails ---- */

static void
map_wire_fails_at_each_allocation(void **state)
{
	struct tess_object *o;
	uint64_t n;

	(void)state;
	assert_int_equal(tess_object_create_zero(8 * PAGE, &o), TESS_OK);
	insert(10, 4, RW, NULL, 0);
	insert(14, 4, RW, o, TESS_ENTRY_SHARED);
	for (n = 1;; n++) {
		enum tess_kern k;

		tess_host_fail_nth(vm_host, n);
		k = wire(11, 6, SYS);
		if (!tess_host_fail_hit(vm_host) || k == TESS_KERN_SUCCESS)
			break;
		tess_host_fail_nth(vm_host, 0);
		assert_int_equal(k, TESS_KERN_RESOURCE_SHORTAGE);
		assert_int_equal(map.entries, 2);
		assert_int_equal(map.wired, 0);
		assert_int_equal(o->locked, 0);
		assert_int_equal(wired_bytes(), 0);
	}
	tess_host_fail_nth(vm_host, 0);
	assert_true(n > 6);
	assert_int_equal(map.wired, 6 * PAGE);
	assert_int_equal(o->locked, 1);
	for (n = 1;; n++) {
		enum tess_kern k;

		tess_host_fail_nth(vm_host, n);
		k = unwire(12, 2, SYS);
		if (!tess_host_fail_hit(vm_host) || k == TESS_KERN_SUCCESS)
			break;
		assert_int_equal(k, TESS_KERN_RESOURCE_SHORTAGE);
		assert_int_equal(map.wired, 6 * PAGE);
	}
	tess_host_fail_nth(vm_host, 0);
	assert_int_equal(map.wired, 4 * PAGE);
	tess_object_unref(o);
}

/* ---- what does not unwire (D22) ---- */

static void
map_wired_pages_stay(void **state)
{
	struct tess_map_protection p = {
	    .flags = TESS_PROTECT_SET_PROT, .limit_data = UINT64_MAX, .limit_bytes = UINT64_MAX};
	struct tess_map_spans own;
	struct tess_object *o;
	struct tess_map_new place = {
	    .len = 2 * PAGE, .addr = at(30), .place = TESS_PLACE_FIXED, .limits = no_limits};
	tess_va to;

	(void)state;
	assert_int_equal(tess_object_create(&zeros, NULL, 4 * PAGE, &o), TESS_OK);
	insert(10, 2, RW, NULL, 0);
	insert(20, 4, RW, o, TESS_ENTRY_SHARED);
	assert_int_equal(wire(10, 2, SYS), TESS_KERN_SUCCESS);
	assert_int_equal(wire(20, 4, SYS), TESS_KERN_SUCCESS);
	assert_int_equal(tess_map_discard(&map, at(10), at(12), TESS_ONLY_UNLOCKED, 0),
			 TESS_EINVAL);
	assert_int_equal(tess_object_sync(o, 0, 4, TESS_SYNC_INVALIDATE), TESS_EBUSY);
	assert_int_equal(tess_object_resident(o, 0, 4), 4);
	assert_int_equal(tess_map_set_prot(&map, at(10), at(12), &p, &own), TESS_OK);
	p.prot = RW;
	assert_int_equal(tess_map_set_prot(&map, at(10), at(12), &p, &own), TESS_OK);
	assert_int_equal(own.n, 1); /* the caller makes them the space's own */
	assert_int_equal(tess_map_populate(&map, own.at[0].start, own.at[0].end), TESS_OK);
	assert_true(present(10) && present(11));
	assert_int_equal(tess_map_init(&child, BASE, TOP, TOP), TESS_OK);
	assert_int_equal(tess_map_fork(&map, &child), TESS_OK);
	assert_int_equal(child.wired, 0);
	assert_int_equal(wired_bytes(), 6 * PAGE);
	tess_map_check(&child);
	tess_map_fini(&child);
	assert_int_equal(
	    tess_map_move(&map, at(10), 2 * PAGE, &place, TESS_MOVE_UNMAP, TESS_MOVE_ONE, &to),
	    TESS_OK);
	assert_int_equal(entry(30)->wired, 1); /* it goes along */
	assert_int_equal(map.wired, 6 * PAGE);
	assert_int_equal(tess_map_remove(&map, at(20), at(22), TESS_HOLES_SKIP), TESS_OK);
	assert_int_equal(wired_bytes(), 4 * PAGE);
	tess_object_unref(o);
}

/* ---- writers wait ---- */

static struct {
	enum tess_err (*call)(void);
	uint32_t started, err; /* A */
} writer;

static void *
writer_main(void *arg)
{
	(void)arg;
	tess_host_attach(vm_host, 1, false);
	tess_store_release(&writer.started, 1);
	tess_store_release(&writer.err, writer.call());
	tess_rcu_poll();
	tess_host_detach(vm_host);
	return NULL;
}

static enum tess_err
call_remove(void)
{
	return tess_map_remove(&map, at(11), at(12), TESS_HOLES_SKIP);
}

static enum tess_err
call_protect(void)
{
	struct tess_map_protection p = {.prot = R,
					.flags = TESS_PROTECT_SET_PROT,
					.limit_data = UINT64_MAX,
					.limit_bytes = UINT64_MAX};
	struct tess_map_spans own;

	return tess_map_set_prot(&map, at(9), at(12), &p, &own);
}

static enum tess_err
call_discard(void)
{
	return tess_map_discard(&map, at(10), at(14), TESS_ONLY_UNLOCKED, 0);
}

static enum tess_err
call_extend(void)
{
	return tess_map_extend(&map, at(14), at(15), &no_limits);
}

static enum tess_err
call_fork(void)
{
	return tess_map_fork(&map, &child);
}

/* waits: `call` of another CPU gets through only after the end of the wiring, and answers `err` then. */
static void
waits(enum tess_err (*call)(void), enum tess_wire_end end, enum tess_err err)
{
	pthread_t thread;

	writer.call = call;
	writer.started = 0;
	writer.err = TESS_ERR_COUNT;
	assert_int_equal(tess_map_wire_begin(&map, at(10), at(14), 0), TESS_OK);
	assert_int_equal(pthread_create(&thread, NULL, writer_main, NULL), 0);
	tess_host_offline(vm_host); /* a grace period in progress keeps the new thread out */
	while (!tess_load_acquire(&writer.started))
		sched_yield();
	nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
	tess_host_online(vm_host);
	assert_int_equal(tess_load_acquire(&writer.err), TESS_ERR_COUNT);
	assert_int_equal(tess_map_populate(&map, at(10), at(14)), TESS_OK); /* faults do not wait */
	assert_int_equal(map.entries, 1);
	assert_int_equal(tess_map_wire_end(&map, at(10), at(14), 0, UINT64_MAX, end), TESS_OK);
	tess_rcu_poll();
	tess_host_offline(vm_host);
	pthread_join(thread, NULL);
	tess_host_online(vm_host);
	assert_int_equal(writer.err, err);
	tess_map_check(&map);
	assert_int_equal(tess_map_remove(&map, at(0), at(20), TESS_HOLES_SKIP), TESS_OK);
}

static void
map_edit_begin_waits_for_the_wiring(void **state)
{
	(void)state;
	insert(10, 4, RW, NULL, 0);
	waits(call_remove, TESS_WIRE_DONE, TESS_OK);
	insert(10, 4, RW, NULL, 0);
	waits(call_protect, TESS_WIRE_CANCEL, TESS_OK);
	insert(10, 4, RW, NULL, 0);
	waits(call_discard, TESS_WIRE_DONE, TESS_EINVAL); /* locked by now */
	insert(10, 4, RW, NULL, 0);
	waits(call_discard, TESS_WIRE_CANCEL, TESS_OK);
	insert(10, 4, RW, NULL, 0);
	waits(call_extend, TESS_WIRE_DONE, TESS_OK);
	assert_int_equal(tess_map_init(&child, BASE, TOP, TOP), TESS_OK);
	insert(10, 4, RW, NULL, 0);
	waits(call_fork, TESS_WIRE_DONE, TESS_OK);
	assert_int_equal(child.locked, 0);
	tess_map_fini(&child);
}

/* What another CPU maps elsewhere does not wait, and does not join what is in transition. */
static void
map_insert_elsewhere_does_not_wait(void **state)
{
	struct tess_map_new new = {.len = PAGE,
				   .addr = at(14),
				   .place = TESS_PLACE_ANY,
				   .prot = RW,
				   .maxprot = TESS_PROT_ALL,
				   .limits = no_limits};
	tess_va va;

	(void)state;
	insert(10, 4, RW, NULL, 0);
	assert_int_equal(tess_map_wire_begin(&map, at(11), at(13), SYS), TESS_OK);
	assert_int_equal(tess_map_insert(&map, &new, &va), TESS_OK);
	assert_int_equal(va, at(14));
	assert_int_equal(map.entries, 2);
	assert_int_equal(tess_map_wire_end(&map, at(11), at(13), SYS, 0, TESS_WIRE_DONE), TESS_OK);
	assert_int_equal(map.entries, 3); /* what is behind the wired part has joined it */
	assert_int_equal(map.wired, 2 * PAGE);
}

#define WIRE_TEST(name, start)                   \
	{                                        \
#name, name, (start), stop, NULL \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    WIRE_TEST(map_wire_counts, start),
	    WIRE_TEST(map_wire_refuses, start),
	    WIRE_TEST(map_wire_maximum, start),
	    WIRE_TEST(map_wire_fails_at_each_allocation, start),
	    WIRE_TEST(map_wired_pages_stay, start),
	    WIRE_TEST(map_insert_elsewhere_does_not_wait, start),
	    WIRE_TEST(map_edit_begin_waits_for_the_wiring, start_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
