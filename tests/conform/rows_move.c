/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows_move.c: mremap in both forms, brk, sbrk, sstk, and map_protect of the map layer.
 */
#include "rows.h"

/* ---- mremap ---- */

static unsigned
core_mremap(struct conform *c, const uint64_t *v, tess_va *out)
{
	return tess_mremap(c->core, v[1], v[2], v[3], (unsigned)v[4], v[5], out);
}

static unsigned
model_of_mremap(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	return model_mremap(c->ms, v[1], v[2], v[3], (unsigned)v[4], v[5], ans);
}

static const char *const mremap_rows[] = {
    "# the old range",
    "addr={anon,anon+1,anon+1p,none,hole,hole-1p,0,min,max-1p,max,-1p,-1}",
    "old={0,1,1p,2p,4p,5p,6p,8p,sign,-1p,-1} flags={0,MAYMOVE}",
    "# the new length",
    "new={0,1,1p,2p,4p,5p,1g,sign,-1p,-1} flags={0,MAYMOVE}",
    "new={0,1p,2p,4p,5p,8p} old=4p flags={0,MAYMOVE}",
    "# each mapping: shorter, longer, moved",
    "addr={anon+2p,none,file+2p,ro,priv,locked,immut,immro,guard,guarded,eof,seg,zeros,dev,gap,"
    "stack,"
    "hole} old=2p new={1p,4p} flags=MAYMOVE",
    "addr={anon+2p,none,file+2p,ro,priv,locked,immut,immro,guard,guarded,eof,seg,zeros,dev,gap,"
    "stack,"
    "hole} old=2p new=2p flags=MAYMOVE|FIXED to=free",
    "addr={anon+2p,file+2p,priv,locked,immut,guard,guarded,zeros,dev,stack} old=2p new=2p "
    "flags=MAYMOVE|DONTUNMAP to={0,free}",
    "addr={anon,file,zeros,ro,seg,dev,hole,immut} old=0 new=2p flags=MAYMOVE",
    "# across a border",
    "addr={anon+3p,none+1p,file+3p,ro+1p,priv+1p,locked+1p,immut+1p,immro+1p} old=2p "
    "new={1p,2p,3p} "
    "flags={0,MAYMOVE}",
    "# the target",
    "flags=MAYMOVE|FIXED "
    "to={free,free+1,hole,anon,anon+1p,anon-1p,none,immut,hole2+1p,locked,guard,0,"
    "min-1p,min,max-1p,max,-1p,-1}",
    "flags=MAYMOVE|FIXED to={anon+1p,anon+2p,free} old=2p new={1p,2p,3p}",
    "# flags",
    "flags={0,FIXED,DONTUNMAP,FIXED|DONTUNMAP,MAYMOVE|FIXED|DONTUNMAP,UNKNOWN,MAYMOVE|UNKNOWN} "
    "to={0,free}",
    "flags=MAYMOVE|DONTUNMAP old=2p new={1p,2p,3p}",
    "# which error of two",
    "addr={anon+1,hole} new=0 flags={0,UNKNOWN}",
    "addr={hole,immut} flags={FIXED,MAYMOVE|FIXED} to=anon+1",
    "addr={hole,immut} old=0 new=1p flags=MAYMOVE",
    "# limits",
    "given={as:0,as:1p,data:0,data:1p,memlock:0} addr={anon+3p,locked+1p,file+3p} new=2p "
    "flags=MAYMOVE",
    NULL};

const struct table table_mremap = {
    .name = "mremap",
    .about = "mremap(addr, old length, new length, flags, to) in Linux's form",
    .arg = {GIVEN,
	    ADDR("anon"),
	    NUM("old", "1p"),
	    NUM("new", "2p"),
	    FLAGS("0", rows_mremap),
	    {"to", ARG_ADDR, "0", NULL},
	    END},
    .rows = mremap_rows,
    .core = core_mremap,
    .model = model_of_mremap,
    .answers = ANSWERS_CHOSEN,
    .addr = 1,
    .len = 3,
    .hint = 5,
};

static unsigned
core_mremap_bsd(struct conform *c, const uint64_t *v, tess_va *out)
{
	return tess_mremap_bsd(c->core, v[1], v[2], v[3], v[4], (unsigned)v[5], (uint8_t)v[6], out);
}

