/*
 * A server that is no Redis, or a broken one: its replies are any bytes, of any type where another is expected. Every call of the
 * storage has a documented answer, or an error that says something. The first byte says which call comes first.
 *
 * hiredis parses the bytes with its own reader; only its connection is replaced, by the four functions below: one that has all
 * replies at once, and afterwards a server that closes at once.
 */
#include <assert.h>
#include <hiredis/hiredis.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "edge/storage_redis.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CALLS = 8, REPLY_BYTES_MAX = 16384 };

static const uint8_t *replies; /* of the run; NULL once a connection has got them */
static size_t reply_bytes;

redisContext *redisConnectUnixWithTimeout(const char *path, const struct timeval timeout)
{
	redisContext *context = calloc(1, sizeof(*context));

	(void)path;
	(void)timeout;
	context->reader = redisReaderCreate();
	if (replies)
		redisReaderFeed(context->reader, (const char *)replies, reply_bytes);
	replies = NULL;
	return context;
}

int redisSetTimeout(redisContext *context, const struct timeval timeout)
{
	(void)context;
	(void)timeout;
	return REDIS_OK;
}

void *redisCommandArgv(redisContext *context, int count, const char **text, const size_t *length)
{
	void *reply = NULL;

	/* What is sent is read, so that a text that is none is seen. */
	for (int i = 0; i < count; i++)
		assert(length[i] == 0 || memchr(text[i], 0, length[i]) != &text[i][length[i]]);
	return redisReaderGetReply(context->reader, &reply) == REDIS_OK ? reply : NULL;
}

void redisFree(redisContext *context)
{
	redisReaderFree(context->reader);
	free(context);
}

static int one_call(struct storage *s, unsigned which)
{
	static const struct storage_segment segment = { SLICE_LIT("7-ab-0"), SLICE_LIT("bytes") };
	const uint64_t length = 5;
	struct buffer _cleanup_buffer_ bytes = { 0 };
	uint64_t number = 0;
	int64_t ms = 0;
	int32_t count = 0;

	switch (which % CALLS) {
	case 0:
		return s->ops->take_epoch(s, 3, 4, &number, &count);
	case 1:
		return s->ops->read_epoch(s, 3, &number);
	case 2:
		return s->ops->read_manifest(s, 3, 0, &bytes);
	case 3:
		return s->ops->read_segment(s, 3, segment.name, &bytes);
	case 4:
		return s->ops->write_segment(s, 3, &segment);
	case 5:
		return s->ops->swap_manifest(
			s, 3, 7, 1, 2, SLICE_LIT("m"), &segment.name, &length, 1);
	case 6:
		return s->ops->sweep(s, 3, 7, &segment.name, 1, &number) < 0
			       ? -1
			       : s->ops->list(s, 0, &count);
	default:
		return s->ops->server_time(s, &ms);
	}
}

/* hiredis itself believes any count of elements, and reserves room for them before one has come: that is not ours to mend. */
static bool is_absurd(const uint8_t *data, size_t size)
{
	size_t digits = 0;

	for (size_t i = 1; i < size; i++) {
		digits = data[i] >= '0' && data[i] <= '9' ? digits + 1 : 0;
		if (digits > 5 && data[i - digits] == '*')
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > REPLY_BYTES_MAX || is_absurd(data, size))
		return 0;
	struct storage *s =
		storage_redis_new(&(struct storage_redis_settings){ .address = "unix:/none",
			.user = "",
			.password = "",
			.job = "fuzz",
			.timeout_ms = 2000 });

	replies = data + 1;
	reply_bytes = size - 1;
	for (unsigned i = 0; i < CALLS; i++) {
		err_clear();
		int answer = one_call(s, data[0] + i);

		assert(answer >= 0 ? answer <= STORAGE_REBASE : strlen(err_message()) > 5);
	}
	s->ops->free(s);
	return 0;
}
