#include "edge/snapshot_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "edge/csv.h"

/* ---- CSV ------------------------------------------------------------------------------------------- */

void snapshot_put_csv_header(struct buffer *out)
{
	buffer_put_text(out, "tenant_id,metric,window,group_by,group_key,state,value,numerator,"
			     "denominator,sample_size,"
			     "previous_value,window_start,window_end,revision\n");
}

static void put_number(struct snapshot_number number, struct buffer *out)
{
	char text[DECIMAL_TEXT_MAX];

	if (!number.is_set)
		return;
	decimal_format(number.units, 0, text, sizeof(text));
	buffer_put_text(out, text);
}

static void put_double(struct snapshot_double number, struct buffer *out)
{
	struct json j = json_of(out);

	if (number.is_set && isfinite(number.value))
		json_put_double(&j, number.value);
}

static void put_time(int64_t ms, struct buffer *out)
{
	char text[TIME_TEXT_MAX];

	if (ms != INT64_MIN)
		buffer_put_text(out, time_format(ms, text));
}

void snapshot_put_csv(const struct snapshot *s, struct buffer *out)
{
	const struct slice texts[] = { s->tenant_id, s->metric, s->window, s->group_by,
		s->group_key, slice_of(s->state) };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		csv_put_field(texts[i], out);
		buffer_put_text(out, ",");
	}
	if (s->value_decimal.is_set)
		put_number(s->value_decimal, out);
	else
		put_double(s->value, out);
	buffer_put_text(out, ",");
	put_number(s->numerator, out);
	buffer_put_text(out, ",");
	put_number(s->denominator, out);
	buffer_printf(out, ",%lld,", (long long)s->sample_size);
	put_double(s->previous_value, out);
	buffer_put_text(out, ",");
	put_time(s->window_start_ms, out);
	buffer_put_text(out, ",");
	put_time(s->window_end_ms, out);
	buffer_printf(out, ",%lld\n", (long long)s->revision);
}

/* ---- JSON lines ------------------------------------------------------------------------------------ */

static void json_text(struct json *j, const char *name, struct slice text)
{
	if (!text.at)
		return;
	json_key(j, name);
	json_put_string(j, text);
}

static void json_number(struct json *j, const char *name, struct snapshot_number number)
{
	if (!number.is_set)
		return;
	json_key(j, name);
	json_put_decimal(j, number.units, 0);
}

static void json_double(struct json *j, const char *name, struct snapshot_double number)
{
	if (!number.is_set)
		return;
	json_key(j, name);
	json_put_double(j, number.value);
}

static void json_time(struct json *j, const char *name, int64_t ms)
{
	char text[TIME_TEXT_MAX];

	if (ms != INT64_MIN)
		json_text(j, name, slice_of(time_format(ms, text)));
}

static void json_int(struct json *j, const char *name, int64_t number)
{
	json_key(j, name);
	json_put_int(j, number);
}

static void json_groups(struct json *j, const struct snapshot *s)
{
	static const char *const names[][2] = { { "group_1", "group_1_label" },
		{ "group_2", "group_2_label" }, { "group_3", "group_3_label" } };

	for (size_t i = 0; i < SNAPSHOT_GROUPS_MAX; i++) {
		json_text(j, names[i][0], s->group[i]);
		json_text(j, names[i][1], s->group_label[i]);
	}
}

static void json_values(struct json *j, const struct snapshot *s)
{
	json_double(j, "value", s->value);
	json_number(j, "value_decimal", s->value_decimal);
	json_number(j, "numerator", s->numerator);
	json_number(j, "denominator", s->denominator);
	json_int(j, "sample_size", s->sample_size);
	json_double(j, "previous_value", s->previous_value);
	json_double(j, "change_pct", s->change_pct);
	json_double(j, "target_value", s->target_value);
	json_double(j, "attainment_pct", s->attainment_pct);
	json_double(j, "pace_pct", s->pace_pct);
	json_double(j, "projection", s->projection);
	if (s->rank)
		json_int(j, "rank", s->rank);
	if (s->rank_of)
		json_int(j, "rank_of", s->rank_of);
	if (s->previous_rank)
		json_int(j, "previous_rank", s->previous_rank);
}

