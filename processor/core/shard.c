#include "core/shard.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "core/edge.h"
#include "core/shard_inside.h"

/* ---- life ----------------------------------------------------------------------------------------------- */

static void find_routes(struct shard *s)
{
	const struct plan *plan = s->plan;

	s->routes = x_calloc(plan->measure_count + 1, sizeof(*s->routes));
	for (uint32_t m = 0; m < plan->measure_count; m++) {
		const struct plan_measure *measure = &plan->measures[m];

		for (uint8_t n = 0; n < measure->grouping_count; n++) {
			const struct plan_grouping *grouping =
				&plan->groupings[measure->groupings[n]];

			for (uint8_t k = 0; k < grouping->dim_count; k++) {
				const uint8_t *place = memchr(
					measure->dims, grouping->dims[k], measure->dim_count);

				assert(place);
				s->routes[m].dims[n][k] = (uint8_t)(place - measure->dims);
			}
		}
	}
}

static void new_totals(struct shard *s)
{
	s->groups = group_table_new(s->plan, s->settings.groups);
	for (uint32_t i = 0; i < s->class_count; i++)
		s->ledgers[i] = ledger_new(s->plan, s->groups, &s->settings.tenants->calendars[i]);
}

static void free_totals(struct shard *s)
{
	for (uint32_t i = 0; i < s->class_count; i++)
		ledger_free(s->ledgers[i]);
	group_table_free(s->groups);
}

struct shard *shard_new(const struct shard_settings *settings)
{
	struct shard *s = x_calloc(1, sizeof(*s));
	int r;

	s->settings = *settings;
	s->plan = settings->plan;
	s->class_count = settings->tenants->calendar_count;
	s->clock_ms = INT64_MIN;
	s->eviction.floor_ms = INT64_MIN;
	intern_init(&s->strings, settings->hash_seed,
		0); /* the store keeps the limit: a restore must not be refused */
	r = plan_intern_constants(s->plan, &s->strings);
	assert(r == 0);
	(void)r;
	s->store = store_new(s->plan, &s->strings, settings->store);
	s->maker = fact_maker_new(s->plan, s->store, &s->strings);
	s->watch = rate_watch_new();
	s->ledgers = x_calloc(s->class_count, sizeof(struct ledger *));
	s->day_start_ms = x_calloc(s->class_count, sizeof(*s->day_start_ms));
	new_totals(s);
	s->snapshots = snapshots_new(s->plan, settings->snapshots);
	index_init(&s->tenant_index);
	fact_set_init(&s->old_facts);
	fact_set_init(&s->new_facts);
	fact_set_init(&s->deltas);
	find_routes(s);
	return s;
}

void shard_free(struct shard *s)
{
	if (!s)
		return;
	snapshots_free(s->snapshots);
	free_totals(s);
	free(s->ledgers);
	free(s->day_start_ms);
	fact_maker_free(s->maker);
	rate_watch_free(s->watch);
	free(s->reached.items);
	store_free(s->store);
	intern_deinit(&s->strings);
	index_deinit(&s->tenant_index);
	fact_set_deinit(&s->old_facts);
	fact_set_deinit(&s->new_facts);
	fact_set_deinit(&s->deltas);
	free(s->pending.items);
	free(s->routes);
	free(s->tenants);
	free(s->tenant_class);
	free(s->tenant_currency);
	free(s->string_map);
	shard_calendars_forget(s);
	free(s);
}

void shard_reset_totals(struct shard *s)
{
	free_totals(s);
	new_totals(s);
	s->pending.count = 0;
	s->pending.tidy_at = 0;
	s->pending_dirty = true;
}

/* ---- tenants -------------------------------------------------------------------------------------------- */

static bool is_tenant(const void *ctx, const void *wanted, uint32_t tenant)
{
	return store_tenant_id(((const struct shard *)ctx)->store, tenant) ==
	       *(const uint32_t *)wanted;
}

static uint32_t add_tenant(struct shard *s, struct slice tenant_id)
{
	const struct tenant_settings *settings = tenant_book_find(s->settings.tenants, tenant_id);
	uint32_t tenant = store_tenant(s->store, tenant_id, settings), currency = 0;

	if (tenant == UINT32_MAX)
		return tenant;
	if (settings->currency) /* the key of its money, before any comes */
		currency = intern_add(&s->strings, slice_of(settings->currency));
	assert(tenant == s->tenant_count && settings->calendar < s->class_count);
	if (s->tenant_count == s->tenant_cap) {
		s->tenant_cap = s->tenant_cap ? s->tenant_cap * 2 : 16;
		s->tenants = x_realloc_array(s->tenants, s->tenant_cap, sizeof(*s->tenants));
		s->tenant_class =
			x_realloc_array(s->tenant_class, s->tenant_cap, sizeof(*s->tenant_class));
		s->tenant_currency =
			x_realloc_array(s->tenant_currency, s->tenant_cap, sizeof(char *));
	}
	s->tenants[tenant] =
		(struct shard_tenant){ settings->calendar, settings->currency, currency };
	s->tenant_class[tenant] = settings->calendar;
	s->tenant_currency[tenant] = settings->currency;
	s->tenant_count++;
	index_insert(&s->tenant_index, hash_u64(store_tenant_id(s->store, tenant)), tenant);
	fact_maker_tenant(s->maker, tenant, &s->settings.tenants->calendars[settings->calendar]);
	fact_maker_currency(s->maker, tenant, currency, s->settings.tenants->rate_max_age_ms);
	return tenant;
}

