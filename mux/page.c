/* SPDX-License-Identifier: BSL-1.0 */
/* One multiplex as JSON: services, crypto periods, ECMs, rates, inputs, outputs, alarms. service.c
 * calls it for /v1/status and /readyz while the threads stand still. */
#include <string.h>

#include "mux/service.h"
#include "sys/clock.h"
#include "tsio/tsio.h"

enum { TICKS_PER_US = 27, PPB_PER_PPM = 1000 };

static const char *const input_states[] = {
    [SIMC__MUX_INPUT_WAITING] = "waiting",
    [SIMC__MUX_INPUT_RUNNING] = "running",
    [SIMC__MUX_INPUT_LOST] = "lost",
    [SIMC__MUX_INPUT_ENDED] = "ended",
};

/* Milliseconds with their fraction. */
static void put_ms(struct simc__json *json, const char *name, uint64_t ticks)
{
    simc__json_scaled(json, name, ticks / TICKS_PER_US, 1000);
}

static void put_rates(const struct simc__mux_status *status, struct simc__json *json)
{
    simc__json_object(json, "packets");
    for (unsigned i = 0; i < SIMC__MUX_CLASS_COUNT; i++)
        simc__json_uint(json, simc__mux_class_name(i), status->packets[i]);
    simc__json_end(json);
    simc__json_object(json, "bitrates");
    for (unsigned i = 0; i < SIMC__MUX_CLASS_COUNT; i++)
        simc__json_uint(json, simc__mux_class_name(i), status->bitrates[i]);
    simc__json_end(json);
    simc__json_object(json, "counters");
    for (unsigned i = 0; i < SIMC__MUX_COUNTER_COUNT; i++)
        simc__json_uint(json, simc__mux_counter_name(i), status->counters[i]);
    simc__json_end(json);
}

static void put_input(const struct simc__muxd_multiplex *multiplex, size_t index,
                      struct simc__json *json)
{
    const struct simc__muxd_feed *feed = multiplex->feeds[index];
    struct simc__tsio_input_stats stats;
    struct simc__mux_input_status status;
    simc__tsio_input_stats(feed->input, &stats);
    simc__json_object(json, NULL);
    simc__json_text(json, "name", feed->name);
    simc__json_text(json, "address", feed->address);
    if (simc__mux_input_status(multiplex->mux, (uint32_t)index, &status) == 0) {
        simc__json_text(json, "state", input_states[status.state]);
        simc__json_uint(json, "bitrate", status.bitrate);
        simc__json_uint(json, "buffered", status.buffered);
        simc__json_uint(json, "buffered_max", status.buffered_max);
        simc__json_uint(json, "buffer", status.buffer_count);
        simc__json_int(json, "clock_ppb", status.clock_ppb);
        simc__json_uint(json, "programmes", status.program_count);
        simc__json_hex(json, "transport_stream_id", status.ts_id, 4);
        simc__json_object(json, "counters");
        for (unsigned i = 0; i < SIMC__MUX_INPUT_COUNTER_COUNT; i++)
            simc__json_uint(json, simc__mux_input_counter_name(i), status.counters[i]);
        simc__json_end(json);
    }
    simc__json_uint(json, "datagrams", stats.datagrams);
    simc__json_uint(json, "dropped_datagrams", stats.dropped_datagrams);
    simc__json_uint(json, "rtp_lost", stats.rtp_lost);
    simc__json_uint(json, "rtp_late", stats.rtp_late);
    simc__json_uint(json, "skipped_bytes", stats.skipped_bytes);
    simc__json_text(json, "trouble", feed->trouble.is_raised ? feed->trouble.text : NULL);
    simc__json_end(json);
}

static void put_output(const struct simc__muxd_send *send, struct simc__json *json)
{
    struct simc__tsio_output_stats stats;
    simc__tsio_output_stats(send->output, &stats);
    simc__json_object(json, NULL);
    simc__json_text(json, "address", send->address);
    simc__json_uint(json, "packets", stats.packets);
    simc__json_uint(json, "datagrams", stats.datagrams);
    simc__json_uint(json, "dropped_packets", stats.dropped_packets);
    simc__json_uint(json, "late_datagrams", stats.late_datagrams);
    simc__json_uint(json, "errors", stats.errors);
    simc__json_uint(json, "waiting_bytes", stats.waiting_bytes);
    simc__json_bool(json, "has_gso", stats.has_gso);
    simc__json_text(json, "trouble", send->trouble.is_raised ? send->trouble.text : NULL);
    simc__json_end(json);
}

