#include "naive.h"

#include <assert.h>
#include <string.h>

static const int64_t SLACK_MS = 48 * INT64_C(3600000);

/* ---- things --------------------------------------------------------------------------------------------- */

static struct naive_thing *find(
	struct naive *n, struct slice tenant, enum entity_type type, struct slice id)
{
	struct naive_thing *thing;

	for (size_t i = 0; i < n->thing_count; i++)
		if (n->things[i]->type == type && slice_equal(n->things[i]->id, id) &&
			slice_equal(n->things[i]->tenant, tenant))
			return n->things[i];
	assert(n->thing_count < sizeof(n->things) / sizeof(n->things[0]));
	thing = arena_alloc(n->arena, sizeof(*thing));
	*thing = (struct naive_thing){ .tenant = tenant, .type = type, .id = id };
	thing->root = thing;
	n->things[n->thing_count++] = thing;
	return thing;
}

static bool is_about(const struct event *e, const struct naive_thing *thing)
{
	return e->type == thing->type && slice_equal(e->entity_id, thing->id) &&
	       slice_equal(e->tenant_id, thing->tenant);
}

static bool names(const struct event *e, const struct naive_thing *thing)
{
	if (e->op != EVENT_MERGE || e->type != thing->type ||
		!slice_equal(e->tenant_id, thing->tenant) || is_about(e, thing))
		return false;
	for (size_t i = 0; i < e->merged_count; i++)
		if (slice_equal(e->merged_ids[i], thing->id))
			return true;
	return false;
}

static bool has_body(const struct event *e)
{
	const struct model_entity *model = &model_table[e->type];
	bool says = false, is_true = true;

	if (e->op == EVENT_CREATE || e->op == EVENT_UPDATE || e->op == EVENT_SNAPSHOT)
		return true;
	if (e->op == EVENT_ERASE)
		return false;
	for (size_t i = 0; i < model->field_count; i++) {
		const struct event_value *v = &e->fields[i];

		if (v->is_null)
			continue;
		if (model->fields[i].type == VALUE_LIST ? v->list->count > 0
							: v->text.len > 0 || v->i != 0)
			says = true;
		if (model->fields[i].past_tense && v->i > e->occurred_at_ms + SLACK_MS)
			is_true = false;
	}
	return says && (is_true || e->op != EVENT_DELETE);
}

static bool is_before(const struct event *a, const struct event *b)
{
	struct order_key x = event_order(a), y = event_order(b);

	return order_compare(&x, &y) < 0;
}

/* (occurred_at, event_id, hash): merges have no version, they concern two entities. */
static int compare_merges(const struct order_key *a, const struct order_key *b)
{
	int order = memcmp(a->id, b->id, sizeof(a->id));

	if (a->occurred_at_ms != b->occurred_at_ms)
		return a->occurred_at_ms < b->occurred_at_ms ? -1 : 1;
	return order ? order : (a->hash > b->hash) - (a->hash < b->hash);
}

static void look_at_events(struct naive *n, struct naive_thing *thing)
{
	const struct event *last = NULL, *edge = NULL;

	for (size_t i = 0; i < n->event_count; i++) {
		const struct event *e = n->events[i];
		bool own = is_about(e, thing);

		thing->has_event = thing->has_event || own || names(e, thing);
		if (own && e->op == EVENT_ERASE)
			thing->erased = true;
		if (own && e->op != EVENT_ERASE && (!last || is_before(last, e)))
			last = e;
		if (own && has_body(e) && (!thing->image || is_before(thing->image, e)))
			thing->image = e;
		if (!names(e, thing) && !(own && e->op == EVENT_UNDELETE))
			continue;
		struct order_key key = event_order(e);
		int order = edge ? compare_merges(&key, &thing->edge_key) : 1;
		if (order == 0 &&
			edge->op !=
				EVENT_UNDELETE) /* one event id for two: an UNDELETE, then the greater winner */
			order = own || slice_compare(e->entity_id, edge->entity_id) > 0;
		if (order > 0) {
			edge = e;
			thing->edge_key = key;
		}
	}
	thing->deleted = last && last->op == EVENT_DELETE;
	thing->excluded = thing->image && thing->image->excluded;
	if (edge && edge->op == EVENT_MERGE)
		thing->edge = find(n, thing->tenant, thing->type, edge->entity_id);
}

