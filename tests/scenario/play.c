/* play: a scenario through the core, in one of the modes: as it stands, doubled, shuffled, with restarts. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "board.h"
#include "core/calendar.h"
#include "core/shard.h"
#include "core/shard_explain.h"
#include "edge/definition_file.h"
#include "scenario.h"

struct stage {
	const struct scenario *scenario;
	const struct scenario_mode *mode;
	struct plan *plan, *next_plan;
	const struct tenant_book *tenants;
	struct shard *shard;
	struct board board;
	struct buffer cuts[4096];    /* of the checkpoint, a base first */
	size_t cut_count, restart_count;
	bool is_rebuilt;             /* the next cut is a base: the ones before are of other definitions */
	int64_t turn_ms;             /* monotone time */
	int64_t wall_ms;
	struct clock clock;          /* with partitions */
	struct rng rng;
	int failures;
};

static struct shard *new_shard(const struct stage *g)
{
	const struct shard_settings settings = {
		.plan = g->plan, .tenants = g->tenants,
		.store = { .entities_max = 100000, .strings_bytes_max = 64 << 20 },
		.groups = { .groups_max = 100000, .cells_max = 1000000 },
		.snapshots = snapshot_settings_usual(1000000),
		.hash_seed = 42 + g->restart_count, .pending_max = 1000000, .ledger_bytes_max = 1 << 30,
	};

	return shard_new(&settings);
}

/* ---- restarts ------------------------------------------------------------------------------------------- */

enum { KEPT, REBUILT, RECALENDARED, /* what shard_restored answers */
	OTHER_WORKDAYS }; /* REBUILT, under the same plan */

/* Every fourth cut is a base, the others hold what changed. The cut itself is made under what was before. */
static void restart(struct stage *g, int wanted)
{
	bool whole = g->restart_count % 4 == 0 || !g->cut_count || g->is_rebuilt || g->cut_count == sizeof(g->cuts) / sizeof(g->cuts[0]);
	int64_t revision;

	g->is_rebuilt = wanted != KEPT;
	if (whole) {
		for (size_t i = 0; i < g->cut_count; i++)
			buffer_deinit(&g->cuts[i]);
		g->cut_count = 0;
	}
	buffer_init(&g->cuts[g->cut_count]);
	shard_save(g->shard, whole, &g->cuts[g->cut_count++]);
	shard_saved(g->shard);
	shard_free(g->shard);
	g->restart_count++;
	if (wanted == REBUILT)
		g->plan = g->next_plan;
	if (wanted == RECALENDARED || wanted == OTHER_WORKDAYS)
		g->tenants = &g->scenario->tenants_later;
	g->shard = new_shard(g);
	for (size_t i = 0; i < g->cut_count; i++) {
		int bad = shard_restore(g->shard, g->cuts[i].data, g->cuts[i].len);

		assert(!bad);
		(void)bad;
	}
	if (shard_restored(g->shard) != (wanted == OTHER_WORKDAYS ? REBUILT : wanted)) {
		fprintf(stderr, "%s: whether a restart rebuilt the ledger was not as the definitions and calendars\n", g->scenario->path);
		g->failures++;
	}
	revision = snapshots_revision(shard_snapshots(g->shard));
	snapshots_raise_revision(shard_snapshots(g->shard), (revision > g->board.revision ? revision : g->board.revision) + 1);
}

/* ---- time ----------------------------------------------------------------------------------------------- */

static void advance(struct stage *g, int64_t clock_ms)
{
	if (clock_ms <= shard_clock(g->shard))
		return;
	while (shard_advance(g->shard, clock_ms, 7)) /* a small budget: half-moved states are met */
		;
}

/* Turns until nothing is left to say, each later than every interval. */
static void collect(struct stage *g)
{
	for (int turn = 0; turn < 4; turn++) {
		g->turn_ms += 61000;
		shard_collect(g->shard, g->turn_ms, false, UINT32_MAX, board_take, &g->board);
	}
}

static void audit_line(void *ctx, const char *line)
{
	const struct stage *g = ctx;

	fprintf(stderr, "%s (%s): audit: %s\n", g->scenario->path, g->mode->name, line);
}

/* ---- the clock of partitions ---------------------------------------------------------------------------- */

static void turn_clock(struct stage *g)
{
	int64_t clock_ms = clock_turn(&g->clock, g->wall_ms);

	if (clock_ms != CLOCK_NONE)
		advance(g, clock_ms);
}

