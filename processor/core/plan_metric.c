/* plan_metric: metrics: their formula's inputs, groupings, windows, and the place of each input's total in each window. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/nearest.h"
#include "core/plan_inside.h"

struct building {
	struct compiler *c;
	const struct definition_metric *d;
	struct plan_metric *m;
	struct plan_input inputs[METRIC_INPUTS_MAX];
	uint64_t compare; /* windows have a comparison */
	bool with_year;	  /* … with the year before */
	int64_t *least;	  /* `min_share` by the tenant's row; NULL: none */
};

/* The child that a derived value of this type is made from, or -1. */
static int child_behind(
	const struct plan *plan, enum entity_type type, const struct plan_load *load)
{
	for (uint32_t i = 0; load->hop_count == 0 && i < plan->derived_count; i++)
		if (plan->derived[i].parent == type && plan->derived[i].slot == load->slot)
			return (int)plan->derived[i].child;
	return -1;
}

/*
 * The stream without which a measure has no data. Records of an optional stream exist by reference too (S5): when they are counted at
 * a time that comes from their children, it is the children's stream that must have delivered.
 */
static enum entity_type stream_of(const struct plan *plan, const struct plan_measure *m)
{
	uint32_t count;
	const uint32_t *codes = expr_loads(m->at, &count);

	for (uint32_t i = 0; model_table[m->on].is_optional && i < count; i++) {
		int child = child_behind(plan, m->on, &plan->loads[codes[i]]);

		if (child >= 0)
			return (enum entity_type)child;
	}
	return m->on;
}

/* ---- the formula ---------------------------------------------------------------------------------------- */

static bool is_read_alike(const struct plan_input *a, const struct plan_input *b)
{
	return a->read == b->read && a->quantile_bp == b->quantile_bp && a->over_ms == b->over_ms &&
	       a->lag_ms == b->lag_ms;
}

static int input_get(
	void *ctx, struct slice name, const struct plan_input *wanted, enum value_type *ret_type)
{
	enum input_read read = wanted->read;
	struct building *b = ctx;
	int measure = plan_measure_find(b->c->plan, name);
	const struct plan_measure *m;

	if (measure < 0)
		return -1;
	m = &b->c->plan->measures[measure];
	*ret_type = read == INPUT_SAMPLES ? VALUE_INT : m->value_type;
	if ((read == INPUT_QUANTILE) != (m->agg == AGG_PERCENTILE) && read != INPUT_SAMPLES)
		*ret_type = VALUE_NULL;
	if ((read == INPUT_FULL || read == INPUT_OVER || read == INPUT_OFFSET) && m->stock)
		*ret_type = VALUE_NULL;
	b->m->reads_previous |= read == INPUT_PREVIOUS;
	b->m->reads_over |= read == INPUT_OVER || read == INPUT_OFFSET;
	b->m->money |= *ret_type == VALUE_MONEY;
	b->m->streams |= (uint64_t)1 << stream_of(b->c->plan, m);
	for (uint16_t i = 0; i < b->m->input_count; i++)
		if (b->inputs[i].measure == measure && is_read_alike(&b->inputs[i], wanted))
			return i;
	if (b->m->input_count == METRIC_INPUTS_MAX)
		return METRIC_INPUTS_FULL;
	b->inputs[b->m->input_count] = *wanted;
	b->inputs[b->m->input_count].measure = (uint16_t)measure;
	return b->m->input_count++;
}

static const char *measure_nearest(void *ctx, struct slice name)
{
	struct building *b = ctx;
	const char *names[PLAN_MEASURES_MAX];

	/* Those of the definitions come first, wholes behind them. */
	uint32_t count = (uint32_t)b->c->definitions->measure_count;

	for (uint32_t i = 0; i < count; i++)
		names[i] = b->c->plan->measures[i].name;
	return plan_nearest(name, names, count);
}

/* The constant that a param stands for; NULL: there is no such param, or it is no constant. */
static const struct value *param_constant(const struct compiler *c, struct slice name)
{
	for (uint32_t i = 0; i < c->named_count; i++)
		if (!c->named[i].entity.len && slice_equal(c->named[i].name, name) &&
			c->named[i].tree->kind == EXPR_LITERAL)
			return &c->named[i].tree->literal;
	return NULL;
}

static bool param_number(void *ctx, struct slice name, i128 *ret)
{
	const struct building *b = ctx;
	const struct value *constant = param_constant(b->c, name);

	if (!constant || (constant->type != VALUE_INT && constant->type != VALUE_DECIMAL))
		return false;
	*ret = constant->type == VALUE_INT ? (i128)constant->i * DECIMAL_SCALE : constant->i;
	return true;
}

