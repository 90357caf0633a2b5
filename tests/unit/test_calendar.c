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
			struct calendar c = { .zone = &zone,
				.week_start = 1 + (int)rng_below(&rng, 7),
				.fiscal_start_month = 1 + (int)rng_below(&rng, 12) };

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
		struct calendar c = { .zone = &zone, .week_start = 1, .fiscal_start_month = 1 };
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
	struct calendar c = { .zone = &zone, .week_start = 7, .fiscal_start_month = 4 };

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
			struct calendar c = { .zone = &zone,
				.week_start = 1 + (int)rng_below(&rng, 7),
				.fiscal_start_month = 1 + (int)rng_below(&rng, 12) };

			check_property(&rng, &c, (enum calendar_unit)(k % CALENDAR_UNIT_COUNT),
				1 + (int)rng_below(&rng, 2));
		}
		zone_deinit(&zone);
	}
}

/* ---- S12: changes on a date -------------------------------------------------------------------------------- */

/*
 * The model walks over dates as a clerk would with two clocks and a wall calendar: on each date it knows which zone has begun
 * before it, and whether the date begins a week, a month, a quarter, a year. Nothing is reckoned by formula.
 */
enum { CHANGES_MAX = 6, MODEL_DAYS = 2600 };

struct model {
	struct calendar base, calendar;
	struct zone zones[NAME_COUNT + 2], spliced[CHANGES_MAX];
	struct calendar_change changes[CHANGES_MAX];
	size_t change_count, spliced_count;
	int64_t first_day;
	int64_t start_ms[MODEL_DAYS]; /* of each date */
	bool begins[CALENDAR_UNIT_COUNT][MODEL_DAYS];
};

static void load_zones(struct model *m)
{
	for (int i = 0; i < NAME_COUNT; i++)
		m->zones[i] = load(names[i]);
	m->zones[NAME_COUNT] = load("Pacific/Kiritimati"); /* +14 and -11: 25 hours apart */
	m->zones[NAME_COUNT + 1] = load("Pacific/Niue");
}

static void build(struct model *m)
{
	m->calendar = m->base;
	m->spliced_count = 0;
	for (size_t i = 0; i < m->change_count; i++) {
		struct calendar next;

		assert_int_equal(calendar_change(&m->calendar, &m->changes[i],
					 &m->spliced[m->spliced_count], &next),
			0);
		m->spliced_count += m->changes[i].zone != NULL;
		m->calendar = next;
	}
}

static void unbuild(struct model *m)
{
	for (size_t i = 0; i < m->spliced_count; i++)
		zone_deinit(&m->spliced[i]);
}

/* What is said to hold on a date. */
static struct calendar said_on(const struct model *m, int64_t day)
{
	struct calendar said = m->base;

	for (size_t i = 0; i < m->change_count && m->changes[i].from_day <= day; i++) {
		const struct calendar_change *c = &m->changes[i];

		said.zone = c->zone ? c->zone : said.zone;
		said.week_start = c->week_start ? c->week_start : said.week_start;
		said.fiscal_start_month =
			c->fiscal_start_month ? c->fiscal_start_month : said.fiscal_start_month;
	}
	return said;
}

static void walk(struct model *m)
{
	struct calendar now = said_on(m, m->first_day - 1);

	for (int64_t i = 0; i < MODEL_DAYS; i++) {
		int64_t day = m->first_day + i;
		struct calendar said = said_on(m, day), before = said_on(m, day - 1);

		/* Its midnight is on the clock that hung there the day before. */
		m->start_ms[i] = zone_from_local(before.zone, day * DAY);
		if (i && m->start_ms[i] < m->start_ms[i - 1])
			m->start_ms[i] = m->start_ms[i - 1];
		if (begins(&said, CALENDAR_WEEK, day))
			now.week_start = said.week_start;
		if (begins(&said, CALENDAR_YEAR, day))
			now.fiscal_start_month = said.fiscal_start_month;
		for (int u = 0; u < CALENDAR_UNIT_COUNT; u++)
			m->begins[u][i] = begins(&now, (enum calendar_unit)u, day);
	}
}

