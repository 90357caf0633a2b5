#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/timefmt.h"
#include "edge/top.h"
#include "edge/top_inside.h"

static const struct zone jakarta = {
	.transitions = NULL, .count = 0, .first_offset_ms = 7 * 3600000
};
static const struct calendar calendars[1] = { { .zone = &jakarta, .week_start = 1, .fiscal_start_month = 1 } };
static const struct tenant_book book = { calendars, 1, NULL, 0, { NULL, 0, "IDR", NULL }, 0 };
static const struct top_label labels[] = {
	{ "won_revenue", "Won revenue", "Pendapatan dimenangkan" },
	{ "own_kpi", "A KPI of our own", "KPI kami sendiri" },
};

static int64_t revision;

static int64_t now(void)
{
	int64_t ms = 0;

	assert_true(time_parse(SLICE_LIT("2026-03-26T14:03:22+07:00"), &ms));
	return ms;
}

static struct snapshot record_of(
	const char *metric, const char *window, const char *unit, double value)
{
	struct snapshot record = { .tenant_id = SLICE_LIT("nusantara-niaga"),
		.metric = slice_of(metric),
		.window = slice_of(window),
		.group_by = SLICE_LIT(""),
		.group_key = SLICE_LIT(""),
		.currency = SLICE_LIT(""),
		.unit = unit,
		.state = "OK",
		.basis = "EVENT",
		.value = { true, value },
		.value_decimal = { true, (i128)(value * 10000) },
		.as_of_ms = now() - 400,
		.published_at_ms = now() - 400 };

	if (strcmp(unit, "CURRENCY") == 0)
		record.currency = SLICE_LIT("IDR");
	record.revision = ++revision;
	return record;
}

static void put(
	struct top *top, const char *metric, const char *window, const char *unit, double value)
{
	struct snapshot record = record_of(metric, window, unit, value);

	assert_true(top_put(top, &record, now() - 60000));
}

static void put_group(struct top *top, const char *metric, const char *window, const char *group,
	const char *key, const char *label, const char *unit, double value)
{
	struct snapshot record = record_of(metric, window, unit, value);

	record.group_by = slice_of(group);
	record.group_key = slice_of(key);
	record.group_label[0] = slice_of(label);
	assert_true(top_put(top, &record, now() - 60000));
}

static void fill_table(struct top *top)
{
	static const struct {
		const char *metric, *unit;
		double today, week, month;
	} kpis[] = {
		{ "won_revenue", "CURRENCY", 152750000, 1253400000, 4120500000 },
		{ "won_deals", "COUNT", 7, 41, 1204 },
		{ "win_rate", "PERCENT", 33.3333, 28.571, 31.24 },
		{ "average_purchase_value", "CURRENCY", 21821428.57, 30570731, 29857246 },
		{ "revenue_per_rep", "CURRENCY", 8486111, 69633333, 999600000 },
		{ "sales_cycle_days", "DAYS", 8.41, 9.0, 10.26 },
		{ "opportunities_new", "COUNT", 18, 96, 311 },
		{ "leads_new", "COUNT", 61, 301, 1130 },
		{ "dials", "COUNT", 140, 801, 2986 },
		{ "connect_rate", "PERCENT", 51.2, 49.8, 50.04 },
		{ "talk_time", "SECONDS", 25205, 130000, 500123 },
		{ "own_kpi", "RATIO", 1.5, 2.25, 3 },
	};
	static const char *const windows[] = { "today", "week_to_date", "month_to_date" };
	static const double growth[] = { 12.4, -3.21, 0 };

	for (size_t i = 0; i < sizeof(kpis) / sizeof(kpis[0]); i++) {
		const double values[] = { kpis[i].today, kpis[i].week, kpis[i].month };
		for (int w = 0; w < 3; w++)
			put(top, kpis[i].metric, windows[w], kpis[i].unit, values[w]);
	}
	for (int w = 0; w < 3; w++)
		put(top, "sales_growth", windows[w], "PERCENT", growth[w]);
}

