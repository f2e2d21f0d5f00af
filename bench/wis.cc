/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wis.cc: two loops of will-it-scale, in their threads variant: all threads in one address space.
 *
 *	wis.page_fault1	 map 128 MiB anywhere, write each page, unmap	an operation is a page
 *	wis.mmap1	 map 128 MiB anywhere, unmap it untouched	an operation is a pair
 *
 * On the host large pages are switched off for the region (the core has none yet).
 */
#include <sys/mman.h>
#include "bench.h"

namespace bench
{

static const uint64_t WIS_BYTES = uint64_t(128) << 20;
static const uint64_t WIS_PAGES = WIS_BYTES / TESS_PAGE_SIZE;
static const uint64_t WIS_PAIRS = 2000;

static void *
host_map(uint64_t bytes)
{
	void *p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		fail("the host has no memory for mmap");
	return p;
}

static void
page_fault1_core(benchmark::State &state, unsigned threads)
{
	/* Pages, tables and records; and what per-CPU caches may keep from one another. */
	Core core(threads, threads * (WIS_BYTES + (WIS_BYTES >> 4)) + (uint64_t(32) << 20));
	Team team(threads, core.hooks());

	measure(
	    state, team, WIS_PAGES, threads,
	    [&](unsigned, uint64_t start) {
		    tess_va at = core.map(0, WIS_BYTES);

		    core.fault(at, WIS_BYTES);
		    core.unmap(at, WIS_BYTES);
		    return now_ns() - start;
	    },
	    &core);
}

static void
page_fault1_host(benchmark::State &state, unsigned threads)
{
	Team team(threads);

	measure(state, team, WIS_PAGES, threads, [](unsigned, uint64_t start) {
		char *p = static_cast<char *>(host_map(WIS_BYTES));

		madvise(p, WIS_BYTES, MADV_NOHUGEPAGE); /* EINVAL where there are none: as well */
		for (uint64_t i = 0; i < WIS_BYTES; i += TESS_PAGE_SIZE)
			static_cast<volatile char *>(p)[i] = 1;
		munmap(p, WIS_BYTES);
		return now_ns() - start;
	});
}

static void
mmap1_core(benchmark::State &state, unsigned threads)
{
	Core core(threads, uint64_t(32) << 20);
	Team team(threads, core.hooks());

	measure(
	    state, team, WIS_PAIRS, threads,
	    [&](unsigned, uint64_t start) {
		    for (uint64_t i = 0; i < WIS_PAIRS; i++)
			    core.unmap(core.map(0, WIS_BYTES), WIS_BYTES);
		    return now_ns() - start;
	    },
	    &core);
}

static void
mmap1_host(benchmark::State &state, unsigned threads)
{
	Team team(threads);

	measure(state, team, WIS_PAIRS, threads, [](unsigned, uint64_t start) {
		for (uint64_t i = 0; i < WIS_PAIRS; i++)
			munmap(host_map(WIS_BYTES), WIS_BYTES);
		return now_ns() - start;
	});
}

void
register_wis()
{
	for (unsigned n : thread_counts()) {
		add(name_of("wis.page_fault1", "core", "", n),
		    [n](benchmark::State &s) { page_fault1_core(s, n); });
		add(name_of("wis.page_fault1", "host", "", n),
		    [n](benchmark::State &s) { page_fault1_host(s, n); });
	}
	for (unsigned n : thread_counts()) {
		add(name_of("wis.mmap1", "core", "", n),
		    [n](benchmark::State &s) { mmap1_core(s, n); });
		add(name_of("wis.mmap1", "host", "", n),
		    [n](benchmark::State &s) { mmap1_host(s, n); });
	}
}

} // namespace bench
