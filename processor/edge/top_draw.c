/*
 * The drawing: a header with the time that the numbers speak of, a table of KPIs by window, a leaderboard beside the pipeline,
 * and a line that says how fresh it all is. Above, what the eye needs first; a greater terminal gets more rows, then more windows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "base/xalloc.h"
#include "edge/top_inside.h"

enum {
	COLUMNS_MIN = 40,
	ROWS_MIN = 8,
	CELL_WIDTH = 21,
	VALUE_WIDTH = 14,
	CHANGE_WIDTH = 5,
	LABEL_WIDTH_MIN = 17,
	KPIS_MAX = 600,
	CELLS_MAX = 7,
	BOARD_ROWS_PLAIN = 10,
	FRESH_MS = 1500,
	MOVED_MS = 60000,
	QUIET_S = 10,
	BAR_WIDTH_MAX = 20,
	RANK_WIDTH = 3,
	GAP_WIDTH = 13,
	STAGE_WIDTH = 11,
	STAGE_COUNT_WIDTH = 5,
	STAGES_WIDTH = STAGE_WIDTH + STAGE_COUNT_WIDTH + 1 + VALUE_WIDTH,
};

/* ---- words ------------------------------------------------------------------------------------------------------------------ */

struct words {
	const char *name;
	const char *in[2]; /* by enum top_language */
};

static const struct words windows[] = {
	/* the columns of the table, from left; the first three always */
	{ "today", { "Hari ini", "Today" } },
	{ "week_to_date", { "Minggu ini", "This week" } },
	{ "month_to_date", { "Bulan ini", "This month" } },
	{ "24h", { "24 jam", "24 hours" } },
	{ "7d", { "7 hari", "7 days" } },
	{ "quarter_to_date", { "Kuartal ini", "This quarter" } },
	{ "year_to_date", { "Tahun ini", "This year" } },
};
enum { WINDOW_COUNT = sizeof(windows) / sizeof(windows[0]) };

/* What a sales floor wants to see first; with names that fit a narrow column. */
static const struct words heroes[] = {
	{ "won_revenue", { "Pendapatan", "Revenue won" } },
	{ "won_deals", { "Deal menang", "Deals won" } },
	{ "win_rate", { "Tingkat menang", "Win rate" } },
	{ "average_purchase_value", { "Rata-rata deal", "Average deal" } },
	{ "revenue_per_rep", { "Per sales", "Revenue per rep" } },
	{ "opportunities_new", { "Peluang baru", "Opportunities" } },
	{ "leads_new", { "Prospek baru", "New leads" } },
	{ "dials", { "Panggilan keluar", "Dials" } },
	{ "connect_rate", { "Tersambung", "Connect rate" } },
	{ "sales_cycle_days", { "Siklus penjualan", "Sales cycle" } },
	{ "talk_time", { "Waktu bicara", "Talk time" } },
	{ "aht", { "Waktu penanganan", "Handling time" } },
	{ "lead_to_opportunity", { "Prospek→peluang", "Lead→opportunity" } },
	{ "lead_conversion", { "Konversi prospek", "Lead conversion" } },
};
enum { HERO_COUNT = sizeof(heroes) / sizeof(heroes[0]) };
/* Where the change of a metric that carries none is a metric of its own. */
static const char *const change_metrics[][2] = { { "won_revenue", "sales_growth" } };

static const struct {
	const char *group, *metrics[2], *in[2];
} boards[] = {
	{ "rep", { "rep_revenue", "won_revenue" }, { "Sales", "Reps" } },
	{ "team", { "won_revenue", NULL }, { "Tim", "Teams" } },
	{ "source", { "won_revenue", NULL }, { "Sumber", "Sources" } },
};
enum { BOARD_COUNT = sizeof(boards) / sizeof(boards[0]) };

static const char *say(enum top_language language, const char *indonesian, const char *english)
{
	return language == TOP_ID ? indonesian : english;
}

/* ---- the pen ------------------------------------------------------------------------------------------------------------------ */

enum style { PLAIN, DIM, BOLD, TITLE, GOOD, BAD, WATCH, FRESH };
static const char *const style_codes[] = {
	[PLAIN] = "",
	[DIM] = "\x1b[38;5;245m",
	[BOLD] = "\x1b[1m",
	[TITLE] = "\x1b[1;38;5;80m",
	[GOOD] = "\x1b[38;5;79m",
	[BAD] = "\x1b[38;5;209m",
	[WATCH] = "\x1b[38;5;220m",
	[FRESH] = "\x1b[1;38;5;229m",
};

