/* Events as lines of JSON: back as they were, and what is wrong is named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/event_json.h"
#include "any_event.h"
#include "events.h"

static void back_as_it_was(void **state)
{
	struct arena arena;
	struct buffer first = { 0 }, second = { 0 };
	struct event *e, back;
	char reason[EVENT_REASON_MAX];

	(void)state;
	arena_init(&arena, 0);
	e = event_make(&arena, ENTITY_DEAL, "D1", 3, "2026-03-02T02:00:00.250Z");
	event_set_all(e, "status", "WON", "amount", "125000000.5", "currency", "IDR", "won_at",
		"2026-03-01T10:00:00Z", "owner_id", "ana \"x\"", NULL);
	event_add_row(&arena, e, "splits", "budi", "REVENUE", "33.3333");
	event_add_ext(&arena, e, "delivery", "express");
	event_add_merged(&arena, e, "D2");
	e->excluded = true;
	event_json_write(e, &first);
	assert_int_equal(event_json_read(buffer_slice(&first), &arena, &back, reason), 0);
	assert_int_equal(back.occurred_at_ms, e->occurred_at_ms);
	assert_int_equal(event_field(&back, "amount")->i, INT64_C(1250000005000));
	assert_int_equal(event_field(&back, "splits")->list->count, 1);
	assert_true(back.excluded);
	event_json_write(&back, &second);
	assert_string_equal(buffer_text(&first), buffer_text(&second));
	buffer_deinit(&first);
	buffer_deinit(&second);
	arena_deinit(&arena);
}

static void what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *line, *reason;
	} wrong[] = {
		{ "", "JSON" },
		{ "[]", "object" },
		{ "{}", "type" },
		{ "{\"type\":\"invoice\"}", "type" },
		{ "{\"type\":\"deal\"}", "occurred_at" },
		{ "{\"type\":\"deal\",\"occurred_at\":\"yesterday\"}", "occurred_at" },
		{ "{\"type\":\"deal\",\"occurred_at\":1,\"amount\":\"12,5\"}", "amount" },
		{ "{\"type\":\"deal\",\"occurred_at\":1,\"won_at\":\"2026-02-30T00:00:00Z\"}",
			"won_at" },
		{ "{\"type\":\"deal\",\"occurred_at\":1,\"splits\":5}", "splits" },
		{ "{\"type\":\"deal\",\"occurred_at\":1,\"op\":\"EXPLODE\"}", "op" },
		{ "{\"type\":\"call\",\"occurred_at\":1,\"transferred\":\"yes\"}", "transferred" },
		{ "{\"type\":\"deal\",\"occurred_at\":1,\"merged_ids\":[7]}", "merged_ids" },
	};
	struct arena arena;
	struct event e;
	char reason[EVENT_REASON_MAX];

	(void)state;
	arena_init(&arena, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(event_json_read(slice_of(wrong[i].line), &arena, &e, reason), 1);
		if (!strstr(reason, wrong[i].reason))
			fail_msg("%s: %s", wrong[i].line, reason);
	}
	arena_deinit(&arena);
}

/* What is blank in an event is null in JSON. */
static void blank_is_null(
	const struct model_field *fields, size_t count, struct event_value *values)
{
	for (size_t i = 0; i < count; i++) {
		struct event_list *list = values[i].list;

		if (fields[i].type == VALUE_STRING && !values[i].text.len)
			values[i].is_null = true;
		for (size_t row = 0; fields[i].type == VALUE_LIST && row < list->count; row++)
			blank_is_null(fields[i].list->fields, fields[i].list->field_count,
				list->cells + row * fields[i].list->field_count);
	}
}

static void expect_back(struct event *event, struct arena *arena, struct buffer *line)
{
	char reason[EVENT_REASON_MAX];
	struct event back;
	size_t kept = 0;

	blank_is_null(model_table[event->type].fields, model_table[event->type].field_count,
		event->fields);
	for (size_t i = 0; i < event->ext_count; i++)
		if (event->ext[i].value.len)
			event->ext[kept++] = event->ext[i];
	event->ext_count = kept;
	if (!event->actor_id.len)
		event->actor_id = (struct slice){ NULL, 0 };
	buffer_reset(line);
	event_json_write(event, line);
	if (event_json_read(buffer_slice(line), arena, &back, reason))
		fail_msg("%s: %s", reason, buffer_text(line));
	assert_events_equal(event, &back);
}

static void any_events_come_back(void **state)
{
	struct buffer _cleanup_buffer_ line = { 0 };
	struct arena _cleanup_arena_ arena;
	struct rng rng;

	(void)state;
	arena_init(&arena, 0);
	rng_init(&rng, 91);
	for (int i = 0; i < 2000; i++) {
		expect_back(
			codec_any_event(&rng, &arena, (enum entity_type)(i % ENTITY_TYPE_COUNT)),
			&arena, &line);
		arena_reset(&arena);
	}
	/* Times and dates that are none come back as the numbers that they are. */
	struct event *event = codec_any_event(&rng, &arena, ENTITY_REP);

	event->occurred_at_ms = INT64_MIN;
	event->ingested_at_ms = INT64_MAX;
	event_field(event, "active_from")->i = INT32_MIN;
	expect_back(event, &arena, &line);
}

