/* SPDX-License-Identifier: BSL-1.0 */
/**
 * @file simulcrypt/base.h
 * @brief The ground that everything else stands on: errors, bytes, secrets, time and log lines.
 *
 * Nothing here does input or output, reads a clock, or starts a thread. The objects are plain
 * structs in the caller's storage; unless a comment says otherwise they belong to one thread at a
 * time, and different objects may be used by different threads at once.
 *
 * Conventions of all headers of this library:
 *  - A fallible function returns `int`: 0 is success, anything negative is a row of
 *    #SIMC_ERROR_ROWS. Counts and pointers come back through parameters.
 *  - `_init/_fini` work on the caller's storage, `_new/_free` on the heap, `_get` borrows,
 *    `_take` consumes its argument even when it fails. `_fini` and `_free` accept what was never
 *    filled (a zeroed struct, NULL).
 *  - `size` counts bytes, `count` counts elements. Names carry units: `_ms`, `_100ms`, `_us`.
 */
#ifndef SIMULCRYPT_BASE_H
#define SIMULCRYPT_BASE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__) || defined(__clang__)
#define SIMC_API                        __attribute__((visibility("default")))
#define SIMC_MUST_CHECK                 __attribute__((warn_unused_result))
#define SIMC_PRINTF(format_at, args_at) __attribute__((format(printf, format_at, args_at)))
#define SIMC_LIKELY(condition)          __builtin_expect(!!(condition), 1)
#define SIMC_UNLIKELY(condition)        __builtin_expect(!!(condition), 0)
#else
#define SIMC_API
#define SIMC_MUST_CHECK
#define SIMC_PRINTF(format_at, args_at)
#define SIMC_LIKELY(condition)   (condition)
#define SIMC_UNLIKELY(condition) (condition)
#endif

/* --------------------------------------------------------------------------------- errors -- */

/** What a caller can do about an error; three families are enough to decide. */
enum simc_error_family {
    SIMC_FAMILY_NONE = 0,      /**< no error */
    SIMC_FAMILY_TRY_LATER = 1, /**< nothing is broken: call again with more input, room or time */
    SIMC_FAMILY_FINISHED = 2,  /**< this message, stream or session is at its end; others go on */
    SIMC_FAMILY_FAULT = 3,     /**< the call itself was wrong, or a resource ran out */
};

/**
 * The error rows: code, value, family, text. `SIMC_EPROTO` and the like are the values that
 * functions return; values never change once released.
 */
#define SIMC_ERROR_ROWS(ROW)                                                         \
    ROW(SIMC_EAGAIN, -1, TRY_LATER, "more input is needed")                          \
    ROW(SIMC_EFULL, -2, TRY_LATER, "a queue or buffer has reached its ceiling")      \
    ROW(SIMC_EEND, -3, FINISHED, "there is nothing more")                            \
    ROW(SIMC_EPROTO, -4, FINISHED, "the data breaks the rules of its protocol")      \
    ROW(SIMC_ETOOLONG, -5, FINISHED, "the data is longer than the configured limit") \
    ROW(SIMC_EUNSUPPORTED, -6, FINISHED, "this form or version is not supported")    \
    ROW(SIMC_ENOTFOUND, -7, FINISHED, "there is no such thing")                      \
    ROW(SIMC_ESYNTAX, -8, FINISHED, "the text cannot be understood")                 \
    ROW(SIMC_ESHORT, -9, FAULT, "a read went past the end of the data")              \
    ROW(SIMC_ENOSPC, -10, FAULT, "the output does not fit into the room given")      \
    ROW(SIMC_EINVAL, -11, FAULT, "an argument is outside its documented range")      \
    ROW(SIMC_ENOMEM, -12, FAULT, "no memory")                                        \
    ROW(SIMC_EIO, -13, FAULT, "reading or writing failed")

#define SIMC__ERROR_ENUM(name, value, family, text) name = value,
enum simc_error { SIMC_OK = 0, SIMC_ERROR_ROWS(SIMC__ERROR_ENUM) };
#undef SIMC__ERROR_ENUM

