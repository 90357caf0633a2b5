/*
 * snapshot_save: what snapshots remember across a restart: which periods are closed, what is due in them, and the finals. What was
 * published on kpi.latest is not kept: after a restore every key counts as unpublished (S18).
 */
#include <assert.h>
#include <stdlib.h>

#include "core/snapshot_inside.h"

/* ---- saving --------------------------------------------------------------------------------------------- */

static void put_groups(const uint64_t *due, uint32_t words, struct buffer *out)
{
	uint32_t count = 0;

	assert(due || !words);
	for (uint32_t i = 0; i < words; i++)
		count += (uint32_t)__builtin_popcountll(due[i]);
	buffer_put_varint(out, count);
	for (uint32_t i = 0; i < words; i++)
		for (uint64_t left = due[i]; left; left &= left - 1)
			buffer_put_varint(out, (uint64_t)i * 64 + (uint64_t)__builtin_ctzll(left));
}

static void save_period(const struct closed_period *p, struct buffer *out)
{
	buffer_put_u8(out, 1);
	buffer_put_zigzag(out, p->start_ms);
	buffer_put_u8(out, p->is_whole);
	put_groups(p->due, p->words, out);
}

/* A round that is on its way is as if it had not looked at its period: what it sent is known by the finals. */
static void save_round(const struct snapshots *s, const struct closing *closing, struct buffer *out)
{
	const struct closed_round *r = &s->round;

	if (!r->is_loaded || closing != &s->closings[r->class * s->closer_count + r->closer])
		return;
	buffer_put_u8(out, 1);
	buffer_put_zigzag(out, closing->periods[r->period].start_ms);
	buffer_put_u8(out, 0);
	put_groups(r->due, r->words, out);
}

/* What a restore left and no clock has placed yet; `since` chooses the kind. */
static void save_restored(const struct snapshots *s, uint32_t index, bool since, struct buffer *out)
{
	for (uint32_t i = 0; i < s->restored_count; i++) {
		const struct restored_due *r = &s->restored[i];

		if (r->class * s->closer_count + r->closer != index || r->is_since != since)
			continue;
		buffer_put_u8(out, 1);
		buffer_put_zigzag(out, r->start_ms);
		if (!since) {
			buffer_put_u8(out, r->group == GROUP_NONE);
			buffer_put_varint(out, r->group != GROUP_NONE);
		}
		if (r->group != GROUP_NONE)
			buffer_put_varint(out, r->group);
	}
}

/* As changed from the last period on: who restores it has no period there, but the same doubt. */
static void save_doubted(const struct closing *closing, struct buffer *out)
{
	size_t cursor = 0;
	uint32_t group;

	while (closing->count && snapshot_doubt_next(closing, &cursor, &group)) {
		buffer_put_u8(out, 1);
		buffer_put_zigzag(out, closing->periods[closing->count - 1].start_ms);
		buffer_put_varint(out, group);
	}
}

/* Its place, until when it is closed, {1, period, whole, groups} …, 0, {1, since, group} …, 0. */
static void save_closing(const struct snapshots *s, uint32_t index, struct buffer *out)
{
	const struct closing *closing = &s->closings[index];
	const struct snapshot_closer *closer = &s->closers[index % s->closer_count];

	buffer_put_varint(out, index / s->closer_count);
	buffer_put_u8(out, (uint8_t)closer->unit);
	buffer_put_zigzag(out, closer->mature_ms);
	buffer_put_zigzag(out,
		closing->count ? closing->periods[closing->closed].start_ms : closing->restored_ms);
	for (uint32_t i = 0; closing->due_periods && i < closing->count; i++)
		if (closing->periods[i].due || closing->periods[i].is_whole)
			save_period(&closing->periods[i], out);
	save_round(s, closing, out);
	save_restored(s, index, false, out);
	buffer_put_u8(out, 0);
	for (uint32_t i = 0; closing->has_since && i < closing->since_count; i++) {
		if (closing->since_ms[i] == INT64_MAX)
			continue;
		buffer_put_u8(out, 1);
		buffer_put_zigzag(out, closing->since_ms[i]);
		buffer_put_varint(out, i);
	}
	save_doubted(closing, out);
	save_restored(s, index, true, out);
	buffer_put_u8(out, 0);
}

static void save_final(const struct final_value *f, struct buffer *out)
{
	buffer_put_u64le(out, f->key);
	buffer_put_u64le(out, f->content);
	buffer_put_zigzag(out, f->start_ms);
	buffer_put_u8(out, f->has_first);
	if (f->has_first)
		buffer_put_i128(out, f->first);
}

