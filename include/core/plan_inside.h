/*
 * plan_inside: what the files plan_*.c share while definitions are compiled. Everything that outlives the compilation is in
 * plan->arena; syntax trees and lists that grow are in `scratch`.
 *
 * Invariant: the first mistake ends the compilation; it is in *mistake, and every function answers 1 from then on.
 */
#ifndef CORE_PLAN_INSIDE_H
#define CORE_PLAN_INSIDE_H

#include "core/definition.h"
#include "core/expr.h"
#include "core/metric.h"
#include "core/plan.h"

struct plan_name {                   /* a derived value: its place among an entity's names */
	enum entity_type type;
	struct slice name;           /* without the entity */
	uint8_t slot;
	enum value_type value_type;
	int8_t reference;            /* entity type of a VALUE_REF, else -1 */
	int16_t currency_slot;
};

struct plan_named {                  /* a name that stands for a tree: scalar and list params, `value:` derives */
	struct slice entity, name;   /* entity empty: a param */
	const struct expr_node *tree;
};

/* A part of a measure's `where` that all of it wants to hold, and that is asked of the record, not of an element. */
struct plan_condition {
	uint16_t measure;
	enum entity_type on;
	const struct expr_node *tree;
	struct slice text;           /* canonical */
};

struct compiler {
	const struct definitions *definitions;
	struct plan *plan;
	struct arena scratch;
	struct plan_mistake *mistake;
	struct plan_name names[PLAN_DERIVED_MAX];
	uint32_t name_count;
	struct plan_named *named;
	uint32_t named_count;
	struct expr_function *functions; /* in plan->arena: programs keep pointers to them */
	uint32_t function_count;
	uint32_t load_capacity, dependent_capacity;
	struct plan_condition *conditions; /* owned */
	uint32_t condition_count, condition_capacity;
	/* Measures' demands, collected from the metrics: which spans and groupings each needs. */
	uint64_t measure_groupings[PLAN_MEASURES_MAX];
};

/* Where the names of one expression are looked up. */
struct plan_scope {
	struct compiler *c;
	enum entity_type on;
	struct slice each_name;          /* at NULL: no `each` */
	const struct model_list *each_list;
	bool own_only;                   /* derives: the child's own slots only */
};

int plan_fail(struct compiler *, const struct definition_text *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Says that no entity has this name, and which is nearest. */
int plan_fail_entity(struct compiler *, const struct definition_text *at, struct slice wanted);
/* 0, or 1 with the mistake set: no name of a measure, metric, derived value or dimension. */
int plan_check_name(struct compiler *, const struct definition_text *name);
/* Copies into the plan's arena. */
const char *plan_strdup(struct compiler *, struct slice);
/* Parses the text; 0, or 1 with the mistake set. */
int plan_parse(struct compiler *, const struct definition_text *, struct expr_node **ret);
/* Compiles a tree in a scope; the mistake is placed in `at`. */
int plan_compile_tree(struct plan_scope *, const struct definition_text *at, const struct expr_node *, enum value_type wanted,
	struct expr_program **ret);
/* Both. An absent text gives NULL. */
int plan_compile_text(struct plan_scope *, const struct definition_text *, enum value_type wanted, struct expr_program **ret);

/* The tree that this name stands for; NULL: it is no named expression or param. */
const struct expr_node *plan_named_find(const struct compiler *, const struct slice *path, size_t count);

void plan_add_named(struct compiler *, struct slice entity, struct slice name, const struct expr_node *);
int plan_compile_params(struct compiler *);
int plan_compile_derives(struct compiler *);
int plan_compile_measures(struct compiler *);
/* Notes the parts of the `where` of the measure that is compiled now; then, when all are there, puts measures behind gates. 0, or 1. */
void plan_gate_note(struct compiler *, const struct plan_scope *, const struct expr_node *where);
int plan_gates_choose(struct compiler *);
int plan_compile_metrics(struct compiler *);
/* After the metrics: groupings' tables, effects, dependents, the horizon. */
void plan_link(struct compiler *);
/* Of the linked plan. */
uint64_t plan_fingerprint(const struct compiler *);

/* The entity functions (local_day, day_start …): appended to c->functions. */
void plan_add_functions(struct compiler *);
struct slice *plan_map_names(const struct compiler *, uint32_t *ret_count);

/* The window's index, made with its edges if it is new; -1 when no window has this name. */
int plan_window_get(struct compiler *, struct slice name, int64_t mature_ms, const struct definition_text *at);
uint16_t plan_edge_get(struct compiler *, struct plan_edge);
/* Steps of a rolling window: at most 720 to its length, on the ledger's tiers. */
int64_t plan_rolling_res(int64_t length_ms);
uint16_t plan_span_get(struct compiler *, uint16_t a, uint16_t b);
/* The measure that has m's facts at the start of their periods, made if it is new; -1: too many. */
int plan_whole_get(struct compiler *, uint16_t measure, enum calendar_unit);
/* The place of a span in a measure's totals, made if it is new. */
int16_t plan_measure_span(struct compiler *, uint16_t measure, uint16_t span);

const char *plan_nearest(struct slice wanted, const char *const *names, size_t count);
bool plan_duration(struct slice, int64_t *ret_ms);

#endif
