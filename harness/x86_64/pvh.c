/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pvh.c: what the loader says: memory, the command line, where ACPI's root pointer is.
 *
 * The structures are those of xen/include/public/arch-x86/hvm/start_info.h.  Memory is given to the core
 * largest range first (the first one holds the metadata); the image, everything below 1 MiB and
 * everything above the direct map are left out.
 */
#include <tessera/port.h>
#include "bare.h"
#include "harness.h"
#include "x86.h"

#define PVH_MAGIC 0x336ec578
#define PVH_RAM   1

struct pvh_start_info {
	uint32_t magic, version, flags, nr_modules;
	uint64_t modlist, cmdline, rsdp;
	uint64_t memmap; /* version 1 and later */
	uint32_t memmap_entries, reserved;
};

struct pvh_memmap {
	uint64_t addr, size;
	uint32_t type, reserved;
};

static const struct pvh_start_info *pvh_info;

static void
pvh_range_add(tess_pa start, tess_pa end)
{
	struct tess_phys_range *r = bare_ranges;
	unsigned i = bare_nranges;

	start = tess_page_round(start);
	end = tess_page_trunc(end);
	if (end <= start || bare_nranges == BARE_RANGES)
		return;
	for (; i > 0 && r[i - 1].bytes < end - start; i--)
		r[i] = r[i - 1];
	r[i] = (struct tess_phys_range){.start = start, .bytes = end - start};
	bare_nranges++;
}

void
x86_pvh_parse(uint64_t start_info)
{
	const struct pvh_memmap *m;
	tess_pa image_end = X86_PHYS((uint64_t)(uintptr_t)x86_image_end);

	pvh_info = tess_port_direct(start_info);
	if (pvh_info->magic != PVH_MAGIC || pvh_info->version < 1)
		tess_port_panic("the loader gave no PVH memory map");
	m = tess_port_direct(pvh_info->memmap);
	for (uint32_t i = 0; i < pvh_info->memmap_entries; i++) {
		tess_pa start = m[i].addr, end = m[i].addr + m[i].size;

		if (m[i].type != PVH_RAM)
			continue;
		if (start < image_end)
			start = image_end;
		if (end > X86_DIRECT_END)
			end = X86_DIRECT_END;
		pvh_range_add(start, end);
	}
	if (bare_nranges == 0)
		tess_port_panic("the loader reports no memory above the image");
	if (pvh_info->cmdline != 0)
		bare_options_set(tess_port_direct(pvh_info->cmdline));
}

const void *
x86_pvh_rsdp(void)
{
	return pvh_info->rsdp != 0 ? tess_port_direct(pvh_info->rsdp) : NULL;
}
