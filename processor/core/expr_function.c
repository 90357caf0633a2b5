/* The functions that every environment has, in one table at the end. */
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/timefmt.h"
#include "core/expr_program.h"

enum { TEXT_MAX = 512 };

/* ---- checks: the type of the result ------------------------------------------------------------------------ */

static enum value_type check_same(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	enum value_type common = VALUE_NULL;

	for (uint32_t i = 0; i < count; i++) {
		enum value_type joined = expr_common_type(common, types[i]);
		if (joined == VALUE_NULL && (common != VALUE_NULL || types[i] != VALUE_NULL)) {
			snprintf(message, cap, "its arguments must be of one type, not %s and %s",
				value_type_name(common), value_type_name(types[i]));
			return VALUE_NULL;
		}
		common = joined;
	}
	return common;
}

static enum value_type check_ordered(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	enum value_type common = check_same(types, count, message, cap);

	if (common == VALUE_BOOL || common == VALUE_STRING || common == VALUE_REF ||
		common == VALUE_LIST)
		snprintf(message, cap, "a %s has no least or greatest", value_type_name(common));
	return common;
}

static enum value_type want(const enum value_type *types, enum value_type wanted,
	enum value_type result, char *message, size_t cap)
{
	if (types[0] != wanted && types[0] != VALUE_NULL)
		snprintf(message, cap, "it takes a %s, not a %s", value_type_name(wanted),
			value_type_name(types[0]));
	return result;
}

static enum value_type check_duration(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	return want(types, VALUE_DURATION, VALUE_DECIMAL, message, cap);
}

static enum value_type check_text_to_text(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	return want(types, VALUE_STRING, VALUE_STRING, message, cap);
}

static enum value_type check_size(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	return want(types, VALUE_STRING, VALUE_INT, message, cap);
}

static enum value_type check_two_texts(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	want(types + 1, VALUE_STRING, VALUE_BOOL, message, cap);
	return want(types, VALUE_STRING, VALUE_BOOL, message, cap);
}

static enum value_type check_text_to_time(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	return want(types, VALUE_STRING, VALUE_TIME, message, cap);
}

static enum value_type check_text_to_duration(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	return want(types, VALUE_STRING, VALUE_DURATION, message, cap);
}

static enum value_type check_number(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	if (types[0] != VALUE_INT && types[0] != VALUE_DECIMAL && types[0] != VALUE_MONEY &&
		types[0] != VALUE_DURATION && types[0] != VALUE_NULL)
		snprintf(message, cap, "it takes a number, not a %s", value_type_name(types[0]));
	return types[0];
}

static enum value_type check_round(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	enum value_type type = check_number(types, count, message, cap);

	return type == VALUE_NULL ? VALUE_DECIMAL : type;
}

static enum value_type check_decimal(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	if (types[0] == VALUE_BOOL || types[0] == VALUE_TIME || types[0] == VALUE_REF ||
		types[0] == VALUE_LIST || types[0] == VALUE_DURATION)
		snprintf(message, cap, "it takes a text or a number, not a %s",
			value_type_name(types[0]));
	return VALUE_DECIMAL;
}

static enum value_type check_int(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	if (types[0] == VALUE_TIME || types[0] == VALUE_REF || types[0] == VALUE_LIST ||
		types[0] == VALUE_MONEY || types[0] == VALUE_DURATION)
		snprintf(message, cap, "it takes a text or a number, not a %s",
			value_type_name(types[0]));
	return VALUE_INT;
}

static enum value_type check_string(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	if (types[0] == VALUE_REF || types[0] == VALUE_LIST)
		snprintf(message, cap, "a %s has no text", value_type_name(types[0]));
	return VALUE_STRING;
}

/* ---- runs ------------------------------------------------------------------------------------------------------ */

static struct slice text_of(const struct expr_frame *frame, struct value value)
{
	return intern_text(frame->strings, (uint32_t)value.i);
}

static struct value new_text(struct expr_frame *frame, struct slice text)
{
	uint32_t id = intern_add(frame->strings, text);

	return id == 0 ? value_null(VALUE_STRING) : value_of(VALUE_STRING, id);
}

static struct value run_coalesce(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	(void)frame;
	(void)user;
	for (uint32_t i = 0; i < count; i++)
		if (!args[i].is_null)
			return args[i];
	return args[count - 1];
}

static struct value extreme(const struct value *args, uint32_t count, bool is_greatest)
{
	struct value best = args[0];

	for (uint32_t i = 1; i < count; i++) {
		if (args[i].is_null)
			continue;
		if (!best.is_null && best.type == VALUE_MONEY && args[i].currency != best.currency)
			return value_null(VALUE_MONEY);
		if (best.is_null || (is_greatest ? args[i].i > best.i : args[i].i < best.i))
			best = args[i];
	}
	return best;
}

