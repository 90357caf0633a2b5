/*
 * checkpoint: one shard's state and its input offsets, kept in a storage and changed together (S17, S18, S21, S22, S24).
 * A state machine turned by the pipeline; storage is touched only by a writer (a thread in production, inline in tests).
 *
 *      IDLE --due--> cut: shard_save + positions --writer: segments--> WRITTEN --all produced before the cut is settled-->
 *      writer: swap --> IDLE (offsets committed to Kafka)
 *
 * shard_saved is called at the cut; a checkpoint that fails at any step makes the next one a whole base. A slow or absent storage
 * never blocks a turn: a checkpoint that is due while one is under way is skipped and counted; its age is exported.
 * FENCED: the shard is lost: it publishes and writes nothing any more.
 */
#ifndef EDGE_CHECKPOINT_H
#define EDGE_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "core/shard.h"
#include "edge/source.h"
#include "edge/storage.h"
#include "edge/wall.h"

struct checkpoint_writer;   /* executes storage calls: a thread, or inline */
struct checkpoint_writer *checkpoint_writer_thread(struct storage *);
struct checkpoint_writer *checkpoint_writer_inline(struct storage *);
void checkpoint_writer_free(struct checkpoint_writer *);
/* Of an inline one: what is handed to it waits until it is let go, as with a storage that is slow. */
void checkpoint_writer_hold(struct checkpoint_writer *, bool is_held);

struct checkpoint_settings {
	int64_t interval_ms;         /* 5000 */
	uint32_t segment_bytes_max;  /* 1 MiB; segments are at least 64 KiB when there is that much */
	double fold_ratio;           /* a new base when deltas outgrow base * this; 1.0 */
	bool compress;               /* lz4 */
	uint64_t writer_id;          /* random, in segment names */
	uint64_t fingerprint;        /* of the definitions (plan->fingerprint), written into every segment */
	struct wall *wall;           /* borrowed; compared with the storage's clock (S8); NULL: never */
};

enum checkpoint_state { CHECKPOINT_RESTORING, CHECKPOINT_IDLE, CHECKPOINT_WRITING, CHECKPOINT_WRITTEN, CHECKPOINT_SWAPPING, CHECKPOINT_FENCED };

struct checkpoint_status {
	enum checkpoint_state state;
	uint64_t epoch, manifest_id;
	int64_t last_success_monotone_ms;   /* 0: never */
	uint64_t written_count, skipped_count, failed_count, rebase_count, bytes_written;
	bool storage_down;
	uint64_t time_count;         /* how often the storage told its time; the last one: */
	int64_t storage_ms, wall_ms; /* … and what wall said at the same moment; UTC */
	int64_t asked_ms;            /* … and the monotone time of it */
};

struct checkpoint;

struct checkpoint *checkpoint_new(struct checkpoint_writer *, const struct checkpoint_settings *, int32_t shard_index);
void checkpoint_free(struct checkpoint *);

/* What a manifest holds beside segments: saved with the state, so that they change together. */
struct checkpoint_cut {
	const struct source_position *positions;
	size_t position_count;
	struct slice extra;          /* the clock's state (clock_save), opaque here */
	uint64_t sink_sequence;      /* last record produced before the cut (S21) */
};

enum checkpoint_restore_answer {
	CHECKPOINT_PENDING = 1,      /* not finished: turn again (storage slow or absent: retried for ever, said once) */
	CHECKPOINT_RESTORED = 2,     /* shard filled; positions and extra in the out parameters */
	CHECKPOINT_EMPTY = 3,        /* nothing stored: a first start, or a lost Redis: the caller compares with committed offsets */
	CHECKPOINT_MISMATCH = 4,     /* shard count differs from the stored one (S25); text says the remedy */
	CHECKPOINT_KEPT = 5,         /* of checkpoint_confirm: the epoch and the manifest are still ours */
	CHECKPOINT_CHANGED = 6,      /* of checkpoint_confirm: somebody else had the shard meanwhile */
};
struct checkpoint_restored {
	struct source_position *positions; /* borrowed from the checkpoint until its next cut */
	size_t position_count;
	struct slice extra;          /* borrowed likewise */
	bool rebuilt;                /* definitions changed: ledger rebuilt (S15) */
	bool calendars_changed;      /* from a date ahead on: all is kept (S12) */
	char text[256];
};
/*
 * Takes the epoch, then reads the newest usable manifest (a damaged one: the one before, said). shard_count: of the whole job, 1 in
 * `single` mode; fixed at the first start. Negative errno: fatal.
 */
int checkpoint_restore(struct checkpoint *, struct shard *, int32_t shard_count, struct checkpoint_restored *ret);
/* S24: after a restore, and a hand-over that came back: PENDING, KEPT (memory holds) or CHANGED (discard it). Negative errno: fatal. */
int checkpoint_confirm(struct checkpoint *, struct shard *, int32_t shard_count);

/* Instead of a cut: asks the storage for its time, once an interval (S8). Busy until it answered. */
void checkpoint_ask_time(struct checkpoint *, int64_t monotone_ms);
/* True when a cut should be made now (due and idle, or `force`). */
bool checkpoint_is_due(const struct checkpoint *, int64_t monotone_ms, bool force);
/*
 * Makes the cut, a copy of the shard's changes, and then hands it to the writer. The first touches nothing but this shard and its
 * checkpoint, so that cuts of several shards can be made at the same time; the second follows before anything else is asked.
 */
void checkpoint_begin(struct checkpoint *, struct shard *, const struct checkpoint_cut *, int64_t monotone_ms);
void checkpoint_submit(struct checkpoint *);
/*
 * Advances without blocking. `sink_settled`: sink_ops.settled. Answers 1 when a manifest was just swapped in: its positions
 * (borrowed until the next cut) are then to be committed to Kafka, metadata by checkpoint_metadata. 0 otherwise.
 */
int checkpoint_turn(struct checkpoint *, uint64_t sink_settled, int64_t monotone_ms, const struct source_position **ret_positions,
	size_t *ret_count);
/* From now on of a shard under other definitions: its next cut is whole, whatever becomes of the one under way. */
void checkpoint_redefine(struct checkpoint *, uint64_t fingerprint);
/* True while a cut is between its making and its swap, or a restore is under way. */
bool checkpoint_is_busy(const struct checkpoint *);
/* "epoch=…;checkpoint=…" for the group's offset metadata. */
void checkpoint_metadata(const struct checkpoint *, char *ret, size_t cap);
uint64_t checkpoint_epoch(const struct checkpoint *);
struct checkpoint_status checkpoint_status(const struct checkpoint *);
bool checkpoint_is_fenced(const struct checkpoint *);

/*
 * The last checkpoint of every shard in the storage (only >= 0: of this one), restored beside its owner, who keeps its epoch. `look` has
 * each for the time of its call; shard NULL: the bytes cannot be true; rebuilt: it was saved under other definitions. It answers 0
 * to go on. Answers what `look` said last, or negative errno.
 */
typedef int (*checkpoint_look_fn)(void *ctx, int32_t index, struct shard *, bool rebuilt);
int checkpoint_walk(struct storage *, const struct shard_settings *, int64_t only, checkpoint_look_fn look, void *ctx);

#endif
