/* read: the lines of a scenario file. */
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/events.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "edge/zone_file.h"
#include "scenario.h"

enum { TENANTS_MAX = 8, RECORDS_MAX = 512, CHANGES_MAX = 16 };

struct record {                      /* what was last said of one entity */
	const char *tenant;
	struct event *image;
	int64_t version;
};

struct reading {
	struct scenario *s;
	int line;
	char *words[STEP_WORDS_MAX];
	size_t count;
	struct record records[RECORDS_MAX];
	size_t record_count;
	struct tenant_settings tenants[TENANTS_MAX];
	struct calendar calendars[TENANTS_MAX + 1];
	struct calendar calendars_later[TENANTS_MAX + 1];
	struct zone zones[TENANTS_MAX + 1];
	struct zone others[CHANGES_MAX], spliced[2 * CHANGES_MAX]; /* of changes: what is said, and the whole */
	size_t other_count, spliced_count;
	uint32_t tenant_count;
	bool is_announced;
	const struct workdays *workdays_later; /* announced */
};

static void fail(const struct reading *r, const char *format, ...) __attribute__((format(printf, 2, 3), noreturn));

static void fail(const struct reading *r, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: ", r->s->path, r->line);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(2);
}

static char *keep(struct reading *r, const char *text)
{
	return arena_strndup(&r->s->arena, text, strlen(text));
}

/* ---- words ---------------------------------------------------------------------------------------------- */

/* Blanks part words; "two words" are one, also behind a key: name="Ana Putri". A # begins a comment. */
static void split(struct reading *r, char *line)
{
	char *from = line;

	r->count = 0;
	while (*from) {
		char *to;

		while (*from == ' ' || *from == '\t' || *from == '\n')
			from++;
		if (!*from || *from == '#')
			return;
		if (r->count == STEP_WORDS_MAX)
			fail(r, "more than %d words", STEP_WORDS_MAX);
		r->words[r->count++] = to = from;
		for (bool quoted = false; *from && (quoted || !strchr(" \t\n", *from)); from++) {
			if (*from == '"')
				quoted = !quoted;
			else
				*to++ = *from;
		}
		if (*from)
			from++;
		*to = '\0';
	}
}

/* The value behind `key=`, or NULL; the word is taken out. */
static char *take(struct reading *r, const char *key)
{
	size_t length = strlen(key);

	for (size_t i = 0; i < r->count; i++) {
		char *word = r->words[i];

		if (strncmp(word, key, length) || word[length] != '=')
			continue;
		memmove(&r->words[i], &r->words[i + 1], (r->count - i - 1) * sizeof(char *));
		r->count--;
		return keep(r, word + length + 1);
	}
	return NULL;
}

static bool take_word(struct reading *r, const char *wanted)
{
	for (size_t i = 0; i < r->count; i++)
		if (!strcmp(r->words[i], wanted)) {
			memmove(&r->words[i], &r->words[i + 1], (r->count - i - 1) * sizeof(char *));
			r->count--;
			return true;
		}
	return false;
}

static char *shift(struct reading *r, const char *what)
{
	char *word;

	if (!r->count)
		fail(r, "%s is missing", what);
	word = keep(r, r->words[0]);
	memmove(&r->words[0], &r->words[1], --r->count * sizeof(char *));
	return word;
}

static int64_t shift_time(struct reading *r)
{
	char *word = shift(r, "a time");
	int64_t ms;

	if (!time_parse(slice_of(word), &ms))
		fail(r, "«%s» is no time like 2026-03-28T16:59:00Z", word);
	return ms;
}

static struct step *add_step(struct reading *r, enum step_kind kind)
{
	struct scenario *s = r->s;
	struct step *step;

	X_GROW(s->steps, s->step_count, s->step_capacity);
	step = &s->steps[s->step_count++];
	*step = (struct step){ .kind = kind, .line = r->line };
	return step;
}

/* ---- tenants -------------------------------------------------------------------------------------------- */

/* calendars[0] is the fallback's; each named tenant has one of its own. */
static void set_calendar(struct reading *r, uint32_t class, const char *zone, const char *week_start, const char *fiscal_start)
{
	char message[256];

	if (zone) {
		zone_deinit(&r->zones[class]);
		if (zone_file_load(zone, &r->zones[class], message, sizeof(message)))
			fail(r, "%s", message);
	}
	r->calendars[class].zone = &r->zones[class];
	if (week_start)
		r->calendars[class].week_start = (int)strtol(week_start, NULL, 10);
	if (fiscal_start)
		r->calendars[class].fiscal_start_month = (int)strtol(fiscal_start, NULL, 10);
}

