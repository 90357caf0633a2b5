/*
 * metric: formulas to values: ratios exact and half to even against sums of digits done another way, every state, previous(),
 * scales, samples, what is refused, and competition ranks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/nearest.h"
#include "base/rng.h"
#include "core/metric.h"

/* ---- an environment: measures by name ---------------------------------------------------------------------- */

enum { INPUTS_MAX = 16 };

struct world {
	struct arena arena;
	struct {
		struct slice measure;
		enum input_read read;
		uint16_t quantile;
	} inputs[INPUTS_MAX];
	int input_count;
	struct metric_input values[INPUTS_MAX];
	struct metric_program *program;
	enum value_type type;
	struct expr_error error;
};

static const struct {
	const char *name;
	enum value_type type;
	bool is_percentile;
} measures[] = {
	{ "won", VALUE_INT, false },
	{ "lost", VALUE_INT, false },
	{ "revenue", VALUE_MONEY, false },
	{ "cost", VALUE_MONEY, false },
	{ "talk", VALUE_DURATION, false },
	{ "spread", VALUE_DURATION, true },
	{ "score", VALUE_DECIMAL, false },
};
enum { MEASURE_COUNT = sizeof(measures) / sizeof(measures[0]) };

static int input(
	void *ctx, struct slice measure, const struct plan_input *wanted, enum value_type *ret_type)
{
	struct world *w = ctx;
	enum input_read read = wanted->read;
	uint16_t quantile = wanted->quantile_bp;

	assert_true((wanted->over_ms != 0) == (read == INPUT_OVER || read == INPUT_OFFSET));
	assert_true(wanted->lag_ms == 0 || read == INPUT_OVER);

	for (int m = 0; m < MEASURE_COUNT; m++) {
		if (!slice_is(measure, measures[m].name))
			continue;
		*ret_type = read == INPUT_SAMPLES ? VALUE_INT : measures[m].type;
		if (read != INPUT_SAMPLES && (read == INPUT_QUANTILE) != measures[m].is_percentile)
			*ret_type = VALUE_NULL;
		for (int i = 0; i < w->input_count; i++)
			if (slice_equal(w->inputs[i].measure, measure) &&
				w->inputs[i].read == read && w->inputs[i].quantile == quantile)
				return i;
		w->inputs[w->input_count].measure = measure;
		w->inputs[w->input_count].read = read;
		w->inputs[w->input_count].quantile = quantile;
		return w->input_count++;
	}
	return -1;
}

static const char *nearest(void *ctx, struct slice measure)
{
	const char *names[MEASURE_COUNT];

	(void)ctx;
	for (int m = 0; m < MEASURE_COUNT; m++)
		names[m] = measures[m].name;
	return nearest_name(measure, names, MEASURE_COUNT);
}

static bool param(void *ctx, struct slice name, i128 *ret)
{
	(void)ctx;
	*ret = 25000;
	return slice_is(name, "factor");
}

static int compile(struct world *w, const char *text)
{
	struct metric_resolve resolve = { w, input, nearest, param, NULL, NULL };
	struct expr_node *tree;

	memset(w, 0, sizeof(*w));
	arena_init(&w->arena, 0);
	return expr_parse(&w->arena, slice_of(text), &tree, &w->error) ||
	       metric_compile(&w->arena, tree, &resolve, &w->program, &w->type, &w->error);
}

static void compile_well(struct world *w, const char *text)
{
	if (compile(w, text))
		fail_msg("%s: %s", text, w->error.message);
}

/* The total of a read: units of 1/10,000, facts. */
static void give(
	struct world *w, const char *measure, enum input_read read, i128 units, int64_t count)
{
	bool found = false;

	for (int i = 0; i < w->input_count; i++)
		if (slice_is(w->inputs[i].measure, measure) && w->inputs[i].read == read) {
			w->values[i] = (struct metric_input){ .sum = units, .count = count };
			found = true;
		}
	assert_true(found);
}

static void give_null(struct world *w, const char *measure)
{
	for (int i = 0; i < w->input_count; i++)
		if (slice_is(w->inputs[i].measure, measure))
			w->values[i].is_null = true;
}

