/*
 * manifest: what one checkpoint consists of: its identity (id, predecessor, epoch), the input positions that belong to
 * the state, and the segments to read, in order. Cut 0 is a base (whole state), those after it are changes.
 */
#ifndef EDGE_MANIFEST_H
#define EDGE_MANIFEST_H

#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "edge/source.h"

enum { MANIFEST_POSITIONS_MAX = 4096, MANIFEST_SEGMENTS_MAX = 65536, MANIFEST_SEGMENT_NAME_MAX = 64 };

struct manifest_segment {
	char name[MANIFEST_SEGMENT_NAME_MAX];
	uint64_t length;             /* stored bytes */
	uint32_t cut;                /* segments of one cut are joined before they are read */
};

struct manifest {
	uint64_t id, predecessor, epoch;
	int64_t revision;            /* last one given before the cut (S17) */
	uint64_t fingerprint;        /* of the definitions */
	int32_t partition_count;
	int64_t created_ms;          /* monotone time of the writer, for people only */
	struct source_position *positions; /* owned */
	size_t position_count;
	struct buffer extra;         /* owned; the clock's state */
	struct manifest_segment *segments; /* owned */
	size_t segment_count, segment_capacity;
};

void manifest_init(struct manifest *);
void manifest_deinit(struct manifest *);
void manifest_copy(struct manifest *to, const struct manifest *from);
void manifest_set_positions(struct manifest *, const struct source_position *, size_t count);
void manifest_add_segment(struct manifest *, const char *name, uint64_t length, uint32_t cut);
void manifest_write(const struct manifest *, struct buffer *out);
/* Fills an initialised manifest. 0, or 1 when the bytes cannot be a manifest. */
int manifest_read(struct manifest *, struct slice bytes);

#endif
