/*
 * plan: the definitions (deploy/kpis.yaml), compiled. Everything a shard needs to know about measures and
 * metrics is here as indexes, small programs and tables; no name is compared and nothing is allocated per event.
 *
 * Invariant: a plan is immutable once compiled, and is shared by all shards of a process (borrowed, read-only).
 * String constants of its programs are interned in plan->strings; a shard's own intern table starts with the
 * same strings in the same order (plan_intern_constants), so that a constant's id is equal in both.
 */
#ifndef CORE_PLAN_H
#define CORE_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/intern.h"
#include "base/slice.h"
#include "core/attribute.h"
#include "core/calendar.h"
#include "core/expr.h"
#include "core/model.h"
#include "core/value.h"

enum plan_limit {
	PLAN_MEASURES_MAX = 512,
	PLAN_METRICS_MAX = 512,
	PLAN_DIMS_MAX = 32,         /* distinct dimension names of a whole plan */
	PLAN_MEASURE_DIMS_MAX = 8,  /* dimensions of one measure */
	PLAN_GROUP_DIMS_MAX = 3,    /* dimensions of one grouping: group_1 … group_3 */
	PLAN_GROUPINGS_MAX = 64,
	PLAN_WINDOWS_MAX = 64,
	PLAN_EDGES_MAX = 256,
	PLAN_SPANS_MAX = 256,
	PLAN_SHARES_MAX = 64,
	PLAN_PATH_HOPS_MAX = 4,
	PLAN_DERIVED_MAX = 64,
};

/* How long a rolling window, or the trailing time of over(), may be. */
#define PLAN_ROLLING_MIN_MS INT64_C(60000)
#define PLAN_ROLLING_MAX_MS (1100 * INT64_C(86400000))

/* ---- what programs load ------------------------------------------------------------------------------- */

/*
 * One load of an expression over entities: start at the measure's entity, follow `hops` references (slots of
 * type VALUE_REF of the entity type reached so far), read `slot` there. element_field >= 0: read that column of
 * the element that `each` stands on instead (hop_count is 0 then). code of expr_ref = index in plan->loads.
 */
/* A param that some tenants have otherwise. */
struct plan_param {
	const char *name;
	struct value *values;             /* [1 + plan->param_tenant_count]: the usual one, then by tenant */
};

struct plan_load {
	enum value_type type;
	uint16_t param;                   /* 1 + index in plan->params: nothing else of this counts; 0: none */
	uint8_t hop_count;
	uint8_t hops[PLAN_PATH_HOPS_MAX]; /* slot of each reference on the way */
	int16_t slot;                     /* slot in the last entity; -1 with element_field or ext */
	int16_t element_field;            /* column of the list element, or -1 */
	uint32_t ext_key;                 /* intern id of an `ext` key, 0 = none */
	int16_t currency_slot;            /* of a MONEY: slot (or column, for elements) holding its currency, or -1 */
	uint8_t entity_type;              /* type of the entity that holds the slot */
	bool currency_of_owner;           /* element MONEY whose currency is a slot of the entity itself */
};

/* ---- derived values ----------------------------------------------------------------------------------- */

enum derive_kind { DERIVE_MIN, DERIVE_MAX, DERIVE_SUM, DERIVE_COUNT, DERIVE_FIRST, DERIVE_NEXT, DERIVE_PREVIOUS };

/* A parent's value from its live children, stored in the parent's slot `slot` (attribute.h: slots after the built-in ones). */
struct plan_derived {
	const char *name;              /* "lead.first_won_at" */
	enum entity_type parent;
	enum entity_type child;
	enum relation relation;        /* attribute.h: which links lead from child to parent */
	enum derive_kind kind;
	enum value_type type;
	uint8_t slot;
	struct expr_program *value;    /* over the child's own slots only; NULL for count */
	struct expr_program *where;    /* may be NULL */
	struct expr_program *by;       /* DERIVE_FIRST: the order; else NULL */
	struct expr_program *key;      /* of neighbours: what those that follow each other have in common */
	uint64_t print;                /* fingerprint of its own: a remembered minimum is one of these definitions (S26) */
};

/* The record before or behind among those of one key: parent and child are one type, without a relation. */
static inline bool plan_derived_is_neighbour(const struct plan_derived *d)
{
	return d->kind == DERIVE_NEXT || d->kind == DERIVE_PREVIOUS;
}

