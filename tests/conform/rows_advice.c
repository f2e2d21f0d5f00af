/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows_advice.c: madvise and posix_madvise.
 */
#include "rows.h"

#define ADVICE(usual)                                   \
	{                                               \
		"advice", ARG_WORDS, usual, rows_advice \
	}
#define RANGE GIVEN, ADDR("anon"), NUM("len", "1p")

static unsigned
core_madvise(struct conform *c, const uint64_t *v, tess_va *out)
{
	(void)out;
	return tess_madvise(c->core, v[1], v[2], (enum tess_madv)v[3]);
}

static unsigned
model_of_madvise(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	(void)ans;
	return model_madvise(c->ms, v[1], v[2], (enum tess_madv)v[3]);
}

#define EVERYWHERE                                                                              \
	"addr={anon,none,hole,file,ro,priv,locked,immut,immro,guard,guarded,eof,seg,zeros,dev," \
	"gap,stack}"

static const char *const madvise_rows[] = {
    RANGE_EDGES,
    "# which advice is known",
    "advice={NORMAL,RANDOM,SEQUENTIAL,WILLNEED,DONTNEED,FREE,DONTFORK,DOFORK,WIPEONFORK,KEEPONFORK,"
    "DONTDUMP,DODUMP,HUGEPAGE,NOHUGEPAGE,MERGEABLE,UNMERGEABLE,COLD,PAGEOUT,POPULATE_READ,"
    "POPULATE_WRITE}",
    "advice={REMOVE,DONTNEED_LOCKED,COLLAPSE,HWPOISON,SOFT_OFFLINE,GUARD_INSTALL,GUARD_REMOVE,"
    "NOSYNC,"
    "AUTOSYNC,PROTECT,SPACEAVAIL,ZERO,FREE_REUSABLE,FREE_REUSE,CAN_REUSE,UNKNOWN}",
    "# which error of two",
    "advice={UNKNOWN,SPACEAVAIL,HWPOISON,PROTECT,COLLAPSE} addr={anon+1,hole} len={0,1p,-1}",
    "# each advice over each mapping",
    EVERYWHERE " advice={DONTNEED,FREE}",
    EVERYWHERE " advice={DONTNEED_LOCKED,REMOVE}",
    EVERYWHERE " advice={ZERO,FREE_REUSABLE}",
    EVERYWHERE " advice={FREE_REUSE,CAN_REUSE}",
    EVERYWHERE " advice={GUARD_INSTALL,GUARD_REMOVE}",
    EVERYWHERE " advice={DONTFORK,WIPEONFORK}",
    EVERYWHERE " advice={POPULATE_READ,POPULATE_WRITE}",
    EVERYWHERE " advice={COLD,RANDOM}",
    EVERYWHERE " advice={NOSYNC,DONTDUMP}",
    "# across a border: a hole, a refusal, what stays done",
    "addr={anon+3p,none+1p,hole+1p,file+3p,priv+1p,locked+1p,immut+1p,hole2+1p,immro+1p,guard+1p,"
    "eof+1p} len=2p advice={RANDOM,DONTNEED,FREE}",
    "addr={anon+3p,none+1p,hole+1p,file+3p,priv+1p,locked+1p,immut+1p,hole2+1p,immro+1p,guard+1p,"
    "eof+1p} len=2p advice={REMOVE,GUARD_INSTALL,POPULATE_WRITE}",
    "addr={anon,none,priv,locked} len=8p advice={RANDOM,FREE,GUARD_INSTALL,DONTFORK,ZERO}",
    NULL};

const struct table table_madvise = {
    .name = "madvise",
    .about = "madvise(addr, len, advice)",
    .arg = {RANGE, ADVICE("NORMAL"), END},
    .rows = madvise_rows,
    .core = core_madvise,
    .model = model_of_madvise,
};

static unsigned
core_posix_madvise(struct conform *c, const uint64_t *v, tess_va *out)
{
	(void)out;
	return tess_posix_madvise(c->core, v[1], v[2], (enum tess_madv)v[3]);
}

static unsigned
model_of_posix_madvise(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	(void)ans;
	return model_posix_madvise(c->ms, v[1], v[2], (enum tess_madv)v[3]);
}

static const char *const posix_madvise_rows[] = {
    RANGE_EDGES,
    "# which advice is known",
    "advice={NORMAL,RANDOM,SEQUENTIAL,WILLNEED,DONTNEED,FREE,DONTFORK,DODUMP,HWPOISON,PROTECT,"
    "UNKNOWN}",
    "advice={FREE,UNKNOWN} addr={anon+1,hole} len={0,1p,-1}",
    "# each mapping; DONTNEED keeps the data",
    EVERYWHERE " advice=DONTNEED",
    "addr={anon+3p,hole+1p,none+1p,locked+1p,immut+1p} len=2p advice={RANDOM,DONTNEED}",
    NULL};

const struct table table_posix_madvise = {
    .name = "posix_madvise",
    .about = "posix_madvise(addr, len, advice)",
    .arg = {RANGE, ADVICE("NORMAL"), END},
    .rows = posix_madvise_rows,
    .core = core_posix_madvise,
    .model = model_of_posix_madvise,
};
