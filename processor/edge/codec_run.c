/*
 * Walking a body by its plan. The bytes come from outside: a run never leaves [at, end), never trusts a number before it is
 * checked as 64 bits, and takes memory only from the arena, in proportion to what it has read. The reader of base/buffer.h does
 * the same in general; this one is inline, because a call per field would cost more than the field.
 */
#include <assert.h>
#include <endian.h>
#include <math.h>
#include <string.h>

#include "base/decimal.h"
#include "base/utf8.h"
#include "edge/codec_inside.h"

static bool run_step(struct codec_run *, const struct codec_step *, struct event_value *values);

static __attribute__((noinline, cold)) bool fail(struct codec_run *run, enum codec_fault fault)
{
	run->fault = fault;
	return false;
}

const char *codec_fault_text(enum codec_fault fault)
{
	static const char *const texts[] = {
		[CODEC_FAULT_NONE] = "nothing is wrong",
		[CODEC_FAULT_ENDS] = "the body ends here",
		[CODEC_FAULT_NUMBER] = "not a number of the schema's type",
		[CODEC_FAULT_LENGTH] = "a length that is negative or more than what is left",
		[CODEC_FAULT_COUNT] = "a count that is more than what is left can hold",
		[CODEC_FAULT_ROWS] = "too many rows",
		[CODEC_FAULT_BRANCH] = "no such branch of the union",
		[CODEC_FAULT_SYMBOL] = "no such symbol of the enum",
		[CODEC_FAULT_BOOL] = "a boolean that is neither 0 nor 1",
		[CODEC_FAULT_UTF8] = "not valid UTF-8",
		[CODEC_FAULT_RANGE] = "out of range",
		[CODEC_FAULT_DIGITS] = "more than four digits behind the point",
		[CODEC_FAULT_TYPE] = "a value of a type that can't be read as this field",
		[CODEC_FAULT_DEPTH] = "values inside values too deep",
		[CODEC_FAULT_MEMORY] = "no room left in the batch",
		[CODEC_FAULT_NULL] = "null",
		[CODEC_FAULT_TEXTS] = "more text than limits.text_bytes allows",
		[CODEC_FAULT_FOREIGN] = "more values that we do not read than limits.foreign_values",
	};

	return texts[fault];
}

/* ---- numbers -------------------------------------------------------------------------------------------- */

static __attribute__((noinline)) bool take_long_number(struct codec_run *run, int64_t *ret)
{
	uint64_t bits = 0;
	const uint8_t *at = run->at;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		if (at == run->end)
			return fail(run, CODEC_FAULT_ENDS);
		uint8_t byte = *at++;

		/* The tenth byte holds the 64th bit and nothing else. */
		if (shift == 63 && byte > 1)
			break;
		bits |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80) {
			run->at = at;
			*ret = (int64_t)((bits >> 1) ^ (0 - (bits & 1)));
			return true;
		}
	}
	return fail(run, CODEC_FAULT_NUMBER);
}

static inline bool take_number(struct codec_run *run, int64_t *ret)
{
	if (run->at < run->end && *run->at < 0x80) {
		unsigned bits = *run->at++;

		*ret = (int64_t)(bits >> 1) ^ -(int64_t)(bits & 1);
		return true;
	}
	return take_long_number(run, ret);
}

static inline bool take_int(struct codec_run *run, int64_t *ret)
{
	if (!take_number(run, ret))
		return false;
	return (*ret >= INT32_MIN && *ret <= INT32_MAX) || fail(run, CODEC_FAULT_NUMBER);
}

static inline size_t left(const struct codec_run *run)
{
	return (size_t)(run->end - run->at);
}

static inline bool take_bytes(struct codec_run *run, struct slice *ret)
{
	int64_t length;

	if (!take_number(run, &length))
		return false;
	if (length < 0 || (uint64_t)length > left(run))
		return fail(run, CODEC_FAULT_LENGTH);
	*ret = (struct slice){ (const char *)run->at, (size_t)length };
	run->at += length;
	return true;
}

static inline bool pass_over(struct codec_run *run, uint64_t count)
{
	if (count > left(run))
		return fail(run, CODEC_FAULT_ENDS);
	run->at += count;
	return true;
}

/* ---- stored values -------------------------------------------------------------------------------------- */

static bool run_text(struct codec_run *run, struct event_value *value)
{
	if (!take_bytes(run, &value->text))
		return false;
	run->text_bytes += value->text.len;
	if (run->limits && run->limits->text_bytes && run->text_bytes > run->limits->text_bytes)
		return fail(run, CODEC_FAULT_TEXTS);
	return utf8_valid(value->text.at, value->text.len) || fail(run, CODEC_FAULT_UTF8);
}

