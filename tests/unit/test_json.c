#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/rng.h"

static void test_commas_and_nesting(void **state)
{
	struct buffer out;

	(void)state;
	buffer_init(&out);
	struct json j = json_of(&out);

	json_begin_object(&j);
	json_key(&j, "a");
	json_begin_array(&j);
	json_put_int(&j, INT64_MIN);
	json_put_null(&j);
	json_begin_object(&j);
	json_end_object(&j);
	json_begin_array(&j);
	json_end_array(&j);
	json_put_bool(&j, true);
	json_end_array(&j);
	json_key_slice(&j, SLICE_LIT("b\"c"));
	json_put_decimal(&j, -12345, 2);
	json_key(&j, "d");
	json_put_raw(&j, SLICE_LIT("[1]"));
	json_key(&j, "e");
	json_put_bool(&j, false);
	json_end_object(&j);
	assert_string_equal(buffer_text(&out), "{\"a\":[-9223372036854775808,null,{},[],true],"
					       "\"b\\\"c\":-1.2345,\"d\":[1],\"e\":false}");
	buffer_deinit(&out);
}

static void expect_quoted(struct slice text, const char *expected)
{
	struct buffer out;

	buffer_init(&out);
	struct json j = json_of(&out);

	json_put_string(&j, text);
	assert_string_equal(buffer_text(&out), expected);
	buffer_deinit(&out);
}

static void test_strings(void **state)
{
	(void)state;
	expect_quoted(SLICE_LIT(""), "\"\"");
	expect_quoted(slice_of(NULL), "\"\"");
	expect_quoted(SLICE_LIT("a\"\\\n\t\x01\x7f"
				"b"),
		"\"a\\\"\\\\\\n\\t\\u0001\\u007fb\"");
	expect_quoted(SLICE_LIT("x\0y"), "\"x\\u0000y\"");
	expect_quoted(SLICE_LIT("Ragil \xe2\x9c\x93"), "\"Ragil \xe2\x9c\x93\"");
	expect_quoted(SLICE_LIT("\xff"
				"a\xe2\x9c"),
		"\"\xef\xbf\xbd"
		"a\xef\xbf\xbd\xef\xbf\xbd\"");
}

static void expect_double(double value, const char *expected)
{
	struct buffer out;

	buffer_init(&out);
	struct json j = json_of(&out);

	json_put_double(&j, value);
	assert_string_equal(buffer_text(&out), expected);
	buffer_deinit(&out);
}

static void test_doubles(void **state)
{
	(void)state;
	expect_double(0.1, "0.1");
	expect_double(1e300, "1e+300");
	expect_double(-2.5, "-2.5");
	expect_double(1.0 / 3, "0.3333333333333333");
	expect_double(0.1 + 0.2, "0.30000000000000004");
	expect_double((double)NAN, "null");
	expect_double((double)INFINITY, "null");
}

/* Model: jansson reads what any bytes become. */
static void test_any_bytes_become_valid_json(void **state)
{
	struct buffer out;
	struct rng rng;
	char bytes[40];

	(void)state;
	print_message("seed 71\n");
	rng_init(&rng, 71);
	buffer_init(&out);
	for (int round = 0; round < 3000; round++) {
		size_t length = rng_below(&rng, sizeof(bytes) + 1);

		for (size_t i = 0; i < length; i++)
			bytes[i] = (char)rng_u64(&rng);
		buffer_reset(&out);
		struct json j = json_of(&out);

		json_begin_array(&j);
		json_put_string(&j, (struct slice){ bytes, length });
		json_put_double(&j, rng_unit(&rng) * 1e9);
		json_end_array(&j);
		json_t *read = json_loadb((const char *)out.data, out.len, JSON_ALLOW_NUL, NULL);

		assert_non_null(read);
		assert_int_equal(json_array_size(read), 2);
		json_decref(read);
	}
	buffer_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commas_and_nesting),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_doubles),
		cmocka_unit_test(test_any_bytes_become_valid_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
