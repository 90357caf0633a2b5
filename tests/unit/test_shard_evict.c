/*
 * Eviction (S26): a company's three years of calls, once under definitions that let old calls go and once under the same ones with a
 * sum over calls beside them, for which every call must stay: what a reader sees must be equal at every step.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "core/shard_inside.h"
#include "sales_floor.h"

#define DERIVE                                                                                                             \
	"derive:\n"                                                                                                        \
	"  lead.first_attempt_at: {min: call.initiated_at, over: call.lead}\n"                                             \
	"  lead.last_attempt_at: {max: call.initiated_at, over: call.lead, where: 'call.direction == \"OUTBOUND\"'}\n"     \
	"  rep.first_call_at: {min: call.initiated_at, over: call.rep}\n"                                                 \
	"  call.next_at: {next: call.initiated_at, key: call.customer_key, where: 'call.direction == \"INBOUND\"'}\n"
#define KEEP "  rep.talk: {sum: call.talk_ms, over: call.rep}\n"
#define REST                                                                                                               \
	"measures:\n"                                                                                                      \
	"  - {name: dials, on: call, at: call.initiated_at, agg: count, by: {rep: call.rep_id}}\n"                         \
	"  - {name: talk, on: call, at: call.initiated_at, agg: sum, value: call.talk_ms, by: {rep: call.rep_id}}\n"       \
	"  - {name: settled, on: call, at: call.ended_at + 9d, agg: count, by: {rep: call.rep_id}}\n"                      \
	"  - {name: again, on: call, at: call.initiated_at, where: 'call.next_at - call.initiated_at <= 30d', agg: count, by: {rep: call.rep_id}}\n" \
	"  - {name: running, on: call, at: call.initiated_at, until: call.ended_at, agg: count, by: {rep: call.rep_id}}\n" \
	"  - {name: reach, on: lead, at: lead.last_attempt_at, agg: sum, value: lead.last_attempt_at - lead.first_attempt_at, by: {rep: lead.owner_id}}\n" \
	"  - {name: reached, on: lead, at: lead.last_attempt_at, agg: count, by: {rep: lead.owner_id}}\n"                  \
	"metrics:\n"                                                                                                       \
	"  - {name: dials, value: dials, windows: [today, month_to_date], group_by: [[], [rep]]}\n"                        \
	"  - {name: talk, value: talk, windows: [month_to_date], group_by: [[], [rep]]}\n"                                  \
	"  - {name: settled, value: settled, windows: [today], group_by: [[]]}\n"                                           \
	"  - {name: again, value: again / dials, unit: percent, windows: [30d, month_to_date], group_by: [[], [rep]]}\n" \
	"  - {name: running, value: running, group_by: [[], [rep]]}\n"                                                     \
	"  - {name: reach, value: reach / reached, windows: [today, month_to_date], group_by: [[], [rep]]}\n"

static const char passing[] = DERIVE REST, keeping[] = DERIVE KEEP REST;

enum { LEADS = 12, KEYS = 40, REPS = 3, CALLS = 40, DAYS = 1100 };

/* One call has a few versions in a row; its times lie on its day. */
static struct event *call_event(struct sales_floor *f, struct rng *rng, int number, int64_t version, int64_t day_ms)
{
	static const char *const directions[] = { "OUTBOUND", "INBOUND" };
	char id[16];
	struct event *e;
	int64_t at_ms = day_ms + (int64_t)rng_below(rng, 20) * 3600000;
	bool over = rng_below(rng, 20) != 0;

	snprintf(id, sizeof(id), "C%d", number);
	e = event_make(&f->arena, ENTITY_CALL, arena_strndup(&f->arena, id, strlen(id)), version, "2026-01-01");
	e->occurred_at_ms = at_ms + version * 60000;
	event_set_text(e, "direction", directions[rng_below(rng, 2)]);
	event_set_text(e, "state", over ? "ENDED" : "ANSWERED");
	event_set_time(e, "initiated_at", at_ms);
	if (over)
		event_set_time(e, "ended_at", at_ms + 60000);
	event_set_int(e, "talk_ms", (int64_t)rng_below(rng, 100) * 1000);
	snprintf(id, sizeof(id), "rep%d", (int)rng_below(rng, REPS));
	event_set_text(e, "rep_id", arena_strndup(&f->arena, id, strlen(id)));
	snprintf(id, sizeof(id), "K%d", (int)rng_below(rng, KEYS));
	event_set_text(e, "customer_key", arena_strndup(&f->arena, id, strlen(id)));
	snprintf(id, sizeof(id), "L%d", (int)rng_below(rng, LEADS));
	event_set_text(e, "lead_id", arena_strndup(&f->arena, id, strlen(id)));
	return e;
}

