/*
 * Which plan a value is read by.
 *
 * CODEC_AUTO has to tell a registry frame (byte 0, id, body) from a bare body. A bare body begins with the length of event_id,
 * so byte 0 there is an event without an id, which no producer of ours writes: a value that begins with 0 is a frame when the
 * store knows its id. What is left is a 0 and an id that isn't known:
 *      - the store has no ids at all: there is nothing to wait for, it is read as a bare body;
 *      - it has ids: more likely a frame of a schema that is not there yet. But a schema of the customer's own may put another
 *        field first (a union whose null is branch 0, a number that is 0): what reads as a bare body from the first byte to the
 *        last, with an event_id in it, is one. A frame does not: its id would have to be a text of that length.
 * So a wrong guess needs a folder with a foreign bare schema *and* a registry id equal to four bytes of its bodies; who has
 * that says `framed` or `bare`.
 */
#include "edge/codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/index.h"
#include "base/xalloc.h"
#include "base/hash.h"
#include "edge/codec_inside.h"

enum { FRAME_BYTES = 5, PAIR_COLUMNS = 2 };

/* A schema and what became of it. */
struct entry {
	bool is_known;
	struct codec_plan *plan; /* owned; NULL: the schema can't be used */
	char reason[CODEC_REASON_MAX];
};

struct codec {
	struct schema_store *store; /* borrowed */
	enum codec_form form;
	size_t value_bytes_max;
	struct codec_limits limits;
	struct entry bare[ENTITY_TYPE_COUNT];
	struct entry **framed; /* owned; each owned */
	uint32_t *ids;	       /* owned; of framed */
	uint32_t framed_count, framed_capacity, id_capacity;
	struct index by_id; /* place in framed */
	uint32_t last;	    /* place in framed of the last frame's; a topic mostly has one */
};

#define BAD(...) (snprintf(ret_reason, CODEC_REASON_MAX, __VA_ARGS__), CODEC_BAD)

/* ---- one body ------------------------------------------------------------------------------------------- */

static bool take_merged_ids(const struct event_list *list, struct arena *arena, struct event *event)
{
	if (!list || list->count == 0)
		return true;
	event->merged_ids = arena_alloc(arena, list->count * sizeof(*event->merged_ids));
	for (size_t i = 0; event->merged_ids && i < list->count; i++)
		if (!list->cells[i].is_null)
			event->merged_ids[event->merged_count++] = list->cells[i].text;
	return event->merged_ids != NULL;
}

static bool take_ext(const struct event_list *list, struct arena *arena, struct event *event)
{
	if (!list || list->count == 0)
		return true;
	event->ext = arena_alloc(arena, list->count * sizeof(*event->ext));
	for (size_t i = 0; event->ext && i < list->count; i++) {
		const struct event_value *pair = list->cells + i * PAIR_COLUMNS;

		if (!pair[1].is_null)
			event->ext[event->ext_count++] =
				(struct event_ext){ pair[0].text, pair[1].text };
	}
	return event->ext != NULL;
}

/* False: run's fault is set. */
static bool check_envelope(struct codec_run *run, const struct event_value *values)
{
	static const uint8_t never_null[] = { ENVELOPE_OP, ENVELOPE_OCCURRED_AT,
		ENVELOPE_SOURCE_VERSION };

	for (size_t i = 0; i < sizeof(never_null); i++)
		if (values[never_null[i]].is_null) {
			run->fault = CODEC_FAULT_NULL;
			run->field = codec_envelope[never_null[i]].name;
			return false;
		}
	return true;
}

/* False: the arena is full. */
static bool take_event(const struct codec_plan *plan, struct event_value *values,
	struct arena *arena, struct event *ret)
{
	struct event lists = { 0 };

	if (!take_merged_ids(values[ENVELOPE_MERGED_IDS].list, arena, &lists) ||
		!take_ext(values[ENVELOPE_EXT].list, arena, &lists))
		return false;
	*ret = (struct event){
		.type = plan->type,
		.event_id = values[ENVELOPE_EVENT_ID].text,
		.tenant_id = values[ENVELOPE_TENANT_ID].text,
		.entity_id = values[ENVELOPE_ENTITY_ID].text,
		.source = values[ENVELOPE_SOURCE].text,
		.actor_id = values[ENVELOPE_ACTOR_ID].text,
		.op = (enum event_op)values[ENVELOPE_OP].i,
		.occurred_at_ms = values[ENVELOPE_OCCURRED_AT].i,
		.ingested_at_ms = values[ENVELOPE_INGESTED_AT].i,
		.source_version = values[ENVELOPE_SOURCE_VERSION].i,
		.merged_ids = lists.merged_ids,
		.merged_count = lists.merged_count,
		.excluded = values[ENVELOPE_EXCLUDED].i != 0,
		.ext = lists.ext,
		.ext_count = lists.ext_count,
		.fields = values + ENVELOPE_COUNT,
	};
	return true;
}

