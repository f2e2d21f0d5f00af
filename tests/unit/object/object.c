/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object.c: the page cache of one backing: fetching, storing, truncating, reading, with a pager that can fail.
 */
#include <pthread.h>
#include <time.h>
#include "unit_vm.h"
#include "object_priv.h"

#define PAGE TESS_PAGE_SIZE

/* A backing of eight pages in memory. */
static struct {
	unsigned char data[8 * PAGE];
	unsigned gets, puts, detached;
	enum tess_err get, put, resize;
	const uint32_t *watch; /* A: what is there when a page is put? */
	uint32_t seen;
} disk;

static enum tess_err
disk_get(void *backing, tess_idx idx, unsigned n, void *const *data)
{
	assert_ptr_equal(backing, &disk);
	disk.gets++;
	for (unsigned i = 0; i < n && disk.get == TESS_OK; i++)
		memcpy(data[i], &disk.data[(idx + i) * PAGE], PAGE);
	return disk.get;
}

static enum tess_err
disk_put(void *backing, tess_idx idx, unsigned n, const void *const *data, uint64_t size)
{
	(void)backing, (void)size;
	disk.puts++;
	disk.seen = disk.watch != NULL ? tess_load_acquire(disk.watch) : 0;
	for (unsigned i = 0; i < n && disk.put == TESS_OK; i++)
		memcpy(&disk.data[(idx + i) * PAGE], data[i], PAGE);
	return disk.put;
}

static enum tess_err
disk_resize(void *backing, uint64_t size)
{
	(void)backing, (void)size;
	return disk.resize;
}

static void
disk_detach(void *backing)
{
	(void)backing;
	disk.detached++;
}

static const struct tess_pager_ops disk_ops = {"disk", disk_get, disk_put, disk_resize,
					       disk_detach};

static struct tess_object *
file(uint64_t size)
{
	struct tess_object *o;

	memset(&disk, 0, sizeof(disk));
	memset(disk.data, 'd', sizeof(disk.data));
	assert_int_equal(tess_object_create(&disk_ops, &disk, size, &o), TESS_OK);
	return o;
}

static enum tess_found
find(struct tess_object *o, tess_idx idx, struct tess_page **pg)
{
	enum tess_found found;

	*pg = NULL;
	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	found = tess_object_page_locked(o, idx, pg);
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
	return found;
}

static void
object_create(void **state)
{
	struct tess_object *o = NULL;

	(void)state;
	assert_int_equal(tess_object_create_zero(((uint64_t)1 << 63) + 1, &o), TESS_EINVAL);
	tess_host_fail_nth(vm_host, 1);
	assert_int_equal(tess_object_create_zero(PAGE, &o), TESS_ENOMEM);
	tess_host_fail_nth(vm_host, 0);
	assert_null(o);
	o = file(PAGE);
	assert_ptr_equal(tess_object_backing(o), &disk);
	assert_int_equal(tess_object_size(o), PAGE);
	tess_object_ref(o);
	tess_object_unref(o);
	assert_int_equal(disk.detached, 0);
	tess_object_unref(o);
	assert_int_equal(disk.detached, 1);
}

static void
object_page_of_zeros(void **state)
{
	struct tess_object *o;
	struct tess_page *pg, *again;

	(void)state;
	assert_int_equal(tess_object_create_zero(2 * PAGE, &o), TESS_OK);
	tess_host_fail_nth(vm_host, 1);
	assert_int_equal(find(o, 0, &pg), TESS_FOUND_NOMEM);
	tess_host_fail_nth(vm_host, 0);
	assert_int_equal(tess_object_resident(o, 0, 2), 0);
	assert_int_equal(find(o, 1, &pg), TESS_FOUND_PAGE);
	assert_int_equal(*(uint64_t *)tess_page_data(pg), 0);
	assert_int_equal(find(o, 1, &again), TESS_FOUND_PAGE);
	assert_ptr_equal(pg, again);
	assert_int_equal(find(o, 2, &pg), TESS_FOUND_BEYOND);
	tess_object_check(o);
	tess_object_unref(o);
}

/* A fault that found the object under RCU comes after its end: it gets no page, which nobody would free. */
static void
object_page_of_a_dying_object(void **state)
{
	struct tess_object *o;
	struct tess_page *pg;

	(void)state;
	assert_int_equal(tess_object_create_zero(2 * PAGE, &o), TESS_OK);
	assert_int_equal(find(o, 0, &pg), TESS_FOUND_PAGE);
	tess_rcu_enter();
	tess_object_unref(o);
	assert_int_equal(find(o, 0, &pg), TESS_FOUND_ABSENT);
	assert_false(tess_object_ref_try(o));
	tess_rcu_exit();
}

