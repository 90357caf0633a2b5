/* The functions that expressions over rows have beside the general ones; what can't be read rejects the row. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/hash.h"
#include "edge/mapping_inside.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static struct mapping_row *row_of(const struct expr_frame *frame)
{
	return frame->ctx;
}

void mapping_reject(struct mapping_row *row, const char *format, ...)
{
	va_list args;

	if (row->is_rejected)
		return;
	row->is_rejected = true;
	va_start(args, format);
	vsnprintf(row->reason, sizeof(row->reason), format, args);
	va_end(args);
}

struct slice mapping_text(const struct mapping_row *row, struct value value)
{
	return value.is_null ? (struct slice){ NULL, 0 }
			     : intern_text(&row->mapping->strings, (uint32_t)value.i);
}

struct value mapping_new_text(struct mapping_row *row, struct slice text)
{
	uint32_t id = intern_add(&row->mapping->strings, text);

	if (id)
		return value_of(VALUE_STRING, id);
	mapping_reject(row, "there are too many different texts in these files");
	return value_null(VALUE_STRING);
}

/* ---- checks ---------------------------------------------------------------------------------------- */

static void want_texts(const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	for (uint32_t i = 0; i < count; i++)
		if (types[i] != VALUE_STRING && types[i] != VALUE_NULL)
			snprintf(message, cap, "it takes texts, not a %s",
				value_type_name(types[i]));
}

static enum value_type check_texts_text(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	want_texts(types, count, message, cap);
	return VALUE_STRING;
}

static enum value_type check_texts_duration(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	want_texts(types, count, message, cap);
	return VALUE_DURATION;
}

static enum value_type check_texts_bool(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	want_texts(types, count, message, cap);
	return VALUE_BOOL;
}

static enum value_type check_date(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	if (types[0] != VALUE_TIME)
		want_texts(types, count, message, cap);
	return VALUE_TIME;
}

static enum value_type check_day(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	if (types[0] != VALUE_TIME && types[0] != VALUE_NULL)
		snprintf(message, cap, "it takes a time, not a %s", value_type_name(types[0]));
	return VALUE_INT;
}

static enum value_type check_milliseconds(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	if (types[0] != VALUE_INT && types[0] != VALUE_NULL)
		snprintf(message, cap, "it takes a whole number, not a %s",
			value_type_name(types[0]));
	return VALUE_DURATION;
}

static enum value_type check_number(
	enum value_type type, enum value_type result, char *message, size_t cap)
{
	if (type != VALUE_STRING && type != VALUE_INT && type != VALUE_DECIMAL &&
		type != VALUE_NULL)
		snprintf(message, cap, "it takes a text or a number, not a %s",
			value_type_name(type));
	return result;
}

static enum value_type check_decimal(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	return check_number(types[0], VALUE_DECIMAL, message, cap);
}

static enum value_type check_rate(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	return check_number(types[0], VALUE_RATE, message, cap);
}

static enum value_type check_int(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	return check_number(types[0], VALUE_INT, message, cap);
}

static enum value_type check_part(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	want_texts(types, 2, message, cap);
	if (types[2] != VALUE_INT)
		snprintf(message, cap, "part reads part(text, separator, 1); the first part is 1");
	return VALUE_STRING;
}

static enum value_type check_nothing_int(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)types;
	(void)count;
	(void)message;
	(void)cap;
	return VALUE_INT;
}

static enum value_type check_nothing_text(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	check_nothing_int(types, count, message, cap);
	return VALUE_STRING;
}

/* ---- values of texts ------------------------------------------------------------------------------- */

static struct slice text_at(
	const struct expr_frame *frame, const struct value *args, uint32_t count, uint32_t i)
{
	return i < count ? mapping_text(row_of(frame), args[i]) : (struct slice){ NULL, 0 };
}

static struct value run_date(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	struct mapping_row *row = row_of(frame);
	struct slice text, one = text_at(frame, args, count, 1);
	struct mapping_words formats =
		one.at ? (struct mapping_words){ &one, 1 } : row->rows->format.dates;
	int64_t ms;

	(void)user;
	if (args[0].is_null || args[0].type == VALUE_TIME)
		return args[0].is_null ? value_null(VALUE_TIME) : args[0];
	text = mapping_text(row, args[0]);
	if (mapping_parse_date(text, &formats, row->rows->format.zone, &ms))
		return value_of(VALUE_TIME, ms);
	mapping_reject(row, "«%.60s» is no date of the form " SLICE_FMT "%s", text.at,
		SLICE_ARG(formats.items[0]), formats.count > 1 ? " or another of `dates`" : "");
	return value_null(VALUE_TIME);
}

static struct value run_local_day(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	(void)count;
	(void)user;
	if (args[0].is_null)
		return value_null(VALUE_INT);
	int64_t local_ms = zone_to_local(row_of(frame)->rows->format.zone, args[0].i);

	return value_of(VALUE_INT, local_ms / 86400000 - (local_ms % 86400000 < 0));
}

