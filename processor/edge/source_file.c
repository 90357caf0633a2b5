#include "edge/source_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/err.h"
#include "base/utf8.h"
#include "base/xalloc.h"
#include "edge/avro_file.h"
#include "edge/csv.h"
#include "edge/event_json.h"

enum { LINE_BYTES_MAX = 1 << 20, HEAD_BYTES = 512 };

struct source_file {
	struct source_file_settings settings;
	struct event_pile pile;
	struct source_file_counts counts;
	char **names; /* owned; files by number */
	size_t name_count, name_capacity;
	FILE *rejects;		   /* owned; NULL until the first */
	size_t at;		   /* the next event */
	struct pile_origin origin; /* of the last one given */
	uint64_t bytes_read, bytes_total;
};

struct source_file *source_file_new(const struct source_file_settings *settings)
{
	struct source_file *s = x_calloc(1, sizeof(*s));

	s->settings = *settings;
	event_pile_init(
		&s->pile, settings->bytes_max ? settings->bytes_max : SOURCE_FILE_BYTES_MAX);
	return s;
}

void source_file_free(struct source_file *s)
{
	if (!s)
		return;
	event_pile_deinit(&s->pile);
	for (size_t i = 0; i < s->name_count; i++)
		free(s->names[i]);
	free(s->names);
	if (s->rejects)
		fclose(s->rejects);
	free(s);
}

/* ---- rejects --------------------------------------------------------------------------------------- */

static void put_text_field(struct slice text, struct buffer *out)
{
	struct buffer _cleanup_buffer_ clean = { 0 };

	buffer_init(&clean);
	csv_put_text(CSV_UTF8, text, &clean);
	csv_put_field(buffer_slice(&clean), out);
}

static void write_reject(struct source_file *s, const char *path, uint64_t line, const char *reason,
	struct slice text)
{
	struct buffer _cleanup_buffer_ out = { 0 };

	if (!s->settings.rejects_path)
		return;
	if (!s->rejects) {
		s->rejects = fopen(s->settings.rejects_path, "w");
		if (!s->rejects) {
			/* The rest goes on; said once, where the summary will look for the file. */
			fprintf(stderr, "%s: %s; rejects are only counted\n",
				s->settings.rejects_path, strerror(errno));
			s->settings.rejects_path = NULL;
			return;
		}
		fputs("file,line,reason,text\n", s->rejects);
	}
	buffer_init(&out);
	put_text_field(slice_of(path), &out);
	buffer_printf(&out, ",%llu,", (unsigned long long)line);
	put_text_field(slice_of(reason), &out);
	buffer_put_text(&out, ",");
	put_text_field(text, &out);
	buffer_put_text(&out, "\n");
	fwrite(out.data, 1, out.len, s->rejects);
}

static void reject(
	void *ctx, const char *path, uint64_t line, const char *reason, struct slice text)
{
	struct source_file *s = ctx;

	s->counts.rejected++;
	write_reject(s, path, line, reason, text);
}

void source_file_reject(struct source_file *s, const char *reason)
{
	write_reject(s, s->origin.file < s->name_count ? s->names[s->origin.file] : "",
		s->origin.line, reason, SLICE_LIT(""));
}

/* ---- events in ------------------------------------------------------------------------------------- */

/* Files come one after another, but several entries of a mapping may read one: looked for from the newest on. */
static uint32_t number_of(struct source_file *s, const char *path)
{
	for (size_t i = s->name_count; i-- > 0;)
		if (strcmp(s->names[i], path) == 0)
			return (uint32_t)i;
	X_GROW(s->names, s->name_count, s->name_capacity);
	s->names[s->name_count] = x_strdup(path);
	return (uint32_t)s->name_count++;
}

static int add(struct source_file *s, const struct event *e, bool is_mapped, bool undated,
	const char *path, uint64_t line)
{
	s->counts.events++;
	return err_pass(event_pile_add(
		&s->pile, e, is_mapped, undated, (struct pile_origin){ number_of(s, path), line }));
}

static int add_mapped(
	void *ctx, const struct event *e, bool undated, const char *path, uint64_t line)
{
	return err_pass(add(ctx, e, true, undated, path, line));
}

