/*
 * mapping: how the rows of somebody's CSV export become our events: a YAML file of expressions over columns
 * (LANGUAGE.md, «The CSV mapping»; the constructs are listed in processor/edge/mapping.c). Loaded once, run over files.
 *
 * Invariant: a row is taken whole or not at all. A row that can't be mapped is told to `reject` with its line and the reason,
 * and the rest goes on; a mistake in the mapping itself stops before the first row, as file:line:column with a caret.
 * The same files and mapping give the same events in the same order.
 */
#ifndef EDGE_MAPPING_H
#define EDGE_MAPPING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "core/event.h"

struct mapping;

struct mapping_sink {
	void *ctx;
	/*
	 * One event; everything in it is borrowed until the call returns. Its source_version, event_id and ingested_at are left
	 * empty: the order of all files gives them (event_pile.h). undated: it has no time of its own. 0, or negative errno: stop.
	 */
	int (*event)(void *ctx, const struct event *, bool undated, const char *path, uint64_t line);
	/* A row that can't be mapped: its text as UTF-8. */
	void (*reject)(void *ctx, const char *path, uint64_t line, const char *reason, struct slice row);
	/* Bytes of files read so far. May be NULL. */
	void (*progress)(void *ctx, uint64_t bytes);
};

struct mapping_counts {
	uint64_t files, rows;        /* rows: read, the ones below among them */
	uint64_t skipped;            /* by `where`, or neither start nor end of a pair */
	uint64_t rejected;
	uint64_t unpaired;           /* starts of pairs that no end followed */
	uint64_t events;
};

/* zone: of mappings that name none; NULL: UTC. 0: *ret is the caller's; 1: a mistake, in `explanation`. */
int mapping_load(const char *path, const char *zone, struct mapping **ret, struct buffer *explanation);
/* The same for a text; `name` is its path: files are looked for beside it. */
int mapping_parse(const char *name, struct slice text, const char *zone, struct mapping **ret, struct buffer *explanation);
void mapping_free(struct mapping *);

/* What the mapping says of the tenant; NULL where it says nothing. */
const char *mapping_tenant(const struct mapping *);
const char *mapping_zone(const struct mapping *);
const char *mapping_currency(const struct mapping *);

/*
 * Runs over `paths`: CSV files, each for the `rows` whose `from` fits its name, and folders, where each `from` is looked for.
 * No paths: the mapping's own folder. 0; 1: a mistake of the mapping or its files, in `explanation`; negative errno.
 */
int mapping_run(struct mapping *, const char *const *paths, size_t path_count, const struct mapping_sink *,
	struct mapping_counts *ret_counts, struct buffer *explanation);
/* The same over one text in memory, which every `from` fits, and which is every lookup's file; for tests. */
int mapping_run_text(struct mapping *, const char *name, struct slice csv, const struct mapping_sink *,
	struct mapping_counts *ret_counts, struct buffer *explanation);

#endif
