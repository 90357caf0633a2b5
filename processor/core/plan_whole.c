/*
 * plan_whole: full(m), the total of m over the whole period of its window, what lies ahead included: the month's target whose slices
 * lie on every day of it, the deals that are expected to close next week.
 *
 *      at:         3rd   9th | 17th   25th          m:           2 facts before the clock, two wait (S9)
 *      whole: 1st 1st  1st  1st                     whole of m:  4 facts, at the period's first instant
 *                      clock ^
 *
 * A fact counts in such a total from the moment on at which its period begins, whatever its own time in it. So it is a fact of another
 * measure, the whole of m, at the start of the period that its time lies in; an ordinary total to date of that has what full(m) wants.
 * Corrections, withdrawals, late arrivals, restarts, closed periods, doubt and the audit see nothing new: a fact that moves into
 * another month moves its whole, too, one that waits for its period to begin waits like any other. The price is one more
 * fact, cell and entry per unit (day, month …) in which full(m) is used; m itself is as it was.
 *
 * The other way, a second pair of edges that reaches over the facts that wait, would need no more memory, but running totals would no
 * longer be sums of the ledger: what waits would have to be passed by edges, paced, recomputed and audited like it.
 */
#include <string.h>

#include "core/plan_inside.h"

static const char *name_of(struct compiler *c, const char *measure, enum calendar_unit unit)
{
	struct buffer _cleanup_buffer_ name;

	buffer_init(&name);
	buffer_printf(&name, "full(%s) of the %s", measure, calendar_unit_name(unit));
	return plan_strdup(c, buffer_slice(&name));
}

int plan_whole_get(struct compiler *c, uint16_t measure, enum calendar_unit unit)
{
	struct plan *plan = c->plan;
	struct plan_measure *of = &plan->measures[measure], *whole;

	for (uint16_t i = 0; i < of->whole_count; i++)
		if (plan->measures[of->wholes[i]].whole_unit == unit)
			return of->wholes[i];
	if (plan->measure_count == PLAN_MEASURES_MAX)
		return -1;
	whole = &plan->measures[plan->measure_count];
	*whole = *of;
	whole->index = (uint16_t)plan->measure_count;
	whole->name = name_of(c, of->name, unit);
	whole->is_whole = true;
	whole->whole_of = measure;
	whole->whole_unit = unit;
	whole->whole_count = 0;
	whole->keeps_history = false; /* of flows only: opening(m) is m's own */
	whole->span_count = 0;
	whole->spans = NULL;
	of->wholes[of->whole_count++] = whole->index;
	return (int)plan->measure_count++;
}
