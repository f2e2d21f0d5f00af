/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.c: the fault machine from inside: what each kind of access finds, and the moments in which an
 * unmap or a fork may come between.
 *
 * RACES BY HAND.  A second thread faults and is made to wait at a lock that a third one holds;
 * meanwhile the first thread changes the map; then the lock is let go.  The fault has read the entry before
 * the change and acts after it, which is the race, every time.
 */
#include <pthread.h>
#include <time.h>
#include "unit_vm.h"
#include "fault.h"

#define PAGE TESS_PAGE_SIZE
#define BASE ((tess_va)0x10000000)
#define R    TESS_PROT_READ
#define RW   (TESS_PROT_READ | TESS_PROT_WRITE)

static struct tess_map map, child;
static const struct tess_map_limits no_limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX};

/* ---- a pager that counts, fails, and may do something in the middle of a get ---- */

static struct {
	unsigned gets, puts, detached;
	enum tess_err answer;
	void (*meanwhile)(void);
} pager;

static enum tess_err
pager_get(void *backing, tess_idx idx, unsigned n, void *const *data)
{
	(void)backing;
	pager.gets++;
	for (unsigned i = 0; i < n; i++) {
		memset(data[i], 0, PAGE);
		*(uint64_t *)data[i] = 1000 + idx + i;
	}
	if (pager.meanwhile != NULL)
		pager.meanwhile();
	return pager.answer;
}

static enum tess_err
pager_put(void *backing, tess_idx idx, unsigned n, const void *const *data, uint64_t size)
{
	(void)backing, (void)idx, (void)n, (void)data, (void)size;
	pager.puts++;
	return TESS_OK;
}

static enum tess_err
pager_resize(void *backing, uint64_t size)
{
	(void)backing, (void)size;
	return TESS_OK;
}

static void
pager_detach(void *backing)
{
	(void)backing;
	pager.detached++;
}

static const struct tess_pager_ops pager_ops = {"test", pager_get, pager_put, pager_resize,
						pager_detach};

/* ---- the map ---- */

static tess_va
at(unsigned page)
{
	return BASE + page * PAGE;
}

static void
insert(unsigned page, unsigned n, tess_prot prot, struct tess_object *o, uint16_t flags)
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

static struct tess_object *
file(uint64_t pages)
{
	struct tess_object *o;

	memset(&pager, 0, sizeof(pager));
	assert_int_equal(tess_object_create(&pager_ops, NULL, pages * PAGE, &o), TESS_OK);
	return o;
}

static enum tess_err
fault(struct tess_map *m, unsigned page, enum tess_access access)
{
	enum tess_err e = tess_map_fault(m, at(page) + 123, access);

	tess_rcu_poll();
	tess_map_check(m);
	return e;
}

/* word: the first word of the frame that a page translates to; *prot its rights. */
static uint64_t *
word(struct tess_map *m, unsigned page, tess_prot *prot)
{
	tess_pa pa;

	assert_true(tess_pmap_extract(m->pmap, at(page), &pa, prot));
	return tess_port_direct(pa);
}

static struct tess_anon *
anon(struct tess_map *m, unsigned page)
{
	struct tess_entry *e = tess_map_lookup_rcu(m, at(page));
	tess_idx slot;

	if (e == NULL)
		return NULL;
	slot = tess_entry_slot(e, at(page));
	return tess_amap_next(e->amap, &slot, slot + 1);
}

