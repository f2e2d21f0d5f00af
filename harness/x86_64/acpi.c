/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * acpi.c: how many processors, and what their APICs are called: RSDP ─► RSDT or XSDT ─► MADT.
 *
 * ACPI 6.4, sections 5.2.5 to 5.2.12.  Rejected: counting CPUs by a broadcast start (it cannot know when
 * the last one has answered), and fw_cfg (QEMU only).
 */
#include <tessera/port.h>
#include "x86.h"

struct acpi_rsdp {
	char signature[8];
	uint8_t checksum;
	char oem[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length; /* revision 2 and later, from here on */
	uint64_t xsdt;
} __attribute__((packed));

struct acpi_header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem[6], table[8];
	uint32_t oem_revision, creator, creator_revision;
} __attribute__((packed));

struct acpi_madt {
	struct acpi_header header;
	uint32_t lapic, flags;
	uint8_t records[];
} __attribute__((packed));

enum {
	ACPI_LAPIC = 0,
	ACPI_X2APIC = 9,
	ACPI_ENABLED = 1
};

static bool
acpi_sum_ok(const void *p, uint32_t n)
{
	const uint8_t *b = p;
	uint8_t sum = 0;

	for (uint32_t i = 0; i < n; i++)
		sum += b[i];
	return sum == 0;
}

/* The root pointer, where firmware leaves it (section 5.2.5.1), when the loader does not say. */
static const struct acpi_rsdp *
acpi_search(void)
{
	for (tess_pa pa = 0xe0000; pa < 0x100000; pa += 16) {
		const struct acpi_rsdp *r = tess_port_direct(pa);

		if (memcmp(r->signature, "RSD PTR ", 8) == 0 && acpi_sum_ok(r, 20))
			return r;
	}
	return NULL;
}

static const struct acpi_header *
acpi_find(const struct acpi_rsdp *r, const char *signature)
{
	bool wide = r->revision >= 2 && r->xsdt != 0;
	const struct acpi_header *root = tess_port_direct(wide ? r->xsdt : r->rsdt);
	uint32_t size = wide ? 8 : 4;
	uint32_t n = (root->length - (uint32_t)sizeof(*root)) / size;
	const uint8_t *at = (const uint8_t *)(root + 1);

	for (uint32_t i = 0; i < n; i++, at += size) {
		const struct acpi_header *h;
		uint64_t pa = 0;

		memcpy(&pa, at, size);
		h = tess_port_direct(pa);
		if (memcmp(h->signature, signature, 4) == 0 && acpi_sum_ok(h, h->length))
			return h;
	}
	return NULL;
}

/* One record's APIC id; false: no processor, or one that may not be used. */
static bool
acpi_record(const uint8_t *rec, uint32_t *id)
{
	uint32_t flags;

	if (rec[0] == ACPI_LAPIC && rec[1] >= 8) {
		*id = rec[3];
		memcpy(&flags, rec + 4, 4);
	} else if (rec[0] == ACPI_X2APIC && rec[1] >= 16) {
		memcpy(id, rec + 4, 4);
		memcpy(&flags, rec + 8, 4);
	} else {
		return false;
	}
	return (flags & ACPI_ENABLED) != 0;
}

unsigned
x86_acpi_cpus(const void *rsdp, uint32_t *apic_id, unsigned max)
{
	const struct acpi_rsdp *r = rsdp != NULL ? rsdp : acpi_search();
	const struct acpi_madt *madt;
	const uint8_t *end, *rec;
	unsigned n = 0;

	if (r == NULL)
		return 0;
	madt = (const struct acpi_madt *)acpi_find(r, "APIC");
	if (madt == NULL)
		return 0;
	end = (const uint8_t *)madt + madt->header.length;
	for (rec = madt->records; rec + 2 <= end && rec[1] >= 2 && rec + rec[1] <= end;
	     rec += rec[1])
		if (n < max && acpi_record(rec, &apic_id[n]))
			n++;
	return n;
}
