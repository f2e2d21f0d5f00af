/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * embed.c: the smallest program that uses the library from outside its tree (tests/build/consume).
 *
 * One machine, one space, one page: map it, store through the simulated MMU, read it back.
 */
#include <stdio.h>
#include <tessera/tessera.h>
#include <hosted.h>

static enum tess_err
embed_fault(void *ctx, tess_va va, enum tess_access access)
{
	return tess_fault(ctx, va, access);
}

static enum tess_err
embed_use(struct tess_host *h, struct tess_space *sp)
{
	struct tess_mmap_args args = {
	    .len = TESS_PAGE_SIZE,
	    .prot = TESS_PROT_READ | TESS_PROT_WRITE,
	    .flags = TESS_MAP_PRIVATE | TESS_MAP_ANON,
	};
	unsigned char byte = 0x42;
	tess_va va;
	enum tess_err err = tess_mmap(sp, &args, &va);

	if (err == TESS_OK)
		err = tess_host_store(h, va + 7, &byte, 1);
	byte = 0;
	if (err == TESS_OK)
		err = tess_host_load(h, va + 7, &byte, 1);
	printf("0x%x\n", byte);
	return err;
}

int
main(void)
{
	struct tess_host_config cfg = {
	    .isa = TESS_HOST_X86_64, .drive = TESS_HOST_SINGLE, .ncpu = 1, .ram = 16 << 20};
	struct tess_host *h = tess_host_create(&cfg);
	struct tess_space *sp;
	enum tess_err err;

	if (h == NULL || tess_space_create(NULL, &sp) != TESS_OK)
		return 1;
	tess_space_activate(sp);
	tess_host_set_fault(h, embed_fault, sp);
	err = embed_use(h, sp);
	tess_space_activate(NULL);
	tess_space_destroy(sp);
	tess_host_destroy(h);
	return err == TESS_OK ? 0 : 1;
}
