/* SPDX-License-Identifier: BSL-1.0 */
/**
 * @file simulcrypt/msg.h
 * @brief Messages of the DVB SimulCrypt interfaces (ETSI TS 103 197): rows, framing, decode,
 *        encode, print, parse.
 *
 * One engine serves every interface; what differs is in rows (specs/protocol), which are here as
 * constant data. The way of a message in:
 *
 *     byte stream -> simc_framer_next() -> simc_msg_decode() -> simc_ecmg_cw_provision_get()
 *
 * and out: simc_ecmg_ecm_response_put() or simc_msg_begin() / simc_msg_put_...() / simc_msg_end().
 *
 * Decoding neither allocates nor copies: a `struct simc_msg` points into the caller's bytes and is
 * valid as long as they are. Constant rows may be used by any thread.
 */
#ifndef SIMULCRYPT_MSG_H
#define SIMULCRYPT_MSG_H

#include "simulcrypt/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SIMC_MSG_HEADER_SIZE = 5,        /**< protocol_version, message_type, message_length [4.4.1] */
    SIMC_MSG_LENGTH_MAX = 65535,     /**< largest message_length */
    SIMC_MSG_SIZE_MAX = 65540,       /**< largest message with its header */
    SIMC_PARAMETER_HEADER_SIZE = 4,  /**< parameter_type and parameter_length */
    SIMC_MSG_CONTENT_MAX = 16,       /**< most parameter rows of one message */
    SIMC_COUNT_MANY = 65535,         /**< a count without a limit but the size of the message */
    SIMC_VERSION_MAX = 5,            /**< highest protocol_version that any row knows */
    SIMC_ERROR_STATUS_TYPE = 0x7000, /**< the same parameter on all interfaces [4.4.1] */
    SIMC_ERROR_INFORMATION_TYPE = 0x7001,
};

/* ----------------------------------------------------------------------------------- rows -- */

/** How the bytes of a parameter are to be read. */
enum simc_value_type {
    SIMC_VALUE_UINT,  /**< unsigned, big-endian, 1..8 bytes */
    SIMC_VALUE_INT,   /**< two's complement, big-endian, 1..8 bytes */
    SIMC_VALUE_BOOL,  /**< one byte, 0 or 1 */
    SIMC_VALUE_BYTES, /**< opaque */
    SIMC_VALUE_TEXT,  /**< ASCII text */
    SIMC_VALUE_DATE,  /**< activation_time: year (2), month, day, hour, minute, second, 1/100 s */
    SIMC_VALUE_CP_CW, /**< CP_number (2), then the control word: a secret */
    SIMC_VALUE_GROUP, /**< parameters within a parameter (ECM_Group, table_period_pair) */
};

enum simc_unit {
    SIMC_UNIT_NONE,
    SIMC_UNIT_MS,
    SIMC_UNIT_100MS,
    SIMC_UNIT_S,
    SIMC_UNIT_KBITPS, /**< 1000 bit/s */
};

/** Who sends a message. The client is the side that opens the TCP connection. */
enum simc_direction {
    SIMC_DIRECTION_UNKNOWN, /**< not in any source open to us */
    SIMC_DIRECTION_EITHER,
    SIMC_DIRECTION_TO_SERVER,
    SIMC_DIRECTION_TO_CLIENT,
};

/** What carries a message; a bit mask in rows. */
enum simc_transport {
    SIMC_TRANSPORT_TCP = 1,
    SIMC_TRANSPORT_UDP = 2,
};

/** A row of a message's (or group's) content: one parameter and how often it may occur. */
struct simc_content_row {
    uint8_t parameter;  /**< index of the parameter's first row in simc_interface.parameters */
    uint8_t since;      /**< first protocol_version that has it */
    uint8_t until;      /**< last one */
    uint8_t transports; /**< mask of enum simc_transport */
    uint16_t count_min;
    uint16_t count_max; /**< SIMC_COUNT_MANY: no limit */
    bool confirmed;     /**< false: no open source confirms the counts, so they are not enforced */
    const char *clause; /**< where the standard says so */
};