static bool param_duration(void *ctx, struct slice name, int64_t *ret_ms)
{
	const struct building *b = ctx;
	const struct value *constant = param_constant(b->c, name);

	if (!constant || constant->type != VALUE_DURATION)
		return false;
	*ret_ms = constant->i;
	return true;
}

/* A measure of the name comes first: most metrics that show one are called like it. */
static const struct expr_node *metric_formula(void *ctx, struct slice name)
{
	const struct building *b = ctx;
	struct expr_node *tree;
	int metric = plan_metric_find(b->c->plan, name);

	if (plan_measure_find(b->c->plan, name) >= 0 || metric < 0 ||
		b->c->plan->metrics[metric].rank_of >= 0 ||
		plan_parse(b->c, &b->c->definitions->metrics[metric].value, &tree))
		return NULL;
	return tree;
}

const char *const plan_unit_names[PLAN_UNITS] = { "count", "percent", "currency", "seconds", "days",
	"ratio" };

static int unit_of(struct building *b, enum value_type type)
{
	struct plan_metric *m = b->m;
	const char *near;

	m->unit = type == VALUE_MONEY	   ? UNIT_CURRENCY
		  : type == VALUE_DURATION ? UNIT_SECONDS
		  : type == VALUE_INT	   ? UNIT_COUNT
					   : UNIT_RATIO;
	m->money = type == VALUE_MONEY || m->money;
	if (b->d->unit.text.at) {
		size_t i = 0;

		while (i < PLAN_UNITS && !slice_is(b->d->unit.text, plan_unit_names[i]))
			i++;
		if (i == PLAN_UNITS) {
			near = plan_nearest(b->d->unit.text, plan_unit_names, i);
			return plan_fail(b->c, &b->d->unit,
				"`unit` is count, percent, currency, seconds, days or ratio%s%s%s",
				near ? "; the nearest is «" : "", near ? near : "",
				near ? "»" : "");
		}
		m->unit = (enum plan_unit)i;
	}
	if ((m->unit == UNIT_DAYS || m->unit == UNIT_SECONDS) != (type == VALUE_DURATION) ||
		(m->unit == UNIT_CURRENCY) != (type == VALUE_MONEY))
		return plan_fail(b->c, b->d->unit.text.at ? &b->d->unit : &b->d->value,
			"the formula gives a %s: its unit is not «%s»", value_type_name(type),
			plan_unit_names[m->unit]);
	if (m->unit == UNIT_PERCENT)
		metric_scale(m->program, 100, 1);
	else if (m->unit == UNIT_DAYS)
		metric_scale(m->program, 1, 86400);
	return 0;
}

static int compile_formula(struct building *b)
{
	struct metric_resolve resolve = { b, input_get, measure_nearest, param_number,
		metric_formula, param_duration };
	struct buffer _cleanup_buffer_ text;
	struct compiler *c = b->c;
	struct expr_error error;
	enum value_type type;
	struct expr_node *tree;

	buffer_init(&text);
	if (plan_parse(c, &b->d->value, &tree))
		return 1;
	if (metric_compile(&c->plan->arena, tree, &resolve, &b->m->program, &type, &error)) {
		struct slice at = { b->d->value.text.at + error.offset, error.len };
		bool differs = plan_param_find(c->plan, at) >= 0;

		plan_fail(c, &b->d->value, "%s",
			differs ? "this param differs by tenant; a metric's formula is the same "
				  "for all"
				: error.message);
		c->mistake->offset = (uint32_t)error.offset;
		c->mistake->length = (uint32_t)error.len;
		return 1;
	}
	expr_print(tree, &text);
	b->m->formula = plan_strdup(c, buffer_slice(&text));
	return unit_of(b, type);
}

static int compile_empty(struct building *b)
{
	for (size_t i = 0; i < b->d->empty.count; i++) {
		const struct definition_pair *pair = &b->d->empty.items[i];
		int measure = plan_measure_find(b->c->plan, pair->key.text);
		bool used = false;

		if (!slice_is(pair->value.text, "null") && !slice_is(pair->value.text, "0"))
			return plan_fail(b->c, &pair->value, "`empty` gives a measure null or 0");
		for (uint16_t k = 0; k < b->m->input_count; k++)
			if (b->inputs[k].measure == measure) {
				b->inputs[k].empty_is_null = slice_is(pair->value.text, "null");
				used = true;
			}
		if (!used) {
			const char *near = measure < 0 ? measure_nearest(b, pair->key.text) : NULL;

			return plan_fail(b->c, &pair->key,
				"the formula does not read a measure «" SLICE_FMT "»%s%s%s",
				SLICE_ARG(pair->key.text), near ? "; the nearest is «" : "",
				near ? near : "", near ? "»" : "");
		}
	}
	return 0;
}

