/* settings_print: the table for --help and the README, and the values in force. */
#include <string.h>

#include "base/timefmt.h"
#include "core/calendar.h"
#include "edge/settings_inside.h"

enum { NAME_WIDTH = 26, VALUE_WIDTH = 30 };

static void print_default(const struct setting_row *row, struct buffer *out)
{
	if (row->dflt[0] == '\0')
		buffer_put_text(out, row->secret ? "" : "\"\"");
	else
		buffer_put_text(out, row->secret ? "***" : row->dflt);
}

static void print_limits(const struct setting_row *row, struct buffer *out)
{
	union {
		int64_t number;
		double decimal;
	} low, high;

	if (row->min == 0 && row->max == 0)
		return;
	if (row->type == SETTING_DECIMAL) {
		low.decimal = (double)row->min;
		high.decimal = (double)row->max;
	} else {
		low.number = row->min;
		high.number = row->max;
	}
	settings_print_value(row, &low, out);
	buffer_put_text(out, " … ");
	settings_print_value(row, &high, out);
}

/* Choices and forms are shown; a duration's or size's unit is seen in its default. */
static const char *form_of(const struct setting_row *row)
{
	return row->type == SETTING_DURATION || row->type == SETTING_BYTES ? "" : row->unit;
}

/* A pipe would end the cell. */
static void put_cell(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '|')
			buffer_put_u8(out, '\\');
		buffer_put_u8(out, (uint8_t)*text);
	}
}

static void print_markdown_row(const struct setting_row *row, struct buffer *out)
{
	buffer_printf(out, "| `%s` | ", row->name);
	if (row->dflt[0] != '\0')
		buffer_printf(out, "`%s`", row->secret ? "***" : row->dflt);
	buffer_put_text(out, " | ");
	print_limits(row, out);
	put_cell(out, form_of(row));
	buffer_put_text(out, " | ");
	put_cell(out, row->sentence);
	buffer_put_text(out, row->secret ? " Secret. |\n" : " |\n");
}

static void print_help_row(const struct setting_row *row, struct buffer *out)
{
	const char *form = form_of(row);

	buffer_printf(out, "  %-*s  %s\n  %*s  default ", NAME_WIDTH, row->name, row->sentence,
		NAME_WIDTH, "");
	print_default(row, out);
	if (row->min != 0 || row->max != 0)
		buffer_put_text(out, "; ");
	print_limits(row, out);
	if (form[0] != '\0')
		buffer_printf(out, "; %s", form);
	buffer_put_text(out, row->secret ? "; secret\n" : "\n");
}

void settings_print_help(struct buffer *out, bool markdown)
{
	if (markdown)
		buffer_put_text(
			out, "| setting | default | limits | meaning |\n|---|---|---|---|\n");
	for (size_t id = 0; id < SETTING_COUNT; id++) {
		if (markdown)
			print_markdown_row(&settings_rows[id], out);
		else
			print_help_row(&settings_rows[id], out);
	}
	if (markdown) {
		buffer_put_text(out,
			"| `kafka.<property>` | | | Any property of librdkafka: "
			"`kafka.security.protocol`, `kafka.sasl.password` … |\n"
			"| `calendar_changes` | | | `[{from: 2026-07-01, zone, week_start, "
			"fiscal_start}]`: what holds from a local date on. In the file only. |\n"
			"| `tenants` | | | `{id: {zone, currency, week_start, fiscal_start, workdays, "
			"calendar_changes}}`: what differs for one tenant. In the file only. |\n");
		return;
	}
	buffer_printf(out,
		"  %-*s  Any property of librdkafka: kafka.security.protocol, kafka.sasl.password "
		"…\n",
		NAME_WIDTH, "kafka.PROPERTY");
	buffer_printf(out,
		"  %-*s  [{from: 2026-07-01, zone, week_start, fiscal_start}]: what holds from a "
		"local date on. In the file only.\n",
		NAME_WIDTH, "calendar_changes");
	buffer_printf(out,
		"  %-*s  {id: {zone, currency, week_start, fiscal_start, workdays, calendar_changes}}: what "
		"differs for one tenant. In the file only.\n",
		NAME_WIDTH, "tenants");
	buffer_put_text(out,
		"\n  A value of file:/path or env:NAME is read from there, and never printed.\n");
}

