/* SPDX-License-Identifier: BSL-1.0 */
/* What the engine tells about itself, for metrics and the status page of the program. */
#include <stdio.h>
#include <string.h>

#include "mux/internal.h"

struct words {
    const char *name, *help;
};

#define ROW(name, word, text) {word, text},
static const struct words counters[] = {SIMC__MUX_COUNTER_ROWS(ROW)};
static const struct words input_counters[] = {SIMC__MUX_INPUT_COUNTER_ROWS(ROW)};
static const struct words classes[] = {SIMC__MUX_CLASS_ROWS(ROW)};
#undef ROW

const char *simc__mux_counter_name(unsigned counter)
{
    return counter < SIMC__MUX_COUNTER_COUNT ? counters[counter].name : NULL;
}

const char *simc__mux_counter_help(unsigned counter)
{
    return counter < SIMC__MUX_COUNTER_COUNT ? counters[counter].help : NULL;
}

const char *simc__mux_input_counter_name(unsigned counter)
{
    return counter < SIMC__MUX_INPUT_COUNTER_COUNT ? input_counters[counter].name : NULL;
}

const char *simc__mux_input_counter_help(unsigned counter)
{
    return counter < SIMC__MUX_INPUT_COUNTER_COUNT ? input_counters[counter].help : NULL;
}

const char *simc__mux_class_name(unsigned class_index)
{
    return class_index < SIMC__MUX_CLASS_COUNT ? classes[class_index].name : NULL;
}

const char *simc__mux_class_help(unsigned class_index)
{
    return class_index < SIMC__MUX_CLASS_COUNT ? classes[class_index].help : NULL;
}

void simc__mux_status(const struct simc__mux *mux, struct simc__mux_status *status)
{
    *status = (struct simc__mux_status){
        .tick = mux->tick,
        .service_count = mux->service_count,
        .scg_count = mux->scg_count,
        .source_count = mux->source_count,
        .memory = mux->memory,
    };
    memcpy(status->counters, mux->counters, sizeof status->counters);
    memcpy(status->packets, mux->classes, sizeof status->packets);
    memcpy(status->bitrates, mux->bitrates, sizeof status->bitrates);
    for (unsigned i = 0; i < SIMC__MUX_CLASS_COUNT; i++)
        status->bitrate += mux->bitrates[i];
    for (uint32_t i = 0; i < mux->service_limit; i++)
        if (mux->pcrs[i]->is_used && mux->pcrs[i]->interval_max_before > status->pcr_interval_max)
            status->pcr_interval_max = mux->pcrs[i]->interval_max_before;
    for (uint32_t i = 0; i < mux->scg_limit; i++) {
        const struct simc__mux_scg *scg = mux->scgs[i];
        status->memory += scg ? sizeof *scg + scg->stream_count * sizeof *scg->players +
                                    scg->service_count * sizeof *scg->services + scg->ecm_bytes
                              : 0;
    }
}

int simc__mux_input_status(const struct simc__mux *mux, uint32_t index,
                           struct simc__mux_input_status *status)
{
    if (index >= mux->input_count)
        return SIMC_ENOTFOUND;
    const struct simc__mux_input *input = mux->inputs[index];
    *status = (struct simc__mux_input_status){
        .state = input->state,
        .buffered = (uint32_t)(input->write - input->read),
        .buffer_count = (uint32_t)(input->mask + 1),
        .buffered_max = input->buffered_max_before,
        .bitrate = input->bitrate,
        .program_count = input->program_count,
        .ts_id = input->ts_id,
    };
    snprintf(status->name, sizeof status->name, "%s", input->config.name);
    memcpy(status->counters, input->counters, sizeof status->counters);
    if (input->reference > 0) {
        const struct simc__mux_clock *clock = &input->clocks[input->reference - 1];
        status->clock_ppb = (int32_t)-clock->rate_ppb;
        status->phase_ticks = clock->error;
    }
    return 0;
}

int simc__mux_service_status(const struct simc__mux *mux, uint32_t index,
                             struct simc__mux_service_status *status)
{
    if (index >= mux->service_count)
        return SIMC_ENOTFOUND;
    const struct simc__mux_service *service = mux->services[index];
    *status = (struct simc__mux_service_status){
        .service_id = service->service_id,
        .input_service_id = service->number,
        .pmt_pid = service->pmt_pid,
        .pcr_pid = service->pcr_out,
        .input = service->input,
        .is_present = service->is_present,
        .pmt_version = service->pmt.version,
        .component_count = service->component_count,
        .is_held = service->is_held,
        .scg_id = SIMC__MUX_NONE,
        .bitrate = service->bitrate,
    };
    simc__mux_service_name(mux, service, status->name);
    for (unsigned c = 0; c < service->component_count; c++) {
        uint16_t scg = mux->outs[service->components[c].out].scg;
        if (scg == 0)
            continue;
        status->is_scrambled = status->is_scrambled || mux->scgs[scg - 1]->is_on;
        if (simc__mux_scg_has(mux, mux->scgs[scg - 1], service->service_id, SIMC_PID_NULL))
            status->scg_id = mux->scgs[scg - 1]->scg_id;
    }
    uint16_t pcr = mux->outs[service->pcr_out].pcr;
    if (pcr > 0)
        status->pcr_interval_max = mux->pcrs[pcr - 1]->interval_max_before;
    return 0;
}

static void tell_stream(const struct simc__mux_player *player,
                        struct simc__mux_stream_status *status)
{
    *status = (struct simc__mux_stream_status){
        .stream = player->config.stream,
        .super_cas_id = player->config.super_cas_id,
        .ecm_id = player->config.ecm_id,
        .pid = player->pid,
        .is_on_air = player->is_on && player->has_sent,
        .sent = player->sent_total,
        .missed = player->missed_total,
        .lateness_max = player->item.late_max,
    };
    if (!player->is_on)
        return;
    status->cp = player->windows[0].cp;
    status->start_tick = player->windows[0].start_tick;
    status->stop_tick = player->windows[0].stop_tick;
    status->repetition_ms = (uint32_t)(player->windows[0].period / SIMC__MUX_TICKS_PER_MS);
}

int simc__mux_scg_status(const struct simc__mux *mux, uint32_t index,
                         struct simc__mux_scg_status *status)
{
    const struct simc__mux_scg *scg = NULL;
    for (uint32_t i = 0; i < mux->scg_limit && !scg; i++)
        if (mux->scgs[i] && index-- == 0)
            scg = mux->scgs[i];
    if (!scg)
        return SIMC_ENOTFOUND;
    *status = (struct simc__mux_scg_status){
        .scg_id = scg->scg_id,
        .is_static = scg->is_static,
        .is_scrambled = scg->is_on,
        .cp = scg->cp,
        .parity = scg->parity,
        .scrambling_mode = scg->scrambling_mode,
        .start_tick = scg->start_tick,
        .next_start_tick = scg->ahead_count > 0 ? scg->ahead[0].start_tick : SIMC__SCS_MUX_OPEN,
        .planned_tick = scg->planned_tick,
        .periods_ahead = scg->ahead_count,
        .packets = scg->packets,
        .stream_count = scg->stream_count,
    };
    snprintf(status->name, sizeof status->name, "%s", scg->name);
    for (unsigned i = 0; i < scg->stream_count; i++)
        tell_stream(&scg->players[i], &status->streams[i]);
    return 0;
}
