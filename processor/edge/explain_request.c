#include "edge/explain_request.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/timefmt.h"
#include "base/utf8.h"
#include "base/xalloc.h"

enum parameter { METRIC, TENANT, WINDOW, GROUP, CURRENCY, MOST, FORMAT, PARAMETER_COUNT };

static const char *const names[PARAMETER_COUNT] = { "metric", "tenant", "window", "group",
	"currency", "most", "format" };

#define REFUSE(...) (snprintf(message, EXPLAIN_MESSAGE_MAX, __VA_ARGS__), 1)

struct explain_request *explain_request_new(void)
{
	struct explain_request *r = x_calloc(1, sizeof(*r));

	arena_init(&r->texts, 0);
	r->most = EXPLAIN_MOST_USUAL;
	return r;
}

void explain_request_free(struct explain_request *r)
{
	if (r == NULL)
		return;
	arena_deinit(&r->texts);
	free(r);
}

/* ---- one parameter -------------------------------------------------------------------------------------- */

/* C0, DEL and, in UTF-8, C1: what moves a terminal's cursor is in no name. */
static bool is_plain_text(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (c < 0x20 || c == 0x7f)
			return false;
		if (c == 0xc2 && i + 1 < text.len && (unsigned char)text.at[i + 1] < 0xa0)
			return false;
	}
	return utf8_valid(text.at, text.len);
}

static struct slice keep(struct explain_request *r, struct slice text)
{
	return (struct slice){ arena_strndup(&r->texts, text.at ? text.at : "", text.len),
		text.len };
}

/* "team=jakarta": the grouping's next dimension and its value. */
static int take_group(struct explain_request *r, struct slice value, char *message)
{
	struct explain_question *q = &r->question;
	const char *equals = value.len ? memchr(value.at, '=', value.len) : NULL;
	char group_by[EXPLAIN_TEXT_MAX * 2];
	size_t dim;

	if (!equals || equals == value.at ||
		memchr(value.at, ',', (size_t)(equals - value.at)) != NULL)
		return REFUSE("group wants a dimension and its value, team=jakarta");
	if (q->value_count == PLAN_GROUP_DIMS_MAX)
		return REFUSE("group is there more than %d times", PLAN_GROUP_DIMS_MAX);
	dim = (size_t)(equals - value.at);
	if (q->group_by.len + 1 + dim > sizeof(group_by) - 1)
		return REFUSE("the names of the group's dimensions are too long");
	int length = snprintf(group_by, sizeof(group_by), SLICE_FMT "%s%.*s",
		SLICE_ARG(q->group_by), q->group_by.len ? "," : "", (int)dim, value.at);
	q->group_by = keep(r, (struct slice){ group_by, (size_t)length });
	q->values[q->value_count++] = keep(r, (struct slice){ equals + 1, value.len - dim - 1 });
	return 0;
}

static int take_most(struct explain_request *r, struct slice value, char *message)
{
	uint32_t most = 0;

	for (size_t i = 0; i < value.len; i++) {
		if (value.at[i] < '0' || value.at[i] > '9')
			return REFUSE("most wants a whole number, 0 to %d", EXPLAIN_MOST_MAX);
		most = most * 10 + (uint32_t)(value.at[i] - '0');
		if (most > EXPLAIN_MOST_MAX)
			return REFUSE("most wants a whole number, 0 to %d", EXPLAIN_MOST_MAX);
	}
	if (!value.len)
		return REFUSE("most wants a whole number, 0 to %d", EXPLAIN_MOST_MAX);
	r->most = most;
	return 0;
}

static int take_format(struct explain_request *r, struct slice value, char *message)
{
	r->is_json = slice_is(value, "json");
	if (!r->is_json && !slice_is(value, "text"))
		return REFUSE("format wants text or json");
	return 0;
}

static int take(
	struct explain_request *r, enum parameter parameter, struct slice value, char *message)
{
	switch (parameter) {
	case METRIC:
		r->question.metric = keep(r, value);
		return 0;
	case TENANT:
		r->question.tenant = keep(r, value);
		return 0;
	case WINDOW:
		r->question.window = keep(r, value);
		return 0;
	case CURRENCY:
		r->question.currency = keep(r, value);
		return 0;
	case GROUP:
		return take_group(r, value, message);
	case MOST:
		return take_most(r, value, message);
	case FORMAT:
		return take_format(r, value, message);
	case PARAMETER_COUNT:
		break;
	}
	return 1;
}

