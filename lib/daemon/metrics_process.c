/* SPDX-License-Identifier: BSL-1.0 */
/* Figures of the process itself, under the names that Prometheus' own client libraries use; see
 * metrics.h. The daemons' /metrics page ends with them. */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "daemon/metrics.h"

/* Reads a small file of /proc, which may hold zeros. @return its size, 0 when it cannot be read. */
static size_t read_small(const char *path, char *text, size_t size)
{
    size_t at = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && at < size - 1) {
        ssize_t got = read(fd, text + at, size - 1 - at);
        if (got <= 0)
            break;
        at += (size_t)got;
    }
    if (fd >= 0)
        close(fd);
    text[at] = '\0';
    return at;
}

/* The numbers behind the name of the program, which may hold blanks and brackets: the first one is
 * field 4 of proc(5), because field 3 is a letter. */
static size_t read_stat(uint64_t *fields, size_t count)
{
    char text[1024];
    size_t found = 0;
    if (read_small("/proc/self/stat", text, sizeof text) == 0)
        return 0;
    const char *at = strrchr(text, ')');
    at = at && at[1] == ' ' && at[2] ? at + 3 : "";
    while (*at == ' ' && found < count) {
        char *end;
        fields[found++] = strtoull(at + 1, &end, 10);
        at = end;
    }
    return found;
}

/* How many descriptors are open. A process that cannot be debugged may not list its own
 * /proc/self/fd, so poll() is asked about every number that there can be. */
static uint64_t open_files(uint64_t limit)
{
    enum { CHUNK = 1024, LIMIT_MAX = 1 << 20 };
    struct pollfd fds[CHUNK];
    uint64_t open = 0;
    if (limit > LIMIT_MAX)
        limit = LIMIT_MAX;
    for (uint64_t from = 0; from < limit; from += CHUNK) {
        nfds_t count = limit - from < CHUNK ? (nfds_t)(limit - from) : CHUNK;
        for (nfds_t i = 0; i < count; i++)
            fds[i] = (struct pollfd){.fd = (int)(from + i)};
        if (poll(fds, count, 0) < 0)
            break;
        for (nfds_t i = 0; i < count; i++)
            open += (fds[i].revents & POLLNVAL) == 0;
    }
    return open;
}

static void put_figure(struct simc_writer *out, const char *name, const char *type,
                       const char *help, uint64_t value, uint64_t per)
{
    simc__metrics_put_head(out, name, type, help);
    simc__text_printf(out, "%s ", name);
    simc__text_put_scaled(out, value, per);
    simc_writer_u8(out, '\n');
}

static uint64_t cpu_time_us(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
           (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

void simc__metrics_put_process(struct simc_writer *out, uint64_t start_time_ms)
{
    enum { THREADS = 16, VSIZE = 19, RSS = 20, FIELDS = 21 }; /* from field 4 on */
    uint64_t fields[FIELDS] = {0};
    struct rlimit limit = {0, 0};
    long page_size = sysconf(_SC_PAGESIZE);
    bool has_stat = read_stat(fields, FIELDS) == FIELDS;
    put_figure(out, "process_cpu_seconds_total", "counter",
               "CPU time of the program and the system for it, in seconds", cpu_time_us(), 1000000);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        put_figure(out, "process_open_fds", "gauge", "Descriptors that are open",
                   open_files((uint64_t)limit.rlim_cur), 1);
        put_figure(out, "process_max_fds", "gauge", "Descriptors that may be open",
                   (uint64_t)limit.rlim_cur, 1);
    }
    put_figure(out, "process_start_time_seconds", "gauge",
               "When the process started, in seconds since 1970", start_time_ms, 1000);
    if (!has_stat)
        return;
    put_figure(out, "process_virtual_memory_bytes", "gauge", "Address space in bytes",
               fields[VSIZE], 1);
    put_figure(out, "process_resident_memory_bytes", "gauge", "Memory in use in bytes",
               fields[RSS] * (uint64_t)(page_size > 0 ? page_size : 4096), 1);
    put_figure(out, "process_threads", "gauge", "Threads", fields[THREADS], 1);
}

void simc__metrics_put_build(struct simc_writer *out, const char *program, const char *version)
{
    simc__metrics_put_head(out, "simc_build_info", "gauge", "Which program this is; always 1");
    simc__text_printf(out, "simc_build_info{program=\"%s\",version=\"%s\"} 1\n", program, version);
}
