/* snapshot_describe: the record of a value: its key, its labels, its currency. */
#include <string.h>

#include "base/hash.h"
#include "core/snapshot_inside.h"

static const char *const unit_names[] = {
	[UNIT_COUNT] = "COUNT",
	[UNIT_PERCENT] = "PERCENT",
	[UNIT_CURRENCY] = "CURRENCY",
	[UNIT_SECONDS] = "SECONDS",
	[UNIT_DAYS] = "DAYS",
	[UNIT_RATIO] = "RATIO",
};
static const char *const basis_names[] = {
	[BASIS_EVENT] = "EVENT",
	[BASIS_COHORT] = "COHORT",
	[BASIS_CLOSED] = "CLOSED",
	[BASIS_STOCK] = "STOCK",
};

/* ---- currencies ----------------------------------------------------------------------------------------- */

static uint32_t add_currency(uint32_t *list, uint32_t count, uint32_t currency)
{
	for (uint32_t i = 0; i < count; i++)
		if (list[i] == currency)
			return count;
	if (count < SNAPSHOT_CURRENCIES_MAX)
		list[count++] = currency;
	return count;
}

/*
 * The reporting currency and those of the group's own money. A tenant that has set none reports in each that it uses; a group
 * without money of its own shows zero in all of them.
 */
uint32_t snapshot_currencies(
	const struct collecting *c, const struct plan_metric *m, uint32_t group, uint32_t *ret)
{
	const struct snapshot_group *g = &c->s->groups[group];
	const struct snapshot_tenant *t = &c->s->tenants[group_at(c->view->groups, group)->tenant];
	uint32_t count = 0;

	ret[0] = 0;
	if (!m->money)
		return 1;
	if (t->currency)
		ret[count++] = t->currency;
	for (uint16_t i = 0; i < g->currency_count; i++)
		count = add_currency(ret, count, g->currencies[i]);
	for (uint16_t i = 0; !count && i < t->seen_count && i < SNAPSHOT_CURRENCIES_MAX; i++)
		ret[i] = t->seen[i];
	if (!count)
		count = t->seen_count < SNAPSHOT_CURRENCIES_MAX ? t->seen_count
								: SNAPSHOT_CURRENCIES_MAX;
	return count ? count : 1;
}

uint32_t snapshot_board_currencies(
	const struct collecting *c, const struct plan_metric *m, uint32_t tenant, uint32_t *ret)
{
	const struct snapshot_tenant *t = &c->s->tenants[tenant];
	uint32_t count = 0;

	ret[0] = m->money ? t->currency : 0;
	for (uint16_t i = 0; m->money && !t->currency && i < t->seen_count; i++)
		count = add_currency(ret, count, t->seen[i]);
	return count ? count : 1;
}

/* ---- the key -------------------------------------------------------------------------------------------- */

/* Of several parts, joined by commas; a comma or backslash inside one is escaped, so that two groups never share a key. */
static void put_key_part(struct buffer *out, struct slice part)
{
	for (size_t i = 0; i < part.len; i++) {
		if (part.at[i] == ',' || part.at[i] == '\\')
			buffer_put_u8(out, '\\');
		buffer_put_u8(out, (uint8_t)part.at[i]);
	}
}

static struct slice group_key(
	struct snapshots *s, const struct snapshot_view *view, const struct group *g)
{
	uint8_t count = view->plan->groupings[g->grouping].dim_count;

	if (!count)
		return SLICE_LIT("");
	if (count == 1)
		return intern_text(view->strings, g->dims[0]);
	buffer_reset(&s->key_text);
	for (uint8_t i = 0; i < count; i++) {
		if (i)
			buffer_put_u8(&s->key_text, ',');
		put_key_part(&s->key_text, intern_text(view->strings, g->dims[i]));
	}
	return buffer_slice(&s->key_text);
}

void snapshot_describe_key(struct snapshots *s, const struct snapshot_view *view, uint32_t group,
	const struct plan_metric *m, const char *window, uint32_t currency, struct snapshot *ret)
{
	const struct group *g = group_at(view->groups, group);

	memset(ret, 0, sizeof(*ret));
	ret->tenant_id = intern_text(view->strings, store_tenant_id(view->store, g->tenant));
	ret->metric = slice_of(m->name);
	ret->window = slice_of(window);
	ret->group_by = slice_of(view->plan->groupings[g->grouping].name);
	ret->group_key = group_key(s, view, g);
	ret->currency = currency ? intern_text(view->strings, currency) : SLICE_LIT("");
}

uint64_t snapshot_key_hash(const struct snapshot *r)
{
	const struct slice parts[] = { r->tenant_id, r->metric, r->window, r->group_by,
		r->group_key, r->currency };
	uint64_t hash = r->is_history ? hash_u64((uint64_t)r->window_start_ms) : 7;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		hash = hash_combine(hash, hash_bytes(parts[i].at, parts[i].len, 2));
	return hash;
}

/* ---- the rest ------------------------------------------------------------------------------------------- */

static struct slice label_of(
	struct snapshots *s, const struct snapshot_view *view, const struct group *g, uint8_t dim)
{
	const char *name = view->plan->dims[view->plan->groupings[g->grouping].dims[dim]];

	if (!strcmp(name, "rep"))
		return snapshot_rep_label(view, g->tenant, g->dims[dim]);
	if (!strcmp(name, "stage"))
		return snapshot_stage_label(s, view, g->tenant, g->dims[dim]);
	return (struct slice){ 0 };
}

static void put_value(const struct outcome *o, struct snapshot *ret)
{
	const struct metric_value *v = &o->value;

	ret->state = metric_state_name(v->state);
	ret->sample_size = v->sample_size;
	if (v->has_value)
		ret->value = (struct snapshot_double){ true, v->value };
	if (v->has_exact)
		ret->value_decimal = (struct snapshot_number){ true, v->exact };
	if (v->has_parts) {
		ret->numerator = (struct snapshot_number){ true, v->numerator };
		ret->denominator = (struct snapshot_number){ true, v->denominator };
	}
	ret->previous_value = o->previous;
	ret->change_pct = o->change_pct;
	ret->rank = (int32_t)o->rank;
	ret->rank_of = (int32_t)o->rank_of;
	ret->previous_rank = (int32_t)o->previous_rank;
}

void snapshot_describe(struct snapshots *s, const struct snapshot_view *view, uint32_t group,
	const struct plan_metric *m, const struct outcome *o, struct snapshot *ret)
{
	const struct group *g = group_at(view->groups, group);

	for (uint8_t i = 0; i < view->plan->groupings[g->grouping].dim_count; i++) {
		ret->group[i] = intern_text(view->strings, g->dims[i]);
		ret->group_label[i] = label_of(s, view, g, i);
	}
	put_value(o, ret);
	ret->unit = unit_names[m->unit];
	ret->basis = basis_names[m->basis];
	ret->window_start_ms = o->start_ms;
	ret->window_end_ms = o->end_ms;
	ret->definition = (uint32_t)view->plan->fingerprint;
	ret->late_count = (int64_t)view->late_count;
	ret->duplicate_count = (int64_t)view->duplicate_count;
}
