#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/asset.h"
#include "base/buffer.h"
#include "base/rng.h"
#include "edge/codec.h"
#include "edge/codec_inside.h"
#include "any_event.h"

enum { VALUE_BYTES_MAX = 1 << 20 };

struct fixture {
	struct schema_store *store;
	struct codec *codec;
	struct arena arena;
	struct buffer bytes;
	struct event event;
	char reason[CODEC_REASON_MAX];
	char folder[64];
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->store = schema_store_new(NULL);
	f->codec = codec_new(f->store, CODEC_AUTO, VALUE_BYTES_MAX);
	arena_init(&f->arena, 0);
	buffer_init(&f->bytes);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	codec_free(f->codec);
	schema_store_free(f->store);
	arena_deinit(&f->arena);
	buffer_deinit(&f->bytes);
	free(f);
	return 0;
}

static enum codec_answer decode(struct fixture *f, enum entity_type type, struct slice value)
{
	f->reason[0] = '\0';
	return codec_decode_event(f->codec, type, value, &f->arena, &f->event, f->reason);
}

static void assert_reason(const struct fixture *f, const char *part)
{
	if (!strstr(f->reason, part))
		fail_msg("«%s» does not say «%s»", f->reason, part);
}

/* ---- the built-in schemas ------------------------------------------------------------------------------- */

static void test_round_trip(void **state)
{
	struct fixture *f = *state;
	struct rng rng;

	rng_init(&rng, 41);
	for (int i = 0; i < 3000; i++) {
		enum entity_type type = (enum entity_type)(i % ENTITY_TYPE_COUNT);
		struct event *event = codec_any_event(&rng, &f->arena, type);

		buffer_reset(&f->bytes);
		codec_encode_event(event, &f->bytes);
		assert_int_equal(decode(f, type, buffer_slice(&f->bytes)), CODEC_OK);
		assert_events_equal(event, &f->event);
		arena_reset(&f->arena);
	}
}

static void test_blank_event_is_the_types_blanks(void **state)
{
	struct fixture *f = *state;
	struct event event;

	event_init(&event, ENTITY_DEAL, &f->arena);
	event.event_id = SLICE_LIT("e");
	codec_encode_event(&event, &f->bytes);
	assert_int_equal(decode(f, ENTITY_DEAL, buffer_slice(&f->bytes)), CODEC_OK);
	assert_true(slice_is(event_field(&f->event, "status")->text, "UNKNOWN"));
	assert_int_equal(event_field(&f->event, "amount")->i, 0);
	assert_false(event_field(&f->event, "amount")->is_null);
	assert_true(event_field(&f->event, "list_amount")->is_null);
	assert_int_equal(event_field(&f->event, "splits")->list->count, 0);
}

/* Every prefix of a body is refused, with a reason, and reads nothing behind its end. */
static void test_cut_at_every_byte(void **state)
{
	struct fixture *f = *state;
	struct rng rng;

	rng_init(&rng, 42);
	for (int i = 0; i < 60; i++) {
		enum entity_type type = (enum entity_type)(i % ENTITY_TYPE_COUNT);

		buffer_reset(&f->bytes);
		codec_encode_event(codec_any_event(&rng, &f->arena, type), &f->bytes);
		for (size_t length = 0; length < f->bytes.len; length++) {
			char *copy = malloc(length ? length : 1);

			memcpy(copy, f->bytes.data, length);
			assert_int_equal(
				decode(f, type, (struct slice){ copy, length }), CODEC_BAD);
			assert_true(strlen(f->reason) > 10);
			free(copy);
		}
		buffer_put_u8(&f->bytes, 0);
		assert_int_equal(decode(f, type, buffer_slice(&f->bytes)), CODEC_BAD);
		assert_reason(f, "1 bytes too many behind the");
		arena_reset(&f->arena);
	}
}

/* A byte changed anywhere is an answer, never a crash (ASan and UBSan watch). */
static void test_any_byte_changed(void **state)
{
	struct fixture *f = *state;
	struct rng rng;

	rng_init(&rng, 43);
	for (int i = 0; i < 20000; i++) {
		enum entity_type type = (enum entity_type)rng_below(&rng, ENTITY_TYPE_COUNT);

		buffer_reset(&f->bytes);
		codec_encode_event(codec_any_event(&rng, &f->arena, type), &f->bytes);
		for (uint64_t changes = 1 + rng_below(&rng, 3); changes > 0; changes--)
			f->bytes.data[rng_below(&rng, f->bytes.len)] = (uint8_t)rng_u64(&rng);
		enum codec_answer answer = decode(f, type, buffer_slice(&f->bytes));

		assert_true(answer == CODEC_OK || strlen(f->reason) > 10);
		arena_reset(&f->arena);
	}
}

/* ---- hostile bodies ------------------------------------------------------------------------------------- */

static void put_start(struct buffer *out)
{
	static const char *const texts[] = { "event", "tenant", "deal-1" };

	buffer_reset(out);
	for (int i = 0; i < 3; i++) {
		buffer_put_zigzag(out, (int64_t)strlen(texts[i]));
		buffer_put_text(out, texts[i]);
	}
}

