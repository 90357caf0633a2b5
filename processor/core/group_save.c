/* group_save: groups and cells as records of a checkpoint, and the check of the table's invariants. */
#include <assert.h>
#include <string.h>

#include "core/group_inside.h"
#include "core/histogram.h"

void group_save(
	const struct group_table *t, uint32_t first_group, uint32_t first_cell, struct buffer *out)
{
	assert(first_group <= t->group_count && first_cell <= t->cell_count);
	buffer_put_varint(out, first_group);
	buffer_put_varint(out, t->group_count - first_group);
	buffer_put_varint(out, first_cell);
	buffer_put_varint(out, t->cell_count - first_cell);
	for (uint32_t i = first_group; i < t->group_count; i++) {
		const struct group *g = group_at(t, i);

		buffer_put_varint(out, g->tenant);
		buffer_put_varint(out, g->grouping);
		for (uint32_t k = 0; k < t->plan->groupings[g->grouping].dim_count; k++)
			buffer_put_varint(out, g->dims[k]);
	}
	for (uint32_t i = first_cell; i < t->cell_count; i++) {
		const struct cell *c = cell_at(t, i);

		buffer_put_varint(out, c->group);
		buffer_put_varint(out, c->measure);
		buffer_put_varint(out, c->currency);
		buffer_put_varint(out, c->sub);
	}
}

/* A varint that must fit; marks the reader bad otherwise. */
static uint32_t read_u32(struct reader *r, uint64_t max)
{
	uint64_t value = reader_varint(r);

	if (value > max)
		reader_fail(r);
	return r->bad ? 0 : (uint32_t)value;
}

/* One group that must become, or be, number `index`. */
static bool restore_group(struct group_table *t, uint32_t index, struct reader *r)
{
	uint32_t dims[PLAN_GROUP_DIMS_MAX] = { 0 };
	uint32_t tenant = read_u32(r, UINT32_MAX);
	uint64_t grouping = reader_varint(r);
	uint32_t found;

	if (r->bad || grouping >= t->plan->grouping_count)
		return false;
	for (uint32_t k = 0; k < t->plan->groupings[grouping].dim_count; k++)
		dims[k] = read_u32(r, UINT32_MAX);
	if (r->bad)
		return false;
	found = group_find(t, tenant, (uint16_t)grouping, dims);
	if (found == GROUP_NONE && index == t->group_count)
		found = group_append(t, tenant, (uint16_t)grouping, dims);
	return found == index;
}

/* What a sub cell can stand for: a bin of the histogram; a value; nothing where there are none. */
static bool is_sub(const struct plan_measure *m, uint64_t sub)
{
	if (m->agg == AGG_PERCENTILE)
		return sub <= UINT32_MAX && (int32_t)(uint32_t)sub >= -HISTOGRAM_BIN_MAX &&
		       (int32_t)(uint32_t)sub <= HISTOGRAM_BIN_MAX;
	return measure_has_subs(m) || !sub;
}

static bool restore_cell(struct group_table *t, uint32_t index, struct reader *r)
{
	uint64_t group = reader_varint(r);
	uint64_t measure = reader_varint(r);
	uint32_t currency = read_u32(r, UINT32_MAX);
	uint64_t sub = reader_varint(r);
	uint32_t found;

	if (r->bad || group >= t->group_count || measure >= t->plan->measure_count)
		return false;
	if (group_measure_place(t, group_at(t, (uint32_t)group), (uint16_t)measure) == UINT16_MAX ||
		!is_sub(&t->plan->measures[measure], sub))
		return false;
	found = cell_find(t, (uint32_t)group, (uint16_t)measure, currency, sub);
	if (found == CELL_NONE && index == t->cell_count)
		found = cell_append(t, (uint32_t)group, (uint16_t)measure, currency, sub);
	return found == index;
}

int group_restore(struct group_table *t, struct reader *r)
{
	uint32_t first_group = read_u32(r, t->group_count);
	uint32_t groups = read_u32(r, GROUP_NONE - 1 - first_group);
	uint32_t first_cell = read_u32(r, t->cell_count);
	uint32_t cells = read_u32(r, CELL_NONE - 1 - first_cell);

	if (r->bad)
		return 1;
	for (uint32_t i = 0; i < groups; i++)
		if (!restore_group(t, first_group + i, r))
			return 1;
	for (uint32_t i = 0; i < cells; i++)
		if (!restore_cell(t, first_cell + i, r))
			return 1;
	return 0;
}

static void check_live(const struct group_table *t, const struct group_node *g, uint32_t chain)
{
	const struct plan_measure *m =
		&t->plan->measures[t->plan->groupings[g->group.grouping].measures[chain]];

	for (uint32_t place = 0; place < m->span_count; place++) {
		struct total live = { 0 };

		for (uint32_t i = g->group.cells[chain]; i != CELL_NONE;
			i = cell_node(t, i)->cell.next) {
			const struct cell *c = &cell_node(t, i)->cell;

			live.sum += !c->currency && c->totals[place].count > 0;
			live.count += c->currency ? 0 : c->totals[place].count;
		}
		assert(live.sum == g->live[chain][place].sum &&
			live.count == g->live[chain][place].count);
	}
}

void group_check(const struct group_table *t)
{
	uint32_t cells = 0, queued = 0;

	index_check(&t->groups);
	index_check(&t->cells);
	assert(index_count(&t->groups) == t->group_count);
	for (uint32_t i = 0; i < t->group_count; i++) {
		const struct group_node *g = group_node(t, i);
		const struct plan_grouping *grouping = &t->plan->groupings[g->group.grouping];

		for (int q = 0; q < GROUP_URGENCY_COUNT; q++)
			queued += g->group.queued >> q & 1;
		assert(!g->group.dirty || g->group.queued);
		assert(group_find(t, g->group.tenant, g->group.grouping, g->group.dims) == i);
		for (uint32_t k = 0; k < grouping->measure_count; k++) {
			for (uint32_t c = g->group.cells[k]; c != CELL_NONE;
				c = cell_node(t, c)->cell.next) {
				const struct cell *cell = &cell_node(t, c)->cell;

				cells++;
				assert(cell->group == i && cell->measure == grouping->measures[k]);
				assert(cell_find(t, i, cell->measure, cell->currency, cell->sub) ==
					c);
			}
			if (g->live[k])
				check_live(t, g, k);
		}
	}
	assert(cells == t->cell_count &&
		queued == t->queues[GROUP_URGENT].count + t->queues[GROUP_PATIENT].count);
}
