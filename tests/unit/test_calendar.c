/*
 * calendar: periods against a walk over days with gmtime's calendar, in zones whose days are 23, 24.5, 25 hours long or missing;
 * S11's matching instant by a table of the cases that simpler rules get wrong, and as a property: never backwards.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

#include "base/rng.h"
#include "base/timefmt.h"
#include "core/calendar.h"
#include "edge/zone_file.h"

static const int64_t MINUTE = 60000, HOUR = 3600000, DAY = 86400000;

static const char *const names[] = { "Asia/Jakarta", "Asia/Kathmandu", "Australia/Lord_Howe",
	"Europe/Berlin", "America/New_York", "Pacific/Apia", "America/Sao_Paulo", "Asia/Beirut",
	"America/St_Johns", "Atlantic/Azores", "UTC" };
enum { NAME_COUNT = sizeof(names) / sizeof(names[0]) };

static struct zone load(const char *name)
{
	struct zone zone;
	char message[256];

	if (zone_file_load(name, &zone, message, sizeof(message)))
		fail_msg("%s", message);
	return zone;
}

static int64_t ms_of(const char *text)
{
	int64_t ms;

	if (!time_parse(slice_of(text), &ms))
		fail_msg("no time: %s", text);
	return ms;
}

/* ---- the oracle: days walked one by one ------------------------------------------------------------------ */

static struct tm date_of(int64_t day)
{
	time_t seconds = (time_t)day * 86400;
	struct tm tm;

	assert_non_null(gmtime_r(&seconds, &tm));
	return tm;
}

static bool begins(const struct calendar *c, enum calendar_unit unit, int64_t day)
{
	struct tm date = date_of(day);
	int since_fiscal = (date.tm_mon + 12 - (c->fiscal_start_month - 1)) % 12;

	switch (unit) {
	case CALENDAR_DAY:
		return true;
	case CALENDAR_WEEK:
		return date.tm_wday == c->week_start % 7;
	case CALENDAR_MONTH:
		return date.tm_mday == 1;
	case CALENDAR_QUARTER:
		return date.tm_mday == 1 && since_fiscal % 3 == 0;
	default:
		return date.tm_mday == 1 && since_fiscal == 0;
	}
}

static int64_t naive_first_day(
	const struct calendar *c, enum calendar_unit unit, int64_t day, int shift)
{
	while (!begins(c, unit, day))
		day--;
	for (; shift > 0; shift--)
		for (day++; !begins(c, unit, day); day++)
			;
	for (; shift < 0; shift++)
		for (day--; !begins(c, unit, day); day--)
			;
	return day;
}

static int64_t midnight(const struct calendar *c, int64_t day)
{
	return zone_from_local(c->zone, day * DAY);
}

/* Random instants, half of them near a transition. */
static int64_t random_instant(struct rng *rng, const struct zone *zone)
{
	int64_t first_ms = ms_of("1985-01-01T00:00:00Z"), last_ms = ms_of("2040-01-01T00:00:00Z"),
		t;

	if (zone->count && rng_chance(rng, 0.5)) {
		t = zone->transitions[rng_below(rng, zone->count)].at_ms;
		if (t > first_ms && t < last_ms)
			return t + ((int64_t)rng_below(rng, 300) - 150) * 15 * MINUTE;
	}
	return first_ms + (int64_t)rng_below(rng, (uint64_t)(last_ms - first_ms));
}

static void check_instant(const struct calendar *c, int64_t t, int shift)
{
	int64_t day = calendar_local_day(c, t);

	assert_true(midnight(c, day) <= t && t < midnight(c, day + 1));
	assert_int_equal(calendar_day_start(c, day), midnight(c, day));
	for (int unit = 0; unit < CALENDAR_UNIT_COUNT; unit++) {
		enum calendar_unit u = (enum calendar_unit)unit;

		assert_int_equal(
			calendar_period_start(c, u, t), midnight(c, naive_first_day(c, u, day, 0)));
		assert_int_equal(
			calendar_period_end(c, u, t), midnight(c, naive_first_day(c, u, day, 1)));
		assert_int_equal(calendar_period_shift(c, u, t, shift),
			midnight(c, naive_first_day(c, u, day, shift)));
	}
}

static void test_periods(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 21);
	for (int i = 0; i < NAME_COUNT; i++) {
		struct zone zone = load(names[i]);

		for (int k = 0; k < 300; k++) {
			struct calendar c = { &zone, 1 + (int)rng_below(&rng, 7),
				1 + (int)rng_below(&rng, 12) };

			check_instant(&c, random_instant(&rng, &zone), (int)rng_below(&rng, 9) - 4);
		}
		zone_deinit(&zone);
	}
}

/* ---- S11 ------------------------------------------------------------------------------------------------- */

struct match {
	const char *zone, *utc;
	enum calendar_unit unit;
	int back;
	const char *matching;
};

