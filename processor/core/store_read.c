/* Values and lists of them from a checkpoint's bytes: what no valid event can have said is refused, everything behind relies on it. */
#include "core/store_inside.h"

static struct event_value read_text(struct reader *in, const struct store_texts_in *texts)
{
	struct event_value value = { .is_null = false };

	if (texts) {
		value.i = string_map_read(texts->map, in);
		value.text = intern_text(texts->strings, (uint32_t)value.i);
	} else {
		value.text = reader_slice(in);
	}
	if (!in->bad && (texts ? !value.i : store_text_is_blank(value.text)))
		reader_fail(in);
	return value;
}

struct event_value store_read_value(
	struct reader *in, enum value_type type, const struct store_texts_in *texts)
{
	struct event_value value = { .is_null = false };

	if (type == VALUE_STRING)
		return read_text(in, texts);
	value.i = reader_zigzag(in);
	if ((type == VALUE_TIME && !event_time_is_sane(value.i)) ||
		(type == VALUE_BOOL && value.i != 0 && value.i != 1) || value.i == INT64_MIN)
		reader_fail(in);
	return value;
}

/* Rows of the columns that there were when they were written; into `cells`, or only over them when it is NULL. */
static void read_rows(struct reader *in, const struct model_list *model, uint64_t rows,
	uint64_t columns, const struct store_texts_in *texts, struct event_value *cells)
{
	for (uint64_t row = 0; row < rows && !in->bad; row++) {
		uint64_t present = reader_varint(in);

		if (present >> columns)
			reader_fail(in);
		for (uint32_t i = 0; i < model->field_count && !in->bad; i++) {
			struct event_value value = { .is_null = true };

			if (present >> i & 1)
				value = store_read_value(in, model->fields[i].type, texts);
			if (cells)
				cells[row * model->field_count + i] = value;
		}
	}
}

/* Walked over before it is allocated: a count costs a writer of false bytes at least as many bytes. */
struct event_list *store_read_list(struct reader *in, const struct model_list *model,
	const struct store_texts_in *texts, struct arena *arena)
{
	uint64_t rows = reader_varint(in), columns = reader_varint(in);
	struct event_list *list;
	struct reader ahead;

	if (rows > reader_left(in) || columns > model->field_count)
		reader_fail(in);
	ahead = *in;
	read_rows(&ahead, model, in->bad ? 0 : rows, columns, texts, NULL);
	if (ahead.bad)
		reader_fail(in);
	if (in->bad || !arena) {
		*in = ahead;
		return NULL;
	}
	list = arena_alloc(arena, sizeof(*list));
	list->count = (size_t)rows;
	list->cells = arena_alloc(arena, (size_t)rows * model->field_count * sizeof(*list->cells));
	read_rows(in, model, rows, columns, texts, list->cells);
	return list;
}
