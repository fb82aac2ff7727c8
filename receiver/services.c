/* SPDX-License-Identifier: BSL-1.0 */
/* Follows PAT and PMT: which services there are, which streams share control words, on which PIDs
 * their ECMs are. receiver.c gives the packets. Tables may change at any time; what stays the same
 * in a new table keeps its control words. */
#include <string.h>

#include "receiver/internal.h"

enum { PRIVATE_SIZE = 6, PID_FIRST = 0x10, CRC_SIZE = 4 };

/* Streams of sections, which are never scrambled: receivers read them without a key.
 * [13818 table 2-34] */
static const uint8_t section_types[] = {0x05, 0x0a, 0x0b, 0x0c, 0x0d, 0x86};

bool simc__is_wanted(const struct simc__receiver *receiver, uint16_t program)
{
    for (size_t i = 0; i < receiver->config.service_count; i++) {
        if (receiver->wanted[i] == program)
            return true;
    }
    return receiver->config.service_count == 0;
}

/* ---- what the tables say, PID by PID ---- */

static struct simc__psi_pid *table_of(struct simc__receiver *receiver, uint16_t pid)
{
    struct simc__psi_pid *free_one = NULL;
    for (size_t i = 1; i < SIMC__PSI_PIDS_MAX; i++) {
        struct simc__psi_pid *table = &receiver->tables[i];
        if (table->used && table->pid == pid)
            return table;
        if (!table->used && !free_one)
            free_one = table;
    }
    if (!free_one)
        return NULL;
    free_one->used = true;
    free_one->pid = pid;
    free_one->clean_at = free_one->clean_count = 0;
    simc_section_assembler_reset(&free_one->sections);
    free_one->sections.continuity = (struct simc_ts_continuity){0};
    return free_one;
}

static struct simc__ecm_pid *ecm_of(struct simc__receiver *receiver, const struct simc__ca *ca)
{
    struct simc__ecm_pid *free_one = NULL;
    for (size_t i = 0; i < SIMC__ECMS_MAX; i++) {
        struct simc__ecm_pid *ecm = &receiver->ecms[i];
        if (ecm->used && ecm->ca.pid == ca->pid)
            return ecm;
        if (!ecm->used && !free_one)
            free_one = ecm;
    }
    if (!free_one)
        return NULL;
    struct simc_section_assembler sections = free_one->sections;
    memset(free_one, 0, sizeof *free_one);
    free_one->sections = sections;
    free_one->sections.continuity = (struct simc_ts_continuity){0};
    simc_section_assembler_reset(&free_one->sections);
    free_one->used = true;
    free_one->told = -1;
    free_one->stats.pid = ca->pid;
    return free_one;
}

static void set_pid(struct simc__receiver *receiver, uint16_t pid, enum simc__pid_kind kind,
                    size_t index)
{
    struct simc__pid_row *row = &receiver->pids[pid];
    if (row->index != index || row->was != kind) {
        row->period = 0;
        row->has_cc = false;
        row->has_first = false;
    }
    row->kind = (uint8_t)kind;
    row->index = (uint16_t)index;
    row->drop = false;
}

static void flag_ecms(struct simc__receiver *receiver, const struct simc__group *group)
{
    for (unsigned i = 0; i < group->ca_count; i++) {
        struct simc__ecm_pid *ecm = ecm_of(receiver, &group->cas[i]);
        if (!ecm) {
            receiver->stats.services_over++;
            continue;
        }
        if (!ecm->marked)
            ecm->ca = group->cas[i];
        ecm->marked = true;
        /* The group may be new: the next repetition is opened again. */
        ecm->last_size = 0;
        ecm->refusal_run = 0;
        ecm->stats.ca_system_id = ecm->ca.system_id;
        ecm->stats.has_private = ecm->ca.has_private;
        if (ecm->ca.has_private) {
            ecm->stats.package = ecm->ca.package;
            ecm->stats.ecm_id = ecm->ca.ecm_id;
        }
        if (receiver->pids[ecm->ca.pid].kind == SIMC__PID_OTHER)
            set_pid(receiver, ecm->ca.pid, SIMC__PID_ECM, (size_t)(ecm - receiver->ecms));
    }
}

