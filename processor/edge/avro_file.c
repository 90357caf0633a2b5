/*
 * avro_file: «Obj» 1, a map of metadata (avro.schema, avro.codec), a sync marker of 16 bytes; then blocks: how many records, how many
 * bytes, the records, the marker again. (Avro 1.11, «Object Container Files».)
 */
#include "edge/avro_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/asset.h"
#include "base/buffer.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/xalloc.h"
#include "edge/codec.h"

enum { SYNC_BYTES = 16, BLOCK_BYTES_MAX = 64 << 20, META_MAX = 64, BLOCK_WRITE_BYTES = 64 << 10 };
static const char magic[4] = { 'O', 'b', 'j', 1 };

struct avro_file_reader {
	FILE *file;
	struct codec_plan *plan;
	bool deflated;
	uint8_t sync[SYNC_BYTES];
	struct buffer stored, block; /* as in the file, and inflated */
	size_t at;		     /* in the block */
	uint64_t left;		     /* records of the block */
};

int avro_file_is(struct slice head)
{
	return head.len >= sizeof(magic) && !memcmp(head.at, magic, sizeof(magic));
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static int broken(const char *what)
{
	return err_raise(-EBADMSG, "the Avro file is broken: %s", what);
}

/* 0, 1 at the end of the file, or broken. */
static int get_long(struct avro_file_reader *r, int64_t *ret)
{
	uint64_t value = 0;

	for (unsigned shift = 0; shift < 64; shift += 7) {
		int byte = getc(r->file);

		if (byte == EOF)
			return shift == 0 && !ferror(r->file) ? 1
							      : broken("it ends inside a number");
		value |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80)) {
			*ret = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
			return 0;
		}
	}
	return broken("a number is longer than 64 bits");
}

/* Appends `count` bytes of the file; grows with what is there, not with what is promised. */
static int get_bytes(struct avro_file_reader *r, int64_t count, struct buffer *out)
{
	if (count < 0 || count > BLOCK_BYTES_MAX)
		return broken("a length that can't be");
	while (count > 0) {
		size_t part = count > 65536 ? 65536 : (size_t)count;

		if (fread(buffer_reserve(out, part), 1, part, r->file) != part)
			return broken("it ends inside a block");
		out->len += part;
		count -= (int64_t)part;
	}
	return 0;
}

static int get_text(struct avro_file_reader *r, struct buffer *out)
{
	int64_t length;
	int e = get_long(r, &length);

	buffer_reset(out);
	if (e)
		return e < 0 ? e : broken("it ends inside its head");
	return err_pass(get_bytes(r, length, out));
}

static int take_meta(struct avro_file_reader *r, struct slice key, struct slice value)
{
	char reason[CODEC_REASON_MAX];

	if (slice_is(key, "avro.codec")) {
		r->deflated = slice_is(value, "deflate");
		if (!r->deflated && !slice_is(value, "null") && value.len)
			return err_raise(-EINVAL,
				"the Avro file's codec is " SLICE_FMT "; null and deflate are read",
				SLICE_ARG(value));
	}
	if (slice_is(key, "avro.schema") && !r->plan) {
		r->plan = codec_plan_new(value, reason);
		if (!r->plan)
			return err_raise(-EINVAL, "the Avro file has no events: %s", reason);
	}
	return 0;
}

static int read_head(struct avro_file_reader *r)
{
	struct buffer _cleanup_buffer_ key = { 0 };
	char head[sizeof(magic)];
	int64_t count, bytes;

	if (fread(head, 1, sizeof(head), r->file) != sizeof(head) ||
		!avro_file_is((struct slice){ head, sizeof(head) }))
		return broken("it does not begin like one");
	for (;;) {
		if (get_long(r, &count))
			return broken("it ends inside its head");
		if (count < 0 && get_long(r, &bytes))
			return broken("it ends inside its head");
		if (!count)
			break;
		if (count < -META_MAX || count > META_MAX)
			return broken("too much metadata");
		count = count < 0 ? -count : count;
		for (int64_t i = 0; i < count; i++) {
			int e = get_text(r, &key);

			if (!e)
				e = get_text(r, &r->stored);
			if (!e)
				e = take_meta(r, buffer_slice(&key), buffer_slice(&r->stored));
			if (e)
				return err_pass(e);
		}
	}
	if (fread(r->sync, 1, SYNC_BYTES, r->file) != SYNC_BYTES)
		return broken("it ends inside its head");
	return r->plan ? 0 : err_raise(-EINVAL, "the Avro file names no schema");
}

struct avro_file_reader *avro_file_open(const char *path)
{
	struct avro_file_reader *r = x_calloc(1, sizeof(*r));

	buffer_init(&r->stored);
	buffer_init(&r->block);
	r->file = fopen(path, "rb");
	if (!r->file) {
		err_raise(-errno, "%s: %s", path, strerror(errno));
	} else if (!read_head(r)) {
		return r;
	}
	avro_file_close(r);
	return NULL;
}

void avro_file_close(struct avro_file_reader *r)
{
	if (!r)
		return;
	if (r->file)
		fclose(r->file);
	codec_plan_free(r->plan);
	buffer_deinit(&r->stored);
	buffer_deinit(&r->block);
	free(r);
}

/* Raw deflate, bounded. */
static int inflate_block(struct avro_file_reader *r)
{
	z_stream z = { .next_in = r->stored.data, .avail_in = (uInt)r->stored.len };
	int answer;

	if (inflateInit2(&z, -15) != Z_OK)
		return broken("it can't be inflated");
	do {
		z.next_out = buffer_reserve(&r->block, 65536);
		z.avail_out = 65536;
		answer = inflate(&z, Z_NO_FLUSH);
		r->block.len += 65536 - z.avail_out;
	} while (answer == Z_OK && r->block.len <= BLOCK_BYTES_MAX && (z.avail_in || !z.avail_out));
	inflateEnd(&z);
	return answer == Z_STREAM_END ? 0 : broken("a block can't be inflated");
}

