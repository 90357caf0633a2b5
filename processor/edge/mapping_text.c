/* The texts that exports hold: dates by formats, numbers with separators and signs, durations, telephone numbers. */
#include <string.h>

#include "base/decimal.h"
#include "base/timefmt.h"
#include "edge/mapping_inside.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static void drop(struct slice *text, size_t count)
{
	*text = (struct slice){ text->at + count, text->len - count };
}

static bool take_number(struct slice *text, size_t digits_max, int64_t *ret)
{
	size_t count = 0;
	int64_t value = 0;

	while (count < digits_max && count < text->len && is_digit(text->at[count]))
		value = value * 10 + (text->at[count++] - '0');
	if (!count)
		return false;
	drop(text, count);
	*ret = value;
	return true;
}

/* ---- dates --------------------------------------------------------------------------------------- */

struct parts {
	int64_t year, month, day, hour, minute, second, ms;
	int64_t offset_ms, epoch_ms;
	bool has_offset, is_epoch, is_twelve, is_afternoon;
};

static const char *const month_names[][12] = {
	{ "january", "february", "march", "april", "may", "june", "july", "august", "september",
		"october", "november", "december" },
	{ "januari", "februari", "maret", "april", "mei", "juni", "juli", "agustus", "september",
		"oktober", "november", "desember" },
	{ "jan", "feb", "mar", "apr", "may", "jun", "jul", "agt", "sep", "oct", "nov", "dec" },
};

/* At least three letters of the beginning of an English or Indonesian name, and a point perhaps. */
static bool take_month(struct slice *text, int64_t *ret)
{
	size_t count = 0;

	while (count < text->len && is_letter(text->at[count]))
		count++;
	for (size_t list = 0; list < 3 && count >= 3; list++) {
		for (size_t month = 0; month < 12; month++) {
			if (count <= strlen(month_names[list][month]) &&
				strncasecmp(text->at, month_names[list][month], count) == 0) {
				drop(text, count);
				if (text->len && *text->at == '.')
					drop(text, 1);
				*ret = (int64_t)month + 1;
				return true;
			}
		}
	}
	return false;
}

static bool take_letters(struct slice *text)
{
	size_t count = 0;

	while (count < text->len && (is_letter(text->at[count]) || (text->at[count] & 0x80)))
		count++;
	drop(text, count);
	return count > 0;
}

static bool take_half(struct slice *text, struct parts *p)
{
	if (text->len < 2 || (text->at[1] != 'M' && text->at[1] != 'm') ||
		!strchr("AaPp", *text->at))
		return false;
	p->is_twelve = true;
	p->is_afternoon = *text->at == 'P' || *text->at == 'p';
	drop(text, 2);
	return true;
}

static bool take_fraction(struct slice *text, int64_t *ret_ms)
{
	int64_t scale = 100;
	size_t count = 0;

	*ret_ms = 0;
	for (; count < text->len && is_digit(text->at[count]); count++, scale /= 10)
		*ret_ms += (text->at[count] - '0') * scale;
	drop(text, count);
	return count > 0;
}

static bool take_offset(struct slice *text, struct parts *p)
{
	int64_t hours, minutes = 0;
	bool west = text->len && *text->at == '-';

	p->has_offset = true;
	if (text->len && (*text->at == 'Z' || *text->at == 'z')) {
		drop(text, 1);
		return true;
	}
	if (!text->len || (*text->at != '+' && !west))
		return false;
	drop(text, 1);
	if (!take_number(text, 2, &hours))
		return false;
	if (text->len && *text->at == ':')
		drop(text, 1);
	if (text->len && is_digit(*text->at) && !take_number(text, 2, &minutes))
		return false;
	p->offset_ms = (hours * 60 + minutes) * (west ? -60000 : 60000);
	return hours <= 23 && minutes <= 59;
}

static bool take_epoch(struct slice *text, struct parts *p, int64_t unit_ms)
{
	bool negative = text->len && *text->at == '-';
	int64_t value;

	if (negative)
		drop(text, 1);
	if (!take_number(text, 14, &value))
		return false;
	p->is_epoch = true;
	p->epoch_ms = value * unit_ms * (negative ? -1 : 1);
	return true;
}

static bool take_year(struct slice *text, struct parts *p)
{
	size_t before = text->len;

	return take_number(text, 4, &p->year) && before - text->len == 4;
}

