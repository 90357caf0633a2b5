/*
 * The run: files, rows in their order, changes folded, starts and ends paired, events out.
 *
 * A mapping, with everything it can say:
 *
 *     tenant: acme                    # of the events; default «default»
 *     source: salesforce:acme
 *     zone: Asia/Jakarta              # of times without an offset
 *     dates: ["%d/%m/%Y %H:%M", excel]
 *     decimal: ","                    # and thousands: "."
 *     currency: IDR                   # of amounts without one; currency_signs: [Rp, $]
 *     nulls: ["", "-", "N/A"]
 *     encoding: windows-1252          # delimiter: ";", quote: "'", header: [a, b] for files without one
 *     country: "62"                   # for phone(); salt: a secret for hash()
 *     lookup: {rep: {file: reps.csv, key: name}}
 *     maps: {stage: {Won: WON, Lost: LOST, _: OPEN}}      # _: keep, null, reject (the default), or a text
 *     rows:
 *       - from: deals_*.csv           # any key of files may stand here too
 *         where: type != "Test"
 *         order: date(changed_at)     # of the rows; else as they stand
 *         let: {st: 'map("stage", stage)'}
 *         fold: {by: id}              # rows that are changes: a blank cell leaves what was (blank: keep, or null);
 *                                     # {by: id, field: field, value: new_value, columns: [Stage, Amount]} for one field a row;
 *                                     # first(x), previous(x); with at: changed_at in it, since(x): when x became what it is
 *         pair: {by: call_id, start: event == "START", end: event == "COMPLETE"}    # start.x, end.x; orphans: reject, or keep
 *         each: {name: r, of: reps, by: ";"}                # once per value of a cell: r, r.index, r.count
 *         emit:
 *           - deal: {id: id, at: closed, when: st == "WON", op: …, excluded: …, ext: {…}, set: {amount: price, …}}
 *
 * Columns are texts, null when blank. Where a field wants a number, time, duration or condition, the text is read by the
 * formats of its file. Names of columns that are no identifiers: blanks and signs become _, or col("Any Name").
 */
#include "edge/mapping.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/xalloc.h"
#include "edge/mapping_inside.h"

struct run_file {
	struct mapping_bytes bytes;
	struct csv_reader csv;
	uint32_t *column_of; /* owned; per column of the file: in scope.columns */
	size_t column_count;
};

struct row_ref { /* of ordered rows */
	uint32_t file;
	size_t offset;
	uint64_t line;
	struct value keys[MAPPING_ORDERS_MAX];
};

/* What is known of one id of a fold or pair. */
struct state {
	uint32_t id;
	bool is_open; /* a start waits for its end */
	uint32_t *cells, *first, *previous, *since;
};

struct run {
	struct mapping *m;
	struct mapping_rows *rows;
	const struct mapping_sink *sink;
	struct mapping_counts *counts;
	struct buffer *explanation;
	struct run_file *files; /* owned */
	size_t file_count;
	struct mapping_scope scope;
	size_t column_capacity;
	uint32_t *cells; /* owned; the current row */
	struct mapping_row row;
	struct arena arena; /* of the current row */
	struct arena states_arena;
	struct state *states; /* owned */
	size_t state_count, state_capacity;
	struct index index;   /* id -> state */
	struct state scratch; /* the state after this row, until the row is taken */
	struct row_ref *refs; /* owned */
	size_t ref_count, ref_capacity;
	uint64_t bytes_before, rows_told;
};

/* ---- columns --------------------------------------------------------------------------------------- */

static uint32_t add_column(struct run *run, struct slice name)
{
	struct mapping_scope *s = &run->scope;
	struct arena *arena = &run->m->programs;

	for (size_t i = 0; i < s->column_count; i++)
		if (slice_equal(s->columns[i], name))
			return (uint32_t)i;
	s->columns[s->column_count] =
		(struct slice){ arena_strndup(arena, name.at, name.len), name.len };
	s->identifiers[s->column_count] = mapping_identifier(arena, name);
	return (uint32_t)s->column_count++;
}

static int too_many(struct run *run)
{
	buffer_printf(run->explanation, "%s: these files have more than %d different columns\n",
		run->m->yaml.name, MAPPING_COLUMNS_MAX);
	return 1;
}

