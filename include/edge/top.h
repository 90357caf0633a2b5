/*
 * top: the board in a terminal, as a reader of kpi.latest: what it holds (per key the record of the highest revision) and how that
 * looks as lines of text. Pure of I/O and time: the command reads Kafka and the terminal.
 */
#ifndef EDGE_TOP_H
#define EDGE_TOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "core/snapshot_record.h"

struct top;

struct top_view {
	uint32_t columns, rows;      /* rows 0: as many as there are to show */
	uint32_t tenant;             /* modulo how many there are */
	uint32_t window;             /* modulo TOP_WINDOWS: whose change and leaderboard are shown */
	uint32_t board;              /* modulo TOP_BOARDS: what the lower half shows */
	bool english;                /* else Indonesian */
	bool colour;                 /* with escape sequences */
	int64_t now_ms;              /* wall */
};
enum { TOP_WINDOWS = 3, TOP_BOARDS = 3 };

struct top *top_new(void);
void top_free(struct top *);
/* Takes one record of kpi.latest, both copied; value.at NULL: a tombstone. Answers whether it was understood. */
bool top_take(struct top *, struct slice key, struct slice value, int64_t now_ms);
uint32_t top_tenant_count(const struct top *);
/* How many keys it holds. */
uint32_t top_key_count(const struct top *);
/* Appends the lines, each ended by a line end and at most `columns` wide. */
void top_render(const struct top *, const struct top_view *, struct buffer *out);

/* "Rp 1,25 miliar", "Rp 1.25 bn", "63,15 %", "2 m 30 s" … ; the state's short word where there is no value. */
void top_format(const struct snapshot *, bool english, struct buffer *out);

#endif
