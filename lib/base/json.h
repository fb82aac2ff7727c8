/* SPDX-License-Identifier: BSL-1.0 */
/* Writes JSON into a bounded writer and keeps the commas, the nesting and the names right. The
 * daemons' status pages and errors use it. */
#ifndef SIMC__BASE_JSON_H
#define SIMC__BASE_JSON_H

#include "simulcrypt/base.h"

enum { SIMC__JSON_DEPTH_MAX = 31 };

/* One value being written. A mistake of the program (a member without a name, a name in an array,
 * an end too many, nesting over the maximum) fails the writer with SIMC_EINVAL. */
struct simc__json {
    struct simc_writer *out; /* borrowed */
    unsigned depth;          /* objects and arrays that are open */
    uint32_t objects;        /* bit n: what is open at depth n is an object */
    uint32_t filled;         /* bit n: and it has a member or an item already */
};

/** Begins. The value that follows - usually an object - has no name. */
void simc__json_init(struct simc__json *json, struct simc_writer *out);

/* Each of these writes a member of an object (`name` given) or an item of an array or the outermost
 * value (`name` NULL). */

/** Opens an object; simc__json_end() closes it. */
void simc__json_object(struct simc__json *json, const char *name);
/** Opens an array; simc__json_end() closes it. */
void simc__json_array(struct simc__json *json, const char *name);
/** Closes what was opened last. */
void simc__json_end(struct simc__json *json);
/** Text; NULL becomes null. Bytes that are no UTF-8 become U+FFFD, controls are escaped. */
void simc__json_text(struct simc__json *json, const char *name, const char *text);
/** Text that may hold zeros or has no end mark. */
void simc__json_slice(struct simc__json *json, const char *name, struct simc_slice text);
/** Formatted text, at most 511 bytes; what is longer is cut. */
void simc__json_format(struct simc__json *json, const char *name, const char *format, ...)
    SIMC_PRINTF(3, 4);
void simc__json_uint(struct simc__json *json, const char *name, uint64_t value);
void simc__json_int(struct simc__json *json, const char *name, int64_t value);
void simc__json_bool(struct simc__json *json, const char *name, bool value);
void simc__json_null(struct simc__json *json, const char *name);
/** A fraction, exactly: 1500 in units of 1/1000 becomes 1.5. @param per 1 to 10^9, a power of 10.
 */
void simc__json_scaled(struct simc__json *json, const char *name, uint64_t value, uint64_t per);
/** An identifier as people write it: "0x000a" for 10 and 4 digits. */
void simc__json_hex(struct simc__json *json, const char *name, uint64_t value, unsigned digits);
/** Bytes as a text of hex digits; never a secret. */
void simc__json_bytes(struct simc__json *json, const char *name, struct simc_slice bytes);
/** A secret's fingerprint; null for none. */
void simc__json_secret(struct simc__json *json, const char *name, const struct simc_secret *secret);
/** Microseconds since 1970 as "2026-11-21T12:00:00.000000Z"; null for 0. */
void simc__json_utc(struct simc__json *json, const char *name, uint64_t time_us);

/** Ends. @return 0, SIMC_ENOSPC (`out->at` tells the room that all of it needs), SIMC_EINVAL
 *  (something is still open, or a mistake as above). */
int simc__json_finish(struct simc__json *json) SIMC_MUST_CHECK;

/** Writes `value / per` as a decimal fraction without needless zeros; see simc__json_scaled().
 *  Metrics use it too. */
void simc__text_put_scaled(struct simc_writer *out, uint64_t value, uint64_t per);

#endif