/* Which facts to look at again when slots of an entity of type `of` change (compiled from the programs' paths). */
struct plan_dependent {
	enum entity_type of;       /* the entity that changed */
	uint64_t slots[2];         /* bitmap of its slots that matter here */
	enum entity_type reader;   /* the type whose measures read them */
	uint8_t hop_count;         /* references from reader up to `of`, walked backwards: last hop first */
	uint8_t hops[PLAN_PATH_HOPS_MAX];
	uint8_t hop_types[PLAN_PATH_HOPS_MAX]; /* entity type that owns hops[i]; hop_types[0] == reader */
};

/* ---- time: edges, spans, windows ----------------------------------------------------------------------- */

enum edge_kind {
	EDGE_NEG_INF,  /* before everything */
	EDGE_NOW,      /* the shard's clock, to the millisecond */
	EDGE_ROLL,     /* floor(T, res_ms) - shift_ms */
	EDGE_PERIOD,   /* start of the local period that contains T, `back` periods and shift_ms, whole local days, earlier */
	EDGE_LIKE,     /* S11: floor(T, res_ms), mapped `back` periods earlier */
};

struct plan_edge {
	enum edge_kind kind;
	enum calendar_unit unit; /* EDGE_PERIOD, EDGE_LIKE */
	int32_t back;            /* periods */
	int64_t shift_ms;
	int64_t res_ms;          /* 1000, 60000 or 900000 (a tier, or a multiple of one); 0 for the others */
};

static inline bool plan_edge_is_now(const struct plan_edge *edge)
{
	return edge->kind == EDGE_NOW;
}

/* The facts with position(a) <= at < position(b), and at < T always. */
struct plan_span {
	uint16_t a, b; /* indexes in plan->edges */
};

enum window_kind { WINDOW_ROLLING, WINDOW_TO_DATE, WINDOW_ALL, WINDOW_NOW };

struct plan_window {
	const char *name;         /* "7d", "today", "month_to_date", "all", "now" */
	enum window_kind kind;
	enum calendar_unit unit;  /* WINDOW_TO_DATE */
	const char *closed_name;  /* its closed period's name in kpi.history: "day", "week", "month" …; NULL: none */
	int64_t length_ms;        /* WINDOW_ROLLING */
	int64_t shift_ms;         /* WINDOW_ROLLING of a matured cohort: shifted back by this */
	int64_t res_ms;
};

/*
 * `min_share`: how much of a calendar period must have passed, (T - start) / (end - start), before what is said of it to date means
 * anything. Until then a value is kept back (LOW_SAMPLE, with its parts), and so is what it is compared with, which is as early in
 * its own period. A closed period has passed whole.
 */
struct plan_share {
	enum calendar_unit unit;
	int64_t least;            /* in 1/10,000, between 0 and 1 */
};

/* ---- measures ------------------------------------------------------------------------------------------ */

enum plan_agg { AGG_COUNT, AGG_SUM, AGG_DISTINCT, AGG_PERCENTILE };
enum { PLAN_AGGS = AGG_PERCENTILE + 1 };
extern const char *const plan_agg_names[PLAN_AGGS];   /* as definitions say them */

struct plan_measure {
	const char *name;
	uint16_t index;
	enum entity_type on;
	enum plan_agg agg;
	bool stock;                   /* has `until`: +v at `at`, -v at `until` */
	bool is_whole;                /* made for full(m) (plan_whole.c): the facts of whole_of, each at the start of the period that it lies in */
	uint16_t whole_of;
	enum calendar_unit whole_unit;
	int16_t gate;                 /* index in plan->gates, or -1; of those that are in measures_on */
	uint16_t whole_count;         /* measures that are this one's wholes */
	uint16_t wholes[CALENDAR_UNIT_COUNT];
	bool keeps_history;           /* stock, or used by a span that starts at NEG_INF: folds into the opening balance */
	enum value_type value_type;   /* of `value`: INT for counts */
	int16_t each_slot;            /* slot of the list that `each` walks, or -1 */
	struct expr_program *at;      /* TIME */
	struct expr_program *until;   /* TIME, stocks only */
	struct expr_program *where;   /* BOOL or NULL */
	struct expr_program *value;   /* NULL for count */
	struct expr_program *scope;   /* STRING: the one grouping that a fact enters (COMPANY, TEAM, REP …); NULL: all */
	bool at_is_null;              /* stock with a null `at`: since ever */
	uint8_t dim_count;
	uint8_t dims[PLAN_MEASURE_DIMS_MAX];              /* indexes in plan->dims */
	struct expr_program *by[PLAN_MEASURE_DIMS_MAX];   /* STRING each */
	uint8_t grouping_count;
	uint8_t groupings[PLAN_GROUPINGS_MAX];            /* indexes in plan->groupings where it has cells */
	uint16_t span_count;          /* one running total per span and cell, in this order */
	uint16_t *spans;              /* indexes in plan->spans */
};

