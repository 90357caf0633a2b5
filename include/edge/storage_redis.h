/*
 * storage_redis: checkpoints in Redis, all keys of a shard under one hash tag "{salespulse:<job>:<shard>}" so that Redis
 * Cluster keeps them on one node. Connects on first use and again after any error; a call that fails for want of a
 * connection answers -EAGAIN. A maxmemory-policy other than noeviction is refused (-EINVAL, err_message says the remedy):
 * an evicting Redis would delete parts of a checkpoint.
 */
#ifndef EDGE_STORAGE_REDIS_H
#define EDGE_STORAGE_REDIS_H

#include <stdint.h>

#include "edge/settings.h"
#include "edge/storage.h"

struct storage_redis_settings {
	const char *address;     /* "host:port" or "unix:/path" */
	const char *user, *password; /* "" : none */
	const char *job;
	int64_t timeout_ms;      /* of one call */
};

/* Copies the settings; never connects. */
struct storage *storage_redis_new(const struct storage_redis_settings *);
/* The one that the operator's settings name. */
struct storage *storage_redis_open(const struct settings *);

#endif
