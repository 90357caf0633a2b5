#include "edge/storage_redis.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/asset.h"
#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"

enum { KEY_BYTES_MAX = 320, ARGUMENTS_FIXED_MAX = 16 };

struct storage_redis {
	struct storage base;
	pthread_mutex_t
		lock; /* the writer thread and the pipeline's clock question share the connection */
	char *address, *user, *password, *job;
	struct timeval timeout;
	redisContext *context; /* NULL: not connected */
	bool policy_checked;
};

/* One command under construction: hiredis wants two parallel arrays. */
struct command {
	const char **text;
	size_t *length;
	size_t count, capacity;
};

static void command_add(struct command *command, const void *text, size_t length)
{
	if (command->count == command->capacity) {
		command->capacity = command->capacity ? command->capacity * 2 : ARGUMENTS_FIXED_MAX;
		command->text =
			x_realloc(command->text, command->capacity * sizeof(*command->text));
		command->length =
			x_realloc(command->length, command->capacity * sizeof(*command->length));
	}
	command->text[command->count] = text;
	command->length[command->count++] = length;
}

static void command_add_text(struct command *command, const char *text)
{
	command_add(command, text, strlen(text));
}

static void command_deinit(struct command *command)
{
	free(command->text);
	free(command->length);
}

static void key_format(
	const struct storage_redis *redis, int32_t shard, const char *what, char *ret_key)
{
	snprintf(ret_key, KEY_BYTES_MAX, "{salespulse:%s:%d}:%s", redis->job, (int)shard, what);
}

static void segment_key_format(
	const struct storage_redis *redis, int32_t shard, struct slice name, char *ret_key)
{
	char what[KEY_BYTES_MAX / 2];

	snprintf(what, sizeof(what), "segment:%.*s", (int)name.len, name.at);
	key_format(redis, shard, what, ret_key);
}

static void disconnect(struct storage_redis *redis)
{
	if (redis->context != NULL)
		redisFree(redis->context);
	redis->context = NULL;
}

/* NULL: the connection is gone, and the caller answers -EAGAIN. An error reply is returned as such. */
static redisReply *run_command(struct storage_redis *redis, const struct command *command)
{
	redisReply *reply = redisCommandArgv(
		redis->context, (int)command->count, command->text, command->length);

	if (reply == NULL)
		disconnect(redis);
	return reply;
}

static redisReply *run_words(struct storage_redis *redis, const char *first, ...)
{
	struct command command = { 0 };
	va_list words;

	va_start(words, first);
	for (const char *word = first; word != NULL; word = va_arg(words, const char *))
		command_add_text(&command, word);
	va_end(words);
	redisReply *reply = run_command(redis, &command);
	command_deinit(&command);
	return reply;
}

static int reply_is_error(struct storage_redis *redis, redisReply *reply)
{
	if (reply == NULL)
		return err_raise(-EAGAIN, "redis at %s does not answer", redis->address);
	if (reply->type != REDIS_REPLY_ERROR)
		return 0;
	/* LOADING, MASTERDOWN, READONLY, BUSY, OOM … pass; a wrong password or a script that does not compile does not. */
	bool lasting = strncmp(reply->str, "WRONGPASS", 9) == 0 ||
		       strncmp(reply->str, "NOAUTH", 6) == 0 ||
		       strncmp(reply->str, "NOPERM", 6) == 0;
	int code = err_raise(
		lasting ? -EACCES : -EAGAIN, "redis at %s: %s", redis->address, reply->str);
	freeReplyObject(reply);
	disconnect(redis);
	return code;
}

/* The text of an array's element; "" where a server that is no Redis sent something else there, or nothing. */
static const char *element_text(const redisReply *reply, size_t i)
{
	const redisReply *element = i < reply->elements ? reply->element[i] : NULL;

	return element != NULL && element->type == REDIS_REPLY_STRING ? element->str : "";
}

static int check_policy(struct storage_redis *redis)
{
	redisReply *reply = run_words(redis, "CONFIG", "GET", "maxmemory-policy", NULL);

	if (reply == NULL)
		return err_raise(-EAGAIN, "redis at %s does not answer", redis->address);
	int code = 0;
	if (reply->type == REDIS_REPLY_ERROR) {
		log_warn("event=redis_policy_unknown detail=\"CONFIG GET refused: make sure that "
			 "maxmemory-policy is noeviction\"");
	} else if (reply->type == REDIS_REPLY_ARRAY && reply->elements == 2 &&
		   strcmp(element_text(reply, 1), "noeviction") != 0) {
		code = err_raise(-EINVAL,
			"redis at %s evicts keys (maxmemory-policy %s); set it to noeviction",
			redis->address, element_text(reply, 1));
	}
	freeReplyObject(reply);
	redis->policy_checked = code == 0;
	return code;
}

