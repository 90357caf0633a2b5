#include "base/intern.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"

enum { BLOCK_BYTES = 64 * 1024 };

struct intern_block {
	struct intern_block *next;
	size_t capacity, used;
	char data[];
};

void intern_init(struct intern *in, uint64_t seed, size_t bytes_max)
{
	*in = (struct intern){ .seed = seed, .bytes_max = bytes_max };
	index_init(&in->index);
}

void intern_deinit(struct intern *in)
{
	while (in->blocks) {
		struct intern_block *next = in->blocks->next;

		free(in->blocks);
		in->blocks = next;
	}
	for (uint32_t i = 0; i < in->chunk_count; i++)
		free(in->chunks[i]);
	free(in->chunks);
	index_deinit(&in->index);
	intern_init(in, in->seed, in->bytes_max);
}

static struct intern_entry *entry_at(const struct intern *in, uint32_t id)
{
	assert(id > 0 && id <= in->count);
	return &in->chunks[(id - 1) >> INTERN_CHUNK_BITS]
			  [(id - 1) & ((1u << INTERN_CHUNK_BITS) - 1)];
}

static struct slice entry_text(const struct intern_entry *entry)
{
	return (struct slice){ entry->len <= INTERN_SHORT_MAX ? entry->text.near : entry->text.far,
		entry->len };
}

static bool text_equals(const void *ctx, const void *key, uint32_t id)
{
	return slice_equal(entry_text(entry_at(ctx, id)), *(const struct slice *)key);
}

/* Keeps the newest block in front as long as it has room; a text larger than a block gets one of
 * its own behind it. */
static char *room_for(struct intern *in, size_t bytes)
{
	if (!in->blocks || in->blocks->capacity - in->blocks->used < bytes) {
		size_t capacity = bytes > BLOCK_BYTES ? bytes : BLOCK_BYTES;
		struct intern_block *block = x_malloc(sizeof(*block) + capacity);

		block->capacity = capacity;
		block->used = 0;
		if (bytes > BLOCK_BYTES && in->blocks) {
			block->next = in->blocks->next;
			in->blocks->next = block;
			block->used = bytes;
			return block->data;
		}
		block->next = in->blocks;
		in->blocks = block;
	}
	char *at = in->blocks->data + in->blocks->used;

	in->blocks->used += bytes;
	return at;
}

/* The next id's, zeroed. */
static struct intern_entry *add_entry(struct intern *in)
{
	if (in->count >> INTERN_CHUNK_BITS == in->chunk_count) {
		size_t bytes = sizeof(struct intern_entry) << INTERN_CHUNK_BITS;

		X_GROW(in->chunks, in->chunk_count, in->chunk_capacity);
		in->chunks[in->chunk_count++] =
			memset(x_aligned_alloc(sizeof(struct intern_entry) * 2, bytes), 0, bytes);
	}
	return entry_at(in, ++in->count);
}

uint64_t intern_hash(const struct intern *in, struct slice text)
{
	return hash_text(text.at, text.len, in->seed);
}

uint32_t intern_add(struct intern *in, struct slice text)
{
	uint64_t hash = intern_hash(in, text);
	uint32_t id = intern_find_hashed(in, text, hash);

	return id ? id : intern_add_absent(in, text, hash);
}

uint32_t intern_add_absent(struct intern *in, struct slice text, uint64_t hash)
{
	if (text.len > UINT32_MAX / 4 || in->count == UINT32_MAX)
		return 0;
	size_t cost = text.len + 1 + INTERN_ENTRY_BYTES;

	if (in->bytes_max && (in->bytes > in->bytes_max || cost > in->bytes_max - in->bytes))
		return 0;
	struct intern_entry *entry = add_entry(in);
	char *copy = text.len <= INTERN_SHORT_MAX ? entry->text.near : room_for(in, text.len + 1);

	if (text.len)
		memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	entry->len = (uint32_t)text.len;
	if (text.len > INTERN_SHORT_MAX)
		entry->text.far = copy;
	in->bytes += cost;
	index_insert(&in->index, hash, in->count);
	return in->count;
}

uint32_t intern_find(const struct intern *in, struct slice text)
{
	return intern_find_hashed(in, text, intern_hash(in, text));
}

uint32_t intern_find_hashed(const struct intern *in, struct slice text, uint64_t hash)
{
	uint32_t id = 0;

	index_find(&in->index, hash, text_equals, &text, in, &id);
	return id;
}

void intern_expect(
	const struct intern *in, const struct slice *texts, size_t count, uint32_t *ret_ids)
{
	uint64_t hashes[INTERN_EXPECT_MAX];

	assert(count <= INTERN_EXPECT_MAX);
	for (size_t i = 0; i < count; i++) {
		hashes[i] = intern_hash(in, texts[i]);
		index_expect(&in->index, hashes[i]);
	}
	for (size_t i = 0; i < count; i++) {
		ret_ids[i] = index_guess(&in->index, hashes[i]);
		if (ret_ids[i])
			__builtin_prefetch(entry_at(in, ret_ids[i]));
	}
}

uint32_t intern_hint(const struct intern *in, uint32_t id)
{
	return entry_at(in, id)->hint;
}

void intern_set_hint(struct intern *in, uint32_t id, uint32_t hint)
{
	entry_at(in, id)->hint = hint;
}

struct slice intern_text(const struct intern *in, uint32_t id)
{
	assert(id <= in->count);
	return id ? entry_text(entry_at(in, id)) : (struct slice){ "", 0 };
}

uint32_t intern_count(const struct intern *in)
{
	return in->count;
}

size_t intern_bytes(const struct intern *in)
{
	return in->bytes;
}
