/*
 * store: the counter-examples of S1–S5, by name, each in every order of its events.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "store_story.h"

static const char *ms_text(const char *at)
{
	static char text[32];

	snprintf(text, sizeof(text), "%lld", (long long)time_of(at));
	return text;
}

/* ---- S1 ------------------------------------------------------------------------------------------------- */

static int64_t s1_amount;

static void check_one_amount(struct world *w)
{
	int64_t total = world_total(w, "revenue", NULL);

	assert_true(total == money_of("100") || total == money_of("200"));
	if (!s1_amount)
		s1_amount = total;
	assert_int_equal(total, s1_amount);
}

/* (7, t, e1, 100) and (7, t, e1, 200): whichever wins, it wins in every order. */
static void test_s1_same_version_time_and_event_id(void **state)
{
	struct event *e;

	s1_amount = 0;
	won(*state, "D1", 7, AT1, AT1, "ana");
	e = won(*state, "D1", 7, AT1, AT1, "ana");
	event_set(e, "amount", "200");
	in_any_order(*state, check_one_amount);
}

/* ---- S2: deletions -------------------------------------------------------------------------------------- */

static void check_back_with_image(struct world *w)
{
	LIVE(DEAL, "D1");
	SLOT(DEAL, "D1", "amount", "1000000");
	TOTAL("revenue", "ana", "100");
}

static void test_s2_delete_without_body_keeps_what_undelete_needs(void **state)
{
	won(*state, "D1", 1, AT1, AT1, "ana");
	tell(*state, ENTITY_DEAL, EVENT_DELETE, "D1", 2, AT2);
	tell(*state, ENTITY_DEAL, EVENT_UNDELETE, "D1", 3, AT3);
	in_any_order(*state, check_back_with_image);
}

static void check_last_image(struct world *w)
{
	LIVE(DEAL, "D1");
	TOTAL("revenue", NULL, "150");
}

static void test_s2_an_image_that_came_with_the_deletion(void **state)
{
	struct event *e;

	won(*state, "D1", 1, AT1, AT1, "ana");
	e = won(*state, "D1", 2, AT2, AT1, "ana");
	e->op = EVENT_DELETE;
	event_set(e, "amount", "150");
	tell(*state, ENTITY_DEAL, EVENT_UNDELETE, "D1", 3, AT3);
	in_any_order(*state, check_last_image);
}

static void check_gone(struct world *w)
{
	NOT_LIVE(DEAL, "D1");
	SLOT(DEAL, "D1", "amount", "1000000"); /* a path through it reads its last image */
	COUNT("revenue", NULL, 0);
	COUNT("wins", NULL, 0);
}

static void test_s2_an_update_below_the_deletion_does_not_bring_it_back(void **state)
{
	won(*state, "D1", 1, AT1, AT1, "ana");
	won(*state, "D1", 2, AT2, AT1, "ana");
	tell(*state, ENTITY_DEAL, EVENT_DELETE, "D1", 3, AT3);
	in_any_order(*state, check_gone);
}

/* Equal in version and time: the deletion is after the update, the undeletion after the deletion. */
static void test_s2_same_second(void **state)
{
	won(*state, "D1", 1, AT1, AT1, "ana");
	tell(*state, ENTITY_DEAL, EVENT_DELETE, "D1", 1, AT1);
	in_any_order(*state, check_gone);
	won(*state, "D1", 1, AT1, AT1, "ana");
	tell(*state, ENTITY_DEAL, EVENT_DELETE, "D1", 1, AT1);
	tell(*state, ENTITY_DEAL, EVENT_UNDELETE, "D1", 1, AT1);
	in_any_order(*state, check_back_with_image);
}

static void test_s2_an_update_above_the_deletion_does(void **state)
{
	tell(*state, ENTITY_DEAL, EVENT_DELETE, "D1", 1, AT1);
	won(*state, "D1", 2, AT2, AT2, "ana");
	in_any_order(*state, check_back_with_image);
}

static void check_excluded(struct world *w)
{
	NOT_LIVE(DEAL, "D1");
	COUNT("revenue", NULL, 0);
	SLOT(ACCOUNT, "A1", "first_won_at", "null");
}

static void test_s2_excluded_is_of_the_newest_image(void **state)
{
	struct event *e = won(*state, "D1", 1, AT1, AT1, "ana");

	event_set(e, "account_id", "A1");
	e = won(*state, "D1", 2, AT2, AT1, "ana");
	event_set(e, "account_id", "A1");
	e->excluded = true;
	in_any_order(*state, check_excluded);
}

/* ---- S2: erasure ---------------------------------------------------------------------------------------- */

