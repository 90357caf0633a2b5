/* plan_define: functions over entities, and derived values. */
#include <stdio.h>
#include <string.h>

#include "core/calendar.h"
#include "core/fact_frame.h"
#include "core/plan_inside.h"
#include "core/store.h"

enum { NAMED_STEPS_MAX = 1000 };

/* ---- functions over entities ---------------------------------------------------------------------------- */

static enum value_type check_one(const enum value_type *types, enum value_type wanted,
	enum value_type result, const char *text, char *message, size_t cap)
{
	if (types[0] == wanted || types[0] == VALUE_NULL)
		return result;
	strncpy(message, text, cap - 1);
	message[cap - 1] = '\0';
	return VALUE_NULL;
}

static enum value_type check_local_day(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	return check_one(types, VALUE_TIME, VALUE_INT, "local_day takes a time", message, cap);
}

static struct value run_local_day(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	const struct fact_frame *facts = frame->ctx;

	(void)count;
	(void)user;
	if (args[0].is_null || !facts->calendar)
		return value_null(VALUE_INT);
	return value_of(VALUE_INT, calendar_local_day(facts->calendar, args[0].i));
}

static enum value_type check_day_start(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	(void)count;
	return check_one(types, VALUE_INT, VALUE_TIME,
		"day_start takes a local date (a field that is a date, or local_day())", message,
		cap);
}

static struct value run_day_start(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	const struct fact_frame *facts = frame->ctx;

	(void)count;
	(void)user;
	if (args[0].is_null || !facts->calendar || args[0].i < -100000 || args[0].i > 100000)
		return value_null(VALUE_TIME);
	return value_of(VALUE_TIME, calendar_day_start(facts->calendar, args[0].i));
}

static enum value_type check_memberships(
	const enum value_type *types, uint32_t count, char *message, size_t cap)
{
	bool fits = types[0] == VALUE_LIST || types[0] == VALUE_NULL;

	if (fits && (count == 1 || types[1] == VALUE_TIME || types[1] == VALUE_NULL))
		return VALUE_STRING;
	snprintf(message, cap, "it takes a rep's memberships%s", count == 1 ? "" : " and a time");
	return VALUE_NULL;
}

enum { MEMBERSHIP_TEAM, MEMBERSHIP_FROM, MEMBERSHIP_TO, MEMBERSHIP_COLUMNS };

static const struct list_cells *memberships_in(const struct value *value)
{
	const struct list_cells *list = (const struct list_cells *)(intptr_t)value->i;

	return value->is_null || !list || list->columns != MEMBERSHIP_COLUMNS ? NULL : list;
}

/* The team of the membership that began last, of those that `day` is in (INT64_MAX: of all); a tie: the greater row. */
static struct value team_of(const struct list_cells *list, int64_t day)
{
	struct value team = value_null(VALUE_STRING);
	int64_t latest = INT64_MIN;

	for (uint32_t row = 0; list && row < list->count; row++) {
		const int64_t *cells = &list->cells[(size_t)row * MEMBERSHIP_COLUMNS];
		bool has_end = list->present[row] >> MEMBERSHIP_TO & 1;

		if (day != INT64_MAX &&
			(cells[MEMBERSHIP_FROM] > day || (has_end && cells[MEMBERSHIP_TO] < day)))
			continue;
		if (cells[MEMBERSHIP_FROM] < latest || !(list->present[row] >> MEMBERSHIP_TEAM & 1))
			continue;
		latest = cells[MEMBERSHIP_FROM];
		team = value_of(VALUE_STRING, cells[MEMBERSHIP_TEAM]);
	}
	return team;
}

static struct value run_team_at(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	const struct fact_frame *facts = frame->ctx;

	(void)count;
	(void)user;
	if (args[1].is_null || !facts->calendar)
		return value_null(VALUE_STRING);
	return team_of(memberships_in(&args[0]), calendar_local_day(facts->calendar, args[1].i));
}

static struct value run_latest_team(
	struct expr_frame *frame, const struct value *args, uint32_t count, const void *user)
{
	(void)frame;
	(void)count;
	(void)user;
	return team_of(memberships_in(&args[0]), INT64_MAX);
}

void plan_add_functions(struct compiler *c)
{
	static const struct expr_function own[] = {
		{ "local_day", 1, 1, check_local_day, run_local_day, NULL },
		{ "day_start", 1, 1, check_day_start, run_day_start, NULL },
		{ "team_at", 2, 2, check_memberships, run_team_at, NULL },
		{ "latest_team", 1, 1, check_memberships, run_latest_team, NULL },
	};
	size_t own_count = sizeof(own) / sizeof(own[0]);

	c->functions = arena_alloc(
		&c->plan->arena, (own_count + c->definitions->param_count) * sizeof(*c->functions));
	memcpy(c->functions, own, sizeof(own));
	c->function_count = (uint32_t)own_count;
}

/* ---- derived values ------------------------------------------------------------------------------------- */

