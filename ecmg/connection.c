/* SPDX-License-Identifier: BSL-1.0 */
/* One SCS that is connected: decides what its session asks, has ECMs made, and counts. Workers of
 * the ECM generator own connections; all of this runs in their thread. */
#include <stdio.h>
#include <string.h>

#include "ecmg/internal.h"

enum { CHANNEL_FIELDS = 4 };

/* ---- log lines: who, and which channel or stream ---- */

static const struct simc_log *log_of(const struct simc__ecmg_connection *connection)
{
    return connection->worker->log;
}

static uint32_t super_cas_id_of(const struct simc__ecmg_connection *connection)
{
    return connection->system ? connection->system->host.super_cas_id : 0;
}

static void log_channel(const struct simc__ecmg_connection *connection, enum simc_log_level level,
                        const char *message, const struct simc_session_event *event,
                        const char *why)
{
    const struct simc_log_field fields[] = {
        simc_log_text("peer", connection->address),
        simc_log_uint("channel", event->ecm_channel_id),
        simc_log_hex("super_cas_id", super_cas_id_of(connection), 8),
        simc_log_text("why", why),
    };
    simc_log_line(log_of(connection), level, message, fields,
                  why ? CHANNEL_FIELDS : CHANNEL_FIELDS - 1);
}

static void log_stream(const struct simc__ecmg_connection *connection, enum simc_log_level level,
                       const char *message, const struct simc_session_event *event, const char *why)
{
    simc_log(log_of(connection), level, message, simc_log_text("peer", connection->address),
             simc_log_uint("channel", event->ecm_channel_id),
             simc_log_uint("stream", event->ecm_stream_id),
             simc_log_hex("super_cas_id", super_cas_id_of(connection), 8),
             simc_log_text("why", why));
}

/* ---- figures ---- */

static void count(const struct simc__ecmg_connection *connection, enum simc__ecmg_stat stat)
{
    simc__metric_count(connection->system->stats, simc__ecmg_thread(connection), stat);
}

static void move(const struct simc__ecmg_connection *connection, enum simc__ecmg_stat stat,
                 int64_t amount)
{
    simc__metric_move(connection->system->stats, simc__ecmg_thread(connection), stat, 0, amount);
}

void simc__ecmg_count_error(const struct simc__ecmg_connection *connection, uint16_t status)
{
    unsigned value = simc__ecmg_status_value(status);
    if (connection->system)
        simc__metric_add(connection->system->stats, simc__ecmg_thread(connection),
                         SIMC__ECMG_STAT_ERRORS, value, 1);
    else
        simc__metric_add(connection->worker->ecmg->peer_stats, simc__ecmg_thread(connection),
                         SIMC__ECMG_STAT_REFUSED, value, 1);
}

/* ---- who may come, and within what its ids are unique ---- */

static uint64_t hash_text(const char *text)
{
    uint64_t hash = 0xcbf29ce484222325U; /* FNV-1a; a collision only makes two peers share ids */
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 0x100000001b3U;
    return hash;
}

/* Notes what the certificate of the peer may use. */
static int note_rights(struct simc__ecmg_connection *connection, const struct simc__ecmg_peer *peer)
{
    const struct simc__ecmg_tls_conf *tls = peer->tls;
    size_t room = 0;
    connection->allows_all = !tls || !tls->client_ca_file || tls->clients_count == 0;
    for (size_t i = 0; !connection->allows_all && i < tls->clients_count; i++)
        room += tls->clients[i].super_cas_ids_count;
    connection->allowed = room ? simc_calloc(room, sizeof *connection->allowed) : NULL;
    if (room && !connection->allowed)
        return SIMC_ENOMEM;
    for (size_t i = 0; !connection->allows_all && i < tls->clients_count; i++) {
        const struct simc__ecmg_client_conf *client = &tls->clients[i];
        bool is_named = false;
        for (size_t n = 0; n < peer->names_count; n++)
            is_named = is_named || strcmp(client->name, peer->names[n]) == 0;
        if (!is_named)
            continue;
        connection->allows_all = client->super_cas_ids_count == 0;
        for (size_t k = 0; k < client->super_cas_ids_count; k++)
            connection->allowed[connection->allowed_count++] = client->super_cas_ids[k];
    }
    return 0;
}

