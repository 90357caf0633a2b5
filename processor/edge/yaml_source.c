#include "edge/yaml_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

enum { YAML_BYTES_MAX = 16 << 20 };

static struct slice line_of(const struct yaml_source *s, uint32_t line)
{
	const char *at = s->text, *end = s->text + s->length, *stop;

	for (uint32_t i = 1; i < line && at < end; i++) {
		stop = memchr(at, '\n', (size_t)(end - at));
		at = stop ? stop + 1 : end;
	}
	stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
	return (struct slice){ at, (size_t)((stop ? stop : end) - at) };
}

void yaml_explain(const struct yaml_source *s, struct yaml_place place, size_t offset, size_t length, const char *message,
	struct buffer *out)
{
	struct slice line = line_of(s, place.line);
	size_t column = place.column;

	/* An expression over several lines: the offset runs on into the following ones. */
	while (offset > line.len - (column - 1 < line.len ? column - 1 : line.len) && line.at + line.len < s->text + s->length) {
		struct slice next = line_of(s, place.line + 1);
		size_t indent = 0;

		offset -= line.len - (column - 1 < line.len ? column - 1 : line.len) + 1;
		while (indent < next.len && next.at[indent] == ' ')
			indent++;
		place.line++;
		line = next;
		column = indent + 1;
	}
	column += offset;
	buffer_printf(out, "%s:%u:%zu: %s\n  " SLICE_FMT "\n  ", s->name, place.line, column, message, SLICE_ARG(line));
	for (size_t i = 1; i < column; i++)
		buffer_put_text(out, i <= line.len && line.at[i - 1] == '\t' ? "\t" : " ");
	buffer_put_text(out, "^");
	for (size_t i = 1; i < length && column - 1 + i < line.len; i++)
		buffer_put_text(out, "~");
	buffer_put_text(out, "\n");
}

struct yaml_place yaml_place_of(struct fy_node *node)
{
	struct yaml_place place = { 1, 1 };
	const struct fy_mark *mark = NULL;

	while (node && !fy_node_is_scalar(node)) {
		if (fy_node_is_sequence(node)) {
			node = fy_node_sequence_get_by_index(node, 0);
		} else {
			struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, 0);

			node = pair ? fy_node_pair_key(pair) : NULL;
		}
	}
	if (node && fy_node_get_scalar_token(node))
		mark = fy_token_start_mark(fy_node_get_scalar_token(node));
	if (mark) {
		place.line = (uint32_t)mark->line + 1;
		place.column = (uint32_t)mark->column + 1;
	}
	return place;
}

struct slice yaml_text_of(struct fy_node *node)
{
	size_t length = 0;
	const char *text = fy_node_get_scalar(node, &length);

	return text ? (struct slice){ text, length } : (struct slice){ "", 0 };
}

static void explain_parse(const struct yaml_source *s, struct fy_diag *diag, struct buffer *explanation)
{
	struct fy_diag_error *error;
	void *previous = NULL;
	struct yaml_place place = { 1, 1 };

	error = fy_diag_errors_iterate(diag, &previous);
	if (error) {
		place.line = error->line > 0 ? (uint32_t)error->line : 1;
		place.column = error->column > 0 ? (uint32_t)error->column : 1;
	}
	yaml_explain(s, place, 0, 1, error ? error->msg : "this is no YAML", explanation);
}

int yaml_source_parse(struct yaml_source *s, const char *name, struct slice text, struct buffer *explanation)
{
	struct fy_diag_cfg diag_cfg;
	struct fy_parse_cfg cfg = { .flags = FYPCF_RESOLVE_DOCUMENT | FYPCF_QUIET };

	memset(s, 0, sizeof(*s));
	s->name = x_strdup(name);
	s->text = x_strndup(text.at, text.len);
	s->length = text.len;
	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	cfg.diag = fy_diag_create(&diag_cfg);
	fy_diag_set_collect_errors(cfg.diag, true);
	s->document = fy_document_build_from_string(&cfg, s->text, s->length);
	if (!s->document) {
		explain_parse(s, cfg.diag, explanation);
		fy_diag_destroy(cfg.diag);
		yaml_source_deinit(s);
		return 1;
	}
	fy_diag_destroy(cfg.diag);
	return 0;
}

int yaml_source_read(struct yaml_source *s, const char *path, struct buffer *explanation)
{
	struct buffer _cleanup_buffer_ bytes;
	FILE _cleanup_fclose_ *file = fopen(path, "rb");
	size_t got;

	buffer_init(&bytes);
	if (!file) {
		buffer_printf(explanation, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	do {
		got = fread(buffer_reserve(&bytes, 65536), 1, 65536, file);
		bytes.len += got;
	} while (got && bytes.len <= YAML_BYTES_MAX);
	if (ferror(file) || bytes.len > YAML_BYTES_MAX) {
		buffer_printf(explanation, "%s: it cannot be read, or is longer than 16 MiB\n", path);
		return 1;
	}
	return yaml_source_parse(s, path, buffer_slice(&bytes), explanation);
}

void yaml_source_deinit(struct yaml_source *s)
{
	if (s->document)
		fy_document_destroy(s->document);
	free(s->name);
	free(s->text);
	memset(s, 0, sizeof(*s));
}
