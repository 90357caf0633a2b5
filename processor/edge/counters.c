#include "edge/counters.h"

#include <inttypes.h>

void counters_print_metrics(const struct counters *counters, struct buffer *out)
{
#define PRINT(kind, member, name, unit, sentence) \
	buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", name, sentence, name, #kind, name, counters->member);
	COUNTERS_TABLE(PRINT)
#undef PRINT
}

void counters_print_markdown(struct buffer *out)
{
	buffer_printf(out, "| name | kind | unit | meaning |\n|---|---|---|---|\n");
#define PRINT(kind, member, name, unit, sentence) \
	buffer_printf(out, "| `%s` | %s | %s | %s |\n", name, #kind, unit, sentence);
	COUNTERS_TABLE(PRINT)
#undef PRINT
}
