/*
 * plan: what each construct of the language is compiled to: windows and their edges, measures and what they inherit, derived values in
 * any order, groupings and effects, who has to be looked at again when a field changes; and when two plans mean the same (S15).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "core/expr.h"
#include "core/plan.h"
#include "edge/definition_file.h"
#include "plans.h"

static const int64_t SECOND = 1000, MINUTE = 60000, QUARTER = 900000, HOUR = 3600000,
		     DAY = 86400000;

#define WINS                                                                                     \
	"measures:\n  - {name: wins, on: deal, at: deal.won_at, by: {rep: deal.owner_id, team: " \
	"deal.team_id}}\n"

static const struct plan_measure *measure_of(const struct plan *plan, const char *name)
{
	int index = plan_measure_find(plan, slice_of(name));

	if (index < 0)
		fail_msg("no measure %s", name);
	assert_int_equal(plan->measures[index].index, index);
	return &plan->measures[index];
}

static const struct plan_metric *metric_of(const struct plan *plan, const char *name)
{
	int index = plan_metric_find(plan, slice_of(name));

	if (index < 0)
		fail_msg("no metric %s", name);
	assert_int_equal(plan->metrics[index].index, index);
	return &plan->metrics[index];
}

/* ---- windows ------------------------------------------------------------------------------------------------- */

static void check_edge(const struct plan *plan, uint16_t edge, enum edge_kind kind,
	int64_t shift_ms, int64_t res_ms)
{
	assert_true(edge < plan->edge_count);
	assert_int_equal(plan->edges[edge].kind, kind);
	assert_int_equal(plan->edges[edge].shift_ms, shift_ms);
	assert_int_equal(plan->edges[edge].res_ms, res_ms);
}

static void test_rolling_windows(void **state)
{
	static const struct {
		const char *name;
		int64_t length_ms, res_ms;
	} want[] = { { "1h", 3600000, 1000 }, { "24h", 86400000, 60000 },
		{ "7d", 7 * 86400000LL, 60000 }, { "30d", 30 * 86400000LL, 900000 },
		{ "90d", 90 * 86400000LL, 900000 }, { "1m", 60000, 1000 },
		{ "12h", 43200000, 60000 }, { "365d", 365 * 86400000LL, 900000 } };
	struct plan *plan = plan_of(WINS "metrics: [{name: wins, value: wins, windows: [1h, 24h, "
					 "7d, 30d, 90d, 1m, 12h, 365d]}]\n");
	const struct plan_metric *m = metric_of(plan, "wins");

	(void)state;
	assert_int_equal(m->window_count, 8);
	for (size_t i = 0; i < 8; i++) {
		const struct plan_metric_window *mw = &m->windows[i];
		const struct plan_window *w = &plan->windows[mw->window];

		assert_string_equal(w->name, want[i].name);
		assert_int_equal(w->kind, WINDOW_ROLLING);
		assert_int_equal(w->length_ms, want[i].length_ms);
		assert_int_equal(w->res_ms, want[i].res_ms);
		assert_null(w->closed_name);
		check_edge(plan, mw->main_a, EDGE_ROLL, want[i].length_ms, want[i].res_ms);
		check_edge(plan, mw->main_b, EDGE_NOW, 0, 0);
		check_edge(plan, mw->prev_a, EDGE_ROLL, 2 * want[i].length_ms, want[i].res_ms);
		assert_int_equal(mw->prev_b, mw->main_a);
	}
	plan_free(plan);
}

static void test_calendar_windows(void **state)
{
	static const struct {
		const char *name, *closed;
		enum calendar_unit unit;
	} want[] = { { "today", "day", CALENDAR_DAY }, { "week_to_date", "week", CALENDAR_WEEK },
		{ "month_to_date", "month", CALENDAR_MONTH },
		{ "quarter_to_date", "quarter", CALENDAR_QUARTER },
		{ "year_to_date", "year", CALENDAR_YEAR } };
	struct plan *plan =
		plan_of(WINS "metrics:\n"
			     "  - {name: wins, value: wins, windows: [today, week_to_date, "
			     "month_to_date, quarter_to_date, year_to_date, all]}\n"
			     "  - {name: alone, value: wins, windows: [today], compare: none}\n");
	const struct plan_metric *m = metric_of(plan, "wins");

	(void)state;
	for (size_t i = 0; i < 5; i++) {
		const struct plan_metric_window *mw = &m->windows[i];
		const struct plan_window *w = &plan->windows[mw->window];

		assert_string_equal(w->name, want[i].name);
		assert_string_equal(w->closed_name, want[i].closed);
		assert_int_equal(w->kind, WINDOW_TO_DATE);
		check_edge(plan, mw->main_a, EDGE_PERIOD, 0, 0);
		assert_int_equal(plan->edges[mw->main_a].unit, want[i].unit);
		assert_int_equal(plan->edges[mw->main_a].back, 0);
		check_edge(plan, mw->main_b, EDGE_NOW, 0, 0);
		assert_int_equal(plan->edges[mw->prev_a].back, 1);
		check_edge(plan, mw->prev_b, EDGE_LIKE, 0, QUARTER);
		assert_int_equal(plan->edges[mw->prev_b].unit, want[i].unit);
		assert_int_equal(plan->edges[mw->prev_b].back, 1);
		assert_true(mw->cur[0] >= 0 && mw->prev[0] >= 0 && mw->main[0] >= 0);
		/* Both sides of a comparison at the same resolution. */
		check_edge(plan, plan->spans[measure_of(plan, "wins")->spans[mw->cur[0]]].b,
			EDGE_ROLL, 0, QUARTER);
	}
	assert_int_equal(plan->windows[m->windows[5].window].kind, WINDOW_ALL);
	assert_int_equal(m->windows[5].main_a, 0);
	assert_null(m->windows[5].prev);
	assert_int_equal(m->windows[5].prev_a, UINT16_MAX);
	assert_null(metric_of(plan, "alone")->windows[0].prev);
	/* The same span is one total, whoever reads it. */
	assert_int_equal(metric_of(plan, "alone")->windows[0].main[0], m->windows[0].main[0]);
	assert_true(measure_of(plan, "wins")->keeps_history); /* `all` */
	plan_free(plan);
}

