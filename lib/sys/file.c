/* SPDX-License-Identifier: BSL-1.0 */
/* Whole files in, whole outputs out; see file.h. Blocking calls only: not for event loops. */
#include "sys/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

/* A longer name is cut, so that the reason behind it is not. */
enum { READ_SIZE = 65536, NAME_SHOWN_MAX = 384 };

/* Somebody made the descriptor non-blocking (a shared terminal, a pipe). @return false: errno. */
static bool wait_for(int fd, short events)
{
    struct pollfd ready = {.fd = fd, .events = events};
    return poll(&ready, 1, -1) >= 0 || errno == EINTR;
}

static int read_all(int fd, struct simc_buffer *into)
{
    for (;;) {
        uint8_t *room;
        size_t left = into->ceiling - into->size;
        /* At the ceiling one more byte tells "full to the brim" from "too large". */
        uint8_t extra;
        size_t wanted = left < READ_SIZE ? left : READ_SIZE;
        int error = wanted ? simc_buffer_reserve(into, wanted, &room) : 0;
        if (error)
            return error;
        ssize_t size = wanted ? read(fd, room, wanted) : read(fd, &extra, 1);
        if (size == 0)
            return 0;
        if (size < 0 && (errno == EINTR || (errno == EAGAIN && wait_for(fd, POLLIN))))
            continue;
        if (size < 0)
            return SIMC_EIO;
        if (!wanted)
            return SIMC_EFULL;
        simc_buffer_commit(into, (size_t)size);
    }
}

int simc__file_read(const char *path, struct simc_buffer *into, char why[SIMC__FILE_WHY_SIZE])
{
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    int error = fd < 0 ? SIMC_EIO : read_all(fd, into);
    if (error == SIMC_EIO)
        snprintf(why, SIMC__FILE_WHY_SIZE, "cannot read %.*s: %s", NAME_SHOWN_MAX, name,
                 strerror(errno));
    else if (error == SIMC_EFULL)
        snprintf(why, SIMC__FILE_WHY_SIZE, "%.*s is larger than %zu bytes, the most that is read",
                 NAME_SHOWN_MAX, name, into->ceiling);
    else if (error)
        snprintf(why, SIMC__FILE_WHY_SIZE, "cannot read %.*s: %s", NAME_SHOWN_MAX, name,
                 simc_error_text(error));
    if (error)
        simc__text_disarm(why);
    if (fd >= 0 && !is_stdin)
        close(fd);
    return error;
}

int simc__file_write(int fd, struct simc_slice bytes)
{
    while (bytes.size > 0) {
        ssize_t size = write(fd, bytes.data, bytes.size);
        if (size < 0 && (errno == EINTR || (errno == EAGAIN && wait_for(fd, POLLOUT))))
            continue;
        if (size == 0)
            errno = EIO; /* a device that takes nothing and gives no reason */
        if (size <= 0)
            return SIMC_EIO;
        bytes.data += size;
        bytes.size -= (size_t)size;
    }
    return 0;
}
