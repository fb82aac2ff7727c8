/* SPDX-License-Identifier: BSL-1.0 */
/**
 * @file simulcrypt/dab.h
 * @brief Conditional access signalling in DAB: FIG type 6, the CA fields of FIG type 0, the fast
 * information channel, ETI files, and a carousel that inserts the one into the other.
 *
 * Bytes go in, bytes and views come out; nothing here does input or output, reads a clock or
 * starts a thread. Time is counted in ETI frames of 24 ms, so that the same input gives the same
 * output at any speed.
 *
 * A fast information group (FIG) of type 6 comes in two layouts, and one ensemble should carry
 * only one of them (specs/dab-fig6.md has the bytes):
 *  - #SIMC_DAB_SIMPLE, the default: "FIG 6/0" lists the CA systems of the ensemble, "FIG 6/1" says
 *    which service uses which. A private layout; EN 300 401 knows no extensions of type 6.
 *  - #SIMC_DAB_EN300401: the layout of EN 300 401, one FIG for one service and one CA system.
 *
 * Three numbers are easily mixed up. The *CA system id* (16 bits, CASysId) names a CA system and is
 * what both layouts carry. The *CAId* of FIG 0/2 has 3 bits and names no system. *CAOrg* of FIG
 * 0/3, 0/4 and 0/13 has 16 bits too, but holds a mode and eight flags.
 */
#ifndef SIMULCRYPT_DAB_H
#define SIMULCRYPT_DAB_H

#include "simulcrypt/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    SIMC_FIB_SIZE = 32,      /**< bytes of a fast information block, its CRC included */
    SIMC_FIB_DATA_SIZE = 30, /**< of which FIGs */
    SIMC_FIB_COUNT_MAX = 4,  /**< FIBs in an ETI frame: 3, or 4 in transmission mode III */
    SIMC_FIB_FIGS_MAX = 15,  /**< FIGs in a FIB: the smallest has two bytes */
    SIMC_FIG_SIZE_MAX = 30,  /**< bytes of a FIG, its header included */
    SIMC_FIB_END = 0xff,     /**< stands where a FIG header would, when a FIB is not full */
    SIMC_DAB_FRAME_MS = 24,  /**< duration of an ETI frame */
};

/* ------------------------------------------------------------------------------------ CRC -- */

/** The CRC of FIBs and of ETI: x^16 + x^12 + x^5 + 1, preset to ones, sent inverted. [300401 5.2.1]
 */
SIMC_API uint16_t simc_dab_crc(struct simc_slice bytes);
/** The same in pieces: the register, 0xffff at the start, not inverted. */
SIMC_API uint16_t simc_dab_crc_update(uint16_t crc, struct simc_slice bytes);

/* ------------------------------------------------------------------------------------ FIB -- */

/** One FIG inside a FIB. */
struct simc_fig {
    struct simc_slice bytes; /**< with the header; borrowed from the FIB */
    uint8_t type;            /**< 0..7 */
    uint8_t at;              /**< offset in the FIB */
};

/** The FIGs of a FIB. */
struct simc_fib {
    struct simc_fig figs[SIMC_FIB_FIGS_MAX];
    uint8_t count;
    uint8_t used; /**< bytes of the FIGs; what follows is the end mark and padding */
    bool
        malformed; /**< a FIG of length 0, or one that runs past the end; `figs` has those before */
    bool crc_bad;
};

/** Finds the FIGs of a FIB; never looks behind the end mark. @param fib filled in any case. */
SIMC_API void simc_fib_read(const uint8_t bytes[SIMC_FIB_SIZE], struct simc_fib *fib);
/** True when the FIB may be changed: right CRC, whole FIGs. */
static inline bool simc_fib_good(const struct simc_fib *fib)
{
    return !fib->malformed && !fib->crc_bad;
}
/**
 * Appends a FIG, pads with the end mark and zeros, and renews the CRC.
 * @param fib what simc_fib_read() found in `bytes`; brought up to date.
 * @return 0, SIMC_ENOSPC (nothing changed), SIMC_EINVAL (no FIG, or the FIB is not good).
 */
SIMC_API int simc_fib_append(uint8_t bytes[SIMC_FIB_SIZE], struct simc_fib *fib,
                             struct simc_slice fig) SIMC_MUST_CHECK;
