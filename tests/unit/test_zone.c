/*
 * zone: offsets and the way back against glibc's own reader of the same files, at random instants and around every transition;
 * the rule behind the last transition far into the future; bytes that are no zone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "base/rng.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "core/zone.h"
#include "edge/zone_file.h"

static const int64_t MINUTE = 60000, HOUR = 3600000;

static const char *const names[] = { "Asia/Jakarta", "Asia/Kathmandu", "Australia/Lord_Howe",
	"Europe/Berlin", "America/New_York", "Pacific/Apia", "America/Sao_Paulo", "Asia/Beirut",
	"Europe/Dublin", "America/Nuuk", "Africa/Casablanca", "Africa/Monrovia", "America/St_Johns",
	"Pacific/Kwajalein", "Asia/Makassar", "UTC", "Etc/GMT+5", "Antarctica/Troll" };
enum { NAME_COUNT = sizeof(names) / sizeof(names[0]) };

static struct zone load(const char *name)
{
	struct zone zone;
	char message[256];

	if (zone_file_load(name, &zone, message, sizeof(message)))
		fail_msg("%s", message);
	return zone;
}

static int64_t ms_of(const char *text)
{
	int64_t ms;

	assert_true(time_parse(slice_of(text), &ms));
	return ms;
}

/* glibc is asked in its own way: one zone for the whole process. No thread runs here. */
static void ask_glibc(const char *name)
{
	assert_int_equal(setenv("TZ", name, 1), 0);
	tzset();
}

static int64_t glibc_offset_ms(int64_t utc_ms)
{
	time_t seconds = (time_t)(utc_ms / 1000 - (utc_ms % 1000 < 0));
	struct tm tm;

	assert_non_null(localtime_r(&seconds, &tm));
	return (int64_t)tm.tm_gmtoff * 1000;
}

static void check_offset(const struct zone *zone, const char *name, int64_t utc_ms)
{
	char text[TIME_TEXT_MAX];

	if (zone_offset_at(zone, utc_ms) != glibc_offset_ms(utc_ms))
		fail_msg("%s at %s: %d ms, glibc says %lld", name, time_format(utc_ms, text),
			zone_offset_at(zone, utc_ms), (long long)glibc_offset_ms(utc_ms));
	assert_int_equal(zone_to_local(zone, utc_ms), utc_ms + glibc_offset_ms(utc_ms));
}

static void test_offsets_are_glibcs(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 11);
	for (int i = 0; i < NAME_COUNT; i++) {
		struct zone zone = load(names[i]);
		int64_t first_ms = ms_of("1900-01-01T00:00:00Z"),
			last_ms = ms_of("2190-01-01T00:00:00Z");

		ask_glibc(names[i]);
		for (int k = 0; k < 20000; k++)
			check_offset(&zone, names[i],
				first_ms +
					(int64_t)rng_below(&rng, (uint64_t)(last_ms - first_ms)));
		for (size_t k = 0; k < zone.count; k++) {
			int64_t at_ms = zone.transitions[k].at_ms;

			assert_true(k == 0 || zone.transitions[k - 1].at_ms < at_ms);
			if (at_ms >= last_ms)
				break;
			check_offset(&zone, names[i], at_ms - 1000);
			check_offset(&zone, names[i], at_ms);
		}
		zone_deinit(&zone);
	}
}

/* The first instant that reads so; none does: the first that reads later. Found by walking over three days of glibc's readings. */
static int64_t naive_from_local(int64_t local_ms)
{
	for (int64_t t = local_ms - 27 * HOUR; t < local_ms + 27 * HOUR; t += 15 * MINUTE) {
		int64_t reading_ms = t + glibc_offset_ms(t);

		if (reading_ms + 15 * MINUTE <= local_ms &&
			glibc_offset_ms(t + 15 * MINUTE) == glibc_offset_ms(t))
			continue;
		for (int64_t u = t; u < t + 15 * MINUTE; u += 1000)
			if (u + glibc_offset_ms(u) >= local_ms)
				return u;
	}
	fail_msg("no instant reads so");
	return 0;
}

