/* store: the conventions of KPIS.md for customers, leads and refunds; limits (S26), counters, tenants. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "store_story.h"

/* ---- KPIS: customers, leads, refunds -------------------------------------------------------------------- */

static void check_customers(struct world *w)
{
	SLOT(DEAL, "D1", "customer_id", "A1");
	SLOT(DEAL, "D2", "customer_id", "contact:K1");
	SLOT(DEAL, "D2", "account", "contact:K1");
	SLOT(DEAL, "D3", "customer_id", "null");
	COUNT("buyers", NULL, 2);
	COUNT("customers", NULL, 2);
}

static void test_kpis_customer_is_account_else_contact(void **state)
{
	event_set_all(won(*state, "D1", 1, AT1, AT1, "ana"), "account_id", "A1", "contact_id", "K1",
		NULL);
	event_set(won(*state, "D2", 1, AT1, AT1, "ana"), "contact_id", "K1");
	won(*state, "D3", 1, AT1, AT1, "ana");
	in_any_order(*state, check_customers);
}

static void check_union(struct world *w)
{
	SLOT(LEAD, "L1", "opportunities", "1"); /* by lead.opportunity_id */
	SLOT(LEAD, "L2", "opportunities", "1"); /* by opportunity.lead_id */
	SLOT(OPPORTUNITY, "O1", "lead", "L2");	/* the earliest created */
	SLOT(DEAL, "D1", "lead", "L1");		/* its own lead_id comes first */
	COUNT("leads_opp", NULL, 2);
	COUNT("leads_won", NULL, 1);
}

/* Lead link = union of lead.opportunity_id, opportunity.lead_id, deal.lead_id. */
static void test_kpis_lead_links_are_a_union(void **state)
{
	struct event *e = lead(*state, "L1", 1, AT2);

	event_set(e, "opportunity_id", "O1");
	lead(*state, "L2", 1, AT1);
	e = update(*state, ENTITY_OPPORTUNITY, "O1", 1, AT3);
	event_set_all(e, "status", "OPEN", "created_at", AT3, "lead_id", "L2", NULL);
	event_set_all(won(*state, "D1", 1, AT4, AT4, "ana"), "opportunity_id", "O1", "lead_id",
		"L1", NULL);
	in_any_order(*state, check_union);
}

static void check_primary_by_id(struct world *w)
{
	SLOT(OPPORTUNITY, "O1", "lead",
		"L2"); /* L1 is deleted; L2 and L3 are of one moment: by id */
	SLOT(DEAL, "D1", "lead", "L2");
}

static void test_kpis_primary_lead_is_live_earliest_then_by_id(void **state)
{
	event_set(lead(*state, "L3", 1, AT2), "opportunity_id", "O1");
	event_set(lead(*state, "L2", 1, AT2), "opportunity_id", "O1");
	event_set(lead(*state, "L1", 1, AT1), "opportunity_id", "O1");
	tell(*state, ENTITY_LEAD, EVENT_DELETE, "L1", 2, AT3);
	event_set(won(*state, "D1", 1, AT4, AT4, "ana"), "opportunity_id", "O1");
	in_any_order(*state, check_primary_by_id);
}

static void check_same_account(struct world *w)
{
	COUNT("leads_won", NULL, 0);
	SLOT(DEAL, "D1", "lead", "null");
}

static void test_kpis_the_same_account_alone_converts_no_lead(void **state)
{
	event_set(lead(*state, "L1", 1, AT1), "account_id", "A1");
	event_set(won(*state, "D1", 1, AT2, AT2, "ana"), "account_id", "A1");
	in_any_order(*state, check_same_account);
}

static void check_refunded(struct world *w)
{
	TOTAL("revenue", NULL, "100"); /* at won_at */
	TOTAL("refunds", NULL, "-30"); /* at refunded_at */
	TOTAL("refunds", "ana", "-20");
	TOTAL("refunds", "budi", "-10");
	assert_int_equal(world_total_before(w, "refunds", NULL, time_of(AT3)), 0);
}

static void test_kpis_refunded(void **state)
{
	struct story *s = *state;
	struct event *e;

	won(s, "D1", 1, AT1, AT1, "ana");
	e = won(s, "D1", 2, AT3, AT1, "ana");
	event_set_all(e, "status", "REFUNDED", "refunded_at", AT3, "refund_amount", "30", NULL);
	event_add_row(&s->arena, e, "splits", "budi", "revenue", "33.3333");
	event_add_row(&s->arena, e, "splits", "citra", "overlay", "50");
	in_any_order(s, check_refunded);
}

