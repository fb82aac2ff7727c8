/* SPDX-License-Identifier: BSL-1.0 */
/* The engine of muxd: one object is one output transport stream, made of any number of inputs. It
 * does no input or output, reads no clock, starts no thread and logs nothing; muxd and the tests
 * give it packets, orders and the time, and take packets, reports and alarms.
 *
 *     simc__mux_input_feed(mux, input, packets, count, stride, arrival_ns, &taken);
 *     while (simc__mux_run(mux, now_ns, &block) == 0)
 *         send(block.packets, block.ticks, block.count);
 *     while (simc__mux_report_next(mux, &report)) ...
 *     while (simc__mux_alarm_next(mux, &alarm)) ...
 *
 * Time: `_ns` is the monotonic clock. A tick is 1/27000000 s of the mux's timeline, which begins
 * at 0 with the first simc__mux_run() and goes on with the monotonic clock (live), or with the
 * packets that are fed (file mode). mux/README.md has the formulas.
 *
 * Functions that return int return 0 or a SIMC_E row. A `why` of SIMC__MUX_TEXT_SIZE bytes is
 * filled with a sentence (without full stop) when an error says so. One engine belongs to one
 * thread at a time; engines know nothing of each other. Memory is taken by _new(), _change(),
 * _define(), _orders() and _source_add(), never by _input_feed(), _source_push() and _run(). */
#ifndef SIMC__MUX_MUX_H
#define SIMC__MUX_MUX_H

#include "link/scs_mux.h"
#include "simulcrypt/psi.h"
#include "simulcrypt/scramble.h"

struct simc__mux;

enum {
    SIMC__MUX_NAME_SIZE = SIMC__SCS_MUX_NAME_SIZE, /* end mark included */
    SIMC__MUX_TEXT_SIZE = SIMC__SCS_MUX_TEXT_SIZE, /* of a sentence, likewise */
    SIMC__MUX_INPUTS_MAX = 64,
    SIMC__MUX_SERVICES_MAX = 1024,
    SIMC__MUX_PID_MAPS_MAX = 8192, /* of a configuration, all services together */
    SIMC__MUX_EMMS_MAX = 32,       /* rows of the CAT */
    SIMC__MUX_SOURCES_MAX = 2048,
    SIMC__MUX_BITRATE_MIN = 10000,
    SIMC__MUX_PRIORITIES = 8, /* 0 is served first */
};

/* A number that may be left to the engine. */
#define SIMC__MUX_ANY UINT32_MAX

#define SIMC__MUX_TICKS_PER_MS UINT64_C(27000)

/* -------------------------------------------------------------------------- configuration -- */

/* How the output is made. */
enum simc__mux_rate {
    SIMC__MUX_CONSTANT, /* `bitrate`, filled with null packets; PCRs are restamped */
    SIMC__MUX_VARIABLE, /* packets leave when they are due, `bitrate` is the ceiling, no null
                         * packets; PCRs are restamped */
    SIMC__MUX_REPLACE,  /* the packets of the only input keep their places and times; what is
                         * inserted takes the place of null packets and of packets that are
                         * dropped, and in a title that has none it goes between the others.
                         * `bitrate` only makes null packets while the input is away; 0: the last
                         * rate of the input */
};

/* Which programmes are in the output. */
enum simc__mux_choice {
    SIMC__MUX_SELECT,      /* the services of the list */
    SIMC__MUX_TRANSPARENT, /* all of all inputs, with all other PIDs; the list only changes names
                            * and PIDs */
};

/* What is done with CA_descriptors, scrambling_descriptors and the CAT of the inputs. */
enum simc__mux_source_ca {
    SIMC__MUX_SOURCE_CA_DROP, /* with the ECM and EMM PIDs that they name */
    SIMC__MUX_SOURCE_CA_KEEP,
};

/* What is held back of a service, so that it is not seen in the clear. Tables go on, and components
 * that carry sections. A component that no SCG names passes as soon as an SCG of its service has
 * had a control word in force. */
