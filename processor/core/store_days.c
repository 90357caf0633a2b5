/*
 * What is said of a whole period, a row a day, exact: the rows add up to the whole. A spend is even over its days, the earlier days
 * get what rounding leaves. A target follows its pacing curve, else it is even over the days on which the tenant works (over all of
 * them where it works on none); and each day has what was last said to hold from then on (S2 versions): a target that is raised in
 * mid-month leaves the days before as they were.
 */
#include "base/decimal.h"
#include "core/store_inside.h"

/* Days of the period, or 0: an end is unknown. Validity has limited them (event.c). */
static uint32_t days_of(const struct store *s, const struct entity *e, uint32_t first_slot,
	uint32_t last_slot, int64_t *ret_first)
{
	int64_t last;

	if (!slot_present(e, first_slot) || !slot_present(e, last_slot))
		return 0;
	*ret_first = slot_cell(s, e, first_slot);
	last = slot_cell(s, e, last_slot);
	return last < *ret_first ? 0 : (uint32_t)(last - *ret_first + 1);
}

static void set_day(struct list_cells *list, uint32_t row, int64_t day, int64_t value,
	bool is_money, const struct workdays *workdays)
{
	int64_t *cells = &list->cells[(size_t)row * DAY_COLUMNS];

	cells[DAY_DAY] = day;
	cells[DAY_VALUE] = value;
	cells[DAY_WORKING] = workdays_has(workdays, day);
	list->present[row] = UINT64_C(1) << DAY_DAY | UINT64_C(1) << DAY_VALUE |
			     UINT64_C(1) << DAY_WORKING;
	if (!is_money)
		return;
	cells[DAY_AMOUNT] = value;
	list->present[row] |= UINT64_C(1) << DAY_AMOUNT;
}

/* The part of `whole` on the row-th of so many days: the first ones have one unit more. */
static int64_t even_part(int64_t whole, uint32_t days, uint32_t row)
{
	int64_t size = whole < 0 ? -whole : whole, part = size / days + (row < size % days);

	return whole < 0 ? -part : part;
}

struct list_cells *store_spend_days(struct store *s, const struct entity *e)
{
	struct list_cells *list;
	int64_t first;
	uint32_t days = days_of(s, e, s->slot.spend_period_start, s->slot.spend_period_end, &first);

	if (!days || !slot_present(e, s->slot.spend_amount))
		return NULL;
	list = store_list_draft(s, days, DAY_COLUMNS);
	for (uint32_t row = 0; row < days; row++)
		set_day(list, row, first + row,
			even_part(slot_cell(s, e, s->slot.spend_amount), days, row), true,
			s->tenants[e->tenant].workdays);
	return list;
}

/* ---- targets -------------------------------------------------------------------------------------------- */

/* What the curve has reached by the end of the row-th day: all by the last one, and it never falls. */
static int64_t share_by(const struct list_cells *curve, uint32_t days, uint32_t row, int64_t before)
{
	int64_t share = before;

	if (row + 1 == days)
		return DECIMAL_SCALE;
	if (row < curve->count && curve->present[row] & 1)
		share = curve->cells[(size_t)row * curve->columns];
	return share > before ? share : before;
}

static int64_t part_of(int64_t whole, int64_t share)
{
	return (int64_t)i128_div_half_even((i128)whole * share, DECIMAL_SCALE);
}

/* With its ramp, half to even. */
static int64_t whole_of(const struct register_version *v)
{
	i128 whole = v->has_probability
			     ? i128_div_half_even((i128)v->amount * v->probability, DECIMAL_SCALE)
			     : v->amount;

	return whole > INT64_MAX ? INT64_MAX : (int64_t)whole;
}

/* The newest of those that hold on that day, or NULL: nothing was said of it. */
static const struct register_version *version_on(const struct registers_sets *sets, int64_t day)
{
	for (uint8_t i = sets->version_count; i > 0; i--) {
		const struct register_version *v = &sets->versions[i - 1];

		if (!v->has_from_day || v->from_day <= day)
			return v;
	}
	return NULL;
}

struct list_cells *store_target_slices(struct store *s, const struct entity *e)
{
	const struct list_cells *curve = slot_list(s, e, s->slot.target_pacing_curve);
	const struct workdays *workdays = s->tenants[e->tenant].workdays, *spread = workdays;
	bool is_money = slot_present(e, s->slot.target_currency), is_even = !curve || !curve->count;
	struct list_cells *list;
	uint32_t workday = 0, workday_count;
	int64_t first, share = 0;
	uint32_t days =
		days_of(s, e, s->slot.target_period_start, s->slot.target_period_end, &first);

	if (!days || !e->registers)
		return NULL;
	workday_count = workdays_count(workdays, first, days);
	if (!workday_count) {
		spread = NULL;
		workday_count = days;
	}
	list = store_list_draft(s, days, DAY_COLUMNS);
	for (uint32_t row = 0; row < days; row++) {
		const struct register_version *v = version_on(e->registers->sets, first + row);
		int64_t whole = v && v->has_amount ? whole_of(v) : 0, before = share, part;

		if (is_even) {
			part = workdays_has(spread, first + row)
				       ? even_part(whole, workday_count, workday++)
				       : 0;
		} else {
			share = share_by(curve, days, row, before);
			part = part_of(whole, share) - part_of(whole, before);
		}
		set_day(list, row, first + row, part, is_money, workdays);
	}
	return list;
}
