/*
 * fact: what exists and what does not (S5), pairs over «now» (S6), versions of open opportunities (S13), splits (S16), units,
 * and the difference of two sets.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"
#include "core/histogram.h"
#include "events.h"
#include "store_events.h"
#include "store_world.h"

#define AT1 "2026-03-01T10:00:00Z"
#define AT2 "2026-03-02T10:00:00Z"
#define AT3 "2026-03-03T10:00:00Z"
#define AT4 "2026-03-04T10:00:00Z"

static const char definitions[] =
	"measures:\n"
	"  - {name: open, on: opportunity, at: opportunity.created_at, until: "
	"opportunity.close_at,\n"
	"     by: {rep: opportunity.owner_id, stage: opportunity.stage_id}}\n"
	"  - {name: open_value, extends: open, value: opportunity.amount}\n"
	"  - {name: weighted, extends: open, value: opportunity.amount * opportunity.probability}\n"
	"  - {name: large, extends: open, where: opportunity.probability >= 0.5}\n"
	"  - {name: region, on: opportunity, at: opportunity.created_at, until: "
	"opportunity.close_at, by: {region: opportunity.owner.region}}\n"
	"  - {name: new, on: opportunity, at: opportunity.created_at}\n"
	"  - {name: gained, on: opportunity, at: opportunity.won_at, where: opportunity.status == "
	"\"WON\", value: opportunity.amount}\n"
	"  - {name: untouched, on: lead, at: lead.created_at + 5m, until: lead.first_contact_at, "
	"where: lead.status == \"open\"}\n"
	"  - {name: leads, on: lead, at: lead.created_at, by: {rep: lead.owner_id}}\n"
	"  - {name: scores, on: lead, at: lead.created_at, agg: percentile, value: lead.score}\n"
	"  - {name: campaigns, on: lead, at: lead.created_at, agg: distinct, value: "
	"lead.campaign_id}\n"
	"  - {name: owners, on: lead, at: lead.created_at, agg: distinct, value: lead.owner}\n"
	"  - {name: talk, on: call, at: call.initiated_at, value: call.talk_ms}\n"
	"  - {name: talk_spread, on: call, at: call.initiated_at, agg: percentile, value: "
	"call.talk_ms}\n"
	"  - {name: huge, on: call, at: call.initiated_at, value: call.talk_ms * 1000000}\n"
	"  - {name: quantity, on: deal, each: i in deal.items, at: deal.won_at, value: "
	"i.quantity}\n"
	"  - {name: item_value, on: deal, each: i in deal.items, at: deal.won_at, value: "
	"i.amount}\n"
	"  - {name: credit, on: deal, each: c in deal.credit, at: deal.won_at, value: c.amount, "
	"by: {rep: c.rep_id}}\n"
	"  - {name: share, on: deal, each: c in deal.credit, at: deal.won_at, value: c.share, by: "
	"{rep: c.rep_id}}\n"
	"  - {name: won, on: deal, at: deal.won_at, value: deal.amount - deal.list_amount}\n"
	"  - {name: opposite, on: deal, at: deal.won_at, value: -deal.amount - deal.list_amount}\n";

static struct world *begin(void **state)
{
	struct world *w = *state;

	world_init_shared(w, w->plan, (struct store_limits){ .entities_max = 1000 });
	return w;
}

static void end(struct world *w)
{
	struct plan *plan = w->plan;

	world_check_sums(w);
	world_deinit(w);
	w->plan = plan;
}

static struct event *put(
	struct world *w, enum entity_type type, const char *id, int64_t version, const char *at)
{
	return event_make(&w->arena, type, id, version, at);
}

/* ---- S5: when a fact exists ----------------------------------------------------------------------------- */

static void test_s5_a_null_time_or_value_is_no_fact(void **state)
{
	struct world *w = begin(state);
	struct event *e = put(w, ENTITY_LEAD, "L1", 1, AT1);

	event_set_all(e, "status", "open", "score", "7", NULL);
	world_change(w, e);
	assert_int_equal(world_count(w, "leads", NULL), 0);
	assert_int_equal(world_count(w, "scores", NULL), 0);
	e = put(w, ENTITY_LEAD, "L1", 2, AT1);
	event_set_all(e, "status", "open", "created_at", AT1, NULL);
	world_change(w, e);
	assert_int_equal(world_count(w, "leads", NULL), 1);
	assert_int_equal(world_count(w, "leads", "(none)"), 1); /* a null dimension has a name */
	assert_int_equal(world_count(w, "scores", NULL), 0);
	assert_true(fact_maker_counters(w->maker).null_value >= 1); /* and is counted */
	end(w);
}

