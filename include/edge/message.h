/*
 * message: one raw record as it came from a source, with its position. Everything is borrowed from the source until its
 * next poll.
 */
#ifndef EDGE_MESSAGE_H
#define EDGE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

struct message {
	uint16_t topic;            /* index in the source's list of topics */
	int32_t partition;         /* Kafka's partition number */
	int64_t offset;
	int64_t timestamp_ms;      /* the broker's, 0 if unknown */
	struct slice key, value;   /* value.at NULL: a tombstone */
};

#endif
