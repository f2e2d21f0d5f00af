/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * diff_known.c: the differences between core and kernel that are known, each with its reason and a predicate.
 *
 * A predicate looks at one difference and is as narrow as it can be: the call, its arguments, both answers, what the
 * kernel's layout was before.  docs/DIFFHOST.md repeats the table for people.
 */
#define _GNU_SOURCE 1

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "diff.h"

/* ---- Helpers ---- */

static bool
known_host_is(const struct diff_case *c, int err)
{
	return c->what == DIFF_IN_RESULT && c->st->kind == DIFF_ERRNO && c->st->err == err;
}

static bool
known_core_is(const struct diff_case *c, enum tess_err err)
{
	return c->what == DIFF_IN_RESULT && c->a->kind != RESULT_SYS && c->a->err == err;
}

/* The kernel's mapping at va before the call; NULL: none. */
static const struct diff_area *
known_before(const struct diff_case *c, uint64_t va)
{
	for (uint32_t i = 0; i < c->before->n; i++) {
		const struct diff_area *a = &c->sh->area[c->before->at + i];

		if (a->start <= va && va < a->end)
			return a;
	}
	return NULL;
}

static bool
known_call(const struct diff_case *c, enum program_call call)
{
	return c->op != NULL && c->op->call == call;
}

static bool
known_access(const struct diff_case *c)
{
	return known_call(c, CALL_LOAD) || known_call(c, CALL_STORE) || known_call(c, CALL_FETCH);
}

static bool
known_signal_is(const struct diff_case *c, int sig)
{
	return c->what == DIFF_IN_RESULT && c->st->kind == DIFF_SIGNAL && c->st->err == sig;
}

static bool
known_host_ok(const struct diff_case *c)
{
	return c->what == DIFF_IN_RESULT && c->st->kind == DIFF_VALUE;
}

/* The call's flags: mmap's and mremap's are both argument 3. */
static bool
known_flag(const struct diff_case *c, uint64_t flag)
{
	return (c->st->arg[3] & flag) != 0;
}

/* Did the program make such a call so far? */
static bool
known_had(const struct diff_case *c, enum program_call call)
{
	for (uint32_t i = c->sh->skip; i < c->sh->nops && c->st != &c->sh->step[i]; i++)
		if (c->sh->op[i].call == call)
			return true;
	return false;
}

/* ---- mremap ---- */

/* Does [arg 0, + arg 1) lie in several of the kernel's mappings, or not in one? */
static bool
known_spans(const struct diff_case *c)
{
	const struct diff_area *a = known_before(c, c->st->arg[0]);

	return a == NULL || c->st->arg[1] > a->end - c->st->arg[0];
}

static bool
known_vma_split(const struct diff_case *c)
{
	/* Without MAYMOVE the core may find no room for what the kernel does not even look at. */
	bool core = known_core_is(c, TESS_OK) ||
		    (known_core_is(c, TESS_ENOMEM) && known_had(c, CALL_MADVISE));

	return known_call(c, CALL_MREMAP) && known_host_is(c, EFAULT) && core &&
	       known_before(c, c->st->arg[0]) != NULL &&
	       (known_spans(c) || known_had(c, CALL_MADVISE));
}

/* mremap(FIXED): the kernel asks the limits after the target was emptied. */
static bool
known_room_first(const struct diff_case *c)
{
	const uint64_t fixed = 2;

	if (!known_call(c, CALL_MREMAP) || !known_flag(c, fixed) || !known_host_ok(c) ||
	    !known_had(c, CALL_SETRLIMIT))
		return false;
	return known_core_is(c, TESS_ENOMEM) || known_core_is(c, TESS_EAGAIN);
}

/* mprotect(GROWSDOWN) begins where the kernel's mapping begins: another touches it that the core has joined. */
static bool
known_grows_split(const struct diff_case *c)
{
	const struct diff_area *a, *below;

	if (!known_call(c, CALL_MPROTECT) || (c->st->arg[2] & TESS_PROT_GROWSDOWN) == 0)
		return false;
	a = known_before(c, c->st->arg[0]);
	below = a == NULL ? NULL : known_before(c, a->start - DIFF_PAGE);
	if (c->what != DIFF_IN_RESULT && known_had(c, CALL_MADVISE) &&
	    (c->sh->features & DIFF_GUARD) != 0)
		return true;
	return below != NULL && below->prot == a->prot && below->object == 0 && a->object == 0;
}

