/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rvm.cc: two workloads of the RadixVM paper, all threads in one address space.
 *
 *	rvm.local  each thread maps its own fixed region of npg pages, writes every page, unmaps it.  Thread t's lies
 *		   `stride` MiB times t above the base: 1 as in the paper (so two threads share a chunk and a PTE
 *		   page), 64 (they share neither).  An operation is a whole cycle.
 *	rvm.index  a map of 1,000 regions of 4 pages with holes of 12 between them: R readers look up random
 *		   addresses in them, W writers map and unmap a page of their own above.  An operation is a lookup;
 *		   the writers' pairs are counted as well (writes_per_sec).
 *
 * A lookup is mincore() of one page, the one call that asks every system "what is mapped here": argument
 * checks, lookup of the entry, and whether that page is there (it is not: nothing is touched).  The core's is
 * also measured without them, by tess_space_next_area() (rvm.index_area), as the host has no such call.
 */
#include <sys/mman.h>
#include "bench.h"

namespace bench
{

static const uint64_t RVM_BASE = uint64_t(1) << 42;
static const uint64_t RVM_RAM = uint64_t(32) << 20;
static const uint64_t MIB = uint64_t(1) << 20;

/* ---- rvm.local ---- */

static const uint64_t LOCAL_CYCLES = 500;

static void
local_core(benchmark::State &state, uint64_t npg, uint64_t stride, unsigned threads)
{
	Core core(threads, RVM_RAM);
	Team team(threads, core.hooks());

	measure(
	    state, team, LOCAL_CYCLES, threads,
	    [&](unsigned thread, uint64_t start) {
		    tess_va at = RVM_BASE + thread * stride * MIB;

		    for (uint64_t i = 0; i < LOCAL_CYCLES; i++) {
			    core.map(at, npg * TESS_PAGE_SIZE);
			    core.fault(at, npg * TESS_PAGE_SIZE);
			    core.unmap(at, npg * TESS_PAGE_SIZE);
		    }
		    return now_ns() - start;
	    },
	    &core);
}

static void *
host_map_at(uint64_t at, uint64_t bytes)
{
	void *p = mmap(reinterpret_cast<void *>(at), bytes, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (p == MAP_FAILED)
		fail("the host has no memory for mmap");
	return p;
}

static void
local_host(benchmark::State &state, uint64_t npg, uint64_t stride, unsigned threads)
{
	Team team(threads);

	measure(state, team, LOCAL_CYCLES, threads, [&](unsigned thread, uint64_t start) {
		for (uint64_t i = 0; i < LOCAL_CYCLES; i++) {
			volatile char *p = static_cast<char *>(
			    host_map_at(RVM_BASE + thread * stride * MIB, npg * TESS_PAGE_SIZE));

			for (uint64_t n = 0; n < npg; n++)
				p[n * TESS_PAGE_SIZE] = 1;
			munmap(const_cast<char *>(p), npg * TESS_PAGE_SIZE);
		}
		return now_ns() - start;
	});
}

/* ---- rvm.index ---- */

static const uint64_t INDEX_REGIONS = 1000;
static const uint64_t INDEX_LOOKUPS = 20000;
static const uint64_t INDEX_STEP = 16 * TESS_PAGE_SIZE;
static const uint64_t INDEX_BYTES = 4 * TESS_PAGE_SIZE;

/* A page address in one of the regions; the same ones in every run. */
static uint64_t
index_random(uint64_t *seed)
{
	uint64_t x = *seed;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	*seed = x;
	return RVM_BASE + (x >> 32) % INDEX_REGIONS * INDEX_STEP + (x & 3) * TESS_PAGE_SIZE;
}

static uint64_t
index_seed(unsigned thread)
{
	return 0x9e3779b97f4a7c15u * (thread + 1);
}

/* What differs between the sides. */
struct IndexSide {
	std::function<void(uint64_t at)> pair;
	std::function<void(uint64_t *seed)> lookups; /* INDEX_LOOKUPS of them */
};

/* Writers go on until the last reader has done. */
static void
index_measure(benchmark::State &state, Team &team, unsigned readers, const IndexSide &side)
{
	std::vector<uint64_t> batches(team.size()); /* each entry its thread's own */
	uint64_t finished = 0, pairs = 0;           /* atomic: readers' batches, writers' pairs */

	measure(state, team, INDEX_LOOKUPS, readers, [&](unsigned thread, uint64_t start) {
		uint64_t seed = index_seed(thread), done = 0;

		if (thread < readers) {
			side.lookups(&seed);
			uint64_t took = now_ns() - start;

			__atomic_add_fetch(&finished, 1, __ATOMIC_RELAXED);
			return took;
		}
		uint64_t goal = ++batches[thread] * readers;

		while (__atomic_load_n(&finished, __ATOMIC_RELAXED) < goal) {
			side.pair(RVM_BASE + (INDEX_REGIONS + 16 + thread) * INDEX_STEP);
			done++;
		}
		__atomic_add_fetch(&pairs, done, __ATOMIC_RELAXED);
		return uint64_t(0);
	});
	state.counters["writes_per_sec"] = double(pairs) / (state.counters["wall_ns"].value * 1e-9);
}

enum index_call {
	INDEX_MINCORE,
	INDEX_AREA
};

static void
index_core(benchmark::State &state, unsigned readers, unsigned writers, enum index_call call)
{
	Core core(readers + writers, RVM_RAM);
	struct tess_space *sp = core.space();
	IndexSide side;

	for (uint64_t i = 0; i < INDEX_REGIONS; i++)
		core.map(RVM_BASE + i * INDEX_STEP, INDEX_BYTES);
	side.pair = [&](uint64_t at) {
		core.map(at, TESS_PAGE_SIZE);
		core.unmap(at, TESS_PAGE_SIZE);
	};
	side.lookups = [&](uint64_t *seed) {
		struct tess_area area;
		unsigned char vec;

		for (uint64_t i = 0; i < INDEX_LOOKUPS; i++) {
			uint64_t va = index_random(seed);

			if (call == INDEX_MINCORE)
				must(tess_mincore(sp, va, TESS_PAGE_SIZE, &vec), "mincore");
			else if (!tess_space_next_area(sp, va, &area) || area.start > va)
				fail("a mapped address was not found");
		}
	};
	Team team(readers + writers, core.hooks());
	index_measure(state, team, readers, side);
}

static void
index_host(benchmark::State &state, unsigned readers, unsigned writers)
{
	Team team(readers + writers);
	IndexSide side;

	for (uint64_t i = 0; i < INDEX_REGIONS; i++)
		host_map_at(RVM_BASE + i * INDEX_STEP, INDEX_BYTES);
	side.pair = [](uint64_t at) { munmap(host_map_at(at, TESS_PAGE_SIZE), TESS_PAGE_SIZE); };
	side.lookups = [](uint64_t *seed) {
		unsigned char vec;

		for (uint64_t i = 0; i < INDEX_LOOKUPS; i++)
			if (mincore(reinterpret_cast<void *>(index_random(seed)), TESS_PAGE_SIZE,
				    &vec) != 0)
				fail("mincore of a mapped address");
	};
	index_measure(state, team, readers, side);
	for (uint64_t i = 0; i < INDEX_REGIONS; i++)
		munmap(reinterpret_cast<void *>(RVM_BASE + i * INDEX_STEP), INDEX_BYTES);
}

void
register_rvm()
{
	static const struct {
		uint64_t npg, stride;
	} local[] = {{1, 1}, {1, 64}, {16, 16}};
	static const struct {
		unsigned readers, writers;
	} index[] = {{1, 0}, {1, 1}, {2, 0}};

	for (auto &l : local)
		for (unsigned n : thread_counts()) {
			std::string args =
			    "npg:" + std::to_string(l.npg) + "/stride:" + std::to_string(l.stride);

			add(name_of("rvm.local", "core", args, n),
			    [=](benchmark::State &s) { local_core(s, l.npg, l.stride, n); });
			add(name_of("rvm.local", "host", args, n),
			    [=](benchmark::State &s) { local_host(s, l.npg, l.stride, n); });
		}
	for (auto &x : index) {
		std::string args = "readers:" + std::to_string(x.readers) +
				   "/writers:" + std::to_string(x.writers);
		unsigned n = x.readers + x.writers;

		add(name_of("rvm.index", "core", args, n), [=](benchmark::State &s) {
			index_core(s, x.readers, x.writers, INDEX_MINCORE);
		});
		add(name_of("rvm.index", "host", args, n),
		    [=](benchmark::State &s) { index_host(s, x.readers, x.writers); });
		add(name_of("rvm.index_area", "core", args, n),
		    [=](benchmark::State &s) { index_core(s, x.readers, x.writers, INDEX_AREA); });
	}
}

} // namespace bench
