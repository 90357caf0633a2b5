/*
 * mapping_inside: what the mapping's files share: its parts as the YAML says them (mapping_load.c), expressions compiled against
 * the columns of the files at hand (mapping_compile.c), the functions of expressions (mapping_function.c), the texts that
 * exports hold (mapping_text.c), rows to events (mapping_run.c, mapping_row.c), files (mapping_file.c).
 */
#ifndef EDGE_MAPPING_INSIDE_H
#define EDGE_MAPPING_INSIDE_H

#include "base/arena.h"
#include "base/index.h"
#include "base/intern.h"
#include "core/expr.h"
#include "core/zone.h"
#include "edge/csv.h"
#include "edge/mapping.h"
#include "edge/yaml_source.h"

enum mapping_limit {
	MAPPING_COLUMNS_MAX = 2048,    /* of all files of one `rows` entry */
	MAPPING_LETS_MAX = 128,
	MAPPING_WORDS_MAX = 4096,
	MAPPING_ORDERS_MAX = 4,
	MAPPING_EACH_MAX = 1000,       /* values of one cell */
	MAPPING_REASON_MAX = 256,
};
#define MAPPING_STRINGS_BYTES_MAX ((size_t)8 << 30)

/* What `load` of an expression is asked for: a kind, and which. */
enum mapping_code {
	CODE_CELL = 0, CODE_FIRST = 1 << 16, CODE_PREVIOUS = 2 << 16, CODE_START = 3 << 16, CODE_END = 4 << 16,
	CODE_SINCE = 9 << 16, CODE_LET = 5 << 16, CODE_EACH = 6 << 16, CODE_EACH_INDEX = 7 << 16, CODE_EACH_COUNT = 8 << 16,
	CODE_KIND = ~0xffff,
};

struct mapping_words {
	struct slice *items;
	size_t count;
};

struct mapping_expr {                  /* text.at NULL: absent */
	struct slice text;
	struct yaml_place place;
	struct expr_program *program;
};

struct mapping_format {                /* of files; each level inherits from the one above */
	struct csv_format csv;
	struct mapping_words header;   /* columns of files that have no header row */
	struct slice decimal, thousands; /* one character each; thousands may be absent: , or . whichever decimal is not */
	struct mapping_words signs, nulls, dates;
	const struct zone *zone;       /* borrowed from mapping->zones */
};

enum map_default { MAP_REJECT, MAP_KEEP, MAP_NULL, MAP_TEXT };

struct mapping_map {
	uint32_t name;                 /* intern ids, all of them; 0: null */
	struct { uint32_t from, to; } *pairs;
	size_t count;
	enum map_default otherwise;
	uint32_t otherwise_text;
};

struct mapping_lookup {
	struct slice name, file, key;
	struct yaml_place place, key_place;
	struct mapping_format format;
	struct mapping_words columns;  /* read from the file: */
	uint32_t *cells;               /* intern ids, rows * columns; owned */
	size_t row_count, row_capacity;
	struct index index;            /* key's intern id -> row */
	uint32_t name_id;
	bool is_read;
};

struct mapping_let {
	struct slice name;
	struct mapping_expr expr;
};

struct mapping_each {                  /* name.text.at NULL: absent */
	struct slice name, by;
	struct mapping_expr of;
};

struct mapping_field {
	int index;                     /* in the model; -1 for ext */
	struct slice name;             /* of ext */
	struct mapping_expr expr;
	struct mapping_list *list;     /* LIST fields; owned by the arena */
};

struct mapping_fields {
	struct mapping_field *items;
	size_t count;
};

struct mapping_list {                  /* one row of a list, or one per value of a cell */
	struct mapping_each each;
	struct mapping_fields *rows;
	size_t row_count;
};

struct mapping_emit {
	enum entity_type type;
	struct mapping_expr id, at, when, op, excluded, merged_id, tenant;
	struct mapping_fields set, ext;
	struct mapping_each each;
};

struct mapping_fold {
	bool is_set, blank_is_null;
	struct mapping_expr by, at, field, value;
	struct mapping_words columns;
};

struct mapping_pair {
	bool is_set, keeps_orphans;
	struct mapping_expr by, start, end;
};

struct mapping_rows {
	struct mapping_words from;
	struct yaml_place place;
	struct mapping_format format;
	struct mapping_expr where;
	struct mapping_expr orders[MAPPING_ORDERS_MAX];
	size_t order_count;
	struct mapping_let *lets;
	size_t let_count;
	struct mapping_fold fold;
	struct mapping_pair pair;
	struct mapping_each each;
	struct mapping_emit *emits;
	size_t emit_count;
};

struct mapping_zone {
	char *name;
	struct zone zone;
};

struct mapping {
	struct yaml_source yaml;
	struct arena arena;            /* what was loaded */
	struct arena programs;         /* what was compiled; reset by each run */
	struct intern strings;         /* constants, cells and results of all rows */
	struct mapping_zone **zones;
	size_t zone_count, zone_capacity;
	struct mapping_format format;
	struct slice tenant, source, currency, country, salt, zone;
	struct mapping_map *maps;
	size_t map_count;
	struct mapping_lookup *lookups;
	size_t lookup_count;
	struct mapping_rows *rows;
	size_t rows_count;
};