static void add_change(struct reading *r, struct calendar *calendar, const struct calendar_change *change)
{
	struct calendar before = *calendar;

	if (calendar_change(&before, change, &r->spliced[r->spliced_count], calendar))
		fail(r, "too many changes");
	r->spliced_count += change->zone != NULL;
}

/* «change 2026-07-01 zone=Asia/Makassar»; announced: it is not known before. */
static void read_change(struct reading *r, bool is_announced)
{
	struct calendar_change change = { 0 };
	char *zone = take(r, "zone"), *week = take(r, "week_start"), *fiscal = take(r, "fiscal_start"), *tenant = take(r, "tenant");
	char *date = shift(r, "a date"), message[256];
	uint32_t class = 0;

	if (!date_parse(slice_of(date), &change.from_day))
		fail(r, "«%s» is no date", date);
	while (tenant && class < r->tenant_count && strcmp(r->tenants[class].tenant_id, tenant))
		class++;
	if (tenant && class++ == r->tenant_count)
		fail(r, "there is no tenant «%s» yet", tenant);
	change.week_start = week ? (int)strtol(week, NULL, 10) : 0;
	change.fiscal_start_month = fiscal ? (int)strtol(fiscal, NULL, 10) : 0;
	if (zone) {
		if (r->other_count == CHANGES_MAX)
			fail(r, "more than %d zones to change to", CHANGES_MAX);
		if (zone_file_load(zone, &r->others[r->other_count], message, sizeof(message)))
			fail(r, "%s", message);
		change.zone = &r->others[r->other_count++];
	}
	if (r->is_announced)
		fail(r, "what is announced is the last word on calendars");
	if (is_announced) {
		memcpy(r->calendars_later, r->calendars, sizeof(r->calendars));
		add_step(r, STEP_ANNOUNCE);
	}
	r->is_announced = is_announced;
	add_change(r, is_announced ? &r->calendars_later[class] : &r->calendars[class], &change);
}

/* «12345», days of the week from Monday = 1 on, and holidays, «2026-03-20,2026-03-21»; NULL: none. */
static const struct workdays *read_workdays(struct reading *r, const char *week, const char *holidays)
{
	struct workdays *workdays = arena_alloc(&r->s->arena, sizeof(*workdays));
	int32_t *days = arena_alloc(&r->s->arena, STEP_WORDS_MAX * sizeof(*days));
	char *rest = holidays ? keep(r, holidays) : NULL, *date;

	for (; *week; week++)
		workdays->week |= (uint8_t)(1 << (*week - '1'));
	while ((date = rest ? strsep(&rest, ",") : NULL)) {
		if (workdays->holiday_count == STEP_WORDS_MAX || !date_parse(slice_of(date), &days[workdays->holiday_count]))
			fail(r, "«%s» is no date, or one too many", date);
		workdays->holiday_count++;
	}
	workdays->holidays = days;
	return workdays;
}

static void announce_workdays(struct reading *r, const struct workdays *workdays)
{
	if (r->is_announced)
		fail(r, "one thing is announced");
	memcpy(r->calendars_later, r->calendars, sizeof(r->calendars));
	add_step(r, STEP_ANNOUNCE);
	r->is_announced = true;
	r->workdays_later = workdays;
}

static void read_tenant(struct reading *r)
{
	struct tenant_settings *t = &r->tenants[r->tenant_count];
	uint32_t class = r->tenant_count + 1;
	char *workdays = take(r, "workdays"), *holidays = take(r, "holidays");
	char *zone = take(r, "zone"), *week = take(r, "week_start"), *fiscal = take(r, "fiscal_start");

	if (r->tenant_count == TENANTS_MAX)
		fail(r, "more than %d tenants", TENANTS_MAX);
	if (r->is_announced)
		fail(r, "tenants stand before what is announced");
	r->calendars[class] = (struct calendar){ .week_start = 1, .fiscal_start_month = 1 };
	set_calendar(r, class, zone ? zone : "Asia/Jakarta", week, fiscal);
	*t = (struct tenant_settings){ .calendar = class, .currency = take(r, "currency") };
	if (workdays)
		t->workdays = read_workdays(r, workdays, holidays);
	t->tenant_id = shift(r, "the tenant's name");
	r->tenant_count++;
}

/* ---- events --------------------------------------------------------------------------------------------- */

