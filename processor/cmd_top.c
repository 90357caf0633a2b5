/* top: the board in the terminal, read from kpi.latest as any display reads it: all partitions from their beginning, no group. */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/err.h"
#include "base/xalloc.h"
#include "command.h"
#include "edge/kafka_config.h"
#include "edge/top.h"
#include "edge/wall.h"
#include "options.h"

enum { FRAME_MS = 400, METADATA_MS = 5000, QUIET_MS = 1500, PLAIN_COLUMNS = 100 };

static volatile sig_atomic_t stopped, resized;

struct board {
	rd_kafka_t *kafka;
	struct top *top;
	struct top_view view;
	struct wall wall;
	struct termios before;       /* of the terminal; valid with is_raw */
	bool is_raw;
	int64_t heard_ms;            /* monotone: when a value came last */
	uint64_t count;
};

static void on_signal(int number)
{
	if (number == SIGWINCH)
		resized = 1;
	else
		stopped = 1;
}

static void handle_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGWINCH, &action, NULL);
}

/* ---- Kafka ---------------------------------------------------------------------------------------------- */

/* 0, or 1 with the reason said: all partitions are read from their beginning. A topic that is not there yet is waited for. */
static int assign_all(struct board *b, const char *topic)
{
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_topic_t *handle = rd_kafka_topic_new(b->kafka, topic, NULL);
	rd_kafka_resp_err_t error;

	do {
		if (metadata)
			rd_kafka_metadata_destroy(metadata);
		metadata = NULL;
		error = rd_kafka_metadata(b->kafka, 0, handle, &metadata, METADATA_MS);
		if ((error || !metadata->topics[0].partition_cnt) && !stopped)
			poll(NULL, 0, 300);
	} while (!stopped && (error || !metadata->topics[0].partition_cnt));
	rd_kafka_topic_destroy(handle);
	if (!metadata)
		return 1;
	list = rd_kafka_topic_partition_list_new(metadata->topics[0].partition_cnt);
	for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
		rd_kafka_topic_partition_list_add(list, topic, metadata->topics[0].partitions[i].id)->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(b->kafka, list);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_metadata_destroy(metadata);
	return 0;
}

static int open_kafka(struct board *b, const struct settings *settings)
{
	rd_kafka_conf_t *conf = kafka_config_consumer(settings, 16);
	char error[256], group[64];

	if (!conf) {
		fprintf(stderr, "salespulse top: %s\n", err_message());
		return 1;
	}
	snprintf(group, sizeof(group), "salespulse-top-%ld", (long)getpid());
	rd_kafka_conf_set(conf, "group.id", group, NULL, 0);
	rd_kafka_conf_set(conf, "group.instance.id", "", NULL, 0);
	rd_kafka_conf_set(conf, "auto.offset.reset", "earliest", NULL, 0);
	rd_kafka_conf_set(conf, "enable.partition.eof", "false", NULL, 0);
	rd_kafka_conf_set(conf, "log_level", "0", NULL, 0);
	b->kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, error, sizeof(error));
	if (!b->kafka) {
		rd_kafka_conf_destroy(conf);
		fprintf(stderr, "salespulse top: %s\n", error);
		return 1;
	}
	rd_kafka_poll_set_consumer(b->kafka);
	return assign_all(b, settings->topic_latest);
}

/* Takes what has come, for at most `ms`. */
static void take(struct board *b, int ms)
{
	int64_t end_ms = wall_monotone_ms(&b->wall) + ms;

	do {
		rd_kafka_message_t *m = rd_kafka_consumer_poll(b->kafka, 20);

		if (m && !m->err) {
			top_take(b->top, (struct slice){ m->key, m->key_len }, (struct slice){ m->payload, m->len }, wall_now_ms(&b->wall));
			b->heard_ms = wall_monotone_ms(&b->wall);
			b->count++;
		}
		if (m)
			rd_kafka_message_destroy(m);
	} while (!stopped && !resized && wall_monotone_ms(&b->wall) < end_ms);
}

/* ---- the terminal --------------------------------------------------------------------------------------- */

static void measure(struct board *b)
{
	struct winsize size;

	resized = 0;
	b->view.columns = 80;
	b->view.rows = 24;
	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col && size.ws_row) {
		b->view.columns = size.ws_col;
		b->view.rows = size.ws_row;
	}
}

static void say(const char *text, size_t length)
{
	while (length) {
		ssize_t written = write(STDOUT_FILENO, text, length);

		if (written < 0 && errno != EINTR)
			return;
		if (written > 0) {
			text += written;
			length -= (size_t)written;
		}
	}
}

/* Alternate screen, no cursor, keys at once; undone by restore_terminal whatever happens in between. */
static void take_terminal(struct board *b)
{
	static const char enter[] = "\x1b[?1049h\x1b[?25l";
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &b->before))
		return;
	raw = b->before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	b->is_raw = !tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	say(enter, sizeof(enter) - 1);
}

