/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * extract.c: what is mapped in one place appears in another: from map to map and within one, with every allocation
 * failing in turn; and the identity of bytes.
 */
#include "unit_map.h"
#include "fault.h"

static struct tess_map other;

static int
start_two(void **state)
{
	start(state);
	assert_int_equal(tess_map_init(&other, BASE, BASE + 0x800 * PAGE, TOP), TESS_OK);
	return 0;
}

static void
down_two(void)
{
	tess_map_check(&other);
	tess_map_fini(&other);
	down();
}

static int
stop_two(void **state)
{
	(void)state;
	return vm_down(down_two);
}

/* store, see: an access of this CPU's in a map, through a fault; 0 is the word of an untouched page. */
static uint64_t *
word_of(struct tess_map *m, unsigned page, enum tess_access access)
{
	tess_pa pa = 0;
	tess_prot prot = 0;

	assert_int_equal(tess_map_fault(m, at(page), access), TESS_OK);
	assert_true(tess_pmap_extract(m->pmap, at(page), &pa, &prot));
	assert_true(access != TESS_ACCESS_WRITE || (prot & TESS_PROT_WRITE));
	return tess_port_direct(pa);
}

static void
store(struct tess_map *m, unsigned page, uint64_t value)
{
	*word_of(m, page, TESS_ACCESS_WRITE) = value;
}

static uint64_t
see(struct tess_map *m, unsigned page)
{
	return *word_of(m, page, TESS_ACCESS_READ);
}

/* The extraction that is made to fail. */
static struct {
	struct tess_map *dst;
	unsigned from, n, to;
	enum tess_extract how;
	char other_before[2000];
	uint64_t other_anons;
} ask;

static enum tess_err
extract_once(void)
{
	tess_va to = ask.to != 0 ? at(ask.to) : 0;
	enum tess_kern kern;

	kern = tess_map_extract(&map, at(ask.from), ask.n * PAGE, ask.dst, &to, ask.how);
	tess_map_check(&other);
	if (kern == TESS_KERN_SUCCESS)
		return TESS_OK;
	assert_int_equal(kern, TESS_KERN_RESOURCE_SHORTAGE);
	EXPECT(&other, ask.other_before);
	assert_int_equal(tess_amap_count(other.home, 0, (uint64_t)1 << 52), ask.other_anons);
	assert_int_equal(to, ask.to != 0 ? at(ask.to) : 0);
	return TESS_ENOMEM;
}

static void
extracts(struct tess_map *dst, unsigned from, unsigned n, unsigned to, enum tess_extract how)
{
	ask.dst = dst;
	ask.from = from;
	ask.n = n;
	ask.to = to;
	ask.how = how;
	fails_forgets = how == TESS_EXTRACT_SHARE; /* the pages move to another amap and back */
	ask.other_anons = tess_amap_count(other.home, 0, (uint64_t)1 << 52);
	strcpy(ask.other_before, layout(&other));
	fails(extract_once);
}

/* scene: pages 10-15 private with numbers, a hole, 18-19 of an object, shared. */
static void
scene(void)
{
	insert(10, 6, RW);
	insert_object(18, 2, 4 * PAGE, TESS_ENTRY_SHARED);
	for (unsigned i = 10; i < 15; i++)
		fill(i, i);
}

static void
extract_move(void **state)
{
	(void)state;
	scene();
	extracts(&other, 12, 8, 40, TESS_EXTRACT_MOVE);
	EXPECT(&map, "a-crw");
	EXPECT(&other, "28-2crw 2e-30rws");
	assert_int_equal(number(11), 11);
	assert_int_equal(number_in(&other, 40), 12);
	assert_int_equal(number_in(&other, 42), 14);
	assert_int_equal(number_in(&other, 43), 0);
	assert_int_equal(tess_amap_count(map.home, 0, (uint64_t)1 << 52), 2);
	assert_int_equal(tess_map_lookup_rcu(&other, at(46))->off, 4 * PAGE);
	assert_false(tess_pmap_extract(map.pmap, at(12), NULL, NULL));
	store(&other, 41, 99);
	assert_int_equal(see(&other, 41), 99);
}

static void
extract_move_within_a_map(void **state)
{
	(void)state;
	scene();
	extracts(&map, 11, 9, 60, TESS_EXTRACT_MOVE);
	EXPECT(&map, "a-brw 3c-41rw 43-45rws");
	assert_int_equal(number(60), 11);
	assert_int_equal(number(63), 14);
}

