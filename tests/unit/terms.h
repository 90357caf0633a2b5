/*
 * terms: what tests of expressions stand on: an environment with two names of each type, one with a value and one that is null, to
 * compile, run and show expressions in. One at a time, between terms_setup and terms_teardown (fixtures of a test).
 */
#ifndef TESTS_UNIT_TERMS_H
#define TESTS_UNIT_TERMS_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/intern.h"
#include "core/expr.h"

enum { TERMS_COUNT = 17 };

struct terms_variable {
	const char *name;
	enum value_type type;
	struct value value;
};

extern struct terms_variable terms_variables[TERMS_COUNT];
extern struct intern terms_strings;
extern struct arena terms_arena;
extern const struct expr_node *terms_named; /* what the name `twice` stands for; NULL: nothing */

int terms_setup(void **state);
int terms_teardown(void **state);
/* Gives the variables the values that tables are written for; see terms.c. */
void terms_set(void);
/* 0, or 1 with *ret_error. */
int terms_compile(const char *text, enum value_type wanted, struct expr_program **ret, struct expr_error *ret_error);
struct value terms_run(const struct expr_program *, uint64_t *ret_overflows);
/* 7, 2.5, 100.0 IDR, 90s, 'text', 2026-03-28T12:13:20Z, true, null. */
void terms_show(const struct expr_program *, struct value, char *buf, size_t cap);

#endif