void snapshots_save(struct snapshots *s, bool whole, struct buffer *out)
{
	uint32_t count = 0;

	buffer_put_zigzag(out, s->revision);
	buffer_put_varint(out, s->class_count * s->closer_count);
	for (uint32_t i = 0; i < s->class_count * s->closer_count; i++)
		save_closing(s, i, out);
	buffer_put_u8(out, whole);
	for (uint32_t i = 0; i < s->final_count; i++)
		count += whole || s->finals[i].dirty;
	buffer_put_varint(out, count);
	/* The oldest first: at the limit it is the one that goes. */
	for (uint32_t i = 0; i < s->final_count; i++) {
		const struct final_value *f = &s->finals[(s->final_next + i) % s->final_count];

		if (whole || f->dirty)
			save_final(f, out);
	}
}

void snapshots_saved(struct snapshots *s)
{
	for (uint32_t i = 0; i < s->final_count; i++)
		s->finals[i].dirty = false;
	s->cut++;
}

/* ---- restoring ------------------------------------------------------------------------------------------ */

/* Definitions may have other closers now. */
static uint32_t closer_of(const struct snapshots *s, uint8_t unit, int64_t mature_ms)
{
	uint32_t i = 0;

	while (i < s->closer_count && (s->closers[i].unit != (enum calendar_unit)unit ||
					      s->closers[i].mature_ms != mature_ms))
		i++;
	return i;
}

struct renumbered { /* class_was NULL: classes are what they were */
	const uint32_t *class_was;
	uint32_t class_count;
};

/* The next present class from *next on that the saved one became; false: none any more. */
static bool next_class(const struct renumbered *to, uint32_t saved, uint32_t *next, uint32_t *ret)
{
	if (!to->class_was) {
		*ret = saved;
		return (*next)++ == 0;
	}
	for (; *next < to->class_count; ++*next)
		if (to->class_was[*next] == saved) {
			*ret = (*next)++;
			return true;
		}
	return false;
}

static void add_due(
	struct snapshots *s, const struct renumbered *to, const struct restored_due *due)
{
	struct restored_due placed = *due;
	uint32_t next = 0;

	while (next_class(to, due->class, &next, &placed.class))
		snapshot_restored_add(s, &placed);
}

static void restore_due(struct snapshots *s, const struct renumbered *to, struct restored_due *due,
	bool known, struct reader *in)
{
	uint64_t group = reader_varint(in);

	if (group >= GROUP_NONE)
		reader_fail(in);
	due->group = (uint32_t)group;
	if (known && !in->bad)
		add_due(s, to, due);
}

/* The index-th: they are in the order of classes, so that no class is greater. */
static void restore_closing(struct snapshots *s, uint64_t index, const struct renumbered *to,
	struct reader *in)
{
	uint64_t class = reader_varint(in), count;
	uint8_t unit = reader_u8(in);
	uint32_t closer = closer_of(s, unit, reader_zigzag(in));
	int64_t closed_ms = reader_zigzag(in);
	struct restored_due due = { .class = (uint32_t) class, .closer = closer };
	bool known = closer < s->closer_count;
	uint32_t next = 0, now;

	if (class > index || class > UINT16_MAX)
		reader_fail(in);
	while (known && !in->bad && next_class(to, due.class, &next, &now))
		snapshot_closing(s, now, closer)->restored_ms = closed_ms;
	while (reader_u8(in)) {
		due.start_ms = reader_zigzag(in);
		due.group = GROUP_NONE;
		if (reader_u8(in) && known && !in->bad)
			add_due(s, to, &due);
		count = reader_varint(in);
		for (uint64_t i = 0; i < count && !in->bad; i++)
			restore_due(s, to, &due, known, in);
	}
	due.is_since = true;
	while (reader_u8(in)) {
		due.start_ms = reader_zigzag(in);
		restore_due(s, to, &due, known, in);
	}
}

static void restore_final(struct snapshots *s, struct reader *in)
{
	struct final_value f = { .group = GROUP_NONE };

	f.key = reader_u64le(in);
	f.content = reader_u64le(in);
	f.start_ms = reader_zigzag(in);
	f.has_first = reader_u8(in) != 0;
	if (f.has_first)
		f.first = reader_i128(in);
	if (!in->bad)
		*snapshot_final_make(s, f.key) = f;
}

int snapshots_restore(struct snapshots *s, struct reader *in)
{
	return snapshots_restore_as(s, in, NULL, 0);
}

int snapshots_restore_as(
	struct snapshots *s, struct reader *in, const uint32_t *class_was, uint32_t class_count)
{
	const struct renumbered to = { class_was, class_count };
	int64_t revision = reader_zigzag(in);
	uint64_t count = reader_varint(in);

	if (revision > s->revision)
		s->revision = revision;
	s->restored_count = 0;
	for (uint64_t i = 0; i < count && !in->bad; i++)
		restore_closing(s, i, &to, in);
	if (reader_u8(in)) {
		s->final_count = s->final_next = 0;
		index_reset(&s->final_index);
	}
	count = reader_varint(in);
	for (uint64_t i = 0; i < count && !in->bad; i++)
		restore_final(s, in);
	return in->bad || reader_left(in);
}
