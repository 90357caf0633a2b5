#include "edge/catalogue.h"

#include "base/timefmt.h"
#include "core/model.h"

/* One writer of pages: what differs between the formats is how a text is escaped and what stands around it. */
struct page {
	const struct plan *plan;
	enum catalogue_format format;
	struct buffer *out;
};

static void put_escaped(struct page *page, const char *text)
{
	for (; *text; text++) {
		if (page->format == CATALOGUE_HTML && (*text == '<' || *text == '>'))
			buffer_put_text(page->out, *text == '<' ? "&lt;" : "&gt;");
		else if (page->format == CATALOGUE_HTML && *text == '&')
			buffer_put_text(page->out, "&amp;");
		else if (page->format == CATALOGUE_MARKDOWN && (*text == '|' || *text == '<'))
			buffer_printf(page->out, "\\%c", *text);
		else
			buffer_put(page->out, text, 1);
	}
}

static void put_code(struct page *page, const char *text)
{
	buffer_put_text(page->out, page->format == CATALOGUE_HTML ? "<code>" : "`");
	if (page->format == CATALOGUE_HTML)
		put_escaped(page, text);
	else
		buffer_put_text(page->out, text);
	buffer_put_text(page->out, page->format == CATALOGUE_HTML ? "</code>" : "`");
}

static void begin_line(struct page *page, const char *name)
{
	if (page->format == CATALOGUE_HTML)
		buffer_printf(page->out, "<dt>%s</dt><dd>", name);
	else
		buffer_printf(page->out, "- %s: ", name);
}

static void end_line(struct page *page)
{
	buffer_put_text(page->out, page->format == CATALOGUE_HTML ? "</dd>\n" : "\n");
}

/* ---- one KPI ---------------------------------------------------------------------------------------------- */

static void put_language(
	struct page *page, const char *language, const char *label, const char *text)
{
	if (!label && !text)
		return;
	if (page->format == CATALOGUE_HTML)
		buffer_printf(page->out, "<p lang=\"%s\">", language);
	if (label) {
		buffer_put_text(page->out, page->format == CATALOGUE_HTML ? "<b>" : "**");
		put_escaped(page, label);
		buffer_put_text(page->out, page->format == CATALOGUE_HTML ? "</b>" : "**");
		buffer_put_text(page->out, text ? ": " : "");
	}
	put_escaped(page, text ? text : "");
	buffer_put_text(page->out, page->format == CATALOGUE_HTML ? "</p>\n" : "\n\n");
}

static void put_formula(struct page *page, const struct plan_metric *m)
{
	begin_line(page, "formula");
	if (m->rank_of >= 0)
		buffer_put_text(page->out, "rank by ");
	put_code(page, m->formula);
	end_line(page);
}

static void put_unit(struct page *page, const struct plan_metric *m)
{
	static const char *const bases[] = {
		"by when it happened",
		"of what began in the window",
		"of closed periods",
		"as it stands now",
	};
	char text[TIME_TEXT_MAX];

	begin_line(page, "unit, basis");
	buffer_printf(page->out, "%s; %s", plan_unit_names[m->unit], bases[m->basis]);
	if (m->mature_ms)
		buffer_printf(
			page->out, ", judged when %s old", duration_format(m->mature_ms, text));
	if (m->min_sample > 1)
		buffer_printf(page->out, "; from %lld samples on", (long long)m->min_sample);
	end_line(page);
}

static void put_windows(struct page *page, const struct plan_metric *m)
{
	bool compares = false;

	begin_line(page, "windows");
	for (uint16_t i = 0; i < m->window_count; i++) {
		buffer_put_text(page->out, i ? ", " : "");
		put_code(page, page->plan->windows[m->windows[i].window].name);
		compares |= m->windows[i].prev != NULL;
	}
	if (compares)
		buffer_put_text(page->out, "; beside the period before");
	end_line(page);
}

static void put_groups(struct page *page, const struct plan_metric *m)
{
	begin_line(page, "for");
	for (uint8_t i = 0; i < m->grouping_count; i++) {
		const struct plan_grouping *grouping = &page->plan->groupings[m->groupings[i]];

		buffer_put_text(page->out, i ? ", " : "");
		if (!grouping->dim_count)
			buffer_put_text(page->out, "the company");
		for (uint8_t k = 0; k < grouping->dim_count; k++)
			buffer_printf(page->out, "%s%s", k ? " and " : "each ",
				page->plan->dims[grouping->dims[k]]);
	}
	end_line(page);
}

