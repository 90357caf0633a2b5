/* settings_value: the text of one setting -> its value, and back. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/json.h"
#include "base/nearest.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "edge/settings_inside.h"

enum { SECRET_BYTES_MAX = 65536, CHOICES_MAX = 16 };

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

bool settings_name_is_secret(struct slice name)
{
	static const char *const words[] = { "password", "secret", "key", "token", "credential",
		"jaas" };

	for (size_t i = 0; i < COUNT_OF(words); i++)
		for (size_t at = 0; at + strlen(words[i]) <= name.len; at++)
			if (strncasecmp(name.at + at, words[i], strlen(words[i])) == 0)
				return true;
	return false;
}

/* ---- numbers and units ---------------------------------------------------------------------- */

static const struct byte_unit {
	const char *name;
	int64_t bytes;
} byte_units[] = {
	{ "TiB", INT64_C(1) << 40 },
	{ "GiB", INT64_C(1) << 30 },
	{ "MiB", INT64_C(1) << 20 },
	{ "KiB", INT64_C(1) << 10 },
	{ "TB", INT64_C(1000000000000) },
	{ "GB", INT64_C(1000000000) },
	{ "MB", INT64_C(1000000) },
	{ "kB", INT64_C(1000) },
	{ "B", 1 },
	{ "", 1 },
};

static bool digits_parse(struct slice text, int64_t *ret, struct slice *ret_rest)
{
	size_t length = 0;
	int64_t number = 0;

	while (length < text.len && text.at[length] >= '0' && text.at[length] <= '9') {
		if (__builtin_mul_overflow(number, 10, &number) ||
			__builtin_add_overflow(number, text.at[length] - '0', &number))
			return false;
		length++;
	}
	*ret = number;
	*ret_rest = (struct slice){ text.at + length, text.len - length };
	return length > 0;
}

bool settings_bytes_parse(struct slice text, int64_t *ret_bytes)
{
	struct slice unit;
	int64_t number;

	if (!digits_parse(text, &number, &unit))
		return false;
	unit = slice_trim(unit);
	for (size_t i = 0; i < COUNT_OF(byte_units); i++)
		if (slice_is(unit, byte_units[i].name))
			return !__builtin_mul_overflow(number, byte_units[i].bytes, ret_bytes);
	return false;
}

static void print_bytes(int64_t bytes, struct buffer *out)
{
	for (size_t i = 0; i < 4; i++)
		if (bytes && bytes % byte_units[i].bytes == 0) {
			buffer_printf(out, "%" PRId64 "%s", bytes / byte_units[i].bytes,
				byte_units[i].name);
			return;
		}
	buffer_printf(out, "%" PRId64, bytes);
}

static void print_number(const struct setting_row *row, int64_t number, struct buffer *out)
{
	char text[TIME_TEXT_MAX];

	if (row->type == SETTING_BYTES)
		print_bytes(number, out);
	else if (row->type == SETTING_DURATION)
		buffer_put_text(out, duration_format(number, text));
	else
		buffer_printf(out, "%" PRId64, number);
}

static bool number_parse(const struct setting_row *row, const char *text, int64_t *ret)
{
	struct slice rest;

	if (row->type == SETTING_DURATION)
		return duration_parse(slice_of(text), ret);
	if (row->type == SETTING_BYTES)
		return settings_bytes_parse(slice_of(text), ret);
	return digits_parse(slice_of(text), ret, &rest) && rest.len == 0;
}

static int put_number(
	const struct setting_row *row, const char *text, int64_t *to, struct buffer *ret_reason)
{
	bool limited = row->min != 0 || row->max != 0;
	int64_t number = 0;

	if (number_parse(row, text, &number) &&
		(!limited || (number >= row->min && number <= row->max))) {
		*to = number;
		return 0;
	}
	buffer_printf(ret_reason, "%s wants %s", row->name,
		row->type == SETTING_DURATION ? "a duration with its unit (ms s m h d w)"
		: row->type == SETTING_BYTES  ? "a size (64MiB, 1GiB)"
					      : "a whole number");
	if (limited) {
		buffer_put_text(ret_reason, " from ");
		print_number(row, row->min, ret_reason);
		buffer_put_text(ret_reason, " to ");
		print_number(row, row->max, ret_reason);
	}
	return 1;
}

/* ---- words ---------------------------------------------------------------------------------- */

