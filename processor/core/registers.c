#include "core/registers.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

void registers_init(struct registers *r, struct registers_sets *sets)
{
	*r = (struct registers){ .sets = sets };
	if (sets)
		*sets = (struct registers_sets){ .stages = NULL };
}

void registers_deinit(struct registers *r)
{
	if (r->sets) {
		free(r->sets->stages);
		free(r->sets->closings);
		free(r->sets->versions);
	}
	free(r->more);
	registers_init(r, r->sets);
}

struct with_sets {
	struct registers registers;
	struct registers_sets sets;
};

struct registers *registers_new(void)
{
	struct with_sets *both = x_malloc(sizeof(*both));

	registers_init(&both->registers, &both->sets);
	return &both->registers;
}

void registers_free(struct registers *r)
{
	if (!r)
		return;
	registers_deinit(r);
	free(r);
}

struct merge_key merge_key_of(const struct order_key *key)
{
	struct merge_key merge = { .occurred_at_ms = key->occurred_at_ms, .hash = key->hash };

	memcpy(merge.id, key->id, sizeof(merge.id));
	return merge;
}

int merge_key_compare(const struct merge_key *a, const struct merge_key *b)
{
	int order;

	if (a->occurred_at_ms != b->occurred_at_ms)
		return a->occurred_at_ms < b->occurred_at_ms ? -1 : 1;
	order = memcmp(a->id, b->id, sizeof(a->id));
	if (order)
		return order < 0 ? -1 : 1;
	if (a->hash != b->hash)
		return a->hash < b->hash ? -1 : 1;
	return 0;
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

static struct registers_more *need_more(struct registers *r)
{
	if (!r->more) {
		r->more = x_calloc(1, sizeof(*r->more));
		r->more->merge_target = UINT32_MAX;
	}
	return r->more;
}

static void image_is_last(struct registers *r)
{
	r->image_is_last = true;
	if (r->has_merge)
		return;
	free(r->more);
	r->more = NULL;
}

enum registers_image registers_image_order(const struct registers *r, const struct order_key *key)
{
	int order;

	if (!r || !r->has_image)
		return REGISTERS_NEWER;
	order = order_compare(key, registers_image_key(r));
	return order > 0 ? REGISTERS_NEWER : order < 0 ? REGISTERS_OLDER : REGISTERS_SAME;
}

bool registers_put_image(struct registers *r, const struct order_key *key, bool excluded)
{
	if (registers_image_order(r, key) != REGISTERS_NEWER)
		return false;
	r->has_image = true;
	r->excluded = excluded;
	r->image_is_last = false;
	if (r->has_last && !order_compare(key, &r->last_key))
		image_is_last(r);
	else
		need_more(r)->image_key = *key;
	return true;
}

bool registers_put_last(struct registers *r, const struct order_key *key, bool is_delete)
{
	if (r->has_last && order_compare(key, &r->last_key) <= 0)
		return false;
	if (r->image_is_last)
		need_more(r)->image_key = r->last_key;
	r->has_last = true;
	r->last_key = *key;
	r->last_is_delete = is_delete;
	r->image_is_last = false;
	if (r->has_image && !order_compare(&r->more->image_key, key))
		image_is_last(r);
	return true;
}

bool registers_put_op(struct registers *r, const struct order_key *key, bool is_delete,
	bool has_image, bool excluded)
{
	bool changed;

	/* What nearly always happens, without a step between at which the two keys differ. */
	if (has_image && (!r->has_last || order_compare(key, &r->last_key) > 0) &&
		registers_image_order(r, key) == REGISTERS_NEWER) {
		r->has_image = r->has_last = true;
		r->last_key = *key;
		r->last_is_delete = is_delete;
		r->excluded = excluded;
		image_is_last(r);
		return true;
	}
	changed = registers_put_last(r, key, is_delete);
	if (has_image)
		changed |= registers_put_image(r, key, excluded);
	return changed;
}

bool registers_put_erased(struct registers *r)
{
	bool changed = !r->erased;

	r->erased = true;
	return changed;
}

bool registers_put_merge(struct registers *r, const struct merge_key *key, uint32_t target)
{
	if (r->has_merge && merge_key_compare(key, &r->more->merge_key) < 0)
		return false;
	if (r->has_merge && target == r->more->merge_target &&
		!merge_key_compare(key, &r->more->merge_key))
		return false;
	r->has_merge = true;
	need_more(r)->merge_key = *key;
	r->more->merge_target = target;
	return true;
}

void registers_set_merge_target(struct registers *r, uint32_t target)
{
	assert(r->has_merge);
	r->more->merge_target = target;
}

/* Room for one more of `size` bytes: one by one at first, then by halves up to the limit that the caller keeps. */
static void *grow(void *items, uint8_t count, uint8_t *cap, size_t size)
{
	if (count < *cap)
		return items;
	*cap = (uint8_t)(*cap < 4 ? *cap + 1 : *cap + *cap / 2);
	return x_realloc(items, *cap * size);
}

/* ---- stages --------------------------------------------------------------------------------------------- */

static void stage_sort_last_changed(struct registers *r, uint16_t at)
{
	struct register_stage moved = r->sets->stages[at];

	while (at + 1 < r->sets->stage_count &&
		order_compare(&r->sets->stages[at + 1].greatest, &moved.greatest) < 0) {
		r->sets->stages[at] = r->sets->stages[at + 1];
		at++;
	}
	while (at > 0 && order_compare(&r->sets->stages[at - 1].greatest, &moved.greatest) > 0) {
		r->sets->stages[at] = r->sets->stages[at - 1];
		at--;
	}
	r->sets->stages[at] = moved;
}

/* Which of two entries falls out first: the earlier entered, then the lesser text. Ids are no order: they depend on arrival. */
static int stage_age_compare(
	const struct register_stage *a, const struct register_stage *b, const struct intern *in)
{
	if (a->entered_at_ms != b->entered_at_ms)
		return a->entered_at_ms < b->entered_at_ms ? -1 : 1;
	if (a->stage_id == b->stage_id)
		return 0;
	return slice_compare(intern_text(in, a->stage_id), intern_text(in, b->stage_id));
}

static bool stage_join(struct registers *r, uint16_t at, const struct register_stage *entry)
{
	struct register_stage *stage = &r->sets->stages[at];
	bool changed = false;

	if (order_compare(&entry->least, &stage->least) < 0) {
		stage->least = entry->least;
		stage->owner_id = entry->owner_id;
		stage->team_id = entry->team_id;
		changed = true;
	}
	if (order_compare(&entry->greatest, &stage->greatest) > 0) {
		stage->greatest = entry->greatest;
		stage->pipeline_id = entry->pipeline_id;
		stage->stage_order = entry->stage_order;
		stage->has_order = entry->has_order;
		stage_sort_last_changed(r, at);
		changed = true;
	}
	return changed;
}

bool registers_put_stage(struct registers *r, const struct register_stage *entry,
	const struct intern *in, bool *ret_folded)
{
	uint16_t oldest = 0;

	assert(entry->stage_id);
	for (uint16_t i = 0; i < r->sets->stage_count; i++)
		if (r->sets->stages[i].stage_id == entry->stage_id &&
			r->sets->stages[i].entered_at_ms == entry->entered_at_ms)
			return stage_join(r, i, entry);
	if (r->sets->stage_count == REGISTERS_STAGES_MAX) {
		*ret_folded = true;
		for (uint16_t i = 1; i < r->sets->stage_count; i++)
			if (stage_age_compare(&r->sets->stages[i], &r->sets->stages[oldest], in) <
				0)
				oldest = i;
		if (stage_age_compare(entry, &r->sets->stages[oldest], in) < 0)
			return false;
		memmove(&r->sets->stages[oldest], &r->sets->stages[oldest + 1],
			(size_t)(r->sets->stage_count - oldest - 1) * sizeof(*r->sets->stages));
		r->sets->stage_count--;
	}
	r->sets->stages = grow(r->sets->stages, r->sets->stage_count, &r->sets->stage_cap,
		sizeof(*r->sets->stages));
	r->sets->stages[r->sets->stage_count++] = *entry;
	stage_sort_last_changed(r, (uint16_t)(r->sets->stage_count - 1));
	return true;
}

/* ---- closings ------------------------------------------------------------------------------------------- */

static bool closing_join(struct register_closing *closing, const struct register_closing *entry)
{
	if (order_compare(&entry->least, &closing->least) >= 0)
		return false;
	*closing = *entry;
	return true;
}

bool registers_put_closing(struct registers *r, const struct register_closing *entry)
{
	uint16_t place = r->sets->closing_count;

	while (place > 0 && r->sets->closings[place - 1].at_ms > entry->at_ms)
		place--;
	if (place > 0 && r->sets->closings[place - 1].at_ms == entry->at_ms)
		return closing_join(&r->sets->closings[place - 1], entry);
	if (r->sets->closing_count == REGISTERS_CLOSINGS_MAX) {
		if (place == 0)
			return false; /* earlier than all that are kept */
		memmove(r->sets->closings, r->sets->closings + 1,
			(size_t)(place - 1) * sizeof(*r->sets->closings));
		r->sets->closings[place - 1] = *entry;
		return true;
	}
	r->sets->closings = grow(r->sets->closings, r->sets->closing_count, &r->sets->closing_cap,
		sizeof(*r->sets->closings));
	memmove(&r->sets->closings[place + 1], &r->sets->closings[place],
		(size_t)(r->sets->closing_count - place) * sizeof(*r->sets->closings));
	r->sets->closings[place] = *entry;
	r->sets->closing_count++;
	return true;
}

const struct register_closing *registers_closing_at(const struct registers *r, int64_t at_ms)
{
	for (uint16_t i = r->sets->closing_count; i > 0; i--)
		if (r->sets->closings[i - 1].at_ms == at_ms)
			return &r->sets->closings[i - 1];
	return NULL;
}

/* ---- versions ------------------------------------------------------------------------------------------- */

bool registers_put_version(
	struct registers *r, const struct register_version *entry, bool *ret_folded)
{
	uint16_t place = r->sets->version_count;
	int order = 1;

	while (place > 0) {
		order = order_compare(&entry->key, &r->sets->versions[place - 1].key);
		if (order >= 0)
			break;
		place--;
	}
	if (place > 0 && order == 0)
		return false; /* one key is one image (S1) */
	if (r->sets->version_count == REGISTERS_VERSIONS_MAX) {
		*ret_folded = true;
		if (place == 0)
			return false;
		memmove(r->sets->versions, r->sets->versions + 1,
			(size_t)(place - 1) * sizeof(*r->sets->versions));
		r->sets->versions[place - 1] = *entry;
		return true;
	}
	r->sets->versions = grow(r->sets->versions, r->sets->version_count, &r->sets->version_cap,
		sizeof(*r->sets->versions));
	memmove(&r->sets->versions[place + 1], &r->sets->versions[place],
		(size_t)(r->sets->version_count - place) * sizeof(*r->sets->versions));
	r->sets->versions[place] = *entry;
	r->sets->version_count++;
	return true;
}

size_t registers_bytes(const struct registers *r)
{
	size_t bytes = 0;

	if (!r)
		return 0;
	if (r->more)
		bytes += sizeof(*r->more);
	if (r->sets)
		bytes += r->sets->stage_cap * sizeof(*r->sets->stages) +
			 r->sets->closing_cap * sizeof(*r->sets->closings) +
			 r->sets->version_cap * sizeof(*r->sets->versions);
	return bytes;
}

/* ---- bytes ---------------------------------------------------------------------------------------------- */

enum registers_flag {
	FLAG_IMAGE = 1,
	FLAG_LAST = 2,
	FLAG_MERGE = 4,
	FLAG_LAST_DELETE = 8,
	FLAG_EXCLUDED = 16,
	FLAG_ERASED = 32,
	FLAG_IMAGE_IS_LAST = 64, /* the last key is the image's, and written once */
	FLAG_SETS = 128,
};

void order_key_write(const struct order_key *key, struct buffer *out)
{
	buffer_put_zigzag(out, key->source_version);
	buffer_put_zigzag(out, key->occurred_at_ms);
	buffer_put_u8(out, key->op_rank);
	buffer_put(out, key->id, sizeof(key->id));
	buffer_put_u64le(out, key->hash);
}

static void read_id(struct reader *in, uint8_t id[16])
{
	for (int i = 0; i < 16; i++)
		id[i] = reader_u8(in);
}

void order_key_read(struct order_key *key, struct reader *in)
{
	memset(key, 0, sizeof(*key));
	key->source_version = reader_zigzag(in);
	key->occurred_at_ms = reader_zigzag(in);
	key->op_rank = reader_u8(in);
	read_id(in, key->id);
	key->hash = reader_u64le(in);
	if (key->op_rank > 2 || !event_time_is_sane(key->occurred_at_ms))
		reader_fail(in);
}

/* Most entries of an entity's sets bear the key of its image. */
static void write_key_beside(
	const struct order_key *key, const struct order_key *image, struct buffer *out)
{
	bool same = !order_compare(key, image);

	buffer_put_u8(out, same);
	if (!same)
		order_key_write(key, out);
}

static void read_key_beside(struct order_key *key, const struct order_key *image, struct reader *in)
{
	uint8_t same = reader_u8(in);

	if (same > 1)
		reader_fail(in);
	if (same)
		*key = *image;
	else
		order_key_read(key, in);
}

static void write_sets(const struct registers *r, struct buffer *out)
{
	static const struct order_key none;
	const struct order_key *image = r->has_image ? registers_image_key(r) : &none;

	buffer_put_varint(out, r->sets->stage_count);
	for (uint16_t i = 0; i < r->sets->stage_count; i++) {
		const struct register_stage *s = &r->sets->stages[i];

		buffer_put_varint(out, s->stage_id);
		buffer_put_zigzag(out, s->entered_at_ms);
		write_key_beside(&s->least, image, out);
		write_key_beside(&s->greatest, image, out);
		buffer_put_varint(out, s->owner_id);
		buffer_put_varint(out, s->team_id);
		buffer_put_varint(out, s->pipeline_id);
		buffer_put_u8(out, s->has_order);
		buffer_put_zigzag(out, s->stage_order);
	}
	buffer_put_varint(out, r->sets->closing_count);
	for (uint16_t i = 0; i < r->sets->closing_count; i++) {
		buffer_put_zigzag(out, r->sets->closings[i].at_ms);
		write_key_beside(&r->sets->closings[i].least, image, out);
		buffer_put_varint(out, r->sets->closings[i].owner_id);
		buffer_put_varint(out, r->sets->closings[i].team_id);
	}
	buffer_put_varint(out, r->sets->version_count);
	for (uint16_t i = 0; i < r->sets->version_count; i++) {
		const struct register_version *v = &r->sets->versions[i];

		write_key_beside(&v->key, image, out);
		buffer_put_u8(out,
			(uint8_t)(v->has_amount | v->has_probability << 1 | v->has_from_day << 2));
		buffer_put_zigzag(out, v->amount);
		buffer_put_zigzag(out, v->probability);
		buffer_put_varint(out, v->currency);
		buffer_put_varint(out, v->owner_id);
		buffer_put_varint(out, v->team_id);
		buffer_put_varint(out, v->stage_id);
		buffer_put_varint(out, v->pipeline_id);
		if (v->has_from_day)
			buffer_put_zigzag(out, v->from_day);
	}
}

static bool has_sets(const struct registers *r)
{
	return r->sets &&
	       (r->sets->stage_count || r->sets->closing_count || r->sets->version_count);
}

void registers_write(const struct registers *r, struct buffer *out)
{
	unsigned flags =
		(r->has_image ? FLAG_IMAGE : 0) | (r->has_last ? FLAG_LAST : 0) |
		(r->has_merge ? FLAG_MERGE : 0) | (r->last_is_delete ? FLAG_LAST_DELETE : 0) |
		(r->excluded ? FLAG_EXCLUDED : 0) | (r->erased ? FLAG_ERASED : 0) |
		(r->image_is_last ? FLAG_IMAGE_IS_LAST : 0) | (has_sets(r) ? FLAG_SETS : 0);

	buffer_put_u8(out, (uint8_t)flags);
	if (r->has_image)
		order_key_write(registers_image_key(r), out);
	if (r->has_last && !r->image_is_last)
		order_key_write(&r->last_key, out);
	if (r->has_merge) {
		buffer_put_zigzag(out, r->more->merge_key.occurred_at_ms);
		buffer_put(out, r->more->merge_key.id, sizeof(r->more->merge_key.id));
		buffer_put_u64le(out, r->more->merge_key.hash);
	}
	if (has_sets(r))
		write_sets(r, out);
}

uint32_t string_map_read(const struct string_map *strings, struct reader *in)
{
	uint64_t id = reader_varint(in);

	if (id > strings->count)
		reader_fail(in);
	if (in->bad || !id)
		return 0;
	return strings->map ? strings->map[id] : (uint32_t)id;
}

static uint16_t read_count(struct reader *in, uint16_t max)
{
	uint64_t count = reader_varint(in);

	if (count > max)
		reader_fail(in);
	return in->bad ? 0 : (uint16_t)count;
}

/* One image makes one entry, and one entry is there once. */
static bool stage_is_out_of_place(const struct registers *r, const struct register_stage *entry)
{
	if (r->sets->stage_count &&
		order_compare(
			&r->sets->stages[r->sets->stage_count - 1].greatest, &entry->greatest) >= 0)
		return true;
	for (uint16_t i = 0; i < r->sets->stage_count; i++)
		if (r->sets->stages[i].stage_id == entry->stage_id &&
			r->sets->stages[i].entered_at_ms == entry->entered_at_ms)
			return true;
	return false;
}

static void read_stages(struct registers *r, struct reader *in, const struct string_map *strings)
{
	uint16_t count = read_count(in, REGISTERS_STAGES_MAX);

	for (uint16_t i = 0; i < count && !in->bad; i++) {
		struct register_stage s = { .stage_id = string_map_read(strings, in) };

		s.entered_at_ms = reader_zigzag(in);
		read_key_beside(&s.least, registers_image_key(r), in);
		read_key_beside(&s.greatest, registers_image_key(r), in);
		s.owner_id = string_map_read(strings, in);
		s.team_id = string_map_read(strings, in);
		s.pipeline_id = string_map_read(strings, in);
		s.has_order = reader_u8(in) == 1;
		s.stage_order = reader_zigzag(in);
		if (!s.stage_id || !event_time_is_sane(s.entered_at_ms) ||
			order_compare(&s.least, &s.greatest) > 0 || stage_is_out_of_place(r, &s))
			reader_fail(in);
		r->sets->stages =
			grow(r->sets->stages, r->sets->stage_count, &r->sets->stage_cap, sizeof(s));
		r->sets->stages[r->sets->stage_count++] = s;
	}
}

static void read_closings(struct registers *r, struct reader *in, const struct string_map *strings)
{
	uint16_t count = read_count(in, REGISTERS_CLOSINGS_MAX);

	for (uint16_t i = 0; i < count && !in->bad; i++) {
		struct register_closing c = { .at_ms = reader_zigzag(in) };

		read_key_beside(&c.least, registers_image_key(r), in);
		c.owner_id = string_map_read(strings, in);
		c.team_id = string_map_read(strings, in);
		if (!event_time_is_sane(c.at_ms) ||
			(i > 0 && r->sets->closings[i - 1].at_ms >= c.at_ms))
			reader_fail(in);
		r->sets->closings = grow(r->sets->closings, r->sets->closing_count,
			&r->sets->closing_cap, sizeof(c));
		r->sets->closings[r->sets->closing_count++] = c;
	}
}

static void read_versions(struct registers *r, struct reader *in, const struct string_map *strings)
{
	uint16_t count = read_count(in, REGISTERS_VERSIONS_MAX);

	for (uint16_t i = 0; i < count && !in->bad; i++) {
		struct register_version v = { .amount = 0 };
		int64_t day;
		uint8_t has;

		read_key_beside(&v.key, registers_image_key(r), in);
		has = reader_u8(in);
		v.has_amount = has & 1;
		v.has_probability = has & 2;
		v.has_from_day = has & 4;
		v.amount = reader_zigzag(in);
		v.probability = reader_zigzag(in);
		v.currency = string_map_read(strings, in);
		v.owner_id = string_map_read(strings, in);
		v.team_id = string_map_read(strings, in);
		v.stage_id = string_map_read(strings, in);
		v.pipeline_id = string_map_read(strings, in);
		day = v.has_from_day ? reader_zigzag(in) : 0;
		v.from_day = (int32_t)day;
		if (has > 7 || day != v.from_day || v.amount == INT64_MIN ||
			v.probability == INT64_MIN ||
			(i > 0 && order_compare(&r->sets->versions[i - 1].key, &v.key) >= 0))
			reader_fail(in);
		r->sets->versions = grow(r->sets->versions, r->sets->version_count,
			&r->sets->version_cap, sizeof(v));
		r->sets->versions[r->sets->version_count++] = v;
	}
}

static void read_keys(struct registers *r, uint8_t flags, struct reader *in)
{
	struct order_key image = { .op_rank = 0 };

	if (flags & FLAG_IMAGE)
		order_key_read(&image, in);
	if (flags & FLAG_IMAGE_IS_LAST)
		r->last_key = image;
	else if (flags & FLAG_LAST)
		order_key_read(&r->last_key, in);
	r->has_last = flags & FLAG_LAST;
	if (flags & FLAG_IMAGE)
		registers_put_image(r, &image, flags & FLAG_EXCLUDED);
	if (!(flags & FLAG_MERGE))
		return;
	r->has_merge = true;
	need_more(r)->merge_key.occurred_at_ms = reader_zigzag(in);
	read_id(in, r->more->merge_key.id);
	r->more->merge_key.hash = reader_u64le(in);
	if (!event_time_is_sane(r->more->merge_key.occurred_at_ms))
		reader_fail(in);
}

bool registers_read(struct registers *r, struct reader *in, const struct string_map *strings)
{
	const uint8_t both = FLAG_IMAGE | FLAG_LAST;
	uint8_t flags = reader_u8(in);

	/* Only images feed the sets. */
	if ((flags & FLAG_LAST_DELETE && !(flags & FLAG_LAST)) ||
		(flags & FLAG_EXCLUDED && !(flags & FLAG_IMAGE)) ||
		(flags & FLAG_IMAGE_IS_LAST && (flags & both) != both) ||
		(flags & FLAG_SETS && (!r->sets || !(flags & FLAG_IMAGE))))
		reader_fail(in);
	if (in->bad)
		return false;
	r->last_is_delete = flags & FLAG_LAST_DELETE;
	r->erased = flags & FLAG_ERASED;
	read_keys(r, flags, in);
	if (!(flags & FLAG_SETS))
		return !in->bad;
	read_stages(r, in, strings);
	read_closings(r, in, strings);
	read_versions(r, in, strings);
	return !in->bad;
}
