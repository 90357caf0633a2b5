/*
 * snapshot_closed: which periods are closed, and what is due in them (S14).
 *
 *      periods of a closer:   | closed | closed | closed |  open  | open ...      (the last one starts after the clock)
 *                             bit per group: due         ^ closed
 *
 * A period closes when the clock passes its end + grace (+ mature, for cohorts): all its groups are due. A fact booked later makes
 * its group due in the period that it belongs to and in the next one, whose previous value it is; if stocks or openings
 * read the measure, in all closed periods from there on. A round computes what is due from the buckets, in the order of
 * periods: at once those that have just closed, at most once a minute the corrections.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "core/snapshot_inside.h"

/* ---- closers -------------------------------------------------------------------------------------------- */

static uint32_t closer_add(struct snapshots *s, enum calendar_unit unit, int64_t mature_ms)
{
	const struct plan *plan = s->plan;
	struct snapshot_closer *c;

	for (uint32_t i = 0; i < s->closer_count; i++)
		if (s->closers[i].unit == unit && s->closers[i].mature_ms == mature_ms)
			return i;
	/* Definitions with more maturities than this close late with the last. */
	if (s->closer_count == SNAPSHOT_CLOSERS_MAX) {
		c = &s->closers[SNAPSHOT_CLOSERS_MAX - 1];
		c->mature_ms = c->mature_ms < mature_ms ? mature_ms : c->mature_ms;
		return SNAPSHOT_CLOSERS_MAX - 1;
	}
	c = &s->closers[s->closer_count];
	c->unit = unit;
	c->mature_ms = mature_ms;
	c->history = x_calloc(plan->measure_count + 1, sizeof(*c->history));
	c->stocks = x_calloc(plan->measure_count + 1, sizeof(*c->stocks));
	c->groupings = x_calloc(plan->grouping_count, sizeof(*c->groupings));
	return s->closer_count++;
}

static void read_inputs(struct snapshots *s, uint32_t closer, uint32_t grouping,
	const struct plan_metric *m, const struct plan_metric_window *w)
{
	const struct plan *plan = s->plan;
	struct snapshot_closer *c = &s->closers[closer];

	for (uint16_t i = 0; i < m->input_count; i++) {
		uint16_t measure = w->measures[i];
		bool is_opening = m->inputs[i].read == INPUT_OPENING,
		     is_stock = plan->measures[measure].stock && !is_opening;

		c->stocks[measure] |= is_stock;
		c->history[measure] |= is_opening || is_stock;
		c->reads_history |= is_opening || is_stock;
		(is_opening || is_stock
				? s->history_closers
				: s->flow_closers)[grouping * plan->measure_count + measure] |=
			UINT64_C(1) << closer;
	}
}

static void close_slot(struct snapshots *s, uint32_t grouping, uint32_t index)
{
	const struct plan *plan = s->plan;
	const struct snapshot_slot *slot = &s->groupings[grouping].slots[index];
	const struct plan_metric *m = &plan->metrics[slot->metric];
	const struct plan_window *window = &plan->windows[m->windows[slot->place].window];
	struct closer_slots *slots;
	int64_t mature_ms = m->rank_of >= 0 ? plan->metrics[m->rank_of].mature_ms : m->mature_ms;
	uint32_t closer;

	if (!window->closed_name || m->is_never_closed)
		return;
	closer = closer_add(s, window->unit, mature_ms);
	slots = &s->closers[closer].groupings[grouping];
	slots->slots = x_realloc_array(slots->slots, slots->count + 1, sizeof(*slots->slots));
	slots->slots[slots->count++] = index;
	read_inputs(s, closer, grouping, m, &m->windows[slot->place]);
}

void snapshot_find_closers(struct snapshots *s)
{
	size_t count = (size_t)s->plan->grouping_count * s->plan->measure_count + 1;

	s->flow_closers = x_calloc(count, sizeof(*s->flow_closers));
	s->history_closers = x_calloc(count, sizeof(*s->history_closers));
	for (uint32_t g = 0; g < s->plan->grouping_count; g++)
		for (uint32_t i = 0; i < s->groupings[g].slot_count; i++)
			close_slot(s, g, i);
}

