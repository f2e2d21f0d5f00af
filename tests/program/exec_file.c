/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec_file.c: files, segments and devices: descriptors of a space, inherited over fork.
 *
 * A file's object is kept from its first open() to the end of the program, so that a name means the same
 * contents whatever is open or mapped in between.
 */
#include "exec_priv.h"
#include "memfile.h"

#define FD_FIRST     4 /* 0 to 2 are the terminal, 3 the program itself */
#define PREAD_MOST   ((uint64_t)16 << 20)
#define DEVICE_BYTES ((uint64_t)0x10000)

static void
file_answer(struct exec_answer *a, enum exec_kind kind, enum tess_err e, uint64_t v)
{
	a->kind = kind;
	a->err = a->want = e;
	a->value = a->want_value = v;
}

/* ---- The table of files ---- */

static int
file_find(const struct exec *x, const char *name, enum tess_handle_kind kind)
{
	for (int i = 0; i < x->nfiles; i++)
		if (x->file[i].kind == kind && text_equal(x->file[i].name, name))
			return i;
	return -1;
}

/* Enter a new object; its reference is the table's. */
static int
file_enter(struct exec *x, const char *name, const struct tess_handle *h, uint64_t size)
{
	struct exec_file *f = &x->file[x->nfiles];
	struct text t;

	text_init(&t, f->name, sizeof(f->name));
	text_add(&t, "%s", name);
	f->kind = h->kind;
	f->object = h->object;
	f->backing = env_file_backing(h);
	if (x->model != NULL) {
		f->model = model_object_create(x->model, h->object, h->kind, size, 0);
		model_object_name(f->model, name);
	}
	return x->nfiles++;
}

static enum tess_err
file_create(struct exec *x, const char *name, uint64_t size, struct tess_handle *h)
{
	if (x->o->files != NULL)
		return x->o->files->create(x->o->files->ctx, name, size, h);
	*h = env_file(size, 0);
	return h->kind == TESS_HANDLE_NONE ? TESS_ENOMEM : TESS_OK;
}

static enum tess_err
file_resize(struct exec *x, struct exec_file *f, uint64_t size)
{
	enum tess_err e = tess_object_set_size(f->object, size);

	x->compare_all = true;
	if (e == TESS_OK && f->model != NULL)
		model_object_set_size(f->model, size);
	return e;
}

const char *
exec_object_name(const struct exec *x, const struct tess_object *o)
{
	if (o == NULL)
		return "-";
	for (int i = 0; i < x->nfiles; i++)
		if (x->file[i].object == o)
			return x->file[i].kind == TESS_HANDLE_SHM ? "shm" : x->file[i].name;
	return "shm";
}

/* ---- Descriptors ---- */

static struct exec_fd *
fd_get(struct exec_space *s, uint64_t fd)
{
	if (fd < FD_FIRST || fd >= EXEC_FDS || !s->fd[fd].open)
		return NULL;
	return &s->fd[fd];
}

static void
fd_new(struct exec_space *s, int file, enum tess_handle_kind kind, uint8_t mode,
       struct exec_answer *a)
{
	for (uint64_t i = FD_FIRST; i < EXEC_FDS; i++) {
		if (s->fd[i].open)
			continue;
		s->fd[i] = (struct exec_fd){.open = true, .mode = mode, .kind = kind, .file = file};
		file_answer(a, RESULT_VALUE, TESS_OK, i);
		return;
	}
	a->kind = RESULT_SYS;
	a->word = "-EMFILE";
}

struct tess_handle
exec_handle(const struct exec *x, const struct exec_space *s, uint64_t fd)
{
	const struct exec_fd *d;

	if ((int)fd == -1)
		return (struct tess_handle){.kind = TESS_HANDLE_NONE};
	d = fd_get((struct exec_space *)(uintptr_t)s, fd);
	if (d == NULL)
		return (struct tess_handle){.kind = TESS_HANDLE_BAD};
	return (struct tess_handle){
	    .kind = d->kind,
	    .mode = d->mode,
	    .object = d->file < 0 ? NULL : x->file[d->file].object,
	};
}

/* A mapping was made of this descriptor: the mark that munmapfd() clears. */
void
exec_mapped(struct exec_space *s, uint64_t fd)
{
	struct exec_fd *d = fd_get(s, fd);

	if (d != NULL)
		d->mode |= TESS_MODE_MAPPED;
}

/* ---- Calls ---- */

static void
file_munmapfd(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct tess_handle h = exec_handle(x, s, exec_arg(x, 0));
	struct exec_fd *d = fd_get(s, exec_arg(x, 0));

	if (d != NULL) {
		tess_munmapfd(&h);
		d->mode = h.mode;
	}
	file_answer(a, RESULT_ERR, d == NULL ? TESS_EBADF : TESS_OK, 0);
	if (d != NULL && (d->mode & TESS_MODE_MAPPED) != 0)
		exec_diverge(x, "the descriptor is still marked\n");
}