/** A parameter row. Rows of one parameter for different versions stand one after the other. */
struct simc_parameter_row {
    const char *name;
    uint16_t code; /**< parameter_type */
    uint8_t since, until;
    enum simc_value_type type;
    enum simc_unit unit;
    uint16_t size_min, size_max;   /**< bytes of the value */
    uint64_t value_min, value_max; /**< SIMC_VALUE_UINT and _BOOL only; else 0 and UINT64_MAX */
    bool hex;                      /**< people read it in hexadecimal */
    bool secret;                   /**< holds a control word */
    bool confirmed;                /**< false: the form is not confirmed by any open source */
    uint8_t group_count;           /**< SIMC_VALUE_GROUP: rows in `group` */
    const struct simc_content_row *group;
    const char *clause;
    const char *note; /**< one sentence for people, or "" */
};

struct simc_interface;

struct simc_message_row {
    const struct simc_interface *interface;
    const char *name;
    uint16_t type;
    enum simc_direction direction;
    uint8_t transports;
    uint8_t content_count;
    /** false: no source tells what the message holds; any parameter of the interface may occur. */
    bool content_known;
    const struct simc_content_row *content; /**< in the order in which they are sent */
    const uint8_t *slots;                   /**< by parameter index: the content row, or 0xff */
    const char *clause;
    const char *note;
};

/** Kinds of faults, each with an error_status of its own where the interface has one. */
enum simc_fault_kind {
    SIMC_FAULT_NONE,
    SIMC_FAULT_FRAMING,        /**< header or parameter does not fit into the bytes */
    SIMC_FAULT_VERSION,        /**< protocol_version not accepted */
    SIMC_FAULT_MESSAGE_TYPE,   /**< message_type unknown on this interface (strict only) */
    SIMC_FAULT_TOO_LONG,       /**< message_length above the local limit */
    SIMC_FAULT_PARAMETER_TYPE, /**< parameter unknown, or not for this message (strict only) */
    SIMC_FAULT_LENGTH,         /**< parameter_length outside its row */
    SIMC_FAULT_MISSING,        /**< a parameter occurs less often than its row says */
    SIMC_FAULT_TOO_MANY,       /**< a parameter occurs more often than its row says */
    SIMC_FAULT_VALUE,          /**< the value is outside its row */
    SIMC_FAULT_KIND_COUNT,
};

/** A row of an interface's error_status registry. */
struct simc_status_row {
    uint16_t status;
    const char *name;
    const char *text;
};

struct simc_interface {
    const char *id;              /**< "ecmg": prefix of the C names */
    const char *name;            /**< "ECMG-SCS" */
    const char *client, *server; /**< who connects and who listens, "SCS" and "ECMG" */
    const char *clause;
    uint32_t versions; /**< bit n: protocol_version n exists on this interface */
    uint8_t version;   /**< the version of TS 103 197 V1.5.1 */
    uint8_t parameter_count, message_count, status_count;
    const struct simc_parameter_row *parameters;
    const struct simc_message_row *messages;
    const struct simc_status_row *statuses;
    uint16_t fault_status[SIMC_FAULT_KIND_COUNT]; /**< error_status of each fault; 0: none */
    uint8_t parameter_index[0x84]; /**< by code, see simc_parameter_find(); 0xff: none */
};

/** All interfaces; `*count` of them. Never NULL. */
SIMC_API const struct simc_interface *const *simc_interfaces(size_t *count);
/** The interface of a name ("ECMG-SCS") or id ("ecmg"), letter case ignored; NULL if none. */
SIMC_API const struct simc_interface *simc_interface_find(struct simc_slice name);
/** The row of a message_type, which is unique over all interfaces; NULL when it is unknown. */
SIMC_API const struct simc_message_row *simc_message_find(uint16_t type);
/** The row of a message name ("CW_provision", case ignored) on an interface; NULL if none. */
SIMC_API const struct simc_message_row *simc_message_find_name(const struct simc_interface *on,
                                                               struct simc_slice name);
/** The row of a parameter_type for a protocol_version; NULL when that version lacks it. */
SIMC_API const struct simc_parameter_row *simc_parameter_find(const struct simc_interface *on,
                                                              uint16_t code, uint8_t version);
/** The row of a parameter name (case ignored) for a protocol_version; NULL if none. */
SIMC_API const struct simc_parameter_row *simc_parameter_find_name(const struct simc_interface *on,
                                                                   struct simc_slice name,
                                                                   uint8_t version);
/** The text of an error_status, or NULL when the registry has no such row. */
SIMC_API const char *simc_status_text(const struct simc_interface *on, uint16_t status);

/* -------------------------------------------------------------------------------- framing -- */

