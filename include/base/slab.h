/*
 * slab: small pieces of memory that come and go by the million: no header of their own, freed ones are the next of their size.
 *
 * A piece's size is the caller's to remember. Sizes are rounded to 8 bytes; what is larger than SLAB_PIECE_MAX is malloc's. What was once a
 * piece of one size stays one: memory follows the most that there was of each size.
 */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include <stddef.h>

enum { SLAB_PIECE_MAX = 512, SLAB_GRAIN = 8, SLAB_SIZES = SLAB_PIECE_MAX / SLAB_GRAIN + 1 };

struct slab_piece;
struct slab_block;

struct slab {
	struct slab_piece *free[SLAB_SIZES]; /* by size in grains */
	struct slab_block *blocks;	     /* owned */
	char *at, *end;			     /* what is left of the newest block */
	size_t used_bytes;		     /* of pieces that are out, rounded */
};

void slab_init(struct slab *);
/* Pieces beyond SLAB_PIECE_MAX must have been freed; all others go with it. */
void slab_deinit(struct slab *);
/* Not zeroed; aligned to 8. bytes > 0. Never NULL: out of memory ends the program. */
void *slab_alloc(struct slab *, size_t bytes);
/* NULL is taken. `bytes` as it was asked for. */
void slab_free(struct slab *, void *piece, size_t bytes);
size_t slab_used_bytes(const struct slab *);

#endif
