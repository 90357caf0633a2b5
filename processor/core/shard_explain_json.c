/* An explanation as a program reads it. */
#include "base/json.h"
#include "base/timefmt.h"
#include "core/shard_explain.h"
#include "core/shard_inside.h"

static void put_text(struct json *j, const char *key, struct slice text)
{
	json_key(j, key);
	json_put_string(j, text);
}

static void put_time(struct json *j, const char *key, int64_t at_ms)
{
	char text[TIME_TEXT_MAX];

	json_key(j, key);
	if (at_ms == INT64_MIN)
		json_put_null(j);
	else
		json_put_string(j, slice_of(time_format(at_ms, text)));
}

static void put_units(struct json *j, const char *key, i128 units)
{
	json_key(j, key);
	json_put_decimal(j, units, 0);
}

static void put_item(struct json *j, const struct shard *s, const struct explain_part *part,
	const struct explain_item *item)
{
	const struct entity *e = store_entity(s->store, item->entity);
	char rate[DECIMAL_TEXT_MAX];

	json_begin_object(j);
	put_text(j, "type", slice_of(model_table[e->type].name));
	put_text(j, "id", intern_text(&s->strings, e->id));
	put_time(j, "at", item->at_ms);
	if (part->measure->agg == AGG_SUM || part->measure->agg == AGG_COUNT)
		put_units(j, "amount", item->amount);
	json_key(j, "count");
	json_put_int(j, item->count);
	if (item->foreign_currency) {
		put_units(j, "foreign_amount", item->foreign_amount);
		put_text(j, "foreign_currency", intern_text(&s->strings, item->foreign_currency));
		json_key(j, "rate");
		if (item->rate) {
			decimal_format_rate(item->rate, rate, sizeof(rate));
			json_put_raw(j, slice_of(rate));
		} else {
			json_put_null(j);
		}
	}
	json_end_object(j);
}

static void put_part(
	struct json *j, const struct shard *s, const struct explain_part *part, uint32_t items_max)
{
	json_begin_object(j);
	put_text(j, "measure", slice_of(part->measure->name));
	put_text(j, "read", slice_of(explain_reads[part->read].name));
	put_time(j, "from", part->start_ms);
	put_time(j, "to", part->end_ms);
	if (part->measure->agg != AGG_PERCENTILE)
		put_units(j, "total", part->total);
	json_key(j, "count");
	json_put_int(j, part->count);
	json_key(j, "adds_up");
	json_put_bool(j, part->adds_up);
	json_key(j, "not_converted");
	json_put_int(j, (int64_t)part->missing_count);
	json_key(j, "record_count");
	json_put_int(j, part->item_count);
	json_key(j, "records");
	json_begin_array(j);
	for (uint32_t i = 0; i < part->item_count && i < items_max; i++)
		put_item(j, s, part, &part->items[i]);
	json_end_array(j);
	json_end_object(j);
}

static void put_group(struct json *j, const struct explain_question *q)
{
	struct slice dims = q->group_by;

	json_key(j, "group");
	json_begin_object(j);
	for (uint32_t i = 0; i < q->value_count; i++) {
		size_t length = 0;

		while (length < dims.len && dims.at[length] != ',')
			length++;
		json_key_slice(j, (struct slice){ dims.at, length });
		json_put_string(j, q->values[i]);
		length += length < dims.len;
		dims = (struct slice){ dims.at + length, dims.len - length };
	}
	json_end_object(j);
}

static void put_value(struct json *j, const struct shard *s, const struct explanation *x)
{
	json_key(j, "value");
	if (x->value.has_exact)
		json_put_decimal(j, x->value.exact, 0);
	else if (x->value.has_value)
		json_put_double(j, x->value.value);
	else
		json_put_null(j);
	put_text(j, "state", slice_of(metric_state_name(x->value.state)));
	json_key(j, "currency");
	if (x->metric->money && x->currency)
		json_put_string(j, intern_text(&s->strings, x->currency));
	else
		json_put_null(j);
	json_key(j, "previous");
	if (x->has_previous)
		json_put_double(j, x->previous);
	else
		json_put_null(j);
}

void explanation_print_json(struct shard *s, const struct explain_question *q,
	const struct explanation *x, uint32_t items_max, struct buffer *out)
{
	struct json j = json_of(out);

	json_begin_object(&j);
	put_text(&j, "metric", slice_of(x->metric->name));
	put_text(&j, "tenant", q->tenant);
	put_text(&j, "window", q->window);
	put_group(&j, q);
	put_value(&j, s, x);
	put_text(&j, "formula", slice_of(x->metric->formula));
	put_time(&j, "from", x->start_ms);
	put_time(&j, "to", x->end_ms);
	put_time(&j, "as_of", x->clock_ms);
	json_key(&j, "adds_up");
	json_put_bool(&j, explanation_adds_up(x));
	json_key(&j, "parts");
	json_begin_array(&j);
	for (uint32_t i = 0; i < x->part_count; i++)
		put_part(&j, s, &x->parts[i], items_max);
	json_end_array(&j);
	json_end_object(&j);
	buffer_put_text(out, "\n");
}