enum simc__mux_hold {
    SIMC__MUX_HOLD_DEFAULT, /* of a service: as the configuration's `hold`; of that: NOTHING */
    SIMC__MUX_HOLD_NOTHING, /* it is clear until the SCS has it scrambled */
    SIMC__MUX_HOLD_UNTIL_SCRAMBLED, /* until the first control word of its SCG is in force; from
                                     * then on the SCS may end scrambling. One whose SCG is removed,
                                     * or defined anew with another cipher, is held back again */
    SIMC__MUX_HOLD_WHILE_CLEAR,     /* whenever no control word is in force, even if the SCS orders
                                     * that it is clear */
};

/* Tables of an input that pass as they are (bits). Each PID passes from one input only: the first
 * of the list that has its bit. */
enum simc__mux_pass {
    SIMC__MUX_PASS_NIT = 1,   /* PID 0x10 */
    SIMC__MUX_PASS_EIT = 2,   /* PID 0x12 */
    SIMC__MUX_PASS_TDT = 4,   /* PID 0x14 */
    SIMC__MUX_PASS_OTHER = 8, /* PIDs 0x02..0x0f, 0x13, 0x15..0x1f */
    SIMC__MUX_PASS_DATA = 16, /* PIDs 0x20..0x1ffe that no programme names */
    SIMC__MUX_PASS_ALL = 31,
};

/* How the packets of an input find their time. */
enum simc__mux_timing {
    SIMC__MUX_TIMING_PCR,     /* by the PCRs, which follow the arrival times (live) */
    SIMC__MUX_TIMING_ARRIVAL, /* live: by the arrival times alone */
    SIMC__MUX_TIMING_BITRATE, /* by `bitrate` of the input: for streams without PCR */
};

struct simc__mux_input_config {
    char name[SIMC__MUX_NAME_SIZE]; /* unique; an input with the same name goes on in a change */
    enum simc__mux_timing timing;
    uint64_t bitrate;      /* SIMC__MUX_TIMING_BITRATE: bits per second */
    uint32_t delay_ms;     /* from arrival to output, 0..10000; live: more than jitter and PCR
                            * distance together, 200 is good; file mode: 0 is good */
    uint32_t buffer_count; /* packets that may wait, 256..4194304; 0: 4096 */
    uint32_t loss_ms;      /* silence that is a lost input; 0: 1000 */
    uint32_t pass;         /* enum simc__mux_pass */
};

struct simc__mux_pid_map {
    uint16_t from, to; /* `from` in the input */
};

struct simc__mux_service_config {
    uint32_t input;          /* index */
    uint16_t service_id;     /* in the input */
    uint16_t new_service_id; /* 0: the same */
    uint16_t pmt_pid;        /* in the output; 0: the same if it is free */
    uint32_t map_count;
    const struct simc__mux_pid_map *maps; /* of its components and PCR; others keep their PIDs if
                                           * they are free, or get free ones */
    uint32_t drop_count;
    const uint16_t *drops; /* components (PIDs in the input) that are left out */
    const char *name;      /* UTF-8, for the SDT; NULL: as in the input */
    const char *provider;  /* likewise */
    enum simc__mux_hold hold;
};

/* A row of the CAT, for EMM PIDs that no source of simc__mux_source_add() announces. */
struct simc__mux_emm_config {
    uint16_t system_id;
    uint16_t pid;
    uint8_t private_size;
    uint8_t private_data[SIMC_CA_PRIVATE_MAX];
};

/* Repetition of the tables, milliseconds. 0: the default. */
struct simc__mux_psi_config {
    uint32_t pat_ms;        /* 90 */
    uint32_t pmt_ms;        /* 90 */
    uint32_t cat_ms;        /* 150 */
    uint32_t sdt_ms;        /* 1000 */
    uint32_t pcr_ms;        /* 35: longest distance of two PCRs of a service */
    uint32_t version_first; /* version of the tables at the start, 0..31 */
};

/* What an engine is to do. Pointers are borrowed during the call; zero stands for the defaults
 * named. */
