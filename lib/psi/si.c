/* SPDX-License-Identifier: BSL-1.0 */
/* The tables of DVB: NIT, BAT, SDT, EIT, TDT and TOT, taken apart and built. The multiplexer, the
 * receiver and the analyser call it. [300468 5.2] */
#include "psi/internal.h"
#include "psi/time.h"

enum {
    NIT_STREAM_HEAD_SIZE = 6,
    SDT_SERVICE_HEAD_SIZE = 5,
    RUNNING_SHIFT = 13,
    DURATION_MAX_S = 99 * 3600 + 59 * 60 + 59,
};

static bool is_nit(uint8_t id)
{
    return id == SIMC_TABLE_NIT_ACTUAL || id == SIMC_TABLE_NIT_OTHER || id == SIMC_TABLE_BAT;
}

static bool is_sdt(uint8_t id)
{
    return id == SIMC_TABLE_SDT_ACTUAL || id == SIMC_TABLE_SDT_OTHER;
}

static bool is_eit(uint8_t id)
{
    return id >= SIMC_TABLE_EIT_FIRST && id <= SIMC_TABLE_EIT_LAST;
}

/* running_status, free_CA_mode and the length of the descriptors share 16 bits. */
static void put_status_loop(struct simc_writer *out, unsigned running_status, bool free_ca_mode,
                            struct simc_slice descriptors)
{
    if (running_status > 7)
        simc_writer_fail(out, SIMC_EINVAL);
    simc__loop_put(out, (running_status << 1 | (free_ca_mode ? 1u : 0u)) & 0xf, descriptors);
}

int simc_nit_read(const struct simc_section *section, struct simc_nit *nit)
{
    struct simc_reader reader = simc_reader(section->body);
    nit->table_id = section->table_id;
    nit->id = section->extension;
    nit->descriptors = simc__loop_read(&reader);
    nit->streams = simc__loop_read(&reader);
    return reader.error || !section->long_form || !is_nit(nit->table_id) ? SIMC_EPROTO : 0;
}

int simc_nit_next(struct simc_slice *streams, struct simc_nit_stream *stream)
{
    if (streams->size == 0)
        return SIMC_EEND;
    struct simc_reader reader = simc_reader(*streams);
    stream->ts_id = simc_reader_u16(&reader);
    stream->network_id = simc_reader_u16(&reader);
    stream->descriptors = simc__loop_read(&reader);
    return simc__loop_eat(streams, &reader);
}

int simc_nit_build(struct simc_writer *out, const struct simc_nit *nit, unsigned version,
                   const struct simc_nit_stream *streams, size_t count)
{
    uint8_t bytes[SIMC_PSI_SIZE_MAX];
    struct simc_writer first = simc_writer(bytes, sizeof bytes);
    simc__loop_put(&first, 0xf, nit->descriptors);
    if (first.error || !is_nit(nit->table_id)) {
        simc_writer_fail(out, is_nit(nit->table_id) ? SIMC_ETOOLONG : SIMC_EINVAL);
        return out->error;
    }
    static const uint8_t no_descriptors[2] = {0xf0, 0};
    const struct simc_slice prefix[2] = {simc_slice(bytes, first.at),
                                         simc_slice(no_descriptors, sizeof no_descriptors)};
    struct simc_section_head head = {
        .table_id = nit->table_id, .extension = nit->id, .version = (uint8_t)(version & 0x1f)};
    struct simc__split split;
    simc__split_begin(&split, out, &head, prefix, true);
    for (size_t i = 0; i < count; i++) {
        simc__split_entry(&split, NIT_STREAM_HEAD_SIZE + streams[i].descriptors.size);
        simc_writer_u16(out, streams[i].ts_id);
        simc_writer_u16(out, streams[i].network_id);
        simc__loop_put(out, 0xf, streams[i].descriptors);
    }
    return simc__split_end(&split);
}

