/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.c: fixed-size objects.
 *
 * A slab is one frame; its header sits at the start, so an object's slab is its address with the
 * low twelve bits cleared.
 *
 *	│ header │ obj │ obj │ obj (free) │ obj │ ...never used yet... │
 *	   │			  ▲		     ▲
 *	   ├── free ──────────────┘		     │
 *	   └── fresh: index of the first never used ─┘
 *
 * Free objects of a slab are chained; those never used need no chain, so a new slab costs its
 * header and nothing more.  The pool's list keeps slabs with something free before full ones: the
 * first tells whether there is any.  A slab that becomes wholly free goes back to the page room,
 * unless it is the only one with free objects (or every trip around the edge would cost a frame).
 *
 * A magazine is taken from the slabs in part (`batch` / 4) while it comes full from the depot:
 * small machines and brief lives touch few objects, and a pool that works hard soon lives from the
 * depot.  The depot keeps a bounded number of magazines; beyond that, objects return to their slabs.
 *
 * The pool's lock is never held while a frame is taken or given: the page room's caches rank below.
 *
 * With TESS_CONFIG_ASSERT 2 a free object is filled with one pattern from its third word on and a
 * fresh one with another, so a write after put panics at the next get, a second put at once, and
 * whoever reads what it never wrote meets the same bytes each time.
 *
 * Rejected: magazines as arrays of pointers.  They leave a free object's line alone, but need memory
 * that may be missing at put time, and the caller is about to touch the object anyway.
 */
#include "base.h"

#define POOL_FREE_FILL  0xdbu
#define POOL_FRESH_FILL 0xd6u
#define POOL_BATCH_BYTES \
	8192u            /* big objects have short magazines: a CPU hoards at most twice this */
#define POOL_FRAME 4096u /* what the backing hands out */

struct tess_slab {
	struct tess_list link;         /* l: pool->slabs */
	struct tess_pool *pool;        /* c */
	struct tess_pool_object *free; /* l */
	uint32_t nfree;                /* l: on `free` */
	uint32_t fresh;                /* l: first object never used */
};

static inline struct tess_slab *
slab_of(const void *obj)
{
	return (struct tess_slab *)((uintptr_t)obj & ~(uintptr_t)(POOL_FRAME - 1));
}

static inline uint32_t
slab_available(const struct tess_slab *s)
{
	return s->nfree + s->pool->per_slab - s->fresh;
}

static TESS_NORETURN TESS_NOINLINE void
pool_panic(const struct tess_pool *p, const char *what, int64_t n)
{
	struct tess_line l;

	tess_line_init(&l);
	tess_line_str(&l, "pool ");
	tess_line_str(&l, p->name);
	tess_line_str(&l, ": ");
	tess_line_str(&l, what);
	tess_line_str(&l, n < 0 ? ": -" : ": ");
	tess_line_dec(&l, n < 0 ? (uint64_t)-n : (uint64_t)n);
	tess_panic(l.text);
}

/* ---- what level 2 sees ---- */

/* The object lies at a boundary of a slab of this pool. */
static bool
pool_owns(const struct tess_pool *p, const void *obj)
{
	uint32_t at = (uint32_t)((uintptr_t)obj & (POOL_FRAME - 1));

	return slab_of(obj)->pool == p && at >= p->first && (at - p->first) % p->size == 0 &&
	       (at - p->first) / p->size < p->per_slab;
}

#if TESS_CONFIG_ASSERT >= 2
static bool
object_filled(const struct tess_pool *p, const void *obj)
{
	const uint8_t *b = obj;

	for (uint32_t i = sizeof(struct tess_pool_object); i < p->size; i++) {
		if (b[i] != POOL_FREE_FILL)
			return false;
	}
	return true;
}

static void
object_fill(const struct tess_pool *p, void *obj, uint8_t byte)
{
	uint32_t head = sizeof(struct tess_pool_object);

	__builtin_memset((char *)obj + head, byte, p->size - head);
}

static void
object_get_check(const struct tess_pool *p, void *obj)
{
	if (!object_filled(p, obj))
		pool_panic(p, "object written after put, address", (int64_t)(uintptr_t)obj);
	object_fill(p, obj, POOL_FRESH_FILL);
}

static void
object_put_check(const struct tess_pool *p, void *obj)
{
	if (!pool_owns(p, obj))
		pool_panic(p, "not an object of this pool, address", (int64_t)(uintptr_t)obj);
	if (p->size >= 2 * sizeof(struct tess_pool_object) && object_filled(p, obj))
		pool_panic(p, "object put twice, address", (int64_t)(uintptr_t)obj);
	object_fill(p, obj, POOL_FREE_FILL);
}
#else
static inline void
object_fill(const struct tess_pool *p, void *obj, uint8_t byte)
{
	(void)p, (void)obj, (void)byte;
}

