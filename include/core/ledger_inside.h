/*
 * ledger_inside: what the files ledger*.c share. Buckets of all tiers lie in one array, sorted by their start; `bounds`
 * tells which tier a time belongs to.
 *
 * Invariant: a bucket lies wholly inside its tier's part of the time axis, so the array has no overlaps.
 */
#ifndef CORE_LEDGER_INSIDE_H
#define CORE_LEDGER_INSIDE_H

#include "core/edge.h"
#include "core/ledger.h"

enum ledger_mark { MARK_CLEAN, MARK_DIRTY, MARK_WRITTEN }; /* written: by a cut that is not confirmed yet */

struct ledger_node {
	struct ledger_bucket bucket; /* first */
	uint8_t tier, mark;
};

struct ledger_gone {                 /* a bucket that was rolled up or dropped since the last confirmed cut */
	int64_t start_ms;
};

struct ledger {
	const struct plan *plan;             /* borrowed, as the two below */
	struct group_table *groups;
	const struct calendar *calendar;
	struct edge_days *days;              /* owned: of the calendar, remembered */
	int64_t clock_ms;                    /* where all edges stand; INT64_MIN before the first advance */
	bool is_settled;                     /* the bounds are where this clock puts them: nothing to roll up or fold */
	int64_t *positions;                  /* [edge_count]: where each edge stands */
	int64_t *due_ms;                     /* [edge_count]: first clock at which it may move */
	int64_t bounds[TIER_COUNT];          /* a tier holds what is at or after its own bound and before the finer one's */
	int64_t past_ms;                     /* ledger_past */
	struct ledger_node **nodes;          /* sorted by start */
	uint32_t count, capacity;
	struct ledger_node opening;
	struct ledger_gone *gone;
	uint32_t gone_count, gone_capacity, gone_written;
	uint64_t entry_count, place_count;   /* entries, and the places that they lie in */
};

/* First node whose start is >= t. */
uint32_t ledger_lower(const struct ledger *, int64_t t_ms);
struct ledger_node *ledger_node_insert(struct ledger *, uint32_t place, enum ledger_tier, int64_t start_ms, int64_t end_ms);
/* Frees it and remembers that it is gone; the caller takes it out of the array. */
void ledger_node_drop(struct ledger *, struct ledger_node *);
void ledger_entry_add(struct ledger *, struct ledger_node *, uint32_t cell, i128 sum, int64_t count);
/* Frees a node's entries, and leaves it empty. */
void ledger_entries_free(struct ledger *, struct ledger_node *);
/* Adds one entry to every total whose span holds start_ms now. */
void ledger_entry_count(struct ledger *, uint32_t cell, int64_t start_ms, i128 sum, int64_t count);
/* Sets the positions, due times and bounds of a clock, moving nothing. */
void ledger_stand_at(struct ledger *, int64_t clock_ms);
/* Whether a bucket is a cell of its tier's grid, inside its tier's part, with no edge strictly inside. */
bool ledger_node_fits(const struct ledger *, const struct ledger_node *);
void ledger_empty(struct ledger *);

#endif
