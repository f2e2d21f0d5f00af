/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/atomic.h: atomic words in named orders, over the compiler's builtins.
 *
 * The core uses these names only.  There is no sequentially consistent load or store: where a
 * store must be ordered before a later load, tess_fence_full() stands between them and the
 * comment beside it names its partner.
 */
#ifndef TESSERA_PORT_ATOMIC_H
#define TESSERA_PORT_ATOMIC_H

#include <tessera/types.h>

#ifdef TESS_PORT_ATOMIC_H
#include TESS_PORT_ATOMIC_H
#else

#define tess_load_relaxed(p)     __atomic_load_n((p), __ATOMIC_RELAXED)
#define tess_load_acquire(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define tess_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define tess_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)

#define tess_add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
#define tess_add_acqrel(p, v)  __atomic_fetch_add((p), (v), __ATOMIC_ACQ_REL)
#define tess_sub_acqrel(p, v)  __atomic_fetch_sub((p), (v), __ATOMIC_ACQ_REL)
#define tess_or_relaxed(p, v)  __atomic_fetch_or((p), (v), __ATOMIC_RELAXED)
#define tess_or_acqrel(p, v)   __atomic_fetch_or((p), (v), __ATOMIC_ACQ_REL)
#define tess_and_relaxed(p, v) __atomic_fetch_and((p), (v), __ATOMIC_RELAXED)
#define tess_and_acqrel(p, v)  __atomic_fetch_and((p), (v), __ATOMIC_ACQ_REL)
#define tess_xchg_acqrel(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)

/* True when *p was *old and is now v; otherwise *old holds what was found. */
#define tess_cas_acquire(p, old, v) \
	__atomic_compare_exchange_n((p), (old), (v), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)
#define tess_cas_acqrel(p, old, v) \
	__atomic_compare_exchange_n((p), (old), (v), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)

/* A full fence.  ThreadSanitizer does not model fences, so there it is a read-modify-write. */
#if defined(__SANITIZE_THREAD__)
#define TESS_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define TESS_TSAN 1
#endif
#endif
#ifdef TESS_TSAN
#if defined(__cplusplus)
extern "C" uint32_t tess_port_fence_word;
#else
extern uint32_t tess_port_fence_word; /* the host defines it */
#endif
#define tess_fence_full() ((void)__atomic_fetch_add(&tess_port_fence_word, 1, __ATOMIC_SEQ_CST))
#else
#define tess_fence_full() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

#define tess_compiler_barrier() __asm__ volatile("" ::: "memory")

#endif
#endif
