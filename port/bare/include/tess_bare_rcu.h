/* SPDX-License-Identifier: BSD-2-Clause */
/* tess_bare_rcu.h: port/rcu.h of the bare port, by processor. */
#ifndef TESS_BARE_RCU_H
#define TESS_BARE_RCU_H

#if defined(__x86_64__)
#include "../x86_64/rcu.h"
#else
#error "the bare port has no rcu.h for this processor"
#endif

#endif
