#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "core/calendar.h"
#include "edge/settings.h"
#include "edge/settings_inside.h"

enum { SAID_BYTES = 4096, FLAGS_MAX = 8 };

static char folder[] = "/tmp/salespulse-settings-XXXXXX";
static char path[128]; /* of the file that tests write */

static void write_file(const char *name, const char *text)
{
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* ---- loading, with the environment and flags of one test ------------------------------------ */

struct given {
	const char *file; /* text; NULL: none */
	const char *variable, *value;
	char *flags[FLAGS_MAX]; /* NULL at their end */
};

static int load(const struct given *given, struct settings **ret, char *said)
{
	char *argv[FLAGS_MAX + 2] = { (char[]){ "run" } }, *at;
	struct buffer message;
	int argc = 1, answer;

	while (given->flags[argc - 1]) {
		argv[argc] = given->flags[argc - 1];
		argc++;
	}
	if (given->file)
		write_file("s.yaml", given->file);
	if (given->variable)
		setenv(given->variable, given->value, 1);
	buffer_init(&message);
	answer = settings_load(given->file ? path : NULL, &argc, argv, ret, &message);
	if (given->variable)
		unsetenv(given->variable);
	snprintf(said, SAID_BYTES, "%s", buffer_text(&message));
	while ((at = strstr(said, folder)) != NULL)
		memmove(at, at + strlen(folder) + 1, strlen(at + strlen(folder) + 1) + 1);
	buffer_deinit(&message);
	return answer;
}

static struct settings *load_right(const struct given *given)
{
	struct settings *settings = NULL;
	char said[SAID_BYTES];

	if (load(given, &settings, said) != 0 || said[0] != '\0')
		fail_msg("%s", said);
	return settings;
}

/* ---- the layers ----------------------------------------------------------------------------- */

static void test_defaults(void **state)
{
	struct settings *s = load_right(&(struct given){ 0 });

	(void)state;
	assert_string_equal(s->job, "salespulse");
	assert_string_equal(s->lock_topic, "salespulse.lock");
	assert_int_equal(s->alignment_ms, 600000);
	assert_int_equal(s->kafka_queue_bytes, 64 << 20);
	assert_int_equal(s->topic_partitions, 4);
	assert_true(s->topic_create);
	assert_int_equal(s->kafka_property_count, 0);
	assert_int_equal(s->tenants.tenant_count, 0);
	assert_int_equal(s->tenants.calendar_count, 1);
	assert_string_equal(s->tenants.fallback.currency, "IDR");
	/* Jakarta is seven hours ahead. */
	assert_int_equal(calendar_local_day(&s->tenants.calendars[0], 17 * 3600000 - 1), 0);
	assert_int_equal(calendar_local_day(&s->tenants.calendars[0], 17 * 3600000), 1);
	settings_free(s);
}

static void test_layers(void **state)
{
	const char *const file = "kafka: {brokers: 'there:9092', queue_bytes: 2MiB}\njob: file\n";
	struct settings *s;

	(void)state;
	s = load_right(&(struct given){ .file = file });
	assert_string_equal(s->kafka_brokers, "there:9092");
	assert_string_equal(s->lock_topic, "file.lock");
	settings_free(s);
	s = load_right(
		&(struct given){ file, "SALESPULSE_KAFKA_BROKERS", "environment:9092", { 0 } });
	assert_string_equal(s->kafka_brokers, "environment:9092");
	assert_int_equal(s->kafka_queue_bytes, 2 << 20);
	settings_free(s);
	s = load_right(&(struct given){ file, "SALESPULSE_KAFKA_BROKERS", "environment:9092",
		{ (char[]){ "--kafka.brokers=flag:9092" }, (char[]){ "--job" },
			(char[]){ "flag" } } });
	assert_string_equal(s->kafka_brokers, "flag:9092");
	assert_string_equal(s->job, "flag");
	settings_free(s);
}

static void test_types(void **state)
{
	struct settings *s = load_right(
		&(struct given){ .file = "# nothing\n"
					 "alignment: 90s\nmax_skew: 2m\nrebuild: yes\nlimits:\n  "
					 "entities: 5000\n  strings: 1048577\n  ledger: 3GiB\n"
					 "kafka.session_timeout: 1500ms\nkafka.topic_create: "
					 "off\npublish:\nredis: ~\nlog: null\n"
					 "topics.account: \"\"\nsharding: single\ncheckpoint: "
					 "{segment_bytes: 100kB}\n" });

	(void)state;
	assert_int_equal(s->alignment_ms, 90000);
	assert_int_equal(s->max_skew_ms, 120000);
	assert_true(s->rebuild);
	assert_int_equal(s->entities_max, 5000);
	assert_int_equal(s->strings_bytes_max, 1048577);
	assert_int_equal(s->ledger_bytes_max, INT64_C(3) << 30);
	assert_int_equal(s->kafka_session_ms, 1500);
	assert_false(s->topic_create);
	assert_string_equal(s->topic_account, "");
	assert_string_equal(s->sharding, "single");
	assert_int_equal(s->checkpoint_segment_bytes, 100000);
	settings_free(s);
}

static void test_flags(void **state)
{
	char *argv[] = { (char[]){ "run" }, (char[]){ "one" }, (char[]){ "--rebuild" },
		(char[]){ "two" }, (char[]){ "--log.level" }, (char[]){ "debug" },
		(char[]){ "--other" }, (char[]){ "--kafka.topic_create" }, (char[]){ "false" },
		(char[]){ "--kafka.client.rack=r1" }, NULL };
	int argc = 10;
	struct settings *s = NULL;
	struct buffer message;
	bool separate;

	(void)state;
	buffer_init(&message);
	assert_int_equal(settings_load(NULL, &argc, argv, &s, &message), 0);
	/* What is no setting stays, in its order. */
	assert_int_equal(argc, 4);
	assert_string_equal(argv[1], "one");
	assert_string_equal(argv[2], "two");
	assert_string_equal(argv[3], "--other");
	assert_null(argv[4]);
	assert_true(s->rebuild);
	assert_false(s->topic_create);
	assert_string_equal(s->log_level, "debug");
	assert_string_equal(s->kafka_properties[0].name, "client.rack");
	assert_string_equal(s->kafka_properties[0].value, "r1");
	settings_free(s);
	assert_true(settings_take_flag("--job", "x", &separate) && separate);
	assert_true(settings_take_flag("--job=x", "y", &separate) && !separate);
	assert_true(settings_take_flag("--rebuild", "x", &separate) && !separate);
	assert_true(settings_take_flag("--rebuild", "no", &separate) && separate);
	assert_true(settings_take_flag("--rebuild", NULL, &separate) && !separate);
	assert_false(settings_take_flag("--jobs", "x", &separate));
	assert_false(settings_take_flag("job", "x", &separate));
	buffer_deinit(&message);
}

static void test_environment(void **state)
{
	struct settings *s = NULL;
	char said[SAID_BYTES];

	(void)state;
	assert_int_equal(
		load(&(struct given){ NULL, "SALESPULSE_KAFKA_BROKER", "x:1", { 0 } }, &s, said),
		0);
	assert_string_equal(said, "warning: the environment's SALESPULSE_KAFKA_BROKER is no "
				  "setting; the nearest is SALESPULSE_KAFKA_BROKERS\n");
	settings_free(s);
	assert_int_equal(
		load(&(struct given){ NULL, "SALESPULSE_ZZZZZZZZZ", "x", { 0 } }, &s, said), 0);
	assert_string_equal(
		said, "warning: the environment's SALESPULSE_ZZZZZZZZZ is no setting\n");
	settings_free(s);
	/* Which file to read is the command's business. */
	s = load_right(&(struct given){ NULL, "SALESPULSE_SETTINGS", "x", { 0 } });
	settings_free(s);
	s = load_right(&(struct given){ NULL, "SALESPULSE_KAFKA_SECURITY_PROTOCOL", "SSL", { 0 } });
	assert_int_equal(s->kafka_property_count, 1);
	assert_string_equal(s->kafka_properties[0].name, "security.protocol");
	assert_string_equal(s->kafka_properties[0].value, "SSL");
	settings_free(s);
	s = load_right(&(struct given){ NULL, "SALESPULSE_LIMITS_ENTITIES", "1000", { 0 } });
	assert_int_equal(s->entities_max, 1000);
	settings_free(s);
}

static void test_properties(void **state)
{
	struct settings *s =
		load_right(&(struct given){ "kafka:\n  sasl: {mechanism: PLAIN, username: u, "
					    "password: p1}\n  security.protocol: SASL_SSL\n"
					    "  properties: {linger.ms: 7}\n",
			"SALESPULSE_KAFKA_SASL_PASSWORD", "p2",
			{ (char[]){ "--kafka.sasl.username=v" } } });
	const char *const expected[][2] = { { "sasl.mechanism", "PLAIN" },
		{ "security.protocol", "SASL_SSL" }, { "linger.ms", "7" },
		{ "sasl.password", "p2" }, { "sasl.username", "v" } };

	(void)state;
	assert_int_equal(s->kafka_property_count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_string_equal(s->kafka_properties[i].name, expected[i][0]);
		assert_string_equal(s->kafka_properties[i].value, expected[i][1]);
		assert_int_equal(s->kafka_properties[i].hidden, i == 3);
	}
	settings_free(s);
}

/* ---- tenants -------------------------------------------------------------------------------- */

static void test_days_of_work(void **state)
{
	struct settings *s =
		load_right(&(struct given){ .file = "workdays: deploy/workdays-id.yaml\ntenants:\n"
						    "  a: {zone: Asia/Tokyo}\n"
						    "  b: {workdays: \"\"}\n" });

	(void)state;
	assert_non_null(s->tenants.fallback.workdays);
	assert_ptr_equal(s->tenants.tenants[0].workdays, s->tenants.fallback.workdays);
	assert_null(s->tenants.tenants[1].workdays);
	settings_free(s);
}

static void test_tenants(void **state)
{
	struct settings *s = load_right(
		&(struct given){ .file = "zone: Europe/Berlin\ncurrency: EUR\ntenants:\n  a:\n  b: "
					 "{}\n  c: {zone: Asia/Tokyo, currency: JPY}\n"
					 "  d: {week_start: 7}\n  e: {zone: Asia/Tokyo, "
					 "fiscal_start: 4}\n  \"6\": {zone: Asia/Tokyo}\n" });
	const struct tenant_settings *t = s->tenants.tenants;

	(void)state;
	assert_int_equal(s->tenants.tenant_count, 6);
	/* Berlin; Tokyo; Berlin from Sunday; Tokyo from April. */
	assert_int_equal(s->tenants.calendar_count, 4);
	assert_int_equal(t[0].calendar, s->tenants.fallback.calendar);
	assert_int_equal(t[1].calendar, s->tenants.fallback.calendar);
	assert_int_equal(t[2].calendar, t[5].calendar);
	assert_string_equal(t[2].currency, "JPY");
	assert_string_equal(t[4].currency, "EUR");
	assert_int_equal(s->tenants.calendars[t[3].calendar].week_start, 7);
	assert_int_equal(s->tenants.calendars[t[4].calendar].fiscal_start_month, 4);
	assert_ptr_equal(
		s->tenants.calendars[t[4].calendar].zone, s->tenants.calendars[t[5].calendar].zone);
	assert_string_equal(tenant_book_find(&s->tenants, SLICE_LIT("6"))->tenant_id, "6");
	assert_null(tenant_book_find(&s->tenants, SLICE_LIT("z"))->tenant_id);
	settings_free(s);
}

/* ---- secrets -------------------------------------------------------------------------------- */

static void test_indirect(void **state)
{
	struct settings *s;
	char text[256];

	(void)state;
	write_file("secret", "hunter2\r\n");
	snprintf(text, sizeof(text),
		"redis.password: file:%s/secret\nredis.address: "
		"env:SP_TEST_ADDRESS\nkafka.sasl.username: 'file:%s/secret'\n",
		folder, folder);
	s = load_right(&(struct given){ text, "SP_TEST_ADDRESS", "r:1", { 0 } });
	assert_string_equal(s->redis_password, "hunter2");
	assert_string_equal(s->redis_address, "r:1");
	assert_string_equal(s->kafka_properties[0].value, "hunter2");
	assert_true(s->kafka_properties[0].hidden);
	settings_free(s);
}

static void expect_hidden(const struct given *given, int expected_answer)
{
	struct settings *s = NULL;
	struct buffer printed;
	char said[SAID_BYTES];

	buffer_init(&printed);
	assert_int_equal(load(given, &s, said), expected_answer);
	if (strstr(said, "hunter2"))
		fail_msg("a secret was said: %s", said);
	if (expected_answer == 0) {
		settings_print(s, &printed);
		if (strstr(buffer_text(&printed), "hunter2"))
			fail_msg("a secret was printed: %s", buffer_text(&printed));
		assert_non_null(strstr(buffer_text(&printed), "***"));
		settings_free(s);
	} else {
		assert_true(said[0] != '\0');
	}
	buffer_deinit(&printed);
}

static void test_secrets(void **state)
{
	static const char *const right[] = {
		"redis.password: hunter2\n",
		"redis: {user: me, password: hunter2}\n",
		"kafka.sasl.password: hunter2\n",
		"kafka.ssl.key.password: hunter2\n",
		"kafka: {sasl: {password: hunter2, username: u}}\n",
		"kafka.ssl.keystore.password: hunter2\n",
		"redis.user: env:SP_TEST_SECRET\n",
	};
	/* A mistake in or beside a secret: the line is shown, but not what is behind the name. */
	static const char *const wrong[] = {
		"redis.password: [hunter2]\n",
		"redis.password: {a: hunter2}\n",
		"redis.password: \"hunter2\n",
		"redis: {user: [x], password: hunter2}\n",
		"redis: {password: hunter2, usr: x}\n",
		"redis: {usr: x, password: hunter2}\n",
		"kafka.sasl.password: hunter2\nkafka.sasl.password: hunter2x\n",
		"kafka: {sasl.password: hunter2}\nkafka.sasl: {password: hunter2}\n",
		"kafka:\n  ssl.key.pem: |\n    hunter2\n   hunter2\n  brokers: x\n",
		"kafka:\n  sasl.password:\n    [hunter2]\n",
		"kafka.sasl.passwort: hunter2\nkafka.secret: hunter2\n",
		"kafka.enable.ssl.certificate.verification: env:SP_TEST_SECRET\n",
		"redis.timeout: env:SP_TEST_SECRET\n",
		"job: env:SP_TEST_SECRET\nredis.address: env:SP_TEST_SECRET\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(right) / sizeof(right[0]); i++)
		expect_hidden(&(struct given){ right[i], "SP_TEST_SECRET", "hunter2", { 0 } }, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		expect_hidden(&(struct given){ wrong[i], "SP_TEST_SECRET", "hunter2", { 0 } }, 1);
	expect_hidden(&(struct given){ NULL, "SALESPULSE_REDIS_PASSWORD", "hunter2", { 0 } }, 0);
	expect_hidden(&(struct given){ NULL, NULL, NULL,
			      { (char[]){ "--kafka.sasl.password=hunter2" } } },
		0);
}

/* ---- mistakes ------------------------------------------------------------------------------- */

static const struct {
	const char *file, *said;
} wrongs[] = {
	{ "- a\n", "s.yaml:1:3: settings are a mapping: name: value\n"
		   "  - a\n"
		   "    ^\n" },
	{ "job: salespulse\n"
	  "kafak: {brokers: x}\n",
		"s.yaml:2:1: «kafak» is no setting; the nearest is «kafka»\n"
		"  kafak: {brokers: x}\n"
		"  ^~~~~\n" },
	{ "kafka:\n"
	  "  broker: x:9092\n",
		"s.yaml:2:3: «kafka.broker» is no setting; the nearest is «kafka.brokers»\n"
		"    broker: x:9092\n"
		"    ^~~~~~\n" },
	{ "topics.leads: x\n",
		"s.yaml:1:1: «topics.leads» is no setting; the nearest is «topics.lead»\n"
		"  topics.leads: x\n"
		"  ^~~~~~~~~~~~\n" },
	{ "jobb: x\n", "s.yaml:1:1: «jobb» is no setting; the nearest is «job»\n"
		       "  jobb: x\n"
		       "  ^~~~\n" },
	{ "kafka: localhost:9092\n", "s.yaml:1:1: kafka is a section: its settings stand below it\n"
				     "  kafka: localhost:9092\n"
				     "  ^~~~~\n" },
	{ "kafka:\n"
	  "  brokers: [a:9092, b:9092]\n",
		"s.yaml:2:3: kafka.brokers wants one value, not a list\n"
		"    brokers: [a:9092, b:9092]\n"
		"    ^~~~~~~\n" },
	{ "kafka.brokers: {a: b}\n", "s.yaml:1:1: kafka.brokers wants one value, not a mapping\n"
				     "  kafka.brokers: {a: b}\n"
				     "  ^~~~~~~~~~~~~\n" },
	{ "kafka.brokers: a b\n",
		"s.yaml:1:16: kafka.brokers wants host:port, several with commas, not «a b»\n"
		"  kafka.brokers: a b\n"
		"                 ^~~\n" },
	{ "kafka.brokers: a:9092,,b:9092\n", "s.yaml:1:16: kafka.brokers wants host:port, several "
					     "with commas, not «a:9092,,b:9092»\n"
					     "  kafka.brokers: a:9092,,b:9092\n"
					     "                 ^~~~~~~~~~~~~~\n" },
	{ "kafka.brokers: a:99999\n",
		"s.yaml:1:16: kafka.brokers wants host:port, several with commas, not «a:99999»\n"
		"  kafka.brokers: a:99999\n"
		"                 ^~~~~~~\n" },
	{ "alignment: 5\n", "s.yaml:1:12: alignment wants a duration with its unit (ms s m h d w) "
			    "from 1s to 1d, not «5»\n"
			    "  alignment: 5\n"
			    "             ^\n" },
	{ "alignment: 2d\n", "s.yaml:1:12: alignment wants a duration with its unit (ms s m h d w) "
			     "from 1s to 1d, not «2d»\n"
			     "  alignment: 2d\n"
			     "             ^~\n" },
	{ "alignment: 10 minutes\n", "s.yaml:1:12: alignment wants a duration with its unit (ms s "
				     "m h d w) from 1s to 1d, not «10 minutes»\n"
				     "  alignment: 10 minutes\n"
				     "             ^~~~~~~~~~\n" },
	{ "kafka.queue_bytes: 10GiB\n", "s.yaml:1:20: kafka.queue_bytes wants a size (64MiB, 1GiB) "
					"from 1MiB to 4GiB, not «10GiB»\n"
					"  kafka.queue_bytes: 10GiB\n"
					"                     ^~~~~\n" },
	{ "kafka.queue_bytes: lots\n", "s.yaml:1:20: kafka.queue_bytes wants a size (64MiB, 1GiB) "
				       "from 1MiB to 4GiB, not «lots»\n"
				       "  kafka.queue_bytes: lots\n"
				       "                     ^~~~\n" },
	{ "limits.groups: 1e6\n",
		"s.yaml:1:16: limits.groups wants a whole number from 100 to 100000000, not «1e6»\n"
		"  limits.groups: 1e6\n"
		"                 ^~~\n" },
	{ "limits: {groups: -1}\n",
		"s.yaml:1:18: limits.groups wants a whole number from 100 to 100000000, not «-1»\n"
		"  limits: {groups: -1}\n"
		"                   ^~\n" },
	{ "limits: {groups: 10}\n",
		"s.yaml:1:18: limits.groups wants a whole number from 100 to 100000000, not «10»\n"
		"  limits: {groups: 10}\n"
		"                   ^~\n" },
	{ "rebuild: maybe\n", "s.yaml:1:10: rebuild wants true or false, not «maybe»\n"
			      "  rebuild: maybe\n"
			      "           ^~~~~\n" },
	{ "sharding: partitions\n", "s.yaml:1:11: sharding wants one of partition|single, not "
				    "«partitions»; the nearest is «partition»\n"
				    "  sharding: partitions\n"
				    "            ^~~~~~~~~~\n" },
	{ "delivery: exactly_once\n",
		"s.yaml:1:11: delivery wants at_least_once, not «exactly_once»\n"
		"  delivery: exactly_once\n"
		"            ^~~~~~~~~~~~\n" },
	{ "publish.compression: ztsd\n",
		"s.yaml:1:22: publish.compression wants one of none|lz4|zstd|gzip|snappy, not "
		"«ztsd»; the nearest is «zstd»\n"
		"  publish.compression: ztsd\n"
		"                       ^~~~\n" },
	{ "job: my job\n",
		"s.yaml:1:6: job wants a name: at most 100 of a-z A-Z 0-9 . _ -, not «my job»\n"
		"  job: my job\n"
		"       ^~~~~~\n" },
	{ "job: \"\"\n", "s.yaml:1:7: job wants a name: at most 100 of a-z A-Z 0-9 . _ -, not «»\n"
			 "  job: \"\"\n"
			 "        ^\n" },
	{ "topics.lead: crm/lead\n", "s.yaml:1:14: topics.lead wants a topic's name: at most 249 "
				     "of a-z A-Z 0-9 . _ -, not «crm/lead»\n"
				     "  topics.lead: crm/lead\n"
				     "               ^~~~~~~~\n" },
	{ "topics:\n"
	  "  lead: x\n"
	  "  deal: x\n",
		"s.yaml:3:9: topics.lead and topics.deal are the same topic, x\n"
		"    deal: x\n"
		"          ^\n" },
	{ "topics.lead: kpi.latest\n",
		"s.yaml:1:14: topics.lead and topics.latest are the same topic, kpi.latest\n"
		"  topics.lead: kpi.latest\n"
		"               ^~~~~~~~~~\n" },
	{ "topics.lead: \"\"\n", "s.yaml:1:15: topics.lead wants a topic's name: at most 249 of "
				 "a-z A-Z 0-9 . _ -, not «»\n"
				 "  topics.lead: \"\"\n"
				 "                ^\n" },
	{ "redis.address: localhost\n",
		"s.yaml:1:16: redis.address wants host:port or unix:/path, not «localhost»\n"
		"  redis.address: localhost\n"
		"                 ^~~~~~~~~\n" },
	{ "redis.address: \"unix:\"\n",
		"s.yaml:1:17: redis.address wants host:port or unix:/path, not «unix:»\n"
		"  redis.address: \"unix:\"\n"
		"                  ^~~~~\n" },
	{ "http.address: 9464\n",
		"s.yaml:1:15: http.address wants host:port, or \"\" for none, not «9464»\n"
		"  http.address: 9464\n"
		"                ^~~~\n" },
	{ "kafka: {brokers: \"a:1\"}\n"
	  "kafka.brokers: \"b:1\"\n",
		"s.yaml:2:1: kafka.brokers is said twice, first in line 1\n"
		"  kafka.brokers: \"b:1\"\n"
		"  ^~~~~~~~~~~~~\n" },
	{ "kafka.security.protocol: SASLSSL\n",
		"s.yaml:1:26: kafka.security.protocol: Invalid value \"SASLSSL\" for configuration "
		"property \"security.protocol\"\n"
		"  kafka.security.protocol: SASLSSL\n"
		"                           ^~~~~~~\n" },
	{ "kafka.securty.protocol: SSL\n", "s.yaml:1:1: «kafka.securty.protocol» is no setting; "
					   "the nearest is «kafka.security.protocol»\n"
					   "  kafka.securty.protocol: SSL\n"
					   "  ^~~~~~~~~~~~~~~~~~~~~~\n" },
	{ "kafka:\n"
	  "  sasl:\n"
	  "    mechansm: PLAIN\n",
		"s.yaml:3:5: «kafka.sasl.mechansm» is no setting; the nearest is "
		"«kafka.sasl.mechanism»\n"
		"      mechansm: PLAIN\n"
		"      ^~~~~~~~\n" },
	{ "kafka.enable.auto.commit: true\n",
		"s.yaml:1:27: kafka.enable.auto.commit is the program's own and cannot be set\n"
		"  kafka.enable.auto.commit: true\n"
		"                            ^~~~\n" },
	{ "kafka.bootstrap.servers: x\n",
		"s.yaml:1:26: kafka.bootstrap.servers is said by the setting kafka.brokers\n"
		"  kafka.bootstrap.servers: x\n"
		"                           ^\n" },
	{ "kafka.dr_cb: x\n", "s.yaml:1:14: kafka.dr_cb: Property \"dr_cb\" must be set through "
			      "dedicated .._set_..() function\n"
			      "  kafka.dr_cb: x\n"
			      "               ^\n" },
	{ "zone: Asia/Jakrta\n", "s.yaml:1:7: there is no time zone \"Asia/Jakrta\"; did you mean "
				 "\"Asia/Jakarta\"?\n"
				 "  zone: Asia/Jakrta\n"
				 "        ^~~~~~~~~~~\n" },
	{ "zone: ../etc/passwd\n", "s.yaml:1:7: there is no time zone \"../etc/passwd\"\n"
				   "  zone: ../etc/passwd\n"
				   "        ^~~~~~~~~~~~~\n" },
	{ "currency: idr\n",
		"s.yaml:1:11: currency wants three capital letters (ISO 4217), not «idr»\n"
		"  currency: idr\n"
		"            ^~~\n" },
	{ "week_start: 8\n", "s.yaml:1:13: week_start wants a whole number from 1 to 7, not «8»\n"
			     "  week_start: 8\n"
			     "              ^\n" },
	{ "week_start: monday\n",
		"s.yaml:1:13: week_start wants a whole number from 1 to 7, not «monday»\n"
		"  week_start: monday\n"
		"              ^~~~~~\n" },
	{ "fx: {max_age: 3}\n",
		"s.yaml:1:15: fx.max_age wants a duration with its unit (ms s m h d w) from 1m to 366d, not «3»\n"
		"  fx: {max_age: 3}\n"
		"                ^\n" },
	{ "fiscal_start: 0\n",
		"s.yaml:1:15: fiscal_start wants a whole number from 1 to 12, not «0»\n"
		"  fiscal_start: 0\n"
		"                ^\n" },
	{ "tenants: [a]\n",
		"s.yaml:1:1: tenants is a mapping: {acme: {zone: Asia/Jakarta, currency: IDR}}\n"
		"  tenants: [a]\n"
		"  ^~~~~~~\n" },
	{ "tenants:\n"
	  "  acme: Europe/Berlin\n",
		"s.yaml:2:3: a tenant reads acme: {zone: Asia/Jakarta, currency: IDR}\n"
		"    acme: Europe/Berlin\n"
		"    ^~~~\n" },
	{ "tenants:\n"
	  "  acme: {zones: UTC}\n",
		"s.yaml:2:10: a tenant has zone, currency, week_start, fiscal_start, workdays "
		"and calendar_changes, not «zones»; the nearest is «zone»\n"
		"    acme: {zones: UTC}\n"
		"           ^~~~~\n" },
	{ "tenants:\n"
	  "  acme: {zone: Europe/Berln}\n",
		"s.yaml:2:16: there is no time zone \"Europe/Berln\"; did you mean "
		"\"Europe/Berlin\"?\n"
		"    acme: {zone: Europe/Berln}\n"
		"                 ^~~~~~~~~~~~\n" },
	{ "tenants:\n"
	  "  acme: {currency: euro}\n",
		"s.yaml:2:20: currency wants three capital letters (ISO 4217), not «euro»\n"
		"    acme: {currency: euro}\n"
		"                     ^~~~\n" },
	{ "tenants:\n"
	  "  acme: {week_start: 0}\n",
		"s.yaml:2:22: week_start wants a whole number from 1 to 7, not «0»\n"
		"    acme: {week_start: 0}\n"
		"                       ^\n" },
	{ "tenants:\n"
	  "  acme: {fiscal_start: 13}\n",
		"s.yaml:2:24: fiscal_start wants a whole number from 1 to 12, not «13»\n"
		"    acme: {fiscal_start: 13}\n"
		"                         ^~\n" },
	{ "tenants:\n"
	  "  acme: {zone: [UTC]}\n",
		"s.yaml:2:17: zone wants one value\n"
		"    acme: {zone: [UTC]}\n"
		"                  ^\n" },
	{ "tenants:\n"
	  "  acme: {}\n"
	  "  acme: {}\n",
		"s.yaml:3:3: duplicate key\n"
		"    acme: {}\n"
		"    ^\n" },
	{ "tenants: {\"\": {}}\n", "s.yaml:1:12: the id of a tenant is wanted here\n"
				   "  tenants: {\"\": {}}\n"
				   "             ^\n" },
	{ "calender_changes: []\n",
		"s.yaml:1:1: «calender_changes» is no setting; the nearest is «calendar_changes»\n"
		"  calender_changes: []\n"
		"  ^~~~~~~~~~~~~~~~\n" },
	{ "calendar_change: {}\n",
		"s.yaml:1:1: «calendar_change» is no setting; the nearest is «calendar_changes»\n"
		"  calendar_change: {}\n"
		"  ^~~~~~~~~~~~~~~\n" },
	{ "calendar_changes: {from: 2026-07-01}\n",
		"s.yaml:1:1: calendar_changes is a list: [{from: 2026-07-01, zone: "
		"Asia/Makassar}]\n"
		"  calendar_changes: {from: 2026-07-01}\n"
		"  ^~~~~~~~~~~~~~~~\n" },
	{ "calendar_changes: [2026-07-01]\n",
		"s.yaml:1:20: a change reads {from: 2026-07-01, zone: Asia/Makassar}\n"
		"  calendar_changes: [2026-07-01]\n"
		"                     ^~~~~~~~~~\n" },
	{ "tenants:\n"
	  "  acme: {calendar_changes: [{form: 2026-07-01}]}\n",
		"s.yaml:2:30: a change has from, zone, week_start and fiscal_start, not «form»; "
		"the nearest is «from»\n"
		"    acme: {calendar_changes: [{form: 2026-07-01}]}\n"
		"                               ^~~~\n" },
	{ "tenants:\n"
	  "  acme: {calendar_changes: [{from: 2026-06-31, zone: UTC}]}\n",
		"s.yaml:2:36: from wants a date like 2026-07-01, not «2026-06-31»\n"
		"    acme: {calendar_changes: [{from: 2026-06-31, zone: UTC}]}\n"
		"                                     ^~~~~~~~~~\n" },
	{ "calendar_changes: [{from: 2200-01-01, zone: UTC}]\n",
		"s.yaml:1:27: from wants a date of 1970-01-01 to 2199-12-31, not «2200-01-01»\n"
		"  calendar_changes: [{from: 2200-01-01, zone: UTC}]\n"
		"                            ^~~~~~~~~~\n" },
	{ "calendar_changes: [{from: [1], zone: UTC}]\n",
		"s.yaml:1:28: from wants one date\n"
		"  calendar_changes: [{from: [1], zone: UTC}]\n"
		"                             ^\n" },
	{ "calendar_changes:\n"
	  "  - {from: 2026-07-01, zone: UTC}\n"
	  "  - {from: 2026-07-01, week_start: 7}\n",
		"s.yaml:3:12: changes stand in the order of their dates: from wants one after "
		"2026-07-01\n"
		"    - {from: 2026-07-01, week_start: 7}\n"
		"             ^~~~~~~~~~\n" },
	{ "calendar_changes: [{zone: UTC}]\n",
		"s.yaml:1:21: a change wants from: the date since when it holds\n"
		"  calendar_changes: [{zone: UTC}]\n"
		"                      ^~~~\n" },
	{ "calendar_changes: [{from: 2026-07-01}]\n",
		"s.yaml:1:21: a change wants zone, week_start or fiscal_start\n"
		"  calendar_changes: [{from: 2026-07-01}]\n"
		"                      ^~~~\n" },
	{ "calendar_changes: [{from: 2026-07-01, zone: Asia/Makasar}]\n",
		"s.yaml:1:45: there is no time zone \"Asia/Makasar\"; did you mean "
		"\"Asia/Makassar\"?\n"
		"  calendar_changes: [{from: 2026-07-01, zone: Asia/Makasar}]\n"
		"                                              ^~~~~~~~~~~~\n" },
	{ "tenants:\n"
	  "  acme: {calendar_changes: [{from: 2026-07-01, week_start: 8}]}\n",
		"s.yaml:2:60: week_start wants a whole number from 1 to 7, not «8»\n"
		"    acme: {calendar_changes: [{from: 2026-07-01, week_start: 8}]}\n"
		"                                                             ^\n" },
	{ "redis.user: env:SP_NOT_SET_AT_ALL\n",
		"s.yaml:1:13: the environment has no variable «SP_NOT_SET_AT_ALL»\n"
		"  redis.user: env:SP_NOT_SET_AT_ALL\n"
		"              ^~~~~~~~~~~~~~~~~~~~~\n" },
	{ "redis.password: file:/nowhere/secret\n",
		"s.yaml:1:17: /nowhere/secret: No such file or directory\n"
		"  redis.password: file:/nowhere/secret\n"
		"                  ^~~~~~~~~~~~~~~~~~~~\n" },
	{ "redis.user: \"a\\0b\"\n", "s.yaml:1:14: a NUL is not wanted in a value\n"
				     "  redis.user: \"a\\0b\"\n"
				     "               ^\n" },
	{ "publish: {interval: 1m, refresh: 30s}\n",
		"s.yaml:1:21: publish.refresh is shorter than publish.interval\n"
		"  publish: {interval: 1m, refresh: 30s}\n"
		"                      ^~\n" },
	{ "job: x\n"
	  "job: y\n",
		"s.yaml:2:1: duplicate key\n"
		"  job: y\n"
		"  ^\n" },
	{ "job: \"x\n", "s.yaml:1:7: double-quoted scalar without closing quote\n"
			"  job: \"x\n"
			"        ^\n" },
	{ "? [a]\n"
	  ": b\n",
		"s.yaml:1:4: the name of a setting is wanted here\n"
		"  ? [a]\n"
		"     ^\n" },
	{ "a: {b: {c: d}}\n", "s.yaml:1:1: «a» is no setting\n"
			      "  a: {b: {c: d}}\n"
			      "  ^\n" },
	{ "job: x\n"
	  "---\n"
	  "job: y\n",
		"s.yaml:3:1: a second document begins here; only one is wanted\n"
		"  job: y\n"
		"  ^\n" },
	{ "log.level: verbose\n",
		"s.yaml:1:12: log.level wants one of error|warn|info|debug, not «verbose»\n"
		"  log.level: verbose\n"
		"             ^~~~~~~\n" },
	{ "  kafka.brokers: \"größe broker\"   # Bröker\n",
		"s.yaml:1:19: kafka.brokers wants host:port, several with commas, not «größe "
		"broker»\n"
		"    kafka.brokers: \"größe broker\"   # Bröker\n"
		"                    ^~~~~~~~~~~~\n" },
};

static void test_wrong_files(void **state)
{
	char said[SAID_BYTES];
	struct settings *s;

	(void)state;
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		if (load(&(struct given){ .file = wrongs[i].file }, &s, said) != 1)
			fail_msg("taken, though it is wrong:\n%s", wrongs[i].file);
		if (strcmp(said, wrongs[i].said) != 0)
			fail_msg("said:\n%sexpected:\n%s", said, wrongs[i].said);
	}
}

static void expect_wrong(const struct given *given, const char *expected)
{
	char said[SAID_BYTES];
	struct settings *s;

	assert_int_equal(load(given, &s, said), 1);
	assert_string_equal(said, expected);
}

static void test_wrong_outside(void **state)
{
	struct buffer message;
	struct settings *s;

	(void)state;
	expect_wrong(&(struct given){ NULL, "SALESPULSE_KAFKA_QUEUE_BYTES", "3", { 0 } },
		"SALESPULSE_KAFKA_QUEUE_BYTES: kafka.queue_bytes wants a size (64MiB, 1GiB) from "
		"1MiB to 4GiB, not «3»\n"
		"  SALESPULSE_KAFKA_QUEUE_BYTES=3\n"
		"                               ^\n");
	expect_wrong(&(struct given){ .flags = { (char[]){ "--sharding" }, (char[]){ "singel" } } },
		"--sharding: sharding wants one of partition|single, not «singel»; the nearest is "
		"«single»\n"
		"  --sharding=singel\n"
		"             ^~~~~~\n");
	expect_wrong(
		&(struct given){ .flags = { (char[]){ "--job" } } }, "--job: a value is missing\n");
	expect_wrong(&(struct given){ .flags = { (char[]){ "--kafka.sasl.pasword=x" } } },
		"--kafka.sasl.pasword: no setting or property of librdkafka has this name; did you "
		"mean --kafka.sasl.password?\n");
	expect_wrong(&(struct given){ .flags = { (char[]){ "--zone=Asia/Jakrta" } } },
		"--zone: there is no time zone \"Asia/Jakrta\"; did you mean \"Asia/Jakarta\"?\n"
		"  --zone=Asia/Jakrta\n"
		"         ^~~~~~~~~~~\n");
	expect_wrong(&(struct given){ .flags = { (char[]){ "--kafka.group.id=x" } } },
		"--kafka.group.id: kafka.group.id is said by the setting job\n"
		"  --kafka.group.id=x\n"
		"                   ^\n");
	expect_wrong(
		&(struct given){ .flags = { (char[]){ "--redis.password=file:/nowhere/at all" } } },
		"--redis.password: /nowhere/at all: No such file or directory\n");
	buffer_init(&message);
	assert_int_equal(settings_load("", NULL, NULL, &s, &message), 1);
	assert_string_equal(buffer_text(&message), "the settings file has no name\n");
	buffer_reset(&message);
	assert_int_equal(settings_load("/nowhere.yaml", NULL, NULL, &s, &message), 1);
	assert_string_equal(buffer_text(&message), "/nowhere.yaml: No such file or directory\n");
	buffer_deinit(&message);
}

/* ---- the table ------------------------------------------------------------------------------ */

static void test_names(void **state)
{
	(void)state;
	for (int a = 0; a < (int)SETTING_COUNT; a++) {
		char name[128];

		snprintf(name, sizeof(name), "%s", settings_rows[a].name);
		assert_int_equal(settings_row_find(slice_of(name), false), a);
		for (char *at = name; *at; at++)
			*at = *at == '.' ? '_' : *at;
		/* No two settings share the name of a variable. */
		assert_int_equal(settings_row_find(slice_of(name), true), a);
		assert_true(settings_rows[a].min <= settings_rows[a].max);
		assert_true(
			settings_rows[a].sentence[strlen(settings_rows[a].sentence) - 1] == '.');
		assert_null(strchr(settings_rows[a].sentence, '\n'));
	}
	assert_string_equal(settings_nearest(SLICE_LIT("kafka.broker")), "kafka.brokers");
	assert_string_equal(
		settings_nearest(SLICE_LIT("kafka.ssl.ca.loction")), "kafka.ssl.ca.location");
	assert_null(settings_nearest(SLICE_LIT("tenant")));
	assert_null(settings_nearest(SLICE_LIT("qqqqqqqqqqqqqq")));
}

static void test_bytes(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes; /* -1: refused */
	} rows[] = { { "0", 0 }, { "1", 1 }, { "7B", 7 }, { "2 KiB", 2048 }, { "3kB", 3000 },
		{ "1MiB", 1 << 20 }, { "1MB", 1000000 }, { "8GiB", INT64_C(8) << 30 },
		{ "1TiB", INT64_C(1) << 40 }, { "9223372036854775807", INT64_MAX },
		{ "9223372036854775808", -1 }, { "8388608TiB", -1 }, { "", -1 }, { "MiB", -1 },
		{ "-1", -1 }, { "1.5MiB", -1 }, { "1mib", -1 }, { "1MiBs", -1 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t bytes = -1;

		if (!settings_bytes_parse(slice_of(rows[i].text), &bytes))
			bytes = -1;
		if (bytes != rows[i].bytes)
			fail_msg("%s: %lld", rows[i].text, (long long)bytes);
	}
}

/* What is printed without the places it comes from. */
static char *values_of(const struct settings *s)
{
	struct buffer printed;
	char *text, *to;

	buffer_init(&printed);
	settings_print(s, &printed);
	text = x_strdup(buffer_text(&printed));
	buffer_deinit(&printed);
	to = text;
	for (const char *at = text; *at;) {
		const char *end = strchr(at, '\n'), *mark = strstr(at, " # ");
		size_t length = (size_t)((mark && mark < end ? mark : end) - at);

		while (length && at[length - 1] == ' ')
			length--;
		memmove(to, at, length);
		to[length] = '\n';
		to += length + 1;
		at = end + 1;
	}
	*to = '\0';
	return text;
}

/* What settings_print says is itself a settings file with the same meaning. */
static void test_print_reads_back(void **state)
{
	struct settings *s = load_right(
		&(struct given){ .file = "job: j\nredis.user: \"a: b # c\"\nhttp.address: "
					 "\"\"\nkafka.client.id: \"-\"\npublish.interval: 1s\n"
					 "tenants: {\"x y\": {zone: UTC}, z: {}}\n" });
	struct buffer printed;
	char *before, *after;

	(void)state;
	buffer_init(&printed);
	settings_print(s, &printed);
	assert_non_null(strstr(buffer_text(&printed), "# default"));
	assert_non_null(strstr(buffer_text(&printed), "/s.yaml:1\n"));
	before = values_of(s);
	settings_free(s);
	s = load_right(&(struct given){ .file = buffer_text(&printed) });
	after = values_of(s);
	assert_string_equal(before, after);
	assert_string_equal(s->redis_user, "a: b # c");
	assert_string_equal(s->kafka_properties[0].value, "-");
	settings_free(s);
	free(before);
	free(after);
	buffer_deinit(&printed);
}

static void test_help(void **state)
{
	struct buffer help, markdown;

	(void)state;
	buffer_init(&help);
	buffer_init(&markdown);
	settings_print_help(&help, false);
	settings_print_help(&markdown, true);
	for (size_t id = 0; id < SETTING_COUNT; id++) {
		assert_non_null(strstr(buffer_text(&help), settings_rows[id].name));
		assert_non_null(strstr(buffer_text(&help), settings_rows[id].sentence));
		assert_non_null(strstr(buffer_text(&markdown), settings_rows[id].name));
	}
	assert_non_null(strstr(buffer_text(&markdown),
		"\n| `alignment` | `10m` | 1s … 1d | How far a partition "
		"may run ahead of the clock during catch-up. |\n"));
	assert_non_null(strstr(buffer_text(&markdown), "| partition\\|single |"));
	buffer_deinit(&help);
	buffer_deinit(&markdown);
}

/* ---- the file that ships -------------------------------------------------------------------- */

/* Takes the # from every line that is a commented-out setting. */
static char *uncommented(const char *text)
{
	char *result = x_strdup(text), *to = result;

	for (const char *at = text; *at;) {
		const char *end = strchr(at, '\n'), *mark = at;

		while (*mark == ' ')
			mark++;
		if (*mark == '#' && islower((unsigned char)mark[1])) {
			memmove(to, at, (size_t)(mark - at));
			to += mark - at;
			at = mark + 1;
		}
		memmove(to, at, (size_t)(end + 1 - at));
		to += end + 1 - at;
		at = end + 1;
	}
	*to = '\0';
	return result;
}

static void test_shipped(void **state)
{
	FILE *file = fopen("deploy/salespulse.yaml", "r");
	char text[65536], *all, *defaults, *values;
	struct settings *s;
	size_t said = 0;

	(void)state;
	assert_non_null(file);
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	/* As it is it changes nothing … */
	s = load_right(&(struct given){ 0 });
	defaults = values_of(s);
	settings_free(s);
	s = load_right(&(struct given){ .file = text });
	values = values_of(s);
	assert_string_equal(values, defaults);
	free(values);
	settings_free(s);
	/* … and every setting is in it, with its sentence and its default. */
	all = uncommented(text);
	s = load_right(&(struct given){ .file = all });
	values = values_of(s);
	assert_string_equal(values, defaults);
	for (size_t id = 0; id < SETTING_COUNT; id++) {
		said += ((struct settings_kept *)s->owned)->where[id].origin == ORIGIN_FILE;
		if (!strstr(text, settings_rows[id].sentence))
			fail_msg("deploy/salespulse.yaml does not say of %s: %s",
				settings_rows[id].name, settings_rows[id].sentence);
	}
	assert_int_equal(said, SETTING_COUNT);
	settings_free(s);
	free(values);
	free(defaults);
	free(all);
}

/* ---- */

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "%s/s.yaml", folder);
	unlink(path);
	snprintf(path, sizeof(path), "%s/secret", folder);
	unlink(path);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_layers),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_properties),
		cmocka_unit_test(test_tenants),
		cmocka_unit_test(test_days_of_work),
		cmocka_unit_test(test_indirect),
		cmocka_unit_test(test_secrets),
		cmocka_unit_test(test_wrong_files),
		cmocka_unit_test(test_wrong_outside),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_print_reads_back),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_shipped),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
