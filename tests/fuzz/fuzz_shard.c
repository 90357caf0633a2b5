/*
 * A whole checkpoint from any bytes, as a broken disk or another program may have written it: refused, or a shard that is sound in
 * itself: it can be checked and audited, takes an event, moves in time, says its values, and comes back from its own checkpoint
 * with the same number of everything.
 *
 * A file of bytes grows stale with every change of what is saved. So an input «PATCH», a number and {place, byte} … stands for a
 * checkpoint that the program itself has just made, with these bytes changed: such a one is taken, and not only looked at.
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
static const struct calendar calendars[] = {
	{ .zone = &zone, .week_start = 1, .fiscal_start_month = 1 }
};
static const struct tenant_settings tenants[] = { { "acme", 0, "IDR", NULL },
	{ "bolt", 0, "USD", NULL } };
static const struct tenant_book book = {
	.calendars = calendars, .calendar_count = 1, .tenants = tenants, .tenant_count = 2
};
static struct shard_settings settings;

/* Made at the start: one cut; two; under a calendar that is another one ahead; of other classes. */
enum { OWN_COUNT = 4 };
static struct buffer own[OWN_COUNT];

static void make_own(void);

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
		.snapshots = snapshot_settings_usual(100000),
		.hash_seed = 1,
		.pending_max = 10000,
		.ledger_bytes_max = 64 << 20,
	};
	make_own();
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

static void win(struct shard *shard, const char *tenant, const char *id, int64_t at_ms)
{
	char reason[EVENT_REASON_MAX] = "";
	struct arena arena;
	struct event e;

	arena_init(&arena, 0);
	event_init(&e, ENTITY_DEAL, &arena);
	e.op = EVENT_UPDATE;
	e.tenant_id = slice_of(tenant);
	e.event_id = e.entity_id = slice_of(id);
	e.source_version = 1;
	e.occurred_at_ms = at_ms;
	*event_field(&e, "won_at") = (struct event_value){ .i = at_ms };
	*event_field(&e, "status") = (struct event_value){ .text = SLICE_LIT("WON") };
	*event_field(&e, "owner_id") = (struct event_value){ .text = SLICE_LIT("ana") };
	*event_field(&e, "amount") = (struct event_value){ .i = 70000 };
	*event_field(&e, "currency") = (struct event_value){ .text = SLICE_LIT("IDR") };
	(void)shard_apply(shard, &e, reason);
	arena_deinit(&arena);
}

static void make_cuts(struct buffer *one, struct buffer *two)
{
	struct shard *shard = shard_new(&settings);
	int64_t at_ms = INT64_C(1772323200000), day_ms = 86400000;
	uint64_t count = 0;

	win(shard, "acme", "D2", at_ms - 3 * day_ms);
	win(shard, "bolt", "D3", at_ms - day_ms);
	apply(shard, ENTITY_OPPORTUNITY, at_ms);
	win(shard, "acme", "D4", at_ms + day_ms);
	while (shard_advance(shard, at_ms + 3600000, 20000))
		;
	shard_collect(shard, 1000, true, 10000, emit, &count);
	shard_save(shard, true, one);
	shard_saved(shard);
	if (two) {
		buffer_put(two, one->data, one->len);
		win(shard, "cato", "D5", at_ms + 1000);
		while (shard_advance(shard, at_ms + 2 * day_ms, 20000))
			;
		shard_collect(shard, 2000, true, 10000, emit, &count);
		shard_save(shard, false, two);
	}
	shard_free(shard);
}

static void make_own(void)
{
	struct calendar others[2] = { calendars[0], calendars[0] };
	struct tenant_book ahead = book;
	/* A week that is to begin on Sunday in 2030. */
	const struct calendar_change sunday = { .from_day = 21916, .week_start = 7 };

	make_cuts(&own[0], &own[1]);
	ahead.calendars = others;
	settings.tenants = &ahead;
	calendar_change(&calendars[0], &sunday, NULL, &others[0]);
	make_cuts(&own[2], NULL);
	ahead.calendar_count = 2;
	make_cuts(&own[3], NULL);
	settings.tenants = &book;
}

/* False: the input is no patch of an own checkpoint. */
static bool patched(const uint8_t *data, size_t size, struct buffer *ret)
{
	if (size < 6 || memcmp(data, "PATCH", 5) != 0)
		return false;
	const struct buffer *from = &own[data[5] % OWN_COUNT];

	buffer_put(ret, from->data, from->len);
	for (size_t i = 6; i + 3 <= size; i += 3)
		ret->data[((size_t)data[i] | (size_t)data[i + 1] << 8) % ret->len] = data[i + 2];
	return true;
}

static void try(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer _cleanup_buffer_ patch = { 0 };

	if (patched(data, size, &patch))
		try(patch.data, patch.len);
	else
		try(data, size);
	return 0;
}

static void try(const uint8_t *data, size_t size)
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
}
