/*
 * Pieces are large (a shard's part of a turn) and few, so they are handed out under one lock. The caller works too, and waits
 * only for pieces, never for threads: one that the system wakes late finds nothing left and delays nobody.
 */
#include "base/pool.h"

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/xalloc.h"

struct worker {
	struct pool *pool; /* borrowed */
	uint32_t number;
	pthread_t thread;
};

struct pool {
	uint32_t size;
	struct worker *workers; /* [size]; 0 is the caller and has no thread */
	pthread_mutex_t lock;
	pthread_cond_t begun; /* there are pieces, or the end has come */
	pthread_cond_t done;  /* the last piece is done */
	pool_fn run;
	void *ctx;
	uint32_t count, next, left; /* pieces; the next to hand out; not done yet */
	bool is_ending;
};

/* Runs pieces while there are any. Called with the lock held, which is let go meanwhile. */
static void work(struct pool *pool, uint32_t worker)
{
	while (pool->next < pool->count) {
		pool_fn run = pool->run;
		void *ctx = pool->ctx;
		uint32_t index = pool->next++;

		pthread_mutex_unlock(&pool->lock);
		run(ctx, worker, index);
		pthread_mutex_lock(&pool->lock);
		if (--pool->left == 0)
			pthread_cond_signal(&pool->done);
	}
}

static void *worker_main(void *context)
{
	const struct worker *worker = context;
	struct pool *pool = worker->pool;

	pthread_mutex_lock(&pool->lock);
	while (!pool->is_ending) {
		work(pool, worker->number);
		if (!pool->is_ending)
			pthread_cond_wait(&pool->begun, &pool->lock);
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static bool start(struct pool *pool, uint32_t number)
{
	struct worker *worker = &pool->workers[number];
	char name[16];

	*worker = (struct worker){ .pool = pool, .number = number };
	if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0)
		return false;
	snprintf(name, sizeof(name), "worker %u", number);
	pthread_setname_np(worker->thread, name);
	return true;
}

struct pool *pool_new(uint32_t size)
{
	struct pool *pool = x_calloc(1, sizeof(*pool));

	if (size > POOL_SIZE_MAX)
		size = POOL_SIZE_MAX;
	pool->size = 1;
	pool->workers = x_calloc(size + 1, sizeof(*pool->workers));
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->begun, NULL);
	pthread_cond_init(&pool->done, NULL);
	while (pool->size < size && start(pool, pool->size))
		pool->size++;
	return pool;
}

void pool_free(struct pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->is_ending = true;
	pthread_cond_broadcast(&pool->begun);
	pthread_mutex_unlock(&pool->lock);
	for (uint32_t i = 1; i < pool->size; i++)
		pthread_join(pool->workers[i].thread, NULL);
	pthread_cond_destroy(&pool->done);
	pthread_cond_destroy(&pool->begun);
	pthread_mutex_destroy(&pool->lock);
	free(pool->workers);
	free(pool);
}

uint32_t pool_size(const struct pool *pool)
{
	return pool->size;
}

void pool_run(struct pool *pool, pool_fn run, void *ctx, uint32_t count)
{
	if (pool->size == 1 || count < 2) {
		for (uint32_t i = 0; i < count; i++)
			run(ctx, 0, i);
		return;
	}
	pthread_mutex_lock(&pool->lock);
	assert(pool->left == 0);
	pool->run = run;
	pool->ctx = ctx;
	pool->next = 0;
	pool->count = pool->left = count;
	pthread_cond_broadcast(&pool->begun);
	work(pool, 0);
	while (pool->left > 0)
		pthread_cond_wait(&pool->done, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
}

uint32_t pool_cores(void)
{
	cpu_set_t ours;
	int count = sched_getaffinity(0, sizeof(ours), &ours) == 0 ? CPU_COUNT(&ours) : 1;

	return count > 0 ? (uint32_t)count : 1;
}
