/* SPDX-License-Identifier: BSL-1.0 */
/* Inputs of the `simulcrypt ts` verbs: files, pipes and UDP, with or without RTP; see ts.h. */
#include "cli/ts.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"

enum { PROGRESS_MS = 100, WAIT_MS = 100, RECEIVE_BUFFER = 8 << 20, ADDRESS_SIZE = 256 };

static volatile sig_atomic_t interrupted;

static void on_signal(int unused)
{
    (void)unused;
    interrupted = 1;
}

/* The first Ctrl-C ends the reading, so that there is a report; the second one the program. */
static void watch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* ---- UDP ---- */

struct address {
    char text[ADDRESS_SIZE];
    char *source, *host, *port, *interface; /* parts of `text`; NULL: absent */
};

/* Splits SOURCE@HOST:PORT?INTERFACE; hosts may stand in brackets. */
static bool split_address(struct address *address, const char *name)
{
    int length = snprintf(address->text, sizeof address->text, "%s", name);
    if (length < 0 || (size_t)length >= sizeof address->text)
        return false;
    address->source = NULL;
    address->host = address->text;
    address->interface = strchr(address->text, '?');
    if (address->interface)
        *address->interface++ = '\0';
    char *at = strchr(address->host, '@');
    if (at) {
        *at = '\0';
        address->source = at > address->host ? address->host : NULL;
        address->host = at + 1;
    }
    address->port = strrchr(address->host, ':');
    if (!address->port)
        return false;
    *address->port++ = '\0';
    size_t size = strlen(address->host);
    if (size >= 2 && address->host[0] == '[' && address->host[size - 1] == ']') {
        address->host[size - 1] = '\0';
        address->host++;
    }
    return true;
}

static int resolve(const char *host, const char *port, struct addrinfo **found,
                   char why[SIMC__TS_WHY_SIZE])
{
    const struct addrinfo hints = {
        .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    int error = getaddrinfo(host && *host ? host : NULL, port, &hints, found);
    if (!error)
        return 0;
    snprintf(why, SIMC__TS_WHY_SIZE, "%s:%s: %s", host ? host : "", port, gai_strerror(error));
    return SIMC_EIO;
}

static bool is_multicast(const struct addrinfo *info)
{
    if (info->ai_family == AF_INET6)
        return ((const struct sockaddr_in6 *)(const void *)info->ai_addr)->sin6_addr.s6_addr[0] ==
               0xff;
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)info->ai_addr;
    return (ntohl(in->sin_addr.s_addr) >> 28) == 14;
}

static int join(int fd, const struct addrinfo *group, const struct address *address,
                char why[SIMC__TS_WHY_SIZE])
{
    int level = group->ai_family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP;
    unsigned index = address->interface ? if_nametoindex(address->interface) : 0;
    if (address->interface && !index) {
        snprintf(why, SIMC__TS_WHY_SIZE, "there is no network interface %s", address->interface);
        return SIMC_EIO;
    }
    int result;
    if (address->source) {
        struct addrinfo *source;
        struct group_source_req request = {.gsr_interface = index};
        int error = resolve(address->source, "0", &source, why);
        if (error)
            return error;
        memcpy(&request.gsr_group, group->ai_addr, group->ai_addrlen);
        memcpy(&request.gsr_source, source->ai_addr, source->ai_addrlen);
        freeaddrinfo(source);
        result = setsockopt(fd, level, MCAST_JOIN_SOURCE_GROUP, &request, sizeof request);
    } else {
        struct group_req request = {.gr_interface = index};
        memcpy(&request.gr_group, group->ai_addr, group->ai_addrlen);
        result = setsockopt(fd, level, MCAST_JOIN_GROUP, &request, sizeof request);
    }
    if (result == 0)
        return 0;
    snprintf(why, SIMC__TS_WHY_SIZE, "cannot join the group %s: %s", address->host,
             strerror(errno));
    return SIMC_EIO;
}

