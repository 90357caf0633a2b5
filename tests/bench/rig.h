/*
 * rig: what the bench programs without a network share: definitions from a file, one calendar, and settings of a shard that has room for
 * anything. Borrowed by its shards: it stays where it is, and goes last.
 */
#ifndef BENCH_RIG_H
#define BENCH_RIG_H

#include "core/shard.h"
#include "core/zone.h"

struct rig {
	struct plan *plan;
	struct zone zone;
	struct calendar calendar;
	struct tenant_book book;
	struct shard_settings settings;
};

/* 0, or 1: said on stderr. */
int rig_init(struct rig *, const char *definitions);
void rig_deinit(struct rig *);

double rig_cpu_seconds(void);   /* of this process */
double rig_wall_seconds(void);  /* monotone */
/* The middle one; sorts them. */
double rig_median(double *values, size_t count);

#endif
