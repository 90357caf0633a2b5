/*
 * store_inside: what the files store*.c share. An entity is a node: its public part, its raw links (S3: kept at the raw
 * target), its children per relation, its raw merge edge. A change is a trail of copies of what was touched.
 *
 * Invariant: within store_apply every write to a node's public part comes after store_touch of that node.
 * Private to store*.c.
 */
#ifndef CORE_STORE_INSIDE_H
#define CORE_STORE_INSIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/index.h"
#include "base/slab.h"
#include "core/registers.h"
#include "core/store.h"

enum store_inside_limit {
	STORE_CHUNK_BITS = 10,            /* nodes per chunk: 1,024; chunks never move, so pointers stay good */
	STORE_LINKS_MAX = 6,              /* relations of which one type is the child */
	STORE_HEADS_MAX = 12,             /* relations of which one type is the parent */
};

struct store_link {
	uint32_t target;                  /* the raw target, ENTITY_NONE without one */
	uint32_t prev, next;              /* siblings of the same target; ENTITY_NONE at the ends */
	uint32_t id;                      /* as the record names the target, 0 without one; of a chosen link 0 */
};

struct store_node {
	struct entity entity;             /* first: a pointer to it is a pointer to the node */
	char *block;                      /* registers, sets, slots, links, heads, in this order: see store_layout */
	uint32_t link_count;              /* raw links of images that point here; chosen ones do not count */
	uint32_t merge_target;            /* raw merge edge as linked; equals the register's target */
	uint32_t merge_prev, merge_next;  /* siblings that are merged into the same target */
	uint32_t merge_head;              /* first of those whose raw merge edge points here */
	uint32_t trail;                   /* its place in the trail of change `serial` */
	uint32_t serial;                  /* change that touched it last */
	uint32_t affected;                /* change that has it in `affected` */
	uint32_t mark;                    /* of the walk that saw it last */
	bool dirty, saving;               /* checkpoint: changed since the cut, written by the cut in hand */
	uint8_t place;                    /* enum store_place */
};

/* S26: whose place this is. What went is in no index, is unknown, has no arrays' contents and no links. */
enum store_place {
	PLACE_TAKEN,
	PLACE_GONE,                       /* a checkpoint may hold what was here: it has to be told first */
	PLACE_FREE,                       /* in free_nodes */
};

/* S26: what an evicted child gave to a derived minimum or maximum of its parent. */
struct store_fold {
	uint32_t parent;                  /* the raw target of the link */
	uint32_t derived;                 /* index in plan->derived */
	int64_t value;
	bool dirty, saving;               /* as of a node */
};

/* The old side of a touched node; with the other side showing, the new one. */
struct store_touch {
	uint32_t node;
	struct entity other;
};

struct u32_list {
	uint32_t *items;
	uint32_t count, cap;
};
void u32_list_add(struct u32_list *, uint32_t);

struct store_tenant {
	uint32_t id;                      /* intern id */
	uint64_t streams;                 /* bit per entity type that has delivered */
	uint32_t param_row;               /* plan_param_row */
	const struct workdays *workdays;  /* borrowed; NULL: every day */
};

/* Slots that store*.c use themselves, looked up once. */
struct store_slots {
	uint8_t lead_created_at, lead_opportunity;
	uint8_t opp_status, opp_won_at, opp_lost_at, opp_closed_at, opp_owner_id, opp_team_id, opp_stage_id,
		opp_pipeline_id, opp_stage_order, opp_stage_entered_at, opp_amount, opp_currency, opp_probability;
	uint8_t opp_close_owner_id, opp_close_team_id, opp_close_at, opp_visits, opp_versions, opp_lead_by_id, opp_lead;
	uint8_t deal_won_at, deal_owner_id, deal_team_id, deal_owner_at_win_id, deal_team_at_win_id, deal_amount, deal_refund_amount, deal_splits,
		deal_account_id, deal_contact_id, deal_customer_id, deal_win_owner_id, deal_win_team_id, deal_credit, deal_opportunity,
		deal_lead_by_id, deal_lead;
	uint8_t target_value, target_currency, target_period_start, target_period_end, target_pacing_curve, target_effective_from,
		target_ramp_factor, target_slices, spend_amount, spend_period_start, spend_period_end, spend_days;
	uint8_t fx_base, fx_quote, fx_rate, fx_valid_from;
	uint8_t split_rep_id, split_role, split_credit_pct; /* columns of deal.splits */
};

