/* SPDX-License-Identifier: BSL-1.0 */
/* The EMMG server on the network: puts sessions on connections, datagrams into emmg.c, and its
 * deadline on a timer of the loop. service.c starts and ends it. */
#include "mux/emmg_service.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "daemon/network.h"

enum {
    FILES_OF_ITS_OWN = 16,
    UDP_BUFFER = 4 << 20, /* of the system, for each socket */
    UDP_DATAGRAM = 65536, /* libuv cuts the area into pieces of this size */
    UDP_AT_ONCE = 16,
    MS_PER_S = 1000,
};

/* A socket. libuv closes it later than the service forgets it, so it is a piece of memory of its
 * own. */
struct socket {
    uv_udp_t handle;
    struct simc__emmg_service *service; /* NULL: forgotten */
};

struct simc__emmg_service {
    struct simc__emmg_service_settings settings;
    struct simc__emmg *emmg;
    struct simc_uv_gate *gate;
    struct simc__metric_set *network;
    struct simc__metrics *metrics; /* of `network` */
    struct simc_uv_timer *timer;
    struct listener {
        struct simc__emmg_service *service;
        struct simc_uv_server *server;
        struct simc_uv_tls *tls;
    } listeners[SIMC__EMMG_LISTEN_MAX];
    struct socket *sockets[SIMC__EMMG_LISTEN_MAX];
    uint8_t *received; /* what a socket takes at once */
    bool is_udp_ahead; /* the timer will look after what came by UDP */
    bool is_freed;
};

/* ---- the gate and TLS, from the configuration ---- */

static struct simc_uv_gate_settings gate_settings(const struct simc__emmg_conf *conf)
{
    struct simc_uv_gate_settings settings = {
        .allow = conf->allow,
        .allow_count = conf->allow_count,
        .connections = conf->limits.connections,
        .connections_per_address = conf->limits.connections_per_address,
    };
    return settings;
}

static int make_tls(const struct simc__emmg_listen_conf *listen, struct simc_uv_tls **tls,
                    char why[SIMC_UV_TEXT_SIZE])
{
    const struct simc_uv_tls_settings settings = {
        .is_server = true,
        .certificate_file = listen->tls.certificate_file,
        .key_file = listen->tls.key_file,
        .ca_file = listen->tls.client_ca_file,
        .tls12 = listen->tls.tls12,
    };
    *tls = NULL;
    return listen->has_tls ? simc_uv_tls_new(&settings, why, tls) : 0;
}

int simc__emmg_service_check(const struct simc__emmg_conf *conf, char why[SIMC_UV_TEXT_SIZE])
{
    struct simc_uv_gate_settings settings = gate_settings(conf);
    struct simc_uv_gate *gate = NULL;
    int error = simc_uv_gate_new(&settings, why, &gate);
    simc_uv_gate_free(gate);
    for (size_t i = 0; !error && i < conf->listen_count; i++) {
        struct simc_uv_tls *tls = NULL;
        error = make_tls(&conf->listen[i], &tls, why);
        simc_uv_tls_free(tls);
    }
    return error;
}

uint64_t simc__emmg_service_files(const struct simc__emmg_conf *conf)
{
    return FILES_OF_ITS_OWN + (uint64_t)conf->limits.connections + conf->listen_count +
           conf->udp_count;
}

/* ---- time ---- */

static uint64_t now_ms(const struct simc__emmg_service *service)
{
    return simc_uv_loop_now_ms(service->settings.loop);
}

static void arm(struct simc__emmg_service *service)
{
    uint64_t deadline_ms = simc__emmg_deadline_ms(service->emmg), now = now_ms(service);
    if (!service->timer)
        return;
    if (service->is_udp_ahead)
        return; /* it is due at once */
    if (deadline_ms == SIMC_DEADLINE_NONE)
        simc_uv_timer_stop(service->timer);
    else
        simc_uv_timer_start(service->timer, deadline_ms > now ? deadline_ms - now : 0, 0);
}

