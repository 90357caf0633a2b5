/*
 * diff: what other numbers a definition file would give, before it is taken up. Every shard's last checkpoint is read beside the running
 * job, without its epoch, once under the definitions in use and once under the others; their values of the same moment are compared.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/index.h"
#include "base/xalloc.h"
#include "command.h"
#include "edge/checkpoint.h"
#include "edge/definition_file.h"
#include "edge/snapshot_text.h"
#include "edge/storage_redis.h"
#include "options.h"
#include "pipeline.h"

/* A value under the definitions in use. */
struct known {
	char *key, *text; /* owned */
	bool is_seen;	  /* the other definitions have it, too */
};

struct diff {
	const struct settings *settings;
	const struct plan *plan; /* of the walk under way */
	bool is_other;
	const char *metric; /* NULL: all */
	struct known *known;
	size_t known_count, known_capacity;
	struct index index; /* hash of key -> known */
	uint64_t shards, damaged, same, changed, fresh, gone, shown, most;
};

static void put_key(const struct snapshot *s, struct buffer *out)
{
	buffer_printf(out, SLICE_FMT "  " SLICE_FMT " " SLICE_FMT, SLICE_ARG(s->tenant_id),
		SLICE_ARG(s->metric), SLICE_ARG(s->window));
	if (s->group_by.len)
		buffer_printf(out, " " SLICE_FMT "=" SLICE_FMT, SLICE_ARG(s->group_by),
			SLICE_ARG(s->group_key));
	if (s->currency.len)
		buffer_printf(out, " " SLICE_FMT, SLICE_ARG(s->currency));
}

/* As it is shown, and so exactly as somebody would see it change. */
static void put_value(const struct snapshot *s, struct buffer *out)
{
	snapshot_put_value_text(s, out);
	if (strcmp(s->state, "OK") != 0)
		buffer_printf(out, " %s", s->state);
}

static bool is_known(const void *ctx, const void *wanted, uint32_t place)
{
	return strcmp(((const struct diff *)ctx)->known[place].key, wanted) == 0;
}

static void remember(struct diff *d, const char *key, const char *text)
{
	X_GROW(d->known, d->known_count, d->known_capacity);
	d->known[d->known_count] = (struct known){ x_strdup(key), x_strdup(text), false };
	index_insert(&d->index, hash_text(key, strlen(key), 0), (uint32_t)d->known_count);
	d->known_count++;
}

static void show(struct diff *d, const char *key, const char *before, const char *after)
{
	if (d->shown++ < d->most)
		printf("%s  %s -> %s\n", key, before, after);
}

static void compare(struct diff *d, const char *key, const char *text)
{
	uint32_t place;

	if (!index_find(&d->index, hash_text(key, strlen(key), 0), is_known, key, d, &place)) {
		d->fresh++;
		show(d, key, "(none)", text);
		return;
	}
	d->known[place].is_seen = true;
	if (strcmp(d->known[place].text, text) == 0) {
		d->same++;
		return;
	}
	d->changed++;
	show(d, key, d->known[place].text, text);
}

static bool on_value(void *ctx, enum snapshot_topic topic, const struct snapshot *s)
{
	struct buffer _cleanup_buffer_ key = { 0 }, text = { 0 };
	struct diff *d = ctx;

	if (topic != SNAPSHOT_LATEST || (d->metric && !slice_is(s->metric, d->metric)))
		return true;
	put_key(s, &key);
	put_value(s, &text);
	if (d->is_other)
		compare(d, buffer_text(&key), buffer_text(&text));
	else
		remember(d, buffer_text(&key), buffer_text(&text));
	return true;
}

static int on_shard(void *ctx, int32_t index, struct shard *shard, bool rebuilt)
{
	struct diff *d = ctx;

	(void)rebuilt;
	d->shards++;
	d->damaged += shard == NULL;
	if (shard)
		shard_collect(shard, 0, true, UINT32_MAX, on_value, d);
	else
		fprintf(stderr, "salespulse diff: shard %d: its checkpoint cannot be true\n",
			(int)index);
	return 0;
}

