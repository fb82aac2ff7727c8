/* SPDX-License-Identifier: BSL-1.0 */
/* A laboratory EMMG at work: its channels, streams, pace and end. The verbs `emmg` and `load mux`
 * call it. */
#include "cli/emmg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cli/commands.h"
#include "cli/load.h"
#include "simulcrypt/ts.h"
#include "sys/clock.h"

enum {
    TICK_MS = 2,
    NS_PER_MS = 1000000,
    RETRY_MS = 100, /* a laboratory does not want to wait for a MUX that is back; twice as long */
    RETRY_MOST_MS = 2000, /* each time that no channel was opened, up to this */
    GUARD_MS = 100,       /* UDP: between the last data and stream_close_request */
    END_MS = 3000,        /* for an orderly end */
    AGAIN_MS = 1000,      /* after error 0x000F: the rate goes down and is asked for anew */
    MESSAGE_ROOM = 64000, /* bytes of datagrams in a message, with their TLV heads */
    TURN_MESSAGES = 256,  /* of a stream without a rate, before the next one has its turn */
    REOPEN_MS = 1000,     /* after an unrecoverable error of a stream */
    OTHER_IDS_MAX = 8,    /* that are tried for a stream whose id is in use */
    UNANSWERED_PART = 10, /* of what was wanted, where the MUX does not say what it allocates */
    SIGNAL_INTERRUPT = 2,
};

#define NS_PER_S 1000000000ULL

struct channel;

struct stream {
    struct channel *channel;
    uint16_t id, data_id;
    bool is_open, is_done, has_share;
    uint32_t told_kbitps; /* by the MUX */
    uint64_t asked_ns;    /* of the last lowering */
    uint64_t again_ns;    /* when it is set up again; 0: it is not */
    uint32_t other_ids;
    uint64_t turn_ns;    /* carousel: when this turn began; 0: none has */
    uint64_t turn_count; /* datagrams since then */
    struct simc__emmg_place place;
    struct simc__emmg_pace pace;
};

struct run;

struct mux {
    const struct simc__emmg_mux *at;
    int udp;                      /* -1: none */
    char told[SIMC_UV_TEXT_SIZE]; /* what the user was told last, see tell() */
};

struct channel {
    struct run *run;
    struct mux *mux;
    struct simc_uv_client *client;
    struct simc_uv_connection *connection;
    struct simc_session *session;
    uint16_t id;
    uint8_t version;
    uint32_t index, unprobed; /* among those of its MUX */
    uint64_t probe_ns;        /* 0: none is under way */
    uint32_t spare_id;        /* the next data_stream_id behind those that were given */
    uint32_t failures;        /* attempts since the channel was open */
    bool is_closing, has_next_version;
    struct stream *streams;
};

struct run {
    const struct simc__emmg_plan *plan;
    struct simc__emmg_result *result;
    struct simc_uv_loop *loop;
    struct simc_uv_timer *tick, *end;
    struct mux muxes[SIMC__EMMG_MUXES_MAX];
    struct channel *channels; /* of all MUXes */
    uint32_t channel_count, stream_count, open_streams, done_streams;
    uint64_t last_tick_ns;
    bool is_ending, is_over;
};

/* A MUX may name streams that are not ours. @return NULL: there is none. */
static struct stream *find_stream(const struct channel *channel, uint16_t id)
{
    const struct simc__emmg_plan *plan = channel->run->plan;
    uint32_t guess = (uint32_t)id - plan->first_stream;
    if (guess < plan->streams && channel->streams[guess].id == id)
        return &channel->streams[guess];
    for (uint32_t k = 0; k < plan->streams; k++)
        if (channel->streams[k].id == id)
            return &channel->streams[k];
    return NULL;
}

/* ---- the end ---- */

static void stop_loop(void *context)
{
    struct run *run = context;
    run->is_over = true;
    simc_uv_loop_stop(run->loop);
}

