/*
 * The writer: a queue of jobs and one thread that runs them, or no thread at all. A restore that can't reach the storage is
 * tried again here, with growing pauses, so that the pipeline goes on polling meanwhile.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/xalloc.h"
#include "edge/checkpoint.h"
#include "edge/checkpoint_job.h"

enum { BACKOFF_FIRST_MS = 100, BACKOFF_MAX_MS = 5000 };

struct checkpoint_writer {
	struct storage *storage; /* borrowed */
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a job was queued, a job is done, or the end has come */
	struct checkpoint_job *first, *last;
	bool is_ending;
	bool is_held; /* without a thread: jobs wait */
};

/* Waits until the time has passed, or the end has come; answers whether it has. Called with the lock held. */
static bool pause_for(
	struct checkpoint_writer *writer, const struct checkpoint_job *job, int64_t pause_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += pause_ms / 1000;
	until.tv_nsec += pause_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	while (!writer->is_ending && !job->is_cancelled &&
		pthread_cond_timedwait(&writer->changed, &writer->lock, &until) == 0)
		;
	return writer->is_ending || job->is_cancelled;
}

/* A shard can't go on without the answer; a checkpoint can be skipped. */
static bool can_wait(const struct checkpoint_job *job)
{
	return job->kind == JOB_RESTORE || job->kind == JOB_CONFIRM;
}

static void run_with_retries(struct checkpoint_writer *writer, struct checkpoint_job *job)
{
	int64_t backoff_ms = BACKOFF_FIRST_MS, waited_ms = 0, say_at_ms = 0;

	for (;;) {
		checkpoint_job_run(job, writer->storage);
		if (!can_wait(job) || job->answer != -EAGAIN)
			return;
		/* Said once, and then at growing intervals. */
		if (waited_ms >= say_at_ms) {
			log_warn("event=storage_waits shard=%d waited_ms=%lld detail=\"%s\"",
				(int)job->shard, (long long)waited_ms, job->message);
			say_at_ms = waited_ms * 2 + BACKOFF_MAX_MS;
		}
		waited_ms += backoff_ms;
		pthread_mutex_lock(&writer->lock);
		job->is_waiting = true;
		bool is_ending = pause_for(writer, job, backoff_ms);
		pthread_mutex_unlock(&writer->lock);
		if (is_ending)
			return;
		backoff_ms = backoff_ms * 2 < BACKOFF_MAX_MS ? backoff_ms * 2 : BACKOFF_MAX_MS;
	}
}

static void *writer_main(void *context)
{
	struct checkpoint_writer *writer = context;

	pthread_mutex_lock(&writer->lock);
	while (!writer->is_ending) {
		struct checkpoint_job *job = writer->first;
		if (job == NULL) {
			pthread_cond_wait(&writer->changed, &writer->lock);
			continue;
		}
		writer->first = job->next;
		if (writer->first == NULL)
			writer->last = NULL;
		pthread_mutex_unlock(&writer->lock);
		run_with_retries(writer, job);
		pthread_mutex_lock(&writer->lock);
		job->is_done = true;
		job->is_waiting = false;
		pthread_cond_broadcast(&writer->changed);
	}
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

static struct checkpoint_writer *writer_new(struct storage *storage, bool has_thread)
{
	struct checkpoint_writer *writer = x_calloc(1, sizeof(*writer));

	writer->storage = storage;
	pthread_mutex_init(&writer->lock, NULL);
	pthread_cond_init(&writer->changed, NULL);
	/* Without a thread (none to be had, or not wanted) jobs run where they are submitted. */
	writer->has_thread =
		has_thread && pthread_create(&writer->thread, NULL, writer_main, writer) == 0;
	return writer;
}

struct checkpoint_writer *checkpoint_writer_thread(struct storage *storage)
{
	return writer_new(storage, true);
}

struct checkpoint_writer *checkpoint_writer_inline(struct storage *storage)
{
	return writer_new(storage, false);
}

void checkpoint_writer_free(struct checkpoint_writer *writer)
{
	if (writer == NULL)
		return;
	pthread_mutex_lock(&writer->lock);
	writer->is_ending = true;
	pthread_cond_broadcast(&writer->changed);
	pthread_mutex_unlock(&writer->lock);
	if (writer->has_thread)
		pthread_join(writer->thread, NULL);
	pthread_cond_destroy(&writer->changed);
	pthread_mutex_destroy(&writer->lock);
	free(writer);
}

void checkpoint_writer_hold(struct checkpoint_writer *writer, bool is_held)
{
	writer->is_held = is_held;
	while (!is_held && writer->first != NULL) {
		struct checkpoint_job *job = writer->first;

		writer->first = job->next;
		checkpoint_job_run(job, writer->storage);
		job->is_done = true;
	}
	if (writer->first == NULL)
		writer->last = NULL;
}

void checkpoint_writer_submit(struct checkpoint_writer *writer, struct checkpoint_job *job)
{
	job->is_done = false;
	job->next = NULL;
	if (!writer->has_thread && !writer->is_held) {
		checkpoint_job_run(job, writer->storage);
		job->is_done = true;
		return;
	}
	pthread_mutex_lock(&writer->lock);
	if (writer->last != NULL)
		writer->last->next = job;
	else
		writer->first = job;
	writer->last = job;
	pthread_cond_broadcast(&writer->changed);
	pthread_mutex_unlock(&writer->lock);
}

bool checkpoint_writer_is_done(struct checkpoint_writer *writer, struct checkpoint_job *job)
{
	pthread_mutex_lock(&writer->lock);
	bool is_done = job->is_done;
	pthread_mutex_unlock(&writer->lock);
	return is_done;
}

bool checkpoint_writer_is_waiting(struct checkpoint_writer *writer, struct checkpoint_job *job)
{
	pthread_mutex_lock(&writer->lock);
	bool is_waiting = job->is_waiting;
	pthread_mutex_unlock(&writer->lock);
	return is_waiting;
}

/* Takes a job that was not begun out of the queue: the ones before it may wait for a storage that is away for hours. */
static void withdraw(struct checkpoint_writer *writer, struct checkpoint_job *job)
{
	struct checkpoint_job **place = &writer->first, *before = NULL;

	while (*place != NULL && *place != job) {
		before = *place;
		place = &before->next;
	}
	if (*place == NULL)
		return;
	*place = job->next;
	if (writer->last == job)
		writer->last = before;
	job->answer = -EAGAIN;
	job->is_done = true;
}

void checkpoint_writer_wait(struct checkpoint_writer *writer, struct checkpoint_job *job)
{
	pthread_mutex_lock(&writer->lock);
	job->is_cancelled = true;
	withdraw(writer, job);
	pthread_cond_broadcast(&writer->changed);
	while (!job->is_done && writer->has_thread && !writer->is_ending)
		pthread_cond_wait(&writer->changed, &writer->lock);
	pthread_mutex_unlock(&writer->lock);
}
