/* SPDX-License-Identifier: BSL-1.0 */
/* CBOR in its one deterministic form (RFC 8949 4.2.1), read and written item by item without taking
 * memory. The CA profile and the internal link read and write all their messages with it. */
#ifndef SIMC__CBOR_CBOR_H
#define SIMC__CBOR_CBOR_H

#include "simulcrypt/base.h"

/* What can be wrong with CBOR: name, text. Everything up to TRAILING breaks the rules of the form,
 * the rest is good CBOR that the caller did not want here. */
#define SIMC__CBOR_FAULT_ROWS(ROW)                                         \
    ROW(GOOD, "good")                                                      \
    ROW(SHORT, "the item goes past the end of the data")                   \
    ROW(COUNT, "a length or count is larger than the bytes that are left") \
    ROW(NOT_SHORTEST, "a number is not in its shortest form")              \
    ROW(INDEFINITE, "an item of indefinite length, or a reserved head")    \
    ROW(TAG, "a tag")                                                      \
    ROW(SIMPLE, "a float, or a simple value that is not allowed here")     \
    ROW(TEXT, "text where no text is allowed")                             \
    ROW(UTF8, "text that is not well-formed UTF-8")                        \
    ROW(DEPTH, "arrays and maps are nested too deep")                      \
    ROW(ORDER, "the keys of a map are not in order")                       \
    ROW(REPEATED, "a key stands twice in a map")                           \
    ROW(TRAILING, "there are bytes behind the end")                        \
    ROW(TYPE, "an item of another type than the one that belongs here")    \
    ROW(RANGE, "a number, length or count is out of its range")            \
    ROW(MORE, "an array or map has more items than belong here")           \
    ROW(REFUSED, "a value that does not belong here")

#define SIMC__CBOR_FAULT_ENUM(name, text) SIMC__CBOR_##name,
enum simc__cbor_fault { SIMC__CBOR_FAULT_ROWS(SIMC__CBOR_FAULT_ENUM) SIMC__CBOR_FAULT_COUNT };
#undef SIMC__CBOR_FAULT_ENUM

/* What a row means, for a person, without a full stop; "?" for other values. */
const char *simc__cbor_fault_text(enum simc__cbor_fault fault);

/* What an item is. */
enum simc__cbor_type {
    SIMC__CBOR_NONE, /* the end of the data or of the innermost array or map, or a fault */
    SIMC__CBOR_UINT,
    SIMC__CBOR_NEGATIVE,
    SIMC__CBOR_BYTES,
    SIMC__CBOR_STRING, /* text */
    SIMC__CBOR_ARRAY,
    SIMC__CBOR_MAP,
    SIMC__CBOR_BOOL,
    SIMC__CBOR_NULL,
};

/* What a reader allows beyond numbers, byte strings, arrays, maps, false and true. */
enum simc__cbor_allow { SIMC__CBOR_ALLOW_TEXT = 1, SIMC__CBOR_ALLOW_NULL = 2 };

enum { SIMC__CBOR_DEPTH_MAX = 8, SIMC__CBOR_HEAD_MAX = 9 };

/* An array or map that is being read. */
struct simc__cbor_level {
    uint64_t left; /* items to come; keys and values of a map count each */
    bool is_map;
    bool has_key;
    size_t key_at, key_size; /* of the last key, as encoded */
};

/* ---- reading ----
 * A pull cursor in the manner of struct simc_reader: calls go in the order of the items, the first
 * fault stays with its offset, and from then on every read returns 0 or nothing and moves nothing.
 * So: read, read, read, then look at `fault` once, after simc__cbor_finish(). */
struct simc__cbor_reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    unsigned allow;
    unsigned depth, depth_max; /* arrays and maps that are open, and how many may be */
    enum simc__cbor_fault fault;
    size_t fault_at;
    struct simc__cbor_level levels[SIMC__CBOR_DEPTH_MAX + 1]; /* the first one is the data itself */
};

/* Makes a reader over borrowed bytes. allow: enum simc__cbor_allow. depth_max:
 * 0..SIMC__CBOR_DEPTH_MAX; more counts as that. */
void simc__cbor_reader_init(struct simc__cbor_reader *reader, struct simc_slice bytes,
                            unsigned allow, unsigned depth_max);

/* The type of the next item, which stays where it is. A malformed head is a fault. */
enum simc__cbor_type simc__cbor_peek(struct simc__cbor_reader *reader);

/* The next item, which must be a number (byte string, ...) in the range given (its size in the
 * range given). Slices are borrowed from the reader's bytes. */
