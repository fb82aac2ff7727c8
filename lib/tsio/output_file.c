/* SPDX-License-Identifier: BSL-1.0 */
/* The output to files, pipes and standard output: a ring of bytes, written by libuv's threads or
 * when a pipe has room. The table of kinds names it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tsio/internal.h"

enum {
    ENOUGH = 65536, /* bytes that are worth a write */
    MOST = 1 << 20, /* of one write */
    FLUSH_MS = 100, /* longest wait for more of them */
};

static void write_on(struct simc__tsio_output *output);

static const char *name_of(const struct simc__tsio_output *output)
{
    return output->address.kind == SIMC__TSIO_STANDARD ? "standard output" : output->address.path;
}

static int prepare(struct simc__tsio_output *output)
{
    output->ring_size = output->settings.queue_bytes / SIMC_TS_SIZE * SIMC_TS_SIZE;
    output->ring = simc_alloc(output->ring_size);
    return output->ring ? 0 : SIMC_ENOMEM;
}

/* ---- what has been written ---- */

static void took(struct simc__tsio_output *output, size_t size)
{
    output->at = (output->at + size) % output->ring_size;
    output->held -= size;
    output->stats.bytes += size;
    output->stats.packets = output->stats.bytes / SIMC_TS_SIZE;
    output->stats.calls++;
    simc__tsio_output_works(output);
    if (output->held <= output->ring_size / 2)
        simc__tsio_output_ready(output);
}

static const char *mend_of(int error)
{
    return error == ENOSPC  ? "; free space on its disk"
           : error == EFBIG ? "; the system allows no larger file"
           : error == EPIPE ? "; nobody reads it any more"
                            : "";
}

static void wait_and_write(uv_timer_t *timer)
{
    struct simc__tsio_output *output = timer->data;
    if (output->is_open && !output->is_closing)
        write_on(output);
    else if (output->is_finishing && !output->is_closing)
        simc__tsio_output_ended(output);
}

static void fail(struct simc__tsio_output *output, int error)
{
    output->stats.errors++;
    /* Whoever read standard output has gone for good. */
    if (error == EPIPE && output->address.kind == SIMC__TSIO_STANDARD)
        output->settings.is_live = false;
    simc__tsio_output_trouble(output, "%.120s cannot be written: %s%s", name_of(output),
                              strerror(error), mend_of(error));
    if (output->is_closing || output->is_freed || output->is_over)
        return;
    if (output->is_finishing)
        simc__tsio_output_ended(output);
    else if (output->has_poll)
        simc__tsio_output_reopen(output);
    else
        uv_timer_start(&output->flush, wait_and_write, output->settings.retry_ms, 0);
}

/* ---- files ---- */

static void close_descriptor(struct simc__tsio_output *output)
{
    if (output->fd > STDERR_FILENO)
        close(output->fd);
    output->fd = -1;
    simc__tsio_output_closed(output);
}

static void was_written(uv_fs_t *request)
{
    struct simc__tsio_output *output = request->data;
    ssize_t result = request->result;
    uv_fs_req_cleanup(request);
    output->is_writing = false;
    if (result > 0)
        took(output, (size_t)result);
    if (output->is_closing)
        close_descriptor(output);
    else if (result <= 0)
        fail(output, result < 0 ? (int)-result : ENOSPC);
    else
        write_on(output);
}

static void write_file(struct simc__tsio_output *output, size_t size)
{
    uv_buf_t bytes = uv_buf_init((char *)output->ring + output->at, (unsigned)size);
    output->request.data = output;
    output->is_writing = true;
    int failed =
        uv_fs_write(output->tsio->loop, &output->request, output->fd, &bytes, 1, -1, was_written);
    if (failed) {
        output->is_writing = false;
        fail(output, -failed);
    }
}

/* ---- pipes ---- */

static void writable(uv_poll_t *poll, int status, int events)
{
    struct simc__tsio_output *output = poll->data;
    (void)events;
    uv_poll_stop(poll);
    if (status < 0 && !output->is_closing)
        fail(output, EPIPE);
    else if (!output->is_closing)
        write_on(output);
}

static void write_pipe(struct simc__tsio_output *output, size_t size)
{
    ssize_t result = write(output->fd, output->ring + output->at, size);
    if (result > 0)
        took(output, (size_t)result);
    else if (result < 0 && errno != EAGAIN && errno != EINTR)
        fail(output, errno);
    if (!output->held)
        write_on(output);
    else if (output->has_poll && !output->is_closing && !output->is_freed)
        uv_poll_start(&output->poll, UV_WRITABLE, writable);
}

/* ---- both ---- */

static void write_on(struct simc__tsio_output *output)
{
    if (output->is_writing || !output->is_open || output->is_closing)
        return;
    if (!output->held) {
        if (output->is_finishing)
            simc__tsio_output_ended(output);
        return;
    }
    size_t size = output->ring_size - output->at;
    size = size < output->held ? size : output->held;
    size = size < MOST ? size : MOST;
    if (output->has_poll)
        write_pipe(output, size);
    else
        write_file(output, size);
}