/* Also when it stops half-way: what it moved before stays moved. */
static bool
known_moves_many(const struct diff_case *c)
{
	return known_call(c, CALL_MREMAP) && (c->sh->features & DIFF_MOVES_MANY) != 0 &&
	       known_flag(c, MREMAP_FIXED) && known_spans(c) &&
	       tess_page_round(c->st->arg[1]) == tess_page_round(c->st->arg[2]);
}

/* The old range leaves the user range; or the target is emptied before the call fails, or with the source in it. */
static bool
known_fixed_first(const struct diff_case *c)
{
	uint64_t old, to;

	if (!known_call(c, CALL_MREMAP) || !known_flag(c, MREMAP_FIXED))
		return false;
	old = c->st->arg[0];
	to = c->st->arg[4];
	if (c->st->arg[1] > DIFF_TOP - old)
		return true;
	if (c->st->kind == DIFF_ERRNO && c->what != DIFF_IN_RESULT)
		return true;
	return c->st->arg[1] == 0 && old >= to && old - to < tess_page_round(c->st->arg[2]);
}

/* ---- mmap ---- */

static bool
known_error_address(const struct diff_case *c)
{
	uint64_t addr = c->op == NULL ? 0 : c->st->arg[0];

	return known_call(c, CALL_MMAP) && known_flag(c, MAP_FIXED | MAP_FIXED_NOREPLACE) &&
	       addr > UINT64_MAX - 4096 && known_host_is(c, (int)-addr) &&
	       (known_core_is(c, TESS_ENOMEM) || known_core_is(c, TESS_EINVAL));
}

static bool
known_32bit(const struct diff_case *c)
{
	return known_call(c, CALL_MMAP) && known_flag(c, 0x40) &&
	       !known_flag(c, MAP_FIXED | MAP_FIXED_NOREPLACE) && known_host_is(c, ENOMEM);
}

/* Is there a mapping that begins less than 256 pages behind `end`, or did one of 256 pages not fit? */
static bool
known_below_stack(const struct diff_case *c, uint64_t end)
{
	for (uint32_t i = 0; i < c->before->n; i++) {
		const struct diff_area *a = &c->sh->area[c->before->at + i];

		if (a->start >= end && a->start - end < 256 * DIFF_PAGE && a->object == 0)
			return true;
	}
	return false;
}

/* Did the program ask for a stack so far? */
static bool
known_has_stack(const struct diff_case *c)
{
	for (uint32_t i = c->sh->skip; i < c->sh->nops && c->st != &c->sh->step[i]; i++)
		if (c->sh->op[i].call == CALL_MMAP &&
		    (c->sh->step[i].arg[3] & MAP_GROWSDOWN) != 0 &&
		    c->sh->step[i].kind == DIFF_VALUE)
			return true;
	return false;
}

static uint64_t
known_length(const struct diff_case *c)
{
	uint64_t arg = c->op->call == CALL_MMAP     ? c->st->arg[1]
		       : c->op->call == CALL_MREMAP ? c->st->arg[2]
						    : DIFF_PAGE;

	return tess_page_round(arg);
}

static bool
known_stack_gap(const struct diff_case *c)
{
	if (!known_call(c, CALL_MMAP) && !known_call(c, CALL_MREMAP) && !known_call(c, CALL_SHMAT))
		return false;
	if (known_call(c, CALL_MMAP) && known_flag(c, MAP_FIXED | MAP_FIXED_NOREPLACE))
		return false;
	if (known_host_is(c, ENOMEM) && c->a->err != TESS_OK)
		return known_has_stack(c); /* no place is an answer before all others */
	return (known_host_ok(c) || known_host_is(c, ENOMEM)) && known_core_is(c, TESS_OK) &&
	       known_has_stack(c) && known_below_stack(c, c->a->value + known_length(c));
}

/* ---- Accesses ---- */

static bool
known_fetch_order(const struct diff_case *c)
{
	const struct diff_area *a = known_access(c) ? known_before(c, c->st->arg[0]) : NULL;

	return known_call(c, CALL_FETCH) && known_signal_is(c, SIGBUS) &&
	       known_core_is(c, TESS_SIGSEGV) && a != NULL && a->prot != 0 &&
	       (a->prot & TESS_PROT_EXEC) == 0;
}