static struct value run_least(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	(void)frame;
	(void)user;
	return extreme(args, count, false);
}

static struct value run_greatest(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	(void)frame;
	(void)user;
	return extreme(args, count, true);
}

static struct value run_abs(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	struct value value = args[0];

	(void)count;
	(void)user;
	if (value.is_null || value.i >= 0)
		return value;
	if (value.i == INT64_MIN) {
		frame->overflow_count++;
		return value_null((enum value_type)value.type);
	}
	value.i = -value.i;
	return value;
}

/* Duration to a decimal of the unit whose milliseconds `user` points to. */
static struct value run_duration(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	(void)count;
	if (args[0].is_null)
		return value_null(VALUE_DECIMAL);
	i128 units = i128_div_half_even((i128)args[0].i * DECIMAL_SCALE, *(const int64_t *)user);
	if (units > INT64_MAX || units < INT64_MIN) {
		frame->overflow_count++;
		return value_null(VALUE_DECIMAL);
	}
	return value_of(VALUE_DECIMAL, (int64_t)units);
}

static struct value run_size(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	int64_t size = 0;

	(void)count;
	(void)user;
	if (args[0].is_null)
		return value_null(VALUE_INT);
	/* Characters, not bytes: those that don't continue one. */
	struct slice text = text_of(frame, args[0]);
	for (size_t i = 0; i < text.len; i++)
		size += ((unsigned char)text.at[i] & 0xc0) != 0x80;
	return value_of(VALUE_INT, size);
}

/* ASCII letters only: identifiers and enum symbols are what it is for. */
static struct value change_case(struct expr_frame *frame, struct value value, char from, char to)
{
	char buf[TEXT_MAX];

	if (value.is_null)
		return value;
	struct slice text = text_of(frame, value);
	if (text.len > sizeof(buf))
		return value_null(VALUE_STRING);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];
		buf[i] = c >= from && c <= from + 25 ? (char)(c - from + to) : c;
	}
	return new_text(frame, (struct slice){ buf, text.len });
}

static struct value run_lower(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	(void)count;
	(void)user;
	return change_case(frame, args[0], 'A', 'a');
}

static struct value run_upper(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	(void)count;
	(void)user;
	return change_case(frame, args[0], 'a', 'A');
}

static struct value run_trim(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	(void)count;
	(void)user;
	if (args[0].is_null)
		return args[0];
	struct slice text = text_of(frame, args[0]);
	while (text.len > 0 && strchr(" \t\r\n", text.at[text.len - 1]) != NULL)
		text.len--;
	while (text.len > 0 && strchr(" \t\r\n", text.at[0]) != NULL) {
		text.at++;
		text.len--;
	}
	return new_text(frame, text);
}

static struct value run_starts_with(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	(void)count;
	(void)user;
	if (args[0].is_null || args[1].is_null)
		return value_null(VALUE_BOOL);
	struct slice text = text_of(frame, args[0]), start = text_of(frame, args[1]);
	return value_of(
		VALUE_BOOL, text.len >= start.len && memcmp(text.at, start.at, start.len) == 0);
}

static struct value run_contains(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	(void)count;
	(void)user;
	if (args[0].is_null || args[1].is_null)
		return value_null(VALUE_BOOL);
	struct slice text = text_of(frame, args[0]), part = text_of(frame, args[1]);
	return value_of(
		VALUE_BOOL, part.len == 0 || memmem(text.at, text.len, part.at, part.len) != NULL);
}

static struct value run_decimal(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	int64_t units;

	(void)count;
	(void)user;
	if (args[0].is_null)
		return value_null(VALUE_DECIMAL);
	if (args[0].type != VALUE_STRING) /* an int came as a decimal already */
		return value_of(VALUE_DECIMAL, args[0].i);
	return decimal_parse(text_of(frame, args[0]), &units) ? value_of(VALUE_DECIMAL, units)
							      : value_null(VALUE_DECIMAL);
}

static struct value run_int(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	int64_t units;

	(void)count;
	(void)user;
	if (args[0].is_null)
		return value_null(VALUE_INT);
	if (args[0].type == VALUE_DECIMAL)
		return value_of(VALUE_INT, args[0].i / DECIMAL_SCALE);
	if (args[0].type != VALUE_STRING)
		return value_of(VALUE_INT, args[0].i);
	if (!decimal_parse(text_of(frame, args[0]), &units) || units % DECIMAL_SCALE != 0)
		return value_null(VALUE_INT);
	return value_of(VALUE_INT, units / DECIMAL_SCALE);
}

