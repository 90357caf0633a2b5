/* Numbers and names for people, in Indonesian and English. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "edge/top_inside.h"

/* ---- numbers ---------------------------------------------------------------------------------------------------------------- */

/* printf's number with the language's decimal sign and thousands signs. */
static void put_number(double value, int digits, enum top_language language, struct buffer *out)
{
	char text[400];
	int length = snprintf(text, sizeof(text), "%.*f", digits, fabs(value));
	int whole = length - (digits > 0 ? digits + 1 : 0);
	char group = language == TOP_ID ? '.' : ',', point = language == TOP_ID ? ',' : '.';
	bool is_zero = strspn(text, "0.") == (size_t)length;

	if (value < 0 && !is_zero)
		buffer_put_text(out, "-");
	for (int i = 0; i < whole; i++) {
		buffer_put_u8(out, (uint8_t)text[i]);
		if ((whole - i - 1) % 3 == 0 && i + 1 < whole)
			buffer_put_u8(out, (uint8_t)group);
	}
	if (digits > 0) {
		buffer_put_u8(out, (uint8_t)point);
		buffer_put(out, text + whole + 1, (size_t)digits);
	}
}

struct magnitude {
	double size;
	const char *words[2];
};
static const struct magnitude magnitudes[] = {
	{ 1e12, { " triliun", " tn" } },
	{ 1e9, { " miliar", " bn" } },
	{ 1e6, { " juta", " m" } },
	{ 1e3, { " ribu", " k" } },
};

static int digits_of(double value)
{
	return value < 9.995 ? 2 : value < 99.95 ? 1 : 0;
}

/* Three significant digits and a word; what rounds up to a thousand takes the greater word. */
static void put_scaled(double value, enum top_language language, struct buffer *out)
{
	for (size_t i = 0; i < sizeof(magnitudes) / sizeof(magnitudes[0]); i++) {
		double scaled = fabs(value) / magnitudes[i].size;
		if (scaled < 0.9995)
			continue;
		put_number(value / magnitudes[i].size, digits_of(scaled), language, out);
		buffer_put_text(out, magnitudes[i].words[language]);
		return;
	}
	put_number(value, 0, language, out);
}

static void put_duration(double seconds, struct buffer *out)
{
	long long all = llround(fabs(seconds) < 1e15 ? fabs(seconds) : 1e15);

	if (all >= 3600)
		buffer_printf(out, "%s%lld:%02lld:%02lld", seconds < 0 ? "-" : "", all / 3600,
			all / 60 % 60, all % 60);
	else
		buffer_printf(out, "%s%lld:%02lld", seconds < 0 ? "-" : "", all / 60, all % 60);
}

void top_format_value(double value, const char *unit, struct slice currency,
	enum top_language language, struct buffer *out)
{
	if (!isfinite(value)) {
		buffer_put_text(out, "–");
	} else if (strcmp(unit, "CURRENCY") == 0) {
		if (slice_is(currency, "IDR"))
			buffer_put_text(out, "Rp ");
		else if (currency.len > 0)
			buffer_printf(out, SLICE_FMT " ", SLICE_ARG(currency));
		put_scaled(value, language, out);
	} else if (strcmp(unit, "PERCENT") == 0) {
		put_number(value, 1, language, out);
		buffer_put_text(out, " %");
	} else if (strcmp(unit, "SECONDS") == 0) {
		put_duration(value, out);
	} else if (strcmp(unit, "DAYS") == 0) {
		put_number(value, 1, language, out);
		buffer_put_text(out, language == TOP_ID ? " hari" : " days");
	} else if (strcmp(unit, "COUNT") == 0 && fabs(value) < 1e7) {
		put_number(value, fabs(value - nearbyint(value)) > 1e-9 ? 1 : 0, language, out);
	} else if (strcmp(unit, "COUNT") == 0) {
		put_scaled(value, language, out);
	} else {
		put_number(value, 2, language, out);
	}
}

/* Why there is no value. */
static const char *reason(const char *state, enum top_language language)
{
	static const struct {
		const char *state, *words[2];
	} reasons[] = {
		{ "NO_DATA", { "– belum ada", "– no data" } },
		{ "ZERO_DENOMINATOR", { "– pembagi 0", "– none yet" } },
		{ "NO_BASE", { "– tanpa basis", "– no base" } },
		{ "FX_MISSING", { "– tanpa kurs", "– no rate" } },
		{ "LOW_SAMPLE", { "– sampel kecil", "– few samples" } },
		{ "PARTIAL", { "– belum utuh", "– partial" } },
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(reasons[i].state, state) == 0)
			return reasons[i].words[language];
	return "–";
}

void top_format_row(const struct top *top, const struct top_row *row, enum top_language language,
	struct buffer *out)
{
	if (row == NULL) {
		buffer_put_text(out, "–");
		return;
	}
	if (!row->has_value) {
		buffer_put_text(out, reason(row->state, language));
		return;
	}
	if (strcmp(row->state, "PARTIAL") == 0)
		buffer_put_text(out, "~");
	top_format_value(
		row->value, row->unit, intern_text(&top->texts, row->key.currency), language, out);
}

