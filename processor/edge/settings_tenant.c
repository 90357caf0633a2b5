/*
 * settings_tenant: zone, currency, week and fiscal start, and days of work of every tenant -> the book of tenants and its calendars.
 *
 * What a tenant does not say is what all have, with their changes; from the date on which it says a value itself (in its row: since
 * ever) the others' changes of this value pass it by.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "edge/settings_inside.h"
#include "edge/workday_file.h"
#include "edge/zone_file.h"

enum { MESSAGE_BYTES = 320 };

/* The zone by its name, read once. NULL: a mistake, said. */
static const struct zone *zone_get(
	struct settings_loader *l, const char *name, const struct settings_where *where)
{
	struct settings_kept *kept = l->kept;
	char message[MESSAGE_BYTES];
	struct zone *zone;

	assert(name); /* all tenants have one, the table's */
	for (size_t i = 0; i < kept->zone_count; i++)
		if (strcmp(kept->zone_names[i], name) == 0)
			return kept->zones[i];
	zone = x_calloc(1, sizeof(*zone));
	if (zone_file_load(name, zone, message, sizeof(message))) {
		free(zone);
		settings_complain(l, where, "%s", message);
		return NULL;
	}
	X_GROW(kept->zones, kept->zone_count, kept->zone_capacity);
	X_GROW(kept->zone_names, kept->zone_count, kept->zone_name_capacity);
	kept->zone_names[kept->zone_count] = name;
	kept->zones[kept->zone_count++] = zone;
	return zone;
}

/* Those of the file, read once. "": every day, NULL. 0, or 1: a mistake, said. */
static int workdays_get(struct settings_loader *l, const char *path,
	const struct settings_where *where, const struct workdays **ret)
{
	struct settings_kept *kept = l->kept;
	struct workdays *workdays;

	*ret = NULL;
	if (path[0] == '\0')
		return 0;
	for (size_t i = 0; i < kept->workdays_count && !*ret; i++)
		if (strcmp(kept->workday_paths[i], path) == 0)
			*ret = kept->workdays[i];
	if (*ret)
		return 0;
	workdays = arena_alloc(&kept->arena, sizeof(*workdays));
	if (workday_file_load(path, &kept->arena, workdays, l->message))
		return settings_complain(l, where, "the file of working days is wrong, see above");
	X_GROW(kept->workdays, kept->workdays_count, kept->workdays_capacity);
	X_GROW(kept->workday_paths, kept->workdays_count, kept->workday_path_capacity);
	kept->workday_paths[kept->workdays_count] = path;
	kept->workdays[kept->workdays_count++] = workdays;
	*ret = workdays;
	return 0;
}

/* The class of calendars: the same zone, week and fiscal year at all times share a ledger. */
static uint32_t calendar_get(struct settings_loader *l, const struct calendar *calendar)
{
	struct tenant_book *book = &l->settings->tenants;

	for (uint32_t i = 0; i < book->calendar_count; i++)
		if (calendar_agrees(&book->calendars[i], calendar, INT64_MAX))
			return i;
	l->kept->calendars[book->calendar_count] = *calendar;
	return book->calendar_count++;
}

/* ---- what holds when ------------------------------------------------------------------------ */

/* Whether the tenant says a value itself before the date, in its row or by a change: then the others' is not its own. */
static bool says(const struct settings_tenant *tenant, size_t value, int32_t day)
{
	bool by_row = value == 0   ? tenant->zone != NULL
		      : value == 1 ? tenant->week_start != 0
				   : tenant->fiscal_start != 0;

	for (size_t i = 0; !by_row && i < tenant->changes.count; i++) {
		const struct settings_change *c = &tenant->changes.items[i];

		if (c->from_day <= day)
			by_row = value == 0   ? c->zone != NULL
				 : value == 1 ? c->week_start != 0
					      : c->fiscal_start != 0;
	}
	return by_row;
}

/* In its place by date; of one date the tenant's own word, which comes last, counts. */
static void add_change(struct settings_timeline *line, const struct settings_change *change)
{
	size_t place = line->count;

	if (!change->zone && !change->week_start && !change->fiscal_start)
		return;
	while (place && line->items[place - 1].from_day > change->from_day)
		place--;
	if (place && line->items[place - 1].from_day == change->from_day) {
		struct settings_change *same = &line->items[place - 1];

		if (change->zone) {
			same->zone = change->zone;
			same->zone_where = change->zone_where;
		}
		if (change->week_start)
			same->week_start = change->week_start;
		if (change->fiscal_start)
			same->fiscal_start = change->fiscal_start;
		return;
	}
	memmove(&line->items[place + 1], &line->items[place],
		(line->count - place) * sizeof(*line->items));
	line->items[place] = *change;
	line->count++;
}

