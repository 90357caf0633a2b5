/* shard_audit: the trial balance against the entities, and the check of every invariant. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/timefmt.h"
#include "base/xalloc.h"
#include "core/shard_inside.h"

/* ---- the books of the entities alone -------------------------------------------------------------------- */

/* A second shard over the same entities: totals and pending facts made anew. Strings are the first one's. */
static struct shard *second_books(struct shard *s)
{
	struct shard *t = x_calloc(1, sizeof(*t));

	*t = *s;
	t->settings.groups = (struct group_limits){ UINT32_MAX - 1, UINT32_MAX - 1 };
	t->settings.pending_max = 0;
	t->pending = (struct pending_heap){ 0 };
	fact_set_init(&t->new_facts);
	t->groups = group_table_new(s->plan, t->settings.groups);
	t->ledgers = x_calloc(s->class_count, sizeof(struct ledger *));
	for (uint32_t i = 0; i < s->class_count; i++) {
		size_t budget = SIZE_MAX / 2;

		t->ledgers[i] = ledger_new(s->plan, t->groups, &s->settings.tenants->calendars[i]);
		if (s->clock_ms != INT64_MIN)
			ledger_advance(t->ledgers[i], s->clock_ms, &budget);
	}
	t->snapshots = snapshots_new(
		s->plan, s->settings.snapshots); /* takes the marks of closed periods */
	shard_book_all(t, s->store, s->maker);
	return t;
}

static void free_books(struct shard *t)
{
	for (uint32_t i = 0; i < t->class_count; i++)
		ledger_free(t->ledgers[i]);
	free(t->ledgers);
	group_table_free(t->groups);
	snapshots_free(t->snapshots);
	free(t->pending.items);
	fact_set_deinit(&t->new_facts);
	free(t);
}

/* ---- comparing ------------------------------------------------------------------------------------------ */

struct audit {
	struct shard *books, *entities; /* the books, and those of the entities alone */
	shard_audit_fn report;
	void *ctx;
	uint64_t differences;
};

static void put_units(struct buffer *out, const struct plan_measure *m, i128 sum)
{
	char text[DECIMAL_TEXT_MAX];

	decimal_format(m->agg == AGG_SUM ? sum : sum * DECIMAL_SCALE, 0, text, sizeof(text));
	buffer_put_text(out, text);
}

static void report_cell(struct audit *a, const struct shard *of, const struct cell *c,
	const char *where, struct total books, struct total entities)
{
	const struct plan_measure *m = &of->plan->measures[c->measure];
	const struct group *g = group_at(of->groups, c->group);
	const struct plan_grouping *grouping = &of->plan->groupings[g->grouping];
	struct buffer _cleanup_buffer_ line = { 0 };

	a->differences++;
	if (!a->report)
		return;
	buffer_printf(&line, "tenant=" SLICE_FMT " measure=%s",
		SLICE_ARG(shard_tenant(of, g->tenant)), m->name);
	for (uint8_t i = 0; i < grouping->dim_count; i++)
		buffer_printf(&line, " %s=" SLICE_FMT, of->plan->dims[grouping->dims[i]],
			SLICE_ARG(intern_text(&of->strings, g->dims[i])));
	if (c->currency)
		buffer_printf(&line, " currency=" SLICE_FMT,
			SLICE_ARG(intern_text(&of->strings, c->currency)));
	if (c->sub)
		buffer_printf(&line, " part=%lld", (long long)c->sub);
	buffer_printf(&line, " %s ledger=", where);
	put_units(&line, m, books.sum);
	buffer_printf(&line, " (%lld facts) entities=", (long long)books.count);
	put_units(&line, m, entities.sum);
	buffer_printf(&line, " (%lld facts)", (long long)entities.count);
	a->report(a->ctx, buffer_text(&line));
}

static bool is_same(struct total a, struct total b)
{
	return a.sum == b.sum && a.count == b.count;
}

/* The same cell in the other books, or CELL_NONE. */
static uint32_t same_cell(const struct shard *in, const struct shard *of, const struct cell *c)
{
	const struct group *g = group_at(of->groups, c->group);
	uint32_t group = group_find(in->groups, g->tenant, g->grouping, g->dims), i;

	if (group == GROUP_NONE)
		return CELL_NONE;
	i = group_at(in->groups, group)
		    ->cells[of->plan->groupings[g->grouping].measure_place[c->measure]];
	while (i != CELL_NONE && (cell_at(in->groups, i)->currency != c->currency ||
					 cell_at(in->groups, i)->sub != c->sub))
		i = cell_at(in->groups, i)->next;
	return i;
}

