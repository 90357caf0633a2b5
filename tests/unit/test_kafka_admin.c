/* Topics at the start: unequal partition counts are refused with the remedy, an absent broker is a matter of trying again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>

#include "base/err.h"
#include "edge/kafka_admin.h"
#include "mock_broker.h"

static const char *const inputs[] = { "crm.lead", "crm.deal" };

static void outputs(struct mock_broker *b)
{
	static const char *const topics[] = { "kpi.latest", "kpi.history", "kpi.alerts", "kpi.moments", "kpi.late", "kpi.dlq" };

	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++)
		mock_broker_topic(b, topics[i], 2);
}

static void equal_counts_are_told(void **state)
{
	struct mock_broker b;
	int32_t counts[2] = { 0 };

	(void)state;
	mock_broker_start(&b, NULL);
	mock_broker_topic(&b, "crm.lead", 3);
	mock_broker_topic(&b, "crm.deal", 3);
	outputs(&b);
	assert_int_equal(kafka_admin_prepare(b.settings, inputs, 2, NULL, 5000, counts), 0);
	assert_int_equal(counts[0], 3);
	assert_int_equal(counts[1], 3);
	mock_broker_stop(&b);
}

static void unequal_counts_are_refused(void **state)
{
	struct mock_broker b;
	int32_t counts[2] = { 0 };

	(void)state;
	mock_broker_start(&b, NULL);
	mock_broker_topic(&b, "crm.lead", 3);
	mock_broker_topic(&b, "crm.deal", 4);
	outputs(&b);
	assert_int_equal(kafka_admin_prepare(b.settings, inputs, 2, NULL, 5000, counts), -EINVAL);
	assert_non_null(strstr(err_message(), "crm.deal"));
	mock_broker_stop(&b);
}

static void nobody_there(void **state)
{
	struct settings *settings;
	struct buffer message = { 0 };
	char *argv[] = { (char *)(uintptr_t)"test", (char *)(uintptr_t)"--kafka.brokers=127.0.0.1:1", NULL };
	int32_t counts[2];
	int argc = 2;

	(void)state;
	assert_int_equal(settings_load(NULL, &argc, argv, &settings, &message), 0);
	assert_int_equal(kafka_admin_prepare(settings, inputs, 2, NULL, 500, counts), -EAGAIN);
	settings_free(settings);
	buffer_deinit(&message);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(equal_counts_are_told), cmocka_unit_test(unequal_counts_are_refused),
		cmocka_unit_test(nobody_there) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