/* ---- options -------------------------------------------------------------------------------------------- */

/* What is said in each language; an empty mapping leaves what is there. */
static int compile_languages(struct building *b, const struct definition_pairs *pairs,
	const char *what, const char **ret_en, const char **ret_id)
{
	for (size_t i = 0; i < pairs->count; i++) {
		const struct definition_pair *pair = &pairs->items[i];

		if (slice_is(pair->key.text, "en"))
			*ret_en = plan_strdup(b->c, pair->value.text);
		else if (slice_is(pair->key.text, "id"))
			*ret_id = plan_strdup(b->c, pair->value.text);
		else
			return plan_fail(
				b->c, &pair->key, "a %s has the languages en and id", what);
	}
	return 0;
}

static int compile_options(struct building *b)
{
	static const char *const bases[] = { "EVENT", "COHORT", "CLOSED", "STOCK" };
	const struct definition_metric *d = b->d;
	struct plan_metric *m = b->m;
	int64_t units;
	size_t i;

	m->basis = BASIS_EVENT;
	for (uint16_t k = 0; k < m->input_count; k++)
		if (b->c->plan->measures[b->inputs[k].measure].stock &&
			b->inputs[k].read == INPUT_TOTAL)
			m->basis = BASIS_STOCK;
	if (d->basis.text.at) {
		for (i = 0; i < 4 && !slice_is(d->basis.text, bases[i]); i++)
			;
		if (i == 4) {
			const char *near = plan_nearest(d->basis.text, bases, 4);

			return plan_fail(b->c, &d->basis,
				"`basis` is EVENT, COHORT, CLOSED or STOCK%s%s%s",
				near ? "; the nearest is «" : "", near ? near : "",
				near ? "»" : "");
		}
		m->basis = (enum plan_basis)i;
	}
	if (d->min_sample.text.at) {
		if (!decimal_parse(d->min_sample.text, &units) || units < 0 ||
			units % DECIMAL_SCALE)
			return plan_fail(b->c, &d->min_sample, "`min_sample` wants a whole number");
		m->min_sample = units / DECIMAL_SCALE;
	}
	if (d->mature.text.at && plan_param_find(b->c->plan, d->mature.text) >= 0)
		return plan_fail(b->c, &d->mature,
			"this param differs by tenant; when a cohort is ripe must be the same for "
			"all");
	if (d->mature.text.at && !param_duration(b, d->mature.text, &m->mature_ms) &&
		!plan_duration(d->mature.text, &m->mature_ms))
		return plan_fail(
			b->c, &d->mature, "`mature` wants a duration, or a param that is one");
	/* What is now has a before only if it is asked for; what trails behind another time than now is not at hand. */
	b->compare = (m->basis != BASIS_STOCK && !m->reads_over) || d->compare.text.at;
	if (d->compare.text.at && slice_is(d->compare.text, "none"))
		b->compare = 0;
	else if (d->compare.text.at && slice_is(d->compare.text, "previous_year"))
		b->with_year = true;
	else if (d->compare.text.at && !slice_is(d->compare.text, "previous") &&
		 !slice_is(d->compare.text, "previous_period"))
		return plan_fail(b->c, &d->compare, "`compare` is previous, previous_year or none");
	if (b->compare && m->reads_over)
		return plan_fail(b->c, &d->compare,
			"over() and offset() read another time than the window's: such a metric has "
			"no comparison");
	m->is_never_closed = m->reads_over || b->with_year;
	if (compile_languages(b, &d->label, "label", &m->label_en, &m->label_id) ||
		compile_languages(
			b, &d->descriptions, "description", &m->description_en, &m->description_id))
		return 1;
	if (d->description.text.at)
		m->description_en = plan_strdup(b->c, d->description.text);
	return 0;
}

/* ---- min_share ------------------------------------------------------------------------------------------ */

static bool is_share(const struct value *v)
{
	return v->type == VALUE_DECIMAL && v->i > 0 && v->i < DECIMAL_SCALE;
}

