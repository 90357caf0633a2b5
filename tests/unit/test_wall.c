/* Clocks: the real ones move on, the manual one stands where it was put. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <time.h>

#include "edge/wall.h"

static void real(void **state)
{
	struct wall w = { .ops = &wall_real };
	int64_t now_ms = wall_now_ms(&w), monotone_ms = wall_monotone_ms(&w);

	(void)state;
	assert_true(now_ms / 1000 >= (int64_t)time(NULL) - 1 && now_ms / 1000 <= (int64_t)time(NULL) + 1);
	nanosleep(&(struct timespec){ .tv_nsec = 3000000 }, NULL);
	assert_true(wall_monotone_ms(&w) > monotone_ms);
}

static void manual(void **state)
{
	struct wall w = { .ops = &wall_manual, .manual_now_ms = 5, .manual_monotone_ms = 9 };

	(void)state;
	assert_int_equal(wall_now_ms(&w), 5);
	assert_int_equal(wall_monotone_ms(&w), 9);
	w.manual_now_ms = 4; /* a wall clock may be set back */
	assert_int_equal(wall_now_ms(&w), 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(real), cmocka_unit_test(manual) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