/**
 * Cuts a byte stream into messages, however it was segmented. Whole messages in the input are
 * handed out in place; only what is cut by the end of the input is copied. [4.4.1]
 */
struct simc_framer {
    struct simc_buffer held; /**< the front part of a message */
    struct simc_slice input; /**< bytes not yet looked at, borrowed */
    uint32_t length_limit;   /**< longest message_length accepted */
    uint32_t drain;          /**< bytes of a too long message still to be thrown away */
    uint64_t taken;          /**< bytes of the stream consumed so far */
    bool deliver_held;       /**< the message handed out last lies in `held` */
};

/** What a framer hands out. */
struct simc_frame {
    struct simc_slice bytes; /**< the message with its header; valid until the next framer call */
    uint64_t offset;         /**< of its first byte in the stream */
};

/**
 * Makes an empty framer; no memory is taken before a message is cut.
 * @param length_limit longest message_length to accept, 0..SIMC_MSG_LENGTH_MAX; longer messages
 *        are drained and reported.
 */
SIMC_API void simc_framer_init(struct simc_framer *framer, uint32_t length_limit);
SIMC_API void simc_framer_fini(struct simc_framer *framer);
/**
 * Gives received bytes. Call simc_framer_next() until it returns SIMC_EAGAIN before the bytes are
 * released or more are given.
 */
SIMC_API void simc_framer_feed(struct simc_framer *framer, struct simc_slice bytes);
/**
 * The next message.
 * @return 0; SIMC_EAGAIN (all input is used up); SIMC_ETOOLONG (`frame->bytes` is the five-byte
 *         header of a message above the limit; its rest is drained, the framer goes on);
 *         SIMC_ENOMEM (fatal: only simc_framer_fini() may follow).
 */
SIMC_API int simc_framer_next(struct simc_framer *framer, struct simc_frame *frame) SIMC_MUST_CHECK;
/** Bytes of an unfinished message that are held or still to be drained; 0 between messages. */
SIMC_API size_t simc_framer_pending(const struct simc_framer *framer);

/* ------------------------------------------------------------------------------ parameters -- */

/** One TLV of a message. */
struct simc_parameter {
    uint16_t code;
    struct simc_slice value;
    uint32_t offset; /**< of its parameter_type, from the start of the message */
};

/** Walks over the TLVs of a message or group in the order in which they were sent. */
struct simc_parameter_cursor {
    struct simc_slice bytes; /**< the TLVs */
    size_t at;
    uint32_t offset; /**< offset in the message of bytes.data */
};

/**
 * The next TLV. @return 0, SIMC_EEND, or SIMC_EPROTO: what is left at `cursor->at` is no whole TLV
 * (fewer than four bytes, or a length that runs past the end).
 */
SIMC_API int simc_parameter_next(struct simc_parameter_cursor *cursor,
                                 struct simc_parameter *parameter) SIMC_MUST_CHECK;
/** A cursor into the value of a group parameter. */
SIMC_API struct simc_parameter_cursor simc_parameter_group(const struct simc_parameter *parameter);

/**
 * Repeated values of one parameter. After decoding it walks the message; for encoding the caller
 * sets `count` and `items`.
 */
struct simc_values {
    uint32_t count;
    const struct simc_slice *items;      /**< encoding: `count` values, borrowed; decoding: NULL */
    struct simc_parameter_cursor cursor; /**< decoding: the next occurrence is at or behind it */
    uint16_t code;
};

/** The next value. @return 0, or SIMC_EEND after `count` of them. */
SIMC_API int simc_values_next(struct simc_values *values, struct simc_slice *value) SIMC_MUST_CHECK;

/** Splits a CP_CW_combination. @return 0, or SIMC_EPROTO: no CP, no CW, or a CW over
 *  SIMC_SECRET_SIZE_MAX. */
SIMC_API int simc_cp_cw_get(struct simc_slice value, uint16_t *cp_number,
                            struct simc_secret *cw) SIMC_MUST_CHECK;
/** Builds a CP_CW_combination in the writer; the caller wipes that memory when it is sent. */
SIMC_API void simc_cp_cw_put(struct simc_writer *writer, uint16_t cp_number,
                             const struct simc_secret *cw);

/** activation_time of EIS-SCS and (P)SIG-MUX: plain binary numbers, probably UTC. */
struct simc_date {
    uint16_t year;
    uint8_t month, day, hour, minute, second, hundredth;
};

