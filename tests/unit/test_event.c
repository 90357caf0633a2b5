/* event: the order of two images (S1), what can't be true (S9), what has a body (S2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/rng.h"
#include "events.h"
#include "store_events.h"

static int compare(const struct event *a, const struct event *b)
{
	struct order_key x = event_order(a), y = event_order(b);
	int order = order_compare(&x, &y);

	assert_int_equal(order_compare(&y, &x) < 0, order > 0); /* antisymmetric */
	return order;
}

static void assert_before(const struct event *a, const struct event *b)
{
	assert_true(compare(a, b) < 0);
	assert_true(compare(b, a) > 0);
}

static int setup(void **state)
{
	struct arena *arena = malloc(sizeof(*arena));

	arena_init(arena, 0);
	*state = arena;
	return 0;
}

static int teardown(void **state)
{
	arena_deinit(*state);
	free(*state);
	return 0;
}

/* ---- S1 ------------------------------------------------------------------------------------------------- */

static void test_s1_version_first_then_time(void **state)
{
	struct event *a = event_make(*state, ENTITY_DEAL, "D1", 7, "2026-03-02"),
		     *b = event_make(*state, ENTITY_DEAL, "D1", 8, "2026-03-01");
	struct event *c = event_make(*state, ENTITY_DEAL, "D1", 7, "2026-03-03");

	assert_before(a, b); /* a greater version wins, though it happened earlier */
	assert_before(a, c);
	assert_before(c, b);
	a->source_version = INT64_MIN;
	b->source_version = INT64_MAX;
	assert_before(a, b);
}

static void test_s1_updates_before_delete_before_undelete(void **state)
{
	enum event_op updates[] = { EVENT_CREATE, EVENT_UPDATE, EVENT_SNAPSHOT, EVENT_MERGE };

	for (size_t i = 0; i < 4; i++) {
		struct event *update =
			event_make_op(*state, ENTITY_LEAD, updates[i], "L1", 3, "2026-03-01");
		struct event *gone =
			event_make_op(*state, ENTITY_LEAD, EVENT_DELETE, "L1", 3, "2026-03-01");
		struct event *back =
			event_make_op(*state, ENTITY_LEAD, EVENT_UNDELETE, "L1", 3, "2026-03-01");

		update->event_id = SLICE_LIT("zzz"); /* the op decides before the event's id */
		assert_before(update, gone);
		assert_before(gone, back);
		assert_before(update, back);
	}
}

static void test_s1_equal_ids_do_not_tie(void **state)
{
	struct event *a = event_make(*state, ENTITY_DEAL, "D1", 7, "2026-03-01"),
		     *b = event_make(*state, ENTITY_DEAL, "D1", 7, "2026-03-01");

	assert_int_equal(compare(a, b), 0);
	event_set_all(a, "amount", "100", "currency", "IDR", NULL);
	event_set_all(b, "amount", "200", "currency", "IDR", NULL);
	assert_true(compare(a, b) != 0);
}

/* Everything that an image says is in its hash: no two of these tie. */
static void test_s1_every_field_counts(void **state)
{
	for (enum entity_type type = 0; type < ENTITY_TYPE_COUNT; type++)
		for (size_t i = 0; i < model_table[type].field_count; i++) {
			const struct model_field *field = &model_table[type].fields[i];
			struct event *a = event_make(*state, type, "X", 1, NULL),
				     *b = event_make(*state, type, "X", 1, NULL);
			struct event *c = event_make(*state, type, "X", 1, NULL);

			if (field->type == VALUE_LIST) {
				bool is_text = field->list->fields[0].type == VALUE_STRING;

				event_add_cells(*state, b, field->name,
					(const char *const[]){
						is_text ? "a" : "1", NULL, NULL, NULL, NULL });
				event_add_cells(*state, c, field->name,
					(const char *const[]){
						is_text ? "b" : "0.5", NULL, NULL, NULL, NULL });
			} else if (field->type == VALUE_STRING) {
				event_set_text(b, field->name, "a");
				event_set_text(c, field->name, "b");
			} else {
				b->fields[i] = (struct event_value){ .i = 0 };
				c->fields[i] = (struct event_value){ .i = 1 };
			}
			assert_true(compare(a, b) != 0);
			assert_true(compare(b, c) != 0);
			assert_true(compare(a, c) != 0);
		}
}

