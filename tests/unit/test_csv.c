#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "edge/csv.h"

/* All rows as "line:field|field" and "line!reason" lines. */
static void render(struct slice bytes, struct csv_format format, struct buffer *out)
{
	char reason[CSV_REASON_MAX];
	struct csv_reader reader;
	struct csv_row row;
	enum csv_answer answer;

	assert_int_equal(csv_init(&reader, bytes, format, reason), 0);
	while ((answer = csv_next(&reader, &row, reason)) != CSV_END) {
		buffer_printf(
			out, "%llu%c", (unsigned long long)row.line, answer == CSV_ROW ? ':' : '!');
		for (size_t i = 0; i < row.count; i++)
			buffer_printf(out, "%s" SLICE_FMT, i ? "|" : "", SLICE_ARG(row.fields[i]));
		buffer_printf(out, "%s\n", answer == CSV_BAD ? reason : "");
	}
	csv_deinit(&reader);
}

static void check(const char *bytes, struct csv_format format, const char *expected)
{
	struct buffer _cleanup_buffer_ out = { 0 };

	buffer_init(&out);
	render(slice_of(bytes), format, &out);
	assert_string_equal(buffer_text(&out), expected);
}

static void test_rows(void **state)
{
	const struct csv_format plain = { .delimiter = ',' };

	(void)state;
	check("", plain, "");
	check("\n\n", plain, "");
	check("a,b\n1,2\n", plain, "1:a|b\n2:1|2\n");
	check("a,b\r\n1,2", plain, "1:a|b\n2:1|2\n");
	check("a,b\r1,2\r", plain, "1:a|b\n2:1|2\n");
	check("a,,c,\n", plain, "1:a||c|\n");
	check(",\n", plain, "1:|\n");
	check("\xef\xbb\xbf"
	      "a,b\n",
		plain, "1:a|b\n");
	/* A quote in the middle of a field is a character. */
	check("5\" pipe,x\n", plain, "1:5\" pipe|x\n");
}

static void test_quotes(void **state)
{
	const struct csv_format plain = { .delimiter = ',' };

	(void)state;
	check("\"a,b\",\"c \"\"d\"\"\",\"\"\n", plain, "1:a,b|c \"d\"|\n");
	check("\"two\nlines\",x\nnext,y\n", plain, "1:two\nlines|x\n3:next|y\n");
	check("\"two\r\nlines\",x\r\nnext,y\r\n", plain, "1:two\r\nlines|x\n3:next|y\n");
	check("'a;b';c\n", (struct csv_format){ .delimiter = ';', .quote = '\'' }, "1:a;b|c\n");
}

static void test_wrong_rows_do_not_stop(void **state)
{
	const struct csv_format plain = { .delimiter = ',' };

	(void)state;
	check("a,b\n\"x\"y,z\n1,2\n", plain,
		"1:a|b\n2!there is text behind a closing quote\n3:1|2\n");
	/* Only the line that opens it is given up. */
	check("a,b\n\"x,z\n1,2\n", plain, "1:a|b\n2!a quote is not closed\n3:1|2\n");
	check("a\n\xff\xfe\nb\n", plain,
		"1:a\n2!it is not valid UTF-8; perhaps the file is `encoding: "
		"windows-1252`\n3:b\n");
	/* Two halves of a character in two fields are no character. */
	check("a,b\n\xc3,\xa4\n1,2\n", plain,
		"1:a|b\n2!it is not valid UTF-8; perhaps the file is `encoding: "
		"windows-1252`\n3:1|2\n");
}

static void test_nul_and_utf16(void **state)
{
	char reason[CSV_REASON_MAX];
	struct buffer _cleanup_buffer_ out = { 0 };
	struct csv_reader reader;

	(void)state;
	buffer_init(&out);
	render((struct slice){ "a\0b\nc\n", 6 }, (struct csv_format){ .delimiter = ',' }, &out);
	assert_string_equal(buffer_text(&out), "1!there is a NUL byte in it\n2:c\n");
	assert_int_equal(csv_init(&reader,
				 SLICE_LIT("\xff\xfe"
					   "a\0"),
				 (struct csv_format){ 0 }, reason),
		1);
	assert_non_null(strstr(reason, "UTF-16"));
}

static void test_too_long(void **state)
{
	struct buffer _cleanup_buffer_ bytes = { 0 }, out = { 0 };

	(void)state;
	buffer_init(&bytes);
	buffer_init(&out);
	for (int i = 0; i < CSV_FIELDS_MAX + 1; i++)
		buffer_put_text(&bytes, "x,");
	buffer_put_text(&bytes, "\nok\n\"");
	for (int i = 0; i < CSV_ROW_BYTES_MAX; i++)
		buffer_put_text(&bytes, "y");
	buffer_put_text(&bytes, "\"\nlast\n");
	render(buffer_slice(&bytes), (struct csv_format){ .delimiter = ',' }, &out);
	assert_string_equal(buffer_text(&out),
		"1!it has more than 1024 fields\n2:ok\n3!a quote is not closed\n4:last\n");
}