static bool is_allowed(const struct simc__ecmg_connection *connection, uint32_t super_cas_id)
{
    bool found = connection->allows_all;
    for (size_t i = 0; !found && i < connection->allowed_count; i++)
        found = connection->allowed[i] == super_cas_id;
    return found;
}

/* Ids are unique within the scope that the configuration names. */
static uint64_t scope_of(const struct simc__ecmg_connection *connection)
{
    switch (connection->worker->ecmg->conf->id_scope) {
    case SIMC__ECMG_IDS_PER_ECMG:
        return 0;
    case SIMC__ECMG_IDS_PER_CONNECTION:
        return connection->own_scope;
    default:
        return connection->scope;
    }
}

/* ---- connection ---- */

static struct simc_ecmg_settings settings_of(const struct simc__ecmg_conf *conf)
{
    struct simc_ecmg_settings settings = {
        .common = {.strict = conf->strict,
                   .send_error_information = true,
                   .length_limit = conf->limits.message_length,
                   .stream_limit = conf->limits.streams_per_channel,
                   .output_limit = conf->limits.output,
                   .fault_limit = conf->limits.faults,
                   .setup_ms = conf->timers.setup_ms,
                   .test_ms = conf->timers.test_ms,
                   .close_ms = conf->timers.close_ms,
                   .idle_ms =
                       conf->timers.idle_test_ms ? conf->timers.idle_test_ms : SIMC_IDLE_TEST_OFF},
        .access_criteria_limit = conf->limits.access_criteria,
        .pending_limit = conf->limits.pending,
        .exact_cws = conf->exact_cws,
        .zero_encryption_is_clear = conf->zero_encryption_is_clear,
    };
    for (size_t i = 0; i < conf->versions_count; i++)
        settings.versions |= 1U << conf->versions[i];
    return settings;
}

int simc__ecmg_connection_new(struct simc__ecmg_worker *worker, const struct simc__ecmg_peer *peer,
                              uint64_t now_ms, struct simc__ecmg_connection **connection)
{
    struct simc__ecmg_connection *made = simc_calloc(1, sizeof *made);
    *connection = NULL;
    if (!made)
        return SIMC_ENOMEM;
    made->worker = worker;
    snprintf(made->address, sizeof made->address, "%s", peer->address);
    made->scope = hash_text(peer->host) | 1;
    for (size_t i = 0; i < peer->names_count; i++)
        made->names = made->names * 31 + hash_text(peer->names[i]);
    /* Unlike a hash of a peer, it is even, and unique over all workers. */
    made->own_scope = (++worker->next_scope * SIMC__ECMG_WORKERS_MAX + worker->index) << 1;
    struct simc_ecmg_settings settings = settings_of(worker->ecmg->conf);
    int error = note_rights(made, peer);
    if (!error)
        error = simc_ecmg_session_new(&settings, now_ms, &made->session);
    if (error) {
        simc_free(made->allowed);
        simc_free(made);
        return error;
    }
    made->next = worker->connections;
    if (made->next)
        made->next->previous = made;
    worker->connections = made;
    simc__metric_count(worker->ecmg->peer_stats, simc__ecmg_thread(made),
                       SIMC__ECMG_STAT_CONNECTIONS_OPENED);
    simc__metric_move(worker->ecmg->peer_stats, simc__ecmg_thread(made),
                      SIMC__ECMG_STAT_CONNECTIONS, 0, 1);
    *connection = made;
    return 0;
}

struct simc_session *simc__ecmg_connection_session(struct simc__ecmg_connection *connection)
{
    return connection->session;
}

void simc__ecmg_connection_owner_set(struct simc__ecmg_connection *connection, void *owner)
{
    connection->owner = owner;
}