struct simc__mux_config {
    char name[SIMC__MUX_NAME_SIZE]; /* of the output, as the SCS knows it */
    uint64_t timeline_id;           /* random, drawn by the caller */
    bool is_file;                   /* file mode; else live */
    enum simc__mux_rate rate;
    uint64_t bitrate; /* of the output, bits per second */
    enum simc__mux_choice choice;
    enum simc__mux_source_ca source_ca;
    uint32_t ts_id, network_id; /* transport_stream_id and original_network_id of the output;
                                 * SIMC__MUX_ANY: those of the first input */
    bool no_sdt;                /* no SDT is made or passed */
    uint32_t lead_ms;           /* live: packets are made this long before they leave; 0: 20 */
    uint32_t air_lead_ms;       /* orders must come this long before they take effect; 0: 200 */
    uint32_t horizon_ms;        /* file mode: what the SCS may plan ahead; 0: 60000 */
    uint32_t scg_limit;         /* 0: 64; at most SIMC__SCS_MUX_SCGS_MAX. 1 KiB each. Not changed by
                                 * simc__mux_change() */
    uint32_t scgs_awaited;      /* file mode: nothing leaves before this many SCGs are defined */
    uint32_t block_count;       /* packets of a block; 0: 512 (7..65536). Not changed */
    uint32_t late_ms;       /* packets of inputs that find no place for so long are dropped, with an
                             * alarm; 0: 500 */
    uint32_t program_limit; /* of each input, 0: 64 (1..1024). Not changed for an input */
    uint16_t ecm_pid_first; /* where the engine looks for free PIDs of ECMs; 0: 0x1f00 */
    uint16_t pid_first;     /* and of others; 0: 0x0200 */
    uint32_t ecm_bytes_limit; /* ECMs kept for one SCG, bytes; 0: 1 MiB */
    enum simc_short_tsc short_tsc;
    const char *aes_engine, *csa_engine; /* see simulcrypt/scramble.h; NULL: the fastest */
    enum simc__mux_hold hold; /* of services that do not say it, and of those without a row */
    struct simc__mux_psi_config psi;
    uint32_t input_count, service_count, emm_count;
    const struct simc__mux_input_config *inputs;
    const struct simc__mux_service_config *services;
    const struct simc__mux_emm_config *emms;
};

/* @return 0, SIMC_EINVAL (`why`: what contradicts or is out of range), SIMC_EUNSUPPORTED (an engine
 * of `aes_engine`/`csa_engine` cannot run here: `why`), SIMC_ENOMEM. */
int simc__mux_new(const struct simc__mux_config *config, struct simc__mux **mux,
                  char why[SIMC__MUX_TEXT_SIZE]) SIMC_MUST_CHECK;
/* Wipes control words, releases everything; NULL is fine. */
void simc__mux_free(struct simc__mux *mux);
/* Takes a new configuration in flight, all or nothing: services, inputs (by name), SCGs and sources
 * that did not change go on without a gap. `name`, `timeline_id`, `is_file` and what is marked
 * above must stay. Indexes of inputs are those of the new list from now on. @return as _new(). */
int simc__mux_change(struct simc__mux *mux, const struct simc__mux_config *config,
                     char why[SIMC__MUX_TEXT_SIZE]) SIMC_MUST_CHECK;

/* ---------------------------------------------------------------------------------- input -- */

/* Gives packets, `stride` bytes (188..204) from sync byte to sync byte, in the order of the stream.
 * Live, they are copied or, when the buffer is full, dropped (alarm BUFFER_FULL), and `taken` is
 * always `count`. In file mode nothing is dropped: `taken` says how many were copied; give the rest
 * after the next simc__mux_run(). Packets without sync byte or with transport_error_indicator are
 * counted and dropped. @param arrival_ns of the last packet; not looked at in file mode.
 * @return 0, SIMC_ENOTFOUND (no such input), SIMC_EINVAL (stride). */
int simc__mux_input_feed(struct simc__mux *mux, uint32_t input, const uint8_t *packets,
                         size_t count, size_t stride, uint64_t arrival_ns,
                         size_t *taken) SIMC_MUST_CHECK;
