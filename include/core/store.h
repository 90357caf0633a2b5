/*
 * store: the entities of one shard, their registers (S2), references and children (S3). An event is merged into
 * its entity's registers; whatever that changes (own slots, references, chosen leads, derived values of parents,
 * merges) is one `store_change`, which can be looked at from both sides: the new slots, then the old ones (S4).
 *
 * Only what definitions read of an image lives as slots, with interned texts; the rest of it is kept as bytes, for the checkpoint, for
 * other definitions and for people (store_image), and costs an event little more than its copy.
 *
 * Invariant (store_check): an entity's slots are a pure function of the registers of all entities; any order and any
 * duplication of the same events ends in the same slots. Merging one event twice changes nothing.
 */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/intern.h"
#include "core/attribute.h"
#include "core/event.h"
#include "core/plan.h"
#include "core/tenant.h"
#include "core/value.h"

#define ENTITY_NONE UINT32_MAX

struct list_cells {              /* a LIST slot points to one; immutable once stored; owned by the store */
	uint32_t count, columns;
	uint64_t *present;       /* per row: bitmap of the columns that are not null */
	int64_t *cells;          /* row-major, typed by the model_list */
};

struct ext_pair { uint32_t key, value; }; /* intern ids */

struct ext_cells {               /* the customer's own fields; immutable once stored; owned by the store */
	uint32_t count;
	struct ext_pair pairs[]; /* sorted by key id */
};

struct store_cold;               /* the fields of an image that nobody reads, as bytes; immutable once stored; owned by the store */
struct registers;                /* registers.h: order keys of image, deletion, merge; stages, closings, versions */

struct entity {
	uint32_t tenant;         /* index of the shard's tenants */
	uint32_t id;             /* intern id of entity_id */
	uint8_t type;            /* enum entity_type */
	bool has_image;          /* false: known by reference only (null attributes) */
	bool deleted, excluded, erased;
	bool known;              /* it has had an event, or some image refers to it now; else nothing is left of it */
	uint32_t merged_into;    /* entity index that it is merged into in the end, cycles resolved; ENTITY_NONE: itself */
	uint64_t present[2];     /* bitmap of slots that are kept and not null */
	int64_t *slots;          /* by places, see store_slot */
	const struct ext_cells *ext; /* keys that definitions read; NULL: none. Not a slot: a changed ext is looked at by every dependent of the type */
	const struct store_cold *cold; /* NULL: nothing */
	struct registers *registers; /* NULL: it has had no event. The same on both sides of a change */
};
/*
 * Live: it has facts, and counts in its parents' derived values. An entity without an image can be live (S5), but not
 * one that only a former image referred to: which of those were ever seen depends on the order of arrival.
 */
static inline bool entity_is_live(const struct entity *e)
{
	return e->known && !e->deleted && !e->excluded && e->merged_into == ENTITY_NONE;
}

struct store_limits {
	uint32_t entities_max;
	size_t strings_bytes_max; /* of all texts, interned or not */
};

enum store_answer {
	STORE_UNCHANGED = 0,     /* a duplicate, or an older image: nothing differs */
	STORE_CHANGED = 1,       /* *ret_change is open: look at it, then store_change_close */
	STORE_FULL = 2,          /* a limit is hit; nothing was changed */
};

/* Money of `base` at a time in [from, to) may be worth another amount of `quote` than before. */
struct store_rate_change {
	uint32_t base, quote;    /* intern ids */
	int64_t from_ms, to_ms;  /* to INT64_MAX: no other rate follows */
};

/*
 * An open change. `affected` are the entities whose facts may differ: those whose slots or flags changed and measures
 * read, and those that reach a changed slot through references (plan->dependents), each once.
 */
struct store_change {
	const uint32_t *affected;
	size_t affected_count;
	const struct store_rate_change *rates; /* … and whose money was converted in one of these spans: the store knows no facts */
	size_t rate_count;
};

struct store;

/* `plan` borrowed; `strings` borrowed, already holding the plan's constants. */
struct store *store_new(const struct plan *, struct intern *strings, struct store_limits);
void store_free(struct store *);

/* Tenants, in order of first sight. Registering is idempotent. */
uint32_t store_tenant(struct store *, struct slice tenant_id, const struct tenant_settings *); /* settings NULL: every day is one of work */
uint32_t store_tenant_count(const struct store *);
/* plan_param_row of the tenant. */
uint32_t store_param_row(const struct store *, uint32_t tenant);
/* Borrowed from the tenant's settings; NULL: every day. */
const struct workdays *store_workdays(const struct store *, uint32_t tenant);
uint32_t store_tenant_id(const struct store *, uint32_t tenant);   /* intern id */

/*
 * Of events that will be applied soon: brings what that looks at nearer, for all of them at once. Nothing changes, and nothing depends on
 * it; the waits for memory of one event after the other become one.
 */
