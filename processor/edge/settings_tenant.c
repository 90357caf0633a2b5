/* settings_tenant: zone, currency, week and fiscal start of every tenant -> the book of tenants and its calendars. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "edge/settings_inside.h"
#include "edge/zone_file.h"

enum { MESSAGE_BYTES = 320 };

/* The zone by its name, read once. NULL: a mistake, said. */
static const struct zone *zone_get(
	struct settings_loader *l, const char *name, const struct settings_where *where)
{
	struct settings_kept *kept = l->kept;
	char message[MESSAGE_BYTES];
	struct zone *zone;

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

/* The class of calendars: the same zone, week and fiscal year share a ledger. */
static uint32_t calendar_get(struct settings_loader *l, struct calendar calendar)
{
	struct tenant_book *book = &l->settings->tenants;

	for (uint32_t i = 0; i < book->calendar_count; i++)
		if (book->calendars[i].zone == calendar.zone &&
			book->calendars[i].week_start == calendar.week_start &&
			book->calendars[i].fiscal_start_month == calendar.fiscal_start_month)
			return i;
	l->kept->calendars[book->calendar_count] = calendar;
	return book->calendar_count++;
}

static int check_currency(
	struct settings_loader *l, const char *currency, const struct settings_where *where)
{
	if (strlen(currency) == 3 && strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 3)
		return 0;
	return settings_complain(
		l, where, "currency wants three capital letters (ISO 4217), not «%s»", currency);
}

static int build_tenant(
	struct settings_loader *l, const struct settings_tenant *said, struct tenant_settings *to)
{
	const struct zone *zone = zone_get(l, said->zone, &said->zone_where);

	if (!zone || check_currency(l, said->currency, &said->currency_where))
		return 1;
	to->tenant_id = said->id;
	to->currency = said->currency;
	to->calendar = calendar_get(
		l, (struct calendar){ zone, (int)said->week_start, (int)said->fiscal_start });
	return 0;
}

int settings_build_tenants(struct settings_loader *l)
{
	struct settings *s = l->settings;
	struct settings_tenant fallback = {
		.zone = s->zone,
		.currency = s->currency,
		.week_start = s->week_start,
		.fiscal_start = s->fiscal_start,
		.zone_where = l->kept->where[SETTING_ID_zone],
		.currency_where = l->kept->where[SETTING_ID_currency],
	};

	l->kept->calendars = x_calloc(l->tenant_count + 1, sizeof(*l->kept->calendars));
	l->kept->tenants = x_calloc(l->tenant_count + 1, sizeof(*l->kept->tenants));
	s->tenants.calendars = l->kept->calendars;
	s->tenants.tenants = l->kept->tenants;
	if (build_tenant(l, &fallback, &s->tenants.fallback))
		return 1;
	for (size_t i = 0; i < l->tenant_count; i++) {
		struct settings_tenant *tenant = &l->tenants[i];

		if (!tenant->zone) {
			tenant->zone = fallback.zone;
			tenant->zone_where = fallback.zone_where;
		}
		if (!tenant->currency) {
			tenant->currency = fallback.currency;
			tenant->currency_where = fallback.currency_where;
		}
		tenant->week_start = tenant->week_start ? tenant->week_start : fallback.week_start;
		tenant->fiscal_start =
			tenant->fiscal_start ? tenant->fiscal_start : fallback.fiscal_start;
		if (build_tenant(l, tenant, &l->kept->tenants[i]))
			return 1;
		s->tenants.tenant_count++;
	}
	return 0;
}
