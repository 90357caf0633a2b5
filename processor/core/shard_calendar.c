/*
 * shard_calendar: the calendars that a checkpoint was made under, beside those of now (S12).
 *
 * The totals of a checkpoint hold under other calendars as long as both agree on all that is before the clock: then every bucket
 * has its bounds, every edge its place, every closed period its key. So a change that lies ahead, or a rule of daylight saving
 * that a new tz database has for next year, keeps the state. What may be otherwise is a fact that a date in the record puts ahead
 * (`day_start(rep.active_to + 1)`): of the tenants concerned all facts are made under both calendars, and the difference
 * is booked, as an event would book it.
 *
 * Classes may be others: a tenant that is to move on 1 July leaves those that stay. The ledger of a class is then restored into
 * each class that its tenants are in now, and each takes the entries of its own. Two classes that become one are not joined:
 * that is a rebuild, as is a calendar that is another one before the clock.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "core/edge.h"
#include "core/shard_inside.h"

/* A zone's rule is laid out to 2200: what has more transitions than this is none. */
enum { TRANSITIONS_MAX = 8192, CLASSES_MAX = 1 << 20 };
#define TIME_MAX_MS ((int64_t)1 << 52)

/* ---- saving ---------------------------------------------------------------------------------------------- */

static void save_turns(const struct calendar_turns *turns, struct buffer *out)
{
	buffer_put_varint(out, turns->count);
	for (uint32_t i = 0; i < turns->count; i++) {
		buffer_put_zigzag(out, turns->items[i].day);
		buffer_put_u8(out, (uint8_t)turns->items[i].start);
	}
}

static void save_zone(const struct zone *zone, struct buffer *out)
{
	int64_t before_ms = 0;

	buffer_put_zigzag(out, zone->first_offset_ms);
	buffer_put_varint(out, zone->count);
	for (size_t i = 0; i < zone->count; i++) {
		buffer_put_zigzag(out, zone->transitions[i].at_ms - before_ms);
		buffer_put_zigzag(out, zone->transitions[i].offset_ms);
		before_ms = zone->transitions[i].at_ms;
	}
}

void shard_calendars_save(const struct shard *s, struct buffer *out)
{
	buffer_put_varint(out, s->class_count);
	for (uint32_t i = 0; i < s->class_count; i++) {
		const struct calendar *c = &s->settings.tenants->calendars[i];

		buffer_put_u8(out, (uint8_t)c->week_start);
		buffer_put_u8(out, (uint8_t)c->fiscal_start_month);
		save_turns(&c->weeks, out);
		save_turns(&c->years, out);
		save_zone(c->zone, out);
	}
}

/* ---- restoring ------------------------------------------------------------------------------------------- */

static int read_start(struct reader *in, int last)
{
	int start = reader_u8(in);

	if (start < 1 || start > last)
		reader_fail(in);
	return start;
}

static void restore_turns(struct calendar_turns *turns, int last, struct reader *in)
{
	uint64_t count = reader_varint(in);
	int64_t before = INT32_MIN;

	if (count > CALENDAR_CHANGES_MAX)
		reader_fail(in);
	for (uint64_t i = 0; i < count && !in->bad; i++) {
		int64_t day = reader_zigzag(in);

		if (day <= before || day > 1000000)
			reader_fail(in);
		before = day;
		turns->items[i] = (struct calendar_turn){ (int32_t)day, read_start(in, last) };
	}
	turns->count = in->bad ? 0 : (uint32_t)count;
}

static int64_t read_within(struct reader *in, int64_t limit)
{
	int64_t number = reader_zigzag(in);

	if (number < -limit || number > limit)
		reader_fail(in);
	return in->bad ? 0 : number;
}

static void restore_zone(struct zone *zone, struct reader *in)
{
	enum { OFFSET_MAX_MS = 26 * 3600000 };
	uint64_t count;
	int64_t at_ms = 0;

	zone->first_offset_ms = (int32_t)read_within(in, OFFSET_MAX_MS);
	count = reader_varint(in);
	if (count > TRANSITIONS_MAX || count > reader_left(in))
		reader_fail(in);
	if (in->bad)
		return;
	zone->transitions = x_calloc(count + 1, sizeof(*zone->transitions));
	for (; zone->count < count; zone->count++) {
		int64_t step_ms = read_within(in, TIME_MAX_MS);

		at_ms += step_ms;
		if ((zone->count && step_ms <= 0) || at_ms > TIME_MAX_MS)
			reader_fail(in);
		zone->transitions[zone->count] =
			(struct zone_transition){ at_ms, (int32_t)read_within(in, OFFSET_MAX_MS) };
		if (in->bad)
			return;
	}
}

void shard_calendars_forget(struct shard *s)
{
	for (uint32_t i = 0; i < s->before.count; i++)
		zone_deinit(&s->before.zones[i]);
	free(s->before.zones);
	free(s->before.calendars);
	free(s->before.class_was);
	free(s->before.tenant_class);
	s->before = (struct shard_before){ 0 };
}

int shard_calendars_restore(struct shard *s, struct reader *in)
{
	struct shard_before *before = &s->before;
	uint64_t count = reader_varint(in);

	if (in->bad || count > CLASSES_MAX || count > reader_left(in))
		return 1;
	shard_calendars_forget(s);
	before->calendars = x_calloc(count + 1, sizeof(*before->calendars));
	before->zones = x_calloc(count + 1, sizeof(*before->zones));
	before->class_was = x_calloc(s->class_count + 1, sizeof(*before->class_was));
	for (uint32_t i = 0; i < s->class_count; i++)
		before->class_was[i] = CLASS_NONE;
	for (; before->count < count && !in->bad; before->count++) {
		struct calendar *c = &before->calendars[before->count];

		c->zone = &before->zones[before->count];
		c->week_start = read_start(in, 7);
		c->fiscal_start_month = read_start(in, 12);
		restore_turns(&c->weeks, 7, in);
		restore_turns(&c->years, 12, in);
		restore_zone(&before->zones[before->count], in);
	}
	return in->bad;
}