static void check_erased(struct world *w)
{
	SLOT(DEAL, "D1", "contact_id", "null");
	SLOT(DEAL, "D1", "customer_id", "contact:K1"); /* the customer stays counted */
	TOTAL("revenue", "ana", "100");
	COUNT("buyers", NULL, 1);
	SLOT(OPPORTUNITY, "O1", "lost_reason", "null");
	COUNT("created", "fair", 1); /* a key that definitions read */
	COUNT("created", "secret", 0);
	assert_int_equal(store_entity(w->store, store_find(w->store, w->tenant, ENTITY_OPPORTUNITY,
							SLICE_LIT("O1")))
				 ->ext->count,
		1);
}

static void test_s2_erase_before_and_after(void **state)
{
	struct event *e = won(*state, "D1", 4, AT1, AT1, "ana");
	struct story *s = *state;

	event_set(e, "contact_id", "K1");
	tell(s, ENTITY_DEAL, EVENT_ERASE, "D1", 1, AT2);
	e = update(s, ENTITY_OPPORTUNITY, "O1", 4, AT1);
	event_set_all(
		e, "status", "OPEN", "lost_reason", "called them names", "created_at", AT1, NULL);
	event_add_ext(&s->arena, e, "campaign", "fair");
	event_add_ext(&s->arena, e, "note", "secret");
	tell(s, ENTITY_OPPORTUNITY, EVENT_ERASE, "O1", 9, AT2);
	in_any_order(s, check_erased);
}

static void check_erased_name(struct world *w)
{
	SLOT(REP, "ana", "name", "null");
	SLOT(REP, "ana", "region", "java");
}

/* What comes later is masked too: the erasure sticks. */
static void test_s2_erase_sticks(void **state)
{
	struct event *e = update(*state, ENTITY_REP, "ana", 1, AT1);

	event_set_all(e, "name", "Ana S.", "region", "bali", NULL);
	tell(*state, ENTITY_REP, EVENT_ERASE, "ana", 2, AT2);
	e = update(*state, ENTITY_REP, "ana", 3, AT3);
	event_set_all(e, "name", "Ana S.", "region", "java", NULL);
	in_any_order(*state, check_erased_name);
}

/* What is erased is not even remembered as a text. */
static void test_s2_erased_texts_are_not_taken_in(void **state)
{
	struct story *s = *state;
	struct world w;
	struct event *e = update(s, ENTITY_REP, "ana", 3, AT3);

	world_init_shared(&w, s->plan, (struct store_limits){ .entities_max = 1000 });
	event_set_all(e, "name", "Ana Secret", "region", "java", NULL);
	event_add_ext(&s->arena, e, "note", "also secret");
	world_change(&w, tell(s, ENTITY_REP, EVENT_ERASE, "ana", 1, AT1));
	world_change(&w, e);
	assert_int_not_equal(intern_find(&w.strings, SLICE_LIT("java")), 0);
	assert_int_equal(intern_find(&w.strings, SLICE_LIT("Ana Secret")), 0);
	assert_int_equal(intern_find(&w.strings, SLICE_LIT("also secret")), 0);
	world_deinit(&w);
	s->count = 0;
}

/* ---- S2: merges ----------------------------------------------------------------------------------------- */

static void check_loser_stays_merged(struct world *w)
{
	NOT_LIVE(LEAD, "L1");
	LIVE(LEAD, "L2");
	COUNT("leads", NULL, 1);
	SLOT(OPPORTUNITY, "O1", "lead_by_id", "L2");
	SLOT(OPPORTUNITY, "O1", "lead", "L2");
	SLOT(LEAD, "L2", "opportunities", "1");
	SLOT(LEAD, "L1", "opportunities", "0");
	COUNT("created", "L2", 1); /* the source of its primary lead */
}

/* The winner's next UPDATE has empty merged_ids: the losers must stay merged. References follow. */
static void test_s2_merged_leads_stay_merged(void **state)
{
	struct event *e;

	lead(*state, "L1", 1, AT1);
	e = merge(*state, ENTITY_LEAD, "L2", "L1", 1, AT2);
	event_set_all(e, "status", "open", "created_at", AT2, "source_channel", "L2", NULL);
	lead(*state, "L2", 2, AT3);
	e = update(*state, ENTITY_OPPORTUNITY, "O1", 1, AT2);
	event_set_all(e, "status", "OPEN", "created_at", AT2, "lead_id", "L1", NULL);
	in_any_order(*state, check_loser_stays_merged);
}

static void check_winner_keeps_its_image(struct world *w)
{
	SLOT(LEAD, "L2", "source_channel", "L2");
	NOT_LIVE(LEAD, "L1");
	COUNT("leads", "L2", 1);
}

