#include "edge/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "edge/wall.h"

enum {
	CLIENT_TIMEOUT_S = 10,
	CLIENT_MEMORY_BYTES = 32 * 1024,
	TICK_MS = 100,	   /* how late an end, or a question's, may be noticed */
	FAREWELL_MAX = 20, /* rounds in which those that wait are told that we end */
	RETRY_AFTER_S = 2,
};

struct http {
	struct MHD_Daemon *daemon;
	pthread_t thread; /* runs the daemon */
	bool has_thread;
	atomic_bool is_ending;
	struct question_queue *questions; /* NULL: none are answered */
	pthread_mutex_t lock;		  /* over the texts */
	char *metrics, *ready_text;	  /* owned */
	bool is_ready;
	struct wall wall;
};

/* One request, from its first line to its end. */
struct request {
	char *uri; /* owned; as it came */
	struct question *question;
	struct MHD_Connection *connection;
};

struct page {
	unsigned status;
	char *text; /* owned by the response */
	size_t length;
	const char *content_type;
	const char *adds_up; /* NULL: not said */
};

static const char plain[] = "text/plain; charset=utf-8";

static struct page page_of(unsigned status, const char *text)
{
	return (struct page){ status, x_strdup(text), strlen(text), plain, NULL };
}

/* ---- what was handed over ------------------------------------------------------------------------------- */

static struct page known_page(struct http *http, const char *url)
{
	struct page page;

	pthread_mutex_lock(&http->lock);
	if (strcmp(url, "/metrics") == 0) {
		page = page_of(MHD_HTTP_OK, http->metrics);
		page.content_type = "text/plain; version=0.0.4; charset=utf-8";
	} else if (strcmp(url, "/readyz") == 0) {
		page = page_of(http->is_ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE,
			http->ready_text);
	} else if (strcmp(url, "/healthz") == 0) {
		page = page_of(MHD_HTTP_OK, "ok\n");
	} else {
		page = page_of(MHD_HTTP_NOT_FOUND,
			http->questions != NULL
				? "not found: /metrics, /healthz, /readyz and /v1/explain are\n"
				: "not found: /metrics, /healthz and /readyz are\n");
	}
	pthread_mutex_unlock(&http->lock);
	return page;
}

static enum MHD_Result respond(struct MHD_Connection *connection, const struct page *page)
{
	struct MHD_Response *response =
		MHD_create_response_from_buffer(page->length, page->text, MHD_RESPMEM_MUST_FREE);
	char seconds[16];

	if (response == NULL) {
		free(page->text);
		return MHD_NO;
	}
	snprintf(seconds, sizeof(seconds), "%d", RETRY_AFTER_S);
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page->content_type);
	MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
	if (page->status == MHD_HTTP_SERVICE_UNAVAILABLE)
		MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
	if (page->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	if (page->adds_up != NULL)
		MHD_add_response_header(response, "Adds-Up", page->adds_up);
	enum MHD_Result result = MHD_queue_response(connection, page->status, response);
	MHD_destroy_response(response);
	return result;
}

/* ---- questions ------------------------------------------------------------------------------------------ */

/* The question's answer is there; its connection is taken up where it was left. */
static void wake(void *asker)
{
	const struct request *request = asker;

	MHD_resume_connection(request->connection);
}

static struct page answer_page(struct question *question)
{
	static const unsigned statuses[QUESTION_OUTCOMES] = {
		[QUESTION_ANSWERED] = MHD_HTTP_OK,
		[QUESTION_NOT_EXACT] = MHD_HTTP_OK,
		[QUESTION_UNKNOWN] = MHD_HTTP_NOT_FOUND,
		[QUESTION_ELSEWHERE] = MHD_HTTP_MISDIRECTED_REQUEST,
		[QUESTION_NOT_YET] = MHD_HTTP_SERVICE_UNAVAILABLE,
		[QUESTION_LATE] = MHD_HTTP_SERVICE_UNAVAILABLE,
	};
	bool is_answered =
		question->outcome == QUESTION_ANSWERED || question->outcome == QUESTION_NOT_EXACT;

	if (question->outcome == QUESTION_LATE)
		return page_of(
			statuses[QUESTION_LATE], "the processor was too busy to answer in time\n");
	struct page page = page_of(statuses[question->outcome], buffer_text(&question->text));

	if (is_answered)
		page.adds_up = question->outcome == QUESTION_ANSWERED ? "yes" : "no";
	if (is_answered && question->request->is_json)
		page.content_type = "application/json";
	return page;
}

/* True: it waits, and the connection with it. Else *ret_page says what is wrong. */
static bool ask(struct http *http, struct request *request, struct page *ret_page)
{
	struct explain_request *asked = explain_request_new();
	const char *query = strchr(request->uri, '?');
	char message[EXPLAIN_MESSAGE_MAX], line[EXPLAIN_MESSAGE_MAX + 1];

	if (explain_request_parse(asked, slice_of(query != NULL ? query + 1 : ""), message) != 0 ||
		explain_request_check(asked, message) != 0) {
		explain_request_free(asked);
		snprintf(line, sizeof(line), "%s\n", message);
		*ret_page = page_of(MHD_HTTP_BAD_REQUEST, line);
		return false;
	}
	request->question = question_reserve(http->questions, asked, request);
	if (request->question == NULL) {
		*ret_page =
			page_of(MHD_HTTP_SERVICE_UNAVAILABLE, "too many questions wait already\n");
		return false;
	}
	/* Left first: it may be answered before we are back. */
	MHD_suspend_connection(request->connection);
	question_submit(http->questions, request->question, wall_monotone_ms(&http->wall));
	return true;
}

