/*
 * demo: the whole on one machine with nothing to set up: a broker (librdkafka's built-in cluster on a real port, or Apache Kafka), a
 * private Redis on a Unix socket, the sales floor and the processor as processes of their own, and the board in front.
 *
 * What it starts dies with it: children ask the kernel for a SIGKILL when the demo ends, however it ends; and a guard, a process that
 * does nothing but wait for that end, takes away what a killed demo leaves: its folder, and a broker that is no child of ours.
 */
#include <errno.h>
#include <fcntl.h>
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
#include "core/model.h"
#include "options.h"

enum {
	CHILDREN_MAX = 4,
	PARTITIONS = 2,
	PLAIN_SECONDS = 20,
	END_WAIT_MS = 4000,
	REDIS_WAIT_MS = 5000,
	GUARD_WAIT_MS = 3000,
	LOG_LINES_SHOWN = 20,
	BOARD = CHILDREN_MAX, /* the board's place: it is no part that may not end */
};

static volatile sig_atomic_t stopped;

struct child {
	const char *name;
	pid_t pid; /* 0: has ended */
	int status;
};

struct demo {
	char folder[PATH_MAX - 256];
	char program[PATH_MAX - 256];
	char script[PATH_MAX]; /* starts and ends Apache Kafka */
	char brokers[512];
	char redis[PATH_MAX];
	struct child children[CHILDREN_MAX + 1];
	size_t child_count;
	pid_t guard;
	int guard_pipe;	   /* its other end reads as ended when we end */
	rd_kafka_t *kafka; /* owns the built-in cluster */
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

static void redirect(const char *log_path)
{
	int null = open("/dev/null", O_RDONLY);
	int log = open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (null < 0 || log < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
		dup2(log, STDERR_FILENO) < 0)
		_exit(126);
}

/*
 * A part has a process group of its own, because Ctrl-C is ours to pass on, and its output goes to FOLDER/NAME.log. The board
 * keeps our terminal.
 */
static int start_child(struct demo *d, size_t place, const char *name, const char *const *arguments)
{
	char path[PATH_MAX];
	pid_t parent = getpid(), pid;

	snprintf(path, sizeof(path), "%s/%s.log", d->folder, name);
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		return err_raise(-errno, "fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, place == BOARD ? SIGTERM : SIGKILL);
		if (getppid() != parent)
			_exit(126);
		if (place != BOARD) {
			setpgid(0, 0);
			redirect(path);
		}
		execvp(arguments[0], (char *const *)(uintptr_t)arguments);
		fprintf(stderr, "%s: %s\n", arguments[0], strerror(errno));
		_exit(127);
	}
	d->children[place] = (struct child){ name, pid, 0 };
	return 0;
}

static int start_part(struct demo *d, const char *name, const char *const *arguments)
{
	int e = start_child(d, d->child_count, name, arguments);

	if (!e)
		d->child_count++;
	return e ? err_pass(e) : 0;
}

static bool has_ended(struct child *child)
{
	if (child->pid && waitpid(child->pid, &child->status, WNOHANG) == child->pid)
		child->pid = 0;
	return child->name && !child->pid;
}

/* The name of a part that has ended, though none should; or NULL. */
static const char *ended_part(struct demo *d)
{
	for (size_t i = 0; i < d->child_count; i++)
		if (has_ended(&d->children[i]))
			return d->children[i].name;
	return NULL;
}

static bool some_live(struct demo *d)
{
	bool live = false;

	for (size_t i = 0; i <= CHILDREN_MAX; i++)
		live |= d->children[i].pid && !has_ended(&d->children[i]);
	return live;
}

static void signal_children(struct demo *d, int number)
{
	for (size_t i = 0; i <= CHILDREN_MAX; i++)
		if (d->children[i].pid)
			kill(d->children[i].pid, number);
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

/* The last lines of it: the reason is there. */
static void show_log(const struct demo *d, const char *name)
{
	char path[PATH_MAX], lines[LOG_LINES_SHOWN][512];
	unsigned count = 0;

	snprintf(path, sizeof(path), "%s/%s.log", d->folder, name);
	_cleanup_fclose_ FILE *log = fopen(path, "r");
	while (log && fgets(lines[count % LOG_LINES_SHOWN], sizeof(lines[0]), log))
		count++;
	fprintf(stderr, "salespulse demo: %s has ended; its log says:\n", name);
	for (unsigned i = count > LOG_LINES_SHOWN ? count - LOG_LINES_SHOWN : 0; i < count; i++)
		fprintf(stderr, "  %s", lines[i % LOG_LINES_SHOWN]);
}

/* ---- Apache Kafka ---------------------------------------------------------------------------------------- */

/* Beside the checkout that the program was built in, or that we stand in; $SALESPULSE_KAFKA_SCRIPT comes first. */
static void find_script(struct demo *d)
{
	const char *given = getenv("SALESPULSE_KAFKA_SCRIPT");
	const char *slash = strrchr(d->program, '/');

	if (given && *given) {
		snprintf(d->script, sizeof(d->script), "%s", given);
		return;
	}
	snprintf(d->script, sizeof(d->script), "%.*s/../deploy/kafka.sh", (int)(slash - d->program),
		d->program);
	if (access(d->script, X_OK) != 0)
		snprintf(d->script, sizeof(d->script), "deploy/kafka.sh");
}

/* Runs the script; its last line is in `ret_line`. Answers its status, -1 if it could not be run. */
static int run_script(const struct demo *d, const char *verb, char *ret_line, size_t cap)
{
	char folder[PATH_MAX];
	int ends[2], status = -1;
	pid_t pid;

	snprintf(folder, sizeof(folder), "%s/kafka", d->folder);
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	pid = fork();
	if (pid == 0) {
		const char *const arguments[] = { d->script, verb, folder, NULL };

		setpgid(0, 0);
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		execv(d->script, (char *const *)(uintptr_t)arguments);
		fprintf(stderr, "%s: %s\n", d->script, strerror(errno));
		_exit(127);
	}
	close(ends[1]);
	_cleanup_fclose_ FILE *out = fdopen(ends[0], "r");
	while (pid > 0 && out && fgets(ret_line, (int)cap, out))
		;
	ret_line[strcspn(ret_line, "\n")] = '\0';
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 ? status : -1;
}

static int start_apache(struct demo *d)
{
	char line[512] = "";

	fprintf(stderr, "salespulse demo: starting Apache Kafka …\n");
	d->is_apache = true;
	if (run_script(d, "start", line, sizeof(line)) != 0)
		return err_raise(-EIO, "Apache Kafka did not start: %s", line);
	snprintf(d->brokers, sizeof(d->brokers), "%s", line);
	return 0;
}

/* ---- the parts ------------------------------------------------------------------------------------------ */

static int start_embedded(struct demo *d)
{
	static const char *const outputs[] = { "kpi.latest", "kpi.history", "kpi.alerts",
		"kpi.moments", "kpi.late", "kpi.dlq" };
	char error[256];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	rd_kafka_conf_set(conf, "log_level", "3", NULL, 0);
	d->kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (!d->kafka)
		return err_raise(-ENOMEM, "%s", error);
	d->cluster = rd_kafka_mock_cluster_new(d->kafka, 1);
	if (!d->cluster)
		return err_raise(-ENOMEM, "the embedded broker did not start");
	for (int i = 0; i < ENTITY_TYPE_COUNT; i++)
		rd_kafka_mock_topic_create(d->cluster, model_table[i].topic, PARTITIONS, 1);
	for (size_t i = 0; i < sizeof(outputs) / sizeof(outputs[0]); i++)
		rd_kafka_mock_topic_create(d->cluster, outputs[i], PARTITIONS, 1);
	snprintf(
		d->brokers, sizeof(d->brokers), "%s", rd_kafka_mock_cluster_bootstraps(d->cluster));
	return 0;
}

static int start_redis(struct demo *d)
{
	const char *const arguments[] = { "redis-server", "--port", "0", "--unixsocket", d->redis,
		"--dir", d->folder, "--save", "", "--appendonly", "no", "--maxmemory-policy",
		"noeviction", NULL };
	struct stat status;
	int e = start_part(d, "redis", arguments);

	for (int waited = 0; !e && !stopped && waited < REDIS_WAIT_MS; waited += 10) {
		if (!stat(d->redis, &status))
			return 0;
		if (ended_part(d)) {
			show_log(d, "redis");
			return err_raise(-ENOENT,
				"redis-server did not start; on Debian: apt install redis-server");
		}
		pause_ms(10);
	}
	return e ? err_pass(e) : err_raise(-ETIMEDOUT, "redis-server did not answer");
}

/* Small enough for the built-in cluster, which keeps 5 MiB of each partition; and started in the order in which they need each other. */
static int start_floor(struct demo *d)
{
	char brokers[544], redis[PATH_MAX + 32];
	const char *const simulate[] = { d->program, "simulate", "--live", "--tenants", "2",
		"--reps", "12", "--leads", "4", "--history", "70d", "--speed", "120", brokers,
		NULL };
	const char *const run[] = { d->program, "run", brokers, redis, "--http.address=127.0.0.1:0",
		"--job=demo", "--checkpoint.interval=2s", "--kafka.session_timeout=10s", NULL };
	int e;

	snprintf(brokers, sizeof(brokers), "--kafka.brokers=%s", d->brokers);
	snprintf(redis, sizeof(redis), "--redis.address=unix:%s", d->redis);
	e = start_part(d, "simulate", simulate);
	return e ? err_pass(e) : err_pass(start_part(d, "run", run));
}

/* ---- the board ------------------------------------------------------------------------------------------ */

/* Until the board ends by itself, a part ends that should not, we are told to end, or the time is up (seconds 0: never). */
static int wait_for_board(struct demo *d, int64_t seconds)
{
	struct child *board = &d->children[BOARD];

	for (int64_t ms = 0; !has_ended(board); ms += 50) {
		const char *ended = ended_part(d);

		if (ended || stopped || (seconds && ms >= seconds * 1000)) {
			kill(board->pid, SIGTERM);
			while (!has_ended(board))
				pause_ms(10);
			if (!ended || stopped)
				return 0;
			show_log(d, ended);
			return 1;
		}
		pause_ms(50);
	}
	return WIFEXITED(board->status) ? WEXITSTATUS(board->status) : 1;
}

static int show_board(struct demo *d, bool once, int64_t seconds)
{
	char brokers[544];
	const char *const arguments[] = { d->program, "top", brokers, once ? "--once" : NULL,
		NULL };

	snprintf(brokers, sizeof(brokers), "--kafka.brokers=%s", d->brokers);
	if (start_child(d, BOARD, "top", arguments) != 0) {
		fprintf(stderr, "salespulse demo: %s\n", err_message());
		return 1;
	}
	return wait_for_board(d, seconds);
}

/* Without a terminal: lets it run, then shows the board once. */
static int show_plain(struct demo *d, int64_t seconds)
{
	for (int64_t ms = 0; ms < seconds * 1000 && !stopped; ms += 100) {
		const char *ended = ended_part(d);

		if (ended) {
			show_log(d, ended);
			return 1;
		}
		pause_ms(100);
	}
	return stopped ? 0 : show_board(d, true, 0);
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *ftw)
{
	(void)status;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static bool remove_folder(const struct demo *d)
{
	return nftw(d->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0 ||
	       access(d->folder, F_OK) != 0;
}

static void end_apache(const struct demo *d)
{
	char line[512] = "";

	if (run_script(d, "kill", line, sizeof(line)) != 0)
		fprintf(stderr, "salespulse demo: Apache Kafka did not end: %s\n", line);
}

/* The guard: no terminal, no signals, nothing open but the pipe; tidies when the demo could not. Never returns. */
static void guard(const struct demo *d, int pipe)
{
	char byte, kafka[PATH_MAX];
	int null = open("/dev/null", O_RDWR);

	setsid();
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
		dup2(null, STDERR_FILENO) < 0 || chdir(d->script[0] == '/' ? "/" : ".") != 0)
		_exit(1);
	while (read(pipe, &byte, 1) < 0 && errno == EINTR)
		;
	snprintf(kafka, sizeof(kafka), "%s/kafka", d->folder);
	if (access(kafka, F_OK) == 0)
		end_apache(d);
	/* The children are dying at this moment, and may still write. */
	for (int waited = 0; !remove_folder(d) && waited < GUARD_WAIT_MS; waited += 50)
		pause_ms(50);
	_exit(0);
}

static int start_guard(struct demo *d)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_raise(-errno, "pipe: %s", strerror(errno));
	d->guard = fork();
	if (d->guard < 0)
		return err_raise(-errno, "fork: %s", strerror(errno));
	if (d->guard == 0) {
		close(ends[1]);
		guard(d, ends[0]);
	}
	close(ends[0]);
	d->guard_pipe = ends[1];
	return 0;
}

static void clean_up(struct demo *d)
{
	end_children(d);
	if (d->is_apache)
		end_apache(d);
	if (d->cluster)
		rd_kafka_mock_cluster_destroy(d->cluster);
	if (d->kafka)
		rd_kafka_destroy(d->kafka);
	if (d->folder[0] && !remove_folder(d))
		fprintf(stderr, "salespulse demo: %s could not be removed: %s\n", d->folder,
			strerror(errno));
	if (d->guard > 0) {
		close(d->guard_pipe);
		waitpid(d->guard, NULL, 0);
	}
}

/* Settings that the shell has for another job are not the demo's. */
static void forget_settings(void)
{
	extern char **environ;
	char name[256];

	for (size_t i = 0; environ[i];) {
		size_t length = strcspn(environ[i], "=");

		if (strncmp(environ[i], "SALESPULSE_", 11) != 0 || length >= sizeof(name)) {
			i++;
			continue;
		}
		memcpy(name, environ[i], length);
		name[length] = '\0';
		unsetenv(name);
	}
}

static int prepare(struct demo *d)
{
	const char *base = getenv("TMPDIR");
	ssize_t length = readlink("/proc/self/exe", d->program, sizeof(d->program) - 1);

	if (length <= 0)
		return err_raise(-errno, "/proc/self/exe: %s", strerror(errno));
	d->program[length] = '\0';
	find_script(d);
	forget_settings();
	snprintf(d->folder, sizeof(d->folder), "%s/salespulse-demo-XXXXXX",
		base && *base ? base : "/tmp");
	if (!mkdtemp(d->folder)) {
		int e = err_raise(-errno, "%s: %s", d->folder, strerror(errno));

		d->folder[0] = '\0';
		return e;
	}
	snprintf(d->redis, sizeof(d->redis), "%s/redis.sock", d->folder);
	/* The address of a Unix socket has room for 107 bytes. */
	if (strlen(d->redis) > 107)
		return err_raise(-ENAMETOOLONG,
			"%s is too long a path for a socket; set TMPDIR to a shorter one",
			d->folder);
	return err_pass(start_guard(d));
}

static int demo(struct demo *d, bool apache, int64_t seconds)
{
	bool has_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	int e = prepare(d);

	if (!e)
		e = apache ? start_apache(d) : start_embedded(d);
	if (!e)
		e = start_redis(d);
	if (!e)
		e = start_floor(d);
	if (e && stopped)
		return 0;
	if (e) {
		fprintf(stderr, "salespulse demo: %s\n", err_message());
		return 1;
	}
	return has_terminal ? show_board(d, false, seconds)
			    : show_plain(d, seconds ? seconds : PLAIN_SECONDS);
}

int cmd_demo(int argc, char **argv)
{
	const char *kafka = "embedded";
	int64_t seconds = 0;
	const struct option_row rows[] = {
		{ "kafka", "embedded|apache", "The broker (embedded).", OPTION_CHOICE, &kafka, 0,
			0 },
		{ "seconds", "N",
			"How long it runs: without a terminal 20, then it prints the board; in one "
			"until it is ended.",
			OPTION_INT, &seconds, 1, 864000 },
	};
	const struct options options = {
		.usage = "salespulse demo [OPTIONS]",
		.summary = "A broker, a Redis, a sales floor, the processor, and the board in the "
			   "terminal. q or Ctrl-C ends all of it.",
		.rows = rows,
		.row_count = sizeof(rows) / sizeof(rows[0]),
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
	answer = demo(d, !strcmp(kafka, "apache"), seconds);
	clean_up(d);
	free(d);
	return answer ? 1 : 0;
}