static int64_t step_day(const struct model *m, int unit, int64_t i, int shift)
{
	while (!m->begins[unit][i])
		i--;
	for (; shift > 0; shift--)
		do
			i++;
		while (!m->begins[unit][i]);
	for (; shift < 0; shift++)
		do
			i--;
		while (!m->begins[unit][i]);
	return i;
}

static void check_model_instant(const struct model *m, int64_t t, int64_t i, int shift)
{
	const struct calendar *c = &m->calendar;

	assert_int_equal(calendar_local_day(c, t), m->first_day + i);
	for (int u = 0; u < CALENDAR_UNIT_COUNT; u++) {
		enum calendar_unit unit = (enum calendar_unit)u;
		int64_t start_ms = calendar_period_start(c, unit, t),
			end_ms = calendar_period_end(c, unit, t);

		assert_int_equal(start_ms, m->start_ms[step_day(m, u, i, 0)]);
		assert_int_equal(end_ms, m->start_ms[step_day(m, u, i, 1)]);
		assert_int_equal(calendar_period_shift(c, unit, t, shift),
			m->start_ms[step_day(m, u, i, shift)]);
		/* In one period and in no other. */
		assert_true(start_ms <= t && t < end_ms);
		assert_int_equal(calendar_period_start(c, unit, end_ms), end_ms);
		assert_int_equal(calendar_period_end(c, unit, start_ms - 1), start_ms);
	}
}

static void check_model(struct rng *rng, const struct model *m)
{
	int64_t like_ms[CALENDAR_UNIT_COUNT];

	for (int u = 0; u < CALENDAR_UNIT_COUNT; u++)
		like_ms[u] = INT64_MIN;
	/* Room for steps back and forth; a date that never was has no instant. */
	for (int64_t i = 1200; i < MODEL_DAYS - 1200; i++) {
		int64_t start_ms = m->start_ms[i], end_ms = m->start_ms[i + 1];
		int64_t probes[3];

		assert_int_equal(calendar_day_start(&m->calendar, m->first_day + i), start_ms);
		if (start_ms == end_ms)
			continue;
		probes[0] = start_ms;
		probes[1] = start_ms + (int64_t)rng_below(rng, (uint64_t)(end_ms - start_ms));
		probes[2] = end_ms - 1;
		for (int k = 0; k < 3; k++) {
			check_model_instant(m, probes[k], i, (int)rng_below(rng, 5) - 2);
			for (int u = 0; u < CALENDAR_UNIT_COUNT; u++) {
				int64_t like = calendar_like_elapsed(
					&m->calendar, (enum calendar_unit)u, 1, probes[k]);

				assert_true(like >= like_ms[u]);
				assert_true(like >= m->start_ms[step_day(m, u, i, -1)]);
				assert_true(like <= m->start_ms[step_day(m, u, i, 0)]);
				like_ms[u] = like;
			}
		}
	}
}

static void random_changes(struct rng *rng, struct model *m)
{
	int32_t day = (int32_t)m->first_day + 1200;

	m->change_count = 1 + rng_below(rng, CHANGES_MAX);
	for (size_t i = 0; i < m->change_count; i++) {
		day += 1 + (int32_t)rng_below(rng, rng_chance(rng, 0.5) ? 4 : 80);
		m->changes[i] = (struct calendar_change){ .from_day = day };
		if (rng_chance(rng, 0.6))
			m->changes[i].zone = &m->zones[rng_below(rng, NAME_COUNT + 2)];
		if (rng_chance(rng, 0.6))
			m->changes[i].week_start = 1 + (int)rng_below(rng, 7);
		if (rng_chance(rng, 0.4))
			m->changes[i].fiscal_start_month = 1 + (int)rng_below(rng, 12);
	}
}

