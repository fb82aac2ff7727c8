/* SPDX-License-Identifier: BSL-1.0 */
/**
 * @file simulcrypt/ts.h
 * @brief The MPEG transport stream: packets, PCR, continuity, synchronisation, sections,
 * statistics.
 *
 * Bytes and packets go in, views and numbers come out; nothing here does input or output, reads a
 * clock or starts a thread. A "packet" is always a pointer to SIMC_TS_SIZE readable bytes. Clauses
 * in brackets name ISO/IEC 13818-1 ("13818"), TR 101 290 ("101290") and EN 300 468 ("300468").
 *
 * Times and clock values are counts of 27 MHz ticks and carry `_27mhz` in their names.
 */
#ifndef SIMULCRYPT_TS_H
#define SIMULCRYPT_TS_H

#include "simulcrypt/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SIMC_TS_SIZE = 188,           /**< bytes of a packet */
    SIMC_TS_SYNC = 0x47,          /**< its first byte */
    SIMC_TS_PAYLOAD_MAX = 184,    /**< bytes of payload without an adaptation field */
    SIMC_TS_PID_COUNT = 8192,     /**< PIDs are 13 bits */
    SIMC_TS_STRIDE_MAX = 204,     /**< bytes from packet to packet, at most */
    SIMC_SECTION_SIZE_MAX = 4096, /**< header and CRC included; the PSI limit is 1024 */
    SIMC_PSI_SIZE_MAX = 1024,
};

/** PIDs with a fixed meaning. [13818 table 2-3, 300468 table 1] */
enum simc_ts_pid {
    SIMC_PID_PAT = 0x0000,
    SIMC_PID_CAT = 0x0001,
    SIMC_PID_NIT = 0x0010,
    SIMC_PID_SDT = 0x0011, /**< SDT and BAT */
    SIMC_PID_EIT = 0x0012,
    SIMC_PID_RST = 0x0013,
    SIMC_PID_TDT = 0x0014,  /**< TDT and TOT */
    SIMC_PID_FREE = 0x0020, /**< the first that DVB leaves free */
    SIMC_PID_NULL = 0x1fff,
};

/** transport_scrambling_control as DVB reads it. */
enum simc_ts_tsc {
    SIMC_TSC_CLEAR = 0,
    SIMC_TSC_RESERVED = 1,
    SIMC_TSC_EVEN = 2, /**< scrambled with the even control word */
    SIMC_TSC_ODD = 3,
};

/* --------------------------------------------------------------------------------- header -- */

static inline uint16_t simc_ts_pid(const uint8_t *packet)
{
    return (uint16_t)((packet[1] & 0x1f) << 8 | packet[2]);
}

static inline bool simc_ts_error(const uint8_t *packet) /**< transport_error_indicator */
{
    return packet[1] & 0x80;
}

static inline bool simc_ts_unit_start(const uint8_t *packet) /**< payload_unit_start_indicator */
{
    return packet[1] & 0x40;
}

static inline enum simc_ts_tsc simc_ts_tsc(const uint8_t *packet)
{
    return (enum simc_ts_tsc)(packet[3] >> 6);
}

static inline uint8_t simc_ts_cc(const uint8_t *packet) /**< continuity_counter */
{
    return packet[3] & 0xf;
}

/**
 * True when the packet obeys the rules that the payload position depends on: the sync byte, an
 * adaptation_field_control other than 00, and an adaptation_field_length of 0..182 with payload
 * and exactly 183 without. What fails here has no payload and no adaptation field. [13818 2.4.3]
 */
static inline bool simc_ts_valid(const uint8_t *packet)
{
    unsigned control = packet[3] & 0x30;
    return packet[0] == SIMC_TS_SYNC && (control == 0x10 || (control == 0x30 && packet[4] <= 182) ||
                                         (control == 0x20 && packet[4] == 183));
}

/** Where the payload starts, 4..187; SIMC_TS_SIZE when there is none (also in a bad packet). */
static inline unsigned simc_ts_payload_at(const uint8_t *packet)
{
    unsigned control = packet[3] & 0x30;
    if (control == 0x10)
        return 4;
    return control == 0x30 && packet[4] <= 182 ? 5u + packet[4] : (unsigned)SIMC_TS_SIZE;
}

