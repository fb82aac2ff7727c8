/* SPDX-License-Identifier: BSL-1.0 */
/* What the two printers (text form, JSON) and the fault sentences share: how a value may be shown
 * without loss, and whether it may be shown at all. */
#ifndef SIMC__PROTO_PRINT_H
#define SIMC__PROTO_PRINT_H

#include "proto/table.h"

struct simc__printer {
    const struct simc_msg *msg;
    const struct simc_fault *fault; /* may be NULL */
    const struct simc_print *how;
    struct simc_writer *out;
};

/** The type under which a value can be shown without loss; SIMC_VALUE_BYTES when that of its row
 *  (may be NULL) does not fit what arrived. */
enum simc_value_type simc__shown_type(const struct simc_parameter_row *row,
                                      struct simc_slice value);
/** The number in 0..8 big-endian bytes. */
uint64_t simc__value_number(struct simc_slice bytes);
/** The same as two's complement; 1..8 bytes. */
int64_t simc__value_signed(struct simc_slice bytes);
/** The name of a unit, `"100 ms"`; "" for SIMC_UNIT_NONE. */
const char *simc__unit_name(enum simc_unit unit);
/** Writes an activation_time as `2026-11-21T12:00:00.00`. */
void simc__put_date(struct simc_writer *out, struct simc_slice value);
/** Writes `masked:`, the size and the fingerprint in the place of bytes that are not shown. */
void simc__put_masked(struct simc_writer *out, struct simc_slice bytes);

/** True when bytes of the message that no row explains may belong to a control word. */
bool simc__may_hold_secret(const struct simc_msg *msg);
/** The row of a parameter in the message's version, or NULL. */
const struct simc_parameter_row *simc__print_row(const struct simc__printer *p, uint16_t code);
/** True when the decoder skips a parameter of the message (not of a group). */
bool simc__print_skips(const struct simc__printer *p, const struct simc_parameter_row *row);
/** True when the value of a parameter is to be masked although its type is not CP_CW. */
bool simc__print_hides(const struct simc__printer *p, const struct simc_parameter *parameter);

void simc__print_text(const struct simc__printer *p);
void simc__print_json(const struct simc__printer *p);

#endif
