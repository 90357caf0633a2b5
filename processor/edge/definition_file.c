#include "edge/definition_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/asset.h"
#include "base/nearest.h"
#include "base/xalloc.h"
#include "core/definition.h"
#include "edge/yaml_source.h"

/* As it is shown in mistakes: where the file is in the source tree. */
#define BUILTIN_NAME "deploy/kpis.yaml"

enum { SOURCES_MAX = 16, KEYS_MAX = 24 };

struct mark {
	uint32_t source;
	struct yaml_place place;
};

struct loader {
	struct yaml_source sources[SOURCES_MAX];
	bool is_done[SOURCES_MAX]; /* read to its end; not yet: its includes are being read */
	uint32_t source_count, current;
	struct mark *marks; /* handle = index + 1 */
	uint32_t mark_count, mark_capacity;
	struct arena arena;
	struct definitions d;
	size_t override_capacity, param_capacity, derive_capacity, measure_capacity,
		metric_capacity;
	struct buffer *explanation;
};

/* ---- mistakes and marks --------------------------------------------------------------------------------- */

static int refuse(struct loader *l, struct fy_node *at, const char *message)
{
	yaml_explain(&l->sources[l->current], yaml_place_of(at), 0,
		fy_node_is_scalar(at) ? yaml_text_of(at).len : 1, message, l->explanation);
	return 1;
}

/* `name:` with nothing behind it: it has no place of its own. */
static bool is_missing(struct fy_node *node)
{
	return !node || (fy_node_is_scalar(node) && fy_node_get_style(node) == FYNS_PLAIN &&
				yaml_text_of(node).len == 0);
}

static uint32_t mark_of(struct loader *l, struct fy_node *node)
{
	X_GROW(l->marks, l->mark_count, l->mark_capacity);
	l->marks[l->mark_count] = (struct mark){ l->current, yaml_place_of(node) };
	return ++l->mark_count;
}

static struct definition_text text_of(struct loader *l, struct fy_node *node)
{
	struct slice text = yaml_text_of(node);

	return (struct definition_text){ { arena_strndup(&l->arena, text.at, text.len), text.len },
		mark_of(l, node) };
}

static int unknown_key(
	struct loader *l, struct fy_node *key, const char *const *names, size_t count)
{
	const char *near = nearest_name(yaml_text_of(key), names, count);
	struct buffer _cleanup_buffer_ message;

	buffer_init(&message);
	if (!fy_node_is_scalar(key))
		return refuse(l, key, "a name is wanted here");
	buffer_printf(&message, "«" SLICE_FMT "» is not known here", SLICE_ARG(yaml_text_of(key)));
	if (near)
		buffer_printf(&message, "; the nearest is «%s»", near);
	return refuse(l, key, buffer_text(&message));
}

/* ---- values --------------------------------------------------------------------------------------------- */

static int read_text(struct loader *l, struct fy_node *node, void *to)
{
	if (!fy_node_is_scalar(node))
		return refuse(l, node, "one value is wanted here, not a list or mapping");
	*(struct definition_text *)to = text_of(l, node);
	return 0;
}

static int read_list(struct loader *l, struct fy_node *node, void *to)
{
	struct definition_list *list = to;
	int count = fy_node_is_sequence(node) ? fy_node_sequence_item_count(node) : -1;

	if (count < 0)
		return refuse(l, node, "a list is wanted here: [a, b]");
	list->items = arena_alloc(&l->arena, ((size_t)count + 1) * sizeof(*list->items));
	for (int i = 0; i < count; i++)
		if (read_text(
			    l, fy_node_sequence_get_by_index(node, i), &list->items[list->count++]))
			return 1;
	return 0;
}

static int read_pairs(struct loader *l, struct fy_node *node, void *to)
{
	struct definition_pairs *pairs = to;
	int count = fy_node_is_mapping(node) ? fy_node_mapping_item_count(node) : -1;

	if (count < 0)
		return refuse(l, node, "a mapping is wanted here: {name: value}");
	pairs->items = arena_alloc(&l->arena, ((size_t)count + 1) * sizeof(*pairs->items));
	for (int i = 0; i < count; i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, i);
		struct definition_pair *p = &pairs->items[pairs->count++];

		if (is_missing(fy_node_pair_value(pair)))
			return refuse(l, fy_node_pair_key(pair), "a value is missing behind this");
		if (read_text(l, fy_node_pair_key(pair), &p->key) ||
			read_text(l, fy_node_pair_value(pair), &p->value))
			return 1;
	}
	return 0;
}

