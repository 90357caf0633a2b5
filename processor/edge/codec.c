#include "edge/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/xalloc.h"
#include "edge/codec_inside.h"

enum { FRAME_BYTES = 5, PLANS_MAX = SCHEMAS_MAX };

struct framed_plan {
	uint32_t id;
	struct codec_plan *plan;     /* NULL: this schema can't be used */
	char reason[CODEC_REASON_MAX];
};

struct codec {
	struct schema_store *schemas;
	enum codec_form form;
	size_t value_bytes_max;
	struct codec_plan *bare[ENTITY_TYPE_COUNT]; /* made when first met */
	char bare_reason[ENTITY_TYPE_COUNT][CODEC_REASON_MAX];
	struct framed_plan *framed;
	uint32_t framed_count, framed_cap, last;    /* last: where the last id was found; a topic has few */
};

struct codec *codec_new(struct schema_store *schemas, enum codec_form form, size_t value_bytes_max)
{
	struct codec *codec = x_calloc(1, sizeof(*codec));

	codec->schemas = schemas;
	codec->form = form;
	codec->value_bytes_max = value_bytes_max;
	return codec;
}

void codec_free(struct codec *codec)
{
	if (!codec)
		return;
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++)
		codec_plan_free(codec->bare[type]);
	for (uint32_t i = 0; i < codec->framed_count; i++)
		codec_plan_free(codec->framed[i].plan);
	free(codec->framed);
	free(codec);
}

static const struct codec_plan *bare_plan(struct codec *codec, enum entity_type type, char *ret_reason)
{
	struct slice json;

	if (codec->bare[type])
		return codec->bare[type];
	if (!*codec->bare_reason[type]) {
		json = schema_store_by_name(codec->schemas, model_table[type].name);
		if (json.at)
			codec->bare[type] = codec_plan_new(json, codec->bare_reason[type]);
		else
			snprintf(codec->bare_reason[type], CODEC_REASON_MAX, "no schema of %s is known", model_table[type].name);
	}
	memcpy(ret_reason, codec->bare_reason[type], CODEC_REASON_MAX);
	return codec->bare[type];
}

static const struct framed_plan *framed_plan(struct codec *codec, uint32_t id)
{
	struct framed_plan *f;
	struct slice json;

	if (codec->last < codec->framed_count && codec->framed[codec->last].id == id)
		return &codec->framed[codec->last];
	for (codec->last = 0; codec->last < codec->framed_count; codec->last++)
		if (codec->framed[codec->last].id == id)
			return &codec->framed[codec->last];
	json = schema_store_by_id(codec->schemas, id);
	if (!json.at || codec->framed_count == PLANS_MAX)
		return NULL;
	X_GROW(codec->framed, codec->framed_count, codec->framed_cap);
	f = &codec->framed[codec->framed_count++];
	memset(f, 0, sizeof(*f));
	f->id = id;
	f->plan = codec_plan_new(json, f->reason);
	return f;
}

/*
 * A bare body begins with the length of event_id; of a valid event that is not 0. So a first byte of 0 is a frame, and nothing else: the
 * two forms never look alike. Where no id is known at all none will ever be (there is no folder): such a frame is a dead letter.
 */
static enum codec_answer decode_frame(struct codec *codec, struct slice value, struct arena *arena, struct event *ret, char *ret_reason)
{
	struct reader reader = reader_of(value.at + 1, FRAME_BYTES - 1);
	uint32_t id = reader_u32be(&reader);
	const struct framed_plan *f = framed_plan(codec, id);

	if (!f) {
		snprintf(ret_reason, CODEC_REASON_MAX, "schema id %u is not known", id);
		return schema_store_has_ids(codec->schemas) ? CODEC_UNKNOWN_SCHEMA : CODEC_BAD;
	}
	if (!f->plan) {
		memcpy(ret_reason, f->reason, CODEC_REASON_MAX);
		return CODEC_BAD;
	}
	return codec_plan_decode(f->plan, (struct slice){ value.at + FRAME_BYTES, value.len - FRAME_BYTES }, NULL, arena, ret, ret_reason);
}

static enum codec_answer refuse(char *ret_reason, const char *reason)
{
	snprintf(ret_reason, CODEC_REASON_MAX, "%s", reason);
	return CODEC_BAD;
}

enum codec_answer codec_decode_event(struct codec *codec, enum entity_type expected, struct slice value, struct arena *arena,
	struct event *ret, char ret_reason[CODEC_REASON_MAX])
{
	const struct codec_plan *plan;

	ret_reason[0] = '\0';
	if (!value.at)
		return refuse(ret_reason, "the message has no value");
	if (!value.len)
		return refuse(ret_reason, "the message is empty");
	if (codec->value_bytes_max && value.len > codec->value_bytes_max) {
		snprintf(ret_reason, CODEC_REASON_MAX, "%zu bytes; at most %zu are taken", value.len, codec->value_bytes_max);
		return CODEC_BAD;
	}
	if (codec->form != CODEC_BARE && value.at[0] == 0) {
		if (value.len < FRAME_BYTES)
			return refuse(ret_reason, "the message ends inside its frame");
		return decode_frame(codec, value, arena, ret, ret_reason);
	}
	if (codec->form == CODEC_FRAMED)
		return refuse(ret_reason, "the message has no frame");
	plan = bare_plan(codec, expected, ret_reason);
	return plan ? codec_plan_decode(plan, value, NULL, arena, ret, ret_reason) : CODEC_BAD;
}
