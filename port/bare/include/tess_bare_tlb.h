/* SPDX-License-Identifier: BSD-2-Clause */
/* tess_bare_tlb.h: port/tlb.h of the bare port, by processor. */
#ifndef TESS_BARE_TLB_H
#define TESS_BARE_TLB_H

#if defined(__x86_64__)
#include "../x86_64/tlb.h"
#else
#error "the bare port has no tlb.h for this processor"
#endif

#endif