static void assert_refused(struct fixture *f, enum entity_type type, const char *part)
{
	assert_int_equal(decode(f, type, buffer_slice(&f->bytes)), CODEC_BAD);
	assert_reason(f, part);
}

static void test_six_byte_bomb(void **state)
{
	static const uint8_t bomb[] = { 0xfe, 0xff, 0xff, 0xff, 0x0f, 0x41 };
	struct fixture *f = *state;

	/* A text of 2 GiB, in 6 bytes. */
	buffer_put(&f->bytes, bomb, sizeof(bomb));
	assert_refused(f, ENTITY_DEAL, "event_id: a length that is negative or more");
	assert_true(arena_used_bytes(&f->arena) < 4096);
}

static void test_absurd_lengths(void **state)
{
	static const int64_t lengths[] = { -1, INT64_MIN, INT64_MAX, INT32_MAX, (int64_t)1 << 32,
		17 };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		put_start(&f->bytes);
		buffer_put_zigzag(&f->bytes, EVENT_CREATE);
		buffer_put_zigzag(&f->bytes, 1);
		buffer_put_zigzag(&f->bytes, 1);
		buffer_put_zigzag(&f->bytes, lengths[i]); /* source */
		buffer_put_text(&f->bytes, "sixteen bytes...");
		assert_refused(f, ENTITY_DEAL, "source: a length");
	}
}

static void test_numbers_that_are_none(void **state)
{
	static const uint8_t eleven[] = { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
		0x80, 0 };
	static const uint8_t too_large[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		2 };
	struct fixture *f = *state;

	put_start(&f->bytes);
	buffer_put(&f->bytes, eleven, sizeof(eleven));
	assert_refused(f, ENTITY_DEAL, "op: not a number");
	put_start(&f->bytes);
	buffer_put(&f->bytes, too_large, sizeof(too_large));
	assert_refused(f, ENTITY_DEAL, "op: not a number");
}

static void test_symbols_and_branches_that_are_none(void **state)
{
	static const int64_t wrong[] = { -1, 8, INT32_MIN, INT32_MAX };
	struct fixture *f = *state;

	for (size_t i = 0; i < 4; i++) {
		put_start(&f->bytes);
		buffer_put_zigzag(&f->bytes, wrong[i]);
		assert_refused(f, ENTITY_DEAL, "op: no such symbol");
	}
	/* 2^32 narrowed would be the symbol 0. */
	put_start(&f->bytes);
	buffer_put_zigzag(&f->bytes, (int64_t)1 << 32);
	assert_refused(f, ENTITY_DEAL, "op: not a number");
	for (size_t i = 0; i < 4; i++) {
		put_start(&f->bytes);
		for (int k = 0; k < 5; k++)
			buffer_put_zigzag(&f->bytes, 0);
		buffer_put_zigzag(&f->bytes, i == 1 ? 2 : wrong[i]);
		assert_refused(f, ENTITY_DEAL, "actor_id: no such branch");
	}
}

static void put_envelope(struct buffer *out, int64_t merged_count)
{
	put_start(out);
	for (int k = 0; k < 6; k++)
		buffer_put_zigzag(out, 0); /* op … actor_id */
	if (merged_count)
		buffer_put_zigzag(out, merged_count);
}

static void test_counts_that_are_lies(void **state)
{
	static const int64_t counts[] = { 2, 1 << 20, INT64_MAX };
	struct fixture *f = *state;

	for (size_t i = 0; i < 3; i++) {
		put_envelope(&f->bytes, counts[i]);
		buffer_put_u8(&f->bytes, 2);
		assert_refused(f, ENTITY_DEAL, "merged_ids: a count");
	}
	/* The least int64 has no positive. */
	put_envelope(&f->bytes, INT64_MIN);
	buffer_put_zigzag(&f->bytes, 0);
	assert_refused(f, ENTITY_DEAL, "merged_ids: a count");
	put_envelope(&f->bytes, -1);
	buffer_put_zigzag(&f->bytes, -1);
	assert_refused(f, ENTITY_DEAL, "merged_ids: a length");
	put_envelope(&f->bytes, 5000);
	for (int i = 0; i < 6000; i++)
		buffer_put_u8(&f->bytes, 0);
	assert_refused(f, ENTITY_DEAL, "merged_ids: too many rows");
	/* Many blocks of one must not take more than their rows. */
	put_envelope(&f->bytes, 0);
	for (int i = 0; i < 6000; i++) {
		buffer_put_zigzag(&f->bytes, 1);
		buffer_put_zigzag(&f->bytes, 0);
	}
	arena_reset(&f->arena);
	assert_refused(f, ENTITY_DEAL, "merged_ids: too many rows");
	assert_true(arena_used_bytes(&f->arena) < 1 << 20);
}

static void test_no_room_in_the_arena(void **state)
{
	struct fixture *f = *state;
	struct arena small;
	struct rng rng;
	struct event event;

	rng_init(&rng, 44);
	codec_encode_event(codec_any_event(&rng, &f->arena, ENTITY_DEAL), &f->bytes);
	for (size_t limit = 16; limit < 2600; limit += 16) {
		arena_init(&small, limit);
		enum codec_answer answer = codec_decode_event(
			f->codec, ENTITY_DEAL, buffer_slice(&f->bytes), &small, &event, f->reason);

		if (answer != CODEC_OK)
			assert_reason(f, "no room left in the batch");
		assert_true(answer == CODEC_OK || answer == CODEC_BAD);
		arena_deinit(&small);
	}
}