static void test_s5_only_live_entities_have_facts(void **state)
{
	struct world *w = begin(state);
	struct event *e = put(w, ENTITY_LEAD, "L1", 1, AT1);

	event_set_all(e, "status", "open", "created_at", AT1, NULL);
	world_change(w, e);
	world_change(w, event_make_op(&w->arena, ENTITY_LEAD, EVENT_DELETE, "L1", 2, AT2));
	assert_int_equal(world_count(w, "leads", NULL), 0);
	world_change(w, event_make_op(&w->arena, ENTITY_LEAD, EVENT_UNDELETE, "L1", 3, AT3));
	assert_int_equal(world_count(w, "leads", NULL), 1);
	e = put(w, ENTITY_LEAD, "L1", 4, AT4);
	event_set_all(e, "status", "open", "created_at", AT1, NULL);
	e->excluded = true;
	world_change(w, e);
	assert_int_equal(world_count(w, "leads", NULL), 0);
	e = event_make_op(&w->arena, ENTITY_LEAD, EVENT_MERGE, "L2", 1, AT4);
	event_set_all(e, "status", "open", "created_at", AT2, NULL);
	event_add_merged(&w->arena, e, "L1");
	world_change(w, e);
	assert_int_equal(world_count(w, "leads", NULL), 1);
	end(w);
}

/* ---- S6: pairs ------------------------------------------------------------------------------------------ */

/* Untouched: true five minutes after it came, false when someone called. */
static void test_s6_a_condition_over_now_is_a_pair(void **state)
{
	struct world *w = begin(state);
	struct event *e = put(w, ENTITY_LEAD, "L1", 1, AT1);

	event_set_all(e, "status", "open", "created_at", AT1, NULL);
	world_change(w, e);
	assert_int_equal(world_total_before(w, "untouched", NULL, time_of(AT1) + 300000), 0);
	assert_int_equal(world_total_before(w, "untouched", NULL, time_of(AT1) + 300001), 1);
	e = put(w, ENTITY_LEAD, "L1", 2, AT2);
	event_set_all(e, "status", "open", "created_at", AT1, "first_contact_at", AT2, NULL);
	world_change(w, e);
	assert_int_equal(world_total_before(w, "untouched", NULL, time_of(AT2)), 1);
	assert_int_equal(world_total_before(w, "untouched", NULL, time_of(AT2) + 1), 0);
	/* Reached within the five minutes: it never was. */
	e = put(w, ENTITY_LEAD, "L1", 3, AT2);
	event_set_all(e, "status", "open", "created_at", AT1, "first_contact_at",
		"2026-03-01T10:05:00Z", NULL);
	world_change(w, e);
	assert_int_equal(world_count(w, "untouched", NULL), 0);
	for (size_t i = 0; i < w->sum_count; i++)
		if (w->sums[i].measure == plan_measure_find(w->plan, SLICE_LIT("untouched")))
			assert_int_equal(w->sums[i].count, 0);
	end(w);
}

/* ---- S13: versions -------------------------------------------------------------------------------------- */

static struct event *opp(struct world *w, int64_t version, const char *at, const char *status)
{
	struct event *e = put(w, ENTITY_OPPORTUNITY, "O1", version, at);

	event_set_all(e, "status", status, "stage_id", "new", "created_at", AT1, "owner_id", "ana",
		"amount", "100", "currency", "IDR", "probability", "0.2", NULL);
	return e;
}

static int64_t value_at(struct world *w, const char *measure, const char *dim, const char *at)
{
	return world_total_before(w, measure, dim, time_of(at) + 1);
}

