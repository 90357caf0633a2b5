#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edge/definition_file.h"

/* Measures that most of the wrong metrics stand on: four lines. */
#define BASE                                                                                     \
	"measures:\n"                                                                            \
	"  - {name: won, on: deal, at: deal.won_at, where: 'deal.status == \"WON\"', agg: sum, " \
	"value: deal.amount,\n"                                                                  \
	"     by: {rep: deal.owner_id, team: deal.team_id}}\n"                                   \
	"  - {name: deals, on: deal, at: deal.won_at, agg: count, by: {rep: deal.owner_id}}\n"

struct wrong {
	const char *text, *explanation;
};

/* What an operator may write by mistake, and all that is said of it. */
static const struct wrong wrongs[] = {
	{ "measure:\n"
	  "  - {name: a}\n",
		"k.yaml:1:1: «measure» is not known here; the nearest is «measures»\n"
		"  measure:\n"
		"  ^~~~~~~\n" },
	{ "- a\n"
	  "- b\n",
		"k.yaml:1:1: definitions are a mapping of params, derive, measures and metrics\n"
		"  - a\n"
		"  ^\n" },
	{ "", "k.yaml:1:1: definitions are a mapping of params, derive, measures and metrics\n"
	      "  \n"
	      "  ^\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal\n"
	  "  - b\n",
		"k.yaml:4:1: missing comma in flow mapping\n"
		"  \n"
		"  ^\n" },
	{ "measures:\n"
	  "\t- {name: a}\n",
		"k.yaml:2:1: tab character may not be used as indentation\n"
		"  \t- {name: a}\n"
		"  ^\n" },
	{ "measures:\n"
	  "  - {name: a, name: b}\n",
		"k.yaml:2:15: duplicate key\n"
		"    - {name: a, name: b}\n"
		"                ^\n" },
	{ "params: {}\n"
	  "params: {}\n",
		"k.yaml:2:1: duplicate key\n"
		"  params: {}\n"
		"  ^\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, wher: x}\n",
		"k.yaml:2:25: «wher» is not known here; the nearest is «where»\n"
		"    - {name: a, on: deal, wher: x}\n"
		"                          ^~~~\n" },
	{ "metrics:\n"
	  "  - {name: a, valeu: b}\n",
		"k.yaml:2:15: «valeu» is not known here; the nearest is «value»\n"
		"    - {name: a, valeu: b}\n"
		"                ^~~~~\n" },
	{ "measures:\n"
	  "  - {on: deal}\n",
		"k.yaml:2:6: a measure wants a name\n"
		"    - {on: deal}\n"
		"       ^\n" },
	{ "metrics:\n"
	  "  - {value: won}\n",
		"k.yaml:2:6: a metric wants a name\n"
		"    - {value: won}\n"
		"       ^\n" },
	{ "measures: {a: {on: deal}}\n", "k.yaml:1:12: `measures` is a list: - {name: …}\n"
					 "  measures: {a: {on: deal}}\n"
					 "             ^\n" },
	{ "measures:\n"
	  "  - won\n",
		"k.yaml:2:5: a mapping is wanted here: {name: …}\n"
		"    - won\n"
		"      ^~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: [deal, call], at: deal.won_at}\n",
		"k.yaml:2:20: one value is wanted here, not a list or mapping\n"
		"    - {name: a, on: [deal, call], at: deal.won_at}\n"
		"                     ^\n" },
	{ "measures:\n"
	  "  - {name: a, on: deel, at: deal.won_at}\n",
		"k.yaml:2:19: no entity is named «deel»; the nearest is «deal»\n"
		"    - {name: a, on: deel, at: deal.won_at}\n"
		"                    ^~~~\n" },
	{ "measures:\n"
	  "  - {name: a, at: deal.won_at}\n",
		"k.yaml:2:12: measure «a» does not say `on`: which entity it counts\n"
		"    - {name: a, at: deal.won_at}\n"
		"             ^\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal}\n",
		"k.yaml:2:12: measure «a» does not say `at`: the event's time\n"
		"    - {name: a, on: deal}\n"
		"             ^\n" },
	{ "measures:\n"
	  "  - name: a\n"
	  "    on: deal\n"
	  "    at: deal.wonn_at\n",
		"k.yaml:4:14: \"deal.wonn_at\": there is no \"wonn_at\"; did you mean \"won_at\"?\n"
		"      at: deal.wonn_at\n"
		"               ^~~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.opportunity.creatd_at}\n",
		"k.yaml:2:46: \"deal.opportunity.creatd_at\": there is no \"creatd_at\"; did you "
		"mean \"created_at\"?\n"
		"    - {name: a, on: deal, at: deal.opportunity.creatd_at}\n"
		"                                               ^~~~~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: lead.created_at}\n",
		"k.yaml:2:29: \"lead.created_at\": there is no \"lead\"; did you mean \"deal\"?\n"
		"    - {name: a, on: deal, at: lead.created_at}\n"
		"                              ^~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.amount}\n",
		"k.yaml:2:29: a time is wanted here, this is a money\n"
		"    - {name: a, on: deal, at: deal.amount}\n"
		"                              ^~~~~~~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, where: deal.amount}\n",
		"k.yaml:2:49: a bool is wanted here, this is a money\n"
		"    - {name: a, on: deal, at: deal.won_at, where: deal.amount}\n"
		"                                                  ^~~~~~~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, where: deal.amount > \"big\"}\n",
		"k.yaml:2:49: > compares a money with a string\n"
		"    - {name: a, on: deal, at: deal.won_at, where: deal.amount > \"big\"}\n"
		"                                                  ^~~~~~~~~~~~~~~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, where: 'deal.status == \"WOM\"'}\n",
		"k.yaml:2:65: this field is never \"WOM\"; did you mean \"WON\"?\n"
		"    - {name: a, on: deal, at: deal.won_at, where: 'deal.status == \"WOM\"'}\n"
		"                                                                  ^~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, where: 'deal.status in [\"WON\", "
	  "\"REFUNDET\"]'}\n",
		"k.yaml:2:73: this field is never \"REFUNDET\"; did you mean \"REFUNDED\"?\n"
		"    - {name: a, on: deal, at: deal.won_at, where: 'deal.status in [\"WON\", "
		"\"REFUNDET\"]'}\n"
		"                                                                          "
		"^~~~~~~~~~\n" },
	{ "params: {good: [WON, LOOST]}\n"
	  "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, where: deal.status in good}\n",
		"k.yaml:3:64: this field is never \"LOOST\"; did you mean \"LOST\"?\n"
		"    - {name: a, on: deal, at: deal.won_at, where: deal.status in good}\n"
		"                                                                 ^~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, agg: summ, value: deal.amount}\n",
		"k.yaml:2:47: `agg` is count, sum, distinct or percentile; the nearest is «sum»\n"
		"    - {name: a, on: deal, at: deal.won_at, agg: summ, value: deal.amount}\n"
		"                                                ^~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, agg: sum}\n",
		"k.yaml:2:12: `agg: sum`, `distinct` and `percentile` want a `value`\n"
		"    - {name: a, on: deal, at: deal.won_at, agg: sum}\n"
		"             ^\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, agg: sum, value: deal.team_id}\n",
		"k.yaml:2:59: a string cannot be added up\n"
		"    - {name: a, on: deal, at: deal.won_at, agg: sum, value: deal.team_id}\n"
		"                                                            ^~~~~~~~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, agg: distinct, value: deal.amount}\n",
		"k.yaml:2:64: `agg: distinct` counts strings, references or whole numbers, not a "
		"money\n"
		"    - {name: a, on: deal, at: deal.won_at, agg: distinct, value: deal.amount}\n"
		"                                                                 ^~~~~~~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, each: c deal.credit, at: deal.won_at}\n",
		"k.yaml:2:31: `each` reads: name in entity.list\n"
		"    - {name: a, on: deal, each: c deal.credit, at: deal.won_at}\n"
		"                                ^~~~~~~~~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, each: c in deal.credits, at: deal.won_at}\n",
		"k.yaml:2:31: deal has no list named «credits»; the nearest is «credit»\n"
		"    - {name: a, on: deal, each: c in deal.credits, at: deal.won_at}\n"
		"                                ^~~~~~~~~~~~~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, each: c in lead.credit, at: deal.won_at}\n",
		"k.yaml:2:31: `each` walks a list of the measure's own entity: deal.…\n"
		"    - {name: a, on: deal, each: c in lead.credit, at: deal.won_at}\n"
		"                                ^~~~~~~~~~~~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, each: c in deal.credit, at: deal.won_at, agg: sum, value: "
	  "c.amuont}\n",
		"k.yaml:2:85: \"c.amuont\": there is no \"amuont\"; did you mean \"amount\"?\n"
		"    - {name: a, on: deal, each: c in deal.credit, at: deal.won_at, agg: sum, "
		"value: c.amuont}\n"
		"                                                                                  "
		"    ^~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, by: {rep: deal.amount}}\n",
		"k.yaml:2:52: a string is wanted here, this is a money\n"
		"    - {name: a, on: deal, at: deal.won_at, by: {rep: deal.amount}}\n"
		"                                                     ^~~~~~~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, by: [rep]}\n",
		"k.yaml:2:47: a mapping is wanted here: {name: value}\n"
		"    - {name: a, on: deal, at: deal.won_at, by: [rep]}\n"
		"                                                ^\n" },
	{ BASE "  - {name: x, extends: wonn}\n",
		"k.yaml:5:24: no measure is named «wonn»; the nearest is «won»\n"
		"    - {name: x, extends: wonn}\n"
		"                         ^~~~\n" },
	{ "measures:\n"
	  "  - {name: a, extends: b}\n"
	  "  - {name: b, extends: a}\n",
		"k.yaml:2:24: measures extend each other in a circle, or too deeply\n"
		"    - {name: a, extends: b}\n"
		"                         ^\n" },
	{ "measures:\n"
	  "  - {name: a, extends: a}\n",
		"k.yaml:2:24: measures extend each other in a circle, or too deeply\n"
		"    - {name: a, extends: a}\n"
		"                         ^\n" },
	{ BASE "  - {name: x, extends: won, where: deal.amuont > 5}\n",
		"k.yaml:5:41: \"deal.amuont\": there is no \"amuont\"; did you mean \"amount\"?\n"
		"    - {name: x, extends: won, where: deal.amuont > 5}\n"
		"                                          ^~~~~~\n" },
	{ BASE "  - {name: won, on: deal, at: deal.won_at}\n",
		"k.yaml:5:12: a measure of this name is defined above\n"
		"    - {name: won, on: deal, at: deal.won_at}\n"
		"             ^~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [7d]}\n"
	       "  - {name: m, value: deals, windows: [7d]}\n",
		"k.yaml:7:12: a metric of this name is defined above\n"
		"    - {name: m, value: deals, windows: [7d]}\n"
		"             ^\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: wom / deals, windows: [7d]}\n",
		"k.yaml:6:22: no measure is named «wom»; the nearest is «won»\n"
		"    - {name: m, value: wom / deals, windows: [7d]}\n"
		"                       ^~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: previos(won), windows: [7d]}\n",
		"k.yaml:6:22: the functions of formulas are p50 p90 percentile samples previous "
		"opening full over offset abs ceil max min; the nearest is "
		"«previous»\n"
		"    - {name: m, value: previos(won), windows: [7d]}\n"
		"                       ^~~~~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [7d, mont_to_date]}\n",
		"k.yaml:6:41: a window is a length from 1m to 1100d (7d, 24h) or today, "
		"week_to_date, month_to_date, quarter_to_date, year_to_date, all, now; the nearest "
		"is «month_to_date»\n"
		"    - {name: m, value: won, windows: [7d, mont_to_date]}\n"
		"                                          ^~~~~~~~~~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [5s]}\n",
		"k.yaml:6:37: a window is a length from 1m to 1100d (7d, 24h) or today, "
		"week_to_date, month_to_date, quarter_to_date, year_to_date, all, now\n"
		"    - {name: m, value: won, windows: [5s]}\n"
		"                                      ^~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: 7d}\n",
		"k.yaml:6:36: a list is wanted here: [a, b]\n"
		"    - {name: m, value: won, windows: 7d}\n"
		"                                     ^~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [7d, 24h, 7d]}\n",
		"k.yaml:6:46: `windows` says this one twice\n"
		"    - {name: m, value: won, windows: [7d, 24h, 7d]}\n"
		"                                               ^~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won}\n",
		"k.yaml:6:12: metric «m» does not say `windows`\n"
		"    - {name: m, value: won}\n"
		"             ^\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [7d], group_by: [[], [teem]]}\n",
		"k.yaml:6:58: no measure has the dimension «teem»; the nearest is «team»\n"
		"    - {name: m, value: won, windows: [7d], group_by: [[], [teem]]}\n"
		"                                                           ^~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won / deals, windows: [7d], group_by: [[team]]}\n",
		"k.yaml:6:62: measure «deals» has no dimension «team»: add it to its `by`\n"
		"    - {name: m, value: won / deals, windows: [7d], group_by: [[team]]}\n"
		"                                                               ^~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [7d], group_by: [team]}\n",
		"k.yaml:6:53: a list is wanted here: [a, b]\n"
		"    - {name: m, value: won, windows: [7d], group_by: [team]}\n"
		"                                                      ^~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [7d], group_by: [[team], [team]]}\n",
		"k.yaml:6:62: `group_by` says this grouping twice\n"
		"    - {name: m, value: won, windows: [7d], group_by: [[team], [team]]}\n"
		"                                                               ^~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [7d], group_by: [[team, team]]}\n",
		"k.yaml:6:60: the grouping says this dimension twice\n"
		"    - {name: m, value: won, windows: [7d], group_by: [[team, team]]}\n"
		"                                                             ^~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [7d], group_by: [[team, rep, team, rep]]}\n",
		"k.yaml:6:54: a grouping has at most 3 dimensions\n"
		"    - {name: m, value: won, windows: [7d], group_by: [[team, rep, team, rep]]}\n"
		"                                                       ^~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [7d], unit: curency}\n",
		"k.yaml:6:48: `unit` is count, percent, currency, seconds, days or ratio; the "
		"nearest is «currency»\n"
		"    - {name: m, value: won, windows: [7d], unit: curency}\n"
		"                                                 ^~~~~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [7d], unit: days}\n",
		"k.yaml:6:48: the formula gives a money: its unit is not «days»\n"
		"    - {name: m, value: won, windows: [7d], unit: days}\n"
		"                                                 ^~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [7d], basis: cohort}\n",
		"k.yaml:6:49: `basis` is EVENT, COHORT, CLOSED or STOCK; the nearest is «COHORT»\n"
		"    - {name: m, value: won, windows: [7d], basis: cohort}\n"
		"                                                  ^~~~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [7d], compare: previus}\n",
		"k.yaml:6:51: `compare` is previous, previous_year or none\n"
		"    - {name: m, value: won, windows: [7d], compare: previus}\n"
		"                                                    ^~~~~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: deals, windows: [7d], mature: 3x}\n",
		"k.yaml:6:52: `mature` wants a duration, or a param that is one\n"
		"    - {name: m, value: deals, windows: [7d], mature: 3x}\n"
		"                                                     ^~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: deals, windows: [7d], min_sample: few}\n",
		"k.yaml:6:56: `min_sample` wants a whole number\n"
		"    - {name: m, value: deals, windows: [7d], min_sample: few}\n"
		"                                                         ^~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: deals, windows: [7d], group_by: [[rep]]}\n"
	       "  - {name: r, rank: mm}\n",
		"k.yaml:7:21: `rank` wants a metric that is defined above; the nearest is «m»\n"
		"    - {name: r, rank: mm}\n"
		"                      ^~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: deals, windows: [7d], group_by: [[rep]]}\n"
	       "  - {name: r, rank: m, windows: [24h]}\n",
		"k.yaml:7:34: a rank has the windows of the metric that it ranks\n"
		"    - {name: r, rank: m, windows: [24h]}\n"
		"                                   ^~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, windows: [7d]}\n",
		"k.yaml:6:12: metric «m» says neither `value` nor `rank`\n"
		"    - {name: m, windows: [7d]}\n"
		"             ^\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: , windows: [7d]}\n",
		"k.yaml:6:15: a value is missing behind this\n"
		"    - {name: m, value: , windows: [7d]}\n"
		"                ^~~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won / deals, empty: {wonn: null}, windows: [7d]}\n",
		"k.yaml:6:43: the formula does not read a measure «wonn»; the nearest is «won»\n"
		"    - {name: m, value: won / deals, empty: {wonn: null}, windows: [7d]}\n"
		"                                            ^~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won / deals, empty: {won: nothing}, windows: [7d]}\n",
		"k.yaml:6:48: `empty` gives a measure null or 0\n"
		"    - {name: m, value: won / deals, empty: {won: nothing}, windows: [7d]}\n"
		"                                                 ^~~~~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [7d], label: {de: Umsatz}}\n",
		"k.yaml:6:50: a label has the languages en and id\n"
		"    - {name: m, value: won, windows: [7d], label: {de: Umsatz}}\n"
		"                                                   ^~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won / (deals, windows: [7d]}\n",
		"k.yaml:6:34: a closing ) is missing here\n"
		"    - {name: m, value: won / (deals, windows: [7d]}\n"
		"                                   ^\n" },
	{ BASE "metrics:\n"
	       "  - name: m\n"
	       "    value: won / / deals\n"
	       "    windows: [7d]\n",
		"k.yaml:7:18: a value is expected here\n"
		"      value: won / / deals\n"
		"                   ^\n" },
	{ BASE "metrics:\n"
	       "  - name: m\n"
	       "    value: >\n"
	       "      won /\n"
	       "      dealz\n"
	       "    windows: [7d]\n",
		"k.yaml:9:7: no measure is named «dealz»; the nearest is «deals»\n"
		"        dealz\n"
		"        ^~~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won + deals, windows: [7d]}\n",
		"k.yaml:6:22: a money and a int do not go together here\n"
		"    - {name: m, value: won + deals, windows: [7d]}\n"
		"                       ^~~~~~~~~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: my metric, value: won, windows: [7d]}\n",
		"k.yaml:6:12: a name is at most 64 of a-z A-Z 0-9 _ and begins with no digit\n"
		"    - {name: my metric, value: won, windows: [7d]}\n"
		"             ^~~~~~~~~\n" },
	{ "measures:\n"
	  "  - {name: 7days, on: deal, at: deal.won_at}\n",
		"k.yaml:2:12: a name is at most 64 of a-z A-Z 0-9 _ and begins with no digit\n"
		"    - {name: 7days, on: deal, at: deal.won_at}\n"
		"             ^~~~~\n" },
	{ "derive:\n"
	  "  first_won: {min: deal.won_at, over: deal.lead}\n",
		"k.yaml:2:3: a derived value is named entity.name: lead.first_won_at\n"
		"    first_won: {min: deal.won_at, over: deal.lead}\n"
		"    ^~~~~~~~~\n" },
	{ "derive:\n"
	  "  led.first_won: {min: deal.won_at, over: deal.lead}\n",
		"k.yaml:2:3: no entity is named «led»; the nearest is «lead»\n"
		"    led.first_won: {min: deal.won_at, over: deal.lead}\n"
		"    ^~~~~~~~~~~~~\n" },
	{ "derive:\n"
	  "  lead.first_won: {mn: deal.won_at, over: deal.lead}\n",
		"k.yaml:2:20: «mn» is not known here; the nearest is «min»\n"
		"    lead.first_won: {mn: deal.won_at, over: deal.lead}\n"
		"                     ^~\n" },
	{ "derive:\n"
	  "  lead.first_won: {min: deal.won_at, over: deal.leed}\n",
		"k.yaml:2:44: `over` wants a reference from a child to lead; the nearest is "
		"«deal.lead»\n"
		"    lead.first_won: {min: deal.won_at, over: deal.leed}\n"
		"                                             ^~~~~~~~~\n" },
	{ "derive:\n"
	  "  lead.first_won: {min: deal.won_at}\n",
		"k.yaml:2:3: a derived value wants `over`: the reference from a child to lead\n"
		"    lead.first_won: {min: deal.won_at}\n"
		"    ^~~~~~~~~~~~~~\n" },
	{ "derive:\n"
	  "  lead.first_won: {min: deal.wn_at, over: deal.lead}\n",
		"k.yaml:2:30: \"deal.wn_at\": there is no \"wn_at\"; did you mean \"won_at\"?\n"
		"    lead.first_won: {min: deal.wn_at, over: deal.lead}\n"
		"                               ^~~~~\n" },
	{ "derive:\n"
	  "  lead.status: {min: deal.won_at, over: deal.lead}\n",
		"k.yaml:2:3: lead already has a field of this name\n"
		"    lead.status: {min: deal.won_at, over: deal.lead}\n"
		"    ^~~~~~~~~~~\n" },
	{ "derive:\n"
	  "  lead.status: {value: lead.source_channel}\n",
		"k.yaml:2:3: lead already has a field of this name\n"
		"    lead.status: {value: lead.source_channel}\n"
		"    ^~~~~~~~~~~\n" },
	{ "derive:\n"
	  "  lead.first_won: {min: deal.won_at, max: deal.won_at, over: deal.lead}\n",
		"k.yaml:2:38: a derived value is one of min, max, sum, count, first, next, previous and value, not "
		"two\n"
		"    lead.first_won: {min: deal.won_at, max: deal.won_at, over: deal.lead}\n"
		"                                       ^~~\n" },
	{ "derive:\n"
	  "  lead.first_won: deal.won_at\n",
		"k.yaml:2:3: a derived value reads {min: deal.won_at, over: deal.lead, where: …}\n"
		"    lead.first_won: deal.won_at\n"
		"    ^~~~~~~~~~~~~~\n" },
	{ "derive:\n"
	  "  deal.big: {value: deal.amuont > 5}\n"
	  "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, where: deal.big}\n",
		"k.yaml:2:26: \"deal.amuont\": there is no \"amuont\"; did you mean \"amount\"?\n"
		"    deal.big: {value: deal.amuont > 5}\n"
		"                           ^~~~~~\n" },
	{ "derive:\n"
	  "  deal.a: {value: deal.b}\n"
	  "  deal.b: {value: deal.a}\n"
	  "measures:\n"
	  "  - {name: x, on: deal, at: deal.won_at, where: deal.a}\n",
		"k.yaml:2:19: «deal.a» stands for itself, directly or by other names\n"
		"    deal.a: {value: deal.b}\n"
		"                    ^~~~~~\n" },
	{ "derive:\n"
	  "  deal.a: {value: deal.amount, over: deal.lead}\n",
		"k.yaml:2:3: a derived value that is {value: …} has nothing beside it\n"
		"    deal.a: {value: deal.amount, over: deal.lead}\n"
		"    ^~~~~~\n" },
	{ "derive:\n"
	  "  lead.w: {first: deal.won_at, over: deal.lead, by: deal.won_at}\n",
		"k.yaml:2:19: `first` gives the child itself: {first: deal, …}; read on along its "
		"fields\n"
		"    lead.w: {first: deal.won_at, over: deal.lead, by: deal.won_at}\n"
		"                    ^~~~~~~~~~~\n" },
	{ "derive:\n"
	  "  lead.w: {first: deal, over: deal.lead}\n",
		"k.yaml:2:3: `first` wants `by`: the value that orders the children\n"
		"    lead.w: {first: deal, over: deal.lead}\n"
		"    ^~~~~~\n" },
	{ "derive:\n"
	  "  call.n: {next: call.initiated_at, over: call.lead, key: call.rep_id}\n",
		"k.yaml:2:43: `next` goes over the records of one `key`, not over a reference\n"
		"    call.n: {next: call.initiated_at, over: call.lead, key: call.rep_id}\n"
		"                                            ^~~~~~~~~\n" },
	{ "derive:\n"
	  "  call.n: {next: call.initiated_at}\n",
		"k.yaml:2:3: `next` wants `key`: the field that those which follow each other have "
		"in common\n"
		"    call.n: {next: call.initiated_at}\n"
		"    ^~~~~~\n" },
	{ "derive:\n"
	  "  call.n: {next: call.channel, key: call.rep_id}\n",
		"k.yaml:2:18: `next` of a string says nothing\n"
		"    call.n: {next: call.channel, key: call.rep_id}\n"
		"                   ^~~~~~~~~~~~\n" },
	{ "derive:\n"
	  "  lead.w: {min: deal.opportunity.created_at, over: deal.lead}\n",
		"k.yaml:2:22: \"deal.opportunity.created_at\": there is no \"opportunity\" (a "
		"derived value reads its child's own fields)\n"
		"    lead.w: {min: deal.opportunity.created_at, over: deal.lead}\n"
		"                       ^~~~~~~~~~~\n" },
	{ "tenants: acme\n", "k.yaml:1:10: `tenants` is a mapping: {acme: {answer_within: 20s}}\n"
			     "  tenants: acme\n"
			     "           ^~~~\n" },
	{ "tenants: {acme: x}\n",
		"k.yaml:1:11: a tenant has params of its own: acme: {answer_within: 20s}\n"
		"  tenants: {acme: x}\n"
		"            ^~~~\n" },
	{ "params: {short: 60s}\n"
	  "tenants: {acme: {shrt: 90s}}\n",
		"k.yaml:2:18: there is no param of this name; the nearest is «short»\n"
		"  tenants: {acme: {shrt: 90s}}\n"
		"                   ^~~~\n" },
	{ "params: {short: 60s}\n"
	  "tenants: {acme: {short: 0.5}}\n",
		"k.yaml:2:25: this param is duration, not decimal\n"
		"  tenants: {acme: {short: 0.5}}\n"
		"                          ^~~\n" },
	{ "params: {short: 60s}\n"
	  "tenants: {acme: {short: {a: b}}}\n",
		"k.yaml:2:18: this param is one value, not a map\n"
		"  tenants: {acme: {short: {a: b}}}\n"
		"                   ^~~~~\n" },
	{ "params: {good: [WON]}\n"
	  "tenants: {acme: {good: [LOST]}}\n",
		"k.yaml:2:18: a list is the same for all tenants; one value or a map can differ\n"
		"  tenants: {acme: {good: [LOST]}}\n"
		"                   ^~~~\n" },
	{ "params: {short: 30s + 30s}\n"
	  "tenants: {acme: {short: 90s}}\n",
		"k.yaml:1:17: a value that differs by tenant is a constant: 30d, 0.5, \"text\"\n"
		"  params: {short: 30s + 30s}\n"
		"                  ^~~~~~~~~\n" },
	{ "params: {ripe: 30d}\n"
	  "tenants: {acme: {ripe: 60d}}\n"
	  "measures:\n"
	  "  - {name: won, on: deal, at: deal.won_at}\n"
	  "metrics:\n"
	  "  - {name: a, value: won, basis: COHORT, mature: ripe, windows: [today]}\n",
		"k.yaml:6:50: this param differs by tenant; when a cohort is ripe must be the same "
		"for all\n"
		"    - {name: a, value: won, basis: COHORT, mature: ripe, windows: [today]}\n"
		"                                                   ^~~~\n" },
	{ "params: {share: 2}\n"
	  "tenants: {acme: {share: 3}}\n"
	  "measures:\n"
	  "  - {name: won, on: deal, at: deal.won_at}\n"
	  "metrics:\n"
	  "  - {name: a, value: won * share, windows: [today]}\n",
		"k.yaml:6:28: this param differs by tenant; a metric's formula is the same for "
		"all\n"
		"    - {name: a, value: won * share, windows: [today]}\n"
		"                             ^~~~~\n" },
	{ "params: {maturity: 30x}\n",
		"k.yaml:1:20: a duration is a whole number with ms, s, m, h, d or w: 30d, 90s\n"
		"  params: {maturity: 30x}\n"
		"                     ^~~\n" },
	{ "params: maturity\n", "k.yaml:1:9: `params` is a mapping: {maturity: 30d}\n"
				"  params: maturity\n"
				"          ^~~~~~~~\n" },
	{ "params: {a: {b: {c: d}}}\n",
		"k.yaml:1:18: one value is wanted here, not a list or mapping\n"
		"  params: {a: {b: {c: d}}}\n"
		"                   ^\n" },
	{ "grace: 1 hour\n", "k.yaml:1:8: `grace` wants a duration: 1h, 30m\n"
			     "  grace: 1 hour\n"
			     "         ^~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, where: 'deal.team_id == \"Größe\" && deal.tem "
	  "== \"x\"'}\n",
		"k.yaml:2:82: \"deal.tem\": there is no \"tem\"; did you mean \"items\"?\n"
		"    - {name: a, on: deal, at: deal.won_at, where: 'deal.team_id == \"Größe\" && "
		"deal.tem == \"x\"'}\n"
		"                                                                                  "
		" ^~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, where: local_dya(deal.won_at) == 1}\n",
		"k.yaml:2:49: there is no function \"local_dya\"; did you mean \"local_day\"?\n"
		"    - {name: a, on: deal, at: deal.won_at, where: local_dya(deal.won_at) == 1}\n"
		"                                                  ^~~~~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, where: deal.splits[0]}\n",
		"k.yaml:2:60: missing comma in flow mapping\n"
		"    - {name: a, on: deal, at: deal.won_at, where: deal.splits[0]}\n"
		"                                                             ^\n" },
	{ "params: {}\n"
	  "---\n"
	  "params: {}\n",
		"k.yaml:3:1: a second document begins here; only one is wanted\n"
		"  params: {}\n"
		"  ^\n" },
	{ "params: {a: *x}\n", "k.yaml:1:14: invalid alias\n"
			       "  params: {a: *x}\n"
			       "               ^\n" },
	{ "measures:\n"
	  "  - {name: {a: b}, on: deal}\n",
		"k.yaml:2:13: one value is wanted here, not a list or mapping\n"
		"    - {name: {a: b}, on: deal}\n"
		"              ^\n" },
	{ "measures:\n"
	  "  - {? {a: b} : c}\n",
		"k.yaml:2:9: a name is wanted here\n"
		"    - {? {a: b} : c}\n"
		"          ^\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, until: deal.amount}\n",
		"k.yaml:2:49: a time is wanted here, this is a money\n"
		"    - {name: a, on: deal, at: deal.won_at, until: deal.amount}\n"
		"                                                  ^~~~~~~~~~~\n" },
	{ "measures:\n"
	  "  - {name: a, on: deal, at: deal.won_at, agg: percentile, value: deal.amount}\n"
	  "metrics:\n"
	  "  - {name: m, value: a, windows: [7d]}\n",
		"k.yaml:4:22: a measure with `agg: percentile` is read by p50(), p90() or "
		"samples()\n"
		"    - {name: m, value: a, windows: [7d]}\n"
		"                       ^\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: p50(won), windows: [7d]}\n",
		"k.yaml:6:26: a percentile wants a measure with `agg: percentile`\n"
		"    - {name: m, value: p50(won), windows: [7d]}\n"
		"                           ^~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won / full(won), windows: [today, 7d]}\n",
		"k.yaml:6:56: full() is the total of a whole calendar period, and «7d» has none: "
		"its windows are today, week_to_date, month_to_date, quarter_to_date, "
		"year_to_date\n"
		"    - {name: m, value: won / full(won), windows: [today, 7d]}\n"
		"                                                         ^~\n" },
	{ BASE "  - {name: open, on: deal, at: deal.created_at, until: deal.won_at}\n"
	       "metrics:\n"
	       "  - {name: m, value: full(open), windows: [today]}\n",
		"k.yaml:7:27: full() adds up what happens in a period: it wants a measure without "
		"`until`, with `agg: count`, sum or distinct\n"
		"    - {name: m, value: full(open), windows: [today]}\n"
		"                            ^~~~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [today, 7d], min_share: 0.05}\n",
		"k.yaml:6:44: `min_share` is a share of a calendar period, and «7d» has none: its "
		"windows are today, week_to_date, month_to_date, quarter_to_date, year_to_date; "
		"put «7d» into a metric of its own\n"
		"    - {name: m, value: won, windows: [today, 7d], min_share: 0.05}\n"
		"                                             ^~\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [today], min_share: 1}\n",
		"k.yaml:6:56: `min_share` wants a share of the period between 0 and 1, such as "
		"0.05, or a param that is one\n"
		"    - {name: m, value: won, windows: [today], min_share: 1}\n"
		"                                                         ^\n" },
	{ BASE "metrics:\n"
	       "  - {name: m, value: won, windows: [today]}\n"
	       "  - {name: r, rank: m, min_share: 0.05}\n",
		"k.yaml:7:35: a rank has the min_share of the metric that it ranks\n"
		"    - {name: r, rank: m, min_share: 0.05}\n"
		"                                    ^~~~\n" },
	{ BASE "  - {name: x, extends: won, scope: deal.won_at}\n",
		"k.yaml:5:36: a string is wanted here, this is a time\n"
		"    - {name: x, extends: won, scope: deal.won_at}\n"
		"                                     ^~~~~~~~~~~\n" },
};

