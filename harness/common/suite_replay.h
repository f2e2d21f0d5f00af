/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suite_replay.h: the traces that the image carries (made by harness/pack_trace.py).
 */
#ifndef SUITE_REPLAY_H
#define SUITE_REPLAY_H

#include "trace.h"

extern const struct trace bare_traces[];
extern const unsigned bare_ntraces;

#endif
