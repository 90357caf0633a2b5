/*
 * settings_file: deploy/salespulse.yaml -> rows. Mappings within mappings and names with dots say the same:
 *
 *     kafka:
 *       brokers: a:9092        is    kafka.brokers: a:9092
 *
 * A key with nothing behind it says nothing, so a section whose lines are all commented out is fine.
 */
#include <stdio.h>
#include <string.h>

#include "base/nearest.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "edge/settings_inside.h"

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static bool says_nothing(struct fy_node *node)
{
	struct slice text;

	if (!node)
		return true;
	if (!fy_node_is_scalar(node) || fy_node_get_style(node) != FYNS_PLAIN)
		return false;
	text = yaml_text_of(node);
	return text.len == 0 || slice_is(text, "~") || slice_is(text, "null");
}

static struct settings_where where_of(
	struct settings_loader *l, struct fy_node *node, const char *name)
{
	return (struct settings_where){
		.origin = ORIGIN_FILE,
		.place = yaml_place_of(node),
		.name = name,
		.value = node && fy_node_is_scalar(node) ? settings_keep(l, yaml_text_of(node))
							 : NULL,
	};
}

/* A text may not hold a NUL ("\0" in double quotes): it would be cut there unseen. */
static int refuse_nul(
	struct settings_loader *l, struct fy_node *node, const struct settings_where *where)
{
	struct slice text = yaml_text_of(node);

	if (text.len == 0 || !memchr(text.at, '\0', text.len))
		return 0;
	return settings_complain(l, where, "a NUL is not wanted in a value");
}

/* ---- which text must not be shown in a mistake ---------------------------------------------- */

static bool is_indirect(struct slice value)
{
	value = slice_trim(value);
	if (value.len && (value.at[0] == '"' || value.at[0] == '\''))
		value = (struct slice){ value.at + 1, value.len - 1 };
	return slice_starts_with(value, SLICE_LIT("file:")) ||
	       slice_starts_with(value, SLICE_LIT("env:"));
}

static bool is_name_byte(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '.' || c == '_' || c == '-';
}

/* Also where the name is misspelt: kafka.sasl.passwort is no setting, and its value a password all the same. */
static bool may_be_secret(struct slice name)
{
	static const char *const words[] = { "password", "passphrase", "secret", "token",
		"credential", "jaas" };

	if (settings_name_is_secret(name))
		return true;
	for (size_t at = 0, end; at < name.len; at = end + 1) {
		for (end = at; end < name.len && !strchr("._-", name.at[end]); end++)
			;
		if (nearest_name((struct slice){ name.at + at, end - at }, words, COUNT_OF(words)))
			return true;
	}
	return false;
}

/* How much of the line may be shown: up to the colon behind the first name that says that it is a secret; SIZE_MAX: all. */
static size_t shown_length(struct slice line)
{
	size_t begin = 0;

	for (size_t at = 0; at < line.len; at++) {
		if (line.at[at] == ':') {
			size_t end = at;

			while (end > begin && !is_name_byte(line.at[end - 1]))
				end--;
			if (may_be_secret((struct slice){ line.at + begin, end - begin }) &&
				!is_indirect((struct slice){ line.at + at + 1, line.len - at - 1 }))
				return at + 1;
			begin = at + 1;
		} else if (strchr(",{}[]#", line.at[at])) {
			begin = at + 1;
		}
	}
	return SIZE_MAX;
}

/* ---- settings ------------------------------------------------------------------------------- */

/* The section whose name is nearest ("kafka" for "kafak"); NULL: none is near. */
static const char *nearest_section(struct settings_loader *l, const char *name)
{
	const char *names[SETTING_COUNT];
	size_t count = 0;

	for (size_t id = 0; id < SETTING_COUNT; id++) {
		const char *dot = strchr(settings_rows[id].name, '.');

		if (dot)
			names[count++] =
				settings_keep(l, (struct slice){ settings_rows[id].name,
							 (size_t)(dot - settings_rows[id].name) });
	}
	return nearest_name(slice_of(name), names, count);
}

