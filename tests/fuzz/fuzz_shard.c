/*
 * A whole checkpoint from any bytes, as a broken disk or another program may have written it: refused, or a shard that is sound in
 * itself: it can be checked and audited, takes an event, moves in time, says its values, and comes back from its own checkpoint
 * with the same number of everything.
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/shard.h"
#include "edge/definition_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static const char definitions[] =
	"derive:\n"
	"  account.first_won_at: {min: deal.won_at, over: deal.account, where: 'deal.status == "
	"\"WON\"'}\n"
	"measures:\n"
	"  - {name: wins, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"',\n"
	"     by: {rep: deal.owner_id, source: deal.source_channel}}\n"
	"  - {name: revenue, extends: wins, agg: sum, value: deal.amount}\n"
	"  - {name: customers, extends: wins, agg: distinct, value: deal.account_id}\n"
	"  - {name: spread, extends: wins, agg: percentile, value: deal.amount}\n"
	"  - {name: open, on: opportunity, at: opportunity.created_at, until: "
	"opportunity.close_at, value: opportunity.amount, agg: sum}\n"
	"metrics:\n"
	"  - {name: wins, value: wins, windows: [1h, 24h, today], group_by: [[], [rep]], compare: "
	"previous_period}\n"
	"  - {name: average, value: revenue / wins, windows: [today, week_to_date], group_by: [[], "
	"[source]]}\n"
	"  - {name: customers, value: customers, windows: [month_to_date]}\n"
	"  - {name: median, value: p50(spread), windows: [7d]}\n"
	"  - {name: open, value: open}\n";

static struct zone_transition transitions[] = { { 1767225600000, 20700000 },
	{ 1772000000000, 18900000 } };
static const struct zone zone = { transitions, 2, 25200000 };
static const struct calendar calendars[] = { { .zone = &zone, .week_start = 1, .fiscal_start_month = 1 } };
static const struct tenant_settings tenants[] = { { "acme", 0, "IDR" }, { "bolt", 0, "USD" } };
static const struct tenant_book book = {
	.calendars = calendars, .calendar_count = 1, .tenants = tenants, .tenant_count = 2
};
static struct shard_settings settings;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct buffer _cleanup_buffer_ explanation = { 0 };
	struct plan *plan;

	(void)argc;
	(void)argv;
	if (definition_text_plan("fuzz.yaml", slice_of(definitions), &plan, &explanation)) {
		fputs(buffer_text(&explanation), stderr);
		abort();
	}
	settings = (struct shard_settings){
		.plan = plan,
		.tenants = &book,
		.store = { 10000, 1 << 22 },
		.groups = { 10000, 100000 },
		.snapshots = { .publish_interval_ms = 250,
			.refresh_ms = 600000,
			.rank_interval_ms = 2000,
			.restate_interval_ms = 60000,
			.rank_top = 50,
			.finals_max = 100000 },
		.hash_seed = 1,
		.pending_max = 10000,
		.ledger_bytes_max = 64 << 20,
	};
	return 0;
}

static void ignore(void *ctx, const char *line)
{
	(void)ctx;
	(void)line;
}

static bool emit(void *ctx, enum snapshot_topic topic, const struct snapshot *snapshot)
{
	uint64_t *count = ctx;

	(void)topic;
	assert(snapshot->metric.len && snapshot->tenant_id.len);
	++*count;
	return true;
}

/* A won deal and an open opportunity of acme, at a time that the definitions' zone knows. */
static void apply(struct shard *shard, enum entity_type type, int64_t at_ms)
{
	char reason[EVENT_REASON_MAX] = "";
	struct arena arena;
	struct event e;

	arena_init(&arena, 0);
	event_init(&e, type, &arena);
	e.op = EVENT_UPDATE;
	e.tenant_id = slice_of("acme");
	e.event_id = e.entity_id = slice_of(type == ENTITY_DEAL ? "D1" : "O1");
	e.source_version = 1000;
	e.occurred_at_ms = at_ms;
	*event_field(&e, type == ENTITY_DEAL ? "won_at" : "created_at") =
		(struct event_value){ .i = at_ms };
	*event_field(&e, "status") =
		(struct event_value){ .text = slice_of(type == ENTITY_DEAL ? "WON" : "OPEN") };
	(void)shard_apply(shard, &e, reason);
	arena_deinit(&arena);
}

static void compare_with_its_own(struct shard *shard)
{
	struct buffer _cleanup_buffer_ bytes = { 0 };
	struct shard *twin = shard_new(&settings);

	shard_save(shard, true, &bytes);
	/* Saving has merged what waits. */
	const struct shard_counters a = shard_counters(shard);
	assert(shard_restore(twin, bytes.data, bytes.len) == 0);
	shard_restored(twin);
	shard_check(twin);
	const struct shard_counters b = shard_counters(twin);
	assert(a.entities == b.entities && a.groups == b.groups && a.cells == b.cells);
	assert(a.pending == b.pending && shard_clock(twin) == shard_clock(shard));
	shard_free(twin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct shard *shard = shard_new(&settings);
	uint64_t count = 0;

	if (shard_restore(shard, data, size) == 0) {
		shard_restored(shard);
		shard_check(shard);
		shard_audit(shard, ignore, NULL);
		snapshots_doubt(shard_snapshots(shard));
		apply(shard, ENTITY_DEAL, INT64_C(1772323200000));
		apply(shard, ENTITY_OPPORTUNITY, INT64_C(1772323260000));
		int64_t clock_ms = shard_clock(shard);
		if (clock_ms < INT64_C(1772323300000))
			clock_ms = INT64_C(1772323300000);
		/* Bounded: a clock of the year 0 has a long way to go. */
		for (int i = 0; i < 20 && shard_advance(shard, clock_ms + 7200000, 20000) == 1; i++)
			;
		shard_collect(shard, 1000000, true, 10000, emit, &count);
		shard_check(shard);
		compare_with_its_own(shard);
	}
	shard_free(shard);
	return 0;
}
