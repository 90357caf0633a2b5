/*
 * sales_floor: a shard whose records are kept like a reader keeps them: the last one of each key. For the tests of
 * snapshots: a company in Jakarta that reports in rupiah, another one in Berlin that has set no currency.
 */
#ifndef TESTS_UNIT_SALES_FLOOR_H
#define TESTS_UNIT_SALES_FLOOR_H

#include "base/arena.h"
#include "base/index.h"
#include "core/shard.h"
#include "core/tenant.h"
#include "events.h"
#include "plans.h"

struct board_record {
	char *key;                   /* owned: "acme/revenue/today/rep/ana/IDR", of kpi.history with "@2026-03-01" behind it */
	struct snapshot record;      /* texts of the key are gone */
	char label[64];
	uint32_t sent;               /* how often */
	uint64_t content;            /* of what must not depend on the order of arrival */
};

struct sales_floor {
	const char *definitions;
	struct plan *plan;
	struct zone zones[2];
	struct calendar calendars[2];
	struct tenant_settings tenants[2];
	struct tenant_book book;
	struct shard_settings settings;
	struct shard *shard;
	struct arena arena;
	int64_t now_ms;              /* turn time */

	struct board_record *records; /* in the order in which their keys came */
	uint32_t count, capacity;
	struct index index;
	uint32_t sent, history;      /* records in all */
	int64_t revision;
	uint32_t refuse_after;       /* the sink is full after so many more; UINT32_MAX: never */
	struct buffer cuts[64];
	uint32_t cut_count;
};

void floor_init(struct sales_floor *, const char *definitions);
void floor_deinit(struct sales_floor *);

/* Applies the event; a refusal fails the test. */
void floor_apply(struct sales_floor *, const struct event *);
/* Tenant acme. A won deal; currency NULL: IDR. */
void floor_win(struct sales_floor *, const char *id, int64_t version, const char *won_at, const char *rep, const char *amount,
	const char *currency);
void floor_advance(struct sales_floor *, const char *clock);
/* Turns until nothing is left to say, each a minute and a second after the other. */
void floor_settle(struct sales_floor *);
/* One turn, passed_ms after the last; answers how many records came. */
uint32_t floor_turn(struct sales_floor *, int64_t passed_ms, uint32_t budget);
/* The clock, then all that is to be said. */
void floor_at(struct sales_floor *, const char *clock);
/* A checkpoint, a new process. */
void floor_restart(struct sales_floor *, bool whole);
/* The two halves of it: between them the process says what no checkpoint knows of, and dies. */
void floor_cut(struct sales_floor *, bool whole);
void floor_crash(struct sales_floor *);

/* NULL: no record of this key. */
const struct board_record *floor_find(const struct sales_floor *, const char *key);
/* Fails unless the key's last record has this value ("-": null) and state. */
void floor_expect(const struct sales_floor *, const char *key, const char *value, const char *state);
void floor_absent(const struct sales_floor *, const char *key);
/* Forgets what the reader knows. */
void floor_clear(struct sales_floor *);

#endif
