/* ledger_save: a ledger's part of a checkpoint, and its invariants. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core/edge.h"
#include "core/ledger_inside.h"

static void save_entries(const struct ledger_bucket *b, struct buffer *out)
{
	buffer_put_varint(out, b->used);
	for (uint32_t i = 0; i < b->capacity; i++) {
		if (b->entries[i].cell == CELL_NONE)
			continue;
		buffer_put_varint(out, b->entries[i].cell);
		buffer_put_i128(out, b->entries[i].sum);
		buffer_put_zigzag(out, b->entries[i].count);
	}
}

static void save_node(struct ledger_node *node, struct buffer *out)
{
	buffer_put_u8(out, node->tier);
	buffer_put_zigzag(out, node->bucket.start_ms);
	buffer_put_zigzag(out, node->bucket.end_ms);
	save_entries(&node->bucket, out);
	node->mark = MARK_WRITTEN;
}

void ledger_save(struct ledger *l, bool whole, struct buffer *out)
{
	uint32_t count = 0;
	bool has_opening = whole || l->opening.mark != MARK_CLEAN;

	buffer_put_zigzag(out, l->clock_ms);
	for (int tier = 0; tier < TIER_COUNT; tier++)
		buffer_put_zigzag(out, l->bounds[tier]);
	buffer_put_varint(out, whole ? 0 : l->gone_count);
	for (uint32_t i = 0; !whole && i < l->gone_count; i++)
		buffer_put_zigzag(out, l->gone[i].start_ms);
	l->gone_written = l->gone_count;
	buffer_put_u8(out, whole);
	buffer_put_u8(out, has_opening);
	if (has_opening)
		save_node(&l->opening, out);
	for (uint32_t i = 0; i < l->count; i++)
		count += whole || l->nodes[i]->mark != MARK_CLEAN;
	buffer_put_varint(out, count);
	for (uint32_t i = 0; i < l->count; i++)
		if (whole || l->nodes[i]->mark != MARK_CLEAN)
			save_node(l->nodes[i], out);
}

void ledger_saved(struct ledger *l)
{
	if (l->opening.mark == MARK_WRITTEN)
		l->opening.mark = MARK_CLEAN;
	for (uint32_t i = 0; i < l->count; i++)
		if (l->nodes[i]->mark == MARK_WRITTEN)
			l->nodes[i]->mark = MARK_CLEAN;
	for (uint32_t i = l->gone_written; i < l->gone_count; i++)
		l->gone[i - l->gone_written] = l->gone[i];
	l->gone_count -= l->gone_written;
	l->gone_written = 0;
}

/* ---- restoring ------------------------------------------------------------------------------------------ */

/* Beyond these nothing is a time or an amount; within them no sum of what was read can overflow. */
#define TIME_MAX_MS ((int64_t)1 << 52)
#define COUNT_MAX ((int64_t)1 << 40)
#define SUM_MAX ((i128)1 << 92)

static int64_t read_time(struct reader *in)
{
	int64_t ms = reader_zigzag(in);

	if (ms < -TIME_MAX_MS || ms > TIME_MAX_MS)
		reader_fail(in);
	return in->bad ? 0 : ms;
}

static void take_out(struct ledger *l, uint32_t place)
{
	ledger_entries_free(l, l->nodes[place]);
	free(l->nodes[place]);
	l->count--;
	memmove(l->nodes + place, l->nodes + place + 1,
		(l->count - place) * sizeof(struct ledger_node *));
}

struct part { /* keeps NULL: all */
	ledger_keeps_fn keeps;
	const void *ctx;
};

static void restore_entries(
	struct ledger *l, struct ledger_node *node, const struct part *part, struct reader *in)
{
	uint64_t count = reader_varint(in);

	for (uint64_t i = 0; i < count && !in->bad; i++) {
		uint64_t cell = reader_varint(in);
		i128 sum = reader_i128(in);
		int64_t facts = reader_zigzag(in);

		if (in->bad || cell >= cell_count(l->groups) || sum > SUM_MAX || sum < -SUM_MAX ||
			facts > COUNT_MAX || facts < -COUNT_MAX) {
			reader_fail(in);
			return;
		}
		if (!part->keeps || part->keeps(part->ctx, (uint32_t)cell))
			ledger_entry_add(l, node, (uint32_t)cell, sum, facts);
	}
	node->mark = MARK_CLEAN;
}

static void restore_bucket(struct ledger *l, const struct part *part, struct reader *in)
{
	uint8_t tier = reader_u8(in);
	int64_t start_ms = read_time(in), end_ms = read_time(in);
	uint32_t place;

	if (in->bad || tier >= TIER_COUNT || start_ms >= end_ms) {
		reader_fail(in);
		return;
	}
	place = ledger_lower(l, start_ms);
	if (place < l->count && l->nodes[place]->bucket.start_ms == start_ms)
		take_out(l, place);
	restore_entries(l, ledger_node_insert(l, place, (enum ledger_tier)tier, start_ms, end_ms),
		part, in);
	if (part->keeps && !l->nodes[place]->bucket.used)
		take_out(l, place);
}