static void on_timer(void *context)
{
    struct simc__emmg_service *service = context;
    service->is_udp_ahead = false;
    simc__emmg_run(service->emmg, now_ms(service));
    arm(service);
}

/* ---- connections ---- */

/* It may be called from inside the events of the same connection, or of another one. */
static void flush(void *context, struct simc__emmg_channel *channel)
{
    struct simc__emmg_service *service = context;
    const struct simc_uv_connection *connection = simc__emmg_channel_owner(channel);
    if (connection)
        simc_uv_loop_notify(service->settings.loop, simc_uv_connection_id(connection));
}

static struct simc__mux *find(void *context, const char *multiplex)
{
    struct simc__emmg_service *service = context;
    return service->settings.find(service->settings.context, multiplex);
}

static bool is_ended(void *context, const struct simc__emmg_channel *channel)
{
    const struct simc_uv_connection *connection = simc__emmg_channel_owner(channel);
    (void)context;
    return connection && simc_uv_connection_is_ended(connection);
}

static int on_open(void *context, struct simc_uv_connection *connection)
{
    struct listener *listener = context;
    const struct simc_uv_identity *identity = simc_uv_connection_identity(connection);
    const struct simc__emmg_peer peer = {
        .address = simc_uv_connection_peer(connection),
        .names = identity ? identity->names : NULL,
        .name_count = identity ? identity->name_count : 0,
    };
    struct simc__emmg_channel *channel;
    int error =
        simc__emmg_channel_new(listener->service->emmg, &peer, now_ms(listener->service), &channel);
    if (error)
        return error;
    simc__emmg_channel_owner_set(channel, connection);
    simc_uv_attach_session(connection, simc__emmg_channel_session(channel), channel);
    return 0;
}

static void on_events(void *context, struct simc_uv_connection *connection, uint64_t now)
{
    struct listener *listener = context;
    simc__emmg_channel_events(simc_uv_connection_owner(connection), now);
    arm(listener->service);
    listener->service->settings.turn(listener->service->settings.context);
}

static void on_end(void *context, struct simc_uv_connection *connection,
                   const struct simc_uv_end *end)
{
    struct listener *listener = context;
    /* As an EMMG that begins with TLS where plain TCP is served: it never had a channel. */
    if (end->reason == SIMC_UV_END_TLS)
        simc_log(listener->service->settings.log, SIMC_LOG_WARNING, "an EMMG is refused",
                 simc_log_text("peer", simc_uv_connection_peer(connection)),
                 simc_log_text("why", end->text));
    simc__emmg_channel_free(simc_uv_connection_owner(connection), end->text,
                            now_ms(listener->service));
    arm(listener->service);
}

static void on_refused(void *context, struct simc_uv_server *server, const char *peer,
                       const struct simc_uv_end *end)
{
    const struct listener *listener = context;
    (void)server;
    simc_log(listener->service->settings.log, SIMC_LOG_WARNING, "an EMMG is refused",
             simc_log_text("peer", peer), simc_log_text("why", end->text));
}

/* ---- UDP ---- */

static void on_udp_room(uv_handle_t *handle, size_t wanted, uv_buf_t *room)
{
    const struct socket *socket = handle->data;
    (void)wanted;
    *room = uv_buf_init((char *)socket->service->received, UDP_DATAGRAM * UDP_AT_ONCE);
}

static void on_udp(uv_udp_t *handle, ssize_t size, const uv_buf_t *bytes,
                   const struct sockaddr *from, unsigned flags)
{
    const struct socket *socket = handle->data;
    struct simc__emmg_service *service = socket->service;
    if (!service || (flags & UV_UDP_MMSG_FREE))
        return;
    /* What was cut off cannot be right; the server counts it as broken. */
    if (size > 0 && from) {
        simc__emmg_udp(service->emmg, simc_slice(bytes->base, (size_t)size), now_ms(service));
        if (!service->is_udp_ahead) {
            service->is_udp_ahead = true;
            simc_uv_timer_start(service->timer, 0, 0);
        }
        service->settings.turn(service->settings.context);
    }
}

