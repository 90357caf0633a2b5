/* The storage in memory: the contract, and its faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>

#include "edge/storage_memory.h"
#include "storage_contract.h"

static void keeps_the_contract(void **state)
{
	int64_t seconds = 1700000000;
	struct storage *s = storage_memory_new(&seconds);

	(void)state;
	storage_contract(s);
	s->ops->free(s);
}

static void has_its_faults(void **state)
{
	int64_t seconds = 1700000000;
	struct storage *s = storage_memory_new(&seconds);
	const struct storage_segment segment = { SLICE_INIT("n"), SLICE_INIT("bytes") };
	struct buffer out = { 0 };
	uint64_t epoch;
	int32_t partitions;

	(void)state;
	storage_memory_fail_next(s, 1);
	assert_int_equal(s->ops->write_segment(s, 0, &segment), -EAGAIN);
	assert_int_equal(s->ops->read_segment(s, 0, segment.name, &out), STORAGE_ABSENT);
	storage_memory_lose_answers(s, 1);
	assert_int_equal(s->ops->write_segment(s, 0, &segment), -EAGAIN);
	assert_int_equal(s->ops->read_segment(s, 0, segment.name, &out), STORAGE_OK); /* it had arrived */
	assert_int_equal(s->ops->take_epoch(s, 0, 1, &epoch, &partitions), STORAGE_OK);
	assert_true(epoch >= 1700000000); /* the clock's seconds: a failover that forgot the number can't fall below */
	storage_memory_clear(s);
	assert_int_equal(storage_memory_segment_count(s), 0);
	buffer_deinit(&out);
	s->ops->free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(keeps_the_contract), cmocka_unit_test(has_its_faults) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
