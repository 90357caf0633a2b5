/*
 * snapshot_inside: what the files snapshot*.c share. Per group there is an array of slots, one per (metric, window) that its
 * grouping shows: what was published last of each. Further currencies of a slot are in an index beside them. Per calendar
 * class and closer (a calendar unit, a maturity) there is the list of its periods, each with the groups that are due.
 *
 * Invariant: a slot whose content is neither NEVER nor AGAIN holds the hash of what the last record of its key said.
 * Private to snapshot*.c.
 */
#ifndef CORE_SNAPSHOT_INSIDE_H
#define CORE_SNAPSHOT_INSIDE_H

#include "base/index.h"
#include "core/snapshot.h"

enum snapshot_limit {
	SNAPSHOT_CURRENCIES_MAX = 16, /* of one key */
	SNAPSHOT_INPUTS_MAX = 32,
	SNAPSHOT_CLOSERS_MAX = 64,
	SNAPSHOT_WORK_MAX = 200000,   /* slots looked at in one collection */
	SNAPSHOT_FORGOTTEN_MAX = 4096,
};

/* ---- what was published ---------------------------------------------------------------------------------- */

/* A content is even; an odd one is to be sent again, whatever it says now. */
#define CONTENT_NEVER 0              /* no record had this key, as far as this process knows */
#define CONTENT_AGAIN 1              /* alone: it may have had one, of who knows what */

struct published {
	uint64_t content;            /* hash of what is worth a record; or NEVER, AGAIN */
	uint32_t sent_ms;            /* turn time, its low half */
	int32_t rank;                /* of rank metrics: the one that was sent */
};

struct foreign {                     /* a slot in one more currency */
	uint32_t group, slot, currency;
	struct published published;
};

/* One metric in one window of a grouping. */
struct snapshot_slot {
	uint16_t metric;
	uint16_t place;              /* index in the metric's windows */
	uint16_t end_edge;           /* where the published interval ends */
	bool is_ranked;              /* a rank metric of this grouping reads it */
	uint64_t window;             /* bit of the plan's window */
	uint64_t measures;           /* bitmap as group.touched */
};

struct snapshot_grouping {
	uint32_t slot_count;
	struct snapshot_slot *slots; /* in the order of metrics, then windows */
	uint32_t *first_slot;        /* [metric_count]: of each metric, UINT32_MAX where it is not shown */
	bool has_ranks;
};

struct snapshot_group {
	struct published *slots;     /* owned; NULL before it was looked at */
	uint32_t *currencies;        /* owned: of its money, in the order in which they came; 0: money without a currency */
	uint16_t currency_count, currency_cap;
	uint32_t roster_turn;        /* turn of the roster that had its rep */
};

struct snapshot_tenant {
	uint64_t streams;            /* when it was looked at last */
	uint32_t currency;           /* its reporting currency, 0: none is set */
	uint32_t *seen;              /* owned: currencies of its money */
	uint16_t seen_count, seen_cap;
};

struct snapshot_rep {
	uint32_t entity, name;       /* intern id of the name that its records bear */
	bool is_on;                  /* on the roster */
};

struct stage_name {                  /* what a stage is called, as the latest opportunity that entered it says */
	uint32_t tenant, stage, name;
	int64_t entered_ms;
};

/* A plan's share in one calendar class: whether it is still too early in the period for what is said of it to date. */
struct period_share {
	int64_t from_ms;             /* first clock at which the share has passed */
	int64_t end_ms;              /* of the period */
	bool is_early;
};

/* A board: the groups of one tenant and grouping that are ranked against each other. */
struct rank_board {
	uint32_t tenant;
	uint16_t grouping;
	uint64_t dirty;              /* plan windows whose values moved */
	int64_t refreshed_ms;
	uint32_t *groups;            /* owned, rising */
	uint32_t count, capacity;
};

struct rank_place {                  /* of one member: 0 is unranked */
	uint32_t rank, previous;
};

/* ---- closed periods -------------------------------------------------------------------------------------- */

/* Metrics that close together: at a period's end + grace + mature. */
struct snapshot_closer {
	enum calendar_unit unit;
	int64_t mature_ms;
	bool reads_history;          /* some of them read a stock or an opening */
	bool *history, *stocks;      /* [measure_count]: whose past before the period they read; whose stock is a value */
	struct closer_slots {
		uint32_t count, *slots;  /* owned */
	} *groupings;                /* [grouping_count] */
};

struct closed_period {
	int64_t start_ms;
	uint64_t *due;               /* owned bitmap of groups; NULL: none */
	uint32_t words;
	bool is_whole;               /* it has just closed: all its groups are due */
	struct index doubted;        /* snapshot_doubt.c */
};

