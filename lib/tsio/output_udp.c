/* SPDX-License-Identifier: BSL-1.0 */
/* The output over UDP and RTP: a ring of whole datagrams with the times at which they leave, sent
 * in batches, many as one where the kernel cuts them itself (GSO). The table of kinds names it. */
#include <errno.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "sys/clock.h"
#include "tsio/internal.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

enum {
    MESSAGES = 32, /* in one call */
    SEGMENTS = 44, /* in one message: below the kernel's 64, and below 64 KiB of 1328 bytes each */
    /* What is due so soon leaves with the rest: fewer calls, and less than the jitter of a network.
     */
    SLACK_NS = 200000,
    LATE_NS = 5000000,
    /* After a stall the backlog leaves at this many times its own rate, and this much at once. */
    CATCH_UP = 4,
    BURST_NS = 1000000,
    STEP_MOST_NS = 2000000,
    WAIT_NS = 1000000, /* when the kernel's buffer is full, and between bursts */
    REFUSALS = 8,      /* in one turn */
    NS_PER_MS = 1000000,
    NS_PER_S = 1000000000,
    RTP_HZ = 90000,
};

static const char *mend_of(int error)
{
    return error == ENETUNREACH || error == EHOSTUNREACH ? "; no route leads there now"
           : error == EPERM                              ? "; a firewall of this host refuses it"
                                                         : "";
}

/* ---- the ring ---- */

static int prepare(struct simc__tsio_output *output)
{
    output->head_size = output->address.kind == SIMC__TSIO_RTP ? SIMC__TSIO_RTP_SIZE : 0;
    output->slot_size = output->head_size + (size_t)output->address.packets * SIMC_TS_SIZE;
    if (!output->address.packets)
        return SIMC_EINVAL;
    output->slot_count = output->settings.queue_bytes / output->slot_size;
    output->ring = simc_alloc(output->slot_count * output->slot_size);
    output->times_ns = simc_calloc(output->slot_count, sizeof *output->times_ns);
    return output->ring && output->times_ns ? 0 : SIMC_ENOMEM;
}

static uint8_t *slot_of(const struct simc__tsio_output *output, size_t index)
{
    return output->ring + (output->first + index) % output->slot_count * output->slot_size;
}

static uint64_t time_of(const struct simc__tsio_output *output, size_t index)
{
    return output->times_ns[(output->first + index) % output->slot_count];
}

static size_t size_of(const struct simc__tsio_output *output, size_t index)
{
    if (output->short_count && index + 1 == output->count)
        return output->head_size + output->short_count * SIMC_TS_SIZE;
    return output->slot_size;
}

/* How long before its time a datagram may leave. */
static uint64_t slack_ns(const struct simc__tsio_output *output)
{
    return output->address.early_ms ? (uint64_t)output->address.early_ms * NS_PER_MS : SLACK_NS;
}

/* When the timer should come for a datagram. With `early` that is on a grid of it, so that a call
 * takes several datagrams, and a turn of the timer all outputs that have the same. */
static uint64_t wake_ns(const struct simc__tsio_output *output, uint64_t at_ns)
{
    return output->address.early_ms ? at_ns - at_ns % slack_ns(output) : at_ns;
}

static void complete(struct simc__tsio_output *output)
{
    if (output->head_size) {
        uint64_t at_ns = time_of(output, output->count);
        /* Without an overflow for some centuries of uptime. */
        struct simc__tsio_rtp rtp = {
            .sequence = output->sequence++,
            .timestamp_90khz =
                (uint32_t)(at_ns / NS_PER_S * RTP_HZ + at_ns % NS_PER_S * RTP_HZ / NS_PER_S),
            .ssrc = output->ssrc,
        };
        simc__tsio_rtp_put(slot_of(output, output->count), &rtp);
    }
    output->count++;
    output->fill = 0;
}

static int put(struct simc__tsio_output *output, const uint8_t *packets, size_t count,
               uint64_t at_ns, uint64_t until_ns)
{
    size_t each = output->address.packets;
    if ((output->slot_count - output->count) * each - output->fill < count)
        return SIMC_EFULL;
    uint64_t span_ns = until_ns > at_ns ? until_ns - at_ns : 0;
    if (!at_ns)
        at_ns = simc__clock_monotonic_ns();
    for (size_t i = 0; i < count;) {
        size_t more = each - output->fill < count - i ? each - output->fill : count - i;
        size_t at = (output->first + output->count) % output->slot_count;
        if (!output->fill)
            output->times_ns[at] = at_ns + span_ns * i / count;
        memcpy(output->ring + at * output->slot_size + output->head_size +
                   output->fill * SIMC_TS_SIZE,
               packets + i * SIMC_TS_SIZE, more * SIMC_TS_SIZE);
        output->fill += more;
        i += more;
        if (output->fill == each)
            complete(output);
    }
    if (output->count)
        simc__tsio_arm(output->tsio, wake_ns(output, time_of(output, 0)));
    return 0;
}

