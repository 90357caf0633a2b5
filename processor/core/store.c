#include "core/store.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/xalloc.h"
#include "core/model.h"
#include "core/store_inside.h"

/* ---- nodes ---------------------------------------------------------------------------------------------- */

struct node_key {
	uint32_t tenant, id;
	uint8_t type;
};

static uint64_t node_hash(const struct node_key *key)
{
	return hash_combine((uint64_t)key->tenant << 32 | key->id, key->type);
}

static bool node_equal(const void *ctx, const void *wanted, uint32_t value)
{
	const struct node_key *key = wanted;
	const struct entity *e = &store_node(ctx, value)->entity;

	return e->tenant == key->tenant && e->id == key->id && e->type == key->type;
}

/*
 * The hint beside the id's text is the first entity that bore it, plus one: nearly every entity is found there. The index has only those
 * whose text is another's too, of another type or tenant.
 */
static bool find_key(const struct store *s, const struct node_key *key, uint32_t *ret_index)
{
	uint32_t hint = intern_hint(s->strings, key->id);

	if (hint && hint <= s->count && node_equal(s, key, hint - 1)) {
		*ret_index = hint - 1;
		return true;
	}
	return index_find(&s->index, node_hash(key), node_equal, key, s, ret_index);
}

static struct store_node *new_node(struct store *s)
{
	uint32_t chunk = s->count >> STORE_CHUNK_BITS;

	if (chunk == s->chunk_count) {
		X_GROW(s->chunks, s->chunk_count, s->chunk_cap);
		s->chunks[s->chunk_count++] =
			x_calloc_written((size_t)1 << STORE_CHUNK_BITS, sizeof(struct store_node));
	}
	return store_node(s, s->count++);
}

struct registers *store_begin_registers(struct store *s, uint32_t index)
{
	struct store_node *node = store_node(s, index);
	const struct store_layout *layout = &s->layout[node->entity.type];
	struct registers_sets *sets = NULL;

	if (layout->slots_at > layout->sets_at)
		sets = (struct registers_sets *)(void *)(node->block + layout->sets_at);
	node->entity.registers = (struct registers *)(void *)node->block;
	registers_init(node->entity.registers, sets);
	return node->entity.registers;
}

void store_end_registers(struct store *s, uint32_t index)
{
	struct entity *e = &store_node(s, index)->entity;

	if (!e->registers)
		return;
	s->register_bytes -= registers_bytes(e->registers);
	registers_deinit(e->registers);
	e->registers = NULL;
}

/* One block: what an event touches of an entity lies together. */
static void node_take_arrays(struct store *s, struct store_node *node, uint8_t type)
{
	const struct store_layout *layout = &s->layout[type];

	node->block = arena_alloc(&s->memory, layout->bytes);
	node->entity.type = type;
	node->entity.slots = (int64_t *)(void *)(node->block + layout->slots_at);
	for (uint32_t i = 0; i < s->link_count[type]; i++)
		node_links(s, node)[i] =
			(struct store_link){ ENTITY_NONE, ENTITY_NONE, ENTITY_NONE, 0 };
	for (uint32_t i = 0; i < s->head_count[type]; i++)
		node_heads(s, node)[i] = ENTITY_NONE;
}

/* The arrays are there, and empty. */
static void node_init(struct store *s, struct store_node *node, const struct node_key *key)
{
	node->entity = (struct entity){ .tenant = key->tenant,
		.id = key->id,
		.type = key->type,
		.merged_into = ENTITY_NONE,
		.slots = node->entity.slots };
	node->entity.present[0] = s->zero_slots[key->type][0];
	node->entity.present[1] = s->zero_slots[key->type][1];
	node->merge_target = node->merge_prev = node->merge_next = node->merge_head = ENTITY_NONE;
}

