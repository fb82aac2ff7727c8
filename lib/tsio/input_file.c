/* SPDX-License-Identifier: BSL-1.0 */
/* The input from files, pipes, devices and standard input. Files are read by libuv's threads, one
 * chunk ahead of the consumer; the others when they have something. The table of kinds names it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sys/clock.h"
#include "tsio/internal.h"

static void read_on(struct simc__tsio_input *input);
static void give_on(struct simc__tsio_input *input);
static void watch(struct simc__tsio_input *input);

static const char *name_of(const struct simc__tsio_input *input)
{
    return input->address.kind == SIMC__TSIO_STANDARD ? "standard input" : input->address.path;
}

/* ---- handing over ---- */

static void sync_anew(struct simc__tsio_input *input)
{
    input->stats.skipped_bytes += input->sync.skipped;
    input->stats.sync_losses += input->sync.losses;
    /* 0 is a stride that it takes. */
    if (simc_ts_sync_init(&input->sync, 0))
        return;
}

/* Gives the rest of a run, in pieces. @return false: the consumer is full. */
static bool give_run(struct simc__tsio_input *input, uint64_t now_ns)
{
    struct simc_ts_run *run = &input->run;
    while (run->count && !input->is_closing) {
        struct simc_ts_run piece = *run;
        if (piece.count > input->settings.run_count)
            piece.count = input->settings.run_count;
        size_t taken = simc__tsio_input_give(input, &piece, now_ns);
        run->data += taken * run->stride;
        run->count -= taken;
        if (taken < piece.count || input->is_paused)
            return false;
    }
    return !input->is_closing;
}

/* Everything of the chunk that is given now. @return false: paused, or over. */
static bool give_chunk(struct simc__tsio_input *input)
{
    uint64_t now_ns = simc__clock_monotonic_ns();
    do {
        if (!give_run(input, now_ns))
            return false;
    } while (simc_ts_sync_next(&input->sync, &input->run) == 0);
    return true;
}

static void at_end(struct simc__tsio_input *input)
{
    bool is_final = input->is_regular || input->address.kind == SIMC__TSIO_STANDARD;
    const struct simc_ts_sync *sync = &input->sync;
    if (is_final && sync->packets == 0) {
        simc__tsio_input_trouble(input, "%.120s holds no transport packets", name_of(input));
    } else if (is_final && sync->skipped > sync->packets * SIMC_TS_SIZE) {
        /* One byte near the end can look like a packet. */
        simc__tsio_input_trouble(
            input,
            "%.120s holds hardly any transport packets: %llu bytes belong to none, %llu packets "
            "were found; is it a transport stream?",
            name_of(input), (unsigned long long)sync->skipped, (unsigned long long)sync->packets);
    } else if (input->settings.is_looped && input->is_regular) {
        sync_anew(input);
        input->offset = 0;
        input->is_at_end = false;
        simc__tsio_input_event(input, SIMC__TSIO_LOOPED, NULL);
        if (!input->is_closing)
            read_on(input);
    } else if (is_final || !input->settings.is_live) {
        simc__tsio_input_ended(input);
    } else {
        simc__tsio_input_hung_up(input);
    }
}

static void give_rest(struct simc__tsio_input *input)
{
    if (!input->sync.ended) {
        simc_ts_sync_feed(&input->sync, simc_slice(NULL, 0));
        simc_ts_sync_end(&input->sync);
    }
    if (give_chunk(input))
        at_end(input);
}

/* Takes chunks as they come and reads on meanwhile. It is not entered from inside itself. */
static void give_on(struct simc__tsio_input *input)
{
    if (input->is_giving || input->is_paused)
        return;
    input->is_giving = true;
    while (input->has_chunk && !input->is_closing) {
        if (!input->is_fed) {
            simc_ts_sync_feed(&input->sync, simc_slice(input->chunks[input->giving],
                                                       input->chunk_sizes[input->giving]));
            input->is_fed = true;
        }
        if (!give_chunk(input))
            break;
        input->has_chunk = input->is_fed = false;
        /* The other chunk may be read already. */
        if (!input->is_reading && input->chunk_sizes[!input->giving]) {
            input->chunk_sizes[input->giving] = 0;
            input->giving = !input->giving;
            input->has_chunk = true;
        } else {
            input->chunk_sizes[input->giving] = 0;
        }
        read_on(input);
    }
    if (!input->has_chunk && !input->is_reading && input->is_at_end && !input->is_closing)
        give_rest(input);
    input->is_giving = false;
    if (!input->is_closing && !input->is_regular)
        watch(input);
}

/* A chunk is read: it waits behind the one that is given, or is given itself. */
static void arrived(struct simc__tsio_input *input, size_t size)
{
    input->chunk_sizes[input->reading] = size;
    if (!input->has_chunk && size) {
        input->giving = input->reading;
        input->has_chunk = true;
        read_on(input);
    }
    give_on(input);
}

/* ---- files ---- */

static void close_file(struct simc__tsio_input *input)
{
    if (input->fd > STDIN_FILENO)
        close(input->fd);
    input->fd = -1;
    simc__tsio_input_closed(input);
}

static void was_read(uv_fs_t *request)
{
    struct simc__tsio_input *input = request->data;
    ssize_t result = request->result;
    uv_fs_req_cleanup(request);
    input->is_reading = false;
    if (input->is_closing) {
        close_file(input);
    } else if (result < 0) {
        simc__tsio_input_trouble(input, "%.120s cannot be read: %s", name_of(input),
                                 uv_strerror((int)result));
    } else {
        input->is_at_end = result == 0;
        input->offset += (uint64_t)result;
        arrived(input, (size_t)result);
    }
}