static void flag_streams(struct simc__receiver *receiver, size_t at)
{
    const struct simc__service *service = &receiver->services[at];
    for (unsigned i = 0; i < service->stream_count; i++) {
        const struct simc__stream *stream = &service->streams[i];
        struct simc__pid_row *row = &receiver->pids[stream->pid];
        if (stream->pid < PID_FIRST || stream->pid >= SIMC_PID_NULL || row->kind != SIMC__PID_OTHER)
            continue;
        set_pid(receiver, stream->pid, SIMC__PID_STREAM, stream->group);
        row->service = (uint16_t)at;
        row->is_pes = stream->is_pes;
    }
    if (service->pcr_pid < SIMC_PID_NULL)
        receiver->pids[service->pcr_pid].drop = false;
}

static bool is_dropped(const struct simc__receiver *receiver, unsigned pid)
{
    if (!receiver->config.only_services || pid == SIMC_PID_PAT)
        return false;
    return pid >= SIMC_PID_FREE || receiver->config.drop_psi;
}

/* Sets the rows of all PIDs from what the tables say now. What a PID was before stays in its row
 * until it is clear what it is now. */
static void flag_pids(struct simc__receiver *receiver)
{
    struct simc__pid_row *rows = receiver->pids;
    uint16_t clock_pid = SIMC_PID_NULL;
    for (unsigned pid = 0; pid < SIMC_TS_PID_COUNT; pid++) {
        rows[pid].was = rows[pid].kind;
        rows[pid].kind = SIMC__PID_OTHER;
        rows[pid].clock = false;
        rows[pid].drop = is_dropped(receiver, pid);
    }
    for (size_t i = 0; i < SIMC__PSI_PIDS_MAX; i++)
        receiver->tables[i].marked = i == 0;
    for (size_t i = 0; i < SIMC__ECMS_MAX; i++)
        receiver->ecms[i].marked = false;
    set_pid(receiver, SIMC_PID_PAT, SIMC__PID_TABLE, 0);
    for (size_t i = 0; i < receiver->service_count; i++) {
        const struct simc__service *service = &receiver->services[i];
        struct simc__psi_pid *table =
            service->used && service->wanted ? table_of(receiver, service->pmt_pid) : NULL;
        if (!table || service->pmt_pid < PID_FIRST || service->pmt_pid >= SIMC_PID_NULL)
            continue;
        table->marked = true;
        set_pid(receiver, service->pmt_pid, SIMC__PID_TABLE, (size_t)(table - receiver->tables));
    }
    for (size_t i = 0; i < SIMC__GROUPS_MAX; i++) {
        if (receiver->groups[i].used)
            flag_ecms(receiver, &receiver->groups[i]);
    }
    for (size_t i = 0; i < receiver->service_count; i++) {
        const struct simc__service *service = &receiver->services[i];
        if (!service->used || !service->wanted || !service->has_pmt)
            continue;
        flag_streams(receiver, i);
        if (clock_pid == SIMC_PID_NULL)
            clock_pid = service->pcr_pid;
    }
    for (size_t i = 1; i < SIMC__PSI_PIDS_MAX; i++)
        receiver->tables[i].used = receiver->tables[i].marked;
    for (size_t i = 0; i < SIMC__ECMS_MAX; i++)
        receiver->ecms[i].used = receiver->ecms[i].marked;
    if (receiver->config.clean_psi && rows[SIMC_PID_CAT].kind == SIMC__PID_OTHER)
        rows[SIMC_PID_CAT].kind = SIMC__PID_BLANK;
    if (clock_pid != SIMC_PID_NULL)
        rows[clock_pid].clock = true;
    if (receiver->clock_pid != clock_pid)
        receiver->clock.broken = true;
    receiver->clock_pid = clock_pid;
}

/* ---- PMT ---- */

static struct simc__group *group_new(struct simc__receiver *receiver, size_t service)
{
    for (size_t i = 0; i < SIMC__GROUPS_MAX; i++) {
        struct simc__group *group = &receiver->groups[i];
        if (group->used)
            continue;
        memset(group, 0, sizeof *group);
        group->used = true;
        group->service = (uint16_t)service;
        return group;
    }
    receiver->stats.services_over++;
    return NULL;
}

