/*
 * Values of messages, by our schemas: the first byte says which record, and whether it is in a registry's frame. What is taken is
 * written and read again, and must be the same; what is refused says why. The same bytes are tried as a snapshot.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/asset.h"
#include "edge/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { VALUE_BYTES_MAX = 1 << 20, ARENA_BYTES_MAX = 64 << 20 };

static struct codec *framed, *bare;
static struct arena arena;

static void write_schema(const char *path, const struct asset *asset)
{
	FILE *file = fopen(path, "w");

	assert(file && asset);
	assert(fwrite(asset->data, 1, asset->len, file) == asset->len);
	fclose(file);
}

/* A folder in which the schema of each record has its number as its id. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	char folder[] = "/tmp/fuzz_codec_XXXXXX", paths[ENTITY_TYPE_COUNT][64], name[64];

	(void)argc;
	(void)argv;
	assert(mkdtemp(folder));
	for (int i = 0; i < ENTITY_TYPE_COUNT; i++) {
		snprintf(name, sizeof(name), "%s.avsc", model_table[i].name);
		snprintf(paths[i], sizeof(paths[i]), "%s/%d.avsc", folder, i);
		write_schema(paths[i], asset_find(name));
	}
	struct schema_store *with_ids = schema_store_new(folder);

	assert(with_ids);
	framed = codec_new(with_ids, CODEC_AUTO, VALUE_BYTES_MAX);
	bare = codec_new(schema_store_new(NULL), CODEC_AUTO, VALUE_BYTES_MAX);
	arena_init(&arena, ARENA_BYTES_MAX);
	for (int i = 0; i < ENTITY_TYPE_COUNT; i++)
		unlink(paths[i]);
	rmdir(folder);
	return 0;
}

static void try_event(struct codec *codec, enum entity_type type, struct slice value)
{
	struct buffer _cleanup_buffer_ first = { 0 }, second = { 0 };
	char reason[CODEC_REASON_MAX] = "";
	struct event event, again;
	enum codec_answer answer = codec_decode_event(codec, type, value, &arena, &event, reason);

	if (answer != CODEC_OK) {
		assert(strlen(reason) > 5 && strlen(reason) < CODEC_REASON_MAX);
		return;
	}
	event_validate(&event, reason);
	event_order(&event);
	codec_encode_event(&event, &first);
	/* An event without an id can't be told from a frame; the codec of the bare form has none of its trouble. */
	if (event.event_id.len == 0)
		return;
	assert(codec_decode_event(bare, event.type, buffer_slice(&first), &arena, &again, reason) ==
		CODEC_OK);
	codec_encode_event(&again, &second);
	assert(slice_equal(buffer_slice(&first), buffer_slice(&second)));
}

static void try_snapshot(struct slice value)
{
	struct buffer _cleanup_buffer_ first = { 0 }, second = { 0 };
	struct snapshot snapshot, again;

	if (codec_decode_snapshot(value, &snapshot) != 0)
		return;
	codec_encode_snapshot_key(&snapshot, &first);
	buffer_reset(&first);
	codec_encode_snapshot(&snapshot, &first);
	assert(codec_decode_snapshot(buffer_slice(&first), &again) == 0);
	codec_encode_snapshot(&again, &second);
	assert(slice_equal(buffer_slice(&first), buffer_slice(&second)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	/* A copy of its own, so that a read behind its end is seen. */
	char *copy = malloc(size);

	memcpy(copy, data + 1, size - 1);
	struct slice value = { size == 1 ? "" : copy, size - 1 };

	try_event(data[0] & 0x80 ? framed : bare, (enum entity_type)(data[0] % ENTITY_TYPE_COUNT),
		value);
	try_snapshot(value);
	free(copy);
	arena_reset(&arena);
	return 0;
}
