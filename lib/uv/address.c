/* SPDX-License-Identifier: BSL-1.0 */
/* Addresses and prefixes of addresses as text and bytes. Servers, clients and the gate call it. */
#include <stdio.h>
#include <string.h>

#include "uv/internal.h"

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

int simc__uv_sockaddr_read(const char *host, uint16_t port, union simc__uv_sockaddr *address)
{
    memset(address, 0, sizeof *address);
    if (uv_ip4_addr(host, port, &address->v4) == 0)
        return 0;
    memset(address, 0, sizeof *address);
    return uv_ip6_addr(host, port, &address->v6) == 0 ? 0 : SIMC_ESYNTAX;
}

socklen_t simc__uv_sockaddr_size(const union simc__uv_sockaddr *address)
{
    return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

uint16_t simc__uv_sockaddr_port(const union simc__uv_sockaddr *address)
{
    if (simc__uv_is_local(address))
        return 0;
    return ntohs(address->any.sa_family == AF_INET6 ? address->v6.sin6_port : address->v4.sin_port);
}

void simc__uv_sockaddr_unmap(union simc__uv_sockaddr *address)
{
    if (address->any.sa_family != AF_INET6 ||
        memcmp(&address->v6.sin6_addr, mapped, sizeof mapped) != 0)
        return;
    union simc__uv_sockaddr v4;
    memset(&v4, 0, sizeof v4);
    v4.v4.sin_family = AF_INET;
    v4.v4.sin_port = address->v6.sin6_port;
    memcpy(&v4.v4.sin_addr, address->v6.sin6_addr.s6_addr + sizeof mapped, 4);
    *address = v4;
}

void simc__uv_sockaddr_host(const union simc__uv_sockaddr *address, char text[SIMC__UV_HOST_SIZE])
{
    text[0] = '\0';
    if (address->any.sa_family == AF_INET6) {
        uv_ip6_name(&address->v6, text, SIMC__UV_HOST_SIZE - UV_IF_NAMESIZE - 1);
        size_t size = strlen(text);
        char name[UV_IF_NAMESIZE];
        size_t name_size = sizeof name;
        if (address->v6.sin6_scope_id &&
            uv_if_indextoname(address->v6.sin6_scope_id, name, &name_size) == 0)
            snprintf(text + size, SIMC__UV_HOST_SIZE - size, "%%%s", name);
    } else if (address->any.sa_family == AF_INET) {
        uv_ip4_name(&address->v4, text, SIMC__UV_HOST_SIZE);
    } else if (simc__uv_is_local(address)) {
        snprintf(text, SIMC__UV_HOST_SIZE, "unix");
    }
}

static void local_text(const struct simc__uv_local *local, char text[SIMC_UV_ADDRESS_SIZE])
{
    if (local->has_credentials && local->credentials.pid > 0)
        snprintf(text, SIMC_UV_ADDRESS_SIZE, "unix:%s (pid %d)", local->path,
                 (int)local->credentials.pid);
    else
        snprintf(text, SIMC_UV_ADDRESS_SIZE, "unix:%s", local->path);
}

void simc__uv_sockaddr_text(const union simc__uv_sockaddr *address, char text[SIMC_UV_ADDRESS_SIZE])
{
    char host[SIMC__UV_HOST_SIZE];
    if (simc__uv_is_local(address)) {
        local_text(&address->local, text);
        return;
    }
    simc__uv_sockaddr_host(address, host);
    snprintf(text, SIMC_UV_ADDRESS_SIZE, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host,
             (unsigned)simc__uv_sockaddr_port(address));
}

void simc__uv_sockaddr_bytes(const union simc__uv_sockaddr *address, uint8_t bytes[16])
{
    if (address->any.sa_family == AF_INET6) {
        memcpy(bytes, &address->v6.sin6_addr, 16);
    } else if (simc__uv_is_local(address)) {
        /* A user counts as an address; the 9th byte tells it from all others in the gate. */
        memset(bytes, 0xff, 16);
        memcpy(bytes, &address->local.credentials.uid, sizeof address->local.credentials.uid);
        memset(bytes + 4, 0xff, 4);
        bytes[8] = 'u';
    } else {
        memcpy(bytes, mapped, sizeof mapped);
        memcpy(bytes + sizeof mapped, &address->v4.sin_addr, 4);
    }
}

/* Reads the bits behind the slash: 0..most without signs, blanks or leading zeros. */
static bool read_bits(const char *text, unsigned most, unsigned *bits)
{
    unsigned value = 0;
    size_t len = strlen(text);
    if (len == 0 || len > 3 || strspn(text, "0123456789") != len || (len > 1 && text[0] == '0'))
        return false;
    for (size_t i = 0; i < len; i++)
        value = value * 10 + (unsigned)(text[i] - '0');
    *bits = value;
    return value <= most;
}

static bool bits_behind_are_zero(const struct simc__uv_prefix *prefix)
{
    for (unsigned bit = prefix->bits; bit < 128; bit++) {
        if (prefix->bytes[bit / 8] & (0x80U >> bit % 8))
            return false;
    }
    return true;
}

int simc__uv_prefix_read(const char *text, struct simc__uv_prefix *prefix, const char **why)
{
    union simc__uv_sockaddr address;
    char host[SIMC__UV_HOST_SIZE];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    *why = "it is no IPv4 or IPv6 address (write 192.0.2.0/24 or 2001:db8::/32)";
    if (len >= sizeof host || memchr(text, '%', len))
        return SIMC_ESYNTAX;
    memcpy(host, text, len);
    host[len] = '\0';
    if (simc__uv_sockaddr_read(host, 0, &address) != 0)
        return SIMC_ESYNTAX;
    unsigned most = address.any.sa_family == AF_INET6 ? 128 : 32, bits = most;
    if (slash && !read_bits(slash + 1, most, &bits)) {
        *why = most == 32 ? "behind the slash a number from 0 to 32 must stand"
                          : "behind the slash a number from 0 to 128 must stand";
        return SIMC_ESYNTAX;
    }
    simc__uv_sockaddr_bytes(&address, prefix->bytes);
    prefix->bits = bits + 128 - most;
    *why = "the address has bits behind its prefix (write 192.0.2.0/24, not 192.0.2.1/24)";
    return bits_behind_are_zero(prefix) ? 0 : SIMC_ESYNTAX;
}

bool simc__uv_prefix_has(const struct simc__uv_prefix *prefix, const uint8_t bytes[16])
{
    unsigned whole = prefix->bits / 8, rest = prefix->bits % 8;
    if (memcmp(prefix->bytes, bytes, whole) != 0)
        return false;
    return rest == 0 || (unsigned)(prefix->bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}
