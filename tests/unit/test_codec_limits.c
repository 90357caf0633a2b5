/* What one message may hold: rows of each list, texts, values that no stream of ours has. What has more is refused, and the reason names the setting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "edge/codec.h"
#include "edge/codec_inside.h"
#include "edge/settings.h"
#include "pipeline.h"

enum { VALUE_BYTES_MAX = 1 << 20 };

struct fixture {
	struct schema_store *store;
	struct codec *codec;
	struct arena arena, made;
	struct buffer bytes;
	struct event event;
	char reason[CODEC_REASON_MAX];
};

static int set_up(void **state)
{
	struct fixture *f = x_calloc(1, sizeof(*f));

	f->store = schema_store_new(NULL);
	f->codec = codec_new(f->store, CODEC_BARE, VALUE_BYTES_MAX);
	arena_init(&f->arena, 0);
	arena_init(&f->made, 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	codec_free(f->codec);
	schema_store_free(f->store);
	arena_deinit(&f->arena);
	arena_deinit(&f->made);
	buffer_deinit(&f->bytes);
	free(f);
	return 0;
}

static enum codec_answer decode(struct fixture *f, enum entity_type type)
{
	f->reason[0] = '\0';
	arena_reset(&f->arena);
	return codec_decode_event(
		f->codec, type, buffer_slice(&f->bytes), &f->arena, &f->event, f->reason);
}

static void expect_refused(struct fixture *f, enum entity_type type, const char *reason)
{
	assert_int_equal(decode(f, type), CODEC_BAD);
	if (!strstr(f->reason, reason))
		fail_msg("«%s» does not say «%s»", f->reason, reason);
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

static void put_list(struct fixture *f, enum entity_type type, size_t field, size_t rows)
{
	const struct model_list *list = model_table[type].fields[field].list;
	struct event *e = &f->event;

	arena_reset(&f->made);
	event_init(e, type, &f->made);
	e->event_id = e->tenant_id = e->entity_id = SLICE_LIT("x");
	e->fields[field] = (struct event_value){ .list = arena_alloc(&f->made,
							 sizeof(*e->fields[field].list)) };
	e->fields[field].list->count = rows;
	e->fields[field].list->cells =
		arena_alloc(&f->made, rows * list->field_count * sizeof(struct event_value));
	for (size_t i = 0; i < rows * list->field_count; i++)
		e->fields[field].list->cells[i].text = SLICE_LIT("");
	buffer_reset(&f->bytes);
	codec_encode_event(e, &f->bytes);
}

static void put_envelope_lists(struct fixture *f, size_t merged, size_t pairs)
{
	struct event *e = &f->event;

	arena_reset(&f->made);
	event_init(e, ENTITY_LEAD, &f->made);
	e->event_id = e->tenant_id = e->entity_id = SLICE_LIT("x");
	e->merged_count = merged;
	e->merged_ids = arena_alloc(&f->made, merged * sizeof(*e->merged_ids));
	for (size_t i = 0; i < merged; i++)
		e->merged_ids[i] = SLICE_LIT("y");
	e->ext_count = pairs;
	e->ext = arena_alloc(&f->made, pairs * sizeof(*e->ext));
	for (size_t i = 0; i < pairs; i++)
		e->ext[i] = (struct event_ext){ SLICE_LIT("k"), SLICE_LIT("v") };
	buffer_reset(&f->bytes);
	codec_encode_event(e, &f->bytes);
}

static void said(char *out, size_t cap, const char *name, uint32_t rows)
{
	snprintf(out, cap, "%s: more than the %u rows that limits.%s allows", name, rows, name);
}

/* Every list of every stream has a limit of its own: up to it all is taken, and one more is refused. */
static void every_list_has_its_limit(void **state)
{
	struct fixture *f = *state;
	struct codec_limits limits = { .rows = { 3, 4, 5, 6, 7, 8 } };
	char reason[128];

	codec_limit(f->codec, &limits);
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++)
		for (size_t i = 0; i < model_table[type].field_count; i++) {
			const char *name = model_table[type].fields[i].name;
			int list = 0;

			if (model_table[type].fields[i].type != VALUE_LIST)
				continue;
			while (list < CODEC_LIST_COUNT && strcmp(codec_list_names[list], name) != 0)
				list++;
			assert_true(list < CODEC_LIST_COUNT);
			put_list(f, (enum entity_type)type, i, limits.rows[list]);
			assert_int_equal(decode(f, (enum entity_type)type), CODEC_OK);
			assert_int_equal(f->event.fields[i].list->count, limits.rows[list]);
			put_list(f, (enum entity_type)type, i, limits.rows[list] + 1);
			said(reason, sizeof(reason), name, limits.rows[list]);
			expect_refused(f, (enum entity_type)type, reason);
		}
	put_envelope_lists(f, limits.rows[CODEC_MERGED_IDS], limits.rows[CODEC_EXT]);
	assert_int_equal(decode(f, ENTITY_LEAD), CODEC_OK);
	assert_int_equal(f->event.merged_count, limits.rows[CODEC_MERGED_IDS]);
	assert_int_equal(f->event.ext_count, limits.rows[CODEC_EXT]);
	put_envelope_lists(f, limits.rows[CODEC_MERGED_IDS] + 1, 0);
	said(reason, sizeof(reason), "merged_ids", limits.rows[CODEC_MERGED_IDS]);
	expect_refused(f, ENTITY_LEAD, reason);
	put_envelope_lists(f, 0, limits.rows[CODEC_EXT] + 1);
	said(reason, sizeof(reason), "ext", limits.rows[CODEC_EXT]);
	expect_refused(f, ENTITY_LEAD, reason);
}