struct pen {
	const struct top *top;
	const struct top_view *view;
	struct buffer *out;
	unsigned column, lines;
	size_t line_start; /* in out */
};

enum align { LEFT, RIGHT };

static void blanks(struct pen *pen, unsigned count)
{
	memset(buffer_reserve(pen->out, count), ' ', count);
	pen->out->len += count;
	pen->column += count;
}

/* Writes a text into a field of `width` columns; 0: as wide as it is. What would leave the line is cut. */
static void put(
	struct pen *pen, enum style style, struct slice text, unsigned width, enum align align)
{
	unsigned room = pen->view->columns - pen->column, needed = top_text_width(text);
	unsigned field = width == 0 ? needed : width;

	if (field > room)
		field = room;
	unsigned shown = needed < field ? needed : field;
	if (align == RIGHT)
		blanks(pen, field - shown);
	if (pen->view->is_coloured && style != PLAIN && shown > 0)
		buffer_put_text(pen->out, style_codes[style]);
	top_put_clean(text, shown, pen->out);
	pen->column += shown;
	if (pen->view->is_coloured && style != PLAIN && shown > 0)
		buffer_put_text(pen->out, "\x1b[0m");
	if (align == LEFT)
		blanks(pen, field - shown);
}

static void put_words(struct pen *pen, enum style style, const char *text, unsigned width)
{
	put(pen, style, slice_of(text), width, LEFT);
}

/* Goes on at this column of the line; where it has been passed, after one blank. */
static void move_to(struct pen *pen, unsigned column)
{
	unsigned wanted = column > pen->column ? column - pen->column : pen->column > 0;
	unsigned room = pen->view->columns - pen->column;

	blanks(pen, wanted < room ? wanted : room);
}

static void end_line(struct pen *pen)
{
	while (pen->out->len > pen->line_start && pen->out->data[pen->out->len - 1] == ' ')
		pen->out->len--;
	buffer_put_u8(pen->out, '\n');
	pen->line_start = pen->out->len;
	pen->column = 0;
	pen->lines++;
}

/* ---- what is looked at ------------------------------------------------------------------------------------------------------- */

struct scene {
	struct top_tenant tenant;
	uint32_t currency, nothing; /* intern ids; nothing: of the empty text */
	const struct zone *zone;    /* NULL: UTC */
	bool is_rupiah;
	unsigned cells;		 /* windows in the table */
	uint32_t kpis[KPIS_MAX]; /* metrics of the table, intern ids */
	unsigned kpi_count;
};

static struct slice text_of(const struct top *top, uint32_t id)
{
	return intern_text(&top->texts, id);
}

static const struct top_row *company_row(
	const struct top *top, const struct scene *scene, uint32_t metric, const char *window)
{
	return top_find(
		top, (struct top_row_key){ scene->tenant.id, metric, top_text_id(top, window),
			     scene->nothing, scene->nothing, scene->currency });
}

static void add_kpi(const struct top *top, struct scene *scene, uint32_t metric)
{
	bool has_value = false;

	for (unsigned i = 0; i < scene->kpi_count; i++)
		if (scene->kpis[i] == metric)
			return;
	for (unsigned w = 0; w < scene->cells && metric != 0; w++)
		has_value |= company_row(top, scene, metric, windows[w].name) != NULL;
	if (has_value && scene->kpi_count < KPIS_MAX)
		scene->kpis[scene->kpi_count++] = metric;
}

/* The heroes first, then the definitions' order, then whatever else has values: somebody's own KPI. */
static void choose_kpis(const struct top *top, struct scene *scene)
{
	for (unsigned i = 0; i < HERO_COUNT; i++)
		add_kpi(top, scene, top_text_id(top, heroes[i].name));
	for (size_t i = 0; i < top->label_count; i++)
		add_kpi(top, scene, top_text_id(top, top->labels[i].metric));
	for (uint32_t i = 0; i < top->row_count; i++)
		if (top->rows[i].key.tenant == scene->tenant.id &&
			top->rows[i].key.group_by == scene->nothing)
			add_kpi(top, scene, top->rows[i].key.metric);
}

