/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fault.h: make one access legal, or say why not.
 *
 * ROOM     fault
 * OWNS     nothing that lasts; one struct fault on the stack
 * LOCKS    takes chunk (20), object (30); never the map's
 * CALLS    map, object, anon, pmap
 * NEVER    changes the layout of a map
 * SLEEPS   for I/O and for a writer that holds an entry: with nothing locked, outside RCU
 * CHECKS   its effects are I-MAP-7
 */
#ifndef TESS_FAULT_H
#define TESS_FAULT_H

#include "map.h"

/*
 * tess_map_fault: resolve an access at va.
 *
 * => locks: none held.  rcu: not inside.  sleeps: yes
 * => OK: repeat the access; SIGSEGV: nothing mapped, or not allowed; SIGBUS: beyond the object's
 *    end or its pager failed; ENOMEM
 */
TESS_MUST_CHECK enum tess_err tess_map_fault(struct tess_map *map, tess_va va,
					     enum tess_access access);

/*
 * tess_map_populate: fault in every page of [start, end) as mlock does: private writable pages by a
 * write, which makes them the space's own; others by a read.
 *
 * => OK; EFAULT: a hole, a guard, or an entry that allows nothing; SIGBUS; ENOMEM: pages before it are in
 */
TESS_MUST_CHECK enum tess_err tess_map_populate(struct tess_map *map, tess_va start, tess_va end);

/*
 * tess_map_wire_range: bring in and keep [start, end); see tess_map_wire() of <tessera/map.h>.
 *
 * => `limit`: of locked bytes, for the user's wiring
 * => fails: as tess_map_wire_begin() and _end(); or OK with what tess_map_populate() said in *pages: then nothing
 *    is wired either
 */
TESS_MUST_CHECK enum tess_err tess_map_wire_range(struct tess_map *map, tess_va start, tess_va end,
						  unsigned how, uint64_t limit,
						  enum tess_err *pages);

/* How madvise(POPULATE_*) wants it: an access of this kind to each page. */
TESS_MUST_CHECK enum tess_err tess_map_touch(struct tess_map *map, tess_va start, tess_va end,
					     enum tess_access access);

#endif
