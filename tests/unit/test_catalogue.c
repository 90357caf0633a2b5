/* The catalogue says of each KPI what its definition says, and nothing of it can break out of the page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/catalogue.h"
#include "edge/definition_file.h"

static void page_of(const char *yaml, enum catalogue_format format, struct buffer *out)
{
	char path[] = "/tmp/catalogue_XXXXXX";
	int file = mkstemp(path);
	struct plan *plan;

	assert_true(file >= 0);
	assert_int_equal(write(file, yaml, strlen(yaml)), (ssize_t)strlen(yaml));
	close(file);
	if (definition_file_plan(path, &plan, out))
		fail_msg("%s", buffer_text(out));
	unlink(path);
	buffer_reset(out);
	catalogue_print(plan, format, out);
	plan_free(plan);
}

static const char definitions[] =
	"measures:\n"
	"  - {name: wins, on: deal, at: deal.won_at, agg: count, by: {rep: deal.owner_id}}\n"
	"  - {name: leads, on: lead, at: lead.created_at, agg: count, by: {rep: lead.owner_id}}\n"
	"metrics:\n"
	"  - name: wins_per_lead\n"
	"    value: wins / (leads + wins)\n"
	"    unit: percent\n"
	"    windows: [7d, month_to_date]\n"
	"    group_by: [[], [rep]]\n"
	"    label: {en: 'Wins | <lead>', id: Kemenangan}\n"
	"    description: {en: 'Wins & leads.', id: Kemenangan per prospek.}\n"
	"  - {name: plain, value: wins, windows: [today], compare: none, description: As it is.}\n";

static void expect(const struct buffer *page, const char *text)
{
	if (!strstr(buffer_text((struct buffer *)(uintptr_t)page), text))
		fail_msg("«%s» is not in\n%s", text, buffer_text((struct buffer *)(uintptr_t)page));
}

static void test_markdown_says_all(void **state)
{
	struct buffer _cleanup_buffer_ page;

	(void)state;
	buffer_init(&page);
	page_of(definitions, CATALOGUE_MARKDOWN, &page);
	expect(&page, "# The KPIs\n\n2, in");
	expect(&page, "## wins_per_lead\n\n**Wins \\| \\<lead>**: Wins & leads.\n\n"
		      "**Kemenangan**: Kemenangan per prospek.\n\n"
		      "- formula: `(wins / (leads + wins))`\n"
		      "- unit, basis: percent; by when it happened\n"
		      "- windows: `7d`, `month_to_date`; beside the period before\n"
		      "- for: the company, each rep\n"
		      "- from: `wins` (count of deal), `leads` (count of lead)\n"
		      "- needs: `crm.lead`, `crm.deal`\n");
	expect(&page, "## plain\n\nAs it is.\n\n- formula: `wins`\n- unit, basis: count; by when it happened\n"
		      "- windows: `today`\n- for: the company\n");
}

static void test_html_is_escaped_and_stands_alone(void **state)
{
	struct buffer _cleanup_buffer_ page;

	(void)state;
	buffer_init(&page);
	page_of(definitions, CATALOGUE_HTML, &page);
	expect(&page, "<p lang=\"en\"><b>Wins | &lt;lead&gt;</b>: Wins &amp; leads.</p>\n");
	expect(&page, "<p lang=\"id\"><b>Kemenangan</b>: Kemenangan per prospek.</p>\n");
	expect(&page, "<section id=\"plain\">");
	expect(&page, "<a href=\"#wins_per_lead\">");
	expect(&page, "</html>\n");
	assert_null(strstr(buffer_text(&page), "http"));
	assert_null(strstr(buffer_text(&page), "<lead>"));
}

static void test_a_language_that_is_none(void **state)
{
	struct buffer _cleanup_buffer_ text;
	struct plan *plan;
	char path[] = "/tmp/catalogue_XXXXXX";
	int file = mkstemp(path);
	static const char yaml[] =
		"measures:\n  - {name: m, on: deal, at: deal.won_at}\nmetrics:\n"
		"  - {name: m, value: m, windows: [7d], description: {fr: Tout.}}\n";

	(void)state;
	buffer_init(&text);
	assert_true(file >= 0);
	assert_int_equal(write(file, yaml, sizeof(yaml) - 1), (ssize_t)sizeof(yaml) - 1);
	close(file);
	assert_int_equal(definition_file_plan(path, &plan, &text), 1);
	expect(&text, ":4:54: a description has the languages en and id\n");
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_markdown_says_all),
		cmocka_unit_test(test_html_is_escaped_and_stands_alone),
		cmocka_unit_test(test_a_language_that_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
