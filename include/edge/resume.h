/*
 * resume: where a shard goes on: its input positions and its clock, kept beside its state in a checkpoint. Topics are kept by
 * name: one that was configured since then starts at its beginning, one that is gone is forgotten, and none is taken
 * for another because the list's order changed.
 */
#ifndef EDGE_RESUME_H
#define EDGE_RESUME_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"
#include "core/clock.h"
#include "edge/source.h"

/* The inputs of one shard: `partitions` of every topic. Place of one: topic * partitions + its number within the shard. */
struct resume_inputs {
	const char *const *topics;   /* names, by index; borrowed */
	uint16_t topic_count;
	int32_t partitions;          /* 1, except in `single` mode, where shard 0 has all */
};

/* Appends what a checkpoint_cut calls `extra`. The clock has a partition per place. */
void resume_save(const struct resume_inputs *, const struct clock *, struct buffer *out);
/*
 * `positions` [topic_count * partitions] have topic and partition set; offsets are filled from the saved ones, SOURCE_BEGINNING where
 * none was. The clock is initialised, with a partition per place. 0, or 1 when the bytes cannot be true.
 */
int resume_restore(const struct resume_inputs *, struct slice extra, const struct source_position *saved, size_t saved_count,
	struct source_position *positions, struct clock *);

#endif