/** The payload, borrowed from the packet; empty when there is none. */
static inline struct simc_slice simc_ts_payload(const uint8_t *packet)
{
    unsigned at = simc_ts_payload_at(packet);
    return simc_slice(packet + at, SIMC_TS_SIZE - at);
}

static inline void simc_ts_set_pid(uint8_t *packet, uint16_t pid)
{
    packet[1] = (uint8_t)((packet[1] & 0xe0) | (pid >> 8 & 0x1f));
    packet[2] = (uint8_t)pid;
}

static inline void simc_ts_set_tsc(uint8_t *packet, enum simc_ts_tsc tsc)
{
    packet[3] = (uint8_t)((packet[3] & 0x3f) | ((unsigned)tsc & 3) << 6);
}

static inline void simc_ts_set_cc(uint8_t *packet, unsigned cc)
{
    packet[3] = (uint8_t)((packet[3] & 0xf0) | (cc & 0xf));
}

/** Fills a null packet: PID 0x1fff, payload 0xff. */
SIMC_API void simc_ts_null(uint8_t packet[SIMC_TS_SIZE]);

/** The header fields of a packet as a struct, for code that is not in a hurry. */
struct simc_ts_header {
    uint16_t pid;
    uint8_t cc;
    enum simc_ts_tsc tsc;
    bool error;      /**< transport_error_indicator */
    bool unit_start; /**< payload_unit_start_indicator */
    bool priority;   /**< transport_priority */
};

/* ----------------------------------------------------------------------- adaptation field -- */

/** An adaptation field. A zeroed struct is "none". [13818 2.4.3.4] */
struct simc_ts_adaptation {
    bool present;
    bool discontinuity;
    bool random_access;
    bool priority; /**< elementary_stream_priority_indicator */
    bool has_pcr, has_opcr, has_splice, has_private, has_extension;
    int8_t splice_countdown;
    uint8_t length;      /**< adaptation_field_length; reading only */
    uint64_t pcr_27mhz;  /**< 0..SIMC_PCR_WRAP - 1 */
    uint64_t opcr_27mhz; /**< as above */
    struct simc_slice private_data;
    struct simc_slice extension; /**< without its length byte */
};

/**
 * Reads header and adaptation field.
 * @param header, adaptation filled as far as possible; either may be NULL.
 * @param payload borrowed from the packet; may be NULL.
 * @return 0, or SIMC_EPROTO: see simc_ts_valid(), or a field of the adaptation field runs past its
 *         end (the payload is right even so).
 */
SIMC_API int simc_ts_read(const uint8_t packet[SIMC_TS_SIZE], struct simc_ts_header *header,
                          struct simc_ts_adaptation *adaptation,
                          struct simc_slice *payload) SIMC_MUST_CHECK;

/**
 * Writes a whole packet: header, adaptation field, payload. An adaptation field is added or
 * stuffed with 0xff so that the packet is full. [13818 2.4.3.5]
 * @param adaptation NULL for none. @param payload 0..184 bytes, less what the field needs.
 * @return 0, or SIMC_EINVAL: a value out of range, or more than fits.
 */
SIMC_API int simc_ts_write(uint8_t packet[SIMC_TS_SIZE], const struct simc_ts_header *header,
                           const struct simc_ts_adaptation *adaptation,
                           struct simc_slice payload) SIMC_MUST_CHECK;

/** True when the packet has an adaptation field with discontinuity_indicator. */
static inline bool simc_ts_discontinuity(const uint8_t *packet)
{
    return (packet[3] & 0x20) && simc_ts_valid(packet) && packet[4] > 0 && (packet[5] & 0x80);
}

/* ------------------------------------------------------------------------------------ PCR -- */

/** Ticks after which a PCR starts again from 0: 26.5 hours. */
#define SIMC_PCR_WRAP (UINT64_C(300) << 33)
#define SIMC_PCR_HZ   UINT64_C(27000000)

