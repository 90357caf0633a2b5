/* A shard's life beside what test_pipeline plays: its states by name, parking, and what the table does not know. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/assignment.h"
#include "edge/counters.h"
#include "rig.h"

static void states_have_names(void **state)
{
	(void)state;
	for (int a = 0; a < ASSIGNMENT_STATE_COUNT; a++) {
		assert_true(strlen(assignment_state_name((enum assignment_state)a)) > 0);
		for (int b = 0; b < a; b++)
			assert_string_not_equal(assignment_state_name((enum assignment_state)a), assignment_state_name((enum assignment_state)b));
	}
}

/* A shard that was given back and is not asked for again loses its memory, not its checkpoint. */
static void a_parked_shard_is_forgotten_in_time(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_serve(&rig, 0);
	source_memory_revoke(rig.nodes[0].source, 0, false);
	rig_run(&rig, 0, 10);
	assert_true(source_memory_is_released(rig.nodes[0].source, 0));
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_PARKED);
	for (int i = 0; i < 100 && rig_state(&rig, 0) == ASSIGNMENT_PARKED; i++) {
		rig_pass(&rig, 60000);
		rig_turn(&rig, 0);
	}
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_NONE);
	rig_assign(&rig, 0, 0);
	rig_run(&rig, 0, 10);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_SERVING);
	assert_true(rig_latest(&rig, "won_revenue", "today").count > 0 || rig_count(&rig, 0, SINK_LATEST) > 0);
	rig_check_revisions(&rig);
	rig_deinit(&rig);
}

/* Taken, given and taken again within one turn: the shard ends where the last word says. */
static void quick_changes_end_in_the_last_one(void **state)
{
	struct rig rig;

	(void)state;
	rig_init(&rig, 1);
	rig_won(&rig, "D1", 1, "100");
	rig_serve(&rig, 0);
	for (int i = 0; i < 5; i++) {
		source_memory_revoke(rig.nodes[0].source, 0, i % 2);
		rig_assign(&rig, 0, 0);
	}
	rig_run(&rig, 0, 60);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_SERVING);
	rig_won(&rig, "D2", 1, "50");
	rig_run(&rig, 0, 5);
	rig_check_revisions(&rig);
	rig_deinit(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(states_have_names), cmocka_unit_test(a_parked_shard_is_forgotten_in_time),
		cmocka_unit_test(quick_changes_end_in_the_last_one) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
