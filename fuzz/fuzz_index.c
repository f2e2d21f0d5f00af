/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_index.c: the range index and the radix against plain arrays, operation by operation.
 *
 *	byte 0		bit 0: radix; otherwise index
 *	byte 1		index: how many ranges, one next to the other with holes, it starts with
 *	then		each choice of index_model.h takes 2 bytes, until there are none
 *
 * Any bytes are a valid program; walkers run after every operation, and the tear-down finds every
 * leaf, node and range given back.  Runs on the unit port, so it is deterministic.
 */
#include "index/index_model.h"

#define FUZZ_INDEX_RAM (2u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct byte_stream {
	struct im_stream s;
	const uint8_t *at, *end;
};

static struct index_model fuzz_index_model;
static struct radix_model fuzz_radix_model;

static uint64_t
byte_next(struct im_stream *s)
{
	struct byte_stream *b = (struct byte_stream *)s;
	uint64_t v = 0;

	for (unsigned i = 0; i < 2 && b->at < b->end; i++)
		v = v << 8 | *b->at++;
	s->end = b->at == b->end;
	return v;
}

static void
fuzz_ranges(struct byte_stream *b, unsigned start)
{
	struct index_model *m = &fuzz_index_model;

	im_start(m);
	for (uint64_t i = 0; i < start; i++)
		im_edit(m, IM_MAP, IM_LO + i * 16, IM_LO + i * 16 + 8 + i % 8, 0, 0, &b->s);
	while (!b->s.end)
		im_step(m, &b->s);
	im_compare_all(m);
	im_stop(m);
}

static void
fuzz_radix(struct byte_stream *b)
{
	rm_start(&fuzz_radix_model);
	while (!b->s.end)
		rm_step(&fuzz_radix_model, &b->s);
	rm_stop(&fuzz_radix_model);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct byte_stream b = {{byte_next, false}, data + 2, data + size};
	struct tess_machine *m;

	if (size < 4)
		return 0;
	m = unit_machine_start(FUZZ_INDEX_RAM, 1, 1);
	index_must(tess_index_room_init(m) == TESS_OK);
	if (data[0] & 1)
		fuzz_radix(&b);
	else
		fuzz_ranges(&b, data[1]);
	tess_rcu_drain();
	tess_index_room_fini(m);
	unit_machine_stop();
	return 0;
}
