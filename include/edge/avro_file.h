/*
 * avro_file: Avro object container files (codecs null and deflate), read with bounds on everything, and written.
 */
#ifndef EDGE_AVRO_FILE_H
#define EDGE_AVRO_FILE_H

#include <stdio.h>

#include "base/arena.h"
#include "base/slice.h"
#include "core/event.h"

struct avro_file_reader;

/* Whether these first bytes are a container file's. */
int avro_file_is(struct slice head);
/* NULL: not readable as events; err_message says why. */
struct avro_file_reader *avro_file_open(const char *path);
void avro_file_close(struct avro_file_reader *);
/* 0: *ret holds the next event (borrowed until the next call, arrays from the arena); 1: the end; 2: a record that is wrong, with its
 * reason, the reader goes on behind it, or with the next block where its end can't be found (the reason says how many that costs); negative errno: the file is broken from here on. */
int avro_file_next(struct avro_file_reader *, struct arena *, struct event *ret, char ret_reason[EVENT_REASON_MAX]);

struct avro_file_writer;
struct avro_file_writer *avro_file_create(const char *path, enum entity_type);
int avro_file_write(struct avro_file_writer *, const struct event *);
/* Flushes and closes; 0, or negative errno. */
int avro_file_finish(struct avro_file_writer *);

#endif
