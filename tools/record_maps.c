/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_maps.c: what /proc tells about a space, and the names of what it maps.
 *
 * A file is met in two places, as a descriptor of mmap (stat's device and inode) and as a line of maps (whose
 * device and inode some file systems print otherwise).  An object therefore has two keys, and the moment
 * both are seen together, just after an mmap or with stat on the area's file, joins them.
 */
#if defined(__linux__) && defined(__x86_64__) /* else cmd_record() only says so */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <fcntl.h>
#include <unistd.h>

#include "record.h"

#define USER_TOP ((uint64_t)1 << 47)
#define PAGE     4096

static bool
area_parse(const char *line, struct record_area *a)
{
	unsigned major, minor;
	unsigned long long ino;
	int at = 0;

	memset(a, 0, sizeof(*a));
	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %llu %n", &a->start,
		   &a->end, a->perm, &a->off, &major, &minor, &ino, &at) < 7)
		return false;
	if (ino != 0)
		snprintf(a->key, sizeof(a->key), "%x:%x %llu", major, minor, ino);
	snprintf(a->path, sizeof(a->path), "%s", line + at);
	a->path[strcspn(a->path, "\n")] = 0;
	return true;
}

struct record_area *
record_maps(pid_t tid, size_t *n)
{
	char name[64], line[4600];
	struct record_area *area = NULL;
	size_t room = 0;

	*n = 0;
	snprintf(name, sizeof(name), "/proc/%d/maps", (int)tid);
	FILE *f = fopen(name, "r");
	if (f == NULL)
		return NULL;
	while (fgets(line, sizeof(line), f) != NULL) {
		area = record_grow(area, *n, &room, sizeof(*area));
		if (area_parse(line, &area[*n]) && area[*n].start < USER_TOP)
			(*n)++;
	}
	fclose(f);
	return area;
}

bool
record_area_at(pid_t tid, uint64_t va, struct record_area *out)
{
	size_t n;
	struct record_area *area = record_maps(tid, &n);
	bool found = false;

	for (size_t i = 0; i < n && !found; i++)
		if (area[i].start <= va && va < area[i].end) {
			*out = area[i];
			found = true;
		}
	free(area);
	return found;
}

/* ---- What an area shows ---- */

static bool
path_begins(const char *path, const char *with)
{
	return strncmp(path, with, strlen(with)) == 0;
}

static bool
area_special(const struct record_area *a)
{
	return a->key[0] == 0 && a->path[0] == '[' && !path_begins(a->path, "[heap") &&
	       !path_begins(a->path, "[stack") && !path_begins(a->path, "[anon");
}

/* /dev/zero mapped privately is anonymous memory by another name. */
static bool
area_zero_device(const struct record_area *a)
{
	return a->perm[3] == 'p' && strcmp(a->path, "/dev/zero") == 0;
}

bool
record_area_private(const struct record_area *a)
{
	return a->perm[3] == 'p' && !area_special(a);
}

/* The base name as one word of the trace. */
static void
name_take(char out[64], const char *path)
{
	const char *slash = strrchr(path, '/');

	snprintf(out, 64, "%.60s", slash == NULL ? path : slash + 1);
	for (char *p = out; *p != 0; p++)
		if (*p == ' ' || (unsigned char)*p < 0x20)
			*p = '_';
	if (out[0] == 0)
		snprintf(out, 64, "unnamed");
}

static struct record_object *
object_new(struct record *rec, char letter, uint64_t size, const char *path)
{
	size_t room = rec->object_room;

	rec->object = record_grow(rec->object, rec->nobject, &room, sizeof(*rec->object));
	rec->object_room = (unsigned)room;
	struct record_object *o = &rec->object[rec->nobject++];
	*o = (struct record_object){.letter = letter, .id = rec->nobject, .size = size};
	name_take(o->name, path);
	return o;
}