static struct value run_decimal(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	struct mapping_row *row = row_of(frame);
	int64_t units;

	(void)count;
	(void)user;
	if (args[0].is_null)
		return value_null(VALUE_DECIMAL);
	if (args[0].type != VALUE_STRING)
		return value_of(VALUE_DECIMAL, args[0].i);
	if (mapping_parse_decimal(mapping_text(row, args[0]), &row->rows->format, &units))
		return value_of(VALUE_DECIMAL, units);
	mapping_reject(row, "«%.60s» is no number (decimal: \"" SLICE_FMT "\")",
		mapping_text(row, args[0]).at, SLICE_ARG(row->rows->format.decimal));
	return value_null(VALUE_DECIMAL);
}

/* A rate of exchange: eight decimals of a text; a number has at most four. */
static struct value run_rate(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	struct mapping_row *row = row_of(frame);
	int64_t rate, unit = args[0].type == VALUE_INT ? RATE_SCALE : RATE_SCALE / DECIMAL_SCALE;

	(void)count;
	(void)user;
	if (args[0].is_null)
		return value_null(VALUE_RATE);
	if (args[0].type == VALUE_STRING
			? mapping_parse_rate(mapping_text(row, args[0]), &row->rows->format, &rate)
			: !__builtin_mul_overflow(args[0].i, unit, &rate))
		return value_of(VALUE_RATE, rate);
	mapping_reject(row,
		args[0].type == VALUE_STRING ? "«%.60s» is no rate" : "a rate is out of range%.0s",
		args[0].type == VALUE_STRING ? mapping_text(row, args[0]).at : "");
	return value_null(VALUE_RATE);
}

static struct value run_int(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	struct value value;

	if (args[0].is_null || args[0].type == VALUE_INT)
		return args[0].is_null ? value_null(VALUE_INT) : args[0];
	value = run_decimal(frame, args, count, user);
	if (value.is_null)
		return value_null(VALUE_INT);
	if (value.i % DECIMAL_SCALE) {
		mapping_reject(row_of(frame), "a whole number is wanted");
		return value_null(VALUE_INT);
	}
	return value_of(VALUE_INT, value.i / DECIMAL_SCALE);
}

static struct value run_duration(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	struct mapping_row *row = row_of(frame);
	int64_t ms;

	(void)user;
	if (args[0].is_null)
		return value_null(VALUE_DURATION);
	if (mapping_parse_duration(mapping_text(row, args[0]), text_at(frame, args, count, 1), &ms))
		return value_of(VALUE_DURATION, ms);
	mapping_reject(row, "«%.60s» is no duration like 4:05, 1:04:05 or 90",
		mapping_text(row, args[0]).at);
	return value_null(VALUE_DURATION);
}

static struct value run_milliseconds(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	(void)frame;
	(void)count;
	(void)user;
	return args[0].is_null ? value_null(VALUE_DURATION) : value_of(VALUE_DURATION, args[0].i);
}

static struct value run_bool(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	bool is_true;

	(void)count;
	(void)user;
	if (args[0].is_null)
		return value_null(VALUE_BOOL);
	if (mapping_parse_truth(mapping_text(row_of(frame), args[0]), &is_true))
		return value_of(VALUE_BOOL, is_true);
	mapping_reject(row_of(frame), "«%.60s» is neither yes nor no",
		mapping_text(row_of(frame), args[0]).at);
	return value_null(VALUE_BOOL);
}

static struct value run_hash(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	struct mapping_row *row = row_of(frame);
	char hex[20];

	(void)count;
	(void)user;
	if (args[0].is_null)
		return args[0];
	snprintf(hex, sizeof(hex), "%016" PRIx64,
		mapping_hash(mapping_text(row, args[0]), row->mapping->salt));
	return mapping_new_text(row, slice_of(hex));
}

static struct value run_phone(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	struct mapping_row *row = row_of(frame);
	struct slice country = text_at(frame, args, count, 1);
	struct buffer _cleanup_buffer_ out = { 0 };

	(void)user;
	buffer_init(&out);
	if (args[0].is_null || !mapping_put_phone(mapping_text(row, args[0]),
				       country.at ? country : row->mapping->country, &out))
		return value_null(
			VALUE_STRING); /* «anonymous» is no telephone number, and no mistake */
	return mapping_new_text(row, buffer_slice(&out));
}

/* ---- maps, lookups, texts -------------------------------------------------------------------------- */

static struct value text_or_null(uint32_t id)
{
	return id ? value_of(VALUE_STRING, id) : value_null(VALUE_STRING);
}

static struct value apply_map(
	struct mapping_row *row, const struct mapping_map *map, struct value value)
{
	for (size_t i = 0; i < map->count; i++)
		if (value.is_null ? intern_text(&row->mapping->strings, map->pairs[i].from).len == 0
				  : map->pairs[i].from == (uint32_t)value.i)
			return text_or_null(map->pairs[i].to);
	if (map->otherwise == MAP_TEXT)
		return text_or_null(map->otherwise_text);
	if (map->otherwise == MAP_REJECT && !value.is_null)
		mapping_reject(row, "«%.60s» is not in the map «%s»", mapping_text(row, value).at,
			intern_text(&row->mapping->strings, map->name).at);
	return map->otherwise == MAP_KEEP ? value : value_null(VALUE_STRING);
}