static void fill_boards(struct top *top)
{
	static const struct {
		const char *id, *name;
		double amount;
	} reps[] = {
		{ "budi.santoso", "Budi Santoso", 850000000 },
		{ "siti.wijaya", "Siti Wijaya", 612500000 },
		{ "made.kusuma", "Made Kusuma", 612500000 },
		{ "agus.pratama", "Agus Pratama", 98000000 },
		{ "ketut.simanjuntak", "Ketut Simanjuntak-Hutapea", 4250000 },
		{ "rina.lubis", "Rina Lubis", 0 },
		{ "(none)", NULL, 0 },
	};
	static const struct {
		const char *key;
		double count, value;
	} stages[] = {
		{ "penjualan/40-negosiasi", 12, 410000000 },
		{ "penjualan/10-prospek", 61, 1200500000 },
		{ "penjualan/20-kualifikasi", 33, 880000000 },
		{ "penjualan/90-menang", 0, 0 },
		{ "penjualan/30-penawaran", 22, 640000000 },
	};

	for (size_t i = 0; i < sizeof(reps) / sizeof(reps[0]); i++) {
		put_group(top, "rep_revenue", "month_to_date", "rep", reps[i].id, reps[i].name,
			"CURRENCY", reps[i].amount);
		put_group(top, "rep_revenue", "24h", "rep", reps[i].id, reps[i].name, "CURRENCY",
			reps[i].amount / 10);
	}
	put_group(top, "won_revenue", "month_to_date", "team", "jakarta", NULL, "CURRENCY", 2.5e9);
	put_group(top, "won_revenue", "month_to_date", "team", "bandung", NULL, "CURRENCY", 1.6e9);
	for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]); i++) {
		put_group(top, "opportunities_open", "now", "stage", stages[i].key, NULL, "COUNT",
			stages[i].count);
		put_group(top, "pipeline_value", "now", "stage", stages[i].key, NULL, "CURRENCY",
			stages[i].value);
	}
	put(top, "opportunities_open", "now", "COUNT", 128);
	put(top, "pipeline_value", "now", "CURRENCY", 3130500000);
	put(top, "pipeline_weighted", "now", "CURRENCY", 968000000);
}

static struct top *board(void)
{
	struct top *top = top_new(labels, 2, 1000);

	revision = 0;
	fill_table(top);
	fill_boards(top);
	return top;
}

static struct top_view view_of(unsigned rows, unsigned columns)
{
	return (struct top_view){ .rows = rows,
		.columns = columns,
		.has_keys = true,
		.language = TOP_ID,
		.now_ms = now(),
		.feed = TOP_READING,
		.book = &book };
}

static const char *draw(const struct top *top, const struct top_view *view, struct buffer *out)
{
	buffer_reset(out);
	top_draw(top, view, out);
	return buffer_text(out);
}