static int read_header(struct run *run, struct run_file *file)
{
	const struct mapping_words *fixed = &run->rows->format.header;
	char reason[CSV_REASON_MAX];
	struct csv_row row = { fixed->items, fixed->count, 1, { NULL, 0 } };
	enum csv_answer answer = fixed->count ? CSV_ROW : csv_next(&file->csv, &row, reason);

	if (answer == CSV_BAD) {
		buffer_printf(run->explanation, "%s:%llu: %s\n", file->bytes.path,
			(unsigned long long)row.line, reason);
		return 1;
	}
	file->column_count = answer == CSV_ROW ? row.count : 0;
	file->column_of = x_calloc(file->column_count + 1, sizeof(*file->column_of));
	for (size_t i = 0; i < file->column_count; i++) {
		if (run->scope.column_count == MAPPING_COLUMNS_MAX)
			return too_many(run);
		file->column_of[i] = add_column(run, slice_trim(row.fields[i]));
		/* Of two columns with one name in one file the first is meant. */
		for (size_t k = 0; k < i; k++)
			if (file->column_of[k] == file->column_of[i])
				file->column_of[i] = UINT32_MAX;
	}
	return 0;
}

static int read_headers(struct run *run)
{
	struct mapping_scope *s = &run->scope;
	struct arena *arena = &run->m->programs;

	s->columns = arena_alloc(arena, (MAPPING_COLUMNS_MAX + 1) * sizeof(*s->columns));
	s->identifiers = arena_alloc(arena, (MAPPING_COLUMNS_MAX + 1) * sizeof(*s->identifiers));
	s->is_used = arena_alloc(arena, MAPPING_COLUMNS_MAX + 1);
	for (size_t i = 0; i < run->file_count; i++)
		if (read_header(run, &run->files[i]))
			return 1;
	for (size_t i = 0; i < run->rows->fold.columns.count; i++) {
		if (s->column_count == MAPPING_COLUMNS_MAX)
			return too_many(run);
		s->is_used[add_column(run, run->rows->fold.columns.items[i])] = true;
	}
	return 0;
}

/* ---- states ---------------------------------------------------------------------------------------- */

static bool state_has_id(const void *ctx, const void *key, uint32_t i)
{
	const struct run *run = ctx;

	return run->states[i].id == *(const uint32_t *)key;
}

static uint32_t *new_cells(struct run *run)
{
	return arena_alloc(&run->states_arena, (run->scope.column_count + 1) * sizeof(uint32_t));
}

static struct state new_state(struct run *run, uint32_t id)
{
	return (struct state){ id, false, new_cells(run), new_cells(run), new_cells(run),
		new_cells(run) };
}

static struct state *state_of(struct run *run, uint32_t id)
{
	uint32_t found;

	if (index_find(&run->index, hash_u64(id), state_has_id, &id, run, &found))
		return &run->states[found];
	X_GROW(run->states, run->state_count, run->state_capacity);
	run->states[run->state_count] = new_state(run, id);
	index_insert(&run->index, hash_u64(id), (uint32_t)run->state_count);
	return &run->states[run->state_count++];
}

/* ---- one row --------------------------------------------------------------------------------------- */

static int deliver(struct run *run)
{
	struct mapped_event *events;
	size_t count;
	int r = 0;

	if (mapping_emit_row(&run->row, &run->arena, &events, &count))
		return 0;
	for (size_t i = 0; i < count && !r; i++)
		r = run->sink->event(run->sink->ctx, &events[i].event, events[i].undated,
			run->row.path, run->row.line);
	run->counts->events += count;
	return err_pass(r);
}

static bool is_true(struct value value)
{
	return !value.is_null && value.i;
}

/* The id that a row of a fold or pair belongs to; 0 with the row rejected when it has none. */
static uint32_t id_of_row(struct run *run, const struct mapping_expr *by)
{
	struct value id = mapping_value(&run->row, by);

	if (id.is_null)
		mapping_reject(&run->row, "the id of `by` is empty");
	return id.is_null ? 0 : (uint32_t)id.i;
}

