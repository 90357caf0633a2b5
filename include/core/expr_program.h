/*
 * expr_program: the inside of a compiled expression: postfix instructions over a small stack. Only expr_check.c makes it,
 * only expr_run.c runs it; plan_fingerprint.c reads it.
 */
#ifndef CORE_EXPR_PROGRAM_H
#define CORE_EXPR_PROGRAM_H

#include "core/expr.h"

enum instruction_op {
	INS_CONSTANT,    /* push constants[a] */
	INS_LOAD,        /* push load(a) */
	INS_NOT, INS_NEGATE,
	INS_EQUAL, INS_NOT_EQUAL, INS_LESS, INS_LESS_EQUAL, INS_GREATER, INS_GREATER_EQUAL, /* of one kind of value */
	INS_TEXT_LESS, INS_TEXT_LESS_EQUAL, INS_TEXT_GREATER, INS_TEXT_GREATER_EQUAL,       /* strings by their bytes */
	INS_IN,          /* value in constants[a .. a + b) */
	INS_ADD, INS_SUBTRACT, INS_REMAINDER, /* of one scale; result of type `type` */
	INS_MULTIPLY,    /* plain integers: ints, duration * int */
	INS_MULTIPLY_DECIMAL, /* both 1/10,000 */
	INS_DIVIDE,      /* by a plain int, half-even: money / int, duration / int */
	INS_DIVIDE_DECIMAL, /* result 1/10,000, half-even: a * 10,000 / b */
	INS_TO_DECIMAL,  /* int -> decimal, of the value `a` below the top */
	INS_RETYPE,      /* the top is of type `type` */
	INS_CONCATENATE,
	INS_CALL,        /* functions[a] with b arguments */
	INS_JUMP,        /* by a */
	INS_JUMP_UNLESS, /* pops; true goes on, false or null jumps by a; null jumps by b */
	INS_AND_SHORT,   /* top false: jumps by a, keeping it */
	INS_OR_SHORT,    /* top true: jumps by a, keeping it */
	INS_AND, INS_OR, /* pops two, pushes one, null absorbed */
};

struct instruction {
	uint8_t op, type;
	uint32_t a, b;
};

struct expr_program {
	struct instruction *code;
	uint32_t code_count, code_capacity;
	struct value *constants;
	uint32_t constant_count, constant_capacity;
	const struct expr_function **functions;
	uint32_t function_count, function_capacity;
	uint32_t *loads;
	uint32_t load_count, load_capacity;
	enum value_type type;
	uint32_t stack_max;
};

/* The functions that every environment has (expr_function.c). */
extern const struct expr_function expr_builtins[];
extern const size_t expr_builtin_count;

/* coalesce, least, greatest: the common type of arguments, VALUE_NULL when they have none. */
enum value_type expr_common_type(enum value_type, enum value_type);

#endif
