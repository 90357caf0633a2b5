/*
 * shard_save: a shard's state as records, each {kind, length, bytes}. Texts come before what names them; the entities are the
 * truth, the ledgers and groups spare the recomputation. Where the definitions or the program's own words are others than
 * when it was saved (S15), or the calendars before its clock (shard_calendar.c), only the entities are taken and everything
 * else is made from them.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "core/edge.h"
#include "core/shard_inside.h"

enum record_kind {
	RECORD_SHARD = 1, /* the definitions' fingerprint, clock, revision, counters */
	RECORD_STRINGS,	  /* first number, texts */
	RECORD_TENANTS,	  /* first number, ids, calendar class */
	RECORD_STORE,	  /* store_save */
	RECORD_GROUPS,	  /* group_save */
	RECORD_LEDGER,	  /* class, ledger_save */
	RECORD_PENDING,	  /* all of them */
	RECORD_SNAPSHOTS, /* snapshots_save */
	RECORD_CALENDARS, /* of all classes; in whole cuts */
	RECORD_RATES,	  /* what money was converted into, by which rates (shard_rates.c) */
};

enum { STORE_RECORD_BYTES = 256 * 1024 };

/* ---- saving --------------------------------------------------------------------------------------------- */

static size_t begin(struct buffer *out, enum record_kind kind)
{
	buffer_put_u8(out, (uint8_t)kind);
	buffer_put_u32le(out, 0);
	return out->len;
}

static void end(struct buffer *out, size_t start)
{
	size_t length = out->len - start;

	assert(length <= UINT32_MAX);
	for (int i = 0; i < 4; i++)
		out->data[start - 4 + (size_t)i] = (uint8_t)(length >> (8 * i));
}

static void save_head(const struct shard *s, struct buffer *out)
{
	const uint64_t counters[] = { s->events, s->duplicates, s->late, s->bad, s->facts,
		s->delta_count, s->dropped_flow };
	size_t start = begin(out, RECORD_SHARD);

	buffer_put_u64le(out, s->plan->fingerprint);
	buffer_put_zigzag(out, s->clock_ms);
	buffer_put_zigzag(out, snapshots_revision(s->snapshots));
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		buffer_put_varint(out, counters[i]);
	end(out, start);
}

static void save_strings(const struct shard *s, uint32_t first, struct buffer *out)
{
	size_t start = begin(out, RECORD_STRINGS);

	buffer_put_varint(out, first);
	buffer_put_varint(out, intern_count(&s->strings) - first);
	for (uint32_t id = first + 1; id <= intern_count(&s->strings); id++)
		buffer_put_slice(out, intern_text(&s->strings, id));
	end(out, start);
}

static void save_tenants(const struct shard *s, uint32_t first, struct buffer *out)
{
	size_t start = begin(out, RECORD_TENANTS);

	buffer_put_varint(out, first);
	buffer_put_varint(out, s->tenant_count - first);
	for (uint32_t i = first; i < s->tenant_count; i++) {
		buffer_put_varint(out, store_tenant_id(s->store, i));
		buffer_put_varint(out, s->tenants[i].class);
		buffer_put_u64le(out, workdays_hash(store_workdays(s->store, i)));
	}
	end(out, start);
}

static void save_store(struct shard *s, bool whole, struct buffer *out)
{
	uint32_t cursor = 0;

	while (cursor != UINT32_MAX) {
		size_t start = begin(out, RECORD_STORE);

		store_save(s->store, whole, out, STORE_RECORD_BYTES, &cursor);
		end(out, start);
	}
}

static void save_ledgers(struct shard *s, bool whole, struct buffer *out)
{
	for (uint32_t i = 0; i < s->class_count; i++) {
		size_t start = begin(out, RECORD_LEDGER);

		buffer_put_varint(out, i);
		ledger_save(s->ledgers[i], whole, out);
		end(out, start);
	}
}

static void save_pending(struct shard *s, struct buffer *out)
{
	size_t start = begin(out, RECORD_PENDING);

	s->pending.keeps_nothings = snapshots_is_in_doubt(s->snapshots);
	pending_tidy(&s->pending);
	buffer_put_varint(out, s->pending.count);
	for (uint32_t i = 0; i < s->pending.count; i++) {
		const struct pending_fact *p = &s->pending.items[i];

		buffer_put_zigzag(out, p->at_ms);
		buffer_put_varint(out, p->cell);
		buffer_put_i128(out, p->sum);
		buffer_put_zigzag(out, p->count);
	}
	end(out, start);
}

