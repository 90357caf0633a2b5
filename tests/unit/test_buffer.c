#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/rng.h"

enum write_kind {
	PUT_U8,
	PUT_U32LE,
	PUT_U64LE,
	PUT_U32BE,
	PUT_VARINT,
	PUT_ZIGZAG,
	PUT_I128,
	PUT_SLICE,
	PUT_KINDS
};

enum { WRITES = 500 };

struct written {
	enum write_kind kind;
	uint64_t number;
	i128 large;
	struct slice text;
};

/* Numbers of every length in bits, so that each length of a varint occurs. */
static uint64_t random_number(struct rng *rng)
{
	return rng_u64(rng) >> rng_below(rng, 64);
}

static void write_one(struct buffer *b, const struct written *w)
{
	switch (w->kind) {
	case PUT_U8:
		buffer_put_u8(b, (uint8_t)w->number);
		break;
	case PUT_U32LE:
		buffer_put_u32le(b, (uint32_t)w->number);
		break;
	case PUT_U64LE:
		buffer_put_u64le(b, w->number);
		break;
	case PUT_U32BE:
		buffer_put_u32be(b, (uint32_t)w->number);
		break;
	case PUT_VARINT:
		buffer_put_varint(b, w->number);
		break;
	case PUT_ZIGZAG:
		buffer_put_zigzag(b, (int64_t)w->number);
		break;
	case PUT_I128:
		buffer_put_i128(b, w->large);
		break;
	default:
		buffer_put_slice(b, w->text);
		break;
	}
}

static void expect_one(struct reader *r, const struct written *w)
{
	switch (w->kind) {
	case PUT_U8:
		assert_int_equal(reader_u8(r), (uint8_t)w->number);
		break;
	case PUT_U32LE:
		assert_int_equal(reader_u32le(r), (uint32_t)w->number);
		break;
	case PUT_U64LE:
		assert_true(reader_u64le(r) == w->number);
		break;
	case PUT_U32BE:
		assert_int_equal(reader_u32be(r), (uint32_t)w->number);
		break;
	case PUT_VARINT:
		assert_true(reader_varint(r) == w->number);
		break;
	case PUT_ZIGZAG:
		assert_true(reader_zigzag(r) == (int64_t)w->number);
		break;
	case PUT_I128:
		assert_true(reader_i128(r) == w->large);
		break;
	default:
		assert_true(slice_equal(reader_slice(r), w->text));
		break;
	}
}

static void read_all(struct reader *r, const struct written *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		expect_one(r, &list[i]);
	assert_false(r->bad);
	assert_int_equal(reader_left(r), 0);
}

/* Model: random values written and read back in order; any cut of the bytes ends in a bad reader
 * that left nothing unread. */
static void test_what_was_written_is_read(void **state)
{
	static const char texts[] = "Jakarta Surabaya Bandung Medan Makassar";
	struct written list[WRITES];
	struct buffer b;
	struct rng rng;

	(void)state;
	print_message("seed 21\n");
	rng_init(&rng, 21);
	buffer_init(&b);
	for (int round = 0; round < 20; round++) {
		buffer_reset(&b);
		for (size_t i = 0; i < WRITES; i++) {
			list[i] = (struct written){ .kind = (enum write_kind)rng_below(
							    &rng, PUT_KINDS),
				.number = random_number(&rng),
				.text = { texts, rng_below(&rng, sizeof(texts)) } };
			list[i].large = (i128)((u128)random_number(&rng) << rng_below(&rng, 65) |
					       list[i].number);
			if (rng_chance(&rng, 0.5))
				list[i].large = -list[i].large;
			write_one(&b, &list[i]);
		}
		struct reader r = reader_of(b.data, b.len);

		read_all(&r, list, WRITES);
	}
	buffer_deinit(&b);
}

static void test_cuts_are_noticed(void **state)
{
	struct buffer b;

	(void)state;
	buffer_init(&b);
	buffer_put_u32le(&b, 7);
	buffer_put_varint(&b, UINT64_MAX);
	buffer_put_i128(&b, I128_MIN);
	buffer_put_slice(&b, SLICE_LIT("abc"));
	for (size_t length = 0; length < b.len; length++) {
		/* A copy of exactly this length, so that the sanitizer sees a read behind it. */
		uint8_t *copy = malloc(length + 1);

		memcpy(copy + 1, b.data, length);
		struct reader r = reader_of(copy + 1, length);

		reader_u32le(&r);
		reader_varint(&r);
		reader_i128(&r);
		reader_slice(&r);
		assert_true(r.bad);
		assert_int_equal(reader_left(&r), 0);
		assert_int_equal(reader_u8(&r), 0);
		assert_int_equal(reader_u64le(&r), 0);
		assert_null(reader_slice(&r).at);
		free(copy);
	}
	buffer_deinit(&b);
}

