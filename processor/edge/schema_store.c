#include "edge/schema_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/asset.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "edge/wall.h"

enum { RESCAN_MS = 1000, PATH_BYTES_MAX = 4096 };

struct schema {
	bool has_id;
	uint32_t id;
	char *name; /* owned; the record's, without its namespace */
	char *text; /* owned */
	size_t length;
};

struct schema_store {
	pthread_mutex_t lock;	/* of all below, once the store is made */
	char *folder;		/* owned; NULL: built-in ones only */
	struct schema *schemas; /* owned */
	uint32_t count, capacity, id_count;
	struct wall wall;
	int64_t scanned_at_ms; /* monotone */
	char *complaint; /* owned; the last mistake of a later look, so that it is said once */
};

static void cleanup_directory(DIR **place)
{
	if (*place)
		closedir(*place);
}

static void cleanup_json(json_t **place)
{
	json_decref(*place);
}

/* ---- one file ------------------------------------------------------------------------------------------- */

/*
 * The number that a file's name begins with: "7.avsc", "7-deal.avsc". 1: it has none; 0 done; negative: it can't be an id.
 */
static int id_of_file(const char *file, uint32_t *ret_id)
{
	uint64_t id = 0;
	const char *at = file;

	for (; *at >= '0' && *at <= '9'; at++) {
		id = id * 10 + (uint64_t)(*at - '0');
		if (id > UINT32_MAX)
			return err_raise(-EINVAL, "%s: a schema id has at most 32 bits", file);
	}
	if (at == file || (*at != '-' && strcmp(at, ".avsc") != 0))
		return 1;
	*ret_id = (uint32_t)id;
	return 0;
}

static int read_text(const char *path, char **ret_text, size_t *ret_length)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	_cleanup_free_ char *text = NULL;

	if (!file)
		return err_raise(-errno, "%s: %s", path, strerror(errno));
	text = x_malloc(SCHEMA_BYTES_MAX + 1);
	size_t length = fread(text, 1, SCHEMA_BYTES_MAX + 1, file);

	if (ferror(file))
		return err_raise(-EIO, "%s: can't be read", path);
	if (length > SCHEMA_BYTES_MAX)
		return err_raise(
			-EFBIG, "%s: a schema has at most %d bytes", path, SCHEMA_BYTES_MAX);
	*ret_text = x_strndup(text, length);
	*ret_length = length;
	return 0;
}

/* The record's name without its namespace; owned. What is inside the record is the codec's business. */
static int record_name(const char *path, const char *text, size_t length, char **ret_name)
{
	json_error_t mistake;
	__attribute__((cleanup(cleanup_json))) json_t *schema =
		json_loadb(text, length, 0, &mistake);

	if (!schema)
		return err_raise(
			-EINVAL, "%s:%d:%d: %s", path, mistake.line, mistake.column, mistake.text);
	const char *type = json_string_value(json_object_get(schema, "type"));
	const char *name = json_string_value(json_object_get(schema, "name"));

	if (!type || strcmp(type, "record") != 0 || !name || !*name)
		return err_raise(-EINVAL, "%s: not an Avro schema of a record with a name", path);
	const char *dot = strrchr(name, '.');

	*ret_name = x_strdup(dot ? dot + 1 : name);
	return 0;
}

static int read_schema(const char *path, struct schema *schema)
{
	int r = read_text(path, &schema->text, &schema->length);

	if (r == 0)
		r = record_name(path, schema->text, schema->length, &schema->name);
	if (r < 0) {
		free(schema->text);
		return err_pass(r);
	}
	return 0;
}

/* ---- the folder ----------------------------------------------------------------------------------------- */

static const struct schema *find_id(const struct schema_store *store, uint32_t id)
{
	for (uint32_t i = 0; i < store->count; i++)
		if (store->schemas[i].has_id && store->schemas[i].id == id)
			return &store->schemas[i];
	return NULL;
}

static const struct schema *find_name(const struct schema_store *store, const char *name)
{
	for (uint32_t i = 0; i < store->count; i++)
		if (!store->schemas[i].has_id && strcmp(store->schemas[i].name, name) == 0)
			return &store->schemas[i];
	return NULL;
}

static void add_schema(struct schema_store *store, struct schema schema)
{
	X_GROW(store->schemas, store->count, store->capacity);
	store->schemas[store->count++] = schema;
	store->id_count += schema.has_id;
}

