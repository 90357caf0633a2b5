/*
 * yaml_source: one YAML file in memory, with its nodes' positions, and mistakes shown as file:line:column, the line and a
 * caret. Borrows nothing; the document lives as long as the source. Anchors, aliases and merge keys are resolved; a file
 * that would grow beyond reason by them, or holds more than one document, is refused.
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
	size_t (*shown)(struct slice line); /* see yaml_source_read_hiding; NULL: everything may be shown */
};

struct yaml_place {                  /* both count from 1; columns are characters, as editors count them */
	uint32_t line, column;
};

/* Reads and parses. 0, or 1: it can't be read or is no YAML, explained in `explanation`. */
int yaml_source_read(struct yaml_source *, const char *path, struct buffer *explanation);
/* The same for a text in memory. */
int yaml_source_parse(struct yaml_source *, const char *name, struct slice text, struct buffer *explanation);
/*
 * Reads a file that holds secrets: a line in a mistake is shown only as far as `shown` says, and not at all inside the
 * indented lines below a line that has a secret. shown answers how many bytes of a line may be seen, SIZE_MAX: all.
 */
int yaml_source_read_hiding(struct yaml_source *, const char *path, size_t (*shown)(struct slice line),
	struct buffer *explanation);
void yaml_source_deinit(struct yaml_source *);

/* Where the node's own text begins (behind a quote); of a list or mapping: its first scalar, or its bracket when empty. */
struct yaml_place yaml_place_of(struct fy_node *);
struct slice yaml_text_of(struct fy_node *);
/*
 * file:line:column: message, the line, and a caret with tildes under `length` bytes. `offset`: bytes behind the place, over
 * line ends.
 */
void yaml_explain(const struct yaml_source *, struct yaml_place, size_t offset, size_t length, const char *message,
	struct buffer *out);

#endif