/* A number, or a param that is one: the same for all tenants, or each its own. */
static int compile_min_share(struct building *b)
{
	const struct definition_text *text = &b->d->min_share;
	struct compiler *c = b->c;
	uint32_t rows = 1 + c->plan->param_tenant_count;
	int differing = plan_param_find(c->plan, text->text);
	const struct value *constant = param_constant(c, text->text);
	struct value number = { .type = VALUE_DECIMAL };

	if (!text->text.at)
		return 0;
	if (!constant && differing < 0) {
		if (!decimal_parse(text->text, &number.i))
			number.i = 0;
		constant = &number;
	}
	b->least = arena_alloc(&c->scratch, rows * sizeof(*b->least));
	for (uint32_t i = 0; i < rows; i++) {
		const struct value *v =
			differing >= 0 ? &c->plan->params[differing].values[i] : constant;

		if (!is_share(v))
			return plan_fail(c, text,
				"`min_share` wants a share of the period between 0 and 1, such as "
				"0.05, or a param that is one%s%s",
				i ? "; not so for tenant " : "",
				i ? c->plan->param_tenants[i - 1] : "");
		b->least[i] = v->i;
	}
	return 0;
}

/* False: too many. */
static bool share_get(struct plan *plan, enum calendar_unit unit, int64_t least, uint16_t *ret)
{
	uint32_t i = 0;

	while (i < plan->share_count &&
		(plan->shares[i].unit != unit || plan->shares[i].least != least))
		i++;
	if (i == PLAN_SHARES_MAX)
		return false;
	if (i == plan->share_count)
		plan->shares[plan->share_count++] = (struct plan_share){ unit, least };
	*ret = (uint16_t)i;
	return true;
}

/* All windows or none: a value that is kept back in some of its windows would read as if the others had been looked at, too. */
static int shares_of(struct building *b, const struct plan_window *w,
	const struct definition_text *name, struct plan_metric_window *mw)
{
	struct plan *plan = b->c->plan;

	if (!b->least)
		return 0;
	if (w->kind != WINDOW_TO_DATE)
		return plan_fail(b->c, name,
			"`min_share` is a share of a calendar period, and «%s» has none: its "
			"windows are today, week_to_date, month_to_date, quarter_to_date, "
			"year_to_date; put «%s» into a metric of its own",
			w->name, w->name);
	mw->shares =
		arena_alloc(&plan->arena, (1u + plan->param_tenant_count) * sizeof(*mw->shares));
	for (uint32_t i = 0; i <= plan->param_tenant_count; i++)
		if (!share_get(plan, w->unit, b->least[i], &mw->shares[i]))
			return plan_fail(b->c, &b->d->min_share,
				"more than %d different shares of periods", PLAN_SHARES_MAX);
	return 0;
}

/* ---- groupings ------------------------------------------------------------------------------------------ */

static int dim_find(const struct plan *plan, struct slice name)
{
	for (uint32_t i = 0; i < plan->dim_count; i++)
		if (slice_is(name, plan->dims[i]))
			return (int)i;
	return -1;
}

/* "team" is the scope TEAM. */
static uint32_t scope_id_of(struct plan *plan, const char *dim)
{
	char name[64];
	size_t length = strlen(dim);

	if (length >= sizeof(name))
		return 0;
	for (size_t i = 0; i < length; i++)
		name[i] = (char)(dim[i] >= 'a' && dim[i] <= 'z' ? dim[i] - 'a' + 'A' : dim[i]);
	return intern_add(&plan->strings, (struct slice){ name, length });
}

static int grouping_get(struct compiler *c, const struct definition_list *list)
{
	struct plan *plan = c->plan;
	struct plan_grouping g = { .roster_dim = -1 };
	struct buffer _cleanup_buffer_ name;

	buffer_init(&name);
	if (list->count > PLAN_GROUP_DIMS_MAX)
		return plan_fail(c, &list->items[0], "a grouping has at most %d dimensions",
			       PLAN_GROUP_DIMS_MAX),
		       -1;
	for (size_t i = 0; i < list->count; i++) {
		int dim = dim_find(plan, list->items[i].text);

		if (dim < 0) {
			const char *near =
				plan_nearest(list->items[i].text, plan->dims, plan->dim_count);

			return plan_fail(c, &list->items[i],
				       "no measure has the dimension «" SLICE_FMT "»%s%s%s",
				       SLICE_ARG(list->items[i].text),
				       near ? "; the nearest is «" : "", near ? near : "",
				       near ? "»" : ""),
			       -1;
		}
		if (memchr(g.dims, dim, g.dim_count))
			return plan_fail(c, &list->items[i],
				       "the grouping says this dimension twice"),
			       -1;
		g.dims[g.dim_count++] = (uint8_t)dim;
		if (!strcmp(plan->dims[dim], "rep"))
			g.roster_dim = (int16_t)i;
		buffer_printf(&name, "%s%s", i ? "," : "", plan->dims[dim]);
	}
	for (uint32_t i = 0; i < plan->grouping_count; i++)
		if (plan->groupings[i].dim_count == g.dim_count &&
			!memcmp(plan->groupings[i].dims, g.dims, g.dim_count))
			return (int)i;
	if (plan->grouping_count == PLAN_GROUPINGS_MAX)
		return plan_fail(c, &list->items[0], "more than %d groupings", PLAN_GROUPINGS_MAX),
		       -1;
	g.name = plan_strdup(c, buffer_slice(&name));
	g.scope_id = g.dim_count == 1 ? scope_id_of(plan, plan->dims[g.dims[0]]) : 0;
	plan->groupings[plan->grouping_count] = g;
	return (int)plan->grouping_count++;
}