static void test_s2_a_merge_without_a_body_wipes_nothing(void **state)
{
	lead(*state, "L1", 1, AT1);
	lead(*state, "L2", 1, AT1);
	merge(*state, ENTITY_LEAD, "L2", "L1", 2, AT2);
	in_any_order(*state, check_winner_keeps_its_image);
}

static void check_both_live(struct world *w)
{
	LIVE(LEAD, "L1");
	LIVE(LEAD, "L2");
	COUNT("leads", NULL, 2);
	SLOT(OPPORTUNITY, "O1", "lead_by_id", "L1");
}

static void test_s2_an_undelete_of_its_own_ends_the_merge(void **state)
{
	struct event *e;

	lead(*state, "L1", 1, AT1);
	lead(*state, "L2", 1, AT1);
	merge(*state, ENTITY_LEAD, "L2", "L1", 2, AT2);
	tell(*state, ENTITY_LEAD, EVENT_UNDELETE, "L1", 2, AT3);
	e = update(*state, ENTITY_OPPORTUNITY, "O1", 1, AT2);
	event_set_all(e, "status", "OPEN", "lead_id", "L1", NULL);
	in_any_order(*state, check_both_live);
}

static void check_cycle(struct world *w)
{
	/* L1 into L2 at 1, L2 into L3 at 2, L3 into L1 at 3: the oldest goes, and L1 is the root of all. */
	LIVE(LEAD, "L1");
	NOT_LIVE(LEAD, "L2");
	NOT_LIVE(LEAD, "L3");
	SLOT(OPPORTUNITY, "O1", "lead", "L1");
	assert_true(store_counters(w->store).merge_cycles > 0);
}

static void test_s2_a_circle_of_merges_drops_its_oldest(void **state)
{
	struct event *e;

	merge(*state, ENTITY_LEAD, "L2", "L1", 1, AT1);
	merge(*state, ENTITY_LEAD, "L3", "L2", 1, AT2);
	merge(*state, ENTITY_LEAD, "L1", "L3", 1, AT3);
	e = update(*state, ENTITY_OPPORTUNITY, "O1", 1, AT2);
	event_set_all(e, "status", "OPEN", "lead_id", "L2", NULL);
	in_any_order(*state, check_cycle);
}

static void check_moved(struct world *w)
{
	SLOT(ACCOUNT, "A2", "won_amount", "3000000");
	SLOT(ACCOUNT, "A1", "won_amount", "0");
	SLOT(ACCOUNT, "A2", "first_win", "D1");
	COUNT("revenue", "ENT", 2);
	COUNT("new_wins", NULL, 1);
	SLOT(DEAL, "D1", "account_id", "A1"); /* what the record says stays */
	SLOT(DEAL, "D1", "account", "A2");
}

static void test_s2_merged_accounts_join_their_wins(void **state)
{
	struct event *e;

	event_set(won(*state, "D1", 1, AT1, AT1, "ana"), "account_id", "A1");
	e = won(*state, "D2", 1, AT2, AT2, "ana");
	event_set_all(e, "account_id", "A2", "amount", "200", NULL);
	e = update(*state, ENTITY_ACCOUNT, "A2", 1, AT1);
	event_set_all(e, "status", "ACTIVE", "segment", "ENT", NULL);
	merge(*state, ENTITY_ACCOUNT, "A2", "A1", 5, AT3);
	in_any_order(*state, check_moved);
}

/* ---- S2: owner and team at the win ---------------------------------------------------------------------- */

static void check_ana_wins(struct world *w)
{
	SLOT(DEAL, "D1", "win_owner_id", "ana");
	SLOT(DEAL, "D1", "win_team_id", "north");
	SLOT(DEAL, "D1", "owner_id", "budi");
	TOTAL("revenue", "ana", "100");
	COUNT("revenue", "budi", 0);
	COUNT("wins", "ana", 1);
}

/* v5 WON budi before v4 WON ana must not depend on arrival. */
static void test_s2_owner_at_the_lowest_key_that_bears_the_win(void **state)
{
	event_set(won(*state, "D1", 4, AT1, AT1, "ana"), "team_id", "north");
	event_set(won(*state, "D1", 5, AT2, AT1, "budi"), "team_id", "south");
	event_set(won(*state, "D1", 6, AT3, AT1, "budi"), "team_id", "south");
	in_any_order(*state, check_ana_wins);
}

static void check_explicit(struct world *w)
{
	SLOT(DEAL, "D1", "win_owner_id", "citra");
	SLOT(DEAL, "D1", "win_team_id", "north"); /* only the owner was given */
}

