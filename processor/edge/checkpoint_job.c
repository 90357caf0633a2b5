#include "edge/checkpoint_job.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "edge/checkpoint_segment.h"

void checkpoint_job_init(struct checkpoint_job *job, enum checkpoint_job_kind kind, int32_t shard)
{
	memset(job, 0, sizeof(*job));
	job->kind = kind;
	job->shard = shard;
	buffer_init(&job->raw);
	manifest_init(&job->manifest);
}

void checkpoint_job_deinit(struct checkpoint_job *job)
{
	for (size_t i = 0; i < job->cut_count; i++)
		buffer_deinit(&job->cuts[i]);
	free(job->cuts);
	buffer_deinit(&job->raw);
	manifest_deinit(&job->manifest);
}

static void cuts_forget(struct checkpoint_job *job)
{
	for (size_t i = 0; i < job->cut_count; i++)
		buffer_deinit(&job->cuts[i]);
	free(job->cuts);
	job->cuts = NULL;
	job->cut_count = 0;
}

/* Reads the segments of job->manifest. STORAGE_OK; STORAGE_ABSENT when one is missing or damaged. */
static int read_cuts(struct checkpoint_job *job, struct storage *storage)
{
	struct buffer stored;
	int answer = STORAGE_OK;

	buffer_init(&stored);
	for (size_t i = 0; i < job->manifest.segment_count && answer == STORAGE_OK; i++) {
		const struct manifest_segment *segment = &job->manifest.segments[i];
		uint64_t fingerprint;

		while (job->cut_count <= segment->cut) {
			job->cuts = x_realloc(job->cuts, (job->cut_count + 1) * sizeof(*job->cuts));
			buffer_init(&job->cuts[job->cut_count++]);
		}
		buffer_reset(&stored);
		answer = storage->ops->read_segment(
			storage, job->shard, slice_of(segment->name), &stored);
		if (answer == STORAGE_OK &&
			(stored.len != segment->length ||
				checkpoint_segment_read(
					(struct slice){ (const char *)stored.data, stored.len },
					&fingerprint, &job->cuts[segment->cut]) != 0))
			answer = STORAGE_ABSENT;
	}
	buffer_deinit(&stored);
	return answer;
}

/* One kept manifest with all its segments. STORAGE_OK, STORAGE_ABSENT (none, or damaged), negative errno. */
static int read_checkpoint(
	struct checkpoint_job *job, struct storage *storage, uint32_t index, bool *ret_exists)
{
	struct buffer bytes;

	buffer_init(&bytes);
	int answer = storage->ops->read_manifest(storage, job->shard, index, &bytes);
	*ret_exists = answer == STORAGE_OK;
	if (answer == STORAGE_OK) {
		manifest_deinit(&job->manifest);
		manifest_init(&job->manifest);
		cuts_forget(job);
		if (manifest_read(&job->manifest,
			    (struct slice){ (const char *)bytes.data, bytes.len }) != 0)
			answer = STORAGE_ABSENT;
		else
			answer = read_cuts(job, storage);
	}
	buffer_deinit(&bytes);
	return answer;
}

/* S8: what the storage's clock says, beside what ours says. */
static int ask_time(struct checkpoint_job *job, struct storage *storage)
{
	if (job->wall == NULL)
		return STORAGE_OK;
	job->asked_ms = wall_monotone_ms(job->wall);
	int64_t before_ms = wall_now_ms(job->wall);
	int answer = storage->ops->server_time(storage, &job->storage_ms);
	int64_t after_ms = wall_now_ms(job->wall);

	if (answer != STORAGE_OK)
		return answer < 0 ? err_pass(answer) : answer;
	job->has_time = true;
	job->wall_ms = before_ms + (after_ms - before_ms) / 2;
	return STORAGE_OK;
}

static int read_current_id(struct checkpoint_job *job, struct storage *storage, uint64_t *ret_id)
{
	struct manifest current;
	struct buffer bytes;

	manifest_init(&current);
	buffer_init(&bytes);
	*ret_id = 0;
	int answer = storage->ops->read_manifest(storage, job->shard, 0, &bytes);
	if (answer == STORAGE_OK &&
		manifest_read(&current, (struct slice){ (const char *)bytes.data, bytes.len }) == 0)
		*ret_id = current.id;
	manifest_deinit(&current);
	buffer_deinit(&bytes);
	return answer < 0 ? err_pass(answer) : 0;
}

/*
 * The epoch alone does not tell: where the storage has lost everything, the late step of an old owner's own last checkpoint writes its
 * epoch there again. And epoch and manifest together do not tell of an owner whom a fail-over made forgotten: so a new epoch is taken,
 * above whatever that one can have had.
 */
static int run_confirm(struct checkpoint_job *job, struct storage *storage)
{
	uint64_t epoch = 0, id = 0;
	int answer = storage->ops->read_epoch(storage, job->shard, &epoch);

	if (answer >= 0)
		answer = read_current_id(job, storage, &id);
	job->is_kept = answer >= 0 && epoch == job->held_epoch && id == job->held_id;
	if (job->is_kept)
		answer = storage->ops->take_epoch(storage, job->shard, job->partition_count,
			&job->epoch, &job->stored_partition_count);
	return answer < 0 ? err_pass(answer) : STORAGE_OK;
}

/* The newest checkpoint that is whole, else the one before. */
static int read_newest(struct checkpoint_job *job, struct storage *storage)
{
	bool any = false;

	for (uint32_t index = 0; index < 2; index++) {
		bool exists;
		int answer = read_checkpoint(job, storage, index, &exists);

		if (answer < 0)
			return err_pass(answer);
		any |= exists;
		if (answer == STORAGE_OK) {
			job->found = true;
			job->fell_back = index > 0;
			return STORAGE_OK;
		}
	}
	if (any)
		return err_raise(-EBADMSG,
			"shard %d: every kept checkpoint is damaged; remove it and start with "
			"--rebuild",
			(int)job->shard);
	return STORAGE_OK;
}

