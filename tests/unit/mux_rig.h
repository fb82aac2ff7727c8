/* SPDX-License-Identifier: BSL-1.0 */
/* What the tests of the mux's engine share: a generator of transport streams with a clock that can
 * go wrong, an engine driven by a fake clock, and a checker of the output that shares no code with
 * the engine: tables, continuity, PCRs, grids and decryption (OpenSSL) are looked at by themselves.
 */
#ifndef SIMC_TESTS_MUX_RIG_H
#define SIMC_TESTS_MUX_RIG_H

#include "mux/mux.h"

enum {
    RIG_PIDS = 8192,
    RIG_PROGRAMS = 8,
    RIG_WORDS = 4096,
    RIG_PMT_PID = 0x1000,   /* of the first programme; the others follow */
    RIG_VIDEO_PID = 0x0100, /* of the first programme; the others are 0x10 further */
    RIG_AUDIO_PID = 0x0101,
    RIG_MS = 27000,
};

#define RIG_SECOND UINT64_C(27000000)

/* ---- generator ---- */

/* A constant rate stream of some programmes, each with video (it carries the PCR) and audio. */
struct rig_stream {
    uint64_t bitrate;
    unsigned programs;         /* 1..RIG_PROGRAMS; numbers 1, 2, ... */
    uint32_t payload_permille; /* packets that are components; the rest are tables and nulls */
    uint32_t pcr_ms;           /* PCR distance; 0: none at all */
    uint64_t pcr_start;        /* 27 MHz: PCR at packet 0 */
    int64_t pcr_ppb; /* its clock is this much too fast (tables of PCR values, not arrival) */
    uint16_t ts_id, network_id;
    uint8_t pmt_version;
    bool has_data;      /* the first programme has a third component, of private sections */
    bool has_ca;        /* PMTs and a CAT with the conditional access of somebody else */
    uint16_t video_pid; /* instead of RIG_VIDEO_PID; 0: that */
    /* State. */
    uint64_t packet; /* made so far */
    uint64_t pcr_last[RIG_PROGRAMS];
    bool pcr_sent[RIG_PROGRAMS];
    uint8_t cc[RIG_PIDS];
    uint64_t state; /* random */
    uint64_t table_at[4 + RIG_PROGRAMS];
    uint32_t unit; /* counts payloads, so that each packet differs */
};

void rig_stream_init(struct rig_stream *stream, uint64_t bitrate, unsigned programs);
/* The next packet. */
void rig_stream_packet(struct rig_stream *stream, uint8_t packet[188]);
uint16_t rig_video(const struct rig_stream *stream, unsigned program);
uint16_t rig_audio(const struct rig_stream *stream, unsigned program);

/* ---- checker ---- */

struct rig_word {
    uint64_t from_tick; /* packets from here on */
    bool is_clear;
    uint8_t parity;
    uint8_t cw[16];
};

struct rig_pid {
    uint64_t packets, scrambled, clear_payloads, short_payloads;
    uint64_t first_tick, last_tick;
    uint64_t first_scrambled, last_scrambled;
    uint64_t first_clear_after; /* clear behind a scrambled one, payload of 16 bytes or more */
    uint8_t cc;
    bool seen;
    /* PCR. */
    uint64_t pcrs, pcr_last, pcr_tick;
    uint64_t pcr_interval_max; /* ticks */
    int64_t pcr_error_max;     /* ticks off the line of slope `pcr_ppb`, from PCR to PCR */
    uint64_t pcr_announced;
    /* Sections. */
    uint64_t unit_starts;
};

/* Reads an output block by block. */
struct rig_checker {
    struct rig_pid pids[RIG_PIDS];
    uint64_t packets, nulls;
    uint64_t last_tick;
    uint64_t cc_errors, sync_errors, tick_errors, decrypt_errors, clear_errors, pcr_errors;
    uint64_t skip_pcr_until; /* ticks: PCRs before it are not measured */
    int64_t pcr_ppb;         /* expected slope */
    int64_t pcr_tolerance;   /* ticks; 0: 13 (500 ns) */
    /* Expected scrambling of PIDs: index into words + 1. */
    uint8_t scg_of[RIG_PIDS];
    struct rig_word *words[8];
    uint32_t word_counts[8];
    /* Last section of each kind, found by a parser of its own. */
    uint8_t pat[1024], cat[1024], sdt[1024], pmt[RIG_PROGRAMS][1024];
    uint16_t pat_size, cat_size, sdt_size, pmt_size[RIG_PROGRAMS];
    uint16_t pmt_pid[RIG_PROGRAMS], pmt_number[RIG_PROGRAMS];
    unsigned program_count;
    uint64_t pat_tick, pat_interval_max, pmt_tick[RIG_PROGRAMS], pmt_interval_max[RIG_PROGRAMS];
    uint64_t cat_tick, cat_first, cat_interval_max, sdt_tick, sdt_interval_max;
    uint64_t sdt_gap_errors; /* less than 25 ms between two of them */
    uint64_t section_errors, version_errors;
    unsigned pat_versions, cat_versions, sdt_versions, pmt_versions[RIG_PROGRAMS];
    /* Each packet of a PID of interest. */
    uint16_t trace_pid;
    uint64_t trace_ticks[65536];
    uint8_t trace_tags[65536]; /* byte 8 of the section: what the test put there */
    uint32_t trace_count;
    /* Copy of the last clear payloads: counted by the unit number that the generator wrote. */
    uint64_t payload_errors;
};

