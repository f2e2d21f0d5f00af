/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.c: one line of a trace into one record.
 *
 * A line is cut into words; the word that names the record selects a row of a table, and that row's
 * signature says what each following word is, one letter a word:
 *
 *	"alpfmo"    a address   l length   L second length   A second address   p protection   P protection + sharing
 *	            f mmap flags   r mremap flags   d decimal flags   x hexadecimal flags   o offset   n decimal value
 *	            b object   m object and the descriptor's mode   e end address
 *
 * so that a record of the format is one row here, and every error message comes from one place.
 *
 * Rejected: sscanf (accepts signs, blanks and overflow in silence) and one function a record (twenty copies of
 * the same error path).
 */
#include "trace.h"

#define TRACE_WORDS 12

struct trace_word {
	const char *at;
	size_t len;
};

struct trace_line {
	struct trace_word word[TRACE_WORDS];
	unsigned n; /* words; TRACE_WORDS + 1 when there were more */
	struct trace_error *err;
};

static bool
word_is(const struct trace_word *w, const char *text)
{
	size_t i = 0;

	while (i < w->len && text[i] != 0 && w->at[i] == text[i])
		i++;
	return i == w->len && text[i] == 0;
}

/* word_wrong: note what was expected at word w (NULL: the end of the line).  Always false. */
static bool
word_wrong(struct trace_line *l, const struct trace_word *w, const char *expected)
{
	size_t n = w == NULL ? 0 : w->len;

	if (n > TRACE_FOUND_MAX - 1)
		n = TRACE_FOUND_MAX - 1;
	for (size_t i = 0; i < n; i++)
		l->err->found[i] = w->at[i] >= ' ' && w->at[i] < 127 ? w->at[i] : '?';
	l->err->found[n] = 0;
	l->err->expected = expected;
	return false;
}

static int
digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return 99;
}

static bool
digits_parse(const char *at, size_t len, unsigned base, uint64_t *out)
{
	uint64_t v = 0;

	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i++) {
		unsigned d = (unsigned)digit_value(at[i]);
		if (d >= base || v > (UINT64_MAX - d) / base)
			return false;
		v = v * base + d;
	}
	*out = v;
	return true;
}

static bool
word_u32(const struct trace_word *w, unsigned base, uint32_t *out)
{
	uint64_t v;

	if (!digits_parse(w->at, w->len, base, &v) || v > UINT32_MAX)
		return false;
	*out = (uint32_t)v;
	return true;
}

/* ---- Words with a meaning ---- */

static const struct {
	const char *name;
	uint32_t linux_bit;
	uint32_t flag;
} map_flag[] = {
    {"SHARED_VALIDATE", 0x3, TESS_MAP_SHARED_VALIDATE},
    {"SHARED", 0x1, TESS_MAP_SHARED},
    {"PRIVATE", 0x2, TESS_MAP_PRIVATE},
    {"FIXED", 0x10, TESS_MAP_FIXED},
    {"ANON", 0x20, TESS_MAP_ANON},
    {"32BIT", 0x40, 0}, /* only says where; RESULT says it too */
    {"GROWSDOWN", 0x100, TESS_MAP_GROWSDOWN},
    {"DENYWRITE", 0x800, TESS_MAP_DENYWRITE},
    {"EXECUTABLE", 0x1000, TESS_MAP_EXECUTABLE},
    {"LOCKED", 0x2000, TESS_MAP_LOCKED},
    {"NORESERVE", 0x4000, TESS_MAP_NORESERVE},
    {"POPULATE", 0x8000, TESS_MAP_POPULATE},
    {"NONBLOCK", 0x10000, TESS_MAP_NONBLOCK},
    {"STACK", 0x20000, TESS_MAP_STACK},
    {"FIXED_NOREPLACE", 0x100000, TESS_MAP_FIXED_NOREPLACE},
};

const char *
trace_flag_name(unsigned i, uint32_t *linux_bit)
{
	if (i >= sizeof(map_flag) / sizeof(map_flag[0]))
		return NULL;
	*linux_bit = map_flag[i].linux_bit;
	return map_flag[i].name;
}

