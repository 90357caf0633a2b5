/*
 * pipeline: the one loop that knows all parts. A turn polls the source, decodes and applies what came, moves the clocks, publishes what
 * changed and saves. Source, storage (behind a checkpoint writer), sink and wall are seams: the same code runs in production,
 * tests and simulation. Nothing in here waits except the source's poll.
 *
 * Threads: the turn is the caller's. Inside it the work of different shards (decode and apply, advance, the copy for a checkpoint)
 * runs side by side on a pool; each shard is on one thread at a time, and all are back before the turn goes on (fork and
 * join), so that what is published and saved does not depend on how many threads there are. Seams are only used by the caller.
 *
 * Wall and monotone time must move together: a wall that jumps against the monotone clock by more than max_skew holds the shards'
 * clocks until the storage's own clock has confirmed it (S8).
 */
#ifndef PIPELINE_H
#define PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "core/model.h"
#include "edge/assignment.h"
#include "edge/codec.h"
#include "edge/counters.h"
#include "edge/explain_request.h"
#include "edge/question.h"
#include "edge/settings.h"
#include "edge/sink.h"
#include "edge/source.h"
#include "edge/wall.h"

struct pipeline_settings {
	struct shard_settings shard;         /* plan and tenants borrowed */
	struct clock_settings clock;
	struct checkpoint_settings checkpoint; /* wall is set by pipeline_new */
	enum codec_form wire_form;
	const enum entity_type *topic_types; /* by topic index: what a bare body is; borrowed */
	size_t message_bytes_max;
	struct codec_limits limits;          /* of a message; all 0: as many as the codec can read */
	int32_t partition_count;             /* of every input topic */
	bool is_single;                      /* one shard has all partitions; tenants may lie anywhere */
	bool rebuild;
	int64_t session_ms;                  /* S19 */
	int64_t schema_wait_ms;              /* then a partition without its schema makes the instance not ready */
	int64_t publish_budget;              /* records per shard and second */
	size_t messages_per_turn;
	size_t advance_per_turn;             /* ledger entries, per shard */
	uint32_t threads;                    /* that shards are worked on with, at most one per shard; 0 and 1: the caller's alone */
};

/* All borrowed; they must outlive the pipeline. */
struct pipeline_seams {
	struct source *source;
	struct checkpoint_writer *writer;
	struct sink *sink;
	struct wall *wall;
	struct schema_store *schemas;
};

/* What the operator's settings mean for a pipeline; plan, topic_types and partition_count are the caller's to set. */
void pipeline_settings_from(const struct settings *, struct pipeline_settings *ret);

struct pipeline;

struct pipeline *pipeline_new(const struct pipeline_settings *, const struct pipeline_seams *);
/* Discards all memory; nothing is saved (pipeline_end is for that). */
void pipeline_free(struct pipeline *);

/* One turn; the source's poll waits up to wait_ms when there is nothing to do. 0, or negative errno: nothing can go on; err_message says why. */
int pipeline_turn(struct pipeline *, int wait_ms);
/*
 * Other definitions, without stopping: at the end of a turn, as soon as no shard is being restored or handed over, every shard is made anew
 * under them from what it holds (S15), shards side by side; a turn is that much longer, and reads nothing meanwhile. Until pipeline_plan
 * answers it, the plan before is in use: both are borrowed. One at a time: not before the last one is in force.
 */
void pipeline_redefine(struct pipeline *, const struct plan *);
const struct plan *pipeline_plan(const struct pipeline *);
/* The end begins: every shard is saved for the last time in the turns that follow. */
void pipeline_end(struct pipeline *);
/* All is saved, or was given up, and everything sent is acknowledged. */
bool pipeline_is_ended(const struct pipeline *);

/* Counters, and the text of /readyz: «ready» or «not ready: why», then a line per part. Answers whether it is ready. */
bool pipeline_status(const struct pipeline *, struct counters *ret_counters, struct buffer *ret_text);
/*
 * What `explain` wants to know, from the memory of the shard that the tenant is in; only between two turns. The answer, or why there is none,
 * is appended to `out`: text, or JSON if it was asked for. It changes nothing that is ever published, saved or counted. It holds the turns up for
 * as long as it takes to look at the tenant's records once. False: not at this moment, as the clock is on its way: ask again after the next
 * turn; *ret_outcome is QUESTION_LATE.
 */
bool pipeline_explain(struct pipeline *, const struct explain_request *, enum question_outcome *ret_outcome, struct buffer *out);
const struct assignment *pipeline_assignment(const struct pipeline *);

#endif
