/* One GET: what a real server says is taken, in bounds; who is not there, or is no address, is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "edge/http.h"
#include "edge/http_client.h"

enum { TIMEOUT_MS = 5000, BODY_MAX = 100 };

static struct http *start(char address[32])
{
	const struct http_settings settings = {
		.address = "127.0.0.1:0",
		.clients_max = 8,
		.answers_questions = true,
		.questions_max = 1,
		.patience_ms = TIMEOUT_MS,
	};
	struct http *http = http_new(&settings);

	assert_non_null(http);
	snprintf(address, 32, "127.0.0.1:%u", http_port(http));
	return http;
}

static void test_status_and_body(void **state)
{
	struct http_reply reply;
	char address[32];
	struct http *http = start(address);

	(void)state;
	assert_int_equal(http_get(address, "/healthz", TIMEOUT_MS, BODY_MAX, &reply), 0);
	assert_int_equal(reply.status, 200);
	assert_string_equal(buffer_text(&reply.body), "ok\n");
	assert_true(reply.adds_up);
	http_reply_deinit(&reply);
	assert_int_equal(http_get(strchr(address, ':'), "/nothing", TIMEOUT_MS, BODY_MAX, &reply), 0);
	assert_int_equal(reply.status, 404);
	http_reply_deinit(&reply);
	http_free(http);
}

static void *answer(void *ctx)
{
	_cleanup_buffer_ struct buffer text = { 0 };
	struct question_queue *queue = ctx;
	struct question *question;

	while ((question = question_next(queue)) == NULL)
		usleep(1000);
	buffer_printf(&text, SLICE_FMT, SLICE_ARG(question->request->question.tenant));
	question_answer(queue, question, QUESTION_NOT_EXACT, &text);
	return NULL;
}

/* What the command asks is what the server hears. */
static void test_a_question_and_its_answer(void **state)
{
	struct explain_request *request = explain_request_new();
	_cleanup_buffer_ struct buffer path = { 0 }, query = { 0 };
	char address[32], message[EXPLAIN_MESSAGE_MAX];
	struct http *http = start(address);
	struct http_reply reply;
	pthread_t thread;

	(void)state;
	assert_int_equal(explain_request_set(request, SLICE_LIT("metric"), SLICE_LIT("m"), message), 0);
	assert_int_equal(explain_request_set(request, SLICE_LIT("tenant"), SLICE_LIT("Toko & Café 100%"), message), 0);
	assert_int_equal(explain_request_set(request, SLICE_LIT("window"), SLICE_LIT("7d"), message), 0);
	explain_request_print(request, &query);
	buffer_printf(&path, "/v1/explain?%s", buffer_text(&query));
	assert_int_equal(pthread_create(&thread, NULL, answer, http_questions(http)), 0);
	assert_int_equal(http_get(address, buffer_text(&path), TIMEOUT_MS, BODY_MAX, &reply), 0);
	pthread_join(thread, NULL);
	assert_int_equal(reply.status, 200);
	assert_string_equal(buffer_text(&reply.body), "Toko & Café 100%");
	assert_false(reply.adds_up);
	http_reply_deinit(&reply);
	explain_request_free(request);
	http_free(http);
}

static void expect_none(const char *address, size_t body_max, const char *wanted)
{
	struct http_reply reply;

	assert_true(http_get(address, "/healthz", TIMEOUT_MS, body_max, &reply) < 0);
	if (strstr(err_message(), wanted) == NULL)
		fail_msg("%s: %s", address, err_message());
}

static void test_none(void **state)
{
	char address[32];
	struct http *http = start(address);

	(void)state;
	expect_none(address, 2, "answers more than 2 bytes");
	http_free(http);
	expect_none(address, BODY_MAX, "does not answer: ");
	expect_none("localhost", BODY_MAX, "host:port is wanted");
	expect_none("me@evil:80", BODY_MAX, "host:port is wanted");
	expect_none("evil/a:80", BODY_MAX, "host:port is wanted");
	expect_none("evil:80/", BODY_MAX, "host:port is wanted");
	expect_none("evil:", BODY_MAX, "host:port is wanted");
	expect_none("", BODY_MAX, "host:port is wanted");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status_and_body),
		cmocka_unit_test(test_a_question_and_its_answer),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
