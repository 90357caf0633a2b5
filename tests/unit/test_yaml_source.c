#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/yaml_source.h"

static struct fy_node *value_at(const struct yaml_source *s, const char *path)
{
	return fy_node_by_path(
		fy_document_root(s->document), path, strlen(path), FYNWF_DONT_FOLLOW);
}

/* The place of what is at the path, and its text. */
static void expect_place(const struct yaml_source *s, const char *path, uint32_t line,
	uint32_t column, const char *text)
{
	struct fy_node *node = value_at(s, path);
	struct yaml_place place;

	assert_non_null(node);
	place = yaml_place_of(node);
	if (place.line != line || place.column != column)
		fail_msg("%s is at %u:%u", path, place.line, place.column);
	if (text && !slice_is(yaml_text_of(node), text))
		fail_msg("%s is " SLICE_FMT, path, SLICE_ARG(yaml_text_of(node)));
}

static void parse(struct yaml_source *s, const char *text)
{
	struct buffer said;

	buffer_init(&said);
	if (yaml_source_parse(s, "t.yaml", slice_of(text), &said))
		fail_msg("%s", buffer_text(&said));
	buffer_deinit(&said);
}

static void test_places(void **state)
{
	struct yaml_source s;

	(void)state;
	parse(&s, "plain: word\n"
		  "double: \"quoted\"\n"
		  "single:   'it''s'\n"
		  "größe: {ä: ö, b: c}\n"
		  "list:\n"
		  "  - one\n"
		  "  - {two: 2}\n"
		  "anchor: &a value\n"
		  "alias: *a\n");
	expect_place(&s, "/plain", 1, 8, "word");
	expect_place(&s, "/double", 2, 10, "quoted");
	expect_place(&s, "/single", 3, 12, "it's");
	/* Characters, not bytes. */
	expect_place(&s, "/größe/b", 4, 18, "c");
	/* A list or mapping: its first word. */
	expect_place(&s, "/größe", 4, 9, NULL);
	expect_place(&s, "/list", 6, 5, NULL);
	expect_place(&s, "/list/1", 7, 6, NULL);
	expect_place(&s, "/anchor", 8, 12, "value");
	assert_true(slice_is(yaml_text_of(value_at(&s, "/alias")), "value"));
	yaml_source_deinit(&s);
}

static void expect_explained(const struct yaml_source *s, struct fy_node *node, size_t offset,
	size_t length, const char *expected)
{
	struct buffer said;

	buffer_init(&said);
	yaml_explain(s, yaml_place_of(node), offset, length, "no", &said);
	assert_string_equal(buffer_text(&said), expected);
	buffer_deinit(&said);
}

static void test_explain(void **state)
{
	struct yaml_source s;

	(void)state;
	parse(&s, "a: x + yy\n"
		  "b: >\n"
		  "    first +\n"
		  "    second\n"
		  "c: |\n"
		  "  one\n"
		  "  two\n"
		  "d: \"größe + klein\"\n"
		  "e:\n"
		  "  plain over\n"
		  "    lines\n"
		  "f: last");
	expect_explained(
		&s, value_at(&s, "/a"), 4, 2, "t.yaml:1:8: no\n  a: x + yy\n         ^~\n");
	/* Offsets in an expression over several lines, behind their indentation. */
	expect_explained(
		&s, value_at(&s, "/b"), 0, 5, "t.yaml:3:5: no\n      first +\n      ^~~~~\n");
	expect_explained(
		&s, value_at(&s, "/b"), 8, 6, "t.yaml:4:5: no\n      second\n      ^~~~~~\n");
	expect_explained(&s, value_at(&s, "/c"), 5, 1, "t.yaml:7:4: no\n    two\n     ^\n");
	/* Two bytes, one column. */
	expect_explained(&s, value_at(&s, "/d"), 10, 5,
		"t.yaml:8:13: no\n  d: \"größe + klein\"\n              ^~~~~\n");
	expect_explained(&s, value_at(&s, "/d"), 0, 7,
		"t.yaml:8:5: no\n  d: \"größe + klein\"\n      ^~~~~\n");
	expect_explained(
		&s, value_at(&s, "/e"), 11, 5, "t.yaml:11:5: no\n      lines\n      ^~~~~\n");
	/* Tildes end with the line; behind the end of all there is still a caret. */
	expect_explained(&s, value_at(&s, "/f"), 0, 99, "t.yaml:12:4: no\n  f: last\n     ^~~~\n");
	expect_explained(&s, value_at(&s, "/f"), 4, 1, "t.yaml:12:8: no\n  f: last\n         ^\n");
	yaml_source_deinit(&s);
}

static void expect_refused(const char *text, const char *expected)
{
	struct yaml_source s;
	struct buffer said;

	buffer_init(&said);
	assert_int_equal(yaml_source_parse(&s, "t.yaml", slice_of(text), &said), 1);
	assert_string_equal(buffer_text(&said), expected);
	buffer_deinit(&said);
}

