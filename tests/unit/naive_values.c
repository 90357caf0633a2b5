/* naive: visits, versions, credit and derived values, and the text of everything. */
#include <assert.h>
#include <string.h>

#include "naive.h"

static struct slice text_in(const struct event *e, const char *field)
{
	const struct event_value *v = &e->fields[model_field_find(e->type, slice_of(field))];

	return v->is_null ? (struct slice){ NULL, 0 } : v->text;
}

static struct naive_number number_in(const struct event *e, const char *field)
{
	const struct event_value *v = &e->fields[model_field_find(e->type, slice_of(field))];

	return (struct naive_number){ .is_null = v->is_null, .i = v->i };
}

static bool is_before(const struct event *a, const struct event *b)
{
	struct order_key x = event_order(a), y = event_order(b);

	return order_compare(&x, &y) < 0;
}

static bool is_image_of(const struct event *e, const struct naive_thing *t)
{
	/* The generator's deletions with a body that can't be true say so by a null status. */
	if (e->type != t->type || !slice_equal(e->entity_id, t->id) ||
		!slice_equal(e->tenant_id, t->tenant))
		return false;
	return e->op != EVENT_ERASE && text_in(e, "status").len &&
	       number_in(e, "won_at").i <= e->occurred_at_ms + 172800000;
}

/* ---- visits --------------------------------------------------------------------------------------------- */

struct entry {
	const struct event *least, *greatest;
};

static bool is_same_entry(const struct event *a, const struct event *b)
{
	return slice_equal(text_in(a, "stage_id"), text_in(b, "stage_id")) &&
	       number_in(a, "stage_entered_at").i == number_in(b, "stage_entered_at").i;
}

static size_t collect_entries(
	const struct naive *n, const struct naive_thing *t, struct entry *entries)
{
	size_t count = 0;

	for (size_t i = 0; i < n->event_count; i++) {
		const struct event *e = n->events[i];
		size_t k = 0;

		if (!is_image_of(e, t) || !text_in(e, "stage_id").len ||
			number_in(e, "stage_entered_at").is_null)
			continue;
		while (k < count && !is_same_entry(entries[k].least, e))
			k++;
		if (k == count)
			entries[count++] = (struct entry){ e, e };
		if (is_before(e, entries[k].least))
			entries[k].least = e;
		if (is_before(entries[k].greatest, e))
			entries[k].greatest = e;
	}
	for (size_t i = 1; i < count; i++)
		for (size_t k = i; k > 0 && is_before(entries[k].greatest, entries[k - 1].greatest);
			k--) {
			struct entry swap = entries[k];

			entries[k] = entries[k - 1];
			entries[k - 1] = swap;
		}
	return count;
}

static struct slice exit_between(const struct event *from, const struct event *to)
{
	struct naive_number a = number_in(from, "stage_order"), b = number_in(to, "stage_order");

	if (!slice_equal(text_in(from, "pipeline_id"), text_in(to, "pipeline_id")))
		return SLICE_LIT("MOVED_PIPELINE");
	return !a.is_null && !b.is_null && b.i < a.i ? SLICE_LIT("BACK") : SLICE_LIT("ADVANCED");
}

/* A stage that no OPEN image was ever in, entered when some image closed or later: «Closed Won» is an end, no stage to be in. */
static bool is_end(const struct naive *n, const struct naive_thing *t, const struct event *entry)
{
	bool has_closed = false;

	for (size_t i = 0; i < n->event_count; i++) {
		const struct event *e = n->events[i];
		struct naive_thing image = { .image = e };
		struct naive_number close;

		if (!is_image_of(e, t))
			continue;
		if (slice_is(text_in(e, "status"), "OPEN") &&
			slice_equal(text_in(e, "stage_id"), text_in(entry, "stage_id")) &&
			slice_equal(text_in(e, "pipeline_id"), text_in(entry, "pipeline_id")))
			return false;
		close = naive_close_at(&image);
		has_closed |= !close.is_null && close.i <= number_in(entry, "stage_entered_at").i;
	}
	return has_closed;
}