/** Takes out one FIG; those behind it move up, CRC and `fib` are renewed. @param index below count.
 *  @return 0, or SIMC_EINVAL: no such FIG, or the FIB is not good. */
SIMC_API int simc_fib_remove(uint8_t bytes[SIMC_FIB_SIZE], struct simc_fib *fib,
                             size_t index) SIMC_MUST_CHECK;

/* ------------------------------------------------------------------ FIG 6: what to say ------ */

enum simc_dab_layout {
    SIMC_DAB_SIMPLE,   /**< FIG 6/0 and 6/1, a private layout */
    SIMC_DAB_EN300401, /**< FIG 6 of EN 300 401 */
};

enum {
    SIMC_DAB_SYSTEMS_MAX = 1024,  /**< CA systems of an ensemble */
    SIMC_DAB_SERVICES_MAX = 4096, /**< services of an ensemble */
    SIMC_DAB_SHORT_MAX = 7,       /**< CA systems that EN 300 401 can number */
    SIMC_DAB_CA_INT_MAX_16 = 24,  /**< bytes of CAIntChar behind a 16-bit service id */
    SIMC_DAB_CA_INT_MAX_32 = 22,  /**< and behind a 32-bit one */
};

/** A service of the ensemble. */
struct simc_dab_service {
    uint32_t id;        /**< SId, 16 or 32 bits */
    bool is_32bit;      /**< the SId is 32 bits wide, as those of data services are (P/D = 1) */
    bool has_ca;        /**< false: free to air, never listed, `ca_system` does not count */
    uint16_t ca_system; /**< CA system id; 0 is one like any other */
    struct simc_slice ca_int_char; /**< SIMC_DAB_EN300401: data for the CA system */
};

/** The conditional access of an ensemble. The lists are the caller's and may change between calls;
 *  a cycle that is under way then starts again, so that nobody reads half of each. */
struct simc_dab_ca {
    bool enabled; /**< false: nothing is sent */
    enum simc_dab_layout layout;
    const uint16_t *systems;
    size_t system_count;
    const struct simc_dab_service *services;
    size_t service_count;
    /** SIMC_DAB_EN300401: cycles in the short form (without CASysId) behind each in the long. */
    unsigned short_cycles;
};

/** What can be wrong with a struct simc_dab_ca. */
#define SIMC_DAB_CA_FAULT_ROWS(ROW)                                                     \
    ROW(TOO_MANY, "the list is too long")                                               \
    ROW(SHORT_MAX, "the EN 300 401 layout numbers at most 7 CA systems")                \
    ROW(SYSTEM_TWICE, "this CA system is listed twice")                                 \
    ROW(SERVICE_TWICE, "this service id is listed twice")                               \
    ROW(SERVICE_WIDE, "this service id does not fit into 16 bits")                      \
    ROW(UNDECLARED, "the service uses a CA system that the ensemble does not list")     \
    ROW(CA_INT_LONG, "CAIntChar is longer than 24 bytes (22 with a 32-bit service id)") \
    ROW(CA_INT_LAYOUT, "only the EN 300 401 layout carries CAIntChar")

#define SIMC__DAB_CA_FAULT_ENUM(name, text) SIMC_DAB_CA_##name,
enum simc_dab_ca_fault { SIMC_DAB_CA_GOOD, SIMC_DAB_CA_FAULT_ROWS(SIMC__DAB_CA_FAULT_ENUM) };
#undef SIMC__DAB_CA_FAULT_ENUM

/** The text of a fault, without a full stop. */
SIMC_API const char *simc_dab_ca_fault_text(enum simc_dab_ca_fault fault);
/**
 * Checks lists and rules.
 * @param index on a fault the number of the system (TOO_MANY, SHORT_MAX, SYSTEM_TWICE) or service.
 * @return SIMC_DAB_CA_GOOD, or the first fault.
 */
SIMC_API enum simc_dab_ca_fault simc_dab_ca_check(const struct simc_dab_ca *ca, size_t *index);

/** The same for one service only. @param index below service_count. */
SIMC_API enum simc_dab_ca_fault simc_dab_ca_check_service(const struct simc_dab_ca *ca,
                                                          size_t index);

/* --------------------------------------------------------------------- FIGs for a carousel -- */