/* ---- streams ---- */

/* An id that no other stream has, for streams without an ECM_id and for scopes of one connection:
 * the register counts streams by their ids. */
static struct simc__ecmg_id stream_id_of(const struct simc__ecmg_connection *connection,
                                         const struct simc_ecmg_stream_setup *setup)
{
    struct simc__ecmg_id id = {
        .scope = scope_of(connection),
        .super_cas_id = super_cas_id_of(connection),
        .value = setup->ecm_id,
        .is_ecm_id = true,
        .owner = connection->own_scope,
    };
    if (!setup->has_ecm_id) {
        id.scope = connection->own_scope;
        id.super_cas_id = 0;
        id.value = setup->ecm_stream_id;
    }
    return id;
}

static bool is_listed(const struct simc__ecmg_system_conf *conf, uint16_t ecm_id)
{
    bool found = conf->ecm_ids_count == 0;
    for (size_t i = 0; !found && i < conf->ecm_ids_count; i++)
        found = conf->ecm_ids[i] == ecm_id;
    return found;
}

static uint16_t take_stream_id(struct simc__ecmg_connection *connection,
                               const struct simc__ecmg_id *id)
{
    struct simc__ecmg *ecmg = connection->worker->ecmg;
    switch (
        simc__ecmg_register_take(&ecmg->ids, id, &ecmg->ids.streams, ecmg->conf->limits.streams)) {
    case 0:
        return 0;
    case SIMC_EINVAL:
        return SIMC_ECMG_STATUS_ECM_ID_IN_USE;
    case SIMC_EFULL:
        return SIMC_ECMG_STATUS_TOO_MANY_STREAMS_ON_ECMG;
    default:
        return SIMC_ECMG_STATUS_OUT_OF_STORAGE;
    }
}

/* Opens the stream in the plug-in. @return 0, or the status of the refusal. */
static uint16_t open_in_plugin(struct simc__ecmg_connection *connection,
                               const struct simc_ecmg_stream_setup *setup,
                               struct simc__ecmg_stream *stream, struct simc_ecm_answer *answer)
{
    const struct simc__ecmg_system *system = connection->system;
    const struct simc_ecm_stream about = {
        .super_cas_id = system->host.super_cas_id,
        .ecm_channel_id = setup->ecm_channel_id,
        .ecm_stream_id = setup->ecm_stream_id,
        .has_ecm_id = setup->has_ecm_id,
        .ecm_id = setup->ecm_id,
        .nominal_cp_duration_100ms = setup->nominal_cp_duration_100ms,
        .lead_cw = system->status.lead_cw,
        .cw_per_msg = system->status.cw_per_msg,
        .ts_packets = connection->sends_packets,
        .peer = connection->address,
    };
    if (system->plugin->stream_open(system->workers[connection->worker->index], &about,
                                    &stream->state, answer) == 0)
        return 0;
    return answer->status ? answer->status : SIMC_ECMG_STATUS_UNKNOWN_ERROR;
}

/* @return 0 and the stream, or the status of the refusal. */
static uint16_t make_stream(struct simc__ecmg_connection *connection,
                            const struct simc_ecmg_stream_setup *setup,
                            struct simc__ecmg_stream **stream, struct simc_ecm_answer *answer)
{
    struct simc__ecmg *ecmg = connection->worker->ecmg;
    if (setup->has_ecm_id && !is_listed(connection->system->conf, setup->ecm_id))
        return SIMC_ECMG_STATUS_UNKNOWN_ECM_ID;
    struct simc__ecmg_stream *made = simc_calloc(1, sizeof *made);
    if (!made)
        return SIMC_ECMG_STATUS_OUT_OF_STORAGE;
    made->id = stream_id_of(connection, setup);
    uint16_t status = take_stream_id(connection, &made->id);
    if (!status) {
        status = open_in_plugin(connection, setup, made, answer);
        if (status)
            simc__ecmg_register_give(&ecmg->ids, &made->id, &ecmg->ids.streams);
    }
    if (status) {
        simc_free(made);
        return status;
    }
    *stream = made;
    return 0;
}

