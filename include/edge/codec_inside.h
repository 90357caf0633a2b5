/*
 * codec_inside: the decode plan, shared by the files of codec and by nobody else. A plan is a tree of steps in the writer's
 * order: codec_plan.c builds it from a schema, codec_run.c walks a body with it.
 *
 * Invariant: whatever stands in an array or a map takes at least one byte, or nothing at all and then no step; so the work for
 * a body is bounded by its length.
 */
#ifndef EDGE_CODEC_INSIDE_H
#define EDGE_CODEC_INSIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/arena.h"
#include "core/event.h"
#include "core/model.h"
#include "edge/codec.h"

enum {
	CODEC_DEPTH_MAX = 64,    /* values inside values of one body, and types inside types of a schema */
	CODEC_ROWS_MAX = 4096,   /* rows of a list, merged ids, entries of ext, whatever the limits say */
};

enum codec_kind {
	/* stored: value = values[target] */
	CODEC_TEXT, CODEC_SYMBOL, CODEC_TEXT_SYMBOL, CODEC_BOOL, CODEC_INT, CODEC_LONG, CODEC_TIMES, CODEC_DIVIDE, CODEC_FLOAT,
	CODEC_DOUBLE, CODEC_DECIMAL, CODEC_LIST, CODEC_NULL, CODEC_REFUSE, CODEC_UNION,
	/* passed over; CODEC_NOTHING is never in a plan, it is what an empty type compiles to */
	CODEC_NOTHING, CODEC_SKIP_BYTES, CODEC_SKIP_NUMBER, CODEC_SKIP_TEXT, CODEC_SKIP_SYMBOL, CODEC_SKIP_RECORD,
	CODEC_SKIP_ARRAY, CODEC_SKIP_UNION,
};

struct codec_record;

struct codec_step {
	uint8_t kind;            /* enum codec_kind */
	uint8_t null_branch;     /* stored: 0, or a union of two: 1 + the branch that is null, the other is this step */
	bool is_fixed;           /* DECIMAL: `size` bytes without a length */
	bool is_int;             /* TIMES, DIVIDE: the writer's int, not long */
	uint16_t target;
	int16_t scale;           /* DECIMAL: digits behind the point; of a RATE four fewer: bytes of this scale make its units */
	uint64_t size;           /* bytes of a fixed size; TIMES, DIVIDE: the factor; SYMBOL: how many; UNION: branches; LIST: enum codec_list */
	const char *name;        /* the field, for a reason */
	union {
		const struct event_value *symbols;       /* SYMBOL: by the writer's index */
		const char *const *names;                /* TEXT_SYMBOL: the model's symbols */
		const struct codec_record *record;       /* LIST: a row; SKIP_RECORD; SKIP_ARRAY: an item */
		const struct codec_step *branches;       /* UNION, SKIP_UNION */
	} of;
};

struct codec_default {
	uint16_t target;
	struct event_value value;
};

struct codec_record {
	const struct codec_step *steps;
	const struct codec_default *defaults;    /* of wanted fields that the writer doesn't have */
	uint32_t step_count, default_count;
	uint32_t columns;                        /* values of a row; 0 when nothing is stored */
};

/* The envelope's places among the values of the whole record; the model's fields follow. */
enum {
	ENVELOPE_EVENT_ID, ENVELOPE_TENANT_ID, ENVELOPE_ENTITY_ID, ENVELOPE_OP, ENVELOPE_OCCURRED_AT, ENVELOPE_INGESTED_AT,
	ENVELOPE_SOURCE, ENVELOPE_SOURCE_VERSION, ENVELOPE_ACTOR_ID, ENVELOPE_MERGED_IDS, ENVELOPE_EXCLUDED, ENVELOPE_EXT,
	ENVELOPE_COUNT,
};
/* Described in the model's words: merged_ids is a list of one column, ext a list of key and value. */
extern const struct model_field codec_envelope[ENVELOPE_COUNT];
extern const struct model_list codec_ids, codec_pairs;