/* 0, 1 at the end of the file, or broken. */
static int next_block(struct avro_file_reader *r)
{
	int64_t count, bytes;
	uint8_t sync[SYNC_BYTES];
	int e = get_long(r, &count);

	if (e)
		return e;
	if (count < 0 || get_long(r, &bytes))
		return broken("a block without its size");
	buffer_reset(&r->stored);
	buffer_reset(&r->block);
	e = get_bytes(r, bytes, &r->stored);
	if (e)
		return err_pass(e);
	if (fread(sync, 1, SYNC_BYTES, r->file) != SYNC_BYTES || memcmp(sync, r->sync, SYNC_BYTES))
		return broken("a block's end is not where it should be");
	if (r->deflated)
		e = inflate_block(r);
	else
		buffer_put(&r->block, r->stored.data, r->stored.len);
	r->at = 0;
	r->left = (uint64_t)count;
	return e;
}

/*
 * A record that is wrong: the next one begins where a reader that only passes over this one ends. Where even that fails, the
 * rest of its block is lost, and said.
 */
static int pass_over(struct avro_file_reader *r, size_t used, const char *reason,
	char ret_reason[EVENT_REASON_MAX])
{
	if (used == 0) {
		snprintf(ret_reason, EVENT_REASON_MAX, "(and %llu records behind it) %.110s",
			(unsigned long long)r->left, reason);
		r->left = 0;
		r->at = r->block.len;
	} else {
		memcpy(ret_reason, reason, EVENT_REASON_MAX);
		r->at += used;
	}
	return 2;
}

int avro_file_next(struct avro_file_reader *r, struct arena *arena, struct event *ret,
	char ret_reason[EVENT_REASON_MAX])
{
	char reason[EVENT_REASON_MAX];
	size_t used = 0;

	while (!r->left) {
		if (r->at != r->block.len)
			return broken("a block is longer than its records");
		int e = next_block(r);

		if (e)
			return e < 0 ? err_pass(e) : 1;
	}
	r->left--;
	if (codec_plan_decode(r->plan,
		    (struct slice){ (const char *)r->block.data + r->at, r->block.len - r->at },
		    &used, arena, ret, reason) != CODEC_OK)
		return pass_over(r, used, reason, ret_reason);
	r->at += used;
	return 0;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

struct avro_file_writer {
	FILE *file;
	uint8_t sync[SYNC_BYTES];
	struct buffer block;
	uint64_t count;
};

static void put_text(struct slice text, struct buffer *out)
{
	buffer_put_zigzag(out, (int64_t)text.len);
	buffer_put(out, text.at, text.len);
}

struct avro_file_writer *avro_file_create(const char *path, enum entity_type type)
{
	struct avro_file_writer *w = x_calloc(1, sizeof(*w));
	struct buffer _cleanup_buffer_ head = { 0 };
	char name[64];
	const struct asset *schema;

	buffer_init(&w->block);
	snprintf(name, sizeof(name), "%s.avsc", model_table[type].name);
	schema = asset_find(name);
	w->file = fopen(path, "wb");
	if (!w->file || !schema) {
		err_raise(w->file ? -ENOENT : -errno, "%s: %s", path,
			w->file ? "no schema is built in" : strerror(errno));
		if (w->file)
			fclose(w->file);
		free(w);
		return NULL;
	}
	for (uint64_t i = 0; i < SYNC_BYTES / 8; i++) {
		uint64_t part = hash_combine(hash_bytes(path, strlen(path), i), (uint64_t)type);

		memcpy(w->sync + i * 8, &part, 8);
	}
	buffer_put(&head, magic, sizeof(magic));
	buffer_put_zigzag(&head, 2);
	put_text(SLICE_LIT("avro.schema"), &head);
	put_text((struct slice){ (const char *)schema->data, schema->len }, &head);
	put_text(SLICE_LIT("avro.codec"), &head);
	put_text(SLICE_LIT("null"), &head);
	buffer_put_zigzag(&head, 0);
	buffer_put(&head, w->sync, SYNC_BYTES);
	fwrite(head.data, 1, head.len, w->file);
	return w;
}

static int write_block(struct avro_file_writer *w)
{
	struct buffer _cleanup_buffer_ head = { 0 };

	if (!w->count)
		return 0;
	buffer_put_zigzag(&head, (int64_t)w->count);
	buffer_put_zigzag(&head, (int64_t)w->block.len);
	fwrite(head.data, 1, head.len, w->file);
	fwrite(w->block.data, 1, w->block.len, w->file);
	fwrite(w->sync, 1, SYNC_BYTES, w->file);
	buffer_reset(&w->block);
	w->count = 0;
	return ferror(w->file) ? err_raise(-EIO, "the file can't be written") : 0;
}

int avro_file_write(struct avro_file_writer *w, const struct event *event)
{
	codec_encode_event(event, &w->block);
	w->count++;
	return w->block.len >= BLOCK_WRITE_BYTES ? err_pass(write_block(w)) : 0;
}

int avro_file_finish(struct avro_file_writer *w)
{
	int e = write_block(w);

	if (fclose(w->file) && !e)
		e = err_raise(-errno, "the file can't be closed: %s", strerror(errno));
	buffer_deinit(&w->block);
	free(w);
	return e;
}
