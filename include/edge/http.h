/*
 * http: /metrics, /healthz and /readyz on one port, served by a thread of their own from texts that the pipeline hands over, and
 * GET /v1/explain, whose questions wait until the pipeline takes them (edge/question.h). What is handed over is copied; a slow or
 * hostile client never touches the pipeline, and never sees a byte of what it sent that is not plain text.
 */
#ifndef EDGE_HTTP_H
#define EDGE_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "edge/question.h"

struct http;

struct http_settings {
	const char *address;         /* "host:port"; port 0: any */
	uint32_t clients_max;
	bool answers_questions;      /* else /v1/explain is not there */
	uint32_t questions_max;      /* that wait at a time */
	int64_t patience_ms;         /* how long one waits at most */
};

/* NULL: refused; err_message says why. */
struct http *http_new(const struct http_settings *);
void http_free(struct http *);
/* What is answered from now on. ready: status 200, else 503, of /readyz. */
void http_publish(struct http *, struct slice metrics, bool ready, struct slice ready_text);
/* Those of /v1/explain; NULL: none are answered. */
struct question_queue *http_questions(struct http *);
/* The port that is listened on. */
uint16_t http_port(const struct http *);

#endif
