/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_core.c: a program that the kernel has run, on the core, held against the kernel's steps.
 *
 *	after each call:  result ─► areas (joined on both sides) ─► which pages are private, which are guards
 *	at the end:	  all attributes of areas ─► bytes of every mapped page ─► bytes of every file
 *
 * Areas are joined first, for which equal neighbours are one mapping is each side's own business.  Objects have no
 * names in common; equal objects must be equal on the other side too, within one look.
 *
 * A difference goes through the table of known ones (diff_known.c).  One that leaves the two sides in different states
 * ends the program there; anything that the table does not explain ends it too, and is the verdict.
 */
#define _GNU_SOURCE 1

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <tessera/debug.h>
#include <tessera/object.h>
#include "diff.h"
#include "env.h"
#include "mem.h"

#define CORE_MOST (2 * DIFF_AREAS)

struct diff_side {
	struct diff_area v[CORE_MOST];
	unsigned n;
};

static struct {
	struct diff_shared *sh;
	const struct program *p;
	struct diff_counts *n;
	struct diff_verdict *v;
	uint32_t at; /* the op that runs */
	bool over;
	struct diff_look last[DIFF_SPACES]; /* the kernel's look at each space so far */
	uint32_t space;                     /* who runs */
	struct diff_side host, core;
} cc;

/* ---- The verdict ---- */

__attribute__((format(printf, 1, 2))) static void
core_say(const char *fmt, ...)
{
	size_t len = strlen(cc.v->report);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cc.v->report + len, sizeof(cc.v->report) - len, fmt, ap);
	va_end(ap);
}

/* A difference: true: it is known and the program can go on. */
static bool
core_differs(struct diff_case *c)
{
	const struct diff_known *k = diff_explain(c);

	if (k != NULL) {
		cc.n->known[k - diff_known]++;
		cc.over = k->ends;
		return !k->ends;
	}
	cc.over = true;
	cc.v->differs = true;
	cc.v->line = c->op == NULL ? 0 : c->op->line;
	return false;
}

static void
core_say_line(const struct program_op *op)
{
	char line[256];

	if (op == NULL) {
		core_say("at the end: ");
		return;
	}
	program_print_op(cc.p, op, line, sizeof(line));
	core_say("line %u: %s: ", op->line, line);
}

/* ---- Results ---- */

static const char *
core_word_host(const struct diff_step *st, char *buf, size_t size)
{
	if (st->kind == DIFF_ERRNO)
		snprintf(buf, size, "-%s", strerrorname_np(st->err));
	else if (st->kind == DIFF_SIGNAL)
		snprintf(buf, size, "SIG%s", sigabbrev_np(st->err));
	else
		snprintf(buf, size, "0x%lx", (unsigned long)st->value);
	return buf;
}

static const char *
core_word(const struct exec_answer *a, char *buf, size_t size)
{
	if (a->kind == RESULT_SYS)
		snprintf(buf, size, "%s", a->word);
	else if (a->err != TESS_OK)
		snprintf(buf, size, "-%s", tess_err_name(a->err));
	else
		snprintf(buf, size, "0x%lx", (unsigned long)a->value);
	return buf;
}

static bool
core_same_result(const struct diff_step *st, const struct exec_answer *a)
{
	bool has_value = a->kind == RESULT_VALUE || a->kind == RESULT_BYTE;

	if (st->kind == DIFF_NOTHING || a->kind == RESULT_NONE)
		return a->kind == RESULT_NONE || a->err == TESS_OK;
	if (a->kind == RESULT_SYS)
		return st->kind == DIFF_ERRNO && strcmp(a->word + 1, strerrorname_np(st->err)) == 0;
	if (st->kind == DIFF_SIGNAL)
		return a->err == (st->err == 7 ? TESS_SIGBUS : TESS_SIGSEGV);
	if (st->kind == DIFF_ERRNO)
		return a->err != TESS_OK &&
		       tess_err_number(TESS_PERSONALITY_LINUX, a->err) == st->err;
	return a->err == TESS_OK && (!has_value || a->value == st->value);
}

static bool
core_same_bytes(const struct diff_step *st, const struct exec_answer *a)
{
	return st->kind != DIFF_DATA || a->err != TESS_OK ||
	       (a->nbytes == st->n && memcmp(cc.sh->bytes + st->at, a->bytes, st->n) == 0);
}

static void
core_say_bytes(const char *who, const unsigned char *bytes, uint64_t n)
{
	core_say("%s ", who);
	for (uint64_t i = 0; i < n && i < 64; i++)
		core_say("%02x", bytes[i]);
	core_say(n > 64 ? "... " : " ");
}

