/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec.c: the executor's loop: one op after the other, each compared, each result printed.
 */
#include <tessera/debug.h>
#include <tessera/page.h>
#include "exec_priv.h"

/* Frames that must be free for an ENOMEM of the core to be a finding. */
#define EXEC_SHORT_OF_FRAMES 96

/* ---- Helpers ---- */

uint64_t
exec_arg(const struct exec *x, unsigned i)
{
	const struct program_arg *a = &x->op->arg[i];

	if (i >= x->op->nargs)
		return 0;
	return a->reg >= 0 ? x->reg[a->reg] + a->num : a->num;
}

bool
exec_diverged(const struct exec *x)
{
	return x->res->verdict != EXEC_OK;
}

void
exec_diverge(struct exec *x, const char *fmt, ...)
{
	struct text t;
	char line[256];
	va_list ap;

	if (exec_diverged(x))
		return;
	x->res->verdict = EXEC_DIVERGED;
	text_init(&t, x->res->report, sizeof(x->res->report));
	if (x->op != NULL) {
		program_print_op(x->p, x->op, line, sizeof(line));
		text_add(&t, "line %u: %s\n", x->op->line, line);
	}
	va_start(ap, fmt);
	text_vadd(&t, fmt, ap);
	va_end(ap);
}

static void
exec_out(struct exec *x, const char *s)
{
	if (x->o->out != NULL)
		x->o->out(x->o->ctx, s);
}

/* ---- Spaces ---- */

static bool
exec_space_limit(const struct exec *x)
{
	unsigned most = x->o->max_spaces == 0 ? EXEC_SPACES : x->o->max_spaces;

	return (unsigned)x->nspaces >= most || x->nspaces == EXEC_SPACES;
}

static void
exec_set_heap(struct exec *x, struct exec_space *s, tess_va va)
{
	enum tess_err e = tess_space_set_brk(s->core, va);
	enum tess_err want = s->model == NULL ? e : model_space_set_brk(s->model, va);

	if (e != want)
		exec_diverge(x, "space_set_brk: core %s, model %s\n", tess_err_name(e),
			     tess_err_name(want));
}

static bool
exec_first_space(struct exec *x)
{
	struct exec_space *s = &x->space[0];
	struct tess_space_config cfg = {.personality = x->p->personality};

	memcpy(cfg.limit, x->o->limit, sizeof(cfg.limit));
	if (tess_space_create(&cfg, &s->core) != TESS_OK)
		return false;
	if (x->model != NULL)
		s->model = model_space_create(x->model, &cfg);
	s->parent = -1;
	x->nspaces = 1;
	exec_set_heap(x, s, EXEC_HEAP);
	return true;
}

static void
exec_compare_space(struct exec *x, struct exec_space *s)
{
	if (s->model != NULL && !model_compare(s->model, s->core))
		exec_diverge(x, "%s", model_report(x->model));
}

static void
exec_fork(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct exec_space *c;
	struct tess_space *core;

	if (exec_space_limit(x)) {
		*a = (struct exec_answer){
		    .kind = RESULT_ERR, .err = TESS_EAGAIN, .want = TESS_EAGAIN};
		return;
	}
	a->kind = RESULT_VALUE;
	a->err = tess_space_fork(s->core, &core);
	a->want = TESS_OK;
	if (a->err != TESS_OK)
		return;
	c = &x->space[x->nspaces];
	*c = *s;
	c->core = core;
	c->model = s->model == NULL ? NULL : model_space_fork(s->model);
	c->parent = x->current;
	a->value = a->want_value = (uint64_t)x->nspaces++;
	exec_compare_space(x, c);
	x->compare_all = true;
}

static void
exec_exit(struct exec *x, struct exec_space *s)
{
	int next = s->parent;

	env_leave(s->core);
	tess_space_destroy(s->core);
	s->core = NULL;
	if (s->model != NULL)
		model_space_destroy(s->model);
	s->model = NULL;
	if (next < 0 || x->space[next].core == NULL)
		for (next = 0; next < x->nspaces && x->space[next].core == NULL; next++)
			;
	x->current = next == x->nspaces ? -1 : next;
}

static void
exec_exec(struct exec *x, struct exec_space *s)
{
	tess_space_exec(s->core);
	if (s->model != NULL)
		model_space_exec(s->model);
	exec_set_heap(x, s, EXEC_HEAP);
}

static void
exec_sys(struct exec_answer *a, const char *word)
{
	a->kind = RESULT_SYS;
	a->word = word;
}