/* ---- the values in force -------------------------------------------------------------------- */

static void print_origin(
	const struct settings_kept *kept, const struct settings_where *where, struct buffer *out)
{
	switch (where->origin) {
	case ORIGIN_DEFAULT:
		buffer_put_text(out, "default");
		break;
	case ORIGIN_FILE:
		buffer_printf(out, "%s:%u", kept->file, where->place.line);
		break;
	case ORIGIN_ENVIRONMENT:
	case ORIGIN_FLAG:
		buffer_put_text(out, where->name);
		break;
	}
}

/* "name: value", the place in a column of its own behind it. `name_at`: where the line began in out. */
static void finish_line(const struct settings_kept *kept, const struct settings_where *where,
	size_t line_at, struct buffer *out)
{
	size_t length = out->len - line_at;

	buffer_printf(out, "%*s# ",
		length < NAME_WIDTH + VALUE_WIDTH ? (int)(NAME_WIDTH + VALUE_WIDTH - length) : 1,
		"");
	print_origin(kept, where, out);
	buffer_put_text(out, "\n");
}

static void print_setting(const struct settings *s, enum settings_id id, struct buffer *out)
{
	const struct settings_kept *kept = s->owned;
	const struct setting_row *row = &settings_rows[id];
	const void *value = (const char *)s + row->offset;
	bool is_text = row->type == SETTING_STRING || row->type == SETTING_CHOICE;
	size_t line_at = out->len;

	buffer_printf(out, "%s: ", row->name);
	if (kept->where[id].hidden && !(is_text && (*(const char *const *)value)[0] == '\0'))
		buffer_put_text(out, "\"***\"");
	else
		settings_print_value(row, value, out);
	finish_line(kept, &kept->where[id], line_at, out);
}

static void print_property(const struct settings *s, size_t i, struct buffer *out)
{
	static const struct setting_row text_row = { .type = SETTING_STRING };
	const struct settings_kept *kept = s->owned;
	size_t line_at = out->len;

	buffer_printf(out, "kafka.%s: ", s->kafka_properties[i].name);
	if (s->kafka_properties[i].hidden)
		buffer_put_text(out, "\"***\"");
	else
		settings_print_value(&text_row, &s->kafka_properties[i].value, out);
	finish_line(kept, &kept->property_where[i], line_at, out);
}

/* ---- calendars and tenants ------------------------------------------------------------------ */

static const struct setting_row as_text = { .type = SETTING_STRING };

static void print_change(const struct settings_change *change, struct buffer *out)
{
	char date[TIME_TEXT_MAX];

	buffer_printf(out, "{from: %s", date_format(change->from_day, date));
	if (change->zone) {
		buffer_put_text(out, ", zone: ");
		settings_print_value(&as_text, &change->zone, out);
	}
	if (change->week_start)
		buffer_printf(out, ", week_start: %d", (int)change->week_start);
	if (change->fiscal_start)
		buffer_printf(out, ", fiscal_start: %d", (int)change->fiscal_start);
	buffer_put_text(out, "}");
}

static void print_changes(const struct settings_timeline *line, struct buffer *out)
{
	buffer_put_text(out, "calendar_changes: [");
	for (size_t i = 0; i < line->count; i++) {
		buffer_put_text(out, i ? ", " : "");
		print_change(&line->items[i], out);
	}
	buffer_put_text(out, "]");
}

