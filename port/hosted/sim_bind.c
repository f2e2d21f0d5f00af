/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_bind.c: a logical CPU's thread on a real processing unit, by hwloc.
 *
 * Only units that both the system allows (cpusets) and the process was given (taskset) count; logical
 * CPUs beyond their number wrap around.  The topology is read once a process, at the first bind.
 */
#include <hwloc.h>
#include <pthread.h>
#include <stdio.h>
#include "sim_priv.h"

static pthread_once_t bind_once = PTHREAD_ONCE_INIT;
static hwloc_topology_t bind_topology;
static hwloc_cpuset_t bind_allowed; /* NULL: no topology */

static void
bind_init(void)
{
	hwloc_cpuset_t given;

	if (hwloc_topology_init(&bind_topology) != 0)
		return;
	if (hwloc_topology_load(bind_topology) != 0)
		return;
	bind_allowed = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(bind_topology));
	given = hwloc_bitmap_alloc();
	if (bind_allowed == NULL || given == NULL)
		return;
	if (hwloc_get_cpubind(bind_topology, given, HWLOC_CPUBIND_PROCESS) == 0 &&
	    hwloc_bitmap_intersects(given, bind_allowed))
		hwloc_bitmap_and(bind_allowed, bind_allowed, given);
	hwloc_bitmap_free(given);
}

bool
tess_sim_bind(unsigned cpu)
{
	hwloc_obj_t pu;
	int n;

	pthread_once(&bind_once, bind_init);
	if (bind_allowed == NULL)
		return false;
	n = hwloc_get_nbobjs_inside_cpuset_by_type(bind_topology, bind_allowed, HWLOC_OBJ_PU);
	if (n <= 0)
		return false;
	pu = hwloc_get_obj_inside_cpuset_by_type(bind_topology, bind_allowed, HWLOC_OBJ_PU,
						 cpu % (unsigned)n);
	return pu != NULL &&
	       hwloc_set_cpubind(bind_topology, pu->cpuset, HWLOC_CPUBIND_THREAD) == 0;
}

void
tess_sim_unbind(void)
{
	hwloc_set_cpubind(bind_topology, bind_allowed, HWLOC_CPUBIND_THREAD);
}
