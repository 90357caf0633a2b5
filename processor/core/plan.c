#include "core/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "core/plan_inside.h"

enum { NAME_LENGTH_MAX = 64 };

/* ---- what the other files use --------------------------------------------------------------------------- */

int plan_fail(struct compiler *c, const struct definition_text *at, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(c->mistake->message, sizeof(c->mistake->message), format, args);
	va_end(args);
	c->mistake->mark = at ? at->mark : 0;
	c->mistake->offset = 0;
	c->mistake->length = at ? (uint32_t)at->text.len : 0;
	return 1;
}

int plan_fail_entity(struct compiler *c, const struct definition_text *at, struct slice wanted)
{
	const char *names[ENTITY_TYPE_COUNT], *near;

	for (int i = 0; i < ENTITY_TYPE_COUNT; i++)
		names[i] = model_table[i].name;
	near = plan_nearest(wanted, names, ENTITY_TYPE_COUNT);
	return plan_fail(c, at, "no entity is named «" SLICE_FMT "»%s%s%s", SLICE_ARG(wanted),
		near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
}

/* Names go into keys of topics, headers of tables and formulas. */
int plan_check_name(struct compiler *c, const struct definition_text *name)
{
	bool fits = name->text.len > 0 && name->text.len <= NAME_LENGTH_MAX &&
		    (name->text.at[0] < '0' || name->text.at[0] > '9');

	for (size_t i = 0; i < name->text.len && fits; i++) {
		char byte = name->text.at[i];

		fits = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
		       (byte >= '0' && byte <= '9') || byte == '_';
	}
	return fits ? 0
		    : plan_fail(c, name,
			      "a name is at most %d of a-z A-Z 0-9 _ and begins with no digit",
			      NAME_LENGTH_MAX);
}

const char *plan_strdup(struct compiler *c, struct slice text)
{
	return arena_strndup(&c->plan->arena, text.at ? text.at : "", text.len);
}

static int fail_expression(
	struct compiler *c, const struct definition_text *at, const struct expr_error *error)
{
	plan_fail(c, at, "%s", error->message);
	c->mistake->offset = (uint32_t)error->offset;
	c->mistake->length = (uint32_t)error->len;
	return 1;
}

int plan_parse(struct compiler *c, const struct definition_text *text, struct expr_node **ret)
{
	struct expr_error error;

	if (expr_parse(&c->scratch, text->text, ret, &error))
		return fail_expression(c, text, &error);
	return 0;
}

const char *plan_nearest(struct slice wanted, const char *const *names, size_t count)
{
	return nearest_name(wanted, names, count);
}

bool plan_duration(struct slice text, int64_t *ret_ms)
{
	return duration_parse(text, ret_ms) && *ret_ms >= 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static int compile_all(struct compiler *c)
{
	struct plan *plan = c->plan;

	plan->none_id = intern_add(&plan->strings, SLICE_LIT("(none)"));
	intern_add(&plan->strings, SLICE_LIT("(unknown)"));
	plan->edges[0].kind = EDGE_NEG_INF;
	plan->edges[1].kind = EDGE_NOW;
	plan->edge_count = 2;
	plan->kept_edge = UINT16_MAX;
	plan->groupings[0].name = "";
	plan->groupings[0].roster_dim = -1;
	plan->groupings[0].scope_id = intern_add(&plan->strings, SLICE_LIT("COMPANY"));
	plan->grouping_count = 1;
	for (int t = 0; t < ENTITY_TYPE_COUNT; t++)
		plan->slot_count[t] = (uint8_t)attribute_slot_count((enum entity_type)t);
	plan->grace_ms = 3600000;
	if (c->definitions->grace.text.at &&
		!plan_duration(c->definitions->grace.text, &plan->grace_ms))
		return plan_fail(c, &c->definitions->grace, "`grace` wants a duration: 1h, 30m");
	plan_add_functions(c);
	if (plan_compile_params(c) || plan_compile_derives(c) || plan_compile_measures(c) ||
		plan_compile_metrics(c))
		return 1;
	plan_link(c);
	plan->fingerprint = plan_fingerprint(c);
	return 0;
}

int plan_compile(const struct definitions *definitions, struct plan **ret_plan,
	struct plan_mistake *ret_mistake)
{
	struct compiler c = { .definitions = definitions, .mistake = ret_mistake };
	int r;

	c.plan = x_calloc(1, sizeof(*c.plan));
	arena_init(&c.plan->arena, 0);
	arena_init(&c.scratch, 0);
	intern_init(&c.plan->strings, 0, 0);
	r = compile_all(&c);
	free(c.conditions);
	arena_deinit(&c.scratch);
	if (r) {
		plan_free(c.plan);
		return 1;
	}
	*ret_plan = c.plan;
	return 0;
}

void plan_free(struct plan *plan)
{
	if (!plan)
		return;
	free(plan->loads);
	free(plan->dependents);
	intern_deinit(&plan->strings);
	arena_deinit(&plan->arena);
	free(plan);
}

int plan_intern_constants(const struct plan *plan, struct intern *strings)
{
	for (uint32_t id = 1; id <= intern_count(&plan->strings); id++)
		if (intern_add(strings, intern_text(&plan->strings, id)) != id)
			return -28; /* ENOSPC: the table was not empty, or its limit is hit */
	return 0;
}

int plan_measure_find(const struct plan *plan, struct slice name)
{
	for (uint32_t i = 0; i < plan->measure_count; i++)
		if (slice_is(name, plan->measures[i].name))
			return (int)i;
	return -1;
}

int plan_metric_find(const struct plan *plan, struct slice name)
{
	for (uint32_t i = 0; i < plan->metric_count; i++)
		if (slice_is(name, plan->metrics[i].name))
			return (int)i;
	return -1;
}
