/* SPDX-License-Identifier: BSL-1.0 */
/* The small ECMG of test_ecmg.h. */
#include "support/test_ecmg.h"

#include <stdlib.h>
#include <string.h>

enum { SECTION_HEAD = 3, PACKET_SIZE = 188, PACKET_HEAD = 4, ACCESS_CRITERIA_MAX = 2000 };

static const struct {
    const char *name;
    size_t offset;
    int64_t fallback;
} rows[] = {
#define TEST_ECMG_ROW(name_, fallback_) \
    {.name = #name_, .offset = offsetof(struct test_ecmg_settings, name_), .fallback = fallback_},
    TEST_ECMG_ROWS(TEST_ECMG_ROW)
#undef TEST_ECMG_ROW
};

static int64_t *setting(struct test_ecmg *ecmg, size_t row)
{
    return (int64_t *)((uint8_t *)&ecmg->settings + rows[row].offset);
}

void test_ecmg_init(struct test_ecmg *ecmg)
{
    memset(ecmg, 0, sizeof *ecmg);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        *setting(ecmg, i) = rows[i].fallback;
}

bool test_ecmg_set(struct test_ecmg *ecmg, const char *name, const char *value)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            *setting(ecmg, i) = strtoll(value, NULL, 0);
            return true;
        }
    }
    return false;
}

struct simc_ecmg_settings test_ecmg_session_settings(const struct test_ecmg *ecmg)
{
    const struct test_ecmg_settings *s = &ecmg->settings;
    const struct simc_ecmg_settings settings = {
        .common =
            {
                .strict = s->strict,
                .send_error_information = s->information,
                .idle_ms = (uint32_t)s->idle_ms,
                .test_ms = (uint32_t)s->test_ms,
                .setup_ms = (uint32_t)s->setup_ms,
                .close_ms = (uint32_t)s->close_ms,
                .fault_limit = (uint32_t)s->fault_limit,
                .length_limit = (uint32_t)s->length_limit,
                .output_limit = (uint32_t)s->output_limit,
            },
        .versions = (uint32_t)s->versions,
        .cw_sizes = (uint64_t)s->cw_sizes,
        .access_criteria_limit = ACCESS_CRITERIA_MAX,
        .exact_cws = s->exact_cws,
        .pending_limit = (uint32_t)s->pending_limit,
    };
    return settings;
}

/* ---- ECMs ---- */

static size_t packetise(const uint8_t *section, size_t size, uint8_t *out)
{
    size_t at = 0, packets = 0;
    while (at < size) {
        uint8_t *packet = out + packets * PACKET_SIZE;
        size_t head = PACKET_HEAD, left = size - at;
        memset(packet, 0xff, PACKET_SIZE);
        packet[0] = 0x47;
        packet[1] = at ? 0x1f : 0x5f; /* any PID: the head-end rewrites it */
        packet[2] = 0xfe;
        packet[3] = (uint8_t)(0x10 | (packets & 0xf));
        if (at == 0)
            packet[head++] = 0; /* pointer_field */
        size_t room = PACKET_SIZE - head, part = left < room ? left : room;
        memcpy(packet + head, section + at, part);
        at += part;
        packets++;
    }
    return packets * PACKET_SIZE;
}

size_t test_ecmg_datagram(bool packets, uint16_t cp_number, const struct simc_control_word *cws,
                          size_t cw_count, struct simc_slice access_criteria,
                          uint8_t datagram[TEST_ECMG_DATAGRAM_MAX])
{
    static const char label[] = "test ECM in the clear";
    uint8_t section[4096];
    struct simc_writer out = simc_writer(section, sizeof section);
    simc_writer_u8(&out, (uint8_t)(0x80 | (cp_number & 1)));
    simc_writer_u16(&out, 0);
    simc_writer_slice(&out, simc_slice_text(label));
    simc_writer_u16(&out, cp_number);
    simc_writer_u16(&out, (uint16_t)access_criteria.size);
    simc_writer_slice(&out, access_criteria);
    for (size_t i = 0; i < cw_count; i++) {
        simc_writer_u16(&out, cws[i].cp_number);
        simc_writer_u8(&out, cws[i].cw.size);
        simc_writer_slice(&out, simc_secret_bytes(&cws[i].cw));
    }
    simc_writer_patch_u16(&out, 1, (uint16_t)(0x7000 | (out.at - SECTION_HEAD)));
    if (packets)
        return packetise(section, out.at, datagram);
    memcpy(datagram, section, out.at);
    return out.at;
}

/* ---- events ---- */

static void ignore(int result)
{
    (void)result; /* the peer has gone meanwhile: nothing is to be answered any more */
}

static void refuse(struct test_ecmg_connection *c, uint16_t status)
{
    ignore(simc_session_refuse(c->session, status, simc_slice(NULL, 0)));
}

