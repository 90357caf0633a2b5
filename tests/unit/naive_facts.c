/*
 * naive: the facts of world_definitions, one function per entity type. A stock of an opportunity is laid out as pieces of
 * time, each with its worth: +worth where a piece begins, -worth where it ends; what adjoins and is equal cancels in the sum.
 */
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "core/histogram.h"
#include "naive.h"
#include "store_world.h"

struct naive_fact {
	char *key; /* «tenant measure at currency sub dims» */
	int64_t amount, count;
};

struct making {
	struct naive *n;
	const struct naive_thing *t;
	struct naive_fact *facts;
	size_t count, capacity;
	struct buffer scratch;
};

/* ---- one fact ------------------------------------------------------------------------------------------- */

static void begin(
	struct making *m, const char *measure, struct naive_number at, struct slice currency)
{
	buffer_reset(&m->scratch);
	buffer_printf(&m->scratch, SLICE_FMT " %s ", SLICE_ARG(m->t->tenant), measure);
	if (at.is_null)
		buffer_put_text(&m->scratch, "ever");
	else
		buffer_printf(&m->scratch, "%lld", (long long)at.i);
	buffer_printf(&m->scratch, " " SLICE_FMT " ", SLICE_ARG(currency));
}

static void dim(struct making *m, struct slice text)
{
	buffer_put_text(&m->scratch, " ");
	if (!text.len)
		text = SLICE_LIT("(none)");
	buffer_put(&m->scratch, text.at, text.len);
}

static void end(struct making *m, int64_t amount, int64_t count)
{
	const char *key = buffer_text(&m->scratch);

	for (size_t i = 0; i < m->count; i++)
		if (!strcmp(m->facts[i].key, key)) {
			m->facts[i].amount += amount;
			m->facts[i].count += count;
			return;
		}
	X_GROW(m->facts, m->count, m->capacity);
	m->facts[m->count++] = (struct naive_fact){ arena_strndup(m->n->arena, key, m->scratch.len),
		amount, count };
}

/* Facts without a sub have a 0 there. */
static void sub_zero(struct making *m)
{
	buffer_put_text(&m->scratch, "0");
}

static struct slice or_else(struct slice a, struct slice b)
{
	return a.len ? a : b;
}

static const struct slice no_text = { NULL, 0 };

/* ---- deals ---------------------------------------------------------------------------------------------- */

static void credits(struct making *m, struct naive_number won_at, bool is_refunded)
{
	const struct naive_thing *t = m->t, *account = naive_ref(m->n, t, "account");
	struct slice source = naive_text(t, "source_channel"), currency = naive_text(t, "currency");
	struct naive_number refunded_at = naive_number(t, "refunded_at");
	struct naive_rows rows;

	source = or_else(source, naive_text(naive_ref(m->n, t, "opportunity"), "source_channel"));
	source = or_else(source, naive_text(naive_ref(m->n, t, "lead"), "source_channel"));
	source = or_else(source, naive_text(account, "source_channel"));
	naive_credit(m->n, t, &rows);
	for (size_t i = 0; i < rows.count; i++) {
		const struct naive_row *row = &rows.items[i];

		if (!won_at.is_null) {
			begin(m, "revenue", won_at, currency);
			sub_zero(m);
			dim(m, row->rep);
			dim(m, row->team);
			dim(m, or_else(source, SLICE_LIT("(unknown)")));
			dim(m, naive_text(account, "segment"));
			end(m, row->amount.i, 1);
		}
		if (is_refunded && !refunded_at.is_null && !row->refund.is_null) {
			begin(m, "refunds", refunded_at, currency);
			sub_zero(m);
			dim(m, row->rep);
			end(m, -row->refund.i, 1);
		}
	}
}

static void wins(struct making *m, const char *measure, struct naive_number won_at)
{
	struct slice owner, team;

	naive_winner(m->n, m->t, &owner, &team);
	begin(m, measure, won_at, no_text);
	sub_zero(m);
	dim(m, owner);
	dim(m, naive_text(naive_ref(m->n, m->t, "winner"), "region"));
	dim(m, naive_text(naive_derived_ref(m->n, naive_ref(m->n, m->t, "account"), "first_win"),
		       "source_channel"));
	end(m, 1, 1);
}

