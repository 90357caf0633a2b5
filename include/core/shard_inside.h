/*
 * shard_inside: what the files shard*.c share. Facts at or after the clock T wait in a heap by time; all that were before T
 * when they were booked, or have become so since, are in the ledger of their tenant's calendar class. What stands for a whole
 * period (plan_whole.c) counts from the period's first instant on: at T it is in the ledger already.
 *
 * Invariant: ledger + pending = the facts of all live entities (above the floor), whatever came in whatever order.
 * Private to shard*.c.
 */
#ifndef CORE_SHARD_INSIDE_H
#define CORE_SHARD_INSIDE_H

#include "base/index.h"
#include "base/intern.h"
#include "core/group.h"
#include "core/ledger.h"
#include "core/shard.h"

struct pending_fact {
	int64_t at_ms;               /* FACT_AT_EVER before the first clock */
	int64_t due_ms;              /* the first clock at which it counts */
	i128 sum;
	int64_t count;
	uint32_t cell;
};

struct pending_heap {                /* the least due_ms first; owned */
	struct pending_fact *items;
	uint32_t count, capacity;
	uint32_t tidy_at;            /* count at which entries of one time and cell are merged again */
	bool keeps_nothings;         /* what cancels stays: in doubt its time is of interest (snapshots_doubt) */
};

struct shard_tenant {
	uint32_t class;              /* calendar class: index of ledgers */
	const char *currency;        /* borrowed from the tenant book; NULL: none */
	uint32_t currency_id;        /* … as intern id; 0 */
};

/* Where the dimensions of a measure's groupings are found in its facts. */
struct shard_route {
	uint8_t dims[PLAN_GROUPINGS_MAX][PLAN_GROUP_DIMS_MAX];
};

struct shard {
	struct shard_settings settings;
	const struct plan *plan;     /* borrowed, settings.plan */
	struct intern strings;
	struct store *store;
	struct fact_maker *maker;
	struct group_table *groups;
	struct ledger **ledgers;     /* [class_count] */
	uint32_t class_count;
	int64_t *day_start_ms;       /* [class_count]: the local day that T is in: what is before it is in a closed period */
	struct snapshots *snapshots;
	struct shard_route *routes;  /* [measure_count] */
	struct shard_tenant *tenants;
	uint32_t *tenant_class;      /* [tenant_count] twice more, as struct snapshot_view wants them */
	const char **tenant_currency;
	uint32_t tenant_count, tenant_cap;
	struct index tenant_index;   /* intern id -> tenant */
	struct pending_heap pending;
	struct fact_set old_facts, new_facts, deltas;
	struct rate_watch *watch;    /* whose facts a rate touches */
	struct shard_reached {       /* of a changed rate: everything that the change reaches, each once */
		uint32_t *items;     /* owned */
		size_t count, capacity;
	} reached;
	struct shard_eviction {      /* a walk over the store, begun anew whenever a floor has risen */
		uint32_t next;       /* place in the store; those before it are done */
		int64_t floor_ms;    /* the highest floor when the last walk began; INT64_MIN: never */
	} eviction;
	int64_t clock_ms;            /* INT64_MIN before the first */
	bool is_advancing;           /* some of it stands at clock_ms, some does not yet */
	uint64_t events, duplicates, late, bad, facts, delta_count, dropped_flow, ahead;

	/* checkpoint: what the last cut holds, and the last one that was confirmed */
	struct shard_cut {
		uint32_t strings, tenants, groups, cells;
	} written, saved;
	bool pending_dirty;

	/* restore */
	uint32_t *string_map;        /* saved id -> present id; owned */
	uint32_t string_map_count, string_map_cap;
	bool rates_agree;            /* the last cut was converted into the same currencies, by rates of the same age */
	bool must_rebuild;           /* saved under other definitions, words, or calendars that differ before the clock */
	bool has_restored;
	struct shard_before {        /* the calendars that it was saved under: shard_calendar.c; owned */
		struct calendar *calendars;
		struct zone *zones;
		uint32_t count;
		uint32_t *class_was; /* [class_count]: the saved class of a present one's tenants, or CLASS_NONE; NULL: none were read */
		uint32_t *tenant_class; /* [tenant_count]: the saved class of each restored tenant */
		uint32_t tenant_count, tenant_cap;
	} before;
};

