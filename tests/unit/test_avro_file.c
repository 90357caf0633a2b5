/* Container files: written and read back, a deflated one, and broken ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <unistd.h>
#include <zlib.h>

#include "base/asset.h"
#include "base/err.h"
#include "edge/avro_file.h"
#include "edge/codec.h"
#include "any_event.h"
#include "events.h"

static char path[] = "/tmp/salespulse-avro-XXXXXX";

static struct event *deal(struct arena *arena, int number)
{
	char id[16];
	struct event *e;

	snprintf(id, sizeof(id), "D%d", number);
	e = event_make(arena, ENTITY_DEAL, arena_strndup(arena, id, strlen(id)), number + 1,
		"2026-03-02T02:00:00Z");
	event_set_all(e, "status", "WON", "amount", "10.5", "currency", "IDR", "won_at",
		"2026-03-02T02:00:00Z", "owner_id", "ana", NULL);
	return e;
}

static int count_events(struct arena *arena, int *ret_wrong)
{
	struct avro_file_reader *r = avro_file_open(path);
	char reason[EVENT_REASON_MAX];
	struct event e;
	int count = 0, answer = 0;

	*ret_wrong = 0;
	while (r && (answer = avro_file_next(r, arena, &e, reason)) != 1 && answer >= 0) {
		count += answer == 0;
		*ret_wrong += answer == 2;
	}
	avro_file_close(r);
	return r && answer == 1 ? count : -1;
}

static void back_as_it_was(void **state)
{
	struct arena arena;
	struct avro_file_writer *w = avro_file_create(path, ENTITY_DEAL);
	int wrong;

	(void)state;
	arena_init(&arena, 0);
	assert_non_null(w);
	for (int i = 0; i < 3000; i++)
		assert_int_equal(avro_file_write(w, deal(&arena, i)), 0);
	assert_int_equal(avro_file_finish(w), 0);
	assert_int_equal(count_events(&arena, &wrong), 3000);
	assert_int_equal(wrong, 0);
	arena_deinit(&arena);
}

static void put_text(struct slice text, struct buffer *out)
{
	buffer_put_zigzag(out, (int64_t)text.len);
	buffer_put(out, text.at, text.len);
}

/* A deflated file as the specification describes it, byte by byte. */
static void deflated_blocks(void **state)
{
	const struct asset *schema = asset_find("deal.avsc");
	static const char sync[] = "sixteen bytes ..";
	struct arena arena;
	struct buffer body = { 0 }, file = { 0 };
	z_stream z = { 0 };
	FILE *out;
	int wrong;

	(void)state;
	arena_init(&arena, 0);
	for (int i = 0; i < 500; i++)
		codec_encode_event(deal(&arena, i), &body);
	buffer_put_text(&file, "Obj\x01");
	buffer_put_zigzag(&file, 2);
	put_text(SLICE_LIT("avro.codec"), &file);
	put_text(SLICE_LIT("deflate"), &file);
	put_text(SLICE_LIT("avro.schema"), &file);
	put_text((struct slice){ (const char *)schema->data, schema->len }, &file);
	buffer_put_zigzag(&file, 0);
	buffer_put(&file, sync, 16);
	buffer_put_zigzag(&file, 500);
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	struct buffer packed = { 0 };

	z.next_in = body.data;
	z.avail_in = (uInt)body.len;
	z.next_out = buffer_reserve(&packed, body.len + 1000);
	z.avail_out = (uInt)body.len + 1000;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	packed.len = z.total_out;
	deflateEnd(&z);
	put_text(buffer_slice(&packed), &file);
	buffer_put(&file, sync, 16);
	out = fopen(path, "wb");
	assert_int_equal(fwrite(file.data, 1, file.len, out), file.len);
	fclose(out);
	assert_int_equal(count_events(&arena, &wrong), 500);
	buffer_deinit(&packed);
	buffer_deinit(&body);
	buffer_deinit(&file);
	arena_deinit(&arena);
}

static void broken_ones_are_said(void **state)
{
	char bytes[65536];
	struct arena arena;
	FILE *file = fopen(path, "rb");
	size_t length = fread(bytes, 1, sizeof(bytes), file);
	int wrong;

	(void)state;
	fclose(file);
	arena_init(&arena, 0);
	for (size_t cut = 0; cut < length; cut += cut < 4000 ? 37 : 499) {
		file = fopen(path, "wb");
		fwrite(bytes, 1, cut, file);
		fclose(file);
		assert_int_equal(count_events(&arena, &wrong), -1);
		arena_reset(&arena);
	}
	assert_null(avro_file_open("/nowhere/file.avro"));
	assert_non_null(strstr(err_message(), "/nowhere/file.avro"));
	assert_true(avro_file_is(SLICE_LIT("Obj\x01rest")));
	assert_false(avro_file_is(SLICE_LIT("{\"type\"")));
	arena_deinit(&arena);
}

/* ---- files made by hand --------------------------------------------------------------------------------- */