enum {
    SIMC_PCR_BYTE = 10,             /**< the packet byte whose arrival a PCR states */
    SIMC_PCR_SPACING_MAX = 2700000, /**< 100 ms [101290 2.3.a, 13818 D.0.2] */
};

/** True when the packet carries a PCR: a constant-time look at its flags. */
static inline bool simc_ts_has_pcr(const uint8_t *packet)
{
    return (packet[3] & 0x20) && simc_ts_valid(packet) && packet[4] >= 7 && (packet[5] & 0x10);
}

/** The PCR in six bytes. An extension of 300 or more, which no encoder may send, is taken as is,
 *  modulo the wrap. */
SIMC_API uint64_t simc_pcr_get(const uint8_t bytes[6]);
/** @param pcr_27mhz is reduced modulo SIMC_PCR_WRAP. */
SIMC_API void simc_pcr_put(uint8_t bytes[6], uint64_t pcr_27mhz);

/** The PCR of a packet. @return false when it has none. */
static inline bool simc_ts_pcr(const uint8_t *packet, uint64_t *pcr_27mhz)
{
    if (!simc_ts_has_pcr(packet))
        return false;
    *pcr_27mhz = simc_pcr_get(packet + 6);
    return true;
}

/** Overwrites the PCR of a packet. @return 0, or SIMC_ENOTFOUND: it has none. */
SIMC_API int simc_ts_set_pcr(uint8_t *packet, uint64_t pcr_27mhz) SIMC_MUST_CHECK;

/** The PCR `ticks` later, or earlier when negative. */
SIMC_API uint64_t simc_pcr_add(uint64_t pcr_27mhz, int64_t ticks);
/** The way from `b` to `a` round the circle, -SIMC_PCR_WRAP / 2 .. SIMC_PCR_WRAP / 2 - 1. */
SIMC_API int64_t simc_pcr_distance(uint64_t a_27mhz, uint64_t b_27mhz);
/** The way from `b` to `a` on the circle of the 33-bit, 90 kHz PTS and DTS. */
SIMC_API int64_t simc_pts_distance(uint64_t a_90khz, uint64_t b_90khz);

/** What a PCR says against the one before it. */
enum simc_pcr_event {
    SIMC_PCR_FIRST,     /**< there was none before */
    SIMC_PCR_GOOD,      /**< 0..100 ms later */
    SIMC_PCR_LATE,      /**< later than 100 ms, but not more than SIMC_PCR_GAP_MAX */
    SIMC_PCR_ANNOUNCED, /**< a new time base, announced by discontinuity_indicator */
    SIMC_PCR_JUMP,      /**< backwards, standing still, or too far ahead, without notice */
};

/** Up to this step a clock takes a PCR for a late one, beyond for a jump: 5 s. */
#define SIMC_PCR_GAP_MAX (INT64_C(5) * 27000000)

/**
 * A clock made of the PCRs of one PID: a timeline that starts at 0 with the first PCR, never jumps
 * and never runs backwards, and the rate at which packets pass on it. A zeroed struct is ready.
 */
struct simc_pcr_clock {
    bool started;
    bool has_rate;
    bool broken;         /**< the caller knows of a break: the next PCR counts as announced */
    uint64_t pcr_27mhz;  /**< the last PCR */
    uint64_t packet;     /**< index in the stream of its packet */
    uint64_t time_27mhz; /**< the timeline at that packet */
    int64_t step_27mhz;  /**< from the PCR before to the last */
    uint64_t rate_ticks; /**< ticks and packets of the last good step: the present rate */
    uint64_t rate_packets;
    uint64_t ticks, packets; /**< sums of all good steps: the mean rate */
};

/**
 * Gives the next PCR. @param packet index of its packet in the whole stream, counted by the caller.
 * @param announced its packet carries discontinuity_indicator, or the caller knows of a break.
 */
SIMC_API enum simc_pcr_event simc_pcr_clock_push(struct simc_pcr_clock *clock, uint64_t pcr_27mhz,
                                                 uint64_t packet, bool announced);
/** The timeline at a packet at or behind the last PCR, by the present rate; without a rate, that
 *  of the last PCR. */