static void close_channels(void *context)
{
    struct run *run = context;
    bool is_any = false;
    for (uint32_t i = 0; i < run->channel_count; i++) {
        struct channel *channel = &run->channels[i];
        /* A connection ends by its protocol, and is not made again: see on_retry(). */
        if (!channel->connection)
            simc_uv_client_stop(channel->client);
        if (!channel->connection || channel->is_closing)
            continue;
        channel->is_closing = is_any = true;
        simc_session_close(channel->session, simc__clock_monotonic_ns() / NS_PER_MS);
        simc_uv_connection_pump(channel->connection);
    }
    if (is_any)
        simc_uv_timer_start(run->end, END_MS, 0);
    else
        stop_loop(run);
}

/* Ends in due order: data by UDP is given time to arrive before its stream is closed. */
static void finish(struct run *run)
{
    if (run->is_ending)
        return;
    run->is_ending = true;
    run->result->end_ns = simc__clock_monotonic_ns();
    simc_uv_timer_start(run->end, run->plan->has_udp ? GUARD_MS : 1, 0);
}

/* The time is over; or the guard time is; or the MUX takes too long for an orderly end. */
static void on_end_timer(void *context)
{
    struct run *run = context;
    bool is_closing = false;
    for (uint32_t i = 0; i < run->channel_count; i++)
        is_closing = is_closing || run->channels[i].is_closing;
    if (!run->is_ending) {
        finish(run);
        return;
    }
    /* The time of a loop stands still during its callbacks: timers of late ones come early. */
    uint64_t passed_ms = (simc__clock_monotonic_ns() - run->result->end_ns) / NS_PER_MS;
    if (is_closing)
        stop_loop(run);
    else if (run->plan->has_udp && passed_ms < GUARD_MS)
        simc_uv_timer_start(run->end, GUARD_MS - passed_ms, 0);
    else
        close_channels(run);
}

/* Which MUX it is about stands before a sentence, unless it begins with that. */
static const char *name_before(const struct mux *mux, const char *why, const char **separator)
{
    bool has_name = strncmp(why, mux->at->tcp.name, strlen(mux->at->tcp.name)) == 0;
    *separator = has_name ? "" : ": ";
    return has_name ? "" : mux->at->tcp.name;
}

static void fail(const struct channel *channel, const char *why)
{
    struct simc__emmg_result *result = channel->run->result;
    const char *separator, *name = name_before(channel->mux, why, &separator);
    if (!result->trouble[0])
        snprintf(result->trouble, sizeof result->trouble, "%s%s%s", name, separator, why);
    finish(channel->run);
}

/* Says why something has ended in a run that goes on; the same only once until a channel is open
 * again. */
static void tell(struct mux *mux, const char *why)
{
    const char *separator, *name = name_before(mux, why, &separator);
    if (strcmp(mux->told, why) == 0)
        return;
    snprintf(mux->told, sizeof mux->told, "%s", why);
    (void)simc__cli_trouble("%s%s%s; the run goes on", name, separator, why);
}

/* ---- data ---- */

/* Bits on air: sections share packets. */
static uint64_t bits_of(const struct run *run, const struct simc_slice *datagrams, size_t count)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < count; i++)
        bytes += run->plan->is_packets
                     ? datagrams[i].size
                     : (datagrams[i].size + 1) * SIMC_TS_SIZE / (SIMC_TS_SIZE - 4);
    return bytes * 8;
}

/* A MUX that is away for a time: the data waits, as it does while nobody reads. */
static bool may_pass(const struct run *run, int error)
{
    return error == EAGAIN || error == ENOBUFS ||
           (run->plan->goes_on &&
            (error == ECONNREFUSED || error == ENETUNREACH || error == EHOSTUNREACH));
}