static bool take_year_of_two(struct slice *text, struct parts *p)
{
	if (!take_number(text, 2, &p->year))
		return false;
	p->year += p->year < 70 ? 2000 : 1900;
	return true;
}

static bool take_directive(char directive, struct slice *text, struct parts *p)
{
	switch (directive) {
	case 'Y':
		return take_year(text, p);
	case 'y':
		return take_year_of_two(text, p);
	case 'm':
		return take_number(text, 2, &p->month);
	case 'b':
	case 'B':
		return take_month(text, &p->month);
	case 'd':
	case 'e':
		return take_number(text, 2, &p->day);
	case 'H':
		return take_number(text, 2, &p->hour);
	case 'I':
		p->is_twelve = true;
		return take_number(text, 2, &p->hour);
	case 'M':
		return take_number(text, 2, &p->minute);
	case 'S':
		return take_number(text, 2, &p->second);
	case 'f':
		return take_fraction(text, &p->ms);
	case 'p':
		return take_half(text, p);
	case 'z':
		return take_offset(text, p);
	case 'a':
	case 'A':
		return take_letters(text);
	case 's':
		return take_epoch(text, p, 1000);
	case 'Q':
		return take_epoch(text, p, 1);
	default:
		return false;
	}
}

#define DIRECTIVES "YymbBdeHIMSfpzaAsQ"

const char *mapping_check_date_format(struct slice format)
{
	if (slice_is(format, "excel"))
		return NULL;
	if (!format.len || !memchr(format.at, '%', format.len))
		return "a date format has parts like %Y-%m-%d, or is the word excel";
	for (size_t i = 0; i < format.len; i++) {
		if (format.at[i] != '%')
			continue;
		i++;
		if (i >= format.len || !format.at[i] || !strchr(DIRECTIVES "%", format.at[i]))
			return "date formats have %Y %y %m %b %d %H %I %p %M %S %f (fraction) %z "
			       "(offset) "
			       "%a (weekday) %s (seconds since 1970) %Q (milliseconds) %%";
	}
	return NULL;
}

static bool take_format(struct slice text, struct slice format, struct parts *p)
{
	for (size_t i = 0; i < format.len; i++) {
		if (format.at[i] == '%' && i + 1 < format.len && format.at[i + 1] != '%') {
			if (!take_directive(format.at[++i], &text, p))
				return false;
			continue;
		}
		i += format.at[i] == '%';
		if (i >= format.len || !text.len || *text.at != format.at[i])
			return false;
		drop(&text, 1);
		while (format.at[i] == ' ' && text.len && *text.at == ' ')
			drop(&text, 1);
	}
	return text.len == 0;
}

static bool finish_date(struct parts *p, const struct zone *zone, int64_t *ret_ms)
{
	if (p->is_epoch) {
		*ret_ms = p->epoch_ms;
		return true;
	}
	if (p->is_twelve) {
		if (p->hour < 1 || p->hour > 12)
			return false;
		p->hour = p->hour % 12 + (p->is_afternoon ? 12 : 0);
	}
	if (p->year < 1 || p->month < 1 || p->month > 12 || p->day < 1 ||
		p->day > days_in_month((int)p->year, (unsigned)p->month) || p->hour > 23 ||
		p->minute > 59 || p->second > 59)
		return false;

	int64_t local_ms =
		days_from_civil((int)p->year, (unsigned)p->month, (unsigned)p->day) * 86400000 +
		((p->hour * 60 + p->minute) * 60 + p->second) * 1000 + p->ms;

	*ret_ms = p->has_offset ? local_ms - p->offset_ms : zone_from_local(zone, local_ms);
	return true;
}

/* Days since 1899-12-30 with a fraction, as spreadsheets keep them. */
static bool parse_excel(struct slice text, const struct zone *zone, int64_t *ret_ms)
{
	enum { EPOCH_DAYS = -25569 };
	int64_t days, part = 0, scale = 1;

	if (!take_number(&text, 7, &days))
		return false;
	if (text.len && (*text.at == '.' || *text.at == ',')) {
		drop(&text, 1);
		while (text.len && is_digit(*text.at)) {
			if (scale < INT64_C(1000000000)) {
				part = part * 10 + (*text.at - '0');
				scale *= 10;
			}
			drop(&text, 1);
		}
	}
	if (text.len)
		return false;
	*ret_ms = zone_from_local(
		zone, (days + EPOCH_DAYS) * 86400000 +
			      (int64_t)i128_div_half_even((i128)part * 86400000, scale));
	return true;
}

