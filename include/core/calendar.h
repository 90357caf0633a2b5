/*
 * calendar: periods of one calendar class: a time zone, the week's first day, the fiscal year's first month (S7, S11).
 * A period is [start, end) of instants; local days begin at local midnight (where that does not exist at the first instant
 * after, where it comes twice at the first), whatever the zone's transitions do.
 */
#ifndef CORE_CALENDAR_H
#define CORE_CALENDAR_H

#include <stdint.h>

#include "core/zone.h"

enum calendar_unit {
	CALENDAR_DAY, CALENDAR_WEEK, CALENDAR_MONTH, CALENDAR_QUARTER, CALENDAR_YEAR,
	CALENDAR_UNIT_COUNT,
};

struct calendar {
	const struct zone *zone;     /* borrowed */
	int week_start;              /* 1 = Monday … 7 = Sunday */
	int fiscal_start_month;      /* 1 … 12 */
};

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