static void test_delimiter_is_guessed(void **state)
{
	const struct csv_format guess = { 0 };

	(void)state;
	check("a;b;c\n1,5;2;3\n", guess, "1:a|b|c\n2:1,5|2|3\n");
	check("a\tb\n1\t2\n", guess, "1:a|b\n2:1|2\n");
	check("a|b|c\n", guess, "1:a|b|c\n");
	check("\"x;y;z\",b\n", guess, "1:x;y;z|b\n");
	check("alone\n", guess, "1:alone\n");
}

static void test_encodings(void **state)
{
	enum csv_encoding encoding;

	(void)state;
	check("caf\xe9,\x80\n", (struct csv_format){ ',', 0, CSV_WINDOWS1252 },
		"1:caf\xc3\xa9|\xe2\x82\xac\n");
	check("caf\xe9,\x80\n", (struct csv_format){ ',', 0, CSV_LATIN1 },
		"1:caf\xc3\xa9|\xc2\x80\n");
	check("\"\xfc\"\n", (struct csv_format){ ',', 0, CSV_LATIN1 }, "1:\xc3\xbc\n");
	assert_int_equal(csv_encoding_find(SLICE_LIT("Latin-1"), &encoding), 0);
	assert_int_equal(encoding, CSV_LATIN1);
	assert_int_equal(csv_encoding_find(SLICE_LIT("CP1252"), &encoding), 0);
	assert_int_equal(encoding, CSV_WINDOWS1252);
	assert_int_equal(csv_encoding_find(SLICE_LIT("koi8"), &encoding), 1);
}

static void test_put_text_is_always_utf8(void **state)
{
	struct buffer _cleanup_buffer_ out = { 0 };

	(void)state;
	buffer_init(&out);
	csv_put_text(CSV_UTF8,
		SLICE_LIT("a\xff"
			  "b"),
		&out);
	assert_string_equal(buffer_text(&out), "a\xef\xbf\xbd"
					       "b");
}

static void test_seek(void **state)
{
	char reason[CSV_REASON_MAX];
	struct slice bytes = SLICE_LIT("a\nb\nc\n");
	struct csv_reader reader;
	struct csv_row row, second;

	(void)state;
	csv_init(&reader, bytes, (struct csv_format){ ',', 0, CSV_UTF8 }, reason);
	csv_next(&reader, &row, reason);
	csv_next(&reader, &second, reason);
	csv_next(&reader, &row, reason);
	csv_seek(&reader, (size_t)(second.raw.at - bytes.at), second.line);
	assert_int_equal(csv_next(&reader, &row, reason), CSV_ROW);
	assert_true(slice_is(row.fields[0], "b"));
	assert_int_equal(row.line, 2);
	csv_deinit(&reader);
}

/* What is written is read again, whatever the texts. */
static void test_round_trip(void **state)
{
	static const char *const pieces[] = { "a", ",", "\"", "\n", "\r", " ", "\xc3\xa9", ";" };
	struct rng rng;

	(void)state;
	rng_init(&rng, 7);
	for (int round = 0; round < 2000; round++) {
		struct buffer _cleanup_buffer_ bytes = { 0 };
		char fields[4][32], reason[CSV_REASON_MAX];
		struct csv_reader reader;
		struct csv_row row;

		buffer_init(&bytes);
		for (int i = 0; i < 4; i++) {
			fields[i][0] = '\0';
			for (uint64_t k = rng_below(&rng, 8); k > 0; k--) {
				const char *piece = pieces[rng_below(&rng, 8)];
				size_t length = strlen(fields[i]);

				snprintf(fields[i] + length, sizeof(fields[i]) - length, "%s",
					piece);
			}
			buffer_put_text(&bytes, i ? "," : "");
			csv_put_field(slice_of(fields[i]), &bytes);
		}
		buffer_put_text(&bytes, ",end\n");
		assert_int_equal(csv_init(&reader, buffer_slice(&bytes),
					 (struct csv_format){ ',', 0, CSV_UTF8 }, reason),
			0);
		assert_int_equal(csv_next(&reader, &row, reason), CSV_ROW);
		assert_int_equal(row.count, 5);
		for (size_t i = 0; i < 4; i++)
			assert_true(slice_is(row.fields[i], fields[i]));
		assert_int_equal(csv_next(&reader, &row, reason), CSV_END);
		csv_deinit(&reader);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_quotes),
		cmocka_unit_test(test_wrong_rows_do_not_stop),
		cmocka_unit_test(test_nul_and_utf16),
		cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_delimiter_is_guessed),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_put_text_is_always_utf8),
		cmocka_unit_test(test_seek),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
