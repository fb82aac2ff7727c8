/* SPDX-License-Identifier: BSL-1.0 */
/* What the inputs and outputs of a loop share: the area for datagrams, and the timer that paces the
 * outputs by the monotonic clock. simc__tsio_new() and the kinds call it. */
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sys/clock.h"
#include "tsio/internal.h"

enum { NS_PER_S = 1000000000 };

static void release(struct simc__tsio *tsio)
{
    if (!tsio->is_freeing || tsio->users || tsio->handle_count)
        return;
    close(tsio->timer_fd);
    if (tsio->is_gone)
        *tsio->is_gone = true;
    simc_free(tsio->received);
    simc_free(tsio);
}

void simc__tsio_use(struct simc__tsio *tsio)
{
    tsio->users++;
}

void simc__tsio_unuse(struct simc__tsio *tsio)
{
    tsio->users--;
    release(tsio);
}

static void set_timer(struct simc__tsio *tsio, uint64_t at_ns)
{
    struct itimerspec when = {{0, 0}, {(time_t)(at_ns / NS_PER_S), (long)(at_ns % NS_PER_S)}};
    tsio->armed_ns = at_ns;
    /* It fails for times that are no times only. */
    (void)timerfd_settime(tsio->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

void simc__tsio_arm(struct simc__tsio *tsio, uint64_t at_ns)
{
    /* A zero would disarm it. */
    at_ns = at_ns ? at_ns : 1;
    if (tsio->armed_ns == 0 || at_ns < tsio->armed_ns)
        set_timer(tsio, at_ns);
}

static void expired(uv_poll_t *handle, int status, int events)
{
    struct simc__tsio *tsio = handle->data;
    uint64_t count, next_ns = UINT64_MAX;
    (void)status;
    (void)events;
    if (read(tsio->timer_fd, &count, sizeof count) < 0 && errno == EAGAIN)
        return;
    tsio->armed_ns = 0;
    uint64_t now_ns = simc__clock_monotonic_ns();
    for (struct simc__tsio_output *output = tsio->paced; output; output = output->next_paced) {
        uint64_t at_ns = simc__tsio_output_due(output, now_ns);
        next_ns = at_ns < next_ns ? at_ns : next_ns;
    }
    if (next_ns != UINT64_MAX)
        simc__tsio_arm(tsio, next_ns);
}

int simc__tsio_new(uv_loop_t *loop, struct simc__tsio **tsio)
{
    *tsio = NULL;
    struct simc__tsio *made = simc_calloc(1, sizeof *made);
    if (!made)
        return SIMC_ENOMEM;
    made->loop = loop;
    made->received = simc_alloc((size_t)SIMC__TSIO_RECEIVE_COUNT * SIMC__TSIO_RECEIVE_SIZE);
    made->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    int error = !made->received ? SIMC_ENOMEM : made->timer_fd < 0 ? SIMC_EIO : 0;
    if (!error && uv_poll_init(loop, &made->timer, made->timer_fd))
        error = SIMC_EIO;
    if (error) {
        if (made->timer_fd >= 0)
            close(made->timer_fd);
        simc_free(made->received);
        simc_free(made);
        return error;
    }
    made->handle_count = 1;
    made->timer.data = made;
    uv_poll_start(&made->timer, UV_READABLE, expired);
    /* What is only waited for by a timer does not keep a loop alive. */
    uv_unref((uv_handle_t *)&made->timer);
    *tsio = made;
    return 0;
}

static void closed(uv_handle_t *handle)
{
    struct simc__tsio *tsio = handle->data;
    tsio->handle_count--;
    release(tsio);
}

void simc__tsio_free(struct simc__tsio *tsio)
{
    if (!tsio || tsio->is_freeing)
        return;
    tsio->is_freeing = true;
    uv_close((uv_handle_t *)&tsio->timer, closed);
}

void simc__tsio_free_now(struct simc__tsio *tsio)
{
    bool is_gone = !tsio;
    if (tsio) {
        uv_loop_t *loop = tsio->loop;
        tsio->is_gone = &is_gone;
        simc__tsio_free(tsio);
        while (!is_gone)
            uv_run(loop, UV_RUN_ONCE);
    }
}