static const struct {
	const char *name;
	int number;
} linux_error[] = {
    {"EPERM", 1},   {"ENOENT", 2},     {"EINTR", 4},       {"EIO", 5},     {"ENXIO", 6},
    {"E2BIG", 7},   {"EBADF", 9},      {"EAGAIN", 11},     {"ENOMEM", 12}, {"EACCES", 13},
    {"EFAULT", 14}, {"EBUSY", 16},     {"EEXIST", 17},     {"ENODEV", 19}, {"EINVAL", 22},
    {"ENFILE", 23}, {"EMFILE", 24},    {"ETXTBSY", 26},    {"EFBIG", 27},  {"ENOSYS", 38},
    {"EIDRM", 43},  {"EOVERFLOW", 75}, {"EOPNOTSUPP", 95},
};

#define LINUX_ERRORS (sizeof(linux_error) / sizeof(linux_error[0]))

const char *
trace_errno_name(int number)
{
	for (size_t i = 0; i < LINUX_ERRORS; i++)
		if (linux_error[i].number == number)
			return linux_error[i].name;
	return NULL;
}

int
trace_errno_number(const char *word, size_t len)
{
	struct trace_word w = {word, len};

	for (size_t i = 0; i < LINUX_ERRORS; i++)
		if (word_is(&w, linux_error[i].name))
			return linux_error[i].number;
	return 0;
}

/* word_split: the part of *w before the first `sep`; *w keeps what follows (empty at the end). */
static struct trace_word
word_split(struct trace_word *w, char sep)
{
	struct trace_word head = {w->at, 0};

	while (head.len < w->len && w->at[head.len] != sep)
		head.len++;
	size_t skip = head.len < w->len ? head.len + 1 : head.len;
	w->at += skip;
	w->len -= skip;
	return head;
}

static bool
prot_letters(const char *at, uint32_t *prot)
{
	static const char letter[] = "rwx";

	*prot = 0;
	for (unsigned i = 0; i < 3; i++) {
		if (at[i] == letter[i])
			*prot |= 1u << i;
		else if (at[i] != '-')
			return false;
	}
	return true;
}

/* "rw-", followed by any of ",growsdown", ",growsup", ",sem" and ",HEX". */
static bool
prot_parse(struct trace_line *l, const struct trace_word *w, struct trace_rec *rec)
{
	struct trace_word rest = *w;
	struct trace_word head = word_split(&rest, ',');

	if (head.len != 3 || !prot_letters(head.at, &rec->prot))
		return word_wrong(l, w, "a protection like rw-");
	while (rest.len > 0) {
		struct trace_word more = word_split(&rest, ',');
		uint32_t bits;
		if (word_is(&more, "growsdown"))
			bits = TRACE_PROT_GROWSDOWN;
		else if (word_is(&more, "growsup"))
			bits = TRACE_PROT_GROWSUP;
		else if (word_is(&more, "sem"))
			bits = TRACE_PROT_SEM;
		else if (!word_u32(&more, 16, &bits))
			return word_wrong(l, &more,
					  "growsdown, growsup, sem or a hexadecimal number");
		rec->prot |= bits;
	}
	return true;
}

static bool
perm_parse(struct trace_line *l, const struct trace_word *w, struct trace_rec *rec)
{
	if (w->len != 4 || !prot_letters(w->at, &rec->prot) || (w->at[3] != 'p' && w->at[3] != 's'))
		return word_wrong(l, w, "permissions like rw-p or r--s");
	rec->shared = w->at[3] == 's';
	return true;
}

static bool
map_flags_parse(struct trace_line *l, const struct trace_word *w, struct trace_rec *rec)
{
	struct trace_word rest = *w;

	rec->flags = 0;
	if (word_is(w, "0"))
		return true;
	while (rest.len > 0) {
		struct trace_word one = word_split(&rest, '|');
		size_t i = 0, n = sizeof(map_flag) / sizeof(map_flag[0]);
		while (i < n && !word_is(&one, map_flag[i].name))
			i++;
		if (i == n)
			return word_wrong(l, &one,
					  "an mmap flag (PRIVATE, SHARED, ANON, FIXED ...)");
		rec->flags |= map_flag[i].flag;
	}
	return true;
}

