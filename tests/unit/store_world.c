#include "store_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/xalloc.h"
#include "core/registers.h"
#include "edge/definition_file.h"

/* ---- life ----------------------------------------------------------------------------------------------- */

struct plan *world_plan(const char *yaml)
{
	_cleanup_buffer_ struct buffer explanation;
	struct plan *plan = NULL;

	buffer_init(&explanation);
	if (definition_text_plan("test.yaml", slice_of(yaml), &plan, &explanation))
		fail_msg("%s", buffer_text(&explanation));
	return plan;
}

static void init(struct world *w, struct plan *plan, struct store_limits limits, size_t strings_max)
{
	*w = (struct world){ .plan = plan, .checks = true };
	arena_init(&w->arena, 0);
	intern_init(&w->strings, 1, strings_max);
	assert_int_equal(plan_intern_constants(plan, &w->strings), 0);
	w->store = store_new(plan, &w->strings, limits);
	w->maker = fact_maker_new(plan, w->store, &w->strings);
	w->calendar =
		(struct calendar){ .zone = &w->zone, .week_start = 1, .fiscal_start_month = 1 };
	fact_set_init(&w->old_facts);
	fact_set_init(&w->new_facts);
	fact_set_init(&w->deltas);
}

static uint32_t add_tenant(struct world *w, struct slice id)
{
	static const struct tenant_settings settings = { .tenant_id = NULL };
	uint32_t tenant = store_tenant(w->store, id, &settings);

	assert_int_not_equal(tenant, UINT32_MAX);
	fact_maker_tenant(w->maker, tenant, &w->calendar);
	return tenant;
}

void world_init_shared(struct world *w, struct plan *plan, struct store_limits limits)
{
	init(w, plan, limits, 0);
	w->is_shared = true;
	w->tenant = add_tenant(w, SLICE_LIT("acme"));
}

void world_init(struct world *w, const char *yaml)
{
	world_init_shared(w, world_plan(yaml ? yaml : world_definitions),
		(struct store_limits){ .entities_max = 1000000 });
	w->is_shared = false;
}

void world_init_twin(struct world *w, const struct world *of)
{
	init(w, of->plan, (struct store_limits){ .entities_max = 1000000 }, 0);
	w->is_shared = true;
	for (uint32_t id = 1; id <= intern_count(&of->strings); id++)
		assert_int_equal(intern_add(&w->strings, intern_text(&of->strings, id)), id);
	for (uint32_t i = 0; i < store_tenant_count(of->store); i++)
		add_tenant(w, intern_text(&of->strings, store_tenant_id(of->store, i)));
}

void world_deinit(struct world *w)
{
	fact_maker_free(w->maker);
	store_free(w->store);
	intern_deinit(&w->strings);
	fact_set_deinit(&w->old_facts);
	fact_set_deinit(&w->new_facts);
	fact_set_deinit(&w->deltas);
	free(w->sums);
	arena_deinit(&w->arena);
	if (!w->is_shared)
		plan_free(w->plan);
}

/* ---- applying ------------------------------------------------------------------------------------------- */

static bool same_key(const struct fact *a, const struct fact *b)
{
	return a->measure == b->measure && a->at_ms == b->at_ms && a->tenant == b->tenant &&
	       a->currency == b->currency && a->sub == b->sub &&
	       !memcmp(a->dims, b->dims, sizeof(a->dims));
}

static void add_sum(struct world *w, const struct fact *fact)
{
	for (size_t i = 0; i < w->sum_count; i++)
		if (same_key(&w->sums[i], fact)) {
			w->sums[i].amount += fact->amount;
			w->sums[i].count += fact->count;
			return;
		}
	X_GROW(w->sums, w->sum_count, w->sum_capacity);
	w->sums[w->sum_count++] = *fact;
}

static void facts_of(struct world *w, const struct store_change *change, struct fact_set *out)
{
	fact_set_reset(out);
	for (size_t i = 0; i < change->affected_count; i++)
		fact_maker_entity(w->maker, change->affected[i], out);
}

enum store_answer world_apply(struct world *w, const struct event *event)
{
	char reason[EVENT_REASON_MAX];
	struct store_change change;
	enum store_answer answer;