/* Symbols that store*.c compare with or write, interned once. */
struct store_words {
	uint32_t open, won, lost;
	uint32_t advanced, back, moved_pipeline;
};

/* What a derived value reads of its child. */
struct store_reads {
	uint64_t slots[2];                /* the relation's slot and those of the programs */
	bool ext;
};

/*
 * What of a type's slots is kept, and where: what the plan reads, and what the store makes that from. Fields that are fed into registers are
 * prepared as slots whether or not they are kept as such.
 */
enum { STORE_NO_PLACE = UINT8_MAX };
struct store_layout {
	uint8_t place[ATTRIBUTE_SLOTS_MAX]; /* in entity.slots; STORE_NO_PLACE */
	uint8_t slot[ATTRIBUTE_SLOTS_MAX];  /* by place, rising: fields come first */
	uint8_t count, field_count;         /* places; those of fields */
	uint64_t kept[2];                   /* bitmap of slots that have a place */
	uint64_t prepared;                  /* bitmap of fields: kept, or fed */
	uint16_t sets_at, slots_at, links_at, heads_at, bytes; /* in node.block */
};

struct store {
	const struct plan *plan;          /* borrowed */
	struct store_layout layout[ENTITY_TYPE_COUNT];
	struct intern *strings;           /* borrowed */
	struct store_limits limits;
	struct store_slots slot;
	struct store_words word;
	uint8_t link_place[RELATION_STORED_COUNT], head_place[RELATION_STORED_COUNT];
	uint8_t named[ENTITY_TYPE_COUNT][STORE_LINKS_MAX], named_count[ENTITY_TYPE_COUNT]; /* relations whose child names an id */
	uint8_t link_count[ENTITY_TYPE_COUNT], head_count[ENTITY_TYPE_COUNT];
	int16_t link_field[RELATION_STORED_COUNT]; /* slot of the id that a relation follows; -1: chosen */
	struct store_reads *reads;        /* per plan->derived */
	uint64_t zero_slots[ENTITY_TYPE_COUNT][2]; /* derived slots that are 0, not null, without children */
	struct u32_list dependents[ENTITY_TYPE_COUNT]; /* plan->dependents by the type that changed */
	int8_t relation_of_slot[ENTITY_TYPE_COUNT][ATTRIBUTE_SLOTS_MAX]; /* stored relation of a reference slot, or -1 */
	struct u32_list ext_declared;     /* keys that definitions read: these survive an ERASE */

	struct store_node **chunks;
	uint32_t count, chunk_count, chunk_cap;
	struct index index;
	struct arena memory;              /* nodes' slots, links, heads: never freed one by one */
	struct store_tenant *tenants;
	uint32_t tenant_count, tenant_cap;

	/* the open change */
	bool open, old_side, differs;
	uint32_t serial, mark;
	struct arena trail_memory;
	struct store_touch *touched;
	uint32_t touched_count, touched_cap;
	struct u32_list affected;
	struct store_grave {              /* lists, ext and cold that were replaced: freed at close */
		void *block;
		size_t bytes;             /* of a piece of the slab; 0: malloc's */
	} *graveyard;
	uint32_t graveyard_count, graveyard_cap;

	/* scratch, kept for its memory */
	struct u32_list stack, found, parents, frontier;
	struct buffer scratch;
	enum entity_type image_type;
	int64_t *image_slots;             /* of the event's image, by field: those that are prepared */
	uint64_t image_present;
	struct buffer image_cold;         /* … and the others, as they are kept */
	uint32_t image_customer;          /* of a deal; 0 = none */
	const struct ext_cells *image_ext;
	struct store_texts {              /* of one type: its STRING fields that are prepared */
		uint8_t fields[MODEL_FIELDS_MAX], count;
		uint32_t last[MODEL_FIELDS_MAX]; /* by field: the id of the one before; status, currency … repeat */
	} texts[ENTITY_TYPE_COUNT];
	uint32_t text_ids[MODEL_FIELDS_MAX]; /* of the event in hand, by field: its id if that repeats, else 0 */