static struct scene scene_of(const struct top *top, const struct top_view *view)
{
	struct scene scene = { .nothing = top_text_id(top, "") };

	scene.cells = 3;
	while (scene.cells < WINDOW_COUNT &&
		view->columns >= (scene.cells + 1) * CELL_WIDTH + LABEL_WIDTH_MIN + 4)
		scene.cells++;
	if (top->tenant_count == 0)
		return scene;
	scene.tenant = top->tenants[view->tenant % top->tenant_count];
	if (view->book != NULL) {
		const struct tenant_settings *known =
			tenant_book_find(view->book, text_of(top, scene.tenant.id));
		scene.zone = view->book->calendars[known->calendar].zone;
		scene.currency = known->currency != NULL ? top_text_id(top, known->currency) : 0;
		scene.is_rupiah = known->currency != NULL && strcmp(known->currency, "IDR") == 0;
	}
	choose_kpis(top, &scene);
	return scene;
}

/* ---- header and footer -------------------------------------------------------------------------------------------------------- */

static void put_clock(const struct scene *scene, enum top_language language, struct buffer *out)
{
	static const char *const days[2][7] = { { "Kam", "Jum", "Sab", "Min", "Sen", "Sel", "Rab" },
		{ "Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed" } };
	static const char *const months[2][12] = { { "Jan", "Feb", "Mar", "Apr", "Mei", "Jun",
							   "Jul", "Agu", "Sep", "Okt", "Nov",
							   "Des" },
		{ "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov",
			"Dec" } };
	int64_t at_ms = scene->tenant.as_of_ms;
	int32_t offset_ms = scene->zone != NULL ? zone_offset_at(scene->zone, at_ms) : 0;
	int64_t second = (at_ms + offset_ms - ((at_ms + offset_ms) % 1000 + 1000) % 1000) / 1000;
	int64_t day = (second - (second % 86400 + 86400) % 86400) / 86400;
	int year, offset_min = offset_ms / 60000;
	unsigned month, day_of_month, of_day = (unsigned)(second - day * 86400);

	civil_from_days(day, &year, &month, &day_of_month);
	buffer_printf(out, "%s %u %s %d %02u:%02u:%02u ", days[language][(day % 7 + 7) % 7],
		day_of_month, months[language][month - 1], year, of_day / 3600, of_day / 60 % 60,
		of_day % 60);
	if (scene->is_rupiah && offset_min >= 420 && offset_min <= 540 && offset_min % 60 == 0)
		buffer_put_text(out, offset_min == 420	 ? "WIB"
				     : offset_min == 480 ? "WITA"
							 : "WIT");
	else if (offset_min == 0)
		buffer_put_text(out, "UTC");
	else
		buffer_printf(out, "UTC%c%d:%02d", offset_min < 0 ? '-' : '+', abs(offset_min) / 60,
			abs(offset_min) % 60);
}

/* Feed lost, no feed, and no change are three things. */
static enum style feed_state(const struct pen *pen, const struct scene *scene, struct buffer *out)
{
	enum top_language language = pen->view->language;
	double age_s = (double)(pen->view->now_ms - scene->tenant.published_ms) / 1000;

	if (pen->view->feed == TOP_BROKER_GONE) {
		buffer_put_text(
			out, say(language, "✕ broker tak terjangkau", "✕ broker unreachable"));
		return BAD;
	}
	if (scene->tenant.id == 0) {
		buffer_put_text(
			out, pen->view->feed == TOP_LOADING
				     ? say(language, "… memuat", "… loading")
				     : say(language, "… menunggu angka", "… waiting for numbers"));
		return WATCH;
	}
	if (age_s > QUIET_S) {
		buffer_put_text(out, say(language, "○ tanpa kabar ", "○ no feed for "));
		top_format_age(age_s, language, out);
		return WATCH;
	}
	buffer_put_text(out, say(language, "● langsung", "● live"));
	return GOOD;
}

