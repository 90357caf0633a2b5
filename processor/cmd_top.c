/* salespulse top: the live board in a terminal. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "command.h"
#include "edge/definition_file.h"
#include "edge/top.h"
#include "edge/wall.h"
#include "options.h"

enum {
	KEYS_MAX = 1000000,
	FRAME_MS = 250,
	PLAIN_COLUMNS = 100,
	ONCE_TIMEOUT_MS = 15000,
	SETTLE_MS = 300
};

struct top_run {
	const struct settings *settings; /* borrowed */
	bool once;
	const char *language; /* "id" or "en" */
	int64_t every_ms;     /* without a terminal */
	int64_t seconds;      /* 0: until told to end */
	struct plan *plan;
	struct top_label *labels;
	struct top *top;
	struct top_feed *feed;
	struct top_view view;
	struct wall wall;
};

static enum top_language language_of(const char *text)
{
	return strcmp(text, "en") == 0 ? TOP_EN : TOP_ID;
}

/* The definitions' names and order. Without them (they may be wrong, and it is not ours to say so) the board has its own. */
static void load_labels(struct top_run *run)
{
	_cleanup_buffer_ struct buffer explanation = { 0 };
	size_t count = 0;

	if (definition_file_plan(run->settings->definitions, &run->plan, &explanation) != 0)
		run->plan = NULL;
	if (run->plan != NULL) {
		run->labels = x_calloc(run->plan->metric_count + 1, sizeof(*run->labels));
		for (uint32_t i = 0; i < run->plan->metric_count; i++) {
			const struct plan_metric *metric = &run->plan->metrics[i];
			if (metric->label_en != NULL && metric->label_id != NULL)
				run->labels[count++] = (struct top_label){ metric->name,
					metric->label_en, metric->label_id };
		}
	}
	run->top = top_new(run->labels, count, KEYS_MAX);
}

static void end_run(struct top_run *run)
{
	top_feed_free(run->feed);
	top_free(run->top);
	free(run->labels);
	if (run->plan != NULL)
		plan_free(run->plan);
}

static bool draw(struct top_run *run, bool on_terminal)
{
	_cleanup_buffer_ struct buffer text = { 0 };

	run->view.now_ms = wall_now_ms(&run->wall);
	run->view.feed = top_feed_state(run->feed);
	if (on_terminal) {
		top_draw(run->top, &run->view, &text);
		return top_terminal_show(buffer_slice(&text));
	}
	/* On paper: every company, one after the other. */
	for (run->view.tenant = 0;
		run->view.tenant == 0 || run->view.tenant < top_tenant_count(run->top);
		run->view.tenant++) {
		if (run->view.tenant > 0)
			buffer_put_text(&text, "\n");
		top_draw(run->top, &run->view, &text);
	}
	return fwrite(text.data, 1, text.len, stdout) == text.len && fflush(stdout) == 0;
}

static bool take_keys(struct top_run *run, bool *ret_quit)
{
	bool pressed = false;

	for (enum top_key key; (key = top_terminal_key()) != TOP_KEY_NONE; pressed = true) {
		run->view.tenant += key == TOP_KEY_TENANT;
		run->view.window += key == TOP_KEY_WINDOW;
		run->view.group += key == TOP_KEY_GROUP;
		if (key == TOP_KEY_LANGUAGE)
			run->view.language = run->view.language == TOP_ID ? TOP_EN : TOP_ID;
		*ret_quit |= key == TOP_KEY_QUIT;
		if (*ret_quit)
			break;
	}
	return pressed;
}

static bool time_is_up(struct top_run *run, int64_t begin_ms)
{
	return run->seconds > 0 && wall_monotone_ms(&run->wall) - begin_ms >= run->seconds * 1000;
}

static int show_on_terminal(struct top_run *run)
{
	int64_t begin_ms = wall_monotone_ms(&run->wall), drawn_ms = begin_ms - FRAME_MS;
	bool quit = false;

	run->view.is_coloured = getenv("NO_COLOR") == NULL;
	run->view.has_keys = true;
	while (!quit && !top_signalled() && !time_is_up(run, begin_ms)) {
		unsigned rows, columns;
		bool resized = top_terminal_size(&rows, &columns);
		run->view.rows = rows;
		run->view.columns = columns;
		bool pressed = take_keys(run, &quit);
		int64_t now_ms = wall_monotone_ms(&run->wall);
		if (resized || pressed || now_ms - drawn_ms >= FRAME_MS) {
			if (!draw(run, true))
				break;
			drawn_ms = now_ms;
		}
		top_feed_poll(run->feed, run->top, 50, wall_now_ms(&run->wall));
	}
	top_terminal_leave();
	return 0;
}