/* Says that the stream broke here (a file begins again, a connection is new): the next PCR is a new
 * time base, and continuity counters start anew, without an alarm. The timeline goes on: file mode
 * puts the next packet right behind the last one. */
void simc__mux_input_break(struct simc__mux *mux, uint32_t input);
/* File mode: no more packets will come. */
void simc__mux_input_end(struct simc__mux *mux, uint32_t input);
/* Packets that the buffer of an input can take now. */
size_t simc__mux_input_room(const struct simc__mux *mux, uint32_t input);

/* --------------------------------------------------------------------------------- output -- */

/* Why there is no block. */
enum simc__mux_wait {
    SIMC__MUX_WAIT_CLOCK, /* live: nothing more is due now; call again at `wait_ns` */
    SIMC__MUX_WAIT_INPUT, /* file mode: `wait_input` needs packets, or its end */
    SIMC__MUX_WAIT_SCS,   /* file mode: the orders for `wait_tick` are not complete (PLANNED), or
                           * `scgs_awaited` SCGs are not defined; `wait_scg` is the slowest, or 0 */
    SIMC__MUX_WAIT_END,   /* file mode: everything has left */
};

/* Packets of the output; they and their ticks are valid until the next call on the engine. */
struct simc__mux_block {
    const uint8_t *packets; /* `count` times 188 bytes */
    const uint64_t *ticks;  /* when the first byte of each leaves; never falling */
    size_t count;           /* 0 when there is no block */
    enum simc__mux_wait wait;
    uint64_t wait_ns, wait_tick;
    uint32_t wait_input, wait_scg;
};

/* Makes the next packets. Call until SIMC_EAGAIN: again whenever packets were fed, orders given, or
 * `wait_ns` is reached (live; some milliseconds later is fine as long as it is less than lead_ms).
 * A live engine that was not called for more than a second leaves out the packets of that time
 * (alarm STALLED); the timeline keeps to the clock.
 * @param now_ns monotonic; file mode: only for simc__mux_timeline().
 * @return 0 (a block), SIMC_EAGAIN (see `wait`), SIMC_ENOMEM (the cipher library failed; the engine
 *         can only be freed). */
int simc__mux_run(struct simc__mux *mux, uint64_t now_ns,
                  struct simc__mux_block *block) SIMC_MUST_CHECK;

/* The tick of a monotonic time and back (live). */
uint64_t simc__mux_tick(const struct simc__mux *mux, uint64_t now_ns);
uint64_t simc__mux_tick_ns(const struct simc__mux *mux, uint64_t tick);

/* ------------------------------------------------------------------------------- SCS side -- */

/* Changes that the SCS has to be told of: the caller sends the message. */
enum simc__mux_news {
    SIMC__MUX_NEWS_ANNOUNCE = 1, /* services came, went or changed their PIDs */
    SIMC__MUX_NEWS_TIMELINE = 2, /* rate or horizon changed; beside it send it once a second */
};
/* @return bits of enum simc__mux_news since the last call. */
unsigned simc__mux_news(struct simc__mux *mux);

/* What the output carries; release it with simc__scs_mux_announce_fini(). @return 0, SIMC_ENOMEM.
 */
int simc__mux_announce(const struct simc__mux *mux,
                       struct simc__scs_mux_announce *announce) SIMC_MUST_CHECK;
void simc__mux_timeline(const struct simc__mux *mux, uint64_t now_ns,
                        struct simc__scs_mux_timeline *timeline);

/* DEFINE. One that is like the known one changes nothing; one that differs is taken over with all
 * control words and windows whose streams stay, unless the scrambling_mode differs.
 * @param code set on failure: BAD_REQUEST, CONFLICT, LIMIT or UNAVAILABLE of lib/link/link.h.
 * @return 0, SIMC_EINVAL (`code`, `why`), SIMC_ENOMEM. */
int simc__mux_define(struct simc__mux *mux, const struct simc__scs_mux_scg *scg,
                     struct simc__scs_mux_defined *defined, uint32_t *code,
                     char why[SIMC__MUX_TEXT_SIZE]) SIMC_MUST_CHECK;
