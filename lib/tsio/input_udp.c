/* SPDX-License-Identifier: BSL-1.0 */
/* The input over UDP and RTP: batches of datagrams, their kernel time stamps, their packets. The
 * table of kinds names it. */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sys/clock.h"
#include "tsio/internal.h"

enum {
    BATCHES = 4, /* in one turn of the loop, so that one input does not starve the others */
    CONTROL_SIZE = 64,
    LATE_MOST = 1024, /* datagrams that come so much behind their sequence are late ones */
    NS_PER_S = 1000000000,
    STAMP_MOST_NS = NS_PER_S,
    RTP_UDP_SIZE = 12,
};

struct batch {
    struct mmsghdr messages[SIMC__TSIO_RECEIVE_COUNT];
    struct iovec pieces[SIMC__TSIO_RECEIVE_COUNT];
    struct sockaddr_storage senders[SIMC__TSIO_RECEIVE_COUNT];
    _Alignas(struct cmsghdr) uint8_t control[SIMC__TSIO_RECEIVE_COUNT][CONTROL_SIZE];
};

static void prepare(struct simc__tsio_input *input, struct batch *batch)
{
    memset(batch->messages, 0, sizeof batch->messages);
    for (size_t i = 0; i < SIMC__TSIO_RECEIVE_COUNT; i++) {
        struct msghdr *message = &batch->messages[i].msg_hdr;
        batch->pieces[i].iov_base = input->tsio->received + i * SIMC__TSIO_RECEIVE_SIZE;
        batch->pieces[i].iov_len = SIMC__TSIO_RECEIVE_SIZE;
        message->msg_iov = &batch->pieces[i];
        message->msg_iovlen = 1;
        message->msg_control = batch->control[i];
        message->msg_controllen = CONTROL_SIZE;
        message->msg_name = &batch->senders[i];
        message->msg_namelen = sizeof batch->senders[i];
    }
}

static uint64_t realtime_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* How long before `wall_ns` a datagram came, by its time stamp; and how many the kernel dropped.
 * A step of the wall clock in between would show as a time in the future or long ago: such a stamp
 * is not used. */
static uint64_t read_control(struct simc__tsio_input *input, struct msghdr *message,
                             uint64_t wall_ns)
{
    uint64_t age_ns = 0;
    for (struct cmsghdr *each = CMSG_FIRSTHDR(message); each; each = CMSG_NXTHDR(message, each)) {
        if (each->cmsg_level != SOL_SOCKET)
            continue;
        if (each->cmsg_type == SO_TIMESTAMPNS) {
            struct timespec stamp;
            memcpy(&stamp, CMSG_DATA(each), sizeof stamp);
            uint64_t at_ns = (uint64_t)stamp.tv_sec * NS_PER_S + (uint64_t)stamp.tv_nsec;
            if (at_ns < wall_ns && wall_ns - at_ns < STAMP_MOST_NS)
                age_ns = wall_ns - at_ns;
        } else if (each->cmsg_type == SO_RXQ_OVFL) {
            uint32_t count;
            memcpy(&count, CMSG_DATA(each), sizeof count);
            input->stats.dropped_datagrams += (uint32_t)(count - input->drop_count);
            input->drop_count = count;
        }
    }
    return age_ns;
}