void shard_save(struct shard *s, bool whole, struct buffer *out)
{
	const struct shard_cut none = { 0 }, *from = whole ? &none : &s->saved;
	size_t start;

	save_head(s, out);
	if (whole) {
		start = begin(out, RECORD_CALENDARS);
		shard_calendars_save(s, out);
		end(out, start);
	}
	save_strings(s, from->strings, out);
	save_tenants(s, from->tenants, out);
	if (whole || s->tenant_count > from->tenants) {
		start = begin(out, RECORD_RATES);
		shard_rates_save(s, out);
		end(out, start);
	}
	save_store(s, whole, out);
	start = begin(out, RECORD_GROUPS);
	group_save(s->groups, from->groups, from->cells, out);
	end(out, start);
	save_ledgers(s, whole, out);
	if (whole || s->pending_dirty)
		save_pending(s, out);
	start = begin(out, RECORD_SNAPSHOTS);
	snapshots_save(s->snapshots, whole, out);
	end(out, start);
	s->written = (struct shard_cut){ intern_count(&s->strings), s->tenant_count,
		group_count(s->groups), cell_count(s->groups) };
}

/* The cut is made; one that does not arrive makes the next one whole. */
void shard_saved(struct shard *s)
{
	s->saved = s->written;
	s->pending_dirty = false;
	store_saved(s->store);
	for (uint32_t i = 0; i < s->class_count; i++)
		ledger_saved(s->ledgers[i]);
	snapshots_saved(s->snapshots);
}

/* ---- restoring ------------------------------------------------------------------------------------------ */

static int restore_head(struct shard *s, struct reader *in)
{
	uint64_t *const counters[] = { &s->events, &s->duplicates, &s->late, &s->bad, &s->facts,
		&s->delta_count, &s->dropped_flow };

	s->must_rebuild |= reader_u64le(in) != s->plan->fingerprint;
	s->clock_ms = reader_zigzag(in);
	int64_t revision = reader_zigzag(in);
	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		*counters[i] = reader_varint(in);
	if (s->clock_ms != INT64_MIN && !event_time_is_sane(s->clock_ms))
		reader_fail(in);
	if (revision < 0 || revision > (int64_t)1 << 62)
		reader_fail(in);
	if (in->bad)
		return 1;
	snapshots_raise_revision(s->snapshots, revision);
	shard_calendars_compare(s);
	return 0;
}

static int restore_strings(struct shard *s, struct reader *in)
{
	uint64_t first = reader_varint(in), count = reader_varint(in);

	if (first > s->string_map_count || count > reader_left(in))
		return 1;
	s->string_map_count = (uint32_t)first;
	for (uint64_t i = 0; i < count && !in->bad; i++) {
		struct slice text = reader_slice(in);
		uint32_t id = in->bad ? 0 : intern_add(&s->strings, text);

		if (!id)
			return 1;
		if (s->string_map_count + 1 >= s->string_map_cap) {
			s->string_map_cap = s->string_map_cap ? s->string_map_cap * 2 : 1024;
			s->string_map = x_realloc_array(
				s->string_map, s->string_map_cap, sizeof(*s->string_map));
			s->string_map[0] = 0;
		}
		s->string_map[++s->string_map_count] = id;
		s->must_rebuild |= id != s->string_map_count;
	}
	store_restore_strings(s->store, s->string_map, s->string_map_count);
	return in->bad;
}

static int restore_tenants(struct shard *s, struct reader *in)
{
	uint64_t first = reader_varint(in), count = reader_varint(in);

	if (first > s->tenant_count || count > reader_left(in))
		return 1;
	for (uint64_t i = 0; i < count && !in->bad; i++) {
		uint64_t id = reader_varint(in), class = reader_varint(in),
			 workdays = reader_u64le(in);
		uint32_t tenant;

		if (in->bad || !id || id > s->string_map_count ||
			!intern_text(&s->strings, s->string_map[id]).len)
			return 1;
		tenant = shard_tenant_get(s, intern_text(&s->strings, s->string_map[id]));
		if (tenant != first + i || shard_tenant_was(s, tenant, class))
			return 1;
		/* What was planned falls on other days. */
		s->must_rebuild |= workdays != workdays_hash(store_workdays(s->store, tenant));
	}
	return in->bad;
}

static int restore_pending(struct shard *s, struct reader *in)
{
	uint64_t count = reader_varint(in);

	s->pending.count = 0;
	for (uint64_t i = 0; i < count && !in->bad; i++) {
		struct pending_fact p = { .at_ms = reader_zigzag(in) };
		uint64_t cell = reader_varint(in);

		p.sum = reader_i128(in);
		p.count = reader_zigzag(in);
		p.cell = (uint32_t)cell;
		if (in->bad || cell >= cell_count(s->groups))
			return 1;
		p.due_ms = shard_due_ms(
			&s->plan->measures[cell_at(s->groups, p.cell)->measure], p.at_ms);
		pending_push(&s->pending, &p);
	}
	return in->bad;
}

/* The table knows neither tenants nor texts: whether those that its new groups and cells name exist is seen here. */
static int restore_groups(struct shard *s, struct reader *in)
{
	uint32_t group = group_count(s->groups), cell = cell_count(s->groups);
	uint32_t texts = intern_count(&s->strings);

	if (group_restore(s->groups, in))
		return 1;
	for (; group < group_count(s->groups); group++) {
		const struct group *g = group_at(s->groups, group);

		if (g->tenant >= s->tenant_count)
			return 1;
		for (int k = 0; k < PLAN_GROUP_DIMS_MAX; k++)
			if (g->dims[k] > texts)
				return 1;
	}
	for (; cell < cell_count(s->groups); cell++)
		if (cell_at(s->groups, cell)->currency > texts)
			return 1;
	return 0;
}

