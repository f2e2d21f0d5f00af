/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syntax.c: the calls of a program and the words of their arguments; one table that parser, printer and decoder
 * share.
 */
#include "program.h"

static const struct program_word words_prot[] = {
    {"PROT_NONE", 0}, {"PROT_READ", 1}, {"PROT_WRITE", 2}, {"PROT_EXEC", 4}, {NULL, 0},
};
static const struct program_word words_mmap[] = {
    {"MAP_SHARED_VALIDATE", 0x3},
    {"MAP_SHARED", 0x1},
    {"MAP_PRIVATE", 0x2},
    {"MAP_FIXED", 0x10},
    {"MAP_ANONYMOUS", 0x20},
    {"MAP_ANON", 0x20},
    {"MAP_GROWSDOWN", 0x100},
    {"MAP_DENYWRITE", 0x800},
    {"MAP_EXECUTABLE", 0x1000},
    {"MAP_LOCKED", 0x2000},
    {"MAP_NORESERVE", 0x4000},
    {"MAP_POPULATE", 0x8000},
    {"MAP_NONBLOCK", 0x10000},
    {"MAP_STACK", 0x20000},
    {"MAP_FIXED_NOREPLACE", 0x100000},
    {NULL, 0},
};
static const struct program_word words_madv[] = {
    {"MADV_NORMAL", 0},         {"MADV_RANDOM", 1},          {"MADV_SEQUENTIAL", 2},
    {"MADV_WILLNEED", 3},       {"MADV_DONTNEED", 4},        {"MADV_FREE", 8},
    {"MADV_DONTFORK", 10},      {"MADV_DOFORK", 11},         {"MADV_MERGEABLE", 12},
    {"MADV_UNMERGEABLE", 13},   {"MADV_HUGEPAGE", 14},       {"MADV_NOHUGEPAGE", 15},
    {"MADV_DONTDUMP", 16},      {"MADV_DODUMP", 17},         {"MADV_WIPEONFORK", 18},
    {"MADV_KEEPONFORK", 19},    {"MADV_COLD", 20},           {"MADV_PAGEOUT", 21},
    {"MADV_POPULATE_READ", 22}, {"MADV_POPULATE_WRITE", 23}, {NULL, 0},
};
static const struct program_word words_pmadv[] = {
    {"POSIX_MADV_NORMAL", 0},   {"POSIX_MADV_RANDOM", 1},   {"POSIX_MADV_SEQUENTIAL", 2},
    {"POSIX_MADV_WILLNEED", 3}, {"POSIX_MADV_DONTNEED", 4}, {NULL, 0},
};
static const struct program_word words_msync[] = {
    {"MS_ASYNC", 1},
    {"MS_INVALIDATE", 2},
    {"MS_SYNC", 4},
    {NULL, 0},
};
static const struct program_word words_mlock[] = {{"MLOCK_ONFAULT", 1}, {NULL, 0}};
static const struct program_word words_mcl[] = {
    {"MCL_CURRENT", 1},
    {"MCL_FUTURE", 2},
    {"MCL_ONFAULT", 4},
    {NULL, 0},
};
static const struct program_word words_inherit[] = {
    {"MAP_INHERIT_SHARE", 0},
    {"MAP_INHERIT_COPY", 1},
    {"MAP_INHERIT_NONE", 2},
    {"MAP_INHERIT_ZERO", 3},
    {NULL, 0},
};
static const struct program_word words_mremap[] = {
    {"MREMAP_MAYMOVE", 1},
    {"MREMAP_FIXED", 2},
    {"MREMAP_DONTUNMAP", 4},
    {NULL, 0},
};
static const struct program_word words_shm[] = {
    {"SHM_RDONLY", 0x1000}, {"SHM_EXEC", 0x8000}, {NULL, 0}};
static const struct program_word words_open[] = {
    {"O_RDONLY", 0}, {"O_WRONLY", 1}, {"O_RDWR", 2}, {NULL, 0}};
static const struct program_word words_rlimit[] = {
    {"RLIMIT_DATA", 2}, {"RLIMIT_STACK", 3}, {"RLIMIT_MEMLOCK", 8}, {"RLIMIT_AS", 9}, {NULL, 0},
};

