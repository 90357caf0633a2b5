#include "edge/backlog.h"

#include <stdlib.h>

#include "base/xalloc.h"

static void message_deinit(struct message *message)
{
	free((void *)(uintptr_t)message->key.at);
	free((void *)(uintptr_t)message->value.at);
}

void backlog_deinit(struct backlog *backlog)
{
	for (size_t i = backlog->next; i < backlog->count; i++)
		message_deinit(&backlog->messages[i]);
	free(backlog->messages);
	*backlog = (struct backlog){ 0 };
}

static struct slice copy_of(struct slice slice)
{
	return slice.at == NULL ? slice
				: (struct slice){ x_strndup(slice.at, slice.len), slice.len };
}

void backlog_add(struct backlog *backlog, const struct message *message)
{
	X_GROW(backlog->messages, backlog->count, backlog->capacity);
	struct message *added = &backlog->messages[backlog->count++];

	*added = *message;
	added->key = copy_of(message->key);
	added->value = copy_of(message->value);
}

const struct message *backlog_first(const struct backlog *backlog)
{
	return backlog_is_empty(backlog) ? NULL : &backlog->messages[backlog->next];
}

void backlog_pop(struct backlog *backlog)
{
	message_deinit(&backlog->messages[backlog->next++]);
	if (backlog_is_empty(backlog))
		backlog_deinit(backlog);
}