/** The name of an error row, `"SIMC_EPROTO"`; `"SIMC_OK"` for 0, `"SIMC_E?"` for other values. */
SIMC_API const char *simc_error_name(int error);
/** The text of an error row, without a full stop. Never NULL. */
SIMC_API const char *simc_error_text(int error);
/** The family of an error row; unknown values count as SIMC_FAMILY_FAULT. */
SIMC_API enum simc_error_family simc_error_family(int error);

/* --------------------------------------------------------------------------------- memory -- */

/**
 * Where memory comes from. One function serves all three calls, as `realloc` does:
 * `pointer == NULL` allocates, `size == 0` releases and returns NULL.
 */
struct simc_allocator {
    void *(*resize)(void *context, void *pointer, size_t size);
    void *context; /**< handed to every call */
};

/**
 * Replaces the allocator of the whole process, for tests that inject failures and for programs
 * that bring their own heap. Call it before any other function and while no memory of the library
 * is in use. @param allocator copied; NULL brings back the C library's.
 */
SIMC_API void simc_allocator_set(const struct simc_allocator *allocator);

/** Allocates `size` bytes, not zeroed. @return NULL when there is no memory, or for size 0. */
SIMC_API void *simc_alloc(size_t size) SIMC_MUST_CHECK;
/** Allocates `count * size` zeroed bytes. @return NULL without memory, or on overflow. */
SIMC_API void *simc_calloc(size_t count, size_t size) SIMC_MUST_CHECK;
/** Resizes a block; on failure NULL comes back and the old block stays valid. size must be > 0. */
SIMC_API void *simc_realloc(void *pointer, size_t size) SIMC_MUST_CHECK;
/** Releases a block of the three calls above; NULL is fine. */
SIMC_API void simc_free(void *pointer);

/* ---------------------------------------------------------------------------------- slice -- */

/** Borrowed bytes: somebody else's memory, valid as long as its owner says. */
struct simc_slice {
    const uint8_t *data; /**< may be NULL when size is 0 */
    size_t size;         /**< bytes */
};

static inline struct simc_slice simc_slice(const void *data, size_t size)
{
    struct simc_slice slice = {(const uint8_t *)data, size};
    return slice;
}

/** A slice of a C string, without its end mark. @param text not NULL. */
SIMC_API struct simc_slice simc_slice_text(const char *text);

/** True when both hold the same bytes. Not for secrets: see simc_secret_equal(). */
SIMC_API bool simc_slice_equal(struct simc_slice a, struct simc_slice b);

/**
 * Reads hexadecimal text into bytes. Spaces, tabs, line ends, ':' and '-' between bytes are
 * skipped; a prefix `0x` is allowed.
 * @param out_size room in `out`; @param size on success the bytes written.
 * @param bad_at on SIMC_ESYNTAX the offset of the first character that is wrong (NULL: not wanted).
 * @return 0, SIMC_ESYNTAX (a character that is no hex digit, or half a byte), SIMC_ENOSPC.
 */
SIMC_API int simc_hex_read(struct simc_slice text, uint8_t *out, size_t out_size, size_t *size,
                           size_t *bad_at) SIMC_MUST_CHECK;

/* --------------------------------------------------------------------------------- reader -- */

/**
 * A bounded read cursor over borrowed bytes. Reads never go past the end: the first one that would
 * sets `error` to SIMC_ESHORT and `error_at` to its offset, and from then on every read returns 0
 * and moves nothing. So: read, read, read, then look at `error` once.
 */
struct simc_reader {
    const uint8_t *data;
    size_t size;     /**< bytes in `data` */
    size_t at;       /**< offset of the next byte, always <= size */
    size_t error_at; /**< offset of the first read that failed */
    int error;       /**< 0 or SIMC_ESHORT */
};

static inline struct simc_reader simc_reader(struct simc_slice bytes)
{
    struct simc_reader reader = {bytes.data, bytes.size, 0, 0, 0};
    return reader;
}

/** Bytes that are left; 0 once a read has failed. */
static inline size_t simc_reader_left(const struct simc_reader *reader)
{
    return reader->error ? 0 : reader->size - reader->at;
}

/**
 * Moves over `size` bytes. @return where they start, or NULL when there are fewer (the reader has
 * failed then, see above). A result for size 0 may be NULL too when the reader has no bytes.
 */
