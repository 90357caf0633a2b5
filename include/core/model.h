/*
 * model: the entity types and their fields, as EVENTS.md has them; the one table that decoding, definitions, registers and
 * tests agree on. A test proves that it equals schemas/<name>.avsc.
 */
#ifndef CORE_MODEL_H
#define CORE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "core/value.h"

enum entity_type {
	ENTITY_LEAD, ENTITY_OPPORTUNITY, ENTITY_DEAL, ENTITY_CALL, ENTITY_REP, ENTITY_ACCOUNT,
	/* reference streams: each may be absent, and unlocks KPIs */
	ENTITY_TARGET, ENTITY_SPEND, ENTITY_FX_RATE, ENTITY_INTERACTION, ENTITY_VISIT, ENTITY_AGENT_STATE, ENTITY_TICKET,
	ENTITY_TYPE_COUNT,
};

enum { MODEL_FIELDS_MAX = 48 };

struct model_list;

struct model_field {
	const char *name;
	enum value_type type;        /* BOOL INT DECIMAL MONEY RATE TIME DURATION STRING LIST */
	const char *currency;        /* MONEY: the field with its currency; NULL: the owner's `currency` (list columns) */
	int8_t reference;            /* entity type that a STRING names, or -1 */
	bool required;               /* not nullable on the wire */
	bool personal;               /* removed by ERASE */
	bool past_tense;             /* S9: can't be more than 48 h after the event itself */
	bool is_date;                /* INT: days since 1970-01-01, a local date */
	bool has_range;              /* a number outside least … most can't be true: a dead letter */
	int64_t least, most;         /* in the type's units */
	const char *const *symbols;  /* STRING that is an Avro enum: its symbols, NULL-terminated, "UNKNOWN" first */
	const struct model_list *list; /* LIST: its columns */
};

struct model_list {
	const char *record;          /* the Avro record's name */
	const struct model_field *fields;
	size_t field_count;
};

struct model_entity {
	const char *name;            /* "deal": the Avro record's name and the prefix of paths */
	const char *topic;           /* default topic */
	const struct model_field *fields;
	size_t field_count;
	const char *passing_field, *passing_symbol; /* S26: it can go once this field says so (no symbol: says anything) and its times are long past; NULL: never */
	int8_t currency_at;          /* the field that all its money is in; -1: it has none */
	bool is_optional;            /* a company may not have this stream; its records may be known by reference only */
	int8_t first_day_at, last_day_at; /* dates, the last one inclusive, that can't be in the wrong order; -1: it has none */
};

extern const struct model_entity model_table[ENTITY_TYPE_COUNT];

/* enum entity_type, or -1. */
int model_entity_find(struct slice name);
/* Index in fields, or -1. */
int model_field_find(enum entity_type, struct slice name);
int model_list_field_find(const struct model_list *, struct slice name);

#endif