static void restore_opening(struct ledger *l, const struct part *part, struct reader *in)
{
	reader_u8(in);
	reader_zigzag(in);
	reader_zigzag(in);
	ledger_entries_free(l, &l->opening);
	restore_entries(l, &l->opening, part, in);
}

static void restore_gone(struct ledger *l, struct reader *in)
{
	uint64_t count = reader_varint(in);

	for (uint64_t i = 0; i < count && !in->bad; i++) {
		int64_t start_ms = reader_zigzag(in);
		uint32_t place = ledger_lower(l, start_ms);

		if (!in->bad && place < l->count && l->nodes[place]->bucket.start_ms == start_ms)
			take_out(l, place);
	}
}

/* What was saved may have been settling: bounds stand on their grids, at or before where the clock puts them. */
static bool stand_at(struct ledger *l, int64_t clock_ms, const int64_t bounds[TIER_COUNT])
{
	ledger_stand_at(l, clock_ms);
	for (int tier = 0; tier < TIER_COUNT; tier++) {
		enum ledger_tier above = tier < TIER_DAY ? (enum ledger_tier)(tier + 1) : TIER_DAY;
		struct time_bounds cell =
			edge_cell(edge_day_kept(l->days, l->calendar, bounds[tier]),
				tier_res_ms(above), bounds[tier]);

		if (bounds[tier] > l->bounds[tier] || cell.start_ms != bounds[tier] ||
			(tier && bounds[tier] > bounds[tier - 1]))
			return false;
	}
	memcpy(l->bounds, bounds, sizeof(l->bounds));
	l->is_settled = false;
	return true;
}

static bool all_fit(const struct ledger *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		if ((i && l->nodes[i - 1]->bucket.end_ms > l->nodes[i]->bucket.start_ms) ||
			!ledger_node_fits(l, l->nodes[i]))
			return false;
	return true;
}

int ledger_restore(struct ledger *l, struct reader *in)
{
	return ledger_restore_part(l, in, NULL, NULL);
}

int ledger_restore_part(struct ledger *l, struct reader *in, ledger_keeps_fn keeps, const void *ctx)
{
	const struct part part = { keeps, ctx };
	int64_t clock_ms = reader_zigzag(in), bounds[TIER_COUNT];
	uint64_t count;
	bool has_clock = clock_ms != INT64_MIN;

	if (has_clock && (clock_ms < -TIME_MAX_MS || clock_ms > TIME_MAX_MS))
		return 1;
	for (int tier = 0; tier < TIER_COUNT; tier++)
		bounds[tier] = has_clock ? read_time(in) : reader_zigzag(in);
	restore_gone(l, in);
	if (reader_u8(in))
		ledger_empty(l);
	if (reader_u8(in))
		restore_opening(l, &part, in);
	count = reader_varint(in);
	for (uint64_t i = 0; i < count && !in->bad; i++)
		restore_bucket(l, &part, in);
	if (in->bad)
		return 1;
	if (!has_clock)
		return l->clock_ms != INT64_MIN || l->count || l->opening.bucket.used;
	return clock_ms < l->clock_ms || !stand_at(l, clock_ms, bounds) || !all_fit(l);
}

/* ---- invariants ----------------------------------------------------------------------------------------- */

static void check_node(const struct ledger *l, const struct ledger_node *node)
{
	const struct ledger_bucket *b = &node->bucket;
	uint32_t used = 0;

	assert(ledger_node_fits(l, node));
	for (uint32_t i = 0; i < b->capacity; i++) {
		assert(b->entries[i].cell == CELL_NONE ||
			(b->entries[i].cell < cell_count(l->groups) &&
				b->entries[i].measure ==
					cell_at(l->groups, b->entries[i].cell)->measure));
		used += b->entries[i].cell != CELL_NONE;
	}
	assert(used == b->used);
}

void ledger_check(const struct ledger *l)
{
	uint64_t entries = l->opening.bucket.used, places = l->opening.bucket.capacity;

	for (int tier = TIER_MINUTE; tier < TIER_COUNT; tier++)
		assert(l->bounds[tier] <= l->bounds[tier - 1]);
	assert(l->bounds[TIER_SECOND] <= l->clock_ms);

	for (uint32_t i = 0; i < l->count; i++) {
		assert(i == 0 || l->nodes[i - 1]->bucket.end_ms <= l->nodes[i]->bucket.start_ms);
		check_node(l, l->nodes[i]);
		entries += l->nodes[i]->bucket.used;
		places += l->nodes[i]->bucket.capacity;
	}
	assert(entries == l->entry_count && places == l->place_count);
}
