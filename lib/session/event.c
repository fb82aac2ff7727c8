/* SPDX-License-Identifier: BSL-1.0 */
/* Notes that actions leave, turned into the events that the application pulls, with a sentence for
 * its log where one is promised. simc_session_next_event() calls it. */
#include <string.h>

#include "base/text.h"
#include "session/internal.h"

const char *simc_session_reason_text(enum simc_session_reason reason)
{
    static const char *const texts[] = {
#define REASON(name, text) text,
        SIMC_SESSION_REASON_ROWS(REASON)
#undef REASON
    };
    bool is_known = (size_t)reason < sizeof texts / sizeof texts[0];
    return is_known ? texts[reason] : "for an unknown reason";
}

const char *simc_session_event_name(enum simc_session_event_type type)
{
    static const char *const names[SIMC_EVENT_COUNT] = {[SIMC_EVENT_NONE] = "NONE",
#define EVENT(name) [SIMC_EVENT_##name] = #name,
                                                        SIMC_SESSION_EVENT_ROWS(EVENT)
#undef EVENT
    };
    return (unsigned)type < SIMC_EVENT_COUNT ? names[type] : "?";
}

/* ---- leaving notes ---- */

struct simc__note *simc__note(struct simc_session *session, enum simc_session_event_type type)
{
    if (session->closed_told || session->note_count == SIMC__NOTES_MAX)
        return NULL;
    unsigned at = (session->note_first + session->note_count++) % SIMC__NOTES_MAX;
    struct simc__note *note = &session->notes[at];
    memset(note, 0, sizeof *note);
    note->type = (uint8_t)type;
    return note;
}

struct simc__note *simc__note_stream(struct simc_session *session,
                                     enum simc_session_event_type type, uint16_t stream_id)
{
    struct simc__note *note = simc__note(session, type);
    if (note) {
        note->has_stream = true;
        note->stream_id = stream_id;
    }
    return note;
}

void simc__notice(struct simc_session *session, const struct simc__step *step,
                  enum simc_session_notice notice, const char *why)
{
    struct simc__note *note = step->is_stream
                                  ? simc__note_stream(session, SIMC_EVENT_NOTICE, step->stream_id)
                                  : simc__note(session, SIMC_EVENT_NOTICE);
    if (!note)
        return;
    note->notice = (uint8_t)notice;
    note->with_message = true;
    note->why = why;
    note->cp_number = session->fields.cp_number;
}

/* ---- sentences ---- */

static const char *peer_of(const struct simc_session *session)
{
    return session->is_server ? session->dialect->client : session->dialect->server;
}

static void put_message_name(const struct simc_session *session, struct simc_writer *out)
{
    if (session->msg.row)
        simc__text_put(out, session->msg.row->name);
    else
        simc__text_printf(out, "message 0x%04x", session->msg.type);
}

static void put_statuses(const struct simc_session *session, struct simc_writer *out)
{
    const struct simc__context *context = &session->context;
    for (size_t i = 0; i < context->status_count; i++) {
        const char *text = simc_status_text(session->interface, context->statuses[i]);
        simc__text_printf(out, "%s0x%04x (%s)", i ? ", " : "", context->statuses[i],
                          text                             ? text
                          : context->statuses[i] >= 0x8000 ? "specific to the CA system"
                                                           : "reserved");
    }
}

/* Free text of the peer, as far as it is fit for a log. */
static void put_information(const struct simc_session *session, struct simc_writer *out)
{
    struct simc_slice information = session->context.information;
    enum { SHOWN_MAX = 64 };
    if (information.size > SHOWN_MAX)
        information.size = SHOWN_MAX;
    if (information.size == 2) {
        simc__text_put(out, ": parameter 0x");
        simc__text_put_hex(out, information);
    } else if (information.size && simc__text_is_ascii(information)) {
        simc__text_put(out, ": ");
        simc__text_put_quoted(out, information);
    } else if (information.size) {
        simc__text_put(out, ": ");
        simc__text_put_hex(out, information);
    }
}

static void put_place(const struct simc__note *note, struct simc_writer *out)
{
    if (note->has_stream)
        simc__text_printf(out, "stream %u: ", note->stream_id);
}