static bool
core_result(struct diff_case *c)
{
	char host[64], core[64];

	c->what = DIFF_IN_RESULT;
	if (!core_same_result(c->st, c->a)) {
		if (core_differs(c))
			return true;
		if (cc.v->differs) {
			core_say_line(c->op);
			core_say("kernel %s, core %s\n", core_word_host(c->st, host, sizeof(host)),
				 core_word(c->a, core, sizeof(core)));
		}
		return false;
	}
	c->what = DIFF_IN_BYTES;
	if (core_same_bytes(c->st, c->a) || core_differs(c))
		return true;
	if (cc.v->differs) {
		core_say_line(c->op);
		core_say_bytes("kernel", cc.sh->bytes + c->st->at, c->st->n);
		core_say_bytes("core", c->a->bytes, c->a->nbytes);
		core_say("\n");
	}
	return false;
}

/* ---- Layouts ---- */

#define CORE_PLAIN (TESS_AREA_SHARED)
#define CORE_ALL                                                                          \
	(TESS_AREA_SHARED | TESS_AREA_GROWSDOWN | TESS_AREA_LOCKED | TESS_AREA_DONTDUMP | \
	 TESS_AREA_IMMUTABLE)

static bool
core_joins(const struct diff_area *a, const struct diff_area *b)
{
	return a->end == b->start && a->prot == b->prot && a->flags == b->flags &&
	       a->object == b->object &&
	       (a->object == 0 || a->off + (a->end - a->start) == b->off) &&
	       a->maxprot == b->maxprot && a->inherit == b->inherit && a->advice == b->advice;
}

static void
core_add(struct diff_side *s, const struct diff_area *a, bool attributes)
{
	struct diff_area one = *a;

	if (!attributes)
		one.maxprot = one.inherit = one.advice = 0;
	one.flags &= attributes ? CORE_ALL : CORE_PLAIN;
	if (s->n != 0 && core_joins(&s->v[s->n - 1], &one))
		s->v[s->n - 1].end = one.end;
	else if (s->n < CORE_MOST)
		s->v[s->n++] = one;
}

/* The core's areas in [from, to). */
static void
core_areas(struct diff_side *s, struct tess_space *sp, uint64_t from, uint64_t to, bool attributes,
	   uint64_t *guard)
{
	struct tess_area a;

	for (tess_va va = from; tess_space_next_area(sp, va, &a) && a.start < to; va = a.end) {
		struct diff_area one = {.start = a.start < from ? from : a.start,
					.end = a.end > to ? to : a.end,
					.object = (uintptr_t)a.object,
					.flags = a.flags,
					.prot = a.prot,
					.maxprot = a.maxprot,
					.inherit = a.inherit,
					.advice = a.advice};

		one.off = a.object == NULL ? 0 : a.off + (one.start - a.start);
		core_add(s, &one, attributes);
		if ((a.flags & TESS_AREA_GUARDED) == 0)
			continue;
		for (tess_va g = one.start; g < one.end; g += DIFF_PAGE)
			diff_bit_set(guard, diff_bit(g));
	}
}

static void
core_anon(const struct diff_side *s, struct tess_space *sp, uint64_t *anon)
{
	struct tess_view view;

	for (unsigned i = 0; i < s->n; i++)
		for (tess_va va = s->v[i].start; va < s->v[i].end; va += DIFF_PAGE) {
			tess_space_view(sp, va, &view);
			if (view.kind == TESS_VIEW_ANON)
				diff_bit_set(anon, diff_bit(va));
		}
}

/* Is the pair of objects new, or the same pair as before? */
static bool
core_same_objects(const struct diff_side *h, const struct diff_side *c)
{
	for (unsigned i = 0; i < h->n; i++)
		for (unsigned j = 0; j < i; j++)
			if ((h->v[i].object == h->v[j].object) !=
			    (c->v[i].object == c->v[j].object))
				return false;
	return true;
}

static bool
core_is_file(uint64_t inode)
{
	for (uint32_t i = 0; i < cc.sh->names; i++)
		if (cc.sh->inode[i] == inode)
			return true;
	return false;
}

/*
 * The same offset in the same object?  In memory objects only distances can be seen: the kernel keeps the offset that
 * mmap of /dev/zero was given, though nothing lies in front of it.
 */
static bool
core_same_offset(const struct diff_side *h, const struct diff_side *c, unsigned i)
{
	unsigned first = 0;

	if (h->v[i].object == 0 || core_is_file(h->v[i].object))
		return h->v[i].off == c->v[i].off;
	while (h->v[first].object != h->v[i].object)
		first++;
	return h->v[i].off - h->v[first].off == c->v[i].off - c->v[first].off;
}

static bool
core_same_area(const struct diff_area *h, const struct diff_area *c)
{
	return h->start == c->start && h->end == c->end && h->prot == c->prot &&
	       h->flags == c->flags && (h->object == 0) == (c->object == 0) &&
	       h->maxprot == c->maxprot && h->inherit == c->inherit && h->advice == c->advice;
}