static int open_socket(struct simc__ts_input *input, const char *name, char why[SIMC__TS_WHY_SIZE])
{
    struct address address;
    struct addrinfo *found;
    if (!split_address(&address, name)) {
        snprintf(why, SIMC__TS_WHY_SIZE,
                 "udp://%.150s: wanted is "
                 "udp://[SOURCE@]GROUP:PORT[?INTERFACE]",
                 name);
        return SIMC_ESYNTAX;
    }
    int error = resolve(address.host, address.port, &found, why);
    if (error)
        return error;
    int one = 1, room = RECEIVE_BUFFER;
    input->fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (input->fd >= 0) {
        setsockopt(input->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        setsockopt(input->fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
        setsockopt(input->fd, SOL_SOCKET, SO_TIMESTAMPNS, &one, sizeof one);
    }
    if (input->fd < 0 || bind(input->fd, found->ai_addr, found->ai_addrlen) != 0) {
        snprintf(why, SIMC__TS_WHY_SIZE, "cannot listen on %s port %s: %s", address.host,
                 address.port, strerror(errno));
        error = SIMC_EIO;
    } else if (is_multicast(found)) {
        error = join(input->fd, found, &address, why);
    }
    freeaddrinfo(found);
    input->is_socket = true;
    return error;
}

static bool set_sender(int fd, const struct addrinfo *to, int ttl, unsigned interface)
{
    int index = (int)interface;
    struct ip_mreqn request = {.imr_ifindex = index};
    if (to->ai_family == AF_INET6)
        return setsockopt(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl, sizeof ttl) == 0 &&
               setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &ttl, sizeof ttl) == 0 &&
               (!index ||
                setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, &index, sizeof index) == 0);
    return setsockopt(fd, IPPROTO_IP, IP_TTL, &ttl, sizeof ttl) == 0 &&
           setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof ttl) == 0 &&
           (!index || setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) == 0);
}

int simc__ts_udp_sender(const char *name, unsigned ttl, int *fd, char why[SIMC__TS_WHY_SIZE])
{
    struct address address;
    struct addrinfo *found;
    if (!split_address(&address, name) || address.source) {
        snprintf(why, SIMC__TS_WHY_SIZE, "udp://%.150s: wanted is udp://ADDRESS:PORT[?INTERFACE]",
                 name);
        return SIMC_ESYNTAX;
    }
    unsigned interface = address.interface ? if_nametoindex(address.interface) : 0;
    if (address.interface && !interface) {
        snprintf(why, SIMC__TS_WHY_SIZE, "there is no network interface %s", address.interface);
        return SIMC_EIO;
    }
    int error = resolve(address.host, address.port, &found, why);
    if (error)
        return error;
    *fd = socket(found->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (*fd < 0 || !set_sender(*fd, found, (int)ttl, interface) ||
        connect(*fd, found->ai_addr, found->ai_addrlen) != 0) {
        snprintf(why, SIMC__TS_WHY_SIZE, "cannot send to %s port %s: %s", address.host,
                 address.port, strerror(errno));
        error = SIMC_EIO;
    }
    freeaddrinfo(found);
    return error;
}

/* RTP in front of the packets: version 2, payload type 33 (MP2T). [RFC 3550 5.1, RFC 2250] */
static struct simc_slice without_rtp(struct simc_slice datagram)
{
    struct simc_reader reader = simc_reader(datagram);
    uint8_t first = simc_reader_u8(&reader), type = simc_reader_u8(&reader) & 0x7f;
    if (reader.error || first == SIMC_TS_SYNC || first >> 6 != 2 || type != 33)
        return datagram;
    simc_reader_take(&reader, 10u + 4u * (first & 0xf));
    if (first & 0x10) {
        simc_reader_u16(&reader);
        simc_reader_take(&reader, 4u * simc_reader_u16(&reader));
    }
    return simc_reader_slice(&reader, simc_reader_left(&reader));
}

/* When the kernel has received a datagram, on the monotonic clock: it notes the wall clock's time,
 * and what has passed since then has passed on both. Without a note it is now. */
static uint64_t arrival_of(struct msghdr *message)
{
    enum { OLDEST_NS = 1000000000 };
    struct timespec noted, wall = {0, 0};
    uint64_t now = simc__clock_monotonic_ns();
    clock_gettime(CLOCK_REALTIME, &wall);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS ||
            c->cmsg_len < CMSG_LEN(sizeof noted))
            continue;
        memcpy(&noted, CMSG_DATA(c), sizeof noted);
        int64_t age = ((int64_t)wall.tv_sec - (int64_t)noted.tv_sec) * 1000000000 +
                      ((int64_t)wall.tv_nsec - (int64_t)noted.tv_nsec);
        /* The wall clock may have been set in between. */
        return age > 0 && age < OLDEST_NS ? now - (uint64_t)age : now;
    }
    return now;
}

