/*
 * The part of an image that nobody reads: for each field that is not null its number and value, then the customer's own keys. Written as an
 * event comes, compared as bytes, and written to a checkpoint as it is. The same fields are the same bytes: fields rise, then keys.
 *
 *      field u8, value: text as length and bytes; number as zigzag; list as rows, columns, then per row a bitmap and its cells
 *      MODEL_FIELDS_MAX u8, key, value: an entry of ext
 */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "core/model.h"
#include "core/store_inside.h"

bool store_text_is_blank(struct slice text)
{
	return !text.len || ((unsigned char)text.at[0] <= ' ' && !slice_trim(text).len);
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static bool is_null(enum value_type type, const struct event_value *value)
{
	return value->is_null || (type == VALUE_STRING && store_text_is_blank(value->text));
}

static void put_value(struct buffer *out, enum value_type type, const struct event_value *value)
{
	if (type == VALUE_STRING)
		buffer_put_slice(out, value->text);
	else
		buffer_put_zigzag(out, value->i);
}

static void put_list(
	struct buffer *out, const struct model_list *model, const struct event_list *list)
{
	size_t columns = model->field_count, rows = list ? list->count : 0;

	buffer_put_varint(out, rows);
	buffer_put_varint(out, columns);
	for (size_t row = 0; row < rows; row++) {
		const struct event_value *cells = &list->cells[row * columns];
		uint64_t present = 0;

		for (size_t i = 0; i < columns; i++)
			present |= (uint64_t)!is_null(model->fields[i].type, &cells[i]) << i;
		buffer_put_varint(out, present);
		for (size_t i = 0; i < columns; i++)
			if (present >> i & 1)
				put_value(out, model->fields[i].type, &cells[i]);
	}
}

/* What an event has most of: room is made once, and a short text is two words that may overlap. */
static void put_text_field(struct buffer *out, uint32_t field, struct slice text)
{
	uint8_t *at = buffer_reserve(out, 2 + text.len);

	*at++ = (uint8_t)field;
	*at++ = (uint8_t)text.len;
	if (text.len >= 8 && text.len <= 16) {
		memcpy(at, text.at, 8);
		memcpy(at + text.len - 8, text.at + text.len - 8, 8);
	} else if (text.len >= 4 && text.len < 8) {
		memcpy(at, text.at, 4);
		memcpy(at + text.len - 4, text.at + text.len - 4, 4);
	} else {
		memcpy(at, text.at, text.len);
	}
	out->len += 2 + text.len;
}

void store_cold_put_field(struct buffer *out, const struct model_field *model, uint32_t field,
	const struct event_value *value)
{
	if (is_null(model->type, value))
		return;
	if (model->type == VALUE_STRING && value->text.len < 0x80) {
		put_text_field(out, field, value->text);
		return;
	}
	/* A required time has no null on the wire: a source that does not know it sends 0, and no record is of 1970. */
	if (model->type == VALUE_TIME && model->required && !value->i)
		return;
	buffer_put_u8(out, (uint8_t)field);
	if (model->type == VALUE_LIST)
		put_list(out, model->list, value->list);
	else
		put_value(out, model->type, value);
}

void store_cold_put_ext(struct buffer *out, struct slice key, struct slice value)
{
	buffer_put_u8(out, MODEL_FIELDS_MAX);
	buffer_put_slice(out, key);
	buffer_put_slice(out, value);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

struct cold_reader store_cold_reader(enum entity_type type, struct slice bytes, struct arena *arena)
{
	return (struct cold_reader){
		.in = reader_of(bytes.at, bytes.len), .type = type, .arena = arena, .field = -1
	};
}

static void read_ext(struct cold_reader *r)
{
	struct slice key = reader_slice(&r->in);

	r->value = store_read_value(&r->in, VALUE_STRING, NULL);
	if (!key.len || (r->field == MODEL_FIELDS_MAX && slice_compare(key, r->key) <= 0))
		reader_fail(&r->in);
	r->key = key;
	r->field = MODEL_FIELDS_MAX;
}

bool store_cold_next(struct cold_reader *r)
{
	const struct model_entity *model = &model_table[r->type];
	uint8_t field;

	if (!reader_left(&r->in) || r->in.bad)
		return false;
	field = reader_u8(&r->in);
	if (field == MODEL_FIELDS_MAX) {
		read_ext(r);
		return !r->in.bad;
	}
	if (field >= model->field_count || (int)field <= r->field)
		reader_fail(&r->in);
	if (r->in.bad)
		return false;
	r->field = field;
	if (model->fields[field].type == VALUE_LIST)
		r->value = (struct event_value){
			.list = store_read_list(&r->in, model->fields[field].list, NULL, r->arena)
		};
	else
		r->value = store_read_value(&r->in, model->fields[field].type, NULL);
	return !r->in.bad;
}

struct slice store_cold_slice(const struct store_cold *cold)
{
	return cold ? (struct slice){ (const char *)cold->bytes, cold->len }
		    : (struct slice){ NULL, 0 };
}

/* ---- keeping -------------------------------------------------------------------------------------------- */

void store_cold_free(struct store *s, const struct store_cold *cold)
{
	if (cold)
		slab_free(&s->cold, (void *)(uintptr_t)cold, sizeof(*cold) + cold->len);
}

void store_cold_set(struct store *s, uint32_t index, struct slice bytes)
{
	struct entity *e = &store_node(s, index)->entity;
	const struct store_cold *before = e->cold;
	struct store_cold *cold = NULL;

	if (slice_equal(store_cold_slice(before), bytes))
		return;
	if (bytes.len) {
		cold = slab_alloc(&s->cold, sizeof(*cold) + bytes.len);
		cold->len = (uint32_t)bytes.len;
		memcpy(cold->bytes, bytes.at, bytes.len);
	}
	store_touch(s, index);
	e->cold = cold;
	if (before)
		store_bury_piece(s, before, sizeof(*before) + before->len);
}

void store_cold_erase(struct store *s, uint32_t index)
{
	const struct entity *e = &store_node(s, index)->entity;
	const struct model_entity *model = &model_table[e->type];
	struct cold_reader r =
		store_cold_reader((enum entity_type)e->type, store_cold_slice(e->cold), NULL);
	const uint8_t *from = r.in.at;

	buffer_reset(&s->scratch);
	while (store_cold_next(&r)) {
		if (r.field < MODEL_FIELDS_MAX && !model->fields[r.field].personal)
			buffer_put(&s->scratch, from, (size_t)(r.in.at - from));
		from = r.in.at;
	}
	store_cold_set(s, index, buffer_slice(&s->scratch));
}
