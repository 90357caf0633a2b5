/*
 * A mapping and a CSV, both from outside, with the line «===» between them. Whatever they are: no crash, each row is taken, skipped or
 * rejected with a reason, texts of events are UTF-8, and a mistake in the mapping has a position. Without «===» it is a CSV only.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"
#include "edge/csv.h"
#include "edge/mapping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml loses a few bytes of its own over some broken texts. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so";
}

struct seen {
	uint64_t events, rejects;
};

static int on_event(
	void *ctx, const struct event *event, bool undated, const char *path, uint64_t line)
{
	struct seen *seen = ctx;
	const struct model_entity *model = &model_table[event->type];

	(void)undated;
	(void)path;
	assert(line >= 1 && event->entity_id.len && event->tenant_id.len);
	assert(utf8_valid(event->entity_id.at, event->entity_id.len));
	for (size_t i = 0; i < model->field_count; i++)
		if (!event->fields[i].is_null && model->fields[i].type == VALUE_STRING &&
			event->fields[i].text.len)
			assert(utf8_valid(event->fields[i].text.at, event->fields[i].text.len));
	seen->events++;
	return 0;
}

static void on_reject(
	void *ctx, const char *path, uint64_t line, const char *reason, struct slice row)
{
	struct seen *seen = ctx;

	(void)path;
	assert(line >= 1 && *reason);
	assert(!row.len || utf8_valid(row.at, row.len));
	seen->rejects++;
}

static void try_mapping(struct slice yaml, struct slice csv)
{
	struct seen seen = { 0, 0 };
	const struct mapping_sink sink = { &seen, on_event, on_reject, NULL };
	struct buffer _cleanup_buffer_ explanation = { 0 };
	struct mapping_counts counts;
	struct mapping *mapping;

	buffer_init(&explanation);
	if (mapping_parse("m.yaml", yaml, "UTC", &mapping, &explanation)) {
		assert(explanation.len);
		return;
	}
	if (mapping_run_text(mapping, "rows.csv", csv, &sink, &counts, &explanation)) {
		assert(explanation.len);
	} else {
		assert(counts.events == seen.events && counts.rejected == seen.rejects);
		assert(counts.skipped + counts.rejected <= counts.rows);
	}
	mapping_free(mapping);
}

static void try_csv(struct slice bytes, struct csv_format format)
{
	char reason[CSV_REASON_MAX] = "";
	struct csv_reader reader;
	struct csv_row row;
	enum csv_answer answer;
	uint64_t line = 0;

	if (csv_init(&reader, bytes, format, reason)) {
		assert(*reason);
		return;
	}
	while ((answer = csv_next(&reader, &row, reason)) != CSV_END) {
		assert(row.line > line);
		line = row.line;
		assert(row.raw.at >= bytes.at && row.raw.at + row.raw.len <= bytes.at + bytes.len);
		assert(answer == CSV_ROW ? row.count > 0 : *reason != '\0');
		for (size_t i = 0; i < row.count; i++)
			assert(utf8_valid(row.fields[i].at, row.fields[i].len));
	}
	csv_deinit(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice all = { (const char *)data, size };
	const char *cut = size ? memmem(all.at, size, "\n===\n", 5) : NULL;

	if (cut) {
		size_t length = (size_t)(cut - all.at) + 1;

		try_mapping((struct slice){ all.at, length },
			(struct slice){ all.at + length + 4, size - length - 4 });
		return 0;
	}
	try_csv(all, (struct csv_format){ 0 });
	try_csv(all, (struct csv_format){ .delimiter = ';', .encoding = CSV_WINDOWS1252 });
	try_csv(all,
		(struct csv_format){ .delimiter = ',', .quote = '\'', .encoding = CSV_LATIN1 });
	return 0;
}