static void draw_header(struct pen *pen, const struct scene *scene)
{
	_cleanup_buffer_ struct buffer text = { 0 }, state = { 0 };
	enum style style = feed_state(pen, scene, &state);
	unsigned state_width = top_text_width(buffer_slice(&state));

	put_words(pen, TITLE, " SALESPULSE", 0);
	if (scene->tenant.id != 0) {
		buffer_put_text(&text, "  ");
		struct slice name = text_of(pen->top, scene->tenant.id);
		buffer_put(&text, name.at, name.len);
		if (pen->top->tenant_count > 1)
			buffer_printf(&text, " %u/%u",
				pen->view->tenant % pen->top->tenant_count + 1,
				pen->top->tenant_count);
		put(pen, BOLD, buffer_slice(&text), 0, LEFT);
		buffer_reset(&text);
		put_clock(scene, pen->view->language, &text);
	}
	unsigned clock_width = top_text_width(buffer_slice(&text)),
		 right = clock_width + 2 + state_width + 1;
	if (pen->column + 1 + right <= pen->view->columns) {
		move_to(pen, pen->view->columns - right);
		put(pen, PLAIN, buffer_slice(&text), 0, LEFT);
		blanks(pen, 2);
	} else {
		move_to(pen, pen->view->columns > state_width + 1
				     ? pen->view->columns - state_width - 1
				     : 0);
	}
	put(pen, style, buffer_slice(&state), 0, LEFT);
	end_line(pen);
}

/* When something was last heard, and how far the data's clock is behind. */
static void put_freshness(const struct top *top, const struct scene *scene,
	const struct top_view *view, struct buffer *out)
{
	enum top_language language = view->language;

	buffer_put_text(out, say(language, "kabar ", "heard "));
	top_format_age((double)(view->now_ms - scene->tenant.published_ms) / 1000, language, out);
	buffer_put_text(out, say(language, " lalu", " ago"));
	if (scene->tenant.has_lag && scene->tenant.lag_s > QUIET_S) {
		buffer_put_text(out, say(language, ", data tertinggal ", ", data behind by "));
		top_format_age(scene->tenant.lag_s, language, out);
	}
	if (top->refused_count > 0)
		buffer_printf(out, ", %s %" PRIu64, say(language, "tak termuat", "not taken"),
			top->refused_count);
}

static void draw_footer(struct pen *pen, const struct scene *scene)
{
	_cleanup_buffer_ struct buffer text = { 0 };
	enum top_language language = pen->view->language;

	if (scene->tenant.id != 0)
		put_freshness(pen->top, scene, pen->view, &text);
	unsigned width = top_text_width(buffer_slice(&text));
	if (pen->view->has_keys) {
		const char *keys =
			say(language, " q keluar  tab perusahaan  w jendela  g grup  l English",
				" q quit  tab company  w window  g group  l bahasa");
		bool is_short = top_text_width(slice_of(keys)) + width + 2 > pen->view->columns;
		put_words(pen, DIM, is_short ? " q tab w g l" : keys, 0);
	}
	move_to(pen, pen->view->columns > width + 1 ? pen->view->columns - width - 1 : 0);
	put(pen, DIM, buffer_slice(&text), 0, LEFT);
	end_line(pen);
}

/* ---- the table ------------------------------------------------------------------------------------------------------------------ */

static enum style fresh_or(const struct pen *pen, const struct top_row *row, enum style otherwise)
{
	return row != NULL && pen->view->now_ms - row->changed_ms < FRESH_MS ? FRESH : otherwise;
}

/* The definitions' name where it fits, else the short one. */
static void put_label(struct pen *pen, uint32_t metric, unsigned width)
{
	_cleanup_buffer_ struct buffer made = { 0 };
	enum top_language language = pen->view->language;
	struct slice name = text_of(pen->top, metric), label = { NULL, 0 };

	for (size_t i = 0; i < pen->top->label_count && label.at == NULL; i++)
		if (slice_is(name, pen->top->labels[i].metric))
			label = slice_of(language == TOP_ID ? pen->top->labels[i].id
							    : pen->top->labels[i].en);
	for (unsigned i = 0; i < HERO_COUNT && (label.at == NULL || top_text_width(label) > width);
		i++)
		if (slice_is(name, heroes[i].name))
			label = slice_of(heroes[i].in[language]);
	if (label.at == NULL) {
		top_put_name(name, &made);
		label = buffer_slice(&made);
	}
	put(pen, PLAIN, label, width, LEFT);
}