static int send_udp(struct stream *stream, const struct simc_slice *datagrams, size_t count)
{
    struct run *run = stream->channel->run;
    uint8_t bytes[SIMC_UDP_SIZE_MAX];
    struct simc_writer out = simc_writer(bytes, sizeof bytes);
    uint8_t version = simc_session_version(stream->channel->session);
    int error = 0;
    if (run->plan->udp_ids) {
        const struct simc_emmg_data_provision provision = {
            .client_id = run->plan->client_id,
            .has_data_channel_id = true,
            .data_channel_id = stream->channel->id,
            .has_data_stream_id = true,
            .data_stream_id = stream->id,
            .has_data_id = true,
            .data_id = stream->data_id,
            .datagram = {.count = (uint32_t)count, .items = datagrams},
        };
        error = simc_emmg_data_provision_put(&out, version, &provision);
    } else {
        error = simc_emmg_udp_write(version, run->plan->client_id, stream->data_id, datagrams,
                                    count, &out);
    }
    if (!error && send(stream->channel->mux->udp, bytes, out.at, 0) < 0)
        return may_pass(run, errno) ? SIMC_EAGAIN : SIMC_EIO;
    return error;
}

/* Fills a message. @return how many datagrams; their sizes in `bytes`. */
static size_t gather(struct stream *stream, size_t most, struct simc_slice *datagrams,
                     uint8_t *room, size_t *bytes)
{
    struct run *run = stream->channel->run;
    const struct simc__emmg_plan *plan = run->plan;
    uint32_t number = stream->channel->index << 16 | stream->data_id;
    size_t count = 0;
    *bytes = 0;
    while (count < most) {
        struct simc__emmg_place before = stream->place;
        struct simc_slice next;
        if (!simc__emmg_data_next(plan->data, &stream->place, number, plan->loops, &next)) {
            stream->is_done = true;
            break;
        }
        if (*bytes + next.size + 4 * (count + 1) > MESSAGE_ROOM) {
            stream->place = before; /* it comes again in the next message */
            if (!count)
                fail(stream->channel, "a datagram is longer than a message may be");
            break;
        }
        memcpy(room + *bytes, next.data, next.size);
        datagrams[count++] = simc_slice(room + *bytes, next.size);
        *bytes += next.size;
    }
    return count;
}

/* How many datagrams may be in the next message; of a carousel those whose time has come. Where the
 * bandwidth is too small for it, or the MUX was away, the times move on by whole periods: nothing
 * is sent twice as often to make up for it. */
static size_t due_count(struct stream *stream, uint64_t now_ns)
{
    const struct simc__emmg_plan *plan = stream->channel->run->plan;
    uint64_t period_ns = plan->period_ms * NS_PER_MS;
    if (!plan->period_ms)
        return plan->per_message;
    uint64_t step_ns = period_ns / plan->data->datagrams;
    if (!step_ns)
        step_ns = 1;
    if (!stream->turn_ns)
        stream->turn_ns = now_ns;
    uint64_t due_ns = stream->turn_ns + step_ns * stream->turn_count;
    if (due_ns > now_ns)
        return 0;
    for (; now_ns - due_ns >= period_ns; due_ns += period_ns) {
        stream->turn_ns += period_ns;
        stream->channel->run->result->late_periods++;
    }
    uint64_t due = (now_ns - due_ns) / step_ns + 1;
    return due < plan->per_message ? (size_t)due : plan->per_message;
}

static void note_turn(struct stream *stream, size_t count)
{
    const struct simc__emmg_plan *plan = stream->channel->run->plan;
    stream->turn_count += count;
    while (plan->period_ms && stream->turn_count >= plan->data->datagrams) {
        stream->turn_count -= plan->data->datagrams;
        stream->turn_ns += plan->period_ms * NS_PER_MS;
    }
}