/* A cohort's rolling window lies back by its maturity, whole; a calendar one does not (it is PARTIAL until it is ripe). */
static void test_mature_cohort(void **state)
{
	struct plan *plan = plan_of("params: {ripe: 30d}\n" WINS "metrics:\n"
				    "  - {name: cohort, value: wins, basis: COHORT, mature: ripe, "
				    "windows: [7d, month_to_date]}\n"
				    "  - {name: young, value: wins, windows: [7d]}\n");
	const struct plan_metric *m = metric_of(plan, "cohort");

	(void)state;
	assert_int_equal(m->basis, BASIS_COHORT);
	assert_int_equal(m->mature_ms, 30 * DAY);
	check_edge(plan, m->windows[0].main_a, EDGE_ROLL, 37 * DAY, MINUTE);
	check_edge(plan, m->windows[0].main_b, EDGE_ROLL, 30 * DAY, MINUTE);
	check_edge(plan, m->windows[0].prev_a, EDGE_ROLL, 44 * DAY, MINUTE);
	assert_int_equal(m->windows[0].prev_b, m->windows[0].main_a);
	check_edge(plan, m->windows[1].main_b, EDGE_NOW, 0, 0);
	assert_int_not_equal(m->windows[0].window, metric_of(plan, "young")->windows[0].window);
	assert_string_equal(plan->windows[m->windows[0].window].name, "7d");
	assert_true(plan->horizon_ms >= 400 * DAY + 30 * DAY + HOUR);
	plan_free(plan);
}

static void test_grace(void **state)
{
	struct plan *plan = plan_of(
		"grace: 90s\n" WINS "metrics: [{name: wins, value: wins, windows: [1h]}]\n");

	(void)state;
	assert_int_equal(plan->grace_ms, 90 * SECOND);
	plan_free(plan);
	plan = plan_of(WINS "metrics: [{name: wins, value: wins, windows: [1h]}]\n");
	assert_int_equal(plan->grace_ms, HOUR);
	plan_free(plan);
}

/* ---- measures ------------------------------------------------------------------------------------------------ */

static const char measures[] =
	"params: {limit: 2h, kinds: [WON, REFUNDED], channel: {ig: instagram, _: 'null'}}\n"
	"derive:\n"
	"  deal.is_won: {value: deal.status in kinds}\n"
	"measures:\n"
	"  - {name: wins, on: deal, at: deal.won_at, where: deal.is_won, by: {rep: deal.owner_id, "
	"source: channel(deal.source_channel)}}\n"
	"  - {name: big, extends: wins, where: deal.amount > 0}\n"
	"  - {name: bigger, extends: big, where: deal.list_amount > 0, by: {source: "
	"deal.source_channel}}\n"
	"  - {name: amount, extends: wins, value: deal.amount}\n"
	"  - {name: counted, extends: amount, agg: count}\n"
	"  - {name: credit, on: deal, each: c in deal.credit, at: deal.won_at, agg: sum, value: "
	"c.amount, by: {rep: c.rep_id}}\n"
	"  - {name: open, on: opportunity, at: opportunity.created_at, until: "
	"opportunity.close_at, by: {rep: opportunity.owner_id}}\n"
	"  - {name: customers, on: deal, at: deal.won_at, agg: distinct, value: deal.customer_id}\n"
	"  - {name: cycle, on: deal, at: deal.won_at, agg: percentile, value: deal.won_at - "
	"deal.created_at}\n"
	"  - {name: quick, on: call, at: call.initiated_at, where: 'call.talk_ms <= limit'}\n"
	"metrics:\n"
	"  - {name: wins, value: wins + big + bigger, windows: [1h]}\n"
	"  - {name: amounts, value: amount, windows: [7d], group_by: [[], [rep]]}\n"
	"  - {name: credits, value: credit + amount, windows: [7d], group_by: [[rep]]}\n"
	"  - {name: open, value: open, group_by: [[rep]]}\n"
	"  - {name: customers, value: customers, windows: [today]}\n"
	"  - {name: cycle, value: p50(cycle), unit: days, windows: [today]}\n"
	"  - {name: quick, value: quick / counted, windows: [all]}\n";

static void test_measures(void **state)
{
	struct plan *plan = plan_of(measures);
	const struct plan_measure *m = measure_of(plan, "wins");
	uint32_t count;

	(void)state;
	assert_int_equal(m->on, ENTITY_DEAL);
	assert_int_equal(m->agg, AGG_COUNT);
	assert_int_equal(m->value_type, VALUE_INT);
	assert_true(!m->stock && !m->keeps_history && !m->value && !m->until && m->each_slot == -1);
	assert_int_equal(expr_type(m->at), VALUE_TIME);
	assert_int_equal(expr_type(m->where), VALUE_BOOL);
	assert_int_equal(m->dim_count, 2);
	m = measure_of(plan, "amount");
	assert_int_equal(m->agg, AGG_SUM); /* a value says so */
	assert_int_equal(m->value_type, VALUE_MONEY);
	assert_int_equal(m->dim_count, 2); /* inherited */
	m = measure_of(plan, "counted");
	assert_true(m->agg == AGG_COUNT && m->value_type == VALUE_INT && !m->value);
	m = measure_of(plan, "bigger");
	assert_int_equal(m->dim_count, 1);
	expr_loads(m->where, &count);
	assert_int_equal(count, 3); /* its own condition, its base's and that one's */
	m = measure_of(plan, "credit");
	assert_int_equal(m->each_slot, attribute_find(ENTITY_DEAL, SLICE_LIT("credit")));
	assert_int_equal(plan->loads[expr_loads(m->value, &count)[0]].element_field, CREDIT_AMOUNT);
	assert_true(plan->loads[expr_loads(m->value, &count)[0]].currency_of_owner);
	m = measure_of(plan, "open");
	assert_true(m->stock && m->keeps_history && m->at_is_null && m->until);
	assert_int_equal(measure_of(plan, "customers")->agg, AGG_DISTINCT);
	assert_int_equal(measure_of(plan, "cycle")->agg, AGG_PERCENTILE);
	assert_int_equal(measure_of(plan, "cycle")->value_type, VALUE_DURATION);
	assert_true(measure_of(plan, "counted")->keeps_history); /* `all` */
	assert_int_equal(plan->measures_on_count[ENTITY_DEAL], 8);
	assert_int_equal(plan->measures_on_count[ENTITY_CALL], 1);
	assert_int_equal(plan->measures_on_count[ENTITY_LEAD], 0);
	plan_free(plan);
}

