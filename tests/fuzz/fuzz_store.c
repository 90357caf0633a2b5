/*
 * store_restore from any bytes: refused, or a store that holds together: it can be checked, counted, changed, and saved and
 * restored once more with the same facts. The first byte says which events follow the restore.
 *
 * Bytes name strings by their ids: the texts below come right after the definitions' constants, always in this order.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/fact.h"
#include "core/store.h"
#include "edge/definition_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char definitions[] =
	"derive:\n"
	"  account.first_won_at: {min: deal.won_at, over: deal.account, where: 'deal.status == "
	"\"WON\"'}\n"
	"  account.first_win: {first: deal, by: deal.won_at, over: deal.account}\n"
	"  account.won_amount: {sum: deal.amount, over: deal.account}\n"
	"  lead.first_opportunity_at: {min: opportunity.created_at, over: opportunity.leads}\n"
	"  rep.calls: {count: call, over: call.rep}\n"
	"measures:\n"
	"  - {name: revenue, on: deal, each: c in deal.credit, at: deal.won_at, value: c.amount,\n"
	"     by: {rep: c.rep_id, source: 'coalesce(deal.source_channel, "
	"deal.lead.source_channel)', segment: deal.account.segment}}\n"
	"  - {name: first, on: deal, at: deal.account.first_win.won_at, value: 'deal.won_at - "
	"deal.opportunity.created_at'}\n"
	"  - {name: day, on: deal, at: deal.won_at, where: 'local_day(deal.won_at) == "
	"local_day(deal.account.first_won_at)'}\n"
	"  - {name: open, on: opportunity, at: opportunity.created_at, until: "
	"opportunity.close_at,\n"
	"     value: opportunity.amount * opportunity.probability, by: {stage: "
	"opportunity.stage_id, campaign: opportunity.ext.campaign}}\n"
	"  - {name: visits, on: opportunity, each: v in opportunity.visits, at: v.entered_at, "
	"until: v.left_at, by: {exit: v.exit}}\n"
	"  - {name: leads, on: lead, at: lead.first_opportunity_at, by: {owner: lead.owner.name}}\n"
	"  - {name: talk, on: call, at: call.initiated_at, agg: percentile, value: call.talk_ms, "
	"by: {team: 'team_at(call.rep.memberships, call.initiated_at)'}}\n";

static const char *const texts[] = {
	"acme",
	"beta",
	"L1",
	"L2",
	"L3",
	"L4",
	"O1",
	"O2",
	"O3",
	"D1",
	"D2",
	"D3",
	"D4",
	"C1",
	"C2",
	"ana",
	"budi",
	"citra",
	"A1",
	"A2",
	"contact:K1",
	"contact:K2",
	"K1",
	"K2",
	"north",
	"south",
	"web",
	"fair",
	"ads",
	"new",
	"demo",
	"offer",
	"sales",
	"renewals",
	"IDR",
	"USD",
	"SMB",
	"ENT",
	"java",
	"bali",
	"REVENUE",
	"OVERLAY",
	"PRIMARY",
	"OPEN",
	"WON",
	"LOST",
	"UNKNOWN",
	"CANCELLED",
	"REFUNDED",
	"open",
	"GOOD",
	"NEW_BUSINESS",
	"UPSELL",
	"OUTBOUND",
	"ENDED",
	"CONNECTED",
	"phone",
	"Ana S.",
	"B.",
	"ACTIVE",
	"P1",
	"campaign",
	"note",
};

struct scene {
	struct intern strings;
	struct store *store;
	struct fact_maker *maker;
};

static const struct plan *plan_once(void)
{
	static struct plan *plan;
	struct buffer explanation;

	if (plan)
		return plan;
	buffer_init(&explanation);
	if (definition_text_plan("fuzz.yaml", slice_of(definitions), &plan, &explanation)) {
		fputs(buffer_text(&explanation), stderr);
		abort();
	}
	buffer_deinit(&explanation);
	return plan;
}

static void scene_init(struct scene *s, const struct plan *plan)
{
	static struct zone utc;
	static const struct calendar calendar = {
		.zone = &utc, .week_start = 1, .fiscal_start_month = 1
	};

	intern_init(&s->strings, 1, 0);
	if (plan_intern_constants(plan, &s->strings))
		abort();
	s->store = store_new(plan, &s->strings, (struct store_limits){ .entities_max = 100000 });
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		intern_add(&s->strings, slice_of(texts[i]));
	s->maker = fact_maker_new(plan, s->store, &s->strings);
	for (uint32_t i = 0; i < 2; i++) {
		store_tenant(s->store, slice_of(texts[i]), NULL);
		fact_maker_tenant(s->maker, i, &calendar);
	}
}

static void scene_deinit(struct scene *s)
{
	fact_maker_free(s->maker);
	store_free(s->store);
	intern_deinit(&s->strings);
}

/* How many facts there are, and their amounts, wrapping. */
static uint64_t count_facts(struct scene *s)
{
	struct fact_set facts;
	uint64_t sum = 0;

	fact_set_init(&facts);
	for (uint32_t i = 0; i < store_count(s->store); i++)
		fact_maker_entity(s->maker, i, &facts);
	for (size_t i = 0; i < facts.count; i++)
		sum += (uint64_t)facts.items[i].amount * 31 + 1;
	fact_set_deinit(&facts);
	return sum;
}

