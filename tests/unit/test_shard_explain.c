/* explain says the number, its parts and the records behind it; what there is none of is named with the nearest name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "core/shard_explain.h"
#include "core/shard_inside.h"
#include "sales_floor.h"

static const char definitions[] =
	"measures:\n"
	"  - {name: won, on: deal, at: deal.won_at, agg: sum, value: deal.amount, by: {rep: deal.owner_id}}\n"
	"  - {name: deals, on: deal, at: deal.won_at, agg: count, by: {rep: deal.owner_id}}\n"
	"  - {name: open, on: deal, at: deal.created_at, until: deal.won_at, agg: count, by: {rep: deal.owner_id}}\n"
	"  - {name: buyers, on: deal, at: deal.won_at, agg: distinct, value: deal.account_id}\n"
	"metrics:\n"
	"  - {name: average, value: won / deals, windows: [month_to_date, 7d], group_by: [[], [rep]]}\n"
	"  - {name: growth, value: won - previous(won), windows: [today], compare: previous}\n"
	"  - {name: open, value: open, group_by: [[], [rep]]}\n"
	"  - {name: buyers, value: buyers, windows: [month_to_date]}\n"
	"  - {name: place, rank: average}\n";

static void deal(struct sales_floor *f, const char *id, int64_t version, const char *amount,
	const char *created, const char *won)
{
	struct event *e = event_make(&f->arena, ENTITY_DEAL, id, version, "2026-03-20");

	event_set_all(e, "status", won ? "WON" : "OPEN", "amount", amount, "currency", "IDR", "owner_id", "ana",
		"account_id", id[1] == '3' ? "A1" : "A2", "created_at", created, NULL);
	if (won)
		event_set(e, "won_at", won);
	floor_apply(f, e);
}

static void begin(struct sales_floor *f)
{
	floor_init(f, definitions);
	deal(f, "D1", 1, "100", "2026-03-01", "2026-03-02T10:00:00Z");
	deal(f, "D2", 1, "50", "2026-02-01", "2026-03-09T10:00:00Z");
	deal(f, "D3", 1, "7", "2026-03-03", NULL);
	deal(f, "D4", 1, "1000", "2026-02-01", "2026-02-20");
	floor_advance(f, "2026-03-10T12:00:00Z");
}

static struct explain_question question(const char *metric, const char *window, const char *rep)
{
	return (struct explain_question){ .tenant = SLICE_LIT("acme"),
		.metric = slice_of(metric),
		.window = slice_of(window),
		.group_by = slice_of(rep ? "rep" : ""),
		.values = { slice_of(rep ? rep : "") },
		.value_count = rep != NULL };
}

static void test_parts_and_records(void **state)
{
	struct explain_question q = question("average", "month_to_date", "ana");
	struct explanation x;
	struct sales_floor f;
	char message[EXPLAIN_MESSAGE_MAX];
	struct buffer _cleanup_buffer_ text;

	(void)state;
	begin(&f);
	assert_int_equal(shard_explain(f.shard, &q, &x, message), 0);
	assert_true(x.value.has_exact && x.value.exact == 750000);
	assert_int_equal(x.part_count, 2);
	assert_string_equal(x.parts[0].measure->name, "won");
	assert_true(x.parts[0].total == 1500000);
	assert_int_equal(x.parts[0].item_count, 2);
	assert_true(x.parts[0].items[0].amount == 1000000);
	assert_true(x.parts[1].total == 20000 && x.parts[1].count == 2);
	assert_true(explanation_adds_up(&x));
	buffer_init(&text);
	explanation_print(f.shard, &q, &x, 1, &text);
	assert_non_null(strstr(buffer_text(&text), "average of acme, month_to_date, ana\n  value     75 IDR (OK)\n"));
	assert_non_null(strstr(buffer_text(&text), "    deal D1  2026-03-02T17:00:00"));
	assert_non_null(strstr(buffer_text(&text), "    … and 1 more\n"));
	assert_non_null(strstr(buffer_text(&text), "Every list adds up to its total.\n"));
	explanation_deinit(&x);
	floor_deinit(&f);
}

static void test_money_of_another_currency(void **state)
{
	struct explain_question q = question("average", "month_to_date", "ana");
	struct explanation x;
	struct sales_floor f;
	char message[EXPLAIN_MESSAGE_MAX];
	struct buffer _cleanup_buffer_ text;
	struct event *rate;

	(void)state;
	begin(&f);
	rate = event_make(&f.arena, ENTITY_FX_RATE, "R1", 1, "2026-03-02");
	event_set_all(rate, "base", "USD", "quote", "IDR", "rate", "16000.5", "valid_from", "2026-03-02T00:00:00Z", NULL);
	floor_apply(&f, rate);
	floor_win(&f, "D8", 1, "2026-03-02T09:00:00Z", "ana", "2", "USD");
	floor_win(&f, "D9", 1, "2026-03-02T09:00:00Z", "ana", "3", "EUR");
	assert_int_equal(shard_explain(f.shard, &q, &x, message), 0);
	assert_true(explanation_adds_up(&x));
	assert_true(x.parts[0].total == 1500000 + 320010000);
	assert_int_equal(x.parts[0].item_count, 3);
	assert_int_equal(x.parts[0].missing_count, 1);
	assert_true(x.parts[0].items[2].foreign_amount == 20000 && x.parts[0].items[2].rate == INT64_C(1600050000000));
	buffer_init(&text);
	explanation_print(f.shard, &q, &x, 9, &text);
	assert_non_null(strstr(buffer_text(&text), "(FX_MISSING)\n"));
	assert_non_null(strstr(buffer_text(&text), "    deal D8  2026-03-02T16:00:00  32001 = 2 USD x 16000.5\n"));
	assert_non_null(strstr(buffer_text(&text), "    not in it: 1 in other currencies, without a rate of their day\n"));
	explanation_deinit(&x);
	floor_deinit(&f);
}

static void test_previous_stock_and_distinct(void **state)
{
	struct explain_question q = question("open", "now", "ana");
	struct explanation x;
	struct sales_floor f;
	char message[EXPLAIN_MESSAGE_MAX];

	(void)state;
	begin(&f);
	assert_int_equal(shard_explain(f.shard, &q, &x, message), 0);
	assert_int_equal(x.parts[0].item_count, 1); /* what is over is not in it */
	assert_true(x.parts[0].adds_up && x.value.exact == 10000);
	explanation_deinit(&x);
	q = question("growth", "today", NULL);
	assert_int_equal(shard_explain(f.shard, &q, &x, message), 0);
	assert_int_equal(x.part_count, 2);
	assert_int_equal(x.parts[1].read, INPUT_PREVIOUS);
	assert_int_equal(x.parts[1].item_count, 1);
	assert_true(explanation_adds_up(&x));
	explanation_deinit(&x);
	q = question("buyers", "month_to_date", NULL);
	assert_int_equal(shard_explain(f.shard, &q, &x, message), 0);
	assert_int_equal(x.parts[0].item_count, 2);
	assert_true(x.parts[0].total == 10000 && x.parts[0].adds_up);
	explanation_deinit(&x);
	floor_deinit(&f);
}