/* The envelope up to merged_ids, whose blocks follow. */
static void put_start(struct buffer *out)
{
	buffer_reset(out);
	for (int i = 0; i < 3; i++) {
		buffer_put_zigzag(out, 1);
		buffer_put_text(out, "x");
	}
	for (int i = 0; i < 6; i++) /* op, two times, source, version, no actor */
		buffer_put_zigzag(out, 0);
}

/* In blocks of one or at once: the same rows, the same memory, the same end. */
static void blocks_cost_no_more_than_rows(void **state)
{
	struct fixture *f = *state;
	size_t used[2];

	codec_limit(f->codec, &(struct codec_limits){ .rows = { [CODEC_MERGED_IDS] = 100 } });
	for (int in_blocks = 0; in_blocks < 2; in_blocks++) {
		put_envelope_lists(f, 0, 0);
		struct buffer _cleanup_buffer_ rest = { 0 };
		size_t start;

		buffer_put(&rest, f->bytes.data, f->bytes.len);
		put_start(&f->bytes);
		start = f->bytes.len;
		for (int i = 0; i < 100; i++) {
			if (in_blocks || i == 0)
				buffer_put_zigzag(&f->bytes, in_blocks ? 1 : 100);
			buffer_put_zigzag(&f->bytes, 1);
			buffer_put_text(&f->bytes, i % 2 ? "a" : "b");
		}
		buffer_put(&f->bytes, rest.data + start, rest.len - start);
		assert_int_equal(decode(f, ENTITY_LEAD), CODEC_OK);
		assert_int_equal(f->event.merged_count, 100);
		for (size_t i = 0; i < 100; i++)
			assert_true(slice_is(f->event.merged_ids[i], i % 2 ? "a" : "b"));
		used[in_blocks] = arena_used_bytes(&f->arena);
	}
	assert_int_equal(used[0], used[1]);
}

/* What a message claims to have takes no more memory than what it is long enough to have. */
static void claims_take_no_memory(void **state)
{
	struct fixture *f = *state;

	put_start(&f->bytes);
	buffer_put_zigzag(&f->bytes, 40);
	for (int i = 0; i < 40; i++)
		buffer_put_u8(&f->bytes, 0x7f);
	assert_int_equal(decode(f, ENTITY_LEAD), CODEC_BAD);
	assert_true(arena_used_bytes(&f->arena) < 8192);
}

/* ---- texts, and what is passed over --------------------------------------------------------------------- */

static void texts_are_limited_together(void **state)
{
	struct fixture *f = *state;
	char text[80];

	memset(text, 'a', sizeof(text));
	codec_limit(f->codec, &(struct codec_limits){ .text_bytes = 2 * sizeof(text) });
	for (int count = 1; count <= 3; count++) {
		struct slice *places[] = { &f->event.event_id, &f->event.tenant_id,
			&f->event.entity_id };

		put_envelope_lists(f, 0, 0);
		for (int i = 0; i < count; i++)
			*places[i] = (struct slice){ text, sizeof(text) };
		buffer_reset(&f->bytes);
		codec_encode_event(&f->event, &f->bytes);
		if (count < 3)
			assert_int_equal(decode(f, ENTITY_LEAD), CODEC_OK);
		else
			expect_refused(f, ENTITY_LEAD,
				"entity_id: more text than limits.text_bytes allows");
	}
}

