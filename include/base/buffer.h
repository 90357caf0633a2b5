/*
 * buffer: bytes that grow, and the reader of such bytes.
 *
 * A buffer is what we write messages, checkpoints and texts into: len <= cap, data is NULL until
 * the first byte. A reader walks bytes from outside: it never leaves [at, end); after the first
 * failure `bad` stays set, every further read answers 0 and nothing is left, so a caller may read a
 * whole record and look at `bad` once. Numbers are little-endian unless the name says be; varints
 * are LEB128 of at most 10 bytes (19 for 128 bits); zigzag maps 0, -1, 1, -2 … to 0, 1, 2, 3 ….
 */
#ifndef BASE_BUFFER_H
#define BASE_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/decimal.h"
#include "base/slice.h"

struct buffer {
	uint8_t *data; /* owned */
	size_t len, cap;
};

void buffer_init(struct buffer *);
void buffer_deinit(struct buffer *);
/* len = 0; keeps the memory. */
void buffer_reset(struct buffer *);
/* Makes room for `bytes` more; answers where they would start. The caller writes there and adds to
 * len. */
static inline uint8_t *buffer_reserve(struct buffer *, size_t bytes);
static inline void buffer_put(struct buffer *, const void *bytes, size_t count);
static inline void buffer_put_u8(struct buffer *, uint8_t);
void buffer_put_u32le(struct buffer *, uint32_t);
void buffer_put_u64le(struct buffer *, uint64_t);
void buffer_put_u32be(struct buffer *, uint32_t);
static inline void buffer_put_varint(struct buffer *, uint64_t);
static inline void buffer_put_zigzag(struct buffer *, int64_t);
void buffer_put_i128(struct buffer *, i128);
/* Length as a varint, then the bytes. */
void buffer_put_slice(struct buffer *, struct slice);
/* Only the bytes, neither length nor NUL. */
void buffer_put_text(struct buffer *, const char *text);
void buffer_printf(struct buffer *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buffer_vprintf(struct buffer *, const char *format, va_list)
	__attribute__((format(printf, 2, 0)));
/* The bytes so far as a string: a NUL stands behind them and is not counted. Valid until the next
 * write. */
const char *buffer_text(struct buffer *);

static inline struct slice buffer_slice(const struct buffer *b)
{
	return (struct slice){ (const char *)b->data, b->len };
}

/* Where checkpoints and records are written number by number these are inline; the room is made elsewhere. */
enum { BUFFER_VARINT_BYTES_MAX = 10 };
uint8_t *buffer_grow(struct buffer *, size_t bytes);

static inline uint8_t *buffer_reserve(struct buffer *b, size_t bytes)
{
	return b->data && b->cap - b->len >= bytes ? b->data + b->len : buffer_grow(b, bytes);
}

static inline void buffer_put(struct buffer *b, const void *bytes, size_t count)
{
	if (count == 0)
		return;
	memcpy(buffer_reserve(b, count), bytes, count);
	b->len += count;
}

static inline void buffer_put_u8(struct buffer *b, uint8_t value)
{
	*buffer_reserve(b, 1) = value;
	b->len++;
}

static inline void buffer_put_varint(struct buffer *b, uint64_t value)
{
	uint8_t *at = buffer_reserve(b, BUFFER_VARINT_BYTES_MAX);

	while (value >= 0x80) {
		*at++ = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	*at++ = (uint8_t)value;
	b->len = (size_t)(at - b->data);
}

static inline void buffer_put_zigzag(struct buffer *b, int64_t value)
{
	buffer_put_varint(b, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

#define _cleanup_buffer_ __attribute__((cleanup(buffer_deinit)))

struct reader {
	const uint8_t *at, *end; /* borrowed */
	bool bad;		 /* sticky; at == end then */
};

struct reader reader_of(const void *bytes, size_t count);
uint8_t reader_u8(struct reader *);
uint32_t reader_u32le(struct reader *);
uint64_t reader_u64le(struct reader *);
uint32_t reader_u32be(struct reader *);
uint64_t reader_varint(struct reader *);
int64_t reader_zigzag(struct reader *);
i128 reader_i128(struct reader *);
/* What buffer_put_slice wrote; borrowed from the reader's bytes; {NULL, 0} after a failure. */
struct slice reader_slice(struct reader *);
/* The next `count` bytes as they are, borrowed; {NULL, 0} after a failure. */
struct slice reader_bytes(struct reader *, size_t count);
/* Marks the reader bad: for the caller's own checks. */
void reader_fail(struct reader *);

static inline size_t reader_left(const struct reader *r)
{
	return (size_t)(r->end - r->at);
}

#endif