static void
core_say_areas(const char *who, const struct diff_side *s)
{
	core_say("  %s\n", who);
	for (unsigned i = 0; i < s->n; i++) {
		const struct diff_area *a = &s->v[i];

		core_say("    %08lx-%08lx %c%c%c%c %lx %s max %x flags %x inherit %d advice %d\n",
			 (unsigned long)a->start, (unsigned long)a->end, a->prot & 1 ? 'r' : '-',
			 a->prot & 2 ? 'w' : '-', a->prot & 4 ? 'x' : '-',
			 a->flags & TESS_AREA_SHARED ? 's' : 'p', (unsigned long)a->off,
			 a->object == 0 ? "-" : "object", a->maxprot, a->flags, a->inherit,
			 a->advice);
	}
}

static bool
core_layout(struct diff_case *c, const struct diff_look *look)
{
	struct diff_side *h = &cc.host, *k = &cc.core;
	unsigned i = 0;

	while (i < h->n && i < k->n && core_same_area(&h->v[i], &k->v[i]) &&
	       core_same_offset(h, k, i))
		i++;
	if (i == h->n && i == k->n && core_same_objects(h, k))
		return true;
	c->what = look->attributes ? DIFF_IN_ATTRIBUTES : DIFF_IN_LAYOUT;
	c->host = i < h->n ? &h->v[i] : NULL;
	c->core = i < k->n ? &k->v[i] : NULL;
	if (core_differs(c))
		return true;
	if (cc.v->differs) {
		core_say_line(c->op);
		core_say("the layouts differ\n");
		core_say_areas("kernel", h);
		core_say_areas("core", k);
	}
	return false;
}

static bool
core_bits(struct diff_case *c, enum diff_what what, const char *name, const uint64_t *host,
	  const uint64_t *core)
{
	c->what = what;
	for (int bit = 0; bit < DIFF_BITS; bit++) {
		if (host[bit / 64] == core[bit / 64]) {
			bit |= 63;
			continue;
		}
		if (diff_bit_is(host, bit) == diff_bit_is(core, bit))
			continue;
		c->bit = bit;
		if (core_differs(c))
			continue;
		if (cc.v->differs) {
			core_say_line(c->op);
			core_say("page %lx: kernel %s%s, core %s%s\n",
				 (unsigned long)diff_bit_va(bit),
				 diff_bit_is(host, bit) ? "" : "not ", name,
				 diff_bit_is(core, bit) ? "" : "not ", name);
		}
		return false;
	}
	return true;
}

/* Everything that a look shows.  false: the program ends here. */
static bool
core_look(struct diff_case *c, const struct diff_look *look, struct tess_space *sp)
{
	uint64_t anon[DIFF_WORDS] = {0}, guard[DIFF_WORDS] = {0};

	cc.host.n = cc.core.n = 0;
	for (uint32_t i = 0; i < look->n; i++)
		core_add(&cc.host, &cc.sh->area[look->at + i], look->attributes);
	core_areas(&cc.core, sp, DIFF_HEAP, DIFF_HEAP_END, look->attributes, guard);
	core_areas(&cc.core, sp, DIFF_BASE, DIFF_END, look->attributes, guard);
	if (!core_layout(c, look))
		return false;
	if (!look->pages)
		return true;
	core_anon(&cc.core, sp, anon);
	return core_bits(c, DIFF_IN_GUARDS, "a guard", look->guard, guard) &&
	       core_bits(c, DIFF_IN_ANON, "private", look->anon, anon);
}

/* ---- After each call ---- */

static bool
core_before(void *ctx, const struct program_op *op)
{
	(void)ctx;
	cc.at = (uint32_t)(op - cc.p->op);
	if (cc.at < cc.sh->skip || cc.sh->step[cc.at].kind != DIFF_PASSED)
		return true;
	cc.n->passed++;
	return false;
}

static bool
core_after(void *ctx, const struct program_op *op, const struct exec_answer *a,
	   struct tess_space *sp)
{
	const struct diff_step *st = &cc.sh->step[cc.at];
	struct diff_case c = {.sh = cc.sh, .op = op, .st = st, .a = a};
	uint32_t space = cc.space;

	(void)ctx;
	if (cc.at < cc.sh->skip) {
		if (a->kind != RESULT_NONE && a->err != TESS_OK)
			core_say("line %u of the prologue failed\n", op->line);
		return true;
	}
	cc.n->calls++;
	c.before = &cc.last[space];
	if (!core_result(&c))
		return false;
	if (op->call == CALL_SWITCH)
		cc.space = (uint32_t)st->arg[0];
	if (op->call == CALL_FORK && st->kind == DIFF_VALUE)
		cc.last[st->value] = st->look;
	if (op->call == CALL_EXIT || sp == NULL)
		return true;
	if (!core_look(&c, &st->look, sp))
		return false;
	cc.last[space] = st->look;
	return true;
}

