#include "edge/yaml_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "base/xalloc.h"

enum {
	YAML_BYTES_MAX = 16 << 20,
	/* A few lines of aliases of aliases stand for billions of nodes; no file that a person writes comes near this. */
	YAML_NODES_MAX = 1 << 20,
	YAML_DEPTH_MAX = 64,
};

/* ---- explanations --------------------------------------------------------------------------- */

static struct slice line_of(const struct yaml_source *s, size_t line)
{
	const char *at = s->text, *end = s->text + s->length, *stop;

	for (size_t i = 1; i < line && at < end; i++) {
		stop = memchr(at, '\n', (size_t)(end - at));
		at = stop ? stop + 1 : end;
	}
	stop = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
	return (struct slice){ at, (size_t)((stop ? stop : end) - at) };
}

static size_t indent_of(struct slice line)
{
	size_t indent = 0;

	while (indent < line.len && line.at[indent] == ' ')
		indent++;
	return indent;
}

static bool begins_character(char byte)
{
	return ((unsigned char)byte & 0xC0) != 0x80;
}

/* The byte at which the character of a column (from 1) begins; the line's end when it has fewer. */
static size_t byte_of_column(struct slice line, size_t column)
{
	size_t at = 0;

	while (at < line.len && (column > 1 || !begins_character(line.at[at]))) {
		at++;
		if (at == line.len || begins_character(line.at[at]))
			column--;
	}
	return at;
}

/* How much of a line may be shown: less where it, or a line that it hangs below, holds a secret. */
static size_t shown_of(const struct yaml_source *s, size_t number, struct slice line)
{
	size_t shown = s->shown ? s->shown(line) : SIZE_MAX, indent = indent_of(line);

	for (size_t i = number - 1; s->shown && shown == SIZE_MAX && i > 0 && indent > 0; i--) {
		struct slice above = line_of(s, i);
		size_t above_indent = indent_of(above);

		if (above_indent == above.len || above_indent >= indent)
			continue;
		indent = above_indent;
		if (s->shown(above) != SIZE_MAX)
			shown = 0;
	}
	return shown;
}

static void print_line(struct slice line, size_t shown, struct buffer *out)
{
	buffer_put_text(out, "  ");
	for (size_t i = 0; i < line.len && i < shown; i++)
		buffer_put_u8(out, (uint8_t)line.at[i] < ' ' && line.at[i] != '\t'
					   ? '?'
					   : (uint8_t)line.at[i]);
	buffer_put_text(out, shown < line.len ? " ***\n  " : "\n  ");
}

static void print_caret(struct slice line, size_t at, size_t length, struct buffer *out)
{
	for (size_t i = 0; i < at; i++)
		if (i >= line.len || begins_character(line.at[i]))
			buffer_put_u8(out, i < line.len && line.at[i] == '\t' ? '\t' : ' ');
	buffer_put_text(out, "^");
	for (size_t i = at + 1; i < at + length && i < line.len; i++)
		if (begins_character(line.at[i]))
			buffer_put_text(out, "~");
	buffer_put_text(out, "\n");
}

void yaml_explain(const struct yaml_source *s, struct yaml_place place, size_t offset,
	size_t length, const char *message, struct buffer *out)
{
	size_t number = place.line, at, column = 1, shown;
	struct slice line = line_of(s, number);

	/* A block of text begins at its line's begin, but its own bytes behind the indentation. */
	at = place.column == 1 ? indent_of(line) : byte_of_column(line, place.column);
	/* An expression over several lines: the offset runs on into the following ones, behind their indentation. */
	while (offset > line.len - at && line.at + line.len < s->text + s->length) {
		offset -= line.len - at + 1;
		line = line_of(s, ++number);
		at = indent_of(line);
	}
	at += offset;
	for (size_t i = 0; i < at; i++)
		column += i + 1 >= line.len || begins_character(line.at[i + 1]);
	buffer_printf(out, "%s:%zu:%zu: %s\n", s->name, number, column, message);
	shown = shown_of(s, number, line);
	print_line(line, shown, out);
	if (shown < line.len)
		print_caret((struct slice){ line.at, shown }, at < shown ? at : shown + 1, 1, out);
	else
		print_caret(line, at, length, out);
}

