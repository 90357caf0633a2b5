/* codec_snapshot: kpi.snapshot, its keys, and the way back for whoever reads them. In the order of schemas/kpi_snapshot.avsc. */
#include <string.h>

#include "base/decimal.h"
#include "base/utf8.h"
#include "edge/codec_inside.h"

static const char *const units[] = { "UNKNOWN", "COUNT", "PERCENT", "CURRENCY", "SECONDS", "DAYS", "RATIO" };
static const char *const states[] = { "UNKNOWN", "OK", "NO_DATA", "ZERO_DENOMINATOR", "NO_BASE", "FX_MISSING", "LOW_SAMPLE", "PARTIAL",
	"CAPPED" };
static const char *const bases[] = { "UNKNOWN", "EVENT", "COHORT", "CLOSED", "STOCK" };
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* ---- writing -------------------------------------------------------------------------------------------- */

static void put_text(struct slice text, struct buffer *out)
{
	buffer_put_zigzag(out, (int64_t)text.len);
	buffer_put(out, text.at ? text.at : "", text.len);
}

static void put_text_or_null(struct slice text, bool is_null, struct buffer *out)
{
	buffer_put_zigzag(out, !is_null);
	if (!is_null)
		put_text(text, out);
}

static void put_symbol(const char *const *symbols, size_t count, const char *text, struct buffer *out)
{
	size_t i = count;

	while (--i && strcmp(symbols[i], text ? text : "") != 0)
		;
	buffer_put_zigzag(out, (int64_t)i);
}

static void put_double(struct snapshot_double d, struct buffer *out)
{
	uint64_t bits;

	buffer_put_zigzag(out, d.is_set);
	memcpy(&bits, &d.value, sizeof(bits));
	if (d.is_set)
		buffer_put_u64le(out, bits);
}

static void put_number(struct snapshot_number n, struct buffer *out)
{
	uint8_t bytes[16];
	size_t length = i128_to_be_bytes(n.units, bytes);

	buffer_put_zigzag(out, n.is_set);
	if (!n.is_set)
		return;
	buffer_put_zigzag(out, (int64_t)length);
	buffer_put(out, bytes, length);
}

static void put_rank(int32_t rank, struct buffer *out)
{
	buffer_put_zigzag(out, rank != 0);
	if (rank)
		buffer_put_zigzag(out, rank);
}

static int64_t start_of(const struct snapshot *s)
{
	return s->window_start_ms == INT64_MIN ? 0 : s->window_start_ms;
}

static void put_key(const struct snapshot *s, struct buffer *out)
{
	put_text(s->tenant_id, out);
	put_text(s->metric, out);
	put_text(s->window, out);
	put_text(s->group_by, out);
	put_text(s->group_key, out);
}

void codec_encode_snapshot_key(const struct snapshot *s, struct buffer *out)
{
	put_key(s, out);
	put_text(s->currency, out);
	if (s->is_history)
		buffer_put_zigzag(out, start_of(s));
}

