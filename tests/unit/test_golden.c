/*
 * The bytes on the wire: one event of each stream with every field set, and the outputs, as tests/golden has them in hexadecimal.
 * A change here is a change of the schema: it breaks readers that were not asked. GOLDEN_WRITE=1 writes the files anew.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/codec.h"
#include "events.h"

static void path_of(const char *name, char *ret, size_t cap)
{
	snprintf(ret, cap, "tests/golden/%s.hex", name);
}

static void write_hex(const char *name, struct slice bytes)
{
	char path[256];
	FILE *file;

	path_of(name, path, sizeof(path));
	file = fopen(path, "w");
	assert_non_null(file);
	for (size_t i = 0; i < bytes.len; i++)
		fprintf(file, "%02x%s", (unsigned char)bytes.at[i], i % 32 == 31 ? "\n" : "");
	fputs("\n", file);
	fclose(file);
}

static void read_hex(const char *name, struct buffer *out)
{
	char path[256];
	unsigned byte;
	FILE *file;

	path_of(name, path, sizeof(path));
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s is missing; run from the top of the tree", path);
	while (fscanf(file, "%2x", &byte) == 1)
		buffer_put_u8(out, (uint8_t)byte);
	fclose(file);
}

static void compare(const char *name, struct slice bytes)
{
	struct buffer golden = { 0 };

	if (getenv("GOLDEN_WRITE"))
		write_hex(name, bytes);
	read_hex(name, &golden);
	if (!slice_equal(buffer_slice(&golden), bytes))
		fail_msg("the bytes of %s are not those of tests/golden/%s.hex", name, name);
	buffer_deinit(&golden);
}

/* A value that says where it is: by the field's type and place. */
static const char *text_for(struct arena *arena, const struct model_field *field, size_t place)
{
	char text[64];

	switch (field->type) {
	case VALUE_STRING:
		if (field->symbols)
			return field->symbols[1];
		snprintf(text, sizeof(text), "%.20s-%zu", field->name, place);
		break;
	case VALUE_BOOL:
		return "true";
	case VALUE_TIME:
		snprintf(text, sizeof(text), "2026-03-28T16:%02zu:00.250Z", place % 60);
		break;
	case VALUE_RATE:
		snprintf(text, sizeof(text), "%zu.00006123", place);
		break;
	case VALUE_DECIMAL:
	case VALUE_MONEY:
		snprintf(text, sizeof(text), "%zu.2575", place * 1000 + 1);
		break;
	default:
		if (field->is_date)
			snprintf(text, sizeof(text), "2026-03-%02zu", place % 28 + 1);
		else
			snprintf(text, sizeof(text), "%zu", place * 300 + 1);
		break;
	}
	return arena_strndup(arena, text, strlen(text));
}

static struct event *full_event(struct arena *arena, enum entity_type type)
{
	struct event *e =
		event_make_op(arena, type, EVENT_CREATE, "E-1", 42, "2026-03-28T16:59:00Z");
	const struct model_entity *model = &model_table[type];

	for (size_t i = 0; i < model->field_count; i++) {
		const struct model_field *field = &model->fields[i];
		const char *cells[8] = { 0 };

		if (field->type != VALUE_LIST) {
			event_set(e, field->name, text_for(arena, field, i));
			continue;
		}
		for (size_t k = 0; k < field->list->field_count; k++)
			cells[k] = text_for(arena, &field->list->fields[k], k);
		event_add_cells(arena, e, field->name, cells);
	}
	e->actor_id = SLICE_LIT("actor");
	event_add_ext(arena, e, "delivery", "express");
	event_add_merged(arena, e, "E-2");
	return e;
}

static void events(void **state)
{
	struct schema_store *schemas = schema_store_new(NULL);
	struct codec *codec = codec_new(schemas, CODEC_AUTO, 1 << 20);
	struct arena arena;

	(void)state;
	arena_init(&arena, 0);
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++) {
		struct buffer bytes = { 0 }, again = { 0 };
		char reason[CODEC_REASON_MAX];
		struct event back;

		codec_encode_event(full_event(&arena, (enum entity_type)type), &bytes);
		compare(model_table[type].name, buffer_slice(&bytes));
		if (codec_decode_event(codec, (enum entity_type)type, buffer_slice(&bytes), &arena,
			    &back, reason) != CODEC_OK)
			fail_msg("%s: %s", model_table[type].name, reason);
		codec_encode_event(&back, &again);
		assert_true(slice_equal(buffer_slice(&bytes), buffer_slice(&again)));
		buffer_deinit(&bytes);
		buffer_deinit(&again);
	}
	arena_deinit(&arena);
	codec_free(codec);
	schema_store_free(schemas);
}

static void snapshots(void **state)
{
	const struct snapshot s = { .tenant_id = SLICE_INIT("acme"),
		.metric = SLICE_INIT("rep_revenue"),
		.window = SLICE_INIT("month"),
		.group_by = SLICE_INIT("team,rep"),
		.group_key = SLICE_INIT("west,ana"),
		.currency = SLICE_INIT("IDR"),
		.group = { SLICE_INIT("west"), SLICE_INIT("ana") },
		.group_label = { { NULL, 0 }, SLICE_INIT("Ana Putri") },
		.unit = "CURRENCY",
		.value = { true, 1234.5 },
		.value_decimal = { true, 12345000 },
		.numerator = { true, 12345000 },
		.denominator = { true, 10000 },
		.sample_size = 3,
		.previous_value = { true, 1000 },
		.change_pct = { true, 23.45 },
		.rank = 2,
		.rank_of = 14,
		.previous_rank = 1,
		.state = "OK",
		.basis = "EVENT",
		.window_start_ms = INT64_C(1772298000000),
		.window_end_ms = INT64_C(1774976400000),
		.as_of_ms = INT64_C(1774980000000),
		.published_at_ms = INT64_C(1774980000123),
		.is_final = true,
		.first_final_value = { true, -5 },
		.revision = INT64_C(1795556819) << 30,
		.definition = 0xdeadbeef,
		.late_count = 1,
		.duplicate_count = 2,
		.is_history = true };
	struct snapshot latest = s, back;
	struct buffer value = { 0 }, again = { 0 }, key = { 0 }, history_key = { 0 };

	(void)state;
	latest.is_history = false;
	codec_encode_snapshot(&s, &value);
	compare("kpi_snapshot", buffer_slice(&value));
	codec_encode_snapshot_key(&latest, &key);
	compare("kpi_snapshot_key", buffer_slice(&key));
	codec_encode_snapshot_key(&s, &history_key);
	compare("kpi_history_key", buffer_slice(&history_key));
	assert_int_equal(codec_decode_snapshot(buffer_slice(&value), &back), 0);
	codec_encode_snapshot(&back, &again);
	assert_true(slice_equal(buffer_slice(&value), buffer_slice(&again)));
	for (size_t length = 0; length < value.len; length++)
		assert_int_equal(codec_decode_snapshot(
					 (struct slice){ (const char *)value.data, length }, &back),
			1);
	buffer_deinit(&value);
	buffer_deinit(&again);
	buffer_deinit(&key);
	buffer_deinit(&history_key);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(events), cmocka_unit_test(snapshots) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
