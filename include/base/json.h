/*
 * json: writes JSON text into a buffer; commas and colons come by themselves. (Values are
 * json_put_*: jansson, which reads JSON elsewhere in this program, owns json_string and its like.)
 *
 * The caller opens and closes in order (asserted, at most JSON_DEPTH_MAX deep). Strings may be any
 * bytes: control characters are escaped, and what is not UTF-8 becomes U+FFFD, so the output is
 * always valid JSON.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/decimal.h"
#include "base/slice.h"

#define JSON_DEPTH_MAX 64

struct json {
	struct buffer *out; /* borrowed */
	unsigned depth;
	uint64_t is_object; /* bit per level */
	uint64_t has_items; /* bit per level: a comma is due before the next item */
	bool after_key;
};

/* Appends to what out already holds. */
struct json json_of(struct buffer *out);
void json_begin_object(struct json *);
void json_end_object(struct json *);
void json_begin_array(struct json *);
void json_end_array(struct json *);
/* Only inside an object, followed by exactly one value. */
void json_key(struct json *, const char *name);
void json_key_slice(struct json *, struct slice name);
void json_put_string(struct json *, struct slice text);
void json_put_int(struct json *, int64_t);
/* The shortest text that reads back as the same number; infinities and NaN become null. */
void json_put_double(struct json *, double);
/* A decimal (units of 1/10,000) as an exact JSON number. */
void json_put_decimal(struct json *, i128 units, int digits_min);
void json_put_bool(struct json *, bool);
void json_put_null(struct json *);
/* Text that is already JSON. */
void json_put_raw(struct json *, struct slice);

#endif
