/*
 * shard: the whole of one group of tenants: store, facts, ledgers, groups, pending facts, snapshots. Pure: time and
 * events are arguments, records and dead letters are callbacks; the same code runs in production, replay, simulation and audit.
 *
 *      shard_apply    an event -> registers -> difference of facts -> deltas (booked before T, pending from T on)
 *      shard_advance  the clock to T: pending facts enter, edges move
 *      shard_collect  what is worth publishing
 *      shard_save / shard_restore
 */
#ifndef CORE_SHARD_H
#define CORE_SHARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "core/event.h"
#include "core/fact.h"
#include "core/plan.h"
#include "core/snapshot.h"
#include "core/store.h"
#include "core/tenant.h"

struct shard_settings {
	const struct plan *plan;             /* borrowed */
	const struct tenant_book *tenants;   /* borrowed */
	struct store_limits store;
	struct group_limits groups;
	struct snapshot_settings snapshots;
	uint64_t hash_seed;
	uint32_t pending_max;
	uint64_t ledger_bytes_max;
};

enum shard_answer {
	SHARD_APPLIED = 0,
	SHARD_DUPLICATE = 1,      /* nothing differed */
	SHARD_LATE = 2,           /* kpi.late: some of its facts lie beyond the horizon and were dropped; or all of it, and it is unknown (S26) */
	SHARD_BAD = 3,            /* refused: dead letter; the reason is in ret_reason */
	SHARD_FULL = 4,           /* a limit is hit: nothing was changed; the shard must stop (S26) */
};

struct shard_counters {
	uint64_t events, duplicates, late, bad, facts, deltas, dropped_flow, ahead;
	uint64_t entities, groups, cells, pending, ledger_entries, bytes;
	uint64_t strings, groups_refused;
	struct fact_counters facts_lost;
	struct store_counters store;
};

struct shard;

struct shard *shard_new(const struct shard_settings *);
void shard_free(struct shard *);

/* Of events that will be applied soon, at most STORE_EXPECT_MAX: store_expect. They need not be valid. */
void shard_expect(const struct shard *, const struct event *const *events, size_t count);
/* Validates and applies one event. ret_reason: at least 160 bytes. */
enum shard_answer shard_apply(struct shard *, const struct event *, char *ret_reason);

/* The clock to T (>= before), with bounded work: 0 done, 1 more to do (call again with the same T). */
int shard_advance(struct shard *, int64_t clock_ms, size_t work_max);
int64_t shard_clock(const struct shard *);          /* INT64_MIN before the first */

/* snapshots_collect and snapshots_collect_closed over this shard; answers the number of records emitted. */
uint32_t shard_collect(struct shard *, int64_t now_ms, bool everything, uint32_t budget, snapshot_emit_fn, void *ctx);
bool shard_is_idle(const struct shard *);
/* Every key counts as unpublished, and every live one is sent again: snapshots_forget_published, and all groups dirty. */
void shard_forget_published(struct shard *);
struct snapshots *shard_snapshots(struct shard *);
const struct store *shard_store(const struct shard *);

struct shard_counters shard_counters(const struct shard *);
/* Tenants seen: count, and the id of each. */
uint32_t shard_tenant_count(const struct shard *);
struct slice shard_tenant(const struct shard *, uint32_t index);

/*
 * Checkpoint. shard_save appends records (self-contained, resumable by any later shard_restore in the same order) of all
 * that changed since the last shard_saved, or of everything with `whole`. The caller cuts them in segments.
 * Restore: shard_restore for every segment's bytes in order, then shard_restored: references, totals from the ledger; a
 * plan of another fingerprint than the saved one, or calendars that differ before the clock, rebuild the ledger from the entities
 * (S15) and answer 1 (said to the operator). 2: calendars or their classes are others, but not before the clock (S12): the state is
 * kept, and the next cut has to be whole.
 * shard_restore answers 0, or 1 when the bytes cannot be true (nothing else is promised then: free the shard).
 */
void shard_save(struct shard *, bool whole, struct buffer *out);
void shard_saved(struct shard *);
int shard_restore(struct shard *, const void *bytes, size_t length);
int shard_restored(struct shard *);

/*
 * The same shard under other definitions (S15), of whose plan it is: entities, clock, revision and what was final go on, totals are made from
 * the entities, and every key counts as unpublished. Takes `before` (freed); between the two its bytes are all there is.
 */
struct shard *shard_redefined(struct shard *before, const struct plan *);

/*
 * The trial balance: recomputes every total from the entities (facts above the floor) and compares with the ledger's.
 * Answers how many cells differ; `report` gets each with both figures.
 */
typedef void (*shard_audit_fn)(void *ctx, const char *line);
uint64_t shard_audit(struct shard *, shard_audit_fn report, void *ctx);

/* Asserts every invariant of every part, running totals against the ledger among them. Slow; tests only. */
void shard_check(const struct shard *);

#endif
