/* SPDX-License-Identifier: BSL-1.0 */
/* Fuzz target of the sessions. The input is a script: two bytes of settings, then steps, each an
 * operation byte and its arguments: bytes of the peer, time, requests of the application. Either
 * role alone, or both connected through what damages their bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulcrypt/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 2000, EVENTS_MAX = 300000, OUTPUT_LIMIT = 16384 };

/* Operations; in the middle of the byte stands which side acts when both are there. */
enum { OP_FEED, OP_TIME, OP_REQUEST, OP_TAKE, OP_POLICY, OP_CROSS, OP_COUNT };

struct fuzz {
    struct simc_reader in;
    struct simc_session *sides[2]; /* 0: ECMG, 1: SCS; NULL: not there */
    bool is_over[2];
    bool is_cut[2]; /* a part of a message was taken from the output */
    uint64_t now_ms;
    struct simc_ecmg_channel_status status;
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
    const struct simc_rules rules = {.interface = simc_interface_find(simc_slice_text("ecmg")),
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

/* Reads all that an event points to, so that a sanitizer sees what is not there. */
static uint64_t read_event(const struct simc_session_event *event)
{
    uint64_t sum = sum_of(event->message) + sum_of(event->information);
    require(memchr(event->text, '\0', sizeof event->text) != NULL, "a text ends");
    require(event->status_count <= SIMC_SESSION_STATUSES_MAX, "statuses fit");
    if (event->fault)
        sum += event->fault->offset;
    if (event->type == SIMC_EVENT_CW_PROVISION) {
        for (size_t i = 0; i < event->provision.cw_count; i++)
            sum += sum_of(simc_secret_bytes(&event->provision.cws[i].cw));
        sum += sum_of(event->provision.access_criteria);
    }
    if (event->type == SIMC_EVENT_ECM)
        sum += sum_of(event->ecm.datagram);
    return sum;
}

static void answer(struct fuzz *fuzz, struct simc_session *session,
                   const struct simc_session_event *event)
{
    static const uint8_t ecm[188] = {0x47};
    int error = 0;
    switch (event->type) {
    case SIMC_EVENT_CHANNEL_SETUP:
        if (fuzz->policy & 1)
            error = simc_session_refuse(session, 5, simc_slice_text("no"));
        else if (!(fuzz->policy & 2))
            error = simc_ecmg_channel_accept(session, &fuzz->status);
        break;
    case SIMC_EVENT_STREAM_SETUP:
        if (fuzz->policy & 4)
            error = simc_session_refuse(session, 0x12, simc_slice(NULL, 0));
        else if (!(fuzz->policy & 8))
            error = simc_ecmg_stream_accept(session, fuzz->policy & 16, fuzz);
        break;
    case SIMC_EVENT_CW_PROVISION:
        require(event->provision.cw_count > fuzz->status.lead_cw, "all control words are there");
        if (!(fuzz->policy & 32))
            error = simc_ecmg_respond(session, event->ecm_stream_id, event->cp_number,
                                      simc_slice(ecm, sizeof ecm));
        break;
    case SIMC_EVENT_STREAM_CLOSED:
        (void)simc_ecmg_stream_context(session, event->ecm_stream_id);
        break;
    default:
        break;
    }
    require(error == 0 || error == SIMC_EFULL || error == SIMC_EINVAL, "the answer is taken");
}

static uint64_t pump(struct fuzz *fuzz, unsigned side)
{
    static struct simc_session_event event;
    struct simc_session *session = fuzz->sides[side];
    uint64_t sum = 0;
    while (simc_session_next_event(session, &event)) {
        require(fuzz->events++ < EVENTS_MAX, "events end");
        require(!(side == 1 && fuzz->is_over[1]), "no event behind the last one");
        sum += read_event(&event);
        if (event.type == SIMC_EVENT_CHANNEL_CLOSED && side == 1)
            fuzz->is_over[1] = true;
        if (side == 0)
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

static int provide(struct fuzz *fuzz, uint8_t how, uint16_t stream, uint16_t cp)
{
    struct simc_control_word cws[16];
    memset(cws, 0, sizeof cws);
    unsigned per = how & 0x80 ? (unsigned)(how & 15) + 1 : fuzz->status.cw_per_msg;
    for (unsigned i = 0; i < per; i++) {
        cws[i].cp_number = (uint16_t)(cp + fuzz->status.lead_cw - i);
        cws[i].cw.size = how & 0x40 ? 16 : 8;
        cws[i].cw.bytes[0] = (uint8_t)cws[i].cp_number;
    }
    const struct simc_scs_provision provision = {
        .ecm_stream_id = stream,
        .cp_number = cp,
        .cws = cws,
        .cw_count = per,
        .any_count = how & 0x80,
        .priming = how & 0x20,
        .has_cp_duration = how & 0x10,
        .cp_duration_100ms = 120,
        .has_access_criteria = how & 8,
        .access_criteria = simc_slice("0123456789", how & 7),
        .cw_encryption = simc_slice("01", how == 0xff ? 2 : 0),
    };
    return simc_scs_provide(fuzz->sides[1], &provision, fuzz->now_ms);
}

static int request_of_scs(struct fuzz *fuzz, uint8_t what, uint8_t how, uint16_t stream,
                          uint16_t cp)
{
    struct simc_session *session = fuzz->sides[1];
    switch (what % 4) {
    case 0:
        return simc_scs_stream_open(session, stream, cp, 100, fuzz->now_ms);
    case 1:
        return simc_scs_stream_close(session, stream, fuzz->now_ms);
    default:
        return provide(fuzz, how, stream, cp);
    }
}

static int request_of_both(struct fuzz *fuzz, unsigned side, uint8_t what, uint16_t stream,
                           uint16_t cp)
{
    struct simc_session *session = fuzz->sides[side];
    int number = what & 1 ? -1 : stream;
    switch (what >> 1 & 7) {
    case 0:
        simc_session_close(session, fuzz->now_ms);
        return 0;
    case 1:
        simc_session_disconnected(session, fuzz->now_ms);
        return 0;
    case 2:
        return simc_session_send_error(session, number, cp, simc_slice("information", what >> 4));
    default:
        return simc_session_test(session, number, fuzz->now_ms);
    }
}

static void request(struct fuzz *fuzz, unsigned side)
{
    uint8_t what = simc_reader_u8(&fuzz->in), how = simc_reader_u8(&fuzz->in);
    uint16_t stream = simc_reader_u8(&fuzz->in), cp = simc_reader_u16(&fuzz->in);
    int error;
    if (what & 0x80)
        error = request_of_both(fuzz, side, what & 0x7f, stream, cp);
    else if (side == 1)
        error = request_of_scs(fuzz, what, how, stream, cp);
    else if (what & 1)
        error = simc_ecmg_respond_error(fuzz->sides[0], stream, cp, how, simc_slice(NULL, 0));
    else
        error = simc_ecmg_respond(fuzz->sides[0], stream, cp, simc_slice("ECM datagram", how % 12));
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
    unsigned side = fuzz->sides[0] && fuzz->sides[1] ? op >> 4 & 1 : !fuzz->sides[0];
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
        if (fuzz->sides[0] && fuzz->sides[1])
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
        .stream_limit = 20,
        .output_limit = OUTPUT_LIMIT,
        .idle_ms = first & 0x40 ? 3000 : 0,
    };
    const struct simc_ecmg_settings ecmg = {
        .common = common,
        .access_criteria_limit = 100,
        .exact_cws = first & 0x80,
        .zero_encryption_is_clear = true,
    };
    const struct simc_scs_settings scs = {
        .common = common, .version = versions[second >> 6], .ecm_channel_id = 1};
    fuzz->status.lead_cw = second & 7;
    fuzz->status.cw_per_msg = (uint8_t)(1 + (second >> 3 & 7));
    fuzz->status.min_cp_duration_100ms = 50;
    fuzz->status.max_comp_time_ms = 500;
    if ((first & 3) != 1)
        require(simc_ecmg_session_new(&ecmg, 0, &fuzz->sides[0]) == 0, "an ECMG");
    if ((first & 3) != 0)
        require(simc_scs_session_new(&scs, 0, &fuzz->sides[1]) == 0, "an SCS");
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
