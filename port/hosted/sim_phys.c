/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sim_phys.c: simulated RAM, and what each frame of it is.
 *
 * RAM is a memfd mapped once; the direct map is that mapping.  Pages that nobody touched cost
 * nothing.  A machine's arena goes to a shelf when the machine is gone and serves the next one
 * of the same size, dirty as it is: clearing or unmapping 8 MiB for each of 5,000 machines a second would
 * be all the time there is, and the core may not depend on the contents anyway.
 *
 * Every frame has one word:
 *
 *	 31    30    29                        0
 *	┌────┬──────┬───────────────────────────┐	tess_port_frame_alloc   LIVE, count must be 0
 *	│DEAD│ LIVE │ who translates to it: TLB │	tess_port_frame_free	DEAD, count must be 0
 *	│    │      │ entries, cached steps,    │	neither: never reported (metadata of the core,
 *	│    │      │ table bases               │		 or hardware with no core on it)
 *	└────┴──────┴───────────────────────────┘
 *
 * Under AddressSanitizer a dead frame is poisoned as well: the core's use of a page or a PTE page after
 * its free is reported at the instruction that does it.
 *
 * So the frame-reuse oracle is one atomic operation where a frame is born or dies, and one where a
 * TLB entry comes or goes; it never scans TLBs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "sim_priv.h"

#if defined(__SANITIZE_ADDRESS__)
#define PHYS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PHYS_ASAN 1
#endif
#endif
#ifdef PHYS_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, n)   ((void)(at), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(at, n) ((void)(at), (void)(n))
#endif

#define PHYS_SHELF_MAX 16 /* arenas kept; more are unmapped */
#define PHYS_CLEAR_BYTES \
	((size_t)256 << 10) /* frame words up to this are cleared, above they are dropped */

struct sim_arena {
	struct sim_arena *next; /* on the shelf */
	uint64_t bytes;
	char *ram;
	uint32_t *frames;
	size_t frames_bytes;
};

static pthread_mutex_t phys_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct sim_arena *phys_shelf; /* phys_mutex */
static unsigned phys_shelved;        /* phys_mutex */

