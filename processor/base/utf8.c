#include "base/utf8.h"

#include <stdint.h>

static inline bool is_tail(uint8_t byte)
{
	return (byte & 0xc0) == 0x80;
}

/* Unicode 15, table 3-7: the lead byte decides the length and the range of the second byte. */
static inline size_t character(const uint8_t *at, size_t count)
{
	uint8_t lead = at[0];

	if (lead < 0x80)
		return 1;
	if (lead < 0xe0)
		return lead >= 0xc2 && count > 1 && is_tail(at[1]) ? 2 : 0;
	if (lead < 0xf0) {
		if (count < 3 || !is_tail(at[1]) || !is_tail(at[2]))
			return 0;
		return (lead == 0xe0 && at[1] < 0xa0) || (lead == 0xed && at[1] > 0x9f) ? 0 : 3;
	}
	if (lead > 0xf4 || count < 4 || !is_tail(at[1]) || !is_tail(at[2]) || !is_tail(at[3]))
		return 0;
	return (lead == 0xf0 && at[1] < 0x90) || (lead == 0xf4 && at[1] > 0x8f) ? 0 : 4;
}

size_t utf8_character(const void *bytes, size_t count)
{
	return count ? character(bytes, count) : 0;
}

bool utf8_valid(const void *bytes, size_t count)
{
	const uint8_t *at = bytes;
	size_t i = 0;

	if (utf8_is_ascii(at, count))
		return true;
	while (i < count) {
		if (at[i] < 0x80 && count - i >= 8 && utf8_is_ascii(at + i, 8)) {
			i += 8;
			continue;
		}
		size_t length = character(at + i, count - i);

		if (length == 0)
			return false;
		i += length;
	}
	return true;
}
