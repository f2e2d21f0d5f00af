/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * dump_svg.c: spaces as a drawing: an area a box, a page a cell.
 *
 *	10000000  ┌────────────────────────────────┐  rw-p  a +1000
 *		  │▓▓▒▒░                           │  locked
 *	10005000  └────┘
 *		  ┄┄┄┄ 64 KiB free ┄┄┄┄
 *	10015000  ┌──┐ ...
 *
 * A box has as many cells as the area has pages, 32 a row, so that boxes are to scale; what is larger than
 * DUMP_CELLS pages has cells of more pages and says so.  Gaps are compressed to one line.  The same spaces give
 * the same bytes: no time, no random names, whole coordinates.
 */
#include <inttypes.h>
#include <string.h>
#include "dump.h"

enum svg_measure {
	SVG_CELL = 10,
	SVG_ROW = 32, /* cells */
	SVG_LEFT = 150,
	SVG_TEXT = SVG_LEFT + SVG_ROW * SVG_CELL + 16,
	SVG_WIDTH = SVG_TEXT + 360,
	SVG_LINE = 16,
	SVG_ROOM = 30, /* for two lines; all distances are whole cells, as the grid is */
	SVG_GAP = 30,
};

struct svg {
	FILE *f;
	unsigned y;
};

static const char *const svg_page_class[DUMP_PAGE_COUNT] = {"none", "object", "own", "copy",
							    "beyond"};

static const char svg_style[] =
    "text{font:12px ui-monospace,Menlo,Consolas,monospace;fill:#222;white-space:pre}"
    ".b{font-weight:bold}.dim{fill:#666}"
    ".r0{fill:#dcdcdc}.r1{fill:#d3e5f8}.r2{fill:#d6efcf}.r3{fill:#fbe0bd}.r4{fill:#f8c8c8}"
    ".box{stroke:#444;stroke-width:1}.shared{stroke-dasharray:5 3;stroke-width:2}"
    ".cell,.void{stroke:#fff;stroke-width:1}.void{fill:#fff}.grid{fill:url(#grid)}"
    ".object{fill:#2f6fb7}.own{fill:#2b8a4b}.copy{fill:#8757c4}.beyond{fill:#b03030;fill-opacity:."
    "35}"
    ".dirty{fill:#fff}.lock{fill:#b00020}.gap{stroke:#999;stroke-dasharray:2 4}";

/* Text of others, so that it stays text. */
static void
svg_escaped(struct svg *g, const char *s)
{
	for (; *s != '\0'; s++) {
		if (*s == '&')
			fputs("&amp;", g->f);
		else if (*s == '<')
			fputs("&lt;", g->f);
		else if (*s == '>')
			fputs("&gt;", g->f);
		else if (*s == '"')
			fputs("&quot;", g->f);
		else if ((unsigned char)*s < ' ')
			fputs("?", g->f);
		else
			fputc(*s, g->f);
	}
}

static void
svg_text(struct svg *g, unsigned x, unsigned y, const char *class, const char *s)
{
	fprintf(g->f, "<text x=\"%u\" y=\"%u\"%s>", x, y, class);
	svg_escaped(g, s);
	fputs("</text>\n", g->f);
}

/* "12 KiB", "1.5 GiB": in the largest unit that fits, cut to a tenth. */
static void
svg_size(uint64_t bytes, char *buf, size_t size)
{
	static const char *const unit[] = {"KiB", "MiB", "GiB", "TiB"};
	unsigned u = 0, tenth;

	while (u < 3 && bytes >> (20 + 10 * u) != 0)
		u++;
	tenth = (unsigned)((bytes >> (10 * u)) % 1024 * 10 / 1024);
	bytes >>= 10 + 10 * u;
	if (tenth != 0)
		snprintf(buf, size, "%" PRIu64 ".%u %s", bytes, tenth, unit[u]);
	else
		snprintf(buf, size, "%" PRIu64 " %s", bytes, unit[u]);
}