static void test_s2_an_explicit_owner_at_the_win(void **state)
{
	event_set(won(*state, "D1", 4, AT1, AT1, "ana"), "team_id", "north");
	event_set_all(won(*state, "D1", 5, AT2, AT1, "budi"), "team_id", "south", "owner_at_win_id",
		"citra", NULL);
	in_any_order(*state, check_explicit);
}

static void check_second_win(struct world *w)
{
	assert_string_equal(world_slot(w, ENTITY_DEAL, "D1", "won_at"), ms_text(AT3));
	SLOT(DEAL, "D1", "win_owner_id", "budi");
	assert_int_equal(world_total_before(w, "revenue", NULL, time_of(AT3)), 0);
	TOTAL("revenue", "budi", "100");
	COUNT("revenue", NULL, 1);
}

/* A re-opened win leaves its bucket; won again it counts at its new won_at, for who owned it then. */
static void test_kpis_reopened_and_won_again(void **state)
{
	struct event *e;

	won(*state, "D1", 1, AT1, AT1, "ana");
	e = update(*state, ENTITY_DEAL, "D1", 2, AT2);
	event_set_all(
		e, "status", "OPEN", "amount", "100", "currency", "IDR", "owner_id", "budi", NULL);
	won(*state, "D1", 3, AT3, AT3, "budi");
	won(*state, "D1", 4, AT4, AT3, "citra");
	in_any_order(*state, check_second_win);
}

static void check_open_again(struct world *w)
{
	COUNT("revenue", NULL, 0);
	SLOT(DEAL, "D1", "win_owner_id", "budi"); /* of nobody's win: whose it is now */
	COUNT("wins", NULL, 0);
	NOT_LIVE(REP, "ana"); /* no image names her now */
}

static void test_kpis_reopened(void **state)
{
	struct event *e;

	won(*state, "D1", 1, AT1, AT1, "ana");
	e = update(*state, ENTITY_DEAL, "D1", 2, AT2);
	event_set_all(
		e, "status", "OPEN", "amount", "100", "currency", "IDR", "owner_id", "budi", NULL);
	in_any_order(*state, check_open_again);
}

static void check_closer(struct world *w)
{
	SLOT(OPPORTUNITY, "O1", "close_owner_id", "ana");
	SLOT(OPPORTUNITY, "O1", "close_team_id", "north");
	SLOT(OPPORTUNITY, "O1", "closer", "ana");
	assert_string_equal(world_slot(w, ENTITY_OPPORTUNITY, "O1", "close_at"), ms_text(AT2));
}

/* Opportunity: won_at, else closed_at; lost_at alike. */
static void test_kpis_opportunity_closes_at(void **state)
{
	static const struct {
		const char *status, *won, *lost, *closed, *at;
	} cases[] = {
		{ "WON", AT2, NULL, AT4, AT2 },
		{ "WON", NULL, NULL, AT2, AT2 },
		{ "WON", AT2, AT1, AT1, AT2 },
		{ "LOST", NULL, AT2, AT4, AT2 },
		{ "LOST", AT1, NULL, AT2, AT2 },
	};

	for (size_t i = 0; i < 5; i++) {
		struct event *e = update(*state, ENTITY_OPPORTUNITY, "O1", 1, AT2);

		event_set_all(e, "status", cases[i].status, "won_at", cases[i].won, "lost_at",
			cases[i].lost, "closed_at", cases[i].closed, "owner_id", "ana", "team_id",
			"north", NULL);
		e = update(*state, ENTITY_OPPORTUNITY, "O1", 2, AT3);
		event_set_all(e, "status", cases[i].status, "won_at", cases[i].won, "lost_at",
			cases[i].lost, "closed_at", cases[i].closed, "owner_id", "budi", "team_id",
			"south", NULL);
		in_any_order(*state, check_closer);
	}
}

static void check_not_closed(struct world *w)
{
	SLOT(OPPORTUNITY, "O1", "close_at", "null");
	SLOT(OPPORTUNITY, "O1", "close_owner_id", "null");
}

static void test_kpis_an_open_opportunity_has_no_close(void **state)
{
	struct event *e = update(*state, ENTITY_OPPORTUNITY, "O1", 1, AT2);

	event_set_all(e, "status", "WON", "won_at", AT2, "owner_id", "ana", NULL);
	e = update(*state, ENTITY_OPPORTUNITY, "O1", 2, AT3);
	event_set_all(e, "status", "OPEN", "won_at", AT2, "owner_id", "ana",
		NULL); /* some CRMs leave the time */
	in_any_order(*state, check_not_closed);
}

/* ---- S2: stages ----------------------------------------------------------------------------------------- */

