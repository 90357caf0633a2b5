/*
 * expr: a subset of CEL (Common Expression Language), parsed, checked against an environment, and compiled to a small
 * program that neither allocates nor compares names. Independent of entities: values come through `load`.
 *
 * Null (LANGUAGE.md): == and != treat null as a value; arithmetic, order, `in` and paths over null give null; && and ||
 * absorb (false && null is false); overflow and division by zero give null (overflows are counted; a time beyond what
 * calendars reckon with is one too). Ints divide to a decimal; results are rounded half to even.
 */
#ifndef CORE_EXPR_H
#define CORE_EXPR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/intern.h"
#include "base/slice.h"
#include "core/expr_ast.h"
#include "core/value.h"

enum { EXPR_DEPTH_MAX = 50, EXPR_STACK_MAX = 64, EXPR_ARGUMENTS_MAX = 16, EXPR_CODE_MAX = 4096 };

struct expr_error {
	size_t offset, len;          /* in the source text */
	char message[256];           /* with the nearest valid name where there is one */
};

struct expr_program;

/* What a program runs with. */
struct expr_frame {
	void *ctx;
	struct value (*load)(void *ctx, uint32_t code);
	struct intern *strings;      /* for results of string functions; the program's constants are in it */
	uint64_t overflow_count;     /* in and out */
};

struct expr_ref {
	enum value_type type;
	uint32_t entity_type;        /* of a VALUE_REF */
	uint32_t code;               /* what `load` is called with */
};

struct expr_function {
	const char *name;
	uint32_t args_min, args_max;
	/* The result's type, or VALUE_NULL with a message when the arguments' types do not fit. */
	enum value_type (*check)(const enum value_type *types, uint32_t count, char *ret_message, size_t cap);
	struct value (*run)(struct expr_frame *, const struct value *args, uint32_t count, const void *user);
	const void *user;
};

struct expr_env {
	void *ctx;
	/* 0: found, 1: no such name. */
	int (*resolve)(void *ctx, const struct slice *path, size_t count, struct expr_ref *ret);
	/* The nearest valid name of the part that is unknown, and which part that is; NULL: none is near. May be NULL. */
	const char *(*suggest)(void *ctx, const struct slice *path, size_t count, size_t *ret_bad_index);
	/* A name that stands for another expression (params, `value:` derives): its tree, or NULL. May be NULL. */
	const struct expr_node *(*expand)(void *ctx, const struct slice *path, size_t count);
	struct intern *strings;      /* constants are interned here */
	const struct expr_function *functions; /* beside the built-in ones */
	size_t function_count;
};

/* 0, or 1: a mistake in *ret_error. The tree is in the arena. */
int expr_parse(struct arena *, struct slice text, struct expr_node **ret, struct expr_error *ret_error);
/* wanted: the type that the result must have (VALUE_ANY: none). INT is taken where DECIMAL is wanted. 0, or 1 as above. */
int expr_compile(struct arena *, const struct expr_node *, const struct expr_env *, enum value_type wanted,
	struct expr_program **ret, struct expr_error *ret_error);
struct value expr_run(const struct expr_program *, struct expr_frame *);
enum value_type expr_type(const struct expr_program *);
/* The codes that it loads, each once. */
const uint32_t *expr_loads(const struct expr_program *, uint32_t *ret_count);
/* Canonical text: fully bracketed, for fingerprints and for people. */
void expr_print(const struct expr_node *, struct buffer *out);

#endif
