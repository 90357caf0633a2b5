/*
 * TZif (RFC 8536): a version-1 block to skip, then a block with 64-bit times, then a POSIX TZ rule for the time after it. The rule
 * is laid out as transitions up to LAST_YEAR, so that there is one way to look up an offset.
 */
#include "core/zone.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/timefmt.h"
#include "base/xalloc.h"

enum {
	HEADER_BYTES = 44,
	TRANSITIONS_MAX = 4096,
	TYPES_MAX = 256,
	LAST_YEAR = 2200,
	RULE_TEXT_MAX = 128
};
static const int64_t DAY = 86400000;

struct header {
	uint32_t ut_count, std_count, leap_count, time_count, type_count, char_count;
	uint8_t version;
};

static bool read_header(struct reader *reader, struct header *header)
{
	struct slice magic = reader_bytes(reader, 4);

	if (!slice_is(magic, "TZif"))
		return false;
	header->version = reader_u8(reader);
	reader_bytes(reader, 15);
	header->ut_count = reader_u32be(reader);
	header->std_count = reader_u32be(reader);
	header->leap_count = reader_u32be(reader);
	header->time_count = reader_u32be(reader);
	header->type_count = reader_u32be(reader);
	header->char_count = reader_u32be(reader);
	return !reader->bad && header->time_count <= TRANSITIONS_MAX && header->type_count >= 1 &&
	       header->type_count <= TYPES_MAX && header->char_count <= 4096 &&
	       header->leap_count <= 4096 && header->ut_count <= TYPES_MAX &&
	       header->std_count <= TYPES_MAX;
}

static size_t block_bytes(const struct header *header, size_t time_size)
{
	return header->time_count * (time_size + 1) + header->type_count * 6 + header->char_count +
	       header->leap_count * (time_size + 4) + header->std_count + header->ut_count;
}

static void transition_add(struct zone *zone, size_t *capacity, int64_t at_ms, int32_t offset_ms)
{
	X_GROW(zone->transitions, zone->count, *capacity);
	zone->transitions[zone->count++] = (struct zone_transition){ at_ms, offset_ms };
}

/* ---- the rule behind the last transition ------------------------------------------------------------------- */

struct rule_date {
	int month, week,
		day; /* Mm.w.d; month 0: Jn (day counted without 29 February) or n (week 1: with it) */
	bool is_julian, counts_leap;
	int32_t time_s;
};

struct rule {
	int32_t standard_s, daylight_s; /* offsets east of UTC */
	bool has_daylight;
	struct rule_date begin, end;
};

static bool take_name(const char **at)
{
	if (**at == '<') {
		const char *end = strchr(*at, '>');
		if (end == NULL)
			return false;
		*at = end + 1;
		return true;
	}
	const char *start = *at;
	while ((**at >= 'a' && **at <= 'z') || (**at >= 'A' && **at <= 'Z'))
		(*at)++;
	return *at - start >= 3;
}

static bool take_number(const char **at, int max, int *ret)
{
	int number = 0;
	const char *start = *at;

	while (**at >= '0' && **at <= '9' && number <= max)
		number = number * 10 + (*(*at)++ - '0');
	*ret = number;
	return *at > start && number <= max;
}

/* [+-]hh[:mm[:ss]] in seconds */
static bool take_time(const char **at, int32_t *ret_s)
{
	int sign = **at == '-' ? -1 : 1, hours, minutes = 0, seconds = 0;

	if (**at == '-' || **at == '+')
		(*at)++;
	if (!take_number(at, 167, &hours))
		return false;
	if (**at == ':') {
		(*at)++;
		if (!take_number(at, 59, &minutes))
			return false;
		if (**at == ':') {
			(*at)++;
			if (!take_number(at, 59, &seconds))
				return false;
		}
	}
	*ret_s = sign * (hours * 3600 + minutes * 60 + seconds);
	return true;
}

static bool take_date(const char **at, struct rule_date *date)
{
	*date = (struct rule_date){ .time_s = 7200 };
	if (**at == 'M') {
		(*at)++;
		if (!take_number(at, 12, &date->month) || date->month < 1 || *(*at)++ != '.' ||
			!take_number(at, 5, &date->week) || date->week < 1 || *(*at)++ != '.' ||
			!take_number(at, 6, &date->day))
			return false;
	} else {
		date->is_julian = true;
		date->counts_leap = **at != 'J';
		if (**at == 'J')
			(*at)++;
		if (!take_number(at, 366, &date->day))
			return false;
	}
	if (**at != '/')
		return true;
	(*at)++;
	return take_time(at, &date->time_s);
}

