#include "edge/top.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "edge/codec.h"
#include "edge/top_inside.h"

static const char *const units[] = { "COUNT", "PERCENT", "CURRENCY", "SECONDS", "DAYS", "RATIO",
	"UNKNOWN" };
static const char *const states[] = { "OK", "NO_DATA", "ZERO_DENOMINATOR", "NO_BASE", "FX_MISSING",
	"LOW_SAMPLE", "PARTIAL", "CAPPED", "UNKNOWN" };
enum {
	UNIT_COUNT_OF = sizeof(units) / sizeof(units[0]),
	STATE_COUNT_OF = sizeof(states) / sizeof(states[0])
};
/* A text costs a key at least one record: more texts than this a key cannot be honest. */
enum { TEXT_BYTES_PER_KEY = 512, TENANTS_MAX = 100000 };

/* The static text that equals; the last of the table if none does. */
static const char *known(const char *const *table, size_t count, const char *text)
{
	for (size_t i = 0; text != NULL && i < count; i++)
		if (strcmp(table[i], text) == 0)
			return table[i];
	return table[count - 1];
}

struct top *top_new(const struct top_label *labels, size_t label_count, uint32_t keys_max)
{
	struct top *top = x_calloc(1, sizeof(*top));

	top->labels = labels;
	top->label_count = label_count;
	top->rows_max = keys_max;
	intern_init(&top->texts, 0x70b, (size_t)keys_max * TEXT_BYTES_PER_KEY);
	index_init(&top->index);
	return top;
}

void top_free(struct top *top)
{
	if (top == NULL)
		return;
	intern_deinit(&top->texts);
	index_deinit(&top->index);
	free(top->rows);
	free(top->tenants);
	free(top);
}

static uint64_t key_hash(const struct top_row_key *key)
{
	uint64_t hash = hash_combine(key->tenant, key->metric);

	return hash_combine(
		hash_combine(hash, key->window), hash_combine(key->group_by, key->group_key));
}

static bool key_equal(const void *ctx, const void *key, uint32_t value)
{
	const struct top_row_key *a = key, *b = &((const struct top *)ctx)->rows[value].key;

	return a->tenant == b->tenant && a->metric == b->metric && a->window == b->window &&
	       a->group_by == b->group_by && a->group_key == b->group_key &&
	       (a->currency == TOP_ANY || a->currency == b->currency);
}

const struct top_row *top_find(const struct top *top, struct top_row_key key)
{
	uint32_t row;

	if (key.tenant == 0 || key.metric == 0 || key.window == 0 || key.group_by == 0 ||
		key.group_key == 0)
		return NULL;
	if (!index_find(&top->index, key_hash(&key), key_equal, &key, top, &row)) {
		key.currency = TOP_ANY;
		if (!index_find(&top->index, key_hash(&key), key_equal, &key, top, &row))
			return NULL;
	}
	return top->rows[row].is_removed ? NULL : &top->rows[row];
}

/* ---- tenants ------------------------------------------------------------------------------------------------------------ */

static int name_order(const struct top *top, uint32_t a, uint32_t b)
{
	return slice_compare(intern_text(&top->texts, a), intern_text(&top->texts, b));
}

/* Kept by name, so that the tab key goes through them in an order that does not depend on arrival. */
static struct top_tenant *tenant_of(struct top *top, uint32_t id)
{
	uint32_t at = 0;

	while (at < top->tenant_count && top->tenants[at].id != id &&
		name_order(top, top->tenants[at].id, id) < 0)
		at++;
	if (at < top->tenant_count && top->tenants[at].id == id)
		return &top->tenants[at];
	if (top->tenant_count == TENANTS_MAX)
		return NULL;
	X_GROW(top->tenants, top->tenant_count, top->tenant_capacity);
	memmove(&top->tenants[at + 1], &top->tenants[at],
		(top->tenant_count - at) * sizeof(*top->tenants));
	top->tenant_count++;
	top->tenants[at] =
		(struct top_tenant){ .id = id, .as_of_ms = INT64_MIN, .published_ms = INT64_MIN };
	return &top->tenants[at];
}

/* ---- records -------------------------------------------------------------------------------------------------------------- */

static bool intern_key(struct top *top, const struct slice texts[6], struct top_row_key *ret)
{
	uint32_t ids[6];

	for (int i = 0; i < 6; i++) {
		ids[i] = intern_add(&top->texts, texts[i]);
		if (ids[i] == 0)
			return false;
	}
	*ret = (struct top_row_key){ ids[0], ids[1], ids[2], ids[3], ids[4], ids[5] };
	return true;
}

