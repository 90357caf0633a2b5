/*
 * The query of GET /v1/explain, as anybody who reaches the port may write it: taken, or refused in words that can be shown to anybody. What is
 * taken is plain text, and says the same again when it is written as a query.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "edge/explain_request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect_plain(struct slice text)
{
	assert(utf8_valid(text.at, text.len));
	for (size_t i = 0; i < text.len; i++)
		assert((unsigned char)text.at[i] >= 0x20 && text.at[i] != 0x7f);
}

static void expect_same(const struct explain_question *a, const struct explain_question *b)
{
	assert(slice_equal(a->metric, b->metric) && slice_equal(a->tenant, b->tenant));
	assert(slice_equal(a->window, b->window) && slice_equal(a->currency, b->currency));
	assert(slice_equal(a->group_by, b->group_by) && a->value_count == b->value_count);
	for (uint32_t i = 0; i < a->value_count; i++)
		assert(slice_equal(a->values[i], b->values[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct explain_request *first = explain_request_new(), *again = explain_request_new();
	struct slice query = { (const char *)data, size };
	char message[EXPLAIN_MESSAGE_MAX];
	struct buffer printed;

	buffer_init(&printed);
	if (explain_request_parse(first, query, message) != 0) {
		expect_plain(slice_of(message));
	} else {
		expect_plain(first->question.metric);
		expect_plain(first->question.tenant);
		expect_plain(first->question.window);
		expect_plain(first->question.currency);
		expect_plain(first->question.group_by);
		explain_request_print(first, &printed);
		assert(explain_request_parse(again, buffer_slice(&printed), message) == 0);
		expect_same(&first->question, &again->question);
		assert(first->most == again->most && first->is_json == again->is_json);
	}
	buffer_deinit(&printed);
	explain_request_free(first);
	explain_request_free(again);
	return 0;
}