struct pair {
	struct sales_floor lets_go, keeps;
	struct rng rng;
	int64_t day_ms;
	int calls, restarts;
	int64_t late;
};

static void both(struct pair *p, const struct event *e)
{
	uint64_t late = shard_counters(p->lets_go.shard).late, kept = shard_counters(p->keeps.shard).late;

	floor_apply(&p->lets_go, e);
	floor_apply(&p->keeps, e);
	p->late += (int64_t)(shard_counters(p->lets_go.shard).late - late) - (int64_t)(shard_counters(p->keeps.shard).late - kept);
}

static struct event *lead_event(struct pair *p, int number, enum event_op op, int64_t version)
{
	char id[16];
	struct event *e;

	snprintf(id, sizeof(id), "L%d", number);
	e = event_make_op(&p->lets_go.arena, ENTITY_LEAD, op, arena_strndup(&p->lets_go.arena, id, strlen(id)), version, "2026-01-01");
	e->occurred_at_ms = p->day_ms + version * 1000;
	if (op == EVENT_CREATE) {
		event_set_time(e, "created_at", p->day_ms);
		event_set_text(e, "owner_id", "rep1");
	}
	return e;
}

/* A few calls, corrections of one of them, now and then a deletion; leads that are merged, and unmerged again. */
static void a_day(struct pair *p)
{
	struct rng *rng = &p->rng;

	for (int i = 0; i < (int)rng_below(rng, 4); i++) {
		int number = p->calls++, versions = 1 + (int)rng_below(rng, 3);

		for (int v = 1; v <= versions; v++)
			both(p, call_event(&p->lets_go, rng, number, v, p->day_ms));
		if (rng_below(rng, 10) == 0) {
			struct event *e = call_event(&p->lets_go, rng, number, 9, p->day_ms);

			e->op = EVENT_DELETE;
			both(p, e);
		}
	}
	if (rng_below(rng, 6) == 0)
		both(p, lead_event(p, (int)rng_below(rng, LEADS), EVENT_CREATE, p->day_ms / 86400000));
	if (rng_below(rng, 12) == 0) {
		struct event *e = lead_event(p, (int)rng_below(rng, LEADS), EVENT_MERGE, p->day_ms / 86400000);
		char id[16];

		snprintf(id, sizeof(id), "L%d", (int)rng_below(rng, LEADS));
		event_add_merged(&p->lets_go.arena, e, arena_strndup(&p->lets_go.arena, id, strlen(id)));
		both(p, e);
	}
	if (rng_below(rng, 12) == 0)
		both(p, lead_event(p, (int)rng_below(rng, LEADS), EVENT_UNDELETE, p->day_ms / 86400000));
}

static void a_step(struct sales_floor *f, int64_t clock_ms)
{
	while (shard_advance(f->shard, clock_ms, 1000))
		;
	floor_settle(f);
	shard_check(f->shard);
	assert_int_equal(shard_audit(f->shard, NULL, NULL), 0);
}

/* The last value of every key, which is what a board shows. */
static void compare(const struct pair *p)
{
	assert_int_equal(p->lets_go.count, p->keeps.count);
	for (uint32_t i = 0; i < p->keeps.count; i++) {
		const struct board_record *k = &p->keeps.records[i], *l = floor_find(&p->lets_go, k->key);

		assert_non_null(l);
		if (l->content != k->content)
			fail_msg("%s differs", k->key);
	}
}

