#include "edge/csv.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/xalloc.h"

const char *const csv_encoding_names[] = { "utf-8", "latin-1", "iso-8859-1", "windows-1252",
	"cp1252", NULL };

int csv_encoding_find(struct slice name, enum csv_encoding *ret)
{
	static const struct {
		const char *name;
		enum csv_encoding encoding;
	} table[] = {
		{ "utf-8", CSV_UTF8 },
		{ "utf8", CSV_UTF8 },
		{ "utf-8-bom", CSV_UTF8 },
		{ "latin-1", CSV_LATIN1 },
		{ "latin1", CSV_LATIN1 },
		{ "iso-8859-1", CSV_LATIN1 },
		{ "windows-1252", CSV_WINDOWS1252 },
		{ "cp1252", CSV_WINDOWS1252 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (name.len == strlen(table[i].name) &&
			strncasecmp(name.at, table[i].name, name.len) == 0) {
			*ret = table[i].encoding;
			return 0;
		}
	}
	return 1;
}

/* ---- encodings ----------------------------------------------------------------------------------- */

/* 0x80 to 0x9f; where Windows leaves a place empty browsers keep the control character. */
static const uint16_t windows_1252[32] = { 0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020,
	0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d, 0x8f, 0x90, 0x2018, 0x2019,
	0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d, 0x17e,
	0x178 };

static void put_character(struct buffer *out, unsigned code)
{
	if (code < 0x80) {
		buffer_put_u8(out, (uint8_t)code);
	} else if (code < 0x800) {
		buffer_put_u8(out, (uint8_t)(0xc0 | code >> 6));
		buffer_put_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
	} else {
		buffer_put_u8(out, (uint8_t)(0xe0 | code >> 12));
		buffer_put_u8(out, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
		buffer_put_u8(out, (uint8_t)(0x80 | (code & 0x3f)));
	}
}

/* UTF-8 is put as it is: csv_next checks whole fields. */
static void put_bytes(enum csv_encoding encoding, const char *at, size_t count, struct buffer *out)
{
	if (encoding == CSV_UTF8) {
		buffer_put(out, at, count);
		return;
	}
	for (size_t i = 0; i < count; i++) {
		unsigned byte = (unsigned char)at[i];

		put_character(out, encoding == CSV_WINDOWS1252 && byte >= 0x80 && byte < 0xa0
					   ? windows_1252[byte - 0x80]
					   : byte);
	}
}

void csv_put_text(enum csv_encoding encoding, struct slice bytes, struct buffer *out)
{
	size_t step;

	assert(bytes.at || !bytes.len);
	if (encoding != CSV_UTF8 || utf8_valid(bytes.at ? bytes.at : "", bytes.len)) {
		put_bytes(encoding, bytes.at ? bytes.at : "", bytes.len, out);
		return;
	}
	for (size_t i = 0; i < bytes.len; i += step) {
		step = utf8_character(bytes.at + i, bytes.len - i);
		if (step)
			buffer_put(out, bytes.at + i, step);
		else
			put_character(out, 0xfffd);
		step += step == 0;
	}
}

void csv_put_field(struct slice text, struct buffer *out)
{
	bool quoted = false;

	for (size_t i = 0; i < text.len && !quoted; i++)
		quoted = text.at[i] == ',' || text.at[i] == '"' || text.at[i] == '\n' ||
			 text.at[i] == '\r';
	if (!quoted) {
		buffer_put(out, text.at, text.len);
		return;
	}
	buffer_put_text(out, "\"");
	for (size_t i = 0; i < text.len; i++)
		buffer_put(
			out, text.at[i] == '"' ? "\"\"" : &text.at[i], text.at[i] == '"' ? 2 : 1);
	buffer_put_text(out, "\"");
}

/* ---- reading ------------------------------------------------------------------------------------- */

static char guess_delimiter(struct slice bytes, char quote)
{
	static const char candidates[] = ",;\t|";
	size_t counts[sizeof(candidates)] = { 0 }, best = 0;
	bool inside = false;

	for (size_t i = 0;
		i < bytes.len && (inside || (bytes.at[i] != '\n' && bytes.at[i] != '\r')); i++) {
		const char *found = bytes.at[i] ? strchr(candidates, bytes.at[i]) : NULL;

		inside ^= bytes.at[i] == quote;
		if (found && !inside)
			counts[found - candidates]++;
	}
	for (size_t i = 1; i < sizeof(candidates) - 1; i++)
		if (counts[i] > counts[best])
			best = i;
	return candidates[best];
}

int csv_init(struct csv_reader *r, struct slice bytes, struct csv_format format,
	char ret_reason[CSV_REASON_MAX])
{
	memset(r, 0, sizeof(*r));
	if (slice_starts_with(bytes, SLICE_LIT("\xff\xfe")) ||
		slice_starts_with(bytes, SLICE_LIT("\xfe\xff"))) {
		snprintf(ret_reason, CSV_REASON_MAX,
			"the file is UTF-16; save it as UTF-8 (in Excel: «CSV UTF-8»)");
		return 1;
	}
	r->bytes = bytes;
	r->line = 1;
	r->format = format;
	if (!r->format.quote)
		r->format.quote = '"';
	if (format.encoding == CSV_UTF8 && slice_starts_with(bytes, SLICE_LIT("\xef\xbb\xbf")))
		r->at = 3;
	if (!format.delimiter)
		r->format.delimiter = guess_delimiter(
			(struct slice){ bytes.at + r->at, bytes.len - r->at }, r->format.quote);
	buffer_init(&r->text);
	return 0;
}

void csv_deinit(struct csv_reader *r)
{
	buffer_deinit(&r->text);
	free(r->fields);
	memset(r, 0, sizeof(*r));
}

void csv_seek(struct csv_reader *r, size_t offset, uint64_t line)
{
	r->at = offset;
	r->line = line;
}

static bool is_line_end(char c)
{
	return c == '\n' || c == '\r';
}

/* Passes over one line end if there is one here. */
static void skip_line_end(struct csv_reader *r)
{
	size_t begin = r->at;

	if (r->at < r->bytes.len && r->bytes.at[r->at] == '\r')
		r->at++;
	if (r->at < r->bytes.len && r->bytes.at[r->at] == '\n')
		r->at++;
	r->line += r->at > begin;
}

static void skip_line(struct csv_reader *r)
{
	while (r->at < r->bytes.len && !is_line_end(r->bytes.at[r->at]))
		r->at++;
}

static const char *read_plain(struct csv_reader *r)
{
	const char *at = r->bytes.at;
	size_t begin = r->at;

	while (r->at < r->bytes.len && at[r->at] != r->format.delimiter && !is_line_end(at[r->at]))
		r->at++;
	put_bytes(r->format.encoding, at + begin, r->at - begin, &r->text);
	return NULL;
}

static const char not_closed[] = "a quote is not closed";

/* Behind the opening quote, up to behind the closing one. */
static const char *read_quoted(struct csv_reader *r, size_t row_begin)
{
	const char *at = r->bytes.at;
	char quote = r->format.quote;

	for (;;) {
		size_t begin = r->at;

		while (r->at < r->bytes.len && at[r->at] != quote &&
			r->at - row_begin <= CSV_ROW_BYTES_MAX) {
			/* CRLF is one line end. */
			r->line += at[r->at] == '\n' ||
				   (at[r->at] == '\r' &&
					   (r->at + 1 >= r->bytes.len || at[r->at + 1] != '\n'));
			r->at++;
		}
		put_bytes(r->format.encoding, at + begin, r->at - begin, &r->text);
		if (r->at >= r->bytes.len || r->at - row_begin > CSV_ROW_BYTES_MAX)
			return not_closed;
		r->at++;
		if (r->at >= r->bytes.len || at[r->at] != quote)
			break;
		buffer_put_u8(&r->text, (uint8_t)quote);
		r->at++;
	}
	if (r->at < r->bytes.len && at[r->at] != r->format.delimiter && !is_line_end(at[r->at]))
		return "there is text behind a closing quote";
	return NULL;
}

/* One row; fields' places are offsets into text until all of it is there. NULL, or what is wrong. */
static const char *read_row(struct csv_reader *r, size_t row_begin)
{
	const char *reason = NULL;
	bool more = true;

	buffer_reset(&r->text);
	r->field_count = 0;
	while (more && !reason) {
		size_t begin = r->text.len;

		if (r->field_count == CSV_FIELDS_MAX)
			return "it has more than 1024 fields";
		X_GROW(r->fields, r->field_count, r->field_capacity);
		if (r->at < r->bytes.len && r->bytes.at[r->at] == r->format.quote) {
			r->at++;
			reason = read_quoted(r, row_begin);
		} else {
			reason = read_plain(r);
		}
		if (r->at - row_begin > CSV_ROW_BYTES_MAX && !reason)
			reason = "it is longer than 1 MiB";
		r->fields[r->field_count++] = (struct slice){ NULL, r->text.len - begin };
		more = !reason && r->at < r->bytes.len && r->bytes.at[r->at] == r->format.delimiter;
		r->at += more;
	}
	return reason;
}

static const char *finish_row(struct csv_reader *r)
{
	size_t begin = 0;

	buffer_text(&r->text); /* not NULL, even when all fields are empty */
	if (memchr(r->text.data, 0, r->text.len))
		return "there is a NUL byte in it";
	for (size_t i = 0; i < r->field_count; i++) {
		r->fields[i].at = (const char *)r->text.data + begin;
		begin += r->fields[i].len;
		/* Each by itself: the halves of a character in two fields are none. */
		if (r->format.encoding == CSV_UTF8 &&
			!utf8_valid(r->fields[i].at, r->fields[i].len))
			return "it is not valid UTF-8; perhaps the file is `encoding: "
			       "windows-1252`";
	}
	return NULL;
}

enum csv_answer csv_next(struct csv_reader *r, struct csv_row *ret, char ret_reason[CSV_REASON_MAX])
{
	while (r->at < r->bytes.len && is_line_end(r->bytes.at[r->at]))
		skip_line_end(r);
	if (r->at >= r->bytes.len)
		return CSV_END;

	size_t begin = r->at;
	uint64_t line = r->line;
	const char *reason = read_row(r, begin);

	if (reason == not_closed)
		/* It would swallow all that follows: only its first line is given up. */
		csv_seek(r, begin, line);
	if (reason)
		skip_line(r);
	else
		reason = finish_row(r);
	*ret = (struct csv_row){ r->fields, r->field_count, line,
		{ r->bytes.at + begin, r->at - begin } };
	skip_line_end(r);
	if (!reason)
		return CSV_ROW;
	ret->count = 0;
	snprintf(ret_reason, CSV_REASON_MAX, "%s", reason);
	return CSV_BAD;
}