static const struct top_row *change_row(
	const struct top *top, const struct scene *scene, uint32_t metric, const char *window)
{
	for (size_t i = 0; i < sizeof(change_metrics) / sizeof(change_metrics[0]); i++)
		if (slice_is(text_of(top, metric), change_metrics[i][0]))
			return company_row(
				top, scene, top_text_id(top, change_metrics[i][1]), window);
	return NULL;
}

static void put_cell(
	struct pen *pen, const struct scene *scene, uint32_t metric, const char *window)
{
	const struct top_row *row = company_row(pen->top, scene, metric, window);
	const struct top_row *growth = change_row(pen->top, scene, metric, window);
	_cleanup_buffer_ struct buffer value = { 0 }, change = { 0 };
	double pct = 0;
	bool has_change = false;

	if (row != NULL && row->has_change) {
		pct = row->change_pct;
		has_change = true;
	} else if (growth != NULL && growth->has_value) {
		pct = growth->value;
		has_change = true;
	}
	top_format_row(pen->top, row, pen->view->language, &value);
	if (has_change)
		top_format_change(pct, pen->view->language, &change);
	bool has_value = row != NULL && row->has_value;
	put(pen, has_value ? fresh_or(pen, row, PLAIN) : DIM, buffer_slice(&value), VALUE_WIDTH,
		RIGHT);
	blanks(pen, pen->column < pen->view->columns);
	put(pen, pct > 0 ? GOOD : pct < 0 ? BAD : DIM, buffer_slice(&change), CHANGE_WIDTH, LEFT);
	blanks(pen, pen->column < pen->view->columns);
}

static void draw_table(struct pen *pen, const struct scene *scene, unsigned rows)
{
	unsigned label_width = pen->view->columns - scene->cells * CELL_WIDTH;

	if (pen->view->columns < 3 * CELL_WIDTH + LABEL_WIDTH_MIN)
		label_width = LABEL_WIDTH_MIN;
	if (label_width > 34)
		label_width = 34;
	put_words(pen, DIM, say(pen->view->language, " KPI", " KPI"), label_width);
	for (unsigned w = 0; w < scene->cells; w++) {
		put(pen, DIM, slice_of(windows[w].in[pen->view->language]), VALUE_WIDTH, RIGHT);
		move_to(pen, label_width + (w + 1) * CELL_WIDTH);
	}
	end_line(pen);
	for (unsigned i = 0; i < scene->kpi_count && i < rows; i++) {
		put_words(pen, PLAIN, " ", 1);
		put_label(pen, scene->kpis[i], label_width - 1);
		for (unsigned w = 0; w < scene->cells; w++)
			put_cell(pen, scene, scene->kpis[i], windows[w].name);
		end_line(pen);
	}
}

/* ---- leaderboard and pipeline ------------------------------------------------------------------------------------------------------ */

struct rows {
	const struct top_row **items; /* owned */
	size_t count, capacity;
};

struct wish {
	const struct top *top;
	uint32_t tenant, metric, window, group_by, currency;
};

static struct rows rows_like(const struct wish *wish)
{
	struct rows rows = { 0 };

	for (uint32_t i = 0; i < wish->top->row_count; i++) {
		const struct top_row *row = &wish->top->rows[i];
		if (row->is_removed || row->key.tenant != wish->tenant ||
			row->key.metric != wish->metric || row->key.window != wish->window ||
			row->key.group_by != wish->group_by ||
			(wish->currency != 0 && row->key.currency != wish->currency))
			continue;
		X_GROW(rows.items, rows.count, rows.capacity);
		rows.items[rows.count++] = row;
	}
	return rows;
}

static int by_value(const void *a, const void *b, void *top)
{
	const struct top_row *x = *(const struct top_row *const *)a,
			     *y = *(const struct top_row *const *)b;

	if (x->has_exact != y->has_exact)
		return x->has_exact ? -1 : 1;
	if (x->exact != y->exact)
		return x->exact > y->exact ? -1 : 1;
	return slice_compare(text_of(top, x->key.group_key), text_of(top, y->key.group_key));
}

static int by_key(const void *a, const void *b, void *top)
{
	const struct top_row *x = *(const struct top_row *const *)a,
			     *y = *(const struct top_row *const *)b;

	return slice_compare(text_of(top, x->key.group_key), text_of(top, y->key.group_key));
}