static int restore_totals(struct shard *s, enum record_kind kind, struct reader *in)
{
	uint64_t class;

	switch (kind) {
	case RECORD_GROUPS:
		return restore_groups(s, in);
	case RECORD_LEDGER:
		class = reader_varint(in);
		return in->bad || shard_ledger_restore(s, class, in);
	default:
		return restore_pending(s, in);
	}
}

static int restore_record(struct shard *s, uint8_t kind, struct reader *in)
{
	switch ((enum record_kind)kind) {
	case RECORD_SHARD:
		return restore_head(s, in);
	case RECORD_STRINGS:
		return restore_strings(s, in);
	case RECORD_TENANTS:
		return restore_tenants(s, in);
	case RECORD_STORE:
		return store_restore(s->store, in);
	case RECORD_GROUPS:
	case RECORD_LEDGER:
	case RECORD_PENDING:
		return s->must_rebuild ? 0 : restore_totals(s, (enum record_kind)kind, in);
	case RECORD_SNAPSHOTS: /* what was once final stays so under other definitions */
		return snapshots_restore_as(s->snapshots, in, s->before.class_was, s->class_count);
	case RECORD_CALENDARS:
		return shard_calendars_restore(s, in);
	case RECORD_RATES:
		return shard_rates_restore(s, in);
	}
	return 1;
}

/* No ledger is ahead of the shard, and nothing that waits for its time is late. */
static bool is_of_one_time(const struct shard *s)
{
	for (uint32_t i = 0; i < s->class_count; i++)
		if (ledger_clock(s->ledgers[i]) > s->clock_ms)
			return false;
	return !s->pending.count || s->pending.items[0].due_ms > s->clock_ms;
}

int shard_restore(struct shard *s, const void *bytes, size_t length)
{
	struct reader in = reader_of(bytes, length);

	s->has_restored = true;
	while (reader_left(&in) && !in.bad) {
		uint8_t kind = reader_u8(&in);
		struct slice body = reader_bytes(&in, reader_u32le(&in));
		struct reader record = reader_of(body.at, body.len);

		if (in.bad || restore_record(s, kind, &record))
			return 1;
	}
	return in.bad || (!s->must_rebuild && !is_of_one_time(s));
}

void shard_forget_published(struct shard *s)
{
	snapshots_forget_published(s->snapshots);
}

/* Everything that is not an entity, from the entities. */
static void rebuild(struct shard *s)
{
	int64_t clock_ms = s->clock_ms;

	shard_reset_totals(s);
	s->clock_ms = INT64_MIN;
	if (clock_ms != INT64_MIN)
		while (shard_advance(s, clock_ms, SIZE_MAX / 2))
			;
	shard_book_all(s, s->store, s->maker);
}

int shard_restored(struct shard *s)
{
	bool rebuilt, is_other;

	store_restored(s->store);
	rebuilt = s->must_rebuild || !shard_calendars_are_whole(s) ||
		  (!s->rates_agree && store_has_rates(s->store));
	is_other = !rebuilt && shard_calendars_are_other(s);
	shard_watch_all(s);
	if (rebuilt) {
		rebuild(s);
	} else {
		group_totals_clear(s->groups);
		for (uint32_t i = 0; i < s->class_count; i++) {
			ledger_recompute(s->ledgers[i]);
			if (s->clock_ms != INT64_MIN)
				s->day_start_ms[i] =
					edge_day(&s->settings.tenants->calendars[i], s->clock_ms)
						.start_ms;
		}
		shard_begin_classes(s);
		if (is_other)
			shard_book_other(s);
	}
	/* The next cut is written beside others of before: all must be in it unless it is known to be there. */
	s->saved = rebuilt || is_other
			   ? (struct shard_cut){ 0 }
			   : (struct shard_cut){ intern_count(&s->strings), s->tenant_count,
				     group_count(s->groups), cell_count(s->groups) };
	shard_forget_published(s);
	free(s->string_map);
	s->string_map = NULL;
	s->string_map_count = s->string_map_cap = 0;
	s->must_rebuild = false;
	shard_calendars_forget(s);
	return rebuilt ? 1 : is_other ? 2 : 0;
}

struct shard *shard_redefined(struct shard *before, const struct plan *plan)
{
	_cleanup_buffer_ struct buffer held = { 0 };
	struct shard_settings settings = before->settings;
	struct shard *s;
	int r;

	settings.plan = plan;
	shard_save(before, true, &held);
	shard_free(before);
	s = shard_new(&settings);
	r = shard_restore(s, held.data, held.len);
	assert(r == 0);
	(void)r;
	shard_restored(s);
	return s;
}