static inline void
object_get_check(const struct tess_pool *p, void *obj)
{
	(void)p, (void)obj;
}

static inline void
object_put_check(const struct tess_pool *p, void *obj)
{
	(void)p, (void)obj;
}
#endif

/* ---- slabs ---- */

/* => the pool's lock held, or not yet on its list */
static struct tess_pool_object *
slab_take(struct tess_slab *s)
{
	struct tess_pool_object *o = s->free;

	if (o != NULL) {
		s->free = o->next;
		s->nfree--;
		return o;
	}
	o = (struct tess_pool_object *)((char *)s + s->pool->first + s->fresh * s->pool->size);
	s->fresh++;
	object_fill(s->pool, o, POOL_FREE_FILL);
	return o;
}

/*
 * Chain up to `want` objects from slabs; the number found, with the chain in *chain.
 *
 * => locks: the pool's
 */
static uint32_t
slabs_take(struct tess_pool *p, uint32_t want, struct tess_pool_object **chain)
{
	uint32_t n = 0;

	*chain = NULL;
	while (n < want && !tess_list_empty(&p->slabs)) {
		struct tess_slab *s = TESS_CONTAINER(p->slabs.next, struct tess_slab, link);

		if (slab_available(s) == 0)
			break;
		while (n < want && slab_available(s) != 0) {
			struct tess_pool_object *o = slab_take(s);

			o->next = *chain;
			*chain = o;
			n++;
		}
		if (slab_available(s) == 0) { /* full ones last */
			tess_list_remove(&s->link);
			tess_list_insert(&p->slabs, &s->link);
		}
	}
	return n;
}

/* Put a new frame on the pool's list.  => locks: the pool's */
static void
slab_insert(struct tess_pool *p, void *frame)
{
	struct tess_slab *s = frame;

	s->pool = p;
	s->free = NULL;
	s->nfree = 0;
	s->fresh = 0;
	tess_list_insert(p->slabs.next, &s->link);
	p->nslabs++;
}

/*
 * May this wholly free slab go?  Not while it is the only one with anything free.
 *
 * => locks: the pool's.  `s` is first on the list
 */
static bool
slab_is_spare(const struct tess_pool *p, const struct tess_slab *s)
{
	const struct tess_list *second = s->link.next;

	return second != &p->slabs &&
	       slab_available(TESS_CONTAINER(second, struct tess_slab, link)) != 0;
}

/*
 * Return one object to its slab; a slab thereby free and not needed goes to *dead.
 *
 * => locks: the pool's
 */
static void
slab_return(struct tess_pool *p, struct tess_pool_object *o, struct tess_list *dead)
{
	struct tess_slab *s = slab_of(o);

	o->next = s->free;
	s->free = o;
	s->nfree++;
	tess_list_remove(&s->link);
	tess_list_insert(p->slabs.next, &s->link);
	if (slab_available(s) == p->per_slab && slab_is_spare(p, s)) {
		tess_list_remove(&s->link);
		tess_list_insert(dead, &s->link);
		p->nslabs--;
	}
}

static void
chain_return(struct tess_pool *p, struct tess_pool_object *chain, struct tess_list *dead)
{
	while (chain != NULL) {
		struct tess_pool_object *next = chain->next;

		slab_return(p, chain, dead);
		chain = next;
	}
}

/* Take every wholly free slab off the list, also the one kept.  => locks: the pool's */
static void
slabs_reap(struct tess_pool *p, struct tess_list *dead)
{
	struct tess_list *it, *next;

	for (it = p->slabs.next; it != &p->slabs; it = next) {
		next = it->next;
		if (slab_available(TESS_CONTAINER(it, struct tess_slab, link)) != p->per_slab)
			continue;
		tess_list_remove(it);
		tess_list_insert(dead, it);
		p->nslabs--;
	}
}

/* Give frames back.  => the pool's lock not held */
static void
slabs_free(struct tess_list *dead)
{
	while (!tess_list_empty(dead)) {
		struct tess_list *l = dead->next;

		tess_list_remove(l);
		tess_machine()->backing.frame_put(TESS_CONTAINER(l, struct tess_slab, link));
	}
}

/* ---- magazines ---- */

static uint32_t
refill_want(const struct tess_pool *p)
{
	return p->batch >= 4 ? p->batch / 4 : 1;
}

/*
 * Fill the empty loaded magazine: from the depot whole, from slabs in part, from a new frame.
 *
 * => preemption off.  false: no memory
 */
