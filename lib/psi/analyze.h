/* SPDX-License-Identifier: BSL-1.0 */
/* The stream analyser: packets in, a report struct out, in bounded memory. `simulcrypt ts analyze`,
 * the run-headend screen and tests use it; analyze_text.c and analyze_json.c print the report. */
#ifndef SIMC__PSI_ANALYZE_H
#define SIMC__PSI_ANALYZE_H

#include "psi/analyze_buffer.h"
#include "psi/pcr_filter.h"
#include "simulcrypt/psi.h"

/* The checks of TR 101 290 V1.4.1, clause 5.2: name here, number, priority, name there; and the
 * measurements of PCRs in 5.3.2, which have no priority there. */
#define SIMC__CHECK_ROWS(ROW)                                      \
    ROW(SYNC_LOSS, "1.1", 1, "TS_sync_loss")                       \
    ROW(SYNC_BYTE, "1.2", 1, "Sync_byte_error")                    \
    ROW(PAT, "1.3.a", 1, "PAT_error_2")                            \
    ROW(CONTINUITY, "1.4", 1, "Continuity_count_error")            \
    ROW(PMT, "1.5.a", 1, "PMT_error_2")                            \
    ROW(PID, "1.6", 1, "PID_error")                                \
    ROW(TRANSPORT, "2.1", 2, "Transport_error")                    \
    ROW(CRC, "2.2", 2, "CRC_error")                                \
    ROW(PCR_REPETITION, "2.3.a", 2, "PCR_repetition_error")        \
    ROW(PCR_JUMP, "2.3.b", 2, "PCR_discontinuity_indicator_error") \
    ROW(PCR_ACCURACY, "2.4", 2, "PCR_accuracy_error")              \
    ROW(PTS, "2.5", 2, "PTS_error")                                \
    ROW(CAT, "2.6", 2, "CAT_error")                                \
    ROW(NIT_ACTUAL, "3.1.a", 3, "NIT_actual_error")                \
    ROW(NIT_OTHER, "3.1.b", 3, "NIT_other_error")                  \
    ROW(SI_REPETITION, "3.2", 3, "SI_repetition_error")            \
    ROW(BUFFER, "3.3", 3, "Buffer_error")                          \
    ROW(UNREFERENCED, "3.4.a", 3, "Unreferenced_PID")              \
    ROW(SDT_ACTUAL, "3.5.a", 3, "SDT_actual_error")                \
    ROW(SDT_OTHER, "3.5.b", 3, "SDT_other_error")                  \
    ROW(EIT_ACTUAL, "3.6.a", 3, "EIT_actual_error")                \
    ROW(EIT_OTHER, "3.6.b", 3, "EIT_other_error")                  \
    ROW(EIT_PF, "3.6.c", 3, "EIT_PF_error")                        \
    ROW(RST, "3.7", 3, "RST_error")                                \
    ROW(TDT, "3.8", 3, "TDT_error")                                \
    ROW(EMPTY_BUFFER, "3.9", 3, "Empty_buffer_error")              \
    ROW(DATA_DELAY, "3.10", 3, "Data_delay_error")                 \
    ROW(PCR_OFFSET, "PCR_FO", 3, "PCR_frequency_offset")           \
    ROW(PCR_DRIFT, "PCR_DR", 3, "PCR_drift_rate")                  \
    ROW(PCR_JITTER, "PCR_OJ", 3, "PCR_overall_jitter")

#define SIMC__CHECK_ENUM(name, number, priority, title) SIMC__CHECK_##name,
enum simc__check_id { SIMC__CHECK_ROWS(SIMC__CHECK_ENUM) SIMC__CHECK_COUNT };
#undef SIMC__CHECK_ENUM

struct simc__check_row {
    const char *number;
    unsigned priority;
    const char *title;
};

extern const struct simc__check_row simc__check_rows[SIMC__CHECK_COUNT];

