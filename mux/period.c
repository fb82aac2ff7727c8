/* SPDX-License-Identifier: BSL-1.0 */
/* The crypto periods of an SCG: control words that are kept, changes that are ordered ahead, and
 * the change itself, at the packet. orders.c brings the orders, emit.c the time. */
#include <string.h>

#include "mux/internal.h"

enum { LATE_ALARM_MS = 10000 };

static struct simc__mux_word *word_of(struct simc__mux_scg *scg, uint16_t cp)
{
    struct simc__mux_word *word = &scg->words[cp % SIMC__SCS_MUX_WORDS_KEPT];
    return word->is_used && word->cp == cp ? word : NULL;
}

void simc__mux_period_arm(struct simc__mux *mux, struct simc__mux_scg *scg)
{
    uint64_t tick = SIMC__MUX_NEVER;
    if (scg->is_static && scg->static_period > 0)
        tick = scg->start_tick + scg->static_period;
    else if (scg->ahead_count > 0)
        tick = scg->ahead[0].start_tick;
    simc__mux_timer_arm(mux, &scg->timer, tick);
}

void simc__mux_scg_signal(struct simc__mux *mux, struct simc__mux_scg *scg)
{
    bool is_signalled = scg->is_static || scg->is_on || scg->is_waiting || scg->ahead_count > 0;
    for (unsigned i = 0; i < scg->stream_count; i++)
        is_signalled = is_signalled || scg->players[i].window_count > 0;
    if (is_signalled != scg->is_signalled)
        mux->is_psi_due = true;
    scg->is_signalled = is_signalled;
}

/* ---- the change ---- */

static void report_late(struct simc__mux *mux, struct simc__mux_scg *scg,
                        const struct simc__mux_change_of_period *change, uint64_t tick)
{
    enum simc__scs_mux_order_type type =
        change->is_clear ? SIMC__SCS_MUX_ORDER_CLEAR : SIMC__SCS_MUX_ORDER_PERIOD;
    struct simc__scs_mux_report report = {
        .type = SIMC__SCS_MUX_REPORT_LATE,
        .scg_id = scg->scg_id,
        .parity = change->parity,
        .order = (uint8_t)type,
        .cp = change->cp,
        .tick = tick,
        .late_ticks = tick - change->ordered_tick,
    };
    simc__mux_report(mux, &report);
    simc__mux_alarm_raise(
        mux, simc__mux_alarm_of_scg(SIMC__SCS_MUX_ALARM_LATE, scg->scg_id, SIMC__MUX_STREAM_NONE),
        LATE_ALARM_MS, "%s of SCG %u, CP %u, came %llu ms after its start",
        change->is_clear ? "the end of scrambling" : "a crypto period", scg->scg_id, change->cp,
        (unsigned long long)(report.late_ticks / SIMC__MUX_TICKS_PER_MS));
}

/* The key of a parity. Packets of this block that wait for the old one are scrambled first. */
static bool set_key(struct simc__mux *mux, struct simc__mux_scg *scg, uint8_t parity,
                    const struct simc_secret *cw)
{
    if (scg->jobs & 1u << parity)
        simc__mux_scramble_jobs(mux);
    return simc_scrambler_key_set(mux->scrambler, scg->index,
                                  parity ? SIMC_PARITY_ODD : SIMC_PARITY_EVEN, scg->algorithm,
                                  cw) == 0;
}

static void end_scrambling(struct simc__mux *mux, struct simc__mux_scg *scg, uint64_t tick)
{
    bool was_on = scg->is_on;
    scg->is_on = false;
    scg->is_waiting = false;
    scg->end_tick = tick;
    if (scg->jobs)
        simc__mux_scramble_jobs(mux);
    simc_scrambler_key_wipe(mux->scrambler, scg->index, SIMC_PARITY_EVEN);
    simc_scrambler_key_wipe(mux->scrambler, scg->index, SIMC_PARITY_ODD);
    if (!was_on)
        return;
    simc__mux_hold(mux);
    scg->report = SIMC__SCS_MUX_REPORT_CLEAR + 1;
    /* There will be no first packet to tell it of. */
    if (simc__mux_scg_is_held(mux, scg))
        simc__mux_period_first(mux, scg, tick);
}