static void
exec_switch(struct exec *x, struct exec_answer *a)
{
	uint64_t to = exec_arg(x, 0);

	if (to >= (uint64_t)x->nspaces || x->space[to].core == NULL)
		exec_sys(a, "-ESRCH");
	else
		x->current = (int)to;
}

/* ---- dump() ---- */

static bool
exec_dump_joins(const struct tess_area *a, const struct tess_area *b)
{
	unsigned shared = (a->flags ^ b->flags) & TESS_AREA_SHARED;

	return a->end == b->start && a->prot == b->prot && shared == 0 && a->object == b->object &&
	       (a->object == NULL || a->off + (a->end - a->start) == b->off);
}

static void
exec_dump(struct exec *x, struct exec_space *s)
{
	struct tess_area a, next;
	char buf[160];
	struct text t;

	for (tess_va va = 0; tess_space_next_area(s->core, va, &a); va = a.end) {
		while (tess_space_next_area(s->core, a.end, &next) && exec_dump_joins(&a, &next))
			a.end = next.end;
		text_init(&t, buf, sizeof(buf));
		text_add(&t, "%08lx-%08lx %c%c%c%c %lx %s\n", a.start, a.end,
			 (a.prot & TESS_PROT_READ) != 0 ? 'r' : '-',
			 (a.prot & TESS_PROT_WRITE) != 0 ? 'w' : '-',
			 (a.prot & TESS_PROT_EXEC) != 0 ? 'x' : '-',
			 (a.flags & TESS_AREA_SHARED) != 0 ? 's' : 'p',
			 a.object == NULL ? 0 : a.off, exec_object_name(x, a.object));
		exec_out(x, buf);
	}
}

/* ---- Calls about the run itself ---- */

static void
exec_check(struct exec *x)
{
	struct tess_space *live[EXEC_SPACES];
	unsigned n = 0;

	for (int i = 0; i < x->nspaces; i++)
		if (x->space[i].core != NULL)
			live[n++] = x->space[i].core;
	env_check(live, n);
}

static void
exec_cpu(struct exec *x, struct exec_answer *a)
{
	uint64_t cpu = exec_arg(x, 0);

	if (cpu >= env_cpus())
		exec_sys(a, "-EINVAL");
	else
		env_cpu_set((unsigned)cpu);
}

static void
exec_fail_nth(struct exec *x, struct exec_answer *a)
{
	if (!env_can_fail())
		exec_sys(a, "-ENOTSUP");
	else
		x->fail = exec_arg(x, 0);
}

/* Calls that need no space. */
static bool
exec_control_call(struct exec *x, struct exec_answer *a)
{
	switch (x->op->call) {
	case CALL_SWITCH:
		exec_switch(x, a);
		return true;
	case CALL_CPU:
		exec_cpu(x, a);
		return true;
	case CALL_FAIL_NTH:
		exec_fail_nth(x, a);
		return true;
	case CALL_CHECK:
		exec_check(x);
		return true;
	}
	return false;
}

static void
exec_space_call(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	switch (x->op->call) {
	case CALL_FORK:
		exec_fork(x, s, a);
		break;
	case CALL_EXIT:
		exec_exit(x, s);
		break;
	case CALL_EXEC:
		exec_exec(x, s);
		break;
	case CALL_SET_BRK:
		exec_set_heap(x, s, exec_arg(x, 0));
		break;
	case CALL_DUMP:
		exec_dump(x, s);
		break;
	default:
		if (!exec_memory_call(x, s, a) && !exec_map_call(x, s, a))
			(void)exec_file_call(x, s, a);
	}
}

/* ---- Comparing after a call ---- */

/* Is the (simulated) memory nearly used up? */
static bool
exec_is_short(void)
{
	struct tess_page_counts n;

	tess_page_counts_get(&n);
	return n.free + n.cached < EXEC_SHORT_OF_FRAMES;
}

/* Did the core run out of it, honestly? */
static bool
exec_was_short(struct exec *x, const struct exec_answer *a)
{
	if (x->hit)
		return true;
	if (a->err != TESS_ENOMEM && a->err != TESS_EAGAIN &&
	    a->kern != TESS_KERN_RESOURCE_SHORTAGE)
		return false;
	return exec_is_short();
}

static void
exec_set_room(struct model *m)
{
	struct tess_page_counts n;

	tess_page_counts_get(&n);
	if (m != NULL)
		model_set_room(m, n.total);
}

