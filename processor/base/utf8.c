#include "base/utf8.h"

#include <stdint.h>

/* Unicode 15, table 3-7: the lead byte decides the length and the range of the second byte. */
static size_t lead_length(uint8_t lead, uint8_t *ret_low, uint8_t *ret_high)
{
	*ret_low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	*ret_high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	if (lead < 0x80)
		return 1;
	if (lead < 0xc2 || lead > 0xf4)
		return 0;
	return lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

size_t utf8_character(const void *bytes, size_t count)
{
	const uint8_t *at = bytes;
	uint8_t low, high;

	if (count == 0)
		return 0;
	size_t length = lead_length(at[0], &low, &high);

	if (length == 0 || length > count)
		return 0;
	if (length > 1 && (at[1] < low || at[1] > high))
		return 0;
	for (size_t i = 2; i < length; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	return length;
}

bool utf8_valid(const void *bytes, size_t count)
{
	const uint8_t *at = bytes;
	size_t i = 0;

	if (utf8_is_ascii(at, count))
		return true;
	while (i < count) {
		if (count - i >= 8 && utf8_is_ascii(at + i, 8)) {
			i += 8;
			continue;
		}
		size_t length = utf8_character(at + i, count - i);

		if (length == 0)
			return false;
		i += length;
	}
	return true;
}
