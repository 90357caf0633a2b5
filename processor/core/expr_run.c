/* Runs a program over a stack on the C stack. Null in, null out, but where the operator says otherwise. */
#include <assert.h>
#include <stdint.h>

#include "base/decimal.h"
#include "core/expr_program.h"

static struct value overflowed(struct expr_frame *frame, enum value_type type)
{
	frame->overflow_count++;
	return value_null(type);
}

static bool is_mixed(struct value a, struct value b)
{
	return a.type == VALUE_MONEY && b.type == VALUE_MONEY && a.currency != b.currency;
}

/* Result of an operation: its currency is that of whichever operand is money, if the result is. */
static struct value result_of(enum value_type type, int64_t i, struct value a, struct value b)
{
	struct value result = value_of(type, i);

	if (type == VALUE_MONEY)
		result.currency = a.type == VALUE_MONEY ? a.currency : b.currency;
	return result;
}

static struct value narrowed(
	struct expr_frame *frame, enum value_type type, i128 wide, struct value a, struct value b)
{
	/* Calendars and tiers are sure of their arithmetic within these bounds, some 140,000 years. */
	if (type == VALUE_TIME ? wide > (i128)1 << 52 || wide < -((i128)1 << 52)
			       : wide > INT64_MAX || wide < INT64_MIN)
		return overflowed(frame, type);
	return result_of(type, (int64_t)wide, a, b);
}

static struct value arithmetic(
	struct expr_frame *frame, const struct instruction *ins, struct value a, struct value b)
{
	enum value_type type = (enum value_type)ins->type;

	if (a.is_null || b.is_null || is_mixed(a, b))
		return value_null(type);
	switch (ins->op) {
	case INS_ADD:
		return narrowed(frame, type, (i128)a.i + b.i, a, b);
	case INS_SUBTRACT:
		return narrowed(frame, type, (i128)a.i - b.i, a, b);
	case INS_MULTIPLY:
		return narrowed(frame, type, (i128)a.i * b.i, a, b);
	case INS_MULTIPLY_DECIMAL:
		return narrowed(
			frame, type, i128_div_half_even((i128)a.i * b.i, DECIMAL_SCALE), a, b);
	case INS_DIVIDE:
		return b.i == 0 ? value_null(type)
				: narrowed(frame, type, i128_div_half_even(a.i, b.i), a, b);
	case INS_DIVIDE_DECIMAL:
		return b.i == 0 ? value_null(type)
				: narrowed(frame, type,
					  i128_div_half_even((i128)a.i * DECIMAL_SCALE, b.i), a, b);
	default:
		assert(ins->op == INS_REMAINDER);
		return b.i == 0	   ? value_null(type)
		       : b.i == -1 ? value_of(type, 0)
				   : value_of(type, a.i % b.i);
	}
}

static bool is_equal(struct value a, struct value b)
{
	if (a.is_null || b.is_null)
		return a.is_null && b.is_null;
	return a.i == b.i && !is_mixed(a, b);
}

static struct value compare(uint8_t op, struct value a, struct value b)
{
	if (op == INS_EQUAL || op == INS_NOT_EQUAL)
		return value_of(VALUE_BOOL, is_equal(a, b) == (op == INS_EQUAL));
	if (a.is_null || b.is_null || is_mixed(a, b))
		return value_null(VALUE_BOOL);
	bool is_true = op == INS_LESS	      ? a.i < b.i
		       : op == INS_LESS_EQUAL ? a.i <= b.i
		       : op == INS_GREATER    ? a.i > b.i
					      : a.i >= b.i;
	return value_of(VALUE_BOOL, is_true);
}

static struct value compare_texts(
	const struct expr_frame *frame, uint8_t op, struct value a, struct value b)
{
	if (a.is_null || b.is_null)
		return value_null(VALUE_BOOL);
	int order = slice_compare(intern_text(frame->strings, (uint32_t)a.i),
		intern_text(frame->strings, (uint32_t)b.i));
	bool is_true = op == INS_TEXT_LESS	   ? order < 0
		       : op == INS_TEXT_LESS_EQUAL ? order <= 0
		       : op == INS_TEXT_GREATER	   ? order > 0
						   : order >= 0;
	return value_of(VALUE_BOOL, is_true);
}

static struct value concatenate(struct expr_frame *frame, struct value a, struct value b)
{
	enum { TEXT_MAX = 512 };
	char text[TEXT_MAX];

