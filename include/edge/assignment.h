/*
 * assignment: which shards are ours, and the life of each (S18, S19, S24, S25). The lifecycle is one table in assignment.c: what the
 * source tells (assigned, revoked, lost) and what becomes of the shard's own work (restored, caught up, saved, fenced) are events;
 * a pair that the table does not have is counted and changes nothing.
 *
 *      NONE -> RESTORING -> STARTING -> CATCHING_UP -> SERVING -> REVOKING -> PARKED -> CONFIRMING -> STARTING (memory kept) or RESTORING
 *
 * Invariants: a shard has memory (shard, checkpoint) exactly from RESTORING on and until it is discarded; only CATCHING_UP and SERVING
 * take messages and move their clock; only SERVING publishes to kpi.latest; a revoked shard is released after its last
 * checkpoint or after revoke_ms, whichever comes first.
 */
#ifndef EDGE_ASSIGNMENT_H
#define EDGE_ASSIGNMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/clock.h"
#include "core/shard.h"
#include "edge/backlog.h"
#include "edge/checkpoint.h"
#include "edge/counters.h"
#include "edge/publisher.h"
#include "edge/resume.h"
#include "edge/source.h"

enum assignment_state {
	ASSIGNMENT_NONE,             /* not ours, no memory */
	ASSIGNMENT_RESTORING,        /* the epoch is taken, the checkpoint read */
	ASSIGNMENT_STARTING,         /* positions are chosen; waits for the broker at a first start */
	ASSIGNMENT_CATCHING_UP,
	ASSIGNMENT_SERVING,
	ASSIGNMENT_REVOKING,         /* the last checkpoint is under way */
	ASSIGNMENT_PARKED,           /* released; memory kept for a while, in case it comes back */
	ASSIGNMENT_CONFIRMING,       /* ours again: was it somebody else's meanwhile? */
	ASSIGNMENT_FENCED,           /* a newer epoch exists; taken anew after a while if the group still says it is ours */
	ASSIGNMENT_STOPPED,          /* refused: a limit, an offset that is gone, a tenant in the wrong partition */
	ASSIGNMENT_STATE_COUNT,
};

enum { ASSIGNMENT_TEXT_MAX = 320 };

/* One input partition of a shard. */
struct assignment_input {
	struct source_position position; /* the next offset to apply */
	struct backlog backlog;      /* waits for a schema */
	bool is_held;                /* told to the source */
	bool is_at_end;              /* the source said so, and no message came since */
	bool was_at_end;             /* once since the start, with no backlog */
};

struct assignment_shard {
	int32_t index;
	enum assignment_state state;
	int64_t since_ms, made_ms;   /* monotone: in this state; with this memory */
	struct shard *shard;         /* owned */
	struct checkpoint *checkpoint; /* owned */
	struct clock clock;          /* a partition per input */
	struct assignment_input *inputs; /* [input_count], topic-major; owned */
	uint32_t input_count;
	uint32_t tenants_checked;    /* of shard_tenant_count */
	int64_t advance_to_ms;       /* the clock that shard_advance has not reached yet; CLOCK_NONE: none */
	bool is_leaving;             /* the source waits for source_released */
	bool is_first_start;         /* nothing is stored: positions are to be chosen */
	bool has_last_cut;           /* REVOKING: the last cut was made */
	bool was_partial;            /* the clock's, when it was published last */
	int64_t retry_ms;            /* monotone: when to ask the broker again */
	uint64_t time_count;         /* of the checkpoint's status that the clock was compared with */
	uint64_t saved_count;        /* REVOKING: checkpoints written before it */
	char text[ASSIGNMENT_TEXT_MAX]; /* why it stopped, or what it waits for; "" */
};

