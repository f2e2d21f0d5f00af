/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * port/tlb.h: the TLB instructions of this CPU and its table base register.
 *
 *   void tess_port_tlb_page(uint32_t asid, tess_va va)	forget one page of `asid` on this CPU
 *   void tess_port_tlb_asid(uint32_t asid)		forget all of `asid` on this CPU
 *   void tess_port_tlb_bcast_page(uint32_t asid, tess_va va)	the same on every CPU; only where
 *   void tess_port_tlb_bcast_asid(uint32_t asid)		the pmap's caps say `broadcast`
 *   void tess_port_table_load(tess_pa root, uint32_t asid)	run on these tables from here on
 *
 * => context: any; a flush is complete, and ordered after all earlier PTE writes, on return
 * => a page flush also forgets intermediate (paging-structure) entries for that address
 * => asid 0 on a CPU without ASIDs means "the current space"; table_load then flushes all
 *
 * There is no portable default: a host gives this header.
 */
#ifndef TESSERA_PORT_TLB_H
#define TESSERA_PORT_TLB_H

#include <tessera/types.h>

#ifdef TESS_PORT_TLB_H
#include TESS_PORT_TLB_H
#else
TESS_BEGIN_DECLS
void tess_port_tlb_page(uint32_t asid, tess_va va);
void tess_port_tlb_asid(uint32_t asid);
void tess_port_tlb_bcast_page(uint32_t asid, tess_va va);
void tess_port_tlb_bcast_asid(uint32_t asid);
void tess_port_table_load(tess_pa root, uint32_t asid);
TESS_END_DECLS
#endif
#endif
