/* snapshot_value: totals -> inputs -> value -> record. */
#include <string.h>

#include "base/hash.h"
#include "core/histogram.h"
#include "core/snapshot_inside.h"

/* ---- inputs --------------------------------------------------------------------------------------------- */

/* Which sums of a closed period an input reads. */
static const struct total *sums_of(const struct closed_sums *sums, enum input_read read, bool is_stock, bool of_previous)
{
	if (read == INPUT_OPENING)
		return of_previous ? sums->before_prev : sums->before;
	if (read == INPUT_PREVIOUS || of_previous)
		return sums->prev;
	(void)is_stock;
	return sums->inside;
}

static struct total closed_cell(const struct closed_sums *sums, const struct total *of, bool is_stock, bool of_previous, uint32_t cell)
{
	struct total total = of ? of[cell] : (struct total){ 0 };
	const struct total *before = of_previous ? sums->before_prev : sums->before;

	if (is_stock && before && of != before) {
		total.sum += before[cell].sum;
		total.count += before[cell].count;
	}
	return total;
}

static uint32_t chain_of(const struct snapshot_view *view, uint32_t group, uint16_t measure)
{
	const struct group *g = group_at(view->groups, group);

	return g->cells[view->plan->groupings[g->grouping].measure_place[measure]];
}

static struct total closed_total(const struct totals_source *source, const struct plan_input *input, uint32_t group, uint32_t currency,
	bool of_previous)
{
	const struct plan_measure *m = &source->view->plan->measures[input->measure];
	const struct total *of = sums_of(source->sums, input->read, m->stock, of_previous);
	bool is_stock = m->stock && input->read == INPUT_TOTAL;
	struct total all = { 0 };

	for (uint32_t i = chain_of(source->view, group, input->measure); i != CELL_NONE;) {
		const struct cell *c = cell_at(source->view->groups, i);

		if (c->currency == currency) {
			struct total total = closed_cell(source->sums, of, is_stock, of_previous, i);

			all.count += total.count;
			all.sum += m->agg == AGG_DISTINCT ? total.count > 0 : total.sum;
		}
		i = c->next;
	}
	return all;
}

static bool closed_quantile(const struct totals_source *source, const struct plan_input *input, uint32_t group, bool of_previous,
	int64_t *ret)
{
	const struct total *of = sums_of(source->sums, INPUT_TOTAL, false, of_previous);
	uint32_t first = chain_of(source->view, group, input->measure);
	int64_t total = 0, left;

	for (uint32_t i = first; i != CELL_NONE; i = cell_at(source->view->groups, i)->next)
		total += of[i].count > 0 ? of[i].count : 0;
	if (!total)
		return false;
	left = histogram_rank(total, input->quantile_bp);
	for (uint32_t i = first; i != CELL_NONE; i = cell_at(source->view->groups, i)->next) {
		left -= of[i].count > 0 ? of[i].count : 0;
		if (left > 0)
			continue;
		*ret = histogram_value((int32_t)(uint32_t)cell_at(source->view->groups, i)->sub);
		return true;
	}
	return false;
}

static struct metric_input read_input(const struct totals_source *source, const struct plan_input *input, int16_t place, uint32_t group,
	uint32_t currency, bool of_previous)
{
	const struct plan_measure *m = &source->view->plan->measures[input->measure];
	struct metric_input in = { 0 };
	struct total total;
	int64_t value;

	if (m->value_type != VALUE_MONEY || m->agg == AGG_COUNT || m->agg == AGG_DISTINCT)
		currency = 0;
	if (input->read == INPUT_QUANTILE) {
		in.is_null = !(source->sums ? closed_quantile(source, input, group, of_previous, &value)
					    : group_quantile(source->view->groups, group, input->measure, place, input->quantile_bp, &value));
		if (!in.is_null)
			in.sum = value; /* histograms are in the ledger's units */
		in.count = !in.is_null;
		return in;
	}
	total = source->sums ? closed_total(source, input, group, currency, of_previous)
			     : place < 0 ? (struct total){ 0 } : group_total(source->view->groups, group, input->measure, currency, place);
	in.count = total.count;
	in.sum = m->agg == AGG_SUM ? total.sum : total.sum * DECIMAL_SCALE;
	if (input->read == INPUT_SAMPLES)
		in.sum = (i128)total.count * DECIMAL_SCALE;
	in.is_null = input->empty_is_null && !total.count;
	return in;
}

