/*
 * log: one line of key=value pairs to stderr, with the time in UTC before it. Used by edge and
 * commands only.
 *
 *     2026-03-28T16:59:00.123Z level=warn event=redis_gone address=127.0.0.1:6379
 *
 * A line is written with one write(2), so that threads do not mix. Control characters in it become
 * spaces: nobody outside can forge a line. Lines longer than LOG_LINE_MAX are cut.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#define LOG_LINE_MAX 2048

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR, LOG_LEVEL_NONE };

/* What is below is not written. The start is LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);
void log_debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