#define CLASS_NONE UINT32_MAX

/* The tenant's number, made if it is new; UINT32_MAX: the strings' limit. */
uint32_t shard_tenant_get(struct shard *, struct slice tenant_id);
/* Books one delta: into the ledger, or pending. False: it was below the floor and was dropped. */
bool shard_book(struct shard *, const struct fact *);
/* The facts of every live entity, booked: for a rebuild and for the audit's other shard. */
void shard_book_all(struct shard *, const struct store *, struct fact_maker *);
/* The group of a fact in the measure's n-th grouping. GROUP_NONE: the limit. */
uint32_t shard_group_of(struct shard *, const struct fact *, uint8_t n);
/* The same, made by nobody: GROUP_NONE if it is not there. */
uint32_t shard_group_known(const struct shard *, const struct fact *, uint8_t n);
/* Whether the fact enters the measure's n-th grouping. */
bool shard_is_in_scope(const struct shard *, const struct fact *, uint8_t n);
/* What is read of a measure, as an explanation says it: before its name to people, and by a name of its own to programs. */
struct explain_read {
	const char *before, *name;
};
extern const struct explain_read explain_reads[INPUT_READS];
/* What the snapshots read. */
struct snapshot_view shard_view(const struct shard *);
/* Ledgers, groups and pending facts made anew, empty; the clock stays. */
void shard_reset_totals(struct shard *);

/* A bounded step of the walk that lets go of what is past (S26). The clock stands everywhere. */
void shard_evict(struct shard *);
/* Whether the event is of something that may have gone, and below the floor. */
bool shard_is_past(const struct shard *, uint32_t tenant, const struct event *);

/* The first clock at which a fact of this measure counts. */
int64_t shard_due_ms(const struct plan_measure *, int64_t at_ms);
void pending_push(struct pending_heap *, const struct pending_fact *);
/* Takes the earliest; count > 0. */
struct pending_fact pending_pop(struct pending_heap *);
/* Sorted by time and cell, merged, without zeros: still a heap. */
void pending_tidy(struct pending_heap *);

/* ---- money of other currencies: shard_rates.c */
/* What the store says is affected, and whose money a changed rate may convert otherwise. */
struct store_change shard_reach(struct shard *, uint32_t tenant, const struct store_change *);
/* Notes the conversions of all records anew: nothing else than the records knows them. */
void shard_watch_all(struct shard *);
/*
 * In doubt: a process before may have known other rates, as streams are read in another order each time, and so have said of foreign money
 * what nobody says now, in its own currency or in the company's. Adds facts of nothing to the deltas in both, which note where.
 */
void shard_add_twins(struct shard *, const struct store_change *);
void shard_rates_save(const struct shard *, struct buffer *out);
int shard_rates_restore(struct shard *, struct reader *);         /* 1: cannot be true */
void shard_rates_check(const struct shard *);

/* ---- a checkpoint's calendars beside the present ones: shard_calendar.c */
void shard_calendars_save(const struct shard *, struct buffer *out);
int shard_calendars_restore(struct shard *, struct reader *);     /* 1: cannot be true */
void shard_calendars_forget(struct shard *);
/* The clock has moved: must_rebuild where what was agreed before is not any more. */
void shard_calendars_compare(struct shard *);
/* A restored tenant's saved class. 1: cannot be true. */
int shard_tenant_was(struct shard *, uint32_t tenant, uint64_t class);
/* A saved class's ledger, into the present classes that its tenants are in. 1: cannot be true. */
int shard_ledger_restore(struct shard *, uint64_t class, struct reader *);
/* Whether every restored tenant's calendar was read. */
bool shard_calendars_are_whole(const struct shard *);
/* Whether later cuts cannot stand beside the restored ones: classes or calendars are others. */
bool shard_calendars_are_other(const struct shard *);
/* Classes that no restored tenant is in begin where the clock stands. */
void shard_begin_classes(struct shard *);
/* Books what the present calendars put elsewhere than the saved ones did. After the totals are restored. */
void shard_book_other(struct shard *);

#endif