static struct record *record_of(struct reading *r, const char *tenant, enum entity_type type, const char *id)
{
	for (size_t i = 0; i < r->record_count; i++) {
		struct record *record = &r->records[i];

		if (record->image->type == type && slice_is(record->image->entity_id, id) && !strcmp(record->tenant, tenant))
			return record;
	}
	if (r->record_count == RECORDS_MAX)
		fail(r, "more than %d records", RECORDS_MAX);
	r->records[r->record_count] = (struct record){ tenant, event_make(&r->s->arena, type, id, 0, "2026-01-01T00:00:00Z"), 0 };
	return &r->records[r->record_count++];
}

/* What an image must have and the file need not say. */
static void set_defaults(struct event *e, const char *now)
{
	static const struct { enum entity_type type; const char *field, *text; } defaults[] = {
		{ ENTITY_LEAD, "status", "open" }, { ENTITY_LEAD, "qualification", "NEW" },
		{ ENTITY_OPPORTUNITY, "pipeline_id", "main" }, { ENTITY_OPPORTUNITY, "stage_id", "new" },
		{ ENTITY_OPPORTUNITY, "stage_order", "1" }, { ENTITY_OPPORTUNITY, "deal_type", "UNKNOWN" },
		{ ENTITY_DEAL, "deal_type", "UNKNOWN" }, { ENTITY_DEAL, "currency", "IDR" }, { ENTITY_DEAL, "amount", "0" },
		{ ENTITY_CALL, "channel", "phone" }, { ENTITY_CALL, "transferred", "false" }, { ENTITY_CALL, "disposition", "UNKNOWN" },
		{ ENTITY_CALL, "direction", "OUTBOUND" }, { ENTITY_REP, "quota_carrying", "true" }, { ENTITY_ACCOUNT, "status", "ACTIVE" },
		{ ENTITY_TARGET, "metric", "won_revenue" }, { ENTITY_SPEND, "category", "marketing" }, { ENTITY_SPEND, "currency", "IDR" },
		{ ENTITY_FX_RATE, "quote", "IDR" }, { ENTITY_INTERACTION, "channel", "WHATSAPP" },
		{ ENTITY_INTERACTION, "direction", "OUTBOUND" }, { ENTITY_INTERACTION, "is_follow_up", "false" },
		{ ENTITY_INTERACTION, "automated", "false" }, { ENTITY_VISIT, "lat", "-6.2" }, { ENTITY_VISIT, "lon", "106.8" },
		{ ENTITY_VISIT, "offline", "false" }, { ENTITY_TICKET, "reopen_count", "0" }, { ENTITY_TICKET, "channel", "email" },
	};

	for (size_t i = 0; i < sizeof(defaults) / sizeof(defaults[0]); i++)
		if (defaults[i].type == e->type && event_field(e, defaults[i].field)->is_null)
			event_set(e, defaults[i].field, defaults[i].text);
	if (e->type == ENTITY_OPPORTUNITY && event_field(e, "stage_entered_at")->is_null)
		event_set(e, "stage_entered_at", now);
	if (e->type == ENTITY_REP && event_field(e, "active_from")->is_null)
		event_set(e, "active_from", "2020-01-01");
	if (e->type == ENTITY_REP && event_field(e, "name")->is_null)
		event_set_text(e, "name", e->entity_id.at);
	if (e->type == ENTITY_LEAD && event_field(e, "created_at")->is_null)
		event_set(e, "created_at", now);
	if (e->type == ENTITY_CALL && event_field(e, "initiated_at")->is_null)
		event_set(e, "initiated_at", now);
}

struct verb {
	enum entity_type type;
	const char *name;
	const char *sets[10];        /* field, text …; "now": the event's time; "null" */
};

