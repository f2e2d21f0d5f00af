/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * core.cc: a hosted machine made ready to be measured.
 *
 * Simulated RAM is memory of this process, which the host kernel supplies page by page at the first touch.
 * That must not be charged to the core, so every frame is touched once before the clock runs.
 *
 * Faults are given to tess_fault() directly: what is measured is the core's work behind a fault, not
 * the simulator's software MMU, which would be most of the time (a real one is hardware).  The core's
 * own use of the simulated hardware (TLB flushes, the frame oracle's one atomic operation where a frame is
 * born or dies) is part of every figure.
 */
#include <tessera/stats.h>
#include "bench.h"

namespace bench
{

void
must(enum tess_err e, const char *what)
{
	if (e != TESS_OK)
		fail(std::string(what) + ": " + tess_err_name(e));
}

/* Every frame that can be had, once. */
static void
touch_all(struct tess_space *sp, uint64_t ram)
{
	struct tess_mmap_args a = {};
	tess_va at;

	a.len = ram;
	a.prot = TESS_PROT_READ | TESS_PROT_WRITE;
	a.flags = TESS_MAP_PRIVATE | TESS_MAP_ANON;
	must(tess_mmap(sp, &a, &at), "mmap");
	for (tess_va va = at; va < at + ram; va += TESS_PAGE_SIZE)
		if (tess_fault(sp, va, TESS_ACCESS_WRITE) != TESS_OK)
			break;
	must(tess_munmap(sp, at, ram), "munmap");
}

Core::Core(unsigned ncpu, uint64_t ram) : threads_(ncpu > 1 || options.attached)
{
	struct tess_space_config sc = {};
	struct tess_host_config hc = {};

	hc.isa = options.isa;
	hc.drive = threads_ ? TESS_HOST_THREADS : TESS_HOST_SINGLE;
	hc.ncpu = ncpu;
	hc.ram = tess_page_round(ram);
	bind_self(0);
	host_ = tess_host_create(&hc);
	if (host_ == nullptr)
		fail("no machine with " + std::to_string(hc.ram >> 20) + " MiB");
	sc.personality = TESS_PERSONALITY_LINUX;
	must(tess_space_create(&sc, &space_), "space");
	tess_space_activate(space_);
	touch_all(space_, hc.ram);
}

Core::~Core()
{
	tess_space_activate(nullptr);
	tess_space_destroy(space_);
	tess_host_destroy(host_);
}

/* CPU 0 is the creator's, attached and active already. */
Hooks
Core::hooks()
{
	Hooks h;

	if (!threads_)
		return h;
	h.enter = [this](unsigned cpu) {
		if (cpu == 0)
			return;
		tess_host_attach(host_, cpu, false);
		tess_space_activate(space_);
	};
	h.leave = [this](unsigned) {
		tess_space_activate(nullptr);
		tess_host_detach(host_);
	};
	h.sleep = [this](unsigned) { tess_host_offline(host_); };
	h.wake = [this](unsigned) { tess_host_online(host_); };
	return h;
}

uint64_t
Core::messages() const
{
	return tess_stat_get(TESS_STAT_TLB_IPI);
}

tess_va
Core::map(tess_va at, uint64_t bytes)
{
	struct tess_mmap_args a = {};
	tess_va out;

	a.addr = at;
	a.len = bytes;
	a.prot = TESS_PROT_READ | TESS_PROT_WRITE;
	a.flags = TESS_MAP_PRIVATE | TESS_MAP_ANON | (at != 0 ? TESS_MAP_FIXED : 0);
	must(tess_mmap(space_, &a, &out), "mmap");
	return out;
}

void
Core::unmap(tess_va at, uint64_t bytes)
{
	must(tess_munmap(space_, at, bytes), "munmap");
}

void
Core::fault(tess_va at, uint64_t bytes)
{
	for (tess_va va = at; va < at + bytes; va += TESS_PAGE_SIZE)
		must(tess_fault(space_, va, TESS_ACCESS_WRITE), "fault");
}

} // namespace bench