static struct value run_map(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	struct mapping_row *row = row_of(frame);

	(void)count;
	(void)user;
	for (size_t i = 0; i < row->mapping->map_count; i++)
		if (row->mapping->maps[i].name == (uint32_t)args[0].i)
			return apply_map(row, &row->mapping->maps[i], args[1]);
	return value_null(VALUE_STRING);
}

static bool row_has_key(const void *ctx, const void *key, uint32_t row)
{
	const struct mapping_lookup *lookup = ctx;
	size_t column = 0;

	while (!slice_equal(lookup->columns.items[column], lookup->key))
		column++;
	return lookup->cells[row * lookup->columns.count + column] == *(const uint32_t *)key;
}

static struct value run_lookup(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	struct mapping *m = row_of(frame)->mapping;
	const struct mapping_lookup *lookup = m->lookups;
	uint32_t key = (uint32_t)args[1].i, found;
	size_t column = 0;

	(void)count;
	(void)user;
	while (lookup->name_id != (uint32_t)args[0].i)
		lookup++;
	if (args[1].is_null ||
		!index_find(&lookup->index, hash_u64(key), row_has_key, &key, lookup, &found))
		return value_null(VALUE_STRING);
	while (!slice_equal(
		lookup->columns.items[column], intern_text(&m->strings, (uint32_t)args[2].i)))
		column++;
	return text_or_null(lookup->cells[found * lookup->columns.count + column]);
}

static struct value run_replace(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	struct mapping_row *row = row_of(frame);
	struct slice text = mapping_text(row, args[0]), from = mapping_text(row, args[1]),
		     to = mapping_text(row, args[2]);
	struct buffer _cleanup_buffer_ out = { 0 };

	(void)count;
	(void)user;
	buffer_init(&out);
	if (args[0].is_null || !from.len)
		return args[0];
	while (text.len) {
		size_t step = slice_starts_with(text, from) ? from.len : 1;

		if (slice_starts_with(text, from))
			buffer_put(&out, to.at, to.len);
		else
			buffer_put(&out, text.at, 1);
		text = (struct slice){ text.at + step, text.len - step };
		if (out.len > CSV_ROW_BYTES_MAX) {
			mapping_reject(row, "replace makes a text longer than 1 MiB");
			return value_null(VALUE_STRING);
		}
	}
	return mapping_new_text(row, buffer_slice(&out));
}

/* part("a/b/c", "/", 2) is "b"; null when there is none. */
static struct value run_part(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	struct mapping_row *row = row_of(frame);
	struct slice text = mapping_text(row, args[0]), by = mapping_text(row, args[1]);
	int64_t left = args[2].i;

	(void)count;
	(void)user;
	if (args[0].is_null || !by.len || args[2].is_null || left < 1)
		return value_null(VALUE_STRING);
	for (;;) {
		const char *end = text.len ? memmem(text.at, text.len, by.at, by.len) : NULL;
		size_t length = end ? (size_t)(end - text.at) : text.len;

		if (--left == 0) {
			text = slice_trim((struct slice){ text.at, length });
			return text.len ? mapping_new_text(row, text) : value_null(VALUE_STRING);
		}
		if (!end)
			return value_null(VALUE_STRING);
		text = (struct slice){ end + by.len, text.len - length - by.len };
	}
}

static struct value run_line(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	(void)args;
	(void)count;
	(void)user;
	return value_of(VALUE_INT, (int64_t)row_of(frame)->line);
}

static struct value run_file(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	struct mapping_row *row = row_of(frame);
	const char *slash = strrchr(row->path, '/');

	(void)args;
	(void)count;
	(void)user;
	return mapping_new_text(row, slice_of(slash ? slash + 1 : row->path));
}

const struct expr_function mapping_functions[] = {
	{ "date", 1, 2, check_date, run_date, NULL },
	{ "local_day", 1, 1, check_day, run_local_day, NULL },
	{ "decimal", 1, 1, check_decimal, run_decimal, NULL },
	{ "rate", 1, 1, check_rate, run_rate, NULL },
	{ "int", 1, 1, check_int, run_int, NULL },
	{ "dur", 1, 2, check_texts_duration, run_duration, NULL },
	{ "milliseconds", 1, 1, check_milliseconds, run_milliseconds, NULL },
	{ "bool", 1, 1, check_texts_bool, run_bool, NULL },
	{ "hash", 1, 1, check_texts_text, run_hash, NULL },
	{ "phone", 1, 2, check_texts_text, run_phone, NULL },
	{ "map", 2, 2, check_texts_text, run_map, NULL },
	{ "lookup", 3, 3, check_texts_text, run_lookup, NULL },
	{ "replace", 3, 3, check_texts_text, run_replace, NULL },
	{ "part", 3, 3, check_part, run_part, NULL },
	{ "line", 0, 0, check_nothing_int, run_line, NULL },
	{ "file", 0, 0, check_nothing_text, run_file, NULL },
};
const size_t mapping_function_count = COUNT_OF(mapping_functions);
