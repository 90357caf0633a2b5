/*
 * err: fatal errors as negative errno, with a message and the way they came.
 *
 * The function that finds out says what happened (err_raise); everyone above returns
 * `err_pass(code)` unchanged, which notes the line. Message and trace are per thread and hold until
 * the next err_raise of the same thread. Bad data is never an error code.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/* code < 0; answers code. The format's arguments may include err_message() of an earlier error. */
#define err_raise(code, ...) err_raise_at(__FILE__, __LINE__, (code), __VA_ARGS__)
/* Answers code, whatever it is; notes the line in the trace only when code < 0. */
#define err_pass(code) err_pass_at(__FILE__, __LINE__, (code))
#ifdef __clang_analyzer__ /* it looks at one file at a time, and would take every error for a possible 0 */
#undef err_raise
#undef err_pass
#define err_raise(code, ...) (err_raise_at(__FILE__, __LINE__, (code), __VA_ARGS__), (code))
#define err_pass(code) (code)
#endif

int err_raise_at(const char *file, int line, int code, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
int err_pass_at(const char *file, int line, int code);

/* What happened, for a person; "" when nothing was raised since err_clear. Never NULL. Borrowed. */
const char *err_message(void);
/* Where: "storage.c:120 checkpoint.c:66", the raising line first. Never NULL. Borrowed. */
const char *err_trace(void);
void err_clear(void);

#endif