/* Was a file cut at or before this offset, so far? */
static bool
known_was_cut(const struct diff_case *c, uint64_t off)
{
	for (uint32_t i = c->sh->skip; i < c->sh->nops; i++) {
		const struct diff_step *st = &c->sh->step[i];

		if (c->sh->op[i].call == CALL_FTRUNCATE && st->kind == DIFF_VALUE &&
		    st->arg[1] <= off)
			return true;
		if (c->sh->op[i].call == CALL_OPEN && st->kind == DIFF_VALUE && st->arg[2] <= off)
			return true;
		if (st == c->st)
			break;
	}
	return false;
}

/* A private page behind the end that its file had at some time. */
static bool
known_truncate(const struct diff_case *c)
{
	bool access = known_access(c) && c->what == DIFF_IN_RESULT;
	uint64_t va = access ? c->st->arg[0] : diff_bit_va(c->bit);
	const struct diff_area *a;

	if (!access && c->what != DIFF_IN_ANON && c->what != DIFF_IN_PAGE)
		return false;
	a = known_before(c, va);
	return a != NULL && a->object != 0 && (a->flags & TESS_AREA_SHARED) == 0 &&
	       known_was_cut(c, a->off + (tess_page_trunc(va) - a->start));
}

/* Bytes that were stored behind a file's end, within its last page, when the file has grown over them. */
static bool
known_past_end(const struct diff_case *c)
{
	bool grown = known_had(c, CALL_FTRUNCATE) || known_had(c, CALL_PWRITE);
	bool bytes = c->what == DIFF_IN_BYTES && known_call(c, CALL_PREAD);
	const struct diff_area *a;

	if (!grown || !known_had(c, CALL_STORE))
		return false;
	if (c->what == DIFF_IN_FILE || bytes)
		return true;
	a = c->what == DIFF_IN_PAGE ? known_before(c, diff_bit_va(c->bit)) : NULL;
	return a != NULL && a->object != 0;
}

static bool
known_is_zero_offset(const struct diff_area *a)
{
	return a != NULL && a->object != 0 && (a->flags & TESS_AREA_SHARED) != 0 && a->off != 0;
}

/* A call that brings in pages [arg 0, + arg 1) met the end of such a mapping: ENOMEM of mlock, EFAULT of madvise. */
static bool
known_zero_offset_filled(const struct diff_case *c)
{
	bool lock = known_call(c, CALL_MLOCK) || known_call(c, CALL_MLOCK2);
	bool fill = known_call(c, CALL_MADVISE);
	uint64_t start = c->st->arg[0], len = c->st->arg[1];

	if (!((lock && known_host_is(c, ENOMEM)) || (fill && known_host_is(c, EFAULT))) ||
	    !known_core_is(c, TESS_OK) || !known_had(c, CALL_DEVICE))
		return false;
	for (uint32_t i = 0; i < c->before->n; i++) {
		const struct diff_area *a = &c->sh->area[c->before->at + i];

		if (known_is_zero_offset(a) && a->start < start + len && start < a->end)
			return true;
	}
	return false;
}

/* Behind the end of a shared mapping of /dev/zero that was asked for with an offset. */
static bool
known_zero_offset(const struct diff_case *c)
{
	bool access = known_access(c) && known_signal_is(c, SIGBUS);
	const struct diff_area *a = access                    ? known_before(c, c->st->arg[0])
				    : c->what == DIFF_IN_PAGE ? known_before(c, diff_bit_va(c->bit))
							      : NULL;

	if (known_call(c, CALL_MMAP) && known_host_ok(c) && known_core_is(c, TESS_EOVERFLOW))
		return known_had(c, CALL_DEVICE);
	return known_is_zero_offset(a) || known_zero_offset_filled(c);
}

/* ---- Lengths that wrap ---- */

static bool
known_round_wraps(const struct diff_case *c)
{
	uint64_t addr, len;

	if (!known_call(c, CALL_MLOCK) && !known_call(c, CALL_MLOCK2) &&
	    !known_call(c, CALL_MUNLOCK) && !known_call(c, CALL_MSYNC))
		return false;
	addr = c->st->arg[0];
	len = c->st->arg[1];
	/* What is left of the length behind the wrap is a page at most. */
	return len > UINT64_MAX - 2 * TESS_PAGE_SIZE &&
	       tess_page_round(len + (addr & TESS_PAGE_MASK)) <= TESS_PAGE_SIZE &&
	       (known_core_is(c, TESS_EINVAL) || known_core_is(c, TESS_ENOMEM));
}

