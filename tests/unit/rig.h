/*
 * rig: a whole processor without a network: an input log, a storage, a wall that stands still until it is moved, and up to two
 * instances («nodes»), each a pipeline over a consumer and a sink of its own. A crash is taking a node's pipeline away; its
 * sink stays, as what was published does.
 *
 * Topics: 0 crm.opportunity, 1 crm.deal. The tenant "acme" lies in the partition that murmur2 gives it.
 */
#ifndef TESTS_UNIT_RIG_H
#define TESTS_UNIT_RIG_H

#include "core/zone.h"
#include "edge/schema_store.h"
#include "edge/sink_memory.h"
#include "edge/source_memory.h"
#include "edge/storage_memory.h"
#include "pipeline.h"

enum { RIG_NODES = 2, RIG_OPPORTUNITY = 0, RIG_DEAL = 1, RIG_RATE = 2 };

struct rig_node {
	struct source *source;
	struct checkpoint_writer *writer;
	struct sink *sink;
	struct pipeline *pipeline;   /* NULL: crashed, or never started */
};

struct rig {
	struct plan *plan;
	struct zone zone;
	struct calendar calendar;
	struct tenant_book book;
	struct schema_store *schemas;
	struct memory_log *log;
	int32_t partition_count;
	int64_t storage_seconds;
	struct storage *storage;
	struct wall wall;
	struct arena arena;
	struct pipeline_settings settings; /* to be changed before rig_start */
	bool has_threads;            /* checkpoints by a writer thread; then wall must be the real one (rig_real_time) */
	struct rig_node nodes[RIG_NODES];
};

/* Wall begins at 2026-03-02T03:00:00Z: Monday, 10:00 in Jakarta. Checkpoints every 5 s, publishing every 250 ms. */
void rig_init(struct rig *, int32_t partition_count);
void rig_deinit(struct rig *);

/* A new pipeline; the log's consumer owns nothing until rig_assign. */
void rig_start(struct rig *, int node);
/* Gone without a word. */
void rig_crash(struct rig *, int node);
void rig_assign(struct rig *, int node, int32_t shard);
/* start, assign shard 0, and turn until it serves. */
void rig_serve(struct rig *, int node);

/* Wall, monotone and the storage's clock move on together. */
void rig_pass(struct rig *, int64_t ms);
/* Threads and real time: for what only happens between them. Before rig_start; rig_pass waits instead then. */
void rig_real_time(struct rig *);
/* One turn; answers pipeline_turn's code. */
int rig_turn(struct rig *, int node);
/* `seconds` times: a turn in each quarter of a second; every turn must answer 0. */
void rig_run(struct rig *, int node, int seconds);
struct assignment_shard *rig_shard(struct rig *, int node, int32_t shard);
enum assignment_state rig_state(struct rig *, int node);

/* Appends an event to its topic, in its tenant's partition. */
void rig_append(struct rig *, const struct event *);
/* A deal of rep ana, won now for `amount` IDR, its id and version. */
void rig_won(struct rig *, const char *id, int64_t version, const char *amount);

/* The last record of the company's key on kpi.latest, over all sinks by revision. 0: there is none. */
struct rig_value {
	int count;                   /* records of this key */
	int64_t revision, window_start_ms, as_of_ms, published_at_ms;
	double value;
	bool has_value;
	char state[24];
};
struct rig_value rig_latest(struct rig *, const char *metric, const char *window);
/* Fails unless that record's value is this. */
void rig_expect(struct rig *, const char *metric, const char *window, double expected);
/* Records of a topic in a node's sink. */
size_t rig_count(struct rig *, int node, enum sink_topic);
/* Asserts that the revisions of every key rise, in the order in which a sink took them. */
void rig_check_revisions(struct rig *);

#endif