uint32_t store_find_or_add(struct store *s, uint32_t tenant, enum entity_type type, uint32_t id)
{
	const struct node_key key = { .tenant = tenant, .id = id, .type = (uint8_t)type };
	uint32_t index;

	if (find_key(s, &key, &index))
		return index;
	index = store_evict_reuse(s, type);
	if (index == ENTITY_NONE) {
		index = s->count;
		node_take_arrays(s, new_node(s), key.type);
	}
	node_init(s, store_node(s, index), &key);
	if (intern_hint(s->strings, id))
		index_insert(&s->index, node_hash(&key), index);
	else
		intern_set_hint(s->strings, id, index + 1);
	store_touch(s, index); /* its old side: unknown, without a slot */
	return index;
}

void store_unindex(struct store *s, uint32_t index)
{
	const struct entity *e = &store_node(s, index)->entity;
	const struct node_key key = { .tenant = e->tenant, .id = e->id, .type = e->type };

	if (intern_hint(s->strings, e->id) == index + 1)
		intern_set_hint(s->strings, e->id, 0);
	else
		index_remove(&s->index, node_hash(&key), index);
}

void store_mark_dirty(struct store *s, uint32_t index)
{
	struct store_node *node = store_node(s, index);

	if (node->dirty)
		return;
	node->dirty = true;
	u32_list_add(&s->dirty, index);
}

/* ---- life ----------------------------------------------------------------------------------------------- */

