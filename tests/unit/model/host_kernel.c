/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * host_kernel.c: the model's linux personality against the Linux kernel that this test runs on.
 *
 *	seed ──► random calls in a window of addresses ──► the same raw system call and model call
 *		 ──► same errno, same layout (/proc/self/smaps), same anonymous pages, same bytes
 *
 * Each program runs in a child process of its own.  What depends on the kernel's build or on the machine is left
 * out: huge pages, lazily freed pages, swapping out, limits that the process itself lives under.
 *
 * Rejected: comparing the core with the kernel directly; the core is held against the model everywhere else, and a
 * difference between kernel and model is the question that this test asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include "fill.h"
#include "mem.h"
#include "model.h"

#define HK_BASE  0x10000000u
#define HK_PAGES 64
#define HK_PAGE  4096u
#define HK_FILE  8 /* pages of each file */
#define HK_OPS   48

struct hk {
	uint64_t x; /* random state */
	struct model *model;
	struct model_space *sp;
	int fd[3]; /* 0: read-write, 1: read-only, 2: write-only, of two files */
	struct tess_handle file[3];
	int shm;
	struct tess_handle segment;
	char log[HK_OPS * 2][160];
	unsigned nlog;
};

static struct hk hk;
static sigjmp_buf hk_jump;

static uint64_t
hk_next(uint64_t below)
{
	uint64_t z = (hk.x += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return ((z ^ (z >> 31)) >> 8) % below;
}

/* ---- Failing ---- */

__attribute__((format(printf, 1, 2))) static void
hk_say(const char *fmt, ...)
{
	va_list ap;

	if (hk.nlog == sizeof(hk.log) / sizeof(hk.log[0]))
		return;
	va_start(ap, fmt);
	vsnprintf(hk.log[hk.nlog++], sizeof(hk.log[0]), fmt, ap);
	va_end(ap);
}

__attribute__((noreturn, format(printf, 1, 2))) static void
hk_differ(const char *fmt, ...)
{
	va_list ap;

	for (unsigned i = 0; i < hk.nlog; i++)
		printf("#   %s\n", hk.log[i]);
	printf("# ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	_exit(1);
}

static void
hk_die(const char *why)
{
	hk_differ("%s", why);
}

static const char *
hk_word(long ret)
{
	return ret < 0 && ret > -4096 ? strerrorname_np((int)-ret) : "OK";
}

/* The kernel's answer against the model's. */
static void
hk_result(const char *call, long ret, enum tess_err want, uint64_t want_va, int has_va)
{
	int number = tess_err_number(TESS_PERSONALITY_LINUX, want);
	int failed = ret < 0 && ret > -4096;

	if (model_complaint(hk.model) != NULL)
		hk_differ("%s: %s", call, model_complaint(hk.model));
	if (failed ? (int)-ret != number : want != TESS_OK)
		hk_differ("%s: kernel %s, model %s", call, hk_word(ret), tess_err_name(want));
	if (!failed && has_va && (uint64_t)ret != want_va)
		hk_differ("%s: kernel 0x%lx, model 0x%lx", call, ret, (unsigned long)want_va);
}

static long
hk_ret(long r)
{
	return r == -1 ? -errno : r;
}

static struct model_answer
hk_answer(long ret)
{
	if (ret < 0 && ret > -4096)
		return (struct model_answer){ret == -ENOMEM ? TESS_ENOMEM : TESS_EINVAL, 0};
	return (struct model_answer){TESS_OK, (uint64_t)ret};
}

/* ---- Arguments ---- */

static uint64_t
hk_addr(void)
{
	uint64_t a = HK_BASE + hk_next(HK_PAGES) * HK_PAGE;

	return hk_next(40) == 0 ? a + hk_next(HK_PAGE) : a;
}

static uint64_t
hk_len(void)
{
	static const uint64_t odd[] = {0,
				       1,
				       HK_PAGE - 1,
				       HK_PAGE + 1,
				       UINT64_MAX,
				       UINT64_MAX - HK_PAGE,
				       0x800000000000,
				       0x7fff00000000};

	if (hk_next(16) == 0)
		return odd[hk_next(sizeof(odd) / sizeof(odd[0]))];
	return (1 + hk_next(8)) * HK_PAGE;
}

/* A length that stays inside the process's own window: for calls that could reach its libraries. */
static uint64_t
hk_near_len(uint64_t addr)
{
	uint64_t len = hk_len(), room = HK_BASE + HK_PAGES * HK_PAGE + 64 * HK_PAGE - addr;

	return len > room && len < UINT64_MAX - 0x100000000 ? room & ~(uint64_t)(HK_PAGE - 1) : len;
}

static unsigned
hk_prot(void)
{
	static const unsigned prots[] = {3, 3, 3, 1, 0, 7, 5, 2, 4};

	return prots[hk_next(sizeof(prots) / sizeof(prots[0]))];
}

/* ---- The kernel's layout ---- */

struct hk_area {
	struct tess_area a;
	unsigned long anon; /* kB */
};

static void
hk_vmflag(struct hk_area *v, const char *two)
{
	static const struct {
		char name[3];
		unsigned flag;
	} flags[] = {{"lo", TESS_AREA_LOCKED},
		     {"gd", TESS_AREA_GROWSDOWN},
		     {"dd", TESS_AREA_DONTDUMP},
		     {"ms", 0}};

	for (unsigned i = 0; i < 4; i++)
		if (strncmp(two, flags[i].name, 2) == 0)
			v->a.flags |= flags[i].flag;
	if (strncmp(two, "dc", 2) == 0)
		v->a.inherit = TESS_INHERIT_NONE;
	if (strncmp(two, "wf", 2) == 0 && v->a.inherit != TESS_INHERIT_NONE)
		v->a.inherit = TESS_INHERIT_ZERO;
	if (strncmp(two, "rr", 2) == 0)
		v->a.advice = TESS_ADVICE_RANDOM;
	if (strncmp(two, "sr", 2) == 0)
		v->a.advice = TESS_ADVICE_SEQUENTIAL;
	v->a.maxprot |= strncmp(two, "mr", 2) == 0   ? 1
			: strncmp(two, "mw", 2) == 0 ? 2
			: strncmp(two, "me", 2) == 0 ? 4
						     : 0;
}

static unsigned
hk_read_areas(struct hk_area *v, unsigned most)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512], perm[8];
	unsigned long start, end, off;
	unsigned n = 0;
	int in = 0;

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "%lx-%lx %7s %lx", &start, &end, perm, &off) == 4) {
			in = end > HK_BASE && start < HK_BASE + (HK_PAGES + 64) * HK_PAGE &&
			     n < most;
			if (!in)
				continue;
			v[n] = (struct hk_area){.a = {.start = start, .end = end, .off = off}};
			v[n].a.prot = (tess_prot)((perm[0] == 'r') | (perm[1] == 'w') << 1 |
						  (perm[2] == 'x') << 2);
			v[n].a.flags = perm[3] == 's' ? TESS_AREA_SHARED : 0;
			v[n].a.inherit = perm[3] == 's' ? TESS_INHERIT_SHARE : TESS_INHERIT_COPY;
			n++;
		} else if (in && strncmp(line, "Anonymous:", 10) == 0) {
			v[n - 1].anon = strtoul(line + 10, NULL, 10);
		} else if (in && strncmp(line, "VmFlags:", 8) == 0) {
			for (char *p = line + 9; *p != '\n' && *p != '\0'; p += p[2] == ' ' ? 3 : 2)
				hk_vmflag(&v[n - 1], p);
		}
	}
	if (f != NULL)
		fclose(f);
	return n;
}

