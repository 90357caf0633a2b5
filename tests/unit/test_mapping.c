#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/decimal.h"
#include "base/timefmt.h"
#include "base/xalloc.h"
#include "edge/mapping.h"
#include "edge/mapping_inside.h"

/* ---- events as text -------------------------------------------------------------------------------- */

static void put_value(
	const struct model_field *field, const struct event_value *value, struct buffer *out)
{
	char text[DECIMAL_TEXT_MAX + TIME_TEXT_MAX];

	switch (field->type) {
	case VALUE_STRING:
		buffer_printf(out, SLICE_FMT, SLICE_ARG(value->text));
		break;
	case VALUE_TIME:
		buffer_put_text(out, time_format(value->i, text));
		break;
	case VALUE_DECIMAL:
	case VALUE_MONEY:
		decimal_format(value->i, 0, text, sizeof(text));
		buffer_put_text(out, text);
		break;
	case VALUE_RATE:
		decimal_format_rate(value->i, text, sizeof(text));
		buffer_put_text(out, text);
		break;
	case VALUE_DURATION:
		buffer_put_text(out, duration_format(value->i, text));
		break;
	case VALUE_LIST:
		buffer_put_text(out, "[");
		for (size_t i = 0; i < value->list->count * field->list->field_count; i++) {
			size_t column = i % field->list->field_count;

			buffer_put_text(out, i == 0 ? "" : column ? "," : ";");
			if (!value->list->cells[i].is_null)
				put_value(
					&field->list->fields[column], &value->list->cells[i], out);
		}
		buffer_put_text(out, "]");
		break;
	default:
		if (field->is_date)
			buffer_put_text(out, date_format(value->i, text));
		else
			buffer_printf(out, "%lld", (long long)value->i);
	}
}

static bool is_default(const struct model_field *field, const struct event_value *value)
{
	return value->is_null || (field->type == VALUE_LIST && !value->list->count) ||
	       (field->symbols && slice_is(value->text, "UNKNOWN"));
}

static int on_event(
	void *ctx, const struct event *event, bool undated, const char *path, uint64_t line)
{
	struct buffer *out = ctx;
	char time[TIME_TEXT_MAX];
	const struct model_entity *model = &model_table[event->type];

	(void)path;
	buffer_printf(out, "%llu %s " SLICE_FMT " %s", (unsigned long long)line, model->name,
		SLICE_ARG(event->entity_id),
		undated ? "undated" : time_format(event->occurred_at_ms, time));
	if (event->op != EVENT_UPDATE)
		buffer_printf(out, " op=%s", event_op_names[event->op]);
	if (event->excluded)
		buffer_put_text(out, " excluded");
	for (size_t i = 0; i < event->merged_count; i++)
		buffer_printf(out, " merged=" SLICE_FMT, SLICE_ARG(event->merged_ids[i]));
	for (size_t i = 0; i < model->field_count; i++) {
		if (is_default(&model->fields[i], &event->fields[i]))
			continue;
		buffer_printf(out, " %s=", model->fields[i].name);
		put_value(&model->fields[i], &event->fields[i], out);
	}
	for (size_t i = 0; i < event->ext_count; i++)
		buffer_printf(out, " ext." SLICE_FMT "=" SLICE_FMT, SLICE_ARG(event->ext[i].key),
			SLICE_ARG(event->ext[i].value));
	buffer_put_text(out, "\n");
	return 0;
}

static void on_reject(
	void *ctx, const char *path, uint64_t line, const char *reason, struct slice row)
{
	(void)path;
	(void)row;
	buffer_printf(ctx, "%llu ! %s\n", (unsigned long long)line, reason);
}

static struct mapping_counts counts;

static void run(const char *yaml, const char *csv, struct buffer *out)
{
	const struct mapping_sink sink = { out, on_event, on_reject, NULL };
	struct mapping *mapping;
	struct buffer _cleanup_buffer_ explanation = { 0 };

	buffer_init(&explanation);
	if (mapping_parse("m.yaml", slice_of(yaml), "UTC", &mapping, &explanation)) {
		buffer_put(out, explanation.data, explanation.len);
		return;
	}
	if (mapping_run_text(mapping, "rows.csv", slice_of(csv), &sink, &counts, &explanation))
		buffer_put(out, explanation.data, explanation.len);
	mapping_free(mapping);
}

static void check(const char *yaml, const char *csv, const char *expected)
{
	struct buffer _cleanup_buffer_ out = { 0 };

	buffer_init(&out);
	run(yaml, csv, &out);
	assert_string_equal(buffer_text(&out), expected);
}

