/* SPDX-License-Identifier: BSL-1.0 */
/* `simulcrypt receive` on its loop: packets of an input go through the receiver, what it gives goes
 * to an output, and who is slower is waited for where waiting is possible. receive.c calls it. */
#include "cli/receive_flow.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/keys.h"
#include "tsio/tsio.h"

enum {
    TICK_MS = 100,
    END_MS = 2000,
    RUN_PACKETS = 1024 /* of one push, and of one write */
};

struct flow {
    const struct simc__receive_flow *how;
    uv_loop_t loop;
    uv_timer_t tick;
    uv_signal_t signals[2];
    struct simc__tsio *tsio;
    struct simc__tsio_address from, to;
    struct simc__tsio_input *input;
    struct simc__tsio_output *output;
    struct simc_slice rest; /* of what the receiver gave: the output was full */
    uint64_t start_ms, data_ms, shown_ms, end_ms;
    uint64_t sync_losses, refused; /* of the input, as seen last */
    int status;
    bool is_recording; /* a file: the windows of keys are not judged */
    bool was_opened;
    bool is_silent;  /* what waited was let go */
    bool is_ending;  /* nothing more is taken */
    bool is_hurried; /* somebody has asked to end: the output has END_MS for the rest */
    bool is_over;
    uint8_t scratch[RUN_PACKETS * SIMC_TS_SIZE];
};

/* ---- the end ---- */

static void stop(struct flow *flow)
{
    flow->is_over = true;
    uv_stop(&flow->loop);
}

static void fail(struct flow *flow, const char *text)
{
    if (!flow->status)
        flow->status = simc__cli_trouble("%s", text);
    stop(flow);
}

/* ---- what the receiver gives ---- */

/* @return true: all of it is out. */
static bool drain(struct flow *flow)
{
    while (!flow->is_over) {
        if (!flow->rest.size && simc__receiver_next(flow->how->receiver, &flow->rest))
            return true;
        if (!flow->output) {
            flow->rest.size = 0;
            continue;
        }
        size_t count = flow->rest.size / SIMC_TS_SIZE;
        if (count > RUN_PACKETS)
            count = RUN_PACKETS;
        int error = simc__tsio_output_put(flow->output, flow->rest.data, count, 0, 0);
        if (error)
            return false;
        size_t size = count * SIMC_TS_SIZE;
        flow->rest = simc_slice(flow->rest.data + size, flow->rest.size - size);
    }
    return false;
}

static void finish_when_drained(struct flow *flow)
{
    if (!drain(flow))
        return;
    if (flow->output)
        simc__tsio_output_finish(flow->output);
    else
        stop(flow);
}

static void begin_end(struct flow *flow)
{
    if (flow->is_ending || flow->is_over)
        return;
    flow->is_ending = true;
    flow->end_ms = uv_now(&flow->loop);
    if (drain(flow))
        simc__receiver_flush(flow->how->receiver);
    finish_when_drained(flow);
}

static void ready(void *context)
{
    struct flow *flow = context;
    if (flow->is_ending) {
        /* What was full before may have kept the receiver from its last packets. */
        if (drain(flow))
            simc__receiver_flush(flow->how->receiver);
        finish_when_drained(flow);
    } else if (drain(flow)) {
        simc__tsio_input_resume(flow->input);
    }
}

/* ---- telling ---- */

static void show(struct flow *flow)
{
    const struct simc__receive_flow *how = flow->how;
    uint64_t now_ms = uv_now(&flow->loop);
    simc__receive_show_events(how->show, how->receiver);
    if (!how->figures_ms || now_ms - flow->shown_ms < how->figures_ms)
        return;
    flow->shown_ms = now_ms;
    simc__receive_show_now(how->show, how->receiver);
}

/* ---- the output ---- */

static void on_output(void *context, const struct simc__tsio_event *event)
{
    struct flow *flow = context;
    if (event->type == SIMC__TSIO_FAILED)
        fail(flow, event->text);
    else if (event->type == SIMC__TSIO_ENDED)
        stop(flow);
    else if (event->type == SIMC__TSIO_TROUBLE)
        simc__receive_show_note(flow->how->show, flow->how->receiver, "output", event->text);
}

static bool open_output(struct flow *flow)
{
    char why[SIMC__TSIO_TEXT_SIZE];
    const struct simc__tsio_output_settings settings = {
        .address = &flow->to,
        .handlers = {.event = on_output, .ready = ready},
        .context = flow,
    };
    if (!flow->how->output || flow->output)
        return true;
    if (simc__tsio_output_new(flow->tsio, &settings, why, &flow->output) == 0)
        return true;
    fail(flow, why);
    return false;
}

