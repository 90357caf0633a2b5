/* snapshot_final: the records of one closed period, from the sums of its buckets, and what was sent of them before. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "core/snapshot_inside.h"

/* ---- what was sent -------------------------------------------------------------------------------------- */

static bool is_key(const void *ctx, const void *wanted, uint32_t value)
{
	return ((const struct snapshots *)ctx)->finals[value].key == *(const uint64_t *)wanted;
}

struct final_value *snapshot_final_find(const struct snapshots *s, uint64_t key)
{
	uint32_t place;

	return index_find(&s->final_index, key, is_key, &key, s, &place) ? &s->finals[place] : NULL;
}

/* At the limit the oldest is forgotten: its key would be sent once more, without the first value. */
struct final_value *snapshot_final_make(struct snapshots *s, uint64_t key)
{
	struct final_value *final = snapshot_final_find(s, key);
	uint32_t place = s->final_count;

	if (final)
		return final;
	if (s->settings.finals_max && s->final_count >= s->settings.finals_max) {
		assert(s->finals);
		place = s->final_next;
		s->final_next = place + 1 < s->final_count ? place + 1 : 0;
		index_remove(&s->final_index, s->finals[place].key, place);
	} else {
		X_GROW(s->finals, s->final_count, s->final_cap);
		s->final_count++;
	}
	assert(s->finals);
	s->finals[place] =
		(struct final_value){ .key = key, .content = CONTENT_AGAIN, .group = GROUP_NONE };
	index_insert(&s->final_index, key, place);
	return &s->finals[place];
}

/* ---- sums ----------------------------------------------------------------------------------------------- */

struct adding {
	struct tally *tally;
	const struct snapshot_view *view;
	const bool *measures; /* NULL: all */
};

static void add_entry(void *ctx, uint32_t cell, i128 sum, int64_t count)
{
	const struct adding *a = ctx;

	if (!a->measures || a->measures[cell_at(a->view->groups, cell)->measure])
		tally_add(a->tally, cell, sum, count);
}

static void reset_tally(struct tally *t)
{
	if (!t->used)
		return;
	memset(t->cells, 0xff, t->capacity * sizeof(*t->cells));
	memset(t->totals, 0, t->capacity * sizeof(*t->totals));
	t->used = 0;
}

/* All before the period: a round goes through the periods in order, and adds what lies between. */
static void sum_before(const struct collecting *c, const struct snapshot_closer *closer,
	const struct ledger *ledger, int64_t start_ms)
{
	struct closed_round *r = &c->s->round;
	struct adding a = { &r->sums.before, c->view, closer->history };

	if (!closer->reads_history)
		return;
	if (r->before_ms == INT64_MIN) {
		reset_tally(&r->sums.before);
		ledger_visit_opening(ledger, add_entry, &a);
	}
	ledger_visit(ledger, r->before_ms, start_ms, add_entry, &a);
	r->before_ms = start_ms;
}

static void due_bit(struct closed_round *r, uint32_t group)
{
	uint32_t word = group / 64;

	if (word >= r->words) {
		uint32_t words = (word + 1) * 2;

		r->due = x_realloc_array(r->due, words, sizeof(*r->due));
		memset(r->due + r->words, 0, (words - r->words) * sizeof(*r->due));
		r->words = words;
	}
	r->due[word] |= UINT64_C(1) << (group & 63);
}

/* Groups with a fact in the period or in the one before, or with a stock at its end: others were zero and stay so. */
static void due_from(const struct collecting *c, const struct tally *t, const bool *measures)
{
	for (uint32_t i = 0; i < t->capacity; i++) {
		const struct cell *cell;

		if (t->cells[i] == CELL_NONE || (!t->totals[i].sum && !t->totals[i].count))
			continue;
		cell = cell_at(c->view->groups, t->cells[i]);
		if (!measures || measures[cell->measure])
			due_bit(&c->s->round, cell->group);
	}
}

static void take_due(struct closing *closing, struct closed_period *p, struct closed_round *r)
{
	closing->due_periods -= (uint32_t)(p->due != NULL) + (uint32_t)p->is_whole;
	free(r->due);
	r->due = p->due;
	r->words = p->words;
	p->due = NULL;
	p->words = 0;
}

