/* The table of subcommands; everything else is in theirs. */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "command.h"
#include "version.h"

static const struct command {
	const char *name;
	int (*function)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "run", cmd_run, "read events from Kafka, publish KPIs, keep checkpoints in Redis" },
	{ "replay", cmd_replay, "compute KPIs from files (Avro, JSON lines, CSV by a mapping)" },
	{ "simulate", cmd_simulate, "make the events of a believable sales floor" },
	{ "check", cmd_check, "validate settings and definitions, print the compiled plan" },
	{ "catalogue", cmd_catalogue,
		"describe the KPIs of the definitions, for people (Markdown, HTML)" },
	{ "top", cmd_top, "live board in the terminal" },
	{ "demo", cmd_demo, "all of it on this machine, with nothing to set up" },
	{ "explain", cmd_explain,
		"why is this number what it is: its parts and the records behind them" },
	{ "diff", cmd_diff,
		"what other numbers a definition file would give, before it is taken up" },
	{ "audit", cmd_audit, "recompute every total of a checkpoint and compare" },
};

enum { COMMAND_COUNT = sizeof(commands) / sizeof(commands[0]) };

static void print_usage(FILE *to)
{
	fprintf(to, "usage: salespulse COMMAND [OPTIONS]\n\n");
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(to, "  %-10s %s\n", commands[i].name, commands[i].help);
	fprintf(to, "\nsalespulse COMMAND --help says more; salespulse --version the version.\n");
}

static int refuse(const char *name)
{
	const char *names[COMMAND_COUNT];

	for (size_t i = 0; i < COMMAND_COUNT; i++)
		names[i] = commands[i].name;
	const char *nearest = nearest_name(slice_of(name), names, COMMAND_COUNT);

	fprintf(stderr, "salespulse: unknown command '%s'", name);
	if (nearest)
		fprintf(stderr, "; did you mean '%s'?\n", nearest);
	else
		fprintf(stderr, "; salespulse --help lists them\n");
	return 2;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		print_usage(stderr);
		return 2;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
		strcmp(argv[1], "help") == 0) {
		print_usage(stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("salespulse %s\n", SALESPULSE_VERSION);
		return 0;
	}
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].function(argc - 1, argv + 1);
	return refuse(argv[1]);
}