static void
file_open(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	static const uint8_t modes[] = {TESS_MODE_READ, TESS_MODE_WRITE,
					TESS_MODE_READ | TESS_MODE_WRITE};
	const char *name = x->p->name[x->op->arg[0].num];
	uint64_t how = exec_arg(x, 1), size = exec_arg(x, 2);
	int file = file_find(x, name, TESS_HANDLE_FILE);
	enum tess_err e = TESS_OK;
	struct tess_handle h;

	if (how > 2 || size > INT64_MAX) {
		file_answer(a, RESULT_ERR, TESS_EINVAL, 0);
		return;
	}
	if (file < 0 && x->nfiles == EXEC_FILES) {
		a->kind = RESULT_SYS;
		a->word = "-ENFILE";
		return;
	}
	if (file >= 0) {
		e = file_resize(x, &x->file[file], size);
	} else {
		e = file_create(x, name, size, &h);
		if (e == TESS_OK)
			file = file_enter(x, name, &h, size);
	}
	if (e != TESS_OK)
		file_answer(a, RESULT_ERR, e, 0);
	else
		fd_new(s, file, TESS_HANDLE_FILE, modes[how], a);
}

static void
file_shmget(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	uint64_t size = exec_arg(x, 1);
	struct tess_handle h;

	if (size == 0 || size > INT64_MAX) {
		file_answer(a, RESULT_ERR, TESS_EINVAL, 0);
		return;
	}
	if (x->nfiles == EXEC_FILES) {
		a->kind = RESULT_SYS;
		a->word = "-ENFILE";
		return;
	}
	h = env_segment(size);
	if (h.kind == TESS_HANDLE_NONE)
		file_answer(a, RESULT_ERR, TESS_ENOMEM, 0);
	else
		fd_new(s, file_enter(x, "shm", &h, size), TESS_HANDLE_SHM, h.mode, a);
}

static void
file_device(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	const char *name = x->p->name[x->op->arg[0].num];
	int file = file_find(x, name, TESS_HANDLE_DEVICE);
	struct tess_handle h;

	if (text_equal(name, "zero")) {
		fd_new(s, -1, TESS_HANDLE_ZERO, TESS_MODE_READ | TESS_MODE_WRITE, a);
		return;
	}
	if (!text_equal(name, "mem")) {
		file_answer(a, RESULT_ERR, TESS_ENOENT, 0);
		return;
	}
	if (file < 0 && x->nfiles < EXEC_FILES) {
		h = env_file(DEVICE_BYTES, 0);
		if (h.kind == TESS_HANDLE_NONE) {
			file_answer(a, RESULT_ERR, TESS_ENOMEM, 0);
			return;
		}
		h.kind = TESS_HANDLE_DEVICE;
		file = file_enter(x, name, &h, DEVICE_BYTES);
	}
	if (file < 0) {
		a->kind = RESULT_SYS;
		a->word = "-ENFILE";
		return;
	}
	fd_new(s, file, TESS_HANDLE_DEVICE, TESS_MODE_READ | TESS_MODE_WRITE, a);
}

static void
file_close(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct exec_fd *d = fd_get(s, exec_arg(x, 0));

	if (d != NULL)
		d->open = false;
	file_answer(a, RESULT_ERR, d == NULL ? TESS_EBADF : TESS_OK, 0);
}

/* The regular file of argument 0, opened with `mode`; NULL: the answer is `wrong`. */
static struct exec_file *
file_of(struct exec *x, struct exec_space *s, uint8_t mode, enum tess_err wrong,
	struct exec_answer *a)
{
	struct exec_fd *d = fd_get(s, exec_arg(x, 0));

	if (d == NULL)
		file_answer(a, RESULT_ERR, TESS_EBADF, 0);
	else if (d->kind != TESS_HANDLE_FILE || (d->mode & mode) == 0)
		file_answer(a, RESULT_ERR, d->kind != TESS_HANDLE_FILE ? TESS_EINVAL : wrong, 0);
	else
		return &x->file[d->file];
	return NULL;
}

static void
file_ftruncate(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct exec_file *f = file_of(x, s, TESS_MODE_WRITE, TESS_EINVAL, a);

	if (f == NULL)
		return;
	file_answer(a, RESULT_ERR,
		    exec_arg(x, 1) > INT64_MAX ? TESS_EINVAL : file_resize(x, f, exec_arg(x, 1)),
		    0);
}