static void stage(struct story *s, int64_t version, const char *stage_id, const char *order,
	const char *entered)
{
	struct event *e = update(s, ENTITY_OPPORTUNITY, "O1", version, AT4);

	event_set_all(e, "status", "OPEN", "pipeline_id", "sales", "stage_id", stage_id,
		"stage_order", order, "stage_entered_at", entered, "owner_id", "ana", NULL);
}

static void check_visits(struct world *w)
{
	char wanted[200];
	int length = snprintf(wanted, sizeof(wanted),
		"[new|sales|ana|-|%lld|%lld|ADVANCED][demo|sales|ana|-|%lld|-|OPEN]",
		(long long)time_of(AT1), (long long)time_of(AT3), (long long)time_of(AT3));

	assert_true(length > 0);
	SLOT(OPPORTUNITY, "O1", "visits", wanted);
}

/* An entry that the same stage follows directly was corrected by it. */
static void test_s2_a_corrected_entry_is_skipped(void **state)
{
	stage(*state, 1, "new", "1", AT1);
	stage(*state, 2, "demo", "2", AT2);
	stage(*state, 3, "demo", "2", AT3);
	in_any_order(*state, check_visits);
}

static void check_back(struct world *w)
{
	COUNT("visits", "ADVANCED", 1);
	COUNT("visits", "BACK", 1);
	COUNT("visits", "OPEN", 1);
	COUNT("visits", "new", 2);
}

static void test_s2_a_stage_entered_twice_is_two_visits(void **state)
{
	stage(*state, 1, "new", "1", AT1);
	stage(*state, 2, "demo", "2", AT2);
	stage(*state, 3, "new", "1", AT3);
	stage(*state, 4, "new", "1", AT3); /* something else was changed */
	in_any_order(*state, check_back);
}

static void check_lost_from_demo(struct world *w)
{
	char wanted[200];
	int length = snprintf(wanted, sizeof(wanted),
		"[new|sales|ana|-|%lld|%lld|ADVANCED][demo|sales|ana|-|%lld|%lld|LOST]",
		(long long)time_of(AT1), (long long)time_of(AT2), (long long)time_of(AT2),
		(long long)time_of(AT3));

	assert_true(length > 0);
	SLOT(OPPORTUNITY, "O1", "visits", wanted);
}

static void end_in(struct story *s, int64_t version, const char *stage_id, const char *lost_at)
{
	struct event *e = update(s, ENTITY_OPPORTUNITY, "O1", version, AT4);

	event_set_all(e, "status", "LOST", "pipeline_id", "sales", "stage_id", stage_id,
		"stage_order", "9", "stage_entered_at", AT3, "owner_id", "ana", "lost_at", lost_at,
		NULL);
}

/* «Closed Lost» is how it ended, not where it was: it did not advance from the demo. */
static void test_s2_the_end_is_no_stage(void **state)
{
	stage(*state, 1, "new", "1", AT1);
	stage(*state, 2, "demo", "2", AT2);
	end_in(*state, 3, "closed_lost", AT3);
	in_any_order(*state, check_lost_from_demo);
}

static void check_open_in_demo(struct world *w)
{
	char wanted[200];
	int length = snprintf(wanted, sizeof(wanted),
		"[new|sales|ana|-|%lld|%lld|ADVANCED][demo|sales|ana|-|%lld|-|OPEN]",
		(long long)time_of(AT1), (long long)time_of(AT4), (long long)time_of(AT4));

	assert_true(length > 0);
	SLOT(OPPORTUNITY, "O1", "visits", wanted);
}

static void test_s2_a_reopened_end_leaves_no_visit(void **state)
{
	stage(*state, 1, "new", "1", AT1);
	stage(*state, 2, "demo", "2", AT2);
	end_in(*state, 3, "closed_lost", AT3);
	stage(*state, 4, "demo", "2", AT4);
	in_any_order(*state, check_open_in_demo);
}

/* ---- S3 ------------------------------------------------------------------------------------------------- */

static void check_april(struct world *w)
{
	assert_string_equal(
		world_slot(w, ENTITY_ACCOUNT, "A1", "first_won_at"), ms_text("2026-04-01"));
}

/* A typo of 1 March corrected to 1 April must not pin March. */
static void test_s3_a_corrected_date_does_not_pin(void **state)
{
	event_set(won(*state, "D1", 1, "2026-04-02", "2026-03-01", "ana"), "account_id", "A1");
	event_set(won(*state, "D1", 2, "2026-04-03", "2026-04-01", "ana"), "account_id", "A1");
	event_set(won(*state, "D2", 1, "2026-04-06", "2026-04-05", "ana"), "account_id", "A1");
	in_any_order(*state, check_april);
}

static void check_new_customer(struct world *w)
{
	SLOT(ACCOUNT, "A1", "first_win", "D2");
	COUNT("new_wins", NULL, 1);
	COUNT("customers", NULL, 1);
}

