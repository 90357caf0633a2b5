#include "core/metric.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"

/* A formula as a small tree. A node that is exact is computed in 1/10,000 without loss; the others in long double. */
struct metric_node {
	enum {
		NODE_CONSTANT,
		NODE_INPUT,
		NODE_ADD,
		NODE_SUBTRACT,
		NODE_MULTIPLY,
		NODE_DIVIDE,
		NODE_NEGATE,
		NODE_ABS,
		NODE_MAX,
		NODE_MIN,
		NODE_CEIL
	} op;
	enum value_type type;
	bool is_exact;
	i128 constant;
	int input;
	struct metric_node *left, *right;
};

struct metric_program {
	struct metric_node *root;
	int32_t up, down;
	bool compares; /* it divides by previous(): a zero there is NO_BASE */
};

static const char *const state_names[] = {
	[METRIC_OK] = "OK",
	[METRIC_NO_DATA] = "NO_DATA",
	[METRIC_ZERO_DENOMINATOR] = "ZERO_DENOMINATOR",
	[METRIC_NO_BASE] = "NO_BASE",
	[METRIC_FX_MISSING] = "FX_MISSING",
	[METRIC_LOW_SAMPLE] = "LOW_SAMPLE",
	[METRIC_PARTIAL] = "PARTIAL",
	[METRIC_CAPPED] = "CAPPED",
};

const char *metric_state_name(enum metric_state state)
{
	return state_names[state];
}

/* ---- compiling ------------------------------------------------------------------------------------------ */

enum { NODES_MAX = 1000 };

struct building {
	struct arena *arena;
	const struct metric_resolve *resolve;
	struct expr_error *error;
	bool compares;
	uint32_t node_count;
};

static struct metric_node *refuse(
	struct building *b, const struct expr_node *at, const char *message)
{
	b->error->offset = at->offset;
	b->error->len = at->length;
	snprintf(b->error->message, sizeof(b->error->message), "%s", message);
	return NULL;
}

static struct metric_node *node_of(struct building *b, int op, enum value_type type, bool is_exact)
{
	struct metric_node *node = arena_alloc(b->arena, sizeof(*node));

	b->node_count++;
	memset(node, 0, sizeof(*node));
	node->op = (__typeof__(node->op))op; /* clang minds the sign */
	node->type = type;
	node->is_exact = is_exact;
	return node;
}

static struct metric_node *build(struct building *b, const struct expr_node *e);

static struct metric_node *build_input(
	struct building *b, const struct expr_node *e, struct plan_input wanted)
{
	struct metric_node *node;
	enum value_type type = VALUE_INT;
	int input;

	if (e->kind != EXPR_PATH || e->path_count != 1)
		return refuse(b, e, "here the name of a measure is wanted");
	input = b->resolve->input(b->resolve->ctx, e->path[0], &wanted, &type);
	if (input == METRIC_INPUTS_FULL) {
		refuse(b, e, "");
		snprintf(b->error->message, sizeof(b->error->message),
			"a formula reads measures in at most %d ways", METRIC_INPUTS_MAX);
		return NULL;
	}
	if (input < 0) {
		const char *near = b->resolve->nearest
					   ? b->resolve->nearest(b->resolve->ctx, e->path[0])
					   : NULL;

		refuse(b, e, "");
		snprintf(b->error->message, sizeof(b->error->message),
			"no measure is named «" SLICE_FMT "»%s%s%s", SLICE_ARG(e->path[0]),
			near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
		return NULL;
	}
	if (type == VALUE_NULL)
		return refuse(b, e,
			wanted.read == INPUT_QUANTILE
				? "a percentile wants a measure with `agg: percentile`"
			: wanted.read == INPUT_FULL
				? "full() adds up what happens in a period: it wants a measure "
				  "without `until`, with `agg: count`, sum or distinct"
			: wanted.read == INPUT_OFFSET
				? "offset() adds up what happened in an earlier window: it wants a "
				  "measure without `until`, with `agg: count`, sum or distinct"
			: wanted.read == INPUT_OVER
				? "over() adds up what happened in a trailing time: it wants a "
				  "measure without `until`, with `agg: count`, sum or distinct"
				: "a measure with `agg: percentile` is read by p50(), p90() or "
				  "samples()");
	node = node_of(b, NODE_INPUT, type, true);
	node->input = input;
	return node;
}

static bool quantile_of(const struct expr_node *e, uint16_t *ret)
{
	if (e->kind != EXPR_LITERAL || e->literal.type != VALUE_DECIMAL || e->literal.i <= 0 ||
		e->literal.i >= DECIMAL_SCALE)
		return false;
	*ret = (uint16_t)e->literal.i;
	return true;
}

/* As long as a rolling window may be. */
static bool is_trailing(const struct expr_node *e)
{
	return e->kind == EXPR_LITERAL && e->literal.type == VALUE_DURATION &&
	       e->literal.i >= PLAN_ROLLING_MIN_MS && e->literal.i <= PLAN_ROLLING_MAX_MS;
}

/* A duration, or a param that is one: whole days, none to 400. */
static bool days_of(const struct building *b, const struct expr_node *e, int64_t *ret_ms)
{
	const int64_t day_ms = 86400000, most_ms = 400 * day_ms;
	bool is_known = false;

	if (e->kind == EXPR_LITERAL && e->literal.type == VALUE_DURATION) {
		*ret_ms = e->literal.i;
		is_known = true;
	} else if (e->kind == EXPR_PATH && e->path_count == 1 && b->resolve->duration) {
		is_known = b->resolve->duration(b->resolve->ctx, e->path[0], ret_ms);
	}
	return is_known && *ret_ms >= 0 && *ret_ms <= most_ms && *ret_ms % day_ms == 0;
}

/* Where days_of finds none: the name, if it is one, so that whoever knows it can say what is wrong with it. */
static const struct expr_node *place_of(const struct expr_node *call, uint32_t argument)
{
	return call->child_count > argument && call->children[argument]->kind == EXPR_PATH
		       ? call->children[argument]
		       : call;
}

/* What lies no time earlier is the window itself. */
static struct metric_node *build_offset(struct building *b, const struct expr_node *e)
{
	int64_t away_ms;

