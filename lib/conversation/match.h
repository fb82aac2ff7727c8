/* SPDX-License-Identifier: BSL-1.0 */
/* What matching has in common: the occurrences of what a line names, and their values. found.c
 * finds and shows them, match.c checks them. */
#ifndef SIMC__CONVERSATION_MATCH_H
#define SIMC__CONVERSATION_MATCH_H

#include "conversation/internal.h"

enum { SIMC__CONV_FOUND_MAX = 256, SIMC__CONV_SHOWN_MAX = 200 };

/* The occurrences of what a line names. */
struct simc__conv_found {
    struct simc_slice values[SIMC__CONV_FOUND_MAX];
    size_t count; /* may be more than the values kept */
    const struct simc_parameter_row *row;
    bool is_text; /* of an event */
    bool secret;
    struct simc_buffer memory; /* of the content */
};

struct simc__conv_matcher {
    const struct simc__conv_context *context;
    const struct simc__conv_what *what;
    const struct simc__conv_item *item;
    struct simc_msg msg;
    uint8_t version;
    char *why;
};

/** Expands a text into a buffer that the caller releases when this returns 0. */
int simc__conv_expand_text(const struct simc__conv_matcher *m, struct simc_slice text,
                           struct simc_buffer *out, bool *secret) SIMC_MUST_CHECK;
/** Finds what a line names; `found->memory` is the caller's to release, also after an error. */
int simc__conv_occurrences(struct simc__conv_matcher *m, const struct simc__conv_line *line,
                           struct simc__conv_found *found) SIMC_MUST_CHECK;
/** How many values are kept. */
size_t simc__conv_kept(const struct simc__conv_found *found);
/** The number of 0..8 big-endian bytes. */
int64_t simc__conv_number_in(struct simc_slice value, bool is_signed);
/** The number of a value. @return false: it is none. */
bool simc__conv_number_of(const struct simc__conv_found *found, struct simc_slice value,
                          int64_t *number);
/** A value for a sentence. */
void simc__conv_show(const struct simc__conv_found *found, struct simc_slice value,
                     char text[SIMC__CONV_SHOWN_MAX]);
/** The values of a line for a sentence. */
void simc__conv_show_wanted(const struct simc__conv_matcher *m, const struct simc__conv_line *line,
                            const struct simc__conv_found *found, char text[SIMC__CONV_SHOWN_MAX]);
/** Reads "bytes:0011" or "0011"; the caller releases the buffer when this returns 0. */
int simc__conv_read_hex(const struct simc__conv_matcher *m, struct simc_slice text,
                        const uint8_t *at, struct simc_buffer *bytes) SIMC_MUST_CHECK;
/** Whether one value of the line is that of an occurrence. */
int simc__conv_equals(const struct simc__conv_matcher *m, const struct simc__conv_line *line,
                      const struct simc__conv_found *found, struct simc_slice value,
                      struct simc_slice wanted, bool *equal) SIMC_MUST_CHECK;

#endif