static int check_dims(struct building *b, uint32_t grouping, const struct definition_list *list)
{
	const struct plan *plan = b->c->plan;

	for (uint16_t i = 0; i < b->m->input_count; i++) {
		const struct plan_measure *m = &plan->measures[b->inputs[i].measure];

		for (uint8_t k = 0; k < plan->groupings[grouping].dim_count; k++) {
			uint8_t dim = plan->groupings[grouping].dims[k];

			if (!memchr(m->dims, dim, m->dim_count))
				return plan_fail(b->c, &list->items[k],
					"measure «%s» has no dimension «%s»: add it to its `by`",
					m->name, plan->dims[dim]);
		}
	}
	return 0;
}

static int compile_groupings(struct building *b)
{
	static const struct definition_list company = { NULL, 0 };
	const struct definition_list *lists = b->d->grouping_count ? b->d->groupings : &company;
	size_t count = b->d->grouping_count ? b->d->grouping_count : 1;

	for (size_t i = 0; i < count; i++) {
		int grouping = grouping_get(b->c, &lists[i]);

		if (grouping < 0 || check_dims(b, (uint32_t)grouping, &lists[i]))
			return 1;
		if (memchr(b->m->groupings, grouping, b->m->grouping_count)) {
			struct definition_text whole = { { NULL, 0 }, b->d->groupings_mark };

			return plan_fail(b->c, lists[i].count ? &lists[i].items[0] : &whole,
				"`group_by` says this grouping twice");
		}
		b->m->groupings[b->m->grouping_count++] = (uint8_t)grouping;
		for (uint16_t k = 0; k < b->m->input_count; k++)
			if (b->inputs[k].read != INPUT_FULL) /* else its whole has cells there */
				b->c->measure_groupings[b->inputs[k].measure] |= (uint64_t)1
										 << grouping;
	}
	return 0;
}

/* ---- windows -------------------------------------------------------------------------------------------- */

struct interval {
	uint16_t a, b;
};

static struct interval main_of(struct compiler *c, const struct plan_window *w)
{
	struct interval i = { 0, 1 };

	if (w->kind == WINDOW_TO_DATE)
		i.a = plan_edge_get(c, (struct plan_edge){ .kind = EDGE_PERIOD, .unit = w->unit });
	if (w->kind == WINDOW_ROLLING)
		i.a = plan_edge_get(c, (struct plan_edge){ .kind = EDGE_ROLL,
					       .shift_ms = w->length_ms + w->shift_ms,
					       .res_ms = w->res_ms });
	if (w->kind == WINDOW_ROLLING && w->shift_ms)
		i.b = plan_edge_get(c,
			(struct plan_edge){
				.kind = EDGE_ROLL, .shift_ms = w->shift_ms, .res_ms = w->res_ms });
	return i;
}

static struct interval current_of(
	struct compiler *c, const struct plan_window *w, struct interval main)
{
	int64_t res_ms = w->kind == WINDOW_TO_DATE ? 900000 : w->res_ms;

	main.b = plan_edge_get(c,
		(struct plan_edge){ .kind = EDGE_ROLL, .shift_ms = w->shift_ms, .res_ms = res_ms });
	return main;
}

/*
 * The year before: the calendar's of a month, a quarter and a year; of days, weeks and rolling windows 52 weeks, so that the days of the week
 * are the same.
 */
static int32_t periods_back(const struct building *b, enum calendar_unit unit)
{
	static const int32_t of_a_year[CALENDAR_UNIT_COUNT] = {
		[CALENDAR_DAY] = 364,
		[CALENDAR_WEEK] = 52,
		[CALENDAR_MONTH] = 12,
		[CALENDAR_QUARTER] = 4,
		[CALENDAR_YEAR] = 1,
	};

	return b->with_year ? of_a_year[unit] : 1;
}

