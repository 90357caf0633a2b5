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
	return settings_complain(l, &where, "%s wants one value, not a %s", name,
		fy_node_is_mapping(value) ? "mapping" : "list");
}

/* ---- tenants -------------------------------------------------------------------------------- */

static int refuse_tenant_key(struct settings_loader *l, const struct settings_where *key)
{
	static const char *const names[] = { "zone", "currency", "week_start", "fiscal_start" };
	const char *near = nearest_name(slice_of(key->value), names, COUNT_OF(names));

	return settings_complain(l, key,
		"a tenant has zone, currency, week_start and fiscal_start, not «%s»%s%s%s",
		key->value, near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
}

/* The tenant's values have the types and limits of the settings that stand for all others. */
static int put_tenant_value(struct settings_loader *l, struct settings_tenant *tenant,
	const struct settings_where *key, struct fy_node *value)
{
	struct settings_where where = where_of(l, value, key->value);
	struct buffer _cleanup_buffer_ reason;
	void *to = slice_is(slice_of(key->value), "zone")	    ? (void *)&tenant->zone
		   : slice_is(slice_of(key->value), "currency")	    ? (void *)&tenant->currency
		   : slice_is(slice_of(key->value), "week_start")   ? (void *)&tenant->week_start
		   : slice_is(slice_of(key->value), "fiscal_start") ? (void *)&tenant->fiscal_start
								    : NULL;

	buffer_init(&reason);
	if (!to)
		return refuse_tenant_key(l, key);
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
	if (to == &tenant->zone)
		tenant->zone_where = where;
	if (to == &tenant->currency)
		tenant->currency_where = where;
	return 0;
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
				"a name is wanted here: zone, currency, week_start, fiscal_start");
		if (put_tenant_value(l, tenant, &name, fy_node_pair_value(pair)))
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
		bool is_tenants = fy_node_is_scalar(key) && slice_is(yaml_text_of(key), "tenants");

		if (is_tenants ? put_tenants(l, key, value) : put_node(l, "", key, value))
			return 1;
	}
	return 0;
}