/* A nightly re-scoring restates no closed day. */
static void test_s13_what_changed_changed_when_it_changed(void **state)
{
	struct world *w = begin(state);
	struct event *e;

	world_change(w, opp(w, 1, AT1, "OPEN"));
	assert_int_equal(value_at(w, "weighted", NULL, AT1), money_of("20"));
	e = opp(w, 2, AT2, "OPEN");
	event_set(e, "probability", "0.5");
	world_change(w, e);
	e = opp(w, 3, AT3, "OPEN");
	event_set_all(e, "amount", "300", "probability", "0.5", "owner_id", "budi", "stage_id",
		"demo", NULL);
	world_change(w, e);
	assert_int_equal(value_at(w, "weighted", NULL, AT1), money_of("20"));
	assert_int_equal(value_at(w, "weighted", NULL, AT2), money_of("50"));
	assert_int_equal(value_at(w, "weighted", NULL, AT3), money_of("150"));
	assert_int_equal(value_at(w, "open_value", "ana", AT2), money_of("100"));
	assert_int_equal(value_at(w, "open_value", "ana", AT3), 0);
	assert_int_equal(value_at(w, "open_value", "budi", AT2), 0);
	assert_int_equal(value_at(w, "open_value", "budi", AT3), money_of("300"));
	assert_int_equal(value_at(w, "open", "new", AT2), 1);
	assert_int_equal(value_at(w, "open", "demo", AT3), 1);
	assert_int_equal(value_at(w, "open", NULL, AT3), 1);
	/* A `where` over what changes holds from when it holds. */
	assert_int_equal(value_at(w, "large", NULL, AT1), 0);
	assert_int_equal(value_at(w, "large", NULL, AT2), 1);
	/* A flow follows the newest image. */
	assert_int_equal(world_total(w, "new", NULL), 1);
	end(w);
}

static void test_s13_the_close_takes_back_what_was_last(void **state)
{
	struct world *w = begin(state);
	struct event *e;

	world_change(w, opp(w, 1, AT1, "OPEN"));
	e = opp(w, 2, AT2, "OPEN");
	event_set(e, "amount", "300");
	world_change(w, e);
	e = opp(w, 3, AT3, "WON");
	event_set_all(e, "amount", "250", "won_at", AT3, "stage_id", "won",
		NULL); /* won for less than it was worth */
	world_change(w, e);
	assert_int_equal(value_at(w, "open_value", NULL, AT1), money_of("100"));
	assert_int_equal(value_at(w, "open_value", NULL, AT2), money_of("300"));
	assert_int_equal(value_at(w, "open_value", NULL, AT3), 0);
	assert_int_equal(value_at(w, "gained", NULL, AT3), money_of("250"));
	assert_int_equal(world_count(w, "open_value", "won"), 0);
	/* Re-opened: it was open all the time. */
	e = opp(w, 4, AT4, "OPEN");
	event_set(e, "amount", "280");
	world_change(w, e);
	assert_int_equal(value_at(w, "open_value", NULL, AT3), money_of("300"));
	assert_int_equal(value_at(w, "open_value", NULL, AT4), money_of("280"));
	assert_int_equal(world_total(w, "gained", NULL), 0);
	end(w);
}

static void test_s13_late_and_early_versions(void **state)
{
	struct world *w = begin(state);
	struct event *e;

	/* Created on the second, but said so on the first: before `at` nothing is seen, at `at` the last that was said. */
	e = opp(w, 1, AT1, "OPEN");
	event_set(e, "created_at", AT2);
	world_change(w, e);
	e = opp(w, 3, AT3, "OPEN");
	event_set_all(e, "created_at", AT2, "amount", "300", NULL);
	world_change(w, e);
	assert_int_equal(value_at(w, "open_value", NULL, AT1), 0);
	assert_int_equal(value_at(w, "open_value", NULL, AT2), money_of("100"));
	/* A version between them comes late. */
	e = opp(w, 2, "2026-03-02T09:00:00Z", "OPEN");
	event_set_all(e, "created_at", AT2, "amount", "200", NULL);
	world_change(w, e);
	assert_int_equal(value_at(w, "open_value", NULL, AT2), money_of("200"));
	assert_int_equal(value_at(w, "open_value", NULL, AT3), money_of("300"));
	/* A newer version that is said to have happened earlier replaces what is there from then on. */
	e = opp(w, 4, "2026-03-02T09:30:00Z", "OPEN");
	event_set_all(e, "created_at", AT2, "amount", "400", NULL);
	world_change(w, e);
	assert_int_equal(value_at(w, "open_value", NULL, AT2), money_of("200"));
	assert_int_equal(value_at(w, "open_value", NULL, AT3), money_of("400"));
	end(w);
}

