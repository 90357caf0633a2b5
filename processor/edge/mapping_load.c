/* The mapping's YAML into its parts: one table of keys per part, each key with a function that reads its value. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/xalloc.h"
#include "edge/mapping_inside.h"
#include "edge/zone_file.h"

struct loader {
	struct mapping *m;
	const char *zone; /* of mappings that name none */
	struct buffer *explanation;
};

static int refuse(struct loader *l, struct fy_node *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct loader *l, struct fy_node *at, const char *format, ...)
{
	struct buffer _cleanup_buffer_ message = { 0 };
	va_list args;

	buffer_init(&message);
	va_start(args, format);
	buffer_vprintf(&message, format, args);
	va_end(args);
	yaml_explain(&l->m->yaml, yaml_place_of(at), 0,
		fy_node_is_scalar(at) ? yaml_text_of(at).len : 1, buffer_text(&message),
		l->explanation);
	return 1;
}

static int unknown(struct loader *l, struct fy_node *at, const char *what, const char *const *names,
	size_t count)
{
	const char *near = nearest_name(yaml_text_of(at), names, count);

	return refuse(l, at, "%s «" SLICE_FMT "» is not known%s%s%s", what,
		SLICE_ARG(yaml_text_of(at)), near ? "; the nearest is «" : "", near ? near : "",
		near ? "»" : "");
}

static void *room(struct loader *l, size_t count, size_t size)
{
	return arena_alloc(&l->m->arena, (count + 1) * size);
}

/* ---- tables of keys -------------------------------------------------------------------------------- */

struct key {
	const char *name;
	int (*read)(struct loader *, struct fy_node *, void *to);
	size_t offset;
	bool is_late; /* after all that are not: formats are inherited from the top */
};

enum { KEYS_MAX = 48 };
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static int read_keys(
	struct loader *l, struct fy_node *node, const struct key *keys, size_t count, void *to)
{
	const char *names[KEYS_MAX];

	for (size_t i = 0; i < count; i++)
		names[i] = keys[i].name;
	if (!fy_node_is_mapping(node))
		return refuse(l, node, "a mapping is wanted here: {%s: …}", names[0]);
	for (int pass = 0; pass < 2; pass++) {
		for (int i = 0; i < fy_node_mapping_item_count(node); i++) {
			struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, i);
			size_t k = 0;

			while (k < count &&
				!slice_is(yaml_text_of(fy_node_pair_key(pair)), names[k]))
				k++;
			if (k == count)
				return unknown(l, fy_node_pair_key(pair), "the key", names, count);
			if (keys[k].is_late == (pass == 1) &&
				keys[k].read(
					l, fy_node_pair_value(pair), (char *)to + keys[k].offset))
				return 1;
		}
	}
	return 0;
}

/* ---- plain values ---------------------------------------------------------------------------------- */

static bool is_plain(struct fy_node *node, const char *word)
{
	return fy_node_is_scalar(node) && fy_node_get_style(node) == FYNS_PLAIN &&
	       slice_is(yaml_text_of(node), word);
}

static bool is_null(struct fy_node *node)
{
	return is_plain(node, "null") || is_plain(node, "~") || is_plain(node, "");
}

static int read_word(struct loader *l, struct fy_node *node, void *to)
{
	if (!node || !fy_node_is_scalar(node))
		return refuse(l, node, "one text is wanted here, not a list or mapping");
	*(struct slice *)to = yaml_text_of(node);
	return 0;
}

static int read_words(struct loader *l, struct fy_node *node, void *to)
{
	struct mapping_words *words = to;
	int count = fy_node_is_sequence(node) ? fy_node_sequence_item_count(node) : 1;

	if (fy_node_is_mapping(node) || count > MAPPING_WORDS_MAX)
		return refuse(l, node, "a text or a list of texts is wanted here: [a, b]");
	words->count = 0;
	words->items = room(l, (size_t)count, sizeof(*words->items));
	if (!fy_node_is_sequence(node))
		return read_word(l, node, &words->items[words->count++]);
	for (int i = 0; i < count; i++)
		if (read_word(l, fy_node_sequence_get_by_index(node, i),
			    &words->items[words->count++]))
			return 1;
	return 0;
}