/* Only that it says this, somewhere. */
static void check_says(const char *yaml, const char *csv, const char *part)
{
	struct buffer _cleanup_buffer_ out = { 0 };

	buffer_init(&out);
	run(yaml, csv, &out);
	if (!strstr(buffer_text(&out), part))
		fail_msg("«%s» is not in: %s", part, buffer_text(&out));
}

/* ---- the constructs -------------------------------------------------------------------------------- */

static void test_two_events_of_a_row_with_anchors(void **state)
{
	(void)state;
	check("maps: {end: {Won: WON, Lost: LOST, _: OPEN}}\n"
	      "rows:\n"
	      "  - from: p.csv\n"
	      "    let: {st: 'map(\"end\", stage)'}\n"
	      "    emit:\n"
	      "      - opportunity: {id: id, at: opened, set: &o {created_at: opened, status: "
	      "'\"OPEN\"', owner_id: rep}}\n"
	      "      - opportunity: {id: id, at: closed, when: st != \"OPEN\", set: {<<: *o, "
	      "status: st, closed_at: closed}}\n"
	      "      - deal: {id: id, at: closed, when: st == \"WON\", set: {status: st, amount: "
	      "decimal(value), currency: '\"USD\"'}}\n",
		"id,rep,stage,opened,closed,value\n"
		"1,ana,Won,2017-01-02,2017-02-03,1054\n"
		"2,budi,Lost,2017-01-02,2017-02-04,0\n"
		"3,ana,Prospecting,,,\n",
		"2 opportunity 1 2017-01-02T00:00:00Z status=OPEN owner_id=ana "
		"created_at=2017-01-02T00:00:00Z\n"
		"2 opportunity 1 2017-02-03T00:00:00Z status=WON owner_id=ana "
		"created_at=2017-01-02T00:00:00Z closed_at=2017-02-03T00:00:00Z\n"
		"2 deal 1 2017-02-03T00:00:00Z status=WON amount=1054 currency=USD\n"
		"3 opportunity 2 2017-01-02T00:00:00Z status=OPEN owner_id=budi "
		"created_at=2017-01-02T00:00:00Z\n"
		"3 opportunity 2 2017-02-04T00:00:00Z status=LOST owner_id=budi "
		"created_at=2017-01-02T00:00:00Z closed_at=2017-02-04T00:00:00Z\n"
		"4 opportunity 3 undated status=OPEN owner_id=ana\n");
}

#define ONE(set) "rows: [{from: p, emit: [{deal: {id: id, set: {" set "}}}]}]\n"

static void test_map_defaults(void **state)
{
	static const char csv[] = "id,a\n1,x\n2,y\n3,\n";

	(void)state;
	check("maps: {m: {x: X, _: keep}}\n" ONE("team_id: 'map(\"m\", a)'"), csv,
		"2 deal 1 undated team_id=X\n3 deal 2 undated team_id=y\n4 deal 3 undated\n");
	check("maps: {m: {x: X, _: null}}\n" ONE("team_id: 'map(\"m\", a)'"), csv,
		"2 deal 1 undated team_id=X\n3 deal 2 undated\n4 deal 3 undated\n");
	check("maps: {m: {x: X, _: reject}}\n" ONE("team_id: 'map(\"m\", a)'"), csv,
		"2 deal 1 undated team_id=X\n3 ! «y» is not in the map «m»\n4 deal 3 undated\n");
	check("maps: {m: {x: X}}\n" ONE("team_id: 'map(\"m\", a)'"), csv,
		"2 deal 1 undated team_id=X\n3 ! «y» is not in the map «m»\n4 deal 3 undated\n");
	check("maps: {m: {x: null, '': none, _: Z}}\n" ONE("team_id: 'map(\"m\", a)'"), csv,
		"2 deal 1 undated\n3 deal 2 undated team_id=Z\n4 deal 3 undated team_id=none\n");
	/* Quoted it is a text like others. */
	check("maps: {m: {x: X, _: 'keep'}}\n" ONE("team_id: 'map(\"m\", a)'"), csv,
		"2 deal 1 undated team_id=X\n3 deal 2 undated team_id=keep\n4 deal 3 undated "
		"team_id=keep\n");
}

