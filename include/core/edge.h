/*
 * edge: where the bounds of windows stand, and the grids on which they and the ledger's buckets lie.
 *
 * A grid of resolution r is the multiples of r since 1970 and all starts of local days: so a day is a whole number of cells of
 * every grid, whatever the zone's offset was (before 1970 many were not multiples of a quarter of an hour), and a finer
 * tier's grid contains the coarser one's.
 *
 * Invariant: an edge stands on the grid of its tier (edge_tier), and never goes back while the clock rises.
 */
#ifndef CORE_EDGE_H
#define CORE_EDGE_H

#include <stdint.h>

#include "core/calendar.h"
#include "core/ledger.h"
#include "core/plan.h"

struct time_bounds {                 /* [start, end) */
	int64_t start_ms, end_ms;
};

/* Length of a grid's cells: 1000, 60000, 900000; 0 for TIER_DAY, whose cells are local days. */
int64_t tier_res_ms(enum ledger_tier);

/* The local day that contains t. */
struct time_bounds edge_day(const struct calendar *, int64_t t_ms);
/* The same, with the last few days remembered: nearly all that is asked lies in today and yesterday. Zeroed at first. */
struct edge_days {
	struct time_bounds kept[4];
	uint32_t next;
};
struct time_bounds edge_day_kept(struct edge_days *, const struct calendar *, int64_t t_ms);
/* The cell that contains t, of the grid of `res_ms` (0: the day itself), given t's day. */
struct time_bounds edge_cell(struct time_bounds day, int64_t res_ms, int64_t t_ms);

/* The coarsest tier on whose grid the edge always stands. TIER_DAY for EDGE_NEG_INF and EDGE_NOW, which pass no buckets. */
enum ledger_tier edge_tier(const struct plan_edge *);
/* The first clock after `clock_ms` at which the edge may stand elsewhere, given the clock's day. INT64_MAX: never. */
int64_t edge_due_ms(const struct plan_edge *, struct time_bounds day, int64_t clock_ms);

/* plan_edge_position (plan.h) is implemented here. */

#endif
