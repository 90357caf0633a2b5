#include "core/shard_explain.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "core/shard_inside.h"
#include "core/snapshot_inside.h"

#define UNKNOWN(...) (snprintf(message, EXPLAIN_MESSAGE_MAX, __VA_ARGS__), 1)

/* ---- which number --------------------------------------------------------------------------------------- */

/* What the question means here. */
struct asked {
	const struct plan_metric *metric;
	uint16_t place; /* of the window in the metric's */
	uint32_t tenant, group, currency;
};

static int unknown_name(
	const char *what, struct slice name, const char *const *names, size_t count, char *message)
{
	const char *near = nearest_name(name, names, count);

	return UNKNOWN("there is no %s «" SLICE_FMT "»%s%s%s", what, SLICE_ARG(name),
		near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
}

static int find_metric(
	const struct plan *plan, struct slice name, const struct plan_metric **ret, char *message)
{
	const char **names = x_calloc(plan->metric_count + 1, sizeof(*names));
	int answer = 1;

	*ret = NULL;
	for (uint32_t i = 0; i < plan->metric_count; i++) {
		names[i] = plan->metrics[i].name;
		if (slice_is(name, names[i]))
			*ret = &plan->metrics[i];
	}
	if (!*ret)
		unknown_name("metric", name, names, plan->metric_count, message);
	else if ((*ret)->rank_of >= 0)
		(void)UNKNOWN("%s ranks %s: ask for that", (*ret)->name,
			plan->metrics[(*ret)->rank_of].name);
	else
		answer = 0;
	free(names);
	return answer;
}

static int find_window(
	const struct plan *plan, struct slice name, struct asked *asked, char *message)
{
	const char *names[PLAN_WINDOWS_MAX];
	const struct plan_metric *m = asked->metric;

	for (uint16_t i = 0; i < m->window_count; i++) {
		names[i] = plan->windows[m->windows[i].window].name;
		if (!slice_is(name, names[i]))
			continue;
		asked->place = i;
		return 0;
	}
	return unknown_name("window of this metric", name, names, m->window_count, message);
}

static int find_grouping(const struct plan *plan, const struct plan_metric *m, struct slice name,
	uint16_t *ret, char *message)
{
	const char *names[PLAN_GROUPINGS_MAX];

	for (uint8_t i = 0; i < m->grouping_count; i++) {
		names[i] = plan->groupings[m->groupings[i]].name;
		*ret = m->groupings[i];
		if (slice_is(name, names[i]))
			return 0;
	}
	return unknown_name("grouping of this metric", name, names, m->grouping_count, message);
}

static int find_group(
	struct shard *s, const struct explain_question *q, struct asked *asked, char *message)
{
	uint32_t dims[PLAN_GROUP_DIMS_MAX] = { 0 };
	uint16_t grouping = 0;

	for (asked->tenant = 0; asked->tenant < s->tenant_count &&
				!slice_equal(shard_tenant(s, asked->tenant), q->tenant);)
		asked->tenant++;
	if (asked->tenant == s->tenant_count)
		return UNKNOWN("there is no tenant «" SLICE_FMT "» here", SLICE_ARG(q->tenant));
	if (find_grouping(s->plan, asked->metric, q->group_by, &grouping, message))
		return 1;
	if (q->value_count != s->plan->groupings[grouping].dim_count)
		return UNKNOWN("the group «" SLICE_FMT "» wants %u values, not %u",
			SLICE_ARG(q->group_by), s->plan->groupings[grouping].dim_count,
			q->value_count);
	for (uint32_t i = 0; i < q->value_count; i++)
		dims[i] = intern_find(&s->strings, q->values[i]);
	asked->group = group_find(s->groups, asked->tenant, grouping, dims);
	if (asked->group == GROUP_NONE)
		return UNKNOWN("nothing was ever counted for this group");
	return 0;
}

static void find_currency(struct shard *s, const struct explain_question *q, struct asked *asked)
{
	const char *own = s->tenants[asked->tenant].currency;
	struct slice name = q->currency.len ? q->currency : slice_of(own ? own : "");

	asked->currency = name.len ? intern_find(&s->strings, name) : 0;
}

/* ---- the value ------------------------------------------------------------------------------------------ */

/* As it is published: the same code. */
static void compute(struct shard *s, const struct asked *asked, struct explanation *ret)
{
	const struct snapshot_view view = shard_view(s);
	struct collecting c = { .s = s->snapshots, .view = &view, .clock_ms = s->clock_ms };
	const struct snapshot_grouping *grouping =
		&s->snapshots->groupings[group_at(s->groups, asked->group)->grouping];
	struct outcome outcome;

	/* After a restore nobody has looked yet. */
	if (s->snapshots->tenants_seen <= asked->tenant)
		snapshot_look_after(&c);
	for (uint32_t i = 0; i < grouping->slot_count; i++) {
		const struct snapshot_slot *slot = &grouping->slots[i];

		if (slot->metric != asked->metric->index || slot->place != asked->place)
			continue;
		snapshot_compute(&c, asked->group, slot, asked->currency, &outcome);
		ret->value = outcome.value;
		ret->has_previous = outcome.previous.is_set;
		ret->previous = outcome.previous.value;
		ret->start_ms = outcome.start_ms;
		ret->end_ms = outcome.end_ms;
	}
}

/* ---- its parts ------------------------------------------------------------------------------------------ */

/* The total that an input is, and where the facts of it lie. False: it has none in this window. */
static bool begin_part(
	struct shard *s, const struct asked *asked, uint16_t input, struct explain_part *part)
{
	const struct plan_metric *m = asked->metric;
	const struct plan_metric_window *w = &m->windows[asked->place];
	const struct plan_measure *measure = &s->plan->measures[w->measures[input]];
	const struct ledger *ledger = s->ledgers[s->tenant_class[asked->tenant]];
	const int16_t *places = m->reads_previous && w->cur ? w->cur : w->main;
	const struct plan_span *span;
	struct total total;
	int16_t place;

	if (m->inputs[input].read == INPUT_PREVIOUS)
		places = w->prev;
	place = places ? places[input] : -1;
	*part = (struct explain_part){ .measure = measure, .read = m->inputs[input].read };
	if (place < 0)
		return false;
	span = &s->plan->spans[measure->spans[place]];
	part->start_ms = ledger_edge(ledger, span->a);
	part->end_ms = ledger_edge(ledger, span->b);
	part->is_to_now = plan_edge_is_now(&s->plan->edges[span->b]);
	total = group_total(s->groups, asked->group, measure->index,
		measure->value_type == VALUE_MONEY ? asked->currency : 0, place);
	part->count = total.count;
	if (measure->agg != AGG_PERCENTILE)
		part->total = measure->agg == AGG_SUM ? total.sum : total.sum * DECIMAL_SCALE;
	return true;
}

/* But for its currency. */
static bool is_in_place(struct shard *s, const struct asked *asked, const struct explain_part *part,
	const struct fact *f)
{
	const struct plan_measure *m = part->measure;
	uint16_t grouping = group_at(s->groups, asked->group)->grouping;

	/* What stands for a whole period counts from the period's first instant on. */
	if (f->measure != m->index || f->at_ms > part->end_ms ||
		(f->at_ms == part->end_ms && !(m->is_whole && part->is_to_now)) ||
		(f->at_ms < part->start_ms && part->start_ms != INT64_MIN))
		return false;
	for (uint8_t n = 0; n < m->grouping_count; n++)
		if (m->groupings[n] == grouping)
			return shard_is_in_scope(s, f, n) && shard_group_known(s, f, n) == asked->group;
	return false;
}

static void add_item(
	struct explain_part *part, uint32_t *capacity, uint32_t entity, const struct fact *f)
{
	struct explain_item *item;

	if (!part->item_count || part->items[part->item_count - 1].entity != entity) {
		X_GROW(part->items, part->item_count, *capacity);
		part->items[part->item_count++] =
			(struct explain_item){ .entity = entity, .at_ms = f->at_ms };
	}
	item = &part->items[part->item_count - 1];
	if (f->at_ms < item->at_ms)
		item->at_ms = f->at_ms;
	if (part->measure->agg == AGG_SUM)
		item->amount += f->amount;
	else if (part->measure->agg == AGG_COUNT)
		item->amount += (i128)f->count * DECIMAL_SCALE;
	item->count += f->count;
}

/* A record that began and ended in it gives nothing to what is open. */
static void drop_what_is_over(struct explain_part *part)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < part->item_count; i++)
		if (part->items[i].count || part->items[i].amount)
			part->items[kept++] = part->items[i];
	part->item_count = kept;
}