static void deal_facts(struct making *m)
{
	const struct naive_thing *t = m->t, *account = naive_ref(m->n, t, "account");
	struct slice status = naive_text(t, "status"), customer;
	struct naive_number won_at = naive_number(t, "won_at"), created, first;

	if (!slice_is(status, "WON") && !slice_is(status, "REFUNDED"))
		return;
	credits(m, won_at, slice_is(status, "REFUNDED"));
	if (won_at.is_null)
		return;
	wins(m, "wins", won_at);
	first = naive_derived(m->n, account, "first_won_at");
	if (!first.is_null && first.i == won_at.i)
		wins(m, "new_wins", won_at);
	customer = naive_customer(t);
	if (customer.len) {
		begin(m, "buyers", won_at, no_text);
		buffer_put(&m->scratch, customer.at, customer.len);
		end(m, 1, 1);
	}
	created = naive_number(naive_ref(m->n, t, "opportunity"), "created_at");
	if (created.is_null)
		created = naive_number(t, "created_at");
	if (created.is_null)
		return;
	begin(m, "cycle", won_at, no_text);
	buffer_printf(&m->scratch, "%d", (int)histogram_bin((won_at.i - created.i) * 10));
	end(m, 1, 1);
}

/* ---- opportunities -------------------------------------------------------------------------------------- */

struct piece {
	struct naive_number from, to; /* from null: since ever; to null: still */
	const struct naive_row *worth;
};

static void stock_fact(struct making *m, const char *measure, const struct piece *p,
	struct naive_number value, struct slice currency)
{
	if (value.is_null)
		return;
	for (int sign = 1; sign >= -1; sign -= 2) {
		if (sign < 0 && p->to.is_null)
			break;
		begin(m, measure, sign > 0 ? p->from : p->to, currency);
		sub_zero(m);
		dim(m, p->worth->rep);
		dim(m, p->worth->team);
		dim(m, p->worth->stage);
		dim(m, naive_text(naive_ref(m->n, m->t, "account"), "segment"));
		end(m, sign * value.i, sign);
	}
}

static void piece_facts(struct making *m, const struct piece *p)
{
	const struct naive_row *w = p->worth;
	struct naive_number weighted = { .is_null = w->amount.is_null || w->probability.is_null };

	if (!p->to.is_null && !p->from.is_null && p->to.i <= p->from.i)
		return;
	stock_fact(m, "open", p, (struct naive_number){ .i = 1 }, no_text);
	stock_fact(m, "open_value", p, w->amount, w->currency);
	if (!weighted.is_null)
		weighted.i = (int64_t)i128_div_half_even(
			(i128)w->amount.i * w->probability.i, DECIMAL_SCALE);
	stock_fact(m, "weighted", p, weighted, w->currency);
}

/* Each version from when it came to when the next came; the first since the beginning, all within the opportunity's life. */
static void open_facts(struct making *m)
{
	const struct naive_thing *t = m->t;
	struct naive_number at = naive_number(t, "created_at"), until = naive_close_at(t);
	struct naive_rows rows;

	if (!slice_is(naive_text(t, "status"), "OPEN") && until.is_null)
		return;
	if (!at.is_null && !until.is_null && until.i <= at.i)
		return;
	naive_versions(m->n, t, &rows);
	if (!rows.count) {
		rows.count = 1;
		rows.items[0] = (struct naive_row){ .rep = naive_text(t, "owner_id"),
			.team = naive_text(t, "team_id"),
			.stage = naive_text(t, "stage_id"),
			.currency = naive_text(t, "currency"),
			.amount = naive_number(t, "amount"),
			.probability = naive_number(t, "probability") };
	}
	for (size_t i = 0; i < rows.count; i++) {
		struct piece p = { .from = at, .to = until, .worth = &rows.items[i] };

		if (i > 0 && (at.is_null || rows.items[i].from.i > at.i))
			p.from = rows.items[i].from;
		if (i + 1 < rows.count && (until.is_null || rows.items[i + 1].from.i < until.i))
			p.to = rows.items[i + 1].from;
		piece_facts(m, &p);
	}
}

