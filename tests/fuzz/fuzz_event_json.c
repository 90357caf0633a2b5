/* Lines of JSON: what is taken is written, read again and written again: the same line. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "edge/event_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer _cleanup_buffer_ first = { 0 }, second = { 0 };
	struct arena _cleanup_arena_ arena;
	char reason[EVENT_REASON_MAX] = "";
	struct event event, again;

	arena_init(&arena, 0);
	if (event_json_read((struct slice){ (const char *)data, size }, &arena, &event, reason)) {
		assert(strlen(reason) > 5);
		return 0;
	}
	event_validate(&event, reason);
	event_order(&event);
	event_json_write(&event, &first);
	assert(first.len && first.data[first.len - 1] == '\n');
	assert(!memchr(first.data, '\n', first.len - 1));
	assert(event_json_read((struct slice){ (const char *)first.data, first.len - 1 }, &arena,
		       &again, reason) == 0);
	event_json_write(&again, &second);
	assert(slice_equal(buffer_slice(&first), buffer_slice(&second)));
	return 0;
}