/* Into the part that it adds up to; money that could not be converted is only counted. */
static void offer(struct shard *s, const struct asked *asked, struct explain_part *part,
	uint32_t *capacity, uint32_t entity, const struct fact *f)
{
	bool is_money = part->measure->value_type == VALUE_MONEY;

	if (!is_in_place(s, asked, part, f))
		return;
	if (!is_money || f->currency == asked->currency)
		add_item(part, capacity, entity, f);
	else if (asked->currency == s->tenants[asked->tenant].currency_id)
		part->missing_count += f->count > 0;
}

static int64_t rate_of(const struct shard *s, const struct asked *asked,
	const struct explain_part *part, const struct fact *f)
{
	const struct explain_item *item = &part->items[part->item_count - 1];
	struct store_rate rate;

	if (part->measure->is_whole ||
		!fact_maker_rate(s->maker, asked->tenant, f->currency,
			fact_maker_rate_time(s->maker, store_entity(s->store, item->entity),
				part->measure->stock ? item->at_ms : f->at_ms),
			&rate))
		return 0;
	return rate.rate;
}

/* What the record's last fact in the part was, before it was converted. */
static void note_foreign(const struct shard *s, const struct asked *asked,
	struct explain_part *part, const struct fact *f)
{
	struct explain_item *item = &part->items[part->item_count - 1];
	int64_t rate = rate_of(s, asked, part, f);

