/* SPDX-License-Identifier: BSL-1.0 */
/* Clients: a name becomes addresses, these are tried in their order, and what fails or ends is
 * tried again with growing delays. Daemons and tools make them. */
#include <stdio.h>
#include <string.h>

#include "uv/internal.h"

enum {
    AT_ONCE_MOST = 4, /* in a row: a peer that closes each connection must not be flooded */
    DELAY_MOST_MS = 86400000,
    HOST_SHOWN_MAX = 100,
    HOST_MAX = 255, /* of a DNS name, and with room for an interface */
};

struct simc_uv_client {
    struct simc__uv_item item;
    struct simc__uv_party party;
    struct simc__uv_counters counters;
    char *host, *name; /* name: what the certificate must have */
    bool is_local;     /* `host` is the path of a unix socket */
    uint16_t port;
    uint32_t connect_ms, first_ms, most_ms, jitter_percent, stable_ms;

    uv_timer_t timer; /* until the next attempt */
    uv_getaddrinfo_t resolve;
    bool is_resolving, is_timer_closed;
    bool is_stopped, is_freeing;

    union simc__uv_sockaddr addresses[SIMC__UV_ADDRESSES_MAX];
    size_t address_count, address_at;
    struct simc_uv_end failure;            /* of the first address that failed in this attempt */
    struct simc_uv_connection *connection; /* being made, or made */
    unsigned failures, at_once;
};

static void try_address(struct simc_uv_client *client);

static struct simc_uv_client *client_of(struct simc__uv_party *party)
{
    return (struct simc_uv_client *)(void *)((char *)party -
                                             offsetof(struct simc_uv_client, party));
}

/* ---- the end ---- */

static void check_gone(struct simc_uv_client *client)
{
    if (!client->is_freeing || !client->is_timer_closed || client->is_resolving ||
        client->connection)
        return;
    void (*on_gone)(void *) = client->party.handlers.on_gone;
    void *context = client->party.context;
    simc__uv_item_remove(&client->item);
    simc_free(client->host);
    simc_free(client->name);
    simc_free(client);
    if (on_gone)
        on_gone(context);
}

static void timer_closed(uv_handle_t *handle)
{
    struct simc_uv_client *client = handle->data;
    client->is_timer_closed = true;
    check_gone(client);
}

/* A connection that is still being made has nothing to flush. */
static void drop_connection(struct simc_uv_client *client)
{
    if (!client->connection)
        return;
    simc__uv_end_set(&client->connection->end, SIMC_UV_END_SHUTDOWN, 0, NULL);
    simc__uv_close_now(client->connection);
}

static void end(struct simc__uv_item *item)
{
    struct simc_uv_client *client = (struct simc_uv_client *)(void *)item;
    if (client->is_freeing)
        return;
    client->is_stopped = true;
    client->is_freeing = true;
    if (client->is_resolving)
        uv_cancel((uv_req_t *)&client->resolve);
    drop_connection(client);
    uv_close((uv_handle_t *)&client->timer, timer_closed);
}

/* ---- delays ---- */

/* The delay is spread either way, so that many clients of one server do not come all at once. */
static uint32_t spread(uint32_t delay_ms, uint32_t percent)
{
    uint32_t random = 0;
    uint64_t width_ms = (uint64_t)delay_ms * percent / 100;
    if (width_ms == 0 || uv_random(NULL, NULL, &random, sizeof random, 0, NULL))
        return delay_ms;
    return (uint32_t)(delay_ms - width_ms + random % (2 * width_ms + 1));
}

static uint32_t next_delay_ms(const struct simc_uv_client *client)
{
    uint64_t delay_ms = client->first_ms;
    for (unsigned i = 0; i < client->failures && delay_ms < client->most_ms; i++)
        delay_ms *= 2;
    if (delay_ms > client->most_ms)
        delay_ms = client->most_ms;
    return spread((uint32_t)delay_ms, client->jitter_percent);
}

static void begin(uv_timer_t *timer);

/* Plans the next attempt. @param stood a connection had been open. */
static void plan(struct simc_uv_client *client, const struct simc_uv_end *why, bool stood)
{
    if (client->is_stopped)
        return;
    uint32_t planned_ms = next_delay_ms(client), delay_ms = planned_ms;
    if (client->party.handlers.on_retry)
        client->party.handlers.on_retry(client->party.context, client, why, &delay_ms);
    if (client->is_stopped)
        return;
    if (delay_ms == 0 && stood && client->at_once < AT_ONCE_MOST) {
        client->at_once++;
    } else {
        delay_ms = delay_ms ? delay_ms : planned_ms;
        client->failures++;
    }
    if (delay_ms > DELAY_MOST_MS)
        delay_ms = DELAY_MOST_MS;
    uv_timer_start(&client->timer, begin, delay_ms, 0);
}

/* ---- one attempt ---- */

/* No address has worked. */
static void give_up(struct simc_uv_client *client)
{
    struct simc_uv_end why = client->failure;
    size_t size = strlen(why.text);
    if (client->address_count > 1)
        snprintf(why.text + size, sizeof why.text - size, " (and %zu other address%s)",
                 client->address_count - 1, client->address_count > 2 ? "es" : "");
    plan(client, &why, false);
}

