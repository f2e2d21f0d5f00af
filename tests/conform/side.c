/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * side.c: one row in one personality: on the model alone, or on the core beside the model.
 *
 * The model chooses no addresses.  Alone, it is offered addresses, from the edges of every hole, until one is
 * legal; then "there was no room".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "conform.h"
#include "fill.h"
#include "memfile.h"

#define FILE_SEED 7

struct answer_bits answer_bits;

static struct mem_pool alone_pool;
#define ALONE_BYTES ((size_t)16 << 20)

/* ---- Opening ---- */

static struct model_mem *
side_alone_mem(void)
{
	static void *block;

	if (block == NULL)
		block = malloc(ALONE_BYTES);
	if (block == NULL)
		conform_die("no memory for the model");
	mem_pool_init(&alone_pool, block, ALONE_BYTES);
	return &alone_pool.mem;
}

/* The objects that descriptors stand for; alone, only their addresses mean something. */
static void
side_objects(struct conform *c)
{
	static char stand_in[OBJECT_COUNT];
	static const uint64_t size[OBJECT_COUNT] = {8 * PAGE, PAGE, 2 * PAGE, 4 * PAGE};
	static const enum tess_handle_kind kind[OBJECT_COUNT] = {
	    TESS_HANDLE_FILE, TESS_HANDLE_FILE, TESS_HANDLE_SHM, TESS_HANDLE_DEVICE};
	static const char *const name[OBJECT_COUNT] = {"file", "short", "segment", "device"};

	for (unsigned i = 0; i < OBJECT_COUNT; i++) {
		uint64_t seed = kind[i] == TESS_HANDLE_SHM ? 0 : FILE_SEED + i;
		struct model_object *o;

		if (c->core == NULL)
			c->object[i].object = (struct tess_object *)(void *)&stand_in[i];
		else
			c->object[i] = kind[i] == TESS_HANDLE_SHM ? env_segment(size[i])
								  : env_file(size[i], seed);
		c->object[i].kind = kind[i];
		o = model_object_create(c->model, c->object[i].object, kind[i], size[i], seed);
		model_object_name(o, name[i]);
	}
}

void
side_open(struct conform *c, enum env_isa isa, enum tess_personality p)
{
	struct env_config ec = {.isa = isa, .ncpu = 1, .seed = 1};
	struct tess_space_config sc = {.personality = p};

	memset(c, 0, sizeof(*c));
	c->p = p;
	if (isa != ENV_ISA_COUNT &&
	    (env_open(&ec) != TESS_OK || tess_space_create(&sc, &c->core) != TESS_OK))
		conform_die("no machine");
	c->model = model_create(c->core == NULL ? side_alone_mem() : env_mem(), conform_die);
	if (c->model == NULL)
		conform_die("no memory for the model");
	c->ms = model_space_create(c->model, &sc);
	side_objects(c);
	layout_make(c);
}

void
side_close(struct conform *c)
{
	if (c->core == NULL)
		return; /* the pool is forgotten as a whole */
	env_leave(c->core);
	tess_space_destroy(c->core);
	if (c->other_core != NULL) {
		env_leave(c->other_core);
		tess_space_destroy(c->other_core);
	}
	for (unsigned i = 0; i < OBJECT_COUNT; i++)
		tess_object_unref(c->object[i].object);
	env_check(NULL, 0);
	model_destroy(c->model);
	env_close();
}

struct tess_handle
side_handle(const struct conform *c, unsigned fd)
{
	static const struct {
		enum tess_handle_kind kind;
		uint8_t mode;
		enum conform_object object;
	} row[] = {
	    {TESS_HANDLE_NONE, 0, OBJECT_COUNT},    {TESS_HANDLE_BAD, 0, OBJECT_COUNT},
	    {TESS_HANDLE_FILE, 3, OBJECT_FILE},     {TESS_HANDLE_FILE, 1, OBJECT_FILE},
	    {TESS_HANDLE_FILE, 2, OBJECT_FILE},     {TESS_HANDLE_FILE, 0, OBJECT_FILE},
	    {TESS_HANDLE_FILE, 3, OBJECT_SHORT},    {TESS_HANDLE_ZERO, 3, OBJECT_COUNT},
	    {TESS_HANDLE_ZERO, 1, OBJECT_COUNT},    {TESS_HANDLE_SHM, 3, OBJECT_SEGMENT},
	    {TESS_HANDLE_SHM, 1, OBJECT_SEGMENT},   {TESS_HANDLE_DEVICE, 3, OBJECT_DEVICE},
	    {TESS_HANDLE_DEVICE, 1, OBJECT_DEVICE}, {TESS_HANDLE_OTHER, 3, OBJECT_COUNT},
	};
	struct tess_handle h = {.kind = row[fd].kind, .mode = row[fd].mode};

	if (row[fd].object != OBJECT_COUNT)
		h.object = c->object[row[fd].object].object;
	return h;
}

