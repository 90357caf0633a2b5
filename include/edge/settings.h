/*
 * settings: everything an operator may set, in one table (edge/settings_table.h): name, type, default, limits, unit,
 * sentence. From it come the struct, the parser of deploy/salespulse.yaml, the environment names (SALESPULSE_KAFKA_BROKERS
 * for kafka.brokers), the flags (--kafka.brokers=…), --help, and the README's table.
 * Later wins: embedded defaults < file < environment < flags. A value may name where a secret is: "file:/run/secrets/x" or "env:NAME";
 * such values, and every setting marked secret, are never printed.
 */
#ifndef EDGE_SETTINGS_H
#define EDGE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "core/model.h"
#include "core/tenant.h"

enum settings_type {
	SETTING_STRING, SETTING_INT, SETTING_DURATION /* ms in an int64 */, SETTING_BYTES /* 64MiB … in an int64 */,
	SETTING_BOOL, SETTING_CHOICE /* one of "a|b|c", kept as text */, SETTING_DECIMAL /* double */,
};

/* X(type, c_type, member, "name", "default", min, max, "unit or choices", secret, "sentence") */
#define SETTINGS_TABLE(X) \
	X(STRING, const char *, job, "job", "salespulse", 0, 0, "", false, "Name of this job: consumer group, and prefix of its keys in Redis.") \
	X(STRING, const char *, definitions, "definitions", "", 0, 0, "path", false, "Definition file; empty: the one built in.") \
	X(STRING, const char *, schemas, "schemas", "", 0, 0, "path", false, "Folder of Avro schemas; empty: those built in.") \
	X(CHOICE, const char *, delivery, "delivery", "at_least_once", 0, 0, "at_least_once", false, "Delivery guarantee of the outputs.") \
	X(CHOICE, const char *, sharding, "sharding", "partition", 0, 0, "partition|single", false, "partition: one shard per partition; single: one instance reads all.") \
	X(INT, int64_t, threads, "threads", "0", 0, 64, "", false, "Threads that work on shards, at most one for each; 0: one per core, but no more than 4; 1: everything on one.") \
	X(CHOICE, const char *, clock, "clock", "wall", 0, 0, "wall|event", false, "wall: follow wall time once caught up; event: only event time.") \
	X(DURATION, int64_t, alignment_ms, "alignment", "10m", 1000, 86400000, "ms", false, "How far a partition may run ahead of the clock during catch-up.") \
	X(DURATION, int64_t, max_skew_ms, "max_skew", "5m", 1000, 86400000, "ms", false, "Greatest believable difference of clocks.") \
	X(BOOL, bool, rebuild, "rebuild", "false", 0, 0, "", false, "Start from retained events when Redis is empty beside committed offsets.") \
	X(STRING, const char *, kafka_brokers, "kafka.brokers", "127.0.0.1:9092", 0, 0, "host:port,…", false, "Bootstrap brokers.") \
	X(STRING, const char *, kafka_instance_id, "kafka.instance_id", "", 0, 0, "", false, "Static group member id; empty: from the host's name.") \
	X(DURATION, int64_t, kafka_session_ms, "kafka.session_timeout", "30s", 1000, 1800000, "ms", false, "Group session time-out.") \
	X(BYTES, int64_t, kafka_queue_bytes, "kafka.queue_bytes", "64MiB", 1048576, 4294967296, "bytes", false, "Bound of fetched, unprocessed messages.") \
	X(BYTES, int64_t, message_bytes_max, "kafka.message_bytes_max", "1MiB", 1024, 67108864, "bytes", false, "A longer message is a dead letter.") \
	X(CHOICE, const char *, wire_form, "kafka.wire_form", "auto", 0, 0, "auto|framed|bare", false, "Registry frame (byte 0 and schema id) or bare Avro by topic; auto: per topic by the first byte and the known ids.") \
	X(DURATION, int64_t, schema_wait_ms, "kafka.schema_wait", "30s", 1000, 86400000, "ms", false, "How long a partition may wait for an unknown schema id before the instance is not ready; it waits on.") \
	X(INT, int64_t, topic_partitions, "kafka.topic_partitions", "4", 1, 1024, "", false, "Partitions of topics that are created when missing.") \
	X(INT, int64_t, topic_replication, "kafka.topic_replication", "1", 1, 16, "", false, "Replication factor of topics that are created when missing.") \
	X(STRING, const char *, lock_topic, "kafka.lock_topic", "", 0, 0, "", false, "One-partition topic whose owner is active with `sharding: single`; empty: JOB.lock.") \
	X(BOOL, bool, topic_create, "kafka.topic_create", "true", 0, 0, "", false, "Create missing topics.") \
	X(STRING, const char *, topic_lead, "topics.lead", "crm.lead", 0, 0, "", false, "Topic of leads.") \
	X(STRING, const char *, topic_opportunity, "topics.opportunity", "crm.opportunity", 0, 0, "", false, "Topic of opportunities.") \
	X(STRING, const char *, topic_deal, "topics.deal", "crm.deal", 0, 0, "", false, "Topic of deals.") \
	X(STRING, const char *, topic_call, "topics.call", "crm.call", 0, 0, "", false, "Topic of calls.") \
	X(STRING, const char *, topic_rep, "topics.rep", "crm.rep", 0, 0, "", false, "Topic of the roster.") \
	X(STRING, const char *, topic_account, "topics.account", "crm.account", 0, 0, "", false, "Topic of accounts; empty: none.") \
	X(STRING, const char *, topic_target, "topics.target", "crm.target", 0, 0, "", false, "Topic of sales targets; empty: none.") \
	X(STRING, const char *, topic_spend, "topics.spend", "fin.spend", 0, 0, "", false, "Topic of sales and marketing spend; empty: none.") \
	X(STRING, const char *, topic_fx_rate, "topics.fx_rate", "fin.fx_rate", 0, 0, "", false, "Topic of exchange rates; empty: none.") \
	X(STRING, const char *, topic_interaction, "topics.interaction", "crm.interaction", 0, 0, "", false, "Topic of messages, meetings and follow-ups; empty: none.") \
	X(STRING, const char *, topic_visit, "topics.visit", "field.visit", 0, 0, "", false, "Topic of field visits; empty: none.") \
	X(STRING, const char *, topic_agent_state, "topics.agent_state", "crm.agent_state", 0, 0, "", false, "Topic of what call agents are doing; empty: none.") \
	X(STRING, const char *, topic_ticket, "topics.ticket", "crm.ticket", 0, 0, "", false, "Topic of support tickets; empty: none.") \
	X(STRING, const char *, topic_latest, "topics.latest", "kpi.latest", 0, 0, "", false, "Output: current values, compacted.") \
	X(STRING, const char *, topic_history, "topics.history", "kpi.history", 0, 0, "", false, "Output: closed periods.") \
	X(STRING, const char *, topic_alerts, "topics.alerts", "kpi.alerts", 0, 0, "", false, "Output: alerts.") \
	X(STRING, const char *, topic_moments, "topics.moments", "kpi.moments", 0, 0, "", false, "Output: moments.") \
	X(STRING, const char *, topic_late, "topics.late", "kpi.late", 0, 0, "", false, "Output: facts beyond the horizon.") \
	X(STRING, const char *, topic_dlq, "topics.dlq", "kpi.dlq", 0, 0, "", false, "Output: events that could not be taken.") \
	X(STRING, const char *, redis_address, "redis.address", "127.0.0.1:6379", 0, 0, "host:port or unix:/path", false, "Redis server.") \
	X(STRING, const char *, redis_password, "redis.password", "", 0, 0, "", true, "Redis password.") \
	X(STRING, const char *, redis_user, "redis.user", "", 0, 0, "", false, "Redis user; empty: default.") \
	X(DURATION, int64_t, redis_timeout_ms, "redis.timeout", "2s", 10, 60000, "ms", false, "Time-out of one Redis call.") \
	X(DURATION, int64_t, checkpoint_interval_ms, "checkpoint.interval", "5s", 10, 3600000, "ms", false, "Time between checkpoints.") \
	X(BYTES, int64_t, checkpoint_segment_bytes, "checkpoint.segment_bytes", "1MiB", 65536, 67108864, "bytes", false, "Greatest segment.") \
	X(DURATION, int64_t, publish_interval_ms, "publish.interval", "250ms", 10, 3600000, "ms", false, "Shortest time between two values of one key.") \
	X(INT, int64_t, publish_budget, "publish.budget", "20000", 100, 10000000, "records/s", false, "Records a second and shard.") \
	X(DURATION, int64_t, publish_restate_ms, "publish.restate", "1m", 10, 3600000, "ms", false, "Corrections of closed periods are gathered this long.") \
	X(DURATION, int64_t, publish_refresh_ms, "publish.refresh", "10m", 1000, 86400000, "ms", false, "Every live key is sent again within this time.") \
	X(CHOICE, const char *, publish_compression, "publish.compression", "lz4", 0, 0, "none|lz4|zstd|gzip|snappy", false, "Compression of outputs.") \
	X(INT, int64_t, entities_max, "limits.entities", "20000000", 1000, 4000000000, "", false, "Entities a shard may hold; at the limit it stops and is not ready.") \
	X(INT, int64_t, groups_max, "limits.groups", "2000000", 100, 100000000, "", false, "Groups a shard may hold.") \
	X(INT, int64_t, cells_max, "limits.cells", "10000000", 1000, 1000000000, "", false, "Cells a shard may hold.") \
	X(BYTES, int64_t, strings_bytes_max, "limits.strings", "4GiB", 1048576, 68719476736, "bytes", false, "Texts a shard may hold: distinct ones that definitions read, and all that they do not.") \
	X(BYTES, int64_t, ledger_bytes_max, "limits.ledger", "4GiB", 1048576, 274877906944, "bytes", false, "Ledger bytes a shard may hold.") \
	X(INT, int64_t, pending_max, "limits.pending", "5000000", 100, 100000000, "", false, "Facts that may wait for their time.") \
	X(INT, int64_t, splits_max, "limits.splits", "64", 1, 4096, "", false, "Splits of a deal; with more of them an event is a dead letter, as with the lists below.") \
	X(INT, int64_t, items_max, "limits.items", "200", 1, 4096, "", false, "Items of a deal.") \
	X(INT, int64_t, memberships_max, "limits.memberships", "64", 1, 4096, "", false, "Memberships of a rep.") \
	X(INT, int64_t, pacing_curve_max, "limits.pacing_curve", "366", 1, 4096, "", false, "Days of a target's pacing curve.") \
	X(INT, int64_t, merged_ids_max, "limits.merged_ids", "64", 1, 4096, "", false, "Records that one event merges into another.") \
	X(INT, int64_t, ext_max, "limits.ext", "128", 1, 4096, "", false, "Fields of the customer's own in an event.") \
	X(BYTES, int64_t, text_bytes_max, "limits.text_bytes", "64KiB", 1024, 67108864, "bytes", false, "Texts of an event together, apart from those that are ASCII and shorter than 64 bytes.") \
	X(INT, int64_t, foreign_values_max, "limits.foreign_values", "8000", 100, 100000000, "", false, "Values in an event's fields that no stream of ours has; they are passed over, and take their time.") \
	X(STRING, const char *, http_address, "http.address", "127.0.0.1:9464", 0, 0, "host:port, empty: none", false, "Where /metrics, /healthz, /readyz and /v1/explain are served.") \
	X(BOOL, bool, http_explain, "http.explain", "true", 0, 0, "", false, "Answer GET /v1/explain, which names records and their amounts: false where others than yours reach the port.") \
	X(INT, int64_t, http_clients_max, "http.clients", "64", 1, 4096, "", false, "HTTP clients at once.") \
	X(STRING, const char *, zone, "zone", "Asia/Jakarta", 0, 0, "tz name", false, "Time zone of tenants that are not named under `tenants`.") \
	X(STRING, const char *, workdays, "workdays", "", 0, 0, "path", false, "File of working days and holidays (deploy/workdays-id.yaml), over which targets are spread; empty: every day is one.") \
	X(STRING, const char *, currency, "currency", "IDR", 0, 0, "ISO 4217", false, "Reporting currency of tenants that are not named under `tenants`: money in another one is converted at the rates of topics.fx_rate.") \
	X(DURATION, int64_t, fx_max_age_ms, "fx.max_age", "7d", 60000, 31622400000, "ms", false, "An exchange rate that is older at the time of a deal converts nothing: FX_MISSING.") \
	X(INT, int64_t, week_start, "week_start", "1", 1, 7, "1 = Monday", false, "First day of the week of tenants that are not named.") \
	X(INT, int64_t, fiscal_start, "fiscal_start", "1", 1, 12, "month", false, "First month of the fiscal year of tenants that are not named.") \
	X(CHOICE, const char *, log_level, "log.level", "info", 0, 0, "error|warn|info|debug", false, "Least severe line that is logged.")

