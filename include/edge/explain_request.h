/*
 * explain_request: the question that `explain` asks, as flags of the command and as the query of GET /v1/explain: metric, tenant, window,
 * group (team=jakarta; may be repeated), currency, most, format. Both go through the same door, and one is written as the other.
 *
 * Invariant: what was taken is text that may be shown to anybody: UTF-8 without control characters, of at most EXPLAIN_TEXT_MAX bytes
 * a value; and so is every message of refusal, whatever was in the query.
 */
#ifndef EDGE_EXPLAIN_REQUEST_H
#define EDGE_EXPLAIN_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "core/shard_explain.h"

enum { EXPLAIN_TEXT_MAX = 256, EXPLAIN_MOST_USUAL = 50, EXPLAIN_MOST_MAX = 10000, EXPLAIN_QUERY_MAX = 8192 };

struct explain_request {
	struct explain_question question; /* its slices are ours */
	uint32_t most;               /* records listed of each part */
	bool is_json;
	uint32_t given;              /* bit per parameter that was said */
	struct arena texts;
};

struct explain_request *explain_request_new(void);
void explain_request_free(struct explain_request *);
/* One parameter by its name. 0, or 1: refused, and why. */
int explain_request_set(struct explain_request *, struct slice name, struct slice value, char ret_message[EXPLAIN_MESSAGE_MAX]);
/* All of a URL's query, "metric=win_rate&tenant=acme&…", percent-encoded. 0, or 1: refused, and why. */
int explain_request_parse(struct explain_request *, struct slice query, char ret_message[EXPLAIN_MESSAGE_MAX]);
/* 1: metric, tenant or window is not there. */
int explain_request_check(const struct explain_request *, char ret_message[EXPLAIN_MESSAGE_MAX]);
/* Of this shard, as the request wants it, appended to `out`. 0; 1: there is no such number, and why; 2: done, and a list does not add up. */
int explain_request_answer(const struct explain_request *, struct shard *, struct buffer *out, char ret_message[EXPLAIN_MESSAGE_MAX]);
/* As explain_request_parse takes it. */
void explain_request_print(const struct explain_request *, struct buffer *out);

#endif
