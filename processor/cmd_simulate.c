/*
 * simulate: the events of the seeded sales floor, to Kafka or to files. Live, it makes a history up to now at full speed and then
 * goes on with the clock on the wall.
 */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/err.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "command.h"
#include "edge/avro_file.h"
#include "edge/codec.h"
#include "edge/event_json.h"
#include "edge/kafka_admin.h"
#include "edge/kafka_config.h"
#include "edge/simulator.h"
#include "edge/wall.h"
#include "options.h"

#define DAY_MS INT64_C(86400000)

static volatile sig_atomic_t stopped;

struct flags {
	int64_t seed, from_ms, to_ms, tenants, reps, events, rate, history_ms;
	double late, duplicates, corrections, foreign, speed, leads;
	const char *brokers, *out, *format;
	bool live;
};

struct output {
	const struct settings *settings;
	const char *topics[ENTITY_TYPE_COUNT];
	rd_kafka_t *kafka;           /* NULL: files */
	const char *folder;
	bool as_json;
	FILE *json[ENTITY_TYPE_COUNT];
	struct avro_file_writer *avro[ENTITY_TYPE_COUNT];
	struct buffer bytes;
	uint64_t count, failed;
};

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

/* ---- outputs -------------------------------------------------------------------------------------------- */

static void find_topics(struct output *o)
{
	for (int type = 0; type < ENTITY_TYPE_COUNT; type++)
		o->topics[type] = settings_topic(o->settings, (enum entity_type)type);
}

static void on_delivery(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *opaque)
{
	struct output *o = opaque;

	(void)kafka;
	o->failed += message->err != 0;
}

/* 0, or 1 with what is wrong said. */
static int open_kafka(struct output *o)
{
	const char *inputs[ENTITY_TYPE_COUNT];
	int32_t partitions[ENTITY_TYPE_COUNT];
	size_t count = 0;
	char error[256] = "";
	rd_kafka_conf_t *conf;

	for (int i = 0; i < ENTITY_TYPE_COUNT; i++)
		if (o->topics[i] && *o->topics[i])
			inputs[count++] = o->topics[i];
	if (kafka_admin_prepare(o->settings, inputs, count, NULL, 15000, partitions)) {
		fprintf(stderr, "salespulse simulate: %s\n", err_message());
		return 1;
	}
	conf = kafka_config_producer(o->settings);
	if (!conf) {
		fprintf(stderr, "salespulse simulate: %s\n", err_message());
		return 1;
	}
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_opaque(conf, o);
	rd_kafka_conf_set(conf, "partitioner", "murmur2_random", NULL, 0);
	o->kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (!o->kafka) {
		rd_kafka_conf_destroy(conf);
		fprintf(stderr, "salespulse simulate: %s\n", error);
		return 1;
	}
	return 0;
}

static int send_event(struct output *o, const struct event *e)
{
	rd_kafka_resp_err_t error;

	buffer_reset(&o->bytes);
	codec_encode_event(e, &o->bytes);
	do {
		error = rd_kafka_producev(o->kafka, RD_KAFKA_V_TOPIC(o->topics[e->type]), RD_KAFKA_V_KEY(e->tenant_id.at, e->tenant_id.len),
			RD_KAFKA_V_VALUE(o->bytes.data, o->bytes.len), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
		rd_kafka_poll(o->kafka, error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
	} while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL && !stopped);
	if (!error)
		return 0;
	fprintf(stderr, "salespulse simulate: %s: %s\n", o->topics[e->type], rd_kafka_err2str(error));
	return 1;
}

static int write_event(struct output *o, const struct event *e)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s.%s", o->folder, model_table[e->type].name, o->as_json ? "jsonl" : "avro");
	if (o->as_json) {
		if (!o->json[e->type])
			o->json[e->type] = fopen(path, "w");
		if (!o->json[e->type]) {
			fprintf(stderr, "salespulse simulate: %s: %s\n", path, strerror(errno));
			return 1;
		}
		buffer_reset(&o->bytes);
		event_json_write(e, &o->bytes);
		return fwrite(o->bytes.data, 1, o->bytes.len, o->json[e->type]) != o->bytes.len;
	}
	if (!o->avro[e->type])
		o->avro[e->type] = avro_file_create(path, e->type);
	if (!o->avro[e->type] || avro_file_write(o->avro[e->type], e)) {
		fprintf(stderr, "salespulse simulate: %s\n", err_message());
		return 1;
	}
	return 0;
}

static int put(struct output *o, const struct event *e)
{
	if (!o->topics[e->type] || !*o->topics[e->type])
		return 0; /* a stream that this job does without */
	o->count++;
	return o->kafka ? send_event(o, e) : write_event(o, e);
}