static struct interval previous_of(const struct building *b, const struct plan_window *w)
{
	const int64_t year_ms = INT64_C(364) * 86400000;
	int64_t away_ms = b->with_year ? year_ms : w->length_ms;
	struct compiler *c = b->c;
	struct interval i;

	if (w->kind == WINDOW_TO_DATE) {
		int32_t back = periods_back(b, w->unit);

		i.a = plan_edge_get(c,
			(struct plan_edge){ .kind = EDGE_PERIOD, .unit = w->unit, .back = back });
		i.b = plan_edge_get(c, (struct plan_edge){ .kind = EDGE_LIKE,
					       .unit = w->unit,
					       .back = back,
					       .res_ms = 900000 });
		return i;
	}
	i.b = plan_edge_get(c, (struct plan_edge){ .kind = EDGE_ROLL,
				       .shift_ms = away_ms + w->shift_ms,
				       .res_ms = w->res_ms });
	i.a = plan_edge_get(c, (struct plan_edge){ .kind = EDGE_ROLL,
				       .shift_ms = away_ms + w->length_ms + w->shift_ms,
				       .res_ms = w->res_ms });
	return i;
}

/* What each input reads in this window: of a full() the whole of its measure. */
static int measures_of(struct building *b, const struct plan_window *w,
	const struct definition_text *name, struct plan_metric_window *mw)
{
	struct compiler *c = b->c;

	mw->measures =
		arena_alloc(&c->plan->arena, (b->m->input_count + 1u) * sizeof(*mw->measures));
	for (uint16_t k = 0; k < b->m->input_count; k++) {
		int whole;

		mw->measures[k] = b->inputs[k].measure;
		if (b->inputs[k].read != INPUT_FULL)
			continue;
		if (w->kind != WINDOW_TO_DATE)
			return plan_fail(c, name,
				"full() is the total of a whole calendar period, and «%s» has "
				"none: "
				"its windows are today, week_to_date, month_to_date, "
				"quarter_to_date, year_to_date",
				w->name);
		whole = plan_whole_get(c, b->inputs[k].measure, w->unit);
		if (whole < 0)
			return plan_fail(c, &b->d->value,
				"more than %d measures, with one for each full() and unit of its "
				"windows",
				PLAN_MEASURES_MAX);
		mw->measures[k] = (uint16_t)whole;
		for (uint8_t g = 0; g < b->m->grouping_count; g++)
			c->measure_groupings[whole] |= (uint64_t)1 << b->m->groupings[g];
	}
	return 0;
}

/* Where what trails behind an interval begins: on no finer grid than a rolling window of its length has. */
static uint16_t trailing_edge(struct compiler *c, uint16_t end, int64_t over_ms)
{
	const struct plan_edge *b = &c->plan->edges[end];
	int64_t res_ms = plan_rolling_res(over_ms);

	return plan_edge_get(
		c, (struct plan_edge){ .kind = EDGE_ROLL,
			   .shift_ms = over_ms + (b->kind == EDGE_ROLL ? b->shift_ms : 0),
			   .res_ms = b->kind == EDGE_ROLL && b->res_ms > res_ms ? b->res_ms
										: res_ms });
}

/* Where the trailing time of an over() ends. */
static uint16_t lagged_edge(struct compiler *c, uint16_t end, const struct plan_input *input)
{
	struct plan_edge b = c->plan->edges[end];

	if (!input->lag_ms)
		return end;
	if (b.kind == EDGE_ROLL)
		b.shift_ms += input->lag_ms;
	else
		b = (struct plan_edge){ .kind = EDGE_ROLL,
			.shift_ms = input->lag_ms,
			.res_ms = plan_rolling_res(input->over_ms) };
	return plan_edge_get(c, b);
}

/*
 * The interval so many days earlier: of rolling windows by the hours of as many days; of a period to date by local days, to the same local
 * time, so that its end is never before its start.
 */
static struct interval shifted(struct compiler *c, struct interval i, int64_t away_ms)
{
	const struct plan_edge *edges = c->plan->edges;
	struct plan_edge a = edges[i.a], b = edges[i.b];
	bool is_to_date = a.kind == EDGE_PERIOD;