static void free_closing(struct closing *closing)
{
	for (uint32_t i = 0; i < closing->count; i++) {
		free(closing->periods[i].due);
		index_deinit(&closing->periods[i].doubted);
	}
	free(closing->periods);
	free(closing->since_ms);
	index_deinit(&closing->doubted_groups);
}

static void free_tally(struct tally *t)
{
	free(t->cells);
	free(t->totals);
}

void snapshot_free_closed(struct snapshots *s)
{
	for (uint32_t i = 0; i < s->closer_count; i++) {
		for (uint32_t g = 0; g < s->plan->grouping_count; g++)
			free(s->closers[i].groupings[g].slots);
		free(s->closers[i].groupings);
		free(s->closers[i].history);
		free(s->closers[i].stocks);
	}
	for (uint32_t i = 0; i < s->class_count * s->closer_count; i++)
		free_closing(&s->closings[i]);
	free_tally(&s->round.sums.before);
	free_tally(&s->round.sums.previous);
	free_tally(&s->round.sums.inside);
	free(s->round.due);
	free(s->closings);
	free(s->flow_closers);
	free(s->history_closers);
	free(s->restored);
	free(s->finals);
	index_deinit(&s->final_index);
}

/* ---- periods -------------------------------------------------------------------------------------------- */

static void add_period(struct closing *closing, int64_t start_ms)
{
	X_GROW(closing->periods, closing->count, closing->capacity);
	closing->periods[closing->count++] = (struct closed_period){ .start_ms = start_ms };
}

