/* One row into its events: all of them, or none with the reason. */
#include <string.h>

#include "edge/mapping_inside.h"

/* ---- what expressions load --------------------------------------------------------------------------- */

static struct value cell_of(const uint32_t *cells, uint32_t column)
{
	return cells && cells[column] ? value_of(VALUE_STRING, cells[column])
				      : value_null(VALUE_STRING);
}

static struct value load_let(struct mapping_row *row, uint32_t which)
{
	if (!row->is_known[which]) {
		row->lets[which] = expr_run(row->rows->lets[which].expr.program, &row->frame);
		row->is_known[which] = true;
	}
	return row->lets[which];
}

static struct value load(void *ctx, uint32_t code)
{
	struct mapping_row *row = ctx;
	uint32_t which = code & 0xffff;

	switch (code & (uint32_t)CODE_KIND) {
	case CODE_FIRST:
		return cell_of(row->first, which);
	case CODE_PREVIOUS:
		return cell_of(row->previous, which);
	case CODE_SINCE:
		return cell_of(row->since, which);
	case CODE_START:
		return cell_of(row->start, which);
	case CODE_END:
		return cell_of(row->end, which);
	case CODE_LET:
		return load_let(row, which);
	case CODE_EACH:
		return row->each[which];
	case CODE_EACH_INDEX:
		return row->each_index[which];
	case CODE_EACH_COUNT:
		return row->each_count[which];
	default:
		return cell_of(row->cells, which);
	}
}

struct value mapping_value(struct mapping_row *row, const struct mapping_expr *expr)
{
	if (!expr->program)
		return value_null(VALUE_NULL);
	row->frame.ctx = row;
	row->frame.load = load;
	row->frame.strings = &row->mapping->strings;
	struct value value = expr_run(expr->program, &row->frame);

	if (row->frame.overflow_count) {
		row->frame.overflow_count = 0;
		mapping_reject(
			row, "a number or text is too large in " SLICE_FMT, SLICE_ARG(expr->text));
	}
	return value;
}

/* ---- the values of one cell -------------------------------------------------------------------------- */

/* Splits the cell; answers how many values it has, their ids in an array from the arena. */
static size_t split(struct mapping_row *row, const struct mapping_each *each, struct arena *arena,
	uint32_t **ret)
{
	struct slice rest = mapping_text(row, mapping_value(row, &each->of));
	size_t count = 0;

	*ret = arena_alloc(arena, MAPPING_EACH_MAX * sizeof(**ret));
	while (rest.len && !row->is_rejected) {
		const char *end = memmem(rest.at, rest.len, each->by.at, each->by.len);
		size_t length = end ? (size_t)(end - rest.at) : rest.len,
		       step = end ? length + each->by.len : length;
		struct slice part = slice_trim((struct slice){ rest.at, length });

		if (part.len && count == MAPPING_EACH_MAX)
			mapping_reject(row, "a cell has more than %d values", MAPPING_EACH_MAX);
		else if (part.len)
			(*ret)[count++] = (uint32_t)mapping_new_text(row, part).i;
		rest = (struct slice){ rest.at + step, rest.len - step };
	}
	return row->is_rejected ? 0 : count;
}

static void stand_on(struct mapping_row *row, int level, uint32_t id, size_t index, size_t count)
{
	row->each[level] = value_of(VALUE_STRING, id);
	row->each_index[level] = value_of(VALUE_INT, (int64_t)index);
	row->each_count[level] = value_of(VALUE_INT, (int64_t)count);
	/* A let may have read the value before. */
	memset(row->is_known, 0, sizeof(row->is_known));
}

/* ---- fields ------------------------------------------------------------------------------------------ */

static bool same_symbol(struct slice text, const char *symbol)
{
	size_t i = 0;

	for (; i < text.len && symbol[i]; i++) {
		char c = text.at[i];

		if (c >= 'a' && c <= 'z')
			c = (char)(c - 'a' + 'A');
		if (c == ' ' || c == '-')
			c = '_';
		if (c != symbol[i])
			return false;
	}
	return i == text.len && !symbol[i];
}

