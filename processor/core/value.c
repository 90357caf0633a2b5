#include "core/value.h"

const char *value_type_name(enum value_type type)
{
	static const char *const names[] = {
		"null",
		"bool",
		"int",
		"decimal",
		"money",
		"time",
		"duration",
		"string",
		"reference",
		"list",
		"rate",
		"any",
	};

	return names[type];
}