/* REMOVE: its packets are clear at once. @return 0, SIMC_ENOTFOUND. */
int simc__mux_remove(struct simc__mux *mux, uint32_t scg_id) SIMC_MUST_CHECK;
/* One entry of ORDERS; give all of a message before the next simc__mux_run(). What cannot be obeyed
 * becomes an alarm. @return 0, SIMC_ENOTFOUND (no such SCG or stream), SIMC_EINVAL (a field out of
 * range), SIMC_EFULL (too many windows or ECM bytes are kept), SIMC_ENOMEM. */
int simc__mux_order(struct simc__mux *mux, const struct simc__scs_mux_order *order) SIMC_MUST_CHECK;
/* PLAN: the SCG with the lowest id above `after_scg_id` (or the first). Wipe it after use.
 * @return 0, SIMC_EEND. */
int simc__mux_plan(const struct simc__mux *mux, bool has_after, uint32_t after_scg_id,
                   struct simc__scs_mux_plan_scg *scg) SIMC_MUST_CHECK;
/* Says whether the SCS is there (false at the start). Only alarms depend on it. */
void simc__mux_scs(struct simc__mux *mux, bool is_connected);

/* Laboratory: an SCG with two fixed control words and no SCS. @param scg its streams
 * (CA_descriptors with PIDs) may be none. @param words even, odd. @param cp_ms parity changes at
 * each multiple of this; 0: always even. @return as simc__mux_define(). */
int simc__mux_define_static(struct simc__mux *mux, const struct simc__scs_mux_scg *scg,
                            const struct simc_secret words[2], uint32_t cp_ms, uint32_t *code,
                            char why[SIMC__MUX_TEXT_SIZE]) SIMC_MUST_CHECK;

/* What went on air, oldest first. At most 4096 wait; then the oldest give way (counted). */
bool simc__mux_report_next(struct simc__mux *mux,
                           struct simc__scs_mux_report *report) SIMC_MUST_CHECK;

/* -------------------------------------------------------------------------------- sources -- */

/* Packets and sections that somebody else provides: EMMs, private data, tables. */
struct simc__mux_source_config {
    char name[SIMC__MUX_NAME_SIZE];
    uint16_t pid;         /* 0: the engine chooses */
    uint8_t priority;     /* 0..7; ECMs, tables and PCRs come before all of them */
    uint64_t bitrate;     /* bits per second of packets; at least 200 */
    uint32_t queue_count; /* packets that may wait, 1..1048576; 0: 1024 */
    uint32_t burst_count; /* packets that may leave at once after silence; 0: 2 */
    bool has_ca;          /* an EMM PID: a CA_descriptor in the CAT names it */
    uint16_t ca_system_id;
    uint8_t ca_private_size;
    uint8_t ca_private[SIMC_CA_PRIVATE_MAX];
};

struct simc__mux_source_status {
    uint16_t pid;
    uint64_t bitrate;
    uint32_t queued, queue_count;    /* packets */
    uint64_t pushed, sent, rejected; /* packets */
    uint64_t late;                   /* sent more than 100 ms after they were due */
};

/* @return 0, SIMC_EINVAL (`why`), SIMC_EFULL (`why`: SIMC__MUX_SOURCES_MAX, or no free PID),
 * SIMC_ENOMEM. The id is never used again. */
int simc__mux_source_add(struct simc__mux *mux, const struct simc__mux_source_config *config,
                         uint32_t *source, char why[SIMC__MUX_TEXT_SIZE]) SIMC_MUST_CHECK;
/* Takes it away with all that waits. */
void simc__mux_source_remove(struct simc__mux *mux, uint32_t source);
/* Gives whole packets, all or none; PID and continuity counter are rewritten, nothing else. @return
 * 0, SIMC_EFULL (they do not fit), SIMC_ENOTFOUND, SIMC_EPROTO (no sync byte, or not clear). */
