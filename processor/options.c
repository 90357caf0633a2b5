#include "options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/timefmt.h"
#include "base/xalloc.h"

enum { HELP_WIDTH = 26, SENTENCE_WIDTH = 70, NAMES_MAX = 64 };

static const struct option_row settings_row = { "settings", "FILE",
	"Settings file; without it the one $SALESPULSE_SETTINGS names.", OPTION_TEXT, NULL, 0, 0 };
static const struct option_row help_row = { "help", NULL, "This text.", OPTION_SET, NULL, 0, 0 };

struct parse {
	const struct options *options;
	const char *command; /* argv[0] */
	int argc;
	char **argv;
	int at;			   /* the next argument to look at */
	int kept;		   /* argv[0 … kept-1] stay */
	int arguments;		   /* of those, what is no flag */
	const char *settings_path; /* NULL: not given */
	struct buffer *message;
};

static int complain(const struct parse *p, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int complain(const struct parse *p, const char *format, ...)
{
	va_list arguments;

	buffer_printf(p->message, "salespulse %s: ", p->command);
	va_start(arguments, format);
	buffer_vprintf(p->message, format, arguments);
	va_end(arguments);
	buffer_put_text(p->message, "\n");
	return OPTIONS_WRONG;
}

/* ---- values --------------------------------------------------------------------------------- */

static void limit_text(const struct option_row *row, int64_t limit, char *text, size_t cap)
{
	if (row->type == OPTION_DURATION)
		duration_format(limit, text);
	else
		snprintf(text, cap, "%" PRId64, limit);
}

static int out_of_limits(const struct parse *p, const struct option_row *row, const char *value)
{
	char low[TIME_TEXT_MAX], high[TIME_TEXT_MAX];

	limit_text(row, row->min, low, sizeof(low));
	limit_text(row, row->max, high, sizeof(high));
	return complain(p, "--%s wants %s to %s, not «%s»", row->name, low, high, value);
}

static bool int_parse(const char *value, int64_t *ret)
{
	char *end;

	errno = 0;
	long long number = strtoll(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0' || value[0] == ' ')
		return false;
	*ret = number;
	return true;
}

static int take_number(const struct parse *p, const struct option_row *row, const char *value)
{
	bool limited = row->min != 0 || row->max != 0;
	int64_t number = 0;

	if (row->type == OPTION_DURATION && !duration_parse(slice_of(value), &number))
		return complain(p, "--%s wants a duration such as 90s, 5m or 1h, not «%s»",
			row->name, value);
	if (row->type == OPTION_INT && !int_parse(value, &number))
		return complain(p, "--%s wants a whole number, not «%s»", row->name, value);
	if (limited && (number < row->min || number > row->max))
		return out_of_limits(p, row, value);
	*(int64_t *)row->target = number;
	return OPTIONS_GO_ON;
}

static int take_decimal(const struct parse *p, const struct option_row *row, const char *value)
{
	bool limited = row->min != 0 || row->max != 0;
	int64_t units;

	if (!decimal_parse(slice_of(value), &units))
		return complain(
			p, "--%s wants a number of at most 4 decimals, not «%s»", row->name, value);
	double number = decimal_to_double(units);
	if (limited && (number < (double)row->min || number > (double)row->max))
		return out_of_limits(p, row, value);
	*(double *)row->target = number;
	return OPTIONS_GO_ON;
}

static int take_choice(const struct parse *p, const struct option_row *row, const char *value)
{
	size_t length = strlen(value), part;

	for (const char *at = row->argument; *at != '\0'; at += part + (at[part] == '|')) {
		part = strcspn(at, "|");
		if (part == length && memcmp(at, value, part) == 0) {
			*(const char **)row->target = value;
			return OPTIONS_GO_ON;
		}
	}
	return complain(p, "--%s wants one of %s, not «%s»", row->name, row->argument, value);
}

static void list_add(struct option_list *list, const char *value)
{
	X_GROW(list->items, list->count, list->capacity);
	list->items[list->count++] = value;
}

static int take_value(struct parse *p, const struct option_row *row, const char *value)
{
	switch (row->type) {
	case OPTION_SET:
		*(bool *)row->target = true;
		return OPTIONS_GO_ON;
	case OPTION_TEXT:
		*(const char **)row->target = value;
		return OPTIONS_GO_ON;
	case OPTION_CHOICE:
		return take_choice(p, row, value);
	case OPTION_INT:
	case OPTION_DURATION:
		return take_number(p, row, value);
	case OPTION_DECIMAL:
		return take_decimal(p, row, value);
	case OPTION_TIME:
		if (time_parse(slice_of(value), row->target))
			return OPTIONS_GO_ON;
		return complain(p, "--%s wants a time such as 2026-03-28T16:59:00Z, not «%s»",
			row->name, value);
	case OPTION_LIST:
		list_add(row->target, value);
		return OPTIONS_GO_ON;
	}
	return OPTIONS_WRONG;
}

/* ---- flags ---------------------------------------------------------------------------------- */

static int refuse_unknown(struct parse *p, struct slice name)
{
	const char *names[NAMES_MAX], *near;
	size_t count = 0;

	for (size_t i = 0; i < p->options->row_count && count < NAMES_MAX - 2; i++)
		names[count++] = p->options->rows[i].name;
	names[count++] = "help";
	if (p->options->settings)
		names[count++] = "settings";
	near = nearest_name(name, names, count);
	if (p->options->settings) {
		const char *setting = settings_nearest(name);

		if (setting && (!near || nearest_distance(name, slice_of(setting)) <
						 nearest_distance(name, slice_of(near))))
			near = setting;
	}
	if (near)
		return complain(p, "unknown flag «--" SLICE_FMT "»; did you mean --%s?",
			SLICE_ARG(name), near);
	return complain(p, "unknown flag «--" SLICE_FMT "»; --help lists them", SLICE_ARG(name));
}

static const struct option_row *find_row(const struct parse *p, struct slice name)
{
	for (size_t i = 0; i < p->options->row_count; i++)
		if (slice_is(name, p->options->rows[i].name))
			return &p->options->rows[i];
	if (p->options->settings && slice_is(name, settings_row.name))
		return &settings_row;
	return slice_is(name, help_row.name) ? &help_row : NULL;
}

/* A setting stays where it is, for settings_load. False: it is none. */
static bool keep_setting(struct parse *p, const char *flag)
{
	const char *next = p->at < p->argc ? p->argv[p->at] : NULL;
	bool separate = false;

	if (!p->options->settings || !settings_take_flag(flag, next, &separate))
		return false;
	p->argv[p->kept++] = p->argv[p->at - 1];
	if (separate && next)
		p->argv[p->kept++] = p->argv[p->at++];
	return true;
}

static int take_flag(struct parse *p, const char *flag)
{
	size_t length = strcspn(flag + 2, "=");
	struct slice name = { flag + 2, length };
	const char *value = flag[2 + length] == '=' ? flag + 3 + length : NULL;
	const struct option_row *row = find_row(p, name);

	if (!row)
		return keep_setting(p, flag) ? OPTIONS_GO_ON : refuse_unknown(p, name);
	if (row->type == OPTION_SET && value)
		return complain(p, "--%s takes no value", row->name);
	if (row == &help_row) {
		options_print_help(p->options, p->message);
		return OPTIONS_HELP;
	}
	if (row->type != OPTION_SET && !value) {
		if (p->at == p->argc)
			return complain(p, "--%s wants %s", row->name, row->argument);
		value = p->argv[p->at++];
	}
	if (row == &settings_row) {
		p->settings_path = value;
		return OPTIONS_GO_ON;
	}
	return take_value(p, row, value);
}

static int take_argument(struct parse *p, char *argument)
{
	if ((size_t)++p->arguments > p->options->arguments_max)
		return complain(
			p, "unexpected argument «%s»\nusage: %s", argument, p->options->usage);
	p->argv[p->kept++] = argument;
	return OPTIONS_GO_ON;
}

static int take_all(struct parse *p)
{
	int answer = OPTIONS_GO_ON;
	bool flags = true;

	while (answer == OPTIONS_GO_ON && p->at < p->argc) {
		char *argument = p->argv[p->at++];

		if (!flags || argument[0] != '-' || argument[1] == '\0') {
			answer = take_argument(p, argument);
		} else if (strcmp(argument, "--") == 0) {
			flags = false;
		} else if (strcmp(argument, "-h") == 0) {
			options_print_help(p->options, p->message);
			answer = OPTIONS_HELP;
		} else if (argument[1] != '-') {
			answer = complain(p, "unknown flag «%s»; --help lists them", argument);
		} else {
			answer = take_flag(p, argument);
		}
	}
	return answer;
}

int options_take(const struct options *options, int *argc, char **argv, struct buffer *message)
{
	struct parse p = {
		.options = options,
		.command = argv[0],
		.argc = *argc,
		.argv = argv,
		.at = 1,
		.kept = 1,
		.message = message,
	};
	int answer = take_all(&p);

	if (answer != OPTIONS_GO_ON)
		return answer;
	if (p.kept < *argc)
		argv[p.kept] = NULL;
	*argc = p.kept;
	if (options->settings) {
		const char *path =
			p.settings_path ? p.settings_path : getenv("SALESPULSE_SETTINGS");

		if (!p.settings_path && path && path[0] == '\0')
			path = NULL;
		if (settings_load(path, argc, argv, options->settings, message) != 0)
			return OPTIONS_WRONG;
	}
	return OPTIONS_GO_ON;
}

int options_parse(const struct options *options, int *argc, char **argv)
{
	struct buffer _cleanup_buffer_ message;

	buffer_init(&message);
	int answer = options_take(options, argc, argv, &message);
	if (message.len)
		fputs(buffer_text(&message), answer == OPTIONS_HELP ? stdout : stderr);
	return answer;
}

/* ---- help ----------------------------------------------------------------------------------- */

/* The sentence from the column HELP_WIDTH + 4 on, broken between words. */
static void print_sentence(struct buffer *out, const char *sentence)
{
	size_t column = 0;

	while (*sentence != '\0') {
		size_t word = strcspn(sentence, " ");

		if (column && column + 1 + word > SENTENCE_WIDTH) {
			buffer_printf(out, "\n%*s", HELP_WIDTH + 4, "");
			column = 0;
		}
		buffer_printf(out, "%s%.*s", column ? " " : "", (int)word, sentence);
		column += word + (column ? 1 : 0);
		sentence += word + (sentence[word] == ' ');
	}
	buffer_put_text(out, "\n");
}

static void print_row(struct buffer *out, const struct option_row *row)
{
	char flag[128];

	snprintf(flag, sizeof(flag), "--%s%s%s", row->name, row->argument ? " " : "",
		row->argument ? row->argument : "");
	if (strlen(flag) > HELP_WIDTH)
		buffer_printf(out, "  %s\n  %*s  ", flag, HELP_WIDTH, "");
	else
		buffer_printf(out, "  %-*s  ", HELP_WIDTH, flag);
	print_sentence(out, row->sentence);
}

void options_print_help(const struct options *options, struct buffer *out)
{
	buffer_printf(out, "usage: %s\n", options->usage);
	if (options->summary)
		buffer_printf(out, "\n%s\n", options->summary);
	buffer_put_text(out, "\n");
	for (size_t i = 0; i < options->row_count; i++)
		print_row(out, &options->rows[i]);
	if (options->settings)
		print_row(out, &settings_row);
	print_row(out, &help_row);
	if (options->settings) {
		buffer_put_text(out, "\nSettings, each as a line of the settings file, as a flag "
				     "(--kafka.brokers=…), or as an\n"
				     "environment variable (SALESPULSE_KAFKA_BROKERS); the later "
				     "of file, environment and\n"
				     "flags wins:\n\n");
		settings_print_help(out, false);
	}
}
