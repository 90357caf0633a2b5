#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "base/timefmt.h"

/* Model: walk the calendar day by day from year 1 to 3000. */
static void test_civil_days_count_one_by_one(void **state)
{
	int64_t days = days_from_civil(1, 1, 1);

	(void)state;
	assert_int_equal(days, -719162);
	for (int year = 1; year <= 3000; year++) {
		for (unsigned month = 1; month <= 12; month++) {
			for (unsigned day = 1; day <= days_in_month(year, month); day++, days++) {
				int y;
				unsigned m, d;

				civil_from_days(days, &y, &m, &d);
				if (days != days_from_civil(year, month, day) || y != year ||
					m != month || d != day)
					fail_msg("%d-%u-%u", year, month, day);
			}
		}
	}
	assert_int_equal(days_from_civil(1970, 1, 1), 0);
}

static void test_parse(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "1970-01-01T00:00:00Z", 0 },
		{ "2026-03-28T16:59:00Z", 1774717140000 },
		{ "2026-03-28T23:59:00+07:00", 1774717140000 },
		{ "2026-03-28 23:59+0700", 1774717140000 },
		{ "2026-03-28T11:29:00.000-05:30", 1774717140000 },
		{ "2026-03-28t16:59:00.1239z", 1774717140123 },
		{ "2026-03-28T16:59:00.5Z", 1774717140500 },
		{ "1969-12-31T23:59:59.999Z", -1 },
		{ "2024-02-29T00:00:00Z", 1709164800000 },
	};
	static const char *const bad[] = {
		"",
		"2026-03-28",
		"2026-03-28T16:59:00",
		"2026-03-28T16:59Z ",
		"2026-02-29T00:00:00Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-03-28T24:00:00Z",
		"2026-03-28T16:60:00Z",
		"2026-03-28T16:59:60Z",
		"2026-03-28T16:59:00.Z",
		"2026-03-28T16Z",
		"26-03-28T16:59:00Z",
		"2026-3-28T16:59:00Z",
		"2026-03-28T16:59:00+07",
		"2026-03-28T16:59:00+24:00",
		"2026-03-28T16:59:00Zulu",
		"2026-03-28X16:59:00Z",
		" 2026-03-28T16:59:00Z",
		"-026-03-28T16:59:00Z",
	};
	int64_t ms = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		if (!time_parse(slice_of(good[i].text), &ms) || ms != good[i].ms)
			fail_msg("%s: %lld", good[i].text, (long long)ms);
	ms = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (time_parse(slice_of(bad[i]), &ms) || ms != 42)
			fail_msg("%s was taken", bad[i]);
	assert_false(time_parse(SLICE_LIT("2026-03-28\0"
					  "16:59:00Z"),
		&ms));
}

static void test_dates(void **state)
{
	int32_t days = 5;
	char text[TIME_TEXT_MAX];

	(void)state;
	assert_true(date_parse(SLICE_LIT("2026-03-28"), &days));
	assert_int_equal(days, 20540);
	assert_string_equal(date_format(days, text), "2026-03-28");
	assert_false(date_parse(SLICE_LIT("2026-03-28T"), &days));
	assert_false(date_parse(SLICE_LIT("2025-02-29"), &days));
	assert_int_equal(days, 20540);
}

/* Model: the C library, and back through the parser. */
static void test_format(void **state)
{
	struct rng rng;
	char text[TIME_TEXT_MAX], expected[64];

	(void)state;
	print_message("seed 81\n");
	rng_init(&rng, 81);
	for (int i = 0; i < 20000; i++) {
		int64_t back, ms = (int64_t)rng_below(&rng, 250000000000000) - 62000000000000;
		time_t seconds = (time_t)(ms / 1000 - (ms % 1000 < 0));
		struct tm parts;

		if (rng_chance(&rng, 0.3))
			ms = (int64_t)seconds * 1000;
		gmtime_r(&seconds, &parts);
		size_t length = strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &parts);

		time_format(ms, text);
		/* The library does not pad years below 1000. */
		if (parts.tm_year >= -900)
			assert_memory_equal(text, expected, length);
		assert_int_equal(strchr(text, '.') != NULL, ms % 1000 != 0);
		assert_true(time_parse(slice_of(text), &back));
		assert_true(back == ms);
	}
	assert_true(strlen(time_format(INT64_MIN, text)) < TIME_TEXT_MAX);
	assert_true(strlen(time_format(INT64_MAX, text)) < TIME_TEXT_MAX);
	assert_string_equal(text, "292278994-08-17T07:12:55.807Z");
}

static void test_durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		const char *shown;
	} good[] = {
		{ "250ms", 250, "250ms" },
		{ "90s", 90000, "90s" },
		{ "5m", 300000, "5m" },
		{ "1h", 3600000, "1h" },
		{ "36h", 129600000, "36h" },
		{ "30d", 2592000000, "30d" },
		{ "2w", 1209600000, "14d" },
		{ "0s", 0, "0s" },
		{ "60s", 60000, "1m" },
		{ "9223372036854775807ms", INT64_MAX, "9223372036854775807ms" },
	};
	static const char *const bad[] = { "", "5", "s", "-5s", "+5s", "5 s", "1h30m", "1.5h", "5y",
		"5S", "9223372036854775808ms", "9223372036854775807s", "99999999999999999999d",
		"5ss" };
	char text[TIME_TEXT_MAX];
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_true(duration_parse(slice_of(good[i].text), &ms));
		assert_true(ms == good[i].ms);
		assert_string_equal(duration_format(ms, text), good[i].shown);
	}
	ms = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (duration_parse(slice_of(bad[i]), &ms) || ms != 42)
			fail_msg("%s was taken", bad[i]);
	assert_string_equal(duration_format(-90000, text), "-90s");
	assert_string_equal(duration_format(INT64_MIN, text), "-9223372036854775808ms");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_civil_days_count_one_by_one),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_durations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
