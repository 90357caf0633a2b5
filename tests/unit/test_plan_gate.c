/* Gates: which measures stand behind a condition that they have in common, and which must not. That facts are the same is the scenarios' business. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/plan.h"
#include "plans.h"

static const struct plan_measure *measure_of(const struct plan *plan, const char *name)
{
	int i = plan_measure_find(plan, slice_of(name));

	assert_true(i >= 0);
	return &plan->measures[i];
}

/* What no measure of a type has in common with others is no gate; nor is what an element says, or what versions of a record do. */
static void test_gates(void **state)
{
	struct plan *plan = plan_of(
		"measures:\n"
		"  - {name: won, on: deal, at: deal.won_at, where: deal.status == \"WON\", agg: count}\n"
		"  - {name: all, on: deal, at: deal.created_at, agg: count}\n"
		"  - {name: big, extends: won, where: deal.account_id != null}\n"
		"  - {name: shares, on: deal, each: c in deal.credit, at: deal.won_at, where: 'deal.status==\"WON\" && "
		"c.share > 0.5', agg: count}\n"
		"  - {name: halves, extends: shares, where: c.share > 0.5}\n"
		"  - {name: lost, on: deal, at: deal.lost_at, where: deal.status == \"LOST\", agg: count}\n"
		"  - {name: open, on: opportunity, at: opportunity.created_at, until: opportunity.closed_at, where: "
		"opportunity.amount > 0, agg: count}\n"
		"  - {name: more, extends: open}\n"
		"metrics:\n"
		"  - {name: m, value: won + big + shares + halves + all + lost, windows: [7d]}\n"
		"  - {name: n, value: open + more}\n");
	int16_t gate = measure_of(plan, "won")->gate;

	(void)state;
	assert_int_equal(plan->gate_count, 1);
	assert_int_equal(gate, 0);
	assert_int_equal(measure_of(plan, "big")->gate, gate);
	assert_int_equal(measure_of(plan, "shares")->gate, gate);
	assert_int_equal(measure_of(plan, "halves")->gate, gate);
	assert_int_equal(measure_of(plan, "all")->gate, -1);
	assert_int_equal(measure_of(plan, "lost")->gate, -1);
	assert_int_equal(measure_of(plan, "open")->gate, -1);
	assert_int_equal(plan->measures_on_count[ENTITY_DEAL], 6);
	assert_int_equal(plan->gates[0].after, 6);
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gates),
	};

	return cmocka_run_group_tests_name("plan_gate", tests, NULL, NULL);
}