/* @return false: the MUX does not read, it is too early, or there is nothing more. */
static bool send_message(struct stream *stream, uint64_t now_ns)
{
    static struct simc_slice datagrams[SIMC__EMMG_PER_MESSAGE_MAX];
    static uint8_t room[MESSAGE_ROOM];
    struct channel *channel = stream->channel;
    struct run *run = channel->run;
    struct simc__emmg_place before = stream->place;
    size_t bytes, count = gather(stream, due_count(stream, now_ns), datagrams, room, &bytes);
    if (!count)
        return false;
    uint64_t bits = bits_of(run, datagrams, count);
    if (run->plan->kbitps && !simc__emmg_pace_fits(&stream->pace, bits)) {
        stream->place = before;
        stream->is_done = false;
        return false;
    }
    int error = run->plan->has_udp ? send_udp(stream, datagrams, count)
                                   : simc_emmg_send(channel->session, stream->id, datagrams, count,
                                                    now_ns / NS_PER_MS);
    if (error) {
        stream->place = before;
        stream->is_done = false;
        /* A stream that the MUX has ended is closing: an event will tell. */
        if (error != SIMC_EAGAIN && error != SIMC_ENOTFOUND)
            fail(channel, error == SIMC_EIO ? strerror(errno) : simc_error_text(error));
        return false;
    }
    run->result->messages++;
    run->result->datagrams += count;
    run->result->bytes += bytes;
    channel->unprobed++;
    note_turn(stream, count);
    if (run->plan->kbitps)
        simc__emmg_pace_sent(&stream->pace, bits, simc__clock_monotonic_ns());
    if (run->plan->count && run->result->datagrams >= run->plan->count) {
        finish(run);
        return false;
    }
    return true;
}

static void probe(struct channel *channel, uint64_t now_ns)
{
    if (channel->run->plan->has_probes && !channel->probe_ns &&
        channel->unprobed >= channel->run->plan->probe_count &&
        simc_session_test(channel->session, -1, now_ns / NS_PER_MS) == 0) {
        channel->probe_ns = now_ns;
        channel->unprobed = 0;
    }
}

static void open_stream(struct stream *stream, uint64_t now_ms)
{
    const struct simc__emmg_plan *plan = stream->channel->run->plan;
    if (simc_emmg_stream_open(stream->channel->session, stream->id, stream->data_id,
                              plan->data_type, now_ms))
        fail(stream->channel, "a stream cannot be opened");
}

static bool may_send(const struct stream *stream)
{
    return stream->is_open && stream->has_share && !stream->is_done &&
           !stream->channel->run->is_ending &&
           !(stream->channel->run->plan->has_probes && stream->channel->probe_ns);
}

static void note_done(struct run *run, struct stream *stream)
{
    if (stream->is_done && ++run->done_streams == run->stream_count)
        finish(run);
}

static void send_stream(struct stream *stream, uint64_t passed_ns, uint64_t now_ns)
{
    struct run *run = stream->channel->run;
    unsigned turns = TURN_MESSAGES;
    if (stream->again_ns && now_ns >= stream->again_ns && !run->is_ending &&
        simc_session_is_open(stream->channel->session)) {
        stream->again_ns = 0;
        open_stream(stream, now_ns / NS_PER_MS);
    }
    if (!may_send(stream))
        return;
    if (run->plan->kbitps) {
        simc__emmg_pace_pass(&stream->pace, passed_ns, now_ns);
        while (simc__emmg_pace_is_due(&stream->pace) && send_message(stream, now_ns))
            continue;
    } else {
        while (turns-- && may_send(stream) && send_message(stream, now_ns))
            probe(stream->channel, now_ns);
    }
    note_done(run, stream);
}

static void send_channel(struct channel *channel, uint64_t passed_ns, uint64_t now_ns)
{
    for (uint32_t k = 0; k < channel->run->plan->streams; k++)
        send_stream(&channel->streams[k], passed_ns, now_ns);
    if (channel->session)
        probe(channel, now_ns);
}

