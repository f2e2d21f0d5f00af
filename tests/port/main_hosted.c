/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * main_hosted.c: the conformance suite over port/hosted, once by one thread and once by four.
 *
 * usage: port_conform single|threads
 *
 * The page for the TLB points is made by hand, in simulated RAM, as x86_64 wants it.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "conform.h"
#include "sim_priv.h"

#define CPUS 4
#define VA   0x400000ull

static struct tess_host *main_host;

static uint64_t *
main_table(unsigned n)
{
	return tess_port_direct(SIM_RAM_START + n * TESS_PAGE_SIZE);
}

static uint64_t
main_word(unsigned n)
{
	return (SIM_RAM_START + n * TESS_PAGE_SIZE) | 7; /* present, writable, user */
}

static uint64_t
main_load(tess_va va)
{
	uint64_t v = ~0ull;

	if (tess_host_load(main_host, va, &v, sizeof(v)) != TESS_OK)
		return ~0ull;
	return v;
}

static void
main_emit(const char *tap)
{
	fputs(tap, stdout);
	fflush(stdout);
}

static void *
main_peer(void *arg)
{
	tess_host_attach(main_host, (unsigned)(uintptr_t)arg, false);
	tess_port_conform_peer();
	tess_host_detach(main_host);
	return NULL;
}

static unsigned
main_run(enum tess_host_drive drive)
{
	struct tess_conform_tlb tlb = {.va = VA,
				       .pte = &main_table(4)[0],
				       .word = {main_word(16), main_word(17)},
				       .load = main_load};
	struct tess_conform_env env = {
	    .emit = main_emit,
	    .cpus = (1 << CPUS) - 1,
	    .peers = drive == TESS_HOST_THREADS ? CPUS - 1 : 0,
	    .frame = {SIM_RAM_START + 16 * TESS_PAGE_SIZE, SIM_RAM_START + 17 * TESS_PAGE_SIZE},
	    .tlb = &tlb};
	pthread_t peers[CPUS];
	unsigned failed;

	for (unsigned i = 1; i <= 4; i++)
		memset(main_table(i), 0, TESS_PAGE_SIZE);
	main_table(1)[0] = main_word(2);
	main_table(2)[0] = main_word(3);
	main_table(3)[VA >> 21] = main_word(4);
	tess_port_table_load(SIM_RAM_START + TESS_PAGE_SIZE, 0);
	for (unsigned i = 1; i <= env.peers; i++)
		if (pthread_create(&peers[i], NULL, main_peer, (void *)(uintptr_t)i) != 0)
			abort();
	failed = tess_port_conform(&env);
	tess_host_offline(main_host);
	for (unsigned i = 1; i <= env.peers; i++)
		pthread_join(peers[i], NULL);
	tess_host_online(main_host);
	return failed;
}

int
main(int argc, char **argv)
{
	struct tess_host_config cfg = {
	    .isa = TESS_HOST_X86_64, .ncpu = CPUS, .ram = (uint64_t)4 << 20, .seed = 1};
	unsigned failed;

	if (argc != 2 || (strcmp(argv[1], "single") != 0 && strcmp(argv[1], "threads") != 0)) {
		fprintf(stderr, "usage: port_conform single|threads\n");
		return 2;
	}
	cfg.drive = strcmp(argv[1], "single") == 0 ? TESS_HOST_SINGLE : TESS_HOST_THREADS;
	main_host = tess_sim_host_create(&cfg, 0, 4);
	if (main_host == NULL)
		return 1;
	failed = main_run(cfg.drive);
	tess_sim_host_free(main_host);
	return failed != 0;
}
