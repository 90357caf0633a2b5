/* Snapshots on the wire: avro-c reads by the schema what is written, and what is read back is what was written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <avro.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "any_event.h"
#include "base/asset.h"
#include "base/buffer.h"
#include "base/rng.h"
#include "edge/codec.h"

#define GOOD(call) assert_int_equal((call), 0)

/* ---- the fields, by their names in the schema ----------------------------------------------------------- */

enum kind { TEXT, NULL_TEXT, SYMBOL, DOUBLE, EXACT, LONG, BOOL, RANK, BITS };

static const struct {
	const char *name;
	enum kind kind;
	size_t offset;
} fields[] = {
#define FIELD(name, kind, member)                             \
	{                                                     \
		name, kind, offsetof(struct snapshot, member) \
	}
	FIELD("tenant_id", TEXT, tenant_id),
	FIELD("metric", TEXT, metric),
	FIELD("window", TEXT, window),
	FIELD("group_by", TEXT, group_by),
	FIELD("group_key", TEXT, group_key),
	FIELD("currency", NULL_TEXT, currency),
	FIELD("group_1", NULL_TEXT, group[0]),
	FIELD("group_2", NULL_TEXT, group[1]),
	FIELD("group_3", NULL_TEXT, group[2]),
	FIELD("group_1_label", NULL_TEXT, group_label[0]),
	FIELD("group_2_label", NULL_TEXT, group_label[1]),
	FIELD("group_3_label", NULL_TEXT, group_label[2]),
	FIELD("unit", SYMBOL, unit),
	FIELD("value", DOUBLE, value),
	FIELD("value_decimal", EXACT, value_decimal),
	FIELD("numerator", EXACT, numerator),
	FIELD("denominator", EXACT, denominator),
	FIELD("sample_size", LONG, sample_size),
	FIELD("previous_value", DOUBLE, previous_value),
	FIELD("change_pct", DOUBLE, change_pct),
	FIELD("target_value", DOUBLE, target_value),
	FIELD("attainment_pct", DOUBLE, attainment_pct),
	FIELD("pace_pct", DOUBLE, pace_pct),
	FIELD("projection", DOUBLE, projection),
	FIELD("rank", RANK, rank),
	FIELD("rank_of", RANK, rank_of),
	FIELD("previous_rank", RANK, previous_rank),
	FIELD("state", SYMBOL, state),
	FIELD("basis", SYMBOL, basis),
	FIELD("window_start", LONG, window_start_ms),
	FIELD("window_end", LONG, window_end_ms),
	FIELD("as_of", LONG, as_of_ms),
	FIELD("published_at", LONG, published_at_ms),
	FIELD("is_final", BOOL, is_final),
	FIELD("first_final_value", EXACT, first_final_value),
	FIELD("revision", LONG, revision),
	FIELD("definition", BITS, definition),
	FIELD("late_count", LONG, late_count),
	FIELD("duplicate_count", LONG, duplicate_count),
};

enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

static const char *const symbols[][9] = {
	{ "COUNT", "PERCENT", "CURRENCY", "SECONDS", "DAYS", "RATIO" },
	{ "OK", "NO_DATA", "ZERO_DENOMINATOR", "NO_BASE", "FX_MISSING", "LOW_SAMPLE", "PARTIAL",
		"CAPPED" },
	{ "EVENT", "COHORT", "CLOSED", "STOCK" },
};

static const char *any_symbol(struct rng *rng, const char *field)
{
	const char *const *list = symbols[field[0] == 'u' ? 0 : field[0] == 's' ? 1 : 2];
	size_t count = 0;

	while (count < 9 && list[count])
		count++;
	return list[rng_below(rng, count)];
}

static i128 any_exact(struct rng *rng)
{
	i128 number =
		(i128)(((u128)rng_u64(rng) << 64 | rng_u64(rng)) >> (1 + rng_below(rng, 126)));

	return rng_chance(rng, 0.5) ? number : -number;
}

