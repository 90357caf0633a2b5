/*
 * funnel: the events of the comparison job, the same for the same numbers: every case is a lead, two calls, an opportunity and a deal, in
 * eight events over three hours, won in the end. The cases go round all reps, whose tenants and teams follow from their number.
 *
 * An event is bare Avro of about 122 bytes by the built-in schemas, so most fields are null. In order of time; the last cases are
 * cut off where the count is reached.
 */
#ifndef BENCH_FUNNEL_H
#define BENCH_FUNNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "core/event.h"

enum { FUNNEL_STEPS = 8 };

struct funnel {
	uint64_t events;          /* how many there are */
	uint32_t tenants, teams, reps; /* teams of a tenant, reps of a team */
	int64_t from_ms, length_ms;
	int64_t hurry;            /* the hours of a case are shortened so many times; 1 */
	/* where it is */
	uint64_t made, turn;
	int step;
	struct arena texts;
};

void funnel_init(struct funnel *, uint64_t events, uint32_t tenants, uint32_t teams, uint32_t reps);
void funnel_deinit(struct funnel *);
/* The next one: its texts are good until the one after it. False: there are no more. */
bool funnel_next(struct funnel *, struct event *ret);

#endif
