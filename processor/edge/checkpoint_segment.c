#include "edge/checkpoint_segment.h"

#include <assert.h>
#include <lz4.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/xalloc.h"

/*
 *   0  "SPSG"   4  version u32   8  flags u32   12  raw length u32   16  stored length u32
 *  20  fingerprint u64   28  crc32c u32 over bytes 0..27 and the body   32  body
 */
enum { HEADER_BYTES = 32, CRC_AT = 28, FLAG_LZ4 = 1 };
static const char MAGIC[4] = { 'S', 'P', 'S', 'G' };

static uint32_t segment_crc(const uint8_t *header, const uint8_t *body, size_t length)
{
	return crc32c(crc32c(0, header, CRC_AT), body, length);
}

void checkpoint_segment_write(struct slice raw, uint64_t fingerprint, bool compress, struct buffer *out)
{
	assert(raw.len <= CHECKPOINT_SEGMENT_RAW_MAX);
	size_t bound = compress ? (size_t)LZ4_compressBound((int)raw.len) : raw.len;
	size_t start = out->len, body_length = raw.len;
	/* Packed right where it belongs: room of its own would be fresh memory for every segment. */
	char *body = (char *)buffer_reserve(out, HEADER_BYTES + bound + 1) + HEADER_BYTES;
	int packed = compress ? LZ4_compress_default(raw.at, body, (int)raw.len, (int)bound) : 0;
	/* What does not shrink is stored as it is. */
	bool is_packed = packed > 0 && (size_t)packed < raw.len;

	if (is_packed)
		body_length = (size_t)packed;
	else if (raw.len > 0)
		memcpy(body, raw.at, raw.len);
	buffer_put(out, MAGIC, sizeof(MAGIC));
	buffer_put_u32le(out, CHECKPOINT_SEGMENT_VERSION);
	buffer_put_u32le(out, is_packed ? FLAG_LZ4 : 0);
	buffer_put_u32le(out, (uint32_t)raw.len);
	buffer_put_u32le(out, (uint32_t)body_length);
	buffer_put_u64le(out, fingerprint);
	buffer_put_u32le(out, segment_crc(out->data + start, (const uint8_t *)body, body_length));
	out->len += body_length;
}

int checkpoint_segment_read(struct slice stored, uint64_t *ret_fingerprint, struct buffer *out)
{
	struct reader reader = reader_of(stored.at, stored.len);
	const uint8_t *bytes = (const uint8_t *)stored.at;

	if (stored.len < HEADER_BYTES || memcmp(bytes, MAGIC, sizeof(MAGIC)) != 0)
		return 1;
	reader_u32le(&reader);
	uint32_t version = reader_u32le(&reader), flags = reader_u32le(&reader);
	uint32_t raw_length = reader_u32le(&reader), body_length = reader_u32le(&reader);
	uint64_t fingerprint = reader_u64le(&reader);
	uint32_t crc = reader_u32le(&reader);

	if (version != CHECKPOINT_SEGMENT_VERSION || (flags & ~(uint32_t)FLAG_LZ4) != 0 ||
		body_length != stored.len - HEADER_BYTES || raw_length > CHECKPOINT_SEGMENT_RAW_MAX ||
		crc != segment_crc(bytes, bytes + HEADER_BYTES, body_length))
		return 1;
	if ((flags & FLAG_LZ4) == 0) {
		if (raw_length != body_length)
			return 1;
		buffer_put(out, bytes + HEADER_BYTES, body_length);
	} else {
		/* lz4 can't make more than 255 bytes of one: a length beyond that is a lie, not worth the memory. */
		if (raw_length / 255 > body_length)
			return 1;
		char *raw = x_malloc((size_t)raw_length + 1);
		int length = LZ4_decompress_safe((const char *)bytes + HEADER_BYTES, raw, (int)body_length, (int)raw_length);

		if (length >= 0 && (uint32_t)length == raw_length)
			buffer_put(out, raw, raw_length);
		free(raw);
		if (length < 0 || (uint32_t)length != raw_length)
			return 1;
	}
	*ret_fingerprint = fingerprint;
	return 0;
}
