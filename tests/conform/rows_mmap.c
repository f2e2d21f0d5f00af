/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows_mmap.c: the calls that make mappings: mmap, mquery, ommap, shmat, shmdt.
 */
#include "rows.h"

/* ---- mmap, mquery ---- */

static struct tess_mmap_args
mmap_args_of(const struct conform *c, const uint64_t *v)
{
	return (struct tess_mmap_args){
	    .addr = v[1],
	    .len = v[2],
	    .prot = (unsigned)v[3],
	    .flags = (unsigned)v[4],
	    .handle = side_handle(c, (unsigned)v[5]),
	    .off = v[6],
	    .align = (uint8_t)v[7],
	    .limit = v[8],
	};
}

static unsigned
core_mmap(struct conform *c, const uint64_t *v, tess_va *out)
{
	struct tess_mmap_args a = mmap_args_of(c, v);

	return tess_mmap(c->core, &a, out);
}

static unsigned
model_of_mmap(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	struct tess_mmap_args a = mmap_args_of(c, v);

	return model_mmap(c->ms, &a, ans);
}

static unsigned
core_mquery(struct conform *c, const uint64_t *v, tess_va *out)
{
	struct tess_mmap_args a = mmap_args_of(c, v);

	return tess_mquery(c->core, &a, out);
}

static unsigned
model_of_mquery(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	struct tess_mmap_args a = mmap_args_of(c, v);

	return model_mquery(c->ms, &a, ans);
}

#define MMAP_ARGS                                                                            \
	GIVEN, ADDR("free"), NUM("len", "2p"), PROT("rw"), FLAGS("PRIVATE|ANON", rows_mmap), \
	    FD("none"), NUM("off", "0"), NUM("align", "0"), {"limit", ARG_ADDR, "0", NULL}, END

