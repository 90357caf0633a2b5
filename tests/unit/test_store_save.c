/*
 * store_save, store_restore: after any prefix, by whole and by incremental cuts, confirmed or not, a restored store shows the
 * same and goes on the same. Bytes that were cut or changed are refused, or give a store that holds together.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"
#include "events.h"
#include "store_events.h"
#include "store_world.h"

static const struct store_limits limits = { .entities_max = 10000 };

static void assert_same(struct world *a, struct world *b, const char *what)
{
	struct buffer x, y;

	buffer_init(&x);
	buffer_init(&y);
	world_print(a, &x);
	world_print(b, &y);
	assert_texts_equal(&x, &y, what);
	buffer_reset(&x);
	buffer_reset(&y);
	world_print_facts(a, &x);
	world_print_facts(b, &y);
	assert_texts_equal(&x, &y, what);
	for (uint32_t i = 0; i < store_tenant_count(a->store); i++)
		assert_int_equal(store_streams(a->store, i), store_streams(b->store, i));
	buffer_deinit(&x);
	buffer_deinit(&y);
}

/* One cut in pieces of `bytes_max`; answers its records. */
static size_t cut(struct world *w, bool whole, size_t bytes_max, struct buffer *out)
{
	uint32_t cursor = 0;
	size_t records = 0;

	do {
		size_t before = out->len,
		       piece = store_save(w->store, whole, out, bytes_max, &cursor);

		assert_true(piece > 0 || cursor == UINT32_MAX);
		if (piece > 1) /* no more than one record beyond what was asked for */
			assert_true(out->len - before < bytes_max + 4096);
		records += piece;
	} while (cursor != UINT32_MAX);
	return records;
}

static void restore(struct world *w, const struct buffer *bytes)
{
	struct reader in = reader_of(bytes->data, bytes->len);

	assert_int_equal(store_restore(w->store, &in), 0);
	assert_int_equal(reader_left(&in), 0);
	store_restored(w->store);
	store_check(w->store);
}

/* ---- whole ---------------------------------------------------------------------------------------------- */

static void check_whole(struct plan *plan, uint64_t seed, size_t count)
{
	const struct event *events[64];
	struct world a, b;
	struct buffer bytes;
	struct rng r;

	rng_init(&r, seed);
	world_init_shared(&a, plan, limits);
	a.checks = false;
	for (size_t i = 0; i < count; i++)
		events[i] = random_event(&a.arena, &r);
	for (size_t i = 0; i < count; i++) {
		world_apply(&a, events[i]);
		if (rng_below(&r, 4))
			continue;
		buffer_init(&bytes);
		cut(&a, true, 1 + rng_below(&r, 2000), &bytes);
		if (rng_below(&r, 2))
			store_saved(a.store);
		world_init_twin(&b, &a);
		restore(&b, &bytes);
		assert_same(&a, &b, "saved (-) and restored (+)");
		/* What comes next does the same to both. */
		b.checks = false;
		for (size_t k = i + 1; k < count && k < i + 6; k++)
			world_apply(&b, events[k]);
		for (size_t k = 0; k <= i;
			k++) /* a replay of what is in already changes nothing more */
			world_apply(&b, events[k]);
		store_check(b.store);
		struct world c;
		world_init_shared(&c, plan, limits);
		c.checks = false;
		for (size_t k = 0; k < count && k < i + 6; k++)
			world_apply(&c, events[k]);
		assert_same(&c, &b, "never restored (-) and restored (+)");
		world_deinit(&c);
		world_deinit(&b);
		buffer_deinit(&bytes);
	}
	world_deinit(&a);
}

static void test_whole_cuts_after_any_prefix(void **state)
{
	for (uint64_t seed = 0; seed < 60; seed++)
		check_whole(*state, test_seed(50) + seed, 40);
}

/* ---- increments ----------------------------------------------------------------------------------------- */

/*
 * A log as a checkpoint keeps it: confirmed cuts one behind the other. What an unconfirmed cut wrote is thrown away. Events that
 * come while a cut is being written are replayed after a restore, as the offsets say.
 */
struct log {
	struct buffer bytes;
	size_t events; /* applied when the last confirmed cut began */
};

static void cut_with_events_between(struct world *w, struct rng *r, struct log *log,
	const struct event **events, size_t count, size_t *applied)
{
	struct buffer piece;
	uint32_t cursor = 0;
	size_t began = *applied;
	bool confirmed = rng_below(r, 3) != 0;

	buffer_init(&piece);
	do {
		store_save(w->store, log->bytes.len == 0, &piece, 1, &cursor);
		if (*applied < count && rng_below(r, 6) == 0)
			world_apply(w, events[(*applied)++]);
	} while (cursor != UINT32_MAX);
	if (*applied < count && rng_below(r, 2))
		world_apply(
			w, events[(*applied)++]); /* between the last record and its confirmation */
	if (confirmed) {
		store_saved(w->store);
		buffer_put(&log->bytes, piece.data, piece.len);
		log->events = began;
	}
	buffer_deinit(&piece);
}