/** Reads the eight bytes. @return 0, or SIMC_EPROTO: not eight bytes, or no such date. */
SIMC_API int simc_date_get(struct simc_slice value, struct simc_date *date) SIMC_MUST_CHECK;
SIMC_API void simc_date_put(struct simc_writer *writer, const struct simc_date *date);

/* --------------------------------------------------------------------------------- decode -- */

/** What a receiver accepts. A zeroed struct is: any interface, all its versions, TCP, lenient. */
struct simc_rules {
    const struct simc_interface *interface; /**< NULL: find it by message_type */
    /** Bit n: protocol_version n is accepted; 0: all of the interface. Of a version that is none of
     *  the interface rows are missing, and its typed structs are not filled. */
    uint32_t versions;
    uint32_t length_limit;         /**< longest message_length; 0: no limit of our own */
    enum simc_transport transport; /**< 0 means TCP */
    bool strict;                   /**< unknown messages and parameters are faults, not skipped */
    bool unconfirmed;              /**< also enforce rows that no open source confirms */
};

/** What is wrong with a message, told as a value. Absent, wrong length, unknown and too many stay
 *  different things. */
struct simc_fault {
    enum simc_fault_kind kind;
    uint16_t error_status; /**< to be sent on this interface; 0 when it has no such status */
    /** Byte in the message that is to blame; for MISSING and TOO_MANY the message's or group's
     *  end. */
    uint32_t offset;
    /** parameter_type to blame, or 0. On FRAMING it is what stands in the place of a code, and may
     *  be a part of a control word: log the sentence of simc_fault_text() instead. */
    uint16_t code;
    const struct simc_parameter_row *parameter; /**< its row, or NULL */
    const struct simc_parameter_row *group;     /**< the group that it stands in, or NULL */
    uint64_t expected_min, expected_max;        /**< bytes, occurrences, or values: see kind */
    uint64_t found;
    bool unconfirmed; /**< the rule is one that no open source confirms */
};

/** Where a parameter was found in a message. */
struct simc_slot {
    uint32_t first; /**< offset of its first occurrence's parameter_type */
    uint32_t count;
};

/** A decoded message; borrows the bytes it was decoded from. */
struct simc_msg {
    struct simc_slice bytes;
    const struct simc_interface *interface; /**< NULL: neither given nor found */
    const struct simc_message_row *row;     /**< NULL: unknown message_type, to be ignored */
    uint8_t version;
    uint16_t type;
    bool valid;             /**< decoded without a fault */
    uint32_t skipped_count; /**< parameters unknown or not for this message; not within groups */
    struct simc_slot slots[SIMC_MSG_CONTENT_MAX]; /**< by content row */
};

/**
 * Decodes and validates one message and reports the first fault. The checks are made in this order:
 * protocol_version; the local limit; message_length; message_type; the structure of the parameters;
 * then, parameter by parameter, type, length and value (a group with all it holds, its counts too);
 * the counts last. Of a message that is unknown and so to be ignored, nothing behind message_type
 * is looked at.
 * @param bytes one whole message with its header, as from simc_framer_next() or one UDP datagram.
 * @param msg filled as far as the message could be read, also on a fault; its counts are then
 *        incomplete.
 * @param fault on SIMC_EPROTO what is wrong (NULL: not wanted); else its kind is SIMC_FAULT_NONE.
 * @return 0 (also for an unknown message in lenient mode: `msg->row` is NULL then), SIMC_EPROTO.
 */
SIMC_API int simc_msg_decode(const struct simc_rules *rules, struct simc_slice bytes,
                             struct simc_msg *msg, struct simc_fault *fault) SIMC_MUST_CHECK;

/** Explains a fault in one sentence without a full stop: what, where, and what was expected. It
 *  never quotes bytes that may belong to a control word, so it is fit for logs. */
SIMC_API void simc_fault_text(const struct simc_fault *fault, const struct simc_msg *msg,
                              struct simc_writer *out);
/** The name of a kind of fault, `"wrong length"`. */
SIMC_API const char *simc_fault_kind_name(enum simc_fault_kind kind);

/** A cursor over all TLVs of the message. */
SIMC_API struct simc_parameter_cursor simc_msg_parameters(const struct simc_msg *msg);
/** The first value of a parameter. @return 0, or SIMC_ENOTFOUND. */
SIMC_API int simc_msg_value(const struct simc_msg *msg, uint16_t code,
                            struct simc_slice *value) SIMC_MUST_CHECK;
