/*
 * checkpoint_job: the storage calls of one step of a checkpoint (restore, confirm, probe, write segments, swap), as one job that a
 * writer executes from begin to end: a thread in production, the caller itself in tests. Inputs and results are in the job;
 * while it is under way only the writer touches it.
 */
#ifndef EDGE_CHECKPOINT_JOB_H
#define EDGE_CHECKPOINT_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "edge/manifest.h"
#include "edge/storage.h"
#include "edge/wall.h"

enum checkpoint_job_kind { JOB_RESTORE, JOB_CONFIRM, JOB_PROBE, JOB_WRITE, JOB_SWAP };

struct checkpoint_job {
	enum checkpoint_job_kind kind;
	int32_t shard, partition_count;
	uint64_t fingerprint;
	struct wall *wall;           /* borrowed; the storage's clock is compared with it (S8); NULL: it is not asked */
	bool compress, sweep;
	uint32_t segment_bytes_max;
	char name_prefix[40];        /* "<epoch>-<writer id>-" */
	uint32_t first_number;       /* of the segments' names */

	struct buffer raw;           /* JOB_WRITE: the cut */
	uint32_t cut;                /* JOB_WRITE: its number in the manifest */
	bool whole;                  /* JOB_WRITE: this cut is a base; JOB_SWAP: take whatever is current as predecessor */
	uint64_t held_epoch, held_id; /* JOB_CONFIRM: our epoch, and our last manifest; 0 none */
	struct manifest manifest;    /* JOB_WRITE adds its segments; JOB_SWAP writes it; JOB_RESTORE fills it */

	/* results */
	int answer;                  /* storage answer, or negative errno */
	char message[192];           /* behind a negative answer */
	uint64_t epoch;              /* JOB_RESTORE: taken; JOB_CONFIRM: taken anew if it is kept */
	bool is_kept;                /* JOB_CONFIRM: what is stored is what is held */
	int32_t stored_partition_count;
	bool had_owner;              /* JOB_RESTORE: an epoch had been given before */
	bool found, fell_back;       /* JOB_RESTORE: a manifest was used; not the newest one */
	struct buffer *cuts;         /* JOB_RESTORE: raw bytes of each cut, owned */
	size_t cut_count;
	uint64_t bytes_written;
	bool has_time;               /* the storage told its time: */
	int64_t storage_ms, wall_ms; /* … and what wall said at the same moment; UTC */
	int64_t asked_ms;            /* … monotone */

	/* the writer's */
	bool is_done, is_cancelled;
	bool is_waiting;             /* the storage can't be reached; it is tried again */
	struct checkpoint_job *next;
};

void checkpoint_job_init(struct checkpoint_job *, enum checkpoint_job_kind, int32_t shard);
void checkpoint_job_deinit(struct checkpoint_job *);
/* Executes it now, on this thread. */
void checkpoint_job_run(struct checkpoint_job *, struct storage *);
/* Reads as JOB_RESTORE does, without taking the epoch: the owner is not disturbed. 0 (look at `found`), or negative errno. */
int checkpoint_job_read(struct checkpoint_job *, struct storage *);

struct checkpoint_writer;
/* Hands it to the writer; it must stay where it is until it is done. */
void checkpoint_writer_submit(struct checkpoint_writer *, struct checkpoint_job *);
/* Whether it is done; the results may be read then. */
bool checkpoint_writer_is_done(struct checkpoint_writer *, struct checkpoint_job *);
/* Whether it waits for a storage that can't be reached. */
bool checkpoint_writer_is_waiting(struct checkpoint_writer *, struct checkpoint_job *);
/* Asks it to give up its retries, and waits until it is done (only to end a life). */
void checkpoint_writer_wait(struct checkpoint_writer *, struct checkpoint_job *);

#endif