/* What the operator reads when this side refuses: the cause, and what can be done about it. */
static const struct {
    uint16_t status;
    const char *why;
} refusals[] = {
    {SIMC_ECMG_STATUS_UNKNOWN_SUPER_CAS_ID,
     "no system of the configuration has this Super_CAS_id; add it, or set it right in the SCS"},
    {SIMC_ECMG_STATUS_ECM_CHANNEL_ID_IN_USE,
     "this ECM_channel_id is open on another connection; give each SCS ids of its own, or change "
     "ids_unique_per; for one that was cut off without an end, set takeover: same_peer"},
    {SIMC_ECMG_STATUS_TOO_MANY_CHANNELS, "limits.channels is reached"},
    {SIMC_ECMG_STATUS_UNKNOWN_ECM_ID, "ecm_ids of the system does not list this ECM_id"},
    {SIMC_ECMG_STATUS_ECM_ID_IN_USE,
     "another stream that is open has this ECM_id; give each stream its own, or change "
     "ids_unique_per"},
    {SIMC_ECMG_STATUS_TOO_MANY_STREAMS_ON_ECMG, "limits.streams is reached"},
    {SIMC_ECMG_STATUS_OUT_OF_STORAGE, "no memory"},
};

static const char *refusal_text(uint16_t status)
{
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        if (refusals[i].status == status)
            return refusals[i].why;
    const char *text = simc_status_text(simc_interface_find(simc_slice_text("ECMG-SCS")), status);
    return text ? text : "error of the CA system";
}

static void on_stream_setup(struct simc__ecmg_connection *connection,
                            const struct simc_session_event *event)
{
    struct simc_ecm_answer answer = {.section = connection->worker->section};
    struct simc__ecmg_stream *stream = NULL;
    uint16_t status = make_stream(connection, &event->stream_setup, &stream, &answer);
    /* Counted first: what refuses below counts the end. */
    if (!status) {
        count(connection, SIMC__ECMG_STAT_STREAMS_OPENED);
        move(connection, SIMC__ECMG_STAT_STREAMS, 1);
    }
    if (!status && simc_ecmg_stream_accept(connection->session,
                                           connection->system->conf->transfer_mode, stream)) {
        simc__ecmg_stream_free(connection, stream);
        status = SIMC_ECMG_STATUS_OUT_OF_STORAGE;
    }
    if (!status) {
        log_stream(connection, SIMC_LOG_INFO, "stream open", event, NULL);
        return;
    }
    simc__ecmg_count_error(connection, status);
    log_stream(connection, SIMC_LOG_WARNING, "stream refused", event,
               answer.why[0] ? answer.why : refusal_text(status));
    if (simc_session_refuse(connection->session, status, simc_slice(NULL, 0)))
        log_stream(connection, SIMC_LOG_ERROR, "the refusal cannot be sent", event, NULL);
}

/* ---- channel ---- */

static void leave_system(struct simc__ecmg_connection *connection)
{
    struct simc__ecmg *ecmg = connection->worker->ecmg;
    if (!connection->system)
        return;
    move(connection, SIMC__ECMG_STAT_CHANNELS, -1);
    simc__ecmg_register_give(&ecmg->ids, &connection->channel, &ecmg->ids.channels);
    pthread_mutex_lock(&ecmg->ids.lock);
    connection->system->users--;
    pthread_mutex_unlock(&ecmg->ids.lock);
    connection->system = NULL;
}