SIMC_API uint64_t simc_pcr_clock_time(const struct simc_pcr_clock *clock, uint64_t packet);
/** Mean bits per second of all packets between PCRs; 0 when not known. */
SIMC_API uint64_t simc_pcr_clock_bitrate(const struct simc_pcr_clock *clock);

/* ----------------------------------------------------------------------------- continuity -- */

/** What a packet's continuity_counter says against the packet before it on its PID. */
enum simc_ts_order {
    SIMC_TS_ORDER_FIRST,     /**< there was none before */
    SIMC_TS_ORDER_GOOD,      /**< the next one, or a packet without payload */
    SIMC_TS_ORDER_DUPLICATE, /**< the permitted repetition: drop it */
    SIMC_TS_ORDER_ANNOUNCED, /**< a jump under discontinuity_indicator */
    SIMC_TS_ORDER_ERROR,     /**< lost, repeated too often, or out of order */
};

/** The continuity of one PID. A zeroed struct is ready. [13818 2.4.3.3] */
struct simc_ts_continuity {
    uint8_t last; /**< counter of the last packet */
    bool started;
    bool has_payload;     /**< the last packet with this counter had a payload */
    bool repeated;        /**< it has been repeated once already */
    uint32_t fingerprint; /**< of its payload */
};

/** Gives the next packet of the PID. Packets with transport_error_indicator and bad ones (see
 *  simc_ts_valid()) are not for this function; on the null PID every packet is good. */
SIMC_API enum simc_ts_order simc_ts_continuity_push(struct simc_ts_continuity *continuity,
                                                    const uint8_t *packet);

/* ------------------------------------------------------------------------ synchronisation -- */

enum {
    SIMC_TS_SYNC_GOOD = 5, /**< sync bytes in a row that make lock [101290 1.1] */
    SIMC_TS_SYNC_BAD = 2,  /**< bad ones in a row that end it */
    SIMC_TS_SYNC_HELD = 8 * SIMC_TS_STRIDE_MAX,
};

/**
 * Finds packets in a byte stream of any segmentation. Packets come out in place wherever the
 * input holds them whole; only what is cut by the end of the input is copied.
 */
struct simc_ts_sync {
    const uint8_t *input; /**< bytes not yet looked at, borrowed */
    size_t input_size;
    size_t input_at;  /**< consumed of what was fed last */
    size_t held_size; /**< bytes in `held` */
    size_t held_used; /**< at its front, already handed out */
    unsigned stride;  /**< bytes from packet to packet; 0: not known yet */
    unsigned wanted;  /**< the stride asked for; 0: find it */
    bool locked;
    bool ended;       /**< simc_ts_sync_end() was called */
    uint64_t packets; /**< handed out */
    uint64_t skipped; /**< bytes that belong to no packet; the tails of 204-byte ones not counted */
    uint64_t bad_syncs; /**< packets dropped for a wrong sync byte between good ones */
    uint64_t losses;    /**< how often lock was lost */
    uint8_t held[SIMC_TS_SYNC_HELD];
};

/** A run of packets that lie `stride` bytes apart. */
struct simc_ts_run {
    const uint8_t *data; /**< valid until the next call on the synchroniser */
    size_t count;        /**< at least 1 */
    size_t stride;
    size_t at; /**< offset of `data` in what was fed last, so that the owner can change the
                    packets in place; SIZE_MAX when they lie in `held` */
};

/** @param stride 188, 192 or 204 bytes from sync byte to sync byte; 0 finds it out. What stands
 *  between the packets is skipped.
 *  @return 0, or SIMC_EINVAL: another stride. */
SIMC_API int simc_ts_sync_init(struct simc_ts_sync *sync, unsigned stride) SIMC_MUST_CHECK;
/** Gives received bytes. Call simc_ts_sync_next() until SIMC_EAGAIN before they are released. */
SIMC_API void simc_ts_sync_feed(struct simc_ts_sync *sync, struct simc_slice bytes);
/** Says that no more bytes will come: the last packets are handed out although less than five
 *  sync bytes confirm them. Then call simc_ts_sync_next() until SIMC_EAGAIN once more. */
