/*
 * A change on a local date (S12). There is one line of local days, each of one date; weeks, months, quarters and years are
 * runs of whole days, so a month stays the sum of its days. What changes is where a day begins, and which days begin a week or
 * a fiscal year:
 *
 *      zone           the date's midnight is the old zone's, the midnights behind it are the new one's. From Jakarta (+7) to
 *                     Makassar (+8) on 1 July:    | 30 June, 24 h | 1 July, 23 h | 2 July, 24 h |
 *      week start     the first new start at or behind the date begins a week, and cuts the one that runs. From Monday to
 *                     Sunday on Friday, 1 January:  | Mon 28 – Sat 2: 6 days | Sun 3 – Sat 9 | Sun 10 …
 *      fiscal start   the first new start of a year at or behind the date begins a year and a quarter, and cuts those that run.
 *
 * So no bound before the date is another one than without the change: what has closed stays closed with its numbers, and a
 * change that lies ahead is none yet. The odd period is one, it is short (a day may be long), and it lies at the change: never
 * a week of 8 to 13 days, which would be compared with one of 7. Considered and not done: a zone that changes with each unit at the
 * unit's own bound, so that a week begins at Jakarta's midnight inside a day of Makassar; then the week is not the sum of its
 * days, and an edge stands inside a bucket of the ledger.
 *
 * S11 across a change: the same place (month in the period, day in the month or week, local time), each side read on the clock of
 * its own days; at most the end of the earlier period, so the seventh day of a full week has the whole of a short one beside it.
 */
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

/* ---- bounds in local days -------------------------------------------------------------------------------- */

/* First local day of the period that contains a local day, did the unit always start there. */
static int64_t regular_first_day(enum calendar_unit unit, int start, int64_t local_day)
{
	unsigned day_of_month;

	if (unit == CALENDAR_DAY)
		return local_day;
	if (unit == CALENDAR_WEEK) {
		/* 1970-01-01 was a Thursday, day 4 of a week that starts on Monday. */
		int64_t since_start = (((local_day + 3) - (start - 1)) % 7 + 7) % 7;
		return local_day - since_start;
	}
	int64_t months = month_of(local_day, &day_of_month), fiscal = start - 1;
	int length = unit_months(unit);
	return month_start_day(floor_div(months - fiscal, length) * length + fiscal);
}

/* First local day of the period `k` periods after the one that begins on first_day, likewise. */
static int64_t regular_shift(enum calendar_unit unit, int64_t first_day, int k)
{
	unsigned day_of_month;

	if (unit == CALENDAR_DAY)
		return first_day + k;
	if (unit == CALENDAR_WEEK)
		return first_day + (int64_t)k * 7;
	return month_start_day(month_of(first_day, &day_of_month) + (int64_t)k * unit_months(unit));
}

/* NULL: this unit always starts alike. */
static const struct calendar_turns *turns_of(
	const struct calendar *calendar, enum calendar_unit unit)
{
	const struct calendar_turns *turns = unit == CALENDAR_WEEK ? &calendar->weeks
					     : unit == CALENDAR_QUARTER || unit == CALENDAR_YEAR
						     ? &calendar->years
						     : NULL;

	return turns && turns->count ? turns : NULL;
}

static int first_start(const struct calendar *calendar, enum calendar_unit unit)
{
	return unit == CALENDAR_WEEK	? calendar->week_start
	       : unit == CALENDAR_MONTH ? 1
					: calendar->fiscal_start_month;
}

/* A turn's day is the first of a period itself: what is before it does not show behind. */
static int64_t period_first_day(
	const struct calendar *calendar, enum calendar_unit unit, int64_t local_day)
{
	const struct calendar_turns *turns = turns_of(calendar, unit);
	int start = first_start(calendar, unit);

	for (uint32_t i = 0; turns && i < turns->count && turns->items[i].day <= local_day; i++)
		start = turns->items[i].start;
	return regular_first_day(unit, start, local_day);
}

static int64_t next_first_day(
	const struct calendar *calendar, enum calendar_unit unit, int64_t first_day)
{
	const struct calendar_turns *turns = turns_of(calendar, unit);
	int64_t next = regular_shift(unit, first_day, 1);

	for (uint32_t i = 0; turns && i < turns->count; i++)
		if (turns->items[i].day > first_day && turns->items[i].day < next)
			return turns->items[i].day;
	return next;
}

/* First local day of the period `k` periods after the one that begins on first_day. */
static int64_t shift_first_day(
	const struct calendar *calendar, enum calendar_unit unit, int64_t first_day, int k)
{
	if (!turns_of(calendar, unit))
		return regular_shift(unit, first_day, k);
	for (; k > 0; k--)
		first_day = next_first_day(calendar, unit, first_day);
	for (; k < 0; k++)
		first_day = period_first_day(calendar, unit, first_day - 1);
	return first_day;
}

/* ---- bounds in instants ---------------------------------------------------------------------------------- */

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

	return calendar_day_start(calendar, shift_first_day(calendar, unit, first_day, k));
}

int64_t calendar_period_end(const struct calendar *calendar, enum calendar_unit unit, int64_t t_ms)
{
	return calendar_period_shift(calendar, unit, t_ms, 1);
}

/* ---- S11 ------------------------------------------------------------------------------------------------- */