static void tell_progress(struct source_file *s, uint64_t bytes)
{
	if (s->settings.progress)
		s->settings.progress(s->settings.ctx, s->bytes_read + bytes, s->bytes_total);
}

static void mapped_progress(void *ctx, uint64_t bytes)
{
	tell_progress(ctx, bytes);
}

static int read_line(struct source_file *s, const char *path, uint64_t number, struct slice line,
	struct arena *arena)
{
	char reason[EVENT_REASON_MAX] = "it is longer than 1 MiB";
	struct event event;

	line = slice_trim(line);
	if (!line.len)
		return 0;
	if (line.len > LINE_BYTES_MAX || event_json_read(line, arena, &event, reason)) {
		reject(s, path, number, reason,
			line.len > LINE_BYTES_MAX ? (struct slice){ line.at, 256 } : line);
		return 0;
	}
	return err_pass(add(s, &event, false, false, path, number));
}

static int read_lines(struct source_file *s, const char *path)
{
	bool is_standard = strcmp(path, "-") == 0;
	FILE _cleanup_fclose_ *owned = is_standard ? NULL : fopen(path, "rb");
	FILE *file = is_standard ? stdin : owned;
	char _cleanup_free_ *line = NULL;
	struct arena _cleanup_arena_ arena;
	size_t capacity = 0;
	ssize_t length;
	uint64_t number = 0, bytes = 0;
	int r = 0;

	arena_init(&arena, 0);
	if (!file)
		return err_raise(-errno, "%s: %s", path, strerror(errno));
	s->counts.files++;
	while (!r && (length = getline(&line, &capacity, file)) >= 0) {
		bytes += (uint64_t)length;
		number++;
		if (number % 1024 == 0)
			tell_progress(s, bytes);
		arena_reset(&arena);
		r = read_line(s, path, number, (struct slice){ line, (size_t)length }, &arena);
	}
	if (!r && ferror(file))
		return err_raise(-EIO, "%s: it cannot be read to its end", path);
	s->bytes_read += bytes;
	return err_pass(r);
}

static int read_avro(struct source_file *s, const char *path)
{
	struct avro_file_reader *reader = avro_file_open(path);
	struct arena _cleanup_arena_ arena;
	char reason[EVENT_REASON_MAX] = "";
	struct event event;
	uint64_t number = 0;
	int r = 0, answer;

	arena_init(&arena, 0);
	if (!reader)
		return err_raise(-EINVAL, "%s: %s", path, err_message());
	s->counts.files++;
	while (!r && (answer = avro_file_next(reader, &arena, &event, reason)) != 1) {
		number++;
		if (answer < 0)
			r = err_pass(answer);
		else if (answer == 2)
			reject(s, path, number, reason, SLICE_LIT(""));
		else
			r = add(s, &event, false, false, path, number);
		arena_reset(&arena);
	}
	avro_file_close(reader);
	return err_pass(r);
}

/* ---- files ----------------------------------------------------------------------------------------- */

enum kind { KIND_MISSING, KIND_FOLDER, KIND_AVRO, KIND_JSON, KIND_CSV };

static enum kind kind_of(const char *path, uint64_t *ret_bytes)
{
	char head[HEAD_BYTES];
	struct stat status;
	struct slice text;
	FILE _cleanup_fclose_ *file = NULL;

	*ret_bytes = 0;
	if (strcmp(path, "-") == 0)
		return KIND_JSON;
	if (stat(path, &status))
		return KIND_MISSING;
	if (S_ISDIR(status.st_mode))
		return KIND_FOLDER;
	*ret_bytes = (uint64_t)status.st_size;
	/* A pipe can't be looked into and then read: it holds JSON lines. */
	if (!S_ISREG(status.st_mode))
		return KIND_JSON;
	file = fopen(path, "rb");
	if (!file)
		return KIND_MISSING;
	text = (struct slice){ head, fread(head, 1, sizeof(head), file) };
	if (avro_file_is(text))
		return KIND_AVRO;
	text = slice_trim(text);
	return text.len && text.at[0] == '{' ? KIND_JSON : KIND_CSV;
}

struct names {
	char **items; /* owned */
	size_t count, capacity;
};

static void names_deinit(struct names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->items[i]);
	free(n->items);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), tail = strlen(end);

	return length > tail && strcmp(name + length - tail, end) == 0;
}

