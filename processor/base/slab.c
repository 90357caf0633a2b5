#include "base/slab.h"

#include <assert.h>
#include <stdlib.h>

#include "base/poison.h"
#include "base/xalloc.h"

enum { BLOCK_BYTES_MIN = 4096, BLOCK_BYTES_MAX = 64 * 1024 };

/* A piece that is free; only this of it is anybody's then. */
struct slab_piece {
	struct slab_piece *next;
};

struct slab_block {
	struct slab_block *next;
	size_t bytes;
	char data[];
};

void slab_init(struct slab *slab)
{
	*slab = (struct slab){ .blocks = NULL };
}

void slab_deinit(struct slab *slab)
{
	while (slab->blocks) {
		struct slab_block *next = slab->blocks->next;

		ASAN_UNPOISON_MEMORY_REGION(slab->blocks->data, slab->blocks->bytes);
		free(slab->blocks);
		slab->blocks = next;
	}
	slab_init(slab);
}

/* What is left of the block before is given to the free pieces of its size. */
static void add_block(struct slab *slab)
{
	size_t left = (size_t)(slab->end - slab->at);
	size_t bytes = slab->blocks ? slab->blocks->bytes * 2 : BLOCK_BYTES_MIN;
	struct slab_block *block;

	if (left >= SLAB_GRAIN) {
		slab->used_bytes += left;
		ASAN_UNPOISON_MEMORY_REGION(slab->at, left);
		slab_free(slab, slab->at, left);
	}
	if (bytes > BLOCK_BYTES_MAX)
		bytes = BLOCK_BYTES_MAX;
	block = x_malloc(sizeof(*block) + bytes);
	block->next = slab->blocks;
	block->bytes = bytes;
	slab->blocks = block;
	slab->at = block->data;
	slab->end = block->data + bytes;
	ASAN_POISON_MEMORY_REGION(block->data, bytes);
}

void *slab_alloc(struct slab *slab, size_t bytes)
{
	size_t size = (bytes + SLAB_GRAIN - 1) / SLAB_GRAIN, rounded = size * SLAB_GRAIN;
	void *piece;

	assert(bytes > 0);
	if (bytes > SLAB_PIECE_MAX) {
		piece = x_malloc(bytes);
		slab->used_bytes += bytes;
		return piece;
	}
	slab->used_bytes += rounded;
	if (slab->free[size]) {
		piece = slab->free[size];
		slab->free[size] = slab->free[size]->next;
	} else {
		if ((size_t)(slab->end - slab->at) < rounded)
			add_block(slab);
		piece = slab->at;
		slab->at += rounded;
	}
	ASAN_UNPOISON_MEMORY_REGION(piece, bytes);
	return piece;
}

void slab_free(struct slab *slab, void *piece, size_t bytes)
{
	size_t size = (bytes + SLAB_GRAIN - 1) / SLAB_GRAIN;
	struct slab_piece *free_piece = piece;

	if (!piece)
		return;
	if (bytes > SLAB_PIECE_MAX) {
		slab->used_bytes -= bytes;
		free(piece);
		return;
	}
	slab->used_bytes -= size * SLAB_GRAIN;
	ASAN_POISON_MEMORY_REGION(piece, size * SLAB_GRAIN);
	ASAN_UNPOISON_MEMORY_REGION(piece, sizeof(*free_piece));
	free_piece->next = slab->free[size];
	slab->free[size] = free_piece;
}

size_t slab_used_bytes(const struct slab *slab)
{
	return slab->used_bytes;
}
