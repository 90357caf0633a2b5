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
#include "events.h"

static char path[] = "/tmp/salespulse-avro-XXXXXX";

static struct event *deal(struct arena *arena, int number)
{
	char id[16];
	struct event *e;

	snprintf(id, sizeof(id), "D%d", number);
	e = event_make(arena, ENTITY_DEAL, arena_strndup(arena, id, strlen(id)), number + 1, "2026-03-02T02:00:00Z");
	event_set_all(e, "status", "WON", "amount", "10.5", "currency", "IDR", "won_at", "2026-03-02T02:00:00Z", "owner_id", "ana", NULL);
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

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(back_as_it_was), cmocka_unit_test(deflated_blocks),
		cmocka_unit_test(broken_ones_are_said) };
	int fd = mkstemp(path), status;

	close(fd);
	status = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return status;
}
