/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows_range.c: the calls over a range: munmap, mprotect, msync, mincore, mlock and their relatives.
 */
#include <stdlib.h>
#include "rows.h"

#define RANGE GIVEN, ADDR("anon"), NUM("len", "1p")

/* Both sides of a call; v: the row's arguments, v[1] and v[2] the range. */
#define SIDES(name, core_call, model_call)                                              \
	static unsigned core_##name(struct conform *c, const uint64_t *v, tess_va *out) \
	{                                                                               \
		(void)out;                                                              \
		return core_call;                                                       \
	}                                                                               \
	static unsigned model_of_##name(struct conform *c, const uint64_t *v,           \
					struct model_answer *ans)                       \
	{                                                                               \
		(void)ans;                                                              \
		return model_call;                                                      \
	}

/* ---- munmap ---- */

SIDES(munmap, tess_munmap(c->core, v[1], v[2]), model_munmap(c->ms, v[1], v[2]))

static const char *const munmap_rows[] = {RANGE_EDGES, RANGE_PLACES, NULL};

const struct table table_munmap = {
    .name = "munmap",
    .about = "munmap(addr, len)",
    .arg = {RANGE, END},
    .rows = munmap_rows,
    .core = core_munmap,
    .model = model_of_munmap,
};

/* ---- mprotect ---- */

SIDES(mprotect, tess_mprotect(c->core, v[1], v[2], (unsigned)v[3]),
      model_mprotect(c->ms, v[1], v[2], (unsigned)v[3]))

static const char *const mprotect_rows[] = {
    RANGE_EDGES,
    "# protections",
    "prot={none,r,w,x,rw,rwx,8,r|8,0x100}",
    "prot={max:rwx,r|max:r,rw|max:r,r|max:rw,rw|max:rw,max:rwx|8,r|max:rwx|0x80000}",
    "addr=ro prot={r,x,rx,rw,w,r|max:r,r|max:rw,rw|max:rw}",
    "# which error of two",
    "addr=anon+1 len={0,1p,-1} prot={r,8,growsdown|growsup}",
    "addr=anon len={0,-1} prot={8,rw|max:r,growsdown|growsup}",
    "addr=hole prot={8,rw|max:r}",
    "# each mapping alone",
    "addr={anon,none,hole,file,ro,priv,locked,immut,hole2,immro,guard,guarded,eof,seg,"
    "zeros,dev,gap,stack,heap} prot={r,rwx}",
    "addr=gap+4p prot={r,rx}",
    "# across a border",
    "addr={anon+3p,none+1p,hole+1p,file+3p,ro+1p,priv+1p,locked+1p,immut+1p,hole2+1p,"
    "immro+1p,guard+1p,guarded+1p,eof+1p,gap+31p} len=2p prot={r,rw}",
    "addr={anon,none,priv,locked,immro} len=8p prot=rw",
    "# the ends of a stack",
    "addr={stack,stack+4p,stack-1p,anon,hole,free} prot={r|growsdown,r|growsup}",
    "addr=stack-2p len={1p,4p} prot=r|growsdown",
    "# locked memory that becomes writable; W^X; limits",
    "given=wxorx prot={r,rw,rx,rwx,wx}",
    "given=wxorx addr={hole,immut} prot=rwx",
    "given={data:0,data:1p,data:=0} addr={none,immro,anon,ro} prot=rw",
    "given=data:1p addr=none len=2p prot={rw,rx}",
    "given=data:0+as:0 addr=none len=2p prot=rw",
    NULL};

const struct table table_mprotect = {
    .name = "mprotect",
    .about = "mprotect(addr, len, prot)",
    .arg = {RANGE, PROT("r"), END},
    .rows = mprotect_rows,
    .core = core_mprotect,
    .model = model_of_mprotect,
};

/* ---- msync ---- */

SIDES(msync, tess_msync(c->core, v[1], v[2], (unsigned)v[3]),
      model_msync(c->ms, v[1], v[2], (unsigned)v[3]))

static const char *const msync_rows[] = {
    RANGE_EDGES,
    "# flags",
    "addr={file,hole} flags={0,SYNC,ASYNC,INVALIDATE,UNKNOWN,ASYNC|SYNC,ASYNC|INVALIDATE,"
    "SYNC|INVALIDATE,ASYNC|SYNC|INVALIDATE,SYNC|UNKNOWN}",
    "addr=file+1 len={0,1p} flags={0,SYNC,UNKNOWN,ASYNC|INVALIDATE}",
    "addr={file,hole,none,immut} len=0",
    RANGE_PLACES,
    "# INVALIDATE over each mapping and border",
    "flags=SYNC|INVALIDATE addr={anon,none,hole,file,ro,priv,locked,immut,immro,guard,"
    "guarded,eof,seg,zeros,dev,gap,stack}",
    "flags=SYNC|INVALIDATE addr={ro+1p,priv+1p,locked+1p,hole+1p,none+1p} len=2p",
    "flags=SYNC|INVALIDATE addr={hole,none,priv} len=12p",
    NULL};

