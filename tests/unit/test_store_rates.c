/*
 * Several currencies: a shard against one that looks through all rates for each deal (S16), in any order of arrival, after corrections,
 * deletions and restarts; and that a restart under another currency or age of rates makes the totals anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "base/rng.h"
#include "core/store.h"
#include "sales_floor.h"

#define HOUR_MS INT64_C(3600000)
#define DEFINITIONS                                                                                                             \
	"measures:\n"                                                                                                           \
	"  - {name: revenue, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', agg: sum, value: deal.amount}\n"       \
	"  - {name: shares, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', each: c in deal.credit, agg: sum, value: c.amount,\n" \
	"     by: {rep: c.rep_id}}\n"                                                                                           \
	"metrics:\n"                                                                                                            \
	"  - {name: revenue, value: revenue, windows: [all]}\n"                                                                 \
	"  - {name: shares, value: shares, windows: [all], group_by: [[], [rep]]}\n"

enum { DEALS = 30, RATES = 16, STEPS = 160 };

static const char *const currencies[] = { "IDR", "USD", "EUR" };

struct deal { bool won; int64_t version, at_ms, amount; uint32_t currency; };
struct rate { bool live; int64_t version, from_ms, rate; uint32_t base, quote; };

struct world {
	struct sales_floor floor;
	struct rng rng;
	struct deal deals[DEALS];
	struct rate rates[RATES];
	struct event *events[STEPS];
	int count;
	int64_t age_ms;
};

static uint32_t below(struct rng *rng, uint32_t count)
{
	return (uint32_t)rng_below(rng, count);
}

static int64_t base_ms(void)
{
	return time_of("2026-03-01T00:00:00Z");
}

static const char *name_of(struct world *w, char kind, uint32_t n)
{
	char text[16];

	snprintf(text, sizeof(text), "%c%02u", kind, n);
	return arena_strndup(&w->floor.arena, text, strlen(text));
}

static struct event *random_deal(struct world *w)
{
	uint32_t n = below(&w->rng, DEALS);
	struct deal *d = &w->deals[n];
	struct event *e = event_make(&w->floor.arena, ENTITY_DEAL, name_of(w, 'D', n), ++d->version, "2026-03-09T00:00:00Z");

	d->won = below(&w->rng, 5) > 0;
	d->at_ms = base_ms() + (int64_t)below(&w->rng, 96) * HOUR_MS;
	d->currency = below(&w->rng, 3);
	d->amount = (int64_t)below(&w->rng, 2000000) + 1;
	event_set_all(e, "status", d->won ? "WON" : "LOST", "owner_id", "ana", "currency", currencies[d->currency], NULL);
	event_set_money(e, "amount", d->amount, NULL);
	event_set_time(e, d->won ? "won_at" : "lost_at", d->at_ms);
	if (below(&w->rng, 2)) {
		event_add_row(&w->floor.arena, e, "splits", "budi", "REVENUE", "33.3333");
		event_add_row(&w->floor.arena, e, "splits", "cici", "REVENUE", "33.3333");
	}
	return e;
}

static struct event *random_rate(struct world *w)
{
	uint32_t n = below(&w->rng, RATES);
	struct rate *r = &w->rates[n];
	const char *name = name_of(w, 'R', n);
	struct event *e;

	r->version++;
	if (r->version > 1 && below(&w->rng, 6) == 0) {
		r->live = false;
		return event_make_op(&w->floor.arena, ENTITY_FX_RATE, EVENT_DELETE, name, r->version, "2026-03-09T00:00:00Z");
	}
	e = event_make(&w->floor.arena, ENTITY_FX_RATE, name, r->version, "2026-03-09T00:00:00Z");
	if (r->version > 1 && !r->live)
		e->op = EVENT_UNDELETE;
	r->live = true;
	r->base = below(&w->rng, 3);
	r->quote = below(&w->rng, 4) ? 0 : below(&w->rng, 3);
	r->from_ms = base_ms() + (int64_t)below(&w->rng, 24) * 4 * HOUR_MS;
	/* Many halves: what is rounded stands on the edge. */
	r->rate = ((int64_t)below(&w->rng, 40) + 1) * RATE_SCALE / 2;
	event_set_all(e, "base", currencies[r->base], "quote", currencies[r->quote], NULL);
	event_field(e, "rate")->i = r->rate;
	event_field(e, "rate")->is_null = false;
	event_set_time(e, "valid_from", r->from_ms);
	return e;
}