static int read_dates(struct loader *l, struct fy_node *node, void *to)
{
	struct mapping_words *dates = to;

	if (read_words(l, node, to))
		return 1;
	for (size_t i = 0; i < dates->count; i++) {
		const char *wrong = mapping_check_date_format(dates->items[i]);

		if (wrong)
			return refuse(l,
				fy_node_is_sequence(node)
					? fy_node_sequence_get_by_index(node, (int)i)
					: node,
				"%s", wrong);
	}
	return 0;
}

static int read_character(struct loader *l, struct fy_node *node, void *to)
{
	struct slice text = { NULL, 0 };

	if (read_word(l, node, &text))
		return 1;
	if (slice_is(text, "tab") || slice_is(text, "\\t"))
		text = SLICE_LIT("\t");
	if (text.len != 1 || text.at[0] == '\n' || text.at[0] == '\r' || text.at[0] == '\0' ||
		(text.at[0] & 0x80))
		return refuse(l, node, "one character is wanted here, like \";\" or \"\\t\"");
	*(char *)to = text.at[0];
	return 0;
}

static int read_separator(struct loader *l, struct fy_node *node, void *to)
{
	struct slice text = { NULL, 0 };

	if (read_word(l, node, &text))
		return 1;
	if (text.len != 1 || !strchr(".,' _", text.at[0]))
		return refuse(l, node, "a number's separator is one of . , ' and the blank: \",\"");
	*(struct slice *)to = text;
	return 0;
}

static int read_encoding(struct loader *l, struct fy_node *node, void *to)
{
	if (!fy_node_is_scalar(node) || csv_encoding_find(yaml_text_of(node), to))
		return unknown(l, node, "the encoding", csv_encoding_names, 5);
	return 0;
}

static int zone_of(struct loader *l, struct slice name, struct fy_node *at, const struct zone **ret)
{
	struct mapping *m = l->m;
	struct mapping_zone *zone;
	char *text = x_strndup(name.at, name.len), message[256];

	for (size_t i = 0; i < m->zone_count; i++) {
		if (strcmp(m->zones[i]->name, text) == 0) {
			free(text);
			*ret = &m->zones[i]->zone;
			return 0;
		}
	}
	zone = x_calloc(1, sizeof(*zone));
	zone->name = text;
	if (strlen(text) != name.len ||
		zone_file_load(text, &zone->zone, message, sizeof(message))) {
		free(zone->name);
		free(zone);
		if (at)
			return refuse(l, at, "%s", message);
		buffer_printf(l->explanation, "%s\n", message);
		return 1;
	}
	X_GROW(m->zones, m->zone_count, m->zone_capacity);
	m->zones[m->zone_count++] = zone;
	*ret = &zone->zone;
	return 0;
}

static int read_zone(struct loader *l, struct fy_node *node, void *to)
{
	struct slice name = { NULL, 0 };

	return read_word(l, node, &name) || zone_of(l, name, node, to);
}

static int read_top_zone(struct loader *l, struct fy_node *node, void *to)
{
	struct mapping *m = to;

	return read_word(l, node, &m->zone) || zone_of(l, m->zone, node, &m->format.zone);
}

/* Of files: the same keys at the top, in `rows` and in `lookup`. */
#define FORMAT_KEY(type, name, read, member)                                                  \
	{                                                                                     \
		name, read, offsetof(type, format) + offsetof(struct mapping_format, member), \
			false                                                                 \
	}