const struct table table_msync = {
    .name = "msync",
    .about = "msync(addr, len, flags)",
    .arg = {RANGE, FLAGS("SYNC", rows_msync), END},
    .rows = msync_rows,
    .core = core_msync,
    .model = model_of_msync,
};

/* ---- mlock, mlock2, munlock, mlockall, munlockall ---- */

SIDES(mlock2, tess_mlock2(c->core, v[1], v[2], (unsigned)v[3]),
      model_mlock2(c->ms, v[1], v[2], (unsigned)v[3]))
SIDES(munlock, tess_munlock(c->core, v[1], v[2]), model_munlock(c->ms, v[1], v[2]))
SIDES(mlockall, tess_mlockall(c->core, (unsigned)v[1]), model_mlockall(c->ms, (unsigned)v[1]))

static const char *const mlock_rows[] = {
    RANGE_EDGES,
    "# flags",
    "flags={ONFAULT,2,ONFAULT|2}",
    "flags={ONFAULT,2} addr={anon+1,hole,locked,none,guard,guarded,immut,stack}",
    RANGE_PLACES,
    "# limits",
    "given={memlock:=0,memlock:0,memlock:1p,memlock:2p} addr={anon,hole,locked} len={0,1p,2p}",
    "given=memlock:=0 addr={anon+1,hole} len={0,-1}",
    "given=memlock:=0 flags=2",
    NULL};

const struct table table_mlock = {
    .name = "mlock",
    .about = "mlock2(addr, len, flags); mlock(addr, len) is flags 0",
    .arg = {RANGE, FLAGS("0", rows_lock), END},
    .rows = mlock_rows,
    .core = core_mlock2,
    .model = model_of_mlock2,
};

static const char *const munlock_rows[] = {"# addresses and lengths",
					   "len={0,1,1p,2p,2p+1,-1}",
					   "addr={locked+1,locked+4095} len={0,1,1p,-1}",
					   "addr={0,min,max-1p,max,-1p,-1} len={0,1,2p,-1}",
					   RANGE_PLACES,
					   "# limits are not asked",
					   "given=memlock:=0 addr={anon,locked}",
					   NULL};

const struct table table_munlock = {
    .name = "munlock",
    .about = "munlock(addr, len)",
    .arg = {GIVEN, ADDR("locked"), NUM("len", "1p"), END},
    .rows = munlock_rows,
    .core = core_munlock,
    .model = model_of_munlock,
};

static const char *const mlockall_rows[] = {
    "flags={0,CURRENT,FUTURE,CURRENT|FUTURE,ONFAULT,CURRENT|ONFAULT,FUTURE|ONFAULT,8,CURRENT|8}",
    "given={memlock:=0,memlock:0,memlock:4p} flags={0,CURRENT,FUTURE,CURRENT|FUTURE,8}", NULL};

const struct table table_mlockall = {
    .name = "mlockall",
    .about = "mlockall(flags)",
    .arg = {GIVEN, FLAGS("CURRENT", rows_mcl), END},
    .rows = mlockall_rows,
    .core = core_mlockall,
    .model = model_of_mlockall,
};

/* ---- minherit, mimmutable, mseal ---- */

SIDES(minherit, tess_minherit(c->core, v[1], v[2], (enum tess_inherit)v[3]),
      model_minherit(c->ms, v[1], v[2], (enum tess_inherit)v[3]))
SIDES(mimmutable, tess_mimmutable(c->core, v[1], v[2]), model_mimmutable(c->ms, v[1], v[2]))
SIDES(mseal, tess_mseal(c->core, v[1], v[2], (unsigned)v[3]),
      model_mseal(c->ms, v[1], v[2], (unsigned)v[3]))

static const char *const minherit_rows[] = {
    RANGE_EDGES,
    "# values",
    "inherit={COPY,SHARE,NONE,ZERO,DONATE,5,0x100} addr={anon,file}",
    "inherit={ZERO,SHARE} addr={locked,guard,guarded,seg,zeros,gap,stack,immut,hole}",
    "inherit=5 addr={anon+1,hole} len={0,1p,-1}",
    RANGE_PLACES,
    NULL};

const struct table table_minherit = {
    .name = "minherit",
    .about = "minherit(addr, len, inherit)",
    .arg = {RANGE, {"inherit", ARG_WORDS, "NONE", rows_inherit}, END},
    .rows = minherit_rows,
    .core = core_minherit,
    .model = model_of_minherit,
};

static const char *const mimmutable_rows[] = {RANGE_EDGES,
					      RANGE_PLACES,
					      "# inherit ZERO in the range",
					      "given=zero addr={anon,anon+1p,anon+2p} len={1p,2p}",
					      "given=zero addr=none len=4p",
					      NULL};

const struct table table_mimmutable = {
    .name = "mimmutable",
    .about = "mimmutable(addr, len)",
    .arg = {RANGE, END},
    .rows = mimmutable_rows,
    .core = core_mimmutable,
    .model = model_of_mimmutable,
};

