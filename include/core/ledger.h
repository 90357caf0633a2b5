/*
 * ledger: additive entries in time buckets, for one calendar class (S12, S13). The second half of the machine is
 * `window`: edges that move over these buckets.
 *
 *      opening | local days ........ | 15 min ..... | 1 min .... | 1 s ... T        (pending: at >= T)
 *
 * A bucket is (start, tier) with entries (cell, sum, count), merged per cell. The tiers part the time axis: a finer
 * bucket rolls up into the coarser one only when no edge is, or will stop, strictly inside. Sparse: a bucket exists
 * only where something happened. Only facts before the clock T are here. Below the floor entries of stocks and of `all` fold
 * into the opening balance, those of flows are dropped.
 *
 * Invariants (ledger_check): buckets of a tier are sorted, aligned and inside the tier's part; no edge is strictly
 * inside a bucket; an entry's cell exists.
 */
#ifndef CORE_LEDGER_H
#define CORE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/decimal.h"
#include "core/calendar.h"
#include "core/group.h"
#include "core/plan.h"

enum ledger_tier { TIER_SECOND, TIER_MINUTE, TIER_QUARTER_HOUR, TIER_DAY, TIER_COUNT };

struct ledger_entry {
	uint32_t cell;               /* CELL_NONE in an empty place */
	uint16_t measure;            /* the cell's: most edges pass an entry without a look at the cell */
	int64_t count;
	i128 sum;
};

struct ledger_bucket {
	int64_t start_ms, end_ms;
	uint32_t used, capacity;     /* open addressing by cell; capacity a power of two */
	struct ledger_entry *entries;
};

struct ledger;

struct ledger *ledger_new(const struct plan *, struct group_table *, const struct calendar *);
void ledger_free(struct ledger *);

/*
 * Books a delta at `at_ms` < T (= T of what stands for the whole period that begins there) into its bucket and into every running total whose span holds it now. FACT_AT_EVER or
 * below the floor: to the opening balance if the measure keeps history, else dropped. Answers 0 booked, 1 dropped.
 */
int ledger_add(struct ledger *, uint32_t cell, int64_t at_ms, i128 sum, int64_t count);

/*
 * Moves every edge to where it stands at clock T (>= the one before); then rolls tiers up and folds what is below the floor.
 * At most about `budget` entries' work (taken off it; never more than a bucket beyond). 0: done; 1: more to do, call
 * again with T or later: with a budget > 0 every call gets on. Whatever was reached is consistent: facts may be added and the
 * ledger may be saved in between, but running totals mix two clocks until ledger_clock is T. NOW and NEG_INF never
 * move over buckets.
 */
int ledger_advance(struct ledger *, int64_t clock_ms, size_t *budget);

int64_t ledger_clock(const struct ledger *);       /* INT64_MIN before the first advance */
int64_t ledger_floor(const struct ledger *);
/* What is before it is in no window any more; not below the floor, which may wait behind it for closed periods. */
int64_t ledger_past(const struct ledger *);
int64_t ledger_edge(const struct ledger *, uint32_t edge);   /* where it stands */

/*
 * Sums of [a, b) per cell, straight from the buckets, for closed periods (edges must be on bucket bounds, else the
 * buckets that begin inside count). The callback gets each entry; it must not change the ledger.
 */
typedef void (*ledger_visit_fn)(void *ctx, uint32_t cell, i128 sum, int64_t count);
void ledger_visit(const struct ledger *, int64_t a_ms, int64_t b_ms, ledger_visit_fn, void *ctx);
/* The opening balance: everything folded, and FACT_AT_EVER. */
void ledger_visit_opening(const struct ledger *, ledger_visit_fn, void *ctx);

/* Recomputes all running totals of its cells from the buckets (restore; shard_check compares). */
void ledger_recompute(struct ledger *);

uint64_t ledger_bytes(const struct ledger *);
uint64_t ledger_entries(const struct ledger *);

/*
 * Checkpoint: dirty buckets (all with `whole`), the starts of those that are gone, the opening if changed, clock and bounds.
 * Restored in the order of the saves, after the groups; then ledger_recompute once. 0, or 1 when the bytes cannot be true
 * (free the ledger).
 */
void ledger_save(struct ledger *, bool whole, struct buffer *out);
void ledger_saved(struct ledger *);
int ledger_restore(struct ledger *, struct reader *);
/* Likewise, but only the entries of the cells that `keeps` wants: those of one of the classes that a class became. */
typedef bool (*ledger_keeps_fn)(const void *ctx, uint32_t cell);
int ledger_restore_part(struct ledger *, struct reader *, ledger_keeps_fn keeps, const void *ctx);

void ledger_check(const struct ledger *);

#endif
