/*
 * csv: rows of a CSV file (RFC 4180) that is in memory: quoted fields with quotes and line ends in them, a delimiter that is
 * given or guessed from the first line, LF, CRLF or CR line ends, text made UTF-8 from the file's encoding. Any bytes may come:
 * a row that is wrong is an answer with its reason, and reading goes on behind it. Lines without any text are passed over.
 *
 * Invariant: `at` only rises; a row's bytes are [raw.at, raw.at + raw.len) of the file.
 */
#ifndef EDGE_CSV_H
#define EDGE_CSV_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum { CSV_FIELDS_MAX = 1024, CSV_ROW_BYTES_MAX = 1 << 20, CSV_REASON_MAX = 160 };

enum csv_answer {
	CSV_ROW = 0,
	CSV_END = 1,
	CSV_BAD = 2,                 /* raw and line are set, the reason is in ret_reason */
};

enum csv_encoding { CSV_UTF8, CSV_LATIN1, CSV_WINDOWS1252 };

struct csv_format {
	char delimiter;              /* 0: guessed: the one of , ; tab | that the first line has most of */
	char quote;                  /* 0: " */
	enum csv_encoding encoding;  /* UTF-8: a byte order mark is passed over. Windows-1252 as browsers read it */
};

struct csv_row {
	const struct slice *fields;  /* count of them, UTF-8; borrowed until the next call */
	size_t count;
	uint64_t line;               /* of its first byte, from 1 */
	struct slice raw;            /* as it stands in the file, without its line end; borrowed from the file's bytes */
};

struct csv_reader {
	struct slice bytes;          /* borrowed: the whole file */
	size_t at;                   /* the next row begins here */
	uint64_t line;
	struct csv_format format;
	struct buffer text;          /* of the current row's fields */
	struct slice *fields;        /* owned */
	size_t field_count, field_capacity;
};

/* Encoding by name: "utf-8" "latin-1" "iso-8859-1" "windows-1252" "cp1252" …; 0, or 1: not known. */
int csv_encoding_find(struct slice name, enum csv_encoding *ret);
extern const char *const csv_encoding_names[]; /* NULL-terminated */

/* 0, or 1: these bytes can't be CSV of this format (UTF-16); ret_reason says what they are. */
int csv_init(struct csv_reader *, struct slice bytes, struct csv_format, char ret_reason[CSV_REASON_MAX]);
void csv_deinit(struct csv_reader *);
enum csv_answer csv_next(struct csv_reader *, struct csv_row *ret, char ret_reason[CSV_REASON_MAX]);
/* Goes to a row that was read before: its raw.at - bytes.at, and its line. */
void csv_seek(struct csv_reader *, size_t offset, uint64_t line);
/* Appends bytes of the file as UTF-8; what is not valid becomes U+FFFD. */
void csv_put_text(enum csv_encoding, struct slice bytes, struct buffer *out);
/* Appends one field, quoted where it must be. */
void csv_put_field(struct slice text, struct buffer *out);

#endif