static const char *const mseal_rows[] = {
    RANGE_EDGES,
    "# flags",
    "flags={1,0x80000000} addr={anon,anon+1,hole} len={0,1p,-1}",
    RANGE_PLACES,
    "# inherit ZERO in the range",
    "given=zero addr={anon,anon+1p,anon+2p} len={1p,2p}",
    NULL};

const struct table table_mseal = {
    .name = "mseal",
    .about = "mseal(addr, len, flags)",
    .arg = {RANGE, NUM("flags", "0"), END},
    .rows = mseal_rows,
    .core = core_mseal,
    .model = model_of_mseal,
};

/* ---- mincore ---- */

#define VEC_BYTES 4096

/* A vector for the range, or NULL when the row says so; a length that no vector has room for gets the same one. */
static unsigned char *
mincore_vec(const uint64_t *v)
{
	static unsigned char vec[VEC_BYTES];

	return v[3] == 0 ? NULL : vec;
}

SIDES(mincore, tess_mincore(c->core, v[1], v[2], mincore_vec(v)),
      model_mincore(c->ms, v[1], v[2], mincore_vec(v)))

static const char *const mincore_rows[] = {
    "# addresses and lengths",
    "len={0,1,4095,1p,1p+1,4p}",
    "addr={anon,anon+1,anon+4095} len={0,1,1p,-1,-1p,sign}",
    "addr={0,1,min-1p,min,max-1p,max,max+1p,sign,-1p,-1} len={0,1,2p,-1}",
    "addr={hole,hole+1} len=0",
    RANGE_PLACES,
    "# a vector that cannot be written",
    "vec=0 addr={anon,anon+1,hole,max} len={0,1p,-1}",
    NULL};

const struct table table_mincore = {
    .name = "mincore",
    .about = "mincore(addr, len, vec); the bytes are in mincore_bits.table",
    .arg = {RANGE, NUM("vec", "1"), END},
    .rows = mincore_rows,
    .core = core_mincore,
    .model = model_of_mincore,
};

/* ---- The bytes of mincore ---- */

static const struct arg_word bits_access[] = {{"nothing", 0}, {"read", 1}, {"write", 2}, {NULL, 0}};
static const struct arg_word bits_call[] = {{"mincore", 0}, {"detail", 1}, {NULL, 0}};

static unsigned
core_bits(struct conform *c, const uint64_t *v, tess_va *out)
{
	unsigned char byte = 0;
	enum tess_err e;
	uint8_t read;

	if (v[2] & 1)
		(void)env_load(c->core, v[1], &read);
	if (v[2] & 2)
		(void)env_store(c->core, v[1], 0x77);
	e = v[3] == 0 ? tess_mincore(c->core, v[1], 1, &byte)
		      : tess_mincore_detail(c->core, v[1], 1, &byte);
	if (e == TESS_OK)
		*out = byte;
	return e;
}

static enum tess_err
bits_ask(struct conform *c, const uint64_t *v, unsigned char byte)
{
	return v[3] == 0 ? model_mincore(c->ms, v[1], 1, &byte)
			 : model_mincore_detail(c->ms, v[1], 1, &byte);
}

/* Every byte is offered to the model; what it lets pass is the answer. */
static unsigned
model_of_bits(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	bool allowed[256];
	unsigned any = 0, all = 255, one = 256;
	enum tess_err e = TESS_OK;
	uint8_t read;

	if (v[2] & 1)
		(void)model_load(c->ms, v[1], &read);
	if (v[2] & 2)
		(void)model_store(c->ms, v[1], 0x77);
	for (unsigned i = 0; i < 256; i++) {
		e = bits_ask(c, v, (unsigned char)i);
		allowed[i] = model_complaint(c->model) == NULL;
		if (!allowed[i])
			continue;
		any |= i;
		all &= i;
		one = one == 256 ? i : one;
	}
	if (one == 256)
		conform_die("the model allows no byte of mincore");
	answer_bits = (struct answer_bits){(uint8_t)all, (uint8_t)(any & ~all)};
	if (ans->va > 255 || !allowed[ans->va])
		ans->va = one;
	return e == TESS_OK ? bits_ask(c, v, (unsigned char)ans->va) : e;
}

#define BITS_PLACES                                                                              \
	"addr={anon,none,file,file+1p,ro,priv,priv+1p,locked,immut,immro,guard,guarded,eof,eof+" \
	"1p,seg,zeros,"                                                                          \
	"zeros+1p,dev,gap,stack}"

static const char *const bits_rows[] = {
    "# mincore", BITS_PLACES " after={nothing,read,write}", "# mincore_detail",
    "call=detail " BITS_PLACES " after={nothing,read,write}", NULL};

const struct table table_mincore_bits = {
    .name = "mincore_bits",
    .about = "the byte of one page, in hex, after the page was left alone, read or written; "
	     "\"01?02\": 02 may be set "
	     "or not",
    .arg = {GIVEN,
	    ADDR("anon"),
	    {"after", ARG_WORDS, "nothing", bits_access},
	    {"call", ARG_WORDS, "mincore", bits_call},
	    END},
    .rows = bits_rows,
    .core = core_bits,
    .model = model_of_bits,
    .answers = ANSWERS_BITS,
};
