/* Metrics, health and questions over a real socket; a client that says nothing, or too much, harms nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/err.h"
#include "edge/http.h"

enum { QUESTIONS = 2, PATIENT_MS = 60000, IMPATIENT_MS = 150 };

static struct http *start(const char *address, int64_t patience_ms)
{
	const struct http_settings settings = {
		.address = address,
		.clients_max = 8,
		.answers_questions = true,
		.questions_max = QUESTIONS,
		.patience_ms = patience_ms,
	};

	return http_new(&settings);
}

static int connect_to(const struct http *http)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(http_port(http)), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static int say(const struct http *http, const char *request)
{
	int fd = connect_to(http);

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
	return fd;
}

static void hear(int fd, char *ret, size_t cap)
{
	size_t length = 0;
	ssize_t got;

	while (length + 1 < cap && (got = recv(fd, ret + length, cap - length - 1, 0)) > 0)
		length += (size_t)got;
	ret[length] = '\0';
	close(fd);
}

static void ask(const struct http *http, const char *request, char *ret, size_t cap)
{
	hear(say(http, request), ret, cap);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void answers(void **state)
{
	struct http *http = start("127.0.0.1:0", PATIENT_MS);
	char text[8192];
	int silent;

	(void)state;
	assert_non_null(http);
	silent = connect_to(http);
	ask(http, GET("/healthz"), text, sizeof(text));
	assert_non_null(strstr(text, " 200 "));
	ask(http, GET("/readyz"), text, sizeof(text));
	assert_non_null(strstr(text, " 503 "));
	http_publish(http, SLICE_LIT("salespulse_events_total 7\n"), true, SLICE_LIT("ready\n"));
	ask(http, GET("/readyz"), text, sizeof(text));
	assert_non_null(strstr(text, " 200 "));
	ask(http, GET("/metrics"), text, sizeof(text));
	assert_non_null(strstr(text, "salespulse_events_total 7"));
	assert_non_null(strstr(text, "text/plain"));
	http_publish(http, SLICE_LIT(""), false, SLICE_LIT("shard 1: redis is away\n"));
	ask(http, GET("/readyz"), text, sizeof(text));
	assert_non_null(strstr(text, "redis is away"));
	ask(http, GET("/../etc/passwd"), text, sizeof(text));
	assert_non_null(strstr(text, " 404 "));
	ask(http, "POST /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", text, sizeof(text));
	assert_non_null(strstr(text, " 405 "));
	ask(http, "\x16\x03\x01\r\n\r\n", text, sizeof(text));
	ask(http, GET("/healthz"), text, sizeof(text));
	assert_non_null(strstr(text, " 200 "));
	close(silent);
	http_free(http);
}

static void a_taken_port_is_said(void **state)
{
	struct http *first = start("127.0.0.1:0", PATIENT_MS), *second;
	char address[32];

	(void)state;
	snprintf(address, sizeof(address), "127.0.0.1:%u", http_port(first));
	second = start(address, PATIENT_MS);
	assert_null(second);
	assert_non_null(strstr(err_message(), address));
	assert_null(start("nonsense", PATIENT_MS));
	http_free(first);
}

/* ---- /v1/explain ---------------------------------------------------------------------------------------- */

#define EXPLAIN "/v1/explain?metric=win_rate&tenant=acme&window=7d"

static struct question *await(const struct http *http)
{
	struct question *question = NULL;

	for (int i = 0; question == NULL && i < 5000; i++) {
		question = question_next(http_questions((struct http *)http));
		if (question == NULL)
			usleep(1000);
	}
	assert_non_null(question);
	return question;
}

static void give(struct http *http, enum question_outcome outcome, const char *said)
{
	_cleanup_buffer_ struct buffer text = { 0 };

	buffer_put_text(&text, said);
	question_answer(http_questions(http), await(http), outcome, &text);
}

static void expect(const char *text, const char *wanted)
{
	if (strstr(text, wanted) == NULL)
		fail_msg("%s\nis not in\n%s", wanted, text);
}

static void a_question_waits_for_its_answer(void **state)
{
	struct http *http = start("127.0.0.1:0", PATIENT_MS);
	struct question *question;
	char text[8192];
	int fd;

	(void)state;
	fd = say(http, GET(EXPLAIN "&group=team%3DJakarta+Pusat"));
	question = await(http);
	assert_true(slice_is(question->request->question.values[0], "Jakarta Pusat"));
	question_put_back(http_questions(http), question);
	/* Meanwhile the others are answered. */
	ask(http, GET("/healthz"), text, sizeof(text));
	expect(text, " 200 ");
	give(http, QUESTION_ANSWERED, "42, as three and six\n");
	hear(fd, text, sizeof(text));
	expect(text, " 200 ");
	expect(text, "Adds-Up: yes");
	expect(text, "text/plain; charset=utf-8");
	expect(text, "nosniff");
	expect(text, "42, as three and six\n");
	fd = say(http, GET(EXPLAIN "&format=json"));
	give(http, QUESTION_NOT_EXACT, "{}\n");
	hear(fd, text, sizeof(text));
	expect(text, " 200 ");
	expect(text, "Adds-Up: no");
	expect(text, "application/json");
	http_free(http);
}