uint32_t shard_tenant_get(struct shard *s, struct slice tenant_id)
{
	uint32_t id = intern_find(&s->strings, tenant_id), tenant;

	if (id && index_find(&s->tenant_index, hash_u64(id), is_tenant, &id, s, &tenant))
		return tenant;
	return add_tenant(s, tenant_id);
}

uint32_t shard_tenant_count(const struct shard *s)
{
	return s->tenant_count;
}

struct slice shard_tenant(const struct shard *s, uint32_t index)
{
	return intern_text(&s->strings, store_tenant_id(s->store, index));
}

/* What the snapshots read. */
struct snapshot_view shard_view(const struct shard *s)
{
	return (struct snapshot_view){
		.plan = s->plan,
		.store = s->store,
		.groups = s->groups,
		.strings = &s->strings,
		.ledgers = s->ledgers,
		.calendars = s->settings.tenants->calendars,
		.class_count = s->class_count,
		.tenant_class = s->tenant_class,
		.tenant_currency = s->tenant_currency,
		.late_count = s->late,
		.duplicate_count = s->duplicates,
	};
}

/* ---- booking -------------------------------------------------------------------------------------------- */

/* A target of a team is in no total of its company, and not the sum of its reps'. */
bool shard_is_in_scope(const struct shard *s, const struct fact *fact, uint8_t n)
{
	const struct plan_measure *measure = &s->plan->measures[fact->measure];

	return !fact->scope || s->plan->groupings[measure->groupings[n]].scope_id == fact->scope;
}

/* Answers the grouping. */
static uint16_t group_dims(
	const struct shard *s, const struct fact *fact, uint8_t n, uint32_t dims[PLAN_GROUP_DIMS_MAX])
{
	uint16_t grouping = s->plan->measures[fact->measure].groupings[n];

	for (uint8_t k = 0; k < s->plan->groupings[grouping].dim_count; k++)
		dims[k] = fact->dims[s->routes[fact->measure].dims[n][k]];
	return grouping;
}

uint32_t shard_group_of(struct shard *s, const struct fact *fact, uint8_t n)
{
	uint32_t dims[PLAN_GROUP_DIMS_MAX] = { 0 };
	uint16_t grouping = group_dims(s, fact, n, dims);

	return group_get(s->groups, fact->tenant, grouping, dims);
}

uint32_t shard_group_known(const struct shard *s, const struct fact *fact, uint8_t n)
{
	uint32_t dims[PLAN_GROUP_DIMS_MAX] = { 0 };
	uint16_t grouping = group_dims(s, fact, n, dims);

	return group_find(s->groups, fact->tenant, grouping, dims);
}

/* The day that is open here may have been closed by whoever had the shard before. */
static void note_booked(struct shard *s, uint32_t class, uint32_t cell, int64_t at_ms)
{
	if (at_ms < s->day_start_ms[class] || snapshots_is_in_doubt(s->snapshots)) {
		const struct snapshot_view view = shard_view(s);

		snapshots_booked(s->snapshots, &view, cell, at_ms);
	}
}

int64_t shard_due_ms(const struct plan_measure *measure, int64_t at_ms)
{
	return measure->is_whole || at_ms == INT64_MAX ? at_ms : at_ms + 1;
}

/* One cell's share of a fact. False: below the floor. */
static bool book_cell(struct shard *s, uint32_t tenant, uint32_t cell, const struct pending_fact *p)
{
	uint32_t class = s->tenant_class[tenant];

	/* While the clock is on its way, a ledger that has not arrived still stands at the one before. */
	if (s->clock_ms == INT64_MIN || p->due_ms > ledger_clock(s->ledgers[class])) {
		s->pending.keeps_nothings = snapshots_is_in_doubt(s->snapshots);
		pending_push(&s->pending, p);
		s->pending_dirty = true;
		return true;
	}
	if ((p->sum || p->count) && ledger_add(s->ledgers[class], cell, p->at_ms, p->sum, p->count))
		return false;
	note_booked(s, class, cell, p->at_ms);
	return true;
}