void snapshot_put_json(const struct snapshot *s, struct buffer *out)
{
	struct json j = json_of(out);

	json_begin_object(&j);
	json_text(&j, "tenant_id", s->tenant_id);
	json_text(&j, "metric", s->metric);
	json_text(&j, "window", s->window);
	json_text(&j, "group_by", s->group_by);
	json_text(&j, "group_key", s->group_key);
	json_text(&j, "currency", s->currency);
	json_groups(&j, s);
	json_text(&j, "unit", slice_of(s->unit));
	json_values(&j, s);
	json_text(&j, "state", slice_of(s->state));
	json_text(&j, "basis", slice_of(s->basis));
	json_time(&j, "window_start", s->window_start_ms);
	json_time(&j, "window_end", s->window_end_ms);
	json_time(&j, "as_of", s->as_of_ms);
	json_key(&j, "is_final");
	json_put_bool(&j, s->is_final);
	json_number(&j, "first_final_value", s->first_final_value);
	json_int(&j, "revision", s->revision);
	json_end_object(&j);
	buffer_put_text(out, "\n");
}

/* ---- values for people ----------------------------------------------------------------------------- */

/* "1234567.5" -> "1,234,567.5" */
static void put_grouped(const char *text, struct buffer *out)
{
	const char *digits = text + (*text == '-'), *point = strchr(text, '.');
	size_t whole = point ? (size_t)(point - digits) : strlen(digits);

	buffer_put(out, text, (size_t)(digits - text));
	for (size_t i = 0; i < whole; i++) {
		if (i && (whole - i) % 3 == 0)
			buffer_put_text(out, ",");
		buffer_put(out, digits + i, 1);
	}
	buffer_put_text(out, digits + whole);
}

static void put_rounded(double value, int digits, struct buffer *out)
{
	char text[400];

	snprintf(text, sizeof(text), "%.*f", digits, value);
	put_grouped(text, out);
}

static void put_seconds(double value, struct buffer *out)
{
	int64_t seconds = (int64_t)llround(fabs(value));

	if (value < 0)
		buffer_put_text(out, "-");
	if (seconds >= 3600)
		buffer_printf(out, "%lldh %02lldm", (long long)(seconds / 3600),
			(long long)(seconds / 60 % 60));
	else if (seconds >= 60)
		buffer_printf(
			out, "%lldm %02llds", (long long)(seconds / 60), (long long)(seconds % 60));
	else
		put_rounded(value < 0 ? -value : value,
			seconds < 10 && value != floor(value) ? 1 : 0, out);
	if (seconds < 60)
		buffer_put_text(out, "s");
}

static void put_amount(const struct snapshot *s, struct buffer *out)
{
	double value = s->value.value;

	if (strcmp(s->unit, "PERCENT") == 0) {
		put_rounded(value, 2, out);
		buffer_put_text(out, " %");
	} else if (strcmp(s->unit, "CURRENCY") == 0) {
		/* The cents of a million are noise. */
		put_rounded(value, fabs(value) < 1e6 ? 2 : 0, out);
	} else if (strcmp(s->unit, "SECONDS") == 0) {
		put_seconds(value, out);
	} else if (strcmp(s->unit, "DAYS") == 0) {
		put_rounded(value, 2, out);
		buffer_put_text(out, " d");
	} else {
		put_rounded(value, value == floor(value) ? 0 : 2, out);
	}
}

void snapshot_put_value_text(const struct snapshot *s, struct buffer *out)
{
	static const struct {
		const char *state, *text;
	} absent[] = { { "NO_DATA", "·" }, { "ZERO_DENOMINATOR", "0/0" }, { "NO_BASE", "no base" },
		{ "LOW_SAMPLE", "few" }, { "FX_MISSING", "no rate" }, { "OK", "-" },
		{ "PARTIAL", "-" } };

	if (s->value.is_set) {
		put_amount(s, out);
		if (strcmp(s->state, "PARTIAL") == 0 || strcmp(s->state, "CAPPED") == 0 ||
			strcmp(s->state, "FX_MISSING") == 0)
			buffer_put_text(out, " *");
		return;
	}
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
		if (strcmp(s->state, absent[i].state) == 0) {
			buffer_put_text(out, absent[i].text);
			return;
		}
	}
	buffer_put_text(out, "?");
}

/* ---- tables ---------------------------------------------------------------------------------------- */

void snapshot_table_init(struct snapshot_table *t, const struct plan *plan)
{
	memset(t, 0, sizeof(*t));
	t->plan = plan;
	arena_init(&t->arena, 0);
}

void snapshot_table_deinit(struct snapshot_table *t)
{
	arena_deinit(&t->arena);
	free(t->records);
	memset(t, 0, sizeof(*t));
}

