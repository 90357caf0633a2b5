#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/buffer.h"
#include "edge/definition_file.h"
#include "edge/snapshot_text.h"

static struct snapshot record(
	const char *metric, const char *window, const char *unit, const char *state, double value)
{
	struct snapshot s = {
		.tenant_id = SLICE_INIT("acme"),
		.metric = slice_of(metric),
		.window = slice_of(window),
		.group_by = SLICE_INIT(""),
		.group_key = SLICE_INIT(""),
		.currency = SLICE_INIT(""),
		.unit = unit,
		.state = state,
		.basis = "EVENT",
		.window_start_ms = INT64_MIN,
		.window_end_ms = 1514764800000,
		.as_of_ms = 1514764800000,
		.revision = 7,
	};

	if (strcmp(state, "OK") == 0 || strcmp(state, "PARTIAL") == 0)
		s.value = (struct snapshot_double){ true, value };
	return s;
}

static void test_csv(void **state)
{
	struct buffer _cleanup_buffer_ out = { 0 };
	struct snapshot s = record("win_rate", "all", "PERCENT", "OK", 63.15);

	(void)state;
	buffer_init(&out);
	snapshot_put_csv_header(&out);
	s.value_decimal = (struct snapshot_number){ true, 631501 };
	s.numerator = (struct snapshot_number){ true, 42380000 };
	s.denominator = (struct snapshot_number){ true, 67110000 };
	s.sample_size = 6711;
	s.group_by = SLICE_LIT("team");
	s.group_key = SLICE_LIT("a \"b\", c");
	snapshot_put_csv(&s, &out);
	s = record("won_revenue", "7d", "CURRENCY", "ZERO_DENOMINATOR", 0);
	s.previous_value = (struct snapshot_double){ true, 0.1 };
	s.window_start_ms = 1514160000000;
	snapshot_put_csv(&s, &out);
	assert_string_equal(buffer_text(&out),
		"tenant_id,metric,window,group_by,group_key,state,value,numerator,denominator,"
		"sample_size,previous_value,window_start,"
		"window_end,revision\n"
		"acme,win_rate,all,team,\"a \"\"b\"\", "
		"c\",OK,63.1501,4238,6711,6711,,,2018-01-01T00:00:00Z,7\n"
		"acme,won_revenue,7d,,,ZERO_DENOMINATOR,,,,0,0.1,2017-12-25T00:00:00Z,2018-01-"
		"01T00:00:00Z,7\n");
}

static void test_json(void **state)
{
	struct buffer _cleanup_buffer_ out = { 0 };
	struct snapshot s = record("rep_rank", "7d", "COUNT", "OK", 2);
	json_t *read;

	(void)state;
	buffer_init(&out);
	s.group[0] = SLICE_LIT("r1");
	s.group_label[0] = SLICE_LIT("Ana \"A\"");
	s.rank = 2;
	s.rank_of = 5;
	snapshot_put_json(&s, &out);
	assert_int_equal(out.data[out.len - 1], '\n');
	read = json_loadb((const char *)out.data, out.len, 0, NULL);
	assert_non_null(read);
	assert_string_equal(json_string_value(json_object_get(read, "group_1_label")), "Ana \"A\"");
	assert_int_equal(json_integer_value(json_object_get(read, "rank")), 2);
	assert_string_equal(
		json_string_value(json_object_get(read, "as_of")), "2018-01-01T00:00:00Z");
	assert_null(json_object_get(read, "window_start"));
	assert_null(json_object_get(read, "previous_value"));
	json_decref(read);
}

static void test_values_for_people(void **state)
{
	static const struct {
		const char *unit, *state;
		double value;
		const char *text;
	} rows[] = {
		{ "PERCENT", "OK", 63.15005, "63.15 %" },
		{ "CURRENCY", "OK", 10005534, "10,005,534" },
		{ "CURRENCY", "OK", 285872.4, "285,872.40" },
		{ "CURRENCY", "OK", -1234.5, "-1,234.50" },
		{ "COUNT", "OK", 4238, "4,238" },
		{ "COUNT", "OK", 0, "0" },
		{ "DAYS", "OK", 51.777, "51.78 d" },
		{ "SECONDS", "OK", 192, "3m 12s" },
		{ "SECONDS", "OK", 3725, "1h 02m" },
		{ "SECONDS", "OK", 42, "42s" },
		{ "SECONDS", "OK", 0, "0s" },
		{ "RATIO", "OK", 1.5, "1.50" },
		{ "COUNT", "NO_DATA", 0, "·" },
		{ "PERCENT", "ZERO_DENOMINATOR", 0, "0/0" },
		{ "PERCENT", "NO_BASE", 0, "no base" },
		{ "PERCENT", "PARTIAL", 5, "5.00 % *" },
		{ "PERCENT", "LOW_SAMPLE", 0, "few" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buffer _cleanup_buffer_ out = { 0 };
		struct snapshot s = record("m", "7d", rows[i].unit, rows[i].state, rows[i].value);

		buffer_init(&out);
		snapshot_put_value_text(&s, &out);
		assert_string_equal(buffer_text(&out), rows[i].text);
	}
}

static void add(struct snapshot_table *t, const char *metric, const char *window, const char *unit,
	const char *by, const char *key, double value)
{
	struct snapshot s = record(metric, window, unit, value < 0 ? "NO_DATA" : "OK", value);

	s.group_by = slice_of(by);
	s.group_key = slice_of(key);
	if (strcmp(unit, "CURRENCY") == 0)
		s.currency = SLICE_LIT("IDR");
	snapshot_table_add(t, &s);
}

static void test_table(void **state)
{
	struct buffer _cleanup_buffer_ out = { 0 }, explanation = { 0 };
	struct snapshot_table table;
	struct plan *plan;

	(void)state;
	buffer_init(&out);
	buffer_init(&explanation);
	assert_int_equal(
		definition_text_plan("d",
			SLICE_LIT("measures: [{name: n, on: deal, at: deal.won_at, agg: count}]\n"
				  "metrics: [{name: wins, value: n, windows: [7d, all], label: "
				  "{en: Wins}}]\n"),
			&plan, &explanation),
		0);
	snapshot_table_init(&table, plan);
	add(&table, "wins", "7d", "COUNT", "", "", 12);
	add(&table, "wins", "7d", "COUNT", "team", "Süd", 1234);
	add(&table, "wins", "7d", "COUNT", "team", "West", -1);
	add(&table, "wins", "all", "COUNT", "", "", 1234567);
	add(&table, "wins", "all", "COUNT", "team", "Süd", 5);
	add(&table, "money", "7d", "CURRENCY", "", "", 5);
	snapshot_table_print(&table, false, &out);
	assert_string_equal(buffer_text(&out),
		"== acme ==\n"
		"\n"
		"Wins (wins)\n"
		"               7d        all\n"
		"  company      12  1,234,567\n"
		"  team Süd  1,234          5\n"
		"\n"
		"money, IDR\n"
		"             7d\n"
		"  company  5.00\n"
		"\n"
		"without any data and not shown: 1 row; --all shows all\n");
	assert_int_equal(table.count, 0);
	snapshot_table_deinit(&table);
	plan_free(plan);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_csv),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_values_for_people),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
