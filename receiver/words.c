/* SPDX-License-Identifier: BSL-1.0 */
/* Which control word belongs to which packets. receiver.c tells of packets, ecm.c of ECMs.
 *
 * A change of parity begins a crypto period, and its CP_number is that of the period before and
 * one. So once one period is known, the others follow by counting, and a control word is used for
 * the period it was made for and no other. The first period of all, and what comes behind a loss,
 * is proved: a control word is right when a packet that begins a PES packet shows its start code.
 * A word that was found by counting is proved the same way as soon as such a packet comes. */
#include <string.h>

#include "receiver/internal.h"

enum { SCRATCH_SIZE = SIMC_TS_SIZE, STREAM_ID_MIN = 0xbc };

/* ---- words ---- */

/* The word of a CP_number that came last; -1: there is none. */
static int find_word(const struct simc__group *group, uint16_t cp)
{
    int found = -1;
    for (int i = 0; i < SIMC__GROUP_WORDS_MAX; i++) {
        const struct simc__word *word = &group->words[i];
        if (word->set && word->cp == cp && (found < 0 || word->serial > group->words[found].serial))
            found = i;
    }
    return found;
}

static bool is_in_use(const struct simc__group *group, int word)
{
    for (int i = 0; i < SIMC__PERIODS_MAX; i++) {
        const struct simc__period *period = &group->periods[i];
        if (period->number && period->number + 1 >= group->period &&
            (period->word == word || period->hint == word))
            return true;
    }
    return false;
}

/* A place for a new word: an empty one, else the oldest that no present packet needs. There is
 * always one, because at most four are in use. */
static int choose_place(const struct simc__group *group)
{
    int oldest = -1;
    for (int i = 0; i < SIMC__GROUP_WORDS_MAX; i++) {
        if (!group->words[i].set)
            return i;
        if (!is_in_use(group, i) &&
            (oldest < 0 || group->words[i].serial < group->words[oldest].serial))
            oldest = i;
    }
    return oldest;
}

static void wipe_word(struct simc__receiver *receiver, struct simc__group *group, int at)
{
    uint32_t slot = simc__slot(receiver, group, (unsigned)at);
    simc_scrambler_key_wipe(receiver->scrambler, slot, SIMC_PARITY_EVEN);
    simc_scrambler_key_wipe(receiver->scrambler, slot, SIMC_PARITY_ODD);
    simc_secret_wipe(&group->words[at].word);
    group->words[at].set = false;
}

void simc__group_reset(struct simc__receiver *receiver, struct simc__group *group)
{
    simc__ring_run(receiver);
    if (group->waiting)
        simc__ring_lose(receiver, group, 0);
    for (int i = 0; i < SIMC__GROUP_WORDS_MAX; i++)
        wipe_word(receiver, group, i);
    memset(group->periods, 0, sizeof group->periods);
    simc_secret_wipe(&group->last);
    group->period = 0;
    group->last_period = 0;
    group->lost_run = 0;
    group->hopeless = false;
    group->told_lost = false;
}

/* ---- periods ---- */

static void settle(struct simc__receiver *receiver, struct simc__group *group,
                   struct simc__period *period, int at, bool is_proved);

/* A period whose CP_number is known by counting takes its word. */
static void count_on(struct simc__receiver *receiver, struct simc__group *group,
                     struct simc__period *period)
{
    int at = period && period->has_cp && period->word < 0 ? find_word(group, period->cp) : -1;
    if (at >= 0)
        settle(receiver, group, period, at, false);
}

/* What one period is tells what its neighbours are. */
static void tell(struct simc__receiver *receiver, struct simc__group *group,
                 const struct simc__period *period, int step)
{
    struct simc__period *other =
        simc__period_of(group, step > 0 ? period->number + 1 : period->number - 1);
    if (!other || other->has_cp || other->word >= 0)
        return;
    other->cp = (uint16_t)(period->cp + step);
    other->has_cp = other->parity == (other->cp & 1);
    count_on(receiver, group, other);
}

static void settle(struct simc__receiver *receiver, struct simc__group *group,
                   struct simc__period *period, int at, bool is_proved)
{
    struct simc__receiver_service_stats *stats = &receiver->services[group->service].stats;
    const struct simc__word *word = &group->words[at];
    period->word = (int8_t)at;
    period->hint = -1;
    period->cp = word->cp;
    period->has_cp = true;
    period->proved = is_proved;
    if ((!period->counted || period->number == group->last_period) &&
        !simc_secret_equal(&word->word, &group->last))
        stats->cw_changes++;
    period->counted = true;
    group->told_lost = false;
    if (period->number >= group->last_period) {
        group->last = word->word;
        group->last_period = period->number;
    }
    if (group->waiting)
        simc__ring_resolve(receiver, group, period);
    tell(receiver, group, period, -1);
    tell(receiver, group, period, 1);
}