static void test_golden_80x24(void **state)
{
	_cleanup_buffer_ struct buffer out = { 0 };
	struct top *top = board();
	struct top_view view = view_of(24, 80);
	const char *golden =
		" SALESPULSE  nusantara-niaga           Kam 26 Mar 2026 14:03:21 WIB  ● langsung\n"
		"\n"
		" KPI                   Hari ini           Minggu ini            Bulan ini\n"
		" Pendapatan         Rp 153 juta ▲12%  Rp 1,25 miliar ▼3,2% Rp 4,12 miliar =\n"
		" Deal menang                  7                   41                1.204\n"
		" Tingkat menang          33,3 %               28,6 %               31,2 %\n"
		" Rata-rata deal    Rp 21,8 juta         Rp 30,6 juta         Rp 29,9 juta\n"
		" Per sales         Rp 8,49 juta         Rp 69,6 juta       Rp 1,00 miliar\n"
		" Peluang baru                18                   96                  311\n"
		" Prospek baru                61                  301                1.130\n"
		" Panggilan keluar           140                  801                2.986\n"
		" Tersambung              51,2 %               49,8 %               50,0 %\n"
		"\n"
		" Peringkat · Sales · Bulan ini                  Pipeline per tahap\n"
		"  1  Budi Santoso     Rp 850 juta               Prospek       61 Rp 1,20 miliar\n"
		"  2  Made Kusuma      Rp 612 juta    −238 juta  Kualifikasi   33    Rp 880 juta\n"
		"  2  Siti Wijaya      Rp 612 juta    −238 juta  Penawaran     22    Rp 640 juta\n"
		"  4  Agus Pratama    Rp 98,0 juta    −514 juta  Negosiasi     12    Rp 410 juta\n"
		"  5  Ketut Simanj…   Rp 4,25 juta   −93,8 juta  Total        128 Rp 3,13 miliar\n"
		"  6  Rina Lubis              Rp 0   −4,25 juta  Tertimbang          Rp 968 juta\n"
		"\n"
		"\n"
		"\n"
		" q keluar  tab perusahaan  w jendela  g grup  l English      kabar 0,4 dtk lalu\n";

	(void)state;
	assert_string_equal(draw(top, &view, &out), golden);
	top_free(top);
}

/* No line too many, none too wide, whatever the size. */
static void test_every_size_fits(void **state)
{
	_cleanup_buffer_ struct buffer out = { 0 };
	struct top *top = board();

	(void)state;
	for (unsigned rows = 1; rows < 60; rows += 3)
		for (unsigned columns = 1; columns < 200; columns += 7) {
			struct top_view view = view_of(rows, columns);
			const char *at = draw(top, &view, &out);
			unsigned lines = 0;
			for (const char *end; (end = strchr(at, '\n')) != NULL;
				at = end + 1, lines++)
				assert_true(top_text_width((struct slice){
						    at, (size_t)(end - at) }) <= columns);
			assert_true(*at == '\0' && lines <= rows);
			if (rows >= 8 && columns >= 40)
				assert_int_equal(lines, rows);
		}
	top_free(top);
}

static void test_more_room_shows_more(void **state)
{
	_cleanup_buffer_ struct buffer out = { 0 };
	struct top *top = board();
	struct top_view view = view_of(24, 80);

	(void)state;
	assert_null(strstr(draw(top, &view, &out), "KPI kami sendiri"));
	view.rows = 40;
	assert_non_null(strstr(draw(top, &view, &out), "KPI kami sendiri"));
	assert_null(strstr(draw(top, &view, &out), "24 jam"));
	view.columns = 130;
	assert_non_null(strstr(draw(top, &view, &out), "24 jam"));
	assert_non_null(strstr(draw(top, &view, &out), "Pendapatan dimenangkan"));
	view.rows = 0;
	assert_non_null(strstr(draw(top, &view, &out), "KPI kami sendiri"));
	top_free(top);
}

static void test_keys_change_what_is_shown(void **state)
{
	_cleanup_buffer_ struct buffer out = { 0 };
	struct top *top = board();
	struct top_view view = view_of(24, 80);
	struct snapshot other = record_of("won_revenue", "today", "CURRENCY", 77000000);

	(void)state;
	other.tenant_id = SLICE_LIT("bahari-tekno");
	assert_true(top_put(top, &other, now()));
	assert_non_null(strstr(draw(top, &view, &out), "bahari-tekno 1/2"));
	assert_non_null(strstr(draw(top, &view, &out), "Rp 77,0 juta"));
	view.tenant = 3;
	assert_non_null(strstr(draw(top, &view, &out), "nusantara-niaga 2/2"));
	view.group = 1;
	assert_non_null(strstr(draw(top, &view, &out), "Tim · Bulan ini"));
	assert_non_null(strstr(draw(top, &view, &out), "Jakarta"));
	view.group = 0;
	view.window = 1;
	assert_non_null(strstr(draw(top, &view, &out), "Sales · 24 jam"));
	assert_non_null(strstr(draw(top, &view, &out), "Rp 85,0 juta"));
	view.language = TOP_EN;
	assert_non_null(strstr(draw(top, &view, &out), "Reps · 24 hours"));
	assert_non_null(strstr(draw(top, &view, &out), "Rp 1.25 bn"));
	top_free(top);
}

