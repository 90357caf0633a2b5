#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "options.h"

enum { ARGUMENTS_MAX = 20 };

static struct values {
	bool set;
	const char *text, *choice;
	int64_t count, wait_ms, at_ms;
	double share;
	struct option_list list;
} values;

static const struct option_row rows[] = {
	{ "set", NULL, "Sets it.", OPTION_SET, &values.set, 0, 0 },
	{ "text", "FILE", "A file.", OPTION_TEXT, &values.text, 0, 0 },
	{ "format", "table|csv|jsonl", "How it is printed (table).", OPTION_CHOICE, &values.choice,
		0, 0 },
	{ "count", "N", "How many.", OPTION_INT, &values.count, 1, 100 },
	{ "wait", "TIME", "How long.", OPTION_DURATION, &values.wait_ms, 10, 60000 },
	{ "at", "TIME", "When.", OPTION_TIME, &values.at_ms, 0, 0 },
	{ "share", "X",
		"Which part of all that there is, said in a sentence that is so long that it has "
		"to be broken.",
		OPTION_DECIMAL, &values.share, 0, 1 },
	{ "rather-a-long-name-for-a-flag", "FILE", "May be repeated.", OPTION_LIST, &values.list, 0,
		0 },
};

static struct options options = { "salespulse try [OPTIONS] FILE", "Tries it.", rows,
	sizeof(rows) / sizeof(rows[0]), 1, NULL };

/* Parses "a b c"; what is left of the arguments is joined in `left`. */
static int take(const char *line, char *left, struct buffer *said)
{
	static char text[512];
	char *argv[ARGUMENTS_MAX + 1] = { (char[]){ "try" } }, *at = text;
	int argc = 1, answer;

	strncpy(text, line, sizeof(text) - 1);
	while (*at) {
		argv[argc++] = at;
		at += strcspn(at, " ");
		if (*at)
			*at++ = '\0';
	}
	free(values.list.items);
	memset(&values, 0, sizeof(values));
	buffer_reset(said);
	answer = options_take(&options, &argc, argv, said);
	left[0] = '\0';
	for (int i = 1; answer == OPTIONS_GO_ON && i < argc; i++) {
		strncat(left, i > 1 ? " " : "", 2);
		strncat(left, argv[i], 100);
	}
	return answer;
}

static void test_right(void **state)
{
	struct buffer said;
	char left[512];

	(void)state;
	buffer_init(&said);
	assert_int_equal(take("--set --text a --format csv file --count=7 --wait 90ms --share 0.25 "
			      "--at 1970-01-01T00:00:01Z",
				 left, &said),
		OPTIONS_GO_ON);
	assert_true(values.set);
	assert_string_equal(values.text, "a");
	assert_string_equal(values.choice, "csv");
	assert_int_equal(values.count, 7);
	assert_int_equal(values.wait_ms, 90);
	assert_int_equal(values.at_ms, 1000);
	assert_true(values.share == 0.25);
	assert_string_equal(left, "file");
	assert_int_equal(said.len, 0);
	assert_int_equal(take("--rather-a-long-name-for-a-flag x --text= "
			      "--rather-a-long-name-for-a-flag=--y -",
				 left, &said),
		OPTIONS_GO_ON);
	assert_int_equal(values.list.count, 2);
	assert_string_equal(values.list.items[0], "x");
	assert_string_equal(values.list.items[1], "--y");
	assert_string_equal(values.text, "");
	assert_string_equal(left, "-");
	assert_int_equal(take("-- --set", left, &said), OPTIONS_GO_ON);
	assert_false(values.set);
	assert_string_equal(left, "--set");
	assert_int_equal(take("--text --set", left, &said), OPTIONS_GO_ON);
	assert_string_equal(values.text, "--set");
	assert_int_equal(take("", left, &said), OPTIONS_GO_ON);
	buffer_deinit(&said);
}

