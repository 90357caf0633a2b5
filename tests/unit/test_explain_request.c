/* The question of explain, as a URL's query and back; what is no question is refused in words that may be shown to anybody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "edge/explain_request.h"

static void test_a_query_is_taken(void **state)
{
	struct explain_request *r = explain_request_new();
	char message[EXPLAIN_MESSAGE_MAX];

	(void)state;
	assert_int_equal(r->most, EXPLAIN_MOST_USUAL);
	assert_int_equal(explain_request_parse(r,
				 SLICE_LIT("metric=win_rate&tenant=caf%C3%A9+%26+co&&window=7d&group=team%3DJakarta%20Pusat"
					   "&group=rep%3da%3Db&currency=USD&most=3&format=json"),
				 message),
		0);
	assert_int_equal(explain_request_check(r, message), 0);
	assert_true(slice_is(r->question.metric, "win_rate"));
	assert_true(slice_is(r->question.tenant, "caf\xc3\xa9 & co"));
	assert_true(slice_is(r->question.window, "7d"));
	assert_true(slice_is(r->question.group_by, "team,rep"));
	assert_int_equal(r->question.value_count, 2);
	assert_true(slice_is(r->question.values[0], "Jakarta Pusat"));
	assert_true(slice_is(r->question.values[1], "a=b"));
	assert_true(slice_is(r->question.currency, "USD"));
	assert_int_equal(r->most, 3);
	assert_true(r->is_json);
	explain_request_free(r);
	explain_request_free(NULL);
}

/* Decoded once: what is a percent sign after it is one. */
static void test_percent_once(void **state)
{
	struct explain_request *r = explain_request_new();
	char message[EXPLAIN_MESSAGE_MAX];

	(void)state;
	assert_int_equal(explain_request_parse(r, SLICE_LIT("metric=%2541&tenant=100%25"), message), 0);
	assert_true(slice_is(r->question.metric, "%41"));
	assert_true(slice_is(r->question.tenant, "100%"));
	explain_request_free(r);
}

static void expect_refused(const char *query, const char *wanted)
{
	struct explain_request *r = explain_request_new();
	char message[EXPLAIN_MESSAGE_MAX] = "";

	if (explain_request_parse(r, slice_of(query), message) == 0)
		assert_int_equal(explain_request_check(r, message), 1);
	if (strcmp(message, wanted) != 0)
		fail_msg("%s: %s\nwanted: %s", query, message, wanted);
	explain_request_free(r);
}

static void test_bad_ones(void **state)
{
	static const char encoding[] = "the question is not percent-encoded as a URL has to be";
	char longer[EXPLAIN_TEXT_MAX + 32];

	(void)state;
	expect_refused("", "metric is wanted");
	expect_refused("metric=win_rate", "tenant is wanted");
	expect_refused("metric=win_rate&tenant=acme", "window is wanted");
	expect_refused("metric=&tenant=acme&window=7d", "metric is wanted");
	expect_refused("metric=a&metric=b", "metric is there twice");
	expect_refused("metrik=a", "there is no parameter «metrik»; the nearest is «metric»");
	expect_refused("at=2026-01-01", "there is no parameter «at»");
	expect_refused("%3Cscript%3E=1", "there is no parameter «<script>»");
	expect_refused("a%0d%0aX-Evil:1=1",
		"there is a parameter whose name is no name; they are metric, tenant, window, group, currency, most and format");
	expect_refused("metric=%", encoding);
	expect_refused("metric=%4", encoding);
	expect_refused("metric=%4g", encoding);
	expect_refused("metric=%-1", encoding);
	expect_refused("metric=a b", encoding);
	expect_refused("metric=\xc3\xa9", encoding);
	expect_refused("metric=a%00b", "metric is not UTF-8, or has control characters");
	expect_refused("metric=%1b[2J", "metric is not UTF-8, or has control characters");
	expect_refused("tenant=%c2%9b2J", "tenant is not UTF-8, or has control characters");
	expect_refused("tenant=%c0%af", "tenant is not UTF-8, or has control characters");
	expect_refused("tenant=%ff", "tenant is not UTF-8, or has control characters");
	expect_refused("group=team", "group wants a dimension and its value, team=jakarta");
	expect_refused("group=%3Djakarta", "group wants a dimension and its value, team=jakarta");
	expect_refused("group=team,rep%3Dx", "group wants a dimension and its value, team=jakarta");
	expect_refused("group=a%3D1&group=b%3D2&group=c%3D3&group=d%3D4", "group is there more than 3 times");
	expect_refused("most=", "most wants a whole number, 0 to 10000");
	expect_refused("most=-1", "most wants a whole number, 0 to 10000");
	expect_refused("most=10001", "most wants a whole number, 0 to 10000");
	expect_refused("most=99999999999999999999", "most wants a whole number, 0 to 10000");
	expect_refused("format=xml", "format wants text or json");
	memset(longer, 'a', sizeof(longer));
	memcpy(longer, "metric=", 7);
	longer[7 + EXPLAIN_TEXT_MAX + 1] = '\0';
	expect_refused(longer, "metric is longer than 256 bytes");
	longer[7 + EXPLAIN_TEXT_MAX] = '\0';
	expect_refused(longer, "tenant is wanted");
}