#define FORMAT_KEYS(type)                                                     \
	FORMAT_KEY(type, "encoding", read_encoding, csv.encoding),            \
		FORMAT_KEY(type, "delimiter", read_character, csv.delimiter), \
		FORMAT_KEY(type, "quote", read_character, csv.quote),         \
		FORMAT_KEY(type, "header", read_words, header),               \
		FORMAT_KEY(type, "decimal", read_separator, decimal),         \
		FORMAT_KEY(type, "thousands", read_separator, thousands),     \
		FORMAT_KEY(type, "currency_signs", read_words, signs),        \
		FORMAT_KEY(type, "nulls", read_words, nulls),                 \
		FORMAT_KEY(type, "dates", read_dates, dates)

static int read_expr(struct loader *l, struct fy_node *node, void *to)
{
	if (!fy_node_is_scalar(node))
		return refuse(l, node, "an expression is wanted here, as one text");
	*(struct mapping_expr *)to =
		(struct mapping_expr){ yaml_text_of(node), yaml_place_of(node), NULL };
	return 0;
}

/* One of two words; the second makes it true. */
static int read_choice(
	struct loader *l, struct fy_node *node, const char *no, const char *yes, bool *to)
{
	const char *names[] = { no, yes };
	struct slice word = fy_node_is_scalar(node) ? yaml_text_of(node) : SLICE_LIT("");

	if (!slice_is(word, no) && !slice_is(word, yes))
		return unknown(l, node, "the word", names, 2);
	*to = slice_is(word, yes);
	return 0;
}

/* ---- maps and lookups ------------------------------------------------------------------------------ */

static uint32_t intern_of(struct loader *l, struct slice text)
{
	return intern_add(&l->m->strings, text);
}

static void read_otherwise(struct loader *l, struct fy_node *value, struct mapping_map *map)
{
	map->otherwise = is_plain(value, "keep")     ? MAP_KEEP
			 : is_plain(value, "reject") ? MAP_REJECT
			 : is_null(value)	     ? MAP_NULL
						     : MAP_TEXT;
	if (map->otherwise == MAP_TEXT)
		map->otherwise_text = intern_of(l, yaml_text_of(value));
}

static int read_map(
	struct loader *l, struct fy_node *name, struct fy_node *node, struct mapping_map *map)
{
	int count = fy_node_is_mapping(node) ? fy_node_mapping_item_count(node) : -1;

	if (count < 0)
		return refuse(l, fy_node_is_scalar(node) ? node : name,
			"a map reads {from: to, _: keep}; _ says keep, null, reject or a text");
	map->name = intern_of(l, yaml_text_of(name));
	map->pairs = room(l, (size_t)count, sizeof(*map->pairs));
	for (int i = 0; i < count; i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, i);
		struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);

		if (!fy_node_is_scalar(key) || (value && !fy_node_is_scalar(value)))
			return refuse(l, key, "a map has a text on each side: from: to");
		if (is_plain(key, "_")) {
			read_otherwise(l, value, map);
			continue;
		}
		map->pairs[map->count].from = intern_of(l, yaml_text_of(key));
		map->pairs[map->count++].to =
			is_null(value) ? 0 : intern_of(l, yaml_text_of(value));
	}
	return 0;
}

static int read_maps(struct loader *l, struct fy_node *node, void *to)
{
	struct mapping *m = to;
	int count = fy_node_is_mapping(node) ? fy_node_mapping_item_count(node) : -1;

	if (count < 0)
		return refuse(l, node, "`maps` reads {name: {from: to, _: keep}}");
	m->maps = room(l, (size_t)count, sizeof(*m->maps));
	for (int i = 0; i < count; i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, i);

		if (read_map(l, fy_node_pair_key(pair), fy_node_pair_value(pair),
			    &m->maps[m->map_count++]))
			return 1;
	}
	return 0;
}

static const struct key lookup_keys[] = {
	{ "file", read_word, offsetof(struct mapping_lookup, file), false },
	{ "key", read_word, offsetof(struct mapping_lookup, key), false },
	FORMAT_KEYS(struct mapping_lookup),
};

