/* pipeline_inside: what pipeline.c and pipeline_status.c share. Private to them. */
#ifndef PIPELINE_INSIDE_H
#define PIPELINE_INSIDE_H

#include "base/arena.h"
#include "pipeline.h"

struct pipeline {
	struct pipeline_settings settings;
	struct pipeline_seams seams;
	struct assignment *assignment;
	struct publisher *publisher;
	struct codec *codec;
	struct arena arena;          /* of the event under the hand */
	int64_t wall_ms, monotone_ms; /* of this turn */
	int64_t started_ms;          /* monotone */
	int64_t wall_offset_ms;      /* wall minus monotone, at the start or the last suspicion */
	int64_t confirm_ms;          /* monotone: when to ask again whether we are the owner */
	int64_t broker_down_ms, storage_down_ms; /* monotone: since when; NEVER: it is up */
	bool is_unconfirmed;         /* S19: nothing goes out */
	bool is_ending;
	bool has_turned;
	struct counters counters;    /* the members that only the pipeline knows */
	char broker_text[192];
};

#define PIPELINE_NEVER INT64_MIN

#endif
