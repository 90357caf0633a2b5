#include "base/xalloc.h"

#include <string.h>

static _Noreturn void die(const char *what, size_t count, size_t size)
{
	fprintf(stderr, "level=error event=out_of_memory what=%s count=%zu size=%zu\n", what, count,
		size);
	abort();
}

void *x_malloc(size_t bytes)
{
	void *fresh = malloc(bytes ? bytes : 1);

	if (!fresh)
		die("malloc", 1, bytes);
	return fresh;
}

void *x_calloc(size_t count, size_t size)
{
	void *fresh = count && size ? calloc(count, size) : calloc(1, 1);

	if (!fresh)
		die("calloc", count, size);
	return fresh;
}

void *x_calloc_written(size_t count, size_t size)
{
	/* Not malloc: a compiler knows that one with a memset behind it to be calloc. */
	void *fresh = x_realloc_array(NULL, count, size);

	return memset(fresh, 0, count * size);
}

void *x_aligned_alloc(size_t alignment, size_t bytes)
{
	void *fresh = aligned_alloc(alignment, bytes);

	if (!fresh)
		die("aligned_alloc", 1, bytes);
	return fresh;
}

void *x_realloc(void *old, size_t bytes)
{
	void *fresh = realloc(old, bytes ? bytes : 1);

	if (!fresh)
		die("realloc", 1, bytes);
	return fresh;
}

void *x_realloc_array(void *old, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes))
		die("realloc", count, size);
	return x_realloc(old, bytes);
}

char *x_strdup(const char *text)
{
	return x_strndup(text, strlen(text));
}

char *x_strndup(const char *text, size_t length)
{
	if (length == SIZE_MAX)
		die("strndup", 1, length);
	char *fresh = x_malloc(length + 1);

	if (length)
		memcpy(fresh, text, length);
	fresh[length] = '\0';
	return fresh;
}

size_t x_grow_capacity(size_t capacity, size_t limit)
{
	if (capacity >= limit)
		die("grow", capacity, limit);
	if (capacity < 8)
		return limit < 8 ? limit : 8;
	return capacity > limit / 2 ? limit : capacity * 2;
}
