/* SPDX-License-Identifier: BSL-1.0 */
/* One multiplex: packets from its inputs into the engine, packets of the engine to its outputs, the
 * time, and what it waits for; see multiplex.h. service.c makes and changes it. */
#include "mux/multiplex.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "sys/clock.h"
#include "sys/process.h"
#include "tsio/tsio.h"

enum {
    PUMP_MS = 5, /* live: how often the engine runs; its lead is at least as long */
    PUMP_NS = PUMP_MS * 1000000,
    REFILL_MS = 50, /* how much it makes up for at most, before it is given more */
    GROUP = SIMC__TSIO_DATAGRAM_PACKETS,
    BLOCK_PACKETS = 512, /* the engine's, by default */
    NS_PER_MS = 1000000,
    MS_PER_S = 1000,
    TITLE_QUEUE = 8 << 20,
    LIVE_QUEUE_LEAST = 256 << 10,
    LIVE_QUEUE_MOST = 256 << 20,
    FILE_QUEUE_LEAST = 4 << 20, /* a disk may pause */
    BITS = 8,
    QUEUE_MS = 250,   /* of a live output, beyond its lead */
    TITLE_RUN = 2048, /* packets of a file in one call */
};

void simc__muxd_trouble_raise(struct simc__muxd_trouble *trouble, const char *text)
{
    if (!trouble->is_raised)
        trouble->since_us = simc__clock_wall_us(NULL);
    trouble->is_raised = true;
    snprintf(trouble->text, sizeof trouble->text, "%s", text);
}

static void end(struct simc__muxd_multiplex *multiplex, enum simc__muxd_result result)
{
    if (multiplex->result != SIMC__MUXD_RUNNING)
        return;
    multiplex->result = result;
    multiplex->is_stopped = true;
    multiplex->ended(multiplex->ended_context);
}

void simc__muxd_multiplex_fail(struct simc__muxd_multiplex *multiplex, const char *format, ...)
{
    va_list args;
    if (multiplex->result != SIMC__MUXD_RUNNING)
        return;
    va_start(args, format);
    vsnprintf(multiplex->result_text, sizeof multiplex->result_text, format, args);
    va_end(args);
    end(multiplex, SIMC__MUXD_FAILED);
}

/* ---- inputs ---- */

static void log_end(const struct simc__muxd_multiplex *multiplex, enum simc_log_level level,
                    const char *message, const char *address, const char *text)
{
    if (text[0])
        simc_log(multiplex->log, level, message, simc_log_text("multiplex", multiplex->conf->name),
                 simc_log_text("address", address), simc_log_text("why", text));
    else
        simc_log(multiplex->log, level, message, simc_log_text("multiplex", multiplex->conf->name),
                 simc_log_text("address", address));
}

/* Live, everything is taken. A title is held up until the engine has room again; running it makes
 * some. @return packets taken. */
static size_t feed_engine(struct simc__muxd_feed *feed, const struct simc_ts_run *run, size_t count,
                          uint64_t at_ns)
{
    struct simc__muxd_multiplex *multiplex = feed->multiplex;
    size_t done = 0, taken = 1;
    while (done < count && taken && !multiplex->is_stopped) {
        taken = 0;
        int error =
            simc__mux_input_feed(multiplex->mux, feed->index, run->data + done * run->stride,
                                 count - done, run->stride, at_ns, &taken);
        if (error) {
            simc__muxd_multiplex_fail(multiplex, "input %s: %s", feed->name,
                                      simc_error_text(error));
            return count;
        }
        done += taken;
        if (multiplex->is_title) {
            multiplex->progress_ms = simc_uv_loop_now_ms(multiplex->loop);
            simc__muxd_multiplex_pump(multiplex);
        }
    }
    return done;
}