static void check_clock(struct stage *g, const struct step *step)
{
	char wanted[TIME_TEXT_MAX], got[TIME_TEXT_MAX];

	if (g->clock.now_ms == step->time_ms)
		return;
	g->failures++;
	fprintf(stderr, "%s:%d (%s): the clock stands at %s, wanted %s\n", g->scenario->path, step->line, g->mode->name,
		g->clock.now_ms == CLOCK_NONE ? "none" : time_format(g->clock.now_ms, got),
		step->time_ms == CLOCK_NONE ? "none" : time_format(step->time_ms, wanted));
}

static void start_clock(struct stage *g)
{
	const struct clock_settings settings = { .follow_wall = true, .alignment_ms = 600000, .max_skew_ms = 300000,
		.near_wall_ms = 600000, .idle_ms = 30000, .unreadable_ms = 60000 };

	clock_init(&g->clock, &settings, g->scenario->partition_count);
	for (uint32_t i = 0; i < g->scenario->partition_count; i++)
		clock_assign(&g->clock, i);
}

/* ---- events --------------------------------------------------------------------------------------------- */

static void apply(struct stage *g, const struct step *step)
{
	char reason[EVENT_REASON_MAX] = "";
	enum shard_answer answer = shard_apply(g->shard, step->event, reason);
	bool plain = !g->mode->doubled && !g->mode->shuffled, good = true;

	if (step->verdict == VERDICT_REFUSED)
		good = answer == SHARD_BAD && strstr(reason, step->reason);
	else if (step->verdict == VERDICT_LATE && plain)
		good = answer == SHARD_LATE;
	else if (step->verdict == VERDICT_DUPLICATE && plain)
		good = answer == SHARD_DUPLICATE;
	else
		good = answer != SHARD_BAD && answer != SHARD_FULL;
	if (!good) {
		fprintf(stderr, "%s:%d (%s): the event was answered with %d %s\n", g->scenario->path, step->line, g->mode->name,
			(int)answer, reason);
		g->failures++;
	}
	if (g->scenario->partition_count) {
		clock_saw(&g->clock, step->partition, step->event->occurred_at_ms, g->wall_ms);
		turn_clock(g);
	} else if (answer != SHARD_BAD) {
		advance(g, step->time_ms);
	}
	if (g->mode->restarts)
		restart(g, KEPT);
}

/* The events up to the next expectation; answers the step behind them. */
static size_t play_block(struct stage *g, size_t first)
{
	const struct scenario *s = g->scenario;
	size_t end = first, count = 0;
	const struct step **order;

	while (end < s->step_count && s->steps[end].kind == STEP_EVENT)
		end++;
	order = x_calloc((end - first) * 2 + 1, sizeof(*order));
	for (size_t i = first; i < end; i++) {
		order[count++] = &s->steps[i];
		if (g->mode->doubled)
			order[count++] = &s->steps[i];
	}
	for (size_t i = count; g->mode->shuffled && i > 1; i--) {
		size_t k = rng_below(&g->rng, i);
		const struct step *swapped = order[i - 1];

		order[i - 1] = order[k];
		order[k] = swapped;
	}
	for (size_t i = 0; i < count; i++)
		apply(g, order[i]);
	free(order);
	return end;
}

/* ---- expectations --------------------------------------------------------------------------------------- */

/* Whether a number, rounded half-even to as many digits as the text has, reads like the text. */
static bool reads_like(const char *text, bool is_set, i128 units, double value, bool exact)
{
	const char *point = strchr(text, '.');
	size_t length = strcspn(text, "%dsx");
	size_t digits = point ? length - (size_t)(point - text) - 1 : 0;
	struct slice number = { text, length };
	i128 wanted, step = 1;

	if (!strcmp(text, "-"))
		return !is_set;
	if (!is_set || !decimal_parse_i128(number, &wanted))
		return false;
	if (!exact)
		units = (i128)(value * DECIMAL_SCALE + (value < 0 ? -0.5 : 0.5));
	for (size_t i = digits; i < DECIMAL_DIGITS; i++)
		step *= 10;
	return i128_div_half_even(units, step) * step == wanted;
}