static void any_field(struct rng *rng, struct arena *arena, size_t i, void *place)
{
	bool is_null = rng_chance(rng, 0.3);

	switch (fields[i].kind) {
	case TEXT:
		*(struct slice *)place = any_text(rng, arena);
		break;
	case NULL_TEXT:
		/* A currency that is blank is null on the wire, and blank again. */
		*(struct slice *)place = is_null && strcmp(fields[i].name, "currency") == 0
						 ? SLICE_LIT("")
					 : is_null ? (struct slice){ NULL, 0 }
						   : any_text(rng, arena);
		break;
	case SYMBOL:
		*(const char **)place = any_symbol(rng, fields[i].name);
		break;
	case DOUBLE:
		if (!is_null)
			*(struct snapshot_double *)place =
				(struct snapshot_double){ true, rng_unit(rng) * 1e9 - 5e8 };
		break;
	case EXACT:
		if (!is_null)
			*(struct snapshot_number *)place =
				(struct snapshot_number){ true, any_exact(rng) };
		break;
	case LONG:
		*(int64_t *)place = (int64_t)(rng_u64(rng) >> rng_below(rng, 64));
		break;
	case BOOL:
		*(bool *)place = rng_chance(rng, 0.5);
		break;
	case RANK:
		*(int32_t *)place = is_null ? 0 : (int32_t)(1 + rng_below(rng, 1000));
		break;
	case BITS:
		*(uint32_t *)place = (uint32_t)rng_u64(rng);
		break;
	}
}

static struct snapshot any_snapshot(struct rng *rng, struct arena *arena)
{
	struct snapshot snapshot = { 0 };

	for (size_t i = 0; i < FIELD_COUNT; i++)
		any_field(rng, arena, i, (char *)&snapshot + fields[i].offset);
	return snapshot;
}

/* ---- avro-c's opinion ----------------------------------------------------------------------------------- */

static avro_schema_t schema_of(const char *name)
{
	const struct asset *asset = asset_find(name);
	avro_schema_t schema;

	assert_non_null(asset);
	GOOD(avro_schema_from_json_length((const char *)asset->data, asset->len, &schema));
	return schema;
}

static void read_whole(avro_schema_t schema, const struct buffer *bytes, avro_value_t *ret)
{
	avro_value_iface_t *class = avro_generic_class_from_schema(schema);
	avro_reader_t reader = avro_reader_memory((const char *)bytes->data, (int64_t)bytes->len);
	char more;

	GOOD(avro_generic_value_new(class, ret));
	if (avro_value_read(reader, ret) != 0)
		fail_msg("%s", avro_strerror());
	assert_int_not_equal(avro_read(reader, &more, 1), 0);
	avro_reader_free(reader);
	avro_value_iface_decref(class);
}

static void assert_text(const char *name, avro_value_t *value, struct slice expected)
{
	const char *text = NULL;
	size_t size = 1;

	GOOD(avro_value_get_string(value, &text, &size));
	if (!slice_equal(expected, (struct slice){ text, size - 1 }))
		fail_msg("%s: %s", name, text);
}

static void assert_exact(const char *name, avro_value_t *value, i128 expected)
{
	const void *bytes = NULL;
	size_t size = 0;
	i128 number;

	GOOD(avro_value_get_bytes(value, &bytes, &size));
	assert_true(i128_from_be_bytes(bytes, size, &number));
	if (number != expected)
		fail_msg("%s differs", name);
}

static void assert_symbol(const char *name, avro_value_t *value, const char *expected)
{
	int symbol = 0;

	GOOD(avro_value_get_enum(value, &symbol));
	if (strcmp(avro_schema_enum_get(avro_value_get_schema(value), symbol), expected) != 0)
		fail_msg("%s: not %s", name, expected);
}

static void assert_whole(const char *name, avro_value_t *value, int64_t expected)
{
	int64_t number = 0;
	int32_t small = 0;

	if (avro_value_get_type(value) == AVRO_INT32) {
		GOOD(avro_value_get_int(value, &small));
		number = small;
	} else {
		GOOD(avro_value_get_long(value, &number));
	}
	if (number != expected)
		fail_msg("%s: %lld, not %lld", name, (long long)number, (long long)expected);
}

/* Whether the field's own value says that it is null. */
static bool is_null_here(size_t i, const void *place)
{
	switch (fields[i].kind) {
	case NULL_TEXT:
		return strcmp(fields[i].name, "currency") == 0
			       ? ((const struct slice *)place)->len == 0
			       : !((const struct slice *)place)->at;
	case DOUBLE:
		return !((const struct snapshot_double *)place)->is_set;
	case EXACT:
		return !((const struct snapshot_number *)place)->is_set;
	case RANK:
		return *(const int32_t *)place == 0;
	default:
		return false;
	}
}

