/* SPDX-License-Identifier: BSL-1.0 */
/* The requests and events of conversation_requests.h. */
#include "support/conversation_requests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORD_SIZE = 8192, CWS_MAX = 64, CW_SIZE = 8, NUMBER_SIZE = 24 };

/* ---- the words of a request ---- */

/* The value of `name=value` in the request. @return false: it is not there. */
static bool word(const char *request, const char *name, char value[WORD_SIZE])
{
    size_t size = strlen(name);
    const char *at = request;
    while ((at = strstr(at, name))) {
        bool whole = at != request && at[-1] == ' ' && at[size] == '=';
        if (whole) {
            snprintf(value, WORD_SIZE, "%.*s", (int)strcspn(at + size + 1, " "), at + size + 1);
            return true;
        }
        at += size;
    }
    return false;
}

static long long number(const char *request, const char *name, long long fallback)
{
    char value[WORD_SIZE];
    return word(request, name, value) ? strtoll(value, NULL, 0) : fallback;
}

/* The bytes of a hex word, with or without "bytes:". */
static struct simc_slice bytes(const char *request, const char *name, uint8_t *room)
{
    char value[WORD_SIZE];
    size_t size = 0;
    if (!word(request, name, value))
        return simc_slice(NULL, 0);
    const char *hex = strncmp(value, "bytes:", 6) == 0 ? value + 6 : value;
    if (simc_hex_read(simc_slice_text(hex), room, WORD_SIZE / 2, &size, NULL))
        return simc_slice(NULL, 0);
    return simc_slice(room, size);
}

/* ---- requests ---- */

static int stream_of(const char *request)
{
    return (int)number(request, "stream", -1);
}

/* A control word that follows from its period, so that all messages tell the same. */
static void make_cw(struct simc_control_word *cw, uint16_t cp_number)
{
    uint8_t octets[CW_SIZE];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(cp_number * 31u + i * 17u + 5u);
    cw->cp_number = cp_number;
    if (simc_secret_set(&cw->cw, simc_slice(octets, sizeof octets)))
        abort();
}

static int provide(struct memory_end *end, const char *request, uint64_t now_ms)
{
    const struct simc_ecmg_channel_status *status = simc_scs_channel_status(end->session);
    struct simc_control_word cws[CWS_MAX] = {{0}};
    uint8_t ac[WORD_SIZE / 2], encryption[WORD_SIZE / 2];
    int lead = status ? status->lead_cw : 1, per_message = status ? status->cw_per_msg : 2;
    uint16_t cp_number = (uint16_t)number(request, "cp", 16);
    int count = (int)number(request, "count", per_message);
    for (int i = 0; i < count && i < CWS_MAX; i++)
        make_cw(&cws[i], (uint16_t)(cp_number + lead - per_message + 1 + i));
    const struct simc_scs_provision provision = {
        .ecm_stream_id = (uint16_t)stream_of(request),
        .cp_number = cp_number,
        .cws = cws,
        .cw_count = (size_t)count,
        .any_count = number(request, "any_count", 0),
        .priming = number(request, "priming", 0),
        .has_cp_duration = number(request, "duration", -1) >= 0,
        .cp_duration_100ms = (uint16_t)number(request, "duration", 0),
        .has_access_criteria = strstr(request, " ac=") != NULL,
        .access_criteria = bytes(request, "ac", ac),
        .cw_encryption = bytes(request, "encryption", encryption),
    };
    int error = simc_scs_provide(end->session, &provision, now_ms);
    simc_wipe(cws, sizeof cws);
    return error;
}

static int stream_open(struct memory_end *end, const char *request, uint64_t now_ms)
{
    if (end->role == MEMORY_EMMG)
        return simc_emmg_stream_open(end->session, (uint16_t)stream_of(request),
                                     (uint16_t)number(request, "data_id", 0x21),
                                     (uint8_t)number(request, "data_type", 0), now_ms);
    return simc_scs_stream_open(end->session, (uint16_t)stream_of(request),
                                (uint16_t)number(request, "ecm_id", 0x21),
                                (uint16_t)number(request, "nominal", 100), now_ms);
}

static int stream_close(struct memory_end *end, const char *request, uint64_t now_ms)
{
    if (end->role == MEMORY_EMMG)
        return simc_emmg_stream_close(end->session, (uint16_t)stream_of(request), now_ms);
    return simc_scs_stream_close(end->session, (uint16_t)stream_of(request), now_ms);
}

static int test(struct memory_end *end, const char *request, uint64_t now_ms)
{
    return simc_session_test(end->session, stream_of(request), now_ms);
}

static int send_error(struct memory_end *end, const char *request, uint64_t now_ms)
{
    uint8_t information[WORD_SIZE / 2];
    (void)now_ms;
    return simc_session_send_error(end->session, stream_of(request),
                                   (uint16_t)number(request, "status", 0x7000),
                                   bytes(request, "information", information));
}

static int close_channel(struct memory_end *end, const char *request, uint64_t now_ms)
{
    (void)request;
    simc_session_close(end->session, now_ms);
    return 0;
}