static bool parse_rule(const char *at, struct rule *rule)
{
	int32_t west_s;

	*rule = (struct rule){ 0 };
	if (!take_name(&at) || !take_time(&at, &west_s))
		return false;
	rule->standard_s = -west_s;
	if (*at == '\0')
		return true;
	if (!take_name(&at))
		return false;
	rule->has_daylight = true;
	rule->daylight_s = rule->standard_s + 3600;
	if (*at != ',' && *at != '\0') {
		if (!take_time(&at, &west_s))
			return false;
		rule->daylight_s = -west_s;
	}
	return *at++ == ',' && take_date(&at, &rule->begin) && *at++ == ',' &&
	       take_date(&at, &rule->end) && *at == '\0';
}

/* Local ms of a rule's date in a year. */
static int64_t rule_local_ms(const struct rule_date *date, int year)
{
	int64_t day;

	if (date->is_julian) {
		bool is_leap = days_in_month(year, 2) == 29;
		day = days_from_civil(year, 1, 1) +
		      (date->counts_leap ? date->day
					 : date->day - 1 + (is_leap && date->day >= 60));
	} else {
		int64_t first = days_from_civil(year, (unsigned)date->month, 1);
		int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday */
		int64_t in_month = (date->day - weekday + 7) % 7 + (date->week - 1) * 7;
		while (in_month >= (int64_t)days_in_month(year, (unsigned)date->month))
			in_month -= 7;
		day = first + in_month;
	}
	return day * DAY + (int64_t)date->time_s * 1000;
}

/* A rule's transition, if it is behind the file's last one. Where a rule says «always summer» one year's end is the next one's begin. */
static void add_behind(
	struct zone *zone, size_t *capacity, int64_t last_ms, struct zone_transition t)
{
	struct zone_transition *newest = zone->count ? &zone->transitions[zone->count - 1] : NULL;

	if (t.at_ms <= last_ms)
		return;
	if (newest && newest->at_ms >= t.at_ms)
		newest->offset_ms = t.offset_ms;
	else
		transition_add(zone, capacity, t.at_ms, t.offset_ms);
}

static void lay_out_rule(struct zone *zone, size_t *capacity, const struct rule *rule)
{
	int64_t last_ms = zone->count > 0 ? zone->transitions[zone->count - 1].at_ms : INT64_MIN;
	int first_year = 1970;
	unsigned month, day;

	if (!rule->has_daylight) {
		int32_t now = zone->count > 0 ? zone->transitions[zone->count - 1].offset_ms
					      : zone->first_offset_ms;
		if (now != rule->standard_s * 1000 && zone->count == 0)
			zone->first_offset_ms = rule->standard_s * 1000;
		return;
	}
	if (zone->count > 0)
		civil_from_days(last_ms / DAY, &first_year, &month, &day);
	for (int year = first_year - 1; year <= LAST_YEAR; year++) {
		struct zone_transition begin = { rule_local_ms(&rule->begin, year) -
							 (int64_t)rule->standard_s * 1000,
			rule->daylight_s * 1000 };
		struct zone_transition end = { rule_local_ms(&rule->end, year) -
						       (int64_t)rule->daylight_s * 1000,
			rule->standard_s * 1000 };
		bool is_south = end.at_ms < begin.at_ms; /* summer lies over the turn of the year */

		add_behind(zone, capacity, last_ms, is_south ? end : begin);
		add_behind(zone, capacity, last_ms, is_south ? begin : end);
	}
}

/* ---- the file ------------------------------------------------------------------------------------------------ */

static bool read_block(struct reader *reader, const struct header *header, size_t time_size,
	struct zone *zone, size_t *capacity)
{
	struct slice times = reader_bytes(reader, header->time_count * time_size);
	struct slice indexes = reader_bytes(reader, header->time_count);
	struct slice types = reader_bytes(reader, (size_t)header->type_count * 6);
	int32_t offsets_ms[TYPES_MAX];

	if (header->leap_count) /* times that count leap seconds («right/…») are not those of events */
		return false;
	reader_bytes(reader, header->char_count + header->leap_count * (time_size + 4) +
				     header->std_count + header->ut_count);
	if (reader->bad)
		return false;
	for (uint32_t i = 0; i < header->type_count; i++) {
		struct reader type = reader_of(types.at + i * 6, 4);
		int32_t offset_s = (int32_t)reader_u32be(&type);
		if (offset_s < -90000 || offset_s > 93600)
			return false;
		offsets_ms[i] = offset_s * 1000;
	}
	zone->first_offset_ms = offsets_ms[0];
	struct reader at = reader_of(times.at, header->time_count * time_size);
	int64_t before = INT64_MIN;
	for (uint32_t i = 0; i < header->time_count; i++) {
		uint64_t high = time_size == 8 ? reader_u32be(&at) : 0;
		uint32_t low = reader_u32be(&at);
		int64_t seconds = time_size == 8 ? (int64_t)(high << 32 | low) : (int32_t)low;

		if ((uint8_t)indexes.at[i] >= header->type_count || seconds <= before)
			return false;
		before = seconds;
		/* «The big bang» of old compilers of zones is the state before everything; what lies beyond 5000 is nobody's. */
		if (seconds < -INT64_C(100000000000))
			zone->first_offset_ms = offsets_ms[(uint8_t)indexes.at[i]];
		else if (seconds < INT64_C(100000000000))
			transition_add(
				zone, capacity, seconds * 1000, offsets_ms[(uint8_t)indexes.at[i]]);
	}
	return true;
}

