/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * team.cc: threads that start together, and the report of what they did.
 *
 *	caller	 ──wake──► members ──► line: the last to come writes `start` ──► work ──► done ──► caller
 *
 * The line is a spin (a sleeping thread would start late by a scheduler's turn), which gives the processor
 * away, as there may be more threads than processors.  Between batches members sleep.
 */
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <sched.h>
#include <time.h>
#include "bench.h"

namespace bench
{

uint64_t
now_ns()
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return uint64_t(ts.tv_sec) * 1000000000u + uint64_t(ts.tv_nsec);
}

Team::Team(unsigned n, Hooks hooks) : hooks_(std::move(hooks)), took_(n)
{
	bind_self(0);
	hooks_.enter(0);
	for (unsigned i = 1; i < n; i++)
		threads_.emplace_back([this, i] { member(i); });
}

Team::~Team()
{
	hooks_.sleep(0);
	{
		std::lock_guard<std::mutex> hold(mutex_);
		over_ = true;
	}
	wake_.notify_all();
	for (auto &t : threads_)
		t.join();
	hooks_.wake(0);
}

/* One thread's part of a batch.  work_ does not change before everybody is done. */
void
Team::share(unsigned thread)
{
	const Work &work = *work_;
	uint64_t start;

	if (__atomic_add_fetch(&arrived_, 1, __ATOMIC_ACQ_REL) == size())
		__atomic_store_n(&start_, now_ns(), __ATOMIC_RELEASE);
	while ((start = __atomic_load_n(&start_, __ATOMIC_ACQUIRE)) == 0)
		sched_yield();
	took_[thread] = work(thread, start);
}

void
Team::member(unsigned thread)
{
	uint64_t seen = 0;

	bind_self(thread);
	hooks_.enter(thread);
	for (;;) {
		hooks_.sleep(thread);
		{
			std::unique_lock<std::mutex> hold(mutex_);
			wake_.wait(hold, [&] { return over_ || turn_ != seen; });
			if (over_)
				break;
			seen = turn_;
		}
		hooks_.wake(thread);
		share(thread);
		std::lock_guard<std::mutex> hold(mutex_);
		if (--running_ == 0)
			done_.notify_one();
	}
	hooks_.wake(thread);
	hooks_.leave(thread);
}

const std::vector<uint64_t> &
Team::run(const Work &work)
{
	{
		std::lock_guard<std::mutex> hold(mutex_);
		work_ = &work;
		arrived_ = 0;
		start_ = 0;
		running_ = size() - 1;
		turn_++;
	}
	wake_.notify_all();
	share(0);
	hooks_.sleep(0);
	{
		std::unique_lock<std::mutex> hold(mutex_);
		done_.wait(hold, [&] { return running_ == 0; });
	}
	hooks_.wake(0);
	return took_;
}

void
measure(benchmark::State &state, Team &team, uint64_t ops, unsigned counted, const Work &work,
	const Core *core)
{
	uint64_t batches = 0, wall = 0, messages = core != nullptr ? core->messages() : 0;
	std::vector<double> spent(counted);

	while (state.KeepRunningBatch(benchmark::IterationCount(ops))) {
		const std::vector<uint64_t> &took = team.run(work);
		uint64_t slowest = *std::max_element(took.begin(), took.begin() + counted);

		for (unsigned i = 0; i < counted; i++)
			spent[i] += double(took[i]);
		wall += slowest;
		batches++;
		state.SetIterationTime(double(slowest) * 1e-9);
	}
	double total = double(batches) * double(ops) * counted;
	double rate = total / (double(wall) * 1e-9);

	state.counters["ops_total"] = total;
	state.counters["wall_ns"] = double(wall);
	state.counters["threads"] = team.size();
	state.counters["ops_per_sec_total"] = rate;
	state.counters["ops_per_sec_per_thread"] = rate / counted;
	if (core != nullptr)
		state.counters["tlb_messages_per_op"] = double(core->messages() - messages) / total;
	state.counters["fairness"] = *std::min_element(spent.begin(), spent.end()) /
				     *std::max_element(spent.begin(), spent.end());
}

std::string
name_of(const std::string &work, const char *side, const std::string &args, unsigned threads)
{
	return work + "/" + side + (args.empty() ? "" : "/" + args) +
	       "/threads:" + std::to_string(threads);
}

void
add(const std::string &name, const std::function<void(benchmark::State &)> &body)
{
	benchmark::RegisterBenchmark(name.c_str(), [body](benchmark::State &s) {
		body(s);
	})->UseManualTime();
}

void
fail(const std::string &what)
{
	fprintf(stderr, "tessera_bench: %s\n", what.c_str());
	exit(2);
}

} // namespace bench