static void check_increments(struct plan *plan, uint64_t seed, size_t count)
{
	const struct event *events[64];
	struct log log = { .events = 0 };
	struct world a, b;
	size_t applied = 0;
	struct rng r;

	rng_init(&r, seed);
	buffer_init(&log.bytes);
	world_init_shared(&a, plan, limits);
	a.checks = false;
	for (size_t i = 0; i < count; i++)
		events[i] = random_event(&a.arena, &r);
	while (applied < count) {
		world_apply(&a, events[applied++]);
		if (rng_below(&r, 4))
			continue;
		cut_with_events_between(&a, &r, &log, events, count, &applied);
		if (!log.bytes.len)
			continue;
		world_init_twin(&b, &a);
		restore(&b, &log.bytes);
		b.checks = false;
		for (size_t k = log.events; k < applied; k++)
			world_apply(&b, events[k]);
		assert_same(&a, &b, "saved (-) and restored and replayed (+)");
		world_deinit(&b);
	}
	buffer_deinit(&log.bytes);
	world_deinit(&a);
}

static void test_incremental_cuts_after_any_prefix(void **state)
{
	for (uint64_t seed = 0; seed < 150; seed++)
		check_increments(*state, test_seed(500) + seed, 40);
}

static void test_only_what_changed_is_written(void **state)
{
	struct world w;
	struct buffer bytes;
	uint32_t cursor;
	struct event *e;

	buffer_init(&bytes);
	world_init_shared(&w, *state, limits);
	for (int i = 0; i < 20; i++) {
		char id[16];

		snprintf(id, sizeof(id), "L%d", i);
		e = event_make(
			&w.arena, ENTITY_LEAD, arena_strndup(&w.arena, id, strlen(id)), 1, NULL);
		event_set_all(e, "status", "open", "owner_id", "ana", NULL);
		world_change(&w, e);
	}
	assert_int_equal(cut(&w, false, SIZE_MAX, &bytes),
		20); /* ana, known by reference only, is not written */
	assert_int_equal(cut(&w, false, 100, &bytes), 20); /* never confirmed: all again */
	store_saved(w.store);
	assert_int_equal(cut(&w, false, SIZE_MAX, &bytes), 0);
	store_saved(w.store);
	assert_int_equal(world_apply(&w, e), STORE_UNCHANGED);
	assert_int_equal(cut(&w, false, SIZE_MAX, &bytes), 0); /* a duplicate is nothing new */
	store_saved(w.store);
	world_change(&w, event_make_op(&w.arena, ENTITY_LEAD, EVENT_DELETE, "L3", 2, NULL));
	cursor = 0;
	assert_int_equal(store_save(w.store, false, &bytes, SIZE_MAX, &cursor), 1);
	world_change(&w, event_make_op(&w.arena, ENTITY_LEAD, EVENT_DELETE, "L4", 2,
				 NULL)); /* after the cut: of the next */
	store_saved(w.store);
	assert_int_equal(cut(&w, false, SIZE_MAX, &bytes), 1);
	store_saved(w.store);
	assert_int_equal(cut(&w, true, SIZE_MAX, &bytes), 20);
	world_deinit(&w);
	buffer_deinit(&bytes);
}

/* ---- other strings, other limits ------------------------------------------------------------------------ */

/* Other definitions have other constants: every id moves. */
static void test_restored_with_other_definitions(void **state)
{
	static const char more[] = "- {name: other, on: lead, at: lead.created_at, where: "
				   "'lead.status in [\"x1\", \"x2\", \"x3\"]'}\n";
	struct buffer yaml, bytes;
	struct plan *other;
	struct world a, b;
	uint32_t *map;
	struct rng r;

	buffer_init(&yaml);
	buffer_init(&bytes);
	buffer_put_text(&yaml, world_definitions);
	buffer_put_text(&yaml, more);
	other = world_plan(buffer_text(&yaml));
	rng_init(&r, test_seed(77));
	for (int round = 0; round < 20; round++) {
		world_init_shared(&a, *state, limits);
		a.checks = false;
		for (int i = 0; i < 40; i++)
			world_apply(&a, random_event(&a.arena, &r));
		buffer_reset(&bytes);
		cut(&a, true, 700, &bytes);
		world_init_shared(&b, other, limits);
		map = calloc(intern_count(&a.strings) + 1, sizeof(*map));
		for (uint32_t id = intern_count(&a.strings); id > 0; id--)
			map[id] = intern_add(&b.strings, intern_text(&a.strings, id));
		for (uint32_t i = 1; i < store_tenant_count(a.store); i++) {
			assert_int_equal(
				store_tenant(b.store,
					intern_text(&a.strings, store_tenant_id(a.store, i)), NULL),
				i);
			fact_maker_tenant(b.maker, i, &b.calendar);
		}
		store_restore_strings(b.store, map, intern_count(&a.strings));
		restore(&b, &bytes);
		assert_same(&a, &b, "saved (-) and restored with other definitions (+)");
		free(map);
		world_deinit(&b);
		world_deinit(&a);
	}
	plan_free(other);
	buffer_deinit(&yaml);
	buffer_deinit(&bytes);
}

