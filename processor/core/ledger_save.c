/* ledger_save: a ledger's part of a checkpoint, and its invariants. */
#include <assert.h>
#include <stdlib.h>

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

static void take_out(struct ledger *l, uint32_t place)
{
	l->entry_count -= l->nodes[place]->bucket.used;
	free(l->nodes[place]->bucket.entries);
	free(l->nodes[place]);
	l->count--;
	for (uint32_t i = place; i < l->count; i++)
		l->nodes[i] = l->nodes[i + 1];
}

static void restore_entries(struct ledger *l, struct ledger_node *node, struct reader *in)
{
	uint64_t count = reader_varint(in);

	for (uint64_t i = 0; i < count && !in->bad; i++) {
		uint64_t cell = reader_varint(in);
		i128 sum = reader_i128(in);
		int64_t facts = reader_zigzag(in);

		if (in->bad || cell >= cell_count(l->groups)) {
			reader_fail(in);
			return;
		}
		ledger_entry_add(l, node, (uint32_t)cell, sum, facts);
	}
	node->mark = MARK_CLEAN;
}

static void restore_bucket(struct ledger *l, struct reader *in)
{
	uint8_t tier = reader_u8(in);
	int64_t start_ms = reader_zigzag(in), end_ms = reader_zigzag(in);
	uint32_t place;

	if (in->bad || tier >= TIER_COUNT || start_ms >= end_ms) {
		reader_fail(in);
		return;
	}
	place = ledger_lower(l, start_ms);
	if (place < l->count && l->nodes[place]->bucket.start_ms == start_ms)
		take_out(l, place);
	restore_entries(l, ledger_node_insert(l, place, (enum ledger_tier)tier, start_ms, end_ms), in);
}

static void restore_opening(struct ledger *l, struct reader *in)
{
	struct ledger_node fresh = { 0 };

	reader_u8(in);
	reader_zigzag(in);
	reader_zigzag(in);
	l->entry_count -= l->opening.bucket.used;
	free(l->opening.bucket.entries);
	l->opening = fresh;
	restore_entries(l, &l->opening, in);
}

int ledger_restore(struct ledger *l, struct reader *in)
{
	int64_t clock_ms = reader_zigzag(in);
	uint64_t count = reader_varint(in);

	for (uint64_t i = 0; i < count && !in->bad; i++) {
		int64_t start_ms = reader_zigzag(in);
		uint32_t place = ledger_lower(l, start_ms);

		if (place < l->count && l->nodes[place]->bucket.start_ms == start_ms)
			take_out(l, place);
	}
	if (reader_u8(in))
		ledger_empty(l);
	if (reader_u8(in))
		restore_opening(l, in);
	count = reader_varint(in);
	for (uint64_t i = 0; i < count && !in->bad; i++)
		restore_bucket(l, in);
	if (in->bad || (clock_ms != INT64_MIN && (clock_ms < -((int64_t)1 << 53) || clock_ms > (int64_t)1 << 53)))
		return 1;
	if (clock_ms != INT64_MIN)
		ledger_stand_at(l, clock_ms);
	return 0;
}

static void check_node(const struct ledger *l, const struct ledger_node *node)
{
	const struct ledger_bucket *b = &node->bucket;
	struct time_bounds cell = edge_cell(edge_day(l->calendar, b->start_ms), tier_res_ms((enum ledger_tier)node->tier),
		b->start_ms);
	uint32_t used = 0;

	assert(cell.start_ms == b->start_ms && cell.end_ms == b->end_ms);
	assert(b->start_ms >= l->bounds[node->tier]);
	assert(node->tier == TIER_SECOND || b->end_ms <= l->bounds[node->tier - 1]);
	for (uint32_t e = 0; e < l->plan->edge_count; e++)
		assert(plan_edge_is_now(&l->plan->edges[e]) || l->positions[e] <= b->start_ms || l->positions[e] >= b->end_ms);
	for (uint32_t i = 0; i < b->capacity; i++) {
		assert(b->entries[i].cell == CELL_NONE || b->entries[i].cell < cell_count(l->groups));
		used += b->entries[i].cell != CELL_NONE;
	}
	assert(used == b->used);
}

void ledger_check(const struct ledger *l)
{
	uint64_t entries = l->opening.bucket.used;

	for (uint32_t i = 0; i < l->count; i++) {
		assert(i == 0 || l->nodes[i - 1]->bucket.end_ms <= l->nodes[i]->bucket.start_ms);
		check_node(l, l->nodes[i]);
		entries += l->nodes[i]->bucket.used;
	}
	assert(entries == l->entry_count);
}
