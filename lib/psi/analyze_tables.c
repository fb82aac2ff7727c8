/* SPDX-License-Identifier: BSL-1.0 */
/* The analyser's reading of PSI and SI: which services there are, what each PID is for, and tables
 * where they do not belong. analyze.c gives it the packets of PIDs with sections. */
#include <string.h>

#include "psi/analyze_internal.h"

/* Which table_ids may be where, and which check says so. */
static const struct {
    uint16_t pid;
    uint8_t first, last;
    enum simc__check_id check;
} place_rows[] = {
    {SIMC_PID_PAT, 0x00, 0x00, SIMC__CHECK_PAT},
    {SIMC_PID_CAT, 0x01, 0x01, SIMC__CHECK_CAT},
    {SIMC_PID_NIT, 0x40, 0x41, SIMC__CHECK_NIT_ACTUAL},
    {SIMC_PID_SDT, 0x42, 0x42, SIMC__CHECK_SDT_ACTUAL},
    {SIMC_PID_SDT, 0x46, 0x46, SIMC__CHECK_SDT_ACTUAL},
    {SIMC_PID_SDT, 0x4a, 0x4a, SIMC__CHECK_SDT_ACTUAL},
    {SIMC_PID_EIT, 0x4e, 0x6f, SIMC__CHECK_EIT_ACTUAL},
    {SIMC_PID_RST, 0x71, 0x71, SIMC__CHECK_RST},
    {SIMC_PID_TDT, 0x70, 0x70, SIMC__CHECK_TDT},
    {SIMC_PID_TDT, 0x73, 0x73, SIMC__CHECK_TDT},
};

int simc__watch_sections(struct simc__analyzer *analyzer, uint16_t pid, enum simc__pid_role role)
{
    struct simc__pid *info = &analyzer->pids[pid];
    if (info->role == SIMC__ROLE_NONE || info->role == SIMC__ROLE_PCR)
        info->role = role;
    if (info->sections)
        return 0;
    if (analyzer->assembler_count == SIMC__ASSEMBLERS_MAX) {
        analyzer->dropped = true;
        return 0;
    }
    info->sections = simc_calloc(1, sizeof *info->sections);
    if (!info->sections)
        return SIMC_ENOMEM;
    if (simc_section_assembler_init(info->sections, SIMC_SECTION_SIZE_MAX) != 0) {
        simc_free(info->sections);
        info->sections = NULL;
        return SIMC_ENOMEM;
    }
    analyzer->assembler_count++;
    return 0;
}

static struct simc__service *find_service(struct simc__analyzer *analyzer, uint16_t id)
{
    for (unsigned i = 0; i < analyzer->service_count; i++) {
        if (analyzer->services[i].id == id)
            return &analyzer->services[i];
    }
    if (analyzer->service_count == SIMC__SERVICES_MAX) {
        analyzer->dropped = true;
        return NULL;
    }
    struct simc__service *service = &analyzer->services[analyzer->service_count++];
    *service = (struct simc__service){.id = id, .pcr_pid = SIMC_PID_NULL, .scrambling_mode = -1};
    return service;
}

/* A new PAT: services that its sections do not name are gone. */
static void pat_version(struct simc__analyzer *analyzer, const struct simc_section *section)
{
    if (!analyzer->has_pat || analyzer->pat_version != section->version) {
        for (unsigned i = 0; i < analyzer->service_count && analyzer->has_pat; i++)
            analyzer->services[i].in_pat = false;
        analyzer->nit_pid = 0;
    }
    analyzer->has_pat = true;
    analyzer->pat_version = section->version;
}

static int take_pat(struct simc__analyzer *analyzer, const struct simc_section *section,
                    uint64_t now)
{
    struct simc_pat pat;
    struct simc_pat_entry entry;
    if (simc_pat_read(section, &pat) != 0)
        return 0;
    pat_version(analyzer, section);
    analyzer->ts_id = pat.ts_id;
    analyzer->pat_last_27mhz = now;
    simc__judge(analyzer, SIMC__CHECK_PAT);
    while (simc_pat_next(&pat.programs, &entry) == 0) {
        int error = 0;
        if (entry.program == 0) {
            analyzer->nit_pid = entry.pid;
            error = simc__watch_sections(analyzer, entry.pid, SIMC__ROLE_PSI);
        } else {
            struct simc__service *service = find_service(analyzer, entry.program);
            if (!service)
                continue;
            if (!service->in_pat)
                service->pat_seen_27mhz = service->pmt_last_27mhz = now;
            service->in_pat = true;
            service->pmt_pid = entry.pid;
            error = simc__watch_sections(analyzer, entry.pid, SIMC__ROLE_PMT);
        }
        if (error)
            return error;
    }
    return 0;
}