/* One field a row: which column changes, and to what. */
static void fold_field(struct run *run, struct state *next)
{
	const struct mapping_fold *fold = &run->rows->fold;
	struct slice name = mapping_text(&run->row, mapping_value(&run->row, &fold->field));
	struct value value = mapping_value(&run->row, &fold->value);

	for (size_t i = 0; i < fold->columns.count; i++)
		if (slice_equal(fold->columns.items[i], name))
			for (size_t k = 0; k < run->scope.column_count; k++)
				if (slice_equal(run->scope.columns[k], name))
					next->cells[k] = value.is_null ? 0 : (uint32_t)value.i;
}

static bool is_folded_column(const struct run *run, size_t column)
{
	for (size_t i = 0; i < run->rows->fold.columns.count; i++)
		if (slice_equal(run->scope.columns[column], run->rows->fold.columns.items[i]))
			return true;
	return false;
}

static void note_changes(struct run *run, const struct state *before, struct state *next)
{
	struct value at = mapping_value(&run->row, &run->rows->fold.at);

	for (size_t i = 0; i < run->scope.column_count; i++) {
		if (!next->first[i])
			next->first[i] = next->cells[i];
		if (next->cells[i] != before->cells[i])
			next->since[i] = at.is_null ? 0 : (uint32_t)at.i;
	}
}

static int take_folded(struct run *run)
{
	const struct mapping_fold *fold = &run->rows->fold;
	size_t bytes = run->scope.column_count * sizeof(uint32_t);
	uint32_t id = id_of_row(run, &fold->by);
	struct state *next = &run->scratch, *state;
	int r;

	if (!id)
		return 0;
	state = state_of(run, id);
	memcpy(next->previous, state->cells, bytes);
	memcpy(next->cells, state->cells, bytes);
	memcpy(next->first, state->first, bytes);
	memcpy(next->since, state->since, bytes);
	for (size_t i = 0; i < run->scope.column_count; i++)
		if (!is_folded_column(run, i) && (run->cells[i] || fold->blank_is_null))
			next->cells[i] = run->cells[i];
	if (fold->field.program)
		fold_field(run, next);
	note_changes(run, state, next);
	run->row.cells = next->cells;
	run->row.first = next->first;
	run->row.previous = next->previous;
	run->row.since = next->since;
	memset(run->row.is_known, 0, sizeof(run->row.is_known));
	r = deliver(run);
	if (!run->row.is_rejected) {
		memcpy(state->cells, next->cells, bytes);
		memcpy(state->first, next->first, bytes);
		memcpy(state->since, next->since, bytes);
	}
	return err_pass(r);
}

static int take_paired(struct run *run)
{
	const struct mapping_pair *pair = &run->rows->pair;
	bool is_start = is_true(mapping_value(&run->row, &pair->start)),
	     is_end = is_true(mapping_value(&run->row, &pair->end));
	uint32_t id;
	struct state *state;

	if (!is_start && !is_end) {
		run->counts->skipped += !run->row.is_rejected;
		return 0;
	}
	id = id_of_row(run, &pair->by);
	if (!id)
		return 0;
	state = state_of(run, id);
	if (is_end && !is_start && !state->is_open && !pair->keeps_orphans)
		mapping_reject(&run->row, "an end without its start");
	run->row.start = is_start ? run->cells : state->is_open ? state->cells : NULL;
	run->row.end = is_end ? run->cells : NULL;
	memset(run->row.is_known, 0, sizeof(run->row.is_known));
	int r = run->row.is_rejected ? 0 : deliver(run);

	if (run->row.is_rejected)
		return err_pass(r);
	run->counts->unpaired += is_start && state->is_open;
	if (is_start)
		memcpy(state->cells, run->cells, run->scope.column_count * sizeof(uint32_t));
	state->is_open = is_start && !is_end;
	return err_pass(r);
}

static void begin_row(struct run *run, const struct run_file *file, uint64_t line)
{
	struct mapping_row *row = &run->row;

	arena_reset(&run->arena);
	row->cells = run->cells;
	row->first = row->previous = row->since = row->start = row->end = NULL;
	for (int i = 0; i < 2; i++) {
		row->each[i] = value_null(VALUE_STRING);
		row->each_index[i] = row->each_count[i] = value_null(VALUE_INT);
	}
	memset(row->is_known, 0, sizeof(row->is_known));
	row->line = line;
	row->path = file->bytes.path;
	row->is_rejected = false;
}