/** The first value of an unsigned parameter of 1..8 bytes. @return 0, SIMC_ENOTFOUND, or
 *  SIMC_EPROTO: its length is 0 or over 8. */
SIMC_API int simc_msg_uint(const struct simc_msg *msg, uint16_t code,
                           uint64_t *value) SIMC_MUST_CHECK;
/** All values of a parameter; an empty walk when there are none. */
SIMC_API struct simc_values simc_msg_values(const struct simc_msg *msg, uint16_t code);

/* --------------------------------------------------------------------------------- encode -- */

/**
 * Starts a message; the length is filled in by simc_msg_end(). Parameters follow in any order,
 * best in that of the rows.
 * @return the offset of the message in the writer, to be given to simc_msg_end().
 */
SIMC_API size_t simc_msg_begin(struct simc_writer *writer, uint8_t version, uint16_t type);
/** Ends a message; after an error what was written is no message. @return 0, SIMC_ENOSPC
 * (`writer->at` tells the room needed), SIMC_ETOOLONG (over SIMC_MSG_LENGTH_MAX), or the writer's
 * earlier error. */
SIMC_API int simc_msg_end(struct simc_writer *writer, size_t start) SIMC_MUST_CHECK;
/** Writes one TLV; a value over 65535 bytes fails the writer with SIMC_ETOOLONG. */
SIMC_API void simc_msg_put(struct simc_writer *writer, uint16_t code, struct simc_slice value);
/** Writes one TLV of 1..8 bytes, big-endian; negative values as two's complement. */
SIMC_API void simc_msg_put_uint(struct simc_writer *writer, uint16_t code, uint64_t value,
                                size_t size);
/** Starts a group parameter. @return to be given to simc_msg_end_group(). */
SIMC_API size_t simc_msg_begin_group(struct simc_writer *writer, uint16_t code);
SIMC_API void simc_msg_end_group(struct simc_writer *writer, size_t start);

/* ----------------------------------------------------------------------------------- text -- */

enum simc_print_form {
    SIMC_PRINT_TEXT, /**< the text form: a line per parameter; simc_msg_parse() reads it back */
    SIMC_PRINT_JSON, /**< one JSON object without line ends */
};

struct simc_print {
    enum simc_print_form form;
    /** Print control words. Otherwise they are masked, and with them all opaque bytes that may be a
     *  control word out of place: in a message that can hold one (or that is unknown) what is
     *  unknown, misplaced, of a wrong length, or opaque while the message has a fault. What
     *  is masked cannot be parsed back. */
    bool show_secrets;
    bool plain;      /**< text form: no comments behind '#' */
    unsigned indent; /**< text form: spaces in front of each line */
};

/**
 * Prints a message, faulty ones included: what could be read is shown, the rest in hex. With
 * show_secrets the text form holds every byte: simc_msg_parse() makes the same message of it.
 * @param fault NULL or that of simc_msg_decode(): told in a comment, or as a member "fault".
 * @param out on SIMC_ENOSPC `out->at` tells the room needed.
 */
SIMC_API void simc_msg_print(const struct simc_msg *msg, const struct simc_fault *fault,
                             const struct simc_print *how, struct simc_writer *out);

enum { SIMC_PARSE_TEXT_SIZE = 200 };

/** What is wrong with a text, and where. */
struct simc_parse_fault {
    size_t line;                     /**< from 1 */
    size_t column;                   /**< from 1, in bytes */
    char text[SIMC_PARSE_TEXT_SIZE]; /**< one sentence without a full stop, '\0' ended */
};

/**
 * Reads one message in text form and writes its bytes.
 * @param text the message may be followed by others. @param used on success how many bytes of the
 *        text it took (NULL: not wanted).
 * @param line on entry the number of the text's first line, from 1; on success that of the line
 *        behind the message (NULL: starts at 1).
 * @return 0; SIMC_EEND (nothing but blank lines and comments is left); SIMC_ESYNTAX (see fault);
 *         SIMC_ENOSPC; SIMC_ETOOLONG.
 */
SIMC_API int simc_msg_parse(struct simc_slice text, struct simc_writer *out, size_t *used,
                            size_t *line, struct simc_parse_fault *fault) SIMC_MUST_CHECK;

#include "simulcrypt/messages.h"

#ifdef __cplusplus
}
#endif
#endif
