/* plan_print: the compiled plan, for whoever runs `check`. */
#include "core/plan.h"

#include <string.h>

#include "core/edge.h"
#include "core/group.h"
#include "core/snapshot_inside.h"

static void print_load(const struct plan *plan, const struct plan_measure *m,
	const struct plan_load *load, struct buffer *out)
{
	enum entity_type type = m->on;

	if (load->element_field >= 0) {
		buffer_printf(out, " each.%s",
			attribute_describe(type, (uint32_t)m->each_slot)
				.list->fields[load->element_field]
				.name);
		return;
	}
	buffer_printf(out, " %s", model_table[type].name);
	for (uint8_t i = 0; i < load->hop_count; i++) {
		if (load->hops[i] >= attribute_slot_count(type))
			break;
		buffer_printf(out, ".%s", attribute_describe(type, load->hops[i]).name);
		type = (enum entity_type)attribute_describe(type, load->hops[i]).reference;
	}
	if (load->ext_key) {
		buffer_printf(out, ".ext." SLICE_FMT,
			SLICE_ARG(intern_text(&plan->strings, load->ext_key)));
		return;
	}
	if ((uint32_t)load->slot < attribute_slot_count((enum entity_type)load->entity_type)) {
		buffer_printf(out, ".%s",
			attribute_describe(
				(enum entity_type)load->entity_type, (uint32_t)load->slot)
				.name);
		return;
	}
	for (uint32_t i = 0; i < plan->derived_count; i++)
		if (plan->derived[i].parent == load->entity_type &&
			plan->derived[i].slot == load->slot)
			buffer_printf(out, "%s", strchr(plan->derived[i].name, '.'));
}

static void print_fields(const struct plan *plan, const struct plan_measure *m, struct buffer *out)
{
	const struct expr_program *programs[5 + PLAN_MEASURE_DIMS_MAX] = { m->at, m->until,
		m->where, m->value, m->scope };
	uint32_t seen[128], seen_count = 0;

	for (uint8_t i = 0; i < m->dim_count; i++)
		programs[5 + i] = m->by[i];
	buffer_put_text(out, "    reads");
	for (uint32_t p = 0; p < 5u + m->dim_count; p++) {
		uint32_t count = 0;
		const uint32_t *codes = programs[p] ? expr_loads(programs[p], &count) : NULL;

		for (uint32_t i = 0; i < count; i++) {
			uint32_t k = 0;

			while (k < seen_count && seen[k] != codes[i])
				k++;
			if (k < seen_count || seen_count == 128)
				continue;
			seen[seen_count++] = codes[i];
			print_load(plan, m, &plan->loads[codes[i]], out);
		}
	}
	buffer_put_text(out, "\n");
}

static size_t measure_key_bytes(const struct plan_measure *m)
{
	return sizeof(struct cell) + m->span_count * sizeof(struct total);
}

static void print_measure(const struct plan *plan, const struct plan_measure *m, struct buffer *out)
{
	buffer_printf(out, "  %s: %s%s on %s", m->name, m->stock ? "stock, " : "",
		plan_agg_names[m->agg], model_table[m->on].name);
	if (m->is_whole)
		buffer_printf(
			out, ", booked at the start of its %s", calendar_unit_name(m->whole_unit));
	if (m->each_slot >= 0)
		buffer_printf(out, ", each of %s",
			attribute_describe(m->on, (uint32_t)m->each_slot).name);
	buffer_put_text(out, m->dim_count ? ", by" : "");
	for (uint8_t i = 0; i < m->dim_count; i++)
		buffer_printf(out, " %s", plan->dims[m->dims[i]]);
	buffer_printf(out, "\n    %u totals, %zu bytes per key%s\n", m->span_count,
		measure_key_bytes(m),
		m->agg == AGG_DISTINCT	   ? " and value"
		: m->agg == AGG_PERCENTILE ? " and bin"
					   : "");
	print_fields(plan, m, out);
}

/* A key is (tenant, metric, window, group). What its measures take is there once, however many metrics read it. */
static void print_memory(const struct plan *plan, const struct plan_metric *m, struct buffer *out)
{
	bool counted[PLAN_MEASURES_MAX] = { false };
	size_t bytes = 0;

	for (uint16_t w = 0; w < m->window_count; w++)
		for (uint16_t i = 0; i < m->input_count; i++) {
			uint16_t measure = m->windows[w].measures[i];

			bytes += counted[measure] ? 0 : measure_key_bytes(&plan->measures[measure]);
			counted[measure] = true;
		}
	buffer_printf(out, "\n    %zu bytes per key, %u %s per group", sizeof(struct published),
		m->window_count, m->window_count == 1 ? "key" : "keys");
	if (bytes)
		buffer_printf(out, "; its measures %zu bytes per group", bytes);
	buffer_put_text(out, "\n");
}

/* Each tenant's own, where they differ. */
static void print_shares(const struct plan *plan, const struct plan_metric *m, struct buffer *out)
{
	const uint16_t *shares = m->window_count ? m->windows[0].shares : NULL;
	char text[DECIMAL_TEXT_MAX];

	if (!shares)
		return;
	decimal_format(plan->shares[shares[0]].least, 0, text, sizeof(text));
	buffer_printf(out, " once %s of the period has passed", text);
	for (uint32_t i = 0; i < plan->param_tenant_count; i++) {
		if (shares[i + 1] == shares[0])
			continue;
		decimal_format(plan->shares[shares[i + 1]].least, 0, text, sizeof(text));
		buffer_printf(out, ", %s for %s", text, plan->param_tenants[i]);
	}
}

static void print_metric(const struct plan *plan, const struct plan_metric *m, struct buffer *out)
{
	buffer_printf(out, "  %s = %s%s\n    %s; windows", m->name,
		m->rank_of >= 0 ? "rank of " : "", m->formula, plan_unit_names[m->unit]);
	for (uint16_t i = 0; i < m->window_count; i++)
		buffer_printf(out, " %s", plan->windows[m->windows[i].window].name);
	print_shares(plan, m, out);
	buffer_put_text(out, "; groups");
	for (uint8_t i = 0; i < m->grouping_count; i++)
		buffer_printf(out, " [%s]", plan->groupings[m->groupings[i]].name);
	print_memory(plan, m, out);
}

/* S26: what memory is given back. */
static void print_passing(const struct plan *plan, struct buffer *out)
{
	enum { DAY_MS = 86400000 };

	for (int type = 0; type < ENTITY_TYPE_COUNT; type++)
		if (plan->passes[type])
			buffer_printf(out, "every %s that is over is let go after %lld days\n",
				model_table[type].name, (long long)(plan->horizon_ms / DAY_MS));
		else if (plan->kept_by[type] != NULL)
			buffer_printf(out, "every %s is kept: %s needs them all\n",
				model_table[type].name, plan->kept_by[type]);
}

void plan_print(const struct plan *plan, struct buffer *out)
{
	buffer_printf(out,
		"%u measures, %u metrics, %u groupings, %u windows, %u edges, %u spans; "
		"fingerprint %016llx\n",
		plan->measure_count, plan->metric_count, plan->grouping_count, plan->window_count,
		plan->edge_count, plan->span_count, (unsigned long long)plan->fingerprint);
	print_passing(plan, out);
	buffer_put_text(out, "\nmeasures\n");
	for (uint32_t i = 0; i < plan->measure_count; i++)
		print_measure(plan, &plan->measures[i], out);
	buffer_put_text(out, "\nmetrics\n");
	for (uint32_t i = 0; i < plan->metric_count; i++)
		print_metric(plan, &plan->metrics[i], out);
}
