#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "sim.h"

enum { HOUR_MS = 3600000, RELEASE_TURNS = 80, HEAL_TURNS = 600, QUIET_TURNS = 160 };

static struct sim_report *failing; /* of this process's run */

void sim_fail(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(failing->text, sizeof(failing->text), format, arguments);
	va_end(arguments);
	_exit(1);
}

static void say(const struct sim *sim, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
static void say(const struct sim *sim, const char *format, ...)
{
	va_list arguments;

	if (!sim->is_told)
		return;
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
}

/* ---- time and turns -------------------------------------------------------------------------------------- */

static void pass(struct sim *sim, int64_t ms)
{
	sim->true_ms += ms;
	sim->rig.wall.manual_now_ms = sim->true_ms + sim->jump_ms;
	sim->rig.wall.manual_monotone_ms += ms;
	sim->rig.storage_seconds = sim->true_ms / 1000;
}

/* What is acknowledged has reached the topic, in the order of sending. */
static void collect(struct sim *sim, int n)
{
	struct sim_node *node = &sim->nodes[n];
	struct sink *sink = sim->rig.nodes[n].sink;

	for (; sink != NULL && node->taken < sink_memory_count(sink); node->taken++) {
		const struct sink_memory_record *record = sink_memory_at(sink, node->taken);

		if (record->sequence > sink->ops->settled(sink))
			return;
		if (!record->has_failed)
			sim_topic_append(&sim->topic, record);
	}
}

/* The node and all it has in memory is gone; of what was on its way a part arrives. */
static void crash(struct sim *sim, int n)
{
	struct sim_node *node = &sim->nodes[n];
	struct rig_node *real = &sim->rig.nodes[n];

	if (real->sink != NULL) {
		size_t count = sink_memory_count(real->sink), until;

		/* What was on its way to the storage may get there after the death. */
		if (real->writer != NULL && rng_chance(sim->rng, 0.5))
			checkpoint_writer_hold(real->writer, false);
		collect(sim, n);
		until = node->taken + (size_t)rng_below(sim->rng, count - node->taken + 1);
		for (; node->taken < until; node->taken++)
			sim_topic_append(&sim->topic, sink_memory_at(real->sink, node->taken));
	}
	rig_crash(&sim->rig, n);
	if (real->sink != NULL)
		real->sink->ops->free(real->sink);
	real->sink = NULL;
	*node = (struct sim_node){ .life = node->life + 1 };
	for (int s = 0; s < SIM_SHARDS_MAX; s++)
		node->clock_ms[s] = CLOCK_NONE;
}

static void begin(struct sim *sim, int n)
{
	rig_start(&sim->rig, n);
	for (int32_t s = 0; s < sim->rig.partition_count; s++)
		if (sim->owner[s] == n)
			rig_assign(&sim->rig, n, s);
}

static bool has_committed(struct sim *sim, int n, int32_t s)
{
	struct source *source = sim->rig.nodes[n].source;
	struct source_position positions[] = { { .topic = RIG_OPPORTUNITY, .partition = s },
		{ .topic = RIG_DEAL, .partition = s }, { .topic = RIG_RATE, .partition = s } };
	char metadata[128];

	return source->ops->committed(source, s, positions, 3, metadata, sizeof(metadata)) == 0;
}

/* What must hold of a shard after every turn. */
static void check_shard(struct sim *sim, int n, int32_t s)
{
	const struct assignment_shard *shard = rig_shard(&sim->rig, n, s);
	struct sim_node *node = &sim->nodes[n];
	bool has_epoch = shard->checkpoint != NULL && shard->state != ASSIGNMENT_RESTORING;
	uint64_t epoch = has_epoch ? checkpoint_epoch(shard->checkpoint) : 0;
	int64_t clock_ms = shard->shard != NULL ? shard_clock(shard->shard) : CLOCK_NONE;

	if (epoch != 0 && epoch != node->epoch[s]) {
		if (epoch <= sim->epoch_max[s])
			sim_fail("shard %d: epoch %llu was taken after %llu", (int)s,
				(unsigned long long)epoch, (unsigned long long)sim->epoch_max[s]);
		say(sim, "      shard %d: node %d has epoch %llu at true %lld storage %lld\n",
			(int)s, n, (unsigned long long)epoch, (long long)sim->true_ms / 1000,
			(long long)sim->rig.storage_seconds);
		sim->epoch_max[s] = epoch;
		node->clock_ms[s] = CLOCK_NONE;
	}
	node->epoch[s] = epoch;
	sim->has_committed[s] = has_committed(sim, n, s);
	if (clock_ms < node->clock_ms[s] && epoch != 0)
		sim_fail("shard %d: the clock fell by %lld ms", (int)s,
			(long long)(node->clock_ms[s] - clock_ms));
	if (epoch != 0)
		node->clock_ms[s] = clock_ms;
	if (clock_ms > sim->true_ms + sim->rig.settings.clock.max_skew_ms)
		sim_fail("shard %d: the clock is %lld ms ahead of the true time", (int)s,
			(long long)(clock_ms - sim->true_ms));
	if (shard->state == ASSIGNMENT_STOPPED && !sim->is_storage_hurt)
		sim_fail("shard %d stopped: %s", (int)s, shard->text);
	/* Half an advance is no state. */
	if (shard->shard != NULL && shard->advance_to_ms == CLOCK_NONE &&
		rng_chance(sim->rng, 0.02))
		shard_check(shard->shard);
}

static bool all_committed(const struct sim *sim)
{
	for (int32_t s = 0; s < sim->rig.partition_count; s++)
		if (!sim->has_committed[s])
			return false;
	return true;
}

/* A fail-over, or a new storage, takes longer than the second of an epoch. */
static void outlast_epochs(struct sim *sim)
{
	for (int s = 0; s < SIM_SHARDS_MAX; s++)
		while ((uint64_t)sim->true_ms / 1000 <= sim->epoch_max[s])
			pass(sim, 1000);
}

/* A start is refused: right if the storage has lost something. The operator decides for a rebuild. */
static void rebuild(struct sim *sim, int n, int code)
{
	if (!sim->is_storage_hurt)
		sim_fail("node %d stops with %d: %s", n, code, err_message());
	say(sim, "      node %d is refused (%s): storage cleared, --rebuild\n", n, err_message());
	/* What nobody has committed looks like a first start to whoever takes it next: then the operator says it to all. */
	bool concerns_all = !all_committed(sim);
	storage_memory_clear(sim->rig.storage);
	outlast_epochs(sim);
	sim->rig.settings.rebuild = true;
	for (int m = 0; m < RIG_NODES; m++)
		if (m == n || (concerns_all && sim->rig.nodes[m].pipeline != NULL)) {
			crash(sim, m);
			begin(sim, m);
		}
	sim->rig.settings.rebuild = concerns_all;
}

/* S20: what one turn sends of values is within a second's budget of each shard. */
static void check_budget(const struct sim *sim, const struct sink *sink, size_t sent)
{
	int64_t values = 0, most = sim->rig.settings.publish_budget * sim->rig.partition_count;

	for (size_t i = sent; i < sink_memory_count(sink); i++) {
		const struct sink_memory_record *record = sink_memory_at(sink, i);
		struct snapshot snapshot;

		values += (record->topic == SINK_LATEST || record->topic == SINK_HISTORY) &&
			  codec_decode_snapshot(record->value, &snapshot) == 0 &&
			  !slice_is(snapshot.metric, "heartbeat");
	}
	if (values > most)
		sim_fail("%lld records in one turn, the budget is %lld", (long long)values,
			(long long)most);
}

static void turn(struct sim *sim, int n)
{
	struct sim_node *node = &sim->nodes[n];
	struct sink *sink = sim->rig.nodes[n].sink;

	if (sim->rig.nodes[n].pipeline == NULL || node->is_paused)
		return;
	size_t sent = sink_memory_count(sink);
	int code = rig_turn(&sim->rig, n);
	if (code < 0) {
		rebuild(sim, n, code);
		return;
	}
	if (node->is_stale && sink_memory_count(sink) != sent)
		sim_fail("node %d publishes though its session is over", n);
	check_budget(sim, sink, sent);
	collect(sim, n);
	for (int32_t s = 0; s < sim->rig.partition_count; s++)
		check_shard(sim, n, s);
	if (rng_chance(&sim->curiosity, 0.1))
		sim_ask(sim, n);
}

static void turn_all(struct sim *sim, int count, int64_t ms)
{
	for (int i = 0; i < count; i++) {
		for (int n = 0; n < RIG_NODES; n++)
			turn(sim, n);
		pass(sim, ms);
	}
}

/* ---- steps: input ---------------------------------------------------------------------------------------- */

static int any_node(struct sim *sim)
{
	return (int)rng_below(sim->rng, RIG_NODES);
}

static int32_t any_shard(struct sim *sim)
{
	return (int32_t)rng_below(sim->rng, (uint64_t)sim->rig.partition_count);
}

static void step_events(struct sim *sim)
{
	for (uint64_t i = 1 + rng_below(sim->rng, 4); i > 0; i--) {
		struct event *event = sim_event(&sim->rig.arena, sim->rng, sim->true_ms);

		X_GROW(sim->events, sim->event_count, sim->event_capacity);
		sim->events[sim->event_count++] = event;
		rig_append(&sim->rig, event);
		say(sim, "      " SLICE_FMT " " SLICE_FMT " v%lld %s, %lld s old\n",
			SLICE_ARG(event->tenant_id), SLICE_ARG(event->entity_id),
			(long long)event->source_version, event_op_names[event->op],
			(long long)(sim->true_ms - event->occurred_at_ms) / 1000);
	}
}

static void step_duplicate(struct sim *sim)
{
	if (sim->event_count > 0)
		rig_append(&sim->rig, sim->events[rng_below(sim->rng, sim->event_count)]);
}

static void step_garbage(struct sim *sim)
{
	char text[32];

	snprintf(text, sizeof(text), "garbage %llu", (unsigned long long)sim->garbage_count++);
	memory_log_append(sim->rig.log, (uint16_t)rng_below(sim->rng, 2), any_shard(sim),
		SLICE_LIT("acme"), slice_of(text));
}

/* ---- steps: time ----------------------------------------------------------------------------------------- */

static void step_long_pass(struct sim *sim)
{
	static const int64_t spans_ms[] = { HOUR_MS / 6, HOUR_MS / 6, 5 * HOUR_MS, 26 * HOUR_MS };
	int64_t ms = (int64_t)rng_below(sim->rng, (uint64_t)spans_ms[rng_below(sim->rng, 4)]);

	say(sim, "      %lld s\n", (long long)ms / 1000);
	pass(sim, ms);
}

static void step_jump(struct sim *sim)
{
	static const int64_t spans_ms[] = { 200000, HOUR_MS, 400 * INT64_C(86400000) };
	int64_t ms = (int64_t)rng_below(sim->rng, (uint64_t)spans_ms[rng_below(sim->rng, 3)]);

	/* Small ones may add up; from far away it comes back only at once. */
	if (sim->jump_ms > spans_ms[0] * 3 || sim->jump_ms < -spans_ms[0] * 3)
		return;
	sim->jump_ms += rng_chance(sim->rng, 0.5) ? ms : -ms;
	say(sim, "      wall is %lld s off\n", (long long)sim->jump_ms / 1000);
	pass(sim, 0);
}

static void step_jump_back(struct sim *sim)
{
	sim->jump_ms = 0;
	pass(sim, 0);
}

/* ---- steps: nodes ---------------------------------------------------------------------------------------- */

static void step_crash(struct sim *sim)
{
	int n = any_node(sim);
	bool moves = rng_chance(sim->rng, 0.4);

	say(sim, "      node %d%s\n", n, moves ? ", the other takes over" : "");
	crash(sim, n);
	for (int32_t s = 0; moves && s < sim->rig.partition_count; s++)
		if (sim->owner[s] == n) {
			sim->owner[s] = 1 - n;
			rig_assign(&sim->rig, 1 - n, s);
		}
	turn_all(sim, (int)rng_below(sim->rng, 3), (int64_t)rng_below(sim->rng, 20000));
	begin(sim, n);
}

/* Dies again, and again, before it has recovered. */
static void step_crash_while_recovering(struct sim *sim)
{
	int n = any_node(sim);

	say(sim, "      node %d\n", n);
	for (uint64_t i = 2 + rng_below(sim->rng, 2); i > 0; i--) {
		crash(sim, n);
		begin(sim, n);
		storage_memory_fail_next(sim->rig.storage, (uint32_t)rng_below(sim->rng, 6));
		turn_all(sim, (int)rng_below(sim->rng, 4), (int64_t)rng_below(sim->rng, 800));
	}
}

/* What a node has on its way is settled before another one begins: message.timeout.ms is shorter than a session (S19). */
static void settle(struct sim *sim, int n)
{
	bool arrived = rng_chance(sim->rng, 0.5);

	sink_memory_settle(sim->rig.nodes[n].sink, arrived);
	sink_memory_set_automatic(sim->rig.nodes[n].sink, true);
	collect(sim, n);
}

static void step_rebalance(struct sim *sim)
{
	int32_t s = any_shard(sim);
	int from = sim->owner[s];
	bool is_lost = rng_chance(sim->rng, 0.25), comes_back = rng_chance(sim->rng, 0.3);

	say(sim, "      shard %d leaves node %d%s%s\n", (int)s, from, is_lost ? ", lost" : "",
		comes_back ? ", comes back" : "");
	source_memory_revoke(sim->rig.nodes[from].source, s, is_lost);
	sim->owner[s] = -1;
	for (int i = 0;
		i < RELEASE_TURNS && !source_memory_is_released(sim->rig.nodes[from].source, s);
		i++)
		turn_all(sim, 1, 250);
	if (!source_memory_is_released(sim->rig.nodes[from].source, s))
		sim_fail("shard %d is never released by node %d", (int)s, from);
	settle(sim, from);
	sim->owner[s] = comes_back ? from : 1 - from;
	rig_assign(&sim->rig, sim->owner[s], s);
}

/* Its checkpoints while somebody else has taken the shard; it must add none. */
static uint64_t written(struct sim *sim, int n, int32_t s)
{
	const struct checkpoint *checkpoint = rig_shard(&sim->rig, n, s)->checkpoint;

	return checkpoint != NULL ? checkpoint_status(checkpoint).written_count : 0;
}

static void wake(struct sim *sim, int z, const bool *was_its)
{
	uint64_t before[SIM_SHARDS_MAX] = { 0 };
	bool is_taken[SIM_SHARDS_MAX] = { false };

	for (int32_t s = 0; s < sim->rig.partition_count; s++) {
		before[s] = written(sim, z, s);
		is_taken[s] = was_its[s] && sim->nodes[z].epoch[s] != 0 &&
			      sim->nodes[1 - z].epoch[s] > sim->nodes[z].epoch[s];
	}
	sim->nodes[z].is_paused = false;
	sim->nodes[z].is_stale = true;
	source_memory_set_confirmed(sim->rig.nodes[z].source, false);
	for (uint64_t i = 4 + rng_below(sim->rng, 30); i > 0; i--) {
		turn_all(sim, 1, 250);
		for (int32_t s = 0; s < sim->rig.partition_count; s++)
			if (is_taken[s] && sim->nodes[z].epoch[s] != 0 &&
				written(sim, z, s) > before[s])
				sim_fail("shard %d: a stale owner's checkpoint was accepted",
					(int)s);
	}
}

/* Stopped past its session; another node has its shards when it goes on. */
static void step_zombie(struct sim *sim)
{
	int z = any_node(sim);
	uint32_t life = sim->nodes[z].life;
	bool was_its[SIM_SHARDS_MAX] = { false };

	say(sim, "      node %d\n", z);
	sim->nodes[z].is_paused = true;
	settle(sim, z);
	turn_all(sim, 4, 8000);
	if (sim->nodes[z].life != life)
		return; /* the other was refused, and both begun anew */
	for (int32_t s = 0; s < sim->rig.partition_count; s++)
		if (sim->owner[s] == z) {
			was_its[s] = true;
			sim->owner[s] = 1 - z;
			rig_assign(&sim->rig, 1 - z, s);
		}
	turn_all(sim, 2 + (int)rng_below(sim->rng, 30), 250);
	if (sim->nodes[z].life != life)
		return;
	wake(sim, z, was_its);
	for (int32_t s = 0; s < sim->rig.partition_count; s++)
		if (was_its[s])
			source_memory_revoke(sim->rig.nodes[z].source, s, true);
	turn(sim, z);
	source_memory_set_confirmed(sim->rig.nodes[z].source, true);
	sim->nodes[z].is_stale = false;
}

/* Its turns go on, but no broker hears it; after its session another node has its shards. */
static void step_cut_off(struct sim *sim)
{
	enum { SESSION_S = 31 };
	int n = any_node(sim), seconds = (int)rng_below(sim->rng, 45);
	uint32_t life = sim->nodes[n].life;
	bool was_its[SIM_SHARDS_MAX] = { false };

	say(sim, "      node %d for %d s\n", n, seconds);
	source_memory_set_down(sim->rig.nodes[n].source, true);
	sink_memory_set_automatic(sim->rig.nodes[n].sink, false);
	for (int i = 0; i < seconds; i++) {
		turn_all(sim, 1, 1000);
		if (sim->nodes[n].life != life)
			return; /* it was refused meanwhile, and begun anew */
		if (i != SESSION_S)
			continue;
		settle(sim, n);
		source_memory_set_confirmed(sim->rig.nodes[n].source, false);
		sim->nodes[n].is_stale = true;
		for (int32_t s = 0; s < sim->rig.partition_count; s++)
			if (sim->owner[s] == n) {
				was_its[s] = true;
				sim->owner[s] = 1 - n;
				rig_assign(&sim->rig, 1 - n, s);
			}
	}
	settle(sim, n);
	source_memory_set_down(sim->rig.nodes[n].source, false);
	for (int32_t s = 0; s < sim->rig.partition_count; s++)
		if (was_its[s])
			source_memory_revoke(sim->rig.nodes[n].source, s, true);
	turn(sim, n);
	source_memory_set_confirmed(sim->rig.nodes[n].source, true);
	sim->nodes[n].is_stale = false;
}

/* ---- steps: storage, output, input ----------------------------------------------------------------------- */

static void step_storage_away(struct sim *sim)
{
	storage_memory_fail_next(sim->rig.storage, 1 + (uint32_t)rng_below(sim->rng, 30));
}

static void step_storage_away_amid(struct sim *sim)
{
	storage_memory_fail_after(sim->rig.storage, (uint32_t)rng_below(sim->rng, 12),
		1 + (uint32_t)rng_below(sim->rng, 4));
}

static void step_storage_slow(struct sim *sim)
{
	int n = any_node(sim);
	bool is_held = rng_chance(sim->rng, 0.6);

	say(sim, "      of node %d: %s\n", n, is_held ? "from now on" : "not any more");
	checkpoint_writer_hold(sim->rig.nodes[n].writer, is_held);
}

static void step_answers_lost(struct sim *sim)
{
	storage_memory_lose_answers(sim->rig.storage, 1 + (uint32_t)rng_below(sim->rng, 4));
}

static void step_roll_back(struct sim *sim)
{
	if (!all_committed(sim))
		return; /* see step_storage_lost */
	sim->is_storage_hurt = true;
	storage_memory_roll_back(sim->rig.storage, any_shard(sim));
	outlast_epochs(sim);
}

static void step_segment_lost(struct sim *sim)
{
	uint32_t count = storage_memory_segment_count(sim->rig.storage);

	if (count == 0)
		return;
	sim->is_storage_hurt = true;
	storage_memory_drop_segment(sim->rig.storage, (uint32_t)rng_below(sim->rng, count));
}

/* Redis is empty; its clock is not. */
static void step_storage_lost(struct sim *sim)
{
	/* Before the first checkpoint nothing tells an emptied storage from a first start. */
	if (!all_committed(sim))
		return;
	sim->is_storage_hurt = true;
	storage_memory_clear(sim->rig.storage);
	outlast_epochs(sim);
}

static void step_output_waits(struct sim *sim)
{
	sink_memory_set_automatic(sim->rig.nodes[any_node(sim)].sink, false);
}

static void step_output_settles(struct sim *sim)
{
	int n = any_node(sim);
	bool arrived = rng_chance(sim->rng, 0.5);

	say(sim, "      node %d, %s\n", n, arrived ? "late but there" : "lost");
	if (rng_chance(sim->rng, 0.3)) {
		sink_memory_settle_some(sim->rig.nodes[n].sink, rng_below(sim->rng, 40), arrived);
	} else {
		sink_memory_settle(sim->rig.nodes[n].sink, arrived);
		if (rng_chance(sim->rng, 0.5))
			sink_memory_set_automatic(sim->rig.nodes[n].sink, true);
	}
	collect(sim, n);
}

static void step_output_full(struct sim *sim)
{
	sink_memory_refuse_next(
		sim->rig.nodes[any_node(sim)].sink, (uint32_t)rng_below(sim->rng, 60));
}

static void step_readable(struct sim *sim)
{
	bool is_unreadable = rng_chance(sim->rng, 0.5);
	int32_t s = any_shard(sim);

	say(sim, "      shard %d is %s\n", (int)s, is_unreadable ? "unreadable" : "readable");
	source_memory_set_unreadable(sim->rig.nodes[sim->owner[s]].source,
		(uint16_t)rng_below(sim->rng, 2), s, is_unreadable);
}

static const struct step {
	const char *name, *rules; /* of the semantics: what it may break */
	unsigned weight;
	void (*take)(struct sim *);
} steps[] = {
	{ "events", "S1 S2 S3 S9 S10", 40, step_events },
	{ "an event twice", "S2 S10", 8, step_duplicate },
	{ "garbage", "S21", 3, step_garbage },
	{ "time passes", "S12 S14", 5, step_long_pass },
	{ "wall jumps", "S8", 3, step_jump },
	{ "wall is right", "S8", 4, step_jump_back },
	{ "crash", "S17 S18 S21", 6, step_crash },
	{ "crash while recovering", "S17 S18", 2, step_crash_while_recovering },
	{ "rebalance", "S24", 5, step_rebalance },
	{ "zombie", "S19 S22", 2, step_zombie },
	{ "cut off", "S19", 2, step_cut_off },
	{ "storage away", "S22", 3, step_storage_away },
	{ "storage away amid", "S22", 3, step_storage_away_amid },
	{ "storage slow", "S19 S22", 3, step_storage_slow },
	{ "storage's answers lost", "S22", 3, step_answers_lost },
	{ "storage rolls back", "S17 S22", 2, step_roll_back },
	{ "segment lost", "S22", 2, step_segment_lost },
	{ "storage empty", "S17 S18", 1, step_storage_lost },
	{ "output waits", "S21", 4, step_output_waits },
	{ "output settles", "S21", 4, step_output_settles },
	{ "output full", "S20 S21", 2, step_output_full },
	{ "partition", "S8 S27", 4, step_readable },
};

static const struct step *any_step(struct rng *rng)
{
	unsigned total = 0;

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
		total += steps[i].weight;
	uint64_t at = rng_below(rng, total);
	for (size_t i = 0;; i++) {
		if (at < steps[i].weight)
			return &steps[i];
		at -= steps[i].weight;
	}
}

/* ---- the run --------------------------------------------------------------------------------------------- */

static bool all_serve(struct sim *sim)
{
	for (int32_t s = 0; s < sim->rig.partition_count; s++)
		if (sim->rig.nodes[sim->owner[s]].pipeline == NULL ||
			rig_shard(&sim->rig, sim->owner[s], s)->state != ASSIGNMENT_SERVING)
			return false;
	return true;
}

static bool all_idle(struct sim *sim)
{
	for (int32_t s = 0; s < sim->rig.partition_count; s++) {
		struct assignment_shard *shard = rig_shard(&sim->rig, sim->owner[s], s);

		if (shard->shard == NULL || shard->advance_to_ms != CLOCK_NONE ||
			!shard_is_idle(shard->shard))
			return false;
	}
	return true;
}

/* All faults end; everything serves again, and what is to be said is said. */
static void heal(struct sim *sim)
{
	sim->jump_ms = 0;
	storage_memory_fail_after(sim->rig.storage, 0, 0);
	storage_memory_lose_answers(sim->rig.storage, 0);
	for (int n = 0; n < RIG_NODES; n++) {
		checkpoint_writer_hold(sim->rig.nodes[n].writer, false);
		sink_memory_refuse_next(sim->rig.nodes[n].sink, 0);
		sink_memory_set_automatic(sim->rig.nodes[n].sink, true);
		sink_memory_settle(sim->rig.nodes[n].sink, true);
		for (int32_t place = 0; place < 2 * sim->rig.partition_count; place++)
			source_memory_set_unreadable(
				sim->rig.nodes[n].source, (uint16_t)(place % 2), place / 2, false);
	}
	for (int i = 0; i < HEAL_TURNS && !all_serve(sim); i++)
		turn_all(sim, 1, 250);
	if (!all_serve(sim))
		sim_fail("a shard does not serve again: %s",
			assignment_state_name(rig_shard(&sim->rig, sim->owner[0], 0)->state));
	turn_all(sim, QUIET_TURNS, 250);
	for (int i = 0; i < HEAL_TURNS && !all_idle(sim); i++)
		turn_all(sim, 1, 250);
	/* Wall stands still while intervals end, so that all of it is as of one instant. */
	for (int i = 0; i < 16; i++) {
		turn_all(sim, 1, 0);
		sim->rig.wall.manual_monotone_ms += 500;
	}
}

static void tell_line(void *ctx, const char *line)
{
	(void)ctx;
	sim_fail("trial balance: %s", line);
}

static void check_end(struct sim *sim)
{
	for (int32_t s = 0; s < sim->rig.partition_count; s++) {
		struct assignment_shard *shard = rig_shard(&sim->rig, sim->owner[s], s);

		shard_check(shard->shard);
		shard_audit(shard->shard, tell_line, NULL);
		sim_oracle_compare(sim, s, shard_clock(shard->shard));
	}
	if (sim->topic.letters != sim->garbage_count)
		sim_fail("%llu dead letters of %llu arrived",
			(unsigned long long)sim->topic.letters,
			(unsigned long long)sim->garbage_count);
	sim_topic_check_boards(&sim->topic, sim->rng);
}

static void sim_begin(struct sim *sim, struct rng *rng)
{
	sim->rng = rng;
	rig_init(&sim->rig, 1 + (int32_t)rng_below(rng, SIM_SHARDS_MAX));
	sim->rig.settings.shard.plan = sim->plan;
	sim->rig.settings.checkpoint.interval_ms = 500 + (int64_t)rng_below(rng, 4000);
	sim->rig.settings.messages_per_turn = 1 + (size_t)rng_below(rng, 20);
	sim->rig.settings.advance_per_turn = rng_below(rng, 2) ? 100000 : 5;
	sim->rig.settings.shard.snapshots.restate_interval_ms = rng_below(rng, 2) ? 2000 : 20000;
	sim->rig.settings.publish_budget = rng_below(rng, 2) ? 20000 : 60;
	sim_topic_init(&sim->topic);
	sim->true_ms = sim->rig.wall.manual_now_ms;
	pass(sim, (int64_t)rng_below(rng, 24 * HOUR_MS));
	for (int32_t s = 0; s < sim->rig.partition_count; s++)
		sim->owner[s] = any_node(sim);
	for (int n = 0; n < RIG_NODES; n++) {
		crash(sim, n);
		begin(sim, n);
	}
}

void sim_run(uint64_t seed, struct plan *plan, struct sim_report *report, bool is_told)
{
	struct sim sim = { .plan = plan, .report = report, .is_told = is_told };
	struct rng rng;

	failing = report;
	rng_init(&rng, seed);
	rng_init(&sim.curiosity, ~seed);
	sim_begin(&sim, &rng);
	uint64_t count = 30 + rng_below(&rng, SIM_STEPS_MAX - 30 + 1);
	for (uint64_t i = 0; i < count; i++) {
		struct rng own;
		const struct step *step = any_step(&rng);

		rng_init(&own, rng_u64(&rng));
		if (!report->kept[i])
			continue;
		sim.rng = &own;
		say(&sim, "  %3llu %s (%s)\n", (unsigned long long)i, step->name, step->rules);
		step->take(&sim);
		turn_all(&sim, 1, (int64_t)rng_below(&own, 600));
	}
	sim.rng = &rng;
	heal(&sim);
	check_end(&sim);
	free(sim.events);
	sim_topic_deinit(&sim.topic);
	rig_deinit(&sim.rig);
}
