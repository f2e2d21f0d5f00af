/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * lock.c: what happens when a lock is not free, and the stack of ranks.
 *
 * The fast halves are inline in lock.h.  A spin lock waits by reading, so that waiters share the
 * line until the holder writes it, and leaves the manner of waiting to tess_port_relax().
 *
 * A mutex is one word of three states:
 *
 *	0 free ──lock──► 1 held ──a waiter's exchange──► 2 held and waited for
 *	▲		    │					 │
 *	└───────────────────┴──────────unlock (from 2: wake)─────┘
 *
 * A waiter always leaves 2 behind, also when it is the one who then holds it: it cannot know
 * whether others sleep.  That costs one needless wake at the end of a queue and no lost one.
 *
 * Rejected: queued (MCS) locks.  Under the design's rule that disjoint operations share no lock
 * a queue seldom has two members, and the node would need a home on every caller's stack.
 *
 * The rank stack is per CPU.  Its top is not always its highest rank (a try-lock may go down), so
 * a push looks at all of it; there are never more than TESS_RANKS_HELD.
 */
#include "base.h"

/* Turns a mutex waiter spins before it sleeps: about the length of a short critical section. */
#define MUTEX_SPIN_TURNS 32

void
tess_spin_lock_slow(struct tess_spin *l)
{
	for (unsigned turn = 0;; turn++) {
		uint32_t zero = 0;

		tess_port_relax(turn);
		/* acquire pairs with tess_spin_unlock() */
		if (tess_load_relaxed(&l->word) == 0 && tess_cas_acquire(&l->word, &zero, 1))
			return;
	}
}

void
tess_mutex_lock_slow(struct tess_mutex *l)
{
	for (unsigned turn = 0; turn < MUTEX_SPIN_TURNS; turn++) {
		uint32_t zero = 0;

		tess_port_relax(turn);
		/* acquire pairs with tess_mutex_unlock() */
		if (tess_load_relaxed(&l->word) == 0 && tess_cas_acquire(&l->word, &zero, 1))
			return;
	}
	/* the exchange pairs with tess_mutex_unlock(), both to acquire and to be seen waiting */
	while (tess_xchg_acqrel(&l->word, 2) != 0)
		tess_port_block(&l->word, 2);
}

static TESS_NORETURN TESS_NOINLINE void
rank_panic(const char *what, enum tess_rank r, enum tess_rank held)
{
	struct tess_line l;

	tess_line_init(&l);
	tess_line_str(&l, "lock rank: ");
	tess_line_str(&l, what);
	tess_line_str(&l, ", rank ");
	tess_line_dec(&l, (uint64_t)r);
	tess_line_str(&l, ", highest held ");
	tess_line_dec(&l, (uint64_t)held);
	tess_panic(l.text);
}

static enum tess_rank
rank_highest(const struct tess_cpu *cpu)
{
	unsigned top = 0;

	for (uint32_t i = 0; i < cpu->nheld; i++) {
		if (cpu->rank[i] > top)
			top = cpu->rank[i];
	}
	return (enum tess_rank)top;
}

/* Record a lock just taken without waiting. */
void
tess_rank_push_try(enum tess_rank r, const void *lock)
{
	struct tess_cpu *cpu = tess_cpu();

	if (cpu->nheld == TESS_RANKS_HELD)
		rank_panic("too many locks held", r, rank_highest(cpu));
	cpu->rank[cpu->nheld] = (uint8_t)r;
	cpu->held[cpu->nheld] = lock;
	cpu->nheld++;
}

/* Record a lock about to be waited for: its rank must be above all held. */
void
tess_rank_push(enum tess_rank r, const void *lock)
{
	struct tess_cpu *cpu = tess_cpu();

	if (cpu->nheld != 0 && rank_highest(cpu) >= r)
		rank_panic("taken out of order", r, rank_highest(cpu));
	tess_rank_push_try(r, lock);
}

void
tess_rank_pop(enum tess_rank r, const void *lock)
{
	struct tess_cpu *cpu = tess_cpu();
	uint32_t at = cpu->nheld;

	while (at > 0 && cpu->held[at - 1] != lock)
		at--;
	if (at == 0)
		rank_panic("unlocked but not held", r, rank_highest(cpu));
	if (cpu->rank[at - 1] != (uint8_t)r)
		rank_panic("unlocked with another rank than locked", r, rank_highest(cpu));
	for (; at < cpu->nheld; at++) {
		cpu->rank[at - 1] = cpu->rank[at];
		cpu->held[at - 1] = cpu->held[at];
	}
	cpu->nheld--;
}

bool
tess_rank_held(const void *lock)
{
	const struct tess_cpu *cpu = tess_cpu();

	for (uint32_t i = 0; i < cpu->nheld; i++) {
		if (cpu->held[i] == lock)
			return true;
	}
	return false;
}

bool
tess_rank_none(void)
{
	return tess_cpu()->nheld == 0;
}
