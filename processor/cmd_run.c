/*
 * cmd_run: the processor in production: the seams over Kafka, Redis and the machine's clocks, one pipeline over them, and
 * its state over HTTP. A broker or a Redis that is not there is waited for; settings and definitions that are wrong are
 * refused before anything is touched.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/err.h"
#include "base/log.h"
#include "base/xalloc.h"
#include "command.h"
#include "edge/definition_file.h"
#include "edge/http.h"
#include "edge/kafka_admin.h"
#include "edge/schema_store.h"
#include "edge/sink_kafka.h"
#include "edge/source_kafka.h"
#include "edge/storage_redis.h"
#include "options.h"
#include "pipeline.h"
#include "version.h"

enum {
	EXIT_WRONG = 2,
	TURN_WAIT_MS = 50,
	STATUS_EVERY_MS = 1000,
	STATUS_UNREADY_MS = 50, /* whoever waits for us to be ready waits no second longer */
	PREPARE_TIMEOUT_MS = 3000,
	PREPARE_RETRY_FIRST_MS = 250,
	PREPARE_RETRY_MAX_MS = 5000,
	END_MS_MAX = 20000,
	QUESTIONS_MAX = 16,
	QUESTION_PATIENCE_MS = 10000,
	EXIT_INTERRUPTED = 130,
};

struct run {
	struct settings *settings;
	struct plan *plan,
		*next_plan; /* in use; given to the pipeline and not yet in use, or NULL */
	struct schema_store *schemas;
	struct http *http;
	const char *topics[ENTITY_TYPE_COUNT];
	enum entity_type topic_types[ENTITY_TYPE_COUNT];
	int32_t partition_counts[ENTITY_TYPE_COUNT];
	uint16_t topic_count;
	char lock_topic[256]; /* single mode; "" */
	struct wall wall;
	struct storage *storage;
	struct checkpoint_writer *writer;
	struct source *source;
	struct sink *sink;
	struct pipeline *pipeline;
};

static volatile sig_atomic_t signal_count, hangup_count;

/* The first one ends in order; whoever asks twice wants it at once. */
static void on_signal(int number)
{
	(void)number;
	if (++signal_count > 1)
		_exit(EXIT_INTERRUPTED);
}

static void on_hangup(int number)
{
	(void)number;
	hangup_count = 1;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	action.sa_handler = on_hangup;
	sigaction(SIGHUP, &action, NULL);
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
}

/* ---- what has to be right before anything is touched ----------------------------------------------------- */

static void set_log_level(const char *name)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			log_set_level((enum log_level)i);
}

/* The input topics; one that several entity types share is read once, and its frames say what a record is. */
static void choose_topics(struct run *run)
{
	const struct settings *settings = run->settings;

	for (int type = 0; type < ENTITY_TYPE_COUNT; type++) {
		const char *name = settings_topic(settings, (enum entity_type)type);
		bool is_known = name[0] == '\0';

		for (uint16_t i = 0; i < run->topic_count; i++)
			is_known |= strcmp(run->topics[i], name) == 0;
		if (is_known)
			continue;
		run->topics[run->topic_count] = name;
		run->topic_types[run->topic_count++] = (enum entity_type)type;
	}
	if (strcmp(settings->sharding, "single") != 0)
		return;
	if (settings->lock_topic[0] != '\0')
		snprintf(run->lock_topic, sizeof(run->lock_topic), "%s", settings->lock_topic);
	else
		snprintf(run->lock_topic, sizeof(run->lock_topic), "%s.lock", settings->job);
}

static int prepare_files(struct run *run)
{
	_cleanup_buffer_ struct buffer explanation = { 0 };

	if (definition_file_plan(run->settings->definitions, &run->plan, &explanation) != 0) {
		fprintf(stderr, "%s", buffer_text(&explanation));
		return EXIT_WRONG;
	}
	run->schemas = schema_store_new(run->settings->schemas);
	if (run->schemas == NULL) {
		fprintf(stderr, "salespulse run: %s\n", err_message());
		return EXIT_WRONG;
	}
	choose_topics(run);
	if (run->topic_count == 0) {
		fprintf(stderr, "salespulse run: no input topic is set (topics.*)\n");
		return EXIT_WRONG;
	}
	if (run->settings->http_address[0] != '\0') {
		const struct http_settings http = {
			.address = run->settings->http_address,
			.clients_max = (uint32_t)run->settings->http_clients_max,
			.answers_questions = run->settings->http_explain,
			.questions_max = QUESTIONS_MAX,
			.patience_ms = QUESTION_PATIENCE_MS,
		};

		run->http = http_new(&http);
		if (run->http == NULL) {
			fprintf(stderr, "salespulse run: %s\n", err_message());
			return EXIT_WRONG;
		}
	}
	return 0;
}

/* ---- waiting for the brokers ----------------------------------------------------------------------------- */