static int authenticate(struct storage_redis *redis)
{
	if (redis->password[0] == '\0')
		return 0;
	redisReply *reply = redis->user[0] != '\0'
				    ? run_words(redis, "AUTH", redis->user, redis->password, NULL)
				    : run_words(redis, "AUTH", redis->password, NULL);
	int code = reply_is_error(redis, reply);
	if (code != 0)
		return err_pass(code);
	freeReplyObject(reply);
	return 0;
}

static int connect_to(struct storage_redis *redis)
{
	if (redis->context != NULL)
		return 0;
	if (strncmp(redis->address, "unix:", 5) == 0) {
		redis->context = redisConnectUnixWithTimeout(redis->address + 5, redis->timeout);
	} else {
		const char *colon = strrchr(redis->address, ':');
		char host[256];
		int port = colon != NULL ? (int)strtol(colon + 1, NULL, 10) : 6379;
		size_t host_length =
			colon != NULL ? (size_t)(colon - redis->address) : strlen(redis->address);

		snprintf(host, sizeof(host), "%.*s", (int)host_length, redis->address);
		redis->context = redisConnectWithTimeout(host, port, redis->timeout);
	}
	if (redis->context == NULL || redis->context->err != 0) {
		int code = err_raise(-EAGAIN, "redis at %s: %s", redis->address,
			redis->context != NULL ? redis->context->errstr : "out of memory");
		disconnect(redis);
		return code;
	}
	redisSetTimeout(redis->context, redis->timeout);
	int code = authenticate(redis);
	if (code == 0 && !redis->policy_checked)
		code = check_policy(redis);
	if (code != 0) {
		disconnect(redis);
		return err_pass(code);
	}
	return 0;
}

/* Takes the lock, connects, runs. On 0 the reply is the caller's; the lock is released in any case. */
static int call(struct storage_redis *redis, const struct command *command, redisReply **ret_reply)
{
	pthread_mutex_lock(&redis->lock);
	int code = connect_to(redis);
	if (code == 0) {
		redisReply *reply = run_command(redis, command);
		code = reply_is_error(redis, reply);
		if (code == 0)
			*ret_reply = reply;
	}
	pthread_mutex_unlock(&redis->lock);
	return code == 0 ? 0 : err_pass(code);
}

static void command_eval(struct command *command, const char *script_name, size_t key_count,
	char *count_text, size_t cap)
{
	const struct asset *script = asset_find(script_name);

	snprintf(count_text, cap, "%zu", key_count);
	command_add_text(command, "EVAL");
	command_add(command, script->data, script->len);
	command_add_text(command, count_text);
}

static int redis_take_epoch(struct storage *storage, int32_t shard, int32_t partition_count,
	uint64_t *ret_epoch, int32_t *ret_partition_count)
{
	struct storage_redis *redis = (struct storage_redis *)storage;
	struct command command = { 0 };
	char epoch_key[KEY_BYTES_MAX], partitions_key[KEY_BYTES_MAX], count[24], partitions[24];
	redisReply *reply = NULL;

	key_format(redis, shard, "epoch", epoch_key);
	key_format(redis, shard, "partitions", partitions_key);
	snprintf(partitions, sizeof(partitions), "%d", (int)partition_count);
	command_eval(&command, "take_epoch.lua", 2, count, sizeof(count));
	command_add_text(&command, epoch_key);
	command_add_text(&command, partitions_key);
	command_add_text(&command, partitions);
	int code = call(redis, &command, &reply);
	command_deinit(&command);
	if (code != 0)
		return err_pass(code);
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
		reply->element[0]->type != REDIS_REPLY_STRING ||
		reply->element[1]->type != REDIS_REPLY_STRING) {
		freeReplyObject(reply);
		return err_raise(-EPROTO, "redis: unexpected reply of take_epoch");
	}
	*ret_epoch = strtoull(reply->element[0]->str, NULL, 10);
	*ret_partition_count = (int32_t)strtol(reply->element[1]->str, NULL, 10);
	freeReplyObject(reply);
	return STORAGE_OK;
}