static struct value load_text(void *ctx, uint32_t code)
{
	(void)code;
	return value_of(VALUE_STRING, *(const uint32_t *)ctx);
}

/* A map of the params, as a function: what it names, and `_` for the rest. */
static void test_maps(void **state)
{
	struct plan *plan = plan_of(measures);
	const struct plan_measure *m = measure_of(plan, "wins");
	uint32_t id = intern_add(&plan->strings, SLICE_LIT("ig"));
	struct expr_frame frame = { .ctx = &id, .load = load_text, .strings = &plan->strings };

	(void)state;
	assert_true(slice_is(
		intern_text(&plan->strings, (uint32_t)expr_run(m->by[1], &frame).i), "instagram"));
	id = intern_add(&plan->strings, SLICE_LIT("fax"));
	assert_true(expr_run(m->by[1], &frame).is_null);
	id = intern_add(&plan->strings,
		SLICE_LIT("REFUNDED")); /* a list of the params, inside a named expression */
	assert_true(expr_run(m->where, &frame).i);
	id = intern_add(&plan->strings, SLICE_LIT("OPEN"));
	assert_false(expr_run(m->where, &frame).i);
	plan_free(plan);
}

static void test_groupings_and_effects(void **state)
{
	struct plan *plan = plan_of(measures);
	const struct plan_measure *amount = measure_of(plan, "amount"),
				  *credit = measure_of(plan, "credit");
	const struct plan_grouping *rep;

	(void)state;
	assert_int_equal(plan->grouping_count, 2);
	assert_string_equal(plan->groupings[0].name, "");
	assert_int_equal(plan->groupings[0].roster_dim, -1);
	rep = &plan->groupings[1];
	assert_string_equal(rep->name, "rep");
	assert_int_equal(rep->roster_dim, 0);
	assert_int_equal(rep->measure_count, 3); /* amount, credit, open */
	assert_int_equal(rep->measure_place[amount->index], 0);
	assert_int_equal(rep->measure_place[credit->index], 1);
	assert_int_equal(rep->measure_place[measure_of(plan, "wins")->index], UINT16_MAX);
	assert_int_equal(rep->metric_count, 3);
	assert_int_equal(amount->grouping_count, 2);
	assert_int_equal(credit->grouping_count, 1);
	for (uint32_t e = 0; e < plan->edge_count; e++)
		for (uint32_t k = 0; k < plan->measure_count; k++) {
			const struct plan_measure *m = &plan->measures[k];
			const struct plan_effects *effects =
				&plan->effects[(size_t)e * plan->measure_count + k];
			uint32_t want = 0, got = 0;

			for (uint16_t place = 0; place < m->span_count; place++) {
				want += plan->spans[m->spans[place]].a == e && e > 1;
				want += plan->spans[m->spans[place]].b == e && e > 1;
			}
			for (uint16_t i = 0; i < effects->count; i++) {
				const struct plan_span *span =
					&plan->spans[m->spans[effects->items[i].place]];

				got += effects->items[i].sign == 1
					       ? span->b == e
					       : effects->items[i].sign == -1 && span->a == e;
			}
			assert_int_equal(effects->count, want);
			assert_int_equal(got, want);
		}
	plan_free(plan);
}

/* ---- derived values ------------------------------------------------------------------------------------------ */

static int derived_find(const struct plan *plan, const char *name)
{
	for (uint32_t i = 0; i < plan->derived_count; i++)
		if (!strcmp(plan->derived[i].name, name))
			return (int)i;
	fail_msg("no derived %s", name);
	return -1;
}

/* In whatever order they are written, none comes before one that it reads. */
static void test_derived_in_any_order(void **state)
{
	static const char *const lines[] = {
		"  rep.first_new_customer_at: {min: account.first_won_at, over: account.owner, "
		"where: account.wins > 1}\n",
		"  account.first_won_at: {min: deal.won_at, over: deal.account, where: "
		"deal.is_won}\n",
		"  account.wins: {count: deal, over: deal.account, where: deal.is_won}\n",
		"  deal.is_won: {value: 'deal.status == \"WON\"'}\n",
	};
	char text[2000];

	(void)state;
	for (int order = 0; order < 24; order++) {
		int left[4] = { 0, 1, 2, 3 }, code = order;
		struct plan *plan;
		size_t used = (size_t)snprintf(text, sizeof(text), "derive:\n");

		for (int count = 4; count > 0; count--) {
			int k = code % count;

			code /= count;
			used += (size_t)snprintf(
				text + used, sizeof(text) - used, "%s", lines[left[k]]);
			left[k] = left[count - 1];
		}
		snprintf(text + used, sizeof(text) - used,
			WINS "metrics: [{name: wins, value: wins, windows: [1h]}]\n");
		plan = plan_of(text);
		assert_int_equal(plan->derived_count, 3);
		assert_true(derived_find(plan, "account.first_won_at") <
			    derived_find(plan, "rep.first_new_customer_at"));
		assert_true(derived_find(plan, "account.wins") <
			    derived_find(plan, "rep.first_new_customer_at"));
		assert_int_equal(
			plan->slot_count[ENTITY_ACCOUNT], attribute_slot_count(ENTITY_ACCOUNT) + 2);
		plan_free(plan);
	}
}

