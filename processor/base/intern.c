#include "base/intern.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"

enum { BLOCK_BYTES = 64 * 1024 };

struct intern_block {
	struct intern_block *next;
	size_t capacity, used;
	char data[];
};

void intern_init(struct intern *in, uint64_t seed, size_t bytes_max)
{
	*in = (struct intern){ .seed = seed, .bytes_max = bytes_max };
	index_init(&in->index);
}

void intern_deinit(struct intern *in)
{
	while (in->blocks) {
		struct intern_block *next = in->blocks->next;

		free(in->blocks);
		in->blocks = next;
	}
	free(in->texts);
	index_deinit(&in->index);
	intern_init(in, in->seed, in->bytes_max);
}

static bool text_equals(const void *ctx, const void *key, uint32_t id)
{
	const struct intern *in = ctx;

	return slice_equal(in->texts[id - 1], *(const struct slice *)key);
}

/* Keeps the newest block in front as long as it has room; a text larger than a block gets one of
 * its own behind it. */
static char *room_for(struct intern *in, size_t bytes)
{
	if (!in->blocks || in->blocks->capacity - in->blocks->used < bytes) {
		size_t capacity = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
		struct intern_block *block = x_malloc(sizeof(*block) + capacity);

		block->capacity = capacity;
		block->used = 0;
		if (bytes > BLOCK_BYTES && in->blocks) {
			block->next = in->blocks->next;
			in->blocks->next = block;
			block->used = bytes;
			return block->data;
		}
		block->next = in->blocks;
		in->blocks = block;
	}
	char *at = in->blocks->data + in->blocks->used;

	in->blocks->used += bytes;
	return at;
}

uint32_t intern_add(struct intern *in, struct slice text)
{
	uint64_t hash = hash_bytes(text.at ? text.at : "", text.len, in->seed);
	uint32_t id;

	if (index_find(&in->index, hash, text_equals, &text, in, &id))
		return id;
	if (text.len > SIZE_MAX / 4 || in->count == UINT32_MAX)
		return 0;
	size_t cost = text.len + 1 + INTERN_ENTRY_BYTES;

	if (in->bytes_max && (in->bytes > in->bytes_max || cost > in->bytes_max - in->bytes))
		return 0;
	char *copy = room_for(in, text.len + 1);

	if (text.len)
		memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	X_GROW(in->texts, in->count, in->capacity);
	in->texts[in->count++] = (struct slice){ copy, text.len };
	in->bytes += cost;
	index_insert(&in->index, hash, in->count);
	return in->count;
}

uint32_t intern_find(const struct intern *in, struct slice text)
{
	uint64_t hash = hash_bytes(text.at ? text.at : "", text.len, in->seed);
	uint32_t id = 0;

	index_find(&in->index, hash, text_equals, &text, in, &id);
	return id;
}

struct slice intern_text(const struct intern *in, uint32_t id)
{
	assert(id <= in->count);
	return id ? in->texts[id - 1] : (struct slice){ "", 0 };
}

uint32_t intern_count(const struct intern *in)
{
	return in->count;
}

size_t intern_bytes(const struct intern *in)
{
	return in->bytes;
}
