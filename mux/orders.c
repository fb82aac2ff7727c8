/* SPDX-License-Identifier: BSL-1.0 */
/* The orders of the SCS, and what the engine tells it about itself: the plan that it keeps, the
 * services that it carries, where its timeline is. The program calls this for the link. */
#include <stdio.h>
#include <string.h>

#include "mux/internal.h"

static int stream_order(struct simc__mux *mux, struct simc__mux_scg *scg,
                        const struct simc__scs_mux_order *order)
{
    for (unsigned i = 0; i < scg->stream_count; i++) {
        if (scg->players[i].config.stream != order->stream)
            continue;
        return order->type == SIMC__SCS_MUX_ORDER_ECM
                   ? simc__mux_ecm_order(mux, &scg->players[i], order)
                   : simc__mux_window_order(mux, &scg->players[i], order);
    }
    return SIMC_ENOTFOUND;
}

int simc__mux_order(struct simc__mux *mux, const struct simc__scs_mux_order *order)
{
    struct simc__mux_scg *scg = simc__mux_scg_find(mux, order->scg_id);
    int error = SIMC_EINVAL;
    mux->counters[SIMC__MUX_COUNTER_ORDERS]++;
    if (!scg || scg->is_static) {
        mux->counters[SIMC__MUX_COUNTER_ORDERS_REFUSED]++;
        return SIMC_ENOTFOUND;
    }
    switch (order->type) {
    case SIMC__SCS_MUX_ORDER_WORD:
        error = simc__mux_word_order(mux, scg, order);
        break;
    case SIMC__SCS_MUX_ORDER_ECM:
    case SIMC__SCS_MUX_ORDER_WINDOW:
        error = stream_order(mux, scg, order);
        break;
    case SIMC__SCS_MUX_ORDER_PERIOD:
    case SIMC__SCS_MUX_ORDER_CLEAR:
        error = simc__mux_period_order(mux, scg, order);
        break;
    case SIMC__SCS_MUX_ORDER_PLANNED:
        if (order->start_tick > scg->planned_tick)
            scg->planned_tick = order->start_tick;
        error = 0;
        break;
    case SIMC__SCS_MUX_ORDER_COUNT:
        break;
    }
    if (error)
        mux->counters[SIMC__MUX_COUNTER_ORDERS_REFUSED]++;
    simc__mux_scg_signal(mux, scg);
    return error;
}

void simc__mux_scs(struct simc__mux *mux, bool is_connected)
{
    mux->is_connected = is_connected;
}

/* ---- the plan ---- */

static void put_periods(const struct simc__mux_scg *scg, struct simc__scs_mux_plan_scg *plan)
{
    for (unsigned i = 0; i < SIMC__SCS_MUX_WORDS_KEPT; i++) {
        const struct simc__mux_word *word = &scg->words[i];
        if (!word->is_used)
            continue;
        unsigned at = plan->period_count++;
        while (at > 0 && simc_cp_distance(word->cp, plan->periods[at - 1].cp) < 0) {
            plan->periods[at] = plan->periods[at - 1];
            at--;
        }
        plan->periods[at] = (struct simc__scs_mux_plan_period){
            .cp = word->cp, .start_tick = word->start_tick, .cw = word->cw};
    }
}

static void put_windows(const struct simc__mux_player *player, struct simc__scs_mux_plan_scg *plan)
{
    for (uint32_t i = 0; i < player->window_count; i++) {
        const struct simc__mux_window *window = &player->windows[i];
        if (window->stop_tick != SIMC__SCS_MUX_OPEN ||
            plan->ecm_count >= sizeof plan->ecms / sizeof plan->ecms[0])
            continue;
        plan->ecms[plan->ecm_count++] = (struct simc__scs_mux_plan_ecm){
            .stream = player->config.stream,
            .cp = window->cp,
            .start_tick = window->ordered_tick,
            .repetition_ms = (uint16_t)(window->period / SIMC__MUX_TICKS_PER_MS),
        };
    }
}