/* ---- the input ---- */

static int push(struct flow *flow, const uint8_t *packets, size_t count, size_t *taken)
{
    uint64_t now_s = flow->is_recording ? 0 : simc__cli_now_s();
    return simc__receiver_push(flow->how->receiver, packets, count, now_s, taken);
}

/* Packets that do not lie side by side are copied. */
static const uint8_t *side_by_side(struct flow *flow, const uint8_t *from, size_t stride,
                                   size_t count)
{
    if (stride == SIMC_TS_SIZE)
        return from;
    for (size_t i = 0; i < count; i++)
        memcpy(flow->scratch + i * SIMC_TS_SIZE, from + i * stride, SIMC_TS_SIZE);
    return flow->scratch;
}

static size_t on_packets(void *context, const struct simc_ts_run *run, uint64_t arrival_ns)
{
    struct flow *flow = context;
    struct simc__tsio_input_stats stats;
    size_t done = 0;
    (void)arrival_ns;
    flow->data_ms = uv_now(&flow->loop);
    flow->is_silent = false;
    simc__tsio_input_stats(flow->input, &stats);
    /* What is dropped here is a gap like one of the network. */
    if (stats.sync_losses != flow->sync_losses || stats.refused_packets != flow->refused)
        simc__receiver_break(flow->how->receiver);
    flow->sync_losses = stats.sync_losses;
    flow->refused = stats.refused_packets;
    while (done < run->count && !flow->is_ending && drain(flow)) {
        size_t count = run->count - done < RUN_PACKETS ? run->count - done : RUN_PACKETS, taken;
        const uint8_t *packets =
            side_by_side(flow, run->data + done * run->stride, run->stride, count);
        if (push(flow, packets, count, &taken)) {
            fail(flow, "the cipher library failed");
            break;
        }
        done += taken;
    }
    (void)drain(flow);
    show(flow);
    return done;
}

static void on_input(void *context, const struct simc__tsio_event *event)
{
    struct flow *flow = context;
    switch (event->type) {
    case SIMC__TSIO_OPENED:
        flow->was_opened = open_output(flow);
        break;
    case SIMC__TSIO_LOST:
        simc__receive_show_note(flow->how->show, flow->how->receiver, "input", event->text);
        break;
    case SIMC__TSIO_RETURNED:
        simc__receiver_break(flow->how->receiver);
        simc__receive_show_note(flow->how->show, flow->how->receiver, "input",
                                "packets come again");
        break;
    case SIMC__TSIO_TROUBLE:
        /* What has worked once is waited for. */
        if (flow->was_opened)
            simc__receive_show_note(flow->how->show, flow->how->receiver, "input", event->text);
        else
            fail(flow, event->text);
        break;
    case SIMC__TSIO_FAILED:
        fail(flow, event->text);
        break;
    case SIMC__TSIO_ENDED:
        begin_end(flow);
        break;
    default:
        break;
    }
}

/* ---- time ---- */

static void on_tick(uv_timer_t *timer)
{
    struct flow *flow = timer->data;
    const struct simc__receive_flow *how = flow->how;
    uint64_t now_ms = uv_now(&flow->loop);
    if (flow->is_ending && flow->is_hurried && now_ms - flow->end_ms > END_MS) {
        stop(flow);
        return;
    }
    if (how->seconds && now_ms - flow->start_ms >= how->seconds * 1000) {
        flow->is_hurried = true;
        begin_end(flow);
    }
    /* Time passes without packets: what waits must not wait for ever. */
    if (now_ms - flow->data_ms > how->hold_ms && !flow->is_silent && !flow->is_ending &&
        drain(flow)) {
        flow->is_silent = true;
        simc__receiver_flush(how->receiver);
        (void)drain(flow);
    }
    how->tick(how->context);
    show(flow);
}

static void on_signal(uv_signal_t *handle, int number)
{
    struct flow *flow = handle->data;
    (void)number;
    /* The next one ends the process at once. */
    for (size_t i = 0; i < 2; i++)
        uv_signal_stop(&flow->signals[i]);
    flow->is_hurried = true;
    begin_end(flow);
}

/* ---- beginning ---- */

static bool is_regular(const struct simc__tsio_address *address, struct stat *about)
{
    int failed = address->kind == SIMC__TSIO_FILE       ? stat(address->path, about)
                 : address->kind == SIMC__TSIO_STANDARD ? fstat(STDIN_FILENO, about)
                                                        : -1;
    return !failed && S_ISREG(about->st_mode);
}

