#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/zone_file.h"

/* 2026-01-15T00:00:00Z and 2026-07-15T00:00:00Z */
#define JANUARY_MS INT64_C(1768435200000)
#define JULY_MS INT64_C(1784073600000)

static void test_load(void **state)
{
	static const struct {
		const char *name;
		int32_t january_minutes, july_minutes;
	} rows[] = { { "Asia/Jakarta", 420, 420 }, { "Europe/Berlin", 60, 120 },
		{ "Australia/Lord_Howe", 660, 630 }, { "Asia/Kathmandu", 345, 345 },
		{ "America/New_York", -300, -240 }, { "UTC", 0, 0 }, { "Etc/GMT+5", -300, -300 } };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct zone zone;
		char message[256] = "";

		if (zone_file_load(rows[i].name, &zone, message, sizeof(message)))
			fail_msg("%s", message);
		assert_int_equal(
			zone_offset_at(&zone, JANUARY_MS), rows[i].january_minutes * 60000);
		assert_int_equal(zone_offset_at(&zone, JULY_MS), rows[i].july_minutes * 60000);
		zone_deinit(&zone);
	}
}

static void expect_refused(const char *name, const char *expected)
{
	char message[256] = "";
	struct zone zone;

	assert_int_equal(zone_file_load(name, &zone, message, sizeof(message)), 1);
	assert_string_equal(message, expected);
}

static void test_refused(void **state)
{
	(void)state;
	expect_refused("Asia/Jakrta",
		"there is no time zone \"Asia/Jakrta\"; did you mean \"Asia/Jakarta\"?");
	expect_refused("asia/jakarta",
		"there is no time zone \"asia/jakarta\"; did you mean \"Asia/Jakarta\"?");
	expect_refused("Mars/Olympus_Mons", "there is no time zone \"Mars/Olympus_Mons\"");
	/* A folder, a file that is no zone, and ways out of the data base. */
	expect_refused("Europe", "there is no time zone \"Europe\"");
	expect_refused("zone.tab", "there is no time zone \"zone.tab\"");
	expect_refused("", "there is no time zone \"\"");
	expect_refused("../../../etc/passwd", "there is no time zone \"../../../etc/passwd\"");
	expect_refused(
		"/usr/share/zoneinfo/UTC", "there is no time zone \"/usr/share/zoneinfo/UTC\"");
}

static void test_folder(void **state)
{
	char folder[] = "/tmp/salespulse-zones-XXXXXX", path[64], message[256] = "";
	struct zone zone;
	FILE *file;

	(void)state;
	assert_non_null(mkdtemp(folder));
	setenv("TZDIR", folder, 1);
	expect_refused("Europe/Berlin", "there is no time zone \"Europe/Berlin\"");
	/* A truncated file is no zone. */
	snprintf(path, sizeof(path), "%s/Broken", folder);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs("TZif2", file);
	fclose(file);
	expect_refused("Broken", "there is no time zone \"Broken\"");
	unlink(path);
	rmdir(folder);
	setenv("TZDIR", "", 1);
	assert_int_equal(zone_file_load("Europe/Berlin", &zone, message, sizeof(message)), 0);
	zone_deinit(&zone);
	unsetenv("TZDIR");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