static void three_years(uint64_t seed)
{
	struct pair p = { .day_ms = time_of("2023-01-02T00:00:00Z") };
	uint64_t most = 0;

	rng_init(&p.rng, seed);
	floor_init(&p.lets_go, passing);
	floor_init(&p.keeps, keeping);
	for (int day = 0; day < DAYS; day += 4, p.day_ms += 4 * 86400000LL) {
		a_day(&p);
		a_step(&p.lets_go, p.day_ms + 86400000);
		a_step(&p.keeps, p.day_ms + 86400000);
		compare(&p);
		if (rng_below(&p.rng, 8) == 0) {
			floor_restart(&p.lets_go, p.restarts++ % 8 == 0);
			shard_check(p.lets_go.shard);
			compare(&p);
		} else if (rng_below(&p.rng, 4) == 0 && p.restarts % 8 != 0) {
			floor_cut(&p.lets_go, false);
			p.restarts++;
		}
		if (shard_counters(p.lets_go.shard).entities > most)
			most = shard_counters(p.lets_go.shard).entities;
	}

	assert_true(shard_counters(p.keeps.shard).entities > (uint64_t)p.calls);
	assert_true(most < (uint64_t)p.calls * 3 / 4 + LEADS + REPS);
	assert_true(store_count(shard_store(p.lets_go.shard)) < (uint64_t)p.calls * 3 / 4 + LEADS + REPS); /* places are used again */
	floor_deinit(&p.lets_go);
	floor_deinit(&p.keeps);
}

static void what_went_is_not_missed(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++)
		three_years(seed);
}

/* ---- what must stay ------------------------------------------------------------------------------------- */

static struct event *call(struct sales_floor *f, const char *id, int64_t version, const char *at, const char *lead)
{
	struct event *e = event_make(&f->arena, ENTITY_CALL, id, version, at);

	event_set_all(e, "direction", "OUTBOUND", "state", "ENDED", "initiated_at", at, "ended_at", at, "rep_id", "ana", "lead_id", lead, NULL);
	return e;
}

static bool is_there(const struct sales_floor *f, const char *id)
{
	uint32_t index = store_find(shard_store(f->shard), 0, ENTITY_CALL, slice_of(id));

	return index != ENTITY_NONE && store_entity(shard_store(f->shard), index)->known;
}

static void two_years_pass(struct sales_floor *f)
{
	floor_advance(f, "2026-03-02T00:00:00Z");
	floor_advance(f, "2026-03-03T00:00:00Z");
}

static void some_calls_stay(void **state)
{
	struct sales_floor f;
	struct event *e;
	char reason[EVENT_REASON_MAX];

	(void)state;
	floor_init(&f, passing);
	floor_apply(&f, call(&f, "plain", 1, "2024-03-01T10:00:00Z", "L1"));
	floor_apply(&f, call(&f, "other", 1, "2024-03-01T11:00:00Z", "L1"));
	e = call(&f, "unended", 1, "2024-03-01T10:00:00Z", "L1");
	event_set(e, "state", "ANSWERED");
	floor_apply(&f, e);
	e = call(&f, "due", 1, "2024-03-01T10:00:00Z", "L1");
	event_set(e, "follow_up_due_at", "2026-06-01T10:00:00Z");
	floor_apply(&f, e);
	e = call(&f, "running", 1, "2024-03-01T10:00:00Z", "L1");
	event_set(e, "ended_at", NULL);
	floor_apply(&f, e);
	floor_apply(&f, call(&f, "deleted", 1, "2024-03-01T10:00:00Z", "L1"));
	floor_apply(&f, event_make_op(&f.arena, ENTITY_CALL, EVENT_DELETE, "deleted", 2, "2024-03-01T11:00:00Z"));
	floor_apply(&f, call(&f, "erased", 1, "2024-03-01T10:00:00Z", "L1"));
	floor_apply(&f, event_make_op(&f.arena, ENTITY_CALL, EVENT_ERASE, "erased", 2, "2024-03-01T11:00:00Z"));
	e = call(&f, "corrected", 1, "2024-03-01T10:00:00Z", "L1");
	e->occurred_at_ms = time_of("2026-01-01"); /* its older image may say another time: it must not come back as news */
	floor_apply(&f, e);
	floor_apply(&f, call(&f, "only", 1, "2024-03-01T10:00:00Z", "L2")); /* without it L2 is nobody */
	floor_advance(&f, "2024-03-02T00:00:00Z");
	two_years_pass(&f);
	assert_false(is_there(&f, "plain"));
	assert_false(is_there(&f, "other"));
	assert_true(is_there(&f, "unended"));
	assert_true(is_there(&f, "due"));
	assert_true(is_there(&f, "running"));
	assert_true(is_there(&f, "corrected"));
	assert_true(is_there(&f, "only"));
	assert_true(is_there(&f, "deleted"));
	assert_true(is_there(&f, "erased"));
	assert_int_equal(shard_counters(f.shard).store.evicted, 2);
	/* What went and comes again is late, whole; what is new about it is taken. */
	assert_int_equal(shard_apply(f.shard, call(&f, "plain", 1, "2024-03-01T10:00:00Z", "L1"), reason), SHARD_LATE);
	assert_false(is_there(&f, "plain"));
	e = call(&f, "plain", 2, "2024-03-01T10:00:00Z", "L1");
	e->occurred_at_ms = time_of("2026-03-02");
	assert_int_not_equal(shard_apply(f.shard, e, reason), SHARD_BAD);
	assert_true(is_there(&f, "plain"));
	shard_check(f.shard);
	assert_int_equal(shard_audit(f.shard, NULL, NULL), 0);
	floor_deinit(&f);
}

