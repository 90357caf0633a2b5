/* What a number is made of, from live memory: which shard knows, whether it may be asked now, and its answer. */
#include "base/utf8.h"
#include "edge/kafka_partition.h"
#include "pipeline.h"
#include "pipeline_inside.h"

/* A message that was cut to its room may end within a character. */
static void put_message(struct slice message, struct buffer *out)
{
	while (!utf8_valid(message.at, message.len))
		message.len--;
	buffer_printf(out, SLICE_FMT "\n", SLICE_ARG(message));
}

static struct assignment_shard *shard_of(const struct pipeline *p, struct slice tenant)
{
	int32_t index =
		p->settings.is_single ? 0 : kafka_partition_of(tenant, p->settings.partition_count);

	return (uint32_t)index < assignment_count(p->assignment)
		       ? assignment_at(p->assignment, (uint32_t)index)
		       : NULL;
}

/* The shard does not serve: who does, or what it waits for. */
static enum question_outcome refuse(
	const struct assignment_shard *shard, struct slice tenant, struct buffer *out)
{
	switch (shard->state) {
	case ASSIGNMENT_NONE:
	case ASSIGNMENT_PARKED:
	case ASSIGNMENT_FENCED:
		buffer_printf(out,
			"the tenant «" SLICE_FMT
			"» belongs to shard %d, which is not ours: ask the "
			"instance that serves it (/readyz of each says what it has)\n",
			SLICE_ARG(tenant), (int)shard->index);
		return QUESTION_ELSEWHERE;
	case ASSIGNMENT_STOPPED:
		buffer_printf(out, "shard %d has stopped; /readyz says why\n", (int)shard->index);
		return QUESTION_NOT_YET;
	case ASSIGNMENT_REVOKING:
		buffer_printf(out, "shard %d is being handed over: ask again in a moment\n",
			(int)shard->index);
		return QUESTION_NOT_YET;
	case ASSIGNMENT_RESTORING:
	case ASSIGNMENT_STARTING:
	case ASSIGNMENT_CATCHING_UP:
	case ASSIGNMENT_CONFIRMING:
	case ASSIGNMENT_SERVING:
	case ASSIGNMENT_STATE_COUNT:
		break;
	}
	buffer_printf(out, "shard %d is not caught up (%s): ask again in a moment\n",
		(int)shard->index, assignment_state_name(shard->state));
	return QUESTION_NOT_YET;
}

static enum question_outcome answer(
	struct shard *shard, const struct explain_request *request, struct buffer *out)
{
	char message[EXPLAIN_MESSAGE_MAX];

	switch (explain_request_answer(request, shard, out, message)) {
	case 0:
		return QUESTION_ANSWERED;
	case 1:
		put_message(slice_of(message), out);
		return QUESTION_UNKNOWN;
	default:
		return QUESTION_NOT_EXACT;
	}
}

bool pipeline_explain(struct pipeline *p, const struct explain_request *request,
	enum question_outcome *ret_outcome, struct buffer *out)
{
	struct slice tenant = request->question.tenant;
	const struct assignment_shard *shard = shard_of(p, tenant);

	if (p->is_unconfirmed) {
		buffer_put_text(out, "the group has not confirmed that the shards are ours\n");
		*ret_outcome = QUESTION_NOT_YET;
	} else if (shard == NULL) {
		buffer_put_text(out, "there are no shards yet\n");
		*ret_outcome = QUESTION_NOT_YET;
	} else if (shard->state != ASSIGNMENT_SERVING) {
		*ret_outcome = refuse(shard, tenant, out);
	} else if (shard->advance_to_ms != CLOCK_NONE || !shard_is_explainable(shard->shard)) {
		*ret_outcome = QUESTION_LATE;
		return false;
	} else {
		*ret_outcome = answer(shard->shard, request, out);
	}
	return true;
}
