/* Days of work against a slow reading of the calendar; and what two of them that are equal, or not, say of themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "base/rng.h"
#include "base/timefmt.h"
#include "core/workdays.h"

enum { WORLDS = 200, DAYS = 400, HOLIDAYS_MAX = 30 };

static int compare_days(const void *a, const void *b)
{
	const int32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Walks from Monday, 2026-01-05, there and back. */
static int weekday_of(int64_t day)
{
	int32_t monday;
	int weekday = 0;

	assert_true(date_parse(SLICE_LIT("2026-01-05"), &monday));
	for (int64_t at = monday; at < day; at++)
		weekday = weekday == 6 ? 0 : weekday + 1;
	for (int64_t at = monday; at > day; at--)
		weekday = weekday == 0 ? 6 : weekday - 1;
	return weekday;
}

static bool works_naively(const struct workdays *w, int64_t day)
{
	for (uint32_t i = 0; i < w->holiday_count; i++)
		if (w->holidays[i] == day)
			return false;
	return (w->week & 1 << weekday_of(day)) != 0;
}

static void test_against_a_naive_one(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 20260305);
	for (int world = 0; world < WORLDS; world++) {
		int32_t holidays[HOLIDAYS_MAX];
		int64_t first = (int64_t)rng_below(&rng, 40000) - 10000;
		struct workdays w = { .week = (uint8_t)rng_below(&rng, 128), .holidays = holidays };
		uint32_t count = 0;

		for (uint64_t i = rng_below(&rng, HOLIDAYS_MAX); i > 0; i--)
			holidays[w.holiday_count++] = (int32_t)(first + (int64_t)rng_below(&rng, DAYS));
		qsort(holidays, w.holiday_count, sizeof(*holidays), compare_days);
		for (int64_t day = first; day < first + DAYS; day++) {
			assert_int_equal(workdays_has(&w, day), works_naively(&w, day));
			count += works_naively(&w, day);
		}
		assert_int_equal(workdays_count(&w, first, DAYS), count);
	}
}

static void test_none_is_every_day(void **state)
{
	const struct workdays every = { .week = WORKDAYS_EVERY }, none = { 0 };

	(void)state;
	assert_true(workdays_has(NULL, -1) && workdays_has(&every, 4));
	assert_int_equal(workdays_count(NULL, 20000, 31), 31);
	assert_int_equal(workdays_count(&none, 20000, 31), 0);
	assert_int_equal(workdays_hash(NULL), workdays_hash(&every));
	assert_int_not_equal(workdays_hash(NULL), workdays_hash(&none));
}

static void test_equal_ones_say_so(void **state)
{
	const int32_t some[] = { 20500, 20501 }, same[] = { 20500, 20501 }, others[] = { 20500, 20502 };
	const struct workdays a = { 0x1f, some, 2 }, b = { 0x1f, same, 2 }, week = { 0x3f, some, 2 }, day = { 0x1f, others, 2 },
			      less = { 0x1f, some, 1 };

	(void)state;
	assert_int_equal(workdays_hash(&a), workdays_hash(&b));
	assert_int_not_equal(workdays_hash(&a), workdays_hash(&week));
	assert_int_not_equal(workdays_hash(&a), workdays_hash(&day));
	assert_int_not_equal(workdays_hash(&a), workdays_hash(&less));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_against_a_naive_one),
		cmocka_unit_test(test_none_is_every_day),
		cmocka_unit_test(test_equal_ones_say_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
