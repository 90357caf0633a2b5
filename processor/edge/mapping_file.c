/* Files of a mapping: found, mapped into memory, and the lookups read. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/hash.h"
#include "base/nearest.h"
#include "base/xalloc.h"
#include "edge/mapping_inside.h"

/* ---- bytes ----------------------------------------------------------------------------------------- */

int mapping_bytes_open(struct mapping_bytes *b, const char *path, struct buffer *explanation)
{
	int _cleanup_close_ descriptor = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	void *at;

	memset(b, 0, sizeof(*b));
	if (descriptor < 0 || fstat(descriptor, &status)) {
		buffer_printf(explanation, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	if (!S_ISREG(status.st_mode)) {
		buffer_printf(explanation, "%s: not a file\n", path);
		return 1;
	}
	if (status.st_size > 0) {
		at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, descriptor, 0);
		if (at == MAP_FAILED) {
			buffer_printf(explanation, "%s: %s\n", path, strerror(errno));
			return 1;
		}
		b->bytes = (struct slice){ at, (size_t)status.st_size };
		b->is_mapped = true;
	}
	b->path = x_strdup(path);
	return 0;
}

void mapping_bytes_close(struct mapping_bytes *b)
{
	/* munmap wants what mmap gave. */
	if (b->is_mapped)
		munmap((void *)(uintptr_t)b->bytes.at, b->bytes.len);
	free(b->path);
	memset(b, 0, sizeof(*b));
}

uint32_t mapping_cell(struct mapping *m, const struct mapping_format *format, struct slice field)
{
	field = slice_trim(field);
	for (size_t i = 0; i < format->nulls.count; i++)
		if (slice_equal(field, format->nulls.items[i]))
			return 0;
	return field.len ? intern_add(&m->strings, field) : 0;
}

/* ---- names ----------------------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_folder(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* "a/b.csv" gives "a/"; "b.csv" gives "". */
static void put_folder_of(const char *path, struct buffer *out)
{
	buffer_put(out, path, (size_t)(base_name(path) - path));
}

static void add_path(struct mapping_paths *paths, const char *path)
{
	for (size_t i = 0; i < paths->count; i++)
		if (strcmp(paths->items[i], path) == 0)
			return;
	X_GROW(paths->items, paths->count, paths->capacity);
	paths->items[paths->count++] = x_strdup(path);
}

void mapping_paths_deinit(struct mapping_paths *paths)
{
	for (size_t i = 0; i < paths->count; i++)
		free(paths->items[i]);
	free(paths->items);
	memset(paths, 0, sizeof(*paths));
}

static void look_in(const char *folder, struct slice pattern, struct mapping_paths *ret)
{
	struct buffer _cleanup_buffer_ full = { 0 };
	glob_t found;

	buffer_init(&full);
	buffer_printf(&full, "%s%s" SLICE_FMT, folder,
		*folder && folder[strlen(folder) - 1] != '/' ? "/" : "", SLICE_ARG(pattern));
	if (glob(buffer_text(&full), 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (!is_folder(found.gl_pathv[i]))
			add_path(ret, found.gl_pathv[i]);
	globfree(&found);
}

static void fit_file(const char *path, struct slice pattern, struct mapping_paths *ret)
{
	struct buffer _cleanup_buffer_ text = { 0 };

	buffer_init(&text);
	buffer_put(&text, pattern.at, pattern.len);
	if (fnmatch(base_name(buffer_text(&text)), base_name(path), 0) == 0)
		add_path(ret, path);
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int mapping_find_files(const struct mapping *m, const struct mapping_rows *rows,
	const char *const *paths, size_t path_count, struct mapping_paths *ret,
	struct buffer *explanation)
{
	struct buffer _cleanup_buffer_ own = { 0 };
	bool looked = path_count == 0;

	buffer_init(&own);
	put_folder_of(m->yaml.name, &own);
	for (size_t k = 0; k < rows->from.count; k++) {
		if (!path_count)
			look_in(buffer_text(&own), rows->from.items[k], ret);
		for (size_t i = 0; i < path_count; i++) {
			if (is_folder(paths[i])) {
				look_in(paths[i], rows->from.items[k], ret);
				looked = true;
			} else {
				fit_file(paths[i], rows->from.items[k], ret);
			}
		}
	}
	/* A folder should have every file of the mapping; of files given by name only those are run. */
	if (!ret->count && looked) {
		yaml_explain(&m->yaml, rows->place, 0, 1,
			"no file fits this entry's `from` in the folders given", explanation);
		return 1;
	}
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), compare_paths);
	return 0;
}

/* ---- lookups --------------------------------------------------------------------------------------- */

static int find_lookup_file(const struct mapping *m, const struct mapping_lookup *lookup,
	const char *const *paths, size_t path_count, struct mapping_paths *ret,
	struct buffer *explanation)
{
	struct buffer _cleanup_buffer_ folder = { 0 };

	buffer_init(&folder);
	for (size_t i = 0; i < path_count && !ret->count; i++) {
		buffer_reset(&folder);
		if (is_folder(paths[i]))
			buffer_put_text(&folder, paths[i]);
		else
			put_folder_of(paths[i], &folder);
		look_in(buffer_text(&folder), lookup->file, ret);
	}
	if (!ret->count) {
		buffer_reset(&folder);
		put_folder_of(m->yaml.name, &folder);
		look_in(buffer_text(&folder), lookup->file, ret);
	}
	if (ret->count)
		return 0;
	yaml_explain(&m->yaml, lookup->place, 0, lookup->file.len,
		"this file is neither beside the data nor beside the mapping", explanation);
	return 1;
}

/* The index of its key column, or -1 with an explanation. */
static int key_column(
	struct mapping *m, const struct mapping_lookup *lookup, struct buffer *explanation)
{
	const char **names =
		arena_alloc(&m->programs, (lookup->columns.count + 1) * sizeof(*names));
	char message[256];

	for (size_t i = 0; i < lookup->columns.count; i++) {
		if (slice_equal(lookup->columns.items[i], lookup->key))
			return (int)i;
		names[i] = arena_strndup(
			&m->programs, lookup->columns.items[i].at, lookup->columns.items[i].len);
	}
	const char *near = nearest_name(lookup->key, names, lookup->columns.count);

	snprintf(message, sizeof(message), "the file has no such column%s%s%s",
		near ? "; the nearest is «" : "", near ? near : "", near ? "»" : "");
	yaml_explain(&m->yaml, lookup->key_place, 0, lookup->key.len, message, explanation);
	return -1;
}

static void take_columns(
	struct mapping *m, struct mapping_lookup *lookup, const struct csv_row *header)
{
	size_t count = lookup->format.header.count ? lookup->format.header.count : header->count;
	const struct slice *names =
		lookup->format.header.count ? lookup->format.header.items : header->fields;

	lookup->columns.items =
		arena_alloc(&m->programs, (count + 1) * sizeof(*lookup->columns.items));
	lookup->columns.count = count;
	for (size_t i = 0; i < count; i++) {
		struct slice name = slice_trim(names[i]);

		lookup->columns.items[i] =
			(struct slice){ arena_strndup(&m->programs, name.at, name.len), name.len };
	}
}

static bool key_is(const void *ctx, const void *key, uint32_t row)
{
	const struct mapping_lookup *lookup = ctx;
	const size_t *place = key; /* cell of the key, column */

	return lookup->cells[row * lookup->columns.count + place[1]] == (uint32_t)place[0];
}

/* Of two rows with one key the first counts. */
static void add_lookup_row(
	struct mapping *m, struct mapping_lookup *lookup, const struct csv_row *row, size_t key)
{
	size_t columns = lookup->columns.count, place[2];
	uint32_t *cells;

	if (lookup->row_count == lookup->row_capacity) {
		lookup->row_capacity = lookup->row_capacity ? lookup->row_capacity * 2 : 64;
		lookup->cells = x_realloc_array(
			lookup->cells, lookup->row_capacity * columns, sizeof(*lookup->cells));
	}
	cells = lookup->cells + lookup->row_count * columns;
	for (size_t i = 0; i < columns; i++)
		cells[i] = i < row->count ? mapping_cell(m, &lookup->format, row->fields[i]) : 0;
	place[0] = cells[key];
	place[1] = key;
	if (!cells[key] ||
		index_find(&lookup->index, hash_u64(cells[key]), key_is, place, lookup, NULL))
		return;
	index_insert(&lookup->index, hash_u64(cells[key]), (uint32_t)lookup->row_count++);
}

static int read_lookup_rows(struct mapping *m, struct mapping_lookup *lookup,
	const struct mapping_bytes *file, struct csv_reader *csv, struct buffer *explanation)
{
	char reason[CSV_REASON_MAX];
	struct csv_row row = { 0 };
	enum csv_answer answer =
		lookup->format.header.count ? CSV_ROW : csv_next(csv, &row, reason);
	int key;

	if (answer == CSV_ROW)
		take_columns(m, lookup, &row);
	key = answer == CSV_BAD ? -1 : key_column(m, lookup, explanation);
	if (answer != CSV_BAD && key < 0)
		return 1;
	while (answer != CSV_BAD && (answer = csv_next(csv, &row, reason)) == CSV_ROW)
		add_lookup_row(m, lookup, &row, (size_t)key);
	if (answer == CSV_END)
		return 0;
	/* A table with holes would give wrong answers quietly. */
	buffer_printf(
		explanation, "%s:%llu: %s\n", file->path, (unsigned long long)row.line, reason);
	return 1;
}

static int read_lookup(struct mapping *m, struct mapping_lookup *lookup,
	const struct mapping_bytes *file, struct buffer *explanation)
{
	char reason[CSV_REASON_MAX];
	struct csv_reader csv;
	int r;

	index_reset(&lookup->index);
	lookup->row_count = lookup->row_capacity = 0;
	free(lookup->cells);
	lookup->cells = NULL;
	lookup->columns.count = 0;
	if (csv_init(&csv, file->bytes, lookup->format.csv, reason)) {
		buffer_printf(explanation, "%s: %s\n", file->path, reason);
		return 1;
	}
	r = read_lookup_rows(m, lookup, file, &csv, explanation);
	csv_deinit(&csv);
	return r;
}

int mapping_read_lookups(struct mapping *m, const char *const *paths, size_t path_count,
	const struct mapping_bytes *memory, struct buffer *explanation)
{
	int r = 0;

	for (size_t i = 0; i < m->lookup_count && !r; i++) {
		struct mapping_lookup *lookup = &m->lookups[i];
		struct mapping_paths found = { NULL, 0, 0 };
		struct mapping_bytes file = { 0 };

		if (memory) {
			r = read_lookup(m, lookup, memory, explanation);
			continue;
		}
		r = find_lookup_file(m, lookup, paths, path_count, &found, explanation) ||
		    mapping_bytes_open(&file, found.items[0], explanation) ||
		    read_lookup(m, lookup, &file, explanation);
		mapping_bytes_close(&file);
		mapping_paths_deinit(&found);
	}
	return r;
}