static int get_string(
	struct storage_redis *redis, const char *key, struct buffer *ret, bool skip_first_line)
{
	struct command command = { 0 };
	redisReply *reply = NULL;

	command_add_text(&command, "GET");
	command_add_text(&command, key);
	int code = call(redis, &command, &reply);
	command_deinit(&command);
	if (code != 0)
		return err_pass(code);
	int answer = STORAGE_ABSENT;
	if (reply->type == REDIS_REPLY_STRING) {
		const char *text = reply->str, *line_end = memchr(text, '\n', reply->len);
		size_t skip =
			skip_first_line && line_end != NULL ? (size_t)(line_end - text) + 1 : 0;

		buffer_put(ret, text + skip, reply->len - skip);
		answer = STORAGE_OK;
	}
	freeReplyObject(reply);
	return answer;
}

static int redis_read_epoch(struct storage *storage, int32_t shard, uint64_t *ret_epoch)
{
	struct storage_redis *redis = (struct storage_redis *)storage;
	_cleanup_buffer_ struct buffer text = { 0 };
	char key[KEY_BYTES_MAX];

	key_format(redis, shard, "epoch", key);
	int answer = get_string(redis, key, &text, false);
	if (answer == STORAGE_OK)
		*ret_epoch = strtoull(buffer_text(&text), NULL, 10);
	return answer < 0 ? err_pass(answer) : answer;
}

static int redis_read_manifest(
	struct storage *storage, int32_t shard, uint32_t index, struct buffer *ret)
{
	struct storage_redis *redis = (struct storage_redis *)storage;
	char key[KEY_BYTES_MAX];

	if (index > 1)
		return STORAGE_ABSENT;
	key_format(redis, shard, index == 0 ? "manifest:0" : "manifest:1", key);
	return get_string(redis, key, ret, true);
}

static int redis_read_segment(
	struct storage *storage, int32_t shard, struct slice name, struct buffer *ret)
{
	struct storage_redis *redis = (struct storage_redis *)storage;
	char key[KEY_BYTES_MAX];

	segment_key_format(redis, shard, name, key);
	return get_string(redis, key, ret, false);
}

static int redis_write_segment(
	struct storage *storage, int32_t shard, const struct storage_segment *segment)
{
	struct storage_redis *redis = (struct storage_redis *)storage;
	struct command command = { 0 };
	char key[KEY_BYTES_MAX];
	redisReply *reply = NULL;

	segment_key_format(redis, shard, segment->name, key);
	command_add_text(&command, "SET");
	command_add_text(&command, key);
	command_add(&command, segment->bytes.at, segment->bytes.len);
	int code = call(redis, &command, &reply);
	command_deinit(&command);
	if (code != 0)
		return err_pass(code);
	freeReplyObject(reply);
	return STORAGE_OK;
}

static int swap_answer(const redisReply *reply)
{
	if (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS)
		return err_raise(-EPROTO, "redis: unexpected reply of swap_manifest");
	if (strcmp(reply->str, "OK") == 0)
		return STORAGE_OK;
	return strcmp(reply->str, "FENCED") == 0 ? STORAGE_FENCED : STORAGE_REBASE;
}