	if (b.kind == EDGE_NOW && is_to_date)
		b = (struct plan_edge){ .kind = EDGE_LIKE,
			.unit = CALENDAR_DAY,
			.back = (int32_t)(away_ms / 86400000),
			.res_ms = 900000 };
	else if (b.kind == EDGE_NOW)
		b = (struct plan_edge){ .kind = EDGE_ROLL,
			.shift_ms = away_ms,
			.res_ms = a.kind == EDGE_ROLL ? a.res_ms : plan_rolling_res(away_ms) };
	else
		b.shift_ms += away_ms;
	if (a.kind != EDGE_NEG_INF)
		a.shift_ms += away_ms;
	return (struct interval){ plan_edge_get(c, a), plan_edge_get(c, b) };
}

/*
 * The places of all inputs for one interval. An opening reads everything before it; a stock is all that came and did not go; of a
 * period what is whole is whole from its first instant on, so it is read to the clock, or to the end of the period before.
 */
static int16_t *places_of(
	struct building *b, const struct plan_metric_window *mw, struct interval i)
{
	struct compiler *c = b->c;
	int16_t *places = arena_alloc(&c->plan->arena, (b->m->input_count + 1u) * sizeof(*places));

	for (uint16_t k = 0; k < b->m->input_count; k++) {
		enum input_read read = b->inputs[k].read;
		struct interval at = i;

		if (read == INPUT_OPENING)
			at = (struct interval){ 0, i.a };
		else if (read == INPUT_FULL)
			at.b = i.a == mw->main_a ? mw->main_b : mw->main_a;
		else if (read == INPUT_OVER) {
			at.b = lagged_edge(c, i.b, &b->inputs[k]);
			at.a = trailing_edge(c, at.b, b->inputs[k].over_ms);
		} else if (read == INPUT_OFFSET)
			at = shifted(c, i, b->inputs[k].over_ms);
		else if (read == INPUT_TOTAL && c->plan->measures[mw->measures[k]].stock)
			at.a = 0;
		places[k] = at.a == at.b ? -1
					 : plan_measure_span(c, mw->measures[k],
						   plan_span_get(c, at.a, at.b));
	}
	return places;
}

/*
 * Growth of a closed year reads the year before it: the ledger reaches back to where that begins as long as the year is the last one. Shorter
 * periods lie within the horizon anyhow.
 */
static void keep_years(struct building *b, const struct plan_window *w)
{
	if (b->m->reads_previous && !b->m->is_never_closed && w->kind == WINDOW_TO_DATE &&
		w->unit == CALENDAR_YEAR)
		b->c->plan->kept_edge = plan_edge_get(
			b->c, (struct plan_edge){
				      .kind = EDGE_PERIOD, .unit = CALENDAR_YEAR, .back = 2 });
}