static size_t on_packets(void *context, const struct simc_ts_run *run, uint64_t arrival_ns)
{
    struct simc__muxd_feed *feed = context;
    size_t count = run->count;
    if (!feed->multiplex || feed->multiplex->is_stopped)
        return run->count;
    if (feed->is_paced) {
        uint64_t wait_ns;
        count = simc__muxd_pacer_take(&feed->pacer, run, simc__clock_monotonic_ns(), &arrival_ns,
                                      &wait_ns);
        feed->wait_ns = count < run->count ? wait_ns : 0;
    }
    return count ? feed_engine(feed, run, count, arrival_ns) : 0;
}

static void on_input_event(void *context, const struct simc__tsio_event *event)
{
    static const struct {
        const char *message;
        enum simc_log_level level;
    } rows[] = {
        [SIMC__TSIO_OPENED] = {"input is open", SIMC_LOG_DEBUG},
        [SIMC__TSIO_STARTED] = {"input has started", SIMC_LOG_INFO},
        [SIMC__TSIO_LOST] = {"input is lost", SIMC_LOG_WARNING},
        [SIMC__TSIO_RETURNED] = {"input has returned", SIMC_LOG_NOTICE},
        [SIMC__TSIO_LOOPED] = {"input begins again", SIMC_LOG_DEBUG},
        [SIMC__TSIO_TROUBLE] = {"input does not work; it is tried again", SIMC_LOG_WARNING},
        [SIMC__TSIO_ENDED] = {"input has ended", SIMC_LOG_INFO},
        [SIMC__TSIO_FAILED] = {"input has failed", SIMC_LOG_ERROR},
    };
    struct simc__muxd_feed *feed = context;
    struct simc__muxd_multiplex *multiplex = feed->multiplex;
    if (!multiplex)
        return;
    log_end(multiplex, rows[event->type].level, rows[event->type].message, feed->address,
            event->text);
    switch (event->type) {
    case SIMC__TSIO_STARTED:
        feed->trouble.is_raised = false;
        break;
    case SIMC__TSIO_LOOPED:
    case SIMC__TSIO_RETURNED:
        feed->trouble.is_raised = false;
        simc__muxd_pacer_break(&feed->pacer);
        if (event->type == SIMC__TSIO_LOOPED)
            simc__mux_input_break(multiplex->mux, feed->index);
        break;
    case SIMC__TSIO_LOST:
    case SIMC__TSIO_TROUBLE:
        simc__muxd_trouble_raise(&feed->trouble, event->text);
        break;
    case SIMC__TSIO_ENDED:
        feed->has_ended = true;
        if (multiplex->is_title) {
            simc__mux_input_end(multiplex->mux, feed->index);
            simc__muxd_multiplex_pump(multiplex);
        }
        break;
    case SIMC__TSIO_FAILED:
        simc__muxd_multiplex_fail(multiplex, "input %s: %s", feed->name, event->text);
        break;
    case SIMC__TSIO_OPENED:
        break;
    }
}

static void on_input_gone(void *context)
{
    simc_free(context);
}

static void forget_feed(struct simc__muxd_feed *feed)
{
    if (!feed)
        return;
    feed->multiplex = NULL;
    if (feed->input)
        simc__tsio_input_free(feed->input);
    else
        simc_free(feed);
}

