/* top: what is held. */
#include "edge/top.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/index.h"
#include "base/xalloc.h"
#include "edge/codec.h"
#include "edge/top_inside.h"

struct top *top_new(void)
{
	struct top *top = x_calloc(1, sizeof(*top));

	index_init(&top->index);
	return top;
}

void top_free(struct top *top)
{
	if (!top)
		return;
	for (uint32_t i = 0; i < top->count; i++) {
		free(top->records[i].key);
		free(top->records[i].value);
	}
	for (uint32_t i = 0; i < top->tenant_count; i++)
		free(top->tenants[i].name);
	free(top->records);
	free(top->tenants);
	index_deinit(&top->index);
	free(top);
}

static bool is_key(const void *ctx, const void *wanted, uint32_t place)
{
	const struct top_record *r = &((const struct top *)ctx)->records[place];

	return slice_equal((struct slice){ r->key, r->key_length }, *(const struct slice *)wanted);
}

static struct top_tenant *tenant_of(struct top *top, struct slice name)
{
	uint32_t place = 0;

	while (place < top->tenant_count && slice_compare(slice_of(top->tenants[place].name), name) < 0)
		place++;
	if (place < top->tenant_count && slice_is(name, top->tenants[place].name))
		return &top->tenants[place];
	X_GROW(top->tenants, top->tenant_count, top->tenant_capacity);
	memmove(&top->tenants[place + 1], &top->tenants[place], (top->tenant_count++ - place) * sizeof(*top->tenants));
	top->tenants[place] = (struct top_tenant){ .name = x_strndup(name.at, name.len), .beat_ms = INT64_MIN };
	return &top->tenants[place];
}

static void keep(struct top_record *r, struct slice value, const struct snapshot *s)
{
	free(r->value);
	r->value = x_strndup(value.at, value.len);
	r->value_length = value.len;
	r->revision = s->revision;
}

bool top_take(struct top *top, struct slice key, struct slice value, int64_t now_ms)
{
	uint64_t hash = hash_bytes(key.at, key.len, 5);
	uint32_t place = UINT32_MAX;
	struct snapshot s;
	struct top_tenant *tenant;

	index_find(&top->index, hash, is_key, &key, top, &place);
	if (!value.at) {
		if (place != UINT32_MAX)
			top->records[place].value_length = 0; /* the key stays, without a value */
		return true;
	}
	if (codec_decode_snapshot(value, &s))
		return false;
	tenant = tenant_of(top, s.tenant_id);
	if (slice_is(s.metric, "heartbeat")) {
		tenant->beat_ms = now_ms;
		tenant->lag_s = s.value.is_set ? s.value.value : 0;
		return true;
	}
	if (s.as_of_ms > tenant->as_of_ms)
		tenant->as_of_ms = s.as_of_ms;
	if (place == UINT32_MAX) {
		X_GROW(top->records, top->count, top->capacity);
		place = top->count++;
		top->records[place] = (struct top_record){ .key = x_strndup(key.at, key.len), .key_length = key.len, .revision = INT64_MIN };
		index_insert(&top->index, hash, place);
	}
	if (s.revision > top->records[place].revision)
		keep(&top->records[place], value, &s);
	return true;
}

uint32_t top_tenant_count(const struct top *top)
{
	return top->tenant_count;
}

uint32_t top_key_count(const struct top *top)
{
	return top->count;
}

bool top_next(const struct top *top, uint32_t *cursor, struct snapshot *ret)
{
	while (*cursor < top->count) {
		const struct top_record *r = &top->records[(*cursor)++];

		if (r->value_length && !codec_decode_snapshot((struct slice){ r->value, r->value_length }, ret))
			return true;
	}
	return false;
}
