/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bind.cc: which processing units the threads of a benchmark run on.
 *
 * --bind takes the locations that hwloc's own tools take:
 *
 *	all			every unit this process was given
 *	0x0f, 0x1,,0x3		a mask of unit numbers
 *	core:0-3		the units of those cores (numbered logically)
 *	package:1.core:0.pu:0	the same, step by step inside one another
 *	node:0 core:2		the union, where there are several words
 *
 * Units that the process may not use are left out.  Threads go round the units in turn, one of each core
 * before a second of any, so that two threads do not share a core where there are two.
 */
#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <hwloc.h>
#include <sstream>
#include "bench.h"

namespace bench
{

Options options;

static hwloc_topology_t bind_topology;
static std::vector<hwloc_obj_t> bind_units;

static bool
type_named(const std::string &name, hwloc_obj_type_t *type)
{
	if (name == "node" || name == "numanode") {
		*type = HWLOC_OBJ_NUMANODE;
		return true;
	}
	if (name == "socket" || name == "package") {
		*type = HWLOC_OBJ_PACKAGE;
		return true;
	}
	return hwloc_type_sscanf(name.c_str(), type, nullptr, 0) == 0;
}

/* "core:0-3" inside `within`: narrows it.  false: not of that form, or no such thing. */
static bool
bind_step(const std::string &step, hwloc_bitmap_t within)
{
	size_t colon = step.find(':');
	hwloc_obj_type_t type;
	unsigned first, last;
	int used = 0;

	if (colon == std::string::npos || !type_named(step.substr(0, colon), &type))
		return false;
	std::string range = step.substr(colon + 1);
	if (sscanf(range.c_str(), "%u-%u%n", &first, &last, &used) != 2 || used == 0) {
		if (sscanf(range.c_str(), "%u%n", &first, &used) != 1)
			return false;
		last = first;
	}
	if (size_t(used) != range.size() || !isdigit((unsigned char)range[0]) || last < first)
		return false;
	hwloc_bitmap_t found = hwloc_bitmap_alloc();
	for (unsigned i = first; i <= last; i++) {
		hwloc_obj_t o = hwloc_get_obj_inside_cpuset_by_type(bind_topology, within, type, i);

		if (o == nullptr)
			break;
		hwloc_bitmap_or(found, found, o->cpuset);
	}
	hwloc_bitmap_and(within, within, found);
	hwloc_bitmap_free(found);
	return !hwloc_bitmap_iszero(within);
}

/* One word of --bind, added to `chosen`. */
static bool
bind_word(const std::string &word, hwloc_const_bitmap_t allowed, hwloc_bitmap_t chosen)
{
	hwloc_bitmap_t within = hwloc_bitmap_dup(allowed);
	bool good = true;

	if (word.compare(0, 2, "0x") == 0) {
		hwloc_bitmap_t mask = hwloc_bitmap_alloc();

		good = word.find_first_not_of("0123456789abcdefABCDEFx,") == std::string::npos &&
		       hwloc_bitmap_sscanf(mask, word.c_str()) == 0;
		hwloc_bitmap_and(within, within, mask);
		hwloc_bitmap_free(mask);
	} else if (word != "all") {
		std::stringstream steps(word);

		for (std::string step; good && std::getline(steps, step, '.');)
			good = bind_step(step, within);
	}
	good = good && !hwloc_bitmap_iszero(within);
	if (good)
		hwloc_bitmap_or(chosen, chosen, within);
	hwloc_bitmap_free(within);
	return good;
}

static hwloc_obj_t
bind_core(hwloc_obj_t pu)
{
	return hwloc_get_ancestor_obj_by_type(bind_topology, HWLOC_OBJ_CORE, pu);
}

/* The units of `set`: the first of every core, then the second of every core, and so on. */
static void
bind_order(hwloc_const_bitmap_t set)
{
	std::vector<std::pair<unsigned, hwloc_obj_t>> units; /* how many of its core came before */
	hwloc_obj_t pu = nullptr;
	unsigned turns = 0;

	while ((pu = hwloc_get_next_obj_inside_cpuset_by_type(bind_topology, set, HWLOC_OBJ_PU,
							      pu)) != nullptr) {
		unsigned turn = 0;

		for (auto &u : units)
			turn +=
			    bind_core(u.second) != nullptr && bind_core(u.second) == bind_core(pu);
		units.emplace_back(turn, pu);
		turns = std::max(turns, turn + 1);
	}
	for (unsigned turn = 0; turn < turns; turn++)
		for (auto &u : units)
			if (u.first == turn)
				bind_units.push_back(u.second);
}

bool
bind_init()
{
	hwloc_bitmap_t allowed, given, chosen;
	std::stringstream words(options.bind);
	bool good = true, any = false;

	if (hwloc_topology_init(&bind_topology) != 0 || hwloc_topology_load(bind_topology) != 0) {
		fprintf(stderr, "tessera_bench: hwloc cannot read this machine's topology\n");
		return false;
	}
	allowed = hwloc_bitmap_dup(hwloc_topology_get_allowed_cpuset(bind_topology));
	given = hwloc_bitmap_alloc();
	chosen = hwloc_bitmap_alloc();
	if (hwloc_get_cpubind(bind_topology, given, HWLOC_CPUBIND_PROCESS) == 0 &&
	    hwloc_bitmap_intersects(given, allowed))
		hwloc_bitmap_and(allowed, allowed, given);
	for (std::string word; good && words >> word; any = true)
		good = bind_word(word, allowed, chosen);
	if (good && any)
		bind_order(chosen);
	else
		fprintf(stderr,
			"tessera_bench: --bind=%s names no processing unit of this machine\n",
			options.bind.c_str());
	hwloc_bitmap_free(allowed);
	hwloc_bitmap_free(given);
	hwloc_bitmap_free(chosen);
	if (bind_units.empty())
		return false;
	if (!options.topology.empty() &&
	    hwloc_topology_export_xml(bind_topology, options.topology.c_str(), 0) != 0) {
		fprintf(stderr, "tessera_bench: cannot write %s\n", options.topology.c_str());
		return false;
	}
	return true;
}

unsigned
bind_places()
{
	return unsigned(bind_units.size());
}

void
bind_self(unsigned n)
{
	hwloc_obj_t pu = bind_units[n % bind_units.size()];

	/* A topology from a file (HWLOC_XMLFILE, HWLOC_SYNTHETIC) is not this machine's: hwloc binds nothing then. */
	if (hwloc_set_cpubind(bind_topology, pu->cpuset, HWLOC_CPUBIND_THREAD) != 0 &&
	    hwloc_topology_is_thissystem(bind_topology))
		fail("cannot bind a thread to PU " + std::to_string(pu->os_index));
}

std::string
bind_text()
{
	std::string text = "PU";

	for (size_t i = 0; i < bind_units.size(); i++)
		text += (i == 0 ? " " : ",") + std::to_string(bind_units[i]->os_index);
	return text + " (" + options.bind + ")";
}

std::vector<unsigned>
thread_counts()
{
	unsigned most = options.threads != 0 ? options.threads : std::max(2u, bind_places());
	std::vector<unsigned> counts;

	most = std::min(most, unsigned(TESS_CPU_MAX));
	for (unsigned n = 1; n < most; n *= 2)
		counts.push_back(n);
	counts.push_back(most);
	return counts;
}

} // namespace bench