static void test_derived(void **state)
{
	struct plan *plan =
		plan_of("derive:\n"
			"  lead.first_won_at: {min: deal.won_at, over: deal.lead, where: "
			"'deal.status == \"WON\"'}\n"
			"  account.spent: {sum: deal.amount, over: deal.account}\n"
			"  account.deals: {count: deal, over: deal.account}\n"
			"  account.first_win: {first: deal, by: deal.won_at, over: deal.account}\n"
			"  lead.last: {max: opportunity.created_at, over: opportunity.leads}\n"
			"measures: [{name: accounts, on: account, at: account.first_win.won_at, "
			"value: account.spent, agg: sum,"
			" by: {source: account.first_win.lead.source_channel}}]\n"
			"metrics: [{name: accounts, value: accounts, windows: [1h]}]\n");
	const struct plan_derived *d = &plan->derived[derived_find(plan, "lead.first_won_at")];

	(void)state;
	assert_true(d->parent == ENTITY_LEAD && d->child == ENTITY_DEAL && d->kind == DERIVE_MIN &&
		    d->type == VALUE_TIME);
	assert_true(d->value && d->where && !d->by);
	assert_int_equal(d->slot, attribute_slot_count(ENTITY_LEAD));
	assert_string_equal(relation_table[d->relation].name, "deal.lead");
	d = &plan->derived[derived_find(plan, "account.deals")];
	assert_true(d->kind == DERIVE_COUNT && d->type == VALUE_INT && !d->value);
	d = &plan->derived[derived_find(plan, "account.first_win")];
	assert_true(d->kind == DERIVE_FIRST && d->type == VALUE_REF && d->by && !d->value);
	d = &plan->derived[derived_find(plan, "lead.last")];
	assert_int_equal(d->relation, RELATION_OPPORTUNITY_LEADS);
	/* Money of several children is a plain amount. */
	assert_int_equal(measure_of(plan, "accounts")->value_type, VALUE_DECIMAL);
	plan_free(plan);
}

/* ---- dependents ---------------------------------------------------------------------------------------------- */

static const struct plan_dependent *dependent_find(
	const struct plan *plan, enum entity_type of, enum entity_type reader, uint8_t hops)
{
	for (uint32_t i = 0; i < plan->dependent_count; i++)
		if (plan->dependents[i].of == of && plan->dependents[i].reader == reader &&
			plan->dependents[i].hop_count == hops)
			return &plan->dependents[i];
	return NULL;
}

static bool has_slot(const struct plan_dependent *d, uint32_t slot)
{
	return d->slots[slot >> 6] >> (slot & 63) & 1;
}

/* deal → opportunity → lead: the lead's field, and the reference on the way there; own fields need none. */
static void test_dependents(void **state)
{
	struct plan *plan = plan_of(
		"derive: {account.first_won_at: {min: deal.won_at, over: deal.account}}\n"
		"measures:\n"
		"  - {name: wins, on: deal, at: deal.won_at, where: deal.opportunity.lead.score > "
		"0.5, value: deal.opportunity.amount,"
		" by: {tier: deal.account.ext.tier, rep: deal.owner_id}}\n"
		"  - {name: new, on: deal, at: deal.account.first_won_at}\n"
		"  - {name: calls, on: call, at: call.initiated_at, by: {rep: call.rep_id}}\n"
		"metrics: [{name: wins, value: wins / new, windows: [1h]}, {name: calls, value: "
		"calls, windows: [1h]}]\n");
	const struct plan_dependent *d;

	(void)state;
	d = dependent_find(plan, ENTITY_LEAD, ENTITY_DEAL, 2);
	assert_non_null(d);
	assert_true(has_slot(d, attribute_slot(ENTITY_LEAD, "score")));
	assert_int_equal(d->hops[0], attribute_slot(ENTITY_DEAL, "opportunity"));
	assert_int_equal(d->hops[1], attribute_slot(ENTITY_OPPORTUNITY, "lead"));
	assert_int_equal(d->hop_types[0], ENTITY_DEAL);
	assert_int_equal(d->hop_types[1], ENTITY_OPPORTUNITY);
	d = dependent_find(plan, ENTITY_OPPORTUNITY, ENTITY_DEAL, 1);
	assert_non_null(d);
	assert_true(has_slot(d, attribute_slot(ENTITY_OPPORTUNITY, "lead")));
	assert_true(has_slot(d, attribute_slot(ENTITY_OPPORTUNITY, "amount")));
	assert_true(has_slot(d, attribute_slot(ENTITY_OPPORTUNITY,
					"currency"))); /* without it the amount is another one */
	assert_false(has_slot(d, attribute_slot(ENTITY_OPPORTUNITY, "status")));
	d = dependent_find(plan, ENTITY_ACCOUNT, ENTITY_DEAL, 1);
	assert_non_null(d); /* for `ext` no slot is named: the store looks at them itself */
	assert_true(has_slot(d, attribute_slot_count(ENTITY_ACCOUNT)));
	assert_null(dependent_find(plan, ENTITY_DEAL, ENTITY_DEAL, 0));
	assert_int_equal(plan->dependent_count, 3);
	plan_free(plan);
}

/* A path through a derived reference: the child that it names, and the reference itself. */
static void test_dependents_through_first(void **state)
{
	struct plan *plan = plan_of(
		"derive: {account.first_win: {first: deal, by: deal.won_at, over: deal.account}}\n"
		"measures: [{name: a, on: account, at: account.first_win.won_at, by: {rep: "
		"account.first_win.winner.name}}]\n"
		"metrics: [{name: a, value: a, windows: [1h]}]\n");
	const struct plan_dependent *d = dependent_find(plan, ENTITY_DEAL, ENTITY_ACCOUNT, 1);

	(void)state;
	assert_non_null(d);
	assert_true(has_slot(d, attribute_slot(ENTITY_DEAL, "won_at")) &&
		    has_slot(d, attribute_slot(ENTITY_DEAL, "winner")));
	assert_int_equal(d->hops[0], attribute_slot_count(ENTITY_ACCOUNT));
	d = dependent_find(plan, ENTITY_REP, ENTITY_ACCOUNT, 2);
	assert_non_null(d);
	assert_true(has_slot(d, attribute_slot(ENTITY_REP, "name")));
	assert_int_equal(d->hop_types[1], ENTITY_DEAL);
	plan_free(plan);
}