static int close_output(struct output *o)
{
	int status = 0;

	if (o->kafka) {
		if (rd_kafka_flush(o->kafka, 60000) || o->failed) {
			fprintf(stderr, "salespulse simulate: %llu events were not delivered\n",
				(unsigned long long)o->failed + (unsigned long long)rd_kafka_outq_len(o->kafka));
			status = 1;
		}
		rd_kafka_destroy(o->kafka);
	}
	for (int i = 0; i < ENTITY_TYPE_COUNT; i++) {
		if (o->json[i] && fclose(o->json[i]))
			status = 1;
		if (o->avro[i] && avro_file_finish(o->avro[i]))
			status = 1;
	}
	buffer_deinit(&o->bytes);
	return status;
}

/* ---- live ----------------------------------------------------------------------------------------------- */

/*
 * Simulated time <-> wall time. Until `base_ms` (now, at the start) they differ by `shift_ms`, so that the floor is open whatever
 * the time of day; from there on simulated time runs `speed` times as fast.
 */
struct pace {
	int64_t base_ms, shift_ms;
	double speed;
};

static int64_t to_wall(const struct pace *p, int64_t sim_ms)
{
	int64_t ms = sim_ms - p->shift_ms;

	return ms <= p->base_ms ? ms : p->base_ms + (int64_t)((double)(ms - p->base_ms) / p->speed);
}

static void move_event(const struct pace *p, struct event *e)
{
	const struct model_entity *model = &model_table[e->type];

	e->occurred_at_ms = to_wall(p, e->occurred_at_ms);
	e->ingested_at_ms = to_wall(p, e->ingested_at_ms);
	for (size_t i = 0; i < model->field_count; i++)
		if (model->fields[i].type == VALUE_TIME && !e->fields[i].is_null)
			e->fields[i].i = to_wall(p, e->fields[i].i);
}

static void sleep_until(struct wall *wall, int64_t wall_ms)
{
	while (!stopped && wall_now_ms(wall) < wall_ms) {
		int64_t left_ms = wall_ms - wall_now_ms(wall);
		struct timespec t = { .tv_nsec = (long)(left_ms > 200 ? 200 : left_ms) * 1000000 };

		nanosleep(&t, NULL);
	}
}

/* The first hour ahead of now in which offices are open for a while. */
static int64_t open_shift(const struct simulator_settings *s, int64_t now_ms)
{
	struct simulator *sim = simulator_new(s);
	int64_t shift_ms = 0;

	while (shift_ms < 7 * DAY_MS && !(simulator_is_open(sim, now_ms + shift_ms) && simulator_is_open(sim, now_ms + shift_ms + 7200000) &&
						simulator_is_open(sim, now_ms + shift_ms - 3600000)))
		shift_ms += 3600000;
	simulator_free(sim);
	return shift_ms;
}

/* ---- running -------------------------------------------------------------------------------------------- */

static int run_live(const struct flags *f, struct simulator_settings *s, struct output *o)
{
	struct wall wall = { .ops = &wall_real };
	struct pace pace = { .base_ms = wall_now_ms(&wall), .speed = f->speed };
	struct arena arena;
	struct simulator *sim;
	struct event e;
	int status = 0;

	s->from_ms = pace.base_ms - f->history_ms;
	s->to_ms = pace.base_ms + 365 * DAY_MS;
	pace.shift_ms = open_shift(s, pace.base_ms);
	s->from_ms += pace.shift_ms;
	s->to_ms += pace.shift_ms;
	sim = simulator_new(s);
	arena_init(&arena, 0);
	while (!stopped && !status && simulator_next(sim, &arena, &e)) {
		move_event(&pace, &e);
		if (o->kafka && e.ingested_at_ms > wall_now_ms(&wall))
			rd_kafka_poll(o->kafka, 0);
		sleep_until(&wall, e.ingested_at_ms);
		if (!stopped)
			status = put(o, &e);
		arena_reset(&arena);
	}
	arena_deinit(&arena);
	simulator_free(sim);
	return status;
}

static int run_history(const struct flags *f, struct simulator_settings *s, struct output *o)
{
	struct wall wall = { .ops = &wall_real };
	int64_t begun_ms = wall_monotone_ms(&wall);
	struct arena arena;
	struct simulator *sim;
	struct event e;
	int status = 0;

	if (f->events && f->leads <= 0)
		s->leads_per_rep_day = simulator_density_for(s, (uint64_t)f->events);
	sim = simulator_new(s);
	arena_init(&arena, 0);
	while (!stopped && !status && simulator_next(sim, &arena, &e)) {
		if (f->events && o->count >= (uint64_t)f->events)
			break;
		status = put(o, &e);
		arena_reset(&arena);
		while (f->rate && !stopped && (int64_t)o->count * 1000 > (wall_monotone_ms(&wall) - begun_ms + 10) * f->rate)
			sleep_until(&wall, wall_now_ms(&wall) + 10);
	}
	arena_deinit(&arena);
	simulator_free(sim);
	return status;
}

