#include "edge/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/err.h"
#include "base/xalloc.h"

enum { CLIENT_TIMEOUT_S = 10, CLIENT_MEMORY_BYTES = 32 * 1024 };

struct http {
	struct MHD_Daemon *daemon;
	pthread_mutex_t lock;	    /* over the texts */
	char *metrics, *ready_text; /* owned */
	bool is_ready;
};

struct page {
	unsigned status;
	char *text; /* owned by the response */
	const char *content_type;
};

static struct page page_of(struct http *http, const char *url)
{
	struct page page = { MHD_HTTP_NOT_FOUND, NULL, "text/plain; charset=utf-8" };

	pthread_mutex_lock(&http->lock);
	if (strcmp(url, "/metrics") == 0) {
		page = (struct page){ MHD_HTTP_OK, x_strdup(http->metrics),
			"text/plain; version=0.0.4; charset=utf-8" };
	} else if (strcmp(url, "/readyz") == 0) {
		page.status = http->is_ready ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE;
		page.text = x_strdup(http->ready_text);
	} else if (strcmp(url, "/healthz") == 0) {
		page.status = MHD_HTTP_OK;
		page.text = x_strdup("ok\n");
	} else {
		page.text = x_strdup("not found: /metrics, /healthz and /readyz are\n");
	}
	pthread_mutex_unlock(&http->lock);
	return page;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
	const char *method, const char *version, const char *upload, size_t *upload_size,
	void **request_state)
{
	struct http *http = context;

	(void)version;
	(void)upload;
	(void)upload_size;
	(void)request_state;
	bool reads = strcmp(method, MHD_HTTP_METHOD_GET) == 0 ||
		     strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
	struct page page = page_of(http, reads ? url : "");
	if (!reads)
		page.status = MHD_HTTP_METHOD_NOT_ALLOWED;
	struct MHD_Response *response = MHD_create_response_from_buffer(
		strlen(page.text), page.text, MHD_RESPMEM_MUST_FREE);
	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, page.content_type);
	enum MHD_Result result = MHD_queue_response(connection, page.status, response);
	MHD_destroy_response(response);
	return result;
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

struct http *http_new(const char *address, uint32_t clients_max)
{
	struct sockaddr_in socket_address;

	if (parse_address(address, &socket_address) != 0)
		return NULL;
	struct http *http = x_calloc(1, sizeof(*http));
	pthread_mutex_init(&http->lock, NULL);
	http->metrics = x_strdup("");
	http->ready_text = x_strdup("starting\n");
	http->daemon = MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL, 0, NULL,
		NULL, on_request, http, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&socket_address,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)clients_max, MHD_OPTION_CONNECTION_TIMEOUT,
		(unsigned)CLIENT_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CLIENT_MEMORY_BYTES, MHD_OPTION_END);
	if (http->daemon == NULL) {
		err_raise(-EADDRINUSE, "http.address %s can't be listened on: %s", address,
			strerror(errno));
		http_free(http);
		return NULL;
	}
	return http;
}

void http_free(struct http *http)
{
	if (http == NULL)
		return;
	if (http->daemon != NULL)
		MHD_stop_daemon(http->daemon);
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

uint16_t http_port(const struct http *http)
{
	const union MHD_DaemonInfo *info =
		MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_BIND_PORT);

	return info != NULL ? info->port : 0;
}
