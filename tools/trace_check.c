/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace_check.c: does a whole trace make sense?
 *
 * One pass with a little state: how far the header is, which block is open, which spaces live.  After it, a
 * reader may trust every record: the objects a record names exist, its space lives, blocks nest.
 *
 *	header ──► objects ──► records ─┬─ S T exec ─┐ area, resident, counts ┌─ S end
 *	                                └─ S snapshot┘                        └─
 */
#include "trace.h"

struct checker {
	struct trace_cursor at;
	struct trace_rec rec;
	uint8_t *alive;
	uint32_t alive_len;
	struct trace_totals *totals;
	struct trace_error *err;
	uint64_t last_end; /* of the open block's areas */
};

static bool
check_wrong(struct checker *c, const char *expected)
{
	c->err->line = c->at.line == 0 ? 1 : c->at.line; /* an empty file */
	c->err->expected = expected;
	c->err->found[0] = 0;
	return false;
}

static bool
text_is(const struct trace_rec *r, const char *text)
{
	uint32_t i = 0;

	while (i < r->text_len && text[i] != 0 && r->text[i] == text[i])
		i++;
	return i == r->text_len && text[i] == 0;
}

/* The next record, which must be there. */
static bool
check_step(struct checker *c, const char *expected)
{
	switch (trace_next(&c->at, &c->rec, c->err)) {
	case TRACE_RECORD:
		return true;
	case TRACE_BAD:
		return false;
	default:
		return check_wrong(c, expected);
	}
}

static bool
check_head(struct checker *c)
{
	const struct trace_rec *r = &c->rec;

	if (!check_step(c, "vmtrace 1") || r->kind != TRACE_VMTRACE || r->value != 1)
		return check_wrong(c, "vmtrace 1");
	if (!check_step(c, "arch x86_64"))
		return false;
	if (r->kind != TRACE_ARCH || !text_is(r, "x86_64"))
		return check_wrong(c, "arch x86_64");
	if (!check_step(c, "page 4096"))
		return false;
	if (r->kind != TRACE_PAGE || r->value != TESS_PAGE_SIZE)
		return check_wrong(c, "page 4096");
	if (!check_step(c, "lost and a number"))
		return false;
	if (r->kind != TRACE_LOST)
		return check_wrong(c, "lost and a number");
	c->totals->lost = r->value;
	return true;
}

/* Is the object declared?  Declarations stand right after the header; few enough to read again. */
static bool
object_known(struct checker *c, struct trace_obj obj, uint32_t before_line)
{
	struct trace_cursor at;
	struct trace_rec r;
	struct trace_error unused;

	if (obj.backing < TRACE_FILE)
		return true;
	trace_start(c->at.trace, &at);
	while (at.line + 1 < before_line && trace_next(&at, &r, &unused) == TRACE_RECORD) {
		if (r.kind > TRACE_OBJECT)
			break;
		if (r.kind == TRACE_OBJECT && r.obj.id == obj.id)
			return r.obj.backing == obj.backing;
	}
	return false;
}

static bool
check_object(struct checker *c)
{
	const struct trace_rec *r = &c->rec;

	if (r->obj.backing < TRACE_FILE)
		return check_wrong(c, "an object ID like f1, d1 or z1");
	for (int b = TRACE_FILE; b <= TRACE_ZERO; b++) {
		struct trace_obj twin = {(enum trace_backing)b, r->obj.id};
		if (object_known(c, twin, r->line))
			return check_wrong(c, "an object number that is not in use");
	}
	if (r->value > (uint64_t)INT64_MAX)
		return check_wrong(c, "a size below 2^63");
	c->totals->objects++;
	return true;
}

static bool
check_area(struct checker *c)
{
	const struct trace_rec *r = &c->rec;

	if (!tess_page_aligned(r->addr) || !tess_page_aligned(r->addr2) || r->addr >= r->addr2)
		return check_wrong(c, "an area whose page-aligned start is below its end");
	if (r->addr < c->last_end)
		return check_wrong(c, "areas in ascending order");
	if (!tess_page_aligned(r->off))
		return check_wrong(c, "a page-aligned offset");
	if (!object_known(c, r->obj, r->line))
		return check_wrong(c, "an object declared at the top of the file");
	c->last_end = r->addr2;
	return true;
}