static void test_the_way_back_is_the_first_instant_that_reads_so(void **state)
{
	struct rng rng;

	(void)state;
	rng_init(&rng, 12);
	for (int i = 0; i < NAME_COUNT; i++) {
		struct zone zone = load(names[i]);

		ask_glibc(names[i]);
		for (int k = 0; k < 150; k++) {
			/* Near a transition, where it matters, or anywhere when the zone has none. */
			int64_t utc_ms = zone.count ? zone.transitions[rng_below(&rng, zone.count)]
							      .at_ms
						    : 0,
				local_ms, ours_ms;
			char text[TIME_TEXT_MAX];

			if (utc_ms > ms_of("2190-01-01T00:00:00Z") ||
				utc_ms < ms_of("1900-01-01T00:00:00Z"))
				continue;
			local_ms = utc_ms + zone_offset_at(&zone, utc_ms) +
				   ((int64_t)rng_below(&rng, 6 * 60) - 180) * MINUTE;
			ours_ms = zone_from_local(&zone, local_ms);
			if (ours_ms != naive_from_local(local_ms))
				fail_msg("%s, local %s: off by %lld ms", names[i],
					time_format(local_ms, text),
					(long long)(ours_ms - naive_from_local(local_ms)));
		}
		zone_deinit(&zone);
	}
}

/* Never falling, never below the clock's own reading, and above it only within an overlap. */
static void test_monotone_reading(void **state)
{
	(void)state;
	for (int i = 0; i < NAME_COUNT; i++) {
		struct zone zone = load(names[i]);

		for (size_t k = 0; k < zone.count; k++) {
			int64_t at_ms = zone.transitions[k].at_ms, before_ms = INT64_MIN;

			for (int64_t t = at_ms - 30 * HOUR; t < at_ms + 30 * HOUR;
				t += 7 * MINUTE) {
				int64_t reading_ms = zone_to_local_monotone(&zone, t);

				assert_true(reading_ms >= before_ms &&
					    reading_ms >= zone_to_local(&zone, t));
				before_ms = reading_ms;
			}
		}
		zone_deinit(&zone);
	}
}

