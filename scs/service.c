/* SPDX-License-Identifier: BSL-1.0 */
/* The synchroniser on the network. One loop carries the connections to ECMGs and those of muxes;
 * what they mean is decided in scs.c and its neighbours. */
#include "scs/service.h"

#include <stdio.h>
#include <string.h>

#include "daemon/link.h"
#include "scs/scs.h"
#include "simulcrypt/uv.h"
#include "sys/clock.h"

enum { DRAIN_POLL_MS = 20, FILES_SPARE = 32, MUXES_MOST = 64, LISTEN_MOST = 2 };

struct service {
    struct simc__daemon_run *run;
    struct simc__scs *scs;
    struct simc_uv_loop *loop;
    struct simc_uv_timer *timer, *drain_timer;
    struct simc_uv_server *server; /* of the link; NULL: nobody may connect */
    struct peer *peers;
    bool is_draining, is_stopped;
};

/* The connection of a channel. */
struct peer {
    struct service *service;
    struct simc__scs_channel *channel; /* NULL: it is gone */
    struct simc_uv_client *client;
    struct simc_uv_tls *tls;
    bool has_stood;
    struct peer *next;
};

/* ---- the clock ---- */

static void go_on(struct service *service)
{
    uint64_t now_ms = simc_uv_loop_now_ms(service->loop);
    if (service->is_stopped)
        return;
    simc__scs_run(service->scs, now_ms);
    uint64_t deadline_ms = simc__scs_deadline_ms(service->scs);
    if (deadline_ms == SIMC_DEADLINE_NONE)
        simc_uv_timer_stop(service->timer);
    else
        simc_uv_timer_start(service->timer, simc_deadline_left(deadline_ms, now_ms), 0);
}

static void expired(void *context)
{
    go_on(context);
}

static uint64_t wall_us(void *context)
{
    (void)context;
    return simc__clock_wall_us(NULL);
}

/* ---- ECMGs ---- */

static int on_open(void *context, struct simc_uv_connection *connection)
{
    struct peer *peer = context;
    struct simc_session *session;
    if (!peer->channel)
        return SIMC_EEND;
    int error = simc__scs_channel_connected(peer->channel, simc_uv_loop_now_ms(peer->service->loop),
                                            &session);
    if (error)
        return error;
    simc_uv_attach_session(connection, session, peer);
    return 0;
}

static void on_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    struct peer *peer = context;
    (void)connection;
    if (peer->channel)
        simc__scs_channel_events(peer->channel, now_ms);
    go_on(peer->service);
}

static void on_end(void *context, struct simc_uv_connection *connection,
                   const struct simc_uv_end *end)
{
    struct peer *peer = context;
    struct service *service = peer->service;
    (void)connection;
    peer->has_stood = true;
    if (peer->channel)
        simc__scs_channel_disconnected(peer->channel, end->text,
                                       simc_uv_loop_now_ms(service->loop));
    go_on(service);
}

static void on_retry(void *context, struct simc_uv_client *client, const struct simc_uv_end *end,
                     uint32_t *delay_ms)
{
    struct peer *peer = context;
    struct service *service = peer->service;
    if (!peer->channel || service->is_draining) {
        simc_uv_client_stop(client);
        return;
    }
    if (!peer->has_stood)
        simc__scs_channel_unreachable(peer->channel, end->text, simc_uv_loop_now_ms(service->loop));
    else if (simc__scs_channel_retries_at_once(peer->channel))
        *delay_ms = 0;
    peer->has_stood = false;
    go_on(service);
}

static void on_gone(void *context)
{
    struct peer *peer = context;
    struct peer **at = &peer->service->peers;
    while (*at && *at != peer)
        at = &(*at)->next;
    if (*at)
        *at = peer->next;
    if (peer->channel)
        simc__scs_channel_owner_set(peer->channel, NULL);
    simc_uv_tls_free(peer->tls);
    simc_free(peer);
}

static int make_tls(const struct simc__scs_ecmg_conf *conf, struct simc_uv_tls **tls,
                    char why[SIMC_UV_TEXT_SIZE])
{
    const struct simc_uv_tls_settings settings = {
        .certificate_file = conf->tls.certificate_file,
        .key_file = conf->tls.key_file,
        .ca_file = conf->tls.ca_file,
        .tls12 = conf->tls.tls12,
    };
    *tls = NULL;
    return conf->has_tls ? simc_uv_tls_new(&settings, why, tls) : 0;
}