void snapshot_table_add(struct snapshot_table *t, const struct snapshot *record)
{
	struct snapshot *s;

	X_GROW(t->records, t->count, t->capacity);
	s = &t->records[t->count++];
	*s = *record;

	struct slice *const texts[] = { &s->tenant_id, &s->metric, &s->window, &s->group_by,
		&s->group_key, &s->currency };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (texts[i]->at)
			texts[i]->at = arena_strndup(&t->arena, texts[i]->at, texts[i]->len);
}

/* Columns of a terminal that a UTF-8 text takes: its characters. */
static size_t width_of(struct slice text)
{
	size_t width = 0;

	for (size_t i = 0; i < text.len; i++)
		width += ((unsigned char)text.at[i] & 0xc0) != 0x80;
	return width;
}

static void put_blanks(size_t count, struct buffer *out)
{
	while (count--)
		buffer_put_text(out, " ");
}

/* One metric of one tenant: rows by windows. */
struct grid {
	const struct snapshot *records; /* of the section */
	size_t count;
	struct slice windows[PLAN_WINDOWS_MAX];
	size_t widths[PLAN_WINDOWS_MAX];
	size_t window_count;
	const struct snapshot **rows; /* owned; the first record of each row */
	size_t row_count, row_capacity;
	uint32_t *cells;    /* owned; row * PLAN_WINDOWS_MAX + window: record + 1 */
	struct index index; /* group and currency -> row */
	size_t label_width;
};

static bool same_row(const struct snapshot *a, const struct snapshot *b)
{
	return slice_equal(a->group_by, b->group_by) && slice_equal(a->group_key, b->group_key) &&
	       slice_equal(a->currency, b->currency);
}

static bool row_is(const void *ctx, const void *key, uint32_t row)
{
	return same_row(((const struct grid *)ctx)->rows[row], key);
}

static uint64_t row_hash(const struct snapshot *s)
{
	return hash_combine(hash_combine(hash_bytes(s->group_by.at, s->group_by.len, 1),
				    hash_bytes(s->group_key.at, s->group_key.len, 2)),
		hash_bytes(s->currency.at, s->currency.len, 3));
}

static size_t row_of(struct grid *g, const struct snapshot *s)
{
	uint32_t row;

	if (index_find(&g->index, row_hash(s), row_is, s, g, &row))
		return row;
	if (g->row_count == g->row_capacity) {
		g->row_capacity = g->row_capacity ? g->row_capacity * 2 : 64;
		g->rows = x_realloc_array((void *)g->rows, g->row_capacity, sizeof(*g->rows));
		g->cells = x_realloc_array(
			g->cells, g->row_capacity * PLAN_WINDOWS_MAX, sizeof(*g->cells));
	}
	g->rows[g->row_count] = s;
	memset(g->cells + g->row_count * PLAN_WINDOWS_MAX, 0, PLAN_WINDOWS_MAX * sizeof(*g->cells));
	index_insert(&g->index, row_hash(s), (uint32_t)g->row_count);
	return g->row_count++;
}

static size_t column_of(struct grid *g, struct slice window)
{
	size_t i = 0;

	while (i < g->window_count && !slice_equal(g->windows[i], window))
		i++;
	if (i == g->window_count && g->window_count < PLAN_WINDOWS_MAX) {
		g->windows[g->window_count] = window;
		g->widths[g->window_count++] = width_of(window);
	}
	return i < PLAN_WINDOWS_MAX ? i : PLAN_WINDOWS_MAX - 1;
}

static void put_row_label(const struct snapshot *s, bool with_currency, struct buffer *out)
{
	if (s->group_by.len)
		buffer_printf(out, SLICE_FMT " " SLICE_FMT, SLICE_ARG(s->group_by),
			SLICE_ARG(s->group_key));
	else
		buffer_put_text(out, "company");
	if (with_currency && s->currency.len)
		buffer_printf(out, " (" SLICE_FMT ")", SLICE_ARG(s->currency));
}

static bool has_two_currencies(const struct grid *g)
{
	for (size_t i = 1; i < g->count; i++)
		if (!slice_equal(g->records[i].currency, g->records[0].currency))
			return true;
	return false;
}

static void grid_fill(struct grid *g)
{
	struct buffer _cleanup_buffer_ text = { 0 };

	buffer_init(&text);
	for (size_t i = 0; i < g->count; i++) {
		size_t column = column_of(g, g->records[i].window), row = row_of(g, &g->records[i]),
		       width;

		g->cells[row * PLAN_WINDOWS_MAX + column] = (uint32_t)i + 1;
		buffer_reset(&text);
		snapshot_put_value_text(&g->records[i], &text);
		width = width_of(buffer_slice(&text));
		g->widths[column] = width > g->widths[column] ? width : g->widths[column];
	}
}