static void test_wrong(void **state)
{
	struct buffer explanation;
	struct plan *plan;

	(void)state;
	buffer_init(&explanation);
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
		int answer = definition_text_plan(
			"k.yaml", slice_of(wrongs[i].text), &plan, &explanation);

		if (answer != 1)
			fail_msg("taken, though it is wrong:\n%s", wrongs[i].text);
		if (strcmp(buffer_text(&explanation), wrongs[i].explanation) != 0)
			fail_msg("said:\n%sexpected:\n%s", buffer_text(&explanation),
				wrongs[i].explanation);
		buffer_reset(&explanation);
	}
	buffer_deinit(&explanation);
}

static struct plan *plan_of(const char *text)
{
	struct buffer explanation;
	struct plan *plan = NULL;

	buffer_init(&explanation);
	if (definition_text_plan("k.yaml", slice_of(text), &plan, &explanation))
		fail_msg("%s", buffer_text(&explanation));
	buffer_deinit(&explanation);
	return plan;
}

static void test_right(void **state)
{
	struct plan *plan = plan_of(
		"params: {good: [WON, REFUNDED], channel: {ig: instagram, _: keep}, maturity: "
		"30d}\n"
		"derive:\n"
		"  deal.is_good: {value: deal.status in good}\n"
		"  lead.first_won_at: {min: deal.won_at, over: deal.lead, where: deal.is_good}\n"
		"grace: 2h\n" BASE "  - name: folded\n"
		"    on: deal\n"
		"    at: deal.won_at\n"
		"    where: >\n"
		"      deal.is_good &&\n"
		"\n"
		"      deal.team_id != null\n"
		"metrics:\n"
		"  - {name: a, value: won / deals, windows: [7d, today], group_by: [[], [rep]], "
		"compare: previous_period,\n"
		"     label: {en: A, id: B}, description: \"what «it» is\", unit: currency, "
		"min_sample: 5, empty: {won: null}}\n"
		"  - {name: b, rank: a}\n");
	const struct plan_metric *a = &plan->metrics[plan_metric_find(plan, SLICE_LIT("a"))];

	(void)state;
	assert_int_equal(plan->measure_count, 3);
	assert_int_equal(plan->metric_count, 2);
	assert_int_equal(plan->grace_ms, 7200000);
	assert_int_equal(plan->derived_count, 1);
	assert_string_equal(a->label_en, "A");
	assert_string_equal(a->label_id, "B");
	assert_string_equal(a->description_en, "what «it» is");
	assert_string_equal(a->formula, "(won / deals)");
	assert_int_equal(a->window_count, 2);
	assert_int_equal(a->grouping_count, 2);
	assert_int_equal(a->min_sample, 5);
	assert_int_equal(a->inputs[0].empty_is_null, true);
	assert_int_equal(plan->metrics[1].rank_of, a->index);
	plan_free(plan);
}