static bool run_symbol(
	struct codec_run *run, const struct codec_step *step, struct event_value *value)
{
	int64_t index;

	if (!take_int(run, &index))
		return false;
	if (index < 0 || (uint64_t)index >= step->size)
		return fail(run, CODEC_FAULT_SYMBOL);
	*value = step->of.symbols[index];
	return true;
}

/* The writer has a text where the model has an enum: the one case that compares names, and only for such writers. */
static bool run_text_symbol(
	struct codec_run *run, const struct codec_step *step, struct event_value *value)
{
	struct slice text = { 0 };
	int64_t found = 0;

	if (!take_bytes(run, &text))
		return false;
	for (int64_t i = 0; step->of.names[i]; i++)
		if (slice_is(text, step->of.names[i]))
			found = i;
	value->i = found;
	value->text = slice_of(step->of.names[found]);
	return true;
}

static bool run_bool(struct codec_run *run, struct event_value *value)
{
	if (run->at == run->end)
		return fail(run, CODEC_FAULT_ENDS);
	value->i = *run->at++;
	return value->i <= 1 || fail(run, CODEC_FAULT_BOOL);
}

static bool run_times(
	struct codec_run *run, const struct codec_step *step, struct event_value *value)
{
	int64_t number;

	if (!(step->is_int ? take_int(run, &number) : take_number(run, &number)))
		return false;
	return !__builtin_mul_overflow(number, (int64_t)step->size, &value->i) ||
	       fail(run, CODEC_FAULT_RANGE);
}

/* Microseconds to milliseconds: towards the past, as a time is cut off. */
static bool run_divide(
	struct codec_run *run, const struct codec_step *step, struct event_value *value)
{
	int64_t number, divisor = (int64_t)step->size;

	if (!(step->is_int ? take_int(run, &number) : take_number(run, &number)))
		return false;
	value->i = number / divisor - (number % divisor < 0);
	return true;
}

static bool run_double(
	struct codec_run *run, const struct codec_step *step, struct event_value *value)
{
	float single;
	double number;
	uint64_t bits = 0;
	uint32_t half;
	size_t bytes = step->kind == CODEC_FLOAT ? sizeof(half) : sizeof(bits);

	if (left(run) < bytes)
		return fail(run, CODEC_FAULT_ENDS);
	memcpy(&bits, run->at, bytes);
	run->at += bytes;
	bits = le64toh(bits);
	half = (uint32_t)bits;
	memcpy(&single, &half, sizeof(single));
	memcpy(&number, &bits, sizeof(number));
	if (step->kind == CODEC_FLOAT)
		number = (double)single;
	number = nearbyint(number * DECIMAL_SCALE);
	/* 2^63 is a double, 2^63 - 1 is not; NaN compares with nothing. */
	if (!(number > -0x1p63 && number < 0x1p63))
		return fail(run, CODEC_FAULT_RANGE);
	value->i = (int64_t)number;
	return true;
}

static i128 power_of_ten(int exponent)
{
	i128 power = 1;

	while (exponent-- > 0)
		power *= 10;
	return power;
}

/* Digits that don't fit are refused, not rounded: nobody's amount is changed in silence. */
static bool convert_decimal(struct codec_run *run, struct slice bytes, int scale, int64_t *ret)
{
	i128 number;

	if (!i128_from_be_bytes((const uint8_t *)bytes.at, bytes.len, &number))
		return fail(run, CODEC_FAULT_RANGE);
	if (scale < DECIMAL_DIGITS &&
		i128_mul_overflow(number, power_of_ten(DECIMAL_DIGITS - scale), &number))
		return fail(run, CODEC_FAULT_RANGE);
	if (scale > DECIMAL_DIGITS) {
		i128 power = power_of_ten(scale - DECIMAL_DIGITS);

		if (number % power != 0)
			return fail(run, CODEC_FAULT_DIGITS);
		number /= power;
	}
	if (number > INT64_MAX || number < INT64_MIN)
		return fail(run, CODEC_FAULT_RANGE);
	*ret = (int64_t)number;
	return true;
}

static bool run_decimal(
	struct codec_run *run, const struct codec_step *step, struct event_value *value)
{
	struct slice bytes = { (const char *)run->at, step->size };

	if (step->is_fixed ? !pass_over(run, step->size) : !take_bytes(run, &bytes))
		return false;
	return convert_decimal(run, bytes, step->scale, &value->i);
}

