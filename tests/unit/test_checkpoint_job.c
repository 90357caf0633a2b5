/* One step of a checkpoint at a time: segments, swap, restore, and the one before when the newest is damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/checkpoint_job.h"
#include "edge/storage_memory.h"

static uint64_t take_epoch(struct storage *s)
{
	uint64_t epoch;
	int32_t partitions;

	assert_int_equal(s->ops->take_epoch(s, 0, 1, &epoch, &partitions), STORAGE_OK);
	return epoch;
}

static void write(struct storage *s, uint64_t epoch, uint64_t id, uint64_t predecessor, const char *text)
{
	struct checkpoint_job job;

	checkpoint_job_init(&job, JOB_WRITE, 0);
	job.fingerprint = 5;
	job.compress = true;
	job.segment_bytes_max = 64;
	snprintf(job.name_prefix, sizeof(job.name_prefix), "%llu-w-", (unsigned long long)epoch);
	job.first_number = (uint32_t)id * 100;
	buffer_put_text(&job.raw, text);
	job.whole = true;
	checkpoint_job_run(&job, s);
	assert_int_equal(job.answer, STORAGE_OK);
	assert_true(job.manifest.segment_count == (strlen(text) + 63) / 64);
	job.kind = JOB_SWAP;
	job.manifest.id = id;
	job.manifest.predecessor = predecessor;
	job.manifest.epoch = epoch;
	job.manifest.partition_count = 1;
	checkpoint_job_run(&job, s);
	assert_int_equal(job.answer, STORAGE_OK);
	checkpoint_job_deinit(&job);
}

static void check(struct storage *s, const char *wanted, bool fell_back)
{
	struct checkpoint_job job;

	checkpoint_job_init(&job, JOB_RESTORE, 0);
	job.partition_count = 1;
	checkpoint_job_run(&job, s);
	assert_int_equal(job.answer, STORAGE_OK);
	assert_true(job.found);
	assert_int_equal(job.fell_back, fell_back);
	assert_int_equal(job.cut_count, 1);
	assert_true(slice_is(buffer_slice(&job.cuts[0]), wanted));
	checkpoint_job_deinit(&job);
}

static void steps(void **state)
{
	static const char first[] = "the first checkpoint, long enough that it needs more than one of the small segments of this test",
		second[] = "the second";
	int64_t seconds = 1700000000;
	struct storage *s = storage_memory_new(&seconds);
	uint64_t epoch = take_epoch(s);

	(void)state;
	write(s, epoch, 1, 0, first);
	check(s, first, false);
	epoch = take_epoch(s);
	write(s, epoch, 2, 1, second);
	check(s, second, false);
	assert_int_equal(storage_memory_drop_segment(s, storage_memory_segment_count(s) - 1), 1); /* the newest lost a segment */
	check(s, first, true);
	s->ops->free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(steps) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
