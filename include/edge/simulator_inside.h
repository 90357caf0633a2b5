/*
 * What the files of the simulator share. Two queues drive it: `agenda` holds what will happen on the sales floor, by time;
 * `mail` holds what has happened and is on its way to us, by arrival. What is on its way carries a copy of what the entity was
 * then, so that a late event says what was true when it occurred. Private to simulator*.c.
 */
#ifndef EDGE_SIMULATOR_INSIDE_H
#define EDGE_SIMULATOR_INSIDE_H

#include "base/rng.h"
#include "core/zone.h"
#include "edge/simulator.h"

enum { SIM_TEAMS_MAX = 8, SIM_ITEMS_MAX = 3, SIM_RECENT_MAX = 256, SIM_NOBODY = UINT16_MAX };

#define SIM_SECOND INT64_C(1000)
#define SIM_MINUTE (60 * SIM_SECOND)
#define SIM_HOUR (60 * SIM_MINUTE)
#define SIM_DAY (24 * SIM_HOUR)

/* ---- what the floor is made of (simulator_floor.c) ------------------------------------------------------------ */

struct sim_city {
	const char *id, *name, *region;
};

struct sim_source {
	const char *id;
	unsigned weight_day, weight_night; /* how often leads come from it */
	double good;                       /* share of reached leads that are good */
	const char *campaign;              /* NULL: none */
};

struct sim_product {
	const char *id, *family;
	int64_t price;                     /* rupiah */
	unsigned weight, quantity_max, margin_pct;
};

enum { SIM_STAGE_COUNT = 4, SIM_STAGE_WON = 4, SIM_STAGE_LOST = 5 };
struct sim_stage {
	const char *id, *name;
	int64_t order, probability;        /* 1/10,000 */
	double advance;                    /* share that goes on */
	int64_t stay_ms;                   /* median */
};

extern const struct sim_source sim_sources[];
extern const unsigned sim_source_count;
extern const struct sim_product sim_products[];
extern const unsigned sim_product_count;
extern const struct sim_stage sim_stages[SIM_STAGE_LOST + 1];
extern const char *const sim_lost_reasons[], *const sim_bad_reasons[];
extern const unsigned sim_lost_reason_count, sim_bad_reason_count;
enum { SIM_USD_RUPIAH = 16250 }; /* about what a dollar is worth */
#define SIM_PIPELINE "penjualan"

struct sim_rep {
	char id[48];
	const char *first, *last;          /* names */
	uint16_t team, team_before;        /* team_before: SIM_NOBODY without a move */
	uint16_t version;
	bool is_manager, is_silent;        /* managers carry no quota; a silent rep gets no leads */
	int32_t active_from, moved_on;     /* days */
	double skill;                      /* 0.7 … 1.3 on the chances of winning */
};

struct sim_customer {                      /* for calls that come in */
	uint32_t account;
	uint16_t owner;
};

struct sim_tenant {
	char id[48], source[64];
	const struct zone *zone;           /* borrowed */
	struct sim_rep *reps;              /* owned */
	uint16_t rep_count, team_count, seller_count;
	uint16_t *sellers;                 /* owned; indexes in reps */
	uint32_t leads, opportunities, deals, calls, accounts, references; /* greatest number given */
	struct sim_customer recent[SIM_RECENT_MAX];
	uint32_t recent_count;             /* ever */
	double leads_per_ms, calls_per_ms; /* at the busiest hour */
};

const struct sim_city *sim_city(uint32_t team);
void sim_tenant_init(struct sim_tenant *, uint32_t number, const struct simulator_settings *);
void sim_tenant_deinit(struct sim_tenant *);

/* ---- a funnel, and the images that are made of it --------------------------------------------------------------- */

struct sim_item {
	uint8_t product, quantity;
};

/* One lead with the opportunity and deal that came of it; times 0: not yet. */
struct sim_funnel {
	uint16_t tenant, owner, team, second; /* second: gets a part of the split; SIM_NOBODY: no split */
	uint32_t lead, twin, opportunity, deal, account; /* numbers; 0: none */
	uint32_t lead_version, twin_version, opportunity_version, deal_version, account_version;
	uint8_t source, qualification, bad_reason, lost_reason, city;
	uint8_t stage, stage_before, deal_type, item_count, discount_pct, split_pct, attempts, attempts_max;
	uint8_t opportunity_status, deal_status;
	bool has_explicit_winner, has_overlay, has_freight, keeps_margin, is_over;
	bool lead_is_excluded, lead_is_deleted, deal_is_excluded;
	uint16_t winner, winner_team;      /* owner at the win */
	struct sim_item items[SIM_ITEMS_MAX];
	int64_t lead_created, twin_created, assigned, contacted, qualified, disqualified, converted;
	int64_t opportunity_created, stage_entered, opportunity_won, opportunity_lost, closed, expected_close;
	int64_t deal_created, deal_won, deal_cancelled, deal_refunded, paid;
	int64_t estimate;                  /* rupiah: the opportunity's amount until it is won */
	int64_t refund;                    /* rupiah */
	int64_t paused_until;              /* deleted until then */
	double chance;                     /* of the owner's skill */
};

