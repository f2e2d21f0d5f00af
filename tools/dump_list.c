/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dump_list.c: spaces as text, in the manner of /proc/PID/maps and smaps.
 */
#include <inttypes.h>
#include <string.h>
#include "dump.h"

void
dump_rights(const struct tess_area *a, char rights[5])
{
	rights[0] = (a->prot & TESS_PROT_READ) != 0 ? 'r' : '-';
	rights[1] = (a->prot & TESS_PROT_WRITE) != 0 ? 'w' : '-';
	rights[2] = (a->prot & TESS_PROT_EXEC) != 0 ? 'x' : '-';
	rights[3] = (a->flags & TESS_AREA_SHARED) != 0 ? 's' : 'p';
	rights[4] = '\0';
}

static void
words_add(char *buf, size_t size, const char *word)
{
	size_t len = strlen(buf);

	snprintf(buf + len, size - len, " %s", word);
}

void
dump_words(const struct tess_area *a, char *buf, size_t size)
{
	static const struct {
		unsigned flag;
		const char *word;
	} flags[] = {
	    {TESS_AREA_GROWSDOWN, "growsdown"}, {TESS_AREA_LOCKED, "locked"},
	    {TESS_AREA_LOCKONFAULT, "onfault"}, {TESS_AREA_WIRED, "wired"},
	    {TESS_AREA_DONTDUMP, "nocore"},     {TESS_AREA_GUARD, "guard"},
	    {TESS_AREA_GUARDED, "guarded"},     {TESS_AREA_STACKGAP, "stackgap"},
	    {TESS_AREA_IMMUTABLE, "immutable"}, {TESS_AREA_NOSYNC, "nosync"},
	    {TESS_AREA_SUBMAP, "submap"},       {TESS_AREA_DEVICE, "device"},
	};
	static const char *const inherit[] = {NULL, "inherit-share", "inherit-none", "inherit-zero",
					      "inherit-donate"};
	static const char *const advice[] = {NULL, "random", "sequential"};

	buf[0] = '\0';
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if ((a->flags & flags[i].flag) != 0)
			words_add(buf, size, flags[i].word);
	/* What is shared stays so in a child, unless somebody said otherwise. */
	if (inherit[a->inherit] != NULL &&
	    (a->inherit != TESS_INHERIT_SHARE || (a->flags & TESS_AREA_SHARED) == 0))
		words_add(buf, size, inherit[a->inherit]);
	if (advice[a->advice] != NULL)
		words_add(buf, size, advice[a->advice]);
}

static void
list_head(const struct dump_area *a, FILE *f)
{
	char rights[5], words[256];

	dump_rights(&a->area, rights);
	dump_words(&a->area, words, sizeof(words));
	fprintf(f, "%08" PRIx64 "-%08" PRIx64 " %s %" PRIx64 " %s%s\n", a->area.start, a->area.end,
		rights, a->area.object == NULL ? 0 : a->area.off, a->name, words);
}

static void
list_space(const struct dump *d, const struct dump_space *s, FILE *f)
{
	if (d->spaces > 1)
		fprintf(f, "space %d\n", s->number);
}

void
dump_maps(const struct dump *d, int space, FILE *f)
{
	for (uint32_t i = 0; i < d->spaces; i++) {
		const struct dump_space *s = &d->space[i];

		if (space >= 0 && s->number != space)
			continue;
		list_space(d, s, f);
		for (uint32_t k = 0; k < s->areas; k++)
			list_head(&s->area[k], f);
	}
}

static void
list_kb(FILE *f, const char *what, uint64_t bytes)
{
	fprintf(f, "%-12s %8" PRIu64 " kB\n", what, bytes >> 10);
}

static void
list_pages(const struct dump_area *a, FILE *f)
{
	uint64_t in = a->kind[DUMP_OBJECT] + a->kind[DUMP_OWN] + a->kind[DUMP_COPY];
	uint64_t size = a->area.end - a->area.start;
	bool locked = (a->area.flags & (TESS_AREA_LOCKED | TESS_AREA_WIRED)) != 0;
	char rights[5];
	struct tess_area max = a->area;

	max.prot = a->area.maxprot;
	dump_rights(&max, rights);
	rights[3] = '\0';
	list_kb(f, "Size:", size);
	list_kb(f, "Rss:", in << TESS_PAGE_SHIFT);
	list_kb(f, "Anonymous:", (a->kind[DUMP_OWN] + a->kind[DUMP_COPY]) << TESS_PAGE_SHIFT);
	list_kb(f, "Shared:", (a->kind[DUMP_OBJECT] + a->kind[DUMP_COPY]) << TESS_PAGE_SHIFT);
	list_kb(f, "Private:", a->kind[DUMP_OWN] << TESS_PAGE_SHIFT);
	list_kb(f, "Dirty:", a->dirty << TESS_PAGE_SHIFT);
	list_kb(f, "Referenced:", a->referenced << TESS_PAGE_SHIFT);
	list_kb(f, "Beyond:", a->kind[DUMP_BEYOND] << TESS_PAGE_SHIFT);
	list_kb(f, "Locked:", locked ? size : 0);
	fprintf(f, "%-12s      %s\n", "Maximum:", rights);
}

void
dump_smaps(const struct dump *d, int space, FILE *f)
{
	for (uint32_t i = 0; i < d->spaces; i++) {
		const struct dump_space *s = &d->space[i];
		const struct tess_space_counts *c = &s->counts;

		if (space >= 0 && s->number != space)
			continue;
		list_space(d, s, f);
		for (uint32_t k = 0; k < s->areas; k++) {
			list_head(&s->area[k], f);
			list_pages(&s->area[k], f);
		}
		fprintf(f, "total: %" PRIu64 " entries\n", c->entries);
		list_kb(f, "Size:", c->bytes);
		list_kb(f, "Resident:", c->resident << TESS_PAGE_SHIFT);
		list_kb(f, "Anonymous:", c->anon << TESS_PAGE_SHIFT);
		list_kb(f, "Locked:", c->locked);
		list_kb(f, "Wired:", c->wired);
		list_kb(f, "Data:", c->data);
		list_kb(f, "Charged:", c->charged);
	}
}