static void
extract_copy(void **state)
{
	(void)state;
	scene();
	extracts(&other, 12, 8, 40, TESS_EXTRACT_COPY);
	EXPECT(&map, "a-10rw 12-14rws");
	EXPECT(&other, "28-2crw 2e-30rw"); /* private from here on, the object's too */
	store(&map, 12, 120);
	assert_int_equal(see(&other, 40), 12);
	store(&other, 41, 410);
	assert_int_equal(see(&map, 13), 13);
	assert_int_equal(see(&other, 41), 410);
	assert_int_equal(see(&other, 43), 0);
	store(&map, 18, 18); /* of the object: not yet copied, so it is seen */
	assert_int_equal(see(&other, 46), 18);
	store(&other, 46, 46);
	assert_int_equal(see(&map, 18), 18);
	tess_map_check(&map);
	tess_map_check(&other);
}

/* The source could still be written through a translation that was made before. */
static void
extract_copy_write_protects(void **state)
{
	tess_prot prot = 0;

	(void)state;
	insert(10, 4, RW);
	store(&map, 10, 1);
	store(&map, 13, 1);
	extracts(&other, 10, 3, 40, TESS_EXTRACT_COPY);
	assert_true(!tess_pmap_extract(map.pmap, at(10), NULL, &prot) || !(prot & TESS_PROT_WRITE));
	assert_true(tess_pmap_extract(map.pmap, at(13), NULL, &prot));
	assert_true(prot & TESS_PROT_WRITE); /* not copied: left alone */
	tess_map_check(&map);
}

static void
extract_copy_within_a_map(void **state)
{
	(void)state;
	scene();
	extracts(&map, 10, 6, 16 + 20, TESS_EXTRACT_COPY);
	EXPECT(&map, "a-10rw 12-14rws 24-2arw");
	store(&map, 10, 100);
	assert_int_equal(see(&map, 36), 10);
	store(&map, 37, 370);
	assert_int_equal(see(&map, 11), 11);
	removes(20, 40);
	extracts(&map, 10, 6, 20, TESS_EXTRACT_COPY);
	assert_int_equal(see(&map, 20), 100);
}

/* A copy that touches its source is one entry with it, and still a copy. */
static void
extract_copy_beside_itself(void **state)
{
	tess_va to = at(14);

	(void)state;
	insert(10, 4, RW);
	store(&map, 10, 10);
	assert_int_equal(tess_map_extract(&map, at(10), 4 * PAGE, &map, &to, TESS_EXTRACT_COPY),
			 TESS_KERN_SUCCESS);
	EXPECT(&map, "a-12rw");
	store(&map, 10, 11);
	assert_int_equal(see(&map, 14), 10);
}

static void
extract_share(void **state)
{
	(void)state;
	scene();
	extracts(&other, 12, 8, 40, TESS_EXTRACT_SHARE);
	EXPECT(&map, "a-crw c-10rw 12-14rws");
	EXPECT(&other, "28-2crw 2e-30rws");
	store(&map, 12, 120);
	assert_int_equal(see(&other, 40), 120);
	store(&other, 43, 430); /* untouched so far on both sides */
	assert_int_equal(see(&map, 15), 430);
	store(&map, 18, 18);
	assert_int_equal(see(&other, 46), 18);
	assert_int_equal(number(11), 11);
	tess_map_check(&map);
	tess_map_check(&other);
	extracts(&other, 13, 2, 60, TESS_EXTRACT_SHARE); /* once more, of what is shared already */
	store(&other, 60, 600);
	assert_int_equal(see(&map, 13), 600);
	assert_int_equal(see(&other, 41), 600);
	assert_int_equal(tess_map_remove(&other, at(40), at(48), TESS_HOLES_SKIP), TESS_OK);
	assert_int_equal(see(&map, 12), 120); /* covered by its own entry */
	removes(10, 10);
	assert_int_equal(see(&other, 60), 600);
}

static void
extract_share_within_a_map(void **state)
{
	(void)state;
	scene();
	extracts(&map, 11, 3, 40, TESS_EXTRACT_SHARE);
	EXPECT(&map, "a-brw b-erw e-10rw 12-14rws 28-2brw");
	store(&map, 11, 110);
	assert_int_equal(see(&map, 40), 110);
	store(&map, 42, 420);
	assert_int_equal(see(&map, 13), 420);
}