/* False: the ledger does not reach back to it any more. */
static bool load_period(struct collecting *c)
{
	struct closed_round *r = &c->s->round;
	struct closing *closing = snapshot_closing(c->s, r->class, r->closer);
	const struct snapshot_closer *closer = &c->s->closers[r->closer];
	struct closed_period *p = &closing->periods[r->period];
	const struct ledger *ledger = c->view->ledgers[r->class];
	int64_t floor_ms = ledger_floor(ledger);
	struct adding inside = { &r->sums.inside, c->view, NULL },
		      previous = { &r->sums.previous, c->view, NULL };
	bool is_whole = p->is_whole;

	take_due(closing, p, r);
	p->is_whole = false;
	if (p->start_ms < floor_ms)
		return false;
	reset_tally(&r->sums.inside);
	reset_tally(&r->sums.previous);
	ledger_visit(ledger, p->start_ms, p[1].start_ms, add_entry, &inside);
	r->sums.has_previous = r->period && p[-1].start_ms >= floor_ms;
	if (r->sums.has_previous)
		ledger_visit(ledger, p[-1].start_ms, p->start_ms, add_entry, &previous);
	sum_before(c, closer, ledger, p->start_ms);
	if (is_whole) {
		due_from(c, &r->sums.inside, NULL);
		due_from(c, &r->sums.previous, NULL);
		due_from(c, &r->sums.before, closer->stocks);
		snapshot_doubt_groups(c, closing, r->period, due_bit);
	}
	r->group = r->slot = r->currency = r->board = 0;
	r->is_loaded = true;
	return true;
}

/* ---- one key -------------------------------------------------------------------------------------------- */

static struct closed_period *period_of(const struct collecting *c)
{
	return &snapshot_closing(c->s, c->s->round.class, c->s->round.closer)
			->periods[c->s->round.period];
}

/* Emits one key's outcome unless that is what was emitted last; `exists`: it is a key though nothing was sent of it. False: refused. */
static bool offer_final(struct collecting *c, uint32_t group, const struct snapshot_slot *slot,
	uint32_t currency, struct outcome *o, bool exists)
{
	const struct plan_metric *m = &c->view->plan->metrics[slot->metric];
	const struct closed_period *p = period_of(c);
	struct final_value *final;
	struct snapshot record;
	uint64_t content, key;

	o->start_ms = p[0].start_ms;
	o->end_ms = p[1].start_ms;
	snapshot_describe_key(c->s, c->view, group, m,
		c->view->plan->windows[m->windows[slot->place].window].closed_name, currency,
		&record);
	record.is_history = true;
	record.window_start_ms = o->start_ms;
	key = snapshot_key_hash(&record);
	final = snapshot_final_find(c->s, key);
	content = snapshot_content(o, false, 0);
	if (final ? final->content == content && !final->is_doubted : !exists)
		return true;
	snapshot_describe(c->s, c->view, group, m, o, &record);
	record.is_final = true;
	if (final && final->has_first)
		record.first_final_value = (struct snapshot_number){ true, final->first };
	else if (!final)
		record.first_final_value = record.value_decimal;
	if (!snapshot_send(c, SNAPSHOT_HISTORY, &record))
		return false;
	if (!final) {
		final = snapshot_final_make(c->s, key);
		final->has_first = o->value.has_exact;
		final->first = o->value.exact;
	}
	final->content = content;
	final->is_doubted = false;
	final->start_ms = o->start_ms;
	final->group = group;
	final->class = c->s->round.class;
	final->closer = (uint16_t)c->s->round.closer;
	final->cut = c->s->cut;
	final->dirty = true;
	return true;
}

static bool settle_key(
	struct collecting *c, uint32_t group, const struct snapshot_slot *slot, uint32_t currency)
{
	const struct plan_metric *m = &c->view->plan->metrics[slot->metric];
	const struct plan_metric_window *w = &m->windows[slot->place];
	const struct closed_sums *sums = &c->s->round.sums;
	const struct totals_source source = { .view = c->view, .sums = sums };
	const struct totals_source before = { .view = c->view, .sums = sums, .of_previous = true };
	/* Not at the edge of the ledger: what compares with what is not known there is no zero. */
	bool may_be_said = c->s->doubt && (sums->has_previous || !m->reads_previous) &&
			   snapshot_is_doubted(c, m, w, group, currency);
	bool exists = may_be_said || snapshot_is_nonzero(&source, m, w, group, currency) ||
		      (sums->has_previous && snapshot_is_nonzero(&before, m, w, group, currency));
	struct outcome o = { 0 };

	o.value = snapshot_run(&source, m, w, NULL, group, currency);
	if (!snapshot_has_stream(c->view, m, group)) {
		o.value = (struct metric_value){ .state = METRIC_NO_DATA };
		exists = false;
	}
	if (o.value.state == METRIC_OK &&
		snapshot_is_unconverted(c, &source, m, w, NULL, group, currency))
		o.value.state = METRIC_FX_MISSING;
	if (sums->has_previous && w->prev && !m->reads_previous &&
		!snapshot_lacks_money(c, &source, m, w, NULL, group, currency) &&
		!snapshot_lacks_money(c, &before, m, w, NULL, group, currency)) {
		struct metric_value previous = snapshot_run(&before, m, w, NULL, group, currency);

		snapshot_compare(&o, &o.value, &previous);
	}
	return offer_final(c, group, slot, currency, &o, exists);
}