static void use_schema(struct fixture *f, const char *text)
{
	char folder[] = "/tmp/test_codec_limits_XXXXXX", path[64];

	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/lead.avsc", folder);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
	codec_free(f->codec);
	schema_store_free(f->store);
	f->store = schema_store_new(folder);
	assert_non_null(f->store);
	f->codec = codec_new(f->store, CODEC_BARE, VALUE_BYTES_MAX);
	unlink(path);
	rmdir(folder);
}

#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "},"
static const char foreign_schema[] = "{\"type\":\"record\",\"name\":\"lead\",\"fields\":[" FIELD(
	"event_id", "\"string\"") FIELD("tenant_id", "\"string\"") FIELD("entity_id",
	"\"string\"") FIELD("op", "\"string\"") FIELD("occurred_at",
	"\"long\"") FIELD("source_version", "\"int\"") FIELD("notes",
	"{\"type\":\"array\",\"items\":\"int\"}") "{\"name\":\"nothings\",\"type\":{\"type\":"
						  "\"array\",\"items\":\"null\"}}]}";

static void put_foreign(struct fixture *f, int notes, int nothings)
{
	buffer_reset(&f->bytes);
	for (int i = 0; i < 3; i++) {
		buffer_put_zigzag(&f->bytes, 1);
		buffer_put_text(&f->bytes, "x");
	}
	buffer_put_zigzag(&f->bytes, 6);
	buffer_put_text(&f->bytes, "UPDATE");
	buffer_put_zigzag(&f->bytes, 1000);
	buffer_put_zigzag(&f->bytes, 1);
	if (notes)
		buffer_put_zigzag(&f->bytes, notes);
	for (int i = 0; i < notes; i++)
		buffer_put_zigzag(&f->bytes, i);
	buffer_put_zigzag(&f->bytes, 0);
	for (int i = 0; i < nothings; i++)
		buffer_put_zigzag(&f->bytes, 1);
	buffer_put_zigzag(&f->bytes, 0);
}

static void what_is_passed_over_is_limited(void **state)
{
	struct fixture *f = *state;

	use_schema(f, foreign_schema);
	put_foreign(f, 5000, 0);
	assert_int_equal(decode(f, ENTITY_LEAD), CODEC_OK);
	codec_limit(f->codec, &(struct codec_limits){ .foreign = 1000 });
	put_foreign(f, 900, 0);
	assert_int_equal(decode(f, ENTITY_LEAD), CODEC_OK);
	put_foreign(f, 1100, 0);
	expect_refused(f, ENTITY_LEAD,
		"notes: more values that we do not read than limits.foreign_values");
	/* Not even nothing, if there is enough of it. */
	put_foreign(f, 0, 1100);
	expect_refused(f, ENTITY_LEAD, "nothings: more values that we do not read");
}

/* ---- the settings --------------------------------------------------------------------------------------- */

/* The names in the reasons are settings, and each reaches its own limit. */
static void the_settings_reach_the_codec(void **state)
{
	struct buffer _cleanup_buffer_ message = { 0 };
	struct pipeline_settings pipeline;
	struct settings *settings;

	(void)state;
	for (int list = -1; list < CODEC_LIST_COUNT; list++) {
		char flag[64] = "--job=x", *arguments[] = { (char[]){ "x" }, flag, NULL };
		int count = 2;

		if (list >= 0)
			snprintf(flag, sizeof(flag), "--limits.%s=17", codec_list_names[list]);
		assert_int_equal(settings_load(NULL, &count, arguments, &settings, &message), 0);
		assert_int_equal(count, 1);
		pipeline_settings_from(settings, &pipeline);
		for (int i = 0; i < CODEC_LIST_COUNT; i++)
			assert_true((pipeline.limits.rows[i] == 17) == (i == list));
		assert_int_equal(pipeline.limits.rows[CODEC_PACING_CURVE] >= 366,
			list != CODEC_PACING_CURVE);
		assert_int_equal(pipeline.limits.text_bytes, 65536);
		assert_int_equal(pipeline.limits.foreign, 8000);
		settings_free(settings);
	}
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_list_has_its_limit),
		TEST(blocks_cost_no_more_than_rows),
		TEST(claims_take_no_memory),
		TEST(texts_are_limited_together),
		TEST(what_is_passed_over_is_limited),
		cmocka_unit_test(the_settings_reach_the_codec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