static void
object_fetch(void **state)
{
	struct tess_object *o = file(3 * PAGE);
	struct tess_page *pg;

	(void)state;
	assert_int_equal(find(o, 1, &pg), TESS_FOUND_ABSENT);
	disk.get = TESS_EIO;
	assert_int_equal(tess_object_fetch(o, 1), TESS_EIO);
	assert_int_equal(tess_object_resident(o, 0, 3), 0);
	assert_int_equal(o->busy, 0);
	disk.get = TESS_OK;
	tess_host_fail_nth(vm_host, 1);
	assert_int_equal(tess_object_fetch(o, 1), TESS_ENOMEM);
	tess_host_fail_nth(vm_host, 0);
	assert_int_equal(tess_object_fetch(o, 1), TESS_OK);
	assert_int_equal(find(o, 1, &pg), TESS_FOUND_PAGE);
	assert_memory_equal(tess_page_data(pg), "dddd", 4);
	assert_int_equal(tess_object_fetch(o, 1), TESS_OK);
	assert_int_equal(disk.gets, 2);
	assert_int_equal(tess_object_fetch(o, 3), TESS_OK); /* beyond: nothing to bring */
	assert_int_equal(disk.gets, 2);
	tess_object_check(o);
	tess_object_unref(o);
	assert_int_equal(disk.puts, 0); /* clean */
}

static void
object_busy(void **state)
{
	struct tess_object *o = file(PAGE);
	struct tess_page *pg;

	(void)state;
	assert_int_equal(tess_object_fetch(o, 0), TESS_OK);
	assert_int_equal(find(o, 0, &pg), TESS_FOUND_PAGE);
	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	tess_object_set_busy_locked(o, pg);
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
	tess_object_check(o);
	assert_int_equal(o->busy, 1);
	assert_int_equal(find(o, 0, &pg), TESS_FOUND_BUSY);
	assert_null(pg);
	pg = tess_radix_lookup_rcu(&o->pages, 0);
	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	tess_object_clear_busy_locked(o, pg);
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
	assert_int_equal(find(o, 0, &pg), TESS_FOUND_PAGE);
	tess_object_unref(o);
}

static void
object_write_and_sync(void **state)
{
	struct tess_object *o = file(2 * PAGE);
	char text[8] = {0};
	uint64_t done;

	(void)state;
	assert_int_equal(tess_object_write(o, PAGE - 2, "abcd", 4, &done), TESS_OK);
	assert_int_equal(done, 4);
	assert_memory_equal(&disk.data[PAGE - 2], "dddd", 4); /* in the cache only */
	disk.put = TESS_EIO;
	assert_int_equal(tess_object_sync(o, 0, 2, TESS_SYNC_CLEAN), TESS_EIO);
	assert_int_equal(tess_object_sync(o, 0, 2, TESS_SYNC_INVALIDATE), TESS_EIO);
	assert_int_equal(tess_object_resident(o, 0, 2), 2);
	disk.put = TESS_OK;
	disk.puts = 0;
	assert_int_equal(tess_object_sync(o, 1, 1, TESS_SYNC_CLEAN), TESS_OK);
	assert_int_equal(disk.puts, 1);
	assert_memory_equal(&disk.data[PAGE - 2], "ddcd", 4); /* the part asked for */
	assert_int_equal(tess_object_sync(o, 0, UINT64_MAX, TESS_SYNC_INVALIDATE), TESS_OK);
	assert_memory_equal(&disk.data[PAGE - 2], "abcd", 4);
	assert_int_equal(disk.puts, 2);
	assert_int_equal(tess_object_resident(o, 0, 2), 0);
	assert_int_equal(tess_object_read(o, PAGE - 2, text, 8, &done), TESS_OK);
	assert_memory_equal(text, "abcddd", 6);
	tess_object_check(o);
	tess_object_unref(o);
}

static void
object_sync_of_locked_pages(void **state)
{
	struct tess_object *o = file(PAGE);

	(void)state;
	assert_int_equal(tess_object_fetch(o, 0), TESS_OK);
	o->locked = 1;
	assert_int_equal(tess_object_sync(o, 0, 1, TESS_SYNC_INVALIDATE), TESS_EBUSY);
	assert_int_equal(tess_object_resident(o, 0, 1), 1);
	o->locked = 0;
	assert_int_equal(tess_object_sync(o, 0, 1, TESS_SYNC_INVALIDATE), TESS_OK);
	assert_int_equal(tess_object_resident(o, 0, 1), 0);
	tess_object_unref(o);
}

