#include "base/arena.h"

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/poison.h"
#include "base/xalloc.h"

enum { BLOCK_BYTES_MIN = 4096, BLOCK_BYTES_MAX = 1 << 20, PIECE_ALIGN = 16 };

struct arena_block {
	struct arena_block *next;
	size_t capacity, used;
	alignas(PIECE_ALIGN) uint8_t data[];
};

void arena_init(struct arena *arena, size_t bytes_max)
{
	*arena = (struct arena){ .bytes_max = bytes_max };
}

void arena_deinit(struct arena *arena)
{
	while (arena->first) {
		struct arena_block *next = arena->first->next;

		ASAN_UNPOISON_MEMORY_REGION(arena->first->data, arena->first->capacity);
		free(arena->first);
		arena->first = next;
	}
	arena_init(arena, arena->bytes_max);
}

void arena_reset(struct arena *arena)
{
	for (struct arena_block *block = arena->first; block; block = block->next) {
		block->used = 0;
		ASAN_POISON_MEMORY_REGION(block->data, block->capacity);
	}
	arena->current = arena->first;
	arena->used_bytes = 0;
}

/* A new block behind the current one, at least `bytes` large. */
static void add_block(struct arena *arena, size_t bytes)
{
	size_t capacity = arena->current ? arena->current->capacity * 2 : BLOCK_BYTES_MIN;

	if (capacity > BLOCK_BYTES_MAX)
		capacity = BLOCK_BYTES_MAX;
	if (capacity < bytes)
		capacity = bytes;
	struct arena_block *block = x_malloc(sizeof(*block) + capacity);

	block->capacity = capacity;
	block->used = 0;
	ASAN_POISON_MEMORY_REGION(block->data, capacity);
	if (arena->current) {
		block->next = arena->current->next;
		arena->current->next = block;
	} else {
		block->next = NULL;
		arena->first = block;
	}
	arena->current = block;
}

static size_t rounded_up(size_t bytes)
{
	return bytes ? (bytes + PIECE_ALIGN - 1) & ~(size_t)(PIECE_ALIGN - 1) : PIECE_ALIGN;
}

void *arena_alloc_raw(struct arena *arena, size_t bytes)
{
	if (bytes > SIZE_MAX / 2)
		return NULL;
	size_t rounded = rounded_up(bytes);

	assert(arena->bytes_max == 0 || arena->used_bytes <= arena->bytes_max);
	if (arena->bytes_max && rounded > arena->bytes_max - arena->used_bytes)
		return NULL;
	/* Blocks that are kept from before a reset come first; one that is too small for this piece
	 * is passed over until then. */
	while (arena->current && arena->current->capacity - arena->current->used < rounded &&
		arena->current->next)
		arena->current = arena->current->next;
	if (!arena->current || arena->current->capacity - arena->current->used < rounded)
		add_block(arena, rounded);

	void *piece = arena->current->data + arena->current->used;

	arena->current->used += rounded;
	arena->used_bytes += rounded;
	ASAN_UNPOISON_MEMORY_REGION(piece, bytes);
	return piece;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
	void *piece = arena_alloc_raw(arena, bytes);

	return piece ? memset(piece, 0, bytes) : NULL;
}

void arena_shrink(struct arena *arena, void *piece, size_t bytes, size_t kept)
{
	struct arena_block *block = arena->current;
	size_t size = rounded_up(bytes), left = rounded_up(kept);

	assert(kept <= bytes);
	if (!block || size > block->used || block->data + block->used - size != (uint8_t *)piece)
		return;
	block->used -= size - left;
	arena->used_bytes -= size - left;
	ASAN_POISON_MEMORY_REGION(block->data + block->used, size - left);
}

char *arena_strndup(struct arena *arena, const char *text, size_t length)
{
	char *copy = length == SIZE_MAX ? NULL : arena_alloc_raw(arena, length + 1);

	if (!copy)
		return NULL;
	if (length)
		memcpy(copy, text, length);
	copy[length] = '\0';
	return copy;
}

size_t arena_used_bytes(const struct arena *arena)
{
	return arena->used_bytes;
}
