/* `next` and `previous`: each record's neighbours of the same key, against one that looks through all of them; also after a restore. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "events.h"
#include "store_world.h"

#define DEFINITIONS                                                                                                             \
	"derive:\n"                                                                                                             \
	"  call.next_at: {next: call.initiated_at, key: call.customer_key, where: 'call.direction == \"INBOUND\"'}\n"           \
	"  call.any_at: {next: call.initiated_at, key: call.queue_id}\n"                                                        \
	"  call.before_at: {previous: call.initiated_at, key: call.customer_key, where: 'call.direction == \"INBOUND\"'}\n"    \
	"measures:\n"                                                                                                           \
	"- {name: again, on: call, at: call.next_at, by: {rep: call.rep_id}}\n"                                                 \
	"- {name: before, on: call, at: call.initiated_at, where: call.before_at == null, by: {rep: call.rep_id}}\n"            \
	"- {name: gap, on: call, at: call.any_at, agg: sum, value: call.any_at - call.initiated_at, by: {rep: call.rep_id}}\n"  \
	"metrics:\n"                                                                                                            \
	"- {name: again, value: again, windows: [today]}\n"                                                                     \
	"- {name: before, value: before, windows: [today]}\n"                                                                   \
	"- {name: gap, value: gap, windows: [today]}\n"

enum { CALLS = 24, STEPS = 400 };

static const char *pick(struct rng *rng, const char *const *words, uint32_t count)
{
	return words[rng_below(rng, count)];
}

static struct event *random_event(struct world *w, struct rng *rng, int64_t version)
{
	static const char *const keys[] = { "k1", "k2", "k3", NULL };
	static const char *const directions[] = { "INBOUND", "OUTBOUND" };
	static const char *const reps[] = { "ana", "budi" };
	char text[16], *id;
	struct event *e;

	snprintf(text, sizeof(text), "C%d", (int)rng_below(rng, CALLS));
	id = arena_strndup(&w->arena, text, strlen(text));
	if (rng_below(rng, 8) == 0)
		return event_make_op(
			&w->arena, ENTITY_CALL, rng_below(rng, 2) ? EVENT_DELETE : EVENT_UNDELETE, id, version, "2026-03-01T10:00:00Z");
	e = event_make(&w->arena, ENTITY_CALL, id, version, "2026-03-01T10:00:00Z");
	event_set(e, "direction", pick(rng, directions, 2));
	event_set(e, "customer_key", pick(rng, keys, 4));
	event_set(e, "queue_id", pick(rng, keys, 4));
	event_set(e, "rep_id", pick(rng, reps, 2));
	event_set_time(e, "initiated_at", time_of("2026-03-01") + (int64_t)rng_below(rng, 12) * 600000);
	if (rng_below(rng, 12) == 0) {
		snprintf(text, sizeof(text), "C%d", (int)rng_below(rng, CALLS));
		e->op = EVENT_MERGE;
		event_add_merged(&w->arena, e, arena_strndup(&w->arena, text, strlen(text)));
	}
	return e;
}

static bool value_is(const struct world *w, const struct entity *e, const char *slot, int64_t *ret)
{
	*ret = 0;
	return store_slot(w->store, e, (uint32_t)attribute_find(ENTITY_CALL, slice_of(slot)), ret);
}

/* Whether b stands behind a, under the same key. */
static bool is_behind(const struct world *w, const struct entity *a, const struct entity *b, const char *key)
{
	int64_t at[2], keys[2];

	if (!value_is(w, a, key, &keys[0]) || !value_is(w, b, key, &keys[1]) || keys[0] != keys[1])
		return false;
	value_is(w, a, "initiated_at", &at[0]);
	value_is(w, b, "initiated_at", &at[1]);
	return at[1] > at[0] || (at[1] == at[0] && slice_compare(intern_text(&w->strings, b->id), intern_text(&w->strings, a->id)) > 0);
}

static bool follows(const struct world *w, const struct entity *a, const struct entity *b, const char *key, bool backwards)
{
	return backwards ? is_behind(w, b, a, key) : is_behind(w, a, b, key);
}

static bool is_inbound(const struct world *w, const struct entity *e)
{
	int64_t direction;

	return value_is(w, e, "direction", &direction) && slice_is(intern_text(&w->strings, (uint32_t)direction), "INBOUND");
}

static int64_t naive(const struct world *w, const struct entity *e, const char *key, bool inbound_only, bool backwards)
{
	int64_t best = INT64_MAX, at;

	if (!entity_is_live(e))
		return best;
	for (uint32_t i = 0; i < store_count(w->store); i++) {
		const struct entity *other = store_entity(w->store, i);

		if (other == e || other->type != ENTITY_CALL || !entity_is_live(other) || !follows(w, e, other, key, backwards))
			continue;
		if (inbound_only && !is_inbound(w, other))
			continue;
		value_is(w, other, "initiated_at", &at);
		best = best == INT64_MAX || (backwards ? at > best : at < best) ? at : best;
	}
	return best;
}

static void check_one(const struct world *w, const struct entity *e, uint32_t derived, int64_t wanted)
{
	uint32_t slot = w->plan->derived[derived].slot;
	int64_t value = 0;
	bool present = store_slot(w->store, e, slot, &value);

	assert_int_equal(present, wanted != INT64_MAX);
	assert_true(!present || value == wanted);
}

static void check_all(const struct world *w)
{
	for (uint32_t i = 0; i < store_count(w->store); i++) {
		const struct entity *e = store_entity(w->store, i);

		if (e->type != ENTITY_CALL)
			continue;
		check_one(w, e, 0, naive(w, e, "customer_key", true, false));
		check_one(w, e, 1, naive(w, e, "queue_id", false, false));
		check_one(w, e, 2, naive(w, e, "customer_key", true, true));
	}
}

static void check_restored(struct world *w)
{
	struct world twin;
	struct buffer bytes;
	struct reader in;
	uint32_t cursor = 0;

	buffer_init(&bytes);
	store_save(w->store, true, &bytes, SIZE_MAX, &cursor);
	world_init_twin(&twin, w);
	in = reader_of(bytes.data, bytes.len);
	assert_int_equal(store_restore(twin.store, &in), 0);
	store_restored(twin.store);
	store_check(twin.store);
	check_all(&twin);
	world_deinit(&twin);
	buffer_deinit(&bytes);
}

static void any_history_has_the_same_neighbours(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 4; seed++) {
		struct world w;
		struct rng rng;

		rng_init(&rng, seed);
		world_init(&w, DEFINITIONS);
		for (int64_t step = 1; step <= STEPS; step++) {
			world_apply(&w, random_event(&w, &rng, 1 + (int64_t)rng_below(&rng, (uint64_t)step)));
			check_all(&w);
			if (step % 50 == 0) {
				world_check_sums(&w);
				check_restored(&w);
			}
		}
		world_deinit(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_history_has_the_same_neighbours),
	};

	return cmocka_run_group_tests_name("store_next", tests, NULL, NULL);
}