	if (!item->foreign_currency)
		item->rate = rate;
	else if (item->rate != rate)
		item->rate = 0;
	item->foreign_currency = f->currency;
	item->foreign_amount += f->amount;
}

/* The record's facts once more as they are without any rate. */
static void list_foreign(
	struct shard *s, const struct asked *asked, struct explanation *x, uint32_t entity)
{
	uint32_t own = s->tenants[asked->tenant].currency_id;
	int64_t age_ms = s->settings.tenants->rate_max_age_ms;

	if (asked->currency != own || !fact_maker_is_foreign(s->maker, entity))
		return;
	fact_set_reset(&s->old_facts);
	fact_maker_currency(s->maker, asked->tenant, 0, age_ms);
	fact_maker_entity(s->maker, entity, &s->old_facts);
	fact_maker_currency(s->maker, asked->tenant, own, age_ms);
	for (size_t k = 0; k < s->old_facts.count; k++)
		for (uint32_t p = 0; p < x->part_count; p++) {
			struct explain_part *part = &x->parts[p];
			const struct fact *f = &s->old_facts.items[k];

			if (part->item_count &&
				part->items[part->item_count - 1].entity == entity &&
				part->measure->agg == AGG_SUM && f->currency &&
				f->currency != own && is_in_place(s, asked, part, f))
				note_foreign(s, asked, part, f);
		}
}

/* Every record's facts are made once, and offered to all parts. */
static void list_items(struct shard *s, const struct asked *asked, struct explanation *x)
{
	uint32_t capacity[EXPLAIN_PARTS_MAX] = { 0 };
	uint64_t types = 0;

	for (uint32_t p = 0; p < x->part_count; p++)
		types |= UINT64_C(1) << x->parts[p].measure->on;
	for (uint32_t i = 0; i < store_count(s->store); i++) {
		const struct entity *e = store_entity(s->store, i);

		if (!(types >> e->type & 1) || e->tenant != asked->tenant)
			continue;
		fact_set_reset(&s->new_facts);
		fact_maker_entity(s->maker, i, &s->new_facts);
		for (size_t k = 0; k < s->new_facts.count; k++)
			for (uint32_t p = 0; p < x->part_count; p++)
				offer(s, asked, &x->parts[p], &capacity[p], i,
					&s->new_facts.items[k]);
		list_foreign(s, asked, x, i);
	}
}

