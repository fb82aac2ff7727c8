/* SPDX-License-Identifier: BSL-1.0 */
/* Follows PAT and PMT to find the PIDs to scramble; see ts_select.h. Tables may change at any time:
 * the flags always say what the last ones said. */
#include "cli/ts_select.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "simulcrypt/psi.h"

/* Streams of sections, which are never scrambled: receivers read them without a key.
 * [13818 table 2-34] */
static const uint8_t section_types[] = {0x05, 0x0a, 0x0b, 0x0c, 0x0d, 0x86};

static bool holds_sections(uint8_t stream_type)
{
    return memchr(section_types, stream_type, sizeof section_types) != NULL;
}

static int read_numbers(const struct simc__option_texts *texts, const char *option, uint64_t min,
                        uint64_t max, uint16_t *numbers, size_t *count, char *why)
{
    for (size_t i = 0; i < texts->count; i++) {
        uint64_t number;
        if (simc__text_read_uint(simc_slice_text(texts->items[i]), &number) || number < min ||
            number > max) {
            snprintf(why, SIMC__OPTIONS_WHY_SIZE, "--%s is %s, but must be %llu to %llu", option,
                     texts->items[i], (unsigned long long)min, (unsigned long long)max);
            return SIMC_ESYNTAX;
        }
        numbers[(*count)++] = (uint16_t)number;
    }
    return 0;
}

int simc__select_init(struct simc__select *select, const struct simc__option_texts *services,
                      const struct simc__option_texts *pids, char why[SIMC__OPTIONS_WHY_SIZE])
{
    uint16_t numbers[SIMC__OPTION_TEXTS_MAX];
    size_t count = 0;
    memset(select, 0, sizeof *select);
    int error =
        read_numbers(services, "service", 1, 65535, select->services, &select->service_count, why);
    if (!error) /* PAT, CAT and the null PID are never scrambled */
        error = read_numbers(pids, "pid", 2, SIMC_PID_NULL - 1, numbers, &count, why);
    if (error)
        return error;
    for (size_t i = 0; i < count; i++) {
        select->by_pid[numbers[i]] = true;
        select->pids[numbers[i]] = SIMC__SELECT_CHANGE;
    }
    select->all_services = count == 0 && select->service_count == 0;
    select->pids[SIMC_PID_PAT] = SIMC__SELECT_PSI;
    return simc_section_assembler_init(&select->pat_sections, SIMC_PSI_SIZE_MAX);
}

static void forget_pmts(struct simc__select *select)
{
    for (size_t i = 0; i < select->pmt_count; i++)
        simc_section_assembler_fini(&select->pmts[i].sections);
    select->pmt_count = 0;
}

void simc__select_fini(struct simc__select *select)
{
    forget_pmts(select);
    simc_section_assembler_fini(&select->pat_sections);
}

static bool is_wanted(const struct simc__select *select, uint16_t program)
{
    for (size_t i = 0; i < select->service_count; i++) {
        if (select->services[i] == program)
            return true;
    }
    return select->all_services;
}

/* Sets the flags of all PIDs from what the user named and the tables say now. */
static void flag_pids(struct simc__select *select)
{
    const struct simc__select_pmt *clock = NULL;
    for (size_t pid = 0; pid < SIMC_TS_PID_COUNT; pid++)
        select->pids[pid] = select->by_pid[pid] ? SIMC__SELECT_CHANGE : 0;
    for (size_t i = 0; i < select->pmt_count; i++) {
        const struct simc__select_pmt *pmt = &select->pmts[i];
        for (size_t k = 0; pmt->wanted && k < pmt->stream_count; k++)
            select->pids[pmt->streams[k]] |= SIMC__SELECT_CHANGE;
        if (!clock && pmt->pcr_pid != SIMC_PID_NULL && (pmt->wanted || !select->service_count))
            clock = pmt;
    }
    if (clock)
        select->pids[clock->pcr_pid] |= SIMC__SELECT_CLOCK;
    /* Tables stay clear whatever a faulty PMT says. */
    for (size_t i = 0; i < select->pmt_count; i++)
        select->pids[select->pmts[i].pid] = SIMC__SELECT_PSI;
    select->pids[SIMC_PID_PAT] = SIMC__SELECT_PSI;
    select->pids[SIMC_PID_CAT] = 0;
    select->pids[SIMC_PID_NULL] = 0;
}

