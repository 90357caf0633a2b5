#include "board.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"

void board_init(struct board *b)
{
	memset(b, 0, sizeof(*b));
	arena_init(&b->arena, 0);
	index_init(&b->index);
}

void board_deinit(struct board *b)
{
	arena_deinit(&b->arena);
	free(b->records);
	index_deinit(&b->index);
}

static bool is_same_key(const void *ctx, const void *key, uint32_t place)
{
	const struct snapshot *a = &((const struct board *)ctx)->records[place], *b = key;

	return a->is_history == b->is_history && slice_equal(a->tenant_id, b->tenant_id) && slice_equal(a->metric, b->metric) &&
	       slice_equal(a->window, b->window) && slice_equal(a->group_by, b->group_by) &&
	       slice_equal(a->group_key, b->group_key) && slice_equal(a->currency, b->currency) &&
	       (!a->is_history || a->window_start_ms == b->window_start_ms);
}

static uint64_t key_hash(const struct snapshot *s)
{
	const struct slice texts[] = { s->tenant_id, s->metric, s->window, s->group_by, s->group_key, s->currency };
	uint64_t hash = s->is_history ? (uint64_t)s->window_start_ms : 0;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		hash = hash_combine(hash, hash_text(texts[i].at, texts[i].len, 1));
	return hash;
}

static void keep(struct board *b, struct slice *s)
{
	if (s->at)
		s->at = arena_strndup(&b->arena, s->at, s->len);
}

static void copy_texts(struct board *b, struct snapshot *s)
{
	struct slice *texts[] = { &s->tenant_id, &s->metric, &s->window, &s->group_by, &s->group_key, &s->currency };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		keep(b, texts[i]);
	for (size_t i = 0; i < SNAPSHOT_GROUPS_MAX; i++) {
		keep(b, &s->group[i]);
		keep(b, &s->group_label[i]);
	}
}

bool board_take(void *ctx, enum snapshot_topic topic, const struct snapshot *record)
{
	struct board *b = ctx;
	struct snapshot *place;
	uint64_t hash = key_hash(record);
	uint32_t at;

	assert(record->revision > b->revision);
	assert((topic == SNAPSHOT_HISTORY) == record->is_history);
	b->revision = record->revision;
	if (!index_find(&b->index, hash, is_same_key, record, b, &at)) {
		X_GROW(b->records, b->count, b->capacity);
		at = (uint32_t)b->count++;
		index_insert(&b->index, hash, at);
	}
	place = &b->records[at];
	*place = *record;
	copy_texts(b, place);
	return true;
}

const struct snapshot *board_find(const struct board *b, const char *tenant, const char *metric, const char *window,
	const char *group_by, const char *const *values, size_t value_count, const char *currency, int64_t start_ms)
{
	for (size_t i = 0; i < b->count; i++) {
		const struct snapshot *s = &b->records[i];
		bool found = s->is_history == (start_ms != INT64_MIN) && slice_is(s->tenant_id, tenant) && slice_is(s->metric, metric) &&
			     slice_is(s->window, window) && slice_is(s->group_by, group_by) &&
			     (!currency || slice_is(s->currency, currency)) && (!s->is_history || s->window_start_ms == start_ms);

		for (size_t k = 0; found && k < value_count; k++)
			found = slice_is(s->group[k], values[k]);
		if (found)
			return s;
	}
	return NULL;
}