/* Which periods a change makes shorter or longer than others of their kind. */
static void print_odd_day(const struct calendar *calendar, int32_t day, struct buffer *out)
{
	int64_t minutes =
		(calendar_day_start(calendar, day + 1) - calendar_day_start(calendar, day)) / 60000;
	char date[TIME_TEXT_MAX];

	if (minutes == 24 * 60)
		return;
	buffer_printf(out, "#   %s has %lld h", date_format(day, date), (long long)(minutes / 60));
	if (minutes % 60)
		buffer_printf(out, " %lld min", (long long)(minutes % 60));
	buffer_put_text(out, "\n");
}

static void print_cut(
	const struct calendar *calendar, enum calendar_unit unit, int32_t day, struct buffer *out)
{
	int64_t at_ms = calendar_day_start(calendar, day);
	int64_t first =
		calendar_local_day(calendar, calendar_period_shift(calendar, unit, at_ms, -1));
	char from[TIME_TEXT_MAX], last[TIME_TEXT_MAX];

	if (unit == CALENDAR_WEEK && day - first == 7)
		return;
	buffer_printf(out, "#   the %s of %s ends on %s, after %lld days\n",
		calendar_unit_name(unit), date_format(first, from), date_format(day - 1, last),
		(long long)(day - first));
}

static void print_effects(
	const struct calendar *calendar, const struct settings_timeline *line, struct buffer *out)
{
	for (size_t i = 0; i < line->count; i++)
		if (line->items[i].zone)
			print_odd_day(calendar, line->items[i].from_day, out);
	for (uint32_t i = 0; i < calendar->weeks.count; i++)
		print_cut(calendar, CALENDAR_WEEK, calendar->weeks.items[i].day, out);
	for (uint32_t i = 0; i < calendar->years.count; i++)
		print_cut(calendar, CALENDAR_YEAR, calendar->years.items[i].day, out);
}

static void print_calendar_changes(const struct settings *s, struct buffer *out)
{
	const struct settings_kept *kept = s->owned;
	size_t line_at = out->len;

	if (!kept->timelines[0].count)
		return;
	print_changes(&kept->timelines[0], out);
	finish_line(kept, &kept->changes_where, line_at, out);
	print_effects(
		&s->tenants.calendars[s->tenants.fallback.calendar], &kept->timelines[0], out);
}

/* "": every day. */
static const char *workdays_path(const struct settings_kept *kept, const struct workdays *workdays)
{
	for (size_t i = 0; i < kept->workdays_count; i++)
		if (kept->workdays[i] == workdays)
			return kept->workday_paths[i];
	return "";
}

static void print_tenant(const struct settings *s, uint32_t index, struct buffer *out)
{
	const struct tenant_settings *tenant = &s->tenants.tenants[index];
	const struct settings_kept *kept = s->owned;
	const struct settings_timeline *line = &kept->timelines[index + 1];

	buffer_put_text(out, "  ");
	settings_print_value(&as_text, &tenant->tenant_id, out);
	buffer_put_text(out, ": {zone: ");
	settings_print_value(&as_text, &line->base.zone, out);
	buffer_printf(out, ", currency: %s, week_start: %d, fiscal_start: %d", tenant->currency,
		(int)line->base.week_start, (int)line->base.fiscal_start);
	if (tenant->workdays || s->tenants.fallback.workdays) {
		const char *path = workdays_path(kept, tenant->workdays);

		buffer_put_text(out, ", workdays: ");
		settings_print_value(&as_text, &path, out);
	}
	if (line->count) {
		buffer_put_text(out, ", ");
		print_changes(line, out);
	}
	buffer_put_text(out, "}\n");
	print_effects(&s->tenants.calendars[tenant->calendar], line, out);
}

void settings_print(const struct settings *s, struct buffer *out)
{
	for (unsigned id = 0; id < SETTING_COUNT; id++)
		print_setting(s, (enum settings_id)id, out);
	for (size_t i = 0; i < s->kafka_property_count; i++)
		print_property(s, i, out);
	print_calendar_changes(s, out);
	if (s->tenants.tenant_count)
		buffer_put_text(out, "tenants:\n");
	for (uint32_t i = 0; i < s->tenants.tenant_count; i++)
		print_tenant(s, i, out);
}
