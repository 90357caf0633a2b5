/*
 * Events as Avro by the built-in schemas: the envelope, then the model's fields in the model's order, which is the schema's
 * (test_model proves it). A required field that is null is written as its type's blank: "", 0, UNKNOWN, no rows.
 */
#include <string.h>

#include "edge/codec.h"
#include "edge/codec_inside.h"

static void put_text(struct slice text, struct buffer *out)
{
	buffer_put_zigzag(out, (int64_t)text.len);
	buffer_put(out, text.at, text.len);
}

static void put_decimal(int64_t units, struct buffer *out)
{
	uint8_t bytes[16];
	size_t length = i128_to_be_bytes(units, bytes);

	buffer_put_zigzag(out, (int64_t)length);
	buffer_put(out, bytes, length);
}

/* Index of a symbol; what is none is UNKNOWN. */
static int64_t symbol_index(const char *const *symbols, struct slice text)
{
	for (int64_t i = 0; symbols[i]; i++)
		if (slice_is(text, symbols[i]))
			return i;
	return 0;
}

static void put_row(const struct model_field *fields, size_t count,
	const struct event_value *values, struct buffer *out);

static void put_list(
	const struct model_list *model, const struct event_list *list, struct buffer *out)
{
	size_t rows = list ? list->count : 0;

	if (rows)
		buffer_put_zigzag(out, (int64_t)rows);
	for (size_t i = 0; i < rows; i++)
		put_row(model->fields, model->field_count, list->cells + i * model->field_count,
			out);
	buffer_put_zigzag(out, 0);
}

static void put_value(
	const struct model_field *field, const struct event_value *value, struct buffer *out)
{
	switch (field->type) {
	case VALUE_STRING:
		if (field->symbols)
			buffer_put_zigzag(out, symbol_index(field->symbols, value->text));
		else
			put_text(value->text, out);
		break;
	case VALUE_BOOL:
		buffer_put_u8(out, value->i != 0);
		break;
	case VALUE_DECIMAL:
	case VALUE_MONEY:
	case VALUE_RATE:
		put_decimal(value->i, out);
		break;
	case VALUE_LIST:
		put_list(field->list, value->list, out);
		break;
	default:
		buffer_put_zigzag(out, value->i);
		break;
	}
}

static void put_row(const struct model_field *fields, size_t count,
	const struct event_value *values, struct buffer *out)
{
	static const struct event_value blank;

	for (size_t i = 0; i < count; i++) {
		if (!fields[i].required)
			buffer_put_zigzag(
				out, !values[i].is_null); /* the branch: null, the other */
		if (!values[i].is_null || fields[i].required)
			put_value(&fields[i], values[i].is_null ? &blank : &values[i], out);
	}
}

static void put_envelope(const struct event *event, struct buffer *out)
{
	put_text(event->event_id, out);
	put_text(event->tenant_id, out);
	put_text(event->entity_id, out);
	buffer_put_zigzag(out, (int64_t)event->op);
	buffer_put_zigzag(out, event->occurred_at_ms);
	buffer_put_zigzag(out, event->ingested_at_ms);
	put_text(event->source, out);
	buffer_put_zigzag(out, event->source_version);
	buffer_put_zigzag(out, event->actor_id.at != NULL);
	if (event->actor_id.at)
		put_text(event->actor_id, out);
	if (event->merged_count)
		buffer_put_zigzag(out, (int64_t)event->merged_count);
	for (size_t i = 0; i < event->merged_count; i++)
		put_text(event->merged_ids[i], out);
	buffer_put_zigzag(out, 0);
	buffer_put_u8(out, event->excluded);
	if (event->ext_count)
		buffer_put_zigzag(out, (int64_t)event->ext_count);
	for (size_t i = 0; i < event->ext_count; i++) {
		put_text(event->ext[i].key, out);
		put_text(event->ext[i].value, out);
	}
	buffer_put_zigzag(out, 0);
}

void codec_encode_event(const struct event *event, struct buffer *out)
{
	const struct model_entity *model = &model_table[event->type];

	put_envelope(event, out);
	put_row(model->fields, model->field_count, event->fields, out);
}