static void drop(struct simc__tsio_output *output, size_t count)
{
    output->first = (output->first + count) % output->slot_count;
    output->count -= count;
}

static void lose(struct simc__tsio_output *output, size_t count)
{
    output->stats.dropped_packets += count * output->address.packets;
    drop(output, count);
}

/* ---- sending ---- */

struct batch {
    struct mmsghdr messages[MESSAGES];
    struct iovec pieces[MESSAGES];
    size_t counts[MESSAGES]; /* datagrams in each */
    _Alignas(struct cmsghdr) uint8_t control[MESSAGES][CMSG_SPACE(sizeof(uint16_t))];
};

/* How many datagrams from `index` on lie behind each other in memory. */
static size_t contiguous(const struct simc__tsio_output *output, size_t index, size_t most)
{
    size_t at = (output->first + index) % output->slot_count;
    size_t count = output->slot_count - at;
    count = count < most ? count : most;
    return count < SEGMENTS ? count : SEGMENTS;
}

static unsigned fill_batch(const struct simc__tsio_output *output, struct batch *batch,
                           size_t datagrams)
{
    unsigned count = 0;
    memset(batch->messages, 0, sizeof batch->messages);
    for (size_t index = 0; index < datagrams && count < MESSAGES; count++) {
        struct msghdr *message = &batch->messages[count].msg_hdr;
        size_t segments = output->stats.has_gso ? contiguous(output, index, datagrams - index) : 1;
        size_t last = index + segments - 1;
        batch->pieces[count].iov_base = slot_of(output, index);
        batch->pieces[count].iov_len = (segments - 1) * output->slot_size + size_of(output, last);
        batch->counts[count] = segments;
        message->msg_iov = &batch->pieces[count];
        message->msg_iovlen = 1;
        if (segments > 1) {
            message->msg_control = batch->control[count];
            message->msg_controllen = sizeof batch->control[count];
            struct cmsghdr *head = CMSG_FIRSTHDR(message);
            uint16_t size = (uint16_t)output->slot_size;
            head->cmsg_level = SOL_UDP;
            head->cmsg_type = UDP_SEGMENT;
            head->cmsg_len = CMSG_LEN(sizeof size);
            memcpy(CMSG_DATA(head), &size, sizeof size);
        }
        index += segments;
    }
    return count;
}

static void account(struct simc__tsio_output *output, const struct batch *batch, unsigned count,
                    uint64_t now_ns)
{
    for (unsigned i = 0; i < count; i++) {
        for (size_t k = 0; k < batch->counts[i]; k++) {
            uint64_t at_ns = time_of(output, k);
            if (now_ns > at_ns + LATE_NS) {
                uint64_t late_ns = now_ns - at_ns;
                output->stats.late_datagrams++;
                if (late_ns > output->stats.most_late_ns)
                    output->stats.most_late_ns = late_ns;
            }
        }
        size_t size = batch->pieces[i].iov_len - batch->counts[i] * output->head_size;
        output->stats.datagrams += batch->counts[i];
        output->stats.bytes += size;
        output->stats.packets += size / SIMC_TS_SIZE;
        drop(output, batch->counts[i]);
    }
    output->stats.calls++;
}

enum verdict { GO_ON, WAIT, GIVE_UP };

static enum verdict judge(struct simc__tsio_output *output, int error, bool has_segments)
{
    if (error == EAGAIN || error == ENOBUFS || error == EINTR)
        return WAIT;
    if (has_segments && (error == EIO || error == EINVAL || error == EMSGSIZE ||
                         error == EOPNOTSUPP || error == ENOPROTOOPT)) {
        /* The interface, or the kernel, cannot cut them. */
        output->stats.has_gso = false;
        output->is_gso_refused = true;
        return GO_ON;
    }
    output->stats.errors++;
    if (error == ECONNREFUSED) {
        /* The answer to an earlier datagram; nothing of this one was lost. A live output goes on,
         * and so does one that has an end: who listens may come later. */
        bool is_live = output->settings.is_live;
        output->settings.is_live = true;
        simc__tsio_output_trouble(output, "nobody receives at %s:%u", output->address.host,
                                  (unsigned)output->address.port);
        output->settings.is_live = is_live;
        return GO_ON;
    }
    simc__tsio_output_trouble(output, "sending to %s:%u failed: %s%s", output->address.host,
                              (unsigned)output->address.port, strerror(error), mend_of(error));
    if (error == ENODEV || error == EINVAL || error == ENXIO || error == EADDRNOTAVAIL)
        simc__tsio_output_reopen(output);
    return GIVE_UP;
}

