/* SPDX-License-Identifier: BSL-1.0 */
/* One request and its reply: limits, the forms that smuggle requests, routes, handlers, errors. The
 * server gives these callbacks to libmicrohttpd. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "http/internal.h"

enum { SCRATCH_SIZE = 64 << 10, SCRATCH_KEPT = 256 << 10, TRIES = 3 };

struct exchange {
    struct simc_buffer body;
    bool begun;    /* the head has been looked at */
    bool too_long; /* the target */
    bool too_large;
    unsigned refused; /* status of a head that breaks rules; 0: good */
    const char *refused_why;
    bool has_type;
    char target[]; /* path, end mark, query, end mark */
};

static const struct {
    const char *name;
    enum simc__http_method method;
} methods[] = {
    {"GET", SIMC__HTTP_GET}, {"HEAD", SIMC__HTTP_GET},      {"POST", SIMC__HTTP_POST},
    {"PUT", SIMC__HTTP_PUT}, {"DELETE", SIMC__HTTP_DELETE},
};

/* ---- the head ---- */

/* The target without "http://host": a client may write it whole [RFC 9112 3.2.2]. */
static const char *origin_form(const char *target)
{
    if (strncmp(target, "http://", 7) != 0)
        return target;
    target += 7 + strcspn(target + 7, "/?");
    return *target == '/' ? target : "/";
}

void *simc__http_exchange_begin(void *context, const char *target,
                                struct MHD_Connection *connection)
{
    struct simc__http_server *server = context;
    (void)connection;
    target = origin_form(target);
    size_t size = strlen(target);
    bool too_long = size > server->settings.target_max;
    struct exchange *exchange = simc_calloc(1, sizeof *exchange + (too_long ? 0 : size) + 2);
    if (!exchange)
        return NULL;
    simc_buffer_init(&exchange->body, server->settings.body_max);
    exchange->too_long = too_long;
    if (!too_long) {
        memcpy(exchange->target, target, size);
        exchange->target[strcspn(target, "?")] = '\0';
    }
    return exchange;
}

/* What a header section says about the length of its message and its host. */
struct framing {
    unsigned lengths, encodings, hosts;
    bool length_bad, encoding_bad, name_bad;
};

/* Header names are tokens [RFC 9110 5.6.2]. */
static bool is_token(const char *name, size_t size)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || !strchr(others, c)))
            return false;
    }
    return size > 0;
}

static enum MHD_Result look_at_header(void *context, enum MHD_ValueKind kind, const char *name,
                                      size_t name_size, const char *value, size_t value_size)
{
    struct framing *framing = context;
    (void)kind;
    framing->name_bad |= !is_token(name, name_size);
    if (name_size == 14 && strcasecmp(name, "Content-Length") == 0) {
        framing->lengths++;
        framing->length_bad |= value_size == 0 || strspn(value, "0123456789") != value_size;
    } else if (name_size == 17 && strcasecmp(name, "Transfer-Encoding") == 0) {
        framing->encodings++;
        framing->encoding_bad |= value_size != 7 || strcasecmp(value, "chunked") != 0;
    } else if (name_size == 4 && strcasecmp(name, "Host") == 0) {
        framing->hosts++;
    }
    return MHD_YES;
}

/* Forms that two readers may understand differently are refused [RFC 9112 6.3, 11.2]. */
static void check_head(struct exchange *exchange, struct MHD_Connection *connection,
                       const char *version, size_t body_max)
{
    struct framing framing = {0, 0, 0, false, false, false};
    MHD_get_connection_values_n(connection, MHD_HEADER_KIND, look_at_header, &framing);
    exchange->refused = 400;
    if (strcmp(version, "HTTP/1.1") != 0 && strcmp(version, "HTTP/1.0") != 0) {
        exchange->refused = 505;
        exchange->refused_why = "this server speaks HTTP/1.1";
    } else if (framing.name_bad) {
        exchange->refused_why = "the name of a header holds a character that it may not";
    } else if (framing.lengths + framing.encodings > 1) {
        exchange->refused_why = "the length of the body is given more than once; send either one "
                                "Content-Length or one Transfer-Encoding";
    } else if (framing.length_bad) {
        exchange->refused_why = "Content-Length is no decimal number";
    } else if (framing.encoding_bad || (framing.encodings && strcmp(version, "HTTP/1.0") == 0)) {
        exchange->refused = 501;
        exchange->refused_why = "the only Transfer-Encoding is chunked, in HTTP/1.1";
    } else if (framing.hosts > 1 || (framing.hosts == 0 && strcmp(version, "HTTP/1.1") == 0)) {
        exchange->refused_why = "a request of HTTP/1.1 has one Host header";
    } else if (exchange->too_long) {
        exchange->refused = 414;
        exchange->refused_why = "the path with its query is too long";
    } else {
        const char *length =
            MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Length");
        uint64_t size = 0;
        exchange->refused = 0;
        /* A number with zeros in front is legal here, unlike in our own texts. */
        while (length && length[0] == '0' && length[1])
            length++;
        if (length && (simc__text_read_uint(simc_slice_text(length), &size) || size > body_max)) {
            exchange->refused = 413;
            exchange->too_large = true;
        }
    }
}