/** How often a FIG is wanted; the labels of TR 101 496-2. They inform; periods are settings. */
enum simc_fig_rate {
    SIMC_FIG_RATE_A,   /**< 10 times a second */
    SIMC_FIG_RATE_A_B, /**< between A and B */
    SIMC_FIG_RATE_B,   /**< once a second */
    SIMC_FIG_RATE_C,   /**< once in ten seconds */
    SIMC_FIG_RATE_D,   /**< less often */
    SIMC_FIG_RATE_E,   /**< all within two minutes */
};

/** Who goes first when several FIGs are due in one frame. */
enum simc_fig_priority {
    SIMC_FIG_CRITICAL = 1,
    SIMC_FIG_HIGH = 2,
    SIMC_FIG_NORMAL = 3,
    SIMC_FIG_LOW = 4,
};

/** What one call of a source has done. */
struct simc_fig_fill {
    size_t size;   /**< bytes written: one whole FIG, or none */
    bool complete; /**< the list was sent to its end; the next call starts from its front */
};

/** Where a source stands in its list. Zeroed: at the start. */
struct simc_fig_cursor {
    uint32_t at;     /**< entries sent in this cycle */
    uint32_t cycle;  /**< cycles completed */
    uint32_t digest; /**< of the lists that the cycle was begun with */
};

/** A kind of FIG that a carousel can send, with what others may want to know about it. */
struct simc_fig_source {
    const char *name; /**< "FIG 6/0 CA organization" */
    uint8_t type;     /**< 6 */
    int8_t extension; /**< 0, 1; -1: the type has none */
    enum simc_fig_rate rate;
    enum simc_fig_priority priority;
    uint32_t period_ms; /**< the default */
    /**
     * Writes the next FIG of the list, if it fits. @param context what the carousel was given.
     * Size 0 and complete: there is nothing to send; size 0 and not complete: too little room, and
     * the cursor has not moved.
     */
    struct simc_fig_fill (*fill)(const void *context, struct simc_fig_cursor *cursor, uint8_t *room,
                                 size_t size);
};

/** SIMC_DAB_SIMPLE: the CA systems. Up to 14 go in one FIG or not at all; more are split. Context:
 *  struct simc_dab_ca, or NULL: nothing is configured. */
SIMC_API extern const struct simc_fig_source simc_fig6_organization;
/** SIMC_DAB_SIMPLE: service and CA system; 16-bit SIds first, never both sizes in one FIG. */
SIMC_API extern const struct simc_fig_source simc_fig6_service;
/** SIMC_DAB_EN300401: one FIG for each service, in the same order. The number of a CA system
 *  (ShortCASysId) is its place in the list of systems, counted from 1; a service whose system has
 *  none is left out, see simc_dab_ca_check(). */
SIMC_API extern const struct simc_fig_source simc_fig6_en300401;

/* ------------------------------------------------------------------------------- carousel -- */

enum { SIMC_FIG_SLOTS_MAX = 16 };

/** A source in a carousel. */
struct simc_fig_slot {
    const struct simc_fig_source *source;
    const void *context;
    struct simc_fig_cursor cursor;
    uint32_t period_frames;
    uint64_t due;  /**< frame from which on the next cycle may start */
    bool in_cycle; /**< some FIGs of the cycle are sent, some not */
    bool waiting;  /**< a due FIG has not found room since `waiting_since` */
    uint64_t waiting_since;
    uint64_t figs;      /**< sent */
    uint64_t bytes;     /**< of them */
    uint64_t cycles;    /**< completed */
    uint64_t deferrals; /**< frames in which a due FIG found no room */
    uint64_t skipped;   /**< cycles that were not sent because one before took too long */
    uint64_t wait_max;  /**< frames that a FIG has waited, at most */
};

/** FIGs by due time, then priority, then order of adding. A pure function of frame numbers: no
 *  clock. Zeroed: empty. */
struct simc_fig_carousel {
    struct simc_fig_slot slots[SIMC_FIG_SLOTS_MAX]; /**< in the order of sending */
    size_t count;
};

/** Frames of a period: whole ones, at least 1. */
SIMC_API uint32_t simc_fig_period_frames(uint32_t period_ms);
/** Adds a source. @param context borrowed as long as the carousel lives. @param period_ms 0: the
 *  source's own. @return 0, or SIMC_EFULL. */
SIMC_API int simc_fig_carousel_add(struct simc_fig_carousel *carousel,
                                   const struct simc_fig_source *source, const void *context,
                                   uint32_t period_ms) SIMC_MUST_CHECK;