static bool
magazine_refill(struct tess_pool *p, struct tess_pool_cpu *c)
{
	void *frame;

	tess_spin_lock(&p->lock, TESS_RANK_FREE);
	if (p->full != NULL) {
		c->loaded = p->full;
		c->nloaded = p->batch;
		p->full = c->loaded->batch;
		p->nfull--;
	} else {
		c->nloaded = slabs_take(p, refill_want(p), &c->loaded);
	}
	tess_spin_unlock(&p->lock, TESS_RANK_FREE);
	if (c->nloaded != 0)
		return true;

	frame = tess_machine()->backing.frame_get();
	if (frame == NULL)
		return false;
	tess_spin_lock(&p->lock, TESS_RANK_FREE);
	slab_insert(p, frame);
	c->nloaded = slabs_take(p, refill_want(p), &c->loaded);
	tess_spin_unlock(&p->lock, TESS_RANK_FREE);
	return true;
}

/* The loaded magazine is empty: swap or refill.  => preemption off.  false: no memory */
static bool
magazine_load(struct tess_pool *p, struct tess_pool_cpu *c)
{
	if (c->previous == NULL)
		return magazine_refill(p, c);
	c->loaded = c->previous;
	c->nloaded = p->batch;
	c->previous = NULL;
	return true;
}

/* The loaded magazine is full: set it aside, and a full one before it to the depot. */
static void
magazine_unload(struct tess_pool *p, struct tess_pool_cpu *c)
{
	struct tess_pool_object *batch = c->previous;
	struct tess_list dead;

	c->previous = c->loaded;
	c->loaded = NULL;
	c->nloaded = 0;
	if (batch == NULL)
		return;
	tess_list_init(&dead);
	tess_spin_lock(&p->lock, TESS_RANK_FREE);
	if (p->nfull < p->full_max) {
		batch->batch = p->full;
		p->full = batch;
		p->nfull++;
	} else {
		chain_return(p, batch, &dead);
	}
	tess_spin_unlock(&p->lock, TESS_RANK_FREE);
	slabs_free(&dead);
}

/* Take from a loaded magazine that is not empty.  => preemption off on entry, on at return */
static TESS_INLINE void *
magazine_pop(const struct tess_pool *p, struct tess_pool_cpu *c)
{
	struct tess_pool_object *o = c->loaded;

	TESS_ASSUME(o != NULL);
	c->loaded = o->next;
	c->nloaded--;
	tess_store_relaxed(&c->balance, c->balance + 1); /* read racily by tess_pool_out() */
	tess_port_preempt_enable();
	object_get_check(p, o);
	return o;
}

/* Put into a loaded magazine that is not full.  => preemption off on entry, on at return */
static TESS_INLINE void
magazine_push(struct tess_pool_cpu *c, struct tess_pool_object *o)
{
	o->next = c->loaded;
	c->loaded = o;
	c->nloaded++;
	tess_store_relaxed(&c->balance, c->balance - 1); /* read racily by tess_pool_out() */
	tess_port_preempt_enable();
}

static TESS_NOINLINE void *
pool_get_slow(struct tess_pool *p, struct tess_pool_cpu *c)
{
	if (magazine_load(p, c))
		return magazine_pop(p, c);
	tess_port_preempt_enable();
	return NULL;
}

static TESS_NOINLINE void
pool_put_slow(struct tess_pool *p, struct tess_pool_cpu *c, struct tess_pool_object *o)
{
	magazine_unload(p, c);
	magazine_push(c, o);
}

void *
tess_pool_get(struct tess_pool *p)
{
	struct tess_pool_cpu *c;

	if (TESS_UNLIKELY(tess_port_fail(TESS_SITE_POOL)))
		return NULL;
	tess_port_preempt_disable();
	c = &p->cpu[tess_port_cpu()];
	if (TESS_UNLIKELY(c->loaded == NULL))
		return pool_get_slow(p, c);
	return magazine_pop(p, c);
}

void
tess_pool_put(struct tess_pool *p, void *obj)
{
	struct tess_pool_cpu *c;

	object_put_check(p, obj);
	tess_port_preempt_disable();
	c = &p->cpu[tess_port_cpu()];
	if (TESS_UNLIKELY(c->nloaded == p->batch))
		pool_put_slow(p, c, obj);
	else
		magazine_push(c, obj);
}

/* ---- life ---- */

static uint32_t
pool_batch(uint32_t size)
{
	uint32_t n = POOL_BATCH_BYTES / size;

	return n < TESS_CONFIG_MAGAZINE ? n : TESS_CONFIG_MAGAZINE;
}

