/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * unit_tlb.h: port/tlb.h for unit tests: linked functions that count, and tell unit_tlb_hook.
 */
#ifndef TESS_UNIT_TLB_H
#define TESS_UNIT_TLB_H

void tess_port_tlb_page(uint32_t asid, tess_va va);
void tess_port_tlb_asid(uint32_t asid);
void tess_port_tlb_bcast_page(uint32_t asid, tess_va va);
void tess_port_tlb_bcast_asid(uint32_t asid);
void tess_port_table_load(tess_pa root, uint32_t asid);

#endif