/* ---- Calls ---- */

static unsigned
hk_map_flags(unsigned flags)
{
	unsigned out = 0;

	out |= (flags & MAP_SHARED) != 0 ? TESS_MAP_SHARED : 0;
	out |= (flags & MAP_PRIVATE) != 0 ? TESS_MAP_PRIVATE : 0;
	out |= (flags & MAP_FIXED) != 0 ? TESS_MAP_FIXED : 0;
	out |= (flags & MAP_FIXED_NOREPLACE) != 0 ? TESS_MAP_FIXED_NOREPLACE : 0;
	out |= (flags & MAP_ANONYMOUS) != 0 ? TESS_MAP_ANON : 0;
	out |= (flags & MAP_GROWSDOWN) != 0 ? TESS_MAP_GROWSDOWN : 0;
	out |= (flags & MAP_LOCKED) != 0 ? TESS_MAP_LOCKED : 0;
	out |= (flags & MAP_POPULATE) != 0 ? TESS_MAP_POPULATE : 0;
	out |= (flags & MAP_NONBLOCK) != 0 ? TESS_MAP_NONBLOCK : 0;
	out |= (flags & MAP_NORESERVE) != 0 ? TESS_MAP_NORESERVE : 0;
	return out;
}

static void
hk_mmap(void)
{
	static const unsigned types[] = {MAP_PRIVATE | MAP_ANONYMOUS,
					 MAP_PRIVATE | MAP_ANONYMOUS,
					 MAP_PRIVATE,
					 MAP_SHARED,
					 MAP_SHARED | MAP_ANONYMOUS,
					 MAP_SHARED_VALIDATE,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN,
					 0,
					 MAP_ANONYMOUS,
					 MAP_SHARED_VALIDATE | MAP_ANONYMOUS};
	static const unsigned extra[] = {
	    0, 0, 0, MAP_POPULATE, MAP_LOCKED, MAP_NORESERVE, MAP_POPULATE | MAP_NONBLOCK};
	unsigned type = types[hk_next(hk_next(3) == 0 ? 10 : 6)];
	unsigned flags =
	    type | extra[hk_next(7)] | (hk_next(8) == 0 ? MAP_FIXED_NOREPLACE : MAP_FIXED);
	unsigned f = (unsigned)hk_next(8), prot = hk_prot() | (hk_next(16) == 0 ? 0x100 : 0);
	uint64_t addr = hk_addr(), len = hk_near_len(addr), off = hk_next(HK_FILE + 2) * HK_PAGE;
	struct tess_mmap_args a;
	struct model_answer ans;
	int fd;
	long r;

	f = f < 3 ? f : 0;
	fd = (type & MAP_ANONYMOUS) != 0 ? -1 : hk_next(32) == 0 ? 99 : hk.fd[f];
	off = hk_next(32) == 0 ? off + 8 : hk_next(32) == 0 ? UINT64_MAX - HK_PAGE + 1 : off;
	hk_say("mmap(0x%lx, 0x%lx, %u, 0x%x, %d, 0x%lx)", addr, len, prot, flags, fd, off);
	r = hk_ret(syscall(SYS_mmap, addr, len, prot, flags, fd, off));
	a = (struct tess_mmap_args){
	    .addr = addr, .len = len, .prot = prot, .flags = hk_map_flags(flags), .off = off};
	a.handle = fd == -1   ? (struct tess_handle){.kind = TESS_HANDLE_NONE}
		   : fd == 99 ? (struct tess_handle){.kind = TESS_HANDLE_BAD}
			      : hk.file[f];
	ans = hk_answer(r);
	hk_result("mmap", r, model_mmap(hk.sp, &a, &ans), ans.va, 1);
}

