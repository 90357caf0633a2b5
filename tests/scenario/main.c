/* scenario FILE…: each in every mode. Prints "ok FILE (mode)" or what did not hold, and the sum. */
#include <stdio.h>
#include <string.h>

#include "scenario.h"

static const struct scenario_mode modes[] = {
	{ .name = "as it stands" },
	{ .name = "doubled", .doubled = true },
	{ .name = "shuffled 1", .shuffled = true, .seed = 1 },
	{ .name = "shuffled 2", .shuffled = true, .seed = 2 },
	{ .name = "restarts", .restarts = true },
	{ .name = "shuffled, doubled, restarts", .doubled = true, .shuffled = true, .restarts = true, .seed = 3 },
};

int main(int argc, char **argv)
{
	int passed = 0, failed = 0;

	for (int i = 1; i < argc; i++) {
		struct scenario scenario;

		scenario_read(&scenario, argv[i]);
		for (size_t m = 0; m < sizeof(modes) / sizeof(modes[0]); m++) {
			if (scenario_play(&scenario, &modes[m])) {
				printf("not ok %s (%s)\n", argv[i], modes[m].name);
				failed++;
			} else {
				passed++;
			}
			fflush(stdout);
		}
		scenario_free(&scenario);
	}
	printf("played: %d passed, %d failed\n", passed, failed);
	return failed != 0;
}