static struct slice symbol_of(
	struct mapping_row *row, const char *name, const char *const *symbols, struct slice text)
{
	for (size_t i = 0; symbols[i]; i++)
		if (same_symbol(text, symbols[i]))
			return slice_of(symbols[i]);
	mapping_reject(row, "%s cannot be «%.60s»", name, text.at);
	return text;
}

static void set_value(struct mapping_row *row, const struct model_field *field,
	const struct mapping_expr *expr, struct event_value *to)
{
	struct value value = mapping_value(row, expr);

	to->is_null = value.is_null;
	if (value.is_null)
		return;
	if (field->type != VALUE_STRING) {
		to->i = value.i;
		return;
	}
	to->text = mapping_text(row, value);
	if (field->symbols)
		to->text = symbol_of(row, field->name, field->symbols, to->text);
}

/* What a field is that nobody set: as the schemas' defaults. */
static void set_default(
	const struct model_field *field, struct event_value *to, struct arena *arena)
{
	if (!field->required || !to->is_null)
		return;
	if (field->type == VALUE_LIST)
		to->list = arena_alloc(arena, sizeof(*to->list));
	else if (field->symbols)
		to->text = slice_of(field->symbols[0]);
	else if (field->type == VALUE_BOOL)
		to->i = strcmp(field->name, "quota_carrying") == 0;
	else
		return;
	to->is_null = false;
}

static void set_list(struct mapping_row *row, const struct model_list *model,
	const struct mapping_list *list, struct arena *arena, struct event_value *to)
{
	uint32_t *ids = NULL;
	size_t count = list->each.name.at ? split(row, &list->each, arena, &ids) : list->row_count;

	to->is_null = false;
	to->list = arena_alloc(arena, sizeof(*to->list));
	to->list->cells =
		arena_alloc(arena, (count + 1) * model->field_count * sizeof(*to->list->cells));
	to->list->count = count;
	for (size_t i = 0; i < count; i++) {
		const struct mapping_fields *fields = &list->rows[ids ? 0 : i];
		struct event_value *cells = to->list->cells + i * model->field_count;

		if (ids)
			stand_on(row, 1, ids[i], i, count);
		for (size_t k = 0; k < model->field_count; k++)
			cells[k].is_null = true;
		for (size_t k = 0; k < fields->count; k++)
			set_value(row, &model->fields[fields->items[k].index],
				&fields->items[k].expr, &cells[fields->items[k].index]);
		for (size_t k = 0; k < model->field_count; k++)
			set_default(&model->fields[k], &cells[k], arena);
	}
}

/* An amount without a currency is in the mapping's. */
static void set_currency(
	const struct mapping *m, struct event *event, const struct model_entity *model)
{
	int currency = model_field_find(event->type, SLICE_LIT("currency"));

	if (currency < 0 || !m->currency.len || !event->fields[currency].is_null)
		return;
	for (size_t i = 0; i < model->field_count; i++) {
		if (model->fields[i].type == VALUE_MONEY && !event->fields[i].is_null) {
			event->fields[currency].is_null = false;
			event->fields[currency].text = m->currency;
		}
	}
}

static void set_fields(struct mapping_row *row, const struct mapping_emit *emit,
	struct arena *arena, struct event *event)
{
	const struct model_entity *model = &model_table[emit->type];

	for (size_t i = 0; i < emit->set.count && !row->is_rejected; i++) {
		const struct mapping_field *field = &emit->set.items[i];

		if (field->list)
			set_list(row, model->fields[field->index].list, field->list, arena,
				&event->fields[field->index]);
		else
			set_value(row, &model->fields[field->index], &field->expr,
				&event->fields[field->index]);
	}
	for (size_t i = 0; i < model->field_count; i++)
		set_default(&model->fields[i], &event->fields[i], arena);
	set_currency(row->mapping, event, model);
}

static void set_ext(struct mapping_row *row, const struct mapping_emit *emit, struct arena *arena,
	struct event *event)
{
	event->ext = arena_alloc(arena, (emit->ext.count + 1) * sizeof(*event->ext));
	for (size_t i = 0; i < emit->ext.count; i++) {
		struct value value = mapping_value(row, &emit->ext.items[i].expr);

		if (!value.is_null)
			event->ext[event->ext_count++] =
				(struct event_ext){ emit->ext.items[i].name,
					mapping_text(row, value) };
	}
}