int simc__mux_source_push(struct simc__mux *mux, uint32_t source, const uint8_t *packets,
                          size_t count) SIMC_MUST_CHECK;
/* Gives sections, all or none. @param layout SIMC_SECTIONS_JOINED packs them one behind the other.
 * @return as above; SIMC_EINVAL: a section_length is wrong. */
int simc__mux_source_push_sections(struct simc__mux *mux, uint32_t source,
                                   const struct simc_slice *sections, size_t count,
                                   enum simc_section_layout layout) SIMC_MUST_CHECK;
/* Changes the rate; the queue stays. @return 0, SIMC_ENOTFOUND, SIMC_EINVAL. */
int simc__mux_source_bitrate(struct simc__mux *mux, uint32_t source,
                             uint64_t bitrate) SIMC_MUST_CHECK;
int simc__mux_source_status(const struct simc__mux *mux, uint32_t source,
                            struct simc__mux_source_status *status) SIMC_MUST_CHECK;

/* --------------------------------------------------------------------------------- alarms -- */

/* Alarms of the engine beside those of SIMC__SCS_MUX_ALARM_ROWS: name, number, text. */
#define SIMC__MUX_ALARM_ROWS(ROW)                                                         \
    ROW(INPUT_LOST, 64, "an input is silent")                                             \
    ROW(NO_CLOCK, 65, "the packets of an input have no usable PCR")                       \
    ROW(BUFFER_FULL, 66, "the buffer of an input is full, packets were dropped")          \
    ROW(RATE_EXCEEDED, 67, "the output is too slow for its inputs, packets were dropped") \
    ROW(INPUT_ERRORS, 68, "packets of an input are missing or damaged")                   \
    ROW(CLOCK_JUMP, 69, "the PCRs of an input jumped")                                    \
    ROW(SERVICE_MISSING, 70, "a service of the configuration is not in its input")        \
    ROW(PID_CONFLICT, 71, "two services want the same PID")                               \
    ROW(PSI_TOO_LONG, 72, "a table of the output does not fit its section")               \
    ROW(SOURCE_LATE, 73, "packets of a source do not find room at their rate")            \
    ROW(PSI_LATE, 74, "tables or PCRs do not find room at their repetition period")       \
    ROW(STALLED, 75, "the program did not run for a while; packets were left out")        \
    ROW(TOO_MANY, 76, "more programmes than program_limit are in an input")               \
    ROW(HELD_BACK, 77, "a service is held back, because it would be in the clear")

#define SIMC__MUX_ALARM_ENUM(name, number, text) SIMC__MUX_ALARM_##name = number,
enum simc__mux_alarm_type { SIMC__MUX_ALARM_ROWS(SIMC__MUX_ALARM_ENUM) };
#undef SIMC__MUX_ALARM_ENUM

#define SIMC__MUX_NONE UINT32_MAX

struct simc__mux_alarm {
    uint32_t type;   /* enum simc__scs_mux_alarm_type: goes to the SCS, too; or the enum above */
    uint32_t scg_id; /* of an SCG: has_scg */
    bool has_scg;
    uint8_t stream;                 /* 255: of the SCG */
    uint32_t input;                 /* or SIMC__MUX_NONE */
    bool is_raised;                 /* false: it is over */
    uint64_t since_tick;            /* when it was raised */
    char text[SIMC__MUX_TEXT_SIZE]; /* with numbers, for a person */
};

/* The word and the text of a type; "?" for others. */
const char *simc__mux_alarm_name(uint32_t type);
const char *simc__mux_alarm_text(uint32_t type);
/* The next alarm that was raised or is over. */
bool simc__mux_alarm_next(struct simc__mux *mux, struct simc__mux_alarm *alarm) SIMC_MUST_CHECK;
/* Those that are raised now. @return false: there is none of this index. */
bool simc__mux_alarm_get(const struct simc__mux *mux, size_t index, struct simc__mux_alarm *alarm);

/* --------------------------------------------------------------------------------- status -- */

