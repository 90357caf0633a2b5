/*
 * utf8: is this text? Exactly Unicode's table 3-7: no overlong forms, no surrogates, nothing above
 * U+10FFFF. NUL is a character.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

bool utf8_valid(const void *bytes, size_t count);
/* Length in bytes (1..4) of the valid character at the start of `bytes`; 0 when there is none. */
size_t utf8_character(const void *bytes, size_t count);

static inline uint64_t utf8_word(const uint8_t *at, size_t count)
{
	uint64_t word = 0;

	memcpy(&word, at, count);
	return word;
}

/* Most text is ASCII, and short: its last word overlaps the one before it, so that no byte is looked at alone. */
static inline bool utf8_is_ascii(const void *bytes, size_t count)
{
	const uint8_t *at = bytes;
	uint64_t all = 0;

	if (count >= 8) {
		for (size_t i = 0; i + 8 < count; i += 8)
			all |= utf8_word(at + i, 8);
		return !((all | utf8_word(at + count - 8, 8)) & 0x8080808080808080u);
	}
	if (count >= 4)
		return !((utf8_word(at, 4) | utf8_word(at + count - 4, 4)) & 0x80808080u);
	for (size_t i = 0; i < count; i++)
		all |= at[i];
	return !(all & 0x80);
}

#endif
