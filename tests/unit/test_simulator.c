#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/hash.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "core/zone.h"
#include "edge/simulator.h"
#include "edge/simulator_inside.h"

/* Jakarta without a file: +07:00, no transitions. */
static const struct zone jakarta = {
	.transitions = NULL, .count = 0, .first_offset_ms = 7 * 3600000
};
static const struct calendar calendars[1] = {
	{ .zone = &jakarta, .week_start = 1, .fiscal_start_month = 1 }
};
static const struct tenant_book book = { calendars, 1, NULL, 0, { NULL, 0, "IDR", NULL }, 0 };

static int64_t at(const char *text)
{
	int64_t ms;

	assert_true(time_parse(slice_of(text), &ms));
	return ms;
}

static struct simulator_settings settings_of(const char *from, const char *to)
{
	return (struct simulator_settings){ .seed = 7,
		.from_ms = at(from),
		.to_ms = at(to),
		.tenants = 2,
		.reps = 12,
		.leads_per_rep_day = 6,
		.late = 0.02,
		.duplicates = 0.01,
		.corrections = 0.2,
		.book = &book };
}

struct tally {
	uint64_t events, of_type[ENTITY_TYPE_COUNT], of_op[EVENT_OP_COUNT], hash, hours[24], sunday,
		late_hour;
	uint64_t won, lost, splits, excluded, merged;
	struct simulator_counts counts;
};

static void look(struct tally *tally, struct event *event)
{
	char reason[EVENT_REASON_MAX] = "";

	if (event_validate(event, reason) != 0)
		fail_msg("event %llu: %s", (unsigned long long)tally->events, reason);
	struct order_key key = event_order(event);
	tally->hash = hash_combine(tally->hash, key.hash ^ (uint64_t)key.occurred_at_ms);
	tally->hash =
		hash_combine(tally->hash, hash_bytes(event->entity_id.at, event->entity_id.len, 1));
	tally->hash = hash_combine(tally->hash, (uint64_t)event->ingested_at_ms);
	tally->events++;
	tally->of_type[event->type]++;
	tally->of_op[event->op]++;
	tally->excluded += event->excluded;
	tally->merged += event->merged_count;
	tally->late_hour += event->ingested_at_ms - event->occurred_at_ms > 3600000;
	int64_t local = event->occurred_at_ms + 7 * 3600000;
	if (event->type == ENTITY_LEAD && event->op == EVENT_CREATE) {
		tally->hours[local / 3600000 % 24]++;
		tally->sunday += local / 86400000 % 7 == 3;
	}
	if (event->type == ENTITY_DEAL && event->op != EVENT_DELETE)
		tally->splits += event_field(event, "splits")->list->count > 0;
	if (event->type == ENTITY_OPPORTUNITY && !event_field(event, "closed_at")->is_null) {
		tally->won += slice_is(event_field(event, "status")->text, "WON");
		tally->lost += slice_is(event_field(event, "status")->text, "LOST");
	}
}

static struct tally run(const struct simulator_settings *settings)
{
	struct simulator *sim = simulator_new(settings);
	struct tally tally = { 0 };
	struct arena arena;
	struct event event;
	int64_t last_ms = INT64_MIN;

	arena_init(&arena, 0);
	while (simulator_next(sim, &arena, &event)) {
		assert_true(event.ingested_at_ms >= last_ms);
		assert_true(event.occurred_at_ms <= event.ingested_at_ms);
		assert_true(event.occurred_at_ms >= settings->from_ms &&
			    event.occurred_at_ms < settings->to_ms);
		last_ms = event.ingested_at_ms;
		look(&tally, &event);
		arena_reset(&arena);
	}
	tally.counts = simulator_counts(sim);
	simulator_free(sim);
	arena_deinit(&arena);
	return tally;
}

static void test_same_seed_same_events(void **state)
{
	struct simulator_settings settings =
		settings_of("2026-02-01T17:00:00Z", "2026-03-01T17:00:00Z");
	struct tally first = run(&settings), second = run(&settings);

	(void)state;
	assert_true(first.events > 10000);
	assert_int_equal(first.events, second.events);
	assert_true(first.hash == second.hash);
	settings.seed = 8;
	struct tally other = run(&settings);
	assert_true(other.hash != first.hash);
}