static inline const uint8_t *simc_reader_take(struct simc_reader *reader, size_t size)
{
    if (SIMC_UNLIKELY(reader->error || reader->size - reader->at < size)) {
        if (!reader->error) {
            reader->error = SIMC_ESHORT;
            reader->error_at = reader->at;
        }
        return NULL;
    }
    const uint8_t *start = reader->data ? reader->data + reader->at : NULL;
    reader->at += size;
    return start;
}

/** The next `size` bytes as a slice; an empty one when there are fewer. */
static inline struct simc_slice simc_reader_slice(struct simc_reader *reader, size_t size)
{
    const uint8_t *start = simc_reader_take(reader, size);
    return simc_slice(start, start ? size : 0);
}

/** One unsigned byte. This and the following four read big-endian and return 0 after a failure. */
static inline uint8_t simc_reader_u8(struct simc_reader *reader)
{
    const uint8_t *p = simc_reader_take(reader, 1);
    return p ? p[0] : 0;
}

static inline uint16_t simc_reader_u16(struct simc_reader *reader)
{
    const uint8_t *p = simc_reader_take(reader, 2);
    return p ? (uint16_t)((unsigned)p[0] << 8 | p[1]) : (uint16_t)0;
}

static inline uint32_t simc_reader_u24(struct simc_reader *reader)
{
    const uint8_t *p = simc_reader_take(reader, 3);
    return p ? (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2] : 0;
}

static inline uint32_t simc_reader_u32(struct simc_reader *reader)
{
    const uint8_t *p = simc_reader_take(reader, 4);
    return p ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3] : 0;
}

static inline uint64_t simc_reader_u64(struct simc_reader *reader)
{
    const uint8_t *p = simc_reader_take(reader, 8);
    uint64_t value = 0;
    for (int i = 0; p && i < 8; i++)
        value = value << 8 | p[i];
    return value;
}

/* --------------------------------------------------------------------------------- writer -- */

/**
 * A bounded write cursor over the caller's memory. What does not fit is not written, but `at` goes
 * on counting: after SIMC_ENOSPC it says how much room the whole output needs. A writer without
 * memory (`capacity` 0) therefore measures.
 */
struct simc_writer {
    uint8_t *data;
    size_t capacity; /**< bytes in `data` */
    size_t at;       /**< bytes written, or wanted once `error` is set */
    int error;       /**< the first error: 0, SIMC_ENOSPC, or what simc_writer_fail() was told */
};

static inline struct simc_writer simc_writer(void *data, size_t capacity)
{
    struct simc_writer writer = {(uint8_t *)data, capacity, 0, 0};
    return writer;
}

/** Notes an error of the caller's; the first one stays. */
static inline void simc_writer_fail(struct simc_writer *writer, int error)
{
    if (!writer->error)
        writer->error = error;
}

/**
 * Room for `size` bytes, or NULL (the writer has failed then, and counts on, at most to SIZE_MAX).
 * A result for size 0 may be NULL too when the writer has no memory.
 */
static inline uint8_t *simc_writer_room(struct simc_writer *writer, size_t size)
{
    size_t at = writer->at;
    if (SIMC_UNLIKELY(writer->error || at > writer->capacity || writer->capacity - at < size)) {
        simc_writer_fail(writer, SIMC_ENOSPC);
        writer->at = size > SIZE_MAX - at ? SIZE_MAX : at + size;
        return NULL;
    }
    writer->at = at + size;
    return writer->data ? writer->data + at : NULL;
}

/** Writes one byte. This and the following write big-endian. */
static inline void simc_writer_u8(struct simc_writer *writer, uint8_t value)
{
    uint8_t *p = simc_writer_room(writer, 1);
    if (p)
        p[0] = value;
}

static inline void simc_writer_u16(struct simc_writer *writer, uint16_t value)
{
    uint8_t *p = simc_writer_room(writer, 2);
    if (p) {
        p[0] = (uint8_t)(value >> 8);
        p[1] = (uint8_t)value;
    }
}

static inline void simc_writer_u24(struct simc_writer *writer, uint32_t value)
{
    uint8_t *p = simc_writer_room(writer, 3);
    if (p) {
        p[0] = (uint8_t)(value >> 16);
        p[1] = (uint8_t)(value >> 8);
        p[2] = (uint8_t)value;
    }
}