/* Background: nothing, read, write, execute, write and execute. */
static unsigned
svg_rights_class(tess_prot prot)
{
	if ((prot & TESS_PROT_EXEC) != 0)
		return (prot & TESS_PROT_WRITE) != 0 ? 4 : 3;
	if ((prot & TESS_PROT_WRITE) != 0)
		return 2;
	return (prot & TESS_PROT_READ) != 0 ? 1 : 0;
}

/* ---- Boxes ---- */

static enum dump_page
svg_cell_kind(const struct dump_cell *c)
{
	enum dump_page most = DUMP_NONE;

	for (unsigned k = DUMP_OBJECT; k < DUMP_PAGE_COUNT; k++)
		if (c->kind[k] != 0 && (most == DUMP_NONE || c->kind[k] > c->kind[most]))
			most = (enum dump_page)k;
	return most;
}

static void
svg_cell(struct svg *g, const struct dump_cell *c, unsigned x, unsigned y)
{
	enum dump_page kind = svg_cell_kind(c);

	if (kind == DUMP_NONE)
		return;
	fprintf(g->f, "<rect class=\"cell %s\" x=\"%u\" y=\"%u\" width=\"%d\" height=\"%d\"",
		svg_page_class[kind], x, y, SVG_CELL, SVG_CELL);
	/* Of many pages only some: paler, but never too pale to see. */
	if (kind != DUMP_BEYOND && c->kind[kind] < c->pages)
		fprintf(g->f, " fill-opacity=\".%u\"",
			40 + (unsigned)((uint64_t)c->kind[kind] * 50 / c->pages));
	fputs("/>\n", g->f);
	if (c->dirty != 0)
		fprintf(g->f, "<circle class=\"dirty\" cx=\"%d\" cy=\"%d\" r=\"2\"/>\n",
			(int)x + SVG_CELL / 2, (int)y + SVG_CELL / 2);
}

/* The box of an area: its background, the grid of its cells, and the part of the last row that is none of it. */
static void
svg_box(struct svg *g, const struct dump_area *a, unsigned height)
{
	unsigned columns = a->cells < SVG_ROW ? a->cells : SVG_ROW, rest = a->cells % SVG_ROW;
	unsigned rows = (a->cells + SVG_ROW - 1) / SVG_ROW;

	fprintf(g->f, "<rect class=\"box r%u%s\" x=\"%d\" y=\"%u\" width=\"%u\" height=\"%u\"/>\n",
		svg_rights_class(a->area.prot),
		(a->area.flags & TESS_AREA_SHARED) != 0 ? " shared" : "", SVG_LEFT - 2, g->y - 2,
		columns * SVG_CELL + 4, height + 4);
	fprintf(g->f, "<rect class=\"grid\" x=\"%d\" y=\"%u\" width=\"%u\" height=\"%u\"/>\n",
		SVG_LEFT, g->y, columns * SVG_CELL, rows * SVG_CELL);
	if (rows > 1 && rest != 0)
		fprintf(g->f,
			"<rect class=\"void\" x=\"%u\" y=\"%u\" width=\"%u\" height=\"%d\"/>\n",
			SVG_LEFT + rest * SVG_CELL, g->y + (rows - 1) * SVG_CELL,
			(SVG_ROW - rest) * SVG_CELL, SVG_CELL);
}

static void
svg_title(struct svg *g, const struct dump_area *a)
{
	static const char *const word[DUMP_PAGE_COUNT] = {"not in memory", "of the object", "own",
							  "shared copy on write", "beyond the end"};
	char size[32];

	svg_size(a->area.end - a->area.start, size, sizeof(size));
	fprintf(g->f, "<title>%" PRIx64 "-%" PRIx64 ", %s; pages:", a->area.start, a->area.end,
		size);
	for (unsigned k = 0; k < DUMP_PAGE_COUNT; k++)
		if (a->kind[k] != 0)
			fprintf(g->f, " %" PRIu64 " %s", a->kind[k], word[k]);
	fprintf(g->f, ", %" PRIu64 " dirty</title>\n", a->dirty);
}

