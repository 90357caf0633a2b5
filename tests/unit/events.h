/*
 * events: tersely built events for tests: by field names, values as texts that are read by the field's type.
 *
 *      struct event *e = event_make(&arena, ENTITY_DEAL, "D1", 2, "2026-03-01T10:00:00Z");
 *      event_set_all(e, "status", "WON", "amount", "125.50", "currency", "IDR", "won_at", "2026-03-01T10:00:00Z", NULL);
 *      event_add_row(&arena, e, "splits", "ana", "REVENUE", "60", NULL);
 *
 * Everything is in the arena or borrowed from the caller's texts. A wrong name or an unreadable text is asserted against.
 */
#ifndef TESTS_UNIT_EVENTS_H
#define TESTS_UNIT_EVENTS_H

#include "base/arena.h"
#include "core/event.h"

/* ms since 1970 of "2026-03-01T10:00:00Z", or of "2026-03-01": its 00:00 UTC. */
int64_t time_of(const char *text);

/*
 * An UPDATE of tenant "acme", all fields null but the required lists, which are empty. Its event_id is
 * "<id>-<version>", so that equal calls make equal events; occurred_at NULL: version minutes after 2026-03-01.
 */
struct event *event_make(struct arena *, enum entity_type, const char *id, int64_t version, const char *occurred_at);
/* The same with another op; without further fields a DELETE, UNDELETE or ERASE has no body. */
struct event *event_make_op(
	struct arena *, enum entity_type, enum event_op, const char *id, int64_t version, const char *occurred_at);

/*
 * Any field but a list, from text by its type: texts as they are, "125.50" for money and decimals, times as time_of,
 * dates "2026-03-01", "true" and "false", whole numbers, durations "90s" (or milliseconds). NULL: null.
 */
void event_set(struct event *, const char *field, const char *text);
/* Pairs of field and text, up to NULL in a field's place. */
void event_set_all(struct event *, ...) __attribute__((sentinel));

void event_set_null(struct event *, const char *field);
void event_set_text(struct event *, const char *field, const char *text);
void event_set_time(struct event *, const char *field, int64_t ms);
/* Whole numbers, dates in days, durations in ms. */
void event_set_int(struct event *, const char *field, int64_t value);
void event_set_bool(struct event *, const char *field, bool value);
/* In 1/10,000; money_of("125.50") is such. The currency goes in its own field, unless it is NULL. */
void event_set_money(struct event *, const char *field, int64_t units, const char *currency);
void event_set_decimal(struct event *, const char *field, int64_t units);
int64_t money_of(const char *text);

/* Appends a row to a list (splits, items, memberships): one text per column, NULL for a null cell. */
void event_add_cells(struct arena *, struct event *, const char *field, const char *const *texts);
/* The same with three texts, or four. */
#define event_add_row(arena, event, field, ...) \
	event_add_cells((arena), (event), (field), (const char *const[]){__VA_ARGS__, NULL})
void event_add_ext(struct arena *, struct event *, const char *key, const char *value);
void event_add_merged(struct arena *, struct event *, const char *id);

#endif