enum { STORE_EXPECT_MAX = INTERN_EXPECT_MAX };
void store_expect(const struct store *, const struct event *const *events, size_t count);
/* Merges one valid event. The change, if any, shows the new side at first. */
enum store_answer store_apply(struct store *, uint32_t tenant, const struct event *, struct store_change *ret_change);
/* Shows the other side: swaps old and new slots of all touched entities. Called an even number of times before close. */
void store_change_swap(struct store *);
/* Whether the old side of an open change is showing. */
bool store_change_shows_old(const struct store *);
void store_change_close(struct store *);

/*
 * S26. A call (any type of plan->passes) can go when it is over, alive, and all its times are below `before_ms`, its last event's too; what
 * it gave to its parents' minima stays with them. Deletions, erasures, merges never go, nor does one without which a parent would be unknown.
 * store_can_evict does not look at its facts: the caller does. No change may be open.
 */
bool store_can_evict(const struct store *, uint32_t index, int64_t before_ms);
void store_evict(struct store *, uint32_t index);
/* Whether this event may be of one that went: unknown here, of such a type, and all that it says lies below `before_ms`. */
bool store_is_past(const struct store *, uint32_t tenant, const struct event *, int64_t before_ms);

/* Places, those of evicted entities included: these are unknown and have no facts. */
uint32_t store_count(const struct store *);
/* Entities that are there. */
uint32_t store_live_count(const struct store *);
const struct entity *store_entity(const struct store *, uint32_t index);
/* Finds by tenant, type and id, or ENTITY_NONE. */
uint32_t store_find(const struct store *, uint32_t tenant, enum entity_type, struct slice id);
/* The value in a slot that is kept: what plan->slots_read has, and what it is made from. False: null, or nobody reads it. */
bool store_slot(const struct store *, const struct entity *, uint32_t slot, int64_t *ret_value);
/*
 * Its newest image as an event has it: all fields and ext, read by definitions or not. Texts are borrowed until the next event, arrays are from
 * the arena. False: it has none. No change may be open.
 */
bool store_image(const struct store *, uint32_t index, struct arena *, struct event *ret);
/* Reads one load of the plan for this entity; element: row of the list in `each_slot`, with its list, or NULL. */
struct value store_load(const struct store *, const struct entity *, const struct list_cells *, uint32_t row,
	const struct plan_load *);
/* The `load` of an expr_frame whose ctx is a struct fact_frame (fact_frame.h): plan->loads[code], overlay included. */
struct value store_frame_load(void *ctx, uint32_t code);
/* Whether an entity type of a tenant has ever delivered an event: bit per type (NO_DATA). */
uint64_t store_streams(const struct store *, uint32_t tenant);

/*
 * S16: the rate of base in quote at a time: of this pair alone the latest valid_from <= at_ms among all live fx_rate records, of two for one
 * instant that of the greater id. Of the side that an open change shows. False: none is known.
 */
struct store_rate { int64_t rate, from_ms; }; /* 1/100,000,000 */
bool store_rate(const struct store *, uint32_t tenant, uint32_t base, uint32_t quote, int64_t at_ms, struct store_rate *ret);
/* Whether there is a rate of any tenant. */
bool store_has_rates(const struct store *);

/* Counters since start: versions folded at 64, merge cycles dropped … */
struct store_counters {
	uint64_t duplicates;      /* the image that is there already, once more */
	uint64_t stale;           /* an older event that changes nothing */
	uint64_t versions_folded, stages_folded; /* registers at their limit (registers.h) */
	uint64_t merge_cycles;    /* merges whose oldest edge was dropped, counted each time they are resolved */
	uint64_t splits_scaled;   /* deals whose revenue splits pass 100 % */
	uint64_t evicted;         /* S26 */
};
struct store_counters store_counters(const struct store *);
size_t store_bytes(const struct store *);

/*
 * Checkpoint: writes entities changed since the last cut (or all with `whole`), as self-contained records; clears the
 * marks only in store_saved. Restore takes records in the order they were written; later ones replace earlier ones.
 * After the last one, store_restored recomputes references, children, derived values. Intern ids are stable: the
 * shard saves and restores the intern table itself; the tenants likewise (store_tenant in the same order).
 *
 * store_save: set *cursor to 0 for a new cut; each call appends records until `out` grew by bytes_max (at least one), and
 * answers how many; *cursor is UINT32_MAX when all are written. A cut that is never confirmed by store_saved is written
 * again by the next one. What changes after a cut began belongs to the next one.
 */
size_t store_save(struct store *, bool whole, struct buffer *out, size_t bytes_max, uint32_t *cursor);
void store_saved(struct store *);
/*
 * Where the saved intern ids differ from the present ones (other definitions, hence other constants): map[saved id] =
 * present id, for ids 1 … count. Borrowed until store_restored. Without it ids are taken as they are.
 */
void store_restore_strings(struct store *, const uint32_t *map, uint32_t count);
/* Reads records to the reader's end. 0, or 1 when they cannot be true (the store is then of no use: free it). */
int store_restore(struct store *, struct reader *);
void store_restored(struct store *);

/* Asserts every invariant; slow; tests only. */
void store_check(const struct store *);

#endif
