/*
 * sink: where records go, and what was acknowledged (S21). Every record gets a sequence number; a record is settled
 * when it is acknowledged or has failed for good. Implementations: sink_kafka (idempotent producer), sink_file, sink_memory.
 */
#ifndef EDGE_SINK_H
#define EDGE_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum sink_topic { SINK_LATEST, SINK_HISTORY, SINK_ALERTS, SINK_MOMENTS, SINK_LATE, SINK_DLQ, SINK_TOPIC_COUNT };

struct sink_record {
	enum sink_topic topic;
	int32_t shard;               /* the producing shard: the delivery report names it */
	struct slice key, value;     /* copied by send; value.at NULL: tombstone */
	struct slice partition_key;  /* tenant id: murmur2 decides the partition */
	uint64_t cookie;             /* the key's hash: given back when delivery failed */
	const char *const *headers;  /* name, value, name, value …, NULL; may be NULL */
};

enum sink_answer { SINK_SENT = 0, SINK_FULL = 1 };

struct sink_failure {
	int32_t shard;
	enum sink_topic topic;
	uint64_t cookie;
};

struct sink;

struct sink_ops {
	const char *name;
	/* SINK_SENT with the record's sequence number (rising from 1), SINK_FULL (try again after poll), -EMSGSIZE (too long, for
	 * ever), or another negative errno. */
	int (*send)(struct sink *, const struct sink_record *, uint64_t *ret_sequence);
	/* A record of another topic than kpi.latest is sent again by the sink until it arrives; it fails only where its bytes are refused. */
	/* Serves delivery reports; up to `max` failures since the last poll are in `ret`. */
	size_t (*poll)(struct sink *, int timeout_ms, struct sink_failure *ret, size_t max);
	/* Every record with a sequence <= this one is settled (acknowledged, or reported as failed). */
	uint64_t (*settled)(struct sink *);
	/* Waits until all is settled, at most timeout_ms. 0 or 1 when some are not. */
	int (*flush)(struct sink *, int timeout_ms);
	void (*free)(struct sink *);
};

struct sink {
	const struct sink_ops *ops;
	uint64_t last_sequence;      /* of the last record sent */
};

#endif
