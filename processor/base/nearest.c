#include "base/nearest.h"

#include <stdint.h>

static char folded(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Dynamic programming over three rows: two back for swaps, the last, this one. */
size_t nearest_distance(struct slice a, struct slice b)
{
	size_t rows[3][NEAREST_NAME_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];

	if (a.len > NEAREST_NAME_MAX || b.len > NEAREST_NAME_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.len; j++)
		before[j] = last[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			char x = folded(a.at[i - 1]), y = folded(b.at[j - 1]);

			row[j] = least(least(last[j], row[j - 1]) + 1, last[j - 1] + (x != y));
			if (i > 1 && j > 1 && x == folded(b.at[j - 2]) && y == folded(a.at[i - 2]))
				row[j] = least(row[j], before[j - 2] + 1);
		}
		size_t *oldest = before;

		before = last;
		last = row;
		row = oldest;
	}
	return last[b.len];
}

const char *nearest_name(struct slice wanted, const char *const *names, size_t count)
{
	size_t limit = wanted.len / 3 > 2 ? wanted.len / 3 : 2;
	const char *best = NULL;

	for (size_t i = 0; i < count; i++) {
		size_t distance = nearest_distance(wanted, slice_of(names[i]));

		/* "x" is two steps from "ab", but has nothing in common with it. */
		if (distance > limit || distance >= wanted.len)
			continue;
		best = names[i];
		if (distance == 0)
			break;
		limit = distance - 1;
	}
	return best;
}