/** Adds the sources of the layout of `ca`. @return as simc_fig_carousel_add(). */
SIMC_API int simc_fig_carousel_add_ca(struct simc_fig_carousel *carousel,
                                      const struct simc_dab_ca *ca,
                                      uint32_t period_ms) SIMC_MUST_CHECK;
/** True when a slot has something to do in this frame. @param frame numbers never go down. */
static inline bool simc_fig_slot_due(const struct simc_fig_slot *slot, uint64_t frame)
{
    return slot->in_cycle || frame >= slot->due;
}
/**
 * What a due slot would send into `size` bytes; nothing changes but what is to be handed to
 * simc_fig_slot_sent() when the FIG has found its place.
 * @param next the cursor behind this FIG.
 */
SIMC_API struct simc_fig_fill simc_fig_slot_offer(const struct simc_fig_slot *slot,
                                                  struct simc_fig_cursor *next, uint8_t *room,
                                                  size_t size);
/** Notes that the offer was sent in this frame. */
SIMC_API void simc_fig_slot_sent(struct simc_fig_slot *slot, uint64_t frame,
                                 struct simc_fig_fill fill, const struct simc_fig_cursor *next);
/** Notes that the slot was due and found no room in this frame. */
SIMC_API void simc_fig_slot_deferred(struct simc_fig_slot *slot, uint64_t frame);

/* --------------------------------------------------------------------------- FIG 6: reading -- */

/** Which layout a FIG 6 is to be read in. */
enum simc_fig6_reading {
    SIMC_FIG6_AS_SIMPLE,
    SIMC_FIG6_AS_EN300401,
    /** By its length and first byte. Sure as long as nobody numbers a CA system 0 in EN 300 401;
     *  `C3 00 xx xx` is taken for the simple layout. */
    SIMC_FIG6_AS_AUTO,
};

enum simc_fig6_form {
    SIMC_FIG6_UNKNOWN,      /**< malformed in this reading; only the raw bytes mean something */
    SIMC_FIG6_ORGANIZATION, /**< simple 6/0: `entries` hold systems */
    SIMC_FIG6_SERVICE,      /**< simple 6/1: `entries` hold services and systems */
    SIMC_FIG6_SHORT,        /**< EN 300 401 without CASysId: one entry, service only */
    SIMC_FIG6_LONG,         /**< EN 300 401 with CASysId: one entry, service and system */
};

enum { SIMC_FIG6_ENTRIES_MAX = 14 };

struct simc_fig6_entry {
    uint32_t service;
    uint16_t ca_system;
};

/** A FIG 6, read. */
struct simc_fig6 {
    enum simc_fig6_form form;
    bool next;        /**< C/N: of the next multiplex configuration */
    bool other;       /**< OE: of another ensemble */
    bool is_32bit;    /**< P/D: service ids are 32 bits wide */
    uint8_t short_id; /**< EN 300 401: ShortCASysId */
    uint8_t surplus;  /**< bytes behind the last entry that the layout does not explain */
    uint8_t count;
    struct simc_fig6_entry entries[SIMC_FIG6_ENTRIES_MAX];
    struct simc_slice ca_int_char; /**< borrowed from the FIG */
};

/**
 * Reads a FIG of type 6.
 * @param fig with its header. @param out filled in any case.
 * @return 0, or SIMC_EPROTO: it breaks the layout asked for, or (AS_AUTO) fits neither. Even then
 *         `out` may hold entries, if only bytes are left over (`surplus`); its form is UNKNOWN when
 *         there was nothing to be read.
 */
SIMC_API int simc_fig6_read(struct simc_slice fig, enum simc_fig6_reading reading,
                            struct simc_fig6 *out) SIMC_MUST_CHECK;

/* ------------------------------------------------------------------ CA fields of FIG type 0 -- */

/** CAMode, the upper three bits of CAOrg. [102367 5.4.1] */
enum simc_dab_ca_mode {
    SIMC_DAB_CA_SUBCHANNEL = 0,
    SIMC_DAB_CA_DATA_GROUP = 1,
    SIMC_DAB_CA_MOT = 2,
    SIMC_DAB_CA_PROPRIETARY = 3,
};

static inline unsigned simc_ca_org_mode(uint16_t ca_org)
{
    return ca_org >> 13;
}