static int run_restore(struct checkpoint_job *job, struct storage *storage)
{
	/* S17: the epoch is taken before state is read, so that whoever wrote it can't write any more. */
	uint64_t former;
	int answer = storage->ops->read_epoch(storage, job->shard, &former);

	if (answer < 0)
		return err_pass(answer);
	job->had_owner = answer == STORAGE_OK;
	answer = storage->ops->take_epoch(storage, job->shard, job->partition_count, &job->epoch,
		&job->stored_partition_count);
	if (answer != STORAGE_OK)
		return answer < 0 ? err_pass(answer) : answer;
	answer = ask_time(job, storage);
	return answer < 0 ? err_pass(answer) : err_pass(read_newest(job, storage));
}

int checkpoint_job_read(struct checkpoint_job *job, struct storage *storage)
{
	return err_pass(read_newest(job, storage));
}

static int run_write(struct checkpoint_job *job, struct storage *storage)
{
	struct buffer stored;
	uint32_t number = job->first_number;
	int answer = STORAGE_OK;

	buffer_init(&stored);
	for (size_t at = 0; answer == STORAGE_OK && at < job->raw.len; number++) {
		size_t length = job->raw.len - at < job->segment_bytes_max ? job->raw.len - at
									   : job->segment_bytes_max;
		struct slice raw = { (const char *)job->raw.data + at, length };
		char name[MANIFEST_SEGMENT_NAME_MAX];

		snprintf(name, sizeof(name), "%s%u", job->name_prefix, number);
		buffer_reset(&stored);
		checkpoint_segment_write(raw, job->fingerprint, job->compress, &stored);
		const struct storage_segment segment = { slice_of(name),
			{ (const char *)stored.data, stored.len } };
		answer = storage->ops->write_segment(storage, job->shard, &segment);
		manifest_add_segment(&job->manifest, name, stored.len, job->cut);
		job->bytes_written += stored.len;
		at += length;
	}
	buffer_deinit(&stored);
	/* What is written is written, whether or not the time is told. */
	if (answer == STORAGE_OK)
		(void)ask_time(job, storage);
	return answer < 0 ? err_pass(answer) : answer;
}

/* Names of the segments that the two kept manifests list; then everything older goes. */
static void sweep(struct checkpoint_job *job, struct storage *storage)
{
	struct manifest kept[2];
	struct slice *names = NULL;
	size_t count = 0, capacity = 0;
	bool all_known = true;
	uint64_t deleted;

	for (uint32_t i = 0; i < 2; i++) {
		struct buffer bytes;

		manifest_init(&kept[i]);
		buffer_init(&bytes);
		int answer = storage->ops->read_manifest(storage, job->shard, i, &bytes);
		if (answer < 0 ||
			(answer == STORAGE_OK &&
				manifest_read(&kept[i], (struct slice){ (const char *)bytes.data,
								bytes.len }) != 0))
			all_known = false;
		for (size_t s = 0; s < kept[i].segment_count; s++) {
			X_GROW(names, count, capacity);
			names[count++] = slice_of(kept[i].segments[s].name);
		}
		buffer_deinit(&bytes);
	}
	/* A sweep that fails leaves garbage, no harm: the next one finds it. */
	if (all_known && count > 0)
		(void)storage->ops->sweep(
			storage, job->shard, job->manifest.epoch, names, count, &deleted);
	free(names);
	manifest_deinit(&kept[0]);
	manifest_deinit(&kept[1]);
}

static int run_swap(struct checkpoint_job *job, struct storage *storage)
{
	struct manifest *manifest = &job->manifest;
	struct buffer bytes;

	/* A base stands on nothing before it: whatever is current may be replaced by the owner of the epoch. */
	if (job->whole) {
		int code = read_current_id(job, storage, &manifest->predecessor);
		if (code != 0)
			return err_pass(code);
	}
	struct slice *names = x_calloc(manifest->segment_count + 1, sizeof(*names));
	uint64_t *lengths = x_calloc(manifest->segment_count + 1, sizeof(*lengths));
	for (size_t i = 0; i < manifest->segment_count; i++) {
		names[i] = slice_of(manifest->segments[i].name);
		lengths[i] = manifest->segments[i].length;
	}
	buffer_init(&bytes);
	manifest_write(manifest, &bytes);
	int answer = storage->ops->swap_manifest(storage, job->shard, manifest->epoch,
		manifest->predecessor, manifest->id,
		(struct slice){ (const char *)bytes.data, bytes.len }, names, lengths,
		manifest->segment_count);
	buffer_deinit(&bytes);
	free(names);
	free(lengths);
	if (answer == STORAGE_OK && job->sweep)
		sweep(job, storage);
	return answer < 0 ? err_pass(answer) : answer;
}

void checkpoint_job_run(struct checkpoint_job *job, struct storage *storage)
{
	switch (job->kind) {
	case JOB_RESTORE:
		job->answer = run_restore(job, storage);
		break;
	case JOB_CONFIRM:
		job->answer = run_confirm(job, storage);
		break;
	case JOB_PROBE:
		job->answer = job->wall != NULL
				      ? ask_time(job, storage)
				      : storage->ops->server_time(storage, &job->storage_ms);
		break;
	case JOB_WRITE:
		job->answer = run_write(job, storage);
		break;
	case JOB_SWAP:
		job->answer = run_swap(job, storage);
		break;
	}
	if (job->answer < 0)
		snprintf(job->message, sizeof(job->message), "%s", err_message());
}