enum {
    SIMC__SERVICES_MAX = 256,
    SIMC__SERVICE_STREAMS_MAX = 32,
    SIMC__SERVICE_CAS_MAX = 16,
    SIMC__NAME_SIZE = 96,
    SIMC__CAT_CAS_MAX = 64,
    SIMC__CA_PRIVATE_KEPT = 32,
    SIMC__CA_STREAMS_MAX = 256,
    SIMC__PERIODS_MAX = 64, /* kept per service: the latest */
    SIMC__PERIOD_ECMS_MAX = 8,
    SIMC__ASSEMBLERS_MAX = 768,
    SIMC__TRACKS_MAX = 8192, /* power of two */
    SIMC__FAULTS_MAX = 256,  /* kept: the first */
    SIMC__PCR_WINDOW_MAX = 128,
};

/* Limits, in milliseconds unless the name says otherwise; simc__analyzer_init() fills in those of
 * TR 101 290 and TR 101 211 where a member is 0. */
struct simc__limits {
    uint32_t pat_ms, pmt_ms, pid_ms, pcr_ms, pts_ms, unreferenced_ms, data_delay_ms;
    uint32_t still_delay_ms; /* data_delay_ms of still pictures */
    uint32_t pcr_accuracy_ns;
    uint32_t pcr_demarcation_mhz; /* millihertz, between drift and jitter [101290 annex I] */
    uint32_t pcr_offset_hz;       /* of 27 MHz */
    uint32_t pcr_drift_mhz;       /* millihertz per second */
    uint32_t pcr_jitter_ns;       /* 0: measured, but not judged; no standard has a limit */
    uint64_t bitrate_bps;  /* of the stream; 0: not known, so that its clocks cannot be compared */
    uint32_t cat_first_ms; /* scrambled packets without any CAT */
    uint32_t cat_ms;       /* scrambled packets, and the CAT seen before has gone */
    uint32_t si_gap_ms;    /* least time between sections of a sub-table */
    bool buffers;          /* judge the decoder's buffers (3.3, 3.9) as well */
    bool clock_is_loose;   /* that of arrivals: it is not good enough to judge PCR_FO */
    bool dvb;              /* NIT, SDT, EIT p/f and TDT are expected even if nothing names them */
};

/* One thing that went wrong. */
struct simc__fault {
    enum simc__check_id check;
    uint16_t pid;    /* SIMC_PID_NULL: of the whole stream */
    uint64_t packet; /* index of the packet at which it was noticed */
    uint64_t time_27mhz;
    const char *what; /* a literal, without a full stop */
    int64_t value;    /* what was measured; its unit is part of `what` */
};

struct simc__check {
    uint64_t count;
    uint64_t first_packet, last_packet;
    bool judged; /* there was something to look at */
};

struct simc__ca {
    uint16_t system_id, pid;
    uint16_t stream_pid; /* of the ES loop it stands in; SIMC_PID_NULL: of the programme, or CAT */
    uint8_t private_size;
    uint8_t private_data[SIMC__CA_PRIVATE_KEPT]; /* its first bytes */
};

/* An ECM that appeared during a crypto period. */
struct simc__period_ecm {
    uint16_t pid;
    uint8_t table_id;
    uint32_t hash;     /* of what stands behind section_length */
    uint64_t at_27mhz; /* first seen whole */
};

/* A crypto period as the packets show it. */
struct simc__period {
    uint64_t start_27mhz, end_27mhz; /* end: 0 while it runs */
    uint64_t start_packet;
    uint8_t tsc; /* enum simc_ts_tsc */
    bool entire; /* its start was seen */
    uint8_t ecm_count;
    struct simc__period_ecm ecms[SIMC__PERIOD_ECMS_MAX];
};

struct simc__stream {
    uint8_t type;
    uint16_t pid;
};

struct simc__service {
    uint16_t id;
    bool in_pat, in_sdt, has_pmt;
    uint16_t pmt_pid, pcr_pid;
    uint8_t pmt_version;
    uint32_t pmt_crc;
    uint64_t pat_seen_27mhz; /* when the PAT named it first */
    uint64_t pmt_last_27mhz; /* or the last time its absence was reported */
    uint64_t eit_last_27mhz; /* the same for EIT p/f */
    uint8_t eit_seen;        /* bit n: section n of EIT p/f actual was seen */
    uint8_t type, running_status;
    bool free_ca_mode, eit_schedule, eit_pf;
    int scrambling_mode; /* of the descriptor; -1: none */
    char name[SIMC__NAME_SIZE], provider[SIMC__NAME_SIZE];
    unsigned stream_count, ca_count;
    bool streams_dropped; /* more than fit here */
    struct simc__stream streams[SIMC__SERVICE_STREAMS_MAX];
    struct simc__ca cas[SIMC__SERVICE_CAS_MAX];
    uint8_t tsc; /* of the present period */
    uint64_t period_count;
    struct simc__period *periods;  /* a ring of SIMC__PERIODS_MAX; NULL until a packet was seen */
    struct simc__std_service *std; /* NULL: its buffers are not looked at */
};

