/*
 * checkpoint_segment: the envelope of a piece of a checkpoint: magic, format version, flags, lengths, the definitions'
 * fingerprint, CRC32C, then the bytes, lz4-compressed or not. Everything is checked before a byte is believed.
 */
#ifndef EDGE_CHECKPOINT_SEGMENT_H
#define EDGE_CHECKPOINT_SEGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum { CHECKPOINT_SEGMENT_VERSION = 3, CHECKPOINT_SEGMENT_RAW_MAX = 64 << 20 };

/* Appends the envelope around `raw` (<= CHECKPOINT_SEGMENT_RAW_MAX) to `out`. */
void checkpoint_segment_write(struct slice raw, uint64_t fingerprint, bool compress, struct buffer *out);
/* Appends the bytes inside to `out`. 0, or 1 when they cannot be what was written (nothing is appended then). */
int checkpoint_segment_read(struct slice stored, uint64_t *ret_fingerprint, struct buffer *out);

#endif