static void begin_period(struct simc__mux *mux, struct simc__mux_scg *scg,
                         const struct simc__mux_change_of_period *change, uint64_t tick)
{
    struct simc__mux_word *word = word_of(scg, change->cp);
    struct simc__mux_alarm_key key =
        simc__mux_alarm_of_scg(SIMC__SCS_MUX_ALARM_NO_WORD, scg->scg_id, SIMC__MUX_STREAM_NONE);
    if (!word || !set_key(mux, scg, change->parity, &word->cw)) {
        simc__mux_alarm_raise(mux, key, 0,
                              "CP %u of SCG %u was to begin without a usable control word; %s %u",
                              change->cp, scg->scg_id,
                              scg->is_on ? "the packets stay in CP" : "the packets stay clear, CP",
                              scg->is_on ? scg->cp : change->cp);
        scg->is_waiting = true;
        scg->waiting = *change;
        return;
    }
    bool was_on = scg->is_on;
    if (was_on)
        scg->length = tick - scg->start_tick;
    scg->is_on = true;
    scg->is_waiting = false;
    scg->was_scrambled = true;
    mux->was_scrambled = true;
    if (!was_on)
        simc__mux_hold(mux);
    scg->cp = change->cp;
    scg->parity = change->parity;
    scg->start_tick = tick;
    scg->report = SIMC__SCS_MUX_REPORT_PERIOD + 1;
    word->start_tick = change->start_tick;
    mux->counters[SIMC__MUX_COUNTER_PERIODS]++;
    simc__mux_alarm_clear(mux, key);
    simc__mux_alarm_clear(mux, simc__mux_alarm_of_scg(SIMC__SCS_MUX_ALARM_STRETCHED, scg->scg_id,
                                                      SIMC__MUX_STREAM_NONE));
    if (change->is_late)
        report_late(mux, scg, change, tick);
}

static void toggle_static(struct simc__mux *mux, struct simc__mux_scg *scg, uint64_t tick)
{
    scg->start_tick += scg->static_period;
    scg->cp++;
    scg->parity = scg->cp & 1;
    scg->report = 0;
    mux->counters[SIMC__MUX_COUNTER_PERIODS]++;
    if (scg->start_tick + scg->static_period <= tick)
        scg->start_tick = tick;
}

void simc__mux_period_fire(struct simc__mux *mux, struct simc__mux_scg *scg, uint64_t tick)
{
    if (scg->is_static && scg->static_period > 0)
        toggle_static(mux, scg, tick);
    while (scg->ahead_count > 0 && scg->ahead[0].start_tick <= tick) {
        struct simc__mux_change_of_period change = scg->ahead[0];
        scg->ahead_count--;
        memmove(&scg->ahead[0], &scg->ahead[1], scg->ahead_count * sizeof scg->ahead[0]);
        /* Of several that came too late only the last one is on air. */
        if (scg->ahead_count > 0 && scg->ahead[0].start_tick <= tick)
            continue;
        if (change.is_clear) {
            end_scrambling(mux, scg, tick);
            if (change.is_late)
                report_late(mux, scg, &change, tick);
        } else {
            begin_period(mux, scg, &change, tick);
        }
    }
    simc__mux_period_arm(mux, scg);
    simc__mux_scg_signal(mux, scg);
}

void simc__mux_period_first(struct simc__mux *mux, struct simc__mux_scg *scg, uint64_t tick)
{
    struct simc__scs_mux_report report = {
        .type = (enum simc__scs_mux_report_type)(scg->report - 1),
        .scg_id = scg->scg_id,
        .parity = scg->parity,
        .cp = scg->cp,
        .tick = tick,
    };
    scg->report = 0;
    simc__mux_report(mux, &report);
}