static void put_notice(const struct simc_session *session, const struct simc__note *note,
                       struct simc_writer *out)
{
    put_place(note, out);
    switch ((enum simc_session_notice)note->notice) {
    case SIMC_NOTICE_FAULT:
        if (note->with_message && session->fault.kind != SIMC_FAULT_NONE) {
            simc_fault_text(&session->fault, &session->msg, out);
        } else if (note->with_message) {
            put_message_name(session, out);
            simc__text_printf(out, ": %s", note->why ? note->why : "it has no place here");
        } else {
            simc__text_put(out, note->why ? note->why : "this side reports an error");
        }
        simc__text_printf(out, "; answered with %s ",
                          note->has_stream ? "stream_error" : "channel_error");
        put_statuses(session, out);
        break;
    case SIMC_NOTICE_IGNORED:
        put_message_name(session, out);
        if (session->fault.kind != SIMC_FAULT_NONE) {
            simc__text_put(out, " was ignored: ");
            simc_fault_text(&session->fault, &session->msg, out);
        } else {
            simc__text_printf(out, " was ignored%s%s", note->why ? ": " : "",
                              note->why ? note->why : "");
        }
        break;
    case SIMC_NOTICE_LATE:
        simc__text_printf(out, "an ECM_response for CP %u was dropped: none is awaited",
                          note->cp_number);
        break;
    case SIMC_NOTICE_VERSION:
        simc__text_printf(out, "the %s answers with protocol_version %u, not %u", peer_of(session),
                          session->msg.version, session->version);
        break;
    case SIMC_NOTICE_CHANGED:
    case SIMC_NOTICE_TEST:
    case SIMC_NOTICE_SENT:
        simc__text_put(out, note->why ? note->why : "the peer is tested");
        break;
    }
}

static void put_sentence(const struct simc_session *session, const struct simc__note *note,
                         struct simc_writer *out)
{
    if (note->type == SIMC_EVENT_NOTICE) {
        put_notice(session, note, out);
    } else if (note->type == SIMC_EVENT_PEER_ERROR) {
        simc__text_printf(out, "the %s reports ", peer_of(session));
        if (note->has_stream)
            simc__text_printf(out, "in stream %u ", note->stream_id);
        put_statuses(session, out);
        put_information(session, out);
    } else {
        put_place(note, out);
        simc__text_put(out, simc_session_reason_text((enum simc_session_reason)note->reason));
        if (note->with_statuses && session->context.status_count) {
            simc__text_put(out, ": ");
            put_statuses(session, out);
        }
    }
}

/* A sentence that is too long is cut. */
static void write_text(const struct simc_session *session, const struct simc__note *note,
                       char text[SIMC_SESSION_TEXT_SIZE])
{
    char room[4 * SIMC_SESSION_TEXT_SIZE];
    struct simc_writer out = simc_writer(room, sizeof room);
    put_sentence(session, note, &out);
    size_t size = out.error ? sizeof room : out.at;
    if (size > SIMC_SESSION_TEXT_SIZE - 1)
        size = SIMC_SESSION_TEXT_SIZE - 1;
    memcpy(text, room, size);
    text[size] = '\0';
    simc__text_disarm(text);
}

/* ---- events ---- */

static void put_context(const struct simc_session *session, const struct simc__note *note,
                        struct simc_session_event *event)
{
    const struct simc__context *context = &session->context;
    event->message = note->with_message ? context->message : simc_slice(NULL, 0);
    event->fault =
        note->with_message && session->fault.kind != SIMC_FAULT_NONE ? &session->fault : NULL;
    event->status_count = note->with_statuses ? context->status_count : 0;
    for (size_t i = 0; i < event->status_count; i++)
        event->statuses[i] = context->statuses[i];
    event->information = note->with_statuses ? context->information : simc_slice(NULL, 0);
}

static void put_emmg_payload(const struct simc_session *session, struct simc_session_event *event)
{
    const struct simc__context *context = &session->context;
    switch (event->type) {
    case SIMC_EVENT_DATA:
        event->data = context->payload.data;
        break;
    case SIMC_EVENT_BW_REQUEST:
    case SIMC_EVENT_BW_ALLOCATION:
        event->bandwidth = context->payload.bandwidth;
        break;
    case SIMC_EVENT_CHANNEL_SETUP:
        event->version = session->asked_version;
        event->client_id = session->asked_client_id;
        event->data_channel_id = session->asked_channel_id;
        event->emmg_channel_setup = session->asked_emmg_channel;
        break;
    case SIMC_EVENT_STREAM_SETUP:
        event->emmg_stream_setup = session->asked_emmg_stream;
        break;
    case SIMC_EVENT_CHANNEL_OPEN:
    case SIMC_EVENT_CHANNEL_STATUS:
        event->emmg_channel_status = context->payload.emmg_channel_status;
        break;
    case SIMC_EVENT_STREAM_OPEN:
    case SIMC_EVENT_STREAM_STATUS:
        event->emmg_stream_status = context->payload.emmg_stream_status;
        break;
    default:
        break;
    }
}

