/* SPDX-License-Identifier: BSD-2-Clause */
/* tess_bare_direct.h: port/direct.h of the bare port, by processor. */
#ifndef TESS_BARE_DIRECT_H
#define TESS_BARE_DIRECT_H

#if defined(__x86_64__)
#include "../x86_64/direct.h"
#else
#error "the bare port has no direct.h for this processor"
#endif

#endif