static void expect_none(struct sales_floor *f, struct explain_question q, const char *wanted)
{
	struct explanation x;
	char message[EXPLAIN_MESSAGE_MAX] = "";

	assert_int_equal(shard_explain(f->shard, &q, &x, message), 1);
	assert_string_equal(message, wanted);
}

static void test_what_there_is_none_of(void **state)
{
	struct sales_floor f;
	struct explain_question q;

	(void)state;
	begin(&f);
	expect_none(&f, question("averag", "7d", NULL), "there is no metric «averag»; the nearest is «average»");
	expect_none(&f, question("place", "7d", NULL), "place ranks average: ask for that");
	expect_none(&f, question("average", "7dd", NULL), "there is no window of this metric «7dd»; the nearest is «7d»");
	expect_none(&f, question("growth", "today", "ana"), "there is no grouping of this metric «rep»");
	expect_none(&f, question("average", "7d", "nobody"), "nothing was ever counted for this group");
	q = question("average", "7d", NULL);
	q.tenant = SLICE_LIT("acm");
	expect_none(&f, q, "there is no tenant «acm» here");
	q = question("average", "7d", "ana");
	q.value_count = 0;
	expect_none(&f, q, "the group «rep» wants 1 values, not 0");
	floor_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parts_and_records),
		cmocka_unit_test(test_money_of_another_currency),
		cmocka_unit_test(test_previous_stock_and_distinct),
		cmocka_unit_test(test_what_there_is_none_of),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