static void test_highest_revision_stays(void **state)
{
	struct top *top = top_new(NULL, 0, 100);
	struct snapshot first = record_of("won_deals", "today", "COUNT", 5),
			second = record_of("won_deals", "today", "COUNT", 6);
	struct top_row_key key;

	(void)state;
	assert_true(top_put(top, &second, now()));
	assert_false(top_put(top, &first, now()));
	assert_false(top_put(top, &second, now()));
	key = (struct top_row_key){ top_text_id(top, "nusantara-niaga"),
		top_text_id(top, "won_deals"), top_text_id(top, "today"), top_text_id(top, ""),
		top_text_id(top, ""), TOP_ANY };
	assert_true(top_find(top, key)->exact == 60000);
	assert_int_equal(top_key_count(top), 1);

	_cleanup_buffer_ struct buffer bytes = { 0 };
	const char *const texts[] = { "nusantara-niaga", "won_deals", "today", "", "", "" };
	for (int i = 0; i < 6; i++) {
		buffer_put_zigzag(&bytes, (int64_t)strlen(texts[i]));
		buffer_put_text(&bytes, texts[i]);
	}
	assert_false(top_remove(top, (struct slice){ (const char *)bytes.data, bytes.len - 1 }));
	assert_true(top_remove(top, buffer_slice(&bytes)));
	assert_null(top_find(top, key));
	assert_int_equal(top_key_count(top), 0);
	assert_false(top_remove(top, buffer_slice(&bytes)));
	top_free(top);
}

static void test_limit_is_counted(void **state)
{
	struct top *top = top_new(NULL, 0, 2);
	static const char *const metrics[] = { "a", "b", "c", "d" };

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct snapshot record = record_of(metrics[i], "today", "COUNT", i);
		assert_int_equal(top_put(top, &record, now()), i < 2);
	}
	assert_int_equal(top_refused_count(top), 2);
	top_free(top);
}

static void test_feed_states_are_told_apart(void **state)
{
	_cleanup_buffer_ struct buffer out = { 0 };
	struct top *top = top_new(NULL, 0, 10);
	struct top_view view = view_of(24, 80);

	(void)state;
	view.feed = TOP_LOADING;
	assert_non_null(strstr(draw(top, &view, &out), "memuat"));
	view.feed = TOP_READING;
	assert_non_null(strstr(draw(top, &view, &out), "menunggu angka"));
	put(top, "heartbeat", "now", "SECONDS", 95);
	assert_int_equal(top_key_count(top), 0);
	assert_non_null(strstr(draw(top, &view, &out), "● langsung"));
	assert_non_null(strstr(draw(top, &view, &out), "data tertinggal 2 mnt"));
	assert_null(strstr(draw(top, &view, &out), "Heartbeat"));
	view.now_ms += 47000;
	assert_non_null(strstr(draw(top, &view, &out), "tanpa kabar 47 dtk"));
	view.feed = TOP_BROKER_GONE;
	assert_non_null(strstr(draw(top, &view, &out), "broker tak terjangkau"));
	top_free(top);
}

static void test_nothing_hostile_reaches_the_terminal(void **state)
{
	_cleanup_buffer_ struct buffer out = { 0 };
	struct top *top = top_new(NULL, 0, 10);
	struct top_view view = view_of(24, 130);

	(void)state;
	put_group(top, "rep_revenue", "month_to_date", "rep", "x",
		"evil\x1b[2J\xc2\x9b\x07\xff\xe2\x80\xaename", "CURRENCY", 5e6);
	draw(top, &view, &out);
	assert_null(strchr(buffer_text(&out), '\x1b'));
	assert_null(strchr(buffer_text(&out), '\x07'));
	assert_non_null(strstr(buffer_text(&out), "evil?[2J????name"));
	view.is_coloured = true;
	assert_non_null(strchr(draw(top, &view, &out), '\x1b'));
	assert_null(strstr(buffer_text(&out), "\x1b[2J"));
	top_free(top);
}