/* The member of a circle whose edge is the oldest; NULL: not in a circle. */
static struct naive_thing *oldest_of_circle(const struct naive *n, struct naive_thing *thing)
{
	struct naive_thing *at = thing->edge, *oldest = thing;
	size_t steps = 0;

	for (; at && at != thing && steps <= n->thing_count; at = at->edge, steps++) {
		int order = compare_merges(&at->edge_key, &oldest->edge_key);

		if (order < 0 || (order == 0 && slice_compare(at->id, oldest->id) < 0))
			oldest = at;
	}
	return at == thing ? oldest : NULL;
}

static void find_root(const struct naive *n, struct naive_thing *thing)
{
	struct naive_thing *at = thing, *oldest;

	while (at->edge) {
		oldest = oldest_of_circle(n, at);
		if (oldest == at)
			break;
		at = at->edge;
	}
	thing->root = at;
}

/* ---- the image's fields --------------------------------------------------------------------------------- */

bool naive_is_live(const struct naive_thing *t)
{
	return (t->has_event || t->is_referred) && !t->deleted && !t->excluded && t->root == t;
}

static const struct event_value *value_in(const struct event *e, const char *field)
{
	int index = model_field_find(e->type, slice_of(field));

	assert(index >= 0);
	return &e->fields[index];
}

static bool is_masked(const struct naive_thing *t, const char *field)
{
	return t->erased &&
	       model_table[t->type].fields[model_field_find(t->type, slice_of(field))].personal;
}

struct slice naive_text(const struct naive_thing *t, const char *field)
{
	if (!t || !t->image || is_masked(t, field) || value_in(t->image, field)->is_null)
		return (struct slice){ NULL, 0 };
	return value_in(t->image, field)->text;
}

struct naive_number naive_number(const struct naive_thing *t, const char *field)
{
	if (!t || !t->image || is_masked(t, field) || value_in(t->image, field)->is_null)
		return (struct naive_number){ .is_null = true };
	return (struct naive_number){ .i = value_in(t->image, field)->i };
}

/* world_definitions read `campaign`; what nothing reads goes with an ERASE. */
struct slice naive_ext(const struct naive_thing *t, const char *key)
{
	if (t && t->image && (!t->erased || !strcmp(key, "campaign")))
		for (size_t i = 0; i < t->image->ext_count; i++)
			if (slice_is(t->image->ext[i].key, key))
				return t->image->ext[i].value;
	return (struct slice){ NULL, 0 };
}

/* ---- owners at the time --------------------------------------------------------------------------------- */

static struct naive_number close_time(const struct event *e)
{
	struct slice status = value_in(e, "status")->is_null ? (struct slice){ NULL, 0 }
							     : value_in(e, "status")->text;
	const struct event_value *won = value_in(e, "won_at"), *lost = value_in(e, "lost_at"),
				 *closed = value_in(e, "closed_at");

	if (slice_is(status, "OPEN"))
		return (struct naive_number){ .is_null = true };
	if (!won->is_null && !slice_is(status, "LOST"))
		return (struct naive_number){ .i = won->i };
	if (!lost->is_null && !slice_is(status, "WON"))
		return (struct naive_number){ .i = lost->i };
	return (struct naive_number){ .is_null = closed->is_null, .i = closed->i };
}

struct naive_number naive_close_at(const struct naive_thing *t)
{
	return t && t->image ? close_time(t->image) : (struct naive_number){ .is_null = true };
}

/* When an image says that it was won (a deal) or closed (an opportunity). */
static struct naive_number mark_time(const struct event *e)
{
	const struct event_value *won;

	if (e->type == ENTITY_OPPORTUNITY)
		return close_time(e);
	won = value_in(e, "won_at");
	return (struct naive_number){ .is_null = won->is_null, .i = won->i };
}

/* The least image that bears the newest image's time. */
static const struct event *first_bearer(const struct naive *n, const struct naive_thing *t)
{
	struct naive_number at =
		t->image ? mark_time(t->image) : (struct naive_number){ .is_null = true };
	const struct event *least = NULL;

	for (size_t i = 0; !at.is_null && i < n->event_count; i++) {
		const struct event *e = n->events[i];

		if (!is_about(e, t) || !has_body(e) || mark_time(e).is_null ||
			mark_time(e).i != at.i)
			continue;
		if (!least || is_before(e, least))
			least = e;
	}
	return least;
}

