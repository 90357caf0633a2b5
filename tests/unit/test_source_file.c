#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "edge/avro_file.h"
#include "edge/event_json.h"
#include "edge/source_file.h"

static char folder[64];

static const char *path_of(const char *name)
{
	static char paths[64][128];
	static int at;
	char *path = paths[at++ % 64];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

static void write_text(const char *name, const char *text)
{
	FILE *file = fopen(path_of(name), "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/salespulse_source_XXXXXX");
	return mkdtemp(folder) ? 0 : 1;
}

static int teardown(void **state)
{
	static const char *const names[] = { "a.csv", "m.yaml", "e.jsonl", "e.avro",
		"rejects.csv" };

	(void)state;
	for (size_t i = 0; i < 5; i++)
		unlink(path_of(names[i]));
	return rmdir(folder);
}

static struct event rep(struct arena *arena, const char *id, const char *time)
{
	struct event e;

	event_init(&e, ENTITY_REP, arena);
	e.event_id = SLICE_LIT("7f3a2f5e-0000-4000-8000-000000000001");
	e.tenant_id = SLICE_LIT("acme");
	e.entity_id = slice_of(id);
	e.source = SLICE_LIT("test");
	e.op = EVENT_UPDATE;
	e.source_version = 1;
	assert_true(time_parse(slice_of(time), &e.occurred_at_ms));
	*event_field(&e, "name") = (struct event_value){ .text = SLICE_LIT("Ana") };
	*event_field(&e, "quota_carrying") = (struct event_value){ .i = 1 };
	*event_field(&e, "active_from") = (struct event_value){ .i = 17000 };
	*event_field(&e, "memberships") =
		(struct event_value){ .list = arena_alloc(arena, sizeof(struct event_list)) };
	return e;
}

static void write_events(struct arena *arena)
{
	struct buffer _cleanup_buffer_ lines = { 0 };
	struct avro_file_writer *writer = avro_file_create(path_of("e.avro"), ENTITY_REP);
	struct event one = rep(arena, "avro-1", "2026-01-03T00:00:00Z"),
		     two = rep(arena, "avro-2", "2026-01-01T00:00:00Z");
	struct event json = rep(arena, "json-1", "2026-01-02T00:00:00Z");

	buffer_init(&lines);
	assert_non_null(writer);
	assert_int_equal(avro_file_write(writer, &one), 0);
	assert_int_equal(avro_file_write(writer, &two), 0);
	assert_int_equal(avro_file_finish(writer), 0);
	event_json_write(&json, &lines);
	buffer_put_text(&lines, "\n{\"type\": \"deal\n");
	write_text("e.jsonl", buffer_text(&lines));
}

static void put_order(struct source_file *s, struct buffer *out)
{
	struct arena _cleanup_arena_ arena;
	struct event e;

	arena_init(&arena, 0);
	while (source_file_next(s, &arena, &e) == 0)
		buffer_printf(out, SLICE_FMT " v%lld\n", SLICE_ARG(e.entity_id),
			(long long)e.source_version);
}

static void test_three_kinds_in_one_order(void **state)
{
	const struct source_file_settings settings = { .rejects_path = path_of("rejects.csv") };
	struct arena _cleanup_arena_ arena;
	struct buffer _cleanup_buffer_ out = { 0 }, explanation = { 0 };
	struct source_file *s = source_file_new(&settings);
	struct mapping *mapping;
	char rejects[512] = "";

	(void)state;
	arena_init(&arena, 0);
	buffer_init(&out);
	buffer_init(&explanation);
	write_events(&arena);
	write_text("a.csv", "id,at\ncsv-1,2026-01-02\ncsv-2,\ncsv-3,soon\n");
	write_text("m.yaml",
		"rows: [{from: a.csv, emit: [{rep: {id: id, at: at, set: {name: id}}}]}]\n");
	assert_int_equal(mapping_load(path_of("m.yaml"), NULL, &mapping, &explanation), 0);

	const char *paths[] = { path_of("e.avro"), path_of("e.jsonl"), path_of("a.csv") };

	if (source_file_read(s, mapping, paths, 3, &explanation))
		fail_msg("%s", buffer_text(&explanation));
	put_order(s, &out);
	/* Versions of the CSV are places in the order; those of the others are their own. */
	assert_string_equal(
		buffer_text(&out), "csv-2 v1\navro-2 v1\njson-1 v1\ncsv-1 v4\navro-1 v1\n");
	assert_int_equal(source_file_counts(s).rejected, 2);
	assert_int_equal(source_file_counts(s).events, 5);
	assert_int_equal(source_file_counts(s).files, 3);
	source_file_reject(s, "no reason");
	source_file_free(s);
	mapping_free(mapping);

	FILE _cleanup_fclose_ *file = fopen(path_of("rejects.csv"), "r");

	assert_non_null(file);
	assert_true(fread(rejects, 1, sizeof(rejects) - 1, file) > 0);
	assert_non_null(strstr(rejects, "file,line,reason,text\n"));
	assert_non_null(strstr(rejects, "/e.jsonl,3,"));
	assert_non_null(strstr(rejects, "/a.csv,4,«soon» is no date of the form %Y-%m-%d or "
					"another of `dates`,\"csv-3,soon\"\n"));
	assert_non_null(strstr(rejects, "/e.avro,1,no reason,\n"));
}

static void test_folder_without_mapping(void **state)
{
	const struct source_file_settings settings = { 0 };
	struct arena _cleanup_arena_ arena;
	struct buffer _cleanup_buffer_ out = { 0 }, explanation = { 0 };
	struct source_file *s = source_file_new(&settings);
	const char *paths[] = { folder };

	(void)state;
	arena_init(&arena, 0);
	buffer_init(&out);
	buffer_init(&explanation);
	write_events(&arena);
	assert_int_equal(source_file_read(s, NULL, paths, 1, &explanation), 0);
	put_order(s, &out);
	assert_string_equal(buffer_text(&out), "avro-2 v1\njson-1 v1\navro-1 v1\n");
	source_file_free(s);
}

static void refused(const char *path, const char *says)
{
	const struct source_file_settings settings = { 0 };
	struct buffer _cleanup_buffer_ explanation = { 0 };
	struct source_file *s = source_file_new(&settings);

	buffer_init(&explanation);
	assert_int_equal(source_file_read(s, NULL, &path, 1, &explanation), 1);
	if (!strstr(buffer_text(&explanation), says))
		fail_msg("%s", buffer_text(&explanation));
	source_file_free(s);
}

static void test_what_is_refused(void **state)
{
	(void)state;
	write_text("a.csv", "id,at\n");
	refused(path_of("a.csv"), "a CSV file wants --mapping");
	refused(path_of("absent.csv"), "No such file");
	unlink(path_of("e.avro"));
	unlink(path_of("e.jsonl"));
	refused(folder, "no .avro or .jsonl file");
}

static void test_broken_avro_is_an_error(void **state)
{
	const struct source_file_settings settings = { 0 };
	struct buffer _cleanup_buffer_ explanation = { 0 };
	struct source_file *s = source_file_new(&settings);
	const char *paths[] = { path_of("e.avro") };

	(void)state;
	buffer_init(&explanation);
	write_text("e.avro", "Obj\x01 and no more");
	assert_true(source_file_read(s, NULL, paths, 1, &explanation) < 0);
	assert_non_null(strstr(err_message(), "e.avro"));
	source_file_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_kinds_in_one_order),
		cmocka_unit_test(test_folder_without_mapping),
		cmocka_unit_test(test_what_is_refused),
		cmocka_unit_test(test_broken_avro_is_an_error),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