struct sim_call {
	uint16_t tenant, rep, team;
	uint32_t number, lead, opportunity, account;
	uint8_t direction, state, disposition;
	bool is_whatsapp, has_wrap, is_resolved, asks_resolved;
	int64_t initiated, queued, answered, ended, follow_up;
	int64_t ring_ms, queue_ms, talk_ms, hold_ms, wrap_ms;
	uint64_t customer;
};

/* A record of a reference stream; what its stream does not have is 0. */
struct sim_reference {
	uint16_t tenant, rep, team;        /* SIM_NOBODY: none */
	uint32_t number, lead, account;
	uint8_t choice;                    /* spend: source; interaction, agent_state: symbol; ticket: channel */
	bool flag;                         /* interaction: a follow-up; visit: off line; ticket: opened again */
	bool is_inbound, is_automated;
	int64_t first_day, last_day, effective_day; /* local days since 1970 */
	int64_t at_ms, first_ms, done_ms;
	int64_t amount;                    /* rupiah; of a rate its units; visit: how far from the office; ticket: satisfaction */
};

/* A change of one entity, as it was when it occurred. */
struct sim_change {
	enum entity_type type;
	enum event_op op;
	bool is_bare;                      /* without an image: DELETE and ERASE of some systems */
	bool is_twin;                      /* the lead that was entered twice */
	uint16_t actor;
	uint32_t version;
	uint64_t number;                   /* of the event: its id */
	int64_t occurred_ms;
	union {
		struct sim_funnel funnel;
		struct sim_call call;
		struct {
			uint16_t tenant, rep;
			struct sim_rep was;
		} rep;
		struct sim_reference reference;
	};
};

/* Indexes of the symbols in model.c's tables; a test compares them. */
enum { SIM_NEW = 1, SIM_WORKING, SIM_GOOD, SIM_BAD, SIM_RECYCLED };
enum { SIM_OPEN = 1, SIM_WON, SIM_LOST, SIM_CANCELLED, SIM_REFUNDED };
enum { SIM_NEW_BUSINESS = 1, SIM_UPSELL, SIM_CROSS_SELL, SIM_RENEWAL };
enum { SIM_INBOUND = 1, SIM_OUTBOUND };
enum { SIM_INITIATED = 1, SIM_RINGING, SIM_QUEUED, SIM_ANSWERED, SIM_ENDED };
enum { SIM_CONNECTED = 1, SIM_NO_ANSWER, SIM_BUSY, SIM_VOICEMAIL, SIM_FAILED, SIM_ABANDONED, SIM_SHORT_ABANDON,
	SIM_WRONG_NUMBER, SIM_CALLBACK };

/* Rupiah: the sum of the items' list prices, and after the discount with what is not an item. */
int64_t sim_list_amount(const struct sim_funnel *);
int64_t sim_amount(const struct sim_funnel *);
int64_t sim_item_amount(const struct sim_funnel *, unsigned item);

/* Where each field of the model stands; simulator_image.c. */
struct sim_fields;
struct sim_fields *sim_fields_new(void);
/* The event of a change, texts from the arena. */
void sim_render(const struct simulator *, const struct sim_change *, int64_t arrival_ms, struct arena *, struct event *ret);

/* ---- queues (simulator_queue.c) ---------------------------------------------------------------------------------- */

struct sim_entry {
	int64_t at_ms;
	uint64_t sequence;                 /* ties: first in, first out */
	uint32_t item;
	uint32_t what;
};

struct sim_queue {                         /* a heap: the least (at_ms, sequence) first */
	struct sim_entry *entries;         /* owned */
	uint32_t count, capacity;
	uint64_t pushed;
};

void sim_queue_push(struct sim_queue *, int64_t at_ms, uint32_t item, uint32_t what);
struct sim_entry sim_queue_pop(struct sim_queue *);
void sim_queue_deinit(struct sim_queue *);

struct sim_slots {                         /* places of one size in an array, used again */
	void *items;                       /* owned */
	size_t size;
	uint32_t count, capacity, free_count, free_capacity;
	uint32_t *free;                    /* owned */
};

uint32_t sim_slots_take(struct sim_slots *);
void sim_slots_give(struct sim_slots *, uint32_t);
void sim_slots_deinit(struct sim_slots *);

/* ---- the simulator ------------------------------------------------------------------------------------------------- */

enum sim_step {
	/* of a tenant */
	SIM_ARRIVAL, SIM_INBOUND_CALL, SIM_ROSTER,
	/* … its reference streams */
	SIM_DAILY, SIM_MESSAGE, SIM_VISIT, SIM_TICKET,
	SIM_FUNNEL_STEPS,
	/* of a funnel: its way */
	SIM_ASSIGN = SIM_FUNNEL_STEPS, SIM_ATTEMPT, SIM_QUALIFY, SIM_OPPORTUNITY, SIM_ADVANCE, SIM_TALK, SIM_REVISE, SIM_PAYMENT, SIM_REFUND, SIM_REPEAT,
	/* of a funnel: what is put right */
	SIM_CORRECTIONS,
	SIM_TWIN = SIM_CORRECTIONS, SIM_MERGE, SIM_UNMERGE, SIM_EXCLUDE, SIM_DELETE_LEAD, SIM_UNDELETE_LEAD, SIM_ERASE, SIM_HAND_OVER,
	SIM_FIX_AMOUNT, SIM_REOPEN, SIM_FIX_OWNER, SIM_FIX_WON_AT, SIM_FIX_SPLIT, SIM_DELETE_DEAL, SIM_UNDELETE_DEAL, SIM_EXCLUDE_DEAL,
	SIM_STEP_COUNT,
};

