/* The log in memory and its consumer: positions, ends, holding, revoking. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/source_memory.h"

static const char *const topics[] = { "crm.lead", "crm.deal" };

struct seen {
	size_t messages, assigned, revoked, lost, ends, unreadable;
	int64_t last_offset;
};

static void poll_all(struct source *s, struct seen *seen)
{
	for (int i = 0; i < 5; i++) {
		struct source_batch batch;

		assert_int_equal(s->ops->poll(s, 0, 10, &batch), 0);
		for (size_t k = 0; k < batch.event_count; k++) {
			seen->assigned += batch.events[k].kind == SOURCE_ASSIGNED;
			seen->revoked += batch.events[k].kind == SOURCE_REVOKED;
			seen->lost += batch.events[k].kind == SOURCE_LOST;
			seen->ends += batch.events[k].kind == SOURCE_AT_END;
			seen->unreadable += batch.events[k].kind == SOURCE_UNREADABLE;
		}
		seen->messages += batch.message_count;
		if (batch.message_count)
			seen->last_offset = batch.messages[batch.message_count - 1].offset;
	}
}

static void reads_what_is_assigned(void **state)
{
	struct memory_log *log = memory_log_new(2, 2);
	struct source *s = source_memory_new(log, topics);
	const struct source_position from[] = { { 0, 1, SOURCE_BEGINNING }, { 1, 1, 1 } };
	struct seen seen = { 0 };

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(memory_log_append(log, 0, 1, SLICE_LIT("k"), SLICE_LIT("v")), i);
	memory_log_append(log, 1, 1, SLICE_LIT("k"), SLICE_LIT("old"));
	memory_log_append(log, 1, 1, SLICE_LIT("k"), SLICE_LIT("new"));
	memory_log_append(log, 1, 0, SLICE_LIT("k"), SLICE_LIT("not ours"));
	source_memory_assign(s, 1);
	poll_all(s, &seen);
	assert_int_equal(seen.assigned, 1);
	assert_int_equal(seen.messages, 0); /* no positions yet */
	assert_int_equal(s->ops->start(s, 1, from, 2), 0);
	s->ops->hold(s, 0, 1, true);
	poll_all(s, &seen);
	assert_int_equal(seen.messages, 1); /* the other partition is held */
	assert_int_equal(seen.last_offset, 1);
	s->ops->hold(s, 0, 1, false);
	poll_all(s, &seen);
	assert_int_equal(seen.messages, 4);
	assert_true(seen.ends >= 2);
	source_memory_revoke(s, 1, false);
	poll_all(s, &seen);
	assert_int_equal(seen.revoked, 1);
	assert_false(source_memory_is_released(s, 1));
	s->ops->released(s, 1);
	assert_true(source_memory_is_released(s, 1));
	s->ops->free(s);
	memory_log_free(log);
}

static void commits_are_remembered(void **state)
{
	struct memory_log *log = memory_log_new(1, 1);
	struct source *s = source_memory_new(log, topics);
	const struct source_position at = { 0, 0, 7 };
	struct source_position back = { 0, 0, 0 };
	char metadata[64] = "";

	(void)state;
	source_memory_assign(s, 0);
	assert_int_equal(s->ops->committed(s, 0, &back, 1, metadata, sizeof(metadata)), 1);
	assert_int_equal(s->ops->commit(s, 0, &at, 1, "epoch=3"), 0);
	s->ops->free(s);
	s = source_memory_new(log, topics); /* another consumer of the same group */
	assert_int_equal(s->ops->committed(s, 0, &back, 1, metadata, sizeof(metadata)), 0);
	assert_int_equal(back.offset, 7);
	assert_string_equal(metadata, "epoch=3");
	assert_true(s->ops->confirmed(s));
	source_memory_set_confirmed(s, false);
	assert_false(s->ops->confirmed(s));
	s->ops->free(s);
	memory_log_free(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(reads_what_is_assigned), cmocka_unit_test(commits_are_remembered) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
