/* SPDX-License-Identifier: BSL-1.0 */
/* The ring in which packets wait for their control words, and the batches in which they are
 * opened. receiver.c fills and empties it; words.c says which packets can be opened. */
#include <string.h>

#include "receiver/internal.h"

int simc__ring_init(struct simc__receiver *receiver)
{
    receiver->ring_size = receiver->config.hold_packets + 2 * SIMC__RECEIVER_PUSH_MAX;
    receiver->ring = simc_alloc((size_t)receiver->ring_size * SIMC_TS_SIZE);
    receiver->held = simc_calloc(receiver->ring_size, sizeof *receiver->held);
    return receiver->ring && receiver->held ? 0 : SIMC_ENOMEM;
}

void simc__ring_fini(struct simc__receiver *receiver)
{
    simc_free(receiver->ring);
    simc_free(receiver->held);
}

void simc__ring_begin(struct simc__receiver *receiver)
{
    receiver->out = receiver->head;
    /* The front of the memory is in the cache still. */
    if (receiver->head == receiver->tail)
        receiver->base = receiver->tail;
}

/* ---- opening ---- */

/* The first packet that is opened, of a stream and of its service. */
static void see_first(struct simc__receiver *receiver, struct simc__service *service,
                      struct simc__pid_row *row, uint64_t index)
{
    row->has_first = true;
    row->first = index;
    if (service->stats.has_first && service->stats.first_packet <= index)
        return;
    service->stats.first_packet = index;
    service->stats.first_ms = simc__receiver_time_ms(receiver, index);
    if (!service->stats.has_first)
        simc__event(receiver, SIMC__RECEIVER_EVENT_DECODED, service->program, 0,
                    "the first packet of service %u was opened", service->program);
    service->stats.has_first = true;
}

void simc__ring_run(struct simc__receiver *receiver)
{
    if (!receiver->job_count)
        return;
    if (simc_descramble(receiver->scrambler, receiver->jobs, receiver->job_count))
        receiver->error = SIMC_ENOMEM;
    receiver->job_count = 0;
}

void simc__ring_open(struct simc__receiver *receiver, uint64_t index, struct simc__group *group,
                     unsigned word)
{
    if (receiver->job_count == SIMC__JOBS_MAX)
        simc__ring_run(receiver);
    size_t at = receiver->job_count++;
    receiver->jobs[at].packet =
        receiver->ring + (size_t)simc__place(receiver, index) * SIMC_TS_SIZE;
    receiver->jobs[at].slot = simc__slot(receiver, group, word);
    struct simc__service *service = &receiver->services[group->service];
    service->stats.opened++;
    struct simc__pid_row *row = &receiver->pids[simc_ts_pid(receiver->jobs[at].packet)];
    if (SIMC_UNLIKELY(!row->has_first || index < row->first))
        see_first(receiver, service, row, index);
}

/* ---- waiting ---- */

void simc__count_lost(struct simc__receiver *receiver, struct simc__group *group, uint64_t index)
{
    struct simc__service *service = &receiver->services[group->service];
    const uint8_t *packet = receiver->ring + (size_t)simc__place(receiver, index) * SIMC_TS_SIZE;
    const struct simc__pid_row *row = &receiver->pids[simc_ts_pid(packet)];
    bool at_start = !row->has_first || index < row->first;
    if (at_start)
        service->stats.lost_start++;
    else
        service->stats.lost++;
    group->lost_run++;
    if (group->told_lost || at_start)
        return;
    char why[SIMC__RECEIVER_TEXT_SIZE];
    struct simc_writer out = simc_writer(why, sizeof why - 1);
    simc__receiver_why(receiver, service->program, &out);
    why[out.error ? 0 : out.at] = '\0';
    group->told_lost = true;
    simc__event(receiver, SIMC__RECEIVER_EVENT_LOST, service->program, group->first_pid, "%s", why);
}

