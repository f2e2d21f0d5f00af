/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * exec_priv.h: between the files of the executor.
 */
#ifndef EXEC_PRIV_H
#define EXEC_PRIV_H

#include <tessera/map.h>
#include <tessera/object.h>
#include "env.h"
#include "exec.h"
#include "mem.h"
#include "model.h"
#include "text.h"

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#define EXEC_SPACES 64
#define EXEC_FDS    64
#define EXEC_FILES  64

struct exec_file {
	char name[PROGRAM_NAME];
	enum tess_handle_kind kind;
	struct tess_object *object; /* one reference */
	struct model_object *model; /* NULL without a model */
	const struct memfile *backing;
};

struct exec_fd {
	bool open;
	uint8_t mode;
	enum tess_handle_kind kind;
	int file; /* -1: /dev/zero */
};

struct exec_space {
	struct tess_space *core; /* NULL: gone */
	struct model_space *model;
	int parent;
	struct exec_fd fd[EXEC_FDS];
};

struct exec {
	const struct program *p;
	const struct exec_options *o;
	struct exec_result *res;
	struct model_mem *mem;
	struct model *model;
	uint64_t reg[PROGRAM_REGS];
	struct exec_space space[EXEC_SPACES];
	int nspaces, current; /* current -1: none left */
	struct exec_file file[EXEC_FILES];
	int nfiles;
	uint64_t fail; /* for the next call */
	bool hit;      /* it happened in the current one */
	const struct program_op *op;
	bool compare_all; /* the call may have changed any page */
};

uint64_t exec_arg(const struct exec *x, unsigned i);
void exec_diverge(struct exec *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool exec_diverged(const struct exec *x);

/* exec_words.c: the numbers of programs */
unsigned exec_mmap_flags(uint64_t v);
uint8_t exec_align(uint64_t flags);
enum tess_madv exec_madv(uint64_t v);
enum tess_madv exec_posix_madv(uint64_t v);
int exec_limit(uint64_t v);
enum tess_inherit exec_inherit(uint64_t v);
unsigned exec_mremap_flags(uint64_t v);
unsigned exec_remap_flags(uint64_t v);
unsigned exec_msync_flags(uint64_t v);
/* exec_mem.c: calls on memory */
bool exec_ask(struct exec *x, const struct exec_answer *a);
void exec_model_call(struct exec *x, struct exec_space *s, struct exec_answer *a);
bool exec_memory_call(struct exec *x, struct exec_space *s, struct exec_answer *a);
/* exec_map.c: calls on maps */
bool exec_map_call(struct exec *x, struct exec_space *s, struct exec_answer *a);
/* exec_file.c: calls on descriptors */
void exec_mapped(struct exec_space *s, uint64_t fd);
bool exec_file_call(struct exec *x, struct exec_space *s, struct exec_answer *a);
struct tess_handle exec_handle(const struct exec *x, const struct exec_space *s, uint64_t fd);
const char *exec_object_name(const struct exec *x, const struct tess_object *o);
void exec_files_end(struct exec *x);
void exec_backings_check(struct exec *x);

#endif
