/* Where a shard goes on: topics are kept by name, whatever their order in the settings is later. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/resume.h"

static const struct clock_settings settings = { .alignment_ms = 600000, .max_skew_ms = 300000, .near_wall_ms = 600000, .idle_ms = 30000,
	.unreadable_ms = 60000 };

static void by_name(void **state)
{
	static const char *const before[] = { "crm.lead", "crm.deal" }, *const after[] = { "crm.call", "crm.deal", "crm.lead" };
	const struct resume_inputs old_inputs = { before, 2, 1 }, new_inputs = { after, 3, 1 };
	const struct source_position saved[] = { { 0, 3, 17 }, { 1, 3, 99 } };
	struct source_position positions[] = { { 0, 3, 0 }, { 1, 3, 0 }, { 2, 3, 0 } };
	struct buffer extra = { 0 };
	struct clock clock, back;

	(void)state;
	clock_init(&clock, &settings, 2);
	clock_assign(&clock, 0);
	clock_assign(&clock, 1);
	clock_saw(&clock, 0, 5000, 10000);
	clock_saw(&clock, 1, 7000, 10000);
	clock_turn(&clock, 10000);
	resume_save(&old_inputs, &clock, &extra);
	clock_init(&back, &settings, 3);
	assert_int_equal(resume_restore(&new_inputs, buffer_slice(&extra), saved, 2, positions, &back), 0);
	assert_int_equal(positions[0].offset, SOURCE_BEGINNING); /* new in the settings */
	assert_int_equal(positions[1].offset, 99);
	assert_int_equal(positions[2].offset, 17);
	assert_int_equal(back.now_ms, clock.now_ms);
	assert_int_equal(back.partitions[1].seen_ms, 7000);
	assert_int_equal(back.partitions[2].seen_ms, 5000);
	clock_deinit(&clock);
	clock_deinit(&back);
	for (size_t length = 0; length < extra.len; length++) {
		clock_init(&back, &settings, 3);
		resume_restore(&new_inputs, (struct slice){ (const char *)extra.data, length }, saved, 2, positions, &back);
		clock_deinit(&back); /* refused or not, nothing worse */
	}
	buffer_deinit(&extra);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(by_name) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