static bool
remap_flags_parse(struct trace_line *l, const struct trace_word *w, struct trace_rec *rec)
{
	struct trace_word rest = *w;

	rec->flags = 0;
	if (word_is(w, "0"))
		return true;
	while (rest.len > 0) {
		struct trace_word one = word_split(&rest, '|');
		if (word_is(&one, "MAYMOVE"))
			rec->flags |= TESS_MREMAP_MAYMOVE;
		else if (word_is(&one, "FIXED"))
			rec->flags |= TESS_MREMAP_FIXED;
		else if (word_is(&one, "DONTUNMAP"))
			rec->flags |= TESS_MREMAP_DONTUNMAP;
		else if (word_is(&one, "UNKNOWN"))
			rec->flags |= TESS_MREMAP_UNKNOWN;
		else
			return word_wrong(l, &one, "MAYMOVE, FIXED, DONTUNMAP, UNKNOWN or 0");
	}
	return true;
}

static bool
object_parse(struct trace_line *l, const struct trace_word *w, struct trace_obj *obj)
{
	static const struct {
		char letter;
		enum trace_backing backing;
	} numbered[] = {{'f', TRACE_FILE}, {'d', TRACE_DEVICE}, {'z', TRACE_ZERO}};
	struct trace_word number = {w->at + 1, w->len - 1};

	obj->id = 0;
	obj->backing = word_is(w, "stack") ? TRACE_STACK : TRACE_SPECIAL;
	if (word_is(w, "stack") || word_is(w, "special"))
		return true;
	obj->backing = TRACE_ANON;
	if (word_is(w, "-"))
		return true;
	for (unsigned i = 0; i < 3; i++) {
		if (w->at[0] == numbered[i].letter && word_u32(&number, 10, &obj->id)) {
			obj->backing = numbered[i].backing;
			return true;
		}
	}
	return word_wrong(l, w, "an object (f1, d1, z1, -, stack or special)");
}

static bool
handle_parse(struct trace_line *l, const struct trace_word *w, struct trace_rec *rec)
{
	struct trace_word mode = *w;
	struct trace_word name = word_split(&mode, ':');

	if (name.len == 0 || !object_parse(l, &name, &rec->obj))
		return word_wrong(l, w, "an object with its mode, like f1:ro, or -");
	rec->mode = TESS_MODE_READ | TESS_MODE_WRITE;
	if (word_is(&mode, "ro"))
		rec->mode = TESS_MODE_READ;
	else if (word_is(&mode, "wo"))
		rec->mode = TESS_MODE_WRITE;
	else if (mode.len > 0 && !word_is(&mode, "rw"))
		return word_wrong(l, &mode, "ro, wo or rw");
	return true;
}

static bool
sync_flags_parse(struct trace_line *l, const struct trace_word *w, struct trace_rec *rec)
{
	rec->flags = TRACE_MSYNC_ALL;
	if (word_is(w, "-1") || word_u32(w, 16, &rec->flags))
		return true;
	return word_wrong(l, w, "flags in hexadecimal");
}

/* One word by its letter in a signature. */
static bool
word_parse(struct trace_line *l, char letter, const struct trace_word *w, struct trace_rec *rec)
{
	uint64_t *hex = NULL;

	switch (letter) {
	case 'a':
		hex = &rec->addr;
		break;
	case 'l':
		hex = &rec->len;
		break;
	case 'L':
		hex = &rec->len2;
		break;
	case 'A':
	case 'e':
		hex = &rec->addr2;
		break;
	case 'o':
		hex = &rec->off;
		break;
	case 'p':
		return prot_parse(l, w, rec);
	case 'P':
		return perm_parse(l, w, rec);
	case 'f':
		return map_flags_parse(l, w, rec);
	case 'r':
		return remap_flags_parse(l, w, rec);
	case 'x':
		return sync_flags_parse(l, w, rec);
	case 'd':
		return word_u32(w, 10, &rec->flags) || word_wrong(l, w, "a decimal number");
	case 'n':
		return digits_parse(w->at, w->len, 10, &rec->value) ||
		       word_wrong(l, w, "a decimal number");
	case 'b':
		return object_parse(l, w, &rec->obj);
	default:
		return handle_parse(l, w, rec);
	}
	return digits_parse(w->at, w->len, 16, hex) || word_wrong(l, w, "a hexadecimal number");
}

/* ---- Records ---- */

/* Whether a space is followed by a task number in this record. */
enum trace_head {
	HEAD_NONE,
	HEAD_SPACE,
	HEAD_TASK,
	HEAD_CALL /* and the record ends in "= RESULT" */
};

