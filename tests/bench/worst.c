/*
 * worst: what the worst messages cost that can be made: bombs, lies, and the greatest that is allowed. Each is decoded, validated and
 * ordered once by `take_message`, which callgrind counts; printed is one line of each: name, bytes, bytes that it took of the arena,
 * bytes that it took beside it, and whether it was taken. tests/system/test_worst_message.sh compares.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "edge/codec.h"

enum { ROWS = 4096, VALUE_BYTES = 1 << 20 };

static struct codec *codec;
static struct arena arena, memory;

void take_message(enum entity_type type, struct slice value, char *ret_reason);

__attribute__((noinline)) void take_message(
	enum entity_type type, struct slice value, char *ret_reason)
{
	struct event event;

	if (codec_decode_event(codec, type, value, &arena, &event, ret_reason) == CODEC_OK) {
		(void)event_validate(&event, ret_reason);
		(void)event_order(&event);
	}
}

static void measure(const char *name, enum entity_type type, struct slice value)
{
	/* A copy at its exact length, as the source's. */
	char *copy = x_strndup(value.len ? value.at : "", value.len), reason[EVENT_REASON_MAX] = "";
	size_t before;

	arena_reset(&arena);
	before = mallinfo2().uordblks + mallinfo2().hblkhd;
	take_message(type, (struct slice){ copy, value.len }, reason);
	size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
	size_t arena_bytes = arena_used_bytes(&arena);

	/* The arena's own blocks are in there too: it keeps them. */
	printf("%s %zu %zu %zu %s\n", name, value.len, arena_bytes,
		after > before + 2 * arena_bytes + 65536 ? after - before : 0,
		*reason ? "refused" : "taken");
	free(copy);
}

/* ---- the greatest that is allowed ----------------------------------------------------------------------- */

static struct event *deal(void)
{
	struct event *e = arena_alloc(&memory, sizeof(*e));

	event_init(e, ENTITY_DEAL, &memory);
	e->op = EVENT_UPDATE;
	e->tenant_id = e->entity_id = e->event_id = e->source = slice_of("x");
	e->occurred_at_ms = e->ingested_at_ms = INT64_C(1772323200000);
	for (size_t i = 0; i < model_table[ENTITY_DEAL].field_count; i++) {
		const struct model_field *field = &model_table[ENTITY_DEAL].fields[i];

		if (field->type == VALUE_LIST)
			e->fields[i] = (struct event_value){ .list = arena_alloc(&memory,
								     sizeof(struct event_list)) };
	}
	*event_field(e, "currency") = (struct event_value){ .text = slice_of("IDR") };
	*event_field(e, "amount") = (struct event_value){ .i = 1 };
	return e;
}

static void fill_list(struct event *e, const char *name)
{
	struct event_value *value = event_field(e, name);
	const struct model_field *field = &model_table[ENTITY_DEAL].fields[value - e->fields];
	size_t columns = field->list->field_count;

	value->list->count = ROWS;
	value->list->cells = arena_alloc(&memory, ROWS * columns * sizeof(struct event_value));
	for (size_t i = 0; i < ROWS * columns; i++)
		value->list->cells[i].text = slice_of("");
}

/* Keys in the worst order for who sorts them. */
static void fill_ext(struct event *e)
{
	e->ext_count = ROWS;
	e->ext = arena_alloc(&memory, ROWS * sizeof(*e->ext));
	for (int i = 0; i < ROWS; i++) {
		char *key = arena_alloc(&memory, 8);

		snprintf(key, 8, "%d", (i % 2 ? i : ROWS - i) % 1000);
		e->ext[i] = (struct event_ext){ slice_of(key), slice_of("") };
	}
}

static void fill_merged(struct event *e)
{
	e->op = EVENT_MERGE;
	e->merged_count = ROWS;
	e->merged_ids = arena_alloc(&memory, ROWS * sizeof(*e->merged_ids));
	for (int i = 0; i < ROWS; i++)
		e->merged_ids[i] = slice_of("y");
}