static void say_waiting(struct run *run, const char *what, int64_t waited_ms)
{
	_cleanup_buffer_ struct buffer text = { 0 }, metrics = { 0 };
	const struct counters none = { 0 };

	if (run->http == NULL)
		return;
	buffer_printf(&text, "not ready: %s (for %.0f s)\n", what, (double)waited_ms / 1000);
	counters_print_metrics(&none, &metrics);
	http_publish(run->http, buffer_slice(&metrics), false, buffer_slice(&text));
}

/* 0: the topics are as they must be; 1: a signal came; 2: they can't be. */
static int prepare_topics(struct run *run)
{
	int64_t since_ms = wall_monotone_ms(&run->wall), say_at_ms = 0,
		pause_ms = PREPARE_RETRY_FIRST_MS;

	for (;;) {
		int code = kafka_admin_prepare(run->settings, run->topics, run->topic_count,
			run->lock_topic[0] != '\0' ? run->lock_topic : NULL, PREPARE_TIMEOUT_MS,
			run->partition_counts);
		int64_t waited_ms = wall_monotone_ms(&run->wall) - since_ms;

		if (code == 0)
			return 0;
		if (code != -EAGAIN) {
			fprintf(stderr, "salespulse run: %s\n", err_message());
			return EXIT_WRONG;
		}
		say_waiting(run, err_message(), waited_ms);
		if (waited_ms >= say_at_ms) {
			log_warn("event=broker_waits waited_ms=%" PRId64 " detail=\"%s\"",
				waited_ms, err_message());
			say_at_ms = waited_ms * 2 + PREPARE_RETRY_MAX_MS;
		}
		for (int64_t paused_ms = 0; paused_ms < pause_ms && signal_count == 0;
			paused_ms += TURN_WAIT_MS)
			usleep(TURN_WAIT_MS * 1000);
		if (signal_count > 0)
			return 1;
		pause_ms =
			pause_ms * 2 < PREPARE_RETRY_MAX_MS ? pause_ms * 2 : PREPARE_RETRY_MAX_MS;
	}
}

/* ---- the parts ------------------------------------------------------------------------------------------- */

static int open_seams(struct run *run)
{
	const struct source_kafka_settings source = {
		.settings = run->settings,
		.topics = run->topics,
		.topic_count = run->topic_count,
		.partition_counts = run->partition_counts,
		.lock_topic = run->lock_topic[0] != '\0' ? run->lock_topic : NULL,
	};

	run->storage = storage_redis_open(run->settings);
	run->writer = checkpoint_writer_thread(run->storage);
	run->sink = sink_kafka_new(run->settings);
	if (run->sink == NULL)
		return err_pass(-EINVAL);
	run->source = source_kafka_new(&source);
	return run->source == NULL ? err_pass(-EINVAL) : 0;
}

static void make_pipeline(struct run *run)
{
	struct pipeline_settings settings;
	const struct pipeline_seams seams = {
		run->source,
		run->writer,
		run->sink,
		&run->wall,
		run->schemas,
	};
	uint64_t random[2] = { (uint64_t)wall_now_ms(&run->wall), (uint64_t)getpid() };

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		log_warn("event=no_random detail=\"tables are seeded by the clock\"");
	pipeline_settings_from(run->settings, &settings);
	settings.shard.plan = run->plan;
	settings.shard.hash_seed = random[0];
	settings.checkpoint.writer_id = random[1];
	settings.topic_types = run->topic_types;
	for (uint16_t i = 0; i < run->topic_count; i++)
		if (run->partition_counts[i] > settings.partition_count)
			settings.partition_count = run->partition_counts[i];
	run->pipeline = pipeline_new(&settings, &seams);
}

/* ---- other definitions ---------------------------------------------------------------------------------- */

/* SIGHUP: the definitions are read again. A file that is wrong changes nothing and says where. */
static void reload(struct run *run)
{
	const char *file = run->settings->definitions;
	_cleanup_buffer_ struct buffer explanation = { 0 };
	struct plan *plan;

	if (file[0] == '\0') {
		log_info("event=definitions_unchanged detail=\"the built-in ones are in use\"");
		return;
	}
	if (definition_file_plan(file, &plan, &explanation) != 0) {
		log_error("event=definitions_refused file=%s detail=\"those before stay in use\"",
			file);
		fprintf(stderr, "%s", buffer_text(&explanation));
		return;
	}
	if (plan->fingerprint == run->plan->fingerprint) {
		log_info("event=definitions_unchanged file=%s", file);
		plan_free(plan);
		return;
	}
	run->next_plan = plan;
	pipeline_redefine(run->pipeline, plan);
}

static void look_after_definitions(struct run *run)
{
	if (run->next_plan != NULL && pipeline_plan(run->pipeline) == run->next_plan) {
		plan_free(run->plan);
		run->plan = run->next_plan;
		run->next_plan = NULL;
	}
	if (hangup_count == 0 || run->next_plan != NULL)
		return;
	hangup_count = 0;
	reload(run);
}

/* ---- the loop -------------------------------------------------------------------------------------------- */

