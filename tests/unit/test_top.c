/* The board in the terminal: what is kept, how it reads, and that it fits any screen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "core/snapshot_record.h"
#include "edge/codec.h"
#include "edge/top.h"

static void take(struct top *top, struct snapshot s)
{
	struct buffer key = { 0 }, value = { 0 };

	if (!s.tenant_id.at)
		s.tenant_id = SLICE_LIT("acme");
	if (!s.unit)
		s.unit = "CURRENCY";
	if (!s.state)
		s.state = "OK";
	s.basis = "EVENT";
	s.group_key = s.group[0].at ? s.group[0] : SLICE_LIT("");
	codec_encode_snapshot_key(&s, &key);
	codec_encode_snapshot(&s, &value);
	assert_true(top_take(top, buffer_slice(&key), buffer_slice(&value), 1000000));
	buffer_deinit(&key);
	buffer_deinit(&value);
}

static struct snapshot money(const char *metric, const char *window, double value, int64_t revision)
{
	return (struct snapshot){ .metric = slice_of(metric), .window = slice_of(window), .group_by = SLICE_INIT(""), .currency = SLICE_INIT("IDR"),
		.value = { true, value }, .revision = revision, .as_of_ms = INT64_C(1772503200000) };
}

static void check_format(const char *unit, double value, bool english, const char *wanted)
{
	struct snapshot s = { .unit = unit, .value = { true, value }, .currency = SLICE_INIT("IDR"), .state = "OK" };
	struct buffer out = { 0 };

	top_format(&s, english, &out);
	assert_string_equal(buffer_text(&out), wanted);
	buffer_deinit(&out);
}

static void values_read_as_people_say_them(void **state)
{
	struct snapshot none = { .unit = "PERCENT", .state = "LOW_SAMPLE" };
	struct buffer out = { 0 };

	(void)state;
	check_format("CURRENCY", 1250000000, false, "Rp 1,25 miliar");
	check_format("CURRENCY", 1250000000, true, "Rp 1.25 bn");
	check_format("CURRENCY", 52600000, false, "Rp 52,6 juta");
	check_format("CURRENCY", 3.1e12, false, "Rp 3,10 triliun");
	check_format("CURRENCY", -850000, false, "Rp -850.000");
	check_format("CURRENCY", 0, false, "Rp 0");
	check_format("PERCENT", 63.1501, false, "63,2 %");
	check_format("PERCENT", 63.1501, true, "63.2 %");
	check_format("DAYS", 51.782, true, "51.8 d");
	check_format("SECONDS", 150, false, "2 m 30 d");
	check_format("SECONDS", 7260, true, "2:01 h");
	check_format("COUNT", 1234567, true, "1,234,567");
	top_format(&none, true, &out);
	assert_string_equal(buffer_text(&out), "too few");
	buffer_deinit(&out);
}

static char *render(const struct top *top, struct top_view view)
{
	struct buffer out = { 0 };

	view.now_ms = view.now_ms ? view.now_ms : 1000500;
	top_render(top, &view, &out);
	return (char *)(uintptr_t)buffer_text(&out); /* malloc'ed: the buffer is not used again */
}

static void the_highest_revision_stays(void **state)
{
	struct top *top = top_new();
	char *text;

	(void)state;
	take(top, money("won_revenue", "today", 2e9, 7));
	take(top, money("won_revenue", "today", 1e9, 6)); /* older, though it came later */
	assert_int_equal(top_key_count(top), 1);
	text = render(top, (struct top_view){ .columns = 100, .english = true });
	assert_non_null(strstr(text, "Rp 2.00 bn"));
	assert_null(strstr(text, "Rp 1.00 bn"));
	free(text);
	assert_false(top_take(top, SLICE_LIT("key"), SLICE_LIT("rubbish"), 0));
	top_free(top);
}

static void boards_are_ranked_with_ties(void **state)
{
	static const struct { const char *name; double value; } reps[] = { { "Ana", 500 }, { "Budi", 900 }, { "Citra", 500 }, { "Dewi", 0 } };
	struct top *top = top_new();
	char *text, *budi, *dewi;

	(void)state;
	for (int i = 0; i < 4; i++) {
		struct snapshot s = money("rep_revenue", "today", reps[i].value, i + 1);

		s.group_by = SLICE_LIT("rep");
		s.group[0] = slice_of(reps[i].name);
		take(top, s);
	}
	text = render(top, (struct top_view){ .columns = 100, .english = true });
	budi = strstr(text, "  1  Budi");
	dewi = strstr(text, "  4  Dewi");
	assert_non_null(budi);
	assert_non_null(dewi);
	assert_non_null(strstr(text, "  2  Ana"));
	assert_non_null(strstr(text, "  2  Citra"));
	assert_true(budi < dewi);
	free(text);
	top_free(top);
}

static void says_when_the_feed_is_lost(void **state)
{
	struct top *top = top_new();
	struct snapshot beat = { .metric = SLICE_INIT("heartbeat"), .window = SLICE_INIT("now"), .group_by = SLICE_INIT(""), .currency = SLICE_INIT(""),
		.unit = "SECONDS", .value = { true, 0.4 } };
	char *text;

	(void)state;
	text = render(top, (struct top_view){ .columns = 100, .english = true });
	assert_non_null(strstr(text, "waiting"));
	free(text);
	take(top, beat);
	text = render(top, (struct top_view){ .columns = 100, .english = true });
	assert_non_null(strstr(text, "live"));
	free(text);
	text = render(top, (struct top_view){ .columns = 100, .english = true, .now_ms = 1047000 });
	assert_non_null(strstr(text, "feed lost for 47 s"));
	free(text);
	top_free(top);
}

/* Names come from outside: they may hold escape sequences; a screen may be tiny. */
static void fits_every_screen(void **state)
{
	struct top *top = top_new();

	(void)state;
	for (int i = 0; i < 60; i++) {
		char name[64];
		struct snapshot s = money("rep_revenue", "today", i * 1e6, i + 1);

		snprintf(name, sizeof(name), "Siti \x1b[31mPutri Nur'aini №%d", i);
		s.group_by = SLICE_LIT("rep");
		s.group[0] = slice_of(name);
		s.group_label[0] = slice_of(name);
		take(top, s);
	}
	take(top, money("won_revenue", "today", 1e9, 100));
	for (uint32_t columns = 1; columns < 200; columns += 13)
		for (uint32_t rows = 1; rows < 60; rows += 9) {
			char *text = render(top, (struct top_view){ .columns = columns, .rows = rows, .board = columns, .window = rows });
			uint32_t lines = 0, width = 0;

			for (size_t i = 0, length = strlen(text); i < length;) {
				size_t bytes = utf8_character(text + i, length - i);

				assert_true(bytes > 0);
				if (text[i] == '\n') {
					lines++;
					width = 0;
				} else {
					assert_true(++width <= columns);
				}
				i += bytes;
			}
			assert_true(lines <= rows);
			free(text);
		}
	top_free(top);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(values_read_as_people_say_them), cmocka_unit_test(the_highest_revision_stays),
		cmocka_unit_test(boards_are_ranked_with_ties), cmocka_unit_test(says_when_the_feed_is_lost), cmocka_unit_test(fits_every_screen) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
