/*
 * value: what expressions compute with. Types are static (the checker knows them); a value carries its type for printing and
 * assertions, its null-ness, and the currency of money.
 */
#ifndef CORE_VALUE_H
#define CORE_VALUE_H

#include <stdbool.h>
#include <stdint.h>

enum value_type {
	VALUE_NULL,      /* only null is of this type */
	VALUE_BOOL,      /* 0 or 1 */
	VALUE_INT,
	VALUE_DECIMAL,   /* 1/10,000 */
	VALUE_MONEY,     /* 1/10,000 of `currency` */
	VALUE_TIME,      /* ms since 1970 UTC */
	VALUE_DURATION,  /* ms */
	VALUE_STRING,    /* intern id */
	VALUE_REF,       /* entity index */
	VALUE_LIST,      /* pointer to a struct list_cells (store.h), or of constants in a program */
	VALUE_RATE,      /* 1/100,000,000: of exchange; nothing is computed with it but conversions */
	VALUE_ANY,       /* in checks only: no wish */
};

struct value {
	int64_t i;
	uint32_t currency;   /* intern id, of money; 0: none */
	uint8_t type;        /* enum value_type */
	bool is_null;
};

const char *value_type_name(enum value_type);

static inline struct value value_null(enum value_type type)
{
	return (struct value){ .type = (uint8_t)type, .is_null = true };
}

static inline struct value value_of(enum value_type type, int64_t i)
{
	return (struct value){ .i = i, .type = (uint8_t)type };
}

#endif