static const char *const mmap_rows[] = {
    "# hints",
    "addr={0,1,free,free+1,min,min-1p,max-2p,max-1p,max,top,-1p,-1}",
    "addr={anon,hole,hole-1p,stack,brk,heap+16p,gapend,gapend-1p}",
    "addr={0,heap+16p} flags={PRIVATE|ANON|TRYFIXED,PRIVATE|ANON|32BIT}",
    "# fixed addresses",
    "flags=PRIVATE|ANON|FIXED addr={free,free+1,0,min-1p,min,max-2p,max-1p,max,-2p,-1p,-1}",
    "flags=PRIVATE|ANON|EXCL addr={free,free+1,hole,hole-1p,anon,0,max-1p}",
    "flags=PRIVATE|ANON|FIXED|EXCL addr={free,free+1,hole,hole-1p,anon,immut,0,max-1p}",
    "# fixed over each mapping",
    "flags=PRIVATE|ANON|FIXED "
    "addr={anon,none,file,ro,priv,locked,immut,immro,guard,guarded,eof,seg,"
    "zeros,dev,gap,stack,heap}",
    "flags=PRIVATE|ANON|FIXED addr={anon+1p,locked+1p,hole2+1p,immut-2p} prot={none,rwx}",
    "# lengths",
    "len={0,1,1p,1p+1,1g,sign-1,sign,-1p,-1}",
    "flags=PRIVATE|ANON|FIXED len={0,1,sign,-1p,-1}",
    "flags=PRIVATE fd=rw len={0,1,sign-1p,sign,-1p,-1}",
    "# protections",
    "prot={none,r,w,x,rw,rwx,8,r|8,rw|0x100}",
    "prot={max:r,r|max:r,rw|max:r,r|max:rw,r|max:rwx|8}",
    "prot={r|max:rwx,r|max:r,rw|max:rw} flags=SHARED fd={rw,r}",
    "# types",
    "flags={ANON,SHARED|ANON,SHARED|PRIVATE|ANON,COPY|ANON,SHARED|COPY|ANON,PRIVATE|COPY|ANON}",
    "fd=rw flags={0,SHARED,PRIVATE,SHARED|PRIVATE,COPY,SHARED|COPY,PRIVATE|COPY}",
    "fd=dev flags={0,SHARED,PRIVATE,SHARED|PRIVATE,COPY}",
    "# descriptors",
    "fd={none,bad,rw,r,w,shut,short,zero,zero_r,seg,seg_r,dev,dev_r,pipe} flags={PRIVATE,SHARED} "
    "prot=rw",
    "fd={rw,r,w,shut,zero_r,dev_r,pipe} flags={PRIVATE,SHARED} prot={none,r,w,x}",
    "fd={bad,rw,zero,pipe} flags={PRIVATE|ANON,SHARED|ANON}",
    "fd={bad,rw} flags=PRIVATE|ANON|FIXED addr=free+1",
    "# offsets",
    "fd={none,rw} flags=PRIVATE off={1,1p,6p,8p,sign-2p,sign-1p,sign,-2p,-1p,-1}",
    "flags=PRIVATE|ANON off={1,1p,-1p}",
    "fd=rw flags=PRIVATE|FIXED addr={free,free+1,free+5} off={1,5}",
    "fd=rw flags=SHARED|FIXED addr={free+5,free} off=1p+5 len={1,1p}",
    "# flags, one more each",
    "flags={PRIVATE|ANON|GROWSDOWN,PRIVATE|ANON|LOCKED,PRIVATE|ANON|NORESERVE,PRIVATE|ANON|"
    "POPULATE,"
    "PRIVATE|ANON|POPULATE|NONBLOCK,PRIVATE|ANON|STACK,PRIVATE|ANON|DENYWRITE,PRIVATE|ANON|"
    "EXECUTABLE}",
    "flags={PRIVATE|ANON|TRYFIXED,PRIVATE|ANON|NOSYNC,PRIVATE|ANON|NOCORE,"
    "PRIVATE|ANON|PREFAULT,PRIVATE|ANON|INHERIT,PRIVATE|ANON|LEGACY,PRIVATE|ANON|HUGETLB,"
    "PRIVATE|ANON|SYNC,PRIVATE|ANON|UNKNOWN}",
    "fd=rw flags={PRIVATE|HUGETLB,PRIVATE|SYNC,PRIVATE|UNKNOWN,PRIVATE|GROWSDOWN,PRIVATE|PREFAULT}",
    "fd=rw "
    "flags={SHARED|PRIVATE|UNKNOWN,SHARED|PRIVATE|SYNC,SHARED|PRIVATE|EXCL,SHARED|PRIVATE|"
    "NORESERVE}",
    "# GUARD",
    "prot=none "
    "flags={GUARD,GUARD|FIXED,GUARD|EXCL,GUARD|32BIT,GUARD|ANON,GUARD|PRIVATE,GUARD|NORESERVE}",
    "flags=GUARD prot={r,max:r,none|8} fd=none",
    "prot=none flags=GUARD fd={bad,rw}",
    "prot=none flags=GUARD off={1,1p}",
    "prot=none flags=GUARD|FIXED addr={free+1,anon,immut,max-1p} len={0,2p}",
    "# STACK",
    "flags={STACK,STACK|SHARED,STACK|PRIVATE,STACK|ANON|SHARED} prot={rw,r,w,rwx}",
    "flags=STACK|PRIVATE|FIXED addr={anon,free,hole} len={2p,64p} prot=rw",
    "flags=STACK|PRIVATE fd={bad,rw}",
    "flags=STACK|PRIVATE|ANON off={1p} len={2p}",
    "# 32BIT, alignment, limits of the place",
    "flags=PRIVATE|ANON|32BIT addr={0,free,2g-2p,2g-1p,2g,top} len={2p,1g,4g}",
    "flags=PRIVATE|ANON|32BIT|FIXED addr={2g-2p,2g-1p,2g}",
    "align={1,11,12,16,21,30,47,63,64,255}",
    "flags=PRIVATE|ANON|FIXED align={11,16,21,64} addr={free,free+1p}",
    "addr=0 flags=PRIVATE|ANON|SUPER len={1p,2m,4m}",
    "flags=PRIVATE|ANON|LIMIT limit={0,1p,min,min+1p,min+2p,limit,limit+1,max,-1} addr={0,free}",
    "flags=PRIVATE|ANON|LIMIT|FIXED limit={free,free+1p,free+2p,limit}",
    "# which error of two",
    "len=0 flags={PRIVATE|ANON,ANON,SHARED|PRIVATE|ANON,PRIVATE|ANON|UNKNOWN,PRIVATE|ANON|EXCL}",
    "len=0 prot={8,rw|max:r}",
    "len=0 fd={bad,none,w,pipe,dev_r} flags={PRIVATE,SHARED}",
    "len=0 off=1 fd={rw,bad} flags={PRIVATE,SHARED}",
    "prot=8 fd={bad,w} flags={PRIVATE,0,PRIVATE|UNKNOWN}",
    "off=1 fd={bad,w} flags={PRIVATE,SHARED|PRIVATE}",
    "fd={none,bad,r,w,pipe} flags={PRIVATE|FIXED,FIXED} addr={free+1,max,anon}",
    "fd={w,r,pipe} flags={SHARED|PRIVATE,0} prot=rw",
    "flags={EXCL|FIXED|SHARED|PRIVATE|ANON,PRIVATE|ANON|EXCL|UNKNOWN,SHARED|PRIVATE|ANON|UNKNOWN}",
    "align=11 prot=8",
    "align=64 flags=ANON|EXCL|FIXED addr=anon",
    "# limits",
    "given={as:0,as:1p,as:2p} flags={PRIVATE|ANON,SHARED|ANON,GUARD} prot=none",
    "given=as:0 flags={PRIVATE|ANON|FIXED,PRIVATE|ANON|EXCL|FIXED} addr={anon,hole}",
    "given={data:0,data:1p,data:2p} flags={PRIVATE|ANON,SHARED|ANON} prot={r,rw}",
    "given=data:0 flags=PRIVATE|ANON|FIXED addr={anon,ro}",
    "given={memlock:=0,memlock:0,memlock:1p,memlock:2p} "
    "flags={PRIVATE|ANON|LOCKED,SHARED|ANON|LOCKED}",
    "given={future,future+memlock:1p} flags=PRIVATE|ANON prot={none,rw}",
    "given=memlock:0 flags={LOCKED,LOCKED|ANON,PRIVATE|LOCKED} fd=bad",
    "given=memlock:0 flags={PRIVATE|LOCKED,LOCKED} fd=rw",
    "flags=PRIVATE|ANON|LOCKED prot={none,r,rw}",
    "flags=SHARED|LOCKED fd=short",
    "# W^X",
    "given=wxorx prot={rw,rx,wx,rwx,r|max:rwx,rwx|max:rwx}",
    "given=wxorx prot=rwx flags={PRIVATE|ANON|FIXED,PRIVATE|ANON|FIXED|EXCL} addr={anon,immut}",
    NULL};

