/*
 * Doubt: after a restore it is unknown what the process before has said on kpi.history since the checkpoint (S18, S10). What it can have
 * said otherwise it has read in events, and all of these come again. So what they touch is noted, cell by cell and period by
 * period, until all has been read; a key is then said though it is nothing, or nothing else than what was remembered. A stock's facts
 * show in every later period.
 */
#include <assert.h>

#include "base/hash.h"
#include "core/snapshot_inside.h"

/* Each a set of its own in one index, whose values are an id, doubled, and the kind. */
enum doubted {
	DOUBTED_CELL, /* a flow's facts in the period: they show in the next one too */
	DOUBTED_GROUP, /* of a period: noted by a process before, which forgot the cells; of a closing: all its history */
};

static uint32_t doubted_value(enum doubted kind, uint32_t id)
{
	assert(id <= UINT32_MAX / 2);
	return id << 1 | kind;
}

static bool is_same(const void *ctx, const void *key, uint32_t value)
{
	(void)ctx;
	return *(const uint32_t *)key == value;
}

static bool has(const struct index *in, enum doubted kind, uint32_t id)
{
	uint32_t value = doubted_value(kind, id);

	return index_find(in, hash_u64(value), is_same, &value, NULL, NULL);
}

static void note(struct index *in, enum doubted kind, uint32_t id)
{
	if (!has(in, kind, id))
		index_insert(in, hash_u64(doubted_value(kind, id)), doubted_value(kind, id));
}

void snapshot_doubt_cell(struct closed_period *p, uint32_t cell)
{
	note(&p->doubted, DOUBTED_CELL, cell);
}

void snapshot_doubt_group(struct closed_period *p, uint32_t group)
{
	note(&p->doubted, DOUBTED_GROUP, group);
}

void snapshot_doubt_history(struct closing *closing, uint32_t group)
{
	note(&closing->doubted_groups, DOUBTED_GROUP, group);
}

bool snapshot_doubt_next(const struct closing *closing, size_t *cursor, uint32_t *ret_group)
{
	const struct index *in = &closing->doubted_groups;

	for (; *cursor < in->capacity; ++*cursor) {
		if (!in->places[*cursor].tag)
			continue;
		*ret_group = in->places[(*cursor)++].value >> 1;
		return true;
	}
	return false;
}

/* The groups of one index: cells stand for theirs. */
static void visit(const struct collecting *c, const struct index *in,
	void (*due)(struct closed_round *, uint32_t group))
{
	for (size_t i = 0; i < in->capacity; i++) {
		uint32_t id = in->places[i].value >> 1;

		if (!in->places[i].tag)
			continue;
		if ((in->places[i].value & 1) == DOUBTED_CELL)
			id = cell_at(c->view->groups, id)->group;
		due(&c->s->round, id);
	}
}

void snapshot_doubt_groups(const struct collecting *c, const struct closing *closing,
	uint32_t period, void (*due)(struct closed_round *, uint32_t group))
{
	visit(c, &closing->doubted_groups, due);
	visit(c, &closing->periods[period].doubted, due);
	if (period)
		visit(c, &closing->periods[period - 1].doubted, due);
}

static bool has_noted(
	const struct closing *closing, uint32_t period, enum doubted kind, uint32_t id)
{
	return has(&closing->periods[period].doubted, kind, id) ||
	       (period && has(&closing->periods[period - 1].doubted, kind, id));
}

bool snapshot_is_doubted(const struct collecting *c, const struct plan_metric *m,
	const struct plan_metric_window *w, uint32_t group, uint32_t currency)
{
	const struct closed_round *r = &c->s->round;
	const struct closing *closing = snapshot_closing(c->s, r->class, r->closer);
	const struct group *g = group_at(c->view->groups, group);
	const struct plan_grouping *grouping = &c->view->plan->groupings[g->grouping];
	bool history = has(&closing->doubted_groups, DOUBTED_GROUP, group);

	if (has_noted(closing, r->period, DOUBTED_GROUP, group))
		return true;
	for (uint16_t i = 0; i < m->input_count; i++) {
		uint16_t measure = w->measures[i], place = grouping->measure_place[measure];
		uint32_t cell = place == UINT16_MAX ? CELL_NONE : g->cells[place];

		if (history && c->s->closers[r->closer].history[measure])
			return true;
		for (; cell != CELL_NONE; cell = cell_at(c->view->groups, cell)->next) {
			uint32_t of = cell_at(c->view->groups, cell)->currency;

			if ((!of || of == currency) &&
				has_noted(closing, r->period, DOUBTED_CELL, cell))
				return true;
		}
	}
	return false;
}

/* ---- its life ------------------------------------------------------------------------------------------- */

void snapshots_doubt(struct snapshots *s)
{
	s->doubt = DOUBT_READING;
	s->doubted_below = UINT32_MAX;
	for (uint32_t i = 0; i < s->final_count; i++)
		s->finals[i].is_doubted = true;
}

void snapshots_caught_up(struct snapshots *s)
{
	if (s->doubt == DOUBT_READING)
		s->doubt = DOUBT_CAUGHT_UP;
}

bool snapshots_is_in_doubt(const struct snapshots *s)
{
	return s->doubt != DOUBT_NONE;
}

void snapshot_doubt_ends(struct snapshots *s)
{
	s->doubt = DOUBT_NONE;
	for (uint32_t i = 0; i < s->class_count * s->closer_count; i++) {
		index_deinit(&s->closings[i].doubted_groups);
		for (uint32_t k = 0; k < s->closings[i].count; k++)
			index_deinit(&s->closings[i].periods[k].doubted);
	}
}
