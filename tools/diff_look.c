/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_look.c: what the kernel says about the window and the heap of this process.
 *
 *	PROCMAP_QUERY	place, protection, sharing and file of each mapping, a microsecond each
 *	PAGEMAP_SCAN	which pages are private memory of this process, which are guards
 *	smaps		the rest: maximum protection, locks, advice, inheritance; at the end of a program
 *	/proc/self/mem	bytes, whatever the protection; at the end, for it brings pages in
 *
 * Without the first two (kernels before 6.11, 6.7) smaps serves for both, and private pages are compared by their
 * number alone.  Nothing here allocates: the process has no room for it.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>
#include "diff.h"

/* The kernel's structures, for headers that are older than it. */
struct look_query {
	uint64_t size, flags, addr;
	uint64_t start, end, vma_flags, page_size, off, inode;
	uint32_t major, minor, name_size, build_id_size;
	uint64_t name, build_id;
};
struct look_region {
	uint64_t start, end, categories;
};
struct look_scan {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t inverted, mask, anyof, returned;
};

#define LOOK_QUERY _IOWR('f', 17, struct look_query)
#define LOOK_SCAN  _IOWR('f', 16, struct look_scan)

#define QUERY_NEXT   0x10
#define PAGE_FILE    0x04
#define PAGE_PRESENT 0x08
#define PAGE_SWAPPED 0x10
#define PAGE_ZERO    0x20
#define PAGE_GUARD   0x100

#define LOOK_REGIONS 64
#define LOOK_TEXT    262144

static struct {
	int maps, smaps, pagemap, mem;
	unsigned has;
	uint64_t scan_mask;
	uint64_t zero_inode; /* /dev/zero's */
	char text[LOOK_TEXT];
	unsigned long anon; /* of the last smaps, kB */
} look;

uint64_t
diff_hash(const void *bytes, size_t len)
{
	const unsigned char *p = bytes;
	uint64_t h = 0xcbf29ce484222325u, word;

	for (; len >= 8; len -= 8, p += 8) {
		memcpy(&word, p, 8);
		h = (h ^ word) * 0x100000001b3u;
		h ^= h >> 29;
	}
	for (; len > 0; len--, p++)
		h = (h ^ *p) * 0x100000001b3u;
	return h == 0 ? 1 : h;
}

/* ---- Opening, probing ---- */

bool
look_open(void)
{
	static bool again;
	struct stat st;

	if (again) {
		close(look.maps);
		close(look.smaps);
		close(look.pagemap);
		close(look.mem);
	}
	again = true;
	look.maps = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
	look.smaps = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
	look.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	look.mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	if (stat("/dev/zero", &st) == 0)
		look.zero_inode = st.st_ino;
	return look.maps >= 0 && look.smaps >= 0 && look.mem >= 0;
}

uint64_t
look_inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static long
look_scan(uint64_t from, uint64_t to, struct look_region *v, unsigned most, uint64_t *end)
{
	struct look_scan s = {.size = sizeof(s),
			      .start = from,
			      .end = to,
			      .vec = (uintptr_t)v,
			      .vec_len = most,
			      .anyof = look.scan_mask & ~(uint64_t)(PAGE_FILE | PAGE_ZERO),
			      .returned = look.scan_mask};
	long n = ioctl(look.pagemap, LOOK_SCAN, &s);

	*end = s.walk_end;
	return n;
}

unsigned
look_probe(void)
{
	struct look_query q = {.size = sizeof(q), .flags = QUERY_NEXT};
	struct look_region v;
	uint64_t end, all = PAGE_FILE | PAGE_PRESENT | PAGE_SWAPPED | PAGE_ZERO;

	look.has = ioctl(look.maps, LOOK_QUERY, &q) == 0 ? DIFF_PROCMAP : 0;
	look.scan_mask = all | PAGE_GUARD;
	if (look_scan(DIFF_BASE, DIFF_END, &v, 1, &end) < 0)
		look.scan_mask = all;
	if (look_scan(DIFF_BASE, DIFF_END, &v, 1, &end) >= 0)
		look.has |= DIFF_PAGEMAP;
	return look.has;
}

