/* SPDX-License-Identifier: BSL-1.0 */
/* Runs scripts against a session with a clock of its own. The suites session_ecmg, session_scs and
 * session_rows call it. */
#include "unit/session_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/session_text.h"

enum { LINES_MAX = 600, LINE_SIZE = 3000 };

typedef char line_text[LINE_SIZE];

struct lines {
    line_text *text;
    size_t count, taken;
};

struct runner {
    const struct session_script *script;
    const struct session_run *run;
    struct simc_session *session;
    struct simc_buffer pending; /* messages to be fed */
    struct lines output, events;
    uint64_t now_ms;
    size_t line;
    bool is_deferred;  /* CW_provisions are not answered at once */
    bool is_silent;    /* set-ups are not answered */
    bool quits;        /* set-ups are answered by closing */
    bool stays_unsent; /* output is not taken */
    unsigned refuse;   /* status to refuse set-ups with */
    bool transfer_mode;
    uint8_t cw[SIMC_SECRET_SIZE_MAX];
    struct simc_ecmg_channel_status status;
};

/* The value of "key=N" in an options text, or what stands for none. */
static long option(const char *options, const char *key, long otherwise)
{
    size_t size = strlen(key);
    for (const char *at = options; (at = strstr(at, key)); at += size) {
        bool starts = at == options || at[-1] == ' ';
        if (starts && at[size] == '=')
            return strtol(at + size + 1, NULL, 0);
        if (starts && (at[size] == ' ' || at[size] == '\0'))
            return 1;
    }
    return otherwise;
}

static void add(struct lines *lines, const char *text)
{
    ck_assert_uint_lt(lines->count, LINES_MAX);
    snprintf(lines->text[lines->count++], LINE_SIZE, "%s", text);
}

static const char *error_result(int error)
{
    return error ? simc_error_name(error) : "0";
}

void session_event_text(const struct simc_session_event *event, char *text, size_t size)
{
    static const char *const reasons[] = {
#define REASON(name, words) #name,
        SIMC_SESSION_REASON_ROWS(REASON)
#undef REASON
    };
    static const char *const notices[] = {"FAULT",   "IGNORED", "LATE", "VERSION",
                                          "CHANGED", "TEST",    "SENT"};
    size_t at = (size_t)snprintf(text, size, "%s", simc_session_event_name(event->type));
#define PUT(...) at += (size_t)snprintf(text + at, size - at, __VA_ARGS__)
    if (event->type == SIMC_EVENT_NOTICE)
        PUT(" %s", notices[event->notice]);
    if (event->type == SIMC_EVENT_CHANNEL_SETUP)
        PUT(" v%u ch=%u cas=0x%x", event->version, event->ecm_channel_id,
            event->channel_setup.super_cas_id);
    if (event->has_stream)
        PUT(" st=%u", event->ecm_stream_id);
    if (event->type == SIMC_EVENT_STREAM_SETUP)
        PUT(" id=%u nom=%u", event->stream_setup.ecm_id,
            event->stream_setup.nominal_cp_duration_100ms);
    if (event->type == SIMC_EVENT_CW_PROVISION) {
        const struct simc_ecmg_provision *provision = &event->provision;
        PUT(" cp=%u cws=", provision->cp_number);
        for (size_t i = 0; i < provision->cw_count; i++)
            PUT("%s%u:%02x", i ? "," : "", provision->cws[i].cp_number,
                provision->cws[i].cw.bytes[0]);
        if (provision->has_access_criteria) {
            PUT(" ac%s=", provision->access_criteria_changed ? "!" : "");
            for (size_t i = 0; i < provision->access_criteria.size && i < 8; i++)
                PUT("%02x", provision->access_criteria.data[i]);
        }
        if (provision->cp_duration_100ms != 100)
            PUT(" dur=%u", provision->cp_duration_100ms);
    }
    if (event->type == SIMC_EVENT_STREAM_OPEN || event->type == SIMC_EVENT_STREAM_STATUS)
        PUT(" mode=%u", event->stream_status.access_criteria_transfer_mode);
    if (event->type == SIMC_EVENT_CHANNEL_OPEN || event->type == SIMC_EVENT_CHANNEL_STATUS)
        PUT(" lead=%u per=%u", event->channel_status.lead_cw, event->channel_status.cw_per_msg);
    if (event->type == SIMC_EVENT_ECM || event->type == SIMC_EVENT_NO_ECM ||
        event->type == SIMC_EVENT_PRIMED)
        PUT(" cp=%u waited=%llu", event->cp_number, (unsigned long long)event->waited_ms);
    if (event->type == SIMC_EVENT_ECM)
        PUT(" size=%zu%s%s", event->ecm.datagram.size, event->ecm.datagram_fault ? " bad: " : "",
            event->ecm.datagram_fault ? event->ecm.datagram_fault : "");
    if (event->type == SIMC_EVENT_STREAM_CLOSED || event->type == SIMC_EVENT_CHANNEL_CLOSED)
        PUT(" %s", reasons[event->reason]);
    for (size_t i = 0; i < event->status_count; i++)
        PUT("%s%04x", i ? "," : " ", event->statuses[i]);
#undef PUT
}

