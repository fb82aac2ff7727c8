/* SPDX-License-Identifier: BSL-1.0 */
/* UDP sockets as an address asks for them: buffers, multicast groups and their sources, interfaces,
 * TTL and DSCP. The UDP input and output call it. */
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tsio/internal.h"

/* An operation that has failed, in a sentence. */
static int fail(char why[SIMC__TSIO_TEXT_SIZE], const char *what, const char *about)
{
    snprintf(why, SIMC__TSIO_TEXT_SIZE, "%s %s: %s", what, about, strerror(errno));
    return SIMC_EIO;
}

static bool is_same_host(const struct sockaddr *a, const struct sockaddr_storage *b)
{
    if (!a || a->sa_family != b->ss_family)
        return false;
    if (a->sa_family == AF_INET)
        return ((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)b)->sin_addr.s_addr;
    return memcmp(&((const struct sockaddr_in6 *)(const void *)a)->sin6_addr,
                  &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

/* The index of an interface by its name, or by an address that it has. */
static int find_interface(const struct simc__tsio_address *address, unsigned *index,
                          char name[IF_NAMESIZE], char why[SIMC__TSIO_TEXT_SIZE])
{
    struct sockaddr_storage wanted;
    *index = 0;
    name[0] = '\0';
    if (!address->interface[0])
        return 0;
    if (!simc__tsio_sockaddr(address->interface, 0, &wanted)) {
        *index = if_nametoindex(address->interface);
    } else {
        struct ifaddrs *list = NULL;
        if (getifaddrs(&list) != 0)
            return fail(why, "the interfaces of this host cannot be listed for",
                        address->interface);
        for (struct ifaddrs *each = list; each && !*index; each = each->ifa_next) {
            if (is_same_host(each->ifa_addr, &wanted))
                *index = if_nametoindex(each->ifa_name);
        }
        freeifaddrs(list);
    }
    if (*index && if_indextoname(*index, name))
        return 0;
    snprintf(why, SIMC__TSIO_TEXT_SIZE,
             "this host has no interface '%s' now; 'ip address' shows what it has",
             address->interface);
    return SIMC_EIO;
}

static int set(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value);
}

/* As much as asked for when the process may, else as much as the system allows. */
static void set_buffer(int fd, int forced, int plain, uint32_t size)
{
    if (set(fd, SOL_SOCKET, forced, (int)size))
        (void)set(fd, SOL_SOCKET, plain, (int)size);
}

static int open_socket(const struct simc__tsio_address *address, struct sockaddr_storage *host,
                       socklen_t *host_size, char why[SIMC__TSIO_TEXT_SIZE])
{
    *host_size = simc__tsio_sockaddr(address->host, address->port, host);
    int fd = *host_size ? socket(host->ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)
                        : (errno = EAFNOSUPPORT, -1);
    if (fd < 0)
        (void)fail(why, "there is no socket for", address->host);
    return fd;
}

/* ---- receiving ---- */

static int join(int fd, const struct simc__tsio_address *address,
                const struct sockaddr_storage *group, const struct sockaddr_storage *source,
                unsigned index, char why[SIMC__TSIO_TEXT_SIZE])
{
    int level = group->ss_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int failed;
    /* Only what this socket has joined, not what others of this host have. */
    if (level == IPPROTO_IP)
        (void)set(fd, level, IP_MULTICAST_ALL, 0);
#ifdef IPV6_MULTICAST_ALL
    else
        (void)set(fd, level, IPV6_MULTICAST_ALL, 0);
#endif
    if (address->source[0]) {
        struct group_source_req request = {.gsr_interface = index};
        memcpy(&request.gsr_group, group, sizeof *group);
        memcpy(&request.gsr_source, source, sizeof *source);
        failed = setsockopt(fd, level, MCAST_JOIN_SOURCE_GROUP, &request, sizeof request);
    } else {
        struct group_req request = {.gr_interface = index};
        memcpy(&request.gr_group, group, sizeof *group);
        failed = setsockopt(fd, level, MCAST_JOIN_GROUP, &request, sizeof request);
    }
    if (!failed)
        return 0;
    if (errno == ENODEV && !index) {
        snprintf(why, SIMC__TSIO_TEXT_SIZE,
                 "the group %s cannot be joined: no route leads there; name the interface "
                 "(?interface=)",
                 address->host);
        return SIMC_EIO;
    }
    return fail(why, "cannot join the group", address->host);
}

static int prepare_in(int fd, const struct simc__tsio_address *address,
                      const struct sockaddr_storage *host, socklen_t host_size,
                      struct sockaddr_storage *source, char why[SIMC__TSIO_TEXT_SIZE])
{
    char name[IF_NAMESIZE], about[SIMC__TSIO_HOST_SIZE + 8];
    unsigned index;
    int error = find_interface(address, &index, name, why);
    if (error)
        return error;
    set_buffer(fd, SO_RCVBUFFORCE, SO_RCVBUF, address->buffer);
    (void)set(fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    (void)set(fd, SOL_SOCKET, SO_RXQ_OVFL, 1);
    memset(source, 0, sizeof *source);
    if (address->source[0])
        simc__tsio_sockaddr(address->source, 0, source);
    /* Several programs of a host may receive one group; one unicast port belongs to one of them. */
    if (address->is_multicast && set(fd, SOL_SOCKET, SO_REUSEADDR, 1))
        return fail(why, "cannot share", address->host);
    if (!address->is_multicast && index &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)))
        return fail(why, "cannot use the interface", address->interface);
    snprintf(about, sizeof about, "%s:%u", address->host, (unsigned)address->port);
    if (bind(fd, (const struct sockaddr *)host, host_size))
        return fail(why, "cannot receive at", about);
    return address->is_multicast ? join(fd, address, host, source, index, why) : 0;
}