static const char marker[] = "sixteen bytes ..";

static void put_head(struct buffer *out, const char *schema, const char *codec)
{
	buffer_put_text(out, "Obj\x01");
	/* One block of metadata with its size, as a writer may do. */
	buffer_put_zigzag(out, -2);
	buffer_put_zigzag(out, 0);
	put_text(SLICE_LIT("avro.schema"), out);
	put_text(slice_of(schema), out);
	put_text(SLICE_LIT("avro.codec"), out);
	put_text(slice_of(codec), out);
	buffer_put_zigzag(out, 0);
	buffer_put(out, marker, 16);
}

static void put_block(struct buffer *out, int64_t count, struct slice records)
{
	buffer_put_zigzag(out, count);
	put_text(records, out);
	buffer_put(out, marker, 16);
}

static void write_file(const struct buffer *bytes)
{
	FILE *file = fopen(path, "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes->data, 1, bytes->len, file), bytes->len);
	fclose(file);
}

static const char lead_schema[] =
	"{\"type\":\"record\",\"name\":\"lead\",\"fields\":[{\"name\":\"event_id\",\"type\":"
	"\"string\"},"
	"{\"name\":\"tenant_id\",\"type\":\"string\"},{\"name\":\"entity_id\",\"type\":\"string\"},"
	"{\"name\":\"op\",\"type\":\"string\"},{\"name\":\"occurred_at\",\"type\":\"long\"},"
	"{\"name\":\"source_version\",\"type\":\"int\"},{\"name\":\"score\",\"type\":\"double\"}]}";

static void put_lead(struct buffer *out, const char *op, double score)
{
	put_text(SLICE_LIT("e"), out);
	put_text(SLICE_LIT("acme"), out);
	put_text(SLICE_LIT("L1"), out);
	put_text(slice_of(op), out);
	buffer_put_zigzag(out, 1774717140000);
	buffer_put_zigzag(out, 1);
	buffer_put(out, &score, sizeof(score));
}

/* The second of three leads has a score that can't be: the first and the third are read. */
static void a_wrong_record_costs_itself(void **state)
{
	struct buffer _cleanup_buffer_ records = { 0 }, file = { 0 };
	struct arena _cleanup_arena_ arena;
	char reason[EVENT_REASON_MAX];
	struct event e;

	(void)state;
	arena_init(&arena, 0);
	put_lead(&records, "CREATE", 1.25);
	put_lead(&records, "CREATE", 1e300);
	put_lead(&records, "DELETE", 2.5);
	put_head(&file, lead_schema, "null");
	put_block(&file, 3, buffer_slice(&records));
	write_file(&file);
	struct avro_file_reader *r = avro_file_open(path);

	assert_non_null(r);
	assert_int_equal(avro_file_next(r, &arena, &e, reason), 0);
	assert_int_equal(event_field(&e, "score")->i, 12500);
	assert_int_equal(avro_file_next(r, &arena, &e, reason), 2);
	assert_non_null(strstr(reason, "score: out of range"));
	assert_int_equal(avro_file_next(r, &arena, &e, reason), 0);
	assert_int_equal(e.op, EVENT_DELETE);
	assert_int_equal(avro_file_next(r, &arena, &e, reason), 1);
	assert_int_equal(avro_file_next(r, &arena, &e, reason), 1);
	avro_file_close(r);
}

/* A record without an end takes its block with it, and says how much that is; the next block is read. */
static void a_record_without_an_end_costs_its_block(void **state)
{
	struct buffer _cleanup_buffer_ bad = { 0 }, good = { 0 }, file = { 0 };
	struct arena _cleanup_arena_ arena;
	char reason[EVENT_REASON_MAX];
	struct event e;

	(void)state;
	arena_init(&arena, 0);
	buffer_put_zigzag(&bad, 1000);
	put_lead(&bad, "CREATE", 1);
	put_lead(&good, "UPDATE", 1);
	put_head(&file, lead_schema, "null");
	put_block(&file, 6, buffer_slice(&bad));
	put_block(&file, 0, SLICE_LIT(""));
	put_block(&file, 1, buffer_slice(&good));
	write_file(&file);
	struct avro_file_reader *r = avro_file_open(path);

	assert_int_equal(avro_file_next(r, &arena, &e, reason), 2);
	assert_non_null(strstr(reason, "(and 5 records behind it) event_id: a length"));
	assert_int_equal(avro_file_next(r, &arena, &e, reason), 0);
	assert_int_equal(e.op, EVENT_UPDATE);
	assert_int_equal(avro_file_next(r, &arena, &e, reason), 1);
	avro_file_close(r);
}

static void expect_broken(struct buffer *file, const char *part)
{
	struct arena _cleanup_arena_ arena;
	char reason[EVENT_REASON_MAX];
	struct event e;
	int answer = 0;

	arena_init(&arena, 0);
	write_file(file);
	err_clear();
	struct avro_file_reader *r = avro_file_open(path);

	while (r && (answer = avro_file_next(r, &arena, &e, reason)) != 1 && answer >= 0)
		;
	assert_true(!r || answer < 0);
	if (!strstr(err_message(), part))
		fail_msg("«%s» does not say «%s»", err_message(), part);
	avro_file_close(r);
	buffer_reset(file);
}

static void files_that_lie(void **state)
{
	struct buffer _cleanup_buffer_ file = { 0 }, lead = { 0 };
	static const int64_t sizes[] = { -1, INT64_MIN, INT64_MAX, (int64_t)1 << 31 };

	(void)state;
	put_lead(&lead, "CREATE", 1);
	for (size_t i = 0; i < 4; i++) {
		put_head(&file, lead_schema, "null");
		buffer_put_zigzag(&file, 1);
		buffer_put_zigzag(&file, sizes[i]);
		expect_broken(&file, "a length that can't be");
	}
	put_head(&file, lead_schema, "null");
	put_block(&file, -1, buffer_slice(&lead));
	expect_broken(&file, "broken");
	put_head(&file, lead_schema, "null");
	put_block(&file, 1, buffer_slice(&lead));
	buffer_put_zigzag(&file, 1);
	put_text(buffer_slice(&lead), &file);
	buffer_put_text(&file, "another marker..");
	expect_broken(&file, "a block's end is not where it should be");
	buffer_put_u8(&lead, 7);
	put_head(&file, lead_schema, "null");
	put_block(&file, 1, buffer_slice(&lead));
	put_block(&file, 0, SLICE_LIT(""));
	expect_broken(&file, "longer than its records");
	put_head(&file, lead_schema, "deflate");
	put_block(&file, 1, buffer_slice(&lead));
	expect_broken(&file, "can't be inflated");
	put_head(&file, lead_schema, "zstandard");
	expect_broken(&file, "codec is zstandard");
	put_head(&file, "{\"type\":\"record\",\"name\":\"invoice\",\"fields\":[]}", "null");
	expect_broken(&file, "record invoice is none of");
	buffer_put_text(&file, "Obj\x01");
	buffer_put_zigzag(&file, INT64_MIN);
	buffer_put_zigzag(&file, 0);
	expect_broken(&file, "too much metadata");
	buffer_put_text(&file, "Obj\x01");
	buffer_put_zigzag(&file, 0);
	buffer_put(&file, marker, 16);
	expect_broken(&file, "names no schema");
}

/* 200 MB of zeros, in 200 KB. */
static void a_bomb_is_not_inflated(void **state)
{
	struct buffer _cleanup_buffer_ file = { 0 }, packed = { 0 };
	uint8_t *zeros = calloc(1, 1 << 20);
	z_stream z = { 0 };

	(void)state;
	assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY), Z_OK);
	for (int i = 0; i < 200; i++) {
		z.next_in = zeros;
		z.avail_in = 1 << 20;
		do {
			z.next_out = buffer_reserve(&packed, 65536);
			z.avail_out = 65536;
			deflate(&z, i == 199 ? Z_FINISH : Z_NO_FLUSH);
			packed.len += 65536 - z.avail_out;
		} while (!z.avail_out);
	}
	deflateEnd(&z);
	free(zeros);
	put_head(&file, lead_schema, "deflate");
	put_block(&file, 1, buffer_slice(&packed));
	expect_broken(&file, "can't be inflated");
}