/* What was seen of ECMs or EMMs on a PID. */
struct simc__ca_stream {
    uint16_t pid, system_id;
    bool is_emm;
    uint64_t sections, bytes;
    uint64_t by_table[16]; /* table_ids 0x80..0x8f */
    uint64_t others;       /* sections with another table_id */
    uint64_t changes;      /* ECM: new contents, the first included */
    uint64_t first_27mhz, last_27mhz;
    uint64_t gap_max_27mhz, gap_min_27mhz;
    uint8_t table_id; /* of the last */
    uint32_t hash;    /* of the last */
};

enum simc__pid_role {
    SIMC__ROLE_NONE,
    SIMC__ROLE_PSI, /* PAT, CAT, SI PIDs */
    SIMC__ROLE_PMT,
    SIMC__ROLE_STREAM,
    SIMC__ROLE_PCR,
    SIMC__ROLE_ECM,
    SIMC__ROLE_EMM,
    SIMC__ROLE_NULL,
};

const char *simc__pid_role_name(enum simc__pid_role role);

struct simc__pid {
    enum simc__pid_role role;
    uint8_t stream_type;
    uint8_t ca_stream; /* index + 1 */
    uint16_t service;  /* index + 1 of the first service that names it */
    uint16_t pcr_of;   /* index + 1 of the service that takes its time from it */
    bool reported;     /* as unreferenced */
    struct simc_section_assembler *sections; /* NULL: not looked into */
    uint64_t crc_errors;                     /* of the assembler, already reported */
    uint64_t quiet_packets;                  /* count at the last look */
    uint64_t quiet_since_27mhz;
    uint64_t pts_27mhz; /* stream time of the last PTS */
    bool has_pts;
    bool still;                               /* a descriptor announces still pictures */
    bool has_delay;                           /* the two to follow */
    int32_t delay_min_90khz, delay_max_90khz; /* from arrival to decoding */
    enum simc__blind blind;                   /* its buffers are not looked at for this reason */
    struct simc__es *es;                      /* NULL: its buffers are not looked at */
};

/* A section of a sub-table, or with number 0x100 the sub-table, and when it was seen last. */
struct simc__track {
    uint64_t key; /* 0: free; else pid, table_id, extension, number, and a mark */
    uint64_t last_27mhz;
    uint8_t version, last_number;
    bool gone; /* its absence was reported */
};

/* PCRs of about a second: a line through them shows those that are off it. */
struct simc__pcr_window {
    unsigned count;
    uint64_t first_pcr, first_packet;
    uint64_t losses; /* continuity errors of the stream when it began */
    struct {
        int64_t ticks, packets;
    } points[SIMC__PCR_WINDOW_MAX];
    double slope;    /* ticks per packet of the window before */
    unsigned steady; /* windows in a row with that slope */
    uint64_t judged; /* PCRs */
    double worst_ns;
    uint64_t first_27mhz; /* of the clock's timeline, at the first point */
    double packet_s;      /* the ideal time of a packet; 0: not known yet */
};

/* PCR_FO, PCR_DR and PCR_OJ of one clock. */
struct simc__pcr_measure {
    struct simc__pcr_filter filter;
    bool measured;
    double longest_s;                          /* that the filter has looked */
    double offset_hz, drift_mhz;               /* the last */
    double jitter_ns;                          /* peak since ever */
    bool offset_over, drift_over, jitter_over; /* reported, and not yet over */
};

