#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage_contract.h"

static void write(struct storage *s, int32_t shard, const char *name, const char *bytes)
{
	const struct storage_segment segment = { slice_of(name), slice_of(bytes) };

	assert_int_equal(s->ops->write_segment(s, shard, &segment), STORAGE_OK);
}

static int swap(struct storage *s, int32_t shard, uint64_t epoch, uint64_t predecessor, uint64_t id, const char *manifest, const char *name,
	uint64_t length)
{
	const struct slice names[] = { slice_of(name) };
	const uint64_t lengths[] = { length };

	return s->ops->swap_manifest(s, shard, epoch, predecessor, id, slice_of(manifest), names, lengths, 1);
}

static void check_manifest(struct storage *s, int32_t shard, uint32_t index, const char *wanted)
{
	struct buffer out = { 0 };
	int answer = s->ops->read_manifest(s, shard, index, &out);

	if (!wanted) {
		assert_int_equal(answer, STORAGE_ABSENT);
	} else {
		assert_int_equal(answer, STORAGE_OK);
		assert_true(slice_is(buffer_slice(&out), wanted));
	}
	buffer_deinit(&out);
}

static uint64_t epochs_rise(struct storage *s)
{
	uint64_t first = 0, second = 0, read = 0;
	int32_t partitions = 0;

	assert_int_equal(s->ops->read_epoch(s, 0, &read), STORAGE_ABSENT);
	assert_int_equal(s->ops->take_epoch(s, 0, 4, &first, &partitions), STORAGE_OK);
	assert_int_equal(partitions, 4);
	assert_int_equal(s->ops->take_epoch(s, 0, 8, &second, &partitions), STORAGE_OK);
	assert_int_equal(partitions, 4); /* fixed at the first start */
	assert_true(second > first);
	assert_int_equal(s->ops->read_epoch(s, 0, &read), STORAGE_OK);
	assert_true(read == second);
	return second;
}

static void swaps_are_fenced(struct storage *s, uint64_t epoch)
{
	struct buffer out = { 0 };

	check_manifest(s, 0, 0, NULL);
	write(s, 0, "a", "hello");
	assert_int_equal(swap(s, 0, epoch, 0, 10, "first", "missing", 5), STORAGE_REBASE);
	assert_int_equal(swap(s, 0, epoch, 0, 10, "first", "a", 4), STORAGE_REBASE); /* another length */
	assert_int_equal(swap(s, 0, epoch, 0, 10, "first", "a", 5), STORAGE_OK);
	check_manifest(s, 0, 0, "first");
	write(s, 0, "b", "more");
	assert_int_equal(swap(s, 0, epoch, 9, 11, "second", "b", 4), STORAGE_REBASE); /* not my predecessor */
	assert_int_equal(swap(s, 0, epoch - 1, 10, 11, "zombie", "b", 4), STORAGE_FENCED);
	assert_int_equal(swap(s, 0, epoch, 10, 11, "second", "b", 4), STORAGE_OK);
	check_manifest(s, 0, 0, "second");
	check_manifest(s, 0, 1, "first"); /* two are kept */
	assert_int_equal(s->ops->read_segment(s, 0, SLICE_LIT("b"), &out), STORAGE_OK);
	assert_true(slice_is(buffer_slice(&out), "more"));
	assert_int_equal(s->ops->read_segment(s, 0, SLICE_LIT("c"), &out), STORAGE_ABSENT);
	buffer_deinit(&out);
}

static void sweeping_keeps_what_is_named(struct storage *s)
{
	const struct slice keep[] = { SLICE_INIT("1-keep-1") };
	uint64_t deleted = 0, epoch;
	int32_t partitions, shard = -1;
	struct buffer out = { 0 };

	assert_int_equal(s->ops->take_epoch(s, 3, 4, &epoch, &partitions), STORAGE_OK);
	write(s, 3, "1-keep-1", "x");
	write(s, 3, "1-orphan-2", "x");
	assert_int_equal(swap(s, 3, epoch, 0, 5, "third", "1-keep-1", 1), STORAGE_OK);
	assert_int_equal(s->ops->sweep(s, 3, epoch, keep, 1, &deleted), STORAGE_OK);
	assert_int_equal(deleted, 1);
	assert_int_equal(s->ops->read_segment(s, 3, SLICE_LIT("1-keep-1"), &out), STORAGE_OK);
	assert_int_equal(s->ops->read_segment(s, 3, SLICE_LIT("1-orphan-2"), &out), STORAGE_ABSENT);
	assert_int_equal(s->ops->list(s, 0, &shard), STORAGE_OK);
	assert_true(shard == 0 || shard == 3);
	assert_int_equal(s->ops->list(s, 1, &shard), STORAGE_OK);
	assert_int_equal(s->ops->list(s, 2, &shard), STORAGE_ABSENT);
	buffer_deinit(&out);
}

void storage_contract(struct storage *s)
{
	int64_t now_ms = 0;
	uint64_t epoch = epochs_rise(s);

	swaps_are_fenced(s, epoch);
	sweeping_keeps_what_is_named(s);
	assert_int_equal(s->ops->server_time(s, &now_ms), STORAGE_OK);
	assert_true(now_ms > 0);
}