static void assert_field(size_t i, avro_value_t *value, const void *place)
{
	const char *name = fields[i].name;
	double number = 0;
	int flag = 0;

	switch (fields[i].kind) {
	case TEXT:
	case NULL_TEXT:
		assert_text(name, value, *(const struct slice *)place);
		break;
	case SYMBOL:
		assert_symbol(name, value, *(const char *const *)place);
		break;
	case DOUBLE:
		GOOD(avro_value_get_double(value, &number));
		assert_memory_equal(
			&number, &((const struct snapshot_double *)place)->value, sizeof(number));
		break;
	case EXACT:
		assert_exact(name, value, ((const struct snapshot_number *)place)->units);
		break;
	case LONG:
		assert_whole(name, value, *(const int64_t *)place);
		break;
	case BOOL:
		GOOD(avro_value_get_boolean(value, &flag));
		assert_int_equal(flag, *(const bool *)place);
		break;
	case RANK:
		assert_whole(name, value, *(const int32_t *)place);
		break;
	case BITS:
		assert_whole(name, value, (int32_t) * (const uint32_t *)place);
		break;
	}
}

static void assert_record(avro_value_t *record, const struct snapshot *snapshot, bool is_key)
{
	size_t found = 0, count = 0;

	for (size_t i = 0; i < FIELD_COUNT; i++) {
		const void *place = (const char *)snapshot + fields[i].offset;
		avro_value_t value, branch;

		if (avro_value_get_by_name(record, fields[i].name, &value, NULL) != 0) {
			assert_true(is_key);
			continue;
		}
		found++;
		if (avro_value_get_type(&value) == AVRO_UNION) {
			GOOD(avro_value_get_current_branch(&value, &branch));
			assert_int_equal(
				avro_value_get_type(&branch) == AVRO_NULL, is_null_here(i, place));
			value = branch;
		}
		if (avro_value_get_type(&value) != AVRO_NULL)
			assert_field(i, &value, place);
	}
	GOOD(avro_value_get_size(record, &count));
	assert_int_equal(found, count);
}

/* ---- tests ---------------------------------------------------------------------------------------------- */

static void test_avro_reads_what_is_written(void **state)
{
	avro_schema_t schema = schema_of("kpi_snapshot.avsc");
	struct buffer _cleanup_buffer_ bytes;
	struct arena _cleanup_arena_ arena;
	struct rng rng;

	(void)state;
	buffer_init(&bytes);
	arena_init(&arena, 0);
	rng_init(&rng, 71);
	for (int i = 0; i < 500; i++) {
		struct snapshot snapshot = any_snapshot(&rng, &arena);
		avro_value_t record;

		buffer_reset(&bytes);
		codec_encode_snapshot(&snapshot, &bytes);
		read_whole(schema, &bytes, &record);
		assert_record(&record, &snapshot, false);
		avro_value_decref(&record);
		arena_reset(&arena);
	}
	avro_schema_decref(schema);
}

static void test_avro_reads_the_keys(void **state)
{
	avro_schema_t schemas[] = { schema_of("kpi_snapshot_key.avsc"),
		schema_of("kpi_history_key.avsc") };
	struct buffer _cleanup_buffer_ bytes;
	struct arena _cleanup_arena_ arena;
	struct rng rng;

	(void)state;
	buffer_init(&bytes);
	arena_init(&arena, 0);
	rng_init(&rng, 72);
	for (int i = 0; i < 200; i++) {
		struct snapshot snapshot = any_snapshot(&rng, &arena);
		avro_value_t record;

		snapshot.is_history = i % 2;
		buffer_reset(&bytes);
		codec_encode_snapshot_key(&snapshot, &bytes);
		read_whole(schemas[i % 2], &bytes, &record);
		assert_record(&record, &snapshot, true);
		avro_value_decref(&record);
		arena_reset(&arena);
	}
	avro_schema_decref(schemas[0]);
	avro_schema_decref(schemas[1]);
}