static void *
phys_map(int fd, size_t bytes)
{
	int flags = MAP_NORESERVE | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, flags, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

static struct sim_arena *
phys_make(uint64_t bytes)
{
	struct sim_arena *a = calloc(1, sizeof(*a));
	int fd = memfd_create("tessera-ram", MFD_CLOEXEC);

	if (a == NULL || fd < 0 || ftruncate(fd, (off_t)bytes) != 0)
		goto fail;
	a->bytes = bytes;
	a->frames_bytes = tess_page_round(bytes / TESS_PAGE_SIZE * sizeof(uint32_t));
	a->ram = phys_map(fd, bytes);
	a->frames = phys_map(-1, a->frames_bytes);
	if (a->ram == NULL || a->frames == NULL)
		goto fail;
	close(fd); /* the mapping keeps the memory */
	return a;
fail:
	fprintf(stderr, "tessera: no simulated RAM of %llu bytes: %s\n", (unsigned long long)bytes,
		strerror(errno));
	if (fd >= 0)
		close(fd);
	if (a != NULL && a->ram != NULL)
		munmap(a->ram, bytes);
	free(a);
	return NULL;
}

static void
phys_unmake(struct sim_arena *a)
{
	ASAN_UNPOISON_MEMORY_REGION(a->ram, a->bytes); /* the addresses may be used again */
	munmap(a->ram, a->bytes);
	munmap(a->frames, a->frames_bytes);
	free(a);
}

/* What the last machine left dead is plain memory for the next. */
static void
phys_unpoison(struct sim_arena *a)
{
#ifdef PHYS_ASAN
	for (uint64_t i = 0; i < a->bytes / TESS_PAGE_SIZE; i++)
		if (a->frames[i] & SIM_FRAME_DEAD)
			ASAN_UNPOISON_MEMORY_REGION(a->ram + i * TESS_PAGE_SIZE, TESS_PAGE_SIZE);
#else
	(void)a;
#endif
}

struct sim_arena *
tess_sim_arena_get(uint64_t bytes)
{
	struct sim_arena **at, *a;

	pthread_mutex_lock(&phys_mutex);
	for (at = &phys_shelf; (a = *at) != NULL; at = &a->next)
		if (a->bytes == bytes) {
			*at = a->next;
			phys_shelved--;
			break;
		}
	pthread_mutex_unlock(&phys_mutex);
	if (a == NULL)
		return phys_make(bytes);
	phys_unpoison(a);
	if (a->frames_bytes <= PHYS_CLEAR_BYTES)
		memset(a->frames, 0, a->frames_bytes);
	else
		madvise(a->frames, a->frames_bytes, MADV_DONTNEED);
	return a;
}

void
tess_sim_arena_put(struct sim_arena *a)
{
	pthread_mutex_lock(&phys_mutex);
	if (phys_shelved < PHYS_SHELF_MAX) {
		a->next = phys_shelf;
		phys_shelf = a;
		phys_shelved++;
		a = NULL;
	}
	pthread_mutex_unlock(&phys_mutex);
	if (a != NULL)
		phys_unmake(a);
}

char *
tess_sim_arena_base(struct sim_arena *a)
{
	return a->ram;
}

uint32_t *
tess_sim_arena_frames(struct sim_arena *a)
{
	return a->frames;
}

static uint32_t *
phys_word(struct tess_host *h, tess_pa pa, const char *what)
{
	if (SIM_UNLIKELY(pa < h->mmu.ram_start || pa >= h->mmu.ram_end))
		tess_sim_oracle("bus", "%s %#llx is outside RAM", what, (unsigned long long)pa);
	return &h->frames[(pa - h->mmu.ram_start) >> TESS_PAGE_SHIFT];
}

/* A frame word is written by one thread only where one thread plays every CPU. */
static uint32_t
phys_add(struct tess_host *h, uint32_t *word, uint32_t d)
{
	uint32_t old;

	if (h->threads)
		return tess_add_acqrel(word, d);
	old = *word;
	*word = old + d;
	return old;
}

void
tess_sim_frame_ref(struct tess_host *h, tess_pa pa, const char *what)
{
	uint32_t old = phys_add(h, phys_word(h, pa, what), 1);

	if (SIM_UNLIKELY(old & SIM_FRAME_DEAD)) {
		phys_add(h, phys_word(h, pa, what), (uint32_t)-1);
		tess_sim_oracle("frame-reuse", "a %s came to name frame %#llx, which is free", what,
				(unsigned long long)tess_page_trunc(pa));
	}
}

void
tess_sim_frame_unref(struct tess_host *h, tess_pa pa)
{
	phys_add(h, phys_word(h, pa, "dropped frame"), (uint32_t)-1);
}

uint32_t
tess_sim_frame_word(struct tess_host *h, tess_pa pa)
{
	return tess_load_relaxed(phys_word(h, pa, "frame"));
}

/* Which CPU still names the frame?  For the message only; the TLBs move while we look. */
static const char *
phys_culprit(struct tess_host *h, tess_pa pa, char *buf, size_t len)
{
	for (unsigned i = 0; i < h->ncpu; i++) {
		struct sim_cpu *c = &h->cpu[i];

		if (c->root == pa) {
			snprintf(buf, len, "table base of CPU %u", i);
			return buf;
		}
		for (unsigned j = 0; j < h->sets * SIM_WAYS * SIM_KINDS; j++) {
			struct sim_entry *e = &c->tlb[0][j];

			if (e->tag == 0 || e->pa != pa)
				continue;
			snprintf(
			    buf, len, "%s TLB of CPU %u at va %#llx asid %u",
			    j < h->sets * SIM_WAYS ? "data" : "instruction", i,
			    (unsigned long long)((e->tag & ~(SIM_TAG_VALID | SIM_TAG_GLOBAL)) >>
						 16 << TESS_PAGE_SHIFT),
			    (unsigned)(e->tag & 0xffff));
			return buf;
		}
	}
	snprintf(buf, len, "a paging-structure cache");
	return buf;
}

static void
phys_turn(struct tess_host *h, tess_pa pa, uint32_t state, const char *verb)
{
	uint32_t *word = phys_word(h, pa, verb), old = tess_load_relaxed(word);
	char who[96];

	if (!tess_page_aligned(pa))
		tess_sim_oracle("frame-reuse", "%s %#llx, which is not a frame", verb,
				(unsigned long long)pa);
	if (old & state)
		tess_sim_oracle("frame-reuse", "%s frame %#llx twice", verb,
				(unsigned long long)pa);
	while (!tess_cas_acqrel(word, &old, (old & SIM_FRAME_COUNT) | state))
		;
	if (SIM_UNLIKELY(old & SIM_FRAME_COUNT))
		tess_sim_oracle("frame-reuse", "%s frame %#llx while %u translations name it: %s",
				verb, (unsigned long long)pa, old & SIM_FRAME_COUNT,
				h->threads ? "(threads)" : phys_culprit(h, pa, who, sizeof(who)));
}

void
tess_port_frame_alloc(tess_pa pa)
{
	phys_turn(tess_sim_self("frame_alloc"), pa, SIM_FRAME_LIVE, "allocated");
	ASAN_UNPOISON_MEMORY_REGION(tess_port_direct(pa), TESS_PAGE_SIZE);
}

void
tess_port_frame_free(tess_pa pa)
{
	phys_turn(tess_sim_self("frame_free"), pa, SIM_FRAME_DEAD, "freed");
	ASAN_POISON_MEMORY_REGION(tess_port_direct(pa), TESS_PAGE_SIZE);
}