/* A tenant's own params are part of what the definitions mean; the last word counts. */
static void test_params_of_tenants(void **state)
{
	static const char rest[] =
		"measures:\n"
		"  - {name: calls, on: call, at: call.initiated_at, where: 'call.talk_ms <= "
		"short', by: {k: kanal(call.channel)}}\n"
		"metrics:\n  - {name: calls, value: calls, windows: [today], group_by: [[k]]}\n";
	static const char *const heads[] = {
		"params: {short: 60s, kanal: {a: b}}\n",
		"params: {short: 60s, kanal: {a: b}}\ntenants: {acme: {short: 90s}}\n",
		"params: {short: 60s, kanal: {a: b}}\ntenants: {acme: {short: 91s}}\n",
		"params: {short: 60s, kanal: {a: b}}\ntenants: {bolt: {short: 91s}}\n",
		"params: {short: 60s, kanal: {a: b}}\ntenants: {acme: {kanal: {a: c}}}\n",
		"params: {short: 60s, kanal: {a: b}}\ntenants: {bolt: {kanal: {a: c}}}\n",
	};
	uint64_t prints[6];

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		struct buffer text;
		struct plan *plan;

		buffer_init(&text);
		buffer_printf(&text, "%s%s", heads[i], rest);
		plan = plan_of(buffer_text(&text));
		prints[i] = plan->fingerprint;
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(prints[k], prints[i]);
		assert_int_equal(
			plan_param_row(plan, SLICE_LIT("acme")), i == 1 || i == 2 || i == 4);
		assert_int_equal(plan_param_row(plan, SLICE_LIT("other")), 0);
		plan_free(plan);
		buffer_deinit(&text);
	}
}

