/*
 * simulator: a sales floor that does not exist, down to its mistakes: companies with teams, reps, sources and products, whose leads
 * come in at working hours, are called, qualified, become opportunities, go through stages, are won or lost; and which are then
 * corrected, merged, deleted, brought back, sent twice and sent late. Beside them the reference streams: targets, spend, rates,
 * messages, visits, shifts, tickets.
 *
 * Invariant: a pure function of its settings: the same settings give the same events, byte for byte, on every machine. Events come
 * in the order in which a processor would receive them: ingested_at never falls, occurred_at <= ingested_at, the source_versions of
 * an entity count up from 1 without gaps (but may arrive out of order). Every event passes event_validate. Memory follows what is
 * open at one time, never how much was made.
 */
#ifndef EDGE_SIMULATOR_H
#define EDGE_SIMULATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "core/event.h"
#include "core/tenant.h"

enum simulator_limit {
	SIMULATOR_TENANTS_MAX = 1000,
	SIMULATOR_REPS_MAX = 1000,    /* per tenant */
};

struct simulator_settings {
	uint64_t seed;
	int64_t from_ms, to_ms;       /* nothing occurs at to_ms or later; what occurred before may arrive after it */
	uint32_t tenants;             /* 1 … SIMULATOR_TENANTS_MAX */
	uint32_t reps;                /* of each tenant, managers included; 2 … SIMULATOR_REPS_MAX */
	double leads_per_rep_day;     /* on a working day; a lead makes about ten events */
	double late;                  /* share of events that come minutes to days late */
	double duplicates;            /* share of events that come twice */
	double corrections;           /* share of leads, opportunities and wins that somebody corrects later */
	double foreign;               /* share of opportunities, with their deals, in dollars; rates are corrected at times then, too */
	uint32_t open_max;            /* leads and opportunities alive at once; more are not begun, and counted. 0: 2,000,000 */
	const struct tenant_book *book; /* borrowed: zones */
};

struct simulator_counts {
	uint64_t events, leads, won, corrected, late, duplicates;
	uint64_t planned, shifts;     /* events that come however many leads there are: targets, spend, rates; agents' shifts */
	uint64_t not_begun;           /* leads that were not begun because of open_max */
};

struct simulator;

struct simulator *simulator_new(const struct simulator_settings *);
void simulator_free(struct simulator *);

/* False: the end. *ret is borrowed from the arena (which has no limit) and from the simulator. */
bool simulator_next(struct simulator *, struct arena *, struct event *ret);
struct simulator_counts simulator_counts(const struct simulator *);
/* The id of a tenant, 0 <= number < tenants. Borrowed. */
const char *simulator_tenant_id(const struct simulator *, uint32_t number);

/* Whether offices are open at this time, in the first tenant's zone. */
bool simulator_is_open(const struct simulator *, int64_t at_ms);
/* The leads_per_rep_day with which these settings make about `events` events, by a trial on a small part. */
double simulator_density_for(const struct simulator_settings *, uint64_t events);

#endif
