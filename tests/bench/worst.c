/*
 * worst: what the worst messages cost that can be made under the settings' own limits: bombs, lies, and the greatest that is allowed. Each is decoded, validated and
 * ordered once by `take_message`, which callgrind counts; printed is one line of each: name, bytes, bytes that it took of the arena,
 * bytes that it took beside it, and whether it was taken. tests/system/test_worst_message.sh compares.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/asset.h"
#include "base/xalloc.h"
#include "edge/codec.h"
#include "pipeline.h"

enum { LIE_ROWS = 4096, VALUE_BYTES = 1 << 20, TEXT_BYTES = 512, FOREIGN_ID = 9 };

static struct codec *codec;
static struct codec_limits limits;
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

static void fill_list(struct event *e, const char *name, uint32_t rows, struct slice text)
{
	struct event_value *value = event_field(e, name);
	const struct model_field *field = &model_table[ENTITY_DEAL].fields[value - e->fields];
	size_t columns = field->list->field_count;

	value->list->count = rows;
	value->list->cells = arena_alloc(&memory, rows * columns * sizeof(struct event_value));
	for (size_t i = 0; i < rows * columns; i++)
		value->list->cells[i].text = text;
}

/* Keys in the worst order for who sorts them. */
static void fill_ext(struct event *e, struct slice text)
{
	uint32_t rows = limits.rows[CODEC_EXT];

	e->ext_count = rows;
	e->ext = arena_alloc(&memory, rows * sizeof(*e->ext));
	for (uint32_t i = 0; i < rows; i++) {
		char *key = arena_alloc(&memory, 12);

		snprintf(key, 12, "%u", (i % 2 ? i : rows - i) % 1000);
		e->ext[i] = (struct event_ext){ text.len ? text : slice_of(key), text };
	}
}

static void fill_merged(struct event *e, struct slice text)
{
	e->op = EVENT_MERGE;
	e->merged_count = limits.rows[CODEC_MERGED_IDS];
	e->merged_ids = arena_alloc(&memory, e->merged_count * sizeof(*e->merged_ids));
	for (size_t i = 0; i < e->merged_count; i++)
		e->merged_ids[i] = text.len ? text : slice_of("y");
}

static void fill_all(struct event *e, struct slice text)
{
	fill_list(e, "splits", limits.rows[CODEC_SPLITS], text);
	fill_list(e, "items", limits.rows[CODEC_ITEMS], text);
	fill_ext(e, text);
	fill_merged(e, text);
}

static void measure_event(const char *name, const struct event *e)
{
	struct buffer _cleanup_buffer_ bytes = { 0 };

	codec_encode_event(e, &bytes);
	measure(name, e->type, buffer_slice(&bytes));
}

/* As long as a text may be, in signs of three bytes: what is not ASCII is looked at twice. */
static struct slice longest_text(void)
{
	char *text = arena_alloc(&memory, TEXT_BYTES);

	for (int i = 0; i + 3 <= TEXT_BYTES; i += 3)
		memcpy(text + i, "\u20ac", 3);
	return (struct slice){ text, TEXT_BYTES / 3 * 3 };
}

/* As long as all lists may have it: ASCII and not in turn, which is the slowest to look at. */
static struct slice text_for(size_t bytes)
{
	size_t texts = 2 * limits.rows[CODEC_SPLITS] + 2 * limits.rows[CODEC_ITEMS] +
		       2 * limits.rows[CODEC_EXT] + limits.rows[CODEC_MERGED_IDS],
	       length = (bytes - 64) / texts / 3 * 3;
	char *text = arena_alloc(&memory, length);

	for (size_t i = 0; i < length; i += 3)
		memcpy(text + i, "a\u00e9", 3);
	return (struct slice){ text, length };
}

static void measure_lists(void)
{
	const struct slice none = SLICE_LIT("");
	struct event *e = deal();

	measure_event("small", e);
	fill_list(e, "splits", limits.rows[CODEC_SPLITS], none);
	measure_event("splits", e);
	e = deal();
	fill_list(e, "items", limits.rows[CODEC_ITEMS], none);
	measure_event("items", e);
	e = deal();
	fill_ext(e, none);
	measure_event("ext", e);
	e = deal();
	fill_merged(e, none);
	measure_event("merged", e);
	e = deal();
	fill_all(e, none);
	measure_event("all_of_them", e);
	e = deal();
	fill_all(e, longest_text());
	measure_event("all_with_long_texts", e);
	e = deal();
	fill_all(e, text_for(limits.text_bytes));
	measure_event("all_with_texts_allowed", e);
	e = deal();
	fill_all(e, slice_of("a text of ASCII that is as long as one may be without a count.."));
	measure_event("all_with_uncounted_texts", e);
	e = deal();
	fill_list(e, "items", limits.rows[CODEC_ITEMS] + 1, none);
	measure_event("an_item_too_many", e);
}