/* ---- files ---------------------------------------------------------------------------------- */

static char folder[] = "/tmp/salespulse-definitions-XXXXXX";

static void write_file(const char *name, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

/* Reads the folder's file; the folder's own name is taken out of what is said. */
static struct plan *read_file(const char *name, char *said, size_t cap)
{
	struct buffer explanation;
	struct plan *plan = NULL;
	char path[128], *at;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	buffer_init(&explanation);
	if (definition_file_plan(path, &plan, &explanation))
		plan = NULL;
	snprintf(said, cap, "%s", buffer_text(&explanation));
	while ((at = strstr(said, folder)) != NULL)
		memmove(at, at + strlen(folder) + 1, strlen(at + strlen(folder) + 1) + 1);
	buffer_deinit(&explanation);
	return plan;
}

static void expect_said(const char *name, const char *expected)
{
	char said[1024];
	struct plan *plan = read_file(name, said, sizeof(said));

	assert_null(plan);
	assert_string_equal(said, expected);
}

static int make_folder(void **state)
{
	(void)state;
	return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
	static const char *const names[] = { "own.yaml", "base.yaml", "twice.yaml", "circle.yaml",
		"wrong.yaml", "none.yaml", "empty.yaml" };
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		unlink(path);
	}
	return rmdir(folder);
}