/* ---- At the end ---- */

/* What a page of the core holds; 0: it cannot be read. */
static uint64_t
core_hash(struct tess_space *sp, tess_va va)
{
	static const unsigned char zeros[DIFF_PAGE];
	unsigned char page[DIFF_PAGE];
	struct tess_area a;
	struct tess_view view;
	uint64_t got;

	if (!tess_space_next_area(sp, va, &a) || a.start > va || (a.flags & TESS_AREA_GUARDED) != 0)
		return 0;
	tess_space_view(sp, va, &view);
	switch (view.kind) {
	case TESS_VIEW_ANON:
	case TESS_VIEW_OBJECT:
		return diff_hash(view.data, DIFF_PAGE);
	case TESS_VIEW_ZERO:
		return diff_hash(zeros, DIFF_PAGE);
	case TESS_VIEW_ABSENT:
		memset(page, 0, sizeof(page));
		if (tess_object_read(a.object, a.off + (va - a.start), page, DIFF_PAGE, &got) !=
		    TESS_OK)
			return 0;
		return diff_hash(page, DIFF_PAGE);
	default:
		return 0;
	}
}

static void
core_space(void *ctx, int number, struct tess_space *sp)
{
	const struct diff_final *f = &cc.sh->final[number];
	struct diff_case c = {.sh = cc.sh, .before = &cc.last[number], .what = DIFF_IN_PAGE};

	(void)ctx;
	if (cc.over)
		return;
	if (!f->have) {
		cc.over = cc.v->differs = true;
		core_say("at the end: space %d is gone on the kernel's side\n", number);
		return;
	}
	if (!core_look(&c, &f->look, sp))
		return;
	c.what = DIFF_IN_PAGE;
	for (unsigned i = 0; i < cc.core.n && !cc.over; i++)
		for (tess_va va = cc.core.v[i].start; va < cc.core.v[i].end && !cc.over;
		     va += DIFF_PAGE) {
			c.bit = diff_bit(va);
			if (core_hash(sp, va) == f->hash[c.bit] || core_differs(&c) ||
			    !cc.v->differs)
				continue;
			core_say("at the end: space %d: the bytes of page %lx differ\n", number,
				 (unsigned long)va);
		}
}

static void
core_file(void *ctx, const char *name, enum tess_handle_kind kind, struct tess_object *o)
{
	static unsigned char buf[1 << 20];
	struct diff_case c = {.sh = cc.sh, .what = DIFF_IN_FILE};
	const struct diff_file *f = NULL;
	uint64_t got = 0, size = tess_object_size(o);

	(void)ctx;
	if (cc.over || kind != TESS_HANDLE_FILE || !cc.sh->files)
		return;
	for (uint32_t i = 0; i < cc.sh->names; i++)
		if (strcmp(cc.sh->name[i], name) == 0)
			f = &cc.sh->file[i];
	if (f == NULL || tess_object_read(o, 0, buf, sizeof(buf), &got) != TESS_OK)
		got = 0;
	if (f != NULL && f->size == size && f->hash == diff_hash(buf, got))
		return;
	if (!core_differs(&c) && cc.v->differs)
		core_say("at the end: file \"%s\" differs: kernel %lu bytes, core %lu\n", name,
			 f == NULL ? 0 : (unsigned long)f->size, (unsigned long)size);
}

/* ---- The whole program ---- */

static void
core_die(const char *why)
{
	core_say("%s\n", why);
}

void
diff_core(struct diff_shared *sh, const struct program *p, int isa, struct diff_counts *n,
	  struct diff_verdict *v)
{
	static struct exec_result res;
	static const struct exec_watch watch = {
	    .before = core_before, .after = core_after, .space = core_space, .file = core_file};
	struct exec_options o = {.watch = &watch, .die = core_die};
	struct env_config cfg = {.isa = (enum env_isa)isa, .ncpu = 1, .seed = 1};

	cc.sh = sh;
	cc.p = p;
	cc.n = n;
	cc.v = v;
	cc.over = false;
	cc.space = 0;
	memset(cc.last, 0, sizeof(cc.last));
	*v = (struct diff_verdict){.differs = false};
	if (env_open(&cfg) != TESS_OK) {
		core_say("no memory for a machine\n");
		v->differs = true;
		return;
	}
	exec_run(p, &o, &res);
	env_close();
	if (res.verdict != EXEC_OK || (!v->differs && v->report[0] != '\0')) {
		v->differs = true;
		core_say("%s\n", res.report);
	}
}
