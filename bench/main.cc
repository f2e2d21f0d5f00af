/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main.cc: the command tessera_bench: google-benchmark's options, and ours.
 *
 *	--isa=x86_64|aarch64|aarch64_hw	 page tables of the simulated machine
 *	--bind=LOCATION			 processing units of the threads, as hwloc's tools write them (all)
 *	--threads=N			 most threads of a benchmark (as many as processing units, at least 2)
 *	--drive=auto|threads		 auto: a machine of one CPU is played by one thread, without liburcu's grace
 *					 periods; threads: it runs as one of several would
 *	--topology=FILE			 write the machine's topology as hwloc's XML
 *	--smoke				 each benchmark for 10 ms: whether it works, not how fast it is
 *
 * --benchmark_min_time is 0.5 s unless given.  What a figure depends on goes into the JSON's context.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sys/utsname.h>
#include "bench.h"
#include "bench_commit.h"

using namespace bench;

static const char USAGE[] =
    "usage: tessera_bench [--isa=x86_64|aarch64|aarch64_hw] [--bind=LOCATION] [--threads=N]\n"
    "                     [--drive=auto|threads] [--topology=FILE] [--smoke] "
    "[--benchmark_OPTION=...]\n"
    "--bind takes hwloc locations: all, 0x3, core:0-1, package:0.core:1.pu:0, node:0\n"
    "--benchmark_list_tests names the benchmarks; --benchmark_filter=REGEX chooses;\n"
    "--benchmark_out=FILE, --benchmark_repetitions=N, --benchmark_min_time=SECONDS and the other "
    "options\n"
    "of google-benchmark work as everywhere.\n";

[[noreturn]] static void
bad_usage(const std::string &what)
{
	fprintf(stderr, "tessera_bench: %s\n%s", what.c_str(), USAGE);
	exit(2);
}

static void
option_isa(const char *value)
{
	static const struct {
		const char *name;
		tess_host_isa isa;
	} known[] = {{"x86_64", TESS_HOST_X86_64},
		     {"aarch64", TESS_HOST_AARCH64},
		     {"aarch64_hw", TESS_HOST_AARCH64_HW}};

	for (auto &k : known)
		if (strcmp(k.name, value) == 0) {
			options.isa = k.isa;
			options.isa_name = k.name;
			return;
		}
	bad_usage(std::string("--isa: no instruction set '") + value + "'");
}

static void
option_threads(const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);

	if (*value < '0' || *value > '9' || *end != 0 || n < 1 || n > TESS_CPU_MAX)
		bad_usage("--threads must be 1.." + std::to_string(TESS_CPU_MAX));
	options.threads = unsigned(n);
}

static void
option_drive(const char *value)
{
	if (strcmp(value, "auto") != 0 && strcmp(value, "threads") != 0)
		bad_usage(std::string("--drive: auto or threads, not '") + value + "'");
	options.attached = *value == 't';
}

/* true: it was one of ours. */
static bool
option_take(const char *arg)
{
	auto is = [arg](const char *name) { return strncmp(arg, name, strlen(name)) == 0; };

	if (is("--isa="))
		option_isa(arg + 6);
	else if (is("--bind="))
		options.bind = arg + 7;
	else if (is("--threads="))
		option_threads(arg + 10);
	else if (is("--drive="))
		option_drive(arg + 8);
	else if (is("--topology="))
		options.topology = arg + 11;
	else
		return false;
	return true;
}

/* Ours are taken out; the rest is for google-benchmark. */
static std::vector<std::string>
arguments(int argc, char **argv)
{
	std::vector<std::string> rest;

	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--help") == 0) {
			fputs(USAGE, stdout);
			exit(0);
		}
		if (strcmp(argv[i], "--smoke") == 0)
			rest.push_back("--benchmark_min_time=0.01");
		else if (i == 0 || !option_take(argv[i]))
			rest.push_back(argv[i]);
	}
	return rest;
}

static std::string
first_line(const char *path)
{
	std::ifstream file(path);
	std::string line;

	return std::getline(file, line) ? line : "unknown";
}

static std::string
cpu_model()
{
	std::ifstream file("/proc/cpuinfo");

	for (std::string line; std::getline(file, line);)
		if (line.compare(0, 10, "model name") == 0)
			return line.substr(line.find(':') + 2);
	return "unknown";
}

/* What another person needs to repeat a figure. */
static void
context()
{
	struct utsname u;

	if (uname(&u) == 0)
		benchmark::AddCustomContext("kernel", std::string(u.sysname) + " " + u.release);
	benchmark::AddCustomContext("cpu", cpu_model());
	benchmark::AddCustomContext(
	    "governor", first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"));
	benchmark::AddCustomContext("smt", first_line("/sys/devices/system/cpu/smt/active"));
	benchmark::AddCustomContext("thp",
				    first_line("/sys/kernel/mm/transparent_hugepage/enabled"));
	benchmark::AddCustomContext("compiler", BENCH_COMPILER);
	benchmark::AddCustomContext("flags", BENCH_FLAGS);
	benchmark::AddCustomContext("tess_config_assert", std::to_string(TESS_CONFIG_ASSERT));
	benchmark::AddCustomContext("commit", BENCH_COMMIT);
	benchmark::AddCustomContext("isa", options.isa_name);
	benchmark::AddCustomContext("drive", options.attached ? "threads" : "auto");
	benchmark::AddCustomContext("binding", bind_text());
}

int
main(int argc, char **argv)
{
	std::vector<std::string> rest = arguments(argc, argv);
	std::vector<char *> args;

	for (std::string &a : rest)
		args.push_back(&a[0]);
	args.push_back(nullptr);
	int n = int(rest.size());
	benchmark::Initialize(&n, args.data());
	if (n > 1)
		bad_usage(std::string("unknown option '") + args[1] + "'");
	if (!bind_init())
		return 2;
	context();
	register_wis();
	register_lmb();
	register_rvm();
	if (benchmark::RunSpecifiedBenchmarks() == 0) {
		fprintf(stderr, "tessera_bench: the filter leaves no benchmark\n");
		return 2;
	}
	benchmark::Shutdown();
	return 0;
}
