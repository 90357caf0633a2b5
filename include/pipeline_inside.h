/*
 * pipeline_inside: what the files pipeline*.c share. Private to them.
 *
 * A shard's part of a turn is its lane. In a step that runs on workers (pipeline_lane.c) a worker has one shard with its lane, and
 * whatever it uses up is its own; of all that is shared it only reads what no such step writes. What a shard wants of the
 * others (letters to be sent, to be stopped) waits in its lane until all have come back.
 */
#ifndef PIPELINE_INSIDE_H
#define PIPELINE_INSIDE_H

#include "base/arena.h"
#include "base/pool.h"
#include "pipeline.h"

/* A message of this turn's batch, and where it belongs. */
struct pipeline_arrival {
	const struct message *message; /* borrowed from the batch */
	struct assignment_input *input;
};

struct pipeline_letter {
	enum publisher_letter kind;
	const struct message *message; /* borrowed from the batch or the backlog */
	char reason[EVENT_REASON_MAX];
};

struct pipeline_lane {
	struct pipeline_arrival *arrivals; /* in their order; owned */
	size_t arrival_count, arrival_capacity;
	struct pipeline_letter *letters; /* to be sent, in this order; owned */
	size_t letter_count, letter_capacity;
	bool is_to_stop;             /* nothing more is applied */
	char stop_text[ASSIGNMENT_TEXT_MAX];
	bool is_cut_due;
	/* What only the pipeline knows; counted on when the shard comes back. */
	uint64_t messages, message_bytes, events, duplicates, late, dead_letters, unknown_schemas;
};

/* What one thread uses up. */
struct pipeline_worker {
	struct codec *codec;         /* owned: it learns schemas as they come */
	struct arena arena;          /* of the event under the hand */
};

struct pipeline {
	struct pipeline_settings settings;
	struct pipeline_seams seams;
	struct assignment *assignment;
	struct publisher *publisher;
	struct pool *pool;
	struct pipeline_worker *workers; /* [pool_size(pool)]; owned */
	struct pipeline_lane *lanes; /* by shard; owned */
	int64_t wall_ms, monotone_ms; /* of this turn */
	int64_t started_ms;          /* monotone */
	int64_t wall_offset_ms;      /* wall minus monotone, at the start or the last suspicion */
	int64_t confirm_ms;          /* monotone: when to ask again whether we are the owner */
	int64_t broker_down_ms, storage_down_ms; /* monotone: since when; NEVER: it is up */
	const struct plan *next_plan; /* to be taken up; NULL: none */
	bool is_unconfirmed;         /* S19: nothing goes out */
	bool is_ending;
	bool has_turned;
	char broker_text[192];
};

#define PIPELINE_NEVER INT64_MIN

/* ---- steps of one shard, on any worker (pipeline_lane.c) ------------------------------------------------- */

/* Applies the lane's messages. */
void pipeline_lane_take(const struct pipeline *, struct pipeline_worker *, uint32_t shard);
/* One message that waited in a backlog. 0: dealt with; 1: its schema is still unknown, nothing was changed. */
int pipeline_lane_decode(const struct pipeline *, struct pipeline_worker *, struct assignment_shard *, struct assignment_input *,
	const struct message *);
/* The backlog's first message still has to wait: when it is looked at again, and what its partition does to the clock meanwhile. */
void pipeline_lane_defer(const struct pipeline *, struct assignment_shard *, struct assignment_input *);
/* Moves the clock, and the shard after it, with bounded work. */
void pipeline_lane_advance(const struct pipeline *, uint32_t shard);
void pipeline_lane_deinit(struct pipeline_lane *);

#endif
