/*
 * codec_inside: what the files codec*.c share. A writer's schema becomes a tree of nodes; a plan is the tree of one record with a
 * target per field: where its value goes in the event, or nowhere.
 *
 * Invariant: a plan was checked when it was made: every target fits its node's type, so running it only checks bytes.
 * Private to codec*.c.
 */
#ifndef EDGE_CODEC_INSIDE_H
#define EDGE_CODEC_INSIDE_H

#include <stdbool.h>

#include "base/arena.h"
#include "edge/codec.h"

enum codec_limit {
	CODEC_DEPTH_MAX = 16,        /* of a writer's schema, and so of a body */
	CODEC_FIELDS_MAX = 512,
	CODEC_SYMBOLS_MAX = 512,
	CODEC_ITEMS_MAX = 65536,     /* of one array or map */
};

enum node_kind {
	NODE_NULL, NODE_BOOL, NODE_INT, NODE_LONG, NODE_FLOAT, NODE_DOUBLE, NODE_BYTES, NODE_STRING, NODE_FIXED, NODE_ENUM, NODE_ARRAY,
	NODE_MAP, NODE_UNION, NODE_RECORD,
};

enum node_logical { LOGICAL_NONE, LOGICAL_DECIMAL, LOGICAL_MILLIS, LOGICAL_MICROS, LOGICAL_DATE };

struct schema_node {
	enum node_kind kind;
	enum node_logical logical;
	int scale;                   /* LOGICAL_DECIMAL */
	size_t size;                 /* NODE_FIXED */
	struct slice name;           /* NODE_RECORD, NODE_ENUM, NODE_FIXED: without its namespace */
	struct slice *names;         /* fields of a record, symbols of an enum */
	struct schema_node **children; /* fields, branches of a union, items of an array or map */
	uint32_t count;              /* of names or children */
};

/* Parses a schema's text into the arena. NULL: no schema, with the reason. */
struct schema_node *schema_node_parse(struct arena *, struct slice json, char ret_reason[CODEC_REASON_MAX]);

enum target_kind {
	TARGET_SKIP, TARGET_TEXT, TARGET_OP, TARGET_LONG, TARGET_BOOL, TARGET_IDS, TARGET_EXT,
	TARGET_VALUE,                /* a field of the model, or a column of a list */
};

struct codec_step {
	enum target_kind target;
	uint16_t place;              /* TARGET_VALUE: index of the field; else offset in struct event */
	const struct schema_node *node;
	const struct model_field *field; /* TARGET_VALUE */
	const int16_t *symbols;      /* enums: writer's symbol -> op, or index of the model's symbols; NULL: its own text */
	const struct codec_columns *columns; /* TARGET_VALUE of a LIST */
};

/* Steps for one record, in the writer's order. */
struct codec_columns {
	struct codec_step *steps;
	uint32_t count;
	uint32_t width;              /* cells of a row, for lists */
};

struct codec_plan {
	struct arena arena;
	enum entity_type type;
	struct codec_columns record;
};

#endif