/* ---- many ----------------------------------------------------------------------------------------------- */

/*
 * The head of one block of an array or a map; *ret_count 0: the end. A negative count is followed by the block's bytes; what
 * they are is checked, what they would be good for (skipping) is worth little in a message.
 */
static bool take_block(struct codec_run *run, const struct codec_record *item, uint64_t *ret_count)
{
	int64_t count, bytes;

	if (!take_number(run, &count))
		return false;
	if (count < 0) {
		if (!take_number(run, &bytes))
			return false;
		if (bytes < 0 || (uint64_t)bytes > left(run))
			return fail(run, CODEC_FAULT_LENGTH);
	}
	*ret_count = count < 0 ? 0 - (uint64_t)count : (uint64_t)count;
	return *ret_count <= left(run) || item->step_count == 0 || fail(run, CODEC_FAULT_COUNT);
}

const char *const codec_list_names[CODEC_LIST_COUNT] = {
	[CODEC_SPLITS] = "splits",
	[CODEC_ITEMS] = "items",
	[CODEC_MEMBERSHIPS] = "memberships",
	[CODEC_PACING_CURVE] = "pacing_curve",
	[CODEC_MERGED_IDS] = "merged_ids",
	[CODEC_EXT] = "ext",
};

uint32_t codec_rows_max(const struct codec_limits *limits, uint64_t list)
{
	return limits && list < CODEC_LIST_COUNT && limits->rows[list] ? limits->rows[list]
								       : CODEC_ROWS_MAX;
}

/*
 * Rows that there can be at most: the limit's, or fewer where what is left of the body can't hold so many. Room for all of them is taken at
 * once and what is over is given back: rows in many small blocks neither move nor leave copies behind.
 */
static size_t rows_possible(const struct codec_run *run, const struct codec_step *step)
{
	const struct codec_record *row = step->of.record;
	size_t most = codec_rows_max(run->limits, step->size), row_bytes = 0;

	/* Every step takes a byte, but for a field whose type is null and nothing else. */
	for (uint32_t i = 0; i < row->step_count; i++)
		row_bytes += row->steps[i].kind != CODEC_NULL;
	size_t held = row_bytes ? left(run) / row_bytes : most;

	return held < most ? held : most;
}

static bool run_rows(struct codec_run *run, const struct codec_step *step, struct event_list *list,
	uint64_t count, size_t possible)
{
	const struct codec_record *row = step->of.record;
	size_t most = codec_rows_max(run->limits, step->size);

	do {
		if (count > most - list->count)
			return fail(run, CODEC_FAULT_ROWS);
		if (count > possible - list->count)
			return fail(run, CODEC_FAULT_COUNT);
		memset(list->cells + list->count * row->columns, 0,
			(size_t)count * row->columns * sizeof(*list->cells));
		for (; count > 0; count--, list->count++)
			if (!codec_run_record(run, row, list->cells + list->count * row->columns))
				return false;
		if (!take_block(run, row, &count))
			return false;
	} while (count > 0);
	return true;
}

static bool run_list(
	struct codec_run *run, const struct codec_step *step, struct event_value *value)
{
	struct event_list *list = arena_alloc(run->arena, sizeof(*list));
	size_t row_bytes = step->of.record->columns * sizeof(*list->cells), possible;
	uint64_t count;

	if (!list)
		return fail(run, CODEC_FAULT_MEMORY);
	value->list = list;
	if (!take_block(run, step->of.record, &count))
		return false;
	if (count == 0)
		return true;
	possible = rows_possible(run, step);
	list->cells = arena_alloc_raw(run->arena, possible * row_bytes);
	if (!list->cells)
		return fail(run, CODEC_FAULT_MEMORY);
	bool is_good = run_rows(run, step, list, count, possible);

	arena_shrink(run->arena, list->cells, possible * row_bytes, list->count * row_bytes);
	return is_good;
}

static bool run_union(
	struct codec_run *run, const struct codec_step *step, struct event_value *values)
{
	int64_t branch;

	if (!take_number(run, &branch))
		return false;
	if (branch < 0 || (uint64_t)branch >= step->size)
		return fail(run, CODEC_FAULT_BRANCH);
	if (step->of.branches[branch].kind == CODEC_NOTHING)
		return true;
	return run_step(run, &step->of.branches[branch], values);
}

/* ---- passing over --------------------------------------------------------------------------------------- */

static bool pass_values(struct codec_run *run, uint32_t count)
{
	run->foreign += count;
	return !run->limits || !run->limits->foreign || run->foreign <= run->limits->foreign ||
	       fail(run, CODEC_FAULT_FOREIGN);
}