/* One world into another of other definitions: ids are mapped as a shard does. */
static void restore_into(struct world *to, const struct world *from, const struct buffer *bytes)
{
	uint32_t count = intern_count(&from->strings), *map = calloc(count + 1, sizeof(*map));

	for (uint32_t id = count; id > 0; id--)
		map[id] = intern_add(&to->strings, intern_text(&from->strings, id));
	for (uint32_t i = 1; i < store_tenant_count(from->store); i++) {
		store_tenant(to->store,
			intern_text(&from->strings, store_tenant_id(from->store, i)), NULL);
		fact_maker_tenant(to->maker, i, &to->calendar);
	}
	store_restore_strings(to->store, map, count);
	restore(to, bytes);
	free(map);
}

/* What nobody reads is kept as bytes: definitions that read it again find it, whatever lay between. */
static void test_what_nobody_reads_is_there_when_it_is_read_again(void **state)
{
	static const char few[] =
		"measures:\n"
		"- {name: leads, on: lead, at: lead.created_at, by: {note: lead.ext.note, source: "
		"lead.source_channel}}\n"
		/* What is undeclared goes with an ERASE: what both are to show, both declare. */
		"- {name: tagged, on: lead, at: lead.created_at, by: {campaign: "
		"lead.ext.campaign}}\n"
		"- {name: calls, on: call, at: call.ended_at, by: {key: call.customer_key}}\n";
	struct plan *small = world_plan(few);
	struct buffer bytes;
	struct rng r;

	buffer_init(&bytes);
	rng_init(&r, test_seed(90));
	for (int round = 0; round < 40; round++) {
		struct world a, b, c;

		world_init_shared(&a, *state, limits);
		a.checks = false;
		for (int i = 0; i < 60; i++)
			world_apply(&a, random_event(&a.arena, &r));
		buffer_reset(&bytes);
		cut(&a, true, SIZE_MAX, &bytes);
		world_init_shared(&b, small, limits);
		restore_into(&b, &a, &bytes);
		/* Something comes while they are not read, too. */
		for (int i = 0; i < 10; i++) {
			const struct event *e = random_event(&a.arena, &r);

			world_apply(&a, e);
			world_apply(&b, e);
		}
		buffer_reset(&bytes);
		cut(&b, true, 500, &bytes);
		world_init_shared(&c, *state, limits);
		restore_into(&c, &b, &bytes);
		assert_same(&a, &c, "never read otherwise (-) and read otherwise for a while (+)");
		world_deinit(&c);
		world_deinit(&b);
		world_deinit(&a);
	}
	buffer_deinit(&bytes);
	plan_free(small);
}

/* Lowered limits refuse the next event, not the checkpoint. */
static void test_limits_do_not_stop_a_restore(void **state)
{
	struct world a, b;
	struct buffer bytes;
	struct event *e;
	struct rng r;

	rng_init(&r, test_seed(5));
	buffer_init(&bytes);
	world_init_shared(&a, *state, limits);
	for (int i = 0; i < 40; i++)
		world_apply(&a, random_event(&a.arena, &r));
	cut(&a, true, SIZE_MAX, &bytes);
	world_init_shared(&b, *state, (struct store_limits){ .entities_max = 3 });
	for (uint32_t id = 1; id <= intern_count(&a.strings); id++)
		assert_int_equal(intern_add(&b.strings, intern_text(&a.strings, id)), id);
	if (store_tenant_count(a.store) > 1)
		store_tenant(b.store, SLICE_LIT("beta"), NULL);
	fact_maker_tenant(b.maker, 1, &b.calendar);
	restore(&b, &bytes);
	assert_same(&a, &b, "saved (-) and restored beyond the limit (+)");
	e = event_make(&b.arena, ENTITY_LEAD, "new", 1, NULL);
	assert_int_equal(world_apply(&b, e), STORE_FULL);
	world_deinit(&b);
	world_deinit(&a);
	buffer_deinit(&bytes);
}

