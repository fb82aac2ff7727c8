/* SPDX-License-Identifier: BSL-1.0 */
/* Files, pipes and UDP as outputs of the `simulcrypt ts` verbs; see ts_output.h. */
#include "cli/ts_output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/file.h"

/* Writing over the input would destroy it before it is read. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat first, second;
    return stat(a, &first) == 0 && stat(b, &second) == 0 && S_ISREG(first.st_mode) &&
           first.st_dev == second.st_dev && first.st_ino == second.st_ino;
}

int simc__ts_output_open(struct simc__ts_output *output, const char *name, const char *input_name,
                         unsigned ttl, char why[SIMC__TS_WHY_SIZE])
{
    memset(output, 0, sizeof *output);
    output->name = name;
    output->fd = -1;
    output->is_socket = strncmp(name, "udp://", 6) == 0;
    if (output->is_socket)
        return simc__ts_udp_sender(name + 6, ttl, &output->fd, why);
    if (strcmp(name, "-") == 0) {
        output->fd = STDOUT_FILENO;
        if (!isatty(STDOUT_FILENO))
            return 0;
        snprintf(why, SIMC__TS_WHY_SIZE,
                 "a transport stream would only disturb the terminal: name an output file");
        return SIMC_EIO;
    }
    if (is_same_file(name, input_name)) {
        snprintf(why, SIMC__TS_WHY_SIZE, "%s is the input too: name another output", name);
        return SIMC_EIO;
    }
    output->fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (output->fd >= 0)
        return 0;
    snprintf(why, SIMC__TS_WHY_SIZE, "cannot write %s: %s", name, strerror(errno));
    return SIMC_EIO;
}

static int send_held(struct simc__ts_output *output)
{
    ssize_t size;
    do {
        size = send(output->fd, output->datagram, output->held, 0);
        /* ECONNREFUSED is about an earlier datagram: nobody listens there yet. */
    } while (size < 0 && (errno == EINTR || errno == ECONNREFUSED));
    output->held = 0;
    return size < 0 ? SIMC_EIO : 0;
}

int simc__ts_output_write(struct simc__ts_output *output, struct simc_slice packets)
{
    if (!output->is_socket)
        return simc__file_write(output->fd, packets);
    while (packets.size) {
        size_t room = sizeof output->datagram - output->held;
        size_t size = packets.size < room ? packets.size : room;
        memcpy(output->datagram + output->held, packets.data, size);
        output->held += size;
        packets = simc_slice(packets.data + size, packets.size - size);
        int error = output->held == sizeof output->datagram ? send_held(output) : 0;
        if (error)
            return error;
    }
    return 0;
}

int simc__ts_output_close(struct simc__ts_output *output)
{
    int error = output->is_socket && output->held ? send_held(output) : 0;
    if (output->fd >= 0 && output->fd != STDOUT_FILENO && close(output->fd) != 0 && !error)
        error = SIMC_EIO;
    output->fd = -1;
    return error;
}
