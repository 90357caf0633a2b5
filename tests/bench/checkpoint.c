/*
 * checkpoint DEFINITIONS EVENTS ROUNDS [SOCKET]: what a whole checkpoint costs and its restoring, through the real code: the shard is saved, cut in
 * segments, compressed, summed, written and swapped in; then read, checked, and put into a new shard, running totals recomputed. Once over the storage
 * in memory, once over the Redis at SOCKET, whose data is removed. Speeds are of the state's bytes, uncompressed. Beside each, in turn in the same
 * round, what the same bytes take without any of it: a memcpy of them, or a SET and a GET of each mebibyte. Medians of the rounds.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "edge/checkpoint.h"
#include "edge/storage_memory.h"
#include "edge/storage_redis.h"
#include "funnel.h"
#include "rig.h"

enum { ROUNDS_MAX = 32, PIECE_BYTES = 1 << 20 };
static const double MIB = 1 << 20;

enum figure { CUT, SAVE, RESTORE, PLAIN_WRITE, PLAIN_READ, FIGURE_COUNT };

struct bench {
	struct rig rig;
	struct shard *shard; /* with the state */
	struct buffer state; /* as one cut */
	redisContext *redis; /* NULL: in memory */
	const char *socket;
	uint64_t stored_bytes;
	double seconds[FIGURE_COUNT][ROUNDS_MAX];
};

static void fail(const char *what)
{
	fprintf(stderr, "checkpoint: %s: %s\n", what, err_message());
	exit(1);
}

static void fill(struct bench *b, uint64_t events)
{
	char reason[EVENT_REASON_MAX];
	struct funnel f;
	struct event e;

	b->shard = shard_new(&b->rig.settings);
	funnel_init(&f, events, 200, 10, 20);
	while (funnel_next(&f, &e)) {
		shard_apply(b->shard, &e, reason);
		if (e.occurred_at_ms > shard_clock(b->shard) + 10000)
			while (shard_advance(b->shard, e.occurred_at_ms, 400000))
				;
	}
	funnel_deinit(&f);
}

static struct storage *open_storage(struct bench *b)
{
	static const int64_t clock_seconds = 1793671200;
	struct storage_redis_settings settings = { .address = b->socket,
		.user = "",
		.password = "",
		.job = "bench",
		.timeout_ms = 60000 };

	return b->redis ? storage_redis_new(&settings) : storage_memory_new(&clock_seconds);
}

static struct checkpoint *open_checkpoint(struct bench *b, struct checkpoint_writer *writer)
{
	const struct checkpoint_settings settings = { .interval_ms = 5000,
		.segment_bytes_max = PIECE_BYTES,
		.fold_ratio = 1,
		.compress = true,
		.writer_id = 1,
		.fingerprint = b->rig.plan->fingerprint };

	return checkpoint_new(writer, &settings, 0);
}

static void restore(struct checkpoint *checkpoint, struct shard *shard, int wanted)
{
	struct checkpoint_restored restored;
	int answer;

	do
		answer = checkpoint_restore(checkpoint, shard, 1, &restored);
	while (answer == CHECKPOINT_PENDING);
	if (answer != wanted)
		fail("restore");
}

static double save_once(struct bench *b, struct checkpoint_writer *writer)
{
	const struct source_position position = { 0, 0, 1 };
	const struct checkpoint_cut cut = { .positions = &position, .position_count = 1 };
	const struct source_position *positions;
	struct checkpoint *checkpoint = open_checkpoint(b, writer);
	struct shard *empty = shard_new(&b->rig.settings);
	size_t count;

	restore(checkpoint, empty, CHECKPOINT_EMPTY);
	shard_free(empty);
	double begun = rig_wall_seconds();

	checkpoint_begin(checkpoint, b->shard, &cut, 1);
	checkpoint_submit(checkpoint);
	if (checkpoint_turn(checkpoint, 0, 1, &positions, &count) != 1)
		fail("save");
	double seconds = rig_wall_seconds() - begun;

	b->stored_bytes = checkpoint_status(checkpoint).bytes_written;
	checkpoint_free(checkpoint);
	return seconds;
}

static double restore_once(struct bench *b, struct checkpoint_writer *writer)
{
	double begun = rig_wall_seconds();
	struct checkpoint *checkpoint = open_checkpoint(b, writer);
	struct shard *shard = shard_new(&b->rig.settings);

	restore(checkpoint, shard, CHECKPOINT_RESTORED);
	double seconds = rig_wall_seconds() - begun;

	if (shard_counters(shard).entities != shard_counters(b->shard).entities ||
		shard_counters(shard).ledger_entries != shard_counters(b->shard).ledger_entries)
		fail("another state came back");
	checkpoint_free(checkpoint);
	shard_free(shard);
	return seconds;
}

