/*
 * registers: what an entity remembers of its own events (S2). Each register is a maximum or a set that keeps its
 * greatest members, so merging events into it commutes, associates and is idempotent; everything that the store shows
 * is computed from these. Private to store*.c and its tests.
 *
 * Invariant: a pure function of the set of events merged so far. Where a set has a limit, what falls out is decided by
 * the member itself (its time, its key), never by when it came.
 */
#ifndef CORE_REGISTERS_H
#define CORE_REGISTERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/intern.h"
#include "core/event.h"

enum registers_limit {
	REGISTERS_VERSIONS_MAX = 64,  /* greatest order keys stay */
	REGISTERS_STAGES_MAX = 128,   /* latest entered_at stay */
	REGISTERS_CLOSINGS_MAX = 64,  /* latest close times stay */
};

/* One stage entry: (stage_id, entered_at) -> least and greatest order key of the images that bear it. */
struct register_stage {
	uint32_t stage_id;            /* intern id, never 0 */
	int64_t entered_at_ms;
	struct order_key least, greatest;
	uint32_t owner_id, team_id;   /* of the image at `least`: who held it when it entered */
	uint32_t pipeline_id;         /* of the image at `greatest`, as stage_order */
	int64_t stage_order;
	bool has_order;
};

/* The register `wins`: close time -> owner and team at the lowest key that bears it. */
struct register_closing {
	int64_t at_ms;
	struct order_key least;
	uint32_t owner_id, team_id;   /* intern ids, 0 = null */
};

/* What an OPEN image of an opportunity says of its worth (S13). Ids are intern ids, 0 = null. */
struct register_version {
	struct order_key key;
	int64_t amount, probability;  /* 1/10,000; of a target its value and ramp factor */
	bool has_amount, has_probability;
	bool has_from_day;
	int32_t from_day;             /* of a target: the local day from which it is said to hold */
	uint32_t currency, owner_id, team_id, stage_id, pipeline_id;
};

/* Order of `merged_into`: by when it happened, then the event. */
struct merge_key {
	int64_t occurred_at_ms;
	uint8_t id[16];
	uint64_t hash;
};

/* What few entities have. */
struct registers_more {
	struct order_key image_key;   /* where the greatest op is without a body, or has none yet */
	struct merge_key merge_key;   /* valid with has_merge */
	uint32_t merge_target;        /* entity index; UINT32_MAX: an UNDELETE of its own is the greatest */
};

/* What only opportunities, deals and targets have. Items grow exactly at first: most have one or two. */
struct registers_sets {
	struct register_stage *stages;      /* sorted by greatest key */
	struct register_closing *closings;  /* sorted by at_ms */
	struct register_version *versions;  /* sorted by key */
	uint8_t stage_count, stage_cap, closing_count, closing_cap, version_count, version_cap;
};

struct registers {
	struct order_key last_key;    /* of the greatest op other than ERASE; valid with has_last */
	struct registers_more *more;  /* owned; NULL: the last op has the image, and no merge names it */
	struct registers_sets *sets;  /* the caller's storage, right beside; NULL: of a type that has none */
	bool has_image, has_last, has_merge;
	bool image_is_last;           /* the image's key is last_key */
	bool last_is_delete, excluded, erased;
};

/* The key of the greatest op with a body; only with has_image. */
static inline const struct order_key *registers_image_key(const struct registers *r)
{
	return r->image_is_last ? &r->last_key : &r->more->image_key;
}

/* Entity index, UINT32_MAX: none, or an UNDELETE of its own is the greatest. */
static inline uint32_t registers_merge_target(const struct registers *r)
{
	return r->has_merge ? r->more->merge_target : UINT32_MAX;
}

/* How an op relates to what is there. */
enum registers_image { REGISTERS_OLDER, REGISTERS_SAME, REGISTERS_NEWER };

/* `sets`: the caller's too, or NULL. */
void registers_init(struct registers *, struct registers_sets *sets);
void registers_deinit(struct registers *);
/* With sets. */
struct registers *registers_new(void);
void registers_free(struct registers *);

struct merge_key merge_key_of(const struct order_key *);
int merge_key_compare(const struct merge_key *, const struct merge_key *);

/* Where an image with this key stands; nothing is changed. */
enum registers_image registers_image_order(const struct registers *, const struct order_key *);
/* Each answers whether the register changed. */
bool registers_put_image(struct registers *, const struct order_key *, bool excluded);
bool registers_put_last(struct registers *, const struct order_key *, bool is_delete);
/* Both of one op, which has an image or not. */
bool registers_put_op(struct registers *, const struct order_key *, bool is_delete, bool has_image, bool excluded);
bool registers_put_erased(struct registers *);
/* A greater key replaces; an equal one with another target too: the caller breaks that tie by the targets' ids. */
bool registers_put_merge(struct registers *, const struct merge_key *, uint32_t target);
/* Of one that has a merge: the target as it is known now. */
void registers_set_merge_target(struct registers *, uint32_t target);
/* `in` compares stage texts where two entries of one time compete for the last place. ret_folded: one fell out. */
bool registers_put_stage(struct registers *, const struct register_stage *, const struct intern *in, bool *ret_folded);
bool registers_put_closing(struct registers *, const struct register_closing *);
bool registers_put_version(struct registers *, const struct register_version *, bool *ret_folded);

/* The closing at exactly this time, or NULL. */
const struct register_closing *registers_closing_at(const struct registers *, int64_t at_ms);
/* Of what it allocated, beside itself. NULL: 0. */
size_t registers_bytes(const struct registers *);

/* Saved intern ids -> present ones: map[id] for 1 … count; a NULL map: as they are. 0 stays 0. */
struct string_map {
	const uint32_t *map;
	uint32_t count;
};
/* Reads a saved id; one that is above `count` makes the reader bad. */
uint32_t string_map_read(const struct string_map *, struct reader *);

/*
 * Bytes for a checkpoint, without the merge's target (an index: the store writes it by id). Read answers false on bytes that
 * cannot be true: unsorted, beyond a limit, or a string id that is unknown.
 */
void registers_write(const struct registers *, struct buffer *);
bool registers_read(struct registers *, struct reader *, const struct string_map *);
void order_key_write(const struct order_key *, struct buffer *);
void order_key_read(struct order_key *, struct reader *);

#endif