static void opportunity_facts(struct making *m)
{
	const struct naive_thing *t = m->t;
	struct naive_number at = naive_number(t, "created_at");
	struct naive_rows rows;

	if (!at.is_null) {
		begin(m, "created", at, no_text);
		sub_zero(m);
		dim(m, naive_text(t, "owner_id"));
		dim(m, naive_text(naive_ref(m->n, t, "lead"), "source_channel"));
		dim(m, naive_ext(t, "campaign"));
		end(m, 1, 1);
	}
	open_facts(m);
	naive_visits(m->n, t, &rows);
	for (size_t i = 0; i < rows.count; i++) {
		const struct naive_row *row = &rows.items[i];

		begin(m, "visits", row->from, no_text);
		sub_zero(m);
		dim(m, row->stage);
		dim(m, row->exit);
		dim(m, row->rep);
		end(m, 1, 1);
		for (int sign = 1; sign >= -1; sign -= 2) {
			if ((sign < 0 && row->left.is_null) ||
				(!row->left.is_null && row->left.i <= row->from.i))
				break;
			begin(m, "in_stage", sign > 0 ? row->from : row->left, no_text);
			sub_zero(m);
			dim(m, row->stage);
			end(m, sign, sign);
		}
	}
}

/* ---- the others ----------------------------------------------------------------------------------------- */

static void simple(struct making *m, const char *measure, struct naive_number at,
	const struct slice *dims, size_t count, int64_t amount)
{
	if (at.is_null)
		return;
	begin(m, measure, at, no_text);
	sub_zero(m);
	for (size_t i = 0; i < count; i++)
		dim(m, dims[i]);
	end(m, amount, 1);
}

static void lead_facts(struct making *m)
{
	const struct naive_thing *t = m->t;
	struct slice source = naive_text(t, "source_channel");
	struct slice leads[] = { naive_text(t, "owner_id"), source };
	struct slice opportunity[] = { naive_text(naive_ref(m->n, t, "owner"), "region"),
		naive_text(naive_derived_ref(m->n, t, "first_opportunity"), "stage_id") };

	simple(m, "leads", naive_number(t, "created_at"), leads, 2, 1);
	simple(m, "leads_opp", naive_derived(m->n, t, "first_opportunity_at"), opportunity, 2, 1);
	simple(m, "leads_won", naive_derived(m->n, t, "first_won_at"), &source, 1, 1);
}

static void call_facts(struct making *m)
{
	const struct naive_thing *t = m->t, *opportunity = naive_ref(m->n, t, "opportunity");
	struct naive_number talk = naive_number(t, "talk_ms");
	struct slice talked[] = { naive_text(t, "rep_id"),
		naive_text(naive_ref(m->n, t, "account"), "segment"),
		naive_text(naive_ref(m->n, t, "lead"), "source_channel"),
		naive_ext(opportunity, "campaign") };
	struct slice reached[] = { naive_text(
					   naive_ref(m->n, opportunity, "lead"), "source_channel"),
		naive_text(naive_ref(m->n, naive_ref(m->n, opportunity, "account"), "owner"),
			"region") };

	if (!talk.is_null)
		simple(m, "talk", naive_number(t, "initiated_at"), talked, 4, talk.i * 10);
	simple(m, "reached", naive_number(t, "initiated_at"), reached, 2, 1);
}

static void account_facts(struct making *m)
{
	struct slice dims[] = { naive_text(m->t, "segment"), naive_text(m->t, "owner_id") };

	simple(m, "customers", naive_derived(m->n, m->t, "first_won_at"), dims, 2, 1);
}

static void rep_facts(struct making *m)
{
	struct slice dims[] = { naive_text(m->t, "name"),
		naive_derived_text(m->n, m->t, "least_segment") };
	struct slice segment =
		naive_text(naive_derived_ref(m->n, m->t, "first_customer"), "segment");

	simple(m, "first_calls",
		naive_number(naive_derived_ref(m->n, m->t, "first_call"), "initiated_at"), dims, 2,
		1);
	simple(m, "earliest", naive_derived(m->n, m->t, "earliest_win"), &segment, 1, 1);
}

void naive_print_facts(struct naive *n, struct buffer *out)
{
	static void (*const facts[ENTITY_TYPE_COUNT])(struct making *) = {
		lead_facts,
		opportunity_facts,
		deal_facts,
		call_facts,
		rep_facts,
		account_facts,
	};
	struct making m = { .n = n };

	buffer_init(&m.scratch);
	for (size_t i = 0; i < n->thing_count; i++) {
		m.t = n->things[i];
		if (naive_is_live(m.t) && facts[m.t->type])
			facts[m.t->type](&m);
	}
	for (size_t i = 0; i < m.count; i++)
		if (m.facts[i].amount || m.facts[i].count)
			buffer_printf(out, "%s: %lld %lld\n", m.facts[i].key,
				(long long)m.facts[i].amount, (long long)m.facts[i].count);
	free(m.facts);
	buffer_deinit(&m.scratch);
	text_sort_lines(out);
}