/* The slots that store*.c know by name. */
static const struct {
	size_t place; /* in struct store_slots */
	enum entity_type type;
	const char *name;
} slots_wanted[] = {
	{ offsetof(struct store_slots, lead_created_at), ENTITY_LEAD, "created_at" },
	{ offsetof(struct store_slots, lead_opportunity), ENTITY_LEAD, "opportunity" },
	{ offsetof(struct store_slots, opp_status), ENTITY_OPPORTUNITY, "status" },
	{ offsetof(struct store_slots, opp_won_at), ENTITY_OPPORTUNITY, "won_at" },
	{ offsetof(struct store_slots, opp_lost_at), ENTITY_OPPORTUNITY, "lost_at" },
	{ offsetof(struct store_slots, opp_closed_at), ENTITY_OPPORTUNITY, "closed_at" },
	{ offsetof(struct store_slots, opp_owner_id), ENTITY_OPPORTUNITY, "owner_id" },
	{ offsetof(struct store_slots, opp_team_id), ENTITY_OPPORTUNITY, "team_id" },
	{ offsetof(struct store_slots, opp_stage_id), ENTITY_OPPORTUNITY, "stage_id" },
	{ offsetof(struct store_slots, opp_pipeline_id), ENTITY_OPPORTUNITY, "pipeline_id" },
	{ offsetof(struct store_slots, opp_stage_order), ENTITY_OPPORTUNITY, "stage_order" },
	{ offsetof(struct store_slots, opp_stage_entered_at), ENTITY_OPPORTUNITY,
		"stage_entered_at" },
	{ offsetof(struct store_slots, opp_amount), ENTITY_OPPORTUNITY, "amount" },
	{ offsetof(struct store_slots, opp_currency), ENTITY_OPPORTUNITY, "currency" },
	{ offsetof(struct store_slots, opp_probability), ENTITY_OPPORTUNITY, "probability" },
	{ offsetof(struct store_slots, opp_close_owner_id), ENTITY_OPPORTUNITY, "close_owner_id" },
	{ offsetof(struct store_slots, opp_close_team_id), ENTITY_OPPORTUNITY, "close_team_id" },
	{ offsetof(struct store_slots, opp_close_at), ENTITY_OPPORTUNITY, "close_at" },
	{ offsetof(struct store_slots, opp_visits), ENTITY_OPPORTUNITY, "visits" },
	{ offsetof(struct store_slots, opp_versions), ENTITY_OPPORTUNITY, "versions" },
	{ offsetof(struct store_slots, opp_lead_by_id), ENTITY_OPPORTUNITY, "lead_by_id" },
	{ offsetof(struct store_slots, opp_lead), ENTITY_OPPORTUNITY, "lead" },
	{ offsetof(struct store_slots, deal_won_at), ENTITY_DEAL, "won_at" },
	{ offsetof(struct store_slots, deal_owner_id), ENTITY_DEAL, "owner_id" },
	{ offsetof(struct store_slots, deal_team_id), ENTITY_DEAL, "team_id" },
	{ offsetof(struct store_slots, deal_owner_at_win_id), ENTITY_DEAL, "owner_at_win_id" },
	{ offsetof(struct store_slots, deal_team_at_win_id), ENTITY_DEAL, "team_at_win_id" },
	{ offsetof(struct store_slots, deal_amount), ENTITY_DEAL, "amount" },
	{ offsetof(struct store_slots, deal_refund_amount), ENTITY_DEAL, "refund_amount" },
	{ offsetof(struct store_slots, deal_splits), ENTITY_DEAL, "splits" },
	{ offsetof(struct store_slots, deal_account_id), ENTITY_DEAL, "account_id" },
	{ offsetof(struct store_slots, deal_contact_id), ENTITY_DEAL, "contact_id" },
	{ offsetof(struct store_slots, deal_customer_id), ENTITY_DEAL, "customer_id" },
	{ offsetof(struct store_slots, deal_win_owner_id), ENTITY_DEAL, "win_owner_id" },
	{ offsetof(struct store_slots, deal_win_team_id), ENTITY_DEAL, "win_team_id" },
	{ offsetof(struct store_slots, deal_credit), ENTITY_DEAL, "credit" },
	{ offsetof(struct store_slots, deal_opportunity), ENTITY_DEAL, "opportunity" },
	{ offsetof(struct store_slots, deal_lead_by_id), ENTITY_DEAL, "lead_by_id" },
	{ offsetof(struct store_slots, deal_lead), ENTITY_DEAL, "lead" },
	{ offsetof(struct store_slots, target_value), ENTITY_TARGET, "value" },
	{ offsetof(struct store_slots, target_currency), ENTITY_TARGET, "currency" },
	{ offsetof(struct store_slots, target_period_start), ENTITY_TARGET, "period_start" },
	{ offsetof(struct store_slots, target_period_end), ENTITY_TARGET, "period_end" },
	{ offsetof(struct store_slots, target_pacing_curve), ENTITY_TARGET, "pacing_curve" },
	{ offsetof(struct store_slots, target_effective_from), ENTITY_TARGET, "effective_from" },
	{ offsetof(struct store_slots, target_ramp_factor), ENTITY_TARGET, "ramp_factor" },
	{ offsetof(struct store_slots, target_slices), ENTITY_TARGET, "slices" },
	{ offsetof(struct store_slots, spend_amount), ENTITY_SPEND, "amount" },
	{ offsetof(struct store_slots, spend_period_start), ENTITY_SPEND, "period_start" },
	{ offsetof(struct store_slots, spend_period_end), ENTITY_SPEND, "period_end" },
	{ offsetof(struct store_slots, spend_days), ENTITY_SPEND, "days" },
	{ offsetof(struct store_slots, fx_base), ENTITY_FX_RATE, "base" },
	{ offsetof(struct store_slots, fx_quote), ENTITY_FX_RATE, "quote" },
	{ offsetof(struct store_slots, fx_rate), ENTITY_FX_RATE, "rate" },
	{ offsetof(struct store_slots, fx_valid_from), ENTITY_FX_RATE, "valid_from" },
};

static void find_slots(struct store_slots *slot)
{
	for (size_t i = 0; i < sizeof(slots_wanted) / sizeof(slots_wanted[0]); i++)
		((uint8_t *)slot)[slots_wanted[i].place] =
			(uint8_t)attribute_slot(slots_wanted[i].type, slots_wanted[i].name);
}

