/* clock: S8 clause by clause, each with what a simpler rule would do; restore; and a walk of random turns that never falls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"
#include "base/xalloc.h"
#include "core/clock.h"

static const int64_t SECOND = 1000, MINUTE = 60000, HOUR = 3600000, DAY = 86400000;
static const int64_t WALL = 1774700000000; /* a day in March 2026 */

static const struct clock_settings settings = {
	.follow_wall = true,
	.alignment_ms = 600000,
	.max_skew_ms = 300000,
	.near_wall_ms = 600000,
	.idle_ms = 30000,
	.unreadable_ms = 60000,
};

static void init(struct clock *c, uint32_t partitions)
{
	clock_init(c, &settings, partitions);
	for (uint32_t i = 0; i < partitions; i++)
		clock_assign(c, i);
}

static void all_at_end(struct clock *c)
{
	for (uint32_t i = 0; i < c->partition_count; i++)
		clock_at_end(c, i);
}

/* Before any event there is no clock: an empty topic beside a wall clock is not a day without sales. */
static void test_no_event_no_clock(void **state)
{
	struct clock c;

	(void)state;
	init(&c, 2);
	assert_int_equal(clock_turn(&c, WALL), CLOCK_NONE);
	all_at_end(&c);
	assert_int_equal(clock_turn(&c, WALL + HOUR), CLOCK_NONE);
	clock_saw(&c, 0, WALL, WALL + HOUR);
	clock_at_end(&c, 0);
	assert_int_not_equal(clock_turn(&c, WALL + HOUR), CLOCK_NONE);
	clock_deinit(&c);
}

/* The least over those that are behind; one that has shown nothing holds it. «The greatest» would close days without deals. */
static void test_least_of_those_behind(void **state)
{
	struct clock c;

	(void)state;
	init(&c, 3);
	clock_saw(&c, 0, WALL - 10 * DAY, WALL);
	clock_saw(&c, 1, WALL - 20 * DAY, WALL);
	assert_int_equal(clock_turn(&c, WALL), CLOCK_NONE);
	clock_saw(&c, 2, WALL - 15 * DAY, WALL);
	assert_int_equal(clock_turn(&c, WALL), WALL - 20 * DAY);
	clock_at_end(&c, 1);
	assert_int_equal(clock_turn(&c, WALL), WALL - 15 * DAY);
	/* A late event holds it where it is: never back. */
	clock_saw(&c, 1, WALL - 40 * DAY, WALL);
	assert_int_equal(clock_turn(&c, WALL), WALL - 15 * DAY);
	clock_deinit(&c);
}

/* A fast clock of a source does not move it past wall; it is counted. */
static void test_nothing_ahead_of_wall(void **state)
{
	struct clock c;

	(void)state;
	init(&c, 1);
	clock_saw(&c, 0, WALL + 4 * MINUTE, WALL);
	assert_int_equal(c.ahead_count, 0);
	clock_saw(&c, 0, WALL + DAY, WALL);
	assert_int_equal(c.ahead_count, 1);
	assert_int_equal(clock_turn(&c, WALL), WALL);
	clock_at_end(&c, 0);
	assert_int_equal(clock_turn(&c, WALL + SECOND), WALL + SECOND);
	clock_deinit(&c);
}

/* All at their end and the newest event near wall: it follows, so that windows fall with no event. */
/* What a fast clock says is believed up to wall as it was then: what is unread behind it is not older by the time that passes meanwhile. */
static void test_ahead_is_as_of_then(void **state)
{
	struct clock c;

	(void)state;
	init(&c, 1);
	clock_saw(&c, 0, WALL + 3 * HOUR, WALL);
	assert_int_equal(clock_turn(&c, WALL), WALL);
	assert_int_equal(clock_turn(&c, WALL + MINUTE), WALL);
	clock_at_end(&c, 0);
	assert_int_equal(clock_turn(&c, WALL + MINUTE), WALL + MINUTE);
	clock_deinit(&c);
}

static void test_follows_wall_when_near(void **state)
{
	struct clock c;

	(void)state;
	init(&c, 2);
	clock_saw(&c, 0, WALL - 2 * MINUTE, WALL);
	clock_saw(&c, 1, WALL - 9 * MINUTE, WALL);
	assert_int_equal(clock_turn(&c, WALL), WALL - 9 * MINUTE);
	clock_at_end(&c, 1);
	assert_int_equal(clock_turn(&c, WALL), WALL - 2 * MINUTE);
	clock_at_end(&c, 0);
	assert_int_equal(clock_turn(&c, WALL), WALL);
	assert_int_equal(clock_turn(&c, WALL + DAY), WALL + DAY);
	clock_deinit(&c);
}

