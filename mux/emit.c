/* SPDX-License-Identifier: BSL-1.0 */
/* What the engine inserts by itself: timers that are due make their items ready, and a slot
 * that is free for it takes a packet of the most urgent one. output.c calls both. */
#include <string.h>

#include "mux/internal.h"

enum { PCR_DEFAULT_MS = 35, SOURCE_GONE_MS = 1000 };

static uint64_t pcr_period(const struct simc__mux *mux)
{
    return simc__mux_ms(mux->config->psi.pcr_ms ? mux->config->psi.pcr_ms : PCR_DEFAULT_MS);
}

/* Each PCR that leaves only notes its tick; here the wait is prolonged by it. */
static void fire_pcr(struct simc__mux *mux, struct simc__mux_pcr *pcr, uint64_t tick)
{
    uint64_t due = pcr->last_tick + pcr_period(mux);
    if (!pcr->is_used || !pcr->has_last || tick - pcr->source_tick > simc__mux_ms(SOURCE_GONE_MS)) {
        /* No packets of the service: nothing to keep the clock of. The next PCR starts it again. */
        pcr->has_last = false;
        return;
    }
    if (due > tick) {
        simc__mux_timer_arm(mux, &pcr->item.timer, due);
        return;
    }
    pcr->item.grid_tick = due;
    simc__mux_item_ready(mux, &pcr->item, tick, 0);
}

void simc__mux_pcr_left(struct simc__mux *mux, struct simc__mux_pcr *pcr, uint64_t tick,
                        bool is_source)
{
    if (pcr->has_last && tick - pcr->last_tick > pcr->interval_max)
        pcr->interval_max = tick - pcr->last_tick;
    pcr->has_last = true;
    pcr->last_tick = tick;
    if (is_source)
        pcr->source_tick = tick;
    if (pcr->item.timer.at == 0 && pcr->item.place.at == 0)
        simc__mux_timer_arm(mux, &pcr->item.timer, tick + pcr_period(mux));
}

static bool emit_pcr(struct simc__mux *mux, struct simc__mux_pcr *pcr, uint64_t tick,
                     uint8_t *packet)
{
    uint64_t due = pcr->last_tick + pcr_period(mux);
    if (!pcr->is_used || pcr->clock == 0 || due > tick) {
        /* One of the input was faster. */
        if (pcr->is_used && pcr->has_last)
            simc__mux_timer_arm(mux, &pcr->item.timer, due > tick ? due : tick + 1);
        return false;
    }
    const struct simc__mux_input *input = mux->inputs[pcr->input];
    const struct simc__mux_clock *clock = &input->clocks[pcr->clock - 1];
    if (!clock->has_left)
        return false;
    memset(packet, 0xff, SIMC_TS_SIZE);
    packet[0] = SIMC_TS_SYNC;
    packet[1] = (uint8_t)(pcr->item.pid >> 8);
    packet[2] = (uint8_t)pcr->item.pid;
    packet[3] = (uint8_t)(0x20 | ((mux->outs[pcr->item.pid].cc - 1) & 0xf));
    packet[4] = 183;
    packet[5] = 0x10;
    simc_pcr_put(packet + 6, simc__mux_clock_pcr(clock, clock->left_base, clock->left_due, tick));
    mux->outs[pcr->item.pid].packets++;
    if (tick - due > pcr->item.late_max)
        pcr->item.late_max = tick - due;
    simc__mux_pcr_left(mux, pcr, tick, false);
    simc__mux_timer_arm(mux, &pcr->item.timer, tick + pcr_period(mux));
    return true;
}

void simc__mux_fire(struct simc__mux *mux, uint64_t tick)
{
    while (mux->next_tick <= tick) {
        struct simc__mux_timer *timer = mux->timers.timers[0];
        simc__mux_timer_stop(mux, timer);
        switch ((enum simc__mux_timer_kind)timer->kind) {
        case SIMC__MUX_TIMER_PERIOD:
            simc__mux_period_fire(mux, (struct simc__mux_scg *)timer, tick);
            break;
        case SIMC__MUX_TIMER_PLAYER:
            simc__mux_player_fire(mux, (struct simc__mux_player *)timer, tick);
            break;
        case SIMC__MUX_TIMER_PCR:
            fire_pcr(mux, (struct simc__mux_pcr *)timer, tick);
            break;
        case SIMC__MUX_TIMER_SECOND:
            simc__mux_second_fire(mux, tick);
            break;
        case SIMC__MUX_TIMER_TABLE:
            simc__mux_item_ready(mux, (struct simc__mux_item *)timer, tick, 0);
            break;
        case SIMC__MUX_TIMER_SOURCE:
            /* A fast one is late soon. What a thousand slow ones have at once must not delay it. */
            simc__mux_item_ready(mux, (struct simc__mux_item *)timer, tick,
                                 ((struct simc__mux_source *)timer)->interval);
            break;
        }
    }
}

bool simc__mux_emit(struct simc__mux *mux, uint64_t tick, uint8_t *packet)
{
    struct simc__mux_item *item = simc__mux_item_take(mux);
    bool has_packet = false;
    enum simc__mux_class class_index = SIMC__MUX_CLASS_PSI;
    switch ((enum simc__mux_timer_kind)item->timer.kind) {
    case SIMC__MUX_TIMER_PLAYER:
        has_packet = simc__mux_player_emit(mux, (struct simc__mux_player *)item, tick, packet);
        class_index = SIMC__MUX_CLASS_ECM;
        break;
    case SIMC__MUX_TIMER_TABLE:
        has_packet = simc__mux_table_emit(mux, (struct simc__mux_table *)item, tick, packet);
        break;
    case SIMC__MUX_TIMER_PCR:
        has_packet = emit_pcr(mux, (struct simc__mux_pcr *)item, tick, packet);
        class_index = SIMC__MUX_CLASS_PCR;
        break;
    case SIMC__MUX_TIMER_SOURCE:
        has_packet = simc__mux_source_emit(mux, (struct simc__mux_source *)item, tick, packet);
        class_index = ((struct simc__mux_source *)item)->is_relay ? SIMC__MUX_CLASS_PSI
                                                                  : SIMC__MUX_CLASS_SOURCE;
        break;
    case SIMC__MUX_TIMER_PERIOD:
    case SIMC__MUX_TIMER_SECOND:
        break; /* They are no items. */
    }
    if (!has_packet)
        return false;
    mux->classes[class_index]++;
    if (class_index == SIMC__MUX_CLASS_PCR)
        return true;
    struct simc__mux_out *out = &mux->outs[item->pid];
    simc_ts_set_pid(packet, item->pid);
    if (packet[3] & 0x10)
        packet[3] = (uint8_t)((packet[3] & 0xf0) | out->cc++);
    else
        packet[3] = (uint8_t)((packet[3] & 0xf0) | ((out->cc - 1) & 0xf));
    out->cc &= 0xf;
    out->packets++;
    return true;
}
