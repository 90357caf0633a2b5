/*
 * fact: what an entity's current slots say, as additive facts (S5, S6, S13): «revenue +125 at won_at for rep 42».
 * A pure function of the store; the difference of the facts before and after an event is all that flows on.
 *
 * S16: money of another currency than the company's is converted as it becomes a fact, at the rate that is known for the day of the fact: the
 * latest valid_from <= its time (of all of a deal, its refund too, won_at; a day of a spend; of a stock its beginning, an open
 * opportunity's created_at), of the direct pair alone. Half-even, once: what a list divides (a deal's credit, its items) is first converted
 * whole and then divided by largest remainder, the earlier row first, so that the parts add up to the whole to the last digit. A stock's
 * facts and percentiles are converted each by itself. Where no rate is known, or only one that is too old, the fact stays in
 * its own currency, is counted, and is published apart as FX_MISSING: it is in no total of the company's currency.
 */
#ifndef CORE_FACT_H
#define CORE_FACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/decimal.h"
#include "core/calendar.h"
#include "core/plan.h"
#include "core/rate_watch.h"
#include "core/store.h"

#define FACT_AT_EVER INT64_MIN       /* a stock with a null `at`: it goes to the opening balance */

struct fact {
	int64_t at_ms;               /* event time that it is booked at, or FACT_AT_EVER */
	int64_t amount;              /* count: 1 (-1 where a stock ends); sum: 1/10,000; percentile and distinct: 1 or -1 */
	uint64_t sub;                /* percentile: histogram bin (histogram.h); distinct: the value; else 0 */
	uint32_t tenant;
	uint16_t measure;
	uint32_t currency;           /* intern id for money, else 0 */
	uint32_t scope;              /* intern id: it enters the grouping of this scope_id alone; 0: all */
	int64_t count;               /* how many facts: +1, or -1 at a stock's end and in a difference's old side */
	uint32_t dims[PLAN_MEASURE_DIMS_MAX]; /* intern ids, "(none)" for null; in the order of the measure's dims */
};

struct fact_set {
	struct fact *items;          /* owned */
	size_t count, capacity;
};
void fact_set_init(struct fact_set *);
void fact_set_deinit(struct fact_set *);
void fact_set_reset(struct fact_set *);

/* Why facts were not made, since start. */
struct fact_counters {
	uint64_t null_value, overflow, currency_mismatch, negative_duration, split_overflow;
	uint64_t fx_missing;         /* not lost: made in their own currency */
};

/* Appends the facts of one entity (none if it is not live). `calendars` by the entity's tenant's class. */
struct fact_maker;
struct fact_maker *fact_maker_new(const struct plan *, const struct store *, struct intern *strings);
void fact_maker_free(struct fact_maker *);
/* The calendar of a tenant, given once by the shard when the tenant is first seen. Borrowed. */
void fact_maker_tenant(struct fact_maker *, uint32_t tenant, const struct calendar *);
/* Its reporting currency (intern id; 0, as before this: nothing is converted), and how old a rate may be (0: however old). */
void fact_maker_currency(struct fact_maker *, uint32_t tenant, uint32_t currency, int64_t rate_max_age_ms);
uint32_t fact_maker_currency_of(const struct fact_maker *, uint32_t tenant);
/* Each conversion is noted there, on the old side of a change taken away; NULL, as at first: nowhere. Borrowed. */
void fact_maker_watch(struct fact_maker *, struct rate_watch *);
/* Facts that are only looked at: what is lost of them was counted when they were made for good. Not while something is watched. */
void fact_maker_be_quiet(struct fact_maker *, bool);
/*
 * At which time's rate a record's money is converted: all of a deal's at that of its win, so that what is refunded later takes away what was
 * counted; else at the fact's own time.
 */
int64_t fact_maker_rate_time(const struct fact_maker *, const struct entity *, int64_t at_ms);
/* The rate of this time, for the currency of the company. False: none, or it is too old. */
bool fact_maker_rate(const struct fact_maker *, uint32_t tenant, uint32_t currency, int64_t at_ms, struct store_rate *ret);
/* Whether facts of this record can be converted at all: its money, or what its measures reach through references, is foreign. */
bool fact_maker_is_foreign(const struct fact_maker *, uint32_t entity);
void fact_maker_entity(struct fact_maker *, uint32_t entity, struct fact_set *out);
struct fact_counters fact_maker_counters(const struct fact_maker *);

/*
 * new minus old as a multiset: appends to `out` what was added (count > 0) and what was taken back (amount and count
 * negated). Equal facts cancel. Facts of the same key are merged.
 */
void fact_difference(struct fact_set *old_facts, struct fact_set *new_facts, struct fact_set *out);

#endif