/* Nobody is no competitor; what nobody won shows only where it is something. */
static void drop_nobody(const struct top *top, struct rows *rows)
{
	size_t kept = 0;

	for (size_t i = 0; i < rows->count; i++)
		if (rows->items[i]->exact != 0 ||
			!slice_is(text_of(top, rows->items[i]->key.group_key), "(none)"))
			rows->items[kept++] = rows->items[i];
	rows->count = kept;
}

static struct rows board_rows(
	const struct pen *pen, const struct scene *scene, unsigned board, const char *window)
{
	struct rows rows = { 0 };

	for (unsigned m = 0; m < 2 && boards[board].metrics[m] != NULL && rows.count == 0; m++) {
		free(rows.items);
		rows = rows_like(&(struct wish){ pen->top, scene->tenant.id,
			top_text_id(pen->top, boards[board].metrics[m]),
			top_text_id(pen->top, window), top_text_id(pen->top, boards[board].group),
			scene->currency });
	}
	drop_nobody(pen->top, &rows);
	if (rows.count > 0)
		qsort_r(rows.items, rows.count, sizeof(*rows.items), by_value,
			(void *)(uintptr_t)pen->top);
	return rows;
}

/* The window that the leaderboard shows: this month at first, then those after it that have one. */
static unsigned board_window(const struct pen *pen, const struct scene *scene, unsigned board)
{
	enum { FIRST = 2 };
	unsigned there[WINDOW_COUNT], count = 0;

	for (unsigned i = 0; i < WINDOW_COUNT; i++) {
		unsigned window = (FIRST + i) % WINDOW_COUNT;
		struct rows rows = board_rows(pen, scene, board, windows[window].name);
		if (rows.count > 0)
			there[count++] = window;
		free(rows.items);
	}
	return count > 0 ? there[pen->view->window % count] : FIRST;
}

/* The arrow of a place that was won or lost in the last minute. */
static int moved(const struct pen *pen, const struct top_row *row)
{
	struct top_row_key key = row->key;

	key.metric = top_text_id(pen->top, "rep_rank");
	key.currency = TOP_ANY;
	const struct top_row *rank = top_find(pen->top, key);
	return rank != NULL && pen->view->now_ms - rank->changed_ms < MOVED_MS ? rank->moved : 0;
}

static void put_row_name(struct pen *pen, const struct top_row *row, unsigned width)
{
	_cleanup_buffer_ struct buffer name = { 0 };

	if (row->label != 0)
		put(pen, PLAIN, text_of(pen->top, row->label), width, LEFT);
	else {
		top_put_name(text_of(pen->top, row->key.group_key), &name);
		put(pen, PLAIN, buffer_slice(&name), width, LEFT);
	}
}

/* «−12,4 juta»: what is missing to the next place above; ties stand in one place and need nothing. */
static void put_gap(struct pen *pen, const struct rows *rows, size_t place, unsigned width)
{
	_cleanup_buffer_ struct buffer gap = { 0 };
	size_t above = place;

	while (above > 0 && rows->items[above - 1]->exact == rows->items[place]->exact)
		above--;
	if (above > 0 && rows->items[place]->has_exact) {
		double missing = decimal_to_double(
			rows->items[above - 1]->exact - rows->items[place]->exact);
		buffer_put_text(&gap, "−");
		top_format_value(
			missing, "CURRENCY", (struct slice){ NULL, 0 }, pen->view->language, &gap);
	}
	put(pen, DIM, buffer_slice(&gap), width, RIGHT);
}

static void put_board_row(
	struct pen *pen, const struct rows *rows, size_t place, unsigned rank, unsigned width)
{
	const struct top_row *row = rows->items[place];
	int steps = moved(pen, row);
	char number[16];
	_cleanup_buffer_ struct buffer value = { 0 };
	unsigned rest = RANK_WIDTH + 2 + VALUE_WIDTH + 1 + GAP_WIDTH;