static void test_s13_never_open(void **state)
{
	struct world *w = begin(state);
	struct event *e = opp(w, 1, AT3, "WON");

	event_set_all(e, "won_at", AT3, NULL);
	world_change(
		w, e); /* known only since it was won: it was open from its creation to its win */
	assert_int_equal(value_at(w, "open_value", NULL, AT2), money_of("100"));
	assert_int_equal(value_at(w, "open_value", NULL, AT3), 0);
	e = opp(w, 2, AT3, "WON");
	event_set_all(e, "won_at", "2026-02-01", NULL); /* won before it was created: never */
	world_change(w, e);
	assert_int_equal(world_count(w, "open", NULL), 0);
	assert_true(fact_maker_counters(w->maker).negative_duration > 0);
	end(w);
}

/* A stock with a null `at` is since ever: it goes to the opening balance. */
static void test_s13_since_ever(void **state)
{
	struct world *w = begin(state);
	struct event *e = opp(w, 1, AT2, "OPEN");

	event_set_null(e, "created_at");
	world_change(w, e);
	assert_int_equal(world_total_before(w, "open_value", NULL, INT64_MIN + 1), money_of("100"));
	assert_int_equal(world_count(w, "new", NULL), 0); /* and makes no flow */
	e = opp(w, 2, AT3, "WON");
	event_set_all(e, "created_at", NULL, "won_at", AT3, NULL);
	world_change(w, e);
	assert_int_equal(value_at(w, "open_value", NULL, AT2), money_of("100"));
	assert_int_equal(value_at(w, "open_value", NULL, AT3), 0);
	end(w);
}

/* 65 versions: the oldest folds, the next one reaches back. */
static void test_s13_more_versions_than_are_kept(void **state)
{
	struct world *w = begin(state);

	w->checks = false;
	for (int64_t i = 1; i <= 80; i++) {
		struct event *e = opp(w, i, AT1, "OPEN");

		e->occurred_at_ms += i * 60000;
		event_field(e, "amount")->i = i * 10000;
		world_change(w, e);
		world_check_sums(w);
	}
	store_check(w->store);
	assert_int_equal(store_counters(w->store).versions_folded, 16);
	assert_int_equal(world_total(w, "open_value", NULL), money_of("80"));
	assert_int_equal(value_at(w, "open_value", NULL, AT1), money_of("17"));
	end(w);
}

/* ---- S16: splits ---------------------------------------------------------------------------------------- */

static struct event *deal(struct world *w, int64_t version, const char *amount)
{
	struct event *e = put(w, ENTITY_DEAL, "D1", version, AT1);

	event_set_all(e, "status", "WON", "won_at", AT1, "owner_id", "ana", "amount", amount,
		"currency", "IDR", NULL);
	return e;
}

static void test_s16_largest_remainder(void **state)
{
	struct world *w = begin(state);
	struct event *e = deal(w, 1, "100");

	event_add_row(&w->arena, e, "splits", "budi", "REVENUE", "33.3333");
	event_add_row(&w->arena, e, "splits", "citra", "REVENUE", "33.3333");
	event_add_row(&w->arena, e, "splits", "dewi", "REVENUE", "33.3333");
	world_change(w, e);
	assert_int_equal(world_total(w, "credit", "budi"), money_of("33.3333"));
	assert_int_equal(world_total(w, "credit", "ana"),
		money_of("0.0001")); /* the rest of the percentages is the owner's */
	assert_int_equal(world_total(w, "credit", NULL), money_of("100"));
	assert_int_equal(world_total(w, "share", NULL), money_of("1"));
	/* 1/10,000 in three parts: one gets it, the earlier row of equal remainders. */
	e = deal(w, 2, "0.0001");
	event_add_row(&w->arena, e, "splits", "budi", "REVENUE", "50");
	event_add_row(&w->arena, e, "splits", "citra", "REVENUE", "50");
	world_change(w, e);
	assert_int_equal(world_total(w, "credit", "budi"), 1);
	assert_int_equal(world_total(w, "credit", "citra"), 0);
	/* 0.0010 by 37.5 : 37.5 : 25 is 3.75, 3.75, 2.5 units: 4, 4, 2. */
	e = deal(w, 3, "0.0010");
	event_add_row(&w->arena, e, "splits", "budi", "REVENUE", "37.5");
	event_add_row(&w->arena, e, "splits", "citra", "REVENUE", "37.5");
	event_add_row(&w->arena, e, "splits", "dewi", "REVENUE", "25");
	world_change(w, e);
	assert_int_equal(world_total(w, "credit", "budi"), 4);
	assert_int_equal(world_total(w, "credit", "citra"), 4);
	assert_int_equal(world_total(w, "credit", "dewi"), 2);
	end(w);
}