static int walk(struct diff *d, struct storage *storage, const struct plan *plan, bool is_other)
{
	struct pipeline_settings settings;

	pipeline_settings_from(d->settings, &settings);
	settings.shard.plan = plan;
	d->is_other = is_other;
	d->shards = 0;
	return checkpoint_walk(storage, &settings.shard, -1, on_shard, d);
}

static void show_gone(struct diff *d)
{
	for (size_t i = 0; i < d->known_count; i++) {
		if (d->known[i].is_seen)
			continue;
		d->gone++;
		show(d, d->known[i].key, d->known[i].text, "(none)");
	}
}

static int report(struct diff *d, int e)
{
	if (e) {
		fprintf(stderr, "salespulse diff: %s\n", err_message());
		return 1;
	}
	if (!d->shards) {
		fprintf(stderr,
			"salespulse diff: no checkpoint of the job «%s» is in Redis at %s\n",
			d->settings->job, d->settings->redis_address);
		return 1;
	}
	show_gone(d);
	if (d->shown > d->most)
		printf("… and %llu more\n", (unsigned long long)(d->shown - d->most));
	printf("diff: %llu changed, %llu new, %llu gone, %llu the same\n",
		(unsigned long long)d->changed, (unsigned long long)d->fresh,
		(unsigned long long)d->gone, (unsigned long long)d->same);
	return d->damaged || d->changed || d->fresh || d->gone;
}

static int read_plan(const char *file, struct plan **ret)
{
	struct buffer _cleanup_buffer_ explanation = { 0 };

	if (definition_file_plan(file, ret, &explanation) == 0)
		return 0;
	fputs(buffer_text(&explanation), stderr);
	return 2;
}

static int compare_all(struct diff *d, const char *other)
{
	struct plan *before = NULL, *after = NULL;
	struct storage *storage;
	int answer = read_plan(d->settings->definitions, &before);

	if (answer == 0)
		answer = read_plan(other, &after);
	if (answer == 0) {
		storage = storage_redis_open(d->settings);
		int e = walk(d, storage, before, false);

		answer = report(d, e ? e : walk(d, storage, after, true));
		storage->ops->free(storage);
	}
	plan_free(before);
	plan_free(after);
	return answer;
}

int cmd_diff(int argc, char **argv)
{
	struct settings *settings;
	struct diff d = { .most = 50 };
	int64_t most = 50;
	const struct option_row rows[] = {
		{ "metric", "NAME", "Only this one (all).", OPTION_TEXT, &d.metric, 0, 0 },
		{ "most", "N", "How many differences are listed (50).", OPTION_INT, &most, 0,
			INT32_MAX },
	};
	const struct options options = {
		.usage = "salespulse diff [OPTIONS] FILE",
		.summary =
			"What other numbers the definitions in FILE would give, by the job's last "
			"checkpoint. The running job is not disturbed;\n"
			"SIGHUP makes it take them up when its own file says so. Exit status 1: "
			"some differ, and are listed.",
		.rows = rows,
		.row_count = sizeof(rows) / sizeof(rows[0]),
		.arguments_max = 1,
		.settings = &settings,
	};
	int answer = options_parse(&options, &argc, argv);

	if (answer != OPTIONS_GO_ON)
		return answer == OPTIONS_HELP ? 0 : 2;
	if (argc != 2) {
		fprintf(stderr, "salespulse diff: which definition file?\n");
		settings_free(settings);
		return 2;
	}
	d.settings = settings;
	d.most = (uint64_t)most;
	index_init(&d.index);
	answer = compare_all(&d, argv[1]);
	for (size_t i = 0; i < d.known_count; i++) {
		free(d.known[i].key);
		free(d.known[i].text);
	}
	free(d.known);
	index_deinit(&d.index);
	settings_free(settings);
	return answer;
}
