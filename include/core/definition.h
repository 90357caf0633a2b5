/*
 * definition: what a definition file says, as plain data with positions, before it is compiled. The edge
 * (edge/definition_file.h) fills it from YAML; the plan reads it. Texts are borrowed from `arena`.
 *
 * `mark` is a handle of a position in the file, given by the edge (0: none); the plan passes it back in a mistake.
 */
#ifndef CORE_DEFINITION_H
#define CORE_DEFINITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"

struct definition_text {             /* absent: text.at == NULL */
	struct slice text;
	uint32_t mark;
};

struct definition_list {
	struct definition_text *items;
	size_t count;
};

struct definition_pair {             /* of a mapping: by, empty, label, params that are maps */
	struct definition_text key, value;
};

struct definition_pairs {
	struct definition_pair *items;
	size_t count;
};

struct definition_param {            /* params: {maturity: 30d, sales_marketing: [..], channel: {fb: facebook, _: keep}} */
	struct definition_text name;
	struct definition_text value;    /* a scalar, as text */
	struct definition_list list;
	struct definition_pairs map;
	enum { PARAM_SCALAR, PARAM_LIST, PARAM_MAP } kind;
};

struct definition_override {         /* tenants: {acme: {channel: {…}, answer_within: 20s}}: one param of one tenant */
	struct definition_text tenant;
	struct definition_param param;
};

struct definition_derive {           /* "lead.first_won_at": {min: …, over: …, where: …} or {value: …} (a named expression) */
	struct definition_text name;
	struct definition_text kind;     /* "min" "max" "sum" "count" "first" "next" "previous" "value" */
	struct definition_text value, over, where, by, key;
};

struct definition_measure {
	struct definition_text name, on, at, until, where, each, agg, value, extends, scope, of; /* of: percentile's value */
	struct definition_pairs by;
};

struct definition_metric {
	struct definition_text name, value, rank, ties, basis, mature, compare, unit, min_sample, min_share, description;
	struct definition_list windows;
	struct definition_list *groupings;   /* group_by: [[], [team], [team, rep]] */
	size_t grouping_count;
	uint32_t groupings_mark;
	struct definition_pairs empty, label, descriptions; /* descriptions: `description` by language, where it is more than one text */
};

struct definitions {
	struct arena *arena;
	struct definition_param *params;     size_t param_count;
	struct definition_override *overrides; size_t override_count; /* the last word of several counts */
	struct definition_derive *derives;   size_t derive_count;
	struct definition_measure *measures; size_t measure_count;
	struct definition_metric *metrics;   size_t metric_count;
	struct definition_text grace;        /* after a period's end; default 1h */
};

#endif
