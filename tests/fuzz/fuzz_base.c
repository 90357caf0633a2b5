/* The parsers of base: what they take, they give back the same; what they refuse, they leave alone. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/json.h"
#include "base/nearest.h"
#include "base/timefmt.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_texts(struct slice text)
{
	static const char *const names[] = { "win_rate", "won_revenue", "average_purchase_value" };
	char shown[TIME_TEXT_MAX], number[DECIMAL_TEXT_MAX];
	int64_t ms, again;
	int32_t days;
	i128 units, back;

	if (time_parse(text, &ms)) {
		assert(time_parse(slice_of(time_format(ms, shown)), &again) || ms < 0);
		assert(ms < 0 || again == ms);
	}
	if (duration_parse(text, &ms))
		assert(duration_parse(slice_of(duration_format(ms, shown)), &again) && again == ms);
	if (date_parse(text, &days))
		assert(slice_is(text, date_format(days, shown)));
	if (decimal_parse_i128(text, &units)) {
		decimal_format(units, 0, number, sizeof(number));
		assert(decimal_parse_i128(slice_of(number), &back) && back == units);
	}
	nearest_name(text, names, 3);
}

/* The first byte of each step says what to read. */
static void try_reader(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(data, size);
	size_t left = size;

	while (!r.bad && reader_left(&r)) {
		switch (reader_u8(&r) % 8) {
		case 0:
			reader_u32le(&r);
			break;
		case 1:
			reader_u64le(&r);
			break;
		case 2:
			reader_u32be(&r);
			break;
		case 3:
			reader_varint(&r);
			break;
		case 4:
			reader_zigzag(&r);
			break;
		case 5:
			reader_i128(&r);
			break;
		case 6:
			reader_slice(&r);
			break;
		default:
			reader_bytes(&r, reader_u8(&r));
			break;
		}
		assert(reader_left(&r) < left);
		left = reader_left(&r);
	}
	assert(!r.bad || reader_left(&r) == 0);
}

static void try_json(struct slice text)
{
	_cleanup_buffer_ struct buffer out;

	buffer_init(&out);
	struct json j = json_of(&out);

	json_put_string(&j, text);
	assert(utf8_valid(out.data, out.len));
	assert(out.len >= 2 && !memchr(out.data, '\n', out.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice text = { (const char *)data, size };
	i128 value;

	try_texts(text);
	try_reader(data, size);
	try_json(text);
	i128_from_be_bytes(data, size, &value);
	return 0;
}