static int refuse_name(struct settings_loader *l, struct fy_node *key, const char *name)
{
	struct settings_where where = where_of(l, key, name);
	const char *near = settings_nearest_in(&l->kept->arena, slice_of(name), false);

	if (!near && !strchr(name, '.'))
		near = nearest_section(l, name);
	if (settings_is_section(slice_of(name)) && !strchr(name, '.'))
		return settings_complain(
			l, &where, "%s is a section: its settings stand below it", name);
	return settings_complain(l, &where, "«%s» is no setting%s%s%s", name,
		near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
}

/* Nested and dotted keys may meet; the parser itself refuses only the same key in the same mapping. */
static int refuse_twice(struct settings_loader *l, struct fy_node *key, const char *name, int id,
	const char *property)
{
	const struct settings_where *first = NULL;
	struct settings_where where = where_of(l, key, name);

	if (id >= 0 && l->kept->where[id].origin == ORIGIN_FILE)
		first = &l->kept->where[id];
	for (size_t i = 0; id < 0 && i < l->settings->kafka_property_count; i++)
		if (strcmp(l->settings->kafka_properties[i].name, property) == 0)
			first = &l->kept->property_where[i];
	if (!first)
		return 0;
	return settings_complain(
		l, &where, "%s is said twice, first in line %u", name, first->place.line);
}

static int put_scalar(
	struct settings_loader *l, const char *name, struct fy_node *key, struct fy_node *value)
{
	int id = settings_row_find(slice_of(name), false);
	struct settings_where where = where_of(l, value, name);

	const char *property = strncmp(name, "kafka.properties.", 17) == 0 ? name + 17
			       : strncmp(name, "kafka.", 6) == 0	   ? name + 6
									   : NULL;

	if (id < 0 && (!property || !settings_property_is_known(property)))
		return refuse_name(l, key, name);
	if (refuse_nul(l, value, &where) || refuse_twice(l, key, name, id, property))
		return 1;
	if (id >= 0)
		return settings_put(l, (enum settings_id)id, &where);
	return settings_put_property(l, slice_of(property), &where);
}

static int put_node(
	struct settings_loader *l, const char *prefix, struct fy_node *key, struct fy_node *value);

static int put_mapping(struct settings_loader *l, const char *prefix, struct fy_node *mapping)
{
	for (int i = 0; i < fy_node_mapping_item_count(mapping); i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(mapping, i);

		if (put_node(l, prefix, fy_node_pair_key(pair), fy_node_pair_value(pair)))
			return 1;
	}
	return 0;
}

static int put_node(
	struct settings_loader *l, const char *prefix, struct fy_node *key, struct fy_node *value)
{
	struct settings_where where = where_of(l, key, prefix);
	struct buffer _cleanup_buffer_ joined;
	const char *name;
	bool is_leaf;

	buffer_init(&joined);
	if (!where.value || where.value[0] == '\0')
		return settings_complain(l, &where, "the name of a setting is wanted here");
	if (refuse_nul(l, key, &where))
		return 1;
	buffer_printf(&joined, "%s%s%s", prefix, prefix[0] ? "." : "", where.value);
	name = settings_keep(l, buffer_slice(&joined));
	is_leaf = settings_row_find(slice_of(name), false) >= 0;
	if (says_nothing(value))
		return is_leaf || settings_is_section(slice_of(name)) ? 0
								      : refuse_name(l, key, name);
	if (fy_node_is_mapping(value) && !is_leaf)
		return settings_is_section(slice_of(name)) ? put_mapping(l, name, value)
							   : refuse_name(l, key, name);
	if (fy_node_is_scalar(value))
		return put_scalar(l, name, key, value);
	if (!is_leaf && !settings_is_section(slice_of(name)))
		return refuse_name(l, key, name);
	return settings_complain(l, &where, "%s wants one value, not a %s", name,
		fy_node_is_mapping(value) ? "mapping" : "list");
}

/* ---- values of a tenant and of a change ----------------------------------------------------- */

static int refuse_key(struct settings_loader *l, const struct settings_where *key, const char *has,
	const char *const *names, size_t count)
{
	const char *near = nearest_name(slice_of(key->value), names, count);

	return settings_complain(l, key, "%s, not «%s»%s%s%s", has, key->value,
		near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
}

/* Their values have the types and limits of the settings that stand for all tenants. 0: nothing is said, or *to and *ret_where are set. */
static int put_like_setting(struct settings_loader *l, const struct settings_where *key,
	struct fy_node *value, void *to, struct settings_where *ret_where)
{
	struct settings_where where = where_of(l, value, key->value);
	struct buffer _cleanup_buffer_ reason;

	buffer_init(&reason);
	if (says_nothing(value))
		return 0;
	if (!where.value)
		return settings_complain(l, &where, "%s wants one value", key->value);
	if (refuse_nul(l, value, &where))
		return 1;
	if (settings_parse_value(&settings_rows[settings_row_find(slice_of(key->value), false)],
		    where.value, to, &reason))
		return settings_complain(
			l, &where, "%s, not «%s»", buffer_text(&reason), where.value);
	*ret_where = where;
	return 0;
}

/* ---- changes of the calendar ---------------------------------------------------------------- */

/* Beyond them no zone has its rules laid out (core/zone.c). */
#define FROM_FIRST "1970-01-01"
#define FROM_LAST "2199-12-31"

static int put_from(struct settings_loader *l, const struct settings_where *key,
	struct fy_node *value, struct settings_change *change)
{
	struct settings_where where = where_of(l, value, key->value);
	int32_t day, first, last;

	if (says_nothing(value))
		return 0;
	if (!where.value)
		return settings_complain(l, &where, "from wants one date");
	if (!date_parse(yaml_text_of(value), &day))
		return settings_complain(
			l, &where, "from wants a date like 2026-07-01, not «%s»", where.value);
	if (!date_parse(SLICE_LIT(FROM_FIRST), &first) ||
		!date_parse(SLICE_LIT(FROM_LAST), &last) || day < first || day > last)
		return settings_complain(l, &where,
			"from wants a date of " FROM_FIRST " to " FROM_LAST ", not «%s»",
			where.value);
	change->from_day = day;
	change->from_where = where;
	return 0;
}

static int put_change_value(struct settings_loader *l, struct settings_change *change,
	const struct settings_where *key, struct fy_node *value)
{
	static const char *const names[] = { "from", "zone", "week_start", "fiscal_start" };
	struct slice name = slice_of(key->value);
	struct settings_where where = { 0 };

	if (slice_is(name, "from"))
		return put_from(l, key, value, change);
	if (slice_is(name, "zone"))
		return put_like_setting(l, key, value, &change->zone, &change->zone_where);
	if (slice_is(name, "week_start"))
		return put_like_setting(l, key, value, &change->week_start, &where);
	if (slice_is(name, "fiscal_start"))
		return put_like_setting(l, key, value, &change->fiscal_start, &where);
	return refuse_key(l, key, "a change has from, zone, week_start and fiscal_start", names,
		COUNT_OF(names));
}

static int check_change(struct settings_loader *l, const struct settings_where *where,
	const struct settings_change *change, const struct settings_change *before)
{
	char text[TIME_TEXT_MAX];

	if (!change->from_where.value)
		return settings_complain(
			l, where, "a change wants from: the date since when it holds");
	if (!change->zone && !change->week_start && !change->fiscal_start)
		return settings_complain(
			l, where, "a change wants zone, week_start or fiscal_start");
	if (before && change->from_day <= before->from_day)
		return settings_complain(l, &change->from_where,
			"changes stand in the order of their dates: from wants one after %s",
			date_format(before->from_day, text));
	return 0;
}

static int put_change(
	struct settings_loader *l, struct fy_node *node, struct settings_changes *changes)
{
	struct settings_where where = where_of(l, node, "calendar_changes");
	struct settings_change *change = &changes->items[changes->count];

	if (!fy_node_is_mapping(node))
		return settings_complain(
			l, &where, "a change reads {from: 2026-07-01, zone: Asia/Makassar}");
	*change = (struct settings_change){ 0 };
	for (int i = 0; i < fy_node_mapping_item_count(node); i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, i);
		struct settings_where name = where_of(l, fy_node_pair_key(pair), where.name);

		if (!name.value)
			return settings_complain(l, &name,
				"a name is wanted here: from, zone, week_start, fiscal_start");
		if (put_change_value(l, change, &name, fy_node_pair_value(pair)))
			return 1;
		if (i == 0)
			where = name;
	}
	if (check_change(l, &where, change, changes->count ? change - 1 : NULL))
		return 1;
	changes->count++;
	return 0;
}

static int put_changes(struct settings_loader *l, struct fy_node *key, struct fy_node *value,
	struct settings_changes *changes)
{
	struct settings_where where = where_of(l, key, "calendar_changes");
	int count;

	if (says_nothing(value))
		return 0;
	if (!fy_node_is_sequence(value))
		return settings_complain(l, &where,
			"calendar_changes is a list: [{from: 2026-07-01, zone: Asia/Makassar}]");
	count = fy_node_sequence_item_count(value);
	if (count > SETTINGS_CHANGES_MAX)
		return settings_complain(
			l, &where, "more than %d changes of a calendar", SETTINGS_CHANGES_MAX);
	changes->items =
		arena_alloc(&l->kept->arena, SETTINGS_CHANGES_MAX * sizeof(*changes->items));
	for (int i = 0; i < count; i++)
		if (put_change(l, fy_node_sequence_get_by_index(value, i), changes))
			return 1;
	return 0;
}

/* ---- tenants -------------------------------------------------------------------------------- */

static int put_tenant_value(struct settings_loader *l, struct settings_tenant *tenant,
	struct fy_node *key_node, const struct settings_where *key, struct fy_node *value)
{
	static const char *const names[] = { "zone", "currency", "week_start", "fiscal_start",
		"workdays", "calendar_changes" };
	struct slice name = slice_of(key->value);
	struct settings_where where = { 0 };

	if (slice_is(name, "zone"))
		return put_like_setting(l, key, value, &tenant->zone, &tenant->zone_where);
	if (slice_is(name, "currency"))
		return put_like_setting(l, key, value, &tenant->currency, &tenant->currency_where);
	if (slice_is(name, "week_start"))
		return put_like_setting(l, key, value, &tenant->week_start, &where);
	if (slice_is(name, "fiscal_start"))
		return put_like_setting(l, key, value, &tenant->fiscal_start, &where);
	if (slice_is(name, "workdays"))
		return put_like_setting(l, key, value, &tenant->workdays, &tenant->workdays_where);
	if (slice_is(name, "calendar_changes"))
		return put_changes(l, key_node, value, &tenant->changes);
	return refuse_key(l, key,
		"a tenant has zone, currency, week_start, fiscal_start, workdays and "
		"calendar_changes",
		names,
		COUNT_OF(names));
}

static int put_tenant(struct settings_loader *l, struct fy_node *key, struct fy_node *value)
{
	struct settings_where where = where_of(l, key, "tenants");
	struct settings_tenant *tenant;

	if (!where.value || where.value[0] == '\0')
		return settings_complain(l, &where, "the id of a tenant is wanted here");
	if (refuse_nul(l, key, &where))
		return 1;
	if (!says_nothing(value) && !fy_node_is_mapping(value))
		return settings_complain(l, &where,
			"a tenant reads %s: {zone: Asia/Jakarta, currency: IDR}", where.value);
	X_GROW(l->tenants, l->tenant_count, l->tenant_capacity);
	tenant = &l->tenants[l->tenant_count++];
	*tenant = (struct settings_tenant){ .id = where.value, .id_where = where };
	for (int i = 0; fy_node_is_mapping(value) && i < fy_node_mapping_item_count(value); i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(value, i);
		struct settings_where name = where_of(l, fy_node_pair_key(pair), where.value);

		if (!name.value)
			return settings_complain(l, &name,
				"a name is wanted here: zone, currency, week_start, fiscal_start, "
				"workdays, calendar_changes");
		if (put_tenant_value(
			    l, tenant, fy_node_pair_key(pair), &name, fy_node_pair_value(pair)))
			return 1;
	}
	return 0;
}

static int put_tenants(struct settings_loader *l, struct fy_node *key, struct fy_node *value)
{
	struct settings_where where = where_of(l, key, "tenants");

	if (says_nothing(value))
		return 0;
	if (!fy_node_is_mapping(value))
		return settings_complain(l, &where,
			"tenants is a mapping: {acme: {zone: Asia/Jakarta, currency: IDR}}");
	for (int i = 0; i < fy_node_mapping_item_count(value); i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(value, i);

		if (put_tenant(l, fy_node_pair_key(pair), fy_node_pair_value(pair)))
			return 1;
	}
	return 0;
}

/* ---- the file ------------------------------------------------------------------------------- */

int settings_load_file(struct settings_loader *l, const char *path)
{
	struct fy_node *root;

	if (path[0] == '\0') {
		buffer_put_text(l->message, "the settings file has no name\n");
		return 1;
	}
	if (yaml_source_read_hiding(&l->source, path, shown_length, l->message))
		return 1;
	l->kept->file = settings_keep(l, slice_of(path));
	root = l->source.document ? fy_document_root(l->source.document) : NULL;
	if (says_nothing(root))
		return 0;
	if (!fy_node_is_mapping(root)) {
		struct settings_where where = where_of(l, root, "");

		return settings_complain(l, &where, "settings are a mapping: name: value");
	}
	for (int i = 0; i < fy_node_mapping_item_count(root); i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(root, i);
		struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
		struct slice name =
			fy_node_is_scalar(key) ? yaml_text_of(key) : (struct slice){ 0 };
		int answer;

		if (slice_is(name, "tenants")) {
			answer = put_tenants(l, key, value);
		} else if (slice_is(name, "calendar_changes")) {
			l->kept->changes_where = where_of(l, key, "calendar_changes");
			answer = put_changes(l, key, value, &l->changes);
		} else {
			answer = put_node(l, "", key, value);
		}
		if (answer)
			return 1;
	}
	return 0;
}
