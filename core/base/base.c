/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * base.c: the root of a machine, its boot memory, lines of text, counters' names, and panic.
 *
 * A machine lies at the start of the first physical range, followed by what boot needs:
 *
 *	start │ struct tess_machine │ struct tess_cpu[ncpu] │ rooms, pools ... ──►   ◄── frames │ end
 *
 * Nothing is ever given back to boot memory: it ends with the machine.
 *
 * A panic prints each CPU's history ring, oldest event first, before its message, so that the last
 * line is the reason.  Other CPUs go on writing their rings meanwhile: what is printed of them is
 * a hint.  A panic inside a panic skips the rings.
 */
#include "base.h"

#define BOOT_ALIGN 64 /* a cache line: nothing allocated at boot shares one with a stranger */

/* ---- lines of text ---- */

void
tess_line_init(struct tess_line *l)
{
	l->n = 0;
	l->text[0] = '\0';
}

static void
line_char(struct tess_line *l, char c)
{
	if (l->n + 1 < sizeof(l->text)) {
		l->text[l->n++] = c;
		l->text[l->n] = '\0';
	}
}

void
tess_line_str(struct tess_line *l, const char *s)
{
	while (*s != '\0')
		line_char(l, *s++);
}

static void
line_number(struct tess_line *l, uint64_t v, unsigned radix)
{
	char digits[20]; /* 2^64 has 20 decimal digits */
	unsigned n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % radix];
		v /= radix;
	} while (v != 0);
	while (n > 0)
		line_char(l, digits[--n]);
}

void
tess_line_dec(struct tess_line *l, uint64_t v)
{
	line_number(l, v, 10);
}

void
tess_line_hex(struct tess_line *l, uint64_t v)
{
	tess_line_str(l, "0x");
	line_number(l, v, 16);
}

/* ---- panic ---- */

#if TESS_CONFIG_HISTORY > 0
static void
history_print_event(unsigned cpu, uint32_t at, const struct tess_history *h)
{
	struct tess_line l;

	if (h->what == NULL)
		return;
	tess_line_init(&l);
	tess_line_str(&l, "history: cpu ");
	tess_line_dec(&l, cpu);
	tess_line_str(&l, " #");
	tess_line_dec(&l, at);
	tess_line_str(&l, " ");
	tess_line_str(&l, h->what);
	tess_line_str(&l, " ");
	tess_line_hex(&l, h->a);
	tess_line_str(&l, " ");
	tess_line_hex(&l, h->b);
	tess_line_str(&l, " ");
	tess_line_hex(&l, h->c);
	tess_port_log(l.text);
}

static void
history_print(const struct tess_machine *m)
{
	for (unsigned i = 0; i < m->ncpu; i++) {
		const struct tess_cpu *cpu = &m->cpu[i];
		uint32_t end = cpu->history_at;
		uint32_t n = end < TESS_CONFIG_HISTORY ? end : TESS_CONFIG_HISTORY;

		for (uint32_t at = end - n; at != end; at++)
			history_print_event(i, at, &cpu->history[at % TESS_CONFIG_HISTORY]);
	}
}
#else
static void
history_print(const struct tess_machine *m)
{
	(void)m;
}
#endif

void
tess_panic(const char *msg)
{
	struct tess_machine *m = tess_machine();

	if (m != NULL && tess_xchg_acqrel(&m->panicked, 1) == 0) { /* pairs with itself */
		history_print(m);
		tess_store_relaxed(&m->panicked, 0);
	}
	tess_port_panic(msg);
}

/* ---- boot ---- */

void *
tess_boot_carve(struct tess_machine *m, size_t size, size_t align)
{
	uint64_t mask = (align > BOOT_ALIGN ? align : BOOT_ALIGN) - 1;
	tess_pa at = (m->boot_next + mask) & ~mask;

	if (at < m->boot_next || at > m->boot_end || m->boot_end - at < size)
		return NULL;
	m->boot_next = at + size;
	return tess_port_direct(at);
}

void *
tess_boot_alloc(struct tess_machine *m, size_t size, size_t align)
{
	void *p = tess_boot_carve(m, size, align);

	if (p != NULL)
		__builtin_memset(p, 0, size);
	return p;
}

void
tess_boot_close(struct tess_machine *m)
{
	m->boot_end = 0; /* below any boot_next: carve finds no room */
}