/* Goes on at the cursor; false: refused. */
static bool settle_group(struct collecting *c, uint32_t group)
{
	struct closed_round *r = &c->s->round;
	uint32_t grouping = group_at(c->view->groups, group)->grouping;
	const struct closer_slots *slots = &c->s->closers[r->closer].groupings[grouping];

	for (; r->slot < slots->count; r->slot++, r->currency = 0) {
		const struct snapshot_slot *slot =
			&c->s->groupings[grouping].slots[slots->slots[r->slot]];
		const struct plan_metric *m = &c->view->plan->metrics[slot->metric];
		uint32_t currencies[SNAPSHOT_CURRENCIES_MAX], count;

		if (m->rank_of >= 0)
			continue;
		count = snapshot_currencies(c, m, group, currencies);
		for (; r->currency < count; r->currency++)
			if (!settle_key(c, group, slot, currencies[r->currency]))
				return false;
	}
	r->slot = 0;
	return true;
}

/* ---- ranks ---------------------------------------------------------------------------------------------- */

static bool has_due(const struct closed_round *r, const struct rank_board *b)
{
	for (uint32_t i = 0; i < b->count; i++)
		if (b->groups[i] / 64 < r->words &&
			r->due[b->groups[i] / 64] >> (b->groups[i] & 63) & 1)
			return true;
	return false;
}

static bool settle_rank(struct collecting *c, const struct rank_board *b,
	const struct snapshot_slot *slot, uint32_t currency)
{
	uint32_t count = snapshot_rank_board(c, b, slot, currency, &c->s->round.sums);

	for (uint32_t i = 0; i < b->count; i++) {
		const struct rank_place *place = &c->s->places[i];
		struct outcome o = snapshot_rank_outcome(place, count);

		if (!offer_final(c, b->groups[i], slot, currency, &o,
			    c->s->doubt || (place->rank && place->rank <= c->s->settings.rank_top)))
			return false;
	}
	return true;
}

static bool settle_ranks(
	struct collecting *c, const struct rank_board *b, const struct snapshot_slot *slot)
{
	uint32_t currencies[SNAPSHOT_CURRENCIES_MAX];
	uint32_t count = snapshot_board_currencies(
		c, &c->view->plan->metrics[slot->metric], b->tenant, currencies);

	for (uint32_t i = 0; i < count; i++)
		if (!settle_rank(c, b, slot, currencies[i]))
			return false;
	return true;
}

/* The boards of which a group was due; one is done again from its beginning if it was refused: what was sent is not sent again. */
static bool settle_boards(struct collecting *c)
{
	struct closed_round *r = &c->s->round;

	for (; r->board < c->s->board_count; r->board++) {
		const struct rank_board *b = &c->s->boards[r->board];
		const struct closer_slots *slots = &c->s->closers[r->closer].groupings[b->grouping];

		if (c->view->tenant_class[b->tenant] != r->class || !slots->count || !has_due(r, b))
			continue;
		for (uint32_t i = 0; i < slots->count; i++) {
			const struct snapshot_slot *slot =
				&c->s->groupings[b->grouping].slots[slots->slots[i]];

			if (c->view->plan->metrics[slot->metric].rank_of >= 0 &&
				!settle_ranks(c, b, slot))
				return false;
		}
	}
	return true;
}

/* ---- a period ------------------------------------------------------------------------------------------- */

bool snapshot_settle_period(struct collecting *c)
{
	struct closed_round *r = &c->s->round;
	uint32_t count = c->s->groups_seen;

	if (!r->is_loaded && !load_period(c)) {
		free(r->due);
		r->due = NULL;
		r->words = 0;
		return true;
	}
	for (; r->group < r->words * 64 && r->group < count; r->group++) {
		if (!r->due[r->group / 64]) {
			r->group |= 63; /* the loop steps to the next word */
			continue;
		}
		if (!(r->due[r->group / 64] >> (r->group & 63) & 1) ||
			snapshot_class(c->view, r->group) != r->class)
			continue;
		if (!settle_group(c, r->group))
			return false;
	}
	if (!settle_boards(c))
		return false;
	free(r->due);
	r->due = NULL;
	r->words = 0;
	r->is_loaded = false;
	return true;
}