static void
extract_reserve(void **state)
{
	(void)state;
	scene();
	extracts(&other, 8, 12, 38, TESS_EXTRACT_RESERVE);
	EXPECT(&map, "a-10rw 12-14rws");
	EXPECT(&other, "28-2e 30-32");
	assert_int_equal(tess_map_fault(&other, at(40), TESS_ACCESS_READ), TESS_SIGSEGV);
}

static void
extract_finds_a_place(void **state)
{
	tess_va to = 0;

	(void)state;
	scene();
	extracts(&other, 10, 10, 0, TESS_EXTRACT_COPY);
	EXPECT(&other, "3f6-3fcrw 3fe-400rw");
	assert_int_equal(tess_map_extract(&map, at(10), 6 * PAGE, &map, &to, TESS_EXTRACT_MOVE),
			 TESS_KERN_SUCCESS);
	assert_int_equal(to, TOP - 6 * PAGE);
	to = 0;
	assert_int_equal(
	    tess_map_extract(&map, to + BASE, 0x800 * PAGE, &other, &to, TESS_EXTRACT_RESERVE),
	    TESS_KERN_NO_SPACE);
	assert_int_equal(to, 0);
}

static enum tess_kern
refused(tess_va from, uint64_t len, struct tess_map *dst, tess_va to, enum tess_extract how)
{
	tess_va was = to;
	enum tess_kern kern = tess_map_extract(&map, from, len, dst, &to, how);

	assert_int_equal(to, was);
	EXPECT(&map, "a-10rw 12-14rws");
	EXPECT(&other, "28-2arw");
	return kern;
}

