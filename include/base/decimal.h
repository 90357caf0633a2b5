/*
 * decimal: exact numbers with four digits behind the point.
 *
 * A decimal is an integer count of 1/10,000 ("units"): int64 for one value, i128 for sums. No
 * double takes part in a sum. Where a result has more digits it is rounded half to even, once.
 */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

__extension__ typedef __int128 i128;
__extension__ typedef unsigned __int128 u128;

#define DECIMAL_SCALE 10000
#define DECIMAL_DIGITS 4
/* Rates of exchange have eight digits: 1 IDR is 0.00006123 USD. A rate is an int64 count of 1/100,000,000. */
#define RATE_SCALE INT64_C(100000000)
#define RATE_DIGITS 8
/* Room for any i128 as text, with sign, point and NUL. */
#define DECIMAL_TEXT_MAX 48

#define I128_MAX ((i128)(~(u128)0 >> 1))
#define I128_MIN (-I128_MAX - 1)

/*
 * "123.45", "-0.5", "+7", ".5", "5." and nothing around it: no blanks, exponents or separators. A
 * fifth digit behind the point is refused unless it and all after it are 0. False (ret untouched):
 * not a number, or out of range.
 */
bool decimal_parse(struct slice text, int64_t *ret_units);
bool decimal_parse_i128(struct slice text, i128 *ret_units);
/*
 * "-1234.5": trailing zeros are cut down to digits_min (0..4) digits behind the point. Answers the
 * length of the whole text, as snprintf does; what does not fit in cap is cut off, with a NUL when
 * cap > 0.
 */
size_t decimal_format(i128 units, int digits_min, char *buf, size_t cap);
/* The same of a rate; written without trailing zeros. */
bool decimal_parse_rate(struct slice text, int64_t *ret_rate);
size_t decimal_format_rate(int64_t rate, char *buf, size_t cap);
double decimal_to_double(i128 units);
/* a*b and a/b of two decimals, half to even. False (ret untouched): overflow, or b = 0. */
bool decimal_mul(int64_t a, int64_t b, int64_t *ret_units);
bool decimal_div(int64_t a, int64_t b, int64_t *ret_units);

/* num/den rounded half to even; den != 0 (asserted). The one quotient that does not fit, I128_MIN /
 * -1, gives I128_MAX. */
i128 i128_div_half_even(i128 num, i128 den);
/* True: overflow, ret untouched. (Not the compiler's builtin: clang's wants a library function that
 * gcc's runtime lacks.) */
bool i128_mul_overflow(i128 a, i128 b, i128 *ret);
bool i128_add_overflow(i128 a, i128 b, i128 *ret);

/* Avro's decimal bytes: two's complement, big-endian; no bytes are 0. False: more than 128 bits of
 * value. */
bool i128_from_be_bytes(const uint8_t *bytes, size_t count, i128 *ret);
/* The shortest such form, at out[0]; answers its length, 1..16. */
size_t i128_to_be_bytes(i128 value, uint8_t out[16]);

#endif
