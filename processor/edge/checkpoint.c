#include "edge/checkpoint.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "edge/checkpoint_job.h"
#include "edge/manifest.h"

enum {
	FOLD_BYTES_MIN = 1 << 20,
	SWEEP_EVERY = 8,
	MANIFESTS_PER_EPOCH = 1 << 20,
	KEPT_BYTES_MIN = 1 << 20,
	WAIT_LOG_FIRST_MS = 1000
};

struct checkpoint {
	struct checkpoint_writer *writer; /* borrowed */
	struct checkpoint_settings settings;
	struct checkpoint_status status;
	int32_t shard;
	struct manifest current; /* the last one that was swapped in, or restored */
	struct manifest next;	 /* the one under way */
	struct checkpoint_job job;
	bool has_job;
	bool next_is_whole; /* the coming cut must be a base */
	bool is_redefined;  /* … and no cut that is under way changes that */
	struct buffer
		kept; /* the last cut's memory, for the next one: fresh pages cost as much as what is written there */
	uint32_t segment_number, manifest_number, swap_count;
	uint64_t base_bytes, delta_bytes;
	uint64_t cut_sequence; /* sink sequence of the cut under way */
	int64_t last_cut_ms;
	bool has_cut;
};

struct checkpoint *checkpoint_new(struct checkpoint_writer *writer,
	const struct checkpoint_settings *settings, int32_t shard_index)
{
	struct checkpoint *checkpoint = x_calloc(1, sizeof(*checkpoint));

	checkpoint->writer = writer;
	checkpoint->settings = *settings;
	checkpoint->shard = shard_index;
	checkpoint->status.state = CHECKPOINT_RESTORING;
	checkpoint->next_is_whole = true;
	manifest_init(&checkpoint->current);
	manifest_init(&checkpoint->next);
	return checkpoint;
}

/* A base's is not kept for cuts that are a small part of it. */
static void keep_memory(struct checkpoint *checkpoint, struct buffer *raw)
{
	if (raw->cap > KEPT_BYTES_MIN && raw->len < raw->cap / 8)
		return;
	buffer_deinit(&checkpoint->kept);
	checkpoint->kept = *raw;
	buffer_reset(&checkpoint->kept);
	buffer_init(raw);
}

static void job_close(struct checkpoint *checkpoint)
{
	if (checkpoint->job.kind == JOB_WRITE)
		keep_memory(checkpoint, &checkpoint->job.raw);
	if (checkpoint->job.has_time) {
		checkpoint->status.storage_ms = checkpoint->job.storage_ms;
		checkpoint->status.wall_ms = checkpoint->job.wall_ms;
		checkpoint->status.asked_ms = checkpoint->job.asked_ms;
		checkpoint->status.time_count++;
	}
	checkpoint_job_deinit(&checkpoint->job);
	checkpoint->has_job = false;
}

void checkpoint_free(struct checkpoint *checkpoint)
{
	if (checkpoint == NULL)
		return;
	if (checkpoint->has_job) {
		checkpoint_writer_wait(checkpoint->writer, &checkpoint->job);
		job_close(checkpoint);
	}
	manifest_deinit(&checkpoint->current);
	manifest_deinit(&checkpoint->next);
	buffer_deinit(&checkpoint->kept);
	free(checkpoint);
}

static struct checkpoint_job *job_open(struct checkpoint *checkpoint, enum checkpoint_job_kind kind)
{
	assert(!checkpoint->has_job);
	checkpoint_job_init(&checkpoint->job, kind, checkpoint->shard);
	checkpoint->has_job = true;
	checkpoint->job.fingerprint = checkpoint->settings.fingerprint;
	checkpoint->job.wall = checkpoint->settings.wall;
	checkpoint->job.compress = checkpoint->settings.compress;
	checkpoint->job.segment_bytes_max = checkpoint->settings.segment_bytes_max;
	return &checkpoint->job;
}

