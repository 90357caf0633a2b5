/*
 * group: the groups of a shard (tenant, grouping, dimension values) and their cells (measure, currency, sub), each
 * with one running total per span of its measure. Dense ids; never removed while the shard lives (their totals may be zero).
 *
 * Invariant: a cell's totals equal the sum of the ledger's entries inside each span (shard_check proves it).
 * Distinct and percentile measures have one cell per value or bin (`sub`); `live` counts per span how many of a
 * parent's cells have a count > 0, which is the distinct count.
 */
#ifndef CORE_GROUP_H
#define CORE_GROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/decimal.h"
#include "core/plan.h"

#define GROUP_NONE UINT32_MAX
#define CELL_NONE UINT32_MAX

struct total {
	i128 sum;                    /* 1/10,000 for sums; the count for counts */
	int64_t count;               /* facts inside: sample size */
};

struct group {
	uint32_t tenant;
	uint16_t grouping;
	uint16_t tail;               /* unused, zero */
	uint32_t dims[PLAN_GROUP_DIMS_MAX]; /* intern ids; 0 behind the grouping's dim_count */
	uint32_t *cells;             /* [grouping.measure_count]: first cell of each measure's chain, or CELL_NONE */
	uint64_t dirty;              /* bitmap of plan windows whose values may have changed since they were collected */
	uint64_t touched;            /* bitmap of the measures (their indexes modulo 64) that changed there */
	uint8_t queued;              /* bit per enum group_urgency: in that queue of dirty groups */
};

struct cell {
	uint32_t group;
	uint16_t measure;
	uint32_t currency;
	uint64_t sub;
	uint32_t next;               /* next cell of the same group and measure, CELL_NONE at the end */
	struct total *totals;        /* [measure.span_count] */
};

/* Why a group is dirty: an event came, which somebody waits for, or time passed and a window let go of something (S20). */
enum group_urgency { GROUP_URGENT, GROUP_PATIENT, GROUP_URGENCY_COUNT };

struct group_table;

struct group_limits {
	uint32_t groups_max;
	uint32_t cells_max;
};

struct group_table *group_table_new(const struct plan *, struct group_limits);
void group_table_free(struct group_table *);

/* The group of this key, made if absent; GROUP_NONE when the limit is hit (counted): from then on no new one is made. */
uint32_t group_get(struct group_table *, uint32_t tenant, uint16_t grouping, const uint32_t *dims);
uint32_t group_find(const struct group_table *, uint32_t tenant, uint16_t grouping, const uint32_t *dims);
/* The same for a cell of a group; GROUP_NONE as the group gives CELL_NONE. The grouping must have the measure (asserted). */
uint32_t cell_get(struct group_table *, uint32_t group, uint16_t measure, uint32_t currency, uint64_t sub);

uint32_t group_count(const struct group_table *);
uint32_t cell_count(const struct group_table *);
struct group *group_at(const struct group_table *, uint32_t);
struct cell *cell_at(const struct group_table *, uint32_t);
/* Groups and cells that were asked for and not made. */
uint64_t group_refused(const struct group_table *);

/* Adds to one running total, and marks the group dirty in the windows that this place belongs to. */
void cell_add(struct group_table *, uint32_t cell, uint16_t place, i128 sum, int64_t count);

/* The same to several places at once, each with its sign. */
void cell_add_all(struct group_table *, uint32_t cell, const struct plan_effect *, uint16_t effect_count, i128 sum, int64_t count);

/* How urgent the changes are that follow; GROUP_URGENT at first. */
void group_set_urgency(struct group_table *, enum group_urgency);
/* Dirty groups of one urgency, in the order they became so. NONE when there is none. The caller reads and clears
 * group->dirty and group->touched. */
uint32_t group_dirty_pop(struct group_table *, enum group_urgency);
/* Of all measures. */
void group_dirty_push(struct group_table *, uint32_t group, uint64_t windows, enum group_urgency);
/* Queues again what a collector could not finish. */
void group_dirty_keep(struct group_table *, uint32_t group, uint64_t windows, uint64_t touched, enum group_urgency);
/* At least as many as there are. */
uint32_t group_dirty_count(const struct group_table *, enum group_urgency);

/* A measure's total in a group at a place, over all sub cells, of one currency (0: of all that have none).
 * For AGG_DISTINCT the sum is the number of different values. */
struct total group_total(const struct group_table *, uint32_t group, uint16_t measure, uint32_t currency, int16_t place);
/* Percentile: the value at q (basis points), of one currency as above; false when there is nothing. */
bool group_quantile(const struct group_table *, uint32_t group, uint16_t measure, uint32_t currency, int16_t place, uint32_t q_bp,
	int64_t *ret);
/* Sets every running total to zero (before ledger_recompute of every ledger that books into this table). */
void group_totals_clear(struct group_table *);
size_t group_bytes(const struct group_table *);

/*
 * Checkpoint: groups and cells from `first_*` on (they are append-only); totals are not saved. Restore appends one such record;
 * what is there already must agree. Limits do not stop a restore. 0, or 1 when the bytes cannot be true (free the table).
 */
void group_save(const struct group_table *, uint32_t first_group, uint32_t first_cell, struct buffer *out);
int group_restore(struct group_table *, struct reader *);

/* Asserts every invariant that the table can see by itself; slow; tests only. */
void group_check(const struct group_table *);

#endif
