/* top_format: a value as people read it, short: at most twelve or so characters. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "edge/top.h"

/* A number with `digits` behind the mark, and marks between thousands. */
static void put_number(double value, int digits, bool english, struct buffer *out)
{
	char text[64];
	int length = snprintf(text, sizeof(text), "%.*f", digits, fabs(value)), whole;

	if (length < 0 || (size_t)length >= sizeof(text))
		return;
	whole = digits ? length - digits - 1 : length;
	if (value < 0 && strpbrk(text, "123456789"))
		buffer_put_text(out, "-");
	for (int i = 0; i < whole; i++) {
		buffer_put(out, &text[i], 1);
		if ((whole - i) % 3 == 1 && i + 1 < whole)
			buffer_put_text(out, english ? "," : ".");
	}
	if (digits) {
		buffer_put_text(out, english ? "." : ",");
		buffer_put(out, text + whole + 1, (size_t)digits);
	}
}

static void put_money(double value, struct slice currency, bool english, struct buffer *out)
{
	static const struct { double from; const char *id, *en; } scales[] = {
		{ 1e12, "triliun", "tn" }, { 1e9, "miliar", "bn" }, { 1e6, "juta", "m" },
	};

	if (slice_is(currency, "IDR"))
		buffer_put_text(out, "Rp ");
	else if (currency.len)
		buffer_printf(out, SLICE_FMT " ", SLICE_ARG(currency));
	for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++) {
		double shown = value / scales[i].from;

		if (fabs(value) < scales[i].from)
			continue;
		put_number(shown, fabs(shown) < 10 ? 2 : fabs(shown) < 100 ? 1 : 0, english, out);
		buffer_printf(out, " %s", english ? scales[i].en : scales[i].id);
		return;
	}
	put_number(value, 0, english, out);
}

static void put_seconds(double value, bool english, struct buffer *out)
{
	long long seconds = llround(value);

	if (seconds >= 36000)
		buffer_printf(out, "%lld %s", seconds / 3600, english ? "h" : "jam");
	else if (seconds >= 3600)
		buffer_printf(out, "%lld:%02lld %s", seconds / 3600, seconds / 60 % 60, english ? "h" : "jam");
	else if (seconds >= 60)
		buffer_printf(out, "%lld m %02lld %s", seconds / 60, seconds % 60, english ? "s" : "d");
	else
		buffer_printf(out, "%lld %s", seconds, english ? "s" : "d");
}

static void put_state(const char *state, bool english, struct buffer *out)
{
	static const struct { const char *state, *id, *en; } words[] = {
		{ "NO_DATA", "belum ada data", "no data" }, { "ZERO_DENOMINATOR", "-", "-" }, { "NO_BASE", "tanpa dasar", "no base" },
		{ "FX_MISSING", "tanpa kurs", "no rate" }, { "LOW_SAMPLE", "terlalu sedikit", "too few" },
		{ "PARTIAL", "belum penuh", "partial" }, { "CAPPED", "terlalu besar", "too large" },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (state && !strcmp(state, words[i].state)) {
			buffer_put_text(out, english ? words[i].en : words[i].id);
			return;
		}
	buffer_put_text(out, "-");
}

void top_format(const struct snapshot *s, bool english, struct buffer *out)
{
	const char *unit = s->unit ? s->unit : "";

	if (!s->value.is_set) {
		put_state(s->state, english, out);
	} else if (!strcmp(unit, "CURRENCY")) {
		put_money(s->value.value, s->currency, english, out);
	} else if (!strcmp(unit, "PERCENT")) {
		put_number(s->value.value, 1, english, out);
		buffer_put_text(out, " %");
	} else if (!strcmp(unit, "SECONDS")) {
		put_seconds(s->value.value, english, out);
	} else if (!strcmp(unit, "DAYS")) {
		put_number(s->value.value, 1, english, out);
		buffer_put_text(out, english ? " d" : " hari");
	} else if (!strcmp(unit, "RATIO")) {
		put_number(s->value.value, 2, english, out);
	} else {
		put_number(s->value.value, 0, english, out);
	}
}