/* Without packets that prove a word, the ECM is believed when it is for the parity on air: a
 * receiver cannot know then whether another one is early or late. */
static void believe(struct simc__receiver *receiver, struct simc__group *group, uint16_t cp)
{
    enum { BEHIND_MAX = 64 };
    struct simc__period *period = simc__period_of(group, group->period);
    if (!period || period->word >= 0 || period->parity != (cp & 1) ||
        (group->has_pes && !period->blind))
        return;
    /* Behind what was counted comes an old ECM; far away from it the head-end has begun anew. */
    int distance = simc_cp_distance(cp, period->cp);
    if (period->has_cp && (!period->blind || (distance < 0 && distance >= -BEHIND_MAX)))
        return;
    int at = find_word(group, cp);
    if (at >= 0)
        settle(receiver, group, period, at, true);
}

static struct simc__period *begin_period(struct simc__receiver *receiver, struct simc__group *group,
                                         unsigned parity)
{
    const struct simc__period *before = simc__period_of(group, group->period);
    struct simc__period fresh = {.parity = (uint8_t)parity, .word = -1, .hint = -1};
    /* Number 1 is left for streams that lag behind the first change of parity. */
    fresh.number = group->period ? group->period + 1 : 2;
    if (before && before->has_cp) {
        fresh.cp = (uint16_t)(before->cp + 1);
        fresh.has_cp = (fresh.cp & 1) == parity;
    }
    struct simc__period *period = &group->periods[fresh.number % SIMC__PERIODS_MAX];
    if (period->number && group->waiting)
        simc__ring_lose(receiver, group, period->number);
    *period = fresh;
    group->period = fresh.number;
    group->period_start = receiver->tail;
    receiver->services[group->service].stats.periods++;
    count_on(receiver, group, period);
    return period;
}

/* The period in front of the present one, for a stream that has not changed its parity yet. */
static struct simc__period *lagging(struct simc__receiver *receiver, struct simc__group *group,
                                    const struct simc__period *present, unsigned parity)
{
    struct simc__period *before = simc__period_of(group, group->period - 1);
    if (before)
        return before->parity == parity ? before : NULL;
    before = &group->periods[(group->period - 1) % SIMC__PERIODS_MAX];
    *before = (struct simc__period){
        .number = group->period - 1, .parity = (uint8_t)parity, .word = -1, .hint = -1};
    if (present->has_cp)
        tell(receiver, group, present, -1);
    return before;
}

struct simc__period *simc__group_see(struct simc__receiver *receiver, struct simc__group *group,
                                     struct simc__pid_row *row, unsigned parity)
{
    struct simc__period *period = simc__period_of(group, group->period);
    if (period && receiver->tail - group->last_packet > receiver->silence)
        simc__group_doubt(receiver, group, true);
    group->last_packet = receiver->tail;
    if (period && period->parity != parity) {
        /* Scramblers change the streams of a service one after the other. */
        struct simc__period *before = NULL;
        if (row->period != period->number && receiver->tail - group->period_start < receiver->lag)
            before = lagging(receiver, group, period, parity);
        period = before ? before : begin_period(receiver, group, parity);
    } else if (!period) {
        period = begin_period(receiver, group, parity);
    }
    row->period = period->number;
    return period;
}

void simc__group_doubt(struct simc__receiver *receiver, struct simc__group *group, bool is_long)
{
    struct simc__period *period = simc__period_of(group, group->period);
    (void)receiver;
    /* What proves nothing need not be asked again after a small loss: it cannot hide two changes of
     * parity. */
    if (!period || (!is_long && (!group->has_pes || period->blind)))
        return;
    if (period->word >= 0)
        period->hint = period->word;
    period->word = -1;
    period->has_cp = false;
    period->proved = false;
    period->tries = 0;
}

void simc__group_give_up(struct simc__receiver *receiver, struct simc__group *group)
{
    group->hopeless = true;
    if (group->waiting)
        simc__ring_lose(receiver, group, 0);
}

/* ---- evidence ---- */

/* True when a packet that begins a PES packet does so under this word. */
static bool opens(struct simc__receiver *receiver, const struct simc__group *group, int at,
                  const uint8_t *packet)
{
    uint8_t scratch[SCRATCH_SIZE];
    struct simc_scramble_job job = {.packet = scratch,
                                    .slot = simc__slot(receiver, group, (unsigned)at)};
    memcpy(scratch, packet, sizeof scratch);
    if (simc_descramble(receiver->scrambler, &job, 1)) {
        receiver->error = SIMC_ENOMEM;
        return false;
    }
    struct simc_slice payload = simc_ts_payload(scratch);
    bool is_good = job.result == SIMC_SCRAMBLE_DONE && payload.size >= 4 && payload.data[0] == 0 &&
                   payload.data[1] == 0 && payload.data[2] == 1 && payload.data[3] >= STREAM_ID_MIN;
    simc_wipe(scratch, sizeof scratch);
    return is_good;
}

