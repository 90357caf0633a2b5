/* Looking at checkpoints beside their owners: for audit and explain. */
#include <errno.h>

#include "edge/checkpoint.h"
#include "edge/checkpoint_job.h"

enum { READS_MAX = 3 };

/* The shard as its checkpoint has it; NULL: its bytes cannot be true. */
static struct shard *restore(
	const struct shard_settings *settings, const struct checkpoint_job *job, bool *ret_rebuilt)
{
	struct shard *shard = shard_new(settings);

	for (size_t i = 0; i < job->cut_count; i++)
		if (shard_restore(shard, job->cuts[i].data, job->cuts[i].len)) {
			shard_free(shard);
			return NULL;
		}
	*ret_rebuilt = shard_restored(shard) == 1;
	return shard;
}

/* The running job sweeps older checkpoints away: what went while it was read is read anew. */
static int read_checkpoint(struct checkpoint_job *job, struct storage *storage, int32_t index)
{
	int e = -EBADMSG;

	checkpoint_job_init(job, JOB_RESTORE, index);
	for (int i = 0; i < READS_MAX && e == -EBADMSG; i++) {
		checkpoint_job_deinit(job);
		checkpoint_job_init(job, JOB_RESTORE, index);
		e = checkpoint_job_read(job, storage);
	}
	return e;
}

static int look_at(struct storage *storage, const struct shard_settings *settings, int32_t index,
	checkpoint_look_fn look, void *ctx)
{
	struct checkpoint_job job;
	struct shard *shard;
	bool rebuilt = false;
	int answer = read_checkpoint(&job, storage, index);

	if (!answer && job.found) {
		shard = restore(settings, &job, &rebuilt);
		answer = look(ctx, index, shard, rebuilt);
		shard_free(shard);
	}
	checkpoint_job_deinit(&job);
	return answer;
}

int checkpoint_walk(struct storage *storage, const struct shard_settings *settings, int64_t only,
	checkpoint_look_fn look, void *ctx)
{
	int32_t index;
	int answer = 0;

	if (only >= 0)
		return look_at(storage, settings, (int32_t)only, look, ctx);
	for (uint32_t n = 0; !answer; n++) {
		answer = storage->ops->list(storage, n, &index);
		if (answer == STORAGE_ABSENT)
			return 0;
		if (answer >= 0)
			answer = look_at(storage, settings, index, look, ctx);
	}
	return answer;
}