static int read_lookup(
	struct loader *l, struct fy_node *name, struct fy_node *node, struct mapping_lookup *lookup)
{
	lookup->format = l->m->format;
	lookup->format.header = (struct mapping_words){ NULL, 0 };
	lookup->name = yaml_text_of(name);
	lookup->name_id = intern_of(l, lookup->name);
	if (read_keys(l, node, lookup_keys, COUNT_OF(lookup_keys), lookup))
		return 1;
	if (!lookup->file.len || !lookup->key.len)
		return refuse(l, name,
			"a lookup wants a file and the column that is its key: {file: teams.csv, "
			"key: rep}");
	lookup->place = yaml_place_of(fy_node_mapping_lookup_value_by_string(node, "file", 4));
	lookup->key_place = yaml_place_of(fy_node_mapping_lookup_value_by_string(node, "key", 3));
	return 0;
}

static int read_lookups(struct loader *l, struct fy_node *node, void *to)
{
	struct mapping *m = to;
	int count = fy_node_is_mapping(node) ? fy_node_mapping_item_count(node) : -1;

	if (count < 0)
		return refuse(l, node, "`lookup` reads {name: {file: teams.csv, key: rep}}");
	m->lookups = room(l, (size_t)count, sizeof(*m->lookups));
	for (int i = 0; i < count; i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, i);

		index_init(&m->lookups[m->lookup_count].index);
		if (read_lookup(l, fy_node_pair_key(pair), fy_node_pair_value(pair),
			    &m->lookups[m->lookup_count++]))
			return 1;
	}
	return 0;
}

/* ---- emit ------------------------------------------------------------------------------------------ */

static const struct key each_keys[] = {
	{ "name", read_word, offsetof(struct mapping_each, name), false },
	{ "of", read_expr, offsetof(struct mapping_each, of), false },
	{ "by", read_word, offsetof(struct mapping_each, by), false },
};

static int read_each(struct loader *l, struct fy_node *node, void *to)
{
	struct mapping_each *each = to;

	if (read_keys(l, node, each_keys, COUNT_OF(each_keys), each))
		return 1;
	if (!each->name.len || !each->of.text.at)
		return refuse(l, node, "`each` reads {name: product, of: products, by: \";\"}");
	if (!each->by.len)
		each->by = SLICE_LIT(";");
	return 0;
}

static int read_fields(struct loader *l, struct fy_node *node, const struct model_field *fields,
	size_t field_count, struct mapping_fields *ret);

struct list_reading { /* what read_list_set needs beside its node */
	struct mapping_list *list;
	const struct model_list *model;
};

static int read_list_each(struct loader *l, struct fy_node *node, const struct list_reading *r)
{
	struct fy_node *each = fy_node_mapping_lookup_value_by_string(node, "each", 4);
	struct fy_node *set = fy_node_mapping_lookup_value_by_string(node, "set", 3);

	if (!each || !set || fy_node_mapping_item_count(node) != 2)
		return refuse(l, node,
			"a list reads [{column: …}], or {each: {name: x, of: cell, by: \";\"}, "
			"set: {column: …}}");
	r->list->row_count = 1;
	return read_each(l, each, &r->list->each) ||
	       read_fields(l, set, r->model->fields, r->model->field_count, &r->list->rows[0]);
}

static int read_list(struct loader *l, struct fy_node *node, const struct model_list *model,
	struct mapping_list **ret)
{
	struct mapping_list *list = room(l, 1, sizeof(*list));
	struct list_reading r = { list, model };
	int count = fy_node_is_sequence(node) ? fy_node_sequence_item_count(node) : 1;

	*ret = list;
	list->rows = room(l, (size_t)count, sizeof(*list->rows));
	if (fy_node_is_mapping(node))
		return read_list_each(l, node, &r);
	if (!fy_node_is_sequence(node))
		return refuse(l, node, "a list of «%s» is wanted here: [{%s: …}]", model->record,
			model->fields[0].name);
	for (int i = 0; i < count; i++)
		if (read_fields(l, fy_node_sequence_get_by_index(node, i), model->fields,
			    model->field_count, &list->rows[list->row_count++]))
			return 1;
	return 0;
}