static bool
known_lock_order(const struct diff_case *c)
{
	uint64_t addr, len;

	if (!known_call(c, CALL_MLOCK) && !known_call(c, CALL_MLOCK2))
		return false;
	addr = c->st->arg[0];
	len = c->st->arg[1];
	return addr + len + TESS_PAGE_SIZE < addr && known_host_is(c, ENOMEM) &&
	       known_core_is(c, TESS_EINVAL);
}

/* ---- mincore, madvise ---- */

/* One byte of mincore. */
static bool
known_incore_byte(const struct diff_case *c, uint64_t va, unsigned host, unsigned core)
{
	const struct diff_area *a = known_before(c, va);

	if (host == core)
		return true;
	if (a == NULL)
		return false;
	if (host == 0 && core == 1)
		return a->object != 0 && (known_had(c, CALL_PREAD) || known_had(c, CALL_MADVISE));
	if (a->object == 0)
		return host == 1 && core == 0 && !diff_bit_is(c->before->anon, diff_bit(va));
	return host == 1 && core == 0 && known_had(c, CALL_FETCH);
}

static bool
known_incore(const struct diff_case *c)
{
	if (!known_call(c, CALL_MINCORE) || c->what != DIFF_IN_BYTES || c->a->nbytes != c->st->n)
		return false;
	for (uint32_t i = 0; i < c->st->n; i++)
		if (!known_incore_byte(c, c->st->arg[0] + i * DIFF_PAGE,
				       c->sh->bytes[c->st->at + i], c->a->bytes[i]))
			return false;
	return true;
}

/* mremap(DONTUNMAP) of a part of a locked mapping: seen when attributes are. */
static bool
known_dontunmap_lock(const struct diff_case *c)
{
	return known_call(c, CALL_MREMAP) && known_flag(c, MREMAP_DONTUNMAP) &&
	       c->what == DIFF_IN_ATTRIBUTES && c->host != NULL && c->core != NULL &&
	       c->host->start == c->core->start && c->host->prot == c->core->prot &&
	       (c->host->object == 0) == (c->core->object == 0) &&
	       ((c->host->flags ^ c->core->flags) & ~(uint32_t)TESS_AREA_LOCKED) == 0;
}

static bool
known_poison(const struct diff_case *c)
{
	return known_call(c, CALL_MADVISE) && (c->st->arg[2] == 100 || c->st->arg[2] == 101) &&
	       known_host_is(c, EINVAL);
}

static bool
known_zero_file(const struct diff_case *c)
{
	if (!known_call(c, CALL_MADVISE) || !known_had(c, CALL_DEVICE))
		return false;
	if (c->st->arg[2] == MADV_REMOVE)
		return known_host_is(c, EACCES) && known_core_is(c, TESS_EINVAL);
	return c->st->arg[2] == MADV_WIPEONFORK && c->st->kind == DIFF_ERRNO &&
	       c->st->err == EINVAL && (c->what == DIFF_IN_RESULT || c->what == DIFF_IN_ATTRIBUTES);
}

/* Sealed: is there a private mapping of a file in the range? */
static bool
known_seal_clean(const struct diff_case *c)
{
	if (!known_call(c, CALL_MADVISE) || !known_had(c, CALL_MSEAL) ||
	    !known_core_is(c, TESS_EPERM))
		return false;
	for (uint32_t i = 0; i < c->before->n; i++) {
		const struct diff_area *a = &c->sh->area[c->before->at + i];

		if (a->object != 0 && (a->flags & TESS_AREA_SHARED) == 0 &&
		    a->end > c->st->arg[0] && a->start < c->st->arg[0] + c->st->arg[1])
			return true;
	}
	return false;
}

static bool
known_collapse(const struct diff_case *c)
{
	return known_call(c, CALL_MADVISE) && c->st->arg[2] == 25 &&
	       known_core_is(c, TESS_EINVAL) && (known_host_is(c, ENOMEM) || known_host_ok(c));
}

/* ---- The table ---- */