static void put_ecmg_payload(const struct simc_session *session, struct simc_session_event *event)
{
    const struct simc__context *context = &session->context;
    switch (event->type) {
    case SIMC_EVENT_CHANNEL_SETUP:
        event->version = session->asked_version;
        event->ecm_channel_id = session->asked_channel_id;
        event->channel_setup = session->asked_channel;
        break;
    case SIMC_EVENT_STREAM_SETUP:
        event->stream_setup = session->asked_stream;
        break;
    case SIMC_EVENT_CW_PROVISION:
        event->provision = context->payload.provision;
        break;
    case SIMC_EVENT_ECM:
        event->ecm = context->payload.ecm;
        break;
    case SIMC_EVENT_CHANNEL_OPEN:
    case SIMC_EVENT_CHANNEL_STATUS:
        event->channel_status = context->payload.channel_status;
        break;
    case SIMC_EVENT_STREAM_OPEN:
    case SIMC_EVENT_STREAM_STATUS:
        event->stream_status = context->payload.stream_status;
        break;
    default:
        break;
    }
}

static bool has_text(const struct simc__note *note)
{
    return note->type == SIMC_EVENT_NOTICE || note->type == SIMC_EVENT_PEER_ERROR ||
           note->type == SIMC_EVENT_STREAM_CLOSED || note->type == SIMC_EVENT_CHANNEL_CLOSED;
}

bool simc__event_pull(struct simc_session *session, struct simc_session_event *event)
{
    if (session->note_count == 0)
        return false;
    const struct simc__note *note = &session->notes[session->note_first];
    session->note_first = (session->note_first + 1) % SIMC__NOTES_MAX;
    session->note_count--;
    event->type = (enum simc_session_event_type)note->type;
    event->reason = (enum simc_session_reason)note->reason;
    event->notice = (enum simc_session_notice)note->notice;
    event->version = session->version;
    event->has_stream = note->has_stream;
    event->client_id = session->client_id;
    event->ecm_channel_id = session->channel_id;
    event->ecm_stream_id = note->stream_id;
    event->cp_number = note->cp_number;
    event->waited_ms = note->waited_ms;
    event->text[0] = '\0';
    put_context(session, note, event);
    if (session->dialect == &simc__emmg_dialect)
        put_emmg_payload(session, event);
    else
        put_ecmg_payload(session, event);
    if (has_text(note))
        write_text(session, note, event->text);
    return true;
}

/* What was sent is told from a copy: the output may be gone, and more may be sent before the next
 * event is asked for. */
bool simc__event_pull_sent(struct simc_session *session, struct simc_session_event *event)
{
    struct simc_slice all = simc_buffer_bytes(&session->sent_log);
    simc__drop_wiped(&session->sent_now, session->sent_now.size);
    if (all.size < SIMC_MSG_HEADER_SIZE)
        return false;
    size_t size = SIMC_MSG_HEADER_SIZE + (size_t)(all.data[3] << 8 | all.data[4]);
    uint16_t type = (uint16_t)(all.data[1] << 8 | all.data[2]);
    int error = simc_buffer_append(&session->sent_now, simc_slice(all.data, size));
    simc__drop_wiped(&session->sent_log, size);
    if (error)
        return false;
    struct simc__note note = {.type = SIMC_EVENT_NOTICE, .notice = SIMC_NOTICE_SENT};
    const struct simc_message_row *row = simc_message_find(type);
    memset(event, 0, sizeof *event);
    event->type = SIMC_EVENT_NOTICE;
    event->notice = SIMC_NOTICE_SENT;
    event->version = session->version;
    event->ecm_channel_id = session->channel_id;
    event->message = simc_buffer_bytes(&session->sent_now);
    note.why = row ? row->name : "a message";
    write_text(session, &note, event->text);
    return true;
}