int simc_sdt_read(const struct simc_section *section, struct simc_sdt *sdt)
{
    struct simc_reader reader = simc_reader(section->body);
    sdt->table_id = section->table_id;
    sdt->ts_id = section->extension;
    sdt->network_id = simc_reader_u16(&reader);
    simc_reader_u8(&reader);
    sdt->services = simc_reader_slice(&reader, simc_reader_left(&reader));
    return reader.error || !section->long_form || !is_sdt(sdt->table_id) ? SIMC_EPROTO : 0;
}

int simc_sdt_next(struct simc_slice *services, struct simc_sdt_service *service)
{
    if (services->size == 0)
        return SIMC_EEND;
    struct simc_reader reader = simc_reader(*services);
    service->id = simc_reader_u16(&reader);
    uint8_t flags = simc_reader_u8(&reader);
    service->eit_schedule = flags & 2;
    service->eit_pf = flags & 1;
    unsigned status = simc_reader_u16(&reader);
    service->running_status = (uint8_t)(status >> RUNNING_SHIFT);
    service->free_ca_mode = status & 0x1000;
    service->descriptors = simc_reader_slice(&reader, status & 0xfff);
    return simc__loop_eat(services, &reader);
}

int simc_sdt_build(struct simc_writer *out, const struct simc_sdt *sdt, unsigned version,
                   const struct simc_sdt_service *services, size_t count)
{
    const uint8_t bytes[3] = {(uint8_t)(sdt->network_id >> 8), (uint8_t)sdt->network_id, 0xff};
    const struct simc_slice prefix[2] = {simc_slice(bytes, 3), simc_slice(bytes, 3)};
    struct simc_section_head head = {
        .table_id = sdt->table_id, .extension = sdt->ts_id, .version = (uint8_t)(version & 0x1f)};
    if (!is_sdt(sdt->table_id))
        simc_writer_fail(out, SIMC_EINVAL);
    struct simc__split split;
    simc__split_begin(&split, out, &head, prefix, false);
    for (size_t i = 0; i < count; i++) {
        const struct simc_sdt_service *service = &services[i];
        simc__split_entry(&split, SDT_SERVICE_HEAD_SIZE + service->descriptors.size);
        simc_writer_u16(out, service->id);
        simc_writer_u8(
            out, (uint8_t)(0xfc | (service->eit_schedule ? 2u : 0u) | (service->eit_pf ? 1u : 0u)));
        put_status_loop(out, service->running_status, service->free_ca_mode, service->descriptors);
    }
    return simc__split_end(&split);
}

int simc_eit_read(const struct simc_section *section, struct simc_eit *eit)
{
    struct simc_reader reader = simc_reader(section->body);
    eit->table_id = section->table_id;
    eit->service_id = section->extension;
    eit->ts_id = simc_reader_u16(&reader);
    eit->network_id = simc_reader_u16(&reader);
    eit->segment_last_number = simc_reader_u8(&reader);
    eit->last_table_id = simc_reader_u8(&reader);
    eit->events = simc_reader_slice(&reader, simc_reader_left(&reader));
    return reader.error || !section->long_form || !is_eit(eit->table_id) ? SIMC_EPROTO : 0;
}

int simc_eit_next(struct simc_slice *events, struct simc_eit_event *event)
{
    static const uint8_t zero[5] = {0};
    if (events->size == 0)
        return SIMC_EEND;
    struct simc_reader reader = simc_reader(*events);
    event->id = simc_reader_u16(&reader);
    const uint8_t *start = simc_reader_take(&reader, 5);
    const uint8_t *duration = simc_reader_take(&reader, 3);
    unsigned status = simc_reader_u16(&reader);
    event->running_status = (uint8_t)(status >> RUNNING_SHIFT);
    event->free_ca_mode = status & 0x1000;
    event->descriptors = simc_reader_slice(&reader, status & 0xfff);
    /* A time that does not exist counts as not defined: the event itself is still of use. */
    if (simc_dvb_time_get(start ? start : zero, &event->start_s) != 0)
        event->start_s = SIMC_DVB_TIME_NONE;
    if (!simc__bcd_get(duration ? duration : zero, 99, &event->duration_s))
        event->duration_s = UINT32_MAX;
    return simc__loop_eat(events, &reader);
}

