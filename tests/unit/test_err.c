#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "base/err.h"

static int inner(int port)
{
	return err_raise(-EAGAIN, "redis at 127.0.0.1:%d does not answer", port);
}

static int outer(int port)
{
	return err_pass(inner(port));
}

static void test_message_and_trace(void **state)
{
	(void)state;
	err_clear();
	assert_string_equal(err_message(), "");
	assert_int_equal(outer(6379), -EAGAIN);
	assert_string_equal(err_message(), "redis at 127.0.0.1:6379 does not answer");
	assert_non_null(strstr(err_trace(), "test_err.c:"));
	assert_non_null(strchr(err_trace(), ' '));
	assert_null(strchr(err_trace(), '/'));
}

static void test_answers_are_not_errors(void **state)
{
	(void)state;
	err_clear();
	assert_int_equal(err_pass(0), 0);
	assert_int_equal(err_pass(3), 3);
	assert_string_equal(err_trace(), "");
}

static void test_message_may_hold_the_one_before(void **state)
{
	(void)state;
	inner(1);
	assert_int_equal(err_raise(-EIO, "shard 3: %s", err_message()), -EIO);
	assert_string_equal(err_message(), "shard 3: redis at 127.0.0.1:1 does not answer");
}

static void test_long_ones_are_cut(void **state)
{
	char text[5000];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_raise(-EIO, "%s", text);
	assert_true(strlen(err_message()) < sizeof(text));
	for (int i = 0; i < 1000; i++)
		err_pass(-EIO);
	assert_true(strlen(err_trace()) < 600);
}

static void *other_thread(void *unused)
{
	err_raise(-EIO, "other");
	return unused;
}

static void test_threads_do_not_share(void **state)
{
	pthread_t thread;

	(void)state;
	err_raise(-EIO, "mine");
	assert_int_equal(pthread_create(&thread, NULL, other_thread, NULL), 0);
	pthread_join(thread, NULL);
	assert_string_equal(err_message(), "mine");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_message_and_trace),
		cmocka_unit_test(test_answers_are_not_errors),
		cmocka_unit_test(test_message_may_hold_the_one_before),
		cmocka_unit_test(test_long_ones_are_cut),
		cmocka_unit_test(test_threads_do_not_share),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