	if (e->child_count != 2 || !days_of(b, e->children[1], &away_ms))
		return refuse(b, place_of(e, 1),
			"offset wants a measure and whole days, at most 400d, or a param that is "
			"such a duration: offset(m, 30d)");
	return build_input(b, e->children[0],
		(struct plan_input){
			.read = away_ms > 0 ? INPUT_OFFSET : INPUT_TOTAL, .over_ms = away_ms });
}

/* The third argument says how long before the window's end the trailing time ends: until what began in it is ripe. */
static struct metric_node *build_over(struct building *b, const struct expr_node *e)
{
	struct plan_input wanted = { .read = INPUT_OVER };

	if (e->child_count < 2 || e->child_count > 3 || !is_trailing(e->children[1]) ||
		(e->child_count == 3 && !days_of(b, e->children[2], &wanted.lag_ms)))
		return refuse(b, place_of(e, 2),
			"over wants a measure and a time from 1m to 1100d, and may have a third "
			"argument, how many whole days earlier it ends, at most 400d: "
			"over(m, 90d), over(m, 180d, 30d)");
	wanted.over_ms = e->children[1]->literal.i;
	return build_input(b, e->children[0], wanted);
}

static struct metric_node *refuse_function(struct building *b, const struct expr_node *e)
{
	static const char *const names[] = { "p50", "p90", "percentile", "samples", "previous",
		"opening", "full", "over", "offset", "abs", "ceil", "max", "min" };
	const char *near = nearest_name(e->text, names, sizeof(names) / sizeof(names[0]));

	refuse(b, e, "");
	b->error->len = e->text.len;
	snprintf(b->error->message, sizeof(b->error->message),
		"the functions of formulas are p50 p90 percentile samples previous opening full "
		"over offset abs ceil max min%s%s%s",
		near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
	return NULL;
}

static bool is_number(enum value_type type)
{
	return type == VALUE_INT || type == VALUE_DECIMAL;
}

static enum value_type type_of(int op, enum value_type a, enum value_type b)
{
	enum value_type number = a == VALUE_INT && b == VALUE_INT ? VALUE_INT : VALUE_DECIMAL;

