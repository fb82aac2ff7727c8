/* SPDX-License-Identifier: BSL-1.0 */
/* Which packets of a transport stream `ts scramble` and `ts descramble` change: the PIDs named, and
 * the elementary streams of the services named, followed through PAT and PMT. */
#ifndef SIMC__CLI_TS_SELECT_H
#define SIMC__CLI_TS_SELECT_H

#include "base/options.h"
#include "simulcrypt/ts.h"

enum {
    SIMC__SELECT_SERVICES_MAX = 64,
    SIMC__SELECT_PMTS_MAX = 256,
    SIMC__SELECT_STREAMS_MAX = 128
};

/* What to do with the packets of a PID. */
enum {
    SIMC__SELECT_CHANGE = 1, /* scramble or descramble them */
    SIMC__SELECT_PSI = 2,    /* give them to simc__select_push() */
    SIMC__SELECT_CLOCK = 4,  /* their PCRs are the clock */
};

struct simc__select_pmt {
    uint16_t program, pid;
    bool seen;
    bool wanted;
    uint32_t crc; /* of the section seen last: unchanged ones are not read again */
    uint16_t pcr_pid;
    size_t stream_count;
    uint16_t streams[SIMC__SELECT_STREAMS_MAX]; /* PIDs that may be scrambled */
    struct simc_section_assembler sections;
};

struct simc__select {
    uint8_t pids[SIMC_TS_PID_COUNT]; /* flags by PID */
    bool by_pid[SIMC_TS_PID_COUNT];  /* named by the user */
    uint16_t services[SIMC__SELECT_SERVICES_MAX];
    size_t service_count;
    bool all_services; /* neither services nor PIDs were named */
    uint32_t pat_crc;
    bool pat_seen;
    size_t pmt_count;
    struct simc__select_pmt pmts[SIMC__SELECT_PMTS_MAX];
    struct simc_section_assembler pat_sections;
};

/* Reads the names and numbers of the command line. @param why on failure one sentence.
 * @return 0, SIMC_ESYNTAX, SIMC_ENOMEM. */
int simc__select_init(struct simc__select *select, const struct simc__option_texts *services,
                      const struct simc__option_texts *pids,
                      char why[SIMC__OPTIONS_WHY_SIZE]) SIMC_MUST_CHECK;
void simc__select_fini(struct simc__select *select);
/* Gives a packet of a PID with SIMC__SELECT_PSI. @return 0, or SIMC_ENOMEM. */
int simc__select_push(struct simc__select *select, const uint8_t *packet) SIMC_MUST_CHECK;
/* True when every service that is wanted has been found. */
bool simc__select_is_complete(const struct simc__select *select);
/* Writes what is missing as a sentence; writes nothing when simc__select_is_complete(). */
void simc__select_explain(const struct simc__select *select, struct simc_writer *out);

#endif
