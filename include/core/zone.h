/*
 * zone: one time zone, parsed from the bytes of a TZif file (RFC 8536), with its rule for the time after the last transition.
 * Pure; the edge reads the file. Immutable once parsed.
 */
#ifndef CORE_ZONE_H
#define CORE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zone_transition {
	int64_t at_ms;               /* UTC: from here on */
	int32_t offset_ms;           /* local = UTC + offset */
};

struct zone {
	struct zone_transition *transitions; /* owned, sorted; the rule's are laid out to the year 2200 */
	size_t count;
	int32_t first_offset_ms;     /* before the first transition */
};

/* 0, or 1 when the bytes are no TZif. */
int zone_parse(const void *bytes, size_t length, struct zone *ret);
void zone_deinit(struct zone *);
/*
 * One zone out of two: `before` until its own clock shows `local_ms`, `after` from then on. That instant is where the new one shows
 * local_ms too (zone_from_local), whether the clock is set forward there or back.
 */
void zone_splice(const struct zone *before, const struct zone *after, int64_t local_ms, struct zone *ret);

int32_t zone_offset_at(const struct zone *, int64_t utc_ms);
/* Local wall time (ms as if UTC) to UTC: in a gap the first instant after it, in an overlap the first of both. */
int64_t zone_from_local(const struct zone *, int64_t local_ms);
static inline int64_t zone_to_local(const struct zone *zone, int64_t utc_ms)
{
	return utc_ms + zone_offset_at(zone, utc_ms);
}
/* Like zone_to_local, but never falling: in the second pass of an overlap the clock stands at the overlap's end (S11). */
int64_t zone_to_local_monotone(const struct zone *, int64_t utc_ms);

#endif
