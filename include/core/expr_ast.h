/*
 * expr_ast: the syntax tree of an expression, plain for whoever walks it. Nodes are in the arena given to expr_parse; texts are
 * borrowed from the source text, which must live as long.
 */
#ifndef CORE_EXPR_AST_H
#define CORE_EXPR_AST_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "core/value.h"

enum expr_kind {
	EXPR_LITERAL,   /* literal */
	EXPR_PATH,      /* path[path_count]: a, a.b, a.b.c */
	EXPR_CALL,      /* name(children …) */
	EXPR_UNARY,     /* op, children[0] */
	EXPR_BINARY,    /* op, children[0], children[1] */
	EXPR_TERNARY,   /* children[0] ? children[1] : children[2] */
	EXPR_LIST,      /* [children …] */
};

enum expr_operator {
	OP_NOT, OP_NEGATE,
	OP_OR, OP_AND, OP_EQUAL, OP_NOT_EQUAL, OP_LESS, OP_LESS_EQUAL, OP_GREATER, OP_GREATER_EQUAL, OP_IN,
	OP_ADD, OP_SUBTRACT, OP_MULTIPLY, OP_DIVIDE, OP_REMAINDER,
};

struct expr_node {
	enum expr_kind kind;
	enum expr_operator op;
	uint32_t offset, length;     /* in the source text */
	struct value literal;        /* EXPR_LITERAL but strings */
	struct slice text;           /* EXPR_LITERAL of type STRING: the unescaped text; EXPR_CALL: the name */
	struct slice *path;
	uint32_t path_count;
	struct expr_node **children;
	uint32_t child_count;
};

#endif