void codec_encode_snapshot(const struct snapshot *s, struct buffer *out)
{
	const struct snapshot_double doubles[] = { s->previous_value, s->change_pct, s->target_value, s->attainment_pct, s->pace_pct,
		s->projection };

	put_key(s, out);
	put_text_or_null(s->currency, !s->currency.len, out);
	for (int i = 0; i < SNAPSHOT_GROUPS_MAX; i++) {
		put_text_or_null(s->group[i], !s->group[i].at, out);
		put_text_or_null(s->group_label[i], !s->group_label[i].at, out);
	}
	put_symbol(units, COUNT_OF(units), s->unit, out);
	put_double(s->value, out);
	put_number(s->value_decimal, out);
	put_number(s->numerator, out);
	put_number(s->denominator, out);
	buffer_put_zigzag(out, s->sample_size);
	for (size_t i = 0; i < COUNT_OF(doubles); i++)
		put_double(doubles[i], out);
	put_rank(s->rank, out);
	put_rank(s->rank_of, out);
	put_rank(s->previous_rank, out);
	put_symbol(states, COUNT_OF(states), s->state, out);
	put_symbol(bases, COUNT_OF(bases), s->basis, out);
	buffer_put_zigzag(out, start_of(s));
	buffer_put_zigzag(out, s->window_end_ms);
	buffer_put_zigzag(out, s->as_of_ms);
	buffer_put_zigzag(out, s->published_at_ms);
	buffer_put_u8(out, s->is_final);
	put_number(s->first_final_value, out);
	buffer_put_zigzag(out, s->revision);
	buffer_put_zigzag(out, (int32_t)s->definition);
	buffer_put_zigzag(out, s->late_count);
	buffer_put_zigzag(out, s->duplicate_count);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static struct slice get_text(struct reader *in)
{
	int64_t length = reader_zigzag(in);
	struct slice text;

	if (length < 0 || (uint64_t)length > reader_left(in)) {
		reader_fail(in);
		return (struct slice){ 0 };
	}
	text = reader_bytes(in, (size_t)length);
	if (!utf8_valid(text.at, text.len))
		reader_fail(in);
	return text;
}

/* Whether a nullable field has its value. */
static bool get_branch(struct reader *in)
{
	int64_t branch = reader_zigzag(in);

	if (branch != 0 && branch != 1)
		reader_fail(in);
	return branch == 1 && !in->bad;
}

static struct slice get_text_or_null(struct reader *in)
{
	return get_branch(in) ? get_text(in) : (struct slice){ 0 };
}

static const char *get_symbol(const char *const *symbols, size_t count, struct reader *in)
{
	int64_t index = reader_zigzag(in);

	if (index < 0 || (uint64_t)index >= count) {
		reader_fail(in);
		return symbols[0];
	}
	return symbols[index];
}

static struct snapshot_double get_double(struct reader *in)
{
	struct snapshot_double d = { .is_set = get_branch(in) };
	uint64_t bits = d.is_set ? reader_u64le(in) : 0;

	memcpy(&d.value, &bits, sizeof(bits));
	return d;
}

static struct snapshot_number get_number(struct reader *in)
{
	struct snapshot_number n = { .is_set = get_branch(in) };
	struct slice bytes;
	int64_t length;

	if (!n.is_set)
		return n;
	length = reader_zigzag(in);
	if (length < 0 || (uint64_t)length > reader_left(in)) {
		reader_fail(in);
		return n;
	}
	bytes = reader_bytes(in, (size_t)length);
	if (!i128_from_be_bytes((const uint8_t *)bytes.at, bytes.len, &n.units))
		reader_fail(in);
	return n;
}

static int32_t get_rank(struct reader *in)
{
	int64_t rank = get_branch(in) ? reader_zigzag(in) : 0;

	if (rank < INT32_MIN || rank > INT32_MAX)
		reader_fail(in);
	return (int32_t)rank;
}

static void get_values(struct snapshot *s, struct reader *in)
{
	struct snapshot_double *const doubles[] = { &s->previous_value, &s->change_pct, &s->target_value, &s->attainment_pct, &s->pace_pct,
		&s->projection };

	s->unit = get_symbol(units, COUNT_OF(units), in);
	s->value = get_double(in);
	s->value_decimal = get_number(in);
	s->numerator = get_number(in);
	s->denominator = get_number(in);
	s->sample_size = reader_zigzag(in);
	for (size_t i = 0; i < COUNT_OF(doubles); i++)
		*doubles[i] = get_double(in);
	s->rank = get_rank(in);
	s->rank_of = get_rank(in);
	s->previous_rank = get_rank(in);
	s->state = get_symbol(states, COUNT_OF(states), in);
	s->basis = get_symbol(bases, COUNT_OF(bases), in);
}

int codec_decode_snapshot(struct slice value, struct snapshot *ret)
{
	struct reader in = reader_of(value.at, value.len);
	struct snapshot s = { .revision = 0 };

	s.tenant_id = get_text(&in);
	s.metric = get_text(&in);
	s.window = get_text(&in);
	s.group_by = get_text(&in);
	s.group_key = get_text(&in);
	s.currency = get_text_or_null(&in);
	for (int i = 0; i < SNAPSHOT_GROUPS_MAX; i++) {
		s.group[i] = get_text_or_null(&in);
		s.group_label[i] = get_text_or_null(&in);
	}
	get_values(&s, &in);
	s.window_start_ms = reader_zigzag(&in);
	s.window_end_ms = reader_zigzag(&in);
	s.as_of_ms = reader_zigzag(&in);
	s.published_at_ms = reader_zigzag(&in);
	s.is_final = reader_u8(&in) != 0;
	s.first_final_value = get_number(&in);
	s.revision = reader_zigzag(&in);
	s.definition = (uint32_t)reader_zigzag(&in);
	s.late_count = reader_zigzag(&in);
	s.duplicate_count = reader_zigzag(&in);
	if (in.bad || reader_left(&in))
		return 1;
	*ret = s;
	return 0;
}
