/* What programs of the plan read: along references, out of lists, from the customer's own fields, or from an overlay. */
#include "core/fact_frame.h"
#include "core/store_inside.h"

static struct value null_of(const struct plan_load *load)
{
	return (struct value){ .type = (uint8_t)load->type, .is_null = true };
}

static struct value load_ext(const struct entity *e, const struct plan_load *load)
{
	uint32_t low = 0, high = e->ext ? e->ext->count : 0;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (e->ext->pairs[middle].key < load->ext_key)
			low = middle + 1;
		else
			high = middle;
	}
	if (!e->ext || low == e->ext->count || e->ext->pairs[low].key != load->ext_key)
		return null_of(load);
	return (struct value){ .type = (uint8_t)load->type, .i = e->ext->pairs[low].value };
}

static struct value load_element(const struct store *s, const struct entity *e,
	const struct list_cells *list, uint32_t row, const struct plan_load *load)
{
	uint32_t column = (uint32_t)load->element_field;
	struct value value = { .type = (uint8_t)load->type };

	if (!list || row >= list->count || column >= list->columns ||
		!(list->present[row] >> column & 1))
		return null_of(load);
	value.i = list->cells[(size_t)row * list->columns + column];
	if (load->currency_slot < 0)
		return value;
	if (load->currency_of_owner)
		value.currency = slot_string(s, e, (uint32_t)load->currency_slot);
	else if (list->present[row] >> load->currency_slot & 1)
		value.currency =
			(uint32_t)list
				->cells[(size_t)row * list->columns + (size_t)load->currency_slot];
	return value;
}

bool store_slot(const struct store *s, const struct entity *e, uint32_t slot, int64_t *ret_value)
{
	if (!slot_present(e, slot))
		return false;
	*ret_value = slot_cell(s, e, slot);
	return true;
}

struct value store_load(const struct store *s, const struct entity *e,
	const struct list_cells *list, uint32_t row, const struct plan_load *load)
{
	struct value value = { .type = (uint8_t)load->type };

	if (load->param)
		return s->plan->params[load->param - 1].values[s->tenants[e->tenant].param_row];
	if (load->element_field >= 0)
		return load_element(s, e, list, row, load);
	for (uint8_t hop = 0; hop < load->hop_count; hop++) {
		uint32_t next = slot_ref(s, e, load->hops[hop]);

		if (next == ENTITY_NONE)
			return null_of(load);
		e = &store_node(s, next)->entity;
	}
	if (load->ext_key)
		return load_ext(e, load);
	if (!slot_present(e, (uint32_t)load->slot))
		return null_of(load);
	value.i = e->slots[s->layout[e->type].place[load->slot]];
	if (load->currency_slot >= 0)
		value.currency = slot_string(s, e, (uint32_t)load->currency_slot);
	return value;
}

static bool bit_of(const uint64_t bits[2], uint32_t slot)
{
	return bits[slot >> 6] >> (slot & 63) & 1;
}

/* An own slot of a version: as store_load, but slots in the overlay come from there. */
static struct value load_overlaid(const struct fact_frame *frame, const struct plan_load *load)
{
	uint32_t slot = (uint32_t)load->slot, currency;
	struct value value = { .type = (uint8_t)load->type };

	if (!bit_of(frame->overlay_present, slot))
		return null_of(load);
	value.i = frame->overlay[slot];
	if (load->currency_slot < 0)
		return value;
	currency = (uint32_t)load->currency_slot;
	if (!bit_of(frame->overlay_set, currency))
		value.currency = slot_string(frame->store, frame->entity, currency);
	else if (bit_of(frame->overlay_present, currency))
		value.currency = (uint32_t)frame->overlay[currency];
	return value;
}

struct value store_frame_load(void *ctx, uint32_t code)
{
	const struct fact_frame *frame = ctx;
	const struct plan_load *load = &frame->store->plan->loads[code];

	if (frame->overlay && load->hop_count == 0 && load->element_field < 0 && !load->ext_key &&
		!load->param && bit_of(frame->overlay_set, (uint32_t)load->slot))
		return load_overlaid(frame, load);
	return store_load(frame->store, frame->entity, frame->list, frame->row, load);
}
