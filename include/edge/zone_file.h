/* zone_file: time zones by name, from the machine's tz database (/usr/share/zoneinfo, or $TZDIR). */
#ifndef EDGE_ZONE_FILE_H
#define EDGE_ZONE_FILE_H

#include <stddef.h>

#include "core/zone.h"

/* 0: *ret is the caller's (zone_deinit). 1: no such zone; ret_message says it with the nearest name. */
int zone_file_load(const char *name, struct zone *ret, char *ret_message, size_t cap);

#endif