static int redis_swap_manifest(struct storage *storage, int32_t shard, uint64_t epoch,
	uint64_t predecessor, uint64_t id, struct slice manifest, const struct slice *segment_names,
	const uint64_t *segment_lengths, size_t segment_count)
{
	struct storage_redis *redis = (struct storage_redis *)storage;
	struct command command = { 0 };
	char fixed[3][KEY_BYTES_MAX], count[24], epoch_text[24], predecessor_text[24], id_text[24];
	char(*keys)[KEY_BYTES_MAX] = x_calloc(segment_count + 1, sizeof(*keys));
	char(*lengths)[24] = x_calloc(segment_count + 1, sizeof(*lengths));
	redisReply *reply = NULL;

	key_format(redis, shard, "epoch", fixed[0]);
	key_format(redis, shard, "manifest:0", fixed[1]);
	key_format(redis, shard, "manifest:1", fixed[2]);
	snprintf(epoch_text, sizeof(epoch_text), "%llu", (unsigned long long)epoch);
	snprintf(predecessor_text, sizeof(predecessor_text), "%llu",
		(unsigned long long)predecessor);
	snprintf(id_text, sizeof(id_text), "%llu", (unsigned long long)id);
	command_eval(&command, "swap_manifest.lua", 3 + segment_count, count, sizeof(count));
	for (size_t i = 0; i < 3; i++)
		command_add_text(&command, fixed[i]);
	for (size_t i = 0; i < segment_count; i++) {
		segment_key_format(redis, shard, segment_names[i], keys[i]);
		command_add_text(&command, keys[i]);
	}
	command_add_text(&command, epoch_text);
	command_add_text(&command, predecessor_text);
	command_add_text(&command, id_text);
	command_add(&command, manifest.at, manifest.len);
	for (size_t i = 0; i < segment_count; i++) {
		snprintf(lengths[i], sizeof(lengths[i]), "%llu",
			(unsigned long long)segment_lengths[i]);
		command_add_text(&command, lengths[i]);
	}
	int code = call(redis, &command, &reply);
	command_deinit(&command);
	free(keys);
	free(lengths);
	if (code != 0)
		return err_pass(code);
	code = swap_answer(reply);
	freeReplyObject(reply);
	return code;
}

static bool is_kept(struct slice name, const struct slice *keep, size_t keep_count)
{
	for (size_t i = 0; i < keep_count; i++)
		if (slice_equal(name, keep[i]))
			return true;
	return false;
}

/* A segment's name begins with its writer's epoch. A newer epoch's segments are never touched. */
static bool is_garbage(const char *key, uint64_t epoch, const struct slice *keep, size_t keep_count)
{
	const char *name = strstr(key, "}:segment:");

	if (name == NULL)
		return false;
	name += strlen("}:segment:");
	return strtoull(name, NULL, 10) <= epoch && !is_kept(slice_of(name), keep, keep_count);
}

static int delete_garbage(struct storage_redis *redis, const redisReply *keys, uint64_t epoch,
	const struct slice *keep, size_t keep_count, uint64_t *deleted)
{
	struct command command = { 0 };
	redisReply *reply = NULL;
	int code = 0;

	command_add_text(&command, "DEL");
	for (size_t i = 0; i < keys->elements; i++)
		if (is_garbage(element_text(keys, i), epoch, keep, keep_count))
			command_add_text(&command, element_text(keys, i));
	if (command.count > 1) {
		code = call(redis, &command, &reply);
		if (code == 0) {
			*deleted += command.count - 1;
			freeReplyObject(reply);
		}
	}
	command_deinit(&command);
	return code == 0 ? 0 : err_pass(code);
}

static int scan_page(struct storage_redis *redis, const char *pattern, char *cursor, size_t cap,
	redisReply **ret_page)
{
	struct command command = { 0 };

	command_add_text(&command, "SCAN");
	command_add_text(&command, cursor);
	command_add_text(&command, "MATCH");
	command_add_text(&command, pattern);
	command_add_text(&command, "COUNT");
	command_add_text(&command, "1000");
	int code = call(redis, &command, ret_page);
	command_deinit(&command);
	if (code != 0)
		return err_pass(code);
	if ((*ret_page)->type != REDIS_REPLY_ARRAY || (*ret_page)->elements != 2 ||
		(*ret_page)->element[0]->type != REDIS_REPLY_STRING ||
		(*ret_page)->element[1]->type != REDIS_REPLY_ARRAY) {
		freeReplyObject(*ret_page);
		return err_raise(-EPROTO, "redis: unexpected reply of SCAN");
	}
	snprintf(cursor, cap, "%s", element_text(*ret_page, 0));
	return 0;
}

static int redis_sweep(struct storage *storage, int32_t shard, uint64_t epoch,
	const struct slice *keep, size_t keep_count, uint64_t *ret_deleted)
{
	struct storage_redis *redis = (struct storage_redis *)storage;
	char pattern[KEY_BYTES_MAX], cursor[32] = "0";
	uint64_t deleted = 0;

	key_format(redis, shard, "segment:*", pattern);
	do {
		redisReply *page = NULL;
		int code = scan_page(redis, pattern, cursor, sizeof(cursor), &page);

		if (code != 0)
			return err_pass(code);
		code = delete_garbage(redis, page->element[1], epoch, keep, keep_count, &deleted);
		freeReplyObject(page);
		if (code != 0)
			return err_pass(code);
	} while (strcmp(cursor, "0") != 0);
	*ret_deleted = deleted;
	return STORAGE_OK;
}