static void check_cancelled(struct world *w)
{
	COUNT("revenue", NULL, 0);
	COUNT("wins", NULL, 0);
	SLOT(ACCOUNT, "A1", "first_won_at", "null");
}

static void test_kpis_cancelled_leaves_its_bucket(void **state)
{
	struct event *e;

	event_set(won(*state, "D1", 1, AT1, AT1, "ana"), "account_id", "A1");
	e = won(*state, "D1", 2, AT3, AT1, "ana");
	event_set_all(e, "status", "CANCELLED", "cancelled_at", AT3, "account_id", "A1", NULL);
	in_any_order(*state, check_cancelled);
}

/* ---- limits, counters, tenants -------------------------------------------------------------------------- */

static void save_all(struct world *w, struct buffer *out)
{
	uint32_t cursor = 0;

	store_save(w->store, true, out, SIZE_MAX, &cursor);
	world_print(w, out);
	world_print_facts(w, out);
}

static void assert_full_changes_nothing(struct world *w, const struct event *e)
{
	struct buffer before, after;
	uint64_t streams = store_streams(w->store, w->tenant);
	uint32_t count = store_count(w->store);
	size_t bytes = store_bytes(w->store);

	buffer_init(&before);
	buffer_init(&after);
	save_all(w, &before);
	for (int i = 0; i < 3; i++)
		assert_int_equal(world_apply(w, e), STORE_FULL);
	save_all(w, &after);
	assert_int_equal(before.len, after.len);
	assert_memory_equal(before.data, after.data, before.len);
	assert_int_equal(store_streams(w->store, w->tenant), streams);
	assert_int_equal(store_count(w->store), count);
	assert_int_equal(store_bytes(w->store), bytes);
	buffer_deinit(&before);
	buffer_deinit(&after);
}

/* S26: at the limit the shard stops; what is there is as it was. */
static void test_s26_full_of_entities(void **state)
{
	struct story *s = *state;
	struct world w;
	struct event *e;

	world_init_shared(&w, s->plan, (struct store_limits){ .entities_max = 9 });
	e = won(s, "D1", 1, AT1, AT1, "ana");
	event_set_all(e, "account_id", "A1", "opportunity_id", "O1", "lead_id", "L1", NULL);
	world_change(&w, e);
	assert_int_equal(store_count(w.store), 5);
	assert_full_changes_nothing(&w, won(s, "D2", 1, AT1, AT1, "budi"));
	assert_full_changes_nothing(&w, merge(s, ENTITY_CALL, "C1", "C2", 1, AT1));
	assert_int_equal(
		world_apply(&w, e), STORE_UNCHANGED); /* what is in already is no matter of room */
	e = update(s, ENTITY_REP, "ana", 1, AT1);
	event_set(e, "name", "Ana");
	world_change(&w, e); /* needs none */
	world_deinit(&w);
	s->count = 0;
}

static void test_s26_full_of_strings(void **state)
{
	struct story *s = *state;
	struct world w;
	struct event *e;

	world_init_shared(&w, s->plan, (struct store_limits){ .entities_max = 1000 });
	world_change(&w, won(s, "D1", 1, AT1, AT1, "ana"));
	w.strings.bytes_max = intern_bytes(&w.strings) + 100; /* two or three more */
	e = won(s, "D2", 1, AT1, AT1, "ana");
	event_set_all(e, "source_channel", "a channel", "contact_id", "a contact", "account_id",
		"an account", "team_id", "a team", NULL);
	event_add_row(&s->arena, e, "splits", "another", NULL, "50");
	event_add_ext(&s->arena, e, "key", "value");
	assert_full_changes_nothing(&w, e);
	e = update(s, ENTITY_OPPORTUNITY, "O1", 1, AT1);
	event_add_ext(
		&s->arena, e, "another key of many bytes, more than there is room for", "value");
	assert_full_changes_nothing(&w, e);
	world_deinit(&w);
	s->count = 0;
}