/* Little is written together with what comes next, unless that takes too long. A file in trouble is
 * tried by its timer only. */
static int put(struct simc__tsio_output *output, const uint8_t *packets, size_t count,
               uint64_t at_ns, uint64_t until_ns)
{
    size_t size = count * SIMC_TS_SIZE;
    (void)at_ns;
    (void)until_ns;
    if (output->ring_size - output->held < size || !output->is_open || output->is_closing)
        return SIMC_EFULL;
    size_t at = (output->at + output->held) % output->ring_size;
    size_t front = output->ring_size - at < size ? output->ring_size - at : size;
    memcpy(output->ring + at, packets, front);
    memcpy(output->ring, packets + front, size - front);
    output->held += size;
    bool is_timed = uv_is_active((uv_handle_t *)&output->flush);
    if (output->is_writing || (output->is_in_trouble && is_timed))
        return 0;
    if (!is_timed || (output->held >= ENOUGH && uv_timer_get_due_in(&output->flush)))
        uv_timer_start(&output->flush, wait_and_write, output->held >= ENOUGH ? 0 : FLUSH_MS, 0);
    return 0;
}

static void finish(struct simc__tsio_output *output)
{
    uv_timer_start(&output->flush, wait_and_write, 0, 0);
}

static uint64_t waiting(const struct simc__tsio_output *output)
{
    return output->held;
}

/* ---- opening and closing ---- */

static int open_descriptor(struct simc__tsio_output *output, struct stat *about)
{
    int flags = O_WRONLY | O_NONBLOCK | O_CLOEXEC;
    if (output->address.kind == SIMC__TSIO_STANDARD) {
        /* Anew where that is possible: other processes share it, and would see it become
         * non-blocking. A file keeps its place. */
        if (fstat(STDOUT_FILENO, about))
            return -1;
        int fd = S_ISREG(about->st_mode) ? -1 : open("/proc/self/fd/1", flags);
        return fd < 0 ? STDOUT_FILENO : fd;
    }
    if (output->address.kind == SIMC__TSIO_FILE)
        flags |= O_CREAT | (output->was_opened ? O_APPEND : O_TRUNC);
    int fd = open(output->address.path, flags, 0666);
    if (fd >= 0 && fstat(fd, about)) {
        close(fd);
        return -1;
    }
    return fd;
}

static int open_poll(struct simc__tsio_output *output, char why[SIMC__TSIO_TEXT_SIZE])
{
    int failed = uv_poll_init(output->tsio->loop, &output->poll, output->fd);
    /* A device that is always ready is written like a file. */
    if (failed == UV_EPERM)
        return 0;
    if (failed) {
        snprintf(why, SIMC__TSIO_TEXT_SIZE, "%.120s cannot be waited for: %s", name_of(output),
                 uv_strerror(failed));
        return SIMC_EIO;
    }
    output->has_poll = true;
    output->poll.data = output;
    return 0;
}

static int open_file(struct simc__tsio_output *output, char why[SIMC__TSIO_TEXT_SIZE])
{
    struct stat about;
    output->fd = open_descriptor(output, &about);
    if (output->fd < 0) {
        snprintf(why, SIMC__TSIO_TEXT_SIZE, "%.120s cannot be opened: %s", name_of(output),
                 errno == ENXIO ? "nobody reads it" : strerror(errno));
        return SIMC_EIO;
    }
    const char *mend = "";
    output->is_regular = S_ISREG(about.st_mode);
    if (output->address.kind == SIMC__TSIO_PIPE && !S_ISFIFO(about.st_mode))
        mend = "is no pipe; make one with mkfifo, or write file:PATH";
    else if (isatty(output->fd))
        mend = "is a terminal, and a transport stream no text; send it to a file or a pipe";
    if (*mend) {
        snprintf(why, SIMC__TSIO_TEXT_SIZE, "%.120s %s", name_of(output), mend);
        return SIMC_EIO;
    }
    /* A packet that was cut when it was closed is not continued. */
    size_t cut = (SIMC_TS_SIZE - output->at % SIMC_TS_SIZE) % SIMC_TS_SIZE;
    output->at = (output->at + cut) % output->ring_size;
    output->held -= cut < output->held ? cut : output->held;
    output->was_opened = true;
    return output->is_regular ? 0 : open_poll(output, why);
}

static void poll_closed(uv_handle_t *handle)
{
    struct simc__tsio_output *output = handle->data;
    output->has_poll = false;
    close_descriptor(output);
}

static void begin_close(struct simc__tsio_output *output)
{
    if (output->has_poll)
        uv_close((uv_handle_t *)&output->poll, poll_closed);
    else if (!output->is_writing)
        close_descriptor(output);
}

const struct simc__tsio_output_kind simc__tsio_output_file = {prepare, open_file, begin_close,
                                                              put,     finish,    waiting};