static int redis_server_time(struct storage *storage, int64_t *ret_ms)
{
	struct storage_redis *redis = (struct storage_redis *)storage;
	struct command command = { 0 };
	redisReply *reply = NULL;

	command_add_text(&command, "TIME");
	int code = call(redis, &command, &reply);
	command_deinit(&command);
	if (code != 0)
		return err_pass(code);
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 2) {
		freeReplyObject(reply);
		return err_raise(-EPROTO, "redis: unexpected reply of TIME");
	}
	int64_t seconds = strtoll(element_text(reply, 0), NULL, 10);
	int64_t microseconds = strtoll(element_text(reply, 1), NULL, 10);
	freeReplyObject(reply);
	/* Up to the year 9999; what is not a number reads as 0. */
	if (seconds <= 0 || seconds > INT64_C(253402300799) || microseconds < 0 ||
		microseconds > 999999)
		return err_raise(-EPROTO, "redis: TIME answered no time");
	*ret_ms = seconds * 1000 + microseconds / 1000;
	return STORAGE_OK;
}

static int compare_shards(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return (x > y) - (x < y);
}

static int redis_list(struct storage *storage, uint32_t n, int32_t *ret_shard)
{
	struct storage_redis *redis = (struct storage_redis *)storage;
	char pattern[KEY_BYTES_MAX], cursor[32] = "0";
	int32_t *shards = NULL;
	size_t count = 0, capacity = 0;

	snprintf(pattern, sizeof(pattern), "{salespulse:%s:*}:manifest:0", redis->job);
	do {
		redisReply *page = NULL;
		int code = scan_page(redis, pattern, cursor, sizeof(cursor), &page);

		if (code != 0) {
			free(shards);
			return err_pass(code);
		}
		for (size_t i = 0; i < page->element[1]->elements; i++) {
			const char *text = element_text(page->element[1], i);
			const char *end = strstr(text, "}:manifest:0");

			while (end != NULL && end > text && end[-1] != ':')
				end--;
			X_GROW(shards, count, capacity);
			shards[count++] = end != NULL ? (int32_t)strtol(end, NULL, 10) : 0;
		}
		freeReplyObject(page);
	} while (strcmp(cursor, "0") != 0);
	if (count > 0)
		qsort(shards, count, sizeof(*shards), compare_shards);
	int answer = n < count ? STORAGE_OK : STORAGE_ABSENT;
	if (n < count)
		*ret_shard = shards[n];
	free(shards);
	return answer;
}

static void redis_free(struct storage *storage)
{
	struct storage_redis *redis = (struct storage_redis *)storage;

	if (redis == NULL)
		return;
	disconnect(redis);
	pthread_mutex_destroy(&redis->lock);
	free(redis->address);
	free(redis->user);
	free(redis->password);
	free(redis->job);
	free(redis);
}

static const struct storage_ops redis_ops = {
	.name = "redis",
	.take_epoch = redis_take_epoch,
	.read_epoch = redis_read_epoch,
	.read_manifest = redis_read_manifest,
	.read_segment = redis_read_segment,
	.write_segment = redis_write_segment,
	.swap_manifest = redis_swap_manifest,
	.sweep = redis_sweep,
	.server_time = redis_server_time,
	.list = redis_list,
	.free = redis_free,
};

struct storage *storage_redis_new(const struct storage_redis_settings *settings)
{
	struct storage_redis *redis = x_calloc(1, sizeof(*redis));

	redis->base.ops = &redis_ops;
	pthread_mutex_init(&redis->lock, NULL);
	redis->address = x_strdup(settings->address);
	redis->user = x_strdup(settings->user != NULL ? settings->user : "");
	redis->password = x_strdup(settings->password != NULL ? settings->password : "");
	redis->job = x_strdup(settings->job);
	redis->timeout.tv_sec = settings->timeout_ms / 1000;
	redis->timeout.tv_usec = settings->timeout_ms % 1000 * 1000;
	return &redis->base;
}

struct storage *storage_redis_open(const struct settings *settings)
{
	return storage_redis_new(
		&(struct storage_redis_settings){ .address = settings->redis_address,
			.user = settings->redis_user,
			.password = settings->redis_password,
			.job = settings->job,
			.timeout_ms = settings->redis_timeout_ms });
}
