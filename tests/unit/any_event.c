#include "any_event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

/* ---- making --------------------------------------------------------------------------------------------- */

struct slice any_text(struct rng *rng, struct arena *arena)
{
	static const char *const pieces[] = { "Ana", " ", "Řehoř", "日本", "x", "-42", "\"", "\\",
		"\t", "😀", "deal" };
	size_t count = rng_chance(rng, 0.02) ? 150 : rng_below(rng, 5);
	char text[1024];
	size_t length = 0;

	for (size_t i = 0; i < count; i++) {
		const char *piece = pieces[rng_below(rng, sizeof(pieces) / sizeof(pieces[0]))];
		memcpy(text + length, piece, strlen(piece));
		length += strlen(piece);
	}
	return (struct slice){ arena_strndup(arena, text, length), length };
}

/* Of every size, so that every length of a number on the wire occurs. */
static int64_t random_number(struct rng *rng, int bits)
{
	uint64_t number = rng_u64(rng) >> (64 - 1 - rng_below(rng, (uint64_t)bits));

	return rng_chance(rng, 0.5) ? (int64_t)number : -(int64_t)number;
}

static void random_cells(
	struct rng *, struct arena *, const struct model_field *, size_t, struct event_value *);

static void random_value(struct rng *rng, struct arena *arena, const struct model_field *field,
	struct event_value *value)
{
	*value = (struct event_value){ .is_null = !field->required && rng_chance(rng, 0.3) };
	if (value->is_null)
		return;
	switch (field->type) {
	case VALUE_STRING: {
		size_t count = 0;

		while (field->symbols && field->symbols[count])
			count++;
		value->text = count ? slice_of(field->symbols[rng_below(rng, count)])
				    : any_text(rng, arena);
		break;
	}
	case VALUE_BOOL:
		value->i = rng_chance(rng, 0.5);
		break;
	case VALUE_INT:
		value->i = field->is_date ? (int64_t)rng_below(rng, 60000) : random_number(rng, 31);
		break;
	case VALUE_TIME:
		value->i = (int64_t)rng_below(rng, 4000000000000);
		break;
	case VALUE_DURATION:
		value->i = (int64_t)(rng_u64(rng) >> (1 + rng_below(rng, 62)));
		break;
	case VALUE_LIST:
		value->list = arena_alloc(arena, sizeof(*value->list));
		value->list->count = rng_below(rng, 4);
		value->list->cells = arena_alloc(
			arena, value->list->count * field->list->field_count * sizeof(*value));
		for (size_t i = 0; i < value->list->count; i++)
			random_cells(rng, arena, field->list->fields, field->list->field_count,
				value->list->cells + i * field->list->field_count);
		break;
	default:
		value->i = random_number(rng, 63);
		break;
	}
}

static void random_cells(struct rng *rng, struct arena *arena, const struct model_field *fields,
	size_t count, struct event_value *values)
{
	for (size_t i = 0; i < count; i++)
		random_value(rng, arena, &fields[i], &values[i]);
}

static struct slice random_id(struct rng *rng, struct arena *arena)
{
	char text[40];
	int length = snprintf(text, sizeof(text), "%08x-%04x-4000-8000-%012llx",
		(unsigned)rng_u64(rng), (unsigned)rng_below(rng, 0x10000),
		(unsigned long long)rng_below(rng, (uint64_t)1 << 48));

	return (struct slice){ arena_strndup(arena, text, (size_t)length), (size_t)length };
}

struct event *codec_any_event(struct rng *rng, struct arena *arena, enum entity_type type)
{
	struct event *event = arena_alloc(arena, sizeof(*event));

