/* SPDX-License-Identifier: BSL-1.0 */
/* What crosses the files of the analyser. */
#ifndef SIMC__PSI_ANALYZE_INTERNAL_H
#define SIMC__PSI_ANALYZE_INTERNAL_H

#include "psi/analyze.h"

static inline uint64_t simc__ms_ticks(uint32_t ms)
{
    return (uint64_t)ms * (SIMC_PCR_HZ / 1000);
}

/* Counts a fault, and keeps it if there is room. @param what a literal. */
void simc__raise(struct simc__analyzer *analyzer, enum simc__check_id check, uint16_t pid,
                 const char *what, int64_t value);
/* The same for a packet `ago_27mhz` ticks ago. */
void simc__raise_at(struct simc__analyzer *analyzer, enum simc__check_id check, uint16_t pid,
                    uint64_t packet, uint64_t ago_27mhz, const char *what, int64_t value);
static inline void simc__judge(struct simc__analyzer *analyzer, enum simc__check_id check)
{
    analyzer->checks[check].judged = true;
}

/* Looks for what is absent; called every 100 ms of stream time. */
void simc__check_absence(struct simc__analyzer *analyzer, uint64_t now);
/* Looks at the repetition of a section of SI that has just come. */
void simc__check_repetition(struct simc__analyzer *analyzer, uint16_t pid,
                            const struct simc_section *section, uint64_t now);
/* Looks at the PCR, and the PES header of a packet. */
void simc__check_pcr(struct simc__analyzer *analyzer, uint16_t pid,
                     const struct simc_ts_event *event);
void simc__check_pes(struct simc__analyzer *analyzer, uint16_t pid, const uint8_t *packet,
                     uint64_t now);
/* A PTS or DTS in five bytes. @return false: its marker bits are wrong. */
bool simc__pes_stamp(const uint8_t p[5], uint64_t *value);

/* PCR_FO, PCR_DR and PCR_OJ: a window of PCRs at a constant bit rate; a PCR with its arrival by a
 * clock; and a break, after which the bit rate or (`new_base`) the clock itself is another. */
void simc__measure_window(struct simc__analyzer *analyzer, unsigned number);
void simc__measure_arrival(struct simc__analyzer *analyzer, unsigned number);
void simc__measure_break(struct simc__analyzer *analyzer, unsigned number, bool new_base);

/* Takes whole sections of a PID. @return 0, SIMC_ENOMEM. */
int simc__analyze_sections(struct simc__analyzer *analyzer, uint16_t pid, const uint8_t *packet);
/* Makes a PID one whose sections are assembled. */
int simc__watch_sections(struct simc__analyzer *analyzer, uint16_t pid, enum simc__pid_role role);

/* The scrambling of a PID of a service has changed. @return 0, SIMC_ENOMEM. */
int simc__crypt_change(struct simc__analyzer *analyzer, struct simc__service *service, uint8_t tsc,
                       bool entire);
/* A section on a PID of ECMs or EMMs. */
void simc__crypt_section(struct simc__analyzer *analyzer, uint16_t pid, struct simc_slice bytes,
                         uint64_t now);
/* The stream of ECMs or EMMs on a PID: index + 1, made if need be; 0 when there is no room. */
uint8_t simc__ca_stream_index(struct simc__analyzer *analyzer, const struct simc__ca *ca,
                              bool is_emm);

#endif
