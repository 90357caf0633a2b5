/*
 * fact_frame: what a program of the plan sees while it runs for one entity. `frame.ctx` of every run points to one;
 * the plan's loads and functions (team_at, local_day, day_start …) read it and nothing else.
 *
 * Invariant: everything is borrowed for the length of one run, and nothing is written through it.
 */
#ifndef CORE_FACT_FRAME_H
#define CORE_FACT_FRAME_H

#include <stdint.h>

struct calendar;
struct store;
struct entity;
struct list_cells;

struct fact_frame {
	const struct calendar *calendar; /* of the entity's tenant; NULL while derived values are computed */
	const struct store *store;
	const struct entity *entity;     /* the measure's entity, not deleted ones only */
	const struct list_cells *list;   /* the list that `each` walks, else NULL */
	uint32_t row;                    /* the row of `list` that it stands on */

	/*
	 * S13: on opportunities a stock reads one version of the record instead of the newest. A load of an own slot
	 * whose bit is set here takes overlay[slot] (null if its bit in overlay_present is clear). NULL: no overlay.
	 */
	const int64_t *overlay;
	uint64_t overlay_set[2];
	uint64_t overlay_present[2];
};

#endif
