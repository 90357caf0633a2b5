/*
 * timefmt: dates, times and durations as text; the proleptic Gregorian calendar, UTC.
 *
 * A time is int64 milliseconds since 1970-01-01T00:00:00Z, a date int32 days since then. Local time
 * is the business of core/calendar. Parsers take the whole slice or refuse it and leave ret
 * untouched.
 */
#ifndef BASE_TIMEFMT_H
#define BASE_TIMEFMT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Room for any int64 time or duration as text, with NUL. */
#define TIME_TEXT_MAX 40

/* Howard Hinnant's algorithms (chrono-Compatible Low-Level Date Algorithms); month 1..12, day from
 * 1 (more than the month has runs on into the next). */
int64_t days_from_civil(int year, unsigned month, unsigned day);
void civil_from_days(int64_t days, int *ret_year, unsigned *ret_month, unsigned *ret_day);
unsigned days_in_month(int year, unsigned month);

/*
 * ISO 8601: "2026-03-28T16:59:00Z", "2026-03-28 23:59:00.25+07:00"; seconds may be missing, digits
 * after the millisecond are cut off, the offset is Z, ±hh:mm or ±hhmm. A date alone, a time without
 * an offset, a leap second and 24:00 are refused.
 */
bool time_parse(struct slice text, int64_t *ret_ms);
/* "2026-03-28", a day that exists. */
bool date_parse(struct slice text, int32_t *ret_days);
/* "2026-03-28T16:59:00Z", with ".123" only if there are milliseconds; answers buf, which has
 * TIME_TEXT_MAX bytes. */
char *time_format(int64_t ms, char *buf);
/* "2026-03-28"; as time_format. */
char *date_format(int64_t days, char *buf);

/* A whole number and one unit of ms s m h d w: "250ms" "90s" "5m" "1h" "30d" "2w". No sign. Refused
 * on overflow. */
bool duration_parse(struct slice text, int64_t *ret_ms);
/* In the greatest unit up to days that leaves no rest: "90s" "36h" "30d" "0s"; a sign if negative;
 * as time_format. */
char *duration_format(int64_t ms, char *buf);

#endif