/* What stands beside a box: two lines. */
static void
svg_beside(struct svg *g, const struct dump_area *a)
{
	char line[128], words[256], size[32], rights[5];

	dump_rights(&a->area, rights);
	svg_size(a->area.end - a->area.start, size, sizeof(size));
	if (a->area.object != NULL)
		snprintf(line, sizeof(line), "%s  %s +%" PRIx64 "  %s", rights, a->name,
			 a->area.off, size);
	else
		snprintf(line, sizeof(line), "%s  anonymous  %s", rights, size);
	svg_text(g, SVG_TEXT, g->y + 10, "", line);
	dump_words(&a->area, words, sizeof(words));
	if (a->pages_cell > 1) {
		size_t len = strlen(words);

		svg_size(a->pages_cell * TESS_PAGE_SIZE, size, sizeof(size));
		snprintf(words + len, sizeof(words) - len, " (a cell is %s)", size);
	}
	if (words[0] != '\0')
		svg_text(g, SVG_TEXT, g->y + 10 + SVG_LINE, " class=\"b\"", words + 1);
}

static void
svg_area(struct svg *g, const struct dump_area *a)
{
	unsigned rows = (a->cells + SVG_ROW - 1) / SVG_ROW;
	unsigned height = rows * SVG_CELL;
	bool locked = (a->area.flags & (TESS_AREA_LOCKED | TESS_AREA_WIRED)) != 0;
	char address[32];

	snprintf(address, sizeof(address), "%" PRIx64, a->area.start);
	svg_text(g, 8, g->y + 10, "", address);
	fputs("<g>", g->f);
	svg_title(g, a);
	svg_box(g, a, height);
	if (locked)
		fprintf(g->f,
			"<rect class=\"lock\" x=\"%d\" y=\"%u\" width=\"4\" height=\"%u\"/>\n",
			SVG_LEFT - 9, g->y - 2, height + 4);
	for (uint32_t i = 0; i < a->cells; i++)
		svg_cell(g, &a->cell[i], SVG_LEFT + i % SVG_ROW * SVG_CELL,
			 g->y + i / SVG_ROW * SVG_CELL);
	fputs("</g>\n", g->f);
	svg_beside(g, a);
	g->y += (height < SVG_ROOM ? SVG_ROOM : height) + 10;
}

static void
svg_gap(struct svg *g, tess_va from, tess_va to)
{
	char size[32], line[64];

	svg_size(to - from, size, sizeof(size));
	snprintf(line, sizeof(line), "%s free", size);
	fprintf(g->f, "<path class=\"gap\" d=\"M%d %uH%d\"/>\n", SVG_LEFT, g->y + 6, SVG_TEXT - 16);
	svg_text(g, SVG_TEXT, g->y + 10, " class=\"dim\"", line);
	g->y += SVG_GAP;
}

static void
svg_space(struct svg *g, const struct dump *d, const struct dump_space *s)
{
	char line[160];

	if (d->spaces > 1)
		snprintf(line, sizeof(line), "space %d: ", s->number);
	else
		line[0] = '\0';
	snprintf(line + strlen(line), sizeof(line) - strlen(line),
		 "%" PRIu64 " KiB mapped, %" PRIu64 " private pages, %" PRIu64 " KiB locked",
		 s->counts.bytes >> 10, s->counts.anon, s->counts.locked >> 10);
	svg_text(g, 8, g->y + 10, " class=\"b\"", line);
	g->y += 30;
	for (uint32_t i = 0; i < s->areas; i++) {
		const struct tess_area *a = &s->area[i].area;

		if (i != 0 && s->area[i - 1].area.end != a->start)
			svg_gap(g, s->area[i - 1].area.end, a->start);
		svg_area(g, &s->area[i]);
	}
	g->y += 10;
}

