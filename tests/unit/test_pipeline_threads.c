/*
 * Threads change nothing: the same story, with every kind of message that makes a shard want something of the others, is played on one
 * thread and on four; what was published, what was saved and what was counted must be the same bytes. ThreadSanitizer runs it too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/asset.h"
#include "base/rng.h"
#include "edge/codec.h"
#include "edge/kafka_partition.h"
#include "edge/manifest.h"
#include "events.h"
#include "rig.h"

enum { SHARDS = 6, TENANTS = 40, ROUNDS = 24, EVENTS = 300, CRASH_ROUND = 10, SCHEMA_ROUND = 16 };

struct world {
	struct rig rig;
	struct rng rng;
	char folder[40];
	struct counters counters;
	struct buffer text; /* of /readyz, in the middle and at the end */
};

static void write_schema(const struct world *w, const char *name)
{
	const struct asset *schema = asset_find("deal.avsc");
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", w->folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(schema->data, 1, schema->len, file), schema->len);
	assert_int_equal(fclose(file), 0);
}

static void remove_folder(const struct world *w)
{
	static const char *const names[] = { "7-deal.avsc", "99-deal.avsc" };
	char path[300];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", w->folder, names[i]);
		remove(path);
	}
	rmdir(w->folder);
}

/* ---- what arrives --------------------------------------------------------------------------------------- */

static const char *text_of(struct world *w, const char *format, uint64_t number)
{
	char text[32];
	int length = snprintf(text, sizeof(text), format, (unsigned long long)number);

	return arena_strndup(&w->rig.arena, text, (size_t)length);
}

static struct event *any_deal(struct world *w)
{
	struct rng *rng = &w->rng;
	struct event *event = event_make(&w->rig.arena, ENTITY_DEAL,
		text_of(w, "D%llu", rng_below(rng, 300)), 1 + (int64_t)rng_below(rng, 4), NULL);
	int64_t at_ms = w->rig.wall.manual_now_ms - (int64_t)rng_below(rng, 5400000);

	/* Now and then a win of long ago: a late one. */
	if (rng_below(rng, 40) == 0)
		at_ms = time_of("2021-01-01T00:00:00Z");
	event->occurred_at_ms = event->ingested_at_ms = at_ms;
	event->tenant_id = slice_of(text_of(w, "tenant-%llu", rng_below(rng, TENANTS)));
	event_set_all(event, "status", rng_below(rng, 4) ? "WON" : "LOST", "amount",
		text_of(w, "%llu", rng_below(rng, 1000)), "currency", "IDR", "owner_id",
		text_of(w, "rep-%llu", rng_below(rng, 5)), NULL);
	event_set_time(event, "won_at", at_ms);
	return event;
}

static struct event *any_opportunity(struct world *w)
{
	struct event *event = event_make(&w->rig.arena, ENTITY_OPPORTUNITY,
		text_of(w, "O%llu", rng_below(&w->rng, 300)), 1 + (int64_t)rng_below(&w->rng, 4),
		NULL);

	event->occurred_at_ms = event->ingested_at_ms =
		w->rig.wall.manual_now_ms - (int64_t)rng_below(&w->rng, 600000);
	event->tenant_id = slice_of(text_of(w, "tenant-%llu", rng_below(&w->rng, TENANTS)));
	event_set_all(event, "status", "OPEN", "owner_id",
		text_of(w, "rep-%llu", rng_below(&w->rng, 5)), NULL);
	event_set_time(event, "created_at", event->occurred_at_ms);
	return event;
}

static void append_framed(struct world *w, uint32_t schema_id)
{
	const struct event *event = any_deal(w);
	_cleanup_buffer_ struct buffer bytes = { 0 };

	codec_put_frame(schema_id, &bytes);
	codec_encode_event(event, &bytes);
	memory_log_append(w->rig.log, RIG_DEAL, kafka_partition_of(event->tenant_id, SHARDS),
		event->tenant_id, buffer_slice(&bytes));
}

