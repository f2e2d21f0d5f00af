/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * protect.c: tess_map_protect(): P1 to P18, and the order in which its answers are found.
 */
#include <tessera/object.h>
#include "api.h"

#define SET_PROT TESS_PROTECT_SET_PROT
#define SET_MAX  TESS_PROTECT_SET_MAXPROT
#define R        TESS_PROT_READ
#define NONE     TESS_PROT_NONE

/* A page of `prot` and `maxprot` at BASE + i pages. */
static void
protect_page(struct api *t, unsigned i, unsigned prot, unsigned maxprot)
{
	tess_va va = BASE + i * PAGE;

	EXPECT_OK(t_anon(t, va, PAGE, prot, PFIX, NULL));
	EXPECT_EQ(t_map_protect(t, va, va + PAGE, 0, maxprot, SET_MAX), TESS_KERN_SUCCESS);
}

static struct tess_map *
protect_submap(struct api *t, unsigned i)
{
	struct tess_map *sub = NULL;
	tess_va va = BASE + i * PAGE;

	t_apart(t);
	if (T_KERN(t, "submap_create", API_LEFT_NOTHING,
		   tess_map_submap_create(tess_space_map(t->sp), va, va + PAGE, &sub)) !=
	    TESS_KERN_SUCCESS)
		api_fail_text(t, "submap_create", "refused");
	return sub;
}

static void
protect_submap_gone(struct api *t, struct tess_map *sub)
{
	if (sub != NULL && T_KERN(t, "submap_destroy", API_LEFT_NOTHING,
				  tess_map_submap_destroy(sub)) != TESS_KERN_SUCCESS)
		api_fail_text(t, "submap_destroy", "refused");
}

API_TEST(p1_set_prot)
{
	EXPECT_OK(t_anon(t, BASE, 3 * PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_map_protect(t, BASE + PAGE, BASE + 2 * PAGE, R, NONE, SET_PROT),
		  TESS_KERN_SUCCESS);
	EXPECT_EQ(t_area(t, BASE + PAGE).prot, R);
	EXPECT_EQ(t_area(t, BASE + PAGE).maxprot, RWX);
	EXPECT_EQ(t_store(t, BASE + PAGE, 1), TESS_SIGSEGV);
	EXPECT_OK(t_store(t, BASE + 2 * PAGE, 1));
}

API_TEST(p2_set_max)
{
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, NONE, R | TESS_PROT_EXEC, SET_MAX),
		  TESS_KERN_SUCCESS);
	EXPECT_EQ(t_area(t, BASE).maxprot, R | TESS_PROT_EXEC);
	EXPECT_EQ(t_area(t, BASE).prot, R); /* the excess is gone, nothing was added */
	EXPECT_EQ(t_area(t, BASE + PAGE).prot, RW);
}

API_TEST(p3_within_max)
{
	protect_page(t, 0, R, RWX);
	protect_page(t, 1, R, RW);
	protect_page(t, 2, R, RWX);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + 3 * PAGE, RWX, NONE, SET_PROT),
		  TESS_KERN_PROTECTION_FAILURE);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + 3 * PAGE, NONE, RWX, SET_MAX),
		  TESS_KERN_PROTECTION_FAILURE);
	EXPECT_EQ(t_area(t, BASE).prot, R);
	EXPECT_EQ(t_area(t, BASE + 2 * PAGE).prot, R);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + 3 * PAGE, RW, NONE, SET_PROT), TESS_KERN_SUCCESS);
}

API_TEST(p4_p8_submap)
{
	struct tess_map *map = tess_space_map(t->sp), *sub;

	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	sub = protect_submap(t, 1);
	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_map_protect(t, BASE, BASE + 3 * PAGE, R, NONE, SET_PROT),
		  TESS_KERN_INVALID_ARGUMENT);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + 3 * PAGE, NONE, R, SET_MAX),
		  TESS_KERN_INVALID_ARGUMENT);
	EXPECT_EQ(t_area(t, BASE).prot, RW);
	EXPECT_EQ(t_area(t, BASE + 2 * PAGE).prot, RW);
	EXPECT_EQ(tess_map_protect(map, BASE, BASE + PAGE, R, NONE, SET_PROT), TESS_KERN_SUCCESS);
	protect_submap_gone(t, sub);
}