static int64_t half_even(int64_t n, int64_t d)
{
	int64_t q = n / d, twice = (n % d) * 2;

	return q + (twice > d || (twice == d && q % 2));
}

/* What is won, by currency: everything is looked at for each deal. */
static void naive(const struct world *w, int64_t sums[3])
{
	memset(sums, 0, 3 * sizeof(*sums));
	for (int i = 0; i < DEALS; i++) {
		const struct deal *d = &w->deals[i];
		const struct rate *best = NULL;

		if (!d->won)
			continue;
		for (int k = 0; k < RATES; k++) {
			const struct rate *r = &w->rates[k];

			if (r->live && r->base == d->currency && r->quote == 0 && r->from_ms <= d->at_ms &&
				(!best || r->from_ms >= best->from_ms))
				best = r; /* of one instant the later name */
		}
		if (d->currency == 0)
			sums[0] += d->amount;
		else if (best && d->at_ms - best->from_ms <= w->age_ms)
			sums[0] += half_even(d->amount * best->rate, RATE_SCALE);
		else
			sums[d->currency] += d->amount;
	}
}

static i128 published(const struct world *w, const char *key)
{
	const struct board_record *r = floor_find(&w->floor, key);

	return r && r->record.value_decimal.is_set ? r->record.value_decimal.units : 0;
}

static void check(struct world *w)
{
	int64_t sums[3];
	bool lacks;

	naive(w, sums);
	floor_settle(&w->floor);
	lacks = sums[1] || sums[2];
	for (int i = 0; i < 3; i++) {
		char key[2][64];

		snprintf(key[0], sizeof(key[0]), "acme/revenue/all///%s", currencies[i]);
		snprintf(key[1], sizeof(key[1]), "acme/shares/all///%s", currencies[i]);
		assert_true(published(w, key[0]) == sums[i]);
		assert_true(published(w, key[1]) == sums[i]); /* the parts are the whole */
		if (floor_find(&w->floor, key[0]) && (i == 0 || sums[i]))
			assert_string_equal(floor_find(&w->floor, key[0])->record.state, lacks ? "FX_MISSING" : "OK");
	}
	shard_check(w->floor.shard);
	assert_int_equal(shard_audit(w->floor.shard, NULL, NULL), 0);
}

static void world_init(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof(*w));
	floor_init(&w->floor, DEFINITIONS);
	w->age_ms = w->floor.book.rate_max_age_ms = 36 * HOUR_MS;
	rng_init(&w->rng, seed);
	floor_at(&w->floor, "2026-03-10T00:00:00Z");
}

static void equals_one_that_looks_at_everything(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct world *w = calloc(1, sizeof(*w)), *other = calloc(1, sizeof(*other));

		assert_true(w && other);
		world_init(w, seed);
		for (int step = 0; step < STEPS; step++) {
			w->events[step] = below(&w->rng, 2) ? random_deal(w) : random_rate(w);
			floor_apply(&w->floor, w->events[step]);
			if (step % 50 == 49)
				floor_restart(&w->floor, step % 100 == 99);
			if (step % 8 == 7)
				check(w);
		}
		/* The same in another order, with some of it twice. */
		world_init(other, seed);
		memcpy(other->deals, w->deals, sizeof(w->deals));
		memcpy(other->rates, w->rates, sizeof(w->rates));
		for (int step = STEPS; step > 0; step--) {
			int k = (int)below(&w->rng, (uint32_t)step);
			struct event *e = w->events[k];

			w->events[k] = w->events[step - 1];
			floor_apply(&other->floor, e);
			if (step % 3 == 0)
				floor_apply(&other->floor, e);
		}
		check(other);
		floor_deinit(&w->floor);
		floor_deinit(&other->floor);
		free(w);
		free(other);
	}
}

static void apply_rate(struct sales_floor *f, const char *id, const char *base, const char *quote, const char *rate)
{
	struct event *e = event_make(&f->arena, ENTITY_FX_RATE, id, 1, "2026-03-01T00:00:00Z");

	event_set_all(e, "base", base, "quote", quote, "valid_from", "2026-03-01T00:00:00Z", NULL);
	event_set(e, "rate", rate);
	floor_apply(f, e);
}

