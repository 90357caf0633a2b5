/*
 * Snapshots as Avro: one table of columns in the order of schemas/kpi_snapshot.avsc, walked by the writer and by the reader.
 * A test has avro-c read what is written here by the schema and compares field by field.
 */
#include <stddef.h>
#include <string.h>

#include "base/utf8.h"
#include "edge/codec.h"

enum column_kind {
	COLUMN_TEXT,	   /* struct slice */
	COLUMN_NULL_BLANK, /* struct slice; blank is null */
	COLUMN_NULL_TEXT,  /* struct slice; at NULL is null */
	COLUMN_SYMBOL,	   /* const char * */
	COLUMN_DOUBLE,	   /* struct snapshot_double */
	COLUMN_NUMBER,	   /* struct snapshot_number */
	COLUMN_LONG,
	COLUMN_TIME,
	COLUMN_BOOL,
	COLUMN_RANK, /* int32; 0 is null */
	COLUMN_BITS, /* uint32 as int */
};

static const char *const units[] = { "UNKNOWN", "COUNT", "PERCENT", "CURRENCY", "SECONDS", "DAYS",
	"RATIO", NULL };
static const char *const states[] = { "UNKNOWN", "OK", "NO_DATA", "ZERO_DENOMINATOR", "NO_BASE",
	"FX_MISSING", "LOW_SAMPLE", "PARTIAL", "CAPPED", NULL };
static const char *const bases[] = { "UNKNOWN", "EVENT", "COHORT", "CLOSED", "STOCK", NULL };

static const struct column {
	enum column_kind kind;
	size_t offset;
	const char *const *symbols;
} columns[] = {
#define COLUMN(kind, member)                                           \
	{                                                              \
		COLUMN_##kind, offsetof(struct snapshot, member), NULL \
	}
#define SYMBOL(member, of)                                           \
	{                                                            \
		COLUMN_SYMBOL, offsetof(struct snapshot, member), of \
	}
	COLUMN(TEXT, tenant_id),
	COLUMN(TEXT, metric),
	COLUMN(TEXT, window),
	COLUMN(TEXT, group_by),
	COLUMN(TEXT, group_key),
	COLUMN(NULL_BLANK, currency),
	COLUMN(NULL_TEXT, group[0]),
	COLUMN(NULL_TEXT, group_label[0]),
	COLUMN(NULL_TEXT, group[1]),
	COLUMN(NULL_TEXT, group_label[1]),
	COLUMN(NULL_TEXT, group[2]),
	COLUMN(NULL_TEXT, group_label[2]),
	SYMBOL(unit, units),
	COLUMN(DOUBLE, value),
	COLUMN(NUMBER, value_decimal),
	COLUMN(NUMBER, numerator),
	COLUMN(NUMBER, denominator),
	COLUMN(LONG, sample_size),
	COLUMN(DOUBLE, previous_value),
	COLUMN(DOUBLE, change_pct),
	COLUMN(DOUBLE, target_value),
	COLUMN(DOUBLE, attainment_pct),
	COLUMN(DOUBLE, pace_pct),
	COLUMN(DOUBLE, projection),
	COLUMN(RANK, rank),
	COLUMN(RANK, rank_of),
	COLUMN(RANK, previous_rank),
	SYMBOL(state, states),
	SYMBOL(basis, bases),
	COLUMN(TIME, window_start_ms),
	COLUMN(TIME, window_end_ms),
	COLUMN(TIME, as_of_ms),
	COLUMN(TIME, published_at_ms),
	COLUMN(BOOL, is_final),
	COLUMN(NUMBER, first_final_value),
	COLUMN(LONG, revision),
	COLUMN(BITS, definition),
	COLUMN(LONG, late_count),
	COLUMN(LONG, duplicate_count),
};

/* ---- writing -------------------------------------------------------------------------------------------- */

static void put_text(struct slice text, struct buffer *out)
{
	buffer_put_zigzag(out, (int64_t)text.len);
	buffer_put(out, text.at, text.len);
}

/* The branch of a union of null and something; answers whether something follows. */
static bool put_branch(bool is_there, struct buffer *out)
{
	buffer_put_zigzag(out, is_there);
	return is_there;
}

/* Life to date begins at no time: the wire's 0. */
static int64_t time_on_wire(int64_t ms)
{
	return ms == INT64_MIN ? 0 : ms;
}

static void put_double(double value, struct buffer *out)
{
	uint64_t bits;

	memcpy(&bits, &value, sizeof(bits));
	buffer_put_u64le(out, bits);
}

static void put_number(i128 units_of, struct buffer *out)
{
	uint8_t bytes[16];
	size_t length = i128_to_be_bytes(units_of, bytes);

	buffer_put_zigzag(out, (int64_t)length);
	buffer_put(out, bytes, length);
}

static void put_symbol(const char *const *symbols, const char *text, struct buffer *out)
{
	int64_t found = 0;

	for (int64_t i = 0; text && symbols[i]; i++)
		if (strcmp(symbols[i], text) == 0)
			found = i;
	buffer_put_zigzag(out, found);
}