/* S17: above every revision that this or an earlier owner can have given. */
static void raise_revision(struct checkpoint *checkpoint, struct shard *shard, int64_t last)
{
	int64_t from_epoch = (int64_t)(checkpoint->status.epoch << 30);

	snapshots_raise_revision(
		shard_snapshots(shard), last + 1 > from_epoch ? last + 1 : from_epoch);
}

static int restore_take(
	struct checkpoint *checkpoint, struct shard *shard, struct checkpoint_restored *ret)
{
	struct checkpoint_job *job = &checkpoint->job;
	int answer;

	for (size_t i = 0; i < job->cut_count; i++) {
		if (shard_restore(shard, job->cuts[i].data, job->cuts[i].len) != 0)
			return err_raise(-EBADMSG,
				"shard %d: the checkpoint's bytes are whole, but cannot be true; "
				"remove it and start with --rebuild",
				(int)checkpoint->shard);
	}
	answer = shard_restored(shard);
	ret->rebuilt = answer == 1;
	ret->calendars_changed = answer == 2;
	manifest_copy(&checkpoint->current, &job->manifest);
	for (size_t i = 0; i < checkpoint->current.segment_count; i++) {
		const struct manifest_segment *segment = &checkpoint->current.segments[i];
		*(segment->cut == 0 ? &checkpoint->base_bytes : &checkpoint->delta_bytes) +=
			segment->length;
	}
	checkpoint->status.manifest_id = checkpoint->current.id;
	/* After a fall-back the newest manifest is not the predecessor; after a rebuild nothing of it holds, nor under other calendars. */
	checkpoint->next_is_whole = job->fell_back || answer != 0;
	ret->positions = checkpoint->current.positions;
	ret->position_count = checkpoint->current.position_count;
	ret->extra = (struct slice){ (const char *)checkpoint->current.extra.data,
		checkpoint->current.extra.len };
	if (job->fell_back)
		log_warn("event=checkpoint_damaged shard=%d detail=\"the newest checkpoint is "
			 "damaged, the one before is used\"",
			(int)checkpoint->shard);
	return CHECKPOINT_RESTORED;
}

int checkpoint_restore(struct checkpoint *checkpoint, struct shard *shard, int32_t shard_count,
	struct checkpoint_restored *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!checkpoint->has_job) {
		struct checkpoint_job *job = job_open(checkpoint, JOB_RESTORE);
		job->partition_count = shard_count;
		checkpoint_writer_submit(checkpoint->writer, job);
	}
	if (!checkpoint_writer_is_done(checkpoint->writer, &checkpoint->job)) {
		checkpoint->status.storage_down =
			checkpoint_writer_is_waiting(checkpoint->writer, &checkpoint->job);
		return CHECKPOINT_PENDING;
	}

	struct checkpoint_job *job = &checkpoint->job;
	int answer;
	checkpoint->status.storage_down = job->answer == -EAGAIN;
	if (job->answer == -EAGAIN) {
		answer = CHECKPOINT_PENDING;
	} else if (job->answer < 0) {
		answer = err_raise(job->answer, "%s", job->message);
	} else if (job->stored_partition_count != shard_count) {
		answer = CHECKPOINT_MISMATCH;
		snprintf(ret->text, sizeof(ret->text),
			"there are %d shards now and %d in the checkpoints: the partition count of "
			"the "
			"input topics, or `sharding`, was changed; put it back, or start under "
			"another `job` name, which reads "
			"everything that is retained",
			(int)shard_count, (int)job->stored_partition_count);
	} else {
		checkpoint->status.epoch = job->epoch;
		checkpoint->status.state = CHECKPOINT_IDLE;
		answer = job->found ? restore_take(checkpoint, shard, ret) : CHECKPOINT_EMPTY;
		/* Whoever had it before may have said more than the checkpoint knows, and before its first one as well. */
		if (answer == CHECKPOINT_RESTORED || (answer == CHECKPOINT_EMPTY && job->had_owner))
			snapshots_doubt(shard_snapshots(shard));
		if (answer > 0)
			raise_revision(checkpoint, shard, job->manifest.revision);
	}
	job_close(checkpoint);
	return answer;
}

