/*
 * explain: one number, what it is made of, and the records behind it. From the job's last checkpoint: the running job is not disturbed, and the
 * number is as old as the checkpoint, some seconds. With --http from the memory of the processor that runs. Both say as of when.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "command.h"
#include "edge/checkpoint.h"
#include "edge/definition_file.h"
#include "edge/explain_request.h"
#include "edge/http_client.h"
#include "edge/storage_redis.h"
#include "options.h"
#include "pipeline.h"

enum {
	REPLY_BYTES_MAX = 64 << 20,
	REPLY_TIMEOUT_MS = 30000,
	STATUS_OK = 200,
	STATUS_ELSEWHERE = 421,
};

struct explain {
	const struct settings *settings;
	const struct plan *plan;
	struct explain_request *request;
	char message[EXPLAIN_MESSAGE_MAX];
};

/* ---- from the last checkpoint --------------------------------------------------------------------------- */

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
	int answer;

	(void)index;
	(void)rebuilt;
	if (!shard || !has_tenant(shard, x->request->question.tenant))
		return 0;
	answer = explain_request_answer(x->request, shard, &text, x->message);
	if (answer == 1)
		return NO_SUCH_NUMBER;
	printf("%s", buffer_text(&text));
	return answer == 0 ? ADDS_UP : DOES_NOT_ADD_UP;
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
			SLICE_ARG(x->request->question.tenant));
	else if (answer == NO_SUCH_NUMBER)
		fprintf(stderr, "salespulse explain: %s\n", x->message);
	return answer == ADDS_UP ? 0 : answer == DOES_NOT_ADD_UP ? 2 : 1;
}

static int from_checkpoint(struct explain *x)
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

/* ---- from those that run -------------------------------------------------------------------------------- */

/* Whether what this one says is the last word; *ret_code is the exit status. */
static bool ask_one(const char *address, const char *path, int *ret_code)
{
	struct http_reply reply;

	if (http_get(address, path, REPLY_TIMEOUT_MS, REPLY_BYTES_MAX, &reply) != 0) {
		fprintf(stderr, "salespulse explain: %s\n", err_message());
		*ret_code = 1;
		return false;
	}
	*ret_code = reply.status != STATUS_OK ? 1 : reply.adds_up ? 0 : 2;
	if (reply.status == STATUS_OK)
		fputs(buffer_text(&reply.body), stdout);
	else
		fprintf(stderr, "salespulse explain: %s: %s", address, buffer_text(&reply.body));
	bool is_last = reply.status != STATUS_ELSEWHERE;

	http_reply_deinit(&reply);
	return is_last;
}

/* In turn: the one that has the tenant's shard knows. */
static int from_live(const struct explain_request *request, const struct option_list *addresses)
{
	struct buffer _cleanup_buffer_ path = { 0 }, query = { 0 };
	int code = 1;

	explain_request_print(request, &query);
	buffer_printf(&path, "/v1/explain?%s", buffer_text(&query));
	for (size_t i = 0; i < addresses->count; i++)
		if (ask_one(addresses->items[i], buffer_text(&path), &code))
			break;
	return code;
}

/* ---- the command ---------------------------------------------------------------------------------------- */

struct flags {
	const char *tenant, *window, *currency, *format, *metric;
	struct option_list groups, addresses;
	int64_t most;
};

static int refuse(const char *message)
{
	fprintf(stderr, "salespulse explain: %s\n", message);
	return 2;
}

/* 0, or 2 when it was refused and said. */
static int take(const struct flags *flags, struct explain_request *request)
{
	const char *const pairs[][2] = { { "metric", flags->metric }, { "tenant", flags->tenant },
		{ "window", flags->window }, { "currency", flags->currency },
		{ "format", flags->format } };
	char message[EXPLAIN_MESSAGE_MAX];

	if (!flags->metric[0] || !flags->tenant[0] || !flags->window[0])
		return refuse("METRIC, --tenant and --window are needed; --help says more");
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (explain_request_set(
			    request, slice_of(pairs[i][0]), slice_of(pairs[i][1]), message))
			return refuse(message);
	for (size_t i = 0; i < flags->groups.count; i++)
		if (explain_request_set(
			    request, SLICE_LIT("group"), slice_of(flags->groups.items[i]), message))
			return refuse(message);
	request->most = (uint32_t)flags->most;
	return 0;
}

static int explain(const struct flags *flags, const struct settings *settings)
{
	struct explain x = { .settings = settings, .request = explain_request_new() };
	int code = take(flags, x.request);

	if (code == 0)
		code = flags->addresses.count > 0 ? from_live(x.request, &flags->addresses)
						  : from_checkpoint(&x);
	explain_request_free(x.request);
	return code;
}

int cmd_explain(int argc, char **argv)
{
	struct flags flags = { .tenant = "",
		.window = "",
		.currency = "",
		.format = "text",
		.metric = "",
		.most = EXPLAIN_MOST_USUAL };
	struct settings *settings;
	const struct option_row rows[] = {
		{ "tenant", "NAME", "The company.", OPTION_TEXT, &flags.tenant, 0, 0 },
		{ "group", "DIM=VALUE",
			"Of one team, rep, source …: team=jakarta; may be repeated.", OPTION_LIST,
			&flags.groups, 0, 0 },
		{ "window", "NAME", "today, 7d, month_to_date, now …", OPTION_TEXT, &flags.window,
			0, 0 },
		{ "currency", "CODE", "Of money in another currency than the company's own.",
			OPTION_TEXT, &flags.currency, 0, 0 },
		{ "most", "N", "How many records are listed of each part (50).", OPTION_INT,
			&flags.most, 0, INT32_MAX },
		{ "format", "text|json", "As people read it, or one JSON object (text).",
			OPTION_CHOICE, &flags.format, 0, 0 },
		{ "http", "ADDRESS",
			"Ask the processor that runs and has this http.address, instead of the "
			"last checkpoint: the number as it is now. May be repeated, with those of "
			"all instances: the one that has the company answers.",
			OPTION_LIST, &flags.addresses, 0, 0 },
	};
	const struct options options = {
		.usage = "salespulse explain --tenant NAME --window NAME [OPTIONS] METRIC",
		.summary = "Says why a number is what it is, from the job's last checkpoint or, "
			   "with --http, from the processor that runs:\n"
			   "its value and formula, the totals in it, and for each the records that "
			   "it adds up to. Exit status 1: there is\n"
			   "no such number, or nobody to ask. 2: wrong usage, or a list that does "
			   "not add up.",
		.rows = rows,
		.row_count = sizeof(rows) / sizeof(rows[0]),
		.arguments_max = 1,
		.settings = &settings,
	};
	int code = options_parse(&options, &argc, argv);

	if (code != OPTIONS_GO_ON)
		return code == OPTIONS_HELP ? 0 : 2;
	flags.metric = argc > 1 ? argv[1] : "";
	code = explain(&flags, settings);
	free(flags.groups.items);
	free(flags.addresses.items);
	settings_free(settings);
	return code;
}
