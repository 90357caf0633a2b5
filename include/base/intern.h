/*
 * intern: strings become dense uint32 ids, equal strings the same id.
 *
 * Append-only: id 1 is the first string added, 0 means "none" and is never given out. The empty
 * string is a string like others. Texts never move and end with a NUL that is not counted, so a
 * slice from intern_text lives as long as the table. What a table may hold is limited by its
 * contents alone (intern_bytes), so a restored table has the same limit as the one that was saved.
 */
#ifndef BASE_INTERN_H
#define BASE_INTERN_H

#include <stddef.h>
#include <stdint.h>

#include "base/index.h"
#include "base/slice.h"

/* What one string costs besides its bytes and NUL: its slice, and its places in the index. */
#define INTERN_ENTRY_BYTES 40

struct intern_block;

enum { INTERN_SHORT_MAX = 23, INTERN_CHUNK_BITS = 10 };

/* Half a cache line, with the text itself if it is short: a search that hits touches the index and this. */
struct intern_entry {
	uint32_t len;
	uint32_t hint; /* see intern_hint */
	union {
		char near[INTERN_SHORT_MAX + 1];
		const char *far; /* into a block */
	} text;
};

struct intern {
	struct intern_entry **chunks; /* owned; of 2^INTERN_CHUNK_BITS each, which never move */
	uint32_t count, chunk_count, chunk_capacity;
	struct index index;	     /* hash of the text -> id */
	struct intern_block *blocks; /* owned; the newest first */
	size_t bytes;		     /* see intern_bytes */
	size_t bytes_max;	     /* 0: none */
	uint64_t seed;
};

/* seed: secret where strings come from outside. bytes_max 0: no limit but 2^32 - 1 strings. */
void intern_init(struct intern *in, uint64_t seed, size_t bytes_max);
void intern_deinit(struct intern *in);
/* The string's id, old or new; 0 only if it is new and the limit is hit. */
uint32_t intern_add(struct intern *in, struct slice text);
/* 0 = absent. */
uint32_t intern_find(const struct intern *in, struct slice text);
/* The same in two steps, for who adds the text if it is absent: intern_add_absent only right after a search that did not find it. */
uint64_t intern_hash(const struct intern *in, struct slice text);
uint32_t intern_find_hashed(const struct intern *in, struct slice text, uint64_t hash);
uint32_t intern_add_absent(struct intern *in, struct slice text, uint64_t hash);
/*
 * Of texts that will be searched for soon: brings what these searches look at nearer, for all of them at once, and guesses their ids: most
 * likely right, 0 surely absent. ret_ids: [count].
 */
enum { INTERN_EXPECT_MAX = 32 };
void intern_expect(const struct intern *in, const struct slice *texts, size_t count, uint32_t *ret_ids);
/*
 * A word beside the text that the table's owner may use to remember where it keeps what the text names, 0 at first. Not a promise:
 * who reads it looks whether it is so.
 */
uint32_t intern_hint(const struct intern *in, uint32_t id);
void intern_set_hint(struct intern *in, uint32_t id, uint32_t hint);
/* id 0 gives the empty slice; an id that was never given out is asserted against. Borrowed from the
 * table. */
struct slice intern_text(const struct intern *in, uint32_t id);
/* Also the greatest id. */
uint32_t intern_count(const struct intern *in);
/* Bytes of all texts with their NULs, and INTERN_ENTRY_BYTES for each. */
size_t intern_bytes(const struct intern *in);

#endif