/* ---- Differences ---- */

void
side_differs(struct conform *c, const char *what, const char *why)
{
	struct text t;

	if (c->why[0] != '\0')
		return;
	text_init(&t, c->why, sizeof(c->why));
	text_add(&t, "%s: %s", what, why);
}

bool
side_same(struct conform *c)
{
	if (c->core != NULL && c->why[0] == '\0' && !model_compare(c->ms, c->core))
		side_differs(c, "state", model_report(c->model));
	return c->why[0] == '\0';
}

/* ---- A call ---- */

static const char *
cell_word(const struct table *t, unsigned code)
{
	return t->answers == ANSWERS_KERN ? tess_kern_name((enum tess_kern)code) + 5
					  : tess_err_name((enum tess_err)code);
}

/* What the row says that the space is like before the call. */
static void
cell_given(struct conform *c, const struct row *row)
{
	char words[WORD];

	memcpy(words, row->text[0], WORD);
	for (char *w = strtok(words, "+"); w != NULL; w = strtok(NULL, "+"))
		if (!layout_given(c, w))
			conform_die("a given that nobody knows");
}

static void
cell_open(struct conform *c, const struct row *row, enum env_isa isa, enum tess_personality p)
{
	side_open(c, isa, p);
	cell_given(c, row);
	(void)side_same(c);
}

/*
 * The space before the call.  Looking is an access, so it is done on a model of its own; rows that begin alike
 * share it.
 */
static const struct effect_snap *
cell_before(const struct row *row, enum tess_personality p)
{
	static struct {
		bool made;
		char given[WORD];
		struct effect_snap snap;
	} last[PERSONALITY];
	static struct conform c;

	if (last[p].made && strcmp(last[p].given, row->text[0]) == 0)
		return &last[p].snap;
	cell_open(&c, row, ENV_ISA_COUNT, p);
	effect_layout(&c, &last[p].snap);
	effect_bytes(&c, &last[p].snap);
	last[p].made = true;
	memcpy(last[p].given, row->text[0], WORD);
	return &last[p].snap;
}

/* Is `va` an address that the model lets the core choose? */
static bool
cell_offer(struct conform *c, const struct table *t, const struct row *row, tess_va va,
	   struct answer *a)
{
	struct model_answer ans = {.err = TESS_OK, .va = va};

	a->code = t->model(c, row->value, &ans);
	a->va = ans.va;
	return model_complaint(c->model) == NULL;
}

/* One edge of a hole, as a place for `len` bytes: as it is, and on larger boundaries. */
static bool
cell_offer_edge(struct conform *c, const struct table *t, const struct row *row, tess_va lo,
		tess_va hi, struct answer *a)
{
	static const uint64_t boundary[] = {PAGE, 64 * KIB, 2 * KIB * KIB, KIB * KIB * KIB};
	uint64_t rest = row->value[t->off] & (PAGE - 1);
	uint64_t len = tess_page_round(row->value[t->len] + (t->off == 0 ? 0 : rest));

	if (t->off == 0)
		rest = 0;
	for (unsigned i = 0; i < 4; i++) {
		tess_va up = (lo + boundary[i] - 1) & ~(boundary[i] - 1);
		tess_va down = hi < len ? 0 : (hi - len) & ~(boundary[i] - 1);

		if (up >= lo && up < hi && cell_offer(c, t, row, up + rest, a))
			return true;
		if (down >= lo && down < hi && cell_offer(c, t, row, down + rest, a))
			return true;
	}
	return false;
}

/* The highest place below where searches begin: what most of them find. */
static bool
cell_offer_top(struct conform *c, const struct table *t, const struct row *row, struct answer *a)
{
	uint64_t top, len = tess_page_round(row->value[t->len]);

	return layout_find("top", 3, &top) && len < top && cell_offer(c, t, row, top - len, a);
}

static _Noreturn void
cell_die(const struct conform *c, const struct table *t, const struct row *row, const char *why)
{
	const char *last = model_complaint(c->model);
	char line[LINE];
	struct text x;

	text_init(&x, line, sizeof(line));
	text_add(&x, "%s, personality %u:", t->name, (unsigned)c->p);
	for (unsigned i = 0; i < ARGS && t->arg[i].name != NULL; i++)
		text_add(&x, " %s=%s", t->arg[i].name, row->text[i]);
	text_add(&x, ": %s: %s", why, last == NULL ? "" : last);
	conform_die(line);
}

