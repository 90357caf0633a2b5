/*
 * http: /metrics, /healthz and /readyz on one port, served by a thread of their own from texts that the pipeline hands over.
 * The texts are copied; a slow or hostile client never touches the pipeline.
 */
#ifndef EDGE_HTTP_H
#define EDGE_HTTP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct http;

/* address: "host:port"; port 0: any. NULL: refused; err_message says why. */
struct http *http_new(const char *address, uint32_t clients_max);
void http_free(struct http *);
/* What is answered from now on. ready: status 200, else 503, of /readyz. */
void http_publish(struct http *, struct slice metrics, bool ready, struct slice ready_text);
/* The port that is listened on. */
uint16_t http_port(const struct http *);

#endif
