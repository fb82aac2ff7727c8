/* SPDX-License-Identifier: BSL-1.0 */
/* The test bed of the inputs and outputs of transport streams. The test_tsio_*.c files call it. */
#include "test_tsio_bed.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sys/clock.h"

enum { GIVE_UP_MS = 20000, TICK_MS = 5 };

static void tick(uv_timer_t *timer)
{
    (void)timer;
}

void ts_bed_init(struct ts_bed *bed)
{
    memset(bed, 0, sizeof *bed);
    ck_assert_int_eq(uv_loop_init(&bed->loop), 0);
    uv_timer_init(&bed->loop, &bed->tick);
    uv_timer_start(&bed->tick, tick, TICK_MS, TICK_MS);
    ck_assert_int_eq(simc__tsio_new(&bed->loop, &bed->tsio), 0);
    bed->give_up_ms = simc__clock_monotonic_ms() + GIVE_UP_MS;
}

static void remove_folder(const char *folder)
{
    DIR *list = opendir(folder);
    for (struct dirent *each; list && (each = readdir(list));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, each->d_name);
        unlink(path);
    }
    if (list)
        closedir(list);
    rmdir(folder);
}

void ts_bed_fini(struct ts_bed *bed)
{
    simc__tsio_free(bed->tsio);
    uv_close((uv_handle_t *)&bed->tick, NULL);
    uv_run(&bed->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&bed->loop), 0);
    if (bed->folder[0])
        remove_folder(bed->folder);
}

void ts_bed_turn(struct ts_bed *bed, const char *file, int line, const char *what)
{
    if (simc__clock_monotonic_ms() > bed->give_up_ms)
        ck_abort_msg("%s:%d: waited in vain for: %s", file, line, what);
    uv_run(&bed->loop, UV_RUN_ONCE);
}

void ts_bed_turns(struct ts_bed *bed, unsigned count)
{
    while (count--)
        uv_run(&bed->loop, UV_RUN_ONCE);
}

const char *ts_bed_path(struct ts_bed *bed, const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];
    if (!bed->folder[0]) {
        snprintf(bed->folder, sizeof bed->folder, "/tmp/simc-tsio-XXXXXX");
        ck_assert_ptr_nonnull(mkdtemp(bed->folder));
    }
    snprintf(path, sizeof paths[0], "%s/%s", bed->folder, name);
    return path;
}

void ts_bed_write(const char *path, struct simc_slice bytes)
{
    FILE *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(bytes.data, 1, bytes.size, file), bytes.size);
    ck_assert_int_eq(fclose(file), 0);
}

struct simc__tsio_address ts_bed_address(const char *text, unsigned directions)
{
    struct simc__tsio_address address;
    char why[SIMC__TSIO_TEXT_SIZE];
    if (simc__tsio_address_read(text, directions, &address, why))
        ck_abort_msg("%s: %s", text, why);
    return address;
}

/* ---- handlers ---- */

static size_t on_packets(void *context, const struct simc_ts_run *run, uint64_t arrival_ns)
{
    struct ts_bed_end *end = context;
    size_t count = run->count < end->room ? run->count : end->room;
    end->room -= count;
    for (size_t i = 0; i < count && end->count < TS_BED_PACKETS_MAX; i++, end->count++)
        memcpy(end->packets + end->count * SIMC_TS_SIZE, run->data + i * run->stride, SIMC_TS_SIZE);
    end->is_rising = end->is_rising && arrival_ns >= end->arrival_ns;
    end->arrival_ns = arrival_ns;
    return count;
}

static void on_event(void *context, const struct simc__tsio_event *event)
{
    struct ts_bed_end *end = context;
    if (end->event_count < TS_BED_EVENTS_MAX)
        end->events[end->event_count++] = event->type;
    if (event->text[0])
        snprintf(end->text, sizeof end->text, "%s", event->text);
}

static void on_ready(void *context)
{
    ((struct ts_bed_end *)context)->ready++;
}

static void on_gone(void *context)
{
    ((struct ts_bed_end *)context)->gone++;
}