static void channel_setup(struct test_ecmg *ecmg, struct test_ecmg_connection *c,
                          const struct simc_session_event *event)
{
    const struct test_ecmg_settings *s = &ecmg->settings;
    uint16_t id = event->channel_setup.ecm_channel_id;
    if (event->channel_setup.super_cas_id != (uint32_t)s->super_cas_id) {
        refuse(c, SIMC_ECMG_STATUS_UNKNOWN_SUPER_CAS_ID);
        return;
    }
    if (ecmg->channel_is_open[id]) {
        refuse(c, SIMC_ECMG_STATUS_ECM_CHANNEL_ID_IN_USE);
        return;
    }
    if (s->max_channels && ecmg->channels >= s->max_channels) {
        refuse(c, SIMC_ECMG_STATUS_TOO_MANY_CHANNELS);
        return;
    }
    const struct simc_ecmg_channel_status status = {
        .section_tspkt_flag = (uint8_t)s->section_TSpkt_flag,
        .has_ac_delay_start = !s->plain_delays_only,
        .ac_delay_start_ms = -800,
        .has_ac_delay_stop = !s->plain_delays_only,
        .ac_delay_stop_ms = -800,
        .delay_start_ms = 200,
        .delay_stop_ms = 200,
        .has_transition_delay_start = !s->plain_delays_only,
        .transition_delay_start_ms = -500,
        .has_transition_delay_stop = !s->plain_delays_only,
        .ecm_rep_period_ms = 100,
        .max_streams = (uint16_t)s->max_streams,
        .min_cp_duration_100ms = (uint16_t)s->min_CP_duration,
        .lead_cw = (uint8_t)s->lead_CW,
        .cw_per_msg = (uint8_t)s->CW_per_msg,
        .max_comp_time_ms = (uint16_t)s->max_comp_time,
    };
    if (simc_ecmg_channel_accept(c->session, &status))
        return;
    c->has_channel = true;
    c->channel = id;
    ecmg->channel_is_open[id] = true;
    ecmg->channels++;
}

static void stream_setup(struct test_ecmg *ecmg, struct test_ecmg_connection *c,
                         const struct simc_session_event *event)
{
    const struct test_ecmg_settings *s = &ecmg->settings;
    const struct simc_ecmg_stream_setup *setup = &event->stream_setup;
    size_t room = sizeof c->streams / sizeof c->streams[0];
    if ((s->max_streams_all && ecmg->streams >= s->max_streams_all) || c->stream_count == room)
        refuse(c, SIMC_ECMG_STATUS_TOO_MANY_STREAMS_ON_ECMG);
    else if (setup->has_ecm_id && s->closed_ecm_ids && setup->ecm_id == s->unlisted_ecm_id)
        refuse(c, SIMC_ECMG_STATUS_UNKNOWN_ECM_ID);
    else if (setup->has_ecm_id && ecmg->ecm_id_is_used[setup->ecm_id])
        refuse(c, SIMC_ECMG_STATUS_ECM_ID_IN_USE);
    else if (simc_ecmg_stream_accept(c->session, s->transfer_mode, c) == 0) {
        c->streams[c->stream_count] = setup->ecm_stream_id;
        c->ecm_ids[c->stream_count++] = setup->ecm_id;
        ecmg->streams++;
        if (setup->has_ecm_id)
            ecmg->ecm_id_is_used[setup->ecm_id] = true;
    }
}

static void provision(struct test_ecmg *ecmg, struct test_ecmg_connection *c,
                      const struct simc_session_event *event)
{
    const struct simc_ecmg_provision *p = &event->provision;
    uint8_t datagram[TEST_ECMG_DATAGRAM_MAX];
    size_t size = 0;
    if (c->holds)
        return;
    if (p->cp_number != ecmg->settings.empty_cp)
        size = test_ecmg_datagram(ecmg->settings.section_TSpkt_flag == 1, p->cp_number, p->cws,
                                  p->cw_count, p->access_criteria, datagram);
    ignore(simc_ecmg_respond(c->session, event->ecm_stream_id, p->cp_number,
                             simc_slice(datagram, size)));
}

static void stream_gone(struct test_ecmg *ecmg, struct test_ecmg_connection *c, unsigned index)
{
    ecmg->ecm_id_is_used[c->ecm_ids[index]] = false;
    ecmg->streams--;
    c->stream_count--;
    c->streams[index] = c->streams[c->stream_count];
    c->ecm_ids[index] = c->ecm_ids[c->stream_count];
}

void test_ecmg_gone(struct test_ecmg *ecmg, struct test_ecmg_connection *c)
{
    while (c->stream_count)
        stream_gone(ecmg, c, c->stream_count - 1);
    if (c->has_channel) {
        ecmg->channel_is_open[c->channel] = false;
        ecmg->channels--;
    }
    c->has_channel = false;
}

void test_ecmg_handle(struct test_ecmg *ecmg, struct test_ecmg_connection *c,
                      const struct simc_session_event *event, uint64_t now_ms)
{
    bool asks = event->type == SIMC_EVENT_CHANNEL_SETUP || event->type == SIMC_EVENT_STREAM_SETUP;
    if (asks && c->says_nothing)
        return;
    if (asks && c->closes) {
        simc_session_close(c->session, now_ms);
        return;
    }
    if (asks && c->refuses) {
        refuse(c, c->refuses);
        return;
    }
    switch (event->type) {
    case SIMC_EVENT_CHANNEL_SETUP:
        channel_setup(ecmg, c, event);
        return;
    case SIMC_EVENT_STREAM_SETUP:
        stream_setup(ecmg, c, event);
        return;
    case SIMC_EVENT_CW_PROVISION:
        provision(ecmg, c, event);
        return;
    case SIMC_EVENT_STREAM_CLOSED:
        for (unsigned i = 0; i < c->stream_count; i++) {
            if (c->streams[i] == event->ecm_stream_id)
                stream_gone(ecmg, c, i--);
        }
        return;
    case SIMC_EVENT_CHANNEL_CLOSED:
        test_ecmg_gone(ecmg, c);
        return;
    default:
        return;
    }
}
