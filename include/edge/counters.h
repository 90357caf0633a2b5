/*
 * counters: what the program tells of itself, in one table: name, kind, unit, sentence. From it come the struct, /metrics
 * (Prometheus text format 0.0.4), and the README's list. One thread writes a set; others read a copy of it.
 */
#ifndef EDGE_COUNTERS_H
#define EDGE_COUNTERS_H

#include <stdint.h>

#include "base/buffer.h"

/* X(kind, member, "name", "unit", "sentence"); kind: counter or gauge */
#define COUNTERS_TABLE(X) \
	X(counter, events, "salespulse_events_total", "", "Events applied (and not duplicates).") \
	X(counter, duplicates, "salespulse_duplicates_total", "", "Events that changed nothing: delivered before, or older than what is known.") \
	X(counter, late, "salespulse_late_total", "", "Events with facts beyond the horizon, sent to the late topic.") \
	X(counter, dead_letters, "salespulse_dead_letters_total", "", "Messages that could not be taken, sent to the dead-letter topic.") \
	X(counter, dropped_facts, "salespulse_dropped_facts_total", "", "Flow facts below the horizon that were not booked.") \
	X(counter, unconverted_facts, "salespulse_fx_missing_facts_total", "", "Facts whose money stayed in its own currency, as no exchange rate was known or it was too old.") \
	X(counter, lost_facts, "salespulse_null_facts_total", "", "Facts not made because a value was null, overflowed or mixed currencies.") \
	X(counter, ahead, "salespulse_ahead_of_wall_total", "", "Events whose time is further ahead of wall time than max_skew.") \
	X(counter, evicted, "salespulse_entities_evicted_total", "", "Calls that were let go: over, and below the horizon in all their times. What they gave to minima of their leads stays.") \
	X(counter, folded_versions, "salespulse_folded_versions_total", "", "Versions of open opportunities folded because there were more than 64.") \
	X(counter, groups_refused, "salespulse_groups_refused_total", "", "Groups or cells not made because a limit is reached.") \
	X(counter, messages, "salespulse_messages_total", "", "Messages read.") \
	X(counter, message_bytes, "salespulse_message_bytes_total", "bytes", "Bytes of messages read.") \
	X(counter, records, "salespulse_records_total", "", "Records published, of all output topics.") \
	X(counter, delivery_failures, "salespulse_delivery_failures_total", "", "Records of kpi.latest that were not delivered and count as unpublished again.") \
	X(counter, sink_full, "salespulse_sink_full_total", "", "Times that publishing waited because the producer's queue was full.") \
	X(counter, checkpoints, "salespulse_checkpoints_total", "", "Checkpoints completed.") \
	X(counter, checkpoints_failed, "salespulse_checkpoints_failed_total", "", "Checkpoints that failed.") \
	X(counter, checkpoints_skipped, "salespulse_checkpoints_skipped_total", "", "Checkpoints skipped because Redis was slow or absent.") \
	X(counter, checkpoint_bytes, "salespulse_checkpoint_bytes_total", "bytes", "Bytes written to Redis.") \
	X(counter, rebalances, "salespulse_rebalances_total", "", "Shards assigned or taken away.") \
	X(counter, unexpected, "salespulse_unexpected_transitions_total", "", "Events of a shard's life that its table has no row for.") \
	X(counter, unknown_schemas, "salespulse_unknown_schema_pauses_total", "", "Times that a partition waited for an unknown schema id.") \
	X(counter, redefinitions, "salespulse_redefinitions_total", "", "Times that other definitions were taken up while running.") \
	X(gauge, shards, "salespulse_shards", "", "Shards that are ours.") \
	X(gauge, shards_serving, "salespulse_shards_serving", "", "Shards that are caught up and publish.") \
	X(gauge, shards_settled, "salespulse_shards_settled", "", "Shards of which all that has changed is published: what a board shows is what they hold.") \
	X(gauge, entities, "salespulse_entities", "", "Entities in memory.") \
	X(gauge, groups, "salespulse_groups", "", "Groups in memory.") \
	X(gauge, cells, "salespulse_cells", "", "Cells in memory.") \
	X(gauge, pending, "salespulse_pending_facts", "", "Facts that wait for their time.") \
	X(gauge, ledger_entries, "salespulse_ledger_entries", "", "Entries in the ledgers.") \
	X(gauge, state_bytes, "salespulse_state_bytes", "bytes", "Memory of the shards' state.") \
	X(gauge, clock_lag_ms, "salespulse_clock_lag_milliseconds", "ms", "Wall time minus the slowest shard's clock.") \
	X(gauge, checkpoint_age_ms, "salespulse_checkpoint_age_milliseconds", "ms", "Age of the oldest shard's last checkpoint.") \
	X(gauge, unsettled, "salespulse_unsettled_records", "", "Records sent and not yet acknowledged.")

struct counters {
#define COUNTERS_MEMBER(kind, member, name, unit, sentence) uint64_t member;
	COUNTERS_TABLE(COUNTERS_MEMBER)
#undef COUNTERS_MEMBER
};

void counters_print_metrics(const struct counters *, struct buffer *out);
void counters_print_markdown(struct buffer *out);

#endif