static void
exec_compare_result(struct exec *x, const struct exec_answer *a)
{
	const char *complaint = model_complaint(x->model);

	if (complaint != NULL)
		exec_diverge(x, "%s\n", complaint);
	else if (a->err != a->want)
		exec_diverge(x, "result differs: core %s, model %s\n", tess_err_name(a->err),
			     tess_err_name(a->want));
	else if (a->kern != a->want_kern)
		exec_diverge(x, "result differs: core %s, model %s\n", tess_kern_name(a->kern),
			     tess_kern_name(a->want_kern));
	else if (a->err == TESS_OK && a->value != a->want_value)
		exec_diverge(x, "result differs: core 0x%lx, model 0x%lx\n", a->value,
			     a->want_value);
}

/*
 * A failure was injected and the layouts differ: was it into a call that keeps what it did before it ran out of
 * memory?  Then the model is brought to that state.
 */
static void
exec_catch_up(struct exec *x, struct exec_space *s)
{
	struct exec_answer ignored = {.kind = RESULT_NONE};

	switch (x->op->call) {
	case CALL_LOAD:
	case CALL_STORE:
	case CALL_FETCH:
		model_grow(s->model, exec_arg(x, 0));
		break;
	case CALL_MLOCK:
	case CALL_MLOCK2:
		model_set_failing(x->model);
		exec_model_call(x, s, &ignored);
		break;
	case CALL_MPROTECT:
	case CALL_MUNLOCK:
	case CALL_MADVISE:
	case CALL_POSIX_MADVISE:
		exec_model_call(x, s, &ignored);
		break;
	}
}

/* The range that the last call may have changed, and what injected failures left out of it. */
static void
exec_compare_range(struct exec *x, struct exec_space *s, tess_va *start, tess_va *end)
{
	model_space_touched(s->model, start, end);
	if (x->hit && *start < *end)
		model_forgive(s->model, s->core, *start, *end);
	if (x->compare_all) {
		*start = 0;
		*end = UINT64_MAX;
	}
}

static void
exec_compare(struct exec *x, struct exec_space *s, const struct exec_answer *a)
{
	tess_va start, end;
	bool same;

	if (s->core == NULL || s->model == NULL)
		return;
	exec_compare_range(x, s, &start, &end);
	same = model_compare_layout(s->model, s->core);
	if (!same && x->hit && a->err != TESS_OK) {
		exec_catch_up(x, s);
		exec_compare_range(x, s, &start, &end);
		same = model_compare_layout(s->model, s->core);
	}
	if (same && start < end)
		same = model_compare_pages(s->model, s->core, start, end);
	if (!same)
		exec_diverge(x, "%s", model_report(x->model));
}

/* ---- Output ---- */

static void
exec_print_bytes(struct exec *x, struct text *t, char *buf, size_t size,
		 const struct exec_answer *a)
{
	for (uint64_t i = 0; i < a->nbytes; i++) {
		text_add(t, "%02x", (unsigned)a->bytes[i]);
		if (t->len + 8 >= size) {
			exec_out(x, buf);
			text_init(t, buf, size);
		}
	}
	if (a->nbytes == 0)
		text_add(t, "0");
}

static void
exec_print(struct exec *x, const struct exec_answer *a)
{
	char buf[256];
	struct text t;

	if (a->kind == RESULT_NONE || x->o->out == NULL)
		return;
	text_init(&t, buf, sizeof(buf));
	text_add(&t, "%u ", x->op->line);
	if (a->kind == RESULT_SYS)
		text_add(&t, "%s", a->word);
	else if (a->kind == RESULT_KERN && (a->kern != TESS_KERN_SUCCESS || a->value == 0))
		text_add(&t, "%s", tess_kern_name(a->kern));
	else if (a->err == TESS_SIGSEGV || a->err == TESS_SIGBUS)
		text_add(&t, "%s", tess_err_name(a->err));
	else if (a->err != TESS_OK)
		text_add(&t, "-%s", tess_err_name(a->err));
	else if (a->kind == RESULT_ERR)
		text_add(&t, "0");
	else if (a->kind == RESULT_BYTE)
		text_add(&t, "0x%02lx", a->value);
	else if (a->kind == RESULT_VALUE || a->kind == RESULT_KERN)
		text_add(&t, a->value == 0 ? "%lx" : "0x%lx", a->value);
	else
		exec_print_bytes(x, &t, buf, sizeof(buf), a);
	text_add(&t, "\n");
	exec_out(x, buf);
}

/* ---- The loop ---- */