	switch (op) {
	case NODE_MULTIPLY:
		return is_number(a) ? is_number(b) ? number : b : is_number(b) ? a : VALUE_NULL;
	case NODE_DIVIDE:
		if (is_number(b))
			return is_number(a) ? VALUE_DECIMAL : a;
		return a == b ? VALUE_DECIMAL : VALUE_NULL;
	default:
		if (is_number(a) && is_number(b))
			return number;
		return a == b ? a : VALUE_NULL;
	}
}

/* Two that no operation brings together. */
static struct metric_node *refuse_pair(struct building *b, const struct expr_node *e,
	const struct metric_node *left, const struct metric_node *right)
{
	refuse(b, e, "");
	snprintf(b->error->message, sizeof(b->error->message),
		"a %s and a %s do not go together here", value_type_name(left->type),
		value_type_name(right->type));
	return NULL;
}

static bool is_zero(const struct metric_node *n)
{
	return n->op == NODE_CONSTANT && n->constant == 0;
}

/* The greater, or lesser, of two of a kind; 0 is of every kind. */
static struct metric_node *build_choice(struct building *b, const struct expr_node *e, int op)
{
	struct metric_node *left, *right, *node;
	enum value_type type;

	if (e->child_count != 2)
		return refuse(b, e, "it takes two arguments: max(quota - won, 0)");
	left = build(b, e->children[0]);
	right = left ? build(b, e->children[1]) : NULL;
	if (!right)
		return NULL;
	type = is_zero(left)	? right->type
	       : is_zero(right) ? left->type
				: type_of(op, left->type, right->type);
	if (type == VALUE_NULL)
		return refuse_pair(b, e, left, right);
	node = node_of(b, op, type, left->is_exact && right->is_exact);
	node->left = left;
	node->right = right;
	return node;
}

/* A whole number of what is published; of money and times it depends on their unit, and is for showing only. */
static struct metric_node *build_single(struct building *b, const struct expr_node *e)
{
	bool is_ceil = slice_is(e->text, "ceil");
	struct metric_node *inner = build(b, e->children[0]), *node;

	if (!inner)
		return NULL;
	if (is_ceil && !is_number(inner->type))
		return refuse(b, e, "ceil() wants a number, not money or a time");
	node = is_ceil ? node_of(b, NODE_CEIL, inner->type, false)
		       : node_of(b, NODE_ABS, inner->type, inner->is_exact);
	node->left = inner;
	return node;
}

static struct metric_node *build_call(struct building *b, const struct expr_node *e)
{
	static const struct {
		const char *name;
		enum input_read read;
		uint16_t quantile;
	} reads[] = { { "p50", INPUT_QUANTILE, 5000 }, { "p90", INPUT_QUANTILE, 9000 },
		{ "previous", INPUT_PREVIOUS, 0 }, { "opening", INPUT_OPENING, 0 },
		{ "samples", INPUT_SAMPLES, 0 }, { "full", INPUT_FULL, 0 } };
	uint16_t quantile;
	size_t known = 0;

	if (slice_is(e->text, "percentile")) {
		if (e->child_count != 2 || !quantile_of(e->children[1], &quantile))
			return refuse(b, e,
				"percentile wants a measure and a share between 0 and 1: "
				"percentile(m, 0.95)");
		return build_input(b, e->children[0],
			(struct plan_input){ .read = INPUT_QUANTILE, .quantile_bp = quantile });
	}
	if (slice_is(e->text, "over"))
		return build_over(b, e);
	if (slice_is(e->text, "offset"))
		return build_offset(b, e);
	if (slice_is(e->text, "max") || slice_is(e->text, "min"))
		return build_choice(b, e, slice_is(e->text, "max") ? NODE_MAX : NODE_MIN);
	/* Whether there is such a function comes before how many arguments it has. */
	while (known < sizeof(reads) / sizeof(reads[0]) && !slice_is(e->text, reads[known].name))
		known++;
	if (known == sizeof(reads) / sizeof(reads[0]) && !slice_is(e->text, "abs") &&
		!slice_is(e->text, "ceil"))
		return refuse_function(b, e);
	if (e->child_count != 1)
		return refuse(b, e, "it takes one argument");
	if (known < sizeof(reads) / sizeof(reads[0])) {
		b->compares |= reads[known].read == INPUT_PREVIOUS;
		return build_input(b, e->children[0],
			(struct plan_input){
				.read = reads[known].read, .quantile_bp = reads[known].quantile });
	}
	return build_single(b, e);
}

static struct metric_node *build_binary(struct building *b, const struct expr_node *e)
{
	struct metric_node *left, *right, *node;
	enum value_type type;
	int op;