/*
 * The instant until when calendars have to agree: the end of the quarter of an hour that holds the clock, whose cell in the ledger a
 * day that begins inside it would cut.
 */
static int64_t agreed_until(int64_t clock_ms)
{
	int64_t res_ms = tier_res_ms(TIER_QUARTER_HOUR), rest = clock_ms % res_ms;

	if (clock_ms == INT64_MIN)
		return clock_ms;
	return clock_ms - (rest < 0 ? rest + res_ms : rest) + res_ms;
}

static bool still_agrees(const struct shard *s, uint32_t class)
{
	return calendar_agrees(&s->before.calendars[s->before.class_was[class]],
		&s->settings.tenants->calendars[class], agreed_until(s->clock_ms));
}

void shard_calendars_compare(struct shard *s)
{
	for (uint32_t i = 0; s->before.class_was && !s->must_rebuild && i < s->class_count; i++)
		if (s->before.class_was[i] != CLASS_NONE)
			s->must_rebuild |= !still_agrees(s, i);
}

int shard_tenant_was(struct shard *s, uint32_t tenant, uint64_t class)
{
	struct shard_before *before = &s->before;
	uint32_t now = s->tenants[tenant].class;

	if (!before->class_was) {
		s->must_rebuild = true;
		return 0;
	}
	if (class >= before->count)
		return 1;
	if (tenant >= before->tenant_cap) {
		before->tenant_cap = tenant + 16 + tenant / 2;
		before->tenant_class = x_realloc_array(
			before->tenant_class, before->tenant_cap, sizeof(*before->tenant_class));
	}
	before->tenant_class[tenant] = (uint32_t) class;
	before->tenant_count += tenant == before->tenant_count;
	if (before->class_was[now] == CLASS_NONE) {
		before->class_was[now] = (uint32_t) class;
		s->must_rebuild |= !still_agrees(s, now);
	}
	s->must_rebuild |= before->class_was[now] != class;
	return 0;
}

struct part {
	const struct shard *shard;
	uint32_t class;
};

static bool is_of_class(const void *ctx, uint32_t cell)
{
	const struct part *part = ctx;
	const struct group_table *groups = part->shard->groups;

	return part->shard->tenant_class[group_at(groups, cell_at(groups, cell)->group)->tenant] ==
	       part->class;
}

int shard_ledger_restore(struct shard *s, uint64_t class, struct reader *in)
{
	if (class >= s->before.count)
		return 1;
	for (uint32_t i = 0; i < s->class_count; i++) {
		const struct part part = { s, i };
		struct reader again = *in;

		if (s->before.class_was[i] == class &&
			ledger_restore_part(s->ledgers[i], &again, is_of_class, &part))
			return 1;
	}
	return 0;
}

/* ---- what is other now ------------------------------------------------------------------------------------ */

bool shard_calendars_are_whole(const struct shard *s)
{
	return s->before.tenant_count == s->tenant_count;
}

bool shard_calendars_are_other(const struct shard *s)
{
	if (!s->before.calendars) /* nothing was restored at all */
		return false;
	if (s->before.count != s->class_count)
		return true;
	for (uint32_t i = 0; i < s->class_count; i++)
		if ((s->before.class_was[i] != CLASS_NONE && s->before.class_was[i] != i) ||
			!calendar_agrees(&s->before.calendars[i],
				&s->settings.tenants->calendars[i], INT64_MAX))
			return true;
	return false;
}

void shard_begin_classes(struct shard *s)
{
	for (uint32_t i = 0; s->clock_ms != INT64_MIN && i < s->class_count; i++) {
		size_t budget = SIZE_MAX / 2;

		if (ledger_clock(s->ledgers[i]) == INT64_MIN)
			ledger_advance(s->ledgers[i], s->clock_ms, &budget);
	}
}

void shard_book_other(struct shard *s)
{
	struct fact_maker *then = fact_maker_new(s->plan, s->store, &s->strings),
			  *now = fact_maker_new(s->plan, s->store, &s->strings);
	bool *is_other = x_calloc(s->tenant_count + 1, sizeof(*is_other));

	for (uint32_t i = 0; i < s->tenant_count; i++) {
		const struct calendar *was = &s->before.calendars[s->before.tenant_class[i]],
				      *is = &s->settings.tenants->calendars[s->tenant_class[i]];

		fact_maker_tenant(then, i, was);
		fact_maker_currency(
			then, i, s->tenants[i].currency_id, s->settings.tenants->rate_max_age_ms);
		fact_maker_tenant(now, i, is);
		fact_maker_currency(
			now, i, s->tenants[i].currency_id, s->settings.tenants->rate_max_age_ms);
		is_other[i] = !calendar_agrees(was, is, INT64_MAX);
	}
	for (uint32_t i = 0; i < store_count(s->store); i++) {
		if (!is_other[store_entity(s->store, i)->tenant])
			continue;
		fact_set_reset(&s->old_facts);
		fact_set_reset(&s->new_facts);
		fact_set_reset(&s->deltas);
		fact_maker_entity(then, i, &s->old_facts);
		fact_maker_entity(now, i, &s->new_facts);
		fact_difference(&s->old_facts, &s->new_facts, &s->deltas);
		for (size_t k = 0; k < s->deltas.count; k++)
			shard_book(s, &s->deltas.items[k]);
	}
	free(is_other);
	fact_maker_free(then);
	fact_maker_free(now);
}