static void
file_pread(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct exec_file *f = file_of(x, s, TESS_MODE_READ, TESS_EBADF, a);
	uint64_t len = exec_arg(x, 1), off = exec_arg(x, 2);
	unsigned char *want;
	enum tess_err e;

	if (f == NULL)
		return;
	if (off > INT64_MAX) {
		file_answer(a, RESULT_ERR, TESS_EINVAL, 0);
		return;
	}
	if (off >= tess_object_size(f->object))
		len = 0;
	else if (len > tess_object_size(f->object) - off)
		len = tess_object_size(f->object) - off;
	if (len > PREAD_MOST)
		len = PREAD_MOST;
	a->room = len + 1;
	a->bytes = x->mem->get(x->mem, a->room);
	if (a->bytes == NULL) {
		a->room = 0;
		file_answer(a, RESULT_ERR, TESS_ENOMEM, 0);
		return;
	}
	e = tess_object_read(f->object, off, a->bytes, len, &a->nbytes);
	file_answer(a, RESULT_BYTES, a->nbytes != 0 ? TESS_OK : e, 0);
	if (f->model == NULL || e != TESS_OK)
		return;
	want = x->mem->get(x->mem, len + 1);
	if (want == NULL)
		x->o->die("no memory to compare what was read");
	if (model_object_read(f->model, off, want, len) != a->nbytes ||
	    memcmp(want, a->bytes, a->nbytes) != 0)
		exec_diverge(x, "the bytes read differ from the model's\n");
	x->mem->put(x->mem, want, len + 1);
}

static void
file_pwrite(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	struct exec_file *f = file_of(x, s, TESS_MODE_WRITE, TESS_EBADF, a);
	uint64_t len = exec_arg(x, 2), off = exec_arg(x, 3), sum = 0;
	unsigned char page[TESS_PAGE_SIZE];
	enum tess_err e = TESS_OK;

	if (f == NULL)
		return;
	if (off > INT64_MAX || len > INT64_MAX - off) {
		file_answer(a, RESULT_ERR, TESS_EINVAL, 0);
		return;
	}
	memset(page, (int)(exec_arg(x, 1) & 0xff), sizeof(page));
	while (sum < len && e == TESS_OK) {
		uint64_t n = len - sum < TESS_PAGE_SIZE ? len - sum : TESS_PAGE_SIZE, done = 0;

		e = tess_object_write(f->object, off + sum, page, n, &done);
		if (f->model != NULL && done != 0)
			model_object_write(f->model, off + sum, page, done);
		sum += done;
	}
	/* A write that got nowhere may still have made the file longer. */
	if (f->model != NULL && tess_object_size(f->object) > model_object_size(f->model))
		model_object_set_size(f->model, tess_object_size(f->object));
	x->compare_all = true;
	file_answer(a, RESULT_VALUE, sum != 0 ? TESS_OK : e, sum);
}

bool
exec_file_call(struct exec *x, struct exec_space *s, struct exec_answer *a)
{
	switch (x->op->call) {
	case CALL_OPEN:
		file_open(x, s, a);
		break;
	case CALL_CLOSE:
		file_close(x, s, a);
		break;
	case CALL_FTRUNCATE:
		file_ftruncate(x, s, a);
		break;
	case CALL_PREAD:
		file_pread(x, s, a);
		break;
	case CALL_PWRITE:
		file_pwrite(x, s, a);
		break;
	case CALL_SHMGET:
		file_shmget(x, s, a);
		break;
	case CALL_DEVICE:
		file_device(x, s, a);
		break;
	case CALL_MUNMAPFD:
		file_munmapfd(x, s, a);
		break;
	default:
		return false;
	}
	x->hit = x->hit || env_fail_hit();
	return true;
}

/* ---- The end ---- */

/* Contents of every file against the model's, then the last references go. */
void
exec_files_end(struct exec *x)
{
	for (int i = 0; i < x->nfiles; i++) {
		struct exec_file *f = &x->file[i];

		if (f->model != NULL && !exec_diverged(x) &&
		    !model_compare_object(f->model, f->object))
			exec_diverge(x, "%s: %s", f->name, model_report(x->model));
		tess_object_unref(f->object);
	}
}

/* What was written back must be what the model holds. */
void
exec_backings_check(struct exec *x)
{
	unsigned char have[TESS_PAGE_SIZE], want[TESS_PAGE_SIZE];

	for (int i = 0; i < x->nfiles; i++) {
		struct exec_file *f = &x->file[i];
		uint64_t size =
		    f->model == NULL || f->backing == NULL ? 0 : model_object_size(f->model);

		if (size != 0 && f->backing->size != size)
			exec_diverge(x, "%s: %lu bytes were written back, the model has %lu\n",
				     f->name, f->backing->size, size);
		for (uint64_t off = 0; off < size && !exec_diverged(x); off += TESS_PAGE_SIZE) {
			uint64_t n = model_object_read(f->model, off, want, sizeof(want));

			memfile_read(f->backing, off, have, n);
			if (memcmp(have, want, n) != 0)
				exec_diverge(x,
					     "%s: what was written back differs at offset 0x%lx\n",
					     f->name, off);
		}
	}
}
