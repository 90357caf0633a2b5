/* What the program wants of librdkafka, and what the operator wants: his wins, and a property that does not exist is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "edge/kafka_config.h"
#include "mock_broker.h"

static void check(rd_kafka_conf_t *conf, const char *name, const char *wanted)
{
	char value[256];
	size_t size = sizeof(value);

	assert_int_equal(rd_kafka_conf_get(conf, name, value, &size), RD_KAFKA_CONF_OK);
	assert_string_equal(value, wanted);
}

static void the_programs_own(void **state)
{
	struct mock_broker b;
	rd_kafka_conf_t *conf;

	(void)state;
	mock_broker_start(&b, NULL);
	conf = kafka_config_consumer(b.settings, 4);
	assert_non_null(conf);
	check(conf, "enable.auto.commit", "false");
	check(conf, "enable.auto.offset.store", "false");
	check(conf, "check.crcs", "true");
	check(conf, "auto.offset.reset", "error");
	check(conf, "partition.assignment.strategy", "range");
	rd_kafka_conf_destroy(conf);
	conf = kafka_config_producer(b.settings);
	check(conf, "enable.idempotence", "true");
	check(conf, "compression.codec", "lz4");
	rd_kafka_conf_destroy(conf);
	mock_broker_stop(&b);
}

static void the_operators_win(void **state)
{
	static const char *const flags[] = { "--kafka.fetch.wait.max.ms=77", "--kafka.security.protocol=sasl_plaintext", "--kafka.sasl.username=u",
		"--kafka.sasl.password=hidden", NULL };
	struct mock_broker b;
	struct buffer text = { 0 };
	rd_kafka_conf_t *conf;

	(void)state;
	mock_broker_start(&b, flags);
	conf = kafka_config_consumer(b.settings, 4);
	check(conf, "fetch.wait.max.ms", "77");
	check(conf, "security.protocol", "sasl_plaintext");
	check(conf, "sasl.password", "hidden");
	rd_kafka_conf_destroy(conf);
	settings_print(b.settings, &text);
	assert_null(strstr(buffer_text(&text), "hidden")); /* never printed */
	buffer_deinit(&text);
	mock_broker_stop(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(the_programs_own), cmocka_unit_test(the_operators_win) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