void naive_visits(struct naive *n, const struct naive_thing *t, struct naive_rows *rows)
{
	struct entry entries[256], kept[256];
	size_t all = collect_entries(n, t, entries), count = 0, kept_count = 0;
	struct slice status = naive_text(t, "status");
	struct naive_number close = naive_close_at(t);
	bool closed = slice_is(status, "WON") || slice_is(status, "LOST");

	for (size_t i = 0; i < all; i++)
		if (!is_end(n, t, entries[i].greatest))
			entries[count++] = entries[i];
	for (size_t i = 0; i < count; i++) {
		bool corrected = i + 1 < count &&
				 slice_equal(text_in(entries[i].greatest, "stage_id"),
					 text_in(entries[i + 1].greatest, "stage_id")) &&
				 slice_equal(text_in(entries[i].greatest, "pipeline_id"),
					 text_in(entries[i + 1].greatest, "pipeline_id"));

		if (!corrected)
			kept[kept_count++] = entries[i];
	}
	rows->count = kept_count;
	for (size_t i = 0; i < kept_count; i++) {
		struct naive_row *row = &rows->items[i];
		struct naive_number from = number_in(kept[i].least, "stage_entered_at");
		struct naive_number left =
			closed ? close : (struct naive_number){ .is_null = true };

		if (i + 1 < kept_count)
			left = number_in(kept[i + 1].least, "stage_entered_at");
		if (!left.is_null && left.i < from.i)
			left.i = from.i;
		*row = (struct naive_row){ .from = from, .left = left };
		row->stage = text_in(kept[i].least, "stage_id");
		row->rep = text_in(kept[i].least, "owner_id");
		row->team = text_in(kept[i].least, "team_id");
		row->pipeline = text_in(kept[i].greatest, "pipeline_id");
		row->exit = i + 1 < kept_count
				    ? exit_between(kept[i].greatest, kept[i + 1].greatest)
			    : closed ? status
				     : SLICE_LIT("OPEN");
	}
}

/* ---- versions ------------------------------------------------------------------------------------------- */

void naive_versions(struct naive *n, const struct naive_thing *t, struct naive_rows *rows)
{
	const struct event *images[256];
	size_t count = 0;

	for (size_t i = 0; i < n->event_count; i++) {
		const struct event *e = n->events[i];
		bool seen = false;
		size_t k = count;

		if (!is_image_of(e, t) || !slice_is(text_in(e, "status"), "OPEN"))
			continue;
		for (size_t m = 0; m < count; m++)
			seen = seen || (!is_before(images[m], e) && !is_before(e, images[m]));
		if (seen)
			continue;
		for (; k > 0 && is_before(e, images[k - 1]); k--)
			images[k] = images[k - 1];
		images[k] = e;
		count++;
	}
	rows->count = 0;
	for (size_t i = 0; i < count; i++) {
		int64_t from = images[i]->occurred_at_ms;
		struct naive_row *row = rows->count ? &rows->items[rows->count - 1] : NULL;

		if (row && from <= row->from.i)
			from = row->from.i; /* newer, but said to be earlier: it replaces */
		else
			row = &rows->items[rows->count++];
		*row = (struct naive_row){ .from = { .i = from } };
		row->amount = number_in(images[i], "amount");
		row->probability = number_in(images[i], "probability");
		row->rep = text_in(images[i], "owner_id");
		row->team = text_in(images[i], "team_id");
		row->stage = text_in(images[i], "stage_id");
		row->pipeline = text_in(images[i], "pipeline_id");
		row->currency = text_in(images[i], "currency");
	}
}

/* ---- credit --------------------------------------------------------------------------------------------- */

/* Largest remainder: all rounded down; then one unit each in the order of the remainders. */
static void spread(int64_t whole, const int64_t *percent, size_t count, int64_t all, int64_t *ret)
{
	i128 size = whole < 0 ? -(i128)whole : whole, left = size;
	bool had[256] = { false };

	for (size_t i = 0; i < count; i++) {
		ret[i] = (int64_t)(size * percent[i] / all);
		left -= ret[i];
	}
	for (; left > 0; left--) {
		size_t best = count;

		for (size_t i = 0; i < count; i++)
			if (!had[i] && (best == count || size * percent[i] % all >
								 size * percent[best] % all))
				best = i;
		had[best] = true;
		ret[best]++;
	}
	for (size_t i = 0; whole < 0 && i < count; i++)
		ret[i] = -ret[i];
}

