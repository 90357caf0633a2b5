/* Somebody asks why a number is what it is, of any node at any moment: the lists add up, and nothing is ever otherwise for it. */
#include "edge/explain_request.h"
#include "sim.h"

static void set(struct explain_request *request, const char *name, const char *value)
{
	char message[EXPLAIN_MESSAGE_MAX];

	if (explain_request_set(request, slice_of(name), slice_of(value), message) != 0)
		sim_fail("a question's %s is refused: %s", name, message);
}

static struct explain_request *any_question(struct rng *rng, const struct plan *plan)
{
	static const char *const windows[] = { "5m", "1h", "24h", "7d", "today", "month_to_date",
		"now" };
	static const char *const groups[] = { "rep=ana", "rep=budi", "rep=citra", "rep=nobody" };
	struct explain_request *request = explain_request_new();

	set(request, "metric", plan->metrics[rng_below(rng, plan->metric_count)].name);
	set(request, "tenant", rng_below(rng, 2) ? "acme" : "beta");
	set(request, "window", PICK(rng, windows));
	if (rng_below(rng, 2))
		set(request, "group", PICK(rng, groups));
	if (rng_below(rng, 2))
		set(request, "format", "json");
	return request;
}

void sim_ask(struct sim *sim, int n)
{
	struct explain_request *request = any_question(&sim->curiosity, sim->plan);
	enum question_outcome outcome;
	struct buffer text = { 0 };

	if (pipeline_explain(sim->rig.nodes[n].pipeline, request, &outcome, &text)) {
		if (outcome == QUESTION_NOT_EXACT)
			sim_fail("a list does not add up: %s", buffer_text(&text));
		if (text.len == 0)
			sim_fail("a question gets no answer");
		sim->report->answers += outcome == QUESTION_ANSWERED;
	}
	buffer_deinit(&text);
	explain_request_free(request);
}
