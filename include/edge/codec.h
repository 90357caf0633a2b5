/*
 * codec: Avro bytes <-> events and snapshots. Decoding runs a plan that is compiled once per (writer schema, record type): a
 * short program that walks the body in the writer's order and stores what the model wants. Every read is bounds-checked
 * (LIBRARIES.md): hostile bytes cost nothing and are a documented answer, never an error.
 *
 * Wire forms: registry frame (byte 0, 4 bytes big-endian schema id, body) and bare Avro by topic.
 * Decoded texts are borrowed from the message's bytes, arrays from the arena, an enum's symbols from the plan.
 */
#ifndef EDGE_CODEC_H
#define EDGE_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/slice.h"
#include "core/event.h"
#include "core/model.h"
#include "core/snapshot_record.h"
#include "edge/schema_store.h"

enum codec_answer {
	CODEC_OK = 0,
	CODEC_BAD = 1,               /* a dead letter; the reason is in ret_reason */
	CODEC_UNKNOWN_SCHEMA = 2,    /* a frame whose schema id is not known (yet): pause the partition and retry */
};

enum codec_form { CODEC_AUTO, CODEC_FRAMED, CODEC_BARE };

enum { CODEC_REASON_MAX = EVENT_REASON_MAX };

struct codec;

/*
 * What one message may hold, so that the worst one costs little: rows of each list, bytes of all texts that are longer than 63 bytes or not
 * ASCII, and values of fields that no stream of ours has. What has more is CODEC_BAD; the reason names the setting. 0: CODEC_ROWS_MAX
 * rows, and no limit to the others.
 */
enum codec_list {
	CODEC_SPLITS, CODEC_ITEMS, CODEC_MEMBERSHIPS, CODEC_PACING_CURVE, CODEC_MERGED_IDS, CODEC_EXT, CODEC_LIST_COUNT,
};
struct codec_limits {
	uint32_t rows[CODEC_LIST_COUNT], text_bytes, foreign;
};

/* The store is borrowed and must outlive the codec. value_bytes_max: a longer value is CODEC_BAD. */
struct codec *codec_new(struct schema_store *, enum codec_form, size_t value_bytes_max);
/* Of messages; what codec_plan_decode reads is the operator's own file, and without limits. */
void codec_limit(struct codec *, const struct codec_limits *);
void codec_free(struct codec *);

/*
 * Decodes one message's value. `expected`: what a bare body of this topic is (enum entity_type); a frame's schema decides for
 * itself. A NULL value (tombstone) is CODEC_BAD. Texts in *ret are borrowed from `value`, the rest from the arena.
 */
enum codec_answer codec_decode_event(struct codec *, enum entity_type expected, struct slice value, struct arena *,
	struct event *ret, char ret_reason[CODEC_REASON_MAX]);

/* A plan for one writer schema, as a container file names it (avro_file.h). NULL: not usable; ret_reason says why. */
struct codec_plan;
struct codec_plan *codec_plan_new(struct slice schema_json, char ret_reason[CODEC_REASON_MAX]);
void codec_plan_free(struct codec_plan *);
enum entity_type codec_plan_type(const struct codec_plan *);
/*
 * One bare body. ret_used: bytes of the body, when trailing bytes are allowed; NULL: they are refused. With CODEC_BAD *ret_used is
 * the length of the record that is wrong, 0 when its end can't be found.
 */
enum codec_answer codec_plan_decode(const struct codec_plan *, struct slice body, size_t *ret_used, struct arena *,
	struct event *ret, char ret_reason[CODEC_REASON_MAX]);

/* Appends the bare Avro body of an event by the built-in schema of its type (simulator, tests). */
void codec_encode_event(const struct event *, struct buffer *out);
/* Appends byte 0 and the id. */
void codec_put_frame(uint32_t schema_id, struct buffer *out);

/* kpi.snapshot by the built-in schemas; the key of kpi.history has window_start too (snapshot->is_history). */
void codec_encode_snapshot_key(const struct snapshot *, struct buffer *out);
void codec_encode_snapshot(const struct snapshot *, struct buffer *out);
/* Reads what was published (bare). Texts borrowed from `value`. 0, or 1: not a snapshot. */
int codec_decode_snapshot(struct slice value, struct snapshot *ret);

#endif