int simc__tsio_socket_in(const struct simc__tsio_address *address, struct sockaddr_storage *source,
                         char why[SIMC__TSIO_TEXT_SIZE])
{
    struct sockaddr_storage host;
    socklen_t host_size;
    int fd = open_socket(address, &host, &host_size, why);
    if (fd >= 0 && prepare_in(fd, address, &host, host_size, source, why)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* ---- sending ---- */

static int set_route_ipv4(int fd, const struct simc__tsio_address *address, unsigned index)
{
    struct ip_mreqn interface = {.imr_ifindex = (int)index};
    int failed = set(fd, IPPROTO_IP, IP_TOS, (int)address->dscp << 2);
    failed |=
        set(fd, IPPROTO_IP, address->is_multicast ? IP_MULTICAST_TTL : IP_TTL, (int)address->ttl);
    if (address->is_multicast && index)
        failed |= setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface);
    return failed;
}

static int set_route_ipv6(int fd, const struct simc__tsio_address *address, unsigned index)
{
    int failed = set(fd, IPPROTO_IPV6, IPV6_TCLASS, (int)address->dscp << 2);
    failed |= set(fd, IPPROTO_IPV6, address->is_multicast ? IPV6_MULTICAST_HOPS : IPV6_UNICAST_HOPS,
                  (int)address->ttl);
    if (address->is_multicast && index)
        failed |= set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)index);
    return failed;
}

static int prepare_out(int fd, const struct simc__tsio_address *address,
                       const struct sockaddr_storage *host, socklen_t host_size,
                       char why[SIMC__TSIO_TEXT_SIZE])
{
    char name[IF_NAMESIZE], about[SIMC__TSIO_HOST_SIZE + 8];
    unsigned index;
    int error = find_interface(address, &index, name, why);
    if (error)
        return error;
    set_buffer(fd, SO_SNDBUFFORCE, SO_SNDBUF, address->buffer);
    if (host->ss_family == AF_INET6 ? set_route_ipv6(fd, address, index)
                                    : set_route_ipv4(fd, address, index))
        return fail(why, "TTL, DSCP or interface cannot be set for", address->host);
    if (!address->is_multicast && index &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)))
        return fail(why, "cannot use the interface", address->interface);
    if (address->source[0]) {
        struct sockaddr_storage source;
        socklen_t size = simc__tsio_sockaddr(address->source, 0, &source);
        if (bind(fd, (const struct sockaddr *)&source, size))
            return fail(why, "cannot send from", address->source);
    }
    snprintf(about, sizeof about, "%s:%u", address->host, (unsigned)address->port);
    if (connect(fd, (const struct sockaddr *)host, host_size))
        return fail(why, "cannot send to", about);
    return 0;
}

int simc__tsio_socket_out(const struct simc__tsio_address *address, char why[SIMC__TSIO_TEXT_SIZE])
{
    struct sockaddr_storage host;
    socklen_t host_size;
    int fd = open_socket(address, &host, &host_size, why);
    if (fd >= 0 && prepare_out(fd, address, &host, host_size, why)) {
        close(fd);
        return -1;
    }
    return fd;
}
