/*
 * replay: KPIs of files, by the same core as in production, with neither Kafka nor Redis. Events go in by their time, the clock
 * follows them, and at each --at every value is printed as a board would have shown it at that moment.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/nearest.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "command.h"
#include "core/shard.h"
#include "edge/definition_file.h"
#include "edge/mapping.h"
#include "edge/snapshot_text.h"
#include "edge/source_file.h"
#include "edge/workday_file.h"
#include "edge/zone_file.h"
#include "options.h"

/* The clock moves in steps of at least this: what is published at a moment is the same however it was reached (S10). */
enum {
	CLOCK_STEP_MS = 900000,
	WORK_MAX = 1 << 20,
	OUT_BYTES = 1 << 16,
	AT_MAX = 1000,
	CHANGES_MAX = 16, /* of the calendar */
	SHOWN_REASONS = 3
};

struct flags {
	const char *kpis, *mapping, *zone, *currency, *format, *rejects, *workdays;
	struct option_list changes, at, metrics, windows, groupings;
	int64_t week_start, fiscal_start, fx_max_age_ms, memory_mib;
	bool history, all;
};

struct replay {
	struct flags flags;
	struct plan *plan;
	struct mapping *mapping;
	struct zone zone;
	struct zone other_zones[CHANGES_MAX],
		spliced[CHANGES_MAX]; /* of changes: theirs, and all up to theirs in one */
	size_t zone_count;
	struct calendar calendar;
	struct arena texts; /* of the file of working days */
	struct workdays workdays;
	struct tenant_book tenants;
	struct source_file *source;
	struct shard *shard;
	int64_t at_ms[AT_MAX];
	size_t at_count, at_next;
	int64_t closed_day; /* local day up to which periods were looked at; INT64_MIN: none */
	struct buffer out;
	struct snapshot_table table;
	bool is_history_head_due;
	uint64_t applied, duplicates, late, dead_letters;
	bool has_progress; /* stderr is a terminal */
	int shown_percent;
};

/* ---- what was asked -------------------------------------------------------------------------------- */

static int take_flags(struct flags *f, int *argc, char **argv)
{
	const struct option_row rows[] = {
		{ "kpis", "FILE", "KPI definitions; without it those built in.", OPTION_TEXT,
			&f->kpis, 0, 0 },
		{ "mapping", "FILE", "How the rows of CSV files become events.", OPTION_TEXT,
			&f->mapping, 0, 0 },
		{ "zone", "NAME",
			"Time zone of days, weeks and months; without it the mapping's, else UTC.",
			OPTION_TEXT, &f->zone, 0, 0 },
		{ "currency", "CODE", "Reporting currency; without it the mapping's.", OPTION_TEXT,
			&f->currency, 0, 0 },
		{ "fx-max-age", "TIME",
			"An exchange rate that is older at the time of a deal converts nothing "
			"(7d).",
			OPTION_DURATION, &f->fx_max_age_ms, 60000, INT64_C(31622400000) },
		{ "week-start", "N", "First day of the week, 1 = Monday (1).", OPTION_INT,
			&f->week_start, 1, 7 },
		{ "fiscal-start", "N", "First month of the fiscal year (1).", OPTION_INT,
			&f->fiscal_start, 1, 12 },
		{ "calendar-change", "DATE,NAME=VALUE…",
			"From this local date on another zone, week_start or fiscal_start: "
			"2026-07-01,zone=Asia/Makassar; may be repeated, in the order of dates.",
			OPTION_LIST, &f->changes, 0, 0 },
		{ "workdays", "FILE",
			"Working days and holidays, over which targets are spread; without it every "
			"day is one.",
			OPTION_TEXT, &f->workdays, 0, 0 },
		{ "at", "TIME",
			"As of when: 2026-03-28T16:59:00Z, or a local date (its start) or "
			"date-time; may be repeated. Without it: right behind the last event.",
			OPTION_LIST, &f->at, 0, 0 },
		{ "format", "table|csv|jsonl",
			"For people, for spreadsheets, or for programs (table).", OPTION_CHOICE,
			&f->format, 0, 0 },
		{ "history", NULL, "Also the final values of days, weeks, months … as they closed.",
			OPTION_SET, &f->history, 0, 0 },
		{ "metric", "NAME", "Only this metric; may be repeated.", OPTION_LIST, &f->metrics,
			0, 0 },
		{ "window", "NAME", "Only this window (7d, month_to_date, all …); may be repeated.",
			OPTION_LIST, &f->windows, 0, 0 },
		{ "group-by", "DIMS",
			"Only this grouping (team, or \"\" for the company); may be repeated.",
			OPTION_LIST, &f->groupings, 0, 0 },
		{ "all", NULL, "In tables also the rows in which nothing has data.", OPTION_SET,
			&f->all, 0, 0 },
		{ "rejects", "FILE",
			"Where rows and events go that cannot be taken (salespulse.rejects.csv).",
			OPTION_TEXT, &f->rejects, 0, 0 },
		{ "memory", "MIB", "Most memory that the events of all files may take (8192).",
			OPTION_INT, &f->memory_mib, 1, 1 << 24 },
	};
	const struct options options = {
		.usage = "salespulse replay [OPTIONS] FILE…",
		.summary = "Computes KPIs from files: Avro container files, JSON lines (- is "
			   "standard input), and CSV by a mapping.\n"
			   "A folder stands for its files; without FILE the mapping's own folder "
			   "is taken.",
		.rows = rows,
		.row_count = sizeof(rows) / sizeof(rows[0]),
		.arguments_max = SIZE_MAX,
	};

	return options_parse(&options, argc, argv);
}

