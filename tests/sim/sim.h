/*
 * sim: one seed is one run: a whole processor (tests/unit/rig) whose events, faults and times are all drawn from the seed. A run is
 * a list of steps, each with random numbers of its own, so that a failing run can be told with fewer steps (main.c does).
 *
 *      sim_world     the steps and faults, and what must hold after each (epochs, clocks, fencing, silence of a stale owner)
 *      sim_topic     what reached the output topics, in their order; three boards that read it
 *      sim_oracle    the same events once, in order, in a shard of its own, at the same clock
 *      sim_question  somebody asks why a number is what it is: that must add up and change nothing
 *
 * Whatever does not hold ends the process: sim_fail says why.
 */
#ifndef TESTS_SIM_SIM_H
#define TESTS_SIM_SIM_H

#include "base/intern.h"
#include "base/rng.h"
#include "../unit/rig.h"

enum { SIM_STEPS_MAX = 80, SIM_SHARDS_MAX = 2, SIM_MESSAGE_BYTES = 600 };

/* One of an array's. */
#define PICK(rng, of) (of)[rng_below((rng), sizeof(of) / sizeof((of)[0]))]

/* Shared by the process that runs and the one that watches it. */
struct sim_report {
	uint64_t position;	      /* in the list of seeds */
	char text[SIM_MESSAGE_BYTES]; /* why the last one failed */
	bool kept[SIM_STEPS_MAX];     /* steps to be taken */
	uint64_t answers;	      /* that questions got */
};

/* ---- the output ------------------------------------------------------------------------------------------ */

struct sim_record {
	enum sink_topic topic;
	uint32_t key;	    /* intern id of topic and key */
	struct slice value; /* owned */
	int64_t revision;
};

struct sim_topic {
	struct intern keys;
	struct sim_record *records; /* as the broker has them */
	size_t count, capacity;
	uint32_t *last; /* [key id]: index + 1 of its last record */
	uint32_t last_capacity;
	uint64_t letters; /* different dead letters */
};

void sim_topic_init(struct sim_topic *);
void sim_topic_deinit(struct sim_topic *);
/* A record was delivered. Fails when its revision does not rise. */
void sim_topic_append(struct sim_topic *, const struct sink_memory_record *);
/* Three boards (from the start, late, reconnected) hold the same last records: `ret` [key id], index + 1. */
void sim_topic_check_boards(const struct sim_topic *, struct rng *);

/* ---- the run --------------------------------------------------------------------------------------------- */

struct sim_node {
	size_t taken; /* records of its sink that reached the topic, or never will */
	uint64_t epoch[SIM_SHARDS_MAX]; /* of its present checkpoint */
	int64_t clock_ms[SIM_SHARDS_MAX];
	uint32_t life;	/* rises with every crash */
	bool is_paused; /* takes no turns */
	bool is_stale;	/* somebody else has its shards, and it has not heard of it */
};

struct sim {
	struct rig rig;
	struct plan *plan; /* of the simulation; borrowed */
	struct rng *rng;   /* of the step under way */
	struct rng curiosity; /* of those who ask: what they draw changes no run */
	struct sim_report *report;
	struct sim_topic topic;
	struct sim_node nodes[RIG_NODES];
	int owner[SIM_SHARDS_MAX]; /* the node that the group gives it to */
	uint64_t epoch_max[SIM_SHARDS_MAX];
	bool has_committed[SIM_SHARDS_MAX]; /* a checkpoint was complete once, and its offsets are with the group */
	int64_t true_ms, jump_ms;    /* wall shows true + jump */
	const struct event **events; /* in the order of their first arrival; in the rig's arena */
	size_t event_count, event_capacity;
	uint64_t garbage_count;
	bool is_storage_hurt; /* it has lost something: a refused start is right, and a rebuild the answer */
	bool is_told;	      /* every step is printed */
};

_Noreturn void sim_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* One run; `report` has the steps to be taken. */
void sim_run(uint64_t seed, struct plan *, struct sim_report *, bool is_told);
struct plan *sim_plan(void);

/* One of the node's pipeline, between two turns. */
void sim_ask(struct sim *, int node);

/* An opportunity or a deal of few ids, times and versions: corrections, ties, late and ahead of time. */
struct event *sim_event(struct arena *, struct rng *, int64_t wall_ms);
/* Every published last value is what the events say at this clock. */
void sim_oracle_compare(struct sim *, int32_t shard, int64_t clock_ms);

#endif
