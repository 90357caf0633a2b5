#include "edge/zone_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/nearest.h"
#include "base/xalloc.h"

enum { FILE_BYTES_MAX = 1 << 20, NAMES_MAX = 1024 };

static const char *folder(void)
{
	const char *set = getenv("TZDIR");

	return set != NULL && set[0] != '\0' ? set : "/usr/share/zoneinfo";
}

static bool is_safe(const char *name)
{
	return name[0] != '\0' && name[0] != '/' && strstr(name, "..") == NULL && strlen(name) < 128;
}

/* The nearest of the names in zone1970.tab's third column; empty when none is near. */
static void find_nearest(const char *name, char *ret, size_t cap)
{
	char path[512], line[512], *names[NAMES_MAX];
	size_t count = 0;

	ret[0] = '\0';
	snprintf(path, sizeof(path), "%s/zone.tab", folder());
	FILE *file = fopen(path, "r");
	if (file == NULL)
		return;
	while (count < NAMES_MAX && fgets(line, sizeof(line), file) != NULL) {
		char third[128];
		if (line[0] != '#' && sscanf(line, "%*s %*s %127s", third) == 1)
			names[count++] = x_strdup(third);
	}
	fclose(file);
	const char *near = nearest_name(slice_of(name), (const char *const *)names, count);
	if (near != NULL)
		snprintf(ret, cap, "%s", near);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
}

static int read_file(const char *path, struct buffer *out)
{
	char bytes[8192];
	size_t length;
	FILE *file = fopen(path, "rb");

	if (file == NULL)
		return 1;
	while ((length = fread(bytes, 1, sizeof(bytes), file)) > 0 && out->len < FILE_BYTES_MAX)
		buffer_put(out, bytes, length);
	fclose(file);
	return 0;
}

int zone_file_load(const char *name, struct zone *ret, char *ret_message, size_t cap)
{
	struct buffer bytes;
	char path[512], near[128];

	buffer_init(&bytes);
	snprintf(path, sizeof(path), "%s/%s", folder(), name);
	int answer = !is_safe(name) || read_file(path, &bytes) != 0 || zone_parse(bytes.data, bytes.len, ret) != 0;
	buffer_deinit(&bytes);
	if (answer != 0) {
		find_nearest(name, near, sizeof(near));
		snprintf(ret_message, cap, "there is no time zone \"%s\"%s%s%s", name, near[0] != '\0' ? "; did you mean \"" : "",
			near, near[0] != '\0' ? "\"?" : "");
	}
	return answer;
}