/* A loader of old data that pauses between two files is at its end for a moment: wall now would make the rest late. */
static void test_old_data_waits_for_quiet(void **state)
{
	struct clock c;

	(void)state;
	init(&c, 1);
	clock_saw(&c, 0, WALL - 700 * DAY, WALL);
	clock_at_end(&c, 0);
	assert_int_equal(clock_turn(&c, WALL + 29 * SECOND), WALL - 700 * DAY);
	clock_saw(&c, 0, WALL - 699 * DAY, WALL + 29 * SECOND);
	clock_at_end(&c, 0);
	assert_int_equal(clock_turn(&c, WALL + 58 * SECOND), WALL - 699 * DAY);
	assert_int_equal(clock_turn(&c, WALL + 59 * SECOND), WALL + 59 * SECOND);
	clock_deinit(&c);
}

/* The same after a restart: what came just before it is not known, so it is quiet 30 s after the first turn. */
static void test_quiet_after_a_restart(void **state)
{
	struct buffer _cleanup_buffer_ out;
	struct clock c, d;

	(void)state;
	buffer_init(&out);
	init(&c, 1);
	clock_saw(&c, 0, WALL - 700 * DAY, WALL);
	clock_turn(&c, WALL);
	clock_save(&c, &out);
	init(&d, 1);
	assert_int_equal(clock_restore(&d, buffer_slice(&out)), 0);
	clock_at_end(&d, 0);
	assert_int_equal(clock_turn(&d, WALL + SECOND), WALL - 700 * DAY);
	assert_int_equal(clock_turn(&d, WALL + 30 * SECOND), WALL - 700 * DAY);
	assert_int_equal(clock_turn(&d, WALL + 31 * SECOND), WALL + 31 * SECOND);
	clock_deinit(&c);
	clock_deinit(&d);
}

/* `clock: event`: never. All at their end: the newest. */
static void test_event_time_only(void **state)
{
	struct clock_settings event = settings;
	struct clock c;

	(void)state;
	event.follow_wall = false;
	clock_init(&c, &event, 2);
	clock_assign(&c, 0);
	clock_assign(&c, 1);
	clock_saw(&c, 0, WALL - DAY, WALL);
	clock_saw(&c, 1, WALL - HOUR, WALL);
	all_at_end(&c);
	assert_int_equal(clock_turn(&c, WALL + DAY), WALL - HOUR);
	clock_deinit(&c);
}

/* Unreadable: it holds for 60 s, then the others go on, and what they say is PARTIAL. Also if it had been at its end. */
static void test_unreadable(void **state)
{
	struct clock c;

	(void)state;
	init(&c, 2);
	clock_saw(&c, 0, WALL, WALL);
	clock_saw(&c, 1, WALL, WALL);
	all_at_end(&c);
	assert_int_equal(clock_turn(&c, WALL), WALL);
	clock_unreadable(&c, 1, WALL + SECOND);
	assert_int_equal(clock_turn(&c, WALL + 2 * SECOND), WALL);
	clock_unreadable(&c, 1, WALL + 30 * SECOND);
	assert_int_equal(clock_turn(&c, WALL + 60 * SECOND), WALL);
	assert_false(c.is_partial);
	assert_int_equal(clock_turn(&c, WALL + 61 * SECOND), WALL + 61 * SECOND);
	assert_true(c.is_partial);
	assert_false(clock_is_at_end(&c));
	clock_at_end(&c, 1);
	assert_int_equal(clock_turn(&c, WALL + 62 * SECOND), WALL + 62 * SECOND);
	assert_false(c.is_partial);
	clock_deinit(&c);
}

/* One that was given up does not make the others wait for it either; when it is assigned anew it has its 60 s again. */
static void test_given_up_holds_nobody(void **state)
{
	struct clock c;

	(void)state;
	init(&c, 2);
	clock_saw(&c, 0, WALL - DAY, WALL);
	clock_unreadable(&c, 1, WALL);
	clock_turn(&c, WALL);
	assert_true(clock_holds(&c, 0));
	clock_turn(&c, WALL + 60 * SECOND);
	assert_false(clock_holds(&c, 0));
	assert_int_equal(clock_turn(&c, WALL + 60 * SECOND), WALL - DAY);
	clock_revoke(&c, 1);
	clock_turn(&c, WALL + 61 * SECOND);
	assert_false(c.is_partial);
	clock_assign(&c, 1);
	clock_turn(&c, WALL + 61 * SECOND);
	assert_false(c.is_partial);
	assert_true(clock_holds(&c, 0));
	clock_deinit(&c);
}