static int respond(struct memory_end *end, const char *request, uint64_t now_ms)
{
    static const uint8_t section[] = {0x80, 0x70, 0x01, 0x00};
    (void)now_ms;
    return simc_ecmg_respond(end->session, (uint16_t)stream_of(request),
                             (uint16_t)number(request, "cp", 16),
                             simc_slice(section, sizeof section));
}

static int respond_error(struct memory_end *end, const char *request, uint64_t now_ms)
{
    (void)now_ms;
    return simc_ecmg_respond_error(
        end->session, (uint16_t)stream_of(request), (uint16_t)number(request, "cp", 16),
        (uint16_t)number(request, "status", 0x000d), simc_slice(NULL, 0));
}

/* Sends errors until the session has enough of it. */
static int flood(struct memory_end *end, const char *request, uint64_t now_ms)
{
    (void)now_ms;
    for (long long i = number(request, "count", 1000); i > 0; i--) {
        if (simc_session_send_error(end->session, -1, SIMC_ECMG_STATUS_UNKNOWN_ERROR,
                                    simc_slice(NULL, 0)))
            break;
    }
    return 0;
}

/* What the equipment does by itself: holds (CW_provisions without answers), silent (set-ups without
 * answers), closes (at set-ups), refuses (set-ups with a status), stalls (its output is not
 * taken). */
static int mode(struct memory_end *end, const char *request, uint64_t now_ms)
{
    (void)now_ms;
    end->is_stalled = number(request, "stalls", end->is_stalled);
    if (end->role == MEMORY_MUX || end->role == MEMORY_EMMG) {
        struct test_mux_connection *app = &end->mux_app;
        app->says_nothing = number(request, "silent", app->says_nothing);
        app->closes = number(request, "closes", app->closes);
        app->refuses = (uint16_t)number(request, "refuses", app->refuses);
        return 0;
    }
    end->app.holds = number(request, "holds", end->app.holds);
    end->app.says_nothing = number(request, "silent", end->app.says_nothing);
    end->app.closes = number(request, "closes", end->app.closes);
    end->app.refuses = (uint16_t)number(request, "refuses", end->app.refuses);
    return 0;
}

/* ---- EMMG-MUX ---- */

static struct simc_session_bandwidth bandwidth_of(const char *request)
{
    long long kbitps = number(request, "kbitps", -1);
    return (struct simc_session_bandwidth){kbitps >= 0, (uint16_t)(kbitps < 0 ? 0 : kbitps)};
}

static int allocate(struct memory_end *end, const char *request, uint64_t now_ms)
{
    (void)now_ms;
    return simc_mux_allocate(end->session, (uint16_t)stream_of(request), bandwidth_of(request));
}

static int ask_bandwidth(struct memory_end *end, const char *request, uint64_t now_ms)
{
    return simc_emmg_request_bandwidth(end->session, (uint16_t)stream_of(request),
                                       bandwidth_of(request), now_ms);
}

/* Datagrams of the EMMG's own, or one of `size` bytes. */
static int data(struct memory_end *end, const char *request, uint64_t now_ms)
{
    static const uint8_t zeros[70000];
    uint16_t stream = (uint16_t)stream_of(request);
    struct simc_slice large = simc_slice(zeros, (size_t)number(request, "size", 0));
    if (large.size)
        return simc_emmg_send(end->session, stream, &large, 1, now_ms);
    return test_emmg_send(end->mux, &end->mux_app, stream, (unsigned)number(request, "count", 1),
                          now_ms);
}

/* Sends data until the session wants no more for now. */
static int data_until_full(struct memory_end *end, const char *request, uint64_t now_ms)
{
    for (unsigned i = 0; i < 100000; i++) {
        int error =
            test_emmg_send(end->mux, &end->mux_app, (uint16_t)stream_of(request), 1, now_ms);
        if (error)
            return error;
    }
    return 0;
}

/* Whether the MUX has got so many datagrams and bytes, and has dropped so many. */
static int received(struct memory_end *end, const char *request, uint64_t now_ms)
{
    (void)now_ms;
    const struct test_mux_stream *stream =
        simc_mux_stream_context(end->session, (uint16_t)stream_of(request));
    bool is_right = stream && stream->datagrams == number(request, "datagrams", 0) &&
                    stream->dropped == number(request, "dropped", 0) &&
                    stream->bytes == number(request, "bytes", stream->bytes);
    return is_right ? 0 : SIMC_EINVAL;
}

static int hold(struct memory_end *end, const char *request, uint64_t now_ms)
{
    (void)request;
    (void)now_ms;
    simc_session_hold(end->session);
    return 0;
}

static int release(struct memory_end *end, const char *request, uint64_t now_ms)
{
    (void)request;
    simc_session_release(end->session, now_ms);
    return 0;
}

