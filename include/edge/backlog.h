/*
 * backlog: messages of one partition that wait, copied, because the first of them can't be decoded yet (its schema id is
 * unknown). The partition is held meanwhile, so that nothing passes them. Never more than the rest of one batch.
 */
#ifndef EDGE_BACKLOG_H
#define EDGE_BACKLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/message.h"

struct backlog {
	struct message *messages;    /* keys and values owned */
	size_t count, capacity, next; /* `next` is the one that waits */
	int64_t since_ms;            /* monotone: when the first one had to wait */
	int64_t retry_ms;            /* monotone: when to look again */
};

/* {0} is an empty one. */
void backlog_deinit(struct backlog *);
void backlog_add(struct backlog *, const struct message *);
/* The one that waits; NULL: none. */
const struct message *backlog_first(const struct backlog *);
/* It has been dealt with. */
void backlog_pop(struct backlog *);

static inline bool backlog_is_empty(const struct backlog *backlog)
{
	return backlog->next == backlog->count;
}

#endif