/* One closer in one calendar class. */
struct closing {
	struct closed_period *periods; /* ascending; the last starts after the clock */
	uint32_t count, capacity;
	uint32_t closed;             /* periods before this index are closed */
	uint32_t due_periods;        /* how many may have something due: 0 is none for sure */
	int64_t *since_ms;           /* [since_count]: of a group whose past changed, all closed periods from then on are due */
	uint32_t since_count;
	bool has_since;
	struct index doubted_groups; /* snapshot_doubt.c */
	int64_t restored_ms;         /* closed until here, as a checkpoint said; INT64_MIN: nothing said */
};

struct restored_due {                /* kept until the periods are known */
	int64_t start_ms;
	uint32_t class, closer;
	uint32_t group;              /* GROUP_NONE: the whole period */
	bool is_since;
};

/* Sums per cell, sparse: open addressing. */
struct tally {
	uint32_t *cells;             /* owned; CELL_NONE: free */
	struct total *totals;        /* owned */
	uint32_t used, capacity;     /* a power of two, or 0 */
};

/* What the buckets say of one period. */
struct closed_sums {
	struct tally before, previous, inside; /* before: all that is earlier than the period, of measures whose history is read */
	bool has_previous;           /* the period before is wholly within the ledger */
};

struct final_value {                 /* what was sent of one key of kpi.history */
	uint64_t key;                /* snapshot_key_hash */
	uint64_t content;            /* AGAIN: to be sent again */
	i128 first;                  /* 1/10,000 */
	int64_t start_ms;
	uint32_t group, class;       /* this process's; GROUP_NONE in one that was restored */
	uint32_t cut;                /* the checkpoint cut that follows it */
	uint16_t closer;
	bool has_first;              /* the first one had a value */
	bool dirty;                  /* changed since the last confirmed cut */
	bool is_doubted;             /* another process may have sent something else since */
};

/* One round over what is due; it stops where the sink is full, and goes on there. */
struct closed_round {
	bool is_active, restates;    /* restates: not only periods that have just closed */
	bool ends_doubt;             /* begun after all was read again */
	bool is_loaded;              /* `sums` and `due` are of the period under the cursor */
	uint32_t class, closer, period;
	uint64_t *due;               /* owned bitmap, taken from the period */
	uint32_t words;
	uint32_t group, slot, currency; /* the next key to look at */
	uint32_t board;              /* the next board to rank */
	int64_t before_ms;           /* sums.before reaches to here; INT64_MIN: it has nothing yet */
	struct closed_sums sums;
};

/* ---- the whole ------------------------------------------------------------------------------------------- */

struct snapshots {
	const struct plan *plan;     /* borrowed */
	struct snapshot_settings settings;
	int64_t revision;
	struct snapshot_grouping groupings[PLAN_GROUPINGS_MAX];
	struct buffer key_text;      /* scratch */

	struct snapshot_group *groups;
	uint32_t group_cap;
	struct foreign *foreign;
	uint32_t foreign_count, foreign_cap;
	struct index foreign_index;  /* (group, slot, currency) -> foreign */
	bool must_touch_all;         /* everything counts as unpublished, and has not been pushed yet */
	uint32_t unknown_below;      /* groups that may have been published by another process */
	uint32_t doubted_below;      /* and those that came while what it had read was read again; UINT32_MAX meanwhile */
	uint64_t *forgotten;         /* key hashes of records that were not delivered */
	uint32_t forgotten_count, forgotten_cap;
	int64_t forget_ms;

	/* what is looked after beside the dirty groups */
	uint32_t tenants_seen, groups_seen, cells_seen, entities_seen;
	struct snapshot_tenant *tenants;
	uint32_t tenant_cap;
	struct snapshot_rep *reps;
	uint32_t rep_count, rep_cap;
	uint32_t roster_turn;
	int64_t roster_ms;
	struct snapshot_refresh {
		int64_t until_ms;    /* turn time that has been accounted for; INT64_MIN: none */
		uint32_t next;
	} refresh_groups, refresh_foreign;
	bool has_stages;             /* the plan has a dimension `stage` */
	struct stage_name *stages;
	uint32_t stage_count, stage_cap, stage_next;
	struct index stage_index;

	struct period_share *shares; /* [class_count * plan->share_count] of the view; NULL before the first look */
	uint64_t *share_windows;     /* [grouping_count * plan->share_count]: the windows that it holds back there */

	struct rank_board *boards;
	uint32_t board_count, board_cap;
	struct index board_index;
	int64_t rank_ms;
	struct metric_rank_item *items;
	struct rank_place *places;
	uint32_t item_cap;

