#include "base/timefmt.h"

#include <stdio.h>
#include <string.h>

#define MS_PER_DAY 86400000LL

int64_t days_from_civil(int year, unsigned month, unsigned day)
{
	/* The year begins in March, so that the leap day is its last. */
	int64_t y = (int64_t)year - (month <= 2);
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t month_from_march = month > 2 ? month - 3 : month + 9;
	int64_t day_of_year = (153 * month_from_march + 2) / 5 + (int64_t)day - 1;
	int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;

	return era * 146097 + day_of_era - 719468;
}

void civil_from_days(int64_t days, int *ret_year, unsigned *ret_month, unsigned *ret_day)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	int64_t day_of_era = z - era * 146097;
	int64_t year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	int64_t day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	int64_t month_from_march = (5 * day_of_year + 2) / 153;
	int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;

	*ret_year = (int)(year_of_era + era * 400 + (month <= 2));
	*ret_month = (unsigned)month;
	*ret_day = (unsigned)(day_of_year - (153 * month_from_march + 2) / 5 + 1);
}

unsigned days_in_month(int year, unsigned month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

/* Exactly `count` digits; false when there are fewer. */
static bool take_digits(struct slice *text, unsigned count, unsigned *ret)
{
	unsigned value = 0;

	if (text->len < count)
		return false;
	for (unsigned i = 0; i < count; i++) {
		if (text->at[i] < '0' || text->at[i] > '9')
			return false;
		value = value * 10 + (unsigned)(text->at[i] - '0');
	}
	*text = (struct slice){ text->at + count, text->len - count };
	*ret = value;
	return true;
}

static bool take_char(struct slice *text, const char *allowed)
{
	if (text->len == 0 || *text->at == '\0' || !strchr(allowed, *text->at))
		return false;
	*text = (struct slice){ text->at + 1, text->len - 1 };
	return true;
}

static bool take_date(struct slice *text, int64_t *ret_days)
{
	unsigned year, month, day;

	if (!take_digits(text, 4, &year) || !take_char(text, "-") ||
		!take_digits(text, 2, &month) || !take_char(text, "-") ||
		!take_digits(text, 2, &day))
		return false;
	if (month < 1 || month > 12 || day < 1 || day > days_in_month((int)year, month))
		return false;
	*ret_days = days_from_civil((int)year, month, day);
	return true;
}

/* ".25": as milliseconds; what is finer is cut off. */
static bool take_fraction(struct slice *text, unsigned *ret_ms)
{
	unsigned scale = 100, ms = 0, digit;

	if (!take_char(text, ".,")) {
		*ret_ms = 0;
		return true;
	}
	if (!take_digits(text, 1, &digit))
		return false;
	do {
		ms += digit * scale;
		scale /= 10;
	} while (take_digits(text, 1, &digit));
	*ret_ms = ms;
	return true;
}

static bool take_clock(struct slice *text, int64_t *ret_ms)
{
	unsigned hour, minute, second = 0, ms = 0;

	if (!take_digits(text, 2, &hour) || !take_char(text, ":") || !take_digits(text, 2, &minute))
		return false;
	if (take_char(text, ":") && (!take_digits(text, 2, &second) || !take_fraction(text, &ms)))
		return false;
	if (hour > 23 || minute > 59 || second > 59)
		return false;
	*ret_ms = ((int64_t)hour * 60 + minute) * 60000 + (int64_t)second * 1000 + ms;
	return true;
}

static bool take_offset(struct slice *text, int64_t *ret_ms)
{
	unsigned hours, minutes;

	if (take_char(text, "Zz")) {
		*ret_ms = 0;
		return true;
	}
	bool west = text->len && *text->at == '-';

	if (!take_char(text, "+-") || !take_digits(text, 2, &hours))
		return false;
	take_char(text, ":");
	if (!take_digits(text, 2, &minutes) || hours > 23 || minutes > 59)
		return false;
	*ret_ms = ((int64_t)hours * 60 + minutes) * (west ? -60000 : 60000);
	return true;
}

bool time_parse(struct slice text, int64_t *ret_ms)
{
	int64_t days, clock_ms, offset_ms;

	if (!take_date(&text, &days) || !take_char(&text, "Tt ") || !take_clock(&text, &clock_ms) ||
		!take_offset(&text, &offset_ms) || text.len)
		return false;
	*ret_ms = days * MS_PER_DAY + clock_ms - offset_ms;
	return true;
}

bool date_parse(struct slice text, int32_t *ret_days)
{
	int64_t days;

	if (!take_date(&text, &days) || text.len)
		return false;
	*ret_days = (int32_t)days;
	return true;
}

char *date_format(int64_t days, char *buf)
{
	int year;
	unsigned month, day;

	civil_from_days(days, &year, &month, &day);
	snprintf(buf, TIME_TEXT_MAX, "%04d-%02u-%02u", year, month, day);
	return buf;
}

char *time_format(int64_t ms, char *buf)
{
	int64_t days = ms / MS_PER_DAY;
	int rest = (int)(ms % MS_PER_DAY);
	char fraction[8] = "";

	if (rest < 0) {
		rest += MS_PER_DAY;
		days--;
	}
	if (rest % 1000)
		snprintf(fraction, sizeof(fraction), ".%03d", rest % 1000);
	date_format(days, buf);
	size_t length = strlen(buf);

	snprintf(buf + length, TIME_TEXT_MAX - length, "T%02d:%02d:%02d%sZ", rest / 3600000,
		rest / 60000 % 60, rest / 1000 % 60, fraction);
	return buf;
}

struct unit {
	const char *name;
	int64_t ms;
	bool shown; /* duration_format uses it */
};

static const struct unit units[] = {
	{ "w", 7 * MS_PER_DAY, false },
	{ "d", MS_PER_DAY, true },
	{ "h", 3600000, true },
	{ "m", 60000, true },
	{ "s", 1000, true },
	{ "ms", 1, true },
};

enum { UNIT_COUNT = sizeof(units) / sizeof(units[0]) };

bool duration_parse(struct slice text, int64_t *ret_ms)
{
	int64_t count = 0, ms;
	unsigned digit;
	bool any = false;

	while (take_digits(&text, 1, &digit)) {
		any = true;
		if (__builtin_mul_overflow(count, 10, &count) ||
			__builtin_add_overflow(count, (int64_t)digit, &count))
			return false;
	}
	for (size_t i = 0; any && i < UNIT_COUNT; i++) {
		if (!slice_is(text, units[i].name))
			continue;
		if (__builtin_mul_overflow(count, units[i].ms, &ms))
			return false;
		*ret_ms = ms;
		return true;
	}
	return false;
}

char *duration_format(int64_t ms, char *buf)
{
	const struct unit *best = &units[UNIT_COUNT - 2]; /* "0s" */

	for (size_t i = 0; ms && i < UNIT_COUNT; i++) {
		if (!units[i].shown || ms % units[i].ms)
			continue;
		best = &units[i];
		break;
	}
	snprintf(buf, TIME_TEXT_MAX, "%lld%s", (long long)(ms / best->ms), best->name);
	return buf;
}
