/*
 * rate_watch: who was converted at which time, so that a rate that comes late, is corrected or taken back restates exactly the facts
 * that it touches (S16). Each conversion that the facts of a record ask for is noted as (tenant, currency, time, record), whether or
 * not a rate was there; with the facts of the record as it was before, they are taken away again.
 *
 * Invariant: what is watched are the conversions that the facts of all records ask for now, each as often as it is asked for. They are
 * known from the records alone, so no checkpoint has them: a restore asks all records whose money is foreign again.
 */
#ifndef CORE_RATE_WATCH_H
#define CORE_RATE_WATCH_H

#include <stddef.h>
#include <stdint.h>

struct rate_watch;

struct rate_watch *rate_watch_new(void);
void rate_watch_free(struct rate_watch *);

/*
 * `times` more conversions, or with a negative number fewer, of this record's money at this instant. While a change is looked at they may
 * be fewer than none for a moment.
 */
void rate_watch_count(struct rate_watch *, uint32_t tenant, uint32_t currency, int64_t at_ms, uint32_t entity, int times);

/* Calls `found` for each record with conversions in [from, to); one may be found more than once. */
typedef void (*rate_watch_fn)(void *ctx, uint32_t entity);
void rate_watch_visit(const struct rate_watch *, uint32_t tenant, uint32_t currency, int64_t from_ms, int64_t to_ms, rate_watch_fn found,
	void *ctx);

/* Different (tenant, currency, time, record). */
size_t rate_watch_items(const struct rate_watch *);
size_t rate_watch_bytes(const struct rate_watch *);
/* Asserts every invariant; slow; tests only. */
void rate_watch_check(const struct rate_watch *);

#endif
