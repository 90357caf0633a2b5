/*
 * options: a subcommand's own flags, said once in a table: name, argument, sentence, where the value goes. The parser and
 * --help come from the table. A command that works with settings names a place for them: then --settings FILE and every
 * setting as a flag (--kafka.brokers=…) are taken too, and the settings are loaded.
 *
 *     static const struct option_row rows[] = … { "speed", "N", "Events a second.", OPTION_INT, &speed, 1, 1000000 },
 *     int answer = options_parse(&options, &argc, argv);
 *     if (answer != OPTIONS_GO_ON)
 *             return answer == OPTIONS_HELP ? 0 : 2;
 *     … argv[1 … argc-1] are the arguments that are no flags
 */
#ifndef OPTIONS_H
#define OPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "edge/settings.h"

enum option_type {
	OPTION_SET,      /* bool: the flag takes no value and makes it true */
	OPTION_TEXT,     /* const char * */
	OPTION_CHOICE,   /* const char *: one of `argument`, "table|csv|jsonl" */
	OPTION_INT,      /* int64_t */
	OPTION_DECIMAL,  /* double */
	OPTION_DURATION, /* int64_t ms: 250ms 90s 1h 30d */
	OPTION_TIME,     /* int64_t ms since 1970: 2026-03-28T16:59:00Z */
	OPTION_LIST,     /* struct option_list: the flag may be given several times */
};

struct option_list {
	const char **items;   /* borrowed from argv; the array is owned: free() */
	size_t count, capacity;
};

struct option_row {
	const char *name;     /* without the dashes: "settings" */
	const char *argument; /* shown in --help: "FILE"; the choices of OPTION_CHOICE; NULL for OPTION_SET */
	const char *sentence; /* for --help; says the default where there is one */
	enum option_type type;
	void *target;         /* of the type above; holds the default before, untouched when the flag is absent */
	int64_t min, max;     /* OPTION_INT, OPTION_DECIMAL, OPTION_DURATION; both 0: no limits (durations are never negative) */
};

struct options {
	const char *usage;    /* "salespulse replay [OPTIONS] FILE…" */
	const char *summary;  /* what it does, one or more lines; NULL: nothing */
	const struct option_row *rows;
	size_t row_count;
	size_t arguments_max; /* more arguments that are no flags are refused */
	struct settings **settings; /* NULL: none; else loaded from --settings FILE (or $SALESPULSE_SETTINGS), environment, flags */
};

enum { OPTIONS_GO_ON = 0, OPTIONS_HELP = 1, OPTIONS_WRONG = 2 };

/*
 * Takes the flags ("--name value", "--name=value", "--help", "-h"; "--" ends them; "-" is an argument) out of *argc/argv.
 * OPTIONS_HELP: the help was printed on stdout. OPTIONS_WRONG: the mistake was said on stderr, with the nearest name.
 * *settings is the caller's only after OPTIONS_GO_ON (settings_free).
 */
int options_parse(const struct options *, int *argc, char **argv);
/* The text of --help. */
void options_print_help(const struct options *, struct buffer *);
/* The same as options_parse, with nothing printed: the help or the mistake is appended to `message`. */
int options_take(const struct options *, int *argc, char **argv, struct buffer *message);

#endif
