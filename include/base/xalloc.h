/*
 * xalloc: memory that is there or the program ends.
 *
 * A processor that is out of memory cannot keep its promises, so nothing above this layer handles a
 * failed allocation: these functions say how much was wanted and abort. Limits on what outside data
 * may make us allocate are kept where the data is read, before these functions are called. Freed
 * with plain free().
 */
#ifndef BASE_XALLOC_H
#define BASE_XALLOC_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* bytes may be 0: the answer is then a valid pointer to nothing. */
void *x_malloc(size_t bytes) __attribute__((malloc, returns_nonnull));
/* Zeroed; count * size is checked for overflow (aborts). */
void *x_calloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/*
 * The same, and each page has been written. A fresh page that is read first costs two faults, and the second one stops every other
 * thread: for tables that are searched before they are filled.
 */
void *x_calloc_written(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
/* Not zeroed; bytes a multiple of the alignment. */
void *x_aligned_alloc(size_t alignment, size_t bytes) __attribute__((malloc, returns_nonnull));
void *x_realloc(void *old, size_t bytes) __attribute__((returns_nonnull));
/* As x_realloc for count elements; the product is checked. */
void *x_realloc_array(void *old, size_t count, size_t size) __attribute__((returns_nonnull));
char *x_strdup(const char *text) __attribute__((malloc, returns_nonnull, nonnull));
/* Copies exactly `length` bytes and adds a NUL; text may be NULL when length is 0. */
char *x_strndup(const char *text, size_t length) __attribute__((malloc, returns_nonnull));

/* The capacity after `capacity`: doubled, at least 8, never above `limit` elements; aborts when the
 * limit is reached. */
size_t x_grow_capacity(size_t capacity, size_t limit);

/* Makes sure that ptr[count] exists in a growing array. `cap` is an unsigned lvalue of any width;
 * new room is not zeroed. */
#define X_GROW(ptr, count, cap)                                                                \
	do {                                                                                   \
		if ((count) >= (cap)) {                                                        \
			size_t x_grow_to_ = x_grow_capacity((size_t)(cap),                     \
				sizeof(cap) >= 8 ? SIZE_MAX / 2                                \
						 : ((size_t)1 << (8 * sizeof(cap) % 64)) - 1); \
			(ptr) = x_realloc_array((ptr), x_grow_to_, sizeof(*(ptr)));            \
			(cap) = (__typeof__(cap))x_grow_to_;                                   \
		}                                                                              \
	} while (0)

/* The other modules of base add their own: _cleanup_buffer_, _cleanup_arena_. */
static inline void x_cleanup_free(void *place)
{
	free(*(void **)place);
}

static inline void x_cleanup_file(FILE **place)
{
	if (*place)
		fclose(*place);
}

static inline void x_cleanup_descriptor(const int *place)
{
	if (*place >= 0)
		close(*place);
}

#define _cleanup_free_ __attribute__((cleanup(x_cleanup_free)))
#define _cleanup_fclose_ __attribute__((cleanup(x_cleanup_file)))
#define _cleanup_close_ __attribute__((cleanup(x_cleanup_descriptor)))

#endif
