/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows_space.c: what is no range call: one access, and fork.
 */
#include "rows.h"

/* ---- An access ---- */

static const struct arg_word access_words[] = {
    {"read", 0}, {"write", 1}, {"execute", 2}, {NULL, 0}};

static unsigned
core_access(struct conform *c, const uint64_t *v, tess_va *out)
{
	uint8_t byte;

	(void)out;
	if (v[2] == 0)
		return env_load(c->core, v[1], &byte);
	return v[2] == 1 ? env_store(c->core, v[1], 0x77) : env_fetch(c->core, v[1]);
}

static unsigned
model_of_access(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	uint8_t byte;

	(void)ans;
	if (v[2] == 0)
		return model_load(c->ms, v[1], &byte);
	return v[2] == 1 ? model_store(c->ms, v[1], 0x77) : model_fetch(c->ms, v[1]);
}

static const char *const access_rows[] = {
    "# each mapping",
    "addr={anon,none,hole,file,ro,priv,priv+1p,locked,immut,immro,guard,guarded,eof,eof+1p,seg,"
    "zeros,dev,stack,heap} how={read,write,execute}",
    "# below a stack, in its gap",
    "addr={stack-1,stack-1p,gap+31p,gap+30p,gap+1p,gap+1p-1,gap,gap-1,gap-1p,stack-1g} how=write",
    "addr={stack-1,gap+1p,gap} how={read,execute}",
    "given={as:0,as:16p,as:64p} addr={stack-1p,gap+8p,gap+1p} how=write",
    "given={future+memlock:0,future+memlock:16p} addr={stack-1p,gap+8p} how=write",
    "# the ends of the user range",
    "addr={0,min-1,min,max-1,max,-1p,-1}",
    NULL};

const struct table table_access = {
    .name = "access",
    .about = "one byte read, written (77) or fetched by the space's user",
    .arg = {GIVEN, ADDR("anon"), {"how", ARG_WORDS, "read", access_words}, END},
    .rows = access_rows,
    .core = core_access,
    .model = model_of_access,
};

/* ---- fork ---- */

static const struct arg_word fork_words[] = {{"parent", 0}, {"child", 1}, {NULL, 0}};

static unsigned
core_fork(struct conform *c, const uint64_t *v, tess_va *out)
{
	enum tess_err e;

	(void)out;
	if (v[2] < 16) {
		e = tess_minherit(c->core, v[1], PAGE, (enum tess_inherit)v[2]);
		if (e != TESS_OK)
			return e;
	}
	return tess_space_fork(c->core, &c->other_core);
}

/* Both sides go on as the child, when the row looks there. */
static unsigned
model_of_fork(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	struct tess_space *core = c->other_core;
	enum tess_err e;

	(void)ans;
	if (v[2] < 16) {
		e = model_minherit(c->ms, v[1], PAGE, (enum tess_inherit)v[2]);
		if (e != TESS_OK)
			return e;
	}
	c->other_ms = model_space_fork(c->ms);
	(void)side_same(c);
	if (v[3] == 0)
		return TESS_OK;
	c->other_core = c->core;
	c->core = core;
	c->ms = c->other_ms;
	return TESS_OK;
}

static const struct arg_word fork_inherit[] = {{"COPY", TESS_INHERIT_COPY},
					       {"SHARE", TESS_INHERIT_SHARE},
					       {"NONE", TESS_INHERIT_NONE},
					       {"ZERO", TESS_INHERIT_ZERO},
					       {"DONATE", TESS_INHERIT_DONATE},
					       {"-", 16},
					       {NULL, 0}};

static const char *const fork_rows[] = {
    "# nothing said about inheritance",
    "look={child,parent}",
    "# each way, over each mapping; what the child has beside what the parent had",
    "inherit={COPY,SHARE,NONE,ZERO,DONATE} addr={anon,file,priv,locked,zeros,dev,stack}",
    "inherit={COPY,SHARE,NONE,ZERO,DONATE} addr={guard,guarded,gap}",
    "# the parent",
    "look=parent inherit={SHARE,NONE,ZERO,DONATE} addr={anon,file,locked,guarded}",
    "# what is locked, what will be",
    "given=future look=child",
    NULL};

const struct table table_fork = {
    .name = "fork",
    .about = "minherit(addr, one page, inherit), then fork; what changed: the child's layout "
	     "beside the parent's before",
    .arg = {GIVEN,
	    ADDR("anon"),
	    {"inherit", ARG_WORDS, "-", fork_inherit},
	    {"look", ARG_WORDS, "child", fork_words},
	    END},
    .rows = fork_rows,
    .core = core_fork,
    .model = model_of_fork,
};
