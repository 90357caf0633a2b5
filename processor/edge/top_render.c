/* top_render: the screen. A title, the KPIs by day, week and month, and below a board: reps, pipeline, or teams. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "edge/top_inside.h"

enum { LABEL_COLUMNS = 24, VALUE_COLUMNS = 16, CHANGE_COLUMNS = 8, FEED_LOST_MS = 5000, WIDTH_MAX = 400 };

static const char *const window_names[TOP_WINDOWS] = { "today", "week_to_date", "month_to_date" };
static const char *const window_labels[2][TOP_WINDOWS] = { { "Hari ini", "Minggu ini", "Bulan ini" }, { "Today", "This week", "This month" } };

static const struct shown { const char *metric, *id, *en; } shown[] = {
	{ "won_revenue", "Pendapatan", "Won revenue" }, { "won_deals", "Kesepakatan", "Deals won" },
	{ "average_purchase_value", "Nilai pembelian", "Average purchase" }, { "win_rate", "Tingkat kemenangan", "Win rate" },
	{ "sales_cycle_days", "Siklus penjualan", "Sales cycle" }, { "opportunities_new", "Peluang baru", "New opportunities" },
	{ "leads_new", "Prospek baru", "New leads" }, { "lead_conversion", "Konversi prospek", "Lead conversion" },
	{ "new_revenue_share", "Pelanggan baru", "From new customers" }, { "revenue_per_rep", "Per tenaga sales", "Revenue per rep" },
	{ "dials", "Panggilan keluar", "Dials" }, { "connect_rate", "Tersambung", "Connect rate" }, { "aht", "Waktu penanganan", "Handling time" },
};
enum { SHOWN_COUNT = sizeof(shown) / sizeof(shown[0]) };

struct row {
	char name[64];
	double value;
	int32_t rank;
	struct buffer text;
};

struct board {
	struct row *rows;
	uint32_t count, capacity;
};

/* What one screen needs, gathered in one walk over the records. */
struct screen {
	const struct top *top;
	const struct top_view *view;
	const struct top_tenant *tenant;
	struct snapshot values[SHOWN_COUNT][TOP_WINDOWS];
	bool has[SHOWN_COUNT][TOP_WINDOWS];
	struct snapshot open, pipeline;
	bool has_open, has_pipeline;
	struct board board;
	struct buffer line;
	struct buffer *out;
	uint32_t line_count;
};

/* ---- lines ---------------------------------------------------------------------------------------------- */

/* Terminal columns of a text: its characters, without escape sequences. */
static uint32_t width_of(struct slice text)
{
	uint32_t width = 0;

	for (size_t i = 0; i < text.len;) {
		size_t bytes = utf8_character(text.at + i, text.len - i);

		if (text.at[i] == '\x1b') {
			while (i < text.len && text.at[i] != 'm')
				i++;
			i++;
			continue;
		}
		width++;
		i += bytes ? bytes : 1;
	}
	return width;
}

/* Appends at most `columns` of the text. */
static void put_cut(struct slice text, uint32_t columns, struct buffer *out)
{
	uint32_t width = 0;

	for (size_t i = 0; i < text.len;) {
		size_t bytes = utf8_character(text.at + i, text.len - i);

		if (text.at[i] == '\x1b') {
			size_t begin = i;

			while (i < text.len && text.at[i] != 'm')
				i++;
			i++;
			buffer_put(out, text.at + begin, (i > text.len ? text.len : i) - begin);
			continue;
		}
		if (width++ == columns)
			return;
		if (bytes && (unsigned char)text.at[i] >= ' ')
			buffer_put(out, text.at + i, bytes);
		else
			buffer_put_text(out, "?"); /* names come from outside */
		i += bytes ? bytes : 1;
	}
}

static void put_padded(struct slice text, uint32_t columns, bool right, struct buffer *out)
{
	uint32_t width = width_of(text);

	for (uint32_t i = width; right && i < columns; i++)
		buffer_put_text(out, " ");
	put_cut(text, columns, out);
	for (uint32_t i = width; !right && i < columns; i++)
		buffer_put_text(out, " ");
}

static void end_line(struct screen *s)
{
	if (!s->view->rows || s->line_count < s->view->rows) {
		put_cut(buffer_slice(&s->line), s->view->columns < WIDTH_MAX ? s->view->columns : WIDTH_MAX, s->out);
		buffer_put_text(s->out, s->view->colour ? "\x1b[0m\n" : "\n");
		s->line_count++;
	}
	buffer_reset(&s->line);
}

