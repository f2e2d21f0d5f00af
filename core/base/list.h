/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list.h: an intrusive doubly linked list, circular through its head.
 */
#ifndef TESS_BASE_LIST_H
#define TESS_BASE_LIST_H

#include "assert.h"

struct tess_list {
	struct tess_list *next, *prev;
};

#define TESS_CONTAINER(p, type, field) ((type *)((char *)(p)-offsetof(type, field)))
#define TESS_LIST_FOREACH(it, head)    for (it = (head)->next; it != (head); it = it->next)

static inline void
tess_list_init(struct tess_list *l)
{
	l->next = l->prev = l;
}

static inline bool
tess_list_empty(const struct tess_list *l)
{
	return l->next == l;
}

/* Insert `e` before `at`: at the tail when `at` is the head. */
static inline void
tess_list_insert(struct tess_list *at, struct tess_list *e)
{
	e->next = at;
	e->prev = at->prev;
	at->prev->next = e;
	at->prev = e;
}

static inline void
tess_list_remove(struct tess_list *e)
{
	e->next->prev = e->prev;
	e->prev->next = e->next;
	e->next = e->prev = e;
}

#endif