static int take_flags(struct flags *f, struct settings **settings, int *argc, char **argv)
{
	const struct option_row rows[] = {
		{ "seed", "N", "The same seed and settings make the same events (1).", OPTION_INT, &f->seed, 0, INT64_MAX },
		{ "from", "TIME", "When it begins (2026-01-01T00:00:00Z).", OPTION_TIME, &f->from_ms, 0, 0 },
		{ "to", "TIME", "When it ends (90 days later).", OPTION_TIME, &f->to_ms, 0, 0 },
		{ "tenants", "N", "Companies (3).", OPTION_INT, &f->tenants, 1, SIMULATOR_TENANTS_MAX },
		{ "reps", "N", "Reps of each company (12).", OPTION_INT, &f->reps, 2, SIMULATOR_REPS_MAX },
		{ "leads", "N", "Leads of each rep and working day (4).", OPTION_DECIMAL, &f->leads, 0, 0 },
		{ "events", "N", "Make about so many events between --from and --to, and not more.", OPTION_INT, &f->events, 0, INT64_C(1000000000) },
		{ "late", "SHARE", "Events that come minutes to days late (0.01).", OPTION_DECIMAL, &f->late, 0, 1 },
		{ "duplicates", "SHARE", "Events that come twice (0.01).", OPTION_DECIMAL, &f->duplicates, 0, 1 },
		{ "corrections", "SHARE", "Records that are corrected later (0.03).", OPTION_DECIMAL, &f->corrections, 0, 1 },
		{ "foreign", "SHARE", "Opportunities and deals in dollars (0).", OPTION_DECIMAL, &f->foreign, 0, 1 },
		{ "rate", "N", "Events a second; 0: as fast as it goes (0).", OPTION_INT, &f->rate, 0, INT64_C(100000000) },
		{ "brokers", "HOST:PORT", "Send to Kafka there (kafka.brokers).", OPTION_TEXT, &f->brokers, 0, 0 },
		{ "out", "DIR", "Write files there instead, one per stream.", OPTION_TEXT, &f->out, 0, 0 },
		{ "format", "avro|jsonl", "Of the files (avro).", OPTION_CHOICE, &f->format, 0, 0 },
		{ "live", NULL, "A history up to now, then on with the clock on the wall, until it is stopped.", OPTION_SET, &f->live, 0, 0 },
		{ "history", "DURATION", "With --live: how far back it begins (40d).", OPTION_DURATION, &f->history_ms, 0, 400 * DAY_MS },
		{ "speed", "N", "With --live: how much faster than the clock the floor works (1).", OPTION_DECIMAL, &f->speed, 1, 100000 },
	};
	const struct options options = {
		.usage = "salespulse simulate [OPTIONS]",
		.summary = "Makes the events of a believable Indonesian sales floor, with the corrections, duplicates and late events of\n"
			   "real ones, and sends them to Kafka (keyed by tenant, bare Avro) or writes them to files.",
		.rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]), .settings = settings,
	};

	return options_parse(&options, argc, argv);
}

static int simulate(const struct flags *f, struct settings *settings)
{
	struct simulator_settings s = { .seed = (uint64_t)f->seed, .from_ms = f->from_ms,
		.to_ms = f->to_ms ? f->to_ms : f->from_ms + 90 * DAY_MS, .tenants = (uint32_t)f->tenants, .reps = (uint32_t)f->reps,
		.leads_per_rep_day = f->leads > 0 ? f->leads : 4, .late = f->late, .duplicates = f->duplicates, .corrections = f->corrections, .foreign = f->foreign,
		.book = &settings->tenants };
	struct output o = { .settings = settings, .folder = f->out, .as_json = !strcmp(f->format, "jsonl") };
	int status;

	if (s.from_ms >= s.to_ms) {
		fprintf(stderr, "salespulse simulate: --to is not later than --from\n");
		return 2;
	}
	find_topics(&o);
	if (f->out && mkdir(f->out, 0777) && errno != EEXIST) {
		fprintf(stderr, "salespulse simulate: %s: %s\n", f->out, strerror(errno));
		return 1;
	}
	if (!f->out && open_kafka(&o))
		return 1;
	status = f->live ? run_live(f, &s, &o) : run_history(f, &s, &o);
	status |= close_output(&o);
	fprintf(stderr, "simulate: %llu events\n", (unsigned long long)o.count);
	return status;
}

int cmd_simulate(int argc, char **argv)
{
	struct flags f = { .seed = 1, .from_ms = INT64_C(1767225600000), .tenants = 3, .reps = 12, .late = 0.01, .duplicates = 0.01,
		.corrections = 0.03, .format = "avro", .history_ms = 40 * DAY_MS, .speed = 1 };
	struct settings *settings;
	const char *brokers;
	int answer = take_flags(&f, &settings, &argc, argv);

	if (answer != OPTIONS_GO_ON)
		return answer == OPTIONS_HELP ? 0 : 2;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	brokers = settings->kafka_brokers;
	if (f.brokers)
		settings->kafka_brokers = f.brokers;
	answer = simulate(&f, settings);
	settings->kafka_brokers = brokers; /* owned by the settings */
	settings_free(settings);
	return answer;
}