static bool skip_array(struct codec_run *run, const struct codec_step *step)
{
	const struct codec_record *item = step->of.record;
	uint64_t count;

	for (;;) {
		if (!take_block(run, item, &count) || !pass_values(run, 1))
			return false;
		if (count == 0)
			return true;
		/* Items that take no bytes take no time either, however many there are said to be. */
		for (; count > 0 && item->step_count > 0; count--)
			if (!codec_run_record(run, item, NULL))
				return false;
	}
}

static bool skip_deeper(struct codec_run *run, const struct codec_step *step)
{
	bool good;

	if (run->depth == CODEC_DEPTH_MAX)
		return fail(run, CODEC_FAULT_DEPTH);
	run->depth++;
	if (step->kind == CODEC_SKIP_RECORD)
		good = codec_run_record(run, step->of.record, NULL);
	else if (step->kind == CODEC_SKIP_ARRAY)
		good = skip_array(run, step);
	else
		good = run_union(run, step, NULL);
	run->depth--;
	return good;
}

static bool skip_step(struct codec_run *run, const struct codec_step *step)
{
	struct slice bytes;
	int64_t number;

	switch ((enum codec_kind)step->kind) {
	case CODEC_SKIP_BYTES:
		return pass_over(run, step->size);
	case CODEC_SKIP_NUMBER:
		return take_number(run, &number);
	case CODEC_SKIP_TEXT:
		return take_bytes(run, &bytes);
	case CODEC_SKIP_SYMBOL:
		if (!take_number(run, &number))
			return false;
		return (number >= 0 && (uint64_t)number < step->size) ||
		       fail(run, CODEC_FAULT_SYMBOL);
	default:
		return skip_deeper(run, step);
	}
}

/* ---- the walk ------------------------------------------------------------------------------------------- */

static bool run_step(
	struct codec_run *run, const struct codec_step *step, struct event_value *values)
{
	if (step->kind >= CODEC_NOTHING)
		return skip_step(run, step);
	assert(values); /* what is passed over has no stored step in it */
	struct event_value *value = &values[step->target];

	if (step->null_branch) {
		int64_t branch;

		if (!take_number(run, &branch))
			return false;
		if (branch == step->null_branch - 1) {
			value->is_null = true;
			return true;
		}
		if (branch < 0 || branch > 1)
			return fail(run, CODEC_FAULT_BRANCH);
	}
	switch ((enum codec_kind)step->kind) {
	case CODEC_TEXT:
		return run_text(run, value);
	case CODEC_LONG:
		return take_number(run, &value->i);
	case CODEC_INT:
		return take_int(run, &value->i);
	case CODEC_SYMBOL:
		return run_symbol(run, step, value);
	case CODEC_TEXT_SYMBOL:
		return run_text_symbol(run, step, value);
	case CODEC_BOOL:
		return run_bool(run, value);
	case CODEC_TIMES:
		return run_times(run, step, value);
	case CODEC_DIVIDE:
		return run_divide(run, step, value);
	case CODEC_FLOAT:
	case CODEC_DOUBLE:
		return run_double(run, step, value);
	case CODEC_DECIMAL:
		return run_decimal(run, step, value);
	case CODEC_LIST:
		return run_list(run, step, value);
	case CODEC_UNION:
		return run_union(run, step, values);
	case CODEC_NULL:
		value->is_null = true;
		return true;
	default:
		return fail(run, CODEC_FAULT_TYPE);
	}
}

/* ---- the usual ------------------------------------------------------------------------------------------ */

enum {
	USUAL_BYTES = 10
}; /* what the usual may look at without asking: a branch, a length, eight bytes */
static const uint64_t HIGH_BITS = 0x8080808080808080u;

static inline uint64_t word_at(const uint8_t *at)
{
	uint64_t word;

	memcpy(&word, at, sizeof(word));
	return le64toh(word);
}

/* At least eight bytes can be read at `at`, whatever the length. */
static inline bool is_ascii(const uint8_t *at, size_t length)
{
	uint64_t all = 0;

	if (length < 8)
		return !(word_at(at) & HIGH_BITS & (((uint64_t)1 << (8 * length)) - 1));
	for (size_t i = 0; i + 8 <= length; i += 8)
		all |= word_at(at + i);
	return !((all | word_at(at + length - 8)) & HIGH_BITS);
}