static void put_services(const struct simc__muxd_multiplex *multiplex, struct simc__json *json)
{
    struct simc__mux_service_status status;
    simc__json_array(json, "services");
    for (uint32_t i = 0; simc__mux_service_status(multiplex->mux, i, &status) == 0; i++) {
        simc__json_object(json, NULL);
        simc__json_uint(json, "service_id", status.service_id);
        simc__json_text(json, "name", status.name);
        simc__json_text(json, "input",
                        status.input < multiplex->feed_count ? multiplex->feeds[status.input]->name
                                                             : NULL);
        simc__json_uint(json, "input_service_id", status.input_service_id);
        simc__json_bool(json, "present", status.is_present);
        simc__json_hex(json, "pmt_pid", status.pmt_pid, 4);
        simc__json_hex(json, "pcr_pid", status.pcr_pid, 4);
        simc__json_uint(json, "pmt_version", status.pmt_version);
        simc__json_uint(json, "components", status.component_count);
        simc__json_bool(json, "scrambled", status.is_scrambled);
        simc__json_bool(json, "held_back", status.is_held);
        if (status.scg_id == SIMC__MUX_NONE)
            simc__json_null(json, "scg");
        else
            simc__json_uint(json, "scg", status.scg_id);
        simc__json_uint(json, "bitrate", status.bitrate);
        put_ms(json, "pcr_interval_max_ms", status.pcr_interval_max);
        simc__json_end(json);
    }
    simc__json_end(json);
}

static void put_streams(const struct simc__mux_scg_status *status, struct simc__json *json)
{
    simc__json_array(json, "ecm_streams");
    for (uint8_t i = 0; i < status->stream_count && i < SIMC__SCS_MUX_STREAMS_MAX; i++) {
        const struct simc__mux_stream_status *stream = &status->streams[i];
        simc__json_object(json, NULL);
        simc__json_uint(json, "stream", stream->stream);
        simc__json_hex(json, "super_cas_id", stream->super_cas_id, 8);
        simc__json_hex(json, "ecm_id", stream->ecm_id, 4);
        simc__json_hex(json, "pid", stream->pid, 4);
        simc__json_bool(json, "on_air", stream->is_on_air);
        simc__json_uint(json, "cp", stream->cp);
        simc__json_uint(json, "repetition_ms", stream->repetition_ms);
        simc__json_uint(json, "sent", stream->sent);
        simc__json_uint(json, "missed", stream->missed);
        put_ms(json, "lateness_max_ms", stream->lateness_max);
        simc__json_end(json);
    }
    simc__json_end(json);
}

/* Ticks are told as they are: they are what SCS and reports speak of. */
static void put_scgs(const struct simc__muxd_multiplex *multiplex, struct simc__json *json)
{
    struct simc__mux_scg_status status;
    simc__json_array(json, "scgs");
    for (uint32_t i = 0; simc__mux_scg_status(multiplex->mux, i, &status) == 0; i++) {
        simc__json_object(json, NULL);
        simc__json_uint(json, "scg", status.scg_id);
        simc__json_text(json, "name", status.name);
        simc__json_bool(json, "static", status.is_static);
        simc__json_bool(json, "scrambled", status.is_scrambled);
        simc__json_hex(json, "scrambling_mode", status.scrambling_mode, 2);
        simc__json_uint(json, "cp", status.cp);
        simc__json_text(json, "parity", status.parity ? "odd" : "even");
        simc__json_uint(json, "start_tick", status.start_tick);
        if (status.next_start_tick == SIMC__SCS_MUX_OPEN)
            simc__json_null(json, "next_start_tick");
        else
            simc__json_uint(json, "next_start_tick", status.next_start_tick);
        simc__json_uint(json, "periods_ahead", status.periods_ahead);
        simc__json_uint(json, "packets", status.packets);
        put_streams(&status, json);
        simc__json_end(json);
    }
    simc__json_end(json);
}

static void put_alarm(struct simc__json *json, const char *name, const char *about,
                      const char *text, uint64_t since_us)
{
    simc__json_object(json, NULL);
    simc__json_text(json, "alarm", name);
    simc__json_text(json, "about", about);
    simc__json_text(json, "text", text);
    simc__json_utc(json, "since", since_us);
    simc__json_end(json);
}

