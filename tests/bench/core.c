/*
 * core DEFINITIONS EVENTS TENANTS TEAMS REPS STEP_MS [AHEAD]: decode, apply, windows, alone: the funnel's events out of memory through
 * codec and one shard, whose clock follows in steps of STEP_MS of event time. One line of figures; what the making of
 * the bytes costs is outside of them. For instructions:
 * valgrind --tool=callgrind --toggle-collect=work.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "core/shard.h"
#include "edge/codec.h"
#include "funnel.h"
#include "rig.h"

enum { AHEAD_MAX = STORE_EXPECT_MAX };

/* Many messages behind each other; rows: type, length. */
struct batch {
	struct buffer bytes;
	struct row {
		uint32_t length;
		uint8_t type;
		int64_t at_ms;
	} * rows;
	uint32_t count, capacity;
};

struct work {
	struct shard *shard;
	struct codec *codec;
	struct arena arena;
	int64_t step_ms, clock_ms;
	uint32_t ahead; /* events that are decoded before the first of them is applied */
	uint64_t refused;
};

static void fill(struct batch *b, struct funnel *f)
{
	struct event e;

	buffer_reset(&b->bytes);
	b->count = 0;
	while (b->count < 65536 && funnel_next(f, &e)) {
		size_t before = b->bytes.len;

		codec_encode_event(&e, &b->bytes);
		X_GROW(b->rows, b->count, b->capacity);
		b->rows[b->count++] = (struct row){ (uint32_t)(b->bytes.len - before),
			(uint8_t)e.type, e.occurred_at_ms };
	}
}

static void apply(struct work *w, const struct event *e, int64_t at_ms)
{
	char reason[EVENT_REASON_MAX];

	if (shard_apply(w->shard, e, reason) != SHARD_APPLIED)
		w->refused++;
	if (at_ms < w->clock_ms + w->step_ms)
		return;
	w->clock_ms = at_ms;
	while (shard_advance(w->shard, w->clock_ms, 400000))
		;
}

void work(struct work *w, const struct batch *b);
__attribute__((noinline)) void work(struct work *w, const struct batch *b)
{
	const char *at = (const char *)b->bytes.data;
	char reason[EVENT_REASON_MAX];
	struct event events[AHEAD_MAX];
	const struct event *places[AHEAD_MAX];

	for (uint32_t from = 0, count; from < b->count; from += count) {
		count = b->count - from < w->ahead ? b->count - from : w->ahead;
		arena_reset(&w->arena);
		for (uint32_t i = 0; i < count; i++) {
			const struct row *row = &b->rows[from + i];

			places[i] = &events[i];
			if (codec_decode_event(w->codec, (enum entity_type)row->type,
				    (struct slice){ at, row->length }, &w->arena, &events[i],
				    reason) != CODEC_OK)
				exit(1);
			at += row->length;
		}
		if (count > 1)
			shard_expect(w->shard, places, count);
		for (uint32_t i = 0; i < count; i++)
			apply(w, &events[i], b->rows[from + i].at_ms);
	}
}

static size_t heap_bytes(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

static void run(struct work *w, struct funnel *f)
{
	struct batch b = { .count = 0 };
	double seconds = 0;
	uint64_t events = 0;
	size_t before = heap_bytes();

	buffer_init(&b.bytes);
	for (fill(&b, f); b.count; fill(&b, f)) {
		double begun = rig_cpu_seconds();

		work(w, &b);
		seconds += rig_cpu_seconds() - begun;
		events += b.count;
	}
	buffer_deinit(&b.bytes);
	free(b.rows);

	struct shard_counters c = shard_counters(w->shard);

	printf("events=%llu refused=%llu ns_per_event=%.0f events_per_s=%.0f groups=%llu "
	       "entities=%llu ledger_entries=%llu heap_per_entity=%.0f\n",
		(unsigned long long)events, (unsigned long long)w->refused,
		seconds * 1e9 / (double)events, (double)events / seconds,
		(unsigned long long)c.groups, (unsigned long long)c.entities,
		(unsigned long long)c.ledger_entries,
		(double)(heap_bytes() - before) / (double)c.entities);
}

int main(int argc, char **argv)
{
	struct funnel f;
	struct rig rig;

	if (argc < 7)
		return 2;
	if (rig_init(&rig, argv[1]))
		return 1;
	struct schema_store *schemas = schema_store_new(NULL);
	struct work w = { .shard = shard_new(&rig.settings),
		.codec = codec_new(schemas, CODEC_BARE, 1 << 20),
		.step_ms = strtoll(argv[6], NULL, 10),
		.ahead = argc > 7 ? (uint32_t)strtoul(argv[7], NULL, 10) : AHEAD_MAX };

	arena_init(&w.arena, 0);
	funnel_init(&f, strtoull(argv[2], NULL, 10), (uint32_t)strtoul(argv[3], NULL, 10),
		(uint32_t)strtoul(argv[4], NULL, 10), (uint32_t)strtoul(argv[5], NULL, 10));
	run(&w, &f);
	funnel_deinit(&f);
	arena_deinit(&w.arena);
	shard_free(w.shard);
	codec_free(w.codec);
	schema_store_free(schemas);
	rig_deinit(&rig);
	return 0;
}