static size_t add_share(struct naive_rows *rows, int64_t *percent, struct slice rep, int64_t more)
{
	size_t i = 0;

	while (i < rows->count && !slice_equal(rows->items[i].rep, rep))
		i++;
	if (i == rows->count) {
		rows->items[rows->count++] = (struct naive_row){ .rep = rep };
		percent[i] = 0;
	}
	percent[i] += more;
	return i;
}

void naive_credit(struct naive *n, const struct naive_thing *t, struct naive_rows *rows)
{
	struct naive_number amount = naive_number(t, "amount"),
			    refund = naive_number(t, "refund_amount");
	const struct event_value *splits;
	int64_t percent[256], part[256], all = 0;
	struct slice owner, team;

	rows->count = 0;
	if (amount.is_null)
		return;
	naive_winner(n, t, &owner, &team);
	splits = &t->image->fields[model_field_find(ENTITY_DEAL, SLICE_LIT("splits"))];
	for (size_t i = 0; !splits->is_null && i < splits->list->count; i++) {
		const struct event_value *cells = &splits->list->cells[3 * i];

		if (cells[0].is_null || !cells[0].text.len || cells[2].i <= 0 ||
			(!cells[1].is_null && slice_is(cells[1].text, "OVERLAY")))
			continue;
		add_share(rows, percent, cells[0].text, cells[2].i);
		all += cells[2].i;
	}
	if (all < 1000000) {
		add_share(rows, percent, owner, 1000000 - all);
		all = 1000000;
	}
	spread(amount.i, percent, rows->count, all, part);
	for (size_t i = 0; i < rows->count; i++)
		rows->items[i].amount = (struct naive_number){ .i = part[i] };
	spread(10000, percent, rows->count, all, part);
	for (size_t i = 0; i < rows->count; i++) {
		rows->items[i].share = (struct naive_number){ .i = part[i] };
		rows->items[i].team = team;
		rows->items[i].refund = (struct naive_number){ .is_null = true };
	}
	if (refund.is_null)
		return;
	spread(refund.i, percent, rows->count, all, part);
	for (size_t i = 0; i < rows->count; i++)
		rows->items[i].refund = (struct naive_number){ .i = part[i] };
}

/* ---- derived values ------------------------------------------------------------------------------------- */

static bool is_won(const struct naive_thing *deal)
{
	return slice_is(naive_text(deal, "status"), "WON") ||
	       slice_is(naive_text(deal, "status"), "REFUNDED");
}

/* Linked from either side, directly or by one that is merged into it. */
static bool is_linked(
	struct naive *n, const struct naive_thing *lead, const struct naive_thing *opportunity)
{
	for (size_t i = 0; i < n->thing_count; i++) {
		const struct naive_thing *t = n->things[i];

		if (t->type == ENTITY_LEAD && t->root == lead &&
			naive_ref(n, t, "opportunity") == opportunity)
			return true;
		if (t->type == ENTITY_OPPORTUNITY && t->root == opportunity &&
			naive_ref(n, t, "lead_by_id") == lead)
			return true;
	}
	return false;
}

enum how { HOW_MIN, HOW_MAX, HOW_SUM, HOW_COUNT, HOW_FIRST };

static const struct derived {
	const char *name;
	enum entity_type parent, child;
	enum how how;
	const char *ref, *value; /* ref NULL: the union of leads and opportunities */
	bool won;		 /* only won deals */
} derived_table[] = {
	{ "first_won_at", ENTITY_ACCOUNT, ENTITY_DEAL, HOW_MIN, "account", "won_at", true },
	{ "last_won_at", ENTITY_ACCOUNT, ENTITY_DEAL, HOW_MAX, "account", "won_at", true },
	{ "first_win", ENTITY_ACCOUNT, ENTITY_DEAL, HOW_FIRST, "account", "won_at", true },
	{ "won_amount", ENTITY_ACCOUNT, ENTITY_DEAL, HOW_SUM, "account", "amount", true },
	{ "talk", ENTITY_ACCOUNT, ENTITY_CALL, HOW_SUM, "account", "talk_ms", false },
	{ "calls", ENTITY_ACCOUNT, ENTITY_CALL, HOW_COUNT, "account", NULL, false },
	{ "first_opportunity_at", ENTITY_LEAD, ENTITY_OPPORTUNITY, HOW_MIN, NULL, "created_at",
		false },
	{ "opportunities", ENTITY_LEAD, ENTITY_OPPORTUNITY, HOW_COUNT, NULL, NULL, false },
	{ "first_opportunity", ENTITY_LEAD, ENTITY_OPPORTUNITY, HOW_FIRST, NULL, "created_at",
		false },
	{ "first_won_at", ENTITY_LEAD, ENTITY_DEAL, HOW_MIN, "lead", "won_at", true },
	{ "deals", ENTITY_OPPORTUNITY, ENTITY_DEAL, HOW_COUNT, "opportunity", NULL, false },
	{ "first_call", ENTITY_REP, ENTITY_CALL, HOW_FIRST, "rep", "initiated_at", false },
	{ "wins", ENTITY_REP, ENTITY_DEAL, HOW_COUNT, "winner", NULL, true },
	{ "least_segment", ENTITY_REP, ENTITY_ACCOUNT, HOW_MIN, "owner", "segment", false },
	{ "earliest_win", ENTITY_REP, ENTITY_ACCOUNT, HOW_MIN, "owner", "first_won_at", false },
	{ "first_customer", ENTITY_REP, ENTITY_ACCOUNT, HOW_FIRST, "owner", "first_won_at", false },
};