static void
object_sync_collects_translations(void **state)
{
	struct tess_object *o = file(PAGE);
	struct tess_gather g;
	struct tess_pmap *pm;
	struct tess_page *pg;

	(void)state;
	tess_gather_init(&g);
	assert_int_equal(tess_pmap_create(&pm), TESS_OK);
	assert_int_equal(tess_object_fetch(o, 0), TESS_OK);
	assert_int_equal(find(o, 0, &pg), TESS_FOUND_PAGE);
	assert_int_equal(tess_pmap_enter(pm, 0x10000, pg, TESS_PROT_READ | TESS_PROT_WRITE,
					 TESS_ENTER_WRITE, NULL, &g),
			 TESS_DONE);
	assert_int_equal(tess_object_sync(o, 0, 1, TESS_SYNC_CLEAN), TESS_OK);
	assert_int_equal(disk.puts, 1); /* dirty through the translation, which stays */
	assert_true(tess_pmap_extract(pm, 0x10000, NULL, NULL));
	assert_int_equal(tess_object_sync(o, 0, 1, TESS_SYNC_INVALIDATE), TESS_OK);
	assert_int_equal(disk.puts, 1);
	assert_false(tess_pmap_extract(pm, 0x10000, NULL, NULL));
	tess_gather_finish(&g);
	tess_pmap_destroy(pm);
	tess_object_unref(o);
}

/* A CPU that has removed a dirty translation, and flushes a moment later. */
static struct {
	struct tess_pmap *pm;
	uint32_t removed, flushed; /* A */
} slow;

static void *
slow_remove(void *arg)
{
	struct tess_gather g;

	tess_host_attach(vm_host, 1, false);
	tess_gather_init(&g);
	tess_pmap_remove(slow.pm, 0x10000, 0x11000, &g);
	tess_store_release(&slow.removed, 1);
	nanosleep(&(struct timespec){.tv_nsec = 20 * 1000 * 1000}, NULL);
	tess_store_release(&slow.flushed, 1);
	tess_gather_finish(&g);
	tess_rcu_poll();
	tess_host_detach(vm_host);
	return arg;
}

/* What is stored through a translation on its way out must not be missed by the put. */
static void
object_sync_waits_for_flushes_of_others(void **state)
{
	struct tess_object *o = file(PAGE);
	struct tess_gather g;
	struct tess_page *pg;
	pthread_t thread;

	(void)state;
	tess_gather_init(&g);
	slow.removed = slow.flushed = 0;
	assert_int_equal(tess_pmap_create(&slow.pm), TESS_OK);
	assert_int_equal(tess_object_fetch(o, 0), TESS_OK);
	assert_int_equal(find(o, 0, &pg), TESS_FOUND_PAGE);
	assert_int_equal(tess_pmap_enter(slow.pm, 0x10000, pg, TESS_PROT_READ | TESS_PROT_WRITE,
					 TESS_ENTER_WRITE, NULL, &g),
			 TESS_DONE);
	tess_gather_finish(&g);
	tess_pmap_activate(slow.pm);
	disk.watch = &slow.flushed;
	assert_int_equal(pthread_create(&thread, NULL, slow_remove, NULL), 0);
	while (!tess_load_acquire(&slow.removed))
		sched_yield();
	assert_int_equal(tess_object_sync(o, 0, 1, TESS_SYNC_CLEAN), TESS_OK);
	assert_int_equal(disk.puts, 1);
	assert_true(disk.seen);
	tess_host_offline(vm_host);
	pthread_join(thread, NULL);
	tess_host_online(vm_host);
	tess_pmap_activate(NULL);
	tess_pmap_destroy(slow.pm);
	tess_object_unref(o);
}

static void
object_set_size(void **state)
{
	struct tess_object *o = file(2 * PAGE);
	struct tess_page *pg;
	char text[4];
	uint64_t done;

	(void)state;
	assert_int_equal(tess_object_fetch(o, 0), TESS_OK);
	assert_int_equal(tess_object_fetch(o, 1), TESS_OK);
	disk.resize = TESS_EIO;
	assert_int_equal(tess_object_set_size(o, 100), TESS_EIO);
	assert_int_equal(tess_object_size(o), 2 * PAGE);
	assert_int_equal(tess_object_resident(o, 0, 2), 2);
	disk.resize = TESS_OK;
	assert_int_equal(tess_object_set_size(o, 100), TESS_OK);
	assert_int_equal(tess_object_resident(o, 0, 2), 1);
	assert_int_equal(find(o, 0, &pg), TESS_FOUND_PAGE); /* a mapping would show it at once */
	assert_memory_equal((char *)tess_page_data(pg) + 98, "dd\0\0", 4);
	assert_int_equal(tess_object_set_size(o, PAGE), TESS_OK);
	assert_int_equal(tess_object_read(o, 98, text, 4, &done), TESS_OK);
	assert_memory_equal(text, "dd\0\0", 4); /* what was cut off is zero for ever */
	assert_int_equal(tess_object_set_size(o, ((uint64_t)1 << 63) + 1), TESS_EINVAL);
	tess_object_check(o);
	tess_object_unref(o);
}

