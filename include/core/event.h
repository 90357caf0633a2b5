/*
 * event: one decoded event: the envelope and a full after-image of an entity. All texts, lists and arrays are borrowed from the
 * message's bytes or from the arena that the decoder was given.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/slice.h"
#include "core/model.h"

enum event_op {
	EVENT_UNKNOWN, EVENT_CREATE, EVENT_UPDATE, EVENT_DELETE, EVENT_UNDELETE, EVENT_MERGE, EVENT_SNAPSHOT, EVENT_ERASE,
	EVENT_OP_COUNT,
};
extern const char *const event_op_names[EVENT_OP_COUNT + 1]; /* NULL-terminated */

struct event_list;

struct event_value {
	bool is_null;
	int64_t i;                   /* BOOL INT DECIMAL MONEY TIME */
	struct slice text;           /* STRING */
	struct event_list *list;     /* LIST */
};

struct event_list {
	size_t count;
	struct event_value *cells;   /* count * columns, row-major */
};

struct event_ext {
	struct slice key, value;
};

struct event {
	enum entity_type type;
	struct slice event_id, tenant_id, entity_id, source, actor_id;
	enum event_op op;
	int64_t occurred_at_ms, ingested_at_ms, source_version;
	struct slice *merged_ids;
	size_t merged_count;
	bool excluded;
	struct event_ext *ext;
	size_t ext_count;
	struct event_value *fields;  /* [model_table[type].field_count] */
};

/* S1: the total order of two images of one entity. */
struct order_key {
	int64_t source_version, occurred_at_ms;
	uint8_t op_rank;             /* updates 0, DELETE 1, UNDELETE 2 */
	uint8_t id[16];              /* first bytes of event_id; a UUID's text is parsed to its 16 */
	uint64_t hash;               /* of the canonical image: all fields, lists, ext (sorted), merged ids, excluded */
};

struct order_key event_order(const struct event *);
int order_compare(const struct order_key *, const struct order_key *);

/*
 * Whether it carries an image (S2): CREATE, UPDATE, SNAPSHOT always; MERGE, UNDELETE, DELETE if any field says something (a
 * required one that is blank, UNKNOWN or 0 does not), a DELETE only if its fields can be true too; ERASE never.
 */
bool event_has_body(const struct event *);

/* Years 1900 to 2300: what lies outside is a unit mistake (seconds, microseconds), not a time. */
bool event_time_is_sane(int64_t ms);

enum { EVENT_REASON_MAX = 160 };
/* 0, or 1: it can't be true or can't be taken: a dead letter with this reason (S9 among them). */
int event_validate(const struct event *, char ret_reason[EVENT_REASON_MAX]);

/* An event with all fields null, its array from the arena. */
void event_init(struct event *, enum entity_type, struct arena *);
/* The value of a field by name, for tests and simulators; programmer error if there is none. */
struct event_value *event_field(struct event *, const char *name);

#endif