static void on_tick(void *context)
{
    struct run *run = context;
    uint64_t now_ns = simc__clock_monotonic_ns(), passed_ns = now_ns - run->last_tick_ns;
    run->last_tick_ns = now_ns;
    for (uint32_t i = 0; i < run->channel_count && !run->is_ending; i++) {
        send_channel(&run->channels[i], passed_ns, now_ns);
        if (run->channels[i].connection)
            simc_uv_connection_pump(run->channels[i].connection);
    }
}

/* ---- events ---- */

static void ask(struct stream *stream, uint32_t kbitps, uint64_t now_ms)
{
    const struct simc_session_bandwidth wanted = {
        true, (uint16_t)(kbitps > UINT16_MAX ? UINT16_MAX : kbitps)};
    if (simc_emmg_request_bandwidth(stream->channel->session, stream->id, wanted, now_ms))
        stream->asked_ns = 0;
}

static void begin(struct run *run)
{
    run->result->has_begun = true;
    run->result->start_ns = simc__clock_monotonic_ns();
    if (run->plan->seconds)
        simc_uv_timer_start(run->end, run->plan->seconds * 1000, 0);
}

static void on_stream_open(struct channel *channel, uint16_t id, uint64_t now_ms)
{
    struct run *run = channel->run;
    struct stream *stream = find_stream(channel, id);
    if (!stream)
        return;
    stream->is_open = true;
    simc__emmg_pace_start(&stream->pace, run->plan->kbitps);
    stream->has_share = run->plan->no_negotiation;
    if (!run->plan->no_negotiation)
        ask(stream, run->plan->kbitps ? run->plan->kbitps : UINT16_MAX, now_ms);
    if (++run->open_streams == run->stream_count && !run->result->has_begun)
        begin(run);
}

static void on_allocation(struct channel *channel, const struct simc_session_event *event)
{
    const struct simc__emmg_plan *plan = channel->run->plan;
    struct stream *stream = find_stream(channel, event->data_stream_id);
    uint32_t told = event->bandwidth.kbitps, wanted = plan->kbitps;
    if (!stream)
        return;
    stream->has_share = true;
    if (event->bandwidth.is_known) {
        channel->run->result->allocated_kbitps += (uint64_t)told - stream->told_kbitps;
        stream->told_kbitps = told;
    }
    /* An allocation that is not known leaves the pace that was wanted. */
    bool is_wanted = plan->ignores_allocation || !event->bandwidth.is_known || told > wanted;
    simc__emmg_pace_set(&stream->pace, is_wanted ? wanted : told);
}

/* Without an answer it is slow, as nobody has said what there is room for. */
static void on_no_allocation(struct channel *channel, const struct simc_session_event *event)
{
    const struct simc__emmg_plan *plan = channel->run->plan;
    struct stream *stream = find_stream(channel, event->data_stream_id);
    if (!stream)
        return;
    stream->has_share = true;
    if (plan->kbitps && !plan->ignores_allocation)
        simc__emmg_pace_set(&stream->pace,
                            plan->kbitps > UNANSWERED_PART ? plan->kbitps / UNANSWERED_PART : 1);
}

static void on_peer_error(struct channel *channel, const struct simc_session_event *event)
{
    struct run *run = channel->run;
    uint64_t now_ns = simc__clock_monotonic_ns();
    run->result->errors++;
    if (!event->has_stream || !event->status_count ||
        event->statuses[0] != SIMC_EMMG_STATUS_EXCEEDED_BANDWIDTH)
        return;
    run->result->exceeded++;
    struct stream *stream = find_stream(channel, event->data_stream_id);
    if (!stream || run->plan->ignores_allocation || !run->plan->kbitps ||
        now_ns - stream->asked_ns < (uint64_t)AGAIN_MS * NS_PER_MS)
        return;
    stream->asked_ns = now_ns;
    simc__emmg_pace_set(&stream->pace, stream->pace.kbitps * 9 / 10);
    ask(stream, stream->pace.kbitps, now_ns / NS_PER_MS);
}

