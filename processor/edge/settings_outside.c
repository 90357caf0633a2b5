/* settings_outside: the layers that no file holds: SALESPULSE_* of the environment, then flags. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/xalloc.h"
#include "edge/settings_inside.h"

#define ENVIRONMENT_PREFIX "SALESPULSE_"

enum { NAME_MAX_LENGTH = 128 };

/* ---- environment ---------------------------------------------------------------------------- */

/* Without the underscores that stand for dots: "sasl.password" of "kafka_sasl_password". */
static bool property_of(const char *name, char *ret, size_t cap)
{
	if (strncmp(name, "kafka_", 6) != 0)
		return false;
	if (strncmp(name + 6, "properties_", 11) == 0)
		name += 11;
	snprintf(ret, cap, "%s", name + 6);
	for (char *at = ret; *at; at++)
		*at = *at == '_' ? '.' : *at;
	return ret[0] != '\0';
}

static void warn_unknown(struct settings_loader *l, const char *given, const char *name)
{
	const char *near = settings_nearest_in(&l->kept->arena, slice_of(name), true);

	buffer_printf(l->message, "warning: the environment's %s is no setting", given);
	if (near) {
		buffer_put_text(l->message, "; the nearest is " ENVIRONMENT_PREFIX);
		for (; *near; near++)
			buffer_put_u8(l->message, (uint8_t)toupper((unsigned char)*near));
	}
	buffer_put_text(l->message, "\n");
}

static int take_variable(struct settings_loader *l, const char *variable)
{
	char name[NAME_MAX_LENGTH + 1], property[NAME_MAX_LENGTH + 1];
	size_t length = strcspn(variable, "="), prefix = strlen(ENVIRONMENT_PREFIX);
	struct settings_where where = { .origin = ORIGIN_ENVIRONMENT };
	int id;

	where.name = settings_keep(l, (struct slice){ variable, length });
	if (strcmp(where.name, ENVIRONMENT_PREFIX "SETTINGS") == 0 || variable[length] == '\0')
		return 0; /* the command's own: which file to read */
	for (size_t i = 0; prefix + i <= length && i < sizeof(name); i++)
		name[i] = (char)tolower((unsigned char)where.name[prefix + i]);
	name[NAME_MAX_LENGTH] = '\0';
	where.value = settings_keep(l, slice_of(variable + length + 1));
	id = settings_row_find(slice_of(name), true);
	if (id >= 0)
		return settings_put(l, (enum settings_id)id, &where);
	if (property_of(name, property, sizeof(property)) && settings_property_is_known(property))
		return settings_put_property(l, slice_of(property), &where);
	warn_unknown(l, where.name, name);
	return 0;
}

int settings_load_environment(struct settings_loader *l, char *const *environment)
{
	for (; environment && *environment; environment++)
		if (strncmp(*environment, ENVIRONMENT_PREFIX, strlen(ENVIRONMENT_PREFIX)) == 0 &&
			take_variable(l, *environment))
			return 1;
	return 0;
}

/* ---- flags ---------------------------------------------------------------------------------- */

/* "--name" or "--name=value" -> name; empty: no flag. */
static struct slice flag_name(const char *argument)
{
	if (strncmp(argument, "--", 2) != 0)
		return (struct slice){ argument, 0 };
	return (struct slice){ argument + 2, strcspn(argument + 2, "=") };
}

bool settings_take_flag(const char *argument, const char *next, bool *ret_separate)
{
	struct slice name = flag_name(argument);
	int id;

	if (!name.len)
		return false;
	id = settings_row_find(name, false);
	if (id < 0 && !slice_starts_with(name, SLICE_LIT("kafka.")))
		return false;
	*ret_separate = name.at[name.len] == '\0';
	if (id >= 0 && settings_rows[id].type == SETTING_BOOL && *ret_separate)
		*ret_separate = next && settings_is_bool(next);
	return true;
}

static int put_flag(
	struct settings_loader *l, struct slice name, const struct settings_where *where)
{
	const char *near;
	int id = settings_row_find(name, false);

	if (id >= 0)
		return settings_put(l, (enum settings_id)id, where);
	name = (struct slice){ name.at + 6, name.len - 6 };
	if (slice_starts_with(name, SLICE_LIT("properties.")))
		name = (struct slice){ name.at + 11, name.len - 11 };
	if (settings_property_is_known(settings_keep(l, name)))
		return settings_put_property(l, name, where);
	near = settings_nearest(slice_of(where->name + 2));
	buffer_printf(
		l->message, "%s: no setting or property of librdkafka has this name", where->name);
	if (near)
		buffer_printf(l->message, "; did you mean --%s?", near);
	buffer_put_text(l->message, "\n");
	return 1;
}

static int take_flag(struct settings_loader *l, const char *flag, const char *next, bool separate)
{
	struct settings_where where = { .origin = ORIGIN_FLAG };
	struct slice name = flag_name(flag);

	where.name = settings_keep(l, (struct slice){ flag, name.len + 2 });
	if (name.at[name.len] == '=') {
		where.value = settings_keep(l, slice_of(name.at + name.len + 1));
	} else if (!separate) {
		where.value = "true";
	} else if (next) {
		where.value = settings_keep(l, slice_of(next));
	} else {
		buffer_printf(l->message, "%s: a value is missing\n", where.name);
		return 1;
	}
	return put_flag(l, name, &where);
}

int settings_load_flags(struct settings_loader *l, int *argc, char **argv)
{
	int kept = *argc < 1 ? *argc : 1;

	for (int i = 1; i < *argc; i++) {
		const char *next = i + 1 < *argc ? argv[i + 1] : NULL;
		bool separate;

		if (!settings_take_flag(argv[i], next, &separate)) {
			argv[kept++] = argv[i];
			continue;
		}
		if (take_flag(l, argv[i], next, separate))
			return 1;
		i += separate;
	}
	if (kept < *argc)
		argv[kept] = NULL;
	*argc = kept;
	return 0;
}