SIMC_API void simc_ts_sync_end(struct simc_ts_sync *sync);
/** The next packets. @return 0, or SIMC_EAGAIN: all input is used up. */
SIMC_API int simc_ts_sync_next(struct simc_ts_sync *sync, struct simc_ts_run *run) SIMC_MUST_CHECK;

/* ------------------------------------------------------------------------------------ CRC -- */

/** CRC-32/MPEG-2: 0x04c11db7, from all ones, not reflected, not inverted. 0 over a section that
 *  ends with its right CRC. [13818 annex A] */
SIMC_API uint32_t simc_crc32(struct simc_slice bytes);
/** The same over pieces; start with UINT32_MAX. */
SIMC_API uint32_t simc_crc32_update(uint32_t crc, struct simc_slice bytes);

/* ------------------------------------------------------------------------------- sections -- */

/**
 * Puts the sections of one PID together. Give a packet, then take sections until SIMC_EAGAIN. A
 * section that lies within one packet is handed out in place.
 */
struct simc_section_assembler {
    struct simc_ts_continuity continuity;
    uint8_t *memory;        /**< `limit` bytes for sections that span packets */
    size_t limit;           /**< longest section in bytes, header and CRC included */
    size_t held;            /**< bytes of an unfinished section in `memory` */
    struct simc_slice rest; /**< of the payload given last, borrowed */
    size_t start;           /**< bytes of `rest` before the first section that starts there */
    bool starts;            /**< a section starts in `rest` */
    bool no_crc;            /**< the caller does not want CRCs checked */
    uint64_t sections;      /**< handed out as good */
    uint64_t crc_errors;
    uint64_t broken;   /**< unfinished sections thrown away: loss, or a length that does not fit */
    uint64_t too_long; /**< sections over `limit` */
    uint64_t bad_packets; /**< ignored: error indicator, scrambled, malformed, bad pointer_field */
};

/** @param limit 3..SIMC_SECTION_SIZE_MAX bytes. @return 0, SIMC_EINVAL, SIMC_ENOMEM. */
SIMC_API int simc_section_assembler_init(struct simc_section_assembler *assembler,
                                         size_t limit) SIMC_MUST_CHECK;
SIMC_API void simc_section_assembler_fini(struct simc_section_assembler *assembler);
/** Forgets what is unfinished; counters stay. */
SIMC_API void simc_section_assembler_reset(struct simc_section_assembler *assembler);
/**
 * Gives the next packet of the PID, borrowed until simc_section_assembler_next() has returned
 * SIMC_EAGAIN. Sections left over from the packet before are lost.
 */
SIMC_API void simc_section_assembler_push(struct simc_section_assembler *assembler,
                                          const uint8_t packet[SIMC_TS_SIZE]);
/**
 * The next whole section: table_id to the last byte. CRCs are checked where the section has one:
 * section_syntax_indicator is 1, or it is a TOT.
 * @param section valid until the next call on the assembler or the end of the packet's life.
 * @return 0; SIMC_EAGAIN (give the next packet); SIMC_EPROTO (the CRC of `section` is wrong; go
 *         on).
 */
SIMC_API int simc_section_assembler_next(struct simc_section_assembler *assembler,
                                         struct simc_slice *section) SIMC_MUST_CHECK;

/** How sections are laid into packets. */
enum simc_section_layout {
    SIMC_SECTIONS_APART,  /**< each starts a packet of its own */
    SIMC_SECTIONS_JOINED, /**< the next starts where the last one ended, if its header fits there */
};

/**
 * Lays sections into packets. The last packet is stuffed with 0xff, so that the packets stand for
 * themselves. [13818 2.4.4]
 * @param sections each 3..SIMC_SECTION_SIZE_MAX bytes with a right section_length.
 * @param cc on entry the counter of the first packet; on success that of the packet to follow.
 * @param out on SIMC_ENOSPC `out->at` tells the room needed.
 * @return 0, SIMC_EINVAL (a section or PID is wrong; nothing written), SIMC_ENOSPC (`cc` stays).
 */
