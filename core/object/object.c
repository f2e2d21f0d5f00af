/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object.c: life of an object, and finding its pages.
 *
 * An object is reached in two ways: by a reference (entries, handles), or under RCU through an
 * entry that may be dying.  The second kind of reader may lock the object and look at its pages, but
 * whatever it then enters into a pmap is validated against the entry's `dead` word, so a page of a
 * dying object is never translated.  The structure itself is freed after a grace period.
 *
 * Rejected: a shadow chain (Mach).  Private copies live in amaps, so an object never hides another.
 */
#include "object_priv.h"

enum tess_err
tess_object_room_init(struct tess_machine *m)
{
	struct tess_object_room *room = tess_boot_alloc(m, sizeof(*room), 64);

	if (room == NULL)
		return TESS_ENOMEM;
	m->object = room;
	return tess_pool_init(&room->objects, "object", sizeof(struct tess_object), 8);
}

void
tess_object_room_fini(struct tess_machine *m)
{
	tess_pool_fini(&m->object->objects);
	TESS_ASSERT(m->commit.used == 0); /* I-OBJ-4 */
}

enum tess_err
tess_object_create(const struct tess_pager_ops *ops, void *backing, uint64_t size,
		   struct tess_object **out)
{
	struct tess_object *o;

	if (size > TESS_OBJECT_MAX)
		return TESS_EINVAL;
	o = tess_pool_get(&tess_machine()->object->objects);
	if (o == NULL)
		return TESS_ENOMEM;
	tess_spin_init(&o->lock);
	o->refs = 1;
	o->locked = 0;
	o->busy = 0;
	o->charged = 0;
	tess_radix_init(&o->pages);
	o->size = size;
	o->ops = ops;
	o->backing = backing;
	*out = o;
	return TESS_OK;
}

enum tess_err
tess_object_create_zero(uint64_t size, struct tess_object **out)
{
	struct tess_machine *m = tess_machine();
	bool charged = tess_load_relaxed(&m->charges) && size <= TESS_OBJECT_MAX;
	enum tess_err e;

	if (charged && !tess_budget_take(&m->commit, tess_page_round(size)))
		return TESS_ENOMEM;
	e = tess_object_create(NULL, NULL, size, out);
	if (e == TESS_OK)
		(*out)->charged = charged;
	else if (charged)
		tess_budget_add(&m->commit, -(int64_t)tess_page_round(size));
	return e;
}

void
tess_object_ref(struct tess_object *o)
{
	uint32_t was = tess_add_relaxed(&o->refs, 1);

	TESS_ASSERT(was > 0 && was < UINT32_MAX);
}

bool
tess_object_ref_try(struct tess_object *o)
{
	uint32_t refs = tess_load_relaxed(&o->refs);

	while (refs != 0)
		if (tess_cas_acquire(&o->refs, &refs, refs + 1))
			return true;
	return false;
}

static void
object_free_rcu(struct tess_rcu_head *head)
{
	tess_pool_put(&tess_machine()->object->objects,
		      TESS_CONTAINER(head, struct tess_object, rcu));
}

/*
 * object_destroy: store what is dirty, free every page, detach.
 *
 * => the last reference is gone: no new translation can appear (see the file's head), and the
 *    translations there were went with the entries that held references
 */
static void
object_destroy(struct tess_object *o)
{
	if (o->ops != NULL) {
		enum tess_err e = tess_object_sync(o, 0, TESS_IDX_ALL, TESS_SYNC_CLEAN);

		if (e != TESS_OK)
			tess_history("object: dirty pages lost at detach", (uintptr_t)o, e, 0);
	}
	tess_object_drop_pages(o, 0);
	if (o->charged)
		tess_budget_add(&tess_machine()->commit, -(int64_t)tess_page_round(o->size));
	if (o->ops != NULL)
		o->ops->detach(o->backing);
	tess_radix_fini(&o->pages);
	tess_rcu_defer(&o->rcu, object_free_rcu);
}