/* ---- orders ---- */

int simc__mux_word_order(struct simc__mux *mux, struct simc__mux_scg *scg,
                         const struct simc__scs_mux_order *order)
{
    const struct simc_scrambling_info *info = simc_scrambling_info(scg->algorithm);
    struct simc__mux_word *word = &scg->words[order->cp % SIMC__SCS_MUX_WORDS_KEPT];
    struct simc__mux_alarm_key key =
        simc__mux_alarm_of_scg(SIMC__SCS_MUX_ALARM_OTHER_WORD, scg->scg_id, SIMC__MUX_STREAM_NONE);
    if (order->cw.size != info->cw_size)
        return SIMC_EINVAL;
    if (word->is_used && word->cp == order->cp) {
        if (simc_secret_equal(&word->cw, &order->cw))
            return 0;
        mux->counters[SIMC__MUX_COUNTER_ORDERS_REFUSED]++;
        simc__mux_alarm_raise(mux, key, LATE_ALARM_MS,
                              "CP %u of SCG %u has a control word already, and another one was "
                              "ordered; the first one stays",
                              order->cp, scg->scg_id);
        return 0;
    }
    simc_secret_wipe(&word->cw);
    word->is_used = true;
    word->cp = order->cp;
    word->start_tick = SIMC__SCS_MUX_OPEN;
    word->cw = order->cw;
    if (scg->is_waiting && scg->waiting.cp == order->cp) {
        struct simc__mux_change_of_period change = scg->waiting;
        if (!change.is_late)
            change.ordered_tick = change.start_tick;
        change.is_late = true;
        begin_period(mux, scg, &change, mux->tick);
    }
    return 0;
}

int simc__mux_period_order(struct simc__mux *mux, struct simc__mux_scg *scg,
                           const struct simc__scs_mux_order *order)
{
    struct simc__mux_change_of_period change = {
        .start_tick = order->start_tick,
        .ordered_tick = order->start_tick,
        .cp = order->cp,
        .parity = order->parity,
        .is_clear = order->type == SIMC__SCS_MUX_ORDER_CLEAR,
    };
    if (order->parity > 1 || order->start_tick == SIMC__SCS_MUX_OPEN)
        return SIMC_EINVAL;
    if (simc__mux_is_late(mux, order->start_tick)) {
        mux->counters[SIMC__MUX_COUNTER_ORDERS_LATE]++;
        bool is_over = scg->is_on && scg->start_tick >= order->start_tick;
        if (is_over && scg->cp == order->cp && !change.is_clear)
            return 0; /* It is on air: an order that was sent twice. */
        if (is_over) {
            report_late(mux, scg, &change, mux->tick);
            return 0;
        }
        change.is_late = true;
        change.start_tick = mux->tick;
    }
    uint32_t at = scg->ahead_count;
    while (at > 0 && scg->ahead[at - 1].start_tick > change.start_tick)
        at--;
    bool replaces = at > 0 && scg->ahead[at - 1].start_tick == change.start_tick &&
                    scg->ahead[at - 1].ordered_tick == change.ordered_tick;
    if (replaces) {
        scg->ahead[at - 1] = change;
    } else {
        /* Of those that are late at once, the order of their own starts decides. */
        while (at > 0 && scg->ahead[at - 1].start_tick == change.start_tick &&
               scg->ahead[at - 1].ordered_tick > change.ordered_tick)
            at--;
        if (scg->ahead_count == SIMC__MUX_PERIODS_AHEAD)
            return SIMC_EFULL;
        memmove(&scg->ahead[at + 1], &scg->ahead[at],
                (scg->ahead_count - at) * sizeof scg->ahead[0]);
        scg->ahead[at] = change;
        scg->ahead_count++;
    }
    struct simc__mux_word *word = change.is_clear ? NULL : word_of(scg, change.cp);
    if (word)
        word->start_tick = order->start_tick;
    simc__mux_period_arm(mux, scg);
    return 0;
}