static void test_it_looks_like_a_sales_floor(void **state)
{
	struct simulator_settings settings =
		settings_of("2026-02-01T17:00:00Z", "2026-03-29T17:00:00Z");
	struct tally t = run(&settings);

	(void)state;
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++)
		assert_true(t.of_type[type] >= 24);
	/* Eight weeks, twice nine sellers, six leads a working day: Saturdays and Sundays add a tenth. */
	assert_in_range(t.counts.leads, 4000, 6500);
	assert_true(t.hours[10] > 8 * t.hours[3]);
	assert_true(t.hours[10] > t.hours[12]);
	assert_true(t.sunday * 20 < t.counts.leads);
	assert_in_range(t.won * 100 / (t.won + t.lost), 20, 50);
	assert_in_range(t.counts.won * 100 / t.counts.leads, 4, 20);
	assert_true(t.of_type[ENTITY_CALL] > t.counts.leads);
	assert_true(t.splits > 10);
	assert_in_range(t.events / t.counts.leads, 6, 15);
}

static void test_mistakes_come_at_their_rates(void **state)
{
	struct simulator_settings settings =
		settings_of("2026-02-01T17:00:00Z", "2026-03-29T17:00:00Z");
	struct tally t = run(&settings);

	(void)state;
	assert_in_range(t.counts.late * 1000 / t.events, 15, 25);
	assert_in_range(t.counts.duplicates * 1000 / t.events, 7, 13);
	assert_true(t.late_hour > t.events / 500);
	assert_in_range(t.counts.corrected * 100 / t.counts.leads, 15, 45);
	assert_true(t.of_op[EVENT_DELETE] > 0 && t.of_op[EVENT_UNDELETE] > 0 &&
		    t.of_op[EVENT_ERASE] > 0);
	assert_true(t.of_op[EVENT_MERGE] > 0 && t.merged == t.of_op[EVENT_MERGE] && t.excluded > 0);

	settings.late = settings.duplicates = settings.corrections = 0;
	t = run(&settings);
	assert_int_equal(t.counts.late + t.counts.duplicates + t.counts.corrected + t.late_hour, 0);
	assert_int_equal(
		t.of_op[EVENT_DELETE] + t.of_op[EVENT_MERGE] + t.of_op[EVENT_ERASE] + t.excluded,
		0);
}

/* A share of what is sold is in dollars, at their price, and opportunity and deal agree; without it nothing is. */
static void test_dollars(void **state)
{
	struct simulator_settings settings =
		settings_of("2026-03-01T17:00:00Z", "2026-03-15T17:00:00Z");

	(void)state;
	for (int share = 0; share <= 1; share++) {
		uint64_t dollars = 0, deals = 0, corrected = 0;
		struct simulator *sim;
		struct arena arena;
		struct event event;

		settings.foreign = share * 0.3;
		sim = simulator_new(&settings);
		arena_init(&arena, 0);
		for (; simulator_next(sim, &arena, &event); arena_reset(&arena)) {
			corrected += event.type == ENTITY_FX_RATE && event.source_version > 1;
			if ((event.type != ENTITY_OPPORTUNITY && event.type != ENTITY_DEAL) ||
				!event_has_body(&event))
				continue;
			if (event_field(&event, "currency")->is_null ||
				event_field(&event, "currency")->text.len != 3)
				continue;
			deals++;
			if (!slice_is(event_field(&event, "currency")->text, "USD"))
				continue;
			dollars++;
			assert_true(event_field(&event, "amount")->i <
				    INT64_C(1000000) * DECIMAL_SCALE);
		}
		if (share)
			assert_in_range(dollars * 100 / deals, 20, 40);
		else
			assert_int_equal(dollars, 0);
		assert_true(share ? corrected > 0 : corrected == 0);
		arena_deinit(&arena);
		simulator_free(sim);
	}
}

static void test_versions_have_no_gaps(void **state)
{
	struct simulator_settings settings =
		settings_of("2026-03-01T17:00:00Z", "2026-03-29T17:00:00Z");
	struct simulator *sim = simulator_new(&settings);
	struct {
		struct {
			uint32_t count, greatest, reordered;
		} seen[1 << 17];
	} *book_of = x_calloc(1, sizeof(*book_of));
	struct arena arena;
	struct event event;
	uint64_t reordered = 0;

	(void)state;
	arena_init(&arena, 0);
	settings.duplicates = 0;
	simulator_free(sim);
	sim = simulator_new(&settings);
	while (simulator_next(sim, &arena, &event)) {
		/* 17 bits of the id's hash: a collision makes the greatest version smaller than the count, which is not looked for. */
		uint64_t slot = hash_bytes(event.entity_id.at, event.entity_id.len,
					5 + (uint64_t)event.type) &
				0x1ffff;
		uint64_t tenant = hash_bytes(event.tenant_id.at, event.tenant_id.len, 3) & 0x1ffff;
		uint64_t place = (slot ^ tenant) & 0x1ffff;
		book_of->seen[place].count++;
		reordered += event.source_version < book_of->seen[place].greatest;
		if (event.source_version > book_of->seen[place].greatest)
			book_of->seen[place].greatest = (uint32_t)event.source_version;
		arena_reset(&arena);
	}
	for (size_t i = 0; i < 1 << 17; i++)
		assert_true(book_of->seen[i].greatest <= book_of->seen[i].count);
	assert_true(reordered > 0);
	free(book_of);
	simulator_free(sim);
	arena_deinit(&arena);
}