static void any_events_come_back(void **state)
{
	enum { EVENTS = 400 };
	struct arena _cleanup_arena_ arena;
	struct event *events[EVENTS], e;
	char reason[EVENT_REASON_MAX];
	struct rng rng;

	(void)state;
	arena_init(&arena, 0);
	rng_init(&rng, 81);
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++) {
		struct avro_file_writer *w = avro_file_create(path, (enum entity_type)type);

		for (int i = 0; i < EVENTS; i++) {
			events[i] = codec_any_event(&rng, &arena, (enum entity_type)type);
			assert_int_equal(avro_file_write(w, events[i]), 0);
		}
		assert_int_equal(avro_file_finish(w), 0);
		struct avro_file_reader *r = avro_file_open(path);

		for (int i = 0; i < EVENTS; i++) {
			assert_int_equal(avro_file_next(r, &arena, &e, reason), 0);
			assert_events_equal(events[i], &e);
		}
		assert_int_equal(avro_file_next(r, &arena, &e, reason), 1);
		avro_file_close(r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(back_as_it_was),
		cmocka_unit_test(deflated_blocks),
		cmocka_unit_test(broken_ones_are_said),
		cmocka_unit_test(a_wrong_record_costs_itself),
		cmocka_unit_test(a_record_without_an_end_costs_its_block),
		cmocka_unit_test(files_that_lie),
		cmocka_unit_test(a_bomb_is_not_inflated),
		cmocka_unit_test(any_events_come_back),
	};
	int fd = mkstemp(path), status;

	close(fd);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return status;
}
