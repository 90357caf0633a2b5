/* Manifests: written and read back, and every truncation refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/manifest.h"

static void make(struct manifest *m)
{
	const struct source_position positions[] = { { 0, 3, 77 }, { 1, 3, 0 }, { 2, 3, INT64_C(1) << 40 } };

	manifest_init(m);
	m->id = 42;
	m->predecessor = 41;
	m->epoch = 1795556819;
	m->revision = INT64_C(1795556819) << 30;
	m->fingerprint = 0xdeadbeefcafef00d;
	m->partition_count = 4;
	manifest_set_positions(m, positions, 3);
	buffer_put_text(&m->extra, "clock");
	manifest_add_segment(m, "1-a-1", 65536, 0);
	manifest_add_segment(m, "1-a-2", 12, 1);
}

static void comes_back_as_it_was(void **state)
{
	struct manifest m, back;
	struct buffer out;

	(void)state;
	make(&m);
	buffer_init(&out);
	manifest_write(&m, &out);
	manifest_init(&back);
	assert_int_equal(manifest_read(&back, buffer_slice(&out)), 0);
	assert_int_equal(back.id, m.id);
	assert_int_equal(back.predecessor, 41);
	assert_int_equal(back.epoch, m.epoch);
	assert_true(back.revision == m.revision && back.fingerprint == m.fingerprint);
	assert_int_equal(back.partition_count, 4);
	assert_int_equal(back.position_count, 3);
	assert_true(back.positions[2].offset == INT64_C(1) << 40 && back.positions[0].partition == 3);
	assert_true(slice_is(buffer_slice(&back.extra), "clock"));
	assert_int_equal(back.segment_count, 2);
	assert_string_equal(back.segments[1].name, "1-a-2");
	assert_int_equal(back.segments[1].cut, 1);
	assert_int_equal(back.segments[0].length, 65536);
	manifest_deinit(&m);
	manifest_copy(&m, &back);
	assert_int_equal(m.segment_count, 2);
	manifest_deinit(&m);
	manifest_deinit(&back);
	buffer_deinit(&out);
}

static void a_part_of_one_is_none(void **state)
{
	struct manifest m;
	struct buffer out;

	(void)state;
	make(&m);
	buffer_init(&out);
	manifest_write(&m, &out);
	manifest_deinit(&m);
	for (size_t length = 0; length < out.len; length++) {
		manifest_init(&m);
		assert_int_equal(manifest_read(&m, (struct slice){ (const char *)out.data, length }), 1);
		manifest_deinit(&m);
	}
	for (size_t place = 0; place < out.len; place++)
		for (int bit = 0; bit < 8; bit++) {
			out.data[place] ^= (uint8_t)(1 << bit);
			manifest_init(&m);
			manifest_read(&m, buffer_slice(&out)); /* refused or not, nothing worse */
			manifest_deinit(&m);
			out.data[place] ^= (uint8_t)(1 << bit);
		}
	buffer_deinit(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(comes_back_as_it_was), cmocka_unit_test(a_part_of_one_is_none) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
