/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * env_hosted.c: the test environment over port/hosted: one thread plays every CPU.
 *
 * It remembers which space each CPU runs, so that an access activates its space only when the CPU runs another.
 * The tests' own memory is a pool that is forgotten as a whole at env_open(): a fuzzer opens ten thousand
 * environments a second.  Large programs and memory checkers ask for malloc instead (`unpooled`).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tessera/debug.h>
#include <tessera/object.h>
#include "hosted.h"
#include "env.h"
#include "fill.h"
#include "mem.h"
#include "memfile.h"

#define ENV_RAM  ((uint64_t)32 << 20)
#define ENV_POOL ((size_t)64 << 20)

struct env_file {
	struct env_file *next;
	const struct tess_object *object;
	struct memfile file;
};

static struct {
	struct tess_host *host;
	unsigned ncpu, cpu;
	struct tess_space *runs[TESS_CPU_MAX]; /* the space each CPU has active */
	struct env_file *files;                /* newest first */
	struct mem_pool pool;
	struct model_mem *mem;
} env;

/* ---- The machine ---- */

static void
env_memory_start(bool unpooled)
{
	static void *block;

	if (!unpooled && block == NULL)
		block = malloc(ENV_POOL);
	env.mem = &mem_malloc;
	if (unpooled || block == NULL)
		return;
	mem_pool_init(&env.pool, block, ENV_POOL);
	env.mem = &env.pool.mem;
}

enum tess_err
env_open(const struct env_config *cfg)
{
	static const enum tess_host_isa isa[] = {TESS_HOST_X86_64, TESS_HOST_AARCH64,
						 TESS_HOST_AARCH64_HW};
	struct tess_host_config hc = {
	    .isa = isa[cfg->isa],
	    .drive = TESS_HOST_SINGLE,
	    .ncpu = cfg->ncpu,
	    .ram = cfg->ram == 0 ? ENV_RAM : cfg->ram,
	    .seed = cfg->seed,
	};

	if (env.host != NULL) {
		fprintf(stderr, "env_open: an environment is open already\n");
		abort();
	}
	env.host = tess_host_create(&hc);
	if (env.host == NULL)
		return TESS_ENOMEM;
	env.ncpu = cfg->ncpu;
	env.cpu = 0;
	memset(env.runs, 0, sizeof(env.runs));
	env_memory_start(cfg->unpooled);
	return TESS_OK;
}

void
env_close(void)
{
	for (unsigned i = 0; i < env.ncpu; i++) {
		if (env.runs[i] == NULL)
			continue;
		fprintf(stderr, "env_close: CPU %u still runs a space\n", i);
		abort();
	}
	env_cpu_set(0);
	tess_host_destroy(env.host);
	env.host = NULL;
	while (env.files != NULL) {
		struct env_file *f = env.files;

		env.files = f->next;
		memfile_fini(&f->file);
		env.mem->put(env.mem, f, sizeof(*f));
	}
}

unsigned
env_cpus(void)
{
	return env.ncpu;
}

void
env_cpu_set(unsigned cpu)
{
	if (cpu == env.cpu)
		return;
	env.cpu = cpu;
	tess_host_cpu_set(env.host, cpu);
}

/* ---- Accesses ---- */

static enum tess_err
env_on_fault(void *ctx, tess_va va, enum tess_access access)
{
	return tess_fault(ctx, va, access);
}

/* The current CPU runs sp. */
static void
env_enter(struct tess_space *sp)
{
	if (env.runs[env.cpu] == sp)
		return;
	tess_space_activate(sp);
	tess_host_set_fault(env.host, sp == NULL ? NULL : env_on_fault, sp);
	env.runs[env.cpu] = sp;
}

enum tess_err
env_load(struct tess_space *sp, tess_va va, uint8_t *byte)
{
	uint8_t b;
	enum tess_err e;

	env_enter(sp);
	e = tess_host_load(env.host, va, &b, 1);
	if (e == TESS_OK)
		*byte = b;
	return e;
}

enum tess_err
env_store(struct tess_space *sp, tess_va va, uint8_t byte)
{
	env_enter(sp);
	return tess_host_store(env.host, va, &byte, 1);
}

enum tess_err
env_fetch(struct tess_space *sp, tess_va va)
{
	env_enter(sp);
	return tess_host_fetch(env.host, va);
}

void
env_leave(struct tess_space *sp)
{
	unsigned here = env.cpu;

	for (unsigned i = 0; i < env.ncpu; i++) {
		if (env.runs[i] != sp)
			continue;
		env_cpu_set(i);
		env_enter(NULL);
	}
	env_cpu_set(here);
}

/* ---- Files ---- */

struct tess_handle
env_file(uint64_t size, uint64_t seed)
{
	struct tess_handle none = {.kind = TESS_HANDLE_NONE};
	struct env_file *f = env.mem->get(env.mem, sizeof(*f));
	struct tess_object *object;

	if (f == NULL)
		return none;
	memfile_init(&f->file, env.mem, size, seed);
	if (tess_object_create(&memfile_pager, &f->file, size, &object) != TESS_OK) {
		env.mem->put(env.mem, f, sizeof(*f));
		return none;
	}
	f->file.attached = 1;
	f->object = object;
	f->next = env.files;
	env.files = f;
	return (struct tess_handle){
	    .kind = TESS_HANDLE_FILE,
	    .mode = TESS_MODE_READ | TESS_MODE_WRITE,
	    .object = object,
	};
}

struct tess_handle
env_segment(uint64_t size)
{
	struct tess_handle h = {.kind = TESS_HANDLE_SHM, .mode = TESS_MODE_READ | TESS_MODE_WRITE};

	if (tess_object_create_zero(size, &h.object) != TESS_OK)
		h.kind = TESS_HANDLE_NONE;
	return h;
}

const struct memfile *
env_file_backing(const struct tess_handle *h)
{
	for (struct env_file *f = env.files; f != NULL; f = f->next)
		if (f->file.attached != 0 && f->object == h->object)
			return &f->file;
	return NULL;
}

/* ---- Faults, walkers, text ---- */

bool
env_can_fail(void)
{
	return true;
}

void
env_fail_nth(uint64_t n)
{
	tess_host_fail_nth(env.host, n);
}

bool
env_fail_hit(void)
{
	return tess_host_fail_hit(env.host);
}

void
env_check(struct tess_space *const *sp, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		tess_space_check(sp[i]);
	tess_machine_check();
	tess_host_check(env.host);
}

void
env_log(const char *line)
{
	fprintf(stderr, "%s\n", line);
}

void
env_out(const char *text)
{
	fputs(text, stdout);
}

struct model_mem *
env_mem(void)
{
	return env.mem;
}
