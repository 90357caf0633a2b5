/*
 * board: what a display that reads kpi.latest and kpi.history holds: per key the record of the highest revision. It asserts
 * what every reader relies on: revisions rise.
 */
#ifndef TESTS_SCENARIO_BOARD_H
#define TESTS_SCENARIO_BOARD_H

#include "base/arena.h"
#include "base/index.h"
#include "core/snapshot.h"

struct board {
	struct arena arena;
	struct snapshot *records;
	size_t count, capacity;
	struct index index;
	int64_t revision;
};

void board_init(struct board *);
void board_deinit(struct board *);
/* A snapshot_emit_fn; ctx: the board. */
bool board_take(void *ctx, enum snapshot_topic, const struct snapshot *);
/* group_by: "" or "team,rep"; start_ms: of a closed period, INT64_MIN: kpi.latest. NULL: never published. */
const struct snapshot *board_find(const struct board *, const char *tenant, const char *metric, const char *window,
	const char *group_by, const char *const *values, size_t value_count, const char *currency, int64_t start_ms);

#endif
