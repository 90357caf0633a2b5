/*
 * calendar: periods of one calendar class: a time zone, the week's first day, the fiscal year's first month (S7, S11).
 * A period is [start, end) of instants; local days begin at local midnight (where that does not exist at the first instant
 * after, where it comes twice at the first), whatever the zone's transitions do.
 *
 * Each of the three may change on a local date (S12): calendar.c's head says what that does to the periods around it. Invariant:
 * the periods of a unit tile the time line, and weeks, months, quarters and years are whole local days.
 */
#ifndef CORE_CALENDAR_H
#define CORE_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/zone.h"

enum calendar_unit {
	CALENDAR_DAY, CALENDAR_WEEK, CALENDAR_MONTH, CALENDAR_QUARTER, CALENDAR_YEAR,
	CALENDAR_UNIT_COUNT,
};

enum { CALENDAR_CHANGES_MAX = 32 };

/* From a local day on, which begins a period of the new start, the week or the fiscal year starts otherwise. */
struct calendar_turn {
	int32_t day, start;
};
struct calendar_turns {              /* days rise; no start is the one before */
	uint32_t count;
	struct calendar_turn items[CALENDAR_CHANGES_MAX];
};

struct calendar {
	const struct zone *zone;     /* borrowed; of calendar_change: all its zones in one */
	int week_start;              /* 1 = Monday … 7 = Sunday; until the first turn */
	int fiscal_start_month;      /* 1 … 12; until the first turn */
	struct calendar_turns weeks, years;
};

/* What is said to hold from a local date on. */
struct calendar_change {
	int32_t from_day;            /* days since 1970-01-01 */
	const struct zone *zone;     /* borrowed; NULL: as before */
	int week_start, fiscal_start_month; /* 0: as before */
};

/*
 * `before` with a change, whose from_day is not before those that it has already. *ret_zone is made when the change has a zone: the
 * zone of *ret, the caller's (zone_deinit). 0, or 1: more than CALENDAR_CHANGES_MAX turns; nothing is made then.
 */
int calendar_change(const struct calendar *before, const struct calendar_change *, struct zone *ret_zone, struct calendar *ret);
/* Whether both have the same local time and the same periods at every instant before t; INT64_MAX: at all. */
bool calendar_agrees(const struct calendar *, const struct calendar *, int64_t until_ms);

/* Start of the period that contains t. */
int64_t calendar_period_start(const struct calendar *, enum calendar_unit, int64_t t_ms);
/* Start of the period k periods after the one that contains t (k may be negative). */
int64_t calendar_period_shift(const struct calendar *, enum calendar_unit, int64_t t_ms, int k);
/* End of the period that contains t: the start of the next. */
int64_t calendar_period_end(const struct calendar *, enum calendar_unit, int64_t t_ms);
/* Days since 1970-01-01 of the local date at t. */
int64_t calendar_local_day(const struct calendar *, int64_t t_ms);
/* The instant at which a local day begins. */
int64_t calendar_day_start(const struct calendar *, int64_t local_day);
/*
 * S11: the instant that matches t in the period `back` periods earlier: same month in the period, day and local time;
 * a day that does not exist: the end of that month; at most the end of that period; never falling while t rises.
 */
int64_t calendar_like_elapsed(const struct calendar *, enum calendar_unit, int back, int64_t t_ms);
const char *calendar_unit_name(enum calendar_unit);

#endif
