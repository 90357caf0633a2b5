/*
 * audit: the trial balance. Every shard's last checkpoint is read beside the running job, without its epoch; all totals are made
 * anew from the entities in it and compared with those of the ledger.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "command.h"
#include "edge/checkpoint.h"
#include "edge/definition_file.h"
#include "edge/storage_redis.h"
#include "options.h"
#include "pipeline.h"

struct audit {
	const struct settings *settings;
	const struct plan *plan;
	uint64_t shards, damaged, differences, shown, most;
};

static void show(void *ctx, const char *line)
{
	struct audit *a = ctx;

	if (a->shown++ < a->most)
		printf("  %s\n", line);
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

static int audit_shard(void *ctx, int32_t index, struct shard *shard, bool rebuilt)
{
	struct audit *a = ctx;

	a->shards++;
	a->damaged += shard == NULL;
	if (shard)
		audit_books(a, index, shard, rebuilt);
	else
		printf("shard %d: its checkpoint cannot be true\n", (int)index);
	return 0;
}

static int audit_all(struct audit *a, struct storage *storage, int64_t only)
{
	struct pipeline_settings settings;

	pipeline_settings_from(a->settings, &settings);
	settings.shard.plan = a->plan;
	return checkpoint_walk(storage, &settings.shard, only, audit_shard, a);
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
	struct audit a = { .settings = settings, .plan = plan, .most = (uint64_t)most };
	struct storage *storage = storage_redis_open(settings);

	answer = report(&a, shard, audit_all(&a, storage, shard));
	storage->ops->free(storage);
	plan_free(plan);
	settings_free(settings);
	return answer;
}