static struct record_object *
object_by_key(struct record *rec, const char *key)
{
	for (unsigned i = 0; i < rec->nobject; i++)
		if (key[0] != 0 && strcmp(rec->object[i].key, key) == 0)
			return &rec->object[i];
	return NULL;
}

static struct record_object *
object_by_stat(struct record *rec, uint64_t dev, uint64_t ino)
{
	for (unsigned i = 0; i < rec->nobject; i++)
		if (rec->object[i].by_stat && rec->object[i].dev == dev &&
		    rec->object[i].ino == ino)
			return &rec->object[i];
	return NULL;
}

static bool
area_stat(pid_t tid, const struct record_area *a, struct stat *st)
{
	char name[400];

	snprintf(name, sizeof(name), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, (int)tid, a->start,
		 a->end);
	if (stat(name, st) == 0)
		return true;
	snprintf(name, sizeof(name), "/proc/%d/root%s", (int)tid, a->path);
	return a->path[0] == '/' && stat(name, st) == 0;
}

static bool
area_segment(const struct record_area *a)
{
	return a->perm[3] == 's' &&
	       (path_begins(a->path, "/dev/zero (deleted)") || path_begins(a->path, "/SYSV") ||
		path_begins(a->path, "[anon_shmem"));
}

/* The object of an area seen for the first time. */
static struct record_object *
object_of_area(struct record *rec, pid_t tid, const struct record_area *a)
{
	struct record_object *o = NULL;
	struct stat st;
	char letter = area_segment(a) ? 'z' : 'f';
	bool known = letter == 'f' && area_stat(tid, a, &st);

	if (known)
		o = object_by_stat(rec, st.st_dev, st.st_ino);
	if (o == NULL) {
		if (known && S_ISCHR(st.st_mode))
			letter = 'd';
		uint64_t size =
		    known && letter == 'f' ? (uint64_t)st.st_size : a->off + a->end - a->start;
		o = object_new(rec, letter, size, a->path);
		o->by_stat = known;
		o->dev = known ? st.st_dev : 0;
		o->ino = known ? st.st_ino : 0;
	}
	snprintf(o->key, sizeof(o->key), "%s", a->key);
	return o;
}

void
record_area_object(struct record *rec, pid_t tid, const struct record_area *a, char out[24])
{
	struct record_object *o;

	if (area_special(a)) {
		snprintf(out, 24, "special");
	} else if (strcmp(a->path, "[stack]") == 0) {
		snprintf(out, 24, "stack");
	} else if (a->key[0] == 0 || area_zero_device(a)) {
		snprintf(out, 24, "-");
	} else {
		o = object_by_key(rec, a->key);
		if (o == NULL)
			o = object_of_area(rec, tid, a);
		snprintf(out, 24, "%c%u", o->letter, o->id);
	}
}

void
record_new_segment(struct record *rec, const struct record_area *a, char out[24])
{
	struct record_object *o = object_by_key(rec, a->key);

	if (o == NULL) {
		o = object_new(rec, 'z', a->end - a->start, a->path);
		snprintf(o->key, sizeof(o->key), "%s", a->key);
	}
	snprintf(out, 24, "%c%u", o->letter, o->id);
}

void
record_fd_object(struct record *rec, const struct record_fd *fd, const struct record_area *a,
		 char out[24])
{
	struct record_object *o = object_by_stat(rec, fd->dev, fd->ino);
	char size[64];

	if (o == NULL && a != NULL)
		o = object_by_key(rec, a->key);
	if (o == NULL)
		o = object_new(rec, fd->letter, fd->size, fd->name);
	o->by_stat = true;
	o->dev = fd->dev;
	o->ino = fd->ino;
	if (a != NULL)
		snprintf(o->key, sizeof(o->key), "%s", a->key);
	if (o->letter == 'f') {
		snprintf(size, sizeof(size), "size f%u %" PRIu64, o->id, fd->size);
		record_put(rec, fd->line, size);
	}
	snprintf(out, 24, "%c%u:%s", o->letter, o->id, fd->mode);
}