static void test_s16_splits_above_and_below_all(void **state)
{
	struct world *w = begin(state);
	struct event *e = deal(w, 1, "150");

	event_add_row(&w->arena, e, "splits", "budi", NULL, "100");
	event_add_row(&w->arena, e, "splits", "citra", "OWNER", "50");
	world_change(w, e); /* 150 %: scaled, and counted */
	assert_int_equal(world_total(w, "credit", "budi"), money_of("100"));
	assert_int_equal(world_total(w, "credit", "citra"), money_of("50"));
	assert_int_equal(world_total(w, "credit", "ana"), 0);
	assert_int_equal(fact_maker_counters(w->maker).split_overflow,
		store_counters(w->store).splits_scaled);
	assert_true(store_counters(w->store).splits_scaled > 0);
	e = deal(w, 2, "150");
	event_add_row(&w->arena, e, "splits", "budi", "Revenue", "40");
	event_add_row(
		&w->arena, e, "splits", "budi", "revenue", "20"); /* two rows of one rep are one */
	event_add_row(&w->arena, e, "splits", "citra", "OVERLAY", "100"); /* enters no total */
	event_add_row(&w->arena, e, "splits", NULL, NULL, "10"); /* of nobody: the owner's */
	world_change(w, e);
	assert_int_equal(world_total(w, "credit", "budi"), money_of("90"));
	assert_int_equal(world_count(w, "credit", "budi"), 1);
	assert_int_equal(world_count(w, "credit", "citra"), 0);
	assert_int_equal(world_total(w, "credit", "ana"), money_of("60"));
	end(w);
}

static void test_s16_extremes(void **state)
{
	static const int64_t amounts[] = { INT64_MAX, INT64_MIN + 1, -1, 0, 1 };
	struct world *w = begin(state);

	for (int i = 0; i < 5; i++) {
		struct event *e = deal(w, i + 1, "1");

		event_field(e, "amount")->i = amounts[i];
		for (int k = 0; k < 7; k++)
			event_add_row(&w->arena, e, "splits",
				(const char *[]){ "a", "b", "c", "d", "e", "f", "g" }[k], NULL,
				"14.2857");
		world_change(w, e);
		assert_int_equal(world_total(w, "credit", NULL), amounts[i]); /* to the unit */
		assert_int_equal(world_total(w, "share", NULL), DECIMAL_SCALE);
	}
	end(w);
}

/* A deal of many rows: what more there is than are looked at stays with the owner. */
static void test_s16_more_splits_than_anyone_has(void **state)
{
	struct world *w = begin(state);
	struct event *e = deal(w, 1, "1000");

	for (int i = 0; i < 300; i++) {
		char rep[16];

		snprintf(rep, sizeof(rep), "r%d", i);
		event_add_row(&w->arena, e, "splits", arena_strndup(&w->arena, rep, strlen(rep)),
			NULL, "0.3");
	}
	world_change(w, e);
	assert_int_equal(world_total(w, "credit", "r255"), money_of("3"));
	assert_int_equal(world_count(w, "credit", "r256"), 0);
	assert_int_equal(world_total(w, "credit", "ana"), money_of("232"));
	assert_int_equal(world_total(w, "credit", NULL), money_of("1000"));
	end(w);
}

/* ---- units ---------------------------------------------------------------------------------------------- */

