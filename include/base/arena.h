/*
 * arena: memory that is given out piece by piece and taken back all at once.
 *
 * Pieces are zeroed (but for arena_alloc_raw) and aligned to 16 bytes, never move, and live until arena_reset or
 * arena_deinit. Reset keeps the blocks, so a batch arena stops allocating once it has seen its
 * largest batch. Under AddressSanitizer memory not given out is poisoned: use after a reset is
 * reported.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *first; /* owned; chain */
	struct arena_block
		*current;  /* borrowed; the block that gives out, NULL before the first piece */
	size_t used_bytes; /* given out since the last reset, each piece rounded up to 16 */
	size_t bytes_max;  /* limit on used_bytes; 0: none */
};

/* Takes no memory yet. bytes_max 0: no limit. */
void arena_init(struct arena *arena, size_t bytes_max);
void arena_deinit(struct arena *arena);
/* Takes all pieces back, keeps the blocks. */
void arena_reset(struct arena *arena);

/* NULL only when bytes_max would be exceeded. bytes may be 0: a pointer of its own. */
void *arena_alloc(struct arena *arena, size_t bytes);
/* The same without the zeroes, for what is written over at once. */
void *arena_alloc_raw(struct arena *arena, size_t bytes);
/* Gives back what lies behind the first `kept` of a piece's `bytes`, if it is the last piece; else nothing happens. */
void arena_shrink(struct arena *arena, void *piece, size_t bytes, size_t kept);
/* `length` bytes of text and a NUL; NULL as arena_alloc. */
char *arena_strndup(struct arena *arena, const char *text, size_t length);

size_t arena_used_bytes(const struct arena *arena);

#define _cleanup_arena_ __attribute__((cleanup(arena_deinit)))

#endif
