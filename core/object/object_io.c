/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object_io.c: moving pages between an object and its backing, and bytes in and out of pages.
 *
 * I/O happens with no lock held: the page is marked BUSY, the lock dropped, the pager called, the lock
 * taken again, BUSY cleared, and everything looked at anew.
 *
 *	sync one page:	lock ─ collect M bits ─ BUSY ─ unlock ─ flush TLBs ─ put ─ lock ─ unBUSY
 *
 * The TLB flush comes before the put: a CPU with a stale dirty translation could otherwise
 * write after the pager has read the frame, and that write would never be seen again.  That holds for
 * translations that somebody else is just removing too (tess_page_settle).
 */
#include "object_priv.h"

/* object_put: store one BUSY page; on an error it is dirty again. */
static enum tess_err
object_put(struct tess_object *o, struct tess_page *pg, tess_idx idx)
{
	const void *data = tess_page_data(pg);
	enum tess_err e;

	if (o->ops == NULL)
		return TESS_OK;
	e = tess_port_fail(TESS_SITE_IO)
		? TESS_EIO
		: o->ops->put(o->backing, idx, 1, &data, tess_object_size(o));
	tess_stat_add(TESS_STAT_PAGER_PUT, 1);
	if (e != TESS_OK)
		tess_or_relaxed(&pg->attrs, TESS_PAGE_MODIFIED);
	return e;
}

/* object_invalidate_locked: drop a clean page, unless somebody has it locked in memory. */
static enum tess_err
object_invalidate_locked(struct tess_object *o, struct tess_page *pg, tess_idx idx,
			 struct tess_gather *g)
{
	if (tess_load_relaxed(&o->locked) != 0)
		return TESS_EBUSY;
	tess_page_protect(pg, TESS_PROT_NONE, g);
	if (tess_page_collect(pg, 0, g) & TESS_PAGE_MODIFIED)
		return TESS_OK; /* written meanwhile: the next sync stores it */
	tess_radix_remove(&o->pages, idx);
	tess_gather_frame(g, pg);
	return TESS_OK;
}

/*
 * object_sync_page: one resident page; the lock is held on entry and exit, dropped between.
 *
 * => a zero object has nowhere to store: its pages are never dirty, nor droppable
 */
static enum tess_err
object_sync_page(struct tess_object *o, struct tess_page *pg, tess_idx idx,
		 enum tess_sync how) TESS_NO_ANALYSIS
{
	struct tess_gather g;
	enum tess_err e = TESS_OK;

	if (o->ops == NULL)
		return TESS_OK;
	tess_gather_init(&g);
	if (tess_page_collect(pg, TESS_PAGE_MODIFIED, &g) & TESS_PAGE_MODIFIED) {
		tess_object_set_busy_locked(o, pg);
		tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
		tess_gather_finish(&g);
		tess_page_settle(pg);
		e = object_put(o, pg, idx);
		tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
		tess_object_clear_busy_locked(o, pg);
	}
	if (e == TESS_OK && how == TESS_SYNC_INVALIDATE)
		e = object_invalidate_locked(o, pg, idx, &g);
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
	tess_gather_finish(&g);
	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	return e;
}

enum tess_err
tess_object_sync(struct tess_object *o, tess_idx idx, uint64_t n, enum tess_sync how)
{
	tess_idx end = idx + n < idx || idx + n > TESS_IDX_ALL ? TESS_IDX_ALL : idx + n;
	enum tess_err e = TESS_OK;
	struct tess_page *pg;

	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	while ((pg = tess_radix_next_rcu(&o->pages, &idx, end)) != NULL) {
		enum tess_err one;

		if (tess_load_relaxed(&pg->attrs) & TESS_PAGE_BUSY) {
			tess_object_wait_unlock(o, pg);
			tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
			continue;
		}
		one = object_sync_page(o, pg, idx, how);
		if (e == TESS_OK || one == TESS_EIO)
			e = one;
		idx++;
	}
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
	return e;
}

/*
 * object_hold: the page at idx, resident and BUSY: the caller owns its contents.  NULL page: beyond the end.
 *
 * => sleeps: yes.  object_release() ends it
 */