static int open_feed(struct simc__muxd_multiplex *multiplex,
                     const struct simc__muxd_multiplex_conf *conf, size_t index,
                     struct simc__muxd_feed **feed, char why[SIMC__MUXD_WHY_SIZE])
{
    const struct simc__muxd_input_conf *input = &conf->inputs[index];
    struct simc__tsio_address address;
    char text[SIMC__TSIO_TEXT_SIZE];
    *feed = simc_calloc(1, sizeof **feed);
    if (!*feed)
        return SIMC_ENOMEM;
    struct simc__muxd_feed *made = *feed;
    made->multiplex = multiplex;
    made->index = (uint32_t)index;
    made->is_looped = input->loop;
    simc__muxd_input_name(conf, index, made->name);
    snprintf(made->address, sizeof made->address, "%s", input->address);
    int error = simc__tsio_address_read(input->address, SIMC__TSIO_INPUT, &address, text);
    if (error) {
        snprintf(why, SIMC__MUXD_WHY_SIZE, "input %s: %s", made->name, text);
        return error;
    }
    made->is_paced = !multiplex->is_title && simc__tsio_can_wait(&address);
    made->pacer.bitrate = input->timing == SIMC__MUX_TIMING_BITRATE ? input->bitrate : 0;
    const struct simc__tsio_input_settings settings = {
        .address = &address,
        .is_live = !multiplex->is_title,
        .is_looped = input->loop,
        .lost_ms = input->loss_ms,
        .run_count = multiplex->is_title ? TITLE_RUN : 0,
        .handlers = {on_packets, on_input_event, on_input_gone},
        .context = made,
    };
    return simc__tsio_input_new(multiplex->tsio, &settings, &made->input);
}

/* Files and pipes of a live multiplex go on when their packets are due. */
static void resume_paced(struct simc__muxd_multiplex *multiplex, uint64_t now_ns)
{
    for (size_t i = 0; i < multiplex->feed_count; i++) {
        struct simc__muxd_feed *feed = multiplex->feeds[i];
        if (feed->wait_ns && feed->wait_ns <= now_ns) {
            feed->wait_ns = 0;
            simc__tsio_input_resume(feed->input);
        }
    }
}

/* ---- outputs ---- */

static void look_for_end(struct simc__muxd_multiplex *multiplex)
{
    for (size_t i = 0; i < multiplex->send_count; i++)
        if (!multiplex->sends[i]->has_ended)
            return;
    end(multiplex, SIMC__MUXD_DONE);
}

static void on_output_event(void *context, const struct simc__tsio_event *event)
{
    struct simc__muxd_send *send = context;
    struct simc__muxd_multiplex *multiplex = send->multiplex;
    if (!multiplex)
        return;
    switch (event->type) {
    case SIMC__TSIO_OPENED:
        send->trouble.is_raised = false;
        break;
    case SIMC__TSIO_TROUBLE:
        simc__muxd_trouble_raise(&send->trouble, event->text);
        log_end(multiplex, SIMC_LOG_WARNING, "output does not work; it is tried again",
                send->address, event->text);
        break;
    case SIMC__TSIO_RETURNED:
        send->trouble.is_raised = false;
        log_end(multiplex, SIMC_LOG_NOTICE, "output works again", send->address, "");
        break;
    case SIMC__TSIO_ENDED:
        send->has_ended = true;
        look_for_end(multiplex);
        break;
    case SIMC__TSIO_FAILED:
        simc__muxd_trouble_raise(&send->trouble, event->text);
        log_end(multiplex, SIMC_LOG_ERROR, "output has failed", send->address, event->text);
        send->has_ended = true;
        /* A title with a piece missing is none; standard output of a live one has nobody else. */
        if (multiplex->is_title || multiplex->send_count == 1)
            simc__muxd_multiplex_fail(multiplex, "output %s", event->text);
        break;
    case SIMC__TSIO_STARTED:
    case SIMC__TSIO_LOST:
    case SIMC__TSIO_LOOPED:
        break;
    }
}

static void on_output_ready(void *context)
{
    struct simc__muxd_send *send = context;
    if (send->multiplex && send->multiplex->is_title)
        simc__muxd_multiplex_pump(send->multiplex);
}

static void on_output_gone(void *context)
{
    simc_free(context);
}

static void forget_send(struct simc__muxd_send *send)
{
    if (!send)
        return;
    send->multiplex = NULL;
    if (send->output)
        simc__tsio_output_free(send->output);
    else
        simc_free(send);
}