static void unwait(struct simc__receiver *receiver, struct simc__group *group,
                   struct simc__held *held)
{
    held->state = SIMC__HELD_DONE;
    group->waiting--;
    receiver->waiting--;
}

static void lose(struct simc__receiver *receiver, uint64_t index)
{
    struct simc__held *held = &receiver->held[simc__place(receiver, index)];
    struct simc__group *group = &receiver->groups[held->group];
    unwait(receiver, group, held);
    simc__count_lost(receiver, group, index);
    if (receiver->config.drop_scrambled)
        held->state = SIMC__HELD_DROP;
}

/* The next packet from `index` on that waits for a period; @return receiver->tail when none does.
 */
static uint64_t next_waiting(const struct simc__receiver *receiver, const struct simc__group *group,
                             uint64_t index, uint64_t number)
{
    uint16_t at = (uint16_t)(group - receiver->groups);
    for (; index < receiver->tail; index++) {
        const struct simc__held *held = &receiver->held[simc__place(receiver, index)];
        if (held->state == SIMC__HELD_WAIT && held->group == at &&
            (number == 0 || held->period == (uint32_t)number))
            break;
    }
    return index;
}

void simc__ring_resolve(struct simc__receiver *receiver, struct simc__group *group,
                        const struct simc__period *period)
{
    uint64_t index = receiver->head;
    while (group->waiting &&
           (index = next_waiting(receiver, group, index, period->number)) < receiver->tail) {
        unwait(receiver, group, &receiver->held[simc__place(receiver, index)]);
        simc__ring_open(receiver, index++, group, (unsigned)period->word);
    }
}

void simc__ring_prove(struct simc__receiver *receiver, struct simc__group *group,
                      struct simc__period *period)
{
    enum { PACKETS_MAX = 8 };
    uint64_t number = period->number, index = receiver->head;
    for (unsigned count = 0; count < PACKETS_MAX && period->word < 0; index++) {
        index = next_waiting(receiver, group, index, number);
        if (index >= receiver->tail)
            return;
        uint32_t place = simc__place(receiver, index);
        if (!receiver->held[place].is_start)
            continue;
        simc__group_prove(receiver, group, period, receiver->ring + (size_t)place * SIMC_TS_SIZE);
        count++;
    }
}

void simc__ring_lose(struct simc__receiver *receiver, struct simc__group *group, uint64_t number)
{
    uint64_t index = receiver->head;
    while (group->waiting &&
           (index = next_waiting(receiver, group, index, number)) < receiver->tail)
        lose(receiver, index++);
}

/* A packet has waited too long. When nothing came that could prove its word, the ECM is believed
 * from now on; when words come and open nothing, waiting is of no use. */
static void force(struct simc__receiver *receiver, uint64_t index)
{
    const struct simc__held *held = &receiver->held[simc__place(receiver, index)];
    struct simc__group *group = &receiver->groups[held->group];
    struct simc__period *period = &group->periods[held->period % SIMC__PERIODS_MAX];
    if ((uint32_t)period->number == held->period && period->tries == 0)
        period->blind = true;
    receiver->stats.forced++;
    lose(receiver, index);
    if (group->lost_run > 8 * receiver->limit)
        simc__group_give_up(receiver, group);
}

void simc__ring_release(struct simc__receiver *receiver, uint64_t limit)
{
    if (receiver->tail - receiver->head > receiver->stats.held_max && receiver->waiting)
        receiver->stats.held_max = receiver->tail - receiver->head;
    if (!receiver->waiting)
        receiver->head = receiver->tail;
    while (receiver->head < receiver->tail) {
        const struct simc__held *held = &receiver->held[simc__place(receiver, receiver->head)];
        if (held->state == SIMC__HELD_WAIT) {
            if (receiver->tail - receiver->head <= limit)
                break;
            force(receiver, receiver->head);
        }
        receiver->head++;
    }
}