static int read_field(struct loader *l, struct fy_node *key, struct fy_node *value,
	const struct model_field *fields, size_t field_count, struct mapping_field *field)
{
	const char *names[MODEL_FIELDS_MAX];

	for (size_t i = 0; i < field_count; i++)
		names[i] = fields[i].name;
	field->index = -1;
	for (size_t i = 0; i < field_count && field->index < 0; i++)
		if (slice_is(yaml_text_of(key), names[i]))
			field->index = (int)i;
	if (field->index < 0)
		return unknown(l, key, "the field", names, field_count);
	if (fields[field->index].type == VALUE_LIST)
		return read_list(l, value, fields[field->index].list, &field->list);
	return read_expr(l, value, &field->expr);
}

static int read_fields(struct loader *l, struct fy_node *node, const struct model_field *fields,
	size_t field_count, struct mapping_fields *ret)
{
	int count = fy_node_is_mapping(node) ? fy_node_mapping_item_count(node) : -1;

	if (count < 0)
		return refuse(
			l, node, "a mapping of fields is wanted here: {%s: …}", fields[0].name);
	ret->items = room(l, (size_t)count, sizeof(*ret->items));
	for (int i = 0; i < count; i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, i);

		if (read_field(l, fy_node_pair_key(pair), fy_node_pair_value(pair), fields,
			    field_count, &ret->items[ret->count++]))
			return 1;
	}
	return 0;
}

static int read_set(struct loader *l, struct fy_node *node, void *to)
{
	struct mapping_emit *emit =
		(struct mapping_emit *)((char *)to - offsetof(struct mapping_emit, set));
	const struct model_entity *model = &model_table[emit->type];

	return read_fields(l, node, model->fields, model->field_count, to);
}

static int read_ext(struct loader *l, struct fy_node *node, void *to)
{
	struct mapping_fields *ext = to;
	int count = fy_node_is_mapping(node) ? fy_node_mapping_item_count(node) : -1;

	if (count < 0)
		return refuse(l, node, "`ext` is a mapping of your own fields: {region: …}");
	ext->items = room(l, (size_t)count, sizeof(*ext->items));
	for (int i = 0; i < count; i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, i);
		struct mapping_field *field = &ext->items[ext->count++];

		field->index = -1;
		field->name = yaml_text_of(fy_node_pair_key(pair));
		if (read_expr(l, fy_node_pair_value(pair), &field->expr))
			return 1;
	}
	return 0;
}

#define EMIT(member)                                                             \
	{                                                                        \
#member, read_expr, offsetof(struct mapping_emit, member), false \
	}
static const struct key emit_keys[] = {
	EMIT(id),
	EMIT(at),
	EMIT(when),
	EMIT(op),
	EMIT(excluded),
	EMIT(merged_id),
	EMIT(tenant),
	{ "set", read_set, offsetof(struct mapping_emit, set), false },
	{ "ext", read_ext, offsetof(struct mapping_emit, ext), false },
	{ "each", read_each, offsetof(struct mapping_emit, each), false },
};

static int read_emit(struct loader *l, struct fy_node *node, struct mapping_emit *emit)
{
	const char *names[ENTITY_TYPE_COUNT];
	struct fy_node_pair *pair;
	int type;

	if (!fy_node_is_mapping(node) || fy_node_mapping_item_count(node) != 1)
		return refuse(l, node, "an event reads - deal: {id: …, at: …, set: {…}}");
	pair = fy_node_mapping_get_by_index(node, 0);
	for (int i = 0; i < ENTITY_TYPE_COUNT; i++)
		names[i] = model_table[i].name;
	type = model_entity_find(yaml_text_of(fy_node_pair_key(pair)));
	if (type < 0)
		return unknown(l, fy_node_pair_key(pair), "the stream", names, ENTITY_TYPE_COUNT);
	emit->type = (enum entity_type)type;
	if (read_keys(l, fy_node_pair_value(pair), emit_keys, COUNT_OF(emit_keys), emit))
		return 1;
	return emit->id.text.at
		       ? 0
		       : refuse(l, fy_node_pair_key(pair),
				 "an event wants an id: the expression of the entity's id");
}