/* What a live output may hold back: what is made ahead, and some more. */
static size_t queue_of(const struct simc__muxd_multiplex_conf *conf, bool is_file)
{
    uint64_t span_ms = conf->lead_ms + (is_file ? 2 * MS_PER_S : QUEUE_MS);
    uint64_t size = conf->has_bitrate ? conf->bitrate / BITS * span_ms / MS_PER_S : 0;
    uint64_t least = is_file || !conf->has_bitrate ? FILE_QUEUE_LEAST : LIVE_QUEUE_LEAST;
    size = size > least ? size : least;
    return size < LIVE_QUEUE_MOST ? (size_t)size : (size_t)LIVE_QUEUE_MOST;
}

static int open_send(struct simc__muxd_multiplex *multiplex,
                     const struct simc__muxd_multiplex_conf *conf, const char *text,
                     struct simc__muxd_send **send, char why[SIMC__MUXD_WHY_SIZE])
{
    struct simc__tsio_address address;
    char sentence[SIMC__TSIO_TEXT_SIZE] = "";
    *send = simc_calloc(1, sizeof **send);
    if (!*send)
        return SIMC_ENOMEM;
    (*send)->multiplex = multiplex;
    snprintf((*send)->address, sizeof(*send)->address, "%s", text);
    int error = simc__tsio_address_read(text, SIMC__TSIO_OUTPUT, &address, sentence);
    const struct simc__tsio_output_settings settings = {
        .address = &address,
        .is_live = !multiplex->is_title,
        .queue_bytes =
            multiplex->is_title ? TITLE_QUEUE : queue_of(conf, simc__tsio_can_wait(&address)),
        .handlers = {on_output_event, on_output_ready, on_output_gone},
        .context = *send,
    };
    if (!error)
        error = simc__tsio_output_new(multiplex->tsio, &settings, sentence, &(*send)->output);
    if (error)
        snprintf(why, SIMC__MUXD_WHY_SIZE, "output %s", sentence);
    return error;
}

static bool outputs_have_room(struct simc__muxd_multiplex *multiplex)
{
    bool have = true;
    for (size_t i = 0; i < multiplex->send_count; i++)
        have = simc__tsio_output_has_room(multiplex->sends[i]->output, BLOCK_PACKETS) && have;
    return have;
}

/* A live output counts what it drops itself; a title's had room. */
static void put(struct simc__muxd_multiplex *multiplex, const uint8_t *packets, size_t count,
                uint64_t at_ns, uint64_t until_ns)
{
    for (size_t i = 0; i < multiplex->send_count; i++) {
        struct simc__muxd_send *send = multiplex->sends[i];
        int error = simc__tsio_output_put(send->output, packets, count, at_ns, until_ns);
        if (error == SIMC_EFULL && multiplex->is_title)
            simc__muxd_multiplex_fail(multiplex, "output %s took less than it said", send->address);
    }
}

static void send_block(struct simc__muxd_multiplex *multiplex, const struct simc__mux_block *block)
{
    if (multiplex->is_title) {
        put(multiplex, block->packets, block->count, 0, 0);
        return;
    }
    uint64_t at_ns = simc__mux_tick_ns(multiplex->mux, block->ticks[0]);
    for (size_t i = 0; i < block->count; i += GROUP) {
        size_t count = block->count - i < GROUP ? block->count - i : GROUP;
        size_t next = i + count < block->count ? i + count : block->count - 1;
        uint64_t until_ns = simc__mux_tick_ns(multiplex->mux, block->ticks[next]);
        put(multiplex, block->packets + i * SIMC_TS_SIZE, count, at_ns, until_ns);
        at_ns = until_ns;
    }
}

/* ---- running ---- */

static void tell_alarms(struct simc__muxd_multiplex *multiplex)
{
    struct simc__mux_alarm alarm;
    while (simc__mux_alarm_next(multiplex->mux, &alarm)) {
        simc_log(multiplex->log, alarm.is_raised ? SIMC_LOG_WARNING : SIMC_LOG_NOTICE,
                 alarm.is_raised ? "alarm" : "alarm is over",
                 simc_log_text("multiplex", multiplex->conf->name),
                 simc_log_text("alarm", simc__mux_alarm_name(alarm.type)),
                 simc_log_text("text", alarm.text));
        simc__muxd_scs_alarm(multiplex, &alarm);
    }
}

