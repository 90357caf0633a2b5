/*
 * metric: totals -> value and state. A metric's formula is compiled to a program over its inputs; a ratio or a linear
 * combination is computed exactly (128-bit 1/10,000), anything else in long double and said so (numerator null).
 * Pure: the totals are given.
 */
#ifndef CORE_METRIC_H
#define CORE_METRIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/decimal.h"
#include "core/definition.h"
#include "core/expr.h"
#include "core/plan.h"

enum metric_state {
	METRIC_OK, METRIC_NO_DATA, METRIC_ZERO_DENOMINATOR, METRIC_NO_BASE, METRIC_FX_MISSING, METRIC_LOW_SAMPLE,
	METRIC_PARTIAL, METRIC_CAPPED,
};
const char *metric_state_name(enum metric_state);

struct metric_input {
	i128 sum;            /* 1/10,000; counts are scaled by 10,000 too; durations in seconds * 10,000 */
	int64_t count;       /* sample size */
	bool is_null;
};

struct metric_value {
	bool has_value, has_exact, has_parts;
	double value;
	i128 exact;          /* value in 1/10,000, half-even */
	i128 numerator, denominator;
	int64_t sample_size; /* facts behind the denominator of a ratio, else behind the whole */
	enum metric_state state;
};

/*
 * Compiles the AST of `value:`. `resolve` turns a measure name and a read into an input index (adding it), or a negative answer.
 * A top-level a / b is a ratio. 0, or 1 with *ret_error. Checks money against money: adding money and a count is refused.
 */
enum {
	METRIC_INPUTS_MAX = 32,      /* of one formula */
	METRIC_INPUTS_FULL = -2,     /* of `input`: there is the measure, but no room for one more */
};
struct metric_resolve {
	void *ctx;
	/* -1: no such measure. wanted: how it is read; its measure is not looked at. VALUE_NULL in *ret_type: the measure is not for this. */
	int (*input)(void *ctx, struct slice measure, const struct plan_input *wanted, enum value_type *ret_type);
	const char *(*nearest)(void *ctx, struct slice measure);
	bool (*param)(void *ctx, struct slice name, i128 *ret);
	/* The formula of a metric that is defined above, or NULL. */
	const struct expr_node *(*metric)(void *ctx, struct slice name);
	/* A param that is a duration. */
	bool (*duration)(void *ctx, struct slice name, int64_t *ret_ms);
};
int metric_compile(struct arena *, const struct expr_node *, const struct metric_resolve *, struct metric_program **ret,
	enum value_type *ret_type, struct expr_error *ret_error);

/* The published value is the formula's times up / down: 100 / 1 for percent, 1 / 86400 for days of a duration. */
void metric_scale(struct metric_program *, int32_t up, int32_t down);

/* What it computes, for fingerprints: inputs by their index, constants by their value. */
void metric_print(const struct metric_program *, struct buffer *out);

/* Evaluates. min_sample: below it LOW_SAMPLE with parts, no value. */
struct metric_value metric_run(const struct metric_program *, const struct metric_input *inputs, int64_t min_sample);
/* The value is kept back as LOW_SAMPLE, the parts stay: too few facts, or too early. What has no value anyway says its own reason. */
void metric_withhold(struct metric_value *);

/*
 * Functions of formulas: p50(m) p90(m) percentile(m, 0.9) samples(m) previous(m) opening(m) full(m) over(m, 90d) over(m, 180d, 30d)
 * offset(m, 30d) abs(x) ceil(x) max(x, y) min(x, y), and + - * / .
 * ceil(x): the least whole number that is not below x; what is above one by less than a part in 10^15 is that one.
 * samples(m): how many facts m has; for money, in the currency that is looked at.
 */

/* Competition ranks (1, 2, 2, 4), or dense ones (1, 2, 2, 3), of `count` values, greatest first; nulls last, unranked (0). */
struct metric_rank_item {
	i128 exact;
	bool has_value;
	uint32_t group;
	uint32_t rank;       /* result; ties share */
};
void metric_rank(struct metric_rank_item *items, uint32_t count, bool is_dense);

#endif