/* ---- events ------------------------------------------------------------------------------------------ */

static void set_op(struct mapping_row *row, const struct mapping_emit *emit, struct event *event)
{
	struct value op = mapping_value(row, &emit->op);
	struct slice text = mapping_text(row, op);

	event->op = EVENT_UPDATE;
	if (op.is_null)
		return;
	for (int i = 1; i < EVENT_OP_COUNT; i++) {
		if (same_symbol(text, event_op_names[i])) {
			event->op = (enum event_op)i;
			return;
		}
	}
	mapping_reject(row, "op cannot be «%.60s»", text.at);
}

static void set_envelope(struct mapping_row *row, const struct mapping_emit *emit,
	struct arena *arena, struct mapped_event *m)
{
	const struct mapping *mapping = row->mapping;
	struct value id = mapping_value(row, &emit->id), at = mapping_value(row, &emit->at);
	struct value tenant = mapping_value(row, &emit->tenant),
		     excluded = mapping_value(row, &emit->excluded);
	struct value merged = mapping_value(row, &emit->merged_id);
	struct event *event = &m->event;

	event->entity_id = mapping_text(row, id);
	if (!event->entity_id.len)
		mapping_reject(row, "the id of a %s is empty", model_table[emit->type].name);
	event->tenant_id = !tenant.is_null	 ? mapping_text(row, tenant)
			   : mapping->tenant.len ? mapping->tenant
						 : SLICE_LIT("default");
	event->source = mapping->source.len ? mapping->source : SLICE_LIT("csv");
	m->undated = at.is_null;
	event->occurred_at_ms = at.is_null ? 0 : at.i;
	event->excluded = !excluded.is_null && excluded.i;
	set_op(row, emit, event);
	if (!merged.is_null) {
		event->merged_ids = arena_alloc(arena, sizeof(*event->merged_ids));
		event->merged_ids[0] = mapping_text(row, merged);
		event->merged_count = 1;
	}
}

struct events { /* grows in the arena */
	struct mapped_event *items;
	size_t count, capacity;
};

static struct mapped_event *add_event(struct events *events, struct arena *arena)
{
	if (events->count == events->capacity) {
		size_t capacity = events->capacity ? events->capacity * 2 : 4;
		struct mapped_event *grown = arena_alloc(arena, capacity * sizeof(*grown));

		if (events->count)
			memcpy(grown, events->items, events->count * sizeof(*grown));
		events->items = grown;
		events->capacity = capacity;
	}
	return &events->items[events->count++];
}

static void emit_one(struct mapping_row *row, const struct mapping_emit *emit, struct arena *arena,
	struct events *events)
{
	struct value when = mapping_value(row, &emit->when);
	struct mapped_event *m;

	if (row->is_rejected || (emit->when.program && (when.is_null || !when.i)))
		return;
	m = add_event(events, arena);
	event_init(&m->event, emit->type, arena);
	set_envelope(row, emit, arena, m);
	set_fields(row, emit, arena, &m->event);
	set_ext(row, emit, arena, &m->event);
}

int mapping_emit_row(
	struct mapping_row *row, struct arena *arena, struct mapped_event **ret, size_t *ret_count)
{
	struct events events = { NULL, 0, 0 };

	for (size_t i = 0; i < row->rows->emit_count && !row->is_rejected; i++) {
		const struct mapping_emit *emit = &row->rows->emits[i];
		const struct mapping_each *each = emit->each.name.at	    ? &emit->each
						  : row->rows->each.name.at ? &row->rows->each
									    : NULL;
		uint32_t *ids = NULL;
		size_t count = each ? split(row, each, arena, &ids) : 1;

		for (size_t k = 0; k < count && !row->is_rejected; k++) {
			if (ids)
				stand_on(row, 0, ids[k], k, count);
			emit_one(row, emit, arena, &events);
		}
	}
	*ret = events.items;
	*ret_count = events.count;
	return row->is_rejected;
}