/* What a title waits for, and what that means for its inputs. */
static void wait_for(struct simc__muxd_multiplex *multiplex, const struct simc__mux_block *block)
{
    multiplex->wait = block->wait;
    multiplex->wait_input = block->wait_input;
    multiplex->wait_scg = block->wait_scg;
    if (block->wait == SIMC__MUX_WAIT_INPUT && block->wait_input < multiplex->feed_count)
        simc__tsio_input_resume(multiplex->feeds[block->wait_input]->input);
    if (block->wait == SIMC__MUX_WAIT_END && !multiplex->is_at_end) {
        multiplex->is_at_end = true;
        for (size_t i = 0; i < multiplex->send_count; i++)
            simc__tsio_output_finish(multiplex->sends[i]->output);
    }
}

/* An engine that makes up for a time in which the program did not get to run, or that runs within a
 * long turn of the loop, needs more than what was put there before. */
static void refill(struct simc__muxd_multiplex *multiplex, const struct simc__mux_block *block)
{
    uint64_t tick = block->ticks[block->count - 1];
    if (!multiplex->fill ||
        tick - multiplex->filled_tick < (uint64_t)REFILL_MS * SIMC__MUX_TICKS_PER_MS)
        return;
    multiplex->fill(multiplex->fill_context, multiplex->mux);
    multiplex->filled_tick = tick;
}

static void run(struct simc__muxd_multiplex *multiplex)
{
    struct simc__mux_block block;
    int error = 0;
    while (!multiplex->is_stopped) {
        multiplex->is_waiting_for_output = multiplex->is_title && !outputs_have_room(multiplex);
        if (multiplex->is_waiting_for_output)
            return;
        error = simc__mux_run(multiplex->mux, simc__clock_monotonic_ns(), &block);
        if (error)
            break;
        multiplex->progress_ms = simc_uv_loop_now_ms(multiplex->loop);
        send_block(multiplex, &block);
        refill(multiplex, &block);
    }
    if (error && error != SIMC_EAGAIN)
        simc__muxd_multiplex_fail(multiplex, "the engine failed: %s", simc_error_text(error));
    else if (error && multiplex->is_title)
        wait_for(multiplex, &block);
}

void simc__muxd_multiplex_pump(struct simc__muxd_multiplex *multiplex)
{
    if (multiplex->is_stopped || multiplex->is_pumping)
        return;
    multiplex->is_pumping = true;
    run(multiplex);
    tell_alarms(multiplex);
    simc__muxd_scs_tell(multiplex);
    multiplex->is_pumping = false;
}

static void turn(struct simc__muxd_multiplex *multiplex, uint64_t now_ns)
{
    if (multiplex->is_stopped)
        return;
    multiplex->turn_ns = now_ns;
    resume_paced(multiplex, now_ns);
    simc__muxd_multiplex_pump(multiplex);
}

void simc__muxd_multiplex_turn(struct simc__muxd_multiplex *multiplex)
{
    uint64_t now_ns = simc__clock_monotonic_ns();
    if (!multiplex->is_title && now_ns - multiplex->turn_ns > 2 * PUMP_NS)
        turn(multiplex, now_ns);
}

static void on_timer(void *context)
{
    turn(context, simc__clock_monotonic_ns());
}

