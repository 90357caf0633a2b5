/*
 * kafka_admin: what must be true of the topics before the program reads: they exist (missing ones are created with the right
 * settings), the inputs have one and the same partition count (S25; not in single mode), kpi.latest is compacted.
 */
#ifndef EDGE_KAFKA_ADMIN_H
#define EDGE_KAFKA_ADMIN_H

#include <stddef.h>
#include <stdint.h>

#include "edge/settings.h"

/*
 * One attempt. 0: done, ret_partition_counts [input_count] has that of each input. -EAGAIN: no broker answered in time (err_message).
 * -EINVAL: the topics do not fit; err_message says the remedy. lock_topic: of single mode, created with one partition; NULL: partition
 * mode, where all inputs must have equally many.
 */
int kafka_admin_prepare(const struct settings *, const char *const *inputs, size_t input_count, const char *lock_topic,
	int timeout_ms, int32_t *ret_partition_counts);

#endif
