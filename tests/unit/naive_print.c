/* naive: everything as text, in the form of world_print. */
#include <stdio.h>
#include <string.h>

#include "naive.h"
#include "store_world.h"

struct printing {
	struct naive *n;
	const struct naive_thing *t;
	struct buffer *out;
};

static void put(struct buffer *out, struct slice text)
{
	buffer_put(out, text.at, text.len);
}

static void put_name(struct printing *p, const char *name)
{
	put(p->out, p->t->tenant);
	buffer_printf(p->out, " %s ", model_table[p->t->type].name);
	put(p->out, p->t->id);
	if (name)
		buffer_printf(p->out, " %s=", name);
}

static void put_text(struct printing *p, const char *name, struct slice text)
{
	if (!text.len)
		return;
	put_name(p, name);
	put(p->out, text);
	buffer_put_text(p->out, "\n");
}

static void put_number(struct printing *p, const char *name, struct naive_number number)
{
	if (number.is_null)
		return;
	put_name(p, name);
	buffer_printf(p->out, "%lld\n", (long long)number.i);
}

static void put_ref(struct printing *p, const char *name)
{
	const struct naive_thing *to = naive_ref(p->n, p->t, name);

	if (to)
		put_text(p, name, to->id);
}

/* ---- lists ---------------------------------------------------------------------------------------------- */

/* A cell, "-" for null; the first of a row opens it. */
static void cell_begin(struct buffer *out, bool is_first)
{
	buffer_put_text(out, is_first ? "[" : "|");
}

static void text_cell(struct buffer *out, bool is_first, struct slice text)
{
	cell_begin(out, is_first);
	put(out, text.len ? text : SLICE_LIT("-"));
}

static void number_cell(struct buffer *out, bool is_first, struct naive_number number)
{
	cell_begin(out, is_first);
	if (number.is_null)
		buffer_put_text(out, "-");
	else
		buffer_printf(out, "%lld", (long long)number.i);
}

static void put_event_list(
	struct printing *p, const struct model_field *field, const struct event_list *list)
{
	put_name(p, field->name);
	for (size_t i = 0; i < list->count * field->list->field_count; i++) {
		size_t column = i % field->list->field_count;
		const struct event_value *v = &list->cells[i];

		if (field->list->fields[column].type == VALUE_STRING)
			text_cell(
				p->out, !column, v->is_null ? (struct slice){ NULL, 0 } : v->text);
		else
			number_cell(p->out, !column,
				(struct naive_number){ .is_null = v->is_null, .i = v->i });
		buffer_put_text(p->out, column + 1 == field->list->field_count ? "]" : "");
	}
	buffer_put_text(p->out, "\n");
}

static void visit_row(struct buffer *out, const struct naive_row *r)
{
	text_cell(out, true, r->stage);
	text_cell(out, false, r->pipeline);
	text_cell(out, false, r->rep);
	text_cell(out, false, r->team);
	number_cell(out, false, r->from);
	number_cell(out, false, r->left);
	text_cell(out, false, r->exit);
}

static void version_row(struct buffer *out, const struct naive_row *r)
{
	number_cell(out, true, r->from);
	number_cell(out, false, r->amount);
	number_cell(out, false, r->probability);
	text_cell(out, false, r->rep);
	text_cell(out, false, r->team);
	text_cell(out, false, r->stage);
	text_cell(out, false, r->pipeline);
	text_cell(out, false, r->currency);
}

static void credit_row(struct buffer *out, const struct naive_row *r)
{
	text_cell(out, true, r->rep);
	text_cell(out, false, r->team);
	number_cell(out, false, r->amount);
	number_cell(out, false, r->share);
	number_cell(out, false, r->refund);
}

static void put_rows(struct printing *p, const char *name, const struct naive_rows *rows,
	void (*put_row)(struct buffer *, const struct naive_row *))
{
	if (!rows->count)
		return;
	put_name(p, name);
	for (size_t i = 0; i < rows->count; i++) {
		put_row(p->out, &rows->items[i]);
		buffer_put_text(p->out, "]");
	}
	buffer_put_text(p->out, "\n");
}

/* ---- things --------------------------------------------------------------------------------------------- */

static void put_fields(struct printing *p)
{
	const struct model_entity *model = &model_table[p->t->type];

	for (size_t i = 0; i < model->field_count; i++) {
		const struct model_field *field = &model->fields[i];

		if (field->type == VALUE_STRING)
			put_text(p, field->name, naive_text(p->t, field->name));
		else if (field->type != VALUE_LIST)
			put_number(p, field->name, naive_number(p->t, field->name));
		else if (p->t->image && !p->t->image->fields[i].is_null)
			put_event_list(p, field, p->t->image->fields[i].list);
	}
}

