/* SPDX-License-Identifier: BSL-1.0 */
/* Outputs of every kind: opening and opening again, what is told of their troubles, and the end.
 * The kinds keep what waits and write it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sys/clock.h"
#include "tsio/internal.h"

/* Troubles of a datagram socket come and go: it works when it has for so long. */
static const uint64_t steady_ns = UINT64_C(3000000000);

void simc__tsio_output_event(struct simc__tsio_output *output, enum simc__tsio_event_type type,
                             const char *text)
{
    struct simc__tsio_event event = {type, text ? text : ""};
    if (output->is_freed || output->is_over)
        return;
    if (type == SIMC__TSIO_ENDED || type == SIMC__TSIO_FAILED)
        output->is_over = true;
    if (output->settings.handlers.event)
        output->settings.handlers.event(output->settings.context, &event);
}

/* ---- the end ---- */

static void release(struct simc__tsio_output *output)
{
    if (!output->is_freed || output->timers_closed < 2 || output->is_open || output->is_closing)
        return;
    struct simc__tsio *tsio = output->tsio;
    if (output->settings.handlers.gone)
        output->settings.handlers.gone(output->settings.context);
    simc_free(output->ring);
    simc_free(output->times_ns);
    simc_free(output);
    simc__tsio_unuse(tsio);
}

static void timer_closed(uv_handle_t *handle)
{
    struct simc__tsio_output *output = handle->data;
    output->timers_closed++;
    release(output);
}

static void begin_close(struct simc__tsio_output *output)
{
    if (!output->is_open || output->is_closing)
        return;
    output->is_closing = true;
    output->kind->close(output);
}

/* An open that has failed is closed too: the kind sees what there is to close. */
static int attempt(struct simc__tsio_output *output, char why[SIMC__TSIO_TEXT_SIZE])
{
    output->fd = -1;
    output->is_open = true;
    int error = output->kind->open(output, why);
    if (error)
        begin_close(output);
    return error;
}

static void try_again(uv_timer_t *timer)
{
    struct simc__tsio_output *output = timer->data;
    char why[SIMC__TSIO_TEXT_SIZE] = "";
    if (output->is_closing || output->is_over)
        return;
    if (!output->is_open && attempt(output, why))
        simc__tsio_output_trouble(output, "%s", why);
    else
        simc__tsio_output_event(output, SIMC__TSIO_OPENED, NULL);
}

void simc__tsio_output_closed(struct simc__tsio_output *output)
{
    output->is_open = false;
    output->is_closing = false;
    if (output->is_freed)
        release(output);
    else if (!output->is_over && output->is_finishing)
        simc__tsio_output_ended(output);
    else if (!output->is_over)
        uv_timer_start(&output->timer, try_again, output->settings.retry_ms, 0);
}

static void leave_paced(struct simc__tsio_output *output)
{
    struct simc__tsio_output **at = &output->tsio->paced;
    while (*at && *at != output)
        at = &(*at)->next_paced;
    if (*at)
        *at = output->next_paced;
}

void simc__tsio_output_free(struct simc__tsio_output *output)
{
    if (!output || output->is_freed)
        return;
    output->is_freed = true;
    leave_paced(output);
    uv_close((uv_handle_t *)&output->timer, timer_closed);
    uv_close((uv_handle_t *)&output->flush, timer_closed);
    begin_close(output);
}

/* ---- troubles ---- */