/* Redis says another time: held, whoever is wrong, and not checkpointed as a wrong year. */
static void test_skew(void **state)
{
	struct clock c;

	(void)state;
	init(&c, 1);
	clock_saw(&c, 0, WALL, WALL);
	clock_at_end(&c, 0);
	assert_int_equal(clock_turn(&c, WALL), WALL);
	clock_compare(&c, WALL + 365 * DAY, WALL + SECOND);
	assert_true(c.is_skewed);
	assert_int_equal(clock_turn(&c, WALL + 365 * DAY), WALL);
	clock_compare(&c, WALL - HOUR, WALL + SECOND);
	assert_true(c.is_skewed);
	clock_compare(&c, WALL + MINUTE, WALL + MINUTE + 5 * MINUTE);
	assert_false(c.is_skewed);
	assert_int_equal(clock_turn(&c, WALL + MINUTE), WALL + MINUTE);
	/* Wall steps back a little: the clock does not. */
	assert_int_equal(clock_turn(&c, WALL - MINUTE), WALL + MINUTE);
	clock_deinit(&c);
}

/* S27: more than 10 minutes of event time ahead of what is behind waits; at exactly 10 it does not; alone nobody waits. */
static void test_alignment(void **state)
{
	struct clock c;

	(void)state;
	init(&c, 2);
	assert_false(clock_holds(&c, 0));
	clock_saw(&c, 0, WALL - DAY, WALL);
	assert_true(clock_holds(&c, 0)); /* the other has shown nothing */
	clock_saw(&c, 1, WALL - DAY - 10 * MINUTE, WALL);
	assert_false(clock_holds(&c, 0));
	assert_false(clock_holds(&c, 1));
	clock_saw(&c, 0, WALL - DAY + 1, WALL);
	assert_true(clock_holds(&c, 0));
	assert_false(clock_holds(&c, 1));
	clock_at_end(&c, 1);
	assert_false(clock_holds(&c, 0));
	clock_saw(&c, 1, WALL - 2 * DAY, WALL);
	assert_true(clock_holds(&c, 0));
	clock_revoke(&c, 1);
	assert_false(clock_holds(&c, 0));
	clock_deinit(&c);
}

static void test_caught_up(void **state)
{
	struct clock c;

	(void)state;
	init(&c, 1);
	assert_false(clock_is_caught_up(&c, WALL));
	clock_saw(&c, 0, WALL - 61 * SECOND, WALL);
	clock_turn(&c, WALL);
	assert_false(clock_is_caught_up(&c, WALL));
	clock_saw(&c, 0, WALL - 60 * SECOND, WALL);
	clock_turn(&c, WALL);
	assert_true(clock_is_caught_up(&c, WALL));
	assert_false(clock_is_at_end(&c));
	clock_at_end(&c, 0);
	assert_true(clock_is_caught_up(&c, WALL + DAY));
	clock_deinit(&c);
}

/* Restored: the time and what was seen; not the assignment. A restart never sets it back. */
static void test_restore(void **state)
{
	struct buffer _cleanup_buffer_ out;
	struct clock c, d;

	(void)state;
	buffer_init(&out);
	init(&c, 3);
	clock_save(&c, &out); /* nothing yet */
	clock_init(&d, &settings, 3);
	assert_int_equal(clock_restore(&d, buffer_slice(&out)), 0);
	assert_int_equal(d.now_ms, CLOCK_NONE);
	buffer_reset(&out);
	clock_saw(&c, 0, WALL - HOUR, WALL);
	clock_saw(&c, 1, WALL - 2 * HOUR, WALL);
	clock_at_end(&c, 2);
	clock_turn(&c, WALL);
	clock_save(&c, &out);
	assert_int_equal(clock_restore(&d, buffer_slice(&out)), 0);
	assert_int_equal(d.now_ms, WALL - 2 * HOUR);
	assert_int_equal(d.newest_ms, WALL - HOUR);
	assert_false(d.partitions[0].is_assigned);
	for (uint32_t i = 0; i < 3; i++)
		clock_assign(&d, i);
	clock_saw(&d, 2, WALL - 30 * HOUR, WALL);
	assert_int_equal(clock_turn(&d, WALL), WALL - 2 * HOUR);
	clock_deinit(&c);
	clock_deinit(&d);
}

