/*
 * asset: files that are part of the program (default definitions and settings, schemas, Lua
 * scripts). Written to build/gen/assets.c by the Makefile; named without their folder: "kpis.yaml",
 * "deal.avsc", "take_epoch.lua".
 */
#ifndef BASE_ASSET_H
#define BASE_ASSET_H

#include <stddef.h>

struct asset {
	const char *name;
	const unsigned char *data; /* a NUL stands behind it, not counted in len */
	size_t len;
};

extern const struct asset assets[];
extern const size_t asset_count;

/* NULL: no such asset. */
const struct asset *asset_find(const char *name);

#endif