static bool split_name(struct slice name, struct slice *ret_entity, struct slice *ret_name)
{
	const char *dot = memchr(name.at, '.', name.len);

	if (!dot)
		return false;
	*ret_entity = (struct slice){ name.at, (size_t)(dot - name.at) };
	*ret_name = (struct slice){ dot + 1, name.len - ret_entity->len - 1 };
	return ret_name->len > 0;
}

static int relation_of(struct compiler *c, const struct definition_derive *d,
	enum entity_type parent, enum relation *ret)
{
	int relation = relation_find(d->over.text);
	const char *names[RELATION_COUNT], *near;
	size_t count = 0;

	for (int i = 0; i < RELATION_COUNT; i++)
		if (relation_table[i].parent == parent)
			names[count++] = relation_table[i].name;
	if (relation >= 0 && relation_table[relation].parent == parent) {
		*ret = (enum relation)relation;
		return 0;
	}
	if (!d->over.text.at)
		return plan_fail(c, &d->name,
			"a derived value wants `over`: the reference from a child to %s",
			model_table[parent].name);
	near = plan_nearest(d->over.text, names, count);
	return plan_fail(c, &d->over, "`over` wants a reference from a child to %s%s%s%s",
		model_table[parent].name, near ? "; the nearest is «" : "", near ? near : "",
		near ? "»" : "");
}

static int kind_of(struct compiler *c, const struct definition_derive *d, enum derive_kind *ret)
{
	static const char *const kinds[] = { "min", "max", "sum", "count", "first", "next",
		"previous" };

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (slice_is(d->kind.text, kinds[i])) {
			*ret = (enum derive_kind)i;
			return 0;
		}
	return plan_fail(c, &d->kind,
		"a derived value is one of min, max, sum, count, first, next, previous or value");
}

/* References and lists are numbers of this run only: nothing that is kept may depend on their order. */
static bool is_fit_for(enum derive_kind kind, enum value_type type)
{
	bool is_amount = type == VALUE_INT || type == VALUE_DECIMAL || type == VALUE_MONEY ||
			 type == VALUE_DURATION;

	return is_amount || (kind != DERIVE_SUM && type == VALUE_TIME) ||
	       ((kind == DERIVE_MIN || kind == DERIVE_MAX) && type == VALUE_STRING);
}

static int derive_programs(
	struct compiler *c, const struct definition_derive *d, struct plan_derived *p)
{
	struct plan_scope scope = { .c = c, .on = p->child, .own_only = true };
	bool whole_child =
		p->kind == DERIVE_FIRST && slice_is(d->value.text, model_table[p->child].name);

	if (p->kind == DERIVE_FIRST && !whole_child)
		return plan_fail(c, &d->value,
			"`first` gives the child itself: {first: %s, …}; read on along its fields",
			model_table[p->child].name);
	p->type = p->kind == DERIVE_COUNT ? VALUE_INT : VALUE_REF;
	if (p->kind != DERIVE_COUNT && !whole_child) {
		if (plan_compile_text(&scope, &d->value, VALUE_ANY, &p->value))
			return 1;
		p->type = expr_type(p->value);
		if (!is_fit_for(p->kind, p->type))
			return plan_fail(c, &d->value, "`" SLICE_FMT "` of a %s says nothing",
				SLICE_ARG(d->kind.text), value_type_name(p->type));
	}
	if (plan_compile_text(&scope, &d->where, VALUE_BOOL, &p->where) ||
		plan_compile_text(&scope, &d->by, VALUE_ANY, &p->by))
		return 1;
	if (p->kind == DERIVE_FIRST && !p->by)
		return plan_fail(
			c, &d->name, "`first` wants `by`: the value that orders the children");
	if (plan_derived_is_neighbour(p) &&
		plan_compile_text(&scope, &d->key, VALUE_STRING, &p->key))
		return 1;
	if (p->by && !is_fit_for(DERIVE_MIN, expr_type(p->by)))
		return plan_fail(c, &d->by, "a %s has no order", value_type_name(expr_type(p->by)));
	return 0;
}

/* Records of one type follow each other: there is no way from child to parent. */
static int neighbour_of(
	struct compiler *c, const struct definition_derive *d, struct plan_derived *p)
{
	p->relation = RELATION_COUNT;
	if (d->over.text.at)
		return plan_fail(c, &d->over,
			"`" SLICE_FMT "` goes over the records of one `key`, not over a reference",
			SLICE_ARG(d->kind.text));
	if (!d->key.text.at)
		return plan_fail(c, &d->name,
			"`" SLICE_FMT "` wants `key`: the field that those which follow each other "
			"have in common",
			SLICE_ARG(d->kind.text));
	return 0;
}

static int add_derived(struct compiler *c, const struct definition_derive *d,
	enum entity_type parent, struct slice name)
{
	struct plan *plan = c->plan;
	struct plan_derived *p = &plan->derived[plan->derived_count];
	struct plan_name *n = &c->names[c->name_count];

