/*
 * What lies in the storage beside the state itself, with any bytes and the right checksum: the envelope of a segment, a manifest, and
 * where a shard goes on. Refused, or taken and written again as the same. The first byte says which of them.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32c.h"
#include "edge/checkpoint_segment.h"
#include "edge/manifest.h"
#include "edge/resume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEADER_BYTES = 32, CRC_AT = 28, TOPICS = 3, PARTITIONS = 4 };

static void put_crc(uint8_t *at, uint32_t crc)
{
	for (int i = 0; i < 4; i++)
		at[i] = (uint8_t)(crc >> (8 * i));
}

static void try_segment(uint8_t *bytes, size_t size)
{
	struct buffer _cleanup_buffer_ raw = { 0 }, again = { 0 }, twin = { 0 };
	uint64_t fingerprint = 0, other = 0;

	if (size >= HEADER_BYTES)
		put_crc(bytes + CRC_AT, crc32c(crc32c(0, bytes, CRC_AT), bytes + HEADER_BYTES,
						size - HEADER_BYTES));
	if (checkpoint_segment_read((struct slice){ (char *)bytes, size }, &fingerprint, &raw)) {
		assert(raw.len == 0);
		return;
	}
	/* lz4's best: what was read cannot be out of proportion to what it was read from. */
	assert(raw.len <= 256 * size);
	checkpoint_segment_write(buffer_slice(&raw), fingerprint, true, &again);
	assert(checkpoint_segment_read(buffer_slice(&again), &other, &twin) == 0);
	assert(other == fingerprint && slice_equal(buffer_slice(&raw), buffer_slice(&twin)));
}

static void try_resume(struct slice extra, const struct source_position *saved, size_t saved_count)
{
	static const char *const topics[TOPICS] = { "crm.lead", "crm.deal", "crm.call" };
	static const struct clock_settings settings = { .follow_wall = true,
		.alignment_ms = 600000,
		.max_skew_ms = 300000,
		.near_wall_ms = 600000,
		.idle_ms = 30000,
		.unreadable_ms = 60000 };
	const struct resume_inputs inputs = { topics, TOPICS, PARTITIONS };
	struct buffer _cleanup_buffer_ bytes = { 0 };
	struct source_position positions[TOPICS * PARTITIONS];
	struct clock clock, twin;

	for (int i = 0; i < TOPICS * PARTITIONS; i++)
		positions[i] = (struct source_position){ .topic = (uint16_t)(i / PARTITIONS),
			.partition = i % PARTITIONS };
	clock_init(&clock, &settings, TOPICS * PARTITIONS);
	clock_init(&twin, &settings, TOPICS * PARTITIONS);
	if (resume_restore(&inputs, extra, saved, saved_count, positions, &clock) == 0) {
		resume_save(&inputs, &clock, &bytes);
		assert(resume_restore(&inputs, buffer_slice(&bytes), positions, TOPICS * PARTITIONS,
			       positions, &twin) == 0);
		assert(twin.now_ms == clock.now_ms && twin.newest_ms == clock.newest_ms);
	}
	clock_deinit(&clock);
	clock_deinit(&twin);
}

static void try_manifest(uint8_t *bytes, size_t size)
{
	struct buffer _cleanup_buffer_ first = { 0 }, second = { 0 };
	struct manifest manifest, twin;

	if (size >= 4)
		put_crc(bytes + size - 4, crc32c(0, bytes, size - 4));
	manifest_init(&manifest);
	manifest_init(&twin);
	if (manifest_read(&manifest, (struct slice){ (char *)bytes, size }) == 0) {
		try_resume(
			buffer_slice(&manifest.extra), manifest.positions, manifest.position_count);
		manifest_write(&manifest, &first);
		assert(manifest_read(&twin, buffer_slice(&first)) == 0);
		manifest_write(&twin, &second);
		assert(slice_equal(buffer_slice(&first), buffer_slice(&second)));
	}
	manifest_deinit(&manifest);
	manifest_deinit(&twin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	/* A copy of its own, so that a read behind its end is seen. */
	uint8_t *copy = malloc(size);

	memcpy(copy, data + 1, size - 1);
	if (data[0] % 3 == 0)
		try_segment(copy, size - 1);
	else if (data[0] % 3 == 1)
		try_manifest(copy, size - 1);
	else
		try_resume((struct slice){ (char *)copy, size - 1 }, NULL, 0);
	free(copy);
	return 0;
}