static const struct verb verbs[] = {
	{ ENTITY_LEAD, "created", { "created_at", "now", "qualification", "NEW" } },
	{ ENTITY_LEAD, "good", { "qualification", "GOOD", "qualified_at", "now" } },
	{ ENTITY_LEAD, "bad", { "qualification", "BAD", "disqualified_at", "now" } },
	{ ENTITY_OPPORTUNITY, "opened", { "status", "OPEN", "created_at", "now" } },
	{ ENTITY_OPPORTUNITY, "moved", { "stage_entered_at", "now" } },
	{ ENTITY_OPPORTUNITY, "won", { "status", "WON", "won_at", "now", "closed_at", "now", "lost_at", "null" } },
	{ ENTITY_OPPORTUNITY, "lost", { "status", "LOST", "lost_at", "now", "closed_at", "now", "won_at", "null" } },
	{ ENTITY_OPPORTUNITY, "reopened", { "status", "OPEN", "won_at", "null", "lost_at", "null", "closed_at", "null" } },
	{ ENTITY_DEAL, "opened", { "status", "OPEN", "created_at", "now" } },
	{ ENTITY_DEAL, "won", { "status", "WON", "won_at", "now", "lost_at", "null" } },
	{ ENTITY_DEAL, "lost", { "status", "LOST", "lost_at", "now", "won_at", "null" } },
	{ ENTITY_DEAL, "reopened", { "status", "OPEN", "won_at", "null", "lost_at", "null" } },
	{ ENTITY_DEAL, "cancelled", { "status", "CANCELLED", "cancelled_at", "now" } },
	{ ENTITY_DEAL, "refunded", { "status", "REFUNDED", "refunded_at", "now" } },
	{ ENTITY_CALL, "dialed", { "direction", "OUTBOUND", "state", "INITIATED", "initiated_at", "now" } },
	{ ENTITY_CALL, "received", { "direction", "INBOUND", "state", "INITIATED", "initiated_at", "now" } },
	{ ENTITY_CALL, "answered", { "state", "ANSWERED", "answered_at", "now", "disposition", "CONNECTED" } },
	{ ENTITY_CALL, "ended", { "state", "ENDED", "ended_at", "now" } },
	{ ENTITY_CALL, "unanswered", { "state", "ENDED", "ended_at", "now", "disposition", "NO_ANSWER" } },
	{ ENTITY_REP, "joined", { "role", "sales" } },
	{ ENTITY_ACCOUNT, "active", { "status", "ACTIVE" } },
	{ ENTITY_ACCOUNT, "churned", { "status", "CHURNED", "churned_at", "now" } },
	{ ENTITY_TARGET, "set", { NULL } },
	{ ENTITY_SPEND, "booked", { NULL } },
	{ ENTITY_FX_RATE, "quoted", { "valid_from", "now" } },
	{ ENTITY_FX_RATE, "corrected", { NULL } },
	{ ENTITY_INTERACTION, "written", { "completed_at", "now" } },
	{ ENTITY_INTERACTION, "promised", { "is_follow_up", "true" } },
	{ ENTITY_INTERACTION, "done", { "completed_at", "now" } },
	{ ENTITY_VISIT, "made", { "captured_at", "now", "uploaded_at", "now" } },
	{ ENTITY_VISIT, "uploaded", { "uploaded_at", "now", "offline", "true" } },
	{ ENTITY_AGENT_STATE, "began", { "from", "now" } },
	{ ENTITY_AGENT_STATE, "ended", { "to", "now" } },
	{ ENTITY_TICKET, "opened", { "opened_at", "now" } },
	{ ENTITY_TICKET, "answered", { "first_response_at", "now" } },
	{ ENTITY_TICKET, "resolved", { "resolved_at", "now" } },
	{ ENTITY_TICKET, "reopened", { "resolved_at", "null", "reopen_count", "1" } },
};