void ts_bed_input(struct ts_bed *bed, struct ts_bed_end *end, const char *address,
                  struct simc__tsio_input_settings settings)
{
    struct simc__tsio_address read = ts_bed_address(address, SIMC__TSIO_INPUT);
    *end = (struct ts_bed_end){.bed = bed, .room = SIZE_MAX, .is_rising = true};
    end->packets = malloc((size_t)TS_BED_PACKETS_MAX * SIMC_TS_SIZE);
    ck_assert_ptr_nonnull(end->packets);
    settings.address = &read;
    settings.handlers = (struct simc__tsio_input_handlers){on_packets, on_event, on_gone};
    settings.context = end;
    ck_assert_int_eq(simc__tsio_input_new(bed->tsio, &settings, &end->input), 0);
}

void ts_bed_output(struct ts_bed *bed, struct ts_bed_end *end, const char *address,
                   struct simc__tsio_output_settings settings)
{
    struct simc__tsio_address read = ts_bed_address(address, SIMC__TSIO_OUTPUT);
    char why[SIMC__TSIO_TEXT_SIZE];
    *end = (struct ts_bed_end){.bed = bed};
    settings.address = &read;
    settings.handlers = (struct simc__tsio_output_handlers){on_event, on_ready, on_gone};
    settings.context = end;
    if (simc__tsio_output_new(bed->tsio, &settings, why, &end->output))
        ck_abort_msg("%s: %s", address, why);
}

void ts_bed_end_fini(struct ts_bed_end *end)
{
    simc__tsio_input_free(end->input);
    simc__tsio_output_free(end->output);
    ts_bed_until(end->bed, end->gone == 1);
    free(end->packets);
}

bool ts_bed_has(const struct ts_bed_end *end, enum simc__tsio_event_type type)
{
    for (size_t i = 0; i < end->event_count; i++) {
        if (end->events[i] == type)
            return true;
    }
    return false;
}

/* ---- packets and sockets ---- */

void ts_bed_packets(uint8_t *packets, size_t first, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t *packet = packets + i * SIMC_TS_SIZE;
        size_t number = first + i;
        memset(packet, (int)(number % 70), SIMC_TS_SIZE);
        packet[0] = SIMC_TS_SYNC;
        packet[1] = 0;
        packet[2] = 0x20;
        packet[3] = (uint8_t)(0x10 | (number & 0xf));
        packet[4] = (uint8_t)(number >> 16);
        packet[5] = (uint8_t)(number >> 8);
        packet[6] = (uint8_t)number;
    }
}

static socklen_t sockaddr_of(const char *host, uint16_t port, struct sockaddr_storage *address)
{
    memset(address, 0, sizeof *address);
    if (uv_ip4_addr(host, port, (struct sockaddr_in *)address) == 0)
        return sizeof(struct sockaddr_in);
    ck_assert_int_eq(uv_ip6_addr(host, port, (struct sockaddr_in6 *)address), 0);
    return sizeof(struct sockaddr_in6);
}

int ts_bed_receiver(const char *host, uint16_t *port)
{
    struct sockaddr_storage address;
    socklen_t size = sockaddr_of(host, *port, &address);
    int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK, 0), room = 8 << 20;
    ck_assert_int_ge(fd, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, size), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
    *port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                : ((struct sockaddr_in *)&address)->sin_port);
    return fd;
}

uint16_t ts_bed_free_port(void)
{
    uint16_t port = 0;
    close(ts_bed_receiver("127.0.0.1", &port));
    return port;
}

void ts_bed_with_port(char *text, size_t size, const char *pattern, uint16_t port)
{
    const char *at = strstr(pattern, "PORT");
    ck_assert_ptr_nonnull(at);
    snprintf(text, size, "%.*s%u%s", (int)(at - pattern), pattern, (unsigned)port,
             at + strlen("PORT"));
}

void ts_bed_send(const char *host, uint16_t port, struct simc_slice bytes)
{
    struct sockaddr_storage address;
    socklen_t size = sockaddr_of(host, port, &address);
    int fd = socket(address.ss_family, SOCK_DGRAM, 0), loopback = 1;
    ck_assert_int_ge(fd, 0);
    struct ip_mreqn interface = {.imr_ifindex = loopback};
    setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface);
    /* The loopback interface's own address has too small a scope to be chosen for a group. */
    struct sockaddr_storage from;
    if (address.ss_family == AF_INET) {
        socklen_t from_size = sockaddr_of("127.0.0.1", 0, &from);
        ck_assert_int_eq(bind(fd, (struct sockaddr *)&from, from_size), 0);
    }
    ssize_t sent = sendto(fd, bytes.data, bytes.size, 0, (struct sockaddr *)&address, size);
    ck_assert_int_eq(sent, (ssize_t)bytes.size);
    close(fd);
}