/* One mis-clicked win must not make an «existing» customer for ever. */
static void test_s3_a_misclicked_win(void **state)
{
	struct event *e;

	event_set(won(*state, "D1", 1, AT1, AT1, "ana"), "account_id", "A1");
	e = update(*state, ENTITY_DEAL, "D1", 2, AT2);
	event_set_all(
		e, "status", "OPEN", "account_id", "A1", "amount", "1", "currency", "IDR", NULL);
	event_set(won(*state, "D2", 1, AT3, AT3, "ana"), "account_id", "A1");
	in_any_order(*state, check_new_customer);
}

static void check_reparented(struct world *w)
{
	SLOT(ACCOUNT, "A1", "first_won_at", "null");
	SLOT(ACCOUNT, "A1", "won_amount", "0");
	assert_string_equal(world_slot(w, ENTITY_ACCOUNT, "A2", "first_won_at"), ms_text(AT1));
	COUNT("customers", NULL, 1);
	COUNT("customers", "ENT", 1);
}

/* Re-parenting diffs both parents. */
static void test_s3_reparenting(void **state)
{
	struct event *e;

	event_set(won(*state, "D1", 1, AT1, AT1, "ana"), "account_id", "A1");
	event_set(won(*state, "D1", 2, AT2, AT1, "ana"), "account_id", "A2");
	e = update(*state, ENTITY_ACCOUNT, "A2", 1, AT1);
	event_set_all(e, "status", "ACTIVE", "segment", "ENT", NULL);
	e = update(*state, ENTITY_ACCOUNT, "A1", 1, AT1);
	event_set_all(e, "status", "ACTIVE", "segment", "SMB", NULL);
	in_any_order(*state, check_reparented);
}

/* One deal moves, so two of ana's accounts change at once: the third, untouched, is the first now. */
static void test_s3_the_first_leaves_while_another_comes(void **state)
{
	struct story *s = *state;
	struct world w;

	world_init_shared(&w, s->plan, (struct store_limits){ .entities_max = 1000 });
	for (int i = 0; i < 3; i++) {
		static const char *const ids[] = { "A1", "A2", "A3" };

		event_set(update(s, ENTITY_ACCOUNT, ids[i], 1, AT1), "owner_id", "ana");
		world_change(&w, s->events[i]);
	}
	s->count = 0;
	event_set(won(s, "D1", 1, AT4, AT1, "budi"), "account_id", "A1");
	event_set(won(s, "D2", 1, AT4, AT4, "budi"), "account_id", "A1");
	event_set(won(s, "D3", 1, AT4, AT2, "budi"), "account_id", "A3");
	event_set(won(s, "D1", 2, AT4, AT3, "budi"), "account_id", "A2");
	for (size_t i = 0; i < s->count; i++)
		world_change(&w, s->events[i]);
	assert_string_equal(world_slot(&w, ENTITY_REP, "ana", "first_customer"), "A3");
	world_deinit(&w);
	s->count = 0;
}

/* Many children: the best leaves again and again. */
static void test_s3_many_children(void **state)
{
	struct story *s = *state;
	char id[16];
	struct world w;

	world_init_shared(&w, s->plan, (struct store_limits){ .entities_max = 1000 });
	w.checks = false;
	for (int i = 0; i < 300; i++) {
		snprintf(id, sizeof(id), "D%d", (i * 37) % 300);
		struct event *e =
			won(s, arena_strndup(&w.arena, id, strlen(id)), 1, AT4, AT1, "ana");
		event_set_time(e, "won_at", time_of(AT1) + ((i * 37) % 300) * 1000);
		event_set(e, "account_id", "A1");
		world_apply(&w, e);
		s->count = 0;
	}
	for (int i = 0; i < 300; i++) {
		char wanted[32];

		snprintf(wanted, sizeof(wanted), "%lld", (long long)time_of(AT1) + i * 1000);
		assert_string_equal(world_slot(&w, ENTITY_ACCOUNT, "A1", "first_won_at"), wanted);
		snprintf(id, sizeof(id), "D%d", i);
		assert_string_equal(world_slot(&w, ENTITY_ACCOUNT, "A1", "first_win"), id);
		world_change(&w, tell(s, ENTITY_DEAL, EVENT_DELETE,
					 arena_strndup(&w.arena, id, strlen(id)), 2, AT4));
		s->count = 0;
	}
	assert_string_equal(world_slot(&w, ENTITY_ACCOUNT, "A1", "first_won_at"), "null");
	assert_int_equal(world_count(&w, "customers", NULL), 0);
	store_check(w.store);
	world_deinit(&w);
}