void
tess_object_unref(struct tess_object *o)
{
	uint32_t was = tess_sub_acqrel(&o->refs, 1);

	TESS_ASSERT(was > 0);
	if (was == 1)
		object_destroy(o);
}

uint64_t
tess_object_size(const struct tess_object *o)
{
	return tess_load_relaxed(&o->size);
}

void *
tess_object_backing(const struct tess_object *o)
{
	return o->backing;
}

/* object_page_new: a frame for idx, in the index, BUSY if a pager must fill it. */
static struct tess_page *
object_page_new(struct tess_object *o, tess_idx idx, enum tess_page_fill fill)
    TESS_REQUIRES(&o->lock)
{
	struct tess_page *pg = tess_page_alloc(fill, TESS_SITE_PAGE);

	if (pg == NULL)
		return NULL;
	if (tess_radix_insert(&o->pages, idx, pg) != TESS_OK) {
		tess_page_free(pg);
		return NULL;
	}
	pg->owner = o;
	pg->idx = idx;
	tess_page_set_state(pg, TESS_PAGE_OBJECT);
	if (fill == TESS_FILL_NONE)
		tess_object_set_busy_locked(o, pg);
	return pg;
}

enum tess_found
tess_object_page_locked(struct tess_object *o, tess_idx idx, struct tess_page **out)
{
	struct tess_page *pg;

	TESS_HELD(&o->lock);
	if (idx >= tess_page_round(o->size) >> TESS_PAGE_SHIFT)
		return TESS_FOUND_BEYOND;
	pg = tess_radix_lookup_rcu(&o->pages, idx);
	if (pg == NULL) {
		/* A dying object gets no page any more: nobody would free it. */
		if (o->ops != NULL || tess_load_relaxed(&o->refs) == 0)
			return TESS_FOUND_ABSENT;
		pg = object_page_new(o, idx, TESS_FILL_ZERO);
		if (pg == NULL)
			return TESS_FOUND_NOMEM;
	}
	if (tess_load_relaxed(&pg->attrs) & TESS_PAGE_BUSY)
		return TESS_FOUND_BUSY;
	*out = pg;
	return TESS_FOUND_PAGE;
}

bool
tess_object_has_rcu(struct tess_object *o, tess_idx idx)
{
	return idx < tess_page_round(tess_object_size(o)) >> TESS_PAGE_SHIFT &&
	       tess_radix_lookup_rcu(&o->pages, idx) != NULL;
}

void
tess_object_set_busy_locked(struct tess_object *o, struct tess_page *pg)
{
	TESS_HELD(&o->lock);
	o->busy++;
	tess_or_relaxed(&pg->attrs, TESS_PAGE_BUSY);
}

void
tess_object_clear_busy_locked(struct tess_object *o, struct tess_page *pg)
{
	uint32_t was;

	TESS_HELD(&o->lock);
	o->busy--;
	was = tess_and_acqrel(&pg->attrs, ~(uint32_t)(TESS_PAGE_BUSY | TESS_PAGE_WAITED));
	if (was & TESS_PAGE_WAITED)
		tess_port_wake(&pg->attrs); /* pairs with tess_object_wait_unlock() */
}

void
tess_object_wait_unlock(struct tess_object *o, struct tess_page *pg)
{
	uint32_t seen = tess_or_acqrel(&pg->attrs, TESS_PAGE_WAITED) | TESS_PAGE_WAITED;

	/* The frame outlives the wait as a word: struct tess_page is never freed, and a wake or
	 * a change of the word ends the sleep, whatever the frame is by then. */
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
	tess_port_block(&pg->attrs, seen);
}