static void open_streams(struct channel *channel, uint64_t now_ms)
{
    for (uint32_t k = 0; k < channel->run->plan->streams; k++)
        open_stream(&channel->streams[k], now_ms);
}

/* They are lost with their connection; on the next one all ids are free again. */
static void close_streams(struct channel *channel)
{
    const struct simc__emmg_plan *plan = channel->run->plan;
    for (uint32_t k = 0; k < plan->streams; k++) {
        struct stream *stream = &channel->streams[k];
        channel->run->open_streams -= stream->is_open;
        stream->is_open = false;
        stream->again_ns = 0;
        stream->other_ids = 0;
        stream->id = (uint16_t)(plan->first_stream + k);
    }
    channel->spare_id = (uint32_t)plan->first_stream + plan->streams;
    channel->probe_ns = 0;
}

/* A MUX that has refused all versions is asked from the first one on, when the run goes on. */
static void on_closed(struct channel *channel, const struct simc_session_event *event)
{
    struct run *run = channel->run;
    const char *why = event->text[0] ? event->text : simc_session_reason_text(event->reason);
    if (event->type == SIMC_EVENT_CHANNEL_CLOSED && event->reason == SIMC_REASON_VERSION_REFUSED &&
        !run->plan->version) {
        channel->version = simc_emmg_version_after(event->version);
        channel->has_next_version = channel->version != 0;
        if (channel->has_next_version)
            return;
    }
    if (run->is_ending || event->reason == SIMC_REASON_DISCONNECTED)
        return;
    if (run->plan->goes_on)
        tell(channel->mux, why);
    else
        fail(channel, why);
}

/* @return false: all ids have been tried. */
static bool take_other_id(struct stream *stream, uint64_t now_ms)
{
    struct channel *channel = stream->channel;
    if (stream->other_ids >= OTHER_IDS_MAX || channel->spare_id > UINT16_MAX)
        return false;
    stream->other_ids++;
    stream->id = (uint16_t)channel->spare_id++;
    open_stream(stream, now_ms);
    return true;
}

/* A stream whose id is in use is tried with other ones. One that the MUX has lost is set up again
 * at once, one that it has ended with an unrecoverable error behind a pause; other ends are for
 * good. */
static void on_stream_closed(struct channel *channel, const struct simc_session_event *event,
                             uint64_t now_ms)
{
    struct run *run = channel->run;
    struct stream *stream = find_stream(channel, event->data_stream_id);
    uint16_t status = event->status_count ? event->statuses[0] : 0;
    if (!stream)
        return;
    bool was_open = stream->is_open, goes_on = was_open && run->plan->goes_on && !run->is_ending;
    run->open_streams -= was_open;
    stream->is_open = stream->has_share = false;
    if (!was_open && !run->is_ending && status == SIMC_EMMG_STATUS_DATA_STREAM_ID_IN_USE &&
        take_other_id(stream, now_ms))
        return;
    if (goes_on && status == SIMC_EMMG_STATUS_UNKNOWN_DATA_STREAM_ID)
        open_stream(stream, now_ms);
    else if (goes_on && event->reason == SIMC_REASON_UNRECOVERABLE)
        stream->again_ns = simc__clock_monotonic_ns() + (uint64_t)REOPEN_MS * NS_PER_MS;
    on_closed(channel, event);
}

