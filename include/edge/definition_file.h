/*
 * definition_file: YAML definitions (deploy/kpis.yaml) -> struct definitions -> a plan. `include: [builtin, other.yaml]` comes first;
 * what a later file defines under the same name replaces the earlier.
 */
#ifndef EDGE_DEFINITION_FILE_H
#define EDGE_DEFINITION_FILE_H

#include "base/buffer.h"
#include "base/slice.h"
#include "core/plan.h"

/*
 * path NULL or "": the definitions that are built in. 0: *ret_plan is the caller's (plan_free). 1: a mistake, explained in
 * `explanation` as file:line:column, the line and a caret.
 */
int definition_file_plan(const char *path, struct plan **ret_plan, struct buffer *explanation);
/* The same for a text; includes other than builtin are relative to the working directory. */
int definition_text_plan(const char *name, struct slice text, struct plan **ret_plan, struct buffer *explanation);

#endif