	/* closed periods */
	struct snapshot_closer closers[SNAPSHOT_CLOSERS_MAX];
	uint32_t closer_count;
	uint64_t *flow_closers, *history_closers; /* [grouping_count * measure_count]: bitmaps of closers */
	struct closing *closings;    /* [class_count * closer_count] */
	uint32_t class_count;
	struct restored_due *restored;
	uint32_t restored_count, restored_cap;
	struct closed_round round;
	int64_t restated_ms;         /* turn time of the last round that restates */
	enum { DOUBT_NONE, DOUBT_READING, DOUBT_CAUGHT_UP } doubt; /* snapshots_doubt */
	bool has_whole;              /* a period has closed that no round has looked at */
	struct final_value *finals;  /* a ring once finals_max is reached */
	uint32_t final_count, final_cap, final_next;
	struct index final_index;
	uint32_t cut;                /* of checkpoints */
};

/* What one collection works with. */
struct collecting {
	struct snapshots *s;
	const struct snapshot_view *view;
	int64_t clock_ms, now_ms;
	bool everything;
	uint32_t budget, count, work;
	snapshot_emit_fn emit;
	void *ctx;
	bool refused;                /* the sink is full, or the budget is used up */
	bool is_full;                /* the sink is */
};

/* Where totals come from: the running ones at a window's places, or the sums of a closed period. */
struct totals_source {
	const struct snapshot_view *view;
	const struct closed_sums *sums; /* NULL: the running ones */
	bool of_previous;            /* of sums: the period before */
};

/* What is worth a record: a value, and what it is compared with. */
struct outcome {
	struct metric_value value;
	struct snapshot_double previous, change_pct;
	int64_t start_ms, end_ms;
	uint32_t rank, rank_of, previous_rank;
};

/* ---- snapshot_value.c ---- */
/* A metric's formula over its inputs; `places` are those of running totals, NULL with sums. */
struct metric_value snapshot_run(const struct totals_source *, const struct plan_metric *, const struct plan_metric_window *,
	const int16_t *places, uint32_t group, uint32_t currency);
/* Whether anything that the metric adds up is in the sums. */
bool snapshot_is_nonzero(const struct totals_source *, const struct plan_metric *, const struct plan_metric_window *, uint32_t group,
	uint32_t currency);
/*
 * S16, in a tenant's reporting currency: whether money of the group that could not be converted belongs in these totals too. What is there is
 * published as FX_MISSING then, beside the rest in its own currency, and is compared with nothing.
 */
bool snapshot_lacks_money(const struct collecting *, const struct totals_source *, const struct plan_metric *,
	const struct plan_metric_window *, const int16_t *places, uint32_t group, uint32_t currency);
/* That, or this is money of another currency: where there is none, none is missing. */
bool snapshot_is_unconverted(const struct collecting *, const struct totals_source *, const struct plan_metric *,
	const struct plan_metric_window *, const int16_t *places, uint32_t group, uint32_t currency);
void snapshot_compare(struct outcome *, const struct metric_value *current, const struct metric_value *previous);
/* The exact interval that a slot covers now. */
void snapshot_put_interval(const struct collecting *, uint32_t group, const struct snapshot_slot *, struct outcome *);
/* A slot as it stands now. */
void snapshot_compute(const struct collecting *, uint32_t group, const struct snapshot_slot *, uint32_t currency, struct outcome *ret);
/* Hash of what is worth a record, even and never NEVER. `start`: the interval's start is part of it. */
uint64_t snapshot_content(const struct outcome *, bool start, uint32_t currency);
bool snapshot_has_stream(const struct snapshot_view *, const struct plan_metric *, uint32_t group);
void tally_add(struct tally *, uint32_t cell, i128 sum, int64_t count);
struct total tally_get(const struct tally *, uint32_t cell);

/* ---- snapshot_describe.c ---- */
/* The currencies in which a metric of this group has keys; the first has its slot in the group. At most SNAPSHOT_CURRENCIES_MAX. */
uint32_t snapshot_currencies(const struct collecting *, const struct plan_metric *, uint32_t group, uint32_t *ret);
/* Those in which a board of the tenant is ranked: the reporting currency, or each that it uses; likewise. */
uint32_t snapshot_board_currencies(const struct collecting *, const struct plan_metric *, uint32_t tenant, uint32_t *ret);
/* The key. Texts live in s->key_text and the intern table. */
void snapshot_describe_key(struct snapshots *, const struct snapshot_view *, uint32_t group, const struct plan_metric *,
	const char *window, uint32_t currency, struct snapshot *ret);
/* All the rest. */
void snapshot_describe(struct snapshots *, const struct snapshot_view *, uint32_t group, const struct plan_metric *,
	const struct outcome *, struct snapshot *ret);