static unsigned plain_columns(void)
{
	const char *text = getenv("COLUMNS");
	long columns = text != NULL ? strtol(text, NULL, 10) : 0;

	return columns >= 40 && columns <= 500 ? (unsigned)columns : PLAIN_COLUMNS;
}

/* Until everything that was there has been read, and a moment longer if nothing was. 1: no broker, or no numbers. */
static int show_once(struct top_run *run)
{
	int64_t begin_ms = wall_monotone_ms(&run->wall), full_ms = 0;

	for (;;) {
		int64_t now_ms = wall_monotone_ms(&run->wall);
		bool is_full =
			top_feed_state(run->feed) == TOP_READING && top_key_count(run->top) > 0;
		if (!is_full)
			full_ms = now_ms;
		if (top_signalled() || now_ms - begin_ms > ONCE_TIMEOUT_MS ||
			(is_full && now_ms - full_ms > SETTLE_MS))
			break;
		top_feed_poll(run->feed, run->top, 100, wall_now_ms(&run->wall));
	}
	if (!draw(run, false))
		return 1;
	if (top_key_count(run->top) > 0)
		return 0;
	fprintf(stderr, "salespulse top: no numbers on %s at %s\n", run->settings->topic_latest,
		run->settings->kafka_brokers);
	return 1;
}

static int show_plain(struct top_run *run)
{
	int64_t begin_ms = wall_monotone_ms(&run->wall), drawn_ms = begin_ms;

	while (!top_signalled() && !time_is_up(run, begin_ms)) {
		top_feed_poll(run->feed, run->top, 100, wall_now_ms(&run->wall));
		int64_t now_ms = wall_monotone_ms(&run->wall);
		if (now_ms - drawn_ms < run->every_ms)
			continue;
		drawn_ms = now_ms;
		if (!draw(run, false) || fputs("\n", stdout) < 0)
			return 1;
	}
	return 0;
}

static int run_top(struct top_run *run)
{
	run->wall.ops = &wall_real;
	run->view = (struct top_view){ .columns = plain_columns(),
		.language = language_of(run->language),
		.book = &run->settings->tenants };
	run->feed = top_feed_new(run->settings);
	if (run->feed == NULL) {
		fprintf(stderr, "salespulse top: %s\n", err_message());
		return 2;
	}
	load_labels(run);
	if (!run->once && top_terminal_enter())
		return show_on_terminal(run);
	top_catch_signals();
	return run->once ? show_once(run) : show_plain(run);
}

int cmd_top(int argc, char **argv)
{
	struct top_run run = { .language = "id", .every_ms = 5000 };
	struct settings *settings = NULL;
	const struct option_row rows[] = {
		{ "once", NULL, "Print the board once and end.", OPTION_SET, &run.once, 0, 0 },
		{ "lang", "id|en", "Language of the board (id).", OPTION_CHOICE, &run.language, 0,
			0 },
		{ "every", "TIME", "Without a terminal: print this often (5s).", OPTION_DURATION,
			&run.every_ms, 100, 86400000 },
		{ "seconds", "N", "End after so many seconds.", OPTION_INT, &run.seconds, 1,
			1000000000 },
	};
	const struct options options = {
		.usage = "salespulse top [OPTIONS]",
		.summary = "The live board in the terminal, read from kpi.latest. Keys: q quits, "
			   "tab shows the next company,\n"
			   "w the next window of the ranking, g the next grouping, l the other "
			   "language.",
		.rows = rows,
		.row_count = sizeof(rows) / sizeof(rows[0]),
		.settings = &settings,
	};
	int answer = options_parse(&options, &argc, argv);

	if (answer != OPTIONS_GO_ON)
		return answer == OPTIONS_HELP ? 0 : 2;
	run.settings = settings;
	int status = run_top(&run);
	end_run(&run);
	settings_free(settings);
	return status;
}