	if (plan->derived_count == PLAN_DERIVED_MAX ||
		plan->slot_count[parent] == ATTRIBUTE_SLOTS_MAX)
		return plan_fail(c, &d->name, "more than %d derived values", PLAN_DERIVED_MAX);
	memset(p, 0, sizeof(*p));
	p->name = plan_strdup(c, d->name.text);
	p->parent = parent;
	if (kind_of(c, d, &p->kind))
		return 1;
	if (plan_derived_is_neighbour(p) ? neighbour_of(c, d, p)
					 : relation_of(c, d, parent, &p->relation))
		return 1;
	p->child = plan_derived_is_neighbour(p) ? parent : relation_table[p->relation].child;
	if (derive_programs(c, d, p))
		return 1;
	p->slot = plan->slot_count[parent]++;
	plan->derived_count++;
	c->name_count++;
	n->type = parent;
	n->name = (struct slice){ arena_strndup(&c->scratch, name.at, name.len), name.len };
	n->slot = p->slot;
	/* Money of several children is an amount without a currency (null where they differ): it joins no money. */
	n->value_type = p->type == VALUE_MONEY ? VALUE_DECIMAL : p->type;
	n->reference = p->type == VALUE_REF ? (int8_t)p->child : -1;
	n->currency_slot = -1;
	return 0;
}

/* Does `tree` read `wanted`, directly or by other names? */
static bool leads_to(const struct compiler *c, const struct expr_node *tree,
	const struct expr_node *wanted, uint32_t *budget)
{
	const struct expr_node *named =
		tree->kind == EXPR_PATH ? plan_named_find(c, tree->path, tree->path_count) : NULL;

	if (*budget == 0)
		return false; /* the compiler refuses what is too large */
	--*budget;
	if (named == wanted || (named && leads_to(c, named, wanted, budget)))
		return true;
	for (uint32_t i = 0; i < tree->child_count; i++)
		if (leads_to(c, tree->children[i], wanted, budget))
			return true;
	return false;
}

/* Named expressions are compiled where they are used; once alone, so that a mistake in one is shown where it stands. */
static int check_named(struct compiler *c, const struct expr_node *const *trees)
{
	for (size_t i = 0; i < c->definitions->derive_count; i++) {
		const struct definition_derive *d = &c->definitions->derives[i];
		struct plan_scope scope = { .c = c };
		struct expr_program *program;
		struct slice entity = { 0 }, name = { 0 };
		uint32_t budget = NAMED_STEPS_MAX;

		if (!trees[i])
			continue;
		if (leads_to(c, trees[i], trees[i], &budget))
			return plan_fail(c, &d->value,
				"«" SLICE_FMT "» stands for itself, directly or by other names",
				SLICE_ARG(d->name.text));
		split_name(d->name.text, &entity, &name);
		scope.on = (enum entity_type)model_entity_find(entity);
		if (plan_compile_tree(&scope, &d->value, trees[i], VALUE_ANY, &program))
			return 1;
	}
	return 0;
}

/*
 * A derived value may read others of its child, wherever they stand in the file: each is compiled once those that it reads are. What
 * is left when nothing goes on has a mistake, or reads itself; the first of them is told.
 */
static int compile_in_order(struct compiler *c)
{
	const struct definitions *d = c->definitions;
	bool *is_done = arena_alloc(&c->scratch, d->derive_count + 1), goes_on = true;
	struct slice entity = { 0 }, name = { 0 };

	while (goes_on) {
		struct plan_mistake first;
		size_t left = 0;

		goes_on = false;
		for (size_t i = 0; i < d->derive_count; i++) {
			if (is_done[i] || slice_is(d->derives[i].kind.text, "value"))
				continue;
			split_name(d->derives[i].name.text, &entity, &name);
			if (!add_derived(c, &d->derives[i],
				    (enum entity_type)model_entity_find(entity), name))
				is_done[i] = goes_on = true;
			else if (!left++)
				first = *c->mistake;
		}
		if (!left)
			return 0;
		*c->mistake = first;
	}
	return 1;
}

int plan_compile_derives(struct compiler *c)
{
	const struct definitions *d = c->definitions;
	const struct expr_node **trees =
		arena_alloc(&c->scratch, (d->derive_count + 1) * sizeof(*trees));

	c->plan->derived =
		arena_alloc(&c->plan->arena, PLAN_DERIVED_MAX * sizeof(*c->plan->derived));
	for (size_t i = 0; i < d->derive_count; i++) {
		const struct definition_derive *derive = &d->derives[i];
		struct slice entity = { 0 }, name = { 0 };
		struct expr_node *tree;
		int parent;

		if (!split_name(derive->name.text, &entity, &name))
			return plan_fail(c, &derive->name,
				"a derived value is named entity.name: lead.first_won_at");
		parent = model_entity_find(entity);
		if (parent < 0)
			return plan_fail_entity(c, &derive->name, entity);
		if (attribute_find((enum entity_type)parent, name) >= 0)
			return plan_fail(c, &derive->name, "%s already has a field of this name",
				model_table[parent].name);
		if (plan_check_name(c, &(struct definition_text){ name, derive->name.mark }))
			return 1;
		if (slice_is(derive->kind.text, "value")) {
			if (plan_parse(c, &derive->value, &tree))
				return 1;
			trees[i] = tree;
			plan_add_named(c, entity, name, tree);
		}
	}
	return compile_in_order(c) || check_named(c, trees);
}
