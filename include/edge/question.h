/*
 * question: what somebody outside wants to know of the shards' memory waits here until the pipeline, which alone may look at it, answers
 * between two turns. One thread asks (the HTTP server's), another answers; neither ever waits for the other.
 *
 * Invariants: at most `most` questions are held, more are refused; they are answered in the order of their coming; one that has waited
 * longer than `patience_ms` is answered for the pipeline, with QUESTION_LATE; `wake` is called exactly once for each that was
 * submitted, when its answer is there, from whichever thread answered, and without the lock.
 */
#ifndef EDGE_QUESTION_H
#define EDGE_QUESTION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "edge/explain_request.h"

enum question_outcome {
	QUESTION_ANSWERED,
	QUESTION_NOT_EXACT,          /* answered, but a list does not add up */
	QUESTION_UNKNOWN,            /* there is no such number */
	QUESTION_ELSEWHERE,          /* another instance has the shard */
	QUESTION_NOT_YET,            /* the shard is not at a point where it can be asked */
	QUESTION_LATE,               /* nobody answered in time */
	QUESTION_OUTCOMES,
};

struct question {
	struct explain_request *request; /* owned */
	void *asker;                 /* for wake; not NULL */
	enum question_outcome outcome;
	struct buffer text;          /* the answer; owned */
	/* the queue's */
	int64_t until_ms;            /* monotone */
	uint64_t number;             /* in the order of submission */
	enum question_state { QUESTION_FREE, QUESTION_RESERVED, QUESTION_WAITS, QUESTION_IN_HAND, QUESTION_DONE } state;
	bool is_given_up;            /* IN_HAND: its asker was woken, it is late */
	bool is_released;            /* … and has gone since */
};

struct question_queue;

typedef void (*question_wake_fn)(void *asker);

struct question_queue *question_queue_new(uint32_t most, int64_t patience_ms, question_wake_fn wake);
/* Nobody asks or answers any more. */
void question_queue_free(struct question_queue *);

/* ---- who asks. A question is reserved, then submitted, and when its answer is there, or it was not submitted, released. */
/* Takes the request. NULL: too many wait, or the queue is closed; the request is freed. */
struct question *question_reserve(struct question_queue *, struct explain_request *, void *asker);
void question_submit(struct question_queue *, struct question *, int64_t now_ms);
void question_release(struct question_queue *, struct question *);
/* Answers those that have waited too long. */
void question_expire(struct question_queue *, int64_t now_ms);
/* All that wait are late, and no more are taken. */
void question_close(struct question_queue *);

/* ---- who answers */
/* The oldest that waits, or NULL. It is the caller's until question_answer or question_put_back. */
struct question *question_next(struct question_queue *);
/* `text` is taken over (and left empty). */
void question_answer(struct question_queue *, struct question *, enum question_outcome, struct buffer *text);
/* To be asked again: it stays the oldest. */
void question_put_back(struct question_queue *, struct question *);

#endif