/* A title that does not get on ends with a sentence that says on whom it waits. */
static void look_for_stall(struct simc__muxd_multiplex *multiplex)
{
    uint64_t quiet_ms = simc_uv_loop_now_ms(multiplex->loop) - multiplex->progress_ms;
    unsigned seconds = (multiplex->conf->answer_ms + MS_PER_S - 1) / MS_PER_S;
    if (quiet_ms < multiplex->conf->answer_ms)
        return;
    if (multiplex->is_waiting_for_output || multiplex->is_at_end)
        simc__muxd_multiplex_fail(multiplex, "an output has taken nothing for %u s", seconds);
    else if (multiplex->wait == SIMC__MUX_WAIT_SCS && !multiplex->connection)
        simc__muxd_multiplex_fail(
            multiplex, "the SCS at %s cannot be reached for %u s; is scsd running?",
            multiplex->link_conf ? multiplex->link_conf->address : "-", seconds);
    else if (multiplex->wait == SIMC__MUX_WAIT_SCS)
        simc__muxd_multiplex_fail(multiplex,
                                  "the SCS has ordered nothing for %u s (SCG %u); does it have an "
                                  "SCG for multiplex '%s', "
                                  "and do its ECMGs answer?",
                                  seconds, (unsigned)multiplex->wait_scg, multiplex->conf->name);
    else
        simc__muxd_multiplex_fail(multiplex, "input %s has given nothing for %u s",
                                  multiplex->wait_input < multiplex->feed_count
                                      ? multiplex->feeds[multiplex->wait_input]->name
                                      : "?",
                                  seconds);
}

/* Live: inputs that had an end, all of them. */
static bool have_all_ended(const struct simc__muxd_multiplex *multiplex)
{
    for (size_t i = 0; i < multiplex->feed_count; i++)
        if (!multiplex->feeds[i]->has_ended)
            return false;
    return true;
}

static void on_second(void *context)
{
    struct simc__muxd_multiplex *multiplex = context;
    if (multiplex->is_stopped)
        return;
    simc__muxd_scs_timeline(multiplex);
    if (multiplex->is_title) {
        simc__muxd_multiplex_pump(multiplex);
        look_for_stall(multiplex);
    } else if (have_all_ended(multiplex)) {
        uint64_t delay_ms = multiplex->conf->inputs[0].delay_ms;
        uint64_t now_ms = simc_uv_loop_now_ms(multiplex->loop);
        /* What they gave last is still on its way. */
        multiplex->ended_ms = multiplex->ended_ms ? multiplex->ended_ms : now_ms;
        if (now_ms - multiplex->ended_ms > delay_ms + MS_PER_S)
            end(multiplex, SIMC__MUXD_DONE);
    }
}

/* ---- beginning, change, end ---- */

int simc__muxd_multiplex_check(const struct simc__muxd_multiplex_conf *conf,
                               char why[SIMC__MUXD_WHY_SIZE])
{
    struct simc__mux *mux;
    int error = simc__muxd_engine_new(conf, false, 1, &mux, why);
    simc__mux_free(mux);
    return error;
}

static uint64_t size_of_inputs(const struct simc__muxd_multiplex_conf *conf)
{
    uint64_t size = 0;
    for (size_t i = 0; i < conf->inputs_count; i++) {
        struct simc__tsio_address address;
        char why[SIMC__TSIO_TEXT_SIZE];
        struct stat about;
        if (simc__tsio_address_read(conf->inputs[i].address, SIMC__TSIO_INPUT, &address, why) ||
            stat(address.path, &about) || !S_ISREG(about.st_mode))
            return 0;
        size += (uint64_t)about.st_size;
    }
    return size;
}

/* Opens what the configuration names and the multiplex does not have yet. On failure what was
 * opened is in the arrays for the caller to forget. */