static void
hk_munmap(void)
{
	uint64_t addr = hk_addr(), len = hk_near_len(addr);
	long r;

	hk_say("munmap(0x%lx, 0x%lx)", addr, len);
	r = hk_ret(syscall(SYS_munmap, addr, len));
	hk_result("munmap", r, model_munmap(hk.sp, addr, len), 0, 0);
}

static void
hk_mprotect(void)
{
	uint64_t addr = hk_addr(), len = hk_near_len(addr);
	unsigned prot = hk_prot() | (hk_next(16) == 0 ? 0x100 : 0) | (hk_next(16) == 0 ? 0x8 : 0);
	long r;

	hk_say("mprotect(0x%lx, 0x%lx, %u)", addr, len, prot);
	r = hk_ret(syscall(SYS_mprotect, addr, len, prot));
	hk_result("mprotect", r, model_mprotect(hk.sp, addr, len, prot), 0, 0);
}

static void
hk_madvise(void)
{
	static const struct {
		int linux_advice;
		enum tess_madv advice;
	} map[] = {{MADV_NORMAL, TESS_MADV_NORMAL},
		   {MADV_RANDOM, TESS_MADV_RANDOM},
		   {MADV_SEQUENTIAL, TESS_MADV_SEQUENTIAL},
		   {MADV_WILLNEED, TESS_MADV_WILLNEED},
		   {MADV_DONTNEED, TESS_MADV_DONTNEED},
		   {MADV_DONTNEED, TESS_MADV_DONTNEED},
		   {MADV_DONTFORK, TESS_MADV_DONTFORK},
		   {MADV_DOFORK, TESS_MADV_DOFORK},
		   {MADV_WIPEONFORK, TESS_MADV_WIPEONFORK},
		   {MADV_KEEPONFORK, TESS_MADV_KEEPONFORK},
		   {MADV_DONTDUMP, TESS_MADV_DONTDUMP},
		   {MADV_DODUMP, TESS_MADV_DODUMP},
		   {MADV_COLD, TESS_MADV_COLD},
		   {22, TESS_MADV_POPULATE_READ},
		   {23, TESS_MADV_POPULATE_WRITE},
		   {999, TESS_MADV_UNKNOWN}};
	unsigned i = (unsigned)hk_next(sizeof(map) / sizeof(map[0]));
	uint64_t addr = hk_addr(), len = hk_near_len(addr);
	long r;

	hk_say("madvise(0x%lx, 0x%lx, %d)", addr, len, map[i].linux_advice);
	r = hk_ret(syscall(SYS_madvise, addr, len, map[i].linux_advice));
	hk_result("madvise", r, model_madvise(hk.sp, addr, len, map[i].advice), 0, 0);
}