static struct top_row *row_for(struct top *top, const struct top_row_key *key)
{
	uint32_t row;

	if (index_find(&top->index, key_hash(key), key_equal, key, top, &row))
		return &top->rows[row];
	if (top->row_count >= top->rows_max)
		return NULL;
	X_GROW(top->rows, top->row_count, top->row_capacity);
	row = top->row_count++;
	top->rows[row] = (struct top_row){ .key = *key, .revision = INT64_MIN, .is_removed = true };
	index_insert(&top->index, key_hash(key), row);
	return &top->rows[row];
}

static void fill_row(struct top_row *row, const struct snapshot *record, int64_t now_ms)
{
	bool differs = row->is_removed || row->has_value != record->value.is_set ||
		       (row->has_value && (row->value > record->value.value ||
						  row->value < record->value.value));

	if (differs)
		row->changed_ms = now_ms;
	row->is_removed = false;
	row->unit = known(units, UNIT_COUNT_OF, record->unit);
	row->state = known(states, STATE_COUNT_OF, record->state);
	row->has_value = record->value.is_set;
	row->value = record->value.value;
	row->has_exact = record->value_decimal.is_set;
	row->exact = record->value_decimal.units;
	row->has_change = record->change_pct.is_set;
	row->change_pct = record->change_pct.value;
	row->moved = record->rank > 0 && record->previous_rank > 0
			     ? record->previous_rank - record->rank
			     : 0;
	row->sample_size = record->sample_size;
	row->revision = record->revision;
}

bool top_put(struct top *top, const struct snapshot *record, int64_t now_ms)
{
	struct slice texts[6] = { record->tenant_id, record->metric, record->window,
		record->group_by, record->group_key, record->currency };
	struct top_row_key key;
	struct top_row *row = intern_key(top, texts, &key) ? row_for(top, &key) : NULL;
	struct top_tenant *tenant = row != NULL ? tenant_of(top, key.tenant) : NULL;

	if (row == NULL || tenant == NULL) {
		top->refused_count++;
		return false;
	}
	if (record->revision <= row->revision)
		return false;
	bool is_heartbeat = slice_is(record->metric, "heartbeat");
	top->live_count += row->is_removed && !is_heartbeat;
	fill_row(row, record, now_ms);
	row->label = record->group_label[0].at != NULL
			     ? intern_add(&top->texts, record->group_label[0])
			     : 0;
	if (record->as_of_ms > tenant->as_of_ms)
		tenant->as_of_ms = record->as_of_ms;
	if (record->published_at_ms > tenant->published_ms)
		tenant->published_ms = record->published_at_ms;
	if (is_heartbeat) {
		tenant->has_lag = record->value.is_set;
		tenant->lag_s = record->value.value;
	}
	return true;
}

bool top_remove(struct top *top, struct slice key_bytes)
{
	struct reader reader = reader_of(key_bytes.at, key_bytes.len);
	struct top_row_key key;
	uint32_t ids[6], row;

	for (int i = 0; i < 6; i++) {
		int64_t length = reader_zigzag(&reader);
		if (length < 0 || (uint64_t)length > reader_left(&reader))
			return false;
		ids[i] = intern_find(&top->texts, reader_bytes(&reader, (size_t)length));
		if (reader.bad || ids[i] == 0)
			return false;
	}
	key = (struct top_row_key){ ids[0], ids[1], ids[2], ids[3], ids[4], ids[5] };
	if (!index_find(&top->index, key_hash(&key), key_equal, &key, top, &row) ||
		top->rows[row].is_removed)
		return false;
	top->rows[row].is_removed = true;
	top->live_count -= !slice_is(intern_text(&top->texts, key.metric), "heartbeat");
	return true;
}

bool top_take(struct top *top, struct slice key, struct slice value, int64_t now_ms)
{
	struct snapshot record;

	if (value.at == NULL)
		return top_remove(top, key);
	return codec_decode_snapshot(value, &record) == 0 && top_put(top, &record, now_ms);
}

uint32_t top_tenant_count(const struct top *top)
{
	return top->tenant_count;
}

uint32_t top_key_count(const struct top *top)
{
	return top->live_count;
}

uint64_t top_refused_count(const struct top *top)
{
	return top->refused_count;
}