struct rig_checker *rig_checker_new(void);
void rig_checker_free(struct rig_checker *checker);
/* Says what the packets of `pid` must be from a tick on. @param scg 0..7. */
void rig_expect_word(struct rig_checker *checker, unsigned scg, uint64_t from_tick, uint8_t parity,
                     const uint8_t cw[16]);
void rig_expect_clear(struct rig_checker *checker, unsigned scg, uint64_t from_tick);
void rig_expect_pid(struct rig_checker *checker, uint16_t pid, unsigned scg);
void rig_check(struct rig_checker *checker, const struct simc__mux_block *block);
/* Ends the test when anything that must never happen was seen. */
void rig_check_end(const struct rig_checker *checker);

/* A naive look into the last PMT of a programme: its CA_descriptors at programme level and in the
 * loop of a component. @return how many. */
unsigned rig_pmt_ca(const struct rig_checker *checker, unsigned program, uint16_t component,
                    uint16_t ca_pids[8]);
/* scrambling_mode of the last PMT, or -1. */
int rig_pmt_mode(const struct rig_checker *checker, unsigned program);
/* Components of the last PMT. @return how many. */
unsigned rig_pmt_pids(const struct rig_checker *checker, unsigned program, uint16_t pids[64],
                      uint16_t *pcr_pid);
/* free_CA_mode of a service in the last SDT, or -1. */
int rig_sdt_free_ca(const struct rig_checker *checker, uint16_t service_id);

/* ---- engine ---- */

/* An engine with one input and a checker on its output. */
struct rig {
    struct simc__mux *mux;
    struct rig_checker *checker;
    struct rig_stream stream;
    uint64_t now_ns, start_ns;
    uint64_t sent;     /* packets fed */
    int64_t input_ppb; /* packets arrive this much too fast */
    bool is_silent;    /* the input is away: time passes, its packets are lost */
    uint64_t wait_tick;
    enum simc__mux_wait wait;
    struct simc__scs_mux_report reports[16384];
    uint32_t report_count;
    struct simc__mux_alarm alarms[256];
    uint32_t alarm_count;
};

/* A configuration for one input that is passed whole. */
struct simc__mux_config rig_config(enum simc__mux_rate rate, uint64_t bitrate);
/* The engine's configuration is taken over; its input is the generator's. */
struct rig *rig_new(const struct simc__mux_config *config, uint64_t input_bitrate,
                    unsigned programs);
void rig_free(struct rig *rig);
/* Lets time pass (live), in steps of 2 ms. */
void rig_run(struct rig *rig, uint64_t ms);
/* File mode: feeds and runs until a tick is reached, or the engine waits for the SCS. */
void rig_run_file(struct rig *rig, uint64_t until_tick);
bool rig_has_alarm(const struct rig *rig, uint32_t type, bool is_raised);
/* Reports of a type. */
unsigned rig_reports(const struct rig *rig, enum simc__scs_mux_report_type type);

/* ---- orders ---- */

/* An SCG of whole services, one stream per PID (0: the engine chooses). */
void rig_define(struct rig *rig, uint32_t scg_id, uint16_t service_id, const uint16_t *ecm_pids,
                unsigned streams);
void rig_order(struct rig *rig, const struct simc__scs_mux_order *order);
/* Word, ECM (100 bytes, byte 8 of it is `cp`), both with bytes made of scg and cp. */
void rig_word(struct rig *rig, uint32_t scg_id, uint16_t cp);
void rig_cw(uint32_t scg_id, uint16_t cp, uint8_t cw[16]);
void rig_ecm(struct rig *rig, uint32_t scg_id, uint8_t stream, uint16_t cp);
void rig_period(struct rig *rig, uint32_t scg_id, uint16_t cp, uint64_t start_tick);
void rig_window(struct rig *rig, uint32_t scg_id, uint8_t stream, uint16_t cp, uint64_t start_tick,
                uint64_t stop_tick, uint16_t repetition_ms);
void rig_clear(struct rig *rig, uint32_t scg_id, uint64_t start_tick);

#endif