static int refuse_name(struct slice name, char *message)
{
	const char *near;

	if (name.len > NEAREST_NAME_MAX || !is_plain_text(name))
		return REFUSE(
			"there is a parameter whose name is no name; they are metric, tenant, "
			"window, group, currency, most and format");
	near = nearest_name(name, names, PARAMETER_COUNT);
	return REFUSE("there is no parameter «" SLICE_FMT "»%s%s%s", SLICE_ARG(name),
		near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
}

int explain_request_set(struct explain_request *r, struct slice name, struct slice value,
	char message[EXPLAIN_MESSAGE_MAX])
{
	int parameter = 0;

	while (parameter < PARAMETER_COUNT && !slice_is(name, names[parameter]))
		parameter++;
	if (parameter == PARAMETER_COUNT)
		return refuse_name(name, message);
	if (value.len > EXPLAIN_TEXT_MAX)
		return REFUSE("%s is longer than %d bytes", names[parameter], EXPLAIN_TEXT_MAX);
	if (!is_plain_text(value))
		return REFUSE("%s is not UTF-8, or has control characters", names[parameter]);
	if (parameter != GROUP && r->given >> parameter & 1)
		return REFUSE("%s is there twice", names[parameter]);
	r->given |= UINT32_C(1) << parameter;
	return take(r, (enum parameter)parameter, value, message);
}

int explain_request_check(const struct explain_request *r, char message[EXPLAIN_MESSAGE_MAX])
{
	if (!r->question.metric.len || !r->question.tenant.len || !r->question.window.len)
		return REFUSE("%s is wanted", !r->question.metric.len	? "metric"
					      : !r->question.tenant.len ? "tenant"
									: "window");
	return 0;
}

/* ---- the answer ------------------------------------------------------------------------------------------ */

int explain_request_answer(const struct explain_request *r, struct shard *shard, struct buffer *out,
	char message[EXPLAIN_MESSAGE_MAX])
{
	struct explanation x;
	char at[TIME_TEXT_MAX];
	int answer;

	if (shard_explain(shard, &r->question, &x, message) != 0)
		return 1;
	answer = explanation_adds_up(&x) ? 0 : 2;
	if (r->is_json) {
		explanation_print_json(shard, &r->question, &x, r->most, out);
	} else {
		explanation_print(shard, &r->question, &x, r->most, out);
		buffer_printf(out, "As of %s.\n", time_format(shard_clock(shard), at));
	}
	explanation_deinit(&x);
	return answer;
}

/* ---- a URL's query -------------------------------------------------------------------------------------- */

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
				      : -1;
}

/* "%C3%A9" and "+" once, not twice. False: a percent sign without its two digits, or a byte that has no business in a URL. */
static bool decode(struct slice text, struct buffer *out)
{
	buffer_reset(out);
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c <= ' ' || c > '~')
			return false;
		if (c == '%') {
			if (text.len - i < 3 || hex(text.at[i + 1]) < 0 || hex(text.at[i + 2]) < 0)
				return false;
			buffer_put_u8(
				out, (uint8_t)(hex(text.at[i + 1]) << 4 | hex(text.at[i + 2])));
			i += 2;
		} else {
			buffer_put_u8(out, c == '+' ? ' ' : (uint8_t)c);
		}
	}
	return true;
}

static struct slice cut(struct slice *rest, char at)
{
	const char *end = rest->len ? memchr(rest->at, at, rest->len) : NULL;
	struct slice part = { rest->at, end ? (size_t)(end - rest->at) : rest->len };

	*rest = end ? (struct slice){ end + 1, rest->len - part.len - 1 }
		    : (struct slice){ NULL, 0 };
	return part;
}

int explain_request_parse(
	struct explain_request *r, struct slice query, char message[EXPLAIN_MESSAGE_MAX])
{
	_cleanup_buffer_ struct buffer name = { 0 }, value = { 0 };
	int answer = 0;

	if (query.len > EXPLAIN_QUERY_MAX)
		return REFUSE("the question is longer than %d bytes", EXPLAIN_QUERY_MAX);
	while (answer == 0 && query.len) {
		struct slice rest = cut(&query, '&'), key;

		if (!rest.len)
			continue;
		key = cut(&rest, '=');
		if (!decode(key, &name) || !decode(rest, &value))
			return REFUSE("the question is not percent-encoded as a URL has to be");
		answer = explain_request_set(r, buffer_slice(&name), buffer_slice(&value), message);
	}
	return answer;
}

static void encode(struct slice text, struct buffer *out)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
			(c && strchr("-._~", c)))
			buffer_put_u8(out, c);
		else
			buffer_printf(out, "%%%02X", c);
	}
}

static void put(enum parameter parameter, struct slice value, struct buffer *out)
{
	if (!value.len)
		return;
	buffer_printf(out, "%s%s=", out->len ? "&" : "", names[parameter]);
	encode(value, out);
}

void explain_request_print(const struct explain_request *r, struct buffer *out)
{
	const struct explain_question *q = &r->question;
	_cleanup_buffer_ struct buffer query = { 0 };
	struct slice dims = q->group_by;

	put(METRIC, q->metric, &query);
	put(TENANT, q->tenant, &query);
	put(WINDOW, q->window, &query);
	for (uint32_t i = 0; i < q->value_count; i++) {
		_cleanup_buffer_ struct buffer group = { 0 };
		struct slice dim = cut(&dims, ',');

		buffer_printf(
			&group, SLICE_FMT "=" SLICE_FMT, SLICE_ARG(dim), SLICE_ARG(q->values[i]));
		put(GROUP, buffer_slice(&group), &query);
	}
	put(CURRENCY, q->currency, &query);
	if (r->most != EXPLAIN_MOST_USUAL)
		buffer_printf(&query, "%s%s=%u", query.len ? "&" : "", names[MOST], r->most);
	if (r->is_json)
		put(FORMAT, SLICE_LIT("json"), &query);
	buffer_put(out, query.data, query.len);
}
