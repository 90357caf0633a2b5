/* Container files: read to their end, or to where they are broken, within bounds. */
#include <assert.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/err.h"
#include "edge/avro_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static int memory = -1;
static char path[64];

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	memory = memfd_create("fuzz_avro_file", 0);
	assert(memory >= 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", memory);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena _cleanup_arena_ arena;
	char reason[EVENT_REASON_MAX];
	struct event event;
	size_t count = 0;
	int answer = 0;

	assert(ftruncate(memory, 0) == 0);
	assert(pwrite(memory, data, size, 0) == (ssize_t)size);
	err_clear();
	struct avro_file_reader *reader = avro_file_open(path);

	assert(reader || strlen(err_message()) > 5);
	arena_init(&arena, 64 << 20);
	while (reader && answer != 1 && answer >= 0) {
		reason[0] = '\0';
		answer = avro_file_next(reader, &arena, &event, reason);
		if (answer == 0)
			event_validate(&event, reason);
		assert(answer != 2 || strlen(reason) > 5);
		assert(answer >= 0 || strlen(err_message()) > 5);
		arena_reset(&arena);
		/* A deflated record is a bit at the least. */
		assert(++count <= size * 2000 + 2);
	}
	avro_file_close(reader);
	return 0;
}