	/* S26 */
	uint32_t gone_count;              /* places that are not taken */
	struct u32_list free_nodes[ENTITY_TYPE_COUNT]; /* places of evicted entities, with their arrays */
	struct store_fold *folds;
	uint32_t fold_count, fold_cap;
	struct index fold_index;          /* by parent and derived */
	struct passing {                  /* of types that can go: where it says that it is over */
		uint8_t slot;
		uint32_t symbol;          /* intern id; 0: whatever the slot says */
	} passing[ENTITY_TYPE_COUNT];
	struct store_next *nexts;         /* per plan->derived; store_next.c */
	size_t next_bytes;
	struct store_rates *rates;        /* store_rates.c */
	bool has_cut;                     /* there may be a checkpoint that knows what is evicted now */
	bool folds_changed;

	struct u32_list dirty, saving;
	struct string_map restore_map;
	struct store_counters counters;
	size_t list_bytes, ext_bytes, register_bytes;
	struct slab cold;
};

static inline struct store_node *store_node(const struct store *s, uint32_t index)
{
	return &s->chunks[index >> STORE_CHUNK_BITS][index & ((1u << STORE_CHUNK_BITS) - 1)];
}

static inline bool slot_present(const struct entity *e, uint32_t slot)
{
	return e->present[slot >> 6] >> (slot & 63) & 1;
}

/* What is in a slot; 0 without a value. */
static inline int64_t slot_cell(const struct store *s, const struct entity *e, uint32_t slot)
{
	return slot_present(e, slot) ? e->slots[s->layout[e->type].place[slot]] : 0;
}

/* The entity that the slot refers to, or ENTITY_NONE. */
static inline uint32_t slot_ref(const struct store *s, const struct entity *e, uint32_t slot)
{
	return slot_present(e, slot) ? (uint32_t)slot_cell(s, e, slot) : ENTITY_NONE;
}

/* The intern id in a STRING slot, or 0. */
static inline uint32_t slot_string(const struct store *s, const struct entity *e, uint32_t slot)
{
	return (uint32_t)slot_cell(s, e, slot);
}

/* The list in a LIST slot, or NULL. */
static inline const struct list_cells *slot_list(
	const struct store *s, const struct entity *e, uint32_t slot)
{
	return (const struct list_cells *)(intptr_t)slot_cell(s, e, slot);
}

static inline bool store_keeps(const struct store *s, enum entity_type type, uint32_t slot)
{
	return s->layout[type].place[slot] != STORE_NO_PLACE;
}

/* Whose registers have stages, closings or versions. */
static inline bool store_has_sets(enum entity_type type)
{
	return type == ENTITY_OPPORTUNITY || type == ENTITY_DEAL || type == ENTITY_TARGET;
}

/* Per relation of the type as child. */
static inline struct store_link *node_links(const struct store *s, const struct store_node *node)
{
	return (struct store_link *)(void *)(node->block + s->layout[node->entity.type].links_at);
}

/* Per relation of the type as parent: its first raw child. */
static inline uint32_t *node_heads(const struct store *s, const struct store_node *node)
{
	return (uint32_t *)(void *)(node->block + s->layout[node->entity.type].heads_at);
}

/* Whether any definition sees it (plan.h): only then a node has links and heads of it. */
static inline bool store_uses(const struct store *s, enum relation r)
{
	return s->plan->relations_used >> r & 1;
}

/* The end of its merges: itself if it is not merged. */
static inline uint32_t store_root(const struct store *s, uint32_t index)
{
	uint32_t into = store_node(s, index)->entity.merged_into;

	return into == ENTITY_NONE ? index : into;
}

/* ---- store.c ---- */
/* Finds, or makes an entity that is known by reference only. */
uint32_t store_find_or_add(struct store *, uint32_t tenant, enum entity_type, uint32_t id);
void store_unindex(struct store *, uint32_t index);
void store_free_lists(struct store *, const struct entity *);
/* From its first event on an entity has registers; when it goes, none again. They lie in its block. */
struct registers *store_begin_registers(struct store *, uint32_t index);
void store_end_registers(struct store *, uint32_t index);
/* Flags, erasure and own attributes from the registers. */
void store_show_registers(struct store *, uint32_t index);
void store_mark_dirty(struct store *, uint32_t index);
/* Throws a replaced list or ext away when the change closes. NULL is taken. */
void store_bury(struct store *, const void *);
void store_bury_piece(struct store *, const void *, size_t bytes);

/* ---- store_layout.c ---- */
/* After the slots, relations and derived values are known. */
void store_layout_init(struct store *);