static bool
check_resident(struct checker *c)
{
	const struct trace_rec *r = &c->rec;

	if (!tess_page_aligned(r->addr) || r->value > (c->last_end >> TESS_PAGE_SHIFT))
		return check_wrong(c, "resident pages inside an area");
	return true;
}

/* An exec or snapshot block, up to its end. */
static bool
check_block(struct checker *c)
{
	uint32_t space = c->rec.space;
	enum trace_kind opened = c->rec.kind;
	bool counted = false;

	c->last_end = 0;
	for (;;) {
		if (!check_step(c, "area, counts or end: a block is cut short"))
			return false;
		if (c->rec.kind < TRACE_AREA || c->rec.kind > TRACE_END)
			return check_wrong(c, "area, resident, counts or end inside a block");
		if (c->rec.space != space)
			return check_wrong(c, "the space of the open block");
		if (c->rec.kind == TRACE_END)
			break;
		if (c->rec.kind == TRACE_AREA && !check_area(c))
			return false;
		if (c->rec.kind == TRACE_RESIDENT && opened != TRACE_EXEC)
			return check_wrong(c, "resident only inside exec");
		if (c->rec.kind == TRACE_RESIDENT && !check_resident(c))
			return false;
		counted |= c->rec.kind == TRACE_COUNTS;
	}
	if (opened == TRACE_SNAPSHOT && !counted)
		return check_wrong(c, "counts before the end of a snapshot");
	return true;
}

static bool
space_born(struct checker *c, uint64_t number)
{
	if (number >= c->alive_len)
		return check_wrong(c, "a smaller space number");
	if (c->alive[number])
		return check_wrong(c, "a space number that is not in use");
	c->alive[number] = 1;
	if (number >= c->totals->spaces)
		c->totals->spaces = (uint32_t)number + 1;
	return true;
}

static bool
check_record(struct checker *c)
{
	const struct trace_rec *r = &c->rec;

	if (r->kind == TRACE_OBJECT || r->kind < TRACE_OBJECT)
		return check_wrong(c, "a record (headers and objects stand at the top)");
	if (r->kind == TRACE_SIZE)
		return (r->obj.backing >= TRACE_FILE && object_known(c, r->obj, r->line)) ||
		       check_wrong(c, "the size of a declared object");
	if (r->kind == TRACE_EXEC)
		return space_born(c, r->space) && check_block(c);
	if (r->space >= c->alive_len || !c->alive[r->space])
		return check_wrong(c, "a space that exists here");
	if (r->kind == TRACE_SNAPSHOT) {
		c->totals->snapshots++;
		return check_block(c);
	}
	if (r->kind == TRACE_FORK)
		return space_born(c, r->value);
	if (r->kind == TRACE_EXIT)
		c->alive[r->space] = 0;
	if (r->kind >= TRACE_AREA && r->kind <= TRACE_END)
		return check_wrong(c, "exec or snapshot before a layout");
	if ((r->kind == TRACE_MMAP || r->kind == TRACE_SHMAT) && !object_known(c, r->obj, r->line))
		return check_wrong(c, "an object declared at the top of the file");
	return true;
}

static enum trace_step
check_all(struct checker *c)
{
	enum trace_step s;

	if (!check_head(c))
		return TRACE_BAD;
	for (;;) {
		s = trace_next(&c->at, &c->rec, c->err);
		if (s != TRACE_RECORD)
			return s;
		if (c->rec.kind != TRACE_OBJECT)
			break;
		if (!check_object(c))
			return TRACE_BAD;
	}
	do {
		c->totals->records++;
		if (!check_record(c))
			return TRACE_BAD;
		s = trace_next(&c->at, &c->rec, c->err);
	} while (s == TRACE_RECORD);
	return s;
}

enum trace_step
trace_check(const struct trace *t, uint8_t *alive, uint32_t alive_len, struct trace_totals *totals,
	    struct trace_error *err)
{
	struct checker c = {.alive = alive, .alive_len = alive_len, .totals = totals, .err = err};

	*totals = (struct trace_totals){0};
	for (uint32_t i = 0; i < alive_len; i++)
		alive[i] = 0;
	err->line = 1;
	err->expected = "";
	err->found[0] = 0;
	trace_start(t, &c.at);
	enum trace_step s = check_all(&c);
	return s == TRACE_EOF ? TRACE_RECORD : s;
}
