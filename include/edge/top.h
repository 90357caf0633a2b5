/*
 * top: the live board in a terminal, read from kpi.latest. Three rooms: the state (what is the latest value of each key), drawing
 * (state and view -> text, no I/O), and what touches the world (the feed from Kafka, the terminal).
 *
 * Invariant: per key the record with the highest revision stays, whatever the order of arrival. A drawing never has more lines or
 * wider lines than the view allows; nothing that comes from outside reaches the terminal as a control character.
 */
#ifndef EDGE_TOP_H
#define EDGE_TOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "core/snapshot_record.h"
#include "core/tenant.h"
#include "edge/settings.h"

/* ---- the state ------------------------------------------------------------------------------------------------------------- */

struct top_label {                   /* of a metric; also the order of the rows */
	const char *metric, *en, *id;
};

struct top;

/* The labels are borrowed. keys_max: more keys are not taken, and counted. */
struct top *top_new(const struct top_label *labels, size_t label_count, uint32_t keys_max);
void top_free(struct top *);
/* Takes a record; now_ms is wall time. False: an older revision than what is there, or no room. */
bool top_put(struct top *, const struct snapshot *, int64_t now_ms);
/* Takes a message of kpi.latest, of whatever bytes; value.at NULL: a tombstone. False: not a snapshot, or as top_put. */
bool top_take(struct top *, struct slice key, struct slice value, int64_t now_ms);
/* A tombstone: the bytes of a record's key. False: no such key, or no key at all. */
bool top_remove(struct top *, struct slice key);
uint32_t top_tenant_count(const struct top *);
/* Keys that have a value other than a heartbeat. */
uint32_t top_key_count(const struct top *);
uint64_t top_refused_count(const struct top *);

/* ---- drawing --------------------------------------------------------------------------------------------------------------- */

enum top_language { TOP_ID, TOP_EN };
enum top_feed_state { TOP_LOADING, TOP_READING, TOP_BROKER_GONE };

struct top_view {
	unsigned rows, columns;      /* rows 0: as many as there is to say */
	bool is_coloured;            /* with the terminal's escape sequences */
	bool has_keys;               /* the keys are named in the last line */
	enum top_language language;
	unsigned tenant, window, group; /* count up with each key press; taken modulo what there is */
	int64_t now_ms;              /* wall */
	enum top_feed_state feed;
	const struct tenant_book *book; /* borrowed: zone and currency of the tenants */
};

/* Appends lines that end with '\n'; at most view->rows of them, none wider than view->columns. */
void top_draw(const struct top *, const struct top_view *, struct buffer *out);

/* ---- the feed -------------------------------------------------------------------------------------------------------------- */

struct top_feed;

/* All partitions of kpi.latest from the beginning, outside of any group. NULL: refused; err_message says why. Settings borrowed. */
struct top_feed *top_feed_new(const struct settings *);
void top_feed_free(struct top_feed *);
/* Reads what is there for at most timeout_ms. */
void top_feed_poll(struct top_feed *, struct top *, int timeout_ms, int64_t now_ms);
enum top_feed_state top_feed_state(const struct top_feed *);

/* ---- the terminal ---------------------------------------------------------------------------------------------------------- */

enum top_key { TOP_KEY_NONE, TOP_KEY_QUIT, TOP_KEY_TENANT, TOP_KEY_WINDOW, TOP_KEY_GROUP, TOP_KEY_LANGUAGE, TOP_KEY_OTHER };

/* Raw mode and the alternate screen, until top_terminal_leave or a fatal signal. False: standard output or input is no terminal. */
bool top_terminal_enter(void);
void top_terminal_leave(void);
/* The size now; true when it changed since the last call. */
bool top_terminal_size(unsigned *ret_rows, unsigned *ret_columns);
/* A key, or TOP_KEY_NONE when none was pressed. The end of input is TOP_KEY_QUIT. */
enum top_key top_terminal_key(void);
/* Shows a drawing: lines as top_draw makes them. False: the terminal is gone. */
bool top_terminal_show(struct slice drawing);
/* SIGINT, SIGTERM, SIGHUP or SIGQUIT came since top_terminal_enter or top_catch_signals: it is time to end. */
bool top_signalled(void);
void top_catch_signals(void);

#endif
