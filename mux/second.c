/* SPDX-License-Identifier: BSL-1.0 */
/* What the engine looks at once a second of its timeline: rates, inputs that are silent, and
 * everything that found no room. emit.c calls it. */
#include "mux/internal.h"

enum {
    CALM_S = 5, /* an alarm is over after so many seconds without its reason */
    ERROR_ALARM_MS = 5000,
    CLOCK_WAIT_MS = 2000,
    SERVICE_WAIT_MS = 2000,
    PSI_SECONDS = 5, /* the tables are looked at anew at the start */
    STRETCHED_PERCENT = 150,
};

static void look_at_input(struct simc__mux *mux, struct simc__mux_input *input, uint64_t tick)
{
    uint64_t *counters = input->counters;
    uint64_t lost = counters[SIMC__MUX_INPUT_LOST_COUNT] + counters[SIMC__MUX_INPUT_BAD_COUNT];
    uint64_t dropped = counters[SIMC__MUX_INPUT_DROPPED_COUNT];
    const char *name = input->config.name;
    uint64_t packets = counters[SIMC__MUX_INPUT_PACKETS_COUNT];
    input->bitrate = (packets - input->packets_before) * SIMC_TS_SIZE * 8;
    input->packets_before = packets;
    uint64_t silent =
        mux->live_tick > input->arrival_tick ? mux->live_tick - input->arrival_tick : 0;
    if (!mux->config->is_file && silent > simc__mux_ms(input->config.loss_ms) &&
        input->state != SIMC__MUX_INPUT_LOST) {
        if (input->state == SIMC__MUX_INPUT_RUNNING)
            counters[SIMC__MUX_INPUT_LOSSES_COUNT]++;
        input->state = SIMC__MUX_INPUT_LOST;
    }
    if (input->state == SIMC__MUX_INPUT_LOST)
        simc__mux_alarm_raise(mux,
                              simc__mux_alarm_of_input(SIMC__MUX_ALARM_INPUT_LOST, input->index), 0,
                              "input \"%s\" has been silent for %llu s", name,
                              (unsigned long long)(silent / SIMC__MUX_SECOND));
    if (lost > input->lost_before)
        simc__mux_alarm_raise(
            mux, simc__mux_alarm_of_input(SIMC__MUX_ALARM_INPUT_ERRORS, input->index),
            ERROR_ALARM_MS, "input \"%s\" had %llu missing or damaged packets in the last second",
            name, (unsigned long long)(lost - input->lost_before));
    if (dropped > input->dropped_before)
        simc__mux_alarm_raise(
            mux, simc__mux_alarm_of_input(SIMC__MUX_ALARM_BUFFER_FULL, input->index),
            ERROR_ALARM_MS,
            "the buffer of input \"%s\" (%llu packets) was full, %llu packets were dropped in the "
            "last second",
            name, (unsigned long long)(input->mask + 1),
            (unsigned long long)(dropped - input->dropped_before));
    if (input->late_drops > 0)
        simc__mux_alarm_raise(
            mux, simc__mux_alarm_of_input(SIMC__MUX_ALARM_RATE_EXCEEDED, input->index),
            ERROR_ALARM_MS,
            "%llu packets of input \"%s\" (%llu bit/s) found no place in the last second; the "
            "output has %llu bit/s",
            (unsigned long long)input->late_drops, name, (unsigned long long)input->bitrate,
            (unsigned long long)mux->config->bitrate);
    bool has_no_clock = input->state == SIMC__MUX_INPUT_RUNNING && !input->has_step &&
                        tick > simc__mux_ms(CLOCK_WAIT_MS) &&
                        input->config.timing == SIMC__MUX_TIMING_PCR;
    if (has_no_clock)
        simc__mux_alarm_raise(mux, simc__mux_alarm_of_input(SIMC__MUX_ALARM_NO_CLOCK, input->index),
                              ERROR_ALARM_MS,
                              "input \"%s\" has no usable PCR; its packets are dropped. Give it a "
                              "bit rate, or time it by arrival",
                              name);
    counters[SIMC__MUX_INPUT_LATE_COUNT] += input->late_drops;
    input->lost_before = lost;
    input->dropped_before = dropped;
    input->late_drops = 0;
    input->buffered_max_before = input->buffered_max;
    input->buffered_max = (uint32_t)(input->write - input->read);
    /* A place in the far future can only come from a clock that was nonsense. */
    bool is_astray = !mux->config->is_file && input->head_due != SIMC__MUX_NEVER &&
                     input->head_due > mux->live_tick + simc__mux_ms(input->config.delay_ms) +
                                           10 * SIMC__MUX_SECOND;
    if (is_astray) {
        counters[SIMC__MUX_INPUT_DROPPED_COUNT] += input->write - input->read;
        input->read = input->timed = input->write;
        input->segment_read = input->segment_write;
        input->head_due = SIMC__MUX_NEVER;
        input->has_step = false;
        input->has_open = false;
        input->open_tick = 0;
        input->reference = 0;
        input->has_first = false;
        for (uint32_t i = 0; i < input->clock_count; i++)
            input->clocks[i].is_broken = true;
    }
}

