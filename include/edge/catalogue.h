/*
 * catalogue: the KPIs of a compiled plan as a page for people: what each means in English and Indonesian, its formula, unit, basis,
 * windows, groups, and the streams without which it has no data. A pure function of the plan: the same definitions make the same page.
 */
#ifndef EDGE_CATALOGUE_H
#define EDGE_CATALOGUE_H

#include "base/buffer.h"
#include "core/plan.h"

enum catalogue_format { CATALOGUE_MARKDOWN, CATALOGUE_HTML };

/* Appends the whole page. HTML is one file that asks nobody for anything. */
void catalogue_print(const struct plan *, enum catalogue_format, struct buffer *out);

#endif