	snprintf(number, sizeof(number), row->has_exact ? "%u" : "–", rank);
	put(pen, rank <= 3 ? BOLD : PLAIN, slice_of(number), RANK_WIDTH, RIGHT);
	put_words(pen, steps > 0 ? GOOD : BAD, steps > 0 ? "▲" : steps < 0 ? "▼" : "", 2);
	put_row_name(pen, row, width > rest + 8 ? width - rest : 8);
	top_format_row(pen->top, row, pen->view->language, &value);
	put(pen, fresh_or(pen, row, rank <= 3 ? BOLD : PLAIN), buffer_slice(&value),
		VALUE_WIDTH + 1, RIGHT);
	if (width > rest + 8)
		put_gap(pen, rows, place, GAP_WIDTH);
}

static void put_stage_row(struct pen *pen, const struct scene *scene, const struct rows *stages,
	size_t place, double most)
{
	const struct top_row *count = stages->items[place], *worth;
	struct top_row_key key = count->key;
	_cleanup_buffer_ struct buffer text = { 0 };

	key.metric = top_text_id(pen->top, "pipeline_value");
	key.currency = scene->currency != 0 ? scene->currency : TOP_ANY;
	worth = top_find(pen->top, key);
	put_row_name(pen, count, STAGE_WIDTH);
	top_format_row(pen->top, count, pen->view->language, &text);
	put(pen, fresh_or(pen, count, PLAIN), buffer_slice(&text), STAGE_COUNT_WIDTH, RIGHT);
	buffer_reset(&text);
	top_format_row(pen->top, worth, pen->view->language, &text);
	put(pen, fresh_or(pen, worth, PLAIN), buffer_slice(&text), VALUE_WIDTH + 1, RIGHT);
	buffer_reset(&text);
	unsigned room = pen->view->columns - pen->column, bar = room > BAR_WIDTH_MAX + 2
									? BAR_WIDTH_MAX
								: room > 3 ? room - 3
									   : 0;
	if (worth == NULL || !worth->has_value || most <= 0 || bar < 4)
		return;
	buffer_put_text(&text, "  ");
	for (unsigned i = 0; i < (unsigned)(worth->value / most * bar + 0.5) && i < bar; i++)
		buffer_put_text(&text, "█");
	put(pen, GOOD, buffer_slice(&text), 0, LEFT);
}

static void put_stage_total(struct pen *pen, const struct scene *scene)
{
	_cleanup_buffer_ struct buffer text = { 0 };
	enum top_language language = pen->view->language;

	put_words(pen, DIM, "Total", STAGE_WIDTH);
	top_format_row(pen->top,
		company_row(pen->top, scene, top_text_id(pen->top, "opportunities_open"), "now"),
		language, &text);
	put(pen, BOLD, buffer_slice(&text), STAGE_COUNT_WIDTH, RIGHT);
	buffer_reset(&text);
	top_format_row(pen->top,
		company_row(pen->top, scene, top_text_id(pen->top, "pipeline_value"), "now"),
		language, &text);
	put(pen, BOLD, buffer_slice(&text), VALUE_WIDTH + 1, RIGHT);
}

static void put_stage_weighted(struct pen *pen, const struct scene *scene)
{
	_cleanup_buffer_ struct buffer text = { 0 };

	put_words(pen, DIM, say(pen->view->language, "Tertimbang", "Weighted"),
		STAGE_WIDTH + STAGE_COUNT_WIDTH);
	top_format_row(pen->top,
		company_row(pen->top, scene, top_text_id(pen->top, "pipeline_weighted"), "now"),
		pen->view->language, &text);
	put(pen, PLAIN, buffer_slice(&text), VALUE_WIDTH + 1, RIGHT);
}

/* Stages with something in them, in the order of their codes. */
static struct rows stage_rows(const struct pen *pen, const struct scene *scene)
{
	struct rows rows = rows_like(&(struct wish){ pen->top, scene->tenant.id,
		top_text_id(pen->top, "opportunities_open"), top_text_id(pen->top, "now"),
		top_text_id(pen->top, "stage"), 0 });
	size_t kept = 0;

	for (size_t i = 0; i < rows.count; i++)
		if (rows.items[i]->has_value && rows.items[i]->exact != 0)
			rows.items[kept++] = rows.items[i];
	rows.count = kept;
	if (kept > 0)
		qsort_r(rows.items, kept, sizeof(*rows.items), by_key, (void *)(uintptr_t)pen->top);
	return rows;
}

