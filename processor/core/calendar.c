#include "core/calendar.h"

#include <assert.h>

#include "base/timefmt.h"

static const int64_t DAY = 86400000;

static int64_t floor_div(int64_t a, int64_t b)
{
	int64_t quotient = a / b;

	return a % b < 0 ? quotient - 1 : quotient;
}

int64_t calendar_local_day(const struct calendar *calendar, int64_t t_ms)
{
	/* By the day's start, not by the clock's reading: where a midnight comes twice, the second pass is the new day already. */
	int64_t day = floor_div(zone_to_local(calendar->zone, t_ms), DAY);

	while (calendar_day_start(calendar, day + 1) <= t_ms)
		day++;
	while (calendar_day_start(calendar, day) > t_ms)
		day--;
	return day;
}

int64_t calendar_day_start(const struct calendar *calendar, int64_t local_day)
{
	return zone_from_local(calendar->zone, local_day * DAY);
}

/* Months since year 0, of a local day. */
static int64_t month_of(int64_t local_day, unsigned *ret_day_of_month)
{
	unsigned month;
	int year;

	civil_from_days(local_day, &year, &month, ret_day_of_month);
	return (int64_t)year * 12 + (int64_t)month - 1;
}

static int64_t month_start_day(int64_t months)
{
	int64_t year = floor_div(months, 12);

	return days_from_civil((int)year, (unsigned)(months - year * 12) + 1, 1);
}

static int unit_months(enum calendar_unit unit)
{
	return unit == CALENDAR_MONTH ? 1 : unit == CALENDAR_QUARTER ? 3 : 12;
}

/* First local day of the period that contains a local day. */
static int64_t period_first_day(
	const struct calendar *calendar, enum calendar_unit unit, int64_t local_day)
{
	unsigned day_of_month;

	if (unit == CALENDAR_DAY)
		return local_day;
	if (unit == CALENDAR_WEEK) {
		/* 1970-01-01 was a Thursday, day 4 of a week that starts on Monday. */
		int64_t since_start = (((local_day + 3) - (calendar->week_start - 1)) % 7 + 7) % 7;
		return local_day - since_start;
	}
	int64_t months = month_of(local_day, &day_of_month),
		fiscal = calendar->fiscal_start_month - 1;
	int length = unit_months(unit);
	return month_start_day(floor_div(months - fiscal, length) * length + fiscal);
}

/* First local day of the period `k` periods after the one that begins on first_day. */
static int64_t shift_first_day(enum calendar_unit unit, int64_t first_day, int k)
{
	unsigned day_of_month;

	if (unit == CALENDAR_DAY)
		return first_day + k;
	if (unit == CALENDAR_WEEK)
		return first_day + (int64_t)k * 7;
	return month_start_day(month_of(first_day, &day_of_month) + (int64_t)k * unit_months(unit));
}

int64_t calendar_period_start(
	const struct calendar *calendar, enum calendar_unit unit, int64_t t_ms)
{
	return calendar_day_start(
		calendar, period_first_day(calendar, unit, calendar_local_day(calendar, t_ms)));
}

int64_t calendar_period_shift(
	const struct calendar *calendar, enum calendar_unit unit, int64_t t_ms, int k)
{
	int64_t first_day = period_first_day(calendar, unit, calendar_local_day(calendar, t_ms));

	return calendar_day_start(calendar, shift_first_day(unit, first_day, k));
}

int64_t calendar_period_end(const struct calendar *calendar, enum calendar_unit unit, int64_t t_ms)
{
	return calendar_period_shift(calendar, unit, t_ms, 1);
}

/* The local day in the earlier period that matches; *ret_clamped: it does not exist, the end of its month is meant. */
static int64_t matching_day(
	enum calendar_unit unit, int back, int64_t first_day, int64_t local_day, bool *ret_clamped)
{
	unsigned day_of_month;

	*ret_clamped = false;
	if (unit == CALENDAR_DAY || unit == CALENDAR_WEEK)
		return shift_first_day(unit, first_day, -back) + (local_day - first_day);
	int64_t months = month_of(local_day, &day_of_month) - (int64_t)back * unit_months(unit);
	int64_t month_first = month_start_day(months), next_first = month_start_day(months + 1);
	if (month_first + (int64_t)day_of_month - 1 >= next_first) {
		*ret_clamped = true;
		return next_first;
	}
	return month_first + (int64_t)day_of_month - 1;
}

int64_t calendar_like_elapsed(
	const struct calendar *calendar, enum calendar_unit unit, int back, int64_t t_ms)
{
	int64_t day = calendar_local_day(calendar, t_ms),
		first_day = period_first_day(calendar, unit, day);
	int64_t end_ms = calendar_day_start(calendar, shift_first_day(unit, first_day, 1 - back));
	bool is_clamped;
	int64_t target_day = matching_day(unit, back, first_day, day, &is_clamped);
	int64_t in_day = zone_to_local_monotone(calendar->zone, t_ms) - day * DAY;

	/* The day begins where it begins, even if the clock then reads later (a gap at midnight) or the day before. */
	if (in_day < 0)
		in_day = 0;
	if (in_day > DAY)
		in_day = DAY;
	int64_t mapped_ms = is_clamped ? calendar_day_start(calendar, target_day)
				       : zone_from_local(calendar->zone, target_day * DAY + in_day);
	int64_t next_day_ms = calendar_day_start(calendar, target_day + 1);
	if (mapped_ms > next_day_ms)
		mapped_ms = next_day_ms;
	return mapped_ms < end_ms ? mapped_ms : end_ms;
}

const char *calendar_unit_name(enum calendar_unit unit)
{
	static const char *const names[CALENDAR_UNIT_COUNT] = { "day", "week", "month", "quarter",
		"year" };

	assert(unit < CALENDAR_UNIT_COUNT);
	return names[unit];
}