static void test_text_that_is_not_utf8(void **state)
{
	struct fixture *f = *state;

	buffer_put_zigzag(&f->bytes, 3);
	buffer_put_text(&f->bytes, "a\xff"
				   "b");
	buffer_put_text(&f->bytes, "some more bytes behind it");
	assert_refused(f, ENTITY_CALL, "event_id: not valid UTF-8");
}

static void test_value_that_is_too_long_or_none(void **state)
{
	struct fixture *f = *state;
	char *large = calloc(1, VALUE_BYTES_MAX + 1);

	assert_int_equal(
		decode(f, ENTITY_DEAL, (struct slice){ large, VALUE_BYTES_MAX + 1 }), CODEC_BAD);
	assert_reason(f, "1048577 bytes; 1048576 are allowed");
	free(large);
	assert_int_equal(decode(f, ENTITY_DEAL, (struct slice){ NULL, 0 }), CODEC_BAD);
	assert_reason(f, "tombstone");
	assert_int_equal(decode(f, ENTITY_DEAL, SLICE_LIT("")), CODEC_BAD);
	assert_reason(f, "event_id: the body ends here");
}

/* ---- other schemas -------------------------------------------------------------------------------------- */

#define ENVELOPE_FIELDS                                                                            \
	"{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"tenant_id\",\"type\":\"string\"}" \
	","                                                                                        \
	"{\"name\":\"entity_id\",\"type\":\"string\"},{\"name\":\"op\",\"type\":\"string\"},"      \
	"{\"name\":\"occurred_at\",\"type\":\"long\"},{\"name\":\"source_version\",\"type\":"      \
	"\"int\"}"
#define SCHEMA(name, fields) \
	"{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[" ENVELOPE_FIELDS fields "]}"

static struct codec_plan *plan_of(struct fixture *f, const char *schema)
{
	struct codec_plan *plan = codec_plan_new(slice_of(schema), f->reason);

	if (!plan)
		fail_msg("%s", f->reason);
	return plan;
}

static void put_text(struct buffer *out, const char *text)
{
	buffer_put_zigzag(out, (int64_t)strlen(text));
	buffer_put_text(out, text);
}

static void put_small_envelope(struct buffer *out)
{
	buffer_reset(out);
	put_text(out, "event");
	put_text(out, "tenant");
	put_text(out, "entity");
	put_text(out, "UPDATE");
	buffer_put_zigzag(out, 1000);
	buffer_put_zigzag(out, 7);
}

static enum codec_answer run_plan(struct fixture *f, struct codec_plan *plan)
{
	return codec_plan_decode(
		plan, buffer_slice(&f->bytes), NULL, &f->arena, &f->event, f->reason);
}

/* One field of a type of the writer's own, its bytes, and what becomes of it. */
static void expect_number(struct fixture *f, const char *record, const char *field,
	const char *type, const void *bytes, size_t count, int64_t expected)
{
	char schema[1024];

	snprintf(schema, sizeof(schema),
		"{\"type\":\"record\",\"name\":\"%s\",\"fields\":[" ENVELOPE_FIELDS
		",{\"name\":\"%s\",\"type\":%s}]}",
		record, field, type);
	struct codec_plan *plan = plan_of(f, schema);

	put_small_envelope(&f->bytes);
	buffer_put(&f->bytes, bytes, count);
	enum codec_answer answer = run_plan(f, plan);

	if (answer != CODEC_OK)
		fail_msg("%s %s: %s", field, type, f->reason);
	if (event_field(&f->event, field)->i != expected)
		fail_msg("%s %s: %lld, not %lld", field, type,
			(long long)event_field(&f->event, field)->i, (long long)expected);
	codec_plan_free(plan);
}

#define BYTES(...) (const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ })

