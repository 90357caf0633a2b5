#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/timefmt.h"

/* What the lines between begin and end wrote to stderr. */
static int saved_stderr;
static FILE *captured;
static char text[3 * LOG_LINE_MAX];

static void capture_begin(void)
{
	captured = tmpfile();
	assert_non_null(captured);
	saved_stderr = dup(STDERR_FILENO);
	dup2(fileno(captured), STDERR_FILENO);
}

static const char *capture_end(void)
{
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	rewind(captured);
	text[fread(text, 1, sizeof(text) - 1, captured)] = '\0';
	fclose(captured);
	return text;
}

static void test_line(void **state)
{
	int64_t ms;

	(void)state;
	capture_begin();
	log_warn("event=redis_gone attempts=%d", 3);
	const char *line = capture_end();
	const char *space = strchr(line, ' ');

	assert_non_null(space);
	assert_true(time_parse((struct slice){ line, (size_t)(space - line) }, &ms));
	assert_string_equal(space, " level=warn event=redis_gone attempts=3\n");
}

static void test_levels(void **state)
{
	(void)state;
	capture_begin();
	log_debug("event=a");
	log_set_level(LOG_LEVEL_ERROR);
	log_info("event=b");
	log_warn("event=c");
	log_error("event=d");
	log_set_level(LOG_LEVEL_NONE);
	log_error("event=e");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("event=f");
	log_set_level(LOG_LEVEL_INFO);
	const char *lines = capture_end();

	for (const char *name = "abce"; *name; name++) {
		char unwanted[] = "event=?";

		unwanted[6] = *name;
		assert_null(strstr(lines, unwanted));
	}
	assert_non_null(strstr(lines, "event=d"));
	assert_non_null(strstr(lines, "event=f"));
}

static void test_nobody_forges_a_line(void **state)
{
	(void)state;
	capture_begin();
	log_info("detail=\"%s\"", "x\n2026 level=error event=fake\r\x1b[2J");
	const char *line = capture_end();

	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	assert_null(strchr(line, '\r'));
	assert_null(strchr(line, '\x1b'));
}

static void test_long_lines_are_cut(void **state)
{
	char *filler = malloc(2 * LOG_LINE_MAX);

	(void)state;
	memset(filler, 'x', 2 * LOG_LINE_MAX - 1);
	filler[2 * LOG_LINE_MAX - 1] = '\0';
	capture_begin();
	log_info("%s", filler);
	const char *line = capture_end();

	assert_in_range(strlen(line), LOG_LINE_MAX - 2, LOG_LINE_MAX);
	assert_int_equal(line[strlen(line) - 1], '\n');
	free(filler);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_nobody_forges_a_line),
		cmocka_unit_test(test_long_lines_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
