/* SPDX-License-Identifier: BSL-1.0 */
/* A naive encoder that makes the good message of each row, and breaks one rule when told so. The
 * tests of the decoder and of the typed structs use it; it shares no code with the library. */
#ifndef SIMC_TESTS_NAIVE_H
#define SIMC_TESTS_NAIVE_H

#include "simulcrypt/msg.h"

enum { NAIVE_NONE = 99 };

/** One message to be built: which, and what is unlike the good one. */
struct naive {
    const struct simc_message_row *message;
    uint8_t version;
    enum simc_transport transport;
    size_t odd;               /* content row that is unlike, or NAIVE_NONE */
    uint32_t odd_count;       /* how often it occurs */
    const uint8_t *odd_value; /* of its first occurrence; NULL: a good one */
    size_t odd_size;
    size_t offsets[SIMC_MSG_CONTENT_MAX]; /* out: of each first occurrence */
};

/** The bytes that naive_build() wrote last; a test may change them. */
extern uint8_t naive_room[70000];

/** Builds a message in naive_room. */
struct simc_slice naive_build(struct naive *plan);
/** Writes two bytes. */
void naive_patch(size_t where, size_t value);
/** The parameter row of a version among those that start at `index`, or NULL. */
const struct simc_parameter_row *naive_row(const struct simc_interface *on, size_t index,
                                           unsigned version);
/** True when a content row is for this version and transport. */
bool naive_belongs(const struct simc_content_row *row, unsigned version, unsigned transport);

/** What the decoder is to say. */
struct naive_wanted {
    enum simc_fault_kind kind;
    size_t offset;
    uint16_t code;
};

extern const struct naive_wanted naive_good;

/** Versions and error_status as written down by hand in naive.c, not taken from the rows. */
bool naive_has_version(const struct simc_interface *on, unsigned version);
uint16_t naive_status(const struct simc_interface *on, enum simc_fault_kind kind);

/** Decodes and ends the test when anything but the wanted comes out. */
void naive_expect(const struct simc_rules *rules, const struct simc_interface *on,
                  struct simc_slice bytes, struct naive_wanted wanted);

/** Calls `visit` for each message in each version of its interface over each transport, with rules
 *  for that interface and transport. @return how many. */
size_t naive_each_message(void (*visit)(struct naive *plan, const struct simc_rules *rules));

#endif
