/*
 * workday_file: the days on which a company works, from a YAML file:
 *
 *     week: [mon, tue, wed, thu, fri]
 *     holidays:
 *       2026-01-01: New Year's Day
 */
#ifndef EDGE_WORKDAY_FILE_H
#define EDGE_WORKDAY_FILE_H

#include "base/arena.h"
#include "base/buffer.h"
#include "core/workdays.h"

/* *ret lives in the arena. 0, or 1: it can't be read or is wrong; where and why is in `explanation`. */
int workday_file_load(const char *path, struct arena *, struct workdays *ret, struct buffer *explanation);

#endif
