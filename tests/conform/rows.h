/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rows.h: what the tables have in common: arguments, and the rows that every call over a range has.
 */
#ifndef CONFORM_ROWS_H
#define CONFORM_ROWS_H

#include "conform.h"

#define GIVEN                                 \
	{                                     \
		"given", ARG_GIVEN, "-", NULL \
	}
#define ADDR(usual)                           \
	{                                     \
		"addr", ARG_ADDR, usual, NULL \
	}
#define NUM(name, usual)                   \
	{                                  \
		name, ARG_NUM, usual, NULL \
	}
#define PROT(usual)                                \
	{                                          \
		"prot", ARG_PROT, usual, rows_prot \
	}
#define FLAGS(usual, words)                      \
	{                                        \
		"flags", ARG_WORDS, usual, words \
	}
#define FD(usual)                         \
	{                                 \
		"fd", ARG_FD, usual, NULL \
	}
#define END                                 \
	{                                   \
		NULL, ARG_GIVEN, NULL, NULL \
	}

/* Alignment, borders, lengths that wrap. */
#define RANGE_EDGES                                                  \
	"# addresses and lengths", "len={0,1,4095,1p,1p+1,4p}",      \
	    "addr={anon,anon+1,anon+4095} len={0,1,1p,-1,-1p,sign}", \
	    "addr={0,1,min-1p,min,max-1p,max,max+1p,sign,-1p,-1} len={0,1,2p,-1}"

/* Each mapping, and each border between two of them: the first offender in address order decides. */
#define RANGE_PLACES                                                                            \
	"# each mapping alone",                                                                 \
	    "addr={anon,none,hole,file,ro,priv,locked,immut,hole2,immro,guard,guarded,eof,seg," \
	    "zeros,dev,gap,stack,heap}",                                                        \
	    "# across a border",                                                                \
	    "addr={anon+3p,none+1p,hole+1p,file+3p,ro+1p,priv+1p,locked+1p,immut+1p,hole2+1p,"  \
	    "immro+1p,guard+1p,guarded+1p,eof+1p,gap+31p} len=2p",                              \
	    "addr={anon,none,priv,locked,immro} len=8p"

extern const struct arg_word rows_prot[], rows_mmap[], rows_advice[], rows_msync[], rows_lock[],
    rows_mcl[], rows_inherit[], rows_mremap[], rows_mremap_bsd[], rows_protect[], rows_omap[];

#endif
