/*
 * http_client: one GET of a running processor's port. Plain HTTP, no proxy, no redirect; bounded in time and in what is taken.
 */
#ifndef EDGE_HTTP_CLIENT_H
#define EDGE_HTTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct http_reply {
	long status;
	struct buffer body;          /* owned */
	bool adds_up;                /* the header of that name does not say «no» */
};

/*
 * address: "host:port"; ":port" is this machine. path: with its query, percent-encoded. 0: there is a reply, whatever its status
 * (http_reply_deinit it). Negative errno: none; err_message says why.
 */
int http_get(const char *address, const char *path, int64_t timeout_ms, size_t body_max, struct http_reply *ret);
void http_reply_deinit(struct http_reply *);

#endif
