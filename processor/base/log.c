#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/timefmt.h"

static atomic_int level_min = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	atomic_store(&level_min, (int)level);
}

static int64_t wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

__attribute__((format(printf, 3, 0))) static void write_line(
	enum log_level level, const char *name, const char *format, va_list args)
{
	char line[LOG_LINE_MAX], when[TIME_TEXT_MAX];

	if ((int)level < atomic_load(&level_min))
		return;
	size_t used = (size_t)snprintf(
		line, sizeof(line), "%s level=%s ", time_format(wall_ms(), when), name);
	int wanted = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
	size_t length = wanted < 0 ? used : used + strlen(line + used);

	for (size_t i = used; i < length; i++)
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
			line[i] = ' ';
	line[length++] = '\n';
	/* A log line that cannot be written has nowhere to be reported. */
	if (write(STDERR_FILENO, line, length) < 0)
		return;
}

#define DEFINE_LOG(function, level, name)              \
	void function(const char *format, ...)         \
	{                                              \
		va_list args;                          \
                                                       \
		va_start(args, format);                \
		write_line(level, name, format, args); \
		va_end(args);                          \
	}

DEFINE_LOG(log_debug, LOG_LEVEL_DEBUG, "debug")
DEFINE_LOG(log_info, LOG_LEVEL_INFO, "info")
DEFINE_LOG(log_warn, LOG_LEVEL_WARN, "warn")
DEFINE_LOG(log_error, LOG_LEVEL_ERROR, "error")