static void
extract_refuses(void **state)
{
	struct tess_map_new new = like(40, 2, RW);
	tess_va va;

	(void)state;
	scene();
	assert_int_equal(tess_map_insert(&other, &new, &va), TESS_OK);
	assert_int_equal(refused(at(10) + 1, PAGE, &other, at(60), TESS_EXTRACT_COPY),
			 TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(refused(at(10), PAGE + 1, &other, at(60), TESS_EXTRACT_COPY),
			 TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(refused(at(10), 0, &other, at(60), TESS_EXTRACT_COPY),
			 TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(refused(at(10), PAGE, &other, at(60) + 5, TESS_EXTRACT_COPY),
			 TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(refused(at(10), PAGE, &other, at(60), (enum tess_extract)4),
			 TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(refused(at(10), 2 * PAGE, &other, at(39), TESS_EXTRACT_COPY),
			 TESS_KERN_INVALID_ARGUMENT); /* not free */
	assert_int_equal(refused(at(10), 2 * PAGE, &other, at(0x7ff), TESS_EXTRACT_MOVE),
			 TESS_KERN_INVALID_ARGUMENT);
	assert_int_equal(refused(at(10), 8 * PAGE, &map, at(16), TESS_EXTRACT_MOVE),
			 TESS_KERN_INVALID_ARGUMENT); /* into its own hole */
	assert_int_equal(refused(at(30), 8 * PAGE, &other, at(60), TESS_EXTRACT_MOVE),
			 TESS_KERN_INVALID_ADDRESS);
	assert_int_equal(tess_map_mark(&map, at(12), at(16), TESS_ENTRY_IMMUTABLE, 0, TESS_ONLY_ANY,
				       TESS_HOLES_REFUSE, UINT64_MAX),
			 TESS_OK);
	va = at(60);
	assert_int_equal(tess_map_extract(&map, at(10), 4 * PAGE, &other, &va, TESS_EXTRACT_MOVE),
			 TESS_KERN_PROTECTION_FAILURE);
	assert_int_equal(tess_map_extract(&map, at(10), 4 * PAGE, &other, &va, TESS_EXTRACT_COPY),
			 TESS_KERN_SUCCESS);
}

static enum tess_err
dup_over(void)
{
	struct tess_map_new n = like(30, 4, R);
	tess_va to;

	return tess_map_dup(&map, at(11), &n, &to);
}

static void
map_dup(void **state)
{
	struct tess_map_new n = like(50, 2, R);
	tess_va to = 1;

	(void)state;
	scene();
	insert(28, 6, R);
	fill(28, 28);
	fill(31, 31);
	fails_forgets = true;
	fails(dup_over);
	EXPECT(&map, "a-brw b-frw f-10rw 12-14rws 1c-1er 1e-22rw");
	assert_int_equal(see(&map, 30), 11);
	assert_int_equal(see(&map, 28), 28);
	store(&map, 31, 310);
	assert_int_equal(see(&map, 12), 310);
	n.limits.bytes = map.bytes + PAGE;
	assert_int_equal(tess_map_dup(&map, at(11), &n, &to), TESS_ENOMEM);
	assert_int_equal(tess_map_dup(&map, at(15), &n, &to), TESS_EFAULT); /* a hole behind it */
	assert_int_equal(to, 1);
}

/* ---- the identity of a byte ---- */

static int
compared(struct tess_map *a, unsigned pa, struct tess_map *b, unsigned pb)
{
	struct tess_voaddr va, vb;
	int c;

	assert_int_equal(tess_map_voaddr_acquire(a, at(pa) + 8, &va), TESS_KERN_SUCCESS);
	assert_int_equal(tess_map_voaddr_acquire(b, at(pb) + 8, &vb), TESS_KERN_SUCCESS);
	c = tess_map_voaddr_compare(&va, &vb);
	assert_int_equal(tess_map_voaddr_compare(&vb, &va), -c);
	assert_int_equal(tess_map_voaddr_compare(&va, &va), 0);
	tess_map_voaddr_release(&va);
	tess_map_voaddr_release(&vb);
	return c;
}

static void
voaddr(void **state)
{
	struct tess_voaddr v, w;
	struct tess_map *sub;

	(void)state;
	scene();
	insert_object(30, 2, 5 * PAGE, TESS_ENTRY_SHARED);
	insert_object(34, 2, 4 * PAGE, 0);
	assert_int_equal(compared(&map, 19, &map, 30), 0); /* one page of the object */
	assert_int_not_equal(compared(&map, 18, &map, 30), 0);
	assert_int_not_equal(compared(&map, 18, &map, 34), 0); /* private: stores stay */
	assert_int_not_equal(compared(&map, 10, &map, 11), 0);
	extracts(&other, 12, 2, 12, TESS_EXTRACT_SHARE);
	assert_int_equal(compared(&map, 12, &other, 12), 0);
	assert_int_not_equal(compared(&map, 13, &other, 12), 0);
	extracts(&other, 10, 1, 60, TESS_EXTRACT_COPY);
	assert_int_not_equal(compared(&map, 10, &other, 60), 0);
	assert_int_equal(tess_map_voaddr_acquire(&map, at(16), &v), TESS_KERN_INVALID_ADDRESS);
	assert_int_equal(tess_map_voaddr_acquire(&map, BASE - 1, &v), TESS_KERN_INVALID_ADDRESS);
	assert_int_equal(tess_map_voaddr_acquire(&map, map.max, &v), TESS_KERN_INVALID_ADDRESS);

	/* What is named outlives its mappings: its address is not given to something else. */
	assert_int_equal(tess_map_voaddr_acquire(&map, at(12), &v), TESS_KERN_SUCCESS);
	removes(12, 2);
	assert_int_equal(tess_map_remove(&other, at(12), at(14), TESS_HOLES_SKIP), TESS_OK);
	extracts(&other, 14, 1, 12, TESS_EXTRACT_SHARE);
	assert_int_equal(tess_map_voaddr_acquire(&map, at(14), &w), TESS_KERN_SUCCESS);
	assert_ptr_not_equal(v.what, w.what);
	tess_map_voaddr_release(&v);
	tess_map_voaddr_release(&w);

	assert_int_equal(tess_map_submap_create(&map, at(100), at(108), &sub), TESS_KERN_SUCCESS);
	assert_int_equal(tess_map_voaddr_acquire(&map, at(101), &v), TESS_KERN_INVALID_ADDRESS);
	{
		struct tess_map_new n = like(100, 4, RW);
		tess_va at_va;

		assert_int_equal(tess_map_insert(sub, &n, &at_va), TESS_OK);
	}
	assert_int_equal(compared(&map, 101, sub, 101), 0);
	assert_int_not_equal(compared(&map, 101, sub, 102), 0);
}

#define TWO_TEST(name)                                 \
	{                                              \
#name, name, start_two, stop_two, NULL \
	}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    TWO_TEST(extract_move),
	    TWO_TEST(extract_move_within_a_map),
	    TWO_TEST(extract_copy),
	    TWO_TEST(extract_copy_write_protects),
	    TWO_TEST(extract_copy_within_a_map),
	    TWO_TEST(extract_copy_beside_itself),
	    TWO_TEST(extract_share),
	    TWO_TEST(extract_share_within_a_map),
	    TWO_TEST(extract_reserve),
	    TWO_TEST(extract_finds_a_place),
	    TWO_TEST(extract_refuses),
	    TWO_TEST(map_dup),
	    TWO_TEST(voaddr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
