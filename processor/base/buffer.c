#include "base/buffer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/xalloc.h"

enum { BUFFER_BYTES_MIN = 64, VARINT_128_BYTES_MAX = 19 };

void buffer_init(struct buffer *b)
{
	*b = (struct buffer){ 0 };
}

void buffer_deinit(struct buffer *b)
{
	free(b->data);
	buffer_init(b);
}

void buffer_reset(struct buffer *b)
{
	b->len = 0;
}

uint8_t *buffer_grow(struct buffer *b, size_t bytes)
{
	assert(bytes <= SIZE_MAX / 4 && b->len <= SIZE_MAX / 4);
	size_t cap = b->cap ? b->cap : BUFFER_BYTES_MIN;

	while (cap < b->len + bytes)
		cap *= 2;
	b->data = x_realloc(b->data, cap);
	b->cap = cap;
	return b->data + b->len;
}

void buffer_put_u32le(struct buffer *b, uint32_t value)
{
	uint8_t *at = buffer_reserve(b, 4);

	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (8 * i));
	b->len += 4;
}

void buffer_put_u64le(struct buffer *b, uint64_t value)
{
	uint8_t *at = buffer_reserve(b, 8);

	for (unsigned i = 0; i < 8; i++)
		at[i] = (uint8_t)(value >> (8 * i));
	b->len += 8;
}

void buffer_put_u32be(struct buffer *b, uint32_t value)
{
	uint8_t *at = buffer_reserve(b, 4);

	for (unsigned i = 0; i < 4; i++)
		at[i] = (uint8_t)(value >> (24 - 8 * i));
	b->len += 4;
}

void buffer_put_i128(struct buffer *b, i128 value)
{
	u128 rest = ((u128)value << 1) ^ (value < 0 ? ~(u128)0 : 0);
	uint8_t *at = buffer_reserve(b, VARINT_128_BYTES_MAX);

	while (rest >= 0x80) {
		*at++ = (uint8_t)((uint8_t)rest | 0x80);
		rest >>= 7;
	}
	*at++ = (uint8_t)rest;
	b->len = (size_t)(at - b->data);
}

void buffer_put_slice(struct buffer *b, struct slice s)
{
	buffer_put_varint(b, s.len);
	buffer_put(b, s.at, s.len);
}

void buffer_put_text(struct buffer *b, const char *text)
{
	buffer_put(b, text, strlen(text));
}

void buffer_vprintf(struct buffer *b, const char *format, va_list args)
{
	char probe[1];
	va_list again;

	va_copy(again, args);
	int length = vsnprintf(probe, sizeof(probe), format, args);

	assert(length >= 0); /* only a wrong format or text over 2 GiB */
	vsnprintf((char *)buffer_reserve(b, (size_t)length + 1), (size_t)length + 1, format, again);
	va_end(again);
	b->len += (size_t)length;
}

void buffer_printf(struct buffer *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buffer_vprintf(b, format, args);
	va_end(args);
}

const char *buffer_text(struct buffer *b)
{
	*buffer_reserve(b, 1) = '\0';
	return (const char *)b->data;
}