/* One change of the map, and the lock is free again after every answer. */
API_TEST(p5_one_change)
{
	struct tess_map *map = tess_space_map(t->sp);
	struct tess_area a[4];
	uint64_t before, after;
	unsigned n;

	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, PAGE, RW, PFIX, NULL));
	tess_map_list(map, 0, a, 4, &n, &before);
	EXPECT_EQ(n, 2);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + 3 * PAGE, RW, R, SET_PROT | SET_MAX),
		  TESS_KERN_OUT_OF_BOUNDS);
	tess_map_list(map, 0, a, 4, &n, &after);
	EXPECT_EQ(after, before); /* nothing was locked, nothing changed */
	EXPECT_EQ(t_map_protect(t, BASE, BASE + 3 * PAGE, R, NONE, SET_PROT), TESS_KERN_SUCCESS);
	tess_map_list(map, 0, a, 4, &n, &after);
	EXPECT_EQ(n, 2);
	EXPECT_EQ(a[0].prot, R);
	EXPECT_EQ(a[1].prot, R);
	if (t->fail == NULL)
		EXPECT_EQ(after, before + 1);
	EXPECT_OK(t_munmap(t, BASE, PAGE));
}

API_TEST(p7_success)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	/* holes are no errors, nor is a range with nothing in it, nor one beyond the map */
	EXPECT_EQ(t_map_protect(t, BASE - PAGE, BASE + 4 * PAGE, R, NONE, SET_PROT),
		  TESS_KERN_SUCCESS);
	EXPECT_EQ(t_area(t, BASE).prot, R);
	EXPECT_EQ(t_map_protect(t, BASE + 8 * PAGE, BASE + 9 * PAGE, R, NONE, SET_PROT),
		  TESS_KERN_SUCCESS);
	EXPECT_EQ(t_map_protect(t, 0, 0xfffffffffffff000, RW, NONE, SET_PROT), TESS_KERN_SUCCESS);
	EXPECT_EQ(t_area(t, BASE).prot, RW);
	EXPECT_EQ(t_map_protect(t, 0x900000000000, 0x900000001000, R, NONE, SET_PROT),
		  TESS_KERN_SUCCESS);
	/* an empty range is success before anything else is looked at */
	EXPECT_EQ(t_map_protect(t, BASE, BASE, RWX, R, SET_PROT | SET_MAX), TESS_KERN_SUCCESS);
	EXPECT_EQ(t_map_set_flags(t, TESS_MAPF_WXORX), TESS_KERN_SUCCESS);
	EXPECT_EQ(t_map_protect(t, BASE, BASE, RWX, NONE, SET_PROT), TESS_KERN_SUCCESS);
}

API_TEST(p9_beyond_max)
{
	protect_page(t, 0, R, R);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, RW, NONE, SET_PROT),
		  TESS_KERN_PROTECTION_FAILURE);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, NONE, RW, SET_MAX),
		  TESS_KERN_PROTECTION_FAILURE);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, NONE, RW, SET_PROT | SET_MAX),
		  TESS_KERN_PROTECTION_FAILURE); /* the maximum alone exceeds */
}

API_TEST(p10_wxorx)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_map_set_flags(t, TESS_MAPF_WXORX), TESS_KERN_SUCCESS);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, RWX, NONE, SET_PROT),
		  TESS_KERN_PROTECTION_FAILURE);
	EXPECT_EQ(t_map_protect(t, BASE + 8 * PAGE, BASE + 9 * PAGE, RWX, NONE, SET_PROT),
		  TESS_KERN_PROTECTION_FAILURE); /* before the scan finds nothing */
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, NONE, RWX, SET_MAX),
		  TESS_KERN_SUCCESS); /* a maximum may have both */
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, R | TESS_PROT_EXEC, NONE, SET_PROT),
		  TESS_KERN_SUCCESS);
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, RWX), TESS_EACCES);
	EXPECT_EQ(t_anon(t, BASE + PAGE, PAGE, RWX, PFIX, NULL), TESS_EACCES);
}