	switch (e->op) {
	case OP_ADD:
		op = NODE_ADD;
		break;
	case OP_SUBTRACT:
		op = NODE_SUBTRACT;
		break;
	case OP_MULTIPLY:
		op = NODE_MULTIPLY;
		break;
	case OP_DIVIDE:
		op = NODE_DIVIDE;
		break;
	default:
		return refuse(b, e,
			"a formula has + - * / and functions only; conditions belong into a "
			"measure's `where`");
	}
	left = build(b, e->children[0]);
	right = left ? build(b, e->children[1]) : NULL;
	if (!right)
		return NULL;
	type = type_of(op, left->type, right->type);
	if (type == VALUE_NULL)
		return refuse_pair(b, e, left, right);
	node = node_of(b, op, type, left->is_exact && right->is_exact && op != NODE_DIVIDE);
	if (op == NODE_MULTIPLY && left->op != NODE_CONSTANT && right->op != NODE_CONSTANT)
		node->is_exact = false; /* the product of two totals may pass 128 bits */
	node->left = left;
	node->right = right;
	return node;
}

static struct metric_node *build_literal(struct building *b, const struct expr_node *e)
{
	struct metric_node *node = node_of(b, NODE_CONSTANT, e->literal.type, true);

	switch (e->literal.type) {
	case VALUE_INT:
		node->constant = (i128)e->literal.i * DECIMAL_SCALE;
		break;
	case VALUE_DECIMAL:
		node->constant = e->literal.i;
		break;
	case VALUE_DURATION:
		node->constant = (i128)e->literal.i * (DECIMAL_SCALE / 1000);
		break;
	default:
		return refuse(b, e, "a formula's constants are numbers and durations");
	}
	return node;
}

static struct metric_node *build_path(struct building *b, const struct expr_node *e)
{
	const struct expr_node *other = e->path_count == 1 && b->resolve->metric
						? b->resolve->metric(b->resolve->ctx, e->path[0])
						: NULL;
	struct metric_node *node;
	i128 value;

	if (b->node_count > NODES_MAX)
		return refuse(b, e, "with the formulas that it names it is too long");
	if (other) {
		node = build(b, other);
		if (!node) { /* a mistake inside is told at the name, where the reader is looking */
			b->error->offset = e->offset;
			b->error->len = e->length;
		}
		return node;
	}
	if (e->path_count == 1 && b->resolve->param &&
		b->resolve->param(b->resolve->ctx, e->path[0], &value)) {
		node = node_of(b, NODE_CONSTANT, VALUE_DECIMAL, true);
		node->constant = value;
		return node;
	}
	return build_input(b, e, (struct plan_input){ .read = INPUT_TOTAL });
}

static struct metric_node *build(struct building *b, const struct expr_node *e)
{
	struct metric_node *node, *inner;

	switch (e->kind) {
	case EXPR_LITERAL:
		return build_literal(b, e);
	case EXPR_PATH:
		return build_path(b, e);
	case EXPR_CALL:
		return build_call(b, e);
	case EXPR_BINARY:
		return build_binary(b, e);
	case EXPR_UNARY:
		if (e->op != OP_NEGATE)
			break;
		inner = build(b, e->children[0]);
		if (!inner)
			return NULL;
		node = node_of(b, NODE_NEGATE, inner->type, inner->is_exact);
		node->left = inner;
		return node;
	default:
		break;
	}
	return refuse(b, e, "a formula has measures, numbers, + - * / and functions only");
}

int metric_compile(struct arena *arena, const struct expr_node *e,
	const struct metric_resolve *resolve, struct metric_program **ret,
	enum value_type *ret_type, struct expr_error *ret_error)
{
	struct building b = { .arena = arena, .resolve = resolve, .error = ret_error };
	struct metric_program *program = arena_alloc(arena, sizeof(*program));

	program->root = build(&b, e);
	if (!program->root)
		return 1;
	program->up = program->down = 1;
	program->compares = b.compares;
	*ret_type = program->root->type;
	*ret = program;
	return 0;
}

void metric_scale(struct metric_program *program, int32_t up, int32_t down)
{
	program->up = up;
	program->down = down;
}

static void print_node(const struct metric_node *n, struct buffer *out)
{
	buffer_put_u8(out, (uint8_t)n->op);
	buffer_put_u8(out, (uint8_t)n->type);
	buffer_put_u8(out, n->is_exact);
	buffer_put_i128(out, n->constant);
	buffer_put_zigzag(out, n->input);
	if (n->left)
		print_node(n->left, out);
	if (n->right)
		print_node(n->right, out);
}

void metric_print(const struct metric_program *program, struct buffer *out)
{
	buffer_put_zigzag(out, program->up);
	buffer_put_zigzag(out, program->down);
	print_node(program->root, out);
}

/* ---- running -------------------------------------------------------------------------------------------- */

struct exact {
	i128 units;
	bool is_null, overflow;
};

static bool i128_negate_overflow(i128 a, i128 *ret)
{
	if (a == I128_MIN)
		return true;
	*ret = -a;
	return false;
}

static struct exact run_exact(const struct metric_node *n, const struct metric_input *inputs)
{
	struct exact a = { 0 }, b = { 0 }, r = { 0 };