static struct metric_value compute(struct world *w, int64_t min_sample)
{
	return metric_run(w->program, w->values, min_sample);
}

static void done(struct world *w)
{
	arena_deinit(&w->arena);
}

/* ---- values and states -------------------------------------------------------------------------------------- */

static void test_ratio(void **state)
{
	struct world w;
	struct metric_value v;

	(void)state;
	compile_well(&w, "won / (won + lost)");
	metric_scale(w.program, 100, 1);
	assert_int_equal(w.type, VALUE_DECIMAL);
	give(&w, "won", INPUT_TOTAL, 42380000, 4238);
	give(&w, "lost", INPUT_TOTAL, 24730000, 2473);
	v = compute(&w, 0);
	assert_int_equal(v.state, METRIC_OK);
	assert_true(v.has_value && v.has_exact && v.has_parts);
	assert_true(v.exact == 631501 && v.numerator == 42380000 && v.denominator == 67110000);
	assert_true(v.value > 63.1500521 && v.value < 63.1500522);
	assert_int_equal(v.sample_size, 6711); /* facts behind the denominator */
	done(&w);
}

/* The exact value, digit by digit: numerator and denominator are multiplied out, the rest decides. */
static void test_ratios_are_half_even(void **state)
{
	struct rng rng;
	struct world w;

	(void)state;
	rng_init(&rng, 71);
	compile_well(&w, "won / lost");
	for (int k = 0; k < 50000; k++) {
		i128 num = (i128)rng_below(&rng, 2000000) - 1000000,
		     den = (i128)rng_below(&rng, rng_chance(&rng, 0.5) ? 64 : 3000000) - 31;
		i128 doubled, exact;

		if (den == 0)
			continue;
		give(&w, "won", INPUT_TOTAL, num, 1);
		give(&w, "lost", INPUT_TOTAL, den, 1);
		exact = compute(&w, 0).exact;
		/* |exact * den − num * 10000| <= |den| / 2, and at exactly a half the exact one is even. */
		doubled = (exact * den - num * 10000) * 2;
		doubled = doubled < 0 ? -doubled : doubled;
		den = den < 0 ? -den : den;
		assert_true(doubled <= den);
		assert_true(doubled < den || exact % 2 == 0);
	}
	done(&w);
}

static void test_zero_denominator(void **state)
{
	struct world w;
	struct metric_value v;

	(void)state;
	compile_well(&w, "won / lost");
	give(&w, "won", INPUT_TOTAL, 30000, 3);
	v = compute(&w, 0);
	assert_int_equal(v.state, METRIC_ZERO_DENOMINATOR);
	assert_true(!v.has_value && !v.has_exact && v.has_parts && v.numerator == 30000 &&
		    v.denominator == 0);
	done(&w);
	compile_well(&w, "won / lost * 2"); /* inside: no parts, the same state */
	give(&w, "won", INPUT_TOTAL, 30000, 3);
	v = compute(&w, 0);
	assert_int_equal(v.state, METRIC_ZERO_DENOMINATOR);
	assert_true(!v.has_value && !v.has_parts);
	done(&w);
}

/* A zero before: no base, whatever there is now. The sign of what was before does not turn the change around. */
static void test_growth(void **state)
{
	struct world w;
	struct metric_value v;

	(void)state;
	compile_well(&w, "(revenue - previous(revenue)) / abs(previous(revenue))");
	metric_scale(w.program, 100, 1);
	assert_int_equal(w.type, VALUE_DECIMAL);
	give(&w, "revenue", INPUT_TOTAL, 1500000, 3);
	v = compute(&w, 0);
	assert_int_equal(v.state, METRIC_NO_BASE);
	give(&w, "revenue", INPUT_PREVIOUS, 1000000, 2);
	v = compute(&w, 0);
	assert_int_equal(v.state, METRIC_OK);
	assert_true(v.exact == 500000);
	give(&w, "revenue", INPUT_PREVIOUS, -1000000, 2);
	assert_true(compute(&w, 0).exact == 2500000);
	done(&w);
	compile_well(&w, "revenue - previous(revenue)");
	give(&w, "revenue", INPUT_TOTAL, 1500000, 3);
	give(&w, "revenue", INPUT_PREVIOUS, 2000000, 3);
	v = compute(&w, 0);
	assert_int_equal(w.type, VALUE_MONEY);
	assert_true(v.state == METRIC_OK && v.exact == -500000 && v.numerator == -500000 &&
		    !v.has_parts);
	done(&w);
}

