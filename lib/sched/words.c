/* SPDX-License-Identifier: BSL-1.0 */
/* The control words that are kept: those of the last periods, of the next one, and ahead as far as
 * any ECMG wants to see. One CP_number has one CW, whichever stream it goes to. */
#include "sched/internal.h"

#include <string.h>

/* The message of the newest period may still be under way: its CWs reach back so far from the next.
 */
enum { PAST = SIMC__SCHED_PER_MSG_MAX };

/* Never NULL; it may hold another number. */
static struct simc__sched_word *slot(const struct simc__sched *sched, uint64_t n)
{
    return (struct simc__sched_word *)(uintptr_t)&sched->words[n % SIMC__SCHED_WORDS_MAX];
}

struct simc__sched_word *simc__sched_word(const struct simc__sched *sched, uint64_t n)
{
    struct simc__sched_word *word = slot(sched, n);
    return word->n == n ? word : NULL;
}

uint64_t simc__sched_number(const struct simc__sched *sched, uint16_t cp)
{
    int distance = simc_cp_distance(cp, (uint16_t)sched->newest);
    return sched->newest + (uint64_t)(int64_t)distance;
}

/* What is published must be reserved before. */
static bool is_usable(const struct simc__sched *sched, uint64_t n)
{
    const struct simc__sched_word *word = simc__sched_word(sched, n);
    return word && word->is_set && (word->is_reserved || word->is_throw_away);
}

bool simc__sched_words_are_usable(const struct simc__sched *sched, uint64_t first, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (!is_usable(sched, first + i))
            return false;
    }
    return true;
}

void simc__sched_words_drop(struct simc__sched *sched)
{
    for (unsigned i = 0; i < SIMC__SCHED_WORDS_MAX; i++) {
        struct simc__sched_word *word = &sched->words[i];
        if (word->n && word->n + PAST < simc__sched_next_n(sched))
            simc_wipe(word, sizeof *word);
    }
}

/* The numbers that the streams need for their next messages. */
static void needed(const struct simc__sched *sched, uint64_t *low, uint64_t *high)
{
    *low = *high = simc__sched_next_n(sched);
    for (unsigned i = 0; i < sched->stream_count; i++) {
        const struct simc__sched_stream *stream = &sched->streams[i];
        if (!stream->is_up)
            continue;
        uint64_t first = simc__sched_message_first(stream, simc__sched_next_n(sched));
        uint64_t last = first + stream->per_msg - 1;
        *low = first < *low ? first : *low;
        *high = last > *high ? last : *high;
    }
}

static bool is_missing(const struct simc__sched *sched, uint64_t n)
{
    const struct simc__sched_word *word = simc__sched_word(sched, n);
    return !word || !word->is_asked;
}

static void ask(struct simc__sched *sched, uint64_t low, uint64_t high)
{
    for (uint64_t n = low; n <= high && simc__sched_room(sched); n++) {
        if (!is_missing(sched, n))
            continue;
        struct simc__sched_action *action = simc__sched_put(sched, SIMC__SCHED_NEED_CW, NULL, n);
        action->is_throw_away = n < sched->live_first;
        do {
            struct simc__sched_word *word = slot(sched, n);
            simc_wipe(word, sizeof *word);
            word->n = n;
            word->is_asked = true;
            word->is_throw_away = action->is_throw_away;
            action->cw_count++;
            n++;
        } while (n <= high && is_missing(sched, n) &&
                 (n < sched->live_first) == action->is_throw_away);
        n--;
    }
}

/* In the order of their numbers: a plan that is handed back has no holes. */
static void reserve(struct simc__sched *sched, uint64_t high)
{
    struct simc__sched_action *action = NULL;
    for (uint64_t n = simc__sched_next_n(sched); n <= high; n++) {
        struct simc__sched_word *word = simc__sched_word(sched, n);
        if (!word || !word->is_set)
            return;
        if (word->is_reserved)
            continue;
        if (!action && simc__sched_room(sched) == 0)
            return;
        if (!action) {
            action = simc__sched_put(sched, SIMC__SCHED_RESERVE, NULL, n);
            action->start_tick = SIMC__SCHED_OPEN;
        }
        word->is_reserved = true;
        action->cw_count++;
    }
}

void simc__sched_words_run(struct simc__sched *sched)
{
    uint64_t low, high;
    if (sched->state == SIMC__SCHED_IDLE)
        return;
    needed(sched, &low, &high);
    ask(sched, low, high);
    reserve(sched, high);
}

int simc__sched_cw_set(struct simc__sched *sched, uint16_t cp, const struct simc_secret *cw)
{
    struct simc__sched_word *word = simc__sched_word(sched, simc__sched_number(sched, cp));
    if (!word || !word->is_asked)
        return SIMC_ENOTFOUND;
    if (cw->size != sched->cw_size)
        return SIMC_EINVAL;
    if (word->is_set) {
        struct simc_secret old;
        int error = simc__sched_cw_get(sched, cp, &old);
        bool is_same = !error && simc_secret_equal(&old, cw);
        simc_secret_wipe(&old);
        return is_same ? 0 : SIMC_EPROTO;
    }
    memcpy(word->cw, cw->bytes, sched->cw_size);
    word->is_set = true;
    return 0;
}

int simc__sched_cw_get(const struct simc__sched *sched, uint16_t cp, struct simc_secret *cw)
{
    const struct simc__sched_word *word = simc__sched_word(sched, simc__sched_number(sched, cp));
    memset(cw, 0, sizeof *cw);
    if (!word || !word->is_set)
        return SIMC_ENOTFOUND;
    return simc_secret_set(cw, simc_slice(word->cw, sched->cw_size));
}