/* ---- Blocks ---- */

static void
area_line(struct record *rec, struct record_task *t, const struct record_area *a)
{
	char object[24];

	record_area_object(rec, t->tid, a, object);
	record_add(rec, "%u area %" PRIx64 " %" PRIx64 " %s %" PRIx64 " %s", t->space->number,
		   a->start, a->end, a->perm, object[0] == '-' || object[0] == 's' ? 0 : a->off,
		   object);
}

/* Private pages that exec left behind, as runs: nothing has run yet, so no zero page is mapped. */
static uint64_t
resident_lines(struct record *rec, struct record_task *t, const struct record_area *a, int pagemap)
{
	uint64_t entry, run = 0, total = 0;

	if (!record_area_private(a))
		return 0;
	for (uint64_t va = a->start; va <= a->end; va += PAGE) {
		bool here = va < a->end && pread(pagemap, &entry, 8, (off_t)(va / PAGE * 8)) == 8 &&
			    (entry >> 62) != 0 && !(entry >> 61 & 1);
		run += here;
		if (!here && run > 0) {
			record_add(rec, "%u resident %" PRIx64 " %" PRIu64, t->space->number,
				   va - run * PAGE, run);
			total += run;
			run = 0;
		}
	}
	return total;
}

void
record_exec(struct record *rec, struct record_task *t)
{
	char name[64], object[24];
	size_t n;
	uint64_t anon = 0;
	struct record_area *area = record_maps(t->tid, &n);

	snprintf(name, sizeof(name), "/proc/%d/pagemap", (int)t->tid);
	int pagemap = open(name, O_RDONLY | O_CLOEXEC);
	if (area == NULL || pagemap < 0)
		record_die("cannot read %s", name);
	for (size_t i = 0; i < n; i++) /* new objects, before the block opens */
		record_area_object(rec, t->tid, &area[i], object);
	record_add(rec, "%u %d exec", t->space->number, (int)t->tid);
	for (size_t i = 0; i < n; i++) {
		area_line(rec, t, &area[i]);
		anon += resident_lines(rec, t, &area[i], pagemap);
		if (strcmp(area[i].path, "[stack]") == 0)
			t->space->stack_low = area[i].start;
	}
	record_add(rec, "%u counts anon %" PRIu64, t->space->number, anon);
	record_add(rec, "%u end", t->space->number);
	close(pagemap);
	free(area);
}

/* Private anonymous pages, swapped ones too: smaps counts them page by page. */
static uint64_t
anon_count(pid_t tid)
{
	char name[64], line[4600];
	struct record_area a = {0}, seen;
	unsigned long long kb, total = 0;

	snprintf(name, sizeof(name), "/proc/%d/smaps", (int)tid);
	FILE *f = fopen(name, "r");
	if (f == NULL)
		record_die("cannot read %s", name);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (area_parse(line, &seen))
			a = seen;
		else if (record_area_private(&a) && (sscanf(line, "Anonymous: %llu kB", &kb) == 1 ||
						     sscanf(line, "Swap: %llu kB", &kb) == 1))
			total += kb;
	}
	fclose(f);
	return total / (PAGE / 1024);
}

void
record_snapshot(struct record *rec, struct record_task *t, const char *why)
{
	char object[24];
	size_t n;
	struct record_area *area = record_maps(t->tid, &n);

	t->space->calls = 0;
	if (n == 0) {
		free(area);
		return; /* killed in the meantime: there is no state to show */
	}
	for (size_t i = 0; i < n; i++)
		record_area_object(rec, t->tid, &area[i], object);
	record_add(rec, "%u snapshot %s", t->space->number, why);
	for (size_t i = 0; i < n; i++)
		area_line(rec, t, &area[i]);
	record_add(rec, "%u counts anon %" PRIu64, t->space->number, anon_count(t->tid));
	record_add(rec, "%u end", t->space->number);
	free(area);
}

#endif