static const struct match matches[] = {
	/* 31 March (and 30, 29 of a common year) is the end of February, and stays there: never backwards. */
	{ "UTC", "2026-03-28T10:30:00Z", CALENDAR_MONTH, 1, "2026-02-28T10:30:00Z" },
	{ "UTC", "2026-03-29T00:00:00Z", CALENDAR_MONTH, 1, "2026-03-01T00:00:00Z" },
	{ "UTC", "2026-03-31T23:59:59Z", CALENDAR_MONTH, 1, "2026-03-01T00:00:00Z" },
	{ "UTC", "2026-04-01T00:00:00Z", CALENDAR_MONTH, 1, "2026-03-01T00:00:00Z" },
	{ "UTC", "2024-03-29T08:00:00Z", CALENDAR_MONTH, 1, "2024-02-29T08:00:00Z" },
	{ "UTC", "2026-05-31T08:00:00Z", CALENDAR_MONTH, 1, "2026-05-01T00:00:00Z" },
	{ "UTC", "2026-03-31T08:00:00Z", CALENDAR_MONTH, 2, "2026-01-31T08:00:00Z" },
	{ "UTC", "2024-02-29T08:00:00Z", CALENDAR_YEAR, 1, "2023-03-01T00:00:00Z" },
	{ "UTC", "2024-03-01T08:00:00Z", CALENDAR_YEAR, 1, "2023-03-01T08:00:00Z" },
	/* The month in the period: the second month's 15th against the second month's 15th. */
	{ "UTC", "2026-05-15T08:00:00Z", CALENDAR_QUARTER, 1, "2026-02-15T08:00:00Z" },
	{ "UTC", "2026-05-30T08:00:00Z", CALENDAR_QUARTER, 1, "2026-03-01T00:00:00Z" },
	{ "UTC", "2026-12-31T08:00:00Z", CALENDAR_QUARTER, 1, "2026-10-01T00:00:00Z" },
	{ "UTC", "2026-03-04T08:00:00Z", CALENDAR_WEEK, 1, "2026-02-25T08:00:00Z" },
	/* Local days: half past midnight in Jakarta is the day before in UTC. */
	{ "Asia/Jakarta", "2026-03-31T17:30:00Z", CALENDAR_MONTH, 1, "2026-02-28T17:30:00Z" },
	{ "Asia/Kathmandu", "2026-04-14T18:15:00Z", CALENDAR_DAY, 1, "2026-04-13T18:15:00Z" },
	/* Local time, not elapsed time: noon against noon over a change of the clock. */
	{ "Europe/Berlin", "2026-03-29T10:00:00Z", CALENDAR_DAY, 1, "2026-03-28T11:00:00Z" },
	{ "Europe/Berlin", "2026-03-30T10:00:00Z", CALENDAR_DAY, 1, "2026-03-29T10:00:00Z" },
	/* 02:30 of the day after is in the gap: the first instant after it. */
	{ "Europe/Berlin", "2026-03-30T00:30:00Z", CALENDAR_DAY, 1, "2026-03-29T01:00:00Z" },
	{ "Europe/Berlin", "2026-03-30T01:00:00Z", CALENDAR_DAY, 1, "2026-03-29T01:00:00Z" },
	/* 02:30 twice: the second pass waits at the overlap's end, the day after takes the first of both. */
	{ "Europe/Berlin", "2026-10-25T00:30:00Z", CALENDAR_DAY, 1, "2026-10-24T00:30:00Z" },
	{ "Europe/Berlin", "2026-10-25T01:30:00Z", CALENDAR_DAY, 1, "2026-10-24T01:00:00Z" },
	{ "Europe/Berlin", "2026-10-25T02:00:00Z", CALENDAR_DAY, 1, "2026-10-24T01:00:00Z" },
	{ "Europe/Berlin", "2026-10-26T01:30:00Z", CALENDAR_DAY, 1, "2026-10-25T00:30:00Z" },
	/* Half an hour. */
	{ "Australia/Lord_Howe", "2026-04-04T15:10:00Z", CALENDAR_DAY, 1, "2026-04-03T15:00:00Z" },
	{ "Australia/Lord_Howe", "2026-10-04T03:00:00Z", CALENDAR_DAY, 1, "2026-10-03T03:30:00Z" },
	/* Midnight itself does not exist: the day begins at one, and is matched from one o'clock on. */
	{ "America/Sao_Paulo", "2018-11-04T03:00:00Z", CALENDAR_DAY, 1, "2018-11-03T04:00:00Z" },
	{ "America/Sao_Paulo", "2018-11-05T02:00:00Z", CALENDAR_DAY, 1, "2018-11-04T03:00:00Z" },
	{ "America/Sao_Paulo", "2018-11-05T03:00:00Z", CALENDAR_DAY, 1, "2018-11-04T03:00:00Z" },
	/* 23 to 24 comes twice: in its second pass the day before is matched to its end. */
	{ "America/Sao_Paulo", "2018-02-18T01:30:00Z", CALENDAR_DAY, 1, "2018-02-17T01:30:00Z" },
	{ "America/Sao_Paulo", "2018-02-18T02:30:00Z", CALENDAR_DAY, 1, "2018-02-17T02:00:00Z" },
	{ "America/Sao_Paulo", "2018-02-18T03:00:00Z", CALENDAR_DAY, 1, "2018-02-17T02:00:00Z" },
	/* Midnight comes twice (01:00 becomes 00:00): the day begins at the first. */
	{ "Asia/Beirut", "2026-03-28T22:00:00Z", CALENDAR_DAY, 1, "2026-03-27T23:00:00Z" },
	/* The day before never was. */
	{ "Pacific/Apia", "2011-12-31T00:00:00Z", CALENDAR_DAY, 1, "2011-12-30T10:00:00Z" },
	{ "Pacific/Apia", "2012-01-30T00:00:00Z", CALENDAR_MONTH, 1, "2011-12-30T10:00:00Z" },
};

