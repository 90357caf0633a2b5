/*
 * When things happen: office hours, how busy an hour is, and waiting times. Only additions, multiplications and divisions
 * of doubles, in a fixed order: libm's log differs in its last bit from one machine to the next, and one bit is another future.
 */
#include <string.h>

#include "edge/simulator_inside.h"

/* Share of the busiest hour, by local hour of a working day. Noon is lunch; at night people write from their phones. */
static const double hour_load[24] = {
	0.04,
	0.02,
	0.02,
	0.02,
	0.03,
	0.05,
	0.10,
	0.25,
	0.65,
	0.95,
	1.00,
	0.90,
	0.50,
	0.80,
	0.95,
	0.90,
	0.75,
	0.45,
	0.28,
	0.25,
	0.25,
	0.20,
	0.14,
	0.08,
};
static const double SATURDAY_LOAD = 0.4, SUNDAY_LOAD = 0.15, FRIDAY_PRAYER_LOAD = 0.25;

struct sim_local sim_local(const struct zone *zone, int64_t at_ms)
{
	int64_t local = zone_to_local(zone, at_ms);
	int64_t day = local >= 0 ? local / SIM_DAY : -((-local + SIM_DAY - 1) / SIM_DAY);

	return (struct sim_local){ day, local - day * SIM_DAY, (int)((day % 7 + 7) % 7) };
}

double sim_load(const struct zone *zone, int64_t at_ms)
{
	struct sim_local at = sim_local(zone, at_ms);
	int hour = (int)(at.ms / SIM_HOUR);

	if (at.weekday == SIM_SUNDAY)
		return hour_load[hour] * SUNDAY_LOAD;
	if (at.weekday == SIM_SATURDAY)
		return hour_load[hour] * SATURDAY_LOAD;
	if (at.weekday == SIM_FRIDAY && (hour == 12 || hour == 11))
		return hour == 12 ? FRIDAY_PRAYER_LOAD : hour_load[hour] * 0.8;
	return hour_load[hour];
}

double sim_load_of_day(void)
{
	double sum = 0;

	for (int hour = 0; hour < 24; hour++)
		sum += hour_load[hour];
	return sum;
}

/* When the office opens and closes on a weekday; equal: not at all. */
static void opening(int weekday, int64_t *ret_opens, int64_t *ret_closes)
{
	*ret_opens = 8 * SIM_HOUR;
	*ret_closes = 17 * SIM_HOUR + 30 * SIM_MINUTE;
	if (weekday == SIM_SATURDAY)
		*ret_closes = 13 * SIM_HOUR;
	else if (weekday == SIM_SUNDAY)
		*ret_closes = *ret_opens;
}

bool sim_is_office_time(const struct zone *zone, int64_t at_ms)
{
	struct sim_local at = sim_local(zone, at_ms);
	int64_t opens, closes;

	opening(at.weekday, &opens, &closes);
	return at.ms >= opens && at.ms < closes;
}

int64_t sim_office_time(struct simulator *sim, const struct sim_tenant *tenant, int64_t at_ms)
{
	struct sim_local at = sim_local(tenant->zone, at_ms);
	int64_t opens, closes;

	opening(at.weekday, &opens, &closes);
	if (at.ms >= opens && at.ms < closes)
		return at_ms;
	bool is_today = at.ms < opens && opens < closes;
	while (!is_today) {
		at.day++;
		at.weekday = (at.weekday + 1) % 7;
		opening(at.weekday, &opens, &closes);
		is_today = opens < closes;
	}
	int64_t into_day = opens + (int64_t)rng_below(&sim->rng, (uint64_t)(2 * SIM_HOUR));
	return zone_from_local(tenant->zone, at.day * SIM_DAY + into_day);
}

/* Natural logarithm of 0 < x: x = m * 2^e with m in [0.75, 1.5), then the series of 2 artanh((m - 1) / (m + 1)). */
static double natural_log(double x)
{
	uint64_t bits;

	memcpy(&bits, &x, sizeof(bits));
	int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
	bits = (bits & 0xfffffffffffffu) | UINT64_C(1023) << 52;
	memcpy(&x, &bits, sizeof(x));
	if (x >= 1.5) {
		x *= 0.5;
		exponent++;
	}
	double r = (x - 1) / (x + 1), square = r * r, sum = 0;
	for (int k = 19; k >= 1; k -= 2)
		sum = sum * square + 1.0 / k;
	return 2 * r * sum + exponent * 0.69314718055994530942;
}

int64_t sim_wait(struct rng *rng, double mean_ms)
{
	double wait = -natural_log(1 - rng_unit(rng)) * mean_ms;

	return wait < 1 ? 1 : wait > 4e15 ? INT64_C(4000000000000000) : (int64_t)wait;
}

int64_t sim_spread(struct rng *rng, int64_t median_ms)
{
	/* Quantiles of a log-normal time with sigma 0.85, cut at both ends. */
	static const double at[] = { 0, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 1 };
	static const double times[] = { 0.2, 0.25, 0.41, 0.64, 1, 1.56, 2.4, 4.0, 6.5 };
	double u = rng_unit(rng);
	unsigned i = 1;

	while (u >= at[i])
		i++;
	double part = (u - at[i - 1]) / (at[i] - at[i - 1]);
	return 1 + (int64_t)((double)median_ms * (times[i - 1] + part * (times[i] - times[i - 1])));
}

/* By thinning: candidates come at the busiest hour's rate, and count with the probability of their own hour's load. */
int64_t sim_next_arrival(
	struct simulator *sim, const struct sim_tenant *tenant, double per_ms, int64_t from_ms)
{
	int64_t at_ms = from_ms;

	do {
		at_ms += sim_wait(&sim->rng, 1 / per_ms);
	} while (at_ms < sim->settings.to_ms &&
		 rng_unit(&sim->rng) >= sim_load(tenant->zone, at_ms));
	return at_ms;
}