void simc__group_prove(struct simc__receiver *receiver, struct simc__group *group,
                       struct simc__period *period, const uint8_t *packet)
{
    int failed = -1, hint = period->hint;
    if (simc_ts_payload(packet).size < simc_scrambling_info(group->algorithm)->block_size)
        return;
    period->tries++;
    if (period->word >= 0) {
        period->proved = opens(receiver, group, period->word, packet);
        if (period->proved)
            return;
        receiver->services[group->service].stats.wrong++;
        simc__event(receiver, SIMC__RECEIVER_EVENT_CW_WRONG,
                    receiver->services[group->service].program, group->first_pid,
                    "the control word of crypto period %u does not open PID 0x%x", period->cp,
                    simc_ts_pid(packet));
        failed = period->word;
        period->word = -1;
        period->has_cp = false;
    }
    if (hint >= 0 && opens(receiver, group, hint, packet)) {
        settle(receiver, group, period, hint, true);
        return;
    }
    for (int i = 0; i < SIMC__GROUP_WORDS_MAX; i++) {
        const struct simc__word *word = &group->words[i];
        if (i == failed || i == hint || !word->set || (word->cp & 1) != period->parity)
            continue;
        if (opens(receiver, group, i, packet)) {
            settle(receiver, group, period, i, true);
            return;
        }
    }
}

/* ---- ECMs ---- */

/* Words of periods that lie behind change nothing, unless packets wait for them. */
static bool is_behind(const struct simc__group *group, uint16_t cp)
{
    const struct simc__period *present = &group->periods[group->period % SIMC__PERIODS_MAX];
    if (!group->period || present->word < 0 || simc_cp_distance(cp, present->cp) >= 0)
        return false;
    for (int i = 0; i < SIMC__PERIODS_MAX; i++) {
        const struct simc__period *period = &group->periods[i];
        if (period->number && period->word < 0 && period->has_cp && period->cp == cp)
            return false;
    }
    return true;
}

static int take_word(struct simc__receiver *receiver, struct simc__group *group, uint16_t cp,
                     const struct simc_secret *secret)
{
    int at = choose_place(group);
    simc__ring_run(receiver);
    wipe_word(receiver, group, at);
    int error =
        simc_scrambler_key_set(receiver->scrambler, simc__slot(receiver, group, (unsigned)at),
                               (enum simc_parity)(cp & 1), group->algorithm, secret);
    if (error == SIMC_EUNSUPPORTED)
        group->can = false;
    if (error)
        return error;
    group->words[at] =
        (struct simc__word){.set = true, .cp = cp, .serial = ++group->serial, .word = *secret};
    group->hopeless = false;
    group->lost_run = 0;
    return 0;
}

int simc__group_words(struct simc__receiver *receiver, struct simc__group *group,
                      const struct simc_ecm *ecm, uint16_t cp)
{
    bool left_out = false;
    for (unsigned i = 0; i < ecm->cw_count; i++) {
        if (ecm->cws[i].size != simc_scrambling_info(group->algorithm)->cw_size)
            return SIMC_EINVAL;
    }
    for (unsigned i = 0; i < ecm->cw_count; i++) {
        int at = find_word(group, ecm->cp_numbers[i]);
        if (at >= 0 && simc_secret_equal(&group->words[at].word, &ecm->cws[i]))
            continue;
        if (is_behind(group, ecm->cp_numbers[i]))
            left_out = true;
        else if (take_word(receiver, group, ecm->cp_numbers[i], &ecm->cws[i]))
            return SIMC_EUNSUPPORTED;
    }
    uint64_t first = group->period > SIMC__PERIODS_MAX ? group->period - SIMC__PERIODS_MAX + 1 : 1;
    for (uint64_t number = first; number <= group->period; number++)
        count_on(receiver, group, simc__period_of(group, number));
    for (uint64_t number = first; number <= group->period; number++) {
        struct simc__period *period = simc__period_of(group, number);
        if (period && period->word < 0 && group->has_pes && group->waiting)
            simc__ring_prove(receiver, group, period);
    }
    believe(receiver, group, cp);
    return left_out ? SIMC_EAGAIN : 0;
}

void simc__group_repeat(struct simc__receiver *receiver, struct simc__group *group, uint16_t cp)
{
    believe(receiver, group, cp);
}
