/*
 * Definitions as an operator may write them. Whatever they are: no crash and no endless work; taken, or refused with a position; what is
 * taken can be printed, and compiles to the same plan a second time. `include:` of files is left out: it would read whatever is there.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/plan.h"
#include "edge/definition_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/* libfyaml loses a few bytes of its own over some broken texts. */
const char *__lsan_default_suppressions(void)
{
	return "leak:libfyaml.so";
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	struct buffer said, again;
	struct plan *plan, *second;

	if (size && memmem(data, size, "include", 7))
		return 0;
	buffer_init(&said);
	buffer_init(&again);
	if (definition_text_plan("k.yaml", text, &plan, &said)) {
		assert(said.len > 7 && memcmp(said.data, "k.yaml:", 7) == 0);
		assert(definition_text_plan("k.yaml", text, &plan, &again));
		assert(slice_equal(buffer_slice(&said), buffer_slice(&again)));
	} else {
		assert(said.len == 0);
		plan_print(plan, &said);
		assert(definition_text_plan("k.yaml", text, &second, &again) == 0);
		assert(plan->fingerprint == second->fingerprint);
		plan_print(second, &again);
		assert(slice_equal(buffer_slice(&said), buffer_slice(&again)));
		plan_free(plan);
		plan_free(second);
	}
	buffer_deinit(&said);
	buffer_deinit(&again);
	return 0;
}
