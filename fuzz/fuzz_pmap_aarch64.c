/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_pmap_aarch64.c: the aarch64 pmap; the first byte says who keeps accessed and dirty bits.
 */
#include "fuzz_pmap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	return fuzz_pmap_run(data[0] & 1 ? TESS_HOST_AARCH64_HW : TESS_HOST_AARCH64, data, size);
}