/* One text, or one per language. */
static int read_description(struct loader *l, struct fy_node *node, void *to)
{
	struct definition_metric *m =
		(struct definition_metric *)((char *)to -
					     offsetof(struct definition_metric, description));

	m->descriptions.count = 0;
	m->description = (struct definition_text){ 0 };
	return fy_node_is_mapping(node) ? read_pairs(l, node, &m->descriptions)
					: read_text(l, node, to);
}

static int read_groupings(struct loader *l, struct fy_node *node, void *to)
{
	struct definition_metric *m =
		(struct definition_metric *)((char *)to -
					     offsetof(struct definition_metric, groupings));
	int count = fy_node_is_sequence(node) ? fy_node_sequence_item_count(node) : -1;

	if (count < 0)
		return refuse(
			l, node, "a list of groupings is wanted here: [[], [team], [team, rep]]");
	m->groupings = arena_alloc(&l->arena, ((size_t)count + 1) * sizeof(*m->groupings));
	m->groupings_mark = mark_of(l, node);
	for (int i = 0; i < count; i++)
		if (read_list(l, fy_node_sequence_get_by_index(node, i),
			    &m->groupings[m->grouping_count++]))
			return 1;
	return 0;
}

/* ---- records: one table each ---------------------------------------------------------------------------- */

struct key {
	const char *name;
	int (*read)(struct loader *, struct fy_node *, void *to);
	size_t offset;
};

static int read_record(
	struct loader *l, struct fy_node *node, const struct key *keys, size_t key_count, void *to)
{
	const char *names[KEYS_MAX];
	int count = fy_node_is_mapping(node) ? fy_node_mapping_item_count(node) : -1;

	for (size_t i = 0; i < key_count; i++)
		names[i] = keys[i].name;
	if (count < 0)
		return refuse(l, node, "a mapping is wanted here: {name: …}");
	for (int i = 0; i < count; i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, i);
		size_t k = 0;

		while (k < key_count &&
			!slice_is(yaml_text_of(fy_node_pair_key(pair)), keys[k].name))
			k++;
		if (k == key_count)
			return unknown_key(l, fy_node_pair_key(pair), names, key_count);
		if (is_missing(fy_node_pair_value(pair)))
			return refuse(l, fy_node_pair_key(pair), "a value is missing behind this");
		if (keys[k].read(l, fy_node_pair_value(pair), (char *)to + keys[k].offset))
			return 1;
	}
	return 0;
}

#define MEASURE(member)                                                         \
	{                                                                       \
#member, read_text, offsetof(struct definition_measure, member) \
	}
static const struct key measure_keys[] = {
	MEASURE(name),
	MEASURE(on),
	MEASURE(at),
	MEASURE(until),
	MEASURE(where),
	MEASURE(each),
	MEASURE(agg),
	MEASURE(value),
	MEASURE(extends),
	MEASURE(scope),
	{ "by", read_pairs, offsetof(struct definition_measure, by) },
};

#define METRIC(member)                                                         \
	{                                                                      \
#member, read_text, offsetof(struct definition_metric, member) \
	}
static const struct key metric_keys[] = {
	METRIC(name),
	METRIC(value),
	METRIC(rank),
	METRIC(ties),
	METRIC(basis),
	METRIC(mature),
	METRIC(compare),
	METRIC(unit),
	METRIC(min_sample),
	METRIC(min_share),
	{ "description", read_description, offsetof(struct definition_metric, description) },
	{ "windows", read_list, offsetof(struct definition_metric, windows) },
	{ "group_by", read_groupings, offsetof(struct definition_metric, groupings) },
	{ "empty", read_pairs, offsetof(struct definition_metric, empty) },
	{ "label", read_pairs, offsetof(struct definition_metric, label) },
};

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Its place in an array of records that begin with their name: the earlier one of another file, or a new one. */
static void *place_of(struct loader *l, void **array, size_t *count, size_t *capacity, size_t size,
	struct slice name)
{
	char *item;