	if (a.is_null || b.is_null)
		return value_null(VALUE_STRING);
	struct slice left = intern_text(frame->strings, (uint32_t)a.i),
		     right = intern_text(frame->strings, (uint32_t)b.i);
	if (left.len + right.len > TEXT_MAX)
		return overflowed(frame, VALUE_STRING);
	memcpy(text, left.at, left.len);
	memcpy(text + left.len, right.at, right.len);
	uint32_t id = intern_add(frame->strings, (struct slice){ text, left.len + right.len });
	return id == 0 ? overflowed(frame, VALUE_STRING) : value_of(VALUE_STRING, id);
}

static struct value is_in(
	const struct expr_program *program, const struct instruction *ins, struct value value)
{
	if (value.is_null)
		return value_null(VALUE_BOOL);
	for (uint32_t i = 0; i < ins->b; i++)
		if (program->constants[ins->a + i].i == value.i)
			return value_of(VALUE_BOOL, 1);
	return value_of(VALUE_BOOL, 0);
}

static struct value to_decimal(struct expr_frame *frame, struct value value)
{
	int64_t units;

	if (value.is_null)
		return value_null(VALUE_DECIMAL);
	if (__builtin_mul_overflow(value.i, DECIMAL_SCALE, &units))
		return overflowed(frame, VALUE_DECIMAL);
	return value_of(VALUE_DECIMAL, units);
}

/* CEL's && and || absorb errors, and null here: false && null is false. */
static struct value logic(bool is_and, struct value a, struct value b)
{
	bool decides = !is_and; /* the value that settles it alone */

	if ((!a.is_null && (a.i != 0) == decides) || (!b.is_null && (b.i != 0) == decides))
		return value_of(VALUE_BOOL, decides);
	return a.is_null || b.is_null ? value_null(VALUE_BOOL) : value_of(VALUE_BOOL, !decides);
}

static struct value unary(
	struct expr_frame *frame, const struct instruction *ins, struct value value)
{
	if (value.is_null)
		return value_null(ins->op == INS_NOT ? VALUE_BOOL : (enum value_type)ins->type);
	if (ins->op == INS_NOT)
		return value_of(VALUE_BOOL, value.i == 0);
	if (value.i == INT64_MIN)
		return overflowed(frame, (enum value_type)ins->type);
	value.i = -value.i;
	return value;
}

/* Whatever takes two values and gives one. */
static struct value binary(
	struct expr_frame *frame, const struct instruction *ins, struct value a, struct value b)
{
	switch (ins->op) {
	case INS_EQUAL:
	case INS_NOT_EQUAL:
	case INS_LESS:
	case INS_LESS_EQUAL:
	case INS_GREATER:
	case INS_GREATER_EQUAL:
		return compare(ins->op, a, b);
	case INS_TEXT_LESS:
	case INS_TEXT_LESS_EQUAL:
	case INS_TEXT_GREATER:
	case INS_TEXT_GREATER_EQUAL:
		return compare_texts(frame, ins->op, a, b);
	case INS_CONCATENATE:
		return concatenate(frame, a, b);
	case INS_AND:
	case INS_OR:
		return logic(ins->op == INS_AND, a, b);
	default:
		return arithmetic(frame, ins, a, b);
	}
}

struct value expr_run(const struct expr_program *program, struct expr_frame *frame)
{
	struct value stack[EXPR_STACK_MAX + 1];
	struct value *top = stack; /* the first free place */

	for (uint32_t at = 0; at < program->code_count;) {
		const struct instruction *ins = &program->code[at++];

		switch (ins->op) {
		case INS_CONSTANT:
			*top++ = program->constants[ins->a];
			break;
		case INS_LOAD:
			*top++ = frame->load(frame->ctx, ins->a);
			break;
		case INS_NOT:
		case INS_NEGATE:
			top[-1] = unary(frame, ins, top[-1]);
			break;
		case INS_IN:
			top[-1] = is_in(program, ins, top[-1]);
			break;
		case INS_TO_DECIMAL:
			top[-1 - (int)ins->a] = to_decimal(frame, top[-1 - (int)ins->a]);
			break;
		case INS_RETYPE:
			break;
		case INS_CALL:
			top -= ins->b;
			*top = program->functions[ins->a]->run(
				frame, top, ins->b, program->functions[ins->a]->user);
			top++;
			break;
		case INS_JUMP:
			at += ins->a - 1;
			break;
		case INS_JUMP_UNLESS:
			assert(top > stack);
			top--;
			if (top->is_null)
				at += ins->b - 1;
			else if (top->i == 0)
				at += ins->a - 1;
			break;
		case INS_AND_SHORT:
		case INS_OR_SHORT:
			assert(top > stack);
			if (!top[-1].is_null && (top[-1].i != 0) == (ins->op == INS_OR_SHORT))
				at += ins->a - 1;
			break;
		default:
			top--;
			top[-1] = binary(frame, ins, top[-1], top[0]);
			break;
		}
	}
	assert(top == stack + 1);
	return stack[0];
}
