/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * leaf.pml: the sequence-checked leaf, its retirement and the grace period, for Spin.
 *
 * Two leaves of two slots, four ranges.  Key 5 is mapped all the time, by one range after another; key 3 comes
 * and goes before it, so that the slots move.  One writer edits the leaf of the directory in place, or
 * builds the other leaf, publishes it and retires the first.  One reader looks key 5 up.
 *
 * Steps are single loads and stores in program order: what the acquire and release pairs of index_priv.h
 * promise of the words concerned.  Each -D takes one rule away, and must make the model fail:
 *
 *	NO_ODD		the sequence does not become odd before the edit
 *	NO_EVEN_MOVE	it returns to its old value after the edit
 *	NO_RECHECK	the reader does not look at the sequence again
 *	RETIRE_FIRST	the old leaf is emptied before the new directory is published
 *	NO_GRACE	what was replaced is freed at once
 */
#define KEY	5
#define NONE	9
#define EDITS	3
#define READS	2

byte dir;	    /* the leaf that the directory leads to */
byte seq[2];
byte key[4] = NONE; /* leaf * 2 + slot */
byte range[4];	    /* 0: free slot */
bool freed[4];	    /* by range; 1..3 are used */
bool leaf_freed[2];
byte section;	    /* the reader's: odd inside */
bool started;	    /* the first leaf is made */

inline grace()
{
#ifdef NO_GRACE
	skip
#else
	at_gp = section;
	(at_gp % 2 == 0 || section != at_gp)
#endif
}

/* A range number that nobody uses. */
inline fresh()
{
	if
	:: now == 1 -> new = 2
	:: now == 2 -> new = 3
	:: now == 3 -> new = 1
	fi;
	freed[new] = false
}

/* Slots of leaf `at`: with key 3 in front, or without. */
inline fill(at, first)
{
	if
	:: first -> key[at * 2] = 3; range[at * 2] = 0; key[at * 2 + 1] = KEY; range[at * 2 + 1] = new
	:: else -> key[at * 2 + 1] = NONE; range[at * 2 + 1] = 0; key[at * 2] = KEY; range[at * 2] = new
	fi
}

active proctype writer()
{
	byte n, now = 1, new, at_gp, l;
	bool front;

	new = 1;
	fill(0, false);
	started = true;
	do
	:: n < EDITS ->
		n++;
		if
		:: front = true
		:: front = false
		fi;
		fresh();
		l = dir;
		if
		:: true -> /* in place */
#ifndef NO_ODD
			seq[l]++;
#endif
			fill(l, front);
#ifdef NO_ODD
			seq[l] = seq[l] + 2
#else
#ifdef NO_EVEN_MOVE
			seq[l]--
#else
			seq[l]++
#endif
#endif
		:: true -> /* the other leaf */
			leaf_freed[1 - l] = false;
			seq[1 - l] = 0;
			fill((1 - l), front);
#ifdef RETIRE_FIRST
			range[l * 2] = 0;
			range[l * 2 + 1] = 0;
#endif
			dir = 1 - l;
			seq[l] = seq[l] | 1;
			grace();
			leaf_freed[l] = true;
			range[l * 2] = 0;
			range[l * 2 + 1] = 0
		fi;
		grace();
		freed[now] = true;
		now = new
	:: else -> break
	od
}

active proctype reader()
{
	byte n, l, s, i, r;

	started;
	do
	:: n < READS ->
		n++;
		section++;
again:		l = dir;
		s = seq[l];
		i = 0;
		if
		:: key[l * 2 + 1] <= KEY -> i = 1
		:: else
		fi;
		r = range[l * 2 + i];
		assert(!leaf_freed[l]);
#ifndef NO_RECHECK
		if
		:: s % 2 == 1 || seq[l] != s -> goto again
		:: else
		fi;
#endif
		assert(r != 0);		/* key 5 is always mapped */
		assert(!freed[r]);
		section++
	:: else -> break
	od
}