/* Every edge where a search could have ended.  false: the model takes none of them. */
static bool
cell_choose(struct conform *c, const struct table *t, const struct row *row, struct answer *a)
{
	static const char *const edge[] = {"min", "top", "gapend", "dataseg", "2g", "limit"};
	tess_va hint = row->value[t->hint != 0 ? t->hint : t->addr], at = 0, start;
	struct tess_area area = {.end = 0};
	bool more = true;

	if (cell_offer(c, t, row, hint, a) || cell_offer_top(c, t, row, a) ||
	    cell_offer_edge(c, t, row, c->heap_end, UINT64_MAX - PAGE + 1, a) ||
	    cell_offer_edge(c, t, row, tess_page_round(hint), UINT64_MAX - PAGE + 1, a))
		return true;
	while (more) {
		more = model_space_next_area(c->ms, at, &area);
		start = more ? area.start : UINT64_MAX - PAGE + 1;
		if (start > at && cell_offer_edge(c, t, row, at, start, a))
			return true;
		for (unsigned i = 0; i < sizeof(edge) / sizeof(edge[0]); i++) {
			uint64_t va;

			if (!layout_find(edge[i], strlen(edge[i]), &va) || va <= at || va >= start)
				continue;
			if (cell_offer_edge(c, t, row, at, va, a) ||
			    cell_offer_edge(c, t, row, va, start, a))
				return true;
		}
		at = area.end;
	}
	return false;
}

static void
cell_alone(struct conform *c, const struct table *t, const struct row *row, struct answer *a)
{
	struct model_answer ans = {.err = TESS_OK, .va = row->value[t->addr]};

	if (t->answers == ANSWERS_CHOSEN && cell_choose(c, t, row, a))
		return;
	if (t->answers == ANSWERS_CHOSEN)
		ans = (struct model_answer){.err = TESS_ENOMEM, .va = 0};
	a->code = t->model(c, row->value, &ans);
	a->va = ans.va;
	if (t->answers == ANSWERS_CHOSEN && a->code == TESS_OK)
		cell_die(
		    c, t, row,
		    "the model allows no address that a search could find, nor that none is found");
}

static void
cell_beside(struct conform *c, const struct table *t, const struct row *row, struct answer *a)
{
	struct model_answer ans = {.va = 0xdead};
	char line[256];
	struct text x;
	unsigned want;

	a->va = 0xdead;
	a->code = t->core(c, row->value, &a->va);
	ans.err = t->answers == ANSWERS_KERN ? TESS_OK : (enum tess_err)a->code;
	ans.va = a->va;
	want = t->model(c, row->value, &ans);
	if (a->code != TESS_OK && a->va != 0xdead)
		side_differs(c, "result", "touched by a call that failed");
	if (model_complaint(c->model) != NULL)
		side_differs(c, "answer", model_complaint(c->model));
	text_init(&x, line, sizeof(line));
	text_add(&x, "core %s, model %s", cell_word(t, a->code), cell_word(t, want));
	if (a->code != want)
		side_differs(c, "answer", line);
	text_init(&x, line, sizeof(line));
	text_add(&x, "core 0x%lx, model 0x%lx", a->va, ans.va);
	if (a->code == TESS_OK && t->answers != ANSWERS_OK && t->answers != ANSWERS_KERN &&
	    a->va != ans.va)
		side_differs(c, "address", line);
	(void)side_same(c);
}

static void
cell_print(const struct table *t, const struct row *row, const struct answer *a, struct text *cell)
{
	if (t->answers == ANSWERS_BITS && a->code == TESS_OK) {
		text_add(cell, "%02x", answer_bits.sure);
		if (answer_bits.open != 0)
			text_add(cell, "?%02x", answer_bits.open);
	} else if (t->answers == ANSWERS_OK || t->answers == ANSWERS_KERN || a->code != TESS_OK)
		text_add(cell, "%s", cell_word(t, a->code));
	else if (a->va == row->value[t->addr])
		text_add(cell, "OK");
	else
		layout_print(cell, a->va, t->answers == ANSWERS_CHOSEN);
}

void
cell_run(const struct table *t, const struct row *row, enum env_isa isa, enum tess_personality p,
	 struct text *cell, struct text *effect, struct text *why)
{
	static struct conform c;
	static struct effect_snap after;
	const struct effect_snap *before = cell_before(row, p);
	struct answer a;

	cell_open(&c, row, isa, p);
	if (isa == ENV_ISA_COUNT)
		cell_alone(&c, t, row, &a);
	else
		cell_beside(&c, t, row, &a);
	cell_print(t, row, &a, cell);
	effect_layout(&c, &after);
	effect_bytes(&c, &after);
	(void)side_same(&c);
	effect_print(effect, before, &after);
	if (c.core != NULL)
		env_check(&c.core, 1);
	if (c.other_core != NULL)
		env_check(&c.other_core, 1);
	text_add(why, "%s", c.why);
	side_close(&c);
}
