/*
 * Other definitions while running (S15): whatever the moment, what is published in the end is what a processor that had them from the
 * start publishes; what did not change goes on, and no checkpoint mixes the two.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "plans.h"
#include "rig.h"

#define MEASURES                                                                                   \
	"measures:\n"                                                                              \
	"  - {name: revenue, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', agg: "    \
	"sum,"                                                                                     \
	" value: deal.amount, by: {rep: deal.owner_id}}\n"                                         \
	"  - {name: wins, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', agg: count," \
	" by: {rep: deal.owner_id}}\n"                                                             \
	"metrics:\n"

static const char *const definitions[] = {
	MEASURES
	"  - {name: revenue, value: revenue, windows: [1h, today], group_by: [[], [rep]]}\n"
	"  - {name: wins, value: wins, windows: [1h], group_by: [[]]}\n",
	MEASURES
	"  - {name: revenue, value: revenue, windows: [1h, today], group_by: [[], [rep]]}\n"
	"  - {name: wins, value: wins, windows: [1h, 24h, today], group_by: [[], [rep]]}\n"
	"  - {name: average, value: revenue / wins, windows: [today], group_by: [[]]}\n",
	MEASURES
	"  - {name: average, value: revenue / wins, windows: [1h, today], group_by: [[], [rep]]}\n",
};

enum { DEFINITIONS = sizeof(definitions) / sizeof(definitions[0]) };

static void begin(struct rig *rig, struct plan *plans[DEFINITIONS], int first)
{
	rig_init(rig, 1);
	for (int i = 0; i < DEFINITIONS; i++)
		plans[i] = plan_of(definitions[i]);
	rig->settings.shard.plan = plans[first];
	rig_serve(rig, 0);
}

static void end(struct rig *rig, struct plan *plans[DEFINITIONS])
{
	rig_check_revisions(rig);
	rig_deinit(rig);
	for (int i = 0; i < DEFINITIONS; i++)
		plan_free(plans[i]);
}

/* What `run` does, and what it will start with the next time. */
static void redefine(struct rig *rig, const struct plan *plan)
{
	pipeline_redefine(rig->nodes[0].pipeline, plan);
	rig->settings.shard.plan = plan;
}

static struct counters counters_of(struct rig *rig)
{
	struct counters counters = { 0 };
	struct buffer text = { 0 };

	pipeline_status(rig->nodes[0].pipeline, &counters, &text);
	buffer_deinit(&text);
	return counters;
}

static void test_a_new_metric_knows_the_past(void **state)
{
	struct plan *plans[DEFINITIONS];
	struct rig rig;

	(void)state;
	begin(&rig, plans, 0);
	rig_won(&rig, "D1", 1, "100");
	rig_won(&rig, "D2", 1, "50");
	rig_run(&rig, 0, 2);
	assert_int_equal(rig_latest(&rig, "average", "today").count, 0);

	struct counters before = counters_of(&rig);

	redefine(&rig, plans[1]);
	assert_ptr_equal(pipeline_plan(rig.nodes[0].pipeline), plans[0]);
	rig_run(&rig, 0, 1);
	assert_ptr_equal(pipeline_plan(rig.nodes[0].pipeline), plans[1]);
	rig_run(&rig, 0, 1);
	rig_expect(&rig, "average", "today", 75);
	rig_expect(&rig, "wins", "today", 2);
	rig_expect(&rig, "revenue", "1h", 150);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_SERVING);

	struct counters after = counters_of(&rig);

	assert_int_equal(after.events, before.events);
	assert_int_equal(after.redefinitions, 1);
	assert_int_equal(after.entities, before.entities);
	/* What comes now counts in both, a correction of what was before as well. */
	rig_won(&rig, "D3", 1, "30");
	rig_won(&rig, "D1", 2, "10");
	rig_run(&rig, 0, 2);
	rig_expect(&rig, "average", "today", 30);
	rig_expect(&rig, "revenue", "1h", 90);
	end(&rig, plans);
}

