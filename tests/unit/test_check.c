/* check: exit status, what it says of what is wrong, what it prints of what is right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "command.h"

enum { SAID_BYTES = 65536, ARGUMENTS_MAX = 6 };

static char folder[] = "/tmp/salespulse-check-XXXXXX", settings_path[64], definitions_path[64];
static char out[SAID_BYTES], err[SAID_BYTES];

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void read_back(FILE *file, char *text)
{
	rewind(file);
	text[fread(text, 1, SAID_BYTES - 1, file)] = '\0';
	fclose(file);
}

/* Runs check with up to four arguments, NULL at their end; fills out and err. */
static int check(const char *a, const char *b, const char *c)
{
	const char *const given[] = { "check", a, b, c };
	char texts[4][96], *argv[ARGUMENTS_MAX] = { NULL };
	FILE *files[2] = { tmpfile(), tmpfile() };
	int saved[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) }, argc = 0, answer;

	for (; argc < 4 && given[argc]; argc++) {
		snprintf(texts[argc], sizeof(texts[argc]), "%s", given[argc]);
		argv[argc] = texts[argc];
	}
	assert_non_null(files[0]);
	assert_non_null(files[1]);
	fflush(stdout);
	dup2(fileno(files[0]), STDOUT_FILENO);
	dup2(fileno(files[1]), STDERR_FILENO);
	answer = cmd_check(argc, argv);
	fflush(stdout);
	dup2(saved[0], STDOUT_FILENO);
	dup2(saved[1], STDERR_FILENO);
	close(saved[0]);
	close(saved[1]);
	read_back(files[0], out);
	read_back(files[1], err);
	return answer;
}

static void expect_in(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("not said: %s\n%s", part, text);
}

static void test_right(void **state)
{
	(void)state;
	assert_int_equal(check(NULL, NULL, NULL), 0);
	assert_string_equal(err, "");
	expect_in(out, "# settings\njob: salespulse ");
	expect_in(out, "\n# definitions: built in\n");
	expect_in(out, "\n  won_revenue: sum on deal, each of credit, by rep team source\n");
	expect_in(out,
		"\n  win_rate = (opportunities_won / (opportunities_won + opportunities_lost))\n");
	expect_in(out, " bytes per key, ");
	assert_int_equal(check("--quiet", "deploy/kpis.yaml", NULL), 0);
	assert_string_equal(out, "");
	assert_int_equal(check("--settings=deploy/salespulse.yaml", NULL, NULL), 0);
}

static void test_own(void **state)
{
	char flag[96];

	(void)state;
	write_file(definitions_path, "measures:\n  - {name: n, on: lead, at: lead.created_at, by: "
				     "{src: lead.source_channel}}\n"
				     "metrics:\n  - {name: leads, value: n, windows: [7d], "
				     "group_by: [[], [src]], compare: none}\n");
	write_file(settings_path, "job: mine\nredis.password: hunter2\n");
	snprintf(flag, sizeof(flag), "--settings=%s", settings_path);
	assert_int_equal(check(flag, definitions_path, NULL), 0);
	expect_in(out, "\njob: mine ");
	expect_in(out, "\nredis.password: \"***\" ");
	assert_null(strstr(out, "hunter2"));
	expect_in(out, "1 measures, 1 metrics, 2 groupings");
	expect_in(out, "  n: count on lead, by src\n    1 totals, ");
	expect_in(out, "    reads lead.created_at lead.source_channel\n");
	expect_in(out, "  leads = n\n    count; windows 7d; groups [] [src]\n");
	expect_in(out, " bytes per key, 1 key per group; its measures ");
}

static void test_wrong(void **state)
{
	char flag[96];

	(void)state;
	write_file(definitions_path, "metrics:\n  - {name: a, value: b, windows: [7d]}\n");
	assert_int_equal(check(definitions_path, NULL, NULL), 2);
	assert_string_equal(out, "");
	expect_in(err, "/k.yaml:2:22: no measure is named «b»\n    - {name: a, value: b, windows: "
		       "[7d]}\n                       ^\n");
	write_file(settings_path, "kafka.broker: x\n");
	snprintf(flag, sizeof(flag), "--settings=%s", settings_path);
	assert_int_equal(check(flag, NULL, NULL), 2);
	assert_string_equal(out, "");
	expect_in(err, "/s.yaml:1:1: «kafka.broker» is no setting; the nearest is "
		       "«kafka.brokers»\n  kafka.broker: x\n  ^~~~~~~~~~~~\n");
	assert_int_equal(check("a.yaml", "b.yaml", NULL), 2);
	expect_in(err, "salespulse check: unexpected argument «b.yaml»\n");
	assert_int_equal(check("--setings=x", NULL, NULL), 2);
	expect_in(err, "did you mean --settings?");
}

static void test_tables(void **state)
{
	(void)state;
	assert_int_equal(check("--settings-table", NULL, NULL), 0);
	assert_int_equal(strncmp(out, "| setting | default | limits | meaning |\n", 41), 0);
	assert_int_equal(check("--counters-table", NULL, NULL), 0);
	assert_int_equal(strncmp(out, "| name | kind | unit | meaning |\n", 33), 0);
	assert_int_equal(check("--help", NULL, NULL), 0);
	assert_int_equal(strncmp(out, "usage: salespulse check ", 24), 0);
	assert_string_equal(err, "");
}

static int make_folder(void **state)
{
	(void)state;
	if (!mkdtemp(folder))
		return 1;
	snprintf(settings_path, sizeof(settings_path), "%s/s.yaml", folder);
	snprintf(definitions_path, sizeof(definitions_path), "%s/k.yaml", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	unlink(settings_path);
	unlink(definitions_path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_tables),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