int checkpoint_confirm(struct checkpoint *checkpoint, struct shard *shard, int32_t shard_count)
{
	/* A probe or a write that failed may still be under way: its end is awaited by checkpoint_turn. */
	if (checkpoint->has_job && checkpoint->job.kind != JOB_CONFIRM)
		return CHECKPOINT_PENDING;
	if (!checkpoint->has_job) {
		struct checkpoint_job *job = job_open(checkpoint, JOB_CONFIRM);
		job->partition_count = shard_count;
		job->held_epoch = checkpoint->status.epoch;
		job->held_id = checkpoint->current.id;
		checkpoint_writer_submit(checkpoint->writer, job);
	}
	if (!checkpoint_writer_is_done(checkpoint->writer, &checkpoint->job)) {
		checkpoint->status.storage_down =
			checkpoint_writer_is_waiting(checkpoint->writer, &checkpoint->job);
		return CHECKPOINT_PENDING;
	}
	int answer = checkpoint->job.answer;

	checkpoint->status.storage_down = answer == -EAGAIN;
	if (answer == -EAGAIN)
		answer = CHECKPOINT_PENDING;
	else if (answer < 0)
		answer = err_raise(answer, "%s", checkpoint->job.message);
	else if (!checkpoint->job.is_kept)
		answer = CHECKPOINT_CHANGED;
	else {
		answer = CHECKPOINT_KEPT;
		checkpoint->status.epoch = checkpoint->job.epoch;
		raise_revision(checkpoint, shard, checkpoint->current.revision);
		/* S18: somebody whom nobody remembers may have published meanwhile. */
		shard_forget_published(shard);
		snapshots_doubt(shard_snapshots(shard));
	}
	job_close(checkpoint);
	return answer;
}

bool checkpoint_is_due(const struct checkpoint *checkpoint, int64_t monotone_ms, bool force)
{
	if (checkpoint->status.state != CHECKPOINT_IDLE || checkpoint->has_job)
		return false;
	return force || !checkpoint->has_cut ||
	       monotone_ms - checkpoint->last_cut_ms >= checkpoint->settings.interval_ms;
}

void checkpoint_ask_time(struct checkpoint *checkpoint, int64_t monotone_ms)
{
	if (!checkpoint_is_due(checkpoint, monotone_ms, false))
		return;
	checkpoint->last_cut_ms = monotone_ms;
	checkpoint->has_cut = true;
	checkpoint_writer_submit(checkpoint->writer, job_open(checkpoint, JOB_PROBE));
}

static void failed(struct checkpoint *checkpoint)
{
	checkpoint->status.failed_count++;
	checkpoint->status.state = CHECKPOINT_IDLE;
	/* What the lost cut held is marked as saved in the shard: only a whole base holds it again. */
	checkpoint->next_is_whole = true;
}

