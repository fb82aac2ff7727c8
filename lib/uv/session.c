/* SPDX-License-Identifier: BSL-1.0 */
/* Sessions as protocol objects of the adapter. Applications attach them in on_open. */
#include "uv/internal.h"

static void feed(void *object, struct simc_slice bytes, uint64_t now_ms)
{
    simc_session_feed(object, bytes, now_ms);
}

static struct simc_slice output(void *object)
{
    return simc_session_output(object);
}

static void sent(void *object, size_t size)
{
    simc_session_sent(object, size);
}

static uint64_t deadline_ms(void *object)
{
    return simc_session_deadline_ms(object);
}

static void expire(void *object, uint64_t now_ms)
{
    simc_session_expire(object, now_ms);
}

static bool blocked(void *object)
{
    return simc_session_is_blocked(object);
}

static const char *wants_close(void *object)
{
    enum simc_session_reason reason = simc_session_wants_close(object);
    return reason == SIMC_REASON_NONE ? NULL : simc_session_reason_text(reason);
}

static void disconnected(void *object, uint64_t now_ms)
{
    simc_session_disconnected(object, now_ms);
}

/* A message begins with its protocol_version [4.4.1], which is far from 0x16. */
const struct simc_uv_protocol simc__uv_session_protocol = {
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

void simc_uv_attach_session(struct simc_uv_connection *connection, struct simc_session *session,
                            void *owner)
{
    simc_uv_attach(connection, &simc__uv_session_protocol, session, owner);
}

struct simc_session *simc_uv_connection_session(const struct simc_uv_connection *connection)
{
    return connection->protocol == &simc__uv_session_protocol ? connection->object : NULL;
}