static void next_address(struct simc_uv_client *client)
{
    if (client->is_stopped)
        return;
    if (++client->address_at < client->address_count)
        try_address(client);
    else
        give_up(client);
}

/* Keeps the first failure of an attempt, with its address in front. */
static void note_failure(struct simc_uv_client *client, const char *address,
                         const struct simc_uv_end *end)
{
    if (client->failure.reason == SIMC_UV_END_NONE)
        simc__uv_end_set(&client->failure, end->reason, end->system_error, "%.79s: %.150s", address,
                         end->text);
}

static void ended(struct simc__uv_party *party, struct simc_uv_connection *connection)
{
    struct simc_uv_client *client = client_of(party);
    client->connection = NULL;
    if (client->is_freeing) {
        check_gone(client);
        return;
    }
    bool stood = connection->is_told;
    if (!stood && connection->end.reason != SIMC_UV_END_REJECTED) {
        note_failure(client, connection->peer_text, &connection->end);
        next_address(client);
        return;
    }
    uint64_t now_ms = uv_now(party->loop->uv);
    if (stood && now_ms >= simc_deadline_after(connection->open_ms, client->stable_ms)) {
        client->failures = 0;
        client->at_once = 0;
    }
    plan(client, &connection->end, stood);
}

static void connected(uv_connect_t *request, int error)
{
    struct simc_uv_connection *connection = request->data;
    uv_os_fd_t fd;
    if (connection->state == SIMC__UV_CLOSING)
        return;
    if (error) {
        simc__uv_end_set(&connection->end, SIMC_UV_END_CONNECT_FAILED, error, "%s",
                         uv_strerror(error));
        simc__uv_close_now(connection);
        return;
    }
    if (uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0) {
        simc__uv_socket_options(fd, connection->peer.any.sa_family, &connection->party->transport);
        if (simc__uv_is_local(&connection->peer) &&
            simc__uv_local_credentials(fd, &connection->peer))
            simc__uv_sockaddr_text(&connection->peer, connection->peer_text);
    }
    simc__uv_count(&connection->party->counters->connections_total, 1);
    simc__uv_connection_start(connection);
}

static void try_address(struct simc_uv_client *client)
{
    const union simc__uv_sockaddr *address = &client->addresses[client->address_at];
    char text[SIMC_UV_ADDRESS_SIZE];
    struct simc_uv_connection *connection;
    struct simc_uv_end why = {.reason = SIMC_UV_END_NONE};
    if (simc__uv_connection_new(&client->party, address, &connection)) {
        simc__uv_sockaddr_text(address, text);
        simc__uv_end_set(&why, SIMC_UV_END_NO_MEMORY, UV_ENOMEM, NULL);
        note_failure(client, text, &why);
        /* The other addresses would need memory too. */
        give_up(client);
        return;
    }
    client->connection = connection;
    connection->phase_deadline_ms =
        simc_deadline_after(uv_now(client->party.loop->uv), client->connect_ms);
    connection->request.connect.data = connection;
    int error = 0;
    if (simc__uv_is_local(address))
        uv_pipe_connect(&connection->request.connect, &connection->pipe, address->local.path,
                        connected);
    else
        error = uv_tcp_connect(&connection->request.connect, &connection->tcp, &address->any,
                               connected);
    if (error) {
        simc__uv_end_set(&connection->end, SIMC_UV_END_CONNECT_FAILED, error, "%s",
                         uv_strerror(error));
        simc__uv_close_now(connection);
    }
    simc__uv_settle(connection);
}

static void keep_addresses(struct simc_uv_client *client, const struct addrinfo *list)
{
    client->address_count = 0;
    for (; list && client->address_count < SIMC__UV_ADDRESSES_MAX; list = list->ai_next) {
        union simc__uv_sockaddr *address = &client->addresses[client->address_count];
        if (list->ai_family != AF_INET && list->ai_family != AF_INET6)
            continue;
        memset(address, 0, sizeof *address);
        memcpy(address, list->ai_addr,
               list->ai_addrlen < sizeof *address ? list->ai_addrlen : sizeof *address);
        if (address->any.sa_family == AF_INET6)
            address->v6.sin6_port = htons(client->port);
        else
            address->v4.sin_port = htons(client->port);
        client->address_count++;
    }
}

static void no_name(struct simc_uv_client *client, int error)
{
    simc__uv_end_set(&client->failure, SIMC_UV_END_NO_NAME, error,
                     "the name %.*s cannot be resolved: %s", HOST_SHOWN_MAX, client->host,
                     error ? uv_strerror(error) : "it has no IPv4 or IPv6 address");
    client->address_count = 0;
    give_up(client);
}

static void resolved(uv_getaddrinfo_t *request, int error, struct addrinfo *list)
{
    struct simc_uv_client *client = request->data;
    client->is_resolving = false;
    if (!error && !client->is_stopped)
        keep_addresses(client, list);
    uv_freeaddrinfo(list);
    if (client->is_freeing)
        check_gone(client);
    else if (!client->is_stopped && (error || client->address_count == 0))
        no_name(client, error);
    else if (!client->is_stopped)
        try_address(client);
}

