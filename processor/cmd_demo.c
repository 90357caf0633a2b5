/*
 * demo: the whole on one machine with nothing to set up: a broker (librdkafka's built-in cluster on a real port, or Apache Kafka), a private
 * Redis on a Unix socket, the sales floor and the processor as processes of their own, and the board in front. What it
 * starts dies with it, and its folder goes.
 */
#include <errno.h>
#include <ftw.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "command.h"
#include "options.h"

enum { CHILDREN_MAX = 4, ARGUMENTS_MAX = 24, PARTITIONS = 2, END_WAIT_MS = 4000 };

static volatile sig_atomic_t stopped;

struct child {
	const char *name;
	pid_t pid;
};

struct demo {
	char folder[PATH_MAX - 256];
	char program[PATH_MAX];
	char brokers[512];
	char redis[PATH_MAX];
	struct child children[CHILDREN_MAX];
	size_t child_count;
	rd_kafka_t *kafka;           /* owns the built-in cluster */
	rd_kafka_mock_cluster_t *cluster;
	bool is_apache;
};

static void on_signal(int number)
{
	(void)number;
	stopped = 1;
}

static void pause_ms(long ms)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

/* ---- children ------------------------------------------------------------------------------------------- */

/* Its output goes to FOLDER/NAME.log. A group of its own: Ctrl-C is ours to pass on. */
static int start_child(struct demo *d, const char *name, const char *const *arguments)
{
	char path[PATH_MAX];
	pid_t parent = getpid(), pid;

	snprintf(path, sizeof(path), "%s/%s.log", d->folder, name);
	pid = fork();
	if (pid < 0)
		return err_raise(-errno, "fork: %s", strerror(errno));
	if (pid == 0) {
		FILE *log = freopen(path, "a", stdout);

		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!log || getppid() != parent || !freopen("/dev/null", "r", stdin) || dup2(STDOUT_FILENO, STDERR_FILENO) < 0)
			_exit(126);
		execvp(arguments[0], (char *const *)(uintptr_t)arguments);
		fprintf(stderr, "%s: %s\n", arguments[0], strerror(errno));
		_exit(127);
	}
	d->children[d->child_count++] = (struct child){ name, pid };
	return 0;
}

/* The name of a child that has ended, or NULL. */
static const char *ended_child(struct demo *d)
{
	for (size_t i = 0; i < d->child_count; i++)
		if (d->children[i].pid && waitpid(d->children[i].pid, NULL, WNOHANG) == d->children[i].pid) {
			d->children[i].pid = 0;
			return d->children[i].name;
		}
	return NULL;
}

static bool some_live(struct demo *d)
{
	bool live = false;

	ended_child(d);
	for (size_t i = 0; i < d->child_count; i++)
		live |= d->children[i].pid != 0;
	return live;
}

static void signal_children(struct demo *d, int number)
{
	for (size_t i = d->child_count; i > 0; i--)
		if (d->children[i - 1].pid)
			kill(d->children[i - 1].pid, number);
}

static void end_children(struct demo *d)
{
	signal_children(d, SIGTERM);
	for (int waited = 0; some_live(d) && waited < END_WAIT_MS; waited += 20)
		pause_ms(20);
	signal_children(d, SIGKILL);
	while (some_live(d))
		pause_ms(10);
}

static void show_log(const struct demo *d, const char *name)
{
	char path[PATH_MAX], line[512];
	FILE *log;

	snprintf(path, sizeof(path), "%s/%s.log", d->folder, name);
	log = fopen(path, "r");
	fprintf(stderr, "salespulse demo: %s ended; its log:\n", name);
	while (log && fgets(line, sizeof(line), log))
		fprintf(stderr, "  %s", line);
	if (log)
		fclose(log);
}

/* ---- the parts ------------------------------------------------------------------------------------------ */