	for (size_t i = 0; i < *count; i++) {
		struct definition_text *old =
			(struct definition_text *)(void *)((char *)*array + i * size);

		if (slice_equal(old->text, name) && l->marks[old->mark - 1].source != l->current)
			return old;
	}
	if (*count == *capacity) {
		*capacity = *capacity ? *capacity * 2 : 32;
		*array = x_realloc_array(*array, *capacity, size);
	}
	item = (char *)*array + (*count)++ * size;
	memset(item, 0, size);
	return item;
}

static int read_measures(struct loader *l, struct fy_node *node)
{
	for (int i = 0; fy_node_is_sequence(node) && i < fy_node_sequence_item_count(node); i++) {
		struct fy_node *item = fy_node_sequence_get_by_index(node, i);
		struct definition_measure m = { 0 };

		if (read_record(l, item, measure_keys, COUNT_OF(measure_keys), &m))
			return 1;
		if (!m.name.text.at)
			return refuse(l, item, "a measure wants a name");
		*(struct definition_measure *)place_of(l, (void **)&l->d.measures,
			&l->d.measure_count, &l->measure_capacity, sizeof(m), m.name.text) = m;
	}
	return fy_node_is_sequence(node) ? 0 : refuse(l, node, "`measures` is a list: - {name: …}");
}

static int read_metrics(struct loader *l, struct fy_node *node)
{
	for (int i = 0; fy_node_is_sequence(node) && i < fy_node_sequence_item_count(node); i++) {
		struct fy_node *item = fy_node_sequence_get_by_index(node, i);
		struct definition_metric m = { 0 };

		if (read_record(l, item, metric_keys, COUNT_OF(metric_keys), &m))
			return 1;
		if (!m.name.text.at)
			return refuse(l, item, "a metric wants a name");
		*(struct definition_metric *)place_of(l, (void **)&l->d.metrics, &l->d.metric_count,
			&l->metric_capacity, sizeof(m), m.name.text) = m;
	}
	return fy_node_is_sequence(node) ? 0 : refuse(l, node, "`metrics` is a list: - {name: …}");
}

static int read_derive(
	struct loader *l, struct fy_node *key, struct fy_node *node, struct definition_derive *d)
{
	enum { KINDS = 8 }; /* those before `over` */
	static const char *const names[] = { "min", "max", "sum", "count", "first", "next",
		"previous", "value", "over", "where", "by", "key" };
	struct definition_text *const places[] = { &d->value, &d->value, &d->value, &d->value,
		&d->value, &d->value, &d->value, &d->value, &d->over, &d->where, &d->by, &d->key };

	d->name = text_of(l, key);
	for (int i = 0; fy_node_is_mapping(node) && i < fy_node_mapping_item_count(node); i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, i);
		size_t k = 0;

		while (k < COUNT_OF(names) &&
			!slice_is(yaml_text_of(fy_node_pair_key(pair)), names[k]))
			k++;
		if (k == COUNT_OF(names))
			return unknown_key(l, fy_node_pair_key(pair), names, COUNT_OF(names));
		if (is_missing(fy_node_pair_value(pair)))
			return refuse(l, fy_node_pair_key(pair), "a value is missing behind this");
		if (k < KINDS && d->kind.text.at)
			return refuse(l, fy_node_pair_key(pair),
				"a derived value is one of min, max, sum, count, first, next, "
				"previous and value, not two");
		if (k < KINDS)
			d->kind = text_of(l, fy_node_pair_key(pair));
		if (read_text(l, fy_node_pair_value(pair), places[k]))
			return 1;
	}
	if (!d->kind.text.at)
		return refuse(l, key,
			"a derived value reads {min: deal.won_at, over: deal.lead, where: …}");
	if (slice_is(d->kind.text, "value") &&
		(d->over.text.at || d->where.text.at || d->by.text.at || d->key.text.at))
		return refuse(l, key, "a derived value that is {value: …} has nothing beside it");
	return 0;
}

static int read_derives(struct loader *l, struct fy_node *node)
{
	for (int i = 0; fy_node_is_mapping(node) && i < fy_node_mapping_item_count(node); i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, i);
		struct definition_derive d = { 0 };

		if (read_derive(l, fy_node_pair_key(pair), fy_node_pair_value(pair), &d))
			return 1;
		*(struct definition_derive *)place_of(l, (void **)&l->d.derives, &l->d.derive_count,
			&l->derive_capacity, sizeof(d), d.name.text) = d;
	}
	return fy_node_is_mapping(node)
		       ? 0
		       : refuse(l, node, "`derive` is a mapping: lead.first_won_at: {min: …}");
}

