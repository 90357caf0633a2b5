/* The storage in Redis, on a real one: the contract, a server that goes away, one that evicts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/err.h"
#include "edge/storage_redis.h"
#include "storage_contract.h"

struct redis {
	char folder[64], socket[96], address[112];
	pid_t pid;
};

static void start(struct redis *r, const char *policy)
{
	struct timespec pause = { .tv_nsec = 10000000 };
	struct stat status;

	r->pid = fork();
	if (!r->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!freopen("/dev/null", "w", stdout))
			_exit(126);
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket", r->socket, "--dir", r->folder, "--save", "", "--maxmemory-policy",
			policy, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 1000 && stat(r->socket, &status); i++)
		nanosleep(&pause, NULL);
	assert_int_equal(stat(r->socket, &status), 0);
}

static void stop(struct redis *r)
{
	kill(r->pid, SIGKILL);
	waitpid(r->pid, NULL, 0);
	unlink(r->socket);
}

static void begin(struct redis *r, const char *policy)
{
	snprintf(r->folder, sizeof(r->folder), "%s", "/tmp/salespulse-redis-XXXXXX");
	assert_non_null(mkdtemp(r->folder));
	snprintf(r->socket, sizeof(r->socket), "%s/s", r->folder);
	snprintf(r->address, sizeof(r->address), "unix:%s", r->socket);
	start(r, policy);
}

static struct storage *connect_to(const struct redis *r)
{
	return storage_redis_new(&(struct storage_redis_settings){ .address = r->address, .user = "", .password = "", .job = "test", .timeout_ms = 2000 });
}

static void keeps_the_contract(void **state)
{
	struct redis r;
	struct storage *s;

	(void)state;
	begin(&r, "noeviction");
	s = connect_to(&r);
	storage_contract(s);
	s->ops->free(s);
	stop(&r);
	rmdir(r.folder);
}

static void comes_back_by_itself(void **state)
{
	struct redis r;
	struct storage *s;
	int64_t now_ms;
	int answer = -EAGAIN;

	(void)state;
	begin(&r, "noeviction");
	s = connect_to(&r);
	assert_int_equal(s->ops->server_time(s, &now_ms), STORAGE_OK);
	stop(&r);
	assert_int_equal(s->ops->server_time(s, &now_ms), -EAGAIN);
	start(&r, "noeviction");
	for (int i = 0; i < 100 && answer == -EAGAIN; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
		answer = s->ops->server_time(s, &now_ms);
	}
	assert_int_equal(answer, STORAGE_OK);
	s->ops->free(s);
	stop(&r);
	rmdir(r.folder);
}

static void an_evicting_redis_is_refused(void **state)
{
	struct redis r;
	struct storage *s;
	uint64_t epoch;
	int32_t partitions;

	(void)state;
	begin(&r, "allkeys-lru");
	s = connect_to(&r);
	assert_int_equal(s->ops->take_epoch(s, 0, 1, &epoch, &partitions), -EINVAL);
	assert_non_null(strstr(err_message(), "noeviction"));
	s->ops->free(s);
	stop(&r);
	rmdir(r.folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(keeps_the_contract), cmocka_unit_test(comes_back_by_itself),
		cmocka_unit_test(an_evicting_redis_is_refused) };

	signal(SIGPIPE, SIG_IGN); /* as run does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
