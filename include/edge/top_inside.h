/* What the state of the board and its drawing share. Private to top*.c. */
#ifndef EDGE_TOP_INSIDE_H
#define EDGE_TOP_INSIDE_H

#include "base/index.h"
#include "base/intern.h"
#include "edge/top.h"

#define TOP_ANY UINT32_MAX

struct top_row_key {                 /* intern ids; 0: a text that nobody has sent */
	uint32_t tenant, metric, window, group_by, group_key;
	uint32_t currency;           /* TOP_ANY in a search: whichever */
};

struct top_row {
	struct top_row_key key;
	uint32_t label;              /* intern id of group_1_label, 0 none */
	const char *unit, *state;    /* of static tables */
	bool has_value, has_change, has_exact, is_removed;
	double value, change_pct;
	i128 exact;                  /* 1/10,000: what ranks compare */
	int32_t moved;               /* places won (or lost: negative) at the last change of a rank */
	int64_t sample_size, revision, changed_ms; /* changed_ms: wall, when the value last became another */
};

struct top_tenant {
	uint32_t id;                 /* intern id */
	int64_t as_of_ms, published_ms; /* greatest seen */
	bool has_lag;
	double lag_s;                /* from the heartbeat */
};

struct top {
	const struct top_label *labels;
	size_t label_count;
	struct intern texts;
	struct index index;          /* hash of the key without currency -> row */
	struct top_row *rows;        /* owned */
	uint32_t row_count, row_capacity, rows_max, live_count;
	struct top_tenant *tenants;  /* owned; by name */
	uint32_t tenant_count, tenant_capacity;
	uint64_t refused_count;
};

/* NULL: nothing (or removed). With TOP_ANY as currency the one of `wanted` if there is one, else any. */
const struct top_row *top_find(const struct top *, struct top_row_key);
static inline uint32_t top_text_id(const struct top *top, const char *text)
{
	return intern_find(&top->texts, slice_of(text));
}

/* ---- numbers for people (top_format.c) ----------------------------------------------------------------------------------- */

/* «Rp 1,25 miliar», «63,2 %», «1.204», «3:05», «8,4 hari»; a dash with its reason when there is no value. */
void top_format_row(const struct top *, const struct top_row *, enum top_language, struct buffer *out);
void top_format_value(double value, const char *unit, struct slice currency, enum top_language, struct buffer *out);
/* «▲2,4%» in at most five columns. */
void top_format_change(double pct, enum top_language, struct buffer *out);
/* «0,4 dtk», «12 dtk», «3 mnt», «2 jam». */
void top_format_age(double seconds, enum top_language, struct buffer *out);

/* Columns of a text on screen; invalid bytes count one each. */
unsigned top_text_width(struct slice);
/* The text made fit for a screen: control characters and invalid bytes become «?», at most `width` columns, «…» when cut. */
void top_put_clean(struct slice, unsigned width, struct buffer *out);
/* «google_ads» -> «Google ads», «penjualan/40-negosiasi» -> «Negosiasi». */
void top_put_name(struct slice id, struct buffer *out);

#endif