static void put_derived_ref(struct printing *p, const char *name)
{
	const struct naive_thing *to = naive_derived_ref(p->n, p->t, name);

	if (to)
		put_text(p, name, to->id);
}

static void put_derived(struct printing *p, const char *name)
{
	put_number(p, name, naive_derived(p->n, p->t, name));
}

static void put_lead(struct printing *p)
{
	put_ref(p, "opportunity");
	put_ref(p, "account");
	put_ref(p, "owner");
	put_derived(p, "first_opportunity_at");
	put_derived(p, "opportunities");
	put_derived_ref(p, "first_opportunity");
	put_derived(p, "first_won_at");
}

static void put_opportunity(struct printing *p)
{
	struct naive_rows rows;
	struct slice owner, team;

	put_ref(p, "lead_by_id");
	put_ref(p, "lead");
	put_ref(p, "account");
	put_ref(p, "owner");
	put_ref(p, "closer");
	naive_closer(p->n, p->t, &owner, &team);
	put_text(p, "close_owner_id", owner);
	put_text(p, "close_team_id", team);
	put_number(p, "close_at", naive_close_at(p->t));
	naive_visits(p->n, p->t, &rows);
	put_rows(p, "visits", &rows, visit_row);
	naive_versions(p->n, p->t, &rows);
	put_rows(p, "versions", &rows, version_row);
	put_derived(p, "deals");
}

static void put_deal(struct printing *p)
{
	struct naive_rows rows;
	struct slice owner, team;

	put_ref(p, "opportunity");
	put_ref(p, "lead_by_id");
	put_ref(p, "lead");
	put_ref(p, "account");
	put_ref(p, "owner");
	put_ref(p, "winner");
	put_text(p, "customer_id", naive_customer(p->t));
	naive_winner(p->n, p->t, &owner, &team);
	put_text(p, "win_owner_id", owner);
	put_text(p, "win_team_id", team);
	naive_credit(p->n, p->t, &rows);
	put_rows(p, "credit", &rows, credit_row);
}

static void put_call(struct printing *p)
{
	put_ref(p, "lead");
	put_ref(p, "opportunity");
	put_ref(p, "account");
	put_ref(p, "rep");
}

static void put_rep(struct printing *p)
{
	put_derived_ref(p, "first_call");
	put_derived(p, "wins");
	put_text(p, "least_segment", naive_derived_text(p->n, p->t, "least_segment"));
	put_derived(p, "earliest_win");
	put_derived_ref(p, "first_customer");
}

static void put_account(struct printing *p)
{
	put_ref(p, "owner");
	put_derived(p, "first_won_at");
	put_derived(p, "last_won_at");
	put_derived_ref(p, "first_win");
	put_derived(p, "won_amount");
	put_derived(p, "talk");
	put_derived(p, "calls");
}

static void put_ticket(struct printing *p)
{
	put_ref(p, "account");
	put_ref(p, "rep");
}

static void put_agent_state(struct printing *p)
{
	put_ref(p, "rep");
}

static void put_nothing(struct printing *p)
{
	(void)p;
}

static void put_thing(struct printing *p)
{
	static void (*const attributes[ENTITY_TYPE_COUNT])(struct printing *) = {
		put_lead,
		put_opportunity,
		put_deal,
		put_call,
		put_rep,
		put_account,
		[ENTITY_TARGET] = put_nothing,
		[ENTITY_SPEND] = put_nothing,
		[ENTITY_FX_RATE] = put_nothing,
		[ENTITY_INTERACTION] = put_call,
		[ENTITY_VISIT] = put_call,
		[ENTITY_AGENT_STATE] = put_agent_state,
		[ENTITY_TICKET] = put_ticket,
	};
	static const char *const exts[] = { "campaign", "note" };
	const struct naive_thing *t = p->t;

	put_name(p, NULL);
	buffer_printf(p->out, ":%s%s%s%s", t->image ? " image" : "", t->deleted ? " deleted" : "",
		t->excluded ? " excluded" : "", t->erased ? " erased" : "");
	if (t->root != t) {
		buffer_put_text(p->out, " into ");
		put(p->out, t->root->id);
	}
	buffer_put_text(p->out, "\n");
	put_fields(p);
	attributes[t->type](p);
	for (size_t i = 0; i < sizeof(exts) / sizeof(exts[0]); i++) {
		struct slice value = naive_ext(t, exts[i]);

		if (!value.len)
			continue;
		put_name(p, NULL);
		buffer_printf(p->out, " ext.%s=" SLICE_FMT "\n", exts[i], SLICE_ARG(value));
	}
}

void naive_print(struct naive *n, struct buffer *out)
{
	for (size_t i = 0; i < n->thing_count; i++) {
		struct printing p = { .n = n, .t = n->things[i], .out = out };

		if (p.t->has_event || p.t->is_referred)
			put_thing(&p);
	}
	text_sort_lines(out);
}
