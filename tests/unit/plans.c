#include "plans.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/buffer.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "edge/definition_file.h"
#include "edge/zone_file.h"

struct plan *plan_of(const char *yaml)
{
	struct buffer _cleanup_buffer_ explanation;
	struct plan *plan = NULL;

	buffer_init(&explanation);
	if (definition_text_plan("test.yaml", slice_of(yaml), &plan, &explanation))
		fail_msg("%s", buffer_text(&explanation));
	return plan;
}

char *mistake_of(const char *yaml)
{
	struct buffer _cleanup_buffer_ explanation;
	struct plan *plan = NULL;

	buffer_init(&explanation);
	if (!definition_text_plan("test.yaml", slice_of(yaml), &plan, &explanation)) {
		plan_free(plan);
		fail_msg("this compiled: %s", yaml);
	}
	return x_strdup(buffer_text(&explanation));
}

struct zone zone_of(const char *name)
{
	struct zone zone = { 0 };
	char message[256];

	if (zone_file_load(name, &zone, message, sizeof(message)))
		fail_msg("%s", message);
	return zone;
}

int64_t ms_of(const char *utc)
{
	int64_t ms = 0;

	if (!time_parse(slice_of(utc), &ms))
		fail_msg("no time: %s", utc);
	return ms;
}
