#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/asset.h"

static void test_assets_are_whole(void **state)
{
	const struct asset *script = asset_find("take_epoch.lua");
	FILE *file = fopen("processor/edge/take_epoch.lua", "rb");
	unsigned char bytes[65536];

	(void)state;
	assert_non_null(file);
	assert_non_null(script);
	size_t length = fread(bytes, 1, sizeof(bytes), file);

	fclose(file);
	assert_int_equal(script->len, length);
	assert_memory_equal(script->data, bytes, length);
	assert_int_equal(script->data[length], 0);
}

static void test_names(void **state)
{
	(void)state;
	assert_null(asset_find("no_such_file"));
	assert_null(asset_find(""));
	assert_null(assets[asset_count].name);
	for (size_t i = 0; i < asset_count; i++) {
		assert_null(strchr(assets[i].name, '/'));
		assert_ptr_equal(asset_find(assets[i].name), &assets[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_assets_are_whole),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
