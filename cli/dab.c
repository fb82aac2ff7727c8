/* SPDX-License-Identifier: BSL-1.0 */
/* Reads ETI files and pipes in blocks and hands out their frames. The `simulcrypt dab` verbs call
 * it. */
#include "cli/dab.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whole raw frames, so that none of a file has to be copied; small enough for the cache. */
enum { BLOCK_SIZE = 64 * SIMC_ETI_SIZE };

static int take_pieces(struct simc_eti_reader *reader, const struct simc__dab_sink *sink)
{
    struct simc_eti_piece piece;
    int status = 0;
    while (!status && simc_eti_reader_next(reader, &piece) == 0) {
        bool is_held =
            piece.bytes >= reader->held && piece.bytes < reader->held + sizeof reader->held;
        status = sink->take(sink->context, &piece, is_held);
    }
    return status || !sink->end ? status : sink->end(sink->context);
}

/* @return bytes, 0 at the end, -1: errno. Somebody may have made the descriptor non-blocking. */
static ssize_t read_block(int fd, uint8_t *block)
{
    for (;;) {
        ssize_t size = read(fd, block, BLOCK_SIZE);
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        if (size >= 0 || (errno != EINTR && errno != EAGAIN))
            return size;
        if (errno == EAGAIN)
            poll(&ready, 1, -1);
    }
}

static int read_all(int fd, const char *name, struct simc_eti_reader *reader,
                    const struct simc__dab_sink *sink)
{
    uint8_t *block = malloc(BLOCK_SIZE);
    int status = 0;
    ssize_t size = 0;
    if (!block)
        return simc__cli_trouble("no memory");
    while (!status && (size = read_block(fd, block)) > 0) {
        simc_eti_reader_feed(reader, block, (size_t)size);
        status = take_pieces(reader, sink);
    }
    if (!status && size < 0)
        status = simc__cli_trouble("cannot read %s: %s", name, strerror(errno));
    if (!status) {
        simc_eti_reader_feed(reader, NULL, 0);
        simc_eti_reader_end(reader);
        status = take_pieces(reader, sink);
    }
    free(block);
    return status;
}

int simc__dab_read(const char *path, bool tolerant, struct simc_eti_reader *reader,
                   const struct simc__dab_sink *sink)
{
    path = simc__cli_input(path);
    bool is_stdin = strcmp(path, "-") == 0;
    const char *name = is_stdin ? "standard input" : path;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    simc_eti_reader_init(reader);
    reader->tolerant = tolerant;
    if (fd < 0)
        return simc__cli_trouble("cannot read %s: %s", name, strerror(errno));
    int status = read_all(fd, name, reader, sink);
    if (!is_stdin)
        close(fd);
    if (!status && !reader->frames)
        return simc__cli_trouble("%s holds no ETI frames", name);
    return status;
}