/* ---- the reply ---- */

static enum simc__http_method method_of(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (strcmp(methods[i].name, name) == 0)
            return methods[i].method;
    }
    return (enum simc__http_method)0;
}

/* Finds the route. @param allowed all methods that its path has. @param context of the handler. */
static const struct simc__http_route *find_route(const struct simc__http_server *server,
                                                 const char *path, enum simc__http_method method,
                                                 unsigned *allowed, void **context)
{
    const struct simc__http_route *found = NULL;
    *allowed = 0;
    for (size_t set = 0; set < server->settings.set_count; set++) {
        for (size_t i = 0; i < server->sets[set].count; i++) {
            const struct simc__http_route *row = &server->sets[set].rows[i];
            if (strcmp(row->path, path) != 0)
                continue;
            *allowed |= row->method;
            if (row->method != method)
                continue;
            found = row;
            *context = server->sets[set].context;
        }
    }
    return found;
}

/* Room to write into. @return false: no memory; what there was stays. */
static bool make_room(struct simc__http_server *server, size_t size)
{
    if (server->scratch_size >= size)
        return true;
    uint8_t *room = simc_alloc(size);
    if (!room)
        return false;
    simc_free(server->scratch);
    server->scratch = room;
    server->scratch_size = size;
    return true;
}

/* Runs the handler; one that only looks gets another chance when its body did not fit. */
static void run_handler(struct simc__http_server *server, const struct simc__http_route *route,
                        void *context, const struct simc__http_request *request,
                        struct simc__http_reply *reply)
{
    const struct simc__http_reply fresh = *reply;
    size_t reply_max = server->settings.reply_max;
    for (unsigned tries = 1;; tries++) {
        /* The same for every request, whatever room an earlier one has left. */
        size_t room = tries == 1 ? (size_t)SCRATCH_SIZE : server->scratch_size;
        *reply->body = simc_writer(server->scratch, room < reply_max ? room : reply_max);
        route->handle(context, request, reply);
        if (reply->body->error != SIMC_ENOSPC || request->method != SIMC__HTTP_GET ||
            tries == TRIES)
            break;
        /* Far more than it wanted: it may grow fast, as while a thousand streams are opened. */
        size_t wanted = reply->body->at;
        if (wanted > reply_max || !make_room(server, 2 * wanted))
            break;
        *reply = fresh;
    }
    if (reply->body->error)
        simc__http_problem(reply, 500, "%s cannot be written: %s", route->path,
                           simc_error_text(reply->body->error));
}

/* A problem that the server itself has met. */
static void refuse(struct simc__http_server *server, const struct exchange *exchange,
                   const char *path, struct simc__http_reply *reply, unsigned allowed)
{
    server->counts.faults++;
    if (exchange->too_large)
        simc__http_problem(reply, 413, "the body has more than %zu bytes",
                           server->settings.body_max);
    else if (exchange->refused)
        simc__http_problem(reply, exchange->refused, "%s", exchange->refused_why);
    else if (allowed)
        simc__http_problem(reply, 405, "%s does not know this method; see the Allow header", path);
    else
        simc__http_problem(reply, 404, "there is nothing at %s", path);
}