static void colour(struct screen *s, const char *code)
{
	if (s->view->colour)
		buffer_printf(&s->line, "\x1b[%sm", code);
}

/* ---- gathering ------------------------------------------------------------------------------------------ */

static void copy_name(struct slice from, char *to, size_t cap)
{
	snprintf(to, cap, SLICE_FMT, SLICE_ARG(from));
}

static void add_row(struct screen *s, const struct snapshot *r, struct slice name)
{
	struct row *row;

	X_GROW(s->board.rows, s->board.count, s->board.capacity);
	row = &s->board.rows[s->board.count++];
	memset(row, 0, sizeof(*row));
	copy_name(name, row->name, sizeof(row->name));
	row->value = r->value.is_set ? r->value.value : 0;
	buffer_init(&row->text);
	top_format(r, s->view->english, &row->text);
}

static void gather_board(struct screen *s, const struct snapshot *r, uint32_t window)
{
	bool in_window = slice_is(r->window, window_names[window]);
	struct slice name = r->group_label[0].len ? r->group_label[0] : r->group[0];

	switch (s->view->board % TOP_BOARDS) {
	case 0:
		if (in_window && slice_is(r->metric, "rep_revenue") && slice_is(r->group_by, "rep") && !slice_is(r->group[0], "(none)"))
			add_row(s, r, name);
		break;
	case 1:
		if (slice_is(r->metric, "pipeline_value") && slice_is(r->group_by, "stage"))
			add_row(s, r, name);
		break;
	default:
		if (in_window && slice_is(r->metric, "won_revenue") && slice_is(r->group_by, "team"))
			add_row(s, r, name);
		break;
	}
}

static void gather_company(struct screen *s, const struct snapshot *r)
{
	if (slice_is(r->metric, "opportunities_open")) {
		s->open = *r;
		s->has_open = true;
	}
	if (slice_is(r->metric, "pipeline_value")) {
		s->pipeline = *r;
		s->has_pipeline = true;
	}
	for (uint32_t m = 0; m < SHOWN_COUNT; m++) {
		if (!slice_is(r->metric, shown[m].metric))
			continue;
		for (uint32_t w = 0; w < TOP_WINDOWS; w++)
			if (slice_is(r->window, window_names[w])) {
				s->values[m][w] = *r;
				s->has[m][w] = true;
			}
	}
}

static int by_value(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	if (a->value != b->value)
		return a->value > b->value ? -1 : 1;
	return strcmp(a->name, b->name);
}

static void gather(struct screen *s)
{
	struct snapshot r;

	for (uint32_t cursor = 0; top_next(s->top, &cursor, &r);) {
		/* Another currency's money is another key; the board shows the company's own. */
		if (!slice_is(r.tenant_id, s->tenant->name) || (r.state && !strcmp(r.state, "FX_MISSING")))
			continue;
		if (!r.group_by.len)
			gather_company(s, &r);
		else
			gather_board(s, &r, s->view->window % TOP_WINDOWS);
	}
	if (s->board.count)
		qsort(s->board.rows, s->board.count, sizeof(*s->board.rows), by_value);
	for (uint32_t i = 0; i < s->board.count; i++)
		s->board.rows[i].rank = i && s->board.rows[i].value == s->board.rows[i - 1].value ? s->board.rows[i - 1].rank : (int32_t)i + 1;
}

/* ---- parts of the screen -------------------------------------------------------------------------------- */

static void put_freshness(struct screen *s)
{
	int64_t age_ms = s->view->now_ms - s->tenant->beat_ms;
	bool english = s->view->english;

	if (s->tenant->beat_ms == INT64_MIN) {
		buffer_put_text(&s->line, english ? "no heartbeat yet" : "belum ada detak");
	} else if (age_ms > FEED_LOST_MS) {
		colour(s, "1;31");
		buffer_printf(&s->line, english ? "feed lost for %lld s" : "aliran terputus %lld d", (long long)age_ms / 1000);
	} else {
		buffer_printf(&s->line, english ? "live, %.0f s behind" : "langsung, tertinggal %.0f d", s->tenant->lag_s < 0 ? 0.0 : s->tenant->lag_s);
	}
}

static void put_title(struct screen *s)
{
	char time[TIME_TEXT_MAX];

	colour(s, "1");
	buffer_printf(&s->line, "salespulse  %s", s->tenant->name);
	if (s->top->tenant_count > 1)
		buffer_printf(&s->line, " (%u/%u)", s->view->tenant % s->top->tenant_count + 1, s->top->tenant_count);
	colour(s, "0");
	buffer_printf(&s->line, "  %s  ", s->tenant->as_of_ms ? time_format(s->tenant->as_of_ms / 1000 * 1000, time) : "");
	put_freshness(s);
	end_line(s);
	end_line(s);
}