static void test_no_data_and_low_sample(void **state)
{
	struct world w;
	struct metric_value v;

	(void)state;
	compile_well(&w, "won / lost");
	give(&w, "won", INPUT_TOTAL, 30000, 3);
	give(&w, "lost", INPUT_TOTAL, 50000, 5);
	assert_int_equal(compute(&w, 5).state, METRIC_OK);
	v = compute(&w, 6);
	assert_int_equal(v.state, METRIC_LOW_SAMPLE);
	assert_true(!v.has_value && !v.has_exact && v.has_parts && v.numerator == 30000 &&
		    v.denominator == 50000);
	give_null(&w, "lost");
	v = compute(&w, 0);
	assert_true(v.state == METRIC_NO_DATA && !v.has_value && !v.has_parts);
	done(&w);
	compile_well(&w, "revenue");
	assert_true(compute(&w, 0).state == METRIC_OK && compute(&w, 0).has_value &&
		    compute(&w, 0).exact == 0);
	give_null(&w, "revenue");
	assert_int_equal(compute(&w, 0).state, METRIC_NO_DATA);
	done(&w);
}

/* Beyond 128 bits: CAPPED, never a wrong number. */
static void test_capped(void **state)
{
	struct world w;

	(void)state;
	compile_well(&w, "won / lost");
	give(&w, "won", INPUT_TOTAL, I128_MAX / 1000, 1);
	give(&w, "lost", INPUT_TOTAL, 10000, 1);
	assert_int_equal(compute(&w, 0).state, METRIC_CAPPED);
	assert_false(compute(&w, 0).has_value);
	done(&w);
	compile_well(&w, "won + lost");
	give(&w, "won", INPUT_TOTAL, I128_MAX, 1);
	give(&w, "lost", INPUT_TOTAL, 1, 1);
	assert_int_equal(compute(&w, 0).state, METRIC_CAPPED);
	done(&w);
	compile_well(&w, "-(won) - lost");
	give(&w, "won", INPUT_TOTAL, I128_MAX, 1);
	give(&w, "lost", INPUT_TOTAL, I128_MIN, 1);
	assert_int_equal(compute(&w, 0).state, METRIC_CAPPED);
	done(&w);
	compile_well(&w, "abs(won) / 2");
	give(&w, "won", INPUT_TOTAL, I128_MIN, 1);
	assert_int_equal(compute(&w, 0).state, METRIC_CAPPED);
	done(&w);
}

static void test_days_of_a_duration(void **state)
{
	struct world w;
	struct metric_value v;

	(void)state;
	compile_well(&w, "talk / won");
	metric_scale(w.program, 1, 86400);
	assert_int_equal(w.type, VALUE_DURATION);
	give(&w, "talk", INPUT_TOTAL, (i128)86400 * 10000 * 5, 2); /* five days, in seconds */
	give(&w, "won", INPUT_TOTAL, 20000, 2);
	v = compute(&w, 0);
	assert_true(v.exact == 25000 && v.value == 2.5 && v.numerator == 50000 &&
		    v.denominator == 20000);
	done(&w);
	compile_well(&w, "p50(spread)");
	metric_scale(w.program, 1, 86400);
	give(&w, "spread", INPUT_QUANTILE, (i128)43200 * 10000, 9);
	v = compute(&w, 0);
	assert_true(v.exact == 5000 && v.sample_size == 9);
	done(&w);
}

