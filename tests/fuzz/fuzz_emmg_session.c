/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target of the sessions of EMMG-MUX. The input is a script: two bytes of settings, then
 * steps, each an operation byte and its arguments: bytes of the peer, time, requests of the
 * application. Either role alone, or both connected through what damages their bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/emmg_session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 2000, EVENTS_MAX = 300000, OUTPUT_LIMIT = 16384 };

/* Operations; in the middle of the byte stands which side acts when both are there. */
enum { OP_FEED, OP_TIME, OP_REQUEST, OP_TAKE, OP_POLICY, OP_CROSS, OP_COUNT };

enum { MUX, EMMG };

struct fuzz {
    struct simc_reader in;
    struct simc_session *sides[2]; /* MUX, EMMG; NULL: not there */
    bool is_over;                  /* the EMMG has had its last event */
    bool is_cut[2];                /* a part of a message was taken from the output */
    uint64_t now_ms;
    uint8_t policy;
    unsigned events;
};

static void require(bool condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "violated: %s\n", what);
        abort();
    }
}

/* What a session sends is always right in itself. */
static void check_output(struct simc_slice output)
{
    const struct simc_rules rules = {.interface = simc_interface_find(simc_slice_text("emmg")),
                                     .strict = true};
    while (output.size) {
        require(output.size >= SIMC_MSG_HEADER_SIZE, "output holds whole headers");
        size_t size = SIMC_MSG_HEADER_SIZE + (size_t)(output.data[3] << 8 | output.data[4]);
        require(size <= output.size, "output holds whole messages");
        struct simc_msg msg;
        struct simc_fault fault;
        require(simc_msg_decode(&rules, simc_slice(output.data, size), &msg, &fault) == 0,
                "what is sent is right");
        output.data += size;
        output.size -= size;
    }
}

static uint64_t sum_of(struct simc_slice bytes)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < bytes.size; i++)
        sum += bytes.data[i];
    return sum;
}

static uint64_t read_data(struct fuzz *fuzz, const struct simc_mux_data *data)
{
    struct simc_values values = data->datagrams;
    struct simc_slice datagram, section;
    uint64_t sum = 0;
    size_t bytes = 0, count = 0;
    require(data->context == fuzz, "the context is what was given");
    while (simc_values_next(&values, &datagram) == 0) {
        sum += sum_of(datagram);
        bytes += datagram.size;
        count++;
        for (uint8_t form = 0; form < 3; form++)
            sum += simc_datagram_check(form, datagram);
        while (simc_datagram_next_section(&datagram, &section))
            sum += section.size;
    }
    require(bytes == data->bytes && count == data->datagrams.count && count, "counts are right");
    return sum;
}

/* Reads all that an event points to, so that a sanitizer sees what is not there. */
static uint64_t read_event(struct fuzz *fuzz, const struct simc_session_event *event)
{
    uint64_t sum = sum_of(event->message) + sum_of(event->information);
    require(memchr(event->text, '\0', sizeof event->text) != NULL, "a text ends");
    require(event->status_count <= SIMC_SESSION_STATUSES_MAX, "statuses fit");
    if (event->fault)
        sum += event->fault->offset;
    if (event->type == SIMC_EVENT_DATA)
        sum += read_data(fuzz, &event->data);
    return sum;
}

static void answer(struct fuzz *fuzz, struct simc_session *session,
                   const struct simc_session_event *event)
{
    int error = 0;
    switch (event->type) {
    case SIMC_EVENT_CHANNEL_SETUP:
        if (fuzz->policy & 1)
            error = simc_session_refuse(session, 7, simc_slice_text("no"));
        else if (!(fuzz->policy & 2))
            error = simc_mux_channel_accept(session);
        break;
    case SIMC_EVENT_STREAM_SETUP:
        if (fuzz->policy & 4)
            error = simc_session_refuse(session, 0x10, simc_slice(NULL, 0));
        else if (!(fuzz->policy & 8))
            error = simc_mux_stream_accept(session, fuzz);
        break;
    case SIMC_EVENT_BW_REQUEST:
        if (!(fuzz->policy & 16))
            error = simc_mux_allocate(session, event->data_stream_id, event->bandwidth);
        break;
    case SIMC_EVENT_DATA:
        if (fuzz->policy & 32)
            error =
                simc_session_send_error(session, event->data_stream_id, 0x0f, simc_slice(NULL, 0));
        break;
    case SIMC_EVENT_STREAM_CLOSED:
        require(simc_mux_stream_context(session, event->data_stream_id) == fuzz,
                "a stream that ends still has its context");
        break;
    default:
        break;
    }
    require(error == 0 || error == SIMC_EFULL || error == SIMC_EINVAL || error == SIMC_ENOTFOUND,
            "the answer is taken");
}

