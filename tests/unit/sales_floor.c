#include "sales_floor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/timefmt.h"
#include "base/xalloc.h"

/* ---- life ----------------------------------------------------------------------------------------------- */

void floor_init(struct sales_floor *f, const char *definitions)
{
	memset(f, 0, sizeof(*f));
	arena_init(&f->arena, 0);
	index_init(&f->index);
	f->definitions = definitions;
	f->plan = plan_of(definitions);
	f->zones[0] = zone_of("Asia/Jakarta");
	f->zones[1] = zone_of("Europe/Berlin");
	f->calendars[0] = (struct calendar){ .zone = &f->zones[0], .week_start = 1, .fiscal_start_month = 1 };
	f->calendars[1] = (struct calendar){ .zone = &f->zones[1], .week_start = 1, .fiscal_start_month = 1 };
	f->tenants[0] = (struct tenant_settings){ "acme", 0, "IDR", NULL };
	f->tenants[1] = (struct tenant_settings){ "bolt", 1, NULL, NULL };
	f->book = (struct tenant_book){ .calendars = f->calendars,
		.calendar_count = 2,
		.tenants = f->tenants,
		.tenant_count = 2 };
	f->settings = (struct shard_settings){
		.plan = f->plan,
		.tenants = &f->book,
		.store = { 10000, 1 << 22 },
		.groups = { 10000, 100000 },
		.snapshots = snapshot_settings_usual(100000),
		.hash_seed = 1,
		.pending_max = 10000,
	};
	f->shard = shard_new(&f->settings);
	f->now_ms = 1000000;
	f->refuse_after = UINT32_MAX;
}

void floor_clear(struct sales_floor *f)
{
	for (uint32_t i = 0; i < f->count; i++)
		free(f->records[i].key);
	f->count = 0;
	index_reset(&f->index);
}

static void drop_cuts(struct sales_floor *f)
{
	while (f->cut_count)
		buffer_deinit(&f->cuts[--f->cut_count]);
}

void floor_deinit(struct sales_floor *f)
{
	floor_clear(f);
	drop_cuts(f);
	free(f->records);
	index_deinit(&f->index);
	shard_free(f->shard);
	plan_free(f->plan);
	zone_deinit(&f->zones[0]);
	zone_deinit(&f->zones[1]);
	arena_deinit(&f->arena);
}

/* ---- the reader ----------------------------------------------------------------------------------------- */

static bool is_key(const void *ctx, const void *key, uint32_t value)
{
	return !strcmp(((const struct sales_floor *)ctx)->records[value].key, key);
}

static uint64_t hash_of(const char *key)
{
	return hash_bytes(key, strlen(key), 3);
}

static char *key_of(const struct sales_floor *f, const struct snapshot *r)
{
	struct buffer _cleanup_buffer_ key;
	char date[TIME_TEXT_MAX];

	buffer_init(&key);
	buffer_printf(&key,
		SLICE_FMT "/" SLICE_FMT "/" SLICE_FMT "/" SLICE_FMT "/" SLICE_FMT "/" SLICE_FMT,
		SLICE_ARG(r->tenant_id), SLICE_ARG(r->metric), SLICE_ARG(r->window),
		SLICE_ARG(r->group_by), SLICE_ARG(r->group_key), SLICE_ARG(r->currency));
	if (r->is_history) {
		const struct calendar *calendar = &f->calendars[slice_is(r->tenant_id, "bolt")];
		int64_t noon_ms =
			calendar_local_day(calendar, r->window_start_ms) * 86400000 + 43200000;

		time_format(noon_ms, date);
		date[10] = '\0';
		buffer_printf(&key, "@%s", date);
	}
	return x_strdup(buffer_text(&key));
}

static uint64_t add_number(uint64_t hash, const struct snapshot_number *n)
{
	return hash_combine(hash_combine(hash_combine(hash, n->is_set), (uint64_t)n->units),
		(uint64_t)(n->units >> 64));
}

static uint64_t add_double(uint64_t hash, const struct snapshot_double *d)
{
	uint64_t bits;

	memcpy(&bits, &d->value, sizeof(bits));
	return hash_combine(hash_combine(hash, d->is_set), bits);
}

static uint64_t content_of(const struct snapshot *r)
{
	uint64_t hash = hash_of(r->state);

	hash = add_number(
		add_number(add_number(hash, &r->value_decimal), &r->numerator), &r->denominator);
	hash = add_double(
		add_double(add_double(hash, &r->value), &r->previous_value), &r->change_pct);
	hash = hash_combine(hash, (uint64_t)r->sample_size);
	hash = hash_combine(hash, (uint64_t)r->rank << 32 | (uint32_t)r->rank_of);
	return hash_combine(hash, (uint64_t)r->previous_rank);
}

