/* Who was converted when, against a list that is looked through from end to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/rng.h"
#include "core/rate_watch.h"

#define DAY_MS INT64_C(86400000)

enum { NOTES_MAX = 4096, ENTITIES = 40, STEPS = 3000 };

struct note {
	uint32_t tenant, currency, entity;
	int64_t at_ms;
	int times;
};

struct model {
	struct note notes[NOTES_MAX];
	size_t count;
};

static uint32_t below(struct rng *rng, uint32_t count)
{
	return (uint32_t)rng_below(rng, count);
}

static void count(struct model *m, struct rate_watch *w, const struct note *note)
{
	size_t i = 0;

	rate_watch_count(w, note->tenant, note->currency, note->at_ms, note->entity, note->times);
	while (i < m->count && (m->notes[i].tenant != note->tenant || m->notes[i].currency != note->currency ||
				       m->notes[i].entity != note->entity || m->notes[i].at_ms != note->at_ms))
		i++;
	if (i == m->count) {
		assert_true(m->count < NOTES_MAX);
		m->notes[m->count++] = *note;
		return;
	}
	m->notes[i].times += note->times;
	if (!m->notes[i].times)
		m->notes[i] = m->notes[--m->count];
}

static int64_t random_time(struct rng *rng)
{
	/* Days before 1970 too; a few instants a day, its first and last among them. */
	int64_t day = (int64_t)below(rng, 12) - 4;
	static const int64_t within[] = { 0, 1, 3600000, DAY_MS - 1 };

	return day * DAY_MS + within[below(rng, 4)];
}

static void mark(void *ctx, uint32_t entity)
{
	bool *seen = ctx;

	seen[entity] = true;
}

static void check_span(const struct model *m, const struct rate_watch *w, struct rng *rng)
{
	uint32_t tenant = below(rng, 2), currency = 1 + below(rng, 2);
	int64_t from_ms = random_time(rng), to_ms = below(rng, 5) ? random_time(rng) : INT64_MAX;
	bool seen[ENTITIES] = { false }, wanted[ENTITIES] = { false };

	rate_watch_visit(w, tenant, currency, from_ms, to_ms, mark, seen);
	for (size_t i = 0; i < m->count; i++)
		if (m->notes[i].tenant == tenant && m->notes[i].currency == currency && m->notes[i].at_ms >= from_ms &&
			m->notes[i].at_ms < to_ms)
			wanted[m->notes[i].entity] = true;
	assert_memory_equal(seen, wanted, sizeof(seen));
}

static void finds_what_a_list_finds(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 3; seed++) {
		struct model *m = calloc(1, sizeof(*m));
		struct rate_watch *w = rate_watch_new();
		struct rng rng;

		assert_non_null(m);
		rng_init(&rng, seed);
		for (int step = 0; step < STEPS; step++) {
			struct note note = { below(&rng, 2), 1 + below(&rng, 2), below(&rng, ENTITIES), random_time(&rng),
				below(&rng, 2) ? 1 : 2 };

			/* Half of the time what is there is taken back, whole or by one; below none for a moment at times. */
			if (m->count && below(&rng, 2)) {
				note = m->notes[below(&rng, (uint32_t)m->count)];
				note.times = below(&rng, 2) ? -note.times : -1;
			}
			count(m, w, &note);
			assert_int_equal(rate_watch_items(w), m->count);
			check_span(m, w, &rng);
			if (step % 100 == 0)
				rate_watch_check(w);
		}
		while (m->count) {
			struct note note = m->notes[m->count - 1];

			note.times = -note.times;
			count(m, w, &note);
		}
		assert_int_equal(rate_watch_items(w), 0);
		rate_watch_check(w);
		rate_watch_free(w);
		free(m);
	}
}

static void an_empty_one_finds_nothing(void **state)
{
	struct rate_watch *w = rate_watch_new();
	bool seen[ENTITIES] = { false };

	(void)state;
	rate_watch_visit(w, 0, 1, INT64_MIN / 2, INT64_MAX, mark, seen);
	rate_watch_count(w, 0, 1, 0, 7, 0);
	rate_watch_visit(w, 0, 1, INT64_MIN / 2, INT64_MAX, mark, seen);
	for (size_t i = 0; i < ENTITIES; i++)
		assert_false(seen[i]);
	rate_watch_check(w);
	rate_watch_free(w);
	rate_watch_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_what_a_list_finds),
		cmocka_unit_test(an_empty_one_finds_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