static const struct {
	const struct program_word *words;
	bool set;
} syntax_words[TYPE_COUNT] = {
    [TYPE_PROT] = {words_prot, true},     [TYPE_MMAP] = {words_mmap, true},
    [TYPE_MADV] = {words_madv, false},    [TYPE_PMADV] = {words_pmadv, false},
    [TYPE_MSYNC] = {words_msync, true},   [TYPE_MLOCK] = {words_mlock, true},
    [TYPE_MCL] = {words_mcl, true},       [TYPE_INHERIT] = {words_inherit, false},
    [TYPE_MREMAP] = {words_mremap, true}, [TYPE_SHM] = {words_shm, true},
    [TYPE_OPEN] = {words_open, false},    [TYPE_RLIMIT] = {words_rlimit, false},
};

const struct program_word *
program_words(enum program_type type, bool *set)
{
	*set = syntax_words[type].set;
	return syntax_words[type].words;
}

const struct program_syntax program_syntax[CALL_COUNT] = {
    [CALL_MMAP] = {"mmap", 6, 6, {TYPE_HEX, TYPE_HEX, TYPE_PROT, TYPE_MMAP, TYPE_FD, TYPE_HEX}},
    [CALL_MUNMAP] = {"munmap", 2, 2, {TYPE_HEX, TYPE_HEX}},
    [CALL_MPROTECT] = {"mprotect", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_PROT}},
    [CALL_MADVISE] = {"madvise", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_MADV}},
    [CALL_POSIX_MADVISE] = {"posix_madvise", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_PMADV}},
    [CALL_MSYNC] = {"msync", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_MSYNC}},
    [CALL_MINCORE] = {"mincore", 2, 3, {TYPE_HEX, TYPE_HEX, TYPE_HEX}},
    [CALL_MLOCK] = {"mlock", 2, 2, {TYPE_HEX, TYPE_HEX}},
    [CALL_MLOCK2] = {"mlock2", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_MLOCK}},
    [CALL_MUNLOCK] = {"munlock", 2, 2, {TYPE_HEX, TYPE_HEX}},
    [CALL_MLOCKALL] = {"mlockall", 1, 1, {TYPE_MCL}},
    [CALL_MUNLOCKALL] = {"munlockall", 0, 0, {0}},
    [CALL_MINHERIT] = {"minherit", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_INHERIT}},
    [CALL_MREMAP] = {"mremap", 4, 5, {TYPE_HEX, TYPE_HEX, TYPE_HEX, TYPE_MREMAP, TYPE_HEX}},
    [CALL_BRK] = {"brk", 1, 1, {TYPE_HEX}},
    [CALL_SBRK] = {"sbrk", 1, 1, {TYPE_HEX}},
    [CALL_SHMGET] = {"shmget", 3, 3, {TYPE_HEX, TYPE_HEX, TYPE_HEX}},
    [CALL_SHMAT] = {"shmat", 3, 3, {TYPE_FD, TYPE_HEX, TYPE_SHM}},
    [CALL_SHMDT] = {"shmdt", 1, 1, {TYPE_HEX}},
    [CALL_OPEN] = {"open", 3, 3, {TYPE_NAME, TYPE_OPEN, TYPE_HEX}},
    [CALL_CLOSE] = {"close", 1, 1, {TYPE_FD}},
    [CALL_FTRUNCATE] = {"ftruncate", 2, 2, {TYPE_FD, TYPE_HEX}},
    [CALL_PREAD] = {"pread", 3, 3, {TYPE_FD, TYPE_HEX, TYPE_HEX}},
    [CALL_PWRITE] = {"pwrite", 4, 4, {TYPE_FD, TYPE_HEX, TYPE_HEX, TYPE_HEX}},
    [CALL_DEVICE] = {"device", 1, 1, {TYPE_NAME}},
    [CALL_LOAD] = {"load", 1, 1, {TYPE_HEX}},
    [CALL_STORE] = {"store", 2, 2, {TYPE_HEX, TYPE_HEX}},
    [CALL_FETCH] = {"fetch", 1, 1, {TYPE_HEX}},
    [CALL_FORK] = {"fork", 0, 0, {0}},
    [CALL_SWITCH] = {"switch", 1, 1, {TYPE_NUM}},
    [CALL_EXIT] = {"exit", 0, 0, {0}},
    [CALL_EXEC] = {"exec", 0, 0, {0}},
    [CALL_SETRLIMIT] = {"setrlimit", 2, 2, {TYPE_RLIMIT, TYPE_HEX}},
    [CALL_SET_BRK] = {"space_set_brk", 1, 1, {TYPE_HEX}},
    [CALL_CPU] = {"cpu", 1, 1, {TYPE_NUM}},
    [CALL_FAIL_NTH] = {"fail_nth", 1, 1, {TYPE_NUM}},
    [CALL_CHECK] = {"check", 0, 0, {0}},
    [CALL_DUMP] = {"dump", 0, 0, {0}},
};
