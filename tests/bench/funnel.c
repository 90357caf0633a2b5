#include "funnel.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/decimal.h"
#include "base/hash.h"

static const int64_t FROM_MS = INT64_C(1793577600000); /* 2026-11-02T00:00:00Z */
static const int64_t LENGTH_MS = 26 * INT64_C(3600000);

/* A case's steps: of which stream, and how long after its beginning. */
static const struct {
	enum entity_type type;
	enum event_op op;
	int64_t after_ms;
} steps[FUNNEL_STEPS] = {
	{ ENTITY_LEAD, EVENT_CREATE, 0 },
	{ ENTITY_CALL, EVENT_CREATE, 300000 },
	{ ENTITY_OPPORTUNITY, EVENT_CREATE, 1800000 },
	{ ENTITY_LEAD, EVENT_UPDATE, 1800000 },
	{ ENTITY_CALL, EVENT_CREATE, 5400000 },
	{ ENTITY_DEAL, EVENT_CREATE, 9000000 },
	{ ENTITY_OPPORTUNITY, EVENT_UPDATE, 10800000 },
	{ ENTITY_DEAL, EVENT_UPDATE, 10800000 },
};

void funnel_init(struct funnel *f, uint64_t events, uint32_t tenants, uint32_t teams, uint32_t reps)
{
	*f = (struct funnel){ .events = events,
		.tenants = tenants,
		.teams = teams,
		.reps = reps,
		.from_ms = FROM_MS,
		.length_ms = LENGTH_MS,
		.hurry = 1 };
	arena_init(&f->texts, 0);
}

void funnel_deinit(struct funnel *f)
{
	arena_deinit(&f->texts);
}

static __attribute__((format(printf, 2, 3))) struct slice text(
	struct funnel *f, const char *format, ...)
{
	char out[64];
	va_list arguments;

	va_start(arguments, format);
	int length = vsnprintf(out, sizeof(out), format, arguments);
	va_end(arguments);
	return (struct slice){ arena_strndup(&f->texts, out, (size_t)length), (size_t)length };
}

static void set_text(struct event *e, const char *name, struct slice value)
{
	*event_field(e, name) = (struct event_value){ .text = value };
}

static void set_number(struct event *e, const char *name, int64_t value)
{
	*event_field(e, name) = (struct event_value){ .i = value };
}

static void fill_lead(
	struct funnel *f, struct event *e, uint64_t number, int64_t begun_ms, bool last)
{
	set_text(e, "status", slice_of(last ? "converted" : "open"));
	set_text(e, "qualification", slice_of(last ? "GOOD" : "NEW"));
	set_number(e, "created_at", begun_ms);
	if (!last)
		return;
	set_number(e, "qualified_at", e->occurred_at_ms);
	set_text(e, "opportunity_id", text(f, "O%07" PRIu64, number));
}

static void fill_opportunity(
	struct funnel *f, struct event *e, uint64_t number, int64_t amount, bool last)
{
	set_text(e, "lead_id", text(f, "L%07" PRIu64, number));
	set_text(e, "pipeline_id", slice_of("p1"));
	set_text(e, "stage_id", slice_of(last ? "s5" : "s1"));
	set_number(e, "stage_order", last ? 5 : 1);
	set_number(e, "stage_entered_at", e->occurred_at_ms);
	set_text(e, "status", slice_of(last ? "WON" : "OPEN"));
	set_number(e, "amount", amount);
	set_text(e, "currency", slice_of("IDR"));
	if (last)
		set_number(e, "won_at", e->occurred_at_ms);
}

static void fill_deal(struct funnel *f, struct event *e, uint64_t number, int64_t amount, bool last)
{
	set_text(e, "opportunity_id", text(f, "O%07" PRIu64, number));
	set_text(e, "status", slice_of(last ? "WON" : "OPEN"));
	set_number(e, "amount", amount);
	set_text(e, "currency", slice_of("IDR"));
	set_text(e, "deal_type", slice_of("NEW_BUSINESS"));
	if (last)
		set_number(e, "won_at", e->occurred_at_ms);
}