static struct slice or_else(struct slice a, struct slice b)
{
	return a.len ? a : b;
}

static struct slice text_in(const struct event *e, const char *field)
{
	return e && !value_in(e, field)->is_null ? value_in(e, field)->text
						 : (struct slice){ NULL, 0 };
}

void naive_closer(struct naive *n, const struct naive_thing *t, struct slice *ret_owner,
	struct slice *ret_team)
{
	const struct event *bearer = first_bearer(n, t);

	*ret_owner = *ret_team = (struct slice){ NULL, 0 };
	if (!bearer)
		return;
	*ret_owner = or_else(text_in(bearer, "owner_id"), naive_text(t, "owner_id"));
	*ret_team = text_in(bearer, "team_id");
}

void naive_winner(struct naive *n, const struct naive_thing *t, struct slice *ret_owner,
	struct slice *ret_team)
{
	const struct event *bearer = first_bearer(n, t);

	*ret_owner = or_else(or_else(naive_text(t, "owner_at_win_id"), text_in(bearer, "owner_id")),
		naive_text(t, "owner_id"));
	*ret_team = or_else(naive_text(t, "team_at_win_id"), text_in(bearer, "team_id"));
}

/* ---- references ----------------------------------------------------------------------------------------- */

struct slice naive_customer(const struct naive_thing *t)
{
	static char text[64]; /* one at a time */
	struct slice account, contact;

	if (!t->image)
		return (struct slice){ NULL, 0 };
	account = text_in(t->image, "account_id");
	contact = text_in(t->image, "contact_id"); /* an ERASE leaves the customer */
	if (account.len || !contact.len)
		return account;
	assert(contact.len + 8 < sizeof(text));
	memcpy(text, "contact:", 8);
	memcpy(text + 8, contact.at, contact.len);
	return (struct slice){ text, 8 + contact.len };
}

static const struct naive_link {
	enum entity_type child, parent;
	const char *name, *field;
} links[] = {
	{ ENTITY_LEAD, ENTITY_OPPORTUNITY, "opportunity", "opportunity_id" },
	{ ENTITY_LEAD, ENTITY_ACCOUNT, "account", "account_id" },
	{ ENTITY_LEAD, ENTITY_REP, "owner", "owner_id" },
	{ ENTITY_OPPORTUNITY, ENTITY_LEAD, "lead_by_id", "lead_id" },
	{ ENTITY_OPPORTUNITY, ENTITY_ACCOUNT, "account", "account_id" },
	{ ENTITY_OPPORTUNITY, ENTITY_REP, "owner", "owner_id" },
	{ ENTITY_OPPORTUNITY, ENTITY_REP, "closer", NULL },
	{ ENTITY_DEAL, ENTITY_OPPORTUNITY, "opportunity", "opportunity_id" },
	{ ENTITY_DEAL, ENTITY_LEAD, "lead_by_id", "lead_id" },
	{ ENTITY_DEAL, ENTITY_ACCOUNT, "account", NULL },
	{ ENTITY_DEAL, ENTITY_REP, "owner", "owner_id" },
	{ ENTITY_DEAL, ENTITY_REP, "winner", NULL },
	{ ENTITY_CALL, ENTITY_LEAD, "lead", "lead_id" },
	{ ENTITY_CALL, ENTITY_OPPORTUNITY, "opportunity", "opportunity_id" },
	{ ENTITY_CALL, ENTITY_ACCOUNT, "account", "account_id" },
	{ ENTITY_CALL, ENTITY_REP, "rep", "rep_id" },
	{ ENTITY_ACCOUNT, ENTITY_REP, "owner", "owner_id" },
	{ ENTITY_INTERACTION, ENTITY_LEAD, "lead", "lead_id" },
	{ ENTITY_INTERACTION, ENTITY_OPPORTUNITY, "opportunity", "opportunity_id" },
	{ ENTITY_INTERACTION, ENTITY_ACCOUNT, "account", "account_id" },
	{ ENTITY_INTERACTION, ENTITY_REP, "rep", "rep_id" },
	{ ENTITY_VISIT, ENTITY_LEAD, "lead", "lead_id" },
	{ ENTITY_VISIT, ENTITY_OPPORTUNITY, "opportunity", "opportunity_id" },
	{ ENTITY_VISIT, ENTITY_ACCOUNT, "account", "account_id" },
	{ ENTITY_VISIT, ENTITY_REP, "rep", "rep_id" },
	{ ENTITY_AGENT_STATE, ENTITY_REP, "rep", "rep_id" },
	{ ENTITY_TICKET, ENTITY_ACCOUNT, "account", "account_id" },
	{ ENTITY_TICKET, ENTITY_REP, "rep", "rep_id" },
};
enum { LINK_COUNT = sizeof(links) / sizeof(links[0]) };

