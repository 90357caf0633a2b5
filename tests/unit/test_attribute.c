/* attribute: the tables agree with the model and with each other; names are found as definitions write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "core/attribute.h"

static void test_slots_follow_the_fields(void **state)
{
	(void)state;
	for (enum entity_type type = 0; type < ENTITY_TYPE_COUNT; type++) {
		size_t fields = model_table[type].field_count;

		assert_true(attribute_slot_count(type) >= fields &&
			    attribute_slot_count(type) < ATTRIBUTE_SLOTS_MAX);
		for (uint32_t slot = 0; slot < attribute_slot_count(type); slot++) {
			struct attribute_info info = attribute_describe(type, slot);

			assert_non_null(info.name);
			assert_int_equal(attribute_find(type, slice_of(info.name)),
				slot); /* so names are unique, too */
			assert_int_equal(attribute_slot(type, info.name), slot);
			assert_int_equal(info.reference >= 0, info.type == VALUE_REF);
			assert_int_equal(info.list != NULL, info.type == VALUE_LIST);
			if (slot < fields)
				assert_int_equal(info.type, model_table[type].fields[slot].type);
		}
	}
}

static void test_unknown_names(void **state)
{
	(void)state;
	assert_int_equal(attribute_find(ENTITY_DEAL, SLICE_LIT("credit")),
		(int)attribute_slot(ENTITY_DEAL, "credit"));
	assert_int_equal(attribute_find(ENTITY_DEAL, SLICE_LIT("credi")), -1);
	assert_int_equal(attribute_find(ENTITY_DEAL, SLICE_LIT("credits")), -1);
	assert_int_equal(attribute_find(ENTITY_DEAL, SLICE_LIT("")), -1);
	assert_int_equal(attribute_find(ENTITY_LEAD, SLICE_LIT("credit")), -1);
	assert_int_equal(relation_find(SLICE_LIT("deal")), -1);
	assert_int_equal(relation_find(SLICE_LIT("deal.")), -1);
	assert_int_equal(relation_find(SLICE_LIT("deal.leads")), -1);
	assert_int_equal(relation_find(SLICE_LIT("lead.lead_id")), -1);
	assert_int_equal(
		relation_find(SLICE_LIT("opportunity.leads_id")), -1); /* a union follows no id */
}

static void test_relations_and_slots_agree(void **state)
{
	(void)state;
	for (enum relation r = 0; r < RELATION_COUNT; r++) {
		const struct relation_info *info = &relation_table[r];
		struct attribute_info slot;
		int id;

		assert_int_equal(relation_find(slice_of(info->name)), (int)r);
		assert_int_equal(info->slot < 0, r >= RELATION_STORED_COUNT);
		if (info->slot < 0)
			continue;
		slot = attribute_describe(info->child, (uint32_t)info->slot);
		assert_int_equal(slot.type, VALUE_REF);
		assert_int_equal(slot.reference, (int)info->parent);
		for (enum relation other = 0; other < r; other++)
			assert_false(relation_table[other].child == info->child &&
				     relation_table[other].slot == info->slot);
		if (!info->id_field)
			continue;
		id = attribute_find(info->child, slice_of(info->id_field));
		assert_true(id >= 0);
		assert_int_equal(attribute_describe(info->child, (uint32_t)id).type, VALUE_STRING);
		if ((size_t)id < model_table[info->child].field_count)
			assert_int_equal(
				model_table[info->child].fields[id].reference, (int)info->parent);
	}
}

/* Every field that names another entity is followed: else a path over it would be missing. */
static void test_every_reference_field_has_a_relation(void **state)
{
	(void)state;
	for (enum entity_type type = 0; type < ENTITY_TYPE_COUNT; type++)
		for (size_t i = 0; i < model_table[type].field_count; i++) {
			const struct model_field *field = &model_table[type].fields[i];
			bool followed = false;

			if (field->reference < 0)
				continue;
			for (enum relation r = 0; r < RELATION_STORED_COUNT; r++)
				followed = followed || (relation_table[r].child == type &&
							       relation_table[r].id_field &&
							       slice_is(slice_of(field->name),
								       relation_table[r].id_field));
			/* Followed by what is made of them: the customer, and the owner at the win. */
			followed = followed ||
				   (type == ENTITY_DEAL &&
					   (slice_is(slice_of(field->name), "account_id") ||
						   slice_is(slice_of(field->name),
							   "owner_at_win_id")));
			if (!followed)
				fail_msg("%s.%s is followed by no relation", model_table[type].name,
					field->name);
		}
}

static void test_relations_by_their_ids(void **state)
{
	static const struct {
		const char *name;
		enum relation relation;
	} wanted[] = {
		{ "deal.owner", RELATION_DEAL_OWNER },
		{ "deal.owner_id", RELATION_DEAL_OWNER },
		{ "deal.account", RELATION_DEAL_ACCOUNT },
		{ "deal.account_id", RELATION_DEAL_ACCOUNT },
		{ "deal.customer_id", RELATION_DEAL_ACCOUNT },
		{ "deal.winner", RELATION_DEAL_WINNER },
		{ "deal.win_owner_id", RELATION_DEAL_WINNER },
		{ "deal.lead_id", RELATION_DEAL_LEAD },
		{ "deal.lead", RELATION_DEAL_PRIMARY_LEAD },
		{ "opportunity.lead", RELATION_OPPORTUNITY_PRIMARY_LEAD },
		{ "opportunity.lead_id", RELATION_OPPORTUNITY_LEAD },
		{ "opportunity.leads", RELATION_OPPORTUNITY_LEADS },
		{ "lead.opportunity_id", RELATION_LEAD_OPPORTUNITY },
		{ "call.rep_id", RELATION_CALL_REP },
		{ "opportunity.close_owner_id", RELATION_OPPORTUNITY_CLOSER },
		{ "account.owner_id", RELATION_ACCOUNT_OWNER },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++)
		assert_int_equal(relation_find(slice_of(wanted[i].name)), (int)wanted[i].relation);
}

static void check_columns(
	enum entity_type type, const char *name, const char *const *columns, size_t count)
{
	struct attribute_info info = attribute_describe(type, attribute_slot(type, name));

	assert_int_equal(info.list->field_count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(model_list_field_find(info.list, slice_of(columns[i])), (int)i);
}

static void test_columns_of_the_lists(void **state)
{
	static const char *const visits[] = { "stage_id", "pipeline_id", "owner_id", "team_id",
		"entered_at", "left_at", "exit" };
	static const char *const credit[] = { "rep_id", "team_id", "amount", "share", "refund" };
	static const char *const versions[] = { "from_at", "amount", "probability", "owner_id",
		"team_id", "stage_id", "pipeline_id", "currency" };

	(void)state;
	check_columns(ENTITY_OPPORTUNITY, "visits", visits, VISIT_COLUMNS);
	check_columns(ENTITY_OPPORTUNITY, "versions", versions, VERSION_COLUMNS);
	check_columns(ENTITY_DEAL, "credit", credit, CREDIT_COLUMNS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_follow_the_fields),
		cmocka_unit_test(test_unknown_names),
		cmocka_unit_test(test_relations_and_slots_agree),
		cmocka_unit_test(test_every_reference_field_has_a_relation),
		cmocka_unit_test(test_relations_by_their_ids),
		cmocka_unit_test(test_columns_of_the_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