static void test_s1_envelope_counts_too(void **state)
{
	struct event *e[6];

	for (int i = 0; i < 6; i++)
		e[i] = event_make(*state, ENTITY_LEAD, "L1", 1, NULL);
	e[1]->excluded = true;
	event_add_ext(*state, e[2], "k", "v");
	event_add_ext(*state, e[3], "k", "w");
	event_add_merged(*state, e[4], "L2");
	e[5]->op = EVENT_CREATE;
	for (int i = 0; i < 6; i++)
		for (int k = 0; k < i; k++)
			assert_true(compare(e[i], e[k]) != 0);
	/* When it came in, and from where, does not. */
	e[1]->excluded = false;
	e[1]->ingested_at_ms += 1;
	e[1]->source = SLICE_LIT("elsewhere");
	assert_int_equal(compare(e[0], e[1]), 0);
}

static void test_s1_a_map_has_no_order(void **state)
{
	struct event *a = event_make(*state, ENTITY_LEAD, "L1", 1, NULL),
		     *b = event_make(*state, ENTITY_LEAD, "L1", 1, NULL);

	event_add_ext(*state, a, "x", "1");
	event_add_ext(*state, a, "y", "2");
	event_add_ext(*state, b, "y", "2");
	event_add_ext(*state, b, "x", "1");
	assert_int_equal(compare(a, b), 0);
	b->ext[0].value = SLICE_LIT("1");
	b->ext[1].value = SLICE_LIT("2");
	assert_true(compare(a, b) != 0);
}

