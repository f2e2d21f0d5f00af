/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base_fixture.h: a machine with only base up, and frames for its pools from a stack of frames.
 *
 * The room under test may not know what a page is, so neither does its test: the upper half of
 * RAM is handed out frame by frame.
 */
#ifndef TESS_UNIT_BASE_FIXTURE_H
#define TESS_UNIT_BASE_FIXTURE_H

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "unit_port.h"
#include "base.h"

#define BASE_RAM    (4u << 20)
#define BASE_FRAMES 512

static struct {
	pthread_mutex_t lock;
	void *frame[BASE_FRAMES];
	int64_t n; /* free ones */
} base_stack = {.lock = PTHREAD_MUTEX_INITIALIZER};

static inline void *
base_frame_get(void)
{
	void *f = NULL;

	pthread_mutex_lock(&base_stack.lock);
	if (base_stack.n > 0)
		f = base_stack.frame[--base_stack.n];
	pthread_mutex_unlock(&base_stack.lock);
	return f;
}

static inline void
base_frame_put(void *f)
{
	memset(f, 0xa5, TESS_PAGE_SIZE);
	pthread_mutex_lock(&base_stack.lock);
	base_stack.frame[base_stack.n++] = f;
	pthread_mutex_unlock(&base_stack.lock);
}

static inline struct tess_machine *
base_start(unsigned ncpu)
{
	tess_pa half = UNIT_RAM_BASE + BASE_RAM / 2;
	struct tess_machine *m;

	unit_port_start(BASE_RAM);
	assert_int_equal(tess_base_init(UNIT_RAM_BASE, BASE_RAM / 2, ncpu, &m), TESS_OK);
	base_stack.n = 0;
	for (unsigned i = 0; i < BASE_FRAMES; i++)
		base_stack.frame[base_stack.n++] = tess_port_direct(half + i * TESS_PAGE_SIZE);
	m->backing = (struct tess_pool_backing){base_frame_get, base_frame_put};
	return m;
}

static inline void
base_stop(void)
{
	tess_rcu_drain();
	tess_base_check();
	assert_null(tess_machine()->pools);
	assert_int_equal(base_stack.n, BASE_FRAMES);
	tess_port_machine_set(NULL);
	unit_port_stop();
}

static inline int64_t
base_frames_out(void)
{
	return BASE_FRAMES - base_stack.n;
}

#endif