bool mapping_parse_date(struct slice text, const struct mapping_words *formats,
	const struct zone *zone, int64_t *ret_ms)
{
	text = slice_trim(text);
	for (size_t i = 0; i < formats->count; i++) {
		struct parts p = { .day = 1, .month = 1, .year = 1970 };

		if (slice_is(formats->items[i], "excel")
				? parse_excel(text, zone, ret_ms)
				: take_format(text, formats->items[i], &p) &&
					  finish_date(&p, zone, ret_ms))
			return true;
	}
	return false;
}

/* ---- numbers ------------------------------------------------------------------------------------- */

static bool take_prefix(struct slice *text, struct slice prefix)
{
	if (!prefix.len || !slice_starts_with(*text, prefix))
		return false;
	drop(text, prefix.len);
	return true;
}

static bool take_suffix(struct slice *text, struct slice suffix)
{
	if (!suffix.len || text->len < suffix.len ||
		memcmp(text->at + text->len - suffix.len, suffix.at, suffix.len) != 0)
		return false;
	text->len -= suffix.len;
	return true;
}

/* Also the blanks of typesetters. */
static bool take_blank(struct slice *text)
{
	return take_prefix(text, SLICE_LIT(" ")) || take_prefix(text, SLICE_LIT("\t")) ||
	       take_prefix(text, SLICE_LIT("\xc2\xa0")) ||
	       take_prefix(text, SLICE_LIT("\xe2\x80\xaf"));
}

static bool drop_blank_end(struct slice *text)
{
	return take_suffix(text, SLICE_LIT(" ")) || take_suffix(text, SLICE_LIT("\t")) ||
	       take_suffix(text, SLICE_LIT("\xc2\xa0")) ||
	       take_suffix(text, SLICE_LIT("\xe2\x80\xaf"));
}

struct dressing {
	bool is_negative, is_percent;
};

/* What stands around the digits, in any order. False: nothing of it is left to take. */
static bool undress(struct slice *text, const struct mapping_format *format, struct dressing *d)
{
	if (take_blank(text) || drop_blank_end(text) || take_prefix(text, SLICE_LIT("+")))
		return true;
	if (!d->is_negative) {
		struct slice inner = *text;

		if (take_prefix(text, SLICE_LIT("-")) ||
			take_prefix(text, SLICE_LIT("\xe2\x88\x92")) ||
			take_suffix(text, SLICE_LIT("-")) ||
			(take_prefix(&inner, SLICE_LIT("(")) &&
				take_suffix(&inner, SLICE_LIT(")")))) {
			if (inner.len + 2 == text->len)
				*text = inner;
			d->is_negative = true;
			return true;
		}
	}
	if (!d->is_percent && take_suffix(text, SLICE_LIT("%"))) {
		d->is_percent = true;
		return true;
	}
	for (size_t i = 0; i < format->signs.count; i++)
		if (take_prefix(text, format->signs.items[i]) ||
			take_suffix(text, format->signs.items[i]))
			return true;
	return false;
}

static bool take_separator(struct slice *text, struct slice thousands)
{
	return take_prefix(text, thousands) || take_prefix(text, SLICE_LIT("'")) ||
	       take_blank(text);
}

/* "1.234.567,5": groups of two or three digits, the last of three: a comma for a point is not taken for one. */
static bool take_whole(struct slice *text, struct slice thousands, i128 *ret)
{
	size_t total = 0, group = 0, groups = 0;

	*ret = 0;
	for (;;) {
		if (text->len && is_digit(*text->at)) {
			if (++total > 18)
				return false;
			*ret = *ret * 10 + (*text->at - '0');
			group++;
			drop(text, 1);
			continue;
		}
		struct slice rest = *text;

		if (!group || !take_separator(&rest, thousands) || !rest.len || !is_digit(*rest.at))
			break;
		if (group > 3 || (groups && group < 2))
			return false;
		*text = rest;
		groups++;
		group = 0;
	}
	return !groups || group == 3;
}

