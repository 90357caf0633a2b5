/* A file of working days as an operator may write it: taken, with days that rise, or refused with what is wrong. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "edge/workday_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml loses a few bytes of its own over some broken texts. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("workdays", 0);
	struct buffer said = { 0 };
	struct workdays w;
	struct arena arena;
	char path[64];

	assert(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	arena_init(&arena, 0);
	if (workday_file_load(path, &arena, &w, &said) != 0) {
		assert(said.len > 0);
	} else {
		assert(said.len == 0 && w.week != 0 && w.week <= WORKDAYS_EVERY);
		for (uint32_t i = 0; i + 1 < w.holiday_count; i++)
			assert(w.holidays[i] < w.holidays[i + 1]);
		assert(workdays_count(&w, 20000, 400) <= 400);
	}
	arena_deinit(&arena);
	buffer_deinit(&said);
	close(fd);
	return 0;
}