static unsigned
model_of_mremap_bsd(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	return model_mremap_bsd(c->ms, v[1], v[2], v[3], v[4], (unsigned)v[5], (uint8_t)v[6], ans);
}

static const char *const mremap_bsd_rows[] = {
    "# the old range",
    "addr={anon,anon+1,anon+1p,none,hole,hole-1p,0,min,max-1p,max,-1p,-1}",
    "old={0,1,1p,2p,4p,5p,6p,8p,sign,-1p,-1}",
    "# the new length",
    "new={0,1,1p,2p,4p,5p,1g,sign,-1p,-1}",
    "new={1p,2p,4p,5p} old=4p",
    "# each mapping: shorter, longer, moved, shown twice",
    "addr={anon+2p,none,file+2p,ro,priv,locked,immut,immro,guard,guarded,eof,seg,zeros,dev,gap,"
    "stack,"
    "hole} old=2p new={1p,4p}",
    "addr={anon+2p,none,file+2p,ro,priv,locked,immut,immro,guard,guarded,eof,seg,zeros,dev,gap,"
    "stack,"
    "hole} old=2p new=2p flags=FIXED to=free",
    "addr={anon+2p,none,file+2p,ro,priv,locked,immut,immro,guard,guarded,eof,seg,zeros,dev,gap,"
    "stack,"
    "hole} old=2p new=2p flags={DUP,FIXED|DUP} to=free",
    "# across a border",
    "addr={anon+3p,none+1p,file+3p,ro+1p,priv+1p,locked+1p,immut+1p} old=2p new={1p,2p,3p}",
    "addr={anon+2p,none,file+2p,ro} old=4p new=4p flags={FIXED,DUP,FIXED|DUP} to=free",
    "# the target",
    "flags=FIXED "
    "to={free,free+1,hole,anon,anon+1p,anon-1p,none,immut,hole2+1p,locked,guard,0,min-1p,"
    "min,max-1p,max,-1p,-1}",
    "flags={0,DUP} to={0,free,free+1,anon+1p,max,-1p} old=4p new=4p",
    "flags=FIXED to=free old=2p new={1p,2p,3p}",
    "# flags, alignment",
    "flags={UNKNOWN,FIXED|UNKNOWN,DUP} new={1p,2p} to=free",
    "align={1,11,12,16,21,63,64,255} flags={0,FIXED,DUP} to={free,free+1p} new=1p",
    "# limits",
    "given={as:0,as:1p,data:0,data:1p,memlock:0,memlock:1p} addr={anon+3p,locked+1p,file+3p} "
    "new=2p",
    "given={as:0,as:1p,memlock:0} addr={anon+3p,locked+1p} new=1p flags=DUP",
    NULL};

const struct table table_mremap_bsd = {
    .name = "mremap_bsd",
    .about = "mremap(addr, old length, to, new length, flags, align) in NetBSD's form",
    .arg = {GIVEN,
	    ADDR("anon"),
	    NUM("old", "1p"),
	    {"to", ARG_ADDR, "0", NULL},
	    NUM("new", "2p"),
	    FLAGS("0", rows_mremap_bsd),
	    NUM("align", "0"),
	    END},
    .rows = mremap_bsd_rows,
    .core = core_mremap_bsd,
    .model = model_of_mremap_bsd,
    .answers = ANSWERS_CHOSEN,
    .addr = 1,
    .len = 4,
    .hint = 3,
};

/* ---- brk, sbrk, sstk ---- */

static unsigned
core_brk(struct conform *c, const uint64_t *v, tess_va *out)
{
	return tess_brk(c->core, v[1], out);
}

static unsigned
model_of_brk(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	return model_brk(c->ms, v[1], ans);
}

static const char *const brk_rows[] = {
    "addr={heap,heap+1,heap+1p,brk,brk-1,brk+1,brk+1p,brk+16p,heap-1,heap-1p,0,max-1p,max,-1p,-1}",
    "# what is in the way, what was taken away",
    "given={wall,wallstack,noheap} addr={heap+1p,brk+1,brk+6p,brk+7p,brk+8p,brk+9p}",
    "# limits",
    "given={as:0,as:1p,data:=2p,data:=3p,data:=0,future,future+memlock:0} addr={heap,brk+1,brk+2p}",
    NULL};

