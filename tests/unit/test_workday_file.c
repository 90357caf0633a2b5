/* A file of working days is taken, or refused where it is wrong; and the shipped one is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/timefmt.h"
#include "edge/workday_file.h"

static char path[] = "/tmp/salespulse-workdays-XXXXXX";

static int load(const char *text, struct arena *arena, struct workdays *ret, struct buffer *said)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	return workday_file_load(path, arena, ret, said);
}

static int32_t day(const char *date)
{
	int32_t ret;

	assert_true(date_parse(slice_of(date), &ret));
	return ret;
}

static void test_taken(void **state)
{
	struct arena arena;
	struct workdays w;
	struct buffer said = { 0 };

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(load("week: [mon, wed]\nholidays:\n  2026-03-04: late\n  2026-03-02: 'early'\n", &arena, &w, &said), 0);
	assert_int_equal(w.week, 5);
	assert_int_equal(w.holiday_count, 2);
	assert_int_equal(w.holidays[0], day("2026-03-02"));
	assert_true(workdays_has(&w, day("2026-03-09")) && !workdays_has(&w, day("2026-03-02")) && !workdays_has(&w, day("2026-03-05")));
	assert_int_equal(load("week: [sun]\n", &arena, &w, &said), 0);
	assert_int_equal(load("holidays:\nweek: [sun]\n", &arena, &w, &said), 0);
	assert_int_equal(said.len, 0);
	buffer_deinit(&said);
	arena_deinit(&arena);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text, *place, *why;
	} wrong[] = {
		{ "", ":1:1:", "has week and holidays" },
		{ "- mon\n", ":1:", "has week and holidays" },
		{ "holidays:\n  2026-01-01: x\n", ":1:1:", "week is wanted" },
		{ "week: mon\n", ":1:1:", "a list of working days" },
		{ "week: []\n", ":1:1:", "a list of working days" },
		{ "week: [mon, tues]\n", ":1:13:", "the nearest is «tue»" },
		{ "week: [mon, mon]\n", ":1:13:", "twice" },
		{ "weak: [mon]\n", ":1:1:", "the nearest is «week»" },
		{ "week: [mon]\nholidays: [2026-01-01]\n", ":2:1:", "a mapping" },
		{ "week: [mon]\nholidays:\n  2026-02-30: x\n", ":3:3:", "a date and its name" },
		{ "week: [mon]\nholidays:\n  2026-02-03: x\n  2026-02-03: y\n", ":4:3:", "" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct buffer said = { 0 };
		struct workdays w;
		struct arena arena;

		arena_init(&arena, 0);
		assert_int_equal(load(wrong[i].text, &arena, &w, &said), 1);
		if (!strstr(buffer_text(&said), wrong[i].place) || !strstr(buffer_text(&said), wrong[i].why))
			fail_msg("«%s» says: %s", wrong[i].text, buffer_text(&said));
		buffer_deinit(&said);
		arena_deinit(&arena);
	}
}

static void test_shipped(void **state)
{
	struct buffer said = { 0 };
	struct workdays w;
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	assert_int_equal(workday_file_load("deploy/workdays-id.yaml", &arena, &w, &said), 0);
	assert_false(workdays_has(&w, day("2026-08-17")));
	assert_true(workdays_has(&w, day("2026-08-18")));
	/* 22 weekdays, less Nyepi, Idulfitri and their joint leave: the 18th to the 20th, the 23rd and the 24th. */
	assert_int_equal(workdays_count(&w, day("2026-03-01"), 31), 17);
	buffer_deinit(&said);
	arena_deinit(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_shipped),
	};
	int fd = mkstemp(path), failed;

	if (fd < 0)
		return 1;
	close(fd);
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