static void put_column(const struct column *column, const void *place, struct buffer *out)
{
	const struct slice *text = place;
	const struct snapshot_double *number = place;
	const struct snapshot_number *exact = place;

	switch (column->kind) {
	case COLUMN_TEXT:
		put_text(*text, out);
		break;
	case COLUMN_NULL_BLANK:
		if (put_branch(text->len > 0, out))
			put_text(*text, out);
		break;
	case COLUMN_NULL_TEXT:
		if (put_branch(text->at != NULL, out))
			put_text(*text, out);
		break;
	case COLUMN_SYMBOL:
		put_symbol(column->symbols, *(const char *const *)place, out);
		break;
	case COLUMN_DOUBLE:
		if (put_branch(number->is_set, out))
			put_double(number->value, out);
		break;
	case COLUMN_NUMBER:
		if (put_branch(exact->is_set, out))
			put_number(exact->units, out);
		break;
	case COLUMN_LONG:
		buffer_put_zigzag(out, *(const int64_t *)place);
		break;
	case COLUMN_TIME:
		buffer_put_zigzag(out, time_on_wire(*(const int64_t *)place));
		break;
	case COLUMN_BOOL:
		buffer_put_u8(out, *(const bool *)place);
		break;
	case COLUMN_RANK:
		if (put_branch(*(const int32_t *)place != 0, out))
			buffer_put_zigzag(out, *(const int32_t *)place);
		break;
	case COLUMN_BITS:
		buffer_put_zigzag(out, (int32_t) * (const uint32_t *)place);
		break;
	}
}

void codec_encode_snapshot(const struct snapshot *snapshot, struct buffer *out)
{
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		put_column(&columns[i], (const char *)snapshot + columns[i].offset, out);
}

void codec_encode_snapshot_key(const struct snapshot *snapshot, struct buffer *out)
{
	put_text(snapshot->tenant_id, out);
	put_text(snapshot->metric, out);
	put_text(snapshot->window, out);
	put_text(snapshot->group_by, out);
	put_text(snapshot->group_key, out);
	put_text(snapshot->currency, out);
	if (snapshot->is_history)
		buffer_put_zigzag(out, time_on_wire(snapshot->window_start_ms));
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static struct slice take_text(struct reader *in)
{
	int64_t length = reader_zigzag(in);

	if (length < 0)
		reader_fail(in);
	struct slice text = in->bad ? (struct slice){ NULL, 0 } : reader_bytes(in, (size_t)length);

	if (!in->bad && !utf8_valid(text.at, text.len))
		reader_fail(in);
	return in->bad ? (struct slice){ NULL, 0 } : text;
}

static bool take_branch(struct reader *in)
{
	int64_t branch = reader_zigzag(in);

	if (branch != 0 && branch != 1)
		reader_fail(in);
	return !in->bad && branch == 1;
}

static const char *take_symbol(struct reader *in, const char *const *symbols)
{
	int64_t index = reader_zigzag(in), count = 0;

	while (symbols[count])
		count++;
	if (in->bad || index < 0 || index >= count) {
		reader_fail(in);
		return symbols[0];
	}
	return symbols[index];
}

static struct snapshot_double take_double(struct reader *in)
{
	struct snapshot_double number = { .is_set = take_branch(in) };

	if (number.is_set) {
		uint64_t bits = reader_u64le(in);

		memcpy(&number.value, &bits, sizeof(bits));
	}
	return number;
}

static struct snapshot_number take_exact(struct reader *in)
{
	struct snapshot_number number = { .is_set = take_branch(in) };

	if (!number.is_set)
		return number;
	int64_t length = reader_zigzag(in);

	if (length < 0)
		reader_fail(in);
	struct slice bytes = in->bad ? (struct slice){ NULL, 0 } : reader_bytes(in, (size_t)length);

	if (!in->bad && !i128_from_be_bytes((const uint8_t *)bytes.at, bytes.len, &number.units))
		reader_fail(in);
	return number;
}

static int32_t take_int(struct reader *in)
{
	int64_t number = reader_zigzag(in);

	if (number < INT32_MIN || number > INT32_MAX)
		reader_fail(in);
	return in->bad ? 0 : (int32_t)number;
}

static bool take_bool(struct reader *in)
{
	uint8_t byte = reader_u8(in);

	if (byte > 1)
		reader_fail(in);
	return byte == 1;
}

static void take_column(const struct column *column, struct reader *in, void *place)
{
	switch (column->kind) {
	case COLUMN_TEXT:
		*(struct slice *)place = take_text(in);
		break;
	case COLUMN_NULL_BLANK:
		*(struct slice *)place = take_branch(in) ? take_text(in) : SLICE_LIT("");
		break;
	case COLUMN_NULL_TEXT:
		*(struct slice *)place =
			take_branch(in) ? take_text(in) : (struct slice){ NULL, 0 };
		break;
	case COLUMN_SYMBOL:
		*(const char **)place = take_symbol(in, column->symbols);
		break;
	case COLUMN_DOUBLE:
		*(struct snapshot_double *)place = take_double(in);
		break;
	case COLUMN_NUMBER:
		*(struct snapshot_number *)place = take_exact(in);
		break;
	case COLUMN_LONG:
	case COLUMN_TIME:
		*(int64_t *)place = reader_zigzag(in);
		break;
	case COLUMN_BOOL:
		*(bool *)place = take_bool(in);
		break;
	case COLUMN_RANK:
		*(int32_t *)place = take_branch(in) ? take_int(in) : 0;
		break;
	case COLUMN_BITS:
		*(uint32_t *)place = (uint32_t)take_int(in);
		break;
	}
}

int codec_decode_snapshot(struct slice value, struct snapshot *ret)
{
	struct reader in = reader_of(value.at, value.len);
	struct snapshot snapshot = { 0 };

	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		take_column(&columns[i], &in, (char *)&snapshot + columns[i].offset);
	if (in.bad || reader_left(&in))
		return 1;
	if (slice_is(snapshot.window, "all") && snapshot.window_start_ms == 0)
		snapshot.window_start_ms = INT64_MIN;
	*ret = snapshot;
	return 0;
}