struct elapsed { /* local days */
	int64_t first_day, local_day, earlier_first_day;
};

/* The local day in the earlier period that matches; *ret_clamped: it does not exist, the end of its month is meant. */
static int64_t matching_day(
	enum calendar_unit unit, const struct elapsed *elapsed, bool *ret_clamped)
{
	unsigned day_of_month, first;

	*ret_clamped = false;
	if (unit == CALENDAR_DAY || unit == CALENDAR_WEEK)
		return elapsed->earlier_first_day + (elapsed->local_day - elapsed->first_day);
	int64_t months = month_of(elapsed->local_day, &day_of_month) -
			 month_of(elapsed->first_day, &first) +
			 month_of(elapsed->earlier_first_day, &first);
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
	struct elapsed elapsed = { .local_day = calendar_local_day(calendar, t_ms) };
	bool is_clamped;

	elapsed.first_day = period_first_day(calendar, unit, elapsed.local_day);
	elapsed.earlier_first_day = shift_first_day(calendar, unit, elapsed.first_day, -back);
	int64_t end_ms = calendar_day_start(
		calendar, shift_first_day(calendar, unit, elapsed.first_day, 1 - back));
	int64_t target_day = matching_day(unit, &elapsed, &is_clamped);
	int64_t in_day = zone_to_local_monotone(calendar->zone, t_ms) - elapsed.local_day * DAY;

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

/* ---- changes --------------------------------------------------------------------------------------------- */

/* The first local day at or behind `from` that begins a week or a year of this start. */
static int64_t first_at_or_behind(enum calendar_unit unit, int start, int64_t from_day)
{
	int64_t first = regular_first_day(unit, start, from_day);

	return first == from_day ? first : regular_shift(unit, first, 1);
}

/* What was to turn at or behind the new date has been overtaken. False: too many. */
static bool add_turn(
	struct calendar_turns *turns, enum calendar_unit unit, int before, int start, int32_t from)
{
	while (turns->count && turns->items[turns->count - 1].day >= from)
		turns->count--;
	if (turns->count)
		before = turns->items[turns->count - 1].start;
	if (before == start)
		return true;
	if (turns->count == CALENDAR_CHANGES_MAX)
		return false;
	turns->items[turns->count++] =
		(struct calendar_turn){ .day = (int32_t)first_at_or_behind(unit, start, from),
			.start = start };
	return true;
}

int calendar_change(const struct calendar *before, const struct calendar_change *change,
	struct zone *ret_zone, struct calendar *ret)
{
	struct calendar changed = *before;

	if (change->week_start && !add_turn(&changed.weeks, CALENDAR_WEEK, before->week_start,
					  change->week_start, change->from_day))
		return 1;
	if (change->fiscal_start_month &&
		!add_turn(&changed.years, CALENDAR_YEAR, before->fiscal_start_month,
			change->fiscal_start_month, change->from_day))
		return 1;
	if (change->zone) {
		zone_splice(before->zone, change->zone, change->from_day * DAY, ret_zone);
		changed.zone = ret_zone;
	}
	*ret = changed;
	return 0;
}

/* How many of the zone's transitions, and of the turns, are before t. */
static size_t transitions_until(const struct zone *zone, int64_t until_ms)
{
	size_t low = 0, high = zone->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (zone->transitions[middle].at_ms < until_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static uint32_t turns_until(
	const struct calendar *calendar, const struct calendar_turns *turns, int64_t until_ms)
{
	uint32_t count = 0;

	while (count < turns->count &&
		calendar_day_start(calendar, turns->items[count].day) < until_ms)
		count++;
	return count;
}

static bool zones_agree(const struct zone *a, const struct zone *b, int64_t until_ms)
{
	size_t count = transitions_until(a, until_ms);

	if (a == b)
		return true;
	if (count != transitions_until(b, until_ms) || a->first_offset_ms != b->first_offset_ms)
		return false;
	for (size_t i = 0; i < count; i++)
		if (a->transitions[i].at_ms != b->transitions[i].at_ms ||
			a->transitions[i].offset_ms != b->transitions[i].offset_ms)
			return false;
	return true;
}

static bool turns_agree(
	const struct calendar_turns *a, const struct calendar_turns *b, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (a->items[i].day != b->items[i].day || a->items[i].start != b->items[i].start)
			return false;
	return true;
}

bool calendar_agrees(const struct calendar *a, const struct calendar *b, int64_t until_ms)
{
	uint32_t weeks = turns_until(a, &a->weeks, until_ms),
		 years = turns_until(a, &a->years, until_ms);

	return a->week_start == b->week_start && a->fiscal_start_month == b->fiscal_start_month &&
	       zones_agree(a->zone, b->zone, until_ms) &&
	       weeks == turns_until(b, &b->weeks, until_ms) &&
	       years == turns_until(b, &b->years, until_ms) &&
	       turns_agree(&a->weeks, &b->weeks, weeks) && turns_agree(&a->years, &b->years, years);
}

const char *calendar_unit_name(enum calendar_unit unit)
{
	static const char *const names[CALENDAR_UNIT_COUNT] = { "day", "week", "month", "quarter",
		"year" };

	assert(unit < CALENDAR_UNIT_COUNT);
	return names[unit];
}