static void another_currency_is_made_anew(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	f.book.rate_max_age_ms = 48 * HOUR_MS;
	floor_at(&f, "2026-03-02T00:00:00Z");
	apply_rate(&f, "R1", "USD", "IDR", "16000");
	apply_rate(&f, "R2", "IDR", "USD", "0.0001");
	floor_win(&f, "D1", 1, "2026-03-01T10:00:00Z", "ana", "2", "USD");
	floor_win(&f, "D2", 1, "2026-03-01T11:00:00Z", "ana", "10000", "IDR");
	floor_at(&f, "2026-03-02T01:00:00Z");
	floor_expect(&f, "acme/revenue/all///IDR", "42000", "OK");
	floor_cut(&f, true);
	f.tenants[0].currency = "USD";
	floor_crash(&f);
	floor_settle(&f);
	floor_expect(&f, "acme/revenue/all///USD", "3", "OK");
	assert_int_equal(shard_audit(f.shard, NULL, NULL), 0);
	/* … and rates of another age. */
	floor_cut(&f, true);
	f.book.rate_max_age_ms = HOUR_MS;
	floor_crash(&f);
	floor_settle(&f);
	floor_expect(&f, "acme/revenue/all///USD", "2", "FX_MISSING");
	floor_expect(&f, "acme/revenue/all///IDR", "10000", "FX_MISSING");
	assert_int_equal(shard_audit(f.shard, NULL, NULL), 0);
	floor_deinit(&f);
}

/* The process before had the deal before its rate, and said so; this one reads the streams the other way round, and has no dollars at all. */
static void what_a_dead_process_said_in_dollars_goes(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_at(&f, "2026-03-02T00:00:00Z");
	floor_win(&f, "D0", 1, "2026-03-01T09:00:00Z", "ana", "1", NULL);
	floor_settle(&f);
	floor_cut(&f, true);
	floor_win(&f, "D1", 1, "2026-03-01T10:00:00Z", "ana", "2", "USD");
	floor_settle(&f);
	floor_expect(&f, "acme/revenue/all///USD", "2", "FX_MISSING");
	floor_expect(&f, "acme/shares/all/rep/ana/USD", "2", "FX_MISSING");
	floor_crash(&f);
	apply_rate(&f, "R1", "USD", "IDR", "16000");
	floor_win(&f, "D1", 1, "2026-03-01T10:00:00Z", "ana", "2", "USD");
	snapshots_caught_up(shard_snapshots(f.shard));
	floor_settle(&f);
	floor_expect(&f, "acme/revenue/all///IDR", "32001", "OK");
	floor_expect(&f, "acme/revenue/all///USD", "0", "OK");
	floor_expect(&f, "acme/shares/all/rep/ana/USD", "0", "OK");
	assert_int_equal(shard_audit(f.shard, NULL, NULL), 0);
	floor_deinit(&f);
}

static void what_has_no_rate_is_counted(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_at(&f, "2026-03-02T00:00:00Z");
	floor_win(&f, "D1", 1, "2026-03-01T10:00:00Z", "ana", "2", "USD");
	assert_int_equal(shard_counters(f.shard).facts_lost.fx_missing, 2); /* revenue and one share */
	floor_win(&f, "D2", 1, "2026-03-01T11:00:00Z", "ana", "5", "IDR");
	assert_int_equal(shard_counters(f.shard).facts_lost.fx_missing, 2);
	floor_deinit(&f);
}

/* So much money that no rupiah amount can hold it stays in dollars, and is counted. */
static void what_does_not_fit_is_not_cut_off(void **state)
{
	struct sales_floor f;

	(void)state;
	floor_init(&f, DEFINITIONS);
	floor_at(&f, "2026-03-02T00:00:00Z");
	apply_rate(&f, "R1", "USD", "IDR", "16000");
	floor_win(&f, "D1", 1, "2026-03-01T10:00:00Z", "ana", "100000000000000", "USD");
	floor_at(&f, "2026-03-02T01:00:00Z");
	floor_expect(&f, "acme/revenue/all///USD", "100000000000000", "FX_MISSING");
	assert_true(shard_counters(f.shard).facts_lost.overflow > 0);
	floor_deinit(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_one_that_looks_at_everything),
		cmocka_unit_test(another_currency_is_made_anew),
		cmocka_unit_test(what_a_dead_process_said_in_dollars_goes),
		cmocka_unit_test(what_has_no_rate_is_counted),
		cmocka_unit_test(what_does_not_fit_is_not_cut_off),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