/* ---- the application ---- */

static void answer(struct runner *runner, const struct simc_session_event *event)
{
    struct simc_session *session = runner->session;
    int error = 0;
    switch (event->type) {
    case SIMC_EVENT_CHANNEL_SETUP:
    case SIMC_EVENT_STREAM_SETUP:
        if (runner->is_silent)
            return;
        if (runner->quits)
            simc_session_close(session, runner->now_ms);
        else if (runner->refuse)
            error = simc_session_refuse(session, (uint16_t)runner->refuse, simc_slice(NULL, 0));
        else if (event->type == SIMC_EVENT_CHANNEL_SETUP)
            error = simc_ecmg_channel_accept(session, &runner->status);
        else
            error = simc_ecmg_stream_accept(session, runner->transfer_mode, runner);
        break;
    case SIMC_EVENT_CW_PROVISION:
        if (!runner->is_deferred) {
            uint8_t ecm[] = {(uint8_t)(0x80 | (event->cp_number & 1)), 0x70, 2,
                             (uint8_t)event->ecm_stream_id, (uint8_t)event->cp_number};
            error = simc_ecmg_respond(session, event->ecm_stream_id, event->cp_number,
                                      simc_slice(ecm, sizeof ecm));
        }
        break;
    default:
        break;
    }
    if (error && runner->run->is_checked)
        ck_abort_msg("%s: %s", runner->script->name, simc_error_name(error));
}

static void take_output(struct runner *runner)
{
    char line[LINE_SIZE];
    size_t size;
    if (runner->stays_unsent)
        return;
    struct simc_slice all = simc_session_output(runner->session);
    while ((size = session_text_write(all, line, sizeof line))) {
        add(&runner->output, line);
        all.data += size;
        all.size -= size;
    }
    ck_assert_uint_eq(all.size, 0);
    simc_session_sent(runner->session, simc_session_output(runner->session).size);
}

static void pump(struct runner *runner)
{
    char text[LINE_SIZE];
    static struct simc_session_event event;
    for (;;) {
        bool was_blocked = simc_session_is_blocked(runner->session);
        while (simc_session_next_event(runner->session, &event)) {
            session_event_text(&event, text, sizeof text);
            add(&runner->events, text);
            answer(runner, &event);
        }
        take_output(runner);
        if (!was_blocked || runner->stays_unsent)
            break;
    }
}

static void feed(struct runner *runner)
{
    struct simc_slice all = simc_buffer_bytes(&runner->pending);
    size_t piece = runner->run->piece ? runner->run->piece : all.size;
    while (all.size) {
        size_t size = piece < all.size ? piece : all.size;
        /* A copy of exactly that size, gone when the events were asked for. */
        uint8_t *copy = unit_exact(simc_slice(all.data, size));
        simc_session_feed(runner->session, simc_slice(copy, size), runner->now_ms);
        pump(runner);
        memset(copy, 0xee, size);
        free(copy);
        all.data += size;
        all.size -= size;
    }
    simc_buffer_drop(&runner->pending, runner->pending.size);
}

/* ---- requests ---- */