/* ---- the same bytes, plainly ----------------------------------------------------------------------------- */

static void command(struct bench *b, const char *name, size_t piece, struct slice value)
{
	char key[32];
	size_t key_length = (size_t)snprintf(key, sizeof(key), "plain:%zu", piece);
	const char *texts[] = { name, key, value.at };
	const size_t lengths[] = { strlen(name), key_length, value.len };
	redisReply *reply = redisCommandArgv(b->redis, value.at ? 3 : 2, texts, lengths);

	if (!reply || reply->type == REDIS_REPLY_ERROR || reply->type == REDIS_REPLY_NIL)
		fail(reply && reply->str ? reply->str : b->redis->errstr);
	freeReplyObject(reply);
}

static void plain(struct bench *b, char *copy, const char *name)
{
	size_t piece = 0;

	for (size_t at = 0; at < b->state.len; at += PIECE_BYTES, piece++) {
		size_t left = b->state.len - at, length = left < PIECE_BYTES ? left : PIECE_BYTES;
		const char *bytes = (const char *)b->state.data + at;

		if (!b->redis)
			memcpy(copy + at, bytes, length);
		else
			command(b, name, piece,
				name[0] == 'S' ? (struct slice){ bytes, length }
					       : (struct slice){ NULL, 0 });
	}
}

static void plain_once(struct bench *b, int round)
{
	/* New pages, as whoever writes or restores has them. */
	char *copies[] = { x_malloc(b->state.len), x_malloc(b->state.len) };

	for (int way = 0; way < 2; way++) {
		double begun = rig_wall_seconds();

		plain(b, copies[way], way ? "GET" : "SET");
		b->seconds[PLAIN_WRITE + way][round] = rig_wall_seconds() - begun;
		free(copies[way]);
	}
}

static void forget(struct bench *b)
{
	if (b->redis)
		freeReplyObject(redisCommand(b->redis, "FLUSHALL"));
}

static void round_of(struct bench *b, int round)
{
	struct storage *storage = open_storage(b);
	struct checkpoint_writer *writer = checkpoint_writer_inline(storage);
	double begun = rig_wall_seconds();

	buffer_reset(&b->state);
	shard_save(b->shard, true, &b->state);
	b->seconds[CUT][round] = rig_wall_seconds() - begun;
	b->seconds[SAVE][round] = save_once(b, writer);
	b->seconds[RESTORE][round] = restore_once(b, writer);
	checkpoint_writer_free(writer);
	storage->ops->free(storage);
	forget(b);
	plain_once(b, round);
	forget(b);
}

static void report(struct bench *b, int rounds, const char *title)
{
	double mib = (double)b->state.len / MIB, speed[FIGURE_COUNT];

	for (int i = 0; i < FIGURE_COUNT; i++)
		speed[i] = mib / rig_median(b->seconds[i], (size_t)rounds);
	printf("%s: state %.0f MiB (stored %.0f) of %llu entities and %llu ledger entries; save "
	       "%.0f MiB/s = %.2f of %.0f plain; restore %.0f MiB/s = %.2f "
	       "of %.0f plain; the cut alone %.0f MiB/s\n",
		title, mib, (double)b->stored_bytes / MIB,
		(unsigned long long)shard_counters(b->shard).entities,
		(unsigned long long)shard_counters(b->shard).ledger_entries, speed[SAVE],
		speed[SAVE] / speed[PLAIN_WRITE], speed[PLAIN_WRITE], speed[RESTORE],
		speed[RESTORE] / speed[PLAIN_READ], speed[PLAIN_READ], speed[CUT]);
	fflush(stdout);
}

static void run(struct bench *b, int rounds, const char *title)
{
	for (int i = 0; i < rounds; i++)
		round_of(b, i);
	report(b, rounds, title);
}

int main(int argc, char **argv)
{
	struct bench b = { .redis = NULL };

	if (argc < 4)
		return 2;
	int rounds = (int)strtol(argv[3], NULL, 10);

	if (rounds < 1 || rounds > ROUNDS_MAX || rig_init(&b.rig, argv[1]))
		return 1;
	buffer_init(&b.state);
	fill(&b, strtoull(argv[2], NULL, 10));
	run(&b, rounds, "memory, beside memcpy");
	if (argc > 4) {
		char address[256];

		snprintf(address, sizeof(address), "unix:%s", argv[4]);
		b.socket = address;
		b.redis = redisConnectUnix(argv[4]);
		if (!b.redis || b.redis->err)
			fail("Redis");
		run(&b, rounds, "Redis, beside SET and GET");
		redisFree(b.redis);
	}
	buffer_deinit(&b.state);
	shard_free(b.shard);
	rig_deinit(&b.rig);
	return 0;
}