static void restore_terminal(struct board *b)
{
	static const char leave[] = "\x1b[?25h\x1b[?1049l";

	if (!b->is_raw)
		return;
	tcsetattr(STDIN_FILENO, TCSANOW, &b->before);
	say(leave, sizeof(leave) - 1);
}

static void read_keys(struct board *b)
{
	struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };
	char key;

	while (poll(&keys, 1, 0) > 0 && read(STDIN_FILENO, &key, 1) == 1)
		switch (key) {
		case 'q': stopped = 1; break;
		case '\t': b->view.tenant++; break;
		case 'w': b->view.window++; break;
		case 'g': b->view.board++; break;
		case 'l': b->view.english = !b->view.english; break;
		default: break;
		}
}

static void draw(struct board *b)
{
	struct buffer _cleanup_buffer_ frame = { 0 }, text = { 0 };
	uint32_t rows = b->view.rows;
	struct slice left;

	b->view.now_ms = wall_now_ms(&b->wall);
	b->view.rows = rows - 1;
	top_render(b->top, &b->view, &text);
	b->view.rows = rows;
	buffer_put_text(&frame, "\x1b[H");
	for (left = buffer_slice(&text); left.len;) {
		const char *end = memchr(left.at, '\n', left.len);
		size_t length = end ? (size_t)(end - left.at) : left.len;

		buffer_put(&frame, left.at, length);
		buffer_put_text(&frame, "\x1b[K\r\n");
		left = (struct slice){ left.at + length + (end != NULL), left.len - length - (end != NULL) };
	}
	buffer_printf(&frame, "\x1b[J\x1b[%u;1H\x1b[2m%s\x1b[0m\x1b[K", rows,
		b->view.english ? "q quit  tab company  w window  g board  l bahasa" : "q keluar  tab perusahaan  w jendela  g papan  l language");
	say((const char *)frame.data, frame.len);
}

static void run_terminal(struct board *b)
{
	b->view.colour = true;
	measure(b);
	take_terminal(b);
	while (!stopped) {
		take(b, FRAME_MS);
		read_keys(b);
		if (resized)
			measure(b);
		draw(b);
	}
	restore_terminal(b);
}

/* ---- plain ---------------------------------------------------------------------------------------------- */

static void print_all(struct board *b)
{
	struct buffer _cleanup_buffer_ text = { 0 };

	b->view.columns = PLAIN_COLUMNS;
	b->view.rows = 0;
	b->view.now_ms = wall_now_ms(&b->wall);
	for (uint32_t i = 0; i == 0 || i < top_tenant_count(b->top); i++) {
		b->view.tenant = i;
		top_render(b->top, &b->view, &text);
		buffer_put_text(&text, "\n");
	}
	fwrite(text.data, 1, text.len, stdout);
	fflush(stdout);
}

/* Reads until values stop pouring in, then prints; with `every_s` again and again. */
static void run_plain(struct board *b, bool once, int64_t every_ms)
{
	int64_t begun_ms = wall_monotone_ms(&b->wall);

	b->heard_ms = begun_ms;
	while (!stopped && (!b->count || wall_monotone_ms(&b->wall) - b->heard_ms < 200) &&
		wall_monotone_ms(&b->wall) - begun_ms < 10000) {
		uint64_t before = b->count;

		take(b, 250);
		if (b->count && b->count - before < 50 && wall_monotone_ms(&b->wall) - begun_ms > QUIET_MS)
			break;
	}
	print_all(b);
	while (!stopped && !once) {
		take(b, (int)every_ms);
		print_all(b);
	}
}

int cmd_top(int argc, char **argv)
{
	struct board b = { .wall = { .ops = &wall_real } };
	const char *language = "id";
	bool once = false;
	int64_t every_ms = 10000;
	struct settings *settings;
	const struct option_row rows[] = {
		{ "once", NULL, "Print the board once, and end.", OPTION_SET, &once, 0, 0 },
		{ "every", "DURATION", "Without a terminal: print it this often (10s).", OPTION_DURATION, &every_ms, 100, 3600000 },
		{ "lang", "id|en", "Language of the labels (id).", OPTION_CHOICE, &language, 0, 0 },
	};
	const struct options options = {
		.usage = "salespulse top [OPTIONS]",
		.summary = "The live board in the terminal, read from kpi.latest. Keys: q ends, tab another company, w window, g board, l language.",
		.rows = rows, .row_count = sizeof(rows) / sizeof(rows[0]), .settings = &settings,
	};
	int answer = options_parse(&options, &argc, argv);

	if (answer != OPTIONS_GO_ON)
		return answer == OPTIONS_HELP ? 0 : 2;
	stopped = 0;
	handle_signals();
	b.view.english = !strcmp(language, "en");
	b.top = top_new();
	answer = open_kafka(&b, settings);
	if (!answer && !once && isatty(STDIN_FILENO) && isatty(STDOUT_FILENO))
		run_terminal(&b);
	else if (!answer)
		run_plain(&b, once, every_ms);
	if (b.kafka) {
		rd_kafka_consumer_close(b.kafka);
		rd_kafka_destroy(b.kafka);
	}
	top_free(b.top);
	settings_free(settings);
	return answer;
}