static int provide(struct runner *runner, const char *words)
{
    struct simc_control_word cws[32];
    uint8_t ac[64], enc[16];
    size_t size = 0, bad;
    struct simc_scs_provision in = {
        .ecm_stream_id = (uint16_t)option(words, "st", 2),
        .cp_number = (uint16_t)option(words, "cp", 0),
        .cws = cws,
        .cw_count = (size_t)option(words, "count", 2),
        .any_count = option(words, "any", 0),
        .priming = option(words, "priming", 0),
        .has_cp_duration = option(words, "dur", -1) >= 0,
        .cp_duration_100ms = (uint16_t)option(words, "dur", 0),
    };
    unsigned cp = (unsigned)option(words, "from", in.cp_number);
    for (size_t i = 0; i < UNIT_COUNT(cws); i++) {
        uint8_t bytes[SIMC_SECRET_SIZE_MAX];
        memset(bytes, (int)(cp + i), sizeof bytes);
        cws[i].cp_number = (uint16_t)(cp + i);
        ck_assert_int_eq(
            simc_secret_set(&cws[i].cw, simc_slice(bytes, (size_t)option(words, "size", 8))), 0);
    }
    const char *hex = strstr(words, " ac=");
    if (hex &&
        !simc_hex_read(simc_slice(hex + 4, strcspn(hex + 4, " ")), ac, sizeof ac, &size, &bad)) {
        in.has_access_criteria = true;
        in.access_criteria = simc_slice(ac, size);
    }
    hex = strstr(words, " enc=");
    if (hex &&
        !simc_hex_read(simc_slice(hex + 5, strcspn(hex + 5, " ")), enc, sizeof enc, &size, &bad))
        in.cw_encryption = simc_slice(enc, size);
    return simc_scs_provide(runner->session, &in, runner->now_ms);
}

static int request(struct runner *runner, const char *words)
{
    struct simc_session *session = runner->session;
    struct simc_slice none = simc_slice(NULL, 0);
    int stream = (int)option(words, "st", -1);
    uint16_t cp = (uint16_t)option(words, "cp", 0);
    unsigned status = (unsigned)option(words, "status", 0);
    static uint8_t datagram[8192];
    size_t size = (size_t)option(words, "big", 0), bad;
    const char *hex = strstr(words, " ecm=");
    if (hex && simc_hex_read(simc_slice(hex + 5, strcspn(hex + 5, " ")), datagram, sizeof datagram,
                             &size, &bad))
        ck_abort_msg("%s: bad hex in %s", runner->script->name, words);
    if (strncmp(words, "policy", 6) == 0) {
        runner->is_deferred = option(words, "defer", 0);
        runner->is_silent = option(words, "silent", 0);
        runner->quits = option(words, "quit", 0);
        runner->stays_unsent = option(words, "unsent", 0);
        runner->refuse = (unsigned)option(words, "refuse", 0);
        return 0;
    }
    if (strncmp(words, "accept", 6) == 0)
        return simc_ecmg_channel_accept(session, &runner->status);
    if (strncmp(words, "stream_accept", 13) == 0)
        return simc_ecmg_stream_accept(session, false, NULL);
    if (strncmp(words, "refuse", 6) == 0)
        return simc_session_refuse(session, (uint16_t)status, none);
    if (strncmp(words, "respond_error", 13) == 0)
        return simc_ecmg_respond_error(session, (uint16_t)stream, cp, (uint16_t)status, none);
    if (strncmp(words, "respond", 7) == 0)
        return simc_ecmg_respond(session, (uint16_t)stream, cp, simc_slice(datagram, size));
    if (strncmp(words, "error", 5) == 0)
        return simc_session_send_error(session, stream, (uint16_t)status,
                                       simc_slice(datagram, size));
    if (strncmp(words, "test", 4) == 0)
        return simc_session_test(session, stream, runner->now_ms);
    if (strncmp(words, "open", 4) == 0)
        return simc_scs_stream_open(session, (uint16_t)stream, (uint16_t)option(words, "id", 0x21),
                                    100, runner->now_ms);
    if (strncmp(words, "stream_close", 12) == 0)
        return simc_scs_stream_close(session, (uint16_t)stream, runner->now_ms);
    if (strncmp(words, "provide", 7) == 0)
        return provide(runner, words);
    if (strncmp(words, "close", 5) == 0)
        simc_session_close(session, runner->now_ms);
    else if (strncmp(words, "disconnected", 12) == 0)
        simc_session_disconnected(session, runner->now_ms);
    else if (strncmp(words, "nothing", 7) != 0)
        ck_abort_msg("%s: no request '%s'", runner->script->name, words);
    return 0;
}