static void test_density_meets_a_number_of_events(void **state)
{
	struct simulator_settings settings =
		settings_of("2026-02-01T17:00:00Z", "2026-03-13T17:00:00Z");

	(void)state;
	settings.reps = 40;
	settings.leads_per_rep_day = simulator_density_for(&settings, 100000);
	struct tally t = run(&settings);
	assert_in_range(t.events, 93000, 107000);
}

static void test_memory_is_bounded(void **state)
{
	struct simulator_settings settings =
		settings_of("2026-02-01T17:00:00Z", "2026-03-01T17:00:00Z");

	(void)state;
	settings.open_max = 50;
	struct simulator *sim = simulator_new(&settings);
	struct arena arena;
	struct event event;
	arena_init(&arena, 0);
	while (simulator_next(sim, &arena, &event)) {
		assert_true(sim->open_count <= 50);
		assert_true(sim->places.count <= 50);
		arena_reset(&arena);
	}
	assert_true(simulator_counts(sim).not_begun > 100);
	simulator_free(sim);
	arena_deinit(&arena);
}

static void test_offices_open_in_the_morning(void **state)
{
	struct simulator_settings settings =
		settings_of("2026-02-01T17:00:00Z", "2026-03-01T17:00:00Z");
	struct simulator *sim = simulator_new(&settings);

	(void)state;
	assert_true(simulator_is_open(sim, at("2026-02-02T08:30:00+07:00"))); /* a Monday */
	assert_false(simulator_is_open(sim, at("2026-02-02T07:59:59+07:00")));
	assert_false(simulator_is_open(sim, at("2026-02-02T17:30:00+07:00")));
	assert_true(simulator_is_open(sim, at("2026-02-07T12:59:00+07:00"))); /* a Saturday */
	assert_false(simulator_is_open(sim, at("2026-02-07T13:00:00+07:00")));
	assert_false(simulator_is_open(sim, at("2026-02-08T10:00:00+07:00")));
	assert_string_equal(simulator_tenant_id(sim, 0), "nusantara-niaga");
	simulator_free(sim);
}

static void test_symbols_are_the_models(void **state)
{
	static const struct {
		enum entity_type type;
		const char *field, *symbol;
		int index;
	} rows[] = {
		{ ENTITY_LEAD, "qualification", "RECYCLED", SIM_RECYCLED },
		{ ENTITY_LEAD, "qualification", "GOOD", SIM_GOOD },
		{ ENTITY_OPPORTUNITY, "status", "LOST", SIM_LOST },
		{ ENTITY_DEAL, "status", "LOST", SIM_LOST },
		{ ENTITY_DEAL, "status", "REFUNDED", SIM_REFUNDED },
		{ ENTITY_DEAL, "deal_type", "RENEWAL", SIM_RENEWAL },
		{ ENTITY_CALL, "direction", "OUTBOUND", SIM_OUTBOUND },
		{ ENTITY_CALL, "state", "ENDED", SIM_ENDED },
		{ ENTITY_CALL, "disposition", "CALLBACK", SIM_CALLBACK },
		{ ENTITY_CALL, "disposition", "ABANDONED", SIM_ABANDONED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int index = model_field_find(rows[i].type, slice_of(rows[i].field));
		assert_string_equal(model_table[rows[i].type].fields[index].symbols[rows[i].index],
			rows[i].symbol);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_seed_same_events),
		cmocka_unit_test(test_it_looks_like_a_sales_floor),
		cmocka_unit_test(test_mistakes_come_at_their_rates),
		cmocka_unit_test(test_dollars),
		cmocka_unit_test(test_versions_have_no_gaps),
		cmocka_unit_test(test_density_meets_a_number_of_events),
		cmocka_unit_test(test_memory_is_bounded),
		cmocka_unit_test(test_offices_open_in_the_morning),
		cmocka_unit_test(test_symbols_are_the_models),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
