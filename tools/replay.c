/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * replay.c: the loop over a trace's records: spaces come and go, objects get made, pages get touched.
 *
 *	exec    a new space; each area mapped at its place, resident pages written, the break put where the
 *	        space's first brk will say it was
 *	fork    tess_space_fork
 *	exit    tess_space_destroy
 *	fault   one load, store or fetch by the CPU that plays the task: task number modulo CPUs
 *
 * A fault record says that a program touched a page, not how that ended.  The core's own area there tells: an
 * access its protection allows must work, another must end in SIGSEGV (held against the trace at snapshots).
 */
#include <tessera/debug.h>
#include <tessera/machine.h>

#include "replay_priv.h"

#define SPECIAL_BYTES ((uint64_t)1 << 20) /* more than any kernel-provided area */

void
replay_differ(struct replay *r, struct text *t, char *buf, size_t size)
{
	size_t end = r->rec_at;
	char line[160];
	size_t n = 0;

	while (end < r->trace->size && r->trace->text[end] != '\n' && n < sizeof(line) - 1)
		line[n++] = r->trace->text[end++];
	line[n] = 0;
	text_init(t, buf, size);
	text_add(t, "%s:%u: %s: ", r->trace->name, r->rec.line, line);
}

void
replay_note(struct replay *r, const struct text *t)
{
	if (r->cfg->note != NULL)
		r->cfg->note(r->cfg->ctx, t->buf);
}

void
replay_result_wrong(struct replay *r, const char *recorded, const char *core)
{
	struct text t;
	char buf[320];

	r->res->results++;
	if (r->cfg->note == NULL)
		return;
	replay_differ(r, &t, buf, sizeof(buf));
	text_add(&t, "recorded %s, core %s", recorded, core);
	replay_note(r, &t);
}

bool
replay_starved(struct replay *r)
{
	struct tess_page_counts c;

	tess_page_counts_get(&c);
	if (c.free + c.cached < c.total / 64)
		r->end = REPLAY_NO_MEMORY;
	return r->end == REPLAY_NO_MEMORY;
}

/* ---- Objects ---- */

struct replay_object *
replay_object(struct replay *r, struct trace_obj obj)
{
	if (obj.backing < TRACE_FILE)
		return NULL;
	for (uint32_t i = 0; i < r->nobject; i++)
		if (r->object[i].obj.id == obj.id)
			return &r->object[i];
	return NULL;
}

struct replay_object *
replay_object_of(struct replay *r, const struct tess_object *core)
{
	for (uint32_t i = 0; i < r->nobject; i++)
		if (core != NULL && r->object[i].core == core)
			return &r->object[i];
	return NULL;
}

static void
object_declare(struct replay *r, const struct trace_rec *rec)
{
	static const char zero[] = "zero";
	struct replay_object *o = &r->object[r->nobject++];

	*o = (struct replay_object){.obj = rec->obj, .size = rec->value};
	o->zero = rec->text_len == 4;
	for (uint32_t i = 0; i < 4 && o->zero; i++)
		o->zero = rec->text[i] == zero[i];
}

static void
model_learn(struct replay *r, struct replay_object *o, uint64_t seed)
{
	if (r->model != NULL)
		model_object_create(r->model, o->core, o->handle.kind, o->size, seed);
}

/* The first use of an object that is not the core's own. */
static void
object_make(struct replay *r, struct replay_object *o)
{
	uint64_t seed = o->obj.backing == TRACE_FILE ? o->obj.id : 0;

	if (o->obj.backing == TRACE_FILE)
		o->handle = env_file(o->size, seed);
	else
		o->handle = env_segment(o->size);
	if (o->handle.kind == TESS_HANDLE_NONE) {
		r->end = REPLAY_NO_MEMORY;
		return;
	}
	if (o->obj.backing == TRACE_DEVICE)
		o->handle.kind = TESS_HANDLE_DEVICE;
	o->core = o->handle.object;
	model_learn(r, o, seed);
}