static int open_ends(struct simc__muxd_multiplex *multiplex,
                     const struct simc__muxd_multiplex_conf *conf, struct simc__muxd_feed *feeds[],
                     struct simc__muxd_send *sends[], char why[SIMC__MUXD_WHY_SIZE])
{
    int error = 0;
    for (size_t i = 0; i < conf->outputs_count && !error; i++)
        if (!sends[i])
            error = open_send(multiplex, conf, conf->outputs[i], &sends[i], why);
    for (size_t i = 0; i < conf->inputs_count && !error; i++)
        if (!feeds[i])
            error = open_feed(multiplex, conf, i, &feeds[i], why);
    if (error == SIMC_ENOMEM)
        snprintf(why, SIMC__MUXD_WHY_SIZE, "no memory for the inputs and outputs of '%s'",
                 conf->name);
    return error;
}

static int start(struct simc__muxd_multiplex *multiplex, char why[SIMC__MUXD_WHY_SIZE])
{
    const struct simc__muxd_multiplex_conf *conf = multiplex->conf;
    int error = simc__process_random(&multiplex->timeline_id, sizeof multiplex->timeline_id);
    if (!error)
        error = simc__muxd_engine_new(conf, multiplex->link_conf != NULL, multiplex->timeline_id,
                                      &multiplex->mux, why);
    if (!error)
        error = simc_uv_timer_new(multiplex->loop, on_timer, multiplex, &multiplex->timer);
    if (!error)
        error = simc_uv_timer_new(multiplex->loop, on_second, multiplex, &multiplex->second);
    if (!error)
        error = open_ends(multiplex, conf, multiplex->feeds, multiplex->sends, why);
    multiplex->feed_count = conf->inputs_count;
    multiplex->send_count = conf->outputs_count;
    if (!error && multiplex->link_conf)
        error = simc__muxd_scs_start(multiplex, why);
    return error;
}

int simc__muxd_multiplex_new(const struct simc__muxd_multiplex_settings *settings,
                             struct simc__muxd_multiplex **multiplex, char why[SIMC__MUXD_WHY_SIZE])
{
    *multiplex = NULL;
    struct simc__muxd_multiplex *made = simc_calloc(1, sizeof *made);
    if (!made)
        return SIMC_ENOMEM;
    made->loop = settings->loop;
    made->tsio = settings->tsio;
    made->log = settings->log;
    made->conf = settings->conf;
    made->link_conf = settings->conf->use_link ? settings->link : NULL;
    made->tls = settings->tls;
    made->ended = settings->ended;
    made->ended_context = settings->ended_context;
    made->fill = settings->fill;
    made->fill_context = settings->fill_context;
    made->is_title = settings->conf->mode == SIMC__MUXD_TITLE;
    made->input_size = size_of_inputs(settings->conf);
    made->progress_ms = simc_uv_loop_now_ms(made->loop);
    why[0] = '\0';
    int error = start(made, why);
    if (error) {
        simc__muxd_multiplex_free(made);
        return error;
    }
    /* A title runs when it is given something; the timer only looks after it. */
    simc_uv_timer_start(made->timer, 0, made->is_title ? MS_PER_S : PUMP_MS);
    simc_uv_timer_start(made->second, MS_PER_S, MS_PER_S);
    *multiplex = made;
    return 0;
}

void simc__muxd_multiplex_drain(struct simc__muxd_multiplex *multiplex)
{
    multiplex->is_stopped = true;
    for (size_t i = 0; i < multiplex->send_count; i++)
        simc__tsio_output_finish(multiplex->sends[i]->output);
    look_for_end(multiplex);
}

void simc__muxd_multiplex_free(struct simc__muxd_multiplex *multiplex)
{
    if (!multiplex)
        return;
    multiplex->is_stopped = true;
    simc__muxd_scs_stop(multiplex);
    for (size_t i = 0; i < SIMC__MUX_INPUTS_MAX; i++)
        forget_feed(multiplex->feeds[i]);
    for (size_t i = 0; i < SIMC__MUXD_OUTPUTS_MAX; i++)
        forget_send(multiplex->sends[i]);
    simc_uv_timer_free(multiplex->timer);
    simc_uv_timer_free(multiplex->second);
    simc__mux_free(multiplex->mux);
    multiplex->mux = NULL;
    /* The client still calls its handlers once more; the memory goes with the last of them. */
    if (multiplex->client)
        return;
    simc_free(multiplex->message);
    simc_free(multiplex);
}