static void find_split_columns(struct store_slots *slot)
{
	const struct model_list *splits = attribute_describe(ENTITY_DEAL, slot->deal_splits).list;

	slot->split_rep_id = (uint8_t)model_list_field_find(splits, SLICE_LIT("rep_id"));
	slot->split_role = (uint8_t)model_list_field_find(splits, SLICE_LIT("role"));
	slot->split_credit_pct = (uint8_t)model_list_field_find(splits, SLICE_LIT("credit_pct"));
}

static void find_words(struct store_words *word, struct intern *strings)
{
	const struct {
		uint32_t *place;
		const char *text;
	} wanted[] = {
		{ &word->open, "OPEN" },
		{ &word->won, "WON" },
		{ &word->lost, "LOST" },
		{ &word->advanced, "ADVANCED" },
		{ &word->back, "BACK" },
		{ &word->moved_pipeline, "MOVED_PIPELINE" },
	};

	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		*wanted[i].place = intern_add(strings, slice_of(wanted[i].text));
		assert(*wanted[i]
				.place); /* a limit below the program's own words is a mistake of the settings' table */
	}
}

static void find_relations(struct store *s)
{
	memset(s->relation_of_slot, -1, sizeof(s->relation_of_slot));
	for (int r = 0; r < RELATION_STORED_COUNT; r++) {
		const struct relation_info *info = &relation_table[r];

		if (!store_uses(s, (enum relation)r))
			continue;
		s->link_place[r] = s->link_count[info->child]++;
		s->head_place[r] = s->head_count[info->parent]++;
		s->relation_of_slot[info->child][info->slot] = (int8_t)r;
		s->link_field[r] =
			info->id_field ? (int16_t)attribute_slot(info->child, info->id_field) : -1;
		if (s->link_field[r] >= 0)
			s->named[info->child][s->named_count[info->child]++] = (uint8_t)r;
	}
}

static void find_texts(struct store *s)
{
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++)
		for (size_t i = 0; i < model_table[type].field_count; i++)
			if (model_table[type].fields[i].type == VALUE_STRING &&
				(s->layout[type].prepared >> i & 1))
				s->texts[type].fields[s->texts[type].count++] = (uint8_t)i;
}

static void find_readers(struct store *s)
{
	for (uint32_t i = 0; i < s->plan->dependent_count; i++)
		u32_list_add(&s->dependents[s->plan->dependents[i].of], i);
	for (uint32_t i = 0; i < s->plan->load_count; i++)
		if (s->plan->loads[i].ext_key)
			u32_list_add(&s->ext_declared, s->plan->loads[i].ext_key);
}

struct store *store_new(const struct plan *plan, struct intern *strings, struct store_limits limits)
{
	struct store *s = x_calloc(1, sizeof(*s));
	uint32_t fields_max = 0;

	s->plan = plan;
	s->strings = strings;
	s->limits = limits;
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++) {
		assert(plan->slot_count[type] >= attribute_slot_count((enum entity_type)type));
		assert(plan->slot_count[type] <= ATTRIBUTE_SLOTS_MAX);
		if (model_table[type].field_count > fields_max)
			fields_max = (uint32_t)model_table[type].field_count;
	}
	s->image_slots = x_calloc(fields_max + 1, sizeof(*s->image_slots));
	index_init(&s->index);
	arena_init(&s->memory, 0);
	arena_init(&s->trail_memory, 0);
	slab_init(&s->cold);
	buffer_init(&s->scratch);
	buffer_init(&s->image_cold);
	find_slots(&s->slot);
	find_split_columns(&s->slot);
	find_words(&s->word, strings);
	find_relations(s);
	store_layout_init(s);
	find_texts(s);
	find_readers(s);
	store_derive_init(s);
	store_evict_init(s);
	store_next_init(s);
	store_rates_init(s);
	return s;
}