static void test_matching_instants(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(matches) / sizeof(matches[0]); i++) {
		struct zone zone = load(matches[i].zone);
		struct calendar c = { &zone, 1, 1 };
		int64_t t = calendar_like_elapsed(
			&c, matches[i].unit, matches[i].back, ms_of(matches[i].utc));
		char text[TIME_TEXT_MAX];

		if (t != ms_of(matches[i].matching))
			fail_msg("%s %s, %d %s back: %s, not %s", matches[i].zone, matches[i].utc,
				matches[i].back, calendar_unit_name(matches[i].unit),
				time_format(t, text), matches[i].matching);
		zone_deinit(&zone);
	}
}

/* A fiscal year from April, a week from Sunday. */
static void test_own_starts(void **state)
{
	struct zone zone = load("Asia/Jakarta");
	struct calendar c = { &zone, 7, 4 };

	(void)state;
	assert_int_equal(calendar_period_start(&c, CALENDAR_YEAR, ms_of("2026-03-31T16:59:59Z")),
		ms_of("2025-03-31T17:00:00Z"));
	assert_int_equal(calendar_period_start(&c, CALENDAR_YEAR, ms_of("2026-03-31T17:00:00Z")),
		ms_of("2026-03-31T17:00:00Z"));
	assert_int_equal(calendar_period_start(&c, CALENDAR_QUARTER, ms_of("2026-02-10T00:00:00Z")),
		ms_of("2025-12-31T17:00:00Z"));
	assert_int_equal(calendar_period_start(&c, CALENDAR_WEEK, ms_of("2026-03-07T12:00:00Z")),
		ms_of("2026-02-28T17:00:00Z"));
	assert_int_equal(calendar_period_start(&c, CALENDAR_WEEK, ms_of("2026-03-07T17:00:00Z")),
		ms_of("2026-03-07T17:00:00Z"));
	assert_int_equal(calendar_like_elapsed(&c, CALENDAR_YEAR, 1, ms_of("2026-05-10T02:00:00Z")),
		ms_of("2025-05-10T02:00:00Z"));
	zone_deinit(&zone);
}

/* Over two years in steps of a random length: never backwards, inside the earlier period, and at its start when at the start. */
static void check_property(
	struct rng *rng, const struct calendar *c, enum calendar_unit unit, int back)
{
	int64_t t = ms_of("1985-01-01T00:00:00Z") +
		    (int64_t)rng_below(rng, (uint64_t)(50 * 365 * DAY)),
		end_ms = t + 730 * DAY;
	int64_t before_ms = INT64_MIN;

	if (c->zone->count && rng_chance(rng, 0.5)) {
		t = c->zone->transitions[rng_below(rng, c->zone->count)].at_ms - 3 * DAY;
		end_ms = t + 10 * DAY;
	}
	while (t < end_ms) {
		int64_t like_ms = calendar_like_elapsed(c, unit, back, t),
			start_ms = calendar_period_start(c, unit, t);

		assert_true(like_ms >= before_ms);
		assert_true(like_ms >= calendar_period_shift(c, unit, t, -back));
		assert_true(like_ms <= calendar_period_shift(c, unit, t, 1 - back));
		before_ms = like_ms;
		if (zone_to_local(c->zone, start_ms) % DAY == 0)
			assert_int_equal(calendar_like_elapsed(c, unit, back, start_ms),
				calendar_period_shift(c, unit, t, -back));
		t += end_ms - t > 30 * DAY ? (int64_t)rng_below(rng, (uint64_t)(2 * DAY)) + 1
					   : (int64_t)rng_below(rng, (uint64_t)HOUR) + 1;
	}
}

static void test_never_backwards(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 22);
	for (int i = 0; i < NAME_COUNT; i++) {
		struct zone zone = load(names[i]);

		for (int k = 0; k < 40; k++) {
			struct calendar c = { &zone, 1 + (int)rng_below(&rng, 7),
				1 + (int)rng_below(&rng, 12) };

			check_property(&rng, &c, (enum calendar_unit)(k % CALENDAR_UNIT_COUNT),
				1 + (int)rng_below(&rng, 2));
		}
		zone_deinit(&zone);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_periods),
		cmocka_unit_test(test_matching_instants),
		cmocka_unit_test(test_own_starts),
		cmocka_unit_test(test_never_backwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