static void test_formats(void **state)
{
	(void)state;
	check("zone: Asia/Jakarta\ndates: ['%d/%m/%Y %H.%M', '%d %b %Y']\ndecimal: ','\ncurrency: "
	      "IDR\nnulls: ['', '-']\n"
	      "rows: [{from: p, delimiter: ';', emit: [{deal: {id: id, at: t, set: {amount: price, "
	      "owner_id: rep}}}]}]\n",
		"id;t;price;rep\n"
		"1;28/03/2026 00.30;Rp 1.250.000,50;-\n"
		"2;5 Mei 2026;-;ana\n"
		"3;2026-03-28;1;ana\n"
		"4;01/04/2026 08.00;1.5;ana\n",
		"2 deal 1 2026-03-27T17:30:00Z amount=1250000.5 currency=IDR\n"
		"3 deal 2 2026-05-04T17:00:00Z owner_id=ana\n"
		"4 ! «2026-03-28» is no date of the form %d/%m/%Y %H.%M or another of `dates`\n"
		"5 ! «1.5» is no number (decimal: \",\")\n");
}

static void test_fields_take_texts_as_they_want_them(void **state)
{
	(void)state;
	check("rows: [{from: p, emit: [{call: {id: id, set: {direction: d, transferred: x, "
	      "talk_ms: talk, hold_ms: 'int(hold)', "
	      "initiated_at: t, channel: '\"PHONE\"', disposition: o}}}, {rep: {id: id, set: "
	      "{active_from: t, name: id}}}]}]\n",
		"id,d,x,talk,hold,t,o\n1,outbound,yes,4:05,250,2026-01-02 03:04:05,no "
		"answer\n2,OUTBOUND,no,90,,2026-01-02,odd\n",
		"2 call 1 undated direction=OUTBOUND disposition=NO_ANSWER channel=PHONE "
		"initiated_at=2026-01-02T03:04:05Z "
		"talk_ms=245s hold_ms=250ms transferred=1\n"
		"2 rep 1 undated name=1 quota_carrying=1 active_from=2026-01-02\n"
		"3 ! disposition cannot be «odd»\n");
}

static void test_op_excluded_ext_tenant(void **state)
{
	(void)state;
	check("rows: [{from: p, emit: [{deal: {id: id, op: o, excluded: bool(test), merged_id: "
	      "loser, ext: {region: 'upper(reg)'}}}]}]\n",
		"id,o,test,loser,reg\n1,delete,no,,west\n2,merge,yes,9,\n3,explode,no,,\n,create,"
		"no,,\n",
		"2 deal 1 undated op=DELETE ext.region=WEST\n"
		"3 deal 2 undated op=MERGE excluded merged=9\n"
		"4 ! op cannot be «explode»\n"
		"5 ! the id of a deal is empty\n");
}

static void test_each_in_events_and_lists(void **state)
{
	(void)state;
	check("rows: [{from: p, emit: [{lead: {id: 'id + \"-\" + string(r.index)', each: {name: r, "
	      "of: reps, by: '|'}, set: {owner_id: r}}},"
	      "{deal: {id: id, set: {splits: {each: {name: r, of: reps, by: '|'}, set: {rep_id: r, "
	      "credit_pct: 'decimal(100) / r.count'}}}}}]}]\n",
		"id,reps\n1,ana| budi |\n2,\n",
		"2 lead 1-0 undated owner_id=ana\n"
		"2 lead 1-1 undated owner_id=budi\n"
		"2 deal 1 undated splits=[ana,,50;budi,,50]\n"
		"3 deal 2 undated\n");
	check("rows: [{from: p, each: {name: r, of: reps}, let: {who: upper(r)}, emit: [{lead: "
	      "{id: id + who}}, {deal: {id: who}}]}]\n",
		"id,reps\n1,a;b\n",
		"2 lead 1A undated\n2 lead 1B undated\n2 deal A undated\n2 deal B undated\n");
	check(ONE("memberships: ''"), "id\n1\n",
		"m.yaml:1:47: the field «memberships» is not known\n"
		"  rows: [{from: p, emit: [{deal: {id: id, set: {memberships: ''}}}]}]\n"
		"                                                ^~~~~~~~~~~\n");
}

