/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * object.h: a sequence of pages with a source.
 *
 * An object caches the pages of one backing: a file, a device, or nothing (zeros: shared
 * anonymous memory, System V segments).  All access to the backing while it is mapped goes
 * through its object, so that mappings, tess_object_read() and tess_object_write() agree.
 */
#ifndef TESSERA_OBJECT_H
#define TESSERA_OBJECT_H

#include <tessera/types.h>

TESS_BEGIN_DECLS

/*
 * A pager: how an object's pages are fetched and stored.  Every operation is mandatory.
 *
 * => context: no lock of the core held; may sleep; outside every read section
 * => `backing` is what tess_object_create() was given
 * => data[i] points at 4096 bytes of a frame (direct map)
 */
struct tess_pager_ops {
	const char *name;
	/* Fill n whole pages from page idx on; beyond the backing's end they are zero.  OK, EIO or ENOMEM. */
	enum tess_err (*get)(void *backing, tess_idx idx, unsigned n, void *const *data);
	/* Store n whole pages; bytes at or beyond `size` of the object are not stored.  OK or EIO. */
	enum tess_err (*put)(void *backing, tess_idx idx, unsigned n, const void *const *data,
			     uint64_t size);
	/* The object's size changed to `size` bytes (tess_object_set_size).  OK or EIO: then it did not. */
	enum tess_err (*resize)(void *backing, uint64_t size);
	/* The last reference to the object is gone, dirty pages have been put. */
	void (*detach)(void *backing);
};

/*
 * tess_object_create: an object of `size` bytes over `backing`, with one reference.
 * tess_object_create_zero: one whose pages are born zero and live in memory only.
 *
 * => fails: NOMEM; EINVAL when size does not fit an offset (above 2^63)
 */
TESS_MUST_CHECK enum tess_err tess_object_create(const struct tess_pager_ops *ops, void *backing,
						 uint64_t size, struct tess_object **out);
TESS_MUST_CHECK enum tess_err tess_object_create_zero(uint64_t size, struct tess_object **out);

/*
 * tess_object_ref, tess_object_unref: the last unref puts dirty pages, frees all, detaches.
 *
 * => unref: sleeps: yes.  no lock held
 */
void tess_object_ref(struct tess_object *o);
void tess_object_unref(struct tess_object *o);

uint64_t tess_object_size(const struct tess_object *o);
/* What tess_object_create() was given; NULL for a zero object. */
void *tess_object_backing(const struct tess_object *o);

/*
 * tess_object_set_size: truncate or extend.  Pages wholly beyond the new end leave every pmap
 * and are freed (later access is SIGBUS); the rest of the last page becomes zero.
 * Private copies (anons) stay.
 *
 * => sleeps: yes.  fails: EIO from the pager, EINVAL above 2^63, ENOMEM the commit charge; nothing changed
 */
TESS_MUST_CHECK enum tess_err tess_object_set_size(struct tess_object *o, uint64_t size);

/*
 * tess_object_read, tess_object_write: bytes [off, off+len) through the page cache.  read stops at the size
 * and says how much in *done; write extends the object when it must.
 *
 * => sleeps: yes.  fails: NOMEM, EIO; *done bytes were transferred then
 */
TESS_MUST_CHECK enum tess_err tess_object_read(struct tess_object *o, tess_off off, void *buf,
					       uint64_t len, uint64_t *done);
TESS_MUST_CHECK enum tess_err tess_object_write(struct tess_object *o, tess_off off,
						const void *buf, uint64_t len, uint64_t *done);

/*
 * tess_object_zero: bytes [off, off + len), as far as the object has them, read as zeros from here on, in every
 * mapping.  Private copies stay; the size too.  Whole pages of a zero object are freed, unless some mapping
 * of it is locked in memory.
 *
 * => off and len are page aligned.  sleeps: yes
 * => fails: NOMEM, EIO from the pager; the part before is done.  EINVAL alignment
 */
TESS_MUST_CHECK enum tess_err tess_object_zero(struct tess_object *o, tess_off off, uint64_t len);

/*
 * tess_object_zero_prepare: bring in what tess_object_zero() will need, so that it does not fail unless somebody
 * drops the pages again.
 *
 * => sleeps: yes.  fails: NOMEM, EIO, EINVAL as tess_object_zero(); no byte changed
 */
TESS_MUST_CHECK enum tess_err tess_object_zero_prepare(struct tess_object *o, tess_off off,
						       uint64_t len);

enum tess_sync {
	TESS_SYNC_CLEAN,      /* put dirty pages */
	TESS_SYNC_INVALIDATE, /* put dirty pages, then drop all unwired ones from pmaps and memory */
};

/*
 * tess_object_sync: pages [idx, idx + n).
 *
 * => sleeps: yes.  fails: EIO (a page stays dirty), EBUSY (INVALIDATE met a wired page; the rest is done)
 */
TESS_MUST_CHECK enum tess_err tess_object_sync(struct tess_object *o, tess_idx idx, uint64_t n,
					       enum tess_sync how);

/* tess_object_resident: pages in memory in [idx, idx + n). */
uint64_t tess_object_resident(struct tess_object *o, tess_idx idx, uint64_t n);

TESS_END_DECLS

#endif