SIMC_API int simc_sections_pack(const struct simc_slice *sections, size_t count,
                                enum simc_section_layout layout, uint16_t pid, uint8_t *cc,
                                struct simc_writer *out) SIMC_MUST_CHECK;

/* ----------------------------------------------------------------------------- statistics -- */

/** What has been seen on a PID. */
struct simc_ts_pid_stats {
    uint64_t packets;
    uint64_t by_tsc[4];    /**< packets with a payload, by scrambling control */
    uint64_t no_payload;   /**< packets with an adaptation field only */
    uint64_t order_errors; /**< continuity errors */
    uint64_t last_packet;  /**< index of the last one in the stream */
    uint64_t first_packet;
    uint32_t duplicates;
    uint32_t announced; /**< announced discontinuities */
    uint32_t transport_errors;
    uint32_t malformed; /**< see simc_ts_valid(); not counted in by_tsc and no_payload */
    uint32_t unit_starts;
    uint32_t pcrs;
    uint32_t tsc_changes; /**< clear, even, odd: changes from one to another */
    struct simc_ts_continuity continuity;
    uint8_t tsc;      /**< of the last packet that counts: with 16 bytes of payload or more,
                           because shorter payloads may stay clear */
    uint8_t tsc_seen; /**< bit n: such a packet with scrambling control n was seen */
    uint8_t clock;    /**< index into clocks + 1; 0: none */
};

enum { SIMC_TS_CLOCKS_MAX = 64 };

/** Statistics of a stream. */
struct simc_ts_stats {
    struct simc_ts_pid_stats *pids; /**< SIMC_TS_PID_COUNT rows */
    uint64_t packets;
    uint64_t bad_syncs;
    uint64_t order_errors, transport_errors, malformed;
    struct simc_pcr_clock clocks[SIMC_TS_CLOCKS_MAX];
    uint16_t clock_pids[SIMC_TS_CLOCKS_MAX];
    unsigned clock_count;
    unsigned reference;         /**< the clock that makes the time of the stream */
    unsigned reference_silence; /**< PCRs of other PIDs since its last one */
    int64_t reference_offset;   /**< stream time - time of that clock */
    uint64_t time_27mhz;        /**< stream time at the last reference PCR */
};

/** What simc_ts_stats_push() found out about a packet. */
struct simc_ts_event {
    struct simc_ts_pid_stats *pid;
    enum simc_ts_order order;
    enum simc_pcr_event pcr; /**< valid if has_pcr */
    uint64_t pcr_27mhz;
    bool has_pcr;
    bool bad_sync;
    bool bad; /**< malformed or with transport_error_indicator: nothing else was looked at */
    bool tsc_changed; /**< `pid->tsc` is new; also for the first packet that counts */
};

/** @return 0, or SIMC_ENOMEM. It takes about a megabyte; pushing takes none. */
SIMC_API int simc_ts_stats_init(struct simc_ts_stats *stats) SIMC_MUST_CHECK;
SIMC_API void simc_ts_stats_fini(struct simc_ts_stats *stats);
/** Gives the next packet. @param event may be NULL. */
SIMC_API void simc_ts_stats_push(struct simc_ts_stats *stats, const uint8_t packet[SIMC_TS_SIZE],
                                 struct simc_ts_event *event);
/** Says that the stream broke here (bytes were skipped): PCRs start anew, without an error. */
SIMC_API void simc_ts_stats_break(struct simc_ts_stats *stats);
/** True once two PCRs of a PID have given the stream a time. */
SIMC_API bool simc_ts_stats_has_time(const struct simc_ts_stats *stats);
/** Stream time at the packet given last: 27 MHz ticks, never running backwards. */
SIMC_API uint64_t simc_ts_stats_time(struct simc_ts_stats *stats);
/** Bits per second of the whole stream, all packets counted with 188 bytes; 0: not known. */
SIMC_API uint64_t simc_ts_stats_bitrate(const struct simc_ts_stats *stats);
/** The mean share of a PID in that. */
SIMC_API uint64_t simc_ts_stats_pid_bitrate(const struct simc_ts_stats *stats, uint16_t pid);

#ifdef __cplusplus
}
#endif
#endif