static void say(struct stage *g, const struct step *step, const char *what, const char *wanted, const struct snapshot *s)
{
	char value[DECIMAL_TEXT_MAX] = "-", numerator[DECIMAL_TEXT_MAX] = "-", denominator[DECIMAL_TEXT_MAX] = "-";

	g->failures++;
	if (s && s->value_decimal.is_set)
		decimal_format(s->value_decimal.units, 0, value, sizeof(value));
	else if (s && s->value.is_set)
		snprintf(value, sizeof(value), "%g", s->value.value);
	if (s && s->numerator.is_set)
		decimal_format(s->numerator.units, 0, numerator, sizeof(numerator));
	if (s && s->denominator.is_set)
		decimal_format(s->denominator.units, 0, denominator, sizeof(denominator));
	fprintf(stderr, "%s:%d (%s): %s %s: %s wanted %s; published: %s = %s / %s, %s, n=%lld, previous %g%s, change %g%s, rank %d of %d\n",
		g->scenario->path, step->line, g->mode->name, step->expect.metric, step->expect.window, what, wanted, value, numerator,
		denominator, s ? s->state : "nothing", s ? (long long)s->sample_size : 0, s ? s->previous_value.value : 0,
		s && s->previous_value.is_set ? "" : " (null)", s ? s->change_pct.value : 0, s && s->change_pct.is_set ? "" : " (null)",
		s ? s->rank : 0, s ? s->rank_of : 0);
}

static void compare_whole(struct stage *g, const struct step *step, const char *what, const char *wanted, int64_t got,
	const struct snapshot *s)
{
	if (wanted && strtoll(wanted, NULL, 10) != got)
		say(g, step, what, wanted, s);
}

static void compare(struct stage *g, const struct step *step, const struct snapshot *s)
{
	const struct expectation *e = &step->expect;

	if (!strcmp(e->value, "nothing")) { /* no key, or one that says zero, or of nothing: a passing state of a shuffled run may have made it */
		if (s && (s->value_decimal.is_set ? s->value_decimal.units != 0 : !s->denominator.is_set || s->denominator.units))
			say(g, step, "value", "nothing", s);
		return;
	}
	if (!strcmp(e->value, "absent")) {
		if (s)
			say(g, step, "value", "absent", s);
		return;
	}
	if (!s) {
		say(g, step, "value", e->value, s);
		return;
	}
	if (!reads_like(e->value, s->value.is_set || s->value_decimal.is_set, s->value_decimal.units, s->value.value,
		    s->value_decimal.is_set))
		say(g, step, "value", e->value, s);
	if (strcmp(e->state ? e->state : strcmp(e->value, "-") ? "OK" : s->state, s->state))
		say(g, step, "state", e->state ? e->state : "OK", s);
	if (e->previous && !reads_like(e->previous, s->previous_value.is_set, 0, s->previous_value.value, false))
		say(g, step, "previous", e->previous, s);
	if (e->change && !reads_like(e->change, s->change_pct.is_set, 0, s->change_pct.value, false))
		say(g, step, "change", e->change, s);
	if (e->numerator && !reads_like(e->numerator, s->numerator.is_set, s->numerator.units, 0, true))
		say(g, step, "numerator", e->numerator, s);
	if (e->denominator && !reads_like(e->denominator, s->denominator.is_set, s->denominator.units, 0, true))
		say(g, step, "denominator", e->denominator, s);
	if (e->first && !reads_like(e->first, s->first_final_value.is_set, s->first_final_value.units, 0, true))
		say(g, step, "first", e->first, s);
	if (e->label && !slice_is(s->group_label[e->dim_count ? e->dim_count - 1 : 0], e->label))
		say(g, step, "label", e->label, s);
	compare_whole(g, step, "rank", e->rank, s->rank, s);
	compare_whole(g, step, "of", e->rank_of, s->rank_of, s);
	compare_whole(g, step, "n", e->samples, s->sample_size, s);
	if (e->final && (!strcmp(e->final, "yes")) != s->is_final)
		say(g, step, "final", e->final, s);
}

/* Whatever a number is, its explanation says the same, and the records behind it add up to it. */
static void explain(struct stage *g, const struct step *step, const char *group_by, const struct snapshot *s)
{
	const struct expectation *e = &step->expect;
	struct explain_question q = { slice_of(e->tenant), slice_of(e->metric), slice_of(e->window), slice_of(group_by),
		.value_count = e->dim_count, .currency = slice_of(e->currency ? e->currency : "") };
	struct explanation x;
	char message[EXPLAIN_MESSAGE_MAX];

	for (uint32_t i = 0; i < e->dim_count; i++)
		q.values[i] = slice_of(e->values[i]);
	if (!s || s->is_final || step->kind != STEP_EXPECT)
		return;
	if (shard_explain(g->shard, &q, &x, message)) {
		if (!strstr(message, " ranks "))
			say(g, step, "explanation", message, s);
		return;
	}
	if (strcmp(metric_state_name(x.value.state), s->state) ||
		(s->value_decimal.is_set && (!x.value.has_exact || x.value.exact != s->value_decimal.units)))
		say(g, step, "explanation", "the same", s);
	if (!explanation_adds_up(&x))
		say(g, step, "explanation", "lists that add up", s);
	explanation_deinit(&x);
}