static const struct {
	const char *formula;
	enum value_type type;
	bool is_exact;
	int64_t exact;
} formulas[] = {
	/* won 3, lost 4, revenue 12.50, cost 5.00, talk 90 s, score 1.5 */
	{ "won", VALUE_INT, true, 30000 },
	{ "won + lost", VALUE_INT, true, 70000 },
	{ "won - lost", VALUE_INT, true, -10000 },
	{ "-won", VALUE_INT, true, -30000 },
	{ "abs(won - lost)", VALUE_INT, true, 10000 },
	{ "won * 2", VALUE_INT, true, 60000 },
	{ "2 * won + 0.5", VALUE_DECIMAL, true, 65000 },
	{ "won * factor", VALUE_DECIMAL, true, 75000 },
	{ "revenue / won", VALUE_MONEY, true, 41667 },
	{ "revenue / cost", VALUE_DECIMAL, true, 25000 },
	{ "revenue - cost", VALUE_MONEY, true, 75000 },
	{ "revenue * 0.1", VALUE_MONEY, true, 12500 },
	{ "talk / won", VALUE_DURATION, true, 300000 },
	{ "talk / 30s", VALUE_DECIMAL, true, 30000 },
	{ "talk + 10s", VALUE_DURATION, true, 1000000 },
	{ "won * score", VALUE_DECIMAL, false, 45000 },
	{ "won / lost * 100", VALUE_DECIMAL, false, 750000 },
	{ "won / (lost / 2)", VALUE_DECIMAL, false, 15000 },
	{ "revenue / (won / lost)", VALUE_MONEY, false, 166667 },
	{ "samples(revenue)", VALUE_INT, true, 20000 },
	{ "opening(won) + won", VALUE_INT, true, 130000 },
	{ "won + full(won)", VALUE_INT, true, 100000 },
	{ "max(won, lost)", VALUE_INT, true, 40000 },
	{ "min(won, lost)", VALUE_INT, true, 30000 },
	{ "max(won - lost, 0)", VALUE_INT, true, 0 },
	{ "max(revenue - cost, 0)", VALUE_MONEY, true, 75000 },
	{ "max(0, cost - revenue)", VALUE_MONEY, true, 0 },
	{ "max(score, won)", VALUE_DECIMAL, true, 30000 },
	{ "min(won * score, 2)", VALUE_DECIMAL, false, 20000 },
	{ "max(won / lost, 0.5)", VALUE_DECIMAL, false, 7500 },
	{ "ceil(won / lost)", VALUE_DECIMAL, false, 10000 },
	{ "ceil(lost / won)", VALUE_DECIMAL, false, 20000 },
	{ "ceil(-(won / lost))", VALUE_DECIMAL, false, 0 },
	{ "ceil(won / lost / (won / lost))", VALUE_DECIMAL, false, 10000 },
	{ "ceil(10 / (won / (won * 10)))", VALUE_DECIMAL, false, 1000000 },
	{ "ceil(won)", VALUE_INT, false, 30000 },
	{ "(won - 2) / lost / 8", VALUE_DECIMAL, false, 312 }, /* 312.5, half to even */
	{ "over(won, 90d, 0d)", VALUE_INT, true, 30000 },
};

static void test_formulas(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(formulas) / sizeof(formulas[0]); k++) {
		struct metric_value v;
		struct world w;

		compile_well(&w, formulas[k].formula);
		for (int i = 0; i < w.input_count; i++) {
			static const int64_t units[] = { 30000, 40000, 125000, 50000, 900000, 0,
				15000 };
			int m = 0;

			while (!slice_is(w.inputs[i].measure, measures[m].name))
				m++;
			w.values[i] = (struct metric_input){ .sum = units[m], .count = 2 };
			if (w.inputs[i].read == INPUT_SAMPLES)
				w.values[i].sum = 20000;
			if (w.inputs[i].read == INPUT_OPENING)
				w.values[i].sum = 100000;
			if (w.inputs[i].read == INPUT_FULL)
				w.values[i].sum = 70000;
		}
		v = compute(&w, 0);
		if (w.type != formulas[k].type || !v.has_value || v.exact != formulas[k].exact)
			fail_msg("%s: a %s, %lld", formulas[k].formula, value_type_name(w.type),
				(long long)v.exact);
		if (formulas[k].is_exact)
			assert_true(v.has_parts || v.numerator == v.exact);
		else
			assert_true(!v.has_parts && v.numerator == 0);
		done(&w);
	}
}

