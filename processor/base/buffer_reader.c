/* The reading half of base/buffer.h. */
#include <string.h>

#include "base/buffer.h"

struct reader reader_of(const void *bytes, size_t count)
{
	/* An empty reader may come with NULL; `end - at` must stay defined. */
	static const uint8_t nothing[1];
	const uint8_t *at = bytes ? bytes : nothing;

	return (struct reader){ .at = at, .end = bytes ? at + count : at, .bad = !bytes && count };
}

void reader_fail(struct reader *r)
{
	r->bad = true;
	r->at = r->end;
}

/* The next `count` bytes, or NULL and bad. */
static const uint8_t *take(struct reader *r, size_t count)
{
	const uint8_t *at = r->at;

	if (count > reader_left(r)) {
		reader_fail(r);
		return NULL;
	}
	r->at += count;
	return at;
}

uint8_t reader_u8(struct reader *r)
{
	const uint8_t *at = take(r, 1);

	return at ? *at : 0;
}

uint32_t reader_u32le(struct reader *r)
{
	const uint8_t *at = take(r, 4);
	uint32_t value = 0;

	for (unsigned i = 0; at && i < 4; i++)
		value |= (uint32_t)at[i] << (8 * i);
	return value;
}

uint64_t reader_u64le(struct reader *r)
{
	const uint8_t *at = take(r, 8);
	uint64_t value = 0;

	for (unsigned i = 0; at && i < 8; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

uint32_t reader_u32be(struct reader *r)
{
	const uint8_t *at = take(r, 4);
	uint32_t value = 0;

	for (unsigned i = 0; at && i < 4; i++)
		value = value << 8 | at[i];
	return value;
}

uint64_t reader_varint(struct reader *r)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t byte = reader_u8(r);

		if (r->bad)
			return 0;
		/* The tenth byte holds the 64th bit and nothing else. */
		if (shift == 63 && byte > 1)
			break;
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return value;
	}
	reader_fail(r);
	return 0;
}

int64_t reader_zigzag(struct reader *r)
{
	uint64_t value = reader_varint(r);

	return (int64_t)((value >> 1) ^ (value & 1 ? UINT64_MAX : 0));
}

i128 reader_i128(struct reader *r)
{
	u128 value = 0;

	for (unsigned shift = 0; shift < 128; shift += 7) {
		uint8_t byte = reader_u8(r);

		if (r->bad)
			return 0;
		/* The nineteenth byte holds bits 127 and 128: only the lower one exists. */
		if (shift == 126 && byte > 3)
			break;
		value |= (u128)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return (i128)((value >> 1) ^ (value & 1 ? ~(u128)0 : 0));
	}
	reader_fail(r);
	return 0;
}

struct slice reader_slice(struct reader *r)
{
	uint64_t count = reader_varint(r);

	return r->bad ? (struct slice){ NULL, 0 } : reader_bytes(r, (size_t)count);
}

struct slice reader_bytes(struct reader *r, size_t count)
{
	const uint8_t *at = take(r, count);

	return (struct slice){ (const char *)at, at ? count : 0 };
}
