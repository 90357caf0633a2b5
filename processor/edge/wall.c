#include "edge/wall.h"

#include <time.h>

static int64_t read_clock_ms(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t real_now_ms(struct wall *wall)
{
	(void)wall;
	return read_clock_ms(CLOCK_REALTIME);
}

static int64_t real_monotone_ms(struct wall *wall)
{
	(void)wall;
	return read_clock_ms(CLOCK_MONOTONIC);
}

static int64_t manual_now_ms(struct wall *wall)
{
	return wall->manual_now_ms;
}

static int64_t manual_monotone_ms(struct wall *wall)
{
	return wall->manual_monotone_ms;
}

const struct wall_ops wall_real = {
	.name = "real",
	.now_ms = real_now_ms,
	.monotone_ms = real_monotone_ms,
};

const struct wall_ops wall_manual = {
	.name = "manual",
	.now_ms = manual_now_ms,
	.monotone_ms = manual_monotone_ms,
};