static bool is_from_source(const struct simc__tsio_input *input,
                           const struct sockaddr_storage *from)
{
    const struct sockaddr_storage *wanted = &input->source;
    if (!input->address.source[0])
        return true;
    if (from->ss_family != wanted->ss_family)
        return false;
    if (from->ss_family == AF_INET)
        return ((const struct sockaddr_in *)from)->sin_addr.s_addr ==
               ((const struct sockaddr_in *)wanted)->sin_addr.s_addr;
    return memcmp(&((const struct sockaddr_in6 *)from)->sin6_addr,
                  &((const struct sockaddr_in6 *)wanted)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static void count_sequence(struct simc__tsio_input *input, uint16_t sequence)
{
    uint16_t ahead = (uint16_t)(sequence - input->sequence);
    if (input->has_sequence && (uint16_t)-ahead <= LATE_MOST && ahead != 0) {
        input->stats.rtp_late++;
        return;
    }
    if (input->has_sequence)
        input->stats.rtp_lost += ahead;
    input->has_sequence = true;
    input->sequence = (uint16_t)(sequence + 1);
}

static bool is_packets(struct simc_slice bytes)
{
    if (bytes.size == 0 || bytes.size % SIMC_TS_SIZE)
        return false;
    for (size_t at = 0; at < bytes.size; at += SIMC_TS_SIZE) {
        if (bytes.data[at] != SIMC_TS_SYNC)
            return false;
    }
    return true;
}

/* RTP where it is expected, and where it obviously is. SIMC_EPROTO: not for us. */
static int unwrap(struct simc__tsio_input *input, struct simc_slice *bytes)
{
    struct simc__tsio_rtp rtp;
    bool is_wanted = input->address.kind == SIMC__TSIO_RTP;
    bool may_be = bytes->size > RTP_UDP_SIZE && bytes->data[0] >> 6 == 2 &&
                  (bytes->data[1] & 0x7f) == SIMC__TSIO_RTP_TYPE;
    if (!is_wanted && !may_be)
        return 0;
    if (simc__tsio_rtp_read(*bytes, &rtp))
        return is_wanted ? SIMC_EPROTO : 0;
    if (!is_wanted && !is_packets(rtp.payload))
        return 0;
    count_sequence(input, rtp.sequence);
    *bytes = rtp.payload;
    return 0;
}

static void give(struct simc__tsio_input *input, const struct simc_ts_run *run, uint64_t at_ns)
{
    size_t taken = simc__tsio_input_give(input, run, at_ns);
    input->stats.refused_packets += run->count - taken;
}

/* Almost every datagram holds whole packets and needs no search. The others - packets cut by
 * datagrams, 204 bytes each, garbage - go through the synchroniser. */
static void take_datagram(struct simc__tsio_input *input, struct simc_slice bytes, uint64_t at_ns)
{
    struct simc_ts_run run;
    input->stats.datagrams++;
    if (unwrap(input, &bytes)) {
        input->stats.skipped_bytes += bytes.size;
        input->stats.sync_losses++;
        return;
    }
    if (is_packets(bytes)) {
        run = (struct simc_ts_run){bytes.data, bytes.size / SIMC_TS_SIZE, SIMC_TS_SIZE, 0};
        give(input, &run, at_ns);
        return;
    }
    simc_ts_sync_feed(&input->sync, bytes);
    while (simc_ts_sync_next(&input->sync, &run) == 0)
        give(input, &run, at_ns);
}

static void take_batch(struct simc__tsio_input *input, struct batch *batch, unsigned count)
{
    uint64_t now_ns = simc__clock_monotonic_ns(), wall_ns = realtime_ns();
    for (unsigned i = 0; i < count && !input->is_freed && !input->is_closing; i++) {
        struct msghdr *message = &batch->messages[i].msg_hdr;
        uint64_t age_ns = read_control(input, message, wall_ns);
        size_t size = batch->messages[i].msg_len;
        if (!is_from_source(input, &batch->senders[i]))
            continue;
        if (message->msg_flags & MSG_TRUNC)
            input->stats.sync_losses++;
        take_datagram(input, simc_slice(batch->pieces[i].iov_base, size), now_ns - age_ns);
    }
}

static void readable(uv_poll_t *poll, int status, int events)
{
    struct simc__tsio_input *input = poll->data;
    struct batch batch;
    (void)events;
    for (unsigned i = 0; i < BATCHES && !input->is_closing; i++) {
        prepare(input, &batch);
        int count =
            recvmmsg(input->fd, batch.messages, SIMC__TSIO_RECEIVE_COUNT, MSG_DONTWAIT, NULL);
        if (count < 0) {
            if (errno != EAGAIN && errno != EINTR && errno != ECONNREFUSED)
                simc__tsio_input_trouble(input, "receiving at %s:%u failed: %s",
                                         input->address.host, (unsigned)input->address.port,
                                         strerror(errno));
            return;
        }
        take_batch(input, &batch, (unsigned)count);
        if (count < SIMC__TSIO_RECEIVE_COUNT)
            break;
    }
    if (status < 0 && !input->is_closing)
        simc__tsio_input_trouble(input, "receiving at %s:%u failed: %s", input->address.host,
                                 (unsigned)input->address.port, uv_strerror(status));
}

static int open_udp(struct simc__tsio_input *input, char why[SIMC__TSIO_TEXT_SIZE])
{
    input->fd = simc__tsio_socket_in(&input->address, &input->source, why);
    if (input->fd < 0)
        return SIMC_EIO;
    /* What was held belongs to another time. */
    input->stats.skipped_bytes += input->sync.skipped;
    input->stats.sync_losses += input->sync.losses;
    input->has_sequence = false;
    input->drop_count = 0;
    int error = simc_ts_sync_init(&input->sync, 0);
    if (!error && uv_poll_init(input->tsio->loop, &input->poll, input->fd) == 0) {
        input->has_poll = true;
        input->poll.data = input;
        error = uv_poll_start(&input->poll, UV_READABLE, readable) ? SIMC_EIO : 0;
    }
    return input->has_poll ? error : SIMC_EIO;
}

static void poll_closed(uv_handle_t *handle)
{
    struct simc__tsio_input *input = handle->data;
    input->has_poll = false;
    close(input->fd);
    input->fd = -1;
    simc__tsio_input_closed(input);
}

static void close_udp(struct simc__tsio_input *input)
{
    if (input->has_poll) {
        uv_close((uv_handle_t *)&input->poll, poll_closed);
        return;
    }
    if (input->fd >= 0)
        close(input->fd);
    input->fd = -1;
    simc__tsio_input_closed(input);
}

static void resume_udp(struct simc__tsio_input *input)
{
    (void)input;
}

const struct simc__tsio_input_kind simc__tsio_input_udp = {open_udp, close_udp, resume_udp};