/* Those of the engine by their ticks, which are times of the monotonic clock when it is live. */
static void put_alarms(const struct simc__muxd_multiplex *multiplex, struct simc__json *json)
{
    struct simc__mux_alarm alarm;
    uint64_t wall_us = simc__clock_wall_us(NULL);
    uint64_t tick = simc__mux_tick(multiplex->mux, simc__clock_monotonic_ns());
    simc__json_array(json, "alarms");
    for (size_t i = 0; simc__mux_alarm_get(multiplex->mux, i, &alarm); i++) {
        uint64_t age = tick > alarm.since_tick ? tick - alarm.since_tick : 0;
        put_alarm(json, simc__mux_alarm_name(alarm.type),
                  alarm.input < multiplex->feed_count ? multiplex->feeds[alarm.input]->name : NULL,
                  alarm.text, multiplex->is_title ? 0 : wall_us - age / TICKS_PER_US);
    }
    if (multiplex->link_trouble.is_raised)
        put_alarm(json, "SCS_AWAY", multiplex->link_conf->address, multiplex->link_trouble.text,
                  multiplex->link_trouble.since_us);
    for (size_t i = 0; i < multiplex->feed_count; i++)
        if (multiplex->feeds[i]->trouble.is_raised)
            put_alarm(json, "INPUT_TROUBLE", multiplex->feeds[i]->name,
                      multiplex->feeds[i]->trouble.text, multiplex->feeds[i]->trouble.since_us);
    for (size_t i = 0; i < multiplex->send_count; i++)
        if (multiplex->sends[i]->trouble.is_raised)
            put_alarm(json, "OUTPUT_TROUBLE", multiplex->sends[i]->address,
                      multiplex->sends[i]->trouble.text, multiplex->sends[i]->trouble.since_us);
    simc__json_end(json);
}

static void put_link(const struct simc__muxd_multiplex *multiplex, struct simc__json *json)
{
    if (!multiplex->link_conf) {
        simc__json_null(json, "link");
        return;
    }
    bool is_open = multiplex->link && simc__link_is_open(multiplex->link);
    simc__json_object(json, "link");
    simc__json_text(json, "address", multiplex->link_conf->address);
    simc__json_bool(json, "connected", is_open);
    simc__json_text(json, "scs", is_open ? multiplex->scs_name : NULL);
    simc__json_uint(json, "connections", multiplex->link_opened);
    simc__json_uint(json, "orders_refused", multiplex->orders_bad);
    simc__json_uint(json, "messages_lost", multiplex->messages_lost);
    simc__json_end(json);
}

void simc__muxd_status_put(struct simc__muxd_multiplex *multiplex, struct simc__json *json)
{
    struct simc__mux_status status;
    simc__mux_status(multiplex->mux, &status);
    simc__json_object(json, NULL);
    simc__json_text(json, "name", multiplex->conf->name);
    simc__json_text(json, "mode", multiplex->is_title ? "title" : "live");
    simc__json_uint(json, "tick", status.tick);
    simc__json_uint(json, "bitrate", status.bitrate);
    put_ms(json, "pcr_interval_max_ms", status.pcr_interval_max);
    simc__json_uint(json, "memory_bytes", status.memory);
    put_rates(&status, json);
    put_link(multiplex, json);
    simc__json_array(json, "inputs");
    for (size_t i = 0; i < multiplex->feed_count; i++)
        put_input(multiplex, i, json);
    simc__json_end(json);
    simc__json_array(json, "outputs");
    for (size_t i = 0; i < multiplex->send_count; i++)
        put_output(multiplex->sends[i], json);
    simc__json_end(json);
    put_services(multiplex, json);
    put_scgs(multiplex, json);
    put_alarms(multiplex, json);
    simc__json_end(json);
}

const char *simc__muxd_status_fault(const struct simc__muxd_multiplex *multiplex)
{
    struct simc__mux_input_status status;
    if (multiplex->link_conf && !(multiplex->link && simc__link_is_open(multiplex->link)))
        return "the SCS is not connected";
    for (size_t i = 0; i < multiplex->feed_count && !multiplex->is_title; i++)
        if (simc__mux_input_status(multiplex->mux, (uint32_t)i, &status) ||
            status.state != SIMC__MUX_INPUT_RUNNING)
            return "an input gives nothing";
    for (size_t i = 0; i < multiplex->send_count; i++)
        if (multiplex->sends[i]->trouble.is_raised)
            return "an output does not work";
    return NULL;
}
