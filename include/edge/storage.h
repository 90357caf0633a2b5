/*
 * storage: where checkpoints live: segments and a manifest per shard, changed by a fenced swap (S17, S22).
 * Implementations: storage_redis (Lua scripts, one hash tag per shard), storage_memory (with faults for the simulation).
 *
 * Calls may block (the checkpoint's writer thread makes them), except that storage_memory never does. Answers are
 * documented per call; -EAGAIN: not reachable now, try later; other negative errno: fatal.
 */
#ifndef EDGE_STORAGE_H
#define EDGE_STORAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum storage_answer {
	STORAGE_OK = 0,
	STORAGE_ABSENT = 1,      /* no such key */
	STORAGE_FENCED = 2,      /* a newer epoch owns the shard: stop writing for ever */
	STORAGE_REBASE = 3,      /* the manifest is not my predecessor, or a segment is missing: write a full base */
};

struct storage_segment {
	struct slice name;       /* "<epoch>-<writer id>-<number>" */
	struct slice bytes;
};

struct storage;

struct storage_ops {
	const char *name;
	/* S17: epoch = max(stored + 1, server TIME in seconds), atomically. Also S25: fixes partition_count at the first start;
	 * ret_partition_count is the stored one. */
	int (*take_epoch)(struct storage *, int32_t shard, int32_t partition_count, uint64_t *ret_epoch, int32_t *ret_partition_count);
	/* The epoch that was given last, without taking one (S24). ABSENT when none ever was. */
	int (*read_epoch)(struct storage *, int32_t shard, uint64_t *ret_epoch);
	/* The current manifest and its predecessors, newest first: index 0 is the current. ABSENT when there is none. */
	int (*read_manifest)(struct storage *, int32_t shard, uint32_t index, struct buffer *ret);
	int (*read_segment)(struct storage *, int32_t shard, struct slice name, struct buffer *ret);
	int (*write_segment)(struct storage *, int32_t shard, const struct storage_segment *);
	/* Atomically: epoch is mine, the current manifest's id is `predecessor` (0: none), every listed segment is there with its
	 * length -> becomes current, the former ones shift (two are kept). OK, FENCED or REBASE. */
	int (*swap_manifest)(struct storage *, int32_t shard, uint64_t epoch, uint64_t predecessor, uint64_t id,
		struct slice manifest, const struct slice *segment_names, const uint64_t *segment_lengths, size_t segment_count);
	/* Deletes segments of older epochs, or of mine, that no kept manifest lists. */
	int (*sweep)(struct storage *, int32_t shard, uint64_t epoch, const struct slice *keep, size_t keep_count, uint64_t *ret_deleted);
	/* The server's clock (S8): UTC ms. */
	int (*server_time)(struct storage *, int64_t *ret_ms);
	/* Shards that have a manifest, for `state` and `audit`: the n-th, ABSENT at the end. */
	int (*list)(struct storage *, uint32_t n, int32_t *ret_shard);
	void (*free)(struct storage *);
};

struct storage {
	const struct storage_ops *ops;
};

#endif
