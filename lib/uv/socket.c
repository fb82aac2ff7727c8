/* SPDX-License-Identifier: BSL-1.0 */
/* The options of a socket, and the defaults of struct simc_uv_transport. Servers and clients call
 * it for each connection. */
#include <sys/socket.h>

#include "uv/internal.h"

/* Member, default, least, most; SIMC_UV_OFF is allowed where it says so. */
static const struct {
    size_t offset;
    uint32_t standard, least, most;
    bool may_be_off;
} rows[] = {
    {offsetof(struct simc_uv_transport, keepalive_idle_s), 15, 1, 32767, true},
    {offsetof(struct simc_uv_transport, keepalive_interval_s), 5, 1, 32767, false},
    {offsetof(struct simc_uv_transport, keepalive_count), 3, 1, 127, false},
    {offsetof(struct simc_uv_transport, user_timeout_ms), 30000, 1, INT32_MAX, true},
    {offsetof(struct simc_uv_transport, receive_buffer), 0, 0, INT32_MAX, false},
    {offsetof(struct simc_uv_transport, send_buffer), 0, 0, INT32_MAX, false},
    {offsetof(struct simc_uv_transport, dscp), 0, 0, 63, false},
    {offsetof(struct simc_uv_transport, write_limit), 262144, 1024, 1U << 30, false},
    {offsetof(struct simc_uv_transport, write_stall_ms), 30000, 1, INT32_MAX, true},
    {offsetof(struct simc_uv_transport, handshake_ms), 10000, 1, INT32_MAX, false},
    {offsetof(struct simc_uv_transport, linger_ms), 1000, 1, INT32_MAX, false},
};

int simc__uv_transport_fill(struct simc_uv_transport *transport)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t *value = (uint32_t *)(void *)((char *)transport + rows[i].offset);
        if (*value == 0)
            *value = rows[i].standard;
        if (*value == SIMC_UV_OFF && rows[i].may_be_off)
            continue;
        if (*value < rows[i].least || *value > rows[i].most)
            return SIMC_EINVAL;
    }
    return 0;
}

static void set(int fd, int level, int name, uint32_t value)
{
    int number = (int)value;
    /* A system that refuses an option keeps its own value, and the connection works. */
    (void)setsockopt(fd, level, name, &number, sizeof number);
}

static void set_tcp(int fd, int family, const struct simc_uv_transport *transport)
{
    if (!transport->nagle)
        set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (transport->keepalive_idle_s != SIMC_UV_OFF) {
        set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
        set(fd, IPPROTO_TCP, TCP_KEEPIDLE, transport->keepalive_idle_s);
        set(fd, IPPROTO_TCP, TCP_KEEPINTVL, transport->keepalive_interval_s);
        set(fd, IPPROTO_TCP, TCP_KEEPCNT, transport->keepalive_count);
    }
    if (transport->user_timeout_ms != SIMC_UV_OFF)
        set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, transport->user_timeout_ms);
    if (transport->dscp && family == AF_INET6)
        set(fd, IPPROTO_IPV6, IPV6_TCLASS, transport->dscp << 2);
    /* Also for IPv4 that came in over an IPv6 socket. */
    if (transport->dscp)
        set(fd, IPPROTO_IP, IP_TOS, transport->dscp << 2);
}

void simc__uv_socket_options(int fd, int family, const struct simc_uv_transport *transport)
{
    if (family != AF_UNIX)
        set_tcp(fd, family, transport);
    if (transport->receive_buffer)
        set(fd, SOL_SOCKET, SO_RCVBUF, transport->receive_buffer);
    if (transport->send_buffer)
        set(fd, SOL_SOCKET, SO_SNDBUF, transport->send_buffer);
}
