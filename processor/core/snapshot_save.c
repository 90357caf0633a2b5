/*
 * snapshot_save: what snapshots remember across a restart: which periods are closed, what is due, and the finals. What was published
 * on kpi.latest is not kept: after a restore every key counts as unpublished (S18).
 */
#include <stdlib.h>

#include "base/xalloc.h"
#include "core/snapshot_inside.h"

static void save_final(const struct final_value *f, struct buffer *out)
{
	buffer_put_varint(out, f->metric);
	buffer_put_u8(out, f->unit);
	buffer_put_zigzag(out, f->start_ms);
	buffer_put_varint(out, f->group);
	buffer_put_varint(out, f->currency);
	buffer_put_u8(out, f->has_first);
	buffer_put_i128(out, f->first);
	buffer_put_u64le(out, f->content);
}

void snapshots_save(struct snapshots *s, bool whole, struct buffer *out)
{
	uint32_t count = 0;

	buffer_put_zigzag(out, s->revision);
	buffer_put_varint(out, s->class_count);
	for (uint32_t c = 0; c < s->class_count; c++)
		for (int u = 0; u < CALENDAR_UNIT_COUNT; u++)
			for (uint32_t k = 0; k < SNAPSHOT_MATURES_MAX; k++)
				buffer_put_zigzag(out, s->closed_until_ms[c][u][k]);
	buffer_put_u8(out, s->has_new_period);
	buffer_put_varint(out, s->due_count);
	for (uint32_t i = 0; i < s->due_count; i++) {
		buffer_put_zigzag(out, s->due[i].start_ms);
		buffer_put_varint(out, s->due[i].group);
		buffer_put_u8(out, s->due[i].unit);
		buffer_put_u8(out, s->due[i].matures);
	}
	buffer_put_u8(out, whole);
	for (uint32_t i = 0; i < s->final_count; i++)
		count += whole || s->finals[i].dirty;
	buffer_put_varint(out, count);
	for (uint32_t i = 0; i < s->final_count; i++)
		if (whole || s->finals[i].dirty)
			save_final(&s->finals[i], out);
}

void snapshots_saved(struct snapshots *s)
{
	for (uint32_t i = 0; i < s->final_count; i++)
		s->finals[i].dirty = false;
	s->due_dirty = false;
}

static void restore_closed(struct snapshots *s, struct reader *in)
{
	uint64_t classes = reader_varint(in);

	if (classes > reader_left(in))
		reader_fail(in);
	if (in->bad)
		return;
	if (classes > s->class_count) {
		s->closed_until_ms = x_realloc_array(s->closed_until_ms, classes, sizeof(*s->closed_until_ms));
		s->class_count = (uint32_t)classes;
	}
	for (uint64_t c = 0; c < classes; c++)
		for (int u = 0; u < CALENDAR_UNIT_COUNT; u++)
			for (uint32_t k = 0; k < SNAPSHOT_MATURES_MAX; k++)
				s->closed_until_ms[c][u][k] = reader_zigzag(in);
}

static void restore_due(struct snapshots *s, struct reader *in)
{
	uint64_t count = reader_varint(in);

	s->due_count = 0;
	index_reset(&s->due_index);
	for (uint64_t i = 0; i < count && !in->bad; i++) {
		int64_t start_ms = reader_zigzag(in);
		uint64_t group = reader_varint(in);
		uint8_t unit = reader_u8(in), matures = reader_u8(in);

		if (group >= GROUP_NONE || unit >= CALENDAR_UNIT_COUNT)
			reader_fail(in);
		if (!in->bad)
			snapshot_due_add(s, (enum calendar_unit)unit, start_ms, (uint32_t)group, matures);
	}
}

static void restore_final(struct snapshots *s, struct reader *in)
{
	uint64_t metric = reader_varint(in);
	uint8_t unit = reader_u8(in);
	int64_t start_ms = reader_zigzag(in);
	uint64_t group = reader_varint(in), currency = reader_varint(in);
	bool has_first = reader_u8(in) != 0;
	i128 first = reader_i128(in);
	uint64_t content = reader_u64le(in);
	struct final_value *f;

	if (metric >= s->plan->metric_count || unit >= CALENDAR_UNIT_COUNT || group >= GROUP_NONE || currency > UINT32_MAX)
		reader_fail(in);
	if (in->bad)
		return;
	f = snapshot_final_get(s, (uint16_t)metric, unit, start_ms, (uint32_t)group, (uint32_t)currency, true);
	if (!f)
		return;
	f->has_first = has_first;
	f->first = first;
	f->content = content;
	f->dirty = false;
}

int snapshots_restore(struct snapshots *s, struct reader *in)
{
	int64_t revision = reader_zigzag(in);
	uint64_t count;

	if (revision > s->revision)
		s->revision = revision;
	restore_closed(s, in);
	s->has_new_period = reader_u8(in) != 0;
	restore_due(s, in);
	if (reader_u8(in)) {
		s->final_count = 0;
		index_reset(&s->final_index);
	}
	count = reader_varint(in);
	for (uint64_t i = 0; i < count && !in->bad; i++)
		restore_final(s, in);
	return in->bad;
}

bool snapshots_restored(struct snapshots *s, const struct group_table *groups)
{
	for (uint32_t i = 0; i < s->due_count; i++)
		if (s->due[i].group >= group_count(groups))
			return false;
	for (uint32_t i = 0; i < s->final_count; i++)
		if (s->finals[i].group >= group_count(groups))
			return false;
	return true;
}
