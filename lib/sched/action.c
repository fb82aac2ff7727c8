/* SPDX-License-Identifier: BSL-1.0 */
/* The bounded queue of actions, and alarms as states that are told when they change. What decides
 * looks for room first, so nothing is ever lost or written past the end. */
#include "sched/internal.h"

#include <string.h>

size_t simc__sched_room(const struct simc__sched *sched)
{
    return (size_t)(sched->queue_size - sched->queue_count);
}

struct simc__sched_action *simc__sched_put(struct simc__sched *sched,
                                           enum simc__sched_action_type type,
                                           const struct simc__sched_stream *stream, uint64_t n)
{
    unsigned at = (unsigned)(sched->queue_at + sched->queue_count) % sched->queue_size;
    struct simc__sched_action *action = &sched->queue[at];
    sched->queue_count++;
    memset(action, 0, sizeof *action);
    action->type = (uint8_t)type;
    action->cp = (uint16_t)n;
    action->stream = stream ? (uint8_t)(stream - sched->streams) : (uint8_t)SIMC__SCHED_NO_STREAM;
    return action;
}

bool simc__sched_next(struct simc__sched *sched, struct simc__sched_action *action)
{
    if (sched->queue_count == 0) {
        memset(action, 0, sizeof *action);
        return false;
    }
    *action = sched->queue[sched->queue_at];
    sched->queue_at = (uint16_t)((sched->queue_at + 1u) % sched->queue_size);
    sched->queue_count--;
    return true;
}

void simc__sched_alarm(struct simc__sched *sched, struct simc__sched_stream *stream,
                       enum simc__sched_alarm alarm, bool is_raised)
{
    uint16_t *alarms = stream ? &stream->alarms : &sched->alarms;
    uint16_t bit = (uint16_t)(1u << alarm);
    *alarms = is_raised ? (uint16_t)(*alarms | bit) : (uint16_t)(*alarms & ~bit);
}

/* Tells the differences of one set. @return false: there was no room for all of them. */
static bool tell(struct simc__sched *sched, const struct simc__sched_stream *stream,
                 uint16_t alarms, uint16_t *told)
{
    for (unsigned i = 0; i < SIMC__SCHED_ALARM_COUNT && alarms != *told; i++) {
        uint16_t bit = (uint16_t)(1u << i);
        if (((alarms ^ *told) & bit) == 0)
            continue;
        if (simc__sched_room(sched) == 0)
            return false;
        uint64_t n = simc__sched_next_n(sched);
        struct simc__sched_action *action = simc__sched_put(sched, SIMC__SCHED_ALARM, stream, n);
        action->alarm = (uint8_t)i;
        action->is_raised = (alarms & bit) != 0;
        *told ^= bit;
    }
    return true;
}

void simc__sched_tell_alarms(struct simc__sched *sched)
{
    if (!tell(sched, NULL, sched->alarms, &sched->alarms_told))
        return;
    for (unsigned i = 0; i < sched->stream_count; i++) {
        struct simc__sched_stream *stream = &sched->streams[i];
        if (!tell(sched, stream, stream->alarms, &stream->alarms_told))
            return;
    }
}
