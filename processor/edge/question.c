#include "edge/question.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/xalloc.h"

struct question_queue {
	pthread_mutex_t lock;	  /* over all below, and what is the queue's of every question */
	struct question **places; /* owned; [most] */
	uint32_t most;
	int64_t patience_ms;
	uint64_t number;
	bool is_closed;
	question_wake_fn wake;
};

struct question_queue *question_queue_new(uint32_t most, int64_t patience_ms, question_wake_fn wake)
{
	struct question_queue *q = x_calloc(1, sizeof(*q));

	pthread_mutex_init(&q->lock, NULL);
	q->places = x_calloc(most, sizeof(*q->places));
	for (uint32_t i = 0; i < most; i++)
		q->places[i] = x_calloc(1, sizeof(struct question));
	q->most = most;
	q->patience_ms = patience_ms;
	q->wake = wake;
	return q;
}

/* The answer was given up, or read. */
static void make_free(struct question *question)
{
	explain_request_free(question->request);
	buffer_deinit(&question->text);
	*question = (struct question){ .state = QUESTION_FREE };
}

void question_queue_free(struct question_queue *q)
{
	if (q == NULL)
		return;
	for (uint32_t i = 0; i < q->most; i++) {
		make_free(q->places[i]);
		free(q->places[i]);
	}
	free(q->places);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

/* ---- who asks ------------------------------------------------------------------------------------------- */

struct question *question_reserve(
	struct question_queue *q, struct explain_request *request, void *asker)
{
	struct question *found = NULL;

	pthread_mutex_lock(&q->lock);
	for (uint32_t i = 0; !q->is_closed && found == NULL && i < q->most; i++)
		if (q->places[i]->state == QUESTION_FREE)
			found = q->places[i];
	if (found != NULL)
		*found = (struct question){
			.request = request, .asker = asker, .state = QUESTION_RESERVED
		};
	pthread_mutex_unlock(&q->lock);
	if (found == NULL)
		explain_request_free(request);
	return found;
}

void question_submit(struct question_queue *q, struct question *question, int64_t now_ms)
{
	bool is_closed;

	pthread_mutex_lock(&q->lock);
	assert(question->state == QUESTION_RESERVED);
	is_closed = q->is_closed;
	question->number = ++q->number;
	question->until_ms = now_ms + q->patience_ms;
	question->state = is_closed ? QUESTION_DONE : QUESTION_WAITS;
	question->outcome = QUESTION_LATE;
	pthread_mutex_unlock(&q->lock);
	if (is_closed)
		q->wake(question->asker);
}

void question_release(struct question_queue *q, struct question *question)
{
	pthread_mutex_lock(&q->lock);
	if (question->state == QUESTION_IN_HAND)
		question->is_released = true;
	else
		make_free(question);
	pthread_mutex_unlock(&q->lock);
}

/* One that waits and should not any longer, as done; its asker is to be woken. NULL: none. */
static void *give_up_one(struct question_queue *q, int64_t now_ms)
{
	void *asker = NULL;

	pthread_mutex_lock(&q->lock);
	for (uint32_t i = 0; asker == NULL && i < q->most; i++) {
		struct question *question = q->places[i];

		if (question->state != QUESTION_WAITS && question->state != QUESTION_IN_HAND)
			continue;
		if (question->is_given_up || (question->until_ms > now_ms && !q->is_closed))
			continue;
		question->outcome = QUESTION_LATE;
		asker = question->asker;
		if (question->state == QUESTION_WAITS)
			question->state = QUESTION_DONE;
		else
			question->is_given_up = true;
	}
	pthread_mutex_unlock(&q->lock);
	return asker;
}

void question_expire(struct question_queue *q, int64_t now_ms)
{
	void *asker;

	while ((asker = give_up_one(q, now_ms)) != NULL)
		q->wake(asker);
}

void question_close(struct question_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->is_closed = true;
	pthread_mutex_unlock(&q->lock);
	question_expire(q, INT64_MIN);
}

/* ---- who answers ---------------------------------------------------------------------------------------- */

struct question *question_next(struct question_queue *q)
{
	struct question *oldest = NULL;

	pthread_mutex_lock(&q->lock);
	for (uint32_t i = 0; i < q->most; i++)
		if (q->places[i]->state == QUESTION_WAITS &&
			(oldest == NULL || q->places[i]->number < oldest->number))
			oldest = q->places[i];
	if (oldest != NULL)
		oldest->state = QUESTION_IN_HAND;
	pthread_mutex_unlock(&q->lock);
	return oldest;
}

/* Its asker was told already that it is late, and may still look at it. */
static void end_late(struct question *question)
{
	if (question->is_released)
		make_free(question);
	else
		question->state = QUESTION_DONE;
}

void question_answer(struct question_queue *q, struct question *question,
	enum question_outcome outcome, struct buffer *text)
{
	void *asker = NULL;

	pthread_mutex_lock(&q->lock);
	assert(question->state == QUESTION_IN_HAND);
	if (question->is_given_up) {
		end_late(question);
	} else {
		question->outcome = outcome;
		question->text = *text;
		*text = (struct buffer){ 0 };
		question->state = QUESTION_DONE;
		asker = question->asker;
	}
	pthread_mutex_unlock(&q->lock);
	if (asker != NULL)
		q->wake(asker);
}

void question_put_back(struct question_queue *q, struct question *question)
{
	pthread_mutex_lock(&q->lock);
	assert(question->state == QUESTION_IN_HAND);
	if (question->is_given_up)
		end_late(question);
	else
		question->state = QUESTION_WAITS;
	pthread_mutex_unlock(&q->lock);
}