static int read_deal(const char *more, struct arena *arena, struct event *ret, char *reason)
{
	char line[512];

	snprintf(line, sizeof(line),
		"{\"type\":\"deal\",\"occurred_at\":\"2026-03-28T16:59:00Z\",%s}", more);
	return event_json_read(slice_of(line), arena, ret, reason);
}

/* A number of up to 15 digits is what it says; one of more is refused, for a double doesn't keep it. */
static void numbers_are_exact_or_refused(void **state)
{
	static const struct {
		const char *text;
		int64_t units;
	} good[] = {
		{ "0.1", 1000 },
		{ "-0.0001", -1 },
		{ "125000000.5", 1250000005000 },
		{ "99999999999.9999", 999999999999999 },
		{ "12", 120000 },
		{ "922337203685477", 9223372036854770000 },
		{ "\"922337203685477.5807\"", INT64_MAX },
		{ "\"-0.0000\"", 0 },
		{ "1.50e2", 1500000 },
		{ "1e2", 1000000 },
	};
	static const char *const bad[] = { "0.00001", "123456789012.34567", "1234567890123.4567",
		"922337203685478", "1e300", "1e-7", "\"1e2\"", "\"\"", "\"1,5\"", "true", "[1]",
		"0.30000000000000004" };
	struct arena _cleanup_arena_ arena;
	char reason[EVENT_REASON_MAX], more[64];
	struct event e;

	(void)state;
	arena_init(&arena, 0);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		snprintf(more, sizeof(more), "\"amount\":%s", good[i].text);
		if (read_deal(more, &arena, &e, reason))
			fail_msg("%s: %s", more, reason);
		if (event_field(&e, "amount")->i != good[i].units)
			fail_msg("%s: %lld", more, (long long)event_field(&e, "amount")->i);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(more, sizeof(more), "\"amount\":%s", bad[i]);
		if (!read_deal(more, &arena, &e, reason))
			fail_msg("%s is taken as %lld", more,
				(long long)event_field(&e, "amount")->i);
		assert_non_null(strstr(reason, "amount wants a number"));
	}
}

static void names_that_nobody_knows(void **state)
{
	static const struct {
		const char *more, *reason;
	} wrong[] = {
		{ "\"amout\":\"5\"", "deal has no field amout; did you mean amount?" },
		{ "\"zzzzzzzzzz\":1", "deal has no field zzzzzzzzzz" },
		{ "\"splits\":[{\"repid\":\"ana\"}]",
			"splits has no field repid; did you mean rep_id?" },
		{ "\"splits\":[\"ana\"]", "splits wants objects" },
		{ "\"amount\":1,\"amount\":2", "duplicate" },
		{ "\"ext\":[]", "ext wants an object" },
		{ "\"ext\":{\"a\":1}", "ext.a wants a text" },
		{ "\"merged_ids\":\"a\"", "merged_ids wants a list" },
		{ "\"excluded\":\"no\"", "excluded wants true or false" },
		{ "\"source_version\":\"7\"", "source_version wants a whole number" },
	};
	struct arena _cleanup_arena_ arena;
	char reason[EVENT_REASON_MAX];
	struct event e;

	(void)state;
	arena_init(&arena, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(read_deal(wrong[i].more, &arena, &e, reason), 1);
		if (!strstr(reason, wrong[i].reason))
			fail_msg("%s: %s", wrong[i].more, reason);
	}
	/* null is what is not there. */
	assert_int_equal(read_deal("\"ext\":{\"a\":null},\"merged_ids\":null,\"excluded\":null,"
				   "\"source_version\":null,\"amount\":null,"
				   "\"splits\":null,\"event_id\":null,\"status\":\"HALF_WON\"",
				 &arena, &e, reason),
		0);
	assert_true(event_field(&e, "amount")->is_null);
	assert_true(event_field(&e, "splits")->is_null);
	assert_int_equal(e.ext_count, 0);
	assert_true(slice_is(event_field(&e, "status")->text, "UNKNOWN"));
}

static void no_room_is_said(void **state)
{
	const char *more = "\"status\":\"WON\",\"splits\":[{\"rep_id\":\"a\"},{\"rep_id\":\"b\"}],"
			   "\"merged_ids\":[\"D2\"],\"ext\":{\"k\":\"v\"}";
	struct arena arena;
	char reason[EVENT_REASON_MAX];
	struct event e;
	size_t refused = 0;

	(void)state;
	for (size_t limit = 1024; limit < 2048; limit += 16) {
		arena_init(&arena, limit);
		if (read_deal(more, &arena, &e, reason)) {
			assert_non_null(strstr(reason, "no room left"));
			refused++;
		}
		arena_deinit(&arena);
	}
	assert_true(refused > 5 && refused < 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back_as_it_was),
		cmocka_unit_test(what_is_wrong_is_named),
		cmocka_unit_test(any_events_come_back),
		cmocka_unit_test(numbers_are_exact_or_refused),
		cmocka_unit_test(names_that_nobody_knows),
		cmocka_unit_test(no_room_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