static void what_cannot_be_answered(void **state)
{
	static const struct {
		enum question_outcome outcome;
		const char *status;
	} rows[] = { { QUESTION_UNKNOWN, " 404 " }, { QUESTION_ELSEWHERE, " 421 " }, { QUESTION_NOT_YET, " 503 " } };
	struct http *http = start("127.0.0.1:0", PATIENT_MS);
	char text[8192];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int fd = say(http, GET(EXPLAIN));

		give(http, rows[i].outcome, "because\n");
		hear(fd, text, sizeof(text));
		expect(text, rows[i].status);
		expect(text, "because\n");
		assert_true((strstr(text, "Retry-After: 2") != NULL) == (rows[i].outcome == QUESTION_NOT_YET));
		assert_null(strstr(text, "Adds-Up"));
	}
	ask(http, GET("/v1/explain"), text, sizeof(text));
	expect(text, " 400 ");
	expect(text, "metric is wanted\n");
	ask(http, GET("/v1/explain?metrik=a"), text, sizeof(text));
	expect(text, "there is no parameter «metrik»; the nearest is «metric»\n");
	ask(http, GET("/v1/explain?metric=%1b%5b2J"), text, sizeof(text));
	expect(text, " 400 ");
	assert_null(strchr(text, 0x1b));
	ask(http, GET("/v1/explain?a%0d%0aX-Evil:%201=1"), text, sizeof(text));
	assert_null(strstr(text, "X-Evil"));
	ask(http, "POST " EXPLAIN " HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", text, sizeof(text));
	expect(text, " 405 ");
	assert_null(question_next(http_questions(http)));
	http_free(http);
}

static void nobody_waits_for_ever(void **state)
{
	struct http *http = start("127.0.0.1:0", IMPATIENT_MS);
	struct question *in_hand;
	char text[8192];
	int fd;

	(void)state;
	ask(http, GET(EXPLAIN), text, sizeof(text));
	expect(text, " 503 ");
	expect(text, "too busy");
	expect(text, "Retry-After: 2");
	fd = say(http, GET(EXPLAIN));
	in_hand = await(http);
	hear(fd, text, sizeof(text));
	expect(text, " 503 ");
	question_answer(http_questions(http), in_hand, QUESTION_ANSWERED, &(struct buffer){ 0 });
	ask(http, GET("/healthz"), text, sizeof(text));
	expect(text, " 200 ");
	http_free(http);
}

/* More than may wait are refused at once; a client that goes away leaves its place; and the end tells those that wait. */
static void many_ask(void **state)
{
	struct http *http = start("127.0.0.1:0", PATIENT_MS);
	char text[8192];
	int fds[QUESTIONS];

	(void)state;
	for (int i = 0; i < QUESTIONS; i++)
		fds[i] = say(http, GET(EXPLAIN));
	for (int i = 0; i < QUESTIONS; i++)
		await(http)->text.len = 0; /* all are in hand: all places are taken */
	ask(http, GET(EXPLAIN), text, sizeof(text));
	expect(text, " 503 ");
	expect(text, "too many questions wait already\n");
	for (int i = 0; i < QUESTIONS; i++)
		close(fds[i]);
	ask(http, GET("/healthz"), text, sizeof(text));
	expect(text, " 200 ");
	http_free(http);

	http = start("127.0.0.1:0", PATIENT_MS);
	fds[0] = say(http, GET(EXPLAIN));
	question_put_back(http_questions(http), await(http));
	http_free(http);
	hear(fds[0], text, sizeof(text));
	expect(text, " 503 ");
}

static void switched_off(void **state)
{
	const struct http_settings settings = { .address = "127.0.0.1:0", .clients_max = 8 };
	struct http *http = http_new(&settings);
	char text[8192];

	(void)state;
	assert_null(http_questions(http));
	assert_null(http_questions(NULL));
	ask(http, GET(EXPLAIN), text, sizeof(text));
	expect(text, " 404 ");
	expect(text, "not found: /metrics, /healthz and /readyz are\n");
	http_free(http);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers),
		cmocka_unit_test(a_taken_port_is_said),
		cmocka_unit_test(a_question_waits_for_its_answer),
		cmocka_unit_test(what_cannot_be_answered),
		cmocka_unit_test(nobody_waits_for_ever),
		cmocka_unit_test(many_ask),
		cmocka_unit_test(switched_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
