/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * env_bare.c: tests/env/env.h on bare metal: one task that wanders over the CPUs, real page faults.
 *
 * The machine stays up from the first environment to the last.  Instead of destroying it, env_close()
 * compares where the frames are with where they were at env_open(): frames of pools may have moved among
 * free, cached and slab, all others must be where they were.
 */
#include <tessera/port.h>
#include <tessera/tessera.h>
#include "bare.h"
#include "harness.h"
#include "env.h"
#include "mem.h"
#include "memfile.h"

struct env_file {
	struct memfile file; /* first: the backing of the object */
	const struct tess_object *object;
	struct env_file *next;
};

static struct {
	bool open;
	unsigned ncpu;
	struct tess_page_counts counts; /* at env_open() */
	struct env_file *files;
	struct mem_pool pool;
} env;

static void
env_require(bool good, const char *what)
{
	if (!good)
		tess_port_panic(what);
}

enum tess_err
env_open(const struct env_config *cfg)
{
	env_require(!env.open, "env_open: one is open already");
	if (cfg->isa != bare_isa || cfg->ncpu < 1 || cfg->ncpu > bare_ncpu)
		return TESS_EOPNOTSUPP;
	mem_pool_init(&env.pool, bare_private, bare_private_bytes);
	env.files = NULL;
	env.ncpu = cfg->ncpu;
	env.open = true;
	tess_quiesce();
	tess_page_counts_get(&env.counts);
	return TESS_OK;
}

static void
env_leak(const char *what, uint64_t before, uint64_t now)
{
	if (before == now)
		return;
	tap_note("%s frames: %lu at env_open, %lu at env_close", what, before, now);
	tess_port_panic("env_close: frames leaked");
}

void
env_close(void)
{
	struct tess_page_counts now;

	env_require(env.open, "env_close: none is open");
	env_cpu_set(0);
	for (unsigned i = 0; i < bare_ncpu; i++)
		env_require(bare_cpus[i].space == NULL, "env_close: a CPU still runs a space");
	tess_quiesce();
	tess_machine_check();
	tess_page_counts_get(&now);
	env_leak("anon", env.counts.anon, now.anon);
	env_leak("object", env.counts.object, now.object);
	env_leak("table", env.counts.table, now.table);
	env_leak("other", env.counts.other, now.other);
	for (struct env_file *f = env.files; f != NULL; f = f->next)
		env_require(!f->file.attached, "env_close: an object is left");
	env.open = false;
}

unsigned
env_cpus(void)
{
	return env.ncpu;
}

void
env_cpu_set(unsigned cpu)
{
	env_require(cpu < env.ncpu, "env_cpu_set: no such CPU");
	bare_migrate(cpu);
}

static enum tess_err
env_enter(struct tess_space *sp, tess_va va)
{
	if (va >= BARE_USER_END)
		return TESS_SIGSEGV;
	bare_run(sp);
	return TESS_OK;
}

enum tess_err
env_load(struct tess_space *sp, tess_va va, uint8_t *byte)
{
	enum tess_err e = env_enter(sp, va);

	return e != TESS_OK ? e : bare_load8(va, byte);
}

enum tess_err
env_store(struct tess_space *sp, tess_va va, uint8_t byte)
{
	enum tess_err e = env_enter(sp, va);

	return e != TESS_OK ? e : bare_store8(va, byte);
}

enum tess_err
env_fetch(struct tess_space *sp, tess_va va)
{
	enum tess_err e = env_enter(sp, va);

	return e != TESS_OK ? e : bare_fetch(va);
}

void
env_leave(struct tess_space *sp)
{
	unsigned here = tess_port_cpu();

	for (unsigned i = 0; i < bare_ncpu; i++) {
		if (bare_cpus[i].space != sp)
			continue;
		bare_migrate(i);
		bare_run(NULL);
	}
	bare_migrate(here);
}

struct tess_handle
env_file(uint64_t size, uint64_t seed)
{
	struct tess_handle h = {.kind = TESS_HANDLE_NONE};
	struct env_file *f = env.pool.mem.get(&env.pool.mem, sizeof(*f));

	if (f == NULL)
		return h;
	memfile_init(&f->file, &env.pool.mem, size, seed);
	if (tess_object_create(&memfile_pager, &f->file, size, &h.object) != TESS_OK)
		return h;
	f->file.attached = 1;
	f->object = h.object;
	f->next = env.files;
	env.files = f;
	h.kind = TESS_HANDLE_FILE;
	h.mode = TESS_MODE_READ | TESS_MODE_WRITE;
	return h;
}

struct tess_handle
env_segment(uint64_t size)
{
	struct tess_handle h = {.kind = TESS_HANDLE_NONE};

	if (tess_object_create_zero(size, &h.object) != TESS_OK)
		return h;
	h.kind = TESS_HANDLE_SHM;
	h.mode = TESS_MODE_READ | TESS_MODE_WRITE;
	return h;
}

const struct memfile *
env_file_backing(const struct tess_handle *h)
{
	for (struct env_file *f = env.files; f != NULL; f = f->next)
		if (f->object == h->object)
			return &f->file;
	return NULL;
}

bool
env_can_fail(void)
{
	return false;
}

void
env_fail_nth(uint64_t n)
{
	env_require(n == 0, "env_fail_nth: nothing here can be made to fail");
}

bool
env_fail_hit(void)
{
	return false;
}

void
env_check(struct tess_space *const *sp, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		tess_space_check(sp[i]);
	tess_machine_check();
}

void
env_log(const char *line)
{
	tap_note("%s", line);
}

void
env_out(const char *text)
{
	tap_lines(text);
}

struct model_mem *
env_mem(void)
{
	return &env.pool.mem;
}