static uint16_t enter_system(struct simc__ecmg_connection *connection,
                             const struct simc_ecmg_channel_setup *setup)
{
    struct simc__ecmg *ecmg = connection->worker->ecmg;
    struct simc__ecmg_system *system = simc__ecmg_system_find(ecmg, setup->super_cas_id);
    if (!system || !is_allowed(connection, setup->super_cas_id))
        return SIMC_ECMG_STATUS_UNKNOWN_SUPER_CAS_ID;
    connection->channel = (struct simc__ecmg_id){.scope = scope_of(connection),
                                                 .value = setup->ecm_channel_id,
                                                 .owner = connection->own_scope};
    switch (simc__ecmg_register_take(&ecmg->ids, &connection->channel, &ecmg->ids.channels,
                                     ecmg->conf->limits.channels)) {
    case 0:
        break;
    case SIMC_EINVAL:
        return SIMC_ECMG_STATUS_ECM_CHANNEL_ID_IN_USE;
    case SIMC_EFULL:
        return SIMC_ECMG_STATUS_TOO_MANY_CHANNELS;
    default:
        return SIMC_ECMG_STATUS_OUT_OF_STORAGE;
    }
    pthread_mutex_lock(&ecmg->ids.lock);
    system->users++;
    pthread_mutex_unlock(&ecmg->ids.lock);
    connection->system = system;
    connection->sends_packets = system->status.section_tspkt_flag != 0;
    count(connection, SIMC__ECMG_STAT_CHANNELS_OPENED);
    move(connection, SIMC__ECMG_STAT_CHANNELS, 1);
    return 0;
}

/* The SCS is told the same in both cases; the operator must know which it is. */
static const char *refusal_of_channel(const struct simc__ecmg_connection *connection,
                                      const struct simc_session_event *event, uint16_t status)
{
    if (status == SIMC_ECMG_STATUS_UNKNOWN_SUPER_CAS_ID &&
        !is_allowed(connection, event->channel_setup.super_cas_id))
        return "the certificate of this SCS is not allowed to use it; tls.clients of the listener "
               "says who may";
    return refusal_text(status);
}

static void answer_setup(struct simc__ecmg_connection *connection,
                         const struct simc_session_event *event, uint16_t status)
{
    if (!status && simc_ecmg_channel_accept(connection->session, &connection->system->status)) {
        leave_system(connection);
        status = SIMC_ECMG_STATUS_OUT_OF_STORAGE;
    }
    if (!status) {
        log_channel(connection, SIMC_LOG_INFO, "channel open", event, NULL);
        return;
    }
    simc_log(log_of(connection), SIMC_LOG_WARNING, "channel refused",
             simc_log_text("peer", connection->address),
             simc_log_uint("channel", event->channel_setup.ecm_channel_id),
             simc_log_hex("super_cas_id", event->channel_setup.super_cas_id, 8),
             simc_log_text("why", refusal_of_channel(connection, event, status)));
    simc__ecmg_count_error(connection, status);
    if (simc_session_refuse(connection->session, status, simc_slice(NULL, 0)))
        log_channel(connection, SIMC_LOG_ERROR, "the refusal cannot be sent", event, NULL);
}

static void on_channel_setup(struct simc__ecmg_connection *connection,
                             const struct simc_session_event *event)
{
    uint16_t status = enter_system(connection, &event->channel_setup);
    if (status == SIMC_ECMG_STATUS_ECM_CHANNEL_ID_IN_USE) {
        connection->is_waiting = simc__ecmg_take_over(connection);
        connection->waiting = *event; /* of which only numbers are used */
        if (connection->is_waiting)
            return;
        status = enter_system(connection, &event->channel_setup);
    }
    answer_setup(connection, event, status);
}

void simc__ecmg_connection_resume(struct simc__ecmg_connection *connection, uint64_t now_ms)
{
    connection->is_waiting = false;
    answer_setup(connection, &connection->waiting,
                 enter_system(connection, &connection->waiting.channel_setup));
    simc__ecmg_connection_events(connection, now_ms);
}

/* Gives back all that the channel had. */
static void close_channel(struct simc__ecmg_connection *connection)
{
    uint32_t next = 0;
    uint16_t stream_id;
    void *context;
    if (!connection->system)
        return;
    while (simc_ecmg_stream_next(connection->session, &next, &stream_id, &context))
        simc__ecmg_stream_free(connection, context);
    leave_system(connection);
}