static void
hk_msync(void)
{
	uint64_t addr = hk_addr(), len = hk_near_len(addr);
	unsigned flags = (unsigned)hk_next(9);
	long r;

	/* A length that rounds to nothing is an error here (D6), not the success of that kernel. */
	if (len > UINT64_MAX - HK_PAGE)
		len = HK_PAGE;
	hk_say("msync(0x%lx, 0x%lx, %u)", addr, len, flags);
	r = hk_ret(syscall(SYS_msync, addr, len, flags));
	hk_result("msync", r, model_msync(hk.sp, addr, len, flags), 0, 0);
}

static void
hk_mincore(void)
{
	static unsigned char vec[HK_PAGES * 4];
	uint64_t addr = hk_addr(), len = (1 + hk_next(8)) * HK_PAGE - hk_next(2);
	long r;

	hk_say("mincore(0x%lx, 0x%lx)", addr, len);
	memset(vec, 0, sizeof(vec));
	r = hk_ret(syscall(SYS_mincore, addr, len, vec));
	hk_result("mincore", r, model_mincore(hk.sp, addr, len, vec), 0, 0);
}

static void
hk_mlock(void)
{
	uint64_t addr = hk_addr(), len = hk_near_len(addr);
	unsigned flags = (unsigned)hk_next(8) == 0 ? (unsigned)hk_next(4) : 0;
	int un = hk_next(3) == 0;
	long r;

	if (len > UINT64_MAX - 2 * HK_PAGE)
		len = HK_PAGE;
	hk_say("%s(0x%lx, 0x%lx, %u)", un ? "munlock" : "mlock2", addr, len, un ? 0 : flags);
	r = hk_ret(un ? syscall(SYS_munlock, addr, len) : syscall(SYS_mlock2, addr, len, flags));
	hk_result("mlock", r,
		  un ? model_munlock(hk.sp, addr, len) : model_mlock2(hk.sp, addr, len, flags), 0,
		  0);
}