struct metric_value snapshot_run(const struct totals_source *source, const struct plan_metric *m, const struct plan_metric_window *w,
	const int16_t *places, uint32_t group, uint32_t currency, bool of_previous)
{
	struct metric_input inputs[SNAPSHOT_INPUTS_MAX];

	for (uint16_t i = 0; i < m->input_count; i++) {
		int16_t place = places ? places[i] : -1;

		if (m->inputs[i].read == INPUT_PREVIOUS && w && w->prev)
			place = w->prev[i];
		inputs[i] = read_input(source, &m->inputs[i], place, group, currency, of_previous);
	}
	return metric_run(m->program, inputs, m->min_sample);
}

/* ---- currencies and streams ----------------------------------------------------------------------------- */

uint32_t snapshot_currency_of(const struct snapshots *s, uint32_t tenant)
{
	return tenant < s->tenants_seen ? s->currencies[tenant] : 0;
}

static bool is_known(const uint32_t *known, uint32_t count, uint32_t currency)
{
	for (uint32_t i = 0; i < count; i++)
		if (known[i] == currency)
			return true;
	return false;
}

uint32_t snapshot_currencies(const struct snapshot_view *view, const struct plan_metric *m, uint32_t group, uint32_t *ret)
{
	uint32_t count = 0;

	for (uint16_t i = 0; i < m->input_count; i++) {
		const struct plan_measure *measure = &view->plan->measures[m->inputs[i].measure];

		if (measure->value_type != VALUE_MONEY || measure->agg == AGG_COUNT)
			continue;
		for (uint32_t c = chain_of(view, group, m->inputs[i].measure); c != CELL_NONE; c = cell_at(view->groups, c)->next) {
			uint32_t currency = cell_at(view->groups, c)->currency;

			if (currency && count < SNAPSHOT_CURRENCIES_MAX && !is_known(ret, count, currency))
				ret[count++] = currency;
		}
	}
	return count;
}

bool snapshot_has_stream(const struct snapshot_view *view, const struct plan_metric *m, uint32_t group)
{
	return (m->streams & ~store_streams(view->store, group_at(view->groups, group)->tenant)) == 0;
}

/* ---- the record ----------------------------------------------------------------------------------------- */

static const char *const unit_names[] = {
	[UNIT_COUNT] = "COUNT", [UNIT_PERCENT] = "PERCENT", [UNIT_CURRENCY] = "CURRENCY", [UNIT_SECONDS] = "SECONDS",
	[UNIT_DAYS] = "DAYS", [UNIT_RATIO] = "RATIO",
};
static const char *const basis_names[] = {
	[BASIS_EVENT] = "EVENT", [BASIS_COHORT] = "COHORT", [BASIS_CLOSED] = "CLOSED", [BASIS_STOCK] = "STOCK",
};

/* Parts joined by commas; a comma or backslash inside one is escaped, so that two groups never share a key. */
static void put_key_part(struct buffer *out, struct slice part)
{
	for (size_t i = 0; i < part.len; i++) {
		if (part.at[i] == ',' || part.at[i] == '\\')
			buffer_put_u8(out, '\\');
		buffer_put_u8(out, (uint8_t)part.at[i]);
	}
}

static struct slice rep_name(const struct snapshot_view *view, uint32_t tenant, struct slice id)
{
	uint32_t rep = store_find(view->store, tenant, ENTITY_REP, id);
	uint32_t slot = attribute_slot(ENTITY_REP, "name");
	const struct entity *e;