static int compile_windows(struct building *b)
{
	static const struct definition_text now = { { "now", 3 }, 0 };
	const struct definition_list *list = &b->d->windows;
	size_t count = list->count ? list->count : 1;
	struct plan *plan = b->c->plan;

	if (!list->count && b->m->basis != BASIS_STOCK)
		return plan_fail(
			b->c, &b->d->name, "metric «%s» does not say `windows`", b->m->name);
	b->m->windows = arena_alloc(&plan->arena, count * sizeof(*b->m->windows));
	for (size_t i = 0; i < count; i++) {
		const struct definition_text *name = list->count ? &list->items[i] : &now;
		struct plan_metric_window *mw = &b->m->windows[i];
		int window = plan_window_get(b->c, name->text, b->m->mature_ms, name);
		const struct plan_window *w;
		struct interval main, previous;

		if (window < 0)
			return 1;
		for (size_t k = 0; k < i; k++)
			if (b->m->windows[k].window == window)
				return plan_fail(b->c, name, "`windows` says this one twice");
		w = &plan->windows[window];
		main = main_of(b->c, w);
		mw->window = (uint16_t)window;
		mw->main_a = main.a;
		mw->main_b = main.b;
		mw->prev_a = mw->prev_b = UINT16_MAX;
		if (measures_of(b, w, name, mw) || shares_of(b, w, name, mw))
			return 1;
		mw->main = places_of(b, mw, main);
		b->m->window_count++;
		if (!b->compare || w->kind == WINDOW_ALL || w->kind == WINDOW_NOW) {
			if (b->compare && b->m->reads_previous)
				return plan_fail(b->c, name, "previous() has no period before «%s»",
					w->name);
			continue;
		}
		mw->cur = places_of(b, mw, current_of(b->c, w, main));
		previous = previous_of(b, w);
		mw->prev_a = previous.a;
		mw->prev_b = previous.b;
		mw->prev = places_of(b, mw, previous);
		keep_years(b, w);
	}
	if (plan->edge_count == PLAN_EDGES_MAX || plan->span_count == PLAN_SPANS_MAX)
		return plan_fail(b->c, &b->d->name, "too many different windows");
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static int compile_rank(
	struct compiler *c, const struct definition_metric *d, struct plan_metric *m)
{
	int of = plan_metric_find(c->plan, d->rank.text);
	const struct plan_metric *ranked;

	if (of < 0) {
		const char *names[PLAN_METRICS_MAX], *near;

		for (uint32_t i = 0; i < c->plan->metric_count; i++)
			names[i] = c->plan->metrics[i].name;
		near = plan_nearest(d->rank.text, names, c->plan->metric_count);
		return plan_fail(c, &d->rank, "`rank` wants a metric that is defined above%s%s%s",
			near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
	}
	if (d->ties.text.at && !slice_is(d->ties.text, "dense") &&
		!slice_is(d->ties.text, "competition"))
		return plan_fail(
			c, &d->ties, "`ties` is competition (1, 2, 2, 4) or dense (1, 2, 2, 3)");
	m->is_dense = slice_is(d->ties.text, "dense");
	ranked = &c->plan->metrics[of];
	m->rank_of = (int16_t)of;
	m->is_never_closed = ranked->is_never_closed;
	m->unit = UNIT_COUNT;
	m->basis = ranked->basis;
	m->money = ranked->money;
	m->grouping_count = 0;
	m->streams = ranked->streams;
	for (uint8_t i = 0; i < ranked->grouping_count; i++)
		if (ranked->groupings[i])
			m->groupings[m->grouping_count++] = ranked->groupings[i];
	m->window_count = ranked->window_count;
	m->windows = ranked->windows;
	m->formula = plan_strdup(c, d->rank.text);
	return 0;
}

static int compile_metric(
	struct compiler *c, const struct definition_metric *d, struct plan_metric *m)
{
	struct building b = { .c = c, .d = d, .m = m };

	m->name = plan_strdup(c, d->name.text);
	m->rank_of = -1;
	if (d->rank.text.at) {
		if (d->value.text.at)
			return plan_fail(c, &d->rank, "a metric has `value` or `rank`, not both");
		if (d->windows.count)
			return plan_fail(c, &d->windows.items[0],
				"a rank has the windows of the metric that it ranks");
		if (d->grouping_count)
			return plan_fail(c,
				&(struct definition_text){ { NULL, 0 }, d->groupings_mark },
				"a rank has the groupings of the metric that it ranks");
		if (d->min_share.text.at)
			return plan_fail(c, &d->min_share,
				"a rank has the min_share of the metric that it ranks");
		return compile_options(&b) || compile_rank(c, d, m);
	}
	if (d->ties.text.at)
		return plan_fail(c, &d->ties, "`ties` is for metrics with `rank`");
	if (!d->value.text.at)
		return plan_fail(
			c, &d->name, "metric «%s» says neither `value` nor `rank`", m->name);
	if (compile_formula(&b) || compile_empty(&b) || compile_options(&b) ||
		compile_min_share(&b) || compile_groupings(&b) || compile_windows(&b))
		return 1;
	m->inputs = arena_alloc(&c->plan->arena, (m->input_count + 1u) * sizeof(*m->inputs));
	memcpy(m->inputs, b.inputs, m->input_count * sizeof(*m->inputs));
	if (m->reads_previous && !b.compare)
		return plan_fail(c, &d->value,
			m->reads_over ? "over() and offset() read another time than the window's: "
					"beside them there is no previous()"
				      : "previous() wants `compare: previous`");
	return 0;
}

int plan_compile_metrics(struct compiler *c)
{
	const struct definitions *d = c->definitions;
	struct plan *plan = c->plan;

	if (d->metric_count > PLAN_METRICS_MAX)
		return plan_fail(c, &d->metrics[PLAN_METRICS_MAX].name, "more than %d metrics",
			PLAN_METRICS_MAX);
	plan->metrics = arena_alloc(&plan->arena, (d->metric_count + 1) * sizeof(*plan->metrics));
	for (size_t i = 0; i < d->metric_count; i++) {
		if (plan_metric_find(plan, d->metrics[i].name.text) >= 0)
			return plan_fail(
				c, &d->metrics[i].name, "a metric of this name is defined above");
		if (plan_check_name(c, &d->metrics[i].name))
			return 1;
		plan->metrics[i].index = (uint16_t)i;
		if (compile_metric(c, &d->metrics[i], &plan->metrics[i]))
			return 1;
		plan->metric_count++;
	}
	return 0;
}