static inline void simc_writer_u32(struct simc_writer *writer, uint32_t value)
{
    uint8_t *p = simc_writer_room(writer, 4);
    if (p) {
        p[0] = (uint8_t)(value >> 24);
        p[1] = (uint8_t)(value >> 16);
        p[2] = (uint8_t)(value >> 8);
        p[3] = (uint8_t)value;
    }
}

static inline void simc_writer_u64(struct simc_writer *writer, uint64_t value)
{
    simc_writer_u32(writer, (uint32_t)(value >> 32));
    simc_writer_u32(writer, (uint32_t)value);
}

/** Writes the bytes of a slice. */
SIMC_API void simc_writer_slice(struct simc_writer *writer, struct simc_slice bytes);

/** Overwrites two bytes written before. @param at their offset; nothing happens after an error. */
static inline void simc_writer_patch_u16(struct simc_writer *writer, size_t at, uint16_t value)
{
    if (writer->error || writer->capacity < 2 || at > writer->capacity - 2)
        return;
    writer->data[at] = (uint8_t)(value >> 8);
    writer->data[at + 1] = (uint8_t)value;
}

/* --------------------------------------------------------------------------------- buffer -- */

/**
 * A growable buffer with a ceiling: bytes go in at the end and come out at the front. It never
 * holds more than `ceiling` bytes. Released memory is wiped, because control words pass through.
 */
struct simc_buffer {
    uint8_t *memory;
    size_t start;    /**< offset of the first byte held */
    size_t size;     /**< bytes held */
    size_t capacity; /**< bytes in `memory` */
    size_t ceiling;  /**< most bytes it may ever hold */
};

/** Makes an empty buffer; no memory is taken before the first append. @param ceiling > 0. */
SIMC_API void simc_buffer_init(struct simc_buffer *buffer, size_t ceiling);
/** Wipes and releases the memory; the buffer is as after simc_buffer_init() with its old ceiling.
 */
SIMC_API void simc_buffer_fini(struct simc_buffer *buffer);
/** What the buffer holds; valid until the next call that changes the buffer. */
SIMC_API struct simc_slice simc_buffer_bytes(const struct simc_buffer *buffer);
/**
 * Makes room for `size` more bytes behind those held; write there, then simc_buffer_commit().
 * @param room on success where to write; valid until the next call on this buffer.
 * @return 0, SIMC_EFULL (the ceiling; nothing changed), SIMC_ENOMEM (nothing changed).
 */
SIMC_API int simc_buffer_reserve(struct simc_buffer *buffer, size_t size,
                                 uint8_t **room) SIMC_MUST_CHECK;
/** Takes `size` bytes of the reserved room into the buffer; not more than were reserved (what would
 *  pass the end of the memory is not counted). */
SIMC_API void simc_buffer_commit(struct simc_buffer *buffer, size_t size);
/** Appends a copy of all bytes or nothing. @return as simc_buffer_reserve(). */
SIMC_API int simc_buffer_append(struct simc_buffer *buffer,
                                struct simc_slice bytes) SIMC_MUST_CHECK;
/** Appends formatted text without its end mark, all or nothing. @return as simc_buffer_reserve(),
 *  or SIMC_EINVAL: a format that the C library refuses. */
SIMC_API int simc_buffer_printf(struct simc_buffer *buffer, const char *format, ...) SIMC_MUST_CHECK
    SIMC_PRINTF(2, 3);
/** Drops bytes at the front. @param size is cut to what the buffer holds. */
SIMC_API void simc_buffer_drop(struct simc_buffer *buffer, size_t size);

/* --------------------------------------------------------------------------------- secret -- */

enum {
    SIMC_SECRET_SIZE_MAX = 64,     /**< bytes of the largest key */
    SIMC_FINGERPRINT_SIZE = 8 + 1, /**< eight hex digits and the end mark */
    SIMC_FINGERPRINT_KEY_SIZE = 16,
};

/**
 * A control word or key. Compare it with simc_secret_equal() only, print it with
 * simc_secret_fingerprint() only, and call simc_secret_wipe() when it is no longer needed.
 */
struct simc_secret {
    uint8_t size;                        /**< bytes in use; 0 means "no secret" */
    uint8_t bytes[SIMC_SECRET_SIZE_MAX]; /**< the rest is zero */
};