static void put_event(struct simc_writer *out, const struct simc_eit_event *event)
{
    uint8_t start[5], duration[3] = {0xff, 0xff, 0xff};
    if (simc_dvb_time_put(start, event->start_s) != 0 ||
        (event->duration_s > DURATION_MAX_S && event->duration_s != UINT32_MAX))
        simc_writer_fail(out, SIMC_EINVAL);
    else if (event->duration_s != UINT32_MAX)
        simc__bcd_put(duration, event->duration_s);
    simc_writer_u16(out, event->id);
    simc_writer_slice(out, simc_slice(start, sizeof start));
    simc_writer_slice(out, simc_slice(duration, sizeof duration));
    put_status_loop(out, event->running_status, event->free_ca_mode, event->descriptors);
}

int simc_eit_build(struct simc_writer *out, const struct simc_eit *eit, unsigned version,
                   uint8_t number, uint8_t last_number, const struct simc_eit_event *events,
                   size_t count)
{
    struct simc_section_head head = {.table_id = eit->table_id,
                                     .extension = eit->service_id,
                                     .version = (uint8_t)(version & 0x1f),
                                     .number = number,
                                     .last_number = last_number};
    if (!is_eit(eit->table_id) || number > last_number)
        simc_writer_fail(out, SIMC_EINVAL);
    size_t begin = simc_section_begin(out, &head);
    simc_writer_u16(out, eit->ts_id);
    simc_writer_u16(out, eit->network_id);
    simc_writer_u8(out, eit->segment_last_number);
    simc_writer_u8(out, eit->last_table_id);
    for (size_t i = 0; i < count; i++)
        put_event(out, &events[i]);
    return simc_section_end(out, begin);
}

int simc_tot_read(const struct simc_section *section, struct simc_tot *tot)
{
    *tot = (struct simc_tot){.table_id = section->table_id};
    if (tot->table_id != SIMC_TABLE_TDT && tot->table_id != SIMC_TABLE_TOT)
        return SIMC_EPROTO;
    struct simc_reader reader = simc_reader(section->body);
    const uint8_t *time = simc_reader_take(&reader, 5);
    if (!time || section->long_form || simc_dvb_time_get(time, &tot->time_s) != 0)
        return SIMC_EPROTO;
    if (tot->table_id == SIMC_TABLE_TOT)
        tot->descriptors = simc__loop_read(&reader);
    return reader.error ? SIMC_EPROTO : 0;
}

int simc_tot_build(struct simc_writer *out, const struct simc_tot *tot)
{
    uint8_t time[5];
    size_t start = out->at;
    bool is_tot = tot->table_id == SIMC_TABLE_TOT;
    size_t length = is_tot ? 5 + 2 + tot->descriptors.size + 4 : 5;
    if ((!is_tot && tot->table_id != SIMC_TABLE_TDT) || simc_dvb_time_put(time, tot->time_s) != 0)
        simc_writer_fail(out, SIMC_EINVAL);
    else if (length + 3 > SIMC_PSI_SIZE_MAX)
        simc_writer_fail(out, SIMC_ETOOLONG);
    simc_writer_u8(out, tot->table_id);
    simc_writer_u16(out, (uint16_t)(0x7000 | (length & 0xfff)));
    simc_writer_slice(out, simc_slice(time, sizeof time));
    if (is_tot) {
        simc__loop_put(out, 0xf, tot->descriptors);
        uint32_t crc = 0;
        if (!out->error)
            crc = simc_crc32(simc_slice(out->data + start, out->at - start));
        simc_writer_u32(out, crc);
    }
    return out->error;
}