static bool take(void *ctx, enum snapshot_topic topic, const struct snapshot *r)
{
	struct sales_floor *f = ctx;
	struct board_record *place;
	uint32_t found;
	char *key;

	if (!f->refuse_after)
		return false;
	f->refuse_after -= f->refuse_after != UINT32_MAX;
	assert_true(r->revision > f->revision);
	assert_int_equal(topic == SNAPSHOT_HISTORY, r->is_history);
	assert_true(r->window_start_ms <= r->window_end_ms);
	f->revision = r->revision;
	f->sent++;
	f->history += r->is_history;
	key = key_of(f, r);
	if (index_find(&f->index, hash_of(key), is_key, key, f, &found)) {
		free(key);
	} else {
		found = f->count;
		X_GROW(f->records, f->count, f->capacity);
		f->records[f->count++] = (struct board_record){ .key = key };
		index_insert(&f->index, hash_of(key), found);
	}
	place = &f->records[found];
	place->record = *r;
	place->sent++;
	place->content = content_of(r);
	place->label[0] = '\0';
	for (int i = 0; i < SNAPSHOT_GROUPS_MAX; i++)
		if (r->group_label[i].len)
			snprintf(place->label, sizeof(place->label), SLICE_FMT,
				SLICE_ARG(r->group_label[i]));
	return true;
}

const struct board_record *floor_find(const struct sales_floor *f, const char *key)
{
	uint32_t found;

	return index_find(&f->index, hash_of(key), is_key, key, f, &found) ? &f->records[found]
									   : NULL;
}

void floor_expect(
	const struct sales_floor *f, const char *key, const char *value, const char *state)
{
	const struct board_record *r = floor_find(f, key);
	char text[DECIMAL_TEXT_MAX] = "-";

	if (!r)
		fail_msg("nothing was said of %s", key);
	if (r->record.value_decimal.is_set)
		decimal_format(r->record.value_decimal.units, 0, text, sizeof(text));
	if (strcmp(text, value) || strcmp(r->record.state, state))
		fail_msg("%s is %s %s, wanted %s %s", key, text, r->record.state, value, state);
}

void floor_absent(const struct sales_floor *f, const char *key)
{
	if (floor_find(f, key))
		fail_msg("%s should not be there", key);
}

/* ---- what happens --------------------------------------------------------------------------------------- */

void floor_apply(struct sales_floor *f, const struct event *event)
{
	char reason[EVENT_REASON_MAX] = "";
	enum shard_answer answer = shard_apply(f->shard, event, reason);

	if (answer == SHARD_BAD || answer == SHARD_FULL)
		fail_msg("refused: %s", reason);
}

void floor_win(struct sales_floor *f, const char *id, int64_t version, const char *won_at,
	const char *rep, const char *amount, const char *currency)
{
	struct event *e = event_make(&f->arena, ENTITY_DEAL, id, version, won_at);

	event_set_all(e, "status", "WON", "amount", amount, "currency", currency ? currency : "IDR",
		"won_at", won_at, "owner_id", rep, NULL);
	floor_apply(f, e);
}

void floor_advance(struct sales_floor *f, const char *clock)
{
	int64_t clock_ms = ms_of(clock);

	if (clock_ms <= shard_clock(f->shard))
		return;
	while (shard_advance(f->shard, clock_ms, 5))
		;
}

uint32_t floor_turn(struct sales_floor *f, int64_t passed_ms, uint32_t budget)
{
	f->now_ms += passed_ms;
	return shard_collect(f->shard, f->now_ms, false, budget, take, f);
}

void floor_settle(struct sales_floor *f)
{
	int turn = 0;

	do
		floor_turn(f, 61000, UINT32_MAX);
	while (!shard_is_idle(f->shard) && ++turn < 100);
	assert_true(turn < 100);
}

void floor_at(struct sales_floor *f, const char *clock)
{
	floor_advance(f, clock);
	floor_settle(f);
}

void floor_cut(struct sales_floor *f, bool whole)
{
	struct buffer *cut;

	if (whole || f->cut_count == 64 || !f->cut_count) {
		drop_cuts(f);
		whole = true;
	}
	cut = &f->cuts[f->cut_count++];
	buffer_init(cut);
	shard_save(f->shard, whole, cut);
	shard_saved(f->shard);
}

static void start_again(struct sales_floor *f)
{
	shard_free(f->shard);
	f->settings.plan = f->plan;
	f->settings.hash_seed++;
	f->shard = shard_new(&f->settings);
	for (uint32_t i = 0; i < f->cut_count; i++)
		assert_int_equal(shard_restore(f->shard, f->cuts[i].data, f->cuts[i].len), 0);
	shard_restored(f->shard);
	snapshots_raise_revision(shard_snapshots(f->shard), f->revision + 1);
}

void floor_restart(struct sales_floor *f, bool whole)
{
	floor_cut(f, whole);
	start_again(f);
}

void floor_crash(struct sales_floor *f)
{
	start_again(f);
	snapshots_doubt(shard_snapshots(f->shard));
}