static void read_footer(struct reader *reader, struct zone *zone, size_t *capacity)
{
	char text[RULE_TEXT_MAX];
	size_t length = 0;
	struct rule rule;

	if (reader_u8(reader) != '\n')
		return;
	while (length < sizeof(text) - 1 && reader_left(reader) > 0) {
		char c = (char)reader_u8(reader);
		if (c == '\n')
			break;
		text[length++] = c;
	}
	text[length] = '\0';
	if (parse_rule(text, &rule))
		lay_out_rule(zone, capacity, &rule);
}

int zone_parse(const void *bytes, size_t length, struct zone *ret)
{
	struct reader reader = reader_of(bytes, length);
	struct zone zone = { 0 };
	struct header header;
	size_t capacity = 0;
	bool is_good = read_header(&reader, &header);

	if (is_good && header.version >= '2') {
		reader_bytes(&reader, block_bytes(&header, 4));
		is_good = !reader.bad && read_header(&reader, &header) &&
			  read_block(&reader, &header, 8, &zone, &capacity);
		if (is_good)
			read_footer(&reader, &zone, &capacity);
	} else if (is_good) {
		is_good = read_block(&reader, &header, 4, &zone, &capacity);
	}
	if (!is_good) {
		zone_deinit(&zone);
		return 1;
	}
	*ret = zone;
	return 0;
}

void zone_deinit(struct zone *zone)
{
	free(zone->transitions);
	*zone = (struct zone){ 0 };
}

/* ---- looking up ---------------------------------------------------------------------------------------------- */

/* How many transitions are at or before t. */
static size_t transitions_before(const struct zone *zone, int64_t utc_ms)
{
	size_t low = 0, high = zone->count;

	while (low < high) {
		size_t middle = (low + high) / 2;
		if (zone->transitions[middle].at_ms <= utc_ms)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int32_t offset_after(const struct zone *zone, size_t transitions)
{
	return transitions == 0 ? zone->first_offset_ms
				: zone->transitions[transitions - 1].offset_ms;
}

int32_t zone_offset_at(const struct zone *zone, int64_t utc_ms)
{
	return offset_after(zone, transitions_before(zone, utc_ms));
}

int64_t zone_from_local(const struct zone *zone, int64_t local_ms)
{
	/* The span to start from begins at least a day and a bit before; spans are walked forward to the first that reaches local_ms. */
	size_t at = transitions_before(zone, local_ms - 2 * DAY);

	for (;; at++) {
		int64_t candidate = local_ms - offset_after(zone, at);
		bool is_last = at == zone->count;

		if (is_last || candidate < zone->transitions[at].at_ms) {
			/* Before this span begins: local_ms lies in the gap that its transition made. */
			int64_t begin_ms = at == 0 ? INT64_MIN : zone->transitions[at - 1].at_ms;
			return candidate < begin_ms ? begin_ms : candidate;
		}
	}
}

int64_t zone_to_local_monotone(const struct zone *zone, int64_t utc_ms)
{
	size_t at = transitions_before(zone, utc_ms);
	int64_t local_ms = utc_ms + offset_after(zone, at);

	/* Transitions within the last two days can have set the clock back; the highest it stood at is held. */
	for (size_t i = at; i > 0 && utc_ms - zone->transitions[i - 1].at_ms < 2 * DAY; i--) {
		int64_t stood_at = zone->transitions[i - 1].at_ms + offset_after(zone, i - 1);
		if (stood_at > local_ms)
			local_ms = stood_at;
	}
	return local_ms;
}

/* ---- one out of two ------------------------------------------------------------------------------------------ */

static void copy_transitions(struct zone *to, size_t *capacity, const struct zone *from,
	int64_t first_ms, int64_t end_ms)
{
	for (size_t i = 0; i < from->count; i++) {
		const struct zone_transition *t = &from->transitions[i];

		if (t->at_ms >= first_ms && t->at_ms < end_ms)
			transition_add(to, capacity, t->at_ms, t->offset_ms);
	}
}

void zone_splice(
	const struct zone *before, const struct zone *after, int64_t local_ms, struct zone *ret)
{
	int64_t at_ms = zone_from_local(before, local_ms);
	struct zone zone = { .first_offset_ms = before->first_offset_ms };
	size_t capacity = 0;

	/* A clock that is set back would show local_ms once more, later: so the old one shows it before it goes. */
	if (at_ms + zone_offset_at(after, at_ms) < local_ms)
		at_ms++;
	copy_transitions(&zone, &capacity, before, INT64_MIN, at_ms);
	transition_add(&zone, &capacity, at_ms, zone_offset_at(after, at_ms));
	copy_transitions(&zone, &capacity, after, at_ms + 1, INT64_MAX);
	*ret = zone;
}