/** SharedFlag; 0 is invalid. */
static inline uint8_t simc_ca_org_shared(uint16_t ca_org)
{
    return (uint8_t)ca_org;
}

/** The name of a CAMode, "sub-channel CA"; "reserved" for 4..7. */
SIMC_API const char *simc_ca_mode_name(unsigned mode);

enum simc_fig0_kind {
    SIMC_FIG0_SERVICE,   /**< 0/2: a service, before its components */
    SIMC_FIG0_COMPONENT, /**< 0/2: a component of that service */
    SIMC_FIG0_PACKET,    /**< 0/3: a component in packet mode */
    SIMC_FIG0_STREAM,    /**< 0/4: a component in stream mode, or FIDC, with CA */
    SIMC_FIG0_USER_APP,  /**< 0/13: a user application of a component */
};

/** One entry of FIG 0/2, 0/3, 0/4 or 0/13. Members that its kind does not have are 0. */
struct simc_fig0_entry {
    enum simc_fig0_kind kind;
    uint32_t service;       /**< SERVICE, COMPONENT, USER_APP: SId */
    bool local;             /**< SERVICE: Local flag */
    uint8_t ca_id;          /**< SERVICE: CAId, 3 bits; 0: no access control on the service */
    uint8_t count;          /**< SERVICE: components */
    uint8_t transport;      /**< COMPONENT: TMId 0 stream audio, 1 stream data, 2 FIDC, 3 packet */
    uint8_t type;           /**< COMPONENT: ASCTy or DSCTy; PACKET, USER_APP: DSCTy */
    uint16_t id;            /**< SubChId, FIDCId (COMPONENT, STREAM); SCId (packet COMPONENT,
                                 PACKET); SCIdS (USER_APP) */
    bool primary;           /**< COMPONENT */
    bool ca;                /**< COMPONENT, USER_APP: CA flag */
    bool in_fic;            /**< STREAM: M/F = 1, the id is a FIDCId */
    bool no_data_groups;    /**< PACKET, USER_APP: DGflag = 1 */
    uint8_t sub_channel;    /**< PACKET */
    uint16_t address;       /**< PACKET: packet address */
    uint16_t user_app;      /**< USER_APP: user application type, 11 bits */
    bool has_ca_org;        /**< PACKET, USER_APP: by its flag; STREAM: always */
    uint16_t ca_org;        /**< CAMode and SharedFlag, see simc_ca_org_mode() */
    struct simc_slice data; /**< USER_APP: what follows the CA fields, borrowed */
};

/** Reads the entries of one FIG. */
struct simc_fig0_reader {
    struct simc_reader bytes;
    uint8_t extension;
    bool next, other, is_32bit; /**< C/N, OE, P/D of the FIG */
    uint8_t left;               /**< components of the service, or applications, still to come */
    uint32_t service;
    uint16_t id;
};

/** @param fig with its header. @return 0, or SIMC_EUNSUPPORTED: not FIG 0/2, 0/3, 0/4 or 0/13. */
SIMC_API int simc_fig0_reader_init(struct simc_fig0_reader *reader,
                                   struct simc_slice fig) SIMC_MUST_CHECK;
/** The next entry. @return 0, SIMC_EEND, SIMC_EPROTO: an entry runs past the end of the FIG; there
 *  are no more then. */
SIMC_API int simc_fig0_reader_next(struct simc_fig0_reader *reader,
                                   struct simc_fig0_entry *entry) SIMC_MUST_CHECK;

/* -------------------------------------------------------------------------- ETI(NI): frames -- */

enum {
    SIMC_ETI_SIZE = 6144,   /**< bytes of a frame with its padding; none is larger */
    SIMC_ETI_SIZE_MIN = 16, /**< bytes around the part that FL measures */
    SIMC_ETI_STREAMS_MAX = 64,
    SIMC_ETI_PADDING = 0x55,
};

/** What can be wrong with a frame; the values are bits. */
#define SIMC_ETI_FAULT_ROWS(ROW)                           \
    ROW(ERR, 0x01, "the error level is not 0xff")          \
    ROW(SYNC, 0x02, "no synchronisation word")             \
    ROW(LENGTH, 0x04, "the lengths contradict each other") \
    ROW(TRUNCATED, 0x08, "the frame is cut off")           \
    ROW(HEADER_CRC, 0x10, "the header CRC is wrong")       \
    ROW(EOF_CRC, 0x20, "the CRC at the end of the frame is wrong")