static void measure_event(const char *name, const struct event *e)
{
	struct buffer _cleanup_buffer_ bytes = { 0 };

	codec_encode_event(e, &bytes);
	measure(name, e->type, buffer_slice(&bytes));
}

static void measure_greatest(void)
{
	struct event *e = deal(), *all = deal();
	char *text = x_malloc(VALUE_BYTES);

	measure_event("small", e);
	fill_list(e, "splits");
	measure_event("splits", e);
	fill_list(all, "splits");
	e = deal();
	fill_list(e, "items");
	measure_event("items", e);
	fill_list(all, "items");
	e = deal();
	fill_ext(e);
	measure_event("ext", e);
	fill_ext(all);
	e = deal();
	fill_merged(e);
	measure_event("merged", e);
	fill_merged(all);
	measure_event("all_of_them", all);
	e = deal();
	memset(text, 'x', VALUE_BYTES);
	*event_field(e, "owner_id") = (struct event_value){ .text = { text, VALUE_BYTES - 4096 } };
	measure_event("long_text", e);
	text[VALUE_BYTES - 4097] = (char)0xff;
	measure_event("long_text_broken_at_its_end", e);
	free(text);
}

/* ---- bombs and lies ------------------------------------------------------------------------------------- */

static void put_start(struct buffer *out)
{
	buffer_reset(out);
	for (int i = 0; i < 3; i++) {
		buffer_put_zigzag(out, 1);
		buffer_put_text(out, "x");
	}
	for (int i = 0; i < 6; i++)
		buffer_put_zigzag(out, 0);
}

static void measure_lies(void)
{
	struct buffer _cleanup_buffer_ bytes = { 0 };

	measure("nothing", ENTITY_DEAL, (struct slice){ "", 0 });
	measure("bomb", ENTITY_DEAL, (struct slice){ "\xfe\xff\xff\xff\x0f\x41", 6 });
	put_start(&bytes);
	buffer_put_zigzag(&bytes, INT64_MAX);
	measure("endless_list", ENTITY_DEAL, buffer_slice(&bytes));
	put_start(&bytes);
	buffer_put_zigzag(&bytes, ROWS);
	for (int i = 0; i < ROWS - 1; i++)
		buffer_put_zigzag(&bytes, 0);
	measure("list_without_its_last", ENTITY_DEAL, buffer_slice(&bytes));
	put_start(&bytes);
	for (int i = 0; i < ROWS; i++) {
		buffer_put_zigzag(&bytes, 1);
		buffer_put_zigzag(&bytes, 0);
	}
	measure("blocks_of_one", ENTITY_DEAL, buffer_slice(&bytes));
	put_start(&bytes);
	for (int i = 0; i < ROWS; i++) {
		buffer_put_zigzag(&bytes, -1);
		buffer_put_zigzag(&bytes, 1);
		buffer_put_zigzag(&bytes, 0);
	}
	measure("blocks_with_lengths", ENTITY_DEAL, buffer_slice(&bytes));
	buffer_reset(&bytes);
	for (int i = 0; i < VALUE_BYTES; i++)
		buffer_put_u8(&bytes, (uint8_t)(i * 7));
	measure("a_mebibyte_of_anything", ENTITY_DEAL, buffer_slice(&bytes));
	buffer_put_u8(&bytes, 0);
	measure("too_long", ENTITY_DEAL, buffer_slice(&bytes));
}

int main(void)
{
	char reason[EVENT_REASON_MAX];

	codec = codec_new(schema_store_new(NULL), CODEC_AUTO, VALUE_BYTES);
	arena_init(&arena, (size_t)256 << 20);
	arena_init(&memory, 0);
	/* What is made once is not a message's cost. */
	codec_decode_event(codec, ENTITY_DEAL, slice_of("x"), &arena, &(struct event){ 0 }, reason);
	measure_lies();
	measure_greatest();
	return 0;
}