	if (event_validate(event, reason))
		fail_msg("%.*s: %s", SLICE_ARG(event->entity_id), reason);
	store_expect(w->store, &event, 1); /* changes nothing, whatever comes */
	answer = store_apply(w->store, add_tenant(w, event->tenant_id), event, &change);
	if (answer == STORE_CHANGED) {
		facts_of(w, &change, &w->new_facts);
		store_change_swap(w->store);
		facts_of(w, &change, &w->old_facts);
		store_change_swap(w->store);
		fact_set_reset(&w->deltas);
		fact_difference(&w->old_facts, &w->new_facts, &w->deltas);
		store_change_close(w->store);
		for (size_t i = 0; i < w->deltas.count; i++)
			add_sum(w, &w->deltas.items[i]);
	}
	if (w->checks)
		store_check(w->store);
	return answer;
}

void world_change(struct world *w, const struct event *event)
{
	assert_int_equal(world_apply(w, event), STORE_CHANGED);
}

/* ---- text ----------------------------------------------------------------------------------------------- */

static int compare_lines(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

void text_sort_lines(struct buffer *text)
{
	struct buffer sorted;
	struct slice *lines = NULL;
	size_t count = 0, capacity = 0, start = 0;

	buffer_init(&sorted);
	for (size_t i = 0; i < text->len; i++) {
		if (text->data[i] != '\n')
			continue;
		X_GROW(lines, count, capacity);
		lines[count++] = (struct slice){ (const char *)text->data + start, i + 1 - start };
		start = i + 1;
	}
	if (count)
		qsort(lines, count, sizeof(*lines), compare_lines);
	for (size_t i = 0; i < count; i++)
		buffer_put(&sorted, lines[i].at, lines[i].len);
	free(lines);
	buffer_deinit(text);
	*text = sorted;
}

/* The lines that only one side has: more is not read anyway. */
static void print_only(struct slice a, struct slice b, const char *sign, int lines_max)
{
	while (a.len && lines_max) {
		const char *end = memchr(a.at, '\n', a.len);
		size_t length = end ? (size_t)(end - a.at) + 1 : a.len;

		if (!memmem(b.at ? b.at : "", b.len, a.at, length)) {
			fprintf(stderr, "# %s %.*s", sign, (int)length, a.at);
			lines_max--;
		}
		a = (struct slice){ a.at + length, a.len - length };
	}
}

void assert_texts_equal(struct buffer *a, struct buffer *b, const char *what)
{
	if (slice_equal(buffer_slice(a), buffer_slice(b)))
		return;
	print_only(buffer_slice(a), buffer_slice(b), "-", 12);
	print_only(buffer_slice(b), buffer_slice(a), "+", 12);
	fail_msg("%s differ", what);
}

static void put_string(const struct world *w, uint32_t id, struct buffer *out)
{
	struct slice text = intern_text(&w->strings, id);

	buffer_put(out, text.at, text.len);
}

static void put_list(const struct world *w, const struct list_cells *list,
	const struct model_list *model, struct buffer *out)
{
	for (uint32_t row = 0; row < list->count; row++) {
		buffer_put_text(out, "[");
		for (uint32_t i = 0; i < list->columns; i++) {
			int64_t cell = list->cells[(size_t)row * list->columns + i];

			buffer_put_text(out, i ? "|" : "");
			if (!(list->present[row] >> i & 1))
				buffer_put_text(out, "-");
			else if (model->fields[i].type == VALUE_STRING)
				put_string(w, (uint32_t)cell, out);
			else
				buffer_printf(out, "%lld", (long long)cell);
		}
		buffer_put_text(out, "]");
	}
}

static struct attribute_info describe(const struct world *w, const struct entity *e, uint32_t slot)
{
	const char *dot;

	if (slot < attribute_slot_count((enum entity_type)e->type))
		return attribute_describe((enum entity_type)e->type, slot);
	for (uint32_t i = 0; i < w->plan->derived_count; i++)
		if (w->plan->derived[i].parent == e->type && w->plan->derived[i].slot == slot) {
			dot = strchr(w->plan->derived[i].name, '.');
			return (struct attribute_info){ .name = dot + 1,
				.type = w->plan->derived[i].type };
		}
	fail_msg("slot %u of %s has no name", slot, model_table[e->type].name);
	return (struct attribute_info){ .name = NULL };
}

static void put_event_value(
	const struct event_value *value, enum value_type type, struct buffer *out)
{
	if (type == VALUE_STRING)
		buffer_put(out, value->text.at, value->text.len);
	else
		buffer_printf(out, "%lld", (long long)value->i);
}

/* As put_list. */
static void put_event_list(
	const struct event_list *list, const struct model_list *model, struct buffer *out)
{
	for (size_t row = 0; row < list->count; row++) {
		buffer_put_text(out, "[");
		for (size_t i = 0; i < model->field_count; i++) {
			const struct event_value *cell = &list->cells[row * model->field_count + i];

			buffer_put_text(out, i ? "|" : "");
			if (cell->is_null)
				buffer_put_text(out, "-");
			else
				put_event_value(cell, model->fields[i].type, out);
		}
		buffer_put_text(out, "]");
	}
}

/* A field as the image has it, whether or not a definition reads it. False: it is null. */
static bool put_field(const struct world *w, uint32_t index, uint32_t field, struct buffer *out)
{
	const struct entity *e = store_entity(w->store, index);
	const struct model_field *model = &model_table[e->type].fields[field];
	struct arena arena;
	struct event image;
	bool there;

	arena_init(&arena, 0);
	there = store_image(w->store, index, &arena, &image) && !image.fields[field].is_null;
	if (there && model->type == VALUE_LIST)
		put_event_list(image.fields[field].list, model->list, out);
	else if (there)
		put_event_value(&image.fields[field], model->type, out);
	arena_deinit(&arena);
	return there;
}

/* False: it is null. */
static bool put_slot(const struct world *w, uint32_t index, uint32_t slot,
	const struct attribute_info *info, struct buffer *out)
{
	const struct entity *e = store_entity(w->store, index);
	int64_t value;

	if (slot < model_table[e->type].field_count)
		return put_field(w, index, slot, out);
	if (!store_slot(w->store, e, slot, &value))
		return false;
	if (info->type == VALUE_STRING)
		put_string(w, (uint32_t)value, out);
	else if (info->type == VALUE_REF)
		put_string(w, store_entity(w->store, (uint32_t)value)->id, out);
	else if (info->type == VALUE_LIST)
		put_list(w, (const struct list_cells *)(intptr_t)value, info->list, out);
	else
		buffer_printf(out, "%lld", (long long)value);
	return true;
}

static void put_ext(const struct world *w, uint32_t index, const char *prefix, struct buffer *out)
{
	struct arena arena;
	struct event image;

	arena_init(&arena, 0);
	if (!store_image(w->store, index, &arena, &image))
		image.ext_count = 0;
	for (size_t i = 0; i < image.ext_count; i++)
		buffer_printf(out, "%s ext.%.*s=%.*s\n", prefix, (int)image.ext[i].key.len,
			image.ext[i].key.at, (int)image.ext[i].value.len, image.ext[i].value.at);
	arena_deinit(&arena);
}

static void put_entity(const struct world *w, uint32_t index, struct buffer *out)
{
	const struct entity *e = store_entity(w->store, index);
	_cleanup_buffer_ struct buffer prefix, value;

	buffer_init(&prefix);
	buffer_init(&value);
	put_string(w, store_tenant_id(w->store, e->tenant), &prefix);
	buffer_printf(&prefix, " %s ", model_table[e->type].name);
	put_string(w, e->id, &prefix);
	buffer_printf(out, "%s:%s%s%s%s", buffer_text(&prefix), e->has_image ? " image" : "",
		e->deleted ? " deleted" : "", e->excluded ? " excluded" : "",
		e->erased ? " erased" : "");
	if (e->merged_into != ENTITY_NONE) {
		buffer_put_text(out, " into ");
		put_string(w, store_entity(w->store, e->merged_into)->id, out);
	}
	buffer_put_text(out, "\n");
	for (uint32_t slot = 0; slot < w->plan->slot_count[e->type]; slot++) {
		struct attribute_info info = describe(w, e, slot);

		buffer_reset(&value);
		if (!put_slot(w, index, slot, &info, &value))
			continue;
		buffer_printf(
			out, "%s %s=%s\n", buffer_text(&prefix), info.name, buffer_text(&value));
	}
	put_ext(w, index, buffer_text(&prefix), out);
}

void world_print(const struct world *w, struct buffer *out)
{
	for (uint32_t i = 0; i < store_count(w->store); i++)
		if (store_entity(w->store, i)->known)
			put_entity(w, i, out);
	text_sort_lines(out);
}

const char *world_slot(struct world *w, enum entity_type type, const char *id, const char *slot)
{
	uint32_t index = store_find(w->store, w->tenant, type, slice_of(id));
	const struct entity *e;
	struct buffer text;
	const char *copy;

	if (index == ENTITY_NONE)
		return "absent";
	e = store_entity(w->store, index);
	for (uint32_t i = 0; i < w->plan->slot_count[type]; i++) {
		struct attribute_info info = describe(w, e, i);

		if (!slice_is(slice_of(info.name), slot))
			continue;
		buffer_init(&text);
		copy = "null";
		if (put_slot(w, index, i, &info, &text))
			copy = arena_strndup(&w->arena, buffer_text(&text), text.len);
		buffer_deinit(&text);
		return copy;
	}
	fail_msg("%s has no slot %s", model_table[type].name, slot);
	return NULL;
}

bool world_is_live(const struct world *w, enum entity_type type, const char *id)
{
	uint32_t index = store_find(w->store, w->tenant, type, slice_of(id));

	return index != ENTITY_NONE && entity_is_live(store_entity(w->store, index));
}

/* ---- facts ---------------------------------------------------------------------------------------------- */

static void put_fact(const struct world *w, const struct fact *fact, struct buffer *out)
{
	const struct plan_measure *m = &w->plan->measures[fact->measure];

	put_string(w, store_tenant_id(w->store, fact->tenant), out);
	buffer_printf(out, " %s ", m->name);
	if (fact->at_ms == FACT_AT_EVER)
		buffer_put_text(out, "ever");
	else
		buffer_printf(out, "%lld", (long long)fact->at_ms);
	buffer_put_text(out, " ");
	put_string(w, fact->currency, out);
	buffer_put_text(out, " ");
	if (m->agg == AGG_DISTINCT)
		put_string(w, (uint32_t)fact->sub, out);
	else
		buffer_printf(out, "%d", (int)(int32_t)(uint32_t)fact->sub);
	for (uint8_t i = 0; i < m->dim_count; i++) {
		buffer_put_text(out, " ");
		put_string(w, fact->dims[i], out);
	}
	buffer_printf(out, ": %lld %lld\n", (long long)fact->amount, (long long)fact->count);
}

/* Everything against nothing: merged by key, and nothing that is nothing. */
static void facts_now(struct world *w)
{
	fact_set_reset(&w->new_facts);
	fact_set_reset(&w->old_facts);
	fact_set_reset(&w->deltas);
	for (uint32_t i = 0; i < store_count(w->store); i++)
		fact_maker_entity(w->maker, i, &w->new_facts);
	fact_difference(&w->old_facts, &w->new_facts, &w->deltas);
}

void world_print_facts(struct world *w, struct buffer *out)
{
	facts_now(w);
	for (size_t i = 0; i < w->deltas.count; i++)
		put_fact(w, &w->deltas.items[i], out);
	text_sort_lines(out);
}

void world_print_sums(const struct world *w, struct buffer *out)
{
	for (size_t i = 0; i < w->sum_count; i++)
		if (w->sums[i].amount || w->sums[i].count)
			put_fact(w, &w->sums[i], out);
	text_sort_lines(out);
}

void world_check_sums(struct world *w)
{
	_cleanup_buffer_ struct buffer facts, sums;

	buffer_init(&facts);
	buffer_init(&sums);
	world_print_facts(w, &facts);
	world_print_sums(w, &sums);
	assert_texts_equal(&facts, &sums, "facts (-) and summed differences (+)");
}

static bool has_dim(const struct world *w, const struct fact *fact, const char *dim)
{
	const struct plan_measure *m = &w->plan->measures[fact->measure];

	for (uint8_t i = 0; dim && i < m->dim_count; i++)
		if (slice_is(intern_text(&w->strings, fact->dims[i]), dim))
			return true;
	return !dim;
}

static int64_t add_up(
	struct world *w, const char *measure, const char *dim, int64_t before_ms, bool counts)
{
	int index = plan_measure_find(w->plan, slice_of(measure));
	int64_t total = 0;

	if (index < 0)
		fail_msg("no measure %s", measure);
	facts_now(w);
	for (size_t i = 0; i < w->deltas.count; i++) {
		const struct fact *fact = &w->deltas.items[i];

		if (fact->measure == index && fact->at_ms < before_ms && has_dim(w, fact, dim))
			total += counts ? fact->count : fact->amount;
	}
	return total;
}

int64_t world_total(struct world *w, const char *measure, const char *dim)
{
	return add_up(w, measure, dim, INT64_MAX, false);
}

int64_t world_total_before(struct world *w, const char *measure, const char *dim, int64_t ms)
{
	return add_up(w, measure, dim, ms, false);
}

int64_t world_count(struct world *w, const char *measure, const char *dim)
{
	return add_up(w, measure, dim, INT64_MAX, true);
}