static int
start(void **state)
{
	vm_start(state);
	assert_int_equal(tess_map_init(&map, BASE, BASE + 0x800 * PAGE, BASE + 0x800 * PAGE),
			 TESS_OK);
	return 0;
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

/* ---- one thread ---- */

static void
map_fault_zero(void **state)
{
	tess_prot prot;

	(void)state;
	insert(10, 4, RW, NULL, 0);
	assert_int_equal(fault(&map, 10, TESS_ACCESS_READ), TESS_OK);
	assert_ptr_equal(word(&map, 10, &prot), tess_page_data(tess_zero_page()));
	assert_int_equal(prot, R);
	assert_null(anon(&map, 10));
	assert_int_equal(fault(&map, 10, TESS_ACCESS_WRITE), TESS_OK);
	assert_ptr_equal(word(&map, 10, &prot), tess_page_data(anon(&map, 10)->page));
	assert_int_equal(prot, RW);
	assert_int_equal(*word(&map, 10, &prot), 0);
	assert_int_equal(tess_amap_count(map.home, 0, (uint64_t)1 << 52), 1);
}

static void
map_fault_refuses(void **state)
{
	(void)state;
	insert(10, 2, R, NULL, 0);
	insert(12, 2, TESS_PROT_NONE, NULL, 0);
	assert_int_equal(fault(&map, 9, TESS_ACCESS_READ), TESS_SIGSEGV);
	assert_int_equal(fault(&map, 10, TESS_ACCESS_WRITE), TESS_SIGSEGV);
	assert_int_equal(fault(&map, 10, TESS_ACCESS_EXEC), TESS_SIGSEGV);
	assert_int_equal(fault(&map, 12, TESS_ACCESS_READ), TESS_SIGSEGV);
	assert_int_equal(tess_map_fault(&map, map.max, TESS_ACCESS_READ), TESS_SIGSEGV);
	assert_int_equal(tess_map_fault(&map, map.min - 1, TESS_ACCESS_READ), TESS_SIGSEGV);
	assert_int_equal(tess_pmap_resident(map.pmap, map.min, map.max), 0);
}

static void
map_fault_copies_and_takes_over(void **state)
{
	struct tess_page *first;
	tess_prot prot;

	(void)state;
	insert(10, 2, RW, NULL, 0);
	assert_int_equal(fault(&map, 10, TESS_ACCESS_WRITE), TESS_OK);
	*word(&map, 10, &prot) = 77;
	first = anon(&map, 10)->page;
	assert_int_equal(tess_map_init(&child, map.min, map.max, map.top), TESS_OK);
	assert_int_equal(tess_map_fork(&map, &child), TESS_OK);
	assert_int_equal(fault(&child, 10, TESS_ACCESS_READ), TESS_OK);
	assert_ptr_equal(anon(&child, 10)->page, first);
	(void)word(&child, 10, &prot);
	assert_int_equal(prot, R);
	assert_int_equal(fault(&child, 10, TESS_ACCESS_WRITE), TESS_OK);
	assert_ptr_not_equal(anon(&child, 10)->page, first);
	assert_int_equal(*word(&child, 10, &prot), 77);
	assert_int_equal(prot, RW);
	*word(&child, 10, &prot) = 78;
	assert_int_equal(*word(&map, 10, &prot), 77);
	assert_int_equal(prot, R);
	tess_map_fini(&child);
	/* The last holder writes to the page itself. */
	assert_int_equal(fault(&map, 10, TESS_ACCESS_WRITE), TESS_OK);
	assert_ptr_equal(anon(&map, 10)->page, first);
	(void)word(&map, 10, &prot);
	assert_int_equal(prot, RW);
}

static void
map_fault_lower(void **state)
{
	struct tess_object *o = file(3);
	tess_prot prot;

	(void)state;
	insert(10, 5, RW, o, 0);
	insert(20, 3, RW, o, TESS_ENTRY_SHARED);
	assert_int_equal(fault(&map, 11, TESS_ACCESS_READ), TESS_OK);
	assert_int_equal(pager.gets, 1);
	assert_int_equal(*word(&map, 11, &prot), 1001);
	assert_int_equal(prot, R);
	assert_int_equal(fault(&map, 21, TESS_ACCESS_WRITE), TESS_OK);
	assert_int_equal(pager.gets, 1);
	assert_ptr_equal(word(&map, 21, &prot), word(&map, 11, &prot));
	(void)word(&map, 21, &prot);
	assert_int_equal(prot, RW);
	/* Promotion: a private copy, whoever read it before. */
	assert_int_equal(fault(&map, 11, TESS_ACCESS_WRITE), TESS_OK);
	assert_int_equal(*word(&map, 11, &prot), 1001);
	*word(&map, 11, &prot) = 5;
	assert_int_equal(*word(&map, 21, &prot), 1001);
	assert_int_equal(fault(&map, 12, TESS_ACCESS_WRITE), TESS_OK); /* fetched for it */
	assert_int_equal(*word(&map, 12, &prot), 1002);
	assert_int_equal(fault(&map, 13, TESS_ACCESS_READ), TESS_SIGBUS); /* beyond the end */
	assert_int_equal(fault(&map, 13, TESS_ACCESS_WRITE), TESS_SIGBUS);
	assert_null(anon(&map, 13));
	assert_int_equal(tess_object_set_size(o, PAGE), TESS_OK);
	assert_false(tess_pmap_extract(map.pmap, at(21), NULL, NULL));
	assert_int_equal(fault(&map, 21, TESS_ACCESS_READ), TESS_SIGBUS);
	assert_int_equal(*word(&map, 11, &prot), 5); /* private copies stay */
	tess_object_unref(o);
}

static void
map_fault_with_a_failing_pager(void **state)
{
	struct tess_object *o = file(3);

	(void)state;
	insert(10, 3, RW, o, 0);
	pager.answer = TESS_EIO;
	assert_int_equal(fault(&map, 10, TESS_ACCESS_READ), TESS_SIGBUS);
	assert_int_equal(fault(&map, 10, TESS_ACCESS_WRITE), TESS_SIGBUS);
	assert_null(anon(&map, 10));
	assert_int_equal(tess_object_resident(o, 0, 3), 0);
	pager.answer = TESS_OK;
	assert_int_equal(fault(&map, 10, TESS_ACCESS_WRITE), TESS_OK);
	assert_int_equal(pager.gets, 3);
	tess_object_unref(o);
}

static void
unmap_meanwhile(void)
{
	pager.meanwhile = NULL;
	assert_int_equal(tess_map_remove(&map, at(10), at(13), TESS_HOLES_SKIP), TESS_OK);
}

static void
map_fault_looks_again_after_io(void **state)
{
	struct tess_object *o = file(3);

	(void)state;
	insert(10, 3, RW, o, 0);
	tess_object_unref(o); /* the fault keeps it alive while the entry goes */
	pager.meanwhile = unmap_meanwhile;
	assert_int_equal(fault(&map, 10, TESS_ACCESS_READ), TESS_SIGSEGV);
	assert_int_equal(pager.detached, 1);
	assert_int_equal(tess_pmap_resident(map.pmap, map.min, map.max), 0);
}

static void
map_fault_without_memory(void **state)
{
	static const enum tess_access access[] = {TESS_ACCESS_READ, TESS_ACCESS_WRITE};
	struct tess_object *o = file(3);

	(void)state;
	insert(10, 4, RW, NULL, 0);
	insert(600, 3, RW, o, 0);
	for (unsigned i = 0; i < 4; i++) {
		unsigned page = i < 2 ? 10 : 600;
		uint64_t anons = tess_amap_count(map.home, 0, (uint64_t)1 << 52);
		uint64_t n = 1;

		for (;; n++) {
			enum tess_err e;

			tess_host_fail_nth(vm_host, n);
			e = fault(&map, page, access[i % 2]);
			if (!tess_host_fail_hit(vm_host)) {
				assert_int_equal(e, TESS_OK);
				break;
			}
			/* a transfer that failed is SIGBUS */
			assert_true(e == TESS_ENOMEM || (i >= 2 && e == TESS_SIGBUS));
			assert_int_equal(tess_amap_count(map.home, 0, (uint64_t)1 << 52), anons);
			assert_true(i % 2 == 1 ||
				    !tess_pmap_extract(map.pmap, at(page), NULL, NULL));
		}
		tess_host_fail_nth(vm_host, 0);
		assert_true(n > 1);
	}
	tess_object_unref(o);
}

static void
map_populate(void **state)
{
	(void)state;
	insert(10, 2, RW, NULL, 0);
	insert(12, 2, R, NULL, 0);
	insert(14, 2, TESS_PROT_NONE, NULL, 0);
	assert_int_equal(tess_map_populate(&map, at(10), at(14)), TESS_OK);
	assert_int_equal(tess_amap_count(map.home, 0, (uint64_t)1 << 52), 2);
	assert_int_equal(tess_pmap_resident(map.pmap, map.min, map.max), 4);
	assert_int_equal(tess_map_populate(&map, at(13), at(15)), TESS_EFAULT);
	assert_int_equal(tess_map_touch(&map, at(15), at(17), TESS_ACCESS_READ), TESS_EFAULT);
}

/* ---- races by hand ---- */

struct faulter {
	pthread_t thread;
	unsigned page;
	enum tess_access access;
	enum tess_err err; /* A: TESS_ERR_COUNT while it runs */
};

/* A thread that holds a spin lock until it is told to let go. */
struct holder {
	pthread_t thread;
	struct tess_spin *lock;
	enum tess_rank rank;
	uint32_t holds, let_go; /* A */
};

static void
wait_a_moment(void)
{
	nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
}

static void *
faulter_main(void *arg)
{
	struct faulter *f = arg;
	enum tess_err e;

	tess_host_attach(vm_host, 1, false);
	e = tess_map_fault(&map, at(f->page), f->access);
	tess_rcu_poll();
	tess_host_detach(vm_host);
	tess_store_release(&f->err, e);
	return NULL;
}

static void *
holder_main(void *arg) TESS_NO_ANALYSIS
{
	struct holder *h = arg;

	tess_host_attach(vm_host, 2, false);
	tess_spin_lock(h->lock, h->rank);
	tess_store_release(&h->holds, 1);
	while (!tess_load_acquire(&h->let_go))
		sched_yield();
	tess_spin_unlock(h->lock, h->rank);
	tess_host_detach(vm_host);
	return NULL;
}

/* race_begin: the fault has read its entry and waits for the lock. */
static void
race_begin(struct holder *h, struct faulter *f)
{
	uint64_t faults = tess_stat_get(TESS_STAT_FAULT);

	assert_int_equal(pthread_create(&h->thread, NULL, holder_main, h), 0);
	while (!tess_load_acquire(&h->holds))
		sched_yield();
	f->err = TESS_ERR_COUNT;
	assert_int_equal(pthread_create(&f->thread, NULL, faulter_main, f), 0);
	while (tess_stat_get(TESS_STAT_FAULT) == faults)
		sched_yield();
	wait_a_moment();
	assert_int_equal(tess_load_acquire(&f->err), TESS_ERR_COUNT);
}

static void
race_let_go(struct holder *h)
{
	tess_store_release(&h->let_go, 1);
	tess_host_offline(vm_host);
	pthread_join(h->thread, NULL);
	tess_host_online(vm_host);
}

static void
race_end(struct faulter *f)
{
	tess_host_offline(vm_host);
	pthread_join(f->thread, NULL);
	tess_host_online(vm_host);
}

static int
start_threads(void **state)
{
	struct tess_host_config cfg = {.isa = TESS_HOST_X86_64,
				       .drive = TESS_HOST_THREADS,
				       .ncpu = 4,
				       .ram = (uint64_t)8 << 20};

	(void)state;
	vm_host = tess_host_create(&cfg);
	assert_non_null(vm_host);
	assert_int_equal(tess_map_init(&map, BASE, BASE + 0x800 * PAGE, BASE + 0x800 * PAGE),
			 TESS_OK);
	return 0;
}

/* An unmap comes between the look-up of a shared mapping and its translation. */
static void
map_fault_sees_dead_when_it_enters(void **state)
{
	struct faulter f = {.page = 10, .access = TESS_ACCESS_READ};
	struct tess_object *o;
	struct holder h;

	(void)state;
	assert_int_equal(tess_object_create_zero(PAGE, &o), TESS_OK);
	insert(10, 1, RW, o, TESS_ENTRY_SHARED);
	h = (struct holder){.lock = &o->lock, .rank = TESS_RANK_OBJECT};
	race_begin(&h, &f);
	assert_int_equal(tess_map_remove(&map, at(10), at(11), TESS_HOLES_SKIP), TESS_OK);
	race_let_go(&h);
	race_end(&f);
	assert_int_equal(f.err, TESS_SIGSEGV);
	assert_false(tess_pmap_extract(map.pmap, at(10), NULL, NULL));
	tess_object_unref(o);
}

/* A writer takes hold of the entry between its look-up and the lock of its chunk. */
static void
map_fault_sees_held_under_the_chunk_lock(void **state)
{
	struct faulter f = {.page = 11, .access = TESS_ACCESS_WRITE};
	struct tess_map_edit ed;
	struct tess_chunk *c;
	struct tess_entry *e;
	struct holder h;

	(void)state;
	insert(10, 2, RW, NULL, 0);
	assert_int_equal(tess_map_fault(&map, at(10), TESS_ACCESS_WRITE), TESS_OK);
	e = tess_map_lookup_rcu(&map, at(10));
	assert_int_equal(tess_chunk_lock(e->amap, tess_entry_slot(e, at(11)), TESS_CHUNK_LOOK, &c),
			 TESS_DONE);
	tess_chunk_unlock(c);
	h = (struct holder){.lock = &c->lock, .rank = TESS_RANK_CHUNK};
	tess_map_edit_begin(&ed, &map, map.min, map.max);
	race_begin(&h, &f);
	tess_store_release(&e->held, 1);
	race_let_go(&h);
	wait_a_moment();
	assert_int_equal(tess_load_acquire(&f.err), TESS_ERR_COUNT); /* it waits for the writer */
	assert_null(anon(&map, 11));
	assert_false(tess_pmap_extract(map.pmap, at(11), NULL, NULL));
	tess_store_release(&e->held, 0);
	tess_map_edit_end(&ed);
	race_end(&f);
	assert_int_equal(f.err, TESS_OK);
	assert_non_null(anon(&map, 11));
}

static void *
forker_main(void *arg)
{
	enum tess_err *e = arg;

	tess_host_attach(vm_host, 3, false);
	*e = tess_map_fork(&map, &child);
	tess_rcu_poll();
	tess_host_detach(vm_host);
	return NULL;
}

/* chunk_refs: amaps that hold the chunk behind a page. */
static uint32_t
chunk_refs(unsigned page, struct tess_chunk **c)
{
	uint32_t refs;

	assert_int_equal(tess_chunk_lock(map.home, at(page) >> TESS_PAGE_SHIFT, TESS_CHUNK_LOOK, c),
			 TESS_DONE);
	refs = (*c)->refs;
	tess_chunk_unlock(*c);
	return refs;
}

/*
 * Fork has shared a page and not flushed yet: a CPU may still write to it through its TLB.  A fault that
 * copied it now would lose that.
 */
static void
map_fault_waits_for_fork(void **state)
{
	struct faulter f = {.page = 10, .access = TESS_ACCESS_WRITE};
	enum tess_err forked = TESS_ERR_COUNT;
	struct tess_chunk *c;
	struct holder h;
	pthread_t forker;
	tess_prot prot;
	uint64_t *frame;

	(void)state;
	insert(10, 1, RW, NULL, 0);
	insert(600, 1, RW, NULL, 0); /* another chunk, where fork is stopped */
	assert_int_equal(tess_map_fault(&map, at(10), TESS_ACCESS_WRITE), TESS_OK);
	assert_int_equal(tess_map_fault(&map, at(600), TESS_ACCESS_WRITE), TESS_OK);
	assert_int_equal(tess_map_init(&child, map.min, map.max, map.top), TESS_OK);
	frame = word(&map, 10, &prot);
	*frame = 1;
	assert_int_equal(chunk_refs(600, &c), 1);
	h = (struct holder){.lock = &c->lock, .rank = TESS_RANK_CHUNK};
	assert_int_equal(pthread_create(&h.thread, NULL, holder_main, &h), 0);
	tess_host_offline(vm_host); /* a grace period in progress keeps new threads out */
	while (!tess_load_acquire(&h.holds))
		sched_yield();
	tess_host_online(vm_host);
	assert_int_equal(pthread_create(&forker, NULL, forker_main, &forked), 0);
	while (chunk_refs(10, &c) != 2)
		sched_yield();
	f.err = TESS_ERR_COUNT;
	assert_int_equal(pthread_create(&f.thread, NULL, faulter_main, &f), 0);
	wait_a_moment();
	tess_store_relaxed(frame, 2); /* the CPU with the stale translation */
	race_let_go(&h);
	race_end(&f);
	tess_host_offline(vm_host);
	pthread_join(forker, NULL);
	tess_host_online(vm_host);
	assert_int_equal(forked, TESS_OK);
	assert_int_equal(f.err, TESS_OK);
	assert_ptr_not_equal(word(&map, 10, &prot), frame);
	assert_int_equal(*word(&map, 10, &prot), 2);
	tess_map_fini(&child);
}

#define FAULT_TEST(name, begin)                \
	{                                      \
#name, name, begin, stop, NULL \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    FAULT_TEST(map_fault_zero, start),
	    FAULT_TEST(map_fault_refuses, start),
	    FAULT_TEST(map_fault_copies_and_takes_over, start),
	    FAULT_TEST(map_fault_lower, start),
	    FAULT_TEST(map_fault_with_a_failing_pager, start),
	    FAULT_TEST(map_fault_looks_again_after_io, start),
	    FAULT_TEST(map_fault_without_memory, start),
	    FAULT_TEST(map_populate, start),
	    FAULT_TEST(map_fault_sees_dead_when_it_enters, start_threads),
	    FAULT_TEST(map_fault_sees_held_under_the_chunk_lock, start_threads),
	    FAULT_TEST(map_fault_waits_for_fork, start_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
