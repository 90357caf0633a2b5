/*
 * publisher: what goes out, at which pace, and what must not be lost (S18-S21).
 *
 * Snapshots: encoded and handed to the sink while the shard's budget of this second lasts; what does not fit stays dirty in the shard. A
 * failed delivery makes its key dirty again. Letters (dead and late events): the original bytes whole, with the reason in
 * headers; those that a full sink refuses wait here, and while any waits no more messages should be taken. Nothing at all is
 * sent while the publisher is closed: ownership is in doubt (S19).
 *
 * Heartbeat (S20): one record per tenant and second on kpi.latest, metric `heartbeat`, window `now`, unit SECONDS, value = how far
 * the shard's clock is behind wall time, state OK; so that a board can tell «no change» from «no feed».
 */
#ifndef EDGE_PUBLISHER_H
#define EDGE_PUBLISHER_H

#include <stdbool.h>
#include <stdint.h>

#include "core/shard.h"
#include "edge/message.h"
#include "edge/sink.h"

struct publisher_settings {
	int32_t shard_count;
	int64_t budget_per_s;        /* records of one shard */
	int64_t heartbeat_ms;        /* 1000 */
	const char *const *topics;   /* input topics' names, for the letters' headers; borrowed */
};

struct publisher_counters {
	uint64_t records, letters, failures, sink_full, truncated;
};

/* When, and how much of it. */
struct publisher_moment {
	int64_t wall_ms, monotone_ms;
	int64_t clock_ms;            /* the shard's clock */
	uint64_t epoch;
	bool is_serving;             /* caught up: kpi.latest and the heartbeat too, not only closed periods (S18) */
	bool has_read_all;           /* since the start: nothing that a former owner said is in doubt any more (S18) */
	bool is_partial;             /* an input was given up: what is OK is PARTIAL (S8) */
};

enum publisher_letter { PUBLISHER_DEAD, PUBLISHER_LATE };

struct publisher;

/* The sink is borrowed. */
struct publisher *publisher_new(const struct publisher_settings *, struct sink *);
void publisher_free(struct publisher *);

/* Closed: nothing is sent until it is opened. It is open at first. */
void publisher_set_open(struct publisher *, bool open);
/* Serves delivery reports and sends the letters that wait. `shard_of` answers a shard's memory, NULL if it has none. 0, or negative errno. */
int publisher_turn(struct publisher *, struct shard *(*shard_of)(void *ctx, int32_t index), void *ctx);
/* Emits what is worth publishing, within the budget. 0, or negative errno. */
int publisher_snapshots(struct publisher *, int32_t shard_index, struct shard *, const struct publisher_moment *);
/* An event that can't be taken, or whose facts lie beyond the horizon. Copied if it has to wait. 0, or negative errno. */
int publisher_letter(struct publisher *, enum publisher_letter, int32_t shard_index, const struct message *, const char *reason,
	int64_t wall_ms);
/* Letters wait for the sink: take no messages. */
bool publisher_is_blocked(const struct publisher *);
/* The sequence number of the last record of a cut made now (S21); only while nothing waits. */
uint64_t publisher_sequence(const struct publisher *);
uint64_t publisher_settled(const struct publisher *);
/* Waits until all is settled. 0, or 1: some is not. */
int publisher_flush(struct publisher *, int timeout_ms);
struct publisher_counters publisher_counters(const struct publisher *);

#endif
