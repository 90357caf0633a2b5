/*
 * group_inside: what the files group*.c share. A node is the public part and what makes it fast: a cell knows its group, the
 * windows that each of its totals is dirty for, and where the totals over all sub cells of its chain are kept.
 *
 * Invariant: `live` of a chain is, per place, {number of its cells without a currency that have a count > 0, facts of these cells}.
 * Private to group*.c.
 */
#ifndef CORE_GROUP_INSIDE_H
#define CORE_GROUP_INSIDE_H

#include "base/arena.h"
#include "base/index.h"
#include "core/group.h"

enum group_inside_limit {
	GROUP_CHUNK_BITS = 10,           /* nodes per chunk; chunks never move, so pointers stay good */
	CELL_CHUNK_BITS = 12,
};

struct group_node {
	struct group group;              /* first: a pointer to it is a pointer to the node */
	struct total **live;             /* [grouping.measure_count]: of measures with sub cells, else NULL */
};

struct cell_node {
	struct cell cell;                /* first, as above */
	const uint64_t *windows;         /* [measure.span_count]: bitmap of plan windows */
	uint64_t touches;                /* its measure's bit of group.touched */
	struct total *live;              /* of its chain; NULL if the measure has no sub cells or the cell a currency */
	struct group_node *group;
};

struct group_table {
	const struct plan *plan;         /* borrowed */
	struct group_limits limits;
	const uint64_t **windows;        /* [grouping * measure_count + measure] */
	struct group_node **group_chunks;
	uint32_t group_count, group_chunk_count, group_chunk_cap;
	struct cell_node **cell_chunks;
	uint32_t cell_count, cell_chunk_count, cell_chunk_cap;
	struct index groups;             /* by key */
	struct index cells;              /* by key, only cells of measures with sub cells */
	struct arena memory;             /* totals, chains, windows: never freed one by one */
	struct group_queue {             /* ring of dirty groups */
		uint32_t *items;
		uint32_t first, count, capacity; /* capacity a power of two, or 0 */
	} queues[GROUP_URGENCY_COUNT];
	enum group_urgency urgency;      /* of changes now */
	uint64_t refused;
};

static inline struct group_node *group_node(const struct group_table *t, uint32_t index)
{
	return &t->group_chunks[index >> GROUP_CHUNK_BITS][index & ((1u << GROUP_CHUNK_BITS) - 1)];
}

static inline struct cell_node *cell_node(const struct group_table *t, uint32_t index)
{
	return &t->cell_chunks[index >> CELL_CHUNK_BITS][index & ((1u << CELL_CHUNK_BITS) - 1)];
}

static inline bool measure_has_subs(const struct plan_measure *m)
{
	return m->agg == AGG_DISTINCT || m->agg == AGG_PERCENTILE;
}

/* The place of a measure in the grouping's chains; UINT16_MAX: it has no cells there. */
static inline uint16_t group_measure_place(const struct group_table *t, const struct group *g, uint16_t measure)
{
	return t->plan->groupings[g->grouping].measure_place[measure];
}

/* As group_get and cell_get, whatever the limits say. The key must be absent. */
uint32_t group_append(struct group_table *, uint32_t tenant, uint16_t grouping, const uint32_t *dims);
uint32_t cell_append(struct group_table *, uint32_t group, uint16_t measure, uint32_t currency, uint64_t sub);
uint32_t cell_find(const struct group_table *, uint32_t group, uint16_t measure, uint32_t currency, uint64_t sub);

#endif
