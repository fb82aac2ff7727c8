/* SPDX-License-Identifier: BSL-1.0 */
/**
 * @file simulcrypt/emmg_session.h
 * @brief Sessions of the EMMG/PDG-MUX interface in both roles, its UDP form, and datagrams.
 *
 * The functions of simulcrypt/session.h for all roles drive these sessions too: feed bytes, ask for
 * events, send the output, arm one timer; simc_uv_attach_session() does it over TCP and TLS. The
 * rows of the state machine are in specs/sessions/emmg-mux.md.
 *
 * A MUX serves one channel of one client for each connection. Its hot path is SIMC_EVENT_DATA: the
 * datagrams are borrowed from the bytes that were given, and nothing is copied or allocated.
 *
 *     case SIMC_EVENT_DATA:
 *         while (simc_values_next(&event.data.datagrams, &datagram) == 0) {
 *             fault = simc_datagram_check(section_tspkt_flag, datagram);
 *             fault ? count(fault) : insert(event.data.context, datagram);
 *         }
 */
#ifndef SIMULCRYPT_EMMG_SESSION_H
#define SIMULCRYPT_EMMG_SESSION_H

#include "simulcrypt/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What the datagrams of a channel are (section_TSpkt_flag). */
enum simc_datagram_form {
    SIMC_DATAGRAM_SECTIONS = 0,
    SIMC_DATAGRAM_PACKETS = 1,   /**< of 188 bytes */
    SIMC_DATAGRAM_ARBITRARY = 2, /**< only in version 5 */
};

/** data_type. */
enum simc_data_type {
    SIMC_DATA_TYPE_EMM = 0,
    SIMC_DATA_TYPE_PRIVATE = 1,
    SIMC_DATA_TYPE_ECM = 2, /**< reserved by DVB for ECMs */
};

/* ------------------------------------------------------------------------------- settings -- */

/** The MUX's side. A zeroed struct is complete, as that of all settings. */
struct simc_mux_settings {
    struct simc_session_settings common;
    uint32_t versions; /**< bit n: protocol_version n is served; 0: versions 1, 2, 3, 5 */
};

/** The EMMG's or PDG's side. */
struct simc_emmg_settings {
    struct simc_session_settings common; /**< setup_ms is also how long an allocation may take */
    uint8_t version; /**< protocol_version of this connection; 0: 3. After a refusal see
                      *   simc_emmg_version_after() */
    uint32_t client_id;
    uint16_t data_channel_id;
    uint8_t section_tspkt_flag; /**< enum simc_datagram_form; 2 only in version 5 */
};

/** Makes the MUX's side of an accepted connection.
 *  @param settings copied; NULL: the defaults. @return 0, SIMC_EINVAL (a limit is out of its
 *  range), SIMC_ENOMEM. */
SIMC_API int simc_mux_session_new(const struct simc_mux_settings *settings, uint64_t now_ms,
                                  struct simc_session **session) SIMC_MUST_CHECK;
/** Makes the EMMG's side of a connection that has just been opened; the channel_setup stands in the
 *  output at once. @return as simc_mux_session_new(). */
SIMC_API int simc_emmg_session_new(const struct simc_emmg_settings *settings, uint64_t now_ms,
                                   struct simc_session **session) SIMC_MUST_CHECK;

/* -------------------------------------------------------------------------------- MUX role -- */

/** Opens the channel that the last event (CHANNEL_SETUP) asked for; channel_status repeats what the
 *  EMMG has announced. What else can be wrong with it is the application's to say, with
 *  simc_session_refuse(): 0x0007, 0x000D (a form that is not served), 0x000E, 0x0011, 0x0014.
 *  @return 0, SIMC_EINVAL (nothing was asked), SIMC_ENOMEM. */
SIMC_API int simc_mux_channel_accept(struct simc_session *session) SIMC_MUST_CHECK;
/** Opens the stream that the last event (STREAM_SETUP) asked for. It is not open yet in this
 *  channel, nor is its data_id, and there are no more than stream_limit; the application refuses
 *  0x0009, 0x000D (a data_type that is not served), 0x0010, 0x0013 (the data_id is in use in
 *  another channel of the client).
 *  @param context the application's own, see struct simc_mux_data and simc_mux_stream_context().
 *  @return 0, SIMC_EINVAL, SIMC_ENOMEM. */
