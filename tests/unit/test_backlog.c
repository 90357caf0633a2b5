/* Messages that wait: copied, in order, one at a time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/backlog.h"

static void first_in_first_out(void **state)
{
	struct backlog b = { 0 };
	char bytes[16];

	(void)state;
	assert_null(backlog_first(&b));
	for (int i = 0; i < 100; i++) {
		struct message m = { .topic = 1, .partition = 2, .offset = i, .key = { bytes, 1 }, .value = { i == 50 ? NULL : bytes, i == 50 ? 0 : 3 } };

		snprintf(bytes, sizeof(bytes), "%03d", i);
		backlog_add(&b, &m);
		memset(bytes, 'x', sizeof(bytes)); /* it was copied */
	}
	for (int i = 0; i < 100; i++) {
		const struct message *m = backlog_first(&b);
		char wanted[16];

		snprintf(wanted, sizeof(wanted), "%03d", i);
		assert_non_null(m);
		assert_int_equal(m->offset, i);
		if (i == 50)
			assert_null(m->value.at); /* a tombstone stays one */
		else
			assert_true(slice_is(m->value, wanted));
		backlog_pop(&b);
	}
	assert_true(backlog_is_empty(&b));
	backlog_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(first_in_first_out) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