/* ---- metrics ------------------------------------------------------------------------------------------------- */

static uint32_t bit(enum relation r)
{
	return UINT32_C(1) << r;
}

static bool reads(const struct plan *plan, enum entity_type type, const char *name)
{
	uint32_t slot = attribute_slot(type, name);

	return plan->slots_read[type][slot >> 6] >> (slot & 63) & 1;
}

/* What nobody can see needs no links and no lists. */
static void test_what_is_read(void **state)
{
	struct plan *plan =
		plan_of(WINS "metrics:\n  - {name: wins, value: wins, windows: [1h]}\n");

	(void)state;
	assert_int_equal(plan->relations_used, 0);
	assert_true(reads(plan, ENTITY_DEAL, "owner_id"));
	assert_false(reads(plan, ENTITY_DEAL, "credit"));
	assert_false(reads(plan, ENTITY_OPPORTUNITY, "versions"));
	plan_free(plan);

	plan = plan_of("measures:\n  - {name: a, on: deal, at: deal.won_at, each: c in "
		       "deal.credit, agg: sum, value: c.amount, "
		       "by: {segment: deal.account.segment}}\n"
		       "  - {name: b, on: deal, at: deal.opportunity.created_at, agg: count}\n"
		       "metrics:\n  - {name: a, value: a, windows: [1h]}\n  - {name: b, value: b, "
		       "windows: [1h]}\n");
	assert_int_equal(
		plan->relations_used, bit(RELATION_DEAL_ACCOUNT) | bit(RELATION_DEAL_OPPORTUNITY));
	assert_true(reads(plan, ENTITY_DEAL, "credit"));
	assert_true(reads(plan, ENTITY_ACCOUNT, "segment"));
	plan_free(plan);

	/* A lead that is only referred to has facts of its own; it is chosen from the links of both sides. */
	plan = plan_of(
		"measures:\n  - {name: a, on: lead, at: lead.created_at}\n"
		"  - {name: b, on: opportunity, at: opportunity.created_at, until: "
		"opportunity.closed_at}\n"
		"metrics:\n  - {name: a, value: a, windows: [1h]}\n  - {name: b, value: b}\n");
	assert_int_equal(plan->relations_used & bit(RELATION_CALL_LEAD), bit(RELATION_CALL_LEAD));
	assert_int_equal(plan->relations_used & bit(RELATION_LEAD_OPPORTUNITY),
		bit(RELATION_LEAD_OPPORTUNITY));
	assert_int_equal(plan->relations_used & bit(RELATION_LEAD_OWNER), 0);
	assert_true(reads(plan, ENTITY_OPPORTUNITY, "versions"));
	plan_free(plan);

	plan = plan_of("derive:\n  account.deals: {count: deal, over: deal.account}\n" WINS
		       "metrics:\n  - {name: wins, value: wins, windows: [1h]}\n");
	assert_int_equal(plan->relations_used, bit(RELATION_DEAL_ACCOUNT));
	plan_free(plan);
}

static void test_metrics(void **state)
{
	struct plan *plan =
		plan_of("measures:\n"
			"  - {name: revenue, on: deal, at: deal.won_at, value: deal.amount, by: "
			"{rep: deal.owner_id, team: deal.team_id}}\n"
			"  - {name: wins, on: deal, at: deal.won_at, by: {rep: deal.owner_id}}\n"
			"  - {name: open, on: opportunity, at: opportunity.created_at, until: "
			"opportunity.close_at}\n"
			"metrics:\n"
			"  - {name: revenue, value: revenue, windows: [7d, today], group_by: [[], "
			"[rep], [team, rep]]}\n"
			"  - {name: rank, rank: revenue}\n"
			"  - {name: share, value: revenue / revenue, unit: percent, windows: [7d], "
			"min_sample: 5, empty: {revenue: null}}\n"
			"  - {name: growth, value: revenue - previous(revenue), windows: [7d]}\n"
			"  - {name: open, value: open}\n"
			"  - {name: open_then, value: open, windows: [today], compare: previous}\n"
			"  - {name: opened, value: opening(open) + wins, windows: [today]}\n");
	const struct plan_metric *m = metric_of(plan, "revenue"), *r = metric_of(plan, "rank");
	const struct plan_measure *open = measure_of(plan, "open");

	(void)state;
	assert_true(m->unit == UNIT_CURRENCY && m->money && m->basis == BASIS_EVENT &&
		    !m->reads_previous);
	assert_int_equal(m->streams, 1 << ENTITY_DEAL);
	assert_string_equal(plan->groupings[m->groupings[2]].name, "team,rep");
	assert_int_equal(plan->groupings[m->groupings[2]].roster_dim, 1);
	assert_int_equal(r->rank_of, m->index);
	assert_true(r->program == NULL && r->grouping_count == 2 && r->window_count == 2 &&
		    r->unit == UNIT_COUNT);
	m = metric_of(plan, "share");
	assert_true(m->unit == UNIT_PERCENT && m->min_sample == 5 && m->input_count == 1 &&
		    m->inputs[0].empty_is_null && m->money);
	m = metric_of(plan, "growth");
	assert_true(
		m->reads_previous && m->input_count == 2 && m->inputs[1].read == INPUT_PREVIOUS);
	m = metric_of(plan, "open");
	assert_true(m->basis == BASIS_STOCK && m->window_count == 1 &&
		    plan->windows[m->windows[0].window].kind == WINDOW_NOW);
	assert_null(m->windows[0].prev);
	/* A stock is all that came and did not go; then: as it stood at the matching instant. */
	m = metric_of(plan, "open_then");
	assert_int_equal(plan->spans[open->spans[m->windows[0].main[0]]].a, 0);
	assert_int_equal(plan->spans[open->spans[m->windows[0].prev[0]]].a, 0);
	assert_int_equal(
		plan->edges[plan->spans[open->spans[m->windows[0].prev[0]]].b].kind, EDGE_LIKE);
	m = metric_of(plan, "opened");
	assert_int_equal(m->basis, BASIS_EVENT);
	assert_int_equal(plan->spans[open->spans[m->windows[0].main[0]]].a, 0);
	assert_int_equal(
		plan->edges[plan->spans[open->spans[m->windows[0].main[0]]].b].kind, EDGE_PERIOD);
	assert_int_equal(m->streams, 1 << ENTITY_DEAL | 1 << ENTITY_OPPORTUNITY);
	plan_free(plan);
}