SIMC_API int simc_mux_stream_accept(struct simc_session *session, void *context) SIMC_MUST_CHECK;
/** Tells the EMMG the allocation of an open stream: in answer to BW_REQUEST, or because it has
 *  changed. @param bandwidth what may be sent; not known: the message names none.
 *  @return 0, SIMC_ENOTFOUND (no such open stream), SIMC_ENOMEM, SIMC_EFULL. */
SIMC_API int simc_mux_allocate(struct simc_session *session, uint16_t stream_id,
                               struct simc_session_bandwidth bandwidth) SIMC_MUST_CHECK;
/** What the application gave for an open stream (also during its STREAM_CLOSED event); NULL
 *  otherwise. */
SIMC_API void *simc_mux_stream_context(const struct simc_session *session, uint16_t stream_id);
/** Walks over the streams, for the end of a channel. @param next start with 0. @return false: no
 *  more. The streams of a channel that ended can be walked during its CHANNEL_CLOSED event. */
SIMC_API bool simc_mux_stream_next(const struct simc_session *session, uint32_t *next,
                                   uint16_t *stream_id, void **context);
/** The channel as the EMMG announced it; NULL when it is not open. Also for EMMGs. */
SIMC_API const struct simc_emmg_channel_status *simc_emmg_channel(
    const struct simc_session *session);

/* ------------------------------------------------------------------------------- EMMG role -- */

/** The protocol_version to try after one was refused: 3 gives 2, everything else 0 (none). */
SIMC_API uint8_t simc_emmg_version_after(uint8_t refused);

/** Opens a stream; STREAM_OPEN or STREAM_CLOSED follows. @param data_id left out in version 1.
 *  @return 0, SIMC_EINVAL (the id is in use, or data_type is above 2), SIMC_ENOTFOUND (the channel
 *  is not open), SIMC_EFULL (stream_limit), SIMC_ENOMEM. */
SIMC_API int simc_emmg_stream_open(struct simc_session *session, uint16_t stream_id,
                                   uint16_t data_id, uint8_t data_type,
                                   uint64_t now_ms) SIMC_MUST_CHECK;
/** Closes a stream; STREAM_CLOSED follows. @return 0, SIMC_ENOTFOUND. */
SIMC_API int simc_emmg_stream_close(struct simc_session *session, uint16_t stream_id,
                                    uint64_t now_ms) SIMC_MUST_CHECK;
/** Sends stream_BW_request; BW_ALLOCATION or NO_BW_ALLOCATION follows.
 *  @param wanted what is asked for; not known: only the present allocation is asked for.
 *  @return 0, SIMC_ENOTFOUND (the stream is not open), SIMC_EFULL (one has no answer yet),
 *  SIMC_ENOMEM. */
SIMC_API int simc_emmg_request_bandwidth(struct simc_session *session, uint16_t stream_id,
                                         struct simc_session_bandwidth wanted,
                                         uint64_t now_ms) SIMC_MUST_CHECK;
/** Sends one data_provision over TCP. The rate is the application's matter, and so is what the
 *  datagrams hold (simc_datagram_check()).
 *  @param datagrams borrowed for the call; 1 or more. @return 0; SIMC_EAGAIN (the MUX does not read
 *  what was sent: try again when the output has gone, nothing was taken); SIMC_ETOOLONG (more than
 *  one message holds); SIMC_EINVAL (no datagram); SIMC_ENOTFOUND (the stream is not open);
 *  SIMC_ENOMEM. */
SIMC_API int simc_emmg_send(struct simc_session *session, uint16_t stream_id,
                            const struct simc_slice *datagrams, size_t count,
                            uint64_t now_ms) SIMC_MUST_CHECK;

/* ------------------------------------------------------------------------------- datagrams -- */

#define SIMC_DATAGRAM_FAULT_ROWS(ROW)                                                           \
    /* name, error_status, text */                                                              \
    ROW(NONE, 0, "it is right")                                                                 \
    ROW(EMPTY, SIMC_EMMG_STATUS_INVALID_VALUE, "it has no bytes")                               \
    ROW(SHORT, SIMC_EMMG_STATUS_INVALID_VALUE, "it is shorter than the head of a section")      \
    ROW(SECTION_LENGTH, SIMC_EMMG_STATUS_INVALID_VALUE, "section_length does not fit its size") \
    ROW(STUFFING, SIMC_EMMG_STATUS_INVALID_VALUE,                                               \
        "a section has table_id 0xff, which is stuffing in a transport stream")                 \
    ROW(SEVERAL, SIMC_EMMG_STATUS_INVALID_VALUE, "it holds more than one section")              \
    ROW(SIZE, SIMC_EMMG_STATUS_INCONSISTENT_LENGTH, "its size is no multiple of 188 bytes")     \
    ROW(SYNC, SIMC_EMMG_STATUS_INVALID_VALUE, "a transport packet does not begin with 0x47")