	if (rep == ENTITY_NONE)
		return (struct slice){ 0 };
	e = store_entity(view->store, rep);
	if (!(e->present[slot >> 6] >> (slot & 63) & 1))
		return (struct slice){ 0 };
	return intern_text(view->strings, (uint32_t)e->slots[slot]);
}

static void describe_group(struct snapshots *s, const struct snapshot_view *view, uint32_t group, struct snapshot *ret)
{
	const struct group *g = group_at(view->groups, group);
	const struct plan_grouping *grouping = &view->plan->groupings[g->grouping];

	buffer_reset(&s->key_text);
	for (uint8_t i = 0; i < grouping->dim_count; i++) {
		ret->group[i] = intern_text(view->strings, g->dims[i]);
		if (grouping->roster_dim == i)
			ret->group_label[i] = rep_name(view, g->tenant, ret->group[i]);
		if (i)
			buffer_put_u8(&s->key_text, ',');
		put_key_part(&s->key_text, ret->group[i]);
	}
	ret->tenant_id = intern_text(view->strings, store_tenant_id(view->store, g->tenant));
	ret->group_by = slice_of(grouping->name);
	ret->group_key = s->key_text.len ? buffer_slice(&s->key_text) : (struct slice){ "", 0 };
}

void snapshot_describe(struct snapshots *s, const struct snapshot_view *view, const struct plan_metric *m, uint32_t group,
	uint32_t currency, struct slice window, struct snapshot *ret)
{
	memset(ret, 0, sizeof(*ret));
	describe_group(s, view, group, ret);
	ret->metric = slice_of(m->name);
	ret->window = window;
	ret->currency = currency ? intern_text(view->strings, currency) : (struct slice){ "", 0 };
	ret->unit = unit_names[m->unit];
	ret->basis = basis_names[m->basis];
	ret->definition = (uint32_t)view->plan->fingerprint;
	ret->late_count = (int64_t)view->late_count;
	ret->duplicate_count = (int64_t)view->duplicate_count;
}

void snapshot_put_value(const struct metric_value *v, struct snapshot *ret)
{
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
}

void snapshot_put_previous(const struct metric_value *current, const struct metric_value *previous, struct snapshot *ret)
{
	double base = previous->value < 0 ? -previous->value : previous->value;

	if (!previous->has_value)
		return;
	ret->previous_value = (struct snapshot_double){ true, previous->value };
	if (current->has_value && base > 0)
		ret->change_pct = (struct snapshot_double){ true, (current->value - previous->value) / base * 100 };
}

static uint64_t hash_number(uint64_t hash, const struct snapshot_number *n)
{
	hash = hash_combine(hash, n->is_set);
	hash = hash_combine(hash, (uint64_t)n->units);
	return hash_combine(hash, (uint64_t)(n->units >> 64));
}

static uint64_t hash_double(uint64_t hash, const struct snapshot_double *d)
{
	uint64_t bits;

	memcpy(&bits, &d->value, sizeof(bits));
	return hash_combine(hash_combine(hash, d->is_set), bits);
}

uint64_t snapshot_content(const struct snapshot *r)
{
	uint64_t hash = hash_bytes(r->state, strlen(r->state), 1);

	hash = hash_number(hash, &r->numerator);
	hash = hash_number(hash, &r->denominator);
	hash = hash_number(hash, &r->value_decimal);
	hash = hash_double(hash, &r->value);
	hash = hash_double(hash, &r->previous_value);
	hash = hash_combine(hash, (uint64_t)r->sample_size);
	return hash_combine(hash, (uint64_t)r->rank << 32 | (uint32_t)r->rank_of);
}

uint64_t snapshot_key_hash(const struct snapshot *r)
{
	const struct slice parts[] = { r->tenant_id, r->metric, r->window, r->group_by, r->group_key, r->currency };
	uint64_t hash = r->is_history ? (uint64_t)r->window_start_ms : 7;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		hash = hash_combine(hash, hash_bytes(parts[i].at, parts[i].len, 2));
	return hash;
}