/* ---- mapping_compile.c ------------------------------------------------------------------------------------- */

/* Against what expressions of one `rows` entry are compiled. */
struct mapping_scope {
	struct mapping *mapping;
	struct mapping_rows *rows;
	struct slice *columns;         /* as in the headers */
	struct slice *identifiers;     /* of the same, as expressions may write them */
	bool *is_used;
	size_t column_count;
	size_t let_limit;              /* only earlier ones are seen */
	const struct mapping_each *each[2]; /* of the emit, and of a list in it; NULL: none */
	const struct mapping_emit *emit;
	struct buffer *explanation;
};

/* A column as an identifier: what is not a letter, digit or _ becomes _. Text from the arena. */
struct slice mapping_identifier(struct arena *, struct slice column);
/* Compiles every expression of scope->rows. 0, or 1: a mistake, explained. */
int mapping_compile(struct mapping_scope *);

/* ---- mapping_function.c ------------------------------------------------------------------------------------ */

extern const struct expr_function mapping_functions[];
extern const size_t mapping_function_count;

/* What expressions of one row run with; the frame's ctx. */
struct mapping_row {
	struct mapping *mapping;
	const struct mapping_rows *rows;
	const uint32_t *cells, *first, *previous, *since, *start, *end; /* intern ids by column, 0 null; NULL: all null */
	struct value each[2], each_index[2], each_count[2];
	struct value lets[MAPPING_LETS_MAX];
	bool is_known[MAPPING_LETS_MAX];
	uint64_t line;
	const char *path;
	struct expr_frame frame;
	bool is_rejected;
	char reason[MAPPING_REASON_MAX]; /* the first one */
};

void mapping_reject(struct mapping_row *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Null when absent. What is wrong with the row is told by is_rejected. */
struct value mapping_value(struct mapping_row *, const struct mapping_expr *);
/* The text of a STRING value, borrowed from the strings; {NULL, 0} for null. */
struct slice mapping_text(const struct mapping_row *, struct value);
/* Interns; null with the row rejected when the limit is hit. */
struct value mapping_new_text(struct mapping_row *, struct slice);

/* ---- mapping_text.c ---------------------------------------------------------------------------------------- */

/* The first of the formats that takes the whole text. Without an offset it is local time of `zone`. */
bool mapping_parse_date(struct slice text, const struct mapping_words *formats, const struct zone *, int64_t *ret_ms);
/* NULL, or what is wrong with the format. */
const char *mapping_check_date_format(struct slice format);
/* 1/10,000, half to even: signs, currency, separators, (negative), percent. */
bool mapping_parse_decimal(struct slice text, const struct mapping_format *, int64_t *ret_units);
bool mapping_parse_rate(struct slice text, const struct mapping_format *, int64_t *ret_rate);
/* "mm:ss" "h:mm:ss" "1h 2m 3s" "90" by `unit` ("ms" "s" "m" "h"; "h:m": of two parts the first is hours). */
bool mapping_parse_duration(struct slice text, struct slice unit, int64_t *ret_ms);
/* yes/no, true/false, ya/tidak, 1/0 … */
bool mapping_parse_truth(struct slice text, bool *ret);
/* E.164: "+6281234567890"; false: no telephone number. */
bool mapping_put_phone(struct slice text, struct slice country, struct buffer *out);
/* SipHash-2-4 with a key from the salt: without the salt nobody finds the text by trying all telephone numbers. */
uint64_t mapping_hash(struct slice text, struct slice salt);

/* ---- mapping_row.c ----------------------------------------------------------------------------------------- */

/* All events of the row, in `ret` (an array from the arena). 0, or 1: rejected. */
struct mapped_event {
	struct event event;
	bool undated;
};
int mapping_emit_row(struct mapping_row *, struct arena *, struct mapped_event **ret, size_t *ret_count);

/* ---- mapping_file.c ---------------------------------------------------------------------------------------- */

struct mapping_bytes {               /* a file in memory */
	char *path;                  /* owned */
	struct slice bytes;
	bool is_mapped;              /* else borrowed */
};

/* 0, or 1: it can't be read, explained. */
int mapping_bytes_open(struct mapping_bytes *, const char *path, struct buffer *explanation);
void mapping_bytes_close(struct mapping_bytes *);
struct mapping_paths {
	char **items;                /* owned; sorted */
	size_t count, capacity;
};
/* The files of one `rows` entry. 0, or 1: none fits though there should be one, explained. */
int mapping_find_files(const struct mapping *, const struct mapping_rows *, const char *const *paths, size_t path_count,
	struct mapping_paths *ret, struct buffer *explanation);
void mapping_paths_deinit(struct mapping_paths *);
/* Reads the lookups' files, `folders` first. memory: instead of files, or NULL. 0, or 1, explained. */
int mapping_read_lookups(struct mapping *, const char *const *paths, size_t path_count, const struct mapping_bytes *memory,
	struct buffer *explanation);
/* A cell: trimmed; 0 for null tokens. */
uint32_t mapping_cell(struct mapping *, const struct mapping_format *, struct slice field);

#endif
