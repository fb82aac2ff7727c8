/* SPDX-License-Identifier: BSL-1.0 */
/* Links of lib/link as protocol objects of lib/uv; see link.h. Daemons that speak over a link use
 * it. */
#include "daemon/link.h"

static void feed(void *object, struct simc_slice bytes, uint64_t now_ms)
{
    simc__link_feed(object, bytes, now_ms);
}

static struct simc_slice output(void *object)
{
    return simc__link_output(object);
}

static void sent(void *object, size_t size)
{
    simc__link_sent(object, size);
}

static uint64_t deadline_ms(void *object)
{
    return simc__link_deadline_ms(object);
}

static void expire(void *object, uint64_t now_ms)
{
    simc__link_expire(object, now_ms);
}

static bool blocked(void *object)
{
    return simc__link_is_blocked(object);
}

static const char *wants_close(void *object)
{
    return simc__link_wants_close(object);
}

static void disconnected(void *object, uint64_t now_ms)
{
    simc__link_disconnected(object, now_ms);
}

/* A link begins with the length of its first frame, whose first byte is 0. */
const struct simc_uv_protocol simc__link_protocol = {
    .feed = feed,
    .output = output,
    .sent = sent,
    .deadline_ms = deadline_ms,
    .expire = expire,
    .blocked = blocked,
    .wants_close = wants_close,
    .disconnected = disconnected,
    .never_begins_like_tls = true,
};

int simc__link_attach(struct simc_uv_connection *connection,
                      const struct simc__link_settings *settings, void *owner,
                      struct simc__link **link)
{
    uint64_t now_ms = simc_uv_loop_now_ms(simc_uv_connection_loop(connection));
    int error = simc__link_new(settings, now_ms, link);
    if (!error)
        simc_uv_attach(connection, &simc__link_protocol, *link, owner);
    return error;
}

struct simc__link *simc__link_of(const struct simc_uv_connection *connection)
{
    return simc_uv_connection_object(connection);
}