static void add_up(struct explain_part *part)
{
	int64_t count = 0;
	i128 sum = 0;

	if (part->measure->stock)
		drop_what_is_over(part);
	for (uint32_t i = 0; i < part->item_count; i++) {
		sum += part->items[i].amount;
		count += part->items[i].count;
	}
	part->adds_up = count == part->count &&
			(part->measure->agg == AGG_DISTINCT ||
				part->measure->agg == AGG_PERCENTILE || sum == part->total);
}

bool shard_is_explainable(const struct shard *s)
{
	return !s->is_advancing && s->snapshots->tenants_seen == s->tenant_count;
}

int shard_explain(struct shard *s, const struct explain_question *q, struct explanation *ret,
	char message[EXPLAIN_MESSAGE_MAX])
{
	struct asked asked = { .metric = NULL };

	*ret = (struct explanation){ .metric = NULL };
	if (s->clock_ms == INT64_MIN)
		return UNKNOWN("nothing has been counted yet");
	if (find_metric(s->plan, q->metric, &asked.metric, message) ||
		find_window(s->plan, q->window, &asked, message) ||
		find_group(s, q, &asked, message))
		return 1;
	find_currency(s, q, &asked);
	ret->metric = asked.metric;
	ret->clock_ms = s->clock_ms;
	ret->currency = asked.currency;
	compute(s, &asked, ret);
	for (uint16_t i = 0; i < asked.metric->input_count && ret->part_count < EXPLAIN_PARTS_MAX;
		i++)
		ret->part_count += begin_part(s, &asked, i, &ret->parts[ret->part_count]);
	fact_maker_be_quiet(s->maker, true);
	list_items(s, &asked, ret);
	fact_maker_be_quiet(s->maker, false);
	for (uint32_t i = 0; i < ret->part_count; i++)
		add_up(&ret->parts[i]);
	return 0;
}

void explanation_deinit(struct explanation *x)
{
	for (uint32_t i = 0; i < x->part_count; i++)
		free(x->parts[i].items);
	x->part_count = 0;
}

bool explanation_adds_up(const struct explanation *x)
{
	for (uint32_t i = 0; i < x->part_count; i++)
		if (!x->parts[i].adds_up)
			return false;
	return true;
}

/* ---- for people ----------------------------------------------------------------------------------------- */

static void put_units(struct buffer *out, i128 units)
{
	char text[DECIMAL_TEXT_MAX];

	decimal_format(units, 0, text, sizeof(text));
	buffer_put_text(out, text);
}

/* Local wall time, said without its zone: the head says that. */
static void put_time(const struct calendar *calendar, int64_t at_ms, struct buffer *out)
{
	char text[TIME_TEXT_MAX];
	size_t length;

	if (at_ms == INT64_MIN) {
		buffer_put_text(out, "ever");
		return;
	}
	time_format(zone_to_local(calendar->zone, at_ms), text);
	length = strlen(text);
	if (length && text[length - 1] == 'Z')
		text[length - 1] = '\0';
	buffer_put_text(out, text);
}

static void put_head(struct shard *s, const struct calendar *calendar,
	const struct explain_question *q, const struct explanation *x, struct buffer *out)
{
	buffer_printf(out, "%s of " SLICE_FMT ", " SLICE_FMT, x->metric->name, SLICE_ARG(q->tenant),
		SLICE_ARG(q->window));
	for (uint32_t i = 0; i < q->value_count; i++)
		buffer_printf(out, "%s" SLICE_FMT, i ? " / " : ", ", SLICE_ARG(q->values[i]));
	buffer_put_text(out, "\n  value     ");
	if (x->value.has_exact)
		put_units(out, x->value.exact);
	else if (x->value.has_value)
		buffer_printf(out, "%.4f", x->value.value);
	else
		buffer_put_text(out, "none");
	if (x->metric->money && x->currency)
		buffer_printf(out, " " SLICE_FMT, SLICE_ARG(intern_text(&s->strings, x->currency)));
	buffer_printf(out, " (%s)\n  formula   %s\n  from      ", metric_state_name(x->value.state),
		x->metric->formula);
	put_time(calendar, x->start_ms, out);
	buffer_put_text(out, " to ");
	put_time(calendar, x->end_ms, out);
	buffer_put_text(out, ", local time\n");
	if (x->has_previous)
		buffer_printf(out, "  previous  %.4f\n", x->previous);
	if (x->metric->description_en)
		buffer_printf(out, "  %s\n", x->metric->description_en);
}