struct simc__analyzer {
    struct simc__limits limits;
    struct simc_ts_stats stats;
    struct simc__pid *pids; /* SIMC_TS_PID_COUNT */
    uint16_t *present;      /* PIDs seen, in order of appearance */
    unsigned present_count;
    struct simc__service *services; /* SIMC__SERVICES_MAX */
    unsigned service_count;
    struct simc__ca_stream *ca_streams;
    unsigned ca_stream_count;
    struct simc__track *tracks;
    unsigned track_count;
    struct simc__pcr_window *windows;   /* SIMC_TS_CLOCKS_MAX */
    struct simc__pcr_measure *measures; /* SIMC_TS_CLOCKS_MAX */
    uint64_t arrival_ns; /* of the run of packets, by a clock; 0: there is no such clock */
    uint64_t run_end;    /* index behind the last packet of the run */
    unsigned std_stream_count, std_service_count;
    unsigned assembler_count;
    struct simc__check checks[SIMC__CHECK_COUNT];
    struct simc__fault faults[SIMC__FAULTS_MAX];
    unsigned fault_count;
    bool dropped; /* more services, PIDs or sections than fit into this struct */
    bool has_pat, has_cat;
    uint16_t ts_id, network_id;
    uint16_t nit_pid; /* 0: the PAT names none */
    bool has_sdt;
    uint8_t pat_version;
    uint64_t pat_last_27mhz, cat_last_27mhz;
    uint64_t nit_last_27mhz, sdt_last_27mhz, tdt_last_27mhz;
    uint64_t scrambled_27mhz; /* when the first scrambled packet came */
    bool scrambled;
    int64_t tdt_time_s; /* SIMC_DVB_TIME_NONE: no TDT */
    struct simc__ca cat[SIMC__CAT_CAS_MAX];
    unsigned cat_count;
    uint64_t tracks_27mhz; /* time of the last look at sections that do not come any more */
    uint64_t tick_27mhz;   /* time of the last look at what is absent */
    uint64_t skipped, sync_losses, bad_syncs; /* of the synchroniser */
};

/* @param limits copied; NULL: all defaults. @return 0, SIMC_ENOMEM. */
int simc__analyzer_init(struct simc__analyzer *analyzer,
                        const struct simc__limits *limits) SIMC_MUST_CHECK;
void simc__analyzer_fini(struct simc__analyzer *analyzer);
/* Gives a run of packets. @return 0, SIMC_ENOMEM (the report stays valid, but lacks something). */
int simc__analyzer_push(struct simc__analyzer *analyzer,
                        const struct simc_ts_run *run) SIMC_MUST_CHECK;
/* Tells how the synchroniser fares; call it in front of each run and at the end. */
void simc__analyzer_sync(struct simc__analyzer *analyzer, const struct simc_ts_sync *sync);
/* Tells when the next run of packets has come, by a clock that never jumps; without it they are
 * taken to come at a constant bit rate. @param ns above 0. */
void simc__analyzer_arrival(struct simc__analyzer *analyzer, uint64_t ns);
/* Ends the analysis: what runs is closed. Then the report is complete. */
void simc__analyzer_end(struct simc__analyzer *analyzer);

/* True when a check of this priority or a more important one has failed. */
bool simc__analyzer_failed(const struct simc__analyzer *analyzer, unsigned priority);
/* Milliseconds of a stream time. */
double simc__ms(uint64_t time_27mhz);
/* Stream time at the last packet. */
uint64_t simc__analyzer_duration(const struct simc__analyzer *analyzer);
/* The n-th of the periods that are kept, from the oldest on; NULL behind the last. */
const struct simc__period *simc__service_period(const struct simc__service *service, size_t n);

/* Why the buffers of a PID are not judged; SIMC__BLIND_NOT: they are. */
enum simc__blind simc__buffer_blind(const struct simc__analyzer *analyzer, uint16_t pid);
/* Why the delay of its data is not judged; NULL: it is. */
const char *simc__delay_blind(const struct simc__analyzer *analyzer, uint16_t pid);
/* Seconds of PCRs that are wanted before drift and offset are judged: with a clock, whose time
 * comes with all that a network does, those in which the filter settles. */
double simc__pcr_settling_s(const struct simc__analyzer *analyzer);
/* Why an offset of PCRs is not judged; NULL: it is. */
const char *simc__offset_blind(const struct simc__analyzer *analyzer);

/* Printers. On SIMC_ENOSPC `out->at` tells the room needed. */
void simc__analyzer_text(const struct simc__analyzer *analyzer, struct simc_writer *out);
void simc__analyzer_json(const struct simc__analyzer *analyzer, struct simc_writer *out);

#endif