static void put_streams(struct page *page, const struct plan_metric *m)
{
	bool any = false;

	begin_line(page, "needs");
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++) {
		if (!(m->streams >> type & 1))
			continue;
		buffer_put_text(page->out, any ? ", " : "");
		put_code(page, model_table[type].topic);
		any = true;
	}
	end_line(page);
}

static bool is_first(const struct plan_metric *m, uint16_t input)
{
	for (uint16_t i = 0; i < input; i++)
		if (m->inputs[i].measure == m->inputs[input].measure)
			return false;
	return true;
}

/* What it is made of, each measure once. */
static void put_measures(struct page *page, const struct plan_metric *m)
{
	if (m->rank_of >= 0)
		return;
	begin_line(page, "from");
	for (uint16_t i = 0; i < m->input_count; i++) {
		const struct plan_measure *measure = &page->plan->measures[m->inputs[i].measure];

		if (!is_first(m, i))
			continue;
		buffer_put_text(page->out, i ? ", " : "");
		put_code(page, measure->name);
		buffer_printf(page->out, " (%s%s of %s)", measure->stock ? "open " : "",
			plan_agg_names[measure->agg], model_table[measure->on].name);
	}
	end_line(page);
}

static void put_metric(struct page *page, const struct plan_metric *m)
{
	bool is_html = page->format == CATALOGUE_HTML;

	buffer_printf(page->out, is_html ? "<section id=\"%s\">\n<h2>%s</h2>\n" : "## %s\n\n",
		m->name, m->name);
	put_language(page, "en", m->label_en, m->description_en);
	put_language(page, "id", m->label_id, m->description_id);
	buffer_put_text(page->out, is_html ? "<dl>\n" : "");
	put_formula(page, m);
	put_unit(page, m);
	put_windows(page, m);
	put_groups(page, m);
	put_measures(page, m);
	put_streams(page, m);
	buffer_put_text(page->out, is_html ? "</dl>\n</section>\n" : "\n");
}

/* ---- the page ---------------------------------------------------------------------------------------------- */

static const char html_head[] =
	"<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta name=\"viewport\" content=\"width=device-width, "
	"initial-scale=1\">\n<title>KPIs</title>\n<style>\n"
	":root { color-scheme: light dark; --ink: #1b2430; --paper: #fff; --soft: #5b6776; --line: "
	"#d9dee5; }\n"
	"@media (prefers-color-scheme: dark) { :root { --ink: #e8ecf1; --paper: #11161d; --soft: "
	"#a3afbd; --line: #2c3642; } }\n"
	"body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); "
	"max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }\n"
	"nav { columns: 16rem; } section { border-top: 1px solid var(--line); padding: 1rem 0; }\n"
	"h2 { font: 600 1.1rem ui-monospace, monospace; margin: 0 0 .5rem; } p { margin: .25rem 0; "
	"} p[lang=id] { color: var(--soft); }\n"
	"dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: "
	".75rem 0 0; font-size: .9rem; }\n"
	"dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; "
	"}\n</style>\n</head>\n<body>\n";

static void put_contents(struct page *page)
{
	buffer_put_text(page->out, "<nav>\n");
	for (uint32_t i = 0; i < page->plan->metric_count; i++)
		buffer_printf(page->out, "<a href=\"#%s\">%s</a><br>\n",
			page->plan->metrics[i].name, page->plan->metrics[i].name);
	buffer_put_text(page->out, "</nav>\n");
}

void catalogue_print(const struct plan *plan, enum catalogue_format format, struct buffer *out)
{
	struct page page = { plan, format, out };
	bool is_html = format == CATALOGUE_HTML;

	buffer_put_text(out, is_html ? html_head : "");
	buffer_printf(out,
		is_html ? "<h1>The KPIs</h1>\n<p>%u, in the order of their definitions.</p>\n"
			: "# The KPIs\n\n%u, in the order of their definitions; written by "
			  "`salespulse catalogue`.\n\n",
		plan->metric_count);
	if (is_html)
		put_contents(&page);
	for (uint32_t i = 0; i < plan->metric_count; i++)
		put_metric(&page, &plan->metrics[i]);
	buffer_put_text(out, is_html ? "</body>\n</html>\n" : "");
}