static void on_event(struct channel *channel, const struct simc_session_event *event,
                     uint64_t now_ms)
{
    switch (event->type) {
    case SIMC_EVENT_CHANNEL_OPEN:
        channel->failures = 0;
        channel->mux->told[0] = '\0';
        open_streams(channel, now_ms);
        break;
    case SIMC_EVENT_STREAM_OPEN:
        on_stream_open(channel, event->data_stream_id, now_ms);
        break;
    case SIMC_EVENT_BW_ALLOCATION:
        on_allocation(channel, event);
        break;
    case SIMC_EVENT_NO_BW_ALLOCATION:
        on_no_allocation(channel, event);
        break;
    case SIMC_EVENT_CHANNEL_STATUS:
        if (channel->probe_ns)
            simc__latency_add(&channel->run->result->latency,
                              simc__clock_monotonic_ns() - channel->probe_ns);
        channel->probe_ns = 0;
        break;
    case SIMC_EVENT_PEER_ERROR:
        on_peer_error(channel, event);
        break;
    case SIMC_EVENT_STREAM_CLOSED:
        on_stream_closed(channel, event, now_ms);
        break;
    case SIMC_EVENT_CHANNEL_CLOSED:
        on_closed(channel, event);
        break;
    default:
        break;
    }
}

/* ---- connections ---- */

static int on_open(void *context, struct simc_uv_connection *connection)
{
    struct channel *channel = context;
    const struct simc__emmg_plan *plan = channel->run->plan;
    const struct simc_emmg_settings settings = {
        .common = {.stream_limit = SIMC__EMMG_STREAMS_MAX},
        .version = channel->version,
        .client_id = plan->client_id,
        .data_channel_id = channel->id,
        .section_tspkt_flag = plan->is_packets ? SIMC_DATAGRAM_PACKETS : SIMC_DATAGRAM_SECTIONS,
    };
    int error = simc_emmg_session_new(
        &settings, simc_uv_loop_now_ms(simc_uv_connection_loop(connection)), &channel->session);
    if (error)
        return error;
    channel->connection = connection;
    simc_uv_attach_session(connection, channel->session, channel);
    return 0;
}

static void on_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    struct channel *channel = context;
    struct simc_session_event event;
    (void)connection;
    while (simc_session_next_event(channel->session, &event))
        on_event(channel, &event, now_ms);
    /* The output has gone, or a probe was answered: go on at once where there is no pace. */
    if (!channel->run->plan->kbitps && channel->run->result->has_begun)
        send_channel(channel, 0, simc__clock_monotonic_ns());
}

static void on_end(void *context, struct simc_uv_connection *connection,
                   const struct simc_uv_end *end)
{
    struct channel *channel = context;
    struct run *run = channel->run;
    (void)connection;
    (void)end;
    close_streams(channel);
    simc_session_free(channel->session);
    channel->session = NULL;
    channel->connection = NULL;
    channel->is_closing = false;
    if (!run->is_ending || run->is_over)
        return;
    for (uint32_t i = 0; i < run->channel_count; i++)
        if (run->channels[i].connection)
            return;
    stop_loop(run);
}

static void on_retry(void *context, struct simc_uv_client *client, const struct simc_uv_end *end,
                     uint32_t *delay_ms)
{
    struct channel *channel = context;
    struct run *run = channel->run;
    if (run->is_ending) {
        simc_uv_client_stop(client);
        return;
    }
    if (channel->has_next_version) {
        channel->has_next_version = false;
        *delay_ms = 1; /* 0 is for a few times only */
        return;
    }
    run->result->reconnects++;
    if (!run->plan->goes_on) {
        fail(channel, end->text);
        return;
    }
    *delay_ms = RETRY_MS;
    for (uint32_t i = 0; i < channel->failures && *delay_ms < RETRY_MOST_MS; i++)
        *delay_ms *= 2;
    if (*delay_ms > RETRY_MOST_MS)
        *delay_ms = RETRY_MOST_MS;
    channel->failures++;
    if (end->reason != SIMC_UV_END_PROTOCOL) /* on_closed() has said why */
        tell(channel->mux, end->text);
}

/* ---- start ---- */