/* later: the look for an unknown id, which takes new ids only. */
static int add_file(struct schema_store *store, const char *file, bool later)
{
	char path[PATH_BYTES_MAX];
	struct schema schema = { 0 };
	int r = id_of_file(file, &schema.id);

	if (r < 0)
		return err_pass(r);
	schema.has_id = r == 0;
	if (later && (!schema.has_id || find_id(store, schema.id)))
		return 0;
	if (store->count == SCHEMAS_MAX)
		return err_raise(-E2BIG, "%s: more than %d schemas", store->folder, SCHEMAS_MAX);
	if (snprintf(path, sizeof(path), "%s/%s", store->folder, file) >= (int)sizeof(path))
		return err_raise(-ENAMETOOLONG, "%s/%s: the path is too long", store->folder, file);
	if (schema.has_id && find_id(store, schema.id))
		return err_raise(-EEXIST, "%s: a second schema of id %u", path, schema.id);
	r = read_schema(path, &schema);
	if (r < 0)
		return err_pass(r);
	if (!schema.has_id && find_name(store, schema.name)) {
		r = err_raise(-EEXIST, "%s: a second schema of the record %s", path, schema.name);
		free(schema.name);
		free(schema.text);
		return r;
	}
	add_schema(store, schema);
	return 0;
}

/* One wrong file stops the first look; a later one says it and goes on, the file may be half written. */
static int scan(struct schema_store *store, bool later)
{
	__attribute__((cleanup(cleanup_directory))) DIR *directory = opendir(store->folder);
	int result = 0;

	store->scanned_at_ms = wall_monotone_ms(&store->wall);
	if (!directory)
		return err_raise(-errno, "%s: %s", store->folder, strerror(errno));
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
		size_t length = strlen(entry->d_name);

		if (length < 6 || entry->d_name[0] == '.' ||
			strcmp(entry->d_name + length - 5, ".avsc") != 0)
			continue;
		int r = add_file(store, entry->d_name, later);

		if (r < 0 && !later)
			return err_pass(r);
		if (r < 0)
			result = r;
	}
	return result;
}

static void look_again(struct schema_store *store)
{
	if (!store->folder || wall_monotone_ms(&store->wall) - store->scanned_at_ms < RESCAN_MS)
		return;
	if (scan(store, true) == 0 ||
		(store->complaint && strcmp(store->complaint, err_message()) == 0))
		return;
	free(store->complaint);
	store->complaint = x_strdup(err_message());
	log_warn("event=schema_unusable reason=\"%s\"", store->complaint);
}

/* ---- the store ------------------------------------------------------------------------------------------ */

struct schema_store *schema_store_new(const char *folder)
{
	struct schema_store *store = x_calloc(1, sizeof(*store));

	store->wall.ops = &wall_real;
	pthread_mutex_init(&store->lock, NULL);
	if (!folder || !*folder)
		return store;
	store->folder = x_strdup(folder);
	int r = scan(store, false);

	if (r < 0) {
		schema_store_free(store);
		err_pass(r);
		return NULL;
	}
	return store;
}

void schema_store_free(struct schema_store *store)
{
	if (!store)
		return;
	for (uint32_t i = 0; i < store->count; i++) {
		free(store->schemas[i].name);
		free(store->schemas[i].text);
	}
	free(store->schemas);
	free(store->folder);
	free(store->complaint);
	pthread_mutex_destroy(&store->lock);
	free(store);
}

/* Texts stay where they are when more schemas come; the table of them does not. */
static struct slice text_of(const struct schema *schema)
{
	return schema ? (struct slice){ schema->text, schema->length } : (struct slice){ NULL, 0 };
}

struct slice schema_store_by_id(struct schema_store *store, uint32_t id)
{
	pthread_mutex_lock(&store->lock);
	const struct schema *schema = find_id(store, id);

	if (!schema) {
		look_again(store);
		schema = find_id(store, id);
	}
	struct slice text = text_of(schema);
	pthread_mutex_unlock(&store->lock);
	return text;
}

struct slice schema_store_by_name(struct schema_store *store, const char *name)
{
	char file[64];

	pthread_mutex_lock(&store->lock);
	struct slice text = text_of(find_name(store, name));
	pthread_mutex_unlock(&store->lock);
	if (text.at || snprintf(file, sizeof(file), "%s.avsc", name) >= (int)sizeof(file))
		return text;

	const struct asset *asset = asset_find(file);

	return asset ? (struct slice){ (const char *)asset->data, asset->len }
		     : (struct slice){ NULL, 0 };
}

bool schema_store_has_ids(struct schema_store *store)
{
	pthread_mutex_lock(&store->lock);
	bool has_ids = store->id_count > 0;
	pthread_mutex_unlock(&store->lock);
	return has_ids;
}
