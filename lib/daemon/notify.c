/* SPDX-License-Identifier: BSL-1.0 */
/* Tells systemd how the daemon is; see notify.h. One datagram per message, on a socket that is
 * connected once. */
#include "daemon/notify.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "sys/clock.h"

/* The watchdog is for this process when WATCHDOG_PID names it, or is absent. */
static uint64_t read_watchdog(void)
{
    const char *time = getenv("WATCHDOG_USEC"), *owner = getenv("WATCHDOG_PID");
    uint64_t time_us = 0, pid = 0;
    if (!time || simc__text_read_uint(simc_slice_text(time), &time_us))
        return 0;
    if (owner && (simc__text_read_uint(simc_slice_text(owner), &pid) || pid != (uint64_t)getpid()))
        return 0;
    return time_us;
}

static int connect_to(struct simc__notify *notify, const char *path, char why[256])
{
    struct sockaddr_un address;
    size_t size = strlen(path);
    memset(&address, 0, sizeof address);
    /* '@' stands for the zero byte of a name outside of the file system. */
    if ((path[0] != '/' && path[0] != '@') || size < 2 || size >= sizeof address.sun_path) {
        snprintf(why, 256,
                 "NOTIFY_SOCKET=%.100s is no absolute path and no @name of up to %zu bytes", path,
                 sizeof address.sun_path - 1);
        return SIMC_EINVAL;
    }
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, path, size);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    socklen_t address_size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size);
    notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (notify->fd >= 0 &&
        connect(notify->fd, (const struct sockaddr *)&address, address_size) == 0)
        return 0;
    snprintf(why, 256, "NOTIFY_SOCKET=%.100s cannot be reached: %s", path, strerror(errno));
    simc__notify_close(notify);
    return SIMC_EIO;
}

int simc__notify_open(struct simc__notify *notify, char why[256])
{
    const char *path = getenv("NOTIFY_SOCKET");
    memset(notify, 0, sizeof *notify);
    notify->fd = -1;
    why[0] = '\0';
    if (!path || !path[0])
        return 0;
    int error = connect_to(notify, path, why);
    if (!error)
        notify->watchdog_us = read_watchdog();
    return error;
}

void simc__notify_close(struct simc__notify *notify)
{
    if (notify->fd >= 0)
        close(notify->fd);
    notify->fd = -1;
    notify->watchdog_us = 0;
}

void simc__notify_send(struct simc__notify *notify, const char *lines)
{
    ssize_t sent;
    if (notify->fd < 0)
        return;
    do {
        sent = send(notify->fd, lines, strlen(lines), MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
}

void simc__notify_ready(struct simc__notify *notify)
{
    simc__notify_send(notify, "READY=1");
}

void simc__notify_reloading(struct simc__notify *notify)
{
    char lines[64];
    snprintf(lines, sizeof lines, "RELOADING=1\nMONOTONIC_USEC=%llu",
             (unsigned long long)(simc__clock_monotonic_ns() / 1000));
    simc__notify_send(notify, lines);
}

void simc__notify_stopping(struct simc__notify *notify)
{
    simc__notify_send(notify, "STOPPING=1");
}

void simc__notify_alive(struct simc__notify *notify)
{
    if (notify->watchdog_us)
        simc__notify_send(notify, "WATCHDOG=1");
}

void simc__notify_status(struct simc__notify *notify, const char *text)
{
    char lines[sizeof notify->said + 16], said[sizeof notify->said];
    snprintf(said, sizeof said, "%s", text);
    for (char *p = said; *p; p++) {
        if (*p == '\n' || *p == '\r')
            *p = ' ';
    }
    simc__text_disarm(said);
    if (strcmp(said, notify->said) == 0)
        return;
    memcpy(notify->said, said, sizeof said);
    snprintf(lines, sizeof lines, "STATUS=%s", said);
    simc__notify_send(notify, lines);
}
