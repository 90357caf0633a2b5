/* audit, on a real Redis: equal books, books that differ, no checkpoint, a damaged one; and the epoch stays the running job's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "command.h"
#include "core/shard.h"
#include "edge/checkpoint_segment.h"
#include "edge/definition_file.h"
#include "edge/manifest.h"
#include "edge/storage_redis.h"
#include "edge/zone_file.h"
#include "events.h"

enum { RECORD_HEAD_BYTES = 5, SAID_BYTES = 16384 };

static char folder[] = "/tmp/salespulse-audit-XXXXXX", address[128], definitions[128];
static pid_t server;
static struct storage *storage;
static struct plan *plan;
static char said[SAID_BYTES]; /* what the last audit printed, on both streams */

/* ---- the world ------------------------------------------------------------------------------ */

static void write_definitions(const char *text)
{
	FILE *file = fopen(definitions, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

#define DEFINITIONS                                                                               \
	"measures:\n"                                                                             \
	"  - {name: revenue, on: deal, at: deal.won_at, agg: sum, value: deal.amount, by: {rep: " \
	"deal.owner_id}}\n"                                                                       \
	"metrics:\n"                                                                              \
	"  - {name: revenue, value: revenue, windows: [7d, today], group_by: [[], [rep]]}\n"

static int begin(void **state)
{
	struct buffer explanation;
	struct stat status;
	char socket[96];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(socket, sizeof(socket), "%s/s", folder);
	snprintf(address, sizeof(address), "--redis.address=unix:%s", socket);
	snprintf(definitions, sizeof(definitions), "%s/kpis.yaml", folder);
	server = fork();
	if (!server) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!freopen("/dev/null", "w", stdout))
			_exit(126);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", socket,
			"--dir", folder, "--save", "", (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 1000 && stat(socket, &status); i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	storage = storage_redis_new(
		&(struct storage_redis_settings){ .address = strchr(address, '=') + 1,
			.user = "",
			.password = "",
			.job = "books",
			.timeout_ms = 5000 });
	write_definitions(DEFINITIONS);
	buffer_init(&explanation);
	return definition_file_plan(definitions, &plan, &explanation);
}

static int end(void **state)
{
	char path[96];

	(void)state;
	plan_free(plan);
	storage->ops->free(storage);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	snprintf(path, sizeof(path), "%s/s", folder);
	unlink(path);
	unlink(definitions);
	return rmdir(folder);
}

/* Forty deals of two reps: the bytes of a whole checkpoint. */
static void save_deals(struct buffer *out)
{
	struct zone zone;
	char message[256], id[16], reason[160];
	struct arena arena;

	assert_int_equal(zone_file_load("Asia/Jakarta", &zone, message, sizeof(message)), 0);
	struct calendar calendar = { .zone = &zone, .week_start = 1, .fiscal_start_month = 1 };
	struct tenant_book book = {
		.calendars = &calendar, .calendar_count = 1, .fallback = { .currency = "IDR" }
	};
	struct shard *shard = shard_new(&(struct shard_settings){
		.plan = plan,
		.tenants = &book,
		.store = { 10000, 1 << 20 },
		.groups = { 1000, 10000 },
		.snapshots = snapshot_settings_usual(1000),
		.hash_seed = 1,
		.pending_max = 1000,
	});

	arena_init(&arena, 0);
	for (int i = 0; i < 40; i++) {
		snprintf(id, sizeof(id), "D%d", i);
		struct event *e = event_make(&arena, ENTITY_DEAL, id, 1, "2026-03-02T03:00:00Z");

		event_set_all(e, "status", "WON", "amount", "100.25", "currency", "IDR", "won_at",
			"2026-03-02T03:00:00Z", "owner_id", i % 2 ? "ana" : "budi", NULL);
		assert_int_equal(shard_apply(shard, e, reason), SHARD_APPLIED);
	}
	while (shard_advance(shard, time_of("2026-03-02T04:00:00Z"), 1000))
		;
	shard_save(shard, true, out);
	shard_free(shard);
	arena_deinit(&arena);
	zone_deinit(&zone);
}

/* The same bytes without the records of one kind: see core/shard_save.c. */
static void without(const struct buffer *from, uint8_t kind, struct buffer *to)
{
	struct reader in = reader_of(from->data, from->len);

	while (reader_left(&in)) {
		const uint8_t *at = in.at;
		uint8_t found = reader_u8(&in);
		struct slice body = reader_bytes(&in, reader_u32le(&in));

		assert_false(in.bad);
		if (found != kind)
			buffer_put(to, at, RECORD_HEAD_BYTES + body.len);
	}
}

static uint64_t epoch_of(int32_t shard)
{
	uint64_t epoch = 0;

	storage->ops->read_epoch(storage, shard, &epoch);
	return epoch;
}

static void keep(int32_t shard, const struct buffer *raw, bool damage)
{
	struct buffer stored, bytes;
	struct manifest manifest;
	uint64_t epoch;
	int32_t count;

	buffer_init(&stored);
	buffer_init(&bytes);
	manifest_init(&manifest);
	assert_int_equal(storage->ops->take_epoch(storage, shard, 2, &epoch, &count), STORAGE_OK);
	checkpoint_segment_write(buffer_slice(raw), plan->fingerprint, true, &stored);
	if (damage)
		stored.data[stored.len / 2] ^= 1;
	const struct storage_segment segment = { SLICE_LIT("1-a-0"), buffer_slice(&stored) };
	assert_int_equal(storage->ops->write_segment(storage, shard, &segment), STORAGE_OK);
	manifest.id = 1;
	manifest.epoch = epoch;
	manifest.fingerprint = plan->fingerprint;
	manifest.partition_count = 2;
	manifest_add_segment(&manifest, "1-a-0", stored.len, 0);
	manifest_write(&manifest, &bytes);
	const struct slice name = segment.name;
	const uint64_t length = stored.len;
	assert_int_equal(storage->ops->swap_manifest(storage, shard, epoch, 0, 1,
				 buffer_slice(&bytes), &name, &length, 1),
		STORAGE_OK);
	manifest_deinit(&manifest);
	buffer_deinit(&stored);
	buffer_deinit(&bytes);
}

/* ---- the command ---------------------------------------------------------------------------- */

static int audit(char *flag, char *value)
{
	char with[160], *argv[] = { (char[]){ "audit" }, address, (char[]){ "--job=books" }, with,
		flag, value, NULL };
	FILE *captured = tmpfile();
	int out = dup(STDOUT_FILENO), error = dup(STDERR_FILENO), answer;

	assert_non_null(captured);
	snprintf(with, sizeof(with), "--definitions=%s", definitions);
	fflush(stdout);
	dup2(fileno(captured), STDOUT_FILENO);
	dup2(fileno(captured), STDERR_FILENO);
	answer = cmd_audit(flag ? (value ? 6 : 5) : 4, argv);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	dup2(error, STDERR_FILENO);
	close(out);
	close(error);
	rewind(captured);
	said[fread(said, 1, sizeof(said) - 1, captured)] = '\0';
	fclose(captured);
	return answer;
}

static void expect_said(const char *text)
{
	if (!strstr(said, text))
		fail_msg("not said: %s\n%s", text, said);
}

static void test_nothing(void **state)
{
	(void)state;
	assert_int_equal(audit(NULL, NULL), 1);
	expect_said("salespulse audit: no checkpoint of the job «books» is in Redis at "
		    "unix:/tmp/salespulse-audit-");
	assert_int_equal(audit((char[]){ "--shard=1" }, NULL), 1);
	expect_said("no checkpoint of shard 1 of the job «books»");
}

static void test_usage(void **state)
{
	(void)state;
	assert_int_equal(audit((char[]){ "--shrad" }, (char[]){ "1" }), 2);
	expect_said("unknown flag «--shrad»; did you mean --shard?");
	assert_int_equal(audit((char[]){ "--help" }, NULL), 0);
	expect_said("usage: salespulse audit [OPTIONS]");
	write_definitions("metrics:\n  - {nam: x}\n");
	assert_int_equal(audit(NULL, NULL), 2);
	expect_said("kpis.yaml:2:6: «nam» is not known here; the nearest is «name»");
	write_definitions(DEFINITIONS);
}

static void test_books(void **state)
{
	struct buffer whole, broken;
	uint64_t epoch;

	(void)state;
	buffer_init(&whole);
	buffer_init(&broken);
	save_deals(&whole);
	keep(0, &whole, false);
	epoch = epoch_of(0);
	assert_int_equal(audit(NULL, NULL), 0);
	/* Forty deals; at the reps that they name no definition looks. */
	expect_said("shard 0: 40 entities, 3 cells, ");
	expect_said(": equal\naudit: 1 shard, 0 differences\n");
	/* A running job would be fenced by a newer one. */
	assert_int_equal(epoch_of(0), epoch);

	/* The ledger's records are missing: what is in the entities is in no book. */
	without(&whole, 6, &broken);
	assert_true(broken.len < whole.len);
	keep(1, &broken, false);
	assert_int_equal(audit(NULL, NULL), 1);
	expect_said(": equal\n");
	expect_said("cells differ\naudit: 2 shards, ");
	expect_said("2005"); /* ana's twenty deals, which one side has */
	assert_int_equal(audit((char[]){ "--shard" }, (char[]){ "0" }), 0);
	expect_said("audit: 1 shard, 0 differences\n");
	assert_int_equal(audit((char[]){ "--shard" }, (char[]){ "1" }), 1);

	/* Other definitions: the totals are made anew, and that is said. */
	write_definitions(DEFINITIONS "  - {name: other, value: revenue, windows: [24h]}\n");
	assert_int_equal(audit((char[]){ "--shard" }, (char[]){ "1" }), 0);
	expect_said("equal (under other definitions than it was saved with: its totals were made "
		    "anew)");
	write_definitions(DEFINITIONS);

	keep(2, &whole, true);
	assert_int_equal(audit((char[]){ "--shard=2" }, NULL), 1);
	expect_said("shard 2: every kept checkpoint is damaged");
	buffer_deinit(&whole);
	buffer_deinit(&broken);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_usage),
		cmocka_unit_test(test_books),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
