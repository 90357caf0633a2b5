/*
 * slice: a borrowed run of bytes with its length; not terminated by NUL, may hold any byte.
 *
 * {NULL, 0} and {"", 0} are both the empty slice and equal. The owner of the bytes says how long
 * they live.
 */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *at; /* borrowed; may be NULL when len is 0 */
	size_t len;
};

/* SLICE_LIT in expressions, SLICE_INIT in static tables. */
#define SLICE_LIT(text) ((struct slice){ "" text "", sizeof(text) - 1 })
#define SLICE_INIT(text)                     \
	{                                    \
		"" text "", sizeof(text) - 1 \
	}
/* printf("name=" SLICE_FMT, SLICE_ARG(s)) */
#define SLICE_FMT "%.*s"
#define SLICE_ARG(s) (int)(s).len, ((s).at ? (s).at : "")

/* text NULL gives the empty slice. */
static inline struct slice slice_of(const char *text)
{
	return (struct slice){ text, text ? strlen(text) : 0 };
}

static inline bool slice_bytes_equal(const char *a, const char *b, size_t size)
{
	uint64_t x = 0, y = 0;

	memcpy(&x, a, size);
	memcpy(&y, b, size);
	return x == y;
}

/* What is compared most is an id or a word of up to 16 bytes: as words, which overlap, without a call. */
static inline bool slice_equal(struct slice a, struct slice b)
{
	size_t last = a.len;

	if (a.len != b.len || a.len == 0)
		return a.len == b.len;
	if (a.len > 16)
		return memcmp(a.at, b.at, a.len) == 0;
	if (a.len >= 8)
		return slice_bytes_equal(a.at, b.at, 8) &&
		       slice_bytes_equal(a.at + last - 8, b.at + last - 8, 8);
	if (a.len >= 4)
		return slice_bytes_equal(a.at, b.at, 4) &&
		       slice_bytes_equal(a.at + last - 4, b.at + last - 4, 4);
	return a.at[0] == b.at[0] && a.at[last / 2] == b.at[last / 2] &&
	       a.at[last - 1] == b.at[last - 1];
}

/* Order of unsigned bytes, a prefix first: < 0, 0, > 0. */
static inline int slice_compare(struct slice a, struct slice b)
{
	size_t common = a.len < b.len ? a.len : b.len;
	int order = common ? memcmp(a.at, b.at, common) : 0;

	if (order)
		return order;
	return (a.len > b.len) - (a.len < b.len);
}

static inline bool slice_is(struct slice s, const char *text)
{
	return slice_equal(s, slice_of(text));
}

static inline bool slice_starts_with(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0);
}

/* Without the spaces, tabs and line ends around it. */
static inline struct slice slice_trim(struct slice s)
{
	while (s.len && (*s.at == ' ' || (*s.at >= '\t' && *s.at <= '\r')))
		s = (struct slice){ s.at + 1, s.len - 1 };
	while (s.len &&
		(s.at[s.len - 1] == ' ' || (s.at[s.len - 1] >= '\t' && s.at[s.len - 1] <= '\r')))
		s.len--;
	return s;
}

#endif
