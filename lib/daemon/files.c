/* SPDX-License-Identifier: BSL-1.0 */
/* The limit of open descriptors, raised to what the configuration may need. Start and reload call
 * it. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "daemon/internal.h"

/* Log, loop, signals, epoll, the admin side's connections, and a few for files that are read. */
enum { OWN_FILES = 64 + 64 };

uint64_t simc__daemon_files_wanted(const struct simc__daemon *daemon, const void *values)
{
    uint64_t wanted = daemon->files ? daemon->files(values) : 0;
    return wanted > UINT32_MAX ? UINT32_MAX : wanted + OWN_FILES;
}

void simc__daemon_files_raise(uint64_t wanted, const struct simc_log *log)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted)
        return;
    struct rlimit higher = limit;
    higher.rlim_cur = (rlim_t)wanted;
    if (higher.rlim_max < higher.rlim_cur)
        higher.rlim_max = higher.rlim_cur; /* for those who may */
    if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
        return;
    limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : (rlim_t)wanted;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < wanted)
        simc_log(log, SIMC_LOG_WARNING,
                 "the configuration may need more file descriptors than this process may have; "
                 "raise LimitNOFILE= of the unit (or 'ulimit -n'), or lower the limits of "
                 "connections",
                 simc_log_uint("wanted", wanted), simc_log_uint("allowed", limit.rlim_cur));
}