/* Any bytes: refused and nothing changed, or a clock whose times can be. */
static void test_restore_refuses(void **state)
{
	struct buffer _cleanup_buffer_ out;
	struct clock c;
	struct rng rng;

	(void)state;
	rng_init(&rng, 51);
	buffer_init(&out);
	init(&c, 2);
	clock_saw(&c, 0, WALL, WALL);
	clock_turn(&c, WALL);
	clock_save(&c, &out);
	for (int i = 0; i < 20000; i++) {
		size_t length = rng_chance(&rng, 0.3) ? (size_t)rng_below(&rng, out.len) : out.len;
		uint8_t *bytes = x_malloc(out.len + 1);
		struct clock d;

		memcpy(bytes, out.data, out.len);
		for (uint64_t k = rng_below(&rng, 3); k > 0; k--)
			bytes[rng_below(&rng, out.len)] = (uint8_t)rng_u64(&rng);
		clock_init(&d, &settings, 2);
		if (clock_restore(&d, (struct slice){ (char *)bytes, length })) {
			assert_int_equal(d.now_ms, CLOCK_NONE);
			assert_int_equal(d.partitions[0].seen_ms, CLOCK_NONE);
		} else {
			assert_int_equal(length, out.len);
			assert_true(d.newest_ms >= d.partitions[0].seen_ms &&
				    d.newest_ms >= d.partitions[1].seen_ms);
		}
		clock_deinit(&d);
		free(bytes);
	}
	clock_deinit(&c);
}

/* Whatever happens: it never falls, is never past wall, and while one is behind it is at most what that one has shown. */
static void test_walk(void **state)
{
	struct rng rng;

	(void)state;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		int64_t wall_ms = WALL, before_ms = CLOCK_NONE, most_wall_ms = WALL;
		struct clock c;

		rng_init(&rng, seed);
		init(&c, 4);
		for (int i = 0; i < 2000; i++) {
			uint32_t p = (uint32_t)rng_below(&rng, 4);
			int64_t now_ms;

			switch (rng_below(&rng, 6)) {
			case 0:
				clock_at_end(&c, p);
				break;
			case 1:
				if (rng_chance(&rng, 0.1))
					clock_unreadable(&c, p, wall_ms);
				break;
			case 2:
				if (rng_chance(&rng, 0.1))
					clock_compare(&c, wall_ms,
						wall_ms + (int64_t)rng_below(
								  &rng, (uint64_t)(8 * MINUTE)));
				break;
			default:
				clock_saw(&c, p,
					wall_ms - 3 * HOUR +
						(int64_t)rng_below(&rng, (uint64_t)(4 * HOUR)),
					wall_ms);
				break;
			}
			wall_ms += (int64_t)rng_below(&rng, (uint64_t)(20 * SECOND)) - 2 * SECOND;
			most_wall_ms = wall_ms > most_wall_ms ? wall_ms : most_wall_ms;
			now_ms = clock_turn(&c, wall_ms);
			assert_true(now_ms >= before_ms && now_ms <= most_wall_ms);
			for (uint32_t k = 0; k < 4 && now_ms > before_ms; k++)
				if (!c.partitions[k].is_at_end && !c.partitions[k].is_given_up)
					assert_true(now_ms <= c.partitions[k].seen_ms);
			assert_true(now_ms == before_ms || !c.is_skewed);
			before_ms = now_ms;
		}
		clock_deinit(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_event_no_clock),
		cmocka_unit_test(test_least_of_those_behind),
		cmocka_unit_test(test_nothing_ahead_of_wall),
		cmocka_unit_test(test_ahead_is_as_of_then),
		cmocka_unit_test(test_follows_wall_when_near),
		cmocka_unit_test(test_old_data_waits_for_quiet),
		cmocka_unit_test(test_quiet_after_a_restart),
		cmocka_unit_test(test_event_time_only),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_given_up_holds_nobody),
		cmocka_unit_test(test_skew),
		cmocka_unit_test(test_alignment),
		cmocka_unit_test(test_caught_up),
		cmocka_unit_test(test_restore),
		cmocka_unit_test(test_restore_refuses),
		cmocka_unit_test(test_walk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
