/* codec_encode: events as bare Avro, in the order of the built-in schemas: the envelope, then the model's fields. */
#include <string.h>

#include "base/decimal.h"
#include "edge/codec_inside.h"

void codec_put_frame(uint32_t schema_id, struct buffer *out)
{
	buffer_put_u8(out, 0);
	buffer_put_u32be(out, schema_id);
}

static void put_text(struct slice text, struct buffer *out)
{
	buffer_put_zigzag(out, (int64_t)text.len);
	buffer_put(out, text.at ? text.at : "", text.len);
}

static void put_decimal(i128 units, struct buffer *out)
{
	uint8_t bytes[16];
	size_t length = i128_to_be_bytes(units, bytes);

	buffer_put_zigzag(out, (int64_t)length);
	buffer_put(out, bytes, length);
}

static int64_t symbol_of(const char *const *symbols, struct slice text)
{
	for (int64_t i = 0; symbols[i]; i++)
		if (slice_is(text, symbols[i]))
			return i;
	return 0;
}

static void put_list(const struct model_list *list, const struct event_list *rows, struct buffer *out);

/* A required field that is null has the type's empty value. */
static void put_plain(const struct model_field *field, const struct event_value *value, struct buffer *out)
{
	struct slice text = value->is_null ? (struct slice){ 0 } : value->text;
	int64_t number = value->is_null ? 0 : value->i;

	switch (field->type) {
	case VALUE_STRING:
		if (field->symbols)
			buffer_put_zigzag(out, symbol_of(field->symbols, text));
		else
			put_text(text, out);
		break;
	case VALUE_BOOL:
		buffer_put_u8(out, number != 0);
		break;
	case VALUE_DECIMAL:
	case VALUE_MONEY:
		put_decimal(number, out);
		break;
	case VALUE_LIST:
		put_list(field->list, value->is_null ? NULL : value->list, out);
		break;
	default:
		buffer_put_zigzag(out, number);
		break;
	}
}

static void put_value(const struct model_field *field, const struct event_value *value, struct buffer *out)
{
	if (!field->required) {
		buffer_put_zigzag(out, !value->is_null);
		if (value->is_null)
			return;
	}
	put_plain(field, value, out);
}

static void put_list(const struct model_list *list, const struct event_list *rows, struct buffer *out)
{
	if (rows && rows->count) {
		buffer_put_zigzag(out, (int64_t)rows->count);
		for (size_t row = 0; row < rows->count; row++)
			for (size_t column = 0; column < list->field_count; column++)
				put_value(&list->fields[column], &rows->cells[row * list->field_count + column], out);
	}
	buffer_put_zigzag(out, 0);
}

static void put_envelope(const struct event *e, struct buffer *out)
{
	put_text(e->event_id, out);
	put_text(e->tenant_id, out);
	put_text(e->entity_id, out);
	buffer_put_zigzag(out, e->op);
	buffer_put_zigzag(out, e->occurred_at_ms);
	buffer_put_zigzag(out, e->ingested_at_ms);
	put_text(e->source, out);
	buffer_put_zigzag(out, e->source_version);
	buffer_put_zigzag(out, e->actor_id.len > 0);
	if (e->actor_id.len)
		put_text(e->actor_id, out);
	if (e->merged_count)
		buffer_put_zigzag(out, (int64_t)e->merged_count);
	for (size_t i = 0; i < e->merged_count; i++)
		put_text(e->merged_ids[i], out);
	buffer_put_zigzag(out, 0);
	buffer_put_u8(out, e->excluded);
	if (e->ext_count)
		buffer_put_zigzag(out, (int64_t)e->ext_count);
	for (size_t i = 0; i < e->ext_count; i++) {
		put_text(e->ext[i].key, out);
		put_text(e->ext[i].value, out);
	}
	buffer_put_zigzag(out, 0);
}

void codec_encode_event(const struct event *e, struct buffer *out)
{
	const struct model_entity *model = &model_table[e->type];

	put_envelope(e, out);
	for (size_t i = 0; i < model->field_count; i++)
		put_value(&model->fields[i], &e->fields[i], out);
}