/* A condition that measures of one type have in common: where it does not hold of a record, it has no fact of any of them. */
struct plan_gate {
	struct expr_program *where;   /* BOOL, of the record alone */
	uint16_t after;               /* place in measures_on behind the last of them */
};

struct plan_grouping {
	const char *name;             /* "" for the company, "team", "team,rep" */
	uint32_t scope_id;            /* in strings: how a measure's scope names it, "COMPANY", "TEAM"; 0: it has more dimensions */
	uint8_t dim_count;
	uint8_t dims[PLAN_GROUP_DIMS_MAX];
	uint16_t measure_count;       /* measures with cells in this grouping */
	uint16_t *measures;           /* a group's cell chains are in this order */
	uint16_t *measure_place;      /* [plan->measure_count]: place in `measures`, or UINT16_MAX */
	uint16_t metric_count;
	uint16_t *metrics;            /* metrics shown for this grouping */
	int16_t roster_dim;           /* which of dims is a rep (roster zero-fill), or -1 */
};

/* ---- metrics ------------------------------------------------------------------------------------------- */

enum plan_basis { BASIS_EVENT, BASIS_COHORT, BASIS_CLOSED, BASIS_STOCK };
enum plan_unit { UNIT_COUNT, UNIT_PERCENT, UNIT_CURRENCY, UNIT_SECONDS, UNIT_DAYS, UNIT_RATIO };
enum { PLAN_UNITS = UNIT_RATIO + 1 };
extern const char *const plan_unit_names[PLAN_UNITS]; /* as definitions say them */

enum input_read {
	INPUT_TOTAL,      /* the measure's total in the window (distinct: how many different) */
	INPUT_QUANTILE,   /* percentile measures: the value at `quantile` */
	INPUT_PREVIOUS,   /* the total in the comparison window */
	INPUT_OPENING,    /* the total of all before the window's start */
	INPUT_SAMPLES,    /* how many facts */
	INPUT_FULL,       /* the total of the window's whole period, what is booked ahead of the clock included */
	INPUT_OVER,       /* the total over the trailing `over_ms` that ends where the window ends, or `lag_ms` before */
	INPUT_OFFSET,     /* the total in the window that lies `over_ms` earlier */
};
enum { INPUT_READS = INPUT_OFFSET + 1 };

struct plan_input {
	uint16_t measure;       /* as the formula names it; what is read is the window's (plan_metric_window.measures) */
	enum input_read read;
	uint16_t quantile_bp;   /* 1/10,000: 5000 = median */
	bool empty_is_null;     /* `empty: {m: null}`: a total of nothing is null, not 0 */
	int64_t over_ms;        /* INPUT_OVER, INPUT_OFFSET (whole days); else 0 */
	int64_t lag_ms;         /* INPUT_OVER: whole days; else 0 */
};

/* The places (indexes in the measure's totals, -1 = none) of one metric's inputs in one of its windows. */
struct plan_metric_window {
	uint16_t window;         /* index in plan->windows */
	uint16_t main_a, main_b; /* edges of the published interval */
	uint16_t prev_a, prev_b; /* edges of the comparison, UINT16_MAX without `compare` */
	uint16_t *measures;      /* [input_count]: the inputs' measures; of a full() the whole one of this window's unit */
	int16_t *main;           /* [input_count] */
	int16_t *cur;            /* [input_count] this window at the comparison's resolution; NULL without compare */
	int16_t *prev;           /* [input_count]; NULL without compare */
	uint16_t *shares;        /* [1 + plan->param_tenant_count]: index in plan->shares by the tenant's row; NULL: no min_share */
};

struct metric_program;           /* core/metric.h: compiled from `value` */

struct plan_metric {
	const char *name;
	uint16_t index;
	enum plan_basis basis;
	enum plan_unit unit;
	bool money;                  /* value carries a currency */
	bool reads_previous;         /* the formula uses previous(): evaluated at the comparison's resolution */
	bool reads_over;             /* … over() or offset(): what lies around another time than the window's has no comparison */
	bool is_never_closed;        /* no closed periods: reads_over, or is compared with the year before */
	int64_t mature_ms;
	int64_t min_sample;
	int16_t rank_of;             /* metric index that it ranks, or -1 */
	bool is_dense;               /* of a rank: 1, 2, 2, 3 instead of 1, 2, 2, 4 */
	uint16_t input_count;
	struct plan_input *inputs;
	struct metric_program *program; /* NULL for ranks */
	uint8_t grouping_count;
	uint8_t groupings[PLAN_GROUPINGS_MAX];
	uint16_t window_count;
	struct plan_metric_window *windows;
	uint64_t streams;            /* bit per entity type that must have delivered, else NO_DATA */
	const char *label_en, *label_id, *description_en, *description_id, *formula; /* formula: canonical text */
};