void simc__tsio_output_trouble(struct simc__tsio_output *output, const char *format, ...)
{
    char text[SIMC__TSIO_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    output->trouble_ns = simc__clock_monotonic_ns();
    if (!output->settings.is_live) {
        simc__tsio_output_event(output, SIMC__TSIO_FAILED, text);
        begin_close(output);
    } else if (!output->is_in_trouble) {
        output->is_in_trouble = true;
        simc__tsio_output_event(output, SIMC__TSIO_TROUBLE, text);
    }
}

void simc__tsio_output_works(struct simc__tsio_output *output)
{
    if (!output->is_in_trouble)
        return;
    bool is_network = simc__tsio_kinds[output->address.kind].is_network;
    if (is_network && simc__clock_monotonic_ns() - output->trouble_ns < steady_ns)
        return;
    output->is_in_trouble = false;
    simc__tsio_output_event(output, SIMC__TSIO_RETURNED, NULL);
}

void simc__tsio_output_reopen(struct simc__tsio_output *output)
{
    begin_close(output);
}

void simc__tsio_output_ended(struct simc__tsio_output *output)
{
    simc__tsio_output_event(output, SIMC__TSIO_ENDED, NULL);
    begin_close(output);
}

void simc__tsio_output_ready(struct simc__tsio_output *output)
{
    if (!output->is_full || output->is_freed || output->is_over)
        return;
    output->is_full = false;
    if (output->settings.handlers.ready)
        output->settings.handlers.ready(output->settings.context);
}

/* ---- beginning ---- */

static int fill_in(struct simc__tsio_output *output,
                   const struct simc__tsio_output_settings *settings)
{
    output->address = *settings->address;
    output->settings = *settings;
    output->settings.address = &output->address;
    output->kind = simc__tsio_kinds[settings->address->kind].output;
    output->fd = -1;
    if (!output->settings.queue_bytes)
        output->settings.queue_bytes = SIMC__TSIO_QUEUE_SIZE;
    if (!output->settings.retry_ms)
        output->settings.retry_ms = SIMC__TSIO_RETRY_MS;
    return output->settings.queue_bytes < SIMC__TSIO_QUEUE_LEAST ? SIMC_EINVAL
                                                                 : output->kind->prepare(output);
}

/* Puts it on the loop. What is not live must open at once. */
static int start(struct simc__tsio_output *output, struct simc__tsio *tsio,
                 char why[SIMC__TSIO_TEXT_SIZE])
{
    output->tsio = tsio;
    uv_timer_init(tsio->loop, &output->timer);
    output->timer.data = output;
    uv_timer_init(tsio->loop, &output->flush);
    output->flush.data = output;
    simc__tsio_use(tsio);
    if (simc__tsio_kinds[output->address.kind].is_network) {
        output->next_paced = tsio->paced;
        tsio->paced = output;
    }
    if (!output->settings.is_live) {
        int error = attempt(output, why);
        if (error) {
            /* The owner never gets it: nobody is to be told when it is gone. */
            output->settings.handlers.gone = NULL;
            simc__tsio_output_free(output);
            return error;
        }
    }
    uv_timer_start(&output->timer, try_again, 0, 0);
    return 0;
}

int simc__tsio_output_new(struct simc__tsio *tsio,
                          const struct simc__tsio_output_settings *settings,
                          char why[SIMC__TSIO_TEXT_SIZE], struct simc__tsio_output **output)
{
    *output = NULL;
    snprintf(why, SIMC__TSIO_TEXT_SIZE, "an output of this kind cannot be made");
    if (!settings->address || (unsigned)settings->address->kind >= SIMC__TSIO_KIND_COUNT ||
        !simc__tsio_kinds[settings->address->kind].output)
        return SIMC_EINVAL;
    struct simc__tsio_output *made = simc_calloc(1, sizeof *made);
    int error = made ? fill_in(made, settings) : SIMC_ENOMEM;
    if (!error) {
        error = start(made, tsio, why);
        *output = error ? NULL : made;
        return error;
    }
    if (error == SIMC_ENOMEM)
        snprintf(why, SIMC__TSIO_TEXT_SIZE, "there is no memory for the queue of an output");
    if (made) {
        simc_free(made->ring);
        simc_free(made->times_ns);
    }
    simc_free(made);
    return error;
}

/* ---- packets ---- */

int simc__tsio_output_put(struct simc__tsio_output *output, const uint8_t *packets, size_t count,
                          uint64_t at_ns, uint64_t until_ns)
{
    if (output->is_freed || output->is_over || output->is_finishing)
        return SIMC_EEND;
    if (!count)
        return 0;
    int error = output->kind->put(output, packets, count, at_ns, until_ns);
    if (error && output->settings.is_live)
        output->stats.dropped_packets += count;
    else if (error)
        output->is_full = true;
    return error;
}

bool simc__tsio_output_has_room(struct simc__tsio_output *output, size_t count)
{
    /* A datagram that is being filled, and one of another size, take some more. */
    uint64_t spare = 2 * SIMC__TSIO_DATAGRAM_PACKETS + count;
    bool has_room =
        output->is_over || output->is_freed ||
        output->kind->waiting(output) + spare * SIMC_TS_SIZE + output->settings.queue_bytes / 64 <=
            output->settings.queue_bytes;
    if (!has_room)
        output->is_full = true;
    return has_room;
}

void simc__tsio_output_finish(struct simc__tsio_output *output)
{
    if (output->is_freed || output->is_over || output->is_finishing)
        return;
    output->is_finishing = true;
    output->kind->finish(output);
}

void simc__tsio_output_stats(struct simc__tsio_output *output,
                             struct simc__tsio_output_stats *stats)
{
    output->stats.waiting_bytes = output->kind->waiting(output);
    output->stats.is_in_trouble = output->is_in_trouble;
    *stats = output->stats;
    output->stats.most_late_ns = 0;
}