static void put_change(struct screen *s, const struct snapshot *r)
{
	struct buffer _cleanup_buffer_ text = { 0 };
	double change = r->change_pct.is_set ? r->change_pct.value : 0;

	if (r->change_pct.is_set)
		buffer_printf(&text, "%s%.0f %%", change > 0.5 ? "▲ " : change < -0.5 ? "▼ " : "", fabs(change));
	colour(s, change > 0.5 ? "32" : change < -0.5 ? "33" : "0");
	put_padded(buffer_slice(&text), CHANGE_COLUMNS, true, &s->line);
	colour(s, "0");
}

static void put_kpis(struct screen *s)
{
	uint32_t language = s->view->english, window = s->view->window % TOP_WINDOWS;

	put_padded(slice_of(""), LABEL_COLUMNS, false, &s->line);
	for (uint32_t w = 0; w < TOP_WINDOWS; w++) {
		colour(s, w == window ? "1;4" : "2");
		put_padded(slice_of(window_labels[language][w]), VALUE_COLUMNS, true, &s->line);
		colour(s, "0");
	}
	end_line(s);
	for (uint32_t m = 0; m < SHOWN_COUNT; m++) {
		put_padded(slice_of(s->view->english ? shown[m].en : shown[m].id), LABEL_COLUMNS, false, &s->line);
		for (uint32_t w = 0; w < TOP_WINDOWS; w++) {
			struct buffer _cleanup_buffer_ text = { 0 };

			if (s->has[m][w])
				top_format(&s->values[m][w], s->view->english, &text);
			put_padded(buffer_slice(&text), VALUE_COLUMNS, true, &s->line);
		}
		if (s->has[m][window])
			put_change(s, &s->values[m][window]);
		end_line(s);
	}
}

static void put_stock(struct screen *s)
{
	put_padded(slice_of(s->view->english ? "Open now" : "Terbuka sekarang"), LABEL_COLUMNS, false, &s->line);
	if (s->has_open)
		top_format(&s->open, s->view->english, &s->line);
	if (s->has_pipeline) {
		buffer_put_text(&s->line, "   ");
		top_format(&s->pipeline, s->view->english, &s->line);
	}
	end_line(s);
	end_line(s);
}

static void put_board(struct screen *s)
{
	static const char *const titles[2][TOP_BOARDS] = { { "Papan peringkat", "Pipeline per tahap", "Tim" }, { "Leaderboard", "Pipeline by stage", "Teams" } };
	uint32_t board = s->view->board % TOP_BOARDS, most = s->view->rows ? 50 : 10;
	double greatest = s->board.count ? s->board.rows[0].value : 0;

	colour(s, "1");
	buffer_printf(&s->line, "%s", titles[s->view->english][board]);
	colour(s, "0");
	if (board != 1)
		buffer_printf(&s->line, "  %s", window_labels[s->view->english][s->view->window % TOP_WINDOWS]);
	end_line(s);
	for (uint32_t i = 0; i < s->board.count && i < most; i++) {
		const struct row *row = &s->board.rows[i];

		buffer_printf(&s->line, "%3d  ", row->rank);
		put_padded(slice_of(row->name), LABEL_COLUMNS - 2, false, &s->line);
		put_padded(buffer_slice(&row->text), VALUE_COLUMNS, true, &s->line);
		buffer_put_text(&s->line, "  ");
		for (int k = 0; greatest > 0 && k < (int)(row->value / greatest * 24 + 0.5); k++)
			buffer_put_text(&s->line, "█");
		end_line(s);
	}
}

static void put_waiting(struct screen *s)
{
	buffer_put_text(&s->line, s->view->english ? "salespulse: waiting for the first values on kpi.latest …"
						   : "salespulse: menunggu nilai pertama di kpi.latest …");
	end_line(s);
}

void top_render(const struct top *top, const struct top_view *view, struct buffer *out)
{
	struct screen *s = x_calloc(1, sizeof(*s));

	s->top = top;
	s->view = view;
	s->out = out;
	if (!top->tenant_count) {
		put_waiting(s);
	} else {
		s->tenant = &top->tenants[view->tenant % top->tenant_count];
		gather(s);
		put_title(s);
		put_kpis(s);
		put_stock(s);
		put_board(s);
	}
	for (uint32_t i = 0; i < s->board.count; i++)
		buffer_deinit(&s->board.rows[i].text);
	free(s->board.rows);
	buffer_deinit(&s->line);
	free(s);
}