const struct table table_mmap = {
    .name = "mmap",
    .about =
	"mmap(addr, len, prot, flags, fd, off); align: MAP_ALIGNED(n); limit: of MAP_UPPER_LIMIT",
    .arg = {MMAP_ARGS},
    .rows = mmap_rows,
    .core = core_mmap,
    .model = model_of_mmap,
    .answers = ANSWERS_CHOSEN,
    .addr = 1,
    .len = 2,
    .off = 6,
};

static const char *const mquery_rows[] = {
    "# hints",
    "addr={0,1,free,free+1,min,max-1p,max,anon,hole,hole-1p,heap+16p,-1}",
    "# fixed",
    "flags=PRIVATE|ANON|FIXED addr={free,free+1,hole,hole-1p,anon,guard,immut,0,min-1p,max-1p,-1p}",
    "flags=PRIVATE|ANON|EXCL addr={free,anon}",
    "# the other arguments",
    "len={0,1,1g,sign,-1p,-1}",
    "prot={none,rwx,8,r|max:r,rw|max:r}",
    "fd={bad,rw,r,w,pipe} flags={PRIVATE,SHARED,0}",
    "flags={0,SHARED|PRIVATE|ANON,PRIVATE|ANON|UNKNOWN,GUARD}",
    "off={1,1p,-1p} fd={none,rw} flags=PRIVATE",
    "align={11,16,30,64}",
    "flags=PRIVATE|ANON|32BIT addr={0,free,2g,top}",
    "flags=PRIVATE|ANON|LIMIT limit={0,min+1p,limit}",
    "# which error of two",
    "prot=8 len=0 fd={none,bad}",
    "len=0 fd=bad",
    "fd=bad flags=PRIVATE|FIXED addr={free+1,anon}",
    "# limits are not asked",
    "given={as:0,data:0} addr={0,free}",
    NULL};

const struct table table_mquery = {
    .name = "mquery",
    .about = "mquery(addr, len, prot, flags, fd, off): where mmap would map; nothing changes",
    .arg = {MMAP_ARGS},
    .rows = mquery_rows,
    .core = core_mquery,
    .model = model_of_mquery,
    .answers = ANSWERS_CHOSEN,
    .addr = 1,
    .len = 2,
    .off = 6,
};

/* ---- ommap ---- */

static unsigned
core_ommap(struct conform *c, const uint64_t *v, tess_va *out)
{
	struct tess_handle h = side_handle(c, (unsigned)v[5]);

	return tess_ommap(c->core, v[1], (int32_t)v[2], (unsigned)v[3], (unsigned)v[4], &h,
			  (int64_t)v[6], out);
}

