/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * decode_priv.h: between the files of the decoder.
 */
#ifndef DECODE_PRIV_H
#define DECODE_PRIV_H

#include "program.h"

struct decode {
	struct program *p;
	const uint8_t *data;
	size_t size, at;
	uint8_t rec[DECODE_RECORD];
	int16_t addr_reg[DECODE_MAX + 8]; /* registers that hold addresses */
	unsigned naddr;
	int16_t fd_reg[DECODE_MAX + 8]; /* ... descriptors */
	unsigned nfd;
	int16_t space_reg[DECODE_MAX + 8]; /* ... spaces */
	unsigned nspace;
	int16_t next_reg;
	bool ok;
};

/* decode.c: arguments */
void decode_put(struct program_op *op, int16_t reg, uint64_t num);
void decode_num(struct program_op *op, uint64_t num);
void decode_addr(struct decode *d, struct program_op *op, uint8_t a, uint8_t b);
uint64_t decode_len(uint8_t b);
uint64_t decode_short_len(uint8_t b);
uint64_t decode_prot(uint8_t b);
void decode_fd(struct decode *d, struct program_op *op, uint8_t b);
void decode_result(struct decode *d, struct program_op *op, int16_t *regs, unsigned *n);
/* decode_map.c: calls */
uint64_t decode_rare_prot(uint64_t prot, uint8_t b);
void decode_mmap(struct decode *d, struct program_op *op);
void decode_mremap(struct decode *d, struct program_op *op);
void decode_mremap_bsd(struct decode *d, struct program_op *op);
void decode_ommap(struct decode *d, struct program_op *op);
void decode_map_protect(struct decode *d, struct program_op *op);
void decode_findspace(struct decode *d, struct program_op *op);

#endif
