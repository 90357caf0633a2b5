#include "edge/workday_file.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/timefmt.h"
#include "edge/yaml_source.h"

enum { DAYS_A_WEEK = 7, MESSAGE_BYTES = 200 };

static const char *const day_names[DAYS_A_WEEK] = { "mon", "tue", "wed", "thu", "fri", "sat",
	"sun" };
static const char *const keys[] = { "week", "holidays" };

struct reading {
	struct yaml_source source;
	struct workdays *workdays;
	int32_t *holidays; /* of the arena; as they stand, then rising */
	struct buffer *explanation;
};

static int refuse(struct reading *r, struct fy_node *node, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static int refuse(struct reading *r, struct fy_node *node, const char *format, ...)
{
	char message[MESSAGE_BYTES];
	bool is_text = node != NULL && fy_node_is_scalar(node);
	struct yaml_place first = { 1, 1 };
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	yaml_explain(&r->source, node != NULL ? yaml_place_of(node) : first, 0,
		is_text ? yaml_text_of(node).len : 1, message, r->explanation);
	return 1;
}

/* ---- the week ------------------------------------------------------------------------------------------- */

static int take_day(struct reading *r, struct fy_node *node)
{
	struct slice text = fy_node_is_scalar(node) ? yaml_text_of(node) : (struct slice){ 0 };
	const char *near = nearest_name(text, day_names, DAYS_A_WEEK);
	int day = 0;

	while (day < DAYS_A_WEEK && !slice_is(text, day_names[day]))
		day++;
	if (day == DAYS_A_WEEK)
		return refuse(r, node, "a day of the week is mon tue wed thu fri sat sun%s%s%s",
			near != NULL ? "; the nearest is «" : "", near != NULL ? near : "",
			near != NULL ? "»" : "");
	if (r->workdays->week >> day & 1)
		return refuse(r, node, "%s is there twice", day_names[day]);
	r->workdays->week |= (uint8_t)(1 << day);
	return 0;
}

static int take_week(struct reading *r, struct fy_node *key, struct fy_node *value)
{
	if (value == NULL || !fy_node_is_sequence(value) ||
		fy_node_sequence_item_count(value) == 0)
		return refuse(r, key, "week is a list of working days: [mon, tue, wed, thu, fri]");
	for (int i = 0; i < fy_node_sequence_item_count(value); i++)
		if (take_day(r, fy_node_sequence_get_by_index(value, i)))
			return 1;
	return 0;
}

/* ---- holidays ------------------------------------------------------------------------------------------- */

static int take_holiday(struct reading *r, struct fy_node *key)
{
	struct slice text = fy_node_is_scalar(key) ? yaml_text_of(key) : (struct slice){ 0 };
	int32_t day;

	if (!date_parse(text, &day))
		return refuse(r, key, "a holiday is a date and its name, 2026-01-01: New Year");
	for (uint32_t i = 0; i < r->workdays->holiday_count; i++)
		if (r->holidays[i] == day)
			return refuse(r, key, "this date is there twice");
	r->holidays[r->workdays->holiday_count++] = day;
	return 0;
}

static int compare_days(const void *a, const void *b)
{
	const int32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int take_holidays(
	struct reading *r, struct fy_node *key, struct fy_node *value, struct arena *arena)
{
	int count = 0;

	if (value != NULL && fy_node_is_mapping(value))
		count = fy_node_mapping_item_count(value);
	else if (value != NULL && !(fy_node_is_scalar(value) && yaml_text_of(value).len == 0))
		return refuse(r, key, "holidays is a mapping, 2026-01-01: New Year");
	if (count > WORKDAYS_HOLIDAYS_MAX)
		return refuse(r, key, "more than %d holidays", WORKDAYS_HOLIDAYS_MAX);
	r->holidays = arena_alloc(arena, ((size_t)count + 1) * sizeof(*r->holidays));
	for (int i = 0; i < count; i++)
		if (take_holiday(
			    r, fy_node_pair_key(fy_node_mapping_get_by_index(value, i))))
			return 1;
	qsort(r->holidays, (size_t)count, sizeof(*r->holidays), compare_days);
	r->workdays->holidays = r->holidays;
	return 0;
}

/* ---- the file ------------------------------------------------------------------------------------------- */

static int take_all(struct reading *r, struct fy_node *root, struct arena *arena)
{
	for (int i = 0; i < fy_node_mapping_item_count(root); i++) {
		struct fy_node_pair *pair = fy_node_mapping_get_by_index(root, i);
		struct fy_node *key = fy_node_pair_key(pair), *value = fy_node_pair_value(pair);
		struct slice name =
			fy_node_is_scalar(key) ? yaml_text_of(key) : (struct slice){ 0 };
		const char *near = nearest_name(name, keys, sizeof(keys) / sizeof(keys[0]));
		int answer;

		if (slice_is(name, "week"))
			answer = take_week(r, key, value);
		else if (slice_is(name, "holidays"))
			answer = take_holidays(r, key, value, arena);
		else
			answer = refuse(r, key, "a file of working days has week and holidays%s%s%s",
				near != NULL ? "; the nearest is «" : "", near != NULL ? near : "",
				near != NULL ? "»" : "");
		if (answer != 0)
			return 1;
	}
	return r->workdays->week != 0 ? 0
				      : refuse(r, root,
						"week is wanted: [mon, tue, wed, thu, fri]");
}

int workday_file_load(
	const char *path, struct arena *arena, struct workdays *ret, struct buffer *explanation)
{
	struct reading r = { .workdays = ret, .explanation = explanation };
	struct fy_node *root;
	int answer;

	*ret = (struct workdays){ 0 };
	if (yaml_source_read(&r.source, path, explanation)) {
		yaml_source_deinit(&r.source);
		return 1;
	}
	root = r.source.document != NULL ? fy_document_root(r.source.document) : NULL;
	if (root != NULL && fy_node_is_mapping(root))
		answer = take_all(&r, root, arena);
	else
		answer = refuse(&r, root, "a file of working days has week and holidays");
	yaml_source_deinit(&r.source);
	return answer;
}