static void do_request(struct runner *runner, char *words)
{
    char *wanted = strstr(words, " = ");
    if (wanted)
        *wanted = '\0';
    const char *name = error_result(request(runner, words));
    if (runner->run->is_checked && strcmp(name, wanted ? wanted + 3 : "0") != 0)
        ck_abort_msg("%s, line %zu: '%s' gave %s", runner->script->name, runner->line, words, name);
    pump(runner);
}

static void wait_ms(struct runner *runner, uint64_t length_ms)
{
    runner->now_ms += length_ms;
    uint64_t deadline_ms = simc_session_deadline_ms(runner->session);
    if (simc_deadline_due(deadline_ms, runner->now_ms))
        simc_session_expire(runner->session, runner->now_ms);
    else
        simc_session_feed(runner->session, simc_slice(NULL, 0), runner->now_ms);
    pump(runner);
}

/* ---- what is expected ---- */

static bool matches(const char *line, const char *wanted)
{
    size_t size = strlen(wanted);
    if (size && wanted[size - 1] == '*')
        return strncmp(line, wanted, size - 1) == 0;
    return strcmp(line, wanted) == 0;
}

static void fail_line(const struct runner *runner, const char *what, const char *wanted)
{
    char found[4096] = "";
    for (size_t i = 0; i < runner->output.count; i++) {
        unit_append(found, sizeof found, "\n   < ");
        unit_append(found, sizeof found, runner->output.text[i]);
        found[sizeof found - LINE_SIZE - 8] = '\0';
    }
    ck_abort_msg("%s, line %zu: %s '%s'; events %zu of %zu, output:%s\n next event: %s",
                 runner->script->name, runner->line, what, wanted, runner->events.taken,
                 runner->events.count, found,
                 runner->events.taken < runner->events.count
                     ? runner->events.text[runner->events.taken]
                     : "none");
}

static bool is_notice(const char *line)
{
    return strncmp(line, "NOTICE", 6) == 0;
}

static void expect_event(struct runner *runner, const char *wanted)
{
    struct lines *events = &runner->events;
    while (events->taken < events->count && is_notice(events->text[events->taken]) &&
           !matches(events->text[events->taken], wanted))
        events->taken++;
    if (events->taken == events->count || !matches(events->text[events->taken], wanted))
        fail_line(runner, "no event", wanted);
    events->taken++;
}

static void expect_output(struct runner *runner, const char *wanted)
{
    struct lines *output = &runner->output;
    if (output->taken == output->count || !matches(output->text[output->taken], wanted))
        fail_line(runner, "no message", wanted);
    output->taken++;
}

/* Everything was named, before something new happens. */
static void expect_rest(struct runner *runner)
{
    if (runner->run->is_checked) {
        while (runner->events.taken < runner->events.count &&
               is_notice(runner->events.text[runner->events.taken]))
            runner->events.taken++;
        if (runner->events.taken < runner->events.count)
            fail_line(runner, "unexpected event before this line", "");
        if (runner->output.taken < runner->output.count)
            fail_line(runner, "unexpected message before this line",
                      runner->output.text[runner->output.taken]);
    }
    runner->events.count = runner->events.taken = 0;
    runner->output.count = runner->output.taken = 0;
}

static void do_line(struct runner *runner, char *line)
{
    bool is_together = line[0] == '>' && line[1] == '>';
    char *rest = line + 1 + is_together + strspn(line + 1 + is_together, " ");
    switch (line[0]) {
    case '>':
        expect_rest(runner);
        if (!session_text_read(rest, &runner->pending) && runner->run->is_checked)
            ck_abort_msg("%s, line %zu: '%s'", runner->script->name, runner->line, line);
        if (!is_together)
            feed(runner);
        break;
    case '@':
        expect_rest(runner);
        wait_ms(runner, (uint64_t)strtoull(rest, NULL, 0));
        break;
    case '$':
        expect_rest(runner);
        do_request(runner, rest);
        break;
    case '<':
        if (runner->run->is_checked)
            expect_output(runner, rest);
        break;
    case '!':
        if (runner->run->is_checked)
            expect_event(runner, rest);
        break;
    case '?': /* why it wants to be closed */
        if (runner->run->is_checked) {
            const char *text = simc_session_reason_text(simc_session_wants_close(runner->session));
            if (!matches(text, rest))
                ck_abort_msg("%s, line %zu: wants close because %s", runner->script->name,
                             runner->line, text);
        }
        break;
    case '#':
    case '\0':
        break;
    default:
        ck_abort_msg("%s, line %zu: '%s'", runner->script->name, runner->line, line);
    }
}