static bool is_question(const struct http *http, const char *url)
{
	return http->questions != NULL && strcmp(url, "/v1/explain") == 0;
}

/* ---- the server ----------------------------------------------------------------------------------------- */

/* Before anything is decoded: what the library makes of a query is not ours to trust. */
static void *on_uri(void *context, const char *uri, struct MHD_Connection *connection)
{
	struct request *request = x_calloc(1, sizeof(*request));

	(void)context;
	request->uri = x_strdup(uri);
	request->connection = connection;
	return request;
}

static void on_completed(void *context, struct MHD_Connection *connection, void **request_state,
	enum MHD_RequestTerminationCode code)
{
	struct http *http = context;
	struct request *request = *request_state;

	(void)connection;
	(void)code;
	if (request == NULL)
		return;
	if (request->question != NULL)
		question_release(http->questions, request->question);
	free(request->uri);
	free(request);
	*request_state = NULL;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **request_state)
{
	struct http *http = context;
	struct request *request = *request_state;
	bool reads = strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
		     strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
	struct page page;

	(void)version;
	(void)upload;
	(void)upload_size;
	if (!reads) {
		page = page_of(MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD are answered\n");
	} else if (request->question != NULL) {
		page = answer_page(request->question);
	} else if (is_question(http, url)) {
		if (ask(http, request, &page))
			return MHD_YES;
	} else {
		page = known_page(http, url);
	}
	return respond(connection, &page);
}

/* The daemon's only thread. In the end those that wait are told, as a connection that is left may not be closed. */
static void *serve(void *context)
{
	struct http *http = context;

	while (!atomic_load(&http->is_ending)) {
		MHD_run_wait(http->daemon, TICK_MS);
		if (http->questions != NULL)
			question_expire(http->questions, wall_monotone_ms(&http->wall));
	}
	if (http->questions != NULL)
		question_close(http->questions);
	for (int i = 0; i < FAREWELL_MAX; i++)
		MHD_run_wait(http->daemon, 0);
	return NULL;
}

static int parse_address(const char *address, struct sockaddr_in *ret)
{
	const char *colon = strrchr(address, ':');
	char host[64], *end;

	memset(ret, 0, sizeof(*ret));
	ret->sin_family = AF_INET;
	if (colon == NULL || (size_t)(colon - address) >= sizeof(host))
		return err_raise(-EINVAL, "http.address \"%s\": host:port is wanted", address);
	memcpy(host, address, (size_t)(colon - address));
	host[colon - address] = '\0';
	long port = strtol(colon + 1, &end, 10);
	if (*end != '\0' || end == colon + 1 || port < 0 || port > 65535)
		return err_raise(
			-EINVAL, "http.address \"%s\": the port is a number up to 65535", address);
	ret->sin_port = htons((uint16_t)port);
	if (strcmp(host, "localhost") == 0)
		snprintf(host, sizeof(host), "127.0.0.1");
	if (inet_pton(AF_INET, host[0] != '\0' ? host : "0.0.0.0", &ret->sin_addr) != 1)
		return err_raise(-EINVAL,
			"http.address \"%s\": the host is an IPv4 address or localhost", address);
	return 0;
}

static struct MHD_Daemon *start_daemon(
	struct http *http, struct sockaddr_in *socket_address, uint32_t clients_max)
{
	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request,
		http, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)socket_address,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)clients_max, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)CLIENT_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CLIENT_MEMORY_BYTES, MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, http, MHD_OPTION_END);
}

struct http *http_new(const struct http_settings *settings)
{
	struct sockaddr_in socket_address;

	if (parse_address(settings->address, &socket_address) != 0)
		return NULL;
	struct http *http = x_calloc(1, sizeof(*http));
	pthread_mutex_init(&http->lock, NULL);
	http->wall.ops = &wall_real;
	http->metrics = x_strdup("");
	http->ready_text = x_strdup("starting\n");
	if (settings->answers_questions)
		http->questions =
			question_queue_new(settings->questions_max, settings->patience_ms, wake);
	http->daemon = start_daemon(http, &socket_address, settings->clients_max);
	if (http->daemon == NULL) {
		err_raise(-EADDRINUSE, "http.address %s can't be listened on: %s",
			settings->address, strerror(errno));
		http_free(http);
		return NULL;
	}
	int code = pthread_create(&http->thread, NULL, serve, http);
	if (code != 0) {
		err_raise(-code, "a thread can't be started: %s", strerror(code));
		http_free(http);
		return NULL;
	}
	http->has_thread = true;
	return http;
}

void http_free(struct http *http)
{
	if (http == NULL)
		return;
	atomic_store(&http->is_ending, true);
	if (http->has_thread)
		pthread_join(http->thread, NULL);
	if (http->daemon != NULL)
		MHD_stop_daemon(http->daemon);
	question_queue_free(http->questions);
	pthread_mutex_destroy(&http->lock);
	free(http->metrics);
	free(http->ready_text);
	free(http);
}

void http_publish(struct http *http, struct slice metrics, bool ready, struct slice ready_text)
{
	char *fresh_metrics = x_strndup(metrics.at, metrics.len),
	     *fresh_text = x_strndup(ready_text.at, ready_text.len);

	pthread_mutex_lock(&http->lock);
	char *old_metrics = http->metrics, *old_text = http->ready_text;
	http->metrics = fresh_metrics;
	http->ready_text = fresh_text;
	http->is_ready = ready;
	pthread_mutex_unlock(&http->lock);
	free(old_metrics);
	free(old_text);
}

struct question_queue *http_questions(struct http *http)
{
	return http != NULL ? http->questions : NULL;
}

uint16_t http_port(const struct http *http)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return info != NULL ? info->port : 0;
}
