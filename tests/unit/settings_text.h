/* settings_text: settings from the text of a file, for tests of what reads them. */
#ifndef TESTS_UNIT_SETTINGS_TEXT_H
#define TESTS_UNIT_SETTINGS_TEXT_H

#include "edge/settings.h"

/* The caller's (settings_free). A text that is refused, or warned of, ends the program with what is said of it. */
struct settings *settings_of(const char *yaml);

#endif