static int read_param(struct loader *l, struct fy_node_pair *pair, struct definition_param *p)
{
	struct fy_node *value = fy_node_pair_value(pair);

	*p = (struct definition_param){ .name = text_of(l, fy_node_pair_key(pair)) };
	if (is_missing(value))
		return refuse(l, fy_node_pair_key(pair), "a value is missing behind this");
	p->kind = fy_node_is_scalar(value)     ? PARAM_SCALAR
		  : fy_node_is_sequence(value) ? PARAM_LIST
					       : PARAM_MAP;
	return p->kind == PARAM_SCALAR ? read_text(l, value, &p->value)
	       : p->kind == PARAM_LIST ? read_list(l, value, &p->list)
				       : read_pairs(l, value, &p->map);
}

static int read_overrides(struct loader *l, struct fy_node_pair *tenant)
{
	struct fy_node *node = fy_node_pair_value(tenant);

	if (!node || !fy_node_is_mapping(node))
		return refuse(l, fy_node_pair_key(tenant),
			"a tenant has params of its own: acme: {answer_within: 20s}");
	for (int i = 0; i < fy_node_mapping_item_count(node); i++) {
		struct definition_override o = { .tenant = text_of(l, fy_node_pair_key(tenant)) };

		if (read_param(l, fy_node_mapping_get_by_index(node, i), &o.param))
			return 1;
		X_GROW(l->d.overrides, l->d.override_count, l->override_capacity);
		l->d.overrides[l->d.override_count++] = o;
	}
	return 0;
}

static int read_tenants(struct loader *l, struct fy_node *node)
{
	if (!fy_node_is_mapping(node))
		return refuse(l, node, "`tenants` is a mapping: {acme: {answer_within: 20s}}");
	for (int i = 0; i < fy_node_mapping_item_count(node); i++)
		if (read_overrides(l, fy_node_mapping_get_by_index(node, i)))
			return 1;
	return 0;
}

static int read_params(struct loader *l, struct fy_node *node)
{
	for (int i = 0; fy_node_is_mapping(node) && i < fy_node_mapping_item_count(node); i++) {
		struct definition_param p;

		if (read_param(l, fy_node_mapping_get_by_index(node, i), &p))
			return 1;
		*(struct definition_param *)place_of(l, (void **)&l->d.params, &l->d.param_count,
			&l->param_capacity, sizeof(p), p.name.text) = p;
	}
	return fy_node_is_mapping(node) ? 0
					: refuse(l, node, "`params` is a mapping: {maturity: 30d}");
}

/* ---- files ---------------------------------------------------------------------------------------------- */

static int read_document(struct loader *l);

static int load_source(struct loader *l, const char *path)
{
	struct slice text;
	int r;

	if (path && *path && strcmp(path, "builtin")) {
		r = yaml_source_read(&l->sources[l->source_count], path, l->explanation);
	} else {
		const struct asset *builtin = asset_find("kpis.yaml");

		if (!builtin) {
			buffer_put_text(l->explanation, "no definitions are built in\n");
			return 1;
		}
		text = (struct slice){ (const char *)builtin->data, builtin->len };
		r = yaml_source_parse(
			&l->sources[l->source_count], BUILTIN_NAME, text, l->explanation);
	}
	if (r)
		return 1;
	l->current = l->source_count++;
	return read_document(l);
}

/* 0: to be read; 1: it is read already; 2: a mistake, said. */
static int check_include(struct loader *l, struct fy_node *at, const char *path)
{
	const char *name = strcmp(path, "builtin") ? path : BUILTIN_NAME;
	struct buffer _cleanup_buffer_ message;

	buffer_init(&message);
	for (uint32_t i = 0; i < l->source_count; i++)
		if (!strcmp(l->sources[i].name, name)) {
			if (!l->is_done[i])
				refuse(l, at, "definitions include themselves");
			return l->is_done[i] ? 1 : 2;
		}
	if (l->source_count == SOURCES_MAX) {
		refuse(l, at, "definitions include more than 16 files");
		return 2;
	}
	if (strcmp(path, "builtin") && access(path, R_OK) != 0) {
		buffer_printf(&message, "%s: %s", path, strerror(errno));
		refuse(l, at, buffer_text(&message));
		return 2;
	}
	return 0;
}

