/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.h: a sequence of calls with symbolic arguments, in three forms.
 *
 *	text  ──program_parse──►  struct program  ──program_print──►  text (the same program)
 *	bytes ──program_decode──►       │ any bytes are a legal program
 *	                                ▼
 *	                        exec.h: the core, or the core against the model
 *
 * Numbers in a program (flags, advice, limits) are those of Linux on x86_64, so that a number and its name mean
 * the same to whoever reads a program; exec.c translates them to tessera's own.  An argument is a number, or a
 * register plus a number, or a name in quotes.
 *
 * Rejected: arguments as raw words (a fuzzer's mutations of an address would rarely hit the mapping that an
 * earlier call made), and a syntax tree (no call nests).
 */
#ifndef PROGRAM_H
#define PROGRAM_H

#include <tessera/types.h>
#include <tessera/space.h>

struct model_mem;

enum program_call {
	CALL_MMAP,
	CALL_MUNMAP,
	CALL_MPROTECT,
	CALL_MADVISE,
	CALL_POSIX_MADVISE,
	CALL_MSYNC,
	CALL_MINCORE,
	CALL_MLOCK,
	CALL_MLOCK2,
	CALL_MUNLOCK,
	CALL_MLOCKALL,
	CALL_MUNLOCKALL,
	CALL_MINHERIT,
	CALL_MREMAP,
	CALL_BRK,
	CALL_SBRK,
	CALL_SHMGET,
	CALL_SHMAT,
	CALL_SHMDT,
	CALL_OPEN,
	CALL_CLOSE,
	CALL_FTRUNCATE,
	CALL_PREAD,
	CALL_PWRITE,
	CALL_DEVICE,
	CALL_LOAD,
	CALL_STORE,
	CALL_FETCH,
	CALL_FORK,
	CALL_SWITCH,
	CALL_EXIT,
	CALL_EXEC,
	CALL_SETRLIMIT,
	CALL_SET_BRK,
	CALL_CPU,
	CALL_FAIL_NTH,
	CALL_CHECK,
	CALL_DUMP,
	CALL_COUNT
};

#define PROGRAM_ARGS   6
#define PROGRAM_REGS   256
#define PROGRAM_NAME   32
#define PROGRAM_NO_REG (-1)

/* An argument: reg < 0: num; else the register's value + num.  For a name: num is its place in names[]. */
struct program_arg {
	int16_t reg;
	uint64_t num;
};

struct program_op {
	uint8_t call; /* enum program_call */
	uint8_t nargs;
	int16_t result; /* register, or PROGRAM_NO_REG */
	uint32_t line;  /* of the source; for decoded programs the line it would be printed on */
	struct program_arg arg[PROGRAM_ARGS];
};

struct program {
	struct model_mem *mem;
	enum tess_personality personality;
	struct program_op *op;
	uint32_t n, room;
	char (*name)[PROGRAM_NAME];
	uint32_t names, names_room;
};

void program_init(struct program *p, struct model_mem *mem);
void program_fini(struct program *p);
/* program_add: one more op, without arguments; NULL: no memory. */
struct program_op *program_add(struct program *p, enum program_call call);
/* program_name: the place of a name (stored once); -1: too long or no memory. */
int program_name(struct program *p, const char *name, size_t len);

/* What the calls are: names and the words of each argument (syntax.c). */
enum program_type {
	TYPE_NUM, /* printed decimal when small, else hex */
	TYPE_HEX,
	TYPE_FD,   /* -1 or a register */
	TYPE_NAME, /* quoted */
	TYPE_PROT,
	TYPE_MMAP,
	TYPE_MADV,
	TYPE_PMADV,
	TYPE_MSYNC,
	TYPE_MLOCK,
	TYPE_MCL,
	TYPE_INHERIT,
	TYPE_MREMAP,
	TYPE_SHM,
	TYPE_OPEN,
	TYPE_RLIMIT,
	TYPE_COUNT
};

struct program_word {
	const char *word;
	uint64_t value;
};

struct program_syntax {
	const char *name;
	uint8_t least, most; /* arguments */
	uint8_t type[PROGRAM_ARGS];
};

extern const struct program_syntax program_syntax[CALL_COUNT];
/* The words of a type, ended by a NULL word; NULL: the type has none.  `set`: words may be joined by '|'. */
const struct program_word *program_words(enum program_type type, bool *set);

/*
 * program_parse: text to program.  `file` names it in errors.
 *
 * => false: error[] holds one line, "FILE:LINE: expected ...", without a newline; p holds what came before
 */
bool program_parse(struct program *p, const char *file, const char *text, size_t len, char *error,
		   size_t error_size);

/* program_print: program to text, a line an op, handed on piece by piece. */
void program_print(const struct program *p, void (*put)(void *ctx, const char *text), void *ctx);
/* program_print_op: one op, without newline, into buf. */
void program_print_op(const struct program *p, const struct program_op *op, char *buf, size_t size);

/* ---- Bytes (decode.c) ---- */

#define DECODE_HEAD   4  /* bytes before the first record */
#define DECODE_RECORD 10 /* bytes a call */
#define DECODE_MAX    64 /* calls that are looked at */
#define DECODE_BASE   0x10000000u
#define DECODE_PAGES  64 /* the window that addresses are drawn from */

struct program_setup {
	uint8_t isa;  /* enum env_isa */
	uint8_t ncpu; /* 1..4 */
	uint64_t seed;
};

/* program_decode: any bytes to a legal program; false: no memory. */
bool program_decode(struct program *p, struct program_setup *setup, const uint8_t *data,
		    size_t size);

#endif
