#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 1024, TRACE_MAX = 512 };

static _Thread_local char message[MESSAGE_MAX];
static _Thread_local char trace[TRACE_MAX];

static void note_place(const char *file, int line)
{
	const char *slash = strrchr(file, '/');
	size_t used = strlen(trace);

	/* A loop that retries and passes an error for ever must not grow the trace: a full one
	 * stays as it is. */
	snprintf(trace + used, sizeof(trace) - used, "%s%s:%d", used ? " " : "",
		slash ? slash + 1 : file, line);
}

int err_raise_at(const char *file, int line, int code, const char *format, ...)
{
	char fresh[MESSAGE_MAX]; /* not `message` itself: err_message() may be among the arguments
				  */
	va_list args;

	assert(code < 0);
	va_start(args, format);
	vsnprintf(fresh, sizeof(fresh), format, args);
	va_end(args);
	memcpy(message, fresh, sizeof(message));
	trace[0] = '\0';
	note_place(file, line);
	return code;
}

int err_pass_at(const char *file, int line, int code)
{
	if (code < 0)
		note_place(file, line);
	return code;
}

const char *err_message(void)
{
	return message;
}

const char *err_trace(void)
{
	return trace;
}

void err_clear(void)
{
	message[0] = '\0';
	trace[0] = '\0';
}