API_TEST(p11_commit)
{
	struct tess_account a;

	tess_account_set_commit(TESS_COMMIT_NEVER, 2 * PAGE);
	t_apart(t);
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, R, PFIX, NULL));
	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, 2 * PAGE, R, PFIX, NULL));
	EXPECT_EQ(t_map_protect(t, BASE, BASE + 3 * PAGE, RW, NONE, SET_PROT),
		  TESS_KERN_RESOURCE_SHORTAGE);
	EXPECT_EQ(t_area(t, BASE).prot, R); /* nowhere, not even where the charge sufficed */
	EXPECT_EQ(t_counts(t).charged, 0);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + 2 * PAGE, RW, NONE, SET_PROT), TESS_KERN_SUCCESS);
	EXPECT_EQ(t_counts(t).charged, 2 * PAGE);
	tess_account_get(&a);
	EXPECT_EQ(a.committed, 2 * PAGE);
	EXPECT_OK(t_munmap(t, BASE, 4 * PAGE));
	tess_account_get(&a);
	EXPECT_EQ(a.committed, 0);
	tess_account_set_commit(TESS_COMMIT_ALWAYS, 0);
}

API_TEST(p12_out_of_bounds)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, RW, R, SET_PROT | SET_MAX),
		  TESS_KERN_OUT_OF_BOUNDS);
	EXPECT_EQ(t_area(t, BASE).prot, RW);
	/* before W^X, before the scan */
	EXPECT_EQ(t_map_set_flags(t, TESS_MAPF_WXORX), TESS_KERN_SUCCESS);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, RWX, R, SET_PROT | SET_MAX),
		  TESS_KERN_OUT_OF_BOUNDS);
	/* with one of the two flags the other word is not looked at */
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, RW, NONE, SET_PROT), TESS_KERN_SUCCESS);
}

API_TEST(p13_no_flags)
{
	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_map_protect(t, BASE + PAGE, BASE + 2 * PAGE, NONE, NONE, 0), TESS_KERN_SUCCESS);
	EXPECT_EQ(t_area(t, BASE + PAGE).prot, RW);
	EXPECT_EQ(t_counts(t).entries, 1); /* what was cut is joined again */
}

API_TEST(p14_max_none)
{
	EXPECT_OK(t_anon(t, BASE, 2 * PAGE, RW, PFIX, NULL));
	EXPECT_OK(t_store(t, BASE, 7));
	EXPECT_OK(t_store(t, BASE + PAGE, 8));
	EXPECT(t_counts(t).resident >= 2);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + 2 * PAGE, NONE, NONE, SET_MAX), TESS_KERN_SUCCESS);
	EXPECT_EQ(t_area(t, BASE).prot, NONE);
	EXPECT_EQ(t_counts(t).resident, 0);
	EXPECT_EQ(t_anon_count(t), 2); /* the pages stay */
	EXPECT_EQ(t_load(t, BASE, NULL), TESS_SIGSEGV);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, R, NONE, SET_PROT),
		  TESS_KERN_PROTECTION_FAILURE); /* and never come back */
}

API_TEST(p15_then_above)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, RW, PFIX, NULL));
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, NONE, R, SET_MAX), TESS_KERN_SUCCESS);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, RW, NONE, SET_PROT),
		  TESS_KERN_PROTECTION_FAILURE);
	EXPECT_EQ(t_mprotect(t, BASE, PAGE, RW), TESS_EACCES);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, NONE, RW, SET_MAX),
		  TESS_KERN_PROTECTION_FAILURE); /* a maximum is never raised */
}

API_TEST(p16_both)
{
	EXPECT_OK(t_anon(t, BASE, PAGE, RWX, PFIX, NULL));
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, R, RW, SET_PROT | SET_MAX),
		  TESS_KERN_SUCCESS);
	EXPECT_EQ(t_area(t, BASE).prot, R);
	EXPECT_EQ(t_area(t, BASE).maxprot, RW);
	EXPECT_EQ(t_map_protect(t, BASE, BASE + PAGE, RW, RW, SET_PROT | SET_MAX),
		  TESS_KERN_SUCCESS);
	EXPECT_OK(t_store(t, BASE, 1));
}