/* Where a record that couldn't be read ends, found by only passing over it; 0: that can't be known either. */
static size_t length_of(const struct codec_plan *plan, struct slice body)
{
	struct codec_run run = { .at = (const uint8_t *)body.at,
		.end = (const uint8_t *)body.at + body.len };

	return codec_run_record(&run, &plan->whole, NULL)
		       ? (size_t)(run.at - (const uint8_t *)body.at)
		       : 0;
}

/* The values in the arena; NULL: run's fault is set. */
static struct event_value *run_body(const struct codec_plan *plan, struct codec_run *run)
{
	struct event_value *values =
		arena_alloc(run->arena, plan->record.columns * sizeof(*values));

	if (!values)
		run->fault = CODEC_FAULT_MEMORY;
	return values && codec_run_record(run, &plan->record, values) && check_envelope(run, values)
		       ? values
		       : NULL;
}

/* The list that has more rows than its limit; CODEC_LIST_COUNT: it isn't that, or it has none. */
static uint64_t list_too_long(const struct codec_run *run)
{
	uint64_t list = 0;

	if (run->fault != CODEC_FAULT_ROWS || !run->limits)
		return CODEC_LIST_COUNT;
	while (list < CODEC_LIST_COUNT && strcmp(codec_list_names[list], run->field) != 0)
		list++;
	return list < CODEC_LIST_COUNT && run->limits->rows[list] ? list : CODEC_LIST_COUNT;
}

static __attribute__((noinline, cold)) enum codec_answer explain(const struct codec_plan *plan,
	const struct codec_run *run, struct slice body, char ret_reason[CODEC_REASON_MAX])
{
	uint64_t list = list_too_long(run);

	if (list < CODEC_LIST_COUNT)
		return BAD("%s: more than the %" PRIu32 " rows that limits.%s allows (%s)",
			run->field, run->limits->rows[list], run->field,
			model_table[plan->type].name);
	return BAD("%s%s%s (%s, byte %zu of %zu)", run->field ? run->field : "",
		run->field ? ": " : "", codec_fault_text(run->fault), model_table[plan->type].name,
		(size_t)(run->at - (const uint8_t *)body.at), body.len);
}

static enum codec_answer decode_body(const struct codec_plan *plan,
	const struct codec_limits *limits, struct slice body, size_t *ret_used, struct arena *arena,
	struct event *ret, char ret_reason[CODEC_REASON_MAX])
{
	struct slice bytes = body.at ? body : SLICE_LIT("");
	const uint8_t *at = (const uint8_t *)bytes.at;
	struct codec_run run = {
		.at = at, .end = at + bytes.len, .arena = arena, .limits = limits
	};
	struct event_value *values = run_body(plan, &run);

	if (values && !ret_used && run.at != run.end)
		return BAD("%zu bytes too many behind the %s (of %zu)", (size_t)(run.end - run.at),
			model_table[plan->type].name, bytes.len);
	if (ret_used)
		*ret_used = values ? (size_t)(run.at - at) : length_of(plan, bytes);
	if (!values)
		return explain(plan, &run, bytes, ret_reason);
	if (take_event(plan, values, arena, ret))
		return CODEC_OK;
	run.fault = CODEC_FAULT_MEMORY;
	return explain(plan, &run, bytes, ret_reason);
}

enum codec_answer codec_plan_decode(const struct codec_plan *plan, struct slice body,
	size_t *ret_used, struct arena *arena, struct event *ret, char ret_reason[CODEC_REASON_MAX])
{
	return decode_body(plan, NULL, body, ret_used, arena, ret, ret_reason);
}

/* ---- schemas -------------------------------------------------------------------------------------------- */

struct codec *codec_new(struct schema_store *store, enum codec_form form, size_t value_bytes_max)
{
	struct codec *codec = x_calloc(1, sizeof(*codec));

	codec->store = store;
	codec->form = form;
	codec->value_bytes_max = value_bytes_max;
	index_init(&codec->by_id);
	return codec;
}

void codec_limit(struct codec *codec, const struct codec_limits *limits)
{
	codec->limits = *limits;
}

void codec_free(struct codec *codec)
{
	if (!codec)
		return;
	for (uint32_t i = 0; i < codec->framed_count; i++) {
		codec_plan_free(codec->framed[i]->plan);
		free(codec->framed[i]);
	}
	for (int i = 0; i < ENTITY_TYPE_COUNT; i++)
		codec_plan_free(codec->bare[i].plan);
	free(codec->framed);
	free(codec->ids);
	index_deinit(&codec->by_id);
	free(codec);
}