static void test_conversions(void **state)
{
	struct fixture *f = *state;
	double half = 12.3456;
	float quarter = 0.25f;

	expect_number(f, "call", "talk_ms", "\"int\"", BYTES(0x10), 8);
	expect_number(f, "call", "initiated_at",
		"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", BYTES(0xd0, 0x0f), 1);
	expect_number(f, "call", "initiated_at",
		"{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", BYTES(0x01), -1);
	expect_number(f, "call", "initiated_at",
		"{\"type\":\"long\",\"logicalType\":\"acme-stardate\"}", BYTES(0x04), 2);
	expect_number(f, "lead", "score", "\"int\"", BYTES(0x06), 30000);
	expect_number(f, "lead", "score", "[\"null\",\"long\"]", BYTES(0x02, 0x05), -30000);
	expect_number(f, "lead", "score", "\"double\"", &half, sizeof(half), 123456);
	expect_number(f, "lead", "score", "[\"float\",\"null\"]", BYTES(0, 0, 0, 0x80, 0x3e), 2500);
	expect_number(f, "lead", "score", "\"float\"", &quarter, sizeof(quarter), 2500);
	expect_number(
		f, "lead", "score", "[\"string\",\"null\",\"int\"]", BYTES(0x04, 0x02), 10000);
	expect_number(f, "deal", "amount",
		"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":20,\"scale\":2}",
		BYTES(0x04, 0x01, 0x00), 25600);
	expect_number(f, "deal", "amount",
		"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":20,\"scale\":6}",
		BYTES(0x04, 0xff, 0x9c), -1);
	expect_number(f, "deal", "amount",
		"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9}",
		BYTES(0x02, 0x03), 30000);
	expect_number(f, "deal", "amount",
		"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":18,\"scale\":4}",
		BYTES(0x00), 0);
	expect_number(f, "deal", "amount",
		"{\"type\":\"fixed\",\"name\":\"m\",\"size\":3,\"logicalType\":\"decimal\","
		"\"precision\":6,\"scale\":4}",
		BYTES(0xff, 0xff, 0xfe), -2);
	expect_number(f, "deal", "amount",
		"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":38,\"scale\":4}",
		BYTES(0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0x01, 0x01), 257);
	expect_number(f, "rep", "active_from", "{\"type\":\"int\",\"logicalType\":\"date\"}",
		BYTES(0x08), 4);
}

static void expect_refused(struct fixture *f, const char *record, const char *field,
	const char *type, const void *bytes, size_t count, const char *part)
{
	char schema[1024];

	snprintf(schema, sizeof(schema),
		"{\"type\":\"record\",\"name\":\"%s\",\"fields\":[" ENVELOPE_FIELDS
		",{\"name\":\"%s\",\"type\":%s}]}",
		record, field, type);
	struct codec_plan *plan = plan_of(f, schema);

	put_small_envelope(&f->bytes);
	buffer_put(&f->bytes, bytes, count);
	assert_int_equal(run_plan(f, plan), CODEC_BAD);
	assert_reason(f, part);
	codec_plan_free(plan);
}