static void fill_call(struct funnel *f, struct event *e, uint64_t number)
{
	set_text(e, "direction", slice_of("OUTBOUND"));
	set_text(e, "state", slice_of("ENDED"));
	set_text(e, "disposition", slice_of("CONNECTED"));
	set_text(e, "channel", slice_of("phone"));
	set_text(e, "lead_id", text(f, "L%07" PRIu64, number));
	set_number(e, "initiated_at", e->occurred_at_ms - 240000);
	set_number(e, "ended_at", e->occurred_at_ms);
}

static void make(struct funnel *f, uint64_t number, int step, int64_t begun_ms, struct event *e)
{
	static const char letters[ENTITY_TYPE_COUNT] = { [ENTITY_LEAD] = 'L',
		[ENTITY_OPPORTUNITY] = 'O',
		[ENTITY_DEAL] = 'D',
		[ENTITY_CALL] = 'C' };
	uint64_t all = (uint64_t)f->tenants * f->teams * f->reps, rep = number * 7919 % all;
	uint64_t tenant = rep / ((uint64_t)f->teams * f->reps), team = rep / f->reps;
	uint64_t random = hash_combine(number, (uint64_t)step);
	int64_t amount = (int64_t)(hash_u64(number) % 9000 + 1000) * 1000 * DECIMAL_SCALE;
	enum entity_type type = steps[step].type;
	bool last = step == 3 || step > 5;

	event_init(e, type, &f->texts);
	e->op = steps[step].op;
	e->event_id = text(f, "%08x-%04x-4%03x-8%03x-%012" PRIx64, (unsigned)(random >> 32),
		(unsigned)(random >> 16 & 0xffff), (unsigned)(random & 0xfff),
		(unsigned)(step << 4), number);
	e->tenant_id = text(f, "t%03" PRIu64, tenant);
	e->entity_id = type == ENTITY_CALL ? text(f, "C%07" PRIu64, number * 2 + (step > 1))
					   : text(f, "%c%07" PRIu64, letters[type], number);
	e->occurred_at_ms = begun_ms + steps[step].after_ms / f->hurry;
	e->ingested_at_ms = e->occurred_at_ms + 700;
	e->source = slice_of("crm");
	e->source_version = last ? 2 : 1;
	set_text(e, type == ENTITY_CALL ? "rep_id" : "owner_id", text(f, "r%06" PRIu64, rep));
	set_text(e, "team_id", text(f, "m%05" PRIu64, team));
	switch (type) {
	case ENTITY_LEAD:
		fill_lead(f, e, number, begun_ms, last);
		break;
	case ENTITY_OPPORTUNITY:
		fill_opportunity(f, e, number, amount, last);
		break;
	case ENTITY_DEAL:
		fill_deal(f, e, number, amount, last);
		break;
	default:
		fill_call(f, e, number);
		break;
	}
}

/* In turn t the steps come to pass of those cases that began the step's delay before: eight events, all of about one time. */
bool funnel_next(struct funnel *f, struct event *ret)
{
	int64_t gap_us = f->length_ms * 1000 * FUNNEL_STEPS / (int64_t)(f->events ? f->events : 1);

	arena_reset(&f->texts);
	while (f->made < f->events) {
		int step = f->step;
		int64_t lag = steps[step].after_ms * 1000 / f->hurry / (gap_us ? gap_us : 1);
		int64_t number = (int64_t)f->turn - lag;

		f->step = (step + 1) % FUNNEL_STEPS;
		f->turn += f->step == 0;
		if (number < 0)
			continue;
		make(f, (uint64_t)number, step, f->from_ms + number * gap_us / 1000, ret);
		f->made++;
		return true;
	}
	return false;
}
