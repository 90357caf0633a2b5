/* Metrics and health over a real socket; a client that says nothing harms nobody. */
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

static int connect_to(const struct http *http)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(http_port(http)), .sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void ask(const struct http *http, const char *request, char *ret, size_t cap)
{
	int fd = connect_to(http);
	size_t length = 0;
	ssize_t got;

	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
	while (length + 1 < cap && (got = recv(fd, ret + length, cap - length - 1, 0)) > 0)
		length += (size_t)got;
	ret[length] = '\0';
	close(fd);
}

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void answers(void **state)
{
	struct http *http = http_new("127.0.0.1:0", 8);
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
	struct http *first = http_new("127.0.0.1:0", 8), *second;
	char address[32];

	(void)state;
	snprintf(address, sizeof(address), "127.0.0.1:%u", http_port(first));
	second = http_new(address, 8);
	assert_null(second);
	assert_non_null(strstr(err_message(), address));
	assert_null(http_new("nonsense", 8));
	http_free(first);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(answers), cmocka_unit_test(a_taken_port_is_said) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
