/*
 * yaml_source: one YAML file in memory, with its nodes' positions, and mistakes shown as file:line:column, the line and a
 * caret. Borrows nothing; the document lives as long as the source.
 */
#ifndef EDGE_YAML_SOURCE_H
#define EDGE_YAML_SOURCE_H

#include <libfyaml.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

struct yaml_source {
	char *name;                  /* as shown; owned */
	char *text;                  /* owned */
	size_t length;
	struct fy_document *document; /* owned; NULL: an empty file */
};

struct yaml_place {                  /* line and column count from 1; column in bytes */
	uint32_t line, column;
};

/* Reads and parses. 0, or 1: it can't be read or is no YAML, explained in `explanation`. */
int yaml_source_read(struct yaml_source *, const char *path, struct buffer *explanation);
/* The same for a text in memory. */
int yaml_source_parse(struct yaml_source *, const char *name, struct slice text, struct buffer *explanation);
void yaml_source_deinit(struct yaml_source *);

/* Where the node's own text begins (behind a quote); of a list or mapping: its first scalar. */
struct yaml_place yaml_place_of(struct fy_node *);
struct slice yaml_text_of(struct fy_node *);
/* file:line:column: message, the line, and a caret with `length` tildes. `offset` bytes behind the place, over line ends. */
void yaml_explain(const struct yaml_source *, struct yaml_place, size_t offset, size_t length, const char *message,
	struct buffer *out);

#endif