/* Whatever is taken comes back as it was, through its own query. */
static void test_there_and_back(void **state)
{
	static const char *const pieces[] = { "a", "=", "&", "+", "%", " ", "\xc3\xa9", "#", "?", "/", "\xf0\x9f\x98\x80", ",", "41" };
	static const char *const names[] = { "metric", "tenant", "window", "currency" };
	struct rng rng;

	(void)state;
	rng_init(&rng, 5);
	for (int round = 0; round < 2000; round++) {
		struct explain_request *a = explain_request_new(), *b = explain_request_new();
		_cleanup_buffer_ struct buffer query = { 0 }, again = { 0 };
		char message[EXPLAIN_MESSAGE_MAX] = "";

		for (size_t n = 0; n < 4 + rng_below(&rng, 4); n++) {
			_cleanup_buffer_ struct buffer value = { 0 };

			if (n >= 4)
				buffer_printf(&value, "dim%zu=", n);
			for (uint64_t k = rng_below(&rng, 6); k-- > 0;)
				buffer_put_text(&value, pieces[rng_below(&rng, sizeof(pieces) / sizeof(pieces[0]))]);
			if (n < 4 || a->question.value_count < PLAN_GROUP_DIMS_MAX)
				assert_int_equal(
					explain_request_set(a, n < 4 ? slice_of(names[n]) : SLICE_LIT("group"), buffer_slice(&value), message),
					0);
		}
		a->most = (uint32_t)rng_below(&rng, EXPLAIN_MOST_MAX);
		a->is_json = rng_chance(&rng, 0.5);
		explain_request_print(a, &query);
		assert_int_equal(explain_request_parse(b, buffer_slice(&query), message), 0);
		assert_true(slice_equal(a->question.metric, b->question.metric) && slice_equal(a->question.tenant, b->question.tenant));
		assert_true(slice_equal(a->question.window, b->question.window) && slice_equal(a->question.currency, b->question.currency));
		assert_true(slice_equal(a->question.group_by, b->question.group_by));
		assert_int_equal(a->question.value_count, b->question.value_count);
		for (uint32_t i = 0; i < a->question.value_count; i++)
			assert_true(slice_equal(a->question.values[i], b->question.values[i]));
		assert_true(a->most == b->most && a->is_json == b->is_json);
		explain_request_print(b, &again);
		assert_true(slice_equal(buffer_slice(&query), buffer_slice(&again)));
		explain_request_free(a);
		explain_request_free(b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_query_is_taken),
		cmocka_unit_test(test_percent_once),
		cmocka_unit_test(test_bad_ones),
		cmocka_unit_test(test_there_and_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