/* A path beside the file that includes it. */
static void include_path(const struct loader *l, struct slice text, struct buffer *ret)
{
	const char *name = l->sources[l->current].name, *slash = strrchr(name, '/');

	if (slash && !slice_starts_with(text, SLICE_LIT("/")) && !slice_is(text, "builtin"))
		buffer_printf(ret, "%.*s", (int)(slash - name + 1), name);
	buffer_put(ret, text.at, text.len);
}

static int read_includes(struct loader *l, struct fy_node *node)
{
	struct definition_list list = { 0 };
	uint32_t current = l->current;

	if (read_list(l, node, &list))
		return 1;
	for (size_t i = 0; i < list.count; i++) {
		struct buffer _cleanup_buffer_ path;
		int answer;

		buffer_init(&path);
		include_path(l, list.items[i].text, &path);
		answer = check_include(
			l, fy_node_sequence_get_by_index(node, (int)i), buffer_text(&path));
		if (answer == 2 || (answer == 0 && load_source(l, buffer_text(&path))))
			return 1;
		l->current = current;
	}
	return 0;
}

static int read_section(struct loader *l, struct fy_node *key, struct fy_node *value)
{
	static const char *const names[] = { "include", "params", "tenants", "derive", "measures",
		"metrics", "grace" };
	struct slice name = yaml_text_of(key);

	if (slice_is(name, "include"))
		return 0; /* read first */
	if (slice_is(name, "params"))
		return read_params(l, value);
	if (slice_is(name, "tenants"))
		return read_tenants(l, value);
	if (slice_is(name, "derive"))
		return read_derives(l, value);
	if (slice_is(name, "measures"))
		return read_measures(l, value);
	if (slice_is(name, "metrics"))
		return read_metrics(l, value);
	if (slice_is(name, "grace"))
		return read_text(l, value, &l->d.grace);
	return unknown_key(l, key, names, COUNT_OF(names));
}

static int read_document(struct loader *l)
{
	struct fy_document *document = l->sources[l->current].document;
	struct fy_node *root = document ? fy_document_root(document) : NULL, *include;

	if (!root || !fy_node_is_mapping(root)) {
		yaml_explain(&l->sources[l->current], (struct yaml_place){ 1, 1 }, 0, 1,
			"definitions are a mapping of params, derive, measures and metrics",
			l->explanation);
		return 1;
	}
	include = fy_node_mapping_lookup_by_string(root, "include", 7);
	if (include && read_includes(l, include))
		return 1;
	for (int i = 0; i < fy_node_mapping_item_count(root); i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(root, i);

		if (read_section(l, fy_node_pair_key(pair), fy_node_pair_value(pair)))
			return 1;
	}
	l->is_done[l->current] = true;
	return 0;
}

static int compile(struct loader *l, struct plan **ret)
{
	struct plan_mistake mistake = { 0 };
	const struct mark *mark;

	l->d.arena = &l->arena;
	if (!plan_compile(&l->d, ret, &mistake))
		return 0;
	if (!mistake.mark) {
		buffer_printf(l->explanation, "%s: %s\n", l->sources[0].name, mistake.message);
		return 1;
	}
	mark = &l->marks[mistake.mark - 1];
	yaml_explain(&l->sources[mark->source], mark->place, mistake.offset, mistake.length,
		mistake.message, l->explanation);
	return 1;
}

static void loader_deinit(struct loader *l)
{
	for (uint32_t i = 0; i < l->source_count; i++)
		yaml_source_deinit(&l->sources[i]);
	free(l->marks);
	free(l->d.params);
	free(l->d.overrides);
	free(l->d.derives);
	free(l->d.measures);
	free(l->d.metrics);
	arena_deinit(&l->arena);
}

int definition_file_plan(const char *path, struct plan **ret_plan, struct buffer *explanation)
{
	struct loader l = { .explanation = explanation };
	int r;

	arena_init(&l.arena, 0);
	r = load_source(&l, path) || compile(&l, ret_plan);
	loader_deinit(&l);
	return r;
}

int definition_text_plan(
	const char *name, struct slice text, struct plan **ret_plan, struct buffer *explanation)
{
	struct loader l = { .explanation = explanation };
	int r;

	arena_init(&l.arena, 0);
	r = yaml_source_parse(&l.sources[0], name, text, explanation);
	if (!r) {
		l.source_count = 1;
		r = read_document(&l) || compile(&l, ret_plan);
	}
	loader_deinit(&l);
	return r;
}