static void test_fold(void **state)
{
	static const char csv[] = "id,at,stage,amount\n"
				  "7,2026-01-01,new,100\n"
				  "8,2026-01-02,new,5\n"
				  "7,2026-01-03,,150\n"
				  "7,2026-01-04,won,\n";

	(void)state;
	check("rows: [{from: p, fold: {by: id}, emit: [{opportunity: {id: id, at: at, set: "
	      "{stage_id: stage, prev_stage_id: previous(stage),"
	      " amount: amount, created_at: first(at)}}}]}]\n",
		csv,
		"2 opportunity 7 2026-01-01T00:00:00Z stage_id=new amount=100 "
		"created_at=2026-01-01T00:00:00Z\n"
		"3 opportunity 8 2026-01-02T00:00:00Z stage_id=new amount=5 "
		"created_at=2026-01-02T00:00:00Z\n"
		"4 opportunity 7 2026-01-03T00:00:00Z stage_id=new prev_stage_id=new amount=150 "
		"created_at=2026-01-01T00:00:00Z\n"
		"5 opportunity 7 2026-01-04T00:00:00Z stage_id=won prev_stage_id=new amount=150 "
		"created_at=2026-01-01T00:00:00Z\n");
	check("rows: [{from: p, fold: {by: id, blank: 'null'}, emit: [{opportunity: {id: id, set: "
	      "{stage_id: stage, amount: first(amount)}}}]}]\n",
		csv,
		"2 opportunity 7 undated stage_id=new amount=100\n3 opportunity 8 undated "
		"stage_id=new amount=5\n"
		"4 opportunity 7 undated amount=100\n5 opportunity 7 undated stage_id=won "
		"amount=100\n");
	/* A row that is refused has changed nothing. */
	check("rows: [{from: p, fold: {by: id}, emit: [{opportunity: {id: id, set: {stage_id: "
	      "stage, amount: amount}}}]}]\n",
		"id,stage,amount\n1,a,1\n1,b,oops\n1,,2\n",
		"2 opportunity 1 undated stage_id=a amount=1\n3 ! «oops» is no number (decimal: "
		"\".\")\n"
		"4 opportunity 1 undated stage_id=a amount=2\n");
}

/* When a value became what it is, however often other columns change later. */
static void test_fold_knows_since_when(void **state)
{
	(void)state;
	check("rows: [{from: p, fold: {by: id, at: t}, emit: [{opportunity: {id: id, at: t, set: "
	      "{stage_id: stage, stage_entered_at: since(stage), "
	      "won_at: 'stage == \"won\" ? since(stage) : null'}}}]}]\n",
		"id,t,stage,amount\n1,2026-01-01,new,1\n1,2026-01-02,,2\n1,2026-01-03,won,\n1,2026-"
		"01-04,won,9\n",
		"2 opportunity 1 2026-01-01T00:00:00Z stage_id=new "
		"stage_entered_at=2026-01-01T00:00:00Z\n"
		"3 opportunity 1 2026-01-02T00:00:00Z stage_id=new "
		"stage_entered_at=2026-01-01T00:00:00Z\n"
		"4 opportunity 1 2026-01-03T00:00:00Z stage_id=won "
		"stage_entered_at=2026-01-03T00:00:00Z won_at=2026-01-03T00:00:00Z\n"
		"5 opportunity 1 2026-01-04T00:00:00Z stage_id=won "
		"stage_entered_at=2026-01-03T00:00:00Z won_at=2026-01-03T00:00:00Z\n");
	check_says("rows: [{from: p, fold: {by: id}, emit: [{deal: {id: since(id)}}]}]\n",
		"id\n1\n", "this wants `at` in the fold");
}

static void test_fold_of_one_field_a_row(void **state)
{
	check("rows:\n"
	      "  - from: p\n"
	      "    order: date(at)\n"
	      "    fold: {by: id, field: field, value: new, columns: [Stage, Amount]}\n"
	      "    emit: [{opportunity: {id: id, at: at, set: {stage_id: Stage, amount: "
	      "Amount}}}]\n",
		"id,at,field,new\n"
		"1,2026-01-03,Stage,won\n"
		"1,2026-01-01,Stage,new\n"
		"1,2026-01-02,Amount,100\n"
		"1,2026-01-04,Amount,\n"
		"1,2026-01-05,Other,zzz\n",
		"3 opportunity 1 2026-01-01T00:00:00Z stage_id=new\n"
		"4 opportunity 1 2026-01-02T00:00:00Z stage_id=new amount=100\n"
		"2 opportunity 1 2026-01-03T00:00:00Z stage_id=won amount=100\n"
		"5 opportunity 1 2026-01-04T00:00:00Z stage_id=won\n"
		"6 opportunity 1 2026-01-05T00:00:00Z stage_id=won\n");
	(void)state;
}

