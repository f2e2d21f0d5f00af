/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shm.c: System V segments: shmat, shmdt.
 */
#include "space.h"

enum tess_err
tess_shmat(struct tess_space *sp, const struct tess_handle *h, tess_va addr, unsigned prot,
	   tess_va *out)
{
	struct tess_mmap_args a = {
	    .addr = addr,
	    .prot = prot,
	    .flags = TESS_MAP_SHARED | (addr != 0 ? TESS_MAP_FIXED_NOREPLACE : 0),
	    .handle = *h,
	};
	struct tess_mmap_plan p;
	enum tess_err e;
	tess_va start;

	if (h->kind != TESS_HANDLE_SHM || !tess_page_aligned(addr))
		return tess_space_leave(TESS_EINVAL);
	a.len = tess_object_size(h->object);
	/* A segment attached for reading only can never be written through this attachment. */
	if (!(prot & TESS_PROT_WRITE))
		a.handle.mode &= (uint8_t)~TESS_MODE_WRITE;
	tess_mmap_plan_init(&p, sp, &a);
	p.a.flags = a.flags; /* not the caller's words: no personality drops them */
	if (addr > UINT64_MAX - p.n.len ||
	    (addr != 0 && tess_map_any(&sp->map, addr, addr + p.n.len)))
		return tess_space_leave(
		    TESS_EINVAL); /* shmat(2): the address is taken, or no address */
	e = tess_mmap_check_shm(sp, &p);
	if (e != TESS_OK || p.n.len == 0)
		return tess_space_leave(e == TESS_OK || e == TESS_EEXIST ? TESS_EINVAL : e);
	p.n.flags |= TESS_ENTRY_SHM;
	p.n.object = h->object;
	p.n.inherit = TESS_INHERIT_SHARE;
	if (p.n.place == TESS_PLACE_ANY)
		tess_mmap_place(sp, &p.a, &p.n);
	e = tess_map_insert(&sp->map, &p.n, &start);
	if (e == TESS_OK) {
		tess_mmap_fill(sp, &p.a, &p.n, start);
		*out = start;
	}
	return tess_space_leave(e == TESS_EEXIST ? TESS_EINVAL : e);
}

/* A piece of an attachment. */
struct shmdt_piece {
	struct tess_span s;
	bool sealed;
};

/*
 * shmdt_next: the first piece at or after p->s.end of an attachment that began at `addr`.
 *
 * => *object is compared only: whose segment, NULL for any
 */
static bool
shmdt_next(struct tess_space *sp, tess_va addr, const struct tess_object **object,
	   struct shmdt_piece *p)
{
	struct tess_entry *e;
	bool found = false;

	tess_rcu_enter();
	for (e = tess_map_next_rcu(&sp->map, p->s.end); e != NULL && !found;
	     e = tess_map_next_rcu(&sp->map, e->range.end)) {
		if ((e->flags & TESS_ENTRY_SHM) && e->range.start >= addr &&
		    e->range.start - addr == e->off && (*object == NULL || *object == e->object)) {
			*object = e->object;
			p->s = (struct tess_span){e->range.start, e->range.end};
			p->sealed = (e->flags & TESS_ENTRY_IMMUTABLE) != 0;
			found = true;
		}
		if (e->range.end == sp->map.max)
			break;
	}
	tess_rcu_exit();
	return found;
}

enum tess_err
tess_shmdt(struct tess_space *sp, tess_va addr)
{
	const struct shmdt_piece start = {.s = {addr, addr}};
	const struct tess_object *object = NULL;
	struct shmdt_piece p = start;
	enum tess_err e = TESS_OK;
	unsigned pieces = 0;

	if (!tess_page_aligned(addr))
		return tess_space_leave(TESS_EINVAL);
	for (; shmdt_next(sp, addr, &object, &p); pieces++)
		if (p.sealed) /* then none of them goes */
			return tess_space_leave(TESS_EPERM);
	for (p = start; e == TESS_OK && shmdt_next(sp, addr, &object, &p);)
		e = tess_map_remove(&sp->map, p.s.start, p.s.end, TESS_HOLES_SKIP);
	return tess_space_leave(pieces == 0 ? TESS_EINVAL : e);
}