/** Overwrites memory in a way that the compiler does not remove. */
SIMC_API void simc_wipe(void *memory, size_t size);
/** Takes a copy of the bytes, which may be the secret's own. @return 0, or SIMC_EINVAL (over
 *  SIMC_SECRET_SIZE_MAX; wiped then). */
SIMC_API int simc_secret_set(struct simc_secret *secret, struct simc_slice bytes) SIMC_MUST_CHECK;
/** The bytes, borrowed from the secret, for a cipher or the wire. */
static inline struct simc_slice simc_secret_bytes(const struct simc_secret *secret)
{
    return simc_slice(secret->bytes, secret->size);
}
/** Zeroes the secret. */
SIMC_API void simc_secret_wipe(struct simc_secret *secret);
/** Compares in a time that does not depend on the bytes (it may depend on the sizes). */
SIMC_API bool simc_secret_equal(const struct simc_secret *a, const struct simc_secret *b);

/**
 * Sets the key of all fingerprints of this process: 16 random bytes, drawn at the start. A plain
 * hash of a control word with 48 bits of entropy could be searched; a keyed one cannot.
 */
SIMC_API void simc_fingerprint_key_set(const uint8_t key[SIMC_FINGERPRINT_KEY_SIZE]);
/**
 * Writes eight hex digits that let a person see in a log whether two secrets are the same, or
 * "--------" as long as no key is set. Same secret and key, same text.
 */
SIMC_API void simc_secret_fingerprint(const struct simc_secret *secret,
                                      char text[SIMC_FINGERPRINT_SIZE]);

/* ----------------------------------------------------------------------------------- time -- */

/** Monotonic milliseconds; the zero point is the caller's. No deadline is the largest value. */
#define SIMC_DEADLINE_NONE UINT64_MAX

/** The time `delay_ms` after `now_ms`; saturates just below SIMC_DEADLINE_NONE. */
static inline uint64_t simc_deadline_after(uint64_t now_ms, uint64_t delay_ms)
{
    const uint64_t last_ms = SIMC_DEADLINE_NONE - 1;
    return now_ms >= last_ms || delay_ms >= last_ms - now_ms ? last_ms : now_ms + delay_ms;
}

/** The earlier of two deadlines. */
static inline uint64_t simc_deadline_first(uint64_t a_ms, uint64_t b_ms)
{
    return a_ms < b_ms ? a_ms : b_ms;
}

/** True when the deadline is reached; never for SIMC_DEADLINE_NONE. */
static inline bool simc_deadline_due(uint64_t deadline_ms, uint64_t now_ms)
{
    return deadline_ms != SIMC_DEADLINE_NONE && now_ms >= deadline_ms;
}

/** Milliseconds until the deadline, 0 when due, SIMC_DEADLINE_NONE when there is none. */
static inline uint64_t simc_deadline_left(uint64_t deadline_ms, uint64_t now_ms)
{
    if (deadline_ms == SIMC_DEADLINE_NONE)
        return SIMC_DEADLINE_NONE;
    return now_ms >= deadline_ms ? 0 : deadline_ms - now_ms;
}

/**
 * The distance from `b` to `a` on the circle of 65536 crypto periods: positive when `a` is later.
 * Compare CP numbers with this, never with `<`. [103197 5.3, CP_number wraps 65535 to 0]
 */
static inline int simc_cp_distance(uint16_t a, uint16_t b)
{
    return (int16_t)(uint16_t)(a - b);
}

/* ------------------------------------------------------------------------------------ log -- */

/** Severity of a log line; the numbers are those of syslog. */
enum simc_log_level {
    SIMC_LOG_ERROR = 3,   /**< something does not work; a person has to act */
    SIMC_LOG_WARNING = 4, /**< something is wrong but handled */
    SIMC_LOG_NOTICE = 5,  /**< a change of state that an operator wants to see */
    SIMC_LOG_INFO = 6,    /**< normal work */
    SIMC_LOG_DEBUG = 7,   /**< for developers */
};

enum simc_log_form {
    SIMC_LOG_HUMAN, /**< `12:00:00.000 warning text  name=value ...` */
    SIMC_LOG_JSON,  /**< one JSON object per line: time, level, message, then the fields */
};

