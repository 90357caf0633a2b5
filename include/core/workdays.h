/*
 * workdays: the local days on which a company works: days of the week, but for holidays. What is planned for a period, and has no curve of its
 * own, is spread over them.
 */
#ifndef CORE_WORKDAYS_H
#define CORE_WORKDAYS_H

#include <stdbool.h>
#include <stdint.h>

enum { WORKDAYS_EVERY = 0x7f, WORKDAYS_HOLIDAYS_MAX = 4096 };

struct workdays {
	uint8_t week;                /* bit 0: Monday … bit 6: Sunday */
	const int32_t *holidays;     /* days since 1970-01-01, rising; borrowed */
	uint32_t holiday_count;
};

/* Everywhere NULL is: every day. A day is days since 1970-01-01 of a local date. */
bool workdays_has(const struct workdays *, int64_t day);
/* How many of `days` days from `first` on. */
uint32_t workdays_count(const struct workdays *, int64_t first, uint32_t days);
/* Equal for equal days; kept in checkpoints. */
uint64_t workdays_hash(const struct workdays *);

#endif