/* `tenant` as it was read, its values not filled up yet. `others`: what all have that say nothing; NULL: it is that itself. */
static void lay_out(struct settings_timeline *line, const struct settings_tenant *tenant,
	const struct settings_tenant *others)
{
	const struct settings_tenant *else_of =
		others ? others : tenant; /* of all tenants everything is there */
	const struct settings_tenant *zone = tenant->zone ? tenant : else_of;

	line->base = (struct settings_change){
		.zone = zone->zone,
		.zone_where = zone->zone_where,
		.week_start = tenant->week_start ? tenant->week_start : else_of->week_start,
		.fiscal_start = tenant->fiscal_start ? tenant->fiscal_start : else_of->fiscal_start,
	};
	for (size_t i = 0; others && i < others->changes.count; i++) {
		struct settings_change change = others->changes.items[i];

		change.zone = says(tenant, 0, change.from_day) ? NULL : change.zone;
		change.week_start = says(tenant, 1, change.from_day) ? 0 : change.week_start;
		change.fiscal_start = says(tenant, 2, change.from_day) ? 0 : change.fiscal_start;
		add_change(line, &change);
	}
	for (size_t i = 0; i < tenant->changes.count; i++)
		add_change(line, &tenant->changes.items[i]);
}

static int build_calendar(
	struct settings_loader *l, const struct settings_timeline *line, struct calendar *ret)
{
	struct settings_kept *kept = l->kept;

	*ret = (struct calendar){
		.zone = zone_get(l, line->base.zone, &line->base.zone_where),
		.week_start = (int)line->base.week_start,
		.fiscal_start_month = (int)line->base.fiscal_start,
	};
	if (!ret->zone)
		return 1;
	for (size_t i = 0; i < line->count; i++) {
		const struct settings_change *said = &line->items[i];
		struct calendar before = *ret;
		struct calendar_change change = { .from_day = said->from_day,
			.week_start = (int)said->week_start,
			.fiscal_start_month = (int)said->fiscal_start };

		if (said->zone && !(change.zone = zone_get(l, said->zone, &said->zone_where)))
			return 1;
		if (calendar_change(&before, &change, &kept->spliced[kept->spliced_count], ret))
			return settings_complain(
				l, &said->from_where, "more changes than a calendar can have");
		kept->spliced_count += said->zone != NULL;
	}
	return 0;
}

static int check_currency(
	struct settings_loader *l, const char *currency, const struct settings_where *where)
{
	if (strlen(currency) == 3 && strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3)
		return 0;
	return settings_complain(
		l, where, "currency wants three capital letters (ISO 4217), not «%s»", currency);
}

static int build_tenant(struct settings_loader *l, const struct settings_tenant *said,
	const struct settings_timeline *line, struct tenant_settings *to)
{
	struct calendar calendar;

	if (build_calendar(l, line, &calendar) ||
		check_currency(l, said->currency, &said->currency_where) ||
		workdays_get(l, said->workdays, &said->workdays_where, &to->workdays))
		return 1;
	to->tenant_id = said->id;
	to->currency = said->currency;
	to->calendar = calendar_get(l, &calendar);
	return 0;
}

int settings_build_tenants(struct settings_loader *l)
{
	struct settings *s = l->settings;
	struct settings_kept *kept = l->kept;
	struct settings_tenant fallback = {
		.zone = s->zone,
		.currency = s->currency,
		.workdays = s->workdays,
		.week_start = s->week_start,
		.fiscal_start = s->fiscal_start,
		.changes = l->changes,
		.zone_where = kept->where[SETTING_ID_zone],
		.currency_where = kept->where[SETTING_ID_currency],
		.workdays_where = kept->where[SETTING_ID_workdays],
	};
	size_t spliced_max = l->changes.count * (l->tenant_count + 1);

	for (size_t i = 0; i < l->tenant_count; i++)
		spliced_max += l->tenants[i].changes.count;
	kept->spliced = x_calloc(spliced_max + 1, sizeof(*kept->spliced));
	kept->timelines = x_calloc(l->tenant_count + 1, sizeof(*kept->timelines));
	kept->calendars = x_calloc(l->tenant_count + 1, sizeof(*kept->calendars));
	kept->tenants = x_calloc(l->tenant_count + 1, sizeof(*kept->tenants));
	s->tenants.calendars = kept->calendars;
	s->tenants.tenants = kept->tenants;
	s->tenants.rate_max_age_ms = s->fx_max_age_ms;
	lay_out(&kept->timelines[0], &fallback, NULL);
	if (build_tenant(l, &fallback, &kept->timelines[0], &s->tenants.fallback))
		return 1;
	for (size_t i = 0; i < l->tenant_count; i++) {
		struct settings_tenant *tenant = &l->tenants[i];
		struct settings_timeline *line = &kept->timelines[i + 1];

		lay_out(line, tenant, &fallback);
		if (!tenant->currency) {
			tenant->currency = fallback.currency;
			tenant->currency_where = fallback.currency_where;
		}
		if (!tenant->workdays) {
			tenant->workdays = fallback.workdays;
			tenant->workdays_where = fallback.workdays_where;
		}
		if (build_tenant(l, tenant, line, &kept->tenants[i]))
			return 1;
		s->tenants.tenant_count++;
	}
	return 0;
}