static const struct entry *bare_entry(struct codec *codec, enum entity_type type)
{
	struct entry *entry = &codec->bare[type];

	if (!entry->is_known) {
		entry->is_known = true;
		entry->plan = codec_plan_new(
			schema_store_by_name(codec->store, model_table[type].name), entry->reason);
		if (entry->plan && codec_plan_type(entry->plan) != type) {
			codec_plan_free(entry->plan);
			entry->plan = NULL;
			snprintf(entry->reason, sizeof(entry->reason), "the schema is not of a %s",
				model_table[type].name);
		}
	}
	return entry;
}

static bool equal_id(const void *ctx, const void *key, uint32_t place)
{
	const struct codec *codec = ctx;

	return codec->ids[place] == *(const uint32_t *)key;
}

/* NULL: the id is not known. */
static const struct entry *framed_entry(struct codec *codec, uint32_t id)
{
	uint32_t place;

	if (codec->framed_count && codec->ids[codec->last] == id)
		return codec->framed[codec->last];
	if (index_find(&codec->by_id, hash_u64(id), equal_id, &id, codec, &place)) {
		codec->last = place;
		return codec->framed[place];
	}
	struct slice schema = schema_store_by_id(codec->store, id);

	if (!schema.at)
		return NULL;
	struct entry *entry = x_calloc(1, sizeof(*entry));

	entry->is_known = true;
	entry->plan = codec_plan_new(schema, entry->reason);
	X_GROW(codec->framed, codec->framed_count, codec->framed_capacity);
	X_GROW(codec->ids, codec->framed_count, codec->id_capacity);
	codec->framed[codec->framed_count] = entry;
	codec->ids[codec->framed_count] = id;
	index_insert(&codec->by_id, hash_u64(id), codec->framed_count);
	codec->last = codec->framed_count++;
	return entry;
}

/* ---- a message ------------------------------------------------------------------------------------------ */

static bool frame_of(struct slice value, uint32_t *ret_id, struct slice *ret_body)
{
	const uint8_t *at = (const uint8_t *)value.at;

	if (value.len < FRAME_BYTES || at[0] != 0)
		return false;
	*ret_id = (uint32_t)at[1] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 8 | at[4];
	*ret_body = (struct slice){ value.at + FRAME_BYTES, value.len - FRAME_BYTES };
	return true;
}

static enum codec_answer decode_entry(const struct codec *codec, const struct entry *entry,
	struct slice body, struct arena *arena, struct event *ret,
	char ret_reason[CODEC_REASON_MAX])
{
	if (!entry->plan) {
		memcpy(ret_reason, entry->reason, CODEC_REASON_MAX);
		return CODEC_BAD;
	}
	return decode_body(entry->plan, &codec->limits, body, NULL, arena, ret, ret_reason);
}

/* A value that begins like a frame whose id is not known; see the head of this file. */
static enum codec_answer decode_doubtful(struct codec *codec, enum entity_type expected,
	struct slice value, uint32_t id, struct arena *arena, struct event *ret,
	char ret_reason[CODEC_REASON_MAX])
{
	char reason[CODEC_REASON_MAX];
	struct event event;
	enum codec_answer answer =
		decode_entry(codec, bare_entry(codec, expected), value, arena, &event, reason);

	if (answer == CODEC_OK && event.event_id.len > 0) {
		*ret = event;
		return CODEC_OK;
	}
	snprintf(ret_reason, CODEC_REASON_MAX, "no schema of id %" PRIu32 ", and no bare %s", id,
		model_table[expected].name);
	return schema_store_has_ids(codec->store) ? CODEC_UNKNOWN_SCHEMA : CODEC_BAD;
}

enum codec_answer codec_decode_event(struct codec *codec, enum entity_type expected,
	struct slice value, struct arena *arena, struct event *ret,
	char ret_reason[CODEC_REASON_MAX])
{
	const struct entry *entry;
	struct slice body;
	uint32_t id;

	if (!value.at)
		return BAD("a tombstone: no value");
	if (value.len > codec->value_bytes_max)
		return BAD("the value has %zu bytes; %zu are allowed", value.len,
			codec->value_bytes_max);
	if (codec->form == CODEC_BARE ||
		(codec->form == CODEC_AUTO && !frame_of(value, &id, &body)))
		return decode_entry(
			codec, bare_entry(codec, expected), value, arena, ret, ret_reason);
	if (!frame_of(value, &id, &body))
		return BAD("not in a registry frame: it begins otherwise than with byte 0 and a "
			   "schema id");
	entry = framed_entry(codec, id);
	if (entry)
		return decode_entry(codec, entry, body, arena, ret, ret_reason);
	if (codec->form == CODEC_AUTO)
		return decode_doubtful(codec, expected, value, id, arena, ret, ret_reason);
	snprintf(ret_reason, CODEC_REASON_MAX, "no schema of id %" PRIu32, id);
	return CODEC_UNKNOWN_SCHEMA;
}

void codec_put_frame(uint32_t schema_id, struct buffer *out)
{
	buffer_put_u8(out, 0);
	buffer_put_u32be(out, schema_id);
}
