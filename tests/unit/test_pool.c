/* Work that is shared out and comes back whole; what the threads write is plain memory, so that ThreadSanitizer has a say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"

enum { PIECES = 37, ROUNDS = 300, SIZE = 4 };

struct sums {
	uint32_t round;
	uint64_t pieces[PIECES];       /* of one piece each: written by whichever thread has it */
	uint64_t workers[SIZE];	       /* of one thread each */
	uint32_t order[PIECES], count; /* of the pool of one thread */
	pthread_t caller;
};

static void add(void *ctx, uint32_t worker, uint32_t index)
{
	struct sums *sums = ctx;

	sums->pieces[index] += sums->round + index;
	sums->workers[worker]++;
}

/* Every piece once in each round, whoever runs it, and the rounds do not overlap. */
static void every_piece_is_run_once(void **state)
{
	struct sums sums = { 0 };
	struct pool *pool = pool_new(SIZE);
	uint64_t rounds = 0, runs = 0;

	(void)state;
	assert_int_equal(pool_size(pool), SIZE);
	for (sums.round = 0; sums.round < ROUNDS; sums.round++) {
		pool_run(pool, add, &sums, PIECES);
		rounds += sums.round;
		for (uint32_t i = 0; i < PIECES; i++)
			assert_int_equal(sums.pieces[i], rounds + (sums.round + 1) * (uint64_t)i);
	}
	for (uint32_t i = 0; i < SIZE; i++)
		runs += sums.workers[i];
	assert_int_equal(runs, (uint64_t)PIECES * ROUNDS);
	pool_run(pool, add, &sums, 0);
	pool_free(pool);
	pool_free(NULL);
}

struct meeting {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t here;
};

/* Returns only when as many threads are in it as there are pieces. */
static void meet(void *ctx, uint32_t worker, uint32_t index)
{
	struct meeting *meeting = ctx;

	(void)worker;
	(void)index;
	pthread_mutex_lock(&meeting->lock);
	meeting->here++;
	pthread_cond_broadcast(&meeting->changed);
	while (meeting->here % SIZE != 0)
		pthread_cond_wait(&meeting->changed, &meeting->lock);
	pthread_mutex_unlock(&meeting->lock);
}

static void pieces_run_at_the_same_time(void **state)
{
	struct meeting meeting = { .lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER };
	struct pool *pool = pool_new(SIZE);

	(void)state;
	pool_run(pool, meet, &meeting, SIZE);
	assert_int_equal(meeting.here, SIZE);
	pool_free(pool);
}

static void note(void *ctx, uint32_t worker, uint32_t index)
{
	struct sums *sums = ctx;

	assert_int_equal(worker, 0);
	assert_true(pthread_equal(pthread_self(), sums->caller));
	sums->order[sums->count++] = index;
}

static void one_thread_is_the_callers_and_keeps_the_order(void **state)
{
	(void)state;
	for (uint32_t size = 0; size <= 1; size++) {
		struct sums sums = { .caller = pthread_self() };
		struct pool *pool = pool_new(size);

		assert_int_equal(pool_size(pool), 1);
		pool_run(pool, note, &sums, PIECES);
		assert_int_equal(sums.count, PIECES);
		for (uint32_t i = 0; i < PIECES; i++)
			assert_int_equal(sums.order[i], i);
		pool_free(pool);
	}
}

static void there_is_a_most(void **state)
{
	struct pool *pool = pool_new(100000);

	(void)state;
	assert_in_range(pool_size(pool), 1, POOL_SIZE_MAX);
	pool_free(pool);
	assert_in_range(pool_cores(), 1, 1 << 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_piece_is_run_once),
		cmocka_unit_test(pieces_run_at_the_same_time),
		cmocka_unit_test(one_thread_is_the_callers_and_keeps_the_order),
		cmocka_unit_test(there_is_a_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