static void keep_ca(struct simc__ca *kept, const struct simc_ca_descriptor *ca, uint16_t stream_pid)
{
    *kept = (struct simc__ca){.system_id = ca->system_id, .pid = ca->pid, .stream_pid = stream_pid};
    size_t size = ca->private_data.size;
    kept->private_size = (uint8_t)(size < SIMC__CA_PRIVATE_KEPT ? size : SIMC__CA_PRIVATE_KEPT);
    if (kept->private_size)
        memcpy(kept->private_data, ca->private_data.data, kept->private_size);
}

/* A PID with ECMs or EMMs; PID 0x1fff says that there is none. */
static int watch_ca(struct simc__analyzer *analyzer, const struct simc__ca *ca, bool is_emm)
{
    if (ca->pid == SIMC_PID_NULL)
        return 0;
    int error = simc__watch_sections(analyzer, ca->pid, is_emm ? SIMC__ROLE_EMM : SIMC__ROLE_ECM);
    analyzer->pids[ca->pid].ca_stream = simc__ca_stream_index(analyzer, ca, is_emm);
    return error;
}

static int take_cat(struct simc__analyzer *analyzer, const struct simc_section *section,
                    uint64_t now)
{
    struct simc_slice loop;
    struct simc_descriptor descriptor;
    struct simc_ca_descriptor ca;
    if (simc_cat_read(section, &loop) != 0)
        return 0;
    analyzer->has_cat = true;
    analyzer->cat_last_27mhz = now;
    simc__judge(analyzer, SIMC__CHECK_CAT);
    if (section->number == 0)
        analyzer->cat_count = 0;
    while (simc_descriptor_next(&loop, &descriptor) == 0) {
        if (descriptor.tag != SIMC_DESCRIPTOR_CA || simc_ca_descriptor_read(descriptor.body, &ca))
            continue;
        if (analyzer->cat_count == SIMC__CAT_CAS_MAX) {
            analyzer->dropped = true;
            break;
        }
        struct simc__ca *kept = &analyzer->cat[analyzer->cat_count++];
        keep_ca(kept, &ca, SIMC_PID_NULL);
        int error = watch_ca(analyzer, kept, true);
        if (error)
            return error;
    }
    return 0;
}

static int take_pmt_descriptors(struct simc__analyzer *analyzer, struct simc__service *service,
                                struct simc_slice loop, uint16_t stream_pid)
{
    struct simc_descriptor descriptor;
    struct simc_ca_descriptor ca;
    uint8_t mode;
    while (simc_descriptor_next(&loop, &descriptor) == 0) {
        if (descriptor.tag == SIMC_DESCRIPTOR_SCRAMBLING && stream_pid == SIMC_PID_NULL &&
            simc_scrambling_descriptor_read(descriptor.body, &mode) == 0)
            service->scrambling_mode = mode;
        if (descriptor.tag != SIMC_DESCRIPTOR_CA || simc_ca_descriptor_read(descriptor.body, &ca))
            continue;
        if (service->ca_count == SIMC__SERVICE_CAS_MAX) {
            analyzer->dropped = true;
            continue;
        }
        struct simc__ca *kept = &service->cas[service->ca_count++];
        keep_ca(kept, &ca, stream_pid);
        int error = watch_ca(analyzer, kept, false);
        if (error)
            return error;
    }
    return 0;
}

/* Whether a descriptor of the stream says that it has still pictures. [13818 2.6.2, 2.6.64, 2.6.95]
 */
static bool is_still(struct simc_slice loop)
{
    static const struct {
        uint8_t tag, at, mask;
    } rows[] = {{0x02, 0, 0x01}, {0x28, 3, 0x80}, {0x38, 12, 0x40}};
    struct simc_descriptor descriptor;
    while (simc_descriptor_next(&loop, &descriptor) == 0) {
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            if (descriptor.tag == rows[i].tag && descriptor.body.size > rows[i].at &&
                (descriptor.body.data[rows[i].at] & rows[i].mask))
                return true;
        }
    }
    return false;
}

