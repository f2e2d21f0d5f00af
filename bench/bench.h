/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h: what the workloads share: where threads run, a team of them, a machine, one way to report.
 *
 *	main.cc ──► wis.cc lmb.cc rvm.cc ──► Core (a hosted machine and a space) ──► Team ──► report()
 *		      each workload, twice:   or the host kernel's own calls
 *
 * A workload is a function of (thread, start) that does a fixed number of operations and says how many
 * nanoseconds they took.  Team::run() releases all threads at one instant; the wall time of a batch is
 * that of the slowest.
 *
 * Rejected: google-benchmark's own threads.  Its Time column and rates changed meaning with versions, a
 * thread could not attach to the machine before the starting barrier, and a thread waiting at a barrier
 * would hold up grace periods.  So each benchmark is a single-threaded one with manual time, whose
 * iteration is one operation by every thread, and `threads:N` is part of its name.
 */
#ifndef BENCH_H
#define BENCH_H

#include <benchmark/benchmark.h>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>
#include <tessera/config.h>
#include <tessera/space.h>
#include "hosted.h"

namespace bench
{

/* ---- Options and places (bind.cc) ---- */

struct Options {
	tess_host_isa isa = TESS_HOST_X86_64;
	std::string isa_name = "x86_64";
	std::string bind = "all"; /* hwloc location */
	std::string topology;     /* file for the topology's XML */
	bool attached = false;    /* one CPU is a thread that attached, too */
	unsigned threads = 0; /* most threads of a benchmark; 0: as many as places, at least 2 */
};
extern Options options;

/* Choose the processing units of options.bind.  false, with one line on stderr: there are none. */
bool bind_init();
unsigned bind_places();
/* The calling thread runs on the n-th of them, wrapping around. */
void bind_self(unsigned n);
/* "PU 0,1 (all)", for people and the JSON. */
std::string bind_text();
/* 1, 2, 4, ... and the most. */
std::vector<unsigned> thread_counts();

/* ---- Teams (team.cc) ---- */

uint64_t now_ns();

/* One thread's share of a batch: returns the nanoseconds it took; 0: not counted. */
using Work = std::function<uint64_t(unsigned thread, uint64_t start)>;
using Hook = std::function<void(unsigned thread)>;

/* What surrounds the work of a thread: called by that thread. */
struct Hooks {
	Hook enter = [](unsigned) {}; /* once, first */
	Hook leave = [](unsigned) {}; /* once, last; not for thread 0, which its owner winds up */
	Hook sleep = [](unsigned) {}; /* before waiting for others */
	Hook wake = [](unsigned) {};  /* after it */
};

/* A team of n bound threads; thread 0 is the caller, so a team serves one caller. */
class Team
{
      public:
	explicit Team(unsigned n, Hooks hooks = Hooks());
	~Team();
	Team(const Team &) = delete;
	Team &operator=(const Team &) = delete;
	unsigned
	size() const
	{
		return unsigned(took_.size());
	}
	/* A batch; the time of each thread. */
	const std::vector<uint64_t> &run(const Work &work);

      private:
	void member(unsigned thread);
	void share(unsigned thread);

	Hooks hooks_;
	std::vector<uint64_t> took_;
	std::vector<std::thread> threads_;
	std::mutex mutex_;
	std::condition_variable wake_, done_;
	const Work *work_ = nullptr; /* mutex_ */
	uint64_t turn_ = 0;          /* mutex_: batches so far */
	unsigned running_ = 0;       /* mutex_ */
	bool over_ = false;          /* mutex_ */
	unsigned arrived_ = 0;       /* atomic: threads at the line */
	uint64_t start_ = 0;         /* atomic: when the last of them came */
};

/*
 * Run batches of `ops` operations a thread as long as google-benchmark asks for, and report our
 * counters.  `counted` threads, from 0 on, do the operations; the others are in their way.
 * With a core under test, the shootdown messages it sent are reported too (tlb_messages_per_op).
 */
class Core;
void measure(benchmark::State &state, Team &team, uint64_t ops, unsigned counted, const Work &work,
	     const Core *core = nullptr);

/* ---- The machine under test (core.cc) ---- */

/* A hosted machine with one space that every CPU runs; one thread plays it alone, or one thread a CPU. */
class Core
{
      public:
	/* `ram` bytes for pages and tables of the workload; all frames are touched once. */
	Core(unsigned ncpu, uint64_t ram);
	~Core();
	Core(const Core &) = delete;
	Core &operator=(const Core &) = delete;
	Hooks hooks();
	struct tess_space *
	space() const
	{
		return space_;
	}
	/* Shootdown messages so far; exact between batches. */
	uint64_t messages() const;
	/* Anonymous private memory: anywhere (0), or fixed there. */
	tess_va map(tess_va at, uint64_t bytes);
	void unmap(tess_va at, uint64_t bytes);
	/* The page fault of a write to each page. */
	void fault(tess_va at, uint64_t bytes);

      private:
	struct tess_host *host_;
	struct tess_space *space_ = nullptr;
	bool threads_;
};

/* An answer other than OK ends the program: figures of a failed workload mean nothing. */
void must(enum tess_err e, const char *what);
[[noreturn]] void fail(const std::string &what);

/* ---- Workloads ---- */

void register_wis();
void register_lmb();
void register_rvm();

/* "wis.mmap1/core/pages:1/threads:2" */
std::string name_of(const std::string &work, const char *side, const std::string &args,
		    unsigned threads);
/* Register with the settings all share. */
void add(const std::string &name, const std::function<void(benchmark::State &)> &body);

} // namespace bench

#endif