static void test_refused(void **state)
{
	(void)state;
	expect_refused(
		"a: [1\nb: 2\n", "t.yaml:3:1: flow sequence without a closing bracket\n  \n  ^\n");
	expect_refused("a: 1\na: 2\n", "t.yaml:2:1: duplicate key\n  a: 2\n  ^\n");
	expect_refused("a: *nothing\n", "t.yaml:1:5: invalid alias\n  a: *nothing\n      ^\n");
	expect_refused("a: 1\n---\nb: 2\n",
		"t.yaml:3:1: a second document begins here; only one is wanted\n  b: 2\n  ^\n");
	expect_refused("a: \"\x1b[31mred\n", "t.yaml:1:5: double-quoted scalar without closing "
					     "quote\n  a: \"?[31mred\n      ^\n");
}

static void test_beyond_reason(void **state)
{
	struct yaml_source s;
	struct buffer text, said;

	(void)state;
	buffer_init(&text);
	buffer_init(&said);
	/* Nine lines of ten aliases each would be a billion nodes. */
	buffer_put_text(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 9; i++) {
		buffer_printf(&text, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			buffer_printf(&text, "%s*a%d", k ? ", " : "", i - 1);
		buffer_put_text(&text, "]\n");
	}
	assert_int_equal(yaml_source_parse(&s, "t.yaml", buffer_slice(&text), &said), 1);
	assert_string_equal(buffer_text(&said),
		"t.yaml: it nests or repeats itself beyond reason (aliases, brackets)\n");
	/* Brackets in brackets. */
	buffer_reset(&text);
	buffer_reset(&said);
	for (int i = 0; i < 100000; i++)
		buffer_put_text(&text, "[");
	assert_int_equal(yaml_source_parse(&s, "t.yaml", buffer_slice(&text), &said), 1);
	/* A few aliases are fine. */
	buffer_reset(&text);
	buffer_put_text(&text, "a: &a {x: 1, y: 2}\nb: [*a, *a, {<<: *a, y: 3}]\n");
	assert_int_equal(yaml_source_parse(&s, "t.yaml", buffer_slice(&text), &said), 0);
	assert_true(slice_is(yaml_text_of(value_at(&s, "/b/1/x")), "1"));
	assert_true(slice_is(yaml_text_of(value_at(&s, "/b/2/x")), "1"));
	assert_true(slice_is(yaml_text_of(value_at(&s, "/b/2/y")), "3"));
	yaml_source_deinit(&s);
	buffer_deinit(&text);
	buffer_deinit(&said);
}

static void test_empty(void **state)
{
	static const char *const texts[] = { "", "\n\n", "# only a comment\n" };
	struct yaml_source s;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		parse(&s, texts[i]);
		assert_true(!s.document || !fy_document_root(s.document));
		yaml_source_deinit(&s);
	}
}

/* ---- files, and what of them must not be seen ------------------------------------------------ */

/* Behind "secret:". */
static size_t shown_before_secret(struct slice line)
{
	const char *at = memmem(line.at, line.len, "secret:", 7);

	return at ? (size_t)(at + 7 - line.at) : SIZE_MAX;
}

static void test_hiding(void **state)
{
	static const struct {
		const char *text, *said;
	} rows[] = {
		{ "secret: \"hush\nb: 1\n", ":1:9: wrongly indented double-quoted scalar\n  "
					    "secret: ***\n          ^\n" },
		{ "secret: |\n   hush\n hush\nb: [\n", ":3:2: *" },
		{ "a: [b\nc: d\n", ":3:1: flow sequence without a closing bracket\n  \n  ^\n" },
		{ "secret:\n  [hush\nb: 1\n",
			":4:1: flow sequence without a closing bracket\n  \n  ^\n" },
		{ "secret:\n  {hush: 1, hush: 2}\n", ":2:13: duplicate key\n   ***\n   ^\n" },
	};
	char path[] = "/tmp/salespulse-yaml-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		FILE *file = fopen(path, "w");
		struct yaml_source s;
		struct buffer said;

		assert_non_null(file);
		fputs(rows[i].text, file);
		fclose(file);
		buffer_init(&said);
		assert_int_equal(yaml_source_read_hiding(&s, path, shown_before_secret, &said), 1);
		assert_null(strstr(buffer_text(&said), "hush"));
		if (rows[i].said[strlen(rows[i].said) - 1] != '*')
			assert_string_equal(buffer_text(&said) + strlen(path), rows[i].said);
		buffer_deinit(&said);
	}
	unlink(path);
}

static void test_read(void **state)
{
	struct yaml_source s;
	struct buffer said;

	(void)state;
	buffer_init(&said);
	assert_int_equal(yaml_source_read(&s, "/nowhere/at/all.yaml", &said), 1);
	assert_string_equal(
		buffer_text(&said), "/nowhere/at/all.yaml: No such file or directory\n");
	buffer_reset(&said);
	assert_int_equal(yaml_source_read(&s, "/tmp", &said), 1);
	assert_string_equal(
		buffer_text(&said), "/tmp: it cannot be read, or is longer than 16 MiB\n");
	buffer_deinit(&said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),
		cmocka_unit_test(test_explain),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_beyond_reason),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_hiding),
		cmocka_unit_test(test_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