/* A calendar with the changes up to one agrees with that of all until the next one's date, and not behind it. */
static void check_agreement(struct rng *rng, struct model *m)
{
	struct model *fewer = test_malloc(sizeof(*fewer));
	size_t last = m->change_count - 1;
	int64_t at_ms = m->start_ms[m->changes[last].from_day - m->first_day];

	*fewer = *m;
	fewer->change_count = last;
	build(fewer);
	assert_true(calendar_agrees(&m->calendar, &m->calendar, INT64_MAX));
	assert_true(calendar_agrees(&m->calendar, &fewer->calendar, at_ms));
	for (int i = 0; i < 40; i++) {
		int64_t until_ms = at_ms + (int64_t)rng_below(rng, (uint64_t)(500 * DAY));
		bool is_same = calendar_agrees(&m->calendar, &fewer->calendar, until_ms);

		assert_int_equal(
			calendar_agrees(&fewer->calendar, &m->calendar, until_ms), is_same);
		/* What agrees until then has the same bounds and the same clock before. */
		for (int k = 0; is_same && k < 20; k++) {
			int64_t t = until_ms - 1 - (int64_t)rng_below(rng, (uint64_t)(600 * DAY));

			assert_int_equal(zone_to_local(m->calendar.zone, t),
				zone_to_local(fewer->calendar.zone, t));
			for (int u = 0; u < CALENDAR_UNIT_COUNT; u++)
				assert_int_equal(calendar_period_start(
							 &m->calendar, (enum calendar_unit)u, t),
					calendar_period_start(
						&fewer->calendar, (enum calendar_unit)u, t));
		}
	}
	unbuild(fewer);
	test_free(fewer);
}

static void test_changes_model(void **state)
{
	struct model *m = test_calloc(1, sizeof(*m));
	struct rng rng;

	(void)state;
	load_zones(m);
	rng_init(&rng, 23);
	for (int round = 0; round < 60; round++) {
		m->first_day = 9000 + (int64_t)rng_below(&rng, 10000); /* from 1994 on */
		m->base = (struct calendar){ .zone = &m->zones[rng_below(&rng, NAME_COUNT + 2)],
			.week_start = 1 + (int)rng_below(&rng, 7),
			.fiscal_start_month = 1 + (int)rng_below(&rng, 12) };
		random_changes(&rng, m);
		build(m);
		walk(m);
		check_model(&rng, m);
		check_agreement(&rng, m);
		unbuild(m);
	}
	for (int i = 0; i < NAME_COUNT + 2; i++)
		zone_deinit(&m->zones[i]);
	test_free(m);
}

static int32_t day_of(const char *text)
{
	int32_t day = 0;

	assert_true(date_parse(slice_of(text), &day));
	return day;
}

struct change_case {
	const char *from, *zone;
	int week_start, fiscal_start_month;
	enum calendar_unit unit;
	const char
		*bounds[5]; /* one behind the other: where each of four periods begins and ends */
};