/* Sends the first so many datagrams. @return false: the rest must wait. */
static bool send_some(struct simc__tsio_output *output, size_t datagrams, uint64_t now_ns)
{
    struct batch batch;
    unsigned refusals = 0;
    while (datagrams && !output->is_freed && !output->is_over) {
        unsigned count = fill_batch(output, &batch, datagrams);
        int sent = sendmmsg(output->fd, batch.messages, count, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0) {
            size_t before = output->count;
            account(output, &batch, (unsigned)sent, now_ns);
            datagrams -= before - output->count;
            simc__tsio_output_works(output);
            continue;
        }
        enum verdict verdict = judge(output, errno, batch.counts[0] > 1);
        if (verdict == WAIT)
            return false;
        if (verdict == GIVE_UP || (errno == ECONNREFUSED && ++refusals > REFUSALS)) {
            lose(output, datagrams);
            return true;
        }
    }
    return true;
}

/* How far the schedule may be obeyed at this moment. Normally up to now; behind a stall it follows
 * at CATCH_UP times the speed of time, so that a backlog does not leave as one burst. */
static uint64_t horizon(struct simc__tsio_output *output, uint64_t now_ns)
{
    uint64_t elapsed_ns = now_ns - output->looked_ns;
    uint64_t most_ns = STEP_MOST_NS + slack_ns(output);
    if (elapsed_ns > most_ns)
        elapsed_ns = most_ns;
    uint64_t first_ns = time_of(output, 0);
    if (output->horizon_ns < first_ns)
        output->horizon_ns = first_ns;
    output->horizon_ns += CATCH_UP * elapsed_ns + BURST_NS;
    if (output->horizon_ns > now_ns)
        output->horizon_ns = now_ns;
    output->looked_ns = now_ns;
    return output->horizon_ns + slack_ns(output);
}

static size_t due_count(const struct simc__tsio_output *output, uint64_t until_ns)
{
    size_t count = 0;
    while (count < output->count && time_of(output, count) <= until_ns)
        count++;
    return count;
}

uint64_t simc__tsio_output_due(struct simc__tsio_output *output, uint64_t now_ns)
{
    if (output->is_freed || output->is_over)
        return UINT64_MAX;
    bool has_all = true;
    if (!output->is_open || output->is_closing)
        lose(output, output->settings.is_live ? due_count(output, now_ns) : 0);
    else if (output->count)
        has_all = send_some(output, due_count(output, horizon(output, now_ns)), now_ns);
    if (output->is_freed || output->is_over)
        return UINT64_MAX;
    if (output->slot_count - output->count >= output->slot_count / 2)
        simc__tsio_output_ready(output);
    if (!output->count && output->is_finishing)
        simc__tsio_output_ended(output);
    if (!output->count || output->is_over)
        return UINT64_MAX;
    uint64_t next_ns = wake_ns(output, time_of(output, 0));
    return !has_all || next_ns <= now_ns ? now_ns + WAIT_NS : next_ns;
}

static void finish(struct simc__tsio_output *output)
{
    if (output->fill) {
        output->short_count = output->fill;
        complete(output);
    }
    simc__tsio_arm(output->tsio, output->count ? wake_ns(output, time_of(output, 0)) : 1);
}

static uint64_t waiting(const struct simc__tsio_output *output)
{
    return ((uint64_t)output->count * output->address.packets + output->fill) * SIMC_TS_SIZE;
}

/* ---- opening and closing ---- */

/* Whether the kernel knows segments at all: setting none is allowed where it does. */
static bool has_gso(int fd)
{
    int none = 0;
    return setsockopt(fd, SOL_UDP, UDP_SEGMENT, &none, sizeof none) == 0;
}

static int open_udp(struct simc__tsio_output *output, char why[SIMC__TSIO_TEXT_SIZE])
{
    output->fd = simc__tsio_socket_out(&output->address, why);
    if (output->fd < 0)
        return SIMC_EIO;
    output->stats.has_gso = !output->is_gso_refused && has_gso(output->fd);
    /* Nobody is to guess them, says the norm; nobody is harmed who does. [RFC 3550 5.1] */
    if (!output->ssrc) {
        uint64_t seed = simc__clock_monotonic_ns();
        output->ssrc = (uint32_t)(seed * UINT64_C(0x9e3779b97f4a7c15) >> 32) | 1;
        output->sequence = (uint16_t)(seed >> 4);
    }
    return 0;
}

static void close_udp(struct simc__tsio_output *output)
{
    if (output->fd >= 0)
        close(output->fd);
    output->fd = -1;
    simc__tsio_output_closed(output);
}

const struct simc__tsio_output_kind simc__tsio_output_udp = {prepare, open_udp, close_udp,
                                                             put,     finish,   waiting};