enum simc_log_field_type {
    SIMC_LOG_FIELD_TEXT,
    SIMC_LOG_FIELD_INT,
    SIMC_LOG_FIELD_UINT,
    SIMC_LOG_FIELD_HEX,    /**< unsigned, printed as 0x... with at least `digits` digits */
    SIMC_LOG_FIELD_BYTES,  /**< hex digits; never a secret */
    SIMC_LOG_FIELD_SECRET, /**< printed as a fingerprint; `none` for NULL and size 0 */
};

/** One named value of a log line; build it with the functions below. */
struct simc_log_field {
    const char *name; /**< lower case letters, digits and '_' */
    enum simc_log_field_type type;
    unsigned digits;
    int64_t integer;
    uint64_t number;
    struct simc_slice bytes; /**< borrowed for the call */
    const struct simc_secret *secret;
};

static inline struct simc_log_field simc_log_text(const char *name, const char *value)
{
    struct simc_log_field field = {
        name, SIMC_LOG_FIELD_TEXT, 0, 0, 0, simc_slice_text(value ? value : ""), NULL};
    return field;
}

static inline struct simc_log_field simc_log_int(const char *name, int64_t value)
{
    struct simc_log_field field = {name, SIMC_LOG_FIELD_INT, 0, value, 0, {NULL, 0}, NULL};
    return field;
}

static inline struct simc_log_field simc_log_uint(const char *name, uint64_t value)
{
    struct simc_log_field field = {name, SIMC_LOG_FIELD_UINT, 0, 0, value, {NULL, 0}, NULL};
    return field;
}

static inline struct simc_log_field simc_log_hex(const char *name, uint64_t value, unsigned digits)
{
    struct simc_log_field field = {name, SIMC_LOG_FIELD_HEX, digits, 0, value, {NULL, 0}, NULL};
    return field;
}

static inline struct simc_log_field simc_log_bytes(const char *name, struct simc_slice value)
{
    struct simc_log_field field = {name, SIMC_LOG_FIELD_BYTES, 0, 0, 0, value, NULL};
    return field;
}

static inline struct simc_log_field simc_log_secret(const char *name,
                                                    const struct simc_secret *value)
{
    struct simc_log_field field = {name, SIMC_LOG_FIELD_SECRET, 0, 0, 0, {NULL, 0}, value};
    return field;
}

enum { SIMC_LOG_LINE_MAX = 4096 }; /**< bytes of the longest line, its line end included */

/** A log: a level, a form, a clock and a place for the lines to go, all given by the program. */
struct simc_log {
    enum simc_log_level level; /**< lines above this number are dropped unformatted */
    enum simc_log_form form;
    uint64_t (*now_us)(void *context); /**< microseconds since 1970-01-01 UTC; NULL: no time */
    /** Takes one whole line; `line` ends with '\n' and is borrowed for the call. */
    void (*write)(void *context, enum simc_log_level level, struct simc_slice line);
    void *context; /**< handed to both */
};

/**
 * Formats one line and writes it. Text is escaped so that a peer cannot forge lines or terminal
 * codes; a line over SIMC_LOG_LINE_MAX is cut at a field and marked as such.
 * @param log NULL is fine: nothing happens. @param message what happened, in plain words.
 */
SIMC_API void simc_log_line(const struct simc_log *log, enum simc_log_level level,
                            const char *message, const struct simc_log_field *fields, size_t count);

/** simc_log_line() with the fields as arguments; they are not evaluated when the level is off. */
#define simc_log(log, level_, message, ...)                              \
    do {                                                                 \
        const struct simc_log *simc__log = (log);                        \
        if (simc__log && (level_) <= simc__log->level) {                 \
            const struct simc_log_field simc__fields[] = {__VA_ARGS__};  \
            simc_log_line(simc__log, (level_), (message), simc__fields,  \
                          sizeof simc__fields / sizeof simc__fields[0]); \
        }                                                                \
    } while (0)

/** The name of a level, `"warning"`. */
SIMC_API const char *simc_log_level_name(enum simc_log_level level);
/** The level of a name. @return 0, or SIMC_ENOTFOUND. */
SIMC_API int simc_log_level_read(const char *name, enum simc_log_level *level) SIMC_MUST_CHECK;

#ifdef __cplusplus
}
#endif
#endif