struct result {
	bool any, mixed;
	size_t count;
	i128 sum;
	int64_t best;
	struct slice text, currency;
	struct naive_thing *first;
};

static void count_in(struct result *r, const struct derived *d, struct naive_thing *child,
	struct naive_number value, struct slice text)
{
	struct slice currency =
		d->child == ENTITY_DEAL && !strcmp(d->value ? d->value : "", "amount")
			? naive_text(child, "currency")
			: (struct slice){ NULL, 0 };
	bool better = !r->any || (d->how == HOW_MAX ? value.i > r->best : value.i < r->best);

	if (text.len)
		better = !r->any || slice_compare(text, r->text) < 0;
	if (d->how == HOW_FIRST && r->any && value.i == r->best)
		better = slice_compare(child->id, r->first->id) < 0;
	r->mixed = r->mixed || (r->any && !slice_equal(currency, r->currency));
	r->currency = currency;
	r->any = true;
	r->count++;
	r->sum += value.i;
	if (!better)
		return;
	r->best = value.i;
	r->text = text;
	r->first = child;
}

static struct result derive(struct naive *n, const struct naive_thing *parent, const char *name,
	const struct derived **ret)
{
	const struct derived *d = derived_table;
	struct result r = { .any = false };

	while (d->parent != parent->type || strcmp(d->name, name)) {
		d++;
		assert(d < derived_table + sizeof(derived_table) / sizeof(derived_table[0]));
	}
	*ret = d;
	for (size_t i = 0; i < n->thing_count; i++) {
		struct naive_thing *child = n->things[i];
		struct naive_number value = { .i = 0 };
		struct slice text = { NULL, 0 };

		if (child->type != d->child || !naive_is_live(child) || (d->won && !is_won(child)))
			continue;
		if (d->ref ? naive_ref(n, child, d->ref) != parent : !is_linked(n, parent, child))
			continue;
		if (d->value && !strcmp(d->value, "segment"))
			text = naive_text(child, "segment");
		else if (d->value && d->child == ENTITY_ACCOUNT)
			value = naive_derived(n, child, d->value);
		else if (d->value)
			value = naive_number(child, d->value);
		if (value.is_null || (d->value && !strcmp(d->value, "segment") && !text.len))
			continue;
		count_in(&r, d, child, value, text);
	}
	return r;
}

struct naive_number naive_derived(struct naive *n, const struct naive_thing *t, const char *name)
{
	const struct derived *d;
	struct result r;

	if (!t)
		return (struct naive_number){ .is_null = true };
	r = derive(n, t, name, &d);
	if (d->how == HOW_COUNT)
		return (struct naive_number){ .i = (int64_t)r.count };
	if (d->how == HOW_SUM)
		return (struct naive_number){ .is_null = r.mixed, .i = (int64_t)r.sum };
	return (struct naive_number){ .is_null = !r.any, .i = r.best };
}

struct naive_thing *naive_derived_ref(
	struct naive *n, const struct naive_thing *t, const char *name)
{
	const struct derived *d;

	return t ? derive(n, t, name, &d).first : NULL;
}

struct slice naive_derived_text(struct naive *n, const struct naive_thing *t, const char *name)
{
	const struct derived *d;

	return derive(n, t, name, &d).text;
}