static int read_emits(struct loader *l, struct fy_node *node, void *to)
{
	struct mapping_rows *rows =
		(struct mapping_rows *)((char *)to - offsetof(struct mapping_rows, emits));
	int count = fy_node_is_sequence(node) ? fy_node_sequence_item_count(node) : -1;

	if (count < 0)
		return refuse(
			l, node, "`emit` is a list of events: - deal: {id: …, at: …, set: {…}}");
	rows->emits = room(l, (size_t)count, sizeof(*rows->emits));
	for (int i = 0; i < count; i++)
		if (read_emit(l, fy_node_sequence_get_by_index(node, i),
			    &rows->emits[rows->emit_count++]))
			return 1;
	return 0;
}

/* ---- rows ------------------------------------------------------------------------------------------ */

static int read_lets(struct loader *l, struct fy_node *node, void *to)
{
	struct mapping_rows *rows =
		(struct mapping_rows *)((char *)to - offsetof(struct mapping_rows, lets));
	int count = fy_node_is_mapping(node) ? fy_node_mapping_item_count(node) : -1;

	if (count < 0 || count > MAPPING_LETS_MAX)
		return refuse(l, node, "`let` is a mapping of at most %d names: {name: expression}",
			MAPPING_LETS_MAX);
	rows->lets = room(l, (size_t)count, sizeof(*rows->lets));
	for (int i = 0; i < count; i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, i);
		struct mapping_let *let = &rows->lets[rows->let_count++];

		let->name = yaml_text_of(fy_node_pair_key(pair));
		if (read_expr(l, fy_node_pair_value(pair), &let->expr))
			return 1;
	}
	return 0;
}

static int read_blank(struct loader *l, struct fy_node *node, void *to)
{
	return read_choice(l, node, "keep", "null", to);
}

static int read_orphans(struct loader *l, struct fy_node *node, void *to)
{
	return read_choice(l, node, "reject", "keep", to);
}

static const struct key fold_keys[] = {
	{ "by", read_expr, offsetof(struct mapping_fold, by), false },
	{ "at", read_expr, offsetof(struct mapping_fold, at), false },
	{ "blank", read_blank, offsetof(struct mapping_fold, blank_is_null), false },
	{ "field", read_expr, offsetof(struct mapping_fold, field), false },
	{ "value", read_expr, offsetof(struct mapping_fold, value), false },
	{ "columns", read_words, offsetof(struct mapping_fold, columns), false },
};

static int read_fold(struct loader *l, struct fy_node *node, void *to)
{
	struct mapping_fold *fold = to;

	if (read_keys(l, node, fold_keys, COUNT_OF(fold_keys), fold))
		return 1;
	fold->is_set = true;
	if (!fold->by.text.at)
		return refuse(l, node,
			"`fold` wants the id that its rows belong to: {by: opportunity_id}");
	if (!fold->field.text.at != !fold->value.text.at ||
		!fold->field.text.at != !fold->columns.count)
		return refuse(l, node,
			"`field`, `value` and `columns` go together: {by: id, field: field, value: "
			"new_value, columns: [Stage, Amount]}");
	return 0;
}

static const struct key pair_keys[] = {
	{ "by", read_expr, offsetof(struct mapping_pair, by), false },
	{ "start", read_expr, offsetof(struct mapping_pair, start), false },
	{ "end", read_expr, offsetof(struct mapping_pair, end), false },
	{ "orphans", read_orphans, offsetof(struct mapping_pair, keeps_orphans), false },
};

static int read_pair(struct loader *l, struct fy_node *node, void *to)
{
	struct mapping_pair *pair = to;

	if (read_keys(l, node, pair_keys, COUNT_OF(pair_keys), pair))
		return 1;
	pair->is_set = true;
	if (!pair->by.text.at || !pair->start.text.at || !pair->end.text.at)
		return refuse(l, node,
			"`pair` reads {by: call_id, start: event == \"START\", end: event == "
			"\"COMPLETE\"}");
	return 0;
}

