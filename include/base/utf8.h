/*
 * utf8: is this text? Exactly Unicode's table 3-7: no overlong forms, no surrogates, nothing above
 * U+10FFFF. NUL is a character.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool utf8_valid(const void *bytes, size_t count);
/* Length in bytes (1..4) of the valid character at the start of `bytes`; 0 when there is none. */
size_t utf8_character(const void *bytes, size_t count);

#endif
