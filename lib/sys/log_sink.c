/* SPDX-License-Identifier: BSL-1.0 */
/* Where log lines go; see log_sink.h. A line is one write() call, so that lines of several
 * processes on one descriptor do not mix; a reader that does not read loses lines, not our time. */
#include "sys/log_sink.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sys/clock.h"

enum simc__log_sink_kind simc__log_sink_kind_of(int fd)
{
    /* systemd tells device and inode of the stream that it reads [systemd.exec(5)]. */
    const char *journal = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat status;
    if (journal && sscanf(journal, "%llu:%llu", &device, &inode) == 2 && fstat(fd, &status) == 0 &&
        status.st_dev == device && status.st_ino == inode)
        return SIMC__LOG_SINK_JOURNAL;
    return isatty(fd) ? SIMC__LOG_SINK_TERMINAL : SIMC__LOG_SINK_JSON;
}

static const char *colour_of(enum simc_log_level level)
{
    switch (level) {
    case SIMC_LOG_ERROR:
        return "\033[31m";
    case SIMC_LOG_WARNING:
        return "\033[33m";
    case SIMC_LOG_NOTICE:
        return "\033[1m";
    case SIMC_LOG_INFO:
    case SIMC_LOG_DEBUG:
        break;
    }
    return "";
}

static void write_line(void *context, enum simc_log_level level, struct simc_slice line)
{
    struct simc__log_sink *sink = context;
    char line_end[] = "\n", prefix[16] = "", suffix[8] = "\n";
    /* A full pipe or a stopped terminal costs the line, not our time. A pipe that can be written to
     * has a page free, which holds the longest line. */
    struct pollfd ready = {.fd = sink->fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) == 0) {
        sink->lost_count++;
        return;
    }
    if (sink->kind == SIMC__LOG_SINK_JOURNAL)
        snprintf(prefix, sizeof prefix, "<%d>", (int)level);
    if (sink->kind == SIMC__LOG_SINK_TERMINAL && colour_of(level)[0]) {
        snprintf(prefix, sizeof prefix, "%s", colour_of(level));
        snprintf(suffix, sizeof suffix, "\033[0m\n");
    }
    /* The line's own end gives way to the suffix. writev() does not write to its bases. */
    struct iovec parts[] = {
        {line_end, sink->torn ? 1 : 0},
        {prefix, strlen(prefix)},
        {(void *)(uintptr_t)line.data, line.size - 1},
        {suffix, strlen(suffix)},
    };
    const size_t part_count = sizeof parts / sizeof parts[0];
    size_t wanted = 0;
    for (size_t i = 0; i < part_count; i++)
        wanted += parts[i].iov_len;
    ssize_t size;
    do {
        size = writev(sink->fd, parts, (int)part_count);
    } while (size < 0 && errno == EINTR);
    if (size < 0 || (size_t)size < wanted)
        sink->lost_count++;
    if (size > 0)
        sink->torn = (size_t)size < wanted;
}

void simc__log_sink_init(struct simc__log_sink *sink, int fd, enum simc__log_sink_kind kind,
                         enum simc_log_level level)
{
    memset(sink, 0, sizeof *sink);
    sink->kind = kind;
    sink->fd = fd;
    sink->log.level = level;
    sink->log.form = kind == SIMC__LOG_SINK_JSON ? SIMC_LOG_JSON : SIMC_LOG_HUMAN;
    sink->log.now_us = kind == SIMC__LOG_SINK_JOURNAL ? NULL : simc__clock_wall_us;
    sink->log.write = write_line;
    sink->log.context = sink;
}