/* The first period that starts at or after t. */
static uint32_t lower_period(const struct closing *closing, int64_t t_ms)
{
	uint32_t low = 0, high = closing->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;

		if (closing->periods[middle].start_ms < t_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Periods up to the first that starts after the clock. */
static void extend(struct closing *closing, const struct calendar *calendar,
	enum calendar_unit unit, int64_t clock_ms)
{
	while (closing->periods[closing->count - 1].start_ms <= clock_ms)
		add_period(closing, calendar_period_end(calendar, unit,
					    closing->periods[closing->count - 1].start_ms));
}

static bool is_over(const struct snapshots *s, const struct closing *closing,
	const struct snapshot_closer *closer, int64_t clock_ms)
{
	return closing->closed + 1 < closing->count &&
	       clock_ms >= closing->periods[closing->closed + 1].start_ms + s->plan->grace_ms +
				   closer->mature_ms;
}

/*
 * As far back as the ledger can reach: growth of the last closed year reads the year before it. What has closed before the first clock has no
 * final; a fact in it makes its key due.
 */
static void begin_closing(struct snapshots *s, const struct snapshot_view *view, uint32_t class,
	uint32_t index, int64_t clock_ms)
{
	const struct snapshot_closer *closer = &s->closers[index];
	const struct calendar *calendar = &view->calendars[class];
	struct closing *closing = snapshot_closing(s, class, index);
	int64_t from_ms = clock_ms - s->plan->horizon_ms,
		year_ms = calendar_period_shift(calendar, CALENDAR_YEAR, clock_ms, -2);

	if (closing->count)
		return;
	add_period(closing, calendar_period_start(
				    calendar, closer->unit, from_ms < year_ms ? from_ms : year_ms));
	extend(closing, calendar, closer->unit, clock_ms);
	if (closing->restored_ms != INT64_MIN)
		closing->closed = lower_period(closing, closing->restored_ms);
	else
		while (is_over(s, closing, closer, clock_ms))
			closing->closed++;
	/* A checkpoint can say anything, but the last period is open. */
	if (closing->closed >= closing->count)
		closing->closed = closing->count - 1;
}

struct closing *snapshot_closing(struct snapshots *s, uint32_t class, uint32_t closer)
{
	if (class >= s->class_count) {
		size_t before = (size_t)s->class_count * s->closer_count,
		       after = ((size_t) class + 1) * s->closer_count;

		s->closings = x_realloc_array(s->closings, after + 1, sizeof(*s->closings));
		memset(s->closings + before, 0, (after - before) * sizeof(*s->closings));
		for (size_t i = before; i < after; i++)
			s->closings[i].restored_ms = INT64_MIN;
		s->class_count = class + 1;
	}
	return &s->closings[(size_t) class * s->closer_count + closer];
}

static void set_since(struct closing *closing, uint32_t group, int64_t at_ms);

static void place_restored(struct snapshots *s, const struct snapshot_view *view)
{
	for (uint32_t i = 0; i < s->restored_count; i++) {
		const struct restored_due *r = &s->restored[i];
		struct closing *closing = snapshot_closing(s, r->class, r->closer);
		uint32_t period = lower_period(closing, r->start_ms);

		/* A checkpoint can name any number; what is noted takes memory by the greatest. */
		if (r->group != GROUP_NONE && r->group >= group_count(view->groups))
			continue;
		if (r->is_since) {
			set_since(closing, r->group, r->start_ms);
			if (s->doubt)
				snapshot_doubt_history(closing, r->group);
		} else if (period < closing->count &&
			   closing->periods[period].start_ms == r->start_ms) {
			if (r->group != GROUP_NONE)
				snapshot_due(closing, period, r->group);
			if (r->group != GROUP_NONE && s->doubt)
				snapshot_doubt_group(&closing->periods[period], r->group);
			if (r->group != GROUP_NONE || period >= closing->closed)
				continue;
			closing->periods[period].is_whole = true;
			closing->due_periods++;
			s->has_whole = true;
		}
	}
	s->restored_count = 0;
}

void snapshots_begin(struct snapshots *s, const struct snapshot_view *view, int64_t clock_ms)
{
	for (uint32_t class = 0; class < view->class_count; class ++)
		for (uint32_t i = 0; i < s->closer_count; i++)
			begin_closing(s, view, class, i, clock_ms);
	if (s->restored_count)
		place_restored(s, view);
}

/* ---- what is due ---------------------------------------------------------------------------------------- */

void snapshot_due(struct closing *closing, uint32_t index, uint32_t group)
{
	struct closed_period *p = &closing->periods[index];
	uint32_t word = group / 64;

	assert(p->due || !p->words);
	if (!p->due)
		closing->due_periods++;
	if (word >= p->words) {
		uint32_t words = p->words ? p->words * 2 : 4;

		while (words <= word)
			words *= 2;
		p->due = x_realloc_array(p->due, words, sizeof(*p->due));
		memset(p->due + p->words, 0, (words - p->words) * sizeof(*p->due));
		p->words = words;
	}
	p->due[word] |= UINT64_C(1) << (group & 63);
}

static void set_since(struct closing *closing, uint32_t group, int64_t at_ms)
{
	if (group >= closing->since_count) {
		uint32_t count = group + 1 < 64 ? 64 : (group + 1) * 2;

		closing->since_ms =
			x_realloc_array(closing->since_ms, count, sizeof(*closing->since_ms));
		for (uint32_t i = closing->since_count; i < count; i++)
			closing->since_ms[i] = INT64_MAX;
		closing->since_count = count;
	}
	if (at_ms < closing->since_ms[group])
		closing->since_ms[group] = at_ms;
	closing->has_since = true;
}

/* In doubt those that are open as well: the one before may have closed them. */
static uint32_t noted_periods(const struct snapshots *s, const struct closing *closing)
{
	return s->doubt && closing->count ? closing->count - 1 : closing->closed;
}

static void book_flow(const struct snapshots *s, struct closing *closing, uint32_t group,
	uint32_t cell, int64_t at_ms)
{
	uint32_t behind =
		lower_period(closing, at_ms + 1); /* the period after the one that contains it */

	for (uint32_t i = behind ? behind - 1 : 0; i <= behind && i < noted_periods(s, closing);
		i++)
		snapshot_due(closing, i, group);
	if (s->doubt && behind)
		snapshot_doubt_cell(&closing->periods[behind - 1], cell);
}

void snapshots_booked(
	struct snapshots *s, const struct snapshot_view *view, uint32_t cell_index, int64_t at_ms)
{
	const struct cell *cell = cell_at(view->groups, cell_index);
	uint32_t class = snapshot_class(view, cell->group);
	size_t place =
		(size_t)group_at(view->groups, cell->group)->grouping * s->plan->measure_count +
		cell->measure;
	uint64_t flows = s->flow_closers[place], history = s->history_closers[place];

	for (uint32_t i = 0; (flows | history) >> i; i++) {
		struct closing *closing = snapshot_closing(s, class, i);

		if (!closing->count) { /* the first booking after a restore */
			snapshots_begin(s, view, ledger_clock(view->ledgers[class]));
			closing = snapshot_closing(s, class, i);
		}
		if (s->doubt) /* a day that the clock has just passed has to be there to be noted */
			extend(closing, &view->calendars[class], s->closers[i].unit,
				ledger_clock(view->ledgers[class]));
		else if (!closing->closed || at_ms >= closing->periods[closing->closed].start_ms)
			continue;
		if (history >> i & 1) {
			set_since(closing, cell->group, at_ms);
			if (s->doubt)
				snapshot_doubt_history(closing, cell->group);
		} else if (flows >> i & 1)
			book_flow(s, closing, cell->group, cell_index, at_ms);
	}
}

/* A change of the past, as the periods that it shows in. */
static void spread_since(const struct snapshots *s, struct closing *closing)
{
	uint32_t end = noted_periods(s, closing);

	for (uint32_t group = 0; group < closing->since_count; group++) {
		int64_t at_ms = closing->since_ms[group];
		uint32_t behind =
			at_ms == INT64_MAX
				? end
				: lower_period(closing, at_ms == INT64_MIN ? at_ms : at_ms + 1);

		for (uint32_t i = behind ? behind - 1 : 0; at_ms != INT64_MAX && i < end; i++)
			snapshot_due(closing, i, group);
		closing->since_ms[group] = INT64_MAX;
	}
	closing->has_since = false;
}

void snapshot_final_forget(struct snapshots *s, struct final_value *final)
{
	struct closing *closing;
	uint32_t period;

	if (final->group == GROUP_NONE || final->content == CONTENT_AGAIN)
		return;
	final->content = CONTENT_AGAIN;
	final->dirty = true;
	closing = snapshot_closing(s, final->class, final->closer);
	period = lower_period(closing, final->start_ms);
	if (period < closing->closed && closing->periods[period].start_ms == final->start_ms)
		snapshot_due(closing, period, final->group);
}

void snapshot_restored_add(struct snapshots *s, const struct restored_due *due)
{
	X_GROW(s->restored, s->restored_count, s->restored_cap);
	s->restored[s->restored_count++] = *due;
}

/* ---- rounds --------------------------------------------------------------------------------------------- */

static void close_periods(struct collecting *c)
{
	struct snapshots *s = c->s;

	for (uint32_t i = 0; i < s->class_count * s->closer_count; i++) {
		struct closing *closing = &s->closings[i];
		const struct snapshot_closer *closer = &s->closers[i % s->closer_count];

		if (!closing->count)
			continue; /* of a class that there is no more */
		extend(closing, &c->view->calendars[i / s->closer_count], closer->unit,
			c->clock_ms);
		while (is_over(s, closing, closer, c->clock_ms)) {
			closing->periods[closing->closed].is_whole = true;
			closing->due_periods++;
			closing->closed++;
			s->has_whole = true;
		}
	}
}

/* What is noted of an open period waits until it closes. */
static bool has_due(const struct closing *closing)
{
	for (uint32_t i = 0; closing->due_periods && i < closing->closed; i++)
		if (closing->periods[i].due || closing->periods[i].is_whole)
			return true;
	return false;
}

static bool has_corrections(const struct snapshots *s)
{
	for (uint32_t i = 0; i < s->class_count * s->closer_count; i++)
		if (s->closings[i].has_since || has_due(&s->closings[i]))
			return true;
	return false;
}

/* Whether a round goes on, or has to begin. */
static bool begin_round(struct collecting *c)
{
	struct snapshots *s = c->s;
	bool restates = s->restated_ms == INT64_MIN ||
			c->now_ms - s->restated_ms >= s->settings.restate_interval_ms;

	if (s->round.is_active)
		return true;
	if (!s->has_whole && !(restates && has_corrections(s)))
		return false;
	for (uint32_t i = 0; restates && i < s->class_count * s->closer_count; i++)
		if (s->closings[i].has_since)
			spread_since(s, &s->closings[i]);
	s->round.is_active = true;
	s->round.restates = restates;
	s->round.ends_doubt = restates && s->doubt == DOUBT_CAUGHT_UP;
	s->round.is_loaded = false;
	s->round.class = s->round.closer = s->round.period = 0;
	s->round.before_ms = INT64_MIN;
	s->has_whole = false;
	if (restates)
		s->restated_ms = c->now_ms;
	return true;
}

/* Moves the cursor to the next period with something due in this round. False: the round is over. */
static bool next_period(struct snapshots *s)
{
	struct closed_round *r = &s->round;

	for (; r->class < s->class_count; r->class ++, r->closer = 0) {
		for (; r->closer < s->closer_count;
			r->closer++, r->period = 0, r->before_ms = INT64_MIN) {
			const struct closing *closing = snapshot_closing(s, r->class, r->closer);

			for (; closing->due_periods && r->period < closing->closed; r->period++)
				if (closing->periods[r->period].is_whole ||
					(r->restates && closing->periods[r->period].due))
					return true;
		}
	}
	r->is_active = false;
	if (r->ends_doubt)
		snapshot_doubt_ends(s);
	r->ends_doubt = false;
	return false;
}

uint32_t snapshots_collect_closed(struct snapshots *s, const struct snapshot_view *view,
	int64_t clock_ms, int64_t now_ms, uint32_t budget, snapshot_emit_fn emit, void *ctx)
{
	struct collecting c = { .s = s,
		.view = view,
		.clock_ms = clock_ms,
		.now_ms = now_ms,
		.budget = budget,
		.emit = emit,
		.ctx = ctx };

	snapshots_begin(s, view, clock_ms);
	close_periods(&c);
	if (!begin_round(&c))
		return 0;
	snapshot_look_after(&c);
	while (!c.refused && (s->round.is_loaded || next_period(s)))
		if (snapshot_settle_period(&c))
			s->round.period++;
	return c.count;
}

bool snapshots_is_idle(
	const struct snapshots *s, const struct snapshot_view *view, int64_t clock_ms)
{
	for (uint32_t i = 0; i < s->board_count; i++)
		if (s->boards[i].dirty)
			return false;
	for (uint32_t i = 0; i < s->class_count * s->closer_count; i++)
		if (s->closings[i].count &&
			is_over(s, &s->closings[i], &s->closers[i % s->closer_count], clock_ms))
			return false;
	return !s->round.is_active && !s->has_whole && !has_corrections(s) && !s->must_touch_all &&
	       !s->forgotten_count && !snapshot_has_crossed(s, view, clock_ms) &&
	       !group_dirty_count(view->groups, GROUP_URGENT) &&
	       !group_dirty_count(view->groups, GROUP_PATIENT) &&
	       s->groups_seen == group_count(view->groups) &&
	       s->tenants_seen == store_tenant_count(view->store);
}