/* The cells of the columns that something reads. */
static void read_cells(struct run *run, const struct run_file *file, const struct csv_row *csv_row)
{
	memset(run->cells, 0, run->scope.column_count * sizeof(*run->cells));
	for (size_t i = 0; i < csv_row->count && i < file->column_count; i++)
		if (file->column_of[i] != UINT32_MAX && run->scope.is_used[file->column_of[i]])
			run->cells[file->column_of[i]] =
				mapping_cell(run->m, &run->rows->format, csv_row->fields[i]);
	if (csv_row->count < file->column_count)
		mapping_reject(&run->row, "the header has %zu columns, this row %zu",
			file->column_count, csv_row->count);
	/* Programs that end each line with a delimiter are many; text beyond the header is another matter. */
	for (size_t i = file->column_count; i < csv_row->count; i++)
		if (slice_trim(csv_row->fields[i]).len)
			mapping_reject(&run->row, "the header has %zu columns, this row %zu",
				file->column_count, csv_row->count);
}

static void tell_reject(struct run *run, const struct run_file *file, uint64_t line,
	const char *reason, struct slice raw)
{
	struct buffer _cleanup_buffer_ text = { 0 };

	buffer_init(&text);
	csv_put_text(file->csv.format.encoding, raw, &text);
	run->counts->rejected++;
	run->sink->reject(run->sink->ctx, file->bytes.path, line, reason, buffer_slice(&text));
}

static int check_room(const struct run *run)
{
	if (intern_bytes(&run->m->strings) + 4 * CSV_ROW_BYTES_MAX < MAPPING_STRINGS_BYTES_MAX)
		return 0;
	return err_raise(-ENOSPC, "the files have more different texts than %zu bytes hold",
		MAPPING_STRINGS_BYTES_MAX);
}

static void tell_progress(struct run *run, const struct run_file *file)
{
	if (run->sink->progress && run->counts->rows % 1024 == 0)
		run->sink->progress(run->sink->ctx, run->bytes_before + file->csv.at);
}

/* Its cells, and whether `where` wants it. */
static bool open_row(struct run *run, const struct run_file *file, const struct csv_row *row)
{
	begin_row(run, file, row->line);
	read_cells(run, file, row);
	if (run->row.is_rejected || !run->rows->where.program)
		return !run->row.is_rejected;
	return is_true(mapping_value(&run->row, &run->rows->where)) && !run->row.is_rejected;
}

static int take_row(struct run *run, const struct run_file *file, const struct csv_row *row)
{
	int r = 0;

	if (open_row(run, file, row))
		r = run->rows->fold.is_set   ? take_folded(run)
		    : run->rows->pair.is_set ? take_paired(run)
					     : deliver(run);
	else
		run->counts->skipped += !run->row.is_rejected;
	if (run->row.is_rejected)
		tell_reject(run, file, row->line, run->row.reason, row->raw);
	return r < 0 ? err_pass(r) : err_pass(check_room(run));
}

/* ---- rows in their order --------------------------------------------------------------------------- */

static int run_file_in_order(struct run *run, struct run_file *file)
{
	char reason[CSV_REASON_MAX];
	struct csv_row row;
	enum csv_answer answer;
	int r = 0;

	while (r == 0 && (answer = csv_next(&file->csv, &row, reason)) != CSV_END) {
		run->counts->rows++;
		tell_progress(run, file);
		if (answer == CSV_BAD)
			tell_reject(run, file, row.line, reason, row.raw);
		else
			r = take_row(run, file, &row);
	}
	run->bytes_before += file->bytes.bytes.len;
	return err_pass(r);
}

static int compare_values(const struct intern *strings, struct value a, struct value b)
{
	if (a.is_null || b.is_null)
		return (int)b.is_null - (int)a.is_null;
	if (a.type == VALUE_STRING)
		return slice_compare(
			intern_text(strings, (uint32_t)a.i), intern_text(strings, (uint32_t)b.i));
	return (a.i > b.i) - (a.i < b.i);
}