static void on_udp_closed(uv_handle_t *handle)
{
    simc_free(handle->data);
}

static int read_udp_address(const struct simc__conf_address *address, struct sockaddr_storage *out)
{
    return uv_ip4_addr(address->host, address->port, (struct sockaddr_in *)out) == 0
               ? 0
               : uv_ip6_addr(address->host, address->port, (struct sockaddr_in6 *)out);
}

static bool is_group(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 28) == 0xE;
    return ((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr[0] == 0xFF;
}

static int listen_udp(uv_udp_t *handle, const struct simc__emmg_udp_conf *conf)
{
    struct sockaddr_storage address = {0};
    int size = UDP_BUFFER;
    int error = read_udp_address(&conf->address, &address);
    bool is_joined = !error && is_group(&address);
    if (!error)
        error = uv_udp_bind(handle, (const struct sockaddr *)&address,
                            is_joined ? UV_UDP_REUSEADDR : 0);
    if (!error && is_joined)
        error = uv_udp_set_membership(handle, conf->address.host, conf->interface, UV_JOIN_GROUP);
    /* The system's limit may be smaller: then there is so much less. */
    if (!error)
        uv_recv_buffer_size((uv_handle_t *)handle, &size);
    return error ? error : uv_udp_recv_start(handle, on_udp_room, on_udp);
}

static int open_udp(struct simc__emmg_service *service, size_t index, char why[SIMC_UV_TEXT_SIZE])
{
    const struct simc__emmg_udp_conf *conf = &service->settings.conf->udp[index];
    struct socket *made = simc_calloc(1, sizeof *made);
    if (!made)
        return SIMC_ENOMEM;
    made->service = service;
    made->handle.data = made;
    int error = uv_udp_init_ex(simc_uv_loop_uv(service->settings.loop), &made->handle,
                               AF_UNSPEC | UV_UDP_RECVMMSG);
    if (error) {
        simc_free(made);
    } else {
        service->sockets[index] = made;
        error = listen_udp(&made->handle, conf);
    }
    if (!error)
        return 0;
    snprintf(why, SIMC_UV_TEXT_SIZE, "emmg.udp: cannot receive at %.64s:%u: %s", conf->address.host,
             (unsigned)conf->address.port, uv_strerror(error));
    return SIMC_EIO;
}

static void close_udp(struct simc__emmg_service *service)
{
    for (size_t i = 0; i < SIMC__EMMG_LISTEN_MAX; i++) {
        struct socket *socket = service->sockets[i];
        if (!socket)
            continue;
        uv_udp_recv_stop(&socket->handle);
        socket->service = NULL;
        service->sockets[i] = NULL;
        uv_close((uv_handle_t *)&socket->handle, on_udp_closed);
    }
}

/* ---- start ---- */

static void release(struct simc__emmg_service *service)
{
    for (size_t i = 0; i < SIMC__EMMG_LISTEN_MAX; i++)
        if (service->listeners[i].server)
            return;
    for (size_t i = 0; i < SIMC__EMMG_LISTEN_MAX; i++)
        simc_uv_tls_free(service->listeners[i].tls);
    simc__emmg_free(service->emmg);
    simc__metrics_remove(service->metrics, service->network);
    simc_uv_gate_free(service->gate);
    simc_free(service->received);
    simc_free(service);
}

static void on_gone(void *context)
{
    struct listener *listener = context;
    listener->server = NULL;
    if (listener->service->is_freed)
        release(listener->service);
}

static int start_server(struct simc__emmg_service *service, size_t index,
                        char why[SIMC_UV_TEXT_SIZE])
{
    const struct simc__emmg_conf *conf = service->settings.conf;
    const struct simc__emmg_listen_conf *listen = &conf->listen[index];
    struct listener *listener = &service->listeners[index];
    const struct simc_uv_address address = {.host = listen->address.host,
                                            .port = listen->address.port};
    uint32_t keepalive_s = (conf->timers.keepalive_ms + MS_PER_S - 1) / MS_PER_S;
    listener->service = service;
    int error = make_tls(listen, &listener->tls, why);
    if (error)
        return error;
    const struct simc_uv_server_settings settings = {
        .listen = &address,
        .listen_count = 1,
        .transport = {.keepalive_idle_s = keepalive_s ? keepalive_s : SIMC_UV_OFF,
                      .write_stall_ms = conf->timers.stall_ms},
        .gate = service->gate,
        .tls = listener->tls,
        .handlers = {.on_open = on_open,
                     .on_events = on_events,
                     .on_end = on_end,
                     .on_refused = on_refused,
                     .on_gone = on_gone},
        .context = listener,
    };
    return simc_uv_server_new(service->settings.loop, &settings, why, &listener->server);
}

static int start(struct simc__emmg_service *service, char why[SIMC_UV_TEXT_SIZE])
{
    const struct simc__emmg_conf *conf = service->settings.conf;
    struct simc_uv_gate_settings settings = gate_settings(conf);
    const struct simc__emmg_environment environment = {
        .log = service->settings.log,
        .context = service,
        .find = find,
        .flush = flush,
        .is_ended = is_ended,
    };
    int error = simc__emmg_new(&environment, conf, &service->emmg);
    if (!error)
        error = simc_uv_gate_new(&settings, why, &service->gate);
    if (!error)
        error = simc_uv_timer_new(service->settings.loop, on_timer, service, &service->timer);
    if (!error && conf->udp_count) {
        service->received = simc_alloc((size_t)UDP_DATAGRAM * UDP_AT_ONCE);
        error = service->received ? 0 : SIMC_ENOMEM;
    }
    for (size_t i = 0; i < conf->udp_count && !error; i++)
        error = open_udp(service, i, why);
    for (size_t i = 0; i < conf->listen_count && !error; i++)
        error = start_server(service, i, why);
    return error;
}

int simc__emmg_service_new(const struct simc__emmg_service_settings *settings,
                           char why[SIMC_UV_TEXT_SIZE], struct simc__emmg_service **service)
{
    struct simc__emmg_service *made = simc_calloc(1, sizeof *made);
    *service = NULL;
    snprintf(why, SIMC_UV_TEXT_SIZE, "no memory for the EMMG server");
    if (!made)
        return SIMC_ENOMEM;
    made->settings = *settings;
    int error = start(made, why);
    if (error) {
        simc__emmg_service_free(made);
        return error;
    }
    for (size_t i = 0; i < settings->conf->listen_count; i++)
        simc_log(settings->log, SIMC_LOG_INFO, "listening for EMMGs and PDGs",
                 simc_log_text("host", settings->conf->listen[i].address.host),
                 simc_log_uint("port", simc_uv_server_port(made->listeners[i].server, 0)),
                 simc_log_text("transport", settings->conf->listen[i].has_tls ? "TLS" : "TCP"));
    for (size_t i = 0; i < settings->conf->udp_count; i++)
        simc_log(settings->log, SIMC_LOG_INFO, "listening for data of EMMGs and PDGs",
                 simc_log_text("host", settings->conf->udp[i].address.host),
                 simc_log_uint("port", settings->conf->udp[i].address.port),
                 simc_log_text("transport", "UDP"));
    *service = made;
    return 0;
}

/* ---- change ---- */

int simc__emmg_service_prepare(struct simc__emmg_service *service,
                               const struct simc__emmg_conf *conf, char why[SIMC_UV_TEXT_SIZE])
{
    struct simc_uv_gate_settings settings = gate_settings(conf);
    int error = simc_uv_gate_change(service->gate, &settings, why);
    /* Certificates are read again from the files of the old configuration, which are those of the
     * new one: the paths need a restart. */
    for (size_t i = 0; !error && i < SIMC__EMMG_LISTEN_MAX; i++)
        if (service->listeners[i].tls)
            error = simc_uv_tls_reload(service->listeners[i].tls, why);
    if (error)
        simc__emmg_service_restore(service);
    return error;
}

void simc__emmg_service_restore(struct simc__emmg_service *service)
{
    struct simc_uv_gate_settings settings = gate_settings(service->settings.conf);
    char why[SIMC_UV_TEXT_SIZE];
    if (simc_uv_gate_change(service->gate, &settings, why))
        simc_log(service->settings.log, SIMC_LOG_ERROR,
                 "the old limits of emmg cannot be restored; restart muxd",
                 simc_log_text("why", why));
}

void simc__emmg_service_change(struct simc__emmg_service *service,
                               const struct simc__emmg_conf *conf)
{
    service->settings.conf = conf;
    simc__emmg_change(service->emmg, conf, now_ms(service));
    arm(service);
}

void simc__emmg_service_fill(struct simc__emmg_service *service, const struct simc__mux *mux)
{
    simc__emmg_fill(service->emmg, mux);
}

void simc__emmg_service_mux_gone(struct simc__emmg_service *service, const struct simc__mux *mux)
{
    simc__emmg_mux_gone(service->emmg, mux);
}

/* ---- end ---- */

static void close_connection(void *context, struct simc_uv_connection *connection)
{
    (void)context;
    simc_uv_connection_close(connection, "this multiplexer is shutting down");
}

void simc__emmg_service_drain(struct simc__emmg_service *service)
{
    close_udp(service);
    for (size_t i = 0; i < SIMC__EMMG_LISTEN_MAX; i++) {
        if (!service->listeners[i].server)
            continue;
        simc_uv_server_stop(service->listeners[i].server);
        simc_uv_server_each(service->listeners[i].server, close_connection, NULL);
    }
}

void simc__emmg_service_free(struct simc__emmg_service *service)
{
    if (!service)
        return;
    close_udp(service);
    if (service->emmg)
        simc__emmg_mux_gone(service->emmg, NULL);
    simc_uv_timer_free(service->timer);
    service->timer = NULL;
    for (size_t i = 0; i < SIMC__EMMG_LISTEN_MAX; i++)
        simc_uv_server_free(service->listeners[i].server);
    /* Connections end with the loop; the last server takes all of it along. */
    service->is_freed = true;
    release(service);
}

/* ---- what it tells ---- */

void simc__emmg_service_status(struct simc__emmg_service *service, struct simc__json *json)
{
    const struct simc__emmg_conf *conf = service->settings.conf;
    struct simc_uv_stats stats;
    simc_uv_gate_stats(service->gate, &stats);
    simc__json_uint(json, "connections", stats.connections);
    simc__json_array(json, "listen");
    for (size_t i = 0; i < conf->listen_count; i++) {
        simc__json_object(json, NULL);
        simc__json_text(json, "host", conf->listen[i].address.host);
        simc__json_uint(json, "port",
                        service->listeners[i].server
                            ? simc_uv_server_port(service->listeners[i].server, 0)
                            : 0);
        simc__json_bool(json, "tls", conf->listen[i].has_tls);
        simc__json_end(json);
    }
    simc__json_end(json);
    simc__emmg_status(service->emmg, json, now_ms(service));
}

void simc__emmg_service_collect(struct simc__emmg_service *service, struct simc__metrics *metrics)
{
    service->metrics = metrics;
    if (!service->network &&
        simc__metrics_add(metrics, &simc__network_stats, NULL, 0, &service->network))
        service->network = NULL;
    if (service->network)
        simc__network_collect(service->network, service->gate);
    simc__emmg_collect(service->emmg, metrics, now_ms(service));
}
