/* catalogue: the KPIs that the definitions declare, as a page for people. */
#include <stdio.h>
#include <string.h>

#include "base/xalloc.h"
#include "command.h"
#include "edge/catalogue.h"
#include "edge/definition_file.h"
#include "options.h"

struct flags {
	const char *format;
};

static int take_flags(struct flags *flags, struct settings **settings, int *argc, char **argv)
{
	const struct option_row rows[] = {
		{ "format", "markdown|html", "How the page is written (markdown).", OPTION_CHOICE,
			&flags->format, 0, 0 },
	};
	const struct options options = {
		.usage = "salespulse catalogue [OPTIONS] [DEFINITIONS]",
		.summary = "Describes every KPI of the definitions: what it means in English and "
			   "Indonesian, its formula, unit,\n"
			   "windows, groups, and the streams that it needs. DEFINITIONS is a file "
			   "such "
			   "as deploy/kpis.yaml;\n"
			   "without it the settings' own, else those built in. Exit status 2: "
			   "something "
			   "is wrong, said with its place.",
		.rows = rows,
		.row_count = sizeof(rows) / sizeof(rows[0]),
		.arguments_max = 1,
		.settings = settings,
	};

	return options_parse(&options, argc, argv);
}

static int print(const char *definitions, enum catalogue_format format)
{
	struct buffer _cleanup_buffer_ text;
	struct plan *plan;

	buffer_init(&text);
	if (definition_file_plan(definitions, &plan, &text)) {
		fputs(buffer_text(&text), stderr);
		return 2;
	}
	buffer_reset(&text);
	catalogue_print(plan, format, &text);
	plan_free(plan);
	fputs(buffer_text(&text), stdout);
	return 0;
}

int cmd_catalogue(int argc, char **argv)
{
	struct flags flags = { .format = "markdown" };
	struct settings *settings;
	int answer = take_flags(&flags, &settings, &argc, argv);

	if (answer != OPTIONS_GO_ON)
		return answer == OPTIONS_HELP ? 0 : 2;
	answer = print(argc > 1 ? argv[1] : settings->definitions,
		strcmp(flags.format, "html") == 0 ? CATALOGUE_HTML : CATALOGUE_MARKDOWN);
	settings_free(settings);
	return answer;
}