/* S20: what is kept back until a share of the period has passed; each tenant's own where they differ. */
static void test_min_share(void **state)
{
	struct plan *plan = plan_of(
		"params: {early: 0.1, late: 0.5}\n"
		"tenants: {acme: {early: 0.25}, bolt: {early: 0.1}}\n" WINS "metrics:\n"
		"  - {name: one, value: wins, windows: [today, month_to_date], min_share: "
		"0.05}\n"
		"  - {name: each, value: wins, windows: [month_to_date], min_share: early}\n"
		"  - {name: named, value: wins, windows: [today], min_share: late}\n"
		"  - {name: again, value: wins, windows: [today], min_share: 0.05}\n"
		"  - {name: none, value: wins, windows: [today]}\n"
		"  - {name: rank, rank: each}\n");
	const struct plan_metric_window *one = metric_of(plan, "one")->windows,
					*each = metric_of(plan, "each")->windows;
	struct buffer _cleanup_buffer_ text;

	(void)state;
	assert_int_equal(plan->share_count, 5);
	assert_int_equal(plan->shares[one[0].shares[0]].unit, CALENDAR_DAY);
	assert_int_equal(plan->shares[one[1].shares[0]].unit, CALENDAR_MONTH);
	assert_int_equal(plan->shares[one[1].shares[0]].least, 500);
	assert_int_equal(plan->shares[each[0].shares[0]].least, 1000);
	assert_int_equal(plan->shares[each[0].shares[1]].least, 2500);
	assert_int_equal(each[0].shares[2], each[0].shares[0]);
	assert_int_equal(plan->shares[metric_of(plan, "named")->windows[0].shares[0]].least, 5000);
	assert_int_equal(metric_of(plan, "again")->windows[0].shares[0], one[0].shares[0]);
	assert_null(metric_of(plan, "none")->windows[0].shares);
	assert_ptr_equal(metric_of(plan, "rank")->windows, each);
	buffer_init(&text);
	plan_print(plan, &text);
	assert_non_null(strstr(buffer_text(&text),
		"windows month_to_date once 0.1 of the period has passed, 0.25 for acme; groups"));
	plan_free(plan);
}

/* S9: what is ahead counts in the total of its period: in a measure of its own per unit, from the period's start to the clock. */
static void test_full(void **state)
{
	struct plan *plan =
		plan_of(WINS "  - {name: revenue, extends: wins, agg: sum, value: deal.amount}\n"
			     "metrics:\n"
			     "  - {name: pace, value: wins / full(wins), windows: [today, "
			     "month_to_date], group_by: [[], [rep]]}\n"
			     "  - {name: again, value: full(revenue) / full(wins), windows: "
			     "[month_to_date], compare: none, group_by: [[rep]]}\n"
			     "  - {name: rank, rank: pace}\n");
	const struct plan_metric *pace = metric_of(plan, "pace"), *again = metric_of(plan, "again");
	const struct plan_measure *wins = measure_of(plan, "wins"), *month, *revenue;
	const struct plan_metric_window *w = &pace->windows[1];
	const struct plan_span *span;
	struct buffer _cleanup_buffer_ text;

	(void)state;
	assert_int_equal(plan->measure_count, 2 + 3);
	assert_int_equal(plan->measures_on_count[ENTITY_DEAL], 2);
	assert_int_equal(wins->whole_count, 2);
	assert_int_equal(pace->inputs[1].read, INPUT_FULL);
	assert_int_equal(pace->inputs[1].measure, wins->index);
	assert_int_equal(w->measures[0], wins->index);
	month = &plan->measures[w->measures[1]];
	assert_true(month->is_whole && month->whole_of == wins->index &&
		    month->whole_unit == CALENDAR_MONTH && !month->whole_count);
	assert_string_equal(month->name, "full(wins) of the month");
	assert_int_equal(plan->measures[pace->windows[0].measures[1]].whole_unit, CALENDAR_DAY);
	span = &plan->spans[month->spans[w->main[1]]];
	assert_true(plan->edges[span->a].kind == EDGE_PERIOD && plan->edges[span->a].back == 0 &&
		    plan->edges[span->b].kind == EDGE_NOW);
	assert_int_equal(w->cur[1], w->main[1]);
	span = &plan->spans[month->spans[w->prev[1]]];
	assert_true(plan->edges[span->a].kind == EDGE_PERIOD && plan->edges[span->a].back == 1 &&
		    plan->edges[span->b].kind == EDGE_PERIOD && plan->edges[span->b].back == 0);
	assert_int_equal(again->windows[0].measures[1], month->index);
	/* Cells only where they are read: revenue itself by nobody, its whole by rep. */
	revenue = &plan->measures[again->windows[0].measures[0]];
	assert_int_equal(measure_of(plan, "revenue")->grouping_count, 0);
	assert_int_equal(revenue->grouping_count, 1);
	assert_int_equal(month->grouping_count, 2);
	assert_int_equal(wins->grouping_count, 2);
	assert_int_equal(plan_measure_find(plan, SLICE_LIT("full(wins)")), -1);
	buffer_init(&text);
	plan_print(plan, &text);
	assert_non_null(strstr(buffer_text(&text),
		"full(wins) of the month: count on deal, booked at the start of its month"));
	plan_free(plan);
}

