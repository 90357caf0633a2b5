/*
 * event_json: events as JSON lines: one object a line, the field names of EVENTS.md, "type" naming the record ("deal"). Times
 * are ISO 8601 texts or numbers of milliseconds, dates "2026-03-28", decimals texts or numbers ("125000000.50"; a
 * number with a point keeps at most 15 digits, so one with more is refused); an absent field is null, a name that is none of the
 * record's is refused: the customer's own fields stand in `ext`.
 */
#ifndef EDGE_EVENT_JSON_H
#define EDGE_EVENT_JSON_H

#include "base/arena.h"
#include "base/buffer.h"
#include "core/event.h"

/* 0, or 1: not an event; ret_reason names the field and what is wrong. Everything in *ret is from the arena. */
int event_json_read(struct slice line, struct arena *, struct event *ret, char ret_reason[EVENT_REASON_MAX]);
/* Appends one line with its line end; null fields are left out. */
void event_json_write(const struct event *, struct buffer *out);

#endif