static const struct {
	const char *name;
	const char *signature;
	enum trace_head head;
} record_row[TRACE_KIND_COUNT] = {
    [TRACE_VMTRACE] = {"vmtrace", "n", HEAD_NONE},
    [TRACE_ARCH] = {"arch", "*", HEAD_NONE},
    [TRACE_PAGE] = {"page", "n", HEAD_NONE},
    [TRACE_LOST] = {"lost", "n", HEAD_NONE},
    [TRACE_OBJECT] = {"object", "bn*", HEAD_NONE},
    [TRACE_SIZE] = {"size", "bn", HEAD_NONE},
    [TRACE_EXEC] = {"exec", "", HEAD_TASK},
    [TRACE_SNAPSHOT] = {"snapshot", "*", HEAD_SPACE},
    [TRACE_AREA] = {"area", "aePob", HEAD_SPACE},
    [TRACE_RESIDENT] = {"resident", "an", HEAD_SPACE},
    [TRACE_COUNTS] = {"counts", "cn", HEAD_SPACE},
    [TRACE_END] = {"end", "", HEAD_SPACE},
    [TRACE_FORK] = {"fork", "n", HEAD_TASK},
    [TRACE_EXIT] = {"exit", "", HEAD_TASK},
    [TRACE_FAULT] = {"fault", "ak", HEAD_TASK},
    [TRACE_MMAP] = {"mmap", "alpfmo", HEAD_CALL},
    [TRACE_MUNMAP] = {"munmap", "al", HEAD_CALL},
    [TRACE_MPROTECT] = {"mprotect", "alp", HEAD_CALL},
    [TRACE_BRK] = {"brk", "a", HEAD_CALL},
    [TRACE_MREMAP] = {"mremap", "alLrA", HEAD_CALL},
    [TRACE_MADVISE] = {"madvise", "ald", HEAD_CALL},
    [TRACE_MSYNC] = {"msync", "alx", HEAD_CALL},
    [TRACE_MINCORE] = {"mincore", "al", HEAD_CALL},
    [TRACE_MLOCK] = {"mlock", "al", HEAD_CALL},
    [TRACE_MLOCK2] = {"mlock2", "alx", HEAD_CALL},
    [TRACE_MUNLOCK] = {"munlock", "al", HEAD_CALL},
    [TRACE_MLOCKALL] = {"mlockall", "x", HEAD_CALL},
    [TRACE_MUNLOCKALL] = {"munlockall", "", HEAD_CALL},
    [TRACE_SHMAT] = {"shmat", "apm", HEAD_CALL},
    [TRACE_SHMDT] = {"shmdt", "a", HEAD_CALL},
};

const char *
trace_kind_name(enum trace_kind k)
{
	return record_row[k].name;
}

static bool
result_parse(struct trace_line *l, unsigned i, struct trace_rec *rec)
{
	static const char what[] = "a result: a hexadecimal number or -ENAME";

	if (i >= l->n || !word_is(&l->word[i], "="))
		return word_wrong(l, i < l->n ? &l->word[i] : NULL, "= and a result");
	if (i + 1 >= l->n)
		return word_wrong(l, NULL, what);
	const struct trace_word *w = &l->word[i + 1];
	if (w->at[0] == '-') {
		rec->err = trace_errno_number(w->at + 1, w->len - 1);
		return rec->err != 0 || word_wrong(l, w, "the name of an error, like -EINVAL");
	}
	return digits_parse(w->at, w->len, 16, &rec->result) || word_wrong(l, w, what);
}

/* "r", "w" or "x"; then any of "prot", "kernel" up to the end of the line. */
static bool
fault_parse(struct trace_line *l, unsigned i, struct trace_rec *rec)
{
	const struct trace_word *w = &l->word[i];

	if (word_is(w, "r"))
		rec->access = TESS_ACCESS_READ;
	else if (word_is(w, "w"))
		rec->access = TESS_ACCESS_WRITE;
	else if (word_is(w, "x"))
		rec->access = TESS_ACCESS_EXEC;
	else
		return word_wrong(l, w, "r, w or x");
	for (i++; i < l->n; i++) {
		if (word_is(&l->word[i], "prot"))
			rec->flags |= TRACE_FAULT_PRESENT;
		else if (word_is(&l->word[i], "kernel"))
			rec->flags |= TRACE_FAULT_KERNEL;
		else
			return word_wrong(l, &l->word[i], "prot, kernel or the end of the line");
	}
	return true;
}