struct settings_property {   /* of librdkafka */
	const char *name, *value;
	bool hidden;         /* never printed: its name says that it is a secret, or the value came from file: or env: */
};

struct settings {
#define SETTINGS_MEMBER(type, c_type, member, name, dflt, min, max, unit, secret, sentence) c_type member;
	SETTINGS_TABLE(SETTINGS_MEMBER)
#undef SETTINGS_MEMBER
	/* Any kafka.<property of librdkafka> that is not in the table (`kafka.properties.<property>` says the same); later ones win. */
	struct settings_property *kafka_properties;
	size_t kafka_property_count;
	/* From zone, currency, week_start, fiscal_start, calendar_changes and `tenants: {id: {…, the same}}`. */
	struct tenant_book tenants;
	void *owned;                  /* memory of all the above */
};

/*
 * Loads: defaults, then `path` (NULL: none; "" is refused), then the environment, then `flags` ("--name=value" or "--name value"; those it
 * knows are taken out of *argc/argv; argc may be NULL). 0: `ret_message` holds warnings, if any; or 1: a mistake, said in `ret_message`
 * with file:line:column, caret and nearest name.
 */
int settings_load(const char *path, int *argc, char **argv, struct settings **ret, struct buffer *ret_message);
void settings_free(struct settings *);
/* The input topic of an entity type; "": its stream is not read. */
const char *settings_topic(const struct settings *, enum entity_type);
/* Is this argument ("--name", "--name=value") a setting? *ret_separate: its value is the argument `next` (which may be NULL). */
bool settings_take_flag(const char *argument, const char *next, bool *ret_separate);
/* The setting whose name is nearest; NULL when none is near. Borrowed, valid until the thread's next call. */
const char *settings_nearest(struct slice name);
/* The table for --help (`markdown`: for the README). Secrets show no value. */
void settings_print_help(struct buffer *, bool markdown);
/* The values in force and where each comes from, secrets as "***". */
void settings_print(const struct settings *, struct buffer *);

#endif