static void look_at_player(struct simc__mux *mux, struct simc__mux_player *player, uint64_t tick)
{
    struct simc__mux_item *item = &player->item;
    uint64_t period = player->window_count > 0 ? player->windows[0].period : 0;
    bool waits = item->place.at != 0 && player->is_on && tick - item->ready_tick > period;
    struct simc__mux_alarm_key key = simc__mux_alarm_of_scg(
        SIMC__SCS_MUX_ALARM_NO_ROOM, player->scg->scg_id, player->config.stream);
    if (item->missed > 0 || waits)
        simc__mux_alarm_raise(
            mux, key, CALM_S * 1000,
            "ECMs on PID 0x%04x (SCG %u, stream %u, every %llu ms) find no room: %u repetitions "
            "left out in the last second, the last one waits %llu ms; %llu null packets in that "
            "second",
            player->pid, player->scg->scg_id, player->config.stream,
            (unsigned long long)(period / SIMC__MUX_TICKS_PER_MS), item->missed,
            (unsigned long long)(waits ? (tick - item->ready_tick) / SIMC__MUX_TICKS_PER_MS : 0),
            (unsigned long long)(mux->bitrates[SIMC__MUX_CLASS_NULLS] / (SIMC_TS_SIZE * 8)));
    item->missed = 0;
    item->late_max = 0;
}

static void look_at_scg(struct simc__mux *mux, struct simc__mux_scg *scg, uint64_t tick)
{
    for (unsigned i = 0; i < scg->stream_count; i++)
        look_at_player(mux, &scg->players[i], tick);
    if (tick > simc__mux_ms(SERVICE_WAIT_MS))
        simc__mux_scg_tell_gone(mux, scg);
    uint64_t length = tick > scg->start_tick ? tick - scg->start_tick : 0;
    struct simc__mux_alarm_key key =
        simc__mux_alarm_of_scg(SIMC__SCS_MUX_ALARM_STRETCHED, scg->scg_id, SIMC__MUX_STREAM_NONE);
    bool is_stretched = scg->is_on && !scg->is_static && !mux->is_connected && scg->length > 0 &&
                        scg->ahead_count == 0 && length > scg->length / 100 * STRETCHED_PERCENT;
    if (is_stretched)
        simc__mux_alarm_raise(mux, key, 0,
                              "CP %u of SCG %u lasts %llu s already, the one before had %llu s, "
                              "and the SCS is away",
                              scg->cp, scg->scg_id, (unsigned long long)(length / SIMC__MUX_SECOND),
                              (unsigned long long)(scg->length / SIMC__MUX_SECOND));
    else if (mux->is_connected || !scg->is_on)
        simc__mux_alarm_clear(mux, key);
}

/* @return repetitions that found no room. */
static uint32_t look_at_item(struct simc__mux_item *item, uint64_t tick, uint64_t period)
{
    uint32_t missed = item->missed;
    if (item->place.at != 0 && tick - item->ready_tick > period + SIMC__MUX_SECOND / 10)
        missed++;
    item->missed = 0;
    item->late_max = 0;
    return missed;
}