enum tess_err
tess_base_init(tess_pa start, uint64_t bytes, unsigned ncpu, struct tess_machine **out)
{
	struct tess_machine *m;

	if (ncpu == 0 || ncpu > TESS_CPU_MAX)
		return TESS_EINVAL;
	if (bytes < sizeof(*m) + ncpu * sizeof(struct tess_cpu) + 2 * sizeof(struct tess_cpu))
		return TESS_ENOMEM; /* the last term is room for alignment */
	m = tess_port_direct(start);
	__builtin_memset(m, 0, sizeof(*m));
	m->ncpu = ncpu;
	m->commit.most = m->wired.most = UINT64_MAX;
	m->boot_next = start + sizeof(*m);
	m->boot_end = start + bytes;
	m->cpu = tess_boot_alloc(m, ncpu * sizeof(struct tess_cpu), _Alignof(struct tess_cpu));
	TESS_ASSERT(m->cpu != NULL);
	for (unsigned i = 0; i < ncpu; i++)
		m->cpu[i].rcu.tail = &m->cpu[i].rcu.next;
	tess_port_machine_set(m);
	*out = m;
	return TESS_OK;
}

/* ---- counters and words ---- */

uint64_t
tess_stat_get(enum tess_stat s)
{
	uint64_t sum = 0;

	TESS_FOREACH_CPU (i)
		sum += tess_load_relaxed(&tess_machine()->cpu[i].stats[s]);
	return sum;
}

static const char *const stat_names[TESS_STAT_COUNT] = {
    [TESS_STAT_FAULT] = "fault",
    [TESS_STAT_FAULT_RETRY] = "fault_retry",
    [TESS_STAT_FAULT_ZERO] = "fault_zero",
    [TESS_STAT_FAULT_COW] = "fault_cow",
    [TESS_STAT_FAULT_TAKEOVER] = "fault_takeover",
    [TESS_STAT_FAULT_UPPER] = "fault_upper",
    [TESS_STAT_FAULT_LOWER] = "fault_lower",
    [TESS_STAT_FAULT_SPURIOUS] = "fault_spurious",
    [TESS_STAT_PAGER_GET] = "pager_get",
    [TESS_STAT_PAGER_PUT] = "pager_put",
    [TESS_STAT_TLB_LOCAL] = "tlb_local",
    [TESS_STAT_TLB_IPI] = "tlb_ipi",
    [TESS_STAT_TLB_BCAST] = "tlb_bcast",
    [TESS_STAT_PAGE_ALLOC] = "page_alloc",
    [TESS_STAT_PAGE_FREE] = "page_free",
    [TESS_STAT_ENTRY_ALLOC] = "entry_alloc",
    [TESS_STAT_LEAF_SPLIT] = "leaf_split",
    [TESS_STAT_LEAF_JOIN] = "leaf_join",
    [TESS_STAT_RCU_DEFER] = "rcu_defer",
};

const char *
tess_stat_name(enum tess_stat s)
{
	return (unsigned)s < TESS_STAT_COUNT ? stat_names[s] : "?";
}

static const char *const err_names[TESS_ERR_COUNT] = {
    [TESS_OK] = "OK",           [TESS_EPERM] = "EPERM",         [TESS_ENOENT] = "ENOENT",
    [TESS_EIO] = "EIO",         [TESS_EBADF] = "EBADF",         [TESS_EAGAIN] = "EAGAIN",
    [TESS_ENOMEM] = "ENOMEM",   [TESS_EACCES] = "EACCES",       [TESS_EFAULT] = "EFAULT",
    [TESS_EBUSY] = "EBUSY",     [TESS_EEXIST] = "EEXIST",       [TESS_ENODEV] = "ENODEV",
    [TESS_EINVAL] = "EINVAL",   [TESS_EOVERFLOW] = "EOVERFLOW", [TESS_EOPNOTSUPP] = "EOPNOTSUPP",
    [TESS_ENOTSUP] = "ENOTSUP", [TESS_ENXIO] = "ENXIO",         [TESS_E2BIG] = "E2BIG",
    [TESS_SIGSEGV] = "SIGSEGV", [TESS_SIGBUS] = "SIGBUS",
};

const char *
tess_err_name(enum tess_err err)
{
	return (unsigned)err < TESS_ERR_COUNT ? err_names[err] : "?";
}

/* ---- checks ---- */

/*
 * I-BASE-5: each CPU's queue of deferred frees ends where its tail says, and no lock is held.
 */
static void
cpu_check(struct tess_cpu *cpu)
{
	struct tess_rcu_head **link = &cpu->rcu.next;

	while (*link != NULL)
		link = &(*link)->next;
	TESS_ASSERT(cpu->rcu.tail == link);
	TESS_ASSERT(cpu->nheld == 0);
}

void
tess_base_check(void)
{
	struct tess_machine *m = tess_machine();

	for (struct tess_pool *p = m->pools; p != NULL; p = p->next)
		tess_pool_check(p);
	TESS_FOREACH_CPU (i)
		cpu_check(&m->cpu[i]);
}