static void test_values_out_of_range(void **state)
{
	struct fixture *f = *state;
	const double huge = 1e300, not_a_number = strtod("nan", NULL);
	const char *money =
		"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":38,\"scale\":4}";

	expect_refused(f, "deal", "amount", money, BYTES(0x12, 0, 0x80, 0, 0, 0, 0, 0, 0, 0),
		"amount: out of range");
	expect_refused(f, "deal", "amount", money,
		BYTES(0x22, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
		"amount: out of range");
	expect_refused(f, "deal", "amount",
		"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":18,\"scale\":0}",
		BYTES(0x10, 0x0f, 0, 0, 0, 0, 0, 0, 0), "amount: out of range");
	expect_refused(f, "deal", "amount",
		"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":18,\"scale\":6}",
		BYTES(0x02, 0x07), "amount: more than four digits behind the point");
	expect_refused(
		f, "lead", "score", "\"double\"", &huge, sizeof(huge), "score: out of range");
	expect_refused(f, "lead", "score", "\"double\"", &not_a_number, sizeof(not_a_number),
		"score: out of range");
	expect_refused(f, "lead", "score", "\"long\"",
		BYTES(0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
		"score: out of range");
	expect_refused(f, "opportunity", "stage_order", "\"int\"",
		BYTES(0x80, 0x80, 0x80, 0x80, 0x10), "stage_order: not a number");
	expect_refused(f, "lead", "score", "[\"string\",\"int\"]", BYTES(0, 0x02, 'x'),
		"score: a value of a type");
	expect_refused(f, "call", "transferred", "\"boolean\"", BYTES(2), "transferred: a boolean");
	expect_refused(f, "deal", "splits",
		"{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"s\",\"fields\":["
		"{\"name\":\"credit_pct\",\"type\":\"double\"}]}}",
		BYTES(0x02, 0, 0, 0, 0, 0, 0, 0xf0, 0x7f, 0), "credit_pct: out of range");
}

static void expect_unusable(struct fixture *f, const char *schema, const char *part)
{
	struct codec_plan *plan = codec_plan_new(slice_of(schema), f->reason);

	assert_null(plan);
	assert_reason(f, part);
}

static void test_schemas_that_cannot_be_used(void **state)
{
	struct fixture *f = *state;

	expect_unusable(f, "", "not JSON");
	expect_unusable(f, "{\"type\":", "not JSON: 1:");
	expect_unusable(f, "\"string\"", "of a string, not of a record");
	expect_unusable(f, "[\"null\"]", "of a union, not of a record");
	expect_unusable(f, "{\"type\":\"record\",\"name\":\"deal\"}", "no fields");
	expect_unusable(f, "{\"type\":\"record\",\"name\":\"invoice\",\"fields\":[]}",
		"record invoice is none of");
	expect_unusable(
		f, "{\"type\":\"record\",\"name\":\"deal\",\"fields\":[]}", "no field event_id");
	expect_unusable(f, "{\"type\":\"record\",\"name\":\"de al\",\"fields\":[]}", "proper name");
	expect_unusable(f, SCHEMA("deal", ",{\"name\":\"amount\",\"type\":\"double\"}"),
		"amount: the schema's double can't be read as money");
	expect_unusable(f, SCHEMA("deal", ",{\"name\":\"amount\",\"type\":\"long\"}"),
		"amount: the schema's long can't be read as money");
	expect_unusable(f, SCHEMA("deal", ",{\"name\":\"amount\",\"type\":\"bytes\"}"),
		"amount: the schema's bytes can't be read as money");
	expect_unusable(f,
		SCHEMA("deal", ",{\"name\":\"won_at\",\"type\":{\"type\":\"long\","
			       "\"logicalType\":\"local-timestamp-millis\"}}"),
		"won_at: the schema's long local-timestamp-millis can't be read as time");
	expect_unusable(f, SCHEMA("rep", ",{\"name\":\"active_from\",\"type\":\"long\"}"),
		"active_from: the schema's long can't be read as date");
	expect_unusable(f, SCHEMA("deal", ",{\"name\":\"x\",\"type\":\"nothing_known\"}"),
		"doesn't say what nothing_known is");
	expect_unusable(
		f, SCHEMA("deal", ",{\"name\":\"x\",\"type\":7}"), "where a type should be");
	expect_unusable(f, SCHEMA("deal", ",{\"name\":\"amount\",\"type\":[\"null\",\"string\"]}"),
		"amount: the schema's union can't be read as money");
	expect_unusable(f,
		SCHEMA("deal",
			",{\"name\":\"x\",\"type\":{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[]"
			"}},"
			"{\"name\":\"y\",\"type\":{\"type\":\"fixed\",\"name\":\"e\",\"size\":1}}"),
		"defines e twice");
	expect_unusable(f, SCHEMA("deal", ",{\"name\":\"event_id\",\"type\":\"string\"}"),
		"event_id twice");
}

static void test_aliases(void **state)
{
	struct fixture *f = *state;
	struct codec_plan *plan = plan_of(
		f, SCHEMA("com.acme.deal",
			   ",{\"name\":\"seller\",\"aliases\":[\"owner_id\"],\"type\":\"string\"},"
			   "{\"name\":\"state\",\"aliases\":[\"status\"],\"type\":\"string\"}"));

	put_small_envelope(&f->bytes);
	put_text(&f->bytes, "ana");
	put_text(&f->bytes, "WON");
	assert_int_equal(run_plan(f, plan), CODEC_OK);
	assert_true(slice_is(event_field(&f->event, "owner_id")->text, "ana"));
	assert_true(slice_is(event_field(&f->event, "status")->text, "WON"));
	assert_int_equal(f->event.op, EVENT_UPDATE);
	/* What is missing: the default of the built-in schema, or null. */
	assert_true(event_field(&f->event, "currency")->is_null);
	assert_int_equal(event_field(&f->event, "items")->list->count, 0);
	put_small_envelope(&f->bytes);
	put_text(&f->bytes, "ana");
	put_text(&f->bytes, "HALF_WON");
	assert_int_equal(run_plan(f, plan), CODEC_OK);
	assert_true(slice_is(event_field(&f->event, "status")->text, "UNKNOWN"));
	codec_plan_free(plan);
	plan = plan_of(f, SCHEMA("rep", ""));
	put_small_envelope(&f->bytes);
	assert_int_equal(run_plan(f, plan), CODEC_OK);
	assert_int_equal(event_field(&f->event, "quota_carrying")->i, 1);
	assert_false(event_field(&f->event, "quota_carrying")->is_null);
	codec_plan_free(plan);
	for (int i = 0; i < ENTITY_TYPE_COUNT; i++) {
		char schema[1024];

		snprintf(schema, sizeof(schema), SCHEMA("%s", ""), model_table[i].name);
		codec_plan_free(plan_of(f, schema));
	}
}

/* What a later version of our schemas may say: aliases of a renamed field, defaults of every type. */
static void test_our_own_aliases_and_defaults(void **state)
{
	static const char built_in[] =
		"{\"type\":\"record\",\"name\":\"opportunity\",\"fields\":["
		"{\"name\":\"stage_id\",\"aliases\":[\"phase\",\"step\"],\"type\":\"string\"},"
		"{\"name\":\"stage_name\",\"type\":\"string\",\"default\":\"somewhere\"},"
		"{\"name\":\"stage_order\",\"type\":\"int\",\"default\":7},"
		"{\"name\":\"status\",\"type\":\"string\",\"default\":\"OPEN\"},"
		"{\"name\":\"stage_entered_at\",\"type\":\"long\",\"default\":-5}]}";
	struct fixture *f = *state;
	json_t *ours = json_loads(built_in, 0, NULL);
	struct codec_plan *plan = codec_plan_against(
		slice_of(SCHEMA("opportunity", ",{\"name\":\"step\",\"type\":\"string\"}")), ours,
		f->reason);

	assert_non_null(ours);
	assert_non_null(plan);
	put_small_envelope(&f->bytes);
	put_text(&f->bytes, "demo");
	assert_int_equal(run_plan(f, plan), CODEC_OK);
	assert_true(slice_is(event_field(&f->event, "stage_id")->text, "demo"));
	assert_true(slice_is(event_field(&f->event, "stage_name")->text, "somewhere"));
	assert_int_equal(event_field(&f->event, "stage_order")->i, 7);
	assert_true(slice_is(event_field(&f->event, "status")->text, "OPEN"));
	assert_int_equal(event_field(&f->event, "stage_entered_at")->i, -5);
	assert_true(event_field(&f->event, "amount")->is_null);
	codec_plan_free(plan);
	/* A name goes before an alias, whichever comes first. */
	plan = codec_plan_against(
		slice_of(SCHEMA("opportunity", ",{\"name\":\"step\",\"type\":\"string\"},"
					       "{\"name\":\"stage_id\",\"type\":\"string\"}")),
		ours, f->reason);
	put_text(&f->bytes, "offer");
	assert_int_equal(run_plan(f, plan), CODEC_OK);
	assert_true(slice_is(event_field(&f->event, "stage_id")->text, "offer"));
	codec_plan_free(plan);
	json_decref(ours);
	ours = json_loads("{\"fields\":[{\"name\":\"amount\",\"default\":\"5\"}]}", 0, NULL);
	assert_null(codec_plan_against(slice_of(SCHEMA("opportunity", "")), ours, f->reason));
	assert_reason(f, "amount: the built-in schema's default can't be read");
	json_decref(ours);
}

static void test_envelope_that_is_null(void **state)
{
	struct fixture *f = *state;
	struct codec_plan *plan =
		plan_of(f, "{\"type\":\"record\",\"name\":\"rep\",\"fields\":[{\"name\":\"event_"
			   "id\",\"type\":\"string\"},"
			   "{\"name\":\"tenant_id\",\"type\":\"string\"},{\"name\":\"entity_id\","
			   "\"type\":\"string\"},"
			   "{\"name\":\"op\",\"type\":\"string\"},{\"name\":\"occurred_at\","
			   "\"type\":[\"null\",\"long\"]},"
			   "{\"name\":\"source_version\",\"type\":\"int\"},{\"name\":\"ext\","
			   "\"type\":[\"null\","
			   "{\"type\":\"map\",\"values\":[\"null\",\"string\"]}]}]}");

	buffer_reset(&f->bytes);
	for (int i = 0; i < 3; i++)
		put_text(&f->bytes, "id");
	put_text(&f->bytes, "UPDATE");
	buffer_put_zigzag(&f->bytes, 0);
	buffer_put_zigzag(&f->bytes, 3);
	buffer_put_zigzag(&f->bytes, 0);
	assert_int_equal(run_plan(f, plan), CODEC_BAD);
	assert_reason(f, "occurred_at: null");
	codec_plan_free(plan);
}

/* ---- fields that are passed over, hostile ones ---------------------------------------------------------- */

static void test_nesting_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct codec_plan *plan =
		plan_of(f, SCHEMA("rep", ",{\"name\":\"x\",\"type\":{\"type\":\"record\",\"name\":"
					 "\"chain\",\"fields\":["
					 "{\"name\":\"next\",\"type\":[\"null\",\"chain\"]}]}}"));

	put_small_envelope(&f->bytes);
	for (int i = 0; i < 20; i++)
		buffer_put_u8(&f->bytes, 2);
	buffer_put_u8(&f->bytes, 0);
	assert_int_equal(run_plan(f, plan), CODEC_OK);
	put_small_envelope(&f->bytes);
	for (int i = 0; i < 30000; i++)
		buffer_put_u8(&f->bytes, 2);
	assert_int_equal(run_plan(f, plan), CODEC_BAD);
	assert_reason(f, "values inside values too deep");
	codec_plan_free(plan);
	/* A record of itself can't end. */
	plan = plan_of(f, SCHEMA("rep", ",{\"name\":\"x\",\"type\":{\"type\":\"record\",\"name\":"
					"\"self\",\"fields\":["
					"{\"name\":\"a\",\"type\":\"self\"},{\"name\":\"b\","
					"\"type\":\"self\"}]}}"));
	put_small_envelope(&f->bytes);
	assert_int_equal(run_plan(f, plan), CODEC_BAD);
	assert_reason(f, "too deep");
	codec_plan_free(plan);
	struct buffer _cleanup_buffer_ schema;

	buffer_init(&schema);
	buffer_put_text(&schema,
		"{\"type\":\"record\",\"name\":\"rep\",\"fields\":[{\"name\":\"x\",\"type\":");
	for (int i = 0; i < 500; i++)
		buffer_put_text(&schema, "{\"type\":\"array\",\"items\":");
	buffer_put_text(&schema, "\"int\"");
	for (int i = 0; i < 500; i++)
		buffer_put_text(&schema, "}");
	buffer_put_text(&schema, "}]}");
	expect_unusable(f, buffer_text(&schema), "nested deeper than");
}

/* Nothing, said to be there 2^62 times, takes no time; inside something else as little. */
static void test_many_of_nothing(void **state)
{
	struct fixture *f = *state;
	struct codec_plan *plan =
		plan_of(f, SCHEMA("rep", ",{\"name\":\"x\",\"type\":{\"type\":\"array\",\"items\":{"
					 "\"type\":\"array\",\"items\":"
					 "{\"type\":\"record\",\"name\":\"empty\",\"fields\":[{"
					 "\"name\":\"n\",\"type\":\"null\"}]}}}}"));

	put_small_envelope(&f->bytes);
	buffer_put_zigzag(&f->bytes, 10000);
	for (int i = 0; i < 10000; i++) {
		buffer_put_zigzag(&f->bytes, INT64_MAX);
		buffer_put_zigzag(&f->bytes, 0);
	}
	buffer_put_zigzag(&f->bytes, 0);
	assert_int_equal(run_plan(f, plan), CODEC_OK);
	codec_plan_free(plan);
}

/* A short schema that names one long enum again and again. */
static void test_schema_bombs(void **state)
{
	struct fixture *f = *state;
	struct buffer _cleanup_buffer_ schema;

	buffer_init(&schema);
	buffer_put_text(&schema,
		"{\"type\":\"record\",\"name\":\"rep\",\"fields\":[" ENVELOPE_FIELDS
		",{\"name\":\"x\",\"type\":{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"a\"");
	for (int i = 0; i < 20000; i++)
		buffer_put_text(&schema, ",\"a\"");
	buffer_put_text(&schema, "]}},{\"name\":\"name\",\"type\":[\"e\"");
	for (int i = 0; i < 20000; i++)
		buffer_put_text(&schema, ",\"e\"");
	buffer_put_text(&schema, "]}]}");
	expect_unusable(f, buffer_text(&schema), "the schema is too large");
	buffer_reset(&schema);
	for (int i = 0; i < SCHEMA_BYTES_MAX; i++)
		buffer_put_u8(&schema, ' ');
	buffer_put_text(&schema, "1");
	expect_unusable(f, buffer_text(&schema), "longer than 1048576 bytes");
}

/* ---- frames --------------------------------------------------------------------------------------------- */

static void write_file(const struct fixture *f, const char *name, const void *bytes, size_t count)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, count, file), count);
	fclose(file);
}

