/* SPDX-License-Identifier: BSL-1.0 */
/* Functions in the place of the system's: a system clock that is stepped by an hour to and fro, and
 * a list of the times of connect(). emmg-rows.t puts them before `simulcrypt emmg`. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { STEP_S = 3600, NS_PER_MS = 1000000 };

static struct timespec now_of(clockid_t clock)
{
    struct timespec now = {0, 0};
    syscall(SYS_clock_gettime, clock, &now);
    return now;
}

static struct timespec stepped(void)
{
    struct timespec now = now_of(CLOCK_REALTIME);
    if (getenv("SIMC_TEST_CLOCK"))
        now.tv_sec += now.tv_sec % 2 ? STEP_S : -STEP_S;
    return now;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
        return (int)syscall(SYS_clock_gettime, clock, now);
    *now = stepped();
    return 0;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
    const struct timespec time = stepped();
    (void)zone;
    *now = (struct timeval){time.tv_sec, time.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    const struct timespec now = stepped();
    if (out)
        *out = now.tv_sec;
    return now.tv_sec;
}

int connect(int fd, const struct sockaddr *address, socklen_t size)
{
    const char *path = getenv("SIMC_TEST_CONNECTS");
    FILE *out = path ? fopen(path, "a") : NULL;
    if (out) {
        const struct timespec now = now_of(CLOCK_MONOTONIC);
        fprintf(out, "%lld\n", (long long)now.tv_sec * 1000 + now.tv_nsec / NS_PER_MS);
        fclose(out);
    }
    return (int)syscall(SYS_connect, fd, address, size);
}
