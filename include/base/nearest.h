/*
 * nearest: the name that someone probably meant: "did you mean win_rate?"
 * Distance: insertions, deletions, substitutions and swaps of neighbours (optimal string
 * alignment), upper and lower case alike.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <stddef.h>

#include "base/slice.h"

/* Longer names are never near. */
#define NEAREST_NAME_MAX 64

/* The first of the names with the smallest distance; NULL if that is above max(2, length/3) or
 * nothing of `wanted` is left. */
const char *nearest_name(struct slice wanted, const char *const *names, size_t count);
size_t nearest_distance(struct slice a, struct slice b);

#endif
