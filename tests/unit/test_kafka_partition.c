/* Java's default partitioner: the values of Kafka's own UtilsTest for murmur2, with the sign bit cleared. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edge/kafka_partition.h"

static void as_java_does(void **state)
{
	static const struct { const char *key; int32_t hash; } known[] = {
		{ "21", -973932308 }, { "foobar", -790332482 }, { "a-little-bit-long-string", -985981536 },
		{ "a-little-bit-longer-string", -1486304829 }, { "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971 },
		{ "abc", 479470107 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		for (int32_t count = 1; count < 100; count++)
			assert_int_equal(kafka_partition_of(slice_of(known[i].key), count), (known[i].hash & INT32_MAX) % count);
}

static void every_partition_is_met(void **state)
{
	int met[8] = { 0 };
	char key[32];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof(key), "tenant-%d", i);
		met[kafka_partition_of(slice_of(key), 8)]++;
	}
	for (int i = 0; i < 8; i++)
		assert_true(met[i] > 60);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(as_java_does), cmocka_unit_test(every_partition_is_met) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
