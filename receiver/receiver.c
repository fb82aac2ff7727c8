/* SPDX-License-Identifier: BSL-1.0 */
/* The reference receiver: takes packets, sees what each of them is, and hands them out again; see
 * receiver.h. Programs and tests call it. */
#include "receiver/receiver.h"

#include <string.h>

#include "receiver/internal.h"

enum {
    HOLD_PACKETS = 32768,
    HOLD_MS = 500,
    HOLD_MS_MAX = 60000,
    LAG_MS = 50,
    SILENCE_MS = 1000,
    HOLE_MS = 500,
    /* As long as the bit rate is not known. */
    LAG_PACKETS = 400,
    SILENCE_PACKETS = 20000,
    TICKS_PER_MS = 27000,
};

/* ---- life ---- */

static int check(struct simc__receiver_config *config)
{
    if (!config->hold_packets)
        config->hold_packets = HOLD_PACKETS;
    if (!config->hold_ms)
        config->hold_ms = HOLD_MS;
    if (config->hold_packets < SIMC__RECEIVER_HOLD_MIN ||
        config->hold_packets > SIMC__RECEIVER_HOLD_MAX || config->hold_ms > HOLD_MS_MAX ||
        config->service_count > SIMC__RECEIVER_WANTED_MAX || !config->rights.keys.find_version ||
        !config->rights.keys.generation || !config->rights.packages)
        return SIMC_EINVAL;
    return 0;
}

int simc__receiver_new(const struct simc__receiver_config *config, struct simc__receiver **receiver)
{
    *receiver = NULL;
    struct simc__receiver *made = simc_calloc(1, sizeof *made);
    if (!made)
        return SIMC_ENOMEM;
    made->config = *config;
    int error = check(&made->config);
    const struct simc_scrambler_config engines = {.slot_count =
                                                      SIMC__GROUPS_MAX * SIMC__GROUP_WORDS_MAX,
                                                  .aes_engine = config->aes_engine,
                                                  .csa_engine = config->csa_engine};
    for (size_t i = 0; !error && i < config->service_count; i++)
        made->wanted[i] = config->services[i];
    made->clock_pid = SIMC_PID_NULL;
    made->limit = made->config.hold_packets;
    made->lag = LAG_PACKETS;
    made->silence = SILENCE_PACKETS;
    if (!error)
        error = simc_scrambler_new(&engines, &made->scrambler);
    if (!error)
        error = simc__ring_init(made);
    if (!error)
        error = simc__ecms_init(made);
    if (!error)
        error = simc__tables_init(made);
    if (error) {
        simc__receiver_free(made);
        return error;
    }
    *receiver = made;
    return 0;
}

void simc__receiver_free(struct simc__receiver *receiver)
{
    if (!receiver)
        return;
    simc__tables_fini(receiver);
    simc__ecms_fini(receiver);
    simc__ring_fini(receiver);
    simc_scrambler_free(receiver->scrambler);
    simc_wipe(receiver->groups, sizeof receiver->groups);
    simc_free(receiver);
}

/* ---- time ---- */

uint64_t simc__receiver_time_ms(const struct simc__receiver *receiver, uint64_t index)
{
    const struct simc_pcr_clock *clock = &receiver->clock;
    if (!clock->started)
        return 0;
    if (index >= clock->packet)
        return simc_pcr_clock_time(clock, index) / TICKS_PER_MS;
    uint64_t behind = clock->rate_packets
                          ? (uint64_t)((double)(clock->packet - index) * (double)clock->rate_ticks /
                                       (double)clock->rate_packets)
                          : 0;
    return (clock->time_27mhz > behind ? clock->time_27mhz - behind : 0) / TICKS_PER_MS;
}

static uint64_t packets_of(const struct simc_pcr_clock *clock, uint64_t ms, uint64_t least,
                           uint64_t most)
{
    double packets = (double)(ms * TICKS_PER_MS) * (double)clock->packets / (double)clock->ticks;
    if (packets < (double)least)
        return least;
    return packets > (double)most ? most : (uint64_t)packets;
}

static void doubt_all(struct simc__receiver *receiver)
{
    for (size_t i = 0; i < SIMC__GROUPS_MAX; i++) {
        if (receiver->groups[i].used)
            simc__group_doubt(receiver, &receiver->groups[i], true);
    }
}