static double greatest_value(
	const struct pen *pen, const struct scene *scene, const struct rows *stages)
{
	double most = 0;

	for (size_t i = 0; i < stages->count; i++) {
		struct top_row_key key = stages->items[i]->key;
		key.metric = top_text_id(pen->top, "pipeline_value");
		key.currency = scene->currency != 0 ? scene->currency : TOP_ANY;
		const struct top_row *worth = top_find(pen->top, key);
		if (worth != NULL && worth->has_value && worth->value > most)
			most = worth->value;
	}
	return most;
}

static void draw_board_title(struct pen *pen, unsigned board, unsigned window, unsigned left)
{
	_cleanup_buffer_ struct buffer text = { 0 };
	enum top_language language = pen->view->language;

	buffer_printf(&text, " %s · %s · %s", say(language, "Peringkat", "Ranking"),
		boards[board].in[language], windows[window].in[language]);
	put(pen, TITLE, buffer_slice(&text), left, LEFT);
	if (left < pen->view->columns)
		put_words(pen, TITLE, say(language, "Pipeline per tahap", "Pipeline by stage"), 0);
	end_line(pen);
}

static void draw_boards(struct pen *pen, const struct scene *scene, unsigned lines)
{
	unsigned columns = pen->view->columns, left = columns < 72     ? columns
						      : columns >= 110 ? 64
								       : columns - STAGES_WIDTH - 1;
	unsigned kind = pen->view->group % BOARD_COUNT, window = board_window(pen, scene, kind);
	struct rows board = board_rows(pen, scene, kind, windows[window].name),
		    stages = stage_rows(pen, scene);
	double most = greatest_value(pen, scene, &stages);
	unsigned rank = 0;

	draw_board_title(pen, kind, window, left);
	for (unsigned line = 0; line < lines; line++) {
		if (line < board.count &&
			(line == 0 || board.items[line]->exact != board.items[line - 1]->exact))
			rank = line + 1;
		if (line < board.count)
			put_board_row(pen, &board, line, rank, left - 2);
		if (left < columns) {
			move_to(pen, left);
			if (line < stages.count)
				put_stage_row(pen, scene, &stages, line, most);
			else if (line == stages.count && stages.count > 0)
				put_stage_total(pen, scene);
			else if (line == stages.count + 1 && stages.count > 0)
				put_stage_weighted(pen, scene);
		}
		end_line(pen);
	}
	free(board.items);
	free(stages.items);
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------------------ */

static void draw_waiting(struct pen *pen, unsigned lines)
{
	for (unsigned line = 0; line < lines; line++) {
		if (line == lines / 3)
			put_words(pen, DIM,
				say(pen->view->language,
					" Angka pertama muncul begitu prosesor menerbitkannya.",
					" The first numbers show as soon as the processor "
					"publishes them."),
				0);
		end_line(pen);
	}
}

/* Half of the lines for the table, if it has that many; the rest for the boards. */
static void share_lines(const struct top_view *view, const struct scene *scene, unsigned *ret_kpis,
	unsigned *ret_board)
{
	enum { FRAME = 6 }; /* header, blank, the table's head, blank, the boards' head, footer */

	*ret_kpis = scene->kpi_count;
	*ret_board = BOARD_ROWS_PLAIN;
	if (view->rows == 0)
		return;
	unsigned lines = view->rows > FRAME ? view->rows - FRAME : 0, half = (lines + 1) / 2;
	if (*ret_kpis > half)
		*ret_kpis = half;
	*ret_board = lines - *ret_kpis;
}

void top_draw(const struct top *top, const struct top_view *view, struct buffer *out)
{
	struct pen pen = { top, view, out, 0, 0, out->len };

	if (view->columns < COLUMNS_MIN || (view->rows != 0 && view->rows < ROWS_MIN)) {
		if (view->columns >= 10)
			put_words(&pen, PLAIN, "salespulse", 0);
		end_line(&pen);
		return;
	}
	struct scene scene = scene_of(top, view);
	unsigned kpis, board;
	share_lines(view, &scene, &kpis, &board);
	draw_header(&pen, &scene);
	if (scene.tenant.id == 0) {
		draw_waiting(&pen, view->rows != 0 ? view->rows - 2 : 1);
	} else {
		end_line(&pen);
		draw_table(&pen, &scene, kpis);
		end_line(&pen);
		draw_boards(&pen, &scene, board);
	}
	draw_footer(&pen, &scene);
}
