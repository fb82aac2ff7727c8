/* SPDX-License-Identifier: BSL-1.0 */
/* Joins a multicast group and says of each datagram its TTL, its interface, who sent it and where
 * to: GROUP INTERFACE-ADDRESS. The first line is its port. emmg-rows.t runs it. */
#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static int trouble(const char *what)
{
    perror(what);
    return EXIT_FAILURE;
}

static void say(struct msghdr *message, const struct sockaddr_in *from)
{
    char sender[INET_ADDRSTRLEN] = "", group[INET_ADDRSTRLEN] = "", interface[IF_NAMESIZE] = "";
    int ttl = -1;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        struct in_pktinfo info;
        if (part->cmsg_level != IPPROTO_IP)
            continue;
        if (part->cmsg_type == IP_TTL) {
            memcpy(&ttl, CMSG_DATA(part), sizeof ttl);
        } else if (part->cmsg_type == IP_PKTINFO) {
            memcpy(&info, CMSG_DATA(part), sizeof info);
            inet_ntop(AF_INET, &info.ipi_addr, group, sizeof group);
            if_indextoname((unsigned)info.ipi_ifindex, interface);
        }
    }
    inet_ntop(AF_INET, &from->sin_addr, sender, sizeof sender);
    printf("ttl %d interface %s from %s to %s\n", ttl, interface, sender, group);
    fflush(stdout);
}

int main(int count, char **arguments)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    struct ip_mreq group;
    int on = 1, udp = socket(AF_INET, SOCK_DGRAM, 0);
    if (count != 3 || inet_pton(AF_INET, arguments[1], &group.imr_multiaddr) != 1 ||
        inet_pton(AF_INET, arguments[2], &group.imr_interface) != 1)
        return trouble("usage: multicast-witness GROUP INTERFACE-ADDRESS");
    address.sin_addr = group.imr_multiaddr;
    if (udp < 0 || bind(udp, (struct sockaddr *)&address, sizeof address) ||
        getsockname(udp, (struct sockaddr *)&address, &size))
        return trouble("bind");
    if (setsockopt(udp, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) ||
        setsockopt(udp, IPPROTO_IP, IP_RECVTTL, &on, sizeof on) ||
        setsockopt(udp, IPPROTO_IP, IP_PKTINFO, &on, sizeof on))
        return trouble("setsockopt");
    printf("port %u\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    for (;;) {
        char bytes[65536];
        union {
            struct cmsghdr align;
            char room[256];
        } control;
        struct sockaddr_in from = {.sin_family = AF_INET};
        struct iovec data = {bytes, sizeof bytes};
        struct msghdr message = {.msg_name = &from,
                                 .msg_namelen = sizeof from,
                                 .msg_iov = &data,
                                 .msg_iovlen = 1,
                                 .msg_control = control.room,
                                 .msg_controllen = sizeof control.room};
        if (recvmsg(udp, &message, 0) < 0)
            return trouble("recvmsg");
        say(&message, &from);
    }
}