	if (n->op == NODE_CONSTANT)
		return (struct exact){ .units = n->constant };
	if (n->op == NODE_INPUT)
		return (struct exact){ .units = inputs[n->input].sum,
			.is_null = inputs[n->input].is_null };
	a = run_exact(n->left, inputs);
	if (n->right)
		b = run_exact(n->right, inputs);
	r.is_null = a.is_null || b.is_null;
	r.overflow = a.overflow || b.overflow;
	if (r.is_null || r.overflow)
		return r;
	switch (n->op) {
	case NODE_ADD:
		r.overflow = i128_add_overflow(a.units, b.units, &r.units);
		break;
	case NODE_SUBTRACT:
		r.overflow = i128_negate_overflow(b.units, &b.units) ||
			     i128_add_overflow(a.units, b.units, &r.units);
		break;
	case NODE_NEGATE:
		r.overflow = i128_negate_overflow(a.units, &r.units);
		break;
	case NODE_ABS:
		r.units = a.units;
		r.overflow = a.units < 0 && i128_negate_overflow(a.units, &r.units);
		break;
	case NODE_MAX:
		r.units = a.units > b.units ? a.units : b.units;
		break;
	case NODE_MIN:
		r.units = a.units < b.units ? a.units : b.units;
		break;
	default:
		r.overflow = i128_mul_overflow(a.units, b.units, &r.units);
		if (!r.overflow)
			r.units = i128_div_half_even(r.units, DECIMAL_SCALE);
		break;
	}
	return r;
}

struct inexact {
	long double value;
	bool is_null, by_zero;
};

/* What divisions have made a hair too much is not a whole one more. */
static long double ceil_of(long double value)
{
	long double hair = 1e-15L * (value < 0 ? -value : value);

	return ceill(value - hair);
}

static struct inexact run_inexact(const struct metric_node *n, const struct metric_input *inputs)
{
	struct inexact a, b = { 0 }, r = { 0 };