static int take_stream(struct simc__analyzer *analyzer, struct simc__service *service,
                       const struct simc_pmt_stream *stream, uint64_t now)
{
    uint16_t index = (uint16_t)(service - analyzer->services + 1);
    struct simc__pid *info = &analyzer->pids[stream->pid];
    if (service->stream_count == SIMC__SERVICE_STREAMS_MAX)
        service->streams_dropped = true;
    else
        service->streams[service->stream_count++] =
            (struct simc__stream){stream->type, stream->pid};
    if (info->role == SIMC__ROLE_NONE || info->role == SIMC__ROLE_PCR)
        info->role = SIMC__ROLE_STREAM;
    if (info->role == SIMC__ROLE_STREAM) {
        info->stream_type = stream->type;
        if (!info->service)
            info->service = index;
        info->quiet_since_27mhz = now;
        info->still = is_still(stream->descriptors);
        info->blind = SIMC__BLIND_NOT;
    }
    int error = take_pmt_descriptors(analyzer, service, stream->descriptors, stream->pid);
    /* Packets of the stream may have come before the PMT. */
    const struct simc_ts_pid_stats *pid = &analyzer->stats.pids[stream->pid];
    if (!error && info->service == index && pid->tsc_seen)
        error = simc__crypt_change(analyzer, service, pid->tsc, false);
    return error;
}

/* PIDs of the PMT before have no purpose any more, until it names them again. */
static void forget_streams(struct simc__analyzer *analyzer, struct simc__service *service)
{
    uint16_t index = (uint16_t)(service - analyzer->services + 1);
    for (unsigned i = 0; i < service->stream_count; i++) {
        struct simc__pid *info = &analyzer->pids[service->streams[i].pid];
        if (info->role == SIMC__ROLE_STREAM && info->service == index) {
            info->role = info->pcr_of ? SIMC__ROLE_PCR : SIMC__ROLE_NONE;
            info->service = 0;
        }
    }
    service->stream_count = 0;
    service->ca_count = 0;
    service->scrambling_mode = -1;
}

static int take_pmt(struct simc__analyzer *analyzer, uint16_t pid,
                    const struct simc_section *section, uint64_t now)
{
    struct simc_pmt pmt;
    struct simc_pmt_stream stream;
    if (simc_pmt_read(section, &pmt) != 0)
        return 0;
    struct simc__service *service = find_service(analyzer, pmt.program);
    /* Several programmes may share a PID, but each has its own in the PAT. */
    if (!service || !service->in_pat || service->pmt_pid != pid)
        return 0;
    service->pmt_last_27mhz = now;
    simc__judge(analyzer, SIMC__CHECK_PMT);
    struct simc_reader crc =
        simc_reader(simc_slice(section->bytes.data + section->bytes.size - 4, 4));
    uint32_t value = simc_reader_u32(&crc);
    if (service->has_pmt && service->pmt_crc == value)
        return 0;

    forget_streams(analyzer, service);
    service->has_pmt = true;
    service->pmt_crc = value;
    service->pmt_version = section->version;
    service->pcr_pid = pmt.pcr_pid;
    if (pmt.pcr_pid != SIMC_PID_NULL) {
        struct simc__pid *info = &analyzer->pids[pmt.pcr_pid];
        info->pcr_of = (uint16_t)(service - analyzer->services + 1);
        if (info->role == SIMC__ROLE_NONE)
            info->role = SIMC__ROLE_PCR;
    }
    int error = take_pmt_descriptors(analyzer, service, pmt.descriptors, SIMC_PID_NULL);
    while (!error && simc_pmt_next(&pmt.streams, &stream) == 0)
        error = take_stream(analyzer, service, &stream, now);
    return error;
}

/* DVB text cut to the room, never inside a character. */
static void keep_name(char name[SIMC__NAME_SIZE], struct simc_slice text)
{
    uint8_t utf8[4 * 255 + 1];
    struct simc_writer out = simc_writer(utf8, sizeof utf8);
    simc_dvb_text(&out, text);
    size_t size = out.error ? 0 : out.at;
    if (size >= SIMC__NAME_SIZE) {
        size = SIMC__NAME_SIZE - 1;
        while (size > 0 && (utf8[size] & 0xc0) == 0x80)
            size--;
    }
    memcpy(name, utf8, size);
    name[size] = '\0';
}

static void take_sdt(struct simc__analyzer *analyzer, const struct simc_section *section,
                     uint64_t now)
{
    struct simc_sdt sdt;
    struct simc_sdt_service entry;
    if (section->table_id != SIMC_TABLE_SDT_ACTUAL || simc_sdt_read(section, &sdt) != 0)
        return;
    analyzer->has_sdt = true;
    analyzer->network_id = sdt.network_id;
    analyzer->sdt_last_27mhz = now;
    while (simc_sdt_next(&sdt.services, &entry) == 0) {
        struct simc_descriptor descriptor;
        struct simc_service_descriptor names;
        struct simc__service *service = find_service(analyzer, entry.id);
        if (!service)
            continue;
        if (!service->in_sdt || (entry.eit_pf && !service->eit_pf))
            service->eit_last_27mhz = now;
        service->in_sdt = true;
        service->free_ca_mode = entry.free_ca_mode;
        service->eit_pf = entry.eit_pf;
        service->eit_schedule = entry.eit_schedule;
        service->running_status = entry.running_status;
        if (simc_descriptor_find(entry.descriptors, SIMC_DESCRIPTOR_SERVICE, &descriptor) != 0 ||
            simc_service_descriptor_read(descriptor.body, &names) != 0)
            continue;
        service->type = names.type;
        keep_name(service->name, names.name);
        keep_name(service->provider, names.provider);
    }
}

