/* SPDX-License-Identifier: BSL-1.0 */
/* The test ECMG of test_ecmg.h behind a TCP port of the loopback interface. Prints the port that it
 * got, and serves until its standard input ends. The scenario of `converse` starts it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "support/test_ecmg.h"

enum { CLIENTS_MAX = 250, READ_SIZE = 65536 };

struct client {
    int fd; /* -1: none */
    struct test_ecmg_connection app;
};

static struct test_ecmg ecmg;
static struct client clients[CLIENTS_MAX];

static uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int start_listening(uint16_t *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 128) ||
        getsockname(fd, (struct sockaddr *)&address, &size))
        return -1;
    *port = ntohs(address.sin_port);
    return fd;
}

static void pump(struct client *client)
{
    struct simc_session_event event;
    while (simc_session_next_event(client->app.session, &event))
        test_ecmg_handle(&ecmg, &client->app, &event, now_ms());
}

static void drop(struct client *client)
{
    simc_session_disconnected(client->app.session, now_ms());
    pump(client);
    test_ecmg_gone(&ecmg, &client->app);
    simc_session_free(client->app.session);
    close(client->fd);
    memset(client, 0, sizeof *client);
    client->fd = -1;
}

/* Sends what waits; ends what wants to end. */
static void serve(struct client *client)
{
    for (;;) {
        pump(client);
        struct simc_slice output = simc_session_output(client->app.session);
        if (output.size == 0)
            break;
        ssize_t sent = send(client->fd, output.data, output.size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent < 0) {
            drop(client);
            return;
        }
        simc_session_sent(client->app.session, (size_t)sent);
    }
    if (simc_session_wants_close(client->app.session) != SIMC_REASON_NONE)
        drop(client);
}

static void receive(struct client *client)
{
    static uint8_t bytes[READ_SIZE];
    ssize_t size = recv(client->fd, bytes, sizeof bytes, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size <= 0) {
        drop(client);
        return;
    }
    simc_session_feed(client->app.session, simc_slice(bytes, (size_t)size), now_ms());
    serve(client);
}

static void accept_client(int listener)
{
    const struct simc_ecmg_settings settings = test_ecmg_session_settings(&ecmg);
    int yes = 1, fd = accept(listener, NULL, NULL);
    size_t i = 0;
    while (i < CLIENTS_MAX && clients[i].fd >= 0)
        i++;
    if (fd < 0 || i == CLIENTS_MAX ||
        simc_ecmg_session_new(&settings, now_ms(), &clients[i].app.session)) {
        if (fd >= 0)
            close(fd);
        return;
    }
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    clients[i].fd = fd;
}

/* @return how long to wait for the next thing to do. */
static int expire(void)
{
    uint64_t next_ms = SIMC_DEADLINE_NONE, now = now_ms();
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &clients[i];
        if (client->fd >= 0 &&
            simc_deadline_due(simc_session_deadline_ms(client->app.session), now)) {
            simc_session_expire(client->app.session, now);
            serve(client);
        }
        if (client->fd >= 0)
            next_ms = simc_deadline_first(next_ms, simc_session_deadline_ms(client->app.session));
    }
    uint64_t left_ms = simc_deadline_left(next_ms, now);
    return left_ms > 1000 ? 1000 : (int)left_ms + 1;
}

/* @return false: standard input has ended. */
static bool turn(int listener)
{
    struct pollfd fds[CLIENTS_MAX + 2];
    nfds_t count = 2;
    fds[0] = (struct pollfd){.fd = STDIN_FILENO, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = listener, .events = POLLIN};
    struct client *who[CLIENTS_MAX + 2];
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (clients[i].fd < 0)
            continue;
        bool waits = simc_session_output(clients[i].app.session).size > 0;
        fds[count] = (struct pollfd){.fd = clients[i].fd,
                                     .events = (short)(waits ? POLLIN | POLLOUT : POLLIN)};
        who[count++] = &clients[i];
    }
    if (poll(fds, count, expire()) < 0)
        return errno == EINTR;
    for (nfds_t i = 2; i < count; i++) {
        if (who[i]->fd == fds[i].fd && (fds[i].revents & (POLLIN | POLLHUP | POLLERR)))
            receive(who[i]);
        else if (who[i]->fd == fds[i].fd && fds[i].revents)
            serve(who[i]);
    }
    if (fds[1].revents)
        accept_client(listener);
    return fds[0].revents == 0;
}

int main(int argc, char **argv)
{
    uint16_t port = 0;
    test_ecmg_init(&ecmg);
    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (value)
            *value++ = '\0';
        if (!value || !test_ecmg_set(&ecmg, argv[i], value)) {
            fprintf(stderr, "ecmg-stub: there is no setting %s\n", argv[i]);
            return 2;
        }
    }
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        clients[i].fd = -1;
    int listener = start_listening(&port);
    if (listener < 0) {
        fprintf(stderr, "ecmg-stub: cannot listen: %s\n", strerror(errno));
        return 2;
    }
    printf("%u\n", port);
    fflush(stdout);
    while (turn(listener))
        continue;
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (clients[i].fd >= 0)
            drop(&clients[i]);
    }
    return 0;
}