bool
look_guard(uint64_t va)
{
	struct look_region v = {.categories = 0};
	uint64_t end;

	return look_scan(va, va + DIFF_PAGE, &v, 1, &end) == 1 && (v.categories & PAGE_GUARD) != 0;
}

/* ---- smaps ---- */

static void
look_flag(struct diff_area *v, const char *two)
{
	static const struct {
		char name[3];
		unsigned flag;
	} flags[] = {{"lo", TESS_AREA_LOCKED},
		     {"gd", TESS_AREA_GROWSDOWN},
		     {"dd", TESS_AREA_DONTDUMP},
		     {"sl", TESS_AREA_IMMUTABLE}};

	for (unsigned i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strncmp(two, flags[i].name, 2) == 0)
			v->flags |= flags[i].flag;
	if (strncmp(two, "dc", 2) == 0)
		v->inherit = TESS_INHERIT_NONE;
	if (strncmp(two, "wf", 2) == 0 && v->inherit != TESS_INHERIT_NONE)
		v->inherit = TESS_INHERIT_ZERO;
	if (strncmp(two, "rr", 2) == 0)
		v->advice = TESS_ADVICE_RANDOM;
	if (strncmp(two, "sr", 2) == 0)
		v->advice = TESS_ADVICE_SEQUENTIAL;
	if (two[0] == 'm')
		v->maxprot |= two[1] == 'r' ? 1 : two[1] == 'w' ? 2 : two[1] == 'e' ? 4 : 0;
}

/* A line that begins a mapping; NULL: another line. */
static char *
look_head(char *line, struct diff_area *v)
{
	char *p, *perm;

	*v = (struct diff_area){.start = strtoull(line, &p, 16)};
	if (p == line || *p != '-')
		return NULL;
	v->end = strtoull(p + 1, &perm, 16);
	perm++;
	v->prot = (uint8_t)((perm[0] == 'r') | (perm[1] == 'w') << 1 | (perm[2] == 'x') << 2);
	v->flags = perm[3] == 's' ? TESS_AREA_SHARED : 0;
	v->inherit = perm[3] == 's' ? TESS_INHERIT_SHARE : TESS_INHERIT_COPY;
	v->off = strtoull(perm + 5, &p, 16);
	p = strchr(p + 1, ' '); /* the device */
	v->object = p == NULL ? 0 : strtoull(p, &p, 10);
	if (v->object == look.zero_inode && perm[3] != 's')
		v->object = 0;
	return p;
}

/* The text of smaps; false: it does not fit, or cannot be read. */
static bool
look_read(void)
{
	size_t n = 0;
	ssize_t got;

	if (lseek(look.smaps, 0, SEEK_SET) != 0)
		return false;
	while ((got = read(look.smaps, look.text + n, LOOK_TEXT - 1 - n)) > 0)
		n += (size_t)got;
	look.text[n] = '\0';
	return got == 0 && n < LOOK_TEXT - 1;
}

/* Only the part of v that lies in [from, to). */
static void
look_clip(struct diff_area *v, uint64_t from, uint64_t to)
{
	if (v->start < from) {
		v->off += from - v->start;
		v->start = from;
	}
	if (v->end > to)
		v->end = to;
	if (v->object == 0)
		v->off = 0;
}

unsigned
look_smaps(uint64_t from, uint64_t to, struct diff_area *v, unsigned most)
{
	struct diff_area *in = NULL, one;
	unsigned n = 0;
	char *next;

	look.anon = 0;
	if (!look_read())
		return 0;
	for (char *line = look.text; *line != '\0'; line = next) {
		next = strchr(line, '\n');
		next = next == NULL ? line + strlen(line) : next + 1;
		if (look_head(line, &one) != NULL) {
			look_clip(&one, from, to);
			in = one.start < one.end && n < most ? &v[n++] : NULL;
			if (in != NULL)
				*in = one;
		} else if (in != NULL && strncmp(line, "Anonymous:", 10) == 0) {
			look.anon += strtoul(line + 10, NULL, 10);
		} else if (in != NULL && strncmp(line, "VmFlags:", 8) == 0) {
			for (char *p = line + 9; p + 1 < next && *p != '\n'; p += 3)
				look_flag(in, p);
		}
	}
	return n;
}

