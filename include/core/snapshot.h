/*
 * snapshot: what is worth publishing, and at which revision (S14, S17, S18, S20). Walks dirty groups, computes their
 * metrics, and emits those whose numerator, denominator, state or previous value differ from what was emitted last.
 *
 * Invariant: revisions rise by one per record emitted, over all keys of a shard. Nothing is emitted twice unchanged, except
 * after snapshot_forget_published (a restore) and in the refresh that repeats every live key within refresh_ms.
 */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "core/group.h"
#include "core/ledger.h"
#include "core/metric.h"
#include "core/plan.h"
#include "core/snapshot_record.h"
#include "core/store.h"

enum snapshot_topic { SNAPSHOT_LATEST, SNAPSHOT_HISTORY };

/* Returns false to refuse (the sink's queue is full): the collector stops and the key stays dirty. */
typedef bool (*snapshot_emit_fn)(void *ctx, enum snapshot_topic, const struct snapshot *record);

struct snapshot_settings {
	int64_t publish_interval_ms;  /* per key, 250 */
	int64_t refresh_ms;           /* every live key again, 600000 */
	int64_t rank_interval_ms;     /* 2000 */
	int64_t restate_interval_ms;  /* 60000 */
	uint32_t rank_top;            /* 50 */
	uint32_t finals_max;
};

/* The usual ones, as noted above. */
static inline struct snapshot_settings snapshot_settings_usual(uint32_t finals_max)
{
	return (struct snapshot_settings){ .publish_interval_ms = 250,
		.refresh_ms = 600000,
		.rank_interval_ms = 2000,
		.restate_interval_ms = 60000,
		.rank_top = 50,
		.finals_max = finals_max };
}

/* What the collector reads; all borrowed from the shard. */
struct snapshot_view {
	const struct plan *plan;
	const struct store *store;
	struct group_table *groups;
	const struct intern *strings;
	struct ledger *const *ledgers;        /* per calendar class */
	const struct calendar *calendars;
	uint32_t class_count;
	const uint32_t *tenant_class;         /* per tenant */
	const char *const *tenant_currency;   /* per tenant, NULL none */
	uint64_t late_count, duplicate_count;
};

struct snapshots;

struct snapshots *snapshots_new(const struct plan *, struct snapshot_settings);
void snapshots_free(struct snapshots *);

/* The next record's revision will be at least this. */
void snapshots_raise_revision(struct snapshots *, int64_t at_least);
int64_t snapshots_revision(const struct snapshots *);     /* of the last record; 0: none */

/* The first clock there is: periods that end after it will be closed, those before only when a fact is booked in them. */
void snapshots_begin(struct snapshots *, const struct snapshot_view *, int64_t clock_ms);
/* A fact was booked in this cell, at a time before the current day: in closed periods its keys become due for a restatement. */
void snapshots_booked(struct snapshots *, const struct snapshot_view *, uint32_t cell, int64_t at_ms);

/*
 * Emits at most `budget` records of kpi.latest as of clock_ms; now_ms is the shard's turn time for intervals (monotone
 * ms, any origin; equals clock_ms in replay). Answers the number emitted. `everything` emits every live key whatever was
 * emitted before, ordered by tenant, metric, window, grouping and group (replay --at); the budget then holds them all.
 */
uint32_t snapshots_collect(struct snapshots *, const struct snapshot_view *, int64_t clock_ms, int64_t now_ms, bool everything,
	uint32_t budget, snapshot_emit_fn, void *ctx);
/* Emits finals and restatements of closed periods to kpi.history: at end + grace (+ mature), then at most once a minute. */
uint32_t snapshots_collect_closed(struct snapshots *, const struct snapshot_view *, int64_t clock_ms, int64_t now_ms,
	uint32_t budget, snapshot_emit_fn, void *ctx);
/* Whether something is left to emit at this clock (nothing dirty, no final due). */
bool snapshots_is_idle(const struct snapshots *, const struct snapshot_view *, int64_t clock_ms);

/* After a restore, or a delivery that failed: all keys (or this record's key) count as unpublished. */
void snapshots_forget_published(struct snapshots *);
void snapshots_forget_key(struct snapshots *, uint64_t key_hash);
/*
 * After a restore: whoever had the shard may have said on kpi.history what no checkpoint knows of (S18, S10). Until the round after
 * snapshots_caught_up, each key that a fact touches is sent once, whatever was remembered of it, and one that is nothing (any
 * more) as well; a restored key is sent at its first touch, whenever that is. While in doubt, snapshots_booked wants every fact.
 */
void snapshots_doubt(struct snapshots *);
/* All that the one before can have read was read again. Repeatable. */
void snapshots_caught_up(struct snapshots *);
bool snapshots_is_in_doubt(const struct snapshots *);
/* The hash of a record's key (tenant, metric, window, group, currency[, window_start]) as snapshots_forget_key takes it. */
uint64_t snapshot_key_hash(const struct snapshot *);

/*
 * Checkpoint: which periods are closed, what is due in them (whole each time), and the finals that changed (all with `whole`).
 * Finals are known by the hash of their key, so that they outlive changed definitions; of what is due the groups are
 * numbers: those of groups that are others now are computed once more, which changes nothing; those of none are dropped.
 */
void snapshots_save(struct snapshots *, bool whole, struct buffer *out);
void snapshots_saved(struct snapshots *);
/* In the order of the saves. 0, or 1 when the bytes cannot be true. */
int snapshots_restore(struct snapshots *, struct reader *);
/* Likewise where classes are numbered otherwise now: class_was[present class] is the saved one, or UINT32_MAX. */
int snapshots_restore_as(struct snapshots *, struct reader *, const uint32_t *class_was, uint32_t class_count);

#endif
