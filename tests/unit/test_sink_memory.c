/* The sink in memory: order, settling, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/sink_memory.h"

static int send(struct sink *s, const char *key, uint64_t cookie)
{
	const struct sink_record record = { .topic = SINK_LATEST, .shard = 1, .key = slice_of(key), .value = SLICE_LIT("v"), .cookie = cookie };
	uint64_t sequence;

	return s->ops->send(s, &record, &sequence);
}

static void keeps_and_settles(void **state)
{
	struct sink *s = sink_memory_new();
	struct sink_failure failures[4];

	(void)state;
	assert_int_equal(send(s, "a", 1), SINK_SENT);
	assert_int_equal(s->ops->settled(s), 1);
	sink_memory_set_automatic(s, false);
	assert_int_equal(send(s, "b", 2), SINK_SENT);
	assert_int_equal(send(s, "c", 3), SINK_SENT);
	assert_int_equal(s->ops->settled(s), 1);
	assert_int_equal(s->ops->flush(s, 0), 1);
	sink_memory_settle(s, false);
	assert_int_equal(s->ops->settled(s), 3);
	assert_int_equal(s->ops->poll(s, 0, failures, 4), 2);
	assert_int_equal(failures[0].cookie, 2);
	assert_int_equal(failures[1].shard, 1);
	sink_memory_refuse_next(s, 1);
	assert_int_equal(send(s, "d", 4), SINK_FULL);
	assert_int_equal(send(s, "d", 4), SINK_SENT);
	assert_int_equal(sink_memory_count(s), 4);
	assert_true(slice_is(sink_memory_at(s, 3)->key, "d"));
	assert_true(sink_memory_at(s, 1)->has_failed);
	s->ops->free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(keeps_and_settles) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