struct codec_plan {
	enum entity_type type;
	struct arena memory;             /* of all below */
	struct codec_record record;      /* what is wanted of the body */
	struct codec_record whole;       /* the same body, only passed over */
};

/* codec_plan_new with another schema in the built-in one's place (borrowed; NULL: that one): what its aliases and defaults do. */
struct codec_plan *codec_plan_against(struct slice schema_json, json_t *built_in, char ret_reason[EVENT_REASON_MAX]);

enum codec_fault {
	CODEC_FAULT_NONE, CODEC_FAULT_ENDS, CODEC_FAULT_NUMBER, CODEC_FAULT_LENGTH, CODEC_FAULT_COUNT, CODEC_FAULT_ROWS,
	CODEC_FAULT_BRANCH, CODEC_FAULT_SYMBOL, CODEC_FAULT_BOOL, CODEC_FAULT_UTF8, CODEC_FAULT_RANGE, CODEC_FAULT_DIGITS,
	CODEC_FAULT_TYPE, CODEC_FAULT_DEPTH, CODEC_FAULT_MEMORY, CODEC_FAULT_NULL, CODEC_FAULT_TEXTS, CODEC_FAULT_FOREIGN,
};

struct codec_run {
	const uint8_t *at, *end;         /* borrowed */
	struct arena *arena;             /* NULL when nothing is stored */
	enum codec_fault fault;
	const char *field;               /* where */
	uint32_t depth;
	const struct codec_limits *limits; /* borrowed; NULL: none */
	uint64_t text_bytes;             /* of texts that are long or not ASCII */
	uint64_t foreign;                /* values that were passed over */
};

extern const char *const codec_list_names[CODEC_LIST_COUNT]; /* the field; "limits." and this is the setting */
/* Rows that a list may have; CODEC_LIST_COUNT: one that has no limit of its own. */
uint32_t codec_rows_max(const struct codec_limits *, uint64_t list);
/* False: fault and field are set. values: [record->columns], zeroed. */
bool codec_run_record(struct codec_run *, const struct codec_record *, struct event_value *values);
const char *codec_fault_text(enum codec_fault);

/* ---- a schema's types (codec_schema.c) ------------------------------------------------------------------ */

enum codec_wire {
	WIRE_NULL, WIRE_BOOLEAN, WIRE_INT, WIRE_LONG, WIRE_FLOAT, WIRE_DOUBLE, WIRE_BYTES, WIRE_STRING, WIRE_RECORD, WIRE_ENUM,
	WIRE_FIXED, WIRE_ARRAY, WIRE_MAP, WIRE_UNION,
};
extern const char *const codec_wire_names[WIRE_UNION + 1];

/* A record, an enum or a fixed: what can be meant by its name. */
struct codec_named {
	const char *full_name;           /* of the arena */
	const char *space;               /* of the arena: the namespace of what is inside */
	json_t *definition;              /* borrowed from the schema */
	enum codec_wire wire;
	struct codec_record *passed;     /* record: how it is passed over, once that is compiled; step_count may still be to come */
	bool is_passed;                  /* it is complete */
};

enum { CODEC_NAMES_MAX = 1024, CODEC_NAME_BYTES_MAX = 256 };

struct codec_names {
	struct arena *memory;            /* borrowed */
	struct codec_named *items;       /* [CODEC_NAMES_MAX], of the arena */
	uint32_t count;
	char *reason;                    /* [EVENT_REASON_MAX]; borrowed */
};

struct codec_type {
	enum codec_wire wire;
	json_t *definition;              /* an object, the union's array, or NULL: a primitive by its mere name */
	const char *space;
	struct codec_named *named;       /* RECORD ENUM FIXED */
};

/* Finds all names that the schema defines. False: reason is set. */
bool codec_names_collect(struct codec_names *, json_t *schema);
/* What a type in a schema is, references followed. False: reason is set. */
bool codec_type_of(struct codec_names *, json_t *type, const char *space, struct codec_type *ret);
/* Its logicalType; "" if there is none. */
const char *codec_logical(const struct codec_type *);
/* Whether this is a name that Avro allows. */
bool codec_name_is_good(const char *name);

#endif