static int read_orders(struct loader *l, struct fy_node *node, void *to)
{
	struct mapping_rows *rows =
		(struct mapping_rows *)((char *)to - offsetof(struct mapping_rows, orders));
	int count = fy_node_is_sequence(node) ? fy_node_sequence_item_count(node) : 1;

	if (count < 1 || count > MAPPING_ORDERS_MAX)
		return refuse(l, node, "`order` has one to %d expressions", MAPPING_ORDERS_MAX);
	for (int i = 0; i < count; i++)
		if (read_expr(l,
			    fy_node_is_sequence(node) ? fy_node_sequence_get_by_index(node, i)
						      : node,
			    &rows->orders[rows->order_count++]))
			return 1;
	return 0;
}

static int read_rows_zone(struct loader *l, struct fy_node *node, void *to)
{
	return read_zone(l, node, &((struct mapping_format *)to)->zone);
}

static const struct key rows_keys[] = {
	{ "from", read_words, offsetof(struct mapping_rows, from), false },
	FORMAT_KEYS(struct mapping_rows),
	{ "zone", read_rows_zone, offsetof(struct mapping_rows, format), false },
	{ "where", read_expr, offsetof(struct mapping_rows, where), false },
	{ "order", read_orders, offsetof(struct mapping_rows, orders), false },
	{ "let", read_lets, offsetof(struct mapping_rows, lets), false },
	{ "fold", read_fold, offsetof(struct mapping_rows, fold), false },
	{ "pair", read_pair, offsetof(struct mapping_rows, pair), false },
	{ "each", read_each, offsetof(struct mapping_rows, each), false },
	{ "emit", read_emits, offsetof(struct mapping_rows, emits), false },
};

