/*
 * histogram: the log-bucket mapping of DDSketch (Masson, Rim, Lee: «DDSketch: a fast and fully-mergeable quantile
 * sketch with relative-error guarantees», VLDB 2019), relative error <= 1 % (HISTOGRAM_ERROR). The counts themselves are
 * ordinary cells of the ledger, one per bin, so that they can be taken back.
 *
 * Values are int64 in the ledger's unit, 1/10,000 (of durations: of a second). Bin 0 holds zero; negative values have mirrored bins. Bins are integers
 * compared with constants, so that every machine finds the same one (histogram.c says how).
 */
#ifndef CORE_HISTOGRAM_H
#define CORE_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_ERROR 0.01

enum histogram_limit {
	HISTOGRAM_BIN_MAX = 128 + 6 * 64 + 50 * 35, /* the bin of INT64_MIN, negated */
};

/* Bin of a value: int32 in a uint64's low half, order-preserving as int32. */
int32_t histogram_bin(int64_t value);
/* The representative value of a bin: within 1 % of every value in it. */
int64_t histogram_value(int32_t bin);

struct histogram_bin_count {
	int32_t bin;
	int64_t count;
};
/* The rank of quantile q (basis points) among `total` > 0 values: ceil(q * total), in 1 … total. */
int64_t histogram_rank(int64_t total, uint32_t q_bp);
/*
 * The value at quantile q (basis points) of bins sorted by bin, by the nearest-rank definition: the value of rank
 * ceil(q * n), at least 1. `total` is the sum of counts, > 0; bins with a count <= 0 are passed over.
 */
int64_t histogram_quantile(const struct histogram_bin_count *bins, uint32_t count, int64_t total, uint32_t q_bp);

#endif
