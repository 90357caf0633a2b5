#include "core/workdays.h"

#include <stddef.h>

#include "base/hash.h"

enum { DAYS_A_WEEK = 7, THURSDAY = 3 /* 1970-01-01 was one */ };

static bool is_holiday(const struct workdays *w, int64_t day)
{
	uint32_t from = 0, to = w->holiday_count;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;

		if (w->holidays[middle] == day)
			return true;
		if (w->holidays[middle] < day)
			from = middle + 1;
		else
			to = middle;
	}
	return false;
}

bool workdays_has(const struct workdays *w, int64_t day)
{
	int64_t weekday = (day + THURSDAY) % DAYS_A_WEEK;

	if (w == NULL)
		return true;
	if (weekday < 0)
		weekday += DAYS_A_WEEK;
	return (w->week >> weekday & 1) && !is_holiday(w, day);
}

uint32_t workdays_count(const struct workdays *w, int64_t first, uint32_t days)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < days; i++)
		count += workdays_has(w, first + i);
	return count;
}

uint64_t workdays_hash(const struct workdays *w)
{
	uint64_t hash;

	if (w == NULL || (w->week == WORKDAYS_EVERY && w->holiday_count == 0))
		return 0;
	hash = hash_u64(w->week);
	for (uint32_t i = 0; i < w->holiday_count; i++)
		hash = hash_combine(hash, (uint64_t)(uint32_t)w->holidays[i]);
	return hash;
}
