/* SPDX-License-Identifier: BSD-2-Clause */
/* tess_bare_cpu.h: port/cpu.h of the bare port, by processor. */
#ifndef TESS_BARE_CPU_H
#define TESS_BARE_CPU_H

#if defined(__x86_64__)
#include "../x86_64/cpu.h"
#else
#error "the bare port has no cpu.h for this processor"
#endif

#endif