static uint64_t pump(struct fuzz *fuzz, unsigned side)
{
    static struct simc_session_event event;
    struct simc_session *session = fuzz->sides[side];
    uint64_t sum = 0;
    while (simc_session_next_event(session, &event)) {
        require(fuzz->events++ < EVENTS_MAX, "events end");
        require(!(side == EMMG && fuzz->is_over), "no event behind the last one");
        sum += read_event(fuzz, &event);
        if (event.type == SIMC_EVENT_CHANNEL_CLOSED && side == EMMG)
            fuzz->is_over = true;
        if (side == MUX)
            answer(fuzz, session, &event);
    }
    bool wants_close = simc_session_wants_close(session) != SIMC_REASON_NONE;
    require(!wants_close || !simc_session_is_open(session), "what is closed is not open");
    require(simc_session_output(session).size <= OUTPUT_LIMIT, "output has its ceiling");
    require(simc_session_memory(session) < 8u << 20, "memory has its ceiling");
    return sum;
}

static void feed(struct fuzz *fuzz, unsigned side, struct simc_slice bytes)
{
    uint8_t *copy = malloc(bytes.size ? bytes.size : 1);
    require(copy != NULL, "memory for the test");
    if (bytes.size)
        memcpy(copy, bytes.data, bytes.size);
    simc_session_feed(fuzz->sides[side], simc_slice(copy, bytes.size), fuzz->now_ms);
    (void)pump(fuzz, side);
    free(copy);
}

static void take(struct fuzz *fuzz, unsigned side)
{
    struct simc_slice output = simc_session_output(fuzz->sides[side]);
    if (!fuzz->is_cut[side])
        check_output(output);
    fuzz->is_cut[side] = false;
    simc_session_sent(fuzz->sides[side], output.size);
    (void)pump(fuzz, side);
}

static void expire(struct fuzz *fuzz, unsigned side)
{
    struct simc_session *session = fuzz->sides[side];
    simc_session_expire(session, fuzz->now_ms);
    (void)pump(fuzz, side);
    require(!simc_deadline_due(simc_session_deadline_ms(session), fuzz->now_ms),
            "what was due is done");
}

/* ---- requests ---- */

static int send(struct fuzz *fuzz, uint8_t how, uint16_t stream, uint16_t size)
{
    static const uint8_t bytes[8192] = {0x82, 0x70, 0x05};
    struct simc_slice datagrams[15];
    unsigned count = how & 15;
    for (unsigned i = 0; i < count; i++)
        datagrams[i] = simc_slice(bytes, (size_t)(size + i) % (how & 0x80 ? 8192 : 200));
    return simc_emmg_send(fuzz->sides[EMMG], stream, datagrams, count, fuzz->now_ms);
}

static int request_of_emmg(struct fuzz *fuzz, uint8_t what, uint8_t how, uint16_t stream,
                           uint16_t number)
{
    struct simc_session *session = fuzz->sides[EMMG];
    const struct simc_session_bandwidth wanted = {how & 1, number};
    switch (what % 8) {
    case 0:
        return simc_emmg_stream_open(session, stream, number, how, fuzz->now_ms);
    case 1:
        return simc_emmg_stream_close(session, stream, fuzz->now_ms);
    case 2:
        return simc_emmg_request_bandwidth(session, stream, wanted, fuzz->now_ms);
    default:
        return send(fuzz, how, stream, number);
    }
}

static int request_of_both(struct fuzz *fuzz, unsigned side, uint8_t what, uint16_t stream,
                           uint16_t number)
{
    struct simc_session *session = fuzz->sides[side];
    int id = what & 1 ? -1 : stream;
    switch (what >> 1 & 7) {
    case 0:
        simc_session_close(session, fuzz->now_ms);
        return 0;
    case 1:
        simc_session_disconnected(session, fuzz->now_ms);
        return 0;
    case 2:
        return simc_session_send_error(session, id, number, simc_slice("information", what >> 4));
    case 3:
        simc_session_hold(session);
        return 0;
    case 4:
        simc_session_release(session, fuzz->now_ms);
        return 0;
    default:
        return simc_session_test(session, id, fuzz->now_ms);
    }
}