const struct explain_read explain_reads[INPUT_READS] = {
	[INPUT_TOTAL] = { "", "value" },
	[INPUT_QUANTILE] = { "", "value" },
	[INPUT_PREVIOUS] = { "previous ", "previous" },
	[INPUT_OPENING] = { "before ", "opening" },
	[INPUT_SAMPLES] = { "samples of ", "samples" },
	[INPUT_FULL] = { "whole ", "full" },
	[INPUT_OVER] = { "trailing ", "over" },
	[INPUT_OFFSET] = { "earlier ", "offset" },
};

/* «152000 = 9.5 USD x 16000» */
static void put_foreign(const struct shard *s, const struct explain_item *item, struct buffer *out)
{
	char text[DECIMAL_TEXT_MAX];

	buffer_put_text(out, " = ");
	put_units(out, item->foreign_amount);
	buffer_printf(
		out, " " SLICE_FMT, SLICE_ARG(intern_text(&s->strings, item->foreign_currency)));
	if (!item->rate) {
		buffer_put_text(out, " at several rates");
		return;
	}
	decimal_format_rate(item->rate, text, sizeof(text));
	buffer_printf(out, " x %s", text);
}

static void put_part(struct shard *s, const struct calendar *calendar,
	const struct explain_part *part, uint32_t items_max, struct buffer *out)
{
	bool has_amounts = part->measure->agg == AGG_SUM || part->measure->agg == AGG_COUNT;

	buffer_printf(out, "\n  %s%s", explain_reads[part->read].before, part->measure->name);
	if (part->measure->agg != AGG_PERCENTILE) {
		buffer_put_text(out, " = ");
		put_units(out, part->total);
	}
	buffer_printf(out, ", of %u %s from ", part->item_count,
		part->item_count == 1 ? "record" : "records");
	put_time(calendar, part->start_ms, out);
	buffer_put_text(out, " to ");
	put_time(calendar, part->end_ms, out);
	buffer_put_text(out, part->adds_up ? "\n" : "; the list does not add up to it\n");
	for (uint32_t i = 0; i < part->item_count && i < items_max; i++) {
		const struct explain_item *item = &part->items[i];
		const struct entity *e = store_entity(s->store, item->entity);

		buffer_printf(out, "    %s " SLICE_FMT "  ", model_table[e->type].name,
			SLICE_ARG(intern_text(&s->strings, e->id)));
		put_time(calendar, item->at_ms, out);
		if (has_amounts) {
			buffer_put_text(out, "  ");
			put_units(out, item->amount);
		}
		if (item->foreign_currency)
			put_foreign(s, item, out);
		buffer_put_text(out, "\n");
	}
	if (part->missing_count)
		buffer_printf(out,
			"    not in it: %" PRIu64
			" in other currencies, without a rate of their day\n",
			part->missing_count);
	if (part->item_count > items_max)
		buffer_printf(out, "    … and %u more\n", part->item_count - items_max);
}

void explanation_print(struct shard *s, const struct explain_question *q,
	const struct explanation *x, uint32_t items_max, struct buffer *out)
{
	uint32_t tenant = shard_tenant_get(s, q->tenant);
	const struct calendar *calendar = &s->settings.tenants->calendars[s->tenant_class[tenant]];

	put_head(s, calendar, q, x, out);
	for (uint32_t i = 0; i < x->part_count; i++)
		put_part(s, calendar, &x->parts[i], items_max, out);
	buffer_put_text(
		out, explanation_adds_up(x)
			     ? "\nEvery list adds up to its total.\n"
			     : "\nNot every list adds up: records have gone, or this is a bug.\n");
}
