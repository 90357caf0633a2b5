#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/xalloc.h"

static void test_grow_doubles_and_keeps(void **state)
{
	uint32_t *items = NULL;
	uint16_t count = 0, cap = 0;

	(void)state;
	for (uint32_t i = 0; i < 1000; i++) {
		X_GROW(items, count, cap);
		assert_true(count < cap);
		items[count++] = i * 7;
	}
	for (uint32_t i = 0; i < 1000; i++)
		assert_int_equal(items[i], i * 7);
	assert_int_equal(cap, 1024);
	free(items);
}

static void test_grow_stops_at_the_limit_of_the_counter(void **state)
{
	(void)state;
	assert_int_equal(x_grow_capacity(0, 100), 8);
	assert_int_equal(x_grow_capacity(40000, UINT16_MAX), UINT16_MAX);
	assert_int_equal(x_grow_capacity(0, 3), 3);
}

static void die_of_growth(void)
{
	x_grow_capacity(UINT16_MAX, UINT16_MAX);
}

static void die_of_product(void)
{
	free(x_realloc_array(NULL, SIZE_MAX / 2, 3));
}

static void die_of_calloc(void)
{
	free(x_calloc(SIZE_MAX / 2, 3));
}

static void die_of_calloc_written(void)
{
	free(x_calloc_written(SIZE_MAX / 2, 3));
}

static void assert_aborts(void (*function)(void))
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (!freopen("/dev/null", "w", stderr))
			_exit(1);
		signal(SIGABRT, SIG_DFL);
		function();
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
}

static void test_what_cannot_be_had_aborts(void **state)
{
	(void)state;
	assert_aborts(die_of_growth);
	assert_aborts(die_of_product);
	assert_aborts(die_of_calloc);
	assert_aborts(die_of_calloc_written);
}

static void test_copies(void **state)
{
	_cleanup_free_ char *whole = x_strdup("salam");
	_cleanup_free_ char *part = x_strndup("a\0bc", 3);
	_cleanup_free_ char *empty = x_strndup(NULL, 0);
	_cleanup_free_ char *none = x_malloc(0);
	_cleanup_free_ uint8_t *zeroed = x_calloc(16, 1);
	_cleanup_free_ uint8_t *used = x_malloc(5000);

	(void)state;
	assert_string_equal(whole, "salam");
	assert_memory_equal(part, "a\0b\0", 4);
	assert_string_equal(empty, "");
	assert_non_null(none);
	for (int i = 0; i < 16; i++)
		assert_int_equal(zeroed[i], 0);
	/* Memory that has been used before, as like as not. */
	memset(used, 0xa5, 5000);
	free(used);
	used = x_calloc_written(1250, 4);
	for (int i = 0; i < 5000; i++)
		assert_int_equal(used[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grow_doubles_and_keeps),
		cmocka_unit_test(test_grow_stops_at_the_limit_of_the_counter),
		cmocka_unit_test(test_what_cannot_be_had_aborts),
		cmocka_unit_test(test_copies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