static int start_embedded(struct demo *d)
{
	static const char *const topics[] = { "crm.lead", "crm.opportunity", "crm.deal", "crm.call", "crm.rep", "crm.account", "kpi.latest",
		"kpi.history", "kpi.alerts", "kpi.moments", "kpi.late", "kpi.dlq" };
	char error[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	rd_kafka_conf_set(conf, "log_level", "3", NULL, 0);
	d->kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (!d->kafka)
		return err_raise(-ENOMEM, "%s", error);
	d->cluster = rd_kafka_mock_cluster_new(d->kafka, 1);
	if (!d->cluster)
		return err_raise(-ENOMEM, "the embedded broker did not start");
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
		rd_kafka_mock_topic_create(d->cluster, topics[i], PARTITIONS, 1);
	snprintf(d->brokers, sizeof(d->brokers), "%s", rd_kafka_mock_cluster_bootstraps(d->cluster));
	return 0;
}

/* deploy/kafka.sh beside the program's checkout, or $SALESPULSE_KAFKA_SCRIPT. */
static void kafka_command(const struct demo *d, const char *verb, char *ret, size_t cap)
{
	const char *script = getenv("SALESPULSE_KAFKA_SCRIPT");

	snprintf(ret, cap, "'%s' %s '%s/kafka' 2>&1", script && *script ? script : "tests/system/kafka.sh", verb, d->folder);
}

static int start_apache(struct demo *d)
{
	char command[PATH_MAX * 2], line[512] = "";
	FILE *pipe;

	kafka_command(d, "start", command, sizeof(command));
	fprintf(stderr, "demo: starting Apache Kafka …\n");
	pipe = popen(command, "r");
	while (pipe && fgets(line, sizeof(line), pipe))
		;
	if (!pipe || pclose(pipe))
		return err_raise(-EIO, "Apache Kafka did not start: %s", line);
	line[strcspn(line, "\n")] = '\0';
	snprintf(d->brokers, sizeof(d->brokers), "%s", line);
	d->is_apache = true;
	return 0;
}

static int start_redis(struct demo *d)
{
	const char *const arguments[] = { "redis-server", "--port", "0", "--unixsocket", d->redis, "--dir", d->folder, "--save", "",
		"--appendonly", "no", "--maxmemory-policy", "noeviction", NULL };
	struct stat status;
	int e = start_child(d, "redis", arguments);

	for (int i = 0; !e && i < 500; i++) {
		if (!stat(d->redis, &status))
			return 0;
		if (ended_child(d)) {
			show_log(d, "redis");
			return err_raise(-ENOENT, "redis-server did not start; on Debian: apt install redis-server");
		}
		pause_ms(10);
	}
	return e ? e : err_raise(-ETIMEDOUT, "redis-server did not answer");
}

static int start_floor(struct demo *d)
{
	char brokers[544], redis[PATH_MAX + 32];
	const char *const simulate[] = { d->program, "simulate", "--live", "--tenants", "2", "--reps", "8", "--leads", "4", "--history", "14d",
		"--speed", "120", brokers, "--publish.compression=none", NULL };
	const char *const run[] = { d->program, "run", brokers, redis, "--http.address=127.0.0.1:0", "--job=demo", "--checkpoint.interval=2s",
		"--kafka.session_timeout=10s", NULL };
	int e;

	snprintf(brokers, sizeof(brokers), "--kafka.brokers=%s", d->brokers);
	snprintf(redis, sizeof(redis), "--redis.address=unix:%s", d->redis);
	e = start_child(d, "simulate", simulate);
	return e ? err_pass(e) : err_pass(start_child(d, "run", run));
}

/* ---- the board ------------------------------------------------------------------------------------------ */

static int show_board(struct demo *d, bool once)
{
	char brokers[544];
	char *arguments[] = { (char *)(uintptr_t)"top", brokers, once ? (char *)(uintptr_t)"--once" : NULL, NULL };

	snprintf(brokers, sizeof(brokers), "--kafka.brokers=%s", d->brokers);
	fflush(stdout);
	return cmd_top(once ? 3 : 2, arguments);
}

static int watch(struct demo *d, int64_t seconds)
{
	const char *ended;

	for (int64_t ms = 0; ms < seconds * 1000 && !stopped; ms += 100) {
		pause_ms(100);
		ended = ended_child(d);
		if (!ended)
			continue;
		show_log(d, ended);
		return 1;
	}
	return stopped ? 0 : show_board(d, true);
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *ftw)
{
	(void)status;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void clean_up(struct demo *d)
{
	char command[PATH_MAX * 2];

	end_children(d);
	if (d->is_apache) {
		kafka_command(d, "kill", command, sizeof(command));
		if (system(command))
			fprintf(stderr, "demo: Apache Kafka did not end\n");
	}
	if (d->cluster)
		rd_kafka_mock_cluster_destroy(d->cluster);
	if (d->kafka)
		rd_kafka_destroy(d->kafka);
	nftw(d->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int prepare(struct demo *d)
{
	const char *base = getenv("TMPDIR");
	ssize_t length = readlink("/proc/self/exe", d->program, sizeof(d->program) - 1);

	snprintf(d->folder, sizeof(d->folder), "%s/salespulse-demo-XXXXXX", base && *base ? base : "/tmp");
	if (length <= 0 || !mkdtemp(d->folder))
		return err_raise(-errno, "%s: %s", d->folder, strerror(errno));
	d->program[length] = '\0';
	snprintf(d->redis, sizeof(d->redis), "%s/redis.sock", d->folder);
	return 0;
}

static int demo(struct demo *d, bool apache, bool has_terminal, int64_t seconds)
{
	int e = apache ? start_apache(d) : start_embedded(d);

	if (!e)
		e = start_redis(d);
	if (!e)
		e = start_floor(d);
	if (e) {
		fprintf(stderr, "salespulse demo: %s\n", err_message());
		return 1;
	}
	return has_terminal ? show_board(d, false) : watch(d, seconds);
}

int cmd_demo(int argc, char **argv)
{
	const char *kafka = "embedded";
	int64_t seconds = 20;
	const struct option_row rows[] = {
		{ "kafka", "embedded|apache", "The broker (embedded).", OPTION_CHOICE, &kafka, 0, 0 },
		{ "seconds", "N", "Without a terminal: how long it runs before it prints the table (20).", OPTION_INT, &seconds, 1, 86400 },
	};
	const struct options options = {
		.usage = "salespulse demo [OPTIONS]",
		.summary = "A broker, a Redis, a sales floor, the processor, and the board in the terminal. q or Ctrl-C ends all of it.",
		.rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]),
	};
	struct sigaction action = { .sa_handler = on_signal };
	struct demo *d;
	int answer = options_parse(&options, &argc, argv);

	if (answer != OPTIONS_GO_ON)
		return answer == OPTIONS_HELP ? 0 : 2;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	d = x_calloc(1, sizeof(*d));
	answer = prepare(d);
	if (answer)
		fprintf(stderr, "salespulse demo: %s\n", err_message());
	else
		answer = demo(d, !strcmp(kafka, "apache"), isatty(STDIN_FILENO) && isatty(STDOUT_FILENO), seconds);
	clean_up(d);
	free(d);
	return answer ? 1 : 0;
}