static void test_s1_uuids_are_their_numbers(void **state)
{
	struct event *a = event_make(*state, ENTITY_LEAD, "L1", 1, NULL);
	struct order_key key;

	a->event_id = SLICE_LIT("00112233-4455-6677-8899-aabbccddeeff");
	key = event_order(a);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(key.id[i], i * 0x11);
	a->event_id = SLICE_LIT(
		"00112233-4455-6677-8899-aabbccddeefg"); /* a text of 36 bytes, but none */
	key = event_order(a);
	assert_memory_equal(key.id, "00112233-4455-66", 16);
	a->event_id = SLICE_LIT("e1");
	key = event_order(a);
	assert_memory_equal(key.id, "e1\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
}

/* At every place every byte: a digit in either case, or no UUID. */
static void test_s1_digits_of_uuids(void **state)
{
	struct event *a = event_make(*state, ENTITY_LEAD, "L1", 1, NULL);
	char text[] = "10000000-0000-0000-0000-000000000000";

	for (size_t i = 0; i < sizeof(text) - 1; i++)
		for (int byte = 1; byte < 256; byte++) {
			const char *digits = "0123456789abcdefABCDEF",
				   *found = strchr(digits, byte);
			bool is_dash = text[i] == '-',
			     is_uuid = is_dash ? byte == '-' : found != NULL;
			char before = text[i];
			struct order_key key;

			text[i] = (char)byte;
			a->event_id = slice_of(text);
			key = event_order(a);
			assert_int_equal(!memcmp(key.id, text, sizeof(key.id)), !is_uuid);
			if (is_uuid && !is_dash && i < 2)
				assert_int_equal(key.id[0] >> (i ? 0 : 4) & 15,
					(found - digits) < 16 ? found - digits
							      : found - digits - 6);
			text[i] = before;
		}
}

/* Ids that agree in their first 16 bytes are still two events. */
static void test_s1_long_ids_do_not_tie(void **state)
{
	struct event *a = event_make(*state, ENTITY_LEAD, "L1", 1, NULL),
		     *b = event_make(*state, ENTITY_LEAD, "L1", 1, NULL);

	a->event_id = SLICE_LIT("salesforce:change:1");
	b->event_id = SLICE_LIT("salesforce:change:2");
	assert_true(compare(a, b) != 0);
}

static int compare_places(const void *a, const void *b)
{
	return compare(*(const struct event *const *)a, *(const struct event *const *)b);
}

static void test_s1_a_total_order(void **state)
{
	const struct event *events[400];
	struct rng r;

	rng_init(&r, test_seed(1));
	for (int i = 0; i < 400; i++)
		events[i] = random_event(*state, &r);
	qsort(events, 400, sizeof(*events), compare_places);
	for (int i = 0; i < 400; i++)
		for (int k = i; k < 400; k++)
			assert_true(compare(events[i], events[k]) <=
				    0); /* transitive, or sorting would not have done it */
}

/* ---- validity ------------------------------------------------------------------------------------------- */

static void assert_bad(const struct event *e, const char *reason)
{
	char text[EVENT_REASON_MAX] = "";

	assert_int_equal(event_validate(e, text), 1);
	if (!strstr(text, reason))
		fail_msg("«%s» does not say «%s»", text, reason);
}

static void assert_good(const struct event *e)
{
	char text[EVENT_REASON_MAX];

	if (event_validate(e, text))
		fail_msg("%s", text);
}

static void test_s9_past_tense_more_than_48_hours_ahead(void **state)
{
	struct event *e = event_make(*state, ENTITY_DEAL, "D1", 1, "2026-03-01T00:00:00Z");

	event_set(e, "won_at", "2026-03-03T00:00:00Z");
	assert_good(e);
	event_set_time(e, "won_at", time_of("2026-03-03T00:00:00Z") + 1);
	assert_bad(e, "won_at is 2026-03-03T00:00:00.001Z, more than 48 h after the event itself "
		      "(2026-03-01T00:00:00Z)");
	event_set_null(e, "won_at");
	event_set(e, "created_at", "2027-01-01"); /* not said to be past */
	assert_good(e);
	/* An initial import: now, of what was long ago. */
	e = event_make_op(*state, ENTITY_DEAL, EVENT_SNAPSHOT, "D1", 1, "2026-03-01");
	event_set(e, "won_at", "2022-05-05");
	assert_good(e);
}

static void test_s9_every_past_tense_field(void **state)
{
	int found = 0;

	for (enum entity_type type = 0; type < ENTITY_TYPE_COUNT; type++)
		for (size_t i = 0; i < model_table[type].field_count; i++) {
			struct event *e = event_make(*state, type, "X", 1, "2026-03-01");

			if (!model_table[type].fields[i].past_tense)
				continue;
			event_set(e, model_table[type].fields[i].name, "2026-03-05");
			assert_bad(e, model_table[type].fields[i].name);
			found++;
		}
	assert_true(found >= 14);
}

static void test_reference_streams_that_cannot_be_true(void **state)
{
	struct event *spend = event_make(*state, ENTITY_SPEND, "S1", 1, NULL);
	struct event *visit = event_make(*state, ENTITY_VISIT, "V1", 1, NULL);
	struct event *rate = event_make(*state, ENTITY_FX_RATE, "R1", 1, NULL);
	struct event *target = event_make(*state, ENTITY_TARGET, "T1", 1, NULL);

	event_set_all(spend, "category", "marketing", "amount", "100", "currency", "IDR",
		"period_start", "2026-03-01", "period_end", "2026-03-01", NULL);
	assert_good(spend);
	event_set(spend, "amount", "-0.0001");
	assert_bad(spend, "amount is negative");
	event_set_all(spend, "amount", "0", "period_end", "2026-02-28", NULL);
	assert_bad(spend, "period_end is before period_start");
	event_set(spend, "period_end", "2046-02-28");
	assert_bad(spend, "period_end is more than 1095 days after period_start");
	event_set_all(spend, "period_end", "2026-03-31", "currency", " ", NULL);
	assert_bad(spend, "amount without a currency");

	event_set_all(visit, "rep_id", "ana", "lat", "-90", "lon", "180", NULL);
	assert_good(visit);
	event_set(visit, "lat", "95");
	assert_bad(visit, "lat is outside -90 to 90");
	event_set_all(visit, "lat", "90", "lon", "-180.0001", NULL);
	assert_bad(visit, "lon is outside -180 to 180");

	event_set_all(rate, "base", "USD", "quote", "IDR", "rate", "0.00000001", NULL);
	assert_good(rate);
	event_set(rate, "rate", "0");
	assert_bad(rate, "rate is not more than 0");

	event_set_all(target, "metric", "won_deals", "value", "20", "period_start", "2026-03-02",
		"period_end", "2026-03-01", NULL);
	assert_bad(target, "period_end is before period_start");
}

static void test_envelope_that_cannot_be_taken(void **state)
{
	static char long_text[600];
	struct event *e = event_make(*state, ENTITY_LEAD, "L1", 1, NULL);

	memset(long_text, 'x', sizeof(long_text) - 1);
	assert_good(e);
	e->tenant_id.len = 0;
	assert_bad(e, "tenant_id is empty");
	e->tenant_id = SLICE_LIT("a\xff");
	assert_bad(e, "not valid UTF-8");
	e->tenant_id = SLICE_LIT("acme");
	e->entity_id = (struct slice){ NULL, 0 };
	assert_bad(e, "entity_id is empty");
	e->entity_id = slice_of(long_text);
	assert_bad(e, "entity_id is 599 bytes long; 512 are allowed");
	e->entity_id = SLICE_LIT("L1");
	e->op = EVENT_UNKNOWN;
	assert_bad(e, "op is UNKNOWN");
	e->op = EVENT_UPDATE;
	e->occurred_at_ms =
		1772323200; /* seconds pass for 1970, as they must: a source may be that old */
	assert_good(e);
	e->occurred_at_ms = INT64_C(1772323200000000); /* microseconds */
	assert_bad(e, "not a time in milliseconds");
	e->occurred_at_ms = time_of("2026-03-01");
	event_add_merged(*state, e, "");
	assert_bad(e, "merged_ids is empty");
	e->merged_count = 0;
	event_add_ext(*state, e, "", "v");
	assert_bad(e, "a key of ext is empty");
	e->ext[0].key = SLICE_LIT("k");
	e->ext[0].value = slice_of(long_text);
	assert_bad(e, "a value of ext");
}

static void test_fields_that_cannot_be_true(void **state)
{
	struct event *deal = event_make(*state, ENTITY_DEAL, "D1", 1, NULL),
		     *opp = event_make(*state, ENTITY_OPPORTUNITY, "O1", 1, NULL);
	struct event *call = event_make(*state, ENTITY_CALL, "C1", 1, NULL);

	event_set_money(deal, "amount", 1, "IDR");
	assert_good(deal);
	event_set(deal, "currency", "");
	assert_bad(deal, "amount without a currency");
	event_set_null(deal, "amount");
	event_set_money(deal, "refund_amount", 5, NULL);
	assert_bad(deal, "refund_amount without a currency");
	event_set_null(deal, "refund_amount");
	event_add_row(*state, deal, "items", "P1", NULL, "1", "100");
	assert_bad(deal, "items without a currency");
	event_set(deal, "currency", "IDR");
	assert_good(deal);
	event_set_money(deal, "amount", INT64_MIN, NULL);
	assert_bad(deal, "amount is out of range");
	event_set_money(deal, "amount", INT64_MIN + 1, NULL);
	assert_good(deal);
	event_add_row(*state, deal, "splits", "ana", NULL, "100.0001");
	assert_bad(deal, "credit_pct is outside 0 to 100");
	event_set(opp, "probability", "1.0001");
	assert_bad(opp, "probability is outside 0 to 1");
	event_set(opp, "probability", "1");
	assert_good(opp);
	event_set(opp, "amount", "1");
	assert_bad(opp, "amount without a currency");
	event_set(opp, "currency", " ");
	assert_bad(opp, "amount without a currency");
	event_set(opp, "currency", "IDR");
	assert_good(opp);
	event_set_int(opp, "stage_order", INT64_MIN);
	assert_bad(opp, "stage_order is out of range");
	event_set_int(call, "talk_ms", -1);
	assert_bad(call, "talk_ms is negative");
	event_set_int(call, "talk_ms", 0);
	event_set_time(call, "initiated_at", INT64_MAX);
	assert_bad(call, "initiated_at is 9223372036854775807: not a time");
	event_set(call, "initiated_at", "2026-03-01");
	event_set_text(call, "channel", "\xc0\x80");
	assert_bad(call, "channel is not valid UTF-8");
}

/* ---- bodies --------------------------------------------------------------------------------------------- */

/* What a record on the wire holds in its required fields when it says nothing. */
static void make_blank(struct event *e)
{
	for (size_t i = 0; i < model_table[e->type].field_count; i++) {
		const struct model_field *field = &model_table[e->type].fields[i];

		if (!field->required)
			continue;
		e->fields[i] = (struct event_value){ .text = { "", 0 } };
		if (field->symbols)
			e->fields[i].text = slice_of(field->symbols[0]);
	}
}

static void test_s2_blank_records_have_no_body(void **state)
{
	enum event_op ops[] = { EVENT_DELETE, EVENT_UNDELETE, EVENT_MERGE };

	for (enum entity_type type = 0; type < ENTITY_TYPE_COUNT; type++)
		for (size_t i = 0; i < 3; i++) {
			struct event *e = event_make_op(*state, type, ops[i], "X", 1, NULL);

			assert_false(event_has_body(e));
			make_blank(e);
			assert_false(event_has_body(e));
			assert_good(
				e); /* a deal's «amount 0 without a currency» is not believed, so not refused */
			for (size_t k = 0; k < model_table[type].field_count; k++) {
				struct event_value before = e->fields[k];
				enum value_type kind = model_table[type].fields[k].type;

				/* A deletion's image with money of no currency, a rate of 0, a period turned round is not believed. */
				if (kind == VALUE_LIST || kind == VALUE_MONEY ||
					((type == ENTITY_DEAL || type == ENTITY_TARGET ||
						 type == ENTITY_SPEND || type == ENTITY_FX_RATE) &&
						ops[i] == EVENT_DELETE))
					continue;
				e->fields[k] = (struct event_value){ .i = kind == VALUE_STRING ? 0
											       : 1,
					.text = kind == VALUE_STRING ? SLICE_LIT("GOOD")
								     : (struct slice){ NULL, 0 } };
				assert_true(event_has_body(e));
				e->fields[k] = before;
			}
		}
}

static void test_s2_updates_always_have_one_and_erase_never(void **state)
{
	struct event *e = event_make(*state, ENTITY_REP, "ana", 1, NULL);
	enum event_op updates[] = { EVENT_CREATE, EVENT_UPDATE, EVENT_SNAPSHOT };

	for (int i = 0; i < 3; i++) {
		e->op = updates[i];
		assert_true(event_has_body(e));
	}
	event_set(e, "name", "Ana");
	e->op = EVENT_ERASE;
	assert_false(event_has_body(e));
}

/* The deletion is believed, its image is not. */
static void test_a_deletion_with_a_body_that_cannot_be_true(void **state)
{
	struct event *e = event_make_op(*state, ENTITY_DEAL, EVENT_DELETE, "D1", 1, "2026-03-01");

	event_set_all(e, "status", "WON", "amount", "100", "currency", "IDR", NULL);
	assert_true(event_has_body(e));
	event_set(e, "won_at", "2026-04-01");
	assert_false(event_has_body(e));
	assert_good(e);
	e->op = EVENT_UNDELETE; /* an undeletion needs its image: refused with it */
	assert_bad(e, "won_at");
}

static void test_making_events(void **state)
{
	struct event *e = event_make(*state, ENTITY_DEAL, "D1", 2, NULL);

	event_set_all(
		e, "status", "WON", "amount", "-12.5", "won_at", "2026-03-01T10:00:00Z", NULL);
	assert_int_equal(event_field(e, "amount")->i, -125000);
	assert_int_equal(event_field(e, "won_at")->i, time_of("2026-03-01") + 36000000);
	assert_true(event_field(e, "lost_at")->is_null);
	event_add_row(*state, e, "splits", "ana", NULL, "60");
	event_add_row(*state, e, "splits", "budi", "OVERLAY", "40");
	assert_int_equal(event_field(e, "splits")->list->count, 2);
	assert_int_equal(event_field(e, "splits")->list->cells[5].i, 400000);
	assert_true(event_field(e, "splits")->list->cells[1].is_null);
	assert_string_equal(event_op_names[EVENT_ERASE], "ERASE");
	assert_null(event_op_names[EVENT_OP_COUNT]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_s1_version_first_then_time),
		cmocka_unit_test(test_s1_updates_before_delete_before_undelete),
		cmocka_unit_test(test_s1_equal_ids_do_not_tie),
		cmocka_unit_test(test_s1_every_field_counts),
		cmocka_unit_test(test_s1_envelope_counts_too),
		cmocka_unit_test(test_s1_a_map_has_no_order),
		cmocka_unit_test(test_s1_uuids_are_their_numbers),
		cmocka_unit_test(test_s1_digits_of_uuids),
		cmocka_unit_test(test_s1_long_ids_do_not_tie),
		cmocka_unit_test(test_s1_a_total_order),
		cmocka_unit_test(test_s9_past_tense_more_than_48_hours_ahead),
		cmocka_unit_test(test_s9_every_past_tense_field),
		cmocka_unit_test(test_reference_streams_that_cannot_be_true),
		cmocka_unit_test(test_envelope_that_cannot_be_taken),
		cmocka_unit_test(test_fields_that_cannot_be_true),
		cmocka_unit_test(test_s2_blank_records_have_no_body),
		cmocka_unit_test(test_s2_updates_always_have_one_and_erase_never),
		cmocka_unit_test(test_a_deletion_with_a_body_that_cannot_be_true),
		cmocka_unit_test(test_making_events),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
