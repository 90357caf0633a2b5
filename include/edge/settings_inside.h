/*
 * settings_inside: what the files of settings share. A loader carries one load: each layer (file, environment, flags) puts
 * texts into rows, and notes for each where it was said, so that a mistake found later can still be shown in place.
 */
#ifndef EDGE_SETTINGS_INSIDE_H
#define EDGE_SETTINGS_INSIDE_H

#include "base/arena.h"
#include "core/zone.h"
#include "edge/settings.h"
#include "edge/yaml_source.h"

#define SETTINGS_ID(type, c_type, member, ...) SETTING_ID_##member,
enum settings_id { SETTINGS_TABLE(SETTINGS_ID) SETTING_COUNT };
#undef SETTINGS_ID

struct setting_row {
	enum settings_type type;
	size_t offset;               /* of the member in struct settings */
	const char *name, *dflt;
	int64_t min, max;            /* both 0: none */
	const char *unit;            /* or the choices: "a|b|c" */
	bool secret;
	const char *sentence;
};

extern const struct setting_row settings_rows[SETTING_COUNT];

enum settings_origin { ORIGIN_DEFAULT, ORIGIN_FILE, ORIGIN_ENVIRONMENT, ORIGIN_FLAG };

struct settings_where {              /* where a value was said */
	enum settings_origin origin;
	struct yaml_place place;     /* ORIGIN_FILE */
	const char *name;            /* as it was said: "SALESPULSE_JOB", "--job", or the setting's name; owned by the arena */
	const char *value;           /* as it was said, before file: and env: are followed; NULL: none */
	bool hidden;                 /* the value is never shown */
};

enum { SETTINGS_CHANGES_MAX = 16 };  /* of the calendar, said in one place */

/* One row of `calendar_changes`; with a base row's values also what holds before all of them. */
struct settings_change {
	int32_t from_day;
	const char *zone;            /* NULL: as before */
	int64_t week_start, fiscal_start; /* 0: as before */
	struct settings_where from_where, zone_where;
};

struct settings_changes {            /* their dates rise */
	struct settings_change *items; /* in the arena */
	size_t count;
};

struct settings_timeline {           /* what holds for a tenant, the others' changes that it takes over among them */
	struct settings_change base;
	size_t count;
	struct settings_change items[2 * SETTINGS_CHANGES_MAX];
};

struct settings_kept {               /* struct settings' `owned` */
	struct arena arena;          /* every text */
	const char *file;            /* NULL: none was read */
	struct settings_where where[SETTING_COUNT];
	struct settings_where *property_where; /* owned; parallel to kafka_properties */
	size_t property_capacity, property_where_capacity;
	struct zone **zones;         /* owned, each too */
	const char **zone_names;     /* owned; names in the arena */
	size_t zone_count, zone_capacity, zone_name_capacity;
	struct workdays **workdays;  /* owned; each in the arena */
	const char **workday_paths;  /* owned; of them; in the arena */
	size_t workdays_count, workdays_capacity, workday_path_capacity;
	struct zone *spliced;        /* owned, each too: several in one, of calendars that change */
	size_t spliced_count;
	struct calendar *calendars;  /* owned */
	struct settings_timeline *timelines; /* owned: the fallback's, then by tenant */
	struct settings_where changes_where; /* of the fallback's `calendar_changes`; name NULL: not said */
	struct tenant_settings *tenants; /* owned */
};

struct settings_tenant {             /* one row of `tenants`; what is not said is the fallback's */
	const char *id, *zone, *currency, *workdays;
	int64_t week_start, fiscal_start; /* 0: not said */
	struct settings_changes changes;
	struct settings_where id_where, zone_where, currency_where, workdays_where;
};

struct settings_loader {
	struct settings *settings;
	struct settings_kept *kept;
	struct yaml_source source;   /* document NULL: no file */
	struct settings_tenant *tenants; /* owned */
	size_t tenant_count, tenant_capacity;
	struct settings_changes changes; /* of all that are not named */
	struct buffer *message;
};

/* Says the mistake in its place; answers 1. */
int settings_complain(struct settings_loader *, const struct settings_where *, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
const char *settings_keep(struct settings_loader *, struct slice text);

/* ---- one value: settings_value.c */
/* Follows file: and env:, checks type and limits, and puts it into the row. 0, or 1: a mistake, said. */
int settings_put(struct settings_loader *, enum settings_id, const struct settings_where *);
/* A librdkafka property; `property` is without "kafka.". */
int settings_put_property(struct settings_loader *, struct slice property, const struct settings_where *);
/* 0, or 1: the row does not take this text; ret_reason says what it wants. *to is a const char *, int64_t, bool or double. */
int settings_parse_value(const struct setting_row *, const char *text, void *to, struct buffer *ret_reason);
void settings_print_value(const struct setting_row *, const void *from, struct buffer *);
/* A whole number of bytes and one unit of B KiB MiB GiB TiB, kB MB GB TB; no unit: bytes. */
bool settings_bytes_parse(struct slice, int64_t *ret_bytes);
/* Does its name say that it is a secret (password, secret, key, token, credential, jaas)? */
bool settings_name_is_secret(struct slice name);
bool settings_is_bool(const char *text);

/* ---- names: settings_name.c */
/* -1: none has this name. `environment`: it reads kafka_brokers for kafka.brokers. */
int settings_row_find(struct slice name, bool environment);
bool settings_property_is_known(const char *property);
/* 0; or 1: the library refuses this value, with the reason; or the program sets it itself, with what to set instead. */
int settings_property_check(const char *property, const char *value, bool hidden, struct buffer *ret_reason);
/* The nearest setting or kafka.PROPERTY, in the form of its kind of name; NULL when none is near. Lives in the arena. */
const char *settings_nearest_in(struct arena *, struct slice name, bool environment);
/* Sections: the part of a name before its last dot ("kafka", "topics"). */
bool settings_is_section(struct slice name);

/* ---- the layers */
int settings_load_file(struct settings_loader *, const char *path);
int settings_load_environment(struct settings_loader *, char *const *environment);
int settings_load_flags(struct settings_loader *, int *argc, char **argv);
/* What no single value shows: names of topics, addresses; and the tenants' calendars. */
int settings_check_all(struct settings_loader *);
int settings_build_tenants(struct settings_loader *);

#endif
