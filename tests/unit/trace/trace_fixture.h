/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_fixture.h: what the tests of the trace reader share.
 */
#ifndef TRACE_FIXTURE_H
#define TRACE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "trace.h"

static inline struct trace
trace_of(const char *text)
{
	return (struct trace){.name = "test", .text = text, .size = strlen(text)};
}

#endif
