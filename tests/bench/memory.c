/*
 * memory DEFINITIONS COUNT: what an idle entity and what an entry of the ledger costs: resident memory of a real shard, by difference of
 * COUNT and twice as many, each in a process of its own. Between the two every table that doubles has doubled once, so the
 * difference is the true mean of the growing.
 *
 *      entities  the funnel's records as they are created (a lead, two calls, an opportunity, a deal, linked): with the comparison job's
 *                definitions not one has a fact
 *      entries   equally many won deals of the same reps both times, within one hour of 1-s buckets: two of a rep in one second share their entries
 *                the one time, the other time they lie half an hour apart. Denser towards the end, so that buckets are of all sizes
 */
#include <inttypes.h>
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "funnel.h"
#include "rig.h"

enum { TENANTS = 200, TEAMS = 10, REPS = 20, HALF_HOUR_S = 1800 };

static const int64_t NOW_MS =
	INT64_C(1793671200000); /* 2026-11-03T02:00:00Z: where the funnel ends */

struct sample {
	uint64_t rss_bytes, heap_bytes, entities, entries;
};

typedef void (*fill_fn)(struct shard *, uint64_t count);

static void apply(struct shard *shard, const struct event *e)
{
	char reason[EVENT_REASON_MAX] = "";

	if (shard_apply(shard, e, reason) == SHARD_APPLIED)
		return;
	fprintf(stderr, "memory: not applied: %s\n", reason);
	exit(1);
}

static void fill_entities(struct shard *shard, uint64_t count)
{
	struct funnel f;
	struct event e;

	funnel_init(&f, count * FUNNEL_STEPS / 5, TENANTS, TEAMS, REPS);
	while (funnel_next(&f, &e))
		if (e.op == EVENT_CREATE)
			apply(shard, &e);
	funnel_deinit(&f);
}

static void win(
	struct shard *shard, struct arena *arena, uint64_t number, uint64_t pair, int64_t at_ms)
{
	uint64_t rep = pair % (TENANTS * TEAMS * REPS);
	char texts[4][24];
	struct event e;

	arena_reset(arena);
	event_init(&e, ENTITY_DEAL, arena);
	snprintf(texts[0], sizeof(texts[0]), "t%03" PRIu64, rep / (TEAMS * REPS));
	snprintf(texts[1], sizeof(texts[1]), "D%07" PRIu64, number);
	snprintf(texts[2], sizeof(texts[2]), "r%06" PRIu64, rep);
	snprintf(texts[3], sizeof(texts[3]), "m%05" PRIu64, rep / REPS);
	e.op = EVENT_CREATE;
	e.tenant_id = slice_of(texts[0]);
	e.entity_id = e.event_id = slice_of(texts[1]);
	e.occurred_at_ms = e.ingested_at_ms = at_ms;
	*event_field(&e, "owner_id") = (struct event_value){ .text = slice_of(texts[2]) };
	*event_field(&e, "team_id") = (struct event_value){ .text = slice_of(texts[3]) };
	*event_field(&e, "status") = (struct event_value){ .text = slice_of("WON") };
	*event_field(&e, "currency") = (struct event_value){ .text = slice_of("IDR") };
	*event_field(&e, "amount") = (struct event_value){ .i = 10000 };
	*event_field(&e, "won_at") = (struct event_value){ .i = at_ms };
	apply(shard, &e);
}

static void fill_deals(struct shard *shard, uint64_t deals, bool apart)
{
	struct arena arena;

	arena_init(&arena, 0);
	for (uint64_t i = 0; i < deals; i++) {
		uint64_t pair = i % (deals / 2);
		double where = (double)(hash_u64(pair) >> 11) / 9007199254740992.0; /* 0 … 1 */
		int64_t second = (int64_t)(HALF_HOUR_S * sqrt(where));

		if (apart && i >= deals / 2)
			second += HALF_HOUR_S;
		win(shard, &arena, i, pair, NOW_MS - (2 * HALF_HOUR_S - second) * 1000);
	}
	arena_deinit(&arena);
}

static void fill_shared_entries(struct shard *shard, uint64_t count)
{
	fill_deals(shard, count / 3, false);
}

static void fill_own_entries(struct shard *shard, uint64_t count)
{
	fill_deals(shard, count / 3, true);
}

static uint64_t resident_bytes(void)
{
	unsigned long long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");

	if (file == NULL || fscanf(file, "%*u %llu", &pages) != 1)
		exit(1);
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t heap_bytes(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

/* In a child: what was freed by the one before would be there for the next. */
static struct sample measure(const struct rig *rig, fill_fn fill, uint64_t count)
{
	struct sample sample = { 0 };
	int ends[2], status = 1;

	if (pipe(ends) != 0)
		exit(1);
	pid_t child = fork();

	if (child == 0) {
		uint64_t resident = resident_bytes(), heap = heap_bytes();
		struct shard *shard = shard_new(&rig->settings);

		while (shard_advance(shard, NOW_MS, 1000000))
			;
		fill(shard, count);
		struct shard_counters c = shard_counters(shard);

		sample = (struct sample){ resident_bytes() - resident, heap_bytes() - heap,
			c.entities, c.ledger_entries };
		_exit(write(ends[1], &sample, sizeof(sample)) != sizeof(sample));
	}
	if (child < 0 || waitpid(child, &status, 0) != child || status != 0 ||
		read(ends[0], &sample, sizeof(sample)) != sizeof(sample)) {
		fprintf(stderr, "memory: a measurement failed\n");
		exit(1);
	}
	close(ends[0]);
	close(ends[1]);
	return sample;
}

static double per(uint64_t more, uint64_t less, uint64_t count)
{
	return ((double)more - (double)less) / (double)(count ? count : 1);
}

int main(int argc, char **argv)
{
	struct rig rig;

	if (argc < 3)
		return 2;
	uint64_t count = strtoull(argv[2], NULL, 10);

	if (rig_init(&rig, argv[1]))
		return 1;
	struct sample a = measure(&rig, fill_entities, count),
		      b = measure(&rig, fill_entities, 2 * count);
	uint64_t difference = b.entities - a.entities;

	printf("entities: %" PRIu64 " and %" PRIu64 " (ledger entries %" PRIu64 ", %" PRIu64
	       "): %.0f bytes of RSS each, %.0f of heap\n",
		a.entities, b.entities, a.entries, b.entries,
		per(b.rss_bytes, a.rss_bytes, difference),
		per(b.heap_bytes, a.heap_bytes, difference));
	a = measure(&rig, fill_shared_entries, count);
	b = measure(&rig, fill_own_entries, count);
	difference = b.entries - a.entries;
	printf("ledger entries: %" PRIu64 " and %" PRIu64 " (entities %" PRIu64 ", %" PRIu64
	       "): %.1f bytes of RSS each, %.1f of heap\n",
		a.entries, b.entries, a.entities, b.entities,
		per(b.rss_bytes, a.rss_bytes, difference),
		per(b.heap_bytes, a.heap_bytes, difference));
	rig_deinit(&rig);
	return 0;
}