static void look_at_tables(struct simc__mux *mux, uint64_t tick)
{
    uint32_t missed = look_at_item(&mux->pat.item, tick, mux->pat.period) +
                      look_at_item(&mux->cat.item, tick, mux->cat.period) +
                      look_at_item(&mux->sdt.item, tick, mux->sdt.period);
    for (uint32_t i = 0; i < mux->service_count; i++)
        missed += look_at_item(&mux->services[i]->pmt.item, tick, mux->services[i]->pmt.period);
    for (uint32_t i = 0; i < mux->service_limit; i++) {
        struct simc__mux_pcr *pcr = mux->pcrs[i];
        pcr->interval_max_before = pcr->interval_max;
        pcr->interval_max = 0;
        if (pcr->is_used)
            missed += look_at_item(&pcr->item, tick, SIMC__MUX_SECOND / 10);
    }
    if (missed > 0)
        simc__mux_alarm_raise(
            mux, simc__mux_alarm_of(SIMC__MUX_ALARM_PSI_LATE), CALM_S * 1000,
            "%u repetitions of tables found no room in the last second; %llu "
            "null packets in that second",
            missed,
            (unsigned long long)(mux->bitrates[SIMC__MUX_CLASS_NULLS] / (SIMC_TS_SIZE * 8)));
}

static void look_at_sources(struct simc__mux *mux, uint64_t tick)
{
    for (uint32_t i = 0; i < SIMC__MUX_SOURCES_MAX; i++) {
        struct simc__mux_source *source = mux->sources[i];
        if (!source)
            continue;
        uint64_t late = source->status.late - source->late_before;
        bool waits =
            source->item.place.at != 0 && tick - source->item.ready_tick > SIMC__MUX_SECOND;
        source->late_before = source->status.late;
        if (late > 0 || waits)
            simc__mux_alarm_raise(
                mux, simc__mux_alarm_of(SIMC__MUX_ALARM_SOURCE_LATE), CALM_S * 1000,
                "source \"%s\" on PID 0x%04x (%llu bit/s) finds no room: %llu "
                "packets late in the last second, %u wait",
                source->config.name, source->item.pid, (unsigned long long)source->config.bitrate,
                (unsigned long long)late, source->queued);
    }
}

static void look_for_services(struct simc__mux *mux, uint64_t tick)
{
    for (uint32_t n = 0; n < mux->input_count; n++) {
        const struct simc__mux_service *missing = NULL;
        unsigned count = 0;
        for (uint32_t i = 0; i < mux->service_count; i++)
            if (mux->services[i]->input == n && !mux->services[i]->is_present) {
                missing = mux->services[i];
                count++;
            }
        struct simc__mux_alarm_key key =
            simc__mux_alarm_of_input(SIMC__MUX_ALARM_SERVICE_MISSING, n);
        if (!missing)
            simc__mux_alarm_clear(mux, key);
        else if (mux->inputs[n]->has_pat && tick > simc__mux_ms(SERVICE_WAIT_MS))
            simc__mux_alarm_raise(mux, key, 0,
                                  "%u services are not in input \"%s\", among them 0x%04x", count,
                                  mux->inputs[n]->config.name, missing->number);
    }
}

void simc__mux_second_fire(struct simc__mux *mux, uint64_t tick)
{
    for (unsigned i = 0; i < SIMC__MUX_CLASS_COUNT; i++) {
        mux->bitrates[i] = (mux->classes[i] - mux->classes_before[i]) * SIMC_TS_SIZE * 8;
        mux->classes_before[i] = mux->classes[i];
    }
    for (uint32_t i = 0; i < mux->service_count; i++) {
        struct simc__mux_service *service = mux->services[i];
        uint64_t packets = 0;
        for (unsigned c = 0; c < service->component_count; c++)
            packets += mux->outs[service->components[c].out].packets;
        service->bitrate = packets >= service->packets_before
                               ? (packets - service->packets_before) * SIMC_TS_SIZE * 8
                               : 0;
        service->packets_before = packets;
    }
    for (uint32_t i = 0; i < mux->input_count; i++)
        look_at_input(mux, mux->inputs[i], tick);
    for (uint32_t i = 0; i < mux->scg_limit && mux->scg_count > 0; i++)
        if (mux->scgs[i])
            look_at_scg(mux, mux->scgs[i], tick);
    look_at_tables(mux, tick);
    look_for_services(mux, tick);
    simc__mux_look_at_held(mux, tick);
    look_at_sources(mux, tick);
    simc__mux_alarms_expire(mux);
    if (tick < PSI_SECONDS * SIMC__MUX_SECOND)
        mux->is_psi_due = true;
    uint64_t next = mux->second.timer.tick + SIMC__MUX_SECOND;
    simc__mux_timer_arm(mux, &mux->second.timer, next > tick ? next : tick + SIMC__MUX_SECOND);
}