static void test_pair(void **state)
{
	static const char csv[] = "call,event,time\n"
				  "1,START,2026-01-01 10:00\n"
				  "2,START,2026-01-01 10:01\n"
				  "1,COMPLETE,2026-01-01 10:05\n"
				  "9,COMPLETE,2026-01-01 10:06\n"
				  "1,NOTE,2026-01-01 10:07\n"
				  "2,START,2026-01-01 10:08\n";

	(void)state;
	check("rows: [{from: p, pair: {by: call, start: 'event == \"START\"', end: 'event == "
	      "\"COMPLETE\"'}, emit: [{call: {id: call, "
	      "at: 'coalesce(end.time, start.time)', set: {initiated_at: start.time, ended_at: "
	      "end.time}}}]}]\n",
		csv,
		"2 call 1 2026-01-01T10:00:00Z initiated_at=2026-01-01T10:00:00Z transferred=0\n"
		"3 call 2 2026-01-01T10:01:00Z initiated_at=2026-01-01T10:01:00Z transferred=0\n"
		"4 call 1 2026-01-01T10:05:00Z initiated_at=2026-01-01T10:00:00Z "
		"ended_at=2026-01-01T10:05:00Z transferred=0\n"
		"5 ! an end without its start\n"
		"7 call 2 2026-01-01T10:08:00Z initiated_at=2026-01-01T10:08:00Z transferred=0\n");
	assert_int_equal(counts.rows, 6);
	assert_int_equal(counts.skipped, 1);
	assert_int_equal(counts.rejected, 1);
	assert_int_equal(counts.unpaired, 2);
	assert_int_equal(counts.events, 4);
}

static void test_where_order_lookup(void **state)
{
	(void)state;
	check("rows: [{from: p, where: kind != \"test\", order: [int(rank), id], emit: [{deal: "
	      "{id: id}}]}]\n",
		"id,kind,rank\nc,,10\nb,test,1\nd,,9\na,,10\n",
		"4 deal d undated\n5 deal a undated\n2 deal c undated\n");
	/* The test's one text is the lookup's file too. */
	check("lookup: {boss: {file: x, key: rep}}\n" ONE(
		      "team_id: 'lookup(\"boss\", rep, \"manager\")'"),
		"id,rep,manager\n1,ana,rita\n2,ana,other\n3,,x\n",
		"2 deal 1 undated team_id=rita\n3 deal 2 undated team_id=rita\n4 deal 3 undated\n");
}

static void test_columns_of_any_name(void **state)
{
	(void)state;
	check("rows: [{from: p, emit: [{deal: {id: Deal_ID, set: {owner_id: 'col(\"Sales Rep "
	      "(Pemilik)\")', team_id: _2nd_team}}}]}]\n",
		"Deal ID,Sales Rep (Pemilik),2nd team\n1,ana,west\n",
		"2 deal 1 undated owner_id=ana team_id=west\n");
	check("rows: [{from: p, header: [id, rep], emit: [{deal: {id: id, set: {owner_id: "
	      "rep}}}]}]\n",
		"1,ana\n", "1 deal 1 undated owner_id=ana\n");
	/* A let may bear its column's name. */
	check("rows: [{from: p, let: {rep: upper(rep)}, emit: [{deal: {id: id, set: {owner_id: "
	      "rep}}}]}]\n",
		"id,rep\n1,ana\n", "2 deal 1 undated owner_id=ANA\n");
}

static void test_rows_of_the_wrong_width(void **state)
{
	(void)state;
	check(ONE(""), "id,a\n1\n2,x,\n3,x,y\n4,x\n",
		"2 ! the header has 2 columns, this row 1\n3 deal 2 undated\n4 ! the header has 2 "
		"columns, this row 3\n5 deal 4 undated\n");
}

static void test_functions(void **state)
{
	(void)state;
	check("country: '62'\n" ONE("team_id: phone(p), owner_id: 'part(path, \"/\", 2)', "
				    "source_channel: 'replace(path, \"/\", \".\")', "
				    "contact_id: 'file() + string(line())'"),
		"id,p,path\n1,0812-3456-789,a/b/c\n2,anonymous,x\n",
		"2 deal 1 undated contact_id=rows.csv2 owner_id=b team_id=+628123456789 "
		"source_channel=a.b.c\n"
		"3 deal 2 undated contact_id=rows.csv3 source_channel=x\n");
	check("salt: a\n" ONE("team_id: hash(p)"), "id,p\n1,x\n",
		"2 deal 1 undated team_id=623714ab89c40223\n");
}

/* ---- mistakes -------------------------------------------------------------------------------------- */

