/*
 * snapshot_inside: what the files snapshot*.c share. Per group there is an array of slots, one per (metric, window) that its
 * grouping shows: what was published last of each. Currencies other than the tenant's own have slots of their own, in an index.
 *
 * Invariant: a slot whose generation is the table's holds what the last record of its key said.
 * Private to snapshot*.c.
 */
#ifndef CORE_SNAPSHOT_INSIDE_H
#define CORE_SNAPSHOT_INSIDE_H

#include "base/index.h"
#include "core/snapshot.h"

enum snapshot_limit {
	SNAPSHOT_CURRENCIES_MAX = 16, /* of one key */
	SNAPSHOT_INPUTS_MAX = 32,
	SNAPSHOT_MATURES_MAX = 8,     /* different `mature` of a plan */
};

struct published {
	uint64_t content;            /* hash of what is worth a record */
	uint64_t key;                /* snapshot_key_hash of the record */
	int64_t sent_ms;             /* turn time */
	uint32_t generation;         /* 0: never */
	int32_t rank;                /* of rank metrics: the last one */
};

struct foreign {                     /* a slot in a currency that is not the tenant's */
	uint32_t group, slot, currency;
	struct published published;
};

/* One metric in one window of a grouping. */
struct snapshot_slot {
	uint16_t metric;
	uint16_t place;              /* index in the metric's windows */
};

struct snapshot_grouping {
	uint32_t slot_count;
	struct snapshot_slot *slots; /* in the order of metrics, then windows */
	uint64_t ranked;             /* plan windows that have a rank metric here */
};

/* A final or its correction that is due: keys of one group in one closed period. */
struct closed_due {
	int64_t start_ms;
	uint32_t group;
	uint8_t unit;                /* enum calendar_unit */
	uint8_t matures;             /* bitmap of maturities that are meant */
};

struct final_value {
	int64_t start_ms;
	uint64_t content;
	i128 first;                  /* 1/10,000 */
	uint32_t group, currency;
	uint16_t metric;
	uint8_t unit;
	bool has_first;              /* the first one had a value */
	bool dirty;                  /* changed since the last cut */
};

/* A board: the groups of one tenant and grouping that are ranked against each other. */
struct rank_board {
	uint32_t tenant;
	uint16_t grouping;
	uint64_t dirty;              /* plan windows whose values moved */
	uint32_t *groups;            /* owned */
	uint32_t count, capacity;
};

struct snapshots {
	const struct plan *plan;     /* borrowed */
	struct snapshot_settings settings;
	int64_t revision;
	uint32_t generation;         /* of what counts as published */
	struct snapshot_grouping groupings[PLAN_GROUPINGS_MAX];

	struct published **published; /* [group]: slots of the group's grouping; NULL: none yet */
	uint32_t published_count, published_cap;
	struct foreign *foreign;
	uint32_t foreign_count, foreign_cap;
	struct index foreign_index;  /* (group, slot, currency) -> foreign */

	/* what is looked after beside the dirty groups */
	uint32_t tenants_seen, groups_seen, entities_seen;
	uint64_t *streams;           /* [tenants_seen]: of each tenant, when it was looked at last */
	uint32_t *currencies;        /* [tenants_seen]: intern id of its reporting currency, 0: none or not met yet */
	uint32_t tenant_cap;
	uint32_t *reps, rep_count, rep_cap;
	int64_t roster_ms, refresh_ms;
	uint32_t refresh_next;
	uint64_t *forgotten;         /* key hashes of records that were not delivered */
	uint32_t forgotten_count, forgotten_cap;

	struct rank_board *boards;
	uint32_t board_count, board_cap;
	struct index board_index;
	int64_t rank_ms;
	struct metric_rank_item *items;
	uint32_t item_cap;