struct sim_place {                         /* a funnel and how many steps of it are on the agenda */
	struct sim_funnel funnel;
	uint32_t steps;
};

struct simulator {
	struct simulator_settings settings;
	struct sim_tenant *tenants;        /* owned */
	struct sim_fields *fields;         /* owned */
	struct rng rng;
	int64_t now_ms;
	uint64_t event_number;
	struct sim_queue agenda, mail;
	struct sim_slots places;           /* struct sim_place */
	struct sim_slots letters;          /* struct sim_change */
	uint32_t open_count;
	struct simulator_counts counts;
};

static inline struct sim_tenant *sim_tenant_of(struct simulator *sim, const struct sim_funnel *f)
{
	return &sim->tenants[f->tenant];
}

/* Posts a change: now, or at occurred_ms if that is later. */
void sim_post(struct simulator *, struct sim_change *);
void sim_plan(struct simulator *, uint32_t place, enum sim_step, int64_t at_ms);
struct sim_funnel *sim_funnel_at(struct simulator *, uint32_t place);
/* Changes of one entity of a funnel; each counts its version up. */
void sim_change_lead(struct simulator *, struct sim_funnel *, enum event_op, bool is_bare);
void sim_change_twin(struct simulator *, struct sim_funnel *, enum event_op);
void sim_change_opportunity(struct simulator *, struct sim_funnel *, enum event_op);
void sim_change_deal(struct simulator *, struct sim_funnel *, enum event_op, bool is_bare);
void sim_change_account(struct simulator *, struct sim_funnel *, enum event_op);
void sim_change_rep(struct simulator *, uint16_t tenant, uint16_t rep, enum event_op);

/* simulator_funnel.c: a step of a lead's way. */
void sim_funnel_begin(struct simulator *, uint16_t tenant);
void sim_funnel_step(struct simulator *, uint32_t place, enum sim_step);
void sim_funnel_win(struct simulator *, uint32_t place);
void sim_funnel_lose(struct simulator *, uint32_t place);
void sim_funnel_stay(struct simulator *, uint32_t place);
uint16_t sim_seller(struct simulator *, const struct sim_tenant *);
/* simulator_correction.c */
void sim_correct_lead(struct simulator *, uint32_t place);
void sim_correct_opportunity(struct simulator *, uint32_t place);
void sim_correct_win(struct simulator *, uint32_t place);
void sim_correction_step(struct simulator *, uint32_t place, enum sim_step);
void sim_roster_change(struct simulator *, uint16_t tenant);
/* simulator_call.c */
void sim_call_out(struct simulator *, const struct sim_funnel *, bool reaches);
void sim_call_in(struct simulator *, uint16_t tenant);

/* Leads of a rep and day from which an office plans (targets, spend, rates), and has agents with shifts. */
#define SIM_PLANS_FROM 0.2
#define SIM_SHIFTS_FROM 1.0

/* simulator_reference.c: the reference streams. */
void sim_reference_open(struct simulator *, uint32_t tenant);
void sim_reference_step(struct simulator *, uint32_t tenant, enum sim_step);
/* The fields of its image. */
void sim_reference_draw(const struct simulator *, const struct sim_change *, struct arena *, struct event *ret);

/* simulator_time.c */
enum { SIM_THURSDAY, SIM_FRIDAY, SIM_SATURDAY, SIM_SUNDAY, SIM_MONDAY }; /* day numbers modulo 7: 1970-01-01 was a Thursday */
struct sim_local {
	int64_t day;                       /* since 1970, local */
	int64_t ms;                        /* of the local day */
	int weekday;
};
struct sim_local sim_local(const struct zone *, int64_t at_ms);
double sim_load(const struct zone *, int64_t at_ms);   /* 0 … 1: how busy this hour is, of the busiest */
double sim_load_of_day(void);                          /* busiest hours that a working day is worth */
bool sim_is_office_time(const struct zone *, int64_t at_ms);
int64_t sim_office_time(struct simulator *, const struct sim_tenant *, int64_t at_ms); /* then, or soon after the next opening */
int64_t sim_wait(struct rng *, double mean_ms);        /* exponential */
int64_t sim_spread(struct rng *, int64_t median_ms);   /* a quarter to six times the median, most near it */
/* The next arrival of a stream with this many a ms at the busiest hour. */
int64_t sim_next_arrival(struct simulator *, const struct sim_tenant *, double per_ms, int64_t from_ms);

#endif
