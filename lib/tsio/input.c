/* SPDX-License-Identifier: BSL-1.0 */
/* Inputs of every kind: opening and opening again, losses and returns, the way of packets to their
 * consumer, and the end. The kinds bring descriptors and bytes. */
#include <stdio.h>
#include <string.h>

#include "sys/clock.h"
#include "tsio/internal.h"

/* An input that stays lost is opened again now and then: a multicast group does not survive every
 * change of an interface. */
enum { LOST_RETRIES = 5 };

static void look(uv_timer_t *timer);

void simc__tsio_input_event(struct simc__tsio_input *input, enum simc__tsio_event_type type,
                            const char *text)
{
    struct simc__tsio_event event = {type, text ? text : ""};
    if (input->is_freed || input->is_over)
        return;
    if (type == SIMC__TSIO_ENDED || type == SIMC__TSIO_FAILED)
        input->is_over = true;
    if (input->settings.handlers.event)
        input->settings.handlers.event(input->settings.context, &event);
}

/* ---- the end ---- */

static void release(struct simc__tsio_input *input)
{
    if (!input->is_freed || input->timers_closed < 2 || input->is_open || input->is_closing)
        return;
    struct simc__tsio *tsio = input->tsio;
    if (input->settings.handlers.gone)
        input->settings.handlers.gone(input->settings.context);
    simc_free(input->chunks[0]);
    simc_free(input->chunks[1]);
    simc_free(input);
    simc__tsio_unuse(tsio);
}

static void timer_closed(uv_handle_t *handle)
{
    struct simc__tsio_input *input = handle->data;
    input->timers_closed++;
    release(input);
}

static void begin_close(struct simc__tsio_input *input)
{
    if (!input->is_open || input->is_closing)
        return;
    input->is_closing = true;
    input->kind->close(input);
}

void simc__tsio_input_closed(struct simc__tsio_input *input)
{
    input->is_open = false;
    input->is_closing = false;
    if (input->is_freed)
        release(input);
    else if (!input->is_over)
        uv_timer_start(&input->timer, look, input->settings.retry_ms, 0);
}

void simc__tsio_input_free(struct simc__tsio_input *input)
{
    if (!input || input->is_freed)
        return;
    input->is_freed = true;
    uv_close((uv_handle_t *)&input->timer, timer_closed);
    uv_close((uv_handle_t *)&input->kick, timer_closed);
    begin_close(input);
}

/* ---- losses ---- */

static void lose(struct simc__tsio_input *input, const char *text)
{
    bool is_new = !input->is_lost;
    input->is_lost = true;
    input->stats.is_running = false;
    if (!is_new)
        return;
    input->stats.losses++;
    simc__tsio_input_event(input, SIMC__TSIO_LOST, text);
}