static void count_row(void *context, unsigned row)
{
    uint8_t *rows = context;
    rows[row] = 1;
}

static void fill_common(struct simc_session_settings *common, const struct session_script *script,
                        const struct session_run *run)
{
    const char *options = script->options;
    common->strict = option(options, "strict", 0);
    common->log_sent_messages = option(options, "log", 0);
    common->send_error_information = option(options, "information", 0);
    common->length_limit = (uint32_t)option(options, "length_limit", 0);
    common->stream_limit = (uint32_t)option(options, "stream_limit", 0);
    common->output_limit = (uint32_t)option(options, "output_limit", 0);
    common->fault_limit = (uint32_t)option(options, "fault_limit", 0);
    common->idle_ms = (uint32_t)option(options, "idle", 0);
    common->trace = run->rows ? count_row : NULL;
    common->trace_context = run->rows;
}

static int xor_cws(void *context, struct simc_slice cw_encryption, struct simc_control_word *cws,
                   size_t count)
{
    (void)context;
    if (cw_encryption.size != 1)
        return SIMC_ECMG_STATUS_INVALID_VALUE;
    for (size_t i = 0; i < count; i++)
        cws[i].cw.bytes[0] ^= cw_encryption.data[0];
    return 0;
}

static int make_session(struct runner *runner)
{
    const char *options = runner->script->options;
    if (runner->script->is_scs) {
        struct simc_scs_settings scs = {
            .version = (uint8_t)option(options, "version", 0),
            .ecm_channel_id = 1,
            .super_cas_id = 0xabcd0001,
        };
        fill_common(&scs.common, runner->script, runner->run);
        return simc_scs_session_new(&scs, runner->now_ms, &runner->session);
    }
    struct simc_ecmg_settings ecmg = {
        .versions = (uint32_t)option(options, "versions", 0),
        .cw_sizes = (uint64_t)option(options, "cw_sizes", 0),
        .access_criteria_limit = (uint32_t)option(options, "ac_limit", 0),
        .pending_limit = (uint32_t)option(options, "pending", 0),
        .exact_cws = option(options, "exact", 0),
        .zero_encryption_is_clear = option(options, "zero_clear", 0),
        .cw_decrypt = option(options, "decrypt", 0) ? xor_cws : NULL,
    };
    fill_common(&ecmg.common, runner->script, runner->run);
    return simc_ecmg_session_new(&ecmg, runner->now_ms, &runner->session);
}

static void do_lines(struct runner *runner)
{
    static char line[LINE_SIZE];
    for (const char *at = runner->script->text; *at;) {
        size_t size = strcspn(at, "\n");
        runner->line++;
        snprintf(line, sizeof line, "%.*s", (int)size, at);
        do_line(runner, line);
        at += size + (at[size] == '\n');
    }
    runner->line++;
    expect_rest(runner);
}

int session_script_run(const struct session_script *script, const struct session_run *run)
{
    UNIT_ROOM(line_text, output, LINES_MAX);
    UNIT_ROOM(line_text, events, LINES_MAX);
    const char *options = script->options;
    struct runner runner = {
        .script = script,
        .run = run,
        .output = {output, 0, 0},
        .events = {events, 0, 0},
        .now_ms = 1000,
        .transfer_mode = option(options, "mode", 0),
        .status =
            {
                .section_tspkt_flag = (uint8_t)option(options, "flag", 0),
                .delay_start_ms = -500,
                .ecm_rep_period_ms = 100,
                .max_streams = (uint16_t)option(options, "max", 0),
                .min_cp_duration_100ms = 50,
                .lead_cw = (uint8_t)option(options, "lead", 1),
                .cw_per_msg = (uint8_t)option(options, "per", 2),
                .max_comp_time_ms = 1000,
            },
    };
    simc_buffer_init(&runner.pending, 1 << 20);
    int error = make_session(&runner);
    if (!error) {
        do_lines(&runner);
        if (simc_session_wants_close(runner.session) == SIMC_REASON_NO_MEMORY)
            error = SIMC_ENOMEM;
    }
    simc_session_free(runner.session);
    simc_buffer_fini(&runner.pending);
    return error;
}