static void request(struct fuzz *fuzz, unsigned side)
{
    uint8_t what = simc_reader_u8(&fuzz->in), how = simc_reader_u8(&fuzz->in);
    uint16_t stream = simc_reader_u8(&fuzz->in), number = simc_reader_u16(&fuzz->in);
    int error;
    if (what & 0x80)
        error = request_of_both(fuzz, side, what & 0x7f, stream, number);
    else if (side == EMMG)
        error = request_of_emmg(fuzz, what, how, stream, number);
    else
        error = simc_mux_allocate(fuzz->sides[MUX], stream,
                                  (struct simc_session_bandwidth){how & 1, number});
    require(error != SIMC_ENOMEM && error != SIMC_EPROTO, "a result that is documented");
    (void)pump(fuzz, side);
}

/* ---- both sides ---- */

/* Moves a part of the output to the other side; every other time a byte of it is damaged. */
static void cross(struct fuzz *fuzz, unsigned side)
{
    uint8_t how = simc_reader_u8(&fuzz->in);
    uint16_t at = simc_reader_u16(&fuzz->in);
    struct simc_slice output = simc_session_output(fuzz->sides[side]);
    if (!fuzz->is_cut[side])
        check_output(output);
    size_t size = how & 1 || output.size < 8 ? output.size : output.size - at % 8;
    uint8_t *copy = malloc(size ? size : 1);
    require(copy != NULL, "memory for the test");
    if (size)
        memcpy(copy, output.data, size);
    if (how & 2 && size)
        copy[at % size] ^= how;
    fuzz->is_cut[side] = size < output.size;
    simc_session_sent(fuzz->sides[side], size);
    feed(fuzz, !side, simc_slice(copy, size));
    free(copy);
    (void)pump(fuzz, side);
}

static void step(struct fuzz *fuzz)
{
    uint8_t op = simc_reader_u8(&fuzz->in);
    unsigned side = fuzz->sides[MUX] && fuzz->sides[EMMG] ? op >> 4 & 1 : !fuzz->sides[MUX];
    switch (op % 16 % OP_COUNT) {
    case OP_FEED: {
        size_t size = simc_reader_u16(&fuzz->in);
        size_t left = simc_reader_left(&fuzz->in);
        feed(fuzz, side, simc_reader_slice(&fuzz->in, size < left ? size : left));
        break;
    }
    case OP_TIME:
        fuzz->now_ms += simc_reader_u16(&fuzz->in);
        for (unsigned i = 0; i < 2; i++) {
            if (fuzz->sides[i])
                expire(fuzz, i);
        }
        break;
    case OP_REQUEST:
        request(fuzz, side);
        break;
    case OP_TAKE:
        take(fuzz, side);
        break;
    case OP_POLICY:
        fuzz->policy = simc_reader_u8(&fuzz->in);
        break;
    default:
        if (fuzz->sides[MUX] && fuzz->sides[EMMG])
            cross(fuzz, side);
        break;
    }
}

static void start(struct fuzz *fuzz)
{
    static const uint8_t versions[] = {3, 2, 1, 5};
    uint8_t first = simc_reader_u8(&fuzz->in), second = simc_reader_u8(&fuzz->in);
    const struct simc_session_settings common = {
        .strict = first & 4,
        .log_sent_messages = first & 8,
        .send_error_information = first & 0x10,
        .length_limit = first & 0x20 ? 300 : 0,
        .stream_limit = first & 0x80 ? 3 : 20,
        .output_limit = OUTPUT_LIMIT,
        .idle_ms = first & 0x40 ? 3000 : 0,
    };
    const struct simc_mux_settings mux = {.common = common};
    const struct simc_emmg_settings emmg = {
        .common = common,
        .version = versions[second >> 6],
        .client_id = 0xabcd0001,
        .data_channel_id = 1,
        .section_tspkt_flag = second & 1,
    };
    if ((first & 3) != 1)
        require(simc_mux_session_new(&mux, 0, &fuzz->sides[MUX]) == 0, "a MUX");
    if ((first & 3) != 0)
        require(simc_emmg_session_new(&emmg, 0, &fuzz->sides[EMMG]) == 0, "an EMMG");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz fuzz = {.in = simc_reader(simc_slice(data, size))};
    start(&fuzz);
    for (unsigned i = 0; i < STEPS_MAX && simc_reader_left(&fuzz.in); i++)
        step(&fuzz);
    for (unsigned i = 0; i < 2; i++) {
        if (fuzz.sides[i])
            take(&fuzz, i);
        simc_session_free(fuzz.sides[i]);
    }
    return 0;
}
