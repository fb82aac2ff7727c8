/* SPDX-License-Identifier: BSL-1.0 */
/* Making and releasing a scheduler, its settings, and what it tells about itself. scsd and the
 * tests call it. */
#include "sched/internal.h"

#include <string.h>

/* Actions that one call may put: two windows and two messages for each stream, the period, CWs;
 * three times that, so that a caller who pulls late is not stopped at once. */
static size_t queue_size(unsigned stream_count)
{
    return 3 * (4 * (size_t)stream_count + 8);
}

static bool is_valid(const struct simc__sched_config *config)
{
    if (config->stream_count > SIMC__SCHED_STREAMS_MAX || config->cw_size == 0 ||
        config->cw_size > SIMC__SCHED_CW_SIZE_MAX || config->cp_100ms == 0 ||
        (unsigned)config->start > SIMC__SCHED_START_NEVER ||
        config->loss_count > SIMC__SCHED_LOSS_STEPS_MAX)
        return false;
    for (unsigned i = 0; i < config->loss_count; i++) {
        if ((unsigned)config->loss[i].action > SIMC__SCHED_LOSS_SILENT)
            return false;
        if (config->start == SIMC__SCHED_START_ALWAYS &&
            config->loss[i].action == SIMC__SCHED_LOSS_CLEAR)
            return false;
    }
    return true;
}

static void fill(struct simc__sched *sched, const struct simc__sched_config *config)
{
    sched->stream_count = config->stream_count;
    sched->cw_size = config->cw_size;
    sched->cp_100ms = config->cp_100ms;
    sched->air_lead_ms = config->air_lead_ms;
    sched->margin_ms = config->margin_ms;
    sched->retry_ms = config->retry_ms ? config->retry_ms : SIMC__SCHED_RETRY_DEFAULT_MS;
    sched->start_wait_ms = config->start_wait_ms;
    sched->start_policy = (uint8_t)config->start;
    sched->loss_count = config->loss_count ? config->loss_count : 1;
    for (unsigned i = 0; i < config->loss_count; i++)
        sched->losses[i] = config->loss[i];
    sched->newest = SIMC__SCHED_BASE + config->first_cp - 1;
    sched->live_first = sched->newest + 1;
    sched->loss = -1;
    sched->deadline_ms = SIMC_DEADLINE_NONE;
    for (unsigned i = 0; i < config->stream_count; i++) {
        struct simc__sched_stream *stream = &sched->streams[i];
        stream->required = config->streams[i].required;
        stream->air_ac = config->streams[i].ac;
        stream->known_from = UINT64_MAX;
        simc__sched_alarm(sched, stream, SIMC__SCHED_ALARM_NO_ECMG, true);
    }
}

int simc__sched_new(const struct simc__sched_config *config, struct simc__sched **sched)
{
    *sched = NULL;
    if (!is_valid(config))
        return SIMC_EINVAL;
    size_t count = queue_size(config->stream_count);
    size_t streams_size = config->stream_count * sizeof(struct simc__sched_stream);
    size_t size = sizeof **sched + streams_size + count * sizeof(struct simc__sched_action);
    struct simc__sched *made = simc_calloc(1, size);
    if (!made)
        return SIMC_ENOMEM;
    made->memory = size;
    made->queue = (struct simc__sched_action *)(void *)&made->streams[config->stream_count];
    made->queue_size = (uint16_t)count;
    fill(made, config);
    *sched = made;
    return 0;
}

void simc__sched_free(struct simc__sched *sched)
{
    if (!sched)
        return;
    simc_wipe(sched, sched->memory);
    simc_free(sched);
}

size_t simc__sched_memory(const struct simc__sched *sched)
{
    return sched->memory;
}

int simc__sched_cp_duration(struct simc__sched *sched, uint16_t cp_100ms)
{
    if (cp_100ms == 0)
        return SIMC_EINVAL;
    sched->cp_100ms = cp_100ms;
    return 0;
}

void simc__sched_cp_floor(struct simc__sched *sched, uint16_t cp_100ms)
{
    sched->floor_100ms = cp_100ms;
}

static uint16_t air_cp(const struct simc__sched *sched)
{
    if (sched->last_n != sched->newest)
        return (uint16_t)sched->last_n;
    uint64_t n = sched->newest;
    while (n > sched->span_first && n + SIMC__SCHED_AHEAD_MAX > sched->newest + 1 &&
           sched->starts[n % SIMC__SCHED_AHEAD_MAX] > sched->now_tick)
        n--;
    return (uint16_t)n;
}

void simc__sched_status(const struct simc__sched *sched, struct simc__sched_status *status)
{
    memset(status, 0, sizeof *status);
    status->has_timeline = sched->has_timeline;
    status->is_wanted = sched->is_wanted;
    status->is_scrambled = sched->state == SIMC__SCHED_RUNNING;
    status->cp = (uint16_t)sched->newest;
    status->air_cp = air_cp(sched);
    status->nominal_100ms =
        sched->cp_100ms > sched->floor_100ms ? sched->cp_100ms : sched->floor_100ms;
    status->start_tick = sched->last_tick;
    status->now_tick = sched->now_tick;
    status->is_stretched = (sched->alarms >> SIMC__SCHED_ALARM_STRETCHED & 1u) != 0;
    status->loss_step = sched->loss;
    for (unsigned i = 0; i < sched->stream_count; i++) {
        const struct simc__sched_stream *stream = &sched->streams[i];
        uint32_t bit = simc__sched_bit(sched, stream);
        status->streams_up |= stream->is_up ? bit : 0;
        status->streams_ready |= stream->has_ecm ? bit : 0;
        if (stream->is_known && stream->min_cp_100ms > status->nominal_100ms)
            status->nominal_100ms = stream->min_cp_100ms;
        uint32_t reply_100ms = (stream->reply_time_ms + 99) / 100;
        if (stream->is_known && reply_100ms > status->nominal_100ms)
            status->nominal_100ms = (uint16_t)reply_100ms;
    }
}

uint16_t simc__sched_oldest_cp(const struct simc__sched *sched)
{
    return (uint16_t)(sched->newest - 1);
}