static const struct change_case change_cases[] = {
	/* Jakarta -> Makassar, an hour to the east: 1 July is short. To Jayapura and back to the west: it is long. */
	{ "2026-07-01", "Asia/Makassar", 0, 0, CALENDAR_DAY,
		{ "2026-06-29T17:00:00Z", "2026-06-30T17:00:00Z", "2026-07-01T16:00:00Z",
			"2026-07-02T16:00:00Z", "2026-07-03T16:00:00Z" } },
	{ "2026-07-01", "Europe/Berlin", 0, 0, CALENDAR_DAY,
		{ "2026-06-29T17:00:00Z", "2026-06-30T17:00:00Z", "2026-07-01T22:00:00Z",
			"2026-07-02T22:00:00Z", "2026-07-03T22:00:00Z" } },
	/* The week that runs on Wednesday, 1 July begins on Jakarta's Monday and ends on Makassar's. */
	{ "2026-07-01", "Asia/Makassar", 0, 0, CALENDAR_WEEK,
		{ "2026-06-21T17:00:00Z", "2026-06-28T17:00:00Z", "2026-07-05T16:00:00Z",
			"2026-07-12T16:00:00Z", "2026-07-19T16:00:00Z" } },
	{ "2026-07-01", "Asia/Makassar", 0, 0, CALENDAR_MONTH,
		{ "2026-05-31T17:00:00Z", "2026-06-30T17:00:00Z", "2026-07-31T16:00:00Z",
			"2026-08-31T16:00:00Z", "2026-09-30T16:00:00Z" } },
	{ "2026-07-15", "Asia/Makassar", 0, 0, CALENDAR_MONTH,
		{ "2026-05-31T17:00:00Z", "2026-06-30T17:00:00Z", "2026-07-31T16:00:00Z",
			"2026-08-31T16:00:00Z", "2026-09-30T16:00:00Z" } },
	/* Weeks from Sunday: one of six days, Monday 28 to Saturday 2. */
	{ "2027-01-01", NULL, 7, 0, CALENDAR_WEEK,
		{ "2026-12-20T17:00:00Z", "2026-12-27T17:00:00Z", "2027-01-02T17:00:00Z",
			"2027-01-09T17:00:00Z", "2027-01-16T17:00:00Z" } },
	/* Said for a day that begins such a week itself. */
	{ "2027-01-03", NULL, 7, 0, CALENDAR_WEEK,
		{ "2026-12-20T17:00:00Z", "2026-12-27T17:00:00Z", "2027-01-02T17:00:00Z",
			"2027-01-09T17:00:00Z", "2027-01-16T17:00:00Z" } },
	/* A fiscal year from April said in January: the year and the quarter that run are of three months. */
	{ "2027-01-15", NULL, 0, 4, CALENDAR_YEAR,
		{ "2025-12-31T17:00:00Z", "2026-12-31T17:00:00Z", "2027-03-31T17:00:00Z",
			"2028-03-31T17:00:00Z", "2029-03-31T17:00:00Z" } },
	/* From February said in June: quarters wait for their year; January is a quarter. */
	{ "2026-06-15", NULL, 0, 2, CALENDAR_QUARTER,
		{ "2026-09-30T17:00:00Z", "2026-12-31T17:00:00Z", "2027-01-31T17:00:00Z",
			"2027-04-30T17:00:00Z", "2027-07-31T17:00:00Z" } },
};

static void test_changes_written_out(void **state)
{
	struct zone jakarta = load("Asia/Jakarta");

	(void)state;
	for (size_t i = 0; i < sizeof(change_cases) / sizeof(change_cases[0]); i++) {
		const struct change_case *w = &change_cases[i];
		struct calendar base = { .zone = &jakarta,
			.week_start = 1,
			.fiscal_start_month = 1 },
				c;
		struct zone other = { 0 }, spliced = { 0 };
		struct calendar_change change = { .from_day = day_of(w->from),
			.week_start = w->week_start,
			.fiscal_start_month = w->fiscal_start_month };

		if (w->zone) {
			other = load(w->zone);
			change.zone = &other;
		}
		assert_int_equal(calendar_change(&base, &change, &spliced, &c), 0);
		for (int k = 0; k < 4; k++) {
			int64_t start_ms = ms_of(w->bounds[k]), end_ms = ms_of(w->bounds[k + 1]);

			if (calendar_period_start(&c, w->unit, end_ms - 1) != start_ms ||
				calendar_period_end(&c, w->unit, start_ms) != end_ms)
				fail_msg(
					"case %zu: not %s – %s", i, w->bounds[k], w->bounds[k + 1]);
		}
		zone_deinit(&spliced);
		zone_deinit(&other);
	}
	zone_deinit(&jakarta);
}