/* ---- snapshot.c ---- */
/* Gives it its revision and hands it over; false: refused. */
bool snapshot_send(struct collecting *, enum snapshot_topic, struct snapshot *);
struct snapshot_group *snapshot_group_of(struct snapshots *, uint32_t group);
struct published *snapshot_slots(struct snapshots *, const struct group_table *, uint32_t group);
/* A slot in the index-th of its currencies. */
struct published *snapshot_published(struct snapshots *, const struct group_table *, uint32_t group, uint32_t slot, uint32_t index,
	uint32_t currency);
/* A key that was lost, or is to be sent again. */
void snapshot_forget_key(struct collecting *, struct published *, uint32_t group, uint32_t slot);
void snapshot_forget_slots(struct snapshots *, const struct group_table *, uint32_t group, bool ranks);
struct ledger *snapshot_ledger(const struct snapshot_view *, uint32_t group);
uint32_t snapshot_class(const struct snapshot_view *, uint32_t group);
void snapshot_touch(const struct snapshot_view *, uint32_t group);

/* ---- snapshot_keep.c: tenants, currencies, roster, labels, refresh ---- */
void snapshot_look_after(struct collecting *);
struct slice snapshot_stage_label(const struct snapshots *, const struct snapshot_view *, uint32_t tenant, uint32_t stage);
struct slice snapshot_rep_label(const struct snapshot_view *, uint32_t tenant, uint32_t rep);
void snapshot_free_kept(struct snapshots *);

/* ---- snapshot_share.c: min_share ---- */
void snapshot_find_shares(struct snapshots *);
/* A share that has passed, or a period that has begun, since the last look: what it holds back or lets go is dirty. */
void snapshot_look_at_shares(struct collecting *);
/* Whether the look at this clock would find something. */
bool snapshot_has_crossed(const struct snapshots *, const struct snapshot_view *, int64_t clock_ms);
/* Too early in the period to say anything of this group; false with a window that knows no min_share. */
bool snapshot_is_early(const struct collecting *, const struct plan_metric_window *, uint32_t group);
void snapshot_free_shares(struct snapshots *);

/* ---- snapshot_rank.c ---- */
struct rank_board *snapshot_board(struct snapshots *, uint32_t tenant, uint16_t grouping);
/* A group of a grouping with ranks is new. */
void snapshot_board_join(struct snapshots *, const struct group *, uint32_t group);
/* Ranks a board into s->places, as the sums say or (NULL) as it stands; answers how many have a rank. */
uint32_t snapshot_rank_board(const struct collecting *, const struct rank_board *, const struct snapshot_slot *, uint32_t currency,
	const struct closed_sums *);
struct outcome snapshot_rank_outcome(const struct rank_place *, uint32_t ranked_count);
void snapshot_collect_ranks(struct collecting *);
/* One (board, rank slot), its groups in the order given: for `everything`. */
void snapshot_show_board(struct collecting *, uint32_t slot, const uint32_t *groups, uint32_t count);
void snapshot_free_ranks(struct snapshots *);

/* ---- snapshot_closed.c: which periods are closed, and what is due in them ---- */
void snapshot_find_closers(struct snapshots *);
struct closing *snapshot_closing(struct snapshots *, uint32_t class, uint32_t closer);
void snapshot_due(struct closing *, uint32_t period, uint32_t group);
/* Makes the history key that a final stands for due again. */
void snapshot_final_forget(struct snapshots *, struct final_value *);
void snapshot_restored_add(struct snapshots *, const struct restored_due *);
void snapshot_free_closed(struct snapshots *);

/* ---- snapshot_doubt.c: what another process may have said ---- */
void snapshot_doubt_cell(struct closed_period *, uint32_t cell);
void snapshot_doubt_group(struct closed_period *, uint32_t group);
/* Stocks and opening balances of it, in every period that closes from now on. */
void snapshot_doubt_history(struct closing *, uint32_t group);
/* The next such group from *cursor on (0 at first), which moves behind it; false: no more. */
bool snapshot_doubt_next(const struct closing *, size_t *cursor, uint32_t *ret_group);
/* Calls `due` for every group that may have been something else in this period, when it closes. */
void snapshot_doubt_groups(const struct collecting *, const struct closing *, uint32_t period,
	void (*due)(struct closed_round *, uint32_t group));
/* Whether a fact that this metric adds up came since the restore. */
bool snapshot_is_doubted(const struct collecting *, const struct plan_metric *, const struct plan_metric_window *, uint32_t group,
	uint32_t currency);
void snapshot_doubt_ends(struct snapshots *);

/* ---- snapshot_final.c: one period's records ---- */
struct final_value *snapshot_final_find(const struct snapshots *, uint64_t key);
struct final_value *snapshot_final_make(struct snapshots *, uint64_t key);
/* Goes on with the round's period; true: it is done with. */
bool snapshot_settle_period(struct collecting *);

#endif
