/*
 * scenario: a file that a sales manager can read, as a list of steps; tests/README.md has the language. An event's image is
 * what the lines before it said of the same record, with this line's changes: built when the file is read, so that the same
 * events can be played in any order.
 */
#ifndef TESTS_SCENARIO_SCENARIO_H
#define TESTS_SCENARIO_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "core/clock.h"
#include "core/event.h"
#include "core/tenant.h"

enum step_kind {
	STEP_EVENT, STEP_CLOCK, STEP_EXPECT, STEP_CLOSED, STEP_RESTART, STEP_REDEFINE, STEP_ANNOUNCE,
	STEP_WALL, STEP_END, STEP_STANDS, /* with `partitions`: the clock is core/clock's */
};
enum verdict { VERDICT_ANY, VERDICT_LATE, VERDICT_DUPLICATE, VERDICT_REFUSED };

enum { STEP_DIMS_MAX = 3, STEP_WORDS_MAX = 64 };

struct expectation {
	const char *tenant, *metric, *window, *currency;
	const char *dims[STEP_DIMS_MAX], *values[STEP_DIMS_MAX];
	uint32_t dim_count;
	const char *value;           /* "-": null; "absent": not published */
	const char *state, *previous, *change, *rank, *rank_of, *samples, *numerator, *denominator, *first, *label;
	const char *start;           /* STEP_CLOSED: date the period begins */
	const char *final;
};

struct step {
	enum step_kind kind;
	int line;
	int64_t time_ms;             /* STEP_EVENT: when it arrives; else the clock */
	uint32_t partition;          /* STEP_EVENT, STEP_END */
	struct event *event;
	enum verdict verdict;
	const char *reason;          /* VERDICT_REFUSED: part of it */
	struct expectation expect;
};

struct scenario {
	const char *path;
	struct arena arena;
	struct step *steps;
	size_t step_count, step_capacity;
	bool has_other_workdays; /* what is announced is days of work */
	struct buffer kpis;          /* definitions of its own; empty: the shipped ones */
	struct buffer kpis_later;    /* those from `redefine` on */
	uint32_t partition_count;    /* 0: events and expectations move the clock by themselves */
	struct tenant_book tenants, tenants_later; /* later: from `announce` on */
};

/* Ends the program with file:line and what is wrong when the file can't be read: a scenario is a test. */
void scenario_read(struct scenario *, const char *path);
void scenario_free(struct scenario *);

/* How it is played. */
struct scenario_mode {
	const char *name;
	bool doubled, shuffled, restarts;
	uint64_t seed;
};
/* How many expectations did not hold; each is printed. */
int scenario_play(const struct scenario *, const struct scenario_mode *);

#endif