/* The input of the same name, if nothing that was opened with is different. */
static struct simc__muxd_feed *find_feed(struct simc__muxd_multiplex *multiplex,
                                         const struct simc__muxd_multiplex_conf *conf, size_t index)
{
    const struct simc__muxd_input_conf *wanted = &conf->inputs[index];
    char name[SIMC__MUX_NAME_SIZE];
    simc__muxd_input_name(conf, index, name);
    for (size_t i = 0; i < multiplex->feed_count; i++) {
        struct simc__muxd_feed *feed = multiplex->feeds[i];
        const struct simc__muxd_input_conf *had = &multiplex->conf->inputs[i];
        if (strcmp(feed->name, name) == 0 && strcmp(had->address, wanted->address) == 0 &&
            had->loop == wanted->loop && had->loss_ms == wanted->loss_ms &&
            had->timing == wanted->timing && had->bitrate == wanted->bitrate)
            return feed;
    }
    return NULL;
}

static struct simc__muxd_send *find_send(struct simc__muxd_multiplex *multiplex,
                                         const char *address)
{
    for (size_t i = 0; i < multiplex->send_count; i++)
        if (strcmp(multiplex->sends[i]->address, address) == 0)
            return multiplex->sends[i];
    return NULL;
}

static bool has_pointer(void *const *items, size_t count, const void *wanted)
{
    for (size_t i = 0; i < count; i++)
        if (items[i] == wanted)
            return true;
    return false;
}

/* The engine takes the change over or refuses it; only then old ends are forgotten. */
int simc__muxd_multiplex_change(struct simc__muxd_multiplex *multiplex,
                                const struct simc__muxd_multiplex_conf *conf,
                                char why[SIMC__MUXD_WHY_SIZE])
{
    struct simc__muxd_feed *feeds[SIMC__MUX_INPUTS_MAX] = {NULL};
    struct simc__muxd_send *sends[SIMC__MUXD_OUTPUTS_MAX] = {NULL};
    for (size_t i = 0; i < conf->inputs_count; i++)
        feeds[i] = find_feed(multiplex, conf, i);
    for (size_t i = 0; i < conf->outputs_count; i++)
        sends[i] = find_send(multiplex, conf->outputs[i]);
    int error = open_ends(multiplex, conf, feeds, sends, why);
    if (!error)
        error = simc__muxd_engine_change(conf, multiplex->link_conf != NULL, multiplex->timeline_id,
                                         multiplex->mux, why);
    if (error) {
        for (size_t i = 0; i < conf->inputs_count; i++)
            if (!has_pointer((void **)multiplex->feeds, multiplex->feed_count, feeds[i]))
                forget_feed(feeds[i]);
        for (size_t i = 0; i < conf->outputs_count; i++)
            if (!has_pointer((void **)multiplex->sends, multiplex->send_count, sends[i]))
                forget_send(sends[i]);
        return error;
    }
    for (size_t i = 0; i < multiplex->feed_count; i++)
        if (!has_pointer((void **)feeds, conf->inputs_count, multiplex->feeds[i]))
            forget_feed(multiplex->feeds[i]);
    for (size_t i = 0; i < multiplex->send_count; i++)
        if (!has_pointer((void **)sends, conf->outputs_count, multiplex->sends[i]))
            forget_send(multiplex->sends[i]);
    memcpy(multiplex->feeds, feeds, sizeof feeds);
    memcpy(multiplex->sends, sends, sizeof sends);
    for (size_t i = 0; i < conf->inputs_count; i++)
        feeds[i]->index = (uint32_t)i;
    multiplex->feed_count = conf->inputs_count;
    multiplex->send_count = conf->outputs_count;
    multiplex->conf = conf;
    return 0;
}