static int64_t period_start(const struct stage *g, const struct step *step)
{
	const struct tenant_book *book = g->tenants;
	const struct tenant_settings *tenant = tenant_book_find(book, slice_of(step->expect.tenant));
	int32_t day = 0;

	if (step->kind != STEP_CLOSED)
		return INT64_MIN;
	if (!date_parse(slice_of(step->expect.start), &day)) {
		fprintf(stderr, "%s:%d: «%s» is no date\n", g->scenario->path, step->line, step->expect.start);
		exit(2);
	}
	return calendar_day_start(&book->calendars[tenant->calendar], day);
}

static void check(struct stage *g, const struct step *step)
{
	const struct expectation *e = &step->expect;
	const struct snapshot *shown;
	char group_by[256] = "";

	for (uint32_t i = 0; i < e->dim_count; i++) {
		size_t length = strlen(group_by);

		snprintf(group_by + length, sizeof(group_by) - length, "%s%s", i ? "," : "", e->dims[i]);
	}
	if (!g->scenario->partition_count)
		advance(g, step->time_ms);
	collect(g);
	shard_check(g->shard);
	if (shard_audit(g->shard, audit_line, g))
		g->failures++;
	shown = board_find(&g->board, e->tenant, e->metric, e->window, group_by, e->values, e->dim_count, e->currency,
		period_start(g, step));
	compare(g, step, shown);
	explain(g, step, group_by, shown);
	if (g->mode->restarts)
		restart(g, KEPT);
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static struct plan *plan_of(const struct scenario *s, const struct buffer *kpis)
{
	struct buffer _cleanup_buffer_ explanation;
	struct plan *plan = NULL;
	int bad;

	buffer_init(&explanation);
	bad = kpis->len ? definition_text_plan(s->path, buffer_slice(kpis), &plan, &explanation)
			  : definition_file_plan(NULL, &plan, &explanation);
	if (bad) {
		fprintf(stderr, "%s", buffer_text(&explanation));
		exit(2);
	}
	return plan;
}

static void redefine(struct stage *g)
{
	struct plan *before = g->plan;

	/* The old shard is saved under the old plan, which its last cut still reads. */
	g->next_plan = plan_of(g->scenario, &g->scenario->kpis_later);
	restart(g, REBUILT);
	plan_free(before);
	restart(g, KEPT); /* what was rebuilt is written whole */
}

static void play_step(struct stage *g, const struct step *step)
{
	switch (step->kind) {
	case STEP_CLOCK:
		advance(g, step->time_ms);
		break;
	case STEP_RESTART:
		restart(g, KEPT);
		break;
	case STEP_ANNOUNCE:
		restart(g, g->scenario->has_other_workdays ? OTHER_WORKDAYS : RECALENDARED);
		restart(g, KEPT);
		break;
	case STEP_REDEFINE:
		redefine(g);
		break;
	case STEP_WALL:
		g->wall_ms = step->time_ms;
		turn_clock(g);
		break;
	case STEP_END:
		clock_at_end(&g->clock, step->partition);
		turn_clock(g);
		break;
	case STEP_STANDS:
		check_clock(g, step);
		break;
	default:
		check(g, step);
		break;
	}
}

int scenario_play(const struct scenario *s, const struct scenario_mode *mode)
{
	struct stage *g = x_calloc(1, sizeof(*g));
	int failures;

	g->scenario = s;
	g->mode = mode;
	g->tenants = &s->tenants;
	g->plan = plan_of(s, &s->kpis);
	g->shard = new_shard(g);
	board_init(&g->board);
	rng_init(&g->rng, mode->seed);
	start_clock(g);
	for (size_t i = 0; i < s->step_count;) {
		const struct step *step = &s->steps[i];

		if (step->kind == STEP_EVENT) {
			i = play_block(g, i);
			continue;
		}
		play_step(g, step);
		i++;
	}
	failures = g->failures;
	for (size_t i = 0; i < g->cut_count; i++)
		buffer_deinit(&g->cuts[i]);
	shard_free(g->shard);
	clock_deinit(&g->clock);
	board_deinit(&g->board);
	plan_free(g->plan);
	free(g);
	return failures;
}
