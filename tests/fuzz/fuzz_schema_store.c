/*
 * Schemas from outside: the text before the first NUL is a file of the folder and a writer's schema, what is behind it is read
 * with it. Nothing crashes, takes more than its share of memory, or is refused without a reason.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "edge/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

enum { ARENA_BYTES_MAX = 16 << 20 };

static char folder[] = "/tmp/fuzz_schema_XXXXXX", path[64];

static void remove_folder(void)
{
	unlink(path);
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	assert(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/7-any.avsc", folder);
	atexit(remove_folder);
	return 0;
}

static void try_store(struct slice text)
{
	FILE *file = fopen(path, "w");

	assert(file);
	fwrite(text.at, 1, text.len, file);
	fclose(file);
	err_clear();
	struct schema_store *store = schema_store_new(folder);

	if (!store) {
		assert(strlen(err_message()) > 5);
		return;
	}
	assert(slice_equal(schema_store_by_id(store, 7), text));
	schema_store_free(store);
}

static void try_body(const struct codec_plan *plan, struct slice body)
{
	struct arena _cleanup_arena_ arena;
	char reason[CODEC_REASON_MAX] = "";
	struct event event;
	size_t used = body.len + 1;

	arena_init(&arena, ARENA_BYTES_MAX);
	enum codec_answer answer = codec_plan_decode(plan, body, &used, &arena, &event, reason);

	assert(used <= body.len);
	assert(answer == CODEC_OK || (answer == CODEC_BAD && strlen(reason) > 5));
	if (answer == CODEC_OK) {
		assert(event.type == codec_plan_type(plan));
		event_validate(&event, reason);
		event_order(&event);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *end = size ? memchr(data, 0, size) : NULL;
	size_t length = end ? (size_t)(end - data) : size, rest = end ? size - length - 1 : 0;
	char *text = malloc(length + 1), *body = malloc(rest + 1), reason[CODEC_REASON_MAX] = "";

	/* Copies, so that a read behind an end is seen. */
	if (length)
		memcpy(text, data, length);
	if (rest)
		memcpy(body, end + 1, rest);
	try_store((struct slice){ text, length });
	struct codec_plan *plan = codec_plan_new((struct slice){ text, length }, reason);

	assert(plan || strlen(reason) > 5);
	if (plan)
		try_body(plan, (struct slice){ body, rest });
	codec_plan_free(plan);
	free(text);
	free(body);
	return 0;
}
