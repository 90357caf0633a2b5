/*
 * sim SEEDS-FILE COUNT: the seeds of the file, then 1 … COUNT, on two processes. A seed whose process ends otherwise than well has
 * failed: its steps are left out one after another as long as it still fails, and what remains is printed.
 * sim SEEDS-FILE seed N: that one alone, told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "sim.h"

enum { WORKERS = 2, SECONDS_PER_SEED_MAX = 60, FAILURES_TOLD_MAX = 5 };

struct seeds {
	uint64_t *list; /* owned */
	size_t count, capacity;
};

static void add(struct seeds *seeds, uint64_t seed)
{
	X_GROW(seeds->list, seeds->count, seeds->capacity);
	seeds->list[seeds->count++] = seed;
}

static void read_seeds(struct seeds *seeds, const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "r");
	char line[200];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		if (line[0] >= '0' && line[0] <= '9')
			add(seeds, strtoull(line, NULL, 10));
}

static void keep_all(struct sim_report *report)
{
	report->text[0] = '\0';
	for (int i = 0; i < SIM_STEPS_MAX; i++)
		report->kept[i] = true;
}

/* In a process of its own, silent. Answers whether it failed. */
static bool fails(uint64_t seed, struct plan *plan, struct sim_report *report)
{
	int status = 0;

	report->text[0] = '\0';
	fflush(stdout);
	pid_t child = fork();
	if (child == 0) {
		int nowhere = open("/dev/null", O_WRONLY);

		dup2(nowhere, STDERR_FILENO);
		dup2(nowhere, STDOUT_FILENO);
		alarm(SECONDS_PER_SEED_MAX);
		sim_run(seed, plan, report, false);
		_exit(0);
	}
	waitpid(child, &status, 0);
	return status != 0;
}

/* Leaves out halves, quarters … single steps, whatever is not needed to fail. */
static void shrink(uint64_t seed, struct plan *plan, struct sim_report *report)
{
	for (int width = SIM_STEPS_MAX / 2; width > 0; width /= 2)
		for (int at = 0; at < SIM_STEPS_MAX; at += width) {
			bool before[SIM_STEPS_MAX];

			memcpy(before, report->kept, sizeof(before));
			for (int i = at; i < at + width && i < SIM_STEPS_MAX; i++)
				report->kept[i] = false;
			if (memcmp(before, report->kept, sizeof(before)) != 0 &&
				!fails(seed, plan, report))
				memcpy(report->kept, before, sizeof(before));
		}
}

static void tell(uint64_t seed, struct plan *plan, struct sim_report *report)
{
	printf("seed %llu fails; the steps that it needs:\n", (unsigned long long)seed);
	fflush(stdout);
	report->text[0] = '\0';
	pid_t child = fork();
	if (child == 0) {
		alarm(SECONDS_PER_SEED_MAX);
		setvbuf(stdout, NULL, _IONBF, 0);
		sim_run(seed, plan, report, true);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	printf("seed %llu: %s\n", (unsigned long long)seed,
		report->text[0] ? report->text : "the process died, see above");
	fflush(stdout);
}

static pid_t begin_worker(const struct seeds *seeds, struct plan *plan, struct sim_report *report)
{
	fflush(stdout);
	pid_t child = fork();

	if (child != 0)
		return child;
	for (; report->position < seeds->count; report->position += WORKERS) {
		alarm(SECONDS_PER_SEED_MAX);
		sim_run(seeds->list[report->position], plan, report, false);
	}
	_exit(0);
}

static size_t run_all(const struct seeds *seeds, struct plan *plan, struct sim_report *reports)
{
	pid_t workers[WORKERS];
	size_t failed = 0, alive = 0;

	for (size_t w = 0; w < WORKERS; w++, alive++) {
		keep_all(&reports[w]);
		reports[w].position = w;
		workers[w] = begin_worker(seeds, plan, &reports[w]);
	}
	while (alive > 0) {
		int status = 0;
		pid_t ended = wait(&status);
		size_t w = ended == workers[0] ? 0 : 1;
		struct sim_report *report = &reports[w];

		if (status == 0) {
			alive--;
			continue;
		}
		uint64_t seed = seeds->list[report->position];
		printf("seed %llu: %s\n", (unsigned long long)seed,
			report->text[0] ? report->text : "the process died");
		if (failed++ < FAILURES_TOLD_MAX) {
			shrink(seed, plan, &reports[WORKERS]);
			tell(seed, plan, &reports[WORKERS]);
			keep_all(&reports[WORKERS]);
		}
		report->text[0] = '\0';
		report->position += WORKERS;
		workers[w] = begin_worker(seeds, plan, report);
	}
	return failed;
}

int main(int argc, char **argv)
{
	struct seeds seeds = { 0 };
	struct sim_report *reports = mmap(NULL, (WORKERS + 1) * sizeof(*reports),
		PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct plan *plan = sim_plan();

	if (argc < 3 || reports == MAP_FAILED)
		return 2;
	keep_all(&reports[WORKERS]);
	if (argc == 4) {
		setvbuf(stdout, NULL, _IONBF, 0);
		sim_run(strtoull(argv[3], NULL, 10), plan, &reports[WORKERS], true);
		return 0;
	}
	read_seeds(&seeds, argv[1]);
	for (uint64_t seed = 1; seed <= strtoull(argv[2], NULL, 10); seed++)
		add(&seeds, seed);
	fflush(stdout);
	size_t failed = run_all(&seeds, plan, reports);
	if (reports[0].answers + reports[1].answers < seeds.count) {
		printf("sim: hardly a question was answered\n");
		failed++;
	}
	printf("sim: %zu passed, %zu failed\n", seeds.count - failed, failed);
	free(seeds.list);
	plan_free(plan);
	return failed != 0;
}
