/*
 * wall: where time comes from: the wall clock for event-time rules, a monotone clock for intervals. The real one asks the
 * kernel; the manual one is set by tests and by the simulation. Nothing else in the program reads a clock.
 */
#ifndef EDGE_WALL_H
#define EDGE_WALL_H

#include <stdint.h>

struct wall;

struct wall_ops {
	const char *name;
	int64_t (*now_ms)(struct wall *);        /* UTC, since 1970 */
	int64_t (*monotone_ms)(struct wall *);   /* any origin, never falls */
};

struct wall {
	const struct wall_ops *ops;
	int64_t manual_now_ms, manual_monotone_ms; /* of wall_manual */
};

extern const struct wall_ops wall_real, wall_manual;

static inline int64_t wall_now_ms(struct wall *w) { return w->ops->now_ms(w); }
static inline int64_t wall_monotone_ms(struct wall *w) { return w->ops->monotone_ms(w); }

#endif
