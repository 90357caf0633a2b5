/*
 * tenant: what the settings say of one company: its zone, week, currency. Tenants with the same zone, week start and
 * fiscal start share a calendar class, and so a ledger.
 *
 * Borrowed, immutable: built by the edge from the settings, and passed to shards. A tenant that the settings do not
 * name has `fallback`'s values.
 */
#ifndef CORE_TENANT_H
#define CORE_TENANT_H

#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"
#include "core/calendar.h"
#include "core/workdays.h"

struct tenant_settings {
	const char *tenant_id;      /* NULL in the fallback */
	uint32_t calendar;          /* index in calendars: the calendar class */
	const char *currency;       /* reporting currency, ISO 4217; NULL: none set */
	const struct workdays *workdays; /* borrowed; NULL: every day */
};

struct tenant_book {
	const struct calendar *calendars; /* one per class */
	uint32_t calendar_count;
	const struct tenant_settings *tenants;
	uint32_t tenant_count;
	struct tenant_settings fallback;
	int64_t rate_max_age_ms;    /* S16: an older rate converts nothing; 0: however old */
};

/* The settings of a tenant, the fallback if it is not named. Linear: called once per tenant and shard. */
const struct tenant_settings *tenant_book_find(const struct tenant_book *, struct slice tenant_id);

#endif