void store_free_lists(struct store *s, const struct entity *e)
{
	const struct store_layout *layout = &s->layout[e->type];
	uint32_t built_in = attribute_slot_count((enum entity_type)e->type);

	for (uint8_t i = 0; i < layout->count && layout->slot[i] < built_in; i++)
		if (slot_present(e, layout->slot[i]) &&
			attribute_describe((enum entity_type)e->type, layout->slot[i]).type ==
				VALUE_LIST)
			store_list_free(s, (const void *)(intptr_t)e->slots[i]);
	store_ext_free(s, e->ext);
	store_cold_free(s, e->cold);
}

static void free_scratch(struct store *s)
{
	struct u32_list *lists[] = { &s->stack, &s->found, &s->parents, &s->frontier, &s->dirty,
		&s->saving, &s->affected, &s->ext_declared };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		free(lists[i]->items);
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++)
		free(s->dependents[type].items);
	buffer_deinit(&s->scratch);
	buffer_deinit(&s->image_cold);
}

void store_free(struct store *s)
{
	if (!s)
		return;
	if (s->open) {
		if (s->old_side)
			store_change_swap(s);
		store_change_close(s);
	}
	for (uint32_t i = 0; i < s->count; i++) {
		store_free_lists(s, &store_node(s, i)->entity);
		store_end_registers(s, i);
	}
	for (uint32_t i = 0; i < s->chunk_count; i++)
		free(s->chunks[i]);
	free(s->chunks);
	index_deinit(&s->index);
	arena_deinit(&s->memory);
	arena_deinit(&s->trail_memory);
	slab_deinit(&s->cold);
	free_scratch(s);
	store_evict_deinit(s);
	store_next_deinit(s);
	store_rates_deinit(s);
	free(s->tenants);
	free(s->touched);
	free(s->graveyard);
	free(s->image_slots);
	free(s->reads);
	free(s);
}

/* ---- tenants -------------------------------------------------------------------------------------------- */

uint32_t store_tenant(
	struct store *s, struct slice tenant_id, const struct tenant_settings *settings)
{
	uint32_t id = intern_add(s->strings, tenant_id);

	for (uint32_t i = 0; id && i < s->tenant_count; i++)
		if (s->tenants[i].id == id)
			return i;
	if (!id)
		return UINT32_MAX;
	X_GROW(s->tenants, s->tenant_count, s->tenant_cap);
	/* The store works in UTC and in each record's own currency; of the settings it wants the days of work. */
	s->tenants[s->tenant_count] = (struct store_tenant){ .id = id,
		.param_row = plan_param_row(s->plan, tenant_id),
		.workdays = settings ? settings->workdays : NULL };
	return s->tenant_count++;
}

uint32_t store_tenant_count(const struct store *s)
{
	return s->tenant_count;
}

uint32_t store_param_row(const struct store *s, uint32_t tenant)
{
	assert(tenant < s->tenant_count);
	return s->tenants[tenant].param_row;
}

const struct workdays *store_workdays(const struct store *s, uint32_t tenant)
{
	assert(tenant < s->tenant_count);
	return s->tenants[tenant].workdays;
}

uint32_t store_tenant_id(const struct store *s, uint32_t tenant)
{
	assert(tenant < s->tenant_count);
	return s->tenants[tenant].id;
}

uint64_t store_streams(const struct store *s, uint32_t tenant)
{
	assert(tenant < s->tenant_count);
	return s->tenants[tenant].streams;
}

/* ---- one event ------------------------------------------------------------------------------------------ */

/* `id` as interned; 0: no text like it, hence no entity. */
static bool find_node(const struct store *s, uint32_t tenant, enum entity_type type, uint32_t id,
	uint32_t *ret_index)
{
	const struct node_key key = { .tenant = tenant, .id = id, .type = (uint8_t)type };

	return id && find_key(s, &key, ret_index);
}

static void expect_lines(const void *at, size_t bytes)
{
	for (size_t i = 0; i < bytes; i += 64)
		__builtin_prefetch((const char *)at + i);
}