/* A crash right behind it, before and after the first checkpoint under the new ones. */
static void test_a_checkpoint_is_of_one_plan(void **state)
{
	for (int seconds = 0; seconds < 12; seconds++) {
		struct plan *plans[DEFINITIONS];
		struct rig rig;

		(void)state;
		begin(&rig, plans, 0);
		rig_won(&rig, "D1", 1, "100");
		rig_run(&rig, 0, 7);
		rig_won(&rig, "D2", 1, "60");
		/* One cut is with a writer that takes its time. */
		checkpoint_writer_hold(rig.nodes[0].writer, seconds % 2);
		rig_run(&rig, 0, seconds % 3 + 4);
		redefine(&rig, plans[1]);
		rig_run(&rig, 0, 1);
		checkpoint_writer_hold(rig.nodes[0].writer, false);
		rig_run(&rig, 0, seconds);
		rig_won(&rig, "D3", 1, "20");
		rig_crash(&rig, 0);
		rig_serve(&rig, 0);
		rig_run(&rig, 0, 2);
		rig_expect(&rig, "average", "today", 60);
		rig_expect(&rig, "revenue", "1h", 180);
		end(&rig, plans);
	}
}

/* A shard that is handed over takes the old ones along; it is made anew when it comes back, from its checkpoint. */
static void test_a_released_shard_comes_back_under_the_new_ones(void **state)
{
	struct plan *plans[DEFINITIONS];
	struct rig rig;

	(void)state;
	begin(&rig, plans, 0);
	rig_won(&rig, "D1", 1, "100");
	rig_run(&rig, 0, 6);
	source_memory_revoke(rig.nodes[0].source, 0, false);
	redefine(&rig, plans[1]);
	rig_run(&rig, 0, 3);
	assert_int_equal(rig_state(&rig, 0), ASSIGNMENT_NONE);
	assert_ptr_equal(pipeline_plan(rig.nodes[0].pipeline), plans[1]);
	rig_assign(&rig, 0, 0);
	rig_run(&rig, 0, 4);
	rig_expect(&rig, "average", "today", 100);
	end(&rig, plans);
}

static void expect_same(struct rig *a, struct rig *b, const char *metric, const char *window)
{
	struct rig_value x = rig_latest(a, metric, window), y = rig_latest(b, metric, window);

	assert_true(x.count && y.count);
	assert_string_equal(x.state, y.state);
	assert_true(x.has_value == y.has_value && (!x.has_value || x.value == y.value));
}

/* Wins and corrections of wins as the dice have it; among them definitions change, the process dies, time passes. */
static void play(struct rig *rig, struct plan *plans[DEFINITIONS], uint64_t seed, bool changes)
{
	struct rng rng;

	rng_init(&rng, seed);
	for (int step = 0; step < 60; step++) {
		uint64_t dice = rng_below(&rng, 10);
		char id[16], amount[16];

		snprintf(id, sizeof(id), "D%d", (int)rng_below(&rng, 20));
		snprintf(amount, sizeof(amount), "%d", (int)rng_below(&rng, 1000));
		if (dice < 7) {
			rig_won(rig, id, step + 1, amount);
		} else if (dice == 7 && changes) {
			if (pipeline_plan(rig->nodes[0].pipeline) == rig->settings.shard.plan)
				redefine(rig, plans[step % DEFINITIONS]);
		} else if (dice == 8 && changes) {
			rig_crash(rig, 0);
			rig_serve(rig, 0);
		}
		rig_run(rig, 0, 1 + (int)(dice % 3));
		rig_pass(rig, dice == 9 ? 600000 : 0);
	}
	rig_run(rig, 0, 3);
	if (pipeline_plan(rig->nodes[0].pipeline) != plans[1])
		redefine(rig, plans[1]);
	rig_run(rig, 0, 8);
}

static void test_in_the_end_it_is_as_if_it_had_been_so_from_the_start(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		struct plan *plans_a[DEFINITIONS], *plans_b[DEFINITIONS];
		struct rig a, b;

		begin(&a, plans_a, (int)(seed % DEFINITIONS));
		begin(&b, plans_b, 1);
		play(&a, plans_a, seed, true);
		play(&b, plans_b, seed, false);
		expect_same(&a, &b, "revenue", "1h");
		expect_same(&a, &b, "revenue", "today");
		expect_same(&a, &b, "wins", "1h");
		expect_same(&a, &b, "wins", "24h");
		expect_same(&a, &b, "wins", "today");
		expect_same(&a, &b, "average", "today");
		shard_check(rig_shard(&a, 0, 0)->shard);
		assert_int_equal(shard_audit(rig_shard(&a, 0, 0)->shard, NULL, NULL), 0);
		end(&a, plans_a);
		end(&b, plans_b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_new_metric_knows_the_past),
		cmocka_unit_test(test_a_checkpoint_is_of_one_plan),
		cmocka_unit_test(test_a_released_shard_comes_back_under_the_new_ones),
		cmocka_unit_test(test_in_the_end_it_is_as_if_it_had_been_so_from_the_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
