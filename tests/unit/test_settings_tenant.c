/* settings_tenant: who has which zone, week and fiscal year when (S12). Mistakes in them: test_settings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/timefmt.h"
#include "core/calendar.h"
#include "settings_text.h"

static void test_calendar_changes(void **state)
{
	struct settings *s = settings_of(
		"zone: Asia/Jakarta\n"
		"calendar_changes:\n"
		"  - {from: 2026-07-01, zone: Asia/Makassar}\n"
		"  - {from: 2027-01-01, week_start: 7, zone: Asia/Jayapura}\n"
		"tenants:\n"
		"  inherits: {currency: IDR}\n"
		"  own-zone: {zone: Asia/Tokyo}\n"
		"  own-later: {calendar_changes: [{from: 2026-10-01, zone: Asia/Tokyo}]}\n"
		"  same-date: {calendar_changes: [{from: 2027-01-01, fiscal_start: 4}]}\n"
		"  alike: {zone: Asia/Jakarta, week_start: 1, calendar_changes: [{from: "
		"2026-07-01, "
		"zone: Asia/Makassar}, {from: 2027-01-01, week_start: 7, zone: "
		"Asia/Jayapura}]}\n");
	static const struct {
		uint32_t tenant;
		const char *at, *date;
		int week_first; /* the day of the week on which the week of that instant begins: 4 is 1970-01-01's */
	} want[] = {
		/* Half past midnight: of Tokyo (+9) and Jayapura, of Makassar (+8), of Jakarta (+7). */
		{ 0, "2026-06-30T17:30:00Z", "2026-07-01", 1 },
		{ 0, "2026-06-30T16:30:00Z", "2026-06-30", 1 },
		{ 0, "2026-08-31T16:30:00Z", "2026-09-01", 1 },
		{ 0, "2027-02-28T15:30:00Z", "2027-03-01", 7 },
		{ 1, "2026-05-31T15:30:00Z", "2026-06-01", 1 },
		{ 1, "2027-02-28T15:30:00Z", "2027-03-01", 7 },
		{ 1, "2026-08-31T14:30:00Z", "2026-08-31", 1 },
		{ 2, "2026-05-31T17:30:00Z", "2026-06-01", 1 },
		{ 2, "2026-05-31T16:30:00Z", "2026-05-31", 1 },
		{ 2, "2026-08-31T16:30:00Z", "2026-09-01", 1 },
		{ 2, "2026-11-30T15:30:00Z", "2026-12-01", 1 },
		{ 3, "2027-02-28T15:30:00Z", "2027-03-01", 7 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const struct calendar *c =
			&s->tenants.calendars[s->tenants.tenants[want[i].tenant].calendar];
		int64_t at_ms = 0, first;
		int32_t day = 0;

		assert_true(time_parse(slice_of(want[i].at), &at_ms));
		assert_true(date_parse(slice_of(want[i].date), &day));
		assert_int_equal(calendar_local_day(c, at_ms), day);
		first = calendar_local_day(c, calendar_period_start(c, CALENDAR_WEEK, at_ms));
		assert_int_equal((first + 3) % 7 + 1, want[i].week_first);
	}
	/* Those that are alike at all times share a ledger. */
	assert_int_equal(s->tenants.tenants[0].calendar, s->tenants.fallback.calendar);
	assert_int_equal(s->tenants.tenants[4].calendar, s->tenants.fallback.calendar);
	assert_int_equal(s->tenants.calendar_count, 4);
	assert_int_equal(s->tenants.calendars[s->tenants.tenants[3].calendar].years.count, 1);
	settings_free(s);
}

/* `check` says what a change does to the periods at it, and what it prints is a settings file. */
static void test_calendar_changes_print(void **state)
{
	const char *const file =
		"calendar_changes: [{from: 2027-01-01, week_start: 7}]\n"
		"tenants:\n"
		"  acme: {calendar_changes: [{from: 2026-07-01, zone: Asia/Makassar}, "
		"{from: 2027-01-15, fiscal_start: 4}]}\n";
	static const char *const says[] = {
		"\ncalendar_changes: [{from: 2027-01-01, week_start: 7}]",
		"\n#   the week of 2026-12-28 ends on 2027-01-02, after 6 days\n",
		"calendar_changes: [{from: 2026-07-01, zone: Asia/Makassar}, {from: 2027-01-01, "
		"week_start: 7}, {from: 2027-01-15, fiscal_start: 4}]}\n"
		"#   2026-07-01 has 23 h\n"
		"#   the week of 2026-12-28 ends on 2027-01-02, after 6 days\n"
		"#   the year of 2027-01-01 ends on 2027-03-31, after 90 days\n",
	};
	struct settings *s = settings_of(file);
	struct buffer printed, again;

	(void)state;
	buffer_init(&printed);
	buffer_init(&again);
	settings_print(s, &printed);
	for (size_t i = 0; i < sizeof(says) / sizeof(says[0]); i++)
		if (!strstr(buffer_text(&printed), says[i]))
			fail_msg("%s\nis not in\n%s", says[i], buffer_text(&printed));
	settings_free(s);
	s = settings_of(buffer_text(&printed));
	settings_print(s, &again);
	assert_string_equal(strstr(buffer_text(&again), "\ntenants:"),
		strstr(buffer_text(&printed), "\ntenants:"));
	settings_free(s);
	buffer_deinit(&printed);
	buffer_deinit(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_calendar_changes),
		cmocka_unit_test(test_calendar_changes_print),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