static void test_wrong(void **state)
{
	static const char *const wrongs[][2] = {
		{ "--txt a", "unknown flag «--txt»; did you mean --text?" },
		{ "--hlep", "unknown flag «--hlep»; did you mean --help?" },
		{ "--settings x", "unknown flag «--settings»; --help lists them" },
		{ "--qqqqqqqq", "unknown flag «--qqqqqqqq»; --help lists them" },
		{ "-v", "unknown flag «-v»; --help lists them" },
		{ "--set=true", "--set takes no value" },
		{ "--text", "--text wants FILE" },
		{ "--format", "--format wants table|csv|jsonl" },
		{ "--format xml", "--format wants one of table|csv|jsonl, not «xml»" },
		{ "--format cs", "--format wants one of table|csv|jsonl, not «cs»" },
		{ "--count many", "--count wants a whole number, not «many»" },
		{ "--count 5x", "--count wants a whole number, not «5x»" },
		{ "--count=", "--count wants a whole number, not «»" },
		{ "--count 99999999999999999999",
			"--count wants a whole number, not «99999999999999999999»" },
		{ "--count 0", "--count wants 1 to 100, not «0»" },
		{ "--count -5", "--count wants 1 to 100, not «-5»" },
		{ "--count 101", "--count wants 1 to 100, not «101»" },
		{ "--wait 5", "--wait wants a duration such as 90s, 5m or 1h, not «5»" },
		{ "--wait 2m", "--wait wants 10ms to 1m, not «2m»" },
		{ "--share half", "--share wants a number of at most 4 decimals, not «half»" },
		{ "--share 1.5", "--share wants 0 to 1, not «1.5»" },
		{ "--at today", "--at wants a time such as 2026-03-28T16:59:00Z, not «today»" },
		{ "a b", "unexpected argument «b»\nusage: salespulse try [OPTIONS] FILE" },
	};
	struct buffer said, expected;
	char left[512];

	(void)state;
	buffer_init(&said);
	buffer_init(&expected);
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		buffer_reset(&expected);
		buffer_printf(&expected, "salespulse try: %s\n", wrongs[i][1]);
		assert_int_equal(take(wrongs[i][0], left, &said), OPTIONS_WRONG);
		assert_string_equal(buffer_text(&said), buffer_text(&expected));
	}
	buffer_deinit(&said);
	buffer_deinit(&expected);
}

static void test_help(void **state)
{
	struct buffer said;
	char left[512];

	(void)state;
	buffer_init(&said);
	assert_int_equal(take("--set --help --nonsense", left, &said), OPTIONS_HELP);
	assert_string_equal(buffer_text(&said),
		"usage: salespulse try [OPTIONS] FILE\n\nTries it.\n\n"
		"  --set                       Sets it.\n"
		"  --text FILE                 A file.\n"
		"  --format table|csv|jsonl    How it is printed (table).\n"
		"  --count N                   How many.\n"
		"  --wait TIME                 How long.\n"
		"  --at TIME                   When.\n"
		"  --share X                   Which part of all that there is, said in a sentence "
		"that is so long\n"
		"                              that it has to be broken.\n"
		"  --rather-a-long-name-for-a-flag FILE\n"
		"                              May be repeated.\n"
		"  --help                      This text.\n");
	assert_int_equal(take("-h", left, &said), OPTIONS_HELP);
	buffer_deinit(&said);
}

static void test_settings(void **state)
{
	struct settings *settings = NULL;
	struct buffer said;
	char left[512];

	(void)state;
	buffer_init(&said);
	options.settings = &settings;
	/* A setting's value is not taken for an argument, and a setting comes in any place. */
	assert_int_equal(take("--job mine file --set --kafka.client.rack r --rebuild", left, &said),
		OPTIONS_GO_ON);
	assert_string_equal(buffer_text(&said), "");
	assert_string_equal(left, "file");
	assert_true(values.set);
	assert_string_equal(settings->job, "mine");
	assert_true(settings->rebuild);
	assert_string_equal(settings->kafka_properties[0].value, "r");
	settings_free(settings);
	assert_int_equal(take("--kafka.brokrs x", left, &said), OPTIONS_WRONG);
	assert_string_equal(
		buffer_text(&said), "--kafka.brokrs: no setting or property of librdkafka has this "
				    "name; did you mean --kafka.brokers?\n");
	assert_int_equal(take("--jobb x", left, &said), OPTIONS_WRONG);
	assert_string_equal(
		buffer_text(&said), "salespulse try: unknown flag «--jobb»; did you mean --job?\n");
	assert_int_equal(take("--tetx x", left, &said), OPTIONS_WRONG);
	assert_string_equal(buffer_text(&said),
		"salespulse try: unknown flag «--tetx»; did you mean --text?\n");
	assert_int_equal(take("--settings /nowhere.yaml", left, &said), OPTIONS_WRONG);
	assert_string_equal(buffer_text(&said), "/nowhere.yaml: No such file or directory\n");
	setenv("SALESPULSE_SETTINGS", "/nowhere/else.yaml", 1);
	assert_int_equal(take("", left, &said), OPTIONS_WRONG);
	assert_string_equal(buffer_text(&said), "/nowhere/else.yaml: No such file or directory\n");
	setenv("SALESPULSE_SETTINGS", "", 1);
	assert_int_equal(take("", left, &said), OPTIONS_GO_ON);
	settings_free(settings);
	unsetenv("SALESPULSE_SETTINGS");
	assert_int_equal(take("--help", left, &said), OPTIONS_HELP);
	assert_non_null(strstr(buffer_text(&said), "  --settings FILE "));
	assert_non_null(strstr(buffer_text(&said), "  kafka.brokers "));
	options.settings = NULL;
	buffer_deinit(&said);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_settings),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);

	free(values.list.items);
	return failed;
}