struct yaml_place yaml_place_of(struct fy_node *node)
{
	struct yaml_place place = { 1, 1 };
	const struct fy_mark *mark = NULL;

	while (node && !fy_node_is_scalar(node)) {
		struct fy_node *inner;

		if (fy_node_is_sequence(node)) {
			inner = fy_node_sequence_get_by_index(node, 0);
		} else {
			struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, 0);

			inner = pair ? fy_node_pair_key(pair) : NULL;
		}
		if (!inner)
			break;
		node = inner;
	}
	if (node && fy_node_is_scalar(node) && fy_node_get_scalar_token(node))
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

/* ---- parsing -------------------------------------------------------------------------------- */

static int explain_parse(
	const struct yaml_source *s, struct fy_diag *diag, struct buffer *explanation)
{
	void *previous = NULL;
	struct fy_diag_error *error = fy_diag_errors_iterate(diag, &previous);
	struct yaml_place place = { 1, 1 };

	if (!error)
		return 0;
	place.line = error->line > 0 ? (uint32_t)error->line : 1;
	place.column = error->column > 0 ? (uint32_t)error->column : 1;
	yaml_explain(s, place, 0, 1, error->msg ? error->msg : "this is no YAML", explanation);
	return 1;
}

/* How many nodes there will be when every alias is replaced by what it names; more than `left`: 0. */
static size_t count_nodes(struct fy_node *node, size_t left, unsigned depth)
{
	size_t count = 1;

	if (!node)
		return left ? 1 : 0;
	if (fy_node_is_alias(node))
		node = fy_node_resolve_alias(node);
	if (!node)
		return 1; /* it names nothing: fy_document_resolve says where */
	if (!left || depth > YAML_DEPTH_MAX)
		return 0;
	for (int i = 0; fy_node_is_sequence(node) && i < fy_node_sequence_item_count(node); i++) {
		size_t more = count_nodes(
			fy_node_sequence_get_by_index(node, i), left - count, depth + 1);

		if (!more)
			return 0;
		count += more;
	}
	for (int i = 0; fy_node_is_mapping(node) && i < fy_node_mapping_item_count(node); i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(node, i);
		size_t more = count_nodes(fy_node_pair_value(pair), left - count, depth + 1);

		if (!more)
			return 0;
		count += more + 1;
		if (count >= left)
			return 0;
	}
	return count;
}

static int refuse_second(
	const struct yaml_source *s, struct fy_parser *parser, struct buffer *explanation)
{
	struct fy_document *second = fy_parse_load_document(parser);
	struct yaml_place place;

	if (!second)
		return 0;
	place = yaml_place_of(fy_document_root(second));
	fy_parse_document_destroy(parser, second);
	yaml_explain(
		s, place, 0, 1, "a second document begins here; only one is wanted", explanation);
	return 1;
}

/*
 * libfyaml 0.7 never returns from some texts with directives or broken UTF-8: it does not see them. A line that begins with % is
 * nothing else than a directive, in YAML of any use to us.
 */
