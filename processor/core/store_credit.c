/*
 * Who gets what of a deal (KPIS.md «Splits»): revenue splits in proportion, the rest of a sum below 100 % to the owner at
 * the win, a sum above 100 % scaled down. Largest remainder, so that amounts add up to the deal's and shares to 1.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal.h"
#include "core/store_inside.h"

#define CREDIT_SPLITS_MAX \
	256 /* rows of one deal that are looked at; what more there is stays with the owner */
#define PERCENT_ALL INT64_C(1000000) /* 100 % in 1/10,000 of a percent */

/* Roles are the CRM's own words: their case is not ours to demand. */
static bool is_word(struct slice text, const char *word)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (word[i] == '\0' || (c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c) != word[i])
			return false;
	}
	return word[text.len] == '\0';
}

/* What else there is (overlay, engineer, partner …) is told beside the amount, and enters no total. */
static bool is_revenue_role(const struct store *s, uint32_t role)
{
	struct slice text = intern_text(s->strings, role);

	return !role || is_word(text, "REVENUE") || is_word(text, "OWNER") ||
	       is_word(text, "PRIMARY");
}

static int64_t split_cell(const struct list_cells *splits, uint32_t row, uint32_t column)
{
	if (!(splits->present[row] >> column & 1))
		return 0;
	return splits->cells[(size_t)row * splits->columns + column];
}

static void credit_set(struct list_cells *list, uint32_t row, uint32_t column, int64_t value)
{
	list->present[row] |= UINT64_C(1) << column;
	list->cells[(size_t)row * CREDIT_COLUMNS + column] = value;
}

/* Adds to the rep's row, or a new one. */
static void add_part(struct list_cells *list, uint32_t rep, int64_t percent)
{
	uint32_t row = 0;

	while (row < list->count &&
		list->cells[(size_t)row * CREDIT_COLUMNS + CREDIT_REP_ID] != rep)
		row++;
	if (row == list->count)
		list->count++;
	list->cells[(size_t)row * CREDIT_COLUMNS + CREDIT_REP_ID] = rep;
	if (rep)
		list->present[row] |= UINT64_C(1) << CREDIT_REP_ID;
	/* The percentage waits in the share's cell until all are known. */
	credit_set(list, row, CREDIT_SHARE,
		list->cells[(size_t)row * CREDIT_COLUMNS + CREDIT_SHARE] + percent);
}

/*
 * Parts of `whole` in proportion to the percentages in `percents`, which sum to `all`; into column `column`. Of what the
 * rounding down leaves, one unit each to the largest remainders, the earlier row first.
 */
static void divide(struct list_cells *list, const int64_t *percents, int64_t all, int64_t whole,
	uint32_t column)
{
	i128 size = whole < 0 ? -(i128)whole : whole, given = 0;
	uint32_t rows = list->count;

	for (uint32_t row = 0; row < rows; row++) {
		i128 part = size * percents[row] / all;

		given += part;
		credit_set(list, row, column, (int64_t)part);
	}
	for (i128 rest = size - given; rest > 0; rest--) {
		uint32_t best = 0;
		i128 best_remainder = -1;

		for (uint32_t row = 0; row < rows; row++) {
			/* Negative once it has had its unit. */
			i128 remainder =
				size * percents[row] -
				(i128)list->cells[(size_t)row * CREDIT_COLUMNS + column] * all;

			if (remainder > best_remainder) {
				best = row;
				best_remainder = remainder;
			}
		}
		list->cells[(size_t)best * CREDIT_COLUMNS + column]++;
	}
	for (uint32_t row = 0; whole < 0 && row < rows; row++)
		list->cells[(size_t)row * CREDIT_COLUMNS + column] *= -1;
}

/* Rows with their percentages; answers their sum, 100 % or more. */
static int64_t collect_parts(
	struct store *s, const struct list_cells *splits, uint32_t owner, struct list_cells *list)
{
	int64_t sum = 0;

	for (uint32_t row = 0; splits && row < splits->count && row < CREDIT_SPLITS_MAX; row++) {
		int64_t percent = split_cell(splits, row, s->slot.split_credit_pct);
		uint32_t rep = (uint32_t)split_cell(splits, row, s->slot.split_rep_id);

		/* A share of nobody is the owner's. */
		if (!rep || percent <= 0 || percent > INT32_MAX ||
			!is_revenue_role(s, (uint32_t)split_cell(splits, row, s->slot.split_role)))
			continue;
		add_part(list, rep, percent);
		sum += percent;
	}
	if (sum < PERCENT_ALL)
		add_part(list, owner, PERCENT_ALL - sum);
	else if (sum > PERCENT_ALL)
		s->counters.splits_scaled++;
	return sum < PERCENT_ALL ? PERCENT_ALL : sum;
}

struct list_cells *store_credit(struct store *s, const struct entity *deal)
{
	const struct list_cells *splits = slot_list(s, deal, s->slot.deal_splits);
	struct list_cells *list, *exact;
	uint32_t team = slot_string(s, deal, s->slot.deal_win_team_id), rows;
	int64_t all, *percents;

	if (!slot_present(deal, s->slot.deal_amount))
		return NULL;
	rows = 1;
	if (splits)
		rows += splits->count < CREDIT_SPLITS_MAX ? splits->count : CREDIT_SPLITS_MAX;
	list = store_list_draft(s, rows, CREDIT_COLUMNS);
	list->count = 0;
	all = collect_parts(s, splits, slot_string(s, deal, s->slot.deal_win_owner_id), list);
	exact = store_list_draft(s, list->count, CREDIT_COLUMNS);
	percents = (int64_t *)arena_alloc(&s->trail_memory, list->count * sizeof(*percents));
	for (uint32_t row = 0; row < list->count; row++) {
		const int64_t *cells = &list->cells[(size_t)row * CREDIT_COLUMNS];

		percents[row] = cells[CREDIT_SHARE];
		if (cells[CREDIT_REP_ID])
			credit_set(exact, row, CREDIT_REP_ID, cells[CREDIT_REP_ID]);
		if (team)
			credit_set(exact, row, CREDIT_TEAM_ID, team);
	}
	divide(exact, percents, all, slot_cell(s, deal, s->slot.deal_amount), CREDIT_AMOUNT);
	divide(exact, percents, all, DECIMAL_SCALE, CREDIT_SHARE);
	if (slot_present(deal, s->slot.deal_refund_amount))
		divide(exact, percents, all, slot_cell(s, deal, s->slot.deal_refund_amount),
			CREDIT_REFUND);
	return exact;
}
