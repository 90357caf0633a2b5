/*
 * snapshot_record: one KPI value as it is published: the fields of EVENTS.md's kpi.snapshot. Texts are borrowed.
 */
#ifndef CORE_SNAPSHOT_RECORD_H
#define CORE_SNAPSHOT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/slice.h"

struct snapshot_number {
	bool is_set;
	i128 units;                  /* 1/10,000 */
};

struct snapshot_double {
	bool is_set;
	double value;
};

enum { SNAPSHOT_GROUPS_MAX = 3 };

struct snapshot {
	/* the key; never null */
	struct slice tenant_id, metric, window, group_by, group_key, currency;
	struct slice group[SNAPSHOT_GROUPS_MAX];       /* at NULL: none */
	struct slice group_label[SNAPSHOT_GROUPS_MAX]; /* at NULL: none */
	const char *unit;            /* COUNT PERCENT CURRENCY SECONDS DAYS RATIO */
	struct snapshot_double value;
	struct snapshot_number value_decimal, numerator, denominator;
	int64_t sample_size;
	struct snapshot_double previous_value, change_pct;
	struct snapshot_double target_value, attainment_pct, pace_pct, projection;
	int32_t rank, rank_of, previous_rank; /* 0: none */
	const char *state;           /* OK NO_DATA … */
	const char *basis;           /* EVENT COHORT CLOSED STOCK */
	int64_t window_start_ms, window_end_ms, as_of_ms, published_at_ms; /* INT64_MIN of `all`: the wire's 0 */
	bool is_final;
	struct snapshot_number first_final_value;
	int64_t revision;
	uint32_t definition;         /* fingerprint's low half */
	int64_t late_count, duplicate_count;
	bool is_history;             /* the key has window_start (kpi.history) */
};

#endif