/* The definitions say when none may go, and `check` repeats it. */
static void a_sum_over_calls_keeps_them(void **state)
{
	struct plan *plan = plan_of(keeping);

	(void)state;
	assert_false(plan->passes[ENTITY_CALL]);
	assert_string_equal(plan->kept_by[ENTITY_CALL], "rep.talk");
	plan_free(plan);
	plan = plan_of(passing);
	assert_true(plan->passes[ENTITY_CALL]);
	assert_false(plan->passes[ENTITY_DEAL] || plan->passes[ENTITY_LEAD] || plan->passes[ENTITY_OPPORTUNITY] ||
		     plan->passes[ENTITY_REP] || plan->passes[ENTITY_ACCOUNT]);
	plan_free(plan);
}

/* Its own times are past, a fact of it is not: that may still be corrected, and would then be counted twice. */
static void the_last_fact_of_a_call_must_be_past(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, passing);
	floor_apply(&f, call(&f, "C1", 1, "2024-03-01T10:00:00Z", "L1"));
	floor_apply(&f, call(&f, "C2", 1, "2024-03-21T10:00:00Z", "L1"));
	floor_advance(&f, "2024-04-01T00:00:00Z");
	floor_advance(&f, "2025-04-09T00:00:00Z");
	floor_advance(&f, "2025-04-10T00:00:00Z");
	assert_true(is_there(&f, "C1"));
	floor_advance(&f, "2025-04-18T00:00:00Z");
	assert_false(is_there(&f, "C1"));
	assert_true(is_there(&f, "C2"));
	floor_deinit(&f);
}

/* A call that went after the last checkpoint is there again after a crash, and goes again. */
static void a_crash_forgets_that_it_went(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, passing);
	floor_apply(&f, event_make(&f.arena, ENTITY_LEAD, "L1", 1, "2024-03-01T09:00:00Z"));
	floor_apply(&f, call(&f, "C1", 1, "2024-03-01T10:00:00Z", "L1"));
	floor_apply(&f, call(&f, "C2", 1, "2026-03-02T10:00:00Z", "L1"));
	floor_advance(&f, "2024-03-02T00:00:00Z");
	floor_cut(&f, true);
	two_years_pass(&f);
	assert_false(is_there(&f, "C1"));
	floor_crash(&f);
	assert_true(is_there(&f, "C1"));
	two_years_pass(&f);
	assert_false(is_there(&f, "C1"));
	floor_restart(&f, false);
	floor_settle(&f);
	assert_false(is_there(&f, "C1"));
	floor_expect(&f, "acme/reach/month_to_date///", "63158400", "OK"); /* seconds from the first attempt, which is no more */
	shard_check(f.shard);
	floor_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_went_is_not_missed),
		cmocka_unit_test(some_calls_stay),
		cmocka_unit_test(a_sum_over_calls_keeps_them),
		cmocka_unit_test(the_last_fact_of_a_call_must_be_past),
		cmocka_unit_test(a_crash_forgets_that_it_went),
	};

	return cmocka_run_group_tests_name("shard_evict", tests, NULL, NULL);
}
