/*
 * clock: the time of one shard, from what its partitions have seen and what wall time says (S8, S9). Pure: wall time is an
 * argument.
 *
 * While something is behind, it is the least over the partitions that are not at their end; one that is assigned and has
 * shown nothing yet holds it. When all are at their end it follows wall time, if the newest event is within 10 minutes of it or
 * nothing came for 30 s. Before any event there is no clock. Invariant: it never falls; no event moves it past wall time.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

#define CLOCK_NONE INT64_MIN

struct clock_settings {
	bool follow_wall;            /* false: event time only (historic data, tests) */
	int64_t alignment_ms;        /* a partition further ahead than this waits: 10 min */
	int64_t max_skew_ms;         /* of wall against Redis, and of events ahead of wall: 5 min */
	int64_t near_wall_ms;        /* 10 min */
	int64_t idle_ms;             /* 30 s */
	int64_t unreadable_ms;       /* a partition that can't be read holds the clock this long: 60 s */
};

struct clock_partition {
	int64_t seen_ms;             /* greatest of min(occurred_at, wall); CLOCK_NONE: nothing seen */
	int64_t unreadable_since_ms; /* wall; CLOCK_NONE: it is readable */
	bool is_assigned, is_at_end;
	bool is_given_up;            /* unreadable for too long: it holds neither the clock nor the others */
};

struct clock {
	struct clock_settings settings;
	struct clock_partition *partitions; /* owned; dense, numbered by the caller */
	uint32_t partition_count;
	int64_t now_ms;              /* CLOCK_NONE before any event */
	int64_t newest_ms;           /* greatest seen of all */
	int64_t last_arrival_wall_ms; /* or of the first turn: what came before that is not known */
	uint64_t ahead_count;        /* events further ahead of wall than max_skew */
	bool is_partial;             /* an unreadable partition was given up */
	bool is_skewed;              /* wall and Redis disagree: held */
};

void clock_init(struct clock *, const struct clock_settings *, uint32_t partition_count);
void clock_deinit(struct clock *);
void clock_assign(struct clock *, uint32_t partition);
void clock_revoke(struct clock *, uint32_t partition);
/* An event was read. Also ends the state «at its end», and «unreadable». */
void clock_saw(struct clock *, uint32_t partition, int64_t occurred_at_ms, int64_t wall_ms);
void clock_at_end(struct clock *, uint32_t partition);
/* It can't be read at this moment: whether it is at its end is not known any more. Said again and again, the first time counts. */
void clock_unreadable(struct clock *, uint32_t partition, int64_t wall_ms);
/* What Redis's clock says now; beyond max_skew of wall the clock is held until it is told otherwise. */
void clock_compare(struct clock *, int64_t wall_ms, int64_t redis_ms);
/* Moves it; answers its time, CLOCK_NONE if it has none yet. */
int64_t clock_turn(struct clock *, int64_t wall_ms);
/* Whether this partition is so far ahead that it must wait (S27). */
bool clock_holds(const struct clock *, uint32_t partition);
/* Every assigned partition is at its end. */
bool clock_is_at_end(const struct clock *);
/* Within 60 s of the end, as far as can be known (S18). */
bool clock_is_caught_up(const struct clock *, int64_t wall_ms);

void clock_save(const struct clock *, struct buffer *out);
/* 0, or 1 when the bytes cannot be true. The assignment is not restored: it is new. */
int clock_restore(struct clock *, struct slice bytes);

#endif
