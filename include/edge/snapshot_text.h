/*
 * snapshot_text: KPI values as text: CSV, JSON lines, and tables for people.
 *
 * A table has a row per group and a column per window, one for each metric; it holds copies until it is printed. Records
 * come in the order in which they are shown (snapshots_collect with `everything`). What is not simply a value says so in its place:
 * «0/0» nothing to divide by, «·» no data yet, «no base» nothing to compare with.
 */
#ifndef EDGE_SNAPSHOT_TEXT_H
#define EDGE_SNAPSHOT_TEXT_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/index.h"
#include "core/plan.h"
#include "core/snapshot_record.h"

/* tenant_id,metric,window,group_by,group_key,state,value,… */
void snapshot_put_csv_header(struct buffer *out);
/* One line. Values as exact decimals where there are such; what is not set is empty. */
void snapshot_put_csv(const struct snapshot *, struct buffer *out);
/* One line: an object with the fields of EVENTS.md; what is not set is left out. */
void snapshot_put_json(const struct snapshot *, struct buffer *out);
/* The value for people: "63.15 %" "10,005,534.00" "51.8 d" "3m 12s"; of a state without a value what stands there. */
void snapshot_put_value_text(const struct snapshot *, struct buffer *out);

struct snapshot_table {
	const struct plan *plan;     /* borrowed; labels and the order of windows */
	struct arena arena;          /* copies of texts */
	struct snapshot *records;    /* owned */
	size_t count, capacity;
	size_t hidden_count;         /* rows without data that were not shown */
};

void snapshot_table_init(struct snapshot_table *, const struct plan *);
void snapshot_table_deinit(struct snapshot_table *);
void snapshot_table_add(struct snapshot_table *, const struct snapshot *);
/* Prints and forgets them. Rows in which nothing has data are hidden, and counted, unless `all`. */
void snapshot_table_print(struct snapshot_table *, bool all, struct buffer *out);

#endif