/* ---- store_cold.c ---- */
struct store_cold {
	uint32_t len;
	uint8_t bytes[];
};
/* «Unknown or blank is null» (EVENTS.md): a text of nothing but space says nothing, and is no key of a giant customer (S5). */
bool store_text_is_blank(struct slice);
/* One field that is not null, one entry of ext: appended in the order of fields, then of keys. What is blank is not written. */
void store_cold_put_field(struct buffer *, const struct model_field *, uint32_t field, const struct event_value *);
void store_cold_put_ext(struct buffer *, struct slice key, struct slice value);
struct cold_reader {
	struct reader in;                 /* bad: they cannot be what was written */
	enum entity_type type;
	struct arena *arena;              /* for lists; NULL: these are only walked over */
	int field;                        /* of the last one; -1 at first; MODEL_FIELDS_MAX: an entry of ext */
	struct slice key;                 /* … its key */
	struct event_value value;         /* texts borrowed from the bytes */
};
struct cold_reader store_cold_reader(enum entity_type, struct slice bytes, struct arena *);
/* False: no more, or bad. */
bool store_cold_next(struct cold_reader *);
struct slice store_cold_slice(const struct store_cold *);
/* Takes a copy of the bytes as the entity's, unless they are what is there; empty: nothing. */
void store_cold_set(struct store *, uint32_t index, struct slice bytes);
void store_cold_free(struct store *, const struct store_cold *);
/* Removes what is personal. */
void store_cold_erase(struct store *, uint32_t index);

/* ---- store_read.c ---- */
/* Where texts stand as ids of a saved table. NULL instead: they stand there themselves. */
struct store_texts_in {
	const struct intern *strings;
	const struct string_map *map;
};
/* A text's id is in `i` too, if it stood there as one. */
struct event_value store_read_value(struct reader *, enum value_type, const struct store_texts_in *);
/* From the arena; NULL: bad, or without an arena only walked over. */
struct event_list *store_read_list(struct reader *, const struct model_list *, const struct store_texts_in *, struct arena *);

/* ---- store_save.c ---- */
/* The head of a record of one entity: kind, tenant, type, id. */
void store_write_name(const struct entity *, uint8_t kind, struct buffer *out);
/* Everything that is shown, from the registers alone. */
void store_recompute(struct store *);

/* ---- store_next.c ---- */
struct store_next;
void store_next_init(struct store *);
void store_next_deinit(struct store *);
/* One touched record's place, and the values of its neighbours. */
void store_next_change(struct store *, uint32_t derived, const struct store_touch *);
void store_next_recompute(struct store *, uint32_t derived);
/* S26: the first of its keys is nobody's successor, so that it can go without changing another. */
bool store_next_is_first(const struct store *, uint32_t node);
void store_next_leave(struct store *, uint32_t node);

/* ---- store_rates.c ---- */
struct store_rates;
void store_rates_init(struct store *);
void store_rates_deinit(struct store *);
/* The rates that the trail changed: both sides stand in the lists until store_rates_close. */
void store_rates_change(struct store *, struct store_change *ret_change);
void store_rates_close(struct store *);
size_t store_rates_bytes(const struct store *);
void store_rates_recompute(struct store *);
void store_rates_check(const struct store *);

/* ---- store_evict.c ---- */
void store_evict_init(struct store *);
void store_evict_deinit(struct store *);
/* A free place for an entity of this type, with its arrays, taken now; or ENTITY_NONE. */
uint32_t store_evict_reuse(struct store *, enum entity_type);
/* What was remembered of evicted children of this raw parent; false: nothing. */
bool store_fold_find(const struct store *, uint32_t parent, uint32_t derived, int64_t *ret_value);
/* Those that went since the last cut, then what was remembered of them. `whole`: only the latter, all of it. */
void store_evict_write(struct store *, bool whole, struct buffer *out);
void store_evict_saved(struct store *);
/* Records of store_evict_write. */
enum { STORE_RECORD_GONE = 'G', STORE_RECORD_FOLD = 'F' };
void store_evict_read_gone(struct store *, uint32_t index);
void store_evict_read_fold(struct store *, uint32_t index, struct reader *);
/* After everything was linked: takes the places of those that went. */
void store_evict_restored(struct store *);