static void test_units(void **state)
{
	struct world *w = begin(state);
	struct event *e = put(w, ENTITY_CALL, "C1", 1, AT1);
	int index = plan_measure_find(w->plan, SLICE_LIT("talk_spread")), seen = 0;

	event_set_all(e, "channel", "phone", "initiated_at", AT1, "talk_ms", "90s", NULL);
	world_change(w, e);
	assert_int_equal(world_total(w, "talk", NULL), money_of("90")); /* seconds */
	/* A percentile is in the same unit: p50 and the mean of one call agree. */
	for (size_t i = 0; i < w->sum_count; i++)
		if (w->sums[i].measure == index && w->sums[i].count) {
			assert_int_equal(
				(int32_t)(uint32_t)w->sums[i].sub, histogram_bin(money_of("90")));
			seen++;
		}
	assert_int_equal(seen, 1);
	e = deal(w, 1, "1");
	event_add_row(&w->arena, e, "items", "P1", NULL, "2.5", "100");
	event_add_row(&w->arena, e, "items", "P2", NULL, "1", "0.0001");
	world_change(w, e);
	assert_int_equal(world_total(w, "quantity", NULL), money_of("3.5"));
	assert_int_equal(world_total(w, "item_value", NULL), money_of("100.0001"));
	for (size_t i = 0; i < w->sum_count; i++) /* of the deal's currency */
		if (w->sums[i].measure == plan_measure_find(w->plan, SLICE_LIT("item_value")))
			assert_true(slice_is(intern_text(&w->strings, w->sums[i].currency), "IDR"));
	end(w);
}

static void test_distinct_values_are_texts(void **state)
{
	struct world *w = begin(state);
	static const char *const owners[] = { "ana", "budi", "ana" };
	char id[4];

	for (int i = 0; i < 3; i++) {
		snprintf(id, sizeof(id), "L%d", i);
		struct event *e = put(w, ENTITY_LEAD, arena_strndup(&w->arena, id, 2), 1, AT1);

		event_set_all(e, "status", "open", "created_at", AT1, "campaign_id",
			i ? "spring" : "fall", "owner_id", owners[i], NULL);
		world_change(w, e);
	}
	for (size_t i = 0; i < w->sum_count; i++) {
		const struct fact *fact = &w->sums[i];

		if (fact->measure == plan_measure_find(w->plan, SLICE_LIT("campaigns")))
			assert_int_equal(fact->count,
				slice_is(intern_text(&w->strings, (uint32_t)fact->sub), "spring")
					? 2
					: 1);
		if (fact->measure == plan_measure_find(w->plan, SLICE_LIT("owners")))
			assert_int_equal(fact->count,
				slice_is(intern_text(&w->strings, (uint32_t)fact->sub), "ana") ? 2
											       : 1);
	}
	end(w);
}

static void test_what_does_not_fit_is_no_fact(void **state)
{
	struct world *w = begin(state);
	struct event *e = put(w, ENTITY_CALL, "C1", 1, AT1);

	event_set_all(e, "channel", "phone", "initiated_at", AT1, NULL);
	event_set_int(e, "talk_ms", INT64_MAX / 1000);
	world_change(w, e);
	assert_int_equal(world_count(w, "huge", NULL), 0);
	assert_true(fact_maker_counters(w->maker).overflow > 0);
	/* Two currencies in one sum are no number. */
	e = deal(w, 1, "100");
	event_set(e, "list_amount", "120");
	world_change(w, e);
	assert_int_equal(world_total(w, "won", NULL), -money_of("20"));
	/* The one amount that could not be taken back. */
	e = deal(w, 2, "0");
	event_field(e, "amount")->i = INT64_MAX;
	event_set_money(e, "list_amount", 1, NULL);
	world_change(w, e);
	assert_int_equal(world_count(w, "opposite", NULL), 0);
	e = deal(w, 3, "0");
	event_field(e, "amount")->i = INT64_MAX;
	event_set_money(e, "list_amount", 0, NULL);
	world_change(w, e);
	assert_int_equal(world_total(w, "opposite", NULL), -INT64_MAX);
	end(w);
}

/* ---- the difference of two sets ------------------------------------------------------------------------- */

static struct fact any_fact(struct rng *r)
{
	struct fact f = { .at_ms = (int64_t)rng_below(r, 4),
		.amount = (int64_t)rng_below(r, 5) - 2,
		.count = 1 };

	f.measure = (uint16_t)rng_below(r, 2);
	f.sub = rng_below(r, 2);
	f.currency = (uint32_t)rng_below(r, 2);
	f.dims[0] = (uint32_t)rng_below(r, 2);
	return f;
}

