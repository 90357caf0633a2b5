/*
 * explain: one number, what it is made of, and the records behind it, from the job's last checkpoint. The running job is not
 * disturbed; as a checkpoint is some seconds old, so is the number, and it says as of when.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "command.h"
#include "core/shard_explain.h"
#include "edge/checkpoint.h"
#include "edge/definition_file.h"
#include "edge/storage_redis.h"
#include "options.h"
#include "pipeline.h"

struct explain {
	const struct settings *settings;
	const struct plan *plan;
	struct explain_question question;
	uint32_t items_max;
	char message[EXPLAIN_MESSAGE_MAX];
};

/* "team=jakarta": the grouping's next dimension and its value. False: it is none. */
static bool take_group(struct explain_question *q, const char *text, char *group_by, size_t cap)
{
	const char *equals = strchr(text, '=');
	size_t length = strlen(group_by);

	if (!equals || equals == text || q->value_count == PLAN_GROUP_DIMS_MAX)
		return false;
	snprintf(group_by + length, cap - length, "%s%.*s", length ? "," : "", (int)(equals - text),
		text);
	q->group_by = slice_of(group_by);
	q->values[q->value_count++] = slice_of(equals + 1);
	return true;
}

static bool has_tenant(const struct shard *shard, struct slice tenant)
{
	for (uint32_t i = 0; i < shard_tenant_count(shard); i++)
		if (slice_equal(shard_tenant(shard, i), tenant))
			return true;
	return false;
}

enum { ADDS_UP = 1, NO_SUCH_NUMBER, DOES_NOT_ADD_UP };

/* 0: go on. */
static int look(void *ctx, int32_t index, struct shard *shard, bool rebuilt)
{
	struct buffer _cleanup_buffer_ text = { 0 };
	struct explain *x = ctx;
	struct explanation explanation;
	char at[TIME_TEXT_MAX];
	int answer;

	(void)index;
	(void)rebuilt;
	if (!shard || !has_tenant(shard, x->question.tenant))
		return 0;
	if (shard_explain(shard, &x->question, &explanation, x->message))
		return NO_SUCH_NUMBER;
	explanation_print(shard, &x->question, &explanation, x->items_max, &text);
	answer = explanation_adds_up(&explanation) ? ADDS_UP : DOES_NOT_ADD_UP;
	explanation_deinit(&explanation);
	printf("%sAs of %s.\n", buffer_text(&text), time_format(shard_clock(shard), at));
	return answer;
}

static int search(struct explain *x)
{
	struct storage *storage = storage_redis_open(x->settings);
	struct pipeline_settings settings;
	int answer;

	pipeline_settings_from(x->settings, &settings);
	settings.shard.plan = x->plan;
	answer = checkpoint_walk(storage, &settings.shard, -1, look, x);
	storage->ops->free(storage);
	if (answer < 0)
		fprintf(stderr, "salespulse explain: %s\n", err_message());
	else if (answer == 0)
		fprintf(stderr,
			"salespulse explain: no checkpoint of the job «%s» in Redis at %s has the "
			"tenant «" SLICE_FMT "»\n",
			x->settings->job, x->settings->redis_address,
			SLICE_ARG(x->question.tenant));
	else if (answer == NO_SUCH_NUMBER)
		fprintf(stderr, "salespulse explain: %s\n", x->message);
	return answer == ADDS_UP ? 0 : answer == DOES_NOT_ADD_UP ? 2 : 1;
}

static int run(struct explain *x)
{
	struct buffer _cleanup_buffer_ explanation = { 0 };
	struct plan *plan;
	int code;

	if (definition_file_plan(x->settings->definitions, &plan, &explanation)) {
		fputs(buffer_text(&explanation), stderr);
		return 2;
	}
	x->plan = plan;
	code = search(x);
	plan_free(plan);
	return code;
}

int cmd_explain(int argc, char **argv)
{
	const char *tenant = "", *window = "", *currency = "";
	struct option_list groups = { 0 };
	struct settings *settings;
	char group_by[256] = "";
	int64_t most = 50;
	const struct option_row rows[] = {
		{ "tenant", "NAME", "The company.", OPTION_TEXT, &tenant, 0, 0 },
		{ "group", "DIM=VALUE",
			"Of one team, rep, source …: team=jakarta; may be repeated.", OPTION_LIST,
			&groups, 0, 0 },
		{ "window", "NAME", "today, 7d, month_to_date, now …", OPTION_TEXT, &window, 0, 0 },
		{ "currency", "CODE", "Of money in another currency than the company's own.",
			OPTION_TEXT, &currency, 0, 0 },
		{ "most", "N", "How many records are listed of each part (50).", OPTION_INT, &most,
			0, INT32_MAX },
	};
	const struct options options = {
		.usage = "salespulse explain --tenant NAME --window NAME [OPTIONS] METRIC",
		.summary = "Says why a number is what it is, from the job's last checkpoint: its "
			   "value and "
			   "formula, the totals in it,\n"
			   "and for each the records that it adds up to. Exit status 1: there is "
			   "no such "
			   "number. 2: wrong usage, or a\n"
			   "list that does not add up.",
		.rows = rows,
		.row_count = sizeof(rows) / sizeof(rows[0]),
		.arguments_max = 1,
		.settings = &settings,
	};
	struct explain x = { .plan = NULL };
	int code = options_parse(&options, &argc, argv);

	if (code != OPTIONS_GO_ON)
		return code == OPTIONS_HELP ? 0 : 2;
	x.settings = settings;
	x.items_max = (uint32_t)most;
	x.question.tenant = slice_of(tenant);
	x.question.window = slice_of(window);
	x.question.currency = slice_of(currency);
	x.question.metric = slice_of(argc > 1 ? argv[1] : "");
	code = argc > 1 && tenant[0] && window[0] ? 0 : 2;
	if (code)
		fprintf(stderr, "salespulse explain: METRIC, --tenant and --window are needed; "
				"--help says more\n");
	for (size_t i = 0; !code && i < groups.count; i++)
		if (!take_group(&x.question, groups.items[i], group_by, sizeof(group_by))) {
			fprintf(stderr, "salespulse explain: --group wants team=jakarta, not %s\n",
				groups.items[i]);
			code = 2;
		}
	if (!code)
		code = run(&x);
	free(groups.items);
	settings_free(settings);
	return code;
}