static void put_allow(struct MHD_Response *response, unsigned allowed)
{
    char text[64];
    struct simc_writer out = simc_writer(text, sizeof text - 1);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++) {
        if (methods[i].method & allowed)
            simc__text_printf(&out, "%s%s", out.at ? ", " : "", methods[i].name);
    }
    text[out.at] = '\0';
    MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, text);
}

static enum MHD_Result send_reply(struct simc__http_server *server,
                                  struct MHD_Connection *connection,
                                  const struct simc__http_reply *reply, unsigned allowed,
                                  bool is_last)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(reply->body->at, reply->body->data, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    if (reply->status != 204)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->content_type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (reply->status == 405)
        put_allow(response, allowed);
    if (reply->retry_after_s) {
        char seconds[16];
        snprintf(seconds, sizeof seconds, "%u", reply->retry_after_s);
        MHD_add_response_header(response, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (is_last)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    enum MHD_Result result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    if (server->scratch_size > SCRATCH_KEPT) {
        simc_free(server->scratch);
        server->scratch = NULL;
        server->scratch_size = 0;
    }
    return result;
}

static enum MHD_Result answer(struct simc__http_server *server, struct MHD_Connection *connection,
                              struct exchange *exchange, const char *method_name)
{
    struct simc__http_connection *is = simc__http_connection_of(server, connection);
    const char *path = exchange->target;
    const char *type =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
    struct simc_writer body = {NULL, 0, 0, 0};
    struct simc__http_reply reply = {200, "text/plain; charset=utf-8", &body, 0};
    unsigned allowed = 0;
    void *context = NULL;
    const struct simc__http_route *route = NULL;
    if (!make_room(server, SCRATCH_SIZE))
        return MHD_NO;
    body = simc_writer(server->scratch, server->scratch_size);
    enum simc__http_method method = method_of(method_name);
    bool is_bad = exchange->refused || exchange->too_large;
    if (!is_bad)
        route = find_route(server, path, method, &allowed, &context);
    if (route) {
        const struct simc__http_request request = {
            .method = method,
            .path = path,
            .query = path + strlen(path) + 1,
            .type = type ? type : "",
            .peer = is ? is->peer : "",
            .body = simc_buffer_bytes(&exchange->body),
        };
        server->counts.requests++;
        reply.content_type = route->content_type;
        run_handler(server, route, context, &request, &reply);
    } else {
        refuse(server, exchange, path, &reply, allowed);
    }
    bool is_last = is_bad || !is || is->requests >= server->settings.requests_per_connection;
    return send_reply(server, connection, &reply, allowed, is_last);
}

enum MHD_Result simc__http_exchange_handle(void *context, struct MHD_Connection *connection,
                                           const char *path, const char *method,
                                           const char *version, const char *data, size_t *data_size,
                                           void **state)
{
    struct simc__http_server *server = context;
    struct exchange *exchange = *state;
    (void)path; /* with its escapes decoded; the routes are compared with what was sent */
    if (!exchange)
        return MHD_NO; /* no memory */
    if (!exchange->begun) {
        struct simc__http_connection *is = simc__http_connection_of(server, connection);
        exchange->begun = true;
        if (is) {
            is->in_exchange = true;
            is->requests++;
        }
        check_head(exchange, connection, version, server->settings.body_max);
        /* Nobody waits for a body that is not wanted. */
        return exchange->refused ? answer(server, connection, exchange, method) : MHD_YES;
    }
    if (*data_size == 0)
        return answer(server, connection, exchange, method);
    /* A body in chunks may turn out to be too large; the rest of it is dropped unseen. */
    if (!exchange->too_large && simc_buffer_append(&exchange->body, simc_slice(data, *data_size)))
        exchange->too_large = true;
    *data_size = 0;
    return MHD_YES;
}

void simc__http_exchange_end(void *context, struct MHD_Connection *connection, void **state,
                             enum MHD_RequestTerminationCode how)
{
    struct simc__http_server *server = context;
    struct simc__http_connection *is = simc__http_connection_of(server, connection);
    struct exchange *exchange = *state;
    (void)how;
    if (is) {
        is->in_exchange = false;
        is->since_ms = uv_now(server->loop);
    }
    if (exchange)
        simc_buffer_fini(&exchange->body);
    simc_free(exchange);
    *state = NULL;
}
