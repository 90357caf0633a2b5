#include "base/decimal.h"

#include <assert.h>
#include <string.h>

static u128 magnitude(i128 value)
{
	return value < 0 ? -(u128)value : (u128)value;
}

/* value = value * 10 + digit; false when that leaves 128 bits. */
static bool append_digit(u128 *value, char digit)
{
	u128 limit = ~(u128)0;

	if (*value > (limit - 9) / 10)
		return false;
	*value = *value * 10 + (unsigned)(digit - '0');
	return true;
}

/* The digits of "123.45" as units of `digits` digits behind the point; false when they are not a number of at most so many. */
static bool parse_digits(const char *at, const char *end, int digits, u128 *ret_units)
{
	u128 units = 0;
	int behind = -1; /* digits seen behind the point; -1 before it */
	bool any = false;

	for (; at < end; at++) {
		if (*at == '.' && behind < 0) {
			behind = 0;
			continue;
		}
		if (*at < '0' || *at > '9')
			return false;
		any = true;
		if (behind == digits) {
			if (*at != '0')
				return false;
			continue;
		}
		if (!append_digit(&units, *at))
			return false;
		behind += behind >= 0;
	}
	for (int i = behind < 0 ? 0 : behind; i < digits; i++)
		if (!append_digit(&units, '0'))
			return false;
	*ret_units = units;
	return any;
}

static bool parse(struct slice text, int digits, i128 *ret_units)
{
	bool negative = false;
	u128 units;

	if (text.len == 0)
		return false;
	const char *at = text.at, *end = text.at + text.len;

	if (*at == '-' || *at == '+')
		negative = *at++ == '-';
	if (!parse_digits(at, end, digits, &units))
		return false;
	if (units > (u128)I128_MAX + negative)
		return false;
	*ret_units = (i128)(negative ? -units : units);
	return true;
}

bool decimal_parse_i128(struct slice text, i128 *ret_units)
{
	return parse(text, DECIMAL_DIGITS, ret_units);
}

static bool parse_narrow(struct slice text, int digits, int64_t *ret_units)
{
	i128 units;

	if (!parse(text, digits, &units) || units > INT64_MAX || units < INT64_MIN)
		return false;
	*ret_units = (int64_t)units;
	return true;
}

bool decimal_parse(struct slice text, int64_t *ret_units)
{
	return parse_narrow(text, DECIMAL_DIGITS, ret_units);
}

bool decimal_parse_rate(struct slice text, int64_t *ret_rate)
{
	return parse_narrow(text, RATE_DIGITS, ret_rate);
}

static size_t format(i128 units, int digits, int digits_min, char *buf, size_t cap)
{
	char reversed[DECIMAL_TEXT_MAX];
	u128 rest = magnitude(units);
	size_t length = 0;

	assert(digits_min >= 0 && digits_min <= digits);
	for (; digits > digits_min && rest % 10 == 0; digits--)
		rest /= 10;
	for (int i = 0; i < digits; i++, rest /= 10)
		reversed[length++] = (char)('0' + (int)(rest % 10));
	if (digits)
		reversed[length++] = '.';
	do
		reversed[length++] = (char)('0' + (int)(rest % 10));
	while (rest /= 10);
	if (units < 0)
		reversed[length++] = '-';
	for (size_t i = 0; i < length && i + 1 < cap; i++)
		buf[i] = reversed[length - 1 - i];
	if (cap)
		buf[length < cap ? length : cap - 1] = '\0';
	return length;
}

size_t decimal_format(i128 units, int digits_min, char *buf, size_t cap)
{
	return format(units, DECIMAL_DIGITS, digits_min, buf, cap);
}

size_t decimal_format_rate(int64_t rate, char *buf, size_t cap)
{
	return format(rate, RATE_DIGITS, 0, buf, cap);
}

double decimal_to_double(i128 units)
{
	return (double)((long double)units / DECIMAL_SCALE);
}

i128 i128_div_half_even(i128 num, i128 den)
{
	assert(den != 0);
	bool negative = (num < 0) != (den < 0);
	u128 n = magnitude(num), d = magnitude(den);
	u128 quotient = n / d, rest = n % d;

	/* rest > d - rest is 2 * rest > d without the overflow. */
	if (rest > d - rest || (rest == d - rest && (quotient & 1)))
		quotient++;
	if (!negative && quotient > (u128)I128_MAX)
		return I128_MAX;
	return (i128)(negative ? -quotient : quotient);
}

bool i128_mul_overflow(i128 a, i128 b, i128 *ret)
{
	bool negative = (a < 0) != (b < 0);
	u128 x = magnitude(a), y = magnitude(b);
	u128 limit = (u128)I128_MAX + negative;

	if (x && y > limit / x)
		return true;
	u128 product = x * y;

	*ret = (i128)(negative ? -product : product);
	return false;
}

bool i128_add_overflow(i128 a, i128 b, i128 *ret)
{
	i128 sum;

	if (__builtin_add_overflow(a, b, &sum))
		return true;
	*ret = sum;
	return false;
}

static bool narrow(i128 value, int64_t *ret)
{
	if (value > INT64_MAX || value < INT64_MIN)
		return false;
	*ret = (int64_t)value;
	return true;
}

/* Two int64 multiplied, or one scaled, always fit in 127 bits. */
static i128 times(int64_t a, int64_t b)
{
	i128 product = 0;
	bool overflow = i128_mul_overflow(a, b, &product);

	assert(!overflow);
	return product;
}

bool decimal_mul(int64_t a, int64_t b, int64_t *ret_units)
{
	return narrow(i128_div_half_even(times(a, b), DECIMAL_SCALE), ret_units);
}

bool decimal_div(int64_t a, int64_t b, int64_t *ret_units)
{
	return b != 0 && narrow(i128_div_half_even(times(a, DECIMAL_SCALE), b), ret_units);
}

bool i128_from_be_bytes(const uint8_t *bytes, size_t count, i128 *ret)
{
	u128 value = 0;
	uint8_t sign = count && bytes[0] & 0x80 ? 0xff : 0;

	/* Longer forms are the same number while the extra bytes only repeat the sign. */
	while (count > 16) {
		if (bytes[0] != sign)
			return false;
		bytes++;
		count--;
	}
	if (count && (bytes[0] & 0x80) != (sign & 0x80))
		return false;
	if (sign)
		value = ~(u128)0;
	for (size_t i = 0; i < count; i++)
		value = value << 8 | bytes[i];
	*ret = (i128)value;
	return true;
}

size_t i128_to_be_bytes(i128 value, uint8_t out[16])
{
	uint8_t all[16];
	u128 rest = (u128)value;
	size_t skip = 0;

	for (int i = 15; i >= 0; i--, rest >>= 8)
		all[i] = (uint8_t)rest;
	/* A leading byte is superfluous when it only repeats the sign bit of the next one. */
	while (skip < 15 && all[skip] == (value < 0 ? 0xff : 0) &&
		((all[skip] ^ all[skip + 1]) & 0x80) == 0)
		skip++;
	memcpy(out, all + skip, 16 - skip);
	return 16 - skip;
}
