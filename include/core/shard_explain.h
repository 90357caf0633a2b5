/*
 * shard_explain: why is this number what it is? One metric of one group in one window as it stands at the shard's clock: its value, the
 * totals that it is made of, and for each total the records behind it with what each of them gives and when.
 *
 * Invariant: the list of a part adds up to its total, which is the running one that the value was computed from; `adds_up` says
 * whether it does. Where records have gone (S26) or lie behind the floor only what is kept is listed.
 */
#ifndef CORE_SHARD_EXPLAIN_H
#define CORE_SHARD_EXPLAIN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/decimal.h"
#include "base/slice.h"
#include "core/metric.h"
#include "core/plan.h"
#include "core/shard.h"

enum { EXPLAIN_PARTS_MAX = 16, EXPLAIN_MESSAGE_MAX = 200 };

struct explain_question {
	struct slice tenant, metric, window; /* window as in the definitions: "month_to_date", "7d", "now" */
	struct slice group_by;               /* "", "team", "team,rep" */
	struct slice values[PLAN_GROUP_DIMS_MAX]; /* in the order of group_by */
	uint32_t value_count;
	struct slice currency;               /* empty: the tenant's own */
};

/* What one record gives to a part: all its facts there, together. */
struct explain_item {
	uint32_t entity;             /* index in the store */
	int64_t at_ms;               /* of its first fact there; FACT_AT_EVER: since ever */
	i128 amount;                 /* 1/10,000; counts too; of distinct and percentile measures 0 */
	int64_t count;
	i128 foreign_amount;         /* S16: what it was before it was converted, 1/10,000 */
	uint32_t foreign_currency;   /* … intern id; 0: it was not */
	int64_t rate;                /* … at which, 1/100,000,000; 0: at several */
};

struct explain_part {
	const struct plan_measure *measure;
	enum input_read read;
	int64_t start_ms, end_ms;    /* [start, end); INT64_MIN: since ever */
	bool is_to_now;              /* the end is the clock */
	i128 total;                  /* 1/10,000; of distinct how many different, of percentile 0 */
	int64_t count;
	struct explain_item *items;  /* owned; by entity */
	uint32_t item_count;
	uint64_t missing_count;      /* facts that belong here and could not be converted: in another currency's total */
	bool adds_up;
};

struct explanation {
	const struct plan_metric *metric;
	struct metric_value value;
	bool has_previous;
	double previous;
	int64_t start_ms, end_ms, clock_ms;
	uint32_t currency;           /* intern id; 0: none */
	uint32_t part_count;
	struct explain_part parts[EXPLAIN_PARTS_MAX];
};

/*
 * Of a shard that works: its clock has arrived everywhere, and what came was looked at for publishing. Then a question changes nothing: what
 * is published, saved and counted afterwards is what it would have been without it.
 */
bool shard_is_explainable(const struct shard *);
/* 0: explanation_deinit it. 1: there is no such number, and *ret_message says what is unknown, with the nearest name. */
int shard_explain(struct shard *, const struct explain_question *, struct explanation *ret, char ret_message[EXPLAIN_MESSAGE_MAX]);
void explanation_deinit(struct explanation *);
bool explanation_adds_up(const struct explanation *);
/* As people read it; at most items_max records a part, then how many more. Times in the tenant's zone. */
void explanation_print(struct shard *, const struct explain_question *, const struct explanation *, uint32_t items_max, struct buffer *out);
/* The same as one JSON object: times as UTC, null where there is none («since ever» too), amounts as exact numbers. */
void explanation_print_json(struct shard *, const struct explain_question *, const struct explanation *, uint32_t items_max, struct buffer *out);

#endif