void simc__tsio_input_trouble(struct simc__tsio_input *input, const char *format, ...)
{
    char text[SIMC__TSIO_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    input->stats.is_running = false;
    if (!input->settings.is_live) {
        simc__tsio_input_event(input, SIMC__TSIO_FAILED, text);
    } else if (!input->is_trouble_told) {
        input->is_trouble_told = true;
        simc__tsio_input_event(input, SIMC__TSIO_TROUBLE, text);
    }
    begin_close(input);
}

void simc__tsio_input_ended(struct simc__tsio_input *input)
{
    input->stats.is_running = false;
    simc__tsio_input_event(input, SIMC__TSIO_ENDED, NULL);
    begin_close(input);
}

void simc__tsio_input_hung_up(struct simc__tsio_input *input)
{
    if (input->has_started)
        lose(input, "its writer has closed it");
    begin_close(input);
}

/* ---- opening ---- */

static void attempt(struct simc__tsio_input *input)
{
    char why[SIMC__TSIO_TEXT_SIZE] = "";
    input->fd = -1;
    input->is_open = true;
    if (input->kind->open(input, why)) {
        simc__tsio_input_trouble(input, "%s", why);
        return;
    }
    input->stats.opened++;
    input->quiet_since_ms = uv_now(input->tsio->loop);
    simc__tsio_input_event(input, SIMC__TSIO_OPENED, NULL);
    if (!input->is_freed && !input->is_closing)
        uv_timer_start(&input->timer, look, input->settings.lost_ms, 0);
}

/* The timer: opens what is not open, and finds what has gone quiet. */
static void look(uv_timer_t *timer)
{
    struct simc__tsio_input *input = timer->data;
    if (input->is_over || input->is_closing)
        return;
    if (!input->is_open) {
        attempt(input);
        return;
    }
    /* A file has no silence, and a pause is the consumer's own. */
    if (input->is_regular)
        return;
    uint64_t now_ms = uv_now(input->tsio->loop);
    if (input->is_paused)
        input->quiet_since_ms = now_ms;
    uint64_t quiet_ms = now_ms - input->quiet_since_ms;
    uint32_t lost_ms = input->settings.lost_ms;
    if (quiet_ms < lost_ms) {
        uv_timer_start(&input->timer, look, lost_ms - quiet_ms, 0);
        return;
    }
    char text[SIMC__TSIO_TEXT_SIZE];
    snprintf(text, sizeof text, "no packet came for %u ms", (unsigned)lost_ms);
    lose(input, text);
    uint64_t wait_ms = (uint64_t)input->settings.retry_ms * LOST_RETRIES;
    if (input->is_freed || input->is_over)
        return;
    if (input->address.is_multicast && quiet_ms >= wait_ms)
        begin_close(input);
    else
        uv_timer_start(&input->timer, look, wait_ms, 0);
}

int simc__tsio_input_new(struct simc__tsio *tsio, const struct simc__tsio_input_settings *settings,
                         struct simc__tsio_input **input)
{
    *input = NULL;
    if (!settings->address || (unsigned)settings->address->kind >= SIMC__TSIO_KIND_COUNT ||
        !settings->handlers.packets || !simc__tsio_kinds[settings->address->kind].input)
        return SIMC_EINVAL;
    struct simc__tsio_input *made = simc_calloc(1, sizeof *made);
    if (!made)
        return SIMC_ENOMEM;
    made->tsio = tsio;
    made->address = *settings->address;
    made->settings = *settings;
    made->settings.address = &made->address;
    made->kind = simc__tsio_kinds[made->address.kind].input;
    if (!made->settings.lost_ms)
        made->settings.lost_ms = SIMC__TSIO_LOST_MS;
    if (!made->settings.retry_ms)
        made->settings.retry_ms = SIMC__TSIO_RETRY_MS;
    if (!made->settings.run_count)
        made->settings.run_count = SIMC__TSIO_RUN_COUNT;
    made->fd = -1;
    uv_timer_init(tsio->loop, &made->timer);
    made->timer.data = made;
    uv_timer_init(tsio->loop, &made->kick);
    made->kick.data = made;
    simc__tsio_use(tsio);
    uv_timer_start(&made->timer, look, 0, 0);
    *input = made;
    return 0;
}

/* ---- packets ---- */

static void tell_of_packets(struct simc__tsio_input *input)
{
    bool was_lost = input->is_lost || input->is_trouble_told, had_started = input->has_started;
    input->stats.is_running = true;
    input->has_started = true;
    input->is_lost = false;
    input->is_trouble_told = false;
    if (!had_started)
        simc__tsio_input_event(input, SIMC__TSIO_STARTED, NULL);
    else if (was_lost)
        simc__tsio_input_event(input, SIMC__TSIO_RETURNED, NULL);
}

size_t simc__tsio_input_give(struct simc__tsio_input *input, const struct simc_ts_run *run,
                             uint64_t arrival_ns)
{
    if (input->is_freed || input->is_over)
        return run->count;
    if (!input->stats.is_running)
        tell_of_packets(input);
    input->quiet_since_ms = uv_now(input->tsio->loop);
    if (input->is_freed || input->is_paused)
        return 0;
    if (arrival_ns < input->arrival_ns)
        arrival_ns = input->arrival_ns;
    input->arrival_ns = arrival_ns;
    size_t taken = input->settings.handlers.packets(input->settings.context, run, arrival_ns);
    if (taken > run->count)
        taken = run->count;
    if (taken < run->count)
        input->is_paused = simc__tsio_can_wait(&input->address);
    input->stats.packets += taken;
    input->stats.bytes += (uint64_t)taken * SIMC_TS_SIZE;
    input->stats.last_packet_ns = arrival_ns;
    return taken;
}

static void go_on(uv_timer_t *kick)
{
    struct simc__tsio_input *input = kick->data;
    if (input->is_open && !input->is_closing && !input->is_paused)
        input->kind->resume(input);
}

void simc__tsio_input_pause(struct simc__tsio_input *input)
{
    input->is_paused = true;
}

void simc__tsio_input_resume(struct simc__tsio_input *input)
{
    if (!input->is_paused)
        return;
    input->is_paused = false;
    if (!input->is_freed)
        uv_timer_start(&input->kick, go_on, 0, 0);
}

void simc__tsio_input_stats(const struct simc__tsio_input *input,
                            struct simc__tsio_input_stats *stats)
{
    *stats = input->stats;
    stats->skipped_bytes += input->sync.skipped;
    stats->sync_losses += input->sync.losses;
}
