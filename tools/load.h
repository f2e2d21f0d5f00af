/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * load.h: what the subcommands that take programs of calls have in common.
 *
 * `tool` is the subcommand's name: complaints are one line, "tessera TOOL: ...", on stderr.
 */
#ifndef TESS_TOOLS_LOAD_H
#define TESS_TOOLS_LOAD_H

#include "env.h"
#include "exec.h"
#include "program.h"

#define LOAD_RAM ((uint64_t)1 << 30) /* of the machine that a program gets */

/* load_file: the bytes of a file, "-": the standard input; the caller frees.  NULL: a complaint was made. */
char *load_file(const char *tool, const char *path, size_t *len);
/* load_program: the program whose text is in a file; false: a complaint was made. */
bool load_program(const char *tool, const char *path, struct program *p);
/*
 * load_files: the files of open(): real ones, made in a scratch directory and unlinked while they are open, so
 * that nothing is left behind however the run ends.
 */
extern const struct exec_files load_files;

/* Values of options; false: a complaint was made. */
bool load_isa(const char *tool, const char *text, enum env_isa *isa);
bool load_cpus(const char *tool, const char *text, unsigned *cpus);
bool load_number(const char *text, unsigned most, unsigned *out);

#endif