struct tess_handle
replay_handle(struct replay *r, struct trace_obj obj, uint8_t mode)
{
	struct tess_handle h = {.kind = TESS_HANDLE_NONE};
	struct replay_object *o = replay_object(r, obj);

	if (obj.backing == TRACE_SPECIAL)
		return r->special;
	if (o == NULL)
		return h;
	if (o->obj.backing == TRACE_DEVICE && o->zero) {
		h.kind = TESS_HANDLE_ZERO;
	} else {
		if (o->core == NULL)
			object_make(r, o);
		h = o->handle;
	}
	h.mode = mode;
	return h;
}

void
replay_size(struct replay *r, struct replay_object *o, uint64_t size)
{
	o->size = size;
	if (o->core != NULL && o->obj.backing == TRACE_FILE)
		both_set_size(r, o, size);
}

/* ---- Faults ---- */

enum fault_hope {
	FAULT_WORKS,
	FAULT_DENIED,
	FAULT_EITHER /* the system's choice: growth within a limit, reading what is only writable */
};

/* A program touches a page beyond what is known of the file: it has grown by write(). */
static void
file_grown(struct replay *r, const struct tess_area *a, tess_va va)
{
	struct replay_object *o = replay_object_of(r, a->object);
	uint64_t end = a->off + (va - a->start) + TESS_PAGE_SIZE;

	if (o != NULL && o->obj.backing == TRACE_FILE && end > tess_page_round(o->size))
		replay_size(r, o, end);
}

static enum fault_hope
fault_hope(struct replay *r, struct replay_space *s)
{
	static const tess_prot need[] = {[TESS_ACCESS_READ] = TESS_PROT_READ,
					 [TESS_ACCESS_WRITE] = TESS_PROT_WRITE,
					 [TESS_ACCESS_EXEC] = TESS_PROT_EXEC};
	tess_va va = tess_page_trunc(r->rec.addr);
	struct tess_area a;

	if (!tess_space_next_area(s->core, va, &a))
		return FAULT_DENIED;
	if (a.start > va)
		return a.flags & TESS_AREA_GROWSDOWN ? FAULT_EITHER : FAULT_DENIED;
	if (!(a.prot & need[r->rec.access]))
		return r->rec.access == TESS_ACCESS_READ && a.prot != 0 ? FAULT_EITHER
									: FAULT_DENIED;
	file_grown(r, &a, va);
	if (a.object != NULL && a.off + (va - a.start) >= tess_object_size(a.object))
		return FAULT_EITHER; /* SIGBUS, or a segment the trace knows too little of */
	return FAULT_WORKS;
}

static const char *
signal_name(enum tess_err e)
{
	switch (e) {
	case TESS_OK:
		return "success";
	case TESS_SIGSEGV:
		return "SIGSEGV";
	case TESS_SIGBUS:
		return "SIGBUS";
	default:
		return "out of memory";
	}
}

static void
replay_fault(struct replay *r, struct replay_space *s)
{
	enum fault_hope hope = fault_hope(r, s);

	env_cpu_set(r->rec.task % env_cpus());
	r->res->faults++;
	enum tess_err e = both_access(r, s, r->rec.addr, r->rec.access);
	if (e == TESS_ENOMEM)
		r->end = REPLAY_NO_MEMORY;
	else if (hope == FAULT_WORKS && e != TESS_OK)
		replay_result_wrong(r, "an access its area allows", signal_name(e));
	else if (hope == FAULT_DENIED && e != TESS_SIGSEGV)
		replay_result_wrong(r, "an access its area denies", signal_name(e));
}

/* ---- Spaces ---- */

/*
 * Where the heap of the space that exec makes here begins: what its first `brk 0` answers.  A program whose
 * first brk moves the break at once leaves no trace of the start; then it is the end of the area below.
 */
static tess_va
brk_ahead(const struct replay *r)
{
	struct trace_cursor at = r->at;
	struct trace_rec rec;
	struct trace_error unused;
	tess_va below = 0;

	while (trace_next(&at, &rec, &unused) == TRACE_RECORD) {
		if (rec.space != r->rec.space || rec.kind < TRACE_EXEC)
			continue;
		if (rec.kind == TRACE_EXIT || rec.kind == TRACE_EXEC)
			return 0;
		if (rec.kind != TRACE_BRK)
			continue;
		if (rec.addr != rec.result || rec.addr == 0)
			return rec.result;
		break;
	}
	if (rec.kind != TRACE_BRK)
		return 0;
	at = r->at;
	for (struct trace_rec a;
	     trace_next(&at, &a, &unused) == TRACE_RECORD && a.kind != TRACE_END;)
		if (a.kind == TRACE_AREA && a.addr2 <= rec.addr)
			below = a.addr2;
	return below;
}