/* ---- Legend ---- */

static void
svg_sample(struct svg *g, unsigned x, const char *class, const char *text)
{
	fprintf(g->f, "<rect class=\"%s\" x=\"%u\" y=\"%u\" width=\"14\" height=\"14\"/>\n", class,
		x, g->y);
	svg_text(g, x + 20, g->y + 11, "", text);
}

static void
svg_legend(struct svg *g)
{
	svg_sample(g, 8, "box r0", "no access");
	svg_sample(g, 130, "box r1", "read");
	svg_sample(g, 220, "box r2", "write");
	svg_sample(g, 320, "box r3", "execute");
	svg_sample(g, 430, "box r4", "write, execute");
	svg_sample(g, 590, "box r1 shared", "shared mapping");
	g->y += 22;
	svg_sample(g, 8, "cell object", "object's page");
	svg_sample(g, 150, "cell own", "own private page");
	svg_sample(g, 320, "cell copy", "private, shared copy on write");
	svg_sample(g, 560, "cell beyond", "beyond the end");
	g->y += 22;
	svg_sample(g, 8, "cell own", "dirty");
	fprintf(g->f, "<circle class=\"dirty\" cx=\"15\" cy=\"%u\" r=\"2\"/>\n", g->y + 7);
	fprintf(g->f, "<rect class=\"lock\" x=\"150\" y=\"%u\" width=\"4\" height=\"14\"/>\n",
		g->y);
	svg_text(g, 170, g->y + 11, "", "locked or wired");
	svg_text(g, 320, g->y + 11, " class=\"dim\"",
		 "a cell is a page of 4 KiB, unless the box says otherwise");
	g->y += 22;
}

/* ---- The drawing ---- */

/* The lines of a drawing, or only its height: `f` NULL writes nothing. */
static unsigned
svg_height(const struct dump *d, int space)
{
	unsigned y = 40 + 66 + 20;

	for (uint32_t i = 0; i < d->spaces; i++) {
		const struct dump_space *s = &d->space[i];

		if (space >= 0 && s->number != space)
			continue;
		y += 40;
		for (uint32_t k = 0; k < s->areas; k++) {
			unsigned height = (s->area[k].cells + SVG_ROW - 1) / SVG_ROW * SVG_CELL;

			if (k != 0 && s->area[k - 1].area.end != s->area[k].area.start)
				y += SVG_GAP;
			y += (height < SVG_ROOM ? SVG_ROOM : height) + 10;
		}
	}
	return y;
}

void
dump_svg(const struct dump *d, int space, const char *title, FILE *f)
{
	struct svg g = {.f = f, .y = 40};
	unsigned height = svg_height(d, space);

	fprintf(f,
		"<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%u\" "
		"viewBox=\"0 0 %d %u\">\n<style>%s</style>\n"
		"<defs><pattern id=\"grid\" width=\"%d\" height=\"%d\" x=\"%d\" "
		"patternUnits=\"userSpaceOnUse\"><path d=\"M%d 0H0V%d\" fill=\"none\" "
		"stroke=\"#fff\"/></pattern></defs>\n"
		"<rect width=\"%d\" height=\"%u\" fill=\"#fff\"/>\n",
		SVG_WIDTH, height, SVG_WIDTH, height, svg_style, SVG_CELL, SVG_CELL, SVG_LEFT,
		SVG_CELL, SVG_CELL, SVG_WIDTH, height);
	svg_text(&g, 8, 22, " class=\"b\"", title);
	for (uint32_t i = 0; i < d->spaces; i++)
		if (space < 0 || d->space[i].number == space)
			svg_space(&g, d, &d->space[i]);
	svg_legend(&g);
	fputs("</svg>\n", f);
}