API_TEST(p17_later_error)
{
	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX, NULL));
	protect_page(t, 4, R, R);
	EXPECT_EQ(t_map_protect(t, BASE + 2 * PAGE, BASE + 5 * PAGE, RWX, NONE, SET_PROT),
		  TESS_KERN_PROTECTION_FAILURE);
	EXPECT_EQ(t_area(t, BASE + 2 * PAGE).prot, RW);
	EXPECT_EQ(t_counts(t).entries, 2); /* nor was anything split */
}

API_TEST(protect_first_offender)
{
	struct tess_map *sub;

	protect_page(t, 0, R, R);
	EXPECT_OK(t_anon(t, BASE + 2 * PAGE, PAGE, R, PFIX, NULL));
	EXPECT_OK(t_mseal(t, BASE + 2 * PAGE, PAGE, 0));
	protect_page(t, 3, R, R);
	sub = protect_submap(t, 1);
	/* maximum, submap, immutable, maximum: in address order */
	EXPECT_EQ(t_map_protect(t, BASE, BASE + 4 * PAGE, RW, NONE, SET_PROT),
		  TESS_KERN_PROTECTION_FAILURE);
	EXPECT_EQ(t_map_protect(t, BASE + PAGE, BASE + 4 * PAGE, RW, NONE, SET_PROT),
		  TESS_KERN_INVALID_ARGUMENT);
	EXPECT_EQ(t_map_protect(t, BASE + 2 * PAGE, BASE + 4 * PAGE, R, NONE, SET_PROT),
		  TESS_KERN_PROTECTION_FAILURE);
	protect_submap_gone(t, sub);
}

API_TEST(protect_grows_down)
{
	EXPECT_OK(t_anon(t, BASE, 4 * PAGE, RW, PFIX | TESS_MAP_GROWSDOWN, NULL));
	EXPECT_EQ(t_map_protect(t, BASE + 2 * PAGE, BASE + 3 * PAGE, R, NONE,
				SET_PROT | TESS_PROTECT_GROWSDOWN),
		  TESS_KERN_SUCCESS);
	EXPECT_EQ(t_area(t, BASE).prot, R);
	EXPECT_EQ(t_area(t, BASE + 3 * PAGE).prot, RW);
}

static const struct api_test protect_tests[] = {
    API_ROW(p1_set_prot, "P1: SET_PROT sets the protection, and no maximum", API_ALL),
    API_ROW(p2_set_max, "P2: SET_MAXPROT lowers the maximum and what exceeds it", API_ALL),
    API_ROW(p3_within_max, "P3: neither may exceed any entry's maximum", API_ALL),
    API_ROW(p4_p8_submap, "P4, P8: a submap in the range is INVALID_ARGUMENT", API_ALL),
    API_ROW(p5_one_change, "P5: one change of the map, under its lock, which is let go", API_ALL),
    API_ROW(p7_success, "P7: SUCCESS: holes, nothing at all, an empty range first of all", API_ALL),
    API_ROW(p9_beyond_max, "P9: beyond a maximum is PROTECTION_FAILURE", API_ALL),
    API_ROW(p10_wxorx, "P10: W and X on a W^X map is PROTECTION_FAILURE", API_ALL),
    API_ROW(p11_commit, "P11: no room for the commit charge is RESOURCE_SHORTAGE, nothing done",
	    API_ALL),
    API_ROW(p12_out_of_bounds, "P12: both, and the protection not within the maximum", API_ALL),
    API_ROW(p13_no_flags, "P13: no flag changes nothing, and joins again", API_ALL),
    API_ROW(p14_max_none, "P14: maximum NONE takes the protection and the translations", API_ALL),
    API_ROW(p15_then_above, "P15: above a lowered maximum is PROTECTION_FAILURE", API_ALL),
    API_ROW(p16_both, "P16: both at once", API_ALL),
    API_ROW(p17_later_error, "P17: an error from a later entry leaves earlier ones alone", API_ALL),
    API_ROW(protect_first_offender, "the first offender in address order decides", API_ALL),
    API_ROW(protect_grows_down, "GROWSDOWN begins where the mapping begins", API_BOTH),
};

API_FAMILY(protect, protect_tests);