void checkpoint_begin(struct checkpoint *checkpoint, struct shard *shard,
	const struct checkpoint_cut *cut, int64_t monotone_ms)
{
	assert(checkpoint->status.state == CHECKPOINT_IDLE && !checkpoint->has_job);
	checkpoint->last_cut_ms = monotone_ms;
	checkpoint->has_cut = true;
	/* With the storage down a cheap question goes first: saving a whole base into the void would cost every interval. */
	if (checkpoint->status.storage_down) {
		checkpoint->status.skipped_count++;
		job_open(checkpoint, JOB_PROBE);
		return;
	}
	uint64_t fold_at =
		(uint64_t)((double)checkpoint->base_bytes * checkpoint->settings.fold_ratio);
	bool whole =
		checkpoint->next_is_whole || checkpoint->is_redefined ||
		checkpoint->delta_bytes > (fold_at > FOLD_BYTES_MIN ? fold_at : FOLD_BYTES_MIN);
	struct checkpoint_job *job = job_open(checkpoint, JOB_WRITE);

	checkpoint->is_redefined = false;
	job->raw = checkpoint->kept;
	buffer_init(&checkpoint->kept);
	shard_save(shard, whole, &job->raw);
	shard_saved(shard);
	if (!whole)
		manifest_copy(&job->manifest, &checkpoint->current);
	job->whole = whole;
	job->cut = whole || job->manifest.segment_count == 0
			   ? 0
			   : job->manifest.segments[job->manifest.segment_count - 1].cut + 1;
	job->first_number = checkpoint->segment_number;
	snprintf(job->name_prefix, sizeof(job->name_prefix), "%llu-%llx-",
		(unsigned long long)checkpoint->status.epoch,
		(unsigned long long)checkpoint->settings.writer_id);
	struct manifest *manifest = &job->manifest;
	manifest->id =
		checkpoint->status.epoch * MANIFESTS_PER_EPOCH + ++checkpoint->manifest_number;
	manifest->predecessor = checkpoint->current.id;
	manifest->epoch = checkpoint->status.epoch;
	manifest->revision = snapshots_revision(shard_snapshots(shard));
	manifest->fingerprint = checkpoint->settings.fingerprint;
	manifest->created_ms = monotone_ms;
	manifest_set_positions(manifest, cut->positions, cut->position_count);
	buffer_reset(&manifest->extra);
	buffer_put(&manifest->extra, cut->extra.at, cut->extra.len);
	checkpoint->cut_sequence = cut->sink_sequence;
	checkpoint->segment_number +=
		(uint32_t)(job->raw.len / checkpoint->settings.segment_bytes_max) + 1;
	checkpoint->status.state = CHECKPOINT_WRITING;
}

void checkpoint_submit(struct checkpoint *checkpoint)
{
	assert(checkpoint->has_job);
	checkpoint_writer_submit(checkpoint->writer, &checkpoint->job);
}

static void written(struct checkpoint *checkpoint)
{
	struct checkpoint_job *job = &checkpoint->job;

	checkpoint->status.storage_down = job->answer == -EAGAIN;
	if (job->answer != STORAGE_OK) {
		log_warn("event=checkpoint_failed shard=%d step=write detail=\"%s\"",
			(int)checkpoint->shard, job->message);
		job_close(checkpoint);
		failed(checkpoint);
		return;
	}
	uint64_t bytes = job->bytes_written;
	if (job->whole) {
		checkpoint->base_bytes = bytes;
		checkpoint->delta_bytes = 0;
	} else {
		checkpoint->delta_bytes += bytes;
	}
	checkpoint->status.bytes_written += bytes;
	checkpoint->next_is_whole = job->whole; /* until it is swapped in: the swap job must know */
	manifest_copy(&checkpoint->next, &job->manifest);
	job_close(checkpoint);
	checkpoint->status.state = CHECKPOINT_WRITTEN;
}

static void begin_swap(struct checkpoint *checkpoint)
{
	struct checkpoint_job *job = job_open(checkpoint, JOB_SWAP);

	manifest_copy(&job->manifest, &checkpoint->next);
	job->whole = checkpoint->next_is_whole;
	job->sweep = ++checkpoint->swap_count % SWEEP_EVERY == 1;
	checkpoint->status.state = CHECKPOINT_SWAPPING;
	checkpoint_writer_submit(checkpoint->writer, job);
}