static bool row_has_data(const struct grid *g, size_t row)
{
	for (size_t i = 0; i < g->window_count; i++) {
		uint32_t cell = g->cells[row * PLAN_WINDOWS_MAX + i];

		if (cell && strcmp(g->records[cell - 1].state, "NO_DATA") != 0)
			return true;
	}
	return false;
}

/* Room for the labels of the rows that are shown. */
static void grid_measure_labels(struct grid *g, bool all)
{
	struct buffer _cleanup_buffer_ text = { 0 };
	bool two = has_two_currencies(g);

	buffer_init(&text);
	for (size_t i = 0; i < g->row_count; i++) {
		if (!all && !row_has_data(g, i))
			continue;
		buffer_reset(&text);
		put_row_label(g->rows[i], two, &text);
		if (width_of(buffer_slice(&text)) > g->label_width)
			g->label_width = width_of(buffer_slice(&text));
	}
}

static void grid_print_row(const struct grid *g, size_t row, struct buffer *out)
{
	struct buffer _cleanup_buffer_ text = { 0 };

	buffer_init(&text);
	put_row_label(g->rows[row], has_two_currencies(g), &text);
	buffer_printf(out, "  %s", buffer_text(&text));
	put_blanks(g->label_width - width_of(buffer_slice(&text)), out);
	for (size_t i = 0; i < g->window_count; i++) {
		uint32_t cell = g->cells[row * PLAN_WINDOWS_MAX + i];

		buffer_reset(&text);
		if (cell)
			snapshot_put_value_text(&g->records[cell - 1], &text);
		put_blanks(2 + g->widths[i] - width_of(buffer_slice(&text)), out);
		buffer_put(out, text.data, text.len);
	}
	buffer_put_text(out, "\n");
}

static void grid_print_head(const struct grid *g, const struct plan *plan, struct buffer *out)
{
	const struct snapshot *s = &g->records[0];
	int metric = plan_metric_find(plan, s->metric);
	const char *label = metric >= 0 ? plan->metrics[metric].label_en : NULL;

	buffer_printf(out, "\n%s%s" SLICE_FMT "%s", label ? label : "", label ? " (" : "",
		SLICE_ARG(s->metric), label ? ")" : "");
	if (!has_two_currencies(g) && s->currency.len && strcmp(s->unit, "CURRENCY") == 0)
		buffer_printf(out, ", " SLICE_FMT, SLICE_ARG(s->currency));
	buffer_put_text(out, "\n");
	put_blanks(2 + g->label_width, out);
	for (size_t i = 0; i < g->window_count; i++) {
		put_blanks(2 + g->widths[i] - width_of(g->windows[i]), out);
		buffer_put(out, g->windows[i].at, g->windows[i].len);
	}
	buffer_put_text(out, "\n");
}

static size_t print_section(
	struct snapshot_table *t, size_t first, size_t count, bool all, struct buffer *out)
{
	struct grid g = { .records = t->records + first, .count = count };
	size_t shown = 0;

	index_init(&g.index);
	grid_fill(&g);
	grid_measure_labels(&g, all);
	for (size_t i = 0; i < g.row_count; i++) {
		if (!all && !row_has_data(&g, i)) {
			t->hidden_count++;
			continue;
		}
		if (!shown++)
			grid_print_head(&g, t->plan, out);
		grid_print_row(&g, i, out);
	}
	index_deinit(&g.index);
	free((void *)g.rows);
	free(g.cells);
	return shown;
}

void snapshot_table_print(struct snapshot_table *t, bool all, struct buffer *out)
{
	size_t first = 0;

	t->hidden_count = 0;
	for (size_t i = 1; i <= t->count; i++) {
		const struct snapshot *a = &t->records[first];

		if (i < t->count && slice_equal(t->records[i].tenant_id, a->tenant_id) &&
			slice_equal(t->records[i].metric, a->metric))
			continue;
		if (first == 0 || !slice_equal(t->records[first - 1].tenant_id, a->tenant_id))
			buffer_printf(out, "%s== " SLICE_FMT " ==\n", first ? "\n" : "",
				SLICE_ARG(a->tenant_id));
		print_section(t, first, i - first, all, out);
		first = i;
	}
	if (t->hidden_count)
		buffer_printf(out, "\nwithout any data and not shown: %zu row%s; --all shows all\n",
			t->hidden_count, t->hidden_count == 1 ? "" : "s");
	t->count = 0;
	arena_reset(&t->arena);
}
