/* SPDX-License-Identifier: BSL-1.0 */
/* An ECM stream on its PID: of the windows that were ordered it plays the newest that has begun, on
 * a grid that begins with the window and never slips. emit.c brings the time, orders.c the windows.
 */
#include <string.h>

#include "mux/internal.h"

enum { ALARM_MS = 10000 };

static struct simc__mux_ecm *ecm_of(struct simc__mux_player *player, uint16_t cp)
{
    struct simc__mux_ecm *ecm = &player->ecms[cp % SIMC__SCS_MUX_WORDS_KEPT];
    return ecm->is_used && ecm->cp == cp ? ecm : NULL;
}

/* The next tick at which something is to be done. */
static void arm(struct simc__mux *mux, struct simc__mux_player *player, uint64_t packet_tick)
{
    uint64_t tick = packet_tick;
    const struct simc__mux_window *windows = player->windows;
    if (player->window_count > 0) {
        uint64_t change = player->is_on ? windows[0].stop_tick : windows[0].start_tick;
        tick = change < tick ? change : tick;
    }
    if (player->window_count > 1 && windows[1].start_tick < tick)
        tick = windows[1].start_tick;
    simc__mux_timer_arm(mux, &player->item.timer, tick);
}

static void report(struct simc__mux *mux, const struct simc__mux_player *player,
                   enum simc__scs_mux_report_type type, uint64_t tick, uint64_t late_ticks)
{
    struct simc__scs_mux_report report = {
        .type = type,
        .scg_id = player->scg->scg_id,
        .stream = player->config.stream,
        .order = type == SIMC__SCS_MUX_REPORT_LATE ? SIMC__SCS_MUX_ORDER_WINDOW : 0,
        .cp = player->windows[0].cp,
        .count = player->sent,
        .tick = tick,
        .late_ticks = late_ticks,
    };
    simc__mux_report(mux, &report);
}

static void close_window(struct simc__mux *mux, struct simc__mux_player *player)
{
    if (player->is_on && player->has_sent)
        report(mux, player, SIMC__SCS_MUX_REPORT_ECM_LAST, player->last_tick, 0);
    player->is_on = false;
    player->item.packet_at = 0;
    player->window_count--;
    memmove(&player->windows[0], &player->windows[1],
            player->window_count * sizeof player->windows[0]);
    simc__mux_item_stop(mux, &player->item);
}

static void open_window(struct simc__mux *mux, struct simc__mux_player *player, uint64_t tick)
{
    const struct simc__mux_window *window = &player->windows[0];
    player->is_on = true;
    player->has_sent = false;
    player->sent = 0;
    player->item.packet_at = 0;
    player->item.grid_tick = window->start_tick;
    if (window->ordered_tick == window->start_tick)
        return;
    uint64_t late = tick - window->ordered_tick;
    report(mux, player, SIMC__SCS_MUX_REPORT_LATE, tick, late);
    simc__mux_alarm_raise(
        mux,
        simc__mux_alarm_of_scg(SIMC__SCS_MUX_ALARM_LATE, player->scg->scg_id,
                               player->config.stream),
        ALARM_MS, "the ECM of CP %u, stream %u of SCG %u, was ordered %llu ms after its start",
        window->cp, player->config.stream, player->scg->scg_id,
        (unsigned long long)(late / SIMC__MUX_TICKS_PER_MS));
}

/* Windows that begin and end by now. */
static void turn(struct simc__mux *mux, struct simc__mux_player *player, uint64_t tick)
{
    for (;;) {
        bool is_replaced = player->window_count > 1 && player->windows[1].start_tick <= tick;
        bool is_over = player->window_count > 0 && player->windows[0].stop_tick <= tick;
        if (!is_replaced && !is_over)
            break;
        close_window(mux, player);
    }
    if (!player->is_on && player->window_count > 0 && player->windows[0].start_tick <= tick)
        open_window(mux, player, tick);
}

void simc__mux_player_fire(struct simc__mux *mux, struct simc__mux_player *player, uint64_t tick)
{
    bool was_on = player->is_on;
    turn(mux, player, tick);
    if (!player->is_on) {
        if (was_on && player->window_count == 0)
            simc__mux_scg_signal(mux, player->scg);
        arm(mux, player, SIMC__MUX_NEVER);
        return;
    }
    struct simc__mux_alarm_key key = simc__mux_alarm_of_scg(
        SIMC__SCS_MUX_ALARM_NO_ECM, player->scg->scg_id, player->config.stream);
    if (!ecm_of(player, player->windows[0].cp)) {
        simc__mux_alarm_raise(mux, key, 0,
                              "CP %u, stream %u of SCG %u has no ECM, although its window is open",
                              player->windows[0].cp, player->config.stream, player->scg->scg_id);
        arm(mux, player, SIMC__MUX_NEVER);
        return;
    }
    simc__mux_alarm_clear(mux, key);
    /* Between the packets of a long ECM the wait is that for the next packet. */
    bool is_next = player->item.packet_at > 0 || player->item.grid_tick <= tick;
    if (is_next)
        simc__mux_item_ready(mux, &player->item, tick, 0);
    arm(mux, player, player->item.place.at ? SIMC__MUX_NEVER : player->item.grid_tick);
}