static void remove_file(const struct fixture *f, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", f->folder, name);
	unlink(path);
}

/* A folder with the deal's schema of id 7, and with another one's `rep` for bare bodies. */
static void use_folder(struct fixture *f, enum codec_form form)
{
	static const char foreign[] =
		"{\"type\":\"record\",\"name\":\"rep\",\"fields\":[{\"name\":\"region\",\"type\":["
		"\"null\",\"string\"]}," ENVELOPE_FIELDS "]}";
	static const char other[] = "{\"type\":\"record\",\"name\":\"invoice\",\"fields\":[]}";
	const struct asset *deal = asset_find("deal.avsc");

	snprintf(f->folder, sizeof(f->folder), "/tmp/test_codec_XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	write_file(f, "7-deal.avsc", deal->data, deal->len);
	write_file(f, "9-other.avsc", other, strlen(other));
	write_file(f, "rep.avsc", foreign, strlen(foreign));
	codec_free(f->codec);
	schema_store_free(f->store);
	f->store = schema_store_new(f->folder);
	assert_non_null(f->store);
	f->codec = codec_new(f->store, form, VALUE_BYTES_MAX);
	remove_file(f, "7-deal.avsc");
	remove_file(f, "9-other.avsc");
	remove_file(f, "rep.avsc");
	rmdir(f->folder);
}

static struct event *deal_in_frame(struct fixture *f, uint32_t id)
{
	struct rng rng;

	rng_init(&rng, 45);
	struct event *event = codec_any_event(&rng, &f->arena, ENTITY_DEAL);

	buffer_reset(&f->bytes);
	codec_put_frame(id, &f->bytes);
	codec_encode_event(event, &f->bytes);
	return event;
}

static void test_frames(void **state)
{
	struct fixture *f = *state;

	use_folder(f, CODEC_AUTO);
	/* The frame's schema decides, whatever the topic is. */
	struct event *event = deal_in_frame(f, 7);

	assert_memory_equal(f->bytes.data, "\0\0\0\0\7", 5);
	assert_int_equal(decode(f, ENTITY_CALL, buffer_slice(&f->bytes)), CODEC_OK);
	assert_events_equal(event, &f->event);
	assert_int_equal(decode(f, ENTITY_DEAL, buffer_slice(&f->bytes)), CODEC_OK);
	deal_in_frame(f, 8);
	assert_int_equal(decode(f, ENTITY_DEAL, buffer_slice(&f->bytes)), CODEC_UNKNOWN_SCHEMA);
	assert_reason(f, "no schema of id 8");
	deal_in_frame(f, 9);
	assert_int_equal(decode(f, ENTITY_DEAL, buffer_slice(&f->bytes)), CODEC_BAD);
	assert_reason(f, "record invoice is none of");
	/* Bare ones beside them. */
	event = deal_in_frame(f, 7);
	struct slice bare = { (const char *)f->bytes.data + 5, f->bytes.len - 5 };

	assert_int_equal(decode(f, ENTITY_DEAL, bare), CODEC_OK);
	assert_events_equal(event, &f->event);
}

static void test_bare_body_that_looks_like_a_frame(void **state)
{
	struct fixture *f = *state;

	use_folder(f, CODEC_AUTO);
	/* The folder's own `rep` begins with a null, and then a length that reads like an id. */
	put_small_envelope(&f->bytes);
	struct buffer _cleanup_buffer_ value;

	buffer_init(&value);
	buffer_put_u8(&value, 0);
	buffer_put(&value, f->bytes.data, f->bytes.len);
	assert_int_equal(decode(f, ENTITY_REP, buffer_slice(&value)), CODEC_OK);
	assert_true(slice_is(f->event.event_id, "event"));
	/* One byte less, and it is neither. */
	value.len--;
	assert_int_equal(decode(f, ENTITY_REP, buffer_slice(&value)), CODEC_UNKNOWN_SCHEMA);
}

/* A bare event without an id is what the first byte of a frame looks like: it is never taken for one. */
static void test_event_without_an_id(void **state)
{
	struct fixture *f = *state;
	struct rng rng;

	rng_init(&rng, 46);
	struct event *event = codec_any_event(&rng, &f->arena, ENTITY_DEAL);

	event->event_id = SLICE_LIT("");
	codec_encode_event(event, &f->bytes);
	assert_int_equal(f->bytes.data[0], 0);
	assert_int_equal(decode(f, ENTITY_DEAL, buffer_slice(&f->bytes)), CODEC_BAD);
	use_folder(f, CODEC_AUTO);
	assert_int_equal(decode(f, ENTITY_DEAL, buffer_slice(&f->bytes)), CODEC_UNKNOWN_SCHEMA);
	/* Who says that there are no frames gets it. */
	codec_free(f->codec);
	f->codec = codec_new(f->store, CODEC_BARE, VALUE_BYTES_MAX);
	assert_int_equal(decode(f, ENTITY_DEAL, buffer_slice(&f->bytes)), CODEC_OK);
	assert_events_equal(event, &f->event);
}

static void test_forms(void **state)
{
	struct fixture *f = *state;

	use_folder(f, CODEC_FRAMED);
	deal_in_frame(f, 7);
	struct slice framed = buffer_slice(&f->bytes), bare = { framed.at + 5, framed.len - 5 };

	assert_int_equal(decode(f, ENTITY_DEAL, framed), CODEC_OK);
	assert_int_equal(decode(f, ENTITY_DEAL, bare), CODEC_BAD);
	assert_reason(f, "not in a registry frame");
	assert_int_equal(decode(f, ENTITY_DEAL, (struct slice){ "\0\0\0", 3 }), CODEC_BAD);
	codec_free(f->codec);
	f->codec = codec_new(f->store, CODEC_BARE, VALUE_BYTES_MAX);
	assert_int_equal(decode(f, ENTITY_DEAL, bare), CODEC_OK);
	assert_int_equal(decode(f, ENTITY_DEAL, framed), CODEC_BAD);
}

static void test_frame_without_any_ids(void **state)
{
	struct fixture *f = *state;

	deal_in_frame(f, 7);
	assert_int_equal(decode(f, ENTITY_DEAL, buffer_slice(&f->bytes)), CODEC_BAD);
	assert_reason(f, "no schema of id 7, and no bare deal");
}

/* ---- a wrong record among others ------------------------------------------------------------------------ */

static void test_length_of_a_wrong_record(void **state)
{
	struct fixture *f = *state;
	struct codec_plan *plan =
		plan_of(f, SCHEMA("lead", ",{\"name\":\"score\",\"type\":\"double\"}"));
	const double huge = 1e300;
	size_t used = 77;

	put_small_envelope(&f->bytes);
	buffer_put(&f->bytes, &huge, sizeof(huge));
	size_t length = f->bytes.len;

	buffer_put_text(&f->bytes, "the next record");
	assert_int_equal(codec_plan_decode(plan, buffer_slice(&f->bytes), &used, &f->arena,
				 &f->event, f->reason),
		CODEC_BAD);
	assert_int_equal(used, length);
	assert_int_equal(codec_plan_decode(plan, (struct slice){ (char *)f->bytes.data, 20 }, &used,
				 &f->arena, &f->event, f->reason),
		CODEC_BAD);
	assert_int_equal(used, 0);
	codec_plan_free(plan);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_round_trip),
		TEST(test_blank_event_is_the_types_blanks),
		TEST(test_cut_at_every_byte),
		TEST(test_any_byte_changed),
		TEST(test_six_byte_bomb),
		TEST(test_absurd_lengths),
		TEST(test_numbers_that_are_none),
		TEST(test_symbols_and_branches_that_are_none),
		TEST(test_counts_that_are_lies),
		TEST(test_no_room_in_the_arena),
		TEST(test_text_that_is_not_utf8),
		TEST(test_value_that_is_too_long_or_none),
		TEST(test_conversions),
		TEST(test_values_out_of_range),
		TEST(test_schemas_that_cannot_be_used),
		TEST(test_aliases),
		TEST(test_our_own_aliases_and_defaults),
		TEST(test_envelope_that_is_null),
		TEST(test_nesting_is_bounded),
		TEST(test_many_of_nothing),
		TEST(test_schema_bombs),
		TEST(test_frames),
		TEST(test_bare_body_that_looks_like_a_frame),
		TEST(test_event_without_an_id),
		TEST(test_forms),
		TEST(test_frame_without_any_ids),
		TEST(test_length_of_a_wrong_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