/* ---- PROCMAP_QUERY ---- */

static unsigned
look_query(uint64_t from, uint64_t to, struct diff_area *v, unsigned most)
{
	unsigned n = 0;

	for (uint64_t at = from; at < to && n < most;) {
		struct look_query q = {.size = sizeof(q), .flags = QUERY_NEXT, .addr = at};

		if (ioctl(look.maps, LOOK_QUERY, &q) != 0 || q.start >= to)
			break;
		v[n] = (struct diff_area){.start = q.start,
					  .end = q.end,
					  .off = q.off,
					  .object = q.inode,
					  .prot = q.vma_flags & 7};
		if ((q.vma_flags & 8) != 0)
			v[n].flags = TESS_AREA_SHARED;
		else if (q.inode == look.zero_inode)
			v[n].object = 0;
		look_clip(&v[n++], from, to);
		at = q.end;
	}
	return n;
}

/* ---- Pages ---- */

static void
look_pages(struct diff_look *l, uint64_t from, uint64_t to)
{
	static struct look_region v[LOOK_REGIONS];
	uint64_t end = from;
	long n;

	for (; from < to; from = end) {
		n = look_scan(from, to, v, LOOK_REGIONS, &end);
		if (n < 0 || end <= from) {
			l->pages = false;
			return;
		}
		for (long i = 0; i < n; i++) {
			uint64_t c = v[i].categories;
			bool guard = (c & PAGE_GUARD) != 0;

			if (!guard && (c & (PAGE_FILE | PAGE_ZERO)) != 0)
				continue;
			for (uint64_t va = v[i].start; va < v[i].end; va += DIFF_PAGE)
				diff_bit_set(guard ? l->guard : l->anon, diff_bit(va));
		}
	}
}

/* The areas that a look found: the arena's; too many are a crash, not a silence. */
static struct diff_area *
look_room(struct diff_shared *sh)
{
	return sh->nareas + 2 * DIFF_AREAS > DIFF_ARENA ? NULL : &sh->area[sh->nareas];
}

void
look_space(struct diff_shared *sh, struct diff_look *l, bool attributes)
{
	struct diff_area *v = look_room(sh);
	unsigned n;

	memset(l, 0, sizeof(*l));
	l->at = sh->nareas;
	l->attributes = attributes || (look.has & DIFF_PROCMAP) == 0;
	if (v == NULL)
		return;
	if (l->attributes) {
		n = look_smaps(DIFF_HEAP, DIFF_HEAP_END, v, DIFF_AREAS);
		n += look_smaps(DIFF_BASE, DIFF_END, v + n, DIFF_AREAS);
	} else {
		n = look_query(DIFF_HEAP, DIFF_HEAP_END, v, DIFF_AREAS);
		n += look_query(DIFF_BASE, DIFF_END, v + n, DIFF_AREAS);
	}
	l->n = n;
	sh->nareas += n;
	l->pages = (look.has & DIFF_PAGEMAP) != 0;
	if (!l->pages)
		return;
	look_pages(l, DIFF_BASE, DIFF_END);
	look_pages(l, DIFF_HEAP, DIFF_HEAP_END);
}

void
look_final(struct diff_shared *sh, struct diff_final *f)
{
	static unsigned char page[DIFF_PAGE];

	look_space(sh, &f->look, true);
	memset(f->hash, 0, sizeof(f->hash));
	for (uint32_t i = 0; i < f->look.n; i++) {
		const struct diff_area *a = &sh->area[f->look.at + i];

		for (uint64_t va = a->start; va < a->end; va += DIFF_PAGE)
			if (pread(look.mem, page, DIFF_PAGE, (off_t)va) == (ssize_t)DIFF_PAGE)
				f->hash[diff_bit(va)] = diff_hash(page, DIFF_PAGE);
	}
	f->have = true;
}