/* Are the kernel's mapping and the model's area at `va` the same range, not locked? */
static int
hk_same_mapping(uint64_t va)
{
	static struct hk_area v[128];
	unsigned n = hk_read_areas(v, 128);
	struct tess_area m;

	if (!model_space_next_area(hk.sp, va, &m) || m.start > va)
		return 1; /* nothing there, which both must say */
	for (unsigned i = 0; i < n; i++)
		if (v[i].a.start <= va && va < v[i].a.end)
			return v[i].a.start == m.start && v[i].a.end == m.end &&
			       (m.flags & TESS_AREA_LOCKED) == 0;
	return 0;
}

static void
hk_mremap(void)
{
	static const unsigned kinds[] = {0, 0, 3, 3, 3, 7, 2, 5, 8};
	unsigned flags = kinds[hk_next(sizeof(kinds) / sizeof(kinds[0]))];
	uint64_t old = hk_addr(), len = hk_near_len(old), new_len = hk_near_len(old),
		 to = hk_addr();
	struct model_answer ans;
	long r;

	if (flags == 5)
		flags = 7;
	if ((flags & 2) != 0)
		new_len = hk_near_len(to); /* it takes away what is there, libraries too */
	if (flags == 7)
		len = new_len = HK_PAGE;
	if (len > 0x100000)
		len = HK_PAGE;
	/* Length 0 onto itself unmaps the source before it looks at it: no state worth having. */
	if (len == 0 && (flags & 2) != 0)
		len = HK_PAGE;
	/* Since 6.17 a plain move of the same length takes several mappings. */
	if ((flags & 2) != 0 && tess_page_round(len) == tess_page_round(new_len) && flags != 7)
		new_len += HK_PAGE;
	/* The kernel keeps some equal neighbours apart, which mremap can tell. */
	if (!hk_same_mapping(old & ~(uint64_t)(HK_PAGE - 1)))
		return;
	hk_say("mremap(0x%lx, 0x%lx, 0x%lx, %u, 0x%lx)", old, len, new_len, flags, to);
	r = hk_ret(syscall(SYS_mremap, old, len, new_len, flags, to));
	ans = hk_answer(r);
	hk_result("mremap", r, model_mremap(hk.sp, old, len, new_len, flags, to, &ans), ans.va, 1);
}

static void
hk_shm(void)
{
	static const struct {
		int flags;
		unsigned prot;
	} how[] = {{0, 3}, {SHM_RDONLY, 1}, {SHM_EXEC, 7}};
	unsigned i = (unsigned)hk_next(3);
	uint64_t addr = hk_addr();
	struct model_answer ans;
	long r;

	if (addr == 0)
		return;
	if (hk_next(2) == 0) {
		hk_say("shmdt(0x%lx)", addr);
		r = hk_ret(syscall(SYS_shmdt, addr));
		hk_result("shmdt", r, model_shmdt(hk.sp, addr), 0, 0);
		return;
	}
	hk_say("shmat(0x%lx, 0x%x)", addr, how[i].flags);
	r = hk_ret(syscall(SYS_shmat, hk.shm, addr, how[i].flags));
	ans = hk_answer(r);
	hk_result("shmat", r, model_shmat(hk.sp, &hk.segment, addr, how[i].prot, &ans), ans.va, 1);
}

/* ---- Accesses ---- */

static void
hk_signal(int sig)
{
	siglongjmp(hk_jump, sig);
}