/* ---- events ---- */

static void on_notice(const struct simc__ecmg_connection *connection,
                      const struct simc_session_event *event)
{
    bool is_fault = event->notice == SIMC_NOTICE_FAULT;
    for (size_t i = 0; is_fault && i < event->status_count; i++)
        simc__ecmg_count_error(connection, event->statuses[i]);
    if (event->has_stream)
        log_stream(connection, is_fault ? SIMC_LOG_WARNING : SIMC_LOG_INFO, "message of the SCS",
                   event, event->text);
    else
        log_channel(connection, is_fault ? SIMC_LOG_WARNING : SIMC_LOG_INFO, "message of the SCS",
                    event, event->text);
}

static void handle(struct simc__ecmg_connection *connection, const struct simc_session_event *event)
{
    switch (event->type) {
    case SIMC_EVENT_CW_PROVISION:
        simc__ecmg_make(connection, event);
        break;
    case SIMC_EVENT_CHANNEL_SETUP:
        on_channel_setup(connection, event);
        break;
    case SIMC_EVENT_STREAM_SETUP:
        on_stream_setup(connection, event);
        break;
    case SIMC_EVENT_STREAM_CLOSED:
        log_stream(connection, SIMC_LOG_INFO, "stream closed", event,
                   simc_session_reason_text(event->reason));
        simc__ecmg_stream_free(connection,
                               simc_ecmg_stream_context(connection->session, event->ecm_stream_id));
        break;
    case SIMC_EVENT_CHANNEL_CLOSED:
        log_channel(connection, SIMC_LOG_INFO, "channel closed", event,
                    simc_session_reason_text(event->reason));
        close_channel(connection);
        break;
    case SIMC_EVENT_PEER_ERROR:
        simc__metric_count(connection->worker->ecmg->peer_stats, simc__ecmg_thread(connection),
                           SIMC__ECMG_STAT_PEER_ERRORS);
        log_channel(connection, SIMC_LOG_WARNING, "the SCS reports an error", event, event->text);
        break;
    case SIMC_EVENT_NOTICE:
        on_notice(connection, event);
        break;
    default:
        break;
    }
}

void simc__ecmg_connection_events(struct simc__ecmg_connection *connection, uint64_t now_ms)
{
    struct simc_session_event event;
    /* A reload took the CA system away: its channels end, as the SCS would see with a new one. */
    if (connection->system && connection->system->is_gone)
        simc_session_close(connection->session, now_ms);
    /* A session whose question has no answer yet is not asked for more. */
    while (!connection->is_waiting && simc_session_next_event(connection->session, &event))
        handle(connection, &event);
}

void simc__ecmg_connection_drain(struct simc__ecmg_connection *connection, uint64_t now_ms)
{
    simc_session_close(connection->session, now_ms);
    simc__ecmg_connection_events(connection, now_ms);
}

void simc__ecmg_connection_free(struct simc__ecmg_connection *connection, const char *why)
{
    struct simc__ecmg_worker *worker;
    if (!connection)
        return;
    worker = connection->worker;
    if (connection->system)
        simc_log(log_of(connection), SIMC_LOG_INFO, "connection closed with its channel open",
                 simc_log_text("peer", connection->address),
                 simc_log_uint("channel", connection->channel.value),
                 simc_log_hex("super_cas_id", super_cas_id_of(connection), 8),
                 simc_log_text("why", why));
    close_channel(connection);
    if (connection->next)
        connection->next->previous = connection->previous;
    if (connection->previous)
        connection->previous->next = connection->next;
    else
        worker->connections = connection->next;
    simc__metric_move(worker->ecmg->peer_stats, simc__ecmg_thread(connection),
                      SIMC__ECMG_STAT_CONNECTIONS, 0, -1);
    simc_session_free(connection->session);
    simc_free(connection->allowed);
    connection->session = NULL;
    connection->is_freed = true;
    if (connection->job_count == 0)
        simc_free(connection);
}
