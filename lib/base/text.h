/* SPDX-License-Identifier: BSL-1.0 */
/* Text written into a bounded writer: numbers, escapes, hex, times. The log, the message printer
 * and the command line tools share it. */
#ifndef SIMC__BASE_TEXT_H
#define SIMC__BASE_TEXT_H

#include "simulcrypt/base.h"

/** Writes a C string as it is. */
void simc__text_put(struct simc_writer *out, const char *text);
/** Writes formatted text of any length. */
void simc__text_printf(struct simc_writer *out, const char *format, ...) SIMC_PRINTF(2, 3);
/** Writes lower case hex digits without separators. */
void simc__text_put_hex(struct simc_writer *out, struct simc_slice bytes);
/** Writes text between double quotes, escaped as JSON wants it. Controls and the invisible
 *  characters that turn the direction of a line are escaped too; bytes that are no UTF-8 become
 *  U+FFFD. */
void simc__text_put_quoted(struct simc_writer *out, struct simc_slice text);
/** The same without the quotes: safe on a terminal and on one line. */
void simc__text_put_escaped(struct simc_writer *out, struct simc_slice text);
/** Makes a sentence that quotes arguments, paths or peers safe on a terminal: each byte of what the
 *  call above would escape (but quotes and backslashes) becomes '?'. */
void simc__text_disarm(char *text);
/** True for a non-empty text of letters, digits and "._:/+-[]@%" only: it needs no quotes. */
bool simc__text_is_plain_word(struct simc_slice text);
/** True when all bytes are printable ASCII; also for the empty text. */
bool simc__text_is_ascii(struct simc_slice text);
/** Writes microseconds since 1970 as `2026-11-21T12:00:00.000000Z`, or `12:00:00.000` when short.
 */
void simc__text_put_utc(struct simc_writer *out, uint64_t time_us, bool whole);

/** Reads an unsigned number: decimal digits without a leading zero, or `0x` and hex digits.
 *  @return 0, or SIMC_ESYNTAX: something else, or over 64 bits. */
int simc__text_read_uint(struct simc_slice text, uint64_t *value) SIMC_MUST_CHECK;
/** The same with an optional `-` or `+` in front. */
int simc__text_read_int(struct simc_slice text, int64_t *value) SIMC_MUST_CHECK;
/** How many letters two words differ in (insert, delete, change; case ignored), for "did you
 *  mean": the two words of a typing slip have a small distance. Words over 40 letters: 40. */
unsigned simc__text_distance(struct simc_slice a, struct simc_slice b);

#endif
