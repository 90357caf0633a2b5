#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/pool.h"
#include "core/model.h"
#include "edge/schema_store.h"

enum { FILES_MAX = 16 };

struct folder {
	char path[64];
	char *files[FILES_MAX]; /* owned */
	size_t count;
};

static int set_up(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));

	snprintf(folder->path, sizeof(folder->path), "/tmp/test_schema_store_XXXXXX");
	assert_non_null(mkdtemp(folder->path));
	*state = folder;
	return 0;
}

static void drop_file(struct folder *folder)
{
	folder->count--;
	unlink(folder->files[folder->count]);
	free(folder->files[folder->count]);
}

static int tear_down(void **state)
{
	struct folder *folder = *state;

	while (folder->count > 0)
		drop_file(folder);
	rmdir(folder->path);
	free(folder);
	return 0;
}

static void put(struct folder *folder, const char *name, const char *text)
{
	char path[128];

	assert_true(folder->count < FILES_MAX);
	snprintf(path, sizeof(path), "%s/%s", folder->path, name);
	folder->files[folder->count++] = strdup(path);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
	fclose(file);
}

#define RECORD(name, more) "{\"type\":\"record\",\"name\":\"" name "\",\"fields\":[]" more "}"

static void assert_schema(struct slice found, const char *text)
{
	if (!slice_is(found, text))
		fail_msg("«" SLICE_FMT "» is not «%s»", SLICE_ARG(found), text);
}

static void test_built_in_ones(void **state)
{
	static const char *const more[] = { "kpi_snapshot", "kpi_snapshot_key", "kpi_history_key" };
	struct schema_store *stores[] = { schema_store_new(NULL), schema_store_new("") };

	(void)state;
	for (int s = 0; s < 2; s++) {
		assert_non_null(stores[s]);
		for (int i = 0; i < ENTITY_TYPE_COUNT; i++)
			assert_true(schema_store_by_name(stores[s], model_table[i].name).len > 100);
		for (int i = 0; i < 3; i++)
			assert_true(schema_store_by_name(stores[s], more[i]).len > 100);
		assert_null(schema_store_by_name(stores[s], "invoice").at);
		assert_null(schema_store_by_name(stores[s], "").at);
		assert_null(schema_store_by_id(stores[s], 1).at);
		assert_false(schema_store_has_ids(stores[s]));
		schema_store_free(stores[s]);
	}
	schema_store_free(NULL);
}

static void test_folder(void **state)
{
	struct folder *folder = *state;

	put(folder, "some_file.avsc", RECORD("com.acme.deal", ""));
	put(folder, "7.avsc", RECORD("deal", ",\"doc\":\"seven\""));
	put(folder, "4294967295-deal.avsc", RECORD("deal", ",\"doc\":\"last\""));
	put(folder, "7up.avsc", RECORD("seven_up", ""));
	put(folder, "README.md", "not a schema");
	put(folder, ".8.avsc", "hidden");
	struct schema_store *store = schema_store_new(folder->path);

	assert_non_null(store);
	assert_true(schema_store_has_ids(store));
	assert_schema(schema_store_by_name(store, "deal"), RECORD("com.acme.deal", ""));
	assert_schema(schema_store_by_name(store, "seven_up"), RECORD("seven_up", ""));
	assert_schema(schema_store_by_id(store, 7), RECORD("deal", ",\"doc\":\"seven\""));
	assert_schema(schema_store_by_id(store, UINT32_MAX), RECORD("deal", ",\"doc\":\"last\""));
	assert_null(schema_store_by_id(store, 8).at);
	/* What the folder doesn't have is built in. */
	assert_true(schema_store_by_name(store, "lead").len > 100);
	schema_store_free(store);
}

static void refused(struct folder *folder, const char *part)
{
	struct schema_store *store = schema_store_new(folder->path);

	assert_null(store);
	if (!strstr(err_message(), part))
		fail_msg("«%s» does not say «%s»", err_message(), part);
	drop_file(folder);
}

