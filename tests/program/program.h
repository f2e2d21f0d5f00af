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
#include <tessera/map.h>

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
	CALL_MINCORE_DETAIL,
	CALL_MQUERY,
	CALL_MIMMUTABLE,
	CALL_MSEAL,
	CALL_MREMAP_BSD,
	CALL_OMMAP,
	CALL_SSTK,
	CALL_GETPAGESIZE,
	CALL_MUNMAPFD,
	CALL_MAP_PROTECT,
	CALL_MAP_FLAGS,
	CALL_MAP_SEED,
	CALL_MAP_WIRE,
	CALL_MAP_UNWIRE,
	CALL_MAP_EXTRACT,
	CALL_MAP_FINDSPACE,
	CALL_MAP_RESERVE,
	CALL_RELEASE_QUARANTINE,
	CALL_QUOTA,
	CALL_OVERCOMMIT,
	CALL_WIRED_MAX,
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

#define PROGRAM_ARGS   7
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
	TYPE_RIGHTS, /* PROT_* without what only calls of the mmap family take */
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
	TYPE_REMAP, /* of mremap_bsd */
	TYPE_OMAP,
	TYPE_MAPF,
	TYPE_PROTECT,
	TYPE_WIRE,
	TYPE_PLACE,
	TYPE_EXTRACT,
	TYPE_QUOTA,
	TYPE_COMMIT,
	TYPE_COUNT
};

/* A word, or with `inside` one that takes a value: WORD(x) is x << shift, inside the bits of `value`. */
struct program_word {
	const char *word;
	uint64_t value;
	uint8_t shift, inside; /* enum program_type */
};

/*
 * What Linux has no number for lies from bit 32 on, so that its numbers mean in a program what they mean there.
 */
#define PROGRAM_BIT(n)            ((uint64_t)1 << (n))
#define PROGRAM_MAP_COPY          PROGRAM_BIT(32)
#define PROGRAM_MAP_GUARD         PROGRAM_BIT(33)
#define PROGRAM_MAP_TRYFIXED      PROGRAM_BIT(34)
#define PROGRAM_MAP_ALIGNED_SUPER PROGRAM_BIT(35)
#define PROGRAM_MAP_NOSYNC        PROGRAM_BIT(36)
#define PROGRAM_MAP_NOCORE        PROGRAM_BIT(37)
#define PROGRAM_MAP_UPPER_LIMIT   PROGRAM_BIT(38)
#define PROGRAM_MAP_PREFAULT_READ PROGRAM_BIT(39)
#define PROGRAM_MAP_INHERIT       PROGRAM_BIT(40)
#define PROGRAM_MAP_LEGACY        PROGRAM_BIT(41)
#define PROGRAM_MAP_ALIGNED_SHIFT 56
#define PROGRAM_MAP_ALIGNED_BITS  ((uint64_t)0xff << PROGRAM_MAP_ALIGNED_SHIFT)
#define PROGRAM_MADV(n)           (PROGRAM_BIT(32) + (n)) /* others than Linux: the last of words_madv */

struct program_syntax {
	const char *name;
	uint8_t least, most; /* arguments */
	uint8_t type[PROGRAM_ARGS];
};

extern const struct program_syntax program_syntax[CALL_COUNT];
/* program_modelled: can the call be held against the model? */
bool program_modelled(enum program_call call);
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
/*
 * program_encode: bytes that decode to this program on this machine (seed 0 to 255); the numbers of registers may
 * differ (encode.c).
 *
 * => false: no bytes do, or `room` is too small; *wrong is the op that stands in the way
 */
#define DECODE_ROOM (DECODE_HEAD + DECODE_MAX * DECODE_RECORD)
bool program_encode(const struct program *p, const struct program_setup *setup, uint8_t *data,
		    size_t room, size_t *size, uint32_t *wrong);

#endif