/* What every atlas says, so that not all depends on one reader of the files. */
static void test_known_instants(void **state)
{
	static const struct {
		const char *name, *utc, *local;
	} known[] = {
		{ "Asia/Jakarta", "2026-03-28T16:59:59Z", "2026-03-28T23:59:59Z" },
		{ "Asia/Kathmandu", "2026-01-01T00:00:00Z", "2026-01-01T05:45:00Z" },
		{ "Australia/Lord_Howe", "2026-04-04T14:59:00Z", "2026-04-05T01:59:00Z" },
		{ "Australia/Lord_Howe", "2026-04-04T15:00:00Z", "2026-04-05T01:30:00Z" },
		{ "Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T01:59:59Z" },
		{ "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z" },
		{ "America/New_York", "2026-11-01T06:00:00Z", "2026-11-01T01:00:00Z" },
		{ "Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29T23:59:59Z" },
		{ "Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31T00:00:00Z" },
		{ "America/Sao_Paulo", "2018-11-04T03:00:00Z", "2018-11-04T01:00:00Z" },
		{ "Europe/Berlin", "2150-07-01T12:00:00Z", "2150-07-01T14:00:00Z" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		struct zone zone = load(known[i].name);

		assert_int_equal(zone_to_local(&zone, ms_of(known[i].utc)), ms_of(known[i].local));
		zone_deinit(&zone);
	}
}

/* A file made by hand: version 2, no transitions, one type, and a rule. */
static size_t make_file(uint8_t *out, const char *rule)
{
	static const uint8_t head[44] = { 'T', 'Z', 'i', 'f', '2', [39] = 1, [43] = 1 };
	static const uint8_t type[7] = { 0 };
	size_t length = 0;

	for (int block = 0; block < 2; block++) {
		memcpy(out + length, head, sizeof(head));
		memcpy(out + length + sizeof(head), type, sizeof(type));
		length += sizeof(head) + sizeof(type);
	}
	out[length++] = '\n';
	memcpy(out + length, rule, strlen(rule));
	length += strlen(rule);
	out[length++] = '\n';
	return length;
}

static void check_rule(const char *rule, const char *utc, int64_t offset_minutes)
{
	uint8_t bytes[256];
	size_t length = make_file(bytes, rule);
	struct zone zone;

	assert_int_equal(zone_parse(bytes, length, &zone), 0);
	if (zone_offset_at(&zone, ms_of(utc)) != offset_minutes * MINUTE)
		fail_msg("%s at %s: %d", rule, utc, zone_offset_at(&zone, ms_of(utc)));
	zone_deinit(&zone);
}

static void test_rules(void **state)
{
	(void)state;
	check_rule("<+0545>-5:45", "2030-06-01T00:00:00Z", 345);
	check_rule("EST5EDT,M3.2.0,M11.1.0", "2030-03-10T06:59:59Z", -300);
	check_rule("EST5EDT,M3.2.0,M11.1.0", "2030-03-10T07:00:00Z", -240);
	check_rule("EST5EDT,M3.2.0,M11.1.0", "2030-11-03T06:00:00Z", -300);
	/* Summer over the turn of the year, a winter time that is behind, days of the year with and without 29 February. */
	check_rule("AEST-10AEDT,M10.1.0,M4.1.0/3", "2031-01-01T00:00:00Z", 660);
	check_rule("IST-1GMT0,M10.5.0,M3.5.0/1", "2031-01-01T00:00:00Z", 0);
	check_rule("IST-1GMT0,M10.5.0,M3.5.0/1", "2031-07-01T00:00:00Z", 60);
	check_rule("AAA0BBB,J60,J300", "2032-03-01T02:00:00Z", 60);
	check_rule("AAA0BBB,J60,J300", "2032-03-01T01:59:59Z", 0);
	check_rule("AAA0BBB,60,300", "2032-03-01T02:00:00Z", 60);
	check_rule("AAA0BBB,60,300", "2031-03-01T23:00:00Z", 0);
	check_rule("AAA0BBB,60,300", "2031-03-02T02:00:00Z", 60);
	/* «Always summer», as RFC 8536 writes it: never a gap between two years. */
	check_rule("XXX3EDT4,0/0,J365/23", "2031-01-01T03:00:00Z", -240);
	check_rule("XXX3EDT4,0/0,J365/23", "2030-07-01T00:00:00Z", -240);
	/* A time before midnight and one far behind it. */
	check_rule("<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "2030-03-31T00:59:59Z", -180);
	check_rule("<-03>3<-02>,M3.5.0/-2,M10.5.0/-1", "2030-03-31T01:00:00Z", -120);
	check_rule("EET-2EEST,M3.4.4/50,M10.4.4/50", "2030-03-29T23:59:59Z", 120);
	check_rule("EET-2EEST,M3.4.4/50,M10.4.4/50", "2030-03-30T00:00:00Z", 180);
}

static void test_bytes_that_are_no_zone(void **state)
{
	uint8_t good[256];
	size_t length = make_file(good, "EST5EDT,M3.2.0,M11.1.0");
	struct rng rng;

	(void)state;
	rng_init(&rng, 13);
	for (size_t cut = 0; cut < 102; cut++) {
		struct zone zone = { 0 };

		assert_int_equal(zone_parse(good, cut, &zone), 1);
	}
	for (int i = 0; i < 20000; i++) {
		uint8_t *bad = x_malloc(length); /* its own block: a read behind the end is seen */
		struct zone zone;

		memcpy(bad, good, length);
		for (uint64_t k = rng_below(&rng, 6); k < 6; k++)
			bad[rng_below(&rng, length)] = (uint8_t)rng_u64(&rng);
		if (zone_parse(bad, length, &zone) == 0) {
			zone_from_local(&zone, (int64_t)rng_below(&rng, 4000000000000));
			zone_to_local_monotone(&zone, (int64_t)rng_below(&rng, 4000000000000));
			zone_deinit(&zone);
		}
		free(bad);
	}
}

static void test_unknown_name(void **state)
{
	struct zone zone;
	char message[256];

	(void)state;
	assert_int_equal(zone_file_load("Asia/Jakata", &zone, message, sizeof(message)), 1);
	assert_non_null(strstr(message, "Asia/Jakarta"));
	assert_int_equal(zone_file_load("../etc/passwd", &zone, message, sizeof(message)), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_offsets_are_glibcs),
		cmocka_unit_test(test_the_way_back_is_the_first_instant_that_reads_so),
		cmocka_unit_test(test_monotone_reading),
		cmocka_unit_test(test_known_instants),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_bytes_that_are_no_zone),
		cmocka_unit_test(test_unknown_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