const struct diff_known diff_known[] = {
    {"vma-split", NULL,
     "mremap: the kernel keeps some equal neighbours as mappings of their own (what is private in "
     "them came into being "
     "apart) and answers EFAULT for a range in two of them",
     true, known_vma_split},
    {"grows-split", NULL,
     "mprotect: PROT_GROWSDOWN begins where the mapping begins; MADV_MERGEABLE and the like are "
     "borders to the kernel "
     "alone, guards to the core alone",
     true, known_grows_split},
    {"fixed-first", NULL,
     "mremap: with MREMAP_FIXED the kernel empties the target before it looks at the source, and a "
     "call that fails then "
     "has changed something; the core keeps its strong guarantee (D8)",
     true, known_fixed_first},
    {"moves-many", "6.17",
     "mremap: a plain move of the same length takes several mappings, and holes between them, at "
     "once; "
     "the core has the rule of the kernels before, EFAULT",
     true, known_moves_many},
    {"error-address", NULL,
     "mmap: a fixed address within the last page of the address space is taken for an error number "
     "by the kernel",
     false, known_error_address},
    {"32bit-range", NULL,
     "mmap: MAP_32BIT chooses between 1 and 2 GiB only; the core anywhere below 2 GiB", true,
     known_32bit},
    {"stack-gap", NULL,
     "a chosen place keeps 256 pages below a mapping that grows down free; the core keeps no such "
     "distance",
     true, known_stack_gap},
    {"fetch-order", NULL,
     "x86: a fetch from a page that is not there is a read until the page is there, so behind the "
     "end of a file SIGBUS "
     "comes before the missing right's SIGSEGV",
     false, known_fetch_order},
    {"truncate", NULL,
     "a file that becomes shorter takes the private pages behind its end with it; on the core, as "
     "in BSD, they stay",
     true, known_truncate},
    {"zero-offset", NULL,
     "a shared mapping of /dev/zero with an offset: the object has the mapping's length, but "
     "begins at the offset, so "
     "that its last pages are SIGBUS; the core's begins at 0. No offset is too large for that "
     "device",
     true, known_zero_offset},
    {"past-end", NULL,
     "a store behind the end of a file, within its last page, is seen in the kernel's page cache "
     "once the file has grown over it; the core gives zeros (ftruncate of POSIX: what is new is "
     "zeros)",
     true, known_past_end},
    {"room-first", NULL,
     "mremap: with MREMAP_FIXED the kernel asks the limits when the target is empty already; the "
     "core before it touches anything (D8)",
     true, known_room_first},
    {"zero-file", NULL,
     "madvise: a private mapping of /dev/zero is anonymous memory, but for REMOVE (EACCES) and "
     "WIPEONFORK (EINVAL) one of "
     "a file",
     true, known_zero_file},
    {"incore", NULL,
     "mincore: the kernel calls the page of zeros in memory, which private memory shows that was "
     "only read (C7); an "
     "instruction fetch from a page without the right to brings it in; reading a hole of a file in "
     "memory, or "
     "MADV_WILLNEED and MADV_REMOVE of one, does not",
     false, known_incore},
    {"dontunmap-lock", NULL,
     "mremap: DONTUNMAP of a part of a locked mapping unlocks what stays of all of it (and "
     "miscounts the locked bytes of "
     "the process); the core unlocks the part",
     true, known_dontunmap_lock},
    {"poison", NULL,
     "madvise: HWPOISON and SOFT_OFFLINE are unknown to a kernel built without MEMORY_FAILURE; the "
     "core refuses them as "
     "privileged",
     false, known_poison},
    {"collapse", NULL,
     "madvise: COLLAPSE looks for holes, and has nothing to do in less than 2 MiB; the core has no "
     "superpages: EINVAL",
     false, known_collapse},
    {"seal-clean", NULL,
     "madvise: a sealed private mapping of a file that never had a private page has nothing to "
     "lose, and the kernel lets "
     "discarding pass; the core answers EPERM",
     true, known_seal_clean},
    {"round-wraps", NULL,
     "mlock, munlock, msync: a length that wraps when it is rounded up counts as what is left, "
     "nothing or a page; on the core it is an error (D6)",
     true, known_round_wraps},
    {"lock-order", NULL, "mlock: a range that wraps is beyond RLIMIT_MEMLOCK before it is invalid",
     false, known_lock_order},
};
const unsigned diff_nknown = sizeof(diff_known) / sizeof(diff_known[0]);

const struct diff_known *
diff_explain(const struct diff_case *c)
{
	for (unsigned i = 0; i < diff_nknown; i++)
		if (diff_known[i].is(c))
			return &diff_known[i];
	return NULL;
}
