/* plans: what tests of the core stand on: a plan from a text, a zone by its name, an instant from a text. They fail the test. */
#ifndef TESTS_UNIT_PLANS_H
#define TESTS_UNIT_PLANS_H

#include <stdint.h>

#include "core/plan.h"
#include "core/zone.h"

/* The caller frees it (plan_free). */
struct plan *plan_of(const char *yaml);
/* What a text of definitions is refused with; the caller frees it. Fails the test if it compiles. */
char *mistake_of(const char *yaml);
/* The caller's (zone_deinit). */
struct zone zone_of(const char *name);
int64_t ms_of(const char *utc);

#endif
