/*
 * source_file: the events of files, in the order of time: Avro container files, JSON lines, and CSV through a mapping, told apart
 * by their contents and the mapping.
 *
 * It yields decoded events and is not one of the `source` implementations (edge/source.h). That seam hands out raw messages with
 * partitions, offsets and an assignment that may be lost, so that a checkpoint can say where to go on; files have none of it, a row of a CSV is
 * no message, and bringing all events in order takes having decoded them. To look like Kafka would mean encoding every event only to
 * decode it again. What replay shares with production begins behind the codec: core/shard.h.
 *
 * Memory: all events are held (event_pile.h), bounded by bytes_max.
 */
#ifndef EDGE_SOURCE_FILE_H
#define EDGE_SOURCE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "core/event.h"
#include "edge/event_pile.h"
#include "edge/mapping.h"

struct source_file_counts {
	uint64_t files, events;
	uint64_t rejected;           /* lines, records or rows that are no events */
	struct mapping_counts rows;  /* of CSV */
};

struct source_file_settings {
	size_t bytes_max;            /* of events; 0: SOURCE_FILE_BYTES_MAX */
	const char *rejects_path;    /* CSV of file,line,reason,text; made with the first reject; NULL: only counted */
	void (*progress)(void *ctx, uint64_t bytes, uint64_t bytes_total); /* while reading; may be NULL */
	void *ctx;
};

#define SOURCE_FILE_BYTES_MAX ((size_t)8 << 30)

struct source_file;

struct source_file *source_file_new(const struct source_file_settings *);
void source_file_free(struct source_file *);

/*
 * Reads all of these paths; "-" is standard input (JSON lines), a folder is for the mapping or holds .avro and .jsonl files. mapping NULL:
 * CSV is refused. 0; 1: a file or mapping that is wrong as a whole, in `explanation`; negative errno.
 */
int source_file_read(struct source_file *, struct mapping *, const char *const *paths, size_t count, struct buffer *explanation);

/* Events in order. 0: *ret is the next (borrowed until the next call; arrays from the arena); 1: the end. */
int source_file_next(struct source_file *, struct arena *, struct event *ret);
/* The event just given was refused by the core: a line of the rejects file as well. */
void source_file_reject(struct source_file *, const char *reason);

size_t source_file_count(const struct source_file *);
/* Time of the last event; INT64_MIN: none has a time. */
int64_t source_file_last_ms(const struct source_file *);
struct source_file_counts source_file_counts(const struct source_file *);

#endif