uint64_t simc__cbor_uint(struct simc__cbor_reader *reader, uint64_t min, uint64_t max);
/* Negative numbers too. */
int64_t simc__cbor_int(struct simc__cbor_reader *reader, int64_t min, int64_t max);
bool simc__cbor_bool(struct simc__cbor_reader *reader);
void simc__cbor_null(struct simc__cbor_reader *reader);
struct simc_slice simc__cbor_bytes(struct simc__cbor_reader *reader, size_t min, size_t max);
struct simc_slice simc__cbor_text(struct simc__cbor_reader *reader, size_t min, size_t max);

/* Enters an array, or a map, which must have this many elements, or pairs. Read what is in it, then
 * call simc__cbor_leave(). Returns the count; 0 after a fault. */
uint64_t simc__cbor_array(struct simc__cbor_reader *reader, uint64_t min, uint64_t max);
uint64_t simc__cbor_map(struct simc__cbor_reader *reader, uint64_t min, uint64_t max);
/* True as long as there are items in the innermost array or map that is open. */
bool simc__cbor_more(const struct simc__cbor_reader *reader);
/* Leaves the innermost array or map; items that were not read are a fault (MORE). */
void simc__cbor_leave(struct simc__cbor_reader *reader);

/* The next key of the innermost map, an unsigned number (text). Read or skip its value then. Keys
 * are checked to be in order and single, whatever their types. False: the map is at its end, or
 * there is a fault; so `while (simc__cbor_key(&reader, &key)) switch (key)`. */
bool simc__cbor_key(struct simc__cbor_reader *reader, uint64_t *key);
bool simc__cbor_key_text(struct simc__cbor_reader *reader, struct simc_slice *key);

/* Reads over the next item, whatever it is, and checks it as strictly. */
void simc__cbor_skip(struct simc__cbor_reader *reader);
/* Says that the top item must be complete and nothing may follow. Returns the fault, GOOD for none.
 */
enum simc__cbor_fault simc__cbor_finish(struct simc__cbor_reader *reader);
/* Notes a fault of the caller's, at the item read last or at an offset; the first one stays. */
void simc__cbor_refuse(struct simc__cbor_reader *reader, enum simc__cbor_fault fault, size_t at);

/* ---- writing ----
 * Onto a simc_writer, which keeps the errors: SIMC_ENOSPC as usual, and SIMC_EINVAL when the calls
 * do not make deterministic CBOR (keys not in order, a wrong count, too deep). */
struct simc__cbor_writer {
    struct simc_writer *out;
    unsigned depth;
    struct {
        uint64_t left;
        bool is_map, has_key, key_is_text;
        uint64_t key;
        struct simc_slice key_text;
    } levels[SIMC__CBOR_DEPTH_MAX + 1];
};

void simc__cbor_writer_init(struct simc__cbor_writer *writer, struct simc_writer *out);
void simc__cbor_put_uint(struct simc__cbor_writer *writer, uint64_t value);
void simc__cbor_put_int(struct simc__cbor_writer *writer, int64_t value);
void simc__cbor_put_bool(struct simc__cbor_writer *writer, bool value);
void simc__cbor_put_null(struct simc__cbor_writer *writer);
void simc__cbor_put_bytes(struct simc__cbor_writer *writer, struct simc_slice bytes);
/* The text must be UTF-8; else SIMC_EINVAL. */
void simc__cbor_put_text(struct simc__cbor_writer *writer, struct simc_slice text);
/* The head of a byte string alone; the caller writes its bytes behind it. */
void simc__cbor_put_bytes_head(struct simc__cbor_writer *writer, size_t size);
/* Begin an array, or map, of this many elements, or pairs; it ends by itself behind the last one.
 */
void simc__cbor_put_array(struct simc__cbor_writer *writer, uint64_t count);
void simc__cbor_put_map(struct simc__cbor_writer *writer, uint64_t count);
/* A key of the innermost map: larger than the one before. Its value follows. */
void simc__cbor_put_key(struct simc__cbor_writer *writer, uint64_t key);
/* The same as text, borrowed until the next key; text keys stand behind all numbers. */
void simc__cbor_put_key_text(struct simc__cbor_writer *writer, const char *key);
/* Returns the writer's error, or SIMC_EINVAL when an array or map is not complete. */
int simc__cbor_put_finish(struct simc__cbor_writer *writer) SIMC_MUST_CHECK;

/* True for well-formed UTF-8 (RFC 3629): no surrogates, nothing over U+10FFFF, shortest forms. */
bool simc__cbor_is_utf8(struct simc_slice text);

/* Bytes of the head of a number, string or count. */
static inline size_t simc__cbor_head_size(uint64_t value)
{
    return value < 24 ? 1 : value <= 0xff ? 2 : value <= 0xffff ? 3 : value <= 0xffffffff ? 5 : 9;
}

#endif