/* One area of an exec block.  Pages that follow as resident must be written, whatever the protection. */
static void
exec_area(struct replay *r, struct replay_space *s, const struct trace_rec *a, unsigned extra_prot)
{
	struct tess_mmap_args m = {
	    .addr = a->addr,
	    .len = a->len,
	    .prot = a->prot | extra_prot,
	    .flags = TESS_MAP_FIXED | (a->shared ? TESS_MAP_SHARED : TESS_MAP_PRIVATE),
	    .handle = replay_handle(r, a->obj, TESS_MODE_READ | TESS_MODE_WRITE),
	    .off = a->obj.backing >= TRACE_FILE ? a->off : 0,
	};
	tess_va out;

	if (r->end != REPLAY_DONE)
		return;
	if (a->obj.backing == TRACE_ANON || a->obj.backing == TRACE_STACK)
		m.flags |= TESS_MAP_ANON;
	if (a->obj.backing == TRACE_STACK)
		m.flags |= TESS_MAP_GROWSDOWN | TESS_MAP_STACK;
	enum tess_err e = both_mmap(r, s, &m, &out);
	if (e != TESS_OK && !replay_starved(r))
		replay_result_wrong(r, "an area of exec", "refuses to map it");
}

static void
exec_resident(struct replay *r, struct replay_space *s, const struct trace_rec *rec)
{
	for (uint64_t i = 0; i < rec->value && r->end == REPLAY_DONE; i++) {
		tess_va va = rec->addr + i * TESS_PAGE_SIZE;
		enum tess_err e = both_access(r, s, va, TESS_ACCESS_WRITE);
		if (e == TESS_ENOMEM)
			r->end = REPLAY_NO_MEMORY;
		else if (e != TESS_OK)
			replay_result_wrong(r, "a resident page", signal_name(e));
	}
}

/* The lines between exec and end. */
static void
exec_layout(struct replay *r, struct replay_space *s)
{
	struct trace_cursor at = r->at;
	struct trace_rec rec, next, area = {.kind = TRACE_END};
	struct trace_error unused;
	unsigned extra = 0;

	trace_next(&at, &rec, &unused);
	for (; rec.kind != TRACE_END && r->end == REPLAY_DONE; rec = next) {
		trace_next(&at, &next, &unused);
		if (rec.kind == TRACE_AREA) {
			area = rec;
			extra = next.kind == TRACE_RESIDENT && !(rec.prot & TESS_PROT_WRITE)
				    ? TESS_PROT_READ | TESS_PROT_WRITE
				    : 0;
			exec_area(r, s, &rec, extra);
		}
		if (rec.kind == TRACE_RESIDENT)
			exec_resident(r, s, &rec);
		if (extra != 0 && rec.kind == TRACE_RESIDENT && next.kind != TRACE_RESIDENT &&
		    both_mprotect(r, s, area.addr, area.len, area.prot) != TESS_OK)
			replay_result_wrong(r, "an area of exec", "refuses its protection");
	}
}

/* Reads over the block the current record opened; gives its anon count, or UINT64_MAX. */
static uint64_t
block_skip(struct replay *r)
{
	struct trace_rec rec;
	struct trace_error unused;
	uint64_t anon = UINT64_MAX;

	while (trace_next(&r->at, &rec, &unused) == TRACE_RECORD && rec.kind != TRACE_END)
		if (rec.kind == TRACE_COUNTS)
			anon = rec.value;
	return anon;
}

static void
replay_exec(struct replay *r, struct replay_space *s)
{
	struct trace_cursor block = r->at;
	struct tess_space_counts c;

	if (both_create(r, s) != TESS_OK) {
		r->end = REPLAY_NO_MEMORY;
		return;
	}
	env_cpu_set(r->rec.task % env_cpus());
	exec_layout(r, s);
	tess_va brk = brk_ahead(r);
	if (brk != 0 && r->end == REPLAY_DONE)
		both_set_brk(r, s, brk);
	uint64_t anon = block_skip(r);
	if (r->end != REPLAY_DONE)
		return;
	tess_space_counts_get(s->core, &c);
	if (!replay_layout_same(r, s, block) || (anon != UINT64_MAX && anon != c.anon))
		replay_result_wrong(r, "the layout after exec", "another one");
}