/* ---- S4 ------------------------------------------------------------------------------------------------- */

static void check_ent(struct world *w)
{
	TOTAL("revenue", "ENT", "100");
	COUNT("revenue", "SMB", 0);
}

/* A deal booked +100 under SMB whose account became ENT must not later subtract 100 from ENT. */
static void test_s4_a_changed_account_moves_its_deals(void **state)
{
	struct event *e;

	e = update(*state, ENTITY_ACCOUNT, "A1", 1, AT1);
	event_set_all(e, "status", "ACTIVE", "segment", "SMB", NULL);
	event_set(won(*state, "D1", 1, AT1, AT1, "ana"), "account_id", "A1");
	e = update(*state, ENTITY_ACCOUNT, "A1", 2, AT2);
	event_set_all(e, "status", "ACTIVE", "segment", "ENT", NULL);
	in_any_order(*state, check_ent);
}

static void check_nothing(struct world *w)
{
	COUNT("revenue", NULL, 0);
	COUNT("revenue", "ENT", 0);
}

static void test_s4_and_takes_them_back_whole(void **state)
{
	struct event *e;

	e = update(*state, ENTITY_ACCOUNT, "A1", 1, AT1);
	event_set_all(e, "status", "ACTIVE", "segment", "SMB", NULL);
	event_set(won(*state, "D1", 1, AT1, AT1, "ana"), "account_id", "A1");
	e = update(*state, ENTITY_ACCOUNT, "A1", 2, AT2);
	event_set_all(e, "status", "ACTIVE", "segment", "ENT", NULL);
	tell(*state, ENTITY_DEAL, EVENT_DELETE, "D1", 3, AT3);
	in_any_order(*state, check_nothing);
}

/* Both sides can be looked at; the old one is whole: own slots, references, parents' derived values. */
static void test_s4_two_sides(void **state)
{
	struct story *s = *state;
	struct store_change change;
	struct world world, *w = &world;
	struct event *e;

	world_init_shared(w, s->plan, (struct store_limits){ .entities_max = 1000 });
	e = won(s, "D1", 1, AT1, AT1, "ana");
	event_set(e, "account_id", "A1");
	world_change(w, e);
	e = won(s, "D1", 2, AT2, AT2, "budi");
	event_set(e, "account_id", "A2");
	assert_int_equal(store_apply(w->store, w->tenant, e, &change), STORE_CHANGED);
	assert_false(store_change_shows_old(w->store));
	SLOT(DEAL, "D1", "win_owner_id", "budi");
	SLOT(ACCOUNT, "A1", "first_win", "null");
	SLOT(ACCOUNT, "A2", "first_win", "D1");
	store_change_swap(w->store);
	assert_true(store_change_shows_old(w->store));
	SLOT(DEAL, "D1", "win_owner_id", "ana");
	SLOT(DEAL, "D1", "account", "A1");
	SLOT(ACCOUNT, "A1", "first_win", "D1");
	SLOT(ACCOUNT, "A2", "first_win", "null");
	assert_false(world_is_live(w, ENTITY_ACCOUNT, "A2")); /* nobody had heard of it */
	store_change_swap(w->store);
	store_change_close(w->store);
	store_check(w->store);
	world_deinit(w);
	s->count = 0;
}

/* ---- S5 ------------------------------------------------------------------------------------------------- */

static void check_no_account_stream(struct world *w)
{
	LIVE(ACCOUNT, "A1");
	SLOT(ACCOUNT, "A1", "segment", "null");
	COUNT("customers", NULL, 1); /* CAC works without the optional stream */
	COUNT("customers", "(none)", 1);
	assert_int_equal(store_streams(w->store, w->tenant), 1u << ENTITY_DEAL);
}

static void test_s5_known_by_reference_only(void **state)
{
	event_set(won(*state, "D1", 1, AT1, AT1, "ana"), "account_id", "A1");
	in_any_order(*state, check_no_account_stream);
}

static void check_no_giant_customer(struct world *w)
{
	SLOT(DEAL, "D1", "account", "null");
	SLOT(DEAL, "D2", "account", "null");
	COUNT("customers", NULL, 0);
	COUNT("buyers", NULL, 0);
	COUNT("wins", NULL, 3);
}

/* An empty reference is null, never one giant customer. */
static void test_s5_blank_references(void **state)
{
	event_set(won(*state, "D1", 1, AT1, AT1, "ana"), "account_id", "");
	event_set_all(won(*state, "D2", 1, AT2, AT2, "ana"), "account_id", " ", "contact_id", "\t ",
		NULL);
	won(*state, "D3", 1, AT2, AT2, "ana");
	in_any_order(*state, check_no_giant_customer);
}

