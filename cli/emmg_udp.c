/* SPDX-License-Identifier: BSL-1.0 */
/* The socket for data by UDP of a laboratory EMMG: unicast or multicast. emmg_client.c sends by
 * it. */
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "cli/commands.h"
#include "cli/emmg.h"

static int set_multicast(int udp, const struct simc__emmg_plan *plan, int family)
{
    int ttl = plan->ttl, error = 0;
    struct in_addr from;
    if (family == AF_INET6) {
        unsigned index = plan->interface ? if_nametoindex(plan->interface) : 0;
        error = setsockopt(udp, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &ttl, sizeof ttl);
        if (!error && plan->interface)
            error = setsockopt(udp, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index);
        return error;
    }
    error = setsockopt(udp, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl);
    if (!error && plan->interface) {
        const struct simc_slice name = simc_slice_text(plan->interface);
        struct addrinfo hints = {.ai_family = AF_INET, .ai_flags = AI_NUMERICHOST}, *found = NULL;
        if (name.size == 0 || getaddrinfo(plan->interface, NULL, &hints, &found))
            return -1;
        from = ((struct sockaddr_in *)(void *)found->ai_addr)->sin_addr;
        freeaddrinfo(found);
        error = setsockopt(udp, IPPROTO_IP, IP_MULTICAST_IF, &from, sizeof from);
    }
    return error;
}

int simc__emmg_udp_open(const struct simc__emmg_plan *plan, const struct simc__emmg_address *to,
                        int *udp)
{
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM}, *found = NULL;
    char service[8];
    snprintf(service, sizeof service, "%u", (unsigned)to->port);
    int error = getaddrinfo(to->host, service, &hints, &found);
    if (error)
        return simc__cli_trouble("--udp %s: %s", to->name, gai_strerror(error));
    *udp = socket(found->ai_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool is_good = *udp >= 0 && set_multicast(*udp, plan, found->ai_family) == 0 &&
                   connect(*udp, found->ai_addr, found->ai_addrlen) == 0;
    error = errno;
    freeaddrinfo(found);
    if (!is_good)
        return simc__cli_trouble("--udp %s: %s", to->name, strerror(error));
    return 0;
}