	event_init(event, type, arena);
	event->event_id = random_id(rng, arena);
	event->tenant_id = random_id(rng, arena);
	event->entity_id = random_id(rng, arena);
	event->source = any_text(rng, arena);
	if (rng_chance(rng, 0.5))
		event->actor_id = any_text(rng, arena);
	event->op = (enum event_op)rng_below(rng, EVENT_OP_COUNT);
	event->occurred_at_ms = (int64_t)rng_below(rng, 4000000000000);
	event->ingested_at_ms = (int64_t)rng_below(rng, 4000000000000);
	event->source_version = random_number(rng, 63);
	event->excluded = rng_chance(rng, 0.1);
	event->merged_count = rng_chance(rng, 0.2) ? rng_below(rng, 4) : 0;
	event->merged_ids = arena_alloc(arena, event->merged_count * sizeof(*event->merged_ids));
	for (size_t i = 0; i < event->merged_count; i++)
		event->merged_ids[i] = random_id(rng, arena);
	event->ext_count = rng_chance(rng, 0.4) ? rng_below(rng, 4) : 0;
	event->ext = arena_alloc(arena, event->ext_count * sizeof(*event->ext));
	for (size_t i = 0; i < event->ext_count; i++)
		event->ext[i] =
			(struct event_ext){ random_id(rng, arena), any_text(rng, arena) };
	random_cells(
		rng, arena, model_table[type].fields, model_table[type].field_count, event->fields);
	return event;
}

/* ---- comparing ------------------------------------------------------------------------------------------ */

static void assert_texts_equal(const char *where, struct slice a, struct slice b)
{
	if (!slice_equal(a, b))
		fail_msg("%s: «" SLICE_FMT "» and «" SLICE_FMT "»", where, SLICE_ARG(a),
			SLICE_ARG(b));
}

static void assert_numbers_equal(const char *where, int64_t a, int64_t b)
{
	if (a != b)
		fail_msg("%s: %lld and %lld", where, (long long)a, (long long)b);
}

void assert_values_equal(
	const struct model_field *field, const struct event_value *a, const struct event_value *b)
{
	assert_numbers_equal(field->name, a->is_null, b->is_null);
	if (a->is_null)
		return;
	if (field->type == VALUE_STRING) {
		assert_texts_equal(field->name, a->text, b->text);
	} else if (field->type != VALUE_LIST) {
		assert_numbers_equal(field->name, a->i, b->i);
	} else {
		size_t columns = field->list->field_count;

		assert_numbers_equal(field->name, (int64_t)a->list->count, (int64_t)b->list->count);
		for (size_t i = 0; i < a->list->count * columns; i++)
			assert_values_equal(&field->list->fields[i % columns], &a->list->cells[i],
				&b->list->cells[i]);
	}
}

/* A map has no order. */
static void assert_ext_equal(const struct event *a, const struct event *b)
{
	assert_numbers_equal("ext", (int64_t)a->ext_count, (int64_t)b->ext_count);
	for (size_t i = 0; i < a->ext_count; i++) {
		size_t k = 0;

		while (k < b->ext_count && !slice_equal(a->ext[i].key, b->ext[k].key))
			k++;
		assert_true(k < b->ext_count);
		assert_texts_equal("ext", a->ext[i].value, b->ext[k].value);
	}
}

void assert_events_equal(const struct event *a, const struct event *b)
{
	assert_int_equal(a->type, b->type);
	assert_texts_equal("event_id", a->event_id, b->event_id);
	assert_texts_equal("tenant_id", a->tenant_id, b->tenant_id);
	assert_texts_equal("entity_id", a->entity_id, b->entity_id);
	assert_texts_equal("source", a->source, b->source);
	assert_texts_equal("actor_id", a->actor_id, b->actor_id);
	assert_numbers_equal("actor_id", a->actor_id.at != NULL, b->actor_id.at != NULL);
	assert_numbers_equal("op", a->op, b->op);
	assert_numbers_equal("occurred_at", a->occurred_at_ms, b->occurred_at_ms);
	assert_numbers_equal("ingested_at", a->ingested_at_ms, b->ingested_at_ms);
	assert_numbers_equal("source_version", a->source_version, b->source_version);
	assert_numbers_equal("excluded", a->excluded, b->excluded);
	assert_numbers_equal("merged_ids", (int64_t)a->merged_count, (int64_t)b->merged_count);
	for (size_t i = 0; i < a->merged_count; i++)
		assert_texts_equal("merged_ids", a->merged_ids[i], b->merged_ids[i]);
	assert_ext_equal(a, b);
	for (size_t i = 0; i < model_table[a->type].field_count; i++)
		assert_values_equal(&model_table[a->type].fields[i], &a->fields[i], &b->fields[i]);
}