static void test_reads_share_inputs(void **state)
{
	struct world w;

	(void)state;
	compile_well(&w, "(won + previous(won)) / (won + won) + p90(spread) / p90(spread) + "
			 "percentile(spread, 0.99) / 1s");
	assert_int_equal(w.input_count, 4);
	assert_int_equal(w.inputs[2].quantile, 9000);
	assert_int_equal(w.inputs[3].quantile, 9900);
	done(&w);
}

static const struct {
	const char *formula;
	size_t offset, length;
	const char *says;
} refusals[] = {
	{ "wom / lost", 0, 3, "the nearest is «won»" },
	{ "won / revnue", 6, 6, "the nearest is «revenue»" },
	{ "revenue + won", 0, 13, "a money and a int" },
	{ "revenue * cost", 0, 14, "a money and a money" },
	{ "won / talk", 0, 10, "a int and a duration" },
	{ "talk + revenue", 0, 14, "a duration and a money" },
	{ "spread", 0, 6, "read by p50()" },
	{ "p50(won)", 4, 3, "wants a measure with `agg: percentile`" },
	{ "percentile(spread, 1.5)", 0, 23, "a share between 0 and 1" },
	{ "percentile(spread)", 0, 18, "a share between 0 and 1" },
	{ "p50(spread, 2)", 0, 14, "one argument" },
	{ "previous(won + lost)", 9, 10, "name of a measure" },
	{ "over(won)", 0, 9, "over(m, 90d)" },
	{ "over(won, 30s)", 0, 14, "a time from 1m to 1100d" },
	{ "over(won, 1101d)", 0, 16, "a time from 1m to 1100d" },
	{ "over(won, lost)", 0, 15, "a time from 1m to 1100d" },
	{ "over(won, 90d, 36h)", 0, 19, "how many whole days earlier it ends" },
	{ "over(won, 90d, lag)", 15, 3, "over(m, 180d, 30d)" },
	{ "over(won, 90d, 1d, 1d)", 0, 22, "over(m, 180d, 30d)" },
	{ "ceil(revenue)", 0, 13, "a number, not money" },
	{ "cel(won)", 0, 3, "the nearest is «ceil»" },
	{ "ceil(won, 2)", 0, 12, "one argument" },
	{ "over(spread, 7d)", 5, 6, "it wants a measure without `until`" },
	{ "over(won / lost, 7d)", 5, 10, "name of a measure" },
	{ "offset(won)", 0, 11, "whole days, at most 400d" },
	{ "offset(won, 36h)", 0, 16, "whole days, at most 400d" },
	{ "offset(won, 401d)", 0, 17, "whole days, at most 400d" },
	{ "offset(won, lag)", 12, 3, "a param that is such a duration" },
	{ "offset(spread, 7d)", 7, 6, "it wants a measure without `until`" },
	{ "max(won)", 0, 8, "two arguments" },
	{ "min(revenue, won)", 0, 17, "a money and a int" },
	{ "ovr(won, 30d)", 0, 3, "the nearest is «over»" },
	{ "abs(won, 2)", 0, 11, "one argument" },
	{ "full(won, 2)", 0, 12, "one argument" },
	{ "full(previous(won))", 5, 13, "name of a measure" },
	{ "ful(won)", 0, 3, "the nearest is «full»" },
	{ "won > lost", 0, 10, "conditions belong" },
	{ "won ? 1 : 2", 0, 11, "measures, numbers" },
	{ "!won", 0, 4, "measures, numbers" },
	{ "won + \"a\"", 6, 3, "constants are numbers" },
	{ "won + deal.amount", 6, 11, "name of a measure" },
	{ "[won]", 0, 5, "measures, numbers" },
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t k = 0; k < sizeof(refusals) / sizeof(refusals[0]); k++) {
		struct world w;

		if (!compile(&w, refusals[k].formula))
			fail_msg("%s: taken", refusals[k].formula);
		if (!strstr(w.error.message, refusals[k].says) ||
			w.error.offset != refusals[k].offset || w.error.len != refusals[k].length)
			fail_msg("%s: %zu+%zu «%s»", refusals[k].formula, w.error.offset,
				w.error.len, w.error.message);
		done(&w);
	}
}