static int read_rows(struct loader *l, struct fy_node *node, void *to)
{
	struct mapping *m = to;
	int count = fy_node_is_sequence(node) ? fy_node_sequence_item_count(node) : -1;

	if (count < 0)
		return refuse(l, node, "`rows` is a list: - from: deals.csv");
	m->rows = room(l, (size_t)count, sizeof(*m->rows));
	for (int i = 0; i < count; i++) {
		struct fy_node *item = fy_node_sequence_get_by_index(node, i);
		struct mapping_rows *rows = &m->rows[m->rows_count++];

		rows->format = m->format;
		rows->place = yaml_place_of(item);
		if (read_keys(l, item, rows_keys, COUNT_OF(rows_keys), rows))
			return 1;
		if (!rows->from.count || !rows->emit_count)
			return refuse(l, item,
				"an entry of `rows` wants `from` (which files) and `emit` (which "
				"events)");
		if (rows->fold.is_set && rows->pair.is_set)
			return refuse(l, item, "`fold` and `pair` exclude each other");
	}
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------------- */

#define TOP(member)                                                         \
	{                                                                   \
#member, read_word, offsetof(struct mapping, member), false \
	}
static const struct key top_keys[] = {
	TOP(tenant),
	TOP(source),
	TOP(currency),
	TOP(country),
	TOP(salt),
	{ "zone", read_top_zone, 0, false },
	FORMAT_KEYS(struct mapping),
	{ "maps", read_maps, 0, true },
	{ "lookup", read_lookups, 0, true },
	{ "rows", read_rows, 0, true },
};

static struct mapping *mapping_new(void)
{
	static struct slice no_text[] = { SLICE_INIT("") };
	static struct slice signs[] = { SLICE_INIT("$"), SLICE_INIT("€"), SLICE_INIT("£"),
		SLICE_INIT("¥"), SLICE_INIT("Rp."), SLICE_INIT("Rp") };
	static struct slice dates[] = { SLICE_INIT("%Y-%m-%d"), SLICE_INIT("%Y-%m-%dT%H:%M:%S%z"),
		SLICE_INIT("%Y-%m-%dT%H:%M:%S.%f%z"), SLICE_INIT("%Y-%m-%d %H:%M:%S%z"),
		SLICE_INIT("%Y-%m-%d %H:%M:%S"), SLICE_INIT("%Y-%m-%dT%H:%M:%S"),
		SLICE_INIT("%Y-%m-%d %H:%M"), SLICE_INIT("%Y-%m-%dT%H:%M") };
	struct mapping *m = x_calloc(1, sizeof(*m));

	arena_init(&m->arena, 0);
	arena_init(&m->programs, 0);
	intern_init(&m->strings, 0, MAPPING_STRINGS_BYTES_MAX);
	m->format.decimal = SLICE_LIT(".");
	m->format.nulls = (struct mapping_words){ no_text, 1 };
	m->format.signs = (struct mapping_words){ signs, COUNT_OF(signs) };
	m->format.dates = (struct mapping_words){ dates, COUNT_OF(dates) };
	return m;
}

static int read_document(struct loader *l)
{
	struct fy_node *root = l->m->yaml.document ? fy_document_root(l->m->yaml.document) : NULL;
	struct slice zone = slice_of(l->zone && *l->zone ? l->zone : "UTC");

	if (!root || !fy_node_is_mapping(root) ||
		!fy_node_mapping_lookup_value_by_string(root, "rows", 4)) {
		yaml_explain(&l->m->yaml, (struct yaml_place){ 1, 1 }, 0, 1,
			"a mapping file has `rows`: a list of files and their events",
			l->explanation);
		return 1;
	}
	if (!fy_node_mapping_lookup_value_by_string(root, "zone", 4) &&
		zone_of(l, zone, NULL, &l->m->format.zone))
		return 1;
	if (read_keys(l, root, top_keys, COUNT_OF(top_keys), l->m))
		return 1;
	/* Kept with a NUL, for text_or_null. */
	intern_of(l, l->m->tenant);
	intern_of(l, l->m->zone);
	intern_of(l, l->m->currency);
	return 0;
}

static int load(
	struct mapping *m, const char *zone, struct mapping **ret, struct buffer *explanation)
{
	struct loader l = { m, zone, explanation };

	if (read_document(&l)) {
		mapping_free(m);
		return 1;
	}
	*ret = m;
	return 0;
}

int mapping_load(
	const char *path, const char *zone, struct mapping **ret, struct buffer *explanation)
{
	struct mapping *m = mapping_new();

	if (yaml_source_read(&m->yaml, path, explanation)) {
		mapping_free(m);
		return 1;
	}
	return load(m, zone, ret, explanation);
}

int mapping_parse(const char *name, struct slice text, const char *zone, struct mapping **ret,
	struct buffer *explanation)
{
	struct mapping *m = mapping_new();

	if (yaml_source_parse(&m->yaml, name, text, explanation)) {
		mapping_free(m);
		return 1;
	}
	return load(m, zone, ret, explanation);
}

void mapping_free(struct mapping *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->zone_count; i++) {
		zone_deinit(&m->zones[i]->zone);
		free(m->zones[i]->name);
		free(m->zones[i]);
	}
	free(m->zones);
	for (size_t i = 0; i < m->lookup_count; i++) {
		index_deinit(&m->lookups[i].index);
		free(m->lookups[i].cells);
	}
	intern_deinit(&m->strings);
	arena_deinit(&m->programs);
	arena_deinit(&m->arena);
	yaml_source_deinit(&m->yaml);
	free(m);
}

static const char *text_or_null(const struct mapping *m, struct slice text)
{
	uint32_t id = text.len ? intern_find(&m->strings, text) : 0;

	return id ? intern_text(&m->strings, id).at : NULL;
}

const char *mapping_tenant(const struct mapping *m)
{
	return text_or_null(m, m->tenant);
}

const char *mapping_zone(const struct mapping *m)
{
	return text_or_null(m, m->zone);
}

const char *mapping_currency(const struct mapping *m)
{
	return text_or_null(m, m->currency);
}
