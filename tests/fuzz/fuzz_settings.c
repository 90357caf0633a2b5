/*
 * A settings file as an operator may write it. Whatever it is: no crash; taken, or refused with what is wrong. What is taken prints as a
 * settings file that is taken again; and the password that this harness puts into the environment is never printed or said.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edge/settings.h"

#define SECRET "q7Zk-hush-q7Zk"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml loses a few bytes of its own over some broken texts. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so";
}

static int load(struct slice text, struct settings **ret, struct buffer *said)
{
	int fd = memfd_create("settings", 0), answer;
	char path[64];

	assert(fd >= 0 && write(fd, text.at, text.len) == (ssize_t)text.len);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	answer = settings_load(path, NULL, NULL, ret, said);
	close(fd);
	return answer;
}

static void expect_no_secret(const struct buffer *text)
{
	assert(!text->len || !memmem(text->data, text->len, SECRET, strlen(SECRET)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct settings *settings, *second;
	struct buffer said, printed;

	/* What lies in files and libraries of the machine is not what is tried here. */
	if (size && (memmem(data, size, "file:", 5) || memmem(data, size, "plugin", 6) ||
			    memmem(data, size, "hush", 4)))
		return 0;
	setenv("SALESPULSE_REDIS_PASSWORD", SECRET, 1);
	setenv("FUZZ_SECRET", SECRET, 1);
	buffer_init(&said);
	buffer_init(&printed);
	if (load(text, &settings, &said)) {
		assert(said.len);
	} else {
		settings_print(settings, &printed);
		expect_no_secret(&printed);
		/* Hidden values are printed as stars, which need not be valid where they stand. */
		if (!memmem(printed.data, printed.len, "\"***\"   ", 8) || !size ||
			!memmem(data, size, "env:", 4)) {
			buffer_reset(&said);
			if (load(buffer_slice(&printed), &second, &said) == 0)
				settings_free(second);
			else
				assert(memmem(said.data, said.len, "***", 3));
		}
		settings_free(settings);
	}
	expect_no_secret(&said);
	buffer_deinit(&said);
	buffer_deinit(&printed);
	return 0;
}