static int compare_refs(const void *left, const void *right, void *ctx)
{
	const struct row_ref *a = left, *b = right;
	const struct run *run = ctx;
	int order = 0;

	for (size_t i = 0; i < run->rows->order_count && !order; i++)
		order = compare_values(&run->m->strings, a->keys[i], b->keys[i]);
	if (!order)
		order = (a->file > b->file) - (a->file < b->file);
	return order ? order : (a->offset > b->offset) - (a->offset < b->offset);
}

static void add_ref(struct run *run, size_t file, const struct csv_row *row)
{
	struct row_ref ref = { (uint32_t)file,
		(size_t)(row->raw.at - run->files[file].bytes.bytes.at), row->line, { { 0 } } };

	for (size_t i = 0; i < run->rows->order_count; i++)
		ref.keys[i] = mapping_value(&run->row, &run->rows->orders[i]);
	if (run->row.is_rejected) {
		tell_reject(run, &run->files[file], row->line, run->row.reason, row->raw);
		return;
	}
	X_GROW(run->refs, run->ref_count, run->ref_capacity);
	run->refs[run->ref_count++] = ref;
}

static void collect_refs(struct run *run, size_t index)
{
	struct run_file *file = &run->files[index];
	char reason[CSV_REASON_MAX];
	struct csv_row row;
	enum csv_answer answer;

	while ((answer = csv_next(&file->csv, &row, reason)) != CSV_END) {
		run->counts->rows++;
		tell_progress(run, file);
		if (answer == CSV_BAD)
			tell_reject(run, file, row.line, reason, row.raw);
		else if (open_row(run, file, &row))
			add_ref(run, index, &row);
		else if (run->row.is_rejected)
			tell_reject(run, file, row.line, run->row.reason, row.raw);
		else
			run->counts->skipped++;
	}
	run->bytes_before += file->bytes.bytes.len;
}

static int run_ordered(struct run *run)
{
	char reason[CSV_REASON_MAX];
	struct csv_row row;
	int r = 0;

	for (size_t i = 0; i < run->file_count; i++)
		collect_refs(run, i);
	if (run->ref_count)
		qsort_r(run->refs, run->ref_count, sizeof(*run->refs), compare_refs, run);
	for (size_t i = 0; i < run->ref_count && !r; i++) {
		struct run_file *file = &run->files[run->refs[i].file];

		csv_seek(&file->csv, run->refs[i].offset, run->refs[i].line);
		if (csv_next(&file->csv, &row, reason) == CSV_ROW)
			r = take_row(run, file, &row);
	}
	return err_pass(r);
}

static int run_rows_of_files(struct run *run)
{
	int r = 0;

	run->cells = x_calloc(run->scope.column_count + 1, sizeof(*run->cells));
	run->scratch = new_state(run, 0);
	run->row.mapping = run->m;
	run->row.rows = run->rows;
	if (run->rows->order_count)
		r = run_ordered(run);
	for (size_t i = 0; i < run->file_count && !run->rows->order_count && !r; i++)
		r = run_file_in_order(run, &run->files[i]);
	for (size_t i = 0; i < run->state_count; i++)
		run->counts->unpaired += run->states[i].is_open;
	return err_pass(r);
}

/* ---- one entry of `rows` --------------------------------------------------------------------------- */

static int open_file(struct run *run, struct mapping_bytes bytes)
{
	struct run_file *file = &run->files[run->file_count++];
	char reason[CSV_REASON_MAX];

	file->bytes = bytes;
	if (csv_init(&file->csv, bytes.bytes, run->rows->format.csv, reason)) {
		buffer_printf(run->explanation, "%s: %s\n", bytes.path, reason);
		return 1;
	}
	return 0;
}

static int open_files(
	struct run *run, const struct mapping_paths *paths, const struct mapping_bytes *memory)
{
	struct mapping_bytes bytes;

	run->files = x_calloc(paths->count + 1, sizeof(*run->files));
	if (memory) {
		bytes = (struct mapping_bytes){ x_strdup(memory->path), memory->bytes, false };
		return open_file(run, bytes);
	}
	for (size_t i = 0; i < paths->count; i++)
		if (mapping_bytes_open(&bytes, paths->items[i], run->explanation) ||
			open_file(run, bytes))
			return 1;
	return 0;
}