#define SIMC__ETI_FAULT_ENUM(name, value, text) SIMC_ETI_BAD_##name = (value),
enum simc_eti_fault { SIMC_ETI_FAULT_ROWS(SIMC__ETI_FAULT_ENUM) };
#undef SIMC__ETI_FAULT_ENUM

enum { SIMC_ETI_FAULT_COUNT = 6 };

/** The text of one fault bit, without a full stop. */
SIMC_API const char *simc_eti_fault_text(enum simc_eti_fault fault);

/** A frame of ETI(NI), read. [300799 5, 6] */
struct simc_eti_frame {
    unsigned faults; /**< bits of enum simc_eti_fault */
    uint8_t err;     /**< error level; 0xff: no error */
    uint8_t fct;     /**< frame count, 0..249 */
    uint8_t fp;      /**< frame phase, 0..7 */
    uint8_t mid;     /**< transmission mode: 1..3, 0 means IV */
    uint8_t stream_count;
    uint8_t fib_count; /**< 0: no FIC in this frame */
    uint16_t fl;       /**< frame length, in words */
    uint16_t fic_at;   /**< offset of the first FIB */
    uint16_t mst_size; /**< bytes of FIC and streams */
    uint16_t eof_at;   /**< offset of the CRC behind them */
    uint16_t size;     /**< bytes that mean something; what follows is padding */
    uint16_t fic_crc;  /**< register of the EOF CRC behind the FIC */
    uint16_t eof_crc;  /**< the CRC as it should be */
    uint32_t tist;     /**< time stamp, 24 bits, unit 1/16384 ms; 0xffffff: none */
};

/** One stream of a frame. */
struct simc_eti_stream {
    uint8_t scid; /**< sub-channel */
    uint16_t sad; /**< start address in capacity units */
    uint8_t tpl;  /**< type and protection level */
    uint16_t stl; /**< length, in 8 bytes */
};

/**
 * Reads and checks a frame.
 * @param bytes the frame, with or without padding. @param frame filled as far as possible.
 * @return 0: lengths are right and the offsets may be used (`faults` may hold ERR and CRCs);
 *         SIMC_EPROTO: SYNC, LENGTH or TRUNCATED.
 */
SIMC_API int simc_eti_read(struct simc_slice bytes, struct simc_eti_frame *frame) SIMC_MUST_CHECK;
/** The stream with an index below stream_count, of a frame that simc_eti_read() has accepted. */
SIMC_API struct simc_eti_stream simc_eti_stream(struct simc_slice bytes, size_t index);
/** Renews the EOF CRC after a change of FIBs; looks at the streams only when it has to. */
SIMC_API void simc_eti_seal(uint8_t *bytes, struct simc_eti_frame *frame);

/* ----------------------------------------------------------------------------- ETI: files -- */

/** How frames stand in a file or pipe. */
enum simc_eti_form {
    SIMC_ETI_UNKNOWN,
    SIMC_ETI_RAW,      /**< frames of 6144 bytes */
    SIMC_ETI_STREAMED, /**< a 16-bit little-endian size, then so many bytes */
    SIMC_ETI_FRAMED,   /**< a 32-bit little-endian count of frames, then as streamed */
};

/** "raw", "streamed", "framed", "unknown". */
SIMC_API const char *simc_eti_form_name(enum simc_eti_form form);

enum simc_eti_piece_kind {
    SIMC_ETI_FRAME, /**< a frame, good or bad: see simc_eti_read() */
    SIMC_ETI_HEAD,  /**< the count in front of a framed file */
    SIMC_ETI_SKIP,  /**< bytes that are no frame: garbage, or behind a loss of synchronisation */
    SIMC_ETI_TAIL,  /**< a frame that the end of the stream has cut */
};

/** A piece of the stream. All pieces one after the other are the stream, byte for byte. */
struct simc_eti_piece {
    enum simc_eti_piece_kind kind;
    uint8_t *bytes; /**< in the caller's input or inside the reader; may be changed there */
    size_t size;
    uint8_t *frame; /**< FRAME: behind the size field, if the form has one */
    size_t frame_size;
};

enum { SIMC_ETI_HELD_SIZE = 3 * SIMC_ETI_SIZE };

/** Cuts a stream of bytes into frames; the pieces may come in any sizes. Holds only what the end of
 *  an input has cut. Fill `tolerant` behind simc_eti_reader_init(), the rest is for reading. */
