#include "edge/settings.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "edge/settings_inside.h"

#define SETTINGS_ROW(type, c_type, member, name, dflt, min, max, unit, secret, sentence)         \
	{ SETTING_##type, offsetof(struct settings, member), name, dflt, min, max, unit, secret, \
		sentence },
const struct setting_row settings_rows[SETTING_COUNT] = { SETTINGS_TABLE(SETTINGS_ROW) };
#undef SETTINGS_ROW

const char *settings_keep(struct settings_loader *l, struct slice text)
{
	return arena_strndup(&l->kept->arena, text.at ? text.at : "", text.len);
}

/* ---- mistakes ------------------------------------------------------------------------------- */

/* "SALESPULSE_JOB=my job", and a caret under the value. */
static void explain_outside(
	struct settings_loader *l, const struct settings_where *where, const char *message)
{
	size_t name_length = strlen(where->name);

	buffer_printf(l->message, "%s: %s\n", where->name, message);
	if (where->hidden || !where->value || strpbrk(where->value, "\n\r\t\033"))
		return;
	buffer_printf(
		l->message, "  %s=%s\n  %*s^", where->name, where->value, (int)name_length + 1, "");
	for (const char *at = where->value; *at && at[1]; at++)
		if (((unsigned char)at[1] & 0xC0) != 0x80)
			buffer_put_text(l->message, "~");
	buffer_put_text(l->message, "\n");
}

int settings_complain(
	struct settings_loader *l, const struct settings_where *where, const char *format, ...)
{
	struct buffer _cleanup_buffer_ message;
	va_list arguments;

	buffer_init(&message);
	va_start(arguments, format);
	buffer_vprintf(&message, format, arguments);
	va_end(arguments);
	if (where->origin == ORIGIN_FILE)
		yaml_explain(&l->source, where->place, 0, where->value ? strlen(where->value) : 1,
			buffer_text(&message), l->message);
	else
		explain_outside(l, where, buffer_text(&message));
	return 1;
}

/* ---- loading -------------------------------------------------------------------------------- */

static int load_defaults(struct settings_loader *l)
{
	for (unsigned id = 0; id < SETTING_COUNT; id++) {
		struct settings_where where = {
			.name = settings_rows[id].name,
			.value = settings_rows[id].dflt,
			.hidden = settings_rows[id].secret,
		};

		if (settings_put(l, (enum settings_id)id, &where))
			return 1;
	}
	return 0;
}

static int load_all(struct settings_loader *l, const char *path, int *argc, char **argv)
{
	if (load_defaults(l))
		return 1;
	if (path && settings_load_file(l, path))
		return 1;
	if (settings_load_environment(l, environ))
		return 1;
	if (argc && settings_load_flags(l, argc, argv))
		return 1;
	return settings_check_all(l) || settings_build_tenants(l);
}

int settings_load(
	const char *path, int *argc, char **argv, struct settings **ret, struct buffer *ret_message)
{
	struct settings_loader l = { .message = ret_message };
	int answer;

	l.settings = x_calloc(1, sizeof(*l.settings));
	l.kept = x_calloc(1, sizeof(*l.kept));
	l.settings->owned = l.kept;
	arena_init(&l.kept->arena, 0);
	answer = load_all(&l, path, argc, argv);
	yaml_source_deinit(&l.source);
	free(l.tenants);
	if (answer)
		settings_free(l.settings);
	else
		*ret = l.settings;
	return answer;
}

void settings_free(struct settings *settings)
{
	struct settings_kept *kept;

	if (!settings)
		return;
	kept = settings->owned;
	for (size_t i = 0; i < kept->zone_count; i++) {
		zone_deinit(kept->zones[i]);
		free(kept->zones[i]);
	}
	for (size_t i = 0; i < kept->spliced_count; i++)
		zone_deinit(&kept->spliced[i]);
	free(kept->spliced);
	free(kept->timelines);
	free(kept->zones);
	free(kept->workdays);
	free(kept->workday_paths);
	free(kept->zone_names);
	free(kept->calendars);
	free(kept->tenants);
	free(kept->property_where);
	arena_deinit(&kept->arena);
	free(kept);
	free(settings->kafka_properties);
	free(settings);
}