enum tess_err
tess_object_fetch(struct tess_object *o, tess_idx idx)
{
	struct tess_page *pg;
	enum tess_err e;
	void *data;

	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	switch (tess_object_page_locked(o, idx, &pg)) {
	case TESS_FOUND_PAGE:
	case TESS_FOUND_BEYOND:
		tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
		return TESS_OK;
	case TESS_FOUND_NOMEM:
		tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
		return TESS_ENOMEM;
	case TESS_FOUND_BUSY:
		tess_object_wait_unlock(o, tess_radix_lookup_rcu(&o->pages, idx));
		return TESS_OK;
	case TESS_FOUND_ABSENT:
		break;
	}
	pg = object_page_new(o, idx, TESS_FILL_NONE);
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
	if (pg == NULL)
		return TESS_ENOMEM;
	data = tess_page_data(pg);
	e = tess_port_fail(TESS_SITE_IO) ? TESS_EIO : o->ops->get(o->backing, idx, 1, &data);
	tess_stat_add(TESS_STAT_PAGER_GET, 1);
	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	tess_object_clear_busy_locked(o, pg);
	if (e != TESS_OK)
		tess_radix_remove(&o->pages, idx);
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
	if (e != TESS_OK)
		tess_page_free(pg);
	return e;
}

enum tess_err
tess_object_prefetch(struct tess_object *o, tess_idx idx)
{
	bool there;

	if (o->ops == NULL || idx >= tess_page_round(tess_object_size(o)) >> TESS_PAGE_SHIFT)
		return TESS_OK;
	tess_rcu_enter();
	there = tess_object_has_rcu(o, idx);
	tess_rcu_exit();
	return there ? TESS_OK : tess_object_fetch(o, idx);
}

void
tess_object_wait_page(struct tess_object *o, tess_idx idx, struct tess_gather *g)
{
	struct tess_page *pg;

	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
	tess_gather_finish(g); /* nothing may be owed while this sleeps */
	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	pg = tess_radix_lookup_rcu(&o->pages, idx);
	if (pg == NULL || !(tess_load_relaxed(&pg->attrs) & TESS_PAGE_BUSY))
		return;
	tess_object_wait_unlock(o, pg);
	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
}

/*
 * tess_object_drop_pages: free every page from `first` on; waits for busy ones.
 *
 * => translations of the pages are removed
 */
void
tess_object_drop_pages(struct tess_object *o, tess_idx first)
{
	struct tess_gather g;
	struct tess_page *pg;
	tess_idx idx = first;

	tess_gather_init(&g);
	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	while ((pg = tess_radix_next_rcu(&o->pages, &idx, TESS_IDX_ALL)) != NULL) {
		if (tess_load_relaxed(&pg->attrs) & TESS_PAGE_BUSY) {
			tess_object_wait_page(o, idx, &g);
			continue;
		}
		tess_page_protect(pg, TESS_PROT_NONE, &g);
		tess_radix_remove(&o->pages, idx);
		tess_gather_frame(&g, pg);
	}
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
	tess_gather_finish(&g);
}

uint64_t
tess_object_resident(struct tess_object *o, tess_idx idx, uint64_t n)
{
	uint64_t count = 0;
	tess_idx end = idx + n < idx ? TESS_IDX_ALL : idx + n;

	tess_rcu_enter();
	for (tess_idx i = idx; tess_radix_next_rcu(&o->pages, &i, end) != NULL; i++)
		count++;
	tess_rcu_exit();
	return count;
}

void
tess_object_check(struct tess_object *o)
{
	const struct tess_page *pg;
	uint64_t n = 0, busy = 0;

	tess_radix_check(&o->pages);
	for (tess_idx i = 0; (pg = tess_radix_next_rcu(&o->pages, &i, TESS_IDX_ALL)) != NULL; i++) {
		n++;
		busy += (pg->attrs & TESS_PAGE_BUSY) != 0;
		TESS_ASSERT(pg->state == TESS_PAGE_OBJECT && pg->owner == o &&
			    pg->idx == i); /* I-OBJ-1 */
		TESS_ASSERT((pg->attrs & TESS_PAGE_BUSY) ||
			    i < tess_page_round(o->size) >> TESS_PAGE_SHIFT); /* I-OBJ-2 */
	}
	TESS_ASSERT(n == o->pages.count); /* I-OBJ-3 */
	TESS_ASSERT(!o->charged || tess_load_relaxed(&tess_machine()->commit.used) >=
				       tess_page_round(o->size)); /* I-OBJ-4 */
	TESS_ASSERT(busy == o->busy);
}