static enum tess_err
hk_touch(uint64_t va, int store, uint8_t *byte)
{
	volatile uint8_t *p = (volatile uint8_t *)(uintptr_t)va;

	switch (sigsetjmp(hk_jump, 1)) {
	case 0:
		break;
	case SIGBUS:
		return TESS_SIGBUS;
	default:
		return TESS_SIGSEGV;
	}
	if (store)
		*p = *byte;
	else
		*byte = *p;
	return TESS_OK;
}

static void
hk_access(void)
{
	uint64_t va = hk_addr() + hk_next(HK_PAGE) % 64;
	int store = hk_next(2) == 0;
	uint8_t have = (uint8_t)hk_next(256), want = have;
	enum tess_err e, m;

	hk_say("%s(0x%lx)", store ? "store" : "load", va);
	e = hk_touch(va, store, &have);
	m = store ? model_store(hk.sp, va, want) : model_load(hk.sp, va, &want);
	if (e != m || (e == TESS_OK && have != want))
		hk_differ("access: kernel %s 0x%x, model %s 0x%x", tess_err_name(e), have,
			  tess_err_name(m), want);
}

static void
hk_layout(void)
{
	static struct hk_area v[128];
	unsigned n = hk_read_areas(v, 128), i = 0;
	uint64_t anon = 0, at = HK_BASE;
	struct tess_area m;

	/* Both sides page by page: the kernel keeps apart what the model joins. */
	for (; at < HK_BASE + (HK_PAGES + 64) * HK_PAGE; at += HK_PAGE) {
		const struct tess_area *k;
		int have = model_space_next_area(hk.sp, at, &m) && m.start <= at;

		while (i < n && v[i].a.end <= at)
			i++;
		k = i < n && v[i].a.start <= at ? &v[i].a : NULL;
		if ((k != NULL) != have)
			hk_differ("page %lx: kernel %s, model %s", (unsigned long)at,
				  k ? "mapped" : "not mapped", have ? "mapped" : "not mapped");
		if (k == NULL)
			continue;
		m.flags &= ~(unsigned)TESS_AREA_LOCKONFAULT;
		if (k->prot != m.prot || k->maxprot != m.maxprot || k->flags != m.flags ||
		    k->inherit != m.inherit || k->advice != m.advice)
			hk_differ("page %lx: kernel prot %x max %x flags %x inherit %d advice %d, "
				  "model prot %x max %x "
				  "flags %x inherit %d advice %d",
				  (unsigned long)at, k->prot, k->maxprot, k->flags, k->inherit,
				  k->advice, m.prot, m.maxprot, m.flags, m.inherit, m.advice);
		if (m.object != NULL && k->off + (at - k->start) != m.off + (at - m.start))
			hk_differ("page %lx: kernel offset %lx, model %lx", (unsigned long)at,
				  (unsigned long)(k->off + (at - k->start)),
				  (unsigned long)(m.off + (at - m.start)));
	}
	for (unsigned j = 0; j < n; j++)
		anon += v[j].anon / 4;
	if (anon != model_space_anon(hk.sp))
		hk_differ("anonymous pages: kernel %lu, model %lu", (unsigned long)anon,
			  (unsigned long)model_space_anon(hk.sp));
}

/* ---- One program ---- */

static int
hk_make_file(uint64_t seed)
{
	int fd = memfd_create("model", 0);
	uint8_t page[HK_PAGE];

	for (uint64_t i = 0; fd >= 0 && i < HK_FILE; i++) {
		for (unsigned j = 0; j < HK_PAGE; j++)
			page[j] = fill_byte(seed, i * HK_PAGE + j);
		if (pwrite(fd, page, sizeof(page), (off_t)(i * HK_PAGE)) != (ssize_t)sizeof(page))
			return -1;
	}
	return fd;
}