static void
replay_fork(struct replay *r, struct replay_space *s)
{
	env_cpu_set(r->rec.task % env_cpus());
	if (both_fork(r, s, &r->space[r->rec.value]) != TESS_OK)
		r->end = REPLAY_NO_MEMORY;
}

static void
replay_record(struct replay *r)
{
	struct replay_space *s = &r->space[r->rec.space];
	struct replay_object *o;

	switch (r->rec.kind) {
	case TRACE_SIZE:
		o = replay_object(r, r->rec.obj);
		replay_size(r, o, r->rec.value);
		break;
	case TRACE_EXEC:
		replay_exec(r, s);
		break;
	case TRACE_FORK:
		replay_fork(r, s);
		break;
	case TRACE_EXIT:
		both_destroy(r, s);
		break;
	case TRACE_FAULT:
		replay_fault(r, s);
		break;
	case TRACE_SNAPSHOT:
		replay_snapshot(r, s);
		block_skip(r);
		break;
	default:
		env_cpu_set(r->rec.task % env_cpus());
		r->res->calls++;
		replay_call(r, s);
		both_compare_call(r, s);
		break;
	}
}

static void
replay_loop(struct replay *r)
{
	struct trace_error unused;

	while (r->end == REPLAY_DONE) {
		r->rec_at = r->at.at;
		if (trace_next(&r->at, &r->rec, &unused) != TRACE_RECORD)
			return;
		if (r->rec.kind == TRACE_OBJECT)
			object_declare(r, &r->rec);
		else if (r->rec.kind > TRACE_OBJECT)
			replay_record(r);
	}
}

static void
replay_fini(struct replay *r, const struct trace_totals *totals)
{
	struct model_mem *mem = r->cfg->mem;

	for (uint32_t i = 0; r->space != NULL && i < r->nspace; i++)
		if (r->space[i].core != NULL)
			both_destroy(r, &r->space[i]);
	for (uint32_t i = 0; i < r->nobject; i++)
		if (r->object[i].core != NULL)
			tess_object_unref(r->object[i].core);
	if (r->special.object != NULL)
		tess_object_unref(r->special.object);
	if (r->model != NULL)
		model_destroy(r->model);
	if (r->space != NULL)
		mem->put(mem, r->space, (totals->spaces + 1) * sizeof(*r->space));
	if (r->object != NULL)
		mem->put(mem, r->object, r->object_room * sizeof(*r->object));
}

static void
model_died(const char *why)
{
	env_log(why);
	__builtin_trap();
}

static bool
replay_init(struct replay *r, const struct trace_totals *totals)
{
	struct model_mem *mem = r->cfg->mem;

	r->nspace = totals->spaces;
	r->object_room = totals->objects + 1;
	r->space = mem->get(mem, (totals->spaces + 1) * sizeof(*r->space));
	r->object = mem->get(mem, r->object_room * sizeof(*r->object));
	if (r->space == NULL || r->object == NULL)
		return false;
	for (uint32_t i = 0; i < r->nspace; i++)
		r->space[i] = (struct replay_space){NULL, NULL};
	r->special = env_file(SPECIAL_BYTES, 0);
	if (r->special.kind == TESS_HANDLE_NONE)
		return false;
	if (r->cfg->with_model == 0)
		return true;
	r->model = model_create(mem, model_died);
	if (r->model == NULL)
		return false;
	model_object_create(r->model, r->special.object, r->special.kind, SPECIAL_BYTES, 0);
	return true;
}

enum replay_end
replay_run(const struct trace *t, const struct trace_totals *totals,
	   const struct replay_config *cfg, struct replay_result *res)
{
	struct replay r = {.trace = t, .cfg = cfg, .res = res, .end = REPLAY_DONE};

	*res = (struct replay_result){0};
	trace_start(t, &r.at);
	if (replay_init(&r, totals))
		replay_loop(&r);
	else
		r.end = REPLAY_NO_MEMORY;
	replay_fini(&r, totals);
	return r.end;
}