static void run_deinit(struct run *run)
{
	for (size_t i = 0; i < run->file_count; i++) {
		csv_deinit(&run->files[i].csv);
		free(run->files[i].column_of);
		mapping_bytes_close(&run->files[i].bytes);
	}
	free(run->files);
	free(run->cells);
	free(run->states);
	free(run->refs);
	index_deinit(&run->index);
	arena_deinit(&run->arena);
	arena_deinit(&run->states_arena);
}

static int run_entry(
	struct run *run, const struct mapping_paths *paths, const struct mapping_bytes *memory)
{
	int r;

	arena_init(&run->arena, 0);
	arena_init(&run->states_arena, 0);
	index_init(&run->index);
	r = open_files(run, paths, memory) || read_headers(run) || mapping_compile(&run->scope);
	run->counts->files += run->file_count;
	if (!r)
		r = run_rows_of_files(run);
	run_deinit(run);
	return err_pass(r);
}

static int run_all(struct mapping *m, const char *const *paths, size_t path_count,
	const struct mapping_bytes *memory, const struct mapping_sink *sink,
	struct mapping_counts *counts, struct buffer *explanation)
{
	uint64_t bytes = 0;
	int r;

	memset(counts, 0, sizeof(*counts));
	arena_reset(&m->programs);
	r = mapping_read_lookups(m, paths, path_count, memory, explanation);
	for (size_t i = 0; i < m->rows_count && !r; i++) {
		struct run run = { .m = m,
			.rows = &m->rows[i],
			.sink = sink,
			.counts = counts,
			.explanation = explanation,
			.scope = { .mapping = m, .rows = &m->rows[i], .explanation = explanation },
			.bytes_before = bytes };
		struct mapping_paths found = { NULL, 0, 0 };

		r = memory ? 0
			   : mapping_find_files(
				     m, run.rows, paths, path_count, &found, explanation);
		if (!r && (memory || found.count)) {
			r = run_entry(&run, &found, memory);
			bytes = run.bytes_before;
		}
		mapping_paths_deinit(&found);
	}
	return err_pass(r);
}

/* A file that was given by name and that nothing in the mapping wants is a mistake: its numbers would be missing. */
static int check_wanted(const struct mapping *m, const char *path, struct buffer *explanation)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	struct stat status;
	bool wanted = false;

	if (stat(path, &status)) {
		buffer_printf(explanation, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	if (S_ISDIR(status.st_mode))
		return 0;
	for (size_t i = 0; i < m->rows_count; i++) {
		for (size_t k = 0; k < m->rows[i].from.count; k++) {
			char *pattern = x_strndup(
				m->rows[i].from.items[k].at, m->rows[i].from.items[k].len);
			const char *base = strrchr(pattern, '/');

			wanted |= fnmatch(base ? base + 1 : pattern, name, 0) == 0;
			free(pattern);
		}
	}
	for (size_t i = 0; i < m->lookup_count; i++)
		wanted |= slice_is(m->lookups[i].file, name);
	if (!wanted)
		buffer_printf(
			explanation, "%s: no `from` of %s fits this file\n", path, m->yaml.name);
	return !wanted;
}

int mapping_run(struct mapping *m, const char *const *paths, size_t path_count,
	const struct mapping_sink *sink, struct mapping_counts *ret_counts,
	struct buffer *explanation)
{
	memset(ret_counts, 0, sizeof(*ret_counts));
	for (size_t i = 0; i < path_count; i++)
		if (check_wanted(m, paths[i], explanation))
			return 1;
	return err_pass(run_all(m, paths, path_count, NULL, sink, ret_counts, explanation));
}

int mapping_run_text(struct mapping *m, const char *name, struct slice csv,
	const struct mapping_sink *sink, struct mapping_counts *ret_counts,
	struct buffer *explanation)
{
	char *path = x_strdup(name);
	struct mapping_bytes memory = { path, csv, false };
	int r = run_all(m, NULL, 0, &memory, sink, ret_counts, explanation);

	free(path);
	return err_pass(r);
}