static void
hk_setup(uint64_t seed)
{
	static const struct tess_space_config cfg = {.personality = TESS_PERSONALITY_LINUX};
	static const uint8_t mode[] = {3, TESS_MODE_READ, TESS_MODE_WRITE};
	static const int flags[] = {O_RDWR, O_RDONLY, O_WRONLY};
	struct sigaction sa = {.sa_handler = hk_signal, .sa_flags = SA_ONSTACK};
	static uint8_t stack[65536];
	stack_t ss = {.ss_sp = stack, .ss_size = sizeof(stack)};
	char path[64];
	int base = hk_make_file(5);

	hk.x = seed;
	hk.model = model_create(&mem_malloc, hk_die);
	hk.sp = model_space_create(hk.model, &cfg);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", base);
		hk.fd[i] = open(path, flags[i]);
		hk.file[i] = (struct tess_handle){TESS_HANDLE_FILE, mode[i],
						  (struct tess_object *)(uintptr_t)0x1000};
	}
	model_object_create(hk.model, hk.file[0].object, TESS_HANDLE_FILE, HK_FILE * HK_PAGE, 5);
	hk.shm = shmget(IPC_PRIVATE, 4 * HK_PAGE, 0600);
	hk.segment =
	    (struct tess_handle){TESS_HANDLE_SHM, 3, (struct tess_object *)(uintptr_t)0x2000};
	model_object_create(hk.model, hk.segment.object, TESS_HANDLE_SHM, 4 * HK_PAGE, 0);
	if (base < 0 || hk.fd[2] < 0 || hk.shm < 0 || shmat(hk.shm, NULL, 0) == (void *)-1)
		hk_die("cannot make files or a segment");
	shmctl(hk.shm, IPC_RMID, NULL);
	sigaltstack(&ss, NULL);
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
}

static void
hk_program(uint64_t seed)
{
	static void (*const calls[])(void) = {
	    hk_mmap,    hk_mmap,   hk_mmap,     hk_mmap,     hk_access,  hk_access,  hk_access,
	    hk_access,  hk_munmap, hk_mprotect, hk_mprotect, hk_madvise, hk_madvise, hk_msync,
	    hk_mincore, hk_mlock,  hk_mremap,   hk_mremap,   hk_shm};

	hk_setup(seed);
	for (unsigned i = 0; i < HK_OPS; i++) {
		calls[hk_next(sizeof(calls) / sizeof(calls[0]))]();
		if (i % 4 == 3)
			hk_layout();
	}
	_exit(0);
}

/* Why this kernel cannot be asked; NULL: it can. */
static const char *
hk_unable(void)
{
	static struct hk_area v[8];
	struct utsname u;
	unsigned major = 0, minor = 0;
	void *p;

	if (uname(&u) != 0 || strcmp(u.sysname, "Linux") != 0 ||
	    sscanf(u.release, "%u.%u", &major, &minor) != 2)
		return "not Linux";
	if (major < 6 || (major == 6 && minor < 1))
		return "a kernel before 6.1";
	p = mmap((void *)(uintptr_t)HK_BASE, HK_PAGE, PROT_READ,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	if (p == MAP_FAILED)
		return "the window of addresses is taken";
	if (hk_read_areas(v, 8) != 1 || v[0].a.maxprot != 7)
		return "no VmFlags in /proc/self/smaps";
	munmap(p, HK_PAGE);
	return NULL;
}

int
main(int argc, char **argv)
{
	unsigned long first = argc > 1 ? strtoul(argv[1], NULL, 0) : 1,
		      n = argc > 2 ? strtoul(argv[2], NULL, 0) : 400;
	unsigned long bad = 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (hk_unable() != NULL) {
		printf("1..0 # SKIP %s\n", hk_unable());
		return 0;
	}
	printf("1..1\n");
	for (unsigned long seed = first; seed < first + n && bad < 5; seed++) {
		int status;
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (pid == 0)
			hk_program(seed);
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return 1;
		if (status == 0)
			continue;
		bad++;
		printf("# seed %lu: status 0x%x\n", seed, status);
	}
	printf("%sok 1 - the kernel and the model agree on %lu programs of %d calls\n",
	       bad ? "not " : "", n, HK_OPS);
	return bad != 0;
}
