/*
 * schema_store: Avro schemas by id and by record type. Ids and schemas come from a folder: `<name>.avsc` (without an id, by its
 * record's name) and `<id>.avsc` or `<id>-<name>.avsc` (a registry's id). Without a folder: the schemas that are built in, with no ids.
 * A schema that appears in the folder later is found: an unknown id is looked for again, at most once a second.
 *
 * Invariant: a text that was answered once never changes and lives as long as the store. Threads may ask at the same time.
 */
#ifndef EDGE_SCHEMA_STORE_H
#define EDGE_SCHEMA_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* A longer text, or a folder with more schemas, is refused. */
enum { SCHEMA_BYTES_MAX = 1 << 20, SCHEMAS_MAX = 4096 };

struct schema_store;

/* folder NULL or "": built-in ones only. NULL: the folder can't be read or a schema in it is wrong; err_message says it. */
struct schema_store *schema_store_new(const char *folder);
void schema_store_free(struct schema_store *);

/* The schema's JSON text, borrowed until schema_store_free. at NULL: unknown. */
struct slice schema_store_by_id(struct schema_store *, uint32_t id);
/* The schema of a record type ("deal") for bare bodies: the folder's, else the built-in one. Ids don't count here: they name
 * what a frame says, and an evolved schema with an id says nothing of a topic without frames. */
struct slice schema_store_by_name(struct schema_store *, const char *name);
/* Whether any id is known. */
bool schema_store_has_ids(struct schema_store *);

#endif