bool simc__mux_player_emit(struct simc__mux *mux, struct simc__mux_player *player, uint64_t tick,
                           uint8_t *packet)
{
    struct simc__mux_item *item = &player->item;
    if (!player->is_on || player->windows[0].stop_tick <= tick)
        return false;
    const struct simc__mux_ecm *ecm = ecm_of(player, player->windows[0].cp);
    if (!ecm || item->packet_at >= ecm->packet_count)
        return false;
    memcpy(packet, ecm->packets + (size_t)item->packet_at * SIMC_TS_SIZE, SIMC_TS_SIZE);
    if (item->packet_at == 0 && tick - item->grid_tick > item->late_max)
        item->late_max = tick - item->grid_tick;
    player->last_tick = tick;
    if (!player->has_sent) {
        player->has_sent = true;
        report(mux, player, SIMC__SCS_MUX_REPORT_ECM_FIRST, tick, 0);
    }
    if (++item->packet_at < ecm->packet_count) {
        arm(mux, player, tick + SIMC__MUX_SPACING);
        return true;
    }
    item->packet_at = 0;
    player->sent++;
    player->sent_total++;
    mux->counters[SIMC__MUX_COUNTER_ECM_SENT]++;
    item->grid_tick += player->windows[0].period;
    if (item->grid_tick <= tick) {
        uint64_t missed = (tick - item->grid_tick) / player->windows[0].period + 1;
        item->grid_tick += missed * player->windows[0].period;
        item->missed += (uint32_t)missed;
        player->missed_total += missed;
        mux->counters[SIMC__MUX_COUNTER_ECM_MISSED] += missed;
    }
    arm(mux, player, item->grid_tick);
    return true;
}

void simc__mux_player_stop(struct simc__mux *mux, struct simc__mux_player *player, bool is_told)
{
    while (is_told && player->window_count > 0)
        close_window(mux, player);
    player->window_count = 0;
    player->is_on = false;
    simc__mux_item_stop(mux, &player->item);
}

void simc__mux_player_fini(struct simc__mux *mux, struct simc__mux_player *player)
{
    simc__mux_player_stop(mux, player, false);
    for (unsigned i = 0; i < SIMC__SCS_MUX_WORDS_KEPT; i++)
        simc_free(player->ecms[i].packets);
    memset(player->ecms, 0, sizeof player->ecms);
}

/* ---- orders ---- */

/* The packets of a datagram. @return as simc__mux_order(); SIMC_EPROTO: it is none. */
static int pack(struct simc_slice datagram, bool is_ts, uint8_t **packets, uint32_t *count)
{
    struct simc_writer out = simc_writer(NULL, 0);
    uint8_t cc = 0;
    if (is_ts) {
        if (datagram.size == 0 || datagram.size % SIMC_TS_SIZE != 0 ||
            datagram.size > SIMC__SCS_MUX_DATAGRAM_MAX)
            return SIMC_EPROTO;
        for (size_t at = 0; at < datagram.size; at += SIMC_TS_SIZE)
            if (!simc_ts_valid(datagram.data + at) || simc_ts_tsc(datagram.data + at) != 0)
                return SIMC_EPROTO;
        out.at = datagram.size;
    } else if (simc_sections_pack(&datagram, 1, SIMC_SECTIONS_APART, SIMC_PID_FREE, &cc, &out) !=
               SIMC_ENOSPC) {
        return SIMC_EPROTO;
    }
    size_t size = out.at;
    *packets = (uint8_t *)simc_alloc(size);
    if (!*packets)
        return SIMC_ENOMEM;
    *count = (uint32_t)(size / SIMC_TS_SIZE);
    if (is_ts) {
        memcpy(*packets, datagram.data, size);
        return 0;
    }
    out = simc_writer(*packets, size);
    int error = simc_sections_pack(&datagram, 1, SIMC_SECTIONS_APART, SIMC_PID_FREE, &cc, &out);
    if (error)
        simc_free(*packets);
    return error;
}

