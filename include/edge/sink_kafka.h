/*
 * sink_kafka: an idempotent producer. Dead letters, late facts and closed periods whose delivery fails are sent again until
 * they are acknowledged, and are not settled before; a failed record of kpi.latest is reported, because its key will
 * be computed anew anyway.
 */
#ifndef EDGE_SINK_KAFKA_H
#define EDGE_SINK_KAFKA_H

#include "edge/settings.h"
#include "edge/sink.h"

/* NULL: refused; err_message says why. Settings borrowed. */
struct sink *sink_kafka_new(const struct settings *);
/* The name of an output topic. */
const char *sink_topic_name(const struct settings *, enum sink_topic);

#endif