static void
exec_op(struct exec *x, struct exec_answer *a)
{
	struct exec_space *s = x->current < 0 ? NULL : &x->space[x->current];
	bool failing = x->fail != 0 && x->op->call != CALL_FAIL_NTH;

	x->hit = false;
	x->compare_all = false;
	if (exec_control_call(x, a))
		return;
	if (s == NULL) {
		exec_sys(a, "-ESRCH");
		return;
	}
	if (failing)
		env_fail_nth(x->fail);
	exec_space_call(x, s, a);
	if (failing) {
		x->hit = x->hit || env_fail_hit();
		x->fail = 0;
		env_fail_nth(0);
	}
	if (x->model == NULL)
		return;
	x->hit = x->hit || exec_is_short();
	if (x->hit)
		model_set_unsure(x->model);
	if (a->kind != RESULT_NONE && a->kind != RESULT_SYS &&
	    !((a->err != TESS_OK || a->kern != TESS_KERN_SUCCESS) && exec_was_short(x, a)))
		exec_compare_result(x, a);
	exec_compare(x, s, a);
}

/* The looker-on after an op: false: the program ends here. */
static bool
exec_watched(struct exec *x, int space, const struct exec_answer *a)
{
	const struct exec_watch *w = x->o->watch;

	return w == NULL || w->after(w->ctx, x->op, a, space < 0 ? NULL : x->space[space].core);
}

static void
exec_watch_end(struct exec *x)
{
	const struct exec_watch *w = x->o->watch;

	if (w == NULL)
		return;
	for (int i = 0; i < x->nspaces; i++)
		if (x->space[i].core != NULL)
			w->space(w->ctx, i, x->space[i].core);
	for (int i = 0; i < x->nfiles; i++)
		w->file(w->ctx, x->file[i].name, x->file[i].kind, x->file[i].object);
}

/* What a register keeps of an answer. */
static uint64_t
exec_value(const struct exec_answer *a)
{
	if (a->err != TESS_OK || a->kern != TESS_KERN_SUCCESS || a->kind == RESULT_SYS)
		return UINT64_MAX;
	return a->kind == RESULT_VALUE || a->kind == RESULT_KERN ? a->value : 0;
}

static void
exec_loop(struct exec *x)
{
	const struct exec_watch *w = x->o->watch;
	bool go = true;

	for (uint32_t i = 0; i < x->p->n && !exec_diverged(x) && go; i++) {
		struct exec_answer a = {.kind = RESULT_NONE};
		int space = x->current;

		x->op = &x->p->op[i];
		if (w != NULL && !w->before(w->ctx, x->op))
			continue;
		exec_op(x, &a);
		x->res->calls++;
		if (x->op->result != PROGRAM_NO_REG)
			x->reg[x->op->result] = exec_value(&a);
		exec_print(x, &a);
		go = exec_watched(x, space, &a);
		if (a.room != 0)
			x->mem->put(x->mem, a.bytes, a.room);
		if (x->o->check && !exec_diverged(x))
			exec_check(x);
	}
	x->op = NULL;
	if (go)
		exec_watch_end(x);
}

/* Everything is compared once more, and taken down. */
static void
exec_end(struct exec *x)
{
	for (int i = 0; i < x->nspaces; i++)
		if (x->space[i].core != NULL && !exec_diverged(x))
			exec_compare_space(x, &x->space[i]);
	for (int i = 0; i < x->nspaces; i++)
		if (x->space[i].core != NULL)
			exec_exit(x, &x->space[i]);
	exec_files_end(x);
	env_cpu_set(0);
	tess_machine_check();
	if (!exec_diverged(x))
		exec_backings_check(x);
	if (x->model != NULL)
		model_destroy(x->model);
}

void
exec_run(const struct program *p, const struct exec_options *o, struct exec_result *res)
{
	struct model_mem *mem = env_mem();
	struct exec *x = mem->get(mem, sizeof(*x));

	res->verdict = EXEC_OK;
	res->calls = 0;
	res->report[0] = '\0';
	if (x == NULL) {
		res->verdict = EXEC_FAILED;
		return;
	}
	memset(x, 0, sizeof(*x));
	x->p = p;
	x->o = o;
	x->res = res;
	x->mem = mem;
	if (o->model)
		x->model = model_create(mem, o->die);
	exec_set_room(x->model);
	if ((o->model && x->model == NULL) || !exec_first_space(x)) {
		struct text t;

		res->verdict = EXEC_FAILED;
		text_init(&t, res->report, sizeof(res->report));
		text_add(&t, "not enough memory for a space\n");
		if (x->model != NULL)
			model_destroy(x->model);
	} else {
		exec_loop(x);
		exec_end(x);
	}
	mem->put(mem, x, sizeof(*x));
}
