#include "edge/manifest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "base/xalloc.h"

static const char MAGIC[4] = { 'S', 'P', 'M', 'F' };
enum { MANIFEST_VERSION = 1 };

void manifest_init(struct manifest *manifest)
{
	memset(manifest, 0, sizeof(*manifest));
	buffer_init(&manifest->extra);
}

void manifest_deinit(struct manifest *manifest)
{
	free(manifest->positions);
	free(manifest->segments);
	buffer_deinit(&manifest->extra);
	memset(manifest, 0, sizeof(*manifest));
}

void manifest_set_positions(
	struct manifest *manifest, const struct source_position *positions, size_t count)
{
	manifest->positions = x_realloc(manifest->positions, (count + 1) * sizeof(*positions));
	if (count > 0)
		memcpy(manifest->positions, positions, count * sizeof(*positions));
	manifest->position_count = count;
}

void manifest_add_segment(
	struct manifest *manifest, const char *name, uint64_t length, uint32_t cut)
{
	X_GROW(manifest->segments, manifest->segment_count, manifest->segment_capacity);
	struct manifest_segment *segment = &manifest->segments[manifest->segment_count++];
	snprintf(segment->name, sizeof(segment->name), "%s", name);
	segment->length = length;
	segment->cut = cut;
}

void manifest_copy(struct manifest *to, const struct manifest *from)
{
	manifest_deinit(to);
	manifest_init(to);
	to->id = from->id;
	to->predecessor = from->predecessor;
	to->epoch = from->epoch;
	to->revision = from->revision;
	to->fingerprint = from->fingerprint;
	to->partition_count = from->partition_count;
	to->created_ms = from->created_ms;
	manifest_set_positions(to, from->positions, from->position_count);
	buffer_put(&to->extra, from->extra.data, from->extra.len);
	for (size_t i = 0; i < from->segment_count; i++)
		manifest_add_segment(to, from->segments[i].name, from->segments[i].length,
			from->segments[i].cut);
}

void manifest_write(const struct manifest *manifest, struct buffer *out)
{
	size_t start = out->len;

	buffer_put(out, MAGIC, sizeof(MAGIC));
	buffer_put_u32le(out, MANIFEST_VERSION);
	buffer_put_u64le(out, manifest->id);
	buffer_put_u64le(out, manifest->predecessor);
	buffer_put_u64le(out, manifest->epoch);
	buffer_put_u64le(out, (uint64_t)manifest->revision);
	buffer_put_u64le(out, manifest->fingerprint);
	buffer_put_zigzag(out, manifest->partition_count);
	buffer_put_zigzag(out, manifest->created_ms);
	buffer_put_varint(out, manifest->position_count);
	for (size_t i = 0; i < manifest->position_count; i++) {
		buffer_put_varint(out, manifest->positions[i].topic);
		buffer_put_zigzag(out, manifest->positions[i].partition);
		buffer_put_zigzag(out, manifest->positions[i].offset);
	}
	buffer_put_slice(
		out, (struct slice){ (const char *)manifest->extra.data, manifest->extra.len });
	buffer_put_varint(out, manifest->segment_count);
	for (size_t i = 0; i < manifest->segment_count; i++) {
		buffer_put_slice(out, slice_of(manifest->segments[i].name));
		buffer_put_varint(out, manifest->segments[i].length);
		buffer_put_varint(out, manifest->segments[i].cut);
	}
	buffer_put_u32le(out, crc32c(0, out->data + start, out->len - start));
}

static void read_positions(struct manifest *manifest, struct reader *reader)
{
	uint64_t count = reader_varint(reader);

	if (count > MANIFEST_POSITIONS_MAX || count > reader_left(reader)) {
		reader->bad = true;
		return;
	}
	manifest->positions = x_calloc(count + 1, sizeof(*manifest->positions));
	manifest->position_count = count;
	for (size_t i = 0; i < count; i++) {
		manifest->positions[i].topic = (uint16_t)reader_varint(reader);
		manifest->positions[i].partition = (int32_t)reader_zigzag(reader);
		manifest->positions[i].offset = reader_zigzag(reader);
	}
}

static void read_segments(struct manifest *manifest, struct reader *reader)
{
	uint64_t count = reader_varint(reader);

	if (count > MANIFEST_SEGMENTS_MAX || count > reader_left(reader)) {
		reader->bad = true;
		return;
	}
	for (uint64_t i = 0; i < count && !reader->bad; i++) {
		struct slice name = reader_slice(reader);
		uint64_t length = reader_varint(reader);
		uint64_t cut = reader_varint(reader);
		char text[MANIFEST_SEGMENT_NAME_MAX];

		if (reader->bad || name.len == 0 || name.len >= sizeof(text) || cut > count ||
			memchr(name.at, '\0', name.len) != NULL) {
			reader->bad = true;
			return;
		}
		memcpy(text, name.at, name.len);
		text[name.len] = '\0';
		manifest_add_segment(manifest, text, length, (uint32_t)cut);
	}
}

int manifest_read(struct manifest *manifest, struct slice bytes)
{
	struct reader reader = reader_of(bytes.at, bytes.len);

	if (bytes.len < 8 || memcmp(bytes.at, MAGIC, sizeof(MAGIC)) != 0)
		return 1;
	struct reader tail = reader_of(bytes.at + bytes.len - 4, 4);
	if (reader_u32le(&tail) != crc32c(0, bytes.at, bytes.len - 4))
		return 1;
	reader_u32le(&reader);
	if (reader_u32le(&reader) != MANIFEST_VERSION)
		return 1;
	manifest->id = reader_u64le(&reader);
	manifest->predecessor = reader_u64le(&reader);
	manifest->epoch = reader_u64le(&reader);
	manifest->revision = (int64_t)reader_u64le(&reader);
	manifest->fingerprint = reader_u64le(&reader);
	manifest->partition_count = (int32_t)reader_zigzag(&reader);
	manifest->created_ms = reader_zigzag(&reader);
	read_positions(manifest, &reader);
	struct slice extra = reader_slice(&reader);
	if (!reader.bad)
		buffer_put(&manifest->extra, extra.at, extra.len);
	read_segments(manifest, &reader);
	return reader.bad || reader_left(&reader) != 4 || manifest->id == 0;
}