/* The channels of one MUX. */
static int start_channels(struct run *run, struct mux *mux, struct channel *channels)
{
    const struct simc__emmg_plan *plan = run->plan;
    int error = 0;
    for (uint32_t i = 0; !error && i < plan->channels; i++) {
        struct channel *channel = &channels[i];
        channel->run = run;
        channel->mux = mux;
        channel->index = i;
        channel->id = (uint16_t)(plan->first_channel + i);
        channel->version = plan->version;
        channel->spare_id = (uint32_t)plan->first_stream + plan->streams;
        channel->streams = calloc(plan->streams, sizeof *channel->streams);
        if (!channel->streams)
            return SIMC_ENOMEM;
        for (uint32_t k = 0; k < plan->streams; k++) {
            channel->streams[k].channel = channel;
            channel->streams[k].id = (uint16_t)(plan->first_stream + k);
            channel->streams[k].data_id = (uint16_t)(plan->first_data_id + i * plan->streams + k);
        }
        const struct simc_uv_client_settings settings = {
            .remote = {.host = mux->at->tcp.host, .port = mux->at->tcp.port},
            .tls = plan->tls,
            .retry_first_ms = RETRY_MS, /* see on_retry() */
            .retry_most_ms = RETRY_MOST_MS,
            .handlers = {on_open, on_events, on_end, NULL, on_retry, NULL},
            .context = channel,
        };
        error = simc_uv_client_new(run->loop, &settings, &channel->client);
    }
    return error;
}

static int start_muxes(struct run *run)
{
    const struct simc__emmg_plan *plan = run->plan;
    run->channel_count = plan->mux_count * plan->channels;
    run->stream_count = run->channel_count * plan->streams;
    run->channels = calloc(run->channel_count, sizeof *run->channels);
    int error = run->channels ? 0 : SIMC_ENOMEM;
    for (uint32_t i = 0; !error && i < plan->mux_count; i++)
        error = start_channels(run, &run->muxes[i], &run->channels[i * plan->channels]);
    return error;
}

static void on_signal(void *context, int number)
{
    (void)number;
    finish(context);
}

static int start(struct run *run)
{
    struct simc_uv_signal *signal;
    for (uint32_t i = 0; i < run->plan->mux_count; i++) {
        run->muxes[i].at = &run->plan->muxes[i];
        if (run->plan->has_udp &&
            simc__emmg_udp_open(run->plan, &run->muxes[i].at->udp, &run->muxes[i].udp))
            return SIMC__EXIT_TROUBLE;
    }
    int error = simc_uv_loop_new(NULL, &run->loop);
    if (!error)
        error = simc_uv_timer_new(run->loop, on_tick, run, &run->tick);
    if (!error)
        error = simc_uv_timer_new(run->loop, on_end_timer, run, &run->end);
    if (!error)
        error = simc_uv_signal_new(run->loop, SIGNAL_INTERRUPT, on_signal, run, &signal);
    if (!error)
        error = start_muxes(run);
    if (error)
        return simc__cli_trouble("cannot start: %s", simc_error_text(error));
    run->last_tick_ns = simc__clock_monotonic_ns();
    simc_uv_timer_start(run->tick, TICK_MS, TICK_MS);
    return 0;
}

int simc__emmg_run_plan(const struct simc__emmg_plan *plan, struct simc__emmg_result *result)
{
    struct run run = {.plan = plan, .result = result};
    for (uint32_t i = 0; i < SIMC__EMMG_MUXES_MAX; i++)
        run.muxes[i].udp = -1;
    int status = start(&run);
    if (!status)
        simc_uv_loop_run(run.loop);
    run.is_ending = run.is_over = true;
    simc_uv_loop_free(run.loop);
    for (uint32_t i = 0; run.channels && i < run.channel_count; i++)
        free(run.channels[i].streams);
    free(run.channels);
    for (uint32_t i = 0; i < SIMC__EMMG_MUXES_MAX; i++)
        if (run.muxes[i].udp >= 0)
            close(run.muxes[i].udp);
    return status;
}