static void test_print_tells_programs_apart(void **state)
{
	static const char *const texts[] = { "won / lost", "lost / won", "won + lost", "won - lost",
		"won * 2", "won * 3", "abs(won)", "-won", "won", "won * factor", "won + 1s / 1s" };
	enum { COUNT = sizeof(texts) / sizeof(texts[0]) };
	struct buffer printed[COUNT];
	struct world w;

	(void)state;
	for (int i = 0; i < COUNT; i++) {
		compile_well(&w, texts[i]);
		buffer_init(&printed[i]);
		metric_print(w.program, &printed[i]);
		done(&w);
		for (int k = 0; k < i; k++)
			if (i != 1 ||
				k != 0) /* the inputs' numbers are alike; the plan prints which is which */
				assert_false(slice_equal(
					buffer_slice(&printed[i]), buffer_slice(&printed[k])));
	}
	for (int i = 0; i < COUNT; i++)
		buffer_deinit(&printed[i]);
}

/* ---- ranks --------------------------------------------------------------------------------------------------- */

static void test_ranks(void **state)
{
	struct metric_rank_item items[] = { { 50, true, 1, 0 }, { 90, true, 2, 0 },
		{ 70, true, 3, 0 }, { 0, false, 4, 0 }, { 70, true, 5, 0 }, { -5, true, 6, 0 },
		{ 0, true, 7, 0 } };
	static const uint32_t want[] = { 2, 1, 3, 2, 5, 2, 1, 4, 7, 5, 6, 6, 4,
		0 }; /* group, rank */

	(void)state;
	metric_rank(items, 7, false);
	for (int i = 0; i < 7; i++) {
		assert_int_equal(items[i].group, want[2 * i]);
		assert_int_equal(items[i].rank, want[2 * i + 1]);
	}
	metric_rank(items, 0, false);
}

/*
 * 1, 2, 2, 4: one more than how many are better, or 1, 2, 2, 3: than how many better values there are; those without a value are behind
 * all, unranked.
 */
static void test_ranks_by_counting(void **state)
{
	struct metric_rank_item items[60];
	struct rng rng;

	(void)state;
	rng_init(&rng, 72);
	for (int round = 0; round < 300; round++) {
		uint32_t count = (uint32_t)rng_below(&rng, 60);
		bool is_dense = round % 2;

		for (uint32_t i = 0; i < count; i++)
			items[i] = (struct metric_rank_item){ (i128)rng_below(&rng, 20) - 5,
				rng_chance(&rng, 0.8), i, 99 };
		metric_rank(items, count, is_dense);
		for (uint32_t i = 0; i < count; i++) {
			uint32_t better = 0;

			for (uint32_t k = 0; k < count; k++)
				better += items[k].has_value && items[k].exact > items[i].exact &&
					  !(is_dense && k && items[k - 1].has_value &&
						  items[k - 1].exact == items[k].exact);
			assert_int_equal(items[i].rank, items[i].has_value ? better + 1 : 0);
			assert_true(i == 0 || items[i - 1].has_value || !items[i].has_value);
		}
	}
}

static void test_state_names(void **state)
{
	(void)state;
	assert_string_equal(metric_state_name(METRIC_OK), "OK");
	assert_string_equal(metric_state_name(METRIC_ZERO_DENOMINATOR), "ZERO_DENOMINATOR");
	assert_string_equal(metric_state_name(METRIC_CAPPED), "CAPPED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ratio),
		cmocka_unit_test(test_ratios_are_half_even),
		cmocka_unit_test(test_zero_denominator),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_no_data_and_low_sample),
		cmocka_unit_test(test_capped),
		cmocka_unit_test(test_days_of_a_duration),
		cmocka_unit_test(test_formulas),
		cmocka_unit_test(test_reads_share_inputs),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_print_tells_programs_apart),
		cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_ranks_by_counting),
		cmocka_unit_test(test_state_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
