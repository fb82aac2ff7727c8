/* SPDX-License-Identifier: BSL-1.0 */
/* What the generated tables (lib/proto/tables.c) hand to the engine beyond the public rows. */
#ifndef SIMC__PROTO_TABLE_H
#define SIMC__PROTO_TABLE_H

#include "simulcrypt/msg.h"

enum { SIMC__INTERFACE_COUNT = 5, SIMC__NO_MEMBER = 0xffff, SIMC__NO_ROW = 0xff };

extern const struct simc_interface *const simc__interfaces[SIMC__INTERFACE_COUNT];

/** Message rows by message_type; the types of all interfaces lie below this size. */
enum { SIMC__MESSAGE_TYPE_END = 0x0444 };
extern const struct simc_message_row *const simc__message_by_type[SIMC__MESSAGE_TYPE_END];

/** How a content row appears as a member of a typed struct. */
enum simc__member_kind {
    SIMC__MEMBER_U8,
    SIMC__MEMBER_U16,
    SIMC__MEMBER_U32,
    SIMC__MEMBER_U64,
    SIMC__MEMBER_I16,
    SIMC__MEMBER_BOOL,
    SIMC__MEMBER_SLICE,  /* one variable value: struct simc_slice */
    SIMC__MEMBER_VALUES, /* count_max > 1: struct simc_values */
};

struct simc__member {
    uint8_t content; /* index of the content row */
    uint8_t kind;    /* enum simc__member_kind */
    uint16_t offset; /* of the value in the typed struct */
    uint16_t has;    /* offset of its `bool has_...`, or SIMC__NO_MEMBER: always there */
};

/** A typed struct: the message row it belongs to, and its members in the order of the rows. */
struct simc__typed {
    const struct simc_message_row *row;
    const struct simc__member *members;
    uint8_t member_count;
    uint16_t size; /* of the struct */
};

/** True when a name and a text are the same, letter case ignored. */
bool simc__name_equal(const char *name, struct simc_slice text);
/** The index of a parameter's first row, or SIMC__NO_ROW. */
uint8_t simc__parameter_index(const struct simc_interface *on, uint16_t code);
/** The row for a version among those that start at `index`, or NULL. */
const struct simc_parameter_row *simc__parameter_row(const struct simc_interface *on, uint8_t index,
                                                     uint8_t version);
/** Checks a value against its row, nested parameters too. @param fault gets what is wrong.
 *  @return 0 or SIMC_EPROTO. */
int simc__value_check(const struct simc_rules *rules, const struct simc_interface *on,
                      uint8_t version, const struct simc_parameter_row *row,
                      const struct simc_parameter *parameter, struct simc_fault *fault);

/** Fills a typed struct from a message that was decoded without a fault. */
int simc__typed_get(const struct simc__typed *typed, const struct simc_msg *msg, void *out);
/** Writes a whole message from a typed struct. */
int simc__typed_put(const struct simc__typed *typed, struct simc_writer *writer, uint8_t version,
                    const void *in);

#endif