static struct value run_string(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	char buf[DECIMAL_TEXT_MAX + TIME_TEXT_MAX];

	(void)count;
	(void)user;
	if (args[0].is_null)
		return value_null(VALUE_STRING);
	switch (args[0].type) {
	case VALUE_STRING:
		return args[0];
	case VALUE_BOOL:
		return new_text(frame, slice_of(args[0].i != 0 ? "true" : "false"));
	case VALUE_TIME:
		return new_text(frame, slice_of(time_format(args[0].i, buf)));
	case VALUE_DURATION:
		return new_text(frame, slice_of(duration_format(args[0].i, buf)));
	case VALUE_INT:
		snprintf(buf, sizeof(buf), "%lld", (long long)args[0].i);
		return new_text(frame, slice_of(buf));
	default:
		decimal_format(args[0].i, 0, buf, sizeof(buf));
		return new_text(frame, slice_of(buf));
	}
}

static struct value run_time(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	int64_t ms;

	(void)count;
	(void)user;
	return !args[0].is_null && time_parse(text_of(frame, args[0]), &ms)
		       ? value_of(VALUE_TIME, ms)
		       : value_null(VALUE_TIME);
}

static struct value run_parse_duration(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	int64_t ms;

	(void)count;
	(void)user;
	return !args[0].is_null && duration_parse(text_of(frame, args[0]), &ms)
		       ? value_of(VALUE_DURATION, ms)
		       : value_null(VALUE_DURATION);
}

enum rounding { ROUND_FLOOR, ROUND_CEIL, ROUND_NEAREST };
static const enum rounding round_floor = ROUND_FLOOR, round_ceil = ROUND_CEIL,
			   round_nearest = ROUND_NEAREST;

static struct value run_round(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	struct value value = args[0];

	(void)count;
	if (value.is_null || value.type == VALUE_INT)
		return value;
	int64_t unit = value.type == VALUE_DURATION ? 1000 : DECIMAL_SCALE, rest = value.i % unit;
	if (rest < 0)
		rest += unit;
	i128 below = (i128)value.i - rest;
	bool is_up = false;
	switch (*(const enum rounding *)user) {
	case ROUND_FLOOR:
		break;
	case ROUND_CEIL:
		is_up = rest > 0;
		break;
	case ROUND_NEAREST:
		is_up = rest * 2 > unit || (rest * 2 == unit && (below / unit) % 2 != 0);
		break;
	}
	if (is_up)
		below += unit;
	if (below > INT64_MAX || below < INT64_MIN) {
		frame->overflow_count++;
		return value_null((enum value_type)value.type);
	}
	value.i = (int64_t)below;
	return value;
}

static const int64_t second_ms = 1000, hour_ms = 3600000, day_ms = 86400000;

const struct expr_function expr_builtins[] = {
	{ "coalesce", 1, EXPR_ARGUMENTS_MAX, check_same, run_coalesce, NULL },
	{ "least", 1, EXPR_ARGUMENTS_MAX, check_ordered, run_least, NULL },
	{ "min", 1, EXPR_ARGUMENTS_MAX, check_ordered, run_least, NULL },
	{ "greatest", 1, EXPR_ARGUMENTS_MAX, check_ordered, run_greatest, NULL },
	{ "max", 1, EXPR_ARGUMENTS_MAX, check_ordered, run_greatest, NULL },
	{ "abs", 1, 1, check_number, run_abs, NULL },
	{ "seconds", 1, 1, check_duration, run_duration, &second_ms },
	{ "hours", 1, 1, check_duration, run_duration, &hour_ms },
	{ "days", 1, 1, check_duration, run_duration, &day_ms },
	{ "size", 1, 1, check_size, run_size, NULL },
	{ "string", 1, 1, check_string, run_string, NULL },
	{ "lower", 1, 1, check_text_to_text, run_lower, NULL },
	{ "upper", 1, 1, check_text_to_text, run_upper, NULL },
	{ "trim", 1, 1, check_text_to_text, run_trim, NULL },
	{ "startsWith", 2, 2, check_two_texts, run_starts_with, NULL },
	{ "contains", 2, 2, check_two_texts, run_contains, NULL },
	{ "decimal", 1, 1, check_decimal, run_decimal, NULL },
	{ "int", 1, 1, check_int, run_int, NULL },
	{ "time", 1, 1, check_text_to_time, run_time, NULL },
	{ "duration", 1, 1, check_text_to_duration, run_parse_duration, NULL },
	{ "floor", 1, 1, check_round, run_round, &round_floor },
	{ "ceil", 1, 1, check_round, run_round, &round_ceil },
	{ "round", 1, 1, check_round, run_round, &round_nearest },
};
const size_t expr_builtin_count = sizeof(expr_builtins) / sizeof(expr_builtins[0]);