static enum tess_err
object_hold(struct tess_object *o, tess_idx idx, struct tess_page **out)
{
	for (;;) {
		struct tess_page *pg = NULL;
		enum tess_found found;
		enum tess_err e;

		tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
		found = tess_object_page_locked(o, idx, &pg);
		if (found == TESS_FOUND_PAGE)
			tess_object_set_busy_locked(o, pg);
		tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
		*out = pg;
		if (found == TESS_FOUND_PAGE || found == TESS_FOUND_BEYOND)
			return TESS_OK;
		if (found == TESS_FOUND_NOMEM)
			return TESS_ENOMEM;
		e = tess_object_fetch(o, idx);
		if (e != TESS_OK)
			return e;
	}
}

static void
object_release(struct tess_object *o, struct tess_page *pg)
{
	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	tess_object_clear_busy_locked(o, pg);
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
}

enum object_way {
	OBJECT_READ,
	OBJECT_WRITE
};

/* object_bytes: copy between a buffer and the page cache, page by page, within the object's size. */
static enum tess_err
object_bytes(struct tess_object *o, tess_off off, char *buf, uint64_t len, enum object_way way,
	     uint64_t *done)
{
	while (len != 0) {
		uint64_t at = off & TESS_PAGE_MASK;
		uint64_t n = TESS_PAGE_SIZE - at < len ? TESS_PAGE_SIZE - at : len;
		struct tess_page *pg;
		enum tess_err e = object_hold(o, off >> TESS_PAGE_SHIFT, &pg);

		if (e != TESS_OK || pg == NULL)
			return e;
		if (way == OBJECT_READ) {
			memcpy(buf, (char *)tess_page_data(pg) + at, n);
		} else {
			memcpy((char *)tess_page_data(pg) + at, buf, n);
			tess_or_relaxed(&pg->attrs, TESS_PAGE_MODIFIED);
		}
		object_release(o, pg);
		off += n;
		buf += n;
		len -= n;
		*done += n;
	}
	return TESS_OK;
}

enum tess_err
tess_object_read(struct tess_object *o, tess_off off, void *buf, uint64_t len, uint64_t *done)
{
	uint64_t size = tess_object_size(o);
	enum tess_err e;

	*done = 0;
	if (off >= size)
		return TESS_OK;
	e = object_bytes(o, off, buf, len < size - off ? len : size - off, OBJECT_READ, done);
	tess_rcu_poll();
	return e;
}

enum tess_err
tess_object_write(struct tess_object *o, tess_off off, const void *buf, uint64_t len,
		  uint64_t *done)
{
	enum tess_err e;

	*done = 0;
	if (len == 0)
		return TESS_OK;
	if (off + len < off || off + len > TESS_OBJECT_MAX)
		return TESS_EINVAL;
	if (off + len > tess_object_size(o)) {
		e = tess_object_set_size(o, off + len);
		if (e != TESS_OK)
			return e;
	}
	e = object_bytes(o, off, (char *)(uintptr_t)buf, len, OBJECT_WRITE, done);
	tess_rcu_poll();
	return e;
}

/* object_zero_tail: the bytes of the last page beyond `size` become zero, if it is in memory. */
static void
object_zero_tail(struct tess_object *o, uint64_t size)
{
	uint64_t at = size & TESS_PAGE_MASK;
	struct tess_page *pg;

	if (at == 0)
		return;
	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	while ((pg = tess_radix_lookup_rcu(&o->pages, size >> TESS_PAGE_SHIFT)) != NULL) {
		if (!(tess_load_relaxed(&pg->attrs) & TESS_PAGE_BUSY)) {
			memset((char *)tess_page_data(pg) + at, 0, TESS_PAGE_SIZE - at);
			break;
		}
		tess_object_wait_unlock(o, pg);
		tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	}
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
}

/*
 * object_resize: the size itself, and what the machine has promised for it.  false: beyond the commit limit.
 */
static bool
object_resize(struct tess_object *o, uint64_t size)
{
	struct tess_budget *b = &tess_machine()->commit;
	uint64_t new = tess_page_round(size), old;
	bool ok = true;

	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	old = tess_page_round(o->size);
	if (o->charged && new > old)
		ok = tess_budget_take(b, new - old);
	else if (o->charged)
		tess_budget_add(b, -(int64_t)(old - new));
	if (ok)
		tess_store_relaxed(&o->size, size);
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
	return ok;
}

