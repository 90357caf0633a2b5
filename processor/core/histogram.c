/*
 * histogram: which bin a value falls in.
 *
 * DDSketch asks for bins whose ends are powers of gamma = 1.01/0.99. Here an octave [2^e, 2^(e+1)) is cut in 35 equal ratios: the
 * ratio is 2^(1/35) = 1.0200, a hair below gamma, the bins are 1 % more than with gamma itself, and the ends are 35 constants
 * that are shifted. So a bin is found by comparing integers: no logarithm, and the same bin on every machine.
 *
 * Below 8,192 the answer, an integer itself, must not lose its 1 % in the rounding: values below 128 have a bin each, the six
 * octaves above are cut in 64 equal widths (half a width is at most 0.8 % of its values).
 */
#include "core/histogram.h"

#include <assert.h>

#include "base/decimal.h"

enum {
	EXACT_BITS = 7,	   /* values below 2^7 have a bin each */
	LINEAR_PARTS = 64, /* of an octave below 2^13 */
	RATIO_BITS = 13,   /* from 2^13 on an octave is cut in equal ratios */
	RATIO_PARTS = 35,
	LINEAR_FIRST = 1 << EXACT_BITS,
	RATIO_FIRST = LINEAR_FIRST + (RATIO_BITS - EXACT_BITS) * LINEAR_PARTS,
};

/* 2^(63 + j/35), rounded up. */
static const uint64_t ratio_ends[RATIO_PARTS] = {
	0x8000000000000000,
	0x828f69a92a6bd402,
	0x852bef4e0b5e38bc,
	0x87d5d40ea72ef913,
	0x8a8d5c62b775133f,
	0x8d52ce208af3eb23,
	0x9026708408bc0932,
	0x93088c35d733a4b6,
	0x95f96b52a7bed348,
	0x98f95972a7c2e49f,
	0x9c08a3b117c43215,
	0x9f2798b409617cbd,
	0xa25688b444f3dbd0,
	0xa595c585579e3855,
	0xa8e5a29dca9b622c,
	0xac46751f849deee5,
	0xafb893e056194c24,
	0xb33c5772b14fbe47,
	0xb6d21a2e8f056939,
	0xba7a383a80bcfcbc,
	0xbe350f94f1673025,
	0xc203001d9572e35d,
	0xc5e46b9f0b307cd0,
	0xc9d9b5d8ac7ff620,
	0xcde3448892c5fc7e,
	0xd2017f75ce2995d4,
	0xd634d07ad120e231,
	0xda7da3901158d184,
	0xdedc66d6df09010b,
	0xe3518aa473ca6ae3,
	0xe7dd818d3a0d24f8,
	0xec80c0704e4f1c07,
	0xf13bbe833b3b83db,
	0xf60ef55df1e0a045,
	0xfafae106ff2f92bd,
};

static unsigned top_bit(uint64_t value)
{
	return 63 - (unsigned)__builtin_clzll(value);
}

/* The last part of the octave whose lower end is not above `mantissa` (its top bit is set). */
static unsigned ratio_part(uint64_t mantissa)
{
	unsigned low = 0, high = RATIO_PARTS;

	while (high - low > 1) {
		unsigned middle = (low + high) / 2;

		if (ratio_ends[middle] <= mantissa)
			low = middle;
		else
			high = middle;
	}
	return low;
}

int32_t histogram_bin(int64_t value)
{
	uint64_t size = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	unsigned bin, top;

	if (size < LINEAR_FIRST) {
		bin = (unsigned)size;
	} else if (top = top_bit(size), top < RATIO_BITS) {
		bin = LINEAR_FIRST + (top - EXACT_BITS) * LINEAR_PARTS +
		      ((unsigned)(size >> (top - 6)) - LINEAR_PARTS);
	} else {
		bin = RATIO_FIRST + (top - RATIO_BITS) * RATIO_PARTS +
		      ratio_part(size << (63 - top));
	}
	return value < 0 ? -(int32_t)bin : (int32_t)bin;
}

/* The least size in a bin (> 0) of sizes; one behind the last bin gives the end of the axis. */
static u128 bin_start(unsigned bin)
{
	unsigned rest, shift;

	if (bin < LINEAR_FIRST)
		return bin;
	if (bin < RATIO_FIRST) {
		rest = bin - LINEAR_FIRST;
		return (u128)(LINEAR_PARTS + rest % LINEAR_PARTS) << (rest / LINEAR_PARTS + 1);
	}
	rest = bin - RATIO_FIRST;
	shift = 63 - RATIO_BITS - rest / RATIO_PARTS;
	return ((u128)ratio_ends[rest % RATIO_PARTS] + ((u128)1 << shift) - 1) >> shift;
}

int64_t histogram_value(int32_t bin)
{
	unsigned size_bin = (unsigned)(bin < 0 ? -(int64_t)bin : bin);
	u128 least, greatest, value;

	if (size_bin < LINEAR_FIRST)
		return bin;
	assert(size_bin <= HISTOGRAM_BIN_MAX);
	least = bin_start(size_bin);
	greatest =
		size_bin == HISTOGRAM_BIN_MAX ? (u128)INT64_MAX + 1 : bin_start(size_bin + 1) - 1;

	/* The harmonic mean: as far from the least as from the greatest, each in its own measure. 2lg < 2^127. */
	value = (2 * (least * greatest) + (least + greatest) / 2) / (least + greatest);
	if (bin < 0)
		return value > (u128)INT64_MAX ? INT64_MIN : -(int64_t)value;
	return value > (u128)INT64_MAX ? INT64_MAX : (int64_t)value;
}

int64_t histogram_rank(int64_t total, uint32_t q_bp)
{
	i128 rank = ((i128)total * q_bp + 9999) / 10000;

	if (rank < 1)
		return 1;
	return rank > total ? total : (int64_t)rank;
}

int64_t histogram_quantile(
	const struct histogram_bin_count *bins, uint32_t count, int64_t total, uint32_t q_bp)
{
	int64_t left = histogram_rank(total, q_bp);
	int32_t last = 0;

	assert(total > 0);
	for (uint32_t i = 0; i < count; i++) {
		if (bins[i].count <= 0)
			continue;
		last = bins[i].bin;
		left -= bins[i].count;
		if (left <= 0)
			break;
	}
	return histogram_value(last);
}