static void assert_value(double value, const char *unit, const char *id, const char *en)
{
	_cleanup_buffer_ struct buffer out = { 0 };

	top_format_value(value, unit, SLICE_LIT("IDR"), TOP_ID, &out);
	assert_string_equal(buffer_text(&out), id);
	buffer_reset(&out);
	top_format_value(value, unit, SLICE_LIT("IDR"), TOP_EN, &out);
	assert_string_equal(buffer_text(&out), en);
}

static void test_numbers(void **state)
{
	(void)state;
	assert_value(1253400000, "CURRENCY", "Rp 1,25 miliar", "Rp 1.25 bn");
	assert_value(0, "CURRENCY", "Rp 0", "Rp 0");
	assert_value(999, "CURRENCY", "Rp 999", "Rp 999");
	assert_value(999600, "CURRENCY", "Rp 1,00 juta", "Rp 1.00 m");
	assert_value(12550000, "CURRENCY", "Rp 12,6 juta", "Rp 12.6 m");
	assert_value(850000000, "CURRENCY", "Rp 850 juta", "Rp 850 m");
	assert_value(-2400000, "CURRENCY", "Rp -2,40 juta", "Rp -2.40 m");
	assert_value(3.2e12, "CURRENCY", "Rp 3,20 triliun", "Rp 3.20 tn");
	assert_value(1204, "COUNT", "1.204", "1,204");
	assert_value(63.149, "PERCENT", "63,1 %", "63.1 %");
	assert_value(185, "SECONDS", "3:05", "3:05");
	assert_value(45, "SECONDS", "0:45", "0:45");
	assert_value(3725, "SECONDS", "1:02:05", "1:02:05");
	assert_value(8.44, "DAYS", "8,4 hari", "8.4 days");
	assert_value(1.255, "RATIO", "1,25", "1.25");
}

static void test_names(void **state)
{
	_cleanup_buffer_ struct buffer out = { 0 };

	(void)state;
	top_put_name(SLICE_LIT("penjualan/40-negosiasi"), &out);
	buffer_put_text(&out, "|");
	top_put_name(SLICE_LIT("google_ads"), &out);
	buffer_put_text(&out, "|");
	top_put_name(SLICE_LIT("2026"), &out);
	assert_string_equal(buffer_text(&out), "Negosiasi|Google ads|2026");
	buffer_reset(&out);
	top_put_clean(SLICE_LIT("Ketut Simanjuntak"), 8, &out);
	assert_string_equal(buffer_text(&out), "Ketut S…");
	assert_int_equal(top_text_width(SLICE_LIT("▲2,4%")), 5);
	assert_int_equal(top_text_width(SLICE_LIT("雅加达")), 6);
}

static void test_no_value_says_why(void **state)
{
	_cleanup_buffer_ struct buffer out = { 0 };
	struct top *top = top_new(NULL, 0, 10);
	struct top_view view = view_of(24, 80);
	struct snapshot record = record_of("win_rate", "today", "PERCENT", 0);

	(void)state;
	record.value.is_set = record.value_decimal.is_set = false;
	record.state = "ZERO_DENOMINATOR";
	assert_true(top_put(top, &record, now()));
	assert_non_null(strstr(draw(top, &view, &out), "– pembagi 0"));
	top_free(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_80x24),
		cmocka_unit_test(test_every_size_fits),
		cmocka_unit_test(test_more_room_shows_more),
		cmocka_unit_test(test_keys_change_what_is_shown),
		cmocka_unit_test(test_highest_revision_stays),
		cmocka_unit_test(test_limit_is_counted),
		cmocka_unit_test(test_feed_states_are_told_apart),
		cmocka_unit_test(test_nothing_hostile_reaches_the_terminal),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_no_value_says_why),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