/* What the total at place `slot` of a measure does when an edge passes a bucket: sign * entry. */
struct plan_effect {
	uint16_t place;
	int8_t sign;                 /* +1: it is the span's b edge (enters); -1: its a edge (leaves) */
};

struct plan_effects {
	uint16_t count;
	struct plan_effect *items;
};

/* ---- the plan ------------------------------------------------------------------------------------------ */

struct plan {
	struct arena arena;          /* owns everything below */
	struct intern strings;       /* constants of the programs, ext keys, "(none)", "(unknown)" … */
	uint32_t none_id;            /* "(none)" */

	uint8_t slot_count[ENTITY_TYPE_COUNT]; /* built-in slots plus derived */
	struct plan_load *loads;     uint32_t load_count;
	struct plan_param *params;   uint32_t param_count;
	const char **param_tenants;  uint32_t param_tenant_count; /* tenants that have params of their own */
	struct plan_derived *derived; uint32_t derived_count;    /* in an order in which none needs a later one */
	struct plan_dependent *dependents; uint32_t dependent_count;
	uint32_t relations_used;     /* bit per stored relation; what no bit is set for, nobody can see: it needs no links */
	uint64_t slots_read[ENTITY_TYPE_COUNT][2]; /* bitmap of the slots that programs, lists and references read */

	const char *dims[PLAN_DIMS_MAX]; uint32_t dim_count;
	struct plan_edge edges[PLAN_EDGES_MAX]; uint32_t edge_count;   /* [0] NEG_INF, [1] NOW */
	uint16_t kept_edge;       /* in no span: how far back closed periods are read; UINT16_MAX: no farther than windows */
	struct plan_span spans[PLAN_SPANS_MAX]; uint32_t span_count;
	struct plan_window windows[PLAN_WINDOWS_MAX]; uint32_t window_count;
	struct plan_share shares[PLAN_SHARES_MAX]; uint32_t share_count;
	struct plan_measure *measures; uint32_t measure_count;
	struct plan_grouping groupings[PLAN_GROUPINGS_MAX]; uint32_t grouping_count; /* [0] is the company */
	struct plan_metric *metrics; uint32_t metric_count;
	uint16_t *measures_on[ENTITY_TYPE_COUNT]; uint16_t measures_on_count[ENTITY_TYPE_COUNT]; /* those of one gate side by side */
	struct plan_gate *gates; uint32_t gate_count;
	bool passes[ENTITY_TYPE_COUNT];        /* S26: entities of this type go when all about them is below the floor */
	const char *kept_by[ENTITY_TYPE_COUNT]; /* the derived value for which they must stay though the type could go; or NULL */
	struct plan_effects *effects; /* [edge_count * measure_count], row per edge */

	int64_t grace_ms;            /* after a period's end until its final value is sent */
	int64_t horizon_ms;          /* longest reach of any rolling/like/period edge behind T, plus grace; an upper bound */
	uint64_t fingerprint;        /* of the canonical definitions: S15 */
};

struct definitions;              /* core/definition.h: what the YAML says, with positions */

struct plan_mistake {
	uint32_t mark;               /* position handle of definition.h: the edge turns it into file:line:column */
	uint32_t offset, length;     /* within the text at `mark` */
	char message[320];           /* with the nearest valid name where there is one */
};

/*
 * Compiles. 0: *ret_plan is owned by the caller (plan_free). 1: a mistake in the definitions, in *ret_mistake.
 */
int plan_compile(const struct definitions *, struct plan **ret_plan, struct plan_mistake *ret_mistake);
void plan_free(struct plan *);

/* Interns the plan's constants into an empty table, in the plan's order. 0, or -ENOSPC when its limit is hit. */
int plan_intern_constants(const struct plan *, struct intern *);

/* Prints the compiled plan for people: per measure its fields, per metric its windows, groups, bytes per key. */
void plan_print(const struct plan *, struct buffer *);

/* Index by name, or -1. */
/* The place of this tenant's values in plan_param.values: 0 unless it has its own. */
uint32_t plan_param_row(const struct plan *, struct slice tenant_id);
/* Of those that differ by tenant; -1. */
int plan_param_find(const struct plan *, struct slice name);
int plan_measure_find(const struct plan *, struct slice name);
int plan_metric_find(const struct plan *, struct slice name);

/* Where edge `e` stands at clock T in this calendar; INT64_MIN for NEG_INF, T for NOW. Monotone in T. */
int64_t plan_edge_position(const struct plan *, uint32_t edge, const struct calendar *, int64_t clock_ms);

#endif
