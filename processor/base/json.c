#include "base/json.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

struct json json_of(struct buffer *out)
{
	return (struct json){ .out = out };
}

static uint64_t level_bit(const struct json *j)
{
	return (uint64_t)1 << (j->depth - 1);
}

/* A comma when there is an item before this one. */
static void separate(struct json *j)
{
	if (j->depth == 0)
		return;
	if (j->has_items & level_bit(j))
		buffer_put_u8(j->out, ',');
	j->has_items |= level_bit(j);
}

/* What every value begins with: behind a key nothing, in an array perhaps a comma. */
static void begin_value(struct json *j)
{
	if (j->after_key) {
		j->after_key = false;
		return;
	}
	assert(j->depth == 0 || !(j->is_object & level_bit(j)));
	separate(j);
}

static void open_level(struct json *j, bool is_object)
{
	begin_value(j);
	assert(j->depth < JSON_DEPTH_MAX);
	j->depth++;
	j->has_items &= ~level_bit(j);
	j->is_object = is_object ? j->is_object | level_bit(j) : j->is_object & ~level_bit(j);
	buffer_put_u8(j->out, is_object ? '{' : '[');
}

static void close_level(struct json *j, bool is_object)
{
	assert(j->depth > 0 && !j->after_key && !!(j->is_object & level_bit(j)) == is_object);
	j->depth--;
	buffer_put_u8(j->out, is_object ? '}' : ']');
}

void json_begin_object(struct json *j)
{
	open_level(j, true);
}

void json_end_object(struct json *j)
{
	close_level(j, true);
}

void json_begin_array(struct json *j)
{
	open_level(j, false);
}

void json_end_array(struct json *j)
{
	close_level(j, false);
}

static void put_escaped(struct buffer *out, unsigned char c)
{
	static const char letters[] = "\b\f\n\r\t\"\\";
	static const char names[] = "bfnrt\"\\";
	const char *found = c ? strchr(letters, c) : NULL;

	if (found)
		buffer_printf(out, "\\%c", names[found - letters]);
	else
		buffer_printf(out, "\\u%04x", c);
}

static void put_quoted(struct buffer *out, struct slice text)
{
	size_t done = 0; /* bytes before this are written */

	buffer_put_u8(out, '"');
	for (size_t i = 0; i < text.len;) {
		unsigned char c = (unsigned char)text.at[i];
		size_t length = utf8_character(text.at + i, text.len - i);

		if (length && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f) {
			i += length;
			continue;
		}
		buffer_put(out, text.at + done, i - done);
		if (length)
			put_escaped(out, c);
		else
			buffer_put_text(out, "\xef\xbf\xbd");
		done = ++i;
	}
	buffer_put(out, text.at ? text.at + done : NULL, text.len - done);
	buffer_put_u8(out, '"');
}

void json_key_slice(struct json *j, struct slice name)
{
	assert(j->depth > 0 && !j->after_key && (j->is_object & level_bit(j)));
	separate(j);
	put_quoted(j->out, name);
	buffer_put_u8(j->out, ':');
	j->after_key = true;
}

void json_key(struct json *j, const char *name)
{
	json_key_slice(j, slice_of(name));
}

void json_put_string(struct json *j, struct slice text)
{
	begin_value(j);
	put_quoted(j->out, text);
}

void json_put_int(struct json *j, int64_t value)
{
	begin_value(j);
	buffer_printf(j->out, "%lld", (long long)value);
}

void json_put_double(struct json *j, double value)
{
	char text[40];

	if (!isfinite(value)) {
		json_put_null(j);
		return;
	}
	begin_value(j);
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		double back = strtod(text, NULL);

		if (memcmp(&back, &value, sizeof(back)) == 0)
			break;
	}
	buffer_put_text(j->out, text);
}

void json_put_decimal(struct json *j, i128 units, int digits_min)
{
	char text[DECIMAL_TEXT_MAX];

	begin_value(j);
	buffer_put(j->out, text, decimal_format(units, digits_min, text, sizeof(text)));
}

void json_put_bool(struct json *j, bool value)
{
	begin_value(j);
	buffer_put_text(j->out, value ? "true" : "false");
}

void json_put_null(struct json *j)
{
	begin_value(j);
	buffer_put_text(j->out, "null");
}

void json_put_raw(struct json *j, struct slice text)
{
	begin_value(j);
	buffer_put(j->out, text.at, text.len);
}