/* Equal by writing both again: the writer is proved above. */
static void assert_back(const struct buffer *bytes)
{
	struct buffer _cleanup_buffer_ again;
	struct snapshot back;

	buffer_init(&again);
	assert_int_equal(codec_decode_snapshot(buffer_slice(bytes), &back), 0);
	codec_encode_snapshot(&back, &again);
	assert_int_equal(again.len, bytes->len);
	assert_memory_equal(again.data, bytes->data, again.len);
}

static void test_back_as_it_was(void **state)
{
	struct buffer _cleanup_buffer_ bytes;
	struct arena _cleanup_arena_ arena;
	struct snapshot back;
	struct rng rng;

	(void)state;
	buffer_init(&bytes);
	arena_init(&arena, 0);
	rng_init(&rng, 73);
	for (int i = 0; i < 1000; i++) {
		struct snapshot snapshot = any_snapshot(&rng, &arena);

		buffer_reset(&bytes);
		codec_encode_snapshot(&snapshot, &bytes);
		assert_back(&bytes);
		assert_int_equal(codec_decode_snapshot(buffer_slice(&bytes), &back), 0);
		assert_true(slice_equal(back.metric, snapshot.metric));
		assert_string_equal(back.state, snapshot.state);
		assert_int_equal(back.revision, snapshot.revision);
		assert_int_equal(back.rank, snapshot.rank);
		assert_true(back.numerator.units == snapshot.numerator.units);
		arena_reset(&arena);
	}
}

static void test_life_to_date(void **state)
{
	struct buffer _cleanup_buffer_ bytes;
	struct snapshot snapshot = { .window = SLICE_LIT("all"), .window_start_ms = INT64_MIN };
	struct snapshot back;

	(void)state;
	buffer_init(&bytes);
	codec_encode_snapshot(&snapshot, &bytes);
	assert_int_equal(codec_decode_snapshot(buffer_slice(&bytes), &back), 0);
	assert_int_equal(back.window_start_ms, INT64_MIN);
	/* What was set to nothing comes back as UNKNOWN. */
	assert_string_equal(back.unit, "UNKNOWN");
	snapshot.window = SLICE_LIT("today");
	snapshot.window_start_ms = 0;
	buffer_reset(&bytes);
	codec_encode_snapshot(&snapshot, &bytes);
	assert_int_equal(codec_decode_snapshot(buffer_slice(&bytes), &back), 0);
	assert_int_equal(back.window_start_ms, 0);
}

/* No prefix, no longer value, and no changed byte is more than refused. */
static void test_wrong_values(void **state)
{
	struct buffer _cleanup_buffer_ bytes;
	struct arena _cleanup_arena_ arena;
	struct snapshot back = { .revision = 77 };
	struct rng rng;

	(void)state;
	buffer_init(&bytes);
	arena_init(&arena, 0);
	rng_init(&rng, 74);
	for (int i = 0; i < 20; i++) {
		struct snapshot snapshot = any_snapshot(&rng, &arena);

		buffer_reset(&bytes);
		codec_encode_snapshot(&snapshot, &bytes);
		for (size_t length = 0; length < bytes.len; length++) {
			char *copy = malloc(length ? length : 1);

			memcpy(copy, bytes.data, length);
			assert_int_equal(
				codec_decode_snapshot((struct slice){ copy, length }, &back), 1);
			free(copy);
		}
		for (int k = 0; k < 500; k++) {
			size_t at = rng_below(&rng, bytes.len);
			uint8_t before = bytes.data[at];
			struct snapshot any;

			bytes.data[at] = (uint8_t)rng_u64(&rng);
			codec_decode_snapshot(buffer_slice(&bytes), &any);
			bytes.data[at] = before;
		}
		buffer_put_u8(&bytes, 0);
		assert_int_equal(codec_decode_snapshot(buffer_slice(&bytes), &back), 1);
	}
	assert_int_equal(codec_decode_snapshot((struct slice){ NULL, 0 }, &back), 1);
	assert_int_equal(back.revision, 77);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_avro_reads_what_is_written),
		cmocka_unit_test(test_avro_reads_the_keys),
		cmocka_unit_test(test_back_as_it_was),
		cmocka_unit_test(test_life_to_date),
		cmocka_unit_test(test_wrong_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