static int read_pat(struct simc__select *select, struct simc_slice bytes)
{
    struct simc_section section;
    struct simc_pat pat;
    struct simc_pat_entry entry;
    uint32_t crc = simc_crc32(simc_slice(bytes.data, bytes.size - 4));
    if (simc_section_read(bytes, &section) || section.table_id != SIMC_TABLE_PAT ||
        !section.current || simc_pat_read(&section, &pat))
        return 0;
    if (select->pat_seen && section.last_number == 0 && crc == select->pat_crc)
        return 0;
    /* A PAT of several sections adds up; a new one starts again. */
    if (section.number == 0)
        forget_pmts(select);
    select->pat_seen = true;
    select->pat_crc = crc;
    while (simc_pat_next(&pat.programs, &entry) == 0) {
        bool known = false;
        for (size_t i = 0; i < select->pmt_count; i++)
            known = known || select->pmts[i].program == entry.program;
        if (entry.program == 0 || known || select->pmt_count == SIMC__SELECT_PMTS_MAX)
            continue;
        struct simc__select_pmt *pmt = &select->pmts[select->pmt_count];
        memset(pmt, 0, sizeof *pmt);
        int error = simc_section_assembler_init(&pmt->sections, SIMC_PSI_SIZE_MAX);
        if (error)
            return error;
        pmt->program = entry.program;
        pmt->pid = entry.pid;
        pmt->pcr_pid = SIMC_PID_NULL;
        pmt->wanted = is_wanted(select, entry.program);
        select->pmt_count++;
    }
    flag_pids(select);
    return 0;
}

static void read_pmt(struct simc__select *select, struct simc__select_pmt *pmt,
                     struct simc_slice bytes)
{
    struct simc_section section;
    struct simc_pmt table;
    struct simc_pmt_stream stream;
    uint32_t crc = simc_crc32(simc_slice(bytes.data, bytes.size - 4));
    if (simc_section_read(bytes, &section) || section.table_id != SIMC_TABLE_PMT ||
        !section.current || section.extension != pmt->program || simc_pmt_read(&section, &table) ||
        (pmt->seen && crc == pmt->crc))
        return;
    pmt->seen = true;
    pmt->crc = crc;
    pmt->pcr_pid = table.pcr_pid;
    pmt->stream_count = 0;
    while (simc_pmt_next(&table.streams, &stream) == 0) {
        if (!holds_sections(stream.type) && pmt->stream_count < SIMC__SELECT_STREAMS_MAX)
            pmt->streams[pmt->stream_count++] = stream.pid;
    }
    flag_pids(select);
}

int simc__select_push(struct simc__select *select, const uint8_t *packet)
{
    struct simc_slice section;
    uint16_t pid = simc_ts_pid(packet);
    int error;
    if (pid == SIMC_PID_PAT) {
        simc_section_assembler_push(&select->pat_sections, packet);
        while ((error = simc_section_assembler_next(&select->pat_sections, &section)) !=
               SIMC_EAGAIN) {
            if (!error && (error = read_pat(select, section)))
                return error;
        }
        return 0;
    }
    /* Several services may share one PMT PID. */
    for (size_t i = 0; i < select->pmt_count; i++) {
        struct simc__select_pmt *pmt = &select->pmts[i];
        if (pmt->pid != pid)
            continue;
        simc_section_assembler_push(&pmt->sections, packet);
        while ((error = simc_section_assembler_next(&pmt->sections, &section)) != SIMC_EAGAIN) {
            if (!error)
                read_pmt(select, pmt, section);
        }
    }
    return 0;
}

bool simc__select_is_complete(const struct simc__select *select)
{
    size_t found = 0;
    if (!select->all_services && select->service_count == 0)
        return true;
    for (size_t i = 0; i < select->pmt_count; i++) {
        if (select->pmts[i].wanted && !select->pmts[i].seen)
            return false;
        found += select->pmts[i].wanted;
    }
    return select->pat_seen && found >= (select->all_services ? 1 : select->service_count);
}

void simc__select_explain(const struct simc__select *select, struct simc_writer *out)
{
    if (simc__select_is_complete(select))
        return;
    if (!select->pat_seen) {
        simc__text_put(out, "the stream has no PAT, so its services are not known; name PIDs with "
                            "--pid");
        return;
    }
    for (size_t i = 0; i < select->pmt_count; i++) {
        if (select->pmts[i].wanted && !select->pmts[i].seen) {
            simc__text_printf(out, "the PMT of service %u (PID %u) never came",
                              select->pmts[i].program, select->pmts[i].pid);
            return;
        }
    }
    simc__text_put(out, "a service that was asked for is not in the stream, which has");
    for (size_t i = 0; i < select->pmt_count; i++)
        simc__text_printf(out, "%s %u", i ? "," : "", select->pmts[i].program);
    if (!select->pmt_count)
        simc__text_put(out, " none");
}
