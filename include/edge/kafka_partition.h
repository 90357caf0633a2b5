/*
 * kafka_partition: the partition that Java producers give a key: murmur2 over its bytes, sign bit cleared, modulo the count. A
 * company's events must all lie where this says (S25), and outputs are laid out alike. Pure; needs no Kafka.
 */
#ifndef EDGE_KAFKA_PARTITION_H
#define EDGE_KAFKA_PARTITION_H

#include <stdint.h>

#include "base/slice.h"

/* count > 0. */
int32_t kafka_partition_of(struct slice key, int32_t count);

#endif