/* Packets of the output by what they are. */
#define SIMC__MUX_CLASS_ROWS(ROW)                        \
    ROW(NULLS, "null", "null packets")                   \
    ROW(CLEAR, "clear", "components that are clear")     \
    ROW(SCRAMBLED, "scrambled", "components, scrambled") \
    ROW(PSI, "psi", "tables, made and passed")           \
    ROW(ECM, "ecm", "entitlement control messages")      \
    ROW(SOURCE, "source", "EMMs and other sources")      \
    ROW(PCR, "pcr", "packets added only to carry a PCR") \
    ROW(OTHER, "other", "everything else that passes")

#define SIMC__MUX_CLASS_ENUM(name, word, text) SIMC__MUX_CLASS_##name,
enum simc__mux_class { SIMC__MUX_CLASS_ROWS(SIMC__MUX_CLASS_ENUM) SIMC__MUX_CLASS_COUNT };
#undef SIMC__MUX_CLASS_ENUM

/* The counters of the engine: name, word, text. */
#define SIMC__MUX_COUNTER_ROWS(ROW)                                                            \
    ROW(PACKETS_OUT, "packets_out", "packets made")                                            \
    ROW(PACKETS_LATE, "packets_late", "packets of inputs dropped, because the output is slow") \
    ROW(SLOTS_SKIPPED, "slots_skipped", "packets left out, because the program stalled")       \
    ROW(ECM_SENT, "ecm_sent", "ECM repetitions sent")                                          \
    ROW(ECM_MISSED, "ecm_missed", "ECM repetitions left out for want of room")                 \
    ROW(PERIODS, "periods", "crypto periods begun")                                            \
    ROW(ORDERS, "orders", "orders taken")                                                      \
    ROW(ORDERS_LATE, "orders_late", "orders that came after their start")                      \
    ROW(ORDERS_REFUSED, "orders_refused", "orders that could not be obeyed")                   \
    ROW(REPORTS_LOST, "reports_lost", "reports that nobody took in time")                      \
    ROW(ALARMS_LOST, "alarms_lost", "alarms over the number that is kept")                     \
    ROW(PSI_CHANGES, "psi_changes", "new versions of tables of the output")                    \
    ROW(PACKETS_HELD, "packets_held", "packets held back, because they would have been clear")

#define SIMC__MUX_COUNTER_ENUM(name, word, text) SIMC__MUX_COUNTER_##name,
enum simc__mux_counter { SIMC__MUX_COUNTER_ROWS(SIMC__MUX_COUNTER_ENUM) SIMC__MUX_COUNTER_COUNT };
#undef SIMC__MUX_COUNTER_ENUM

struct simc__mux_status {
    uint64_t tick; /* of the next packet */
    uint64_t counters[SIMC__MUX_COUNTER_COUNT];
    uint64_t packets[SIMC__MUX_CLASS_COUNT];  /* since the start */
    uint64_t bitrates[SIMC__MUX_CLASS_COUNT]; /* over the last second of the timeline */
    uint64_t bitrate;
    uint32_t service_count, scg_count, source_count;
    uint64_t pcr_interval_max; /* ticks: of the last second, any service */
    size_t memory;             /* bytes held */
};

enum simc__mux_input_state {
    SIMC__MUX_INPUT_WAITING, /* nothing came yet */
    SIMC__MUX_INPUT_RUNNING,
    SIMC__MUX_INPUT_LOST,
    SIMC__MUX_INPUT_ENDED, /* file mode */
};

/* The counters of an input: name, word, text. */
#define SIMC__MUX_INPUT_COUNTER_ROWS(ROW)                                       \
    ROW(PACKETS, "packets", "packets received")                                 \
    ROW(NULLS, "nulls", "null packets among them")                              \
    ROW(BAD, "bad", "packets without sync byte, malformed, or marked as wrong") \
    ROW(DUPLICATES, "duplicates", "repeated packets, dropped")                  \
    ROW(LOST, "lost", "breaks of a continuity counter")                         \
    ROW(DROPPED, "dropped", "packets dropped for want of room in the buffer")   \
    ROW(LATE, "late", "packets that came after they were due")                  \
    ROW(JUMPS, "jumps", "jumps of PCRs")                                        \
    ROW(LOSSES, "losses", "times the input was lost")                           \
    ROW(PSI_CHANGES, "psi_changes", "changes of its tables")                    \
    ROW(SECTION_ERRORS, "section_errors", "sections with a wrong CRC or broken off")