static int connect_channel(void *context, struct simc__scs_channel *channel)
{
    struct service *service = context;
    const struct simc__scs_ecmg_conf *conf = simc__scs_channel_conf(channel);
    struct peer *peer = simc_calloc(1, sizeof *peer);
    char why[SIMC_UV_TEXT_SIZE] = "";
    if (!peer)
        return SIMC_ENOMEM;
    peer->service = service;
    peer->channel = channel;
    int error = make_tls(conf, &peer->tls, why);
    if (error)
        simc_log(simc__daemon_log(service->run), SIMC_LOG_ERROR, "TLS cannot be used",
                 simc_log_text("ecmg", conf->name), simc_log_text("why", why));
    const struct simc_uv_client_settings settings = {
        .remote = {.host = conf->address.host, .port = conf->address.port},
        .server_name = conf->tls.server_name,
        .connect_ms = conf->connect_ms,
        .retry_first_ms = conf->retry_first_ms,
        .retry_most_ms = conf->retry_most_ms,
        .tls = peer->tls,
        .handlers = {.on_open = on_open,
                     .on_events = on_events,
                     .on_end = on_end,
                     .on_retry = on_retry,
                     .on_gone = on_gone},
        .context = peer,
    };
    if (!error)
        error = simc_uv_client_new(service->loop, &settings, &peer->client);
    if (error) {
        simc_uv_tls_free(peer->tls);
        simc_free(peer);
        return error;
    }
    peer->next = service->peers;
    service->peers = peer;
    simc__scs_channel_owner_set(channel, peer);
    return 0;
}

static void disconnect_channel(void *context, struct simc__scs_channel *channel)
{
    struct peer *peer = simc__scs_channel_owner(channel);
    (void)context;
    if (!peer)
        return; /* the end: the loop has gone before */
    peer->channel = NULL;
    simc_uv_client_free(peer->client);
}

static void flush_channel(void *context, struct simc__scs_channel *channel)
{
    struct peer *peer = simc__scs_channel_owner(channel);
    struct simc_uv_connection *connection =
        peer && peer->client ? simc_uv_client_connection(peer->client) : NULL;
    (void)context;
    if (connection)
        simc_uv_connection_pump(connection);
}

/* ---- muxes ---- */

static int mux_open(void *context, struct simc_uv_connection *connection)
{
    struct service *service = context;
    struct simc__scs_mux *mux;
    int error = simc__scs_mux_connected(service->scs, simc_uv_connection_peer(connection),
                                        simc_uv_loop_now_ms(service->loop), &mux);
    if (error)
        return error;
    simc__scs_mux_owner_set(mux, connection);
    simc_uv_attach(connection, &simc__link_protocol, simc__scs_mux_link(mux), mux);
    return 0;
}

static void mux_events(void *context, struct simc_uv_connection *connection, uint64_t now_ms)
{
    struct service *service = context;
    simc__scs_mux_events(simc_uv_connection_owner(connection), now_ms);
    go_on(service);
}

static void mux_end(void *context, struct simc_uv_connection *connection,
                    const struct simc_uv_end *end)
{
    struct service *service = context;
    simc__scs_mux_disconnected(simc_uv_connection_owner(connection), end->text,
                               simc_uv_loop_now_ms(service->loop));
    go_on(service);
}

static void mux_refused(void *context, struct simc_uv_server *server, const char *peer,
                        const struct simc_uv_end *end)
{
    struct service *service = context;
    (void)server;
    simc_log(simc__daemon_log(service->run), SIMC_LOG_WARNING, "connection refused",
             simc_log_text("peer", peer), simc_log_text("why", end->text));
}

static void flush_mux(void *context, struct simc__scs_mux *mux)
{
    (void)context;
    if (simc__scs_mux_owner(mux))
        simc_uv_connection_pump(simc__scs_mux_owner(mux));
}

static size_t mux_waiting(void *context, struct simc__scs_mux *mux)
{
    (void)context;
    return simc__link_waiting(simc__scs_mux_link(mux)) +
           simc_uv_connection_waiting(simc__scs_mux_owner(mux));
}

static int listen_for_muxes(struct service *service, const struct simc__scs_conf *conf,
                            char why[SIMC_UV_TEXT_SIZE])
{
    struct simc_uv_address addresses[LISTEN_MOST];
    size_t count = 0;
    memset(addresses, 0, sizeof addresses);
    if (conf->print != SIMC__SCS_PRINT_NONE)
        return 0;
    if (conf->link.socket)
        addresses[count++].path = conf->link.socket;
    if (conf->link.listen.host) {
        addresses[count].host = conf->link.listen.host;
        addresses[count++].port = conf->link.listen.port;
    }
    const struct simc_uv_server_settings settings = {
        .listen = addresses,
        .listen_count = count,
        .handlers = {.on_open = mux_open,
                     .on_events = mux_events,
                     .on_end = mux_end,
                     .on_refused = mux_refused},
        .context = service,
    };
    int error = simc_uv_server_new(service->loop, &settings, why, &service->server);
    if (error)
        return error;
    for (size_t i = 0; i < count; i++)
        simc_log(simc__daemon_log(service->run), SIMC_LOG_INFO, "listening for muxes",
                 simc_log_text("host", addresses[i].path ? addresses[i].path : addresses[i].host),
                 simc_log_uint("port", simc_uv_server_port(service->server, i)));
    return 0;
}

/* ---- --print ---- */