static void
object_read_and_write_the_end(void **state)
{
	struct tess_object *o = file(10);
	char text[16];
	uint64_t done;

	(void)state;
	assert_int_equal(tess_object_read(o, 6, text, 16, &done), TESS_OK);
	assert_int_equal(done, 4); /* reading stops at the end */
	assert_int_equal(tess_object_read(o, 10, text, 16, &done), TESS_OK);
	assert_int_equal(done, 0);
	assert_int_equal(tess_object_write(o, 3 * PAGE, "x", 1, &done), TESS_OK);
	assert_int_equal(tess_object_size(o), 3 * PAGE + 1); /* writing moves it */
	assert_int_equal(tess_object_write(o, UINT64_MAX, "xy", 2, &done), TESS_EINVAL);
	disk.get = TESS_EIO;
	assert_int_equal(tess_object_read(o, 2 * PAGE, text, 1, &done), TESS_EIO);
	assert_int_equal(done, 0);
	disk.get = TESS_OK;
	tess_object_unref(o);
	assert_int_equal(disk.data[3 * PAGE], 'x'); /* stored before the backing is left */
}

static void
object_zero_a_file(void **state)
{
	struct tess_object *o = file(2 * PAGE + 10);
	char text[4];
	uint64_t done;

	(void)state;
	assert_int_equal(tess_object_zero(o, 1, PAGE), TESS_EINVAL);
	assert_int_equal(tess_object_zero(o, 0, 1), TESS_EINVAL);
	assert_int_equal(tess_object_zero(o, UINT64_MAX - PAGE + 1, PAGE), TESS_EINVAL);
	disk.get = TESS_EIO;
	assert_int_equal(tess_object_zero_prepare(o, 0, PAGE), TESS_EIO);
	assert_int_equal(tess_object_zero(o, 0, PAGE), TESS_EIO);
	disk.get = TESS_OK;
	assert_int_equal(tess_object_zero(o, PAGE, 8 * PAGE),
			 TESS_OK); /* beyond the end: nothing */
	assert_int_equal(tess_object_size(o), 2 * PAGE + 10);
	assert_int_equal(tess_object_read(o, PAGE - 1, text, 2, &done), TESS_OK);
	assert_int_equal(text[0], 'd');
	assert_int_equal(text[1], 0);
	assert_int_equal(tess_object_sync(o, 0, 3, TESS_SYNC_CLEAN), TESS_OK);
	assert_int_equal(disk.data[PAGE], 0); /* the backing has them too */
	assert_int_equal(disk.data[0], 'd');
	tess_object_unref(o);
}

static void
object_zero_memory(void **state)
{
	struct tess_object *o;
	uint64_t done;

	(void)state;
	assert_int_equal(tess_object_create_zero(4 * PAGE, &o), TESS_OK);
	assert_int_equal(tess_object_write(o, 0, "a", 1, &done), TESS_OK);
	assert_int_equal(tess_object_write(o, 2 * PAGE, "b", 1, &done), TESS_OK);
	assert_int_equal(tess_object_zero(o, 0, PAGE), TESS_OK);
	assert_int_equal(tess_object_resident(o, 0, 4), 1); /* given back */
	tess_add_relaxed(&o->locked, 1);
	assert_int_equal(tess_object_zero(o, 0, 4 * PAGE), TESS_OK);
	tess_sub_acqrel(&o->locked, 1);
	assert_int_equal(tess_object_resident(o, 0, 4), 1); /* locked: kept, but zeros */
	{
		char byte = 'x';

		assert_int_equal(tess_object_read(o, 2 * PAGE, &byte, 1, &done), TESS_OK);
		assert_int_equal(byte, 0);
	}
	tess_object_unref(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    VM_TEST(object_create, vm_start),
	    VM_TEST(object_page_of_zeros, vm_start),
	    VM_TEST(object_page_of_a_dying_object, vm_start),
	    VM_TEST(object_fetch, vm_start),
	    VM_TEST(object_busy, vm_start),
	    VM_TEST(object_write_and_sync, vm_start),
	    VM_TEST(object_sync_of_locked_pages, vm_start),
	    VM_TEST(object_sync_collects_translations, vm_start),
	    VM_TEST(object_sync_waits_for_flushes_of_others, vm_start_threads),
	    VM_TEST(object_set_size, vm_start),
	    VM_TEST(object_read_and_write_the_end, vm_start),
	    VM_TEST(object_zero_a_file, vm_start),
	    VM_TEST(object_zero_memory, vm_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