static void test_wrong_files_are_said(void **state)
{
	struct folder *folder = *state;
	char *large = calloc(1, SCHEMA_BYTES_MAX + 2);

	assert_null(schema_store_new("/nowhere/at/all"));
	assert_non_null(strstr(err_message(), "/nowhere/at/all"));
	put(folder, "deal.avsc", "{\n \"type\": \"record\",,}");
	refused(folder, "deal.avsc:2:");
	put(folder, "deal.avsc", "{\"type\":\"enum\",\"name\":\"deal\",\"symbols\":[]}");
	refused(folder, "deal.avsc: not an Avro schema of a record with a name");
	put(folder, "deal.avsc", "[]");
	refused(folder, "not an Avro schema of a record");
	put(folder, "deal.avsc", "");
	refused(folder, "deal.avsc:");
	put(folder, "4294967296.avsc", RECORD("deal", ""));
	refused(folder, "at most 32 bits");
	put(folder, "7.avsc", RECORD("deal", ""));
	put(folder, "7-deal.avsc", RECORD("deal", ""));
	refused(folder, "a second schema of id 7");
	put(folder, "a.avsc", RECORD("deal", ""));
	put(folder, "b.avsc", RECORD("x.deal", ""));
	refused(folder, "a second schema of the record deal");
	memset(large, ' ', SCHEMA_BYTES_MAX + 1);
	put(folder, "large.avsc", large);
	refused(folder, "at most 1048576 bytes");
	free(large);
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* An id that comes later is found, but the folder is read at most once a second. */
static void test_later_schemas(void **state)
{
	struct folder *folder = *state;

	log_set_level(LOG_LEVEL_NONE);
	put(folder, "7.avsc", RECORD("deal", ""));
	struct schema_store *store = schema_store_new(folder->path);
	struct slice seven = schema_store_by_id(store, 7);

	put(folder, "8-deal.avsc", RECORD("deal", ",\"doc\":\"eight\""));
	put(folder, "9-deal.avsc", "{\"type\": half wri");
	assert_null(schema_store_by_id(store, 8).at);
	sleep_ms(1050);
	assert_schema(schema_store_by_id(store, 8), RECORD("deal", ",\"doc\":\"eight\""));
	assert_null(schema_store_by_id(store, 9).at);
	assert_ptr_equal(schema_store_by_id(store, 7).at, seven.at);
	put(folder, "9-deal.avsc", RECORD("deal", ",\"doc\":\"nine\""));
	sleep_ms(1050);
	assert_schema(schema_store_by_id(store, 9), RECORD("deal", ",\"doc\":\"nine\""));
	schema_store_free(store);
	log_set_level(LOG_LEVEL_INFO);
}

struct asking {
	struct schema_store *store;
	struct slice found[4];
};

static void ask(void *ctx, uint32_t worker, uint32_t index)
{
	struct asking *asking = ctx;

	(void)worker;
	for (int i = 0; i < 100; i++) {
		(void)schema_store_by_id(asking->store, 8 + index);
		(void)schema_store_has_ids(asking->store);
		asking->found[index] = index % 2 ? schema_store_by_id(asking->store, 7)
						 : schema_store_by_name(asking->store, "deal");
	}
}

/* Several codecs ask at once while new schemas come; that they do it in order is for ThreadSanitizer to say. */
static void test_threads(void **state)
{
	struct folder *folder = *state;
	struct asking asking = { 0 };
	struct pool *pool = pool_new(4);

	put(folder, "7.avsc", RECORD("deal", ""));
	asking.store = schema_store_new(folder->path);
	put(folder, "8.avsc", RECORD("deal", ",\"doc\":\"eight\""));
	put(folder, "9.avsc", RECORD("deal", ",\"doc\":\"nine\""));
	sleep_ms(1050);
	pool_run(pool, ask, &asking, 4);
	for (int i = 0; i < 4; i++)
		assert_non_null(asking.found[i].at);
	assert_schema(asking.found[1], RECORD("deal", ""));
	assert_schema(schema_store_by_id(asking.store, 8), RECORD("deal", ",\"doc\":\"eight\""));
	assert_schema(schema_store_by_id(asking.store, 9), RECORD("deal", ",\"doc\":\"nine\""));
	pool_free(pool);
	schema_store_free(asking.store);
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_built_in_ones),
		TEST(test_folder),
		TEST(test_wrong_files_are_said),
		TEST(test_later_schemas),
		TEST(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