static void test_mistakes_have_positions(void **state)
{
	(void)state;
	check("zone: UTC\nrowz: []\nrows: []\n", "",
		"m.yaml:2:1: the key «rowz» is not known; the nearest is «rows»\n  rowz: []\n  "
		"^~~~\n");
	check(ONE("amont: price"), "id\n1\n",
		"m.yaml:1:47: the field «amont» is not known; the nearest is «amount»\n"
		"  rows: [{from: p, emit: [{deal: {id: id, set: {amont: price}}}]}]\n"
		"                                                ^~~~~\n");
	check(ONE("amount: decimal(prce)"), "id,price\n1,2\n",
		"m.yaml:1:63: unknown name \"prce\"; did you mean \"price\"?\n"
		"  rows: [{from: p, emit: [{deal: {id: id, set: {amount: decimal(prce)}}}]}]\n"
		"                                                                ^~~~\n");
	check_says("maps: {stage: {a: b}}\n" ONE("team_id: 'map(\"stge\", id)'"), "id\n1\n",
		"there is no map «stge»; the nearest is «stage»");
	check_says("lookup: {rep: {file: x, key: id}}\n" ONE(
			   "team_id: 'lookup(\"rep\", id, \"mager\")'"),
		"id,manager\n1,2\n", "there is no column «mager»; the nearest is «manager»");
	check_says("lookup: {rep: {file: x, key: idd}}\n" ONE(""), "id,manager\n1,2\n",
		"the file has no such column; the nearest is «id»");
	check_says(ONE("amount: 1d"), "id\n1\n", "a number is wanted here, this is a duration");
	check_says(ONE("won_at: '5'"), "id\n1\n", "a time is wanted here, this is a");
	check_says("rows: [{from: p, emit: [{dael: {id: id}}]}]\n", "",
		"the stream «dael» is not known; the nearest is «deal»");
	check_says("encoding: latin\n" ONE(""), "",
		"the encoding «latin» is not known; the nearest is «latin-1»");
	check_says("dates: ['%Y-%q']\n" ONE(""), "", "date formats have");
	check_says("zone: Asia/Jakrta\n" ONE(""), "", "did you mean \"Asia/Jakarta\"?");
	check_says(ONE("team_id: first(id)"), "id\n1\n", "this wants `fold`");
	check_says("rows: [{from: p, let: {a: b, b: '1'}, emit: [{deal: {id: a}}]}]\n", "id\n1\n",
		"unknown name \"b\"");
	check_says("rows: 5\n", "", "`rows` is a list");
	check_says("zone: UTC\n", "", "a mapping file has `rows`");
	check_says("", "", "a mapping file has `rows`");
	check_says("%YAML 1.2\n---\n", "", "m.yaml:1:1: directives of YAML are not wanted here");
	check_says("a: \xff\n", "", "it is not UTF-8 text");
	check_says("rows: [\n", "", "m.yaml:");
}

static void test_what_the_mapping_says(void **state)
{
	struct buffer _cleanup_buffer_ explanation = { 0 };
	struct mapping *mapping;

	(void)state;
	buffer_init(&explanation);
	assert_int_equal(mapping_parse("m", SLICE_LIT("tenant: acme\nzone: Asia/Tokyo\n" ONE("")),
				 NULL, &mapping, &explanation),
		0);
	assert_string_equal(mapping_tenant(mapping), "acme");
	assert_string_equal(mapping_zone(mapping), "Asia/Tokyo");
	assert_null(mapping_currency(mapping));
	mapping_free(mapping);
}

/* ---- texts ----------------------------------------------------------------------------------------- */