static void push_clock(struct simc__receiver *receiver, const uint8_t *packet)
{
    uint64_t pcr_27mhz;
    struct simc_pcr_clock *clock = &receiver->clock;
    if (simc_ts_error(packet) || !simc_ts_pcr(packet, &pcr_27mhz))
        return;
    switch (simc_pcr_clock_push(clock, pcr_27mhz, receiver->tail, simc_ts_discontinuity(packet))) {
    case SIMC_PCR_LATE: /* many a sender is late by less; two changes of parity need more */
        if (clock->step_27mhz > (int64_t)HOLE_MS * TICKS_PER_MS)
            doubt_all(receiver);
        break;
    case SIMC_PCR_ANNOUNCED:
    case SIMC_PCR_JUMP:
        doubt_all(receiver);
        break;
    default:
        break;
    }
    if (!clock->ticks || !clock->packets)
        return;
    uint64_t most = receiver->config.hold_packets;
    receiver->limit = packets_of(clock, receiver->config.hold_ms, 1, most);
    receiver->lag = packets_of(clock, LAG_MS, 8, SIMC__RECEIVER_HOLD_MAX);
    receiver->silence = packets_of(clock, SILENCE_MS, 16, UINT32_MAX);
}

/* ---- packets ---- */

static void wait_for(struct simc__receiver *receiver, struct simc__held *held, uint16_t group,
                     const struct simc__period *period, bool is_start)
{
    held->state = SIMC__HELD_WAIT;
    held->group = group;
    held->period = (uint32_t)period->number;
    held->is_start = is_start;
    receiver->groups[group].waiting++;
    receiver->waiting++;
    receiver->services[receiver->groups[group].service].stats.held++;
}

static void pass_lost(struct simc__receiver *receiver, struct simc__group *group,
                      struct simc__held *held)
{
    simc__count_lost(receiver, group, receiver->tail);
    if (receiver->config.drop_scrambled)
        held->state = SIMC__HELD_DROP;
}

/* A damaged packet is opened if that is possible at once, but its bits decide nothing. */
static void see_damaged(struct simc__receiver *receiver, struct simc__group *group,
                        const uint8_t *packet, unsigned parity, struct simc__held *held)
{
    for (uint64_t back = 0; back < 2 && simc_ts_valid(packet); back++) {
        const struct simc__period *period =
            group->period > back ? simc__period_of(group, group->period - back) : NULL;
        if (period && period->parity == parity && period->word >= 0) {
            simc__ring_open(receiver, receiver->tail, group, (unsigned)period->word);
            return;
        }
    }
    pass_lost(receiver, group, held);
}

static void see_scrambled(struct simc__receiver *receiver, struct simc__pid_row *row,
                          const uint8_t *packet, struct simc__held *held)
{
    struct simc__group *group = &receiver->groups[row->index];
    unsigned parity = simc_ts_tsc(packet) & 1u;
    if (simc_ts_error(packet) || !simc_ts_valid(packet)) {
        see_damaged(receiver, group, packet, parity, held);
        return;
    }
    struct simc__period *period = simc__group_see(receiver, group, row, parity);
    bool is_start = row->is_pes && simc_ts_unit_start(packet);
    if (SIMC_UNLIKELY(is_start && !period->proved))
        simc__group_prove(receiver, group, period, packet);
    if (SIMC_LIKELY(period->word >= 0))
        simc__ring_open(receiver, receiver->tail, group, (unsigned)period->word);
    else if (group->hopeless || !group->can)
        pass_lost(receiver, group, held);
    else
        wait_for(receiver, held, row->index, period, is_start);
}

/* Continuity of a stream: what is lost may hide changes of parity. */
static void see_counter(struct simc__receiver *receiver, struct simc__pid_row *row,
                        const uint8_t *packet)
{
    uint8_t cc = simc_ts_cc(packet);
    if (row->has_cc && cc != ((row->cc + 1) & 0xf) && cc != row->cc &&
        !simc_ts_discontinuity(packet)) {
        receiver->services[row->service].stats.gaps++;
        simc__group_doubt(receiver, &receiver->groups[row->index], false);
    }
    row->cc = cc;
    row->has_cc = true;
}

static void see_stream(struct simc__receiver *receiver, struct simc__pid_row *row,
                       const uint8_t *packet, struct simc__held *held)
{
    struct simc__service *service = &receiver->services[row->service];
    enum simc_ts_tsc tsc = simc_ts_tsc(packet);
    bool is_good = simc_ts_valid(packet) && !simc_ts_error(packet);
    service->stats.packets++;
    if (SIMC_UNLIKELY(!is_good || tsc == SIMC_TSC_RESERVED))
        service->stats.damaged++;
    if (!is_good)
        row->has_cc = false;
    else if (row->index != SIMC__NONE && (packet[3] & 0x10))
        see_counter(receiver, row, packet);
    if (tsc == SIMC_TSC_CLEAR) {
        service->stats.clear++;
    } else if (tsc != SIMC_TSC_RESERVED) {
        service->stats.scrambled++;
        if (row->index != SIMC__NONE) {
            see_scrambled(receiver, row, packet, held);
            return;
        }
        /* The PMT says nothing of conditional access. */
        service->stats.lost++;
        if (receiver->config.drop_scrambled)
            held->state = SIMC__HELD_DROP;
    }
}