static void push(struct fact_set *set, const struct fact *f)
{
	if (set->count == set->capacity) {
		set->capacity = set->capacity * 2 + 8;
		set->items = realloc(set->items, set->capacity * sizeof(*set->items));
	}
	set->items[set->count++] = *f;
}

static size_t key_place(const struct fact *f)
{
	return (size_t)f->at_ms * 16 + f->measure * 8u + f->sub * 4 + f->currency * 2 + f->dims[0];
}

static void test_difference_against_a_table(void **state)
{
	struct rng r;

	(void)state;
	rng_init(&r, test_seed(3));
	for (int round = 0; round < 2000; round++) {
		int64_t amounts[64] = { 0 }, counts[64] = { 0 };
		bool seen[64] = { false };
		struct fact_set old, new, out;
		size_t shared = rng_below(&r, 20), own = rng_below(&r, round % 10 ? 6 : 40);

		fact_set_init(&old);
		fact_set_init(&new);
		fact_set_init(&out);
		for (size_t i = 0; i < shared + 2 * own; i++) {
			struct fact f = any_fact(&r);
			bool in_new = i < shared || i % 2;

			if (i < shared || !in_new) {
				push(&old, &f);
				amounts[key_place(&f)] -= f.amount;
				counts[key_place(&f)]--;
			}
			if (in_new) {
				push(&new, &f);
				amounts[key_place(&f)] += f.amount;
				counts[key_place(&f)]++;
			}
		}
		fact_difference(&old, &new, &out);
		for (size_t i = 0; i < out.count; i++) {
			size_t place = key_place(&out.items[i]);

			assert_false(seen[place]); /* one fact of one key */
			seen[place] = true;
			assert_int_equal(out.items[i].amount, amounts[place]);
			assert_int_equal(out.items[i].count, counts[place]);
			assert_true(out.items[i].amount ||
				    out.items[i].count); /* what is nothing goes */
			amounts[place] = counts[place] = 0;
		}
		for (int i = 0; i < 64; i++)
			assert_true(!amounts[i] && !counts[i]);
		fact_set_deinit(&old);
		fact_set_deinit(&new);
		fact_set_deinit(&out);
	}
}

/* A sum that does not fit stays in two. */
static void test_difference_of_large_amounts(void **state)
{
	struct fact f = { .amount = INT64_MAX, .count = 1 };
	struct fact_set none, new, out;
	int64_t count = 0;

	(void)state;
	fact_set_init(&none);
	fact_set_init(&new);
	fact_set_init(&out);
	push(&new, &f);
	push(&new, &f);
	fact_difference(&none, &new, &out);
	assert_int_equal(out.count, 2);
	for (size_t i = 0; i < out.count; i++)
		count += out.items[i].count;
	assert_int_equal(count, 2);
	assert_true((i128)out.items[0].amount + out.items[1].amount == (i128)INT64_MAX * 2);
	/* Appends behind what is there. */
	fact_difference(&none, &new, &out);
	assert_int_equal(out.count, 4);
	fact_set_reset(&out);
	assert_int_equal(out.count, 0);
	fact_set_deinit(&none);
	fact_set_deinit(&new);
	fact_set_deinit(&out);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	w->plan = world_plan(definitions);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	plan_free(w->plan);
	free(w);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_s5_a_null_time_or_value_is_no_fact),
		cmocka_unit_test(test_s5_only_live_entities_have_facts),
		cmocka_unit_test(test_s6_a_condition_over_now_is_a_pair),
		cmocka_unit_test(test_s13_what_changed_changed_when_it_changed),
		cmocka_unit_test(test_s13_the_close_takes_back_what_was_last),
		cmocka_unit_test(test_s13_late_and_early_versions),
		cmocka_unit_test(test_s13_never_open),
		cmocka_unit_test(test_s13_since_ever),
		cmocka_unit_test(test_s13_more_versions_than_are_kept),
		cmocka_unit_test(test_s16_largest_remainder),
		cmocka_unit_test(test_s16_splits_above_and_below_all),
		cmocka_unit_test(test_s16_extremes),
		cmocka_unit_test(test_s16_more_splits_than_anyone_has),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_distinct_values_are_texts),
		cmocka_unit_test(test_what_does_not_fit_is_no_fact),
		cmocka_unit_test(test_difference_against_a_table),
		cmocka_unit_test(test_difference_of_large_amounts),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