bool shard_book(struct shard *s, const struct fact *fact)
{
	const struct plan_measure *measure = &s->plan->measures[fact->measure];
	int64_t due_ms = shard_due_ms(measure, fact->at_ms);
	bool booked = true;

	for (uint8_t n = 0; n < measure->grouping_count; n++) {
		struct pending_fact p = { .at_ms = fact->at_ms,
			.due_ms = due_ms,
			.sum = fact->amount,
			.count = fact->count };
		uint32_t group;

		if (!shard_is_in_scope(s, fact, n))
			continue;
		group = shard_group_of(s, fact, n);
		if (group == GROUP_NONE)
			continue;
		p.cell = cell_get(s->groups, group, fact->measure, fact->currency, fact->sub);
		if (p.cell != CELL_NONE)
			booked &= book_cell(s, fact->tenant, p.cell, &p);
	}
	return booked;
}

void shard_book_all(struct shard *s, const struct store *store, struct fact_maker *maker)
{
	for (uint32_t i = 0; i < store_count(store); i++) {
		fact_set_reset(&s->new_facts);
		fact_maker_entity(maker, i, &s->new_facts);
		for (size_t k = 0; k < s->new_facts.count; k++)
			shard_book(s, &s->new_facts.items[k]);
	}
}

/* ---- one event ------------------------------------------------------------------------------------------ */

static bool has_room(struct shard *s)
{
	uint64_t bytes = 0;

	/* In doubt the same nothing may wait several times. */
	if (s->settings.pending_max && s->pending.count >= s->settings.pending_max &&
		snapshots_is_in_doubt(s->snapshots))
		pending_tidy(&s->pending);
	if (s->settings.pending_max && s->pending.count >= s->settings.pending_max)
		return false;
	if (!s->settings.ledger_bytes_max)
		return true;
	for (uint32_t i = 0; i < s->class_count; i++)
		bytes += ledger_bytes(s->ledgers[i]);
	return bytes <= s->settings.ledger_bytes_max;
}

/* S4: all facts of the old side and all of the new side, of everything that the change reaches, within one event. */
static void make_facts(struct shard *s, const struct store_change *change)
{
	fact_set_reset(&s->new_facts);
	fact_set_reset(&s->old_facts);
	fact_set_reset(&s->deltas);
	if (!change->affected_count)
		return;
	fact_maker_watch(s->maker, s->watch);
	for (size_t i = 0; i < change->affected_count; i++)
		fact_maker_entity(s->maker, change->affected[i], &s->new_facts);
	store_change_swap(s->store);
	for (size_t i = 0; i < change->affected_count; i++)
		fact_maker_entity(s->maker, change->affected[i], &s->old_facts);
	store_change_swap(s->store);
	fact_maker_watch(s->maker, NULL);
	fact_difference(&s->old_facts, &s->new_facts, &s->deltas);
	s->facts += s->new_facts.count;
	s->delta_count += s->deltas.count;
	if (snapshots_is_in_doubt(s->snapshots))
		shard_add_twins(s, change);
}

/*
 * A fact below the floor that is taken back was in no window any more; one that is added there is late. A period that began there has
 * no total any more: what was to go into it is not late while the fact itself is not.
 */
static bool book_deltas(struct shard *s)
{
	bool late = false;

	for (size_t i = 0; i < s->deltas.count; i++) {
		if (shard_book(s, &s->deltas.items[i]) ||
			s->plan->measures[s->deltas.items[i].measure].is_whole)
			continue;
		s->dropped_flow += s->deltas.items[i].count || s->deltas.items[i].amount;
		late |= s->deltas.items[i].count > 0;
	}
	return late;
}

void shard_expect(const struct shard *s, const struct event *const *events, size_t count)
{
	store_expect(s->store, events, count);
}

enum shard_answer shard_apply(struct shard *s, const struct event *event, char *ret_reason)
{
	struct store_change change;
	enum store_answer answer;
	uint32_t tenant;
	bool late;

	if (event_validate(event, ret_reason)) {
		s->bad++;
		return SHARD_BAD;
	}
	if (!has_room(s))
		return SHARD_FULL;
	tenant = shard_tenant_get(s, event->tenant_id);
	if (tenant == UINT32_MAX)
		return SHARD_FULL;
	if (shard_is_past(s, tenant, event)) {
		s->late++;
		return SHARD_LATE;
	}
	answer = store_apply(s->store, tenant, event, &change);
	if (answer == STORE_FULL)
		return SHARD_FULL;
	s->events++;
	if (answer == STORE_UNCHANGED) {
		s->duplicates++;
		return SHARD_DUPLICATE;
	}
	if (change.rate_count)
		change = shard_reach(s, tenant, &change);
	make_facts(s, &change);
	store_change_close(s->store);
	late = book_deltas(s);
	s->late += late;
	return late ? SHARD_LATE : SHARD_APPLIED;
}