static bool are_same(const struct simc__group *group, const struct simc__ca *cas, unsigned count)
{
    if (group->ca_count != count)
        return false;
    for (unsigned i = 0; i < count; i++) {
        if (group->cas[i].pid != cas[i].pid || group->cas[i].system_id != cas[i].system_id)
            return false;
    }
    return true;
}

/* Reads the CA_descriptors of a loop. @param foreign set when there is one of another system than
 * that asked for. @return how many there are. */
static unsigned read_cas(const struct simc__receiver *receiver, struct simc_slice loop,
                         struct simc__ca cas[SIMC__GROUP_CAS_MAX], bool *foreign)
{
    struct simc_descriptor descriptor;
    struct simc_ca_descriptor ca;
    unsigned count = 0;
    while (simc_descriptor_next(&loop, &descriptor) == 0) {
        if (descriptor.tag != SIMC_DESCRIPTOR_CA || simc_ca_descriptor_read(descriptor.body, &ca))
            continue;
        if (receiver->config.has_ca_system_id && ca.system_id != receiver->config.ca_system_id) {
            *foreign = true;
            continue;
        }
        if (ca.pid < PID_FIRST || ca.pid >= SIMC_PID_NULL || count == SIMC__GROUP_CAS_MAX)
            continue;
        struct simc__ca *into = &cas[count++];
        *into = (struct simc__ca){.system_id = ca.system_id, .pid = ca.pid};
        if (ca.private_data.size == PRIVATE_SIZE) {
            struct simc_reader reader = simc_reader(ca.private_data);
            into->package = simc_reader_u32(&reader);
            into->ecm_id = simc_reader_u16(&reader);
            into->has_private = true;
        }
    }
    return count;
}

static int read_mode(struct simc_slice loop, int otherwise)
{
    struct simc_descriptor descriptor;
    uint8_t mode;
    if (simc_descriptor_find(loop, SIMC_DESCRIPTOR_SCRAMBLING, &descriptor) ||
        simc_scrambling_descriptor_read(descriptor.body, &mode))
        return otherwise;
    return mode;
}

/* The group of these CA_descriptors: one that the service has already, with its control words, or a
 * new one. A service has one group for its programme loop, whatever PIDs the ECMs move to. */
static struct simc__group *group_of(struct simc__receiver *receiver, size_t service, uint16_t pid,
                                    const struct simc__ca *cas, unsigned count, int mode)
{
    struct simc__group *found = NULL;
    for (size_t i = 0; i < SIMC__GROUPS_MAX; i++) {
        struct simc__group *group = &receiver->groups[i];
        if (!group->used || group->service != service || group->by_service != (pid == 0))
            continue;
        if (pid == 0 || (are_same(group, cas, count) && group->mode == mode)) {
            found = group;
            break;
        }
        if (!group->marked && group->first_pid == pid)
            found = group;
    }
    bool is_new = !found;
    if (is_new && !(found = group_new(receiver, service)))
        return NULL;
    if (is_new || found->mode != mode) {
        const struct simc_scrambling_info *info = simc_scrambling_by_mode((uint8_t)mode);
        found->mode = mode;
        found->can = info && simc_scrambler_require(receiver->scrambler, info->algorithm) == 0;
        if (info)
            found->algorithm = info->algorithm;
        simc__group_reset(receiver, found);
    }
    if (!found->marked) {
        found->first_pid = pid;
        found->has_pes = false;
    }
    found->by_service = pid == 0;
    if (!are_same(found, cas, count))
        found->hopeless = false;
    memcpy(found->cas, cas, count * sizeof *cas);
    found->ca_count = count;
    found->marked = true;
    return found;
}