/* S11 across the change. */
static void test_changes_compared(void **state)
{
	static const struct {
		enum calendar_unit unit;
		const char *utc, *matching;
	} want[] = {
		/* Ten o'clock on the wall in Makassar against ten o'clock on the wall in Jakarta. */
		{ CALENDAR_MONTH, "2026-07-15T02:00:00Z", "2026-06-15T03:00:00Z" },
		{ CALENDAR_DAY, "2026-07-01T02:00:00Z", "2026-06-30T03:00:00Z" },
		{ CALENDAR_DAY, "2026-07-02T02:00:00Z", "2026-07-01T02:00:00Z" },
		/* Midnight against midnight, whosever it is; 1 July never shows its first hour, and 2 July's waits for it. */
		{ CALENDAR_DAY, "2026-06-30T17:00:00Z", "2026-06-29T18:00:00Z" },
		{ CALENDAR_DAY, "2026-07-01T16:00:00Z", "2026-06-30T17:00:00Z" },
		{ CALENDAR_DAY, "2026-07-01T16:30:00Z", "2026-06-30T17:00:00Z" },
		/* The third day of the short week (28 December to 2 January) against the third of a full one, and the other way. */
		{ CALENDAR_WEEK, "2026-12-30T02:00:00Z", "2026-12-23T02:00:00Z" },
		{ CALENDAR_WEEK, "2027-01-05T02:00:00Z", "2026-12-30T02:00:00Z" },
		/* Its seventh day has the whole short week beside it. */
		{ CALENDAR_WEEK, "2027-01-09T02:00:00Z", "2027-01-02T16:00:00Z" },
		{ CALENDAR_WEEK, "2027-01-12T02:00:00Z", "2027-01-05T02:00:00Z" },
	};
	struct zone jakarta = load("Asia/Jakarta"), makassar = load("Asia/Makassar"), both, none;
	struct calendar base = { .zone = &jakarta, .week_start = 1, .fiscal_start_month = 1 }, c, d;
	struct calendar_change move = { .from_day = day_of("2026-07-01"), .zone = &makassar },
			       sunday = { .from_day = day_of("2027-01-01"), .week_start = 7 };

	(void)state;
	assert_int_equal(calendar_change(&base, &move, &both, &c), 0);
	assert_int_equal(calendar_change(&c, &sunday, &none, &d), 0);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		int64_t t = calendar_like_elapsed(&d, want[i].unit, 1, ms_of(want[i].utc));
		char text[TIME_TEXT_MAX];

		if (t != ms_of(want[i].matching))
			fail_msg("%s %s: %s, not %s", calendar_unit_name(want[i].unit), want[i].utc,
				time_format(t, text), want[i].matching);
	}
	zone_deinit(&both);
	zone_deinit(&jakarta);
	zone_deinit(&makassar);
}

static void test_changes_limit(void **state)
{
	struct zone jakarta = load("Asia/Jakarta"), none;
	struct calendar c = { .zone = &jakarta, .week_start = 1, .fiscal_start_month = 1 };

	(void)state;
	for (int i = 0; i < CALENDAR_CHANGES_MAX + 1; i++) {
		struct calendar_change change = { .from_day = 20000 + i * 10,
			.week_start = i % 2 ? 1 : 7 };
		struct calendar next = { 0 };

		assert_int_equal(
			calendar_change(&c, &change, &none, &next), i == CALENDAR_CHANGES_MAX);
		if (i < CALENDAR_CHANGES_MAX)
			c = next;
		else
			assert_null(next.zone);
	}
	/* What is said again turns nothing; what was overtaken before its day never was. */
	c.weeks.count = 0;
	assert_int_equal(
		calendar_change(&c, &(struct calendar_change){ .from_day = 20000, .week_start = 1 },
			&none, &c),
		0);
	assert_int_equal(c.weeks.count, 0);
	assert_int_equal(
		calendar_change(&c,
			&(struct calendar_change){ .from_day = 20000, .fiscal_start_month = 3 },
			&none, &c),
		0);
	assert_int_equal(c.years.count, 1);
	assert_int_equal(
		calendar_change(&c,
			&(struct calendar_change){ .from_day = 20001, .fiscal_start_month = 1 },
			&none, &c),
		0);
	assert_int_equal(c.years.count, 0);
	zone_deinit(&jakarta);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_changes_model),
		cmocka_unit_test(test_changes_written_out),
		cmocka_unit_test(test_changes_compared),
		cmocka_unit_test(test_changes_limit),
		cmocka_unit_test(test_periods),
		cmocka_unit_test(test_matching_instants),
		cmocka_unit_test(test_own_starts),
		cmocka_unit_test(test_never_backwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
