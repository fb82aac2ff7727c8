/* SPDX-License-Identifier: BSL-1.0 */
/* Bodies of the link by rows: a structure is an array of its fields, and a row says of each field
 * where it stands and what it may be. The services of the link (scs_mux_*.c) write and read by it.
 */
#ifndef SIMC__LINK_FIELDS_H
#define SIMC__LINK_FIELDS_H

#include <stddef.h>

#include "cbor/cbor.h"
#include "link/scs_mux.h"

enum simc__field_type {
    SIMC__FIELD_UINT,
    SIMC__FIELD_BOOL,
    SIMC__FIELD_TEXT,   /* a char array: UTF-8 without control characters; `max` bytes */
    SIMC__FIELD_SECRET, /* a struct simc_secret: a control word, 8 or 16 bytes; null: none */
    SIMC__FIELD_BYTES,  /* a struct simc_slice, min..max bytes */
};

struct simc__field {
    const char *name;
    uint8_t type;  /* enum simc__field_type */
    uint8_t width; /* UINT: bytes of the member */
    bool has_null; /* UINT, SECRET: null stands for `null_value`, or for no secret */
    uint32_t at;   /* offset of the member */
    uint64_t min, max;
    uint64_t null_value;
};

#define SIMC__FIELD_SIZE(of, member) sizeof(((struct of *)0)->member)
#define SIMC__UINT(of, member, min, max)                                \
    {                                                                   \
#member, SIMC__FIELD_UINT, SIMC__FIELD_SIZE(of, member), false, \
            offsetof(struct of, member), min, max, 0                    \
    }
#define SIMC__UINT_OR_NULL(of, member, min, max, null)                 \
    {                                                                  \
#member, SIMC__FIELD_UINT, SIMC__FIELD_SIZE(of, member), true, \
            offsetof(struct of, member), min, max, null                \
    }
#define SIMC__BOOL(of, member)                                                    \
    {                                                                             \
#member, SIMC__FIELD_BOOL, 1, false, offsetof(struct of, member), 0, 1, 0 \
    }
#define SIMC__TEXT(of, member)                                               \
    {                                                                        \
#member, SIMC__FIELD_TEXT, 1, false, offsetof(struct of, member), 0, \
            SIMC__FIELD_SIZE(of, member) - 1, 0                              \
    }
#define SIMC__CW(of, member, is_optional)                                                  \
    {                                                                                      \
#member, SIMC__FIELD_SECRET, 1, is_optional, offsetof(struct of, member), 8, 16, 0 \
    }
#define SIMC__BYTES(of, member, min, max)                                              \
    {                                                                                  \
#member, SIMC__FIELD_BYTES, 1, false, offsetof(struct of, member), min, max, 0 \
    }

/* Rows of a structure, and their number: for the calls below. */
#define SIMC__ROWS(rows) (rows), sizeof(rows) / sizeof((rows)[0])

/* Ranges that several messages share. */
#define SIMC__TICK_MAX ((UINT64_C(1) << 62) - 1)
enum { SIMC__PID_MAX = 0x1ffe, SIMC__NULL_PID = 0x1fff, SIMC__BODY_DEPTH = 6 };

/* ---- writing ---- */

/* Writes the fields, as elements of the array that is open. What is out of range: SIMC_EINVAL. */
void simc__fields_put(struct simc__cbor_writer *writer, const struct simc__field *rows,
                      size_t count, const void *from);
/* Ends the writer with SIMC_EINVAL unless the value is right. */
void simc__fields_demand(struct simc__cbor_writer *writer, bool is_right);

/* ---- reading ---- */

/* A body on its way in: the first fault keeps the name of what is read. */
struct simc__body {
    struct simc__cbor_reader cbor;
    const char *message; /* "ORDERS" */
    const char *part;    /* "WINDOW"; NULL: none */
    const char *field;   /* of the first fault */
};

void simc__body_init(struct simc__body *body, struct simc_slice bytes, const char *message);
/* Reads the fields of rows from the array that is open. */
void simc__fields_get(struct simc__body *body, const struct simc__field *rows, size_t count,
                      void *to);
/* Enters an array; `field` names it in the sentence on a fault (NULL: the part or message). */
uint64_t simc__body_array(struct simc__body *body, uint64_t min, uint64_t max, const char *field);
/* A number that is no member of a structure. */
uint64_t simc__body_uint(struct simc__body *body, uint64_t min, uint64_t max, const char *field);
/* Notes that the field read last does not belong there. */
void simc__body_refuse(struct simc__body *body, const char *field);
/* 0, or SIMC_EPROTO with the sentence. Does not ask that the bytes are at their end. */
int simc__body_result(const struct simc__body *body,
                      char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;
/* The same behind the last item. */
int simc__body_finish(struct simc__body *body, char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;
/* SIMC_ENOMEM with its sentence. */
int simc__body_no_memory(const struct simc__body *body, char why[SIMC__SCS_MUX_TEXT_SIZE]);

/* ---- lists of any length ---- */

/* Entries of a list at most: orders, reports or SCGs in one body. */
enum { SIMC__LIST_MAX = 65535 };

void simc__list_begin(struct simc__scs_mux_orders *list, struct simc_writer *out);
/* Begins an entry of so many elements behind those that are there. @return false: the list is at
 * its end (SIMC_ENOSPC), or the writer has failed before. */
int simc__list_entry(struct simc__scs_mux_orders *list, struct simc__cbor_writer *writer,
                     size_t *mark) SIMC_MUST_CHECK;
/* Ends it: an entry that does not fit is taken back and wiped. */
int simc__list_entry_end(struct simc__scs_mux_orders *list, struct simc__cbor_writer *writer,
                         size_t mark) SIMC_MUST_CHECK;
int simc__list_end(struct simc__scs_mux_orders *list) SIMC_MUST_CHECK;

/* Takes over the list whose head `body` has just entered. */
void simc__list_open(const struct simc__body *body, uint64_t count,
                     struct simc__scs_mux_reader *reader);
/* Makes `body` a reader of the next entry. @return 0, SIMC_EEND, SIMC_EPROTO (bytes behind the
 * last one). */
int simc__list_next(const struct simc__scs_mux_reader *reader, const char *message,
                    struct simc__body *body, char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;
/* Moves on when the entry was good. @return 0 or SIMC_EPROTO. */
int simc__list_next_end(struct simc__scs_mux_reader *reader, const struct simc__body *body,
                        char why[SIMC__SCS_MUX_TEXT_SIZE]) SIMC_MUST_CHECK;

#endif