/* Short words for fields, as people say them; the fields' own names work everywhere. */
static const struct { enum entity_type type; const char *word, *field; } words[] = {
	{ ENTITY_LEAD, "rep", "owner_id" }, { ENTITY_LEAD, "team", "team_id" }, { ENTITY_LEAD, "source", "source_channel" },
	{ ENTITY_LEAD, "opportunity", "opportunity_id" }, { ENTITY_LEAD, "account", "account_id" }, { ENTITY_LEAD, "created", "created_at" },
	{ ENTITY_OPPORTUNITY, "rep", "owner_id" }, { ENTITY_OPPORTUNITY, "team", "team_id" },
	{ ENTITY_OPPORTUNITY, "source", "source_channel" }, { ENTITY_OPPORTUNITY, "lead", "lead_id" },
	{ ENTITY_OPPORTUNITY, "account", "account_id" }, { ENTITY_OPPORTUNITY, "stage", "stage_id" },
	{ ENTITY_OPPORTUNITY, "pipeline", "pipeline_id" }, { ENTITY_OPPORTUNITY, "order", "stage_order" },
	{ ENTITY_OPPORTUNITY, "created", "created_at" },
	{ ENTITY_DEAL, "rep", "owner_id" }, { ENTITY_DEAL, "team", "team_id" }, { ENTITY_DEAL, "source", "source_channel" },
	{ ENTITY_DEAL, "opportunity", "opportunity_id" }, { ENTITY_DEAL, "lead", "lead_id" }, { ENTITY_DEAL, "account", "account_id" },
	{ ENTITY_DEAL, "contact", "contact_id" }, { ENTITY_DEAL, "won_by", "owner_at_win_id" }, { ENTITY_DEAL, "created", "created_at" },
	{ ENTITY_DEAL, "refund", "refund_amount" }, { ENTITY_DEAL, "type", "deal_type" },
	{ ENTITY_CALL, "rep", "rep_id" }, { ENTITY_CALL, "team", "team_id" }, { ENTITY_CALL, "lead", "lead_id" },
	{ ENTITY_CALL, "talk", "talk_ms" }, { ENTITY_CALL, "hold", "hold_ms" }, { ENTITY_CALL, "wrap", "wrap_ms" },
	{ ENTITY_REP, "from", "active_from" }, { ENTITY_REP, "to", "active_to" }, { ENTITY_REP, "quota", "quota_carrying" },
	{ ENTITY_TARGET, "of", "scope_id" }, { ENTITY_TARGET, "scope", "scope_type" }, { ENTITY_TARGET, "from", "period_start" },
	{ ENTITY_TARGET, "to", "period_end" }, { ENTITY_TARGET, "effective", "effective_from" },
	{ ENTITY_SPEND, "from", "period_start" }, { ENTITY_SPEND, "to", "period_end" }, { ENTITY_SPEND, "team", "team_id" },
	{ ENTITY_INTERACTION, "rep", "rep_id" }, { ENTITY_INTERACTION, "lead", "lead_id" }, { ENTITY_INTERACTION, "due", "due_at" },
	{ ENTITY_INTERACTION, "opportunity", "opportunity_id" }, { ENTITY_INTERACTION, "account", "account_id" },
	{ ENTITY_VISIT, "rep", "rep_id" }, { ENTITY_VISIT, "lead", "lead_id" }, { ENTITY_VISIT, "account", "account_id" },
	{ ENTITY_VISIT, "captured", "captured_at" }, { ENTITY_AGENT_STATE, "rep", "rep_id" },
	{ ENTITY_TICKET, "rep", "rep_id" }, { ENTITY_TICKET, "team", "team_id" }, { ENTITY_TICKET, "account", "account_id" },
	{ ENTITY_TICKET, "due", "sla_due_at" },
	{ ENTITY_ACCOUNT, "since", "customer_since" }, { ENTITY_ACCOUNT, "source", "source_channel" },
};

static const char *field_named(enum entity_type type, const char *word)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (words[i].type == type && !strcmp(words[i].word, word))
			return words[i].field;
	return model_field_find(type, slice_of(word)) >= 0 ? word : NULL;
}

static bool apply_verb(struct event *e, const char *name, const char *now)
{
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (verbs[i].type != e->type || strcmp(verbs[i].name, name))
			continue;
		for (size_t k = 0; verbs[i].sets[k]; k += 2) {
			const char *text = verbs[i].sets[k + 1];

			event_set(e, verbs[i].sets[k], !strcmp(text, "now") ? now : !strcmp(text, "null") ? NULL : text);
		}
		return true;
	}
	return false;
}

/* splits=ana:60,budi:40 items=P1:2:100.00 teams=jkt:2026-01-01:2026-03-01 */
static void set_list(struct reading *r, struct event *e, const char *field, char *text)
{
	struct event_value *value = event_field(e, field);
	char *row_end = NULL;

	value->list = arena_alloc(&r->s->arena, sizeof(*value->list));
	*value->list = (struct event_list){ 0 };
	value->is_null = false;
	for (char *row = strtok_r(text, ",", &row_end); row; row = strtok_r(NULL, ",", &row_end)) {
		const char *cells[8] = { 0 };
		char *cell_end = NULL;
		size_t count = 0;

		for (char *cell = strtok_r(row, ":", &cell_end); cell && count < 7; cell = strtok_r(NULL, ":", &cell_end))
			cells[count++] = cell;
		if (!strcmp(field, "splits")) { /* rep, credit_pct, role */
			const char *row_of[] = { cells[0], cells[2], cells[1], NULL };

			event_add_cells(&r->s->arena, e, field, row_of);
		} else if (!strcmp(field, "items")) {
			const char *row_of[] = { cells[0], NULL, cells[1], cells[2], NULL };

			event_add_cells(&r->s->arena, e, field, row_of);
		} else {
			event_add_cells(&r->s->arena, e, field, (const char *const[]){ cells[0], cells[1], cells[2], NULL });
		}
	}
}