static void test_include(void **state)
{
	char said[1024];
	struct plan *builtin, *own;
	struct buffer explanation;

	(void)state;
	buffer_init(&explanation);
	assert_int_equal(definition_file_plan("", &builtin, &explanation), 0);
	buffer_deinit(&explanation);
	write_file("base.yaml", "include: [builtin]\nmetrics:\n  - {name: mine, value: won_deals, "
				"windows: [7d]}\n");
	/* What comes later replaces; builtin, which base.yaml has read already, is not read again over it. */
	write_file("own.yaml", "include: [base.yaml, builtin]\n"
			       "metrics:\n  - {name: mine, value: won_deals, windows: [7d, 24h]}\n"
			       "  - {name: won_deals, value: won_deals, windows: [1h]}\n");
	own = read_file("own.yaml", said, sizeof(said));
	assert_string_equal(said, "");
	assert_int_equal(own->measure_count, builtin->measure_count);
	assert_int_equal(own->metric_count, builtin->metric_count + 1);
	assert_int_equal(own->metrics[plan_metric_find(own, SLICE_LIT("mine"))].window_count, 2);
	assert_int_equal(
		own->metrics[plan_metric_find(own, SLICE_LIT("won_deals"))].window_count, 1);
	plan_free(own);
	plan_free(builtin);
}