enum tess_err
tess_object_set_size(struct tess_object *o, uint64_t size)
{
	uint64_t old = tess_object_size(o);
	enum tess_err e;

	if (size > TESS_OBJECT_MAX)
		return TESS_EINVAL;
	if (o->ops != NULL) {
		e = tess_port_fail(TESS_SITE_IO) ? TESS_EIO : o->ops->resize(o->backing, size);
		if (e != TESS_OK)
			return e;
	}
	if (size > old) /* what was stored behind the old end was never part of the object */
		object_zero_tail(o, old);
	if (!object_resize(o, size))
		return TESS_ENOMEM; /* a zero object: nothing was resized below it */
	if (size < old) {
		tess_object_drop_pages(o, tess_page_round(size) >> TESS_PAGE_SHIFT);
		object_zero_tail(o, size);
	}
	tess_rcu_poll();
	return TESS_OK;
}

/* object_zero_page: one page becomes zeros; beyond the end nothing happens. */
static enum tess_err
object_zero_page(struct tess_object *o, tess_idx idx)
{
	struct tess_page *pg;
	enum tess_err e = object_hold(o, idx, &pg);

	if (e != TESS_OK || pg == NULL)
		return e;
	memset(tess_page_data(pg), 0, TESS_PAGE_SIZE);
	tess_or_relaxed(&pg->attrs, TESS_PAGE_MODIFIED);
	object_release(o, pg);
	return TESS_OK;
}

/*
 * object_punch: free the page at *idx of a zero object, or make it zeros when somebody has the object locked.
 *
 * => locks: object.  `locked` is counted before a page is brought in for it, so whoever finds none here finds
 *    no page that was promised to stay
 */
static void
object_punch(struct tess_object *o, struct tess_page *pg, tess_idx idx, struct tess_gather *g)
{
	if (tess_load_relaxed(&o->locked) != 0) {
		memset(tess_page_data(pg), 0, TESS_PAGE_SIZE);
		return;
	}
	tess_page_protect(pg, TESS_PROT_NONE, g);
	tess_radix_remove(&o->pages, idx);
	tess_gather_frame(g, pg);
}

/* object_zero_resident: the pages of a zero object: what is not in memory is zeros already. */
static void
object_zero_resident(struct tess_object *o, tess_idx idx, tess_idx end)
{
	struct tess_gather g;
	struct tess_page *pg;

	tess_gather_init(&g);
	tess_spin_lock(&o->lock, TESS_RANK_OBJECT);
	while ((pg = tess_radix_next_rcu(&o->pages, &idx, end)) != NULL) {
		if (tess_load_relaxed(&pg->attrs) & TESS_PAGE_BUSY) {
			tess_object_wait_page(o, idx, &g);
			continue;
		}
		object_punch(o, pg, idx++, &g);
	}
	tess_spin_unlock(&o->lock, TESS_RANK_OBJECT);
	tess_gather_finish(&g);
}

/* object_zero_range: the pages of [off, off + len) that the object has.  EINVAL: not whole pages. */
static enum tess_err
object_zero_range(const struct tess_object *o, tess_off off, uint64_t len, tess_idx *idx,
		  tess_idx *end)
{
	if (!tess_page_aligned(off | len) || off + len < off)
		return TESS_EINVAL;
	*idx = off >> TESS_PAGE_SHIFT;
	*end = tess_page_round(tess_object_size(o)) >> TESS_PAGE_SHIFT;
	if (*end > (off + len) >> TESS_PAGE_SHIFT)
		*end = (off + len) >> TESS_PAGE_SHIFT;
	return TESS_OK;
}

enum tess_err
tess_object_zero_prepare(struct tess_object *o, tess_off off, uint64_t len)
{
	tess_idx idx, end;
	enum tess_err e = object_zero_range(o, off, len, &idx, &end);

	while (e == TESS_OK && o->ops != NULL && idx < end)
		e = tess_object_prefetch(o, idx++);
	return e;
}

enum tess_err
tess_object_zero(struct tess_object *o, tess_off off, uint64_t len)
{
	tess_idx idx, end;
	enum tess_err e = object_zero_range(o, off, len, &idx, &end);

	if (e != TESS_OK)
		return e;
	if (o->ops == NULL)
		object_zero_resident(o, idx, end);
	else
		for (; idx < end && e == TESS_OK; idx++)
			e = object_zero_page(o, idx);
	tess_rcu_poll();
	return e;
}