static void set_field(struct reading *r, struct event *e, char *key, char *value, const char *now)
{
	const char *field = field_named(e->type, key);
	bool is_list = !strcmp(key, "splits") || !strcmp(key, "items") || !strcmp(key, "teams") || !strcmp(key, "pacing_curve");

	if (is_list) {
		set_list(r, e, strcmp(key, "teams") ? key : "memberships", value);
	} else if (!strncmp(key, "ext.", 4)) {
		event_add_ext(&r->s->arena, e, key + 4, value);
	} else if (!field) {
		fail(r, "%s has no field «%s»", model_table[e->type].name, key);
	} else if ((!strcmp(field, "amount") || !strcmp(field, "value")) && r->count && strlen(r->words[0]) == 3 && !strchr(r->words[0], '=')) {
		event_set(e, field, value); /* amount=100.00 IDR */
		event_set(e, "currency", shift(r, "the currency"));
	} else {
		event_set(e, field, !strcmp(value, "null") ? NULL : !strcmp(value, "now") ? now : value);
	}
}

static struct event *copy_event(struct reading *r, const struct event *from)
{
	struct event *e = arena_alloc(&r->s->arena, sizeof(*e));
	size_t bytes = model_table[from->type].field_count * sizeof(*e->fields);

	*e = *from;
	e->fields = arena_alloc(&r->s->arena, bytes + 1);
	memcpy(e->fields, from->fields, bytes);
	e->ext = arena_alloc(&r->s->arena, (from->ext_count + 1) * sizeof(*e->ext));
	if (from->ext_count)
		memcpy(e->ext, from->ext, from->ext_count * sizeof(*e->ext));
	return e;
}

static void set_op(struct reading *r, struct event *e, const char *verb)
{
	static const struct { const char *verb; enum event_op op; bool body; } ops[] = {
		{ "deleted", EVENT_DELETE, false }, { "undeleted", EVENT_UNDELETE, false }, { "erased", EVENT_ERASE, false },
		{ "merged", EVENT_MERGE, true }, { "imported", EVENT_SNAPSHOT, true },
	};

	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (strcmp(verb, ops[i].verb))
			continue;
		if (!ops[i].body)
			event_init(e, e->type, &r->s->arena);
		e->op = ops[i].op;
		return;
	}
	if (!strcmp(verb, "excluded"))
		e->excluded = true;
	else if (!strcmp(verb, "included"))
		e->excluded = false;
	else
		fail(r, "%s can't be «%s»", model_table[e->type].name, verb);
}

static void read_verdict(struct reading *r, struct step *step)
{
	for (size_t i = 0; i < r->count; i++) {
		if (strcmp(r->words[i], "->"))
			continue;
		if (i + 1 == r->count)
			fail(r, "behind -> stands late, duplicate or refused");
		step->verdict = !strcmp(r->words[i + 1], "late") ? VERDICT_LATE
			: !strcmp(r->words[i + 1], "duplicate") ? VERDICT_DUPLICATE : VERDICT_REFUSED;
		if (step->verdict == VERDICT_REFUSED)
			step->reason = keep(r, i + 2 < r->count ? r->words[i + 2] : "");
		r->count = i;
	}
}

static void name_event(struct reading *r, struct event *e, int64_t version)
{
	char *id = take(r, "event_id");
	char name[128];

	snprintf(name, sizeof(name), "%.*s-%lld", (int)e->entity_id.len, e->entity_id.at, (long long)version);
	e->event_id = slice_of(id ? id : keep(r, name));
	e->source_version = version;
}

/* Verbs, key=value pairs and «CUR» behind an amount. */
static void read_changes(struct reading *r, struct event *e, const char *now)
{
	enum event_op kept = e->op;

	while (r->count) {
		char *word = shift(r, "a change"), *equals = strchr(word, '=');

		if (equals) {
			*equals = '\0';
			set_field(r, e, word, equals + 1, now);
		} else if (strcmp(word, "changed") && !apply_verb(e, word, now)) {
			struct slice event_id = e->event_id, tenant = e->tenant_id, entity = e->entity_id, source = e->source;
			int64_t version = e->source_version, at_ms = e->occurred_at_ms;

			set_op(r, e, word);
			if (e->op == kept)
				continue;
			e->event_id = event_id;
			e->tenant_id = tenant;
			e->entity_id = entity;
			e->source = source;
			e->source_version = version;
			e->occurred_at_ms = e->ingested_at_ms = at_ms;
		}
	}
}