static int refuse_unreadable(const struct yaml_source *s, struct buffer *explanation)
{
	uint32_t line = 1;

	if (!utf8_valid(s->text, s->length) || memchr(s->text, '\0', s->length)) {
		buffer_printf(explanation, "%s: it is not UTF-8 text\n", s->name);
		return 1;
	}
	for (const char *at = s->text; at; line++) {
		if (*at == '%') {
			yaml_explain(s, (struct yaml_place){ line, 1 }, 0, 1,
				"directives of YAML are not wanted here", explanation);
			return 1;
		}
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return 0;
}

/* 0: the document is in s, NULL when the text is empty. */
static int load(struct yaml_source *s, struct fy_parser *parser, struct fy_diag *diag,
	struct buffer *explanation)
{
	if (refuse_unreadable(s, explanation))
		return 1;
	if (fy_parser_set_string(parser, s->text, s->length)) {
		buffer_printf(explanation, "%s: this is no YAML\n", s->name);
		return 1;
	}
	s->document = fy_parse_load_document(parser);
	if (!s->document)
		return explain_parse(s, diag, explanation);
	if (refuse_second(s, parser, explanation) || explain_parse(s, diag, explanation))
		return 1;
	if (fy_document_root(s->document) &&
		!count_nodes(fy_document_root(s->document), YAML_NODES_MAX, 0)) {
		buffer_printf(explanation,
			"%s: it nests or repeats itself beyond reason (aliases, brackets)\n",
			s->name);
		return 1;
	}
	if (fy_document_resolve(s->document)) {
		if (!explain_parse(s, diag, explanation))
			buffer_printf(explanation, "%s: an alias names nothing\n", s->name);
		return 1;
	}
	return 0;
}

static int parse(struct yaml_source *s, struct buffer *explanation)
{
	struct fy_diag_cfg diag_cfg;
	struct fy_parse_cfg cfg = { .flags = FYPCF_QUIET };
	struct fy_parser *parser;
	int answer;

	fy_diag_cfg_default(&diag_cfg);
	diag_cfg.fp = NULL;
	cfg.diag = fy_diag_create(&diag_cfg);
	fy_diag_set_collect_errors(cfg.diag, true);
	parser = fy_parser_create(&cfg);
	answer = load(s, parser, cfg.diag, explanation);
	if (answer && s->document) {
		fy_parse_document_destroy(parser, s->document);
		s->document = NULL;
	}
	fy_parser_destroy(parser);
	fy_diag_destroy(cfg.diag);
	if (answer)
		yaml_source_deinit(s);
	return answer;
}

int yaml_source_parse(
	struct yaml_source *s, const char *name, struct slice text, struct buffer *explanation)
{
	memset(s, 0, sizeof(*s));
	s->name = x_strdup(name);
	s->text = x_strndup(text.at, text.len);
	s->length = text.len;
	return parse(s, explanation);
}

static int read_file(const char *path, struct buffer *bytes, struct buffer *explanation)
{
	FILE _cleanup_fclose_ *file = fopen(path, "rb");
	size_t got;

	if (!file) {
		buffer_printf(explanation, "%s: %s\n", path, strerror(errno));
		return 1;
	}
	do {
		got = fread(buffer_reserve(bytes, 65536), 1, 65536, file);
		bytes->len += got;
	} while (got && bytes->len <= YAML_BYTES_MAX);
	if (ferror(file) || bytes->len > YAML_BYTES_MAX) {
		buffer_printf(
			explanation, "%s: it cannot be read, or is longer than 16 MiB\n", path);
		return 1;
	}
	return 0;
}

int yaml_source_read_hiding(struct yaml_source *s, const char *path,
	size_t (*shown)(struct slice line), struct buffer *explanation)
{
	struct buffer _cleanup_buffer_ bytes;

	buffer_init(&bytes);
	memset(s, 0, sizeof(*s));
	if (read_file(path, &bytes, explanation))
		return 1;
	s->name = x_strdup(path);
	s->text = x_strndup((const char *)bytes.data, bytes.len);
	s->length = bytes.len;
	s->shown = shown;
	return parse(s, explanation);
}

int yaml_source_read(struct yaml_source *s, const char *path, struct buffer *explanation)
{
	return yaml_source_read_hiding(s, path, NULL, explanation);
}

void yaml_source_deinit(struct yaml_source *s)
{
	if (s->document)
		fy_document_destroy(s->document);
	free(s->name);
	free(s->text);
	memset(s, 0, sizeof(*s));
}