enum tess_err
tess_pool_init(struct tess_pool *p, const char *name, size_t size, size_t align)
{
	struct tess_machine *m = tess_machine();
	size_t least = align > sizeof(void *) ? align : sizeof(void *);

	if (align > 64 || (align & (align - 1)) != 0 || size == 0 || size > POOL_FRAME)
		return TESS_EINVAL;
	if (size < sizeof(struct tess_pool_object))
		size = sizeof(struct tess_pool_object);
	__builtin_memset(p, 0, sizeof(*p));
	p->name = name;
	p->size = (uint32_t)((size + least - 1) & ~(least - 1));
	p->first = (uint32_t)((sizeof(struct tess_slab) + least - 1) & ~(least - 1));
	p->per_slab = (POOL_FRAME - p->first) / p->size;
	if (p->per_slab == 0)
		return TESS_EINVAL;
	p->batch = pool_batch(p->size);
	p->full_max = 2 * m->ncpu;
	tess_spin_init(&p->lock);
	tess_list_init(&p->slabs);
	p->cpu = tess_boot_alloc(m, m->ncpu * sizeof(*p->cpu), _Alignof(struct tess_pool_cpu));
	if (p->cpu == NULL)
		return TESS_ENOMEM;
	p->next = m->pools;
	m->pools = p;
	return TESS_OK;
}

int64_t
tess_pool_out(const struct tess_pool *p)
{
	int64_t sum = 0;

	TESS_FOREACH_CPU (i)
		sum += tess_load_relaxed(&p->cpu[i].balance);
	return sum;
}

void
tess_pool_fini(struct tess_pool *p)
{
	struct tess_pool **link;

	if (p->cpu == NULL)
		return;
	link = &tess_machine()->pools;
	if (tess_pool_out(p) != 0)
		pool_panic(p, "objects still out", tess_pool_out(p));
	slabs_free(&p->slabs); /* none is out, so all are in there: whole frames go */
	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	p->cpu = NULL;
}

void
tess_pool_drain(struct tess_pool *p)
{
	struct tess_list dead;

	tess_list_init(&dead);
	tess_spin_lock(&p->lock, TESS_RANK_FREE);
	TESS_FOREACH_CPU (i) {
		struct tess_pool_cpu *c = &p->cpu[i];

		chain_return(p, c->loaded, &dead);
		chain_return(p, c->previous, &dead);
		c->loaded = c->previous = NULL;
		c->nloaded = 0;
	}
	while (p->full != NULL) {
		struct tess_pool_object *batch = p->full;

		p->full = batch->batch;
		chain_return(p, batch, &dead);
	}
	p->nfull = 0;
	slabs_reap(p, &dead);
	tess_spin_unlock(&p->lock, TESS_RANK_FREE);
	slabs_free(&dead);
}

/* ---- checks ---- */

/* I-BASE-2: every cached object lies at a boundary of a slab of its pool; the chain's length. */
static uint64_t
chain_check(const struct tess_pool *p, const struct tess_pool_object *o)
{
	uint64_t n = 0;

	for (; o != NULL; o = o->next, n++) {
		const char *end = (const char *)slab_of(o) + p->first + slab_of(o)->fresh * p->size;

		TESS_ASSERT(pool_owns(p, o) && (const char *)o < end);
	}
	return n;
}

/* I-BASE-3: slabs with something free come before full ones; the objects free in slabs. */
static uint64_t
slabs_check(const struct tess_pool *p)
{
	const struct tess_list *it;
	uint64_t n = 0, slabs = 0;
	bool full = false;

	TESS_LIST_FOREACH (it, &p->slabs) {
		const struct tess_slab *s = TESS_CONTAINER(it, struct tess_slab, link);

		TESS_ASSERT(s->pool == p && s->fresh <= p->per_slab);
		TESS_ASSERT(chain_check(p, s->free) == s->nfree);
		TESS_ASSERT(slab_available(s) == 0 || !full);
		full = slab_available(s) == 0;
		n += slab_available(s);
		slabs++;
	}
	TESS_ASSERT(slabs == p->nslabs);
	return n;
}

/* I-BASE-4: a magazine is as long as its count, and full ones are `batch` long. */
static uint64_t
magazines_check(const struct tess_pool *p)
{
	const struct tess_pool_object *batch;
	uint64_t n = 0, full = 0;

	for (unsigned i = 0; i < tess_machine()->ncpu; i++) {
		const struct tess_pool_cpu *c = &p->cpu[i];

		TESS_ASSERT(chain_check(p, c->loaded) == c->nloaded && c->nloaded <= p->batch);
		TESS_ASSERT(c->previous == NULL || chain_check(p, c->previous) == p->batch);
		n += c->nloaded + (c->previous != NULL ? p->batch : 0);
	}
	for (batch = p->full; batch != NULL; batch = batch->batch, full++)
		TESS_ASSERT(chain_check(p, batch) == p->batch);
	TESS_ASSERT(full == p->nfull && full <= p->full_max);
	return n + full * p->batch;
}

/* I-BASE-1: objects out, in magazines and in slabs are all there are. */
uint64_t
tess_pool_check(struct tess_pool *p)
{
	int64_t out = tess_pool_out(p);

	TESS_ASSERT(out >= 0);
	TESS_ASSERT((uint64_t)out + magazines_check(p) + slabs_check(p) == p->nslabs * p->per_slab);
	return (uint64_t)out;
}