#define SIMC__MUX_INPUT_COUNTER_ENUM(name, word, text) SIMC__MUX_INPUT_##name##_COUNT,
enum simc__mux_input_counter {
    SIMC__MUX_INPUT_COUNTER_ROWS(SIMC__MUX_INPUT_COUNTER_ENUM) SIMC__MUX_INPUT_COUNTER_COUNT
};
#undef SIMC__MUX_INPUT_COUNTER_ENUM

struct simc__mux_input_status {
    char name[SIMC__MUX_NAME_SIZE];
    enum simc__mux_input_state state;
    uint64_t counters[SIMC__MUX_INPUT_COUNTER_COUNT];
    uint32_t buffered, buffer_count, buffered_max; /* packets; the last: of the last second */
    uint64_t bitrate;                              /* over the last second */
    int32_t clock_ppb;   /* how much faster its reference PCR runs than the timeline */
    int64_t phase_ticks; /* how far its arrivals are from their places now */
    uint32_t program_count;
    uint16_t ts_id;
};

struct simc__mux_service_status {
    uint16_t service_id, input_service_id, pmt_pid, pcr_pid;
    uint32_t input;
    bool is_present; /* in its input now */
    char name[SIMC__MUX_NAME_SIZE];
    uint8_t pmt_version;
    uint8_t component_count;
    bool is_scrambled;
    bool is_held;    /* a component of it is held back */
    uint32_t scg_id; /* of the programme, SIMC__MUX_NONE: none */
    uint64_t bitrate;
    uint64_t pcr_interval_max; /* ticks, last second */
};

struct simc__mux_stream_status {
    uint8_t stream;
    uint32_t super_cas_id;
    uint16_t ecm_id, pid;
    bool is_on_air;
    uint16_t cp; /* of the ECM on air */
    uint64_t start_tick, stop_tick;
    uint32_t repetition_ms;
    uint64_t sent, missed;
    uint64_t lateness_max; /* ticks: behind its grid, of the last second */
};

struct simc__mux_scg_status {
    uint32_t scg_id;
    char name[SIMC__MUX_NAME_SIZE];
    bool is_static;
    bool is_scrambled;
    uint16_t cp;
    uint8_t parity;
    uint8_t scrambling_mode;
    uint64_t start_tick;      /* of the running period */
    uint64_t next_start_tick; /* of the one that is ordered next; SIMC__SCS_MUX_OPEN: none */
    uint64_t planned_tick;    /* file mode */
    uint32_t periods_ahead;
    uint64_t packets; /* scrambled */
    uint8_t stream_count;
    struct simc__mux_stream_status streams[SIMC__SCS_MUX_STREAMS_MAX];
};

void simc__mux_status(const struct simc__mux *mux, struct simc__mux_status *status);
/* @return 0, SIMC_ENOTFOUND: no such index. */
int simc__mux_input_status(const struct simc__mux *mux, uint32_t input,
                           struct simc__mux_input_status *status) SIMC_MUST_CHECK;
int simc__mux_service_status(const struct simc__mux *mux, uint32_t index,
                             struct simc__mux_service_status *status) SIMC_MUST_CHECK;
int simc__mux_scg_status(const struct simc__mux *mux, uint32_t index,
                         struct simc__mux_scg_status *status) SIMC_MUST_CHECK;

/* The rows as words, for metrics and the status page; NULL outside the rows. */
const char *simc__mux_counter_name(unsigned counter);
const char *simc__mux_counter_help(unsigned counter);
const char *simc__mux_input_counter_name(unsigned counter);
const char *simc__mux_input_counter_help(unsigned counter);
const char *simc__mux_class_name(unsigned class_index);
const char *simc__mux_class_help(unsigned class_index);

#endif
