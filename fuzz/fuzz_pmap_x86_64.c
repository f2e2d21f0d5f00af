/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_pmap_x86_64.c: the x86_64 pmap and its TLB protocol.
 */
#include "fuzz_pmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	return fuzz_pmap_run(TESS_HOST_X86_64, data, size);
}