static void test_refusals(void **state)
{
	static const struct {
		const char *yaml, *says;
	} cases[] = {
		{ "derive: {account.deals: {count: deal, over: deal.account}}\n"
		  "measures: [{name: wins, on: deal, at: deal.won_at, where: deal.account.deals > "
		  "1}]\n",
			"account.deals is a count over children" },
		{ "derive: {account.spent: {sum: deal.amount, over: deal.account}}\n"
		  "measures: [{name: wins, on: call, at: call.initiated_at, agg: sum, value: "
		  "call.account.spent}]\n",
			"account.spent is a sum over children" },
		{ "derive: {account.x: {min: deal.lead, over: deal.account}}\n",
			"`min` of a reference says nothing" },
		{ "derive: {account.x: {sum: deal.won_at, over: deal.account}}\n",
			"`sum` of a time says nothing" },
		{ "derive: {account.x: {max: deal.credit, over: deal.account}}\n",
			"`max` of a list says nothing" },
		{ "derive: {account.x: {first: deal, by: deal.lead, over: deal.account}}\n",
			"a reference has no order" },
		{ "derive: {account.x: {min: deal.y, over: deal.account}, deal.y: {min: account.x, "
		  "over: account.owner}}\n",
			"" },
		{ WINS "metrics: [{name: g, value: wins - previous(wins), windows: [7d, all]}]\n",
			"previous() has no period before «all»" },
		{ WINS "metrics: [{name: g, value: wins - previous(wins), windows: [7d], compare: "
		       "none}]\n",
			"previous() wants" },
		{ WINS "metrics: [{name: g, value: wins, windows: [7dd]}]\n",
			"the nearest is «7d»" },
		{ WINS "metrics: [{name: g, value: wins, windows: [59s]}]\n",
			"a window is a length from 1m to 1100d" },
		{ WINS "metrics: [{name: g, value: wins, windows: [1101d]}]\n",
			"a window is a length from 1m to 1100d" },
		{ WINS "metrics: [{name: g, value: wins, windows: [7d], group_by: [[rpe]]}]\n",
			"the nearest is «rep»" },
		{ "params: {a: b, c: 30d}\n" WINS
		  "metrics: [{name: g, value: wins, windows: [7d], mature: a}]\n",
			"`mature` wants a duration" },
		{ WINS "metrics: [{name: g, value: full(wins), windows: [all]}]\n",
			"full() is the total of a whole calendar period, and «all» has none" },
		{ WINS "  - {name: spread, extends: wins, agg: percentile, value: deal.amount}\n"
		       "metrics: [{name: g, value: full(spread), windows: [today]}]\n",
			"full() adds up what happens in a period" },
		{ WINS "metrics: [{name: g, value: full(wims), windows: [today]}]\n",
			"the nearest is «wins»" },
		{ WINS "metrics: [{name: g, value: wins, windows: [now], min_share: 0.1}]\n",
			"`min_share` is a share of a calendar period, and «now» has none" },
		{ WINS "metrics: [{name: g, value: wins, windows: [today], min_share: 0}]\n",
			"`min_share` wants a share of the period between 0 and 1" },
		{ WINS "metrics: [{name: g, value: wins, windows: [today], min_share: 0.00001}]\n",
			"`min_share` wants a share of the period between 0 and 1" },
		{ WINS "metrics: [{name: g, value: wins, windows: [today], min_share: erly}]\n",
			"`min_share` wants a share of the period between 0 and 1" },
		{ "params: {early: 0.1}\ntenants: {acme: {early: 0.2}, bolt: {early: 1.5}}\n" WINS
		  "metrics: [{name: g, value: wins, windows: [today], min_share: early}]\n",
			"not so for tenant bolt" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *mistake = mistake_of(cases[i].yaml);

		if (!strstr(mistake, cases[i].says))
			fail_msg("%s: %s", cases[i].yaml, mistake);
		free(mistake);
	}
}

/* Names that double at every step are refused, not expanded until the memory is full. */
static void test_names_that_double(void **state)
{
	char text[4000], *mistake;
	size_t used = (size_t)snprintf(
		text, sizeof(text), "derive:\n  deal.n0: {value: deal.amount > 0}\n");

	(void)state;
	for (int i = 1; i < 40; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used,
			"  deal.n%d: {value: deal.n%d && deal.n%d}\n", i, i - 1, i - 1);
	mistake = mistake_of(text);
	assert_non_null(strstr(mistake, "too large"));
	free(mistake);
}

/* ---- the fingerprint ----------------------------------------------------------------------------------------- */

static uint64_t fingerprint_of(const char *yaml)
{
	struct plan *plan = plan_of(yaml);
	uint64_t print = plan->fingerprint;

	plan_free(plan);
	return print;
}

/* One text with one part replaced. */
static void replaced(const char *text, const char *from, const char *to, char *buf, size_t cap)
{
	const char *at = strstr(text, from);

	if (!at)
		fail_msg("no %s", from);
	snprintf(buf, cap, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static const char base[] =
	"grace: 1h\n"
	"params: {limit: 30d, kinds: [WON, REFUNDED], channel: {ig: instagram, fb: facebook, _: "
	"keep}, spare: 3}\n"
	"derive:\n"
	"  deal.is_won: {value: 'deal.status in kinds'}\n"
	"  lead.first_won_at: {min: deal.won_at, over: deal.lead, where: deal.is_won}\n"
	"measures:\n"
	"  - name: wins\n"
	"    on: deal\n"
	"    at: deal.won_at\n"
	"    where: deal.is_won && deal.won_at - deal.created_at <= limit\n"
	"    by: {rep: deal.owner_id, source: channel(deal.source_channel)}\n"
	"  - {name: revenue, extends: wins, agg: sum, value: deal.amount}\n"
	"  - {name: leads, on: lead, at: lead.first_won_at}\n"
	"metrics:\n"
	"  - {name: wins, value: wins, windows: [7d, today], group_by: [[], [rep]], label: {en: "
	"Wins}, description: {en: All of them.}}\n"
	"  - {name: average, value: revenue / wins * 2, windows: [7d], min_sample: 3}\n"
	"  - {name: leads, value: leads, windows: [today]}\n";

static void test_fingerprint(void **state)
{
	static const struct {
		const char *from, *to;
		bool differs;
	} cases[] = {
		/* what is only written otherwise */
		{ "grace: 1h", "# a comment\ngrace: 60m", false },
		{ "deal.is_won && deal.won_at - deal.created_at <= limit",
			"'(deal.is_won) && ((deal.won_at-deal.created_at) <= 30d)'", false },
		{ "limit: 30d", "limit: 720h", false },
		{ "spare: 3", "spare: 4, more: 5", false },
		{ "{ig: instagram, fb: facebook, _: keep}", "{fb: facebook, ig: instagram}",
			false },
		{ "{value: 'deal.status in kinds'}",
			"{value: \"deal.status in ['WON', 'REFUNDED']\"}", false },
		{ "label: {en: Wins}, description: {en: All of them.}",
			"label: {en: Victories, id: Menang}", false },
		{ "{name: revenue, extends: wins, agg: sum, value: deal.amount}",
			"{name: revenue, on: deal, at: deal.won_at, where: deal.is_won && "
			"deal.won_at - deal.created_at <= limit, value: deal.amount,"
			" by: {rep: deal.owner_id, source: channel(deal.source_channel)}}",
			false },
		{ "windows: [7d], min_sample: 3",
			"windows: [7d], min_sample: 3, compare: previous, basis: EVENT", false },
		/* what means something else */
		{ "grace: 1h", "grace: 2h", true },
		{ "limit: 30d", "limit: 31d", true },
		{ "ig: instagram", "ig: insta", true },
		{ "_: keep", "_: 'null'", true },
		{ "kinds: [WON, REFUNDED]", "kinds: [WON]", true },
		{ "{min: deal.won_at,", "{max: deal.won_at,", true },
		{ "{min: deal.won_at,", "{min: deal.created_at,", true },
		{ "over: deal.lead,", "over: deal.lead_id,", true },
		{ "    at: deal.won_at", "    at: deal.created_at", true },
		{ "<= limit", "< limit", true },
		{ "rep: deal.owner_id", "rep: deal.win_owner_id", true },
		{ "rep: deal.owner_id", "seller: deal.owner_id, rep: deal.owner_id", true },
		{ "agg: sum, value: deal.amount", "agg: sum, value: deal.list_amount", true },
		{ "agg: sum, value: deal.amount", "agg: sum, value: deal.amount * 2", true },
		{ "agg: sum, value: deal.amount}\n",
			"agg: sum, value: deal.amount}\n  - {name: more, on: call, at: "
			"call.initiated_at}\n",
			true },
		{ "windows: [7d, today]", "windows: [7d, today, 24h]", true },
		{ "windows: [7d, today]", "windows: [today, 7d]", true },
		{ "group_by: [[], [rep]]", "group_by: [[], [rep], [source]]", true },
		{ "{name: average,", "{name: mean,", true },
		{ "revenue / wins * 2", "revenue / wins * 3", true },
		{ "min_sample: 3", "min_sample: 4", true },
		{ "min_sample: 3", "min_sample: 3, compare: none", true },
		{ "min_sample: 3", "min_sample: 3, empty: {wins: null}", true },
		{ "min_sample: 3", "min_sample: 3, basis: COHORT", true },
		{ "min_sample: 3", "min_sample: 3, mature: 1d", true },
		{ "value: leads, windows: [today]",
			"value: leads, windows: [today], min_share: 0.05", true },
		{ "value: leads, windows: [today]", "value: full(leads), windows: [today]", true },
	};
	uint64_t print = fingerprint_of(base);
	char text[4000];

	(void)state;
	assert_true(print == fingerprint_of(base));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		replaced(base, cases[i].from, cases[i].to, text, sizeof(text));
		if ((fingerprint_of(text) != print) != cases[i].differs)
			fail_msg("%s -> %s", cases[i].from, cases[i].to);
	}
}

/* ---- what is shipped ----------------------------------------------------------------------------------------- */

static void test_shipped_definitions(void **state)
{
	struct buffer _cleanup_buffer_ text;
	struct intern strings, used;
	struct plan *plan;

	(void)state;
	buffer_init(&text);
	if (definition_file_plan(NULL, &plan, &text))
		fail_msg("%s", buffer_text(&text));
	assert_true(plan->metric_count > 20 && plan->measure_count > 20);
	assert_int_equal(
		metric_of(plan, "rep_rank")->rank_of, metric_of(plan, "rep_revenue")->index);
	buffer_reset(&text);
	plan_print(plan, &text);
	for (uint32_t i = 0; i < plan->measure_count; i++)
		assert_non_null(strstr(buffer_text(&text), plan->measures[i].name));
	for (uint32_t i = 0; i < plan->metric_count; i++)
		assert_non_null(strstr(buffer_text(&text), plan->metrics[i].name));
	/* A shard's strings begin with the plan's, so that a constant is the same number in both. */
	intern_init(&strings, 99, 0);
	assert_int_equal(plan_intern_constants(plan, &strings), 0);
	for (uint32_t id = 1; id <= intern_count(&plan->strings); id++)
		assert_true(
			slice_equal(intern_text(&strings, id), intern_text(&plan->strings, id)));
	assert_int_equal(intern_find(&strings, SLICE_LIT("(none)")), plan->none_id);
	intern_init(&used, 99, 0);
	intern_add(&used, SLICE_LIT("something else"));
	assert_true(plan_intern_constants(plan, &used) < 0);
	intern_deinit(&strings);
	intern_deinit(&used);
	plan_free(plan);
	plan_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rolling_windows),
		cmocka_unit_test(test_calendar_windows),
		cmocka_unit_test(test_mature_cohort),
		cmocka_unit_test(test_grace),
		cmocka_unit_test(test_measures),
		cmocka_unit_test(test_maps),
		cmocka_unit_test(test_groupings_and_effects),
		cmocka_unit_test(test_derived_in_any_order),
		cmocka_unit_test(test_derived),
		cmocka_unit_test(test_dependents),
		cmocka_unit_test(test_dependents_through_first),
		cmocka_unit_test(test_what_is_read),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_min_share),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_names_that_double),
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(test_shipped_definitions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