static void test_counters(void **state)
{
	struct story *s = *state;
	struct world w;
	struct event *a, *b;
	struct store_counters c;

	world_init_shared(&w, s->plan, (struct store_limits){ .entities_max = 1000 });
	a = won(s, "D1", 2, AT2, AT1, "ana");
	b = won(s, "D1", 1, AT1, AT1, "ana");
	world_change(&w, a);
	assert_int_equal(world_apply(&w, a), STORE_UNCHANGED);
	assert_int_equal(store_counters(w.store).duplicates, 1);
	assert_int_equal(store_counters(w.store).stale, 0);
	/* The older image lowers the key of the win and shows nothing new: it is taken in, not stale; then it is. */
	assert_int_equal(world_apply(&w, b), STORE_UNCHANGED);
	assert_int_equal(store_counters(w.store).stale, 0);
	assert_int_equal(world_apply(&w, b), STORE_UNCHANGED);
	assert_int_equal(store_counters(w.store).stale, 1);
	b = won(s, "D2", 1, AT1, AT1, "ana");
	event_add_row(&s->arena, b, "splits", "budi", NULL, "80");
	event_add_row(&s->arena, b, "splits", "citra", NULL, "40");
	world_change(&w, b);
	assert_int_equal(store_counters(w.store).splits_scaled, 1);
	s->count = 0;
	for (int64_t i = 1; i <= 130; i++) {
		b = update(s, ENTITY_OPPORTUNITY, "O1", i, NULL);
		event_set_all(b, "status", "OPEN", "pipeline_id", "sales", "stage_id", "new", NULL);
		event_set_time(b, "stage_entered_at", b->occurred_at_ms);
		w.checks = false;
		world_change(&w, b);
		s->count = 0;
	}
	c = store_counters(w.store);
	assert_int_equal(c.versions_folded, 130 - 64);
	assert_int_equal(c.stages_folded, 2);
	store_check(w.store);
	world_deinit(&w);
}

static void test_memory_is_in_the_books(void **state)
{
	struct story *s = *state;
	size_t before, after;
	struct world w;
	struct event *e;

	world_init_shared(&w, s->plan, (struct store_limits){ .entities_max = 1000 });
	e = won(s, "D1", 1, AT1, AT1, "ana");
	world_change(&w, e);
	before = store_bytes(w.store);
	e = won(s, "D1", 2, AT1, AT2, "ana");
	for (int i = 0; i < 50; i++)
		event_add_row(&s->arena, e, "splits", "budi", NULL, "1");
	event_add_ext(&s->arena, e, "campaign", "fair");
	world_change(&w, e);
	after = store_bytes(w.store);
	assert_true(after > before + 50 * 3 * 8);
	world_change(&w, won(s, "D1", 3, AT2, AT2, "ana")); /* without splits and ext again */
	assert_true(store_bytes(w.store) < before + 1000);
	s->count = 0;
	world_deinit(&w);
}

static void check_two_tenants(struct world *w)
{
	COUNT("revenue", NULL, 2);
	SLOT(ACCOUNT, "A1", "won_amount", "1000000"); /* acme's own */
	assert_int_equal(store_tenant_count(w->store), 2);
	assert_int_equal(store_find(w->store, 1, ENTITY_CALL, SLICE_LIT("D1")), ENTITY_NONE);
}

static void test_tenants_share_nothing(void **state)
{
	struct event *e = won(*state, "D1", 1, AT1, AT1, "ana");

	event_set(e, "account_id", "A1");
	e = won(*state, "D1", 1, AT1, AT1, "ana");
	event_set_all(e, "account_id", "A1", "amount", "7", NULL);
	e->tenant_id = SLICE_LIT("beta");
	in_any_order(*state, check_two_tenants);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kpis_customer_is_account_else_contact),
		cmocka_unit_test(test_kpis_lead_links_are_a_union),
		cmocka_unit_test(test_kpis_primary_lead_is_live_earliest_then_by_id),
		cmocka_unit_test(test_kpis_the_same_account_alone_converts_no_lead),
		cmocka_unit_test(test_kpis_refunded),
		cmocka_unit_test(test_kpis_cancelled_leaves_its_bucket),
		cmocka_unit_test(test_s26_full_of_entities),
		cmocka_unit_test(test_s26_full_of_strings),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_memory_is_in_the_books),
		cmocka_unit_test(test_tenants_share_nothing),
	};

	return cmocka_run_group_tests(tests, story_setup, story_teardown);
}