static void read_stream(struct simc__receiver *receiver, struct simc__service *service,
                        const struct simc_pmt_stream *from, struct simc__group *common,
                        bool *foreign)
{
    struct simc__ca cas[SIMC__GROUP_CAS_MAX];
    struct simc__group *group = common;
    if (memchr(section_types, from->type, sizeof section_types))
        return;
    if (service->stream_count == SIMC__STREAMS_MAX) {
        receiver->stats.services_over++;
        return;
    }
    struct simc__stream *stream = &service->streams[service->stream_count++];
    unsigned count = read_cas(receiver, from->descriptors, cas, foreign);
    if (count)
        group = group_of(receiver, (size_t)(service - receiver->services), from->pid, cas, count,
                         read_mode(from->descriptors, service->mode));
    *stream = (struct simc__stream){.pid = from->pid, .group = SIMC__NONE, .is_pes = true};
    if (!group)
        return;
    service->has_ca = true;
    stream->group = (uint16_t)(group - receiver->groups);
    group->has_pes = true;
    if (!group->first_pid)
        group->first_pid = from->pid;
}

/* Lets go what the last table does not name any more. */
static void sweep_groups(struct simc__receiver *receiver, size_t service)
{
    for (size_t i = 0; i < SIMC__GROUPS_MAX; i++) {
        struct simc__group *group = &receiver->groups[i];
        if (!group->used || group->service != service || group->marked)
            continue;
        simc__group_reset(receiver, group);
        group->used = false;
    }
}

static void unmark_groups(struct simc__receiver *receiver, size_t service)
{
    for (size_t i = 0; i < SIMC__GROUPS_MAX; i++) {
        if (receiver->groups[i].service == service)
            receiver->groups[i].marked = false;
    }
}

static void read_pmt(struct simc__receiver *receiver, struct simc__service *service,
                     const struct simc_section *section)
{
    struct simc_pmt pmt;
    struct simc_pmt_stream stream;
    struct simc__ca cas[SIMC__GROUP_CAS_MAX];
    struct simc__group *common = NULL;
    bool foreign = false;
    size_t at = (size_t)(service - receiver->services);
    uint32_t crc = simc_crc32(simc_slice(section->bytes.data, section->bytes.size - CRC_SIZE));
    if ((service->has_pmt && service->pmt_crc == crc) || simc_pmt_read(section, &pmt))
        return;
    if (service->has_pmt)
        service->stats.pmt_changes++;
    service->pmt_crc = crc;
    service->pcr_pid = pmt.pcr_pid;
    service->mode = read_mode(pmt.descriptors, SIMC_SCRAMBLING_MODE_CSA1);
    service->has_ca = false;
    service->stream_count = 0;
    unmark_groups(receiver, at);
    unsigned count = read_cas(receiver, pmt.descriptors, cas, &foreign);
    if (count)
        common = group_of(receiver, at, 0, cas, count, service->mode);
    while (simc_pmt_next(&pmt.streams, &stream) == 0)
        read_stream(receiver, service, &stream, common, &foreign);
    service->own_ca_only = foreign && !service->has_ca;
    sweep_groups(receiver, at);
    simc__event(receiver,
                service->has_pmt ? SIMC__RECEIVER_EVENT_PMT : SIMC__RECEIVER_EVENT_SERVICE,
                service->program, service->pmt_pid,
                service->has_pmt ? "the PMT of service %u has changed: %u streams"
                                 : "service %u: %u streams",
                service->program, service->stream_count);
    service->has_pmt = true;
    flag_pids(receiver);
}

/* ---- PAT ---- */

static struct simc__service *service_of(struct simc__receiver *receiver, uint16_t program)
{
    struct simc__service *free_one = NULL;
    for (size_t i = 0; i < SIMC__RECEIVER_SERVICES_MAX; i++) {
        struct simc__service *service = &receiver->services[i];
        /* A service that comes back goes on counting. */
        if (i < receiver->service_count && service->program == program)
            return service;
        if (i >= receiver->service_count && !free_one)
            free_one = service;
    }
    for (size_t i = 0; i < SIMC__RECEIVER_SERVICES_MAX && !free_one; i++) {
        if (!receiver->services[i].used)
            free_one = &receiver->services[i];
    }
    if (!free_one) {
        receiver->stats.services_over++;
        return NULL;
    }
    size_t at = (size_t)(free_one - receiver->services);
    if (at >= receiver->service_count)
        receiver->service_count = at + 1;
    memset(free_one, 0, sizeof *free_one);
    free_one->program = program;
    return free_one;
}

