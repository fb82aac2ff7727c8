/* SPDX-License-Identifier: BSL-1.0 */
/* The tables of an input, followed on their way out of its buffer: PAT, CAT, PMTs and SDT. output.c
 * gives it the packets; what changes makes route.c and tables.c work anew. */
#include <string.h>

#include "mux/internal.h"

struct simc__mux_program *simc__mux_program_find(const struct simc__mux_input *input,
                                                 uint16_t number)
{
    for (uint32_t i = 0; i < input->program_count; i++)
        if (input->programs[i].number == number)
            return &input->programs[i];
    return NULL;
}

static void note_change(struct simc__mux *mux, struct simc__mux_input *input)
{
    input->counters[SIMC__MUX_INPUT_PSI_CHANGES_COUNT]++;
    mux->is_route_due = true;
}

/* ---- PAT ---- */

/* Counts a section of the PAT. @return true: all of them have come, which ends the round. */
static bool end_round(struct simc__mux_input *input, const struct simc_section *section)
{
    if (section->version != input->pat_version || section->last_number != input->pat_last) {
        input->pat_version = section->version;
        input->pat_last = section->last_number;
        memset(input->pat_seen, 0, sizeof input->pat_seen);
    }
    input->pat_seen[section->number / 32] |= UINT32_C(1) << section->number % 32;
    for (unsigned i = 0; i <= section->last_number; i++)
        if (!(input->pat_seen[i / 32] & UINT32_C(1) << i % 32))
            return false;
    memset(input->pat_seen, 0, sizeof input->pat_seen);
    return true;
}

/* Leaves out what no section of the last rounds has named: a section that was changed without a new
 * version may have come before those that now name its programmes. */
static bool drop_unnamed(struct simc__mux_input *input)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < input->program_count; i++) {
        if ((uint8_t)(input->pat_round - input->programs[i].pat_round) > 1)
            continue;
        if (kept != i)
            input->programs[kept] = input->programs[i];
        kept++;
    }
    bool is_changed = kept != input->program_count;
    input->program_count = kept;
    input->pat_round++;
    return is_changed;
}

/* A PAT of one section is the whole list. Of one with several sections each adds what it names, and
 * what is named no longer goes when all of them have come twice. */
static void read_pat(struct simc__mux *mux, struct simc__mux_input *input,
                     const struct simc_section *section)
{
    struct simc_pat pat;
    if (simc_pat_read(section, &pat) || !section->current)
        return;
    bool is_changed = !input->has_pat || pat.ts_id != input->ts_id;
    bool has_overflow = false;
    uint32_t kept = 0;
    struct simc_slice rest = pat.programs;
    struct simc_pat_entry entry;
    bool is_whole = section->last_number == 0;
    for (uint32_t i = 0; is_whole && i < input->program_count; i++) {
        /* Programmes that are no longer named go first, so that there is room. */
        bool is_there = false;
        for (rest = pat.programs; simc_pat_next(&rest, &entry) == 0;)
            is_there =
                is_there || (entry.program != 0 && entry.program == input->programs[i].number);
        if (is_there && kept != i)
            input->programs[kept] = input->programs[i];
        kept += is_there;
    }
    if (is_whole && kept != input->program_count) {
        input->program_count = kept;
        is_changed = true;
    }
    for (rest = pat.programs; simc_pat_next(&rest, &entry) == 0;) {
        if (entry.program == 0) {
            input->nit_pid = entry.pid;
            continue;
        }
        struct simc__mux_program *program = simc__mux_program_find(input, entry.program);
        if (!program && input->program_count == input->program_limit) {
            has_overflow = true;
            continue;
        }
        if (!program) {
            program = &input->programs[input->program_count++];
            *program = (struct simc__mux_program){.number = entry.program};
            is_changed = true;
        }
        program->pat_round = input->pat_round;
        if (program->pmt_pid != entry.pid) {
            program->pmt_pid = entry.pid;
            program->has_pmt = false;
            is_changed = true;
        }
    }
    if (end_round(input, section) && drop_unnamed(input))
        is_changed = true;
    if (has_overflow && !input->has_overflow)
        simc__mux_alarm_raise(mux, simc__mux_alarm_of_input(SIMC__MUX_ALARM_TOO_MANY, input->index),
                              0, "input \"%s\" has more than %u programmes; raise the limit",
                              input->config.name, input->program_limit);
    if (!has_overflow && input->has_overflow)
        simc__mux_alarm_clear(mux,
                              simc__mux_alarm_of_input(SIMC__MUX_ALARM_TOO_MANY, input->index));
    input->has_overflow = has_overflow;
    input->has_pat = true;
    input->ts_id = pat.ts_id;
    if (is_changed)
        note_change(mux, input);
}

/* ---- PMT ---- */

