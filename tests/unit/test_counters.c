#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "edge/counters.h"

#define ROW(kind, member, name, unit, sentence) { #kind, name, unit, sentence },
static const struct {
	const char *kind, *name, *unit, *sentence;
} rows[] = { COUNTERS_TABLE(ROW) };
#undef ROW

enum { ROW_COUNT = sizeof(rows) / sizeof(rows[0]) };

/* Prometheus: names of [a-z_], unique; counters end in _total, gauges do not; HELP is one line without backslashes. */
static void test_table(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROW_COUNT; i++) {
		size_t length = strlen(rows[i].name);
		int is_total = length > 6 && strcmp(rows[i].name + length - 6, "_total") == 0;

		assert_int_equal(strspn(rows[i].name, "abcdefghijklmnopqrstuvwxyz_"), length);
		assert_int_equal(strncmp(rows[i].name, "salespulse_", 11), 0);
		if (is_total != (strcmp(rows[i].kind, "counter") == 0))
			fail_msg("%s is a %s", rows[i].name, rows[i].kind);
		assert_null(strpbrk(rows[i].sentence, "\n\\|"));
		assert_int_equal(rows[i].sentence[strlen(rows[i].sentence) - 1], '.');
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(rows[k].name, rows[i].name);
	}
}

static void test_metrics(void **state)
{
	struct counters counters = { .events = 7, .entities = UINT64_MAX };
	struct buffer out, expected;
	size_t lines = 0;

	(void)state;
	buffer_init(&out);
	buffer_init(&expected);
	counters_print_metrics(&counters, &out);
	buffer_printf(&expected,
		"# HELP salespulse_events_total %s\n# TYPE salespulse_events_total "
		"counter\nsalespulse_events_total 7\n",
		rows[0].sentence);
	assert_non_null(strstr(buffer_text(&out), buffer_text(&expected)));
	assert_non_null(strstr(buffer_text(&out),
		"# TYPE salespulse_entities gauge\nsalespulse_entities 18446744073709551615\n"));
	for (const char *at = buffer_text(&out); *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 3 * ROW_COUNT);
	buffer_deinit(&expected);
	buffer_deinit(&out);
}

static void test_markdown(void **state)
{
	struct buffer out;
	size_t lines = 0;

	(void)state;
	buffer_init(&out);
	counters_print_markdown(&out);
	assert_int_equal(strncmp(buffer_text(&out),
				 "| name | kind | unit | meaning |\n|---|---|---|---|\n", 51),
		0);
	assert_non_null(strstr(buffer_text(&out), "\n| `salespulse_message_bytes_total` | counter "
						  "| bytes | Bytes of messages read. |\n"));
	for (const char *at = buffer_text(&out); *at; at++)
		lines += *at == '\n';
	assert_int_equal(lines, 2 + ROW_COUNT);
	buffer_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_metrics),
		cmocka_unit_test(test_markdown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