static void test_decimals(void **state)
{
	static struct slice signs[] = { SLICE_INIT("$"), SLICE_INIT("Rp") };
	static const struct {
		const char *text, *decimal;
		int64_t units; /* -1: no number */
	} rows[] = {
		{ "1", ".", 10000 },
		{ " 1,234.5 ", ".", 12345000 },
		{ "1.234,5", ",", 12345000 },
		{ "-3", ".", -30000 },
		{ "(1,000.25)", ".", -10002500 },
		{ "5-", ".", -50000 },
		{ "$5", ".", 50000 },
		{ "-$5", ".", -50000 },
		{ "5 $", ".", 50000 },
		{ "45%", ".", 4500 },
		{ "0.00005", ".", 0 },
		{ "0.00015", ".", 2 },
		{ "1\xc2\xa0"
		  "000",
			".", 10000000 },
		{ "1'000", ".", 10000000 },
		{ "12,34,567", ".", 12345670000 },
		{ "Rp1.000.000", ",", 10000000000 },
		{ ".5", ".", 5000 },
		{ "1,5", ".", -1 },
		{ "1.5", ",", -1 },
		{ "1,23", ".", -1 },
		{ "", ".", -1 },
		{ "-", ".", -1 },
		{ "abc", ".", -1 },
		{ "1e5", ".", -1 },
		{ "1.2.3", ".", -1 },
		{ "--5", ".", -1 },
		{ "99999999999999999999", ".", -1 },
		{ "1,0000", ".", -1 },
		{ ",123", ".", -1 },
		{ "922337203685477.5808", ".", -1 },
		{ "922337203685477.5807", ".", INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mapping_format format = { .decimal = slice_of(rows[i].decimal),
			.signs = { signs, 2 } };
		int64_t units = -1;

		bool good = mapping_parse_decimal(slice_of(rows[i].text), &format, &units);

		if (units != rows[i].units || good != (rows[i].units != -1))
			fail_msg("«%s» gives %lld", rows[i].text, (long long)units);
	}
}

static void test_dates(void **state)
{
	static const struct {
		const char *text, *format, *expected;
	} rows[] = {
		{ "2026-03-28", "%Y-%m-%d", "2026-03-28T00:00:00Z" },
		{ "3/8/26 4:05 PM", "%m/%d/%y %I:%M %p", "2026-03-08T16:05:00Z" },
		{ "12:10 AM 1/1/2026", "%I:%M %p %d/%m/%Y", "2026-01-01T00:10:00Z" },
		{ "Sat, 28 Mar 2026 10:00:00 +0700", "%a, %d %b %Y %H:%M:%S %z",
			"2026-03-28T03:00:00Z" },
		{ "28 Agustus 2026", "%d %B %Y", "2026-08-28T00:00:00Z" },
		{ "28-Agt-2026", "%d-%b-%Y", "2026-08-28T00:00:00Z" },
		{ "2026-03-28T10:00:00.25Z", "%Y-%m-%dT%H:%M:%S.%f%z", "2026-03-28T10:00:00.250Z" },
		{ "1774663200", "%s", "2026-03-28T02:00:00Z" },
		{ "1774663200123", "%Q", "2026-03-28T02:00:00.123Z" },
		{ "46109.5", "excel", "2026-03-28T12:00:00Z" },
		{ "2026-02-29", "%Y-%m-%d", NULL },
		{ "2026-03-28x", "%Y-%m-%d", NULL },
		{ "26-03-28", "%Y-%m-%d", NULL },
		{ "13:00 PM 1/1/2026", "%I:%M %p %d/%m/%Y", NULL },
		{ "28 Xyz 2026", "%d %b %Y", NULL },
		{ "", "%Y", NULL },
		{ "2026-03-28 25:00", "%Y-%m-%d %H:%M", NULL },
	};
	const struct zone utc = { NULL, 0, 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct slice format = slice_of(rows[i].format);
		struct mapping_words formats = { &format, 1 };
		char text[TIME_TEXT_MAX];
		int64_t ms = 0;
		bool good = mapping_parse_date(slice_of(rows[i].text), &formats, &utc, &ms);

		assert_null(mapping_check_date_format(format));
		if (good != (rows[i].expected != NULL) ||
			(good && strcmp(time_format(ms, text), rows[i].expected) != 0))
			fail_msg("«%s» by %s gives %s", rows[i].text, rows[i].format,
				good ? time_format(ms, text) : "nothing");
	}
}

static void test_durations(void **state)
{
	static const struct {
		const char *text, *unit;
		int64_t ms; /* -1: none */
	} rows[] = {
		{ "4:05", "", 245000 },
		{ "75:10", "", 4510000 },
		{ "1:04:05", "", 3845000 },
		{ "90", "", 90000 },
		{ "1.5", "m", 90000 },
		{ "250", "ms", 250 },
		{ "2:30", "h:m", 9000000 },
		{ "00:00:01.250", "", 1250 },
		{ "1h 2m 3s", "", 3723000 },
		{ "5 min", "", 300000 },
		{ "90s", "", 90000 },
		{ "1:75", "", -1 },
		{ "", "", -1 },
		{ "-5", "", -1 },
		{ "1:2:3:4", "", -1 },
		{ "5x", "", -1 },
		{ "1:", "", -1 },
		{ "5", "weeks", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t ms = -1;
		bool good =
			mapping_parse_duration(slice_of(rows[i].text), slice_of(rows[i].unit), &ms);

		if (ms != rows[i].ms || good != (rows[i].ms != -1))
			fail_msg("«%s» gives %lld", rows[i].text, (long long)ms);
	}
}

static void test_phones(void **state)
{
	static const struct {
		const char *text, *country, *expected;
	} rows[] = {
		{ "0812-3456-7890", "62", "+6281234567890" },
		{ "+62 812 3456 7890", "62", "+6281234567890" },
		{ "006281234567890", "62", "+6281234567890" },
		{ "6281234567890", "62", "+6281234567890" },
		{ "(021) 555.1234", "62", "+62215551234" },
		{ "8123456", "", "8123456" },
		{ "anonymous", "62", NULL },
		{ "12", "62", NULL },
		{ "", "62", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buffer _cleanup_buffer_ out = { 0 };

		buffer_init(&out);
		bool good =
			mapping_put_phone(slice_of(rows[i].text), slice_of(rows[i].country), &out);

		assert_int_equal(good, rows[i].expected != NULL);
		if (good)
			assert_string_equal(buffer_text(&out), rows[i].expected);
	}
}

/* ---- files ----------------------------------------------------------------------------------------- */

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void test_folders_and_globs(void **state)
{
	char folder[] = "/tmp/salespulse_mapping_XXXXXX", path[512];
	const char *paths[1] = { folder };
	struct buffer _cleanup_buffer_ out = { 0 }, explanation = { 0 };
	struct mapping *mapping;

	(void)state;
	buffer_init(&out);
	buffer_init(&explanation);
	const struct mapping_sink sink = { &out, on_event, on_reject, NULL };

	assert_non_null(mkdtemp(folder));
	write_file(folder, "m.yaml",
		"lookup: {boss: {file: reps.csv, key: rep}}\n"
		"rows: [{from: 'd_*.csv', emit: [{deal: {id: id, set: {owner_id: rep, team_id: "
		"'lookup(\"boss\", rep, \"manager\")'}}}]}]\n");
	write_file(folder, "reps.csv", "rep,manager\nana,rita\n");
	/* The columns of both, in any order. */
	write_file(folder, "d_2.csv", "rep,id\nana,2\n");
	write_file(folder, "d_1.csv", "id\n1\n");
	snprintf(path, sizeof(path), "%s/m.yaml", folder);
	assert_int_equal(mapping_load(path, NULL, &mapping, &explanation), 0);
	assert_int_equal(mapping_run(mapping, NULL, 0, &sink, &counts, &explanation), 0);
	assert_string_equal(buffer_text(&out),
		"2 deal 1 undated\n2 deal 2 undated owner_id=ana team_id=rita\n");
	buffer_reset(&out);
	assert_int_equal(mapping_run(mapping, paths, 1, &sink, &counts, &explanation), 0);
	assert_int_equal(counts.files, 2);
	snprintf(path, sizeof(path), "%s/m.yaml", folder);
	paths[0] = path;
	assert_int_equal(mapping_run(mapping, paths, 1, &sink, &counts, &explanation), 1);
	assert_non_null(strstr(buffer_text(&explanation), "no `from` of"));
	mapping_free(mapping);
	for (size_t i = 0; i < 4; i++) {
		static const char *const names[] = { "m.yaml", "reps.csv", "d_2.csv", "d_1.csv" };

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_two_events_of_a_row_with_anchors),
		cmocka_unit_test(test_map_defaults),
		cmocka_unit_test(test_formats),
		cmocka_unit_test(test_fields_take_texts_as_they_want_them),
		cmocka_unit_test(test_op_excluded_ext_tenant),
		cmocka_unit_test(test_each_in_events_and_lists),
		cmocka_unit_test(test_fold),
		cmocka_unit_test(test_fold_knows_since_when),
		cmocka_unit_test(test_fold_of_one_field_a_row),
		cmocka_unit_test(test_pair),
		cmocka_unit_test(test_where_order_lookup),
		cmocka_unit_test(test_columns_of_any_name),
		cmocka_unit_test(test_rows_of_the_wrong_width),
		cmocka_unit_test(test_functions),
		cmocka_unit_test(test_mistakes_have_positions),
		cmocka_unit_test(test_what_the_mapping_says),
		cmocka_unit_test(test_decimals),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_durations),
		cmocka_unit_test(test_phones),
		cmocka_unit_test(test_folders_and_globs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