/* A tenant where it does not belong: that shard stops, in the middle of a batch. */
static void append_misplaced(struct world *w)
{
	const struct event *event = any_deal(w);
	_cleanup_buffer_ struct buffer bytes = { 0 };
	int32_t wrong = (kafka_partition_of(event->tenant_id, SHARDS) + 1) % SHARDS;

	codec_encode_event(event, &bytes);
	memory_log_append(w->rig.log, RIG_DEAL, wrong, event->tenant_id, buffer_slice(&bytes));
}

static void append_round(struct world *w, int round)
{
	for (int i = 0; i < EVENTS; i++) {
		uint64_t kind = rng_below(&w->rng, 100);

		if (kind < 60)
			rig_append(&w->rig, any_deal(w));
		else if (kind < 90)
			rig_append(&w->rig, any_opportunity(w));
		else if (kind < 95)
			append_framed(w, 7);
		else if (kind < 97)
			memory_log_append(w->rig.log, (uint16_t)(kind % 2),
				(int32_t)rng_below(&w->rng, SHARDS), SLICE_LIT("key"),
				slice_of(text_of(w, "garbage %llu", rng_u64(&w->rng))));
		else if (kind < 98 && round > SCHEMA_ROUND - 4)
			append_framed(w, 99);
	}
	if (round == ROUNDS - 4)
		append_misplaced(w);
}

/* ---- the story ------------------------------------------------------------------------------------------ */

static void start(struct world *w)
{
	rig_start(&w->rig, 0);
	for (int32_t s = 0; s < SHARDS; s++)
		rig_assign(&w->rig, 0, s);
	assert_int_equal(rig_turn(&w->rig, 0), 0);
}

static void play(struct world *w, uint32_t threads, bool has_little_work)
{
	*w = (struct world){ .folder = "/tmp/salespulse-test-XXXXXX" };
	assert_non_null(mkdtemp(w->folder));
	write_schema(w, "7-deal.avsc");
	rng_init(&w->rng, 4711);
	buffer_init(&w->text);
	rig_init(&w->rig, SHARDS);
	schema_store_free(w->rig.schemas);
	w->rig.schemas = schema_store_new(w->folder);
	w->rig.settings.threads = threads;
	w->rig.settings.checkpoint.interval_ms = 1000;
	w->rig.settings.shard.pending_max = 100000;
	if (has_little_work)
		w->rig.settings.advance_per_turn = 400;
	start(w);
	for (int round = 0; round < ROUNDS; round++) {
		append_round(w, round);
		if (round == CRASH_ROUND) {
			rig_crash(&w->rig, 0);
			start(w);
		}
		/* The store looks into its folder once a second of its own. */
		if (round == SCHEMA_ROUND) {
			pipeline_status(w->rig.nodes[0].pipeline, &w->counters, &w->text);
			write_schema(w, "99-deal.avsc");
			usleep(1100000);
		}
		for (int turn = 0; turn < 4; turn++) {
			assert_int_equal(rig_turn(&w->rig, 0), 0);
			rig_pass(&w->rig, 1 + (int64_t)rng_below(&w->rng, 2000));
		}
		/* A closed hour, then a closed day. */
		rig_pass(&w->rig, round % 8 == 0 ? 3600000 : round % 8 == 4 ? 40000000 : 0);
	}
	pipeline_end(w->rig.nodes[0].pipeline);
	for (int i = 0; i < 200 && !pipeline_is_ended(w->rig.nodes[0].pipeline); i++) {
		assert_int_equal(rig_turn(&w->rig, 0), 0);
		rig_pass(&w->rig, 250);
	}
	assert_true(pipeline_is_ended(w->rig.nodes[0].pipeline));
	pipeline_status(w->rig.nodes[0].pipeline, &w->counters, &w->text);
}

static void put_away(struct world *w)
{
	rig_deinit(&w->rig);
	buffer_deinit(&w->text);
	remove_folder(w);
}

/* ---- the comparison ------------------------------------------------------------------------------------- */

