/*
 * audit: the trial balance. Every shard's last checkpoint is read beside the running job, without its epoch; all totals are made
 * anew from the entities in it and compared with those of the ledger.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "command.h"
#include "edge/checkpoint_job.h"
#include "edge/definition_file.h"
#include "edge/storage_redis.h"
#include "options.h"
#include "pipeline.h"

enum { READS_MAX = 3 };

struct audit {
	const struct settings *settings;
	const struct plan *plan;
	struct storage *storage;
	uint64_t shards, damaged, differences, shown, most;
};

static void show(void *ctx, const char *line)
{
	struct audit *a = ctx;

	if (a->shown++ < a->most)
		printf("  %s\n", line);
}

static struct shard *new_shard(const struct audit *a)
{
	struct pipeline_settings settings;

	pipeline_settings_from(a->settings, &settings);
	settings.shard.plan = a->plan;
	return shard_new(&settings.shard);
}

/* The shard as its checkpoint has it; NULL: its bytes cannot be true. */
static struct shard *restore(
	const struct audit *a, const struct checkpoint_job *job, bool *ret_rebuilt)
{
	struct shard *shard = new_shard(a);

	for (size_t i = 0; i < job->cut_count; i++)
		if (shard_restore(shard, job->cuts[i].data, job->cuts[i].len)) {
			shard_free(shard);
			return NULL;
		}
	*ret_rebuilt = shard_restored(shard) == 1;
	return shard;
}

static void audit_books(struct audit *a, int32_t index, struct shard *shard, bool rebuilt)
{
	struct shard_counters counters;
	uint64_t differences = shard_audit(shard, show, a);

	counters = shard_counters(shard);
	a->differences += differences;
	printf("shard %d: %llu entities, %llu cells, %llu ledger entries: %s", (int)index,
		(unsigned long long)counters.entities, (unsigned long long)counters.cells,
		(unsigned long long)counters.ledger_entries, differences ? "" : "equal");
	if (differences)
		printf("%llu cells differ", (unsigned long long)differences);
	printf("%s\n", rebuilt ? " (under other definitions than it was saved with: its totals "
				 "were made anew)"
			       : "");
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

/* 0, or negative errno. */
static int audit_shard(struct audit *a, int32_t index)
{
	struct checkpoint_job job;
	struct shard *shard;
	bool rebuilt = false;
	int e;

	e = read_checkpoint(&job, a->storage, index);
	if (!e && job.found) {
		a->shards++;
		shard = restore(a, &job, &rebuilt);
		if (shard)
			audit_books(a, index, shard, rebuilt);
		else
			printf("shard %d: its checkpoint cannot be true\n", (int)index);
		a->damaged += shard == NULL;
		shard_free(shard);
	}
	checkpoint_job_deinit(&job);
	return e;
}

static int audit_all(struct audit *a, int64_t only)
{
	int32_t index;
	int e = 0;

	if (only >= 0)
		return audit_shard(a, (int32_t)only);
	for (uint32_t n = 0; !e; n++) {
		int answer = a->storage->ops->list(a->storage, n, &index);

		if (answer == STORAGE_ABSENT)
			return 0;
		e = answer < 0 ? answer : audit_shard(a, index);
	}
	return e;
}

static int report(const struct audit *a, int64_t only, int e)
{
	if (e) {
		fprintf(stderr, "salespulse audit: %s\n", err_message());
		return 1;
	}
	if (!a->shards) {
		fprintf(stderr, "salespulse audit: no checkpoint of ");
		if (only >= 0)
			fprintf(stderr, "shard %lld of ", (long long)only);
		fprintf(stderr, "the job «%s» is in Redis at %s\n", a->settings->job,
			a->settings->redis_address);
		return 1;
	}
	printf("audit: %llu %s, %llu %s\n", (unsigned long long)a->shards,
		a->shards == 1 ? "shard" : "shards", (unsigned long long)a->differences,
		a->differences == 1 ? "difference" : "differences");
	return a->differences || a->damaged;
}

int cmd_audit(int argc, char **argv)
{
	int64_t shard = -1, most = 50;
	struct settings *settings;
	const struct option_row rows[] = {
		{ "shard", "N", "Only this one (all).", OPTION_INT, &shard, 0, INT32_MAX },
		{ "most", "N", "How many differences are listed (50).", OPTION_INT, &most, 0,
			INT32_MAX },
	};
	const struct options options = {
		.usage = "salespulse audit [OPTIONS]",
		.summary = "Recomputes every total of the last checkpoint from the entities in it, "
			   "and compares. The running job is not disturbed.\n"
			   "Exit status 1: some differ, and are listed.",
		.rows = rows,
		.row_count = sizeof(rows) / sizeof(rows[0]),
		.settings = &settings,
	};
	int answer = options_parse(&options, &argc, argv);
	struct buffer _cleanup_buffer_ explanation = { 0 };
	struct plan *plan;

	if (answer != OPTIONS_GO_ON)
		return answer == OPTIONS_HELP ? 0 : 2;
	if (definition_file_plan(settings->definitions, &plan, &explanation)) {
		fputs(buffer_text(&explanation), stderr);
		settings_free(settings);
		return 2;
	}
	struct audit a = { .settings = settings,
		.plan = plan,
		.most = (uint64_t)most,
		.storage = storage_redis_new(
			&(struct storage_redis_settings){ .address = settings->redis_address,
				.user = settings->redis_user,
				.password = settings->redis_password,
				.job = settings->job,
				.timeout_ms = settings->redis_timeout_ms }) };

	answer = report(&a, shard, audit_all(&a, shard));
	a.storage->ops->free(a.storage);
	plan_free(plan);
	settings_free(settings);
	return answer;
}