#define SIMC__DATAGRAM_FAULT_ENUM(name, status, text) SIMC_DATAGRAM_##name,
/** Why a datagram is not what section_TSpkt_flag promises. */
enum simc_datagram_fault {
    SIMC_DATAGRAM_FAULT_ROWS(SIMC__DATAGRAM_FAULT_ENUM) SIMC_DATAGRAM_FAULT_COUNT
};
#undef SIMC__DATAGRAM_FAULT_ENUM

/** Looks into a datagram. Of sections there may be one or several, whole ones; packets must be
 * whole and begin with 0x47; anything is right in the arbitrary form.
 *  @param form section_TSpkt_flag. @return SIMC_DATAGRAM_NONE; SEVERAL: right, but more than one
 *  section (a strict MUX refuses them, see simc_datagram_next_section()); or the fault. */
SIMC_API enum simc_datagram_fault simc_datagram_check(uint8_t form, struct simc_slice datagram);
/** The next section of a datagram that was checked. @param datagram what is left; moved behind the
 *  section. @return false: there is none. */
SIMC_API bool simc_datagram_next_section(struct simc_slice *datagram, struct simc_slice *section);
/** The sentence of a fault, without a full stop; never NULL. */
SIMC_API const char *simc_datagram_fault_text(enum simc_datagram_fault fault);
/** The error_status to answer, 0 for NONE. */
SIMC_API uint16_t simc_datagram_fault_status(enum simc_datagram_fault fault);

/* ------------------------------------------------------------------------------------- UDP -- */

/** What a MUX takes from UDP. A zeroed struct is: versions 2, 3 and 5, lenient. */
struct simc_mux_udp_rules {
    uint32_t versions; /**< bit n; 0: 2, 3, 5. Version 1 has no UDP form */
    /** Lenient: data_channel_id and data_stream_id are skipped, unknown parameters too, and several
     *  messages may stand in one UDP datagram. Strict: all that is a fault. */
    bool is_strict;
    uint32_t length_limit; /**< longest message_length; 0: no limit */
};

/** A data_provision that came over UDP. */
struct simc_mux_udp_data {
    uint8_t version;
    uint32_t client_id;
    uint16_t data_id;             /**< with client_id the only name of the stream */
    struct simc_values datagrams; /**< borrowed; see struct simc_mux_data */
    size_t bytes;                 /**< of all datagrams together */
};

/** Reads the next message of a UDP datagram. Nothing is ever answered over UDP.
 *  @param bytes the UDP datagram; moved behind the message, and empty after a fault.
 *  @param fault what was wrong; NULL: not wanted.
 *  @return 0; SIMC_EEND (`bytes` is empty); SIMC_EPROTO (no right data_provision: drop it). */
SIMC_API int simc_mux_udp_read(const struct simc_mux_udp_rules *rules, struct simc_slice *bytes,
                               struct simc_mux_udp_data *data,
                               struct simc_fault *fault) SIMC_MUST_CHECK;

/** The longest UDP payload. */
enum { SIMC_UDP_SIZE_MAX = 65507 };

/** Writes a data_provision as one UDP datagram, without data_channel_id and data_stream_id.
 *  @param version 2, 3 or 5. @param out the room for one UDP datagram, empty.
 *  @return 0; SIMC_EINVAL (version, or no datagram); SIMC_ETOOLONG (over SIMC_UDP_SIZE_MAX);
 *  SIMC_ENOSPC (`out->at` tells the room needed). */
SIMC_API int simc_emmg_udp_write(uint8_t version, uint32_t client_id, uint16_t data_id,
                                 const struct simc_slice *datagrams, size_t count,
                                 struct simc_writer *out) SIMC_MUST_CHECK;
/** The bytes that simc_emmg_udp_write() will need, to fill datagrams up to an MTU. */
SIMC_API size_t simc_emmg_udp_size(const struct simc_slice *datagrams, size_t count);

#ifdef __cplusplus
}
#endif
#endif