static unsigned
model_of_ommap(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	struct tess_handle h = side_handle(c, (unsigned)v[5]);

	return model_ommap(c->ms, v[1], (int32_t)v[2], (unsigned)v[3], (unsigned)v[4], &h,
			   (int64_t)v[6], ans);
}

static const char *const ommap_rows[] = {
    "# the old protections",
    "prot={0,1,2,3,4,5,6,7,8,15,0xfffffff9} flags={ANON,ANON|FIXED}",
    "# the old flags",
    "flags={0,ANON,SHARED,COPY,FIXED,INHERIT,ANON|SHARED,ANON|COPY,ANON|SHARED|COPY,ANON|INHERIT,"
    "ANON|FIXED,0x1,ANON|0x1,ANON|0xfffff000} fd={none,rw}",
    "# descriptors",
    "flags={0,SHARED} fd={none,bad,r,w,zero,dev,dev_r,pipe} prot={4,6}",
    "# lengths: an int",
    "len={0,1,0x7fffffff,0x80000000,0xffffffff} flags={ANON,ANON|FIXED}",
    "# addresses, offsets",
    "addr={0,free+1,anon,max,-1p} flags={ANON,ANON|FIXED}",
    "off={1,1p,-1,-1p} fd={none,rw} flags=0",
    NULL};

const struct table table_ommap = {
    .name = "ommap",
    .about = "mmap of 4.3BSD(addr, len, prot, flags, fd, off): rows of old protections, old flags",
    .arg = {GIVEN, ADDR("free"), NUM("len", "2p"), NUM("prot", "6"), FLAGS("ANON", rows_omap),
	    FD("none"), NUM("off", "0"), END},
    .rows = ommap_rows,
    .core = core_ommap,
    .model = model_of_ommap,
    .answers = ANSWERS_CHOSEN,
    .addr = 1,
    .len = 2,
    .off = 6,
};

/* ---- System V ---- */

static unsigned
core_shmat(struct conform *c, const uint64_t *v, tess_va *out)
{
	struct tess_handle h = side_handle(c, (unsigned)v[3]);

	return tess_shmat(c->core, &h, v[1], (unsigned)v[2], out);
}

static unsigned
model_of_shmat(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	struct tess_handle h = side_handle(c, (unsigned)v[3]);

	return model_shmat(c->ms, &h, v[1], (unsigned)v[2], ans);
}

static const char *const shmat_rows[] = {
    "# addresses",
    "addr={0,free,free+1,hole,hole-1p,hole+1p,anon,seg,guard,immut,min-1p,min,max-2p,max-1p,max,-"
    "1p,-1}",
    "# protections, descriptors",
    "addr={0,free} prot={none,r,rw,rwx,8}",
    "addr={0,free} fd={none,bad,rw,seg,seg_r,zero,dev,pipe}",
    "fd=seg_r prot={r,rw}",
    "# limits",
    "given={as:0,as:2p,data:0,future,future+memlock:1p,wxorx} addr={0,free} prot={r,rw,rwx}",
    NULL};

const struct table table_shmat = {
    .name = "shmat",
    .about = "shmat(segment of 2 pages, addr, prot)",
    .arg = {GIVEN, ADDR("0"), PROT("rw"), FD("seg"), {"size", ARG_NUM, "2p", NULL}, END},
    .rows = shmat_rows,
    .core = core_shmat,
    .model = model_of_shmat,
    .answers = ANSWERS_CHOSEN,
    .addr = 1,
    .len = 4,
};

static unsigned
core_shmdt(struct conform *c, const uint64_t *v, tess_va *out)
{
	(void)out;
	return tess_shmdt(c->core, v[1]);
}

static unsigned
model_of_shmdt(struct conform *c, const uint64_t *v, struct model_answer *ans)
{
	(void)ans;
	return model_shmdt(c->ms, v[1]);
}

static const char *const shmdt_rows[] = {
    "addr={seg,seg+1,seg+1p,seg-1p,0,anon,zeros,hole,immut,max,-1p,-1}",
    "given={segcut,segimm,segmoved} addr={seg,seg+1p,free}", NULL};

const struct table table_shmdt = {
    .name = "shmdt",
    .about = "shmdt(addr); segcut: its first page is unmapped; segimm: its last page is immutable; "
	     "segmoved: mremap took it away",
    .arg = {GIVEN, ADDR("seg"), END},
    .rows = shmdt_rows,
    .core = core_shmdt,
    .model = model_of_shmdt,
};