/* Reads the next chunk of a file, unless both are in use. */
static void read_on(struct simc__tsio_input *input)
{
    if (!input->is_regular || input->is_reading || input->is_at_end || input->is_closing)
        return;
    unsigned into = input->has_chunk ? !input->giving : input->giving;
    if (input->chunk_sizes[into])
        return;
    uv_buf_t room = uv_buf_init((char *)input->chunks[into], SIMC__TSIO_CHUNK_SIZE);
    input->reading = into;
    input->request.data = input;
    input->is_reading = true;
    int failed = uv_fs_read(input->tsio->loop, &input->request, input->fd, &room, 1,
                            (int64_t)input->offset, was_read);
    if (failed) {
        input->is_reading = false;
        simc__tsio_input_trouble(input, "%.120s cannot be read: %s", name_of(input),
                                 uv_strerror(failed));
    }
}

/* ---- pipes ---- */

static void readable(uv_poll_t *poll, int status, int events)
{
    struct simc__tsio_input *input = poll->data;
    (void)events;
    if (input->is_closing || input->has_chunk || input->is_paused) {
        uv_poll_stop(poll);
        return;
    }
    ssize_t size = read(input->fd, input->chunks[0], SIMC__TSIO_CHUNK_SIZE);
    if (size < 0 && (errno == EAGAIN || errno == EINTR) && status >= 0)
        return;
    if (size < 0) {
        simc__tsio_input_trouble(input, "%.120s cannot be read: %s", name_of(input),
                                 strerror(errno));
        return;
    }
    input->reading = 0;
    input->is_at_end = size == 0;
    if (size == 0)
        uv_poll_stop(poll);
    arrived(input, (size_t)size);
}

/* Listens as long as there is room for a chunk. */
static void watch(struct simc__tsio_input *input)
{
    if (!input->has_poll)
        return;
    if (input->has_chunk || input->is_paused || input->is_at_end)
        uv_poll_stop(&input->poll);
    else if (!uv_is_active((uv_handle_t *)&input->poll))
        uv_poll_start(&input->poll, UV_READABLE, readable);
}

static int open_poll(struct simc__tsio_input *input, char why[SIMC__TSIO_TEXT_SIZE])
{
    int failed = uv_poll_init(input->tsio->loop, &input->poll, input->fd);
    /* A device that is always ready, such as /dev/null. */
    input->is_regular = failed == UV_EPERM;
    if (input->is_regular) {
        read_on(input);
        return 0;
    }
    if (failed) {
        snprintf(why, SIMC__TSIO_TEXT_SIZE, "%.120s cannot be waited for: %s", name_of(input),
                 uv_strerror(failed));
        return SIMC_EIO;
    }
    input->has_poll = true;
    input->poll.data = input;
    watch(input);
    return 0;
}

/* ---- both ---- */

/* Standard input is opened anew where that is possible, because it is shared with other processes,
 * which would see it become non-blocking. */
static int open_descriptor(struct simc__tsio_input *input, char why[SIMC__TSIO_TEXT_SIZE])
{
    struct stat about;
    const char *mend = "";
    bool is_standard = input->address.kind == SIMC__TSIO_STANDARD;
    input->fd = open(is_standard ? "/proc/self/fd/0" : input->address.path,
                     O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (input->fd < 0 && is_standard)
        input->fd = STDIN_FILENO;
    if (input->fd < 0 || fstat(input->fd, &about)) {
        snprintf(why, SIMC__TSIO_TEXT_SIZE, "%.120s cannot be opened: %s", name_of(input),
                 strerror(errno));
        return SIMC_EIO;
    }
    input->is_regular = S_ISREG(about.st_mode);
    if (S_ISDIR(about.st_mode))
        mend = "is a folder; name a file";
    else if (input->address.kind == SIMC__TSIO_PIPE && !S_ISFIFO(about.st_mode))
        mend = "is no pipe; make one with mkfifo, or write file:PATH";
    else if (is_standard && isatty(input->fd))
        mend = "is a terminal; give it a transport stream";
    if (*mend)
        snprintf(why, SIMC__TSIO_TEXT_SIZE, "%.120s %s", name_of(input), mend);
    return *mend ? SIMC_EIO : 0;
}

static int open_file(struct simc__tsio_input *input, char why[SIMC__TSIO_TEXT_SIZE])
{
    int error = open_descriptor(input, why);
    for (unsigned i = 0; i < 2 && !error; i++) {
        if (!input->chunks[i])
            input->chunks[i] = simc_alloc(SIMC__TSIO_CHUNK_SIZE);
        input->chunk_sizes[i] = 0;
        if (input->chunks[i])
            continue;
        snprintf(why, SIMC__TSIO_TEXT_SIZE, "there is no memory to read %.120s", name_of(input));
        error = SIMC_ENOMEM;
    }
    if (error)
        return error;
    sync_anew(input);
    input->has_chunk = input->is_fed = input->is_at_end = false;
    input->run.count = 0;
    input->giving = input->reading = 0;
    input->offset = 0;
    if (!input->is_regular)
        return open_poll(input, why);
    read_on(input);
    return 0;
}

static void poll_closed(uv_handle_t *handle)
{
    struct simc__tsio_input *input = handle->data;
    input->has_poll = false;
    close_file(input);
}

static void begin_close(struct simc__tsio_input *input)
{
    if (input->has_poll)
        uv_close((uv_handle_t *)&input->poll, poll_closed);
    else if (!input->is_reading)
        close_file(input);
}

static void resume_file(struct simc__tsio_input *input)
{
    give_on(input);
    if (!input->is_closing)
        read_on(input);
}

const struct simc__tsio_input_kind simc__tsio_input_file = {open_file, begin_close, resume_file};