/* Answers when the next one is due, from now. */
static int64_t publish_status(struct run *run)
{
	_cleanup_buffer_ struct buffer text = { 0 }, metrics = { 0 };
	struct counters counters;

	if (run->http == NULL)
		return STATUS_EVERY_MS;
	bool is_ready = pipeline_status(run->pipeline, &counters, &text);
	counters_print_metrics(&counters, &metrics);
	http_publish(run->http, buffer_slice(&metrics), is_ready, buffer_slice(&text));
	return is_ready ? STATUS_EVERY_MS : STATUS_UNREADY_MS;
}

/* One a turn, so that whoever asks much slows the numbers down only so far. */
static void answer_question(struct run *run)
{
	struct question_queue *queue = http_questions(run->http);
	struct question *question = queue != NULL ? question_next(queue) : NULL;
	_cleanup_buffer_ struct buffer text = { 0 };
	enum question_outcome outcome;

	if (question == NULL)
		return;
	if (pipeline_explain(run->pipeline, question->request, &outcome, &text))
		question_answer(queue, question, outcome, &text);
	else
		question_put_back(queue, question);
}

static int turn(struct run *run, int64_t *status_ms)
{
	int64_t now_ms = wall_monotone_ms(&run->wall);

	if (now_ms >= *status_ms)
		*status_ms = now_ms + publish_status(run);
	look_after_definitions(run);
	answer_question(run);
	return pipeline_turn(run->pipeline, TURN_WAIT_MS);
}

/* Until a signal, then until everything is saved and acknowledged, or the bound is reached. 0, or negative errno. */
static int loop(struct run *run)
{
	int64_t status_ms = INT64_MIN;
	int code = 0;

	while (code == 0 && signal_count == 0)
		code = turn(run, &status_ms);
	if (code != 0)
		return err_pass(code);
	log_info("event=ending detail=\"last checkpoint\"");
	pipeline_end(run->pipeline);
	int64_t until_ms = wall_monotone_ms(&run->wall) + END_MS_MAX;
	while (code == 0 && !pipeline_is_ended(run->pipeline) &&
		wall_monotone_ms(&run->wall) < until_ms)
		code = turn(run, &status_ms);
	if (code != 0)
		return err_pass(code);
	log_info("event=ended complete=%s", pipeline_is_ended(run->pipeline) ? "yes" : "no");
	return 0;
}

/* In the order in which they stand on each other. */
static void close_all(struct run *run)
{
	pipeline_free(run->pipeline);
	if (run->source != NULL)
		run->source->ops->free(run->source);
	checkpoint_writer_free(run->writer);
	if (run->storage != NULL)
		run->storage->ops->free(run->storage);
	if (run->sink != NULL)
		run->sink->ops->free(run->sink);
	http_free(run->http);
	schema_store_free(run->schemas);
	plan_free(run->plan);
	plan_free(run->next_plan);
	settings_free(run->settings);
}

static int work(struct run *run)
{
	int answer = prepare_topics(run);

	if (answer != 0)
		return answer == 1 ? 0 : answer;
	int code = open_seams(run);
	if (code == 0) {
		make_pipeline(run);
		code = loop(run);
	}
	if (code != 0) {
		log_error("event=failed detail=\"%s\" trace=\"%s\"", err_message(), err_trace());
		fprintf(stderr, "salespulse run: %s\n", err_message());
		return code == -EINVAL ? EXIT_WRONG : 1;
	}
	return 0;
}

/* With the port that is really listened on: `:0` asks for any. */
static void say_start(const struct run *run)
{
	const struct settings *settings = run->settings;
	const char *colon = strrchr(settings->http_address, ':');
	char http[300] = "none";

	if (run->http != NULL)
		snprintf(http, sizeof(http), "%.*s:%u",
			colon != NULL ? (int)(colon - settings->http_address) : 0,
			settings->http_address, http_port(run->http));
	log_info("event=start version=%s job=%s brokers=%s redis=%s sharding=%s definitions=%s "
		 "http=%s",
		SALESPULSE_VERSION, settings->job, settings->kafka_brokers, settings->redis_address,
		settings->sharding,
		settings->definitions[0] != '\0' ? settings->definitions : "builtin", http);
}

int cmd_run(int argc, char **argv)
{
	struct run run = { .wall = { .ops = &wall_real } };
	const struct options options = {
		.usage = "salespulse run [--settings FILE] [--NAME=VALUE]…",
		.summary = "Reads events from Kafka, publishes KPIs, keeps checkpoints in Redis. "
			   "SIGTERM or Ctrl-C ends it with a last\n"
			   "checkpoint; a second one at once. SIGHUP reads the definitions again "
			   "and takes "
			   "them up without stopping.",
		.settings = &run.settings,
	};
	int answer = options_parse(&options, &argc, argv);

	if (answer != OPTIONS_GO_ON)
		return answer == OPTIONS_HELP ? 0 : EXIT_WRONG;
	set_log_level(run.settings->log_level);
	catch_signals();
	answer = prepare_files(&run);
	if (answer == 0) {
		say_start(&run);
		answer = work(&run);
	}
	close_all(&run);
	return answer;
}