/* ---- store_change.c ---- */
/* The order of two entities' ids as texts: of indexes it would depend on arrival. */
int store_compare_ids(const struct store *, uint32_t a, uint32_t b);
void store_change_begin(struct store *);
void store_touch(struct store *, uint32_t index);
/* The old side of a node in the open change, NULL if untouched. */
const struct entity *store_old(const struct store *, uint32_t index);
void store_set(struct store *, uint32_t index, uint32_t slot, bool present, int64_t value);
void store_set_known(struct store *, uint32_t index);
/* Fills `affected` from the trail: who differs, and who reads it. */
void store_collect_affected(struct store *);
/* A fresh mark for one walk. */
uint32_t store_new_mark(struct store *);
/* Appends to `out` the node and all that are merged into it, if it is a root. */
void store_merge_tree(struct store *, uint32_t root, struct u32_list *out);

/* ---- store_image.c ---- */
/* Looks which of the event's texts repeat those of the one before it; before store_prepare_image of the same event. */
void store_recall_texts(struct store *, const struct event *);
/* The event's fields as slots in s->image_*. False: the strings' limit is hit. */
bool store_prepare_image(struct store *, const struct event *, bool erased);
void store_drop_image(struct store *);
/* Takes the prepared image as the entity's; its lists and ext move over. */
void store_take_image(struct store *, uint32_t index);
/* Removes what ERASE removes. */
void store_erase(struct store *, uint32_t index);
void store_ext_free(struct store *, const void *);
/* As if there had been none. */
void store_clear_image(struct store *, uint32_t index);
/* New zeroed block. */
struct list_cells *store_list_new(struct store *, uint32_t count, uint32_t columns);
void store_list_free(struct store *, const void *);
bool list_cells_equal(const struct list_cells *, const struct list_cells *);
/* Sets a LIST slot to `list` (owned; NULL = null); an equal one that is there stays, and `list` is freed. */
void store_set_list(struct store *, uint32_t index, uint32_t slot, struct list_cells *list);
/* A zeroed list in the trail's memory, for what mostly turns out to be there already; and the same as store_set_list of a copy. */
struct list_cells *store_list_draft(struct store *, uint32_t count, uint32_t columns);
void store_set_list_draft(struct store *, uint32_t index, uint32_t slot, const struct list_cells *draft);

/* ---- store_attributes.c ---- */
/* Feeds stages, closings and versions from the prepared image. Whether any register changed. */
bool store_feed_sets(struct store *, uint32_t index, const struct order_key *);
/* Attributes of an entity that come from its own slots and registers alone. */
void store_own_attributes(struct store *, uint32_t index);

/* ---- store_credit.c ---- */
struct list_cells *store_credit(struct store *, const struct entity *);

/* ---- store_days.c ---- */
/* A spend evenly over its days; a target over its days, as it was said for each. NULL: not all of it is known. */
struct list_cells *store_spend_days(struct store *, const struct entity *);
struct list_cells *store_target_slices(struct store *, const struct entity *);

/* ---- store_links.c ---- */
/* Raw links and references from the entity's own ids. May add entities. */
void store_relink(struct store *, uint32_t index);
void store_link_set(struct store *, enum relation, uint32_t child, uint32_t target);
/* The reference slots of all raw children of this node, after its root changed. */
void store_children_rereference(struct store *, uint32_t index);
/* Chosen leads of all that the trail may have changed. */
void store_choose_leads(struct store *);
/* Of one; an opportunity's before its deals'. */
void store_choose_of_opportunity(struct store *, uint32_t index);
void store_choose_of_deal(struct store *, uint32_t index);

/* ---- store_merge.c ---- */
/* One MERGE that names `loser`, or with target ENTITY_NONE its own UNDELETE. Whether the register changed. */
bool store_merge(struct store *, uint32_t loser, uint32_t target, const struct merge_key *);
/* Links a restored register's edge without resolving. */
void store_merge_link(struct store *, uint32_t loser, uint32_t target);
/* The root from the raw edges alone. */
uint32_t store_resolve(struct store *, uint32_t index, bool *ret_cycle);

/* ---- store_derive.c ---- */
void store_derive_init(struct store *);
/* A program over one entity's own slots. */
struct value store_run(const struct store *, const struct expr_program *, const struct entity *);
/* All derived values, from the trail. */
void store_derive(struct store *);
/* One value of one parent, from all its children; for restore and check. */
struct value store_derive_scan(struct store *, uint32_t derived, uint32_t parent);
/* What one child gives to it now; false: nothing. */
bool store_derive_gives(const struct store *, uint32_t derived, uint32_t child, struct value *ret_value);
void store_derive_put(struct store *, uint32_t derived, uint32_t parent, struct value);

#endif