static void read_event(struct reading *r)
{
	struct step *step = add_step(r, STEP_EVENT);
	char now[TIME_TEXT_MAX];
	int64_t at_ms = shift_time(r);
	char *arriving = r->count > 1 && !strcmp(r->words[0], "arriving") ? (shift(r, ""), shift(r, "a time")) : NULL;
	char *tenant = take(r, "tenant"), *version = take(r, "version");
	char *partition = take(r, "partition"), *losers = take(r, "losers");
	char *type_name = shift(r, "a record's type"), *id = shift(r, "a record's id");
	int type = model_entity_find(slice_of(type_name));
	struct record *record;
	struct event *e;
	bool keeps = !take_word(r, "aside"); /* this image is not what the next lines build on */

	if (type < 0)
		fail(r, "«%s» is no record's type", type_name);
	step->time_ms = at_ms;
	step->partition = partition ? (uint32_t)strtoul(partition, NULL, 10) : 0;
	if (arriving && !time_parse(slice_of(arriving), &step->time_ms))
		fail(r, "«%s» is no time", arriving);
	read_verdict(r, step);
	record = record_of(r, tenant ? tenant : "acme", (enum entity_type)type, id);
	e = copy_event(r, record->image);
	e->op = EVENT_UPDATE;
	e->tenant_id = slice_of(record->tenant);
	e->occurred_at_ms = e->ingested_at_ms = at_ms;
	name_event(r, e, version ? strtoll(version, NULL, 10) : record->version + 1);
	time_format(at_ms, now);
	set_defaults(e, keep(r, now));
	if (e->source_version > record->version)
		record->version = e->source_version;
	read_changes(r, e, keep(r, now));
	if (e->op == EVENT_MERGE) {
		char *end = NULL;

		e->merged_count = 0;
		for (char *loser = losers ? strtok_r(losers, ",", &end) : NULL; loser; loser = strtok_r(NULL, ",", &end))
			event_add_merged(&r->s->arena, e, loser);
	}
	step->event = e;
	if (keeps && e->op != EVENT_DELETE && e->op != EVENT_UNDELETE && e->op != EVENT_ERASE) {
		record->image = copy_event(r, e);
		record->image->merged_count = 0;
		record->image->op = EVENT_UPDATE;
	}
}

/* ---- expectations --------------------------------------------------------------------------------------- */

static void read_expect(struct reading *r, bool closed)
{
	struct step *step = add_step(r, closed ? STEP_CLOSED : STEP_EXPECT);
	struct expectation *e = &step->expect;

	step->time_ms = shift_time(r);
	e->tenant = take(r, "tenant");
	e->currency = take(r, "currency");
	e->state = take(r, "state");
	e->previous = take(r, "previous");
	e->change = take(r, "change");
	e->rank = take(r, "rank");
	e->rank_of = take(r, "of");
	e->samples = take(r, "n");
	e->numerator = take(r, "numerator");
	e->denominator = take(r, "denominator");
	e->first = take(r, "first");
	e->label = take(r, "label");
	e->final = take(r, "final");
	if (!e->tenant)
		e->tenant = "acme";
	e->metric = shift(r, "a metric");
	e->window = shift(r, "a window");
	if (closed)
		e->start = shift(r, "the day that the period begins");
	while (r->count && strchr(r->words[0], '=')) {
		char *word = shift(r, "a group"), *equals = strchr(word, '=');

		if (e->dim_count == STEP_DIMS_MAX)
			fail(r, "more than %d dimensions", STEP_DIMS_MAX);
		*equals = '\0';
		e->dims[e->dim_count] = word;
		e->values[e->dim_count++] = equals + 1;
	}
	e->value = shift(r, "the value");
	if (r->count)
		fail(r, "«%s» is not understood here", r->words[0]);
}

static void read_stands(struct reading *r)
{
	struct step *step = add_step(r, STEP_STANDS);

	step->time_ms = CLOCK_NONE;
	if (!take_word(r, "none"))
		step->time_ms = shift_time(r);
}

/* ---- the file ------------------------------------------------------------------------------------------- */