/* A number of up to eight bytes: the first byte without its high bit ends it, then its groups of 7 bits are drawn together. */
static inline const uint8_t *usual_number(const uint8_t *at, int64_t *ret)
{
	uint64_t word = word_at(at), ends = ~word & HIGH_BITS;

	if (!ends)
		return NULL;
	word &= ends ^ (ends - 1);
	word = (word & 0x007f007f007f007fu) | (word & 0x7f007f007f007f00u) >> 1;
	word = (word & 0x00003fff00003fffu) | (word & 0x3fff00003fff0000u) >> 2;
	word = (word & 0x000000000fffffffu) | (word & 0x0fffffff00000000u) >> 4;
	*ret = (int64_t)((word >> 1) ^ (0 - (word & 1)));
	return at + __builtin_ctzll(ends) / 8 + 1;
}

static inline const uint8_t *usual_text(
	const uint8_t *at, const uint8_t *end, struct event_value *value)
{
	size_t length = *at >> 1;

	/* Longer than 63 bytes, a negative length, or not ASCII. */
	if (*at++ & 0x81 || length > (size_t)(end - at) || !is_ascii(at, length))
		return NULL;
	value->text = (struct slice){ (const char *)at, length };
	return at + length;
}

static inline const uint8_t *usual_decimal(const uint8_t *at, const uint8_t *end,
	const struct codec_step *step, struct event_value *value)
{
	unsigned length = *at >> 1;
	uint64_t word;

	if (*at++ & 1 || length - 1 > 7 || length > (size_t)(end - at) ||
		step->scale != DECIMAL_DIGITS || step->is_fixed)
		return NULL;
	memcpy(&word, at, sizeof(word));
	value->i = (int64_t)be64toh(word) >> (64 - 8 * length);
	return at + length;
}

static const struct event_list no_rows; /* of whoever has none; not to be written to */

/*
 * The kinds and forms that nearly all fields have, with the place in a register and no fault to report: where it answers
 * NULL, run_step reads the field again from its start and finds out.
 */
static inline const uint8_t *usual_step(const struct codec_step *step, const uint8_t *at,
	const uint8_t *end, struct event_value *value)
{
	/* Nulls and lists of no rows are one byte, and there may be many of them at the end. */
	if (step->null_branch && at < end && *at == (step->null_branch - 1) * 2) {
		value->is_null = true;
		return at + 1;
	}
	if (step->kind == CODEC_LIST && !step->null_branch && at < end && *at == 0) {
		value->list = (struct event_list *)(uintptr_t)&no_rows;
		return at + 1;
	}
	if (end - at < USUAL_BYTES)
		return NULL;
	if (step->null_branch && *at++ & 0xfd)
		return NULL;
	switch ((enum codec_kind)step->kind) {
	case CODEC_TEXT:
		return usual_text(at, end, value);
	case CODEC_LONG:
		return usual_number(at, &value->i);
	case CODEC_DECIMAL:
		return usual_decimal(at, end, step, value);
	case CODEC_SYMBOL:
		if (*at & 0x81 || *at >> 1 >= step->size)
			return NULL;
		*value = step->of.symbols[*at >> 1];
		return at + 1;
	case CODEC_BOOL:
		value->i = *at;
		return *at <= 1 ? at + 1 : NULL;
	default:
		return NULL;
	}
}

static bool run_record(
	struct codec_run *run, const struct codec_record *record, struct event_value *values)
{
	const uint8_t *at = run->at, *const end = run->end;

	for (uint32_t i = 0; i < record->step_count; i++) {
		const struct codec_step *step = &record->steps[i];
		const uint8_t *next = usual_step(step, at, end, values + step->target);

		if (next) {
			at = next;
			continue;
		}
		run->at = at;
		if (!run_step(run, step, values)) {
			/* The innermost field that has a name of its own. */
			if (!run->field)
				run->field = step->name;
			return false;
		}
		at = run->at;
	}
	run->at = at;
	return true;
}

/* Passing over has steps of its own kinds, and no values. */
static bool skip_record(struct codec_run *run, const struct codec_record *record)
{
	if (!pass_values(run, record->step_count))
		return false;
	for (uint32_t i = 0; i < record->step_count; i++) {
		if (skip_step(run, &record->steps[i]))
			continue;
		if (!run->field)
			run->field = record->steps[i].name;
		return false;
	}
	return true;
}

bool codec_run_record(
	struct codec_run *run, const struct codec_record *record, struct event_value *values)
{
	if (!values)
		return skip_record(run, record);
	for (uint32_t i = 0; i < record->default_count; i++)
		values[record->defaults[i].target] = record->defaults[i].value;
	return run_record(run, record, values);
}
