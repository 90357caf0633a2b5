/*
 * The terminal: raw mode and the alternate screen, given back however the program ends: by its end, a key, a signal, or a crash.
 * Only in here are there signal handlers; they set flags, except after a crash, when all they do is give the screen back.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/buffer.h"
#include "edge/top.h"

#define ENTER_SCREEN "\x1b[?1049h\x1b[?25l\x1b[2J"
#define LEAVE_SCREEN "\x1b[0m\x1b[?25h\x1b[?1049l"

enum { WRITE_WAIT_MS = 1000 };

static struct termios saved_mode;
static volatile sig_atomic_t is_entered, was_signalled, was_resized, wants_stop;
static bool has_ended_input;

static bool write_all(const char *at, size_t left)
{
	while (left > 0) {
		ssize_t count = write(STDOUT_FILENO, at, left);
		if (count > 0) {
			at += count;
			left -= (size_t)count;
			continue;
		}
		if (count < 0 && errno == EINTR)
			continue;
		struct pollfd pollfd = { STDOUT_FILENO, POLLOUT, 0 };
		if (count < 0 && errno == EAGAIN && poll(&pollfd, 1, WRITE_WAIT_MS) > 0)
			continue;
		return false;
	}
	return true;
}

static void on_end(int number)
{
	(void)number;
	was_signalled = 1;
}

static void on_resize(int number)
{
	(void)number;
	was_resized = 1;
}

static void on_stop(int number)
{
	(void)number;
	wants_stop = 1;
}

static void on_crash(int number)
{
	if (is_entered) {
		ssize_t ignored = write(STDOUT_FILENO, LEAVE_SCREEN, sizeof(LEAVE_SCREEN) - 1);
		(void)ignored;
		tcsetattr(STDIN_FILENO, TCSANOW, &saved_mode);
	}
	raise(number); /* SA_RESETHAND: the default action now */
}

static void handle(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigemptyset(&action.sa_mask);
	sigaction(number, &action, NULL);
}

void top_catch_signals(void)
{
	handle(SIGINT, on_end, 0);
	handle(SIGTERM, on_end, 0);
	handle(SIGHUP, on_end, 0);
	handle(SIGQUIT, on_end, 0);
	handle(SIGPIPE, SIG_IGN, 0);
}

bool top_signalled(void)
{
	return was_signalled != 0;
}

static bool take_screen(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &saved_mode) != 0)
		return false;
	raw = saved_mode;
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0)
		return false;
	is_entered = 1;
	was_resized = 1;
	return write_all(ENTER_SCREEN, sizeof(ENTER_SCREEN) - 1);
}

bool top_terminal_enter(void)
{
	static bool is_registered;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return false;
	top_catch_signals();
	handle(SIGWINCH, on_resize, SA_RESTART);
	handle(SIGTSTP, on_stop, SA_RESTART);
	handle(SIGSEGV, on_crash, (int)SA_RESETHAND);
	handle(SIGBUS, on_crash, (int)SA_RESETHAND);
	handle(SIGABRT, on_crash, (int)SA_RESETHAND);
	if (!is_registered)
		atexit(top_terminal_leave);
	is_registered = true;
	return take_screen();
}

void top_terminal_leave(void)
{
	if (!is_entered)
		return;
	is_entered = 0;
	write_all(LEAVE_SCREEN, sizeof(LEAVE_SCREEN) - 1);
	tcsetattr(STDIN_FILENO, TCSANOW, &saved_mode);
}

/* Ctrl-Z: the shell gets its screen, and we get it again when we go on. */
static void stop_for_a_while(void)
{
	wants_stop = 0;
	top_terminal_leave();
	raise(SIGSTOP);
	take_screen();
}

bool top_terminal_size(unsigned *ret_rows, unsigned *ret_columns)
{
	struct winsize size = { 0 };
	bool changed = was_resized != 0;

	was_resized = 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0 || size.ws_col == 0)
		size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	*ret_rows = size.ws_row;
	*ret_columns = size.ws_col;
	return changed;
}

static enum top_key key_of(char c)
{
	switch (c) {
	case 'q':
	case 'Q':
		return TOP_KEY_QUIT;
	case '\t':
		return TOP_KEY_TENANT;
	case 'w':
	case 'W':
		return TOP_KEY_WINDOW;
	case 'g':
	case 'G':
		return TOP_KEY_GROUP;
	case 'l':
	case 'L':
		return TOP_KEY_LANGUAGE;
	default:
		return TOP_KEY_OTHER;
	}
}

enum top_key top_terminal_key(void)
{
	struct pollfd pollfd = { STDIN_FILENO, POLLIN, 0 };
	char c;

	if (wants_stop)
		stop_for_a_while();
	if (has_ended_input)
		return TOP_KEY_QUIT;
	if (poll(&pollfd, 1, 0) <= 0)
		return TOP_KEY_NONE;
	ssize_t count = read(STDIN_FILENO, &c, 1);
	if (count == 1)
		return key_of(c);
	/* A terminal that hung up reads as empty for ever. */
	has_ended_input = (pollfd.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
	return has_ended_input ? TOP_KEY_QUIT : TOP_KEY_NONE;
}

/* One write per frame, each line cleared behind its end: no flicker. */
bool top_terminal_show(struct slice drawing)
{
	_cleanup_buffer_ struct buffer frame = { 0 };
	bool is_first = true;

	buffer_put_text(&frame, was_resized ? "\x1b[2J\x1b[H" : "\x1b[H");
	while (drawing.len > 0) {
		const char *end = memchr(drawing.at, '\n', drawing.len);
		size_t length = end != NULL ? (size_t)(end - drawing.at) : drawing.len;
		if (!is_first)
			buffer_put_text(&frame, "\r\n");
		buffer_put(&frame, drawing.at, length);
		buffer_put_text(&frame, "\x1b[K");
		is_first = false;
		length += end != NULL;
		drawing = (struct slice){ drawing.at + length, drawing.len - length };
	}
	buffer_put_text(&frame, "\x1b[J");
	return write_all((const char *)frame.data, frame.len);
}