static void compare_cells(
	struct audit *a, const struct shard *of, const struct shard *in, bool of_is_books)
{
	for (uint32_t i = 0; i < cell_count(of->groups); i++) {
		const struct cell *c = cell_at(of->groups, i);
		const struct plan_measure *m = &of->plan->measures[c->measure];
		uint32_t other = same_cell(in, of, c);

		if (other != CELL_NONE && !of_is_books)
			continue; /* seen from the other side */
		for (uint16_t place = 0; place < m->span_count; place++) {
			struct total mine = c->totals[place], theirs = { 0 };
			char where[32];

			if (other != CELL_NONE)
				theirs = cell_at(in->groups, other)->totals[place];
			if (is_same(mine, theirs))
				continue;
			snprintf(where, sizeof(where), "span=%u", m->spans[place]);
			report_cell(a, of, c, where, of_is_books ? mine : theirs,
				of_is_books ? theirs : mine);
			break;
		}
	}
}

/* Sums of pending facts per cell. */
static void compare_pending(struct audit *a)
{
	const struct shard *books = a->books, *entities = a->entities;
	struct total *mine = x_calloc(cell_count(books->groups) + 1, sizeof(*mine));
	struct total *theirs = x_calloc(cell_count(entities->groups) + 1, sizeof(*theirs));

	for (uint32_t i = 0; i < books->pending.count; i++) {
		mine[books->pending.items[i].cell].sum += books->pending.items[i].sum;
		mine[books->pending.items[i].cell].count += books->pending.items[i].count;
	}
	for (uint32_t i = 0; i < entities->pending.count; i++) {
		theirs[entities->pending.items[i].cell].sum += entities->pending.items[i].sum;
		theirs[entities->pending.items[i].cell].count += entities->pending.items[i].count;
	}
	for (uint32_t i = 0; i < cell_count(books->groups); i++) {
		const struct cell *c = cell_at(books->groups, i);
		uint32_t other = same_cell(entities, books, c);
		struct total their = { 0 };

		if (other != CELL_NONE)
			their = theirs[other];
		if (!is_same(mine[i], their))
			report_cell(a, books, c, "pending", mine[i], their);
	}
	free(mine);
	free(theirs);
}

uint64_t shard_audit(struct shard *s, shard_audit_fn report, void *ctx)
{
	struct audit a = { .books = s, .entities = second_books(s), .report = report, .ctx = ctx };

	assert(!s->is_advancing);
	compare_cells(&a, s, a.entities, true);
	compare_cells(&a, a.entities, s, false);
	compare_pending(&a);
	free_books(a.entities);
	return a.differences;
}

/* ---- every invariant ------------------------------------------------------------------------------------ */

struct sums {
	const struct shard *shard;
	uint16_t span;
	struct total *totals; /* by cell */
};

static void sum_entry(void *ctx, uint32_t cell, i128 sum, int64_t count)
{
	struct sums *s = ctx;

	s->totals[cell].sum += sum;
	s->totals[cell].count += count;
}

/* The running totals of one span, against the sum of the buckets that it covers. */
static void check_span(const struct shard *s, uint16_t span)
{
	const struct plan_span *p = &s->plan->spans[span];
	struct sums sums = { .shard = s,
		.span = span,
		.totals = x_calloc(cell_count(s->groups) + 1, sizeof(struct total)) };

	for (uint32_t i = 0; i < s->class_count; i++) {
		const struct ledger *l = s->ledgers[i];
		int64_t from_ms = ledger_edge(l, p->a);
		int64_t to_ms =
			plan_edge_is_now(&s->plan->edges[p->b]) ? INT64_MAX : ledger_edge(l, p->b);

		if (s->plan->edges[p->a].kind == EDGE_NEG_INF)
			ledger_visit_opening(l, sum_entry, &sums);
		ledger_visit(l, from_ms, to_ms, sum_entry, &sums);
	}
	for (uint32_t i = 0; i < cell_count(s->groups); i++) {
		const struct cell *c = cell_at(s->groups, i);
		const struct plan_measure *m = &s->plan->measures[c->measure];

		for (uint16_t place = 0; place < m->span_count; place++)
			assert(m->spans[place] != span ||
				is_same(c->totals[place], sums.totals[i]));
	}
	free(sums.totals);
}

void shard_check(const struct shard *s)
{
	store_check(s->store);
	shard_rates_check(s);
	group_check(s->groups);
	for (uint32_t i = 0; i < s->class_count; i++)
		ledger_check(s->ledgers[i]);
	for (uint32_t i = 1; i < s->pending.count; i++)
		assert(s->pending.items[(i - 1) / 2].due_ms <= s->pending.items[i].due_ms);
	assert(s->is_advancing || !s->pending.count || s->pending.items[0].due_ms > s->clock_ms);
	for (uint32_t span = 0; s->clock_ms != INT64_MIN && span < s->plan->span_count; span++)
		check_span(s, (uint16_t)span);
}
