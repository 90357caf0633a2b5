/* The codec against avro-c: the same bytes for our own schemas, the same events out of any writer's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "any_event.h"
#include "avro_oracle.h"
#include "base/asset.h"
#include "edge/codec.h"

static json_t *built_in_schema(enum entity_type type)
{
	char name[64];

	snprintf(name, sizeof(name), "%s.avsc", model_table[type].name);
	const struct asset *asset = asset_find(name);

	assert_non_null(asset);
	return json_loadb((const char *)asset->data, asset->len, 0, NULL);
}

static void decode_and_compare(struct codec_plan *plan, const struct buffer *body,
	const struct event *expected, struct arena *arena)
{
	char reason[CODEC_REASON_MAX];
	struct event event;

	if (codec_plan_decode(plan, buffer_slice(body), NULL, arena, &event, reason) != CODEC_OK)
		fail_msg("%s", reason);
	assert_events_equal(expected, &event);
}

static void test_same_bytes_by_our_schemas(void **state)
{
	struct buffer _cleanup_buffer_ ours, theirs;
	struct arena _cleanup_arena_ arena;
	struct rng rng;

	(void)state;
	buffer_init(&ours);
	buffer_init(&theirs);
	arena_init(&arena, 0);
	rng_init(&rng, 61);
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++) {
		json_t *schema = built_in_schema((enum entity_type)type);
		char reason[CODEC_REASON_MAX];
		char *text = json_dumps(schema, JSON_COMPACT);
		struct codec_plan *plan = codec_plan_new(slice_of(text), reason);

		for (int i = 0; i < 300; i++) {
			struct event *event = codec_any_event(&rng, &arena, (enum entity_type)type);

			buffer_reset(&ours);
			buffer_reset(&theirs);
			codec_encode_event(event, &ours);
			oracle_encode(schema, event, &rng, &theirs);
			assert_int_equal(ours.len, theirs.len);
			assert_memory_equal(ours.data, theirs.data, ours.len);
			decode_and_compare(plan, &theirs, event, &arena);
			arena_reset(&arena);
		}
		codec_plan_free(plan);
		json_decref(schema);
		free(text);
	}
}

static void test_any_writers_schema(void **state)
{
	struct buffer _cleanup_buffer_ body;
	struct arena _cleanup_arena_ arena;
	struct rng rng;

	(void)state;
	buffer_init(&body);
	arena_init(&arena, 0);
	for (uint64_t seed = 0; seed < 1800; seed++) {
		enum entity_type type = (enum entity_type)(seed % ENTITY_TYPE_COUNT);
		json_t *built_in = built_in_schema(type);
		char reason[CODEC_REASON_MAX];

		rng_init(&rng, seed);
		struct event *event = codec_any_event(&rng, &arena, type);
		struct event expected = *event;
		json_t *schema = oracle_evolve(built_in, &expected, &arena, &rng);
		char *text = json_dumps(schema, JSON_COMPACT);
		struct codec_plan *plan = codec_plan_new(slice_of(text), reason);

		if (!plan)
			fail_msg("seed %d: %s: %s", (int)seed, reason, text);
		buffer_reset(&body);
		oracle_encode(schema, event, &rng, &body);
		decode_and_compare(plan, &body, &expected, &arena);
		codec_plan_free(plan);
		free(text);
		json_decref(schema);
		json_decref(built_in);
		arena_reset(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_bytes_by_our_schemas),
		cmocka_unit_test(test_any_writers_schema),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