void top_format_change(double pct, enum top_language language, struct buffer *out)
{
	double size = fabs(pct);

	if (!isfinite(pct))
		return;
	if (size < 0.05) {
		buffer_put_text(out, "=");
		return;
	}
	buffer_put_text(out, pct > 0 ? "▲" : "▼");
	if (size >= 999.5) {
		buffer_put_text(out, "999+");
		return;
	}
	put_number(size, size < 9.95 ? 1 : 0, language, out);
	buffer_put_text(out, "%");
}

void top_format_age(double seconds, enum top_language language, struct buffer *out)
{
	double age = seconds < 0 ? 0 : seconds;

	if (age < 9.95)
		put_number(age, 1, language, out);
	else
		put_number(age < 90	  ? age
			   : age < 5400	  ? age / 60
			   : age < 129600 ? age / 3600
					  : age / 86400,
			0, language, out);
	buffer_put_text(out, age < 90		  ? language == TOP_ID ? " dtk" : " s"
			     : age < 5400	  ? language == TOP_ID ? " mnt" : " min"
			     : age < 129600	  ? language == TOP_ID ? " jam" : " h"
			     : language == TOP_ID ? " hari"
						  : " days");
}

/* ---- texts ------------------------------------------------------------------------------------------------------------------ */

static uint32_t code_point(const char *at, size_t length)
{
	const unsigned char *b = (const unsigned char *)at;
	uint32_t code = length == 1 ? b[0] : (uint32_t)(b[0] & (0x7f >> length));

	for (size_t i = 1; i < length; i++)
		code = code << 6 | (b[i] & 0x3f);
	return code;
}

/* Marks that stand on the letter before take no column; East Asian characters and emoji take two. */
static unsigned width_of(uint32_t code)
{
	if ((code >= 0x300 && code <= 0x36f) || (code >= 0x200b && code <= 0x200f) ||
		code == 0xfe0f)
		return 0;
	return (code >= 0x1100 && code <= 0x115f) || (code >= 0x2e80 && code <= 0xa4cf) ||
			       (code >= 0xac00 && code <= 0xd7a3) ||
			       (code >= 0xf900 && code <= 0xfaff) ||
			       (code >= 0xfe30 && code <= 0xfe6f) ||
			       (code >= 0xff00 && code <= 0xff60) ||
			       (code >= 0x1f300 && code <= 0x1faff) ||
			       (code >= 0x20000 && code <= 0x3fffd)
		       ? 2
		       : 1;
}

/* What may not reach a terminal: control characters of both sets, and marks that turn the direction of writing. */
static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x202a && code <= 0x202e) ||
	       (code >= 0x2066 && code <= 0x2069) || code == 0x2028 || code == 0x2029;
}

/* The next character of a text: its bytes, and its columns; 0 bytes at the end. */
static size_t next_character(struct slice text, unsigned *ret_width, bool *ret_is_shown)
{
	size_t length = text.len > 0 ? utf8_character(text.at, text.len) : 0;

	*ret_is_shown = length > 0 && !is_control(code_point(text.at, length));
	*ret_width = *ret_is_shown ? width_of(code_point(text.at, length)) : 1;
	return length > 0 ? length : text.len > 0;
}

unsigned top_text_width(struct slice text)
{
	unsigned width = 0, one;
	bool is_shown;

	for (size_t length; (length = next_character(text, &one, &is_shown)) > 0;
		text.at += length, text.len -= length)
		width += one;
	return width;
}

void top_put_clean(struct slice text, unsigned width, struct buffer *out)
{
	bool is_cut = top_text_width(text) > width, is_shown;
	unsigned room = is_cut && width > 0 ? width - 1 : width, one;

	for (size_t length; (length = next_character(text, &one, &is_shown)) > 0 && one <= room;
		text.at += length, text.len -= length, room -= one) {
		if (is_shown)
			buffer_put(out, text.at, length);
		else
			buffer_put_text(out, "?");
	}
	if (is_cut && width > 0)
		buffer_put_text(out, "…");
}

void top_put_name(struct slice id, struct buffer *out)
{
	const char *slash = id.len > 0 ? memrchr(id.at, '/', id.len) : NULL;
	size_t digits = 0;

	if (slash != NULL)
		id = (struct slice){ slash + 1, id.len - (size_t)(slash + 1 - id.at) };
	while (digits < id.len && id.at[digits] >= '0' && id.at[digits] <= '9')
		digits++;
	if (digits > 0 && digits + 1 < id.len && strchr("-_.", id.at[digits]) != NULL)
		id = (struct slice){ id.at + digits + 1, id.len - digits - 1 };
	for (size_t i = 0; i < id.len; i++) {
		char c = id.at[i] == '_' ? ' ' : id.at[i];
		buffer_put_u8(out, (uint8_t)(i == 0 && c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c));
	}
}
