/*
 * C11 threads over POSIX ones, for ThreadSanitizer alone: it knows pthread_create and pthread_mutex_lock, but not the names that
 * librdkafka calls, and dies in a thread that it has not seen begin. In glibc both kinds of mutex, condition and thread are the same
 * bytes. Linked into every program of the variant; the program's names come before the library's.
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>

#include "base/xalloc.h"

_Static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "a mutex is a mutex");
_Static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "a condition is a condition");

struct beginning {
	thrd_start_t run;
	void *argument;
};

static void *begin(void *of)
{
	struct beginning beginning = *(struct beginning *)of;

	free(of);
	return (void *)(intptr_t)beginning.run(beginning.argument);
}

static int answer(int code)
{
	return code == 0	   ? thrd_success
	       : code == EBUSY	   ? thrd_busy
	       : code == ETIMEDOUT ? thrd_timedout
				   : thrd_error;
}

int thrd_create(thrd_t *ret, thrd_start_t run, void *argument)
{
	struct beginning *beginning = x_malloc(sizeof(*beginning));

	*beginning = (struct beginning){ run, argument };
	return answer(pthread_create(ret, NULL, begin, beginning));
}

int thrd_join(thrd_t thread, int *ret)
{
	void *result = NULL;
	int code = pthread_join(thread, &result);

	if (ret != NULL)
		*ret = (int)(intptr_t)result;
	return answer(code);
}

int thrd_detach(thrd_t thread)
{
	return answer(pthread_detach(thread));
}

int mtx_init(mtx_t *mutex, int kind)
{
	pthread_mutexattr_t attributes;

	pthread_mutexattr_init(&attributes);
	if (kind & mtx_recursive)
		pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
	int code = pthread_mutex_init((pthread_mutex_t *)mutex, &attributes);
	pthread_mutexattr_destroy(&attributes);
	return answer(code);
}

void mtx_destroy(mtx_t *mutex)
{
	pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

int mtx_lock(mtx_t *mutex)
{
	return answer(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

int mtx_trylock(mtx_t *mutex)
{
	return answer(pthread_mutex_trylock((pthread_mutex_t *)mutex));
}

int mtx_unlock(mtx_t *mutex)
{
	return answer(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

int cnd_init(cnd_t *condition)
{
	return answer(pthread_cond_init((pthread_cond_t *)condition, NULL));
}

void cnd_destroy(cnd_t *condition)
{
	pthread_cond_destroy((pthread_cond_t *)condition);
}

int cnd_signal(cnd_t *condition)
{
	return answer(pthread_cond_signal((pthread_cond_t *)condition));
}

int cnd_broadcast(cnd_t *condition)
{
	return answer(pthread_cond_broadcast((pthread_cond_t *)condition));
}

int cnd_wait(cnd_t *condition, mtx_t *mutex)
{
	return answer(pthread_cond_wait((pthread_cond_t *)condition, (pthread_mutex_t *)mutex));
}

int cnd_timedwait(
	cnd_t *restrict condition, mtx_t *restrict mutex, const struct timespec *restrict until)
{
	return answer(pthread_cond_timedwait(
		(pthread_cond_t *)condition, (pthread_mutex_t *)mutex, until));
}