static void read_pmt(struct simc__mux *mux, struct simc__mux_input *input, uint16_t pid,
                     const struct simc_section *section)
{
    struct simc_pmt pmt;
    if (simc_pmt_read(section, &pmt) || !section->current ||
        section->bytes.size > SIMC_PSI_SIZE_MAX)
        return;
    struct simc__mux_program *program = simc__mux_program_find(input, pmt.program);
    if (!program || program->pmt_pid != pid)
        return;
    if (program->has_pmt && program->pmt_size == section->bytes.size &&
        memcmp(program->pmt, section->bytes.data, program->pmt_size) == 0)
        return;
    memcpy(program->pmt, section->bytes.data, section->bytes.size);
    program->pmt_size = (uint16_t)section->bytes.size;
    program->has_pmt = true;
    note_change(mux, input);
}

/* ---- CAT ---- */

static void read_cat(struct simc__mux *mux, struct simc__mux_input *input,
                     const struct simc_section *section)
{
    struct simc_slice descriptors;
    if (simc_cat_read(section, &descriptors) || !section->current || section->number != 0 ||
        descriptors.size > sizeof input->cat)
        return;
    if (input->cat_size == descriptors.size &&
        simc_slice_equal(simc_slice(input->cat, input->cat_size), descriptors))
        return;
    if (descriptors.size > 0)
        memcpy(input->cat, descriptors.data, descriptors.size);
    input->cat_size = (uint16_t)descriptors.size;
    note_change(mux, input);
}

/* ---- SDT ---- */

/* @return whether it differs from what was known. */
static bool read_sdt_service(struct simc__mux_program *program,
                             const struct simc_sdt_service *service)
{
    /* Whole descriptors as far as there is room for them. */
    uint8_t bytes[SIMC__MUX_SDT_SIZE];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    struct simc_slice rest = service->descriptors;
    struct simc_descriptor descriptor;
    while (simc_descriptor_next(&rest, &descriptor) == 0)
        if (sizeof bytes - out.at >= descriptor.body.size + 2)
            simc_descriptor_put(&out, descriptor.tag, descriptor.body);
    bool is_same = program->has_sdt && program->sdt_size == out.at &&
                   program->eit_schedule == service->eit_schedule &&
                   program->eit_pf == service->eit_pf &&
                   program->free_ca_mode == service->free_ca_mode &&
                   program->running_status == service->running_status &&
                   memcmp(program->sdt, bytes, out.at) == 0;
    if (is_same)
        return false;
    program->has_sdt = true;
    program->eit_schedule = service->eit_schedule;
    program->eit_pf = service->eit_pf;
    program->free_ca_mode = service->free_ca_mode;
    program->running_status = service->running_status;
    program->sdt_size = (uint16_t)out.at;
    memcpy(program->sdt, bytes, out.at);
    return true;
}

static void read_sdt(struct simc__mux *mux, struct simc__mux_input *input,
                     const struct simc_section *section)
{
    if (section->table_id != SIMC_TABLE_SDT_ACTUAL) {
        if (mux->config->choice == SIMC__MUX_TRANSPARENT &&
            section->table_id != SIMC_TABLE_STUFFING)
            simc__mux_relay(mux, section->bytes);
        return;
    }
    struct simc_sdt sdt;
    if (simc_sdt_read(section, &sdt) || !section->current)
        return;
    bool is_changed = !input->has_network || input->network_id != sdt.network_id;
    input->has_network = true;
    input->network_id = sdt.network_id;
    struct simc_sdt_service service;
    while (simc_sdt_next(&sdt.services, &service) == 0) {
        struct simc__mux_program *program = simc__mux_program_find(input, service.id);
        if (program && read_sdt_service(program, &service))
            is_changed = true;
    }
    if (is_changed) {
        note_change(mux, input);
        mux->is_psi_due = true;
    }
}

/* ---- packets ---- */

void simc__mux_follow(struct simc__mux *mux, struct simc__mux_input *input,
                      struct simc__mux_watch *watch, const uint8_t *packet)
{
    struct simc_slice bytes;
    struct simc_section section;
    int error;
    uint64_t errors = watch->assembler.crc_errors + watch->assembler.broken;
    simc_section_assembler_push(&watch->assembler, packet);
    while ((error = simc_section_assembler_next(&watch->assembler, &bytes)) != SIMC_EAGAIN) {
        if (error || simc_section_read(bytes, &section))
            continue;
        if (watch->pid == SIMC_PID_SDT)
            read_sdt(mux, input, &section);
        else if (section.table_id == SIMC_TABLE_PAT && watch->pid == SIMC_PID_PAT)
            read_pat(mux, input, &section);
        else if (section.table_id == SIMC_TABLE_CAT && watch->pid == SIMC_PID_CAT)
            read_cat(mux, input, &section);
        else if (section.table_id == SIMC_TABLE_PMT)
            read_pmt(mux, input, watch->pid, &section);
    }
    input->counters[SIMC__MUX_INPUT_SECTION_ERRORS_COUNT] +=
        watch->assembler.crc_errors + watch->assembler.broken - errors;
}