static void measure_texts(void)
{
	char *text = x_malloc(VALUE_BYTES);
	struct event *e = deal();

	memset(text, 'x', VALUE_BYTES);
	*event_field(e, "owner_id") = (struct event_value){ .text = { text, VALUE_BYTES - 4096 } };
	measure_event("long_text", e);
	text[VALUE_BYTES - 4097] = (char)0xff;
	measure_event("long_text_broken_at_its_end", e);
	free(text);
}

/* ---- what no stream of ours has --------------------------------------------------------------------------- */

/* Our own deal, and two fields before all of it. */
static void put_foreign_schema(FILE *file)
{
	static const char fields[] = "\"fields\": [";
	const struct asset *deal = asset_find("deal.avsc");
	const char *own = memmem(deal->data, deal->len, fields, strlen(fields));

	if (own == NULL)
		exit(1);
	own += strlen(fields);
	fprintf(file,
		"%.*s{\"name\":\"notes\",\"type\":{\"type\":\"array\",\"items\":\"int\"}},"
		"{\"name\":\"nothings\",\"type\":{\"type\":\"array\",\"items\":\"null\"}},%.*s",
		(int)(own - (const char *)deal->data), (const char *)deal->data,
		(int)(deal->len - (size_t)(own - (const char *)deal->data)), own);
}

static struct schema_store *store_with_foreign_schema(void)
{
	char folder[] = "/tmp/worst_XXXXXX", path[64];

	if (mkdtemp(folder) == NULL)
		exit(1);
	snprintf(path, sizeof(path), "%s/%d-deal.avsc", folder, FOREIGN_ID);
	FILE *file = fopen(path, "w");

	if (file == NULL)
		exit(1);
	put_foreign_schema(file);
	fclose(file);
	struct schema_store *store = schema_store_new(folder);

	unlink(path);
	rmdir(folder);
	return store;
}

static void measure_foreign_of(
	const char *name, size_t notes, size_t nothings, const struct event *e)
{
	struct buffer _cleanup_buffer_ bytes = { 0 };

	codec_put_frame(FOREIGN_ID, &bytes);
	buffer_put_zigzag(&bytes, (int64_t)notes);
	for (size_t i = 0; notes && i <= notes; i++) /* the last one is the end */
		buffer_put_u8(&bytes, 0);
	for (size_t i = 0; i < nothings; i++) /* blocks of one null */
		buffer_put_zigzag(&bytes, 1);
	buffer_put_u8(&bytes, 0);
	codec_encode_event(e, &bytes);
	measure(name, ENTITY_DEAL, buffer_slice(&bytes));
}

static void measure_foreign(void)
{
	size_t allowed = limits.foreign - 10;
	struct event *e = deal();

	measure_foreign_of("foreign_allowed", allowed, 0, e);
	measure_foreign_of("foreign_too_many", VALUE_BYTES - 4096, 0, e);
	measure_foreign_of("foreign_nothings", 0, VALUE_BYTES - 4096, e);
	fill_all(e, text_for(limits.text_bytes));
	measure_foreign_of("all_that_is_allowed_at_once", allowed, 0, e);
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
	buffer_put_zigzag(&bytes, LIE_ROWS);
	for (int i = 0; i < LIE_ROWS - 1; i++)
		buffer_put_zigzag(&bytes, 0);
	measure("list_without_its_last", ENTITY_DEAL, buffer_slice(&bytes));
	put_start(&bytes);
	for (int i = 0; i < LIE_ROWS; i++) {
		buffer_put_zigzag(&bytes, 1);
		buffer_put_zigzag(&bytes, 0);
	}
	measure("blocks_of_one", ENTITY_DEAL, buffer_slice(&bytes));
	put_start(&bytes);
	for (int i = 0; i < LIE_ROWS; i++) {
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
	struct buffer _cleanup_buffer_ message = { 0 };
	struct pipeline_settings pipeline;
	char reason[EVENT_REASON_MAX];
	struct settings *settings;

	if (settings_load(NULL, NULL, NULL, &settings, &message) != 0)
		return 1;
	pipeline_settings_from(settings, &pipeline);
	limits = pipeline.limits;
	codec = codec_new(store_with_foreign_schema(), CODEC_AUTO, pipeline.message_bytes_max);
	codec_limit(codec, &limits);
	arena_init(&arena, (size_t)256 << 20);
	arena_init(&memory, 0);
	/* What is made once is not a message's cost. */
	codec_decode_event(codec, ENTITY_DEAL, slice_of("x"), &arena, &(struct event){ 0 }, reason);
	codec_decode_event(codec, ENTITY_DEAL, (struct slice){ "\0\0\0\0\t", 5 }, &arena,
		&(struct event){ 0 }, reason);
	measure_lies();
	measure_lists();
	measure_texts();
	measure_foreign();
	settings_free(settings);
	return 0;
}