/* In units of 1/unit. */
static bool parse_number(
	struct slice text, const struct mapping_format *format, int64_t unit, int64_t *ret_units)
{
	struct slice point = format->decimal, thousands = format->thousands;
	struct dressing d = { false, false };
	i128 value, scale = 1;
	bool any;

	while (undress(&text, format, &d))
		;
	if (!thousands.at)
		thousands = slice_is(point, ",") ? SLICE_LIT(".") : SLICE_LIT(",");
	any = text.len && is_digit(*text.at);
	if (!take_whole(&text, thousands, &value))
		return false;
	if (take_prefix(&text, point)) {
		for (; text.len && is_digit(*text.at); drop(&text, 1)) {
			any = true;
			if (scale < (i128)INT64_C(1000000000000)) {
				value = value * 10 + (*text.at - '0');
				scale *= 10;
			}
		}
	}
	if (!any || text.len)
		return false;
	value = i128_div_half_even(value * unit, scale * (d.is_percent ? 100 : 1));
	if (value > INT64_MAX)
		return false;
	*ret_units = (int64_t)(d.is_negative ? -value : value);
	return true;
}

bool mapping_parse_decimal(
	struct slice text, const struct mapping_format *format, int64_t *ret_units)
{
	return parse_number(text, format, DECIMAL_SCALE, ret_units);
}

bool mapping_parse_rate(struct slice text, const struct mapping_format *format, int64_t *ret_rate)
{
	return parse_number(text, format, RATE_SCALE, ret_rate);
}

/* ---- durations ----------------------------------------------------------------------------------- */

static int64_t unit_of(struct slice name)
{
	static const struct {
		const char *name;
		int64_t ms;
	} units[] = { { "ms", 1 }, { "s", 1000 }, { "sec", 1000 }, { "secs", 1000 },
		{ "seconds", 1000 }, { "m", 60000 }, { "min", 60000 }, { "mins", 60000 },
		{ "minutes", 60000 }, { "h", 3600000 }, { "hr", 3600000 }, { "hrs", 3600000 },
		{ "hours", 3600000 }, { "d", 86400000 }, { "days", 86400000 } };

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (slice_is(name, units[i].name))
			return units[i].ms;
	return 0;
}

/* A number with a fraction, in ms of `unit_ms`. */
static bool take_amount(struct slice *text, int64_t unit_ms, int64_t *ret_ms)
{
	int64_t whole, part = 0, scale = 1;

	if (!take_number(text, 10, &whole))
		return false;
	if (text->len > 1 && (*text->at == '.' || *text->at == ',') && is_digit(text->at[1])) {
		drop(text, 1);
		for (; text->len && is_digit(*text->at); drop(text, 1)) {
			if (scale < 1000000000) {
				part = part * 10 + (*text->at - '0');
				scale *= 10;
			}
		}
	}
	*ret_ms = whole * unit_ms + (int64_t)i128_div_half_even((i128)part * unit_ms, scale);
	return true;
}

/* "1h 2m 3s" */
static bool parse_units(struct slice text, int64_t *ret_ms)
{
	int64_t sum = 0, part;

	while (text.len) {
		struct slice number = text, name;
		size_t letters = 0;

		if (!take_amount(&number, 1, &part))
			return false;
		while (number.len && *number.at == ' ')
			drop(&number, 1);
		while (letters < number.len && is_letter(number.at[letters]))
			letters++;
		name = (struct slice){ number.at, letters };
		if (!unit_of(name) || !take_amount(&text, unit_of(name), &part))
			return false;
		if (__builtin_add_overflow(sum, part, &sum))
			return false;
		drop(&number, letters);
		text = slice_trim(number);
	}
	*ret_ms = sum;
	return true;
}

bool mapping_parse_duration(struct slice text, struct slice unit, int64_t *ret_ms)
{
	int64_t parts[3], unit_ms = unit_of(unit);
	bool hours_first = slice_is(unit, "h:m");
	size_t count = 0;
	struct slice rest = text = slice_trim(text);

	if (unit.len && !unit_ms && !hours_first && !slice_is(unit, "m:s"))
		return false;
	while (count < 3 && take_amount(&rest, 1000, &parts[count])) {
		count++;
		if (rest.len < 2 || *rest.at != ':')
			break;
		drop(&rest, 1);
	}
	if (rest.len || !count)
		return text.len && parse_units(text, ret_ms);
	if (count == 1)
		return take_amount(&text, unit_ms ? unit_ms : 1000, ret_ms);
	/* 75:10 is 75 minutes and 10 seconds, but 1:75 is nothing. */
	if (parts[count - 1] >= 60000 || (count == 3 && parts[1] >= 60000))
		return false;
	*ret_ms = count == 3	? parts[0] * 3600 + parts[1] * 60 + parts[2]
		  : hours_first ? parts[0] * 3600 + parts[1] * 60
				: parts[0] * 60 + parts[1];
	return true;
}