/* Answers 1 when the manifest is in. */
static int swapped(struct checkpoint *checkpoint, int64_t monotone_ms)
{
	int answer = checkpoint->job.answer;
	char message[sizeof(checkpoint->job.message)];

	snprintf(message, sizeof(message), "%s", checkpoint->job.message);
	job_close(checkpoint);
	checkpoint->status.storage_down = answer == -EAGAIN;
	if (answer == STORAGE_FENCED) {
		checkpoint->status.state = CHECKPOINT_FENCED;
		log_warn("event=fenced shard=%d epoch=%llu detail=\"a newer owner has this shard\"",
			(int)checkpoint->shard, (unsigned long long)checkpoint->status.epoch);
		return 0;
	}
	if (answer != STORAGE_OK) {
		if (answer == STORAGE_REBASE)
			checkpoint->status.rebase_count++;
		log_warn("event=checkpoint_failed shard=%d step=swap detail=\"%s\"",
			(int)checkpoint->shard,
			answer == STORAGE_REBASE ? "the stored checkpoint is not the one it builds "
						   "on: a whole one follows"
						 : message);
		failed(checkpoint);
		return 0;
	}
	manifest_copy(&checkpoint->current, &checkpoint->next);
	checkpoint->next_is_whole = false;
	checkpoint->status.manifest_id = checkpoint->current.id;
	checkpoint->status.written_count++;
	checkpoint->status.last_success_monotone_ms = monotone_ms;
	checkpoint->status.state = CHECKPOINT_IDLE;
	return 1;
}

int checkpoint_turn(struct checkpoint *checkpoint, uint64_t sink_settled, int64_t monotone_ms,
	const struct source_position **ret_positions, size_t *ret_count)
{
	if (checkpoint->has_job && checkpoint->job.kind != JOB_RESTORE &&
		checkpoint->job.kind != JOB_CONFIRM) {
		if (!checkpoint_writer_is_done(checkpoint->writer, &checkpoint->job))
			return 0;
		if (checkpoint->job.kind == JOB_PROBE) {
			bool was_down = checkpoint->status.storage_down;

			checkpoint->status.storage_down = checkpoint->job.answer != STORAGE_OK;
			/* Reachable again: due at once. */
			checkpoint->has_cut = checkpoint->status.storage_down || !was_down;
			if (was_down && !checkpoint->status.storage_down)
				log_info("event=storage_back shard=%d", (int)checkpoint->shard);
			job_close(checkpoint);
		} else if (checkpoint->job.kind == JOB_WRITE) {
			written(checkpoint);
		}
	}
	if (checkpoint->status.state == CHECKPOINT_WRITTEN &&
		sink_settled >= checkpoint->cut_sequence)
		begin_swap(checkpoint);
	if (checkpoint->status.state == CHECKPOINT_SWAPPING &&
		checkpoint_writer_is_done(checkpoint->writer, &checkpoint->job) &&
		swapped(checkpoint, monotone_ms) == 1) {
		*ret_positions = checkpoint->current.positions;
		*ret_count = checkpoint->current.position_count;
		return 1;
	}
	return 0;
}

void checkpoint_redefine(struct checkpoint *checkpoint, uint64_t fingerprint)
{
	checkpoint->settings.fingerprint = fingerprint;
	checkpoint->is_redefined = true;
}

bool checkpoint_is_busy(const struct checkpoint *checkpoint)
{
	return checkpoint->has_job || checkpoint->status.state == CHECKPOINT_WRITTEN;
}

void checkpoint_metadata(const struct checkpoint *checkpoint, char *ret, size_t cap)
{
	snprintf(ret, cap, "epoch=%llu;checkpoint=%llu",
		(unsigned long long)checkpoint->status.epoch,
		(unsigned long long)checkpoint->current.id);
}

uint64_t checkpoint_epoch(const struct checkpoint *checkpoint)
{
	return checkpoint->status.epoch;
}

struct checkpoint_status checkpoint_status(const struct checkpoint *checkpoint)
{
	return checkpoint->status;
}

bool checkpoint_is_fenced(const struct checkpoint *checkpoint)
{
	return checkpoint->status.state == CHECKPOINT_FENCED;
}
