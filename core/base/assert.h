/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * assert.h: three prices of assertion.
 *
 *   TESS_ASSERT(x)	cheap: always on
 *   TESS_DEBUG(x)	normal: on from TESS_CONFIG_ASSERT 1
 *   TESS_WALK(x)	walkers and ranks: on from TESS_CONFIG_ASSERT 2
 *
 * A disabled assertion still consumes its expression, so that nothing becomes unused.
 */
#ifndef TESS_BASE_ASSERT_H
#define TESS_BASE_ASSERT_H

#include <tessera/port.h>

#define TESS_STR_(x) #x
#define TESS_STR(x)  TESS_STR_(x)

#define TESS_LIKELY(x)   __builtin_expect(!!(x), 1)
#define TESS_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* For a slow half, so that the fast one saves no registers for it; for a fast half used twice. */
#define TESS_NOINLINE __attribute__((noinline))
#define TESS_INLINE   inline __attribute__((always_inline))

#define TESS_ASSERT(x)  \
	(TESS_LIKELY(x) \
	     ? (void)0  \
	     : tess_panic("assertion failed: " #x " at " __FILE__ ":" TESS_STR(__LINE__)))
#define TESS_ASSERT_OFF(x) ((void)sizeof((x) ? 1 : 0))

#if TESS_CONFIG_ASSERT >= 1
#define TESS_DEBUG(x) TESS_ASSERT(x)
#else
#define TESS_DEBUG(x) TESS_ASSERT_OFF(x)
#endif

#if TESS_CONFIG_ASSERT >= 2
#define TESS_WALK(x) TESS_ASSERT(x)
#else
#define TESS_WALK(x) TESS_ASSERT_OFF(x)
#endif

/* For what follows from an invariant that neither compiler nor analyser can see. */
#define TESS_ASSUME(x)                           \
	do {                                     \
		TESS_WALK(x);                    \
		if (!(x))                        \
			__builtin_unreachable(); \
	} while (0)

#define TESS_STATIC_ASSERT(x, msg) _Static_assert(x, msg)

/*
 * tess_panic: print the history rings, then `msg`, through the port; never returns.
 *
 * => context: any
 */
TESS_NORETURN void tess_panic(const char *msg);

#endif