struct assignment_settings {
	struct source *source;               /* borrowed */
	struct checkpoint_writer *writer;    /* borrowed */
	struct publisher *publisher;         /* borrowed */
	struct shard_settings shard;
	struct clock_settings clock;
	struct checkpoint_settings checkpoint;
	int32_t partition_count;             /* of every topic */
	bool is_single;                      /* shard 0 has all partitions */
	bool rebuild;                        /* nothing stored beside committed offsets: read what is retained */
	int64_t revoke_ms;                   /* bound of the last checkpoint */
	int64_t park_ms;                     /* how long memory is kept after a release */
	int64_t fenced_ms;                   /* pause before a fenced shard is taken anew */
};

struct assignment;

struct assignment *assignment_new(const struct assignment_settings *);
void assignment_free(struct assignment *);

uint32_t assignment_count(const struct assignment *);
struct assignment_shard *assignment_at(const struct assignment *, uint32_t index);
/* The shard that a partition belongs to, and its input; NULL: not one of ours to take messages for. */
struct assignment_shard *assignment_of(const struct assignment *, uint16_t topic, int32_t partition,
	struct assignment_input **ret_input);
/* Its number within the shard: the clock's partition. */
uint32_t assignment_place(const struct assignment_shard *, const struct assignment_input *);
bool assignment_is_running(const struct assignment_shard *);
const char *assignment_state_name(enum assignment_state);

/* What the source says of a shard or of one of its partitions. */
void assignment_take(struct assignment *, const struct source_event *, int64_t wall_ms, int64_t monotone_ms);
/* All that this input has was read. */
void assignment_at_end(struct assignment_shard *, struct assignment_input *);
/* Every input was read to its end since the start, and the clock is not held for a wall that may be wrong: whatever a former owner knew is known. */
bool assignment_has_read_all(const struct assignment_shard *);
/* S19: whether the group still counts us as the owner is not known: no shard is taken up meanwhile. */
void assignment_set_doubt(struct assignment *, bool is_in_doubt);
/* Restores, starts, confirms, finishes revocations: what can be done without waiting. 0, or negative errno: the start is refused
 * (err_message has the choice). */
int assignment_turn(struct assignment *, int64_t wall_ms, int64_t monotone_ms);
/*
 * The checkpoint of a running shard: on with it; offsets are committed when one is complete (S21). True: a new one is due: then
 * assignment_cut, which touches nothing but this shard, so that those of several may run at the same time; then assignment_submit.
 */
bool assignment_save(struct assignment *, struct assignment_shard *, int64_t wall_ms, int64_t monotone_ms);
void assignment_cut(const struct assignment *, struct assignment_shard *);
void assignment_submit(struct assignment_shard *);
/*
 * Other definitions. Possible while no shard is being restored, confirmed, or saved for the last time. assignment_redefine makes one shard's
 * memory anew and touches nothing else, so that those of several may run at the same time; when all have been, assignment_redefined: memory
 * that was kept for a released shard goes, and later ones are made under the new plan. The plan is borrowed.
 */
bool assignment_can_redefine(const struct assignment *);
void assignment_redefine(struct assignment_shard *, const struct plan *);
void assignment_redefined(struct assignment *, const struct plan *, int64_t monotone_ms);
/* How far wall must be from the storage's clock, as it was told last, with wall minus monotone now. 0: it was not told. */
int64_t assignment_skew(const struct assignment *, int64_t wall_offset_ms);
/* S8: wall has jumped: every clock is held until the storage's clock was compared with it. */
void assignment_suspect_wall(struct assignment *, int64_t monotone_ms);
/* A limit, or data that must not be taken: the shard stops, is not ready, and says why. */
void assignment_stop(struct assignment *, struct assignment_shard *, int64_t monotone_ms, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
/* Tells the source which partitions to hold: those ahead of the others (S27), and those with a backlog. */
void assignment_hold(struct assignment *, struct assignment_shard *);
/* The program ends: every shard is saved for the last time. */
void assignment_end(struct assignment *, int64_t monotone_ms);
bool assignment_is_ended(const struct assignment *);
/* Fills the members that shards and checkpoints know, those of shards that are gone included. */
void assignment_counters(const struct assignment *, int64_t wall_ms, int64_t monotone_ms, struct counters *);

#endif
