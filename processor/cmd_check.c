/* check: is what the operator wrote right, what is in force, and what did the definitions become? */
#include <stdio.h>

#include "base/xalloc.h"
#include "command.h"
#include "core/plan.h"
#include "edge/counters.h"
#include "edge/definition_file.h"
#include "options.h"

struct flags {
	bool settings_table, counters_table, quiet;
};

static int take_flags(struct flags *flags, struct settings **settings, int *argc, char **argv)
{
	const struct option_row rows[] = {
		{ "quiet", NULL, "Say only what is wrong.", OPTION_SET, &flags->quiet, 0, 0 },
		{ "settings-table", NULL, "The settings as a Markdown table, and nothing else.",
			OPTION_SET, &flags->settings_table, 0, 0 },
		{ "counters-table", NULL,
			"The counters of /metrics as a Markdown table, and nothing else.",
			OPTION_SET, &flags->counters_table, 0, 0 },
	};
	const struct options options = {
		.usage = "salespulse check [OPTIONS] [DEFINITIONS]",
		.summary =
			"Validates settings and definitions, prints the settings in force and what "
			"the definitions are\n"
			"compiled to. DEFINITIONS is a file such as deploy/kpis.yaml; without it "
			"the settings' own, else\n"
			"those built in. Exit status 2: something is wrong, said with its place.",
		.rows = rows,
		.row_count = sizeof(rows) / sizeof(rows[0]),
		.arguments_max = 1,
		.settings = settings,
	};

	return options_parse(&options, argc, argv);
}

static int check(const struct settings *settings, const char *definitions, bool quiet)
{
	struct buffer _cleanup_buffer_ text;
	struct plan *plan;

	buffer_init(&text);
	if (definition_file_plan(definitions, &plan, &text)) {
		fputs(buffer_text(&text), stderr);
		return 2;
	}
	buffer_put_text(&text, "# settings\n");
	settings_print(settings, &text);
	buffer_printf(
		&text, "\n# definitions: %s\n", definitions[0] != '\0' ? definitions : "built in");
	plan_print(plan, &text);
	plan_free(plan);
	if (!quiet)
		fputs(buffer_text(&text), stdout);
	return 0;
}

static int print_table(const struct flags *flags)
{
	struct buffer _cleanup_buffer_ text;

	buffer_init(&text);
	if (flags->settings_table)
		settings_print_help(&text, true);
	else
		counters_print_markdown(&text);
	fputs(buffer_text(&text), stdout);
	return 0;
}

int cmd_check(int argc, char **argv)
{
	struct flags flags = { 0 };
	struct settings *settings;
	int answer = take_flags(&flags, &settings, &argc, argv);

	if (answer != OPTIONS_GO_ON)
		return answer == OPTIONS_HELP ? 0 : 2;
	if (flags.settings_table || flags.counters_table)
		answer = print_table(&flags);
	else
		answer = check(settings, argc > 1 ? argv[1] : settings->definitions, flags.quiet);
	settings_free(settings);
	return answer;
}
