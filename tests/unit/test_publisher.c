/* What goes out: letters whole and never lost, nothing while ownership is in doubt, failures told to the shard. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/publisher.h"
#include "edge/sink_memory.h"

static const char *const topics[] = { "crm.lead", "crm.deal" };

static struct shard *no_shard(void *ctx, int32_t index)
{
	(void)ctx;
	(void)index;
	return NULL;
}

static struct publisher *make(struct sink *sink)
{
	return publisher_new(&(struct publisher_settings){ .shard_count = 2, .budget_per_s = 1000, .heartbeat_ms = 1000, .topics = topics }, sink);
}

static const struct message bomb = { .topic = 1, .partition = 1, .offset = 77, .key = SLICE_INIT("acme"), .value = SLICE_INIT("\x02\xff\xff\xff\xff\x0f") };

static void a_letter_is_whole(void **state)
{
	struct sink *sink = sink_memory_new();
	struct publisher *p = make(sink);
	const struct sink_memory_record *r;

	(void)state;
	assert_int_equal(publisher_letter(p, PUBLISHER_DEAD, 1, &bomb, "a length of 7 where 1 bytes are left", 1000), 0);
	assert_int_equal(sink_memory_count(sink), 1);
	r = sink_memory_at(sink, 0);
	assert_int_equal(r->topic, SINK_DLQ);
	assert_true(slice_equal(r->key, bomb.key) && slice_equal(r->value, bomb.value));
	assert_non_null(strstr(r->headers, "a length of 7"));
	assert_non_null(strstr(r->headers, "crm.deal"));
	assert_non_null(strstr(r->headers, "77"));
	assert_int_equal(publisher_letter(p, PUBLISHER_LATE, 1, &bomb, "beyond the horizon", 1000), 0);
	assert_int_equal(sink_memory_at(sink, 1)->topic, SINK_LATE);
	assert_int_equal(publisher_counters(p).letters, 2);
	publisher_free(p);
	sink->ops->free(sink);
}

static void a_full_sink_holds_the_reader(void **state)
{
	struct sink *sink = sink_memory_new();
	struct publisher *p = make(sink);

	(void)state;
	sink_memory_refuse_next(sink, 1);
	assert_int_equal(publisher_letter(p, PUBLISHER_DEAD, 0, &bomb, "first", 1000), 0);
	assert_int_equal(publisher_letter(p, PUBLISHER_DEAD, 0, &bomb, "second", 1000), 0);
	assert_true(publisher_is_blocked(p));
	assert_int_equal(publisher_turn(p, no_shard, NULL), 0);
	assert_false(publisher_is_blocked(p));
	assert_int_equal(sink_memory_count(sink), 2);
	assert_non_null(strstr(sink_memory_at(sink, 0)->headers, "first")); /* in order */
	assert_non_null(strstr(sink_memory_at(sink, 1)->headers, "second"));
	publisher_free(p);
	sink->ops->free(sink);
}

static void closed_sends_nothing(void **state)
{
	struct sink *sink = sink_memory_new();
	struct publisher *p = make(sink);

	(void)state;
	publisher_set_open(p, false);
	assert_int_equal(publisher_letter(p, PUBLISHER_DEAD, 0, &bomb, "in doubt", 1000), 0);
	assert_int_equal(publisher_turn(p, no_shard, NULL), 0);
	assert_int_equal(sink_memory_count(sink), 0);
	publisher_set_open(p, true);
	assert_int_equal(publisher_turn(p, no_shard, NULL), 0);
	assert_int_equal(sink_memory_count(sink), 1);
	sink_memory_set_automatic(sink, false);
	assert_int_equal(publisher_letter(p, PUBLISHER_DEAD, 0, &bomb, "not yet acknowledged", 1000), 0);
	assert_true(publisher_settled(p) < publisher_sequence(p)); /* S21: a cut now waits for it */
	sink_memory_settle(sink, true);
	assert_true(publisher_settled(p) == publisher_sequence(p));
	publisher_free(p);
	sink->ops->free(sink);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(a_letter_is_whole), cmocka_unit_test(a_full_sink_holds_the_reader),
		cmocka_unit_test(closed_sends_nothing) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