static void see(struct simc__receiver *receiver, uint8_t *packet, struct simc__held *held)
{
    struct simc__pid_row *row = &receiver->pids[simc_ts_pid(packet)];
    struct simc__psi_pid *table;
    held->state = row->drop ? SIMC__HELD_DROP : SIMC__HELD_DONE;
    if (packet[0] != SIMC_TS_SYNC)
        return;
    if (SIMC_UNLIKELY(row->clock))
        push_clock(receiver, packet);
    bool is_clean = receiver->config.clean_psi;
    switch (row->kind) {
    case SIMC__PID_STREAM:
        see_stream(receiver, row, packet, held);
        break;
    case SIMC__PID_TABLE:
        table = &receiver->tables[row->index];
        simc__tables_push(receiver, table, packet);
        if (is_clean && (table->pid != SIMC_PID_PAT || receiver->config.only_services))
            simc__clean_packet(table, packet);
        break;
    case SIMC__PID_ECM:
        simc__ecm_push(receiver, &receiver->ecms[row->index], packet);
        if (is_clean)
            simc_ts_null(packet);
        break;
    case SIMC__PID_BLANK:
        simc_ts_null(packet);
        break;
    default:
        break;
    }
}

int simc__receiver_push(struct simc__receiver *receiver, const uint8_t *packets, size_t count,
                        uint64_t now_s, size_t *taken)
{
    if (count > SIMC__RECEIVER_PUSH_MAX)
        count = SIMC__RECEIVER_PUSH_MAX;
    *taken = count;
    receiver->now_s = now_s;
    simc__ring_begin(receiver);
    for (size_t i = 0; i < count; i++) {
        uint32_t place = simc__place(receiver, receiver->tail);
        uint8_t *packet = receiver->ring + (size_t)place * SIMC_TS_SIZE;
        memcpy(packet, packets + i * SIMC_TS_SIZE, SIMC_TS_SIZE);
        see(receiver, packet, &receiver->held[place]);
        receiver->tail++;
        /* To the packet, however the input is cut into pieces. */
        if (receiver->waiting && receiver->tail - receiver->head > receiver->limit)
            simc__ring_release(receiver, receiver->limit);
    }
    simc__ring_run(receiver);
    receiver->stats.packets += count;
    receiver->stats.time_ms = simc__receiver_time_ms(receiver, receiver->tail);
    simc__ring_release(receiver, receiver->limit);
    return receiver->error;
}

int simc__receiver_next(struct simc__receiver *receiver, struct simc_slice *packets)
{
    uint64_t start = receiver->out;
    for (; start < receiver->head; start++, receiver->stats.dropped++) {
        if (receiver->held[simc__place(receiver, start)].state != SIMC__HELD_DROP)
            break;
    }
    uint32_t place = simc__place(receiver, start), end = place;
    uint64_t left = receiver->head - start;
    while (end - place < left && end < receiver->ring_size &&
           receiver->held[end].state != SIMC__HELD_DROP)
        end++;
    receiver->out = start + (end - place);
    receiver->stats.passed += end - place;
    *packets = simc_slice(receiver->ring + (size_t)place * SIMC_TS_SIZE,
                          (size_t)(end - place) * SIMC_TS_SIZE);
    return end > place ? 0 : SIMC_EAGAIN;
}

void simc__receiver_break(struct simc__receiver *receiver)
{
    receiver->stats.breaks++;
    receiver->clock.broken = true;
    for (unsigned pid = 0; pid < SIMC_TS_PID_COUNT; pid++)
        receiver->pids[pid].has_cc = false;
    doubt_all(receiver);
    simc__event(receiver, SIMC__RECEIVER_EVENT_BREAK, 0, 0, "the input broke");
}

void simc__receiver_flush(struct simc__receiver *receiver)
{
    simc__ring_release(receiver, 0);
}

void simc__receiver_epoch_set(struct simc__receiver *receiver, uint32_t epoch)
{
    receiver->has_epoch = true;
    receiver->epoch = epoch;
    for (size_t i = 0; i < SIMC__ECMS_MAX; i++)
        receiver->ecms[i].last_size = 0;
}