static void service_end(struct simc__receiver *receiver, struct simc__service *service)
{
    size_t at = (size_t)(service - receiver->services);
    service->used = false;
    service->has_pmt = false;
    unmark_groups(receiver, at);
    sweep_groups(receiver, at);
    if (service->wanted)
        simc__event(receiver, SIMC__RECEIVER_EVENT_SERVICE_GONE, service->program, 0,
                    "service %u has left the PAT", service->program);
}

/* @return whether anything has changed. */
static bool read_entry(struct simc__receiver *receiver, const struct simc_pat_entry *entry,
                       uint8_t number)
{
    struct simc__service *service = service_of(receiver, entry->program);
    if (!service)
        return false;
    bool is_new = !service->used;
    if (is_new) {
        service->used = true;
        service->wanted = simc__is_wanted(receiver, entry->program);
        service->mode = -1;
        service->pcr_pid = SIMC_PID_NULL;
    }
    service->pat_section = number;
    if (!is_new && service->pmt_pid == entry->pid)
        return false;
    service->pmt_pid = entry->pid;
    return true;
}

static void read_pat(struct simc__receiver *receiver, const struct simc_section *section)
{
    struct simc_pat pat, again;
    struct simc_pat_entry entry;
    bool changed = false;
    if (simc_pat_read(section, &pat))
        return;
    receiver->has_pat = true;
    /* Services that were in this section and are not any more, and those of sections that are no
     * more, have ended. */
    for (size_t i = 0; i < receiver->service_count; i++) {
        struct simc__service *service = &receiver->services[i];
        bool listed = service->used && service->pat_section != section->number &&
                      service->pat_section <= section->last_number;
        again = pat;
        while (service->used && !listed && simc_pat_next(&again.programs, &entry) == 0)
            listed = entry.program == service->program;
        if (service->used && !listed) {
            service_end(receiver, service);
            changed = true;
        }
    }
    while (simc_pat_next(&pat.programs, &entry) == 0) {
        if (entry.program != 0)
            changed = read_entry(receiver, &entry, section->number) || changed;
    }
    if (changed)
        flag_pids(receiver);
}

/* ---- sections ---- */

static void take_section(struct simc__receiver *receiver, struct simc__psi_pid *table,
                         struct simc_slice bytes)
{
    struct simc_section section;
    if (simc_section_read(bytes, &section) || !section.long_form || !section.current)
        return;
    if (table->pid == SIMC_PID_PAT) {
        if (section.table_id == SIMC_TABLE_PAT)
            read_pat(receiver, &section);
    } else if (section.table_id == SIMC_TABLE_PMT) {
        for (size_t i = 0; i < receiver->service_count; i++) {
            struct simc__service *service = &receiver->services[i];
            if (service->used && service->wanted && service->program == section.extension &&
                service->pmt_pid == table->pid)
                read_pmt(receiver, service, &section);
        }
    }
    if (receiver->config.clean_psi)
        simc__clean_section(receiver, table, &section);
}

void simc__tables_push(struct simc__receiver *receiver, struct simc__psi_pid *table,
                       const uint8_t *packet)
{
    struct simc_slice bytes;
    int error;
    simc_section_assembler_push(&table->sections, packet);
    while ((error = simc_section_assembler_next(&table->sections, &bytes)) != SIMC_EAGAIN) {
        if (!error)
            take_section(receiver, table, bytes);
    }
}

int simc__tables_init(struct simc__receiver *receiver)
{
    for (size_t i = 0; i < SIMC__PSI_PIDS_MAX; i++) {
        int error = simc_section_assembler_init(&receiver->tables[i].sections, SIMC_PSI_SIZE_MAX);
        if (error)
            return error;
    }
    receiver->tables[0].used = true;
    receiver->tables[0].pid = SIMC_PID_PAT;
    for (unsigned pid = 0; pid < SIMC_TS_PID_COUNT; pid++)
        receiver->pids[pid].index = SIMC__NONE;
    flag_pids(receiver);
    return 0;
}

void simc__tables_fini(struct simc__receiver *receiver)
{
    for (size_t i = 0; i < SIMC__PSI_PIDS_MAX; i++)
        simc_section_assembler_fini(&receiver->tables[i].sections);
}