static void expect_block(const struct store *s, const struct store_node *node)
{
	if (node->block)
		expect_lines(node->block, s->layout[node->entity.type].bytes);
	if (node->entity.cold)
		expect_lines(node->entity.cold, 128);
}

void store_expect(const struct store *s, const struct event *const *events, size_t count)
{
	struct slice texts[STORE_EXPECT_MAX];
	uint32_t ids[STORE_EXPECT_MAX], hint;

	assert(count <= STORE_EXPECT_MAX);
	if (!count)
		return;
	for (size_t i = 0; i < count; i++)
		texts[i] = events[i]->entity_id;
	intern_expect(s->strings, texts, count, ids);
	for (size_t i = 0; i < count; i++) {
		hint = ids[i] ? intern_hint(s->strings, ids[i]) : 0;
		ids[i] = hint <= s->count ? hint : 0;
		if (ids[i])
			expect_lines(store_node(s, ids[i] - 1), sizeof(struct store_node));
	}
	for (size_t i = 0; i < count; i++)
		if (ids[i])
			expect_block(s, store_node(s, ids[i] - 1));
}

/* The greatest event once more: every register of its own entity has taken it in already. */
static bool is_duplicate(const struct store *s, uint32_t index, const struct order_key *key)
{
	const struct registers *r = store_node(s, index)->entity.registers;

	return r && r->has_last && !order_compare(&r->last_key, key);
}

/* Room for the entity, what it refers to, and what it merges: never less than what will be added. */
static bool has_room(const struct store *s, const struct event *event)
{
	size_t new_max = 1 + (size_t)s->link_count[event->type] + event->merged_count;

	if (s->limits.strings_bytes_max &&
		intern_bytes(s->strings) + slab_used_bytes(&s->cold) > s->limits.strings_bytes_max)
		return false;
	return s->limits.entities_max >= store_live_count(s) &&
	       s->limits.entities_max - store_live_count(s) >= new_max;
}

/* All texts that the event may add, before anything changes. False: the limit. */
static bool prepare(struct store *s, const struct event *event, bool body, bool erased,
	uint64_t id_hash, uint32_t *id)
{
	if (!*id)
		*id = intern_add_absent(s->strings, event->entity_id, id_hash);
	if (!*id)
		return false;
	for (size_t i = 0; i < event->merged_count; i++)
		if (!intern_add(s->strings, event->merged_ids[i]))
			return false;
	if (body)
		store_recall_texts(s, event);
	if (body && !store_prepare_image(s, event, erased)) {
		store_drop_image(s);
		return false;
	}
	return true;
}

static bool merge_others(
	struct store *s, uint32_t index, const struct event *event, const struct order_key *key)
{
	const struct merge_key merge = merge_key_of(key);
	const struct entity *e = &store_node(s, index)->entity;
	bool changed = false;

	if (event->op == EVENT_UNDELETE)
		return store_merge(s, index, ENTITY_NONE, &merge);
	if (event->op != EVENT_MERGE)
		return false;
	for (size_t i = 0; i < event->merged_count; i++) {
		uint32_t id = intern_find(s->strings, event->merged_ids[i]);

		if (!event->merged_ids[i].len || id == e->id)
			continue;
		changed |= store_merge(s,
			store_find_or_add(s, e->tenant, (enum entity_type)e->type, id), index,
			&merge);
	}
	return changed;
}

void store_show_registers(struct store *s, uint32_t index)
{
	struct entity *e = &store_node(s, index)->entity;
	const struct registers *r = e->registers;

	store_touch(s, index);
	e->has_image = r->has_image;
	e->deleted = r->has_last && r->last_is_delete;
	e->excluded = r->excluded;
	e->erased = r->erased;
	store_set_known(s, index);
	if (r->erased)
		store_erase(s, index);
	store_own_attributes(s, index);
}