static struct slice link_id(
	struct naive *n, const struct naive_thing *t, const struct naive_link *link)
{
	struct slice owner, team;

	if (link->field)
		return naive_text(t, link->field);
	if (!strcmp(link->name, "account"))
		return naive_customer(t);
	if (!strcmp(link->name, "closer"))
		naive_closer(n, t, &owner, &team);
	else
		naive_winner(n, t, &owner, &team);
	return owner;
}

static void add_referred(struct naive *n)
{
	size_t count = n->thing_count;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < LINK_COUNT; k++) {
			const struct naive_thing *t = n->things[i];
			struct slice id;

			if (links[k].child != t->type)
				continue;
			id = link_id(n, t, &links[k]);
			if (!id.len)
				continue;
			id.at = arena_strndup(n->arena, id.at, id.len);
			find(n, t->tenant, links[k].parent, id)->is_referred = true;
		}
}

/* Live ones first, then the earliest created, then by id. */
static bool goes_before(const struct naive_thing *a, const struct naive_thing *b)
{
	struct naive_number x = naive_number(a, "created_at"), y = naive_number(b, "created_at");

	if (naive_is_live(a) != naive_is_live(b))
		return naive_is_live(a);
	if (x.is_null != y.is_null)
		return y.is_null;
	if (!x.is_null && x.i != y.i)
		return x.i < y.i;
	return slice_compare(a->id, b->id) < 0;
}

/* The best of all leads that either side links, those of merged records among them. */
static struct naive_thing *primary_lead(struct naive *n, const struct naive_thing *opportunity)
{
	struct naive_thing *best = NULL;

	for (size_t i = 0; opportunity->root == opportunity && i < n->thing_count; i++) {
		struct naive_thing *t = n->things[i], *lead = NULL;

		if (t->type == ENTITY_OPPORTUNITY && t->root == opportunity)
			lead = naive_ref(n, t, "lead_by_id");
		else if (t->type == ENTITY_LEAD && naive_ref(n, t, "opportunity") == opportunity)
			lead = t->root;
		if (lead && (!best || goes_before(lead, best)))
			best = lead;
	}
	return best;
}

struct naive_thing *naive_ref(struct naive *n, const struct naive_thing *t, const char *name)
{
	struct naive_thing *opportunity;

	if (!t)
		return NULL;
	if (!strcmp(name, "lead") && t->type == ENTITY_OPPORTUNITY)
		return primary_lead(n, t);
	if (!strcmp(name, "lead") && t->type == ENTITY_DEAL) {
		if (t->root != t)
			return NULL;
		if (naive_text(t, "lead_id").len)
			return naive_ref(n, t, "lead_by_id");
		opportunity = naive_ref(n, t, "opportunity");
		return opportunity ? primary_lead(n, opportunity) : NULL;
	}
	for (size_t k = 0; k < LINK_COUNT; k++)
		if (links[k].child == t->type && !strcmp(links[k].name, name)) {
			struct slice id = link_id(n, t, &links[k]);

			return id.len ? find(n, t->tenant, links[k].parent, id)->root : NULL;
		}
	assert(0);
	return NULL;
}

/* ---- all ------------------------------------------------------------------------------------------------ */

struct naive *naive_new(struct arena *arena, const struct event *const *events, size_t count)
{
	struct naive *n = arena_alloc(arena, sizeof(*n));

	*n = (struct naive){ .arena = arena, .events = events, .event_count = count };
	for (size_t i = 0; i < count; i++) {
		const struct event *e = events[i];

		find(n, e->tenant_id, e->type, e->entity_id);
		for (size_t k = 0; e->op == EVENT_MERGE && k < e->merged_count; k++)
			find(n, e->tenant_id, e->type, e->merged_ids[k]);
	}
	for (size_t i = 0; i < n->thing_count; i++)
		look_at_events(n, n->things[i]);
	add_referred(n);
	for (size_t i = 0; i < n->thing_count; i++)
		find_root(n, n->things[i]);
	return n;
}
