/* SPDX-License-Identifier: BSL-1.0 */
/* Tells systemd how the daemon is, over its datagram socket [sd_notify(3)]. lib/daemon calls it;
 * without systemd every call does nothing. */
#ifndef SIMC__DAEMON_NOTIFY_H
#define SIMC__DAEMON_NOTIFY_H

#include "simulcrypt/base.h"

struct simc__notify {
    int fd;               /* -1: nobody wants to know */
    uint64_t watchdog_us; /* how often WATCHDOG=1 must come at least; 0: no watchdog */
    char said[256];       /* the last STATUS, so that repeats are not sent */
};

/** Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID from the environment.
 *  @param why a sentence when the variable is there but of no use: the daemon logs it and goes on.
 *  @return 0 (also without systemd), SIMC_EINVAL, SIMC_EIO. */
int simc__notify_open(struct simc__notify *notify, char why[256]) SIMC_MUST_CHECK;
void simc__notify_close(struct simc__notify *notify);
/** Sends lines such as "READY=1\nSTATUS=serving". Never waits; what cannot be sent is lost. */
void simc__notify_send(struct simc__notify *notify, const char *lines);
/** READY=1: started, or done with a reload. */
void simc__notify_ready(struct simc__notify *notify);
/** RELOADING=1 with the time that systemd wants beside it. */
void simc__notify_reloading(struct simc__notify *notify);
/** STOPPING=1. */
void simc__notify_stopping(struct simc__notify *notify);
/** WATCHDOG=1, when there is a watchdog. */
void simc__notify_alive(struct simc__notify *notify);
/** STATUS=...; line ends become blanks. */
void simc__notify_status(struct simc__notify *notify, const char *text);

#endif