static void test_include_wrong(void **state)
{
	(void)state;
	write_file("none.yaml", "include: [builtin, ./nowhere.yaml]\n");
	expect_said("none.yaml", "none.yaml:1:20: ./nowhere.yaml: No such file or directory\n"
				 "  include: [builtin, ./nowhere.yaml]\n"
				 "                     ^~~~~~~~~~~~~~\n");
	write_file("circle.yaml", "params: {}\ninclude: [circle.yaml]\n");
	expect_said("circle.yaml", "circle.yaml:2:11: definitions include themselves\n"
				   "  include: [circle.yaml]\n"
				   "            ^~~~~~~~~~~\n");
	/* A mistake is shown in the file that it is in: a metric of the including file, by a measure of the included. */
	write_file("base.yaml", BASE);
	write_file("wrong.yaml",
		"include: [base.yaml]\nmetrics:\n  - {name: a, value: wonn, windows: [7d]}\n");
	expect_said("wrong.yaml",
		"wrong.yaml:3:22: no measure is named «wonn»; the nearest is «won»\n"
		"    - {name: a, value: wonn, windows: [7d]}\n"
		"                       ^~~~\n");
	write_file("base.yaml", "measures:\n  - {name: a, on: lead}\n");
	expect_said("wrong.yaml",
		"base.yaml:2:12: measure «a» does not say `at`: the event's time\n"
		"    - {name: a, on: lead}\n"
		"             ^\n");
	write_file("twice.yaml", "include: [base.yaml]\nmeasures:\n"
				 "  - {name: a, on: lead, at: lead.created_at}\n  - {name: a, on: "
				 "lead, at: lead.created_at}\n");
	expect_said("twice.yaml", "twice.yaml:4:12: a measure of this name is defined above\n"
				  "    - {name: a, on: lead, at: lead.created_at}\n"
				  "             ^\n");
	expect_said("nothing_here.yaml", "nothing_here.yaml: No such file or directory\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong),
		cmocka_unit_test(test_right),
		cmocka_unit_test(test_params_of_tenants),
		cmocka_unit_test(test_include),
		cmocka_unit_test(test_include_wrong),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