static void take_eit(struct simc__analyzer *analyzer, const struct simc_section *section,
                     uint64_t now)
{
    if (section->table_id != SIMC_TABLE_EIT_PF_ACTUAL || section->number > 1)
        return;
    for (unsigned i = 0; i < analyzer->service_count; i++) {
        struct simc__service *service = &analyzer->services[i];
        if (service->id != section->extension)
            continue;
        if (!service->eit_seen)
            service->eit_last_27mhz = now;
        service->eit_seen |= (uint8_t)(1u << section->number);
    }
}

static void check_place(struct simc__analyzer *analyzer, uint16_t pid, uint8_t table_id)
{
    const size_t count = sizeof place_rows / sizeof place_rows[0];
    bool known = false, right = table_id == SIMC_TABLE_STUFFING && pid >= SIMC_PID_NIT;
    enum simc__check_id check = SIMC__CHECK_PAT;
    for (size_t i = 0; i < count; i++) {
        if (place_rows[i].pid != pid)
            continue;
        known = true;
        check = place_rows[i].check;
        right = right || (table_id >= place_rows[i].first && table_id <= place_rows[i].last);
    }
    if (known && !right)
        simc__raise(analyzer, check, pid, "table_id that does not belong here", table_id);
}

static int take_section(struct simc__analyzer *analyzer, uint16_t pid, struct simc_slice bytes,
                        uint64_t now)
{
    struct simc__pid *info = &analyzer->pids[pid];
    struct simc_section section;
    if (info->ca_stream)
        simc__crypt_section(analyzer, pid, bytes, now);
    if (info->role != SIMC__ROLE_PSI && info->role != SIMC__ROLE_PMT)
        return 0;
    check_place(analyzer, pid, bytes.data[0]);
    if (simc_section_read(bytes, &section) != 0)
        return 0;
    if (section.long_form && !section.current)
        return 0;
    switch (section.table_id) {
    case SIMC_TABLE_PAT:
        return pid == SIMC_PID_PAT ? take_pat(analyzer, &section, now) : 0;
    case SIMC_TABLE_CAT:
        return pid == SIMC_PID_CAT ? take_cat(analyzer, &section, now) : 0;
    case SIMC_TABLE_PMT:
        return take_pmt(analyzer, pid, &section, now);
    case SIMC_TABLE_NIT_ACTUAL:
        analyzer->nit_last_27mhz = now;
        break;
    case SIMC_TABLE_SDT_ACTUAL:
        take_sdt(analyzer, &section, now);
        break;
    case SIMC_TABLE_EIT_PF_ACTUAL:
        take_eit(analyzer, &section, now);
        break;
    case SIMC_TABLE_TDT: {
        struct simc_tot tdt;
        analyzer->tdt_last_27mhz = now;
        if (simc_tot_read(&section, &tdt) == 0)
            analyzer->tdt_time_s = tdt.time_s;
        break;
    }
    default:
        break;
    }
    simc__check_repetition(analyzer, pid, &section, now);
    return 0;
}

/* CRC errors count for the tables of 2.2; CA messages and private sections are not in it. */
static bool crc_matters(const struct simc__pid *info)
{
    return info->role == SIMC__ROLE_PSI || info->role == SIMC__ROLE_PMT;
}

int simc__analyze_sections(struct simc__analyzer *analyzer, uint16_t pid, const uint8_t *packet)
{
    struct simc__pid *info = &analyzer->pids[pid];
    struct simc_slice section;
    int error = 0, result;
    simc_section_assembler_push(info->sections, packet);
    while ((result = simc_section_assembler_next(info->sections, &section)) != SIMC_EAGAIN) {
        if (result == 0) {
            int failed = take_section(analyzer, pid, section, simc_ts_stats_time(&analyzer->stats));
            error = error ? error : failed;
        } else if (crc_matters(info)) {
            simc__raise(analyzer, SIMC__CHECK_CRC, pid, "CRC of table_id", section.data[0]);
        }
    }
    return error;
}
