#include "rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "edge/definition_file.h"
#include "edge/zone_file.h"

int rig_init(struct rig *rig, const char *definitions)
{
	_cleanup_buffer_ struct buffer message = { 0 };
	char text[256] = "";

	*rig = (struct rig){ 0 };
	if (definition_file_plan(definitions, &rig->plan, &message) ||
		zone_file_load("Asia/Jakarta", &rig->zone, text, sizeof(text))) {
		fprintf(stderr, "bench: %.*s%s\n", (int)message.len, (const char *)message.data,
			text);
		return 1;
	}
	rig->calendar = (struct calendar){ .zone = &rig->zone, .week_start = 1, .fiscal_start_month = 1 };
	rig->book = (struct tenant_book){
		.calendars = &rig->calendar, .calendar_count = 1, .fallback = { .currency = "IDR" }
	};
	rig->settings = (struct shard_settings){ .plan = rig->plan,
		.tenants = &rig->book,
		.store = { 100000000, 0 },
		.groups = { 20000000, 100000000 },
		.snapshots = { .publish_interval_ms = 1000,
			.refresh_ms = 600000,
			.rank_interval_ms = 2000,
			.restate_interval_ms = 60000,
			.rank_top = 50,
			.finals_max = 4000000 },
		.hash_seed = 1 };
	return 0;
}

void rig_deinit(struct rig *rig)
{
	zone_deinit(&rig->zone);
	plan_free(rig->plan);
}

static double seconds_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double rig_cpu_seconds(void)
{
	return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

double rig_wall_seconds(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

static int compare(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

double rig_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return count ? values[(count - 1) / 2] : 0;
}
