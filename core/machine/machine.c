/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * machine.c: brings the rooms up in order, and takes them down in reverse.
 *
 * ROOM     machine
 * OWNS     the order of bringing up and taking down; nothing that lasts
 * LOCKS    none: one CPU, before and after everything else
 * CALLS    base, index, page, pmap, object, anon, map, mmap
 * NEVER    does anything while the machine runs
 * SLEEPS   tess_machine_destroy() and tess_quiesce(), for grace periods
 * CHECKS   the fini of each room
 *
 *	base ► page ► pmap ► index ► object ► anon ► map ► mmap ► close boot memory
 *
 * The order is that of the ranks: a room's init may use every room before it.  The machine is made
 * current (tess_port_machine_set) by the first step, since every room finds its state through
 * tess_machine().  A room that fails leaves the rooms before it up; they are taken down again, and
 * the physical ranges are the caller's as before.
 *
 * Rooms free through RCU when they go, so each fini is followed by a drain: what a room deferred
 * is back in the rooms below before those go.
 *
 * Rejected: rooms that register themselves (constructors, linker sets).  A kernel has neither at
 * boot, and the order would be nowhere to read.
 */
#include <tessera/machine.h>
#include "base.h"
#include "page.h"
#include "pmap.h"
#include "index.h"
#include "object.h"
#include "anon.h"
#include "map.h"
#include "space.h"

static enum tess_err
pmap_room_up(struct tess_machine *m)
{
	return tess_pmap_room_init(m, m->pmap_ops);
}

/* The rooms above page, in order. */
static const struct room_steps {
	enum tess_err (*init)(struct tess_machine *m);
	void (*fini)(struct tess_machine *m);
} room_steps[] = {
    {pmap_room_up, tess_pmap_room_fini},
    {tess_index_room_init, tess_index_room_fini},
    {tess_object_room_init, tess_object_room_fini},
    {tess_anon_room_init, tess_anon_room_fini},
    {tess_map_room_init, tess_map_room_fini},
    {tess_mmap_room_init, tess_mmap_room_fini},
};
#define ROOM_STEPS (sizeof(room_steps) / sizeof(room_steps[0]))

/* Take down the first `n` rooms above page, then page. */
static void
rooms_down(struct tess_machine *m, size_t n)
{
	while (n > 0) {
		tess_rcu_drain();
		room_steps[--n].fini(m);
	}
	tess_rcu_drain();
	tess_page_room_fini(m);
}

static enum tess_err
rooms_up(struct tess_machine *m, const struct tess_machine_config *cfg)
{
	enum tess_err err = tess_page_room_init(m, cfg->ranges, cfg->nranges);

	if (err != TESS_OK)
		return err;
	for (size_t i = 0; i < ROOM_STEPS; i++) {
		err = room_steps[i].init(m);
		if (err != TESS_OK) {
			rooms_down(m, i);
			return err;
		}
	}
	return TESS_OK;
}

/* The highest domain named by a range, plus one. */
static unsigned
config_domains(const struct tess_machine_config *cfg)
{
	unsigned n = 1;

	for (unsigned i = 0; i < cfg->nranges; i++) {
		if (cfg->ranges[i].domain >= n)
			n = cfg->ranges[i].domain + 1;
	}
	return n;
}

static bool
config_is_legal(const struct tess_machine_config *cfg)
{
	if (cfg->ranges == NULL || cfg->nranges == 0 || cfg->pmap == NULL)
		return false;
	if (cfg->ncpu == 0 || cfg->ncpu > TESS_CPU_MAX)
		return false;
	for (unsigned i = 0; cfg->cpu_domain != NULL && i < cfg->ncpu; i++) {
		if (cfg->cpu_domain[i] >= TESS_DOMAIN_MAX)
			return false;
	}
	/* the page room looks at the ranges again, all of them; the first is written to before that */
	return tess_page_aligned(cfg->ranges[0].start);
}

static void
machine_configure(struct tess_machine *m, const struct tess_machine_config *cfg)
{
	unsigned domains = config_domains(cfg);

	for (unsigned i = 0; i < cfg->ncpu; i++)
		m->cpu[i].domain =
		    cfg->cpu_domain != NULL ? cfg->cpu_domain[i] : i * domains / cfg->ncpu;
	m->pmap_ops = cfg->pmap;
}

enum tess_err
tess_machine_create(const struct tess_machine_config *cfg, struct tess_machine **out)
{
	struct tess_machine *before = tess_port_machine();
	struct tess_machine *m;
	enum tess_err err;

	if (!config_is_legal(cfg))
		return TESS_EINVAL;
	err = tess_base_init(cfg->ranges[0].start, cfg->ranges[0].bytes, cfg->ncpu, &m);
	if (err != TESS_OK)
		return err;
	machine_configure(m, cfg);
	err = rooms_up(m, cfg);
	if (err != TESS_OK) {
		tess_port_machine_set(before);
		return err;
	}
	tess_boot_close(m);
	*out = m;
	return TESS_OK;
}

void
tess_machine_destroy(struct tess_machine *m)
{
	TESS_ASSERT(m == tess_machine());
	rooms_down(m, ROOM_STEPS);
#if TESS_CONFIG_ASSERT >= 2
	tess_base_check();
#endif
	TESS_ASSERT(m->pools == NULL);
	tess_port_machine_set(NULL);
}

void
tess_quiesce(void)
{
	tess_rcu_drain();
}