static void test_bytes_on_the_wire(void **state)
{
	static const uint8_t expected[] = { 0x04, 0x03, 0x02, 0x01, 0x01, 0x02, 0x03, 0x04, 0xac,
		0x02, 0x01, 0x02, 0x02, 'h', 'i' };
	struct buffer b;

	(void)state;
	buffer_init(&b);
	buffer_put_u32le(&b, 0x01020304);
	buffer_put_u32be(&b, 0x01020304);
	buffer_put_varint(&b, 300);
	buffer_put_zigzag(&b, -1);
	buffer_put_i128(&b, 1);
	buffer_put_slice(&b, SLICE_LIT("hi"));
	assert_int_equal(b.len, sizeof(expected));
	assert_memory_equal(b.data, expected, sizeof(expected));
	buffer_deinit(&b);
}

static void test_extremes(void **state)
{
	static const int64_t numbers[] = { 0, -1, 1, INT64_MAX, INT64_MIN };
	struct buffer b;

	(void)state;
	buffer_init(&b);
	for (size_t i = 0; i < 5; i++)
		buffer_put_zigzag(&b, numbers[i]);
	buffer_put_i128(&b, I128_MAX);
	buffer_put_i128(&b, I128_MIN);
	buffer_put_i128(&b, -1);
	struct reader r = reader_of(b.data, b.len);

	for (size_t i = 0; i < 5; i++)
		assert_true(reader_zigzag(&r) == numbers[i]);
	assert_true(reader_i128(&r) == I128_MAX);
	assert_true(reader_i128(&r) == I128_MIN);
	assert_true(reader_i128(&r) == -1);
	assert_false(r.bad);
	buffer_deinit(&b);
}

static void test_hostile_numbers(void **state)
{
	uint8_t bytes[24];
	struct reader r;

	(void)state;
	memset(bytes, 0xff, sizeof(bytes));
	r = reader_of(bytes, sizeof(bytes));
	assert_true(reader_varint(&r) == 0 && r.bad);
	r = reader_of(bytes, sizeof(bytes));
	assert_true(reader_i128(&r) == 0 && r.bad);
	bytes[18] = 4; /* bit 128 */
	r = reader_of(bytes, sizeof(bytes));
	assert_true(reader_i128(&r) == 0 && r.bad);
	bytes[18] = 3;
	r = reader_of(bytes, sizeof(bytes));
	assert_true(reader_i128(&r) == I128_MIN && !r.bad);
	bytes[9] = 2; /* bit 64 */
	r = reader_of(bytes, sizeof(bytes));
	assert_true(reader_varint(&r) == 0 && r.bad);
	bytes[9] = 1;
	r = reader_of(bytes, sizeof(bytes));
	assert_true(reader_varint(&r) == UINT64_MAX && !r.bad);
	/* A slice that says it is longer than everything. */
	r = reader_of(bytes, 12);
	assert_null(reader_slice(&r).at);
	assert_true(r.bad);
	r = reader_of(NULL, 0);
	assert_int_equal(reader_left(&r), 0);
	assert_false(r.bad);
}

static void test_text(void **state)
{
	struct buffer b;
	char long_text[300];

	(void)state;
	buffer_init(&b);
	assert_string_equal(buffer_text(&b), "");
	buffer_put(&b, NULL, 0);
	buffer_put_text(&b, "rep=");
	buffer_printf(&b, "%s/%d", "ana", 7);
	assert_string_equal(buffer_text(&b), "rep=ana/7");
	assert_int_equal(b.len, 9);
	memset(long_text, 'y', sizeof(long_text) - 1);
	long_text[sizeof(long_text) - 1] = '\0';
	buffer_printf(&b, "%s", long_text);
	assert_int_equal(b.len, 9 + sizeof(long_text) - 1);
	assert_int_equal(strlen(buffer_text(&b)), b.len);
	buffer_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_written_is_read),
		cmocka_unit_test(test_cuts_are_noticed),
		cmocka_unit_test(test_bytes_on_the_wire),
		cmocka_unit_test(test_extremes),
		cmocka_unit_test(test_hostile_numbers),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