static void list_folder(const char *folder, struct names *ret)
{
	DIR *directory = opendir(folder);
	struct dirent *entry;

	while (directory && (entry = readdir(directory))) {
		struct buffer _cleanup_buffer_ path = { 0 };

		if (!ends_with(entry->d_name, ".avro") && !ends_with(entry->d_name, ".jsonl") &&
			!ends_with(entry->d_name, ".json"))
			continue;
		buffer_init(&path);
		buffer_printf(
			&path, "%s%s%s", folder, ends_with(folder, "/") ? "" : "/", entry->d_name);
		X_GROW(ret->items, ret->count, ret->capacity);
		ret->items[ret->count++] = x_strdup(buffer_text(&path));
	}
	if (directory)
		closedir(directory);
	if (ret->count)
		qsort(ret->items, ret->count, sizeof(*ret->items), compare_names);
}

static int read_folder(struct source_file *s, const char *folder, struct buffer *explanation)
{
	struct names found = { NULL, 0, 0 };
	uint64_t bytes;
	int r = 0;

	list_folder(folder, &found);
	if (!found.count) {
		buffer_printf(explanation,
			"%s: there is no .avro or .jsonl file in this folder; CSV wants "
			"--mapping\n",
			folder);
		r = 1;
	}
	for (size_t i = 0; i < found.count && !r; i++)
		r = kind_of(found.items[i], &bytes) == KIND_AVRO ? read_avro(s, found.items[i])
								 : read_lines(s, found.items[i]);
	names_deinit(&found);
	return err_pass(r);
}

static int read_mapped(struct source_file *s, struct mapping *mapping, const char *const *paths,
	size_t count, struct buffer *explanation)
{
	const struct mapping_sink sink = { s, add_mapped, reject, mapped_progress };
	int r = mapping_run(mapping, paths, count, &sink, &s->counts.rows, explanation);

	s->counts.files += s->counts.rows.files;
	return err_pass(r);
}

static int read_one(
	struct source_file *s, const char *path, bool has_mapping, struct buffer *explanation)
{
	uint64_t bytes;

	switch (kind_of(path, &bytes)) {
	case KIND_MISSING:
		buffer_printf(explanation, "%s: %s\n", path, strerror(errno));
		return 1;
	case KIND_AVRO:
		return err_pass(read_avro(s, path));
	case KIND_JSON:
		return err_pass(read_lines(s, path));
	case KIND_FOLDER:
		return has_mapping ? 0 : err_pass(read_folder(s, path, explanation));
	default:
		if (!has_mapping)
			buffer_printf(explanation,
				"%s: neither Avro nor JSON lines; a CSV file wants --mapping "
				"M.yaml\n",
				path);
		return has_mapping ? 0 : 1;
	}
}

int source_file_read(struct source_file *s, struct mapping *mapping, const char *const *paths,
	size_t count, struct buffer *explanation)
{
	const char **mapped = x_calloc(count + 1, sizeof(*mapped));
	size_t mapped_count = 0;
	uint64_t bytes;
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		enum kind kind = kind_of(paths[i], &bytes);

		if (mapping && (kind == KIND_CSV || kind == KIND_FOLDER))
			mapped[mapped_count++] = paths[i];
		s->bytes_total += bytes;
	}
	for (size_t i = 0; i < count && !r; i++)
		r = read_one(s, paths[i], mapping != NULL, explanation);
	if (mapping && !r && (mapped_count || !count))
		r = read_mapped(s, mapping, mapped, mapped_count, explanation);
	free(mapped);
	event_pile_sort(&s->pile);
	if (s->rejects)
		fflush(s->rejects);
	return err_pass(r);
}

/* ---- events out ------------------------------------------------------------------------------------ */

int source_file_next(struct source_file *s, struct arena *arena, struct event *ret)
{
	if (s->at == s->pile.count)
		return 1;
	event_pile_get(&s->pile, s->at++, arena, ret, &s->origin);
	return 0;
}

size_t source_file_count(const struct source_file *s)
{
	return s->pile.count;
}

int64_t source_file_last_ms(const struct source_file *s)
{
	return s->pile.last_ms;
}

struct source_file_counts source_file_counts(const struct source_file *s)
{
	return s->counts;
}