static void assert_slices_equal(struct slice a, struct slice b)
{
	assert_int_equal(a.len, b.len);
	assert_true(a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static void compare_records(const struct world *a, const struct world *b)
{
	const struct sink *one = a->rig.nodes[0].sink, *four = b->rig.nodes[0].sink;

	assert_int_equal(sink_memory_count(one), sink_memory_count(four));
	for (size_t i = 0; i < sink_memory_count(one); i++) {
		const struct sink_memory_record *x = sink_memory_at(one, i),
						*y = sink_memory_at(four, i);

		assert_int_equal(x->topic, y->topic);
		assert_int_equal(x->shard, y->shard);
		assert_slices_equal(x->key, y->key);
		assert_slices_equal(x->value, y->value);
		assert_string_equal(x->headers, y->headers);
	}
}

static void read_manifest(const struct world *w, int32_t shard, struct buffer *bytes)
{
	assert_int_equal(
		w->rig.storage->ops->read_manifest(w->rig.storage, shard, 0, bytes), STORAGE_OK);
}

static void read_segment(
	const struct world *w, int32_t shard, const char *name, struct buffer *bytes)
{
	assert_int_equal(
		w->rig.storage->ops->read_segment(w->rig.storage, shard, slice_of(name), bytes),
		STORAGE_OK);
}

static void compare_checkpoints(const struct world *a, const struct world *b, int32_t shard)
{
	_cleanup_buffer_ struct buffer x = { 0 }, y = { 0 };
	struct manifest manifest;

	read_manifest(a, shard, &x);
	read_manifest(b, shard, &y);
	assert_slices_equal(buffer_slice(&x), buffer_slice(&y));
	manifest_init(&manifest);
	assert_int_equal(manifest_read(&manifest, buffer_slice(&x)), 0);
	assert_true(manifest.segment_count > 0);
	for (size_t i = 0; i < manifest.segment_count; i++) {
		buffer_reset(&x);
		buffer_reset(&y);
		read_segment(a, shard, manifest.segments[i].name, &x);
		read_segment(b, shard, manifest.segments[i].name, &y);
		assert_slices_equal(buffer_slice(&x), buffer_slice(&y));
	}
	manifest_deinit(&manifest);
}

/* That the story has all that it is about, so that the comparison is no comparison of nothings. */
static void assert_story(struct world *w)
{
	uint32_t stopped = 0;

	for (int32_t s = 0; s < SHARDS; s++)
		stopped += rig_shard(&w->rig, 0, s)->state == ASSIGNMENT_STOPPED;
	assert_int_equal(stopped, 1);
	assert_true(rig_count(&w->rig, 0, SINK_DLQ) > SHARDS);
	assert_true(rig_count(&w->rig, 0, SINK_LATE) > SHARDS);
	assert_true(rig_count(&w->rig, 0, SINK_LATEST) > 1000);
	assert_true(rig_count(&w->rig, 0, SINK_HISTORY) > 100);
	assert_non_null(strstr(buffer_text(&w->text), "for a schema"));
	assert_true(w->counters.unknown_schemas > 1);
	assert_true(w->counters.duplicates > 0 && w->counters.events > 1000);
	assert_true(w->counters.checkpoints > (uint64_t)2 * SHARDS);
}

static void compare_threads(uint32_t threads, bool has_little_work)
{
	struct world one, more;

	play(&one, 1, has_little_work);
	play(&more, threads, has_little_work);
	assert_story(&one);
	compare_records(&one, &more);
	for (int32_t s = 0; s < SHARDS; s++)
		compare_checkpoints(&one, &more, s);
	assert_memory_equal(&one.counters, &more.counters, sizeof(one.counters));
	assert_string_equal(buffer_text(&one.text), buffer_text(&more.text));
	rig_check_revisions(&more.rig);
	put_away(&one);
	put_away(&more);
}

static void test_four_threads_do_as_one(void **state)
{
	(void)state;
	compare_threads(4, false);
}

/* More threads than shards, and time that moves in many small steps. */
static void test_many_threads_do_as_one(void **state)
{
	(void)state;
	compare_threads(2 * SHARDS, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_four_threads_do_as_one),
		cmocka_unit_test(test_many_threads_do_as_one),
	};

	return cmocka_run_group_tests_name("pipeline_threads", tests, NULL, NULL);
}