static int wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));

static int wrong(const char *format, ...)
{
	va_list args;

	fputs("salespulse replay: ", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputs("\n", stderr);
	return 2;
}

static int check_names(
	const char *flag, const struct option_list *wanted, const char *const *names, size_t count)
{
	for (size_t i = 0; i < wanted->count; i++) {
		size_t k = 0;

		while (k < count && strcmp(names[k], wanted->items[i]) != 0)
			k++;
		if (k < count)
			continue;

		const char *near = nearest_name(slice_of(wanted->items[i]), names, count);

		return wrong("--%s: there is no «%s»%s%s%s", flag, wanted->items[i],
			near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
	}
	return 0;
}

static int check_filters(const struct replay *r)
{
	const char *metrics[PLAN_METRICS_MAX], *windows[2 * PLAN_WINDOWS_MAX],
		*groupings[PLAN_GROUPINGS_MAX];
	size_t window_count = 0;

	for (uint32_t i = 0; i < r->plan->metric_count; i++)
		metrics[i] = r->plan->metrics[i].name;
	for (uint32_t i = 0; i < r->plan->window_count; i++) {
		windows[window_count++] = r->plan->windows[i].name;
		if (r->plan->windows[i].closed_name)
			windows[window_count++] = r->plan->windows[i].closed_name;
	}
	for (uint32_t i = 0; i < r->plan->grouping_count; i++)
		groupings[i] = r->plan->groupings[i].name;
	return check_names("metric", &r->flags.metrics, metrics, r->plan->metric_count) ||
			       check_names("window", &r->flags.windows, windows, window_count) ||
			       check_names("group-by", &r->flags.groupings, groupings,
				       r->plan->grouping_count)
		       ? 2
		       : 0;
}

static bool parse_at(const struct zone *zone, const char *text, int64_t *ret_ms)
{
	char with_offset[64];
	int64_t local_ms;
	int32_t day;

	if (time_parse(slice_of(text), ret_ms))
		return true;
	if (date_parse(slice_of(text), &day))
		local_ms = (int64_t)day * 86400000;
	else if (snprintf(with_offset, sizeof(with_offset), "%sZ", text) >=
			 (int)sizeof(with_offset) ||
		 !time_parse(slice_of(with_offset), &local_ms))
		return false;
	*ret_ms = zone_from_local(zone, local_ms);
	return true;
}

static int compare_times(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int take_times(struct replay *r)
{
	if (r->flags.at.count > AT_MAX)
		return wrong("--at may be given %d times", AT_MAX);
	for (size_t i = 0; i < r->flags.at.count; i++)
		if (!parse_at(r->calendar.zone, r->flags.at.items[i], &r->at_ms[r->at_count++]))
			return wrong("--at %s: not a time like 2026-03-28T16:59:00Z, "
				     "2026-03-28T16:59 or 2026-03-28",
				r->flags.at.items[i]);
	qsort(r->at_ms, r->at_count, sizeof(*r->at_ms), compare_times);
	return 0;
}

/* ---- made ready ------------------------------------------------------------------------------------ */

static int load_definitions(struct replay *r)
{
	struct buffer _cleanup_buffer_ explanation = { 0 };

	buffer_init(&explanation);
	if (definition_file_plan(r->flags.kpis, &r->plan, &explanation) ||
		(r->flags.mapping &&
			mapping_load(r->flags.mapping, r->flags.zone, &r->mapping, &explanation))) {
		fputs(buffer_text(&explanation), stderr);
		return 2;
	}
	return check_filters(r);
}

/* NAME=VALUE of a change. */
static int take_value(struct replay *r, const char *said, struct slice name, char *value,
	struct calendar_change *ret)
{
	static const char *const names[] = { "zone", "week_start", "fiscal_start" };
	bool is_week = slice_is(name, "week_start");
	char message[256], *end = value;
	const char *near;
	long number;

	if (slice_is(name, "zone")) {
		if (ret->zone)
			return wrong("--calendar-change %s: zone is said twice", said);
		if (zone_file_load(value, &r->other_zones[r->zone_count], message, sizeof(message)))
			return wrong("--calendar-change %s: %s", said, message);
		ret->zone = &r->other_zones[r->zone_count];
		return 0;
	}
	if (!is_week && !slice_is(name, "fiscal_start")) {
		near = nearest_name(name, names, sizeof(names) / sizeof(names[0]));
		return wrong(
			"--calendar-change %s: zone, week_start or fiscal_start is wanted, not "
			"«" SLICE_FMT "»%s%s%s",
			said, SLICE_ARG(name), near ? "; the nearest is «" : "", near ? near : "",
			near ? "»" : "");
	}
	number = strtol(value, &end, 10);
	if (end == value || *end || number < 1 || number > (is_week ? 7 : 12))
		return wrong("--calendar-change %s: " SLICE_FMT
			     " wants a whole number from 1 to %d, not «%s»",
			said, SLICE_ARG(name), is_week ? 7 : 12, value);
	*(is_week ? &ret->week_start : &ret->fiscal_start_month) = (int)number;
	return 0;
}

/* *from_day: of the change before. */
static int take_change(struct replay *r, const char *said, int32_t *from_day)
{
	_cleanup_free_ char *text = x_strdup(said);
	struct calendar_change change = { 0 };
	struct calendar before = r->calendar;
	char *rest = NULL, *word = strtok_r(text, ",", &rest);

	if (!word || !date_parse(slice_of(word), &change.from_day))
		return wrong("--calendar-change %s: a date like 2026-07-01 is wanted first", said);
	if (change.from_day <= *from_day)
		return wrong(
			"--calendar-change %s: changes stand in the order of their dates", said);
	*from_day = change.from_day;
	while ((word = strtok_r(NULL, ",", &rest)) != NULL) {
		size_t length = strcspn(word, "=");
		char *value = word + length + (word[length] == '=');
		int code = take_value(r, said, (struct slice){ word, length }, value, &change);

		if (code) {
			if (change.zone)
				zone_deinit(&r->other_zones[r->zone_count]);
			return code;
		}
	}
	if (!change.zone && !change.week_start && !change.fiscal_start_month)
		return wrong(
			"--calendar-change %s: zone, week_start or fiscal_start is wanted", said);
	calendar_change(&before, &change, &r->spliced[r->zone_count], &r->calendar);
	r->zone_count += change.zone != NULL;
	return 0;
}

static int take_changes(struct replay *r)
{
	int32_t from_day = INT32_MIN;
	int code = 0;

	if (r->flags.changes.count > CHANGES_MAX)
		return wrong("--calendar-change may be given %d times", CHANGES_MAX);
	for (size_t i = 0; i < r->flags.changes.count && !code; i++)
		code = take_change(r, r->flags.changes.items[i], &from_day);
	return code;
}

static int load_workdays(struct replay *r)
{
	struct buffer _cleanup_buffer_ said = { 0 };

	if (!r->flags.workdays)
		return 0;
	if (workday_file_load(r->flags.workdays, &r->texts, &r->workdays, &said))
		return wrong("--workdays: %s", buffer_text(&said));
	r->tenants.fallback.workdays = &r->workdays;
	return 0;
}

static int load_zone(struct replay *r)
{
	const char *of_mapping = r->mapping ? mapping_zone(r->mapping) : NULL;
	const char *name = r->flags.zone ? r->flags.zone : of_mapping ? of_mapping : "UTC";
	char message[256];

	if (zone_file_load(name, &r->zone, message, sizeof(message)))
		return wrong("--zone: %s", message);
	r->calendar = (struct calendar){ .zone = &r->zone,
		.week_start = (int)r->flags.week_start,
		.fiscal_start_month = (int)r->flags.fiscal_start };
	r->tenants = (struct tenant_book){
		.calendars = &r->calendar,
		.calendar_count = 1,
		.fallback = { NULL, 0,
			r->flags.currency ? r->flags.currency
			: r->mapping	  ? mapping_currency(r->mapping)
					  : NULL,
			NULL },
		.rate_max_age_ms = r->flags.fx_max_age_ms,
	};
	return load_workdays(r) || take_changes(r) || take_times(r) ? 2 : 0;
}

static void make_shard(struct replay *r)
{
	const struct shard_settings settings = {
		.plan = r->plan,
		.tenants = &r->tenants,
		.store = { .entities_max = 100000000, .strings_bytes_max = (size_t)16 << 30 },
		.groups = { .groups_max = 4000000, .cells_max = 40000000 },
		.snapshots = { .rank_top = INT32_MAX,
			.finals_max = 4000000,
			.refresh_ms = INT64_MAX / 2 },
		.pending_max = 100000000,
		.ledger_bytes_max = UINT64_C(32) << 30,
	};

	r->shard = shard_new(&settings);
}

/* ---- a terminal's progress ------------------------------------------------------------------------- */

static void show_progress(struct replay *r, const char *what, uint64_t done, uint64_t total)
{
	enum { CELLS = 30 };
	static const char full[] = "##############################",
			  empty[] = "..............................";
	int percent = total ? (int)(done * 100 / total) : 100, cells = percent * CELLS / 100;

	if (!r->has_progress || percent == r->shown_percent || percent > 100)
		return;
	r->shown_percent = percent;
	fprintf(stderr, "\r%-9s [%.*s%.*s] %3d %%", what, cells, full, CELLS - cells, empty,
		percent);
}

static void end_progress(struct replay *r)
{
	if (r->has_progress && r->shown_percent >= 0)
		fputs("\r\033[K", stderr);
	r->shown_percent = -1;
}

static void reading(void *ctx, uint64_t bytes, uint64_t total)
{
	show_progress(ctx, "reading", bytes, total);
}

/* ---- what goes out --------------------------------------------------------------------------------- */

static bool is_listed(const struct option_list *list, struct slice name)
{
	for (size_t i = 0; i < list->count; i++)
		if (slice_is(name, list->items[i]))
			return true;
	return list->count == 0;
}

static void flush_out(struct replay *r, bool always)
{
	if (!always && r->out.len < OUT_BYTES)
		return;
	fwrite(r->out.data, 1, r->out.len, stdout);
	buffer_reset(&r->out);
}

/* Closed periods are a list: each has an interval of its own. */
static void put_history_row(struct replay *r, const struct snapshot *s)
{
	char day[TIME_TEXT_MAX];

	if (r->is_history_head_due)
		buffer_printf(&r->out, "Closed periods\n  %-28s %-8s %-10s  %-30s %s\n", "metric",
			"period", "from", "group", "value");
	r->is_history_head_due = false;
	buffer_printf(&r->out, "  %-28.*s %-8.*s %-10s  %-30.*s ", SLICE_ARG(s->metric),
		SLICE_ARG(s->window),
		date_format(calendar_local_day(&r->calendar, s->window_start_ms), day),
		SLICE_ARG(s->group_key));
	snapshot_put_value_text(s, &r->out);
	buffer_put_text(&r->out, "\n");
}

/* Refusing a record ends a collection at once: what is not wanted costs nothing. */
static bool emit_history(struct replay *r, const struct snapshot *s)
{
	if (!r->flags.history)
		return false;
	if (!is_listed(&r->flags.metrics, s->metric) || !is_listed(&r->flags.windows, s->window) ||
		!is_listed(&r->flags.groupings, s->group_by))
		return true;
	if (strcmp(r->flags.format, "csv") == 0)
		snapshot_put_csv(s, &r->out);
	else if (strcmp(r->flags.format, "jsonl") == 0)
		snapshot_put_json(s, &r->out);
	else
		put_history_row(r, s);
	flush_out(r, false);
	return true;
}

static bool emit_closed(void *ctx, enum snapshot_topic topic, const struct snapshot *s)
{
	return topic == SNAPSHOT_HISTORY && emit_history(ctx, s);
}

static bool emit_all(void *ctx, enum snapshot_topic topic, const struct snapshot *s)
{
	struct replay *r = ctx;

	if (topic == SNAPSHOT_HISTORY)
		return emit_history(r, s);
	if (!is_listed(&r->flags.metrics, s->metric) || !is_listed(&r->flags.windows, s->window) ||
		!is_listed(&r->flags.groupings, s->group_by))
		return true;
	if (strcmp(r->flags.format, "csv") == 0)
		snapshot_put_csv(s, &r->out);
	else if (strcmp(r->flags.format, "jsonl") == 0)
		snapshot_put_json(s, &r->out);
	else
		snapshot_table_add(&r->table, s);
	flush_out(r, false);
	return true;
}

static void show_table(struct replay *r, int64_t at_ms)
{
	char local[TIME_TEXT_MAX];
	int32_t offset_minutes = zone_offset_at(r->calendar.zone, at_ms) / 60000;

	/* Local time is shown as if it were UTC, with its true offset behind. */
	time_format(zone_to_local(r->calendar.zone, at_ms), local);
	local[strlen(local) - 1] = '\0';
	buffer_printf(&r->out, "As of %.10s %s%c%02d:%02d\n", local, local + 11,
		offset_minutes < 0 ? '-' : '+', abs(offset_minutes) / 60, abs(offset_minutes) % 60);
	snapshot_table_print(&r->table, r->flags.all, &r->out);
	buffer_put_text(&r->out, "\n");
}

/* ---- time ------------------------------------------------------------------------------------------ */

/* Finals are looked for once a local day, behind the time that they wait for stragglers. */
static void close_periods(struct replay *r)
{
	int64_t clock_ms = shard_clock(r->shard), day;

	if (!r->flags.history)
		return;
	day = calendar_local_day(&r->calendar, clock_ms - r->plan->grace_ms);
	if (day == r->closed_day)
		return;
	r->closed_day = day;
	shard_collect(r->shard, clock_ms, false, UINT32_MAX, emit_closed, r);
}

static void advance(struct replay *r, int64_t clock_ms)
{
	if (clock_ms < shard_clock(r->shard))
		return;
	while (shard_advance(r->shard, clock_ms, WORK_MAX))
		;
	close_periods(r);
}

/* Before the first event there is no clock, and nothing to show. */
static bool has_begun(const struct replay *r)
{
	return shard_clock(r->shard) != INT64_MIN;
}

static void show(struct replay *r, int64_t at_ms)
{
	if (has_begun(r))
		advance(r, at_ms);
	end_progress(r);
	shard_collect(r->shard, at_ms, true, UINT32_MAX, emit_all, r);
	if (strcmp(r->flags.format, "table") == 0)
		show_table(r, at_ms);
	flush_out(r, true);
}

/* A moment is shown from what happened before it: an event at that very instant belongs to the next. */
static void show_until(struct replay *r, int64_t time_ms)
{
	while (r->at_next < r->at_count && r->at_ms[r->at_next] <= time_ms)
		show(r, r->at_ms[r->at_next++]);
}

/* ---- events ---------------------------------------------------------------------------------------- */

static int apply(struct replay *r, const struct event *event)
{
	char reason[EVENT_REASON_MAX] = "";

	switch (shard_apply(r->shard, event, reason)) {
	case SHARD_APPLIED:
		r->applied++;
		return 0;
	case SHARD_DUPLICATE:
		r->duplicates++;
		return 0;
	case SHARD_LATE:
		r->applied++;
		r->late++;
		return 0;
	case SHARD_BAD:
		r->dead_letters++;
		source_file_reject(r->source, reason);
		if (r->dead_letters > SHOWN_REASONS)
			return 0;
		end_progress(r);
		fprintf(stderr, "not taken: %s " SLICE_FMT ": %s\n", model_table[event->type].name,
			SLICE_ARG(event->entity_id), reason);
		return 0;
	default:
		return err_raise(-ENOSPC, "a limit of the core is reached (entities, groups, texts "
					  "or ledger); replay fewer events");
	}
}

static int run_events(struct replay *r)
{
	struct arena _cleanup_arena_ arena;
	size_t count = source_file_count(r->source), done = 0;
	struct event event;
	int code = 0;

	arena_init(&arena, 0);
	while (!code && source_file_next(r->source, &arena, &event) == 0) {
		/* The first event goes in before the clock starts: periods are closed from then on
		 * for the tenants that are known. */
		bool is_first = !has_begun(r);

		show_until(r, event.occurred_at_ms);
		if (!is_first && event.occurred_at_ms - shard_clock(r->shard) >= CLOCK_STEP_MS)
			advance(r, event.occurred_at_ms);
		code = apply(r, &event);
		if (is_first && shard_tenant_count(r->shard))
			advance(r, event.occurred_at_ms);
		arena_reset(&arena);
		if (++done % 1024 == 0)
			show_progress(r, "replaying", done, count);
	}
	if (!r->at_count && source_file_last_ms(r->source) != INT64_MIN)
		r->at_ms[r->at_count++] = source_file_last_ms(r->source) + 1;
	else if (!r->at_count && count)
		r->at_ms[r->at_count++] = 1; /* nothing has a time: all is as it ever was */
	if (!code)
		show_until(r, INT64_MAX);
	return err_pass(code);
}

/* ---- the whole ------------------------------------------------------------------------------------- */

static void put_count(uint64_t n, const char *one, const char *many, const char *before)
{
	fprintf(stderr, "%s%" PRIu64 " %s", before, n, n == 1 ? one : many);
}

static void summarize(struct replay *r)
{
	struct source_file_counts counts = source_file_counts(r->source);

	fprintf(stderr, "replay: ");
	put_count(counts.events, "event", "events", "");
	put_count(counts.files, "file", "files", " of ");
	put_count(r->duplicates, "duplicate", "duplicates", "; ");
	put_count(r->late, "late", "late", ", ");
	put_count(r->dead_letters, "dead letter", "dead letters", ", ");
	put_count(counts.rejected, "reject", "rejects", ", ");
	if (counts.rows.rows)
		fprintf(stderr, " of %" PRIu64 " rows", counts.rows.rows);
	if (counts.rows.skipped)
		put_count(counts.rows.skipped, "row skipped", "rows skipped", ", ");
	if (counts.rows.unpaired)
		put_count(counts.rows.unpaired, "start without an end", "starts without an end",
			", ");
	if (counts.rejected || r->dead_letters)
		fprintf(stderr, "; see %s", r->flags.rejects);
	fputs("\n", stderr);
}

/* The file of rejects is written anew: it must not be one of those that are read. */
static int check_rejects(const struct replay *r, const char *const *paths, size_t count)
{
	struct stat rejects, input;

	if (stat(r->flags.rejects, &rejects))
		return 0;
	for (size_t i = 0; i < count; i++)
		if (stat(paths[i], &input) == 0 && input.st_dev == rejects.st_dev &&
			input.st_ino == rejects.st_ino)
			return wrong("--rejects %s would overwrite what is to be read",
				r->flags.rejects);
	return 0;
}

static int read_files(struct replay *r, const char *const *paths, size_t count)
{
	const struct source_file_settings settings = {
		.bytes_max = (size_t)r->flags.memory_mib << 20,
		.rejects_path = r->flags.rejects,
		.progress = reading,
		.ctx = r,
	};
	struct buffer _cleanup_buffer_ explanation = { 0 };

	buffer_init(&explanation);
	r->source = source_file_new(&settings);
	int code = source_file_read(r->source, r->mapping, paths, count, &explanation);

	end_progress(r);
	if (code > 0)
		fputs(buffer_text(&explanation), stderr);
	return code > 0 ? 2 : err_pass(code);
}

static int finish(struct replay *r, int code)
{
	if (code >= 0 && code != 2 && (fflush(stdout) || ferror(stdout)))
		code = err_raise(-EIO, "the output cannot be written");
	if (code < 0)
		fprintf(stderr, "salespulse replay: %s\n", err_message());
	if (r->source && code != 2)
		summarize(r);
	return code < 0 ? 1 : code;
}

static void replay_deinit(struct replay *r)
{
	shard_free(r->shard);
	source_file_free(r->source);
	mapping_free(r->mapping);
	zone_deinit(&r->zone);
	arena_deinit(&r->texts);
	for (size_t i = 0; i < r->zone_count; i++) {
		zone_deinit(&r->other_zones[i]);
		zone_deinit(&r->spliced[i]);
	}
	if (r->plan)
		plan_free(r->plan);
	snapshot_table_deinit(&r->table);
	buffer_deinit(&r->out);
	free(r->flags.changes.items);
	free(r->flags.at.items);
	free(r->flags.metrics.items);
	free(r->flags.windows.items);
	free(r->flags.groupings.items);
}

static int run(struct replay *r, const char *const *paths, size_t count)
{
	int code;

	arena_init(&r->texts, 0);
	if (!count && !r->flags.mapping)
		return wrong("which files? salespulse replay --help says more");
	code = load_definitions(r);
	if (!code)
		code = load_zone(r);
	if (!code)
		code = check_rejects(r, paths, count);
	if (code)
		return code;
	snapshot_table_init(&r->table, r->plan);
	code = read_files(r, paths, count);
	if (code)
		return finish(r, code);
	make_shard(r);
	if (strcmp(r->flags.format, "csv") == 0)
		snapshot_put_csv_header(&r->out);
	code = run_events(r);
	end_progress(r);
	flush_out(r, true);
	return finish(r, code);
}

int cmd_replay(int argc, char **argv)
{
	static struct replay replay; /* large for a stack */
	struct replay *r = &replay;
	int code;

	memset(r, 0, sizeof(*r));
	r->flags = (struct flags){ .format = "table",
		.rejects = "salespulse.rejects.csv",
		.week_start = 1,
		.fx_max_age_ms = INT64_C(7) * 86400000,
		.fiscal_start = 1,
		.memory_mib = 8192 };
	r->closed_day = INT64_MIN;
	r->shown_percent = -1;
	r->is_history_head_due = true;
	r->has_progress = isatty(STDERR_FILENO);
	buffer_init(&r->out);
	code = take_flags(&r->flags, &argc, argv);
	if (code == OPTIONS_GO_ON)
		code = run(r, (const char *const *)argv + 1, (size_t)(argc - 1));
	else
		code = code == OPTIONS_HELP ? 0 : 2;
	replay_deinit(r);
	return code;
}
