#include <assert.h>
#include <stdlib.h>

#include "base/xalloc.h"
#include "edge/simulator_inside.h"

static bool is_before(const struct sim_entry *a, const struct sim_entry *b)
{
	return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->sequence < b->sequence;
}

void sim_queue_push(struct sim_queue *queue, int64_t at_ms, uint32_t item, uint32_t what)
{
	struct sim_entry entry = { at_ms, queue->pushed++, item, what };

	X_GROW(queue->entries, queue->count, queue->capacity);
	uint32_t place = queue->count++;
	while (place > 0 && is_before(&entry, &queue->entries[(place - 1) / 2])) {
		queue->entries[place] = queue->entries[(place - 1) / 2];
		place = (place - 1) / 2;
	}
	queue->entries[place] = entry;
}

struct sim_entry sim_queue_pop(struct sim_queue *queue)
{
	assert(queue->count > 0);
	struct sim_entry first = queue->entries[0], last = queue->entries[--queue->count];
	uint32_t place = 0;

	for (;;) {
		uint32_t child = 2 * place + 1;
		if (child >= queue->count)
			break;
		if (child + 1 < queue->count &&
			is_before(&queue->entries[child + 1], &queue->entries[child]))
			child++;
		if (!is_before(&queue->entries[child], &last))
			break;
		queue->entries[place] = queue->entries[child];
		place = child;
	}
	if (queue->count > 0)
		queue->entries[place] = last;
	return first;
}

void sim_queue_deinit(struct sim_queue *queue)
{
	free(queue->entries);
	*queue = (struct sim_queue){ 0 };
}

uint32_t sim_slots_take(struct sim_slots *slots)
{
	if (slots->free_count > 0)
		return slots->free[--slots->free_count];
	if (slots->count == slots->capacity) {
		slots->capacity = (uint32_t)x_grow_capacity(slots->capacity, UINT32_MAX);
		slots->items = x_realloc_array(slots->items, slots->capacity, slots->size);
	}
	return slots->count++;
}

void sim_slots_give(struct sim_slots *slots, uint32_t slot)
{
	assert(slot < slots->count);
	X_GROW(slots->free, slots->free_count, slots->free_capacity);
	slots->free[slots->free_count++] = slot;
}

void sim_slots_deinit(struct sim_slots *slots)
{
	free(slots->items);
	free(slots->free);
	*slots = (struct sim_slots){ 0 };
}