/* Into the entity's registers; what comes of it for itself. Whether any of its registers changed. */
static bool merge_event(struct store *s, uint32_t index, const struct event *event,
	const struct order_key *key, bool body)
{
	struct entity *e = &store_node(s, index)->entity;
	size_t before = registers_bytes(e->registers);
	bool changed = false, newer;

	if (!e->registers) {
		store_touch(s, index);
		store_begin_registers(s, index);
		changed = true;
	}
	newer = registers_image_order(e->registers, key) == REGISTERS_NEWER;
	if (body)
		changed |= store_feed_sets(s, index, key);
	if (event->op == EVENT_ERASE)
		changed |= registers_put_erased(e->registers);
	else
		changed |= registers_put_op(
			e->registers, key, event->op == EVENT_DELETE, body, event->excluded);
	if (body && newer)
		store_take_image(s, index);
	else if (body)
		store_drop_image(s);
	s->register_bytes += registers_bytes(e->registers) - before;
	if (!changed)
		return false;
	store_show_registers(s, index);
	store_relink(s, index);
	store_mark_dirty(s, index);
	return true;
}

enum store_answer store_apply(struct store *s, uint32_t tenant, const struct event *event,
	struct store_change *ret_change)
{
	bool body = event_has_body(event), erased = false, seen = false, changed;
	uint64_t hash = intern_hash(s->strings, event->entity_id);
	uint32_t index = ENTITY_NONE, id = intern_find_hashed(s->strings, event->entity_id, hash);
	const struct order_key key = event_order(event);

	assert(!s->open && tenant < s->tenant_count);
	if (find_node(s, tenant, event->type, id, &index)) {
		seen = is_duplicate(s, index, &key);
		/* A merge is in other entities' registers too: a checkpoint may have these from before it, and its own from after. */
		if (seen && event->op != EVENT_MERGE) {
			s->counters.duplicates++;
			return STORE_UNCHANGED;
		}
		erased = store_node(s, index)->entity.erased;
	}
	if (!has_room(s, event) || !prepare(s, event, body, erased, hash, &id)) {
		arena_reset(&s->trail_memory);
		return STORE_FULL;
	}
	s->tenants[tenant].streams |= UINT64_C(1) << event->type;
	store_change_begin(s);
	if (index == ENTITY_NONE)
		index = store_find_or_add(s, tenant, event->type, id);
	changed = merge_event(s, index, event, &key, body);
	changed |= merge_others(s, index, event, &key);
	if (changed) {
		store_choose_leads(s);
		store_derive(s);
	}
	store_collect_affected(s);
	if (!s->differs) {
		s->counters.duplicates += seen;
		s->counters.stale += !changed && !seen;
		store_change_close(s);
		return STORE_UNCHANGED;
	}
	*ret_change = (struct store_change){ .affected = s->affected.items,
		.affected_count = s->affected.count };
	if (event->type == ENTITY_FX_RATE)
		store_rates_change(s, ret_change);
	return STORE_CHANGED;
}

/* ---- reading -------------------------------------------------------------------------------------------- */

uint32_t store_count(const struct store *s)
{
	return s->count;
}

uint32_t store_live_count(const struct store *s)
{
	return s->count - s->gone_count;
}

const struct entity *store_entity(const struct store *s, uint32_t index)
{
	assert(index < s->count);
	return &store_node(s, index)->entity;
}

uint32_t store_find(const struct store *s, uint32_t tenant, enum entity_type type, struct slice id)
{
	uint32_t index;

	return find_node(s, tenant, type, intern_find(s->strings, id), &index) ? index
									       : ENTITY_NONE;
}

struct store_counters store_counters(const struct store *s)
{
	return s->counters;
}

size_t store_bytes(const struct store *s)
{
	return s->chunk_count * (sizeof(struct store_node) << STORE_CHUNK_BITS) +
	       arena_used_bytes(&s->memory) + index_bytes(&s->index) + s->list_bytes +
	       s->ext_bytes + slab_used_bytes(&s->cold) + s->register_bytes + s->next_bytes +
	       store_rates_bytes(s);
}