static void check_former_reference(struct world *w)
{
	NOT_LIVE(ACCOUNT, "A9"); /* only an older image named it */
	LIVE(ACCOUNT, "A1");
}

static void test_s5_what_only_a_former_image_named(void **state)
{
	event_set(won(*state, "D1", 1, AT1, AT1, "ana"), "account_id", "A9");
	event_set(won(*state, "D1", 2, AT2, AT1, "ana"), "account_id", "A1");
	in_any_order(*state, check_former_reference);
}

static void check_through_deleted(struct world *w)
{
	NOT_LIVE(ACCOUNT, "A1");
	COUNT("revenue", "ENT", 1); /* a path through a deleted parent reads its last image */
	COUNT("customers", NULL, 0);
}

static void test_s5_a_path_through_a_deleted_parent(void **state)
{
	struct event *e = update(*state, ENTITY_ACCOUNT, "A1", 1, AT1);

	event_set_all(e, "status", "ACTIVE", "segment", "ENT", NULL);
	event_set(won(*state, "D1", 1, AT1, AT1, "ana"), "account_id", "A1");
	tell(*state, ENTITY_ACCOUNT, EVENT_DELETE, "A1", 2, AT2);
	in_any_order(*state, check_through_deleted);
}

static void check_unknown_time(struct world *w)
{
	SLOT(LEAD, "L1", "created_at", "null");
	COUNT("leads", NULL, 0);
	LIVE(LEAD, "L1");
}

/* A required time has no null on the wire: no lead is of 1970. */
static void test_a_required_time_that_is_zero(void **state)
{
	struct event *e = update(*state, ENTITY_LEAD, "L1", 1, AT1);

	event_set(e, "status", "open");
	event_set_time(e, "created_at", 0);
	in_any_order(*state, check_unknown_time);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_s1_same_version_time_and_event_id),
		cmocka_unit_test(test_s2_delete_without_body_keeps_what_undelete_needs),
		cmocka_unit_test(test_s2_an_image_that_came_with_the_deletion),
		cmocka_unit_test(test_s2_an_update_below_the_deletion_does_not_bring_it_back),
		cmocka_unit_test(test_s2_same_second),
		cmocka_unit_test(test_s2_an_update_above_the_deletion_does),
		cmocka_unit_test(test_s2_excluded_is_of_the_newest_image),
		cmocka_unit_test(test_s2_erase_before_and_after),
		cmocka_unit_test(test_s2_erase_sticks),
		cmocka_unit_test(test_s2_erased_texts_are_not_taken_in),
		cmocka_unit_test(test_s2_merged_leads_stay_merged),
		cmocka_unit_test(test_s2_a_merge_without_a_body_wipes_nothing),
		cmocka_unit_test(test_s2_an_undelete_of_its_own_ends_the_merge),
		cmocka_unit_test(test_s2_a_circle_of_merges_drops_its_oldest),
		cmocka_unit_test(test_s2_merged_accounts_join_their_wins),
		cmocka_unit_test(test_s2_owner_at_the_lowest_key_that_bears_the_win),
		cmocka_unit_test(test_s2_an_explicit_owner_at_the_win),
		cmocka_unit_test(test_kpis_reopened_and_won_again),
		cmocka_unit_test(test_kpis_reopened),
		cmocka_unit_test(test_kpis_opportunity_closes_at),
		cmocka_unit_test(test_kpis_an_open_opportunity_has_no_close),
		cmocka_unit_test(test_s2_a_corrected_entry_is_skipped),
		cmocka_unit_test(test_s2_a_stage_entered_twice_is_two_visits),
		cmocka_unit_test(test_s2_the_end_is_no_stage),
		cmocka_unit_test(test_s2_a_reopened_end_leaves_no_visit),
		cmocka_unit_test(test_s3_a_corrected_date_does_not_pin),
		cmocka_unit_test(test_s3_a_misclicked_win),
		cmocka_unit_test(test_s3_reparenting),
		cmocka_unit_test(test_s3_the_first_leaves_while_another_comes),
		cmocka_unit_test(test_s3_many_children),
		cmocka_unit_test(test_s4_a_changed_account_moves_its_deals),
		cmocka_unit_test(test_s4_and_takes_them_back_whole),
		cmocka_unit_test(test_s4_two_sides),
		cmocka_unit_test(test_s5_known_by_reference_only),
		cmocka_unit_test(test_s5_blank_references),
		cmocka_unit_test(test_s5_what_only_a_former_image_named),
		cmocka_unit_test(test_s5_a_path_through_a_deleted_parent),
		cmocka_unit_test(test_a_required_time_that_is_zero),
	};

	return cmocka_run_group_tests(tests, story_setup, story_teardown);
}