struct simc_eti_reader {
    bool tolerant;           /**< take a synchronisation word behind any error level */
    enum simc_eti_form form; /**< found by itself */
    bool locked;
    bool ended;
    uint32_t declared; /**< FRAMED: the count in front; 0 or wrong when nobody knew */
    uint64_t frames;
    uint64_t skipped;   /**< bytes */
    uint64_t losses;    /**< of synchronisation */
    uint64_t truncated; /**< 1: the last frame was cut off */
    uint8_t *input;
    size_t input_size, input_at;
    size_t held_size, held_at;
    uint8_t held[SIMC_ETI_HELD_SIZE];
};

SIMC_API void simc_eti_reader_init(struct simc_eti_reader *reader);
/** Gives bytes. Pull all pieces before the next call.
 *  @param bytes borrowed until simc_eti_reader_next() says SIMC_EAGAIN; not changed by the reader.
 */
SIMC_API void simc_eti_reader_feed(struct simc_eti_reader *reader, uint8_t *bytes, size_t size);
/** Says that no more bytes will come. */
SIMC_API void simc_eti_reader_end(struct simc_eti_reader *reader);
/** The next piece, valid until the next call on this reader.
 *  @return 0, SIMC_EAGAIN (feed more), SIMC_EEND (after simc_eti_reader_end()). */
SIMC_API int simc_eti_reader_next(struct simc_eti_reader *reader,
                                  struct simc_eti_piece *piece) SIMC_MUST_CHECK;

/** Writes the count in front of a framed file; nothing for the other forms. */
SIMC_API void simc_eti_put_head(struct simc_writer *out, enum simc_eti_form form, uint32_t frames);
/** Writes a frame in a form: pads to 6144 bytes with 0x55 (RAW), or drops the padding and puts the
 *  size in front. @param frame as simc_eti_read() has filled it. @return 0, SIMC_ENOSPC,
 *  SIMC_EINVAL: the form is UNKNOWN, or `bytes` is shorter than the frame. */
SIMC_API int simc_eti_put_frame(struct simc_writer *out, enum simc_eti_form form,
                                struct simc_slice bytes,
                                const struct simc_eti_frame *frame) SIMC_MUST_CHECK;

/* ------------------------------------------------------------------------------ insertion -- */

struct simc_dab_insert_config {
    bool displace; /**< where there is no free room, replace FIGs that the frame repeats */
    bool remove;   /**< take the FIGs of type 6 out that the input has */
    bool repair;   /**< correct a wrong EOF CRC instead of leaving the frame alone */
    bool tolerant; /**< take frames with an error level other than 0xff */
};

/** What was done, in frames unless it says otherwise. */
struct simc_dab_insert_stats {
    uint64_t frames;
    uint64_t changed;
    uint64_t left_alone;                   /**< because of a fault that simc_eti_read() tells */
    uint64_t faults[SIMC_ETI_FAULT_COUNT]; /**< by bit number; one frame may have several */
    uint64_t repaired;                     /**< EOF CRCs */
    uint64_t without_fic;
    uint64_t fibs; /**< FIBs of the frames that were not left alone */
    uint64_t fibs_crc_bad;
    uint64_t fibs_malformed;
    uint64_t figs_inserted;
    uint64_t figs_displaced;
    uint64_t figs_found; /**< FIGs of type 6 in the input */
    uint64_t figs_removed;
};

/** Inserts the FIGs of a carousel into frames. Nothing else of a frame changes. */
struct simc_dab_inserter {
    struct simc_dab_insert_config config;
    struct simc_fig_carousel *carousel; /**< borrowed */
    struct simc_dab_insert_stats stats;
};

SIMC_API void simc_dab_inserter_init(struct simc_dab_inserter *inserter,
                                     struct simc_fig_carousel *carousel,
                                     const struct simc_dab_insert_config *config);
/**
 * Handles the next frame in place. Every frame counts for the carousel's time, also one that is
 * left alone.
 * @param frame NULL, or filled with what simc_eti_read() says about the frame.
 * @return true when the frame was changed.
 */
SIMC_API bool simc_dab_insert(struct simc_dab_inserter *inserter, uint8_t *bytes, size_t size,
                              struct simc_eti_frame *frame);

#ifdef __cplusplus
}
#endif

#endif