int simc__mux_plan(const struct simc__mux *mux, bool has_after, uint32_t after_scg_id,
                   struct simc__scs_mux_plan_scg *plan)
{
    const struct simc__mux_scg *scg = NULL;
    for (uint32_t i = 0; i < mux->scg_limit; i++) {
        const struct simc__mux_scg *other = mux->scgs[i];
        if (other && !other->is_static && (!has_after || other->scg_id > after_scg_id) &&
            (!scg || other->scg_id < scg->scg_id))
            scg = other;
    }
    memset(plan, 0, sizeof *plan);
    if (!scg)
        return SIMC_EEND;
    plan->scg_id = scg->scg_id;
    plan->is_clear = !scg->is_on && !scg->is_waiting;
    plan->end_tick = scg->was_scrambled && plan->is_clear ? scg->end_tick : 0;
    if (scg->ahead_count > 0) {
        const struct simc__mux_change_of_period *last = &scg->ahead[scg->ahead_count - 1];
        plan->is_clear = last->is_clear;
        plan->end_tick = last->is_clear ? last->start_tick : 0;
    }
    plan->stream_count = scg->stream_count;
    for (unsigned i = 0; i < scg->stream_count; i++) {
        const struct simc__mux_player *player = &scg->players[i];
        plan->streams[i] = (struct simc__scs_mux_plan_stream){
            .stream = player->config.stream,
            .super_cas_id = player->config.super_cas_id,
            .ecm_id = player->config.ecm_id,
            .pid = player->pid,
        };
        put_windows(player, plan);
    }
    put_periods(scg, plan);
    return 0;
}

/* ---- announcement and timeline ---- */

/* The name of a service as UTF-8. */
static void name_of(const struct simc__mux *mux, const struct simc__mux_service *service,
                    char name[SIMC__MUX_NAME_SIZE])
{
    const struct simc__mux_service_config *row = simc__mux_service_row(mux, service);
    const struct simc__mux_program *program =
        simc__mux_program_find(mux->inputs[service->input], service->number);
    struct simc_descriptor descriptor;
    struct simc_service_descriptor known;
    name[0] = 0;
    if (row && row->name) {
        snprintf(name, SIMC__MUX_NAME_SIZE, "%s", row->name);
    } else if (program && program->has_sdt &&
               simc_descriptor_find(simc_slice(program->sdt, program->sdt_size),
                                    SIMC_DESCRIPTOR_SERVICE, &descriptor) == 0 &&
               simc_service_descriptor_read(descriptor.body, &known) == 0) {
        char text[1024];
        struct simc_writer out = simc_writer(text, sizeof text);
        simc_dvb_text(&out, known.name);
        size_t size = out.error ? 0 : out.at;
        if (size >= SIMC__MUX_NAME_SIZE) {
            /* Not in the middle of a character. */
            size = SIMC__MUX_NAME_SIZE - 1;
            while (size > 0 && ((uint8_t)text[size] & 0xc0) == 0x80)
                size--;
        }
        memcpy(name, text, size);
        name[size] = 0;
    }
}

void simc__mux_service_name(const struct simc__mux *mux, const struct simc__mux_service *service,
                            char name[SIMC__MUX_NAME_SIZE])
{
    name_of(mux, service, name);
}

int simc__mux_announce(const struct simc__mux *mux, struct simc__scs_mux_announce *announce)
{
    memset(announce, 0, sizeof *announce);
    snprintf(announce->name, sizeof announce->name, "%s", mux->config->name);
    announce->timeline_id = mux->config->timeline_id;
    announce->air_lead_ms = mux->config->air_lead_ms;
    announce->scg_limit = mux->scg_limit;
    announce->is_file = mux->config->is_file;
    if (mux->service_count == 0)
        return 0;
    announce->services = (struct simc__scs_mux_service *)simc_calloc(
        mux->service_count, sizeof(struct simc__scs_mux_service));
    if (!announce->services)
        return SIMC_ENOMEM;
    for (uint32_t i = 0; i < mux->service_count; i++) {
        const struct simc__mux_service *service = mux->services[i];
        if (!service->is_present)
            continue;
        struct simc__scs_mux_service *told = &announce->services[announce->service_count++];
        told->original_network_id = simc__mux_network_id(mux);
        told->transport_stream_id = simc__mux_ts_id(mux);
        told->service_id = service->service_id;
        told->pcr_pid = service->pcr_out;
        name_of(mux, service, told->name);
        told->component_count = service->component_count;
        for (unsigned c = 0; c < service->component_count; c++)
            told->components[c] = (struct simc__scs_mux_component){
                .pid = service->components[c].out, .stream_type = service->components[c].type};
    }
    return 0;
}

void simc__mux_timeline(const struct simc__mux *mux, uint64_t now_ns,
                        struct simc__scs_mux_timeline *timeline)
{
    memset(timeline, 0, sizeof *timeline);
    timeline->timeline_id = mux->config->timeline_id;
    timeline->monotonic_us = now_ns / 1000;
    if (!mux->config->is_file) {
        timeline->tick = mux->has_started ? simc__mux_tick(mux, now_ns) : 0;
        timeline->rate_hz = SIMC_PCR_HZ;
        return;
    }
    timeline->tick = mux->tick;
    timeline->horizon_tick =
        mux->is_ended ? mux->tick : mux->tick + simc__mux_ms(mux->config->horizon_ms);
    timeline->has_ended = mux->is_ended;
    timeline->rate_hz = 0;
}