static const struct {
	const char *word;
	bool value;
} bool_words[] = {
	{ "true", true },
	{ "false", false },
	{ "yes", true },
	{ "no", false },
	{ "on", true },
	{ "off", false },
	{ "1", true },
	{ "0", false },
};

bool settings_is_bool(const char *text)
{
	for (size_t i = 0; i < COUNT_OF(bool_words); i++)
		if (strcmp(text, bool_words[i].word) == 0)
			return true;
	return false;
}

static int put_bool(
	const struct setting_row *row, const char *text, bool *to, struct buffer *ret_reason)
{
	for (size_t i = 0; i < COUNT_OF(bool_words); i++)
		if (strcmp(text, bool_words[i].word) == 0) {
			*to = bool_words[i].value;
			return 0;
		}
	buffer_printf(ret_reason, "%s wants true or false", row->name);
	return 1;
}

static int put_choice(
	const struct setting_row *row, const char *text, const char **to, struct buffer *ret_reason)
{
	char choices[CHOICES_MAX][NEAREST_NAME_MAX];
	const char *names[CHOICES_MAX], *near;
	size_t count = 0, length;

	for (const char *at = row->unit; *at && count < CHOICES_MAX;
		at += length + (at[length] == '|')) {
		length = strcspn(at, "|");
		snprintf(choices[count], sizeof(choices[count]), "%.*s", (int)length, at);
		names[count] = choices[count];
		if (strcmp(choices[count++], text) == 0) {
			*to = text;
			return 0;
		}
	}
	near = nearest_name(slice_of(text), names, count);
	buffer_printf(ret_reason, "%s wants %s%s%s%s%s", row->name, count > 1 ? "one of " : "",
		row->unit, near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
	return 1;
}

static int put_decimal(
	const struct setting_row *row, const char *text, double *to, struct buffer *ret_reason)
{
	bool limited = row->min != 0 || row->max != 0;
	int64_t units;

	if (decimal_parse(slice_of(text), &units)) {
		double number = decimal_to_double(units);

		if (!limited || (number >= (double)row->min && number <= (double)row->max)) {
			*to = number;
			return 0;
		}
	}
	buffer_printf(ret_reason, "%s wants a number", row->name);
	if (limited)
		buffer_printf(ret_reason, " from %" PRId64 " to %" PRId64, row->min, row->max);
	return 1;
}

int settings_parse_value(
	const struct setting_row *row, const char *text, void *to, struct buffer *ret_reason)
{
	switch (row->type) {
	case SETTING_STRING:
		*(const char **)to = text;
		return 0;
	case SETTING_CHOICE:
		return put_choice(row, text, to, ret_reason);
	case SETTING_INT:
	case SETTING_DURATION:
	case SETTING_BYTES:
		return put_number(row, text, to, ret_reason);
	case SETTING_BOOL:
		return put_bool(row, text, to, ret_reason);
	case SETTING_DECIMAL:
		return put_decimal(row, text, to, ret_reason);
	}
	return 1;
}

/* As a YAML scalar: bare where nothing in it could mean something else. */
static void print_text(const char *text, struct buffer *out)
{
	bool bare = text[0] != '\0' && !strchr("-?:,.~", text[0]) && strcmp(text, "null") != 0;

	for (const char *at = text; *at && bare; at++)
		bare = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
		       (*at >= '0' && *at <= '9') || strchr("._/+-@", *at) ||
		       (*at == ':' && at[1] != '\0' && at[1] != ' ') || *at == ',';
	if (bare) {
		buffer_put_text(out, text);
	} else {
		struct json json = json_of(out);

		json_put_string(&json, slice_of(text));
	}
}

void settings_print_value(const struct setting_row *row, const void *from, struct buffer *out)
{
	char text[DECIMAL_TEXT_MAX];

	switch (row->type) {
	case SETTING_STRING:
	case SETTING_CHOICE:
		print_text(*(const char *const *)from, out);
		break;
	case SETTING_INT:
	case SETTING_DURATION:
	case SETTING_BYTES:
		print_number(row, *(const int64_t *)from, out);
		break;
	case SETTING_BOOL:
		buffer_put_text(out, *(const bool *)from ? "true" : "false");
		break;
	case SETTING_DECIMAL:
		snprintf(text, sizeof(text), "%.4g", *(const double *)from);
		buffer_put_text(out, text);
		break;
	}
}

/* ---- file: and env: ------------------------------------------------------------------------- */

/* NULL: it cannot be, and why is said. */
static const char *read_secret(
	struct settings_loader *l, const struct settings_where *where, const char *path)
{
	char *bytes = arena_alloc(&l->kept->arena, SECRET_BYTES_MAX + 1);
	FILE _cleanup_fclose_ *file = fopen(path, "rb");
	size_t length = file ? fread(bytes, 1, SECRET_BYTES_MAX + 1, file) : 0;

	if (!file || ferror(file)) {
		settings_complain(l, where, "%s: %s", path, strerror(errno));
		return NULL;
	}
	if (length > SECRET_BYTES_MAX || memchr(bytes, '\0', length)) {
		settings_complain(l, where, "%s: is no text of at most 64 KiB", path);
		return NULL;
	}
	while (length && (bytes[length - 1] == '\n' || bytes[length - 1] == '\r'))
		length--;
	bytes[length] = '\0';
	return bytes;
}

/* The text that is meant: what stands there, or what the file or variable that it names holds. NULL: there is none, and why is said. */
static const char *follow(struct settings_loader *l, struct settings_where *where)
{
	const char *value = where->value, *found;

	if (strncmp(value, "file:", 5) == 0) {
		where->hidden = true;
		return read_secret(l, where, value + 5);
	}
	if (strncmp(value, "env:", 4) != 0)
		return value;
	where->hidden = true;
	found = getenv(value + 4);
	if (found)
		return settings_keep(l, slice_of(found));
	settings_complain(l, where, "the environment has no variable «%s»", value + 4);
	return NULL;
}

int settings_put(struct settings_loader *l, enum settings_id id, const struct settings_where *said)
{
	const struct setting_row *row = &settings_rows[id];
	struct settings_where where = *said;
	struct buffer _cleanup_buffer_ reason;
	const char *text = follow(l, &where);

	buffer_init(&reason);
	if (!text)
		return 1;
	where.hidden = where.hidden || row->secret || settings_name_is_secret(slice_of(row->name));
	if (settings_parse_value(row, text, (char *)l->settings + row->offset, &reason)) {
		const char *wants = buffer_text(&reason), *near = strstr(wants, "; the nearest");
		size_t length = near ? (size_t)(near - wants) : strlen(wants);

		if (where.hidden)
			return settings_complain(l, &where, "%.*s", (int)length, wants);
		return settings_complain(
			l, &where, "%.*s, not «%s»%s", (int)length, wants, text, near ? near : "");
	}
	l->kept->where[id] = where;
	return 0;
}

/* ---- properties of librdkafka --------------------------------------------------------------- */

/* A property that is said again goes to the end: the library has several names for some, and takes the last. */
static void remove_property(struct settings_loader *l, const char *name)
{
	struct settings *s = l->settings;

	for (size_t i = 0; i < s->kafka_property_count; i++)
		if (strcmp(s->kafka_properties[i].name, name) == 0) {
			size_t behind = --s->kafka_property_count - i;

			memmove(&s->kafka_properties[i], &s->kafka_properties[i + 1],
				behind * sizeof(s->kafka_properties[0]));
			memmove(&l->kept->property_where[i], &l->kept->property_where[i + 1],
				behind * sizeof(l->kept->property_where[0]));
			return;
		}
}

int settings_put_property(
	struct settings_loader *l, struct slice property, const struct settings_where *said)
{
	struct settings *s = l->settings;
	struct settings_where where = *said;
	struct buffer _cleanup_buffer_ reason;
	const char *name = settings_keep(l, property), *text;

	buffer_init(&reason);
	where.hidden = where.hidden || settings_name_is_secret(property);
	text = follow(l, &where);
	if (!text)
		return 1;
	if (settings_property_check(name, text, where.hidden, &reason))
		return settings_complain(l, &where, "%s", buffer_text(&reason));
	remove_property(l, name);
	X_GROW(s->kafka_properties, s->kafka_property_count, l->kept->property_capacity);
	X_GROW(l->kept->property_where, s->kafka_property_count, l->kept->property_where_capacity);
	l->kept->property_where[s->kafka_property_count] = where;
	s->kafka_properties[s->kafka_property_count++] =
		(struct settings_property){ name, text, where.hidden };
	return 0;
}