static void read_line(struct reading *r, char *line)
{
	char *word;

	split(r, line);
	if (!r->count)
		return;
	word = shift(r, "a word");
	if (!strcmp(word, "zone"))
		set_calendar(r, 0, shift(r, "a zone"), NULL, NULL);
	else if (!strcmp(word, "week_start"))
		set_calendar(r, 0, NULL, shift(r, "a day"), NULL);
	else if (!strcmp(word, "fiscal_start"))
		set_calendar(r, 0, NULL, NULL, shift(r, "a month"));
	else if (!strcmp(word, "currency"))
		r->s->tenants.fallback.currency = shift(r, "a currency");
	else if (!strcmp(word, "workdays")) {
		char *week = shift(r, "days of the week"), *holidays = take(r, "holidays");

		if (r->s->step_count) /* said in the middle of the events: restarted with */
			announce_workdays(r, read_workdays(r, week, holidays));
		else
			r->s->tenants.fallback.workdays = read_workdays(r, week, holidays);
	} else if (!strcmp(word, "rates_hold")) /* fx.max_age */
		r->s->tenants.rate_max_age_ms = (int64_t)strtoul(shift(r, "days"), NULL, 10) * 86400000;
	else if (!strcmp(word, "tenant"))
		read_tenant(r);
	else if (!strcmp(word, "change") || !strcmp(word, "announce"))
		read_change(r, !strcmp(word, "announce"));
	else if (!strcmp(word, "at"))
		read_event(r);
	else if (!strcmp(word, "clock"))
		add_step(r, STEP_CLOCK)->time_ms = shift_time(r);
	else if (!strcmp(word, "expect"))
		read_expect(r, false);
	else if (!strcmp(word, "closed"))
		read_expect(r, true);
	else if (!strcmp(word, "restart"))
		add_step(r, STEP_RESTART);
	else if (!strcmp(word, "redefine"))
		add_step(r, STEP_REDEFINE);
	else if (!strcmp(word, "partitions"))
		r->s->partition_count = (uint32_t)strtoul(shift(r, "a count"), NULL, 10);
	else if (!strcmp(word, "wall"))
		add_step(r, STEP_WALL)->time_ms = shift_time(r);
	else if (!strcmp(word, "end"))
		add_step(r, STEP_END)->partition = (uint32_t)strtoul(shift(r, "a partition"), NULL, 10);
	else if (!strcmp(word, "stands"))
		read_stands(r);
	else if (strcmp(word, "rule"))
		fail(r, "a line does not begin with «%s»", word);
}

void scenario_read(struct scenario *s, const char *path)
{
	struct reading *r = x_calloc(1, sizeof(*r));
	FILE *file = fopen(path, "r");
	struct buffer *kpis = NULL;
	char line[2048];

	memset(s, 0, sizeof(*s));
	s->path = path;
	r->s = s;
	arena_init(&s->arena, 0);
	buffer_init(&s->kpis);
	buffer_init(&s->kpis_later);
	if (!file)
		fail(r, "can't be read");
	s->tenants.fallback.currency = "IDR";
	s->tenants.rate_max_age_ms = 7 * INT64_C(86400000);
	r->calendars[0] = (struct calendar){ .week_start = 1, .fiscal_start_month = 1 };
	set_calendar(r, 0, "Asia/Jakarta", NULL, NULL);
	while (fgets(line, sizeof(line), file)) {
		r->line++;
		if (!strncmp(line, "kpis", 4)) {
			kpis = strstr(line, "later") ? &s->kpis_later : &s->kpis;
			buffer_put_text(kpis, strstr(line, "only") ? "" : "include: [builtin]\n");
			continue;
		}
		if (kpis && line[0] != ' ' && line[0] != '\t' && line[0] != '\n')
			kpis = NULL;
		if (kpis)
			buffer_put_text(kpis, strncmp(line, "    ", 4) ? "\n" : line + 4);
		else
			read_line(r, line);
	}
	fclose(file);
	s->tenants.tenants = r->tenants;
	s->tenants.tenant_count = r->tenant_count;
	s->tenants.calendars = r->calendars;
	s->tenants.calendar_count = r->tenant_count + 1;
	s->tenants_later = s->tenants;
	s->tenants_later.calendars = r->calendars_later;
	s->has_other_workdays = r->workdays_later != NULL;
	if (s->has_other_workdays)
		s->tenants_later.fallback.workdays = r->workdays_later;
}

void scenario_free(struct scenario *s)
{
	struct reading *r = (struct reading *)((char *)(uintptr_t)s->tenants.tenants - offsetof(struct reading, tenants));

	for (uint32_t i = 0; i <= r->tenant_count; i++)
		zone_deinit(&r->zones[i]);
	for (size_t i = 0; i < r->other_count; i++)
		zone_deinit(&r->others[i]);
	for (size_t i = 0; i < r->spliced_count; i++)
		zone_deinit(&r->spliced[i]);
	free(r);
	free(s->steps);
	buffer_deinit(&s->kpis);
	buffer_deinit(&s->kpis_later);
	arena_deinit(&s->arena);
}
