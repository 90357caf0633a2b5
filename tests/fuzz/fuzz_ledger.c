/*
 * Bytes as a checkpoint's groups, ledger and clock, which a broken disk or another program may have written: refused, or a state whose
 * invariants hold, that goes on in time, and that comes back the same from its own checkpoint.
 *
 * Input: {length as 16 bits, groups} {length, ledger}… the rest is a clock.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buffer.h"
#include "core/clock.h"
#include "core/ledger.h"
#include "edge/definition_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char definitions[] =
	"measures:\n"
	"  - {name: wins, on: deal, at: deal.won_at, by: {rep: deal.owner_id}}\n"
	"  - {name: revenue, extends: wins, agg: sum, value: deal.amount}\n"
	"  - {name: open, on: opportunity, at: opportunity.created_at, until: "
	"opportunity.close_at}\n"
	"  - {name: customers, extends: wins, agg: distinct, value: deal.customer_id}\n"
	"  - {name: spread, extends: wins, agg: percentile, value: deal.amount}\n"
	"metrics:\n"
	"  - {name: wins, value: wins, windows: [1h, 24h, 7d, today, month_to_date, all], "
	"group_by: [[], [rep]]}\n"
	"  - {name: revenue, value: revenue, windows: [1h, week_to_date], group_by: [[rep]]}\n"
	"  - {name: open, value: open}\n"
	"  - {name: customers, value: customers, windows: [today]}\n"
	"  - {name: spread, value: p50(spread), windows: [7d]}\n";

/* Half an hour, twice, so that days and grids do not agree. */
static struct zone_transition transitions[] = { { 1767225600000, 20700000 },
	{ 1772000000000, 18900000 }, { 1774500000000, 20700000 } };
static const struct zone zone = { transitions, 3, 18900000 };
static const struct calendar calendar = { .zone = &zone, .week_start = 1, .fiscal_start_month = 1 };

static struct plan *plan;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct buffer explanation;
	struct slice text = { definitions, sizeof(definitions) - 1 };

	(void)argc;
	(void)argv;
	buffer_init(&explanation);
	if (definition_text_plan("fuzz", text, &plan, &explanation))
		abort();
	buffer_deinit(&explanation);
	return 0;
}

static struct reader part_of(struct reader *in)
{
	size_t length = reader_u8(in);
	struct slice part;

	length |= (size_t)reader_u8(in) << 8;
	part = reader_bytes(in, length < reader_left(in) ? length : reader_left(in));
	return reader_of(part.at, part.len);
}

/* A restart: what it saves is taken, and saves the same. */
static void check_restart(struct group_table *groups, struct ledger *ledger)
{
	struct group_table *groups_again = group_table_new(plan, (struct group_limits){ 1, 1 });
	struct ledger *again = ledger_new(plan, groups_again, &calendar);
	struct buffer saved;
	struct reader in;

	buffer_init(&saved);
	group_save(groups, 0, 0, &saved);
	ledger_save(ledger, true, &saved);
	in = reader_of(saved.data, saved.len);
	assert(!group_restore(groups_again, &in) && !ledger_restore(again, &in) &&
		!reader_left(&in));
	assert(ledger_clock(again) == ledger_clock(ledger) &&
		ledger_entries(again) == ledger_entries(ledger));
	ledger_recompute(again);
	group_totals_clear(groups);
	ledger_recompute(ledger);
	for (uint32_t i = 0; i < cell_count(groups); i++) {
		const struct cell *a = cell_at(groups, i), *b = cell_at(groups_again, i);

		for (uint16_t place = 0; place < plan->measures[a->measure].span_count; place++)
			assert(a->totals[place].sum == b->totals[place].sum &&
				a->totals[place].count == b->totals[place].count);
	}
	group_check(groups_again);
	ledger_free(again);
	group_table_free(groups_again);
	buffer_deinit(&saved);
}

static void go_on(struct group_table *groups, struct ledger *ledger)
{
	static const int64_t steps[] = { 1, 60000, 3600000, 86400000, 40 * 86400000LL,
		500 * 86400000LL };
	int64_t clock_ms = ledger_clock(ledger);

	if (clock_ms == INT64_MIN || clock_ms > (int64_t)1 << 51)
		return;
	for (int i = 0; i < 6; i++) {
		size_t budget = 5;

		for (uint32_t cell = 0; cell < cell_count(groups) && cell < 3; cell++)
			ledger_add(ledger, cell, clock_ms - 1 - (int64_t)cell * 1000000, 1, 1);
		clock_ms += steps[i];
		while (ledger_advance(ledger, clock_ms, &budget))
			budget = 50;
		ledger_check(ledger);
	}
	group_check(groups);
	check_restart(groups, ledger);
}

static void try_clock(struct reader *in)
{
	static const struct clock_settings settings = { true, 600000, 300000, 600000, 30000,
		60000 };
	struct slice bytes = reader_bytes(in, reader_left(in));
	struct clock clock;

	clock_init(&clock, &settings, 3);
	if (!clock_restore(&clock, bytes)) {
		int64_t before_ms = clock.now_ms, wall_ms = 1774700000000;

		for (uint32_t i = 0; i < 3; i++)
			clock_assign(&clock, i);
		clock_saw(&clock, 0, wall_ms, wall_ms);
		clock_at_end(&clock, 1);
		clock_at_end(&clock, 2);
		assert(clock_turn(&clock, wall_ms) >= before_ms);
		clock_holds(&clock, 0);
	}
	clock_deinit(&clock);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct group_table *groups = group_table_new(plan, (struct group_limits){ 100, 100 });
	struct ledger *ledger = ledger_new(plan, groups, &calendar);
	struct reader in = reader_of(data, size), part = part_of(&in);
	bool is_good = !group_restore(groups, &part);

	for (int i = 0; i < 3 && is_good && reader_left(&in) > 2; i++) {
		part = part_of(&in);
		if (!reader_left(&part))
			break;
		is_good = !ledger_restore(ledger, &part);
	}
	if (is_good) {
		ledger_recompute(ledger);
		go_on(groups, ledger);
	}
	try_clock(&in);
	ledger_free(ledger);
	group_table_free(groups);
	return 0;
}