static const struct {
    const char *verb;
    int (*run)(struct memory_end *end, const char *request, uint64_t now_ms);
} requests[] = {
    {"provide", provide}, {"stream_open", stream_open}, {"stream_close", stream_close},
    {"test", test},       {"send_error", send_error},   {"close", close_channel},
    {"flood", flood},     {"respond", respond},         {"respond_error", respond_error},
    {"mode", mode},       {"allocate", allocate},       {"bandwidth", ask_bandwidth},
    {"data", data},       {"received", received},       {"data_until_full", data_until_full},
    {"hold", hold},       {"release", release},
};

const char *memory_request(struct memory_end *end, const char *request, uint64_t now_ms)
{
    size_t size = strcspn(request, " ");
    if (!end->session)
        return "gone";
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        if (strlen(requests[i].verb) == size && memcmp(requests[i].verb, request, size) == 0)
            return simc_error_name(requests[i].run(end, request, now_ms));
    }
    return "no such request";
}

/* ---- events ---- */

struct fields {
    struct simc__conversation_field list[SIMC__CONVERSATION_FIELDS];
    char texts[SIMC__CONVERSATION_FIELDS][NUMBER_SIZE];
    size_t count;
};

static void add(struct fields *fields, const char *name, const char *value)
{
    if (fields->count < SIMC__CONVERSATION_FIELDS)
        fields->list[fields->count++] =
            (struct simc__conversation_field){.name = name, .value = value};
}

static void add_number(struct fields *fields, const char *name, unsigned long long value)
{
    if (fields->count == SIMC__CONVERSATION_FIELDS)
        return;
    char *text = fields->texts[fields->count];
    snprintf(text, NUMBER_SIZE, "%llu", value);
    add(fields, name, text);
}

static const char *reason_name(enum simc_session_reason reason)
{
    static const char *const names[] = {
#define NAME(name, text) #name,
        SIMC_SESSION_REASON_ROWS(NAME)
#undef NAME
    };
    return names[reason];
}

static const char *notice_name(enum simc_session_notice notice)
{
    static const char *const names[] = {"FAULT",   "IGNORED", "LATE", "VERSION",
                                        "CHANGED", "TEST",    "SENT"};
    return names[notice];
}

void memory_tell_event(struct simc__conversation_run *run, unsigned connection,
                       const struct memory_end *end, const struct simc_session_event *event,
                       uint64_t now_ms)
{
    struct fields fields = {.count = 0};
    bool ecm = event->type == SIMC_EVENT_ECM || event->type == SIMC_EVENT_PRIMED ||
               event->type == SIMC_EVENT_NO_ECM;
    add_number(&fields, "version", event->version);
    add_number(&fields, "ecm_channel_id", event->ecm_channel_id);
    if (event->has_stream)
        add_number(&fields, "ecm_stream_id", event->ecm_stream_id);
    if (event->type == SIMC_EVENT_STREAM_CLOSED || event->type == SIMC_EVENT_CHANNEL_CLOSED)
        add(&fields, "reason", reason_name(event->reason));
    if (event->type == SIMC_EVENT_NOTICE)
        add(&fields, "notice", notice_name(event->notice));
    if (ecm || event->type == SIMC_EVENT_CW_PROVISION)
        add_number(&fields, "cp_number", event->cp_number);
    if (ecm)
        add_number(&fields, "waited_ms", event->waited_ms);
    if (event->type == SIMC_EVENT_ECM) {
        add_number(&fields, "size", event->ecm.datagram.size);
        add(&fields, "fault", event->ecm.datagram_fault ? event->ecm.datagram_fault : "");
    }
    if (event->client_id)
        add_number(&fields, "client_id", event->client_id);
    if (event->type == SIMC_EVENT_DATA) {
        add_number(&fields, "datagrams", event->data.datagrams.count);
        add_number(&fields, "bytes", event->data.bytes);
    }
    if (event->type == SIMC_EVENT_BW_REQUEST || event->type == SIMC_EVENT_BW_ALLOCATION) {
        add_number(&fields, "known", event->bandwidth.is_known);
        add_number(&fields, "kbitps", event->bandwidth.kbitps);
    }
    if (event->type == SIMC_EVENT_BW_ALLOCATION || event->type == SIMC_EVENT_NO_BW_ALLOCATION)
        add_number(&fields, "waited_ms", event->waited_ms);
    if (event->type == SIMC_EVENT_CHANNEL_OPEN && end->role == MEMORY_SCS) {
        add_number(&fields, "lead_CW", event->channel_status.lead_cw);
        add_number(&fields, "CW_per_msg", event->channel_status.cw_per_msg);
    }
    if (event->type == SIMC_EVENT_STREAM_OPEN && end->role == MEMORY_SCS)
        add_number(&fields, "transfer_mode", event->stream_status.access_criteria_transfer_mode);
    if (event->type == SIMC_EVENT_CW_PROVISION)
        add_number(&fields, "cws", event->provision.cw_count);
    for (size_t i = 0; i < event->status_count; i++)
        add_number(&fields, "status", event->statuses[i]);
    simc__conversation_event(run, connection, simc_session_event_name(event->type), fields.list,
                             fields.count, now_ms);
}