	/* closed periods */
	uint32_t class_count;
	int64_t (*closed_until_ms)[CALENDAR_UNIT_COUNT][SNAPSHOT_MATURES_MAX]; /* [class]: all periods before are closed; INT64_MIN: not begun */
	int64_t matures_ms[SNAPSHOT_MATURES_MAX];
	uint32_t mature_count;
	uint8_t units;               /* bitmap of units that have a closed name */
	struct closed_due *due;
	uint32_t due_count, due_cap;
	struct index due_index;
	bool due_dirty;              /* for the checkpoint: changed since the last cut */
	int64_t restated_ms;         /* turn time of the last round */
	bool has_new_period;         /* a period has just closed: do not wait for the round */
	struct final_value *finals;
	uint32_t final_count, final_cap;
	struct index final_index;
	int64_t pruned_ms;

	struct buffer key_text;      /* scratch */
	struct index forget_index;
};

/* What one collection works with. */
struct collecting {
	struct snapshots *s;
	const struct snapshot_view *view;
	int64_t clock_ms, now_ms;
	bool everything;
	uint32_t budget, count;
	snapshot_emit_fn emit;
	void *ctx;
	bool refused;                /* the sink is full, or the budget is used up */
};

/* Where totals come from: the running ones at a window's places, or the sums of a closed period. */
struct totals_source {
	const struct snapshot_view *view;
	const struct closed_sums *sums; /* NULL: the running ones */
};

/* Sums of a closed period per cell, from the buckets. */
struct closed_sums {
	struct total *inside, *prev, *before, *before_prev; /* [cell_count]; the last two may be NULL */
};

/* ---- snapshot_value.c ---- */
/* A metric's value in a group; the result of its formula with its inputs read from places (or sums). */
struct metric_value snapshot_run(const struct totals_source *, const struct plan_metric *, const struct plan_metric_window *,
	const int16_t *places, uint32_t group, uint32_t currency, bool of_previous);
/* Fills the key and what does not depend on the value. Texts live in s->key_text and the intern table. */
void snapshot_describe(struct snapshots *, const struct snapshot_view *, const struct plan_metric *, uint32_t group, uint32_t currency,
	struct slice window, struct snapshot *ret);
void snapshot_put_value(const struct metric_value *, struct snapshot *);
void snapshot_put_previous(const struct metric_value *current, const struct metric_value *previous, struct snapshot *);
/* Hash of numerator, denominator, value, state and previous. */
uint64_t snapshot_content(const struct snapshot *);
/* Currencies of a metric's money in this group; at most SNAPSHOT_CURRENCIES_MAX. */
uint32_t snapshot_currencies(const struct snapshot_view *, const struct plan_metric *, uint32_t group, uint32_t *ret);
/* The tenant's own currency, or 0. */
uint32_t snapshot_currency_of(const struct snapshots *, uint32_t tenant);
bool snapshot_has_stream(const struct snapshot_view *, const struct plan_metric *, uint32_t group);

/* ---- snapshot.c ---- */
/* Gives it its revision and hands it over; false: refused. */
bool snapshot_send(struct collecting *, enum snapshot_topic, struct snapshot *);
struct published *snapshot_slots(struct snapshots *, const struct group_table *, uint32_t group);
struct ledger *snapshot_ledger(const struct snapshot_view *, uint32_t group);

/* ---- snapshot_keep.c: tenants, roster, refresh ---- */
void snapshot_look_after(struct collecting *);

/* ---- snapshot_rank.c ---- */
void snapshot_rank_touch(struct snapshots *, const struct snapshot_view *, uint32_t group, uint64_t windows);
void snapshot_collect_ranks(struct collecting *);
/* Emits the rank record of one group as it stands, for `everything`. */
void snapshot_free_ranks(struct snapshots *);

/* ---- snapshot_closed.c ---- */
uint32_t snapshot_mature_index(const struct snapshots *, int64_t mature_ms);
void snapshot_due_add(struct snapshots *, enum calendar_unit, int64_t start_ms, uint32_t group, uint8_t matures);
struct final_value *snapshot_final_get(struct snapshots *, uint16_t metric, uint8_t unit, int64_t start_ms, uint32_t group,
	uint32_t currency, bool make);

#endif