/* Reads the addresses. Writing over the input would destroy it before it is read. */
static int read_addresses(struct flow *flow)
{
    char why[SIMC__TSIO_TEXT_SIZE];
    struct stat from, to;
    if (simc__tsio_address_read(flow->how->input, SIMC__TSIO_INPUT, &flow->from, why))
        return simc__cli_trouble("the input %s", why);
    flow->is_recording = is_regular(&flow->from, &from);
    if (!flow->how->output)
        return 0;
    if (simc__tsio_address_read(flow->how->output, SIMC__TSIO_OUTPUT, &flow->to, why))
        return simc__cli_trouble("the output %s", why);
    if (flow->is_recording && flow->to.kind == SIMC__TSIO_FILE && is_regular(&flow->to, &to) &&
        from.st_dev == to.st_dev && from.st_ino == to.st_ino)
        return simc__cli_trouble("%s is the input too: name another output", flow->how->output);
    return 0;
}

static int cannot_start(const char *why)
{
    return simc__cli_trouble("cannot start: %s; allow more open files (ulimit -n), or free memory",
                             why);
}

static int open_input(struct flow *flow)
{
    const struct simc__tsio_input_settings settings = {
        .address = &flow->from,
        .is_live = !simc__tsio_can_wait(&flow->from),
        .run_count = RUN_PACKETS,
        .handlers = {.packets = on_packets, .event = on_input},
        .context = flow,
    };
    int error = simc__tsio_new(&flow->loop, &flow->tsio);
    if (!error)
        error = simc__tsio_input_new(flow->tsio, &settings, &flow->input);
    return error ? cannot_start(simc_error_text(error)) : 0;
}

/* What the input brought that did not get through. */
static int judge_input(struct flow *flow)
{
    struct simc__tsio_input_stats stats;
    char text[160];
    simc__tsio_input_stats(flow->input, &stats);
    if (stats.dropped_datagrams || stats.refused_packets) {
        snprintf(
            text, sizeof text,
            "this program or its output is too slow; dropped were %llu datagrams, %llu packets",
            (unsigned long long)stats.dropped_datagrams, (unsigned long long)stats.refused_packets);
        simc__receive_show_note(flow->how->show, flow->how->receiver, "input", text);
    }
    if (stats.rtp_lost > stats.rtp_late) {
        snprintf(text, sizeof text, "RTP datagrams that did not come: %llu",
                 (unsigned long long)(stats.rtp_lost - stats.rtp_late));
        simc__receive_show_note(flow->how->show, flow->how->receiver, "input", text);
    }
    if (stats.packets)
        return 0;
    return simc__tsio_can_wait(&flow->from)
               ? simc__cli_trouble("%s holds no transport stream packets", flow->how->input)
               : simc__cli_trouble("no transport stream packet came from %s", flow->how->input);
}

static void close_all(struct flow *flow)
{
    simc__tsio_input_free(flow->input);
    simc__tsio_output_free(flow->output);
    simc__tsio_free_now(flow->tsio);
    uv_close((uv_handle_t *)&flow->tick, NULL);
    for (size_t i = 0; i < 2; i++)
        uv_close((uv_handle_t *)&flow->signals[i], NULL);
    uv_run(&flow->loop, UV_RUN_DEFAULT);
}

static int run(struct flow *flow)
{
    static const int numbers[] = {SIGINT, SIGTERM};
    int status = read_addresses(flow);
    if (status)
        return status;
    int failed = uv_loop_init(&flow->loop);
    if (failed)
        return cannot_start(uv_strerror(failed));
    uv_timer_init(&flow->loop, &flow->tick);
    flow->tick.data = flow;
    for (size_t i = 0; i < 2; i++) {
        uv_signal_init(&flow->loop, &flow->signals[i]);
        flow->signals[i].data = flow;
        uv_signal_start(&flow->signals[i], on_signal, numbers[i]);
    }
    flow->status = open_input(flow);
    if (!flow->status) {
        flow->start_ms = flow->data_ms = flow->shown_ms = uv_now(&flow->loop);
        uv_timer_start(&flow->tick, on_tick, TICK_MS, TICK_MS);
        uv_run(&flow->loop, UV_RUN_DEFAULT);
    }
    if (!flow->status)
        flow->status = judge_input(flow);
    close_all(flow);
    uv_loop_close(&flow->loop);
    return flow->status;
}

int simc__receive_flow_run(const struct simc__receive_flow *how)
{
    struct flow *flow = calloc(1, sizeof *flow);
    if (!flow)
        return simc__cli_trouble("no memory");
    /* An output that nobody reads any more is an error of its write. */
    signal(SIGPIPE, SIG_IGN);
    flow->how = how;
    int status = run(flow);
    free(flow);
    return status;
}