/* One event of one byte: which entity, and what happens to it. */
static void apply_one(struct scene *s, uint8_t what)
{
	static const enum event_op ops[] = { EVENT_UPDATE, EVENT_DELETE, EVENT_UNDELETE,
		EVENT_MERGE, EVENT_ERASE };
	static const char *const ids[] = { "L1", "O1", "D1", "C1", "ana", "A1", "X1" };
	static const char *const losers[] = { "L2", "O2", "D2", "C2", "budi", "A2", "X2" };
	enum { IDS = sizeof(ids) / sizeof(ids[0]) };
	enum entity_type type = (enum entity_type)(what % ENTITY_TYPE_COUNT);
	size_t id = type < IDS ? type : IDS - 1;
	struct slice loser = slice_of(losers[id]);
	struct store_change change;
	struct arena arena;
	struct event e;

	arena_init(&arena, 0);
	event_init(&e, type, &arena);
	e.op = ops[what / 8 % 5];
	e.tenant_id = slice_of(texts[0]);
	e.event_id = e.entity_id = slice_of(ids[id]);
	e.source_version = what;
	e.occurred_at_ms = INT64_C(1772323200000);
	e.merged_ids = &loser;
	e.merged_count = e.op == EVENT_MERGE;
	if (store_apply(s->store, 0, &e, &change) == STORE_CHANGED) {
		store_change_swap(s->store);
		count_facts(s);
		store_change_swap(s->store);
		store_change_close(s->store);
	}
	store_check(s->store);
	arena_deinit(&arena);
}

static void save_and_restore(struct scene *s, const struct plan *plan)
{
	struct buffer bytes;
	uint32_t cursor = 0;
	struct scene twin;
	struct reader in;

	buffer_init(&bytes);
	store_save(s->store, true, &bytes, SIZE_MAX, &cursor);
	scene_init(&twin, plan);
	for (uint32_t id = intern_count(&twin.strings) + 1; id <= intern_count(&s->strings); id++)
		intern_add(&twin.strings, intern_text(&s->strings, id));
	in = reader_of(bytes.data, bytes.len);
	assert(store_restore(twin.store, &in) == 0);
	store_restored(twin.store);
	store_check(twin.store);
	assert(count_facts(&twin) == count_facts(s));
	scene_deinit(&twin);
	buffer_deinit(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct plan *plan = plan_once();
	struct scene scene;
	struct reader in;

	if (size < 1)
		return 0;
	scene_init(&scene, plan);
	in = reader_of(data + 1, size - 1);
	if (store_restore(scene.store, &in) == 0) {
		store_restored(scene.store);
		store_check(scene.store);
		count_facts(&scene);
		apply_one(&scene, data[0]);
		apply_one(&scene, (uint8_t)(data[0] * 37 + 11));
		save_and_restore(&scene, plan);
	}
	scene_deinit(&scene);
	return 0;
}