bool mapping_parse_truth(struct slice text, bool *ret)
{
	static const char *const words[][2] = { { "true", "false" }, { "yes", "no" }, { "y", "n" },
		{ "1", "0" }, { "t", "f" }, { "on", "off" }, { "ya", "tidak" } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (size_t k = 0; k < 2; k++) {
			if (text.len == strlen(words[i][k]) && text.len &&
				strncasecmp(text.at, words[i][k], text.len) == 0) {
				*ret = k == 0;
				return true;
			}
		}
	}
	return false;
}

/* ---- telephone numbers --------------------------------------------------------------------------- */

bool mapping_put_phone(struct slice text, struct slice country, struct buffer *out)
{
	enum { DIGITS_MIN = 4, DIGITS_MAX = 17 };
	char digits[DIGITS_MAX];
	size_t count = 0, skip = 0;
	bool is_international;

	text = slice_trim(text);
	is_international = text.len && *text.at == '+';
	for (size_t i = is_international; i < text.len; i++) {
		if (strchr(" -./()\t", text.at[i]) && text.at[i])
			continue;
		if (!is_digit(text.at[i]) || count == DIGITS_MAX)
			return false;
		digits[count++] = text.at[i];
	}
	if (!is_international && count >= 2 && memcmp(digits, "00", 2) == 0) {
		is_international = true;
		skip = 2;
	} else if (!is_international && count && digits[0] == '0' && country.len) {
		skip = 1;
	} else if (!is_international && country.len && count >= 10 && count > country.len &&
		   memcmp(digits, country.at, country.len) == 0) {
		is_international = true;
	}
	if (count - skip < DIGITS_MIN)
		return false;
	if (is_international || country.len)
		buffer_put_text(out, "+");
	if (!is_international)
		buffer_put(out, country.at, country.len);
	buffer_put(out, digits + skip, count - skip);
	return true;
}

/* ---- hash ---------------------------------------------------------------------------------------- */

/* SipHash-2-4 by Aumasson and Bernstein: a keyed hash that can't be turned round without the key. */

struct sip {
	uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t x, unsigned by)
{
	return x << by | x >> (64 - by);
}

static void sip_round(struct sip *s)
{
	s->a += s->b;
	s->c += s->d;
	s->b = rotate(s->b, 13) ^ s->a;
	s->d = rotate(s->d, 16) ^ s->c;
	s->a = rotate(s->a, 32);
	s->c += s->b;
	s->a += s->d;
	s->b = rotate(s->b, 17) ^ s->c;
	s->d = rotate(s->d, 21) ^ s->a;
	s->c = rotate(s->c, 32);
}

static void sip_word(struct sip *s, uint64_t word)
{
	s->d ^= word;
	sip_round(s);
	sip_round(s);
	s->a ^= word;
}

static uint64_t sip_hash(struct slice text, uint64_t key_low, uint64_t key_high)
{
	struct sip s = { key_low ^ 0x736f6d6570736575u, key_high ^ 0x646f72616e646f6du,
		key_low ^ 0x6c7967656e657261u, key_high ^ 0x7465646279746573u };
	uint64_t word = 0;

	for (size_t i = 0; i < text.len; i++) {
		word |= (uint64_t)(unsigned char)text.at[i] << (8 * (i % 8));
		if (i % 8 == 7) {
			sip_word(&s, word);
			word = 0;
		}
	}
	sip_word(&s, word | (uint64_t)text.len << 56);
	s.c ^= 0xff;
	for (int i = 0; i < 4; i++)
		sip_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}

uint64_t mapping_hash(struct slice text, struct slice salt)
{
	return sip_hash(text, sip_hash(salt, 0, 0), sip_hash(salt, 0, 1));
}