/* The rest of the line as free text. */
static void
text_take(const struct trace_line *l, unsigned i, const char *end, struct trace_rec *rec)
{
	rec->text = l->word[i].at;
	rec->text_len = (uint32_t)(end - l->word[i].at);
}

static bool
words_parse(struct trace_line *l, unsigned i, const char *end, struct trace_rec *rec)
{
	const char *sig = record_row[rec->kind].signature;

	for (; *sig != 0; sig++, i++) {
		if (i >= l->n)
			return word_wrong(l, NULL, "more words on this line");
		if (*sig == '*') {
			text_take(l, i, end, rec);
			return true;
		}
		if (*sig == 'k')
			return fault_parse(l, i, rec);
		if (*sig == 'c' && !word_is(&l->word[i], "anon"))
			return word_wrong(l, &l->word[i], "anon");
		if (*sig != 'c' && !word_parse(l, *sig, &l->word[i], rec))
			return false;
	}
	if (record_row[rec->kind].head == HEAD_CALL) {
		if (!result_parse(l, i, rec))
			return false;
		i += 2;
	}
	return i == l->n || word_wrong(l, &l->word[i], "the end of the line");
}

/* Which record this is, and the index of its first argument; 0: none. */
static unsigned
kind_find(struct trace_line *l, struct trace_rec *rec)
{
	static const unsigned place[] = {
	    [HEAD_NONE] = 0, [HEAD_SPACE] = 1, [HEAD_TASK] = 2, [HEAD_CALL] = 2};

	for (unsigned k = 0; k < TRACE_KIND_COUNT; k++) {
		unsigned at = place[record_row[k].head];
		if (at < l->n && word_is(&l->word[at], record_row[k].name)) {
			rec->kind = (enum trace_kind)k;
			return at + 1;
		}
	}
	return 0;
}

static bool
line_parse(struct trace_line *l, const char *end, struct trace_rec *rec)
{
	if (l->n == 0)
		return word_wrong(l, NULL, "a record");
	if (l->n > TRACE_WORDS)
		return word_wrong(l, NULL, "fewer words on this line");
	unsigned i = kind_find(l, rec);
	if (i == 0)
		return word_wrong(l, &l->word[l->n > 2 ? 2 : l->n - 1], "the name of a record");
	if (i > 1 && !word_u32(&l->word[0], 10, &rec->space))
		return word_wrong(l, &l->word[0], "a space number");
	if (i > 2 && !word_u32(&l->word[1], 10, &rec->task))
		return word_wrong(l, &l->word[1], "a task number");
	return words_parse(l, i, end, rec);
}

static void
line_cut(struct trace_line *l, const char *at, const char *end)
{
	l->n = 0;
	while (at < end) {
		if (*at == ' ') {
			at++;
			continue;
		}
		struct trace_word w = {at, 0};
		while (at < end && *at != ' ')
			at++;
		w.len = (size_t)(at - w.at);
		if (l->n < TRACE_WORDS)
			l->word[l->n] = w;
		l->n++;
		if (l->n > TRACE_WORDS)
			return;
	}
}

void
trace_start(const struct trace *t, struct trace_cursor *c)
{
	c->trace = t;
	c->at = 0;
	c->line = 0;
}

enum trace_step
trace_next(struct trace_cursor *c, struct trace_rec *rec, struct trace_error *err)
{
	const char *at = c->trace->text + c->at, *limit = c->trace->text + c->trace->size;
	const char *end = at;
	struct trace_line l = {.err = err};

	if (at == limit)
		return TRACE_EOF;
	while (end < limit && *end != '\n')
		end++;
	c->line++;
	c->at = (size_t)(end - c->trace->text) + (end < limit);
	*rec = (struct trace_rec){.line = c->line};
	err->line = c->line;
	if (end == limit) {
		word_wrong(&l, NULL, "a newline at the end of the file (is it cut short?)");
		return TRACE_BAD;
	}
	line_cut(&l, at, end);
	if (!line_parse(&l, end, rec))
		return TRACE_BAD;
	if (rec->kind == TRACE_AREA)
		rec->len = rec->addr2 - rec->addr;
	return TRACE_RECORD;
}