/* ---- time ----------------------------------------------------------------------------------------------- */

/* Facts whose time has come. False: the budget is used up. */
static bool drain_pending(struct shard *s, size_t *budget)
{
	while (s->pending.count && s->pending.items[0].due_ms <= s->clock_ms) {
		struct pending_fact p;
		uint32_t tenant;

		if (!*budget)
			return false;
		--*budget;
		p = pending_pop(&s->pending);
		s->pending_dirty = true;
		tenant = group_at(s->groups, cell_at(s->groups, p.cell)->group)->tenant;
		if (p.sum || p.count)
			s->dropped_flow += !book_cell(s, tenant, p.cell, &p);
		else
			note_booked(s, s->tenant_class[tenant], p.cell, p.at_ms);
	}
	return true;
}

/* What a window lets go of is less urgent than what an event brings (S20). */
static int advance_ledgers(struct shard *s, size_t *budget)
{
	int more = 0;

	group_set_urgency(s->groups, GROUP_PATIENT);
	for (uint32_t i = 0; i < s->class_count && !more; i++) {
		more = ledger_advance(s->ledgers[i], s->clock_ms, budget);
		if (!more)
			s->day_start_ms[i] =
				edge_day(&s->settings.tenants->calendars[i], s->clock_ms).start_ms;
	}
	group_set_urgency(s->groups, GROUP_URGENT);
	return more;
}

int shard_advance(struct shard *s, int64_t clock_ms, size_t work_max)
{
	assert(clock_ms >= s->clock_ms);
	if (clock_ms == s->clock_ms && !s->is_advancing)
		return 0;
	if (s->clock_ms == INT64_MIN) {
		const struct snapshot_view view = shard_view(s);

		snapshots_begin(s->snapshots, &view, clock_ms);
	}
	s->clock_ms = clock_ms;
	s->is_advancing = true;
	if (advance_ledgers(s, &work_max))
		return 1;
	if (!drain_pending(s, &work_max))
		return 1;
	s->is_advancing = false;
	shard_evict(s);
	return 0;
}

int64_t shard_clock(const struct shard *s)
{
	return s->clock_ms;
}

/* ---- what goes out -------------------------------------------------------------------------------------- */

uint32_t shard_collect(struct shard *s, int64_t now_ms, bool everything, uint32_t budget,
	snapshot_emit_fn emit, void *ctx)
{
	const struct snapshot_view view = shard_view(s);
	uint32_t count;

	if (s->clock_ms == INT64_MIN || s->is_advancing)
		return 0;
	/* A month that closes has more to say than fits in a second: what happens now is not behind all of it. */
	count = snapshots_collect_closed(
		s->snapshots, &view, s->clock_ms, now_ms, budget - budget / 2, emit, ctx);
	if (count < budget)
		count += snapshots_collect(s->snapshots, &view, s->clock_ms, now_ms, everything,
			budget - count, emit, ctx);
	return count;
}

bool shard_is_idle(const struct shard *s)
{
	const struct snapshot_view view = shard_view(s);

	return s->clock_ms == INT64_MIN ||
	       (!s->is_advancing && snapshots_is_idle(s->snapshots, &view, s->clock_ms));
}

struct snapshots *shard_snapshots(struct shard *s)
{
	return s->snapshots;
}

const struct store *shard_store(const struct shard *s)
{
	return s->store;
}

struct shard_counters shard_counters(const struct shard *s)
{
	struct shard_counters c = {
		.events = s->events,
		.duplicates = s->duplicates,
		.late = s->late,
		.bad = s->bad,
		.facts = s->facts,
		.deltas = s->delta_count,
		.dropped_flow = s->dropped_flow,
		.ahead = s->ahead,
		.entities = store_live_count(s->store),
		.groups = group_count(s->groups),
		.cells = cell_count(s->groups),
		.pending = s->pending.count,
		.strings = intern_count(&s->strings),
		.groups_refused = group_refused(s->groups),
		.facts_lost = fact_maker_counters(s->maker),
		.store = store_counters(s->store),
	};

	c.bytes = store_bytes(s->store) + group_bytes(s->groups) + intern_bytes(&s->strings) +
		  rate_watch_bytes(s->watch) + s->pending.capacity * sizeof(*s->pending.items);
	for (uint32_t i = 0; i < s->class_count; i++) {
		c.ledger_entries += ledger_entries(s->ledgers[i]);
		c.bytes += ledger_bytes(s->ledgers[i]);
	}
	return c;
}