/* ---- hostile bytes -------------------------------------------------------------------------------------- */

/* Refused, or a store that holds together: can be looked at, changed and saved again. */
static bool try_bytes(const struct world *of, const uint8_t *bytes, size_t length, struct rng *r)
{
	struct reader in = reader_of(bytes, length);
	struct buffer again;
	struct world w, twin;
	bool taken;

	world_init_twin(&w, of);
	taken = store_restore(w.store, &in) == 0;
	if (taken) {
		store_restored(w.store);
		store_check(w.store);
		buffer_init(&again);
		world_print_facts(&w, &again);
		for (int i = 0; i < 3; i++)
			world_apply(&w, random_event(&w.arena, r));
		buffer_reset(&again);
		cut(&w, true, SIZE_MAX, &again);
		world_init_twin(&twin, &w);
		restore(&twin, &again);
		assert_same(&w, &twin, "restored from odd bytes (-) and from its own (+)");
		world_deinit(&twin);
		buffer_deinit(&again);
	}
	world_deinit(&w);
	return taken;
}

static void test_every_truncation(void **state)
{
	struct world a;
	struct buffer bytes;
	size_t taken = 0, records;
	struct rng r;

	rng_init(&r, test_seed(31));
	buffer_init(&bytes);
	world_init_shared(&a, *state, limits);
	for (int i = 0; i < 25; i++)
		world_apply(&a, random_event(&a.arena, &r));
	records = cut(&a, true, SIZE_MAX, &bytes);
	for (size_t length = 0; length <= bytes.len; length++)
		taken += try_bytes(&a, bytes.data, length, &r);
	assert_int_equal(taken,
		records +
			2); /* between any two records: after the tenants', and with nothing at all */
	world_deinit(&a);
	buffer_deinit(&bytes);
}

static void test_random_changes_of_bytes(void **state)
{
	struct world a;
	struct buffer bytes, changed;
	size_t taken = 0;
	struct rng r;

	rng_init(&r, test_seed(32));
	buffer_init(&bytes);
	buffer_init(&changed);
	world_init_shared(&a, *state, limits);
	a.checks = false;
	for (int i = 0; i < 40; i++)
		world_apply(&a, random_event(&a.arena, &r));
	cut(&a, true, SIZE_MAX, &bytes);
	for (int i = 0; i < 2500; i++) {
		buffer_reset(&changed);
		buffer_put(&changed, bytes.data, bytes.len);
		for (uint64_t k = rng_below(&r, 3) + 1; k > 0; k--) {
			uint8_t *byte = &changed.data[rng_below(&r, changed.len)];

			*byte = (uint8_t)(rng_below(&r, 2) ? *byte ^ 1u << rng_below(&r, 8)
							   : rng_u64(&r));
		}
		taken += try_bytes(&a, changed.data, changed.len, &r);
	}
	assert_true(taken > 100 && taken < 2400); /* some give another store, some cannot be true */
	world_deinit(&a);
	buffer_deinit(&bytes);
	buffer_deinit(&changed);
}

static void assert_refused(struct plan *plan, const char *bytes, size_t length)
{
	struct reader in = reader_of(bytes, length);
	struct world w;

	world_init_shared(&w, plan, limits);
	assert_int_equal(store_restore(w.store, &in), 1);
	world_deinit(&w);
}

static void test_bytes_of_no_store(void **state)
{
	assert_refused(*state, "X", 1);
	assert_refused(*state, "T\x05", 2);
	assert_refused(*state, "E\x01\x00\x01", 4);	/* a tenant that is not there */
	assert_refused(*state, "E\x00\x09\x01", 4);	/* a type that is not there */
	assert_refused(*state, "E\x00\x00\x00", 4);	/* no id */
	assert_refused(*state, "E\x00\x00\x01\xff", 5); /* flags of a later version */
	assert_refused(
		*state, "E\x00\x00\x01\x00\xff\xff\xff\x7f", 9); /* more stages than there can be */
}

static int setup(void **state)
{
	*state = world_plan(world_definitions);
	return 0;
}

static int teardown(void **state)
{
	plan_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_cuts_after_any_prefix),
		cmocka_unit_test(test_incremental_cuts_after_any_prefix),
		cmocka_unit_test(test_only_what_changed_is_written),
		cmocka_unit_test(test_restored_with_other_definitions),
		cmocka_unit_test(test_what_nobody_reads_is_there_when_it_is_read_again),
		cmocka_unit_test(test_limits_do_not_stop_a_restore),
		cmocka_unit_test(test_every_truncation),
		cmocka_unit_test(test_random_changes_of_bytes),
		cmocka_unit_test(test_bytes_of_no_store),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