static void print_line(void *context, struct simc_slice line)
{
    struct service *service = context;
    bool is_good = fwrite(line.data, 1, line.size, stdout) == line.size && fflush(stdout) == 0;
    if (!is_good)
        simc__daemon_fail(service->run, "standard output cannot be written");
}

/* ---- start, reload, end ---- */

int simc__scs_service_check(const void *values, char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct simc__scs_conf *conf = values;
    int error = simc__scs_check(conf, why);
    for (size_t i = 0; !error && i < conf->ecmgs_count; i++) {
        struct simc_uv_tls *tls = NULL;
        error = make_tls(&conf->ecmgs[i], &tls, why);
        simc_uv_tls_free(tls);
    }
    return error;
}

uint64_t simc__scs_service_files(const void *values)
{
    const struct simc__scs_conf *conf = values;
    uint64_t files = FILES_SPARE + MUXES_MOST;
    for (size_t i = 0; i < conf->ecmgs_count; i++)
        files += conf->ecmgs[i].channels;
    return files;
}

static int start(struct service *service, const struct simc__scs_conf *conf,
                 char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct simc__scs_environment environment = {
        .log = simc__daemon_log(service->run),
        .metrics = simc__daemon_metrics(service->run),
        .source = simc__scs_source_openssl,
        .wall_us = wall_us,
        .context = service,
        .connect = connect_channel,
        .disconnect = disconnect_channel,
        .flush_channel = flush_channel,
        .flush_mux = flush_mux,
        .mux_waiting = mux_waiting,
        .print = print_line,
    };
    int error = simc_uv_loop_new(simc__daemon_loop(service->run), &service->loop);
    if (!error)
        error = simc_uv_timer_new(service->loop, expired, service, &service->timer);
    if (!error)
        error = simc__scs_new(&environment, conf, simc_uv_loop_now_ms(service->loop), &service->scs,
                              why);
    if (!error)
        error = listen_for_muxes(service, conf, why);
    if (!error)
        simc_uv_timer_start(service->timer, 0, 0);
    return error;
}

int simc__scs_service_start(struct simc__daemon_run *run, const void *values, void **out,
                            char why[SIMC__DAEMON_WHY_SIZE])
{
    struct service *service = simc_calloc(1, sizeof *service);
    if (!service)
        return SIMC_ENOMEM;
    service->run = run;
    int error = start(service, values, why);
    if (error) {
        simc__scs_service_stop(service);
        simc__scs_service_release(service);
        return error;
    }
    *out = service;
    return 0;
}

int simc__scs_service_reload(void *context, const void *old_values, const void *new_values,
                             char why[SIMC__DAEMON_WHY_SIZE])
{
    struct service *service = context;
    (void)old_values;
    int error = 0;
    for (struct peer *peer = service->peers; peer && !error; peer = peer->next)
        if (peer->tls && peer->channel)
            error = simc_uv_tls_reload(peer->tls, why);
    if (!error)
        error = simc__scs_change(service->scs, new_values, simc_uv_loop_now_ms(service->loop), why);
    if (!error)
        go_on(service);
    return error;
}

static void look_whether_drained(void *context)
{
    struct service *service = context;
    if (simc__scs_is_drained(service->scs))
        simc__daemon_drained(service->run);
}

void simc__scs_service_drain(void *context, uint32_t drain_ms)
{
    struct service *service = context;
    (void)drain_ms;
    service->is_draining = true;
    if (service->server)
        simc_uv_server_stop(service->server);
    simc__scs_drain(service->scs, simc_uv_loop_now_ms(service->loop));
    go_on(service);
    if (simc_uv_timer_new(service->loop, look_whether_drained, service, &service->drain_timer))
        simc__daemon_drained(service->run);
    else
        simc_uv_timer_start(service->drain_timer, 0, DRAIN_POLL_MS);
}

void simc__scs_service_stop(void *context)
{
    struct service *service = context;
    service->is_draining = service->is_stopped = true;
    if (!service->loop)
        return;
    simc_uv_loop_unref(service->loop);
    simc_uv_timer_free(service->drain_timer);
    simc_uv_timer_free(service->timer);
    simc_uv_server_free(service->server);
    for (struct peer *peer = service->peers; peer; peer = peer->next)
        if (peer->channel)
            simc_uv_client_free(peer->client);
}

void simc__scs_service_release(void *context)
{
    struct service *service = context;
    simc_uv_loop_free(service->loop);
    simc__scs_free(service->scs);
    simc_free(service);
}

void simc__scs_service_status(void *context, struct simc__json *json)
{
    struct service *service = context;
    simc__scs_status(service->scs, json);
}

void simc__scs_service_collect(void *context)
{
    struct service *service = context;
    simc__scs_collect(service->scs);
}

bool simc__scs_service_is_ready(void *context, char why[SIMC__DAEMON_WHY_SIZE])
{
    const struct service *service = context;
    return simc__scs_is_ready(service->scs, why);
}
