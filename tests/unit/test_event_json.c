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
	event_set_all(e, "status", "WON", "amount", "125000000.5", "currency", "IDR", "won_at", "2026-03-01T10:00:00Z", "owner_id", "ana \"x\"", NULL);
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
	static const struct { const char *line, *reason; } wrong[] = {
		{ "", "JSON" }, { "[]", "object" }, { "{}", "type" }, { "{\"type\":\"invoice\"}", "type" },
		{ "{\"type\":\"deal\"}", "occurred_at" }, { "{\"type\":\"deal\",\"occurred_at\":\"yesterday\"}", "occurred_at" },
		{ "{\"type\":\"deal\",\"occurred_at\":1,\"amount\":\"12,5\"}", "amount" },
		{ "{\"type\":\"deal\",\"occurred_at\":1,\"won_at\":\"2026-02-30T00:00:00Z\"}", "won_at" },
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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(back_as_it_was), cmocka_unit_test(what_is_wrong_is_named) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
