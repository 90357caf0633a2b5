/* Questions wait in their order, in bounds, and no longer than they may; whoever asked is woken once, whatever comes first. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/rng.h"
#include "edge/question.h"

enum { MOST = 3, PATIENCE_MS = 100, ASKERS = 8 };

struct asker {
	atomic_int woken;
	struct question *question;
};

static void wake(void *ctx)
{
	struct asker *asker = ctx;

	atomic_fetch_add(&asker->woken, 1);
}

static bool ask(struct question_queue *q, struct asker *asker, int64_t now_ms)
{
	atomic_store(&asker->woken, 0);
	asker->question = question_reserve(q, explain_request_new(), asker);
	if (asker->question == NULL)
		return false;
	question_submit(q, asker->question, now_ms);
	return true;
}

static void answer(struct question_queue *q, struct question *question, const char *text)
{
	_cleanup_buffer_ struct buffer buffer = { 0 };

	buffer_put_text(&buffer, text);
	question_answer(q, question, QUESTION_ANSWERED, &buffer);
}

static void test_in_order_and_in_bounds(void **state)
{
	struct question_queue *q = question_queue_new(MOST, PATIENCE_MS, wake);
	struct asker askers[MOST + 1] = { 0 };
	struct question *question;

	(void)state;
	assert_null(question_next(q));
	for (int i = 0; i < MOST; i++)
		assert_true(ask(q, &askers[i], i));
	assert_false(ask(q, &askers[MOST], 5));
	question = question_next(q);
	assert_ptr_equal(question->asker, &askers[0]);
	question_put_back(q, question);
	question = question_next(q);
	assert_ptr_equal(question->asker, &askers[0]); /* it stays the oldest */
	assert_int_equal(askers[0].woken, 0);
	answer(q, question, "forty-two");
	assert_int_equal(askers[0].woken, 1);
	assert_int_equal(askers[0].question->outcome, QUESTION_ANSWERED);
	assert_string_equal(buffer_text(&askers[0].question->text), "forty-two");
	assert_false(ask(q, &askers[MOST], 5)); /* its place is taken until it was read */
	question_release(q, askers[0].question);
	assert_true(ask(q, &askers[MOST], 5));
	assert_ptr_equal(question_next(q)->asker, &askers[1]);
	assert_ptr_equal(question_next(q)->asker, &askers[2]);
	assert_ptr_equal(question_next(q)->asker, &askers[MOST]);
	assert_null(question_next(q));
	question_queue_free(q);
}

static void test_whoever_waits_too_long_is_told(void **state)
{
	struct question_queue *q = question_queue_new(MOST, PATIENCE_MS, wake);
	struct asker early = { 0 }, late = { 0 };
	struct question *in_hand;

	(void)state;
	assert_true(ask(q, &early, 0));
	assert_true(ask(q, &late, 50));
	question_expire(q, PATIENCE_MS - 1);
	assert_int_equal(early.woken, 0);
	question_expire(q, PATIENCE_MS);
	question_expire(q, PATIENCE_MS);
	assert_int_equal(early.woken, 1);
	assert_int_equal(late.woken, 0);
	assert_int_equal(early.question->outcome, QUESTION_LATE);
	question_release(q, early.question);
	/* One that is being answered meanwhile: its answer is for nobody, and harms nobody, whoever comes first. */
	in_hand = question_next(q);
	assert_ptr_equal(in_hand->asker, &late);
	question_expire(q, 50 + PATIENCE_MS);
	assert_int_equal(late.woken, 1);
	answer(q, in_hand, "too late");
	assert_int_equal(late.woken, 1);
	assert_int_equal(late.question->outcome, QUESTION_LATE);
	assert_int_equal(late.question->text.len, 0);
	question_release(q, late.question);
	assert_true(ask(q, &early, 200));
	in_hand = question_next(q);
	question_expire(q, 300);
	question_release(q, early.question);
	question_put_back(q, in_hand);
	assert_null(question_next(q));
	for (int i = 0; i < MOST; i++) /* all places are free again */
		assert_non_null(question_reserve(q, explain_request_new(), &late));
	question_queue_free(q);
}

static void test_closed(void **state)
{
	struct question_queue *q = question_queue_new(MOST, PATIENCE_MS, wake);
	struct asker waiting = { 0 }, reserved = { 0 }, after = { 0 };

	(void)state;
	assert_true(ask(q, &waiting, 0));
	reserved.question = question_reserve(q, explain_request_new(), &reserved);
	question_close(q);
	assert_int_equal(waiting.woken, 1);
	assert_int_equal(waiting.question->outcome, QUESTION_LATE);
	question_submit(q, reserved.question, 0);
	assert_int_equal(reserved.woken, 1);
	assert_int_equal(reserved.question->outcome, QUESTION_LATE);
	assert_false(ask(q, &after, 0));
	assert_null(question_next(q));
	question_queue_free(q);
}

struct table {
	struct question_queue *q;
	atomic_bool is_over;
	atomic_int answered;
};

static void *answer_all(void *ctx)
{
	struct table *table = ctx;
	struct rng rng;

	rng_init(&rng, 9);
	while (!atomic_load(&table->is_over)) {
		struct question *question = question_next(table->q);

		if (question == NULL)
			continue;
		if (rng_chance(&rng, 0.2)) {
			question_put_back(table->q, question);
			continue;
		}
		answer(table->q, question, "yes");
		atomic_fetch_add(&table->answered, 1);
	}
	return NULL;
}

/* Two threads: each asker is woken once for each question, with an answer or because it is late, and no question is lost. */
static void test_two_threads(void **state)
{
	struct table table = { .q = question_queue_new(MOST, PATIENCE_MS, wake) };
	struct asker askers[ASKERS] = { 0 };
	int done = 0;
	pthread_t thread;
	struct rng rng;

	(void)state;
	rng_init(&rng, 4);
	assert_int_equal(pthread_create(&thread, NULL, answer_all, &table), 0);
	for (int64_t now_ms = 0; done < 3000; now_ms++) {
		struct asker *asker = &askers[rng_below(&rng, ASKERS)];

		if (asker->question == NULL) {
			ask(table.q, asker, now_ms);
		} else if (atomic_load(&asker->woken)) {
			assert_int_equal(atomic_load(&asker->woken), 1);
			if (asker->question->outcome == QUESTION_ANSWERED)
				assert_string_equal(buffer_text(&asker->question->text), "yes");
			else
				assert_int_equal(asker->question->outcome, QUESTION_LATE);
			question_release(table.q, asker->question);
			asker->question = NULL;
			done++;
		}
		if (rng_chance(&rng, 0.01))
			question_expire(table.q, now_ms);
	}
	atomic_store(&table.is_over, true);
	pthread_join(thread, NULL);
	assert_true(table.answered > 0);
	question_queue_free(table.q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_in_order_and_in_bounds),
		cmocka_unit_test(test_whoever_waits_too_long_is_told),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