	if (n->op == NODE_CONSTANT)
		return (struct inexact){ .value = (long double)n->constant / DECIMAL_SCALE };
	if (n->op == NODE_INPUT)
		return (struct inexact){ .value = (long double)inputs[n->input].sum / DECIMAL_SCALE,
			.is_null = inputs[n->input].is_null };
	a = run_inexact(n->left, inputs);
	if (n->right)
		b = run_inexact(n->right, inputs);
	r.is_null = a.is_null || b.is_null;
	r.by_zero = a.by_zero || b.by_zero;
	switch (n->op) {
	case NODE_ADD:
		r.value = a.value + b.value;
		break;
	case NODE_SUBTRACT:
		r.value = a.value - b.value;
		break;
	case NODE_NEGATE:
		r.value = -a.value;
		break;
	case NODE_ABS:
		r.value = a.value < 0 ? -a.value : a.value;
		break;
	case NODE_CEIL:
		r.value = ceil_of(a.value);
		break;
	case NODE_MULTIPLY:
		r.value = a.value * b.value;
		break;
	case NODE_MAX:
		r.value = a.value > b.value ? a.value : b.value;
		break;
	case NODE_MIN:
		r.value = a.value < b.value ? a.value : b.value;
		break;
	default:
		r.by_zero |= b.value == 0 && !b.is_null;
		r.value = b.value != 0 ? a.value / b.value : 0;
		break;
	}
	return r;
}

/* Facts behind a tree: those of both sides of a sum, of a difference's greater side (its other one is often a part of it). */
static int64_t count_samples(const struct metric_node *n, const struct metric_input *inputs)
{
	int64_t left, right;

	if (n->op == NODE_INPUT)
		return inputs[n->input].count;
	if (n->op == NODE_CONSTANT)
		return 0;
	left = count_samples(n->left, inputs);
	right = n->right ? count_samples(n->right, inputs) : 0;
	if (n->op == NODE_ADD)
		return left + right;
	return left > right ? left : right;
}

static i128 scaled(i128 units, int32_t down)
{
	return down == 1 ? units : i128_div_half_even(units, down);
}

/* value = num * up / (den * down), half-even; false: it does not fit. */
static bool set_quotient(const struct metric_program *p, i128 num, i128 den, struct metric_value *v)
{
	i128 high, low;

	if (i128_mul_overflow(num, (i128)DECIMAL_SCALE * p->up, &high) ||
		i128_mul_overflow(den, p->down, &low))
		return false;
	v->exact = i128_div_half_even(high, low);
	v->has_exact = v->has_value = true;
	v->value = (double)((long double)num * p->up / ((long double)den * p->down));
	return true;
}

static void run_ratio(
	const struct metric_program *p, const struct metric_input *inputs, struct metric_value *v)
{
	struct exact num = run_exact(p->root->left, inputs),
		     den = run_exact(p->root->right, inputs);

	if (num.is_null || den.is_null) {
		v->state = METRIC_NO_DATA;
		return;
	}
	if (num.overflow || den.overflow) {
		v->state = METRIC_CAPPED;
		return;
	}
	v->has_parts = true;
	v->numerator = scaled(num.units, p->down);
	v->denominator = den.units;
	if (den.units == 0)
		v->state = p->compares ? METRIC_NO_BASE : METRIC_ZERO_DENOMINATOR;
	else if (!set_quotient(p, num.units, den.units, v))
		v->state = METRIC_CAPPED;
}

static void run_total(
	const struct metric_program *p, const struct metric_input *inputs, struct metric_value *v)
{
	struct exact total = run_exact(p->root, inputs);

	if (total.is_null)
		v->state = METRIC_NO_DATA;
	else if (total.overflow || !set_quotient(p, total.units, DECIMAL_SCALE, v))
		v->state = METRIC_CAPPED;
	else
		v->numerator = v->exact;
}

static void run_general(
	const struct metric_program *p, const struct metric_input *inputs, struct metric_value *v)
{
	struct inexact r = run_inexact(p->root, inputs);
	long double value = r.value * p->up / p->down;

	if (r.is_null) {
		v->state = METRIC_NO_DATA;
	} else if (r.by_zero) {
		v->state = p->compares ? METRIC_NO_BASE : METRIC_ZERO_DENOMINATOR;
	} else {
		v->has_value = true;
		v->value = (double)value;
		if (value < 1e30L && value > -1e30L) {
			v->has_exact = true;
			v->exact = (i128)rintl(
				value * DECIMAL_SCALE); /* half to even, as everywhere */
		}
	}
}

struct metric_value metric_run(
	const struct metric_program *p, const struct metric_input *inputs, int64_t min_sample)
{
	struct metric_value v = { .state = METRIC_OK };
	const struct metric_node *root = p->root;

	if (root->op == NODE_DIVIDE && root->left->is_exact && root->right->is_exact) {
		v.sample_size = count_samples(root->right, inputs);
		run_ratio(p, inputs, &v);
	} else {
		v.sample_size = count_samples(root, inputs);
		if (root->is_exact)
			run_total(p, inputs, &v);
		else
			run_general(p, inputs, &v);
	}
	if (v.sample_size < min_sample)
		metric_withhold(&v);
	return v;
}

void metric_withhold(struct metric_value *v)
{
	if (v->state != METRIC_OK)
		return;
	v->state = METRIC_LOW_SAMPLE;
	v->has_value = v->has_exact = false;
}

/* ---- ranks ---------------------------------------------------------------------------------------------- */

static int by_value(const void *a_, const void *b_)
{
	const struct metric_rank_item *a = a_, *b = b_;

	if (a->has_value != b->has_value)
		return a->has_value ? -1 : 1;
	if (a->has_value && a->exact != b->exact)
		return a->exact > b->exact ? -1 : 1;
	return (a->group > b->group) - (a->group < b->group);
}

void metric_rank(struct metric_rank_item *items, uint32_t count, bool is_dense)
{
	if (count)
		qsort(items, count, sizeof(*items), by_value);
	for (uint32_t i = 0; i < count; i++) {
		if (!items[i].has_value)
			items[i].rank = 0;
		else if (i && items[i - 1].exact == items[i].exact)
			items[i].rank = items[i - 1].rank;
		else
			items[i].rank = is_dense && i ? items[i - 1].rank + 1 : i + 1;
	}
}