int simc__mux_ecm_order(struct simc__mux *mux, struct simc__mux_player *player,
                        const struct simc__scs_mux_order *order)
{
    struct simc__mux_scg *scg = player->scg;
    struct simc__mux_alarm_key key =
        simc__mux_alarm_of_scg(SIMC__SCS_MUX_ALARM_BAD_ECM, scg->scg_id, player->config.stream);
    uint8_t *packets;
    uint32_t count;
    int error = pack(order->datagram, order->is_ts, &packets, &count);
    if (error == SIMC_EPROTO) {
        mux->counters[SIMC__MUX_COUNTER_ORDERS_REFUSED]++;
        simc__mux_alarm_raise(mux, key, ALARM_MS,
                              "the ECM of CP %u, stream %u of SCG %u (%zu bytes) is no %s",
                              order->cp, player->config.stream, scg->scg_id, order->datagram.size,
                              order->is_ts ? "run of clear TS packets" : "section");
        return 0;
    }
    if (error)
        return error;
    struct simc__mux_ecm *ecm = &player->ecms[order->cp % SIMC__SCS_MUX_WORDS_KEPT];
    size_t held = (size_t)ecm->packet_count * SIMC_TS_SIZE;
    size_t size = (size_t)count * SIMC_TS_SIZE;
    if (scg->ecm_bytes - held + size > mux->config->ecm_bytes_limit) {
        simc_free(packets);
        return SIMC_EFULL;
    }
    scg->ecm_bytes = scg->ecm_bytes - held + size;
    simc_free(ecm->packets);
    *ecm = (struct simc__mux_ecm){
        .is_used = true, .cp = order->cp, .packet_count = count, .packets = packets};
    if (player->is_on && player->windows[0].cp == order->cp) {
        /* What is being sent begins anew, or begins at last. */
        player->item.packet_at = 0;
        if (player->item.grid_tick < mux->tick && !player->has_sent)
            player->item.grid_tick = mux->tick;
        simc__mux_player_fire(mux, player, mux->tick);
    }
    return 0;
}

static void note_late(struct simc__mux *mux, struct simc__mux_player *player,
                      const struct simc__scs_mux_order *order, bool is_older)
{
    mux->counters[SIMC__MUX_COUNTER_ORDERS_LATE]++;
    if (order->stop_tick > mux->tick && !is_older)
        return; /* open_window() tells it. */
    struct simc__scs_mux_report late = {
        .type = SIMC__SCS_MUX_REPORT_LATE,
        .scg_id = player->scg->scg_id,
        .stream = player->config.stream,
        .order = SIMC__SCS_MUX_ORDER_WINDOW,
        .cp = order->cp,
        .tick = mux->tick,
        .late_ticks = mux->tick - order->start_tick,
    };
    simc__mux_report(mux, &late);
}

int simc__mux_window_order(struct simc__mux *mux, struct simc__mux_player *player,
                           const struct simc__scs_mux_order *order)
{
    if (order->repetition_ms == 0 || order->start_tick == SIMC__SCS_MUX_OPEN ||
        order->stop_tick <= order->start_tick)
        return SIMC_EINVAL;
    uint64_t period = simc__mux_ms(order->repetition_ms);
    for (uint32_t i = 0; i < player->window_count; i++) {
        struct simc__mux_window *known = &player->windows[i];
        if (known->cp != order->cp || known->ordered_tick != order->start_tick)
            continue;
        known->stop_tick =
            order->stop_tick > known->start_tick ? order->stop_tick : known->start_tick;
        if (i == 0 && player->is_on && known->period != period && player->item.packet_at == 0 &&
            player->item.grid_tick > mux->tick)
            player->item.grid_tick = player->item.grid_tick - known->period + period;
        known->period = period;
        simc__mux_player_fire(mux, player, mux->tick);
        return 0;
    }
    struct simc__mux_window window = {
        .cp = order->cp,
        .start_tick = order->start_tick,
        .ordered_tick = order->start_tick,
        .stop_tick = order->stop_tick,
        .period = period,
    };
    if (simc__mux_is_late(mux, order->start_tick)) {
        /* One that is older than what is on air stays behind it. */
        bool is_older = player->is_on && player->windows[0].ordered_tick > order->start_tick;
        note_late(mux, player, order, is_older);
        if (is_older || order->stop_tick <= mux->tick)
            return 0;
        window.start_tick = mux->tick;
    }
    if (player->window_count == SIMC__MUX_WINDOWS)
        return SIMC_EFULL;
    uint32_t at = player->window_count;
    uint32_t first = player->is_on ? 1 : 0;
    while (at > first && player->windows[at - 1].start_tick > window.start_tick)
        at--;
    memmove(&player->windows[at + 1], &player->windows[at],
            (player->window_count - at) * sizeof window);
    player->windows[at] = window;
    player->window_count++;
    simc__mux_player_fire(mux, player, mux->tick);
    return 0;
}
