/*
 * sink_memory: keeps what is sent, in order, per topic; acknowledges at once, or when told to. For tests and the simulation.
 */
#ifndef EDGE_SINK_MEMORY_H
#define EDGE_SINK_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "edge/sink.h"

struct sink_memory_record {
	enum sink_topic topic;
	int32_t shard;
	struct slice key, value;     /* owned by the sink */
	char *headers;               /* "name=value\n" each; owned; "" when there are none */
	uint64_t cookie, sequence;
	bool has_failed;
};

struct sink *sink_memory_new(void);
size_t sink_memory_count(const struct sink *);
const struct sink_memory_record *sink_memory_at(const struct sink *, size_t index);
/* Nothing is settled until sink_memory_settle when off (it is on at first). */
void sink_memory_set_automatic(struct sink *, bool automatic);
/* Settles all that is outstanding: acknowledged, or failed. As with sink_kafka only kpi.latest fails: the rest is sent until it is there. */
void sink_memory_settle(struct sink *, bool acknowledge);
/* The first `count` of them. */
void sink_memory_settle_some(struct sink *, uint64_t count, bool acknowledge);
/* The next `count` sends answer SINK_FULL. */
void sink_memory_refuse_next(struct sink *, uint32_t count);

#endif