static ssize_t receive(struct simc__ts_input *input)
{
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(struct timespec))];
    } control;
    struct iovec place = {input->block, SIMC__TS_BLOCK_SIZE};
    struct msghdr message = {.msg_iov = &place,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t size = recvmsg(input->fd, &message, 0);
    if (size >= 0)
        input->arrival_ns = arrival_of(&message);
    return size;
}

bool simc__ts_clock_is_kept(void)
{
    struct timex state = {.modes = 0};
    return adjtimex(&state) != TIME_ERROR && !(state.status & STA_UNSYNC);
}

/* ---- any input ---- */

int simc__ts_input_open(struct simc__ts_input *input, const char *name, uint64_t seconds,
                        char why[SIMC__TS_WHY_SIZE])
{
    struct stat status;
    int error = 0;
    *input = (struct simc__ts_input){.name = name, .fd = -1, .deadline_ms = SIMC_DEADLINE_NONE};
    if (seconds)
        input->deadline_ms = simc_deadline_after(simc__clock_monotonic_ms(), seconds * 1000);
    watch_signals();
    input->block = malloc(SIMC__TS_BLOCK_SIZE);
    if (!input->block) {
        snprintf(why, SIMC__TS_WHY_SIZE, "no memory");
        return SIMC_ENOMEM;
    }
    if (strncmp(name, "udp://", 6) == 0) {
        error = open_socket(input, name + 6, why);
    } else {
        input->fd = strcmp(name, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
                                           : open(name, O_RDONLY | O_CLOEXEC);
        if (input->fd < 0) {
            snprintf(why, SIMC__TS_WHY_SIZE, "cannot open %s: %s", name, strerror(errno));
            error = SIMC_EIO;
        } else if (fstat(input->fd, &status) == 0 && S_ISREG(status.st_mode)) {
            input->size = (uint64_t)status.st_size;
        }
    }
    if (error)
        simc__ts_input_close(input);
    return error;
}

void simc__ts_input_close(struct simc__ts_input *input)
{
    if (input->fd >= 0)
        close(input->fd);
    free(input->block);
    input->fd = -1;
    input->block = NULL;
}

int simc__ts_input_read(struct simc__ts_input *input, struct simc_slice *bytes,
                        char why[SIMC__TS_WHY_SIZE])
{
    *bytes = simc_slice(NULL, 0);
    uint64_t now = simc__clock_monotonic_ms();
    if (interrupted || simc_deadline_due(input->deadline_ms, now))
        return SIMC_EEND;
    if (!input->size) {
        struct pollfd wait = {.fd = input->fd, .events = POLLIN};
        if (poll(&wait, 1, WAIT_MS) <= 0)
            return 0;
    }
    ssize_t size =
        input->is_socket ? receive(input) : read(input->fd, input->block, SIMC__TS_BLOCK_SIZE);
    if (size < 0 && (errno == EINTR || errno == EAGAIN))
        return 0;
    if (size < 0) {
        snprintf(why, SIMC__TS_WHY_SIZE, "cannot read %s: %s", input->name, strerror(errno));
        return SIMC_EIO;
    }
    if (size == 0 && !input->is_socket)
        return SIMC_EEND;
    input->taken += (uint64_t)size;
    *bytes = simc_slice(input->block, (size_t)size);
    if (input->is_socket)
        *bytes = without_rtp(*bytes);
    return 0;
}

/* ---- progress ---- */

void simc__ts_progress_start(struct simc__ts_input *input)
{
    if (input->size && isatty(STDERR_FILENO))
        input->shown_ms = simc__clock_monotonic_ms();
}

static void show_progress(struct simc__ts_input *input)
{
    static const char bar[] = "########################################";
    enum { WIDTH = sizeof bar - 1 };
    uint64_t now = simc__clock_monotonic_ms();
    if (!input->shown_ms || now - input->shown_ms < PROGRESS_MS)
        return;
    input->shown_ms = now;
    uint64_t taken = input->taken < input->size ? input->taken : input->size;
    int done = (int)(taken * WIDTH / input->size);
    fprintf(stderr, "\r[%-*.*s] %3d%%", (int)WIDTH, done, bar, (int)(taken * 100 / input->size));
    fflush(stderr);
}

void simc__ts_progress_end(struct simc__ts_input *input)
{
    if (input->shown_ms)
        fputs("\r\033[K", stderr);
    input->shown_ms = 0;
}

/* ---- the loop ---- */

static int take_all(struct simc_ts_sync *sync,
                    int (*take)(void *, const struct simc_ts_sync *, const struct simc_ts_run *),
                    void *context)
{
    struct simc_ts_run run;
    while (simc_ts_sync_next(sync, &run) == 0) {
        int status = take(context, sync, &run);
        if (status)
            return status;
    }
    run.count = 0;
    return take(context, sync, &run);
}

int simc__ts_run(const char *name, const struct simc__ts_options *options, bool progress,
                 int (*take)(void *context, const struct simc_ts_sync *sync,
                             const struct simc_ts_run *run),
                 void *context)
{
    uint64_t unused;
    return simc__ts_run_timed(name, options, progress, take, context, &unused);
}

int simc__ts_run_timed(const char *name, const struct simc__ts_options *options, bool progress,
                       int (*take)(void *context, const struct simc_ts_sync *sync,
                                   const struct simc_ts_run *run),
                       void *context, uint64_t *arrival_ns)
{
    char why[SIMC__TS_WHY_SIZE];
    struct simc__ts_input input;
    struct simc_ts_sync sync;
    struct simc_slice bytes;
    if (simc_ts_sync_init(&sync, (unsigned)options->packet_size) != 0)
        return simc__cli_trouble("packets are 188, 192 or 204 bytes apart, not %llu",
                                 (unsigned long long)options->packet_size);
    if (simc__ts_input_open(&input, name, options->seconds, why) != 0)
        return simc__cli_trouble("%s", why);
    if (progress)
        simc__ts_progress_start(&input);
    int status = 0, error;
    while (!status && (error = simc__ts_input_read(&input, &bytes, why)) == 0) {
        simc_ts_sync_feed(&sync, bytes);
        *arrival_ns = input.arrival_ns;
        status = take_all(&sync, take, context);
        show_progress(&input);
    }
    simc__ts_progress_end(&input);
    if (!status && error == SIMC_EIO)
        status = simc__cli_trouble("%s", why);
    simc_ts_sync_feed(&sync, simc_slice(NULL, 0));
    simc_ts_sync_end(&sync);
    if (!status)
        status = take_all(&sync, take, context);
    if (!status && sync.packets == 0)
        status = simc__cli_trouble("%s holds no transport stream packets", name);
    simc__ts_input_close(&input);
    return status;
}