static void begin(uv_timer_t *timer)
{
    struct simc_uv_client *client = timer->data;
    memset(&client->failure, 0, sizeof client->failure);
    client->address_at = 0;
    client->address_count = 1;
    if (client->is_local) {
        /* Its length was looked at when the client was made. */
        if (simc__uv_local_read(client->host, &client->addresses[0]) == 0)
            try_address(client);
        return;
    }
    if (simc__uv_sockaddr_read(client->host, client->port, &client->addresses[0]) == 0) {
        try_address(client);
        return;
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    client->resolve.data = client;
    int error = uv_getaddrinfo(client->party.loop->uv, &client->resolve, resolved, client->host,
                               NULL, &hints);
    client->is_resolving = !error;
    if (error)
        no_name(client, error);
}

/* ---- what the application calls ---- */

static uint32_t or_standard(uint32_t value, uint32_t standard)
{
    return value ? value : standard;
}

static bool is_good(const struct simc_uv_client_settings *settings)
{
    const struct simc_uv_handlers *handlers = &settings->handlers;
    const char *host = settings->remote.host, *path = settings->remote.path;
    union simc__uv_sockaddr local;
    if (path && (host || settings->tls || simc__uv_local_read(path, &local)))
        return false;
    if (!path && (!host || !host[0] || strlen(host) > HOST_MAX || settings->remote.port == 0))
        return false;
    if (settings->tls && simc__uv_tls_is_server(settings->tls))
        return false;
    uint32_t jitter = settings->retry_jitter_percent;
    return handlers->on_open && handlers->on_events && handlers->on_end &&
           (jitter <= 100 || jitter == SIMC_UV_OFF);
}

static char *copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = simc_alloc(size);
    if (copy)
        memcpy(copy, text, size);
    return copy;
}

static void fill(struct simc_uv_client *client, struct simc_uv_loop *loop,
                 const struct simc_uv_client_settings *settings)
{
    client->party.loop = loop;
    client->party.handlers = settings->handlers;
    client->party.context = settings->context;
    client->party.transport = settings->transport;
    client->party.tls = settings->tls;
    client->party.tls_name = client->name;
    client->party.counters = &client->counters;
    client->party.ended = ended;
    client->port = settings->remote.port;
    client->connect_ms = or_standard(settings->connect_ms, 5000);
    client->first_ms = or_standard(settings->retry_first_ms, 1000);
    client->most_ms = or_standard(settings->retry_most_ms, 30000);
    client->stable_ms = or_standard(settings->stable_ms, 10000);
    client->jitter_percent = settings->retry_jitter_percent == SIMC_UV_OFF
                                 ? 0
                                 : or_standard(settings->retry_jitter_percent, 20);
    if (client->most_ms > DELAY_MOST_MS)
        client->most_ms = DELAY_MOST_MS;
    client->timer.data = client;
}

int simc_uv_client_new(struct simc_uv_loop *loop, const struct simc_uv_client_settings *settings,
                       struct simc_uv_client **client)
{
    struct simc_uv_client_settings filled = *settings;
    *client = NULL;
    if (!is_good(settings) || simc__uv_transport_fill(&filled.transport))
        return SIMC_EINVAL;
    struct simc_uv_client *made = simc_calloc(1, sizeof *made);
    if (!made)
        return SIMC_ENOMEM;
    made->is_local = settings->remote.path != NULL;
    const char *host = made->is_local ? settings->remote.path : settings->remote.host;
    made->host = copy_text(host);
    made->name = copy_text(settings->server_name ? settings->server_name : host);
    if (!made->host || !made->name) {
        simc_free(made->host);
        simc_free(made->name);
        simc_free(made);
        return SIMC_ENOMEM;
    }
    fill(made, loop, &filled);
    uv_timer_init(loop->uv, &made->timer);
    simc__uv_item_add(loop, &made->item, end);
    uv_timer_start(&made->timer, begin, 0, 0);
    *client = made;
    return 0;
}

struct simc_uv_connection *simc_uv_client_connection(const struct simc_uv_client *client)
{
    struct simc_uv_connection *connection = client->connection;
    return connection && connection->is_told && connection->state != SIMC__UV_CLOSING ? connection
                                                                                      : NULL;
}

void simc_uv_client_stats(const struct simc_uv_client *client, struct simc_uv_stats *stats)
{
    memset(stats, 0, sizeof *stats);
    simc__uv_counters_sum(&client->counters, stats);
    stats->connections = simc_uv_client_connection(client) ? 1 : 0;
}

void simc_uv_client_stop(struct simc_uv_client *client)
{
    if (client->is_stopped)
        return;
    client->is_stopped = true;
    uv_timer_stop(&client->timer);
    if (client->is_resolving)
        uv_cancel((uv_req_t *)&client->resolve);
    if (client->connection && client->connection->is_told)
        simc_uv_connection_close(client->connection, NULL);
    else
        drop_connection(client);
}

void simc_uv_client_free(struct simc_uv_client *client)
{
    if (client)
        end(&client->item);
}
