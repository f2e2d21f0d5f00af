/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lmb.cc: fork of N resident pages (LMbench's question).
 *
 * The clock runs from the call of fork to its return in the parent; the child's end is not timed.  With several
 * threads each has an address space of its own: a parent forks while others fork too.
 *
 *	core	tess_space_fork() of a space with N anonymous pages written; tess_space_destroy() untimed
 *	host	a server process for each thread holds N such pages and forks children that leave at once:
 *
 *		thread ──"n forks"──► server ──fork──► child: _exit
 *		       ◄──nanoseconds──	     ◄──wait── (untimed)
 *
 * The servers are forked before this process has any other thread, and call nothing but system calls, so
 * whatever libraries hold locks cannot hurt.  fork on the host also makes a process (and copies the
 * translations of this program's own few hundred pages): compare the growth with N, not the first row.
 */
#include <csignal>
#include <cstring>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

namespace bench
{

static const tess_va FORK_AT = uint64_t(1) << 40;

/* Forks a batch: about as much work whatever N is. */
static uint64_t
fork_batch(uint64_t pages)
{
	return pages >= 4096 ? 4 : 16;
}

/* ---- The core ---- */

static struct tess_space *
parent_make(uint64_t pages)
{
	struct tess_space_config sc = {};
	struct tess_mmap_args a = {};
	struct tess_space *sp;
	tess_va at;

	sc.personality = TESS_PERSONALITY_LINUX;
	must(tess_space_create(&sc, &sp), "space");
	a.addr = FORK_AT;
	a.len = pages * TESS_PAGE_SIZE;
	a.prot = TESS_PROT_READ | TESS_PROT_WRITE;
	a.flags = TESS_MAP_PRIVATE | TESS_MAP_ANON | TESS_MAP_FIXED;
	must(tess_mmap(sp, &a, &at), "mmap");
	for (uint64_t i = 0; i < pages; i++)
		must(tess_fault(sp, at + i * TESS_PAGE_SIZE, TESS_ACCESS_WRITE), "fault");
	return sp;
}

static void
fork_core(benchmark::State &state, uint64_t pages, unsigned threads)
{
	uint64_t ops = fork_batch(pages);
	Core core(threads, threads * pages * TESS_PAGE_SIZE * 2 + (uint64_t(32) << 20));
	std::vector<struct tess_space *> parents;

	for (unsigned i = 0; i < threads; i++)
		parents.push_back(parent_make(pages));
	{
		Team team(threads, core.hooks());

		measure(
		    state, team, ops, threads,
		    [&](unsigned thread, uint64_t) {
			    uint64_t spent = 0;

			    for (uint64_t i = 0; i < ops; i++) {
				    struct tess_space *child;
				    uint64_t start = now_ns();

				    must(tess_space_fork(parents[thread], &child), "fork");
				    spent += now_ns() - start;
				    tess_space_destroy(child);
			    }
			    return spent;
		    },
		    &core);
	}
	for (struct tess_space *sp : parents)
		tess_space_destroy(sp);
}

/* ---- The host ---- */

/* A process that forks on demand. */
struct Server {
	pid_t pid = -1;
	int ask = -1, answer = -1;
};

[[noreturn]] static void
server_die(const char *what)
{
	ssize_t ignored = write(STDERR_FILENO, what, strlen(what));

	(void)ignored;
	_exit(2);
}

/* The server's life: read a number, fork that often, answer with the time it took. */
[[noreturn]] static void
server_serve(int ask, int answer, uint64_t pages, unsigned place)
{
	uint64_t n, bytes = pages * TESS_PAGE_SIZE;
	char *p;

	bind_self(place);
	p = static_cast<char *>(
	    mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	if (p == MAP_FAILED)
		server_die("tessera_bench: the host has no memory for mmap\n");
	madvise(p, bytes, MADV_NOHUGEPAGE);
	for (uint64_t i = 0; i < bytes; i += TESS_PAGE_SIZE)
		static_cast<volatile char *>(p)[i] = 1;
	while (read(ask, &n, sizeof(n)) == sizeof(n)) {
		uint64_t spent = 0;

		for (uint64_t i = 0; i < n; i++) {
			uint64_t start = now_ns();
			pid_t pid = fork();

			if (pid == 0)
				_exit(0);
			if (pid < 0)
				server_die("tessera_bench: the host cannot fork\n");
			spent += now_ns() - start;
			waitpid(pid, nullptr, 0);
		}
		if (write(answer, &spent, sizeof(spent)) != sizeof(spent))
			_exit(2);
	}
	_exit(0);
}

static Server
server_start(uint64_t pages, unsigned place)
{
	int ask[2], answer[2];
	Server s;

	if (pipe(ask) != 0 || pipe(answer) != 0)
		fail("no pipe");
	s.pid = fork();
	if (s.pid < 0)
		fail("the host cannot fork");
	if (s.pid == 0) {
		close(ask[1]);
		close(answer[0]);
		server_serve(ask[0], answer[1], pages, place);
	}
	close(ask[0]);
	close(answer[1]);
	s.ask = ask[1];
	s.answer = answer[0];
	return s;
}

static uint64_t
server_fork(const Server &s, uint64_t n)
{
	uint64_t spent;

	if (write(s.ask, &n, sizeof(n)) != sizeof(n) ||
	    read(s.answer, &spent, sizeof(spent)) != sizeof(spent))
		fail("a fork server ended early");
	return spent;
}

static void
fork_host(benchmark::State &state, uint64_t pages, unsigned threads)
{
	uint64_t ops = fork_batch(pages);
	std::vector<Server> servers;

	for (unsigned i = 0; i < threads; i++)
		servers.push_back(server_start(pages, i));
	{
		Team team(threads);

		measure(state, team, ops, threads, [&](unsigned thread, uint64_t) {
			return server_fork(servers[thread], ops);
		});
	}
	/* A later server holds copies of the earlier ones' pipes: end the last first. */
	while (!servers.empty()) {
		close(servers.back().ask);
		close(servers.back().answer);
		waitpid(servers.back().pid, nullptr, 0);
		servers.pop_back();
	}
}

void
register_lmb()
{
	signal(SIGPIPE, SIG_IGN);
	for (uint64_t pages : {1, 256, 4096})
		for (unsigned n : thread_counts()) {
			std::string args = "pages:" + std::to_string(pages);

			add(name_of("lmb.fork", "core", args, n),
			    [=](benchmark::State &s) { fork_core(s, pages, n); });
			add(name_of("lmb.fork", "host", args, n),
			    [=](benchmark::State &s) { fork_host(s, pages, n); });
		}
}

} // namespace bench