const struct table table_brk = {
    .name = "brk",
    .about =
	"brk(addr); wall: a page is mapped 8 pages behind the break; wallstack: it grows down; "
	"noheap: the heap was unmapped",
    .arg = {GIVEN, ADDR("brk+1p"), END},
    .rows = brk_rows,
    .core = core_brk,
    .model = model_of_brk,
    .answers = ANSWERS_VA,
    .addr = 1,
};

static unsigned
core_sbrk(struct conform *c, const uint64_t *v, tess_va *out)
{
	return tess_sbrk(c->core, (int64_t)v[1], out);
}

static unsigned
model_of_sbrk(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	return model_sbrk(c->ms, (int64_t)v[1], ans);
}

static const char *const sbrk_rows[] = {"incr={0,1,1p,16p,-1,-1p,-2p,-3p,sign,sign-1,-1g}",
					"given={as:0,data:=2p,data:=3p} incr={0,1,1p,2p,-1p}",
					"given={wall,noheap} incr={-1p,1p,8p}", NULL};

const struct table table_sbrk = {
    .name = "sbrk",
    .about = "sbrk(increment): the answer is the old break",
    .arg = {GIVEN, NUM("incr", "1p"), END},
    .rows = sbrk_rows,
    .core = core_sbrk,
    .model = model_of_sbrk,
    .answers = ANSWERS_VA,
    .addr = 1,
};

/* ---- map_protect ---- */

static unsigned
core_map_protect(struct conform *c, const uint64_t *v, tess_va *out)
{
	(void)out;
	return tess_map_protect(tess_space_map(c->core), v[1], v[2], (tess_prot)v[3],
				(tess_prot)v[4], (unsigned)v[5]);
}

static unsigned
model_of_map_protect(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	(void)ans;
	return model_map_protect(c->ms, v[1], v[2], (tess_prot)v[3], (tess_prot)v[4],
				 (unsigned)v[5]);
}

static const char *const map_protect_rows[] = {
    "# ranges",
    "end={anon,anon+1p,anon+4p,none+2p,hole+2p,file+4p}",
    "addr={0,min,max-1p,max} end={0,min,max,max+1p}",
    "addr=hole end=hole+2p prot=rwx",
    "# what is set",
    "flags={0,SET_PROT,SET_MAXPROT,SET_PROT|SET_MAXPROT} prot={none,r,rw,rwx} max={none,r,rwx}",
    "# empty ranges come before every error",
    "end=anon prot=rwx max=r flags=SET_PROT|SET_MAXPROT given={-,wxorx}",
    "# each mapping",
    "addr=none end=hole prot=rw",
    "addr=ro end=priv prot={r,rw} flags={SET_PROT,SET_MAXPROT} max={r,rw,rwx}",
    "addr={file,locked,immut,immro,guard,guarded} end=hole2 prot=r",
    "addr={immut,hole2,immro} end=eof prot=rw",
    "addr=guard end=eof prot=r",
    "addr=gap end={gap+4p,stack+2p} prot={r,rwx} flags={SET_PROT,SET_MAXPROT,SET_PROT|GROWSDOWN}",
    "addr={stack+4p,gap+31p} end=stack+5p prot=r flags=SET_PROT|GROWSDOWN",
    "# the first offender in address order decides",
    "addr={file,ro,locked} end=immro+2p prot={r,rw}",
    "# W^X",
    "given=wxorx prot={rw,rx,wx,rwx} flags={SET_PROT,SET_MAXPROT,SET_PROT|SET_MAXPROT} max=rwx",
    "given=wxorx addr=hole end=hole+2p prot=rwx",
    "given=wxorx prot=rwx max=r flags=SET_PROT|SET_MAXPROT",
    NULL};

const struct table table_map_protect = {
    .name = "map_protect",
    .about = "map_protect(addr, end, prot, max, flags) of the map layer",
    .arg = {GIVEN,
	    ADDR("anon"),
	    {"end", ARG_ADDR, "anon+2p", NULL},
	    PROT("r"),
	    {"max", ARG_PROT, "rwx", NULL},
	    FLAGS("SET_PROT", rows_protect),
	    END},
    .rows = map_protect_rows,
    .core = core_map_protect,
    .model = model_of_map_protect,
    .answers = ANSWERS_KERN,
};
